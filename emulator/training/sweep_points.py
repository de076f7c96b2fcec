"""The points of a sweep: one training each."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Sequence
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.compiling import running_clock
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.onchip_lowering import check_rates
from eqchip.emulator.learning.onchip_traffic import (
    check_priced,
    mirror_modes,
    window_activity,
    window_steps,
)
from eqchip.emulator.source import Code, this_code
from eqchip.emulator.training.classifier import Tally
from eqchip.emulator.training.fit import end_epoch
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.sweep import (
    LEARNING,
    ON_CHIP,
    Settings,
    Sweep,
    name_of_point,
)
from eqchip.emulator.training.sweep_rules import RULE, config_of_rule
from eqchip.emulator.training.trainer import Trainer
from eqchip.emulator.training.trainers import make_trainer

ORDER_SEED = 0  # of the samples that a smaller training set is made of: the same for all points


def config_of(settings: Settings) -> Config:
    """The training run of a point.

    No warm-up: rates are set anew every 500 samples or so, and its first would be one of 0.

    Raises
    ------
    InputError
        If the settings are wrong or do not go together.
    """
    if RULE in settings:
        return config_of_rule(settings)
    dataset, layers = settings["dataset"], tuple(settings["layers"])
    base = preset(dataset, layers, on_chip={})
    config = preset(
        dataset,
        layers,
        learning={name: settings[name] for name in LEARNING},
        descent={
            "lr": [rate * settings["lr_scale"] for rate in base.descent.lr],
            "epochs": settings["epochs"],
            "warm_up": 0.0,
        },
        coding={
            "quantizer": settings["quantizer"],
            "step_size": Polynomial(settings["step_size"]),
        },
        on_chip=OnChip(
            fixed=FixedPoint(weight_bits=settings["weight_bits"]),
            weight_range=tuple(settings["weight_range"]),
            **{name: settings[name] for name in ON_CHIP},
        ),
        seed=settings["seed"],
    )
    assert config.on_chip is not None
    check_rates(config.on_chip, config.learning, config.descent.lr, config.input)
    check_priced(config)
    return config


def check_points(sweep: Sweep) -> None:
    """Refuse a grid with a point that cannot be run.

    Raises
    ------
    InputError
        Naming the point.
    """
    for settings in sweep.points:
        try:
            config_of(settings)
        except InputError as error:
            name = name_of_point(settings, list(sweep.axes))
            raise InputError(f"point {name}: {error}" if name else str(error)) from None


def check_data(sweep: Sweep, data: str | None = None) -> None:
    """Refuse a network or a number of samples that does not fit the data set.

    Raises
    ------
    InputError
        Also if the data set is not found.
    """
    settings = sweep.points[0]
    config = config_of(settings)
    _shorten(make_trainer(config, _dataset(config.dataset, data), 1), settings["samples"])


class Trained(NamedTuple):
    """A point that was trained: its facts, and what its run directory is made of.

    Attributes
    ----------
    row : dict
        For JSON; see :func:`run_point`.
    epochs : list of dict
        A line of metrics for each.
    activity : Activity
        Of the last epoch.
    network : Network
        After training.
    mirror : tuple of ndarray
        The weights that feedback spikes read.
    """

    row: dict[str, Any]
    epochs: list[dict[str, Any]]
    activity: Activity
    network: Network
    mirror: tuple[np.ndarray, ...]

    def keep(self, folder: Path, command: str) -> None:
        """Write its run directory, in place of one that a kill may have left half done."""
        shutil.rmtree(folder, ignore_errors=True)
        run = RunDirectory.create(folder, config_of(self.row["settings"]), command)
        for row in self.epochs:
            run.append_metrics(row)
        run.save_network(self.network, self.mirror)
        run.save_activity(self.activity)


def run_point(settings: Settings, data: str | None = None) -> Trained:
    """Train and validate one point, on one thread. The test set is not read.

    Parameters
    ----------
    settings : dict
        From :attr:`Sweep.points`.
    data : str, optional
        Directory of the data set's files.

    Returns
    -------
    Trained
        Its row: ``settings``; ``train_error`` of the last epoch and ``validation_error`` after it,
        in percent; ``samples`` trained; per training sample over all epochs ``spikes``,
        ``synaptic_events``, ``updates_active``, ``updates_inactive``, ``weights_attempted``,
        ``weights_applied`` and ``weights_saturated``, those of mirror modes and of spikes that
        tell of changes included; per sample
        and layer ``units_changed``; ``drift`` at the end, per connection that has two copies;
        ``seconds``, without those of compiling.

    Raises
    ------
    InputError
    """
    began = running_clock()
    config = config_of(settings)
    trainer = make_trainer(config, _dataset(config.dataset, data), 1)
    _shorten(trainer, settings["samples"])
    tallies: list[Tally] = []
    written: dict[str, float] = {}
    told = np.zeros(len(config.layers))
    changed = np.zeros(len(config.layers))
    epochs: list[dict[str, Any]] = []
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        seconds = running_clock() - began
        speed = trainer.tally.samples * (len(tallies) + 1) / max(seconds, 1e-9)
        tally, measures = end_epoch(trainer, None, speed, seconds)
        tallies.append(tally)
        epochs.append(measures)  # of this epoch alone; epochs are equally long
        for name in ("attempted", "applied", "saturated"):
            share = measures[f"weights_{name}_per_sample"] / config.descent.epochs
            written[f"weights_{name}"] = written.get(f"weights_{name}", 0.0) + share
        changed += np.array(measures.get("units_changed_per_sample", 0.0)) / config.descent.epochs
        told += np.array(measures.get("change_spikes_per_sample", 0.0)) / config.descent.epochs
    epochs[-1]["validation_error"] = trainer.validate().error
    whole = reduce(lambda a, b: a + b, tallies)
    counts = whole.activity
    done = {
        "spikes": whole.spikes_per_sample,
        "synaptic_events": whole.events_per_sample,
        "updates_active": float(counts.updates_active.sum()) / whole.samples,
        "updates_inactive": float(counts.updates_inactive.sum()) / whole.samples,
    }
    modes = mirror_modes(config)
    if modes is not None:
        done = {name: n + modes.activity(config.sizes)[name] for name, n in done.items()}
    if window_steps(config):
        done = {name: n + window_activity(config, told.tolist())[name] for name, n in done.items()}
    row = {
        "settings": settings,
        "train_error": tallies[-1].error,
        "validation_error": epochs[-1]["validation_error"],
        "samples": whole.samples,
        **done,
        **written,
        **({} if RULE in settings else {"units_changed": changed.tolist()}),
        **({"drift": measures["drift"]} if "drift" in measures else {}),
        "seconds": running_clock() - began,
    }
    activity = tallies[-1].activity
    return Trained(row, epochs, activity, trainer.network, trainer.mirror())


def run_point_with(code: Sequence[str], settings: Settings, data: str | None = None) -> Trained:
    """:func:`run_point`, where this is the code that is asked for; the row names it.

    Parameters
    ----------
    code : sequence of str
        A :class:`~eqchip.emulator.source.Code`.
    settings, data
        As there.

    Raises
    ------
    InputError
        If the code here is another: points of two codes are not to be compared.
    """
    here = this_code()
    if tuple(code) != here:
        raise InputError(
            f"a worker on {platform.node()} has {here}; expected {Code(*code)} on all of them"
        )
    found = run_point(settings, data)
    return found._replace(row={**found.row, "eqchip": here._asdict()})


@lru_cache(maxsize=1)
def _dataset(name: str, data: str | None) -> Dataset:
    """Loaded once by a process that runs many points."""
    return load(name, data, progress=False)


def _shorten(trainer: Trainer, samples: int | None) -> None:
    """Train on so many samples alone, the same ones at every point."""
    if samples is None:
        return
    known = len(trainer.train_indices)
    if samples > known:
        raise InputError(
            f"samples is {samples}; expected at most the {known} training samples of "
            f"{trainer.dataset.name}"
        )
    # RandomState and not Generator: its streams are frozen for good (NEP 19).
    order = np.random.RandomState(ORDER_SEED).permutation(known)
    trainer.train_indices = trainer.train_indices[order[:samples]]
    trainer.minibatches = -(-samples // trainer.stride)
