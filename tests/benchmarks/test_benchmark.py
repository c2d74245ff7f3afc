import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from nct_bench import case, command, machine, pictures, plain, plot, report, roofline, runs, stages
from nct_bench.case import ciede2000
from PIL import Image
from skimage.color import lab2rgb
from torch.utils.flop_counter import FlopCounterMode

from nct_core import TransferParams, transfer
from nct_core.features import weights
from nct_core.features.pyramid import FeaturePyramid
from nct_core.guidance import voting
from nct_core.matching import patchmatch
from nct_core.matching.consistency import Fields
from nct_core.matching.field import identity_field

SIZE = (144, 96)


@pytest.fixture(scope="module")
def pair():
    return [pictures.made(number, SIZE).astype(np.float32) / 255 for number in (0, 1)]


@pytest.fixture(scope="module")
def network():
    file = weights.find()
    return file.backbone, weights.load(file)


@pytest.fixture(scope="module")
def both_features(pair, network):
    backbone, tensors = network
    pyramid = FeaturePyramid(tensors, backbone, torch.device("cpu"))
    return [(plain.features(torch.from_numpy(image), tensors, 5), pyramid(torch.from_numpy(image), range(1, 6))) for image in pair]


# -- the plain implementation and the library


@pytest.mark.slow
def test_the_library_agrees_with_the_plain_implementation(pair, network):
    """As published what is ours is the contrast term; the default is another method, whose result is still of that kind."""
    source, reference = pair
    expected = plain.transfer(source, reference, network[1], TransferParams())
    assert ciede2000(expected, source).mean() > 15
    found = transfer(source, [reference], TransferParams.from_mapping(runs.AS_PUBLISHED), device="cpu").image
    assert ciede2000(expected, found).mean() < 1.5
    assert ciede2000(expected, transfer(source, [reference], device="cpu").image).mean() < ciede2000(expected, source).mean() / 4


def test_features_agree(both_features):
    for plain_levels, levels in both_features:
        for level in range(1, 6):
            assert plain_levels[level].shape == levels[level].shape
            assert torch.cosine_similarity(plain_levels[level], levels[level].float(), dim=-1).mean() > 0.999


@pytest.mark.slow
def test_matches_are_as_good_as_those_of_the_plain_implementation(both_features):
    (ours, our_levels), (theirs, their_levels) = both_features
    for level in (4, 2):
        a, b = ours[level], theirs[level]
        start = identity_field(tuple(a.shape[:2]), tuple(b.shape[:2]), a.device)
        here = torch.stack(torch.meshgrid(*map(torch.arange, a.shape[:2]), indexing="ij"), -1)
        score = plain._Similarity(a, b, here)
        expected = plain.patchmatch(a, b, start, 8, 10, torch.Generator().manual_seed(0))
        features = our_levels[level], their_levels[level]
        found = patchmatch.patchmatch(*features, start, torch.ones(b.shape[:2], dtype=torch.bool), search=patchmatch.Search((8, 4, 2, 1), 10**6, 10), seed=0)
        before, best, reached = (score(field.long()).mean() for field in (start, expected, found))
        assert reached > best - 0.1 * (best - before)


def test_votes_agree(both_features):
    features = [levels[3] for _, levels in both_features]
    a, b = (torch.nn.functional.normalize(level.float(), dim=-1) for level in features)
    random = np.random.default_rng(0)
    to_colors = random.random((*b.shape[:2], 3), np.float32)
    grid, to_grid = a.shape[:2], b.shape[:2]
    forward = torch.from_numpy(np.stack([random.integers(0, n, grid) for n in to_grid], -1)).int()
    backward = torch.from_numpy(np.stack([random.integers(0, n, to_grid) for n in grid], -1)).int()
    colors, confidence = plain.vote(a.numpy(), b.numpy(), to_colors, forward, backward, 2.0)
    valid = [torch.ones(x.shape[:2], dtype=torch.bool) for x in (a, b)]
    no_colors = torch.zeros(*grid, 3)
    found = voting.vote(*features, no_colors, torch.from_numpy(to_colors), Fields(forward, backward), *valid, bds_weight=2.0)
    np.testing.assert_allclose(found.colors, colors, atol=2e-5)
    np.testing.assert_allclose(found.confidence(), confidence, atol=5e-4)  # whole-number features are rounded


# -- measuring


def test_the_difference_of_results_is_in_ciede2000_as_a_screen_shows_them(tmp_path):
    """The pair is the 25th of Sharma, Wu and Dalal (2005): CIEDE2000 1.2644. Beside it stand colors that no screen shows, which differ beyond white only."""
    one, other = (np.ones((3, 6, 3), np.float32) * factor for factor in (1.0, 1.5))
    for image, color in ((one, (60.2574, -34.0099, 36.2677)), (other, (60.4626, -34.1751, 39.4387))):
        image[:, :3] = lab2rgb(np.array(color))
    for name, image in (("one", one), ("other", other)):
        np.save(tmp_path / f"{name}.npy", image)
    found = case.main({"kind": "difference", "one": str(tmp_path / "one.npy"), "other": str(tmp_path / "other.npy")})
    assert found == pytest.approx({"mean": 1.2644 / 2, "median": 1.2644 / 2, "percentile_95": 1.2644}, abs=2e-3)


