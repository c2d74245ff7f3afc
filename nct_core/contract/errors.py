"""Every error the library raises on purpose.

::

    NctError
    ├── InputError         an image, a parameter or a path is not what was expected
    ├── WeightsError       network weights are missing, damaged or not the expected ones
    ├── DeviceError        the compute device does not exist, has too little memory or failed
    │   └── DeviceLost     it failed so that this process cannot use it any more
    ├── ConvergenceError   a linear solver stopped before it reached its tolerance
    ├── ProtocolError      a frame on the worker's pipe is malformed
    └── Cancelled          the caller asked to stop

The message of each is one sentence in English that says what was expected, what came and what to do. Those that users
of the plug-in meet are given as a :class:`Text`, which the plug-in puts into the user's language. Standard library
only: ``install.py`` copies this folder beside the GIMP plug-in.
"""

from __future__ import annotations

from .texts import Text


class NctError(Exception):
    """Base of all errors that the library raises on purpose.

    Args:
        message: the sentence; a :class:`Text` can be translated.

    Attributes:
        code: name of the kind of error on the wire.
        text: the message as code and arguments.

    Example:
        >>> error = InputError(Text("too_many_references", 255, 300))
        >>> str(error)
        'expected at most 255 references, got 300; choose those that matter'
        >>> error.text.code, error.text.arguments
        ('too_many_references', (255, 300))
    """

    code = "error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.text = Text.of(message)


class InputError(NctError):
    """An image, a parameter or a path is not what was expected."""

    code = "input"


class WeightsError(NctError):
    """Network weights are missing, damaged or not the expected ones."""

    code = "weights"


class DeviceError(NctError):
    """The compute device does not exist, has too little memory, or failed; the message gives what it reported."""

    code = "device"


class DeviceLost(DeviceError):
    """The compute device failed so that this process cannot use it any more; a new process may."""

    code = "device-lost"


class ConvergenceError(NctError):
    """A linear solver stopped before it reached its tolerance; the message gives residual and iterations."""

    code = "convergence"


class ProtocolError(NctError):
    """A frame on the worker's pipe is malformed, too large or of another version."""

    code = "protocol"


class Cancelled(NctError):
    """The caller asked to stop."""

    code = "canceled"
