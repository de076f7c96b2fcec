"""``eqchip dynamics``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options

OUT = Path("runs/dynamics")


@click.command(cls=Command)
@click.argument("task", metavar="TASK")
@click.option(
    "--seeds", type=int, default=5, show_default=True,
    help="Layers to learn with, each by signals of its own.",
)  # fmt: skip
@shared("seed")
@shared("chip")
@click.option(
    "--data", type=PATH,
    help="Directory of JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts, for vowels.",
)  # fmt: skip
@click.option(
    "--out",
    type=PATH,
    help="Directory of dynamics.json and dynamics.png; these are replaced.  "
    "[default: runs/dynamics/TASK]",
)
@output_options
def command(task: str, out: Path | None, as_json: bool, quiet: bool, **settings: Any) -> int:
    r"""Learn a TASK in time, judge it, and price a second of it.

    \b
    autoencode             a code of two signals, learned in balance, as published
    autoencode-together    the same where all units above threshold fire at once
    autoencode-chip        the same by turns, in a chip's integers of 8 bits
    autoencode-chip-4-bit  the same in 4 bits
    autoencode-sign        the same by one addition and two comparisons a write
    oscillator             a damped oscillator, learned from the error fed back
    oscillator-weak        the same out of balance: it does not learn
    van-der-pol            a limit cycle, learned through random dendrites
    oscillator-chip        the oscillator in a chip's integers
    van-der-pol-chip       the cycle in a chip's integers
    autoencode-gradient    the code, by a gradient through spikes, off the chip
    delayed-xor            whether two pulses differ, each up to 1 s ago, by the gradient
    delayed-xor-leaky      the same with units that leak: it does not learn
    vowels                 who speaks, from counts of spikes; needs --data
    mackey-glass           a chaotic series, foretold from traces of spikes
    turns                  no learning: who may fire in a step, and the code's error
    steps                  no learning: how long a step is; error against price
    cores                  no learning: a layer over several cores, and spikes that come late
    clocks                 no learning: units that tick by clocks of their own

    Units leak and fire so that a linear read-out of their spikes follows a signal. Their lateral
    weights learn at spikes to cancel what has been told already; slow ones learn dynamics from the
    error. Everything is tested on signals that were not learned from.
    """
    from eqchip.dynamics_study import dynamics

    output = Output(as_json, quiet)
    out = OUT / task if out is None else out
    made = dynamics(task, **settings, out=out, progress=output.listener)
    _show(output, made)
    output.text(f"Figure: {out / 'dynamics.png'}  Data: {out / 'dynamics.json'}")
    output.result({"out": str(out), **made})
    return 0


def _show(output: Output, made: dict[str, Any]) -> None:
    from eqchip.hw_reports.studies import dynamics as words
    from eqchip.hw_reports.studies import gradient_tasks, series_tasks

    if made["format"] == words.TURNS_FORMAT:
        output.table(made["title"], *words.compared_rows(made))
        return
    if made["format"] == series_tasks.FORMAT:
        output.table(made["title"], series_tasks.COLUMNS, series_tasks.rows(made))
        for line in series_tasks.price_lines(made):
            output.text(line)
        return
    output.table(
        f"{made['title']}: mean ± standard deviation of {len(made['seeds'])} seeds",
        ["", "before", "after", "goal"], words.rows(made),
    )  # fmt: skip
    lines = {words.FORMAT: words.price_lines, gradient_tasks.FORMAT: gradient_tasks.price_lines}
    if "learning_per_second" in made:
        output.table("A second of signal", ["", "tested", "learning"], words.count_rows(made))
    for line in lines[made["format"]](made):
        output.text(line)
