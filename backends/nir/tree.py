"""A NIR file as one flat graph: nodes by name, edges; graphs within graphs are laid open.

The file is read as it is, not through nir's classes, which refuse older and slightly damaged files
of other tools that say all that is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.nir.hdf5 import read_hdf5
from eqchip.backends.packages import NIR
from eqchip.emulator.errors import InputError

GRAPH, INPUT, OUTPUT, WIRE = "NIRGraph", "Input", "Output", "Wire"
DEEPEST = 20  # graphs within graphs
MOST_WAYS = 10_000  # to a node: forks behind one another double them
LARGEST = 2**31 - 1  # of numbers that say where and how far


@dataclass(frozen=True)
class Node:
    """A primitive: its name, graphs it lies in included, its type, its arrays."""

    name: str
    kind: str
    values: dict[str, Any]

    def array(self, key: str, default: Any = None) -> np.ndarray:
        """A parameter as float64.

        Raises
        ------
        InputError
            If it is missing, no numbers, or not finite.
        """
        value = self.values.get(key, default)
        if value is None:
            raise InputError(f"node {self.name!r} ({self.kind}) has no {key}; expected it")
        try:
            found = np.asarray(value, np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"node {self.name!r} ({self.kind}): {key} is no array of numbers; expected one"
            ) from None
        if not found.size or not np.isfinite(found).all():
            raise InputError(
                f"node {self.name!r} ({self.kind}): {key} is empty or not finite; expected numbers"
            )
        return found

    def pair(self, key: str, default: Any = None) -> tuple[int, int]:
        """A parameter that is one whole number, or one for height and one for width."""
        found = self.array(key, default).reshape(-1)
        if found.size > 2:
            raise InputError(
                f"node {self.name!r} ({self.kind}): {key} has {found.size} numbers; expected one, "
                "or one for height and one for width"
            )
        high, wide = (self._whole(key, n, 0) for n in np.broadcast_to(found, 2).tolist())
        return high, wide

    def whole(self, key: str, default: int, least: int = 0) -> int:
        """A parameter that is one whole number."""
        found = self.array(key, default)
        if found.size != 1:
            raise InputError(
                f"node {self.name!r} ({self.kind}): {key} has {found.size} numbers; expected one"
            )
        return self._whole(key, found.item(), least)

    def _whole(self, key: str, number: float, least: int) -> int:
        if not (least <= number <= LARGEST and number == int(number)):
            raise InputError(
                f"node {self.name!r} ({self.kind}): {key} is {number:g}; expected a whole number "
                f"of at least {least}"
            )
        return int(number)


@dataclass
class Tree:
    """Nodes by name, edges from name to name, and what was mended while reading."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)

    def before(self, name: str) -> list[str]:
        """Whose output a node hears."""
        return [a for a, b in self.edges if b == name]

    def after(self, name: str) -> list[str]:
        """Who hears a node."""
        return [b for a, b in self.edges if a == name]


def read_tree(path: Path) -> Tree:
    """Read a file.

    Raises
    ------
    InputError
        If nir is not installed, the file is missing or damaged, or edges lead nowhere.
    """
    NIR.require()
    root = read_hdf5(path, "NIR file").get("node")
    if not isinstance(root, dict):
        raise InputError("damaged or no NIR file (no node in it)")
    kind, metadata = root.get("type"), root.get("metadata")
    if not isinstance(kind, str) or kind != GRAPH:
        raise InputError(f"its root is {kind!r}; expected a {GRAPH}")
    tree = Tree(metadata=metadata if isinstance(metadata, dict) else {})
    _lay_open(tree, root, "", 0)
    return tree


def _lay_open(tree: Tree, graph: dict[str, Any], prefix: str, depth: int) -> None:
    """Add a graph; the inputs and outputs of one within another are wires."""
    where = f"graph {prefix[:-1]!r}" if prefix else "the graph"
    if depth > DEEPEST:
        raise InputError(f"{where} lies in {DEEPEST} others; expected fewer")
    nodes = graph.get("nodes")
    if not isinstance(nodes, dict) or not nodes:
        raise InputError(f"{where} has no nodes; expected some")
    listed = np.asarray(graph.get("edges", ()), object)
    if listed.size % 2:
        raise InputError(f"{where} has edges of {listed.size} ends; expected two of each")
    edges = [tuple(_text(end) for end in edge) for edge in listed.reshape(-1, 2)]
    edges = _mended(tree, where, nodes, edges)
    ends: dict[str, tuple[str, str]] = {}  # of a graph within: where edges enter and leave it
    for name, values in nodes.items():
        kind = values.get("type") if isinstance(values, dict) else None
        if not isinstance(kind, str):
            raise InputError(f"node {prefix + name!r} has no type; expected one")
        if kind == GRAPH:
            _lay_open(tree, values, f"{prefix}{name}.", depth + 1)
            inner = values["nodes"]
            first, last = (_only(inner, end, prefix + name) for end in (INPUT, OUTPUT))
            ends[name] = (f"{prefix}{name}.{first}", f"{prefix}{name}.{last}")
        else:
            kind = WIRE if prefix and kind in (INPUT, OUTPUT) else kind
            tree.nodes[prefix + name] = Node(prefix + name, kind, values)
            ends[name] = (prefix + name, prefix + name)
    tree.edges += [(ends[a][1], ends[b][0]) for a, b in dict.fromkeys(edges)]


def _only(nodes: dict[str, Any], kind: str, where: str) -> str:
    found = [
        name
        for name, values in nodes.items()
        if isinstance(values, dict) and values.get("type") == kind
    ]
    if len(found) != 1:
        raise InputError(f"graph {where!r} has {len(found)} nodes of type {kind}; expected one")
    return found[0]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _mended(
    tree: Tree, where: str, nodes: dict[str, Any], edges: list[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Edges whose ends are there; a name that is not may be that of the one node without edges.

    Some exporters rename a node within a graph and forget its edges.
    """
    named = {end for edge in edges for end in edge}
    lost, alone = sorted(named - nodes.keys()), sorted(nodes.keys() - named)
    if not lost:
        return edges
    if len(lost) == len(alone) == 1:
        tree.notes.append(
            f"{where}: edges name {lost[0]!r}, which is not there; taken for {alone[0]!r}, the "
            "only node without edges"
        )
        return [tuple(alone[0] if end == lost[0] else end for end in edge) for edge in edges]
    raise InputError(
        f"{where}: an edge names {lost[0]!r}; expected one of {', '.join(map(repr, nodes))}"
    )


def walk_back(tree: Tree, target: str, is_end: Any) -> Iterator[tuple[str, list[str]]]:
    """Every way from an end (a unit or an input) to a node, with the names of the wires between.

    Raises
    ------
    InputError
        For a circle of wires, in which nothing would take time.
    """
    left: list[tuple[str, list[str]]] = [(name, []) for name in tree.before(target)]
    while left:
        name, wires = left.pop(0)
        if is_end(tree.nodes[name]):
            yield name, wires
            continue
        if len(left) > MOST_WAYS:
            raise InputError(
                f"node {target!r} is led to by more than {MOST_WAYS} ways; expected some hundred"
            )
        if name in wires:
            raise InputError(f"node {name!r} is in a circle without a unit; expected one in it")
        # Those that lead to it next: ways come in the order of the edges, however long they are.
        left[:0] = [(source, [name, *wires]) for source in tree.before(name)]
