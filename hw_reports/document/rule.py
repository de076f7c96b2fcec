"""The report of a run by a rule of spikes, made of what the run itself counted.

Nothing is run once more: its epochs counted their own spikes, errors and writes. Its format is
``eqchip-rule-report 1``; ``docs/reports.md`` explains every field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.kernels.spiking.arrays import WRITE_COUNTS
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.hw_reports.document import beside, chip, sensitivity
from eqchip.hw_reports.document.graph import Asked, price_document
from eqchip.hw_reports.document.labels import RULE_PARTS, labels
from eqchip.hw_reports.document.read import RULE_REPORT
from eqchip.hw_reports.document.readable import amount, digits, short_total
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.pricing.circuit_cost import notes_of
from eqchip.hw_reports.pricing.costs import Cost
from eqchip.hw_reports.pricing.entries import energy_of
from eqchip.hw_reports.pricing.graph import GraphCost
from eqchip.hw_reports.pricing.learning_bytes import learning_bytes
from eqchip.hw_reports.pricing.offchip import exact_backprop, training_floor
from eqchip.hw_reports.pricing.sensitivity import Sensitivity, Totals
from eqchip.hw_reports.pricing.totals import Sum, total
from eqchip.mapping.chip_file.chip import chip_names, load_chip
from eqchip.mapping.chip_file.executable import executable
from eqchip.mapping.kinds import INFERENCE, UPDATE
from eqchip.mapping.placement.graph import MappedGraph

STATEMENT = "modelled, not measured"
MINIBATCH = 50  # of the training that processors are priced for

# What an epoch counted of a sample -> words; a row is there where the run counted it.
COUNTED = {
    "spikes_by_layer": "spikes",
    "input_messages": "numbers of an injected input",
    "label_spikes": "spikes of labels",
    "error_spikes": "error spikes",
    "error_messages": "errors sent as numbers",
    "error_events": "synapses that errors crossed",
    "units_open": "units that an error reached",
    "synaptic_events": "synaptic events",
    "macs": "numbers that crossed synapses",
    "alignment_spikes": "spikes of mirror modes",
    "alignment_messages": "messages that align the path back",
    "alignment_events": "synapses that these crossed",
    **{f"weights_{name}": f"weights {name}" for name in WRITE_COUNTS},
}


class Priced(NamedTuple):
    """A run on the cores of a chip.

    mapped: its populations there; sample: what the mean sample costs; epochs: that of each; rows,
    mean: what they counted; moved: how far totals move; held_out: of the chip's model, what was
    measured and how much of it is near.
    """

    mapped: MappedGraph
    sample: GraphCost
    epochs: Sequence[GraphCost]
    rows: Sequence[Mapping[str, Any]]
    mean: Mapping[str, Any]
    moved: Sensitivity
    held_out: Mapping[str, Any]


def cost_of_sample(cost: GraphCost) -> Cost:
    """Energy and time of a training sample, its update among them."""
    return Cost(energy_of(cost.settled.entries), total(cost.settled.seconds.values()))


def totals(cost: GraphCost) -> Totals:
    """The totals that are moved, nominal."""
    found = cost_of_sample(cost)
    return {
        name: None if one.figure is None else one.figure.value
        for name, one in (("training_energy", found.energy), ("training_time", found.seconds))
    }


def rule_report(
    run: RunDirectory, priced: Priced, chip_file: str, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole document.

    Parameters
    ----------
    run : RunDirectory
    priced : Priced
    chip_file : str
        As the user named it.
    provenance : mapping
        Versions, machine and time.
    """
    config, mapped = run.config, priced.mapped
    sample, told = cost_of_sample(priced.sample), epochs_of(run)
    samples = sum(row["samples"] for row in priced.rows)
    title = f"{config.written} ({config.dataset}), rule {_rule(config).name}, on {mapped.chip.name}"
    each = float(priced.sample.counts[UPDATE]["weight_update"].sum()) / mapped.synapses
    price = price_document(mapped, priced.sample, Asked(str(run.path), "run", None, each, ()))
    body = {
        "format": RULE_REPORT,
        "title": title,
        "statement": STATEMENT,
        "labels": {**labels(), INFERENCE: RULE_PARTS[INFERENCE]},
        "provenance": dict(provenance),
        "run": _run(run, priced),
        "chip": _chip(config, priced, chip_file),
        "phases": _phases(config, priced.mean),
        "counts": _counts(config, priced),
        "writes": _writes(priced.mean),
        "training_cost": {
            "mean": sample.to_dict(),
            "parts": _parts(priced.sample),
            "epochs": _epochs(priced),
            "whole": {
                "energy": (sample.energy * samples).to_dict(),
                "time": (sample.seconds * samples).to_dict(),
                "epochs": len(priced.rows),
                "samples": samples,
            },
            "reached": told.reached,
        },
        "memory": _memory(config, mapped),
        "sensitivity": sensitivity.section(mapped.chip, priced.moved),
        "beside": {
            "floors": _floors(config),
            "trained_by": beside.trained_by(told.trained, sample),
            "held_out": dict(priced.held_out),
        },
        "price": price,
        "mapping": price["mapping"],
    }
    return {**body, "notes": _notes(config, body), "headline": _headline(body)}


