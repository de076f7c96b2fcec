"""``eqchip chips``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eqchip.cli import completion
from eqchip.cli.command import Command
from eqchip.cli.output import Output, output_options

if TYPE_CHECKING:
    from eqchip.mapping.chip_file.capabilities import Capability
    from eqchip.mapping.chip_file.chip import Chip
    from eqchip.mapping.chip_file.cores import Packing
    from eqchip.mapping.chip_file.figures import Coefficient, Limit

Row = tuple[str, ...]
LISTED, SHOWN = "eqchip-chips 1", "eqchip-chip-shown 1"  # formats
ORIGIN = "status, mark, source"  # the head of a column of them


@click.command(cls=Command)
@click.argument("chip", metavar="[NAME|FILE]", required=False, shell_complete=completion.chips)
@click.option(
    "--toml", "as_toml", is_flag=True,
    help="The whole chip file, to start one of your own from: eqchip chips NAME --toml > mine.toml",
)  # fmt: skip
@output_options
def command(chip: str | None, as_toml: bool, as_json: bool, quiet: bool) -> int:
    """List the chips, or show every figure of one with its source.

    A chip is the name of one that comes with eqchip, or a chip file (.toml) of your own.
    """
    from eqchip.mapping.chip_file.chip import chip_names, load_chip

    output = Output(as_json, quiet)
    if as_toml:
        _check_toml(chip, as_json)
        click.echo(load_chip(str(chip)).to_toml(), nl=False)
    elif chip is None:
        chips = [load_chip(name) for name in chip_names()]
        _list(chips, output)
        output.result({"format": LISTED, "chips": [_summary(each) for each in chips]})
    else:
        found = load_chip(chip)
        _show(found, output)
        output.result({"format": SHOWN, **_summary(found), "chip": found.model_dump(mode="json")})
    return 0


def _check_toml(chip: str | None, as_json: bool) -> None:
    """Refuse what has no chip file."""
    from eqchip.emulator.errors import InputError

    if chip is None:
        raise InputError("--toml is given without a chip; expected its name, or a chip file")
    if as_json:
        raise InputError("--toml is given with --json; expected one of the two")


def _summary(chip: Chip) -> dict[str, Any]:
    cores = chip.cores
    return {
        "name": chip.name,
        "title": chip.title,
        "model": chip.model,
        "origin": chip.origin,
        "cores": None if cores is None else cores.per_chip.amount,
        "units_per_core": None if cores is None else cores.units.amount,
        "learning": chip.learning,
        "weakest_status": chip.weakest,
        "digest": chip.digest(),
    }


def _list(chips: list[Chip], output: Output) -> None:
    rows = [
        (
            chip.name,
            f"{chip.title}\n{chip.origin}",
            f"{chip.model}\nlearns" if chip.learning else chip.model,
            "-"
            if chip.cores is None
            else f"{chip.cores.per_chip.amount:,} x {chip.cores.units.amount:,}",
            chip.weakest,
        )
        for chip in chips
    ]
    columns = ("name", "chip, where from", "model", "cores", "weakest")
    output.table("Chips", columns, rows)
    output.message(
        "cores: on a chip, by units per core. weakest: the weakest status of a chip's figures. "
        "eqchip chips NAME shows each with its source."
    )


def _show(chip: Chip, output: Output) -> None:
    output.text(f"{chip.name}: {chip.title}")
    output.text(f"Modelled, not measured. Figures from {chip.origin}. Digest {chip.digest()}.")
    output.text(f"{chip.description}\n")
    _show_kind(chip, output)
    limits, areas, costs = _figures(chip)
    if chip.capabilities:
        output.table("What it can do", ("capability", "", ORIGIN), _abilities(chip))
    if limits:
        output.table("Limits", ("limit", "value", ORIGIN), limits)
    if areas:
        output.table("Area", ("figure", "value", "low to high", ORIGIN), areas)
    output.table("Costs", ("figure", "value", "low to high", ORIGIN), costs)
    if chip.included:
        output.table("Costs nothing on top", ("figure", "contained"), list(chip.included.items()))
    if chip.unknown:
        output.table("Unknown", ("figure", "why"), list(chip.unknown.items()))
    output.text(f"Marks: {_marks(chip)}.")


def _show_kind(chip: Chip, output: Output) -> None:
    """Its model, its integers, and how its synapses lie in memory."""
    learns = "has a learning engine" if chip.learning else "does not learn on the chip"
    copies = f"; {_copies(chip.copies)} of a symmetric weight" if chip.model == "cores" else ""
    output.text(f"Model: {chip.model}; {learns}{copies}.")
    if chip.arithmetic is not None:
        fixed = chip.arithmetic
        output.text(
            f"Arithmetic: weights of {fixed.weight_bits} bits with a shared exponent from "
            f"{fixed.lowest_exponent} to {fixed.highest_exponent}, states of {fixed.state_bits} "
            f"bits, {fixed.fraction_bits} of them below the point, coefficients of "
            f"{fixed.coefficient_bits} bits."
        )
    if chip.cores is not None:
        packing = chip.cores.packing
        output.text(
            f"Packing of synapses: {packing.format}, blocks of {packing.block_synapses}, a header "
            f"of {packing.header_bits} bits, words of {packing.word_bits}. {_origin(packing)}"
        )
    output.text("")


def _figures(chip: Chip) -> tuple[list[Row], list[Row], list[Row]]:
    """Limits, areas and costs, a row each."""
    from eqchip.mapping.chip_file.figures import Area, Barrier, Coefficient

    limits: list[Row] = []
    areas: list[Row] = []
    costs: list[Row] = []
    for address, figure in chip.figures():
        if not isinstance(figure, Coefficient):
            name = address.removeprefix("cores.")
            limits.append((name, f"{figure.value:,} {figure.unit}", _origin(figure)))
            continue
        if isinstance(figure, Barrier):
            address = f"barrier, {figure.active_tiles:,} tiles"
        row = (
            address,
            f"{figure.value:g} {figure.unit}",
            f"{figure.low:g} to {figure.high:g}",
            _origin(figure),
        )
        (areas if isinstance(figure, Area) else costs).append(row)
    return limits, areas, costs


def _abilities(chip: Chip) -> list[Row]:
    from eqchip.mapping.chip_file.capabilities import ABILITIES, shown

    return [
        (ABILITIES[name].has, shown(name, one.value), _origin(one))
        for name, one in chip.capabilities.items()
    ]


def _marks(chip: Chip) -> str:
    """What the marks that stand in the tables mean."""
    from eqchip.mapping.chip_file.figures import marks_in

    known = [figure.confidence for _, figure in chip.figures()]
    known += [one.confidence for one in chip.capabilities.values()]
    if chip.cores is not None:
        known.append(chip.cores.packing.confidence)
    return "; ".join(f"{mark}, {words}" for mark, words in marks_in(*known).items())


def _copies(copies: int) -> str:
    return "one copy" if copies == 1 else f"{copies} copies"


def _origin(figure: Coefficient | Limit | Packing | Capability) -> str:
    """Status, mark and source, and what the file adds to them."""
    text = f"{figure.status} ({figure.confidence}): {figure.source}"
    return f"{text}\n{figure.note}" if figure.note else text
