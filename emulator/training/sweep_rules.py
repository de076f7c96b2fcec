"""Sweeps by a rule of integrate-and-fire units: which axes they have, and a point's training."""

from __future__ import annotations

from typing import Any

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import SPIKING_RULES, setting_names
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.presets import spiking_preset, spiking_settings

RULE = "rule"  # the setting that makes a sweep one of these
_SHARED = ("weight_bits", "accumulator_bits", "weight_range", "input", "lr_scale", "seed")


def rule_of_sweep(name: Any) -> type[SpikingRule]:
    """The rule of a name.

    Raises
    ------
    InputError
        If there is none.
    """
    found = SPIKING_RULES.get(name) if isinstance(name, str) else None
    if found is None:
        raise InputError(
            f"rule is {name!r}; expected one of {', '.join(SPIKING_RULES)}, or none for "
            "Equilibrium Propagation"
        )
    return found


def axes_of_rule(rule: type[SpikingRule]) -> tuple[str, ...]:
    """What a sweep by this rule may vary.

    Examples
    --------
    >>> axes_of_rule(SPIKING_RULES["nbp"])
    ('weight_bits', 'accumulator_bits', 'weight_range', 'input', 'lr_scale', 'seed')
    """
    return tuple(dict.fromkeys((*_SHARED, *setting_names(rule))))


def usual_values() -> dict[str, Any]:
    """Of every axis of any rule, what it is by itself; a number, where that is up to others."""
    found: dict[str, Any] = {"input": "spikes"}
    for rule in SPIKING_RULES.values():
        found |= {name: getattr(rule(), name) for name in setting_names(rule)}
    return {name: 0.0 if value is None else value for name, value in found.items()}


def defaults_of_rule(
    rule: type[SpikingRule], dataset: str, layers: list[int] | None
) -> dict[str, Any]:
    """Every setting of a point where nothing is said about it: as chosen for the data set.

    Raises
    ------
    InputError
        If the rule has no settings for the data set.
    """
    chosen = rule(**spiking_settings(rule.name, dataset))
    base = spiking_preset(dataset, None if layers is None else tuple(layers), chosen)
    assert base.on_chip is not None
    return {
        "dataset": dataset,
        "layers": list(base.layers),
        "epochs": base.descent.epochs,
        "samples": None,
        RULE: rule.name,
        "weight_bits": base.on_chip.fixed.weight_bits,
        "accumulator_bits": base.on_chip.accumulator_bits,
        "weight_range": list(base.on_chip.weight_range),
        "input": base.input,
        "lr_scale": 1.0,
        "seed": 0,
        **{name: getattr(chosen, name) for name in setting_names(rule)},
    }


def config_of_rule(settings: dict[str, Any]) -> Config:
    """The training of a point; rates are those chosen for the data set, times ``lr_scale``.

    Raises
    ------
    InputError
        If the settings are wrong or do not go together.
    """
    kind = rule_of_sweep(settings[RULE])
    rule = kind(**{name: settings[name] for name in setting_names(kind)})
    dataset, layers = settings["dataset"], tuple(settings["layers"])
    base = spiking_preset(dataset, layers, rule)
    return spiking_preset(
        dataset,
        layers,
        rule,
        descent={
            "lr": [rate * settings["lr_scale"] for rate in base.descent.lr],
            "epochs": settings["epochs"],
        },
        on_chip={
            "fixed": FixedPoint(weight_bits=settings["weight_bits"]),
            "weight_range": tuple(settings["weight_range"]),
            "accumulator_bits": settings["accumulator_bits"],
        },
        input=settings["input"],
        seed=settings["seed"],
    )
