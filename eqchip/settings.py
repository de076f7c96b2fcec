"""All settings of a training run, from those that are given, by whatever they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description import notation
from eqchip.emulator.description.asynchronous import Timing, timing_of
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import Config, Descent, setting_names
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.sight import SIGHTS
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.description.spiking.rules import setting_names as rule_settings
from eqchip.emulator.description.upkeep import UPKEEPS, Shrink
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.presets import KINDS, preset, spiking_preset, spiking_settings
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.learning import check_learns, check_payload, learning_chip
from eqchip.mapping.placement.partition import check_fits

DATASET = "digits"

# Settings by the description that they belong to. Those of a chip's integers are the chip's own,
# but for the bits of a weight.
SETTINGS: dict[str, tuple[str, ...]] = {
    "learning": setting_names(Learning),
    "descent": setting_names(Descent),
    "coding": setting_names(Coding),
    "on_chip": (*(name for name in setting_names(OnChip) if name != "fixed"), "weight_bits"),
    "config": tuple(
        name
        for name in setting_names(Config)
        if name
        not in (
            "dataset",
            "layers",
            "timing",
            "coding",
            "on_chip",
            "spiking",
            "learning",
            "descent",
        )
    ),
    "spiking": tuple(
        dict.fromkeys(name for rule in SPIKING_RULES.values() for name in rule_settings(rule))
    ),
}


def usual_settings(dataset: str = DATASET) -> dict[str, Any]:
    """What a data set is trained with where nothing is said, by the names of settings.

    Examples
    --------
    >>> usual_settings()["beta"], usual_settings("mnist")["minibatch"]
    (0.5, 20)
    """
    config = preset(dataset)
    homes = {name: getattr(config, name) for name in ("learning", "descent", "coding")}
    homes["config"] = config
    return {name: getattr(home, name) for of, home in homes.items() for name in SETTINGS[of]}


def configuration(
    dataset: str | Dataset | None,
    *,
    network: str | Sequence[notation.Entry] | None = None,
    timing: Timing = None,
    on_chip: str | Path | None = None,
    settings: Mapping[str, Any],
) -> Config:
    """All settings of a run, from those that are given; see :func:`eqchip.train`.

    Raises
    ------
    InputError
    """
    dataset = DATASET if dataset is None else dataset
    if settings.get("rule") in SPIKING_RULES:
        name = dataset if isinstance(dataset, str) else dataset.name
        return spiking_configuration(
            name, network=network, timing=timing, on_chip=on_chip, settings=settings
        )
    by_home = _sorted(settings)
    for name in by_home["spiking"]:
        able = [rule.name for rule in SPIKING_RULES.values() if name in rule_settings(rule)]
        raise InputError(
            f"--{name.replace('_', '-')} is given without its rule; expected --rule "
            f"{' or '.join(able)}, or no such flag"
        )
    plain: dict[str, Any] = {**by_home["config"], "timing": timing_of(None, timing)}
    layers: tuple[notation.Entry, ...] | str | None
    if isinstance(network, str) and network not in KINDS:
        layers = notation.parse(network)
    else:
        layers = network if network is None or isinstance(network, str) else tuple(network)
    chip = _chip(on_chip, by_home["on_chip"])
    if chip is not None:
        plain["on_chip"] = _on_chip(chip, by_home["on_chip"])
    if by_home["coding"]:
        plain["coding"] = _coding(by_home["coding"])
    if isinstance(plain.get("links"), str):
        plain["links"] = notation.parse_links(plain["links"])
    if isinstance(plain.get("initial_gain"), (int, float)):
        plain["initial_gain"] = (plain["initial_gain"],)  # one for all
    learning, descent = by_home["learning"], by_home["descent"]
    usual = preset(dataset, layers, learning=learning, **_bare(plain))
    chain = len(usual.layers) - 1
    for of, name in ((descent, "lr"), (plain, "feedback_shifts")):
        if name in of:
            values = tuple(of[name]) if isinstance(of[name], Sequence) else (of[name],)
            of[name] = values * chain if len(values) == 1 else values  # one for all
    if "lr" in descent and len(descent["lr"]) == chain:
        rates = notation.rates_with_links(descent["lr"], usual.layers, usual.links)
        descent["lr"] = tuple(rates)
    config = preset(dataset, layers, learning=learning, descent=descent, **plain)
    if chip is not None:
        _check_fits(config, chip)
    return config


def spiking_configuration(
    dataset: str,
    *,
    network: str | Sequence[notation.Entry] | None,
    timing: Timing,
    on_chip: str | Path | None,
    settings: Mapping[str, Any],
) -> Config:
    """All settings of a run by a rule of integrate-and-fire units, from those that are given.

    Raises
    ------
    InputError
    """
    rule = SPIKING_RULES[settings["rule"]]
    own = rule_settings(rule)
    homes: dict[str, tuple[str, ...]] = {
        "spiking": own,
        "descent": SETTINGS["descent"],
        "on_chip": SETTINGS["on_chip"],
        "config": ("input", "seed", "validation"),
    }
    found: dict[str, dict[str, Any]] = {home: {} for home in homes}
    for name, value in settings.items():
        home = next((home for home, names in homes.items() if name in names), None)
        if home is not None:
            found[home][name] = value
        elif name != "rule":
            raise InputError(
                f"--{name.replace('_', '-')} is given with rule {rule.name!r}, which does not know "
                f"it; expected no such flag, or one of its own: {', '.join(own) or 'none'}"
            )
    if timing not in (None, "sync"):
        raise InputError(f"rule {rule.name!r}: timing is given; expected one clock for all")
    if on_chip is None:
        raise InputError(f"rule {rule.name!r} learns on a chip only; expected --on-chip CHIP")
    chip = load_chip(on_chip)
    check_learns(chip)
    assert chip.arithmetic is not None
    if network == "conv":
        raise InputError(f"rule {rule.name!r}: network is 'conv'; expected dense layers")
    layers: tuple[notation.Entry, ...] | None = None
    if network is not None and network != "dense":
        layers = notation.parse(network) if isinstance(network, str) else tuple(network)
    chosen = {**spiking_settings(rule.name, dataset), **found["spiking"]}
    given = {"fixed": replace(chip.arithmetic, outliers=0.0), **found["on_chip"]}
    if "weight_bits" in given:
        given["fixed"] = replace(given["fixed"], weight_bits=given.pop("weight_bits"))
    descent = found["descent"]
    if "lr" in descent:
        rates = descent["lr"] if isinstance(descent["lr"], Sequence) else (descent["lr"],)
        usual = spiking_preset(dataset, layers, rule(**chosen))
        connections = len(usual.layers) - 1
        descent["lr"] = tuple(rates) * (connections if len(rates) == 1 else 1)
    config = spiking_preset(
        dataset, layers, rule(**chosen), descent=descent, on_chip=given, **found["config"]
    )
    _check_fits(config, chip)
    return config


def _bare(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that depend on the number of connections."""
    return {name: value for name, value in plain.items() if name != "feedback_shifts"}


