"""What settings do not go together: refused in one line when they are made."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from eqchip.emulator.description import notation
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.modes import States
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.rules import RULES, fits_chip, rule_of
from eqchip.emulator.description.sight import SIGHTS
from eqchip.emulator.description.upkeep import UPKEEPS
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.emulator.description.config import Config

MOST_SUM = 2**30  # of what arrives in a step, beside a potential of 24 bits, in int32
# Of a network of other units, which are no settings of a spiking rule.
OF_EP = ("coding", "learning", "timing", "initial_gain", "feedback_shifts", "links")


def check_states(states: States, coding: Coding) -> None:
    """Refuse states that are carried on of a coding that is told too little, or nothing.

    Raises
    ------
    InputError
    """
    announced = states == "announced"
    for wrong, found, expected in (
        (not announced and coding.anneals, "a schedule that falls with t, which nobody starts "
         "again", "'announced', or a prediction that adapts or stays"),
        (announced and not coding.anneals, "no schedule that falls with t, so that nothing is to "
         "be announced", "'kept'"),
        (announced and coding.adaptive is not None, "OptimalStepSize, which adapts", "'kept'"),
    ):  # fmt: skip
        if states != "reset" and wrong:
            raise InputError(f"learning: states is {states!r} with {found}; expected {expected}")


def check_on_chip(config: Config) -> None:
    """Refuse what a core that learns after every sample cannot do.

    Raises
    ------
    InputError
    """
    descent, learning, coding = config.descent, config.learning, config.coding
    assert config.on_chip is not None
    _check_kernels(config, config.on_chip)
    if any(config.feedback_shifts) and config.on_chip.upkeep.adjoint:
        raise InputError(
            f"on_chip: feedback_shifts are {config.feedback_shifts} with copies "
            f"{config.on_chip.copies!r}, whose nudged phases cross each copy the other way; "
            "expected 0 everywhere, or other copies"
        )
    if config.timing is not None:
        _check_clocks(config.on_chip, config.timing)
    for what, value, wanted in (
        ("optimizer", descent.optimizer, "sgd"),
        ("momentum", descent.momentum, 0.0),
        ("weight_decay", descent.weight_decay, 0.0),
        ("random_sign", learning.random_sign, False),
        ("readout", learning.readout, "squared-error"),
    ):
        if value != wanted:
            raise InputError(f"on_chip: {what} is {value!r}; expected {wanted!r}")
    rule = rule_of(learning.rule)
    if not fits_chip(rule):
        able = " or ".join(repr(name) for name, one in RULES.items() if fits_chip(one))
        raise InputError(f"on_chip: rule is {rule.name!r}; expected {able}")
    if descent.minibatch > 1 and not config.on_chip.accumulator_bits:
        raise InputError(
            f"on_chip: minibatch is {descent.minibatch} with accumulator_bits 0, so nothing could "
            "remember its sum; expected minibatch 1, or accumulator_bits above 0"
        )
    if not coding.sends_bits:
        raise InputError(
            "on_chip: quantizer 'none' sends real values; expected 'sigma-delta' or 'bernoulli'"
        )
    if config.input == "current" and not config.on_chip.sight.takes_current:
        able = " or ".join(repr(name) for name, sight in SIGHTS.items() if sight.takes_current)
        raise InputError(
            f"on_chip: input 'current' sends no spikes that sees {config.on_chip.sees!r} could "
            f"write by; expected input 'spikes', or sees {able}"
        )
    config.on_chip.exponents(len(config.layers) - 1)


def _check_clocks(onchip: OnChip, timing: Asynchronous) -> None:
    """Refuse what cores learn by in time steps that all have in common.

    One clock for all is a timing too, where faults are told by it; there all is known at each step.
    """
    for what, value, found, rows in (
        ("sees", onchip.sees, onchip.sight, SIGHTS),
        ("copies", onchip.copies, onchip.upkeep, UPKEEPS),
    ):
        if found.in_steps:
            able = " or ".join(repr(name) for name, row in rows.items() if not row.in_steps)
            raise InputError(
                f"on_chip: {what} is {value!r} with a timing, but takes time steps that all cores "
                f"have in common; expected {able}, or no timing"
            )
    if timing.stop is not None:
        raise InputError(
            f"on_chip: timing stops at {timing.stop!r}, within the last phase that is learned "
            "from; expected no stop"
        )


def _check_kernels(config: Config, onchip: OnChip) -> None:
    """Refuse what no core does with a kernel of many places."""
    shared = [entry for entry in config.layers[1:] if not isinstance(entry, int)]
    if not shared:
        return
    for entry, connection in zip(
        config.layers[1:], notation.connections(config.layers), strict=True
    ):
        if connection.pool is not None:
            raise InputError(
                f"on_chip: layer {entry!r} prescribes a pooling, where each synapse learns by "
                "itself; expected a larger stride in its place, such as '32c6s2' for '32c5p2'"
            )
    tending = onchip.upkeep.tending
    kept = not onchip.upkeep.adjoint and (tending is None or tending.of_kernels)
    for what, value, fits, wanted in (
        ("minibatch", config.descent.minibatch, config.descent.minibatch == 1, "1"),
        ("sees", onchip.sees, not onchip.sight.spikes, "one that writes numbers"),
        ("copies", onchip.copies, kept, "'errors', 'periodic', 'same-noise' or 'independent'"),
    ):
        if not fits:
            raise InputError(
                f"on_chip: {what} is {value!r} with layer {shared[0]!r}, whose kernel many "
                f"synapses share; expected {wanted}"
            )


def check_spiking(config: Config) -> None:
    """Refuse what a rule of integrate-and-fire units does not know.

    Raises
    ------
    InputError
    """
    rule, descent, onchip = config.spiking, config.descent, config.on_chip
    assert rule is not None
    if onchip is None:
        raise InputError(f"rule {rule.name!r} learns on a chip only; expected on_chip: --on-chip")
    for name in OF_EP:
        usual = type(config).model_fields[name].default
        if getattr(config, name) != usual:
            raise InputError(
                f"{name} is set with rule {rule.name!r}, whose units it does not concern; expected "
                f"no {name}"
            )
    known = {"fixed", "weight_range", "accumulator_bits", "every"}
    for field in fields(OnChip):
        if field.name not in known and getattr(onchip, field.name) != field.default:
            flag = field.name.replace("_", "-")
            raise InputError(
                f"on_chip: {field.name} is {getattr(onchip, field.name)!r} with rule "
                f"{rule.name!r}, which does not know it; expected no --{flag}"
            )
    for entry in config.layers[1:]:
        if not isinstance(entry, int):
            raise InputError(
                f"rule {rule.name!r}: layer {entry!r} shares its kernel over places; expected "
                "dense layers"
            )
    refused = rule.refuses_current if config.input == "current" else ""
    if refused:
        raise InputError(
            f"rule {rule.name!r}: input is 'current', but {refused}; expected 'spikes'"
        )
    for what, value, wanted in (
        ("optimizer", descent.optimizer, "sgd"),
        ("momentum", descent.momentum, 0.0),
        ("weight_decay", descent.weight_decay, 0.0),
        ("minibatch", descent.minibatch, 1),
        ("input_dropout", descent.input_dropout, 0.0),
    ):
        if value != wanted:
            raise InputError(f"rule {rule.name!r}: {what} is {value!r}; expected {wanted!r}")
    for k, exponent in enumerate(onchip.exponents(len(config.layers) - 1), start=1):
        if exponent < 0:
            raise InputError(
                f"rule {rule.name!r}: weight_range of connection {k} needs the exponent "
                f"{exponent}, finer than the last bit of a potential; expected a larger one"
            )
        senders = notation.sizes(config.wired)[k - 1]
        if senders * (onchip.fixed.highest_code << exponent) >= MOST_SUM:
            raise InputError(
                f"rule {rule.name!r}: {senders} weights of exponent {exponent} sum to "
                "more than 31 bits; expected a smaller weight_range, or fewer units"
            )
    for size in config.sizes[1:]:
        if rule.graded and size * onchip.fixed.highest_code * onchip.fixed.one >= 2 * MOST_SUM:
            raise InputError(
                f"rule {rule.name!r}: the errors of {size} units sum to more than 31 bits; "
                "expected fewer units"
            )
    rule.check_network(config.sizes)
