"""What a worker keeps of what it is sent, and that there is an end to it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from nct_core.contract import frames, messages
from nct_core.contract.errors import InputError, ProtocolError
from nct_core.files.picture import Picture
from nct_core.files.write import write_picture
from nct_core.worker import jobs, server
from nct_core.worker.jobs import Jobs


def no_advance(_done: float) -> None:
    pass


def test_pictures_of_files_are_kept_within_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(6)]
    for number, path in enumerate(paths):
        write_picture(path, Picture(np.full((64, 64, 3), number, np.uint8)))
    monkeypatch.setattr(jobs, "MAX_FILE_BYTES", 3 * 16 * 16 * 3 * 4)
    work = Jobs()
    for path in paths[:3]:
        work._file(path, 16, no_advance)
    first = work._file(paths[0], 16, no_advance)  # used again: the others are older
    for path in paths[3:5]:
        work._file(path, 16, no_advance)
    assert [key[0] for key in work._files] == [paths[0], paths[3], paths[4]]
    assert work._file(paths[0], 16, no_advance) is first
    monkeypatch.setattr(jobs, "MAX_FILE_BYTES", 1)
    assert work._file(paths[5], 16, no_advance).shape == (16, 16, 3)  # one is always kept
    assert len(work._files) == 1


def test_an_image_above_the_limit_is_an_error_of_its_job_and_not_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_STORED_BYTES", 1000)
    layout, sent = frames.PixelLayout(20, 20, 3, "uint8", 5), io.BytesIO()
    messages.send(sent, messages.Image("large", "source", layout), [b"12345", bytes(1200)])
    messages.send(sent, messages.Image("small", "source", frames.PixelLayout(2, 2, 1, "uint8", 0)), [bytes(4)])
    sent.seek(0)
    worker = server.Worker(sent, io.BytesIO())
    while (message := messages.receive(sent)) is not None:
        worker._take(message)
    assert worker._work._picture("small").values.shape == (2, 2, 1)
    with pytest.raises(InputError, match="expected images of at most 1000 bytes together, got 1205"):
        worker._work._picture("large")


def test_bytes_that_are_dropped_must_come() -> None:
    stream = io.BytesIO(bytes(10))
    frames.skip(stream, 7)
    assert stream.tell() == 7
    with pytest.raises(ProtocolError, match="the end of the stream"):
        frames.skip(stream, 7)
