"""``eqchip chips``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.output import Output, output_options

if TYPE_CHECKING:
    from eqchip.mapping.chip_file.chip import Chip
    from eqchip.mapping.chip_file.cores import Packing
    from eqchip.mapping.chip_file.figures import Coefficient, Limit


@click.command()
@click.argument("chip", metavar="[NAME|FILE]", required=False)
@output_options
def command(chip: str | None, as_json: bool, quiet: bool) -> int:
    """List the chips, or show every figure of one with its source.

    A chip is the name of one that comes with eqchip, or a chip file (.toml) of your own.
    """
    from eqchip.mapping.chip_file.chip import chip_names, load_chip

    output = Output(as_json, quiet)
    if chip is None:
        chips = [load_chip(name) for name in chip_names()]
        _list(chips, output)
        output.result({"chips": [_summary(each) for each in chips]})
    else:
        found = load_chip(chip)
        _show(found, output)
        output.result({**_summary(found), "chip": found.model_dump(mode="json")})
    return 0


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
    from eqchip.mapping.chip_file.figures import Barrier, Coefficient

    output.text(f"{chip.name}: {chip.title}")
    output.text(f"Modelled, not measured. Figures from {chip.origin}. Digest {chip.digest()}.")
    output.text(f"{chip.description}\n")
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
    limits, costs = [], []
    for address, figure in chip.figures():
        if isinstance(figure, Coefficient):
            if isinstance(figure, Barrier):
                address = f"barrier, {figure.active_tiles:,} tiles"
            band = f"{figure.low:g} to {figure.high:g}"
            costs.append((address, f"{figure.value:g} {figure.unit}", band, _origin(figure)))
        else:
            name = address.removeprefix("cores.")
            limits.append((name, f"{figure.value:,} {figure.unit}", _origin(figure)))
    if limits:
        output.table("Limits", ("limit", "value", "status, mark, source"), limits)
    output.table("Costs", ("figure", "value", "low to high", "status, mark, source"), costs)
    if chip.included:
        output.table("Costs nothing on top", ("figure", "contained"), list(chip.included.items()))
    if chip.unknown:
        output.table("Unknown", ("figure", "why"), list(chip.unknown.items()))
    output.message(
        "Marks: R read in the original, R2 in a text that cites the place, A in an abstract or a "
        "table page, M measured by us, D derived, C from memory."
    )


def _copies(copies: int) -> str:
    return "one copy" if copies == 1 else f"{copies} copies"


def _origin(figure: Coefficient | Limit | Packing) -> str:
    """Status, mark and source, and what the file adds to them."""
    text = f"{figure.status} ({figure.confidence}): {figure.source}"
    return f"{text}\n{figure.note}" if figure.note else text
