"""A kernel that another one calls where it is, by its address.

Called by its name it would be compiled once more, as a part of its caller: with the relaxation in
it, learning on a chip takes a third longer to compile.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numba.extending
from llvmlite import ir
from numba.core import cgutils

from eqchip.emulator.kernels.jit import JIT_DISABLED


class Address(NamedTuple):
    """Where the machine code of a kernel is, and a sum over the types of its arguments."""

    place: int
    types: int


def address_of(kernel: Callable[..., Any], *arguments: Any) -> Any:
    """The address of a kernel that returns nothing, for arguments of these types.

    It is compiled if it was not yet. In plain Python it is the kernel itself.
    """
    if JIT_DISABLED:
        return kernel
    dispatcher: Any = kernel
    types = tuple(map(dispatcher.typeof_pyval, arguments))
    dispatcher.compile(types)
    made = dispatcher.overloads[types]
    return Address(
        made.library.get_pointer_to_function(made.fndesc.llvm_func_name), _sum_over(types)
    )


def _sum_over(types: tuple[Any, ...]) -> int:
    return zlib.crc32("\n".join(map(str, types)).encode())


def _call_at(typing: Any, address: Any, arguments: Any) -> Any:
    """Call what is at an `Address` with the arguments in a tuple.

    Raises TypeError where the address is of arguments of other types.
    """

    def code(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place, found = cgutils.unpack_tuple(builder, values[0])
        types, number = tuple(signature.args[1].types), ir.IntType(64)
        expected = ir.Constant(number, _sum_over(types))
        with builder.if_then(builder.icmp_unsigned("!=", found, expected), likely=False):
            said = ("a kernel is called by its address with arguments of other types",)
            context.call_conv.return_user_exc(builder, TypeError, said)
        kind = context.call_conv.get_function_type(numba.types.none, types)
        status, _ = context.call_conv.call_function(
            builder,
            builder.inttoptr(place, kind.as_pointer()),
            numba.types.none,
            types,
            cgutils.unpack_tuple(builder, values[1]),
        )
        with builder.if_then(status.is_error, likely=False):
            context.call_conv.return_status_propagate(builder, status)
        return context.get_dummy_value()

    return numba.types.void(address, arguments), code


def _call_plainly(kernel: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    kernel(*arguments)


call_at = _call_plainly if JIT_DISABLED else numba.extending.intrinsic(_call_at)
