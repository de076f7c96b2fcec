"""Learning on chips that are not perfect: without a clock, with faults, with kernels apart.

    python benchmarks/onchip_chips.py clocks|faults|clockless-faults|kernels
        digits|digits-conv|mnist|mnist-conv
        [--data DIR] [--seeds 0,1,2] [--epochs E] [--samples N] [--kinds loss,...]
        [--rates 0.1,...] [--runs DIR]

clocks: over clock spread and delay, plain, and helped by clocks that restart and by averages.
faults: for each kind and rate, trained on the faulty chip, and trained on a sound one and then
brought to it; clockless-faults: the same where clocks differ by 10 %. kernels: of convolutions,
kept by a keeper, in place, and averaged after so many samples. --kinds: of clocks plain or
helped, of faults which. A
seed is that of the training and of the chip. The test set is read at the end of each training, and
nothing is chosen by it. What is in the results is not trained again; --runs keeps a checkpoint
after every epoch, from which an interrupted training goes on. Results, written after every
training: ``benchmarks/results/onchip-clocks-DATASET.json`` and ``onchip-faults-DATASET.json``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from study import LARGER_STEPS

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays, Faults
from eqchip.emulator.description.sharing import SHARINGS
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance

RESULTS = Path(__file__).resolve().parent / "results"
EPOCHS = {"digits": 8, "digits-conv": 8, "mnist": 1, "mnist-conv": 1}
RATES = (0.01, 0.03, 0.1, 0.3)
HELP = ("plain", "helped")
FAULTS = (
    "synapses_at_0", "synapses_frozen", "synapses_at_limit", "stuck_at_0", "stuck_at_1", "loss",
)  # fmt: skip
AVERAGED = 4
EVERY = 500  # samples between two averages, as usual


class Point(NamedTuple):
    """A chip, and how a network comes to it.

    name: by which a result is found; timing: None of one clock without faults; average_steps: of
    the ends of phases; deployed: whether the network was trained on a sound chip; kernels and
    every: as of `OnChip`.
    """

    name: str
    timing: Asynchronous | None = None
    average_steps: int = 1
    deployed: bool = False
    kernels: str = "keeper"
    every: int = EVERY


def of_clocks(kinds: list[str], rates: list[float]) -> list[Point]:
    """Spread and delay, the most telling first."""
    points = [
        ("plain", Point("one clock")),
        ("helped", Point("one clock, averaged", None, AVERAGED)),
    ]
    for spread, delay in ((0.1, 1.0), (0.3, 1.0), (0.1, 4.0), (0.1, 8.0), (0.3, 4.0)):
        for kind in HELP:
            restarted = kind == "helped"
            clocks = Clocks(spread=spread, offset=1.0, jitter=0.1, restarted=restarted)
            name = f"spread {spread:g}, delay {delay:g}" + ", restarted, averaged" * restarted
            timing = Asynchronous(clocks, Delays(delay))
            points.append((kind, Point(name, timing, AVERAGED if restarted else 1)))
    return [point for kind, point in points if kind in kinds]


def of_faults(
    kinds: list[str], rates: list[float], sound: Asynchronous | None = None
) -> list[Point]:
    """Every kind at every rate, trained there and brought there; sound: a chip without faults."""
    found = [Point("sound", sound)]
    for rate in rates:
        for kind in kinds:
            timing = replace(sound or Asynchronous(), faults=Faults(**{kind: rate}))
            found.append(Point(f"{kind} {rate:g}", timing))
            if kind != "synapses_frozen":  # at what they held when a chip began to learn
                found.append(Point(f"{kind} {rate:g}, deployed", timing, deployed=True))
    return found


def first_of(dataset: Dataset, options: argparse.Namespace) -> Dataset:
    """The data set with so many samples to train on, beside those for validation."""
    if options.samples is None:
        return dataset
    kept = options.samples + preset(dataset.name, on_chip={}).validation
    return replace(dataset, train_x=dataset.train_x[:kept], train_y=dataset.train_y[:kept])


def of_clockless_faults(kinds: list[str], rates: list[float]) -> list[Point]:
    """The same where every unit has a clock of its own."""
    clocks = Clocks(spread=0.1, offset=1.0, jitter=0.1)
    return of_faults(kinds, rates, Asynchronous(clocks, Delays(1.0)))


def of_kernels(kinds: list[str], rates: list[float]) -> list[Point]:
    """What is done about the places of a kernel."""
    found = [Point(kind, kernels=kind) for kind in kinds]
    often = Point("averaged after 50 samples", kernels="averaged", every=50)
    return [*found, often] if "averaged" in kinds else found


STUDIES = {
    "kernels": (of_kernels, tuple(SHARINGS)),
    "clocks": (of_clocks, HELP),
    "faults": (of_faults, FAULTS),
    "clockless-faults": (of_clockless_faults, FAULTS),
}


class Study:
    """The trainings of one data set."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.name, _, self.network = options.dataset.partition("-")
        self.dataset = first_of(load(self.name, options.data), options)
        self.epochs = options.epochs or EPOCHS[options.dataset]
        self.sound: dict[int, dict[str, Any]] = {}  # by seed, what a sound chip has learned

    def trainer(self, point: Point, seed: int) -> OnChipTrainer:
        """A trainer on the chip of a point."""
        timing = None if point.timing is None else replace(point.timing, seed=seed)
        config = preset(
            self.name, self.network or None, timing=timing, seed=seed,
            on_chip={"kernels": point.kernels, "every": point.every},
            learning={"average_steps": point.average_steps, "skip_right": 0.0},
            descent={"epochs": self.epochs}, coding={} if self.network else LARGER_STEPS,
        )  # fmt: skip
        return OnChipTrainer(config, self.dataset, 1)

    def run(self, point: Point, seed: int) -> dict[str, Any]:
        """What is reached there."""
        trainer = self.trainer(point, seed)
        curve: list[float] = []
        if point.deployed:
            trainer.restore(self.trained_sound(seed))
        else:
            curve = self.train(trainer, point, seed)
        return {
            "validation_error": trainer.validate().error,
            "test_error": trainer.test().error,
            "validation_by_epoch": curve,
        }

    def trained_sound(self, seed: int) -> dict[str, Any]:
        """The state of a training on a chip without faults."""
        if seed not in self.sound:
            point = STUDIES[self.options.study][0]([], [])[0]
            trainer = self.trainer(point, seed)
            self.train(trainer, point, seed)
            self.sound[seed] = {n: np.array(a) for n, a in trainer.state().items()}
        return self.sound[seed]

    def train(self, trainer: OnChipTrainer, point: Point, seed: int) -> list[float]:
        """Train all epochs, from the last checkpoint on; the validation error after each."""
        kept, curve = self._kept(point, seed), list[float]()
        if kept is not None and kept.exists():
            with np.load(kept) as found:
                curve = found["curve"].tolist()
                trainer.restore({name: found[name] for name in found if name != "curve"})
        while not trainer.done:
            for _ in trainer.train_epoch():
                pass
            trainer.end_epoch()
            curve.append(trainer.validate().error)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                part = kept.with_suffix(".part.npz")
                np.savez(part, curve=np.array(curve), **trainer.state())
                part.replace(kept)
        return curve

    def _kept(self, point: Point, seed: int) -> Path | None:
        if self.options.runs is None:
            return None
        name = f"{self.options.study}-{self.options.dataset}-{point.name}-s{seed}-{self.epochs}"
        name += f"-{self.options.samples}" * (self.options.samples is not None)
        return Path(self.options.runs) / (name.replace(", ", "-").replace(" ", "-") + ".npz")


