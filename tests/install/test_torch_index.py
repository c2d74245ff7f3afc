"""Which build of torch a machine gets."""

from __future__ import annotations

import functools
import http.server
import platform
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from installer import torch_index
from installer.torch_index import Card, build_for


@pytest.mark.parametrize(
    ("card", "build"),
    [
        (None, "cpu"),
        (Card(580, (8, 9)), "cu130"),
        (Card(610, (12, 0)), "cu130"),
        (Card(580, (6, 1)), "cu126"),
        (Card(551, (8, 6)), "cu126"),
        (Card(528, (5, 0)), "cu126"),
        (Card(527, (8, 6)), "cpu"),
        (Card(470, (3, 5)), "cpu"),
        (Card(550, None), "cu126"),
        (Card(580, None), "cu130"),
    ],
)
def test_the_driver_and_the_card_choose(card: Card | None, build: str) -> None:
    assert build_for(card) == build


@pytest.mark.parametrize(
    ("said", "card"),
    [
        ("580.65.06, 8.9", Card(580, (8, 9))),
        ("551.86, 6.1\n551.86, 8.6", Card(551, (8, 6))),
        ("NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver", None),
        ("", None),
    ],
)
def test_nvidia_smi_is_asked(said: str, card: Card | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\necho '{said}'\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch_index, "_DRIVER_FILE", tmp_path / "none")
    assert torch_index.nvidia_card() == card


def test_without_nvidia_smi_the_kernel_tells_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(torch_index, "_DRIVER_FILE", tmp_path / "version")
    assert torch_index.nvidia_card() is None
    (tmp_path / "version").write_text("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024\nGCC version: 12.2.0\n")
    assert torch_index.nvidia_card() == Card(535)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """PyTorch's indexes, of which each is a folder that lists what the test puts there."""
    monkeypatch.setenv("no_proxy", "*")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(torch_index, "INDEXES", f"http://127.0.0.1:{server.server_address[1]}")

        def has(*builds: str) -> None:
            for build in builds:
                (tmp_path / build / "torch").mkdir(parents=True)
                (tmp_path / build / "torch/index.html").write_text(f"torch-2.13.0%2B{build}-cp312-cp312-win_amd64.whl")

        yield has
        server.shutdown()


@pytest.mark.parametrize(
    ("system", "card", "there", "expected"),
    [
        ("Windows", Card(580, (8, 9)), ["cu130", "cu126", "cpu"], "cu130"),
        ("Windows", Card(551, (8, 9)), ["cu130", "cu126", "cpu"], "cu126"),
        ("Windows", Card(551, (8, 9)), ["cu130"], None),
        ("Windows", None, ["cpu"], None),
        ("Linux", Card(580, (8, 9)), ["cu130"], None),
        ("Linux", Card(551, (8, 9)), ["cu126", "cpu"], "cu126"),
        ("Linux", Card(551, (8, 9)), ["cpu"], "cpu"),
        ("Linux", None, ["cpu"], "cpu"),
        ("Linux", None, [], None),
        ("Darwin", None, ["cpu"], None),
    ],
)
def test_the_index_that_has_the_build_is_named(
    system: str, card: Card | None, there: list[str], expected: str | None, index: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(*there)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(torch_index, "nvidia_card", lambda: card)
    assert torch_index.options({}, "2.13.0") == (["--extra-index-url", f"{torch_index.INDEXES}/{expected}"] if expected else [])
    assert torch_index.options({}, "2.12.0") == []
    assert torch_index.options({"index-url": "https://own"}, "2.13.0") == []


def test_no_network_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(torch_index, "INDEXES", "http://127.0.0.1:9")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(torch_index, "nvidia_card", lambda: None)
    assert torch_index.options({}, "2.13.0") == []
