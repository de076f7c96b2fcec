"""Graphs drawn from a seed, of every kind of unit and connection, that a chip holds too.

Every graph has all kinds of units: kernels are compiled for the set of kinds that are there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import eqchip as eq

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
    """Choices from a seed; whole: numbers that a chip holds, else real ones."""

    def __init__(self, seed: int, whole: bool) -> None:
        self.rng, self.whole = np.random.default_rng(seed), whole

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
        found = self.rng.choice([0, 1, 163, 1024, 4095, 4096], shape if self.flip() else ()) / 4096
        return found if found.ndim else found.item()

    def firing(self, shape: Any) -> dict[str, Any]:
        return {
            "threshold": self.state(0.2, 1.5, shape, 64),
            "bias": self.state(-0.1, 0.3, shape, 4),
            "reset": ["zero", "subtract"][self.rng.integers(2)],
            "refractory": self.rng.integers(0, 4, shape) if self.flip() else 0,
            "floor": self.state(-1, -0.1, shape) if self.flip() else -np.inf,
            "signed": self.flip(0.3),
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
            name=name, to=self.rng.choice(post.unit.compartments).item(),
        )  # fmt: skip

    def sparse(self, n_pre: int, n_post: int) -> eq.Sparse:
        mask = self.rng.random((n_pre, n_post)) < 0.4
        mask[self.rng.integers(n_pre), self.rng.integers(n_post)] = True
        return eq.Sparse.from_mask(mask)


def drawn_graph(seed: int, whole: bool) -> tuple[eq.Graph, dict[str, Any], int]:
    """A graph, what it is given, and its steps."""
    draw = Draw(seed, whole)
    rng, steps, batch = draw.rng, int(draw.rng.integers(2, 25)), int(draw.rng.integers(1, 4))
    inputs = [
        eq.Population("bits", eq.Input(), MAP),
        eq.Population("signed", eq.Input(signed=True), draw.size()),
        eq.Population("frames", eq.Input(graded=True), draw.size()),
    ]
    shapes: list[Any] = [MAP, POOLED, *(draw.size() for _ in range(5))]
    kinds = [eq.IF, eq.LIF, eq.CubaLIF, eq.AdaptiveLIF, eq.TwoCompartmentLIF]
    kinds = [kinds[k] for k in rng.permutation(5)] + [eq.LI, eq.CubaLI]
    units = [
        eq.Population(f"{kind.__name__}", draw.unit(kind, shape), shape)
        for kind, shape in zip(kinds, shapes, strict=True)
    ]
    senders, receivers = [*inputs, *units[:5]], units
    pairs = [(senders[k % len(senders)], receivers[k]) for k in range(7)]
    pairs += [
        (senders[rng.integers(len(senders))], receivers[rng.integers(7)])
        for _ in range(rng.integers(2, 9))
    ]
    projections = [draw.projection(f"{k}", *pair) for k, pair in enumerate(pairs)]
    order = rng.permutation(len(inputs) + len(units))
    populations = [[*inputs, *units][k] for k in order]
    x = {
        "bits": rng.random((steps, batch, *MAP)) < 0.3,
        "signed": rng.integers(-1, 2, (batch, inputs[1].size)),
        "frames": rng.integers(-3, 4, (steps, batch, inputs[2].size)),
    }
    if draw.flip():
        target = units[rng.integers(7)]
        current = np.rint(rng.normal(0, 900, (steps, batch, target.size)))
        x[target.name] = current if whole else current / 2560
    return eq.Graph(populations, projections, outputs=["LI"]), x, steps


def one_unit(unit, weight=1.0, **more):
    """An input, and one unit behind one synapse."""
    populations = [eq.Population("in", eq.Input(), 1), eq.Population("out", unit, 1), *idle_kinds()]
    projection = eq.Projection("in", "out", [[weight]], **more)
    return eq.Graph(populations, [projection], outputs=["out"])
