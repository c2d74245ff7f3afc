"""Every parameter of an image analogy, with its range, unit and effect. Standard library only, as :mod:`nct_core.contract.params`."""

from __future__ import annotations

from dataclasses import dataclass

from .params import Params, parameter


@dataclass(frozen=True)
class AnalogyParams(Params):
    """Parameters of :func:`nct_core.analogy`.

    Raises:
        InputError: a value has the wrong type, is not finite or lies outside its range.
    """

    content: float = parameter(
        0.5, 0.0, 1.0, "Texture or structure", "-", "fraction",
        "0 draws the picture in the texture of the style, 1 keeps the picture's own fine detail, as photographs need; between them, detail counts as far as "
        "the style has detail of the same kind (ours)",
        basic=True,
    )  # fmt: skip
    working_size: int = parameter(
        448, 64, 1000, "Working size", "-", "px", "longest side at which images are matched; the result always has the source's own size (program)"
    )
    patchmatch_iterations: int = parameter(5, 1, 50, "Matching iterations", "-", "count", "PatchMatch iterations at every level (program: 10)")
    deconvolution_steps: int = parameter(
        2, 0, 500, "Deconvolution steps", "-", "count", "steps of the search for the features of the next level that the network turns into those found (ours)"
    )
    seed: int = parameter(0, 0, 2**31 - 1, "Random seed", "-", "-", "seed of the random search; the same seed gives the same result (ours)")
