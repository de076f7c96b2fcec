"""A made-up chip with easy coefficients, for hand counts."""

from __future__ import annotations

from pathlib import Path

from eqchip.mapping.chip_file.chip import Chip, load_chip

# Nominal pJ and ns of one event; low is half, high is twice as much.
ENERGY = {
    "synaptic_event": 1.0,
    "update_active": 10.0,
    "update_inactive": 5.0,
    "spike": 2.0,
    "message": 3.0,
    "hop_east_west": 7.0,
    "hop_north_south": 11.0,
    "weight_update": 100.0,
    "reset": 1000.0,
    "barrier": 13.0,
}
TIME = {
    "synaptic_event": 1.0,
    "update_active": 4.0,
    "update_inactive": 2.0,
    "message": 8.0,
    "message_in": 16.0,
    "hop_east_west": 32.0,
    "hop_north_south": 64.0,
    "weight_update": 6.0,
    "reset": 50.0,
}
BARRIER = 20.0  # ns, whatever the number of tiles
STATIC = 3.0  # mW

HEAD = """
format = "eqchip-chip 1"
name = "toy"
title = "A toy"
origin = "made up"
description = "Made up for tests."
model = "cores"
learning = true
copies = 2

[arithmetic]
weight_bits = 8

[learning_engine]
visits = "lists"
source = "made up"
status = "assumed"
confidence = "D"

[included]
"energy.message_in" = "in energy.message"
"time.spike" = "in time.update_active"
"energy.synapse_visit" = "in energy.weight_update"
"time.synapse_visit" = "in time.weight_update"
"energy.weight_change" = "in energy.weight_update"
"time.weight_change" = "in time.weight_update"

[absent]
"static_power.management" = "a toy has no processors beside its cores"
"time.management" = "a toy has no processors beside its cores"
"energy.learning_epoch" = "a toy writes whenever it likes"
"time.learning_epoch" = "a toy writes whenever it likes"
"energy.schedule_write" = "a toy knows which step it is"
"time.schedule_write" = "a toy knows which step it is"
"energy.state_copy" = "a toy has room for two states"
"time.state_copy" = "a toy has room for two states"
"energy.host_message" = "a toy sees for itself"
"time.host_message" = "a toy sees for itself"
"energy.host_byte" = "a toy sees for itself"
"time.host_byte" = "a toy sees for itself"

[unknown]
"energy.chip_crossing" = "nobody has ever looked"
"""
LIMITS = {
    "per_chip": (4, "cores"),
    "tiles_x": (2, "tiles"),
    "tiles_y": (2, "tiles"),
    "cores_per_tile": (1, "cores"),
    "units": (64, "units"),
    "synapse_memory": (64, "KiB"),
    "input_axons": (256, "axons"),
    "output_axons": (256, "axons"),
    "routing_memory": (1024, "bits"),
}
PACKING = """
[cores.packing]
format = "dense"
block_synapses = 64
header_bits = 0
word_bits = 8
delay_bits = 0
tag_bits = 0
index_bits = 0
"""
SOURCE = 'source = "made up"\nstatus = "assumed"\nconfidence = "D"\n'


def toy_text(without: tuple[str, ...] = (), **changed: float) -> str:
    """The chip file, without some figures ("time.reset") and with some limits changed."""
    text = HEAD + PACKING + SOURCE
    for name, (value, unit) in LIMITS.items():
        value = changed.get(name, value)
        text += f'\n[cores.{name}]\nvalue = {value}\nunit = "{unit}"\n{SOURCE}'
    for table, unit, figures in (("energy", "pJ", ENERGY), ("time", "ns", TIME)):
        for kind, value in figures.items():
            if f"{table}.{kind}" not in without:
                text += f"\n[{table}.{kind}]\n{_band(value, unit)}"
    if "static_power" not in without:
        text += f"\n[static_power.chip]\n{_band(STATIC, 'mW')}"
    if "barrier" not in without:
        for tiles in (1, 64):
            text += f"\n[[barrier]]\nactive_tiles = {tiles}\n{_band(BARRIER, 'ns')}"
    return text


def toy_chip(folder: Path, without: tuple[str, ...] = (), **changed: float) -> Chip:
    """The chip, by way of a file in a folder."""
    path = folder / "toy.toml"
    path.write_text(toy_text(without, **changed), encoding="utf-8")
    return load_chip(path)


def _band(value: float, unit: str) -> str:
    return f'value = {value}\nlow = {value / 2}\nhigh = {value * 2}\nunit = "{unit}"\n{SOURCE}'
