"""The fixed points of the real-valued network, which every coding is measured against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run

# O'Connor, Gavves and Welling: step size 0.5, and ten times the steps of the run.
REFERENCE_STEP_SIZE = 0.5
REFERENCE_STEPS_FACTOR = 10
# Short runs would leave too few steps even so.
REFERENCE_STEPS_LEAST = 2000
# A sample that is not at rest yet, near a bifurcation, gets so many times the steps.
REFERENCE_PATIENCE = (1, 10, 100)
# Far below every error of interest (1e-4), even where a weak pull leaves a fixed point a
# hundred residuals away; far above the rounding of float64.
RESIDUAL_LIMIT = 1e-9


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """Where the real-valued network comes to rest.

    Attributes
    ----------
    free, nudged : tuple of ndarray
        Potentials per layer, the input first, each of shape (inputs, units), float64.
    residual : float
        The largest ``|p - s|`` over units, samples and phases: how far the drive p would
        still pull a unit of potential s if the step size were 1 (with s kept in [0, 1]).
    steps : int
        In each phase, for the slowest sample.
    """

    free: tuple[np.ndarray, ...]
    nudged: tuple[np.ndarray, ...]
    residual: float
    steps: int


def fixed_points(
    network: Network,
    x: np.ndarray,
    target: np.ndarray,
    *,
    beta: float,
    steps: int,
    threads: int | None = None,
) -> FixedPoints:
    """Find the free fixed point of the real-valued network, and from there the nudged one.

    Parameters
    ----------
    network : Network
    x : ndarray, shape (inputs, n_in)
    target : ndarray, shape (inputs, n_out)
    beta : float
    steps : int
        In each of the two phases, at least 2; samples that move still get more.
    threads : int, optional

    Raises
    ------
    InputError
        If some sample is not at rest after a hundred times these steps.
    """
    n = len(x)
    free, nudged = ([np.zeros((n, size)) for size in network.sizes] for _ in range(2))
    residual, pending = np.zeros(n), np.arange(n)
    for patience in REFERENCE_PATIENCE:
        run = _settle(network, x[pending], target[pending], beta, steps * patience, threads)
        before_free, at_free, before_nudged, at_nudged = run.ends
        residual[pending] = 0.0
        for before, now in zip(before_free + before_nudged, at_free + at_nudged, strict=True):
            moved = np.abs(now - before).max(1) / REFERENCE_STEP_SIZE
            residual[pending] = np.maximum(residual[pending], moved)
        for layer in range(len(network.sizes)):
            free[layer][pending] = at_free[layer]
            nudged[layer][pending] = at_nudged[layer]
        pending = np.flatnonzero(~(residual <= RESIDUAL_LIMIT))
        if not len(pending):
            return FixedPoints(tuple(free), tuple(nudged), float(residual.max()), steps * patience)
    raise InputError(
        f"converge: {len(pending)} of {n} inputs do not bring the real-valued {network!r} to rest "
        f"in {steps * REFERENCE_PATIENCE[-1]} steps a phase (residual {residual.max():.1e}, limit "
        f"{RESIDUAL_LIMIT:.0e}), so there is no fixed point to compare with; expected smaller or "
        "fewer layers"
    )


def _settle(
    network: Network,
    x: np.ndarray,
    target: np.ndarray,
    beta: float,
    steps: int,
    threads: int | None,
) -> Run:
    """Free, then nudged; the last step of each is a phase of its own.

    So `ends` tell how far the last step moved, and no step needs to be recorded.
    """
    problem = pose(
        network,
        x,
        coding=Coding.real_valued(REFERENCE_STEP_SIZE),
        phases=[
            Free(steps - 1),
            Free(1),
            Nudged(steps - 1, target, beta),
            Nudged(1, target, beta),
        ],
        precision="float64",
    )
    return solve(problem, threads=threads)
