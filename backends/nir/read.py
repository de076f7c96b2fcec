"""NIR graphs of other tools, as graphs of eqchip.

Units become populations; what stands between two of them, linear maps in a row, one projection.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from eqchip.backends.nir.exact import flag
from eqchip.backends.nir.metadata import KEY
from eqchip.backends.nir.tree import INPUT, OUTPUT, Node, Tree, read_tree, walk_back
from eqchip.backends.nir.units import UNITS, Read, Setting, read_unit, shape_of
from eqchip.backends.nir.wires import (
    MOST_UNITS,
    WIRES,
    Shape,
    Synapses,
    as_connection,
    eqchip_order,
    eqchip_shape,
)
from eqchip.emulator.description.graph.file import Imported
from eqchip.emulator.description.graph.graph import LONGEST_DELAY, Graph, Population, Projection
from eqchip.emulator.description.graph.parameters import SHORTEST_STEP
from eqchip.emulator.description.graph.units import IF, LI, Input, Reset
from eqchip.emulator.errors import InputError

ALWAYS = "always"  # the unit that fires at every step, where a bias must be a spike


def read_nir(path: str | Path, *, dt: float | None = None, reset: Reset = "zero") -> Imported:
    """Read a NIR graph that another tool wrote.

    Known are Input, Output, Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d, AvgPool2d, Flatten,
    Delay, Threshold, IF, LIF, CubaLIF, I, LI, CubaLI, in any graph, and in graphs within graphs.
    docs/networks.md says what is read how.

    Parameters
    ----------
    path : path-like
    dt : float, optional
        The length of a time step in seconds, for nodes with time constants and delays.
    reset : {"zero", "subtract"}
        What a spike does. NIR sets v to v_reset; some tools that write it subtract the threshold.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        If nir is not installed, the file is missing or damaged, or it has what has no equal
        here: in one line, with the node's name.
    """
    path = Path(path)
    if reset not in get_args(Reset):
        raise InputError(f"nir: reset is {reset!r}; expected 'zero' or 'subtract'")
    if dt is not None and not SHORTEST_STEP <= dt < math.inf:
        raise InputError(f"nir: dt is {dt!r}; expected seconds, of at least {SHORTEST_STEP:g}")
    try:
        tree = read_tree(path)
        if KEY in tree.metadata:
            raise InputError(
                "eqchip wrote it, of a network trained by Equilibrium Propagation; expected the "
                "file of another tool (eqchip.backends.nir.write.read_nir reads this one)"
            )
        return _Builder(tree, Setting(dt, reset)).build()
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


class _Builder:
    """Makes a graph of a tree, node by node."""

    def __init__(self, tree: Tree, setting: Setting) -> None:
        self.tree, self.setting = tree, setting
        self.read: dict[str, Read] = {}
        self.shapes: dict[str, Shape] = {}
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.outputs: list[str] = []
        self.biases: dict[str, np.ndarray] = {}

    def build(self) -> Imported:
        """The graph."""
        for node in self.tree.nodes.values():
            if node.kind not in WIRES and node.kind not in UNITS:
                known = ", ".join(sorted({*UNITS, *WIRES} - {"Wire"}))
                raise InputError(f"node {node.name!r} is {node.kind}; expected one of {known}")
        for node in self.tree.nodes.values():
            if self._is_end(node):
                self._add_unit(node)
        for name in list(self.read):
            self._lead_to(name)
        for node in self.tree.nodes.values():
            if node.kind == OUTPUT:
                self._add_output(node)
        self._add_biases()
        self._check_ends()
        graph = Graph(self.populations, self.projections, tuple(dict.fromkeys(self.outputs)))
        return Imported(
            graph,
            {name: np.asarray(one.gain) for name, one in self.read.items()},
            {name: np.asarray(one.offset) for name, one in self.read.items()},
            tuple(self.tree.notes),
        )

    def _check_ends(self) -> None:
        """Refuse what is never reached, or reaches nobody."""
        if not self.outputs:
            unread = [node.name for node in self.tree.nodes.values() if node.kind == OUTPUT]
            raise InputError(
                f"node {unread[0]!r} (Output): no unit leads to it; expected an edge to it"
                if unread
                else "no node is an Output; expected at least one"
            )
        reached = {projection.post for projection in self.projections}
        for population in self.populations:
            unit: Any = population.unit
            if unit.receives and population.name not in reached and not np.any(unit.bias):
                raise InputError(
                    f"node {population.name!r} ({self.tree.nodes[population.name].kind}): nothing "
                    "leads to it; expected an edge from an Input or from units"
                )

    @staticmethod
    def _is_end(node: Node) -> bool:
        return node.kind in UNITS or node.kind == INPUT

    def _add_unit(self, node: Node) -> None:
        if node.kind == INPUT:
            shape = tuple(int(n) for n in node.array("shape").reshape(-1))
            if min(shape) < 1 or math.prod(shape) > MOST_UNITS:
                raise InputError(
                    f"node {node.name!r} (Input): shape is {shape}; expected 1 to {MOST_UNITS} "
                    "units"
                )
            while len(shape) > 1 and shape[0] == 1 and len(shape) != 3:
                shape = shape[1:]
            unit: Any = Input(signed=flag(node, "signed"), graded=flag(node, "graded"))
        else:
            shape = shape_of(node)
            self.read[node.name] = read_unit(node, self.setting, shape)
            unit = self.read[node.name].unit
        self.shapes[node.name] = shape
        self.populations.append(Population(node.name, unit, eqchip_shape(shape)))

    def _lead_to(self, target: str, node: str | None = None) -> None:
        """Add the projections into a population; node: what they lead to, if not of its name."""
        for source, wires in walk_back(self.tree, node or target, self._is_end):
            self._project(source, wires, target)

    def _project(self, source: str, wires: list[str], target: str) -> None:
        nodes = [self.tree.nodes[name] for name in wires]
        shape, synapses = self.shapes[source], None
        before, after = np.zeros(math.prod(shape)), np.zeros(())  # seconds, by sender and receiver
        for node in nodes:
            mapped = WIRES[node.kind](node, shape)
            if mapped.delay is not None:
                if synapses is None:
                    before = before + mapped.delay
                else:
                    after = after + mapped.delay
            elif mapped.synapses is not None:
                if after.any():
                    before, after = before + self._one(after, node), np.zeros(())
                units = math.prod(shape)
                synapses = (
                    mapped.synapses if synapses is None else synapses.then(mapped.synapses, units)
                )
            shape = mapped.shape
        target_shape = self._target_shape(target, shape, nodes)
        connection, weights = as_connection(nodes, synapses, self.shapes[source], target_shape)
        via = f" via {', '.join(wires)}" if wires else ""
        self.projections.append(
            Projection(
                source,
                target,
                weights,
                connection,
                self._delay(before, after, connection, source, target, nodes),
                name=f"{source} -> {target}{via}",
            )
        )

    @staticmethod
    def _one(delay: np.ndarray, node: Node) -> np.ndarray:
        """A delay between two maps, which must be one for all."""
        if (delay != delay.flat[0]).any():
            raise InputError(
                f"node {node.name!r} ({node.kind}): delays that differ by unit lead to it from "
                "another linear map; expected one delay, or none between"
            )
        return np.asarray(delay.flat[0])

    def _target_shape(self, target: str, shape: Shape, nodes: list[Node]) -> Shape:
        """The shape of a population, which has as many units as lead to it."""
        wanted = self.shapes.get(target)
        if wanted is None or wanted == shape:
            return shape
        if math.prod(wanted) == math.prod(shape):
            return wanted
        where = f"node {nodes[-1].name!r}" if nodes else "an edge"
        raise InputError(
            f"{where} leads {shape} units to node {target!r}, which has {wanted}; expected as many"
        )

    def _delay(
        self, before: np.ndarray, after: np.ndarray, connection: Any, source: str, target: str,
        nodes: list[Node],
    ) -> Any:  # fmt: skip
        """Delays in steps: one, or one per synapse."""
        if not (before.any() or after.any()):
            return 0
        name = next(node.name for node in nodes if node.kind == "Delay")
        if self.setting.dt is None:
            raise InputError(f"node {name!r} (Delay): nothing says how long a step is; expected dt")
        steps = []
        for seconds in (before, after):
            exactly = seconds / self.setting.dt
            whole = np.rint(exactly)
            if (np.abs(exactly - whole) > 1e-3).any() or (whole < 0).any():
                raise InputError(
                    f"node {name!r} (Delay): a delay is no whole number of steps of "
                    f"{self.setting.dt!r} s; expected multiples of it, of at least 0"
                )
            steps.append(np.minimum(whole, 2.0**31).astype(np.int64))
        first, last = steps
        longest = int(first.max() + last.max())
        if longest > LONGEST_DELAY:
            raise InputError(
                f"node {name!r} (Delay): a delay is {longest:,} steps of {self.setting.dt!r} s; "
                f"expected at most {LONGEST_DELAY:,}"
            )
        if (first == first.flat[0]).all() and (last == last.flat[0]).all():
            return int(first.flat[0] + last.flat[0])
        if connection.shares_weights:
            raise InputError(
                f"node {name!r} (Delay): delays differ by unit over a {type(connection).__name__}; "
                "expected one delay"
            )
        return self._per_synapse(first, last, connection, source, target)

    def _per_synapse(
        self, first: np.ndarray, last: np.ndarray, connection: Any, source: str, target: str
    ) -> np.ndarray:
        """Delays by sender and by receiver, for each synapse of a kind that lists them."""
        sender, receiver = (
            self._ordered(np.broadcast_to(delay, math.prod(self.shapes[name])), self.shapes[name])
            for delay, name in ((first, source), (last, target))
        )
        if connection.all_to_all:
            return sender[:, None] + receiver[None, :]
        units = np.arange(len(sender))
        pre, post = getattr(connection, "pre", units), getattr(connection, "indices", units)
        delays: np.ndarray = sender[pre] + receiver[post]
        return delays

    @staticmethod
    def _ordered(values: np.ndarray, shape: Shape) -> np.ndarray:
        found = np.empty_like(values)
        found[eqchip_order(shape)] = values
        return found

    def _add_output(self, node: Node) -> None:
        """What an output reads: a population, or, behind a map, one that holds its sum."""
        for source, wires in walk_back(self.tree, node.name, self._is_end):
            kinds = {self.tree.nodes[name].kind for name in wires}
            if kinds <= {"Wire", "Flatten"}:
                self.outputs.append(source)
                continue
            if node.name not in self.outputs:
                shape = self.shapes[source]
                for wire in wires:
                    shape = WIRES[self.tree.nodes[wire].kind](self.tree.nodes[wire], shape).shape
                self.shapes[node.name] = shape
                unit = LI(decay=1.0)
                self.populations.append(Population(node.name, unit, eqchip_shape(shape)))
                self.read[node.name] = Read(unit, np.ones(()), np.zeros(()))
                self.outputs.append(node.name)
            self._project(source, wires, node.name)

    def _add_biases(self) -> None:
        """What affine maps and convolutions add, to the biases of the units that they lead to."""
        for node in self.tree.nodes.values():
            if node.kind in ("Affine", "Conv1d", "Conv2d"):
                self._push_bias(node)
        always = []
        for name, bias in self.biases.items():
            if not bias.any():
                continue
            ordered = self._ordered(bias, self.shapes[name])
            if self.read[name].into_current:
                always.append(Projection(ALWAYS, name, ordered[None], name=f"bias of {name}"))
            else:
                self._raise_bias(name, ordered.reshape(eqchip_shape(self.shapes[name])))
        if always:
            self.populations.append(Population(ALWAYS, IF(threshold=0.0, bias=1.0), 1))
            self.projections += always
            self.tree.notes.append(
                f"biases into currents are spikes of the unit {ALWAYS!r}, which fires at every step"
            )

    def _raise_bias(self, name: str, bias: np.ndarray) -> None:
        k = next(k for k, p in enumerate(self.populations) if p.name == name)
        unit: Any = self.populations[k].unit
        self.populations[k] = replace(
            self.populations[k], unit=replace(unit, bias=np.asarray(unit.bias) + bias)
        )

    def _push_bias(self, node: Node) -> None:
        """Follow the bias of a node to the units, through the maps in between."""
        for source, _ in walk_back(self.tree, node.name, self._is_end):
            shape = self._shape_before(node, source)
            mapped = WIRES[node.kind](node, shape)
            if mapped.bias is not None and mapped.bias.any():
                self._follow(node.name, mapped.shape, mapped.bias)
            return  # of all that lead to it, the shape is the same

    def _shape_before(self, node: Node, source: str) -> Shape:
        """The shape that leads to a node from a source."""
        for name, wires in walk_back(self.tree, node.name, self._is_end):
            if name == source:
                shape = self.shapes[source]
                for wire in wires:
                    shape = WIRES[self.tree.nodes[wire].kind](self.tree.nodes[wire], shape).shape
                return shape
        raise AssertionError(source)

    def _follow(self, name: str, shape: Shape, bias: np.ndarray) -> None:
        for after in self.tree.after(name):
            node = self.tree.nodes[after]
            if after in self.read:
                found = self.biases.setdefault(after, np.zeros(math.prod(self.shapes[after])))
                found += bias
            elif node.kind in WIRES and node.kind != OUTPUT:
                mapped = WIRES[node.kind](node, shape)
                self._follow(after, mapped.shape, _through(mapped.synapses, bias, mapped.shape))


def _through(synapses: Synapses | None, bias: np.ndarray, shape: Shape) -> np.ndarray:
    if synapses is None:
        return bias
    return np.bincount(
        synapses.post, synapses.weight * bias[synapses.pre], minlength=math.prod(shape)
    )