def test_made_pictures_are_the_same_everywhere_and_not_each_other():
    one, again, other = pictures.made(0, SIZE), pictures.made(0, SIZE), pictures.made(1, SIZE)
    assert one.shape == (SIZE[1], SIZE[0], 3) and one.dtype == np.uint8
    assert (one == again).all()
    assert np.abs(one.astype(int) - other).mean() > 30
    assert one.std(axis=(0, 1)).min() > 10


@pytest.mark.slow
def test_the_clock_knows_the_stages_and_changes_nothing(pair):
    source, reference = pair
    expected = transfer(source, [reference], device="cpu").image
    clock = stages.StageClock(lambda: None)
    with clock.running():
        found = transfer(source, [reference], device="cpu").image
    np.testing.assert_array_equal(found, expected)
    assert {"network", "matching", "voting", "nonlocal ties", "fit", "upsampling", "application"} <= set(clock.seconds) <= set(stages.STAGES.values())


def test_the_operations_of_the_network_are_counted_right(network):
    backbone, tensors = network
    pyramid = FeaturePyramid(tensors, backbone, torch.device("cpu"), exact=True)
    for level in (1, 3, 5):
        with FlopCounterMode(display=False) as counter:
            pyramid(torch.zeros(64, 96, 3), [level])
        assert roofline._network(64 * 96, level, backbone)[1] == counter.get_total_flops()


def test_bounds_are_what_bandwidth_and_arithmetic_allow(monkeypatch):
    monkeypatch.setattr(roofline, "_bandwidth", lambda device: 1e9)
    monkeypatch.setattr(roofline, "_arithmetic", lambda device: 1e12)
    monkeypatch.setattr(roofline, "work", lambda *_: {"matching": (4e9, 1e12), "network": (1e9, 6e12)})
    rows = roofline.table(torch.device("cpu"), (100, 140), [(90, 120)], {"network": 7.0}, "VGG-16")["stages"]
    assert [(row["stage"], row["least_seconds"], row["seconds"]) for row in rows] == [("matching", 4.0, 0.0), ("network", 6.0, 7.0)]


def test_the_work_grows_with_what_it_depends_on():
    one, two, large = (roofline.work(size, [(90, 120)] * count, "VGG-16") for size, count in (((100, 140), 1), ((100, 140), 2), ((200, 280), 1)))
    assert set(one) <= set(stages.STAGES.values())
    assert two["matching"][0] == 2 * one["matching"][0] and two["fit"] == one["fit"] and two["network"][1] > one["network"][1]
    assert large["application"] == tuple(4 * amount for amount in one["application"])


@pytest.mark.slow
def test_a_process_can_be_held_to_avx2():
    program = "import numba, torch; print(torch.backends.cpu.get_cpu_capability(), numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[1:])"
    told = [
        subprocess.run([sys.executable, "-c", program], env={**os.environ, **limits}, capture_output=True, text=True, check=True, timeout=120).stdout
        for limits in (machine.AVX2_ONLY, {})
    ]
    if "AVX2" in machine.instructions():
        assert told[0].split(maxsplit=1) == ["AVX2", "('haswell', '')\n"]
    assert told[0] != told[1]


# -- the command


