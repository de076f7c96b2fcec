"""Schedules of beta, over a training and within a nudged phase: beside a constant.

    python benchmarks/beta_schedules.py --data DIR [--seeds 0,1,2] [--runs DIR]

Trains a dense and a convolutional network on the first 15,000 training samples of MNIST with each
schedule, those that one seed tells apart once for every seed, and keeps the error on the preset's
5,000 validation samples. The test set is not read. Over a training, beta goes geometrically from
the first to the last. Within a nudged phase it is strong for half of the steps and what is said for
the rest, whose end is learned from: a rule of this script's own. A training that is finished is
kept in ``--runs``; called again, the program goes on with the rest.

Results: ``benchmarks/results/beta-schedules.json``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import study

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.description.rules import RULES, Symmetric
from eqchip.emulator.training.trainer import Trainer
from eqchip.settings import configuration

FILE = Path(__file__).parent / "results" / "beta-schedules.json"
FEW = 20_000  # the preset's 5,000 validation samples among them
NETWORKS: dict[str, dict[str, Any]] = {
    "784-500-10": {"epochs": 4},
    "28x28-6c6s2z2-20c4s2z1-32-10": {"epochs": 3, **study.MOVED_ALONE},
}
_, CONVOLUTIONS = NETWORKS
READ_OUT = (CONVOLUTIONS,)  # of which a phase that nudges begins where a free one ends


class StrongFirst(Symmetric):
    """As symmetric, the first half of each nudged phase under TIMES the beta."""

    name = "strong-first"
    times = 4.0

    def phases(
        self, free_steps: int, nudged_steps: int, target: Any, beta: float, split_stream: bool
    ) -> list[Phase]:
        found: list[Phase] = [Free(free_steps)]
        strong = nudged_steps // 2
        for sign in (1, -1):
            nudge = sign * beta
            found.append(Nudged(strong, target, self.times * nudge, from_free=True))
            found.append(Nudged(nudged_steps - strong, target, nudge))
        return found


class Case(NamedTuple):
    """Beta at the beginning and at the end of a training, and the rule."""

    first: float
    last: float
    rule: str = "symmetric"


CASES = (
    Case(0.5, 0.5), Case(0.25, 0.25), Case(1.0, 1.0),
    Case(1.0, 0.25), Case(0.25, 1.0), Case(0.5, 0.5, "strong-first"),
)  # fmt: skip
# What one seed told apart, and is trained with all of them.
AGAIN = {(CONVOLUTIONS, case) for case in CASES if case in (Case(0.5, 0.5), Case(1.0, 0.25))}


class Annealed(Trainer):
    """A trainer whose beta follows a case."""

    case: Case

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        done = (self.epoch + self.position / self.minibatches) / self.config.descent.epochs
        beta = self.case.first * (self.case.last / self.case.first) ** done
        learning = replace(self.config.learning, beta=beta)
        self.config = self.config.model_copy(update={"learning": learning})
        self._phases = {one: tuple(learning.phases(self.targets[:1], one)) for one in (1, -1)}
        super()._train_minibatch(indices, sign, rates, seed)


def train(network: str, case: Case, seed: int, dataset: Dataset) -> dict[str, Any]:
    """Train to the end, without the test set; what came of it."""
    settings = {**NETWORKS[network], "seed": seed, "beta": case.first, "rule": case.rule}
    trainer = Annealed(configuration("mnist", network=network, settings=settings), dataset, 1)
    trainer.case = case
    errors = []
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        tally = trainer.end_epoch()
        errors.append(trainer.validate().error)
    return {
        "network": network,
        **case._asdict(),
        "seed": seed,
        "validation_errors": errors,
        "train_error": tally.error,
        "synaptic_events": tally.events_per_sample + tally.macs_per_sample,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Schedules of beta.")
    parser.add_argument("--data", type=Path, required=True, help="directory of MNIST's files")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--runs", type=Path, default=Path("runs/beta"))
    options = parser.parse_args()
    RULES[StrongFirst.name] = StrongFirst()
    dataset = load("mnist", options.data)
    dataset = replace(dataset, train_x=dataset.train_x[:FEW], train_y=dataset.train_y[:FEW])
    points = []
    for seed in (int(word) for word in options.seeds.split(",")):
        for network in NETWORKS:
            for case in CASES:
                if case.rule != "symmetric" and network in READ_OUT:
                    continue
                if seed and (network, case) not in AGAIN:
                    continue
                asked = [network, NETWORKS[network], *case, seed]
                find = partial(train, network, case, seed, dataset)
                points.append(study.once(options.runs, asked, find))
                print(points[-1], flush=True)
    command = f"python benchmarks/beta_schedules.py --data DIR --seeds {options.seeds}"
    study.write(FILE, "beta schedules", command, points)
    return 0


if __name__ == "__main__":
    sys.exit(main())
