"""``eqchip bench events``: what a tick or a message costs over the size of a network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.output import Output
from eqchip.commands.bench.options import (
    check_writable,
    document_options,
    hand_over,
    rounds_option,
    units_option,
)
from eqchip.commands.bench.shown import spread


@click.command("events", cls=Command)
@units_option
@rounds_option
@document_options
def command(
    units: tuple[int, ...], rounds: int, out: Path | None, as_json: bool, quiet: bool
) -> int:
    """What a tick or a message costs the asynchronous engine, over sizes.

    A chain of layers, all units equally active, each with a clock of its own. Beside the
    engine its queue alone, as a time wheel and as a binary heap.
    """
    from eqchip.bench.events import bench_events

    output = Output(as_json, quiet)
    check_writable(out)
    document = bench_events(units, rounds, output)
    hand_over(output, document, out)
    show(output, document)
    output.text(f"{rounds} rounds; ratios: median (lowest-highest) within a round")
    return 0


def show(output: Output, document: Mapping[str, Any]) -> None:
    """The table of what an event costs."""
    cost = document["event_cost"]
    points = cost["points"]
    queues = list(points[0]["nanoseconds_per_event"]) if points else []
    output.table(
        f"nanoseconds per tick or message, a clock per unit, layers of {cost['layer_units']} units",
        ["units", *queues, "wheel is times as fast as heap", "bytes per unit"],
        [
            [
                f"{point['units']:,}",
                *(f"{point['nanoseconds_per_event'][name]:.0f}" for name in queues),
                spread(point["heap"], prefix="cpu_"),
                f"{point['bytes_per_unit']:.0f}",
            ]
            for point in points
        ],
    )
