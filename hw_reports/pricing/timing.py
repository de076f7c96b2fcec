"""How long a sample takes on the cores of a chip, and what decides it.

In every time step each core does its updates, events and messages one after the other; the
messages load the links of the mesh; and the step ends when all tiles have agreed that it is
over::

    core(c)  = sum over kinds of count(c) x time of one         (updates, events, spikes, messages)
               or, of cores with a pipeline, the longest of its stages, each such a sum
    link(l)  = messages over the link x time of one hop in its direction (and of a crossing, if
               it leads to another chip)
    step     = max(busiest core, busiest link) + barrier, but no less than the chip's step floor

Cores and links work side by side, so the busiest decides. The weights are updated core by core,
all cores at once, synapse by synapse, and a barrier ends it::

    update   = max over cores of sum over kinds of writes(c) x time of one + barrier   (likewise)

What processors beside the cores do comes on top, after every step (``settle``).

The low, nominal and high value of a step are computed each with the low, nominal and high
times: the busiest core need not be the same. Queues at a link are not modelled: the time is a
lower bound in that respect (see ``docs/reports.md``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.totals import Sum, banded, lacking
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Span
from eqchip.mapping.kinds import ON_CORES, counts_of
from eqchip.mapping.placement.clocks import (
    HOP_KINDS,
    busy,
    by_stage,
    link_seconds,
    seconds_of,
    stage_of,
)
from eqchip.mapping.placement.route import Routes

LOW, NOMINAL, HIGH = range(3)  # places in a Span
SECONDS = "s"
BARRIER_TIME, TIME = "barrier time", "time"  # names of what is not known
FLOOR = "step_floor"  # what the rest of a step is laid on that has less to do
NONE = Span(0.0, 0.0, 0.0)
RESOURCES = ("core", "mesh", "barrier")


@dataclass(frozen=True, eq=False)
class PhaseTime:
    """The time of one phase for one sample, in seconds, the mean over samples.

    Attributes
    ----------
    total : Sum
    core, mesh, barrier : Figure or None
        Summed over the steps: the busiest core, the busiest link, the barrier.
    decided : dict
        Share of the steps in which each of the three is the largest, at nominal times; empty if
        that is not known.
    critical : dict
        Kind -> nominal seconds that the deciding core or link, and the barrier, spend on it.
    busiest : int or None
        The core with the most nominal time over all steps.
    cores : ndarray of float, shape (cores,)
        Nominal seconds that each core is busy.
    steps : dict of str to ndarray
        Nominal seconds per step, mean over samples: "core", "mesh", "barrier".
    rows : ndarray of int
        Which rows of the run these steps are; empty for an update.
    deciding : dict
        Kind -> nominal seconds that the deciding core or link, and the barrier, spend on it in each
        step of each sample, shape (steps, samples).
    """

    total: Sum
    core: Figure | None
    mesh: Figure | None
    barrier: Figure | None
    decided: dict[str, float]
    critical: dict[str, float]
    busiest: int | None
    cores: np.ndarray
    steps: dict[str, np.ndarray]
    rows: np.ndarray
    deciding: dict[str, np.ndarray] = field(default_factory=dict)


def core_counts(counts: StepCounts) -> dict[str, np.ndarray]:
    """What keeps a core busy: kind -> count, shape (steps, batch, cores).

    A message keeps the core that sends it busy, and as ``message_in`` the one that receives it.
    """
    return counts_of(counts, ON_CORES)


def relaxation(
    counts: StepCounts,
    routes: Routes,
    chip: Chip,
    tiles: int,
    rows: np.ndarray,
    waits: bool = True,
) -> PhaseTime:
    """The time of those rows of a run that belong to one phase.

    Parameters
    ----------
    counts : StepCounts
    routes : Routes
        Of the mapping; ``counts.links`` counts its links.
    chip : Chip
    tiles : int
        Tiles with at least one core in use; the barrier waits for them all.
    rows : ndarray of bool, shape (time steps,)
        A time step may be several of the chip's (``counts.substeps``): each has its barrier.
    waits : bool, default True
        Whether a barrier ends each step; without, another's does.
    """
    substeps = counts.substeps
    of_chip = np.repeat(rows, substeps)
    kinds = {kind: count[of_chip] for kind, count in core_counts(counts).items()}
    crossed = counts.links[of_chip]
    hop_kinds = [HOP_KINDS[link.direction] for link in routes.links]
    samples, used = crossed.shape[1], crossed.any(axis=(0, 1))
    happened = [kind for kind, count in kinds.items() if count.any()]
    happened += sorted({kind for kind, any_ in zip(hop_kinds, used, strict=True) if any_})
    happened += ["chip_crossing"] if (used & routes.crossing).any() else []
    lacks = [name for kind in happened for name in time_of_one(chip, kind).lacks]
    barrier = chip.barrier_seconds(tiles) if waits else NONE
    if barrier is None:
        lacks.append(BARRIER_TIME)
    core, mesh, step = np.zeros(3), np.zeros(3), np.zeros(3)
    least = floor_of(chip) if waits else NONE
    banded_times = any(one.low < one.high for one in chip.time.values())
    for level in (NOMINAL, LOW, HIGH):
        if level == NOMINAL or banded_times:  # without bands the nominal maxima are those of all
            working = busy(kinds, chip, level)
            load = crossed * link_seconds(routes, chip, level)
            slowest, heaviest = working.max(axis=-1), load.max(axis=-1, initial=0.0)
        agreed = (barrier or NONE)[level]
        core[level] = slowest.sum() / samples
        mesh[level] = heaviest.sum() / samples
        lasting = np.maximum(slowest, heaviest) + agreed
        step[level] = np.maximum(lasting, least[level]).sum() / samples
        if level == NOMINAL:
            decided = _decided(slowest, heaviest, agreed)
            deciding = _deciding(kinds, chip, working, load, hop_kinds, agreed)
            critical = {kind: float(spent.sum()) / samples for kind, spent in deciding.items()}
            rest = float(np.maximum(least[level] - lasting, 0.0).sum()) / samples
            critical |= {FLOOR: rest} if rest else {}
            cores = working.sum(axis=(0, 1)) / samples
            steps = {
                "core": slowest.mean(axis=1).reshape(-1, substeps).sum(axis=1),
                "mesh": heaviest.mean(axis=1).reshape(-1, substeps).sum(axis=1),
                "barrier": np.full(len(slowest) // substeps, substeps * agreed),
            }
    count = len(crossed)
    known = any(kind in chip.time for kind in (*kinds, *HOP_KINDS.values()))
    agreed_all = None if barrier is None else Figure.of(barrier, SECONDS) * count
    relaxing = None
    if known or (waits and barrier is not None):
        relaxing = banded(step, SECONDS)
    return PhaseTime(
        Sum(relaxing, tuple(lacks)),
        banded(core, SECONDS) if known else None,
        banded(mesh, SECONDS) if known else None,
        agreed_all,
        decided,
        critical,
        int(cores.argmax()) if cores.any() else None,
        cores,
        steps,
        np.flatnonzero(rows),
        deciding,
    )


def reset(chip: Chip) -> Sum:
    """The time of setting all states to 0, all cores at once: before every sample."""
    return time_of_one(chip, "reset")


def update(
    writes: Mapping[str, np.ndarray], chip: Chip, tiles: int, waits: bool = True
) -> PhaseTime:
    """The time of one update of all weights.

    Parameters
    ----------
    writes : mapping of kind to ndarray, shape (cores,)
        Synapses that each core visits, writes and changes, one after the other.
    chip : Chip
    tiles : int
    waits : bool, default True
        As for :func:`relaxation`.
    """
    happened = [kind for kind, count in writes.items() if np.any(count)]
    ones = {kind: time_of_one(chip, kind) for kind in writes}
    barrier = chip.barrier_seconds(tiles) if waits else NONE
    least = floor_of(chip) if waits else NONE
    unknown = [name for kind in happened for name in ones[kind].lacks]
    known = not unknown or any(kind in chip.time for kind in happened)
    lacks = [*unknown, *([BARRIER_TIME] if barrier is None else [])]
    cores = [busy(writes, chip, level) for level in range(3)]
    written = [float(each.max(initial=0.0)) for each in cores]
    agreed = barrier or NONE
    step = [max(w + a, f) for w, a, f in zip(written, agreed, least, strict=True)]
    work, wait = written[NOMINAL], agreed.value
    longest = "core" if work >= wait else "barrier"
    first = cores[NOMINAL] if work else sum(writes.values())
    busiest = int(np.argmax(first)) if happened else None
    critical = {
        kind: seconds_of(chip, kind).value * float(count[busiest or 0])
        for kind, count in writes.items()
        if kind in chip.time
    }
    critical["barrier"] = wait
    rest = max(least[NOMINAL] - (work + wait), 0.0)
    return PhaseTime(
        Sum(
            banded(step, SECONDS) if known or barrier is not None else None,
            tuple(dict.fromkeys(lacks)),
        ),
        banded(written, SECONDS) if known else None,
        Figure.zero(SECONDS),
        None if barrier is None else Figure.of(barrier, SECONDS),
        {} if unknown else {name: float(name == longest) for name in RESOURCES},
        {**critical, **({FLOOR: rest} if rest else {})},
        busiest,
        cores[NOMINAL],
        {"core": np.array([work]), "mesh": np.zeros(1), "barrier": np.array([wait])},
        np.zeros(0, np.int64),
        {kind: np.full((1, 1), seconds) for kind, seconds in critical.items()},
    )


def floor_of(chip: Chip) -> Span:
    """The least time of a step, in seconds; 0 where the chip file knows none."""
    return NONE if chip.step_floor is None else chip.step_floor.si


def serial_update(chip: Chip, attempted: float) -> Sum:
    """The time of one update of all weights where nothing is known of cores: one by one."""
    return time_of_one(chip, "weight_update") * attempted


def by_events(chip: Chip, steps: int, events: float) -> Sum:
    """The time of so many steps on a chip without a model of its cores.

    A chip with a fixed time step takes that for each step; one that handles events one after
    the other takes the time of an event for each. Otherwise nobody knows.
    """
    if "step" in chip.time:
        return time_of_one(chip, "step") * steps
    if "synaptic_event" in chip.time:
        return time_of_one(chip, "synaptic_event") * events
    return Sum(None, (TIME,))


def time_of_one(chip: Chip, kind: str) -> Sum:
    """The time of one event: nothing if another contains it; its name if nobody knows."""
    found = chip.time.get(kind)
    if found is not None:
        return Sum(Figure.of(found.si, SECONDS))
    if chip.why_free(f"time.{kind}") is not None:
        return Sum(Figure.zero(SECONDS))
    return Sum(None, (lacking(kind, "time"),))


def _decided(slowest: np.ndarray, heaviest: np.ndarray, barrier: float) -> dict[str, float]:
    """Share of the steps in which core, mesh and barrier are the largest, in this order."""
    three = np.stack([slowest, heaviest, np.full(slowest.shape, barrier)])
    first = three.argmax(axis=0)
    return {name: float((first == k).mean()) for k, name in enumerate(RESOURCES)}


def _deciding(
    kinds: Mapping[str, np.ndarray],
    chip: Chip,
    working: np.ndarray,
    load: np.ndarray,
    hop_kinds: Sequence[str],
    barrier: float,
) -> dict[str, np.ndarray]:
    """Nominal seconds by kind on the core or link that decides each step of each sample."""
    core = working.argmax(axis=-1)[..., None]
    by_core = np.ones(working.shape[:2], bool)
    found: dict[str, np.ndarray] = {}
    if load.shape[-1]:
        heaviest, chosen = load.max(axis=-1), np.array(hop_kinds)[load.argmax(axis=-1)]
        by_core = working.max(axis=-1) >= heaviest
        for name in sorted(set(hop_kinds)):
            found[name] = np.where(~by_core & (chosen == name), heaviest, 0.0)
    there = {
        kind: np.take_along_axis(count, core, axis=-1)[..., 0] for kind, count in kinds.items()
    }
    stages = by_stage(there, chip, NOMINAL)
    longest = np.stack([*stages.values()]).argmax(axis=0)
    for kind, count in there.items():
        decides = by_core & (longest == [*stages].index(stage_of(chip, kind)))
        found[kind] = np.where(decides, count, 0.0) * seconds_of(chip, kind).value
    found["barrier"] = np.full(working.shape[:2], barrier)
    return {kind: seconds for kind, seconds in found.items() if seconds.any()}
