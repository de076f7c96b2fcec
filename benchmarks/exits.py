"""What classifications err and cost when a sample ends as soon as an output leads.

    python benchmarks/exits.py --data DIR [--name NAME] [--leads 0.5,1,2] [--test 1] RUN [RUN ...]

RUN are directories of training runs that differ in their seed alone. Their validation
samples are classified in as many steps as in training, in a chip's integers, in fewer steps, and
with every lead (`eqchip evaluate --sure LEAD`); the test set is read for all steps, in integers as
well, and for the lead of ``--test``, which is chosen by the validation errors. Energy and time of
an inference are modelled, not measured: those of the whole numbers of steps next to the mean,
replayed in the chip's integers. Results: ``benchmarks/results/NAME.json``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from math import ceil, floor
from pathlib import Path
from typing import Any

import eqchip as eq
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.runs import RunDirectory, versions
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import costs
from eqchip.mapping.chip_file.chip import load_chip

RESULTS = Path(__file__).resolve().parent / "results"
CHIPS = ("loihi1-davies", "loihi1-calibrated")
FEWER = (10, 8)  # steps
INTEGERS = ((8, "nearest"), (4, "nearest"), (4, "activity"))  # bits of a weight, rounding
SAMPLES = 50  # that are replayed


def shortened(path: Path, steps: int) -> RunDirectory:
    """A run whose network classifies in another number of steps."""
    run = RunDirectory(path)
    learning = replace(run.config.learning, free_steps=steps)
    run.config = run.config.model_copy(update={"learning": learning})
    return run


def priced(path: Path, steps: int, chip: str, dataset: Dataset) -> dict[str, Any]:
    """Energy and time of an inference of so many steps, and the cores."""
    run = shortened(path, steps)
    shown = replay(run, load_chip(chip), dataset, samples=SAMPLES, threads=1)
    cost = costs(shown, account(shown), epochs_of(run).trained).inference
    assert shown.mapped is not None
    return {"cores": shown.mapped.cores, "energy": cost.energy.to_dict(),
            "time": cost.seconds.to_dict()}  # fmt: skip


def classified(path: Path, data: Path, **asked: Any) -> dict[str, Any]:
    """What one network errs and takes."""
    found = eq.evaluate(path, data=data, threads=1, **asked)
    tally = found.tally
    print(path.name, asked, f"{found.error:.2f} % in {found.steps:.2f} steps", flush=True)
    return {
        "error": found.error, "steps": found.steps, "spikes": tally.spikes_per_sample,
        "events": tally.events_per_sample + tally.macs_per_sample,
    }  # fmt: skip


def point(paths: list[Path], data: Path, tested: bool, **asked: Any) -> dict[str, Any]:
    """One way to end, of all networks."""
    held = [classified(path, data, split="validation", **asked) for path in paths]
    test = [classified(path, data, split="test", **asked) for path in paths] if tested else []
    return {**asked, "validation": held, "test": test}


def numbers(text: str) -> list[float]:
    return [float(word) for word in text.split(",")]


def main() -> None:
    """Classify, price, and store what was found."""
    parser = argparse.ArgumentParser(description="Samples that end as soon as an output leads.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--data", type=Path, required=True, help="directory of the IDX files")
    parser.add_argument("--leads", type=numbers, default=[0.5, 1.0, 2.0])
    parser.add_argument("--test", type=float, help="the lead whose test error is read")
    parser.add_argument("--name", default="exits", help="of the result's file")
    options = parser.parse_args()
    config = RunDirectory(options.runs[0]).config
    dataset, whole = load(config.dataset, options.data), config.learning.free_steps
    points = [point(options.runs, options.data, options.test is not None)]
    points += [point(options.runs, options.data, False, free_steps=few) for few in FEWER]
    points += [
        point(options.runs, options.data, options.test is not None, precision="chip",
              weight_bits=bits, rounding=rounding)
        for bits, rounding in INTEGERS
    ]  # fmt: skip
    points += [
        point(options.runs, options.data, lead == options.test, sure=lead) for lead in options.leads
    ]
    means = [sum(p["steps"] for p in one["validation"]) / len(one["validation"]) for one in points]
    wanted = sorted({whole, *(f(steps) for steps in means for f in (floor, ceil))})
    first = options.runs[0]
    prices = [
        {"chip": chip, "steps": steps, **priced(first, steps, chip, dataset)}
        for chip in CHIPS
        for steps in wanted
    ]
    leads = ",".join(f"{lead:g}" for lead in options.leads)
    test = "" if options.test is None else f" --test {options.test:g}"
    document = {
        "kind": "exits",
        "command": f"python benchmarks/exits.py --data DIR --name {options.name} --leads {leads}"
        f"{test} " + " ".join(f"runs/{path.name}" for path in options.runs),
        "network": config.written,
        "dataset": config.dataset,
        "steps": whole,
        "trained": epochs_of(RunDirectory(options.runs[0])).trained[-1]["epoch"],
        "epochs": config.descent.epochs,
        "seeds": [RunDirectory(path).config.seed for path in options.runs],
        "replayed": SAMPLES,
        "points": points,
        "prices": prices,
        "versions": versions(),
    }
    (RESULTS / f"{options.name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
