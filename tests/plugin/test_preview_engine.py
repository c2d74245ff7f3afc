from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blobs

from nct_core.files.color_space import to_srgb

PATIENCE_SECONDS = 120
SIZE, LARGE_SIZE = (120, 160), (240, 320)


class Watched:
    """An engine, and what it told."""

    def __init__(self, settings: Any) -> None:
        import preview_engine

        self.settings = settings
        self.told: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.stages: list[str] = []
        self.engine = preview_engine.PreviewEngine(
            settings,
            lambda hello: self.told.put(("ready", hello)),
            lambda fraction, stage: self.stages.append(stage),
            lambda *result: self.told.put(("done", *result)),
            lambda error: self.told.put(("failed", error)),
        )

    def wait_for_stage(self) -> None:
        """Waits until the transfer that comes next is under way."""
        self.stages.clear()
        until = time.monotonic() + PATIENCE_SECONDS
        while not any("level" in stage for stage in self.stages):
            assert time.monotonic() < until
            time.sleep(0.01)

    def next(self) -> tuple[Any, ...]:
        return self.told.get(timeout=PATIENCE_SECONDS)


@pytest.fixture
def watched(installed: Path) -> Iterator[Watched]:
    import worker_client

    watched = Watched(worker_client.Settings.read(installed / "worker.json"))
    assert watched.next()[0] == "ready"
    yield watched
    watched.engine.close()


def picture(role: str, pixels: np.ndarray) -> Any:
    from nct_shared.frames import PixelLayout
    from plans import Picture

    layout = PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], "uint8")
    return Picture(role, layout, b"", lambda: (pixels[top : top + rows].tobytes() for top, rows in layout.bands()))


def wish(strength: float = 1.0, view: str = "", size: int = 64, name: str = "r", lightness: float = 0.0, masked: bool = False, exact: Any = None) -> Any:
    import preview_engine
    from plans import Plan
    from worker_client import Reference

    pictures = {"s": picture("source", blobs(0, SIZE, 4)), "r": picture("reference", blobs(1, SIZE, 4))}
    applied = {"strength": strength, "keep_lightness": lightness}
    return preview_engine.Wish(pictures, Plan("s", [Reference("sky", image=name)], {"working_size": size}, 64), exact, applied, view, masked)


def plan_for(prepared: Any, size: int) -> Any:
    """A transfer between large pictures, which the worker gets."""
    from plans import Plan
    from worker_client import Reference

    source, reference = (prepared.send(large) for large in large_pictures())
    return Plan(source, [Reference("sky", image=reference)], {"working_size": size})


def large_pictures() -> list[Any]:
    return [picture("source", blobs(0, LARGE_SIZE, 3)), picture("reference", blobs(1, LARGE_SIZE, 3))]


def pixels_of(told: tuple[Any, ...]) -> np.ndarray:
    kind, _, shown = told
    assert kind == "done"
    return np.frombuffer(shown.pixels, np.uint8).reshape(shown.header["height"], shown.header["width"], shown.header["channels"])


def test_another_strength_lightness_output_or_view_needs_no_other_transfer(watched: Watched) -> None:
    watched.engine.show(wish())
    full = pixels_of(watched.next())
    assert len(watched.stages) > 5
    watched.stages.clear()
    watched.engine.show(wish(0.0))
    np.testing.assert_array_equal(pixels_of(watched.next()), blobs(0, SIZE, 4))
    watched.engine.show(wish(1.0))
    np.testing.assert_array_equal(pixels_of(watched.next()), full)
    watched.engine.show(wish(lightness=1.0))
    kept = pixels_of(watched.next())
    lightness = [to_srgb(picture)[..., :3] @ [0.2, 0.7, 0.1] for picture in (kept, full, blobs(0, SIZE, 4))]
    assert abs(lightness[0] - lightness[2]).mean() < abs(lightness[1] - lightness[2]).mean() / 4
    watched.engine.show(wish(view="confidence"))
    confidence = pixels_of(watched.next())
    assert confidence.shape == (*SIZE, 1)
    watched.engine.show(wish(masked=True))
    told = watched.next()
    np.testing.assert_array_equal(pixels_of(told), full)
    assert told[2].confidence == confidence.tobytes()
    assert not watched.stages


def test_an_overtaken_transfer_is_given_up(watched: Watched) -> None:
    for size in (160, 150, 140):
        watched.engine.show(wish(size=size))
    told = watched.next()
    assert told[:1] == ("done",) and told[1].draft.params == {"working_size": 140}
    assert watched.told.empty()


def test_a_failed_preview_is_told_and_the_next_one_works(watched: Watched) -> None:
    watched.engine.show(wish(name="nobody"))
    kind, error = watched.next()
    assert (kind, error.code) == ("failed", "input") and "'nobody'" in str(error) and "Traceback" in error.detail
    watched.engine.show(wish())
    assert watched.next()[0] == "done"


