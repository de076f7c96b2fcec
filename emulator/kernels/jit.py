"""The one place that knows numba's options.

- ``fastmath`` stays off: sums keep their order, so that engines agree to the bit.
- ``error_model="numpy"``: a division does not test for 0, so that loops vectorise.
- ``nogil``: threads run kernels on disjoint samples side by side.
- ``_nrt=False``: kernels allocate nothing and count no references. A reference count is
  an atomic operation on memory that all threads share; with it, an array slice costs
  more than the loop over it, and two threads are as slow as one.
- ``no_cfunc_wrapper``: nothing written in C calls a kernel.
- ``forceinline``: a function that takes dozens of arrays passes hundreds of numbers, which
  costs more than a small one does; LLVM's own judgement leaves large functions apart.
- ``pipeline_class``: all is optimised once, what is inlined in the kernel only (`parts`).
- ``cache``: kernels are compiled once per machine. The cache of a kernel does not notice an
  edit in *another* module: run ``make clean-cache`` after changing a kernel. What is compiled for
  types of another package (a kind of unit defined elsewhere) is not kept: the index of a cache
  names its types, and could not be read where that package is missing. Where no directory can be
  written, what an installation brought along is read, and the rest is compiled at every start.

``EQCHIP_DISABLE_JIT=1`` runs every kernel as plain Python (slow; for coverage and
debugging).
"""

from __future__ import annotations

import contextlib
import inspect
import os
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numba
import numba.core.caching
import numba.core.event
import numba.extending
import numpy as np
from llvmlite import ir

from eqchip.emulator.compiling import compiling_begins, compiling_ends
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.parts import KernelCompiler, PartCompiler

JIT_DISABLED = os.environ.get("EQCHIP_DISABLE_JIT", "") not in ("", "0")
ONCE = "Compiling kernels, once per machine ..."
EVERY_TIME = (
    "Compiling kernels, as at every start: no directory for them can be written; "
    "NUMBA_CACHE_DIR may name one ..."
)
NOT_KEPT = "Compiling kernels ..."  # of another package's types, or of no file
OPTIONS = {
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "_nrt": False,
    "no_cfunc_wrapper": True,
}
CALLED = {**OPTIONS, "pipeline_class": KernelCompiler}
INLINED = {
    **OPTIONS,
    "no_cpython_wrapper": True,
    "forceinline": True,
    "pipeline_class": PartCompiler,
}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled function called from Python."""
    if JIT_DISABLED:
        return function
    dispatcher = numba.njit(**CALLED)(function)
    with contextlib.suppress(RuntimeError):  # typed in, not in a file: nothing to find it by
        dispatcher._cache = _OwnCache(function)
    return dispatcher


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled function called from kernels only.

    A constant is typed as any other number. By itself numba types it, and what a variable begins
    with, by its value, and compiles all that is called with it once more.
    """
    if JIT_DISABLED:
        return function
    dispatcher: Any = numba.njit(**INLINED)(function)
    of_types = dispatcher.get_call_template

    def of_numbers(args: Any, kws: Any) -> Any:
        return of_types(
            tuple(map(numba.types.unliteral, args)),
            {name: numba.types.unliteral(kind) for name, kind in kws.items()},
        )

    dispatcher.get_call_template = of_numbers
    return dispatcher


