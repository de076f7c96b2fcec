"""Training on streams of samples whose states are never reset, beside samples from rest.

``python benchmarks/streams.py`` trains digits with every coding and number of steps below, three
seeds, on one thread, and writes results/streams.json; ``--data DIR`` adds MNIST, one seed and few
epochs, and ``--plot`` draws results/streams.png from the file. Trainings that are there are kept: a
run that was stopped goes on. The test sets are not read.

Of each training: the error on samples that were set aside, shown as training shows its own, and
where they could be, the errors of the same network on a stream, and in a chip's integers.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import eqchip as eq
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.runs import provenance
from eqchip.emulator.training.trainer import Trainer
from eqchip.emulator.training.trainers import make_trainer
from eqchip.settings import configuration

RESULTS = Path(__file__).parent / "results"
FILE, PICTURE = RESULTS / "streams.json", RESULTS / "streams.png"
SEEDS, STEPS = (0, 1, 2), ((24, 10), (12, 8))
HELD = 300  # digits set aside
MNIST_STEPS, MNIST_EPOCHS = (12, 8), 2
CHIP_STEPS = (24, 10)  # of learning on the chip

SCHEDULE, ADAPTED = eq.Coding(), eq.Coding(prediction=eq.AdaptivePrediction())
CONSTANT = eq.Coding(prediction=eq.Polynomial(0.3))
OSA = eq.Coding(step_size=eq.OptimalStepSize(0.2, 1e-7), prediction=eq.Polynomial(0.206))


@dataclass(frozen=True)
class Way:
    """A coding, and where samples begin.

    on_stream: how the same network is shown samples in a stream, if it was not so trained.
    """

    label: str
    coding: eq.Coding
    states: str
    rule: str = "symmetric"
    on_stream: str = ""

    @property
    def learning(self) -> dict[str, Any]:
        """As settings; nudges in turn begin with either sign."""
        return {
            "states": self.states, "rule": self.rule, "random_sign": self.rule == "alternating",
        }  # fmt: skip


WAYS = {
    "schedule": Way("from rest, λ annealed", SCHEDULE, "reset", on_stream="announced"),
    "adapted": Way("from rest, λ adapted", ADAPTED, "reset", on_stream="kept"),
    "announced": Way("kept, λ annealed, announced", SCHEDULE, "announced"),
    "constant": Way("kept, constant λ 0.3", CONSTANT, "kept"),
    "osa": Way("kept, OSA, λ 0.206", OSA, "kept"),
    "kept": Way("kept, λ adapted", ADAPTED, "kept"),
    "alternating": Way("kept, λ adapted, nudges in turn", ADAPTED, "kept", "alternating"),
    "real": Way("kept, real-valued, ε 0.5", eq.Coding.real_valued(0.5), "kept"),
}
ON_CHIP = ("schedule", "announced", "kept")
ON_MNIST = ("schedule", "announced", "kept", "constant", "alternating", "adapted")


def points(mnist: bool) -> Iterator[dict[str, Any]]:
    """Every training, in order, by what tells it from others."""
    for seed in SEEDS:
        for free, nudged in STEPS:
            for given in ("spikes", "current"):
                for way in WAYS:
                    yield point("digits", way, given, free, nudged, seed)
    for seed in SEEDS:
        for given in ("spikes", "current"):
            for way in ON_CHIP:
                yield point("digits", way, given, *CHIP_STEPS, seed) | {"chip": "loihi2"}
    for way in ON_MNIST if mnist else ():
        yield point("mnist", way, "current", *MNIST_STEPS, SEEDS[0])


def point(dataset: str, way: str, given: str, free: int, nudged: int, seed: int) -> dict[str, Any]:
    return {
        "dataset": dataset, "way": way, "input": given, "free_steps": free,
        "nudged_steps": nudged, "seed": seed, "chip": None,
    }  # fmt: skip


def config_of(asked: dict[str, Any]) -> eq.Config:
    """The settings of the data set's preset, but for what is asked."""
    way = WAYS[asked["way"]]
    learning = {name: asked[name] for name in ("free_steps", "nudged_steps")} | way.learning
    digits = asked["dataset"] == "digits"
    if asked["chip"]:
        settings = {"input": asked["input"], "seed": asked["seed"], "validation": HELD}
        settings |= {name: getattr(way.coding, name) for name in ("step_size", "prediction")}
        settings |= {name: value for name, value in learning.items() if name != "random_sign"}
        return configuration("digits", on_chip=asked["chip"], settings=settings)
    return eq.preset(
        asked["dataset"], "dense", learning=learning, coding=way.coding, input=asked["input"],
        seed=asked["seed"], descent={} if digits else {"epochs": MNIST_EPOCHS},
        **({"validation": HELD} if digits else {}),
    )  # fmt: skip


