"""What a session knows of its worker, with a worker that only takes notes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


class RecordingWorker:
    """Notes what it is asked for; every job has finished at once."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, ...]] = []
        self.gone = False

    def send_image(self, name: str, role: str, layout: Any, icc_profile: bytes, bands: Iterable[bytes]) -> None:
        self.notes.append(("image", role, b"".join(bands).decode()))

    def post_image(self, *image: Any) -> bool:
        self.send_image(*image)
        return not self.gone

    def forget(self, name: str) -> None:
        self.notes.append(("forget", name))

    def transfer(self, source: str, references: Any, params: Any, onto: str, device: str, file_side: int) -> str:
        self.notes.append(("transfer", source))
        return f"job {len(self.notes)}"

    def apply(self, transfer: str, strength: float, keep_lightness: float, onto: str) -> str:
        self.notes.append(("apply", transfer))
        return f"job {len(self.notes)}"

    def wait(self, job: str, progress: Any) -> Any:
        kind, asked = self.notes[-1]
        return SimpleNamespace(facts=SimpleNamespace(transfer=job if kind == "transfer" else asked))


@pytest.fixture
def session(installed: Path) -> Any:
    from worker.session import WorkerSession

    return WorkerSession(RecordingWorker())


def upload(text: str, role: str = "source") -> Any:
    from nct_shared.frames import PixelLayout
    from worker.session import Upload

    return Upload(role, PixelLayout(len(text), 1, 1, "uint8"), b"", lambda: iter([text.encode()]))


def test_an_image_is_sent_once_under_one_name(session: Any) -> None:
    assert session.send(upload("sky")) == session.send(upload("sky"))
    assert session.send(upload("sky", "reference")) != session.send(upload("sky"))
    assert session.worker.notes == [("image", "source", "sky"), ("image", "reference", "sky")]


def test_originals_are_sent_in_steps_and_forgotten(session: Any) -> None:
    steps = session.send_original("a", upload("sky"))
    next(steps)
    assert session.original_names(["a"]) is None
    for _ in steps:
        pass
    for key, text in (("same as a", "sky"), ("b", "grass")):
        for _ in session.send_original(key, upload(text)):
            pass
    names = session.original_names(["a", "same as a", "b"])
    assert names["a"] == names["same as a"] != names["b"]
    session.worker.notes.clear()
    session.keep_originals(["same as a"])
    assert session.worker.notes == [("forget", names["b"])], "the image of 'a' is still needed"
    session.keep_originals([])
    assert session.worker.notes[1:] == [("forget", names["a"])]
    assert session.original_names(["a"]) is None and session.original_names([]) == {}
    session.send(upload("sky"))
    assert session.worker.notes[-1] == ("image", "source", "sky")


def test_an_original_that_did_not_arrive_is_not_known(session: Any) -> None:
    session.worker.gone = True
    for _ in session.send_original("a", upload("sky")):
        pass
    assert session.original_names(["a"]) is None


def test_a_transfer_is_known_when_all_its_images_are(session: Any) -> None:
    from nct_shared.messages import SentReference
    from worker.session import TransferSpec

    source, reference, mask = (session.send(upload(text)) for text in ("sky", "grass", "m"))
    references = (SentReference("grass", image=reference, masks=(mask,)), SentReference("a file", file="/x.png"))
    assert session.knows(TransferSpec(source, references, {}))
    assert not session.knows(TransferSpec("another", references, {}))
    assert not session.knows(TransferSpec(source, (SentReference("grass", image=reference, masks=("another",)),), {}))


def test_a_finished_transfer_is_only_applied(session: Any, tmp_path: Path) -> None:
    from nct_shared.messages import SentReference
    from worker.session import TransferSpec

    file = tmp_path / "sky.png"
    file.write_bytes(b"1")

    def spec() -> TransferSpec:
        return TransferSpec("s", (SentReference("sky", file=str(file)),), {"working_size": 64})

    applied = {"strength": 1.0, "keep_lightness": 0.0}
    job = session.start(spec(), applied)
    assert session.finished_job(spec()) == ""
    session.finish(spec(), job, print)
    assert session.finished_job(spec()) == job
    session.finish(spec(), session.start(spec(), applied), print)
    assert session.worker.notes == [("transfer", "s"), ("apply", job)]
    assert session.finished_job(dataclasses.replace(spec(), device="cpu")) == "", "another device may give another result"
    os.utime(file, ns=(1, 1))
    assert session.finished_job(spec()) == "", "the file has changed"
