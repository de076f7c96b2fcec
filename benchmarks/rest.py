"""Which networks still rest when they are trained? Errors after the steps they know, and more.

    python benchmarks/rest.py --data DIR [--seeds 0] [--runs DIR]

Trains pooled convolutions with full feedback on the first 10,000 training samples of MNIST, once
with bits and else with exact messages, each time with another remedy. After every epoch 500
validation samples are classified by the real-valued network with these weights, after as many
steps as are shown, and at rest; and the loop gain g is told, from how the movement dies away: a
step of size e leaves 1 - e (1 - g) of it, here from step 100 to step 200, the median and the
largest tenth of the samples that still move. The test set is not read.

A training that is finished is kept in ``--runs``; called again, the program goes on with the rest.
Results: ``benchmarks/results/rest.json``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import study

import eqchip as eq
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.trainer import Trainer
from eqchip.settings import configuration

FILE = Path(__file__).parent / "results" / "rest.json"
FEW = 15_000  # the preset's 5,000 validation samples among them
EPOCHS, SHOWN = 5, 500
STEPS, STEP_SIZE = (20, 40, 100, 400), 0.5
PROBES = (100, 200)
POOLED: dict[str, Any] = {
    "network": "28x28-8c5p2-16c5p2-10", "readout": "squared-error", "feedback_shifts": (0, 0, 0),
    "initial_gain": (0.7, 0.7, 0.5), "lr": (1e-3, 4e-4, 1e-3), "beta": 0.25, "minibatch": 10,
    "weight_decay": 0.1, "warm_up": 0.02, "shift": 1,
    **study.MOVED_ALONE,
}  # fmt: skip
EXACT: dict[str, Any] = {
    "quantizer": "none", "step_size": eq.Polynomial(STEP_SIZE), "prediction": None,
    "free_steps": 20, "nudged_steps": 8,
}  # fmt: skip
SPIKING = {"free_steps": 24, "nudged_steps": 10}
CASES: dict[str, dict[str, Any]] = {
    "bits": {**POOLED, **SPIKING},
    "exact": {**POOLED, **EXACT},
    "exact, steps of size 1": {**POOLED, **EXACT, **SPIKING, "step_size": eq.Polynomial(1.0)},
    "exact, feedback 1/16": {**POOLED, **EXACT, "feedback_shifts": (0, 4, 4)},
    "exact, 60 + 2 x 24 steps": {**POOLED, **EXACT, "free_steps": 60, "nudged_steps": 24},
}


def probe(trainer: Trainer) -> dict[str, Any]:
    """Errors of the real-valued network over steps, and its loop gain."""
    config, data = trainer.config, trainer.dataset
    few = trainer.validation_indices[:SHOWN]
    ends = sorted({*STEPS, *PROBES, *(step + 1 for step in PROBES)})
    run = eq.run(
        trainer.network, data.train_x[few].astype(config.precision),
        coding=eq.Coding.real_valued(STEP_SIZE), input=config.input, precision=config.precision,
        readout=config.learning.readout, threads=1,
        phases=[eq.Free(b - a) for a, b in zip([0, *ends], ends, strict=False)],
    )  # fmt: skip
    at = dict(zip(ends, run.ends, strict=True))
    moved = [_distance(at[step][1:-1], at[step + 1][1:-1]) for step in PROBES]
    moving = moved[1] > 1e-6  # else rounding is what is seen
    kept = (moved[1][moving] / moved[0][moving]) ** (1 / (PROBES[1] - PROBES[0]))
    gains = 1 - (1 - kept) / STEP_SIZE if moving.any() else np.zeros(1)
    wrong = [at[step][-1].argmax(1) != data.train_y[few] for step in STEPS]
    return {
        "errors": [round(100 * float(one.mean()), 2) for one in wrong],
        "from_rest": [
            round(float(np.mean(_distance(at[step][1:-1], at[STEPS[-1]][1:-1]))), 4)
            for step in STEPS[:-1]
        ],
        "gain": [round(float(one), 3) for one in np.quantile(gains, (0.5, 0.9))],
        "still_moving": int(moving.sum()),
    }


def _distance(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    """Of every sample, over all hidden units: the root of the summed squares."""
    squares = [((p - q).reshape(len(p), -1) ** 2).sum(1) for p, q in zip(a, b, strict=True)]
    return np.sqrt(np.sum(squares, 0))


def train(case: str, seed: int, dataset: Dataset) -> dict[str, Any]:
    """Train to the end, without the test set; what was seen after every epoch."""
    settings = {"epochs": EPOCHS, "seed": seed, **CASES[case]}
    network = settings.pop("network")
    trainer = Trainer(configuration("mnist", network=network, settings=settings), dataset, 1)
    rows = []
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        tally = trainer.end_epoch()
        rows.append({
            "validation_error": trainer.validate().error,
            "events": tally.events_per_sample + tally.macs_per_sample,
            "norms": [round(float(np.linalg.norm(w)), 2) for w in trainer.network.weights],
            **probe(trainer),
        })  # fmt: skip
    return {"case": case, "network": network, "seed": seed, "epochs": rows}


def main() -> int:
    parser = argparse.ArgumentParser(description="Which networks still rest when trained.")
    parser.add_argument("--data", type=Path, required=True, help="directory of MNIST's files")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--runs", type=Path, default=Path("runs/rest"))
    options = parser.parse_args()
    dataset = load("mnist", options.data)
    dataset = replace(dataset, train_x=dataset.train_x[:FEW], train_y=dataset.train_y[:FEW])
    points = []
    for seed in (int(word) for word in options.seeds.split(",")):
        for case in CASES:
            asked = [FEW, EPOCHS, case, seed]
            points.append(study.once(options.runs, asked, partial(train, case, seed, dataset)))
            print(case, points[-1]["epochs"][-1], flush=True)
    command = f"python benchmarks/rest.py --data DIR --seeds {options.seeds}"
    study.write(FILE, "rest", command, points, steps=STEPS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
