"""``activity.json``: what the last epoch of a run did, written and read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.config import Config
from eqchip.emulator.documents import read_json
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_text

FORMAT = "eqchip-activity 1"
NAME = "activity.json"


def write_activity(folder: Path, activity: Activity) -> None:
    """Replace the file in the folder of a run."""
    document = {"format": FORMAT, **activity.to_dict()}
    write_text(folder / NAME, json.dumps(document, indent=1) + "\n")


def read_firing_rates(folder: Path, config: Config) -> list[float]:
    """Spikes per unit and step of every layer, as counted in the last epoch of training.

    Parameters
    ----------
    folder : Path
        Of the run.
    config : Config
        Its settings.

    Raises
    ------
    InputError
        If the run has no activity, or the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        raise InputError(
            f"{path}: no activity yet; expected a run with at least one whole epoch "
            f"(eqchip train --resume {folder})"
        )
    document = read_json(path, "the activity of a run")
    found = document.get("format")
    if found != FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected {FORMAT!r}")
    return _rates(path, document, config)


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
