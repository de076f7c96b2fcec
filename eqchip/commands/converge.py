"""``eqchip converge``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Layers

if TYPE_CHECKING:
    from eqchip.hw_reports.studies.converge import Convergence


@click.command(cls=Command)
@click.option(
    "--network", "--layers", type=Layers(), default="500-500-10", show_default=True,
    help="Units per layer of the random networks.",
)  # fmt: skip
@click.option(
    "--steps", type=int, default=500, show_default=True,
    help="Time steps; the output is nudged in the second half.",
)  # fmt: skip
@click.option(
    "--repeats", type=int, default=20, show_default=True, help="Random networks to average over."
)
@click.option(
    "--inputs", type=int, default=20, show_default=True, help="Random inputs per network."
)
@click.option(
    "--objective", type=click.Choice(("end", "mean")), default="end", show_default=True,
    help="Settings that minimise the error at the end of each half, or over all steps.",
)  # fmt: skip
@click.option(
    "--search", is_flag=True,
    help="Search settings anew, on other networks, instead of using the stored ones.",
)  # fmt: skip
@click.option(
    "--trials", type=int, help="With --search: settings tried per coding.  [default: 40]"
)  # fmt: skip
@click.option(
    "--settings", type=PATH, metavar="FILE", help="Use the settings.toml of an earlier search."
)
@shared("seed")
@shared(
    "out", default=Path("runs/converge"), show_default=True,
    help="Directory of converge.json, converge.csv, converge.png; these are replaced.",
)  # fmt: skip
@shared("threads")
@output_options
def command(out: Path, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Measure how fast each coding reaches the fixed point of the real-valued network.

    Random networks relax from 0; half way their outputs begin to be nudged. The error is
    the mean distance of all units but the clamped input from the fixed point of the
    real-valued network. Codings differ in how they quantize (stochastic or sigma-delta),
    whether bits are predicted, and how step size and prediction are annealed.
    """
    from eqchip.hw_reports.studies.converge import converge

    output = Output(as_json, quiet)
    found = converge(**settings, out=out, progress=output.listener)
    _show(output, found, out)
    output.result({"out": str(out), **found.document})
    return 0


def _show(output: Output, found: Convergence, out: Path) -> None:
    from eqchip.hw_reports.studies import convergence as words

    study, document = found.study, found.document
    experiment = study.experiment
    name = "-".join(map(str, experiment.layers))
    output.table(
        f"Settings ({document['settings']})",
        ["coding", "parameters"],
        words.setting_rows(found.parameters),
    )
    output.table(
        f"1000 × mean |s - s*| with 95 % intervals, and spikes per unit and step: "
        f"{document['experiment']['networks']} random {name} networks × {experiment.inputs} "
        f"inputs, {experiment.steps} steps, nudged after {experiment.free_steps}",
        words.error_columns(study),
        words.error_rows(study),
    )
    for line in document["findings"]:
        output.text(line)
    output.text(f"Figure: {out / 'converge.png'}  Data: {out / 'converge.json'}, converge.csv")
