"""Vectors of 16 floats for compiled kernels (ours): a numba type whose arithmetic LLVM turns into the widest instructions of the processor.

numba vectorizes loops by guessing. A matrix product lives from keeping a block of sums in registers, which no guess does. One vector is two
registers on AVX2, one on AVX-512 and four on NEON. A product that is added to something becomes a fused multiply-add where there is one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
"""Floats of a vector."""

_FLOAT, _VECTOR = ir.FloatType(), ir.VectorType(ir.FloatType(), LANES)
_FIRST = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
_FUSED = ("contract",)  # allows a fused multiply-add, and no other change of the arithmetic


class _VectorType(types.Type):  # type: ignore[misc]  # numba has no types
    def __init__(self) -> None:
        super().__init__(name=f"float32x{LANES}")


_vector = _VectorType()


@register_model(_VectorType)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)


def _place(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> Any:
    """The address of element ``start`` of a contiguous array."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(builder.bitcast(data, _FLOAT.as_pointer()), [start], source_etype=_FLOAT)


@intrinsic
def load(typing: Any, array: Any, start: Any) -> Any:
    """``array[start : start + LANES]`` of a contiguous float32 [N], unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments)
        return builder.load(builder.bitcast(place, _VECTOR.as_pointer()), align=4, typ=_VECTOR)

    return _vector(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, start: Any, vector: Any) -> Any:
    """``array[start : start + LANES] = vector``, unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store(arguments[2], builder.bitcast(place, _VECTOR.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), generate


def _everywhere(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, _FIRST)


@intrinsic
def filled(typing: Any, number: Any) -> Any:
    """A vector with the same number everywhere."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _everywhere(builder, arguments[0])

    return _vector(types.float32), generate


@intrinsic
def load_everywhere(typing: Any, array: Any, place: Any) -> Any:
    """``filled(array[place])`` of a contiguous float32 [N], unchecked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, signature.args[0], *arguments)
        return _everywhere(builder, builder.load(place, typ=_FLOAT))

    return _vector(array, types.intp), generate


@intrinsic
def larger(typing: Any, one: Any, other: Any) -> Any:
    """The larger of two vectors, lane by lane."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *arguments), *arguments)

    return _vector(_vector, _vector), generate


def _arithmetic(operation: Callable[[Any, Any], Any], name: str) -> None:
    """Gives vectors an operator of Python."""

    @intrinsic
    def compute(typing: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments, flags=_FUSED)

        return _vector(_vector, _vector), generate

    @overload(operation, strict=False)
    def operator_of_vectors(one: Any, other: Any) -> Any:
        if one is _vector and other is _vector:
            return lambda one, other: compute(one, other)
        return None


_arithmetic(operator.add, "fadd")
_arithmetic(operator.sub, "fsub")
_arithmetic(operator.mul, "fmul")
