"""The reference of plasticity: weights that are written while the phases run, in plain numpy.

Samples run one after another. At the beginning of a step the spikes of the step before arrive,
layer by layer from the input on, and a kind of plasticity writes the weights that they cross; then
:mod:`eqchip.backends.reference.floating` takes the step with these.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.plasticity import Plasticity
from eqchip.emulator.problem.problem import Problem

# write(plasticity, problem, matrices, layers, layer): the bits layers[layer].q, shape (1, units),
# arrive; may change matrices[k], (n_pre, n_post), in place.
Write = Callable[[Any, Problem, list[np.ndarray], list[Any], int], None]
WRITES: dict[type[Plasticity], Write] = {}


def learn(
    problem: Problem, plasticity: Plasticity
) -> tuple[list[np.ndarray], list[list[np.ndarray]]]:
    """Run the samples of a problem, and write.

    Returns
    -------
    weights : list of ndarray, shape (n_pre, n_post)
        Per connection, when all samples are over.
    ends : list of list of ndarray
        As `Run.ends`: per phase and layer, shape (batch, units).
    """
    write = WRITES[type(plasticity)]
    matrices = [matrix.copy() for matrix in reference.constants(problem).matrices]
    ends: list[list[list[np.ndarray]]] = [[] for _ in problem.phases]
    for b in range(len(problem.x)):
        one = replace(
            problem,
            x=problem.x[b : b + 1],
            targets=tuple(y if y is None else y[b : b + 1] for y in problem.targets),
            samples=problem.samples[b : b + 1],
        )
        run = replace(reference.constants(one), matrices=matrices)
        state = free_end = reference.initial_state(one)
        row = 0
        for k, phase in enumerate(one.phases):
            if phase.from_free:
                state = copy.deepcopy(free_end)
            beta = phase.beta if isinstance(phase, Nudged) else None
            for _ in range(phase.steps):
                for layer in range(len(state.layers)):
                    write(plasticity, one, matrices, state.layers, layer)
                reference.time_step(state, run, one.targets[k], beta, row)
                row += 1
            ends[k].append([layer.s for layer in state.layers])
            if isinstance(phase, Free) and not phase.from_free:
                free_end = copy.deepcopy(state)
    return matrices, [
        [np.concatenate(layer) for layer in zip(*of_phase, strict=True)] for of_phase in ends
    ]
