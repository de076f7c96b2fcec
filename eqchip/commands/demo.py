"""``eqchip demo``."""

from __future__ import annotations

from pathlib import Path

import click

from eqchip.commands.train import free_path, train_and_show
from eqchip.output import Output, output_options

PROMISED_ERROR = 5.0  # percent on the test set, see the README


@click.command()
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory to make. Default: runs/demo."
)
@output_options
def command(threads: int | None, out: Path | None, as_json: bool, quiet: bool) -> int:
    """Train a small network on handwritten digits, from nothing, in about a minute.

    Every neuron sends only bits, in training and at test time. Exit status 1 if the
    test error is not below 5 %.
    """
    from eqchip.emulator.presets import preset
    from eqchip.emulator.runs import RunDirectory, command_line

    output = Output(as_json, quiet)
    config = preset("digits")
    path = out or free_path(Path("runs/demo"))
    error = train_and_show(
        output,
        lambda: RunDirectory.create(path, config, command_line()),
        config,
        None,
        threads,
        5.0,
    )
    if error >= PROMISED_ERROR:
        output.message(f"The test error is {error:.2f} %; the demo promises less than 5 %.")
        return 1
    return 0
