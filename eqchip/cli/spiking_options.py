"""The flags of rules that train integrate-and-fire units."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import click

from eqchip.cli.command import section
from eqchip.emulator.description.spiking.feedback import FEEDBACKS
from eqchip.emulator.description.spiking.rules import Contrast, Moment


def spiking_options(command: Any) -> Any:
    """Add the flags to a command; the names are those of the rules' settings."""
    options: list[Callable[[Any], Any]] = [
        click.option("--steps", type=int, help="Of a phase of a spiking rule."),
        click.option(
            "--feedback", type=click.Choice(list(FEEDBACKS)),
            help="Of a spiking rule, what its errors cross on their way to hidden layers: the "
            "transposed weights; random ones, fixed, layer by layer or direct from the outputs; or "
            "random ones that learn, by --feedback-gain of the transposed write, in mirror modes, "
            "or from the activation.",
        ),
        click.option(
            "--feedback-gain", type=float,
            help="With --feedback kolen-pollack or ekdaa, the share of the transposed write.",
        ),
        click.option(
            "--feedback-decay", type=float,
            help="With these, the share that weights and feedback lose once in --every samples.",
        ),
        click.option(
            "--settle", type=int,
            help="Of a spiking rule: steps before its first phase, whose spikes do not count.",
        ),
        click.option(
            "--contrast", type=click.Choice(get_args(Contrast)),
            help="With --rule emstdp, what a hidden unit learns from: how its rate changed, or its "
            "error spikes.",
        ),
        click.option(
            "--error-threshold", type=float, help="With --rule emstdp, of hidden error units."
        ),
        click.option(
            "--write", type=click.Choice(get_args(Moment)),
            help="With --rule erbp, what writes: each presynaptic spike, or each sample.",
        ),
        click.option(
            "--box", type=float,
            help="With --rule erbp, a current beyond so many thresholds closes the gate.",
        ),
        click.option(
            "--decay", type=float,
            help="With --rule erbp, what a dendrite loses in a step; with eprop, a potential.",
        ),
        click.option(
            "--rows", type=int,
            help="With --rule eprop, the parts of a sample, told one after the other.",
        ),
        click.option(
            "--window", type=int,
            help="With --rule eprop, the last steps, in which outputs are told their targets.",
        ),
        click.option(
            "--fade", type=float, help="With --rule eprop, what an output loses in a step."
        ),
        click.option(
            "--gain", type=float, help="With --rule erbp, the largest weight of its feedback."
        ),
        click.option(
            "--least-error", type=float, help="Of a spiking rule: a smaller error is none."
        ),
        click.option(
            "--floor", type=float,
            help="Of a spiking rule: no potential falls below minus so many thresholds.",
        ),
    ]  # fmt: skip
    return section("Of rules that train integrate-and-fire units", options)(command)
