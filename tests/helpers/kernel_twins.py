"""Kernels called from Python."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numba

from eqchip.emulator.kernels.jit import JIT_DISABLED, OPTIONS


@lru_cache
def from_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that only kernels call, made callable from here; never cached, so never old."""
    if JIT_DISABLED:
        return function

    @numba.njit(**OPTIONS)
    def call(*arguments):
        return function(*arguments)

    return call
