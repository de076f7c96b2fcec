"""What a report says of the chip itself, and which of its figures are weak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eqchip.emulator.errors import InputError
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.readable import percent
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import MANAGEMENT_POWER, STATIC, Entry, energy_of, kinds_of
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.executable import executable
from eqchip.mapping.chip_file.figures import STATUSES, Area, Limit
from eqchip.mapping.kinds import TRAINING

WEAK_SHARE = 0.01  # of the training energy: below, a coefficient's weakness does not show
SHOWN_WEAKEST = 5
# The kind that a power decides; that of a core is the chip's, shared out, and decides nothing.
_OF_POWER = {"chip": STATIC, "core": "", "management": MANAGEMENT_POWER}
# What a table of a chip file decides, and the kind where its keys are none.
_OF_TABLE: dict[str, tuple[str, str | None]] = {
    "energy": ("energy", None),
    "time": ("time", None),
    "barrier": ("time", "barrier"),
    "clock": ("energy", "clock_cycle"),
    "static_power": ("energy", STATIC),
    "step_floor": ("time", "step_floor"),
}


def section(replay: Replay, accounts: Accounts, chip_file: str) -> dict[str, Any]:
    """The chip: its figures, which were used, and which of them are weak."""
    chip = replay.chip
    tiles = 0 if replay.mapped is None else replay.mapped.tiles
    critical = [accounts.critical[phase] for phase in TRAINING]
    found = coefficients(chip, accounts.entries, critical, tiles, TRAINING)
    return {
        "name": chip.name,
        "title": chip.title,
        "origin": chip.origin,
        "description": " ".join(chip.description.split()),
        "model": chip.model,
        "file": chip_file,
        "digest": replay.digest,
        "chips": 1 if replay.mapped is None else replay.mapped.chips,
        "learning": chip.learning,
        "copies": chip.copies,
        "coefficients": found,
        "unknown": [{"name": name, "why": why} for name, why in chip.unknown.items()],
        "included": [
            {"name": name, "in": where} for name, where in {**chip.included, **chip.absent}.items()
        ],
        "visits": None if chip.learning_engine is None else chip.learning_engine.visits,
        "weakest": weakest(found),
        "shares_kernels": chip.shares_kernels,
        "area": {part: area.model_dump(mode="json") for part, area in chip.area.items()},
        "rule": _rule(replay),
    }


def barrier_shares(chip: Chip, tiles: int) -> dict[str, float]:
    """How much of the barrier of so many tiles each row of its table makes."""
    whole = chip.barrier_seconds(tiles) if tiles else None
    found = {}
    for row in chip.barrier if whole and whole.value else ():
        others = chip.model_copy(
            update={"barrier": tuple(one if one is row else one.at(0.0) for one in chip.barrier)}
        ).barrier_seconds(tiles)
        assert others is not None and whole is not None
        found[f"barrier.{row.active_tiles}"] = others.value / whole.value
    return found


def _rule(replay: Replay) -> dict[str, Any] | None:
    """Whether the chip can run the rule of the run; None of one that nobody would run it on."""
    chip = replay.chip
    if chip.cores is None and not chip.capabilities:
        return None
    return executable(chip, replay.config).to_dict()


def coefficients(
    chip: Chip,
    entries: Sequence[Entry],
    critical: Sequence[Mapping[str, float]],
    tiles: int,
    phases: Sequence[str],
) -> list[dict[str, Any]]:
    """Every coefficient, and how much of the energy or time of some phases rests on it.

    critical: seconds by kind, of each phase; tiles: that the barrier waits for.
    """
    of_barrier = barrier_shares(chip, tiles)
    joules: dict[str, float] = {}
    for kind in kinds_of(entries):
        figure = energy_of(entries, phases, kind).figure
        if figure is not None:
            joules[kind] = figure.value
    seconds: dict[str, float] = {}
    for kind, lasted in (one for each in critical for one in each.items()):
        seconds[kind] = seconds.get(kind, 0.0) + lasted
    spent = {"energy": joules, "time": seconds}
    sums = {of: sum(each.values()) for of, each in spent.items()}
    found: list[dict[str, Any]] = []
    for address, one in chip.figures():
        if isinstance(one, (Limit, Area)):  # which decide neither energy nor time
            continue
        of, kind = _decides(address)
        whole = sums[of]
        share = spent[of][kind] / whole if whole and kind in spent[of] else None
        if share is not None and kind == "barrier":
            share = share * of_barrier.get(address, 0.0) or None
        found.append(
            {
                "name": address,
                **one.model_dump(mode="json", include=set(_SHOWN)),
                "share": share,
                "share_of": of,
            }
        )
    return found


def _decides(address: str) -> tuple[str, str]:
    """Energy or time, and the kind of event, of a coefficient at an address of a chip file."""
    table, _, key = address.partition(".")
    if table not in _OF_TABLE:
        raise InputError(
            f"{address}: no report knows what a figure of the table {table} decides; expected one "
            f"of {', '.join(_OF_TABLE)}"
        )
    of, kind = _OF_TABLE[table]
    if table == "static_power":
        return of, _OF_POWER[key]
    return of, key if kind is None else kind


_SHOWN = ("low", "value", "high", "unit", "source", "status", "confidence", "note")


def weakest(coefficients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The coefficients of the energy that a reader should doubt first.

    Of those that decide at least a hundredth of the training energy: by status, the weakest
    first, then by how wide a band of the energy they leave.
    """

    def doubt(row: dict[str, Any]) -> tuple[int, float]:
        return STATUSES.index(row["status"]), row["share"] * _band(row)

    deciding = [
        row
        for row in coefficients
        if row["share_of"] == "energy" and (row["share"] or 0.0) >= WEAK_SHARE
    ]
    found = []
    for row in sorted(deciding, key=doubt, reverse=True)[:SHOWN_WEAKEST]:
        found.append(
            {
                **{name: row[name] for name in ("name", "status", "confidence", "share", "note")},
                "why": f"{percent(row['share'])} of the training energy, {row['status']}, "
                f"{row['low']:g} to {row['high']:g} {row['unit']}",
            }
        )
    return found


def _band(row: dict[str, Any]) -> float:
    return float((row["high"] - row["low"]) / row["value"]) if row["value"] else 0.0
