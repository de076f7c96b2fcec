"""Descent along the contrast: stochastic gradients with momentum, or Adam."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import get_args

import numpy as np

from eqchip.emulator.description.learning import Optimizer, check_decay
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.rules import Rule, rule_of
from eqchip.emulator.engine.lowering import write_weights
from eqchip.emulator.errors import InputError, check_number
from eqchip.emulator.kernels import learning as kernels
from eqchip.emulator.kernels.learning import Matrix, Terms
from eqchip.emulator.kernels.lowered import (
    Lowered,
    layer_units,
    mirror_rows,
    weight_rows,
)
from eqchip.emulator.learning.contrast import (
    bias_contrast,
    segment_contrast,
    share_rows,
    shared_of,
    terms_of,
)
from eqchip.emulator.learning.rules import contrasted
from eqchip.emulator.problem.run import Run
from eqchip.emulator.threads import resolve_threads

# Kingma and Ba (2015): the decays of the two means, and what keeps the root from 0.
ADAM = (0.9, 0.999, 1e-8)


class Descent:
    """Descent along the contrast, written straight into a lowered network.

    Parameters
    ----------
    network : Network
        What `lowered` holds.
    lowered : Lowered
        Its weights, mirrored weights and biases are updated in place.
    rule : str or Rule
    optimizer : {"sgd", "adam"}
        Stochastic gradient descent, or Adam (Kingma and Ba 2015).
    momentum : float
        Of stochastic gradient descent, in [0, 1); 0 for none.
    weight_decay : float
        Times the rate, the share that every weight loses at an update; at least 0, and times the
        largest rate at most 1.
    threads : int, optional

    Attributes
    ----------
    weights : list of ndarray
        The stored weights of every connection, of its ``weight_shape``.
    biases : list of ndarray
        Per connection of the chain, those of the layer above, shape (units,).
    moments : list of list of ndarray
        What the optimizer remembers, per connection: for the weights, then for the biases above,
        which those of the chain bring.
        Velocities, or Adam's two means; of the shape of what they belong to.
    updates : int
        Minibatches learned from.
    """

    def __init__(
        self,
        network: Network,
        lowered: Lowered,
        rule: str | Rule,
        *,
        optimizer: Optimizer = "sgd",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        threads: int | None = None,
    ) -> None:
        if optimizer not in get_args(Optimizer):
            raise InputError(
                f"optimizer is {optimizer!r}; expected one of {', '.join(get_args(Optimizer))}"
            )
        if not 0.0 <= momentum < 1.0:
            raise InputError(f"momentum is {momentum!r}; expected at least 0 and below 1")
        if optimizer == "adam" and momentum:
            raise InputError(
                f"momentum is {momentum!r} with optimizer 'adam', which has its own; expected 0"
            )
        check_number("weight_decay", weight_decay)
        if not 0.0 <= weight_decay < math.inf:
            raise InputError(
                f"weight_decay is {weight_decay!r}; expected a finite number of at least 0"
            )
        self.network, self.lowered, self.rule = network, lowered, rule_of(rule)
        self.optimizer, self.momentum, self.weight_decay = optimizer, momentum, weight_decay
        self.threads = resolve_threads(threads)
        self.updates = 0
        self._gains = network.feedback_gains
        self._shared = shared_of(network, lowered)
        self._shares = [network.share_of_signal(k) for k in range(len(network.connections))]
        self._terms: list[Terms | None] = [None] * len(network.connections)  # memory, used again
        dtype = lowered.weights.dtype
        self.weights: list[np.ndarray] = []
        for k, connection in enumerate(network.connections):
            if connection.all_to_all:  # its rows are the stored weights
                self.weights.append(weight_rows(lowered, k)[:, : connection.weight_shape[1]])
            else:
                self.weights.append(network.weights[k].astype(dtype))
        self._matrices = {
            k: self._matrix(k)
            for k, connection in enumerate(network.connections)
            if connection.all_to_all
        }
        self.biases = [
            layer_units(lowered, lowered.biases, k + 1) for k in range(network.chain_length)
        ]
        self._kept = 2 if optimizer == "adam" else int(momentum > 0)
        self.moments = [
            [
                np.zeros(values.shape, dtype)
                for values in (weights, *self.biases[k : k + 1])
                for _ in range(self._kept)
            ]
            for k, weights in enumerate(self.weights)
        ]

    def trained(self) -> Network:
        """The network as it is now."""
        return Network(
            self.network.layers,
            self.network.connections,
            tuple(weights.copy() for weights in self.weights),
            tuple(
                biases.reshape(shape).copy()
                for biases, shape in zip(self.biases, self.network.layers[1:], strict=True)
            ),
            self.network.feedback_shifts,
            joined=self.network.joined,
        )

    def write(self, k: int) -> None:
        """Bring the lowered rows of connection k up to date with its stored weights."""
        connection, gain = self.network.connections[k], self._gains[k]
        if not connection.all_to_all:
            write_weights(self.lowered, k, connection, self.weights[k], gain)
        elif self.network.sends_back(k):
            mirrored = mirror_rows(self.lowered, k)[:, : connection.weight_shape[0]]
            np.multiply(self.weights[k].T, self.weights[k].dtype.type(gain), out=mirrored)

    def update(self, run: Run, beta: float, rates: Sequence[float]) -> None:
        """Learn from the run of one minibatch, with one rate per connection.

        Raises
        ------
        InputError
            If the run lacks a phase that the rule contrasts, or a rate is too large for
            `weight_decay`; no weight is changed then.
        """
        found = contrasted(run, beta, self.rule)
        check_decay(self.weight_decay, max(rates, default=0.0))
        self.updates += 1
        with np.errstate(over="ignore"):  # weights that leave their range are refused as such
            factors = [
                self._factors(rate, found.scale / share, found.batch)
                for rate, share in zip(rates, self._shares, strict=True)
            ]
        for k, connection in enumerate(self.network.connections):
            of_weights, of_biases = self._moments_of(k)
            kept = self.lowered.weights.dtype.type(1.0 - rates[k] * self.weight_decay)
            terms = terms_of(self.network, self.lowered, k, found, self.threads, self._terms[k])
            self._terms[k] = terms
            if connection.all_to_all:
                self._update_rows(k, kept, factors[k], of_weights, terms)
            else:
                if kept != 1:
                    self.weights[k] *= kept
                gradient = segment_contrast(
                    self.lowered, k, connection, terms, self._shared[k], self.threads
                )
                self._apply(self.weights[k], of_weights, gradient, factors[k])
                self.write(k)
            if k < self.network.chain_length:
                change = bias_contrast(connection, found, k)
                self._apply(self.biases[k], of_biases, change, factors[k])

    def _moments_of(self, k: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
        return self.moments[k][: self._kept], self.moments[k][self._kept :]

    def _factors(self, rate: float, scale: float, batch: int) -> np.ndarray:
        dtype = self.lowered.weights.dtype
        if self.optimizer == "sgd":
            return np.array([rate * scale / batch, self.momentum], dtype)
        first, second, least = ADAM
        powers = (1.0 - first**self.updates, 1.0 - second**self.updates)
        return np.array([rate, scale / batch, first, second, *powers, least], dtype)

    def _apply(
        self,
        values: np.ndarray,
        moments: list[np.ndarray],
        gradient: np.ndarray,
        factors: np.ndarray,
    ) -> None:
        """Move values, shaped as the gradient."""
        if self.optimizer == "adam":
            flat = [array.reshape(-1) for array in (values, *moments, gradient)]
            kernels.adam_flat(*flat, factors)
            return
        change = factors[0] * gradient
        if moments:
            velocity = moments[0]
            velocity *= factors[1]
            velocity += change
            change = velocity
        values += change

    def _update_rows(
        self,
        k: int,
        kept: np.floating,
        factors: np.ndarray,
        moments: list[np.ndarray],
        terms: Terms,
    ) -> None:
        """Move the weights of a dense connection, row by row, and their mirror."""
        kernel: Callable[..., None] = kernels.update_rows
        if self.optimizer == "adam":
            kernel = kernels.adam_rows
        elif moments:
            kernel = kernels.momentum_rows
        matrix = self._matrices[k]
        work = partial(kernel, matrix, *moments, kept, factors)
        share_rows(work, terms, len(matrix.weights), self.threads)

    def _matrix(self, k: int) -> Matrix:
        """The weights of a dense connection, and their mirror, as kernels take them: views."""
        weights, columns = weight_rows(self.lowered, k), self.weights[k].shape[1]
        hears = self.network.sends_back(k)
        mirror = mirror_rows(self.lowered, k)[:columns] if hears else weights[:0]
        return Matrix(weights, columns, mirror, weights.dtype.type(self._gains[k]))
