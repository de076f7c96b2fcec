"""Small networks that learn on a chip."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.sight import SIGHTS
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.description.upkeep import UPKEEPS
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training.onchip_training import OnChipTrainer


def made_up(n_in: int, classes: int, samples: int, seed: int = 0) -> Dataset:
    """Random inputs, a quarter of them 0 or 1, and random classes."""
    rng = np.random.default_rng(seed)
    x = np.clip(rng.uniform(-0.15, 1.15, (samples, n_in)), 0, 1).astype(np.float32)
    y = rng.integers(0, classes, samples)
    return Dataset("made up", x, y, x, y, (n_in,), classes, "a generator")


def levels_of() -> list[tuple[str, str]]:
    """What a core sees, and how copies are kept: those that go together."""
    found = []
    for sees in SIGHTS:
        for copies in UPKEEPS:
            try:
                OnChip(sees=sees, copies=copies)
            except InputError:
                continue
            found.append((sees, copies))
    return found


def small(
    layers: tuple[int, ...] = (6, 5, 3),
    *,
    onchip: dict[str, Any] | None = None,
    learning: dict[str, Any] | None = None,
    descent: dict[str, Any] | None = None,
    **more: Any,
) -> Config:
    """On-chip training of a network that a hand could hold; large steps, so that much happens."""
    return make_config(
        **{
            "layers": layers,
            "initial_gain": (1.5,),
            "on_chip": OnChip(**{"every": 4, **(onchip or {})}),
            "learning": {"free_steps": 6, "nudged_steps": 4, **(learning or {})},
            "descent": {
                "minibatch": 1,
                "lr": (0.3,) * (len(layers) - 1),
                "schedule": "constant",
                "epochs": 1,
                **(descent or {}),
            },
            **more,
        }
    )


def run_of(config: Config, network: Any, x: np.ndarray, labels: np.ndarray) -> Run:
    """The phases of training in the integers that learn."""
    exponents = config.on_chip.exponents(len(config.layers) - 1)
    problem = pose(
        network, x, phases=config.learning.phases(one_hot(labels, config.sizes[-1])),
        coding=config.coding, input=config.input, precision="chip", fixed=config.on_chip.fixed,
        record=("bits",),
    )  # fmt: skip
    return solve(
        problem, threads=1, average_steps=config.learning.average_steps,
        lowered=lower_fixed(network, config.on_chip.fixed, exponents=exponents),
    )  # fmt: skip


def train(trainer: OnChipTrainer, watch: Callable[[], None] = lambda: None) -> None:
    """Train all epochs; watch: called at every stop."""
    while not trainer.done:
        with wrapping():
            for _tally in trainer.train_epoch():
                watch()
        trainer.end_epoch()


def wrapping() -> np.errstate:
    """In plain Python, numpy warns where numbers of 64 bits wrap, as a generator means them to."""
    return np.errstate(over="ignore")
