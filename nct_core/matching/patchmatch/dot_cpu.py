"""The dot product of two patches as vector instructions (ours): the innermost loop of PatchMatch on the CPU.

Addresses take the place of arrays, because numba counts the references to an array wherever it cuts a piece from it, with instructions for which the cores wait
for each other.
"""

from __future__ import annotations

import functools
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 16
"""The numbers in a row of a patch are a multiple of this."""

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)


def _dot(rows: int) -> Any:
    """Makes the function that multiplies so many rows."""

    @intrinsic
    def dot(typing_context: Any, ours: Any, our_line: Any, theirs: Any, their_line: Any, count: Any) -> Any:
        return types.int64(types.int64, types.int64, types.int64, types.int64, types.int64), functools.partial(_generate, rows)

    return dot


def _generate(rows: int, context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Sums eight pairs of products at a time: processors have one instruction for that."""
    ours, our_line, theirs, their_line, count = arguments
    narrow, wide, half = ir.VectorType(_I16, LANES), ir.VectorType(_I32, LANES), ir.VectorType(_I32, LANES // 2)
    evens, odds = (ir.Constant(half, list(range(first, LANES, 2))) for first in (0, 1))
    total = cgutils.alloca_once_value(builder, ir.Constant(half, None))

    def numbers(address: Any, line: Any, row: int, offset: Any) -> Any:
        place = builder.add(offset, builder.mul(line, ir.Constant(_I64, row)))
        pointer = builder.inttoptr(builder.add(address, builder.shl(place, ir.Constant(_I64, 1))), narrow.as_pointer())
        return builder.sext(builder.load(pointer, align=2), wide)

    with cgutils.for_range(builder, builder.udiv(count, ir.Constant(_I64, LANES))) as loop:
        offset = builder.mul(loop.index, ir.Constant(_I64, LANES))
        for row in range(rows):
            products = builder.mul(numbers(ours, our_line, row, offset), numbers(theirs, their_line, row, offset))
            pairs = builder.add(*(builder.shuffle_vector(products, ir.Constant(wide, ir.Undefined), which) for which in (evens, odds)))
            builder.store(builder.add(builder.load(total), pairs), total)
    reduce = cgutils.get_or_insert_function(builder.module, ir.FunctionType(_I32, [half]), f"llvm.vector.reduce.add.v{LANES // 2}i32")
    return builder.sext(builder.call(reduce, [builder.load(total)]), _I64)


patch_dot = _dot(3)
"""Sum of the products of int16 numbers in three rows of two pictures, int64; the sum has to fit into 31 bits.

    patch_dot(ours, our_line, theirs, their_line, count)

``ours`` and ``theirs`` are the addresses of the first numbers, ``our_line`` and ``their_line`` the numbers from one row of a picture to the next,
``count`` the numbers in a row of the patch, a multiple of LANES; all int64.
"""

row_dot = _dot(1)
"""The same for one row; the lines have no meaning."""
