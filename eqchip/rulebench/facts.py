"""What to know of a rule beside its figures: where it is from, what it asks of a chip."""

from __future__ import annotations

from typing import NamedTuple

from eqchip.emulator.description.config import Config


class Facts(NamedTuple):
    """Of a rule.

    Attributes
    ----------
    title : str
    source : str
        Where it was published; what of it is ours is told in ``docs/learning-rules.md``.
    carrier : str
        What brings an error to a unit.
    neuron : str
        What a unit must be.
    third_factor : str
        What a synapse reads of its unit beside spikes.
    processor : str
        What happens between phases, which nobody but a processor beside the cores does on the
        chips that are known.
    """

    title: str
    source: str
    carrier: str
    neuron: str
    third_factor: str
    processor: str


FACTS: dict[str, Facts] = {
    "ep": Facts(
        "Equilibrium Propagation",
        "Scellier and Bengio, Front. Comput. Neurosci. 11:24, 2017; bits and on-chip writes: ours",
        "a nudge of the outputs, spikes both ways",
        "a program: decodes, steps, encodes; coefficients fall with the step",
        "how far its potential moved between the nudged phases",
        "4 times a sample: nudge, restore the free state, nudge the other way, write",
    ),
    "graded": Facts(
        "graded errors",
        "backpropagation through rates; random feedback: Lillicrap et al., Nat. Commun. 7:13276, "
        "2016",
        "a number from each unit",
        "integrates and fires, a spike takes one threshold",
        "its error, a number",
        "twice a sample: errors, write",
    ),
    "emstdp": Facts(
        "spiking backpropagation by local STDP",
        "Shrestha et al., ICONS 2019; arXiv 2105.03649, 2021",
        "spikes of both signs into the soma",
        "integrates and fires, with an error unit beside it",
        "the difference of two counts of spikes",
        "3 times a sample: begin the second phase, write, reset. The published one ran on Loihi 1, "
        "with tags written at every step, relays and a processor",
    ),
    "erbp": Facts(
        "event-driven random backpropagation",
        "Neftci et al., Front. Neurosci. 11:324, 2017",
        "spikes of both signs into a dendrite",
        "integrates and fires, with a dendrite that no spike reads, and a gate by its current",
        "the dendrite",
        "once a sample: reset, and, once a sample, write",
    ),
    "eprop": Facts(
        "e-prop",
        "Bellec et al., Nat. Commun. 11:3625, 2020",
        "a number from each output, in every step that has a target",
        "leaks, fires, tells how near it is to its threshold",
        "the learning signal, a number, and how near the unit is to firing, in every step",
        "once a sample: reset",
    ),
    "nbp": Facts(
        "exact backpropagation, synfire-gated",
        "Renner et al., Nat. Commun. 15:9691, 2024",
        "one spike of either sign",
        "a threshold, opened by a gate",
        "none: a gate turns the sign of a reward for all",
        "none: a ring of gates keeps the order. The published one ran on Loihi 1",
    ),
}


def facts_of(config: Config) -> Facts:
    """The row of what trained a run."""
    return FACTS["ep" if config.spiking is None else config.spiking.name]
