"""Types of command line arguments: layers, schedules, lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from eqchip.emulator.description.coding import AdaptivePrediction, OptimalStepSize, Polynomial
from eqchip.emulator.description.notation import Entry, connections, parse
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.presets import KINDS

MOST = 1000  # numbers of a span
NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"  # in one way: or it takes for ever


class Layers(click.ParamType):
    """``784-500-10``."""

    name = "layers"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """The parsed value; click shows what is refused."""
        if isinstance(value, tuple):
            return value
        if not re.fullmatch(r"[0-9]{1,9}(-[0-9]{1,9})+", value):
            self.fail(f"{value!r}; expected layer sizes such as 784-500-10", param, ctx)
        return tuple(int(size) for size in value.split("-"))


class NetworkType(click.ParamType):
    """``784-500-10``, ``28x28-32c5p2-10``, or the name of a preset: ``dense``, ``conv``."""

    name = "network"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Entry, ...] | str:
        """The parsed value, or the name; click shows what is refused."""
        if isinstance(value, tuple):
            return value
        if value in KINDS:
            return str(value)
        try:
            entries = parse(value)
            connections(entries)
        except InputError as error:
            self.fail(str(error), param, ctx)
        return entries


class ChipNames(click.ParamType):
    """``loihi1-davies``, or ``loihi1-davies,loihi2``; a file may have a comma in its name."""

    name = "chips"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """The names; which chips there are is for the command to say."""
        if isinstance(value, tuple):
            return value
        if Path(value).exists():
            return (value,)
        return tuple(name.strip() for name in value.split(","))


def one_or_several(
    context: click.Context, parameter: click.Parameter, given: tuple[tuple[str, ...], ...]
) -> str | list[str]:
    """All names that were given: one as it is."""
    found = [name for names in given for name in names]
    return found[0] if len(found) == 1 else found


class Chips(click.ParamType):
    """``4`` or ``auto``."""

    name = "chips"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """The parsed value, None for as many as are needed; click shows what is refused."""
        if isinstance(value, int):
            return value
        if value == "auto":
            return None
        if re.fullmatch(r"[0-9]{1,10}", value) and 1 <= int(value) < 2**31:
            return int(value)
        self.fail(f"{value!r}; expected a number of chips of at least 1, or auto", param, ctx)


class Span(click.ParamType):
    """``1,2,3``, or from one to another, ``2:8``: every number, or each twice the last."""

    name = "numbers"

    def __init__(self, *, doubling: bool = False) -> None:
        self.doubling = doubling

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """The numbers; click shows what is refused."""
        if isinstance(value, tuple):
            return value
        found: tuple[int, ...] = ()
        if re.fullmatch(r"[0-9]{1,6}:[0-9]{1,6}", value):
            first, last = map(int, value.split(":"))
            if self.doubling:
                found = tuple(first << k for k in range(20) if first and first << k <= last)
            else:
                found = tuple(range(first, last + 1))
        elif re.fullmatch(r"[0-9]{1,6}(,[0-9]{1,6})*", value):
            found = tuple(dict.fromkeys(int(one) for one in value.split(",")))
        if not found or len(found) > MOST:
            self.fail(
                f"{value!r}; expected numbers such as 1,2,4, or a span such as 2:8", param, ctx
            )
        return found


class Figures(click.ParamType):
    """``energy.synaptic_event=5pJ``, or several values, ``5pJ,10pJ``."""

    name = "figures"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, tuple[str, ...]]:
        """The address and the values; whether a chip has them is for the command to say."""
        if isinstance(value, tuple):
            return value
        address, _, text = value.partition("=")
        values = tuple(dict.fromkeys(one.strip() for one in text.split(",")))
        if not address.strip() or not all(values):
            self.fail(f"{value!r}; expected such as energy.synaptic_event=5pJ", param, ctx)
        return address.strip(), values

    @staticmethod
    def together(
        context: click.Context, parameter: click.Parameter, given: Any
    ) -> dict[str, tuple[str, ...]] | None:
        """All that were given, by address, each once."""
        for address, _ in given:
            if sum(other == address for other, _ in given) > 1:
                raise click.BadParameter(f"{address} is given twice; expected it once")
        return dict(given) or None


class Rates(click.ParamType):
    """``0.2`` or ``0.2,0.1``."""

    name = "rates"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        """The parsed value; click shows what is refused."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(rate) for rate in value.split(","))
        except ValueError:
            self.fail(f"{value!r}; expected numbers such as 0.2,0.1", param, ctx)


