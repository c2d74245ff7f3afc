"""What the worker is asked to do: transfers between pictures that were sent or lie in files, those that were done at another strength, views of them."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..contract.errors import Cancelled, InputError
from ..contract.messages import KEPT_TRANSFERS, Apply, SentReference, Transfer, TransferFacts, View
from ..contract.params import TransferParams
from ..contract.texts import Text
from ..pixels.check import check_image, color_channels
from ..runtime.progress import Advance

if TYPE_CHECKING:
    from ..result import TransferResult

logger = logging.getLogger(__name__)

MAX_STORED_BYTES = 1 << 34
MAX_FILE_BYTES = 1 << 29  # of reduced pictures of files, which are kept for the next time
SMALL_SIDE = 512  # px of the references' copies
TAKES_PART = 127  # of 255: a mask's value above which a pixel does


@dataclass(frozen=True)
class Pixels:
    """Pixels as they came: [H, W, C] uint8, uint16 or float32 in the space of the profile; None means sRGB."""

    values: np.ndarray
    icc_profile: bytes | None


@dataclass(frozen=True)
class _Done:
    """A finished transfer; of the result's image only the shape is kept, and of the references small copies (float32 [h, w, 3])."""

    name: str
    source: Pixels
    references: list[np.ndarray]
    result: TransferResult
    facts: TransferFacts

    def on(self, picture: Pixels) -> _Done:
        """The same on the source's picture at another size."""
        return self if picture is self.source else dataclasses.replace(self, source=picture, result=self.result.sized(picture.values.shape[:2]))

    @functools.cached_property
    def parts(self) -> dict[int, np.ndarray]:
        """The part of each reference that is used, as :func:`nct_core.views.part_masks.part_masks` gives it."""
        from ..files.color_space import to_srgb
        from ..views.part_masks import part_masks

        return part_masks(self.result.working_labels, self.result.transform, to_srgb(self.source.values, self.source.icc_profile))