@pytest.mark.slow
def test_a_whole_benchmark(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "QUICK", runs.Plan((96, 72), (1,), ((80, 64), (96, 64)), (((80, 64), ".png", 1),), 1))
    assert command.main(["--quick", "--device", "cpu", "--output", str(tmp_path / "new")]) == 0
    results = json.loads((tmp_path / "new" / "results.json").read_text(encoding="utf-8"))
    entries = [entry for entry in results["measurements"] if not entry["avx2_only"]]
    kinds = [entry["kind"] for entry in entries]
    assert kinds == ["transfer", "transfer as published", "plain", "difference", "transfer", "transfer", "command .png", "worker"]
    assert results["machine"]["cores"] >= 1 and results["machine"]["versions"]["torch"] == torch.__version__
    one, two = entries[0], entries[2]
    assert one["seconds_min"] <= one["seconds"] <= one["seconds_max"]
    assert {"matching", "voting", "fit"} <= set(one["stages"]) & set(two["stages"])
    assert all(100 < entry["peak_memory_mib"] < 2000 for entry in entries if entry["kind"] in ("transfer", "plain", "command .png"))
    table = (tmp_path / "new" / "table.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == table.strip()
    assert "96 x 72" in table and "worker, from start to hello" in table
    assert ElementTree.parse(tmp_path / "new" / "scaling.svg").getroot().tag.endswith("svg")


def test_photographs_are_scaled(tmp_path):
    Image.fromarray(np.full((30, 40), 200, np.uint8)).save(tmp_path / "gray.png")
    scaled = pictures.photograph(tmp_path / "gray.png", (20, 10))
    assert scaled.shape == (10, 20, 3) and (scaled == 200).all()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["one.png"], "at least one reference"),
        (["missing.png", "also.png"], "missing.png"),
        (["--device", "cuda:7"], "cuda:7"),
        (["--output", "no/such/folder"], "folder"),
    ],
)
def test_wrong_input_is_named(arguments, words, capsys):
    assert command.main(["--quick", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("bench.py: error:") and words in lines[-1]


def test_avx2_only_is_measured_beside_the_rest(monkeypatch):
    """On every processor that has more; here the measuring processes are played."""
    asked = []

    def answer(request, environment):
        asked.append((request["kind"], environment.get("NUMBA_CPU_NAME")))
        return {"devices": {"cpu": "CPU"}, "instructions": ["AVX2", "AMX"], "seconds": 1.0, "mean": 1.0}

    monkeypatch.setattr(runs, "_ask", answer)
    monkeypatch.setattr(runs.programs, "command", lambda *_: {"seconds": 1.0})
    monkeypatch.setattr(runs.programs, "worker", lambda *_: {"seconds": 1.0})
    monkeypatch.setattr(runs, "QUICK", runs.Plan((96, 72), (1, 2), (), (), 1))
    beside = runs.run(quick=True)["measurements"]
    assert [(entry["kind"], entry["references"]) for entry in beside if entry["avx2_only"]] == [("transfer", 1), ("plain", 1)]
    assert {limit for _, limit in asked} == {None, "haswell"}
    asked.clear()
    assert all(entry["avx2_only"] for entry in runs.run(quick=True, avx2_only=True)["measurements"])
    assert {limit for _, limit in asked} == {"haswell"}


def measurement(kind, size, device="cpu", references=1, avx2_only=False, **found):
    asked = {"kind": kind, "width": size[0], "height": size[1], "device": device, "avx2_only": avx2_only, "references": references, "runs": 3}
    return {**asked, **found}


def measured(seconds, **more):
    return {
        "seconds": seconds,
        "seconds_min": seconds,
        "seconds_max": seconds,
        "cpu_seconds": seconds,
        "shares": [1.0],
        "peak_memory_mib": 1024.0,
        "stages": {"fit": 0.1},
        **more,
    }


@pytest.fixture
def results():
    machine = {
        "date": "today",
        "cpu": "a < b",
        "instructions": ["AVX2", "AMX"],
        "cores": 2,
        "memory_gib": 8.0,
        "load_before": 0.0,
        "system": "Linux",
        "backbone": "VGG-16",
    }
    machine |= {"instructions": ["AVX2", "AMX"], "devices": {"cpu": "CPU", "cuda:0": "a GPU"}, "versions": {"torch": "2", "cuda": None}}
    bounds = {
        "bytes_per_second": 1e12,
        "flops_per_second": 1e13,
        "stages": [{"stage": "fit", "bytes": 1e9, "flops": 1e9, "least_seconds": 1e-3, "seconds": 0.1}],
    }
    gpu = measured(0.5, peak_device_memory_mib=2048.0, roofline=bounds)
    return {
        "machine": machine, "pictures": "made", "plan": "full", "minutes": 1.0, "measurements": [
            measurement("transfer", (700, 500), **measured(5.0)), measurement("transfer", (700, 500), references=3, **measured(10.0, shares=[0.7, 0.3, 0.0])),
            measurement("transfer", (700, 500), "cuda:0", **gpu), measurement("transfer", (700, 500), "cuda:0", 3, error="out of memory"),
            measurement("plain", (700, 500), **measured(80.0)), measurement("transfer", (256, 171), **measured(1.0)),
            measurement("transfer", (700, 500), avx2_only=True, **measured(20.0)), measurement("plain", (700, 500), avx2_only=True, **measured(100.0)),
        ],
    }  # fmt: skip


def test_the_table_states_ratios_failures_and_bounds(results):
    table = report.table(results)
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in table.splitlines() if line.startswith("|")}
    assert rows["cpu, 1 reference"][3:5] == ["16.0", "1.00"]
    assert rows["cpu, 3 references, 2 used"][3:5] == ["", "2.00"]
    assert rows["cuda:0, 1 reference"][3:5] == ["160.0", "1.00"]
    assert rows["cpu, AVX2 only, 1 reference"][3:5] == ["5.0", "1.00"]
    assert rows["plain implementation, cpu, AVX2 only"][0] == "100.00"
    assert "a < b (AVX2, AMX), 2 cores" in table
    assert "Failed: transfer, 700 x 500, cuda:0, 3 references: out of memory" in table
    assert "1000 GB/s and 10.0 TFLOP/s" in table


def test_the_plot_shows_every_device(results):
    drawn = [{line.get_label(): len(line.get_xdata()) for line in axes.get_lines()} for axes in plot.figure(results).axes]
    assert drawn == [{"cpu": 1}, {"cpu": 1}] * 2 + [{"cpu": 2, "cuda:0": 1, "cpu, AVX2 only": 1}, {"cpu": 2, "cuda:0": 1, "cpu, AVX2 only": 1}]
    text = plot.scaling(results)
    words = [element.text for element in ElementTree.fromstring(text).iter() if element.tag.endswith("text")]
    assert "cuda:0: a GPU" in words and any("a < b" in (text or "") for text in words)
    assert plot.scaling(results) == text
