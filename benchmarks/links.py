"""What links do for a deep network: residual, skipping, lateral, and nudges of hidden layers.

    python benchmarks/links.py [--dataset digits] [--network 64-64-64-64-64-10] [--seeds 0,1,2]

Trains a deep network without and with each set of links, with full and weaker feedback, some with
smaller steps as well, once for every seed, by Adam, and keeps of each training the validation error
and, per layer, how far a nudge moves its potentials (root mean squares over samples and units, of
some training samples after every epoch). The test set is not read.

A training that is finished is kept in ``--runs``; called again, the program goes on with the rest.
Results: ``benchmarks/results/links-DATASET.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.training.runs import versions
from eqchip.emulator.training.trainer import Trainer
from eqchip.settings import configuration

# By the preset of the data set no network of so many layers learns; these, seed 0 chose.
SETTINGS: dict[str, Any] = {
    "optimizer": "adam",
    "lr": 0.002,
    "initial_gain": 0.5,
}
SMALLER = 0.5  # steps, under which outputs that are nudged do not swing
RESULTS = Path(__file__).resolve().parent / "results"


class Case(NamedTuple):
    """A way to link a chain: what it is called, its links, and how errors come back."""

    name: str
    links: str
    shift: int
    readout: str = "squared-error"
    step_size: float = 0.8  # the usual one of one hidden layer
    beta: float = 1.0  # the usual one of deep networks


def cases(layers: int) -> list[Case]:
    """Those that are compared, of a chain of so many layers, the input among them."""
    last = layers - 1
    residual = ",".join(f"{k}={k + 1}x0.5" for k in range(1, last - 1))
    skips = ",".join(f"{k}:{k + 2}" for k in range(1, last - 2))
    outputs = ",".join(f"{k}:{last}" for k in range(1, last - 1))
    lateral = ",".join(f"{k}:{k}" for k in range(1, last))
    return [
        *(Case("chain", "", shift) for shift in (0, 2)),
        *(Case("residual", residual, shift) for shift in (0, 2)),
        *(Case("skips", skips, shift) for shift in (0, 2)),
        Case("to the output", outputs, 2),
        Case("lateral", lateral, 0),
        Case("chain", "", 2, "cross-entropy"),
        Case("residual", residual, 2, "cross-entropy"),
        Case("hidden layers nudged", outputs, 2, "cross-entropy"),
        Case("chain", "", 0, beta=0.5),
        Case("chain", "", 0, step_size=0.6),
        *(
            Case(*linked, step_size=SMALLER)
            for linked in (
                ("chain", "", 0),
                ("residual", residual, 0),
                ("skips", skips, 0),
                ("lateral", lateral, 0),
                ("chain", "", 2),
                ("to the output", outputs, 2),
                ("hidden layers nudged", outputs, 2, "cross-entropy"),
            )
        ),
    ]


def configured(case: Case, dataset: str, network: str, seed: int, epochs: int | None) -> Config:
    settings: dict[str, Any] = {**SETTINGS, "seed": seed, "readout": case.readout}
    settings["step_size"], settings["beta"] = Polynomial(case.step_size), case.beta
    if case.links:
        settings["links"] = case.links
    if case.shift:
        settings["feedback_shifts"] = case.shift
    if epochs is not None:
        settings["epochs"] = epochs
    return configuration(dataset, network=network, settings=settings)


def train(config: Config, dataset: Dataset) -> dict[str, Any]:
    """Train to the end, without the test set; what came of it."""
    trainer, signals = Trainer(config, dataset, 1), []
    began = time.thread_time()
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        signals.append(trainer.signals())
        tally = trainer.end_epoch()
    return {
        "validation_error": trainer.validate().error,
        "train_error": tally.error,
        "epochs": config.descent.epochs,
        "settings": SETTINGS,
        "nudged_change_by_layer": [one.nudged_change_by_layer for one in signals],
        "potential_by_layer": [one.potential_by_layer for one in signals],
        "contrast_by_connection": [one.contrast_by_connection for one in signals],
        "synaptic_events": tally.events_per_sample,
        "processor_seconds": time.thread_time() - began,
    }


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def main() -> None:
    """Train what is missing, and store all that was found."""
    parser = argparse.ArgumentParser(description="What links do for a deep network.")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data", type=Path, help="directory of the IDX files")
    parser.add_argument("--network", default="64-64-64-64-64-10")
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="default: as the preset says")
    parser.add_argument("--runs", type=Path, default=Path("runs/links"))
    options = parser.parse_args()
    dataset = load(options.dataset, options.data)
    points = []
    for seed in options.seeds:  # all cases of a seed first: they are compared
        for case in cases(len(options.network.split("-"))):
            config = configured(case, options.dataset, options.network, seed, options.epochs)
            done = options.runs / options.dataset / f"{config.digest()}.json"
            if not done.exists():
                found = {**case._asdict(), "seed": seed, **train(config, dataset)}
                done.parent.mkdir(parents=True, exist_ok=True)
                done.write_text(json.dumps(found))
                print(*case, seed, f"{found['validation_error']:.2f} %", flush=True)
            points.append(json.loads(done.read_text()))
    where = " --data DIR" if options.data else ""
    more = f" --epochs {options.epochs}" if options.epochs else ""
    document = {
        "kind": "links",
        "command": f"python benchmarks/links.py --dataset {options.dataset}{where}"
        f" --network {options.network} --seeds {','.join(map(str, options.seeds))}{more}",
        "network": f"{options.network} on {options.dataset}",
        "versions": versions(),
        "points": points,
    }
    name = f"links-{options.dataset}.json"
    (RESULTS / name).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
