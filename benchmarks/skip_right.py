"""What it saves, and costs, to skip samples that are right after their free phase.

    python benchmarks/skip_right.py [--dataset mnist --data DIR] [--distances 0,0.1] [--seeds 0,1]

Trains the preset of the data set in floating point, and on the emulated chip, once for every
distance (``--skip-right``) and seed, and keeps of each training the validation error, the share of
its samples that were nudged, synaptic events and writes per sample, and the modelled energy and
time of a training sample: the mean over the whole training, on loihi1-davies. The test set is not
read, but for ``--test DISTANCES``, which reads it once, of the networks trained so with distances
that were chosen by the validation errors.

A training that is finished is kept in ``--runs``; called again, the program goes on with the rest.
Results: ``benchmarks/results/skip-right-DATASET.json``.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import eqchip as eq
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config
from eqchip.emulator.training.fit import end_epoch
from eqchip.emulator.training.runs import RunDirectory, versions
from eqchip.emulator.training.trainers import make_trainer
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import costs
from eqchip.hw_reports.pricing.epochs import nudged_share
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.settings import configuration

RESULTS = Path(__file__).resolve().parent / "results"
CHIP = "loihi1-davies"
PRICED_SAMPLES = 20
DONE = "point.json"  # in the directory of a run: it is finished, and this came of it


class Point(NamedTuple):
    """One training."""

    on_chip: bool
    distance: float
    seed: int

    @property
    def name(self) -> str:
        where = "chip" if self.on_chip else "float"
        return f"{where}-{self.distance:g}-s{self.seed}"


def configured(point: Point, dataset: str, epochs: int | None) -> Config:
    settings: dict[str, Any] = {"skip_right": point.distance, "seed": point.seed}
    if epochs is not None:
        settings["epochs"] = epochs
    return configuration(dataset, on_chip=CHIP if point.on_chip else None, settings=settings)


def train(point: Point, config: Config, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Train to the end, without the test set; what came of it."""
    shutil.rmtree(folder, ignore_errors=True)
    run = RunDirectory.create(folder, config, "python benchmarks/skip_right.py")
    trainer, tallies = make_trainer(config, dataset, 1), []
    began = time.thread_time()
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        seconds = time.thread_time() - began
        tally, row = end_epoch(trainer, trainer.validate(), 0.0, seconds)
        tallies.append(tally)
        run.append_metrics(row)
        run.save_network(trainer.network, trainer.mirror())
        run.save_activity(tally.activity)
    whole = reduce(lambda a, b: a + b, tallies)
    rows = epochs_of(run).trained
    samples = sum(row["samples"] for row in rows)

    def mean(name: str) -> float:
        return float(sum(row["samples"] * row[name] for row in rows) / samples)

    shown = replay(run, load_chip(CHIP), dataset, samples=PRICED_SAMPLES, threads=1)
    cost = costs(shown, account(shown), rows).training
    return {
        **point._asdict(),
        "epochs": len(rows),
        "validation_error": rows[-1]["validation_error"],
        "train_error": rows[-1]["train_error"],
        "nudged_share": sum(row["samples"] * nudged_share(row) for row in rows) / samples,
        "nudged_share_last": nudged_share(rows[-1]),
        "synaptic_events": whole.events_per_sample,
        "spikes": whole.spikes_per_sample,
        "weights_attempted": mean("weights_attempted_per_sample") if point.on_chip else None,
        "weights_changed": mean("weights_applied_per_sample") if point.on_chip else None,
        "energy": cost.energy.to_dict(),
        "time": cost.seconds.to_dict(),
        "processor_seconds": seconds,
    }


def summary(points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over the seeds, and the standard deviation of the validation error."""
    groups: dict[tuple[bool, float], list[dict[str, Any]]] = {}
    for point in points:
        groups.setdefault((point["on_chip"], point["distance"]), []).append(point)
    rows = []
    for (on_chip, distance), group in sorted(groups.items()):
        errors = [point["validation_error"] for point in group]
        tested = [point["test_error"] for point in group if "test_error" in point]
        row: dict[str, Any] = {"on_chip": on_chip, "distance": distance, "seeds": len(group)}
        for name in ("nudged_share", "nudged_share_last", "synaptic_events", "spikes",
                     "weights_attempted", "weights_changed", "processor_seconds"):  # fmt: skip
            values = [point[name] for point in group]
            row[name] = None if None in values else float(np.mean(values))
        for name in ("energy", "time"):
            row[name] = float(np.mean([point[name]["figure"]["value"] for point in group]))
        rows.append({
            **row,
            "validation_error": float(np.mean(errors)),
            "validation_deviation": float(np.std(errors, ddof=1)) if len(errors) > 1 else None,
            "test_error": float(np.mean(tested)) if tested else None,
            "test_deviation": float(np.std(tested, ddof=1)) if len(tested) > 1 else None,
        })  # fmt: skip
    return rows


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


def main() -> None:
    """Train what is missing, and store all that was found."""
    parser = argparse.ArgumentParser(description="What skipping samples that are right saves.")
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data", type=Path, help="directory of the IDX files")
    parser.add_argument("--distances", type=numbers, default=[0.0, 0.02, 0.05, 0.1, 0.2, 0.3])
    parser.add_argument("--seeds", type=numbers, default=[0, 1, 2, 3, 4])
    parser.add_argument("--epochs", type=int, help="default: as the preset says")
    parser.add_argument("--test", type=numbers, default=[], help="distances whose test is read")
    parser.add_argument("--runs", type=Path, default=Path("runs/skip-right"))
    options = parser.parse_args()
    dataset = load(options.dataset, options.data)
    config = configured(Point(False, 0.0, 0), options.dataset, options.epochs)
    points = []
    for seed in options.seeds:  # all distances of a seed first: they are compared
        for on_chip in (False, True):
            for distance in options.distances:
                point = Point(on_chip, distance, int(seed))
                folder = options.runs / options.dataset / point.name
                if not (folder / DONE).exists():
                    asked = configured(point, options.dataset, options.epochs)
                    found = train(point, asked, dataset, folder)
                    (folder / DONE).write_text(json.dumps(found))
                    print(point.name, f"{found['validation_error']:.2f} %", flush=True)
                found = json.loads((folder / DONE).read_text())
                if distance in options.test and "test_error" not in found:
                    data = None if options.data is None else str(options.data)
                    evaluated = eq.evaluate(RunDirectory(folder), data=data)
                    found["test_error"] = evaluated.tally.error
                    (folder / DONE).write_text(json.dumps(found))
                points.append(found)
    where = " --data DIR" if options.data else ""
    more = f" --epochs {options.epochs}" if options.epochs else ""
    document = {
        "kind": "skip-right",
        "command": f"python benchmarks/skip_right.py --dataset {options.dataset}{where}{more}"
        f" --distances {','.join(f'{d:g}' for d in options.distances)}"
        f" --seeds {','.join(f'{s:g}' for s in options.seeds)}"
        + (f" --test {','.join(f'{d:g}' for d in options.test)}" if options.test else ""),
        "network": f"{config.written} on {options.dataset}",
        "chip": CHIP,
        "versions": versions(),
        "rows": summary(points),
        "points": points,
    }
    name = f"skip-right-{options.dataset}.json"
    (RESULTS / name).write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
