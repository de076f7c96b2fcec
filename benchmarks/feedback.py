"""What the path of the errors does: trainings of two hidden layers by every `--feedback`.

    python benchmarks/feedback.py --data DIR --rule graded [--times 1,0.5] [--seeds 0,1]
    python benchmarks/feedback.py --dataset digits --rule emstdp --epochs 10 --seeds 0,1,2,3,4

784-500-500-10 on MNIST, or 64-50-50-10 on digits, with the preset's settings of the rule. Every
path has the same trials of its rates, the preset's times some factors, on the first seed; the best
is trained with the others too. All by validation error; the test set is not read. A training that
is finished is kept: called again, the program goes on with the rest. Results:
``benchmarks/results/feedback-RULE.json``, of digits ``feedback-RULE-digits.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.spiking.feedback import FEEDBACKS
from eqchip.emulator.training.runs import provenance
from eqchip.emulator.training.trainers import make_trainer
from eqchip.settings import configuration

RESULTS = Path(__file__).resolve().parent / "results"
NETWORKS = {"mnist": "784-500-500-10", "digits": "64-50-50-10"}
EVERY = {"mnist": 500, "digits": 100}  # samples; paths that learn are tended so often
KEPT = (
    "feedback_cosine", "writes_by_copy_per_sample", "spikes_by_layer_per_sample",
    "synaptic_events_per_sample", "macs_per_sample", "error_events_per_sample",
    "alignment_spikes_per_sample", "alignment_messages_per_sample",
    "alignment_events_per_sample",
)  # fmt: skip


def training(
    rule: str, feedback: str, times: float, seed: int, epochs: int, dataset: Dataset
) -> dict[str, Any]:
    """Validation error and counts of one training."""
    name, network = dataset.name, NETWORKS[dataset.name]
    asked: dict[str, Any] = {"rule": rule, "feedback": feedback, "seed": seed, "epochs": epochs}
    asked["every"] = EVERY[name]
    usual = configuration(name, network=network, on_chip="loihi2", settings=asked)
    asked["lr"] = [times * rate for rate in usual.descent.lr]
    config = configuration(name, network=network, on_chip="loihi2", settings=asked)
    began, trainer, epoch_rows = time.process_time(), make_trainer(config, dataset, 1), []
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        measures = trainer.measures()
        activity, samples = trainer.tally.activity, trainer.tally.samples
        measures["synaptic_events_per_sample"] = int(activity.synaptic_events.sum()) / samples
        measures["macs_per_sample"] = int(activity.macs.sum()) / samples
        trainer.end_epoch()
        kept = {name: measures[name] for name in KEPT if name in measures}
        epoch_rows.append({"validation_error": trainer.validate().error, **kept})
    *early, last = epoch_rows  # tables show the errors of all epochs, and counts of the last
    errors = [{"validation_error": row["validation_error"]} for row in early]
    found = {
        "feedback": feedback, "rates_times": times, "seed": seed, "epochs": [*errors, last],
        "seconds": time.process_time() - began,
    }  # fmt: skip
    print(feedback, times, seed, epoch_rows[-1]["validation_error"], flush=True)
    return found


def is_of(point: dict[str, Any], feedback: str, times: float, seed: int) -> bool:
    """Whether a training is this one."""
    return (point["feedback"], point["rates_times"], point["seed"]) == (feedback, times, seed)


def best_times(points: list[dict[str, Any]], feedback: str, seed: int) -> float:
    """The factor of the rates with the smallest validation error of the trials of a path."""
    trials = [p for p in points if p["feedback"] == feedback and p["seed"] == seed]
    best = min(trials, key=lambda p: p["epochs"][-1]["validation_error"])
    return float(best["rates_times"])


def written(document: dict[str, Any]) -> str:
    """The document as JSON, a line for each training."""
    head = json.dumps({name: of for name, of in document.items() if name != "points"}, indent=1)
    points = ",\n".join(f"  {json.dumps(point)}" for point in document["points"])
    return f'{head[:-2]},\n "points": [\n{points}\n ]\n}}\n'


def main() -> None:
    """Train what is not there yet."""
    parser = argparse.ArgumentParser(description="Trainings by every path of the errors.")
    parser.add_argument("--dataset", default="mnist", choices=list(NETWORKS))
    parser.add_argument("--data", help="directory with the files of MNIST")
    parser.add_argument("--rule", required=True, choices=["graded", "emstdp"])
    parser.add_argument("--paths", default=",".join(FEEDBACKS))
    parser.add_argument("--times", default="1")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", default="0,1")
    asked = parser.parse_args()
    is_mnist = asked.dataset == "mnist"
    where = "--data DIR" if is_mnist else f"--dataset {asked.dataset}"
    command = (
        f"python benchmarks/feedback.py {where} --rule {asked.rule} --times {asked.times} "
        f"--epochs {asked.epochs} --seeds {asked.seeds}"
    )
    name = f"feedback-{asked.rule}{'' if is_mnist else f'-{asked.dataset}'}.json"
    path, dataset = RESULTS / name, load(asked.dataset, asked.data)
    factors = [float(times) for times in asked.times.split(",")]
    paths, (first, *others) = asked.paths.split(","), [int(s) for s in asked.seeds.split(",")]
    document = json.loads(path.read_text()) if path.exists() else {"points": []}
    points = document["points"]

    def train(feedback: str, times: float, seed: int) -> None:
        if not any(is_of(point, feedback, times, seed) for point in points):
            points.append(training(asked.rule, feedback, times, seed, asked.epochs, dataset))
            whole = {
                "command": command, "versions": provenance(command), "rule": asked.rule,
                "network": NETWORKS[asked.dataset], "dataset": asked.dataset, "points": points,
            }  # fmt: skip
            path.write_text(written(whole), encoding="utf-8")

    for times in factors:
        for feedback in paths:
            train(feedback, times, first)
    for seed in others:
        for feedback in paths:
            train(feedback, best_times(points, feedback, first), seed)


if __name__ == "__main__":
    main()
