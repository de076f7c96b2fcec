"""The sections of a report on what is set beside it: processors, and published chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.energy import by_kind
from eqchip.hw_reports.pricing import baselines
from eqchip.hw_reports.pricing.census import price_run
from eqchip.hw_reports.pricing.costs import Cost
from eqchip.hw_reports.pricing.entries import energy_of
from eqchip.hw_reports.pricing.totals import Sum, exactly, figure_dict
from eqchip.hw_reports.pricing.without_cores import of_arithmetic
from eqchip.mapping.anchors.anchor import RUNS, load_anchors
from eqchip.mapping.chip_file.chip import Chip, chip_names, load_chip
from eqchip.mapping.kinds import INFERENCE, TRAINING


def floors(replay: Replay, samples: int) -> list[dict[str, Any]]:
    """The same sample on the arithmetic baselines; `samples` are those of the whole training."""
    found = []
    for chip in map(load_chip, chip_names()):
        if chip.model != "arithmetic":
            continue
        accounts = of_arithmetic(replay, chip)
        sample = energy_of(accounts.entries, TRAINING)
        found.append(
            {
                "name": chip.name,
                "title": chip.title,
                "model": chip.model,
                "training": sample.to_dict(),
                "inference": energy_of(accounts.entries, (INFERENCE,)).to_dict(),
                "whole": (sample * samples).to_dict(),
                "by_kind": by_kind(accounts.entries),
                "time": None,
                "note": baselines.note(replay.config),
                "statement": "modelled, not measured",
            }
        )
    return found


def trained_by(rows: Sequence[Mapping[str, Any]], mean: Cost) -> dict[str, Any] | None:
    """The processor that trained the run, by its own clock: the median over the epochs.

    Its energy nobody measured. `even_power`: what it would have to draw for a sample to take as
    much energy there as on the chip, nominal.

    Parameters
    ----------
    rows : sequence of mapping
        The lines of the run's epochs; older ones tell no pace.
    mean : Cost
        Of a training sample on the chip.
    """
    paces = [row["samples_per_second"] for row in rows if row.get("samples_per_second")]
    if not paces:
        return None
    seconds = 1.0 / float(np.median(paces))
    joules, lasts = mean.energy.figure, mean.seconds.figure
    return {
        "title": "The processor that trained this run",
        "time": seconds,
        "slower": None if lasts is None else lasts.value / seconds,
        "even_power": None if joules is None else joules.value / seconds,
        "statement": "measured, in the emulator, with all its threads and minibatches",
    }


AMOUNTS = tuple(
    (f"{run}_{what}", run, what) for run in RUNS for what in ("energy", "time")
)  # as keys of a row


def anchors(chip: Chip) -> list[dict[str, Any]]:
    """Published costs of networks on chips, and what this chip's file says of the same runs.

    ``modelled``: of those that can be rebuilt, on a chip with cores; ``ratio``: modelled over
    measured, where the figures of the file are of the hardware that was measured.
    """
    found = []
    for anchor in load_anchors():
        row = anchor.to_dict()
        row["modelled"] = {key: None for key, *_ in AMOUNTS}
        row["ratio"] = {key: None for key, *_ in AMOUNTS}
        for run, measured in anchor.runs.items() if chip.cores is not None else ():
            if measured.census is None:
                continue
            priced = price_run(measured.census, measured.contains, chip)
            for key, of, what in AMOUNTS:
                value = anchor.amount(run, what)
                if of == run and value is not None:
                    modelled: Sum = getattr(priced, what)
                    row["modelled"][key] = modelled.to_dict()
                    if anchor.hardware == chip.hardware and modelled.figure is not None:
                        row["ratio"][key] = modelled.figure.value / value
        for key, _, what in AMOUNTS:
            unit, value = {"energy": "J", "time": "s"}[what], row[key]
            row[key] = None if value is None else figure_dict(exactly(value, unit))
        found.append(row)
    return found
