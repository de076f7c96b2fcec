"""What a whole training costs on a chip: the replay's sample, epoch by epoch.

The replay counts samples on the network as it is after training. Each epoch counted its own
spikes and synaptic events while it trained (``metrics.jsonl``), and these are taken:

* synaptic events of an epoch are its own;
* spikes, active updates, messages, hops and crossings follow its spikes: as many of each per
  spike as in the replay;
* every unit is updated in every step, so the rest of the updates are inactive ones;
* weight updates, barriers, resets, signals of phases, what processors and host do, and what a
  read-out outside the dynamics exchanges are the same for every sample;
* of the time, what the deciding core or link spends on each kind follows the same factors.

Where samples that are right are skipped (``Learning.skip_right``), a sample of the replay runs all
phases all the same. An epoch counted the share of its samples that were nudged, and of the nudged
phases and the update it is charged that share.

A network that learned on the chip counted what it wrote as well, and for whom it sent messages:
of its epochs, weight updates are their own, and messages of learning follow the units that
changed, or were active, as the epoch counted them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.training.metrics_file import metric
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.hw_reports.pricing.entries import Entry
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.totals import Sum, total
from eqchip.mapping.chip_file.figures import Visits
from eqchip.mapping.kinds import (
    EVENTS,
    FREE,
    MESSAGES,
    NUDGED,
    SPIKES,
    SYNAPSES,
    TRAINING,
    UPDATE,
    WRITES,
    event,
    names_of,
)

EXPLANATION = (
    "The spikes and synaptic events of each epoch are those counted while it trained; messages "
    "and hops per spike are those of the replay.",
    "Weight updates, barriers and resets cost the same in every epoch; every synapse is written "
    "after every sample, in every copy.",
    "Validation and test samples are not charged to the training.",
)
EXPLANATION_ON_CHIP = (
    EXPLANATION[0],
    "Weight updates of each epoch are the writes that the chip attempted while it trained, in "
    "every copy; graded messages of learning follow the units that it counted as changed or "
    "active; barriers, resets and the signals of phases cost the same in every epoch.",
    EXPLANATION[2],
)


# What messages of learning follow -> its line in the metrics.
FOLLOWED = {
    "changed": "units_changed_per_sample",
    "active": "units_active_per_sample",
    "spikes": "change_spikes_per_sample",
}
# What an epoch's metrics counted that a price follows.
PER_SAMPLE = (
    "spikes_per_sample", "synaptic_events_per_sample", "weights_attempted_per_sample",
    NUDGED_SHARE, *FOLLOWED.values(),
)  # fmt: skip


@dataclass(frozen=True)
class Learned:
    """What learning on the chip does after a sample, for pricing epochs that counted their own.

    Attributes
    ----------
    attempted : float
        Weights that a sample of the replay attempted to write, as an epoch counts them.
    one_write : Sum
        The energy of one, wherever it is written.
    messages : float
        Messages that a sample of the replay sent beside the spikes of its phases.
    always : float
        Those of them that do not depend on the sample.
    source : {"changed", "active", "spikes", None}
        Which units, or spikes, of the metrics the others follow.
    reach : tuple of float
        Messages that such a unit of each layer sends.
    visits : {"lists", "axons", "sweep", None}
        What the learning engine reads its synapses by.
    steady : float
        Of what an update takes beside writes and messages, the share that comes whether or not the
        sample is learned from.
    per_write : float
        Messages that go with a weight that is attempted.
    kernels : dict or None
        Of kernels of many places, per sample: products read, synapses written, and messages.
    """

    attempted: float
    one_write: Sum
    messages: float
    always: float
    source: str | None
    reach: tuple[float, ...]
    visits: Visits | None = None
    steady: float = 0.0
    per_write: float = 0.0
    kernels: Mapping[str, float] | None = None

    def share(self, row: Mapping[str, Any]) -> float:
        """How many times the replay's an epoch's update was, of what follows no count."""
        return self.steady + (1.0 - self.steady) * nudged_share(row)

    def factors(self, row: Mapping[str, Any], spiked: float) -> dict[str, float]:
        """By kind, how many times the replay's update an epoch's was; `spiked`: its spikes."""
        nudged = nudged_share(row)
        sent = self.always
        if self.source is not None:
            units = _units(row, FOLLOWED[self.source], len(self.reach))
            sent += sum(n * reach for n, reach in zip(units, self.reach, strict=True))
        attempted = metric(row, "weights_attempted_per_sample")
        sent += self.per_write * attempted
        writes = _ratio(attempted, self.attempted)
        messages = _ratio(sent, self.messages)
        visited = {"axons": spiked * nudged, "sweep": nudged}.get(self.visits or "lists", writes)
        told = MESSAGES if self.source != "spikes" else (*MESSAGES, SPIKES, SYNAPSES)
        return {
            **dict.fromkeys(names_of(WRITES), writes),
            "synapse_visit": visited,
            **dict.fromkeys(names_of(*told), messages),
        }


def nudged_share(row: Mapping[str, Any]) -> float:
    """The share of an epoch's samples that were nudged: all, unless it says otherwise."""
    return metric(row, NUDGED_SHARE) if NUDGED_SHARE in row else 1.0


