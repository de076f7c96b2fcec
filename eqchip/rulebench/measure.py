"""An entry of the benchmark, from the runs of its seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.rules import rule_of
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.learners import row_of
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.hw_reports.pricing.circuit_cost import mean_epoch
from eqchip.hw_reports.pricing.epochs import mean_row
from eqchip.hw_reports.pricing.learning_bytes import learning_bytes
from eqchip.hw_reports.pricing.timing import TIME
from eqchip.hw_reports.pricing.totals import Sum
from eqchip.hw_reports.pricing.training_cost import training_cost
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.executable import executable
from eqchip.rulebench import offchip
from eqchip.rulebench.entry import FORMAT, SPLITS, Entry, check_entry
from eqchip.rulebench.facts import facts_of
from eqchip.rulebench.made import made_by_runs, made_off_chip
from eqchip.rulebench.plan import LEARNS_ON, Planned
from eqchip.rulebench.trainings import results_of
from eqchip.rulebench.yardsticks import Yardstick

BY = "eqchip"
# Chips that an entry says of whether they could run it, beside those that price it.
ASKED = ("loihi1-calibrated", "loihi2", "catalyst-n2", "spinnaker2")


def entry_of(
    planned: Planned,
    runs: Sequence[Any],
    of: Config | Yardstick,
    chips: Sequence[str],
    dataset: Dataset,
    notes: Sequence[str] = (),
) -> Entry:
    """Make an entry.

    Parameters
    ----------
    planned : Planned
    runs : sequence of RunDirectory, or of what a yardstick reached
        Finished, one for each seed; the first is priced.
    of : Config or Yardstick
        Of the first.
    chips : sequence of str
        That price it. One that cannot hold it is left out, and that is noted.
    dataset : Dataset
    notes : sequence of str
        Further ones.

    Raises
    ------
    InputError
        If no chip can hold it.
    """
    costs, refused = [], []
    for chip in map(load_chip, chips if isinstance(of, Config) else PROCESSORS):
        try:
            costs.append(PRICED[type(of)](runs[0], of, chip, dataset))
        except InputError as error:
            refused.append(f"Not priced by {chip.name}: {error}")
    if not costs:
        raise InputError(f"entry {planned.name}: {refused[0]}")
    split = SPLITS.get(planned.dataset, (len(dataset.train_y), 0, len(dataset.test_y)))
    document = {
        "format": FORMAT,
        "name": planned.name,
        "by": BY,
        "rule": planned.rule,
        "way": planned.way,
        "task": {
            "dataset": planned.dataset,
            "network": planned.network,
            **dict(zip(("train", "validation", "test"), split, strict=True)),
        },
        "settings": planned.settings,
        "tuning": planned.tuning.model_dump(),
        "costs": costs,
        **TOLD[type(of)](runs, of, split[0]),
        "made": list(MADE[type(of)](planned, runs)),
    }
    document["task"]["epochs"] = document.pop("epochs")
    document["notes"] = [*planned.notes, *notes, *refused, *document["notes"]]
    return check_entry(document, f"entry {planned.name}")


def _of_run(runs: Sequence[RunDirectory], of: Config, samples: int) -> dict[str, Any]:
    facts = facts_of(of)
    return {
        "source": facts.source,
        "where": "on chip",
        "epochs": of.descent.epochs,
        "seeds": [results_of(run) for run in runs],
        "counts": row_of(COUNTS, of)(of, _epochs(runs[0])),
        "memory_bytes": learning_bytes(of),
        "needs": [facts.neuron, facts.carrier, facts.third_factor],
        "processor": facts.processor,
        "runs_on": [_said(load_chip(chip), of) for chip in ASKED],
        "notes": [],
    }


def _of_yardstick(results: Sequence[dict[str, Any]], of: Yardstick, samples: int) -> dict[str, Any]:
    return {
        "source": YARDSTICKS[of.rule],
        "where": "off chip",
        "epochs": of.epochs,
        "seeds": offchip.checked(results),
        "counts": {
            **dict.fromkeys(
                ("steps", "spikes", "synaptic_events", "weights_attempted", "weights_changed")
            ),
            "macs": offchip.work_of(of).macs,
        },
        "memory_bytes": offchip.training_bytes(of),
        "notes": [
            "Errors are those of the network in floating point; codes of 8 bits were not tested.",
            f"Codes sent to the chip once: {offchip.sent_of(of, samples):.3g} bytes for each "
            "training sample.",
        ],
    }


def _floor(run: dict[str, Any], of: Yardstick, chip: Chip, dataset: Dataset) -> dict[str, Any]:
    return {
        "chip": chip.name,
        "kind": "modelled",
        "energy": offchip.floor(of, chip).to_dict(),
        "time": Sum(None, (TIME,)).to_dict(),
        "source": f"{chip.name} {chip.digest()}: a floor of arithmetic and memory traffic",
    }


def _cost(run: RunDirectory, of: Config, chip: Chip, dataset: Dataset) -> dict[str, Any]:
    found = training_cost(run, chip, dataset)
    return {
        "chip": chip.name,
        "kind": "modelled",
        "energy": found.cost.energy.to_dict(),
        "time": found.cost.seconds.to_dict(),
        "cores": found.cores,
        "learning_epochs": found.learning_epochs,
        "source": f"{chip.name} {chip.digest()}, counts of seed {run.config.seed}",
    }


def _said(chip: Chip, config: Config) -> dict[str, Any]:
    verdict = executable(chip, config)
    return {"chip": chip.name, "can": verdict.can, "said": str(verdict)}


def _epochs(run: RunDirectory) -> list[dict[str, Any]]:
    return [row for row in run.metrics() if "train_error" in row]


def _of_phases(config: Config, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    learning, found = config.learning, mean_row(rows)
    phases = len(rule_of(learning.rule).phases(1, 1, None, 1.0, learning.split_stream))
    nudged = (phases - 1) * learning.nudged_steps * found.get(NUDGED_SHARE, 1.0)
    applied = sum(row["samples"] * row["weights_applied_per_sample"] for row in rows)
    injected = sum(row["samples"] * row["macs_per_sample"] for row in rows)
    return {
        "steps": learning.free_steps + nudged,
        "spikes": found["spikes_per_sample"],
        "synaptic_events": found["synaptic_events_per_sample"] + injected / found["samples"],
        "error_events": None,
        "weights_visited": None,
        "weights_attempted": found["weights_attempted_per_sample"],
        "weights_changed": applied / found["samples"],
    }


def _of_rule(config: Config, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A graded error that crosses a synapse is an event, as a spike's is."""
    found = mean_epoch(rows)
    return {
        "steps": sum(found["steps_per_sample"]),
        "spikes": found["spikes_per_sample"],
        "synaptic_events": found["synaptic_events_per_sample"] + found["macs_per_sample"],
        "error_events": sum(found["error_events_per_sample"]),
        "weights_visited": found["weights_visited_per_sample"],
        "weights_attempted": found["weights_attempted_per_sample"],
        "weights_changed": found["weights_applied_per_sample"],
    }


