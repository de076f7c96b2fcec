"""Lowering of on-chip learning: which products the cores write, at which whole-number rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.connections import Connection
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.sight import (
    ACTIVITY,
    CHANGE,
    FACTOR,
    MINUS_TRACE,
    PLUS_TRACE,
    SOURCES,
    TRACE,
    Source,
    injected,
)
from eqchip.emulator.description.upkeep import (
    ALIGN_BITS,
    COPIES,
    FIRING_BITS,
    FORWARD,
    MIRROR,
    MIRROR_SHARE,
    PRESENTATIONS,
)
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import onchip_arrays as arrays
from eqchip.emulator.kernels.random_rounding import ROUNDING_BITS

SECOND_STREAM = 4  # the second product of a copy rounds by so much another stream
ROW_OF = {source: row for row, source in enumerate(SOURCES)}  # of `arrays.Learner.known`
PRODUCT_BITS = 60  # of two things known and a rate, in an int64 with room to round
MANTISSA_BITS = 8  # of a learning rate, as of Loihi's constants


def window(onchip: OnChip, learning: Learning) -> int:
    """The steps at the end of a nudged phase whose spikes are counted."""
    return min(learning.nudged_steps, 1 << (onchip.trace_bits - 1))


def units(onchip: OnChip, learning: Learning) -> dict[Source, float]:
    """What one of each thing known stands for, as a potential."""
    state = 1.0 / (onchip.fixed.one * learning.average_steps)
    spike = 1.0 / window(onchip, learning)
    largest = 1.0 / ((1 << onchip.trace_bits) - 1)
    mantissa, shift = _factor_in_bits(onchip, learning)
    return {
        ACTIVITY: state / 2,
        CHANGE: state,
        FACTOR: math.ldexp(state, shift) / mantissa,
        TRACE: spike / 2,
        PLUS_TRACE: largest,
        MINUS_TRACE: largest,
    }


def _factor_in_bits(onchip: OnChip, learning: Learning) -> tuple[int, int]:
    """What a change is multiplied by to be a factor of `change_bits`, as mantissa / 2**shift."""
    state = 1.0 / (onchip.fixed.one * learning.average_steps)
    return integer_rate(math.ldexp(state, onchip.change_bits))


class Term(NamedTuple):
    """A product that a core writes into its copy of a connection; see `kernels.onchip.Terms`."""

    connection: int
    copy: int
    pre: Source
    post: Source
    stream: int
    sign: int = 1


def terms_of(onchip: OnChip, connections: int, input: InputMode = "spikes") -> list[Term]:
    """The products that the cores write after a sample.

    s+_pre s+_post - s-_pre s-_post is s_pre D_post + D_pre s_post, with s the mean of both phases
    and D their difference. A core knows both of its own units; of others what it sees. Nothing is
    fed back to the clamped input, which never changes; of one that is injected a core knows the
    value, and counts no spikes.
    """
    sight, upkeep, found = onchip.sight, onchip.upkeep, []
    for k in range(connections):
        for copy in COPIES if k > 0 else (FORWARD,):
            mirrored = copy == MIRROR and not upkeep.tells_changes
            first = FORWARD if upkeep.one_noise else copy
            for number, product in enumerate(sight.mirror if mirrored else sight.forward):
                if k == 0 and input == "current":
                    product = injected(product)
                if k > 0 or not product.below.is_change:
                    stream = first + SECOND_STREAM * number
                    found.append(Term(k, copy, product.below, product.above, stream, product.sign))
    return found


def integer_rate(rate: float) -> tuple[int, int]:
    """A rate as mantissa / 2**shift, of MANTISSA_BITS where the shift allows."""
    if rate <= 0:
        return 0, 0
    shift = min(max(MANTISSA_BITS - 1 - math.floor(math.log2(rate)), 0), ROUNDING_BITS)
    return round(rate * 2.0**shift), shift


def lower_terms(
    terms: Sequence[Term],
    onchip: OnChip,
    learning: Learning,
    exponents: Sequence[int],
    rates: Sequence[float],
) -> arrays.Terms:
    """The terms at these learning rates, one per connection."""
    table = np.zeros((len(arrays.Terms._fields), len(terms)), np.int64)
    for n, term in enumerate(terms):
        k = term.connection
        if onchip.sight.spikes:  # a spike writes a count as it is: the rate is the unit's
            mantissa, shift = 1, 0
        else:
            mantissa, shift = integer_rate(
                _rate_of_product(term, onchip, learning, exponents[k], rates[k])
            )
        table[:, n] = (
            k, term.copy, ROW_OF[term.pre], ROW_OF[term.post], term.sign * mantissa, shift,
            term.stream,
        )  # fmt: skip
    return arrays.Terms(*table)


def _rate_of_product(
    term: Term, onchip: OnChip, learning: Learning, exponent: int, rate: float
) -> float:
    """What is added to a stored number where the product is 1; of spikes, of an exact change."""
    one = units(onchip, learning)
    if onchip.sight.spikes:
        one[FACTOR] = one[CHANGE]
    step = math.ldexp(1.0, exponent - onchip.fixed.fraction_bits - onchip.accumulator_bits)
    return rate / (2 * learning.beta) * one[term.pre] * one[term.post] / step


def lower_factors(
    onchip: OnChip, learning: Learning, exponents: Sequence[int], rates: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """By connection, what a change of the layer above is multiplied by to be a factor; int64.

    Mantissas and shifts. Of spikes, that is the learning rate: a unit fires so often that what its
    synapses write of whole counts is, in the mean, what they should change by.
    """
    connections = len(rates)
    if not onchip.sight.spikes:
        pairs = [_factor_in_bits(onchip, learning)] * connections
    else:
        pairs = [
            integer_rate(_rate_of_product(term, onchip, learning, exponents[k], rates[k]))
            for k, term in enumerate(_first_terms(onchip, connections))
        ]
    mantissas, shifts = np.array(pairs, np.int64).T
    return mantissas.copy(), shifts.copy()


def _first_terms(onchip: OnChip, connections: int) -> list[Term]:
    """Of every connection, what the forward copy is written by first."""
    found = {term.connection: term for term in reversed(terms_of(onchip, connections))}
    return [found[k] for k in range(connections)]


def initial_store(
    weights: np.ndarray, exponent: int, onchip: OnChip, seed: int, k: int
) -> np.ndarray:
    """The weights of connection k as they are stored, rounded up or down at random; int16.

    At random, since with few bits most initial weights are nearer to 0 than to any other code.
    """
    scale = onchip.fixed.fraction_bits - exponent + onchip.accumulator_bits
    drawn = np.random.default_rng([seed, k]).random(weights.shape)
    limit = onchip.fixed.highest_code << onchip.accumulator_bits
    rounded = np.floor(np.ldexp(weights.astype(np.float64), scale) + drawn)
    return np.clip(rounded, -limit, limit).astype(np.int16)


def lower_bias_rates(
    onchip: OnChip, learning: Learning, rates: Sequence[float]
) -> tuple[np.ndarray, np.ndarray]:
    """Mantissas and shifts of the biases, one per connection."""
    unit = units(onchip, learning)[CHANGE] * onchip.fixed.one
    pairs = [integer_rate(rate / (2 * learning.beta) * unit) for rate in rates]
    mantissas, shifts = np.array(pairs, np.int64).T
    return mantissas.copy(), shifts.copy()


def lower_mirror_rate(rates: Sequence[float], highest: Sequence[float]) -> tuple[int, int]:
    """Mantissa and shift of what a unit that fires in a mirror mode writes.

    It falls with the learning rates, from `highest` on: the noise of a mirror ends with learning.
    """
    times = PRESENTATIONS * 2.0 ** (1 - FIRING_BITS)  # that a unit fires in a mirror mode
    return lower_share(MIRROR_SHARE / times, rates, highest)


def lower_share(share: float, rates: Sequence[float], highest: Sequence[float]) -> tuple[int, int]:
    """Mantissa and shift of a share of what is over 2**ALIGN_BITS; it falls with the rates."""
    return integer_rate(share * left_of(rates, highest) / (1 << ALIGN_BITS))


def left_of(rates: Sequence[float], highest: Sequence[float]) -> float:
    """How far the learning rates have fallen from the highest: 1 at first."""
    return sum(rates) / sum(highest) if sum(highest) > 0 else 1.0


def rates_of_a_sample(config: Config, rates: Sequence[float]) -> list[float]:
    """The rates that a sample is learned at: a minibatch has the mean of its samples.

    What weaker feedback takes from the contrast of a connection below it, its rate makes up for.
    """
    shifts = config.feedback_shifts or (0,) * len(rates)
    return [
        math.ldexp(rate / config.descent.minibatch, sum(shifts[k + 1 :]))
        for k, rate in enumerate(rates)
    ]


def synapses_of_a_weight(connection: Connection) -> int:
    """The most synapses that have a weight in common.

    Examples
    --------
    >>> from eqchip.emulator.description.connections import Conv2d, Dense
    >>> synapses_of_a_weight(Conv2d((8, 8, 3), 16, 3)), synapses_of_a_weight(Dense(3, 2))
    (36, 1)
    """
    if not connection.shares_weights:
        return 1
    return math.prod(connection.synapse_shape) // connection.bias_groups


def sum_bits(config: Config, k: int, synapses: int) -> int:
    """Bits, with its sign, of a sum over so many synapses of connection k that share a weight.

    Of the products that it is written by; where places are averaged, of what they hold.

    Raises
    ------
    InputError
        If the run does not learn on the chip.
    """
    onchip, learning = config.on_chip, config.learning
    if onchip is None:
        raise InputError("on_chip is None; expected the settings of a run that learns on a chip")
    if onchip.sharing.apart:
        return onchip.fixed.weight_bits + onchip.accumulator_bits + (synapses - 1).bit_length()
    largest = {
        CHANGE: onchip.fixed.one * learning.average_steps,
        ACTIVITY: 2 * onchip.fixed.one * learning.average_steps,
        FACTOR: onchip.largest_factor,
        **dict.fromkeys((TRACE, PLUS_TRACE, MINUS_TRACE), (1 << onchip.trace_bits) - 1),
    }
    return 1 + max(
        (synapses * largest[term.pre] * largest[term.post]).bit_length()
        for term in terms_of(onchip, k + 1, config.input)
        if term.connection == k
    )


def check_rates(
    onchip: OnChip,
    learning: Learning,
    rates: Sequence[float],
    input: InputMode = "spikes",
    synapses: Sequence[int] = (),
) -> None:
    """Refuse a learning rate with which no product is ever written, or beyond what 64 bits hold.

    synapses: of each connection, how many products may be added up; by default 1.

    Raises
    ------
    InputError
        Naming the connection, and the smallest rate that would do.
    """
    exponents = onchip.exponents(len(rates))
    terms = terms_of(onchip, len(rates), input)
    for term in terms:
        k = term.connection
        written = _rate_of_product(term, onchip, learning, exponents[k], rates[k])
        of_bias = rates[k] / (2 * learning.beta)
        of_one = _rate_of_product(term, onchip, learning, exponents[k], 1.0)
        most = _most_written(onchip, learning) / (synapses[k] if synapses else 1)
        if not max(written, of_bias) < most or of_one == 0:
            raise InputError(
                f"lr {rates[k]:g} of connection {k + 1} over a beta of {learning.beta:g} leaves "
                "the integers that a core computes with; expected both nearer to 1"
            )
    lowered = lower_terms(terms, onchip, learning, exponents, rates)
    factors, _ = lower_factors(onchip, learning, exponents, rates)
    for term, mantissa in zip(terms, lowered.mantissa, strict=True):
        k = term.connection
        if (mantissa == 0 or factors[k] == 0) and rates[k] > 0:
            of_one = _rate_of_product(term, onchip, learning, exponents[k], 1.0)
            least = _above(2.0 ** -(ROUNDING_BITS + 1) / of_one)
            raise InputError(
                f"lr {rates[k]:g} of connection {k + 1} rounds every update to zero in weights of "
                f"{onchip.fixed.weight_bits} bits and exponent {exponents[k]}; "
                f"expected at least {least:.2g}"
            )


def _most_written(onchip: OnChip, learning: Learning) -> float:
    """The largest rate of a product that stays within 64 bits, whatever is known of two units."""
    largest = 2 * onchip.fixed.one * learning.average_steps  # ACTIVITY is a sum of two potentials
    return 2.0 ** (PRODUCT_BITS - 2 * math.log2(largest))


def _above(number: float) -> float:
    """The next number of two digits above a positive one: what is printed shall do."""
    digit = 10.0 ** (math.floor(math.log10(number)) - 1)
    return (math.floor(number / digit) + 1) * digit
