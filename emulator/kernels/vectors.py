"""LLVM vectors of one cache line, for the loops that LLVM does not find by itself.

These functions write instructions; numba's intrinsics in `rows` and `gather` call them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba.core import config

CACHE_LINE = 64  # bytes
INDEX = ir.IntType(64)
INT32 = ir.IntType(32)


def has_features(*names: str) -> bool:
    """Whether numba compiles for them: for this processor, if NUMBA_CPU_NAME names no other."""
    if config.CPU_FEATURES is not None:
        return {f"+{name}" for name in names} <= set(config.CPU_FEATURES.split(","))
    try:
        features = binding.get_host_cpu_features()
    except RuntimeError:  # LLVM does not know this processor
        return False
    return all(features.get(name, False) for name in names)


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


def sum_rows(
    builder: Any, first: Any, last: Any, row_at: Any, terms_at: Any, initial: Any, add: Any
) -> list[Any]:
    """The vectors `initial`, plus those of row_at(k) for k = first ... last - 1, in this order.

    row_at(k): where the row starts, an INDEX; terms_at(place, k): its vectors; add: the
    builder's addition. The sums stay in registers. The builder is left behind the loop.
    """
    head = builder.block
    loop = builder.append_basic_block("rows")
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", first, last), loop, done)

    builder.position_at_end(loop)
    k = builder.phi(INDEX)
    sums = [builder.phi(value.type) for value in initial]
    k.add_incoming(first, head)
    terms = terms_at(row_at(k), k)
    new = [add(s, term) for s, term in zip(sums, terms, strict=True)]
    following = builder.add(k, ir.Constant(INDEX, 1))
    k.add_incoming(following, loop)
    for s, value, start in zip(sums, new, initial, strict=True):
        s.add_incoming(start, head)
        s.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following, last), loop, done)

    builder.position_at_end(done)
    totals = []
    for value, start in zip(new, initial, strict=True):
        total = builder.phi(value.type)
        total.add_incoming(start, head)
        total.add_incoming(value, loop)
        totals.append(total)
    return totals


def add_at_bits(builder: Any, out_p: Any, out_stride: Any, mask: Any, terms: Any, add: Any) -> None:
    """Add the vectors `terms` to what stands at out_p + t * out_stride, for each bit t of mask."""
    zero, one = (ir.Constant(mask.type, number) for number in (0, 1))
    head = builder.block
    loop = builder.append_basic_block("bits")
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_unsigned("!=", mask, zero), loop, done)

    builder.position_at_end(loop)
    left = builder.phi(mask.type)
    left.add_incoming(mask, head)
    t = builder.zext(builder.cttz(left, ir.Constant(ir.IntType(1), 1)), INDEX)
    row_p = builder.gep(out_p, [builder.mul(t, out_stride)])
    for k, term in enumerate(terms):
        store(builder, add(load(builder, row_p, term.type, k), term), row_p, k)
    rest = builder.and_(left, builder.sub(left, one))
    left.add_incoming(rest, loop)
    builder.cbranch(builder.icmp_unsigned("!=", rest, zero), loop, done)

    builder.position_at_end(done)


def _itemsize(vector: Any) -> int:
    element = vector.element
    return int(element.width) // 8 if isinstance(element, ir.IntType) else _FLOAT_BYTES[element]


_FLOAT_BYTES = {ir.FloatType(): 4, ir.DoubleType(): 8}
