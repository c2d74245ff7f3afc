"""The result of a transfer as a function of color and position, which can be applied to an image of any size (ours).

A transfer is computed at working size. Its transform is a field of coefficients on that grid; a larger image gets it by joint
upsampling: in every 5x5 window of the working grid each coefficient is regressed on lightness (a guided filter), the regression is
interpolated and evaluated at the image's own lightness. Every output pixel depends on its own value and four cells of the field, so any
tiling gives the same result.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..contract.errors import InputError
from ..look.statistics import sample_pixels
from ..look.table import identity_table
from ..pixels.check import check_image, color_channels
from ..pixels.grids import fit_within, nearest_cells
from ..pixels.lab import lab_to_srgb, limit_chroma, srgb_to_lab
from ..pixels.lab_cpu import NEUTRAL
from ..pixels.resample import box_mean, resize
from ..pixels.working import LEAST_SIDE, prepare
from ..runtime.backend import loss_as_error, on_cpu
from ..runtime.progress import Advance, unwatched
from . import apply_cpu, saved
from .coefficients import recolor
from .global_look import GlobalLook
from .image_fit import coefficients_of
from .saved import Made

_BAND_PIXELS = 1 << 19  # pixels worked on at a time; bounds the memory beyond input and output
_WINDOW_RADIUS = 2
_REGRESSION_FLOOR = 1e-4  # variance of lightness below which a window counts as flat
_MAP_FLOOR = 1e-2  # the same for maps of areas, whose borders should follow strong edges only, not texture
_NO_LOOK = "expected a transform that a transfer made, got one without a look; take that of a result"
_COMPARED_SIDE = 64  # cells of the longer side at which two images are compared
_SAME_CONTENT = 0.05**2  # of the variance of lightness: what scaling and a lossy file change is far less, another picture far more
_ROUNDING = 0.5 / 255


@dataclass(frozen=True)
class ColorTransform:
    """Local linear transforms of scaled Lab color over the extent of the image.

    Attributes:
        coefficients: float32 [h, w, 6], (a, b) of the three channels one after the other.
        lightness: float32 [h, w], [0, 1], lightness of the image for which the coefficients were found.
        look: the references' look for pictures of other content; None: there is none.
        made: what it was made with; None where it was not made by a transfer.
        kept: bool [H, W] over the same extent, of any size: pixels that keep their colors bit for bit; None: all are recolored.
    """

    coefficients: torch.Tensor
    lightness: torch.Tensor
    look: GlobalLook | None = None
    made: Made | None = None
    kept: NDArray[np.bool_] | None = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the transform to a file from which :meth:`load` gives the same again.

        Args:
            path: ends in ``.nct``; an existing file is replaced, and never is one left half-written.

        Raises:
            InputError: the file cannot be written, or the transform was not made by a transfer.

        Example:
            >>> result.transform.save("sunset.nct")  # of nct_core.transfer
            >>> ColorTransform.load("sunset.nct").shows(source)
            True
        """
        if self.look is None or self.made is None:
            raise InputError(_NO_LOOK)
        if self.kept is not None:
            raise InputError("expected a transfer without a protected region, got one with it; such a transfer cannot be saved")
        saved.write(path, saved.Saved(self.coefficients, self.lightness, torch.from_numpy(self.look.colors), self.made))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> ColorTransform:
        """Reads a transform that :meth:`save` wrote, onto the CPU.

        Raises:
            InputError: there is no such file, or it is damaged, of another kind or of a newer version.
        """
        read = saved.read(path)
        return ColorTransform(read.coefficients, read.lightness, GlobalLook(read.colors.numpy()), read.made)

    def shows(self, image: NDArray[np.float32]) -> bool:
        """Whether an image has the content for which the transform was found, at whatever size.

        Args:
            image: as for :meth:`apply`.

        Raises:
            InputError: the image is not usable.
        """
        check_image("image", image)
        own, other = self.lightness.shape, image.shape[:2]
        as_it_is = min(own) > LEAST_SIDE  # not widened to be matched
        if as_it_is and abs(math.log(own[0] * other[1] / (own[1] * other[0]))) > 2.0 / min(*own, *other):  # sides are rounded to whole pixels
            return False
        compared = fit_within((own[0], own[1]), max(2, min(_COMPARED_SIDE, max(own) // 2, max(other) // 2)))
        there = prepare(image, max(own), torch.device("cpu")).lab[..., :1]
        mine, theirs = resize(self.lightness.cpu()[..., None], compared), resize(there, compared)
        return float((mine - theirs).square().mean()) <= _SAME_CONTENT * float(mine.var(correction=0)) + _ROUNDING**2

    def for_other(self, image: NDArray[np.float32]) -> ColorTransform:
        """The references' look as a transform for an image of other content: what is known without matches.

        Args:
            image: as for :meth:`apply`.

        Returns:
            A transform to apply to that image; it can be applied to the same content at any size, but not be saved.

        Raises:
            InputError: the image is not usable, or the transform has no look.
        """
        check_image("image", image)
        if self.look is None:
            raise InputError(_NO_LOOK)
        at = prepare(image, max(self.lightness.shape), torch.device("cpu"))
        looked = self.look.table_for(sample_pixels(at.rgb.numpy(), at.valid.numpy())).apply(at.rgb.numpy())
        return ColorTransform(coefficients_of(srgb_to_lab(torch.from_numpy(looked)), at.lab), at.lab[..., 0].contiguous())

    def look_table(self, image: NDArray[np.float32], side: int) -> NDArray[np.float32]:
        """The references' look for an image as a table, with the strength and the kept lightness of the transfer.

        Args:
            image: as for :meth:`apply`.
            side: points per channel.

        Returns:
            float32 [side, side, side, 3], sRGB by sRGB.

        Raises:
            InputError: the image is not usable, or the transform has no look.
        """
        check_image("image", image)
        if self.look is None or self.made is None:
            raise InputError(_NO_LOOK)
        at = prepare(image, max(self.lightness.shape), torch.device("cpu"))
        look = self.look.table_for(sample_pixels(at.rgb.numpy(), at.valid.numpy()))
        colors = identity_table(side).reshape(side, side * side, 3)  # a picture of all colors
        wanted = srgb_to_lab(torch.from_numpy(look.apply(colors)))
        everywhere = ColorTransform(torch.stack([torch.zeros_like(wanted), wanted], -1).flatten(-2), torch.zeros(wanted.shape[:2]))
        return everywhere.apply(colors, self.made.params.strength, self.made.params.keep_lightness).reshape(side, side, side, 3)

    def apply(self, image: NDArray[np.float32], strength: float = 1.0, keep_lightness: float = 0.0, *, advance: Advance = unwatched) -> NDArray[np.float32]:
        """Recolors an image of any size with the same content.

        Args:
            image: float32 [H, W, C], sRGB-encoded, nominal range [0, 1]; C = 1 gray, 2 gray + alpha, 3 RGB, 4 RGBA.
            strength: 0 returns the image as it is, bit for bit, 1 is the full transform; in between colors move along straight
                lines in Lab.
            keep_lightness: how much of the image's own lightness is kept: the change of lightness is multiplied by 1 minus this.
                At 1 only hue and chroma move. A color outside sRGB then loses this share of its excess chroma, at its lightness and
                hue, so that clipping does not change its lightness. Values of the image that lie outside [0, 1] may stay there.
            advance: called after every band of rows, with the share of them that is done; what it raises ends the work.

        Returns:
            float32 [H, W, C], sRGB-encoded; alpha and the color of fully transparent pixels are the image's own. A gray image stays
            gray: its lightness is recolored. Colors outside sRGB leave [0, 1].

        Raises:
            InputError: strength or keep_lightness lies outside [0, 1], or the image is not usable (see :func:`nct_core.pixels.check.check_image`).
            DeviceLost: the device that holds the transform failed and cannot be used any more.
        """
        for name, value in (("strength", strength), ("keep_lightness", keep_lightness)):
            if not 0.0 <= value <= 1.0:
                raise InputError(f"{name} must lie between 0 and 1, got {value}")
        check_image("image", image)
        if strength == 0.0:
            return image.copy()
        with loss_as_error(self.coefficients.device):
            out = self._applied(image, strength, keep_lightness, advance)
        if self.kept is not None:
            rows, columns = nearest_cells((image.shape[0], image.shape[1]), (self.kept.shape[0], self.kept.shape[1]))
            np.copyto(out, image, where=self.kept[np.ix_(rows, columns)][..., None])
        return out

    def _applied(self, image: NDArray[np.float32], strength: float, keep_lightness: float, advance: Advance) -> NDArray[np.float32]:
        out, shape = np.empty_like(image), (image.shape[0], image.shape[1])
        fields = self._fields(shape)
        if on_cpu(fields):
            rows, columns = (_cells_and_shares(n, m) for n, m in zip(shape, fields.shape[1:]))
            apply_cpu.recolor(image, fields.permute(1, 0, 2).contiguous().numpy(), rows, columns, strength, keep_lightness, out, advance)
            return out
        band_rows = max(1, _BAND_PIXELS // shape[1])
        for top in range(0, shape[0], band_rows):
            band = slice(top, min(top + band_rows, shape[0]))
            out[band] = self._recolor_band(image[band], self._interpolate(fields, band, shape), strength, keep_lightness)
            advance(band.stop / shape[0])
        return out

    def carry(self, maps: torch.Tensor, image: NDArray[np.float32]) -> Iterator[tuple[slice, torch.Tensor]]:
        """Carries maps from the transform's grid to an image of any size with the same content, along its edges, as it does coefficients.

        A map is blurred where the image has no edge, even at the grid's own size. Maps that add up to 1 still do so afterward.

        Args:
            maps: float32 [n, h, w].
            image: as for :meth:`apply`.

        Yields:
            The rows of a band, and the maps in these rows, float32 [n, rows, W]; near edges their values may leave the original range.
        """
        shape, fields = (image.shape[0], image.shape[1]), self._regressions(maps, _MAP_FLOOR)
        band_rows = max(1, _BAND_PIXELS // (shape[1] * len(maps)))
        for top in range(0, shape[0], band_rows):
            band = slice(top, min(top + band_rows, shape[0]))
            slopes, shifts = self._interpolate(fields, band, shape).chunk(2)
            yield band, slopes * self._lab(image[band])[..., 0] + shifts

    def _fields(self, shape: tuple[int, int]) -> torch.Tensor:
        """The planes to interpolate, [n, h, w]: on the transform's own grid the 6 coefficients, otherwise their regressions on lightness."""
        return self.coefficients.permute(2, 0, 1) if shape == tuple(self.lightness.shape) else self._lines

    @functools.cached_property
    def _lines(self) -> torch.Tensor:
        """The coefficients' regressions on lightness, kept for repeated use of the transform."""
        return self._regressions(self.coefficients.permute(2, 0, 1))

    def _regressions(self, planes: torch.Tensor, floor: float = _REGRESSION_FLOOR) -> torch.Tensor:
        """Regresses planes [n, h, w] on lightness: the slopes and then the offsets, [2 n, h, w]."""
        guide = self.lightness[None]
        mean_l, mean_x = box_mean(guide, _WINDOW_RADIUS), box_mean(planes, _WINDOW_RADIUS)
        slope = (box_mean(guide * planes, _WINDOW_RADIUS) - mean_l * mean_x) / (box_mean(guide * guide, _WINDOW_RADIUS) - mean_l * mean_l + floor)
        # A window's line holds for all of its cells: average the lines that cover a cell.
        return torch.cat([box_mean(slope, _WINDOW_RADIUS), box_mean(mean_x - slope * mean_l, _WINDOW_RADIUS)])

    def _interpolate(self, fields: torch.Tensor, band: slice, shape: tuple[int, int]) -> torch.Tensor:
        """The fields at the rows of a band of an image of ``shape``, [n, rows, W]."""
        if shape == tuple(fields.shape[1:]):
            return fields[:, band]
        below, above, share = _lerp_positions(band.start, band.stop, shape[0], fields.shape[1], fields.device)
        rows = torch.lerp(fields[:, below], fields[:, above], share[None, :, None])
        below, above, share = _lerp_positions(0, shape[1], shape[1], fields.shape[2], fields.device)
        return torch.lerp(rows[:, :, below], rows[:, :, above], share)

    def _lab(self, band: NDArray[np.float32]) -> torch.Tensor:
        """The colors of a band, float32 [h, W, 3], scaled Lab."""
        pixels = torch.from_numpy(np.ascontiguousarray(band[..., : color_channels(band.shape[2])])).to(self.coefficients.device)
        return srgb_to_lab(pixels.expand(*pixels.shape[:2], 3))

    def _recolor_band(self, band: NDArray[np.float32], fields: torch.Tensor, strength: float, keep_lightness: float) -> NDArray[np.float32]:
        channels = band.shape[2]
        colors = color_channels(channels)
        pixels = torch.from_numpy(np.ascontiguousarray(band[..., :colors])).to(self.coefficients.device)
        source = srgb_to_lab(pixels.expand(*pixels.shape[:2], 3))
        if fields.shape[0] == 12:
            fields = fields[:6] * source[..., 0] + fields[6:]
        target = recolor(fields.permute(1, 2, 0), source).clamp(0, 1)
        recolored = torch.lerp(source, target, strength)
        if keep_lightness > 0.0:
            recolored[..., 0] = torch.lerp(source[..., 0], target[..., 0], strength * (1.0 - keep_lightness))
        if colors == 1:
            recolored[..., 1:] = NEUTRAL
        elif keep_lightness > 0.0:
            recolored = limit_chroma(recolored, pixels, keep_lightness)
        result = band.copy()
        result[..., :colors] = lab_to_srgb(recolored)[..., :colors].cpu().numpy()
        if colors < channels:
            transparent = band[..., -1] <= 0
            result[transparent] = band[transparent]
        return result


def _lerp_positions(start: int, stop: int, size: int, cells: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The two cells on either side of pixels ``start`` .. ``stop`` of an axis of ``size`` pixels, and the share of the second."""
    position = ((torch.arange(start, stop, dtype=torch.float64) + 0.5) * (cells / size) - 0.5).clamp(0, cells - 1)
    below = position.floor().long()
    return below.to(device), (below + 1).clamp_max(cells - 1).to(device), (position - below).float().to(device)


def _cells_and_shares(size: int, cells: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The positions of :func:`_lerp_positions` for a whole axis, as the compiled kernels take them."""
    below, _, share = _lerp_positions(0, size, size, cells, torch.device("cpu"))
    return below.int().numpy(), share.numpy()
