"""Minibatches on the chip: spikes read what accumulators hold once in several samples.

    python benchmarks/onchip_minibatches.py --data DIR [--epochs 2]

784-500-10 on MNIST with the preset's settings and an accumulator of 8 bits, one seed; the rates are
the preset's, times a factor. The test set is not read. Results:
``benchmarks/results/onchip-minibatches.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from study import LARGER_STEPS

from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.onchip_training import WRITES, OnChipTrainer
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance

RESULTS = Path(__file__).resolve().parent / "results"
LAYERS = (784, 500, 10)
POINTS = ((1, 1), (10, 1), (10, 3), (10, 10), (50, 10), (50, 50))  # minibatch, times the rates


def point(minibatch: int, times: float, data: str, epochs: int) -> dict[str, Any]:
    """Validation error and writes of one training."""
    config = preset("mnist", LAYERS, on_chip={"accumulator_bits": 8})
    descent = {
        "epochs": epochs,
        "minibatch": minibatch,
        "lr": tuple(rate * times for rate in config.descent.lr),
    }
    config = preset(
        "mnist", LAYERS, on_chip={"accumulator_bits": 8}, descent=descent, coding=LARGER_STEPS
    )
    trainer = OnChipTrainer(config, load("mnist", data), 1)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        measures = trainer.measures()
        trainer.end_epoch()
    writes = {name: measures[f"weights_{name}_per_sample"] for name in WRITES}
    error = trainer.validate().error
    found = {"minibatch": minibatch, "rates_times": times, "validation_error": error, **writes}
    print(found, flush=True)
    return found


def main() -> None:
    """Train the points and write the results."""
    parser = argparse.ArgumentParser(description="Minibatches on the chip.")
    parser.add_argument("--data", required=True, help="directory with the files of MNIST")
    parser.add_argument("--epochs", type=int, default=2)
    asked = parser.parse_args()
    points = [point(*one, asked.data, asked.epochs) for one in POINTS]
    command = f"python benchmarks/onchip_minibatches.py --data DIR --epochs {asked.epochs}"
    document = {"command": command, "versions": provenance(command), "points": points}
    path = RESULTS / "onchip-minibatches.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
