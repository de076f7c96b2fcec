"""What on-chip learning writes and sends after a sample, from the record of its phases.

A core's two inputs to a product are vectors of whole numbers (`kernels.onchip`), and a synapse is
attempted where neither of them is 0. Both are formed here by the kernels that train, from a
:class:`~eqchip.emulator.problem.problem.Run`, which knows nothing of learning.

Cores are told beside when a phase starts, when to write, and now and then their rates: as often
as :func:`signals_of` says, whatever the sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import FIRING_BITS, MIRRORED, PRESENTATIONS, OnChip
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.engine.lowering import CACHE_LINE
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.kernels.jit import kernel
from eqchip.emulator.kernels.onchip import know_potentials, know_traces
from eqchip.emulator.learning.onchip_lowering import terms_of, window
from eqchip.emulator.problem.problem import Run

POTENTIALS_SENT = 2  # a unit's potentials at the end of both nudged phases
MOST_ROUNDING = 1e-3  # of a state that was divided by average_steps


class Messages(NamedTuple):
    """Graded messages from the units of one layer to the cores of another, for one sample.

    ``each``: float64, shape (units of the sender,): messages of each unit to every core of the
    receiver; ``per_unit``: to every unit there instead.
    """

    sender: int
    receiver: int
    each: np.ndarray
    per_unit: bool = False


def onchip_of(config: Config) -> OnChip:
    """How the chip learns.

    Raises
    ------
    InputError
        If it does not.
    """
    if config.on_chip is None:
        raise InputError("on_chip is None; expected the settings of a run that learns on the chip")
    return config.on_chip


def known_of(
    config: Config, run: Run, sample: int, number: int | None = None
) -> list[list[np.ndarray]]:
    """What cores can know of every unit when a sample's phases are over.

    Parameters
    ----------
    config : Config
        Of a run that learns on the chip.
    run : Run
        The phases of training in the chip's integers, with its bits where learning counts spikes,
        and ends that are means over ``config.learning.average_steps``.
    sample : int
        Which sample of the run.
    number : int, optional
        How many samples were learned from before, by which exponential traces round at random.
        Default: `sample`.

    Returns
    -------
    list of list of ndarray of int32, shape (units,)
        By source (`kernels.onchip`: ACTIVITY, CHANGE, ...) and layer.

    Raises
    ------
    InputError
        If the run lacks bits, had no global clock, or holds potentials of other integers.
    """
    onchip, learning, sizes = onchip_of(config), config.learning, config.sizes
    if run.timed is not None:
        raise InputError("on-chip learning: the run has a timing; expected one in time steps")
    if onchip.records_spikes and run.bits is None:
        raise InputError(
            f"on-chip learning: the run has no bits, which sees {onchip.sees!r} counts; "
            "expected record=['bits']"
        )
    # As the codes of a chip are laid out, since random numbers are drawn by these places.
    rows = -(-np.array(sizes, np.int64) // CACHE_LINE) * CACHE_LINE
    offsets = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
    ends = np.zeros((len(run.phases), 1, offsets[-1]), np.int32)
    scale = onchip.fixed.one * learning.average_steps
    steps = sum(phase.steps for phase in run.phases) if onchip.records_spikes else 0
    bits = np.zeros((steps, 1, offsets[-1]), np.uint8)
    for layer, units in enumerate(sizes):
        at = slice(offsets[layer], offsets[layer] + units)
        for phase, of_layers in enumerate(run.ends):
            ends[phase, 0, at] = _whole(of_layers[layer][sample].reshape(-1), scale)
        if onchip.records_spikes and run.bits is not None:
            bits[:, 0, at] = run.bits[layer][:, sample].reshape(steps, -1)
    learner = _learner(config, onchip, int(offsets[-1]))
    connections, layers = len(sizes) - 1, len(sizes)
    written = kernels.Written(
        np.zeros(1, np.int64),
        np.zeros((1, connections, 2, 3), np.int64),
        np.zeros((1, layers), np.int64),
        np.zeros((1, layers), np.int64),
    )
    betas = [phase.beta if isinstance(phase, Nudged) else 0.0 for phase in run.phases]
    # Random numbers are taken modulo 2**64, of which plain Python would warn.
    with np.errstate(over="ignore"):
        _know(
            _Layers(np.array(sizes, np.int64), offsets),
            _Steps(np.array([phase.steps for phase in run.phases], np.int64)),
            learner,
            ends,
            bits,
            int(np.argmax(betas)),
            int(np.argmin(betas)),
            written,
            sample if number is None else number,
        )
    return [
        [of[offsets[layer] : offsets[layer] + units] for layer, units in enumerate(sizes)]
        for of in learner.known
    ]


def writes_of(
    config: Config, run: Run, sample: int, number: int | None = None
) -> dict[tuple[int, int], np.ndarray]:
    """How many times a sample attempts to write each synapse.

    Biases are left out: every core knows all of its own units.

    Parameters
    ----------
    config, run, sample, number
        As for :func:`known_of`.

    Returns
    -------
    dict of (connection, copy) to ndarray of int64, shape (n_pre, n_post)
        ``copy``: FORWARD or MIRROR of `kernels.onchip`; the input's connection has no mirror.

    Raises
    ------
    InputError
        As :func:`known_of`.
    """
    known, sizes = known_of(config, run, sample, number), config.sizes
    found: dict[tuple[int, int], np.ndarray] = {}
    for term in terms_of(onchip_of(config), len(sizes) - 1):
        k = term.connection
        there = np.outer(known[term.pre][k] != 0, known[term.post][k + 1] != 0).astype(np.int64)
        place = (k, term.copy)
        found[place] = found[place] + there if place in found else there
    return found


def upkeep_of(config: Config) -> dict[tuple[int, int], float]:
    """How often each copy is written whole to keep it like the other, per sample.

    `decay` writes every weight of both copies once in `every` samples, `periodic` those of the
    mirrored one; a mirror mode writes those whose unit below fires, and here its mean is told.
    """
    onchip, modes = onchip_of(config), mirror_modes(config)
    share = 1.0 / onchip.every if modes is None else modes.firings
    copies: tuple[int, ...] = ()
    if modes is not None or onchip.copies == "periodic":
        copies = (kernels.MIRROR,)
    elif onchip.copies == "decay":
        copies = (kernels.FORWARD, kernels.MIRROR)
    return {(k, copy): share for k in range(1, len(config.sizes) - 1) for copy in copies}


class MirrorModes(NamedTuple):
    """What mirror modes do, per sample and in the mean over the random units that fire.

    ``presentations``: each of two time steps, in which all units but the input's are updated, and
    one of graded messages. ``firings``: of each unit that is neither the input's nor an output;
    its spike crosses the forward copy. ``told``: by connection, presentations in which anyone
    fires below, so that each unit above tells all cores below what it added up; none for the
    input's. ``returns``: whether that crosses the mirrored copy as well, to be added up by the
    units below.
    """

    presentations: float
    firings: float
    told: tuple[float, ...]
    returns: bool

    def messages(self, sizes: Sequence[int]) -> list[Messages]:
        """Spikes, and what is told."""
        found = []
        for k in range(1, len(sizes) - 1):
            found.append(Messages(k, k + 1, np.full(sizes[k], self.firings)))
            found.append(Messages(k + 1, k, np.full(sizes[k + 1], self.told[k])))
        return found

    def activity(self, sizes: Sequence[int]) -> dict[str, float]:
        """Over all units and synapses: spikes, synaptic_events, updates_active and _inactive."""
        spikes = self.firings * sum(sizes[1:-1])
        crossing = [self.firings + self.returns * told for told in self.told]
        return {
            "spikes": spikes,
            "synaptic_events": sum(
                crossing[k] * sizes[k] * sizes[k + 1] for k in range(1, len(sizes) - 1)
            ),
            "updates_active": spikes,
            "updates_inactive": 2 * self.presentations * sum(sizes[1:]) - spikes,
        }


def mirror_modes(config: Config) -> MirrorModes | None:
    """What a sample's share of the mirror modes does; None where copies are kept otherwise."""
    onchip, sizes = onchip_of(config), config.sizes
    if onchip.copies not in MIRRORED:
        return None
    presentations, fires = PRESENTATIONS / onchip.every, 2.0 ** (1 - FIRING_BITS)
    return MirrorModes(
        presentations,
        presentations * fires,
        (0.0, *(presentations * (1 - (1 - fires) ** units) for units in sizes[1:-1])),
        onchip.copies == "information-alignment",
    )


