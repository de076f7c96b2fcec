"""Fit the chip file `loihi1-calibrated` to measured runs, and say how far it is from the others.

    python benchmarks/calibrate.py

Three figures, one after the other, each from measured runs of ``mapping/anchors`` alone::

    time.management        the mean of log(modelled / measured) of the times of two runs without
                           learning (Renner 2024, Shrestha 2021) is 0
    time.learning_epoch    the time of Renner 2024 training is met
    energy.learning_epoch  its energy is met

Shrestha 2021 training, all other energies, and all other runs are held out. Bands are the figures
that single runs ask for, those held out among them: no confidence intervals. The same is done with
each way in which a learning engine may visit synapses, to see which of them the runs bear out.

Results: ``benchmarks/results/calibration.json``; the figures are then written into the chip file by
hand, and a test holds it to them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from eqchip.emulator.training.runs import versions
from eqchip.hw_reports.pricing.census import energy_in, settled
from eqchip.hw_reports.pricing.totals import total
from eqchip.hw_reports.studies.anchors import CALIBRATED, held_out, rows_of
from eqchip.mapping.anchors.anchor import Measured, load_anchors
from eqchip.mapping.anchors.census import census
from eqchip.mapping.anchors.described import NOMINAL
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.figures import Visits
from eqchip.mapping.chip_file.units import SI

RESULTS = Path(__file__).resolve().parent / "results"
WITHOUT_LEARNING = ("Renner 2024 inference", "Shrestha 2021 inference")
FITTED, HELD = "Renner 2024 training", "Shrestha 2021 training"
ONE = 1e-6  # s or J: times and energies are straight lines in the figures that are fitted
MOST, HALVINGS = 1e-2, 60  # s or J; of the interval in which a figure is looked for


def run_of(name: str) -> Measured:
    """A measured run by its name."""
    anchor, _, run = name.rpartition(" ")
    return next(one for one in load_anchors() if one.name == anchor).runs[run]


def with_figure(chip: Chip, address: str, si: float) -> Chip:
    """The chip with another nominal figure, in SI units, without a band."""
    table, _, key = address.partition(".")
    old = getattr(chip, table)[key]
    value = si / SI[old.quantity][old.unit]
    new = old.model_copy(update={"value": value, "low": value, "high": value})
    return chip.model_copy(update={table: {**getattr(chip, table), key: new}})


def line(chip: Chip, address: str, name: str, what: str) -> tuple[float, float]:
    """A run's modelled over measured, as (at 0, per SI unit) of the figure at an address."""
    run = run_of(name)
    assert run.census is not None
    found = census(run.census, chip, NOMINAL)
    at = []
    for si in (0.0, ONE):
        done = settled(found, with_figure(chip, address, si))
        modelled = (
            energy_in(done, run.contains) if what == "energy" else total(done.seconds.values())
        )
        assert modelled.figure is not None
        at.append(modelled.figure.value / run.of(what))
    return at[0], (at[1] - at[0]) / ONE


def asked(chip: Chip, address: str, names: Sequence[str], what: str) -> float:
    """The figure with which the mean of the log ratios of runs is 0; 0 if they are above it."""
    lines = [line(chip, address, name, what) for name in names]

    def error(si: float) -> float:
        return sum(math.log(start + slope * si) for start, slope in lines)

    low, high = 0.0, MOST
    if error(low) >= 0:
        return 0.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) < 0 else (low, middle)
    return high


def fit(chip: Chip) -> tuple[Chip, dict[str, dict[str, float]]]:
    """Fit the three figures: the chip with them, and value, low and high of each, in SI units."""
    each = [asked(chip, "time.management", [name], "time") for name in WITHOUT_LEARNING]
    managed = asked(chip, "time.management", WITHOUT_LEARNING, "time")
    found = {"time.management": {"value": managed, "low": min(each), "high": max(each)}}
    own = dict(zip((FITTED, HELD), each, strict=True))
    chip = with_figure(chip, "time.management", managed)
    for address, what in (("time.learning_epoch", "time"), ("energy.learning_epoch", "energy")):
        value = asked(chip, address, [FITTED], what)
        wanted = [value, asked(chip, address, [HELD], what)]
        if what == "time":
            wanted += [
                asked(with_figure(chip, "time.management", own[name]), address, [name], what)
                for name in (FITTED, HELD)
            ]
        found[address] = {"value": value, "low": min(wanted), "high": max(wanted)}
        chip = with_figure(chip, address, value)
    return chip, found


def visiting(chip: Chip, visits: Visits) -> Chip:
    """The chip with an engine that visits otherwise."""
    assert chip.learning_engine is not None
    engine = chip.learning_engine.model_copy(update={"visits": visits})
    return chip.model_copy(update={"learning_engine": engine})


def main() -> None:
    """Fit, and store figures, bands and ratios."""
    chip = load_chip(CALIBRATED)
    engines: dict[str, Any] = {}
    for visits in get_args(Visits):
        fitted, found = fit(visiting(chip, visits))
        rows = list(rows_of(fitted))
        engines[visits] = {
            "figures": found,
            "spread": found["time.learning_epoch"]["high"]
            / max(found["time.learning_epoch"]["low"], 1e-9),
            "held_out": held_out(rows),
            "ratios": {
                f"{row['run']} {row['what']}": {"ratio": row["ratio"], "role": row["role"]}
                for row in rows
                if row["ratio"] is not None
            },
        }
        print(visits, json.dumps(engines[visits], indent=1), flush=True)
    document = {
        "kind": "calibration",
        "command": "python benchmarks/calibrate.py",
        "chip": CALIBRATED,
        "visits": None if chip.learning_engine is None else chip.learning_engine.visits,
        "engines": engines,
        "versions": versions(),
    }
    (RESULTS / "calibration.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
