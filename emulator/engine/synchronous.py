"""The event-driven engine: with one clock for all, or, given a timing, without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from threading import get_ident
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.plasticity import Plasticity
from eqchip.emulator.description.timed import EVENT
from eqchip.emulator.engine.asynchronous import (
    Asked,
    Overflow,
    chip_of,
    forget,
    new_counts,
    rows_of,
    run_samples,
    timed,
)
from eqchip.emulator.engine.lowering import lower, lower_fixed
from eqchip.emulator.engine.plasticity import lower_plasticity
from eqchip.emulator.engine.stuck import check_stuck, set_stuck
from eqchip.emulator.engine.units import lower_unit, pulls_of, rules_of, seed_of, stream_of
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.lowered import Lowered, layer_units
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.problem.problem import Problem, check_saturations
from eqchip.emulator.problem.run import Run
from eqchip.emulator.threads import resolve_threads, share


def solve(
    problem: Problem,
    *,
    threads: int | None = None,
    lowered: Lowered | None = None,
    average_steps: int = 1,
    plasticity: Plasticity | None = None,
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
        The ends of a phase are means over so many of its last steps, 1 with a timing.
    plasticity : Plasticity, optional
        What writes weights while the phases run, in `lowered`: samples then run one after another,
        on one thread.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        For units or a plasticity that the engine does not know, and a mean over more steps than
        a phase has. In strict mode, if a state left the chip's range. Without a clock, if more
        messages are in flight than `most_in_flight` allows: the error's ``run`` holds what was
        computed.
    """
    solver = Solver(
        problem, threads=threads, lowered=lowered, average_steps=average_steps,
        plasticity=plasticity,
    )  # fmt: skip
    return solver.solve(problem)


class Solver:
    """One problem asked again and again, of other samples: what stays is lowered once.

    Parameters
    ----------
    problem, threads, lowered, average_steps, plasticity
        See :func:`solve`.

    Raises
    ------
    InputError
        As :func:`solve`, of what no samples change.
    """

    def __init__(
        self,
        problem: Problem,
        *,
        threads: int | None = None,
        lowered: Lowered | None = None,
        average_steps: int = 1,
        plasticity: Plasticity | None = None,
    ) -> None:
        _check_average(problem, average_steps)
        if plasticity is not None and problem.stream is not None:
            raise InputError(
                "run: x is Events with weights that are written while phases run; expected an "
                "input that is clamped to numbers"
            )
        _check_carried(problem, plasticity)
        self.lowered = lower_problem(problem) if lowered is None else lowered
        self.average_steps = average_steps
        self.threads = resolve_threads(threads) if plasticity is None else 1
        unit, written = lower_unit(problem), lower_plasticity(problem, plasticity)
        self._kept = unit.kept
        self._rules = rules_of(problem, unit, average_steps, written)
        self._record: arrays.Record | None = None
        self._memory: dict[int, tuple[arrays.State, arrays.State, arrays.Scratch]] = {}

    def solve(self, problem: Problem) -> Run:
        """Run the problem of the beginning, with other samples, another seed, other nudges.

        Without a timing, the run's `ends`, `bits` and `potentials` are those of this call until
        the next.
        """
        rules = self._rules._replace(
            two_beta=pulls_of(problem), seed=seed_of(problem), stream=stream_of(problem)
        )
        asked = _asked(problem, self.lowered, rules, self._kept)
        if problem.timing is not None:
            record = _new_record(problem, self.lowered)
            return _solve_timed(problem, asked, record, self.threads)
        record = self._blank_record(problem)

        def work(first: int, last: int) -> None:
            state, free, scratch = self._memory_of_thread()
            relax(
                asked.lowered, asked.rules, record, asked.given, asked.x, asked.targets,
                asked.samples, state, free, scratch, first, last,
            )  # fmt: skip

        share(work, len(problem.x), self.threads)
        run = _answer(problem, self.lowered, record, average_steps=self.average_steps)
        check_saturations(problem, record.saturations.sum(0))
        return run

    def _blank_record(self, problem: Problem) -> arrays.Record:
        """The record of the last call, if it was of as many samples, with nothing in it."""
        if self._record is None or self._record.ends.shape[1] != len(problem.x):
            self._record = _new_record(problem, self.lowered)
        else:
            for array in self._record:
                array.fill(0)
        return self._record

    def _memory_of_thread(self) -> tuple[arrays.State, arrays.State, arrays.Scratch]:
        """A thread's own states and scratch, which hold nothing from one sample to the next."""
        thread = get_ident()
        if thread not in self._memory:
            layers, units = len(self.lowered.sizes), int(self.lowered.offsets[-1])
            dtype = self.lowered.biases.dtype  # of states
            self._memory[thread] = (
                arrays.new_state(self._kept, units, layers, dtype),
                arrays.new_state(self._kept, units, layers, dtype),
                arrays.new_scratch(self.lowered, dtype),
            )
        return self._memory[thread]


def _check_carried(problem: Problem, plasticity: Plasticity | None) -> None:
    """Refuse what does not end in a state that another sample could begin in."""
    if problem.carried is None:
        return
    for wrong, what in (
        (problem.timing is not None, "a timing, whose messages are on their way between steps"),
        (problem.stream is not None, "a stream of events, which is played from its start"),
        (plasticity is not None, "weights that are written while phases run"),
    ):
        if wrong:
            raise InputError(f"run: states are carried on with {what}; expected no such thing")


