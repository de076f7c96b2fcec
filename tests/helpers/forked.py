"""Work for a child process, which must find it by import."""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine import synchronous
from eqchip.emulator.problem.pose import pose


def ends_on_two_threads() -> list[bytes]:
    """The potentials at the end of a small problem, to the bit."""
    return ends(2)


def ends(threads: int) -> list[bytes]:
    """The same, on so many threads."""
    problem = pose(
        Network.dense((6, 5, 3), seed=1),
        np.linspace(0, 1, 24).reshape(4, 6),
        coding=Coding(),
        phases=[Free(4)],
        precision="float32",
    )
    return [layer.tobytes() for layer in synchronous.solve(problem, threads=threads).ends[0]]
