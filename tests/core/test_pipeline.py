import numpy as np
import pytest
import torch
from pictures import landscape
from skimage.color import deltaE_ciede2000, rgb2lab

from nct_core import Cancelled, DeviceError, InputError, TransferParams, transfer
from nct_core.pixels.working import prepare, working_shape
from nct_core.runtime import backend

SMALL = TransferParams(working_size=128, patchmatch_iterations=4)


@pytest.fixture(scope="module")
def pair():
    return landscape(1), landscape(2, (120, 110), sky=(0.95, 0.6, 0.4), ground=(0.25, 0.2, 0.35), horizon=0.45)


@pytest.fixture(scope="module")
def result(pair):
    return transfer(pair[0], [pair[1]], SMALL)


def test_each_part_takes_the_color_of_its_counterpart(pair, result):
    source, reference = pair
    for rows, to_rows in ((slice(4, 40), slice(4, 45)), (slice(56, 92), slice(65, 116))):
        found, wanted, before = (rgb2lab(np.clip(image, 0, 1)[r].mean((0, 1))) for image, r in ((result.image, rows), (reference, to_rows), (source, rows)))
        assert deltaE_ciede2000(found, wanted) < 4 < 15 < deltaE_ciede2000(before, wanted)


def test_what_comes_back(pair, result):
    source, reference = pair
    assert result.image.shape == source.shape and result.image.dtype == np.float32 and np.isfinite(result.image).all()
    assert result.confidence.shape == source.shape[:2] and result.confidence.dtype == np.float32
    assert result.confidence.min() > 0 and result.confidence.max() <= 1
    matches = result.correspondences
    assert matches.shape == (*source.shape[:2], 2) and matches.dtype == np.float32
    assert matches.min() >= 0 and (matches.max((0, 1)) <= np.array(reference.shape[:2]) - 1).all()
    assert not result.labels.any() and result.labels.shape == source.shape[:2] and result.shares == [1.0]
    assert result.backbone in ("VGG-16", "VGG-19") and result.device == "CPU"
    np.testing.assert_array_equal(result.transform.apply(source), result.image)


@pytest.mark.parametrize(("chroma", "contrast", "code"), [(0.0, 1.0, "gray_reference"), (1.0, 0.02, "flat_reference"), (1.0, 1.0, None)])
def test_what_the_user_should_know_about_the_reference(pair, chroma, contrast, code):
    source, reference = pair
    gray = reference.mean(-1, keepdims=True)
    reference = (0.5 + contrast * (gray + chroma * (reference - gray) - 0.5)).astype(np.float32)
    params = TransferParams(working_size=64, patchmatch_iterations=1)
    notes = transfer(source, [reference], params).notes
    assert [note.code for note in notes] == ([code] if code else [])
    assert transfer(source, [reference], TransferParams(working_size=64, patchmatch_iterations=1, match_drift=100.0)).notes == ()


def test_another_size_of_the_source_is_recolored_in_its_stead(pair, result):
    source, reference = pair
    small = np.concatenate([source[::2, ::2], np.full((*source[::2, ::2].shape[:2], 1), 0.5, np.float32)], axis=2)
    shown = transfer(source, [reference], SMALL, onto=small)
    assert shown.image.shape == small.shape and shown.labels.shape == shown.confidence.shape == small.shape[:2]
    np.testing.assert_array_equal(shown.image, result.transform.apply(small))
    np.testing.assert_array_equal(shown.transform.coefficients, result.transform.coefficients)
    whole = shown.sized(source.shape[:2])
    np.testing.assert_array_equal(whole.confidence, result.confidence)
    np.testing.assert_array_equal(whole.correspondences, result.correspondences)
    assert not whole.image.any()


def test_matches_stay_within_their_kind(result):
    rows = result.correspondences[..., 0]
    assert np.median(rows[:40]) < 54 < np.median(rows[56:])


def test_the_same_input_gives_the_same_bits(pair, result):
    np.testing.assert_array_equal(transfer(pair[0], [pair[1]], SMALL).image, result.image)


@pytest.mark.slow
def test_the_generic_path_agrees_with_the_compiled_kernels(pair, monkeypatch):
    """The torch path of other devices, run on the CPU in place of the compiled one."""
    from nct_core.guidance.voting import kernels_cpu as voting_cpu
    from nct_core.guidance.voting import kernels_torch as voting_torch
    from nct_core.matching.patchmatch import kernels_cpu as patchmatch_cpu
    from nct_core.matching.patchmatch import kernels_torch as patchmatch_torch
    from nct_core.solver import kernels_torch as multigrid_torch
    from nct_core.solver import quads

    small = TransferParams(working_size=64, patchmatch_iterations=2)
    compiled = transfer(pair[0], [pair[1]], small).image
    monkeypatch.setattr(patchmatch_cpu, "patchmatch", patchmatch_torch.patchmatch)
    monkeypatch.setattr(voting_cpu, "vote", voting_torch.vote)
    monkeypatch.setattr(quads, "kernels_for", lambda *_: multigrid_torch)
    generic = transfer(pair[0], [pair[1]], small).image
    assert deltaE_ciede2000(rgb2lab(np.clip(generic, 0, 1)), rgb2lab(np.clip(compiled, 0, 1))).mean() < 0.5