class UnitRates(click.ParamType):
    """``0.05``, or by population ``hidden=0.05,out=0.01``."""

    name = "rates"

    def convert(self, value: Any, param: Any, ctx: Any) -> float | dict[str, float]:
        """The parsed value; which populations there are is for the command to say."""
        if not isinstance(value, str):
            return value
        found: dict[str, float] = {}
        try:
            if "=" not in value:
                return float(value)
            for word in value.split(","):
                name, _, rate = word.rpartition("=")
                if not name or name in found:
                    raise ValueError
                found[name] = float(rate)
        except ValueError:
            self.fail(f"{value!r}; expected 0.05, or hidden=0.05,out=0.01", param, ctx)
        return found


class Names(click.ParamType):
    """``lava`` or ``lava,brian2``."""

    name = "names"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """The parsed value; what names stand for is for the command to say."""
        if isinstance(value, tuple):
            return value
        return tuple(name.strip() for name in value.split(","))


class WholeNumbers(click.ParamType):
    """``4`` or ``0,8,3,0``."""

    name = "whole numbers"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, ...]:
        """The parsed value; click shows what is refused."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r}; expected whole numbers such as 0,8,3,0", param, ctx)


class Schedule(click.ParamType):
    """``0.8``, ``0.83/t^0.58``, and where allowed ``osa:0.0346``, ``adaptive`` or ``none``."""

    name = "schedule"

    def __init__(self, *, adaptive: bool = False, optional: bool = False) -> None:
        self.adaptive = adaptive  # a step size
        self.optional = optional  # a prediction: none, or one that adapts

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        """The parsed value; click shows what is refused."""
        if not isinstance(value, str):
            return value
        text = value.replace(" ", "").replace("**", "^")
        if self.optional and text == "none":
            return "none"
        try:
            if self.adaptive and (match := re.fullmatch(rf"osa:({NUMBER})", text)):
                return OptimalStepSize(float(match[1]))
            if self.optional and (match := re.fullmatch(rf"adaptive(?::({NUMBER}))?", text)):
                return AdaptivePrediction(float(match[1])) if match[1] else AdaptivePrediction()
            if match := re.fullmatch(rf"({NUMBER})(?:/t\^({NUMBER}))?", text):
                return Polynomial(float(match[1]), float(match[2] or 0))
        except InputError as error:
            self.fail(str(error), param, ctx)
        known = ["0.8", "0.83/t^0.58"]
        known += ["osa:0.0346"] * self.adaptive + ["adaptive", "none"] * self.optional
        self.fail(f"{value!r}; expected one such as {', '.join(known)}", param, ctx)


def typed(value: Any) -> str:
    """A setting as one would type it.

    Examples
    --------
    >>> typed((0.4, 0.2)), typed(Polynomial(0.83, 0.58)), typed(None)
    ('0.4,0.2', '0.83/t^0.58', 'none')
    """
    if isinstance(value, tuple):
        return ",".join(map(typed, value))
    if isinstance(value, OptimalStepSize):
        return f"osa:{value.nu_bar:g}"
    if isinstance(value, AdaptivePrediction):
        return f"adaptive:{value.threshold:g}"
    if isinstance(value, Polynomial):
        return f"{value.value:g}" + (f"/t^{value.exponent:g}" if value.exponent else "")
    if value is None:
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
