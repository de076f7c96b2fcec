"""The reference of learning on the chip: what every core does after a sample, in plain numpy.

The kernels of :mod:`eqchip.emulator.kernels.onchip` are compared with this. A sample runs through
its phases on :mod:`eqchip.backends.reference.fixed`, feed-forward spikes over one copy of the
codes and feedback over the other. Then it is known of every unit, in whole numbers::

    activity      A = S+ + S-                 S+, S-: sums of its last average_steps potentials
    change        D = S+ - S-                 in the phases with +beta and -beta; D is 0 where it is
                                              at most the threshold, and in the clamped input
    trace         T = min(N+ + N-, most)      N+, N-: its spikes in the last steps of these two,
                                              as many as a trace holds
    decaying      P = min(round((decay P + impulse q) / 2**12), most)   at each step with +beta,
                  M likewise with -beta
    factor        F = clip(round(D mantissa / 2**shift), -most, most)      D in a few steps, by its
                                              own rate: see `factor_rate`

and the copies of a weight between `pre` and `post` are written by these products, in this order:

================  ===================  ==========================================================
sees              copy                 products
================  ===================  ==========================================================
``potentials``    both                 A_pre D_post, then D_pre A_post (the input has no D)
``traces``        forward              T_pre D_post
``traces``        mirror               D_pre T_post; of copies ``errors``, T_pre D_post
``signed-spikes`` forward              T_pre F_post
``signed-spikes`` mirror               F_pre T_post; of copies ``errors``, T_pre F_post
``loihi-engine``  both                 P_pre P_post, then -M_pre M_post
================  ===================  ==========================================================

An input that is injected as a current sends no spikes: of it a core knows the value itself, and A
stands for its T. Nudged phases of copies ``asymmetric-ep`` are those of :func:`turned_over`. With
``change_bits``, F stands for D. With ``signed-spikes``, F is how often a unit fires after the
phases, once in a learning epoch; each of these spikes writes T as it is, before the next does.

::

    stored = clip(stored + round(product mantissa / 2**shift))     code = stored, rounded to nearest
    bias   = clip(bias + round(D mantissa / 2**shift))

``round(x / 2**n)`` is x plus a random number of n bits, over 2**n, rounded down. The first
connection has one copy, since nothing is fed back to the input.

A kernel is written by the products of all synapses that share a weight: with ``kernels``
``in-place`` each by itself, rounded and clipped, those of the first unit below first; with
``keeper`` by their sum, once; with ``averaged`` each synapse has a weight of its own, written at as
many times the rate as the weight has places, and after every stretch of samples all that share one
take ``floor((sum + r) / n)`` of the n, with r a random whole number below n.

After every stretch of samples copies may be tended (:func:`tend_copies`). In a mirror mode a few
units i of the layer below fire in each of PRESENTATIONS turns, at random, in one of two steps:
x_i = 1 or -1, and 0 of all others. Those write their row of the mirror B of W, in whole numbers::

    y   = x W               of codes: what the units above add up, less that of the second step
    r_i = floor(gain (B y)_i / |y|**2)                      what comes back over the mirror, or 0
    B_i = clip(B_i + round(((2**8 x_i - r_i) y 2**accumulator_bits - (2**8 - null) B_i)
                           mantissa / 2**shift))

with null = 0 for ``weight-mirror``, and gain = floor(null n_post (2**7 - 1 + n_pre) / (2**7 n_post
+ n_pre)), where a unit fires once in 2**7.

The module is long on purpose: all that a core does, to be read from top to bottom.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from eqchip.backends.reference import fixed as reference_fixed
from eqchip.backends.reference import floating as reference
from eqchip.backends.reference.arithmetic import rescale
from eqchip.backends.reference.random_rounding import (
    GOLDEN,
    OF_BIASES,
    OF_BITS,
    OF_DECAY,
    OF_MIRROR,
    OF_TRACES,
    SECOND,
    mix,
    round_at_random,
    stream,
)
from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.connections import Connection
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.sight import (
    ACTIVITY,
    CHANGE,
    FACTOR,
    MINUS_TRACE,
    PLUS_TRACE,
    TRACE,
    Source,
)
from eqchip.emulator.description.upkeep import (
    COPIES,
    FIRING_BITS,
    FORWARD,
    MIRROR,
    MIRROR_SHARE,
    PRESENTATIONS,
    MirrorMode,
    Send,
    Shrink,
    Tending,
)
from eqchip.emulator.philox import philox4x32, split_seed
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem, two_beta

FREE, PLUS, MINUS = 0, 1, 2  # phases
OF_SYNAPSES, OF_TIMING = 5, 0x54494D45  # random numbers that say which synapses are stuck
ATTEMPTED, APPLIED, SATURATED = 0, 1, 2

# --- what is stored -----------------------------------------------------------------------


class Kernel(NamedTuple):
    """A kernel whose places keep weights of their own.

    weight: of every synapse, by the units below and then above, which of the kernel's it has;
    size: how many the kernel has; places: of the layer above.
    """

    weight: np.ndarray
    size: int
    places: int


@dataclass
class Memory:
    """What the cores hold; learning changes it in place.

    ``stored[k][copy]``: of connection k, int64, of the shape of its weights: codes with
    accumulator_bits more below the point; FORWARD and, but in the first connection, MIRROR.
    ``biases[k]``: states, those of layer k + 1. ``weight_of[k]``: of a connection that is no
    matrix, which weight the synapse of two units has, -1 where there is none, shape (n_pre,
    n_post); of a matrix None. ``stuck[k][copy]``: which synapses cannot be written, bool, as
    ``stored``. ``apart[k]``: where places keep weights of their own, their kernel; else None.
    ``learned_from``: samples so far. ``states``: where these are carried on, those in which the
    next sample begins, a list of one.
    """

    stored: list[list[np.ndarray]]
    exponents: list[int]
    biases: list[np.ndarray]
    weight_of: list[np.ndarray | None]
    stuck: list[list[np.ndarray]]
    apart: list[Kernel | None]
    learned_from: int = 0
    states: list[reference.State] = field(default_factory=list)

    def codes(self, k: int, which: int, onchip: OnChip) -> np.ndarray:
        """The codes that a spike reads: of the first connection, one copy serves as both."""
        copies = self.stored[k]
        return codes_of(copies[min(which, len(copies) - 1)], onchip)


def codes_of(stored: np.ndarray, onchip: OnChip) -> np.ndarray:
    """What is stored, without the bits below the point: nearest, ties up."""
    bits = onchip.accumulator_bits
    return rescale(stored, bits)


def new_memory(config: Config, network: Network) -> Memory:
    """What the cores hold of a network before they learn: both copies alike."""
    onchip = on_chip(config)
    exponents = onchip.exponents(len(network.connections))
    stored, apart = [], kernels_apart(config)
    for k, (weights, kernel) in enumerate(zip(network.weights, apart, strict=True)):
        # Rounded up or down at random, at the resolution of what is stored.
        one = 2.0 ** (exponents[k] - onchip.fixed.fraction_bits - onchip.accumulator_bits)
        draws = np.random.default_rng([config.seed, k])
        if kernel is None:
            drawn = draws.random(weights.shape)
        else:  # all places alike
            drawn = draws.random(kernel.size)[kernel.weight]
        limit = onchip.fixed.highest_code << onchip.accumulator_bits
        first = np.clip(np.floor(weights / one + drawn), -limit, limit).astype(np.int64)
        stored.append([first.copy() for _ in range(1 if k == 0 else 2)])
    biases = [onchip.fixed.states(b).reshape(-1) for b in network.biases]
    stuck = [
        [stick(copy, config, k, which) for which, copy in enumerate(copies)]
        for k, copies in enumerate(stored)
    ]
    weight_of_each = [weight_of(connection) for connection in network.connections]
    return Memory(stored, exponents, biases, weight_of_each, stuck, apart)


def kernels_apart(config: Config) -> list[Kernel | None]:
    """`Memory.apart`, of every connection."""
    found: list[Kernel | None] = []
    for connection in notation.connections(config.layers):
        weights = weight_of(connection)
        if weights is None or not on_chip(config).sharing.apart:
            found.append(None)
            continue
        size = math.prod(connection.weight_shape)
        found.append(Kernel(weights[weights >= 0], size, math.prod(connection.post_shape[:-1])))
    return found


def stick(stored: np.ndarray, config: Config, k: int, which: int) -> np.ndarray:
    """Give stuck synapses what they are stuck at, in place; which of this copy are, bool.

    A number is drawn for each synapse from the seed of the timing: below the first share it is
    stuck at 0, below the first and second together at plus or minus the largest, by the last bit
    of another number, and below all three at what it holds.
    """
    timing, onchip = config.timing, on_chip(config)
    if timing is None:
        return np.zeros(stored.shape, bool)
    faults, (low, high) = timing.faults, split_seed(timing.seed)
    counter = np.zeros((stored.size, 4), np.uint32)
    counter[:, 0] = np.arange(stored.size)
    counter[:, 1] = 2 * k + which
    counter[:, 2] = OF_SYNAPSES
    words = philox4x32(counter, (low, high ^ OF_TIMING))
    u = ((words[:, 0] >> np.uint32(8)) * 2.0**-24).reshape(stored.shape)
    negative = (words[:, 1] % 2 == 1).reshape(stored.shape)
    largest = onchip.fixed.highest_code << onchip.accumulator_bits
    at_0 = u < faults.synapses_at_0
    at_limit = ~at_0 & (u < faults.synapses_at_0 + faults.synapses_at_limit)
    stored[at_0] = 0
    stored[at_limit] = np.where(negative, -largest, largest)[at_limit]
    every = faults.synapses_at_0 + faults.synapses_at_limit + faults.synapses_frozen
    return np.asarray(u < every)


def weight_of(connection: Connection) -> np.ndarray | None:
    """Which weight each pair of units has; see `Memory`."""
    if connection.all_to_all:
        return None
    numbers = 1 + np.arange(math.prod(connection.weight_shape)).reshape(connection.weight_shape)
    return reference.rows(connection, numbers) - 1


def on_chip(config: Config) -> OnChip:
    """How the chip of a configuration learns."""
    assert config.on_chip is not None
    return config.on_chip


# --- the phases of a sample ---------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What a sample did, per phase and layer: a row of the arrays is a step of the phase.

    Of a sample that was right there is the first phase alone.

    ``potentials[phase][layer]``: states, int64; ``bits[phase][layer]``: 0 or 1, int64; both of
    shape (steps, units). ``saturations``: states that were clipped.
    """

    potentials: list[list[np.ndarray]]
    bits: list[list[np.ndarray]]
    saturations: int

    def ends(self, phase: int, steps: int) -> list[np.ndarray]:
        """Per layer, the sum of the last potentials of a phase."""
        return [layer[-steps:].sum(axis=0) for layer in self.potentials[phase]]

    def spikes(self, phase: int, steps: int) -> list[np.ndarray]:
        """Per layer, the spikes of every unit in the last steps of a phase."""
        return [layer[-steps:].sum(axis=0) for layer in self.bits[phase]]


