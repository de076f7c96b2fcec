"""Graphs drawn from a seed, of every kind of unit and connection, that a chip holds too.

Every graph has all kinds of units: kernels are compiled for the set of kinds that are there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

import eqchip as eq
from eqchip.backends.graphs import listed

MAP, POOLED = (4, 4, 2), (2, 2, 2)
BOTH = ("spikes", "potentials")


def assert_equal_runs(one, other):
    for name in BOTH:
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.keys() == theirs.keys()
        for population in mine:
            assert np.array_equal(mine[population], theirs[population]), (name, population)
    for name in ("counts", "ends"):
        for population, array in getattr(one, name).items():
            assert np.array_equal(array, getattr(other, name)[population]), (name, population)
    assert one.activity.to_dict() == other.activity.to_dict()


def idle_kinds() -> list[eq.Population]:
    """A unit of every kind, joined to none, so that a graph is run by kernels compiled already."""
    whole = {
        "decay": 0.5,
        "current_decay": 0.5,
        "adaptation_decay": 0.5,
        "dendrite_decay": 0.5,
        "coupling": 0.5,
        "jump": 1,
        "threshold": 64,
        "initial": -1,
    }
    found = []
    for kind in (eq.IF, eq.CubaLIF, eq.AdaptiveLIF, eq.TwoCompartmentLIF, eq.LI, eq.CubaLI):
        own = {name: value for name, value in whole.items() if name in kind.__dataclass_fields__}
        found.append(eq.Population(f"idle {kind.__name__}", kind(**own), 1))
    return found


class Draw:
    """Choices from a seed; whole: numbers that a chip holds, else real ones.

    structure: a seed of its own for what graphs that stand side by side have in common. for_lava:
    only what Lava's Processes know, whose units have one decay and one threshold in common.
    """

    def __init__(
        self, seed: int, whole: bool, structure: int | None = None, for_lava: bool = False
    ) -> None:
        self.rng, self.whole, self.for_lava = np.random.default_rng(seed), whole, for_lava
        self.form = self.rng if structure is None else np.random.default_rng(structure)

    def flip(self, chance: float = 0.5) -> bool:
        return bool(self.rng.random() < chance)

    def size(self) -> int:
        return int(self.rng.integers(1, 9))

    def weights(self, shape: tuple[int, ...]) -> np.ndarray:
        found = self.rng.normal(0, 0.6, shape)
        return np.clip(np.rint(found * 20), -127, 127) * 128 if self.whole else found

    def state(self, low: float, high: float, shape: Any, step: int = 1) -> Any:
        """A number or one per unit, in thresholds of about 1, or of about 2560."""
        found = self.rng.uniform(low, high, shape if self.flip() else ())
        found = np.rint(found * 2560 / step) * step if self.whole else found
        return found if found.ndim else found.item()

    def decay(self, shape: Any) -> Any:
        if self.for_lava:
            return self.form.choice([1, 163, 1024, 4095, 4096]).item() / 4096
        found = self.rng.choice([0, 1, 163, 1024, 4095, 4096], shape if self.flip() else ()) / 4096
        return found if found.ndim else found.item()

    def firing(self, shape: Any) -> dict[str, Any]:
        if self.for_lava:
            return {
                "threshold": float(self.form.integers(8, 60) * 64),
                "bias": self.state(-0.1, 0.3, shape, 4),
                "signed": bool(self.form.random() < 0.3),
                "initial": self.state(-0.5, 0.5, shape) if self.flip() else 0,
            }
        return {
            "threshold": self.state(0.2, 1.5, shape, 64),
            "bias": self.state(-0.1, 0.3, shape, 4),
            "reset": ["zero", "subtract"][self.form.integers(2)],
            "refractory": self.rng.integers(0, 4, shape) if self.flip() else 0,
            "floor": self.state(-1, -0.1, shape) if self.flip() else -np.inf,
            "signed": bool(self.form.random() < 0.3),
            "initial": self.state(-0.5, 0.5, shape) if self.flip() else 0,
        }

    def unit(self, kind: type, shape: Any) -> Any:
        own: dict[str, Any] = {}
        for name in ("decay", "current_decay", "adaptation_decay", "dendrite_decay", "coupling"):
            if name in kind.__dataclass_fields__:
                own[name] = self.decay(shape)
        if "jump" in kind.__dataclass_fields__:
            own["jump"] = self.state(0, 0.5, shape)
        if "threshold" in kind.__dataclass_fields__:
            return kind(**own, **self.firing(shape))
        return kind(**own, bias=self.state(-0.1, 0.1, shape, 4))

    def projection(self, name: str, pre: eq.Population, post: eq.Population) -> eq.Projection:
        """One of the kinds that fit."""
        options = ["dense", "sparse"]
        if pre.size == post.size:
            options.append("one")
        if pre.shape == MAP and post.shape == POOLED:
            options = ["pool", "strided"]
        elif pre.shape == MAP and post.shape == MAP:
            options.append("conv")
        connection: Any = {
            "dense": lambda: eq.Dense(pre.size, post.size),
            "sparse": lambda: self.sparse(pre.size, post.size),
            "one": lambda: eq.OneToOne(pre.size),
            "conv": lambda: eq.Conv2d(MAP, MAP[2], kernel=3, padding=1),
            "pool": lambda: eq.SumPool2d(MAP, 2),
            "strided": lambda: eq.Conv2d(MAP, POOLED[2], kernel=2, stride=2),
        }[options[self.rng.integers(len(options))]]()
        delay: Any = int(self.rng.integers(0, 4))
        if self.flip() and not connection.shares_weights:
            delay = self.rng.integers(0, 6, connection.weight_shape)
        return eq.Projection(
            pre.name, post.name, self.weights(connection.weight_shape), connection, delay,
            name=name, to=self.form.choice(post.unit.compartments).item(),
        )  # fmt: skip

    def sparse(self, n_pre: int, n_post: int) -> eq.Sparse:
        mask = self.rng.random((n_pre, n_post)) < 0.4
        mask[self.rng.integers(n_pre), self.rng.integers(n_post)] = True
        return eq.Sparse.from_mask(mask)


def drawn_graph(
    seed: int, whole: bool, structure: int | None = None, for_lava: bool = False
) -> tuple[eq.Graph, dict[str, Any], int]:
    """A graph, what it is given, and its steps.

    Graphs of one structure have populations and projections of the same names, resets and signs,
    steps and samples; sizes, connections, delays and numbers are each one's own.
    """
    draw = Draw(seed, whole, structure, for_lava)
    rng, form = draw.rng, draw.form
    steps, batch = int(form.integers(2, 25)), int(form.integers(1, 2 if for_lava else 4))
    inputs = [
        eq.Population("bits", eq.Input(), MAP),
        eq.Population("signed", eq.Input(signed=True), draw.size()),
        eq.Population("frames", eq.Input(graded=True), draw.size()),
    ]
    shapes: list[Any] = [MAP, POOLED, *(draw.size() for _ in range(5))]
    kinds = [eq.IF, eq.LIF, eq.CubaLIF, eq.AdaptiveLIF, eq.TwoCompartmentLIF]
    if for_lava:
        kinds[3:] = [eq.IF, eq.LIF]
    kinds = [kinds[k] for k in form.permutation(5)] + [eq.LI, eq.CubaLI]
    units = [
        eq.Population(kind.__name__ + " again" * (kind in kinds[:k]), draw.unit(kind, shape), shape)
        for k, (kind, shape) in enumerate(zip(kinds, shapes, strict=True))
    ]
    senders, receivers = [*inputs, *units[:5]], units
    pairs = [(senders[k % len(senders)], receivers[k]) for k in range(7)]
    pairs += [
        (senders[form.integers(len(senders))], receivers[form.integers(7)])
        for _ in range(form.integers(2, 9))
    ]
    projections = [draw.projection(f"{k}", *pair) for k, pair in enumerate(pairs)]
    order = form.permutation(len(inputs) + len(units))
    populations = [[*inputs, *units][k] for k in order]
    x = {
        "bits": rng.random((steps, batch, *MAP)) < 0.3,
        "signed": rng.integers(-1, 2, (batch, inputs[1].size)),
        "frames": rng.integers(-3, 4, (steps, batch, inputs[2].size)),
    }
    if form.random() < 0.5:
        target = units[form.integers(7)]
        step = 64 if for_lava else 1  # which a LIF of Lava shifts what arrives by
        current = np.rint(rng.normal(0, 900 / step, (steps, batch, target.size))) * step
        x[target.name] = current if whole else current / 2560
    return eq.Graph(populations, projections, outputs=["LI"]), x, steps


def one_unit(unit, weight=1.0, **more):
    """An input, and one unit behind one synapse."""
    populations = [eq.Population("in", eq.Input(), 1), eq.Population("out", unit, 1), *idle_kinds()]
    projection = eq.Projection("in", "out", [[weight]], **more)
    return eq.Graph(populations, [projection], outputs=["out"])


def side_by_side(graphs: list[eq.Graph], xs: list[dict[str, Any]]) -> tuple[eq.Graph, Any]:
    """Graphs of one structure as one: populations behind each other, no synapse between graphs.

    Every unit hears what it hears in its own graph, in the same order.
    """
    first = graphs[0]
    starts = {
        p.name: np.concatenate([[0], np.cumsum([g.population(p.name).size for g in graphs])])
        for p in first.populations
    }
    populations = []
    for population in first.populations:
        name, unit = population.name, population.unit
        own = {
            key: np.concatenate([g.population(name).per_unit(key) for g in graphs])
            for key in unit.parameters()
        }
        populations.append(eq.Population(name, replace(unit, **own), int(starts[name][-1])))
    projections = []
    for k, projection in enumerate(first.projections):
        lists = [listed(g.projections[k]) for g in graphs]
        pre, post = (
            np.concatenate([one[side] + starts[name][n] for n, one in enumerate(lists)])
            for side, name in ((0, projection.pre), (1, projection.post))
        )
        sizes = (int(starts[projection.pre][-1]), int(starts[projection.post][-1]))
        order = np.lexsort((post, pre))
        weights, delays = (np.concatenate([one[n] for one in lists])[order] for n in (2, 3))
        projections.append(
            eq.Projection(
                projection.pre, projection.post, weights,
                eq.Sparse.from_edges(*sizes, pre, post), delays,
                name=projection.name, to=projection.to,
            )
        )  # fmt: skip
    x = {}
    for name in xs[0]:
        rows = [one[name].reshape(*one[name].shape[: one_lead(one[name], g, name)], -1)
                for one, g in zip(xs, graphs, strict=True)]  # fmt: skip
        x[name] = np.concatenate(rows, axis=-1)
    return eq.Graph(populations, projections, outputs=first.outputs), x


def one_lead(value: np.ndarray, graph: eq.Graph, name: str) -> int:
    """How many axes of an array stand before those of the population's units."""
    shape = graph.population(name).shape
    return value.ndim - (len(shape) if value.shape[-len(shape) :] == shape else 1)


def apart(run: eq.GraphRun, graphs: list[eq.Graph], number: int) -> dict[str, dict[str, Any]]:
    """What one of the graphs that stand side by side did: spikes and potentials."""
    found: dict[str, dict[str, Any]] = {"spikes": {}, "potentials": {}}
    for population in graphs[number].populations:
        first = sum(g.population(population.name).size for g in graphs[:number])
        for what, arrays in found.items():
            names = (population.name,) if what == "spikes" else population.membranes
            for name in names:
                if name in getattr(run, what):
                    array = getattr(run, what)[name][..., first : first + population.size]
                    arrays[name] = array.reshape(*array.shape[:2], *population.shape)
    return found
