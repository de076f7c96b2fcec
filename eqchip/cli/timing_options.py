"""The flags of an asynchronous chip, shared by all commands that run one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

from eqchip.cli.command import section
from eqchip.emulator.description.asynchronous import (
    OF_SYNAPSES,
    USUAL,
    Asynchronous,
    Clocks,
    Delays,
    Faults,
    Queues,
    Timing,
)
from eqchip.emulator.errors import InputError

# What `--timing async` means where no flag says otherwise.
DEFAULTS: dict[str, Any] = {
    "clocks": USUAL.clocks.per,
    "clock_spread": USUAL.clocks.spread,
    "clock_offset": USUAL.clocks.offset,
    "clock_jitter": USUAL.clocks.jitter,
    "restart_clocks": USUAL.clocks.restarted,
    "uncalibrated": not USUAL.clocks.calibrated,
    "delay": USUAL.delays.fixed,
    "delay_jitter": USUAL.delays.jitter,
    "event_time": USUAL.queues.synaptic_event,
    "loss": USUAL.faults.loss,
    "stuck_at_0": USUAL.faults.stuck_at_0,
    "stuck_at_1": USUAL.faults.stuck_at_1,
    "synapses_at_0": USUAL.faults.synapses_at_0,
    "synapses_at_limit": USUAL.faults.synapses_at_limit,
    "synapses_frozen": USUAL.faults.synapses_frozen,
    "timing_seed": USUAL.seed,
}
# What a chip with one clock has as well: with --timing sync.
OF_FAULTS = ("loss", "stuck_at_0", "stuck_at_1", *OF_SYNAPSES)
WITH_ONE_CLOCK = (*OF_FAULTS, "timing_seed")
ONE_CLOCK: dict[str, Any] = {"clock_spread": 0.0, "clock_offset": 0.0, "clock_jitter": 0.0}

# How an error of a description begins -> the flag that it is about.
FLAGS = {
    "Clocks: spread": "--clock-spread",
    "Clocks: offset": "--clock-offset",
    "Clocks: jitter": "--clock-jitter",
    "Delays: fixed": "--delay",
    "Delays: jitter": "--delay-jitter",
    "Queues: synaptic_event": "--event-time",
    "Faults: loss": "--loss",
    "Faults: stuck_at_0": "--stuck-at-0",
    "Faults: stuck_at_1": "--stuck-at-1",
    **{f"Faults: {name}": f"--{name.replace('_', '-')}" for name in OF_SYNAPSES},
    "Asynchronous: seed": "--timing-seed",
}


def timing_options(default: str | None = "sync") -> Callable[[Any], Any]:
    """Add the flags to a command; `timing_from` reads them.

    default: "sync", "async", or None where a run has a timing of its own.
    """
    options = [
        click.option(
            "--timing", type=click.Choice(("sync", "async")), default=default,
            show_default=default is not None,
            help="One clock for all units, or a chip without a global clock."
            + ("" if default else " Default: as in the run."),
        ),
        click.option(
            "--clocks", type=click.Choice(("unit", "core")),
            help="With --timing async: a clock for every unit [default], or for every core.",
        ),
        _number("--clock-spread", "Standard deviation of the clocks' periods."),
        _number("--clock-offset", "Share of a period over which clocks start."),
        _number("--clock-jitter", "Width of the window in which a tick falls, in periods."),
        click.option(
            "--restart-clocks", is_flag=True, default=None,
            help="Clocks that stop: they go back with the states when the nudge changes sign.",
        ),
        click.option(
            "--uncalibrated", is_flag=True, default=None,
            help="Decoders that do not know the ratio of two clocks.",
        ),
        _number("--delay", "How long a message travels, in nominal periods."),
        _number("--delay-jitter", "Width of what is drawn on top."),
        _number(
            "--event-time",
            "Periods that a core takes to add one weight: messages queue; 0: no queue.",
        ),
    ]  # fmt: skip
    faults = [
        _number("--loss", "Probability that a message is lost."),
        _number("--stuck-at-0", "Share of units whose bit is always 0."),
        _number("--stuck-at-1", "Share of units whose bit is always 1."),
        _number("--synapses-at-0", "On a chip: share of synapses whose code is always 0."),
        _number(
            "--synapses-at-limit", "Share whose code is always the largest, of a drawn sign."
        ),
        _number("--synapses-frozen", "Share whose code stays what it was before learning."),
        click.option("--timing-seed", type=int, help="Of clocks, delays and faults.  [0]"),
    ]  # fmt: skip

    def add(command: Any) -> Any:
        command = section("Faults of the chip, with --timing sync or async", faults)(command)
        return section("Without a global clock, with --timing async", options)(command)

    return add


def timing_from(settings: dict[str, Any]) -> Timing:
    """Take the flags out of a command's settings; None: no flag is given.

    A chip with one clock for all and faults is a timing, too.

    Raises
    ------
    InputError
        If a value is out of its range, or a flag is given without its ``--timing``.
    """
    timing = settings.pop("timing")
    given = {name: settings.pop(name) for name in DEFAULTS}
    given = {name: value for name, value in given.items() if value is not None}
    usual = DEFAULTS
    if timing != "async":
        alone = [name for name in given if timing is None or name not in WITH_ONE_CLOCK]
        if alone:
            flag = "--" + alone[0].replace("_", "-")
            either = "--timing sync or " if alone[0] in WITH_ONE_CLOCK else ""
            raise InputError(
                f"{flag} is given without {either}--timing async; expected that, or no such flag"
            )
        if not any(given.get(name) for name in OF_FAULTS):
            return "sync" if timing == "sync" else None
        usual = {**DEFAULTS, **ONE_CLOCK}
    try:
        return _asynchronous({**usual, **given})
    except InputError as error:
        text = str(error)
        for began, flag in FLAGS.items():
            text = re.sub(rf"^{began}(?= )", flag, text)
        raise InputError(text) from error


def _asynchronous(chosen: dict[str, Any]) -> Asynchronous:
    return Asynchronous(
        clocks=Clocks(
            per=chosen["clocks"],
            spread=chosen["clock_spread"],
            offset=chosen["clock_offset"],
            jitter=chosen["clock_jitter"],
            restarted=chosen["restart_clocks"],
            calibrated=not chosen["uncalibrated"],
        ),
        delays=Delays(fixed=chosen["delay"], jitter=chosen["delay_jitter"]),
        queues=Queues(synaptic_event=chosen["event_time"]),
        faults=Faults(**{name: chosen[name] for name in OF_FAULTS}),
        seed=chosen["timing_seed"],
    )


def _number(flag: str, text: str) -> Callable[[Any], Any]:
    default = DEFAULTS[flag.removeprefix("--").replace("-", "_")]
    return click.option(flag, type=float, help=f"{text}  [{default:g}]")
