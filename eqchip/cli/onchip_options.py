"""The flags of learning on a chip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from eqchip.cli import completion
from eqchip.cli.command import section
from eqchip.cli.parameters import Rates
from eqchip.emulator.description.sharing import SHARINGS
from eqchip.emulator.description.sight import SIGHTS
from eqchip.emulator.description.upkeep import UPKEEPS


def onchip_options(command: Any) -> Any:
    """Add the flags to a command; the names are those of :class:`OnChip`'s settings."""
    options: list[Callable[[Any], Any]] = [
        click.option(
            "--on-chip", "--chip", "on_chip", metavar="CHIP", shell_complete=completion.chips,
            help="Learn on this chip, in its integers, sample by sample, every copy of a weight "
            "written by its own core: the name of a chip, or a chip file.",
        ),
        click.option(
            "--sees", type=click.Choice(tuple(SIGHTS)),
            help="With --on-chip, what a core knows of the units of others: counts of their spikes "
            "[default], their potentials as graded messages, counts beside spikes that tell of "
            "changes, or traces as Loihi's engine has.",
        ),
        click.option(
            "--weight-bits", type=int, help="Of a weight as spikes read it.  [the chip's]"
        ),
        click.option("--trace-bits", type=int, help="Of a trace.  [7]"),
        click.option(
            "--change-bits", type=int,
            help="Of a unit's change as its synapses are handed it, beside the sign.  [0: exact]",
        ),
        click.option(
            "--change-spikes", type=int,
            help="With --sees signed-spikes, the most that a unit tells its change by.  [3]",
        ),
        click.option(
            "--accumulator-bits", type=int, help="Of a weight below those that spikes read.  [0]"
        ),
        click.option(
            "--copies", type=click.Choice(tuple(UPKEEPS)),
            help="What keeps the two copies of a weight alike.  [errors; same-noise where traces "
            "are all that is known]",
        ),
        click.option(
            "--kernels", type=click.Choice(tuple(SHARINGS)),
            help="How the places of a kernel write it: their products added up by a core that "
            "keeps it, each in place, or each its own, averaged now and then.  [keeper]",
        ),
        click.option(
            "--weight-range", type=Rates(),
            help="The largest weight to hold, one for all connections or one each.",
        ),
        click.option(
            "--threshold", type=float,
            help="A unit whose potential changed by at most so much writes nothing.  [0]",
        ),
        click.option(
            "--every", type=int,
            help="Samples between two settings of the rates, or tendings of the copies.  [500]",
        ),
        click.option(
            "--decay-rate", type=float, help="With --copies decay, the share lost then.  [0.01]"
        ),
    ]  # fmt: skip
    return section("On a chip, with --on-chip", options)(command)
