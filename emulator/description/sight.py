"""What the core that holds a synapse knows of its two ends when a sample's phases are over.

A :class:`Sight` is a row of :data:`SIGHTS`: the products that a core writes each copy of a weight
by, of things known (:class:`Source`). Lowering, the reference, the accounts and the processes of
Lava read it, and know none by name. What forms a source, whole numbers one per unit, is
arithmetic: :mod:`eqchip.emulator.kernels.onchip_known` and
:mod:`eqchip.backends.reference.onchip`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True)
class Source:
    """A thing known of a unit, in whole numbers.

    Attributes
    ----------
    name : str
    is_trace : bool
        Whether a core keeps it of spikes while they arrive, in ``OnChip.trace_bits``; else it is a
        potential or a change, which comes whole at the end of a sample.
    is_change : bool
        Whether it is how the unit changed between the nudged phases, which the clamped input never
        does.
    """

    name: str
    is_trace: bool = False
    is_change: bool = False


ACTIVITY = Source("activity")  # s+ + s-
CHANGE = Source("change", is_change=True)  # s+ - s-; of the clamped input always 0
TRACE = Source("trace", is_trace=True)  # spikes of both nudged phases
PLUS_TRACE = Source("plus trace", is_trace=True)  # decaying, of the phase with +beta
MINUS_TRACE = Source("minus trace", is_trace=True)  # and with -beta
FACTOR = Source("factor", is_change=True)  # s+ - s- in a few steps, as a synapse is handed it
# A source's place is its kernel row.
SOURCES = (ACTIVITY, CHANGE, TRACE, PLUS_TRACE, MINUS_TRACE, FACTOR)


class Written(NamedTuple):
    """A product that a copy is written by: of what is known below and above, times a sign."""

    below: Source
    above: Source
    sign: int = 1


def injected(product: Written) -> Written:
    """What a product of the first connection takes of an input that is injected: its value.

    Examples
    --------
    >>> injected(SIGHTS["traces"].forward[0]).below.name
    'activity'
    """
    return product._replace(below=ACTIVITY) if product.below.is_trace else product


def _few(source: Source) -> Source:
    return FACTOR if source.is_change else source


@dataclass(frozen=True)
class Sight:
    """What a core sees of each end, and so what it writes its copy by.

    Attributes
    ----------
    forward, mirror : tuple of Written
        At most two products each: of the core above, where feed-forward spikes arrive, and of the
        core below, where feedback does.
    graded : bool
        Whether potentials travel between cores, as graded messages.
    decays : bool
        Whether traces decay, one after the other phase; else they count.
    spikes : bool
        Whether a unit tells how it changed by spikes after the phases, each of which is a write:
        its own synapses see that it fired, those of its axons that a spike arrives.
    upkeep : str
        What keeps copies alike unless something else is asked for.
    """

    forward: tuple[Written, ...]
    mirror: tuple[Written, ...]
    graded: bool = False
    decays: bool = False
    spikes: bool = False
    upkeep: str = "errors"

    @property
    def sources(self) -> set[Source]:
        """All that is known somewhere."""
        found = (*self.forward, *self.mirror)
        return {product.below for product in found} | {product.above for product in found}

    @property
    def counts_spikes(self) -> bool:
        """Whether a core keeps a trace of spikes."""
        return any(source.is_trace for source in self.sources)

    @property
    def knows_changes(self) -> bool:
        """Whether a core is told how a unit changed, or finds out."""
        return any(source.is_change for source in self.sources)

    @property
    def writes_apart(self) -> bool:
        """Whether the two copies are written by terms of their own."""
        return self.forward != self.mirror

    @property
    def hands_factors(self) -> bool:
        """Whether a change comes to a synapse in a few steps."""
        return FACTOR in self.sources

    @property
    def takes_current(self) -> bool:
        """Whether the value of an injected input can stand where a product takes its spikes.

        Not as a trace that decays, nor where a spike writes a count as it is.
        """
        return not (self.decays or self.spikes)

    @property
    def in_steps(self) -> bool:
        """Whether cores learn in time steps that all of them have in common: without, none do."""
        return self.decays or self.spikes

    def handed_in_few(self) -> Sight:
        """The same with changes that come in a few steps.

        Examples
        --------
        >>> SIGHTS["traces"].handed_in_few().forward[0].above.name
        'factor'
        """

        def handed(products: tuple[Written, ...]) -> tuple[Written, ...]:
            return tuple(Written(_few(below), _few(above), sign) for below, above, sign in products)

        return replace(self, forward=handed(self.forward), mirror=handed(self.mirror))


_GRADED = (Written(ACTIVITY, CHANGE), Written(CHANGE, ACTIVITY))
_DECAYING = (Written(PLUS_TRACE, PLUS_TRACE), Written(MINUS_TRACE, MINUS_TRACE, -1))

# `OnChip.sees` -> what that is. A new sight is a row here, and its kernel where it knows a source
# that nothing forms yet.
SIGHTS: dict[str, Sight] = {
    "potentials": Sight(_GRADED, _GRADED, graded=True),
    "traces": Sight((Written(TRACE, CHANGE),), (Written(CHANGE, TRACE),)),
    "signed-spikes": Sight((Written(TRACE, FACTOR),), (Written(FACTOR, TRACE),), spikes=True),
    "loihi-engine": Sight(_DECAYING, _DECAYING, decays=True, upkeep="same-noise"),
}
