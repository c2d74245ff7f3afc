"""Many sources and the same references: every result is that of a transfer by itself."""

from __future__ import annotations

import numpy as np
import pytest
from pictures import landscape

from nct_core import Cancelled, InputError, Session, TransferParams, transfer
from nct_core.features.installed import forget_pictures
from nct_core.features.pyramid import FeaturePyramid

SMALL = TransferParams(working_size=64, patchmatch_iterations=1)


@pytest.fixture(scope="module")
def references() -> list[np.ndarray]:
    return [landscape(2, (70, 100), sky=(0.9, 0.5, 0.3)), landscape(3, (90, 80), ground=(0.6, 0.2, 0.2), horizon=0.3)]


@pytest.fixture(scope="module")
def sources() -> list[np.ndarray]:
    """The second is the mirror image of a reference with a slope, so that this reference is used mirrored."""
    slope = landscape(2, (70, 100), sky=(0.5, 0.6, 0.9))[:, ::-1] * np.linspace(0.5, 1, 100, dtype=np.float32)[:, None]
    return [landscape(4), np.ascontiguousarray(slope), landscape(5, (128, 96))]


@pytest.mark.slow
@pytest.mark.parametrize("params", [SMALL, TransferParams(working_size=64, patchmatch_iterations=1, match_drift=100.0)], ids=["default", "as published"])
def test_every_result_is_that_of_a_single_transfer(params: TransferParams, references: list[np.ndarray], sources: list[np.ndarray]) -> None:
    session = Session(references, params, device="cpu")
    for source in [*sources, sources[0]]:
        found, expected = session.transfer(source), transfer(source, references, params, device="cpu")
        np.testing.assert_array_equal(found.image, expected.image)
        np.testing.assert_array_equal(found.labels, expected.labels)


def test_the_network_sees_the_references_once(references: list[np.ndarray], sources: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    forget_pictures()
    passes, run = [], FeaturePyramid.__call__
    monkeypatch.setattr(FeaturePyramid, "__call__", lambda self, *args, **named: passes.append(1) or run(self, *args, **named))
    session, counts = Session(references[:1], SMALL, device="cpu"), []
    for source in (sources[0], sources[2]):
        passes.clear()
        session.transfer(source)
        counts.append(len(passes))
    assert counts[1] == counts[0] - 3  # the reference, and at half its size as it is and mirrored


def test_a_session_goes_on_after_an_error(references: list[np.ndarray], sources: list[np.ndarray]) -> None:
    session = Session(references[:1], SMALL, device="cpu", names=["sunset.jpg"])
    with pytest.raises(InputError, match=r"^beach\.jpg: expected finite values"):
        session.transfer(np.full((40, 50, 3), np.nan, np.float32), name="beach.jpg")
    with pytest.raises(InputError, match=r"^sunset\.jpg: "):
        session.transfer(references[0])
    with pytest.raises(Cancelled):
        session.transfer(sources[0], cancel=lambda: True)
    np.testing.assert_array_equal(session.transfer(sources[0]).image, transfer(sources[0], references[:1], SMALL, device="cpu").image)


def test_references_are_checked_at_once() -> None:
    with pytest.raises(InputError, match="expected a reference image, got none"):
        Session([])
    with pytest.raises(InputError, match="reference 2: expected a float32 array"):
        Session([landscape(1), np.zeros((4, 4, 3))])
    with pytest.raises(InputError, match="expected 1 names, one for every reference, got 2"):
        Session([landscape(1)], names=["a", "b"])