def _sorted(settings: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings by the description that they belong to."""
    found: dict[str, dict[str, Any]] = {home: {} for home in SETTINGS}
    for name, value in settings.items():
        homes = [home for home, names in SETTINGS.items() if name in names]
        if not homes:
            known = sorted(name for names in SETTINGS.values() for name in names)
            raise InputError(
                f"train: setting {name!r} is unknown; expected one of {', '.join(known)}"
            )
        found[homes[0]][name] = value
    return found


def _coding(given: Mapping[str, Any]) -> dict[str, Any]:
    """What of a coding is given; a prediction by the name of none is switched off.

    Raises
    ------
    InputError
        For what no coding takes.
    """
    found = {name: value for name, value in given.items() if value is not None}
    if found.get("prediction") == "none":
        found["prediction"] = None
    # For its refusals, which say more than those of a table of settings.
    replace(Coding.real_valued() if found.get("quantizer") == "none" else Coding(), **found)
    return found


def _chip(on_chip: str | Path | None, given: Mapping[str, Any]) -> Chip | None:
    """The chip to learn on."""
    if on_chip is None:
        if given:
            flag = next(iter(given)).replace("_", "-")
            raise InputError(f"--{flag} is given without --on-chip; expected that, or no such flag")
        return None
    chip = load_chip(on_chip)
    check_learns(chip)
    return chip


def _on_chip(chip: Chip, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of learning on a chip, in its integers."""
    assert chip.arithmetic is not None
    settings = {"fixed": replace(chip.arithmetic, outliers=0.0), **given}
    if "weight_bits" in settings:
        settings["fixed"] = replace(settings["fixed"], weight_bits=settings.pop("weight_bits"))
    sees = settings.get("sees", OnChip.sees)
    if sees not in SIGHTS:
        raise InputError(f"train: unknown sees {sees!r}; expected one of {', '.join(SIGHTS)}")
    settings = {"copies": SIGHTS[sees].upkeep, **settings}
    copies = settings["copies"]
    upkeep = UPKEEPS.get(copies)  # an unknown one is refused with all other settings
    if "trace_bits" in given and not SIGHTS[sees].counts_spikes:
        raise InputError(
            f"--trace-bits is given with --sees {sees}, which counts no spikes; expected no such "
            "flag, or another --sees"
        )
    if "change_spikes" in given and not SIGHTS[sees].spikes:
        raise InputError(
            f"--change-spikes is given with --sees {sees}, where no spike tells of a change; "
            "expected no such flag, or --sees signed-spikes"
        )
    if "decay_rate" in given and upkeep is not None and not isinstance(upkeep.tending, Shrink):
        raise InputError(
            f"--decay-rate is given with --copies {copies}, which does not shrink them; "
            "expected no such flag, or --copies decay"
        )
    return settings


def _check_fits(config: Config, chip: Chip) -> None:
    """Refuse a network that does not fit the chip with what learning remembers beside it.

    And an input that is sent as numbers, where its spikes carry none.
    """
    assert config.on_chip is not None
    if config.input == "current":
        check_payload(chip, config.on_chip.fixed.fraction_bits, "--input current sends the input")
    found = check_fits(config.topology, learning_chip(chip, config.on_chip))
    if found.gatherers:
        layers = ", ".join(str(layer) for layer in found.first_slices)
        raise InputError(
            f"--on-chip: on {chip.name} the fan-in of layers {layers} takes several cores, and "
            "learning on the chip does not know of their partial sums; expected narrower layers"
        )
