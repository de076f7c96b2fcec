"""One call to run a network on any engine."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, overload

from eqchip.backends import registry
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.graph.graph import Graph
from eqchip.emulator.description.modes import InputMode, Precision, Readout, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Phase
from eqchip.emulator.description.units import Unit
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import GraphRun
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.pose_graph import pose_graph
from eqchip.emulator.problem.run import Run
from eqchip.mapping.activity.cores import core_activity
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.paths import paths


@overload
def run(
    network: Network | MappedNetwork,
    x: Any,
    *,
    coding: Unit,
    phases: Sequence[Phase],
    input: InputMode = "spikes",
    precision: Precision = "float32",
    record: Collection[Recordable] = (),
    uniforms: Sequence[Any] | None = None,
    seed: int = 0,
    samples: Any = None,
    fixed: FixedPoint | None = None,
    strict: bool = False,
    backend: str = "emulator",
    timing: Asynchronous | None = None,
    readout: Readout = "squared-error",
    threads: int | None = None,
) -> Run: ...


@overload
def run(
    network: Graph,
    x: Any,
    *,
    steps: int | None = None,
    precision: Precision = "float32",
    record: Collection[str] = (),
    timing: Asynchronous | None = None,
    backend: str = "emulator",
    threads: int | None = None,
) -> GraphRun: ...


def run(
    network: Network | MappedNetwork | Graph,
    x: Any,
    *,
    coding: Unit | None = None,
    phases: Sequence[Phase] = (),
    steps: int | None = None,
    input: InputMode = "spikes",
    precision: Precision = "float32",
    record: Collection[Any] = (),
    uniforms: Sequence[Any] | None = None,
    seed: int = 0,
    samples: Any = None,
    fixed: FixedPoint | None = None,
    strict: bool = False,
    backend: str = "emulator",
    timing: Asynchronous | None = None,
    readout: Readout = "squared-error",
    threads: int | None = None,
) -> Run | GraphRun:
    """Run a network through phases of relaxation, or a graph of spiking units for some steps.

    Parameters
    ----------
    network : Network, MappedNetwork or Graph
        A mapped network (see :func:`eqchip.map_network`) also counts what every core did:
        ``run.cores``. A graph takes x, steps, precision, record, timing, backend and threads; see
        docs/networks.md.
    x : array_like, shape (batch, n_in)
        The clamped input, each value in [0, 1], or :class:`eqchip.Events`, the bits that it sends
        by itself, see docs/events.md. Of a graph, a dictionary by population, or what its
        only input is given: of an input, its spikes, of another population, a current into it. Each
        is an array (steps, batch, *units), or (batch, *units) for all steps, or, of an input,
        :class:`eqchip.Events`.
    coding : Unit
        What every unit computes: :class:`eqchip.Coding`, the EP unit, or the description of another
        kind.
    phases : sequence of Free and Nudged
        In their order; t, and with it every schedule, runs on from phase to phase.
    steps : int, optional
        Of a graph, where no array of x says how many.
    input : {"spikes", "current"}
        Whether the input is encoded into spikes like every other layer, or injected
        into the first hidden layer as a constant current from step 1 on.
    precision : {"float32", "float64", "chip"}
        ``"chip"``: the integers of a chip, see `fixed`. Of a graph, those of Loihi's neuron, which
        it must hold already: see :func:`eqchip.quantize`.
    record : collection of {"bits", "potentials", "events"}
        What to keep of every step. Memory then grows with the number of steps. Events: every
        tick and every message of an asynchronous run. Of a graph: "spikes", "potentials".
    uniforms : sequence of array_like, optional
        For Bernoulli codings: the uniform numbers in [0, 1] by hand, one array per
        layer (the input first) of shape (steps, batch, *units), a row per step run.
    seed : int
        Seed of the counter-based random numbers of Bernoulli codings.
    samples : sequence of int, optional
        The identity of each sample for the random numbers. Default: 0, 1, 2, ...
    fixed : FixedPoint, optional
        The arithmetic of precision ``"chip"``. Default: that of the chip that the network
        is mapped onto, or else ``FixedPoint()``.
    strict : bool, default False
        Whether a state that leaves the chip's range is an error; else it is clipped and
        counted in ``run.saturations``. In precision ``"chip"``, too, a connection more than half
        of whose weights round to 0 or are clipped.
    backend : {"emulator", "reference", "brian2", "lava", "discrete"}
        The event-driven engine, the plain numpy reference, or another simulator: Brian2 in
        float64, Lava in float64 and in a chip's integers. Those two are installed with
        ``pip install 'eqchip[brian2]'`` and, on Python 3.10, ``'eqchip[lava]'``.
    timing : Asynchronous, optional
        Clocks, delays, queues and faults of a chip without a global clock; see
        docs/asynchronous.md. Default: one clock for all. For the emulator, and for the slow
        backend ``"discrete"``, on SimPy.
    readout : {"squared-error", "cross-entropy"}
        What the last layer is. By default a part of the dynamics, which a nudge pulls towards its
        target. Of cross-entropy it is outside of them (Laborieux et al., Frontiers in
        Neuroscience 15, 2021): in a free phase its potentials are what it decodes, logits that
        nothing clips, and it sends nothing; when a nudged phase begins, its potentials become
        beta (y - softmax(logits)), a current into the layer below as long as the phase lasts. For
        the backends emulator and reference, with a dense last connection, not for a mapped network.
    threads : int, optional
        Of the emulator, and of no other backend. Default: all processors. The result does not
        depend on it.

    Returns
    -------
    Run, or GraphRun of a graph

    Raises
    ------
    InputError
        Naming the argument, its value, and what would be right.

    Examples
    --------
    >>> import numpy as np
    >>> from eqchip import Coding, Free, Network, Nudged
    >>> net = Network.dense([2, 1], weights=[[[0.5], [0.25]]])
    >>> found = run(net, [[1.0, 1.0]], coding=Coding.real_valued(), phases=[Free(30)])
    >>> found.ends[0][1].round(3).tolist()
    [[0.75]]
    """
    chosen = registry.backend(backend)
    if isinstance(network, Graph):
        _refuse_phases(coding, phases, input, uniforms, seed, samples, fixed, strict, readout)
        question = pose_graph(
            network, x, steps=steps, precision=precision, record=record, timing=timing
        )
        return chosen.solve_graph(question, threads)
    if steps is not None:
        raise InputError(
            f"run: steps is {steps!r}, which graphs have; expected phases, e.g. [Free({steps})]"
        )
    if coding is None:
        raise InputError("run: no coding; expected what every unit computes, e.g. Coding()")
    mapped: MappedNetwork | None = None
    if isinstance(network, MappedNetwork):
        mapped, network = network, network.network
        if readout == "cross-entropy":
            raise InputError(
                "run: readout 'cross-entropy' of a mapped network: a core has no softmax; "
                "expected 'squared-error', or a network that is not mapped"
            )
        if precision == "chip" and fixed is None:
            fixed = mapped.chip.arithmetic
    problem = pose(
        network,
        x,
        coding=coding,
        phases=phases,
        input=input,
        precision=precision,
        record=record,
        uniforms=uniforms,
        seed=seed,
        samples=samples,
        fixed=fixed,
        strict=strict,
        parts=mapped.bundles if mapped else (),
        timing=timing,
        paths=paths(mapped) if mapped is not None and timing is not None else None,
        readout=readout,
    )
    found = chosen.solve(problem, threads)
    return found if mapped is None else replace(found, cores=core_activity(mapped, found, input))


# What relaxations have and graphs have not, as `run` takes it, with what it is if nothing is said.
_OF_PHASES = {
    "coding": None,
    "phases": (),
    "input": "spikes",
    "uniforms": None,
    "seed": 0,
    "samples": None,
    "fixed": None,
    "strict": False,
    "readout": "squared-error",
}


def _refuse_phases(*given: Any) -> None:
    """Refuse what says how a network relaxes, given with a graph."""
    for (name, default), value in zip(_OF_PHASES.items(), given, strict=True):
        if type(value) is not type(default) or value != default:
            raise InputError(
                f"run: {name} is given with a graph, whose units say what they compute; expected "
                "x, steps, precision, record, timing, backend and threads"
            )
