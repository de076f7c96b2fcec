"""What the model says of runs that were measured: ``eqchip.anchors``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eqchip.emulator.errors import InputError
from eqchip.hw_reports.pricing.census import Priced, price_run
from eqchip.hw_reports.pricing.totals import Sum
from eqchip.mapping.anchors.anchor import RUNS, Anchor, Measured, load_anchors
from eqchip.mapping.chip_file.chip import Chip, load_chip

FORMAT = "eqchip-anchors 1"
CALIBRATED = "loihi1-calibrated"  # the chip whose file was fitted to some of them
WHATS = ("energy", "time")
FACTOR = 2.0  # how far a modelled figure may be from a measured one to be called near it
FITTED, HELD_OUT, OTHER = "fitted", "held out", "other hardware"

Row = dict[str, Any]


def anchors(chip: str = CALIBRATED, *, out: str | Path | None = None) -> dict[str, Any]:
    """Price every measured run that can be rebuilt, by the code that prices our own.

    Parameters
    ----------
    chip : str
        Name of a chip with cores, or a chip file.
    out : path, optional
        A picture to draw, modelled against measured. Default: none is drawn.

    Returns
    -------
    dict
        ``rows``: a run and its energy or time each, in joules and seconds per sample: ``measured``,
        ``modelled`` with its band, their ``ratio`` (modelled over measured), and its ``role``:
        whether a figure of the chip file was fitted to it. ``held_out``: how many of the others
        are within a factor of 2, and which are not.

    Raises
    ------
    InputError
        If the chip has no cores.

    Examples
    --------
    >>> found = anchors("loihi1-davies")
    >>> row = next(one for one in found["rows"] if one["run"] == "Frady 2020 inference")
    >>> row["what"], row["role"], round(row["ratio"], 1)
    ('energy', 'held out', 1.2)
    """
    loaded = load_chip(chip)
    if loaded.cores is None:
        raise InputError(
            f"anchors: chip {loaded.name} has no cores; expected one with cores, such as "
            f"{CALIBRATED}"
        )
    rows = list(rows_of(loaded))
    document = {
        "format": FORMAT,
        "title": f"Measured runs, modelled by {loaded.title}",
        "chip": {
            "name": loaded.name,
            "title": loaded.title,
            "digest": loaded.digest(),
            "hardware": loaded.hardware,
        },
        "rows": rows,
        "held_out": held_out(rows),
    }
    if out is not None:
        from eqchip.hw_reports.studies.anchors_plot import draw

        draw(document, Path(out))
    return document


def rows_of(chip: Chip) -> Iterator[Row]:
    """A row for the energy and the time of every run that has a census."""
    for anchor in load_anchors():
        for run in RUNS:
            measured = anchor.runs.get(run)
            if measured is None or measured.census is None:
                continue
            priced = price_run(measured.census, measured.contains, chip)
            for what in WHATS:
                yield _row(anchor, run, measured, what, priced, chip)


def _row(
    anchor: Anchor, run: str, measured: Measured, what: str, priced: Priced, chip: Chip
) -> Row:
    found: Sum = getattr(priced, what)
    value, figure, near = measured.of(what), found.figure, anchor.hardware == chip.hardware
    name = f"{anchor.name} {run}"
    ratios = None
    if value and figure is not None and near:
        ratios = [getattr(figure, level) / value for level in ("low", "value", "high")]
    fitted = f"{name} {what}" in chip.fitted_on
    return {
        "run": name,
        "learns": run == "training",
        "method": anchor.method,
        "hardware": anchor.hardware,
        "network": anchor.network,
        "task": anchor.task,
        "accuracy": anchor.accuracy,
        "what": what,
        "measured": value,
        "contains": measured.contains if what == "energy" else None,
        "why": measured.why,
        "unknown": list(measured.unknown),
        "off": measured.off,
        "modelled": found.to_dict(),
        "ratio": None if ratios is None else ratios[1],
        "ratio_band": None if ratios is None else [ratios[0], ratios[2]],
        "role": OTHER if not near else FITTED if fitted else HELD_OUT,
        "of_kinds": priced.by_kind if what == "energy" else priced.spent,
    }


def is_near(ratio: float) -> bool:
    """Whether a ratio is within the factor."""
    return 1 / FACTOR <= ratio <= FACTOR


def held_out(rows: list[Row]) -> dict[str, Any]:
    """Of those with a ratio that nothing was fitted to: how many are near, and which are not."""
    tested = [row for row in rows if row["role"] == HELD_OUT and row["ratio"] is not None]
    return {
        "factor": FACTOR,
        "tested": len(tested),
        "near": sum(is_near(row["ratio"]) for row in tested),
        "far": [
            {key: row[key] for key in ("run", "what", "ratio", "off")}
            for row in tested
            if not is_near(row["ratio"])
        ],
    }
