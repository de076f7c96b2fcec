"""What a chip that learns sends beside spikes: changes, copies, signals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.description.sight import ACTIVITY, CHANGE, FACTOR
from eqchip.emulator.description.upkeep import (
    FIRING_BITS,
    PRESENTATIONS,
    UPKEEPS,
    MirrorMode,
    Send,
)
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.onchip_known import Known, kernels_of, onchip_of
from eqchip.emulator.learning.onchip_lowering import ROW_OF

POTENTIALS_SENT = 2  # a unit's potentials at the end of both nudged phases


def check_priced(config: Config) -> None:
    """Refuse what sends messages that nobody counts.

    Raises
    ------
    InputError
    """
    onchip = onchip_of(config)
    if onchip.upkeep.adjoint:
        able = ", ".join(name for name, one in UPKEEPS.items() if not one.adjoint)
        raise InputError(
            f"copies {onchip.copies!r}: what cores add up for units elsewhere, in every nudged "
            f"step, is not priced; expected one of {able}"
        )


class Messages(NamedTuple):
    """Graded messages from the units of one layer to the cores of another, for one sample.

    ``each``: float64, shape (units of the sender,): messages of each unit to every core of the
    receiver; ``per_unit``: to every unit there instead.
    """

    sender: int
    receiver: int
    each: np.ndarray
    per_unit: bool = False


def upkeep_of(config: Config) -> dict[tuple[int, int], float]:
    """How often each copy is written whole to keep it like the other, per sample.

    Whoever tends copies writes every weight of these once in `every` samples; but a mirror mode
    those whose unit below fires, and here its mean is told.
    """
    onchip, modes = onchip_of(config), mirror_modes(config)
    share = 1.0 / onchip.every if modes is None else modes.firings
    tending = onchip.upkeep.tending
    copies = () if tending is None else tending.writes
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
    tending = onchip.upkeep.tending
    if not isinstance(tending, MirrorMode):
        return None
    presentations, fires = PRESENTATIONS / onchip.every, 2.0 ** (1 - FIRING_BITS)
    return MirrorModes(
        presentations,
        presentations * fires,
        (0.0, *(presentations * (1 - (1 - fires) ** units) for units in sizes[1:-1])),
        tending.null > 0,
    )


def reach_of(config: Config) -> tuple[str | None, list[tuple[int, int, int]]]:
    """Who sends messages for learning after a sample, and to whom.

    Returns
    -------
    source : {"changed", "active", "spikes", None}
        Units that send: those whose potential changed, those whose potential is not 0, those that
        fire to tell how they changed, a message a spike, or none.
    ways : list of (sender, receiver, messages)
        Of a unit of the layer `sender` that sends, to each core of the layer `receiver`.

    Notes
    -----
    Where potentials travel everyone knows how both ends changed, and no change is told beside.
    A spike takes all ways of its unit, whether or not there is a copy to be written at their end.
    """
    onchip, layers = onchip_of(config), len(config.sizes)
    if onchip.sight.spikes:
        down = [(k + 1, k, 1) for k in range(1, layers - 1)]
        return "spikes", [(k, k + 1, 1) for k in range(1, layers - 1)] + down
    if onchip.sight.graded:
        up = [(k, k + 1, POTENTIALS_SENT if k else 1) for k in range(layers - 1)]
        down = [(k + 1, k, POTENTIALS_SENT) for k in range(1, layers - 1)]
        return "active", up + down
    if onchip.upkeep.tells_changes:
        # The keeper of a kernel writes both copies, and nobody below has to know of a change.
        kept = kernels_of(config) if onchip.sharing.summed else ()
        return "changed", [(k + 1, k, 1) for k in range(1, layers - 1) if k not in kept]
    return None, []


def sends_copies(onchip: OnChip) -> bool:
    """Whether forward copies are sent to the mirrored ones, weight by weight."""
    return isinstance(onchip.upkeep.tending, Send)


def averages(config: Config) -> float:
    """How often the places of kernels are averaged, per sample; 0: they have no weights apart."""
    onchip = onchip_of(config)
    return 1.0 / onchip.every if onchip.sharing.apart and kernels_of(config) else 0.0


def window_steps(config: Config) -> int:
    """The time steps in which spikes tell of changes, each a learning epoch of its own; or 0.

    Layer by layer from the last to the first hidden one, so that no core counts a spike of these
    in a trace that is still to be written with: so many steps as a unit may fire in, for those that
    rose and for those that fell.
    """
    onchip = onchip_of(config)
    return 2 * onchip.change_spikes * (len(config.sizes) - 1) if onchip.sight.spikes else 0


def learning_epochs(config: Config) -> float:
    """How often the learning engine runs for a sample: once, or in every step of the windows."""
    return float(window_steps(config) or 1)


def window_activity(config: Config, spikes: Sequence[float]) -> dict[str, float]:
    """What a sample's windows do, over all units and synapses.

    Parameters
    ----------
    config : Config
    spikes : sequence of float
        That tell of changes in a sample, by layer.

    Returns
    -------
    dict
        spikes, synaptic_events, updates_active and _inactive.
    """
    sizes = config.sizes
    reached = [
        0,
        *(sizes[k - 1] * (k > 1) + sum(sizes[k + 1 : k + 2]) for k in range(1, len(sizes))),
    ]
    told = float(sum(spikes))
    return {
        "spikes": told,
        "synaptic_events": float(sum(n * to for n, to in zip(spikes, reached, strict=True))),
        "updates_active": told,
        "updates_inactive": window_steps(config) * sum(sizes[1:]) - told,
    }


def messages_of(config: Config, known: Known) -> list[Messages]:
    """The messages that learning from a sample takes, beside the spikes of its phases.

    ``copies`` "errors": a unit above the first layer that changed tells every core below.
    ``sees`` "signed-spikes": it fires instead, to all cores of both neighbouring layers.
    ``sees`` "potentials": a unit that is not at 0 sends its two potentials to every core of both
    neighbouring layers; of the clamped input, which never changes, one, upward. ``copies``
    "periodic": every weight of a connection is sent by its forward copy once in `every` samples,
    one code a message (an assumption), spread evenly over the samples here. Nothing else sends,
    but for mirror modes (:func:`mirror_modes`).

    Parameters
    ----------
    config : Config
        Of a run that learns on the chip.
    known : list of list of ndarray
        From :func:`~eqchip.emulator.learning.onchip_known.known_of`.
    """
    return told_by(config, known) + copies_sent(config)


def told_by(config: Config, known: Known) -> list[Messages]:
    """Of these messages, those that units send."""
    onchip, (source, ways) = onchip_of(config), reach_of(config)
    if source is None:
        return []
    change = FACTOR if onchip.sight.hands_factors else CHANGE
    row = known[ROW_OF[ACTIVITY if source == "active" else change]]
    sent = [np.abs(of) if source == "spikes" else of != 0 for of in row]
    return [
        Messages(sender, receiver, sent[sender] * float(messages))
        for sender, receiver, messages in ways
    ]


def copies_sent(config: Config) -> list[Messages]:
    """Of these messages, those that hold the codes of a copy, kernels left out."""
    onchip, found, shared = onchip_of(config), [], kernels_of(config)
    if sends_copies(onchip):
        for k in (k for k in range(1, len(config.sizes) - 1) if k not in shared):
            each = np.full(config.sizes[k + 1], 1.0 / onchip.every)
            found.append(Messages(k + 1, k, each, per_unit=True))
    return found


def signals_of(config: Config) -> dict[str, float]:
    """How many signals a sample takes to every core, by the phase that they start.

    One at the start of each phase, which tells the sign of its nudge, one to write, and once in
    `every` samples the rates, with which cores are told to tend their copies where they do. Where
    spikes tell of changes, one for each window of spikes in place of the one to write.

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
        "update": float(window_steps(config) // onchip.change_spikes or 1) + 1.0 / onchip.every,
    }
