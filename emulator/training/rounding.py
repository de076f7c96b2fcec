"""Weights rounded to a chip's codes so that sums stay what they are, not each by itself.

The sums that a unit receives err by ``x (W - Q)``, x being what the units below do. Rounded to
nearest, every weight errs by itself. Here the weights of a connection are rounded one row after the
other, and what a row errs is made good by the rows that are not rounded yet, as well as they can:
with ``H = X^T X / n + d`` of the potentials X of n samples and ``U`` the upper Cholesky factor of
its inverse, row i errs ``e = (W_i - Q_i) / U_ii`` and every later row j moves by ``- U_ij e``
(Frantar et al., GPTQ, ICLR 2023). The host does it, once; a chip sees codes and no more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.connections import Connection, Conv2d, Dense, row_of
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.inference import averaged_by_engine, inference_settings

DAMPING = 0.01  # of the mean square of a sum, added to each: GPTQ's
MOST_ROWS = 20_000  # of X: places of a map have many in common


def rounded_by_activity(
    network: Network, config: Config, fixed: FixedPoint, x: np.ndarray, threads: int | None = None
) -> Network:
    """A network of weights that are codes of a chip, rounded by what its units do.

    Parameters
    ----------
    network : Network
        A chain, without averages over windows: their kernels are merged from others.
    config : Config
        How it classifies.
    fixed : FixedPoint
        The exponents are those of :func:`~eqchip.emulator.description.fixedpoint.quantize`.
    x : ndarray, shape (n, n_in)
        Samples that it was trained on.
    threads : int, optional

    Returns
    -------
    Network
        With weights that `quantize` leaves as they are.

    Raises
    ------
    InputError
        For a connection that is none of these.
    """
    if len(network.connections) > network.chain_length:
        raise InputError("rounding by activity: the network has links; expected a chain of layers")
    run = solve(
        pose(network, **inference_settings(config, x, np.arange(len(x)))),
        threads=threads,
        average_steps=averaged_by_engine(config),
    )
    weights = []
    for k, connection in enumerate(network.connections):
        seen = row_of(SEEN, connection, "rounding by activity: connection")
        below = x if k == 0 else run.ends[0][k]
        rows = seen(connection, below.reshape(len(x), *network.layers[k]).astype(np.float64))
        held = network.weights[k].astype(np.float64)
        step = 2.0 ** (quantize(held, fixed).exponent - fixed.fraction_bits)
        flat = round_rows(held.reshape(-1, held.shape[-1]), rows, step, fixed.highest_code)
        weights.append(flat.reshape(held.shape).astype(network.weights[k].dtype))
    return replace(network, weights=tuple(weights))


def round_rows(weights: np.ndarray, seen: np.ndarray, step: float, most: int) -> np.ndarray:
    """Round weights to whole steps so that ``seen @ weights`` changes little.

    Parameters
    ----------
    weights : ndarray, shape (senders, channels)
    seen : ndarray, shape (n, senders)
    step : float
    most : int
        The largest code.

    Returns
    -------
    ndarray of float64, shape (senders, channels)

    Examples
    --------
    Two senders that always do the same: what the first loses, the second gains.

    >>> round_rows(np.array([[0.4], [0.4]]), np.array([[1.0, 1.0]] * 9), 1.0, 7).ravel().tolist()
    [0.0, 1.0]
    """
    moments = seen.T @ seen / len(seen)
    diagonal = np.diag_indices(len(moments))
    moments[diagonal] += DAMPING * moments[diagonal].mean() + np.finfo(np.float64).tiny
    order = np.argsort(-moments[diagonal], kind="stable")  # the busiest have most rows after them
    upper = np.linalg.cholesky(np.linalg.inv(moments[np.ix_(order, order)])).T
    left, found = weights[order].astype(np.float64), np.empty(weights.shape)
    for i, row in enumerate(order):
        found[row] = step * np.clip(np.rint(left[i] / step), -most, most)
        left[i + 1 :] -= np.outer(upper[i, i + 1 :], (left[i] - found[row]) / upper[i, i])
    return found


def _seen_dense(connection: Dense, below: np.ndarray) -> np.ndarray:
    return below.reshape(len(below), -1)


def _seen_conv(connection: Conv2d, below: np.ndarray) -> np.ndarray:
    """Of every place above, what its kernel sees, in the order of the kernel; some of them."""
    if connection.merged or connection.max_window:
        raise InputError(
            f"rounding by activity: {connection} pools; expected convolutions without windows"
        )
    pad, kernel = connection.padding, connection.synapse_kernel
    stride = connection.synapse_stride
    padded = np.pad(below, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    places = np.lib.stride_tricks.sliding_window_view(  # numpy's stubs know one axis only
        padded,
        (kernel, kernel),
        axis=(1, 2),  # type: ignore[call-overload]
    )
    places = places[:, ::stride, ::stride].transpose(0, 1, 2, 4, 5, 3)
    rows = places.reshape(-1, kernel * kernel * below.shape[-1])
    return rows[:: -(-len(rows) // MOST_ROWS)]


SEEN: dict[type[Connection], Callable[[Any, np.ndarray], np.ndarray]] = {
    Dense: _seen_dense,
    Conv2d: _seen_conv,
}
