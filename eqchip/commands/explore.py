"""``eqchip explore``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Figures, Span, UnitRates


@click.command(cls=Command)
@click.argument("subject", metavar="RUN|GRAPH|LAYERS")
@shared("each_chip")
@click.option(
    "--spread", type=Span(doubling=True), default=(1,), show_default="1",
    help="Times the fewest cores that every layer is split over: 1,2,3, or 1:64, doubling.",
)  # fmt: skip
@click.option(
    "--bits", type=Span(), help="Bits of a weight: 8,4 or 2:8. Default: the chip's."
)  # fmt: skip
@click.option(
    "--set", "figures", type=Figures(), multiple=True, callback=Figures.together,
    metavar="FIGURE=VALUES",
    help="Set a figure of the chip: energy.synaptic_event=5pJ, or 5pJ,10pJ. Several times.",
)  # fmt: skip
@shared("chips", "placement")
@shared("samples", default=20, help="Of a run: training samples to replay on the chip.")
@click.option(
    "--rates", type=UnitRates(),
    help="Of a graph: spikes of a unit in a step, 0.05, or by population, hidden=0.05,out=0.01.",
)  # fmt: skip
@click.option("--steps", type=int, help="Of a graph: steps of a sample. Default: 100.")
@click.option(
    "--writes", type=float, default=0.0, show_default=True,
    help="Of a graph: price learning that writes each synapse so many times a sample, too.",
)  # fmt: skip
@shared("data")
@shared(
    "out", default=Path("runs/explore"), show_default=True,
    help="Directory of the points, tables and page; an exploration begun in it goes on.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1),
    help="Points priced at a time. Default: all processors. Results do not depend on it.",
)  # fmt: skip
@click.option(
    "--dask", metavar="ADDRESS",
    help="Price on the Dask cluster whose scheduler is there, e.g. tcp://10.0.0.1:8786.",
)  # fmt: skip
@output_options
def command(out: Path, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Price a network on many chips, spreads and figures, and show what no other point beats.

    The subject is the directory of a RUN, a GRAPH that eqchip import reads, or sizes such as
    784-500-10; of the latter two, --rates tells the spikes. Each point is priced as eqchip report
    and eqchip price do. Writes explore.json, explore.csv, report.html and pareto.png; what was
    killed goes on where it was, and points that are there are kept.
    """
    from eqchip.exploring import explore

    output = Output(as_json, quiet)
    document = explore(out=out, **settings, progress=output.listener)
    _show(output, document)
    output.message(f"The page is {out / 'report.html'}; tables: {out / 'explore.csv'}")
    output.result(document)
    return 0


def _show(output: Output, document: Mapping[str, Any]) -> None:
    from eqchip.hw_reports.document.readable import short_total
    from eqchip.hw_reports.page.explored import named

    rows = document["rows"]
    output.table(
        f"{document['subject']}: of {len(rows):,} points those that no other beats, per "
        f"{document['sample']} ({document['statement']})",
        ("energy", "time", "memory", "cores", ", ".join(document["varied"]) or "chip"),
        [
            (
                *(short_total(rows[k][what]) for what in ("energy", "time", "memory")),
                "-" if rows[k]["cores"] is None else f"{rows[k]['cores']:,}",
                named(document, rows[k]),
            )
            for k in document["front"]
        ],
    )
    for note in document["notes"]:
        output.text(note)
    refused = [row for row in rows if row["refused"]]
    if refused:
        output.text(f"{len(refused):,} points were refused; the first: {refused[0]['refused']}")
