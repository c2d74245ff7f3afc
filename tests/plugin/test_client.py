from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from connection import QUICK, REFERENCE_SHAPE, SHAPE
from pictures import blobs

import nct_core
from nct_core.files.color_space import from_srgb, to_srgb

LIMIT_SECONDS = 10  # as in test_worker_process.py


@pytest.fixture(scope="module")
def client(installed: Path) -> Any:
    from worker import client

    return client


@pytest.fixture
def settings(client: Any, installed: Path) -> Any:
    return client.WorkerSettings.read(installed / "worker.json")


def send(client: Any, worker: Any, name: str, role: str, pixels: np.ndarray) -> None:
    layout = client.frames.PixelLayout(pixels.shape[1], pixels.shape[0], pixels.shape[2], pixels.dtype.name)
    worker.send_image(name, role, layout, b"", (pixels[top : top + rows].tobytes() for top, rows in layout.bands()))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_transfer_from_images_to_pixels(client: Any, settings: Any) -> None:
    heard: list[tuple[float, str]] = []
    source, reference = blobs(1, SHAPE), blobs(2, REFERENCE_SHAPE)
    with client.Worker(settings) as worker:
        assert worker.hello().version == nct_core.__version__
        send(client, worker, "s", "source", source)
        send(client, worker, "r", "reference", reference)
        result = worker.wait(worker.transfer("s", [client.messages.SentReference("r", "r")], QUICK, device="cpu"), lambda *progress: heard.append(progress))
        received = b"".join(bytes(band) for _, _, band in worker.bands(result))
        process = worker._process
    assert process.returncode == 0
    assert heard == sorted(heard, key=lambda progress: progress[0]) and len(heard) > 5
    params = nct_core.TransferParams.from_mapping(QUICK)
    image = nct_core.transfer(to_srgb(source), [to_srgb(reference)], params, device="cpu").image
    assert received == from_srgb(image, None, source.dtype).tobytes()


@pytest.mark.slow
def test_errors_and_canceling_reach_the_caller(client: Any, settings: Any) -> None:
    with client.Worker(settings) as worker:
        worker.hello()
        send(client, worker, "s", "source", blobs(1, (300, 400)))
        send(client, worker, "r", "reference", blobs(2, SHAPE))
        with pytest.raises(client.WorkerError, match="strength must lie between 0 and 1, got 9") as caught:
            worker.wait(worker.transfer("s", [client.messages.SentReference("r", "r")], {"strength": 9}, device="cpu"), print)
        assert caught.value.code == "input"
        job = worker.transfer("s", [client.messages.SentReference("r", "r")], {}, device="cpu")
        with pytest.raises(client.WorkerError) as caught:
            worker.wait(job, lambda *_: worker.cancel(job))
        assert caught.value.code == "canceled"
        abandoned = worker.transfer("s", [client.messages.SentReference("r", "r")], {"strength": 9}, device="cpu")
        job = worker.transfer("s", [client.messages.SentReference("r", "r")], QUICK, device="cpu")
        assert abandoned != job
        assert worker.wait(job, lambda *_: None).id == job


def test_gimps_environment_does_not_reach_the_worker(client: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "GI_TYPELIB_PATH"):
        monkeypatch.setenv(name, "/nonexistent")
    monkeypatch.setenv("LD_PRELOAD", "")
    with client.Worker(settings) as worker:
        worker.hello()
        environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
    assert b"nonexistent" not in environment and b"LD_PRELOAD" not in environment
    assert b"PATH=" in environment


def test_no_other_child_keeps_the_worker_alive(client: Any, settings: Any) -> None:
    worker = client.Worker(settings)
    other = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        worker.hello()
        worker._sink.close()
        assert worker._process.wait(LIMIT_SECONDS) == 0
    finally:
        other.kill()
        other.wait()
        worker.close()


