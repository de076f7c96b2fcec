"""``eqchip evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import click

from eqchip.cli.command import Command
from eqchip.cli.options import run_argument, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.description.modes import States

if TYPE_CHECKING:
    import numpy as np

    from eqchip.emulator.training.evaluate import Evaluation


@click.command(cls=Command)
@run_argument()
@shared("data")
@click.option(
    "--split", type=click.Choice(("test", "validation")), default="test", show_default=True,
    help="Choose settings on validation; read the test set once.",
)  # fmt: skip
@shared("free_steps", help="Time steps per sample. Default: as in training.")
@click.option(
    "--real-valued", is_flag=True,
    help="Exact messages in place of bits, with a step size of 0.5 and no prediction.",
)  # fmt: skip
@shared("precision")
@click.option(
    "--weight-bits", type=int,
    help="With --precision chip: of a weight. Default: 8, or as the chip learned.",
)  # fmt: skip
@click.option(
    "--state-bits", type=int,
    help="With --precision chip: of a state. Default: 24, or as the chip learned.",
)  # fmt: skip
@click.option(
    "--fraction-bits", type=int,
    help="With --precision chip: of a state below the point. Default: 12, or as the chip learned.",
)  # fmt: skip
@click.option(
    "--outliers", type=float, metavar="SHARE",
    help="With --precision chip: so large a share of a connection's largest weights has no say in "
    "its exponent, and may be clipped. Default: 0.",
)  # fmt: skip
@click.option(
    "--rounding", type=click.Choice(("nearest", "activity")), default="nearest", show_default=True,
    help="With --precision chip: each weight by itself, or so that sums stay what they are for the "
    "first training samples.",
)  # fmt: skip
@click.option(
    "--strict", is_flag=True,
    help="With --precision chip: refuse a state out of range, and a connection most of whose "
    "weights round to 0 or are clipped.",
)  # fmt: skip
@click.option(
    "--sure", type=float, metavar="LEAD",
    help="End a sample as soon as its largest output leads all others by more than this, in the "
    "mean of the last steps that training averages over. Default: all steps.",
)  # fmt: skip
@click.option(
    "--states", type=click.Choice(get_args(States)),
    help="Where a sample begins: at rest, or where the one before it in its stream ended; "
    "announced: units are told, and schedules begin again. Default: as in training.",
)  # fmt: skip
@timing_options(default=None)
@shared("threads")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """Classify a data set with the trained network of a RUN directory."""
    from eqchip.emulator.training.evaluate import evaluate

    output = Output(as_json, quiet)
    timing = timing_from(settings)
    found = evaluate(**settings, timing=timing, progress=output.listener)
    _show(output, found)
    output.result(found.to_dict())
    return 0


def _show(output: Output, found: Evaluation) -> None:
    from eqchip.emulator.description.asynchronous import describe
    from eqchip.emulator.description.weight_losses import in_all, said

    config, tally = found.config, found.tally
    activity, n, steps = tally.activity, tally.samples, found.steps
    layers = len(config.layers)
    output.table(
        f"{found.run} on {n:,} {found.split} samples of {config.dataset}: "
        f"error {tally.error:.2f} %",
        ("per sample", "units", "spikes", "rate", "synaptic events in"),
        [
            (
                f"layer {k}" + (" (input)" if k == 0 else " (output)" if k == layers - 1 else ""),
                config.sizes[k],
                f"{activity.spikes[0, k] / n:,.1f}",
                f"{activity.spikes[0, k] / n / config.sizes[k] / steps:.4f}",
                f"{_arriving(activity.synaptic_events, k) / n:,.0f}",
            )
            for k in range(layers)
        ],
    )
    if found.fixed is not None:
        fixed = found.fixed
        output.text(
            f"In a chip's integers: weights of {fixed.weight_bits} bits, states of "
            f"{fixed.state_bits} with {fixed.fraction_bits} below the point; "
            f"{tally.saturations:,} states clipped; {in_all(found.lost)}"
        )
        for line in said(found.lost):
            output.text(line)
    if config.coding.quantizer == "none":
        output.text(f"Exact messages: {tally.macs_per_sample:,.0f} multiply-accumulates a sample")
    if found.sure is not None:
        output.text(f"Ended with a lead above {found.sure:g}: {found.steps:.2f} steps in the mean")
    output.text(f"Timing: {describe(config.timing)}")


def _arriving(events: np.ndarray, layer: int) -> int:
    """Events that reach a layer: forward from below, feedback from above."""
    forward = int(events[0, layer - 1, 0]) if layer > 0 else 0
    feedback = int(events[0, layer, 1]) if layer < events.shape[1] else 0
    return forward + feedback