def turned_over(
    integers: reference_fixed.Constants, state: reference.State
) -> reference_fixed.Constants:
    """A network of nudged phases that start from this free state, of Asymmetric EP.

    Spikes cross the other copy, and what the free state sends over one less the other is added to
    what arrives; nothing comes back to the input, whose copy is one.
    """
    codes, back, bits = integers.codes, integers.back, integers.fixed.fraction_bits
    added = [np.zeros_like(layer.s[0]) for layer in state.layers[1:]]
    for k in range(1, len(codes)):
        differs, shift = codes[k] - back[k], bits - integers.exponents[k]
        added[k] += rescale(state.layers[k].s[0] @ differs, shift)
        added[k - 1] += rescale(-differs @ state.layers[k + 1].s[0], shift)
    over, under = [codes[0], *back[1:]], [back[0], *codes[1:]]
    return replace(integers, codes=over, back=under, turned=added)


def show(
    problem: Problem, integers: reference_fixed.Constants, average_steps: int, adjoint: bool = False
) -> Shown:
    """Run the phases of a problem of one sample, or the first, if it is right by then."""
    state = reference.initial_state(problem)
    free_end = state
    potentials, bits, row = [], [], 0
    for k, phase in enumerate(problem.phases):
        if phase.from_free:
            state = copy.deepcopy(free_end)
        nudge, run = None, integers
        if isinstance(phase, Nudged):
            nudge = two_beta(phase, integers.fixed)
            run = turned_over(integers, free_end) if adjoint else integers
        rows_s, rows_q = [], []
        for _ in range(phase.steps):
            reference_fixed.time_step(state, run, nudge, k, row)
            row += 1
            rows_s.append([layer.s[0] for layer in state.layers])
            rows_q.append([layer.q[0] for layer in state.layers])
        potentials.append([np.stack(layer) for layer in zip(*rows_s, strict=True)])
        bits.append([np.stack(layer) for layer in zip(*rows_q, strict=True)])
        if problem.carried is not None and not phase.from_free:
            reference.leave(problem, state)
        if k == 0 and is_right(potentials[0][-1][-average_steps:], problem, integers):
            break
        if isinstance(phase, Free) and not phase.from_free:
            free_end = copy.deepcopy(state)
    return Shown(potentials, bits, int(integers.range.saturations.sum()))


