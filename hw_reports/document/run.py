"""The section of a report on the run: its settings, and what its epochs say of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.asynchronous_notes import describe as describe_timing
from eqchip.hw_reports.pricing.epochs import nudged_share


class Epochs(NamedTuple):
    """The lines of a run's metrics: all, those of epochs, and those of the test set."""

    rows: list[dict[str, Any]]
    trained: list[dict[str, Any]]
    tested: list[dict[str, Any]]

    @property
    def reached(self) -> dict[str, Any]:
        """The error that the training reached: on the test set, if it was read."""
        if self.tested:
            return {"error": self.tested[-1]["test_error"], "of": "test"}
        last = self.trained[-1]
        if last.get("validation_error") is not None:
            return {"error": last["validation_error"], "of": "validation"}
        return {"error": last["train_error"], "of": "training"}


def epochs_of(run: RunDirectory) -> Epochs:
    """Read the metrics.

    Raises
    ------
    InputError
        If they hold no epoch.
    """
    rows = run.metrics()
    trained = [row for row in rows if "train_error" in row]
    tested = [row for row in rows if "test_error" in row]
    if not trained:
        raise InputError(
            f"{run.path / 'metrics.jsonl'}: no epoch in it; expected a run of at least one"
        )
    return Epochs(rows, trained, tested)


def section(replay: Replay, run: RunDirectory, epochs: Epochs) -> dict[str, Any]:
    """Settings, errors, and the fingerprint of the settings."""
    config, last = run.config, epochs.trained[-1]
    return {
        "path": str(run.path),
        "dataset": config.dataset,
        "layers": list(config.layers),
        "units": list(config.sizes),
        "input": config.input,
        "coding": describe(config.coding),
        "rule": config.learning.rule,
        "readout": config.learning.readout,
        "beta": config.learning.beta,
        "free_steps": config.learning.free_steps,
        "nudged_steps": config.learning.nudged_steps,
        "skip_right": config.learning.skip_right,
        "nudged_share": _nudged(epochs.trained),
        "minibatch": config.descent.minibatch,
        "epochs": config.descent.epochs,
        "epochs_trained": len(epochs.trained),
        "seed": config.seed,
        "train_error": last["train_error"],
        "validation_error": last.get("validation_error"),
        "test_error": epochs.tested[-1]["test_error"] if epochs.tested else None,
        "settings": config.digest(),
        "optimizer": config.descent.optimizer,
        "momentum": config.descent.momentum,
        "timing": None if config.timing is None else describe_timing(config.timing),
        "shares_weights": any(
            one.shares_weights and not one.lateral for one in replay.network.connections
        ),
    }


def _nudged(rows: list[dict[str, Any]]) -> float:
    """The share of all training samples that were nudged."""
    samples = sum(row["samples"] for row in rows)
    return sum(row["samples"] * nudged_share(row) for row in rows) / samples


def describe(coding: Coding) -> str:
    """A coding in words.

    Examples
    --------
    >>> describe(Coding())
    'sigma-delta, step size 0.8, prediction 0.83 / t^0.58'
    """
    step = coding.step_size
    size = f"optimal (nu_bar {step.nu_bar:g})" if isinstance(step, OptimalStepSize) else _law(step)
    prediction = "no prediction"
    if coding.schedule is not None:
        prediction = f"prediction {_law(coding.schedule)}"
    elif coding.follower is not None:
        prediction = f"adapted prediction (threshold {coding.follower.threshold:g})"
    return f"{coding.quantizer}, step size {size}, {prediction}"


def _law(schedule: Polynomial) -> str:
    return f"{schedule.value:g}" + (f" / t^{schedule.exponent:g}" if schedule.exponent else "")