class Jobs:
    """The pictures and the last transfers of one connection."""

    def __init__(self) -> None:
        self._pictures: dict[str, Pixels | InputError] = {}
        self._files: dict[tuple[object, ...], np.ndarray] = {}  # the last used last
        self._done: dict[str, _Done] = {}
        self._newest: _Done | None = None

    def forget(self, name: str) -> int:
        """Drops a picture and returns how many bytes the others take."""
        self._pictures.pop(name, None)
        return sum(picture.values.nbytes for picture in self._pictures.values() if isinstance(picture, Pixels))

    def keep(self, name: str, picture: Pixels | InputError) -> None:
        """Takes a picture that jobs will refer to by ``name``, or the reason why it was not taken."""
        self._pictures[name] = picture

    def transfer(self, request: Transfer, progress: Callable[[float, str], None], cancel: Callable[[], bool]) -> tuple[np.ndarray, TransferFacts]:
        """Runs a transfer.

        Returns:
            The recolored source (or what it was to be applied to), [H, W, C] in its own color space and dtype, and the result's facts.

        Raises:
            NctError: as :func:`nct_core.transfer`; a reference is called by its name.
        """
        from ..files.color_space import to_srgb
        from ..pipeline import transfer
        from ..views.label_sheet import color

        params, advance = TransferParams.from_mapping(dict(request.params)), _unless(cancel)
        logger.info("%s: a transfer of %d px begins", request.id, params.working_size)
        source = self._picture(request.source)
        onto = self._picture(request.onto or request.source)
        progress(0.0, Text("reading_colors"))
        references = [self._reference(reference, request.file_side, advance) for reference in request.references]
        pixels = to_srgb(source.values, source.icc_profile, advance)
        recolored = pixels if onto is source else to_srgb(onto.values, onto.icc_profile, advance)
        names = [Text("source"), *(_called(reference) for reference in request.references)]
        result = transfer(pixels, references, params, onto=recolored, device=request.device, names=names, progress=progress, cancel=cancel)
        colors = tuple("#{:02x}{:02x}{:02x}".format(*color(number)) for number in range(len(references)))
        facts = TransferFacts(request.id, result.backbone, result.device, round(result.seconds, 3), tuple(result.shares), colors, result.notes)
        kept = result.sized(pixels.shape[:2])
        self._newest = _Done(request.id, source, [_small(reference) for reference in references], kept, facts)
        logger.info("%s: %.1f s on %s with %s, at %d px", request.id, result.seconds, result.device, result.backbone, params.working_size)
        return _like(onto, result.image, params, advance), facts

    def adopt(self) -> None:
        """Keeps the newest transfer for ``apply`` and ``view``: it has not been canceled. The oldest gives way."""
        assert self._newest is not None
        self._done[self._newest.name] = self._newest
        for name in [*self._done][:-KEPT_TRANSFERS]:
            del self._done[name]

    def apply(self, request: Apply, cancel: Callable[[], bool]) -> tuple[np.ndarray, TransferFacts]:
        """Applies a finished transfer; returns as :meth:`transfer` does."""
        from ..files.color_space import to_srgb

        advance = _unless(cancel)
        params = TransferParams(strength=request.strength, keep_lightness=request.keep_lightness)
        done = self._done_before(request)
        pixels = to_srgb(done.source.values, done.source.icc_profile, advance)
        image = done.result.transform.apply(pixels, params.strength, params.keep_lightness, advance=advance)
        return _like(done.source, image, params, advance), done.facts

    def view(self, request: View) -> tuple[np.ndarray, TransferFacts]:
        """Draws a view: uint8 [H, W, 1 or 3] (see :data:`nct_core.contract.messages.VIEWS`) and the result's facts."""
        done = self._done_before(request)
        result, shape, kind = done.result, done.source.values.shape[:2], request.kind
        if kind == "labels":
            return _painted(done), done.facts
        if kind == "matches":
            from ..views.matches import matched_pixels

            return matched_pixels(done.result, done.references), done.facts
        if kind == "confidence":
            shown = result.confidence
        else:
            shown = np.ones(shape, np.float32)
            if kind == "part":
                shown = done.parts.get(request.index, np.zeros(shape, np.uint8)) / np.float32(255)
        for name in request.masks:
            shown = shown * (self._mask(name, shape) / np.float32(255))
        return np.rint(shown * 255).astype(np.uint8)[..., None], done.facts

    def _reference(self, reference: SentReference, file_side: int, advance: Advance) -> np.ndarray:
        """One reference as float32 [H, W, C], sRGB-encoded; transparent where its masks leave it out."""
        from ..files.color_space import to_srgb

        if reference.file:
            image = self._file(Path(reference.file), file_side, advance)
        else:
            picture = self._picture(reference.image)
            image = to_srgb(picture.values, picture.icc_profile, advance)
        check_image(_called(reference), image)
        return self._limited(image, reference) if reference.masks else image

    def _limited(self, image: np.ndarray, reference: SentReference) -> np.ndarray:
        alpha = image[..., -1] if image.shape[2] in (2, 4) else np.ones(image.shape[:2], np.float32)
        for name in reference.masks:
            alpha = alpha * (self._mask(name, image.shape[:2]) > TAKES_PART)
        if not alpha.any():
            raise InputError(Text("about", _called(reference), Text("nothing_visible")))
        colors = color_channels(image.shape[2])
        return np.concatenate([image[..., :colors], alpha[..., None]], axis=2)

    def _mask(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A mask that was sent, uint8 [H, W]."""
        values = self._picture(name).values
        if values.dtype != np.uint8 or values.shape != (*shape, 1):
            raise InputError(f"expected a mask of uint8 {[*shape, 1]}, got {values.dtype} {list(values.shape)}; send another")
        return values[..., 0]

    def _file(self, path: Path, side: int, advance: Advance) -> np.ndarray:
        """A file's picture, float32 [H, W, C], sRGB-encoded. A reduced one is kept for the next time."""
        import torch

        from ..files.color_space import to_srgb
        from ..files.read import read_picture
        from ..pixels.grids import fit_within
        from ..pixels.resample import resize

        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            changed = 0  # read() says what is wrong
        key = (path, changed, side)
        if key in self._files:
            self._files[key] = self._files.pop(key)
            return self._files[key]
        picture = read_picture(path)
        image = to_srgb(picture.pixels, picture.icc_profile, advance)
        if not side or max(image.shape[:2]) <= side:
            return image
        small = resize(torch.from_numpy(image), fit_within((image.shape[0], image.shape[1]), side, least=2)).numpy()
        self._files[key] = small
        while sum(kept.nbytes for kept in self._files.values()) > MAX_FILE_BYTES and len(self._files) > 1:
            del self._files[next(iter(self._files))]
        return small

    def _picture(self, name: str) -> Pixels:
        picture = self._pictures.get(name)
        if picture is None:
            raise InputError(f"expected an image that was sent before, got {name!r}")
        if isinstance(picture, InputError):
            raise picture
        return picture

    def _done_before(self, request: Apply | View) -> _Done:
        """The transfer that the request names, on what it names."""
        name = request.transfer
        if name not in self._done:
            raise InputError(f"expected one of the last {KEPT_TRANSFERS} transfers, got {name!r}; run the transfer again")
        done = self._done[name]
        return done.on(self._picture(request.onto)) if request.onto else done


def _called(reference: SentReference) -> Text:
    """What a reference is called in messages."""
    return Text("reference", reference.name)


def _unless(cancel: Callable[[], bool]) -> Advance:
    """For work outside the transfer, which asks by itself."""

    def advance(_done: float) -> None:
        if cancel():
            raise Cancelled("the transfer was canceled")

    return advance


def _like(source: Pixels, image: np.ndarray, params: TransferParams, advance: Advance) -> np.ndarray:
    """The recolored source in its own color space and dtype; without an effect its very bits, which conversion there and back would round."""
    from ..files.color_space import from_srgb

    return source.values if params.strength == 0.0 else from_srgb(image, source.icc_profile, source.values.dtype, advance)


def _small(image: np.ndarray) -> np.ndarray:
    """A reduced copy for the eye, float32 [h, w, 3]."""
    import torch

    from ..pixels.grids import fit_within
    from ..pixels.resample import resize

    shape = fit_within((image.shape[0], image.shape[1]), SMALL_SIDE)
    colors = torch.from_numpy(image[..., : color_channels(image.shape[2])])
    return resize(colors, shape).expand(*shape, 3).numpy()


def _painted(done: _Done) -> np.ndarray:
    from ..files.color_space import to_srgb
    from ..views.label_sheet import overlay

    source = to_srgb(done.source.values, done.source.icc_profile)
    gray = np.repeat(source[..., : color_channels(source.shape[2])].mean(-1, keepdims=True), 3, axis=2)
    return overlay(done.result.labels, np.rint(gray.clip(0, 1) * 255).astype(np.uint8))
