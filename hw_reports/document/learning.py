"""The sections of a report on learning: what it went by, on the chip, by a read-out outside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eqchip.emulator.learning.onchip_traffic import mirror_modes, window_steps
from eqchip.emulator.training.signals import Signals
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.phases import copies_written


def section(replay: Replay, accounts: Accounts) -> dict[str, Any] | None:
    """What a chip that learns does for a sample; None: the run did not learn on one."""
    onchip, learned, told = replay.config.on_chip, accounts.learned, accounts.signals
    if onchip is None or learned is None or told is None or replay.written is None:
        return None
    modes = mirror_modes(replay.config)
    return {
        "sees": onchip.sees,
        "copies": onchip.copies,
        "every": onchip.every,
        "attempted": learned.attempted,
        "all_copies": copies_written(replay.config, replay.chip),
        "applied": replay.written.applied,
        "saturated": replay.written.saturated,
        "messages": learned.messages,
        "window_steps": window_steps(replay.config),
        "signals": {"messages": told.messages, "hops": told.hops, "rounds": told.rounds},
        "kernels": None
        if learned.kernels is None
        else {
            "written": onchip.kernels,
            "summed": onchip.sharing.summed,
            "apart": onchip.sharing.apart,
            **learned.kernels,
        },
        "mirror_modes": None if modes is None else {"presentations": modes.presentations},
        "forward_copy_alone": not replay.both_copies and not onchip.upkeep.keeps_equal,
    }


def read_out(accounts: Accounts) -> dict[str, Any] | None:
    """What a read-out and its processor tell each other, by phase; None: nothing is counted."""
    names = ("steps", "errors", "messages", "hops", "events")
    return {
        phase: {name: getattr(told, name) for name in names}
        for phase, told in accounts.readout.items()
    } or None


def by_layer(trained: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """What learning went by, in the epochs whose lines tell it; None: no line does.

    Lines of a run begun by an earlier version do not.
    """
    told = [row for row in trained if all(name in row for name in Signals._fields)]
    if not told:
        return None
    return {
        "epochs": [row["epoch"] for row in told],
        **{name: [row[name] for row in told] for name in Signals._fields},
    }
