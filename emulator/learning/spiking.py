"""From the description of a spiking rule to what its kernel takes, and one call of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.feedback import ALIGN_SHARE
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Emstdp, Eprop, Erbp, Graded, Nbp
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import Lowered, mirror_rows, row_stride, weight_rows
from eqchip.emulator.kernels.spiking.arrays import Learner, Paths, Unit
from eqchip.emulator.kernels.spiking.emstdp import EmstdpRules, run_emstdp
from eqchip.emulator.kernels.spiking.eprop import TRACE_BITS, EpropRules, run_eprop
from eqchip.emulator.kernels.spiking.erbp import KEEP_BITS, ErbpRules, run_erbp
from eqchip.emulator.kernels.spiking.graded import GradedRules, run_graded
from eqchip.emulator.kernels.spiking.nbp import NbpRules, run_nbp
from eqchip.emulator.learning.onchip_lowering import initial_store, integer_rate, lower_share

PATH_STREAM = 7  # of the seed: what fixed feedback is drawn by
SHARE_BITS = 15  # of one over a number of steps
MOST_SENDERS = 4096  # of a layer whose errors are summed in 32 bits, in states of 12 fraction bits


class Shares(NamedTuple):
    """What one of what a kernel counts stands for, in the equations of its rule.

    below, above: at the two ends of a connection; bias: of what is counted above, in that of a
    bias.
    """

    below: float
    above: float
    bias: float

    def of_weight(self, k: int, current: bool, fixed: FixedPoint) -> float:
        """What the learning rate of connection k is multiplied by; an injected input is a state."""
        return (1.0 / fixed.one if current and k == 0 else self.below) * self.above


class Program(NamedTuple):
    """What runs a rule.

    lower: from the rule and the chip's integers to the rules of its kernel, of which `unit` is one.
    run: the kernel. rates: from the rule to what its kernel's counts stand for.
    """

    lower: Callable[[Any, FixedPoint], Any]
    run: Callable[..., None]
    rates: Callable[[Any, FixedPoint], Shares]


def lower_unit(fixed: FixedPoint, floor: float, begin: float, takes_all: bool = False) -> Unit:
    """An integrate-and-fire unit whose potential begins at, and stays above, so many thresholds."""
    one = fixed.one
    low = max(-round(floor * one), fixed.lowest_state)
    return Unit(one, low, fixed.highest_state, round(begin * one), takes_all, fixed.fraction_bits)


def lower_rules(rule: SpikingRule, fixed: FixedPoint, input: InputMode) -> Any:
    """The rules of a rule's kernel."""
    rules = program_of(rule).lower(rule, fixed)
    return rules._replace(unit=rules.unit._replace(current=input == "current"))


def share_of(steps: int) -> tuple[int, int]:
    """One over a number of steps as mantissa / 2**shift."""
    return round(2**SHARE_BITS / steps), SHARE_BITS


def _lower_graded(rule: Graded, fixed: FixedPoint) -> GradedRules:
    least = max(math.ceil(rule.least_error * fixed.one), 1)
    unit = lower_unit(fixed, rule.floor, 0.5)
    near = math.ceil(rule.skip_right * rule.steps * fixed.one)
    return GradedRules(unit, rule.steps, *share_of(rule.steps), least, fixed.fraction_bits, near)


def _graded_rates(rule: Graded, fixed: FixedPoint) -> Shares:
    return Shares(1.0 / rule.steps, 1.0 / fixed.one, 1.0 / fixed.one)


def _lower_emstdp(rule: Emstdp, fixed: FixedPoint) -> EmstdpRules:
    unit, threshold = lower_unit(fixed, rule.floor, 0.5), round(rule.error_threshold * fixed.one)
    near, by_spikes = math.ceil(rule.skip_right * rule.steps), rule.contrast == "error-spikes"
    return EmstdpRules(unit, rule.steps, rule.settle, threshold, by_spikes, near)


def _emstdp_rates(rule: Emstdp, fixed: FixedPoint) -> Shares:
    return Shares(1.0 / rule.steps, 1.0 / rule.steps, 1.0 / rule.steps)


def _lower_erbp(rule: Erbp, fixed: FixedPoint) -> ErbpRules:
    unit = lower_unit(fixed, rule.floor, 0.0, takes_all=True)
    keep, least = round((1 - rule.decay) * 2**KEEP_BITS), math.ceil(rule.least_error * fixed.one)
    return ErbpRules(
        unit, rule.steps, rule.settle, round(rule.box * fixed.one), keep, max(least, 1),
        rule.write == "spike", math.ceil(rule.skip_right * rule.steps),
    )  # fmt: skip


