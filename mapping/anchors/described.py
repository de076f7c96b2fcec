"""A measured run as its file describes it: populations on cores, projections, who fires when."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from eqchip.mapping.chip_file.figures import Count, Number, Positive, Span, Table, Text


def _span(value: object) -> object:
    """A number stands for itself; three are low, value, high."""
    if isinstance(value, list | tuple) and not isinstance(value, Span):
        if len(value) != 3:
            raise ValueError("expected a number, or three: [low, value, high]")
        return Span(*value)
    return Span(value, value, value) if isinstance(value, int | float) else value


Range = Annotated[tuple[Number, Number, Number], BeforeValidator(_span)]  # low, value, high
LOW, NOMINAL, HIGH = range(3)


class Population(Table):
    """Units alike, spread evenly over cores.

    Attributes
    ----------
    name : str
    units : float
        On one chip; of a part of a larger network, as many as a chip has in the mean.
    cores : [first, last]
        Numbers of cores on the chip, in the order of its mesh, row by row.
    updated : bool
        Whether cores update them at every step; not those that stand for spikes from outside.
    """

    name: Text
    units: Annotated[float, Field(gt=0)]
    cores: tuple[Count, Count]
    updated: bool = True

    @property
    def spread(self) -> range:
        """The cores."""
        return range(self.cores[0], self.cores[1] + 1)


class Projection(Table):
    """Synapses from one population to another.

    Attributes
    ----------
    pre, post : str
        Names of populations.
    fan_out : float, optional
        Synapses that a spike crosses; None: one with every unit.
    plastic : bool
        Whether they learn.
    """

    pre: Text
    post: Text
    fan_out: Number | None = None
    plastic: bool = False


class Fires(Table):
    """Spikes of a population, of all its units together, in each of some steps.

    Attributes
    ----------
    population : str
    steps : list of int, optional
        From 1; None: every one.
    spikes : number, or [low, value, high]
    """

    population: Text
    steps: tuple[Positive, ...] | None = None
    spikes: Range


class Described(Table):
    """All that fixes what happened on a chip for one sample.

    Attributes
    ----------
    chips : int
        Chips that do as much as this one, side by side.
    steps : number, or [low, value, high]
    managed_steps : number, or [low, value, high], optional
        Steps after which embedded processors take part; None: every one.
    learning_epochs : number, or [low, value, high]
        How often the learning engine runs, each time after as many steps.
    attempted, changed : number, or [low, value, high], optional
        Synapses that learning attempts to write, and changes, over all copies. None: as many as
        the chip's engine visits.
    resets : bool
        Whether the states of all cores are set to 0 before the sample.
    host_messages, host_bytes : number, or [low, value, high]
    population, projection, fires : tuple
    """

    chips: Positive = 1
    steps: Range
    managed_steps: Range | None = None
    learning_epochs: Range = (0.0, 0.0, 0.0)
    attempted: Range | None = None
    changed: Range | None = None
    resets: bool = False
    host_messages: Range = (0.0, 0.0, 0.0)
    host_bytes: Range = (0.0, 0.0, 0.0)
    population: tuple[Population, ...]
    projection: tuple[Projection, ...] = ()
    fires: tuple[Fires, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> Described:
        known = {one.name for one in self.population}
        ends = [name for one in self.projection for name in (one.pre, one.post)]
        for name in (*ends, *(one.population for one in self.fires)):
            if name not in known:
                raise ValueError(f"population {name!r} is unknown; expected one of {known}")
        for held in self.population:
            if held.cores[1] < held.cores[0]:
                raise ValueError(f"cores of {held.name} are {held.cores}; expected [first, last]")
        most = int(self.steps[LOW])
        for fires in self.fires:
            if fires.steps is not None and max(fires.steps) > most:
                raise ValueError(
                    f"{fires.population} fires in step {max(fires.steps)}; expected one of {most}"
                )
        return self
