r"""Graphs as NIR files with its own nodes: units with their time constants, maps as what they are.

What :mod:`eqchip.backends.nir.units` reads, backwards. With a step of dt seconds::

    LIF, LI          tau = dt / decay, r = 1 / decay       v_leak = bias r
    CubaLIF, CubaLI  tau_mem, tau_syn, r likewise, w_in = 1 / current_decay
    IF, I            r = 1; the bias of an IF is that of an affine map into it

so that one unit of NIR's voltage is one of v. Divisions round: the metadata of a unit holds its
parameters to the last bit (keys ``eqchip_...``), which are taken when they agree with the node's.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.graphs import listed
from eqchip.backends.nir.exact import PREFIX, exactly
from eqchip.backends.nir.wires import eqchip_order
from eqchip.backends.nir.write import HDF5
from eqchip.backends.packages import NIR
from eqchip.emulator.description.connections import Conv2d, OneToOne, SumPool2d
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import IF, LI, LIF, CubaLI, CubaLIF, Input
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import check_replaceable, replacing
from eqchip.emulator.progress import Progress

DT = 1e-3  # seconds, where nothing else is said


def write_graph(graph: Graph, path: str | Path, *, dt: float = DT) -> list[Path]:
    """Write a graph as a NIR file, or nothing.

    Parameters
    ----------
    graph : Graph
    path : path-like
        A file that is there already is replaced.
    dt : float
        The length of a time step in seconds. ``eq.read_nir(path, dt=dt)`` gives the graph back, and
        ``reset="subtract"`` as well where units subtract, of which NIR has no word.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If nir is not installed, and for what NIR cannot say: in one line, with the name of the
        population or projection.
    OSError
        If the file cannot be written.
    """
    if not (isinstance(dt, (int, float)) and 0 < dt < np.inf):
        raise InputError(f"nir: dt is {dt!r}; expected seconds above 0")
    nir = NIR.require()
    nodes, edges = _Writer(graph, dt, nir).written()
    # Its check of types has no way from a row of units to a map, which a matrix may lead to.
    whole = nir.NIRGraph(nodes, edges, metadata={"dt": np.float64(dt)}, type_check=False)
    check_replaceable(Path(path), "NIR file", HDF5)
    buffer = io.BytesIO()
    nir.write(buffer, whole)
    with replacing(Path(path)) as file:
        file.write(buffer.getbuffer())
    return [Path(path)]


def export_graph(
    graph: Graph, path: Path, progress: Progress | None = None, *, dt: float = DT
) -> list[Path]:
    """Write a graph as a NIR file; see :func:`eqchip.export`."""
    return write_graph(graph, path, dt=dt)


class _Writer:
    """The nodes and edges of a graph, in the order in which what arrives is added."""

    def __init__(self, graph: Graph, dt: float, nir: Any) -> None:
        self.graph, self.dt, self.nir = graph, dt, nir
        self.nodes: dict[str, Any] = {}
        self.edges: list[tuple[str, str]] = []
        self.biases: dict[str, np.ndarray] = {}  # that a map has still to bring

    def written(self) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """All of them."""
        for population in self.graph.populations:
            if "/" in population.name:
                raise _refused(population, "a name of a NIR node has no '/'", "another name")
            make = unit_row(NODES, population.unit, f"nir: population {population.name!r}")
            self.nodes[population.name] = make(self, population)
        for projection in self.graph.projections:
            self._project(projection)
        for name in self.biases:
            raise _refused(
                self.graph.population(name),
                "the bias of an IF is that of an affine map into it, and none leads there",
                "a dense or convolutional projection to it, or a LIF",
            )
        for k, name in enumerate(self.graph.outputs):
            output = "output" if len(self.graph.outputs) == 1 else f"output {k}"
            shape = np.array(nir_shape(self.graph.population(name).shape))
            self._join(name, [(output, self.nir.Output(output_type={"output": shape}))])
        return self.nodes, self.edges

    def _join(self, first: str, wires: list[tuple[str, Any]], last: str | None = None) -> None:
        """Nodes in a row behind a population, and what they lead to."""
        for name, node in wires:
            if name in self.nodes:
                raise InputError(f"nir: two nodes are named {name!r}; expected other names")
            self.nodes[name] = node
        ends = [first, *(name for name, _ in wires), *([] if last is None else [last])]
        self.edges += list(zip(ends[:-1], ends[1:], strict=True))

    def _project(self, projection: Projection) -> None:
        if projection.to != "soma":
            raise InputError(f"nir: {projection} leads to a dendrite; expected a soma")
        name = projection.name.replace("/", "|")
        for delay in projection.delays:
            own = name if len(projection.delays) == 1 else f"{name}, delay {delay}"
            pre = self.graph.population(projection.pre)
            wires: list[tuple[str, Any]] = []
            if delay:
                seconds = np.full(nir_shape(pre.shape), delay * self.dt)
                wires.append((f"{own}: delay", self.nir.Delay(delay=seconds)))
            make = MAPS.get(type(projection.connection), matrix)
            if np.ndim(projection.delay):
                make = matrix
            wires += [(f"{own}{what}", node) for what, node in make(self, projection, int(delay))]
            self._join(projection.pre, wires, projection.post)

    def bias_for(self, name: str, shared: int = 0) -> np.ndarray | None:
        """The bias that a map into a population has to bring; of a convolution, by channel."""
        bias = self.biases.get(name)
        if bias is None:
            return None
        if shared:
            by_channel = bias.reshape(-1, shared)
            if (by_channel != by_channel[0]).any():
                return None
            bias = by_channel[0]
        else:
            bias = in_nir(bias, self.graph.population(name).shape)
        del self.biases[name]
        return bias


def _refused(population: Population, what: str, expected: str) -> InputError:
    return InputError(f"nir: population {population.name!r}: {what}; expected {expected}")


# --- units --------------------------------------------------------------------------------


def nir_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with its channels first."""
    return (shape[2], *shape[:2]) if len(shape) == 3 else shape


