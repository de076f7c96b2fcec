"""``eqchip follow``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Layers
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.description.asynchronous import Asynchronous


@click.command(cls=Command)
@click.option(
    "--network", "--layers", type=Layers(), default="500-500-10", show_default=True,
    help="Units per layer of the random networks.",
)  # fmt: skip
@click.option(
    "--pictures", type=int, default=5, show_default=True, help="Random inputs one after the other."
)
@click.option(
    "--steps", type=int, default=200, show_default=True,
    help="Mean time steps of an input; the moments of the switches are drawn.",
)  # fmt: skip
@click.option(
    "--repeats", type=int, default=5, show_default=True, help="Random networks to average over."
)
@click.option(
    "--streams", type=int, default=4, show_default=True, help="Streams of inputs per network."
)
@click.option(
    "--input", type=click.Choice(("spikes", "current")), default="spikes", show_default=True,
    help="How the input arrives: as spikes, or injected at the switches.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(("float32", "float64", "chip")), default="float32",
    show_default=True, help="Numbers to compute with; chip: a chip's integers.",
)  # fmt: skip
@timing_options("sync")
@shared("seed")
@shared(
    "out", default=Path("runs/follow"), show_default=True,
    help="Directory of follow.json and follow.png; these are replaced.",
)  # fmt: skip
@shared("threads")
@output_options
def command(out: Path, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Measure how soon each coding follows an input that switches, unannounced.

    Random networks see random inputs one after the other; nothing is reset between them. The
    distance is the mean of |s - s*| over all units but the clamped input, with s* the fixed
    point of the real-valued network under the input of now. Codings differ in how step size
    and prediction coefficient come about: constant, annealed from the start of time, annealed anew
    at each switch by an oracle, or adapted by every unit to its own input.
    """
    from eqchip.hw_reports.studies import following as words
    from eqchip.hw_reports.studies.follow import follow

    output = Output(as_json, quiet)
    timing = timing_from(settings)
    timing = timing if isinstance(timing, Asynchronous) else None
    document = follow(**settings, timing=timing, out=out, progress=output.listener)
    output.table(
        "1000 × mean |s - s*| by steps since a switch, the mean of all these steps, steps after "
        "which it stays below a distance (in thousandths), and spikes per unit and step",
        words.columns(document),
        words.rows(document),
    )
    output.text(f"Figure: {out / 'follow.png'}  Data: {out / 'follow.json'}")
    output.result({"out": str(out), **document})
    return 0