def _check_average(problem: Problem, average_steps: int) -> None:
    """Refuse a mean that no phase can give."""
    check_whole("run: average_steps", average_steps, 1)
    if average_steps > 1 and problem.timing is not None:
        raise InputError(
            f"run: average_steps is {average_steps} with a timing, where units step at times of "
            "their own; expected 1"
        )
    for k, phase in enumerate(problem.phases):
        if average_steps > phase.steps:
            raise InputError(
                f"run: average_steps is {average_steps}, but phase {k} has {phase.steps} steps; "
                "expected at most as many"
            )


def ask(
    problem: Problem, lowered: Lowered, average_steps: int = 1, plasticity: Any = None
) -> Asked:
    """The problem as kernels are given it."""
    unit = lower_unit(problem)
    return _asked(problem, lowered, rules_of(problem, unit, average_steps, plasticity), unit.kept)


def _asked(problem: Problem, lowered: Lowered, rules: arrays.Rules, kept: arrays.Kept) -> Asked:
    return Asked(
        lowered=lowered,
        rules=rules,
        kept=kept,
        given=_given_uniforms(problem, lowered),
        x=numbers_of(problem, np.concatenate([problem.x, *problem.later_x], axis=1)),
        targets=targets_of(problem, int(lowered.sizes[-1])),
        samples=problem.samples.astype(np.uint64),
    )


def _new_record(problem: Problem, lowered: Lowered) -> arrays.Record:
    """Zeroed results, with what is to be recorded of every step."""
    batch, units = len(problem.x), int(lowered.offsets[-1])
    phases, layers, connections = len(problem.phases), len(lowered.sizes), len(lowered.starts)
    steps = problem.steps if problem.timing is None else rows_of(problem)
    dtype = lowered.biases.dtype  # of states
    parted = steps if problem.parts else 0
    bits, potentials = (steps if name in problem.record else 0 for name in ("bits", "potentials"))
    return arrays.Record(
        ends=np.zeros((phases, batch, units), dtype),
        active=np.zeros((batch, phases, layers), np.int64),
        arrivals=np.zeros((batch, phases, connections, 2), np.int64),
        injected=np.zeros((batch, phases, connections), np.int64),
        saturations=np.zeros((batch, phases, layers), np.int64),
        returned=np.zeros((batch, phases, connections), np.int64),
        skipped=np.zeros(batch, np.bool_),
        bits=np.zeros((bits, batch, units), np.uint8),
        potentials=np.zeros((potentials, batch, units), dtype),
        part_spikes=np.zeros((parted, batch, len(lowered.part_ends)), np.int32),
    )


def _solve_timed(problem: Problem, asked: Asked, record: arrays.Record, workers: int) -> Run:
    """Run a problem without a global clock; raises Overflow, with what was computed as `run`."""
    chip = chip_of(problem, asked)
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
    overflow = min(overflows, key=lambda found: found.sample, default=None)
    if overflow is not None:  # as on one thread, nothing after it is run
        for b in range(overflow.sample + 1, len(problem.x)):
            forget(record, counts, events, b)
    if problem.parts:
        record = record._replace(part_spikes=counts.spikes)
    run = _answer(problem, asked.lowered, record, counts.updates.sum(0))
    run = replace(run, timed=timed(chip, counts, events))
    if overflow is not None:
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
    sums = record.ends if problem.fixed is None else problem.fixed.reals(record.ends)
    if average_steps > 1:
        sums /= problem.dtype.type(average_steps)
    ends = [_by_layer(end, problem, lowered) for end in sums]
    return Run(
        problem.phases,
        _by_layer(record.bits, problem, lowered) if "bits" in problem.record else None,
        _by_layer(record.potentials, problem, lowered) if "potentials" in problem.record else None,
        ends,
        activity_of(problem, record, updates),
        record.part_spikes if problem.parts else None,
        record.saturations.sum(0),
        readout=problem.readout,
        skipped=record.skipped if problem.skip_right else None,
    )


def lower_problem(problem: Problem, mirror: Sequence[np.ndarray] | None = None) -> Lowered:
    """The problem's network with its parts, in the numbers that it is run in.

    mirror: in a chip's integers, the weights that feedback spikes read (:func:`lower_fixed`).
    """
    if problem.fixed is not None:
        lowered = lower_fixed(problem.network, problem.fixed, problem.parts, mirror=mirror)
        check_stuck(problem.timing, problem.network.connections)
        set_stuck(lowered, problem.timing, problem.fixed)
        return lowered
    return lower(problem.network, problem.dtype, problem.parts)


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
    batch, active = len(problem.x), record.active.sum(0)
    if updates is None:  # every unit, at every step that its sample ran
        steps = np.array([phase.steps for phase in problem.phases], np.int64)
        ran = np.full(len(steps), batch - np.count_nonzero(record.skipped))
        ran[0] = batch
        updates = (steps * ran)[:, None] * np.array(problem.network.sizes, np.int64)
        if not problem.updates_input:
            updates[:, 0] = active[:, 0]
    arrivals = record.arrivals.sum(0)
    spikes, events, macs = active, arrivals, np.zeros_like(arrivals)
    if not problem.coding.sends_bits:  # messages, but no spikes
        spikes, events, macs = np.zeros_like(active), np.zeros_like(arrivals), arrivals
    macs[:, :, 0] += record.injected.sum(0)
    macs[:, :, 1] += record.returned.sum(0)
    return Activity(problem.phase_names, batch, spikes, active, updates - active, events, macs)