def reach_of(config: Config) -> tuple[str | None, list[tuple[int, int, int]]]:
    """Who sends messages for learning after a sample, and to whom.

    Returns
    -------
    source : {"changed", "active", None}
        Units that send: those whose potential changed, those whose potential is not 0, or none.
    ways : list of (sender, receiver, messages)
        Of a unit of the layer `sender` that sends, to each core of the layer `receiver`.

    Notes
    -----
    With `potentials` everyone knows how both ends changed, so `errors` sends nothing more.
    """
    onchip, layers = onchip_of(config), len(config.sizes)
    if onchip.sees == "potentials":
        up = [(k, k + 1, POTENTIALS_SENT if k else 1) for k in range(layers - 1)]
        down = [(k + 1, k, POTENTIALS_SENT) for k in range(1, layers - 1)]
        return "active", up + down
    if onchip.copies == "errors":
        return "changed", [(k + 1, k, 1) for k in range(1, layers - 1)]
    return None, []


def messages_of(config: Config, run: Run, sample: int) -> list[Messages]:
    """The graded messages that learning from a sample takes, beside spikes.

    ``copies`` "errors": a unit above the first layer that changed tells every core below.
    ``sees`` "potentials": a unit that is not at 0 sends its two potentials to every core of both
    neighbouring layers; of the clamped input, which never changes, one, upward. ``copies``
    "periodic": every weight of a connection is sent by its forward copy once in `every` samples,
    one code a message (an assumption), spread evenly over the samples here. Nothing else sends,
    but for mirror modes (:func:`mirror_modes`).

    Parameters
    ----------
    config, run, sample
        As for :func:`known_of`.

    Raises
    ------
    InputError
        As :func:`known_of`.
    """
    onchip, (source, ways) = onchip_of(config), reach_of(config)
    found = []
    if source is not None:
        known = known_of(config, run, sample)
        row = known[kernels.CHANGE if source == "changed" else kernels.ACTIVITY]
        for sender, receiver, messages in ways:
            each = np.where(row[sender] != 0, float(messages), 0.0)
            found.append(Messages(sender, receiver, each))
    if onchip.copies == "periodic":
        for k in range(1, len(config.sizes) - 1):
            each = np.full(config.sizes[k + 1], 1.0 / onchip.every)
            found.append(Messages(k + 1, k, each, per_unit=True))
    return found


