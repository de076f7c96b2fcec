"""What a run's Processes recorded, as a Run, and what they learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from eqchip.backends.recorded import run_of
from eqchip.emulator.description.network import Network
from eqchip.emulator.problem.problem import Problem, check_saturations
from eqchip.emulator.problem.run import Run
from eqchip.mapping.processes.onchip import name_of


@dataclass(frozen=True, eq=False)
class LearnedOnChip:
    """What the cores did with some samples, and what they hold then.

    Attributes
    ----------
    run : Run
        Bits, potentials and counts of every sample, as it was learned from.
    stored : list of list of ndarray
        ``stored[k]``: of connection k the forward and, but in the first, the mirrored copy, int64,
        shape (n_pre, n_post): codes with ``accumulator_bits`` more below the point.
    exponents : list of int
    biases : list of ndarray
        States, int64; ``biases[k]`` those of layer k + 1.
    writes : ndarray of int64, shape (connections, 2, 3)
        Weights attempted, applied (a code changed) and saturated, in the forward and the mirrored
        copy, upkeep included.
    """

    run: Run
    stored: list[list[np.ndarray]]
    exponents: list[int]
    biases: list[np.ndarray]
    writes: np.ndarray


def read_run(problem: Problem, folder: Path) -> Run:
    """The Run of a problem from the files that its layers wrote."""
    sizes, batch = problem.network.sizes, len(problem.x)
    fixed = problem.fixed
    sent, potentials = [], []
    saturations = np.zeros((len(problem.phases), len(sizes)), np.int64)
    for layer, units in enumerate(sizes):
        if layer == 0 and problem.input == "current":
            x = problem.x if fixed is None else fixed.reals(fixed.states(problem.x))
            sent.append(np.zeros((problem.steps, batch, units), bool))
            potentials.append(np.repeat(x[None], problem.steps, axis=0))
            continue
        with np.load(folder / f"layer_{layer}.npz", allow_pickle=False) as file:
            sent.append(file["bits"] != 0)
            found = file["potentials"]
            potentials.append(found if fixed is None else fixed.reals(found))
            saturations[:, layer] = file["saturations"]
    check_saturations(problem, saturations)
    # An input that rounds to 0 injects nothing.
    asked = problem if fixed is None else replace(problem, x=fixed.states(problem.x))
    return replace(run_of(asked, sent, potentials), saturations=saturations)


def read_network(problem: Problem, folder: Path) -> Network:
    """The network of a problem with the weights and biases that its processes learned."""
    network, weights, biases = problem.network, [], []
    for k, connection in enumerate(network.connections, 1):
        with np.load(folder / f"dense_{k}.npz", allow_pickle=False) as file:
            weights.append(file["weights"].reshape(connection.weight_shape))
        with np.load(folder / f"layer_{k}.npz", allow_pickle=False) as file:
            biases.append(file["bias"].reshape(network.layers[k]))
    return replace(network, weights=tuple(weights), biases=tuple(biases))


def read_on_chip(problem: Problem, exponents: list[int], folder: Path) -> LearnedOnChip:
    """What the processes of a graph with on-chip learning wrote."""
    connections = len(problem.network.connections)
    stored: list[list[np.ndarray]] = []
    biases: list[np.ndarray] = []
    writes = np.zeros((connections, 2, 3), np.int64)
    for k in range(connections):
        stored.append([])
        for copy in range(1 if k == 0 else 2):
            mirror = copy == 1
            with np.load(folder / f"{name_of(k, mirror)}.npz", allow_pickle=False) as file:
                stored[k].append(file["stored"].T if mirror else file["stored"])
                writes[k, copy] = file["writes"]
        with np.load(folder / f"layer_{k + 1}.npz", allow_pickle=False) as file:
            biases.append(file["bias"])
    return LearnedOnChip(read_run(problem, folder), stored, exponents, biases, writes)
