from __future__ import annotations

import dataclasses
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blobs

from nct_core.files.color_space import to_srgb

pytestmark = pytest.mark.slow  # whole transfers in a worker

PATIENCE_SECONDS = 120
SIZE, LARGE_SIZE = (120, 160), (240, 320)


class Watched:
    """An engine, with everything that it reports."""

    def __init__(self, settings: Any) -> None:
        from worker.preview_engine import PreviewEngine

        self.settings = settings
        self.reports: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.stages: list[str] = []
        self.engine = PreviewEngine(
            settings,
            lambda hello: self.reports.put(("ready", hello)),
            lambda fraction, stage: self.stages.append(stage),
            lambda *result: self.reports.put(("done", *result)),
            lambda error: self.reports.put(("failed", error)),
        )

    def wait_for_stage(self) -> None:
        """Waits until the transfer that comes next is under way."""
        self.stages.clear()
        until = time.monotonic() + PATIENCE_SECONDS
        while not any("level" in stage for stage in self.stages):
            assert time.monotonic() < until
            time.sleep(0.01)

    def next(self) -> tuple[Any, ...]:
        return self.reports.get(timeout=PATIENCE_SECONDS)


@pytest.fixture
def watched(installed: Path) -> Iterator[Watched]:
    from worker.client import WorkerSettings

    watched = Watched(WorkerSettings.read(installed / "worker.json"))
    assert watched.next()[0] == "ready"
    yield watched
    watched.engine.close()


def upload(role: str, pixels: np.ndarray) -> Any:
    from nct_shared.frames import PixelLayout
    from worker.session import Upload

    layout = PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], "uint8")
    return Upload(role, layout, b"", lambda: (pixels[top : top + rows].tobytes() for top, rows in layout.bands()))


def request(strength: float = 1.0, view: str = "", size: int = 64, name: str = "r", lightness: float = 0.0, masked: bool = False, exact: Any = None) -> Any:
    from nct_shared.messages import SentReference
    from worker.preview_engine import PreviewRequest
    from worker.session import TransferSpec

    uploads = {"s": upload("source", blobs(0, SIZE, 4)), "r": upload("reference", blobs(1, SIZE, 4))}
    applied = {"strength": strength, "keep_lightness": lightness}
    draft = TransferSpec("s", (SentReference("sky", image=name),), {"working_size": size}, 64)
    return PreviewRequest(uploads, draft, exact, applied, view, masked)


def spec_for(session: Any, size: int) -> Any:
    """A transfer between large pictures, which the worker gets."""
    from nct_shared.messages import SentReference
    from worker.session import TransferSpec

    source, reference = (session.send(large) for large in large_uploads())
    return TransferSpec(source, (SentReference("sky", image=reference),), {"working_size": size})


def large_uploads() -> list[Any]:
    return [upload("source", blobs(0, LARGE_SIZE, 3)), upload("reference", blobs(1, LARGE_SIZE, 3))]


def pixels_of(report: tuple[Any, ...]) -> np.ndarray:
    kind, _, preview = report
    assert kind == "done"
    layout = preview.result.layout
    return np.frombuffer(preview.pixels, np.uint8).reshape(layout.height, layout.width, layout.channels)


def test_another_strength_lightness_output_or_view_needs_no_other_transfer(watched: Watched) -> None:
    watched.engine.show(request())
    full = pixels_of(watched.next())
    assert len(watched.stages) > 5
    watched.stages.clear()
    watched.engine.show(request(0.0))
    np.testing.assert_array_equal(pixels_of(watched.next()), blobs(0, SIZE, 4))
    watched.engine.show(request(1.0))
    np.testing.assert_array_equal(pixels_of(watched.next()), full)
    watched.engine.show(request(lightness=1.0))
    kept = pixels_of(watched.next())
    lightness = [to_srgb(picture)[..., :3] @ [0.2, 0.7, 0.1] for picture in (kept, full, blobs(0, SIZE, 4))]
    assert abs(lightness[0] - lightness[2]).mean() < abs(lightness[1] - lightness[2]).mean() / 4
    watched.engine.show(request(view="confidence"))
    confidence = pixels_of(watched.next())
    assert confidence.shape == (*SIZE, 1)
    watched.engine.show(request(masked=True))
    report = watched.next()
    np.testing.assert_array_equal(pixels_of(report), full)
    assert report[2].confidence == confidence.tobytes()
    assert not watched.stages


def test_an_overtaken_transfer_is_canceled(watched: Watched) -> None:
    for size in (160, 150, 140):
        watched.engine.show(request(size=size))
    report = watched.next()
    assert report[:1] == ("done",) and report[1].draft.params == {"working_size": 140}
    assert watched.reports.empty()


def test_a_failed_preview_is_reported_and_the_next_one_works(watched: Watched) -> None:
    watched.engine.show(request(name="nobody"))
    kind, error = watched.next()
    assert (kind, error.code) == ("failed", "input") and "'nobody'" in str(error) and "Traceback" in error.detail
    watched.engine.show(request())
    assert watched.next()[0] == "done"


def test_too_many_references_for_one_request_are_reported_and_the_next_preview_works(watched: Watched) -> None:
    first = request()
    watched.engine.show(dataclasses.replace(first, draft=dataclasses.replace(first.draft, references=first.draft.references * 2000)))
    kind, error = watched.next()
    assert (kind, error.code, error.text.code) == ("failed", "input", "long_request")
    watched.engine.show(first)
    assert watched.next()[0] == "done"


