"""Learning as a chip can do it: what a synapse sees, where it is kept, and how it is rounded.

`OnChip` describes; `onchip_lowering` says which products the cores write;
`docs/on-chip-learning.md` tells why, and what each level costs.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from eqchip.emulator.description.coding import FORBID_EXTRA
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.sharing import SHARINGS, Sharing
from eqchip.emulator.description.sight import CHANGE, SIGHTS, Sight
from eqchip.emulator.description.upkeep import UPKEEPS, Shrink, Upkeep
from eqchip.emulator.errors import InputError, check_number, check_whole

MOST_ACCUMULATOR_BITS = 8  # beside a code of 8 in the 16 that kernels keep
MOST_TRACE_BITS = 12
MOST_CHANGE_BITS = 12
MOST_CHANGE_SPIKES = 63  # a spike is a learning epoch of a step
TRACE_SHIFT = 12  # bits below the point of a trace's decay


@dataclass(frozen=True)
class OnChip:
    """How a chip learns: in which integers, from what, and what it does about its two copies.

    Parameters
    ----------
    fixed : FixedPoint
        The chip's integers; ``weight_bits`` are those of a weight as a spike reads it.
    sees : {"traces", "potentials", "signed-spikes", "loihi-engine"}
        What the core that holds a synapse knows of the unit at its other end. ``traces``: it
        counts that unit's spikes of the nudged phases, and knows the potentials of its own units.
        ``potentials``: those are sent to it, as graded messages. ``signed-spikes``: it counts as
        with ``traces``, and a unit tells its own synapses, and all others, how it changed by
        spikes after the phases, first those of the units that rose, then of those that fell.
        ``loihi-engine``: of either end only a trace that decays, and two products of them, one
        after each nudged phase.
    trace_bits : int, default 7
        Bits of a trace. A larger count stays at the largest.
    change_bits : int, default 0
        Bits of a unit's change as it reaches a synapse, beside its sign: a whole number of
        2**-change_bits, rounded at random, and no more than these bits hold. 0: exact, as the unit
        itself has it.
    change_spikes : int, default 3
        With ``signed-spikes``, the most spikes that a unit tells its change by.
    accumulator_bits : int, default 0
        Bits that a weight is remembered with below those that a spike reads.
    copies : {"errors", "periodic", "same-noise", "decay", "independent", "weight-mirror", ...}
        What keeps the copy of a weight that feedback crosses like the other. ``independent``:
        nothing, each is written from what its core knows, with its own random numbers.
        ``same-noise``: both round with the same random numbers. ``decay``: as independent, and
        both shrink (Kolen and Pollack 1994). ``periodic``: as independent, and now and then one
        is sent to the other. ``errors``: a unit above sends its change to the cores below, as a
        graded message, so that both copies are written alike. ``weight-mirror`` and
        ``information-alignment``: as independent, and now and then, in a mirror mode, the mirrored
        copy is learned from what random spikes do over the forward one; see below.
        ``asymmetric-ep``: as independent, and nudged phases are those of Asymmetric EP; see below.
    kernels : {"keeper", "in-place", "averaged"}
        How a kernel that many synapses share is written. ``keeper``: after a sample the products of
        all its synapses are added up, and a core that keeps the kernel rounds and writes each sum
        once. ``in-place``: each synapse writes its product into the kernel, one after the other.
        ``averaged``: each writes into a weight of its own, at so many times the rate as there are
        places, and every `every` samples all that share a weight take their mean, rounded at
        random.
    weight_range : tuple of float
        The largest weight that must be held, one for all connections or one for each: it sets
        their exponents.
    threshold : float, default 0
        A unit whose potential changed by at most so much writes nothing.
    every : int, default 500
        Samples after which rates are set anew, and copies decay, are sent or are mirrored.
    decay_rate : float, default 0.01
        The share that ``decay`` takes every time.

    Raises
    ------
    InputError

    Notes
    -----
    Asymmetric EP (Scurria, Vanden Abeele, Mognetti and Massar, ICML 2026, arXiv 2602.03670) has the
    exact gradient of a network whose interactions are not reciprocal, here of one whose two copies
    W, feed-forward, and B differ. To what a unit hears in a nudged phase it adds -2 A (s - s0),
    with A the antisymmetric part of the interactions and s0 the free state. So what is heard of the
    difference from s0 crosses each copy the other way::

        above   W s0 + B (s - s0)          below   B s0 + W (s - s0)

    In a nudged phase spikes cross the other copy, and W s0 - B s0, or the reverse, found at its
    beginning from the potentials, is added to what arrives. Each copy is written by its own term.

    In a mirror mode every connection that has a mirror B of its weights W is shown PRESENTATIONS
    patterns x. Each unit below fires once in 2**(FIRING_BITS - 1) of them, at random, in one of two
    time steps: x_i = 1 or -1, else 0. A unit above adds up what arrives, less that of the second
    step, y = x W, and sends it to the cores below as a graded message. They write the rows of the
    units that fired, at a rate that falls as the learning rates do::

        B_i += rate (x_i y - B_i)                                       weight-mirror
        B_i += rate ((x_i - null (B y)_i / g) y - (1 - null) B_i)       information-alignment

    These are the descents on the primitives of Kunin et al. (2020), amp + decay (their weight
    mirror, of Akrout et al. 2019) and amp + null + decay, with (B y)_i what unit i receives over
    the mirror. They depart from the paper in this:

    - Noise is sparse and only who fires writes, so that a row is rounded as seldom as can be: with
      a random sign of every unit in every pattern, what 8-bit rounding adds up to is as large as
      the weights themselves.
    - amp and decay have one rate. Where it writes, x has the variance 1, and both copies have one
      exponent: so the mean of the first rule vanishes at B = W, norm included.
    - null is divided by a gain, g = (y . y) (1 + p n_pre / n_post) / (1 - p + p n_pre), with p the
      probability to fire: with it, the norm of random weights is kept at B = W. The rule's fixed
      point is not W all the same: of W's singular values, the large are smaller in it and the small
      larger, the more so the larger null. With null = 1 it is much like a pseudoinverse.
    """

    __pydantic_config__ = FORBID_EXTRA

    fixed: FixedPoint = field(default_factory=FixedPoint)
    sees: str = "traces"
    trace_bits: int = 7
    change_bits: int = 0
    change_spikes: int = 3
    accumulator_bits: int = 0
    copies: str = "errors"
    kernels: str = "keeper"
    weight_range: tuple[float, ...] = (0.5,)
    threshold: float = 0.0
    every: int = 500
    decay_rate: float = 0.01

    def __post_init__(self) -> None:
        _check_choice("sees", self.sees, tuple(SIGHTS))
        _check_choice("copies", self.copies, tuple(UPKEEPS))
        _check_choice("kernels", self.kernels, tuple(SHARINGS))
        check_whole("OnChip: trace_bits", self.trace_bits, 1, MOST_TRACE_BITS + 1)
        check_whole("OnChip: accumulator_bits", self.accumulator_bits, 0, MOST_ACCUMULATOR_BITS + 1)
        check_whole("OnChip: change_bits", self.change_bits, 0, MOST_CHANGE_BITS + 1)
        check_whole("OnChip: change_spikes", self.change_spikes, 1, MOST_CHANGE_SPIKES + 1)
        check_whole("OnChip: every", self.every, 1, 2**31)
        for name, low, high in (("threshold", 0.0, 1.0), ("decay_rate", 0.0, 1.0)):
            value = getattr(self, name)
            check_number(f"OnChip: {name}", value)
            if not low <= value < high:
                raise InputError(
                    f"OnChip: {name} is {value!r}; expected one in [{low:g}, {high:g})"
                )
        if self.fixed.outliers:
            raise InputError(
                f"OnChip: fixed has outliers {self.fixed.outliers!r}; expected 0: weights that are "
                "learned keep the exponent that weight_range gives them"
            )
        if self.shrinks and self.decay_rate * 2**TRACE_SHIFT < 1:
            raise InputError(
                f"OnChip: decay_rate is {self.decay_rate!r}; "
                f"expected at least 2**-{TRACE_SHIFT}, the least that is not nothing"
            )
        for largest in self.weight_range:
            check_number("OnChip: weight_range", largest)
            if not 0 < largest < math.inf:
                raise InputError(
                    f"OnChip: weight_range holds {largest!r}; expected finite numbers above 0"
                )
        if self.upkeep.tells_changes and not self.sight.knows_changes:
            usual_first = sorted(SIGHTS, key=lambda name: name != OnChip.sees)
            able = " or ".join(repr(name) for name in usual_first if SIGHTS[name].knows_changes)
            raise InputError(
                f"OnChip: copies {self.copies!r} with sees {self.sees!r}, which knows of no "
                f"change; expected {able}, or other copies"
            )

        if self.upkeep.adjoint and not self.sight.writes_apart:
            able = " or ".join(repr(name) for name in SIGHTS if SIGHTS[name].writes_apart)
            raise InputError(
                f"OnChip: copies {self.copies!r} with sees {self.sees!r}, which writes both copies "
                f"alike; expected {able}, or other copies"
            )
        if self.change_bits and CHANGE not in SIGHTS[self.sees].sources:
            raise InputError(
                f"OnChip: change_bits is {self.change_bits} with sees {self.sees!r}, where no "
                "synapse is handed a change as a number; expected 0, or another sees"
            )

    @property
    def sight(self) -> Sight:
        """What `sees` stands for."""
        found = SIGHTS[self.sees]
        return found.handed_in_few() if self.change_bits else found

    @property
    def largest_factor(self) -> int:
        """The most steps that a change comes in; 0: it comes exact."""
        if not self.sight.hands_factors:
            return 0
        return self.change_spikes if self.sight.spikes else (1 << self.change_bits) - 1

    @property
    def upkeep(self) -> Upkeep:
        """What `copies` stands for."""
        return UPKEEPS[self.copies]

    @property
    def sharing(self) -> Sharing:
        """What `kernels` stands for."""
        return SHARINGS[self.kernels]

    @property
    def shrinks(self) -> bool:
        """Whether copies lose the share `decay_rate` now and then."""
        return isinstance(self.upkeep.tending, Shrink)

    @property
    def records_spikes(self) -> bool:
        """Whether learning counts spikes."""
        return self.sight.counts_spikes

    def trace_gains(self, steps: int) -> tuple[int, int]:
        """What a decaying trace keeps of itself at a step, and what a spike adds, over 2**12.

        It forgets over half of a nudged phase, and a unit that always fires fills it.
        """
        decay = round(2**TRACE_SHIFT * (1 - 2 / max(steps, 2)))
        return decay, ((1 << self.trace_bits) - 1) * (2**TRACE_SHIFT - decay)

    def exponents(self, connections: int) -> list[int]:
        """Per connection, the smallest exponent that holds its range.

        Raises
        ------
        InputError
            If weight_range does not fit the network, or the chip has no such exponent.
        """
        ranges = self.weight_range * (connections if len(self.weight_range) == 1 else 1)
        if len(ranges) != connections:
            raise InputError(
                f"OnChip: weight_range holds {len(ranges)} for {connections} connections; "
                f"expected one, or {connections}"
            )
        fixed, found = self.fixed, []
        for largest in ranges:
            codes = largest * fixed.one / fixed.highest_code  # within what a float holds:
            codes = min(max(codes, sys.float_info.min), sys.float_info.max)
            exponent = math.ceil(math.log2(codes) - 1e-9)
            if exponent > fixed.highest_exponent:
                raise InputError(
                    f"OnChip: weight_range {largest:g} needs the exponent {exponent}; expected at "
                    f"most {fixed.highest_code * 2.0**fixed.highest_exponent / fixed.one:g}"
                )
            found.append(max(exponent, fixed.lowest_exponent))
        return found


def _check_choice(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise InputError(f"OnChip: {what} is {value!r}; expected one of {', '.join(known)}")