def _erbp_rates(rule: Erbp, fixed: FixedPoint) -> Shares:
    share = 1.0 / (rule.steps - rule.settle)
    return Shares(1.0 if rule.write == "spike" else share, share / fixed.one, 0.0)


def _lower_nbp(rule: Nbp, fixed: FixedPoint) -> NbpRules:
    return NbpRules(lower_unit(fixed, 0.0, 0.0))


def _nbp_rates(rule: Nbp, fixed: FixedPoint) -> Shares:
    return Shares(0.0, 0.0, 0.0)  # a code a write, whatever the rate


def _lower_eprop(rule: Eprop, fixed: FixedPoint) -> EpropRules:
    keep, fade = (round((1 - loss) * 2**KEEP_BITS) for loss in (rule.decay, rule.fade))
    least = max(math.ceil(rule.least_error * fixed.one), 1)
    unit = lower_unit(fixed, rule.floor, 0.0)
    return EpropRules(unit, rule.rows, rule.steps, rule.window, keep, fade, least)


def _eprop_rates(rule: Eprop, fixed: FixedPoint) -> Shares:
    return Shares(2.0**-TRACE_BITS, 1.0 / fixed.one, 1.0 / fixed.one)


# What runs each rule, by the type of its description. A new rule: a row here.
PROGRAMS: dict[type[SpikingRule], Program] = {
    Graded: Program(_lower_graded, run_graded, _graded_rates),
    Emstdp: Program(_lower_emstdp, run_emstdp, _emstdp_rates),
    Erbp: Program(_lower_erbp, run_erbp, _erbp_rates),
    Nbp: Program(_lower_nbp, run_nbp, _nbp_rates),
    Eprop: Program(_lower_eprop, run_eprop, _eprop_rates),
}


def program_of(rule: SpikingRule) -> Program:
    """The row of a rule.

    Raises
    ------
    InputError
        If nothing runs it.
    """
    if type(rule) not in PROGRAMS:
        known = ", ".join(kind.name for kind in PROGRAMS)
        raise InputError(f"rule {rule.name!r} has no kernel; expected one of {known}")
    return PROGRAMS[type(rule)]


def initial_codes(network: Network, onchip: OnChip, seed: int) -> list[np.ndarray]:
    """What is stored of every connection before training, int16, shape (n_pre, n_post)."""
    exponents = onchip.exponents(len(network.connections))
    return [
        initial_store(weights, exponents[k], onchip, seed, k)
        for k, weights in enumerate(network.weights)
    ]


def fixed_feedback(
    rule: SpikingRule,
    sizes: Sequence[int],
    source: int,
    layer: int,
    onchip: OnChip,
    seed: int,
    exponent: int,
) -> np.ndarray:
    """Codes of a fixed random path into a layer, int8, shape (n_source, n).

    Uniform, less the mean over the senders, so that an error that all of them have alike moves
    nothing.
    """
    rng = np.random.default_rng([seed, PATH_STREAM, layer])
    n_source, n = sizes[source], sizes[layer]
    limit = rule.feedback_limit(n_source, n)
    drawn = rng.uniform(-limit, limit, (n_source, n))
    codes = np.ldexp(drawn - drawn.mean(0), onchip.fixed.fraction_bits - exponent)
    most = onchip.fixed.highest_code
    return np.clip(np.rint(codes), -most, most).astype(np.int8)


def lower_paths(lowered: Lowered, rule: SpikingRule, onchip: OnChip, seed: int) -> Paths:
    """The paths of a rule's errors into the hidden layers of a lowered network."""
    layers = len(lowered.sizes)
    sizes = [int(n) for n in lowered.sizes]
    starts, strides, source, exponents = np.zeros((4, layers), np.int64)
    path = rule.path
    rows: list[np.ndarray] = []
    at = 0
    for layer in range(1, layers - 1):
        source[layer] = layers - 1 if path.direct else layer + 1
        exponents[layer] = lowered.exponents[layer]
        if path.learns:
            starts[layer], strides[layer] = (
                lowered.mirror_starts[layer], lowered.mirror_strides[layer],
            )  # fmt: skip
            continue
        exponents[layer] = lowered.exponents[source[layer] - 1]
        codes = fixed_feedback(
            rule, sizes, int(source[layer]), layer, onchip, seed, int(exponents[layer])
        )
        wide = np.zeros((len(codes), row_stride(sizes[layer], np.dtype(np.int8))), np.int8)
        wide[:, : sizes[layer]] = codes
        starts[layer], strides[layer] = at, wide.shape[1]
        at += wide.size
        rows.append(wide.ravel())
    codes = lowered.mirror if path.learns else np.concatenate([*rows, np.zeros(1, np.int8)])
    return Paths(codes, starts, strides, source, exponents, path.gain > 0, path.aligns)