# By what trains a run, or what that derives from.
COUNTS: dict[type, Callable[..., dict[str, Any]]] = {
    OnChip: _of_phases,
    SpikingRule: _of_rule,
}
# By the type of a training's settings: what an entry tells, and how a chip prices it.
TOLD: dict[type, Callable[..., dict[str, Any]]] = {Config: _of_run, Yardstick: _of_yardstick}
PRICED: dict[type, Callable[..., dict[str, Any]]] = {Config: _cost, Yardstick: _floor}
MADE: dict[type, Callable[..., Iterator[Any]]] = {
    Config: lambda planned, runs: made_by_runs(planned, runs, LEARNS_ON),
    Yardstick: made_off_chip,
}
PROCESSORS = ("cpu-horowitz-45nm", "gpu-a100-floor")  # that price what is trained off the chip
YARDSTICKS = {
    "bp": "exact backpropagation, rectified units, cross-entropy, Adam",
    "bptt": "backpropagation through time with a surrogate derivative: Neftci, Mostafa and Zenke, "
    "IEEE Signal Process. Mag. 36(6), 2019",
    "tssl": "TSSL-BP: Zhang and Li, NeurIPS 2020; after its authors' code, the paper not read",
    "pc": "strict predictive coding: Whittington and Bogacz, Neural Comput. 29, 2017; Rosenbaum, "
    "PLoS ONE 17:e0266102, 2022",
}
