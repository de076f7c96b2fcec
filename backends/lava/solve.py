"""The network on Lava (lava-nc 0.10, Python 3.10): Intel's process models, on the CPU.

A problem is compiled to a process graph (:mod:`eqchip.mapping.processes.graph`), written to a
temporary folder, and run by :mod:`eqchip.backends.lava.builder` in a Python process of its own,
because Lava hangs when a Process raises. All samples take one run, one after the other.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eqchip.backends.lava import watch
from eqchip.backends.lava.results import LearnedOnChip, read_network, read_on_chip, read_run
from eqchip.backends.packages import LAVA
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.rules import Rule
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.needs import check_needs, of_learning
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.mapping.processes.graph import ProcessGraph, process_graph, process_inputs
from eqchip.mapping.processes.learning import with_learning
from eqchip.mapping.processes.onchip import with_on_chip_learning
from eqchip.mapping.processes.stock import with_stock_dense

PREFIX = "eqchip-lava-"
BUILDER = "eqchip.backends.lava.builder"
# A step of a small network takes about 1 ms, of 784-500-10 about 2; a hang takes for ever.
LEAST_SECONDS, SECONDS_PER_STEP = 60.0, 0.05


def check_learning(problem: Problem) -> None:
    """Refuse to learn where not every pair of units has a weight of its own.

    Raises
    ------
    InputError
        Naming the connection.
    """
    for k, connection in enumerate(problem.network.connections):
        if not connection.all_to_all:
            raise InputError(
                f"backend 'lava': learning with connection {k + 1} ({connection}), whose "
                f"{connection.label} weights a SymDense holds written out; expected Dense"
            )


def solve(problem: Problem, *, limit: float | None = None, stock_dense: bool = False) -> Run:
    """Run a problem on Lava.

    Parameters
    ----------
    problem : Problem
        Precision float64 or chip, quantizer sigma-delta or Bernoulli, no maximum pooling.
    limit : float, optional
        Seconds after which Lava is given up. Default: 60, and 0.05 per step and sample.
    stock_dense : bool, default False
        Whether Lava's own Dense processes, two per connection, stand in for SymDense.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If Lava cannot run here, for what the processes do not compute, when Lava fails (with
        its whole output as the cause), and when it is not done within `limit`.
    """
    LAVA.require()
    graph = process_graph(problem)
    if stock_dense:
        graph = with_stock_dense(graph)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        _run(problem, graph, Path(name), limit)
        return read_run(problem, Path(name))


def train(
    problem: Problem,
    *,
    beta: float,
    lr: float | Sequence[float],
    rule: str | Rule = "full",
    limit: float | None = None,
) -> tuple[Run, Network]:
    """Learn from the samples of a problem, one after the other, all inside one run of Lava.

    Parameters
    ----------
    problem : Problem
        Precision float64, input ``"spikes"``, the phases of one sample's training; dense.
    beta, lr, rule
        As for :func:`eqchip.contrast`; a minibatch is one sample.
    limit : float, optional
        As for :func:`solve`.

    Returns
    -------
    Run, Network
        What was seen while learning, and what was learned.
    """
    LAVA.require()
    check_learning(problem)
    graph = with_learning(process_graph(problem), problem, beta=beta, lr=lr, rule=rule)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        _run(problem, graph, Path(name), limit)
        return read_run(problem, Path(name)), read_network(problem, Path(name))


def train_on_chip(
    config: Config,
    network: Network,
    x: np.ndarray,
    targets: np.ndarray,
    *,
    rates: Sequence[float],
    seed: int,
    samples: np.ndarray,
    limit: float | None = None,
) -> LearnedOnChip:
    """Learn on the chip from samples, one after another, all inside one run of Lava.

    As an epoch of training on the chip does from its start: the copies are tended after every
    ``on_chip.every`` samples and after the last one.

    Parameters
    ----------
    config : Config
        With its `on_chip`; its seed is that of the rounding.
    network : Network
        What is learned from at first; dense.
    x, targets : ndarray, shape (samples, n_in) and (samples, n_out)
    rates : sequence of float
        Learning rates, one per connection.
    seed : int
        Of the Bernoulli numbers of the phases.
    samples : ndarray of int64, shape (samples,)
        The identity of each sample for these numbers.
    limit : float, optional
        As for :func:`solve`.

    Returns
    -------
    LearnedOnChip

    Raises
    ------
    InputError
        As for :func:`solve`; for a configuration that does not learn on a chip, and for
        minibatches, and for what a core sees, copies and inputs that the processes do not know.
    """
    LAVA.require()
    problem, graph = on_chip_graph(
        config, network, x, targets, rates=rates, seed=seed, samples=samples
    )
    exponents = {node.connection: node.exponent for node in graph.connections}
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name:
        _run(problem, graph, Path(name), limit)
        return read_on_chip(problem, list(exponents.values()), Path(name))


def on_chip_graph(
    config: Config,
    network: Network,
    x: np.ndarray,
    targets: np.ndarray,
    *,
    rates: Sequence[float],
    seed: int,
    samples: np.ndarray,
) -> tuple[Problem, ProcessGraph]:
    """The problem and the process graph of :func:`train_on_chip`; needs no Lava."""
    onchip, learning = config.on_chip, config.learning
    if onchip is None:
        raise InputError(
            "backend 'lava': on_chip is None; expected a configuration that learns on a chip"
        )
    if config.descent.minibatch > 1:
        raise InputError(
            f"backend 'lava': minibatch is {config.descent.minibatch}; expected 1: in its "
            "processes spikes read what is stored at once"
        )
    check_needs("backend 'lava'", of_learning(learning), ())
    problem = pose(
        network,
        x,
        coding=config.coding,
        phases=learning.phases(targets),
        input=config.input,
        precision="chip",
        fixed=onchip.fixed,
        seed=seed,
        samples=samples,
        record=("bits", "potentials"),
    )
    return problem, with_on_chip_learning(
        process_graph(problem),
        problem,
        onchip=onchip,
        learning=learning,
        rates=rates,
        seed=config.seed,
    )


def _run(problem: Problem, graph: ProcessGraph, folder: Path, limit: float | None) -> None:
    """Run a graph in a process of its own; its layers write to the folder."""
    if limit is None:
        limit = LEAST_SECONDS + SECONDS_PER_STEP * problem.steps * len(problem.x)
    graph.save(folder)
    inputs = folder / "inputs.npz"
    process_inputs(problem).save(inputs)
    command = [sys.executable, "-m", BUILDER, str(folder), str(inputs), str(folder)]
    try:
        watch.run(command, limit=limit, folder=folder, log=folder / "log.txt")
    except watch.CommandFailed as error:
        raise InputError(f"backend 'lava': {error}") from RuntimeError(error.output)
