"""Chips of a few small cores, made for a test."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.mapping.chip_file.capabilities import Capability
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.placement.mapped import MappedNetwork

BITS = {"synapse_memory"}  # the resources that are counted in bits


def small_chip(
    *, copies: int = 2, payload: int | None = None, multicast: bool = False, **limits: int | None
) -> Chip:
    """Loihi with other limits: ``units=5``, ``synapse_memory`` in bits, ``tiles_x=2``.

    Cores per chip follow from the mesh unless they are given; chips stand in a row unless
    ``chips_x`` is. With a ``payload`` of so many bits the chip adds partial sums; with
    ``multicast`` it copies messages on their way.
    """
    chip = load_chip("loihi1-davies")
    assert chip.cores is not None
    limits.setdefault("chips_x", None)
    mesh = [limits.get(name) for name in ("tiles_x", "tiles_y", "cores_per_tile")]
    if all(mesh):
        limits.setdefault("per_chip", int(np.prod(mesh)))
    changed: dict[str, Any] = {}
    for name, value in limits.items():
        if value is None:
            changed[name] = None
            continue
        limit = getattr(chip.cores, name) or chip.cores.input_axons
        unit = "bits" if name in BITS else "axons"
        changed[name] = limit.model_copy(update={"value": value, "unit": unit})
    cores = chip.cores.model_copy(update=changed)
    can = dict(chip.capabilities)
    for name, value in (("graded_payload", payload), ("multicast", multicast or None)):
        if value is not None:
            told = {"source": "a test", "status": "assumed", "confidence": "D"}
            can[name] = Capability(value=value, **told)
    update = {"name": "small", "cores": cores, "copies": copies, "capabilities": can}
    return chip.model_copy(update=update)


def chip_of_events() -> Chip:
    """A chip without cores."""
    nothing = {"model": "events", "cores": None, "arithmetic": None}
    return load_chip("loihi1-davies").model_copy(update={"name": "mesh-less", **nothing})


def most_used(mapped: MappedNetwork) -> dict[str, int]:
    """The most that any core uses of each resource."""
    return {name: max(use[name] for use in mapped.use) for name in mapped.use[0]}


def parts_by_layer(mapped: MappedNetwork) -> list[list[int]]:
    """Units of every part, layer by layer."""
    grouped = itertools.groupby(mapped.parts, key=lambda part: part.layer)
    return [[part.units for part in parts] for _, parts in grouped]


def dense(*sizes: int) -> Network:
    """A dense network with weights drawn with seed 0."""
    return Network.dense(sizes)