def _rule(config: Config) -> Any:
    assert config.spiking is not None
    return config.spiking


def _run(run: RunDirectory, priced: Priced) -> dict[str, Any]:
    config, told = run.config, epochs_of(run)
    last = told.trained[-1]
    return {
        "path": str(run.path),
        "dataset": config.dataset,
        "layers": list(config.layers),
        "units": [p.size for p in priced.mapped.graph.populations],
        "names": [p.name for p in priced.mapped.graph.populations],
        "rule": _rule(config).name,
        "rule_settings": _rule(config).settings(),
        "input": config.input,
        "lr": list(config.descent.lr),
        "epochs": config.descent.epochs,
        "epochs_trained": len(told.trained),
        "nudged_share": float(priced.mean.get(NUDGED_SHARE, 1.0)),
        "seed": config.seed,
        "train_error": last["train_error"],
        "validation_error": last.get("validation_error"),
        "test_error": told.tested[-1]["test_error"] if told.tested else None,
        "settings": config.digest(),
    }


def _chip(config: Config, priced: Priced, chip_file: str) -> dict[str, Any]:
    mapped, settled = priced.mapped, priced.sample.settled
    of = mapped.chip
    found = chip.coefficients(
        of, settled.entries, list(settled.critical.values()), len(np.unique(mapped.tiles)),
        tuple(RULE_PARTS),
    )  # fmt: skip
    return {
        "name": of.name,
        "title": of.title,
        "file": chip_file,
        "digest": of.digest(),
        "chips": mapped.mesh.chips,
        "coefficients": found,
        "weakest": chip.weakest(found),
        "unknown": [{"name": name, "why": why} for name, why in of.unknown.items()],
        "rule": executable(of, config).to_dict(),
    }


