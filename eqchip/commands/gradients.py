"""``eqchip gradients``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import run_argument, shared
from eqchip.cli.output import Output, output_options

FRESH_OUT = Path("runs/gradients")


@click.command(cls=Command)
@run_argument(required=False)
@shared("dataset", help="Of a fresh network, where no RUN is given. Default: digits.")
@click.option(
    "--network", "--layers", "network", metavar="LAYERS",
    help="Of a fresh network, with a pooling: trained with average and with maximum pooling. "
    "Default: 8x8-16c3-16c3p2-10.",
)  # fmt: skip
@click.option("--epochs", type=int, help="Of training of a fresh network.  [default: 6]")
@shared("samples", default=100, help="Training samples, drawn at random, whose gradient is taken.")
@shared("free_steps", default=100, show_default=True, help="Of the free phase.")
@click.option(
    "--nudged-steps", type=int, default=50, show_default=True, help="Of each nudged phase."
)
@click.option("--beta", type=float, default=0.05, show_default=True, help="Strength of the nudge.")
@shared("data", "seed")
@shared(
    "out",
    help="Directory of gradients.json and gradients.png; these are replaced. "
    "Default: report/gradients in the RUN, or runs/gradients.",
)
@shared("threads")
@output_options
def command(run: Path | None, out: Path | None, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Compare Equilibrium Propagation's gradient with that of BPTT, layer by layer.

    With average and with maximum pooling, with real-valued messages and with spikes: the angle
    between what Equilibrium Propagation learns and the gradient that backpropagation through time
    finds in the real-valued network, and the ratio of their lengths. Without a RUN, two fresh
    networks are trained for a moment; with one, its twin has the same kernels and the other
    pooling.
    """
    from eqchip.gradient_study import gradients
    from eqchip.hw_reports.studies import gradients as words

    output = Output(as_json, quiet)
    if out is None:
        out = FRESH_OUT if run is None else run / "report" / "gradients"
    made = gradients(run, out=out, **settings, progress=output.listener)
    asked = made["settings"]
    output.table(
        f"Equilibrium Propagation beside BPTT: {made['subject']}, {asked['samples']} samples, "
        f"β = {asked['beta']:g}, {asked['free_steps']} + 2 × {asked['nudged_steps']} steps "
        "(angles in degrees; by bits: from real-valued messages)",
        words.COLUMNS,
        words.rows(made),
    )
    for line in made["findings"]:
        output.text(line)
    output.text(f"Figure: {out / 'gradients.png'}  Data: {out / 'gradients.json'}")
    output.result({"out": str(out), **made})
    return 0
