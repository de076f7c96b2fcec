"""``eqchip watch``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import run_argument, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.timing_options import timing_from, timing_options

FRESH_OUT = Path("runs/watch")
SHOWN = (
    *("format", "title", "subject", "timing", "phases"),
    *("predictions", "table", "left", "residual"),
)


@click.command(cls=Command)
@run_argument(required=False)
@shared("dataset", help="Of a fresh network, where no RUN is given. Default: digits.")
@click.option("--seed", type=int, help="Of a fresh network.  [default: 0]")
@click.option(
    "--sample", type=int, default=0, show_default=True, help="Its number in the test set, from 0."
)
@shared("precision", "data")
@shared(
    "out",
    help="Directory of watch.html, watch.png, watch.json, events.csv; these are replaced. "
    "Default: report/watch in the RUN, or runs/watch.",
)
@timing_options("async")
@output_options
def command(run: Path | None, out: Path | None, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Watch one sample on a chip without a common clock: spikes, messages, potentials.

    A test sample goes through the phases of training on the asynchronous engine, beside the
    synchronous one and the fixed point of the real-valued network. Without a RUN the network is
    a fresh one, of random weights. Writes pictures, their numbers, and every event.
    """
    from eqchip.hw_reports.watch.make import watch
    from eqchip.hw_reports.watch.page import COLUMNS, rows, sentence

    output = Output(as_json, quiet)
    if out is None:
        out = FRESH_OUT if run is None else run / "report" / "watch"
    timing = timing_from(settings)
    made = watch(run, out=out, timing=timing, **settings, progress=output.listener)
    output.table(f"{made['title']}: both engines, phase by phase", COLUMNS, rows(made))
    output.text(sentence(made))
    output.text(f"Page: {out / 'watch.html'}  Figure: {out / 'watch.png'}")
    output.text(f"Data: {out / 'watch.json'}, {out / 'events.csv'}")
    output.result({"out": str(out), **{name: made[name] for name in SHOWN}})
    return 0
