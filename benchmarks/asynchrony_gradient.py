"""What clocks do to the gradient: how far an update points where the exact one does.

    python benchmarks/asynchrony_gradient.py [--threads N]

On a digits network that was trained with one clock, the update of 200 training samples by the rule
"symmetric" is compared with that of the real-valued network at rest, nudged weakly: the cosine of
the angle between them, per connection, and the ratio of their lengths. Nothing is chosen by test
data. Results: ``benchmarks/results/asynchrony-gradient.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.learning.contrast import average_ends
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance
from eqchip.emulator.training.trainer import Trainer

RESULTS = Path(__file__).resolve().parent / "results"
EPOCHS, SAMPLES, SEEDS = 3, 200, (0, 1, 2)
AT_REST = (400, 300, 0.05)  # free steps, nudged steps, beta of the exact update
BETA = 0.5
STEPS = ((20, 8, 1), (20, 8, 4), (50, 20, 1), (50, 20, 10))  # free, nudged, averaged
TIMINGS: dict[str, Clocks | None] = {
    "one clock": None,
    "offsets only": Clocks(offset=1.0),
    "offsets and jitter 0.1": Clocks(offset=1.0, jitter=0.1),
    **{
        f"spread {100 * spread:g} %" + (f", jitter {jitter:g}" if jitter else "") + ending:
        Clocks(offset=1.0, spread=spread, jitter=jitter, restarted=restarted)
        for spread, jitter in ((0.01, 0.0), (0.1, 0.0), (0.1, 0.1), (0.3, 0.1))
        for ending, restarted in ((", running on", False), (", restarted", True))
    },
}  # fmt: skip


def main() -> int:
    """Measure all timings."""
    parser = argparse.ArgumentParser(description="What clocks do to the gradient.")
    parser.add_argument("--threads", type=int)
    threads = parser.parse_args().threads
    dataset = load("digits")
    trainer = Trainer(preset("digits", descent={"epochs": EPOCHS}), dataset, threads)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    chosen = trainer.train_indices[:SAMPLES]
    x = dataset.train_x[chosen]
    y = one_hot(dataset.train_y[chosen], dataset.classes)
    exact = update(trainer.network, x, y, Coding.real_valued(), None, *AT_REST, 1, 0, threads)
    rows = []
    for name, clocks in TIMINGS.items():
        for free, nudged, average in STEPS:
            found = [
                update(trainer.network, x, y, Coding(), clocks, free, nudged, BETA, average, seed,
                       threads)
                for seed in (SEEDS if clocks is not None else SEEDS[:1])
            ]  # fmt: skip
            rows.append(
                {
                    "timing": name,
                    "free_steps": free,
                    "nudged_steps": nudged,
                    "average_steps": average,
                    "cosine": [[cosine(a, b) for a, b in zip(one, exact, strict=True)]
                               for one in found],
                    "length": [[float(np.linalg.norm(a) / np.linalg.norm(b))
                                for a, b in zip(one, exact, strict=True)] for one in found],
                }
            )  # fmt: skip
            print(name, free, nudged, average, np.round(np.mean(rows[-1]["cosine"], 0), 3))
    results = {
        "format": "eqchip-asynchrony-gradient 1",
        "network": "64-100-10 on digits",
        "epochs": EPOCHS,
        "samples": SAMPLES,
        "seeds": list(SEEDS),
        "beta": BETA,
        "exact": dict(zip(("free_steps", "nudged_steps", "beta"), AT_REST, strict=True)),
        "rows": rows,
        "provenance": provenance("python benchmarks/asynchrony_gradient.py"),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "asynchrony-gradient.json"
    path.write_text(json.dumps(results, indent=1) + "\n")
    return 0


def update(
    network: Network, x: np.ndarray, y: np.ndarray, coding: Coding, clocks: Clocks | None,
    free: int, nudged: int, beta: float, average: int, seed: int, threads: int | None,
) -> list[np.ndarray]:  # fmt: skip
    """What the rule "symmetric" writes into each connection, but for its rate."""
    timing = None if clocks is None else Asynchronous(clocks=clocks, seed=seed)
    phases = [
        Free(free),
        Nudged(nudged, y, beta, from_free=True),
        Nudged(nudged, y, -beta, from_free=True),
    ]
    run: Any = solve(
        pose(network, x, coding=coding, phases=phases, timing=timing, precision="float64",
             record=("potentials",) if average > 1 else ()),
        threads=threads,
    )  # fmt: skip
    if average > 1:
        run = average_ends(run, average)
    plus, minus = run.ends[1], run.ends[2]
    return [
        (plus[k].T @ plus[k + 1] - minus[k].T @ minus[k + 1]) / (2 * beta)
        for k in range(len(network.connections))
    ]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Of the angle between two arrays."""
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


if __name__ == "__main__":
    raise SystemExit(main())
