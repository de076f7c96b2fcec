"""Settings that work without a flag, per data set; the figures are in ``presets.toml``."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description import notation
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import Config, Descent, make_config, setting_names
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.notation import Entry
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ONE_HIDDEN_LAYER = ("input", "hidden", "output")

MOST_HELD = 5000  # samples of one's own that are set aside for validation

# Kinds of networks that a data set has settings for.
KINDS = ("dense", "conv")


def preset(
    dataset: str | Dataset,
    layers: tuple[Entry, ...] | str | None = None,
    *,
    learning: dict[str, Any] | None = None,
    descent: dict[str, Any] | None = None,
    **settings: Any,
) -> Config:
    """The configuration of a data set, with some settings replaced.

    Parameters
    ----------
    dataset : {"digits", "mnist", "fashion-mnist", "mnist-20x20", "cifar-10"} or Dataset
        For one's own data, the data: a network of one hidden layer between its inputs and classes.
    layers : tuple of int or str, or {"dense", "conv"}, optional
        A network as in :mod:`eqchip.emulator.description.notation`, or the kind whose network was
        chosen for the data set. Settings are those of the kind. Default: dense, where a data set
        has settings for it.
    learning, descent : dict, optional
        Replaced settings of :class:`~eqchip.emulator.description.learning.Learning` and
        :class:`~eqchip.emulator.description.config.Descent`.
    **settings
        Replaced settings of :class:`~eqchip.emulator.description.config.Config`; ``on_chip`` and
        ``coding`` as a dictionary of what is not as chosen for the data set.

    Raises
    ------
    InputError
        For an unknown data set or a wrong setting, or one that another leaves without effect.

    Examples
    --------
    >>> preset("digits", descent={"epochs": 3}).descent.epochs
    3
    >>> preset("digits", "conv").written
    '8x8-16c3z1p2-10'
    """
    if descent and descent.get("schedule") == "constant" and descent.get("warm_up"):
        raise InputError(
            f"warm_up is {descent['warm_up']!r} with schedule 'constant', which does not rise; "
            "expected schedule 'cosine', or no warm_up"
        )
    known = tomllib.loads(files(__package__).joinpath("presets.toml").read_text("utf-8"))
    deep = known.pop("deep")
    deep_online, by_readout = deep.pop("on-chip"), deep.pop("by-readout")
    own = known.pop("own")
    if isinstance(layers, str) and layers not in KINDS:
        raise InputError(f"network {layers!r} is unknown; expected one of {', '.join(KINDS)}")
    name = dataset if isinstance(dataset, str) else dataset.name
    if name in known:
        base = known[name]
    elif isinstance(dataset, Dataset):
        base = _of_own(own, known["digits"]["conv"], dataset, layers)
    else:
        raise InputError(f"data set {name!r} is unknown; expected one of {', '.join(known)}")
    if "as" in base:  # settings of another data set, but for what differs
        other, own_conv = known[base.pop("as")], base.pop("conv")
        conv = {**other["conv"], **own_conv}
        if "on-chip" in other["conv"]:
            conv["on-chip"] = {**other["conv"]["on-chip"], **own_conv.get("on-chip", {})}
        base = {**other, **base, "conv": conv}
    if "layers" not in base and layers is None:
        layers = "conv"
    conv = base.pop("conv")
    by_kind = isinstance(layers, str)
    convolves = layers == "conv" if by_kind else any(isinstance(e, str) for e in layers or ())
    asked = settings.get("on_chip")
    _check_chosen(name, base, conv, convolves, asked is not None)
    online, online_conv = base.pop("on-chip", {}), conv.pop("on-chip", {})
    sees = asked.get("sees") if isinstance(asked, dict) else getattr(asked, "sees", None)
    by_sight = online.pop("sees", {})
    if convolves:
        base = {**conv, **(online_conv if settings.get("on_chip") is not None else {})}
    elif settings.get("on_chip") is not None:
        base = {**base, **online, **by_sight.get(sees, {})}
    if settings.get("timing") is not None:  # units are at no moment all at the end of a phase
        base = {name: value for name, value in base.items() if name != "skip_right"}
    entries = base["layers"] if layers is None or isinstance(layers, str) else layers
    if len(entries) > len(ONE_HIDDEN_LAYER) and not convolves:
        readout = (learning or {}).get("readout", base.get("readout", Learning.readout))
        base = {**base, **deep, **by_readout.get(readout, {})}
        base = {**base, **(deep_online if settings.get("on_chip") is not None else {})}
    rates = _rates(base, len(entries) - 1)
    links = settings.get("links", ())
    rates = notation.rates_with_links(rates, entries, links) if links else rates
    if isinstance(settings.get("on_chip"), dict) and "ranges" in base:
        ranges = _from_both_ends(base["ranges"], len(entries) - 1)
        kept = {"trace_bits": base["trace_bits"]} if "trace_bits" in base else {}
        settings["on_chip"] = {"weight_range": ranges, **kept, **settings["on_chip"]}
    plain = {name: base[name] for name in ("validation", "input") if name in base}
    if isinstance(given := settings.get("coding", {}), dict):
        settings["coding"] = _coding(base, given)
    if "gains" in base:
        gains = _from_both_ends(base["gains"], len(entries) - 1)
        plain["initial_gain"] = notation.rates_with_links(gains, entries, links) if links else gains
    if "feedback_shifts" in base:
        plain["feedback_shifts"] = _from_both_ends(base["feedback_shifts"], len(entries) - 1)
    return make_config(
        dataset=name,
        layers=tuple(entries),
        learning={
            **{name: base[name] for name in setting_names(Learning) if name in base},
            **(learning or {}),
        },
        descent={
            "lr": rates,
            **{name: base[name] for name in setting_names(Descent) if name in base},
            **(descent or {}),
        },
        **{**plain, **settings},
    )


def _check_chosen(
    name: str, base: dict[str, Any], conv: dict[str, Any], convolves: bool, on_chip: bool
) -> None:
    """Refuse a kind of network, or a chip to learn on, that a data set has no settings for.

    Raises
    ------
    InputError
    """
    if not convolves and "layers" not in base:
        raise InputError(
            f"data set {name!r} has settings for networks with convolutions alone; expected "
            f"network 'conv', or one layer by layer, e.g. {'-'.join(map(str, conv['layers']))}"
        )
    if on_chip and "on-chip" not in (conv if convolves else base):
        raise InputError(
            f"data set {name!r} has no settings for learning on a chip; expected no on_chip"
        )


def usual_ends(dataset: str) -> tuple[int, int]:
    """The inputs and classes of a named data set, without loading it.

    Examples
    --------
    >>> usual_ends("mnist")
    (784, 10)
    """
    sizes = preset(dataset).sizes
    return sizes[0], sizes[-1]


def spiking_preset(
    dataset: str,
    layers: tuple[Entry, ...] | None,
    rule: SpikingRule,
    *,
    descent: dict[str, Any] | None = None,
    on_chip: dict[str, Any] | None = None,
    **settings: Any,
) -> Config:
    """The configuration of a data set that a rule of integrate-and-fire units learns.

    Parameters
    ----------
    dataset : {"digits", "mnist", "fashion-mnist"}
    layers : tuple of int or str, optional
        Default: those of the data set.
    rule : SpikingRule
    descent, on_chip, **settings : as for `preset`

    Raises
    ------
    InputError
        For a data set that the rule has no settings for, or a wrong setting.

    Examples
    --------
    >>> from eqchip.emulator.description.spiking.rules import Graded
    >>> spiking_preset("digits", None, Graded()).written
    '64-100-10'
    """
    text = files(__package__).joinpath("spiking_presets.toml").read_text("utf-8")
    known = tomllib.loads(text).get(rule.name, {})
    if dataset not in known:
        able = ", ".join(known) or "none"
        raise InputError(
            f"rule {rule.name!r} has no settings for data set {dataset!r}; expected one of {able}"
        )
    usual, base = preset(dataset), known[dataset]
    entries = tuple(base.get("layers", usual.layers)) if layers is None else layers
    connections = len(entries) - 1
    return make_config(
        dataset=dataset,
        layers=entries,
        spiking=rule,
        descent={
            "lr": _from_both_ends(base["rates"], connections),
            "epochs": base["epochs"],
            "warm_up": 0.0,
            "minibatch": 1,
            **(descent or {}),
        },
        on_chip={"weight_range": _from_both_ends(base["ranges"], connections), **(on_chip or {})},
        **{"validation": usual.validation, **settings},
    )


def spiking_settings(name: str, dataset: str) -> dict[str, Any]:
    """The settings of a rule itself that were chosen for a data set."""
    text = files(__package__).joinpath("spiking_presets.toml").read_text("utf-8")
    found: dict[str, Any] = tomllib.loads(text).get(name, {}).get(dataset, {}).get("rule", {})
    return found


def _of_own(
    own: dict[str, Any],
    conv: dict[str, Any],
    dataset: Dataset,
    layers: tuple[Entry, ...] | str | None,
) -> dict[str, Any]:
    """Settings for data of one's own: a table as of a named data set."""
    if layers == "conv":
        raise InputError(
            f"network 'conv' was chosen for the named data sets, not for {dataset.name!r}; "
            "expected one layer by layer, e.g. 28x28-16c5p2-10"
        )
    by_task = own.pop("by-task")
    differs = by_task.get(dataset.task, {})
    on_chip = {**own["on-chip"], **differs.get("on-chip", {})}
    own = {**own, **differs, "on-chip": on_chip}
    held = min(len(dataset.train_y) // 10, MOST_HELD)
    # As many passes as it takes to see enough samples, where there are few.
    epochs = max(own["epochs"], -(-own.pop("samples") // max(len(dataset.train_y) - held, 1)))
    return {
        **own,
        "layers": [dataset.train_x.shape[1], own["hidden"], dataset.classes],
        "validation": held,
        "epochs": epochs,
        "conv": {**conv, "validation": held},
    }


def _coding(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The coding of a preset, with what is given in its place.

    Without a quantizer messages are exact: what was chosen for bits does not hold then.
    """
    if given.get("quantizer") == "none":
        return {**vars(Coding.real_valued()), **given}
    step_size = {"step_size": {"value": base["step_size"]}} if "step_size" in base else {}
    return {**base.get("coding", {}), **step_size, **given}


def _rates(base: dict[str, Any], connections: int) -> list[float]:
    """Learning rates of so many connections: as listed, from both ends, or a geometric row."""
    if "rates" not in base:
        return [base["first_rate"] * base["rate_ratio"] ** k for k in range(connections)]
    return _from_both_ends(base["rates"], connections)


def _from_both_ends(values: list[float], connections: int) -> list[float]:
    """As many of (first, those between, last) as there are connections.

    The last of those between is repeated where there are more connections than values.
    """
    *before, last = values
    between = (before + [before[-1] if before[1:] else last] * connections)[: connections - 1]
    return [*between, last] if between else before[:1]
