"""``eqchip report``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Chips
from eqchip.cli.timing_options import timing_from, timing_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("other", metavar="[RUN_B]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--chip", default="loihi1-davies", show_default=True, help="Name of a chip, or a chip file."
)
@click.option(
    "--chips", type=Chips(), default=1, show_default=True,
    help="The most chips to use; auto: as many as are needed.",
)  # fmt: skip
@click.option(
    "--spread", type=click.IntRange(1), default=1, show_default=True,
    help="Split every layer over so many times the fewest cores: faster, more messages.",
)  # fmt: skip
@click.option(
    "--samples", type=int, default=20, show_default=True,
    help="Training samples to replay on the chip, and as many for inference.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path),
    help="Directory to write to. Default: report/ in the (first) run.",
)  # fmt: skip
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@timing_options(default=None)
@output_options
def command(
    run: Path,
    other: Path | None,
    chip: str,
    chips: int | str,
    spread: int,
    samples: int,
    data: Path | None,
    out: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    **timing: Any,
) -> int:
    """What the network of a RUN costs on a chip: energy, time and memory, of training first.

    Samples are run once more in the chip's integers and counted, core by core; the chip file
    prices the counts: modelled, not measured. Writes report.json, report.csv, report.html and
    pictures. With RUN_B, two runs on the same chip are compared. With --timing async, or if the
    network was trained so, the samples run without a global clock, and time is simulated time.
    """
    from eqchip.emulator.training.runs import RunDirectory
    from eqchip.hw_reports.document.compare import compare
    from eqchip.hw_reports.make import Request, make_report, write_document, write_report
    from eqchip.hw_reports.show import terminal as tables

    output = Output(as_json, quiet)
    most = None if chips == "auto" else int(chips)
    first = RunDirectory(run)
    asked = timing["timing"]
    found = timing_from(timing)
    request = Request(
        chip, most, spread, samples, data, threads, found if asked else first.config.timing
    )
    reported = make_report(first, request, output, quiet)
    if other is None:
        document = reported.document
        page = write_report(reported, out or first.report)
        shown, lines = tables.tables(document), tables.sentences(document)
    else:
        second = make_report(RunDirectory(other), request, output, quiet)
        document = compare(reported.document, second.document)
        # Not into the run's own report, which it would replace.
        page = write_document(document, out or first.report / "comparison")
        shown, lines = [tables.comparison(document)], document["notes"]
    for table in shown:
        output.table(*table)
    for line in lines:
        output.text(line)
    output.message(f"The report is in {page.parent}; open {page}")
    output.result(document)
    return 0
