"""``eqchip crosscheck``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.options import run_argument, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Names

if TYPE_CHECKING:
    from eqchip.backends.crosscheck_run import Crosscheck


@click.command()
@run_argument()
@click.option(
    "--against", metavar="ENGINES", type=Names(),
    help="Engines to compare with: lava, brian2, reference, several by commas. Default: all "
    "that run here.",
)  # fmt: skip
@shared("samples", default=10, help="Of the test set.")
@shared("free_steps", help="Steps of the free phase. Default: as in training.")
@click.option(
    "--precision", type=click.Choice(("float64", "chip")),
    help="Numbers to compute with; chip: a chip's integers. Default: both.",
)  # fmt: skip
@shared("data", "threads")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """The trained network of a RUN on every engine: bits and potentials, step by step.

    Test samples go through the phases of training on the emulator and on each other engine.
    Exit status 1 if one differs; the first step at which it does is shown.
    """
    from eqchip.backends.crosscheck_run import crosscheck

    output = Output(as_json, quiet)
    found = crosscheck(**settings, progress=output.listener)
    show(output, found)
    output.result(found.to_dict())
    return 0 if found.equal else 1


def show(output: Output, found: Crosscheck) -> None:
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
        f"{found.run.path}: {found.samples} test samples of {found.run.config.dataset}, "
        f"{found.steps} steps each",
        columns,
        rows,
    )
    for one, comparison in compared:
        if not comparison.equal:
            output.text(f"{one.engine}, {one.precision}, differs first in {comparison.first}")
