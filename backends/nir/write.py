r"""Networks as NIR graphs (Neuromorphic Intermediate Representation), written and read back.

A layer is a leaky integrator, a connection one ``Linear`` node per direction, since NIR knows
no shared weights::

    input -> up_1 -> layer_1 -> up_2 -> layer_2 -> ... -> output
                     layer_1 <- dn_2 <- layer_2

    LI       tau dv/dt = (v_leak - v) + r I      tau = r = 1, v_leak = the biases
    Linear   I = weight z                        up_k: W_k^T,  dn_k: W_k   (W_k: n_pre, n_post)

Nothing leads back into the clamped input. A convolution with its average pooling is the matrix
that it amounts to, in both directions: NIR has no convolution that leads back, and no node that
gives a row of units the shape that a convolution reads.

An Euler step of length eps of these equations is ``v <- (1 - eps) v + eps (b + I)``: a step of
eqchip's real-valued network without its clip to [0, 1]. What NIR has no words for is text under
the key ``"eqchip"`` of the graph's metadata, see :mod:`eqchip.backends.nir.metadata`; the kernel
of a convolution, as stored, is in the metadata of ``up_k``. ``docs/backends.md`` says what
another tool will and will not reproduce.
"""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.nir.hdf5 import read_hdf5
from eqchip.backends.nir.metadata import KEY, Described, check_digest, parse, to_text
from eqchip.backends.packages import NIR
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import Connection
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.units import check_kind
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import check_replaceable, replacing
from eqchip.emulator.problem.needs import check_needs, of_network
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory

HDF5 = b"\x89HDF\r\n\x1a\n"  # how such files begin
KERNEL = "kernel"  # in the metadata of up_k
TIED = "one symmetric weight, as Equilibrium Propagation needs it"
WRITTEN_OUT = "the kernel with its pooling, written out for every place"


def export_run(run: RunDirectory, path: Path, progress: Progress | None = None) -> list[Path]:
    """Write the trained network of a run; see :func:`eqchip.export`."""
    config = run.config
    write_nir(
        run.network(), path, coding=config.coding, input=config.input, learning=config.learning
    )
    return [path]


def write_nir(
    network: Network,
    path: Path,
    *,
    coding: Coding | None = None,
    input: InputMode = "spikes",
    learning: Learning | None = None,
) -> None:
    """Write a network as a NIR graph (HDF5), or nothing.

    Parameters
    ----------
    network : Network
    path : Path
        The file; one that is there already is replaced.
    coding : Coding, optional
        Goes into the metadata, as do the input mode and the learning rule with its phases.
    input : {"spikes", "current"}
    learning : Learning, optional

    Raises
    ------
    InputError
        If nir is not installed, for maximum pooling or shifted feedback, and if a file of another
        kind would be replaced.
    OSError
        If the file cannot be written.
    """
    if coding is not None:
        check_kind(coding, (Coding,), "nir")
    nir = NIR.require()
    check_needs("nir", of_network(network), ())  # its graphs add what arrives, in full
    described = Described(network, coding, input, learning)
    sizes = network.sizes
    nodes: dict[str, Any] = {
        "input": nir.Input(input_type=np.array([sizes[0]])),
        "output": nir.Output(output_type=np.array([sizes[-1]])),
    }
    for k, (connection, weights, biases) in enumerate(
        zip(network.connections, network.weights, network.biases, strict=True), start=1
    ):
        matrix = _matrix(connection, weights)
        kept = {KERNEL: np.array(weights)} if connection.shares_weights else {}
        nodes[f"up_{k}"] = nir.Linear(weight=np.ascontiguousarray(matrix.T), metadata=kept)
        if k > 1:
            nodes[f"dn_{k}"] = nir.Linear(weight=np.ascontiguousarray(matrix))
        leak = np.array(biases).reshape(-1)
        ones = np.ones_like(leak)
        nodes[f"layer_{k}"] = nir.LI(tau=ones, r=ones, v_leak=leak)
    graph = nir.NIRGraph(nodes, sorted(edges(len(sizes))), metadata={KEY: to_text(described)})
    check_replaceable(Path(path), "NIR file", HDF5)
    whole = io.BytesIO()
    nir.write(whole, graph)
    with replacing(Path(path)) as file:
        file.write(whole.getbuffer())


def read_nir(path: Path) -> Described:
    """Read a network that :func:`write_nir` wrote: equal to the bit.

    Returns
    -------
    Described
        ``network``, ``coding``, ``input`` and ``learning``.

    Raises
    ------
    InputError
        If nir is not installed, or the file is missing, damaged, of another origin, or was
        changed: if the two directions of a connection differ, or a convolution is not that of
        its kernel, it is named.
    """
    nir, path = NIR.require(), Path(path)
    try:
        return _network_of(_graph_in(read_hdf5(path, "NIR file"), nir), nir)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _graph_in(tree: dict[str, Any], nir: Any) -> Any:
    """The graph that a file's tree is, by nir's own classes."""
    try:
        return nir.dict2NIRNode({**tree["node"], "type_check": True})
    except Exception as error:  # nir raises a dozen kinds on odd graphs
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"damaged or no NIR file ({reason[:200]})") from None


