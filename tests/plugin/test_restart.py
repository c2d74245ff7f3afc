"""A worker that is lost is started again once, and the job is done again; with a worker that is simulated."""

from __future__ import annotations

import contextlib
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from simulated_worker import Starts

PATIENCE_SECONDS = 60


@pytest.fixture
def settings(installed: Path) -> Any:
    from worker.client import WorkerSettings

    return WorkerSettings.read(installed / "worker.json")


def upload() -> Any:
    from nct_shared.frames import PixelLayout
    from worker.session import Upload

    return Upload("source", PixelLayout(1, 1, 1, "uint8"), b"", lambda: iter([b"s"]))


def spec(source: str) -> Any:
    from nct_shared.messages import SentReference
    from worker.session import TransferSpec

    return TransferSpec(source, (SentReference("sky", image=source),), {})


def recolor(session: Any) -> bytes:
    """What the procedure does with a session; the pixels say which start of the worker made them."""
    wanted = spec(session.send(upload()))
    result = session.finish(wanted, session.start(wanted, {"strength": 1.0, "keep_lightness": 0.0}), lambda *_: None)
    return b"".join(bytes(band) for _, _, band in session.worker.bands(result))


@pytest.mark.parametrize("loss", ["transfer: ends", "transfer: loses its device"])
def test_a_job_is_done_again_by_another_worker(settings: Any, tmp_path: Path, loss: str) -> None:
    from worker.session import with_worker

    starts = Starts(settings, tmp_path, loss, "works")
    assert with_worker(starts.settings, None, recolor) == bytes([2] * 4)
    assert starts.number == 2


def test_a_session_of_the_dialog_is_replaced_too(settings: Any, tmp_path: Path) -> None:
    from worker.session import WorkerSession, with_worker

    starts = Starts(settings, tmp_path, "transfer: loses its device", "works")
    session = WorkerSession.begin(starts.settings)
    assert with_worker(starts.settings, session, recolor) == bytes([2] * 4)
    assert session.worker._process.returncode is not None and starts.number == 2


def test_a_worker_is_started_again_only_once(settings: Any, tmp_path: Path) -> None:
    from worker.client import WorkerLost
    from worker.session import with_worker

    starts = Starts(settings, tmp_path, "transfer: ends", "transfer: loses its device", "works")
    with pytest.raises(WorkerLost, match="this process cannot use it any more"):
        with_worker(starts.settings, None, recolor)
    assert starts.number == 2


def test_an_error_of_the_job_starts_no_other_worker(settings: Any, tmp_path: Path) -> None:
    from worker.client import WorkerError, WorkerLost
    from worker.session import with_worker

    starts = Starts(settings, tmp_path, "transfer: refuses", "works")
    with pytest.raises(WorkerError) as caught:
        with_worker(starts.settings, None, recolor)
    assert not isinstance(caught.value, WorkerLost) and starts.number == 1


class Watched:
    """An engine, with everything that it reports."""

    def __init__(self, settings: Any) -> None:
        from worker.preview_engine import PreviewEngine

        self.reports: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.stages: list[str] = []
        self.engine = PreviewEngine(
            settings,
            lambda hello: self.reports.put(("ready", hello)),
            lambda fraction, stage: self.stages.append(stage.code),
            lambda *result: self.reports.put(("done", *result)),
            lambda error: self.reports.put(("failed", error)),
        )

    def show(self, strength: float = 1.0) -> None:
        from worker.preview_engine import PreviewRequest

        applied = {"strength": strength, "keep_lightness": 0.0}
        self.engine.show(PreviewRequest({"s": upload()}, spec("s"), None, applied, "", False))

    def next(self) -> tuple[Any, ...]:
        return self.reports.get(timeout=PATIENCE_SECONDS)


@contextlib.contextmanager
def watching(starts: Starts) -> Iterator[Watched]:
    watched = Watched(starts.settings)
    try:
        assert watched.next()[0] == "ready"
        yield watched
    finally:
        watched.engine.close()


@pytest.mark.parametrize("loss", ["transfer: ends", "transfer: loses its device"])
def test_the_preview_goes_on_with_another_worker(settings: Any, tmp_path: Path, loss: str) -> None:
    starts = Starts(settings, tmp_path, loss, "works")
    with watching(starts) as watched:
        watched.show()
        assert watched.next()[0] == "ready", "the new worker says what it is"
        kind, request, preview = watched.next()
        assert (kind, request.applied["strength"], preview.pixels) == ("done", 1.0, bytes([2] * 4))
    assert "starting_again" in watched.stages and starts.number == 2


def test_a_transfer_that_a_lost_worker_had_finished_is_done_again(settings: Any, tmp_path: Path) -> None:
    starts = Starts(settings, tmp_path, "apply: loses its device", "works")
    with watching(starts) as watched:
        watched.show()
        assert watched.next()[2].pixels == bytes([1] * 4)
        watched.show(0.5)
        assert watched.next()[0] == "ready"
        _, request, preview = watched.next()
        assert (request.applied["strength"], preview.pixels) == (0.5, bytes([2] * 4))


def test_an_idle_worker_that_ends_is_replaced_at_once(settings: Any, tmp_path: Path) -> None:
    starts = Starts(settings, tmp_path, "transfer: answers and ends", "works")
    with watching(starts) as watched:
        watched.show()
        assert watched.next()[2].pixels == bytes([1] * 4)
        assert watched.next()[0] == "ready", "without another request"
        assert watched.next()[2].pixels == bytes([2] * 4)
        session = watched.engine.hand_over(None, lambda *_: None)
        assert session is not None and recolor(session) == bytes([2] * 4)
        session.worker.close()


def test_a_preview_gives_up_after_the_second_loss(settings: Any, tmp_path: Path) -> None:
    from worker.client import WorkerLost

    starts = Starts(settings, tmp_path, "transfer: ends", "transfer: ends", "works")
    with watching(starts) as watched:
        watched.show()
        assert watched.next()[0] == "ready"
        kind, error = watched.next()
        assert kind == "failed" and isinstance(error, WorkerLost)
        assert watched.engine.session is None and starts.number == 2
