"""Networks to compare gradients in: fresh ones, and trained for a while."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description import notation
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import InputMode, Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.progress import Progress, Silent

MINIBATCH = 20
PRECISION: Precision = "float32"
# Of the initial weights above the first connection: with stronger ones the feedback alone would
# drive units to 0 and 1, and there would be little gradient to compare.
GAIN_ABOVE = 0.3


def fresh(layers: Sequence[notation.Entry], seed: int = 0) -> Network:
    """A network of these entries, its weights above the first connection scaled down."""
    drawn = Network.chain(notation.connections(layers), seed=seed)
    weights = [drawn.weights[0], *(GAIN_ABOVE * w for w in drawn.weights[1:])]
    return Network.chain(drawn.connections, weights=weights, biases=drawn.biases)


def train(
    network: Network,
    x: np.ndarray,
    y: np.ndarray,
    *,
    coding: Coding,
    learning: Learning,
    rate: float,
    epochs: int,
    input: InputMode = "current",
    seed: int = 0,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Network:
    """The network after some epochs of Equilibrium Propagation, by Adam at a falling rate.

    From any weights, which :class:`eqchip.emulator.training.trainer.Trainer` does not start from.

    Parameters
    ----------
    x, y : ndarray
        Inputs (samples, n_in) and targets (samples, n_out).
    rate : float
        Of Adam at the start; it falls to 0 as half a cosine.
    """
    progress = progress or Silent()
    lowered = lower(network, np.dtype(PRECISION))
    descent = Descent(network, lowered, learning.rule, optimizer="adam", threads=threads)
    rng = np.random.default_rng(seed)
    minibatches = len(x) // MINIBATCH
    total = epochs * minibatches
    with progress.bar("Training", total) as bar:
        for n in range(total):
            if n % minibatches == 0:
                order = rng.permutation(len(x))
            chosen = order[(n % minibatches) * MINIBATCH :][:MINIBATCH]
            run = solve(
                pose(
                    network, x[chosen], coding=coding, phases=learning.phases(y[chosen]),
                    input=input, precision=PRECISION, seed=seed, samples=chosen,
                ),
                threads=threads, lowered=lowered, plasticity=descent.rule.plasticity,
            )  # fmt: skip
            now = rate * 0.5 * (1.0 + math.cos(math.pi * n / total))
            descent.update(run, learning.beta, [now] * len(network.connections))
            bar.advance()
    return descent.trained()
