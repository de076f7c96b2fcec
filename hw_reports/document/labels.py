"""What tables and plots call things."""

from __future__ import annotations

from eqchip.mapping.kinds import EVENTS, FREE, INFERENCE, NUDGED, TRAINING, UPDATE

PHASES = {
    FREE: "free phase",
    NUDGED: "nudged phases",
    UPDATE: "weight update",
    INFERENCE: "inference",
}
# The rows of the cost of training.
COST_ROWS = {
    **{phase: PHASES[phase] for phase in TRAINING},
    "sample": "training sample",
    "whole": "whole training",
}
# Of a run by a rule of spikes: the parts of its cost, and whose bits learning keeps.
RULE_PARTS = {INFERENCE: "phases and errors", UPDATE: PHASES[UPDATE]}
KEPT_OF = {"synapse": "of a synapse", "unit": "of a unit", "axon": "of an input axon"}
_RESOURCES = {
    "units": "units",
    "synapse_memory": "synapse memory",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "fan_in": "fan-in",
    "fan_out": "fan-out",
}
_MEMORY = {
    "weights": "weights",
    "mirrored_weights": "mirrored weights",
    "routing": "routing",
    "biases": "biases",
    "state": "state",
    "partial_sums": "partial sums",
    "learning": "learning",
}
_TIME = {
    "core": "busiest core",
    "mesh": "busiest link",
    "idle": "idle time",
    "period": "nominal periods",
    "step_floor": "waiting for the least time of a step",
}

# How a figure of a chip file came about, in words that follow "figures that are".
STATUSES = {
    "measured": "measured on a chip",
    "simulated": "simulated by a designer",
    "published": "published (stated, at times from a simulated circuit)",
    "fitted": "calibrated (fitted to measurements of something larger)",
    "inherited": "inherited from another chip",
    "assumed": "assumed",
}


def labels() -> dict[str, str]:
    """All of them: phases, events, resources of a core, uses of memory, and what takes time."""
    kinds = {row.name: row.label for row in EVENTS.values()}
    return {**PHASES, **kinds, **_RESOURCES, **_MEMORY, **_TIME}


def of_count(name: str) -> str | None:
    """The words for a number that a report lists of what was counted.

    Examples
    --------
    >>> of_count("updates_active")
    'neuron updates, active'
    """
    return next((row.label for row in EVENTS.values() if row.shown == name), None)
