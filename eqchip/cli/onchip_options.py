"""The flags of learning on a chip, and what a chip file says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.parameters import Rates
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.sight import SIGHTS
from eqchip.emulator.description.upkeep import UPKEEPS, Shrink
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.emulator.description.config import Config
    from eqchip.mapping.chip_file.chip import Chip

# One for each setting of OnChip; its integers are the chip's, but for --weight-bits.
FLAGS = tuple(field.name for field in fields(OnChip) if field.name != "fixed")


def onchip_options(command: Any) -> Any:
    """Add the flags to a command; `onchip_from` reads them."""
    options: list[Callable[[Any], Any]] = [
        click.option(
            "--on-chip", "chip", metavar="CHIP",
            help="Learn on this chip, in its integers, sample by sample, every copy of a weight "
            "written by its own core: the name of a chip, or a chip file.",
        ),
        click.option(
            "--sees", type=click.Choice(tuple(SIGHTS)),
            help="With --on-chip, what a core knows of the units of others: counts of their spikes "
            "[default], their potentials as graded messages, or traces as Loihi's engine has.",
        ),
        click.option(
            "--weight-bits", type=int, help="Of a weight as spikes read it.  [the chip's]"
        ),
        click.option("--trace-bits", type=int, help="Of a trace.  [7]"),
        click.option(
            "--accumulator-bits", type=int, help="Of a weight below those that spikes read.  [0]"
        ),
        click.option(
            "--copies", type=click.Choice(tuple(UPKEEPS)),
            help="What keeps the two copies of a weight alike.  [errors; same-noise where traces "
            "are all that is known]",
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
    for option in reversed(options):
        command = option(command)
    return command


def onchip_from(settings: dict[str, Any]) -> tuple[Chip, dict[str, Any]] | None:
    """Take the flags out of a command's settings: the chip, and settings of OnChip; or None.

    Raises
    ------
    InputError
        If the chip does not exist or cannot learn, or a flag is given without ``--on-chip`` or
        with others that leave it without effect.
    """
    from eqchip.mapping.chip_file.chip import load_chip
    from eqchip.mapping.chip_file.learning import check_learns

    name, weight_bits = settings.pop("chip"), settings.pop("weight_bits")
    given = {flag: settings.pop(flag) for flag in FLAGS}
    given = {flag: value for flag, value in given.items() if value is not None}
    if name is None:
        if given or weight_bits is not None:
            flag = next(iter(given), "weight_bits").replace("_", "-")
            raise InputError(f"--{flag} is given without --on-chip; expected that, or no such flag")
        return None
    chip = load_chip(name)
    check_learns(chip)
    assert chip.arithmetic is not None
    fixed = chip.arithmetic
    if weight_bits is not None:
        fixed = replace(fixed, weight_bits=weight_bits)
    sight = SIGHTS[given.get("sees", OnChip.sees)]
    given.setdefault("copies", sight.upkeep)
    if "trace_bits" in given and not sight.counts_spikes:
        raise InputError(
            f"--trace-bits is given with --sees {given['sees']}, which counts no spikes; expected "
            "no such flag, or another --sees"
        )
    if "decay_rate" in given and not isinstance(UPKEEPS[given["copies"]].tending, Shrink):
        raise InputError(
            f"--decay-rate is given with --copies {given['copies']}, which does not shrink them; "
            "expected no such flag, or --copies decay"
        )
    return chip, {"fixed": fixed, **given}


def check_fits(config: Config, chip: Chip) -> None:
    """Refuse a network that does not fit the chip with what learning remembers beside it.

    Raises
    ------
    InputError
        Naming every limit that is broken, and what would make it fit.
    """
    from eqchip.mapping.chip_file.learning import learning_chip
    from eqchip.mapping.placement.mapped import map_network

    assert config.on_chip is not None
    map_network(config.network(), learning_chip(chip, config.on_chip), placement="naive")