@pytest.mark.slow
def test_strength_and_channels(pair):
    source, reference = pair
    np.testing.assert_array_equal(transfer(source, [reference], TransferParams(working_size=96, strength=0.0)).image, source)
    gray = source.mean(-1, keepdims=True)
    with_alpha = np.concatenate([source, np.full((*source.shape[:2], 1), 0.5, np.float32)], -1)
    for image in (gray, with_alpha):
        out = transfer(image, [reference], SMALL).image
        assert out.shape == image.shape and np.abs(out[..., 0] - image[..., 0]).mean() > 0.01
    np.testing.assert_array_equal(out[..., 3], with_alpha[..., 3])


@pytest.mark.slow
def test_transparent_pixels_neither_match_nor_vote(pair):
    source, reference = pair
    masked = np.concatenate([reference, np.ones((*reference.shape[:2], 1), np.float32)], -1)
    masked[:30, :, 3] = 0
    masked[:30, :, :3] = (0.0, 1.0, 0.0)
    other = masked.copy()
    other[:30, :, :3] = (1.0, 0.0, 1.0)
    first, second = (transfer(source, [image], SMALL) for image in (masked, other))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.correspondences[..., 0].min() >= 30 - 120 / 7  # the cells of the coarsest level that the border crosses are shared


@pytest.mark.slow
def test_sizes_do_not_have_to_fit(pair):
    for shape in ((16, 16), (2, 300), (400, 90)):
        assert transfer(landscape(3, shape), [pair[1]], TransferParams(working_size=96)).image.shape == (*shape, 3)
    assert working_shape((2, 2000), 700) == (64, 700) and working_shape((6000, 4000), 700) == (700, 467)


def test_progress_never_falls_and_cancel_stops(pair):
    fractions, stages = [], []
    transfer(pair[0], [pair[1]], TransferParams(working_size=64), progress=lambda fraction, stage: (fractions.append(fraction), stages.append(stage)))
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert "Matching, level 3 of 5" in stages
    calls = []
    with pytest.raises(Cancelled):
        transfer(pair[0], [pair[1]], SMALL, cancel=lambda: bool(calls.append(1)) or len(calls) > 4)
    assert len(calls) == 5


def test_wrong_input_is_named(pair):
    source, reference = pair
    broken = reference.copy()
    broken[3, 4] = np.nan
    clear = np.concatenate([reference, np.zeros((*reference.shape[:2], 1), np.float32)], -1)
    cases = [
        (source, [], "expected a reference image, got none"),
        (source, [source.copy()], "reference: expected a picture that differs from the source, got the same pixels"),
        (source, [reference, source.copy()], "reference 2: expected a picture that differs from the source, got the same pixels"),
        (source, [reference, reference, clear], "reference 3: expected at least one pixel that is not fully transparent"),
        (source, [broken], "reference: expected finite values, got 3 that are NaN or infinite"),
        (source, [clear], "reference: expected at least one pixel that is not fully transparent"),
        (source[:1], [reference], "source: expected at least 2 pixels a side, .* got 128x1"),
        (source.astype(np.float64), [reference], r"source: expected a float32 array .* got float64 \[96, 128, 3\]"),
        (np.zeros((4, 30001, 1), np.float32), [reference], "source: expected at most 30000 pixels a side .* got 30001x4"),
        (source * 255, [reference], "source: expected sRGB values of nominal range 0 to 1, got up to .*; divide 8-bit values by 255"),
        (np.where(source < 0.1, np.float32(-1e20), source), [reference], r"source: .* nominal range 0 to 1, got down to -1e\+20; correct or clip"),
        (source, [reference - 65], "reference: expected sRGB values of nominal range 0 to 1, got down to -6"),
        ("source.png", [reference], "source: expected a float32 array .* got str"),
    ]
    for image, references, message in cases:
        with pytest.raises(InputError, match=message):
            transfer(image, references, SMALL)
    with pytest.raises(InputError, match=r"^sea\.png: expected at least one pixel"):
        transfer(source, [reference, clear], SMALL, names=["sky.png", "hill.png", "sea.png"])
    for names in (["sky.png", "hill.png"], ["sky.png"], [], ["sky.png", "hill.png", "sea.png", "one.png"]):
        with pytest.raises(InputError, match=f"expected 3 names, of the source and of every reference, got {len(names)}"):
            transfer(source, [reference, broken], SMALL, names=names)


def test_devices_by_name():
    assert backend.candidates("cpu") == ["cpu"] and backend.start("cpu") is backend.CPU and backend.CPU.name == "CPU"
    with pytest.raises(DeviceError, match=r"expected one of the devices .* got 'quantum'"):
        backend.candidates("quantum")
    with pytest.raises(DeviceError, match="got 'cuda:99'"):
        backend.candidates("cuda:99")


def test_transparent_parts_are_filled_from_around():
    image = np.zeros((70, 70, 4), np.float32)
    image[:, :, :3], image[..., 3] = (0.2, 0.4, 0.6), 1
    image[20:50, 20:50] = (1, 0, 0, 0)
    work = prepare(image, 700, torch.device("cpu"))
    assert not work.valid[25:45, 25:45].any() and work.valid[:18].all()
    np.testing.assert_allclose(work.rgb.numpy(), np.broadcast_to(np.float32([0.2, 0.4, 0.6]), (70, 70, 3)), atol=1e-5)
