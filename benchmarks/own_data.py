"""Data of one's own, without a setting: the usual ones beside logistic regression and an MLP.

    python benchmarks/own_data.py [--on validation] [--seeds 0,1,2] [--out FILE]

Ten data sets that ship with scikit-learn or are drawn by it. Each goes through
``Dataset.from_arrays``: its own scaling, a fifth set aside for the test. The others see the same
training samples, standardised. With ``--on validation`` all are trained on three quarters of the
training samples and compared on the rest: settings are chosen so, and the test is then read once.

Results: ``benchmarks/results/own-data.json``.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets as sources
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import eqchip as eq
from eqchip.emulator.data.splits import stratified
from eqchip.emulator.training.runs import provenance
from eqchip.emulator.training.trainers import make_trainer
from eqchip.settings import configuration

RESULT = Path(__file__).resolve().parent / "results" / "own-data.json"
CHIP = "loihi1-davies"
MLP = {"hidden_layer_sizes": (100,), "max_iter": 300}


def data_sets() -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Name, samples and classes of each."""
    for name in ("iris", "wine", "breast_cancer", "digits"):
        bunch = getattr(sources, f"load_{name}")()
        yield name.replace("digits", "digits as features"), bunch.data, bunch.target
    drawn = {"random_state": 0}
    yield (
        "10 classes",
        *sources.make_classification(
            2000, 64, n_informative=32, n_classes=10, class_sep=2.0, **drawn
        ),
    )
    yield (
        "5 classes",
        *sources.make_classification(
            2000, 30, n_informative=10, n_classes=5, class_sep=1.5, random_state=1
        ),
    )
    yield ("moons", *sources.make_moons(1000, noise=0.2, **drawn))
    yield ("circles", *sources.make_circles(1000, noise=0.1, factor=0.5, **drawn))
    yield ("hastie", *sources.make_hastie_10_2(3000, **drawn))
    yield (
        "quantiles",
        *sources.make_gaussian_quantiles(n_samples=2000, n_features=8, n_classes=3, **drawn),
    )


def split(x: np.ndarray, y: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, ...]:
    """Places of those that are learned from, and of those that are asked for."""
    numbers = np.unique(y, return_inverse=True)[1]
    return stratified(numbers, int(numbers.max()) + 1, round(share * len(y)), seed)


def error_of(model: Any, data: tuple[np.ndarray, ...]) -> float:
    """Of a model of scikit-learn, in percent, on standardised samples."""
    x, y, asked_x, asked_y = data
    scale = StandardScaler().fit(x)
    return float(
        100 * (1 - model.fit(scale.transform(x), y).score(scale.transform(asked_x), asked_y))
    )


def learned(data: eq.Dataset, seed: int, chip: str | None) -> float:
    """Error of the usual settings, in percent, on what is asked for."""
    config = configuration(data, on_chip=chip, settings={"seed": seed, "validation": 0})
    trainer = make_trainer(config, data)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    return trainer.test().error


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--on", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    seeds = [int(one) for one in options.seeds.split(",")]
    warnings.filterwarnings("ignore", category=UserWarning)  # of an MLP that would go on
    rows, began = [], time.process_time()
    for name, x, y in data_sets():
        kept, asked = split(x, y, 0.2, 0)  # as Dataset.from_arrays does
        if options.on == "validation":
            x, y = x[kept], y[kept]
            kept, asked = split(x, y, 0.25, 1)
        parts = x[kept], y[kept], x[asked], y[asked]
        data = eq.Dataset.from_arrays(*parts[:2], x_test=parts[2], y_test=parts[3], name=name)
        rows.append({
            "data": name,
            "features": x.shape[1],
            "classes": data.classes,
            "trained": len(kept),
            "asked": len(asked),
            "logistic_regression": error_of(LogisticRegression(max_iter=2000), parts),
            "mlp": [error_of(MLPClassifier(**MLP, random_state=seed), parts) for seed in seeds],
            "eqchip": [learned(data, seed, None) for seed in seeds],
            "eqchip_on_chip": [learned(data, seed, CHIP) for seed in seeds],
        })  # fmt: skip
        row = rows[-1]
        print(
            f"{name:14} regression {row['logistic_regression']:5.1f}  "
            + "  ".join(
                f"{what} {np.mean(row[what]):5.1f}" for what in ("mlp", "eqchip", "eqchip_on_chip")
            ),
            flush=True,
        )
    document = {
        "format": "eqchip-own-data 1",
        "on": options.on,
        "seeds": seeds,
        "chip": CHIP,
        "processor_seconds": time.process_time() - began,
        "rows": rows,
        "provenance": provenance("python benchmarks/own_data.py"),
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
