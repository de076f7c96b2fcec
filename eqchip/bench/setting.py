"""What is measured: sizes, steps, inputs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import DATA_VARIABLE, load
from eqchip.emulator.data.download import FILES
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress, Silent

Inputs = Literal["mnist", "synthetic"]
SILENT = Silent()

# Of the 60000 training images of MNIST, grey values in [0, 1]; measured.
MNIST_ACTIVE_SHARE = 0.1912  # pixels above 0
MNIST_MEAN = 0.1307
BETA = 0.5


def synthetic(samples: int, units: int, seed: int) -> np.ndarray:
    """Random inputs with MNIST's mean and share of active units, independent of each other.

    Parameters
    ----------
    samples, units, seed : int

    Returns
    -------
    ndarray of float32, shape (samples, units)
        0, or u**k with u uniform in (0, 1] and k such that the mean is MNIST's.
    """
    rng = np.random.default_rng(seed)
    active = rng.random((samples, units)) < MNIST_ACTIVE_SHARE
    exponent = MNIST_ACTIVE_SHARE / MNIST_MEAN - 1.0  # the mean of u**k is 1 / (k + 1)
    return np.where(active, (1.0 - rng.random(active.shape)) ** exponent, 0.0).astype(np.float32)


def synthetic_dataset(samples: int, units: int, classes: int, seed: int) -> Dataset:
    """Synthetic inputs under random labels: a training set to measure cost with, not learning."""
    labels = np.random.default_rng([seed, 1]).integers(0, classes, samples)
    x = synthetic(samples, units, seed)
    shape = (units,)
    return Dataset("synthetic", x, labels, x[:1], labels[:1], shape, classes, f"seed {seed}")


@dataclass(frozen=True)
class Setting:
    """What is run: a network with fixed random weights, its inputs, and how to time it."""

    layers: tuple[int, ...] = (784, 500, 10)
    free_steps: int = 100
    nudged_steps: int = 50
    samples: int = 500
    batches: tuple[int, ...] = (20, 50, 100, 200, 500)
    threads: int = 2
    rounds: int = 9
    seconds: float = 0.2
    seed: int = 0


def first_samples(problem: Problem, count: int) -> Problem:
    """The same problem for the first samples only."""
    return replace(
        problem,
        x=problem.x[:count],
        targets=tuple(None if y is None else y[:count] for y in problem.targets),
        samples=problem.samples[:count],
    )


def bench_problem(setting: Setting, x: np.ndarray) -> Problem:
    """The network with fixed random weights, relaxing under these inputs and random targets."""
    labels = np.random.default_rng([setting.seed, 1]).integers(0, setting.layers[-1], len(x))
    target = one_hot(labels, setting.layers[-1])
    return pose(
        Network.dense(setting.layers, seed=setting.seed),
        x,
        coding=Coding(),
        phases=[Free(setting.free_steps), Nudged(setting.nudged_steps, target, BETA)],
        seed=setting.seed,
    )


class Given(NamedTuple):
    """The inputs of a measurement.

    Attributes
    ----------
    kind : {"mnist", "synthetic"}
    x : ndarray, shape (setting.samples, setting.layers[0])
    source : str
        Where they came from.
    """

    kind: Inputs
    x: np.ndarray
    source: str


def inputs(
    setting: Setting,
    dataset: Inputs | None = None,
    data: str | None = None,
    progress: Progress = SILENT,
) -> Given:
    """The inputs of a measurement of speed.

    Parameters
    ----------
    setting : Setting
    dataset : {"mnist", "synthetic"}, optional
        Default: MNIST if it is at hand, else synthetic ones; never a download.
    data : str, optional
        Directory of MNIST's files. Default: EQCHIP_DATA, or those downloaded earlier.
    progress : Progress

    Raises
    ------
    InputError
        If MNIST cannot be had, or does not fit the network.
    """
    kind = known(dataset, data, progress)
    n_in = setting.layers[0]
    if kind == "synthetic":
        x = synthetic(setting.samples, n_in, setting.seed)
        return Given(kind, x, f"synthetic, seed {setting.seed}")
    found = load("mnist", data, progress=False)
    check_fit(found, setting.layers)
    if setting.samples > len(found.train_x):
        raise InputError(
            f"batch is {setting.samples}; expected at most {len(found.train_x)}, all of MNIST"
        )
    return Given(kind, found.train_x[: setting.samples].copy(), found.source)


def known(dataset: Inputs | None, data: str | None, progress: Progress = SILENT) -> Inputs:
    """Which inputs are meant: those asked for, or MNIST's where they are at hand."""
    if dataset == "synthetic" and data is not None:
        raise InputError(
            f"--data is {data!r} with --dataset synthetic, which is drawn; expected no --data"
        )
    at_hand = _at_hand(data)
    if dataset == "mnist" and not at_hand:
        progress.message("MNIST is not at hand; it is downloaded, as dataset mnist asks")
    return dataset or ("mnist" if at_hand else "synthetic")


def _at_hand(data: str | None) -> bool:
    """Whether MNIST can be had without a download."""
    if data is not None or os.environ.get(DATA_VARIABLE):
        return True  # named by the user: if it is not there, that is an error
    import pooch

    cache = Path(pooch.os_cache("eqchip")) / "mnist"
    return all((cache / f"{name}.gz").is_file() for name in FILES)


def check_fit(dataset: Dataset, layers: Sequence[int]) -> None:
    """Refuse layers that do not fit the data set."""
    expected = (dataset.train_x.shape[1], dataset.classes)
    if (layers[0], layers[-1]) != expected:
        raise InputError(
            f"layers {'-'.join(map(str, layers))}: {dataset.name} has {expected[0]} inputs and "
            f"{expected[1]} classes; expected {expected[0]}-...-{expected[1]}"
        )