def test_whatever_ends_the_thread_is_reported(watched: Watched) -> None:
    from worker.client import WorkerLost

    def unreadable() -> Iterator[bytes]:
        raise RuntimeError("a layer of glass")

    process = watched.engine.session.worker._process
    first = request()
    watched.engine.show(dataclasses.replace(first, uploads={"s": dataclasses.replace(first.uploads["s"], read=unreadable)}))
    kind, error = watched.next()
    assert kind == "failed" and isinstance(error, WorkerLost)
    assert str(error) == "the plug-in failed unexpectedly (RuntimeError: a layer of glass)" and "unreadable" in error.detail
    assert watched.engine.session is None and watched.engine.hand_over(None, lambda *_: None) is None
    assert process.wait(PATIENCE_SECONDS) is not None


def test_the_true_transfer_follows_the_draft_and_is_not_run_again(watched: Watched) -> None:
    from worker.client import Worker
    from worker.session import WorkerSession

    spec = spec_for(watched.engine.session, 128)
    watched.engine.show(request(exact=spec))
    draft, true = watched.next(), watched.next()
    assert (draft[2].exact, true[2].exact) == (False, True)
    assert pixels_of(draft).shape == pixels_of(true).shape == (*SIZE, 4)
    watched.stages.clear()
    watched.engine.show(request(0.5, exact=spec))
    halved = watched.next()
    assert halved[2].exact and abs(pixels_of(halved).astype(int) - (pixels_of(true).astype(int) + blobs(0, SIZE, 4)) // 2).mean() < 3
    watched.engine.show(request(view="matches", exact=spec))
    assert pixels_of(watched.next()).shape == (*SIZE, 3)
    watched.engine.show(request(size=96))
    assert not watched.next()[2].exact and watched.stages
    watched.stages.clear()
    watched.engine.show(request(exact=spec))  # as before: it is kept
    np.testing.assert_array_equal(pixels_of(watched.next()), pixels_of(true))
    session = watched.engine.hand_over(None, lambda *_: None)
    with session.worker:
        found = finished(session, spec)
        assert not watched.stages
    with Worker(watched.settings) as worker:  # as a run without a preview does it
        worker.hello()
        fresh = WorkerSession(worker)
        assert spec_for(fresh, 128) == spec
        np.testing.assert_array_equal(finished(fresh, spec), found)


def finished(session: Any, spec: Any) -> np.ndarray:
    """The large picture recolored."""
    result = session.finish(spec, session.start(spec, {"strength": 1.0, "keep_lightness": 0.0}), lambda *_: None)
    return np.concatenate([np.frombuffer(bytes(band), np.uint8) for _, _, band in session.worker.bands(result)])


def test_another_strength_does_not_wait_for_the_true_transfer(watched: Watched) -> None:
    spec = spec_for(watched.engine.session, 300)
    watched.engine.show(request(exact=spec))
    assert not watched.next()[2].exact
    watched.wait_for_stage()
    watched.engine.show(request(0.0, exact=spec))
    shown = watched.next()
    assert not shown[2].exact
    np.testing.assert_array_equal(pixels_of(shown), blobs(0, SIZE, 4))
    assert watched.next()[2].exact


def test_nothing_goes_on_when_nothing_is_wanted(watched: Watched) -> None:
    spec = spec_for(watched.engine.session, 300)
    watched.engine.show(request(exact=spec))
    assert not watched.next()[2].exact
    watched.wait_for_stage()
    watched.engine.show_nothing()
    until = time.monotonic() + PATIENCE_SECONDS
    while watched.engine._running is not None and time.monotonic() < until:
        time.sleep(0.01)
    assert watched.reports.empty() and not watched.engine.session.finished_job(spec)


def test_the_same_request_again_disturbs_nothing(watched: Watched) -> None:
    spec = spec_for(watched.engine.session, 300)
    watched.engine.show(request(exact=spec))
    assert not watched.next()[2].exact
    watched.wait_for_stage()
    for exact in (None, spec):
        watched.engine.show(request(exact=exact))
    assert watched.next()[2].exact


def test_the_worker_is_handed_over_alive_even_in_the_middle_of_a_draft(watched: Watched) -> None:
    spec = spec_for(watched.engine.session, 64)
    watched.engine.show(request(size=160))
    watched.wait_for_stage()
    stages: list[str] = []
    session = watched.engine.hand_over(spec, lambda _, stage: stages.append(stage))
    assert session is not None and not session.finished_job(spec) and not stages
    with session.worker:
        assert finished(session, spec).size == 3 * LARGE_SIZE[0] * LARGE_SIZE[1]


def test_a_true_transfer_in_hand_is_finished_before_the_worker_is_handed_over(watched: Watched) -> None:
    spec = spec_for(watched.engine.session, 300)
    watched.engine.show(request(exact=spec))
    watched.next()
    watched.wait_for_stage()
    stages: list[str] = []
    session = watched.engine.hand_over(spec, lambda _, stage: stages.append(stage))
    assert stages and session is not None and session.finished_job(spec)
    with session.worker:
        assert finished(session, spec).size == 3 * LARGE_SIZE[0] * LARGE_SIZE[1]


def test_a_missing_worker_is_reported(installed: Path, tmp_path: Path) -> None:
    from worker.client import WorkerLost, WorkerSettings

    watched = Watched(WorkerSettings(["/nonexistent/python"], str(tmp_path / "nct.log"), "0"))
    kind, error = watched.next()
    assert kind == "failed" and isinstance(error, WorkerLost) and "run install.py again" in str(error)
    assert watched.engine.hand_over(None, lambda *_: None) is None
