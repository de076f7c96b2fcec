"""Learning on the chip without a clock: samples on the asynchronous engine, one after another.

Every unit has a clock of its own. What phase it is, and when to write, is a signal to all cores, as
ever (docs/asynchronous.md); a core counts spikes in the nominal periods between two of them, and
knows of its units the potentials that they have when the signal comes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.engine.asynchronous import Asked, chip_of, new_counts, run_samples
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.kernels.onchip_arrays import Learner, Terms, Written
from eqchip.emulator.kernels.onchip_timed import learn_without_clock
from eqchip.emulator.problem.problem import Problem


def learn_timed(
    problem: Problem,
    kept: arrays.Kept,
    given: tuple[Any, ...],
    learner: Learner,
    terms: Terms,
    written: Written,
    plus: int,
    minus: int,
    first_number: int,
    minibatch: int,
) -> np.ndarray:
    """Run the samples of a problem with a timing one by one, and learn from each before the next.

    kept: what its units keep; given, and what follows it: as `kernels.onchip.learn_online` takes
    them, but for the address. Record: counts of all samples; ends, bits and potentials of one.

    Returns
    -------
    ndarray of int64, shape (phases, layers)
        Neuron updates.

    Raises
    ------
    InputError
        If more messages are in flight than the timing allows.
    """
    lowered: Lowered
    lowered, rules, record, uniforms, x, targets, samples, *_ = given
    asked = [
        Asked(lowered, rules, kept, uniforms, x[one], targets[b], samples[one])
        for b in range(len(x))
        for one in [slice(b, b + 1)]
    ]
    chip = chip_of(problem, asked[0])
    updates = np.zeros((len(problem.phases), len(lowered.sizes)), np.int64)
    for b, sample in enumerate(asked):
        one = slice(b, b + 1)
        record_of_sample = _of_sample(record, one)
        counts = new_counts(problem, chip, 1)
        for array in (record.bits, record.potentials):
            array.fill(0)
        overflow = run_samples(chip, sample, record_of_sample, counts, None, problem.seed, 0, 1)
        if overflow is not None:
            raise overflow
        updates += counts.updates[0]
        learn_without_clock(
            lowered, rules, record_of_sample, learner, terms, written, plus, minus, b,
            first_number + b, minibatch, b == len(asked) - 1,
        )  # fmt: skip
    return updates


def _of_sample(record: arrays.Record, one: slice) -> arrays.Record:
    """The record of the sample that a slice holds."""
    return record._replace(
        active=record.active[one],
        arrivals=record.arrivals[one],
        injected=record.injected[one],
        saturations=record.saturations[one],
        returned=record.returned[one],
        skipped=record.skipped[one],
    )