def others(trainer: Trainer, way: Way) -> dict[str, float]:
    """Errors of the trained network, shown the samples that were set aside in other ways."""
    config, held = trainer.config, trainer.validation_indices
    streamed = config
    if way.on_stream:
        learning = replace(config.learning, states=way.on_stream)
        streamed = config.model_copy(update={"learning": learning})
    asked: dict[str, Any] = {"stream": (streamed, {})} if way.on_stream else {}
    if config.coding.sends_bits and config.coding.adaptive is None:
        asked["integers"] = (streamed, {"fixed": FixedPoint()})
    found = {}
    for name, (one, how) in asked.items():
        classifier = Classifier(one, trainer.network, 1, **how)
        told = classifier.classify(trainer.dataset.train_x[held], trainer.dataset.train_y[held])
        found[name] = told.error
    return found


def train(asked: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """One training, and what came of it."""
    began = time.process_time()
    trainer = make_trainer(config_of(asked), dataset, 1)
    last = None
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        last = trainer.end_epoch()
    assert last is not None
    held = trainer.validate()
    seconds = time.process_time() - began
    return {
        **asked,
        "label": WAYS[asked["way"]].label,
        "epochs": trainer.config.descent.epochs,
        "held": held.samples,
        "error": held.error,
        "train_error": last.error,
        "spikes": last.spikes_per_sample,
        "synaptic_events": last.events_per_sample,
        "spikes_classified": held.spikes_per_sample,
        "others": {} if asked["chip"] else others(trainer, WAYS[asked["way"]]),
        "processor_seconds": seconds,
    }


def draw(rows: list[dict[str, Any]]) -> None:
    """Errors of digits by the steps of the free phase, spiking and injected input side by side."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, 3.6), dpi=160, layout="constrained")
    both = drawn.subplots(1, 2, sharey=True)
    colors = ("#7f7f7f", "#17becf", "#ff7f0e", "#2ca02c", "#9467bd", "#d62728", "#8c564b", "black")
    lines = {}
    for axes, given in zip(both, ("spikes", "current"), strict=True):
        for color, (name, way) in zip(colors, WAYS.items(), strict=True):
            steps, means, low, high = [], [], [], []
            for free, _ in sorted(STEPS):
                errors = [
                    one["error"] for one in rows
                    if (one["dataset"], one["chip"]) == ("digits", None)
                    and (one["way"], one["input"], one["free_steps"]) == (name, given, free)
                ]  # fmt: skip
                if errors:
                    steps.append(free)
                    means.append(sum(errors) / len(errors))
                    low.append(means[-1] - min(errors))
                    high.append(max(errors) - means[-1])
            dashed = "--" if way.states == "reset" else "-"
            lines[way.label] = axes.errorbar(
                steps, means, [low, high], color=color, ls=dashed, lw=1.3, marker="o", ms=3,
                capsize=2, elinewidth=0.7,
            )  # fmt: skip
        told = "input as spikes" if given == "spikes" else "input injected as a current"
        axes.set_title(told, fontsize=9, loc="left")
        axes.set_xscale("log")
        axes.set_xticks([free for free, _ in STEPS], [str(free) for free, _ in STEPS])
        axes.set_yscale("log")
        axes.set_ylim(1.5, 30)
        axes.set_yticks([2, 3, 5, 10, 20], ["2", "3", "5", "10", "20"])
        axes.minorticks_off()
        axes.grid(axis="y", color="#e6e6e6", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    drawn.supxlabel("steps that a sample is seen for before it is nudged", fontsize=9)
    both[0].set_ylabel("validation error, %", fontsize=9)
    drawn.legend(lines.values(), lines.keys(), loc="outside upper center", ncols=4, fontsize=7)
    drawn.savefig(PICTURE)


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="the files of MNIST")
    parser.add_argument("--plot", action="store_true")
    options = parser.parse_args()
    command = "python benchmarks/streams.py --data DIR"
    document: dict[str, Any] = {"format": "eqchip-streams 1", "rows": []}
    if FILE.exists():
        document = json.loads(FILE.read_text("utf-8"))
    rows = document["rows"]
    if not options.plot:
        data = {"digits": eq.load("digits")}
        if options.data is not None:
            data["mnist"] = eq.load("mnist", options.data)
        for asked in points("mnist" in data):
            if any(asked.items() <= row.items() for row in rows):
                continue
            rows.append(train(asked, data[asked["dataset"]]))
            document["provenance"] = provenance(command)
            FILE.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
            print(json.dumps(rows[-1]), flush=True)
    draw(rows)


if __name__ == "__main__":
    main()
