"""From the description of a measured run to the counts that our own runs have.

A spike of one step arrives in the next, as everywhere: it crosses its synapses there, and one
message goes to each core that holds any of them. Populations are spread evenly over their cores,
and so are their spikes; counts are therefore expectations, and no whole numbers. A message is
routed as those of our own networks are, between the tiles on which the cores stand; which core is
where on a board is rarely told, so hops are as if cores were numbered row by row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from eqchip.mapping.activity.exchange import Exchange, between_cores
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.anchors.described import Described, Population, Projection, Range
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.figures import Visits
from eqchip.mapping.placement.mesh import Mesh


class Writes(NamedTuple):
    """What learning visits, attempts and changes: synapses, shape (epochs, cores)."""

    visited: np.ndarray
    attempted: np.ndarray
    changed: np.ndarray


class Census(NamedTuple):
    """The counts of one sample on one chip.

    ``chips``: that do as much, side by side. ``steps``: of the sample. ``managed``: after how many
    of them processors take part. ``tiles``: in use. ``sent``: what each step puts on the mesh, the
    steps in the place of samples. ``counts``: of each step and core. ``writes``: of each learning
    epoch and core. ``resets``: whether states are set to 0 before. ``host_messages``,
    ``host_bytes``: to and from the host.
    """

    chips: int
    steps: int
    managed: float
    tiles: int
    sent: Exchange
    counts: StepCounts
    writes: Writes
    resets: bool
    host_messages: float
    host_bytes: float


def census(described: Described, chip: Chip, level: int) -> Census:
    """Count a described run on a chip.

    Parameters
    ----------
    described : Described
    chip : Chip
        One with cores; what its learning engine visits is counted as its file says.
    level : {0, 1, 2}
        With the low, nominal or high end of every range.
    """
    assert chip.cores is not None
    steps, epochs = round(described.steps[level]), round(described.learning_epochs[level])
    mesh = Mesh.of(chip.cores, 1)
    found = _happened(described, mesh, level)
    writes = _writes(described, epochs, level, chip)
    managed = described.managed_steps
    return Census(
        chips=described.chips,
        steps=steps,
        managed=float(steps) if managed is None else managed[level],
        tiles=found.tiles,
        sent=found.sent,
        counts=found.counts,
        writes=writes,
        resets=described.resets,
        host_messages=described.host_messages[level],
        host_bytes=described.host_bytes[level],
    )


class _Happened(NamedTuple):
    """What does not depend on any figure of a chip but its mesh."""

    tiles: int
    sent: Exchange
    counts: StepCounts


@lru_cache(maxsize=64)  # routes take longer than all else, and every report asks for the same
def _happened(described: Described, mesh: Mesh, level: int) -> _Happened:
    steps, place = round(described.steps[level]), _places(described)
    fired = _fired(described, steps, level)
    updates = np.zeros((steps, len(place)))
    active, events = np.zeros_like(updates), np.zeros_like(updates)
    for one in described.population:
        shares = _shares(one, place)
        active += fired[one.name][:, None] * shares * one.updated
        updates += one.units * shares * one.updated
    messages = np.zeros((steps, len(place), len(place)))
    populations = {one.name: one for one in described.population}
    for way in described.projection:
        arriving = np.append(0.0, fired[way.pre][:-1])
        pre, post = populations[way.pre], populations[way.post]
        to = _shares(post, place)
        events += (arriving * _fan_out(way, post))[:, None] * to
        heard = min(len(post.spread), _fan_out(way, post))
        messages += arriving[:, None, None] * np.outer(_shares(pre, place), to * heard)
    tile = np.array(list(place)) // mesh.cores_per_tile
    sent = between_cores(messages, tile % mesh.tiles_x, tile // mesh.tiles_x, mesh)
    counts = StepCounts(
        np.zeros(steps, np.int64),
        active[:, None],
        np.maximum(updates - active, 0.0)[:, None],
        events[:, None],
        sent.messages_sent[:, None],
        sent.messages_received[:, None],
        sent.steps.links[0][:, None],
    )
    return _Happened(len(np.unique(tile)), sent, counts)


def _places(described: Described) -> dict[int, int]:
    """The cores in use, in order, and the place of each in arrays."""
    used = sorted({core for one in described.population for core in one.spread})
    return {core: k for k, core in enumerate(used)}


def _fired(described: Described, steps: int, level: int) -> dict[str, np.ndarray]:
    """Spikes of each population in each step, (steps,)."""
    found = {one.name: np.zeros(steps) for one in described.population}
    for one in described.fires:
        when = np.arange(steps) if one.steps is None else np.array(one.steps) - 1
        found[one.population][when] += one.spikes[level]
    return found


def _shares(one: Population, place: dict[int, int]) -> np.ndarray:
    """The share of a population that each core in use has, (cores,)."""
    found = np.zeros(len(place))
    found[[place[core] for core in one.spread]] = 1.0 / len(one.spread)
    return found


def _fan_out(way: Projection, post: Population) -> float:
    return post.units if way.fan_out is None else way.fan_out


def _writes(described: Described, epochs: int, level: int, chip: Chip) -> Writes:
    """What the learning engine visits, attempts and changes after every so many steps."""
    place = _places(described)
    populations = {one.name: one for one in described.population}
    fired = _fired(described, round(described.steps[level]), level)
    by_axons, swept = np.zeros((epochs, len(place))), np.zeros((epochs, len(place)))
    for way in (way for way in described.projection if way.plastic):
        pre, post = populations[way.pre], populations[way.post]
        crossed = _fan_out(way, post) * _shares(post, place)
        windows = np.array_split(fired[way.pre], epochs) if epochs else []
        for epoch, spikes in enumerate(windows):
            by_axons[epoch] += min(float(spikes.sum()), pre.units) * crossed
        swept += pre.units * crossed
    whole = swept.sum()

    def told(amount: Range | None, else_: np.ndarray) -> np.ndarray:
        return else_ if amount is None else swept * (amount[level] / whole if whole else 0.0)

    attempted = told(described.attempted, by_axons)
    changed = told(described.changed, attempted)
    engine = chip.learning_engine
    by = "lists" if engine is None else engine.visits
    visited: dict[Visits, np.ndarray] = {"lists": attempted, "axons": by_axons, "sweep": swept}
    return Writes(visited[by], attempted, changed)
