"""Train the studies whose results docs/results.md quotes, and store what they reached.

    python benchmarks/accuracy.py --data DIR [STUDY ...] [--seeds 0,1,2] [--threads N] [--runs DIR]

Each study is one `eqchip train` command, run once per seed; its result goes to
``benchmarks/results/STUDY.json``. Interrupted runs go on where they were, finished ones
are not run again. The points of the frontier do not read the test set: their error is
that of the validation samples (`eqchip evaluate --split validation`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config
from eqchip.emulator.training.runs import RunDirectory, provenance

RESULTS = Path(__file__).resolve().parent / "results"

# Study -> arguments of `eqchip train`. The first has no flag but the data set: these are
# the settings that the command uses by itself.
REAL_VALUED = (
    "--quantizer", "none", "--free-steps", "20", "--nudged-steps", "8",
)  # fmt: skip
REAL_CONV = ("--quantizer", "none")
# Average pooling, all of it in the dynamics, feedback by the exact transpose: what the backends can
# run as well.
POOLED = (
    "--readout", "squared-error", "--feedback-shifts", "0", "--initial-gain", "0.7,0.7,0.5",
    "--lr", "1e-3,4e-4,1e-3", "--beta", "0.25",
    "--minibatch", "10", "--weight-decay", "0.1", "--warm-up", "0.02", "--epochs", "10",
    "--shift", "1", "--rotate", "0", "--zoom", "0", "--skip-right", "0",
)  # fmt: skip
WEAKER = (*POOLED[:2], "--feedback-shifts", "0,4,4", *POOLED[4:])
# What the preset for convolutions on MNIST was before.
NOT_TURNED = ("--rotate", "0", "--zoom", "0")
FORMER_MNIST = ("--epochs", "12", *NOT_TURNED, "--skip-right", "0")
# Half the events of the preset for FashionMNIST, and half as many epochs again.
TWELVE_STEPS = (
    "--free-steps", "12", "--nudged-steps", "5", "--skip-right", "0.02",
)  # fmt: skip
# Half as many epochs again, in which samples that are right are not nudged; and feedback of the
# hidden layer as on MNIST.
LONGER = ("--epochs", "36", "--skip-right", "0.02")
AN_EIGHTH = ("--feedback-shifts", "0,8,3,0")
# What the preset for CIFAR-10 was before, and before that.
LESS_MOVED = ("--shift", "2")
FORMER_COLOUR = (
    *LESS_MOVED, "--feedback-shifts", "0,8,4,0", "--nudged-steps", "4", "--average-steps", "3",
    "--lr", "1e-3,1e-3,1e-3,7e-4",
)  # fmt: skip
# What the preset for dense layers on the chip had before; those beside it were trained with it.
LARGER_STEPS = ("--step-size", "0.8")
ON_LOIHI_2 = ("--on-chip", "loihi2")
ACCUMULATORS = ("--accumulator-bits", "8")
POOLED_STEPS = ("--free-steps", "24", "--nudged-steps", "10")
MNIST_CONV = ("--dataset", "mnist", "--network", "conv")
FASHION_CONV = ("--dataset", "fashion-mnist", "--network", "conv")
ONLINE = ("--dataset", "mnist", "--on-chip", "loihi1-davies")
COLOUR = ("--dataset", "cifar-10", "--network", "conv")
POOLED_NETWORK = ("--network", "28x28-32c5p2-64c5p2-10")
STUDIES: dict[str, tuple[str, ...]] = {
    "mnist-500": ("--dataset", "mnist", "--layers", "784-500-10"),
    "mnist-500-real-valued": ("--dataset", "mnist", "--layers", "784-500-10", *REAL_VALUED),
    "mnist-wide": ("--dataset", "mnist", "--layers", "784-1000-10", "--input", "current"),
    "mnist-wide-long": (
        "--dataset",
        "mnist",
        "--layers",
        "784-1000-10",
        "--input",
        "current",
        "--epochs",
        "20",
    ),
    "mnist-conv": MNIST_CONV,
    "mnist-conv-12-epochs": (*MNIST_CONV, *FORMER_MNIST),
    "mnist-conv-12-steps": (*MNIST_CONV, *NOT_TURNED, *TWELVE_STEPS, "--epochs", "20"),
    "mnist-conv-pooled": ("--dataset", "mnist", *POOLED_NETWORK, *POOLED, *POOLED_STEPS),
    "mnist-conv-pooled-real-valued": (
        "--dataset",
        "mnist",
        *POOLED_NETWORK,
        *POOLED,
        *REAL_VALUED,
    ),
    "mnist-conv-pooled-real-valued-weak-feedback": (
        "--dataset",
        "mnist",
        *POOLED_NETWORK,
        *WEAKER,
        *REAL_VALUED,
    ),
    "mnist-conv-real-valued": (*MNIST_CONV, *FORMER_MNIST, *REAL_CONV),
    "fashion-mnist-conv": FASHION_CONV,
    "fashion-mnist-conv-36-epochs": (*FASHION_CONV, *LONGER),
    "fashion-mnist-conv-36-epochs-eighth": (*FASHION_CONV, *LONGER, *AN_EIGHTH),
    "fashion-mnist-conv-12-steps": (
        *FASHION_CONV,
        *AN_EIGHTH,
        *TWELVE_STEPS,
        "--epochs",
        "36",
    ),
    "fashion-mnist-conv-real-valued": (*FASHION_CONV, *REAL_CONV),
    "cifar-10-conv": COLOUR,
    "cifar-10-conv-24-epochs": (*COLOUR, *LESS_MOVED, "--epochs", "24"),
    "cifar-10-conv-4-steps": (*COLOUR, *FORMER_COLOUR, "--epochs", "24"),
    "cifar-10-conv-small": (
        "--dataset",
        "cifar-10",
        "--network",
        "32x32x6-16c6s2z2-64c4s2z1-128c4s2z1-10",
        *FORMER_COLOUR,
        "--epochs",
        "12",
    ),
    "mnist-on-chip": ONLINE,
    "mnist-on-chip-larger-steps": (*ONLINE, *LARGER_STEPS),
    "mnist-on-chip-periodic": (*ONLINE, "--copies", "periodic", *LARGER_STEPS),
    "mnist-on-chip-independent": (*ONLINE, "--copies", "independent", *LARGER_STEPS),
    "mnist-on-chip-change-7": (*ONLINE, "--change-bits", "7", *LARGER_STEPS),
    "mnist-on-chip-signed-spikes": (*ONLINE, "--sees", "signed-spikes", *LARGER_STEPS),
    "mnist-on-chip-loihi-engine": (
        *ONLINE,
        "--sees",
        "loihi-engine",
        "--copies",
        "periodic",
        *LARGER_STEPS,
    ),
    "mnist-on-chip-conv": (*MNIST_CONV, *ON_LOIHI_2),
    "mnist-on-chip-conv-accumulators": (*MNIST_CONV, *ON_LOIHI_2, *ACCUMULATORS),
    "fashion-mnist-on-chip-conv": (*FASHION_CONV, *ON_LOIHI_2),
    "fashion-mnist-on-chip-conv-accumulators": (*FASHION_CONV, *ON_LOIHI_2, *ACCUMULATORS),
    "mnist-on-chip-deep": (
        "--dataset",
        "mnist",
        "--layers",
        "784-500-500-10",
        "--on-chip",
        "loihi1-davies",
    ),
}
# Convolutions on MNIST with less of something, one seed each.
CONV_FRONTIER: dict[str, tuple[str, ...]] = {
    "mnist-conv-half": ("--network", "28x28-12c6s2z2-40c4s2z1-64-10", *FORMER_MNIST),
    "mnist-conv-quarter": ("--network", "28x28-6c6s2z2-20c4s2z1-32-10", *FORMER_MNIST),
    "mnist-conv-short": (
        "--network",
        "conv",
        *FORMER_MNIST,
        "--free-steps",
        "12",
        "--nudged-steps",
        "5",
    ),
    "mnist-conv-pooled-16": ("--network", "28x28-16c5p2-32c5p2-10", *POOLED, *POOLED_STEPS),
    "mnist-conv-pooled-8": ("--network", "28x28-8c5p2-16c5p2-10", *POOLED, *POOLED_STEPS),
}
# How the input is clamped, and the steps of the free phase and of each nudged phase; all else is
# the preset's.
FRONTIER = (
    *(("spikes", steps) for steps in ((10, 5), (20, 10), (30, 15), (50, 20))),
    *(("current", steps) for steps in ((10, 5), (30, 15))),
)
FRONTIER_EPOCHS = 3
FRONTIERS = ("frontier", "conv-frontier")


def main() -> int:
    """Run the studies that are asked for."""
    parser = argparse.ArgumentParser(description="Train the studies that docs/results.md quotes.")
    parser.add_argument("study", nargs="*", help=f"of {', '.join([*STUDIES, *FRONTIERS])}")
    parser.add_argument("--data", required=True, help="directory of the data sets' files")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--runs", default="runs", type=Path)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    for study in options.study or [*STUDIES, *FRONTIERS]:
        if study == "frontier":
            results: Any = [_frontier_point(options, steps, mode) for mode, steps in FRONTIER]
        elif study == "conv-frontier":
            results = [
                _study(options, name, ("--dataset", "mnist", *arguments), [0])
                for name, arguments in CONV_FRONTIER.items()
            ]
        else:
            results = _study(options, study, STUDIES[study], seeds)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{study}.json").write_text(json.dumps(results, indent=1) + "\n")
    return 0


def _study(
    options: argparse.Namespace, name: str, arguments: tuple[str, ...], seeds: list[int]
) -> dict[str, Any]:
    found = [_train(options, options.runs / f"{name}-s{seed}", (*arguments, "--seed", str(seed)))
             for seed in seeds]  # fmt: skip
    config = RunDirectory(options.runs / f"{name}-s{seeds[0]}").config
    command = f"eqchip train {' '.join(arguments)} --data DIR --seed SEED"
    return {**_facts(name, config, command), "seeds": seeds, **_together(found)}


def _train(options: argparse.Namespace, path: Path, arguments: tuple[str, ...]) -> dict[str, Any]:
    """One run of the command line, from the start or from its last checkpoint."""
    start = ("--resume", str(path)) if path.exists() else (*arguments, "--out", str(path))
    command = ["eqchip", "train", *start, "--data", options.data, "--threads", options.threads]
    print(" ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _frontier_point(
    options: argparse.Namespace, steps: tuple[int, int], mode: str
) -> dict[str, Any]:
    from eqchip.emulator.training.presets import preset
    from eqchip.emulator.training.trainer import Trainer

    config = preset(
        "mnist",
        input=mode,
        learning={"free_steps": steps[0], "nudged_steps": steps[1]},
        descent={"epochs": FRONTIER_EPOCHS},
    )
    path = options.runs / f"frontier-{mode}-{steps[0]}-{steps[1]}"
    run = RunDirectory(path) if path.exists() else RunDirectory.create(path, config)
    trainer = Trainer(config, load("mnist", options.data), int(options.threads))
    print(f"frontier: {mode} input, {steps[0]} + 2 x {steps[1]} steps", file=sys.stderr, flush=True)
    checkpoint, seconds = run.load_checkpoint(trainer.state()), 0.0
    if checkpoint is not None:
        state, seconds = checkpoint
        trainer.restore(state)
    while not trainer.done:
        began = time.perf_counter()
        for _ in trainer.train_epoch():
            pass
        tally = trainer.end_epoch()
        took = time.perf_counter() - began
        seconds += took
        run.save_activity(tally.activity)
        run.append_metrics(
            {
                "epoch": trainer.epoch,
                "train_error": tally.error,
                "validation_error": trainer.validate().error,
                "samples": tally.samples,
                "spikes_per_sample": tally.spikes_per_sample,
                "synaptic_events_per_sample": tally.events_per_sample,
                "macs_per_sample": tally.macs_per_sample,
                "samples_per_second": tally.samples / took,
                "seconds": seconds,
            }
        )
        run.save_checkpoint(trainer.state(), seconds)
    last = run.metrics()[-1]
    return {
        **_facts(
            f"{mode} {steps[0]}+2x{steps[1]}",
            config,
            "python benchmarks/accuracy.py frontier --data DIR",
        ),
        "seeds": [0],
        "validation_error": [last["validation_error"]],
        "train_error": [last["train_error"]],
        "events_per_sample": [last["synaptic_events_per_sample"] + last["macs_per_sample"]],
    }


def _facts(name: str, config: Config, command: str) -> dict[str, Any]:
    learning, coding = config.learning, config.coding
    nudged = [learning.nudged_steps] * (2 if learning.rule == "symmetric" else 1)
    return {
        "kind": "training",
        "name": name,
        "network": config.written,
        "coding": f"{coding.quantizer}, input as {config.input}",
        "steps": {"free": learning.free_steps, "nudged": nudged},
        "epochs": config.descent.epochs,
        "command": command,
        "settings": config.model_dump(mode="json"),
        "versions": provenance(command),
    }


# What learning on a chip counted in every epoch, a sample.
LEARNED = ("weights_attempted", "weights_applied", "change_spikes")


def _together(found: list[dict[str, Any]]) -> dict[str, Any]:
    epochs = [
        [row for row in RunDirectory(Path(run["run"])).metrics() if "train_error" in row]
        for run in found
    ]
    learned = {
        f"{name}_curves": [[row[f"{name}_per_sample"] for row in rows] for rows in epochs]
        for name in LEARNED
        if f"{name}_per_sample" in epochs[0][0]
    }
    return {
        **learned,
        "test_error": [run["test_error"] for run in found],
        "validation_error": [run["validation_error"] for run in found],
        "train_error": [run["train_error"] for run in found],
        "events_per_sample": [
            run["train_synaptic_events_per_sample"] + run["train_macs_per_sample"] for run in found
        ],
        "test_events_per_sample": [
            run["test_synaptic_events_per_sample"] + run["test_macs_per_sample"] for run in found
        ],
        "wall_seconds": [run["seconds"] for run in found],
        "train_spikes_per_sample": [run["train_spikes_per_sample"] for run in found],
        "test_spikes_per_sample": [run["test_spikes_per_sample"] for run in found],
        "validation_curves": [[row["validation_error"] for row in rows] for rows in epochs],
    }


if __name__ == "__main__":
    sys.exit(main())
