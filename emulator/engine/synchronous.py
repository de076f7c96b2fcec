"""The event-driven engine: with one clock for all, or, given a timing, without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from eqchip.emulator import philox
from eqchip.emulator.activity import Activity
from eqchip.emulator.description.asynchronous import EVENT
from eqchip.emulator.description.coding import OptimalStepSize
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.engine.asynchronous import (
    Asked,
    Overflow,
    chip_of,
    new_counts,
    rows_of,
    run_samples,
    timed,
)
from eqchip.emulator.engine.lowering import lower, lower_fixed
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.lowered import Lowered, layer_units
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.problem.problem import Problem, check_saturations, two_beta
from eqchip.emulator.problem.run import Run
from eqchip.emulator.threads import resolve_threads, share

QUANTIZERS = {
    "sigma-delta": arrays.SIGMA_DELTA,
    "bernoulli": arrays.BERNOULLI,
    "none": arrays.REAL_VALUED,
}


def solve(
    problem: Problem,
    *,
    threads: int | None = None,
    lowered: Lowered | None = None,
    average_steps: int = 1,
) -> Run:
    """Run a problem on the event-driven engine.

    Parameters
    ----------
    problem : Problem
        From :func:`eqchip.emulator.problem.pose.pose`.
    threads : int, optional
        Samples run side by side on this many threads. Default: all processors
        that this process may use. The result does not depend on it.
    lowered : Lowered, optional
        The problem's network, lowered before (training lowers once), with the problem's
        parts and in its numbers.
    average_steps : int
        The ends of a phase are means over so many of its last steps. Not with a timing.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        In strict mode, if a state left the chip's range. Without a clock, if more messages are
        in flight than `most_in_flight` allows: the error's ``run`` holds what was computed.
    """
    lowered = lower_problem(problem) if lowered is None else lowered
    workers = resolve_threads(threads)
    batch, units = len(problem.x), int(lowered.offsets[-1])
    phases, layers = len(problem.phases), len(lowered.sizes)
    steps = problem.steps if problem.timing is None else rows_of(problem)
    dtype = lowered.biases.dtype  # of states
    record = arrays.Record(
        np.zeros((phases, batch, units), dtype),
        np.zeros((batch, phases, layers), np.int64),
        np.zeros((batch, phases, layers - 1, 2), np.int64),
        np.zeros(batch, np.int64),
        np.zeros((batch, phases, layers), np.int64),
        np.zeros((batch, phases), np.int64),
        np.zeros((steps if "bits" in problem.record else 0, batch, units), np.uint8),
        np.zeros((steps if "potentials" in problem.record else 0, batch, units), dtype),
        np.zeros((steps if problem.parts else 0, batch, len(lowered.part_ends)), np.int32),
    )
    asked = Asked(
        lowered,
        _rules(problem, average_steps)
        if problem.fixed is None
        else fixed_rules(problem, problem.fixed, average_steps),
        _given_uniforms(problem, lowered),
        numbers_of(problem, problem.x),
        targets_of(problem, int(lowered.sizes[-1])),
        problem.samples.astype(np.uint64),
    )
    if problem.timing is not None:
        return _solve_timed(problem, asked, record, workers)
    adaptive = isinstance(problem.coding.step_size, OptimalStepSize)
    share(
        lambda first, last: relax(
            lowered,
            asked.rules,
            record,
            *asked[2:],
            arrays.new_state(units, layers, dtype, adaptive),
            arrays.new_state(units, layers, dtype, adaptive),
            arrays.new_scratch(lowered, dtype),
            first,
            last,
        ),
        batch,
        workers,
    )
    run = _answer(problem, asked.lowered, record, average_steps=average_steps)
    check_saturations(problem, record.saturations.sum(0))
    return run


def _solve_timed(problem: Problem, asked: Asked, record: arrays.Record, workers: int) -> Run:
    """Run a problem without a global clock; raises Overflow, with what was computed as `run`."""
    chip = chip_of(problem, asked.lowered)
    counts = new_counts(problem, chip)
    events: list[np.ndarray] | None = None
    if "events" in problem.record:
        events = [np.zeros(0, EVENT) for _ in problem.samples]
    overflows: list[Overflow] = []

    def work(first: int, last: int) -> None:
        overflow = run_samples(chip, asked, record, counts, events, problem.seed, first, last)
        if overflow is not None:
            overflows.append(overflow)

    share(work, len(problem.x), workers)
    if problem.parts:
        record = record._replace(part_spikes=counts.spikes)
    run = _answer(problem, asked.lowered, record, counts.updates.sum(0))
    run = replace(run, timed=timed(chip, counts, events))
    for overflow in overflows:
        overflow.run = run
        raise overflow
    check_saturations(problem, record.saturations.sum(0))
    return run


def _answer(
    problem: Problem,
    lowered: Lowered,
    record: arrays.Record,
    updates: np.ndarray | None = None,
    average_steps: int = 1,
) -> Run:
    """What was recorded, by layer; updates: neuron updates, (phases, layers), if counted."""
    ends = [_by_layer(end, problem, lowered) for end in record.ends]
    if average_steps > 1:
        count = problem.dtype.type(average_steps)
        ends = [[layer / count for layer in end] for end in ends]
    return Run(
        problem.phases,
        _by_layer(record.bits, problem, lowered) if "bits" in problem.record else None,
        _by_layer(record.potentials, problem, lowered) if "potentials" in problem.record else None,
        ends,
        activity_of(problem, record, updates),
        record.part_spikes if problem.parts else None,
        record.saturations.sum(0),
        readout=problem.readout,
    )


def lower_problem(problem: Problem, mirror: Sequence[np.ndarray] | None = None) -> Lowered:
    """The problem's network with its parts, in the numbers that it is run in.

    mirror: in a chip's integers, the weights that feedback spikes read (:func:`lower_fixed`).
    """
    if problem.fixed is not None:
        return lower_fixed(problem.network, problem.fixed, problem.parts, mirror=mirror)
    return lower(problem.network, problem.dtype, problem.parts)


def _rules(problem: Problem, average: int) -> arrays.Rules:
    dtype, coding = problem.dtype, problem.coding
    one = dtype.type(1)
    none = np.zeros(0, dtype)
    # Copies are writable, as `none` is: one type for numba, so one compilation for all codings.
    eps = none if problem.step_table is None else problem.step_table.copy()
    lam = none if problem.prediction_table is None else problem.prediction_table.copy()
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
        1,
        average,
        problem.readout == "cross-entropy",
    )


def fixed_rules(problem: Problem, fixed: FixedPoint, average: int) -> arrays.FixedRules:
    """The problem's coding and phases as kernels of a chip's integers take them."""
    coding = problem.coding
    low, high = philox.split_seed(problem.seed)
    lam = np.zeros(0, np.int64) if problem.prediction_gains is None else problem.prediction_gains
    return arrays.FixedRules(
        QUANTIZERS[coding.quantizer],
        False,
        coding.prediction is not None,
        problem.input == "current",
        problem.step_gains,
        lam,
        fixed.inverse_gains(lam),
        fixed.coefficient_bits,
        fixed.fraction_bits,
        fixed.lowest_state,
        fixed.highest_state,
        np.array([phase.steps for phase in problem.phases], np.int64),
        np.array([phase.from_free for phase in problem.phases], np.int64),
        np.array(
            [two_beta(p, fixed) if isinstance(p, Nudged) else 0 for p in problem.phases], np.int64
        ),
        np.array([low, high], np.uint64),
        fixed.one,
        average,
        problem.readout == "cross-entropy",
    )


def numbers_of(problem: Problem, values: np.ndarray) -> np.ndarray:
    """Real values as the run computes with them."""
    return values if problem.fixed is None else problem.fixed.states(values).astype(np.int32)


def targets_of(problem: Problem, n_out: int) -> np.ndarray:
    """The targets of all phases, shape (phases, batch, n_out), as the run computes with them."""
    targets = np.zeros((len(problem.phases), len(problem.x), n_out), problem.dtype)
    for k, target in enumerate(problem.targets):
        if target is not None:
            targets[k] = target
    return numbers_of(problem, targets)


def _given_uniforms(problem: Problem, lowered: Lowered) -> np.ndarray:
    dtype = lowered.biases.dtype
    if problem.uniforms is None:
        return np.zeros((0, 0, 0), dtype)
    shape = (problem.steps, len(problem.x), int(lowered.offsets[-1]))
    given = np.zeros(shape, dtype)
    scale = 1 if problem.fixed is None else problem.fixed.one
    for layer, values in enumerate(problem.uniforms):
        layer_units(lowered, given, layer)[:] = values * scale  # an integer keeps the whole part
    return given


def _by_layer(array: np.ndarray, problem: Problem, lowered: Lowered) -> list[np.ndarray]:
    """Split the last axis, over all units, into one array per layer of the layer's shape.

    A chip's states (int32) are returned as the real values that they stand for.
    """
    if problem.fixed is not None and array.dtype == np.int32:
        array = problem.fixed.reals(array)
    return [
        layer_units(lowered, array, layer).reshape(*array.shape[:-1], *shape)
        for layer, shape in enumerate(problem.network.layers)
    ]


def activity_of(
    problem: Problem, record: arrays.Record, updates: np.ndarray | None = None
) -> Activity:
    """The counts of a run; updates: neuron updates, (phases, layers), if counted."""
    batch = len(problem.x)
    if updates is None:  # every unit, at every step
        steps = np.array([phase.steps for phase in problem.phases], np.int64)
        updates = steps[:, None] * np.array(problem.network.sizes, np.int64) * batch
        if problem.input == "current":
            updates[:, 0] = 0
    active = record.active.sum(0)
    arrivals = record.arrivals.sum(0)
    spikes, events, macs = active, arrivals, np.zeros_like(arrivals)
    if problem.coding.quantizer == "none":  # messages, but no spikes
        spikes, events, macs = np.zeros_like(active), macs, arrivals
    macs[0, 0, 0] += record.injected.sum()
    macs[:, -1, 1] += record.returned.sum(0)
    return Activity(problem.phase_names, batch, spikes, active, updates - active, events, macs)