def _prefetch(typing: Any, array: Any, index: Any) -> Any:
    """Ask for a number of an array before it is needed; nothing is computed."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
        builder.call(ask, [place, *(ir.Constant(number, value) for value in READ_SOON)])
        return context.get_dummy_value()

    return numba.types.void(array, index), code


READ_SOON = (0, 3, 1)  # to read, into the nearest cache, data
prefetch = (lambda array, index: None) if JIT_DISABLED else numba.extending.intrinsic(_prefetch)


def by_number(floating: Callable[..., Any], fixed: Callable[..., Any]) -> Callable[..., Any]:
    """One name for two inlined functions with the same arguments, one of them `state`.

    Kernels that call it are compiled with `floating` where what arrives, ``state.incoming``, are
    floating-point numbers and with `fixed` where they are a chip's integers.
    """
    place = _place(floating, "state")

    def of_values(*arguments: Any) -> Any:
        return fixed if arguments[place].incoming.dtype.kind == "i" else floating

    def of_types(*arguments: Any) -> Any:
        state = arguments[place]
        number = state.types[state.fields.index("incoming")].dtype
        return floating if isinstance(number, numba.types.Float) else fixed

    return _chosen(floating, of_values, of_types)


def by_first(floating: Callable[..., Any], fixed: Callable[..., Any]) -> Callable[..., Any]:
    """As `by_number`, chosen by the first argument: a number, or an array of them."""

    def of_values(*arguments: Any) -> Any:
        return fixed if np.asarray(arguments[0]).dtype.kind == "i" else floating

    def of_types(*arguments: Any) -> Any:
        number = getattr(arguments[0], "dtype", arguments[0])
        return floating if isinstance(number, numba.types.Float) else fixed

    return _chosen(floating, of_values, of_types)


HOMES = {
    "unit": "eqchip.emulator.kernels.kinds",
    "plasticity": "eqchip.emulator.kernels.plastic",
    "links": "eqchip.emulator.kernels.links",
    "stream": "eqchip.emulator.kernels.streams",
    "carried": "eqchip.emulator.kernels.carried",
}


def by_kind(table: Mapping[type, Any], name: str) -> Callable[..., Any]:
    """`by_type` of the kind of unit."""
    return by_type(table, name, "unit")


def by_type(table: Mapping[type, Any], name: str, field: str) -> Callable[..., Any]:
    """One name for the functions `name` of all rows; one of their arguments is `rules`.

    Kernels that call it are compiled with that of the row of `table` for the type of the rules'
    `field`. All have the arguments of the first row's.
    """
    first = getattr(next(iter(table.values())), name)
    place = _place(first, "rules")

    def of_kind(kind: type) -> Any:
        if kind not in table:
            known = ", ".join(known.__name__ for known in table)
            raise InputError(
                f"{name}: no kind of {field} has the rules {kind.__name__}; "
                f"expected one of {known}, or a row for it in {HOMES[field]}"
            )
        return getattr(table[kind], name)

    def of_values(*arguments: Any) -> Any:
        return of_kind(type(getattr(arguments[place], field)))

    def of_types(*arguments: Any) -> Any:
        rules = arguments[place]
        return of_kind(rules.types[rules.fields.index(field)].instance_class)

    return _chosen(first, of_values, of_types)


def over_groups(table: Mapping[type, Any], name: str) -> Callable[..., None]:
    """The functions `name` of the rows of all groups of units, called one after the other.

    groups, kept: tuples, the rules of each group, by whose type its row of `table` is found, and
    what it keeps. A kernel that calls it is compiled with the functions of the kinds that are
    there, and with no others.
    """

    def function_of(kind: type) -> Any:
        return getattr(table[kind], name)

    def each(groups: Any, kept: Any, net: Any, state: Any) -> None:
        for rules, unit in zip(groups, kept, strict=True):
            function_of(type(rules))(rules, unit, net, state)

    if JIT_DISABLED:
        return each

    def typed(groups: Any, kept: Any, net: Any, state: Any) -> Any:
        call = function_of(groups.types[0].instance_class)
        if len(groups) == 1:
            return lambda groups, kept, net, state: call(groups[0], kept[0], net, state)

        def one_after_the_other(groups, kept, net, state):
            call(groups[0], kept[0], net, state)
            each(groups[1:], kept[1:], net, state)

        return one_after_the_other

    bare = inspect.signature(lambda groups, kept, net, state: None)  # numba compares it
    typed.__signature__ = bare  # type: ignore[attr-defined]
    numba.extending.overload(each, jit_options=INLINED)(typed)
    return each


def _place(function: Callable[..., Any], argument: str) -> int:
    return list(inspect.signature(_python(function)).parameters).index(argument)


def _python(function: Callable[..., Any]) -> Callable[..., Any]:
    return getattr(function, "py_func", function)


def _chosen(
    pattern: Callable[..., Any], of_values: Callable[..., Any], of_types: Callable[..., Any]
) -> Callable[..., Any]:
    """A function with the arguments of `pattern` that is another one, chosen by its arguments.

    of_values: of what is called in plain Python; of_types: of numba's types, when it is compiled.
    """

    def choose(*arguments: Any) -> Any:
        return of_values(*arguments)(*arguments)

    if JIT_DISABLED:
        return choose

    def typed(*arguments: Any) -> Any:
        return _python(of_types(*arguments))

    typed.__signature__ = inspect.signature(_python(pattern))  # type: ignore[attr-defined]  # numba compares it
    numba.extending.overload(choose, jit_options=INLINED)(typed)
    return choose


class _Unwritable(numba.core.caching.InTreeCacheLocator):
    """Beside the source, whether that can be written or not."""

    def ensure_cache_path(self) -> None:
        """Any will do."""


class _Files(numba.core.caching.CompileResultCacheImpl):
    """Written where numba would, and read beside the source where it can write nowhere."""

    _locator_classes = (*numba.core.caching.CacheImpl._locator_classes, _Unwritable)


class _OwnCache(numba.core.caching.FunctionCache):
    """Keeps what is compiled for types of this package alone.

    It spares time, and nothing else: what cannot be read is compiled, and what cannot be written
    (a full disk, too) is not kept.
    """

    _impl_class = _Files

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except (EOFError, pickle.UnpicklingError):  # cut off, as by a loss of power
            with contextlib.suppress(OSError):
                self.flush()
        except OSError:
            pass
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        if all(map(_is_own, getattr(sig, "args", sig))):
            with contextlib.suppress(OSError):
                super().save_overload(sig, data)

    @property
    def writable(self) -> bool:
        """Whether there is a directory to keep things in."""
        return not isinstance(self._impl.locator, _Unwritable)


def _is_own(kind: Any) -> bool:
    """Whether a type of numba is made of this package's types alone."""
    if not isinstance(kind, numba.types.BaseNamedTuple):
        return True
    own = kind.instance_class.__module__.split(".")[0] == __name__.split(".")[0]
    return own and all(map(_is_own, kind.types))


class _Watch(numba.core.event.Listener):
    """Passes on when numba compiles; what it reads from its cache is no event."""

    def on_start(self, event: Any) -> None:
        cache = event.data["dispatcher"]._cache
        if not isinstance(cache, _OwnCache) or not all(map(_is_own, event.data["args"])):
            compiling_begins(NOT_KEPT)
        else:
            compiling_begins(ONCE if cache.writable else EVERY_TIME)

    def on_end(self, event: Any) -> None:
        compiling_ends()


numba.core.event.register("numba:compile", _Watch())
