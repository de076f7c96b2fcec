"""Graphs on Lava: its stock Processes, in its bit-accurate integers or in floating point.

A kind of unit is a row of `PROCESSES`: which Process it is, with what registers. Lava runs in a
Python process of its own, because it hangs when a Process raises.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.graph_folder import write_described, write_folder
from eqchip.backends.graphs import given_to, listed, run_of_graph
from eqchip.backends.lava import watch
from eqchip.backends.packages import LAVA
from eqchip.emulator.description.connections import Conv2d, Dense
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.integers import (
    ALIGN,
    BIAS_BITS,
    BIAS_EXPONENTS,
    LIMIT,
    UNITY,
    Codes,
    check_integers,
    state_codes,
    weight_codes,
)
from eqchip.emulator.description.graph.units import IF, LI, LIF, CubaLI, CubaLIF, Input
from eqchip.emulator.description.units import unit_row
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import GraphProblem, GraphRun
from eqchip.emulator.progress import Progress

FORMAT = "eqchip-lava-graph 1"
PREFIX = "eqchip-lava-"
BUILDER = "eqchip.backends.lava.graph_builder"
LEAST_SECONDS, SECONDS_PER_STEP = 120.0, 0.5
MESSAGE_BITS = 24  # of messages that are numbers
LARGEST_EXPONENT = 7  # weight_exp


class Registers:
    """What a population's Process is given, in floats or as Loihi's registers."""

    def __init__(self, population: Population, integers: bool) -> None:
        self.population, self.integers = population, integers

    def refuse(self, what: str, expected: str) -> InputError:
        """The one line of a refusal."""
        return InputError(f"lava: population {self.population.name!r}: {what}; expected {expected}")

    def one(self, name: str) -> Any:
        """A parameter that Lava has one of for a whole population."""
        values = self.population.per_unit(name)
        if self.integers:
            values = state_codes(self.population, name)
        if (values != values[0]).any():
            raise self.refuse(
                f"{name} differs by unit, and a {process_name(self.population)} has one",
                "the same for all, or a population for each",
            )
        return values[0].item()

    def current_decay(self) -> Any:
        """du, which on the chip lacks 1."""
        if not self.integers:
            return self.one("current_decay")
        du = self.one("current_decay") - 1
        if du < 0:
            raise self.refuse("current_decay is 0, and du + 1 is at least 1", "at least 2**-12")
        return du

    def threshold(self) -> Any:
        """vth."""
        return self.one("threshold") >> ALIGN if self.integers else self.one("threshold")

    def never(self) -> Any:
        """A threshold that nothing is above."""
        return LIMIT >> ALIGN if self.integers else sys.float_info.max

    def arrays(self) -> dict[str, np.ndarray]:
        """What each unit has of its own."""
        p = self.population
        if not self.integers:
            return {
                "v": p.per_unit("initial").astype(np.float64),
                "bias_mant": p.per_unit("bias").astype(np.float64),
                "bias_exp": np.zeros(p.size),
            }
        bias = state_codes(p, "bias")
        exponent = np.zeros(p.size, np.int64)
        for _ in range(BIAS_EXPONENTS - 1):
            mantissa = bias >> exponent
            exponent += ~((mantissa >= -(1 << BIAS_BITS - 1)) & (mantissa < 1 << BIAS_BITS - 1))
        return {"v": state_codes(p, "initial"), "bias_mant": bias >> exponent, "bias_exp": exponent}


def process_name(population: Population) -> str:
    """The Process that stands for a population's units."""
    unit: Any = population.unit
    if getattr(unit, "signed", False):
        return "TernaryLIF"
    return "LIFRefractory" if np.any(getattr(unit, "refractory", 0)) else "LIF"


def _firing(r: Registers, du: Any, dv: Any) -> dict[str, Any]:
    """What a unit that fires is; refused is what Lava's have not."""
    unit: Any = r.population.unit
    name = process_name(r.population)
    if unit.reset != "zero":
        raise r.refuse(f"reset is {unit.reset!r}", "'zero', which a LIF does")
    if np.any(np.isfinite(unit.floor)):
        raise r.refuse("floor is given, which a LIF has not", "none")
    found = {"du": du, "dv": dv}
    if name == "TernaryLIF":
        if np.any(unit.refractory):
            raise r.refuse("refractory is given, which a TernaryLIF has not", "0")
        return {**found, "vth_hi": r.threshold(), "vth_lo": -r.threshold()}
    if name == "LIFRefractory":
        if r.integers:
            raise r.refuse("refractory is given, which no bit-accurate LIF has", "0")
        found["refractory_period"] = int(r.one("refractory"))
    return {**found, "vth": r.threshold()}


