from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import blobs

from nct_core import images

PATIENCE_SECONDS = 120
SIZE = (120, 160)


class Watched:
    """An engine, and what it told."""

    def __init__(self, settings: Any) -> None:
        import preview_engine

        self.told: queue.SimpleQueue[tuple[Any, ...]] = queue.SimpleQueue()
        self.stages: list[str] = []
        self.engine = preview_engine.PreviewEngine(
            settings,
            lambda hello: self.told.put(("ready", hello)),
            lambda fraction, stage: self.stages.append(stage),
            lambda *result: self.told.put(("done", *result)),
            lambda error: self.told.put(("failed", error)),
        )

    def next(self) -> tuple[Any, ...]:
        return self.told.get(timeout=PATIENCE_SECONDS)


@pytest.fixture
def watched(installed: Path) -> Iterator[Watched]:
    import worker_client

    watched = Watched(worker_client.Settings.read(installed / "worker.json"))
    assert watched.next()[0] == "ready"
    yield watched
    watched.engine.close()


def wish(strength: float = 1.0, view: str = "", size: int = 64, name: str = "r", lightness: float = 0.0, masked: bool = False) -> Any:
    import preview_engine
    from nct_shared.protocol import PixelLayout
    from worker_client import Reference

    pictures = {}
    for seed, (role, known) in enumerate((("source", "s"), ("reference", "r"))):
        pixels = blobs(seed, SIZE, 4)
        pictures[known] = (role, PixelLayout(SIZE[1], SIZE[0], 4, "uint8"), pixels.tobytes())
    applied = {"strength": strength, "keep_lightness": lightness}
    return preview_engine.Wish(pictures, "s", [Reference("sky", image=name)], {"working_size": size}, applied, view, masked, 64)


def pixels_of(told: tuple[Any, ...]) -> np.ndarray:
    kind, _, result, pixels, _ = told
    assert kind == "done"
    return np.frombuffer(pixels, np.uint8).reshape(result["height"], result["width"], result["channels"])


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
    lightness = [images.to_srgb(picture)[..., :3] @ [0.2, 0.7, 0.1] for picture in (kept, full, blobs(0, SIZE, 4))]
    assert abs(lightness[0] - lightness[2]).mean() < abs(lightness[1] - lightness[2]).mean() / 4
    watched.engine.show(wish(view="confidence"))
    confidence = pixels_of(watched.next())
    assert confidence.shape == (*SIZE, 1)
    watched.engine.show(wish(masked=True))
    told = watched.next()
    np.testing.assert_array_equal(pixels_of(told), full)
    assert told[4] == confidence.tobytes()
    assert not watched.stages


def test_an_overtaken_transfer_is_given_up(watched: Watched) -> None:
    for size in (160, 150, 140):
        watched.engine.show(wish(size=size))
    told = watched.next()
    assert told[:1] == ("done",) and told[1].params == {"working_size": 140}
    assert watched.told.empty()


def test_a_failed_preview_is_told_and_the_next_one_works(watched: Watched) -> None:
    watched.engine.show(wish(name="nobody"))
    kind, error = watched.next()
    assert (kind, error.code) == ("failed", "input") and "'nobody'" in str(error) and "Traceback" in error.detail
    watched.engine.show(wish())
    assert watched.next()[0] == "done"


def test_the_worker_is_handed_over_alive_even_in_the_middle_of_a_transfer(watched: Watched) -> None:
    from worker_client import Reference

    watched.engine.show(wish(size=160))
    worker = watched.engine.hand_over()
    assert worker is not None
    with worker:
        for known, (role, layout, pixels) in wish().pictures.items():
            worker.send_image(known, role, layout, b"", [pixels])
        result = worker.wait(worker.transfer("s", [Reference("sky", image="r")], {"working_size": 64}), lambda *_: None)
        worker.drain(result)
        assert result["shares"] == [1.0]


def test_no_worker_is_told(installed: Path, tmp_path: Path) -> None:
    import worker_client

    watched = Watched(worker_client.Settings(["/nonexistent/python"], str(tmp_path / "nct.log"), "0"))
    kind, error = watched.next()
    assert kind == "failed" and isinstance(error, worker_client.WorkerLost) and "run install.py again" in str(error)
    assert watched.engine.hand_over() is None
