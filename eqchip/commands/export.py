"""``eqchip export``."""

from __future__ import annotations

from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, run_argument, shared
from eqchip.cli.output import Output, output_options

FORMAT = "eqchip-exported 1"


@click.command(cls=Command)
@run_argument()
@click.option(
    "--to", type=click.Choice(("lava", "nir", "brian2")), required=True,
    help="lava: a directory with Processes, weights and a run script. nir: one file. brian2: of a "
    "graph, a directory with a run script.",
)  # fmt: skip
@shared("out", required=True, help="The directory, of nir the file, to write.")
@click.option(
    "--precision", type=click.Choice(("chip", "float64")),
    help="lava: numbers to compute with; chip: a chip's integers.  [default: chip; of a graph, "
    "float64]",
)  # fmt: skip
@shared(
    "samples",
    help="lava: test samples of a run to go with it; of a graph, drawn.  [default: 10, or 1]",
)
@shared("free_steps", help="lava: steps of the free phase.  [default: as in training]")
@click.option(
    "--spikes", "x", type=PATH,
    help="lava, brian2: what a graph is given, a .npz file: for each input (steps, batch, units).",
)  # fmt: skip
@click.option("--steps", type=int, help="Of drawn spikes.  [default: 100]")
@click.option("--rates", type=float, help="The chance of a drawn spike.  [default: 0.1]")
@shared("dt", "reset", "data")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """Write the network of RUN for another tool, --to lava, nir or brian2.

    RUN is a run, or the file of a spiking network, as `eqchip import` reads it.
    """
    from eqchip.graph_export import export

    output = Output(as_json, quiet)
    written = export(**settings, progress=output.listener)
    files = {str(path): path.stat().st_size for path in written}
    for name, size in files.items():
        output.text(f"{name}  {size:,} bytes")
    asked = {name: str(settings[name]) for name in ("run", "to", "out")}
    output.result({"format": FORMAT, **asked, "files": files})
    return 0
