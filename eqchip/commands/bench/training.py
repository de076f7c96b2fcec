"""``eqchip bench training``: what training costs on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from eqchip.bench.setting import Inputs, known
from eqchip.bench.training import CostSetting, bench_training
from eqchip.cli.command import Command
from eqchip.cli.output import Output
from eqchip.commands.bench.options import (
    MINIBATCH,
    check_writable,
    document_options,
    hand_over,
    run_options,
    threads_option,
    trained_on,
    trained_options,
)

MEGA = 1e6


@click.command("training", cls=Command)
@run_options()
@threads_option("Of training.")
@trained_options
@document_options
def command(
    data: str | None,
    dataset: Inputs | None,
    layers: tuple[int, ...],
    free_steps: int,
    nudged_steps: int,
    seed: int,
    threads: int,
    samples: int | None,
    epoch: bool,
    minibatch: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """What training costs on this machine: time, events and memory.

    Training runs in processes of its own, so that its peak memory is its own; two more
    train with 50 and with 500 free steps, to show what memory depends on.
    """
    output = Output(as_json, quiet)
    check_writable(out)
    document = bench_training(
        CostSetting(
            known(dataset, data, output),
            data,
            layers,
            trained_on(samples, epoch),
            free_steps,
            nudged_steps,
            minibatch or MINIBATCH,
            threads,
            seed,
        ),
        output,
    )
    hand_over(output, document, out)
    show(output, document)
    return 0


def show(output: Output, document: Mapping[str, Any]) -> None:
    """What a document tells of the cost of training."""
    cost, setting = document["training"], document["setting"]
    how = (
        f"extrapolated from {cost['samples']} samples, which took {cost['seconds']:.1f} s"
        if cost["extrapolated"]
        else "measured"
    )
    output.text(
        f"training: an epoch of {cost['epoch_samples']} samples with "
        f"{setting['free_steps']} + {setting['nudged_steps']} steps on {setting['threads']} "
        f"threads: {cost['epoch_seconds'] / 60:.1f} minutes, {cost['epoch_events']:.3g} synaptic "
        f"events ({how})"
    )
    peak, loaded = cost["peak_bytes"], cost["loaded_bytes"]
    if peak is not None and loaded is not None:
        output.text(
            f"memory: peak {peak / MEGA:.0f} MB, of which {loaded / MEGA:.0f} MB when data and "
            "kernels were loaded"
        )
    points = [p for p in cost["peak_bytes_by_free_steps"] if p["peak_bytes"] is not None]
    if points:
        shown = ", ".join(
            f"{p['peak_bytes'] / MEGA:.1f} MB with {p['free_steps']} free steps" for p in points
        )
        output.text(f"memory against steps: peak {shown} (synthetic inputs)")
