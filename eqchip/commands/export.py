"""``eqchip export``."""

from __future__ import annotations

from typing import Any

import click

from eqchip.cli.options import PATH, run_argument, shared
from eqchip.cli.output import Output, output_options


@click.command()
@run_argument()
@click.argument("path", type=PATH)
@click.option(
    "--to", type=click.Choice(("lava", "nir")), required=True,
    help="lava: a directory with Processes, weights and a run script. nir: one file.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(("chip", "float64")),
    help="lava: numbers to compute with; chip: a chip's integers.  [default: chip]",
)  # fmt: skip
@shared("samples", help="lava: test samples to go with it.  [default: 10]")
@shared("free_steps", help="lava: steps of the free phase.  [default: as in training]")
@shared("data")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """Write the trained network of a RUN for another tool: --to lava DIR, or --to nir FILE."""
    from eqchip.backends.export import export

    output = Output(as_json, quiet)
    written = export(**settings, progress=output.listener)
    files = {str(path): path.stat().st_size for path in written}
    for name, size in files.items():
        output.text(f"{name}  {size:,} bytes")
    asked = {name: str(settings[name]) for name in ("run", "to", "path")}
    output.result({**asked, "files": files})
    return 0
