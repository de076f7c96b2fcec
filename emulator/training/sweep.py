"""A grid of on-chip trainings: which settings, which points of them are done, and one point.

A sweep trains a network once for every combination of its axes and keeps a line for each. The
lines are all that a restarted sweep needs, so a kill loses the points under way and no more.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.datasets import Dataset, load
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import Config, setting_names
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.learning.onchip_lowering import check_rates
from eqchip.emulator.learning.onchip_traffic import mirror_modes
from eqchip.emulator.training.classifier import Tally
from eqchip.emulator.training.onchip_training import make_trainer
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.trainer import Trainer

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FORMAT = "eqchip-sweep 1"
POINT_FORMAT = "eqchip-sweep-point 1"

AXES = (
    "weight_bits", "trace_bits", "copies", "accumulator_bits", "quantizer", "free_steps",
    "nudged_steps", "sees", "seed", "lr_scale", "beta", "average_steps", "threshold",
    "weight_range",
)  # fmt: skip
PLAIN = ("dataset", "layers", "epochs", "samples")
# Where an axis belongs, and the type of its values, are those of the descriptions.
LEARNING = tuple(name for name in AXES if name in setting_names(Learning))
ON_CHIP = tuple(name for name in AXES if name in setting_names(OnChip) and name != "weight_range")
_USUAL: dict[str, Any] = {
    name: getattr(description, name)
    for description in (FixedPoint(), OnChip(), Learning(), Coding())
    for name in setting_names(type(description))
} | {"seed": 0, "lr_scale": 1.0}
WHOLE, NUMBERS, WORDS = (
    tuple(name for name in AXES if type(_USUAL[name]) is of) for of in (int, float, str)
)

# What a sweep without a file and without an axis runs. A narrow range of weights: in the
# usual one, codes of 4 or 2 bits are too coarse for the initial weights of this network.
USUAL: dict[str, Any] = {
    "dataset": "digits",
    "weight_range": 0.125,
    "axes": {
        "weight_bits": [8, 4, 2],
        "trace_bits": [7, 4],
        "copies": ["errors", "independent"],
        "accumulator_bits": [0, 4],
        "quantizer": ["sigma-delta", "bernoulli"],
        "free_steps": [24, 12],
    },
}
ORDER_SEED = 0  # of the samples that a smaller training set is made of: the same for all points

Settings = dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A grid of settings.

    Attributes
    ----------
    plain : dict
        Settings with one value: ``dataset``, ``layers``, ``epochs``, ``samples`` (None: all), and
        every axis that is not varied.
    axes : dict of str to list
        The varied settings and their values. Between them, the two name every setting.
    """

    plain: Settings
    axes: dict[str, list[Any]]

    @property
    def points(self) -> list[Settings]:
        """All settings of every combination; the last axis varies fastest."""
        return [
            {**self.plain, **dict(zip(self.axes, values, strict=True))}
            for values in itertools.product(*self.axes.values())
        ]

    @property
    def varied(self) -> list[str]:
        """The axes with more than one value."""
        return [name for name, values in self.axes.items() if len(values) > 1]


def make_sweep(document: Mapping[str, Any], axes: Mapping[str, list[Any]] | None = None) -> Sweep:
    """A sweep from what a file says, with some axes replaced.

    Parameters
    ----------
    document : mapping
        Plain settings, and a mapping ``axes`` of names to lists of values.
    axes : mapping of str to list, optional
        Take the place of the document's, whether it varies them or not.

    Raises
    ------
    InputError
        For an unknown setting or axis, a value of the wrong type, an axis that is empty, that
        holds a value twice, or is a plain setting as well.
    """
    plain = dict(document)
    found = plain.pop("axes", {})
    if not isinstance(found, Mapping):
        raise InputError(f"axes is {found!r}; expected a table of lists")
    for name in plain:
        if name not in PLAIN + AXES:
            raise InputError(
                f"setting {name!r} is unknown; expected one of {', '.join(PLAIN + AXES)}"
            )
        if name in found:
            raise InputError(f"{name} is a setting and an axis; expected one of the two")
    varied = {**found, **(axes or {})}
    for name in varied:
        if name not in AXES:
            raise InputError(f"axis {name!r} is unknown; expected one of {', '.join(AXES)}")
        plain.pop(name, None)
    lists = {name: _axis(name, values) for name, values in varied.items()}
    fixed = _defaults(plain)
    for name in AXES:
        if name in plain:
            fixed[name] = _value(name, plain[name])
    return Sweep({name: fixed[name] for name in fixed if name not in lists}, lists)


