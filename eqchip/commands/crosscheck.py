"""``eqchip crosscheck``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, run_argument, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Names

if TYPE_CHECKING:
    from eqchip.backends.crosscheck_graph import GraphCrosscheck
    from eqchip.backends.crosscheck_run import Crosscheck


@click.command(cls=Command)
@run_argument()
@click.option(
    "--against", metavar="ENGINES", type=Names(),
    help="Engines to compare with: lava, brian2, reference, several by commas. Default: all "
    "that run here.",
)  # fmt: skip
@click.option(
    "--samples", type=int,
    help="Of a run's test set; of a graph, drawn.  [default: 10; of a graph, 1]",
)  # fmt: skip
@shared("free_steps", help="Of a run, steps of the free phase. Default: as in training.")
@click.option(
    "--precision", type=click.Choice(("float64", "chip")),
    help="Numbers to compute with; chip: a chip's integers. Default: both.",
)  # fmt: skip
@click.option(
    "--spikes", "x", type=PATH,
    help="Of a graph, a .npz file: for each input (steps, batch, units). Default: drawn ones.",
)  # fmt: skip
@click.option("--steps", type=int, help="Of a graph. Default: those of the spikes, or 100.")
@click.option("--rates", type=float, help="Of a graph, the chance of a drawn spike. Default: 0.1.")
@shared("dt", "reset", "data", "threads")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """The network of RUN on every engine: bits and potentials, step by step.

    RUN is a run, whose test samples go through the phases of training on the emulator and on each
    other engine, or the file of a spiking network, as `eqchip import` reads it, which is given
    spikes. Exit status 1 if an engine differs; the first step at which it does is shown.
    """
    from eqchip.graph_check import crosscheck

    output = Output(as_json, quiet)
    found = crosscheck(**settings, progress=output.listener)
    show(output, found)
    output.result(found.to_dict())
    return 0 if found.equal else 1


def show(output: Output, found: Crosscheck | GraphCrosscheck) -> None:
    """One table, and a line for every engine that differs."""
    compared = [(one, one.comparison) for one in found.checkups if one.comparison is not None]
    rows = [
        (
            *(one.engine, one.precision, f"{comparison.bits:,}", f"{comparison.mismatches:,}"),
            *(f"{comparison.largest:.2g}", f"{one.seconds:.2f}"),
        )
        for one, comparison in compared
    ]
    rows += [
        (one.engine, one.precision, "", "", "", f"{one.seconds:.2f}")
        for one in found.checkups
        if one.comparison is None and one.refusal is None
    ]
    columns = (
        "engine", "precision", "bits compared", "mismatches", "potentials differ by", "seconds"
    )  # fmt: skip
    output.table(
        found.title,
        columns,
        rows,
    )
    for one, comparison in compared:
        if not comparison.equal:
            output.text(f"{one.engine}, {one.precision}, differs first in {comparison.first}")
