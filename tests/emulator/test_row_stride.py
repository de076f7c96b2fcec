"""Rows that are read together do not fight for the same sets of the cache."""

from __future__ import annotations

import numpy as np
import pytest

from eqchip.emulator.description.network import Network
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.kernels.ep import EPState
from eqchip.emulator.kernels.lowered import CACHE_LINE, row_stride
from eqchip.emulator.kernels.state import Kept, new_scratch, new_state

NUMBERS = [np.dtype(name) for name in ("float32", "float64", "int32")]


def lines_apart(one: np.ndarray, other: np.ndarray) -> float:
    return abs(one.ctypes.data - other.ctypes.data) / CACHE_LINE


@pytest.mark.parametrize("hidden", [256, 500, 1000, 2000])
@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_rows_that_meet_are_an_odd_number_of_cache_lines_apart(dtype, hidden):
    floats = np.dtype(np.float64) if dtype.kind == "i" else dtype
    lowered = lower(Network.dense([784, hidden, 10], seed=0), floats)
    scratch = new_scratch(lowered, dtype)
    blocks = [scratch.sums, scratch.tile] if dtype.kind == "i" else [scratch.sums]
    for block in blocks:
        assert lines_apart(block[0], block[1]) % 2 == 1
    kept = Kept(EPState, {"s": 0.0, "phi": 0.0, "r": 0.0})
    unit = new_state(kept, int(lowered.offsets[-1]), len(lowered.sizes), dtype).unit
    assert lines_apart(unit.s, unit.phi) % 2 == 1
    assert lines_apart(scratch.u, scratch.p) % 2 == 1


@pytest.mark.parametrize("columns", [1, 15, 16, 17, 512, 513])
def test_a_stride_is_the_next_odd_number_of_lines(columns):
    lines = row_stride(columns, np.dtype(np.float32)) / 16
    assert lines % 2 == 1
    assert columns / 16 <= lines < columns / 16 + 2