def _defaults(plain: Settings) -> Settings:
    """Every setting's value where nothing is said about it, with the plain ones checked."""
    dataset, layers = plain.get("dataset", "digits"), plain.get("layers")
    if not isinstance(dataset, str):
        raise InputError(f"dataset is {dataset!r}; expected a name")
    if layers is not None:
        if not isinstance(layers, list):
            raise InputError(f"layers is {layers!r}; expected a list such as [784, 500, 10]")
        for units in layers:
            check_whole("layers: number of units", units, 1)
    base = preset(dataset, None if layers is None else tuple(layers), on_chip={})
    assert base.on_chip is not None
    epochs, samples = plain.get("epochs", base.descent.epochs), plain.get("samples")
    check_whole("epochs", epochs, 1, 2**31)
    if samples is not None:
        check_whole("samples", samples, 1)
    usual = OnChip()
    return {
        "dataset": dataset,
        "layers": list(base.layers),
        "epochs": epochs,
        "samples": samples,
        "weight_bits": usual.fixed.weight_bits,
        **{name: getattr(usual, name) for name in ON_CHIP},
        "weight_range": list(base.on_chip.weight_range),
        "quantizer": Coding().quantizer,
        **{name: getattr(base.learning, name) for name in LEARNING},
        "lr_scale": 1.0,
        "seed": 0,
    }


