"""``eqchip export``."""

from __future__ import annotations

from pathlib import Path

import click

from eqchip.cli.output import Output, output_options

DEFAULT_SAMPLES = 10


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("target", metavar="PATH", type=click.Path(path_type=Path))
@click.option(
    "--to", type=click.Choice(("lava", "nir")), required=True,
    help="lava: a directory with Processes, weights and a run script. nir: one file.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(("chip", "float64")),
    help="lava: numbers to compute with; chip: a chip's integers.  [default: chip]",
)  # fmt: skip
@click.option("--samples", type=int, help="lava: test samples to go with it.  [default: 10]")
@click.option(
    "--free-steps", type=int, help="lava: steps of the free phase.  [default: as in training]"
)
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="lava: directory of the IDX files. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@output_options
def command(
    run: Path,
    target: Path,
    to: str,
    precision: str | None,
    samples: int | None,
    free_steps: int | None,
    data: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Write the trained network of a RUN for another tool: --to lava DIR, or --to nir FILE."""
    from eqchip.emulator.errors import InputError
    from eqchip.emulator.training.runs import RunDirectory

    output = Output(as_json, quiet)
    directory = RunDirectory(run)
    network, config = directory.network(), directory.config
    if to == "lava":
        from eqchip.backends.crosscheck import pose_run
        from eqchip.backends.lava.export import export_lava
        from eqchip.emulator.data.datasets import load

        problem = pose_run(
            config,
            network,
            load(config.dataset, data, progress=not quiet),
            samples=DEFAULT_SAMPLES if samples is None else samples,
            precision="float64" if precision == "float64" else "chip",
            free_steps=free_steps,
        )
        export_lava(problem, target)
        written = sorted(path for path in target.rglob("*") if path.is_file())
    else:
        from eqchip.backends.nir.write import write_nir

        given = {
            "precision": precision, "samples": samples, "free-steps": free_steps, "data": data
        }  # fmt: skip
        for name, value in given.items():
            if value is not None:
                raise InputError(f"--{name} is given with --to nir; expected it with --to lava")
        write_nir(
            network, target, coding=config.coding, input=config.input, learning=config.learning
        )
        written = [target]
    files = {str(path): path.stat().st_size for path in written}
    for name, size in files.items():
        output.text(f"{name}  {size:,} bytes")
    output.result({"run": str(run), "to": to, "path": str(target), "files": files})
    return 0
