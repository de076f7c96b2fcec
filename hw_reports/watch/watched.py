"""One sample, run on the asynchronous engine, on the synchronous one, and until it is at rest."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.emulator.description.asynchronous import QUANTA, Asynchronous, quanta
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.timed import Timed
from eqchip.emulator.problem.run import Run
from eqchip.hw_reports.watch import events as read
from eqchip.hw_reports.watch.events import Span, Wiring

DECIMALS = 7  # of a time: finer than a quantum, so that the exact time can be had back
FIGURES = 6  # significant, of a potential or a distance
EVENT_COLUMNS = ("time", "phase", "event", "layer", "unit", "core", "value")
EVENT_NAMES = ("tick", "spike", "delivered", "lost")


@dataclass(frozen=True, eq=False)
class Watched:
    """One sample and all that was run of it.

    Attributes
    ----------
    subject : dict
        ``run`` (a path, or None for a fresh network), ``dataset``, ``sample``, ``label``,
        ``precision``, ``input``, ``seed``.
    sizes : tuple of int
        Units per layer, the input first.
    coding : Coding
    timing : Asynchronous
    parts : tuple of Part
        The cores.
    asynchronous, synchronous : Run
        Of this one sample, with bits and potentials; the first with events as well.
    fixed : list of list of ndarray
        ``fixed[k][l]``: the fixed point of the real-valued network in phase k, layer l, shape
        (units,).
    residual : float
        How far the fixed points are from being at rest, at most.
    """

    subject: dict[str, Any]
    sizes: tuple[int, ...]
    coding: Coding
    timing: Asynchronous
    parts: tuple[Part, ...]
    asynchronous: Run
    synchronous: Run
    fixed: list[list[np.ndarray]]
    residual: float

    @property
    def timed(self) -> Timed:
        """What the asynchronous run shows beyond a synchronous one."""
        assert self.asynchronous.timed is not None
        return self.asynchronous.timed

    @property
    def events(self) -> np.ndarray:
        """Of the sample."""
        assert self.timed.events is not None
        return self.timed.events[0]

    @property
    def spans(self) -> list[Span]:
        """The phases in run time."""
        return read.spans(self.asynchronous.phases, quanta(self.timed.end))

    @property
    def wired(self) -> Wiring:
        """Who sends to whom."""
        return read.wiring(self.parts)


def events_csv(watched: Watched) -> str:
    """Every event of the sample, a line each, in the engine's order.

    ``time`` in nominal periods; ``phase`` counts from 0; ``event`` is ``tick`` (without a
    spike), ``spike``, ``delivered`` or ``lost``; ``layer`` and ``unit`` (within the layer) are of
    the unit that ticked, or that sent the message; ``core`` is that unit's, or the message's
    destination; ``value`` is the potential after the tick, or the message's value.
    """
    events, wired = watched.events, watched.wired
    layer = wired.layer_of[events["unit"]]
    ends = [span.end for span in watched.spans]
    phase = np.minimum(np.searchsorted(ends, events["time"]), len(ends) - 1)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(EVENT_COLUMNS)
    writer.writerows(
        zip(
            [f"{time / QUANTA:.{DECIMALS}f}" for time in events["time"].tolist()],
            phase.tolist(),
            [EVENT_NAMES[kind] for kind in events["kind"].tolist()],
            layer.tolist(),
            (events["unit"] - wired.first[layer]).tolist(),
            events["core"].tolist(),
            events["value"].tolist(),
            strict=True,
        )
    )
    return text.getvalue()


def synchronous_levels(watched: Watched, steps: np.ndarray) -> np.ndarray:
    """What holds from the times 0, 1, 2, ... on in the synchronous engine.

    Parameters
    ----------
    steps : ndarray, shape (steps, ...)
        After each step; before the first it is 0. Where a phase goes back to the end of the free
        one, so does this.
    """
    levels = np.concatenate([np.zeros_like(steps[:1]), steps])
    for span in watched.spans:
        if span.back is not None:
            levels[span.start // QUANTA] = levels[span.back // QUANTA]
    return levels


def times(found: np.ndarray) -> list[float]:
    """Whole quanta as nominal periods."""
    return [round(time / QUANTA, DECIMALS) for time in found.tolist()]


def values(found: np.ndarray) -> list[float]:
    """Potentials or distances, rounded."""
    return [float(f"{value:.{FIGURES}g}") for value in found.tolist()]
