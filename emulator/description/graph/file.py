"""A graph in a file: graph.npz.

The text says what there is, as JSON; numbers by the unit or synapse are arrays beside it, which
the text names. docs/files.md has the format.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.arrays import ArrayFile, open_arrays
from eqchip.emulator.description.connections import (
    AvgPool2d,
    Connection,
    Conv2d,
    Dense,
    Lateral,
    OneToOne,
    Sparse,
    SumPool2d,
    kind_of,
)
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Input,
    Neuron,
    TwoCompartmentLIF,
)
from eqchip.emulator.documents import parse_json
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_arrays

GRAPH_FORMAT = "eqchip-graph 1"
MOST_UNITS = 2**24  # of a population: what a file may ask for in a few bytes
ARRAY = "array"  # {"array": name}: where a number stands for each unit or synapse

# Kinds of units by the name that a file has for them.
UNITS: dict[str, type[Neuron]] = {
    kind.__name__: kind
    for kind in (Input, IF, LIF, CubaLIF, AdaptiveLIF, TwoCompartmentLIF, LI, CubaLI)
}


class Filed(NamedTuple):
    """How a file keeps a kind of connection: what is made of its fields, and those that differ."""

    kind: type[Connection]
    make: Mapping[str, Callable[[Any], Any]] = {}  # by field; others are taken as they are
    say: Mapping[str, Callable[[Any], Any]] = {}


CONNECTIONS: dict[str, Filed] = {
    "Dense": Filed(Dense),
    "Sparse": Filed(Sparse),
    "OneToOne": Filed(OneToOne),
    "Lateral": Filed(Lateral),
    "SumPool2d": Filed(SumPool2d, {"pre_shape": tuple}),
    "Conv2d": Filed(
        Conv2d,
        {"pre_shape": tuple, "pool": lambda size: None if size is None else AvgPool2d(size)},
        {"pool": lambda pool: None if pool is None else pool.size},
    ),
}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Imported:
    """A graph that was read.

    Attributes
    ----------
    graph : Graph
        Populations have the names of their nodes, of graphs within graphs joined by dots. Maps are
        (height, width, channels); NIR's are (channels, height, width).
    gains, offsets : dict of ndarray
        Per population that is a node: the voltage of NIR is ``gain v + offset``.
    notes : tuple of str
        What was mended or is not quite what the file says.
    """

    graph: Graph
    gains: dict[str, np.ndarray]
    offsets: dict[str, np.ndarray]
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Imported({self.graph!r}, {len(self.notes)} notes)"


def save_graph(path: str | Path, graph: Graph | Imported) -> None:
    """Write a graph: one ``.npz`` file, read again by :func:`load_graph`.

    Parameters
    ----------
    path : path-like
    graph : Graph or Imported
        Of what was read from another tool, its scales and notes are kept too.

    Raises
    ------
    InputError
        For a kind of unit or connection that no file has, too large a population, or a file of
        another kind in its place.
    """
    imported = graph if isinstance(graph, Imported) else Imported(graph, {}, {}, ())
    writer = _Writer()
    populations = [
        writer.population(k, population, imported)
        for k, population in enumerate(imported.graph.populations)
    ]
    projections = [
        writer.projection(k, projection) for k, projection in enumerate(imported.graph.projections)
    ]
    document = {
        "populations": populations,
        "projections": projections,
        "outputs": list(imported.graph.outputs),
        "notes": list(imported.notes),
    }
    text = json.dumps(document, allow_nan=False).encode()
    arrays = {"graph": np.frombuffer(text, np.uint8), **writer.arrays}
    _check_replaceable(Path(path))
    write_arrays(Path(path), GRAPH_FORMAT, arrays)


def _check_replaceable(path: Path) -> None:
    """Refuse to replace a file of another kind, such as the network of a run."""
    if path.exists():
        try:
            with open_arrays(path, GRAPH_FORMAT):
                return
        except InputError:
            raise InputError(
                f"{path}: is there, and no graph of eqchip; expected another name, or a graph to "
                "replace"
            ) from None


def load_graph(path: str | Path) -> Graph:
    """Read a graph that :func:`save_graph` or ``eqchip import`` wrote.

    Raises
    ------
    InputError
        In one line that names the file and what is wrong in it.

    Examples
    --------
    >>> import tempfile, eqchip as eq
    >>> graph = eq.Graph(
    ...     [eq.Population("in", eq.Input(), 2), eq.Population("out", eq.LIF(), 1)],
    ...     [eq.Projection("in", "out", [[1.0], [0.5]])],
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     eq.save_graph(f"{folder}/graph.npz", graph)
    ...     eq.load_graph(f"{folder}/graph.npz")
    Graph(2 populations, 3 units, 1 projections)
    """
    return load_imported(path).graph


def load_imported(path: str | Path) -> Imported:
    """As :func:`load_graph`, with what the file knows of where the graph came from."""
    with open_arrays(Path(path), GRAPH_FORMAT) as file:
        return _Reader(file).read()


class _Writer:
    """Says a graph in words, and puts its arrays aside."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def population(self, k: int, population: Population, imported: Imported) -> dict[str, Any]:
        unit, where = population.unit, f"population {population.name!r}"
        if UNITS.get(type(unit).__name__) is not type(unit):
            raise InputError(
                f"save: {where} is {type(unit).__name__}; expected one of {', '.join(UNITS)}"
            )
        check_units(where, population.shape)
        words = {"name": population.name, "unit": type(unit).__name__}
        found: dict[str, Any] = {**words, "shape": list(population.shape)}
        for field in dataclasses.fields(unit):  # type: ignore[arg-type]
            found[field.name] = self.value(f"{field.name}_{k}", getattr(unit, field.name))
        for name, scales in (("gain", imported.gains), ("offset", imported.offsets)):
            if population.name in scales:
                found[name] = self.value(f"{name}_{k}", scales[population.name])
        return found

    def projection(self, k: int, projection: Projection) -> dict[str, Any]:
        connection = projection.connection
        row = CONNECTIONS.get(kind_of(connection))
        if row is None or row.kind is not type(connection):
            known = ", ".join(CONNECTIONS)
            raise InputError(
                f"save: {projection} is {kind_of(connection)}; expected one of {known}"
            )
        said: dict[str, Any] = {"kind": kind_of(connection)}
        for field in dataclasses.fields(row.kind):
            value = row.say.get(field.name, _as_it_is)(getattr(connection, field.name))
            said[field.name] = self.value(f"{field.name}_{k}", value)
        self.arrays[f"weights_{k}"] = projection.weights
        return {
            "name": projection.name,
            "pre": projection.pre,
            "post": projection.post,
            "to": projection.to,
            "connection": said,
            "weights": {ARRAY: f"weights_{k}"},
            "delay": self.value(f"delay_{k}", projection.delay),
            "exponent": projection.exponent,
        }

    def value(self, name: str, value: Any) -> Any:
        """A value as JSON has it; None stands for minus infinity: there is no floor."""
        if isinstance(value, np.ndarray) and value.ndim:
            self.arrays[name] = value
            return {ARRAY: name}
        if isinstance(value, (np.ndarray, np.generic)):
            value = value.item()
        if value == -math.inf:
            return None
        return list(value) if isinstance(value, tuple) else value


class _Reader:
    """Makes a graph of words and arrays that nobody vouches for."""

    def __init__(self, file: ArrayFile) -> None:
        self.file = file

    def read(self) -> Imported:
        document = self.document()
        graph = Graph(
            [self.population(one) for one in _rows(document, "populations", dict)],
            [self.projection(one) for one in _rows(document, "projections", dict)],
            _rows(document, "outputs", str),
        )
        scales: dict[str, dict[str, np.ndarray]] = {"gain": {}, "offset": {}}
        for row in document["populations"]:
            for name, found in scales.items():
                if name in row:
                    where = f"population {row['name']!r}: {name}"
                    found[row["name"]] = self.scale(where, row[name], graph, row["name"])
        notes = tuple(_rows(document, "notes", str))
        return Imported(graph, scales["gain"], scales["offset"], notes)

    def document(self) -> dict[str, Any]:
        header = self.file.headers.get("graph")
        if header is None or header.dtype != np.uint8 or len(header.shape) != 1:
            raise InputError(f"graph is {header or 'missing'}; expected a text as uint8")
        found = parse_json(self.file.values("graph").tobytes())
        if not isinstance(found, dict):
            raise InputError(f"graph is {type(found).__name__}; expected an object of JSON")
        return found

    def population(self, row: dict[str, Any]) -> Population:
        where = f"population {row.get('name')!r}"
        kind = UNITS.get(str(row.get("unit")))
        if kind is None:
            raise InputError(
                f"{where}: unit is {row.get('unit')!r}; expected one of {', '.join(UNITS)}"
            )
        settings = {}
        for field in dataclasses.fields(kind):  # type: ignore[arg-type]
            given = self.value(where, row, field.name)
            if field.name in kind.bounds:
                settings[field.name] = -math.inf if given is None else given
            elif type(given) is not type(field.default):
                raise InputError(
                    f"{where}: {field.name} is {given!r}; expected {type(field.default).__name__}"
                )
            else:
                settings[field.name] = given
        shape = row.get("shape")
        if not isinstance(shape, list):
            raise InputError(f"{where}: shape is {shape!r}; expected a list of sizes")
        made = Population(row.get("name"), kind(**settings), tuple(shape))  # type: ignore[arg-type]
        check_units(where, made.shape)
        return made

    def projection(self, row: dict[str, Any]) -> Projection:
        where = f"projection {row.get('name')!r}"
        said = row.get("connection")
        if not isinstance(said, dict) or said.get("kind") not in CONNECTIONS:
            raise InputError(
                f"{where}: connection is {said!r}; expected one whose kind is one of "
                f"{', '.join(CONNECTIONS)}"
            )
        filed, settings = CONNECTIONS[said["kind"]], {}
        for field in dataclasses.fields(filed.kind):  # type: ignore[arg-type]
            value = self.value(where, said, field.name)
            if filed.make.get(field.name) is tuple and not isinstance(value, list):
                raise InputError(f"{where}: {field.name} is {value!r}; expected a list")
            settings[field.name] = filed.make.get(field.name, _as_it_is)(value)
        try:
            connection = filed.kind(**settings)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if not isinstance(row.get("name"), str) or not row["name"]:
            raise InputError(f"projection {row.get('name')!r}: its name is no text")
        ends: dict[str, Any] = {name: row.get(name) for name in ("pre", "post", "to", "exponent")}
        return Projection(
            weights=self.value(where, row, "weights"),
            connection=connection,
            delay=self.value(where, row, "delay"),
            name=row["name"],
            **ends,
        )

    def value(self, where: str, row: dict[str, Any], name: str) -> Any:
        """A value of the text, or the array that it names."""
        if name not in row:
            raise InputError(f"{where}: {name} is missing")
        value = row[name]
        if isinstance(value, dict):
            if not isinstance(value.get(ARRAY), str):
                raise InputError(f"{where}: {name} is {value!r}; expected a value, or an array")
            return self.file.values(value[ARRAY])
        return value

    def scale(self, where: str, value: Any, graph: Graph, name: str) -> np.ndarray:
        found = np.asarray(self.value(where, {"scale": value}, "scale"))
        fits = found.ndim == 0 or found.shape == graph.population(name).shape
        if found.dtype.kind not in "iuf" or not fits or not np.isfinite(found).all():
            raise InputError(f"{where} is {found.dtype} of shape {found.shape}; expected numbers")
        return found.astype(np.float64)


def check_units(where: str, shape: tuple[int, ...]) -> None:
    """Refuse a population that no file may ask for."""
    if math.prod(shape) > MOST_UNITS:
        raise InputError(f"{where} has shape {shape}; expected at most {MOST_UNITS:,} units")


def _rows(document: dict[str, Any], name: str, kind: type) -> list[Any]:
    rows = document.get(name)
    if not isinstance(rows, list) or not all(type(row) is kind for row in rows):
        raise InputError(f"{name} in its text is no list of {kind.__name__}")
    return rows


def _as_it_is(value: Any) -> Any:
    return value
