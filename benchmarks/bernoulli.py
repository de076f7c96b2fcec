"""Bernoulli bits in a convolutional network, beside sigma-delta bits.

    python benchmarks/bernoulli.py --data DIR [--threads N]

A small network on a part of FashionMNIST for a few epochs, all settings but the coding, beta and
the steps those of the convolutional preset: what it errs on of the validation samples, and what it
sends. The test set is not read. Result: ``benchmarks/results/bernoulli-convolutions.json``.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import eqchip as eq
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance

RESULTS = Path(__file__).resolve().parent / "results"
NETWORK = ("28x28", "8c6s2z2", "24c4s2z1", 10)
TRAINED, VALIDATION, EPOCHS = 6000, 2000, 4
PREDICTED = {"value": 0.83, "exponent": 0.58}  # the preset's
COMMAND = "python benchmarks/bernoulli.py --data DIR"


class Point(NamedTuple):
    """A coding and what goes with it."""

    quantizer: str
    prediction: dict[str, float] | None
    step_size: dict[str, float]
    steps: tuple[int, int]
    beta: float


WHOLE = {"value": 1.0, "exponent": 0.0}
FALLING = {"value": 0.9, "exponent": 0.5}
POINTS = (
    Point("sigma-delta", PREDICTED, WHOLE, (20, 8), 0.5),
    Point("bernoulli", PREDICTED, WHOLE, (20, 8), 0.5),
    Point("bernoulli", PREDICTED, WHOLE, (20, 8), 2.0),
    Point("bernoulli", None, FALLING, (20, 8), 0.5),
    Point("bernoulli", PREDICTED, WHOLE, (60, 24), 0.5),
)


def main() -> int:
    """Train every point."""
    parser = argparse.ArgumentParser(description="Bernoulli beside sigma-delta in convolutions.")
    parser.add_argument("--data", required=True)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    whole = eq.load("fashion-mnist", options.data)
    count = TRAINED + VALIDATION
    data = replace(whole, train_x=whole.train_x[:count], train_y=whole.train_y[:count])
    found = [_trained(point, data, options.threads) for point in POINTS]
    document = {
        "kind": "bernoulli",
        "dataset": "fashion-mnist",
        "network": "-".join(map(str, NETWORK)),
        "trained": TRAINED,
        "validation": VALIDATION,
        "epochs": EPOCHS,
        "command": COMMAND,
        "points": found,
        "versions": provenance(COMMAND),
    }
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(document, indent=1) + "\n"
    (RESULTS / "bernoulli-convolutions.json").write_text(text)
    return 0


def _trained(point: Point, data: eq.Dataset, threads: int) -> dict[str, Any]:
    free, nudged = point.steps
    config = preset(
        "fashion-mnist", NETWORK, validation=VALIDATION, descent={"epochs": EPOCHS},
        learning={"free_steps": free, "nudged_steps": nudged, "beta": point.beta},
        coding={
            "quantizer": point.quantizer,
            "step_size": point.step_size,
            "prediction": point.prediction,
        },
    )  # fmt: skip
    rows = list(eq.Trainer(config, data, threads=threads))
    print(point, rows[-1]["validation_error"], file=sys.stderr, flush=True)
    return {
        **point._asdict(),
        "validation_curve": [row["validation_error"] for row in rows],
        "train_error": rows[-1]["train_error"],
        "spikes_per_sample": rows[-1]["spikes_per_sample"],
        "events_per_sample": rows[-1]["synaptic_events_per_sample"],
    }


if __name__ == "__main__":
    sys.exit(main())
