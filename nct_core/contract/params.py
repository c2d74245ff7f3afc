"""Every parameter of a transfer, with its range, unit, effect and symbol.

Defaults and ranges live here and nowhere else: the command line and the plug-in's dialog are derived from
:func:`describe`. Standard library only: ``install.py`` copies this file beside the GIMP plug-in.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, TypeVar

from .errors import InputError

MAX_SIDE = 30_000
"""Pixels on the longer side of an image that is accepted."""
MAX_PIXELS = 200_000_000
"""Pixels of an image that is accepted."""
TABLE_SIDES = (17, 65)
"""Fewest and most points per channel of a color table for other programs."""
TABLE_SIDE = 33
"""Its usual number of points per channel."""


AnyParams = TypeVar("AnyParams", bound="Params")


def parameter(default: float, low: float, high: float, label: str, symbol: str, unit: str, effect: str, *, basic: bool = False) -> Any:
    """Declares a field of a set of parameters; see :class:`Parameter`."""
    meta = {"low": low, "high": high, "label": label, "symbol": symbol, "unit": unit, "effect": effect, "basic": basic}
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class Params:
    """What all sets of parameters have in common: unknown names and values out of range are rejected here and only here."""

    def __post_init__(self) -> None:
        for parameter in describe(type(self)):
            value = getattr(self, parameter.name)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or (parameter.integer and not isinstance(value, int)):
                kind = "a whole number" if parameter.integer else "a number"
                raise InputError(f"{parameter.name} must be {kind}, got {value!r}")
            if not parameter.low <= value <= parameter.high:
                got = value if isinstance(value, int) else f"{value:.15g}"
                raise InputError(f"{parameter.name} must lie between {parameter.low:.10g} and {parameter.high:.10g}, got {got}")

    @classmethod
    def from_mapping(cls: type[AnyParams], values: dict[str, Any]) -> AnyParams:
        """Builds parameters from a name → value mapping; missing names take their defaults.

        Raises:
            InputError: a name is unknown or a value is not valid.
        """
        known = {parameter.name for parameter in describe(cls)}
        unknown = sorted(set(values) - known)
        if unknown:
            raise InputError(f"unknown parameter {unknown[0]!r}; expected one of {', '.join(sorted(known))}")
        return cls(**values)


@dataclass(frozen=True)
class TransferParams(Params):
    """Parameters of :func:`nct_core.transfer`.

    Raises:
        InputError: a value has the wrong type, is not finite or lies outside its range.
    """

    strength: float = parameter(
        1.0, 0.0, 1.0, "Strength", "-", "fraction", "how far the colors move: 0 keeps the source, 1 is the full transfer (ours)", basic=True
    )
    content: float = parameter(
        0.5, 0.0, 1.0, "Look or content", "-", "fraction",
        "0 puts only the reference's look on the picture, 1 gives every place its match's colors; in between, matches count as far as they are alike (ours)",
        basic=True,
    )  # fmt: skip
    bds_weight: float = parameter(
        2.0, 0.0, 4.0, "Use the whole reference", "beta", "weight",
        "how much of the reference must appear in the result; lower it where the contents are less alike (paper section 3.2)", basic=True,
    )  # fmt: skip
    keep_lightness: float = parameter(
        0.0, 0.0, 1.0, "Keep lightness", "-", "fraction",
        "how much of the source's own lightness is kept: at 1 only the colors move, light and shade stay as they are (ours)", basic=True,
    )  # fmt: skip
    working_size: int = parameter(
        700, 64, 2000, "Working size", "-", "px", "longest side at which images are matched; the result always has the source's own size (ours)"
    )
    edge_smoothness: float = parameter(
        0.024, 0.0, 1.0, "Smoothing up to edges", "lambda", "weight", "smoothing of the transform at full resolution, stopped by edges (program)"
    )
    local_weight: float = parameter(
        0.125, 0.0, 10.0, "Smoothing between neighbors", "lambda_l", "weight", "how alike the transforms of neighboring pixels are (paper section 3.3)"
    )
    contrast_weight: float = parameter(
        1.5, 0.0, 100.0, "Local contrast", "mu", "weight",
        "how closely the local contrast follows the reference's; high values copy its grain too, at 0 contrast is lost (ours)",
    )  # fmt: skip
    nonlocal_weight: float = parameter(
        2.0, 0.0, 20.0, "Smoothing between similar colors", "lambda_nl", "weight",
        "how alike the transforms of similarly colored pixels in one feature cluster are (paper section 3.3)",
    )  # fmt: skip
    nonlocal_neighbors: int = parameter(
        8, 1, 32, "Number of similar pixels", "k", "count", "similarly colored pixels each pixel is tied to (paper section 3.3)"
    )
    clusters: int = parameter(
        10, 1, 64, "Kinds of things", "-", "count", "k-means clusters of the coarsest features, within which pixels are tied (paper section 3.3)"
    )
    match_drift: float = parameter(
        8.0, 1.0, 100.0, "Freedom of matches", "-", "% of side",
        "how far a level may move matches away from those of the coarser level; 100 is the published method, where they may go anywhere (ours)",
    )  # fmt: skip
    patchmatch_iterations: int = parameter(10, 1, 50, "Matching iterations", "-", "count", "PatchMatch iterations at every level (program)")
    seed: int = parameter(0, 0, 2**31 - 1, "Random seed", "-", "-", "seed of the random search; the same seed gives the same result (ours)")

    @property
    def as_published(self) -> bool:
        """Whether matching is the published method's, without our changes: the matches of every level may go anywhere."""
        return self.match_drift == 100.0


@dataclass(frozen=True)
class Parameter:
    """What a user interface needs to offer one parameter."""

    name: str
    label: str
    default: float
    low: float
    high: float
    integer: bool
    unit: str
    symbol: str
    effect: str
    basic: bool


def describe(params: type[Params] = TransferParams) -> list[Parameter]:
    """Lists every parameter of a set in the order in which it is offered."""
    return [
        Parameter(name=f.name, default=f.default, integer=isinstance(f.default, int), **f.metadata)  # type: ignore[arg-type]
        for f in dataclasses.fields(params)
    ]
