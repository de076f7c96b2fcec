"""The section of a report that its page reckons with, should a coefficient be another.

A page cannot run eqchip, so it is given what a training sample's energy and time are made of, found
by pricing the same replay with each coefficient moved: a total is linear in each of them as long as
the same core, or the same link, decides each step. With c the coefficients, in J, s and W,

    time   = rest + sum of count_j c_j, over times
           + sum over phases and steps of how much max(0, floor - sum of count_j c_j, of the step)
    energy = rest + sum of count_j c_j, over energies + time x sum of times_j c_j, over powers

Nothing here knows what a coefficient prices. The steps are those of the deciding core or link, put
together in at most `MOST_STEPS` kinds of step of about the same length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.chip import barrier_shares
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.epochs import mean_row, nudged_share
from eqchip.hw_reports.pricing.sensitivity import Price
from eqchip.hw_reports.pricing.timing import floor_of
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Area, Coefficient, Limit
from eqchip.mapping.chip_file.units import SI
from eqchip.mapping.kinds import FREE, NUDGED, TRAINING, UPDATE

ENERGY, TIME = "training_energy", "training_time"
FAR, NEAR = 1e3, 1e-6  # times a coefficient, to move an energy and a time by
MOST_STEPS, DIGITS = 300, 7
FLOOR = "step_floor"
CYCLES = "energy.clock_cycle"  # which are counted in time, as a power is


class Form(NamedTuple):
    """A training sample's energy and time over coefficients by address, as in the module's head."""

    energy: dict[str, float]
    powers: dict[str, float]
    time: dict[str, float]
    rest: dict[str, float]
    steps: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict()


def section(
    replay: Replay, samples: int, forms: Sequence[tuple[int, int, Form]]
) -> dict[str, Any] | None:
    """What the page is given; None where energy or time is unknown.

    Parameters
    ----------
    replay : Replay
    samples : int
        Of the whole training.
    forms : sequence of (cores, chips, Form)
        Of the report's own mapping first, then of others.
    """
    if not forms:
        return None
    names = dict.fromkeys(
        name
        for *_, form in forms
        for terms in (form.energy, form.powers, form.time)
        for name in terms
    )
    found = dict(_coefficients(replay.chip))
    return {
        "samples": samples,
        "coefficients": [_row(name, found[name]) for name in names],
        "floor": floor_of(replay.chip).value,
        "mappings": [
            {"cores": cores, "chips": chips, **form.to_dict()} for cores, chips, form in forms
        ],
    }


def form_of(
    replay: Replay, accounts: Accounts, rows: Sequence[Mapping[str, Any]], price: Price
) -> Form | None:
    """The form of a replay; None where energy or time is unknown.

    Parameters
    ----------
    replay : Replay
    accounts : Accounts
        Of the replay.
    rows : sequence of mapping
        The lines of the run's metrics.
    price : callable
        From a chip to totals by name, the mean over the training.
    """
    chip = replay.chip.model_copy(update={"step_floor": None})
    whole, bare = price(replay.chip), price(chip)
    joules, seconds = bare[ENERGY], bare[TIME]
    most, longest = whole[ENERGY], whole[TIME]
    if joules is None or not seconds or most is None or longest is None:
        return None
    energy: dict[str, float] = {}
    powers: dict[str, float] = {}
    time: dict[str, float] = {}
    for name, one in _coefficients(chip):
        of, terms, by = ENERGY, energy, FAR
        if name.partition(".")[0] in ("time", "barrier"):
            of, terms, by = TIME, time, NEAR
        elif name.startswith("static_power.") or name == CYCLES:
            terms = powers
        step = one.value * by or by
        moved = price(chip.changed(_moved(name, one.value + step)))[of]
        before = {ENERGY: joules, TIME: seconds}[of]
        if moved is not None and moved != before:
            terms[name] = (moved - before) / (step * _size(one))
    powers = {name: times / seconds for name, times in powers.items()}
    steps = list(_steps(replay, accounts, rows))
    form = Form(energy, powers, time, {"energy": 0.0, "time": 0.0}, steps)
    values = {name: one.si.value for name, one in _coefficients(chip)}
    floor = floor_of(replay.chip).value
    form.rest["time"] = longest - time_of(form, values, floor)
    form.rest["energy"] = most - energy_of(form, values, floor)
    return form


def time_of(form: Form, values: Mapping[str, float], floor: float) -> float:
    """Seconds of a training sample; `values` by address, in SI units."""
    found = form.rest["time"] + sum(count * values[name] for name, count in form.time.items())
    for phase in form.steps:
        coefficients = np.array([values[name] for name in phase["columns"]])
        lasting = np.array(phase["counts"]) @ coefficients
        found += float(np.array(phase["often"]) @ np.maximum(floor - lasting, 0.0))
    return found


def energy_of(form: Form, values: Mapping[str, float], floor: float) -> float:
    """Joules of a training sample; as :func:`time_of`."""
    seconds = time_of(form, values, floor)
    drawn = sum(times * values[name] for name, times in form.powers.items())
    return (
        form.rest["energy"]
        + sum(count * values[name] for name, count in form.energy.items())
        + drawn * seconds
    )


def _steps(
    replay: Replay, accounts: Accounts, rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Kinds of step of each phase, and how often a training sample has each."""
    if accounts.cores is None or accounts.simulated is not None or replay.mapped is None:
        return  # no step that could have a floor
    row = mean_row(rows)
    nudged = nudged_share(row)
    learned = accounts.learned
    often = {FREE: 1.0, NUDGED: nudged, UPDATE: nudged if learned is None else learned.share(row)}
    shares = barrier_shares(replay.chip, len(np.unique(replay.mapped.tiles)))
    for phase in TRAINING:
        deciding = accounts.cores.times[phase].deciding
        if not deciding:
            continue
        counts: dict[str, np.ndarray] = {}
        for kind, seconds in deciding.items():
            parts = shares if kind == "barrier" else {f"time.{kind}": 1.0}
            for name, share in parts.items():
                value = _value(replay.chip, name)
                if value and share:
                    counts[name] = share * seconds / value
        samples = next(iter(deciding.values())).shape[1]
        lasting = sum(seconds.ravel() for seconds in deciding.values())
        bins = np.array_split(np.argsort(lasting, kind="stable"), min(MOST_STEPS, np.size(lasting)))
        means = [[float(count.ravel()[one].mean()) for count in counts.values()] for one in bins]
        yield {
            "phase": phase,
            "columns": [*counts],
            "counts": [[_short(count) for count in mean] for mean in means],
            "often": [_short(often[phase] * len(one) / samples) for one in bins],
        }


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _value(chip: Chip, address: str) -> float:
    found = dict(_coefficients(chip)).get(address)
    return 0.0 if found is None else found.si.value


def _coefficients(chip: Chip) -> Iterator[tuple[str, Coefficient]]:
    """What may be moved: all but limits, areas, the clock and the floor of a step."""
    for name, one in chip.figures():
        if not isinstance(one, (Limit, Area)) and name not in ("clock", FLOOR):
            yield name, one


def _moved(address: str, value: float) -> Callable[[str, Coefficient], Coefficient]:
    return lambda name, one: one.at(value) if name == address else one


def _size(one: Coefficient) -> float:
    """Of its unit, in SI units."""
    return SI[one.quantity][one.unit]


def _row(name: str, one: Coefficient) -> dict[str, Any]:
    shown = one.model_dump(include={"value", "low", "high", "unit", "status"})
    return {"name": name, **shown, "size": _size(one)}
