"""How long training on the chip takes beside training in floating point.

    python benchmarks/onchip_speed.py --data DIR [--samples 5000] [--rounds 5] [--threads 1]

Both train 784-500-10 on the first training samples of MNIST with the presets' settings: the
chip's after every sample, in its integers, on one thread (the next sample needs the weights of
the one before); float32 in minibatches, on as many threads as given. A third setting trains in
float32 with the chip's steps, so that only the arithmetic and the way of learning differ. They
take turns, round by round; the result holds the seconds of all and the medians of the ratios.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance
from eqchip.emulator.training.trainers import make_trainer

RESULT = Path(__file__).resolve().parent / "results" / "onchip-speed.json"


def settings() -> dict[str, Config]:
    """What is trained, by name."""
    chip = preset("mnist", on_chip={}, descent={"epochs": 1})
    steps = {
        "free_steps": chip.learning.free_steps,
        "nudged_steps": chip.learning.nudged_steps,
    }
    return {
        "chip": chip,
        "float": preset("mnist", descent={"epochs": 1}),
        "float, the chip's steps": preset("mnist", learning=steps, descent={"epochs": 1}),
    }


def seconds_of(config: Config, dataset: Dataset, threads: int) -> float:
    """The seconds of an epoch without what comes before it."""
    trainer = make_trainer(config, dataset, threads)
    began = time.perf_counter()
    for _ in trainer.train_epoch():
        pass
    return time.perf_counter() - began


def main() -> int:
    """Measure, and store the result."""
    parser = argparse.ArgumentParser(description="Time training on the chip beside float32.")
    parser.add_argument("--data", required=True, help="directory of the IDX files")
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    whole = load("mnist", options.data)
    held = 5000  # the presets' validation samples are drawn from what is given
    dataset = replace(
        whole,
        train_x=whole.train_x[: options.samples + held],
        train_y=whole.train_y[: options.samples + held],
    )
    configs = settings()
    few = replace(
        dataset, train_x=dataset.train_x[: held + 40], train_y=dataset.train_y[: held + 40]
    )
    for config in configs.values():
        seconds_of(config, few, options.threads)  # compiles
    rounds = [
        {name: seconds_of(config, dataset, options.threads) for name, config in configs.items()}
        for _ in range(options.rounds)
    ]
    found = {
        **provenance(
            "python benchmarks/onchip_speed.py --data DIR"
            f" --samples {options.samples} --rounds {options.rounds} --threads {options.threads}"
        ),
        "samples": options.samples,
        "threads": options.threads,
        "seconds": rounds,
        "chip_over": {
            name: median(one["chip"] / one[name] for one in rounds)
            for name in configs
            if name != "chip"
        },
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["chip_over"]))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