def _phases(config: Config, mean: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Time steps of each phase, the mean over all samples."""
    pairs = zip(_rule(config).phases, mean["steps_per_sample"], strict=True)
    return [{"phase": phase, "steps": steps} for phase, steps in pairs]


def _counts(config: Config, priced: Priced) -> list[dict[str, Any]]:
    """How often a sample did what, the mean over the training, and in the last epoch."""
    mean, last = priced.mean, priced.rows[-1]
    names = {**COUNTED, **{name: name.replace("_", " ") for name in _rule(config).tells}}
    return [
        {
            "name": name,
            "label": label,
            "mean": float(np.sum(mean[key])),
            "last_epoch": float(np.sum(last[key])),
            "by_layer": mean[key] if isinstance(mean[key], list) else None,
        }
        for name, label in names.items()
        if (key := f"{name}_per_sample") in mean
    ]


def _writes(mean: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of each connection, its weights and the path back: what a sample's writes are."""
    return [
        {"connection": k + 1, "copy": copy, **dict(zip(WRITE_COUNTS, counts, strict=True))}
        for k, copies in enumerate(mean["writes_by_copy_per_sample"])
        for copy, counts in zip(("weights", "path back"), copies, strict=True)
    ]


def _parts(cost: GraphCost) -> list[dict[str, Any]]:
    return [
        {
            "part": part,
            "label": label,
            "energy": energy_of(cost.settled.entries, (part,)).to_dict(),
            "time": cost.settled.seconds[part].to_dict(),
        }
        for part, label in RULE_PARTS.items()
    ]


def _epochs(priced: Priced) -> list[dict[str, Any]]:
    """Every epoch by what it counted; steps are whole, so that their sum is not quite the whole."""
    found, spent, passed = [], Sum(None), Sum(None)
    for row, cost in zip(priced.rows, priced.epochs, strict=True):
        each = cost_of_sample(cost)
        energy, seconds = each.energy * row["samples"], each.seconds * row["samples"]
        spent, passed = spent + energy, passed + seconds
        found.append(
            {
                "epoch": row["epoch"],
                "samples": row["samples"],
                "train_error": row["train_error"],
                "validation_error": row.get("validation_error"),
                "energy": energy.to_dict(),
                "cumulative": spent.to_dict(),
                "time": seconds.to_dict(),
                "cumulative_time": passed.to_dict(),
                "spikes_per_sample": row["spikes_per_sample"],
                "synaptic_events_per_sample": row["synaptic_events_per_sample"],
            }
        )
    return found


def _memory(config: Config, mapped: MappedGraph) -> dict[str, Any]:
    """Bits of what learning keeps, and bytes on the chip."""
    onchip = config.on_chip
    assert onchip is not None
    rule = _rule(config)
    kept = rule.kept_bits(onchip.fixed)
    return {
        "bits": {
            "synapse": onchip.fixed.weight_bits + onchip.accumulator_bits + rule.trace_bits,
            "unit": kept.unit,
            "axon": kept.axon,
        },
        "learning_bytes": learning_bytes(config),
        "synapse_memory_bytes": sum(use["synapse_memory"] for use in mapped.use) / 8,
    }


def _floors(config: Config) -> list[dict[str, Any]]:
    """Exact backpropagation of the same network on processors, at the least."""
    sizes = config.sizes
    synapses = sum(a * b for a, b in pairwise(sizes))
    processors = [load_chip(name) for name in chip_names()]
    return [
        {
            "name": one.name,
            "title": one.title,
            "minibatch": MINIBATCH,
            "training": training_floor(exact_backprop(sizes), synapses, MINIBATCH, one).to_dict(),
        }
        for one in processors
        if one.model == "arithmetic"
    ]


def _notes(config: Config, body: Mapping[str, Any]) -> list[str]:
    found, held = list(body["price"]["notes"]), body["beside"]["held_out"]
    if held["tested"]:
        found.append(
            f"Of figures that were measured and nothing of this chip file was fitted to, "
            f"{held['near']} of {held['tested']} are within a factor of {held['factor']:g} of it."
        )
    found.append(
        "Counts are those of the training itself; nothing was run once more. An inference is not "
        "told apart, and signals between phases are not priced."
    )
    found += notes_of(config)
    verdict = body["chip"]["rule"]
    if verdict["can"] is not True:
        found.append(f"Priced as if the chip had what the rule needs: {verdict['said']}.")
    return found


def _headline(body: Mapping[str, Any]) -> list[str]:
    cost, reached = body["training_cost"], body["training_cost"]["reached"]
    counts = {row["name"]: row["mean"] for row in body["counts"]}
    energy, time = cost["mean"]["energy"], cost["mean"]["time"]
    lines = [
        f"A training sample takes {short_total(energy)} and {short_total(time)}, the mean over "
        f"{cost['whole']['epochs']} epochs, after which {reached['error']:.3g} % of "
        f"{reached['of']} samples are wrong.",
        f"Of {digits(counts['weights_visited'])} weights that it visits it attempts to write "
        f"{digits(counts['weights_attempted'])} and changes {digits(counts['weights_applied'])}.",
    ]
    trained = body["beside"]["trained_by"]
    if trained is not None and trained["even_power"] is not None:
        lines.append(
            f"The processor that trained it took {amount(trained['time'], 's')} a sample: it "
            f"breaks even with the chip where it draws {amount(trained['even_power'], 'W')}."
        )
    return lines
