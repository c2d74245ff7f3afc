"""Neural color transfer: a picture takes on the colors of other pictures, matched by meaning.

The public interface is :func:`transfer`, its :class:`TransferParams` and :class:`TransferResult`,
:class:`Session` for many sources, :class:`ColorTransform`, the guides :class:`Pin`, :class:`RegionPair`, :class:`LabelMaps` and
:class:`Protect`, :func:`analogy` with :class:`AnalogyParams` and :class:`AnalogyResult`, and the errors. Importing the package is
cheap: torch is loaded by the first use of :func:`transfer` or :func:`analogy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .contract.analogy_params import AnalogyParams
from .contract.errors import Cancelled, ConvergenceError, DeviceError, InputError, NctError, ProtocolError, WeightsError
from .contract.params import TransferParams

if TYPE_CHECKING:
    from .analogies.pipeline import analogy
    from .analogies.result import AnalogyResult
    from .guides.types import Guide, LabelMaps, Pin, Protect, RegionPair
    from .pipeline import transfer
    from .result import TransferResult
    from .session import Session
    from .transform.apply import ColorTransform

__version__ = "0.1.0"
__all__ = [
    "AnalogyParams",
    "AnalogyResult",
    "Cancelled",
    "ColorTransform",
    "ConvergenceError",
    "DeviceError",
    "Guide",
    "InputError",
    "LabelMaps",
    "NctError",
    "Pin",
    "Protect",
    "ProtocolError",
    "RegionPair",
    "Session",
    "TransferParams",
    "TransferResult",
    "WeightsError",
    "analogy",
    "transfer",
]


def __getattr__(name: str) -> Any:
    if name == "analogy":
        from .analogies.pipeline import analogy

        return analogy
    if name == "AnalogyResult":
        from .analogies.result import AnalogyResult

        return AnalogyResult
    if name == "transfer":
        from .pipeline import transfer

        return transfer
    if name == "Session":
        from .session import Session

        return Session
    if name == "TransferResult":
        from .result import TransferResult

        return TransferResult
    if name == "ColorTransform":
        from .transform.apply import ColorTransform

        return ColorTransform
    if name in ("Guide", "LabelMaps", "Pin", "Protect", "RegionPair"):
        from .guides import types

        return getattr(types, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