def _axis(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise InputError(f"axis {name} is {values!r}; expected a list of values")
    found = [_value(name, value) for value in values]
    for k, value in enumerate(found):
        if value in found[:k]:
            raise InputError(f"axis {name} holds {value!r} twice; expected each value once")
    return found


def _value(name: str, value: Any) -> Any:
    """A value of an axis in the type that it is compared in."""
    if name in WHOLE:
        check_whole(name, value, 0)
        return int(value)
    if name in NUMBERS:
        check_number(name, value)
        if not 0 <= value < math.inf or (name == "lr_scale" and value == 0):
            least = "above 0" if name == "lr_scale" else "of at least 0"
            raise InputError(f"{name} is {value!r}; expected a finite number {least}")
        return float(value)
    if name in WORDS:
        if not isinstance(value, str):
            raise InputError(f"{name} is {value!r}; expected a name")
        return value
    parts = value if isinstance(value, list) else [value]
    for part in parts:
        check_number(name, part)
    return [float(part) for part in parts]


def parse_axis(text: str) -> tuple[str, list[Any]]:
    """``weight_bits=8,4,2``, as on the command line; ``weight_range=0.5,0.3:0.6``.

    Raises
    ------
    InputError

    Examples
    --------
    >>> parse_axis("weight_bits=8,4")
    ('weight_bits', [8, 4])
    """
    name, equals, values = text.partition("=")
    if not equals:
        raise InputError(f"axis {text!r}; expected one such as weight_bits=8,4,2")
    if name not in AXES:
        raise InputError(f"axis {name!r} is unknown; expected one of {', '.join(AXES)}")
    return name, [_parsed(name, value.strip()) for value in values.split(",")]


def _parsed(name: str, text: str) -> Any:
    try:
        if name in WHOLE:
            return int(text)
        if name in NUMBERS:
            return float(text)
        return text if name in WORDS else [float(part) for part in text.split(":")]
    except ValueError:
        wanted = "a whole number" if name in WHOLE else "a number"
        raise InputError(f"axis {name} holds {text!r}; expected {wanted}") from None


def read_document(path: Path) -> Settings:
    """What a sweep file says.

    Raises
    ------
    InputError
        If it is missing, no TOML, or of another format.
    """
    try:
        document: Settings = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected a sweep file (.toml)") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # of bytes, of TOML, of endless numbers
        raise InputError(f"{path}: no valid TOML ({' '.join(str(error).split())})") from None
    found = document.pop("format", FORMAT)
    if found != FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected {FORMAT!r}, or none")
    document.pop("provenance", None)
    return document


def read_sweep(path: Path, axes: Mapping[str, list[Any]] | None = None) -> Sweep:
    """Read a sweep file, with some axes replaced.

    Raises
    ------
    InputError
        See :func:`read_document` and :func:`make_sweep`; names the file.
    """
    document = read_document(path)
    try:
        return make_sweep(document, axes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def to_toml(sweep: Sweep, provenance: Settings) -> str:
    """The text of a sweep file that says everything, defaults of today included."""
    import tomli_w

    plain = {name: value for name, value in sweep.plain.items() if value is not None}
    return tomli_w.dumps({"format": FORMAT, **plain, "axes": sweep.axes, "provenance": provenance})


def check_same(found: Sweep, asked: Sweep, path: Path) -> None:
    """Refuse to go on with the points of another grid.

    Raises
    ------
    InputError
        Naming the first setting that differs.
    """
    if {key_of(point) for point in found.points} == {key_of(point) for point in asked.points}:
        return
    for name in (*PLAIN, *AXES):
        there, here = (one.axes.get(name, [one.plain.get(name)]) for one in (found, asked))
        if sorted(map(key_of, there)) != sorted(map(key_of, here)):
            raise InputError(
                f"{path}: holds another sweep, of {name} {_shown(there)}; expected "
                f"{_shown(here)}, or another directory"
            )


def _shown(values: Sequence[Any]) -> str:
    return ", ".join("none" if value is None else f"{value}" for value in values)


def key_of(settings: Any) -> str:
    """Settings as a text that is equal when they are."""
    return json.dumps(settings, sort_keys=True)


def name_of_point(settings: Settings, varied: Sequence[str]) -> str:
    """A point by the settings that vary.

    Examples
    --------
    >>> name_of_point({"weight_bits": 4, "weight_range": [0.3, 0.6]}, ["weight_range"])
    'weight_range 0.3:0.6'
    """
    return ", ".join(f"{name} {shown_value(settings[name])}" for name in varied)


def shown_value(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, list):
        return ":".join(shown_value(part) for part in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def config_of(settings: Settings) -> Config:
    """The training run of a point.

    No warm-up: rates are set anew every 500 samples or so, and its first would be one of 0.

    Raises
    ------
    InputError
        If the settings are wrong or do not go together.
    """
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
        coding=Coding(quantizer=settings["quantizer"]),
        on_chip=OnChip(
            fixed=FixedPoint(weight_bits=settings["weight_bits"]),
            weight_range=tuple(settings["weight_range"]),
            **{name: settings[name] for name in ON_CHIP},
        ),
        seed=settings["seed"],
    )
    assert config.on_chip is not None
    check_rates(config.on_chip, config.learning, config.descent.lr)
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


def run_point(settings: Settings, data: str | None = None) -> dict[str, Any]:
    """Train and validate one point, on one thread. The test set is not read.

    Parameters
    ----------
    settings : dict
        From :attr:`Sweep.points`.
    data : str, optional
        Directory of the data set's files.

    Returns
    -------
    dict
        ``settings``; ``train_error`` of the last epoch and ``validation_error`` after it, in
        percent; ``samples`` trained; per training sample over all epochs ``spikes``,
        ``synaptic_events``, ``updates_active``, ``updates_inactive``, ``weights_attempted``,
        ``weights_applied`` and ``weights_saturated``, those of mirror modes included; per sample
        and layer ``units_changed``; ``drift`` at the end, per connection that has two copies;
        ``seconds``.

    Raises
    ------
    InputError
    """
    began = time.perf_counter()
    config = config_of(settings)
    trainer = make_trainer(config, _dataset(config.dataset, data), 1)
    _shorten(trainer, settings["samples"])
    tallies: list[Tally] = []
    written: dict[str, float] = {}
    changed = np.zeros(len(config.layers))
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        measures = trainer.measures()  # of this epoch alone; epochs are equally long
        for name in ("attempted", "applied", "saturated"):
            share = measures[f"weights_{name}_per_sample"] / config.descent.epochs
            written[f"weights_{name}"] = written.get(f"weights_{name}", 0.0) + share
        changed += np.array(measures["units_changed_per_sample"]) / config.descent.epochs
        tallies.append(trainer.end_epoch())
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
    return {
        "settings": settings,
        "train_error": tallies[-1].error,
        "validation_error": trainer.validate().error,
        "samples": whole.samples,
        **done,
        **written,
        "units_changed": changed.tolist(),
        "drift": measures["drift"],
        "seconds": time.perf_counter() - began,
    }


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


class Points:
    """``points.jsonl``: append-only, a line per finished point.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Keep other processes from running this sweep meanwhile; a kill ends the claim, too.

        Where the system has no such locks (Windows), nothing is kept.

        Raises
        ------
        InputError
            If another process runs it.
        """
        with open(self.path, "ab") as file:
            if fcntl is not None:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise InputError(
                        f"{self.path}: another process is running this sweep; "
                        "expected it to end first"
                    ) from None
                except OSError:  # some network file systems have no locks
                    pass
            yield

    def read(self) -> list[dict[str, Any]]:
        """The points so far; a line cut short by a kill is removed from the file.

        Raises
        ------
        InputError
            If a line is not one of a point.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        rows = []
        for number, line in enumerate(whole.decode(errors="replace").split("\n")[:-1], start=1):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict) or row.pop("format", None) != POINT_FORMAT:
                raise InputError(f"{self.path}, line {number}: expected format {POINT_FORMAT!r}")
            wrong = _wrong_fact(row)
            if wrong:
                raise InputError(f"{self.path}, line {number}: {wrong} is missing or no fit value")
            rows.append(row)
        if len(whole) < len(text):  # what is appended must begin a line of its own
            os.truncate(self.path, len(whole))
        return rows

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a point's line."""
        try:
            with open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"format": POINT_FORMAT, **row}) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:  # a full disk names no file
            raise OSError(error.errno, error.strerror, str(self.path)) from None


COUNTS = ("synaptic_events", "updates_active", "updates_inactive", "spikes", "weights_attempted")


def _wrong_fact(row: Mapping[str, Any]) -> str | None:
    """The first fact of a point's line, of those that are read again, that cannot be."""
    if not isinstance(row.get("settings"), dict):
        return "settings"
    for name in ("validation_error", *COUNTS):
        if type(row.get(name)) not in (int, float) or not 0 <= row[name] < math.inf:
            return name
    return None


def missing(sweep: Sweep, rows: Sequence[Mapping[str, Any]]) -> list[Settings]:
    """The points of a sweep that no row holds."""
    done = {key_of(row["settings"]) for row in rows}
    return [point for point in sweep.points if key_of(point) not in done]
