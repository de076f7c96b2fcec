"""The notes of a report, in words."""

from __future__ import annotations

from eqchip.emulator.learning.onchip_traffic import mirror_modes
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.document.readable import percent
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import STATIC, energy_of
from eqchip.hw_reports.pricing.phases import copies_written
from eqchip.mapping.kinds import FREE, NUDGED, TRAINING


def notes_of(replay: Replay, accounts: Accounts) -> list[str]:
    """What every reader has to know."""
    chip = replay.chip
    notes = [
        "Every energy and time is a count times a coefficient of the chip file: modelled, not "
        "measured on a chip.",
        "Not modelled: the host, getting samples onto the chip and results off it, loading the "
        f"network{'' if _queues(replay) else ', and queues on the mesh'}.",
    ]
    if chip.model == "cores":
        notes.append(
            "A sample is run, and its weights are written, by itself: chips have no minibatch."
        )
    if not chip.learning:
        notes.append(f"{chip.name} has no learning engine: it could run the phases, not learn.")
    if chip.model == "arithmetic":
        notes.append(
            "The samples ran in the chip's default integers; the costs are those of the "
            "real-valued network in 32-bit floating point."
        )
    whole, static = (energy_of(accounts.entries, TRAINING, kind) for kind in (None, STATIC))
    if whole.figure and static.figure and static.figure.value > whole.figure.value / 2:
        notes.append(
            f"{percent(static.figure.value / whole.figure.value)} of the training energy is static "
            "power: whole chips draw it, for as long as "
            f"{'the busiest core of every step' if replay.timing is None else 'the run'} takes."
        )
    lacking = whole.lacks
    if lacking:
        notes.append(f"The training energy is a lower bound: it lacks {', '.join(lacking)}.")
    notes += _learning_notes(replay, accounts)
    notes += _readout_notes(replay, accounts)
    if accounts.cores is not None and replay.written is None:
        updates = accounts.cores.updates
        share = updates.applied.sum() / max(updates.attempted.sum(), 1)
        notes.append(
            f"{percent(share, 2)} of the weights written for a sample change their stored code of "
            f"{replay.fixed.weight_bits} bits, rounded to nearest at the rate of the start of "
            "training: to learn from such steps a chip rounds at random or accumulates them."
        )
    if replay.config.input == "current" and chip.model != "arithmetic":
        notes.append(
            "The input is a current, x W_0: its multiply-accumulates are counted, but the chip "
            "file has no price for them, and whoever computes them pays."
        )
    trained = replay.config.timing
    if trained is None and replay.timing is not None:
        notes.append(
            "The run was trained in time steps: the spikes and synaptic events of its epochs are "
            "those of time steps."
        )
    elif trained is not None and replay.timing is None:
        notes.append(
            "The run was trained without a global clock; its samples ran in time steps here."
        )
    notes += _kernel_notes(replay)
    if replay.config.descent.optimizer == "adam":
        notes.append(
            "Adam needs two moments for every weight, which are not accounted for; the share of "
            "codes that change is that of plain steps at its rates."
        )
    elif replay.config.descent.momentum:
        notes.append("Momentum needs a velocity for every weight, which is not accounted for.")
    return [*notes, *replay.notes]


