"""Gradients compared in fresh, trained and given networks, over nudges and steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.backends.bptt import comparison
from eqchip.backends.bptt.comparison import CODINGS, POOLINGS, Samples, with_pooling
from eqchip.backends.bptt.training import fresh, train
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description import notation
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress

# Of the short training of a fresh network, by Equilibrium Propagation with real-valued messages:
# it favours neither coding.
RATE = 2e-3
TRAINING: dict[str, Any] = {"free_steps": 40, "nudged_steps": 16, "beta": 0.5}
BETAS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5)
COUNTS = (2, 5, 10, 20, 50)  # of nudged steps

Named = tuple[str, str, Network]  # a network with its state and its pooling


def fresh_networks(
    text: str, dataset: Dataset, epochs: int, seed: int, threads: int | None, progress: Progress
) -> list[Named]:
    """Of each pooling, one network before and one after training.

    Raises
    ------
    InputError
        If the notation is wrong, has no pooling, or does not fit the data set.
    """
    start = fresh(notation.parse(text), seed)
    ends = (start.sizes[0], start.sizes[-1])
    if ends != (dataset.train_x.shape[1], dataset.classes):
        raise InputError(
            f"--network {text}: {ends[0]} inputs and {ends[1]} outputs; {dataset.name} has "
            f"{dataset.train_x.shape[1]} values and {dataset.classes} classes"
        )
    before = {pooling: with_pooling(start, pooling) for pooling in POOLINGS}
    y = one_hot(dataset.train_y, dataset.classes)
    after = {
        pooling: train(
            network, dataset.train_x, y, coding=CODINGS["real-valued"],
            learning=Learning(**TRAINING), rate=RATE, epochs=epochs, seed=seed, threads=threads,
            progress=progress,
        )
        for pooling, network in before.items()
    }  # fmt: skip
    return [
        (state, pooling, network)
        for state, networks in (("initial", before), ("trained", after))
        for pooling, network in networks.items()
    ]


def twins(network: Network) -> list[Named]:
    """The network of a run with either pooling; the one it was not trained with is its twin."""
    return [("trained", pooling, with_pooling(network, pooling)) for pooling in POOLINGS]


def measure(
    networks: list[Named],
    dataset: Dataset,
    learning: Learning,
    count: int,
    seed: int,
    threads: int | None,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Compare gradients in each network, and over nudges and steps in the trained ones.

    Of `count` training samples that are drawn at random.
    """
    chosen = np.random.default_rng(seed).permutation(len(dataset.train_x))[:count]
    samples = Samples(
        dataset.train_x[chosen].astype(np.float64),
        one_hot(dataset.train_y[chosen], dataset.classes).astype(np.float64),
    )
    asked: dict[str, Any] = {"seed": seed, "threads": threads}
    counts = sorted({n for n in COUNTS if n < learning.nudged_steps} | {learning.nudged_steps})
    found = []
    with progress.bar("Comparing gradients", 3 * len(networks)) as bar:
        for state, pooling, network in networks:
            one = {
                "state": state,
                "pooling": pooling,
                "connections": comparison.names(network),
                "error": comparison.error(network, dataset, learning.free_steps, threads),
                "rows": comparison.compare(network, samples, learning, **asked),
            }
            bar.advance()
            one["over_beta"], one["over_steps"] = [], []
            if state == "trained":
                one["over_beta"] = comparison.over_beta(network, samples, learning, BETAS, **asked)
                bar.advance()
                one["over_steps"] = comparison.over_steps(
                    network, samples, learning, counts, **asked
                )
                bar.advance()
            else:
                bar.advance(2)
            found.append(one)
    return found
