"""What learning has to go by, layer by layer: how far a nudge moves the potentials.

A network that learns by equilibrium propagation learns nothing where a nudge does not arrive. So
after every epoch the trainer asks a few training samples once more, with the weights of then, and
writes down three sizes a layer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.description.rules import Rule
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.rules import contrasted
from eqchip.emulator.problem.run import Run

PROBED = 50  # training samples: two or three minibatches of an epoch of thousands


class Signals(NamedTuple):
    """What a run tells of a layer, root mean squares over samples and units.

    Attributes
    ----------
    potential_by_layer : list of float
        Of the potentials that the free phase ends with, per layer above the input.
    nudged_change_by_layer : list of float
        Of the difference of the two ends that the rule contrasts, per layer above the input: the
        nudged phase and the free one, or the two nudged ones.
    contrast_by_connection : list of float
        Of the change that the samples ask of the stored weights, over that of the weights, per
        connection and unit of learning rate; empty of a rule that writes while its phases run.
    """

    potential_by_layer: list[float]
    nudged_change_by_layer: list[float]
    contrast_by_connection: list[float]


def signals_of(network: Network, run: Run, beta: float, rule: Rule) -> Signals:
    """Measure a run of the phases that a rule contrasts, of this network.

    Samples that were right and skipped have no nudged phase, and are left out; where all were, a
    layer's change is 0.

    Raises
    ------
    InputError
        If the run lacks a phase that the rule contrasts.
    """
    found = contrasted(run, beta, rule)
    return Signals(
        [_size(layer) for layer in run.ends[0][1:]],
        [_size(np.subtract(ends.plus, ends.minus, dtype=float)) for ends in found.layers[1:]],
        [] if rule.plasticity else _contrasts(network, run, beta, rule),
    )


def _contrasts(network: Network, run: Run, beta: float, rule: Rule) -> list[float]:
    changes = contrast(network, run, beta=beta, lr=1.0, rule=rule)
    sizes = zip(map(_size, changes.weights), map(_size, network.weights), strict=True)
    return [change / weights if weights else 0.0 for change, weights in sizes]


def _size(values: np.ndarray) -> float:
    """The root of the mean square; of nothing, 0."""
    return float(np.sqrt(np.mean(np.square(values, dtype=float)))) if values.size else 0.0