def _learning_notes(replay: Replay, accounts: Accounts) -> list[str]:
    """What is counted where the chip itself learned, and what is not."""
    onchip, learned, told = replay.config.on_chip, accounts.learned, accounts.signals
    if onchip is None or learned is None or told is None or replay.written is None:
        return []
    whole = copies_written(replay.network, replay.chip)
    applied = percent(replay.written.applied, 2)
    notes = [
        f"Learning on the chip attempts {learned.attempted:,.0f} writes for a sample, where all "
        f"copies of all weights are {whole:,}; in the last epoch of training, {applied} of those "
        f"attempted changed their stored code of {replay.fixed.weight_bits} bits.",
        f"Learning sends {learned.messages:,.0f} graded messages for a sample, each priced as a "
        "spike's. Not priced: biases, and keeping traces while spikes arrive.",
        f"Phase signals: a processor at tile (0, 0) tells each of {told.messages:,.0f} cores when "
        f"a phase starts and when to write, and once in {onchip.every:,} samples its rates: "
        f"{sum(told.rounds.values()):.4g} messages a core and training sample. To tell all cores "
        f"once takes {told.hops:,.0f} hops. None are priced in inference.",
    ]
    modes = mirror_modes(replay.config)
    if modes is not None:
        notes.append(
            f"Mirror modes are spread over the samples: {modes.presentations:.3g} patterns of "
            "random spikes for each, of two steps and one in which units above send what they "
            "added up. A graded message that crosses a synapse is priced as a synaptic event; not "
            "priced are drawing random spikes, and the division of information alignment."
        )
    if not replay.both_copies and not onchip.upkeep.keeps_equal:
        notes.append(
            "The samples ran with the copy of each weight that feed-forward spikes read in both "
            "directions: an older version trained the run, which kept only that of the two."
        )
    return notes


def _readout_notes(replay: Replay, accounts: Accounts) -> list[str]:
    """What a read-out outside the dynamics is charged, and what is left out."""
    if replay.config.learning.readout != "cross-entropy":
        return []
    if not accounts.readout:  # a processor: of the floor, `baselines.READ_OUT_NOTE` tells
        return ["The softmax of the cross-entropy read-out is not priced."]
    free, nudged = accounts.readout[FREE], accounts.readout.get(NUDGED)
    notes = ["The read-out classifies by cross-entropy, outside the dynamics: its units add up the "
             "spikes that reach them and send none."]  # fmt: skip
    of_cores = free.messages is not None
    steps = free.steps + (nudged.steps if nudged else 0)
    if of_cores:
        read = f"A processor at tile (0, 0) reads {free.messages:,.0f} potentials of the read-out "
        read += f"after the free phase ({free.hops:,.4g} hops)"
    else:
        read = "A processor reads the potentials of the read-out after the free phase"
    if nudged is None:
        notes.append(f"{read}; with one connection, errors go nowhere but to it.")
    else:
        notes.append(
            f"{read}, and sends {nudged.errors:,.4g} errors other than 0 in the nudged phases "
            + (
                f"to the cores of the layer below ({nudged.messages:,.4g} messages, "
                f"{nudged.hops:,.4g} hops)"
                if of_cores
                else "to the layer below"
            )
            + f", where they cross {nudged.events:,.4g} synapses; {steps} time steps more for a "
            "sample, the same in every epoch. "
            + ("A message is priced as a spike's, and a" if of_cores else "A")
            + " synapse that an error crosses is priced as a synaptic event."
        )
    notes.append(
        "Not priced of the read-out: the softmax and the time that it takes, "
        + ("" if of_cores else "its messages, ")
        + "telling its own cores the errors that the weight update reads, and reading the class in "
        "inference."
    )
    return notes


def _kernel_notes(replay: Replay) -> list[str]:
    """What is assumed where places of a layer have a kernel in common."""
    if not any(one.shares_weights for one in replay.network.connections):
        return []
    if replay.chip.model == "arithmetic":
        return ["Of a convolution with average pooling, the merged kernel is read and multiplied."]
    if replay.chip.shares_kernels:
        return [
            "The chip file says that a core keeps each weight of a kernel once; an update writes "
            "it once on each core that has it. That the changes of its places are summed up "
            "before, on the core and between cores, is not accounted for."
        ]
    return [
        "Kernels are not shared: every synapse of a convolution is stored, and written by an "
        "update, in each of its places. That the changes of all places are summed up before is "
        "not accounted for; without it the places would drift apart."
    ]


def _queues(replay: Replay) -> bool:
    return replay.timing is not None and replay.timing.queues.link > 0