def is_right(outputs: np.ndarray, problem: Problem, integers: reference_fixed.Constants) -> bool:
    """Whether every output is nearer to its target than `skip_right`, in the mean of some steps.

    outputs: states of the last steps of the free phase, shape (steps, units). What a core compares
    is the distance of their sum with a whole number.
    """
    target = next(y for y in integers.targets if y is not None)
    distances = abs(len(outputs) * target[0] - outputs.sum(axis=0))
    limit = problem.skip_right * (integers.fixed.one * len(outputs))
    return bool((distances < limit).all())


# --- what cores know ----------------------------------------------------------------------

# Of every thing known, an array of whole numbers per layer.
Known = dict[Source, list[np.ndarray]]


def longest_trace(onchip: OnChip, learning: Learning) -> int:
    """The last steps of a nudged phase that are counted: two such counts fill a trace."""
    return min(learning.nudged_steps, 2 ** (onchip.trace_bits - 1))


def know(
    shown: Shown,
    onchip: OnChip,
    learning: Learning,
    seed: int,
    sample: int,
    factor_rates: list[tuple[int, int]],
) -> Known:
    """What is known of every unit after a sample, whose number `sample` is; seed: of rounding.

    factor_rates: of every connection, from `factor_rate`.
    """
    average, most = learning.average_steps, 2**onchip.trace_bits - 1
    ends = list(zip(shown.ends(PLUS, average), shown.ends(MINUS, average), strict=True))
    least = int(onchip.threshold * onchip.fixed.one * average)
    changes = [np.where(abs(up - down) > least, up - down, 0) for up, down in ends]
    changes[0] = np.zeros_like(changes[0])
    known = {ACTIVITY: [up + down for up, down in ends], CHANGE: changes}
    seen = onchip.sight.sources
    if TRACE in seen:
        window = longest_trace(onchip, learning)
        counts = zip(shown.spikes(PLUS, window), shown.spikes(MINUS, window), strict=True)
        known[TRACE] = [np.minimum(up + down, most) for up, down in counts]
    if PLUS_TRACE in seen or MINUS_TRACE in seen:
        start = stream(seed, sample, 0, OF_TRACES)
        known[PLUS_TRACE] = decaying_trace(shown.bits[PLUS], onchip, learning, start)
        known[MINUS_TRACE] = decaying_trace(shown.bits[MINUS], onchip, learning, mix(start))
    if FACTOR in seen:
        start = mix(mix(stream(seed, sample, 0, OF_TRACES)))
        known[FACTOR] = factors(changes, onchip, factor_rates, start)
    return known


