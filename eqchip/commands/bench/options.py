"""Options that several benchmarks share, and where their documents go."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from eqchip.cli.options import shared
from eqchip.cli.output import Output, output_options
from eqchip.emulator.data.datasets import DATA_VARIABLE
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import check_replaceable

TRAINED, MINIBATCH = 2000, 20  # samples, of which an epoch is extrapolated; at a time

BEGINS = b'{\n  "format": "eqchip-bench'  # how all documents do

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Numbers(click.ParamType):
    """Whole numbers of at least 1, joined by a separator."""

    def __init__(self, separator: str, at_least: int, example: str) -> None:
        self.separator, self.at_least, self.name = separator, at_least, example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """The parsed value; click shows what is refused."""
        if isinstance(value, tuple):
            return value
        parts = value.split(self.separator)
        if not all(re.fullmatch("[0-9]{1,9}", part) and int(part) for part in parts) or (
            len(parts) < self.at_least
        ):
            self.fail(f"{value!r}; expected whole numbers of at least 1, e.g. {self.name}", param)
        return tuple(int(part) for part in parts)


def together(*decorators: Decorator) -> Decorator:
    """Several options as one, in the order in which help shows them."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return add


def run_options(free_steps: int = 100, nudged_steps: int = 50) -> Decorator:
    """What is run: --data, --dataset, --network, --free-steps, --nudged-steps, --seed."""
    return together(
        click.option("--data", metavar="DIR", help=f"MNIST's files (or {DATA_VARIABLE})."),
        click.option(
            "--dataset",
            type=click.Choice(["mnist", "synthetic"]),
            help="Inputs. Default: MNIST if it is at hand, else synthetic ones; never a download.",
        ),
        click.option(
            "--network",
            "--layers",
            "layers",
            type=Numbers("-", 2, "784-500-10"),
            default="784-500-10",
            show_default=True,
        ),
        click.option("--free-steps", type=click.IntRange(1), default=free_steps, show_default=True),
        click.option(
            "--nudged-steps", type=click.IntRange(1), default=nudged_steps, show_default=True
        ),
        click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True),
    )


def batch_option(batch: int = 500) -> Decorator:
    """--batch."""
    return click.option(
        "--batch", type=click.IntRange(1), default=batch, show_default=True,
        help="Samples per engine call.",
    )  # fmt: skip


def threads_option(what: str) -> Decorator:
    """--threads."""
    return click.option(
        "--threads", type=click.IntRange(1), default=2, show_default=True, help=what
    )


rounds_option = click.option(
    "--rounds",
    type=click.IntRange(1),
    default=9,
    show_default=True,
    help="In which all take turns.",
)
seconds_option = click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=0.2, show_default=True,
    help="A turn at least.",
)  # fmt: skip
units_option = click.option(
    "--units", type=Numbers(",", 1, "1000,1000000"), default="1000,10000,100000,1000000",
    show_default=True, help="Sizes at which an event's cost is measured.",
)  # fmt: skip
trained_options = together(
    click.option(
        "--samples", type=click.IntRange(1),
        help=f"Trained on; the epoch is extrapolated. Default: {TRAINED}.",
    ),
    click.option("--epoch", is_flag=True, help="Train on the whole epoch instead."),
    click.option(
        "--minibatch", type=click.IntRange(1), help=f"Of training. Default: {MINIBATCH}."
    ),
)  # fmt: skip
document_options = together(
    shared("out", help="Save the JSON document."),
    output_options,
)


def check_writable(out: Path | None) -> None:
    """Refuse before the measurement what cannot be written after it."""
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"{out}: is a directory; expected the name of a file")
    if not out.parent.is_dir():
        raise InputError(f"{out}: directory {out.parent} does not exist; expected one that does")
    check_replaceable(out, "document of a benchmark", BEGINS)


def trained_on(samples: int | None, epoch: bool) -> int:
    """The training samples that --samples and --epoch ask for."""
    from eqchip.bench.training import MNIST_TRAINING_SAMPLES

    if epoch and samples is not None:
        raise InputError(f"--samples is {samples} with --epoch; expected one of the two")
    return MNIST_TRAINING_SAMPLES if epoch else TRAINED if samples is None else samples


def hand_over(output: Output, document: dict[str, Any], out: Path | None) -> None:
    """Save a document, and print it where JSON is asked for."""
    from eqchip.emulator.files import write_text

    if out is not None:
        write_text(out, json.dumps(document, indent=2) + "\n")
        output.message(f"written: {out}")
    output.result(document)
