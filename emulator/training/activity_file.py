"""What the last epoch of a run did, and a line of its metrics, read back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import ACTIVITY_FORMAT, RunDirectory


def firing_rates(run: RunDirectory) -> list[float]:
    """Spikes per unit and step of every layer, as counted in the last epoch of training.

    Raises
    ------
    InputError
        If the run has no activity, or the file is damaged.
    """
    path = run.path / "activity.json"
    try:
        document = json.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise InputError(
            f"{path}: no activity yet; expected a run with at least one whole epoch "
            f"(eqchip train --resume {run.path})"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no valid JSON ({' '.join(str(error).split())[:200]})") from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != ACTIVITY_FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected {ACTIVITY_FORMAT!r}")
    return _rates(path, document, run.config)


def _rates(path: Path, document: dict[str, Any], config: Config) -> list[float]:
    target = np.zeros((1, config.sizes[-1]))
    steps = sum(phase.steps for phase in config.learning.phases(target))
    samples = document.get("samples")
    try:
        spikes = np.array(document.get("spikes"), np.float64)
    except (TypeError, ValueError):
        spikes = np.zeros(0)
    if type(samples) is not int or samples < 1:
        raise InputError(f"{path}: samples is {samples!r}; expected a whole number of at least 1")
    if spikes.ndim != 2 or spikes.shape[1] != len(config.layers) or not _counts(spikes):
        raise InputError(
            f"{path}: spikes are no table of counts; expected a row per phase, "
            f"a column for each of {len(config.layers)} layers"
        )
    return [float(n) for n in spikes.sum(0) / samples / steps / np.array(config.sizes)]


def _counts(values: np.ndarray) -> bool:
    return bool(((values >= 0) & np.isfinite(values)).all())


def metric(row: Mapping[str, Any], name: str) -> float:
    """A number of a line of metrics, at least 0.

    Raises
    ------
    InputError
        If there is none.
    """
    found: Any = row.get(name)
    if type(found) not in (int, float) or not 0 <= found < math.inf:
        raise InputError(
            f"metrics of epoch {row['epoch']}: {name} is {found!r}; "
            "expected a number of at least 0, as training on the chip writes it"
        )
    return float(found)
