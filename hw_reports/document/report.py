"""The report of a run on a chip: one plain dictionary, from which all else is made.

Its format is ``eqchip-report 1``; ``docs/reports.md`` explains every field.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.fixedpoint import quantize
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document import asynchronous as asynchrony
from eqchip.hw_reports.document import cost_sections as costsections
from eqchip.hw_reports.document import neurobench, sections
from eqchip.hw_reports.document.chip_section import chip_section
from eqchip.hw_reports.document.labels import labels
from eqchip.hw_reports.document.notes import notes_of
from eqchip.hw_reports.pricing import memory
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.epochs import epochs
from eqchip.hw_reports.pricing.learning_memory import states_of_unit

FORMAT = "eqchip-report 1"
STATEMENT = "modelled, not measured"
FLOAT_BITS = 32


def report(
    replay: Replay,
    accounts: Accounts,
    run: RunDirectory,
    chip_file: str,
    provenance: dict[str, Any],
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

    Raises
    ------
    InputError
        If the run's metrics hold no epoch.
    """
    config = replay.config
    rows = run.metrics()
    trained = [row for row in rows if "train_error" in row]
    if not trained:
        raise InputError(
            f"{run.path / 'metrics.jsonl'}: no epoch in it; expected a run of at least one"
        )
    floating = replay.precision != "chip"
    state_bits = FLOAT_BITS if floating else replay.fixed.state_bits
    weight_bits = FLOAT_BITS if floating else replay.fixed.weight_bits
    # Simulated time does not follow the spikes: a nominal period takes what it takes.
    critical = accounts.critical if accounts.simulated is None else None
    found = epochs(
        rows,
        accounts.entries,
        accounts.seconds,
        critical,
        config.descent.minibatch,
        accounts.learned,
    )
    kept = memory.report(
        config, replay.network, replay.chip, replay.mapped, state_bits, weight_bits
    )
    samples = sum(epoch.samples for epoch in found)
    simulated = None if accounts.simulated is None else asynchrony.section(replay, accounts)
    document = {
        "format": FORMAT,
        "title": f"{config.written} ({config.dataset}) on {replay.chip.name}",
        "statement": STATEMENT,
        "labels": labels(),
        "run": _run(run, rows),
        "chip": chip_section(replay, accounts, chip_file),
        "provenance": provenance,
        "replay": _replayed(replay),
        "notes": [*notes_of(replay, accounts), *(asynchrony.notes(simulated) if simulated else ())],
        "phases": _phases(replay),
        "mapping": None if replay.mapped is None else sections.mapping(replay.mapped, accounts),
        "activity": sections.activity(replay, accounts),
        "energy": sections.energy(replay, accounts),
        "time": sections.time(accounts),
        "training_cost": costsections.training_cost(
            replay, accounts, found, kept, _reached(rows, trained)
        ),
        "memory": kept,
        "neurobench": _neurobench(replay, weight_bits, state_bits),
        "baselines": costsections.floors(replay, samples),
        "anchors": costsections.anchors(),
    }
    return document if simulated is None else {**document, "asynchronous": simulated}


def _run(run: RunDirectory, rows: list[dict[str, Any]]) -> dict[str, Any]:
    config = run.config
    trained = [row for row in rows if "train_error" in row]
    tested = [row for row in rows if "test_error" in row]
    return {
        "path": str(run.path),
        "dataset": config.dataset,
        "layers": list(config.layers),
        "units": list(config.sizes),
        "input": config.input,
        "coding": describe(config.coding),
        "rule": config.learning.rule,
        "readout": config.learning.readout,
        "beta": config.learning.beta,
        "free_steps": config.learning.free_steps,
        "nudged_steps": config.learning.nudged_steps,
        "minibatch": config.descent.minibatch,
        "epochs": config.descent.epochs,
        "epochs_trained": len(trained),
        "seed": config.seed,
        "train_error": trained[-1]["train_error"],
        "validation_error": trained[-1].get("validation_error"),
        "test_error": tested[-1]["test_error"] if tested else None,
        "settings": config.digest(),
    }


def describe(coding: Coding) -> str:
    """A coding in words.

    Examples
    --------
    >>> describe(Coding())
    'sigma-delta, step size 0.8, prediction 0.83 / t^0.58'
    """
    step = coding.step_size
    size = f"optimal (nu_bar {step.nu_bar:g})" if isinstance(step, OptimalStepSize) else _law(step)
    prediction = "no prediction"
    if coding.prediction is not None:
        prediction = f"prediction {_law(coding.prediction)}"
    return f"{coding.quantizer}, step size {size}, {prediction}"


def _law(schedule: Polynomial) -> str:
    return f"{schedule.value:g}" + (f" / t^{schedule.exponent:g}" if schedule.exponent else "")


def _reached(rows: list[dict[str, Any]], trained: list[dict[str, Any]]) -> dict[str, Any]:
    """The error that the training reached: on the test set, if it was read."""
    tested = [row for row in rows if "test_error" in row]
    if tested:
        return {"error": tested[-1]["test_error"], "of": "test"}
    if trained[-1].get("validation_error") is not None:
        return {"error": trained[-1]["validation_error"], "of": "validation"}
    return {"error": trained[-1]["train_error"], "of": "training"}


def _replayed(replay: Replay) -> dict[str, Any]:
    saturated = [run.saturations for run in (replay.training.run, replay.inference.run)]
    arithmetic = None
    if replay.precision == "chip":
        fixed = replay.fixed
        arithmetic = {name: getattr(fixed, name) for name in ("weight_bits", "state_bits",
            "fraction_bits", "coefficient_bits")}  # fmt: skip
    return {
        "precision": replay.precision,
        "arithmetic": arithmetic,
        "training_samples": len(replay.training.indices),
        "inference_samples": len(replay.inference.indices),
        "split": replay.split,
        "error": replay.error,
        "saturations": sum(int(counts.sum()) for counts in saturated if counts is not None),
        "notes": list(replay.notes),
    }


def _phases(replay: Replay) -> list[dict[str, Any]]:
    found = []
    for of, run in (("training", replay.training.run), ("inference", replay.inference.run)):
        names = run.activity.phases if of == "training" else ("inference",)
        for name, phase in zip(names, run.phases, strict=True):
            found.append({"name": name, "steps": phase.steps, "of": of})
        if of == "training":
            found.append({"name": "update", "steps": None, "of": of})
    return found


def _neurobench(replay: Replay, weight_bits: int, state_bits: int) -> dict[str, Any]:
    problem, run = replay.inference.problem, replay.inference.run
    assert run.bits is not None
    bits = [q.reshape(*q.shape[:2], -1) for q in run.bits]
    connections = replay.network.connections
    weights = [
        one.synapse_weights(np.asarray(w, np.float64))
        for one, w in zip(connections, replay.network.weights, strict=True)
    ]
    if replay.precision == "chip":
        stored = replay.mapped.weights if replay.mapped is not None else None
        weights = [
            quantize(w, replay.fixed).codes if stored is None else stored[k].codes
            for k, w in enumerate(weights)
        ]
    return neurobench.metrics(
        bits=bits,
        connections=connections,
        weights=weights,
        weight_bits=weight_bits,
        state_bits=state_bits,
        states=sum(states_of_unit(replay.config.coding).values()),
        accuracy=1.0 - replay.error / 100.0,
        current=problem.x if problem.input == "current" else None,
        read_out=problem.readout == "cross-entropy",
    )
