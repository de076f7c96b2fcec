"""Small report documents made by hand: what the page must show of them is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

PHASES = ("free", "nudged", "update", "inference")
STEPS = 6


def figure(value: float, unit: str = "J", low: float = 0.5, high: float = 2.0) -> dict[str, Any]:
    return {"low": low * value, "value": value, "high": high * value, "unit": unit}


def total(found: dict[str, Any] | None, lacks: Sequence[str] = ()) -> dict[str, Any]:
    return {"figure": found, "lacks": list(lacks)}


def report(**changed: Any) -> dict[str, Any]:
    """A report of a 4-3-2 network on three cores; `changed` replaces whole sections."""
    energies = {"free": 4e-6, "nudged": 2e-6, "update": 3e-6, "inference": 5e-6}
    times = {"free": 40e-6, "nudged": 20e-6, "update": 30e-6, "inference": 50e-6}
    energy = {p: total(figure(v), ["barrier energy"]) for p, v in energies.items()}
    time = {p: total(figure(v, "s")) for p, v in times.items()}
    sample, sample_time = total(figure(9e-6), ["barrier energy"]), total(figure(90e-6, "s"))
    table = [_row("synaptic_event", p, figure(v)) for p, v in energies.items() if p != "update"]
    table.append(_row("weight_update", "update", figure(3e-6)))
    table += [_row("barrier", p, None, "no energy of a barrier is published") for p in PHASES]
    epochs = [
        {
            "epoch": n, "samples": 100, "train_error": 20.0 / n, "validation_error": 25.0 / n,
            "energy": sample, "cumulative": total(figure(9e-4 * n), ["barrier energy"]),
            "time": sample_time, "cumulative_time": total(figure(9e-3 * n, "s")),
            "spikes_per_sample": 10.0, "synaptic_events_per_sample": 30.0,
        }
        for n in (1, 2)
    ]  # fmt: skip
    whole = {"energy": total(figure(1.8e-3), ["barrier energy"]), "time": total(figure(0.018, "s"))}
    names = ("free", "nudged", "update")
    rows = [
        {"phase": p, "label": p, "energy": energy[p], "time": time[p], "memory": None}
        for p in names
    ]
    kept = figure(96.0, "B", 1.0, 1.0)
    rows += [
        {"phase": "sample", "label": "training sample", "energy": sample, "time": sample_time,
         "memory": kept},
        {"phase": "whole", "label": "whole training", **whole, "memory": kept},
    ]  # fmt: skip
    counts = {"spikes": 10.0, "synaptic_events": 31234.0, "weight_updates": None}
    document = {
        "format": "eqchip-report 1",
        "title": "4-3-2 (toy) on paper-chip",
        "statement": "modelled, not measured",
        "labels": {
            "synaptic_event": "synaptic events", "weight_update": "weight updates",
            "barrier": "barriers", "free": "free phase", "nudged": "nudged phases",
            "update": "weight update", "inference": "inference", "units": "units",
            "weights": "weights", "state": "state",
        },
        "run": {
            "path": "runs/toy", "dataset": "toy", "layers": [4, 3, 2], "units": [4, 3, 2],
            "input": "spikes",
            "coding": "sigma-delta", "rule": "symmetric", "beta": 0.5, "free_steps": 4,
            "nudged_steps": 1, "minibatch": 5, "epochs": 2, "epochs_trained": 2, "seed": 7,
            "train_error": 10.0, "validation_error": 12.5, "test_error": 11.25,
        },
        "chip": {
            "name": "paper-chip", "title": "A chip on paper", "description": "Of no silicon.",
            "model": "cores", "file": "paper-chip.toml", "digest": "0123abcd", "chips": 1,
            "learning": True, "copies": 2, "area": {}, "rule": None,
            "coefficients": [
                _coefficient("energy.synaptic_event", "published", 0.6),
                _coefficient("energy.weight_update", "assumed", 0.4),
                _coefficient("time.weight_update", "measured", None),
            ],
            "unknown": [{"name": "energy.barrier", "why": "no energy of a barrier is published"}],
            "weakest": [
                {"name": "energy.weight_update", "status": "assumed", "confidence": "C",
                 "share": 0.4, "why": "40 % of the energy was assumed"}
            ],
        },
        "provenance": {
            "eqchip": "0.1.0", "numpy": "2.2", "numba": "0.61", "python": "3.10",
            "machine": "x86_64", "created": "2026-01-01T00:00:00+00:00",
            "command": "eqchip report runs/toy",
        },
        "replay": {
            "precision": "chip", "training_samples": 3, "inference_samples": 8, "split": "test",
            "error": 12.5, "saturations": 0, "notes": ["A note of the replay."],
        },
        "notes": ["The host is not modelled."],
        "headline": ["One of 8 test samples is wrong."],
        "learning": None,
        "sensitivity": _sensitivity(),
        "phases": [
            {"name": "free", "steps": 4, "of": "training"},
            {"name": "nudged", "steps": 1, "of": "training"},
            {"name": "nudged", "steps": 1, "of": "training"},
            {"name": "update", "steps": None, "of": "training"},
            {"name": "inference", "steps": 4, "of": "inference"},
        ],
        "mapping": {
            "tiles_x": 2, "tiles_y": 1, "cores_per_tile": 2, "chips": 1,
            "cores": [_core(0, 0, 0, 0, 4), _core(1, 0, 1, 1, 3), _core(2, 1, 0, 2, 2)],
            "links": [
                {"from": [0, 0], "to": [1, 0], "direction": "east",
                 "load": {"training": 12.0, "inference": 6.0}},
                {"from": [1, 0], "to": [0, 0], "direction": "west",
                 "load": {"training": 3.0, "inference": 1.0}},
            ],
            "cores_used": 3, "cores_available": 4,
            "tightest": {"resource": "units", "core": 0, "used": 4, "limit": 8},
        },
        "activity": {
            "by_phase": {p: dict(counts) for p in PHASES},
            "weight_updates": {"attempted": 24.0, "applied": 5.0, "saturated": 0.0},
            "by_layer": [
                {"layer": n, "units": units, "spikes": {"training": 5.0, "inference": 3.0},
                 "rate": {"training": 0.2, "inference": 0.15}}
                for n, units in enumerate((4, 3, 2))
            ],
            "by_core": {"synaptic_events": [0.0, 20.0, 10.0]},
            "raster": {
                "sample": 1, "label": 0, "steps": STEPS,
                "phases": [{"name": "free", "first": 0, "steps": 4},
                           {"name": "nudged", "first": 4, "steps": 1},
                           {"name": "nudged", "first": 5, "steps": 1}],
                "layers": [
                    {"layer": 0, "units": 400, "shown": [0, 100, 200], "spikes": [[0, 1], [5, 2]]},
                    {"layer": 1, "units": 3, "shown": [0, 1, 2], "spikes": [[2, 0]]},
                    {"layer": 2, "units": 2, "shown": [0, 1], "spikes": []},
                ],
            },
        },
        "energy": {
            "training": sample, "inference": energy["inference"], "by_phase": energy,
            "by_kind": {
                "synaptic_event": {"training": figure(6e-6), "inference": figure(5e-6)},
                "weight_update": {"training": figure(3e-6), "inference": None},
                "barrier": {"training": None, "inference": None},
            },
            "table": table, "by_core": None, "static_share": None,
            "update_alternatives": {
                "minibatch": {"size": 5, "figure": figure(6e-7), "label": "if written once per 5"}
            },
        },
        "time": {
            "training": sample_time, "inference": time["inference"], "by_phase": time,
            "bottleneck": {p: {"core": 0.75, "mesh": 0.25, "barrier": 0.0} for p in PHASES},
            "parts": {
                p: {"core": figure(v, "s"), "mesh": figure(v / 2, "s"), "barrier": None}
                for p, v in times.items()
            },
            "critical": {p: {"synaptic_event": v} for p, v in times.items()},
            "by_core": {"training": [1e-6, 9e-6, 5e-6], "inference": [1e-6, 4e-6, 2e-6]},
            "busiest_core": dict.fromkeys(PHASES, 1),
            "steps": {"training": {"core": [1e-6] * STEPS, "mesh": [5e-7] * STEPS, "barrier": []}},
            "steps_per_second": 1e5,
        },
        "training_cost": {
            "rows": rows, "epochs": epochs, "whole": {**whole, "epochs": 2, "samples": 200},
            "mean": _mean(9.5e-6, 95e-6), "last_epoch": _mean(9e-6, 90e-6),
            "inference": _mean(5e-6, 50e-6),
            "reached": {"error": 11.25, "of": "test"},
            "whole_minibatch": {**whole, "label": "if written once per minibatch"},
            "explanation": ["How the epochs were priced."],
        },
        "memory": {
            "by_use": {"weights": kept, "routing": None, "state": figure(9.0, "B", 1.0, 1.0)},
            "total": total(kept, ["routing memory"]), "by_core": None,
            "terms": [
                {"method": "ep", "name": "end states", "bits_per_unit": 48, "per_step": False,
                 "units": 5, "why": "the rule contrasts them"},
                {"method": "bptt", "name": "potential", "bits_per_unit": 24, "per_step": True,
                 "units": 5, "why": "the adjoint runs back"},
            ],
            "steps": [1, 10, 100], "ep": [30.0] * 3, "bptt": [15.0, 150.0, 1500.0],
            "bptt_checkpointed": [15.0, 60.0, 300.0], "at_steps": 10, "ep_bytes": 30,
            "bptt_bytes": 150.0, "ratio": 5.0, "crossover": 3, "sources": ["A source."],
            "note": "Weights are the same for both.",
        },
        "neurobench": {
            "footprint": 123, "parameter_count": 23, "connection_sparsity": 0.25,
            "activation_sparsity": None,
            "synaptic_operations": {"Effective_MACs": 0.0, "Effective_ACs": 17.0, "Dense": 40.0},
            "membrane_updates": 25.0, "classification_accuracy": 0.875,
            "definitions": {"footprint": "bytes of it"}, "source": "NeuroBench 2",
        },
        "baselines": [
            {"name": "paper-cpu", "title": "A processor", "model": "arithmetic",
             "training": total(figure(4e-4)), "inference": total(figure(1e-4)), "by_kind": {},
             "time": None, "note": "A floor.", "statement": "modelled, not measured"}
        ],
        "anchors": [
            _anchor("Known 2024", figure(7e-4, low=1.0, high=1.0), "measured"),
            _anchor("Silent 2020", None, "published"),
        ],
    }  # fmt: skip
    return document | changed


def _mean(joules: float, seconds: float) -> dict[str, Any]:
    """What a sample costs."""
    return {
        "energy": total(figure(joules), ["barrier energy"]), "time": total(figure(seconds, "s")),
        "energy_delay": total(figure(joules * seconds, "J s", 0.25, 4.0), ["barrier energy"]),
        "power": joules / seconds, "samples_per_second": 1 / seconds,
    }  # fmt: skip


def _sensitivity() -> dict[str, Any]:
    """Two coefficients: the energy moves with one of them alone, and nothing is known of time."""
    names = ("training_energy", "inference_energy")

    def row(name: str, low: float, high: float) -> dict[str, Any]:
        ends = {of: {"low": low * 1e-6, "high": high * 1e-6} for of in names}
        return {
            "name": name, "low": 1.0, "value": 2.0, "high": 4.0, "unit": "pJ",
            "status": "assumed", "confidence": "C", "totals": ends,
            "swing": dict.fromkeys(names, (high - low) / 9.5),
        }  # fmt: skip

    return {
        "nominal": {**dict.fromkeys(names, 9.5e-6), "training_time": None, "inference_time": None},
        "units": {"training_energy": "J", "training_time": "s", "inference_energy": "J",
                  "inference_time": "s"},
        "coefficients": [row("energy.weight_update", 8.0, 12.5), row("energy.spike", 9.5, 9.5)],
        "without_band": ["time.weight_update"],
        "together": {of: {"low": 8.5e-6, "median": 9.75e-6, "high": 11.5e-6} for of in names},
        "distribution": "triangular", "draws": 200, "seed": 0,
        "quantiles": {"low": 0.05, "median": 0.5, "high": 0.95},
    }  # fmt: skip


def comparison() -> dict[str, Any]:
    """Two such reports; the second has another chip, and no energy of training."""
    a, b = report(), report(title="4-3-2 (toy) on other-chip")
    b["chip"] = {**b["chip"], "name": "other-chip"}
    b["energy"] = {**b["energy"], "training": total(None, ["everything"])}
    return {
        "format": "eqchip-comparison 1",
        "title": "Two chips",
        "statement": "modelled, not measured",
        "names": ["runs/toy on paper-chip", "runs/toy on other-chip"],
        "rows": [
            {"name": "training sample, energy", "unit": "J", "group": "training",
             "a": {**figure(9e-6), "lacks": ["barrier energy"]}, "b": None, "ratio": None},
            {"name": "training sample, time", "unit": "s", "group": "training",
             "a": figure(90e-6, "s"), "b": figure(45e-6, "s"), "ratio": 0.5},
            {"name": "error reached", "unit": "%", "group": "accuracy", "a": 11.25, "b": 11.25,
             "ratio": 1.0},
        ],
        "notes": ["The chip files differ."],
        "reports": [a, b],
    }  # fmt: skip


def _row(kind: str, phase: str, found: Any, unknown: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "phase": phase, "figure": found, "count": 8.0, "lacks": [],
            "unknown": unknown, "included": None}  # fmt: skip


def _coefficient(name: str, status: str, share: float | None) -> dict[str, Any]:
    return {"name": name, "low": 1.0, "value": 2.0, "high": 4.0, "unit": "pJ",
            "source": f"Table of {name}", "status": status, "confidence": "R1", "note": "",
            "share": share, "share_of": "energy"}  # fmt: skip


def _core(core: int, x: int, slot: int, layer: int, units: int) -> dict[str, Any]:
    return {"core": core, "chip": 0, "x": x, "y": 0, "slot": slot, "layer": layer, "first": 0,
            "units": units, "use": {"units": {"used": units, "limit": 8}},
            "utilisation": units / 8, "tightest": "units"}  # fmt: skip


def _anchor(name: str, energy: dict[str, Any] | None, status: str) -> dict[str, Any]:
    """One that was measured is modelled as well, at half; of the other nothing is known."""
    keys = ("training_energy", "training_time", "inference_energy", "inference_time")
    half = None if energy is None else {k: v if k == "unit" else v / 2 for k, v in energy.items()}
    modelled = dict.fromkeys(keys) | {"training_energy": half and total(half, ["barrier energy"])}
    return {"name": name, "hardware": "Loihi 1", "task": "MNIST", "network": "9-9",
            "accuracy": 96.3, **dict.fromkeys(keys), "training_energy": energy,
            "modelled": modelled, "ratio": dict.fromkeys(keys) | {"training_energy": 0.5},
            "source": f"Paper of {name}", "confidence": "A", "note": "", "status": status,
            "method": "backpropagation"}  # fmt: skip