def _nothing_kept(r: Registers) -> Any:
    """du of units without a current of their own."""
    return UNITY - 1 if r.integers else 1.0


PROCESSES: dict[type, Callable[[Registers], dict[str, Any]]] = {
    CubaLI: lambda r: {"du": r.current_decay(), "dv": r.one("decay"), "vth": r.never()},
    CubaLIF: lambda r: _firing(r, r.current_decay(), r.one("decay")),
    IF: lambda r: _firing(r, _nothing_kept(r), 0),
    Input: lambda r: {},
    LI: lambda r: {"du": _nothing_kept(r), "dv": r.one("decay"), "vth": r.never()},
    LIF: lambda r: _firing(r, _nothing_kept(r), r.one("decay")),
}


def describe(graph: Graph, integers: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A graph for :mod:`eqchip.backends.lava.graph_builder`: plain values, and arrays.

    Parameters
    ----------
    graph : Graph
    integers : bool
        Whether its numbers are a chip's, for the bit-accurate models; else floating point.

    Raises
    ------
    InputError
        For what no stock Process does, naming the population or projection.
    """
    if integers:
        check_integers(graph)
    arrays: dict[str, np.ndarray] = {}
    populations = []
    for k, population in enumerate(graph.populations):
        registers = Registers(population, integers)
        own = unit_row(PROCESSES, population.unit, f"lava: population {population.name!r}")
        source = not population.unit.receives
        populations.append({
            "name": population.name,
            "units": population.size,
            "process": "RingBuffer" if source else process_name(population),
            "parameters": own(registers),
        })  # fmt: skip
        if not source:
            arrays |= {f"{k} {name}": values for name, values in registers.arrays().items()}
    synapses = []
    for k, projection in enumerate(graph.projections):
        described, held = _synapses(graph, projection, integers)
        synapses.append(described)
        arrays |= {f"s{k} {name}": values for name, values in held.items()}
    return {
        "format": FORMAT,
        "model": "fixed_pt" if integers else "floating_pt",
        "shift": ALIGN if integers else 0,  # of what arrives at a LIF
        "populations": populations,
        "synapses": synapses,
    }, arrays


class _Stored(NamedTuple):
    """A projection, and its weights as a Process stores them: mantissas and an exponent."""

    projection: Projection
    weights: np.ndarray
    exponent: int
    integers: bool

    @property
    def delayed(self) -> bool:
        """Whether any synapse has a delay."""
        return self.projection.delays != (0,)


Made = tuple[dict[str, Any], dict[str, np.ndarray]]


def _synapses(graph: Graph, projection: Projection, integers: bool) -> Made:
    """A projection as a Process and its arrays."""
    asked: dict[str, Any] = {}
    if graph.population(projection.pre).unit.valued:
        asked["num_message_bits"] = MESSAGE_BITS
    weights, exponent = projection.weights.astype(np.float64), 0
    if integers:
        codes, exponent = mantissas(weight_codes(projection))
        weights = codes.astype(np.int64)
        asked["weight_exp"] = exponent
    make = STORED.get(type(projection.connection), _listed)
    described, arrays = make(_Stored(projection, weights, exponent, integers))
    return {
        "name": projection.name,
        "pre": projection.pre,
        "post": projection.post,
        **described,
        "parameters": asked | described.get("parameters", {}),
        "shape": [graph.population(name).size for name in (projection.post, projection.pre)],
    }, arrays


def _listed(stored: _Stored) -> Made:
    """Any connection: a Sparse, whose synapses are listed."""
    scale = 2.0 ** (ALIGN + stored.exponent) if stored.integers else 1.0
    pre, post, weights, delays = listed(stored.projection)
    weights = np.rint(weights / scale).astype(np.int64) if stored.integers else weights
    arrays = {"pre": pre, "post": post, "weights": weights}
    if stored.delayed:
        arrays["delays"] = np.asarray(delays, np.int64)
    return {"process": "DelaySparse" if stored.delayed else "Sparse"}, arrays


def _dense(stored: _Stored) -> Made:
    arrays = {"weights": stored.weights.T}
    if stored.delayed:
        delays = np.broadcast_to(stored.projection.delay, stored.weights.shape)
        arrays["delays"] = np.ascontiguousarray(delays.T.astype(np.int64))
    return {"process": "DelayDense" if stored.delayed else "Dense"}, arrays


def _conv(stored: _Stored) -> Made:
    """A Conv where it is one: it has no delays, no pooling, and reads no exponent."""
    connection: Any = stored.projection.connection
    if stored.delayed or connection.pool is not None or stored.exponent < 0:
        return _listed(stored)
    weights = stored.weights << stored.exponent if stored.integers else stored.weights
    flipped = weights[::-1, ::-1]  # Lava convolves, where all else correlates
    parameters: dict[str, Any] = {
        "input_shape": list(connection.pre_shape),
        "stride": connection.stride,
        "padding": connection.padding,
        "weight_exp": 0,
    }
    kernel = np.ascontiguousarray(flipped.transpose(3, 0, 1, 2))
    return {"process": "Conv", "parameters": parameters}, {"weights": kernel}


# Connections that Lava has a Process for; all others are lists of synapses.
STORED: dict[type, Callable[[_Stored], Made]] = {Conv2d: _conv, Dense: _dense}


def mantissas(codes: Codes) -> Codes:
    """Codes as Lava's models keep them: even where signs are mixed, an exponent of at most 7."""
    held, exponent = codes.codes.astype(np.int64), codes.exponent
    up = max(exponent - LARGEST_EXPONENT, 0)
    if held.min() < 0 < held.max() and (held << up & 1).any():
        up += 1
    return Codes(held << up, exponent - up)


def solve(problem: GraphProblem, *, limit: float | None = None) -> GraphRun:
    """Run a graph on Lava, in precision float64 or chip.

    Parameters
    ----------
    problem : GraphProblem
    limit : float, optional
        Seconds after which Lava is given up.

    Raises
    ------
    InputError
        If Lava cannot run here, for what :func:`describe` refuses, when Lava fails (with its whole
        output as the cause), and when it is not done within `limit`.
    """
    LAVA.require()
    described, arrays = describe(problem.graph, problem.integers)
    given = given_to(problem)
    for name, values in given.items() if problem.integers else ():
        if problem.graph.population(name).unit.receives and (values % (1 << ALIGN)).any():
            odd = values[values % (1 << ALIGN) != 0].flat[0].item()
            raise InputError(
                f"lava: the current of {name!r} holds {odd}; expected multiples of {1 << ALIGN}, "
                "by which a LIF shifts what arrives"
            )
    if limit is None:
        limit = LEAST_SECONDS + SECONDS_PER_STEP * problem.steps * problem.batch
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        folder = Path(name)
        write_described(folder, described, arrays)
        np.savez(folder / "inputs.npz", steps=np.array(problem.steps), **given)
        files = [str(folder / file) for file in ("inputs.npz", "results.npz")]
        command = [sys.executable, "-m", BUILDER, str(folder), *files]
        try:
            watch.run(command, limit=limit, folder=folder, log=folder / "log.txt")
        except watch.CommandFailed as error:
            raise InputError(f"backend 'lava': {error}") from RuntimeError(error.output)
        with np.load(folder / "results.npz", allow_pickle=False) as file:
            return run_of_graph(problem, {key: file[key] for key in file.files})


def export_graph(
    problem: GraphProblem, directory: Path, progress: Progress | None = None
) -> list[Path]:
    """Write a graph, with what it is given, as a folder of Lava's stock Processes."""
    described, arrays = describe(problem.graph, problem.integers)
    words = {
        "tool": "Lava",
        "package": "lava-nc==0.10.0",
        "built": "stock Processes, joined",
        "more": "Python 3.10. A Process that raises makes Lava hang: stop it by hand.",
    }
    builder = Path(__file__).with_name("graph_builder.py")
    given = given_to(problem)
    return write_folder(directory, described, arrays, given, builder=builder, words=words)