def factors(
    changes: list[np.ndarray],
    onchip: OnChip,
    rates: list[tuple[int, int]],
    start: np.ndarray,
) -> list[np.ndarray]:
    """The changes of all layers in a few steps; the input never changes."""
    most = onchip.change_spikes if onchip.sight.spikes else 2**onchip.change_bits - 1
    places, _ = unit_places([len(change) for change in changes])
    found = [np.zeros_like(changes[0])]
    for change, place, (mantissa, shift) in zip(changes[1:], places[1:], rates, strict=True):
        steps = round_at_random(change * mantissa, shift, start, place)
        found.append(np.clip(steps, -most, most))
    return found


def decaying_trace(
    bits: list[np.ndarray], onchip: OnChip, learning: Learning, start: np.ndarray
) -> list[np.ndarray]:
    """The traces of all units after a phase; bits: per layer, shape (steps, units)."""
    decay, impulse = onchip.trace_gains(learning.nudged_steps)
    most = 2**onchip.trace_bits - 1
    places, total = unit_places([layer.shape[1] for layer in bits])
    traces = []
    for layer, place in zip(bits, places, strict=True):
        trace = np.zeros(layer.shape[1], np.int64)
        for step, q in enumerate(layer):
            product = decay * trace + impulse * q
            trace = np.minimum(round_at_random(product, 12, start, step * total + place), most)
        traces.append(trace)
    return traces