def signals_of(config: Config) -> dict[str, float]:
    """How many signals a sample takes to every core, by the phase that they start.

    One at the start of each phase, which tells the sign of its nudge, one to write, and once in
    `every` samples the rates, with which cores are told to tend their copies where they do.

    Returns
    -------
    dict of {"free", "nudged", "update"} to float

    Raises
    ------
    InputError
        If the run does not learn on the chip.
    """
    onchip = onchip_of(config)
    phases = config.learning.phases(np.zeros((1, config.sizes[-1])))
    nudged = sum(isinstance(phase, Nudged) for phase in phases)
    return {
        "free": float(len(phases) - nudged),
        "nudged": float(nudged),
        "update": 1.0 + 1.0 / onchip.every,
    }


class _Layers(NamedTuple):
    """Of a lowered network, what a kernel needs that only looks at units."""

    sizes: np.ndarray
    offsets: np.ndarray


class _Steps(NamedTuple):
    """Of the rules of a run, what a kernel needs that only counts spikes."""

    phase_steps: np.ndarray


@kernel
def _know(
    net: Any, rules: Any, learner: Any, ends: Any, bits: Any, plus: int, minus: int, written: Any,
    number: int,
) -> None:  # fmt: skip
    """learner.known = what cores know after one sample."""
    know_potentials(net, learner, ends, plus, minus, written, 0)
    if len(bits) > 0:
        know_traces(net, rules, learner, bits, plus, minus, number)


def _learner(config: Config, onchip: OnChip, units: int) -> kernels.Learner:
    """A learner that knows, and has nothing to write."""
    decay, impulse = onchip.trace_gains(config.learning.nudged_steps)
    one = onchip.fixed.one * config.learning.average_steps
    none, no_units = np.zeros(0, np.int64), np.zeros(0, np.int32)
    return kernels.Learner(
        np.zeros(0, np.int16),
        np.zeros(0, np.int16),
        onchip.accumulator_bits,
        onchip.fixed.highest_code,
        none,
        none,
        window(onchip, config.learning),
        (1 << onchip.trace_bits) - 1,
        onchip.sees == "loihi-engine",
        decay,
        impulse,
        int(onchip.threshold * one),
        np.array([config.seed], np.uint64),
        np.zeros((kernels.SOURCES, units), np.int32),
        no_units,
        no_units,
        no_units,
        no_units,
    )


def _whole(values: np.ndarray, scale: int) -> np.ndarray:
    """The whole numbers that real potentials stand for, summed over the steps averaged."""
    scaled = np.asarray(values, np.float64) * scale
    whole = np.rint(scaled)
    if np.abs(scaled - whole).max(initial=0.0) > MOST_ROUNDING:
        raise InputError(
            f"on-chip learning: the run holds a potential that is no multiple of 1/{scale}; "
            "expected one in the integers of on_chip, averaged over average_steps"
        )
    return whole.astype(np.int32)
