"""The report of a run on a chip: one plain dictionary, from which all else is made.

Here its sections are put together, each from its own module of this folder; what is shown is made
of the dictionary alone, so that a saved one can be drawn again. Its format is ``eqchip-report 1``;
``docs/reports.md`` explains every field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document import (
    activity,
    asynchronous,
    beside,
    chip,
    cost,
    energy,
    learning,
    mapping,
    neurobench,
    replayed,
    sensitivity,
    time,
    what_if,
)
from eqchip.hw_reports.document import run as of_run
from eqchip.hw_reports.document.headline import conclusion, headline
from eqchip.hw_reports.document.labels import labels
from eqchip.hw_reports.document.notes import notes
from eqchip.hw_reports.document.read import REPORT
from eqchip.hw_reports.document.what_if import Form
from eqchip.hw_reports.pricing import memory
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.costs import costs
from eqchip.hw_reports.pricing.sensitivity import Sensitivity

STATEMENT = "modelled, not measured"
FLOAT_BITS = 32


def report(
    replay: Replay,
    accounts: Accounts,
    run: RunDirectory,
    chip_file: str,
    provenance: dict[str, Any],
    moved: Sensitivity | None = None,
    forms: Sequence[tuple[int, int, Form]] = (),
) -> dict[str, Any]:
    """The whole document.

    Parameters
    ----------
    replay : Replay
        Of the run.
    accounts : Accounts
        Of the replay.
    run : RunDirectory
        Its metrics tell the epochs.
    chip_file : str
        As the user named it.
    provenance : dict
        Versions, machine and time, from :func:`eqchip.emulator.training.runs.provenance`.
    moved : Sensitivity, optional
        How far the totals move with the coefficients of the chip; without, nothing is said of it.
    forms : sequence of (cores, chips, Form)
        What the page may reckon with, of several mappings; without, it does not.

    Raises
    ------
    InputError
        If the run's metrics hold no epoch.
    """
    config, mapped = replay.config, replay.mapped
    told = of_run.epochs_of(run)
    floating = replay.precision != "chip"
    state_bits = FLOAT_BITS if floating else replay.fixed.state_bits
    weight_bits = FLOAT_BITS if floating else replay.fixed.weight_bits
    found = costs(replay, accounts, told.rows)
    kept = memory.report(config, replay.network, replay.chip, mapped, state_bits, weight_bits)
    head = {
        "format": REPORT,
        "title": f"{config.written} ({config.dataset}) on {replay.chip.name}",
        "statement": STATEMENT,
        "labels": labels(),
        "run": of_run.section(replay, run, told),
        "chip": chip.section(replay, accounts, chip_file),
        "provenance": provenance,
        "replay": replayed.section(replay),
    }
    body = {
        "phases": replayed.phases(replay),
        "mapping": None if mapped is None else mapping.section(mapped, accounts),
        "activity": activity.section(replay, accounts),
        "counts": None if mapped is None else energy.counts(accounts, mapped.cores),
        "learning": learning.section(replay, accounts),
        "learning_by_layer": learning.by_layer(told.trained),
        "read_out": learning.read_out(accounts),
        "energy": energy.section(replay, accounts),
        "time": time.section(accounts),
        "training_cost": cost.section(replay, found, kept, told.reached),
        "memory": kept,
        "neurobench": neurobench.section(replay, weight_bits, state_bits),
        "baselines": beside.floors(replay, sum(epoch.samples for epoch in found.epochs)),
        "trained_by": beside.trained_by(told.trained, found.training),
        "anchors": beside.anchors(replay.chip),
    }
    if accounts.simulated is not None:
        body["asynchronous"] = asynchronous.section(replay, accounts)
    if moved is not None:
        body["sensitivity"] = sensitivity.section(replay.chip, moved)
    body["what_if"] = what_if.section(replay, sum(one.samples for one in found.epochs), forms)
    whole = {**head, "notes": notes({**head, **body}), **body}
    return {**whole, "conclusion": conclusion(whole), "headline": headline(whole)}
