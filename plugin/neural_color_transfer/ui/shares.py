"""How much of the source each reference colored, in the user's language."""

from __future__ import annotations

from collections.abc import Sequence

from .language import _


def summary(names: Sequence[str], shares: Sequence[float]) -> str:
    """Lists the references with their shares, the largest first, then the unused ones.

    Args:
        names: the names of the references.
        shares: the fraction of the source that each of them colored, 0 to 1.
    """
    ranked = sorted(zip(shares, names), key=lambda pair: -pair[0])
    used = [f"{name} {percent(share)}" for share, name in ranked if share > 0]
    unused = [name for share, name in ranked if share <= 0]
    words = _("Used: {}").format(", ".join(used))
    return _("{}; not used: {}").format(words, ", ".join(unused)) if unused else words


def percent(share: float) -> str:
    """Returns a share, 0 to 1, in percent and in words."""
    if share <= 0:
        return _("unused")
    return _("{} %").format(f"{share * 100:.0f}") if share >= 0.005 else _("under 1 %")
