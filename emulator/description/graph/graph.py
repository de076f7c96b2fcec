"""Populations and the projections between them: any directed graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from eqchip.emulator.description.connections import Connection, Dense, kind_of
from eqchip.emulator.description.graph.units import Neuron
from eqchip.emulator.errors import InputError, as_floats, check_unmasked, check_whole
from eqchip.emulator.text import html_table

LONGEST_DELAY = 2**15 - 1  # steps beyond the one that every spike takes


@dataclass(frozen=True, eq=False, repr=False)
class Population:
    """Units of one kind.

    Parameters
    ----------
    name : str
        No other population of a graph has it.
    unit : Neuron
        What each of them computes: :class:`eqchip.LIF` and the like, or :class:`eqchip.Input`.
    shape : int or tuple of int
        How many, or a map: height, width, channels.

    Raises
    ------
    InputError
        For no name, an unknown kind, an empty shape, or parameters that do not fit to it.

    Examples
    --------
    >>> from eqchip import LIF
    >>> Population("hidden", LIF(decay=0.1), 500).size
    500
    """

    name: str
    unit: Neuron
    shape: Any

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InputError(f"Population: name is {self.name!r}; expected a text")
        if not isinstance(self.unit, Neuron):
            raise InputError(
                f"population {self.name!r}: unit is {self.unit!r}; expected a kind of unit, e.g. "
                "LIF(decay=0.1)"
            )
        shape = self.shape if isinstance(self.shape, tuple) else (self.shape,)
        if not shape:
            raise InputError(f"population {self.name!r}: shape is (); expected at least one unit")
        for size in shape:
            check_whole(f"population {self.name!r}: a size of shape {self.shape}", size, 1, 2**31)
        object.__setattr__(self, "shape", tuple(int(size) for size in shape))
        for name, value in self.unit.parameters().items():
            self._check_fits(name, value)

    def _check_fits(self, name: str, value: Any) -> None:
        """Refuse a parameter that is neither one number nor one per unit."""
        try:
            fits = np.broadcast_shapes(np.shape(value), self.shape) == self.shape
        except ValueError:
            fits = False
        if not fits:
            raise InputError(
                f"population {self.name!r}: {name} of {type(self.unit).__name__} has shape "
                f"{np.shape(value)}; expected one number, or {self.shape}"
            )

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.shape))
        return f"Population({self.name!r}, {type(self.unit).__name__}, {shape})"

    @property
    def size(self) -> int:
        """How many units there are."""
        return math.prod(self.shape)

    @property
    def membranes(self) -> tuple[str, ...]:
        """Its compartments as results name them: the first as the population."""
        return (self.name, *(f"{self.name}.{own}" for own in self.unit.compartments[1:]))

    def per_unit(self, name: str) -> np.ndarray:
        """A parameter as one number per unit, flat."""
        return np.broadcast_to(getattr(self.unit, name), self.shape).reshape(-1)


@dataclass(frozen=True, eq=False, repr=False)
class Projection:
    """Synapses from one population to another, or to itself.

    A spike that unit i sends at step t arrives at unit j at step ``t + 1 + delay``, where it adds
    the weight of the synapse, times its value if messages are valued.

    Parameters
    ----------
    pre, post : str
        Names of the populations.
    weights : array_like
        Of the connection's ``weight_shape``; of a dense one (n_pre, n_post).
    connection : Connection, optional
        Which synapses there are: ``Dense``, ``Conv2d``, ``Sparse``, ``OneToOne``, ``SumPool2d``.
        Default: dense, of the shape of the weights.
    delay : int or array_like of int, default 0
        Steps beyond the one that every spike takes: one for all synapses, or, of a connection that
        shares no weights, one per weight.
    to : str, default "soma"
        The compartment of the postsynaptic units that it leads to.
    exponent : int, optional
        Of weights in a chip's integers, see :mod:`eqchip.emulator.description.graph.integers`.
    name : str, optional
        Default: ``"pre -> post"``, of another compartment ``"pre -> post.dendrite"``.

    Raises
    ------
    InputError
        For weights of another shape or not finite, and delays that are negative, too long, or not
        whole.

    Examples
    --------
    >>> Projection("in", "hidden", [[0.5, 0.25]], delay=[[0, 3]]).delays
    (0, 3)
    """

    pre: str
    post: str
    weights: Any
    connection: Any = None
    delay: Any = 0
    exponent: int | None = None
    name: str = ""
    to: str = "soma"

    def __post_init__(self) -> None:
        for side in ("pre", "post"):
            if not isinstance(getattr(self, side), str):
                raise InputError(
                    f"Projection: {side} is {getattr(self, side)!r}; expected a population's name"
                )
        if not isinstance(self.to, str):
            raise InputError(
                f"Projection: to is {self.to!r}; expected a compartment's name, e.g. 'soma'"
            )
        if not self.name:
            target = self.post if self.to == "soma" else f"{self.post}.{self.to}"
            object.__setattr__(self, "name", f"{self.pre} -> {target}")
        weights = as_floats(f"{self}: weights", self.weights, copy=True)
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)
        if self.connection is None:
            if weights.ndim != 2 or not weights.size:
                raise InputError(
                    f"{self}: weights have shape {weights.shape}; expected (n_pre, n_post), or a "
                    "connection that says what they are"
                )
            object.__setattr__(self, "connection", Dense(*weights.shape))
        self._check_connection()
        object.__setattr__(self, "delay", self._whole_delays())

    def _check_connection(self) -> None:
        connection, weights = self.connection, self.weights
        if not isinstance(connection, Connection):
            raise InputError(
                f"{self}: connection is {connection!r}; expected a connection, such as Dense"
            )
        if connection.max_window:
            raise InputError(
                f"{self}: {kind_of(connection)} ({connection}) has MaxPool2d, which is no sum of "
                "weighted spikes; expected AvgPool2d, or SumPool2d as a connection"
            )
        if weights.shape != connection.weight_shape:
            raise InputError(
                f"{self}: weights of {kind_of(connection)} ({connection}) have shape "
                f"{weights.shape}; expected {connection.weight_shape}"
            )
        bad = np.argwhere(~np.isfinite(weights))
        if len(bad):
            place = tuple(int(i) for i in bad[0])
            raise InputError(
                f"{self}: weights hold {weights[place]} at {place}; expected finite numbers"
            )
        if self.exponent is not None:
            whole = isinstance(self.exponent, int) and not isinstance(self.exponent, bool)
            if not whole or not -8 <= self.exponent <= 7:
                raise InputError(
                    f"{self}: exponent is {self.exponent!r}; expected a whole number in [-8, 7]"
                )

    def _whole_delays(self) -> Any:
        check_unmasked(f"{self}: delay", self.delay)
        delay = np.array(self.delay)
        if delay.dtype.kind not in "iu":
            raise InputError(f"{self}: delay is {self.delay!r}; expected whole numbers of steps")
        if delay.ndim and self.connection.shares_weights:
            raise InputError(
                f"{self}: delays differ by synapse, but {kind_of(self.connection)} shares its "
                "weights; expected one delay"
            )
        if delay.ndim and delay.shape != self.weights.shape:
            raise InputError(
                f"{self}: delays have shape {delay.shape}; expected one, or that of the weights, "
                f"{self.weights.shape}"
            )
        wrong = (delay < 0) | (delay > LONGEST_DELAY)
        if wrong.any():
            value = delay[wrong][0] if delay.ndim else delay
            raise InputError(
                f"{self}: a delay is {int(value)}; expected 0 to {LONGEST_DELAY} steps"
            )
        if delay.ndim == 0:
            return int(delay)
        delay = delay.astype(np.int64)
        delay.setflags(write=False)
        return delay

    @property
    def delays(self) -> tuple[int, ...]:
        """The different delays of its synapses, ascending."""
        return tuple(int(d) for d in np.unique(self.delay))

    def __str__(self) -> str:
        return f"projection {self.name!r}"

    def __repr__(self) -> str:
        return f"Projection({self.name!r}, {self.connection})"


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """Populations, and the projections between them: recurrent, lateral, skipping, as they come.

    Parameters
    ----------
    populations : sequence of Population
    projections : sequence of Projection
        What arrives at a membrane is added in their order; of one projection, by ascending delay,
        and of one delay, by ascending presynaptic unit.
    outputs : sequence of str, optional
        The populations that are read. Default: those that no projection leaves.

    Raises
    ------
    InputError
        Naming the population or projection: for names that are not there or twice, shapes that do
        not meet, a projection into an input or out of a read-out, and a graph without output.

    Examples
    --------
    >>> import eqchip as eq
    >>> graph = eq.Graph(
    ...     [
    ...         eq.Population("in", eq.Input(), 3),
    ...         eq.Population("hidden", eq.LIF(decay=0.1), 2),
    ...         eq.Population("out", eq.LI(decay=0.05), 1),
    ...     ],
    ...     [
    ...         eq.Projection("in", "hidden", [[0.5, 0.1], [0.2, 0.9], [0.3, 0.3]]),
    ...         eq.Projection("hidden", "hidden", [[0.0, -0.5], [-0.5, 0.0]], delay=2),
    ...         eq.Projection("hidden", "out", [[1.0], [1.0]]),
    ...     ],
    ... )
    >>> graph, graph.outputs
    (Graph(3 populations, 6 units, 3 projections), ('out',))
    """

    populations: Sequence[Population]
    projections: Sequence[Projection]
    outputs: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name, kind in (("populations", Population), ("projections", Projection)):
            members = getattr(self, name)
            if not isinstance(members, Sequence):
                raise InputError(f"Graph: {name} is {members!r}; expected a list of {name}")
            for member in members:
                if not isinstance(member, kind):
                    raise InputError(f"Graph: {name} hold {member!r}; expected {kind.__name__}s")
            object.__setattr__(self, name, tuple(members))
        if not self.populations:
            raise InputError("Graph: no populations; expected at least one")
        self._check_names()
        for projection in self.projections:
            self._check_ends(projection)
        object.__setattr__(self, "outputs", self._checked_outputs())

    def _check_names(self) -> None:
        for kind, members in (("population", self.populations), ("projection", self.projections)):
            seen: set[str] = set()
            for member in members:
                if member.name in seen:
                    raise InputError(
                        f"Graph: two {kind}s are named {member.name!r}; expected different names"
                    )
                seen.add(member.name)
        of_others = {name for p in self.populations for name in p.membranes[1:]}
        for name in (p.name for p in self.populations if p.name in of_others):
            raise InputError(
                f"Graph: population {name!r} is named as the compartment of another; expected "
                "another name"
            )

    def _check_ends(self, projection: Projection) -> None:
        """Refuse a projection whose populations are not there, or do not fit."""
        pre, post = (self._named(projection, side) for side in ("pre", "post"))
        if not pre.unit.sends:
            raise InputError(
                f"{projection}: {pre.name!r} is {type(pre.unit).__name__}, which sends nothing; "
                "expected a population that fires"
            )
        if not post.unit.receives:
            raise InputError(
                f"{projection}: {post.name!r} is {type(post.unit).__name__}, which hears nothing; "
                "expected a population of another kind"
            )
        if projection.to not in post.unit.compartments:
            known = ", ".join(map(repr, post.unit.compartments))
            raise InputError(
                f"{projection}: to is {projection.to!r}, but {post.name!r} is "
                f"{type(post.unit).__name__}; expected one of its compartments, {known}"
            )
        connection = projection.connection
        if not (_meet(connection.pre_shape, pre) and _meet(connection.post_shape, post)):
            raise InputError(
                f"{projection}: {kind_of(connection)} ({connection}) joins shapes "
                f"{connection.pre_shape} and {connection.post_shape}, the populations have "
                f"{pre.shape} and {post.shape}; expected the same"
            )

    def _named(self, projection: Projection, side: str) -> Population:
        name = getattr(projection, side)
        if name not in self.numbers:
            known = ", ".join(map(repr, self.numbers))
            raise InputError(f"{projection}: {side} is {name!r}; expected one of {known}")
        return self.populations[self.numbers[name]]

    def _checked_outputs(self) -> tuple[str, ...]:
        if isinstance(self.outputs, str):
            raise InputError(f"Graph: outputs is {self.outputs!r}; expected a list of names")
        outputs = tuple(self.outputs)
        if not outputs:
            leaving = {projection.pre for projection in self.projections}
            outputs = tuple(
                p.name for p in self.populations if p.name not in leaving and p.unit.receives
            )
        if not outputs:
            raise InputError(
                "Graph: no output, for a projection leaves every population; expected outputs, the "
                "names of those that are read"
            )
        for name in outputs:
            if name not in self.numbers:
                known = ", ".join(map(repr, self.numbers))
                raise InputError(f"Graph: an output is {name!r}; expected one of {known}")
        return outputs

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The number of each population, by its name."""
        return {population.name: k for k, population in enumerate(self.populations)}

    @property
    def inputs(self) -> tuple[str, ...]:
        """The populations that are given from outside."""
        return tuple(p.name for p in self.populations if not p.unit.receives)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Units per population."""
        return tuple(p.size for p in self.populations)

    def population(self, name: str) -> Population:
        """The population of a name.

        Raises
        ------
        InputError
            If there is none.
        """
        if name not in self.numbers:
            known = ", ".join(map(repr, self.numbers))
            raise InputError(f"Graph: no population {name!r}; expected one of {known}")
        return self.populations[self.numbers[name]]

    def _repr_html_(self) -> str:
        """In a notebook: its populations, and whom each sends to."""
        rows = [
            (one.name, type(one.unit).__name__, "x".join(map(str, one.shape)),
             ", ".join(p.name for p in self.projections if p.pre == one.name))
            for one in self.populations
        ]  # fmt: skip
        return html_table(repr(self), ("population", "unit", "shape", "sends over"), rows)

    def __repr__(self) -> str:
        return (
            f"Graph({len(self.populations)} populations, {sum(self.sizes)} units, "
            f"{len(self.projections)} projections)"
        )


def _meet(shape: tuple[int, ...], population: Population) -> bool:
    """Whether a side of a connection has the shape of a population, or is its units in a row."""
    return shape in (population.shape, (population.size,))
