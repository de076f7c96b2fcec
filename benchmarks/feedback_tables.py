"""Tables of paths back: of rules of spiking units, and of copies of Equilibrium Propagation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cells import NOTHING, spread, table, thousands

Results = dict[str, Any]  # file name -> document
ATTEMPTED = 1  # of visited, attempted, applied, saturated


def feedback(results: Results) -> str:
    """Every path of the errors by every rule that was measured."""
    found = [one for name, one in results.items() if name.startswith("feedback-")]
    return "\n\n".join(_of_rule(document) for document in found) or NOTHING


def _of_rule(document: dict[str, Any]) -> str:
    points, rows = document["points"], []
    factors = sorted({point["rates_times"] for point in points})
    paths = dict.fromkeys(point["feedback"] for point in points)
    for path in paths:
        of_path = [point for point in points if point["feedback"] == path]
        trials = {p["rates_times"]: p for p in of_path if p["seed"] == of_path[0]["seed"]}
        best = min(trials.values(), key=_error)
        again = [p for p in of_path if p["rates_times"] == best["rates_times"]]
        last = best["epochs"][-1]
        forward, back = (
            sum(of[copy][ATTEMPTED] for of in last["writes_by_copy_per_sample"]) for copy in (0, 1)
        )
        cosines = last.get("feedback_cosine", ())
        rows.append([
            f"`{path}`",
            *(f"{_error(trials[times]):.2f}" if times in trials else "" for times in factors),
            spread([_error(p) for p in again]),
            len(again),
            ", ".join(f"{cosine:.2f}" for cosine in cosines) or "–",
            thousands(forward),
            thousands(back) if back else "–",
            thousands(sum(last["error_events_per_sample"])),
            thousands(last.get("alignment_events_per_sample", 0)) if _aligns(last) else "–",
        ])  # fmt: skip
    epochs = len(points[0]["epochs"])
    return (
        table(
            ["`--feedback`", *(f"rates x {times:g} >" for times in factors), "best >", "seeds >",
             "cosine of W and B >", "weights attempted >", "of B >", "error events >",
             "events to align >"],
            rows,
        )
        + f"\n\n`{document['rule']}`, {document['network']} on {document['dataset']}, {epochs} "
        "epochs; validation error in %, and counts of a training sample of the last epoch of the "
        "best on the first seed."
    )  # fmt: skip


def _error(point: dict[str, Any]) -> float:
    return float(point["epochs"][-1]["validation_error"])


def _aligns(row: dict[str, Any]) -> bool:
    return "alignment_events_per_sample" in row


def drift(results: Results) -> str:
    """Asymmetric EP beside other ways to live with two copies."""
    found = [
        one for name, one in results.items()
        if name.startswith("onchip-drift-") and any(
            curve["copies"] == "asymmetric-ep" for curve in one["curves"]
        )
    ]  # fmt: skip
    return "\n\n".join(_of_drift(document) for document in found) or NOTHING


def _of_drift(document: dict[str, Any]) -> str:
    curves, rows = document["curves"], []
    kinds = dict.fromkeys((c["copies"], c["accumulator_bits"]) for c in curves)
    for copies, bits in kinds:
        group = [c for c in curves if (c["copies"], c["accumulator_bits"]) == (copies, bits)]
        drifts = zip(*(c["epochs"][-1]["drift"] for c in group), strict=True)
        rows.append([
            f"`{copies}`", bits, spread([c["epochs"][-1]["validation_error"] for c in group]),
            len(group), ", ".join(f"{100 * sum(of) / len(of):.0f} %" for of in drifts),
        ])  # fmt: skip
    return (
        table(["copies", "accumulator bits >", "validation error, % >", "seeds >", "drift >"], rows)
        + f"\n\n{document['network']}, {len(curves[0]['epochs'])} epochs, `traces`."
    )


TABLES: dict[str, Callable[[Results], str]] = {"feedback": feedback, "adjoint": drift}
