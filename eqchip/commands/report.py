"""``eqchip report``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from eqchip.cli import completion
from eqchip.cli.command import Command
from eqchip.cli.options import PATH, run_argument, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import check_folder
from eqchip.hw_reports.document.read import read_report
from eqchip.mapping.chip_file.chip import load_chip

if TYPE_CHECKING:
    from eqchip.hw_reports.draw import Drawn

AS_IT_IS = ("saved", "out", "as_json", "quiet")  # what may be asked of a saved report


@click.command(cls=Command)
@run_argument(required=False)
@click.argument(
    "other", metavar="[RUN_B]", type=PATH, required=False, shell_complete=completion.runs
)
@shared("each_chip", "chips", "placement", "spread")
@shared(
    "samples", default=20, help="Training samples to replay on the chip, and as many for inference."
)
@shared("data")
@shared(
    "out",
    help="Directory to write to; of several chips, with a folder for each. Default: report/ in the "
    "(first) run.",
)
@click.option(
    "--from", "saved", metavar="REPORT.json", type=PATH,
    help="Draw a saved report again, into --out, in place of a RUN: nothing is counted anew.",
)  # fmt: skip
@shared("threads")
@timing_options(default=None)
@output_options
def command(
    run: Path | None,
    other: Path | None,
    chip: str | list[str],
    out: Path | None,
    saved: Path | None,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> int:
    """What the network of a RUN costs on a chip: energy, time and memory, of training first.

    Samples are run once more in the chip's integers and counted, core by core; the chip file
    prices the counts: modelled, not measured. Writes report.json, report.csv, report.html and
    pictures. With RUN_B, two runs on the same chip are compared; with several chips, one run on
    each. With --timing async, or if the network was trained so, the samples run without a global
    clock, and time is simulated time. A RUN by a rule of spikes counted its own samples, which are
    priced. With --from, what a report.json holds is shown and written again.
    """
    from eqchip.emulator.training.runs import RunDirectory
    from eqchip.hw_reports.draw import draw, shown
    from eqchip.hw_reports.make import report

    output = Output(as_json, quiet)
    if (run is None) == (saved is None):
        given = "neither" if run is None else "both"
        raise InputError(f"report: {given} RUN {'nor' if run is None else 'and'} --from given; "
                         "expected one of the two")  # fmt: skip
    if saved is not None:
        _check_nothing_else()
        if out is None:
            raise InputError("report: --from given without --out; expected a directory to write to")
        return _show(draw(saved, out), output)
    assert run is not None
    directory, timing = RunDirectory(run), timing_from(settings)
    names = [chip] if isinstance(chip, str) else chip
    if out is None:
        out = _beside(run / "report", other, names, output)
    elif other is None and len(names) == 1 and (before := _before(out, names[0])):
        output.message(f"The report on {before} that was in {out} is replaced.")
    check_folder(out)
    document = report(
        directory, other, chip=chip, timing=timing, **settings, out=out, progress=output.listener
    )
    return _show(shown(document, out), output)


def _beside(folder: Path, other: Path | None, chips: list[str], output: Output) -> Path:
    """Where to write by default: no other report is replaced."""
    if other is not None:
        return folder / "comparison"
    if len(chips) > 1:
        return folder / "chips"
    before = _before(folder, chips[0])
    if before is None:
        return folder
    output.message(f"{folder} holds the report on {before}; this one goes beside it.")
    return folder / load_chip(chips[0]).name


def _before(folder: Path, chip: str) -> str | None:
    """The chip of the report in a folder, if it is another one."""
    path = folder / "report.json"
    if not path.is_file():
        return None
    with contextlib.suppress(InputError, LookupError, TypeError):
        found = str(read_report(path)["chip"]["name"])
        return None if found == load_chip(chip).name else found
    return None


def _check_nothing_else() -> None:
    """Refuse what would have to be counted or priced anew."""
    context = click.get_current_context()
    given = [
        option.opts[0]
        for option in context.command.params
        if option.name not in AS_IT_IS
        and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    ]
    if given:
        raise InputError(
            f"report: {', '.join(given)} given with --from; expected none: a saved report is drawn "
            "as it is"
        )


def _show(drawn: Drawn, output: Output) -> int:
    first, *others = drawn.tables
    output.table(*first)
    for line in drawn.headline:
        output.text(line)
    for table in others:
        output.table(*table)
    for line in drawn.sentences:
        output.text(line)
    output.message(f"The report is in {drawn.page.parent}; open {drawn.page}")
    output.result(drawn.document)
    return 0
