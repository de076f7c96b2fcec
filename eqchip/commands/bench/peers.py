"""``eqchip bench peers``: the emulator beside the simulators of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eqchip.bench.setting import Inputs, Setting
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
)
from eqchip.commands.bench.shown import busy, spread, steps_of, verdict


@click.command("peers", cls=Command)
@run_options()
@batch_option()
@rounds_option
@seconds_option
@click.option("--nest-python", metavar="PYTHON", help="A Python that has NEST.")
@click.option("--snntorch-python", metavar="PYTHON", help="A Python that has snnTorch.")
@document_options
def command(
    data: str | None,
    dataset: Inputs | None,
    layers: tuple[int, ...],
    free_steps: int,
    nudged_steps: int,
    seed: int,
    batch: int,
    rounds: int,
    seconds: float,
    nest_python: str | None,
    snntorch_python: str | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """The emulator beside Brian2 and Lava, where they are installed, NEST and snnTorch.

    The same inputs, the same spikes, one thread each. NEST and snnTorch run by Pythons of their
    own: NEST replays the spikes, snnTorch takes a dense forward pass without feedback.
    """
    from eqchip.bench.peers import bench_peers

    output = Output(as_json, quiet)
    check_writable(out)
    document = bench_peers(
        Setting(layers, free_steps, nudged_steps, batch, rounds=rounds, seconds=seconds, seed=seed),
        nest_python=nest_python,
        snntorch_python=snntorch_python,
        dataset=dataset,
        data=data,
        progress=output,
    )
    hand_over(output, document, out)
    _show(output, document)
    return 0


def _show(output: Output, document: Mapping[str, Any]) -> None:
    from eqchip.bench.brian2 import BRIAN2
    from eqchip.bench.outside import NEST, SNNTORCH
    from eqchip.bench.peers import LAVA

    ratios, setup = document["ratios"], document["setup_seconds"]
    rows = []
    for one in document["contestants"]:
        name, ratio = one["name"], ratios.get(one["name"])
        rows.append(
            [
                name,
                f"{one['events_per_second']:.3g}",
                f"{one['milliseconds_per_100_steps']:.2f}",
                spread(ratio, digits=1),
                f"{ratio['cpu_median']:.1f}" if ratio else "",
                f"{setup[name]:.1f}" if name in setup else "",
            ]
        )
    output.table(
        f"{steps_of(document)}, one thread each",
        ["", "events/s", "ms / 100 steps", "float32 / it: wall", "CPU", "set-up, s"],
        rows,
    )
    output.text(busy(document))
    # The project's aims.
    floors = {BRIAN2["cpp_standalone"]: 20.0, LAVA: 150.0, NEST: 200.0, SNNTORCH: 4.0}
    for name, floor in floors.items():
        if name in ratios:
            times = ratios[name]["median"]
            output.text(
                f"{times:.1f} times as fast as {name}; the floor is {floor:g}: "
                f"{verdict(times, floor)}"
            )
    for name, why in document["left_out"].items():
        output.message(f"{name} is left out: {why}")
