"""What a transfer gives a picture for which there are no matches: the look of its references (ours)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..look.estimate import predict_look, safe_look
from ..look.table import Look, to_lab, to_srgb
from .finish import ENDS, TONE_ENDS
from .tone_ends import tone_curve


@dataclass(frozen=True)
class GlobalLook:
    """The colors of the references, from which their look for any picture follows.

    Attributes:
        colors: float32 [N, 3], sRGB in [0, 1], N at least 1: pixels of the references, of each as many as its share (see
            :func:`nct_core.look.statistics.sample_pixels`).
    """

    colors: NDArray[np.float32]

    def table_for(self, pixels: NDArray[np.float64]) -> Look:
        """The look for one picture: what a transfer with ``content`` 0 gives it where nothing is known of its matches.

        Args:
            pixels: float64 [N, 3], sRGB in [0, 1]: the picture's (see :func:`nct_core.look.statistics.sample_pixels`).

        Returns:
            The look with the ends of the tone range moved to the references'.

        Example:
            >>> colors = np.random.default_rng(0).random((500, 3))
            >>> look = GlobalLook(colors.astype(np.float32)).table_for(colors)
            >>> bool(np.abs(look.apply(colors) - colors).max() < 0.02)
            True
        """
        colors = self.colors.astype(np.float64)
        look = safe_look(predict_look(pixels, colors), pixels, colors, ends=ENDS)
        present = to_lab(look.apply(pixels.astype(np.float32)))[:, 0] / 100.0
        low, high = np.quantile(to_lab(self.colors)[:, 0] / 100.0, [0.01, 0.99])
        lab = to_lab(look.table)
        lab[..., 0] = 100.0 * tone_curve(present, (float(low), float(high)), TONE_ENDS)(lab[..., 0] / 100.0).clip(0.0, 1.0)
        return Look(to_srgb(lab), look.limit)
