"""The kinds of events: what is counted of a run, what it is called, and which price it takes.

One row a kind, in the order of tables. Who counts, prices, scales, lists or draws events reads the
rows here and names no kind but those that it makes itself (the barrier of a step, say). So a new
event is a row, and a figure in the chip files that know its price; ``docs/extending.md`` says what
else where nothing counts it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from eqchip.emulator.errors import InputError

# The phases that costs are told by. A training sample is the first three.
FREE, NUDGED, UPDATE, INFERENCE = "free", "nudged", "update", "inference"
TRAINING = (FREE, NUDGED, UPDATE)
PHASES = (*TRAINING, INFERENCE)

# Groups: events of one group are alike to whoever asks what keeps a core busy, loads a link, or
# makes a sum. They are named as their sum is.
SPIKES, SYNAPSES, UPDATES = "spikes", "synaptic events", "neuron updates"
SUMS = "partial sums"
SENT, RECEIVED, HOPS, CROSSINGS = "messages sent", "messages received", "hops", "chip crossings"
WRITES, SIGNALS, READ_OUT = "weight updates", "phase signals", "read-out"
INJECTED = "injected input"
PROCESSORS, HOST = "embedded processors", "host"
STEPS, OPERATIONS, MEMORY, POWER = "steps", "operations", "memory accesses", "power"
# In the order in which a report lists what was counted.
GROUPS = (
    SPIKES, SYNAPSES, UPDATES, SUMS, SENT, RECEIVED, HOPS, CROSSINGS, WRITES, SIGNALS, READ_OUT,
    INJECTED,    PROCESSORS, HOST, STEPS, OPERATIONS, MEMORY, POWER,
)  # fmt: skip
# What a core does one after the other, in the order of a step; and what takes the mesh its time.
ON_CORES = (UPDATES, SYNAPSES, SPIKES, SENT, RECEIVED)
ON_LINKS = (HOPS, CROSSINGS)
# What a core does side by side where it has a pipeline: units update and spike, synapses are read,
# messages leave and arrive. Groups that are not here are a stage of their own.
STAGES = {
    UPDATES: "units",
    SPIKES: "units",
    SYNAPSES: "synapses",
    SENT: "sent",
    RECEIVED: "received",
}
MESSAGES = (SENT, RECEIVED, *ON_LINKS)  # what a message takes from core to core

EAST_WEST, NORTH_SOUTH = slice(0, 2), slice(2, 4)  # of placement.route.DIRECTIONS
Table = Literal["energy", "time"]  # of a chip file
# What the count of an epoch follows that only counted its own spikes and synaptic events: one of
# these; every update that is not active; or the time of the phase.
Follows = Literal["spikes", "synaptic events", "inactive", "time"]


@dataclass(frozen=True)
class Event:
    """A kind of event.

    Attributes
    ----------
    name : str
        As chip files and reports have it, of one: ``synaptic_event``.
    label : str
        In tables and plots, of many.
    group : str
        One of `GROUPS`.
    field : str or None
        The count behind it: an attribute of whatever counts, such as
        :class:`eqchip.emulator.activity.Activity` by layer,
        :class:`eqchip.mapping.activity.cores.CoreActivity` by core, or
        :class:`eqchip.mapping.activity.steps.StepCounts` by step and core. None: no counter has it;
        who prices it knows how many there are.
    columns : slice or None
        Of the last axis of that count, those that are summed.
    shown : str or None
        What a report calls how many there were; None: it lists no such number.
    follows : str or None
        What the count of an epoch follows; None: it is the same for every sample.
    prices : tuple of str
        Tables of a chip file that may have a figure for one. None: it is made of other events, or
        drawn as a power.
    colour : str or None
        In plots; kinds without one take turns.
    """

    name: str
    label: str
    group: str
    field: str | None = None
    columns: slice | None = None
    shown: str | None = None
    follows: Follows | None = None
    prices: tuple[Table, ...] = ("energy", "time")
    colour: str | None = None

    def __post_init__(self) -> None:
        if self.group not in GROUPS:
            raise InputError(
                f"event {self.name}: group is {self.group!r}; expected one of {', '.join(GROUPS)}"
            )


# Colours of Okabe and Ito, told apart by colour-blind readers, too; tints of one hue in a family.
_ROWS = (
    Event("synaptic_event", "synaptic events", SYNAPSES, "synaptic_events",
          shown="synaptic_events", follows="synaptic events", colour="#0072B2"),
    Event("update_active", "neuron updates, active", UPDATES, "updates_active",
          shown="updates_active", follows="spikes", colour="#7dc6ee"),
    Event("update_inactive", "neuron updates, inactive", UPDATES, "updates_inactive",
          shown="updates_inactive", follows="inactive", colour="#bfe3f7"),
    Event("spike", "spikes", SPIKES, "spikes", shown="spikes", follows="spikes", colour="#b8a200"),
    # A spike, its message and active update, a synapse that it meets: priced among those.
    Event("partial_sum", "partial sums", SUMS, "partial_sums", shown="partial_sums",
          follows="spikes", prices=()),
    Event("message", "messages", SENT, "messages_sent", shown="messages", follows="spikes",
          colour="#009E73"),
    Event("message_in", "messages received", RECEIVED, "messages_received", follows="spikes"),
    Event("hop_east_west", "hops east-west", HOPS, "core_hops", EAST_WEST, "hops_east_west",
          "spikes", colour="#5cc3a3"),
    Event("hop_north_south", "hops north-south", HOPS, "core_hops", NORTH_SOUTH,
          "hops_north_south", "spikes", colour="#a5dfcc"),
    Event("chip_crossing", "chip crossings", CROSSINGS, "chip_crossings", shown="chip_crossings",
          follows="spikes", colour="#00624a"),
    # Made of messages, their receipt and their hops; and of synapses that a graded one crosses.
    Event("signal", "phase signals", SIGNALS, shown="signals", prices=(), colour="#3a8f74"),
    Event("readout_message", "read-out messages", READ_OUT, shown="readout_messages", prices=(),
          colour="#2f6b3a"),
    Event("readout_event", "synaptic events of errors", READ_OUT, shown="readout_events",
          prices=(), colour="#3d5a80"),
    Event("input_message", "messages of an injected input", INJECTED, shown="input_messages",
          prices=(), colour="#4c9f70"),
    Event("input_event", "synaptic events of an injected input", INJECTED, shown="input_events",
          prices=(), colour="#4a6fa5"),
    # Three counts of a write: the learning engine read the synapse, its product was not 0, its
    # stored number differs afterwards. A chip file prices the one that its engine pays for.
    Event("synapse_visit", "synapses visited to learn", WRITES, shown="synapses_visited",
          colour="#f2cf7a"),
    Event("weight_update", "weight updates", WRITES, "weights_attempted", shown="weight_updates",
          colour="#E69F00"),
    Event("weight_change", "weights changed", WRITES, shown="weights_changed", colour="#9c6c00"),
    # What processors beside the cores do, one step or one sample after the other.
    Event("management", "steps managed", PROCESSORS, shown="steps_managed", prices=("time",),
          colour="#56106e"),
    Event("learning_epoch", "learning epochs", PROCESSORS, shown="learning_epochs",
          colour="#bb3754"),
    Event("schedule_write", "coefficients written for a step", PROCESSORS,
          shown="schedule_writes", colour="#781c6d"),
    Event("state_copy", "unit states saved or restored", PROCESSORS, shown="state_copies",
          colour="#a52c60"),
    Event("host_message", "messages from or to the host", HOST, shown="host_messages",
          colour="#6b6b47"),
    Event("host_byte", "bytes from or to the host", HOST, shown="host_bytes", colour="#9a9a73"),
    Event("barrier", "barriers", STEPS, colour="#CC79A7"),
    Event("reset", "resets", STEPS, colour="#D55E00"),
    # On a chip with a clock, or with a fixed time step.
    Event("clock_cycle", "clock cycles", STEPS, follows="time"),
    Event("step", "time steps", STEPS),
    # Arithmetic, and memory in accesses of 64 bits.
    Event("mac", "multiply-accumulates", OPERATIONS, colour="#0072B2"),
    Event("mac_bf16", "multiply-accumulates of bfloat16", OPERATIONS),
    Event("mac_int8", "multiply-accumulates of int8", OPERATIONS),
    Event("accumulate", "accumulates", OPERATIONS, colour="#7dc6ee"),
    Event("add_int8", "additions of int8", OPERATIONS),
    Event("add_int16", "additions of int16", OPERATIONS),
    Event("add_int32", "additions of int32", OPERATIONS),
    Event("add_fp16", "additions of float16", OPERATIONS),
    Event("add_fp32", "additions of float32", OPERATIONS),
    Event("multiply_int8", "multiplications of int8", OPERATIONS),
    Event("multiply_int32", "multiplications of int32", OPERATIONS),
    Event("multiply_fp16", "multiplications of float16", OPERATIONS),
    Event("multiply_fp32", "multiplications of float32", OPERATIONS),
    Event("access_8_kib", "accesses to 8 KiB", MEMORY),
    Event("access_32_kib", "accesses to 32 KiB", MEMORY),
    Event("access_1_mib", "accesses to 1 MiB", MEMORY),
    Event("access_dram", "accesses to DRAM", MEMORY),
    Event("static", "static power", POWER, follows="time", prices=(), colour="#8a9099"),
    Event("management_power", "power of embedded processors", POWER, follows="time", prices=(),
          colour="#b9bec4"),
)  # fmt: skip
EVENTS = {row.name: row for row in _ROWS}


def event(name: str) -> Event:
    """The row of a kind.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> event("hop_east_west").label
    'hops east-west'
    """
    if name not in EVENTS:
        raise unknown(name, EVENTS)
    return EVENTS[name]


def order(name: str) -> int:
    """The place of a kind in tables; errors as of :func:`event`."""
    return list(EVENTS).index(event(name).name)


def unknown(name: str, known: Iterable[str]) -> InputError:
    """What to say of a kind that has no row, or none of those that will do."""
    return InputError(f"event kind {name!r} is unknown; expected one of {', '.join(known)}")


def priced(table: Table | None = None) -> tuple[str, ...]:
    """The kinds that a chip file may have a figure for, in one of its tables or in any."""
    return tuple(
        row.name for row in EVENTS.values() if (table in row.prices if table else row.prices)
    )


def of_groups(*groups: str) -> Iterator[Event]:
    """The rows of some groups, group by group."""
    for group in groups:
        yield from (row for row in EVENTS.values() if row.group == group)


def names_of(*groups: str) -> tuple[str, ...]:
    """The kinds of some groups, in the order of tables.

    Examples
    --------
    >>> names_of(HOPS, SENT)
    ('message', 'hop_east_west', 'hop_north_south')
    """
    return tuple(row.name for row in EVENTS.values() if row.group in groups)


def counts_of(
    counts: object,
    groups: Iterable[str] = GROUPS,
    per: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> dict[str, np.ndarray]:
    """What something has counted: kind -> its count; kinds that it does not count are left out.

    Parameters
    ----------
    counts : object
        With attributes named as fields of the rows.
    groups : iterable of str
        Those that are asked for, in this order.
    per : callable
        Applied to each count before its columns are summed, e.g. a mean over samples.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> counted = SimpleNamespace(spikes=np.array([6, 2]), core_hops=np.ones((2, 4)))
    >>> {kind: n.tolist() for kind, n in counts_of(counted, per=lambda n: n / 2).items()}
    {'spike': [3.0, 1.0], 'hop_east_west': [1.0, 1.0], 'hop_north_south': [1.0, 1.0]}
    """
    found = {}
    for row in of_groups(*groups):
        if row.field is None or not hasattr(counts, row.field):
            continue
        count = per(getattr(counts, row.field))
        found[row.name] = count if row.columns is None else count[..., row.columns].sum(axis=-1)
    return found
