import json
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab
from torch.utils.flop_counter import FlopCounterMode

from nct_core import TransferParams, transfer
from nct_core.benchmark import pictures, plain, plot, report, roofline, runs, stages
from nct_core.benchmark.difference import ciede2000
from nct_core.cli import main
from nct_core.features import weights
from nct_core.features.pyramid import FeaturePyramid
from nct_core.guidance import voting
from nct_core.matching import patchmatch
from nct_core.matching.consistency import Fields

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


def test_matches_are_as_good_as_those_of_the_plain_implementation(both_features):
    (ours, our_levels), (theirs, their_levels) = both_features
    for level in (4, 2):
        a, b = ours[level], theirs[level]
        start = plain.nnf.identity(tuple(a.shape[:2]), tuple(b.shape[:2]), a.device)
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


def test_ciede2000_is_that_of_scikit_image():
    one, other = np.random.default_rng(0).random((2, 40, 40, 3), np.float32)
    other[0] = one[0]
    one[1, :, 1:] = one[1, :, :1]  # grays, which have no hue
    expected = deltaE_ciede2000(rgb2lab(one), rgb2lab(other))
    np.testing.assert_allclose(ciede2000(one, other), expected, atol=0.02)


def test_made_pictures_are_the_same_everywhere_and_not_each_other():
    one, again, other = pictures.made(0, SIZE), pictures.made(0, SIZE), pictures.made(1, SIZE)
    assert one.shape == (SIZE[1], SIZE[0], 3) and one.dtype == np.uint8
    assert (one == again).all()
    assert np.abs(one.astype(int) - other).mean() > 30
    assert one.std(axis=(0, 1)).min() > 10


def test_the_clock_knows_the_stages_and_changes_nothing(pair):
    source, reference = pair
    expected = transfer(source, [reference], device="cpu").image
    clock = stages.StageClock(lambda: None)
    with clock.running():
        found = transfer(source, [reference], device="cpu").image
    np.testing.assert_array_equal(found, expected)
    assert {"network", "matching", "voting", "nonlocal ties", "fit", "upsampling", "application"} <= set(clock.seconds) <= set(stages.STAGES.values())
    assert all(seconds > 0 for seconds in clock.seconds.values())


def test_the_operations_of_the_network_are_counted_right(network):
    backbone, tensors = network
    pyramid = FeaturePyramid(tensors, backbone, torch.device("cpu"))
    for level in (1, 3, 5):
        with FlopCounterMode(display=False) as counter:
            pyramid(torch.zeros(64, 96, 3), [level])
        assert roofline._network(64 * 96, level, backbone)[1] == counter.get_total_flops()


def test_bounds_hold_on_a_device_that_was_measured():
    found = roofline.table(torch.device("cpu"), (100, 140), [(90, 120)], {"network": 1.0}, "VGG-16")
    assert found["bytes_per_second"] > 0 and found["flops_per_second"] > 0
    assert {row["stage"] for row in found["stages"]} <= set(stages.STAGES.values())
    for row in found["stages"]:
        assert row["least_seconds"] == pytest.approx(max(row["bytes"] / found["bytes_per_second"], row["flops"] / found["flops_per_second"]))
    two, one = roofline.work((100, 140), [(90, 120)] * 2, "VGG-16"), roofline.work((100, 140), [(90, 120)], "VGG-16")
    assert two["matching"][0] == 2 * one["matching"][0] and two["fit"] == one["fit"]


# -- the command


def test_a_whole_benchmark(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "QUICK", runs.Plan((96, 72), (1,), ((80, 64), (96, 64)), (((80, 64), ".png", 1),), 1))
    assert main.main(["bench", "--quick", "--device", "cpu", "--output", str(tmp_path / "new")]) == 0
    results = json.loads((tmp_path / "new" / "results.json").read_text(encoding="utf-8"))
    kinds = [entry["kind"] for entry in results["measurements"]]
    assert kinds == ["transfer", "transfer as published", "plain", "difference", "transfer", "transfer", "command .png", "worker"]
    assert results["machine"]["cores"] >= 1 and results["machine"]["versions"]["torch"] == torch.__version__
    one, two = results["measurements"][0], results["measurements"][2]
    assert one["seconds_min"] <= one["seconds"] <= one["seconds_max"] and one["cpu_seconds"] > 0
    assert one["stages"]["matching"] > 0 and two["stages"]["matching"] > 0
    assert all(entry["peak_memory_mib"] > 100 for entry in results["measurements"] if entry["kind"] in ("transfer", "plain", "command .png"))
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
    assert main.main(["bench", "--quick", *arguments]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("nct: error:") and words in lines[-1]


def measurement(kind, size, device="cpu", references=1, **found):
    return {"kind": kind, "width": size[0], "height": size[1], "device": device, "references": references, "runs": 3, **found}


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
    machine = {"date": "today", "cpu": "a < b", "cores": 2, "memory_gib": 8.0, "load_before": 0.0, "system": "Linux", "backbone": "VGG-16"}
    machine |= {"devices": {"cpu": "CPU", "cuda:0": "a GPU"}, "versions": {"torch": "2", "cuda": None}}
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
        ],
    }  # fmt: skip


def test_the_table_states_ratios_failures_and_bounds(results):
    table = report.table(results)
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]] for line in table.splitlines() if line.startswith("|")}
    assert rows["cpu, 1 reference"][3:5] == ["16.0", "1.00"]
    assert rows["cpu, 3 references, 2 used"][3:5] == ["", "2.00"]
    assert rows["cuda:0, 1 reference"][3:5] == ["160.0", "1.00"]
    assert "Failed: transfer, 700 x 500, cuda:0, 3 references: out of memory" in table
    assert "1000 GB/s and 10.0 TFLOP/s" in table


def test_the_plot_shows_every_device(results):
    root = ElementTree.fromstring(plot.scaling(results))
    lines = [element for element in root.iter() if element.tag.endswith("polyline")]
    points = [len(line.get("points").split()) for line in lines]
    assert sorted(points) == [1, 1, 1, 1, 1, 1, 2, 2]  # the CPU by size, on two kinds of axes; both devices by references
    words = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "cuda:0: a GPU" in words and any("a < b" in text for text in words)
