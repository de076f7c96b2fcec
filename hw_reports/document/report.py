"""The report of a run on a chip: one plain dictionary, from which all else is made.

Its format is ``eqchip-report 1``; ``docs/reports.md`` explains every field.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.fixedpoint import quantize
from eqchip.emulator.description.network import Conv2d
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.onchip_known import mirror_modes
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document import asynchronous as asynchrony
from eqchip.hw_reports.document import cost_sections as costsections
from eqchip.hw_reports.document import neurobench, sections
from eqchip.hw_reports.document.labels import LABELS
from eqchip.hw_reports.pricing import memory
from eqchip.hw_reports.pricing.accounts import Accounts, copies_written
from eqchip.hw_reports.pricing.entries import FREE, NUDGED, STATIC, TRAINING, energy_of, kinds_of
from eqchip.hw_reports.pricing.epochs import epochs
from eqchip.hw_reports.pricing.learning_memory import states_of_unit
from eqchip.hw_reports.show.readable import percent
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import STATUSES, Coefficient

FORMAT = "eqchip-report 1"
STATEMENT = "modelled, not measured"
FLOAT_BITS = 32
WEAK_SHARE = 0.01  # of the training energy: below, a coefficient's weakness does not show
SHOWN_WEAKEST = 5


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
        "labels": LABELS,
        "run": _run(run, rows),
        "chip": _chip(replay, accounts, chip_file),
        "provenance": provenance,
        "replay": _replayed(replay),
        "notes": [*_notes(replay, accounts), *(asynchrony.notes(simulated) if simulated else ())],
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


def _notes(replay: Replay, accounts: Accounts) -> list[str]:
    """What every reader has to know."""
    chip = replay.chip
    notes = [
        "Every energy and time is a count times a coefficient of the chip file: modelled, not "
        "measured on a chip.",
        "Not modelled: the host, getting samples onto the chip and results off it, loading the "
        f"network{'' if _queues(replay) else ', and queues on the mesh'}.",
    ]
    if chip.model == "cores":
        notes.append(
            "A sample is run, and its weights are written, by itself: chips have no minibatch."
        )
    if not chip.learning:
        notes.append(f"{chip.name} has no learning engine: it could run the phases, not learn.")
    if chip.model == "arithmetic":
        notes.append(
            "The samples ran in the chip's default integers; the costs are those of the "
            "real-valued network in 32-bit floating point."
        )
    whole, static = (energy_of(accounts.entries, TRAINING, kind) for kind in (None, STATIC))
    if whole.figure and static.figure and static.figure.value > whole.figure.value / 2:
        notes.append(
            f"{percent(static.figure.value / whole.figure.value)} of the training energy is static "
            "power: whole chips draw it, for as long as "
            f"{'the busiest core of every step' if replay.timing is None else 'the run'} takes."
        )
    lacking = whole.lacks
    if lacking:
        notes.append(f"The training energy is a lower bound: it lacks {', '.join(lacking)}.")
    notes += _learning_notes(replay, accounts)
    notes += _readout_notes(replay, accounts)
    if accounts.cores is not None and replay.written is None:
        updates = accounts.cores.updates
        share = updates.applied.sum() / max(updates.attempted.sum(), 1)
        notes.append(
            f"{percent(share, 2)} of the weights written for a sample change their stored code of "
            f"{replay.fixed.weight_bits} bits, rounded to nearest at the rate of the start of "
            "training: to learn from such steps a chip rounds at random or accumulates them."
        )
    if replay.config.input == "current" and chip.model != "arithmetic":
        notes.append(
            "The input is a current, x W_0: its multiply-accumulates are counted, but the chip "
            "file has no price for them, and whoever computes them pays."
        )
    trained = replay.config.timing
    if trained is None and replay.timing is not None:
        notes.append(
            "The run was trained in time steps: the spikes and synaptic events of its epochs are "
            "those of time steps."
        )
    elif trained is not None and replay.timing is None:
        notes.append(
            "The run was trained without a global clock; its samples ran in time steps here."
        )
    notes += _kernel_notes(replay)
    if replay.config.descent.optimizer == "adam":
        notes.append(
            "Adam needs two moments for every weight, which are not accounted for; the share of "
            "codes that change is that of plain steps at its rates."
        )
    elif replay.config.descent.momentum:
        notes.append("Momentum needs a velocity for every weight, which is not accounted for.")
    return [*notes, *replay.notes]


def _learning_notes(replay: Replay, accounts: Accounts) -> list[str]:
    """What is counted where the chip itself learned, and what is not."""
    onchip, learned, told = replay.config.on_chip, accounts.learned, accounts.signals
    if onchip is None or learned is None or told is None or replay.written is None:
        return []
    whole = copies_written(replay.network, replay.chip)
    applied = percent(replay.written.applied, 2)
    notes = [
        f"Learning on the chip attempts {learned.attempted:,.0f} writes for a sample, where all "
        f"copies of all weights are {whole:,}; in the last epoch of training, {applied} of those "
        f"attempted changed their stored code of {replay.fixed.weight_bits} bits.",
        f"Learning sends {learned.messages:,.0f} graded messages for a sample, each priced as a "
        "spike's. Not priced: biases, and keeping traces while spikes arrive.",
        f"Phase signals: a processor at tile (0, 0) tells each of {told.messages:,.0f} cores when "
        f"a phase starts and when to write, and once in {onchip.every:,} samples its rates: "
        f"{sum(told.rounds.values()):.4g} messages a core and training sample. To tell all cores "
        f"once takes {told.hops:,.0f} hops. None are priced in inference.",
    ]
    modes = mirror_modes(replay.config)
    if modes is not None:
        notes.append(
            f"Mirror modes are spread over the samples: {modes.presentations:.3g} patterns of "
            "random spikes for each, of two steps and one in which units above send what they "
            "added up. A graded message that crosses a synapse is priced as a synaptic event; not "
            "priced are drawing random spikes, and the division of information alignment."
        )
    if not replay.both_copies and onchip.copies != "errors":
        notes.append(
            "The samples ran with the copy of each weight that feed-forward spikes read in both "
            "directions: an older version trained the run, which kept only that of the two."
        )
    return notes


def _readout_notes(replay: Replay, accounts: Accounts) -> list[str]:
    """What a read-out outside the dynamics is charged, and what is left out."""
    if replay.config.learning.readout != "cross-entropy":
        return []
    if not accounts.readout:  # a processor: of the floor, `baselines.READ_OUT_NOTE` tells
        return ["The softmax of the cross-entropy read-out is not priced."]
    free, nudged = accounts.readout[FREE], accounts.readout.get(NUDGED)
    notes = ["The read-out classifies by cross-entropy, outside the dynamics: its units add up the "
             "spikes that reach them and send none."]  # fmt: skip
    of_cores = free.messages is not None
    steps = free.steps + (nudged.steps if nudged else 0)
    if of_cores:
        read = f"A processor at tile (0, 0) reads {free.messages:,.0f} potentials of the read-out "
        read += f"after the free phase ({free.hops:,.4g} hops)"
    else:
        read = "A processor reads the potentials of the read-out after the free phase"
    if nudged is None:
        notes.append(f"{read}; with one connection, errors go nowhere but to it.")
    else:
        notes.append(
            f"{read}, and sends {nudged.errors:,.4g} errors other than 0 in the nudged phases "
            + (
                f"to the cores of the layer below ({nudged.messages:,.4g} messages, "
                f"{nudged.hops:,.4g} hops)"
                if of_cores
                else "to the layer below"
            )
            + f", where they cross {nudged.events:,.4g} synapses; {steps} time steps more for a "
            "sample, the same in every epoch. "
            + ("A message is priced as a spike's, and a" if of_cores else "A")
            + " synapse that an error crosses is priced as a synaptic event."
        )
    notes.append(
        "Not priced of the read-out: the softmax and the time that it takes, "
        + ("" if of_cores else "its messages, ")
        + "telling its own cores the errors that the weight update reads, and reading the class in "
        "inference."
    )
    return notes


def _kernel_notes(replay: Replay) -> list[str]:
    """What is assumed where places of a layer have a kernel in common."""
    if not any(isinstance(one, Conv2d) for one in replay.network.connections):
        return []
    if replay.chip.model == "arithmetic":
        return ["Of a convolution with average pooling, the merged kernel is read and multiplied."]
    if replay.chip.shares_kernels:
        return [
            "The chip file says that a core keeps each weight of a kernel once; an update writes "
            "it once on each core that has it. That the changes of its places are summed up "
            "before, on the core and between cores, is not accounted for."
        ]
    return [
        "Kernels are not shared: every synapse of a convolution is stored, and written by an "
        "update, in each of its places. That the changes of all places are summed up before is "
        "not accounted for; without it the places would drift apart."
    ]


def _queues(replay: Replay) -> bool:
    return replay.timing is not None and replay.timing.queues.link > 0


def _chip(replay: Replay, accounts: Accounts, chip_file: str) -> dict[str, Any]:
    chip = replay.chip
    coefficients = _coefficients(chip, accounts)
    return {
        "name": chip.name,
        "title": chip.title,
        "origin": chip.origin,
        "description": " ".join(chip.description.split()),
        "model": chip.model,
        "file": chip_file,
        "digest": replay.digest,
        "chips": 1 if replay.mapped is None else replay.mapped.chips,
        "learning": chip.learning,
        "copies": chip.copies,
        "coefficients": coefficients,
        "unknown": [{"name": name, "why": why} for name, why in chip.unknown.items()],
        "included": [{"name": name, "in": where} for name, where in chip.included.items()],
        "weakest": _weakest(coefficients),
    }


def _coefficients(chip: Chip, accounts: Accounts) -> list[dict[str, Any]]:
    """Every coefficient, and how much of a training sample's energy or time rests on it."""
    joules: dict[str, float] = {}
    for kind in kinds_of(accounts.entries):
        spent = energy_of(accounts.entries, TRAINING, kind).figure
        if spent is not None:
            joules[kind] = spent.value
    seconds: dict[str, float] = {}
    for phase in TRAINING:
        for kind, lasted in accounts.critical[phase].items():
            seconds[kind] = seconds.get(kind, 0.0) + lasted
    found: list[dict[str, Any]] = []
    for address, figure in chip.figures():
        if not isinstance(figure, Coefficient):
            continue
        table, _, kind = address.partition(".")
        of, kinds = {
            "energy": ("energy", kind),
            "time": ("time", kind),
            "barrier": ("time", "barrier"),
            "static_power": ("energy", STATIC if kind == "chip" else ""),
            "clock": ("energy", "clock_cycle"),
        }[table]
        spent_on = joules if of == "energy" else seconds
        whole = sum(spent_on.values())
        share = spent_on[kinds] / whole if whole and kinds in spent_on else None
        found.append(
            {
                "name": address,
                **figure.model_dump(mode="json", include=set(_SHOWN)),
                "share": share,
                "share_of": of,
            }
        )
    return found


_SHOWN = ("low", "value", "high", "unit", "source", "status", "confidence", "note")


def _weakest(coefficients: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The coefficients of the energy that a reader should doubt first.

    Of those that decide at least a hundredth of the training energy: by status, the weakest
    first, then by how wide a band of the energy they leave.
    """

    def doubt(row: dict[str, Any]) -> tuple[int, float]:
        return STATUSES.index(row["status"]), row["share"] * _band(row)

    deciding = [
        row
        for row in coefficients
        if row["share_of"] == "energy" and (row["share"] or 0.0) >= WEAK_SHARE
    ]
    found = []
    for row in sorted(deciding, key=doubt, reverse=True)[:SHOWN_WEAKEST]:
        found.append(
            {
                **{name: row[name] for name in ("name", "status", "confidence", "share", "note")},
                "why": f"{percent(row['share'])} of the training energy, {row['status']}, "
                f"{row['low']:g} to {row['high']:g} {row['unit']}",
            }
        )
    return found


def _band(row: dict[str, Any]) -> float:
    return float((row["high"] - row["low"]) / row["value"]) if row["value"] else 0.0


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
