"""Tables of errors: what training reaches, over steps, events and bits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import mean
from typing import Any

from cells import NOTHING, spread, table, thousands

Result = dict[str, Any]
Results = dict[str, Any]  # file name -> document

CONVOLUTIONS = (  # studies on MNIST
    "mnist-conv", "mnist-conv-12-epochs", "mnist-conv-12-steps", "mnist-conv-real-valued",
    "mnist-conv-pooled", "mnist-conv-pooled-real-valued",
    "mnist-conv-pooled-real-valued-weak-feedback",
)  # fmt: skip


def training(results: Results) -> str:
    """Test errors of trained networks: every file of kind ``training``."""
    found = sorted(
        (r for r in results.values() if isinstance(r, dict) and r.get("kind") == "training"),
        key=lambda result: result["name"],
    )
    if not found:
        return NOTHING
    rows = table(
        ["", "network", "steps", "epochs >", "test error, % >", "validation error, % >", "seeds >",
         "events per sample >", "minutes a seed >"],
        [
            [
                result["name"],
                result["network"],
                _steps(result["steps"]),
                result["epochs"],
                spread(result.get("test_error")),
                spread(result.get("validation_error")),
                len(result["seeds"]),
                thousands(_mean(result["events_per_sample"])),
                f"{_mean(result['wall_seconds']) / 60:.0f}",
            ]
            for result in found
        ],
    )  # fmt: skip
    return f"{rows}\n\nErrors: mean ± sample standard deviation over seeds."


def frontier(results: Results) -> str:
    """Error against steps and events: ``frontier.json``, a list of training results."""
    points = results.get("frontier.json")
    if not points:
        return NOTHING
    errors = "validation_error" if all(p.get("validation_error") for p in points) else "test_error"
    rows = table(
        ["steps", "network", "coding", "epochs >", "events per sample >",
         f"{errors.replace('_', ' ')}, % >", "seeds >"],
        [
            [
                _steps(point["steps"]),
                point["network"],
                point["coding"],
                point["epochs"],
                thousands(_mean(point["events_per_sample"])),
                spread(point[errors]),
                len(point["seeds"]),
            ]
            for point in sorted(points, key=lambda p: _mean(p["events_per_sample"]))
        ],
    )  # fmt: skip
    return f"{rows}\n\nErrors: mean ± sample standard deviation over seeds."


def conv_frontier(results: Results) -> str:
    """Test error against events, of convolutions: ``conv-frontier.json`` and the studies."""
    studies = [results[f"{name}.json"] for name in CONVOLUTIONS if f"{name}.json" in results]
    points = [*studies, *results.get("conv-frontier.json", [])]
    if not points:
        return NOTHING
    rows = table(
        ["network", "messages", "steps", "epochs >", "events per training sample >",
         "events per classification >", "spikes per classification >", "test error, % >",
         "validation error, % >", "seeds >"],
        [
            [
                point["network"],
                messages(point),
                _steps(point["steps"]),
                point["epochs"],
                thousands(_mean(point["events_per_sample"])),
                thousands(_mean(point["test_events_per_sample"])),
                thousands(_mean(point["test_spikes_per_sample"])),
                spread(point["test_error"]),
                spread(point["validation_error"]),
                len(point["seeds"]),
            ]
            for point in sorted(points, key=lambda p: _mean(p["test_events_per_sample"]))
        ],
    )  # fmt: skip
    return f"{rows}\n\nErrors: mean ± sample standard deviation over seeds."


def messages(point: Result) -> str:
    """Bits or real values, and what weakens them on their way back within the dynamics."""
    settings = point["settings"]
    within = settings["learning"]["readout"] == "squared-error"
    weak = max(settings["feedback_shifts"]) if within else 0
    kind = "real values" if point["coding"].startswith("none") else "bits"
    return f"{kind}, feedback 1/{2**weak}" if weak else kind


def backpropagation(results: Results) -> str:
    """Equilibrium Propagation beside backpropagation through the same layers."""
    rows = []
    for result in results.values():
        if not isinstance(result, dict) or result.get("kind") != "backpropagation":
            continue
        network, epochs = result["network"], result["epochs"]
        ours = next(
            (r for r in results.values()
             if isinstance(r, dict) and r.get("kind") == "training" and r["network"] == network
             and r["settings"]["dataset"] == result["dataset"]
             and r["settings"]["descent"] == result["settings"]
             and r["coding"].startswith("sigma-delta") and not r["settings"]["on_chip"]), None,
        )  # fmt: skip
        theirs = [curve[-1] for curve in result["validation_curves"]]
        learned = [curve[-1] for curve in result["train_curves"]]
        shown = [("backpropagation", result["test_error"], theirs, learned, len(result["seeds"]))]
        if ours is not None:
            errors = (ours[f"{part}_error"] for part in ("test", "validation", "train"))
            shown.append(("spiking EP", *errors, len(ours["seeds"])))
        for way, test, validation, train, seeds in reversed(shown):
            figures = [spread(one) for one in (test, validation, train)]
            rows.append([result["dataset"], network, way, epochs, *figures, seeds])
    if not rows:
        return NOTHING
    return table(
        ["data", "network", "trained by", "epochs >", "test error, % >", "validation error, % >",
         "training error, last epoch, % >", "seeds >"],
        rows,
    )  # fmt: skip


def bernoulli(results: Results) -> str:
    """Bernoulli bits beside sigma-delta bits in convolutions: ``bernoulli-convolutions.json``."""
    found = results.get("bernoulli-convolutions.json")
    if found is None:
        return NOTHING
    rows = table(
        ["bits", "prediction", "steps", "beta >", "validation error, % >",
         "training error, last epoch, % >", "spikes per sample >", "events per sample >"],
        [
            [
                point["quantizer"],
                "none" if point["prediction"] is None else _law(point["prediction"]),
                f"{point['steps'][0]} + 2 x {point['steps'][1]}",
                f"{point['beta']:g}",
                f"{point['validation_curve'][-1]:.1f}",
                f"{point['train_error']:.1f}",
                thousands(point["spikes_per_sample"]),
                thousands(point["events_per_sample"]),
            ]
            for point in found["points"]
        ],
    )  # fmt: skip
    return (
        f"{rows}\n\n{found['network']} on {found['trained']:,} samples of {found['dataset']}, "
        f"{found['epochs']} epochs, {found['validation']:,} validation samples, one seed; the test "
        "set was not read."
    )


def _law(law: Result) -> str:
    return f"{law['value']:g} / t^{law['exponent']:g}"


def integers(results: Results, file: str = "integers.json") -> str:
    """Error and distance to the fixed point over bits: ``integers.json``."""
    found = results.get(file)
    if found is None:
        return NOTHING
    real = next(p for p in found["points"] if p["varies"] == "floating point")
    steps = list(real["distance"][0])
    rows = []
    for point in found["points"]:
        widths = point["arithmetic"]
        name = "floating point"
        if widths:
            name = (
                f"weights of {widths['weight_bits']} bits, states of {widths['state_bits']} "
                f"({widths['fraction_bits']} below the point)"
            )
        distances = [f"{mean(d[n] for d in point['distance']):.4f}" for n in steps]
        clipped = f"{mean(point['saturations_per_sample']):.3g}" if widths else ""
        errors = spread(point["test_error"]), spread(point["validation_error"])
        rows.append([name, *errors, *distances, clipped])
    compared = table(
        ["", "test error, % >", "validation error, % >", *(f"distance, {n} steps >" for n in steps),
         "states clipped per sample >"],
        rows,
    )  # fmt: skip
    return (
        f"{compared}\n\n{found['network']}, {len(found['seeds'])} seeds, mean ± sample standard "
        f"deviation; {found['validation_samples']:,} validation samples, {found['free_steps']} "
        "steps. Distance: mean over units and samples between the potentials and the fixed point "
        "of the continuous network."
    )


def _steps(steps: Result) -> str:
    nudged = steps["nudged"]
    return " + ".join(
        map(str, [steps["free"], *(nudged if isinstance(nudged, list) else [nudged])])
    )


def _mean(value: float | Sequence[float]) -> float:
    return mean(value) if isinstance(value, Sequence) else float(value)


TABLES: dict[str, Callable[[Results], str]] = {
    "training": training,
    "frontier": frontier,
    "conv-frontier": conv_frontier,
    "backpropagation": backpropagation,
    "bernoulli": bernoulli,
    "integers": integers,
    "conv-integers": partial(integers, file="conv-integers.json"),
    "fashion-integers": partial(integers, file="fashion-integers.json"),
}
