"""Integrate-and-fire layers of a chip that learns, in plain numpy: what all rules stand on.

Whole numbers throughout, int64. V of a unit, its bias b and a threshold are states; a weight is a
code, whose exponent e its connection has::

    V = clip(V + u 2**e + b, floor, highest)    q = [V > one]    V -= one q, or V = 0 where q is 1
    input:  phi += x,  q = [phi > one / 2],  phi -= one q

Every layer hears what fired below in the step before; the input runs a step ahead. Where it is
injected, it sends its states x once, before the first step, and no bits; layer 1 adds at every
step what they come to, round(sum_j w_j x_j 2**e / one), to nearest, ties up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from eqchip.backends.reference.arithmetic import rescale
from eqchip.backends.reference.onchip import mirror_mode
from eqchip.backends.reference.random_rounding import (
    GOLDEN,
    OF_BITS,
    OF_DECAY,
    OF_MIRROR,
    mix,
    round_at_random,
    stream,
)
from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.spiking.feedback import ALIGN_SHARE
from eqchip.emulator.description.upkeep import (
    ALIGN_BITS,
    FIRING_BITS,
    MIRROR_SHARE,
    PRESENTATIONS,
    MirrorMode,
    Shrink,
    Tending,
)
from eqchip.emulator.learning.onchip_lowering import integer_rate
from eqchip.emulator.learning.spiking import (
    fixed_feedback,
    initial_codes,
    initial_mirror,
    program_of,
)

FORWARD, MIRROR, OF_BIASES = 0, 1, 2


def decayed(x: np.ndarray, keep: int) -> np.ndarray:
    """keep / 2**12 of x, toward 0."""
    return np.sign(x) * ((abs(x) * keep) >> 12)


@dataclass
class Counts:
    """What was counted; as `eqchip.emulator.kernels.spiking.arrays.Done`."""

    steps: np.ndarray
    spikes: np.ndarray
    arrivals: np.ndarray
    error_spikes: np.ndarray
    messages: np.ndarray
    error_events: np.ndarray
    labels: np.ndarray
    saturated: np.ndarray
    taught: np.ndarray
    open: np.ndarray
    told: np.ndarray
    aligning: np.ndarray
    writes: np.ndarray


@dataclass
class Machine:
    """A network on a chip, and what it keeps of a sample.

    Parameters
    ----------
    config : Config
        With a spiking rule.
    rates : sequence of float
        Per connection.
    """

    config: Config
    rates: Sequence[float]
    v: list[np.ndarray] = field(default_factory=list)
    phi: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    bits: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        config, sizes = self.config, notation.sizes(self.config.wired)
        assert config.spiking is not None
        assert config.on_chip is not None
        self.rule, self.onchip, self.fixed = config.spiking, config.on_chip, config.on_chip.fixed
        self.current = config.input == "current"
        self.sizes, self.layers = sizes, len(sizes)
        self.exponents = self.onchip.exponents(self.layers - 1)
        self.stored = [
            codes.astype(np.int64)
            for codes in initial_codes(config.network(), self.onchip, config.seed)
        ]
        self.mirror = [self.stored[0].copy()] + [
            initial_mirror(
                self.stored[k].astype(np.int16), self.rule, k, self.onchip, config.seed, sizes
            ).astype(np.int64)
            for k in range(1, self.layers - 1)
        ]
        self.biases = [np.zeros(n, np.int64) for n in sizes]
        layers, phases = self.layers, len(self.rule.phases)
        shapes = {
            "steps": (phases,), "spikes": (phases, layers), "arrivals": (phases, layers - 1),
            "labels": (1,), "saturated": (1,), "taught": (1,), "writes": (layers - 1, 2, 4),
            "told": (len(self.rule.tells),), "aligning": (layers - 1, 3),
        }  # fmt: skip
        names = (one.name for one in fields(Counts))
        self.counts = Counts(
            **{name: np.zeros(shapes.get(name, (layers,)), np.int64) for name in names}
        )

    def codes(self, stored: np.ndarray) -> np.ndarray:
        """What a spike reads of what is stored: rounded to nearest, ties up."""
        bits = self.onchip.accumulator_bits
        return (stored + ((1 << bits) >> 1)) >> bits

    def begin(self, share: float, floor: float, takes_all: bool = False) -> None:
        """All states before a sample: V at a share of the threshold."""
        one = self.fixed.one
        self.floor, self.takes_all = max(-round(floor * one), self.fixed.lowest_state), takes_all
        self.v = [np.full(n, round(share * one), np.int64) for n in self.sizes]
        self.bits = [np.zeros(n, np.int64) for n in self.sizes]
        self.phi = np.zeros(self.sizes[0], np.int64)
        self.drive = np.zeros(self.sizes[1], np.int64)

    def inject(self, x: np.ndarray) -> np.ndarray:
        """Send the states of an injected input; what stands for the counts of any: those, or 0."""
        if not self.current:
            return np.zeros_like(x)
        fixed, sent = self.fixed, int((x != 0).sum())
        summed = x @ self.codes(self.stored[0])
        total = rescale(summed, fixed.fraction_bits - self.exponents[0])
        self.drive = np.clip(total, fixed.lowest_state, fixed.highest_state)
        self.counts.saturated[0] += (self.drive != total).sum()
        self.counts.messages[0] += sent
        self.counts.arrivals[0, 0] += sent * self.sizes[1]
        return x

    def encode(self, x: np.ndarray) -> None:
        """The bits of the input in this step."""
        if self.current:
            return
        self.phi = self.phi + x
        self.bits[0] = (self.phi > self.fixed.one >> 1).astype(np.int64)
        self.phi = self.phi - self.fixed.one * self.bits[0]

    def step(self, phase: int, sums_up: bool) -> None:
        """One step of all layers; `sums_up`: the last fires nothing."""
        below = [bits.copy() for bits in self.bits]
        self.counts.steps[phase] += 1
        self.counts.spikes[phase, 0] += below[0].sum()
        for layer in range(1, self.layers):
            k = layer - 1
            u = below[layer - 1] @ self.codes(self.stored[k])
            self.counts.arrivals[phase, k] += below[layer - 1].sum() * self.sizes[layer]
            held = self.biases[layer] + (self.drive if layer == 1 else 0)
            self.integrate(layer, (u << self.exponents[k]) + held)
            if layer < self.layers - 1 or not sums_up:
                self.fire(layer)
                self.counts.spikes[phase, layer] += self.bits[layer].sum()

    def integrate(self, layer: int, added: np.ndarray) -> None:
        """V = clip(V + added)."""
        total = self.v[layer] + added
        self.counts.saturated[0] += (total > self.fixed.highest_state).sum()
        self.v[layer] = np.clip(total, self.floor, self.fixed.highest_state)

    def fire(self, layer: int) -> None:
        """Bits, and what a spike takes."""
        v, one = self.v[layer], self.fixed.one
        bits = (v > one).astype(np.int64)
        self.bits[layer] = bits
        self.v[layer] = v * (1 - bits) if self.takes_all else v - one * bits

    def is_right(self, values: np.ndarray, top: int, label: int) -> bool:
        """Whether all outputs, values over top, are nearer to their targets than `skip_right`."""
        target = np.arange(len(values)) == label
        near = abs(target * top - np.clip(values, 0, top)) < self.rule.nearest * top
        self.counts.taught[0] += not near.all()
        return bool(near.all())

    def source(self, layer: int) -> int:
        """The layer that a hidden layer hears errors from."""
        return self.layers - 1 if self.rule.path.direct else layer + 1

    def path(self, layer: int) -> np.ndarray:
        """Codes of the path into a hidden layer, (n_source, n)."""
        if self.rule.path.learns:
            return self.codes(self.mirror[layer]).T
        source = self.source(layer)
        codes = fixed_feedback(
            self.rule,
            self.sizes,
            source,
            layer,
            self.onchip,
            self.config.seed,
            self.exponents[source - 1],
        )
        return codes.astype(np.int64)

    def path_exponent(self, layer: int) -> int:
        """Of the path into a hidden layer: that of the connection whose place it takes."""
        return self.exponents[layer if self.rule.path.learns else self.source(layer) - 1]

    def heard(self, layer: int, told: np.ndarray) -> np.ndarray:
        """What a hidden layer hears of what its source tells, not yet scaled; counted."""
        self.counts.error_events[layer] += (told != 0).sum() * self.sizes[layer]
        sums: np.ndarray = told @ self.path(layer)
        return sums

    def write(self, k: int, below: np.ndarray, above: np.ndarray, sample: int) -> None:
        """weights += below above rate, and B by its gain of that, by the same random numbers."""
        if self.rule.path.aligns and k > 0 and above.any():
            self.align(k, below, sample)
        shares = program_of(self.rule).rates(self.rule, self.fixed)
        of_weight = shares.of_weight(k, self.current, self.fixed)
        step = 2.0 ** (self.exponents[k] - self.fixed.fraction_bits - self.onchip.accumulator_bits)
        numbers = np.arange(len(below) * len(above)).reshape(len(below), len(above))
        start = stream(self.config.seed, sample, k, FORWARD)
        products, changes = np.outer(below, above), []
        for gain in (1.0, self.rule.path.gain):
            mantissa, shift = integer_rate(gain * self.rates[k] * of_weight / step)
            change = round_at_random(products * mantissa, shift, start, numbers)
            changes.append(np.where(products == 0, 0, change))
        self.apply(k, below, above, changes)

    def write_traces(self, k: int, traces: np.ndarray, above: np.ndarray, number: int) -> None:
        """weights += traces above rate, of each synapse by its own trace, (n_pre, n_post)."""
        of_weight = (
            program_of(self.rule).rates(self.rule, self.fixed).of_weight(k, False, self.fixed)
        )
        step = 2.0 ** (self.exponents[k] - self.fixed.fraction_bits - self.onchip.accumulator_bits)
        mantissa, shift = integer_rate(self.rates[k] * of_weight / step)
        products = traces * above
        numbers = np.arange(products.size).reshape(products.shape)
        start = stream(self.config.seed, number, k, FORWARD)
        change = round_at_random(products * mantissa, shift, start, numbers)
        found = self._put(self.stored[k], np.where(products == 0, 0, change))
        self.counts.writes[k, FORWARD] += np.array([0, np.count_nonzero(products), *found])

    def align(self, k: int, below: np.ndarray, sample: int) -> None:
        """B += rate (c W - c B) c / |c|**2 of what fired below, c, and of what hears any of it."""
        back, power = self.mirror[k], int(below @ below)
        drive = below @ self.codes(self.stored[k])
        missed = drive - below @ self.codes(back)
        bits = ALIGN_BITS + self.onchip.accumulator_bits
        parts = np.where(drive == 0, 0, (missed << bits) // max(power, 1))
        mantissa, shift = integer_rate(ALIGN_SHARE * self.left / 2**ALIGN_BITS)
        products = np.outer(below, parts)
        start = stream(self.config.seed, sample, k, OF_MIRROR)
        numbers = np.arange(products.size).reshape(products.shape)
        change = round_at_random(products * mantissa, shift, start, numbers)
        found = self._put(back, np.where(products == 0, 0, change))
        told = np.count_nonzero(drive)
        visited, attempted = told * len(below), np.count_nonzero(products)
        self.counts.writes[k, MIRROR] += np.array([visited, attempted, *found])
        self.counts.aligning[k] += 0, told, visited

    @property
    def left(self) -> float:
        """What is left of the learning rates."""
        highest = sum(self.config.descent.lr)
        return sum(self.rates) / highest if highest > 0 else 1.0

    def tend(self, number: int) -> None:
        """What is done to the path once in `every` samples, after so many."""
        tending = self.rule.path.tending
        if tending is not None:
            for k in range(1, self.layers - 1):
                TENDED[type(tending)](self, tending, k, number)

    def shrink(self, tending: Shrink, k: int, number: int) -> None:
        """Both sides lose a share, by the same random numbers."""
        share = int(self.rule.path.decay * self.left * 2**12)
        start = stream(self.config.seed, number, k, OF_DECAY)
        for copy, held in enumerate((self.stored[k], self.mirror[k])):
            numbers = np.arange(held.size).reshape(held.shape)
            attempted = np.count_nonzero(held)
            found = self._put(held, -round_at_random(held * share, 12, start, numbers))
            self.counts.writes[k, copy] += np.array([held.size, attempted, *found])

    def show_patterns(self, tending: MirrorMode, k: int, number: int) -> None:
        """The mirror mode of the path beside a connection."""
        of_bits, of_rounding = (
            stream(self.config.seed, number, k, which) for which in (OF_BITS, OF_MIRROR)
        )
        back, onchip, share = self.mirror[k], self.onchip, MIRROR_SHARE * self.left
        found = mirror_mode(self.stored[k], back, onchip, tending.null, share, of_bits, of_rounding)
        self.counts.writes[k, MIRROR] += np.array([found[0], *found])
        n_pre, n_post = back.shape
        words = mix(of_bits + GOLDEN * np.arange(PRESENTATIONS * n_pre).astype(np.uint64))
        fires = (words >> np.uint64(64 - FIRING_BITS) < 2).reshape(PRESENTATIONS, n_pre)
        spikes, told = int(fires.sum()), int(fires.any(1).sum()) * n_post
        returns = told * n_pre if tending.null > 0 else 0
        self.counts.aligning[k] += spikes, told, spikes * n_post + returns

    def _put(self, held: np.ndarray, change: np.ndarray) -> tuple[int, int]:
        """held = clip(held + change), in place; codes that changed, and clipped ones."""
        limit = self.fixed.highest_code << self.onchip.accumulator_bits
        total, before = held + change, self.codes(held)
        held[...] = np.clip(total, -limit, limit)
        return int((self.codes(held) != before).sum()), int((held != total).sum())

    def apply(
        self, k: int, below: np.ndarray, above: np.ndarray, changes: Sequence[np.ndarray],
        times: Mapping[int, int] | None = None,
    ) -> None:  # fmt: skip
        """stored = clip(stored + change), of what `below` and `above` attempt to write.

        changes: of the weights, and of a path that gets the transposed write.
        times: how many of each copy there are, where the emulator keeps one for all.
        """
        products = np.outer(below, above)
        both = self.rule.path.gain > 0 and k > 0
        for copy, held in enumerate((self.stored, self.mirror) if both else (self.stored,)):
            axons = (below != 0).sum() * len(above), (above != 0).sum() * len(below)
            found = [axons[copy], (products != 0).sum(), *self._put(held[k], changes[copy])]
            self.counts.writes[k, copy] += np.array(found) * (times or {}).get(copy, 1)

    def write_biases(self, layer: int, error: np.ndarray, sample: int) -> None:
        """biases += error rate."""
        of_bias = program_of(self.rule).rates(self.rule, self.fixed).bias
        mantissa, shift = integer_rate(self.rates[layer - 1] * of_bias * self.fixed.one)
        start = stream(self.config.seed, sample, layer - 1, OF_BIASES)
        change = round_at_random(error * mantissa, shift, start, np.arange(len(error)))
        total = self.biases[layer] + np.where(error == 0, 0, change)
        self.biases[layer] = np.clip(total, -self.fixed.highest_state - 1, self.fixed.highest_state)


# What is done to the two sides of a connection, by the kind of tending.
TENDED: dict[type[Tending], Callable[..., None]] = {
    Shrink: Machine.shrink,
    MirrorMode: Machine.show_patterns,
}