def in_nir(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers by unit of eqchip, in the order in which NIR counts units."""
    ordered: np.ndarray = values[eqchip_order(nir_shape(shape))]
    return ordered


class _Values:
    """The parameters of a population in NIR's order and shape."""

    def __init__(self, writer: _Writer, population: Population) -> None:
        self.writer, self.population = writer, population

    def __call__(self, name: str) -> np.ndarray:
        values = self.population.per_unit(name).astype(np.float64)
        return in_nir(values, self.population.shape).reshape(nir_shape(self.population.shape))

    def inverse(self, name: str) -> np.ndarray:
        """One over a decay."""
        values = self(name)
        if (values == 0).any():
            raise _refused(self.population, f"{name} is 0: no time constant is", "it above 0")
        return 1.0 / values

    def metadata(self) -> dict[str, Any]:
        """The exact parameters."""
        unit = self.population.unit
        return {f"{PREFIX}{name}": self(name) for name in exactly(unit)}


def _begins_at_rest(population: Population) -> None:
    if np.any(population.unit.parameters().get("initial", 0)):
        raise _refused(population, "initial is given, and NIR's units begin at rest", "0")


def _check_firing(population: Population) -> None:
    unit: Any = population.unit
    _begins_at_rest(population)
    for name, given in (
        ("refractory", np.any(unit.refractory)),
        ("floor", np.any(np.isfinite(unit.floor))),
        ("signed", unit.signed),
    ):
        if given:
            raise _refused(population, f"{name} is given, of which NIR has no word", "none")


def _if(writer: _Writer, population: Population) -> Any:
    _check_firing(population)
    p = _Values(writer, population)
    bias = population.per_unit("bias").astype(np.float64)
    if bias.any():
        writer.biases[population.name] = bias
    threshold = p("threshold")
    return writer.nir.IF(
        r=np.ones_like(threshold), v_threshold=threshold, v_reset=np.zeros_like(threshold)
    )


def _lif(writer: _Writer, population: Population) -> Any:
    if not np.any(population.per_unit("decay")):
        return _if(writer, population)
    _check_firing(population)
    p = _Values(writer, population)
    r, threshold = p.inverse("decay"), p("threshold")
    return writer.nir.LIF(
        tau=writer.dt * r, r=r, v_leak=p("bias") * r, v_threshold=threshold,
        v_reset=np.zeros_like(threshold), metadata=p.metadata(),
    )  # fmt: skip


def _cuba_lif(writer: _Writer, population: Population) -> Any:
    _check_firing(population)
    p = _Values(writer, population)
    r, current, threshold = p.inverse("decay"), p.inverse("current_decay"), p("threshold")
    return writer.nir.CubaLIF(
        tau_mem=writer.dt * r, tau_syn=writer.dt * current, r=r, w_in=current,
        v_leak=p("bias") * r, v_threshold=threshold, v_reset=np.zeros_like(threshold),
        metadata=p.metadata(),
    )  # fmt: skip


def _li(writer: _Writer, population: Population) -> Any:
    _begins_at_rest(population)
    p = _Values(writer, population)
    if not np.any(population.per_unit("decay")):
        if np.any(population.per_unit("bias")):
            raise _refused(population, "bias is given without a decay, and an I has none", "0")
        return writer.nir.I(r=np.ones(nir_shape(population.shape)))
    r = p.inverse("decay")
    return writer.nir.LI(tau=writer.dt * r, r=r, v_leak=p("bias") * r, metadata=p.metadata())


def _cuba_li(writer: _Writer, population: Population) -> Any:
    _begins_at_rest(population)
    p = _Values(writer, population)
    r, current = p.inverse("decay"), p.inverse("current_decay")
    return writer.nir.CubaLI(
        tau_mem=writer.dt * r, tau_syn=writer.dt * current, r=r, w_in=current,
        v_leak=p("bias") * r, metadata=p.metadata(),
    )  # fmt: skip


def _input(writer: _Writer, population: Population) -> Any:
    unit: Any = population.unit
    flags = {f"{PREFIX}{name}": 1 for name in ("signed", "graded") if getattr(unit, name)}
    shape = np.array(nir_shape(population.shape))
    return writer.nir.Input(input_type={"input": shape}, metadata=flags)


NODES: dict[type, Callable[[_Writer, Population], Any]] = {
    CubaLI: _cuba_li,
    CubaLIF: _cuba_lif,
    IF: _if,
    Input: _input,
    LI: _li,
    LIF: _lif,
}


# --- maps ---------------------------------------------------------------------------------


def matrix(writer: _Writer, projection: Projection, delay: int) -> list[tuple[str, Any]]:
    """Any connection as a full matrix of the synapses of one delay; 0 where there is none."""
    pre, post = (writer.graph.population(name) for name in (projection.pre, projection.post))
    first, last, weights, delays = listed(projection)
    here = delays == delay
    full = np.zeros((pre.size, post.size))
    full[first[here], last[here]] = weights[here]
    weight = in_nir(in_nir(full, pre.shape).T, post.shape)
    bias = writer.bias_for(post.name)
    if bias is None:
        node = writer.nir.Linear(weight=weight)
    else:
        node = writer.nir.Affine(weight=weight, bias=bias)
    if len(pre.shape) == 1:
        return [("", node)]
    shape = np.array(nir_shape(pre.shape))
    flat = writer.nir.Flatten(input_type={"input": shape}, start_dim=0, end_dim=-1)
    return [(": flat", flat), ("", node)]


def _conv(writer: _Writer, projection: Projection, delay: int) -> list[tuple[str, Any]]:
    """A convolution; with its average pooling, the one that both amount to."""
    connection: Any = projection.connection
    kernel = connection.synapse_weights(projection.weights.astype(np.float64))
    post = writer.graph.population(projection.post)
    shapes = (writer.graph.population(projection.pre).shape, post.shape)
    if shapes != (connection.pre_shape, connection.post_shape):
        return matrix(writer, projection, delay)
    bias = writer.bias_for(post.name, shared=connection.channels)
    node = writer.nir.Conv2d(
        input_shape=connection.pre_shape[:2],
        weight=np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)),
        stride=connection.synapse_stride if connection.merged else connection.stride,
        padding=connection.padding,
        dilation=1,
        groups=1,
        bias=np.zeros(connection.channels) if bias is None else bias,
    )
    return [("", node)]


