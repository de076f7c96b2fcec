"""``eqchip evaluate``."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from eqchip.cli.output import Output, output_options
from eqchip.cli.timing_options import describe, timing_from, timing_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option(
    "--split", type=click.Choice(("test", "validation")), default="test", show_default=True,
    help="Choose settings on validation; read the test set once.",
)  # fmt: skip
@click.option("--free-steps", type=int, help="Time steps per sample. Default: as in training.")
@click.option(
    "--real-valued", is_flag=True,
    help="Exact messages in place of bits, with a step size of 0.5 and no prediction.",
)  # fmt: skip
@click.option(
    "--precision", type=click.Choice(("float32", "float64", "chip")),
    help="Numbers to compute with; chip: a chip's integers. Default: as in training.",
)  # fmt: skip
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
@click.option("--strict", is_flag=True, help="With --precision chip: refuse a state out of range.")
@timing_options(default=None)
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@output_options
def command(
    run: Path,
    data: Path | None,
    split: str,
    free_steps: int | None,
    real_valued: bool,
    precision: str | None,
    weight_bits: int | None,
    state_bits: int | None,
    fraction_bits: int | None,
    strict: bool,
    threads: int | None,
    as_json: bool,
    quiet: bool,
    **timing_flags: Any,
) -> int:
    """Classify a data set with the trained network of a RUN directory."""
    from eqchip.emulator.data.datasets import load, split_validation
    from eqchip.emulator.description.coding import Coding
    from eqchip.emulator.description.config import make_config
    from eqchip.emulator.description.fixedpoint import FixedPoint
    from eqchip.emulator.engine.lowering import lower_fixed
    from eqchip.emulator.errors import InputError
    from eqchip.emulator.training.classifier import Classifier
    from eqchip.emulator.training.runs import RunDirectory

    output = Output(as_json, quiet)
    directory = RunDirectory(run)
    config = directory.config
    fixed = None
    widths = {
        "weight_bits": weight_bits, "state_bits": state_bits, "fraction_bits": fraction_bits
    }  # fmt: skip
    given = {name: bits for name, bits in widths.items() if bits is not None}
    learned = config.on_chip
    if precision is None and learned is not None:
        precision = "chip"  # as in training
    if precision == "chip":
        fixed = replace(FixedPoint() if learned is None else learned.fixed, **given)
    elif given or strict:
        option = next(iter(given), "strict").replace("_", "-")
        raise InputError(
            f"--{option} is given with precision {precision or config.precision!r}; "
            "expected --precision chip"
        )
    if free_steps is not None or precision in ("float32", "float64"):
        settings = config.model_dump()
        settings["learning"]["free_steps"] = free_steps or config.learning.free_steps
        settings["precision"] = config.precision if fixed else precision or config.precision
        config = make_config(**settings)
    if real_valued:
        config = config.model_copy(update={"coding": Coding.real_valued()})
    asked = timing_flags["timing"]
    timing = timing_from(timing_flags)
    if asked is not None:
        config = config.model_copy(update={"timing": timing})
    network = directory.network()
    dataset = load(config.dataset, data, progress=not quiet)
    if split == "validation":
        _, indices = split_validation(dataset, config.validation)
        if not len(indices):
            raise InputError(f"{run}: no validation samples were set aside; expected --split test")
        x, labels = dataset.train_x[indices], dataset.train_y[indices]
    else:
        x, labels = dataset.test_x, dataset.test_y
    lowered = None
    if fixed is not None and learned is not None:
        lowered = lower_fixed(network, fixed, mirror=directory.mirror())
    classifier = Classifier(config, network, threads, lowered, fixed, strict)
    tally = classifier.classify(x, labels, output)
    activity, n = tally.activity, tally.samples
    layers = len(config.layers)
    output.table(
        f"{run} on {n:,} {split} samples of {config.dataset}: error {tally.error:.2f} %",
        ("per sample", "units", "spikes", "rate", "synaptic events in"),
        [
            (
                f"layer {k}" + (" (input)" if k == 0 else " (output)" if k == layers - 1 else ""),
                config.sizes[k],
                f"{activity.spikes[0, k] / n:,.1f}",
                f"{activity.spikes[0, k] / n / config.sizes[k] / config.learning.free_steps:.4f}",
                f"{_arriving(activity.synaptic_events, k) / n:,.0f}",
            )
            for k in range(layers)
        ],
    )
    if fixed is not None:
        output.text(
            f"In a chip's integers: weights of {fixed.weight_bits} bits, states of "
            f"{fixed.state_bits} with {fixed.fraction_bits} below the point; "
            f"{tally.saturations:,} states clipped"
        )
    if config.coding.quantizer == "none":
        output.text(f"Exact messages: {tally.macs_per_sample:,.0f} multiply-accumulates a sample")
    output.text(f"Timing: {describe(config.timing)}")
    output.result(
        {
            "run": str(run),
            "split": split,
            "timing": asdict(config.timing) if config.timing else None,
            "quantizer": config.coding.quantizer,
            "precision": "chip" if fixed else config.precision,
            "arithmetic": asdict(fixed) if fixed else None,
            "saturations": tally.saturations,
            "samples": n,
            "error": tally.error,
            "free_steps": config.learning.free_steps,
            "spikes_per_sample": tally.spikes_per_sample,
            "synaptic_events_per_sample": tally.events_per_sample,
            "macs_per_sample": tally.macs_per_sample,
            "activity": activity.to_dict(),
        }
    )
    return 0


def _arriving(events, layer: int) -> int:  # type: ignore[no-untyped-def]
    """Events that reach a layer: forward from below, feedback from above."""
    forward = int(events[0, layer - 1, 0]) if layer > 0 else 0
    feedback = int(events[0, layer, 1]) if layer < events.shape[1] else 0
    return forward + feedback
