"""Training on a chip by one model: ours and others', with its error where it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cells import NOTHING, spread, table
from cost_tables import figure

from eqchip.hw_reports.document.readable import amount, digits

Results = dict[str, Any]  # file name -> document
Row = Mapping[str, Any]

# The chips by which all are priced, in the order of columns; the first was calibrated.
CHIPS = ("loihi1-calibrated", "loihi2")
# EP, as run on the emulated chip: what is said of it, its errors, and its cost.
OURS = (
    ("", "mnist-on-chip.json", "onchip-one-model.json"),
    (
        ", changes in 7 bits, steps of 0.8",
        "mnist-on-chip-change-7.json",
        "onchip-change-7-cost.json",
    ),
)
WHATS = ("energy", "time")
UNITS = {"energy": "J", "time": "s"}
NONE = "–"


def by_one_model(results: Results, cores: tuple[int, ...] | None = None) -> str:
    """EP on the chip, and every measured training, each by the same chip files.

    `cores`: of ours, only on so many; None: all that were priced.
    """
    if _missing(results):
        return NOTHING
    seeds = {len(results[reached]["seeds"]) for _, reached, _ in OURS}
    return f"{_table(results, cores, CHIPS, OURS)}\n\n{caption(seeds, results['anchors.json'])}"


def in_brief(results: Results, cores: tuple[int, ...]) -> str:
    """The same by the calibrated chip alone, and no more words than it takes."""
    if _missing(results):
        return NOTHING
    held = results["anchors.json"]["chips"][CHIPS[0]]["held_out"]
    return (
        f"{_table(results, cores, CHIPS[:1], OURS[:1])}\n\n"
        "One training sample, **modelled, not measured**, by one model; (low to high); ≥: terms "
        f"are unknown. Of figures that nothing was fitted to, {held['near']} of {held['tested']} "
        f"are within a factor of {held['factor']:g} ([one by one](docs/anchors.md)). Loihi 1 could "
        "not run EP: its synapses are not told the change of their unit."
    )


def _missing(results: Results) -> bool:
    needed = ("anchors.json", *(file for _, *of in OURS for file in of))
    return any(file not in results for file in needed)


def _table(
    results: Results,
    cores: tuple[int, ...] | None,
    chips: tuple[str, ...],
    of_ours: tuple[tuple[str, str, str], ...],
) -> str:
    rows = []
    for said, reached, priced in of_ours:
        rows += ours(said, results[reached], results[priced], cores, chips)
    rows += others(results["anchors.json"], chips)
    heads = [f"{what} by {chip} >" for chip in chips for what in WHATS]
    return table(
        ["training on the chip, MNIST", "test error, % >", *heads, "measured >",
         "modelled / measured >"],
        rows,
    )  # fmt: skip


def ours(
    said: str, reached: Row, priced: Row, cores: tuple[int, ...] | None, chips: tuple[str, ...]
) -> list[list[str]]:
    """EP, a row for each number of cores."""
    error, found = spread(reached["test_error"]), []
    spreads = sorted({p["spread"] for p in priced["points"] if p["chip"] == CHIPS[0]})
    for each in spreads:
        points = {p["chip"]: p for p in priced["points"] if p["spread"] == each}
        if any(chip not in points for chip in chips):
            continue
        used = [points[chip]["cores"] for chip in chips]
        if cores is not None and used[0] not in cores:
            continue
        of = f"{used[0]} cores" if len(set(used)) == 1 else f"{used[0]} and {used[1]} cores"
        sums = [figure(points[chip]["rows"]["sample"][what]) for chip in chips for what in WHATS]
        found.append([f"**EP, {priced['network']}**{said}, {of}", error, *sums, NONE, NONE])
    return found


def others(anchors: Row, chips: tuple[str, ...]) -> list[list[str]]:
    """Every training that was measured on a chip and can be rebuilt."""
    by_chip = {chip: _trainings(anchors["chips"][chip]) for chip in chips}
    found = []
    for run, of_first in by_chip[chips[0]].items():
        sums = [figure(by_chip[chip][run][what]["modelled"]) for chip in chips for what in WHATS]
        first = of_first["energy"]
        found.append([
            f"{first['method']}, {first['network']} ({run.removesuffix(' training')})",
            f"{100 - first['accuracy']:.1f}", *sums,
            ", ".join(amount(of_first[what]["measured"], UNITS[what]) for what in WHATS),
            ", ".join(_ratio(of_first[what]) for what in WHATS),
        ])  # fmt: skip
    return found


def _trainings(document: Row) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in document["rows"]:
        if row["learns"]:
            found.setdefault(row["run"], {})[row["what"]] = row
    return found


def _ratio(row: Row) -> str:
    if row["ratio"] is None:
        return "unknown"
    return digits(row["ratio"]) + (" (fitted)" if row["role"] == "fitted" else "")


def held_out(anchors: Row) -> str:
    """Modelled / measured of every figure that nothing was fitted to: energy, then time."""
    ratios: dict[str, list[str]] = {}
    for row in anchors["chips"][CHIPS[0]]["rows"]:
        if row["role"] != "fitted" and row["ratio"] is not None:
            ratios.setdefault(row["run"], []).append(digits(row["ratio"]))
    return "; ".join(f"{run} {', '.join(found)}" for run, found in ratios.items())


def caption(seeds: set[int], anchors: Row) -> str:
    """What the table says, and what it does not."""
    held = anchors["chips"][CHIPS[0]]["held_out"]
    return (
        "One training sample, **modelled, not measured**, by one model: the same code and chip "
        "files; (low to high); ≥: terms are unknown. Modelled / measured (energy, time) "
        f"where {CHIPS[0]} was not fitted: {held_out(anchors)}; {held['near']} of "
        f"{held['tested']} within a factor of {held['factor']:g} (`eqchip anchors`). EP: online, "
        f"8-bit weights, {' or '.join(map(str, sorted(seeds)))} seeds, priced from the counts of "
        "the first. Loihi 1 could not run it: its synapses are not told the change of their unit. "
        "On Loihi 2, which has 7 bits and a sign for it, nobody has; no energy of an event and no "
        "learning epoch is public there (Loihi 1's stand in, or are missing, which favours rules "
        "with many: EP has 1, exact backpropagation 12, EMSTDP 128)."
    )