def _pool(writer: _Writer, projection: Projection, delay: int) -> list[tuple[str, Any]]:
    connection: Any = projection.connection
    shapes = tuple(writer.graph.population(n).shape for n in (projection.pre, projection.post))
    weight = float(projection.weights[0])
    kinds = {1.0: writer.nir.SumPool2d, 1 / connection.size**2: writer.nir.AvgPool2d}
    if shapes != (connection.pre_shape, connection.post_shape) or weight not in kinds:
        return matrix(writer, projection, delay)
    size = np.array([connection.size] * 2)
    return [("", kinds[weight](kernel_size=size, stride=size, padding=np.array([0, 0])))]


def _scale(writer: _Writer, projection: Projection, delay: int) -> list[tuple[str, Any]]:
    pre, post = (writer.graph.population(name).shape for name in (projection.pre, projection.post))
    if pre != post:
        return matrix(writer, projection, delay)
    scale = in_nir(projection.weights.astype(np.float64), pre).reshape(nir_shape(pre))
    return [("", writer.nir.Scale(scale=scale))]


# Connections that NIR has a node for, where one delay is that of all synapses.
MAPS: dict[type, Callable[[_Writer, Projection, int], list[tuple[str, Any]]]] = {
    Conv2d: _conv,
    OneToOne: _scale,
    SumPool2d: _pool,
}
