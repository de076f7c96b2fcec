"""The benchmark of learning rules in tables: all of it, and in short for the README."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cells import NOTHING, spread, table, thousands
from cost_tables import figure

from eqchip.hw_reports.document.readable import amount, short_total

Results = dict[str, Any]  # file name -> document
Row = Mapping[str, Any]

FILE = "rules.json"
CALIBRATED, DAVIES, LOIHI2 = "loihi1-calibrated", "loihi1-davies", "loihi2"
NAMES = {
    "ep": "EP", "graded": "graded errors",
    "emstdp": "backpropagation by STDP", "erbp": "random backpropagation",
    "nbp": "synfire backpropagation", "bp": "exact backpropagation",
    "bptt": "backpropagation through time, surrogates", "pc": "strict predictive coding",
    "tssl": "TSSL-BP, through spike trains",
}  # fmt: skip
CAN = {True: "yes", False: "no", None: "not known"}


def _entries(results: Results, dataset: str, where: str) -> list[dict[str, Row]]:
    """Of every entry its rows by chip, the smallest error first."""
    found: dict[str, dict[str, Row]] = {}
    for row in results[FILE]["rows"]:
        if (row["dataset"], row["where"]) == (dataset, where):
            found.setdefault(row["name"], {})[row["chip"]] = row
    return sorted(found.values(), key=lambda rows: next(iter(rows.values()))["test_error"])


def _error(row: Row) -> str:
    text = spread(row["test_errors"])
    return text if row["seeds"] > 1 else f"{text} (1 seed)"


def _steps(row: Row) -> str:
    found = row["counts"]["steps"]
    return "–" if found is None else f"{found:.3g}"


def rules(results: Results) -> str:
    """On the chip, every entry of every data set."""
    if FILE not in results:
        return NOTHING
    parts = []
    for dataset in dict.fromkeys(row["dataset"] for row in results[FILE]["rows"]):
        shown = [_full(of) for of in _entries(results, dataset, "on chip")]
        heads = [
            f"{dataset}", "steps >", "test error, % >", f"energy by {CALIBRATED} >",
            f"time by {CALIBRATED} >", f"energy by {DAVIES} >", f"energy by {LOIHI2} >",
            f"time by {LOIHI2} >", "memory >", "events >", "attempted >", "Loihi 1", "Loihi 2",
            "SpiNNaker2", "trials >", "fronts",
        ]  # fmt: skip
        parts.append(table(heads, shown))
    return "\n\n".join([*parts, caption(results)])


def _full(of: Mapping[str, Row]) -> list[str]:
    row = of[CALIBRATED]
    can = [CAN[row["runs_on"][chip]] for chip in (CALIBRATED, LOIHI2, "spinnaker2")]
    fronts = dict.fromkeys(front for one in of.values() for front in one["fronts"])
    return [
        f"`{row['rule']}`, {row['way']}, {row['network']}", _steps(row), _error(row),
        *(figure(row[what]) for what in ("energy", "time")), figure(of[DAVIES]["energy"]),
        *(figure(of[LOIHI2][what]) for what in ("energy", "time")),
        amount(row["memory_bytes"], "B"), thousands(row["counts"]["synaptic_events"]),
        f"{row['counts']['weights_attempted']:,.0f}", *can, str(row["trials"]), ", ".join(fronts),
    ]  # fmt: skip


def off_chip(results: Results) -> str:
    """Yardsticks off the chip."""
    if FILE not in results:
        return NOTHING
    rows = [
        [
            f"`{row['rule']}`: {NAMES[row['rule']]}", row["dataset"], _error(row),
            thousands(row["counts"]["macs"]), figure(row["energy"]),
            figure(of["gpu-a100-floor"]["energy"]), amount(row["memory_bytes"], "B"),
        ]
        for dataset in dict.fromkeys(row["dataset"] for row in results[FILE]["rows"])
        for of in _entries(results, dataset, "off chip")
        for row in [of["cpu-horowitz-45nm"]]
    ]  # fmt: skip
    if not rows:
        return NOTHING
    return table(
        ["off the chip", "data", "test error, % >", "multiply-accumulates >",
         "energy by cpu-horowitz-45nm >", "energy by gpu-a100-floor >", "memory of training >"],
        rows,
    )  # fmt: skip


def short(results: Results) -> str:
    """The README's: MNIST on the chip, 784-500-10."""
    if FILE not in results:
        return NOTHING
    rows = [
        [
            f"{NAMES[row['rule']]}, {row['way']}", _error(row),
            figure(row["energy"]), short_total(of[LOIHI2]["energy"]),
            CAN[row["runs_on"][LOIHI2]],
        ]
        for of in _entries(results, "mnist", "on chip")
        for row in [of[CALIBRATED]]
        if row["network"] == "784-500-10"
    ]  # fmt: skip
    return table(
        ["rule, on MNIST, 784-500-10", "test error, % >", "energy by loihi1-calibrated >",
         "by loihi2 >", "Loihi 2 can"],
        rows,
    )  # fmt: skip


def caption(results: Results) -> str:
    """What the tables say, and how far the models are from what was measured."""
    found = results[FILE]["residuals"]
    near = "; ".join(
        f"{chip} {found[chip]['near']} of {found[chip]['tested']}"
        for chip in (CALIBRATED, DAVIES, LOIHI2)
    )
    return (
        "A training sample, the mean over the training, **modelled, not measured**, on as few "
        "cores as hold it, priced from the counts of the first seed; (low to high); ≥: terms are "
        "unknown. Steps, events over synapses and attempted writes in all copies are counted. Of "
        "figures that were measured and nothing was fitted to, within a factor of 2: "
        f"{near} ([anchors](anchors.md)). Errors: mean ± standard deviation over seeds of the test "
        "set, read once. Trials: settings tried on validation samples. `loihi1-calibrated` takes "
        "80 µs or so for each learning epoch, of which `nbp` has 12 and the others one."
    )


TABLES = {"rules": rules, "rules-off-chip": off_chip}
