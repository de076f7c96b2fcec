"""The flags that commands share: one text and one default each.

A flag that two commands have is a row of `SHARED`. What a row leaves open, the command says: how
many samples, for example, and what they are for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from eqchip.cli import completion
from eqchip.cli.parameters import ChipNames, Chips, NetworkType, one_or_several
from eqchip.emulator.data.dataset import NAMES
from eqchip.mapping.chip_file.chip import USUAL

PATH = click.Path(path_type=Path)

# Name of the parameter -> its flags, and what `click.option` is given.
SHARED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "dataset": (("--dataset",), {"type": click.Choice(NAMES)}),
    "network": (("--network", "--layers", "network"), {"type": NetworkType()}),
    "data": (
        ("--data",),
        {
            "type": PATH,
            "help": "Directory of the data set's files, or a file of your own data, "
            ".npz or .csv. Default: EQCHIP_DATA, or a download; of a run, where its data came "
            "from.",
        },
    ),
    "samples": (("--samples",), {"type": int, "show_default": True}),
    "free_steps": (("--free-steps",), {"type": int}),
    "precision": (
        ("--precision",),
        {
            "type": click.Choice(("float32", "float64", "chip")),
            "help": "Numbers to compute with; chip: a chip's integers. Default: as in training.",
        },
    ),
    "chip": (
        ("--chip",),
        {
            "default": USUAL,
            "show_default": True,
            "help": "Name of a chip, or a chip file.",
            "shell_complete": completion.chips,
        },
    ),
    "each_chip": (
        ("--chip", "chip"),
        {
            "type": ChipNames(),
            "shell_complete": completion.chips,
            "multiple": True,
            "default": (USUAL,),
            "show_default": True,
            "callback": one_or_several,
            "help": "Name of a chip, or a chip file; several, side by side: A,B, or given again.",
        },
    ),
    "chips": (
        ("--chips",),
        {
            "type": Chips(),
            "default": 1,
            "show_default": True,
            "help": "The most chips to use; auto: as many as are needed.",
        },
    ),
    "spread": (
        ("--spread",),
        {
            "type": click.IntRange(1),
            "default": 1,
            "show_default": True,
            "help": "Split every layer over so many times the fewest cores: faster, more messages.",
        },
    ),
    "placement": (
        ("--placement",),
        {
            "type": click.Choice(("hops", "energy", "time", "naive")),
            "default": "hops",
            "show_default": True,
            "help": "What is made small: hops, the energy of messages, the time of a step; naive: "
            "cores in the order of the layers.",
        },
    ),
    "dt": (
        ("--dt",),
        {
            "type": float,
            "help": "Seconds of a step, where nodes of a NIR file ask for it.",
        },
    ),
    "reset": (
        ("--reset",),
        {
            "type": click.Choice(("zero", "subtract")),
            "default": "zero",
            "show_default": True,
            "help": "What a spike does; NIR says zero, some tools that write it subtract.",
        },
    ),
    "seed": (
        ("--seed",),
        {
            "type": int,
            "default": 0,
            "show_default": True,
            "help": "Of all that is drawn at random.",
        },
    ),
    "out": (("--out",), {"type": PATH}),
    "threads": (
        ("--threads",),
        {"type": int, "help": "Default: all processors. Results do not depend on it."},
    ),
}


def shared(*names: str, **own: Any) -> Callable[[Any], Any]:
    """Add flags of the table to a command, in this order.

    Parameters
    ----------
    names : str
        Rows of `SHARED`.
    own
        What the row leaves open, of a single flag: its help, its default.
    """

    def add(command: Any) -> Any:
        for name in reversed(names):
            flags, settings = SHARED[name]
            assert not own.keys() & settings.keys(), f"{name}: the table says {settings}"
            command = click.option(*flags, **settings, **own)(command)
        return command

    return add


def run_argument(required: bool = True) -> Callable[[Any], Any]:
    """The run directory that a command is about."""
    metavar = "RUN" if required else "[RUN]"
    return click.argument(
        "run", metavar=metavar, type=PATH, required=required, shell_complete=completion.runs
    )
