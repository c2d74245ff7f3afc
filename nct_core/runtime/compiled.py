"""Compiles kernels for the CPU: numba's decorator, with a cache on disk whose key covers everything that a kernel depends on (ours).

numba reuses compiled code as long as the file that contains the function is unchanged. But a kernel also depends on the
compiled functions that it calls and on numbers, which may come from other files. Here these are part of the key, so
that a change in them is never missed. numba chooses the place of the cache: beside the code if that folder is writable,
otherwise in the user's folder. Where neither can be written to, what lies beside the code is used as it is, and what is
compiled is not kept.
"""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np
from numba import njit
from numba.core.caching import CompileResultCacheImpl, FunctionCache
from numba.core.dispatcher import Dispatcher
from numba.extending import _Intrinsic

_log = logging.getLogger(__name__)

_NUMBERS = (int, float, tuple, str, np.generic)


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compiles a function at its first call; the compiled code releases the interpreter's lock and is kept on disk.

    Args:
        options: numba's own, such as ``fastmath=True``.

    Example:
        >>> @compiled(fastmath=True)
        ... def double(x):
        ...     return 2 * x
        >>> double(4)
        8
    """

    def decorate(function: Callable[..., Any]) -> Any:
        _file_digest(function.__code__.co_filename)  # read now: the file may be edited before the first call
        dispatcher = njit(nogil=True, **options)(function)
        dispatcher._cache = _Cache(function)
        return dispatcher

    return decorate


_InTree: Any = next(locator for locator in CompileResultCacheImpl._locator_classes if "InTree" in locator.__name__)


class _BesideTheCode(_InTree):  # type: ignore[misc]  # numba has no types
    """The place beside the code, also where it cannot be written to."""

    def ensure_cache_path(self) -> None:
        pass


class _Places(CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (*CompileResultCacheImpl._locator_classes, _BesideTheCode)


class _Cache(FunctionCache):  # type: ignore[misc]
    """numba's cache of one function, with everything that the function depends on in the key."""

    _impl_class = _Places

    def save_overload(self, signature: Any, data: Any) -> None:
        try:
            super().save_overload(signature, data)
        except OSError as error:
            _tell_once(error.strerror or str(error))

    def _index_key(self, signature: Any, codegen: Any) -> tuple[object, ...]:
        return (*super()._index_key(signature, codegen), parts_digest(self._py_func))


def parts_digest(function: Any) -> str:
    """SHA-256 of the source files of all compiled functions and instructions that a function reaches, and of the numbers that they name.

    Call it when all modules are loaded: a function may call another one that is defined below it.

    Raises:
        TypeError: a function reads an attribute of a module of this package; import the attribute by its own name instead.
    """
    files: set[str] = set()
    numbers: set[str] = set()
    waiting, seen = [function], {function}
    while waiting:
        reached = waiting.pop()
        files.add(reached.__code__.co_filename)
        for name in _names(reached.__code__):
            value = reached.__globals__.get(name)
            if isinstance(value, Dispatcher) and value.py_func not in seen:
                seen.add(value.py_func)
                waiting.append(value.py_func)
            elif isinstance(value, _Intrinsic):  # an instruction, such as those of vectors.py
                files.add(value._defn.__code__.co_filename)
            elif isinstance(value, _NUMBERS):
                numbers.add(f"{reached.__module__}.{name} = {value!r}")
            elif isinstance(value, ModuleType) and value.__name__.partition(".")[0] == __name__.partition(".")[0]:
                raise TypeError(f"expected {reached.__name__} to import what it uses of {value.__name__} by its own name, got the module")
    content = [*sorted(map(_file_digest, files)), *sorted(numbers)]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()


@functools.cache
def _tell_once(reason: str) -> None:
    _log.warning("compiled code cannot be kept (%s): every start takes about a minute longer", reason)


def _names(code: CodeType) -> Iterator[str]:
    """The global names in a function's code, including those in its comprehensions."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


@functools.cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
