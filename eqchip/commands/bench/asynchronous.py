"""``eqchip bench asynchronous``: the engine without a global clock."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eqchip.bench.setting import Inputs, Setting
from eqchip.cli.command import Command
from eqchip.cli.output import Output
from eqchip.commands.bench import events
from eqchip.commands.bench.options import (
    batch_option,
    check_writable,
    document_options,
    hand_over,
    rounds_option,
    run_options,
    seconds_option,
    units_option,
)
from eqchip.commands.bench.shown import busy, spread, verdict

IDENTITY_FLOOR, SIMPY_FLOOR = 0.2, 50.0  # the project's aims


@click.command("asynchronous", cls=Command)
@run_options(free_steps=30, nudged_steps=15)
@batch_option(50)
@rounds_option
@seconds_option
@units_option
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
    units: tuple[int, ...],
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """The engine without a global clock: beside the one with it, and SimPy.

    From a setting at which both compute the same to a clock per unit, in the phases of
    training: a free one and two nudged ones. Beside it, the cost of an event over sizes.
    """
    from eqchip.bench.asynchronous import bench_asynchronous

    output = Output(as_json, quiet)
    check_writable(out)
    document = bench_asynchronous(
        Setting(layers, free_steps, nudged_steps, batch, rounds=rounds, seconds=seconds, seed=seed),
        units,
        dataset=dataset,
        data=data,
        progress=output,
    )
    hand_over(output, document, out)
    _show(output, document)
    return 0


def _show(output: Output, document: Mapping[str, Any]) -> None:
    from eqchip.bench.asynchronous import IDENTITY, PRECISIONS, named

    setting, ratios = document["setting"], document["ratios"]
    shape = "-".join(map(str, setting["layers"]))
    output.table(
        f"{shape}, {setting['free_steps']} + 2 x {setting['nudged_steps']} steps, one thread, "
        "processor time",
        ["contestant", "events/s", "it / synchronous"],
        [
            [
                one["name"],
                f"{one['events_per_second']:.3g}",
                spread(ratios.get(one["name"]), prefix="cpu_"),
            ]
            for one in document["contestants"]
        ],
    )
    events.show(output, document)
    output.text(f"{setting['rounds']} rounds; ratios: median (lowest-highest) within a round")
    output.text(busy(document))
    for name in (named(IDENTITY, precision) for precision in PRECISIONS):
        times = ratios[name]["cpu_median"]
        output.text(
            f"{name}: {times:.2f} of the synchronous engine; the floor is {IDENTITY_FLOOR}: "
            f"{verdict(times, IDENTITY_FLOOR)}"
        )
    witness = document["witness"]["ratio"]
    if witness is not None:
        times = witness["cpu_median"]
        output.text(
            f"{times:.0f} times as fast as SimPy on one sample; the floor is {SIMPY_FLOOR:g}: "
            f"{verdict(times, SIMPY_FLOOR)}"
        )
