"""What training costs on this machine: time, events and memory, for ``eqchip bench training``.

Each measurement is a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eqchip.bench.machine import made_here, plain
from eqchip.bench.setting import BETA, SILENT, Inputs, check_fit, synthetic_dataset
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.trainer import Trainer

FORMAT = "eqchip-bench-training 1"
MNIST_TRAINING_SAMPLES = 60000
MEMORY_STEPS = (50, 500)  # free steps for which the peak memory is compared
MEMORY_SAMPLES = 40
LEARNING_RATE = 0.1

# Without the working directory on the path, where a folder `eqchip` may stand in the way.
_CHILD = (
    "import sys; sys.path = [p for p in sys.path if p]; "
    "from eqchip.bench.training import child; child()"
)


@dataclass(frozen=True)
class CostSetting:
    """One epoch, or the first part of one.

    Attributes
    ----------
    inputs : {"mnist", "synthetic"}
    data_dir : str or None
    layers : tuple of int
    samples : int
        Trained on; the first ones of the training set.
    free_steps, nudged_steps, minibatch, threads, seed : int
    """

    inputs: Inputs
    data_dir: str | None
    layers: tuple[int, ...]
    samples: int
    free_steps: int = 100
    nudged_steps: int = 50
    minibatch: int = 20
    threads: int = 2
    seed: int = 0


@dataclass(frozen=True)
class Cost:
    """What that took.

    Attributes
    ----------
    samples : int
    seconds, cpu_seconds : float
        Wall and processor time, without loading and compiling.
    synaptic_events : int
    peak_bytes, loaded_bytes : int or None
        The largest memory of the process, and what it had held at most when the data
        were loaded and the kernels compiled. None where the system does not say.
    """

    samples: int
    seconds: float
    cpu_seconds: float
    synaptic_events: int
    peak_bytes: int | None
    loaded_bytes: int | None

    def extrapolated(self, samples: int) -> tuple[float, float]:
        """Seconds and synaptic events for so many samples, in proportion."""
        factor = samples / self.samples
        return self.seconds * factor, self.synaptic_events * factor


@dataclass(frozen=True)
class MemoryPoint:
    """The peak memory of training with so many free steps."""

    free_steps: int
    peak_bytes: int | None


def bench_training(setting: CostSetting, progress: Progress = SILENT) -> dict[str, Any]:
    """Measure what training costs.

    Parameters
    ----------
    setting : CostSetting
    progress : Progress

    Returns
    -------
    dict
        A document of format ``eqchip-bench-training 1``.

    Raises
    ------
    InputError
        If a training process fails.
    """
    return {
        "format": FORMAT,
        "kind": "training-cost",
        "inputs": setting.inputs,
        "setting": {k: v for k, v in plain(setting).items() if k not in ("inputs", "data_dir")},
        "training": cost_document(setting, progress),
        **made_here(setting.seed),
    }


def cost_document(setting: CostSetting, progress: Progress = SILENT) -> dict[str, Any]:
    """The cost of an epoch, and peak memory over the number of free steps, as JSON holds them."""
    progress.message(f"training on {setting.samples} samples")
    cost = training_cost(setting)
    progress.message("peak memory by number of steps")
    memory = memory_by_steps(setting)
    seconds, events = cost.extrapolated(MNIST_TRAINING_SAMPLES)
    return {
        **plain(cost),
        "extrapolated": cost.samples < MNIST_TRAINING_SAMPLES,
        "epoch_samples": MNIST_TRAINING_SAMPLES,
        "epoch_seconds": seconds,
        "epoch_events": events,
        "threads": setting.threads,
        "peak_bytes_by_free_steps": plain(memory),
    }


def training_cost(setting: CostSetting) -> Cost:
    """Train for (part of) one epoch in a new process.

    Raises
    ------
    InputError
        If the process fails.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=json.dumps(asdict(setting)),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise InputError(f"bench: the training process failed: {last}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def memory_by_steps(setting: CostSetting) -> list[MemoryPoint]:
    """The peak memory of short trainings that differ in the number of free steps alone."""
    points = []
    for steps in MEMORY_STEPS:
        short = replace(setting, inputs="synthetic", samples=MEMORY_SAMPLES, free_steps=steps)
        points.append(MemoryPoint(steps, training_cost(short).peak_bytes))
    return points


def child() -> None:
    """The process: reads a setting on stdin, trains, prints a cost on stdout."""
    values = json.load(sys.stdin)
    print(json.dumps(asdict(measure(CostSetting(**{**values, "layers": tuple(values["layers"])})))))


def measure(setting: CostSetting) -> Cost:
    """Train for (part of) one epoch in this process.

    Raises
    ------
    InputError
        If the data cannot be had, or do not fit the network.
    """
    dataset = _dataset(setting)
    config = _config(setting)
    few = min(2 * setting.minibatch, setting.samples)
    _train(config, _first(dataset, few), setting.threads)  # compiles
    dataset = _first(dataset, setting.samples)
    loaded = peak_memory()
    start, cpu_start = time.perf_counter(), time.process_time()
    events = _train(config, dataset, setting.threads)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Cost(setting.samples, seconds, cpu_seconds, events, peak_memory(), loaded)


def peak_memory() -> int | None:
    """The largest resident memory of this process so far in bytes; None if unknown.

    Linux keeps in ru_maxrss what the process held before it became this program, so its
    own peak (VmHWM) is read instead.
    """
    try:
        for line in Path("/proc/self/status").read_text("utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _dataset(setting: CostSetting) -> Dataset:
    if setting.inputs == "synthetic":
        n_in, classes = setting.layers[0], setting.layers[-1]
        return synthetic_dataset(setting.samples, n_in, classes, setting.seed)
    dataset = load("mnist", setting.data_dir, progress=False)
    check_fit(dataset, setting.layers)
    if setting.samples > len(dataset.train_x):
        raise InputError(f"samples is {setting.samples}; expected at most {len(dataset.train_x)}")
    return dataset


def _config(setting: CostSetting) -> Config:
    learning = Learning("full", BETA, setting.free_steps, setting.nudged_steps)
    rates = (LEARNING_RATE,) * (len(setting.layers) - 1)
    return make_config(
        dataset=setting.inputs,
        layers=setting.layers,
        seed=setting.seed,
        learning=learning,
        descent={"lr": rates, "minibatch": setting.minibatch, "epochs": 1},
    )


def _first(dataset: Dataset, samples: int) -> Dataset:
    return replace(dataset, train_x=dataset.train_x[:samples], train_y=dataset.train_y[:samples])


def _train(config: Config, dataset: Dataset, threads: int) -> int:
    """Train one epoch; returns its synaptic events."""
    trainer = Trainer(config, dataset, threads)
    for _ in trainer.train_epoch():
        pass
    return int(trainer.tally.activity.synaptic_events.sum())
