"""``eqchip bench``: a command for each thing that is measured."""

from __future__ import annotations

import click

from eqchip.cli.group import Commands

# What is measured -> how. Each lives in a module of its name here, and calls one in `eqchip.bench`.
MODES = {
    "engine": "The engine against the machine's limit and dense algebra, and training cost.",
    "training": "What training costs on this machine: time, events and memory.",
    "chip": "The engine on a chip's cores and in its integers, and SANA-FE.",
    "peers": "The emulator beside Brian2 and Lava: the same inputs and spikes.",
    "asynchronous": "The engine without a global clock: beside the one with it, and SimPy.",
    "events": "What a tick or a message costs, from a thousand units to a million.",
}


@click.group("bench", cls=Commands, package=__name__, known=MODES, default="engine")
def command() -> None:
    """Measure speed, each thing by a command of its own. Without one: engine.

    Contestants take turns, and ratios are taken within a round: other jobs on the machine
    disturb them little.
    """
