"""The random networks that codings are put to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError

RECORD_BYTES = 32_000_000  # of potentials recorded at a time; the result does not depend on it


def check_layers(where: str, layers: Sequence[int]) -> None:
    """Refuse layers that make no network.

    Raises
    ------
    InputError
    """
    if len(layers) < 2 or min(layers) < 1:
        raise InputError(
            f"{where}: layers are {'-'.join(map(str, layers))}; "
            "expected at least two, of at least one unit each, e.g. 500-500-10"
        )


def in_chunks(samples: int, bytes_each: int) -> Iterator[np.ndarray]:
    """The numbers of so many samples, as many at a time as `RECORD_BYTES` hold the records of.

    Examples
    --------
    >>> [part.tolist() for part in in_chunks(3, RECORD_BYTES // 2)]
    [[0, 1], [2]]
    """
    size = max(1, RECORD_BYTES // bytes_each)
    for first in range(0, samples, size):
        yield np.arange(first, min(first + size, samples))


def draw_network(
    layers: Sequence[int], seed: int, purpose: str, index: int
) -> tuple[Network, int, np.random.Generator]:
    """A network, a seed for its codings, and a generator for its inputs.

    Those of different purposes have nothing in common.
    """
    words = np.random.SeedSequence([seed, index, *purpose.encode()])
    network_seed, coding_seed = (int(word) for word in words.generate_state(2, np.uint64))
    return Network.dense(layers, seed=network_seed), coding_seed, np.random.default_rng(words)
