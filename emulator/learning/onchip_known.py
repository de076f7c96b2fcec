"""What on-chip learning writes and sends after a sample, from the record of its phases.

A core's two inputs to a product are vectors of whole numbers (`kernels.onchip`), and a synapse is
attempted where neither of them is 0. Both are formed here by the kernels that train, from a
:class:`~eqchip.emulator.problem.run.Run`, which knows nothing of learning.

Cores are told beside when a phase starts, when to write, and now and then their rates: as often
as :func:`signals_of` says, whatever the sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.rules import rule_of
from eqchip.emulator.description.sight import Source
from eqchip.emulator.engine.stuck import no_stuck
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import onchip_arrays as arrays
from eqchip.emulator.kernels.lowered import unit_offsets
from eqchip.emulator.kernels.onchip_arrays import Layers, Steps
from eqchip.emulator.kernels.onchip_known import know_sample
from eqchip.emulator.kernels.onchip_shared import Shared
from eqchip.emulator.learning.onchip_lowering import (
    ROW_OF,
    lower_factors,
    rates_of_a_sample,
    terms_of,
    window,
)
from eqchip.emulator.problem.run import Run

Known = list[list[np.ndarray]]  # by source and layer
MOST_ROUNDING = 1e-3  # of a state that was divided by average_steps


def onchip_of(config: Config) -> OnChip:
    """How the chip learns.

    Raises
    ------
    InputError
        If it does not.
    """
    if config.on_chip is None:
        raise InputError("on_chip is None; expected the settings of a run that learns on the chip")
    return config.on_chip


def kernels_of(config: Config) -> tuple[int, ...]:
    """The connections whose synapses have weights in common.

    Examples
    --------
    >>> kernels_of(Config(layers=("8x8", "16c4s2z1", 10)))
    (0,)
    """
    connections = notation.connections(config.layers)
    return tuple(k for k, one in enumerate(connections) if one.shares_weights)


def known_of(
    config: Config,
    run: Run,
    sample: int,
    number: int | None = None,
    rates: Sequence[float] | None = None,
) -> Known:
    """What cores can know of every unit when a sample's phases are over.

    Parameters
    ----------
    config : Config
        Of a run that learns on the chip.
    run : Run
        The phases of training in the chip's integers, with its bits where learning counts spikes,
        and ends that are means over ``config.learning.average_steps``; without a clock, with its
        potentials where these are more than one, which are nominal periods then.
    sample : int
        Which sample of the run.
    number : int, optional
        How many samples were learned from before, by which exponential traces and factors round
        at random. Default: `sample`.
    rates : sequence of float, optional
        Learning rates, one per connection, by which spikes tell of changes. Default: the highest.

    Returns
    -------
    list of list of ndarray of int32, shape (units,)
        By source (`kernels.onchip`: ACTIVITY, CHANGE, ...) and layer.

    Raises
    ------
    InputError
        If the run lacks bits or potentials, or holds potentials of other integers.
    """
    onchip, learning, sizes = onchip_of(config), config.learning, config.sizes
    if onchip.records_spikes and run.bits is None:
        raise InputError(
            f"on-chip learning: the run has no bits, which sees {onchip.sees!r} counts; "
            "expected record=['bits']"
        )
    # As the codes of a chip are laid out, since random numbers are drawn by these places.
    offsets = unit_offsets(sizes, np.dtype(np.int8).itemsize)
    ends = np.zeros((len(run.phases), 1, offsets[-1]), np.int32)
    steps = sum(phase.steps for phase in run.phases) if onchip.records_spikes else 0
    bits = np.zeros((steps, 1, offsets[-1]), np.uint8)
    for layer, units in enumerate(sizes):
        at = slice(offsets[layer], offsets[layer] + units)
        for phase in range(len(run.phases)):
            ends[phase, 0, at] = _end(run, config, onchip, phase, layer, sample)
        if onchip.records_spikes and run.bits is not None:
            bits[:, 0, at] = run.bits[layer][:, sample].reshape(steps, -1)
    learner = _learner(config, onchip, int(offsets[-1]), rates or config.descent.lr)
    connections, layers = len(sizes) - 1, len(sizes)
    written = arrays.Written(
        np.zeros((1, sizes[-1]), np.int32),
        np.zeros((1, connections, 2, 3), np.int64),
        *(np.zeros((1, layers), np.int64) for _ in range(3)),
    )
    minus, plus = rule_of(learning.rule).contrasted(run.phases, learning.beta, "on-chip learning")
    # Random numbers are taken modulo 2**64, of which plain Python would warn.
    with np.errstate(over="ignore"):
        know_sample(
            Layers(np.array(sizes, np.int64), offsets),
            Steps(np.array([phase.steps for phase in run.phases], np.int64)),
            learner,
            ends,
            bits,
            plus,
            minus,
            written,
            sample if number is None else number,
        )
    return [
        [of[offsets[layer] : offsets[layer] + units] for layer, units in enumerate(sizes)]
        for of in learner.known
    ]


def writes_of(config: Config, known: Known) -> dict[tuple[int, int], np.ndarray]:
    """How many times a sample attempts to write each synapse of connections that are matrices.

    Biases are left out: every core knows all of its own units. So are kernels, of which a synapse
    is not written by itself (`hw_reports.pricing.onchip_kernels`).

    Parameters
    ----------
    config : Config
        Of a run that learns on the chip.
    known : list of list of ndarray
        From :func:`known_of`.

    Returns
    -------
    dict of (connection, copy) to ndarray of int64, shape (n_pre, n_post)
        ``copy``: FORWARD or MIRROR of `kernels.onchip`; the input's connection has no mirror.
    """
    found: dict[tuple[int, int], np.ndarray] = {}
    onchip, shared = onchip_of(config), kernels_of(config)
    for term in terms_of(onchip, len(config.sizes) - 1, config.input):
        k = term.connection
        if k in shared:
            continue
        below, above = known[ROW_OF[term.pre]][k], known[ROW_OF[term.post]][k + 1]
        there = np.outer(_times(onchip, term.pre, below), _times(onchip, term.post, above))
        place = (k, term.copy)
        found[place] = found[place] + there if place in found else there
    return found


def _times(onchip: OnChip, source: Source, known: np.ndarray) -> np.ndarray:
    """How often a unit is written for what is known of it: a factor in spikes, once for each."""
    if onchip.sight.spikes and source.is_change:
        return np.abs(known).astype(np.int64)
    return (known != 0).astype(np.int64)


def _learner(config: Config, onchip: OnChip, units: int, rates: Sequence[float]) -> arrays.Learner:
    """A learner that knows, and has nothing to write."""
    exponents = onchip.exponents(len(rates))
    of_a_sample = rates_of_a_sample(config, rates)
    decay, impulse = onchip.trace_gains(config.learning.nudged_steps)
    one = onchip.fixed.one * config.learning.average_steps
    none, no_units = np.zeros(0, np.int64), np.zeros(0, np.int32)
    return arrays.Learner(
        np.zeros(0, np.int16),
        np.zeros(0, np.int16),
        onchip.accumulator_bits,
        onchip.fixed.highest_code,
        none,
        none,
        window(onchip, config.learning),
        (1 << onchip.trace_bits) - 1,
        onchip.sight.decays,
        decay,
        impulse,
        int(onchip.threshold * one),
        np.array([config.seed], np.uint64),
        *lower_factors(onchip, config.learning, exponents, of_a_sample),
        onchip.largest_factor,
        onchip.sight.spikes,
        Shared(none, no_units, no_units, none),
        no_stuck(len(rates)),
        np.zeros((arrays.SOURCES, units), np.int32),
        no_units,
        no_units,
        no_units,
        no_units,
    )


def _end(
    run: Run, config: Config, onchip: OnChip, phase: int, layer: int, sample: int
) -> np.ndarray:
    """The sums of the last potentials of a phase, in whole numbers, shape (units,)."""
    one, average = onchip.fixed.one, config.learning.average_steps
    if run.timed is None or average == 1:
        return _whole(run.ends[phase][layer][sample].reshape(-1), one * average)
    if run.potentials is None:
        raise InputError(
            f"on-chip learning: the run has no potentials, whose last {average} a core adds up; "
            "expected record=['potentials']"
        )
    last = sum(of_phase.steps for of_phase in run.phases[: phase + 1])
    rows = run.potentials[layer][last - average : last, sample]
    return _whole(rows.reshape(average, -1), one).sum(axis=0, dtype=np.int32)


def _whole(values: np.ndarray, scale: int) -> np.ndarray:
    """The whole numbers that real potentials stand for, summed over the steps averaged."""
    scaled = np.asarray(values, np.float64) * scale
    whole = np.rint(scaled)
    if np.abs(scaled - whole).max(initial=0.0) > MOST_ROUNDING:
        raise InputError(
            f"on-chip learning: the run holds a potential that is no multiple of 1/{scale}; "
            "expected one in the integers of on_chip, averaged over average_steps"
        )
    return whole.astype(np.int32)
