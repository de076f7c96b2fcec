"""Random numbers that what is written on a chip is rounded by: counters, mixed.

A random number belongs to a seed, a sample, a connection, a stream (what it is for) and an index.
The twin that is written to be read is in `eqchip.backends.reference.random_rounding`.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.kernels.jit import inlined

# SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators; OOPSLA 2014).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
ROUNDING_BITS = 32  # of a random number that a product is rounded with

STREAMS = 8  # of random numbers of a connection
BIAS_STREAM, TRACE_STREAM = 2, 3
DECAY_STREAM = 6
# Copies that decay have no mirror mode, and the other way round.
NOISE_STREAM, MIRROR_STREAM = 6, 7


@inlined
def mix(number):
    """A random word of a counter: the finalizer of SplitMix64; uint64."""
    number = (number ^ (number >> SHIFTS[0])) * MIX_1
    number = (number ^ (number >> SHIFTS[1])) * MIX_2
    return number ^ (number >> SHIFTS[2])


@inlined
def stream_key(seed, sample, connection, stream):
    """The counter that the random numbers of a term start from."""
    number = mix(seed + GOLDEN * (np.uint64(sample) + np.uint64(1)))
    return mix(number + GOLDEN * np.uint64(STREAMS * np.int64(connection) + np.int64(stream) + 1))


@inlined
def round_at_random(product, shift, key, index):
    """product / 2**shift, rounded up or down at random so that its mean is exact."""
    word = mix(key + GOLDEN * np.uint64(index)) >> np.uint64(64 - ROUNDING_BITS)
    return (product + (np.int64(word) & ((np.int64(1) << shift) - np.int64(1)))) >> shift
