"""Random numbers of what is drawn on a chip, and rounding by them: SplitMix64, in plain numpy.

The kernels of :mod:`eqchip.emulator.kernels.random_rounding` are compared with this.
"""

from __future__ import annotations

import numpy as np

# SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators; OOPSLA 2014).
# Its state advances by GOLDEN; `mix` of the state is what it gives.
GOLDEN = np.uint64(0x9E3779B97F4A7C15)

# What random numbers of a connection are for. The second product of a copy has SECOND more.
STREAMS = 8
OF_BIASES, OF_TRACES, OF_DECAY, SECOND = 2, 3, 6, 4
OF_BITS, OF_MIRROR = 6, 7  # of mirror modes, where no copy decays


def mix(states: np.ndarray) -> np.ndarray:
    """The outputs of SplitMix64 in these states; uint64, of at least one axis, modulo 2**64."""
    z = states ^ (states >> np.uint64(30))
    z = z * np.uint64(0xBF58476D1CE4E5B9)
    z = z ^ (z >> np.uint64(27))
    z = z * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def stream(seed: int, sample: int, connection: int, number: int) -> np.ndarray:
    """The state that a stream of random numbers starts from, uint64, shape (1,)."""
    steps = np.array([sample + 1, STREAMS * connection + number + 1], np.uint64)
    of_sample = mix(np.array([seed], np.uint64) + GOLDEN * steps[:1])
    return mix(of_sample + GOLDEN * steps[1:])


def round_at_random(
    products: np.ndarray, shift: int, start: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """products / 2**shift, rounded up or down so that the mean is exact; shift up to 32.

    The random number of a product is the one that its number in the stream finds.
    """
    words = mix(start + GOLDEN * numbers.reshape(-1).astype(np.uint64)) >> np.uint64(32)
    below = words.astype(np.int64).reshape(numbers.shape) % (1 << shift)
    return (products + below) >> shift
