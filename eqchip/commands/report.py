"""``eqchip report``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.commands.map import Chips
from eqchip.output import Output, output_options

if TYPE_CHECKING:
    from eqchip.hw_reports.accounting import Accounts
    from eqchip.hw_reports.replay import Replay


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
@output_options
def command(
    run: Path,
    other: Path | None,
    chip: str,
    chips: int | str,
    samples: int,
    data: Path | None,
    out: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """What the network of a RUN costs on a chip: energy, time and memory, of training first.

    Samples are run once more in the chip's integers and counted, core by core; the chip file
    prices the counts: modelled, not measured. Writes report.json, report.csv, report.html and
    pictures. With RUN_B, two runs on the same chip are compared.
    """
    from eqchip.emulator.files import write_text
    from eqchip.emulator.runs import RunDirectory
    from eqchip.hw_reports import tables
    from eqchip.hw_reports.compare import compare
    from eqchip.hw_reports.csvfile import csv_text
    from eqchip.hw_reports.page import write_page
    from eqchip.mapping.chip import load_chip

    output = Output(as_json, quiet)
    described = load_chip(chip)
    most = None if chips == "auto" else int(chips)
    directories = [RunDirectory(path) for path in (run, other) if path is not None]
    found = [
        _one(one, described, chip, most, samples, data, threads, output) for one in directories
    ]
    document = found[0][2]
    shown = tables.tables(document)
    lines = tables.sentences(document)
    if len(found) == 2:
        document = compare(found[0][2], found[1][2])
        shown, lines = [tables.comparison(document)], document["notes"]
    folder = _folder(directories[0], out, "comparison" if len(found) == 2 else None)
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    write_text(folder / "report.json", text)
    if len(found) == 1:
        replayed, accounts, single = found[0]
        write_text(folder / "report.csv", csv_text(replayed, accounts, single["memory"]))
    pages = write_page(document, folder)
    for table in shown:
        output.table(*table)
    for line in lines:
        output.text(line)
    page = next((path for path in pages if path.suffix == ".html"), folder)
    output.message(f"The report is in {folder}; open {page}")
    output.result(document)
    return 0


def _one(
    directory: Any,
    chip: Any,
    name: str,
    chips: int | None,
    samples: int,
    data: Path | None,
    threads: int | None,
    output: Output,
) -> tuple[Replay, Accounts, dict[str, Any]]:
    """Replay, account and report one run."""
    from eqchip.emulator.datasets import load
    from eqchip.emulator.runs import command_line, provenance
    from eqchip.hw_reports.accounting import account
    from eqchip.hw_reports.document import report
    from eqchip.hw_reports.replay import check_ready, replay

    check_ready(directory)
    dataset = load(directory.config.dataset, data, progress=not output.quiet)
    replayed = replay(
        directory, chip, dataset, samples=samples, chips=chips, threads=threads, progress=output
    )
    accounts = account(replayed)
    document = report(replayed, accounts, directory, name, provenance(command_line()))
    return replayed, accounts, document


def _folder(directory: Any, out: Path | None, inner: str | None) -> Path:
    """Where to write, made if needed; a comparison does not replace the run's own report."""
    folder: Path = directory.report if out is None else out
    folder = folder / inner if inner and out is None else folder
    folder.mkdir(parents=True, exist_ok=True)
    return folder
