"""A problem as a graph of processes: what Lava is built from, as plain data that needs no Lava.

Every layer becomes an ``EPLayer``, every connection a ``SymDense`` that holds its weights once
and works both ways (:mod:`eqchip.backends.lava.solve`); a convolution becomes the matrix that it
amounts to, with average pooling in it, and 0 where it has no synapse. The phases of a sample
become tables with a row per step run, so that a process knows all it needs from the number of
its step.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import row_of
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.units import check_kind
from eqchip.emulator.files import write_arrays, write_text
from eqchip.emulator.problem.needs import Feature, check_needs, check_precision, of_problem
from eqchip.emulator.problem.problem import Problem, two_beta
from eqchip.mapping.processes.matrices import WRITTEN_OUT

GRAPH_FORMAT = "eqchip-process-graph 1"
INPUTS_FORMAT = "eqchip-process-inputs 1"
WIDEST = len("SymDense")  # of the names of processes
# What its processes compute: they exchange bits, and add what arrives, in full.
PRECISIONS: tuple[Precision, ...] = ("float64", "chip")
FEATURES: tuple[Feature, ...] = ("global clock", "spikes per core")


@dataclass(frozen=True, eq=False)
class Tables:
    """What changes from step to step, shape (rows,) each; None: not there.

    Attributes
    ----------
    t, phase : ndarray of int64
        The step number of a row, and the phase that it belongs to.
    eps, lam : ndarray or None
        Step size and prediction coefficient: float64, or int64 gains.
    inverse : ndarray of int64 or None
        ``1 / lam`` as a gain; integers with prediction only.
    nudge : ndarray
        ``2 beta``; 0 in free rows.
    save, restore : ndarray of bool
        After a row with ``save`` all state is kept; before one with ``restore`` it is taken back:
        how a phase starts from the end of the free one.
    """

    t: np.ndarray
    phase: np.ndarray
    eps: np.ndarray | None
    lam: np.ndarray | None
    inverse: np.ndarray | None
    nudge: np.ndarray
    save: np.ndarray
    restore: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """Those that are there, by name."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: values for name, values in found.items() if values is not None}


@dataclass(frozen=True, eq=False)
class LayerNode:
    """An EPLayer: ``bias`` float64 or int64 states, shape (units,); a clamped one has none."""

    name: str
    layer: int
    units: int
    clamped: bool
    nudged: bool
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class ConnectionNode:
    """A SymDense: float64 weights (exponent 0), or int8 codes times ``2**exponent``.

    ``weights`` have shape (n_pre, n_post); those of a convolution are its matrix, and
    ``convolution`` says of which one. ``process`` may name another kind, see
    :func:`eqchip.mapping.processes.stock.with_stock_dense`.
    """

    name: str
    connection: int
    weights: np.ndarray
    exponent: int
    feedback: bool
    process: str = "SymDense"
    convolution: str | None = None

    def __str__(self) -> str:
        shape = "x".join(map(str, self.weights.shape))
        of = f", matrix of {self.convolution}" if self.convolution else ""
        return f"{self.name}: {shape}{of}, exponent {self.exponent}"


class Edge(NamedTuple):
    """What is sent where: process and port, process and port."""

    source: str
    out_port: str
    target: str
    in_port: str


