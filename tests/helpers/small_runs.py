"""Small training runs, made for a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.training.runs import RunDirectory

LEARNING = {"rule": "symmetric", "beta": 0.5, "free_steps": 6, "nudged_steps": 3}
DESCENT = {"lr": (0.2, 0.1), "epochs": 2, "minibatch": 16}


FEW = "few digits"


def few_digits(train: int = 60, test: int = 40, name: str = "digits") -> Dataset:
    """The first of the digits; by the name FEW, a run keeps them for whoever loads its data."""
    digits = load("digits")
    return replace(
        digits,
        name=name,
        train_x=digits.train_x[:train],
        train_y=digits.train_y[:train],
        test_x=digits.test_x[:test],
        test_y=digits.test_y[:test],
    )


def small_config(
    *, learning: dict[str, Any] | None = None, descent: dict[str, Any] | None = None, **more: Any
) -> Config:
    """A run of a second: 64-7-10, few steps, 60 digits, a minibatch that does not divide them."""
    return make_config(
        **{
            "layers": (64, 7, 10),
            "validation": 10,
            "learning": {**LEARNING, **(learning or {})},
            "descent": {**DESCENT, **(descent or {})},
            **more,
        }
    )


def arrays_of(path: Path) -> dict[str, np.ndarray]:
    """What an .npz holds, without trust in the loader under test."""
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def assert_same_end(run: RunDirectory, whole: RunDirectory) -> None:
    """Weights, everything in the checkpoint but its clock, and metrics are equal to the bit."""
    for name in ("network.npz", "checkpoint.npz"):
        got, expected = arrays_of(run.path / name), arrays_of(whole.path / name)
        assert got.keys() == expected.keys()
        for key in got.keys() - {"seconds"}:
            assert got[key].dtype == expected[key].dtype, f"{name}: {key}"
            np.testing.assert_array_equal(got[key], expected[key], err_msg=f"{name}: {key}")
    clocks = {"seconds", "samples_per_second"}
    rows = [
        [{k: v for k, v in row.items() if k not in clocks} for row in one.metrics()]
        for one in (run, whole)
    ]
    assert rows[0] == rows[1]
    epochs = run.config.descent.epochs
    assert [row["epoch"] for row in rows[0]] == [*range(1, epochs + 1), epochs]
    assert ["test_error" in row for row in rows[0]] == [False] * epochs + [True]
    activity = [(one.path / "activity.json").read_text() for one in (run, whole)]
    assert activity[0] == activity[1]
