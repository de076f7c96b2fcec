"""``eqchip anchors``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import shared
from eqchip.cli.output import Output, output_options


@click.command(cls=Command)
@click.option(
    "--chip", default="loihi1-calibrated", show_default=True, help="Name of a chip, or a chip file."
)
@shared("out", metavar="FILE", help="Draw modelled against measured into this file (.png).")
@output_options
def command(chip: str, out: Path | None, as_json: bool, quiet: bool) -> int:
    """Hold the cost model to runs that were measured on chips.

    Every measured run that can be rebuilt from what is public is counted and priced as our own runs
    are. Shown are what was measured, what the model says with its band, and their ratio; which
    figures the chip file was fitted to, and which were held out.
    """
    from eqchip.hw_reports.studies.anchors import anchors

    output = Output(as_json, quiet)
    document = anchors(chip, out=out)
    _show(output, document)
    if out is not None:
        output.text(f"Picture: {out}")
    output.result(document)
    return 0


def _show(output: Output, document: dict[str, Any]) -> None:
    from eqchip.hw_reports.studies import anchors_words as words

    output.table(document["title"], words.COLUMNS, words.rows(document))
    for line in words.sentences(document):
        output.text(line)
