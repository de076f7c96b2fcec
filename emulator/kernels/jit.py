"""The one place that knows numba's options.

- ``fastmath`` stays off: sums keep their order, so that engines agree to the bit.
- ``error_model="numpy"``: a division does not test for 0, so that loops vectorise.
- ``nogil``: threads run kernels on disjoint samples side by side.
- ``_nrt=False``: kernels allocate nothing and count no references. A reference count is
  an atomic operation on memory that all threads share; with it, an array slice costs
  more than the loop over it, and two threads are as slow as one.
- ``forceinline``: a function that takes dozens of arrays passes hundreds of numbers, which
  costs more than a small one does; LLVM's own judgement leaves large functions apart.
- ``cache``: compiled once per machine. The cache of a kernel does not notice an
  edit in *another* module: run ``make clean-cache`` after changing a kernel.

``EQCHIP_DISABLE_JIT=1`` runs every kernel as plain Python (slow; for coverage and
debugging).
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

import numba
import numba.extending

JIT_DISABLED = os.environ.get("EQCHIP_DISABLE_JIT", "") not in ("", "0")
OPTIONS = {
    "cache": True,
    "nogil": True,
    "fastmath": False,
    "error_model": "numpy",
    "_nrt": False,
}
INLINED = {**OPTIONS, "no_cpython_wrapper": True, "forceinline": True}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled function called from Python."""
    return function if JIT_DISABLED else numba.njit(**OPTIONS)(function)


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A compiled function called from kernels only."""
    return function if JIT_DISABLED else numba.njit(**INLINED)(function)


def by_number(floating: Callable[..., Any], fixed: Callable[..., Any]) -> Callable[..., Any]:
    """One name for two inlined functions with the same arguments, one of them `state`.

    Kernels that call it are compiled with `floating` where the potentials ``state.s`` are
    floating-point numbers and with `fixed` where they are a chip's integers.
    """
    signature = inspect.signature(getattr(floating, "py_func", floating))
    place = list(signature.parameters).index("state")

    def choose(*arguments: Any) -> Any:
        kind = arguments[place].s.dtype.kind
        return (fixed if kind == "i" else floating)(*arguments)

    if JIT_DISABLED:
        return choose

    def typed(*arguments: Any) -> Any:
        state = arguments[place]
        number = state.types[state.fields.index("s")].dtype
        chosen: Any = floating if isinstance(number, numba.types.Float) else fixed
        return chosen.py_func

    typed.__signature__ = signature  # type: ignore[attr-defined]  # numba compares it
    options = {name: value for name, value in INLINED.items() if name != "cache"}
    numba.extending.overload(choose, jit_options=options)(typed)
    return choose
