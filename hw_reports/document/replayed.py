"""The sections of a report on what ran: how many samples, in which numbers, and its phases."""

from __future__ import annotations

from typing import Any

from eqchip.hw_reports.counting.replay import Replay


def section(replay: Replay) -> dict[str, Any]:
    """Precision and widths, samples, and their error."""
    fixed, runs = replay.fixed, (replay.training.run, replay.inference.run)
    saturated = [run.saturations for run in runs if run.saturations is not None]
    widths = ("weight_bits", "state_bits", "fraction_bits", "coefficient_bits")
    arithmetic = None
    if replay.precision == "chip":
        arithmetic = {name: getattr(fixed, name) for name in widths}
    return {
        "precision": replay.precision,
        "arithmetic": arithmetic,
        "training_samples": len(replay.training.indices),
        "inference_samples": len(replay.inference.indices),
        "split": replay.split,
        "task": replay.task,
        "error": replay.error,
        "saturations": sum(int(counts.sum()) for counts in saturated),
        "notes": list(replay.notes),
        "stored_bits": fixed.weight_bits,
        "lost": _lost(replay),
    }


def _lost(replay: Replay) -> list[dict[str, Any]] | None:
    """Of each connection, what its weights lost when they became codes; None: there are none."""
    if replay.mapped is None or replay.precision != "chip":
        return None
    return [{"connection": k, **one._asdict()} for k, one in enumerate(replay.mapped.lost, start=1)]


def phases(replay: Replay) -> list[dict[str, Any]]:
    """Every phase run, with its steps."""
    found = []
    for of, run in (("training", replay.training.run), ("inference", replay.inference.run)):
        names = run.activity.phases if of == "training" else ("inference",)
        for name, phase in zip(names, run.phases, strict=True):
            found.append({"name": name, "steps": phase.steps, "of": of})
        if of == "training":
            found.append({"name": "update", "steps": None, "of": of})
    return found