def _units(row: Mapping[str, Any], name: str, layers: int) -> list[float]:
    found = row.get(name)
    if not isinstance(found, list) or len(found) != layers:
        raise InputError(
            f"metrics of epoch {row['epoch']}: {name} is {found!r}; "
            f"expected {layers} numbers, one a layer"
        )
    return [metric({**row, name: units}, name) for units in found]


@dataclass(frozen=True)
class Epoch:
    """One epoch on the chip; `energy` and `seconds` over all its samples."""

    number: int
    samples: int
    train_error: float
    validation_error: float | None
    spikes_per_sample: float
    events_per_sample: float
    energy: Sum
    seconds: Sum
    minibatch_energy: Sum
    minibatch_seconds: Sum


def epochs(
    rows: Sequence[Mapping[str, Any]],
    found: Sequence[Entry],
    times: Mapping[str, Sum],
    critical: Mapping[str, Mapping[str, float]] | None,
    minibatch: int,
    learned: Learned | None = None,
) -> list[Epoch]:
    """Every epoch of ``metrics.jsonl``.

    Parameters
    ----------
    rows : sequence of mapping
        The lines of the run's metrics.
    found : sequence of Entry
        Of one training sample of the replay.
    times : mapping of phase to Sum
        Of the same.
    critical : mapping of phase to kind to seconds, or None
        What the deciding resources spend on each kind; None: the time is that of a fixed step,
        or follows the synaptic events (see `times`).
    minibatch : int
        Were the weights written once per so many samples, as the last two fields tell.
    learned : Learned, optional
        Of a network that learned on the chip.

    Raises
    ------
    InputError
        If a line does not say how many samples its epoch had, or, with `learned`, what it wrote.
    """
    result = []
    for row in (row for row in rows if "train_error" in row):
        samples = row.get("samples")
        if type(samples) is not int or samples < 1:
            raise InputError(
                f"metrics of epoch {row['epoch']}: samples is {samples!r}; "
                "expected a whole number of at least 1"
            )
        nudged = nudged_share(row)
        factors = _factors(row, _counted(found, nudged))
        spiked = factors.get("spike", 1.0)
        updating = None if learned is None else learned.factors(row, spiked)
        costs = []
        for writes in (nudged, min(nudged, 1.0 / minibatch)):
            scale = {**factors, **dict.fromkeys((*names_of(WRITES), "learning_epoch"), writes)}
            often = {FREE: 1.0, NUDGED: nudged, UPDATE: writes}
            seconds = {p: _time(p, times[p], critical, scale, often[p]) for p in TRAINING}
            if updating is None or critical is None or learned is None:
                energy = _energy(found, times, seconds, scale, nudged)
            else:
                share = learned.share(row)
                seconds[UPDATE] = _scaled(times[UPDATE], critical[UPDATE], updating, share)
                relaxing = [entry for entry in found if entry.phase != UPDATE]
                energy = _energy(relaxing, times, seconds, scale, nudged)
                energy += _update(found, learned, row, updating, times, seconds)
            costs += [energy * samples, total(seconds.values()) * samples]
        result.append(
            Epoch(
                row["epoch"],
                samples,
                row["train_error"],
                row.get("validation_error"),
                row["spikes_per_sample"],
                row["synaptic_events_per_sample"],
                *costs,
            )
        )
    return result


