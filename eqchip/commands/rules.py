"""``eqchip rules``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options
from eqchip.emulator.errors import InputError


@click.command(cls=Command)
@click.argument("plans", metavar="[PLAN.toml]...", type=PATH, nargs=-1)
@shared(
    "out", default=Path("runs/rules"), show_default=True,
    help="Directory of the runs, entries, table and pictures; what was begun in it goes on.",
)  # fmt: skip
@click.option(
    "--with", "beside", multiple=True, type=PATH, metavar="ENTRY.json",
    help="An entry that somebody else made, to stand in the table. Several times.",
)  # fmt: skip
@click.option(
    "--check", "checked", multiple=True, type=PATH, metavar="ENTRY.json",
    help="Check an entry against the benchmark's rules, and do nothing else. Several times.",
)  # fmt: skip
@shared("data")
@click.option(
    "--workers", type=click.IntRange(min=1),
    help="Trainings at a time. Default: all processors. Results do not depend on it.",
)  # fmt: skip
@click.option("--finished", is_flag=True, help="Train nothing: the table of what is finished.")
@output_options
@click.pass_context
def command(
    context: click.Context,
    /,
    checked: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> int:
    """Learning rules on one chip: test error against energy, time, memory and writes.

    Each PLAN names entries: a rule with its settings, a network and a data set; without any, every
    rule learns digits. Trainings that were killed go on where they were. Test samples are read
    once, after a training's last epoch. Entries, table (JSON, CSV) and pictures are written to
    --out. docs/rules-benchmark.md tells what is counted, and how an entry of your own is checked.
    """
    from eqchip.rulebench.entry import read_entry

    output = Output(as_json, quiet)
    if checked:
        _refuse_beside(context)
        names = [read_entry(path).name for path in checked]
        for name in names:
            output.text(f"{name}: an entry of the benchmark")
        output.result({"format": "eqchip-rules-checked 1", "checked": names})
        return 0
    from eqchip.rule_study import rules

    document = rules(**settings, progress=output.listener)
    _show(output, document, settings["out"])
    output.result({**document, "out": str(settings["out"])})
    return 0


def _refuse_beside(context: click.Context) -> None:
    """A check trains nothing and writes nothing."""
    source = click.core.ParameterSource.COMMANDLINE
    for option in context.command.params:
        name = option.name or ""
        if name in ("checked", "as_json", "quiet"):
            continue
        if context.get_parameter_source(name) is source and context.params.get(name):
            raise InputError(
                f"rules: {option.opts[0]} is given with --check, which does nothing else; expected "
                "one of the two"
            )


def _show(output: Output, document: dict[str, Any], out: Path) -> None:
    from eqchip.rulebench.draw import near
    from eqchip.rulebench.table import HEADS, can_text, shown, title_of

    rows = document["rows"]
    for dataset, chip in dict.fromkeys((row["dataset"], row["chip"]) for row in rows):
        output.table(
            f"{dataset}: test error in percent, and a training sample as modelled by {chip} "
            f"({near(document, chip)})",
            HEADS,
            shown([row for row in rows if (row["dataset"], row["chip"]) == (dataset, chip)]),
        )
    said = {row["name"]: row for row in rows}
    output.table(
        "What they ask of a chip, as far as its file says what it has",
        ("rule", "can run on", "who says when a phase begins and ends"),
        [(title_of(row), can_text(row), row["processor"]) for row in said.values()],
    )
    output.text(
        f"Entries: {out / 'entries'}  Table: {out / 'rules.json'}, rules.csv  Pictures: {out}"
    )