def test_a_killed_plugin_leaves_no_worker(installed: Path) -> None:
    code = """
import os
from pathlib import Path
from worker import client
worker = client.Worker(client.WorkerSettings.read(Path("worker.json")))
worker.hello()
layout = client.frames.PixelLayout(400, 300, 3, "uint8")
for name, role in (("s", "source"), ("r", "reference")):
    worker.send_image(name, role, layout, b"", [os.urandom(layout.payload_bytes)])
worker.wait(worker.transfer("s", [client.messages.SentReference("r", "r")], {}, device="cpu"), lambda *_: print(worker._process.pid, flush=True))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=installed, stdout=subprocess.PIPE, text=True) as plugin:
        assert plugin.stdout is not None
        pid = int(plugin.stdout.readline())
        assert is_running(pid)
        watched = os.pidfd_open(pid)
        plugin.send_signal(signal.SIGKILL)
    ready, _, _ = select.select([watched], [], [], LIMIT_SECONDS)
    os.close(watched)
    assert ready and not is_running(pid)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"version": "0.0.0"}, "protocol", r"expected a worker of version 0.0.0 \(protocol \d\), got .*; run install.py again"),
        ({"command": ["/nonexistent/python"]}, "internal", "/nonexistent/python cannot be started .*; run install.py again"),
        ({"command": [sys.executable, "-c", "raise SystemExit(3)"]}, "internal", r"ended unexpectedly \(exit status 3\)"),
        ({"command": [sys.executable, "-c", "print('hello there')"]}, "internal|protocol", "ended unexpectedly|starts with"),
    ],
)
def test_a_worker_that_does_not_answer_as_it_should(client: Any, settings: Any, change: dict[str, Any], code: str, words: str) -> None:
    changed = client.WorkerSettings(**{**vars(settings), **change})
    with pytest.raises(client.WorkerError, match=words) as caught, client.Worker(changed) as worker:
        worker.hello()
    assert caught.value.code in code.split("|")


def test_a_worker_of_another_protocol_is_refused(client: Any, settings: Any) -> None:
    code = """
import sys
sys.path.insert(0, sys.argv[2])
from nct_shared import frames, messages
hello = {"type": "hello", "protocol": messages.VERSION + 1, "version": sys.argv[1], "device": "CPU", "devices": [], "backbone": "VGG-16", "mood": "good"}
frames.write_frame(sys.stdout.buffer, hello)
sys.stdin.read()
"""
    plugin = str(Path(client.__file__).parents[1])
    changed = client.WorkerSettings([sys.executable, "-c", code, settings.version, plugin], settings.log, settings.version)
    words = r"of version (\S+) \(protocol 6\), got \1 \(protocol 7\); run install\.py again"
    with pytest.raises(client.WorkerLost, match=words) as caught, client.Worker(changed) as worker:
        worker.hello()
    assert (caught.value.code, caught.value.text.code) == ("protocol", "other_version")


def test_a_worker_that_leaves_while_it_is_sent_an_image(client: Any, settings: Any, tmp_path: Path) -> None:
    leaving = "import sys; sys.exit('reasons of its own')"
    changed = client.WorkerSettings([sys.executable, "-c", leaving], str(tmp_path / "nct.log"), settings.version)
    with pytest.raises(client.WorkerError, match=r"ended unexpectedly \(exit status 1\)"), client.Worker(changed) as worker:
        send(client, worker, "s", "source", blobs(1, (900, 900)))
    assert (tmp_path / "nct.log").read_text() == "reasons of its own\n"


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"command": ["python"], "log": "x"})])
def test_damaged_settings_are_told(client: Any, tmp_path: Path, content: str) -> None:
    file = tmp_path / "worker.json"
    file.write_text(content)
    with pytest.raises(client.WorkerError, match=r"worker\.json, got .*; run install.py again"):
        client.WorkerSettings.read(file)
    file.unlink()
    with pytest.raises(client.WorkerError, match=r"worker\.json, got .*No such file.*; run install.py again"):
        client.WorkerSettings.read(file)
