"""``eqchip sweep``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Layers
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.errors import InputError


@click.command(cls=Command)
@click.argument("file", metavar="[FILE]", type=PATH, required=False)
@shared("dataset", help="In place of the FILE's. Default: digits.")
@click.option(
    "--network", "--layers", type=Layers(),
    help="Units per layer, in place of the FILE's. Default: as chosen for the data set.",
)  # fmt: skip
@click.option(
    "--rule", type=click.Choice(tuple(SPIKING_RULES)),
    help="A rule of integrate-and-fire units, in place of the FILE's, whose axes are its own "
    "settings. Default: Equilibrium Propagation.",
)  # fmt: skip
@click.option(
    "--axis", "axes", multiple=True, metavar="NAME=VALUES",
    help="Values of a setting, e.g. weight_bits=8,4,2, in place of the FILE's. Several times.",
)  # fmt: skip
@shared(
    "out", default=Path("runs/sweep"), show_default=True,
    help="Directory of the points and figures; a sweep that was begun in it goes on.",
)  # fmt: skip
@shared("data", "chip")
@click.option(
    "--workers", type=click.IntRange(min=1),
    help="Points trained at a time. Default: all processors. Results do not depend on it.",
)  # fmt: skip
@click.option(
    "--dask", metavar="ADDRESS",
    help="Train on the Dask cluster whose scheduler is there, e.g. tcp://10.0.0.1:8786.",
)  # fmt: skip
@output_options
def command(axes: tuple[str, ...], out: Path, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Train a grid of settings on the chip; plot accuracy against energy and memory.

    FILE names the network, the data set and the axes; without it, digits and the axes given,
    without any, the sweep begun in --out, or a usual grid. A sweep that was killed goes on where it
    was. Errors are those of validation samples; the test set is not read. The chip prices the
    points.
    """
    from eqchip.hw_reports.studies.sweep import sweep

    output = Output(as_json, quiet)
    document = sweep(out=out, axes=_axes(axes), **settings, progress=output.listener)
    _show(output, document, out)
    output.result({"out": str(out), **document})
    return 0


def _axes(texts: Sequence[str]) -> dict[str, list[Any]]:
    """What stands behind each --axis."""
    from eqchip.emulator.training.sweep import parse_axis

    given: dict[str, list[Any]] = {}
    for text in texts:
        name, values = parse_axis(text)
        if name in given:
            raise InputError(f"--axis {name} is given twice; expected it once")
        given[name] = values
    return given


def _show(output: Output, document: Mapping[str, Any], out: Path) -> None:
    """The points of either front, and where the rest is."""
    from eqchip.emulator.training.sweep import shown_value
    from eqchip.hw_reports.document.readable import amount

    varied, fronts = document["varied"], document["fronts"]
    rows = []
    for n, row in enumerate(document["rows"]):
        of = [cost for cost, front in fronts.items() if n in front]
        if of:
            energy, memory = row["energy"], row["memory"]
            rows.append(
                (
                    f"{row['error']:.2f} %",
                    amount(energy and energy["value"], "J"),
                    amount(memory["value"], "B"),
                    ", ".join(shown_value(row["settings"][name]) for name in varied),
                    " and ".join(of),
                )
            )
    rows.sort(key=lambda row: float(row[0].split()[0]))
    output.table(
        f"{document['subject']}: Pareto fronts of {len(document['rows'])} settings, per training "
        f"sample on {document['chip']['name']} ({document['statement']})",
        ("error", "energy", "memory", ", ".join(varied).replace("_", " "), "front of"),
        rows,
    )
    lacks = dict.fromkeys(kind for row in document["rows"] for kind in row["energy_lacks"])
    if lacks:
        output.text(f"Unknown, so that energies are lower bounds: {', '.join(lacks)}.")
    output.text(
        f"Figures: {out / 'accuracy-energy.png'}, accuracy-memory.png  Data: {out / 'points.jsonl'}"
    )
