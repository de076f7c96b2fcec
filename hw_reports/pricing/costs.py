"""What learning from a sample costs: one meaning, for reports, sweeps and sensitivities alike.

The cost of learning is the mean over a whole training, not that of its last sample, of which little
may be left to learn::

    mean = sum over epochs of (cost of the epoch) / sum over epochs of its samples

Each epoch is priced by what it counted itself (:mod:`eqchip.hw_reports.pricing.epochs`), from a
sample that is replayed with the network as it is after training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import Entry, energy_of
from eqchip.hw_reports.pricing.epochs import Epoch, epochs
from eqchip.hw_reports.pricing.totals import Sum, banded, total
from eqchip.mapping.kinds import INFERENCE


@dataclass(frozen=True, repr=False)
class Cost:
    """The energy and the time of a sample, and what follows from both."""

    energy: Sum
    seconds: Sum

    @property
    def energy_delay(self) -> Sum:
        """Energy times time, J s: low times low, high times high."""
        joules, seconds = self.energy.figure, self.seconds.figure
        lacks = tuple(dict.fromkeys((*self.energy.lacks, *self.seconds.lacks)))
        if joules is None or seconds is None:
            return Sum(None, lacks)
        levels = [getattr(joules, x) * getattr(seconds, x) for x in ("low", "value", "high")]
        return Sum(banded(levels, "J s"), lacks)

    @property
    def power(self) -> float | None:
        """Nominal energy over nominal time, W; no band: what is dear is slow as well."""
        joules, seconds = self.energy.figure, self.seconds.figure
        if joules is None or seconds is None or not seconds.value:
            return None
        return joules.value / seconds.value

    @property
    def samples_per_second(self) -> float | None:
        """One after the other, nominal."""
        seconds = self.seconds.figure
        return None if seconds is None or not seconds.value else 1.0 / seconds.value

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_short(self.energy)}, {_short(self.seconds)})"

    def records_of(self, sample: str) -> list[dict[str, Any]]:
        """Energy, time and their product as flat dictionaries; see :meth:`Costs.records`."""
        told = {
            "energy": self.energy, "time": self.seconds, "energy_delay": self.energy_delay
        }  # fmt: skip
        return [_record(what, sample, None, None, one) for what, one in told.items()]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "energy": self.energy.to_dict(),
            "time": self.seconds.to_dict(),
            "energy_delay": self.energy_delay.to_dict(),
            "power": self.power,
            "samples_per_second": self.samples_per_second,
        }


@dataclass(frozen=True, eq=False, repr=False)
class Costs:
    """All that a run costs on a chip.

    Attributes
    ----------
    accounts : Accounts
        Of a replayed sample, and of an inference.
    epochs : list of Epoch
        Of the training.
    """

    accounts: Accounts
    epochs: list[Epoch]

    @property
    def training(self) -> Cost:
        """Of a training sample: the mean over the whole training."""
        return _mean(self.epochs)

    @property
    def last(self) -> Cost:
        """Of a training sample of the last epoch."""
        return _mean(self.epochs[-1:])

    @property
    def inference(self) -> Cost:
        """Of classifying a sample."""
        found = self.accounts
        return Cost(energy_of(found.entries, (INFERENCE,)), found.seconds[INFERENCE])

    def __repr__(self) -> str:
        return f"Costs(training sample {_short(self.training.energy)}, {len(self.epochs)} epochs)"

    def records(self) -> list[dict[str, Any]]:
        """A flat dictionary per figure, for pandas: ``pandas.DataFrame(costs.records())``.

        Keys: ``quantity`` ("energy", "time", "energy_delay"), ``of`` (the mean sample of the
        training, of its last epoch, an inference; or a phase of the last epoch's sample), ``kind``
        and ``count`` (of events; None for sums), ``low``, ``value`` and ``high`` (None where not
        known), ``unit``, and ``lacks``: what the figure is without, so that it is a lower bound.
        """
        sums = {"training": self.training, "last epoch": self.last, "inference": self.inference}
        return [
            *(row for name, one in sums.items() for row in one.records_of(name)),
            *map(entry_record, self.accounts.entries),
        ]


def costs(replay: Replay, accounts: Accounts, rows: Sequence[Mapping[str, Any]]) -> Costs:
    """Price a training by a replay.

    Parameters
    ----------
    replay : Replay
    accounts : Accounts
        Of the replay.
    rows : sequence of mapping
        The lines of the run's metrics; at least one of an epoch.

    Raises
    ------
    InputError
        As :func:`eqchip.hw_reports.pricing.epochs.epochs`.
    """
    found = epochs(
        rows,
        accounts.entries,
        accounts.seconds,
        # Simulated time does not follow the spikes: a nominal period takes what it takes.
        accounts.critical if accounts.simulated is None else None,
        replay.config.descent.minibatch,
        accounts.learned,
    )
    return Costs(accounts, found)


def entry_record(entry: Entry) -> dict[str, Any]:
    """The energy of a kind of event in a phase, as a row of :meth:`Costs.records`."""
    return _record("energy", entry.phase, entry.kind, entry.count, entry.energy)


def _record(
    quantity: str, of: str, kind: str | None, count: float | None, one: Sum
) -> dict[str, Any]:
    figure = one.figure
    low, value, high, unit = (None, None, None, None)
    if figure is not None:
        low, value, high, unit = figure.low, figure.value, figure.high, figure.unit
    return {
        "quantity": quantity, "of": of, "kind": kind, "count": count, "low": low, "value": value,
        "high": high, "unit": unit, "lacks": "; ".join(one.lacks),
    }  # fmt: skip


def _short(one: Sum) -> str:
    """A sum in a few letters."""
    if one.figure is None:
        return "unknown"
    return f"{'at least ' if one.lacks else ''}{one.figure.value:.3g} {one.figure.unit}"


def _mean(found: Sequence[Epoch]) -> Cost:
    each = 1.0 / sum(epoch.samples for epoch in found)
    return Cost(total(e.energy for e in found) * each, total(e.seconds for e in found) * each)
