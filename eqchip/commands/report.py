"""``eqchip report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Chips
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.hw_reports.draw import Drawn

AS_IT_IS = ("saved", "out", "as_json", "quiet")  # what may be asked of a saved report


@click.command()
@click.argument("run", type=click.Path(path_type=Path), required=False)
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
    help="Directory to write to. Default: report/ in the (first) run, or where REPORT.json is.",
)  # fmt: skip
@click.option(
    "--from", "saved", metavar="REPORT.json", type=click.Path(path_type=Path),
    help="Draw a saved report again, in place of a RUN: nothing is counted or priced anew.",
)  # fmt: skip
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@timing_options(default=None)
@output_options
def command(
    run: Path | None,
    other: Path | None,
    chip: str,
    chips: int | str,
    spread: int,
    samples: int,
    data: Path | None,
    out: Path | None,
    saved: Path | None,
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
    With --from, what a report.json holds is shown and written again.
    """
    from eqchip.emulator.training.runs import RunDirectory
    from eqchip.hw_reports.document.compare import compare
    from eqchip.hw_reports.draw import draw, write
    from eqchip.hw_reports.make import Request, make_report

    output = Output(as_json, quiet)
    if (run is None) == (saved is None):
        given = "neither" if run is None else "both"
        raise InputError(f"report: {given} RUN {'nor' if run is None else 'and'} --from given; "
                         "expected one of the two")  # fmt: skip
    if saved is not None:
        _check_nothing_else()
        return _show(draw(saved, out), output)
    assert run is not None
    most = None if chips == "auto" else int(chips)
    first = RunDirectory(run)
    asked = timing["timing"]
    found = timing_from(timing)
    request = Request(
        chip, most, spread, samples, data, threads, found if asked else first.config.timing
    )
    reported = make_report(first, request, output, quiet)
    if other is None:
        drawn = write(reported.document, out or first.report)
    else:
        second = make_report(RunDirectory(other), request, output, quiet)
        # Not into the run's own report, which it would replace.
        both = compare(reported.document, second.document)
        drawn = write(both, out or first.report / "comparison")
    return _show(drawn, output)


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
    for table in drawn.tables:
        output.table(*table)
    for line in drawn.sentences:
        output.text(line)
    output.message(f"The report is in {drawn.page.parent}; open {drawn.page}")
    output.result(drawn.document)
    return 0
