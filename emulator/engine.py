"""The tick-synchronous, event-driven engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.activity import Activity
from eqchip.emulator.coding import OptimalStepSize
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.lowering import Lowered, layer_units, lower
from eqchip.emulator.phases import Nudged
from eqchip.emulator.problem import Problem, Run

QUANTIZERS = {
    "sigma-delta": arrays.SIGMA_DELTA,
    "bernoulli": arrays.BERNOULLI,
    "none": arrays.REAL_VALUED,
}


def solve(problem: Problem, *, threads: int | None = None, lowered: Lowered | None = None) -> Run:
    """Run a problem on the event-driven engine.

    Parameters
    ----------
    problem : Problem
        From :func:`eqchip.emulator.problem.pose`.
    threads : int, optional
        Samples run side by side on this many threads. Default: all processors
        that this process may use. The result does not depend on it.
    lowered : Lowered, optional
        The problem's network, lowered before (training lowers once).

    Returns
    -------
    Run
    """
    lowered = lower(problem.network, problem.dtype) if lowered is None else lowered
    batch, units = len(problem.x), int(lowered.offsets[-1])
    phases, layers = len(problem.phases), len(lowered.sizes)
    steps, columns = problem.steps, int(lowered.strides[0])
    record = arrays.Record(
        np.zeros((phases, batch, units), problem.dtype),
        np.zeros((batch, phases, layers), np.int64),
        np.zeros((batch, phases, layers - 1, 2), np.int64),
        np.zeros(batch, np.int64),
        np.zeros((steps if "bits" in problem.record else 0, batch, units), np.uint8),
        np.zeros((steps if "potentials" in problem.record else 0, batch, units), problem.dtype),
    )
    arguments = (
        lowered,
        _rules(problem),
        record,
        _given_uniforms(problem, lowered),
        problem.x,
        _targets(problem, int(lowered.sizes[-1])),
        problem.samples.astype(np.uint64),
    )
    share(
        lambda first, last: relax(
            *arguments,
            arrays.new_state(units, layers, problem.dtype),
            arrays.new_state(units, layers, problem.dtype),
            arrays.new_scratch(units, columns, problem.dtype),
            first,
            last,
        ),
        batch,
        resolve_threads(threads),
    )
    return Run(
        problem.phases,
        _by_layer(record.bits, problem, lowered) if "bits" in problem.record else None,
        _by_layer(record.potentials, problem, lowered) if "potentials" in problem.record else None,
        [_by_layer(end, problem, lowered) for end in record.ends],
        _activity(problem, record),
    )


def resolve_threads(threads: int | None) -> int:
    """The number of threads to use: as asked, or all processors of this process."""
    if threads is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if isinstance(threads, bool) or not hasattr(threads, "__index__") or threads < 1:
        raise InputError(f"threads is {threads!r}; expected a whole number of at least 1")
    return int(threads)


def share(work: Callable[[int, int], None], items: int, threads: int) -> None:
    """Call work(first, last) for all items, split over threads."""
    threads = min(threads, items)
    bounds = [items * k // threads for k in range(threads + 1)]
    others = [_pool(threads - 1).submit(work, bounds[k], bounds[k + 1]) for k in range(1, threads)]
    work(bounds[0], bounds[1])
    for other in others:
        other.result()


@lru_cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="eqchip")


def _rules(problem: Problem) -> arrays.Rules:
    dtype, coding = problem.dtype, problem.coding
    one = dtype.type(1)
    none = np.zeros(0, dtype)
    eps = none if problem.step_table is None else problem.step_table
    lam = none if problem.prediction_table is None else problem.prediction_table
    adaptive = coding.step_size if isinstance(coding.step_size, OptimalStepSize) else None
    low, high = philox.split_seed(problem.seed)
    return arrays.Rules(
        QUANTIZERS[coding.quantizer],
        adaptive is not None,
        coding.prediction is not None,
        problem.input == "current",
        eps,
        one - eps,
        lam,
        one - lam,
        np.array([adaptive.nu_bar if adaptive else 0], dtype),
        np.array([adaptive.regularizer if adaptive else 0], dtype),
        np.array([phase.steps for phase in problem.phases], np.int64),
        np.array([phase.from_free for phase in problem.phases], np.int64),
        np.array([2 * p.beta if isinstance(p, Nudged) else 0 for p in problem.phases], dtype),
        np.array([low, high], np.uint64),
    )


def _targets(problem: Problem, n_out: int) -> np.ndarray:
    targets = np.zeros((len(problem.phases), len(problem.x), n_out), problem.dtype)
    for k, target in enumerate(problem.targets):
        if target is not None:
            targets[k] = target
    return targets


def _given_uniforms(problem: Problem, lowered: Lowered) -> np.ndarray:
    if problem.uniforms is None:
        return np.zeros((0, 0, 0), problem.dtype)
    shape = (problem.steps, len(problem.x), int(lowered.offsets[-1]))
    given = np.zeros(shape, problem.dtype)
    for layer, values in enumerate(problem.uniforms):
        layer_units(lowered, given, layer)[:] = values
    return given


def _by_layer(array: np.ndarray, problem: Problem, lowered: Lowered) -> list[np.ndarray]:
    """Split the last axis, over all units, into one array per layer of the layer's shape."""
    return [
        layer_units(lowered, array, layer).reshape(*array.shape[:-1], *shape)
        for layer, shape in enumerate(problem.network.layers)
    ]


def _activity(problem: Problem, record: arrays.Record) -> Activity:
    batch = len(problem.x)
    steps = np.array([phase.steps for phase in problem.phases], np.int64)
    updates = steps[:, None] * np.array(problem.network.sizes, np.int64) * batch
    active = record.active.sum(0)
    if problem.input == "current":
        updates[:, 0] = 0
    arrivals = record.arrivals.sum(0)
    spikes, events, macs = active, arrivals, np.zeros_like(arrivals)
    if problem.coding.quantizer == "none":  # messages, but no spikes
        spikes, events, macs = np.zeros_like(active), macs, arrivals
    macs[0, 0, 0] += record.injected.sum()
    return Activity(problem.phase_names, batch, spikes, active, updates - active, events, macs)
