"""Settings that work without a flag, per data set; the figures are in ``presets.toml``."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import Any

from eqchip.emulator.config import Config, make_config
from eqchip.emulator.errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ONE_HIDDEN_LAYER = ("input", "hidden", "output")


def preset(
    dataset: str,
    layers: tuple[int, ...] | None = None,
    *,
    learning: dict[str, Any] | None = None,
    descent: dict[str, Any] | None = None,
    **settings: Any,
) -> Config:
    """The configuration of a data set, with some settings replaced.

    Parameters
    ----------
    dataset : {"digits", "mnist", "fashion-mnist"}
    layers : tuple of int, optional
    learning, descent : dict, optional
        Replaced settings of :class:`~eqchip.emulator.learning.Learning` and
        :class:`~eqchip.emulator.config.Descent`.
    **settings
        Replaced settings of :class:`~eqchip.emulator.config.Config`.

    Raises
    ------
    InputError
        For an unknown data set or a wrong setting.

    Examples
    --------
    >>> preset("digits", descent={"epochs": 3}).descent.epochs
    3
    """
    known = tomllib.loads(files(__package__).joinpath("presets.toml").read_text())
    deep = known.pop("deep")
    if dataset not in known:
        raise InputError(f"data set {dataset!r} is unknown; expected one of {', '.join(known)}")
    base = known[dataset]
    layers = tuple(layers or base["layers"])
    if len(layers) > len(ONE_HIDDEN_LAYER):
        base = {**base, **deep}
    rates = [base["first_rate"] * base["rate_ratio"] ** k for k in range(len(layers) - 1)]
    return make_config(
        dataset=dataset,
        layers=layers,
        learning={
            **{name: base[name] for name in ("free_steps", "nudged_steps", "beta")},
            **(learning or {}),
        },
        descent={
            "lr": rates,
            **{name: base[name] for name in ("epochs", "minibatch", "input_dropout")},
            **(descent or {}),
        },
        **{"validation": base["validation"], **settings},
    )
