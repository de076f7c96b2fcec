"""Step sizes where a nudge is strong: in networks of several hidden layers, and on the chip.

    python benchmarks/step_sizes.py [--data DIR] [--runs DIR]

Trains networks with the settings of their data sets' presets but for the step size, some times with
each, and keeps the error on samples that were set aside: of digits 350, of data of one's own a
quarter of what is trained on, of MNIST and FashionMNIST the preset's 5,000, after two epochs of
15,000 samples. No test set is read. A training that is finished is kept in ``--runs``; called
again, the program goes on with the rest.

Results: ``benchmarks/results/step-sizes.json``.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import study
from own_data import data_sets, split

import eqchip as eq
from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.training.trainers import make_trainer
from eqchip.settings import configuration

FILE = Path(__file__).parent / "results" / "step-sizes.json"
STEP_SIZES = (0.4, 0.5, 0.6, 0.7, 0.8)
FEW = 20_000  # of the large sets, the preset's 5,000 validation samples among them
CHIP = "loihi1-davies"
DIGITS = {"epochs": 10, "validation": 350}
LARGE = {"epochs": 2}
SIGHTS = ({"sees": "signed-spikes"}, {"sees": "loihi-engine", "copies": "periodic"})


class Case(NamedTuple):
    """A network, the data that it learns, where, how, and how many times."""

    data: str
    network: str | None
    chip: str | None
    settings: dict[str, Any]
    seeds: int


CASES = (
    Case("digits", "64-100-50-10", None, DIGITS, 5),
    Case("digits", "64-64-64-64-64-10", None, DIGITS, 5),
    Case("digits", "64-100-50-10", CHIP, DIGITS, 5),
    Case("digits", "64-100-10", CHIP, DIGITS, 5),
    *(Case("digits", "64-100-10", CHIP, {**DIGITS, **sees}, 3) for sees in SIGHTS),
    Case("moving-digits", "512-100-50-10", None, {"epochs": 5, "validation": 350}, 3),
    *(Case(name, None, CHIP, {}, 3) for name in ("wine", "breast_cancer", "5 classes", "moons")),
    *(Case(name, "40-40", None, {}, 3) for name in ("breast_cancer", "5 classes", "moons")),
)  # fmt: skip
ON_LARGE = (
    Case("mnist", "784-500-10", CHIP, LARGE, 3),
    Case("fashion-mnist", "784-500-10", CHIP, LARGE, 2),
    *(Case("mnist", "784-500-10", CHIP, {**LARGE, **sees}, 1) for sees in SIGHTS),
)


@cache
def own_data() -> dict[str, eq.Dataset]:
    """Drawn data and such that ship with scikit-learn; a quarter of what is trained on judges."""
    found = {}
    for name, x, y in data_sets():
        kept, _ = split(x, y, 0.2, 0)  # what is kept for the test stays unseen
        x, y = x[kept], y[kept]
        kept, asked = split(x, y, 0.25, 1)
        found[name] = eq.Dataset.from_arrays(
            x[kept], y[kept], x_test=x[asked], y_test=y[asked], name=name
        )
    return found


def train(case: Case, step_size: float, seed: int, folder: Path | None) -> dict[str, Any]:
    """Train to the end, without the test set; what came of it."""
    settings = {**case.settings, "seed": seed, "step_size": Polynomial(step_size)}
    own, network = own_data().get(case.data), case.network
    if own is not None:
        data, settings["validation"] = own, 0
        ends = data.train_x.shape[1], data.classes
        network = network and f"{ends[0]}-{network}-{ends[1]}"
    else:
        data = eq.load(case.data, folder if case in ON_LARGE else None)
    if case in ON_LARGE:
        data = replace(data, train_x=data.train_x[:FEW], train_y=data.train_y[:FEW])
    config = configuration(own or case.data, network=network, on_chip=case.chip, settings=settings)
    trainer = make_trainer(config, data, 1)
    began = time.process_time()
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    judged = trainer.validate() if own is None else trainer.test()
    return {
        **case._asdict(),
        "network": config.written,
        "readout": config.learning.readout,
        "beta": config.learning.beta,
        "step_size": step_size,
        "seed": seed,
        "error": judged.error,
        "processor_seconds": time.process_time() - began,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Step sizes under a strong nudge.")
    parser.add_argument("--data", type=Path, help="directory of the IDX files")
    parser.add_argument("--runs", type=Path, default=Path("runs/step-sizes"))
    options = parser.parse_args()
    points = []
    for case in (*CASES, *ON_LARGE) if options.data else CASES:
        for seed in range(case.seeds):
            for step_size in STEP_SIZES:
                asked = [*case[:-1], step_size, seed]
                find = partial(train, case, step_size, seed, options.data)
                points.append(study.once(options.runs, asked, find))
                print(points[-1], flush=True)
    command = "python benchmarks/step_sizes.py" + " --data DIR" * bool(options.data)
    study.write(FILE, "step sizes", command, points)
    return 0


if __name__ == "__main__":
    sys.exit(main())
