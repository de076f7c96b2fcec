"""What it costs a chip to keep the places of a kernel alike: a keeper, or means now and then.

    python benchmarks/kernels_cost.py --data DIR [--samples 10000] [--runs DIR]

The network that learns MNIST on the chip with convolutions learns from the first so many training
samples, every one nudged, one epoch; the preset's validation samples are classified then, and a
sample of its training is priced on CHIP. The test set is not read.

A training that is finished is kept in ``--runs``; called again, the program goes on with the rest.
Results: ``benchmarks/results/onchip-kernels-cost.json``.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import study

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.fit import end_epoch
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainers import make_trainer
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import costs
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.settings import configuration

FILE = Path(__file__).parent / "results" / "onchip-kernels-cost.json"
CHIP, PRICED_SAMPLES = "loihi2", 20
CASES: dict[str, dict[str, Any]] = {
    "keeper": {},
    "averaged after 500 samples": {"kernels": "averaged", "every": 500},
    "averaged after 50 samples": {"kernels": "averaged", "every": 50},
}


def learned(case: str, dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Train one of the cases, and price a sample."""
    given = {"skip_right": 0.0, "epochs": 1, **CASES[case]}
    config = configuration("mnist", network="conv", on_chip=CHIP, settings=given)
    shutil.rmtree(folder, ignore_errors=True)
    run = RunDirectory.create(folder, config, "python benchmarks/kernels_cost.py")
    trainer = make_trainer(config, dataset, 1)
    for _ in trainer.train_epoch():
        pass
    tally, row = end_epoch(trainer, trainer.validate(), 0.0, 0.0)
    run.append_metrics(row)
    run.save_network(trainer.network, trainer.mirror())
    run.save_activity(tally.activity)
    shown = replay(run, load_chip(CHIP), dataset, samples=PRICED_SAMPLES, threads=1)
    accounts = account(shown)
    cost = costs(shown, accounts, epochs_of(run).trained).training
    return {
        "kernels": case,
        "validation_error": row["validation_error"],
        "weights_attempted": row["weights_attempted_per_sample"],
        "of_kernels": accounts.learned.kernels,
        "messages": accounts.learned.messages,
        "cores": int(shown.mapped.cores),
        "energy": cost.energy.to_dict(),
        "time": cost.seconds.to_dict(),
    }


def main() -> None:
    """Train what is missing, and store all that was found."""
    parser = argparse.ArgumentParser(description="What the places of a kernel cost to keep alike.")
    parser.add_argument("--data", required=True, help="directory of the IDX files")
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--runs", type=Path, default=Path("runs/kernels-cost"))
    options = parser.parse_args()
    whole = load("mnist", options.data)
    config = configuration("mnist", network="conv", on_chip=CHIP, settings={})
    kept = options.samples + config.validation
    dataset = replace(whole, train_x=whole.train_x[:kept], train_y=whole.train_y[:kept])
    points = []
    for case in CASES:
        folder = options.runs / case.replace(" ", "-")
        asked = [case, options.samples]
        points.append(
            study.once(options.runs, asked, lambda c=case, f=folder: learned(c, dataset, f))
        )
        print(case, f"{points[-1]['validation_error']:.2f} %", flush=True)
    study.write(
        FILE, "onchip-kernels-cost",
        f"python benchmarks/kernels_cost.py --data DIR --samples {options.samples}", points,
        network=config.written, chip=CHIP, samples=options.samples,
    )  # fmt: skip


if __name__ == "__main__":
    main()
