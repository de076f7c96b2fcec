"""The notes of a report, in words: each a function of the document, with what applies to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eqchip.hw_reports.document import asynchronous_notes
from eqchip.hw_reports.document.readable import percent
from eqchip.hw_reports.pricing.injection import INPUT_MESSAGE
from eqchip.mapping.kinds import FREE, NUDGED

Document = Mapping[str, Any]
Notes = list[str]
STATIC, HOST_MESSAGE = "static", "host_message"  # kinds of event
MOST = 0.5  # share of the training energy from which static power is worth a note


def notes(document: Document) -> Notes:
    """What every reader has to know.

    Parameters
    ----------
    document : mapping
        A report but for its notes.
    """
    return [note for of in ABOUT for note in of(document)]


def modelled(document: Document) -> Notes:
    """What a figure is, and what none covers."""
    queues = _timing(document).get("queues", {}).get("link")
    without = "what the host itself draws and computes, loading the network"
    lines = [
        "Every energy and time is a count times a coefficient of the chip file: modelled, not "
        "measured on a chip.",
        f"Not modelled: {without}{'' if queues else ', and queues on the mesh'}.",
    ]
    if any(row["kind"] == HOST_MESSAGE for row in document["energy"]["table"]):
        lines.append(
            "Messages between host and chip are counted: the values of an input with every sample, "
            "its target where it learns, the outputs of an inference. What one costs is "
            "the chip file's to say."
        )
    return lines


def chip(document: Document) -> Notes:
    """What this kind of chip cannot do, or is not asked to."""
    found, about = [], document["chip"]
    if about["model"] == "cores":
        found.append(
            "A sample is run, and its weights are written, by itself: chips have no minibatch."
        )
    if about["rule"] is not None:
        found.append(f"{about['rule']['said']}.")
    if not about["learning"]:
        found.append(f"{about['name']} has no learning engine: it could run the phases, not learn.")
    if about["model"] == "arithmetic":
        found.append(
            "The samples ran in the chip's default integers; the costs are those of the "
            "real-valued network in 32-bit floating point."
        )
    return found


def energy(document: Document) -> Notes:
    """Whether static power is most of the energy, and what its sum lacks."""
    found, whole = [], document["energy"]["training"]
    static = document["energy"]["by_kind"].get(STATIC, {}).get("training")
    if whole["figure"] and static and static["value"] > whole["figure"]["value"] * MOST:
        busiest = "the run" if "asynchronous" in document else "the busiest core of every step"
        found.append(
            f"{percent(static['value'] / whole['figure']['value'])} of the training energy is "
            f"static power: whole chips draw it, for as long as {busiest} takes."
        )
    if whole["lacks"]:
        found.append(f"The training energy is a lower bound: it lacks {', '.join(whole['lacks'])}.")
    return found


def learning(document: Document) -> Notes:
    """What is counted where the chip itself learned, and what is not."""
    found = document["learning"]
    if found is None:
        return []
    told = found["signals"]
    bits = document["replay"]["stored_bits"]
    lines = [
        f"Learning on the chip attempts {found['attempted']:,.0f} writes for a sample, where all "
        f"copies of all weights are {found['all_copies']:,}; in the last epoch of training, "
        f"{percent(found['applied'], 2)} of those attempted changed their stored code of {bits} "
        "bits.",
        _told(found) + " Not priced: biases, and keeping traces while spikes arrive.",
        f"Phase signals: a processor at tile (0, 0) tells each of {told['messages']:,.0f} cores "
        f"when a phase starts and when to write, and once in {found['every']:,} samples its "
        f"rates: {sum(told['rounds'].values()):.4g} messages a core and training sample. To tell "
        f"all cores once takes {told['hops']:,.0f} hops. None are priced in inference.",
    ]
    modes = found["mirror_modes"]
    if modes is not None:
        lines.append(
            f"Mirror modes are spread over the samples: {modes['presentations']:.3g} patterns of "
            "random spikes for each, of two steps and one in which units above send what they "
            "added up. A graded message that crosses a synapse is priced as a synaptic event; not "
            "priced are drawing random spikes, and the division of information alignment."
        )
    if found["forward_copy_alone"]:
        lines.append(
            "The samples ran with the copy of each weight that feed-forward spikes read in both "
            "directions: an older version trained the run, which kept only that of the two."
        )
    return lines


def _told(found: Document) -> str:
    """What is sent that a synapse may learn."""
    steps = found.get("window_steps", 0)  # reports of older versions have none
    if not steps:
        return (
            f"Learning sends {found['messages']:,.0f} graded messages for a sample, each priced as "
            "a spike's."
        )
    return (
        f"Units tell how they changed by spikes, at the learning rates of the start of training, "
        f"in {steps} time steps of their own: {found['messages']:,.0f} messages for a sample. "
        "Every step has its barrier and updates all units, and a spike is an event at every "
        "synapse that it arrives at, whether or not that learns by it; an epoch is charged in "
        "proportion to those that it counted."
    )


def skipping(document: Document) -> Notes:
    """What is charged where samples that are right are not nudged."""
    about = document["run"]
    if not about.get("skip_right"):  # reports of older versions have none
        return []
    lines = [
        f"Of all training samples {percent(about['nudged_share'])} were nudged: the others ended "
        f"the free phase with every output within {about['skip_right']:g} of its target. Nudged "
        "phases and updates of an epoch are charged for the share of its samples that had them; a "
        "replayed sample runs all phases."
    ]
    if document["learning"] is not None:
        lines.append(
            "Whether a sample is right, every output unit finds by one comparison, priced as an "
            "update, in a time step after the free phase, in which each core of the output layer "
            "tells the processor by one message."
        )
    return lines


def read_out(document: Document) -> Notes:
    """What a read-out outside the dynamics is charged, and what is left out."""
    if document["run"]["readout"] != "cross-entropy":
        return []
    told = document["read_out"]
    if told is None:  # a processor: of the floor, the baselines' own note tells
        return ["The softmax of the cross-entropy read-out is not priced."]
    counted = told[FREE]["messages"] is not None
    return [
        "The read-out classifies by cross-entropy, outside the dynamics: its units add up the "
        "spikes that reach them and send none.",
        _exchange(told, counted),
        "Not priced of the read-out: the softmax and the time that it takes, "
        + ("" if counted else "its messages, ")
        + "telling its own cores the errors that the weight update reads, and reading the class in "
        "inference.",
    ]


def _exchange(told: Document, counted: bool) -> str:
    """What the processor reads and sends; `counted`: messages are."""
    free, nudged = told[FREE], told.get(NUDGED)
    read = "A processor reads the potentials of the read-out after the free phase"
    if counted:
        read = (
            f"A processor at tile (0, 0) reads {free['messages']:,.0f} potentials of the read-out "
            f"after the free phase ({free['hops']:,.4g} hops)"
        )
    if nudged is None:
        return f"{read}; with one connection, errors go nowhere but to it."
    where = "to what the read-out hears"
    if counted:
        where = (
            f"to the cores of what the read-out hears ({nudged['messages']:,.4g} messages, "
            f"{nudged['hops']:,.4g} hops)"
        )
    return (
        f"{read}, and sends {nudged['errors']:,.4g} errors other than 0 in the nudged phases "
        f"{where}, where they cross {nudged['events']:,.4g} synapses; "
        f"{free['steps'] + nudged['steps']} time steps more for a sample, the same in every epoch. "
        + ("A message is priced as a spike's, and a" if counted else "A")
        + " synapse that an error crosses is priced as a synaptic event."
    )


def writes(document: Document) -> Notes:
    """How few of the codes that are written change, where the chip did not learn itself."""
    found = document["activity"]["weight_updates"]
    if found is None or document["learning"] is not None:
        return []
    share = found["applied"] / (found["attempted"] or 1.0)
    return [
        f"{percent(share, 2)} of the weights written for a sample change their stored code of "
        f"{document['replay']['stored_bits']} bits, rounded to nearest at the rate of the start "
        "of training: to learn from such steps a chip rounds at random or accumulates them."
    ]


def current(document: Document) -> Notes:
    """Who pays for the products of an input current."""
    if document["run"]["input"] != "current" or document["chip"]["model"] == "arithmetic":
        return []
    if INPUT_MESSAGE in document["energy"]["by_kind"]:
        return [
            "The input is sent once a sample, as graded messages, each priced as a spike's, and "
            "each synapse that one crosses as a synaptic event's: the chip file has no price of "
            "their products."
        ]
    return [
        "The input is a current, x W_0: its multiply-accumulates are counted, but the chip file "
        "has no price for them, and whoever computes them pays."
    ]


def timing(document: Document) -> Notes:
    """Whether the run was trained with another clock than its samples ran with here."""
    trained, here = document["run"]["timing"] is not None, "asynchronous" in document
    if here and not trained:
        return [
            "The run was trained in time steps: the spikes and synaptic events of its epochs are "
            "those of time steps."
        ]
    if trained and not here:
        return ["The run was trained without a global clock; its samples ran in time steps here."]
    return []


def kernels(document: Document) -> Notes:
    """What is assumed where places of a layer have a kernel in common."""
    if not document["run"]["shares_weights"]:
        return []
    if document["chip"]["model"] == "arithmetic":
        return ["Of a convolution with average pooling, the merged kernel is read and multiplied."]
    found = (document["learning"] or {}).get("kernels")  # reports of older versions have none
    if found is not None:
        if found.get("apart"):  # reports of older versions have no such thing
            return [_of_places(found, document["learning"]["every"])]
        return [_of_kernels(found, document["chip"]["shares_kernels"])]
    if document["chip"]["shares_kernels"]:
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


def _of_places(found: Document, every: int) -> str:
    """How a chip that learned wrote kernels whose places it averages now and then."""
    return (
        f"Every place of a kernel writes a weight of its own. Once in {every:,} samples each core "
        "sends the sum of what its places hold of each weight to the core that takes the mean, and "
        "writes what comes back in all of them: spread evenly over the samples, "
        f"{found['messages']:,.0f} messages for each, and with them {found['writes']:,.0f} writes "
        "in all. Not priced: drawing random numbers, and dividing."
    )


def _of_kernels(found: Document, shares: bool) -> str:
    """How a chip that learned wrote the kernels of many places."""
    where = "once on each core that has it" if shares else "in each of its places"
    if not found["summed"]:
        return (
            f"Kernels are written in place: {found['writes']:,.0f} products for a sample, each a "
            "write of the one kernel of its layer."
        )
    return (
        f"Of a kernel every core adds up the products of its places, {found['reads']:,.0f} reads "
        "for a sample, and sends each sum that is not 0 to the core that keeps the kernel, which "
        f"rounds and writes {found['attempted']:,.0f} weights (of both copies) and sends the codes "
        f"that changed; they are written {where}, {found['writes']:,.0f} writes in all, by "
        f"{found['messages']:,.0f} messages. Not priced: drawing random numbers, and clearing sums."
    )


def optimizer(document: Document) -> Notes:
    """What an optimizer keeps of every weight."""
    if document["run"]["optimizer"] == "adam":
        return [
            "Adam needs two moments for every weight, which are not accounted for; the share of "
            "codes that change is that of plain steps at its rates."
        ]
    if document["run"]["momentum"]:
        return ["Momentum needs a velocity for every weight, which is not accounted for."]
    return []


def replay(document: Document) -> Notes:
    """What was said when the samples ran."""
    return list(document["replay"]["notes"])


def asynchronous(document: Document) -> Notes:
    """What a time without a clock is."""
    section = document.get("asynchronous")
    return [] if section is None else asynchronous_notes.notes(section)


def _timing(document: Document) -> Document:
    section = document.get("asynchronous")
    return {} if section is None else section["timing"]


# In the order in which they are read.
ABOUT: tuple[Callable[[Document], Notes], ...] = (
    modelled, chip, energy, learning, skipping, read_out, writes, current, timing, kernels,
    optimizer, replay, asynchronous,
)  # fmt: skip
