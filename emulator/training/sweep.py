"""A grid of on-chip trainings: which settings it has, from a file or from axes.

A sweep trains a network once for every combination of its axes and keeps a line for each. The
lines are all that a restarted sweep needs, so a kill loses the points under way and no more.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import setting_names
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.documents import read_toml
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.sweep_rules import (
    RULE,
    axes_of_rule,
    defaults_of_rule,
    rule_of_sweep,
    usual_values,
)

FORMAT = "eqchip-sweep 1"

AXES = (
    "weight_bits", "trace_bits", "copies", "accumulator_bits", "quantizer", "free_steps",
    "nudged_steps", "sees", "seed", "lr_scale", "beta", "average_steps", "threshold",
    "weight_range", "change_bits", "change_spikes", "skip_right", "step_size",
)  # fmt: skip
PLAIN = ("dataset", "layers", "epochs", "samples")
# Where an axis belongs, and the type of its values, are those of the descriptions.
LEARNING = tuple(name for name in AXES if name in setting_names(Learning))
ON_CHIP = tuple(name for name in AXES if name in setting_names(OnChip) and name != "weight_range")
_USUAL: dict[str, Any] = {
    name: getattr(description, name)
    for description in (FixedPoint(), OnChip(), Learning(), Coding())
    for name in setting_names(type(description))
} | {"seed": 0, "lr_scale": 1.0, "step_size": 0.8}
# Axes that sweeps of earlier versions did not have.
LATER: dict[str, Any] = {
    name: _USUAL[name] for name in ("change_bits", "change_spikes", "skip_right", "step_size")
}
# Those of sweeps by a rule of integrate-and-fire units besides: each rule has some of them.
_OF_RULES = usual_values()
ALL_AXES = tuple(dict.fromkeys((*AXES, *_OF_RULES)))
WHOLE, NUMBERS, WORDS = (
    tuple(name for name in ALL_AXES if type({**_OF_RULES, **_USUAL}[name]) is of)
    for of in (int, float, str)
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
    found, rule = plain.pop("axes", {}), plain.pop(RULE, None)
    kind = None if rule is None else rule_of_sweep(rule)
    known = AXES if kind is None else axes_of_rule(kind)
    if not isinstance(found, Mapping):
        raise InputError(f"axes is {found!r}; expected a table of lists")
    for name in plain:
        if name not in PLAIN + known:
            raise InputError(
                f"setting {name!r} is unknown; expected one of {', '.join(PLAIN + known)}"
            )
        if name in found:
            raise InputError(f"{name} is a setting and an axis; expected one of the two")
    varied = {**found, **(axes or {})}
    for name in varied:
        if name not in known:
            raise InputError(f"axis {name!r} is unknown; expected one of {', '.join(known)}")
        plain.pop(name, None)
    lists = {name: _axis(name, values) for name, values in varied.items()}
    fixed = _defaults(plain, kind)
    for name in known:
        if name in plain:
            fixed[name] = _value(name, plain[name])
    return Sweep({name: fixed[name] for name in fixed if name not in lists}, lists)


def _defaults(plain: Settings, rule: type[SpikingRule] | None) -> Settings:
    """Every setting's value where nothing is said about it, with the plain ones checked."""
    dataset, layers = plain.get("dataset", "digits"), plain.get("layers")
    if not isinstance(dataset, str):
        raise InputError(f"dataset is {dataset!r}; expected a name")
    if layers is not None:
        if not isinstance(layers, list):
            raise InputError(f"layers is {layers!r}; expected a list such as [784, 500, 10]")
        for units in layers:
            check_whole("layers: number of units", units, 1)
    if rule is not None:
        found = defaults_of_rule(rule, dataset, layers)
        return {**found, **_lengths(plain, found["epochs"])}
    base = preset(dataset, None if layers is None else tuple(layers), on_chip={})
    assert base.on_chip is not None and isinstance(base.coding.step_size, Polynomial)
    usual = OnChip()
    return {
        "dataset": dataset,
        "layers": list(base.layers),
        **_lengths(plain, base.descent.epochs),
        "weight_bits": usual.fixed.weight_bits,
        **{name: getattr(usual, name) for name in ON_CHIP},
        "weight_range": list(base.on_chip.weight_range),
        "quantizer": base.coding.quantizer,
        "step_size": base.coding.step_size.value,
        **{name: getattr(base.learning, name) for name in LEARNING},
        "lr_scale": 1.0,
        "seed": 0,
    }


def _lengths(plain: Settings, usual: int) -> Settings:
    """Epochs, and samples of each."""
    epochs, samples = plain.get("epochs", usual), plain.get("samples")
    check_whole("epochs", epochs, 1, 2**31)
    if samples is not None:
        check_whole("samples", samples, 1)
    return {"epochs": epochs, "samples": samples}


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
        check_whole(name, value, 0, 2**63)
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
    if name not in ALL_AXES:
        raise InputError(f"axis {name!r} is unknown; expected one of {', '.join(ALL_AXES)}")
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
    document = read_toml(path, "a sweep file (.toml)")
    found = document.pop("format", FORMAT)
    if found != FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected {FORMAT!r}, or none")
    document.pop("provenance", None)
    return document


def read_sweep(
    path: Path,
    axes: Mapping[str, list[Any]] | None = None,
    plain: Mapping[str, Any] | None = None,
) -> Sweep:
    """Read a sweep file, with some axes and some settings of one value replaced.

    Raises
    ------
    InputError
        See :func:`read_document` and :func:`make_sweep`; names the file.
    """
    document = read_document(path)
    try:
        return make_sweep({**document, **(plain or {})}, axes)
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
    for name in (*PLAIN, RULE, *ALL_AXES):
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