def initial_mirror(
    weights: np.ndarray, rule: SpikingRule, k: int, onchip: OnChip, seed: int, sizes: Sequence[int]
) -> np.ndarray:
    """What is stored of the path beside connection k before training, (n_pre, n_post).

    weights: what is stored of its weights, int16.
    """
    if rule.path.begins == "transpose":
        return weights
    exponent = onchip.exponents(len(sizes) - 1)[k]
    drawn = fixed_feedback(rule, sizes, k + 1, k, onchip, seed, exponent)
    return drawn.T.astype(np.int16) << onchip.accumulator_bits


def new_learner(
    lowered: Lowered, network: Network, rule: SpikingRule, onchip: OnChip, seed: int
) -> Learner:
    """What learning remembers before the first sample; codes of `lowered` follow it."""
    stored, mirror = (np.zeros(c.shape, np.int16) for c in (lowered.weights, lowered.mirror))
    sizes = [int(n) for n in lowered.sizes]
    for k, values in enumerate(initial_codes(network, onchip, seed)):
        weight_rows(lowered, k, stored)[:, : values.shape[1]] = values
        if k > 0:
            back = initial_mirror(values, rule, k, onchip, seed, sizes)
            mirror_rows(lowered, k, mirror)[:, : values.shape[0]] = back.T
    rates = [np.zeros(len(network.connections), np.int64) for _ in range(6)]
    bits, highest, seeds = onchip.accumulator_bits, onchip.fixed.highest_code, np.array([seed])
    return Learner(
        stored, mirror, bits, highest, rates[0], rates[1], rates[2], rates[3], rates[4], rates[5],
        np.zeros(2, np.int64), seeds.astype(np.uint64),
    )  # fmt: skip


def read_codes(lowered: Lowered, learner: Learner) -> None:
    """Bring the codes up to date with what is stored."""
    bits = learner.accumulator_bits
    half = (1 << bits) >> 1
    for codes, stored in (
        (lowered.weights, learner.stored),
        (lowered.mirror, learner.stored_mirror),
    ):
        codes[...] = (stored + half) >> bits


def set_rates(
    learner: Learner,
    rule: SpikingRule,
    onchip: OnChip,
    exponents: Sequence[int],
    rates: Sequence[float],
    highest: Sequence[float],
    current: bool = False,
) -> None:
    """Give the learner its learning rates, one per connection, as whole numbers.

    highest: the rates that training begins with. current: whether the input is injected.
    """
    learner.aligning[...] = lower_share(ALIGN_SHARE, rates, highest)
    shares = program_of(rule).rates(rule, onchip.fixed)
    for k, rate in enumerate(rates):
        step = math.ldexp(1.0, exponents[k] - onchip.fixed.fraction_bits - onchip.accumulator_bits)
        of_weight = shares.of_weight(k, current, onchip.fixed)
        learner.mantissa[k], learner.shift[k] = integer_rate(rate * of_weight / step)
        learner.mirror_mantissa[k], learner.mirror_shift[k] = integer_rate(
            rule.path.gain * rate * of_weight / step
        )
        learner.bias_mantissa[k], learner.bias_shift[k] = integer_rate(
            rate * shares.bias * onchip.fixed.one
        )


def check_rates(learner: Learner, rule: SpikingRule, rates: Sequence[float]) -> None:
    """Refuse a rate above 0 that has rounded to nothing.

    Raises
    ------
    InputError
    """
    writes = program_of(rule).rates(rule, FixedPoint()).above > 0
    for k, rate in enumerate(rates):
        if rate > 0 and writes and learner.mantissa[k] == 0:
            raise InputError(
                f"lr {rate:g} of connection {k + 1} rounds every update of rule {rule.name!r} to "
                "zero; expected more"
            )
        if learner.mantissa[k] > 0 and rule.path.gain > 0 and learner.mirror_mantissa[k] == 0:
            raise InputError(
                f"lr {rate:g} of connection {k + 1}, times feedback_gain {rule.path.gain:g}, "
                "rounds every update of its feedback to zero; expected more"
            )
