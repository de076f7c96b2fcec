"""Graphs of weights alone: arrays, compressed rows, a list of edges; and a kind of unit for all.

Populations that nothing leads to are inputs, all others have the unit that is given. Senders are
rows: weights have shape (n_pre, n_post). docs/files.md has the forms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.arrays import ArrayFile, open_foreign_arrays
from eqchip.emulator.description.connections import Sparse
from eqchip.emulator.description.graph.file import MOST_UNITS, UNITS
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import Input, Neuron
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_text

WEIGHTS = "a graph of eqchip, or weights of another tool, .npz"
COMPRESSED = ("data", "indices", "indptr", "shape")  # as scipy.sparse.save_npz names them
ARROW = "->"
ALONE = "units"  # the population of a square matrix, or of a list without names
COLUMNS = ("pre", "post", "weight", "delay")


def graph_of_weights(weights: Mapping[str, Any], unit: Neuron) -> Graph:
    """A graph of dense matrices.

    Parameters
    ----------
    weights : mapping of str to array_like
        By ``"pre->post"``, of shape (n_pre, n_post).
    unit : Neuron
        Of all populations that a projection leads to.

    Raises
    ------
    InputError
        For other names, and matrices that do not meet: with the name of the population.

    Examples
    --------
    >>> from eqchip import LIF
    >>> graph_of_weights({"in->out": np.ones((3, 2))}, LIF()).sizes
    (3, 2)
    """
    sizes: dict[str, int] = {}
    projections = []
    for name, matrix in weights.items():
        ends = [end.strip() for end in name.split(ARROW)]
        if len(ends) != 2 or not all(ends):
            raise InputError(f"array {name!r}: expected a name such as 'in->hidden'")
        made = Projection(ends[0], ends[1], matrix)
        for end, size in zip(ends, made.weights.shape, strict=True):
            if sizes.setdefault(end, size) != size:
                raise InputError(
                    f"array {name!r} has shape {made.weights.shape}, but population {end!r} has "
                    f"{sizes[end]} units; expected as many"
                )
        projections.append(made)
    return _graph(sizes, projections, unit)


def read_weights(path: Path, unit: Neuron) -> Graph:
    """The graph of a file of weights; errors as of :func:`graph_of_weights`, with its name."""
    if path.suffix.lower() == ".npz":
        with open_foreign_arrays(path, WEIGHTS) as file:
            if set(COMPRESSED) <= file.headers.keys():
                return _of_rows(file, unit)
            return graph_of_weights(
                {_named(name, file): _matrix(file, name) for name in file.headers}, unit
            )
    text = read_text(path, "a list of edges, pre,post,weight")
    try:
        return _of_edges(text, unit)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def unit_of(text: str) -> Neuron:
    """A unit in words: its kind, then parameters.

    Examples
    --------
    >>> unit_of("LIF:decay=0.1,threshold=2").threshold
    2.0
    """
    kind, _, settings = text.partition(":")
    if UNITS.get(kind, Input) is Input:
        known = ", ".join(name for name in UNITS if name != "Input")
        raise InputError(f"unit is {text!r}; expected one of {known}, e.g. LIF:decay=0.1")
    found: dict[str, Any] = {}
    for word in settings.split(",") if settings else []:
        name, _, value = word.partition("=")
        if name == "reset":
            found[name] = value
        elif name in UNITS[kind].bounds:
            try:
                number = float(value)
            except ValueError:
                raise InputError(f"unit {text!r}: {name} is {value!r}; expected a number") from None
            # What is no whole number, or none at all, is left for the unit to refuse.
            whole = UNITS[kind].bounds[name].whole and number.is_integer()
            found[name] = int(number) if whole else number
        else:
            known = ", ".join([*UNITS[kind].bounds, "reset"])
            raise InputError(f"unit {text!r}: {name!r} is no parameter; expected one of {known}")
    return UNITS[kind](**found)


def _graph(sizes: Mapping[str, int], projections: list[Projection], unit: Neuron) -> Graph:
    reached = {projection.post for projection in projections}
    leaving = {projection.pre for projection in projections}
    populations = [
        Population(name, unit if name in reached else Input(), size) for name, size in sizes.items()
    ]
    ends = [name for name in sizes if name not in leaving]
    return Graph(populations, projections, ends or [n for n in sizes if n in reached])


def _named(name: str, file: ArrayFile) -> str:
    """The name of a projection; arrays without, as of ``numpy.savez(file, W1, W2)``, are layers."""
    place = re.fullmatch(r"arr_([0-9]{1,4})", name)
    if place is None:
        return name
    return f"{place[1]}{ARROW}{int(place[1]) + 1}"


def _matrix(file: ArrayFile, name: str) -> np.ndarray:
    header = file.headers[name]
    if len(header.shape) != 2 or header.dtype.kind not in "fiu":
        raise InputError(
            f"array {name!r} is {header}; expected weights of shape (n_pre, n_post), or the arrays "
            f"{', '.join(COMPRESSED)} of compressed rows"
        )
    return file.values(name)


def _of_rows(file: ArrayFile, unit: Neuron) -> Graph:
    """Compressed sparse rows: of a square matrix, one population joined with itself."""
    found = {name: file.values(name) for name in COMPRESSED}
    if "format" in file:
        kind = file.values("format")
        if kind.shape != () or kind.dtype.kind not in "SU" or kind.astype("U9") != "csr":
            raise InputError("format is not 'csr'; expected compressed rows, e.g. matrix.tocsr()")
    shape = found["shape"]
    whole = shape.shape == (2,) and shape.dtype.kind in "iu"
    if not whole or shape.min() < 1 or shape.max() > MOST_UNITS:
        raise InputError(f"shape is {shape.tolist()}; expected two sizes of 1 to {MOST_UNITS:,}")
    starts, post = found["indptr"], found["indices"]
    right = starts.dtype.kind in "iu" and starts.shape == (shape[0] + 1,) and post.ndim == 1
    if not right or starts[0] != 0 or starts[-1] != len(post) or (np.diff(starts) < 0).any():
        raise InputError(
            f"indptr does not lead through {len(post)} indices in {shape[0]} rows; expected it to "
            "ascend from 0 to their number"
        )
    pre = np.repeat(np.arange(shape[0]), np.diff(starts))
    edges = _Edges(pre, post, found["data"], np.zeros(len(pre), np.int64))
    if shape[0] == shape[1]:
        return _graph({ALONE: int(shape[0])}, [edges.between(ALONE, ALONE, shape)], unit)
    sizes = {"in": int(shape[0]), "out": int(shape[1])}
    return _graph(sizes, [edges.between("in", "out", shape)], unit)


class _Edges(NamedTuple):
    """Synapses, in any order."""

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray
    delay: np.ndarray

    def between(self, pre: str, post: str, sizes: Any) -> Projection:
        try:
            connection = Sparse.from_edges(int(sizes[0]), int(sizes[1]), self.pre, self.post)
        except InputError as error:
            raise InputError(f"projection '{pre} {ARROW} {post}': {error}") from None
        order = np.lexsort((self.post, self.pre))
        delay: Any = self.delay[order]
        delay = int(delay[0]) if (delay == delay[0]).all() else delay
        if self.weight.shape != self.pre.shape:
            raise InputError(f"{len(self.pre)} synapses have {len(self.weight)} weights")
        return Projection(pre, post, self.weight[order], connection, delay)


def _of_edges(text: str, unit: Neuron) -> Graph:
    """Lines ``pre,post,weight`` and perhaps ``delay``; a unit is a number, or ``name:number``."""
    lines = text.splitlines()
    columns = [name.strip() for name in lines[0].split(",")] if lines else []
    if tuple(columns) not in (COLUMNS[:3], COLUMNS):
        raise InputError(
            f"line 1 is {(lines or [''])[0][:60]!r}; expected pre,post,weight or "
            "pre,post,weight,delay"
        )
    sizes: dict[str, int] = {}
    found: dict[tuple[str, str], list[tuple[int, int, float, int]]] = {}
    for k, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        words = [word.strip() for word in line.split(",")]
        if len(words) != len(columns):
            raise InputError(f"line {k}: {line[:60]!r}; expected {','.join(columns)}")
        (pre, i), (post, j) = _unit(words[0], k), _unit(words[1], k)
        for name, number in ((pre, i), (post, j)):
            sizes[name] = max(sizes.get(name, 0), number + 1)
        try:
            values = float(words[2]), int(words[3]) if len(words) > 3 else 0
        except ValueError:
            raise InputError(
                f"line {k}: {line[:60]!r}; expected a weight and whole steps of delay"
            ) from None
        found.setdefault((pre, post), []).append((i, j, *values))
    if not found:
        raise InputError("no edges; expected lines pre,post,weight")
    projections = []
    for (pre, post), rows in found.items():
        arrays = (np.array(column) for column in zip(*rows, strict=True))
        projections.append(_Edges(*arrays).between(pre, post, (sizes[pre], sizes[post])))
    return _graph(sizes, projections, unit)


def _unit(word: str, line: int) -> tuple[str, int]:
    """The population and number of a unit."""
    name, colon, number = word.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,9}", number) or int(number) >= MOST_UNITS or (colon and not name):
        raise InputError(
            f"line {line}: unit {word[:40]!r}; expected a number below {MOST_UNITS}, or name:number"
        )
    return name or ALONE, int(number)
