"""What a run's Processes recorded, as a Run, and the network that they learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from eqchip.backends.recorded import run_of
from eqchip.emulator.network import Network
from eqchip.emulator.problem import Problem, Run, check_saturations


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