def edges(layers: int) -> set[tuple[str, str]]:
    """The edges of the graph of a network with so many layers, the input counted."""
    found = {("input", "up_1"), (f"layer_{layers - 1}", "output")}
    for k in range(1, layers):
        found.add((f"up_{k}", f"layer_{k}"))
    for k in range(2, layers):
        found |= {(f"layer_{k - 1}", f"up_{k}"), (f"layer_{k}", f"dn_{k}")}
        found.add((f"dn_{k}", f"layer_{k - 1}"))
    return found


def _network_of(graph: Any, nir: Any) -> Described:
    """The network in a NIR graph, or an error without the file's name."""
    metadata = getattr(graph, "metadata", {})
    if not isinstance(graph, nir.NIRGraph) or KEY not in metadata:
        raise InputError(
            f"no {KEY!r} in its metadata; expected a file that eqchip wrote: without it nothing "
            "says which weights are shared and how the layers exchange bits"
        )
    description = parse(metadata[KEY])
    connections = description.connections
    _check_graph(graph, nir, len(connections) + 1)
    weights, biases = [], []
    for k, connection in enumerate(connections, start=1):
        shape = math.prod(connection.pre_shape), math.prod(connection.post_shape)
        up = _array(f"weight of up_{k}", graph.nodes[f"up_{k}"].weight, shape[::-1])
        if k > 1:
            dn = _array(f"weight of dn_{k}", graph.nodes[f"dn_{k}"].weight, shape)
            _check_tied(k, up, dn)
        layer = graph.nodes[f"layer_{k}"]
        leak = _array(f"v_leak of layer_{k}", layer.v_leak, shape[1:])
        biases.append(leak.reshape(connection.post_shape))
        for name in ("tau", "r"):
            if not np.all(_array(f"{name} of layer_{k}", getattr(layer, name), shape[1:]) == 1):
                raise InputError(f"{name} of layer_{k} is not 1; expected 1 for all units")
        weights.append(_stored(k, connection, graph.nodes[f"up_{k}"]))
    network = Network.chain(connections, weights=weights, biases=biases)
    described = Described(network, description.coding, description.input, description.learning)
    check_digest(metadata[KEY], described)
    return described


def _matrix(connection: Connection, weights: np.ndarray) -> np.ndarray:
    """What a connection amounts to, shape (n_pre, n_post)."""
    return reference.rows(connection, connection.synapse_weights(weights))


def _stored(k: int, connection: Connection, up: Any) -> np.ndarray:
    """The stored weights of connection k, of which the matrix in up_k must be made."""
    if not connection.shares_weights:
        return np.asarray(up.weight.T)
    kernel = _array(f"{KERNEL} of up_{k}", up.metadata.get(KERNEL), connection.weight_shape)
    _check_equal(k, up.weight.T, f"up_{k}", _matrix(connection, kernel), "its kernel", WRITTEN_OUT)
    return kernel


def _check_graph(graph: Any, nir: Any, layers: int) -> None:
    """The nodes and edges are those of a chain of layers, no more and no fewer."""
    kinds = {"input": nir.Input, "output": nir.Output}
    for k in range(1, layers):
        kinds |= {f"up_{k}": nir.Linear, f"layer_{k}": nir.LI}
        kinds |= {f"dn_{k}": nir.Linear} if k > 1 else {}
    for name in sorted(kinds.keys() ^ graph.nodes.keys()):
        state = "missing" if name in kinds else "not one that eqchip writes"
        raise InputError(f"node {name!r} is {state}; expected {', '.join(kinds)}")
    for name, kind in kinds.items():
        found = type(graph.nodes[name])
        if found is not kind:
            raise InputError(f"node {name!r} is {found.__name__}; expected {kind.__name__}")
    for edge in sorted(edges(layers) ^ set(graph.edges)):
        state = "missing" if edge in edges(layers) else "not one that eqchip writes"
        raise InputError(f"edge {edge[0]} -> {edge[1]} is {state}; expected a chain of layers")


def _array(what: str, array: Any, shape: tuple[int, ...]) -> np.ndarray:
    if getattr(array, "shape", None) != shape:
        raise InputError(f"{what} has shape {getattr(array, 'shape', None)}; expected {shape}")
    if array.dtype not in (np.float32, np.float64):
        raise InputError(f"{what} is {array.dtype}; expected float32 or float64")
    return array


def _check_tied(k: int, up: np.ndarray, dn: np.ndarray) -> None:
    """The two directions of connection k hold the same weights."""
    if up.dtype != dn.dtype:
        raise InputError(
            f"connection {k}: up_{k} is {up.dtype}, dn_{k} {dn.dtype}; expected one weight for both"
        )
    _check_equal(k, up.T, f"up_{k}", dn, f"dn_{k}", TIED)


def _check_equal(
    k: int, one: np.ndarray, where: str, other: np.ndarray, there: str, expected: str
) -> None:
    """Two matrices (n_pre, n_post) of connection k are equal; else the first pair of units."""
    wrong = np.argwhere(~(one == other))  # NaN is caught as well
    if len(wrong):
        i, j = (int(n) for n in wrong[0])
        raise InputError(
            f"connection {k} ({one.shape[0]} -> {one.shape[1]}): the weight between units {i} and "
            f"{j} is {float(one[i, j])!r} in {where} and {float(other[i, j])!r} in {there}; "
            f"expected {expected}"
        )


__all__ = ["Described", "edges", "read_nir", "write_nir"]
