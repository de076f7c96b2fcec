"""Counter-based random numbers: a number is a function of what it is for.

Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as
1, 2, 3; SC 2011). One call turns a counter of four 32-bit words and a key of two
into four random words. Here

    counter = (unit // 4, step, layer, sample),  key = (seed low, seed high),

and unit j takes word j % 4. So the number that a unit draws at a step does not
depend on threads, on the batch, or on the engine.
"""

from __future__ import annotations

import numpy as np

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)  # Salmon et al. 2011, table 2
WEYL = (0x9E3779B9, 0xBB67AE85)  # golden ratio and sqrt(3) - 1, ibid.
# 24 bits fit a float32 mantissa: both precisions see the same number.
UNIFORM_SHIFT = 8
UNIFORM_SCALE = 2.0**-24


def philox4x32(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Four random words per counter.

    Parameters
    ----------
    counter : ndarray of uint32, shape (..., 4)
    key : two ints below 2**32

    Returns
    -------
    ndarray of uint32, shape (..., 4)
    """
    low = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = (counter[..., k].astype(np.uint64) for k in range(4))
    k0, k1 = key
    for _ in range(ROUNDS):
        p0 = np.uint64(MULTIPLIERS[0]) * c0
        p1 = np.uint64(MULTIPLIERS[1]) * c2
        c0, c1, c2, c3 = (
            (p1 >> np.uint64(32)) ^ c1 ^ np.uint64(k0),
            p1 & low,
            (p0 >> np.uint64(32)) ^ c3 ^ np.uint64(k1),
            p0 & low,
        )
        k0, k1 = (k0 + WEYL[0]) & 0xFFFFFFFF, (k1 + WEYL[1]) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], axis=-1).astype(np.uint32)


def split_seed(seed: int) -> tuple[int, int]:
    """The two key words of a seed below 2**64."""
    return seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF


def uniforms(seed: int, samples: np.ndarray, layer: int, units: int, step: int) -> np.ndarray:
    """Uniform numbers in [0, 1) of one layer at one step, shape (len(samples), units), float64.

    Parameters
    ----------
    seed : int, below 2**64
    samples : ndarray of int, shape (batch,)
        The identity of each sample, below 2**32.
    layer, units, step : int
    """
    groups = -(-units // 4)
    counter = np.empty((len(samples), groups, 4), dtype=np.uint32)
    counter[..., 0] = np.arange(groups)
    counter[..., 1] = step
    counter[..., 2] = layer
    counter[..., 3] = np.asarray(samples)[:, None]
    words = philox4x32(counter, split_seed(seed)).reshape(len(samples), 4 * groups)[:, :units]
    return (words >> np.uint32(UNIFORM_SHIFT)) * UNIFORM_SCALE