def test_the_true_transfer_follows_the_draft_and_is_not_run_again(watched: Watched) -> None:
    from plans import Prepared
    from worker_client import Worker

    plan = plan_for(watched.engine.prepared, 128)
    watched.engine.show(wish(exact=plan))
    draft, true = watched.next(), watched.next()
    assert (draft[2].exact, true[2].exact) == (False, True)
    assert pixels_of(draft).shape == pixels_of(true).shape == (*SIZE, 4)
    watched.stages.clear()
    watched.engine.show(wish(0.5, exact=plan))
    halved = watched.next()
    assert halved[2].exact and abs(pixels_of(halved).astype(int) - (pixels_of(true).astype(int) + blobs(0, SIZE, 4)) // 2).mean() < 3
    watched.engine.show(wish(view="matches", exact=plan))
    assert pixels_of(watched.next()).shape == (*SIZE, 3)
    watched.engine.show(wish(size=96))
    assert not watched.next()[2].exact and watched.stages
    watched.stages.clear()
    watched.engine.show(wish(exact=plan))  # as before: it is kept
    np.testing.assert_array_equal(pixels_of(watched.next()), pixels_of(true))
    prepared = watched.engine.hand_over(None, lambda *_: None)
    with prepared.worker:
        found = finished(prepared, plan)
        assert not watched.stages
    with Worker(watched.settings) as worker:  # as a run without a preview does it
        worker.hello()
        fresh = Prepared(worker)
        assert plan_for(fresh, 128) == plan
        np.testing.assert_array_equal(finished(fresh, plan), found)


def finished(prepared: Any, plan: Any) -> np.ndarray:
    """The large picture recolored."""
    result = prepared.finish(plan, prepared.start(plan, {"strength": 1.0, "keep_lightness": 0.0}), lambda *_: None)
    return np.concatenate([np.frombuffer(bytes(band), np.uint8) for _, _, band in prepared.worker.bands(result)])


def test_another_strength_does_not_wait_for_the_true_transfer(watched: Watched) -> None:
    plan = plan_for(watched.engine.prepared, 300)
    watched.engine.show(wish(exact=plan))
    assert not watched.next()[2].exact
    watched.wait_for_stage()
    watched.engine.show(wish(0.0, exact=plan))
    shown = watched.next()
    assert not shown[2].exact
    np.testing.assert_array_equal(pixels_of(shown), blobs(0, SIZE, 4))
    assert watched.next()[2].exact


def test_nothing_goes_on_when_nothing_is_wanted(watched: Watched) -> None:
    plan = plan_for(watched.engine.prepared, 300)
    watched.engine.show(wish(exact=plan))
    assert not watched.next()[2].exact
    watched.wait_for_stage()
    watched.engine.rest()
    until = time.monotonic() + PATIENCE_SECONDS
    while watched.engine._running is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert watched.told.empty() and not watched.engine.prepared.done(plan)


def test_the_same_wish_again_disturbs_nothing(watched: Watched) -> None:
    plan = plan_for(watched.engine.prepared, 300)
    watched.engine.show(wish(exact=plan))
    assert not watched.next()[2].exact
    watched.wait_for_stage()
    for exact in (None, plan):
        watched.engine.show(wish(exact=exact))
    assert watched.next()[2].exact


def test_the_worker_is_handed_over_alive_even_in_the_middle_of_a_draft(watched: Watched) -> None:
    plan = plan_for(watched.engine.prepared, 64)
    watched.engine.show(wish(size=160))
    watched.wait_for_stage()
    told: list[str] = []
    prepared = watched.engine.hand_over(plan, lambda _, stage: told.append(stage))
    assert prepared is not None and not prepared.done(plan) and not told
    with prepared.worker:
        assert finished(prepared, plan).size == 3 * LARGE_SIZE[0] * LARGE_SIZE[1]


def test_a_true_transfer_in_hand_is_finished_before_the_worker_is_handed_over(watched: Watched) -> None:
    plan = plan_for(watched.engine.prepared, 300)
    watched.engine.show(wish(exact=plan))
    watched.next()
    watched.wait_for_stage()
    told: list[str] = []
    prepared = watched.engine.hand_over(plan, lambda _, stage: told.append(stage))
    assert told and prepared is not None and prepared.done(plan)
    with prepared.worker:
        assert finished(prepared, plan).size == 3 * LARGE_SIZE[0] * LARGE_SIZE[1]


def test_no_worker_is_told(installed: Path, tmp_path: Path) -> None:
    import worker_client

    watched = Watched(worker_client.Settings(["/nonexistent/python"], str(tmp_path / "nct.log"), "0"))
    kind, error = watched.next()
    assert kind == "failed" and isinstance(error, worker_client.WorkerLost) and "run install.py again" in str(error)
    assert watched.engine.hand_over(None, lambda *_: None) is None