def main() -> int:
    """Train what is not trained yet."""
    parser = argparse.ArgumentParser(description="Learning on chips that are not perfect.")
    parser.add_argument("study", choices=tuple(STUDIES))
    parser.add_argument("dataset", choices=tuple(EPOCHS))
    parser.add_argument("--data", help="directory of the IDX files")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int, help="to train on, by default all")
    parser.add_argument("--kinds", help="by default all")
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="of faults")
    parser.add_argument("--runs", help="directory of checkpoints")
    options = parser.parse_args()
    study, (points_of, kinds) = Study(options), STUDIES[options.study]
    chosen = options.kinds.split(",") if options.kinds else list(kinds)
    if not set(chosen) <= set(kinds):
        raise SystemExit(f"--kinds is {options.kinds!r}; expected some of {', '.join(kinds)}")
    path = RESULTS / f"onchip-{options.study}-{options.dataset}.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    points: dict[str, Any] = found.get("points", {})
    size = {"epochs": study.epochs, "samples": options.samples}
    before = {"epochs": found.get("epochs", study.epochs), "samples": found.get("samples")}
    if found and before != size:
        raise SystemExit(f"{path} is of {before}; expected --epochs and --samples alike")
    for seed in map(int, options.seeds.split(",")):
        for point in points_of(chosen, list(map(float, options.rates.split(",")))):
            row = points.setdefault(
                point.name,
                {
                    "timing": None if point.timing is None else asdict(point.timing),
                    "average_steps": point.average_steps,
                    "deployed": point.deployed,
                    "seeds": {},
                },
            )
            if str(seed) in row["seeds"]:
                continue
            row["seeds"][str(seed)] = study.run(point, seed)
            print(point.name, seed, row["seeds"][str(seed)], flush=True)
            flags = " --data DIR" * bool(options.data)
            flags += f" --samples {options.samples}" * (options.samples is not None)
            document = {
                "format": "eqchip-onchip-chips 1",
                **size,
                "points": points,
                "provenance": provenance(
                    f"python benchmarks/onchip_chips.py {options.study} {options.dataset}{flags}"
                ),
            }
            path.write_text(json.dumps(document, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
