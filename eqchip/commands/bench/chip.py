"""``eqchip bench chip``: the engine on a chip's cores and in its integers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eqchip.bench.setting import Inputs, Setting
from eqchip.cli import completion
from eqchip.cli.command import Command
from eqchip.cli.output import Output
from eqchip.commands.bench.options import (
    batch_option,
    check_writable,
    document_options,
    hand_over,
    rounds_option,
    run_options,
    seconds_option,
    threads_option,
)
from eqchip.commands.bench.shown import busy, spread, verdict

FLOAT_FLOOR, SANAFE_FLOOR = 1.0, 200.0  # the project's aims


@click.command("chip", cls=Command)
@click.argument("chip_name", metavar="CHIP", shell_complete=completion.chips)
@run_options()
@batch_option()
@threads_option("For scaling.")
@rounds_option
@seconds_option
@click.option(
    "--sanafe-python", metavar="PYTHON",
    help="A Python that has SANA-FE. Default: this one, if it has.",
)  # fmt: skip
@document_options
def command(
    chip_name: str,
    data: str | None,
    dataset: Inputs | None,
    layers: tuple[int, ...],
    free_steps: int,
    nudged_steps: int,
    seed: int,
    batch: int,
    threads: int,
    rounds: int,
    seconds: float,
    sanafe_python: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """The engine on the cores of CHIP (a name, or a file) and in its integers.

    Every core's spikes are counted. Beside it run the same network without a chip, and
    SANA-FE, where that is installed.
    """
    from eqchip.backends.sanafe.peer import interpreter
    from eqchip.bench.chip import bench_chip
    from eqchip.mapping.chip_file.chip import load_chip

    output = Output(as_json, quiet)
    check_writable(out)
    document = bench_chip(
        load_chip(chip_name),
        Setting(
            layers,
            free_steps,
            nudged_steps,
            batch,
            threads=threads,
            rounds=rounds,
            seconds=seconds,
            seed=seed,
        ),
        dataset=dataset,
        data=data,
        sanafe_python=interpreter(sanafe_python),
        progress=output,
    )
    hand_over(output, document, out)
    _show(output, document)
    return 0


def _show(output: Output, document: Mapping[str, Any]) -> None:
    from eqchip.bench.chip import FLOAT
    from eqchip.bench.sanafe import SANAFE

    setting, ratios = document["setting"], document["ratios"]
    shape = "-".join(map(str, setting["layers"]))
    output.table(
        f"{shape} on {document['cores']} cores of {document['chip']}, {setting['free_steps']} + "
        f"{setting['nudged_steps']} steps",
        ["contestant", "threads", "events/s", "integers on one thread / it"],
        [
            [
                one["name"],
                one["threads"],
                f"{one['events_per_second']:.3g}",
                spread(ratios.get(one["name"])),
            ]
            for one in document["contestants"]
        ],
    )
    output.text(
        f"{setting['rounds']} rounds; ratios: median (lowest-highest) within a round, synaptic "
        "events per second of wall time; SANA-FE by its own clock, without loading"
    )
    output.text(busy(document))
    for name, floor in ((FLOAT, FLOAT_FLOOR), (SANAFE, SANAFE_FLOOR)):
        if name in ratios:
            times = ratios[name]["median"]
            output.text(
                f"{times:.2f} times as fast as {name}; the floor is {floor:g}: "
                f"{verdict(times, floor)}"
            )
    if SANAFE not in ratios:
        output.message("SANA-FE is left out: this Python has none; expected --sanafe-python")
