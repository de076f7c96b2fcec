"""The asynchronous chip as a discrete-event simulation on SimPy: a slow and obvious witness.

Written from docs/asynchronous.md to be read, event by event, and to be compared with the
compiled engine. :mod:`eqchip.backends.discrete.chip` is what is there before time begins,
:mod:`~eqchip.backends.discrete.sample` what happens then, :mod:`~eqchip.backends.discrete.state`
what changes by it, and :mod:`~eqchip.backends.discrete.units` what a unit computes at a tick.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.backends.discrete.chip import Chip
from eqchip.backends.discrete.sample import Sample
from eqchip.backends.discrete.state import Counts
from eqchip.backends.discrete.units import ChipUnits, FloatUnits
from eqchip.backends.packages import SIMPY
from eqchip.backends.reference import floating as reference
from eqchip.backends.reference.fixed import Constants
from eqchip.backends.registry import BACKENDS
from eqchip.emulator.activity import Activity
from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.description.timed import EVENT, Timed
from eqchip.emulator.problem.problem import Problem, check_saturations
from eqchip.emulator.problem.run import Run


def solve(problem: Problem, integers: Constants | None = None) -> Run:
    """Run a problem with a timing on SimPy.

    Parameters
    ----------
    problem : Problem
        Its ``timing`` is an Asynchronous; from :func:`eqchip.emulator.problem.pose.pose`.
    integers : Constants, optional
        With precision ``"chip"``, what is stored, in place of the network's weights and biases.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If SimPy is not installed, the problem has no timing, or more messages are in flight than
        the timing allows.
    """
    BACKENDS["discrete"].check(problem)
    timing, simpy = problem.timing, SIMPY.require()
    assert timing is not None  # see the registry
    chip = Chip(problem, timing)
    rows = -(-chip.end // QUANTA)
    counts = Counts(chip, rows)
    calibrated = timing.clocks.calibrated and timing.clocks.spread > 0
    longest = rows * QUANTA // min(chip.periods) + 2  # steps of the fastest clock, at most
    periods = chip.periods if calibrated else None
    units: FloatUnits
    if problem.fixed is None:
        units = FloatUnits(problem, periods, longest)
    else:
        units = ChipUnits(problem, periods, longest, integers)
    if problem.input == "current":
        count_injection(counts.activity, problem, units)

    events = []
    for index in range(len(problem.x)):
        sample = Sample(chip, units, counts, index, simpy)
        sample.run()
        events.append(np.array(sample.events, EVENT))
    saturations = np.zeros((len(problem.phases), len(chip.sizes)), np.int64)
    if isinstance(units, ChipUnits):
        saturations = units.saturations
        check_saturations(problem, saturations)

    def shaped(arrays: list[np.ndarray]) -> list[np.ndarray]:
        shapes = problem.network.layers
        return [a.reshape(*a.shape[:-1], *s) for a, s in zip(arrays, shapes, strict=True)]

    return Run(
        phases=problem.phases,
        bits=shaped(counts.bits) if "bits" in problem.record else None,
        potentials=shaped(counts.potentials) if "potentials" in problem.record else None,
        ends=[shaped(end) for end in counts.ends],
        activity=replace(counts.activity, samples=len(problem.x)),
        part_spikes=counts.spikes if problem.parts else None,
        saturations=saturations,
        timed=Timed(
            end=chip.end / QUANTA,
            messages=counts.messages,
            left=counts.left,
            in_flight=counts.in_flight,
            backlog=counts.backlog,
            link_backlog=counts.link_backlog,
            updates=counts.updates,
            received=counts.received,
            spikes=counts.spikes,
            periods=np.array(chip.periods, np.float64) / QUANTA,
            events=events if "events" in problem.record else None,
        ),
    )


def count_injection(activity: Activity, problem: Problem, units: Any) -> None:
    """Count the injection of the input as a current, as the reference does."""
    reference.count_injection(activity, units.clamped(), reference.constants(problem), 0)