@dataclass(frozen=True, eq=False)
class ProcessGraph:
    """Processes, what joins them, and their tables. Made by :func:`process_graph`.

    Attributes
    ----------
    layers : tuple of LayerNode
        Without layer 0 when the input is injected as a current.
    connections : tuple of ConnectionNode
        Likewise without connection 0, which is then ``current``: it is applied by the host.
    edges : tuple of Edge
        Into one port: the forward sums first, then the feedback.
    tables : Tables
    quantizer : str
    adaptive : dict or None
        ``nu_bar`` and ``regularizer``, where units adapt their step size.
    arithmetic : dict or None
        The fields of FixedPoint; None: float64.
    current : ConnectionNode or None
    learning : dict or None
        See :func:`eqchip.mapping.processes.learning.with_learning`.
    """

    layers: tuple[LayerNode, ...]
    connections: tuple[ConnectionNode, ...]
    edges: tuple[Edge, ...]
    tables: Tables
    quantizer: str
    adaptive: dict[str, float] | None
    arithmetic: dict[str, int] | None
    current: ConnectionNode | None
    learning: dict[str, Any] | None = None

    @property
    def model(self) -> str:
        """The tag of the process models: ``fixed_pt`` or ``floating_pt``."""
        return "floating_pt" if self.arithmetic is None else "fixed_pt"

    def to_dict(self) -> dict[str, Any]:
        """All but the arrays, for JSON; where an array belongs stands its shape."""

        def plain(node: LayerNode | ConnectionNode) -> dict[str, Any]:
            found = {f.name: getattr(node, f.name) for f in fields(node)}
            return {k: list(v.shape) if isinstance(v, np.ndarray) else v for k, v in found.items()}

        return {
            "format": GRAPH_FORMAT,
            "model": self.model,
            "quantizer": self.quantizer,
            "adaptive": self.adaptive,
            "arithmetic": self.arithmetic,
            "rows": len(self.tables.t),
            "tables": list(self.tables.arrays()),
            "layers": [{"process": "EPLayer", **plain(node)} for node in self.layers],
            "connections": [plain(node) for node in self.connections],
            "current": None if self.current is None else plain(self.current),
            "learning": self.learning,
            "edges": [edge._asdict() for edge in self.edges],
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """Every array by name: ``tables.eps``, ``layer_1.bias``, ``dense_2.weights``, ..."""
        found = {f"tables.{name}": values for name, values in self.tables.arrays().items()}
        found |= {f"{node.name}.bias": node.bias for node in self.layers}
        dense = [*self.connections, *([self.current] if self.current else [])]
        return found | {f"{node.name}.weights": node.weights for node in dense}

    def save(self, folder: Path) -> None:
        """Write ``network.json`` and ``network.npz``."""
        write_text(folder / "network.json", json.dumps(self.to_dict(), indent=1) + "\n")
        write_arrays(folder / "network.npz", GRAPH_FORMAT, self.arrays())

    def __str__(self) -> str:
        rows = len(self.tables.t)
        lines = [f"{self.model}, {self.quantizer}, {rows} steps per sample"]
        for node in self.layers:
            kind = "clamped" if node.clamped else "output" if node.nudged else "hidden"
            lines.append(f"  EPLayer  {node.name}: {node.units} units, {kind}")
        if self.current is not None:
            lines.append(f"  {'current'.ljust(WIDEST)} {self.current}, by the host")
        for found in self.connections:
            way = "two ways" if found.feedback else "one way"
            lines.append(f"  {found.process.ljust(WIDEST)} {found}, {way}")
        lines += [f"  {e.source}.{e.out_port} -> {e.target}.{e.in_port}" for e in self.edges]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is run on a process graph: real numbers, which its builder lowers.

    Attributes
    ----------
    x : ndarray of float64, shape (samples, n_in)
    targets : ndarray of float64, shape (phases, samples, n_out)
        0 for free phases, where they are not used.
    seed, samples : ndarray
        uint64 scalar; int64 (samples,): what Bernoulli's numbers are drawn by.
    uniforms : tuple of ndarray
        Those numbers by hand, per layer (rows, samples, units); empty: drawn.
    """

    x: np.ndarray
    targets: np.ndarray
    seed: np.ndarray
    samples: np.ndarray
    uniforms: tuple[np.ndarray, ...] = ()

    def save(self, path: Path) -> None:
        """Write an ``.npz``."""
        arrays = {"x": self.x, "targets": self.targets, "seed": self.seed, "samples": self.samples}
        arrays |= {f"uniforms_{layer}": u for layer, u in enumerate(self.uniforms)}
        write_arrays(path, INPUTS_FORMAT, arrays)


def process_graph(problem: Problem) -> ProcessGraph:
    """Compile a problem.

    Raises
    ------
    InputError
        For what the processes do not compute: real-valued messages, float32, maximum pooling.

    Examples
    --------
    >>> from eqchip.emulator.description.coding import Coding
    >>> from eqchip.emulator.description.network import Network
    >>> from eqchip.emulator.problem.pose import pose
    >>> net = Network.dense([3, 2], seed=0)
    >>> print(process_graph(pose(net, [[0.5, 0.0, 1.0]], coding=Coding(), phases=[Free(4)],
    ...                          precision="float64")))
    floating_pt, sigma-delta, 4 steps per sample
      EPLayer  layer_0: 3 units, clamped
      EPLayer  layer_1: 2 units, output
      SymDense dense_1: 3x2, exponent 0, one way
      layer_0.q_out -> dense_1.q_pre
      dense_1.a_post -> layer_1.a_in
      layer_1.q_out -> dense_1.q_post
    """
    check_kind(problem.coding, (Coding,), "process graph")
    check_precision("process graph", problem.precision, PRECISIONS)
    check_needs("process graph", of_problem(problem), FEATURES)
    network, rule = problem.network, problem.coding.adaptive
    adaptive = None if rule is None else asdict(rule)
    sizes, last = network.sizes, len(network.sizes) - 1
    dense = tuple(_connection(problem, c) for c in range(last))
    first = 1 if problem.input == "current" else 0
    layers = tuple(
        LayerNode(f"layer_{k}", k, sizes[k], k == 0, k == last, _bias(problem, k))
        for k in range(first, last + 1)
    )
    used = dense[first:]
    return ProcessGraph(
        layers,
        used,
        _edges(used),
        _tables(problem),
        problem.coding.quantizer,
        adaptive,
        None if problem.fixed is None else problem.fixed.widths,
        dense[0] if first else None,
    )


def process_inputs(problem: Problem) -> Inputs:
    """What a problem runs on its process graph."""
    shape = (len(problem.phases), len(problem.x), problem.network.sizes[-1])
    targets = np.zeros(shape)
    for k, y in enumerate(problem.targets):
        targets[k] = 0.0 if y is None else y
    return Inputs(
        np.asarray(problem.x, np.float64),
        targets,
        np.array(problem.seed, np.uint64),
        problem.samples,
        problem.uniforms or (),
    )


def _connection(problem: Problem, c: int) -> ConnectionNode:
    connection, fixed = problem.network.connections[c], problem.fixed
    stored = np.asarray(problem.network.weights[c], np.float64)
    weights, exponent = connection.synapse_weights(stored), 0
    if fixed is not None:
        weights, exponent, _ = quantize(weights, fixed)
    written = row_of(WRITTEN_OUT, connection, f"process graph: connection {c + 1}")
    return ConnectionNode(
        f"{connection.label}_{c + 1}",
        c,
        written.matrix(connection, weights),
        exponent,
        c > 0,
        convolution=written.convolution(connection),
    )


def _bias(problem: Problem, layer: int) -> np.ndarray:
    bias = np.zeros(problem.network.sizes[layer])
    if layer > 0:
        bias = np.asarray(problem.network.biases[layer - 1], np.float64).reshape(-1)
    return bias if problem.fixed is None else problem.fixed.states(bias)


def _edges(dense: tuple[ConnectionNode, ...]) -> tuple[Edge, ...]:
    """Forward before feedback, which is the order in which a port sums."""
    forward: list[Edge] = []
    back: list[Edge] = []
    for node in dense:
        below, above = f"layer_{node.connection}", f"layer_{node.connection + 1}"
        forward += [
            Edge(below, "q_out", node.name, "q_pre"),
            Edge(node.name, "a_post", above, "a_in"),
        ]
        back.append(Edge(above, "q_out", node.name, "q_post"))
        if node.feedback:
            back.append(Edge(node.name, "a_pre", below, "a_in"))
    return (*forward, *back)


def _tables(problem: Problem) -> Tables:
    fixed, rows = problem.fixed, problem.steps
    t = np.zeros(rows, np.int64)
    phase_of = np.zeros(rows, np.int64)
    nudge = np.zeros(rows, np.float64 if fixed is None else np.int64)
    save, restore = np.zeros(rows, bool), np.zeros(rows, bool)
    start = 0
    for k, (phase, first) in enumerate(zip(problem.phases, problem.first_steps, strict=True)):
        end = start + phase.steps
        t[start:end] = first + np.arange(phase.steps)
        phase_of[start:end] = k
        if isinstance(phase, Nudged):
            nudge[start:end] = _nudge(phase, fixed)
        restore[start] = phase.from_free
        save[end - 1] = isinstance(phase, Free) and not phase.from_free
        start = end
    if fixed is None:
        eps, lam = problem.step_table, problem.prediction_table
        inverse = None
    else:
        eps, lam = problem.step_gains, problem.prediction_gains
        inverse = None if lam is None else fixed.inverse_gains(lam)[t - 1]
    return Tables(
        t,
        phase_of,
        None if eps is None else eps[t - 1],
        None if lam is None else lam[t - 1],
        inverse,
        nudge,
        save,
        restore,
    )


def _nudge(phase: Nudged, fixed: FixedPoint | None) -> float | int:
    return 2.0 * phase.beta if fixed is None else two_beta(phase, fixed)
