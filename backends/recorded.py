"""From what a simulator recorded to a Run: the counts follow from the messages alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from eqchip.backends.reference.floating import synapses
from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.phases import Free
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run

NOTHING = -1


@dataclass(frozen=True, eq=False)
class Rows:
    """The steps of one sample in the order in which they are run, int64, shape (steps,) each.

    Attributes
    ----------
    t : ndarray
        The step number.
    phase : ndarray
    source : ndarray
        The row whose messages arrive, and whose state is continued: the row before, the end
        of the last plain free phase, or ``NOTHING`` at the start.
    """

    t: np.ndarray
    phase: np.ndarray
    source: np.ndarray

    @classmethod
    def of(cls, problem: Problem) -> Rows:
        """The rows of a problem."""
        steps = [phase.steps for phase in problem.phases]
        t = [
            np.arange(first, first + n) for first, n in zip(problem.first_steps, steps, strict=True)
        ]
        source = np.arange(sum(steps)) - 1
        row, free_end = 0, NOTHING
        for phase in problem.phases:
            if phase.from_free:
                source[row] = free_end
            row += phase.steps
            if isinstance(phase, Free) and not phase.from_free:
                free_end = row - 1
        return cls(np.concatenate(t), np.repeat(np.arange(len(steps)), steps), source)


def run_of(problem: Problem, sent: Sequence[np.ndarray], potentials: Sequence[np.ndarray]) -> Run:
    """The run in which these messages were sent.

    Parameters
    ----------
    problem : Problem
        In any precision; for a chip, with ``x`` as states, and saturations are left at 0.
    sent : sequence of ndarray of bool
        Per layer, shape (steps, batch, units): whether a unit sent a message other than 0.
        All False where the input is injected as a current.
    potentials : sequence of ndarray
        Per layer, of the same shape.

    Returns
    -------
    Run
    """
    rows, shapes, batch = Rows.of(problem), problem.network.layers, len(problem.x)
    shaped = [s.reshape(len(s), batch, *n) for s, n in zip(potentials, shapes, strict=True)]
    real_valued = not problem.coding.sends_bits
    bits = [(q & (not real_valued)).astype(np.uint8) for q in sent]
    last = np.cumsum([phase.steps for phase in problem.phases]) - 1
    return Run(
        phases=problem.phases,
        bits=[q.reshape(s.shape) for q, s in zip(bits, shaped, strict=True)]
        if "bits" in problem.record
        else None,
        potentials=shaped if "potentials" in problem.record else None,
        ends=[[s[row].copy() for s in shaped] for row in last],
        activity=_activity(problem, rows, sent),
        part_spikes=_part_spikes(problem, bits),
        saturations=np.zeros((len(problem.phases), len(shapes)), np.int64),
    )


def _activity(problem: Problem, rows: Rows, sent: Sequence[np.ndarray]) -> Activity:
    activity = Activity.zeros(problem.phase_names, len(sent))
    real_valued = not problem.coding.sends_bits
    events = activity.macs if real_valued else activity.synaptic_events
    exists = [synapses(connection) for connection in problem.network.connections]
    arriving = rows.source != NOTHING
    phases = len(problem.phases)

    def per_phase(counts: np.ndarray, of: np.ndarray) -> np.ndarray:
        total = np.zeros(phases, np.int64)
        np.add.at(total, of, counts)
        return total

    for layer, q in enumerate(sent):
        by_unit = q.sum(axis=1, dtype=np.int64)  # (steps, units)
        if not (layer == 0 and problem.input == "current"):
            active = per_phase(by_unit.sum(axis=1), rows.phase)
            updates = per_phase(np.full(len(q), q[0].size), rows.phase)
            activity.updates_active[:, layer] = active
            activity.updates_inactive[:, layer] = updates - active
            activity.spikes[:, layer] = 0 if real_valued else active
        received = by_unit[rows.source[arriving]]
        if layer < len(exists):
            crossed = received @ exists[layer].sum(axis=1)
            events[:, layer, FORWARD] = per_phase(crossed, rows.phase[arriving])
        if layer > 1:  # the clamped input receives nothing
            crossed = received @ exists[layer - 1].sum(axis=0)
            events[:, layer - 1, FEEDBACK] = per_phase(crossed, rows.phase[arriving])
    if problem.input == "current":
        injected = np.count_nonzero(problem.x, axis=0)
        activity.macs[0, 0, FORWARD] += int(injected @ exists[0].sum(axis=1))
    return replace(activity, samples=len(problem.x))


def _part_spikes(problem: Problem, bits: Sequence[np.ndarray]) -> np.ndarray | None:
    if not problem.parts:
        return None
    counts = [bits[p.layer][:, :, p.first : p.end].sum(axis=2) for p in problem.parts]
    return np.stack(counts, axis=2).astype(np.int32)