def mean_row(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All epochs of a run's metrics as one, of their mean sample.

    Priced, it costs what the epochs cost together, since a cost is linear in what was counted.

    Examples
    --------
    >>> counted = {"epoch": 1, "train_error": 9.0, "samples": 1, "spikes_per_sample": 4.0}
    >>> mean_row([counted, {**counted, "samples": 3, "spikes_per_sample": 8.0}])
    {'epoch': 1, 'train_error': 9.0, 'samples': 4, 'spikes_per_sample': 7.0}
    """
    trained = [row for row in rows if "train_error" in row]
    samples = sum(row["samples"] for row in trained)

    def mean(name: str) -> Any:
        columns = np.array([np.multiply(row["samples"], row[name]) for row in trained])
        return (columns.sum(axis=0) / samples).tolist()

    counted = [name for name in PER_SAMPLE if name in trained[0]]
    return {**trained[0], "samples": samples, **{name: mean(name) for name in counted}}


def _counted(found: Sequence[Entry], nudged: float) -> dict[str, float]:
    """Events of one training sample of which such a share is nudged, by kind."""
    counted: dict[str, float] = {}
    for entry in found:
        if entry.phase in TRAINING and entry.count is not None:
            share = 1.0 if entry.phase == FREE else nudged
            counted[entry.kind] = counted.get(entry.kind, 0.0) + share * entry.count
    return counted


def _factors(row: Mapping[str, Any], counted: Mapping[str, float]) -> dict[str, float]:
    """By kind, how many times the replay's events a sample of the epoch had."""
    spiked = _ratio(row["spikes_per_sample"], counted.get("spike", 0.0))
    arrived = _ratio(row["synaptic_events_per_sample"], counted.get("synaptic_event", 0.0))
    times = {"spikes": spiked, "synaptic events": arrived}
    active, inactive = counted.get("update_active", 0.0), counted.get("update_inactive", 0.0)
    if inactive:
        times["inactive"] = max(inactive + active * (1.0 - spiked), 0.0) / inactive
    return {one.name: times[one.follows] for one in EVENTS.values() if one.follows in times}


def _ratio(epoch: float, replay: float) -> float:
    # A replay without any spike says nothing of messages per spike.
    return epoch / replay if replay else 1.0


def _time(
    phase: str,
    time: Sum,
    critical: Mapping[str, Mapping[str, float]] | None,
    factors: Mapping[str, float],
    often: float,
) -> Sum:
    """The time of a phase, its deciding parts scaled by their kinds' factors, as often as it is."""
    if phase == UPDATE or critical is None:  # as often as weights are written, with its barrier
        return time * often
    return _scaled(time, critical[phase], factors) * often


def _scaled(
    time: Sum, critical: Mapping[str, float], factors: Mapping[str, float], other: float = 1.0
) -> Sum:
    """The time of a phase whose deciding parts take so many times as long; `other`: the rest."""
    before = sum(critical.values())
    after = sum(s * factors.get(kind, other) for kind, s in critical.items())
    return time * (after / before if before else 1.0)


def _update(
    found: Sequence[Entry],
    learned: Learned,
    row: Mapping[str, Any],
    factors: Mapping[str, float],
    times: Mapping[str, Sum],
    seconds: Mapping[str, Sum],
) -> Sum:
    """The energy of an update that the chip learned by: its own writes, and messages as many."""
    terms = []
    for entry in (entry for entry in found if entry.phase == UPDATE):
        if entry.kind == "weight_update":
            terms.append(learned.one_write * metric(row, "weights_attempted_per_sample"))
        elif event(entry.kind).follows == "time":
            factor = _longer(times[UPDATE].figure, seconds[UPDATE].figure)
            terms.append(entry.energy * factor)
        else:
            terms.append(entry.energy * factors.get(entry.kind, learned.share(row)))
    return total(terms)


def _energy(
    found: Sequence[Entry],
    times: Mapping[str, Sum],
    seconds: Mapping[str, Sum],
    factors: Mapping[str, float],
    nudged: float,
) -> Sum:
    """Of the kinds that weights are written by, `factors` know how often that is."""
    terms, written = [], (*names_of(WRITES), "learning_epoch")
    for entry in found:
        if entry.phase not in TRAINING:
            continue
        factor = factors.get(entry.kind, 1.0)
        if entry.phase != FREE and entry.kind not in written:
            factor *= nudged
        lasting = event(entry.kind).follows == "time"
        if lasting or (entry.kind == "barrier" and entry.phase == UPDATE):
            factor = _longer(times[entry.phase].figure, seconds[entry.phase].figure)
        terms.append(entry.energy * factor)
    return total(terms)


def _longer(before: Figure | None, after: Figure | None) -> float:
    if before is None or after is None or not before.value:
        return 1.0
    return after.value / before.value