def unit_places(sizes: list[int]) -> tuple[list[np.ndarray], int]:
    """The numbers of all units of every layer, and how many there are.

    A layer starts at a multiple of 64, as it lies in the emulator's memory.
    """
    places, first = [], 0
    for n in sizes:
        places.append(first + np.arange(n))
        first += -(-n // 64) * 64
    return places, first


# --- what is written ----------------------------------------------------------------------


class Product(NamedTuple):
    """What is known of the two layers, whose product a copy is written with; its random numbers."""

    pre: Source
    post: Source
    stream: int
    sign: int = 1


def products(onchip: OnChip, k: int, which: int, input: str = "spikes") -> list[Product]:
    """The products of one copy of connection k; see the top of this module."""
    # Copies round alike if they have one stream of random numbers.
    own = FORWARD if onchip.upkeep.one_noise else which
    # A core that is told how the units above changed writes as the core above does.
    alike = which == FORWARD or onchip.upkeep.tells_changes
    found = []
    for n, (pre, post, sign) in enumerate(onchip.sight.forward if alike else onchip.sight.mirror):
        if pre in (CHANGE, FACTOR) and k == 0:  # the input has none
            continue
        if k == 0 and input == "current" and pre == TRACE:
            pre = ACTIVITY
        found.append(Product(pre, post, own + n * SECOND, sign))
    return found


def unit_of(what: Source, onchip: OnChip, learning: Learning) -> float:
    """What 1 of something known stands for, as a potential; of two phases, as their mean."""
    potential = 1.0 / (onchip.fixed.one * learning.average_steps)
    spike = 1.0 / longest_trace(onchip, learning)
    full = 1.0 / (2**onchip.trace_bits - 1)
    mantissa, shift = factor_in_bits(onchip, learning)
    return {
        ACTIVITY: potential / 2,
        CHANGE: potential,
        FACTOR: potential * 2**shift / mantissa,
        TRACE: spike / 2,
        PLUS_TRACE: full,
        MINUS_TRACE: full,
    }[what]


def whole_rate(rate: float) -> tuple[int, int]:
    """A rate as mantissa / 2**shift: a mantissa of 8 bits, as far as a shift of 0 to 32 allows."""
    if rate <= 0:
        return 0, 0
    shift = min(max(7 - math.floor(math.log2(rate)), 0), 32)
    return round(math.ldexp(rate, shift)), shift


def factor_in_bits(onchip: OnChip, learning: Learning) -> tuple[int, int]:
    """What a change is multiplied by to be a whole number of 2**-change_bits."""
    return whole_rate(2.0**onchip.change_bits / (onchip.fixed.one * learning.average_steps))


def factor_rate(onchip: OnChip, learning: Learning, exponent: int, rate: float) -> tuple[int, int]:
    """What a change of the units above a connection is multiplied by to be a factor.

    Of spikes, the learning rate of one count and an exact change, in what is stored: the rate is
    how often a unit fires, and what it writes then is whole.
    """
    if not onchip.sight.spikes:
        return factor_in_bits(onchip, learning)
    return weight_rate(Product(TRACE, CHANGE, FORWARD), onchip, learning, exponent, rate)


def weight_rate(
    product: Product, onchip: OnChip, learning: Learning, exponent: int, rate: float
) -> tuple[int, int]:
    """What a product is multiplied by, from the learning rate: lr / (2 beta), in what is stored."""
    one_stored = 2.0 ** (exponent - onchip.fixed.fraction_bits - onchip.accumulator_bits)
    pre, post = (unit_of(what, onchip, learning) for what in (product.pre, product.post))
    mantissa, shift = whole_rate(rate / (2 * learning.beta) * pre * post / one_stored)
    return product.sign * mantissa, shift


def bias_rate(onchip: OnChip, learning: Learning, rate: float) -> tuple[int, int]:
    """As `weight_rate`, of a change and a bias, which is a state."""
    one = unit_of(CHANGE, onchip, learning) * onchip.fixed.one
    return whole_rate(rate / (2 * learning.beta) * one)


def write(
    stored: np.ndarray,
    pre: np.ndarray,
    post: np.ndarray,
    rate: tuple[int, int],
    start: np.ndarray,
    onchip: OnChip,
) -> np.ndarray:
    """Add a product to a copy, in place; returns how many were attempted, applied, saturated.

    stored: (n_pre, n_post); pre: (n_pre,); post: (n_post,). A weight is attempted where neither
    is 0, applied where its code changes, saturated where it would leave the range.
    """
    mantissa, shift = rate
    limit = onchip.fixed.highest_code << onchip.accumulator_bits
    product = np.outer(pre, post) * mantissa
    numbers = np.arange(product.size).reshape(product.shape)  # by synapse: alike in both copies
    total = stored + round_at_random(product, shift, start, numbers)
    kept = np.clip(total, -limit, limit)
    before = codes_of(stored, onchip)
    stored[...] = kept
    attempted = np.count_nonzero(pre) * np.count_nonzero(post)
    applied = np.count_nonzero(codes_of(kept, onchip) != before)
    return np.array([attempted, applied, np.count_nonzero(kept != total)], np.int64)


def write_kernel(
    stored: np.ndarray,
    pre: np.ndarray,
    post: np.ndarray,
    rate: tuple[int, int],
    start: np.ndarray,
    onchip: OnChip,
    weight: np.ndarray,
) -> np.ndarray:
    """As `write`, of a connection that is no matrix; weight: which weight each synapse has.

    Summed, a weight is attempted where the sum is not 0, and its random number is its own.
    """
    mantissa, shift = rate
    exists = weight >= 0
    if onchip.sharing.summed:
        sums = np.zeros(stored.size, np.int64)
        np.add.at(sums, weight[exists], np.outer(pre, post)[exists])
        numbers = np.arange(stored.size)
        return add_to(
            stored, sums != 0, round_at_random(sums * mantissa, shift, start, numbers), onchip
        )
    counts = np.zeros(3, np.int64)
    for unit in np.flatnonzero(pre):  # of a unit no two synapses have one weight
        others = np.flatnonzero(exists[unit] & (post != 0))
        products = pre[unit] * post[others] * mantissa
        changes, meant = np.zeros((2, stored.size), np.int64)
        numbers = unit * len(post) + others
        changes[weight[unit, others]] = round_at_random(products, shift, start, numbers)
        meant[weight[unit, others]] = 1
        counts += add_to(stored, meant > 0, changes, onchip)
    return counts


def add_to(
    stored: np.ndarray, meant: np.ndarray, changes: np.ndarray, onchip: OnChip
) -> np.ndarray:
    """Add changes to weights, one each, in place; counts, (3,); meant: which are attempted."""
    limit = onchip.fixed.highest_code << onchip.accumulator_bits
    total = stored.reshape(-1) + changes
    kept, before = np.clip(total, -limit, limit), codes_of(stored, onchip).reshape(-1)
    stored[...] = kept.reshape(stored.shape)
    applied = np.count_nonzero(codes_of(kept, onchip) != before)
    return np.array([np.count_nonzero(meant), applied, np.count_nonzero(kept != total)], np.int64)


def learn(
    memory: Memory,
    known: Known,
    onchip: OnChip,
    learning: Learning,
    rates: list[float],
    seed: int,
    input: str = "spikes",
) -> np.ndarray:
    """Write all copies and biases after a sample; returns counts, shape (connections, 2, 3)."""
    writes = np.zeros((len(memory.stored), 2, 3), np.int64)
    for k, copies in enumerate(memory.stored):
        for which, stored in enumerate(copies):
            before, stuck = stored.copy(), memory.stuck[k][which]
            for product in products(onchip, k, which, input):
                start = stream(seed, memory.learned_from, k, product.stream)
                pre, post = known[product.pre][k], known[product.post][k + 1]
                if onchip.sight.spikes:
                    for epoch in range(onchip.change_spikes):
                        below = spikes_of(pre, epoch) if product.pre == FACTOR else pre
                        above = spikes_of(post, epoch) if product.post == FACTOR else post
                        writes[k, which] += write(stored, below, above, (1, 0), start, onchip)
                    continue
                kernel = memory.apart[k]
                lr = rates[k] if kernel is None else rates[k] * kernel.places
                rate = weight_rate(product, onchip, learning, memory.exponents[k], lr)
                weight = memory.weight_of[k]
                if weight is None:
                    writes[k, which] += write(stored, pre, post, rate, start, onchip)
                else:
                    writes[k, which] += write_kernel(stored, pre, post, rate, start, onchip, weight)
                # What cannot be written is as before, and not applied.
                tried = codes_of(stored, onchip) != codes_of(before, onchip)
                writes[k, which, APPLIED] -= np.count_nonzero(tried & stuck)
                stored[stuck] = before[stuck]
        change = known[CHANGE][k + 1]
        mantissa, shift = bias_rate(onchip, learning, rates[k])
        start = stream(seed, memory.learned_from, k, OF_BIASES)
        units = np.arange(len(change))
        total = memory.biases[k] + round_at_random(change * mantissa, shift, start, units)
        memory.biases[k] = np.clip(total, onchip.fixed.lowest_state, onchip.fixed.highest_state)
    return writes


def spikes_of(factor: np.ndarray, epoch: int) -> np.ndarray:
    """Who fires in a learning epoch, with the sign of its change."""
    return np.where(abs(factor) > epoch, np.sign(factor), 0)


def tend_copies(memory: Memory, config: Config, rates: list[float]) -> np.ndarray:
    """What is done to the copies now and then; returns counts, shape (connections, 2, 3)."""
    onchip = on_chip(config)
    writes = np.zeros((len(memory.stored), 2, 3), np.int64)
    for k, kernel in enumerate(memory.apart):
        if kernel is not None:
            for which, stored in enumerate(memory.stored[k]):
                average(stored, kernel, memory, config, (k, which))
                writes[k, which, ATTEMPTED] += stored.size
    if onchip.upkeep.tending is not None:
        tend = TENDED[type(onchip.upkeep.tending)]
        for k in range(1, len(memory.stored)):
            before = [stored.copy() for stored in memory.stored[k]]
            tend(memory, config, k, rates, writes[k])
            for stored, held, stuck in zip(memory.stored[k], before, memory.stuck[k], strict=True):
                stored[stuck] = held[stuck]
    return writes


def average(
    stored: np.ndarray, kernel: Kernel, memory: Memory, config: Config, place: tuple[int, int]
) -> None:
    """All synapses of a kernel take the mean of those that share their weight, in place."""
    k, which = place
    noise = FORWARD if on_chip(config).upkeep.one_noise else which
    counts = np.bincount(kernel.weight, minlength=kernel.size)
    draws = np.random.default_rng([config.seed, memory.learned_from, k, noise])
    parts = draws.integers(0, np.maximum(counts, 1))
    for weight in np.unique(kernel.weight):
        sharing = kernel.weight == weight
        stored[sharing] = (stored[sharing].sum() + parts[weight]) // counts[weight]


def shrink(memory: Memory, config: Config, k: int, rates: list[float], writes: np.ndarray) -> None:
    """Both copies of a connection lose a share."""
    share = int(on_chip(config).decay_rate * 2**12)
    for which, stored in zip(COPIES, memory.stored[k], strict=True):
        numbers = np.arange(stored.size).reshape(stored.shape)
        if which == MIRROR:  # of which a row is a unit above
            numbers = np.arange(stored.size).reshape(stored.T.shape).T
        start = stream(config.seed, memory.learned_from, k, OF_DECAY + which)
        stored -= round_at_random(stored * share, 12, start, numbers)
        writes[which, ATTEMPTED] += stored.size


def send(memory: Memory, config: Config, k: int, rates: list[float], writes: np.ndarray) -> None:
    """The forward copy of a connection takes the place of the mirror."""
    forward, mirror = memory.stored[k]
    mirror[...] = forward
    writes[MIRROR, ATTEMPTED] += mirror.size


def show_patterns(
    memory: Memory, config: Config, k: int, rates: list[float], writes: np.ndarray
) -> None:
    """The mirror mode of a connection."""
    starts = [stream(config.seed, memory.learned_from, k, which) for which in (OF_BITS, OF_MIRROR)]
    highest = sum(config.descent.lr)
    anew = MIRROR_SHARE * (sum(rates) / highest if highest > 0 else 1.0)
    forward, mirror = memory.stored[k]
    onchip = on_chip(config)
    tending = onchip.upkeep.tending
    assert isinstance(tending, MirrorMode)
    writes[MIRROR] += mirror_mode(forward, mirror, onchip, tending.null, anew, *starts)


# What is done to both copies of a connection, by the kind of tending.
TENDED: dict[type[Tending], Callable[[Memory, Config, int, list[float], np.ndarray], None]] = {
    Shrink: shrink,
    Send: send,
    MirrorMode: show_patterns,
}


def mirror_mode(
    forward: np.ndarray,
    mirror: np.ndarray,
    onchip: OnChip,
    null: int,
    share: float,
    of_bits: np.ndarray,
    of_rounding: np.ndarray,
) -> np.ndarray:
    """Have random units fire and write their rows of the mirror, in place; counts, shape (3,).

    forward, mirror: what is stored, (n_pre, n_post); null: see above; share: of the mirror that is
    learned anew, in the mean; of_bits, of_rounding: states that the random numbers of the bits and
    of the rounding start from.
    """
    n_pre, n_post = mirror.shape
    once_in = 2 ** (FIRING_BITS - 1)
    gain = null * n_post * (once_in - 1 + n_pre) // (once_in * n_post + n_pre)
    rate = whole_rate(share / (PRESENTATIONS / once_in) / 2**8)
    limit = onchip.fixed.highest_code << onchip.accumulator_bits
    numbers = np.arange(mirror.size).reshape(mirror.shape)
    writes = np.zeros(3, np.int64)
    for turn in range(PRESENTATIONS):
        words = mix(of_bits + GOLDEN * (turn * n_pre + np.arange(n_pre)).astype(np.uint64))
        first_bits = (words >> np.uint64(64 - FIRING_BITS)).astype(np.int64)
        x = np.where(first_bits == 0, 1, np.where(first_bits == 1, -1, 0))
        fires = np.flatnonzero(x)
        y = x @ codes_of(forward, onchip)
        before, power = mirror[fires], int(y @ y)
        residue = x[fires] << 8
        if power > 0:
            residue -= (codes_of(before, onchip) @ y) * gain // power
        pull = np.outer(residue, y << onchip.accumulator_bits) - (2**8 - null) * before
        total = before + round_at_random(
            pull * rate[0], rate[1], of_rounding, turn * mirror.size + numbers[fires]
        )
        kept = np.clip(total, -limit, limit)
        mirror[fires] = kept
        applied = np.count_nonzero(codes_of(kept, onchip) != codes_of(before, onchip))
        writes += [kept.size, applied, np.count_nonzero(kept != total)]
    return writes


def changed_codes(
    memory: Memory, onchip: OnChip, codes: list[np.ndarray], back: list[np.ndarray]
) -> np.ndarray:
    """How many codes of either copy are no longer these; shape (connections, 2)."""
    changed = np.zeros((len(codes), 2), np.int64)
    for k, copies in enumerate(memory.stored):
        for which in range(len(copies)):
            before = (codes, back)[which][k]
            changed[k, which] = np.count_nonzero(memory.codes(k, which, onchip) != before)
    return changed


# --- samples ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Learned:
    """What samples did, int64, as :class:`~eqchip.emulator.kernels.onchip.Written`.

    classes: (samples,), what the free phase ends with; writes: (connections, 2, 3), attempted,
    applied and saturated in both copies, upkeep included; changed, active: (layers,), units whose
    potential differs between the nudged phases (as far as a factor tells), and is not 0 at the end
    of either; told: (layers,), spikes that tell of changes; spikes: (phases, layers); saturations:
    states that were clipped; skipped: samples that were right, and ran and wrote no further.
    """

    classes: np.ndarray
    writes: np.ndarray
    changed: np.ndarray
    active: np.ndarray
    told: np.ndarray
    spikes: np.ndarray
    saturations: int
    skipped: int


def matrices(network: Network, codes: list[np.ndarray]) -> list[np.ndarray]:
    """Codes as they are stored, written out for every pair of units."""
    return [
        reference.rows(connection, of_connection)
        for connection, of_connection in zip(network.connections, codes, strict=True)
    ]


def learn_samples(
    config: Config,
    network: Network,
    memory: Memory,
    x: np.ndarray,
    targets: np.ndarray,
    *,
    rates: list[float],
    seed: int,
    samples: np.ndarray,
    shown: Callable[[Problem, reference_fixed.Constants, int, bool], Shown] = show,
) -> Learned:
    """Learn from samples, one after another, and then tend the copies.

    With a minibatch of more than one, every sample is learned from at that part of the rates, and
    spikes read the codes that were there before the minibatch. Biases change at once all the same.

    Parameters
    ----------
    config : Config
        With its `on_chip`; its seed is that of the rounding.
    network : Network
        For its layers; its weights are not read.
    memory : Memory
        From :func:`new_memory`; what is learned is written into it.
    x, targets : ndarray, shape (samples, n_in) and (samples, n_out)
    rates : list of float
        Learning rates, one per connection.
    seed : int
        Of the Bernoulli numbers of the phases.
    samples : ndarray of int64, shape (samples,)
        The identity of each sample for these numbers.
    shown : callable
        What runs the phases of a sample. Default: :func:`show`, with one clock; of a configuration
        with a timing, :func:`eqchip.backends.discrete.onchip.show`.

    Returns
    -------
    Learned
    """
    onchip, learning = on_chip(config), config.learning
    connections = len(network.connections)
    classes, writes = [], np.zeros((connections, 2, 3), np.int64)
    changed, active, told = np.zeros((3, connections + 1), np.int64)
    spikes, saturations, skipped = np.zeros((3, connections + 1), np.int64), 0, 0
    size = config.descent.minibatch
    # What weaker feedback takes from the contrasts below it.
    of_a_sample = [rate / size / network.share_of_signal(k) for k, rate in enumerate(rates)]
    for b in range(len(x)):
        if b % size == 0:  # what spikes read until the minibatch is over
            codes, back = (
                [memory.codes(k, which, onchip) for k in range(connections)]
                for which in (FORWARD, MIRROR)
            )
        problem = pose(
            network,
            x[b : b + 1],
            coding=config.coding,
            phases=learning.phases(targets[b : b + 1]),
            input=config.input,
            precision="chip",
            fixed=onchip.fixed,
            seed=seed,
            samples=samples[b : b + 1],
            skip_right=learning.skip_right,
            timing=config.timing,
        )
        if learning.carries:
            memory.states = memory.states or [reference.initial_state(problem)]
            problem = replace(problem, carried=memory.states, latest_step=learning.latest_step)
        integers = reference_fixed.stored_constants(
            problem,
            matrices(network, codes),
            matrices(network, back),
            memory.exponents,
            memory.biases,
        )
        did = shown(problem, integers, learning.average_steps, onchip.upkeep.adjoint)
        classes.append(did.ends(FREE, learning.average_steps)[-1].argmax())
        written, skips = np.zeros_like(writes), len(did.bits) < len(problem.phases)
        if not skips:
            factor_rates = [
                factor_rate(onchip, learning, exponent, rate)
                for exponent, rate in zip(memory.exponents, of_a_sample, strict=True)
            ]
            known = know(did, onchip, learning, config.seed, memory.learned_from, factor_rates)
            written = learn(memory, known, onchip, learning, of_a_sample, config.seed, config.input)
            changed += [np.count_nonzero(layer) for layer in known.get(FACTOR, known[CHANGE])]
            if onchip.sight.spikes:
                told += [abs(layer).sum() for layer in known[FACTOR]]
            active += [np.count_nonzero(layer) for layer in known[ACTIVITY]]
        if size > 1:
            written[..., APPLIED] = 0
            if (b + 1) % size == 0 or b == len(x) - 1:
                written[..., APPLIED] = changed_codes(memory, onchip, codes, back)
        writes += written
        ran = [[int(layer.sum()) for layer in phase] for phase in did.bits]
        spikes[: len(ran)] += ran
        skipped += skips
        saturations += did.saturations
        memory.learned_from += 1
    writes += tend_copies(memory, config, rates)
    return Learned(np.array(classes), writes, changed, active, told, spikes, saturations, skipped)
