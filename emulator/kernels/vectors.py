"""LLVM vectors of one cache line, for the loops that LLVM does not find by itself.

These functions write instructions; numba's intrinsics in `rows` and `gather` call them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

CACHE_LINE = 64  # bytes
INDEX = ir.IntType(64)
INT32 = ir.IntType(32)


def line_of(number: Any) -> Any:
    """The vector type of one cache line of numbers, from numba's type of a number."""
    width = CACHE_LINE // (number.bitwidth // 8)
    scalar = {32: ir.FloatType(), 64: ir.DoubleType()}[number.bitwidth]
    return ir.VectorType(scalar, width)


def pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """The address of element `index` of an array, counted over its flat memory."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [index])


def _place(builder: Any, start: Any, vector: Any, k: int) -> Any:
    place = builder.gep(start, [ir.Constant(INDEX, k * vector.count)])
    return builder.bitcast(place, vector.as_pointer())


def load(builder: Any, start: Any, vector: Any, k: int = 0) -> Any:
    """Vector k behind an address of single elements, aligned as an element is."""
    value = builder.load(_place(builder, start, vector, k))
    value.align = _itemsize(vector)
    return value


def store(builder: Any, value: Any, start: Any, k: int = 0) -> None:
    """As `load`, the other way."""
    vector = value.type
    builder.store(value, _place(builder, start, vector, k)).align = _itemsize(vector)


def splat(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of one number in every place."""
    undefined = ir.Constant(vector, ir.Undefined)
    lane0 = builder.insert_element(undefined, value, ir.Constant(INT32, 0))
    zeros = ir.Constant(ir.VectorType(INT32, vector.count), [0] * vector.count)
    return builder.shuffle_vector(lane0, undefined, zeros)


def _itemsize(vector: Any) -> int:
    element = vector.element
    return int(element.width) // 8 if isinstance(element, ir.IntType) else _FLOAT_BYTES[element]


_FLOAT_BYTES = {ir.FloatType(): 4, ir.DoubleType(): 8}
