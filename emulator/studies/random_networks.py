"""The random networks that codings are put to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError


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


def draw_network(
    layers: Sequence[int], seed: int, purpose: str, index: int
) -> tuple[Network, int, np.random.Generator]:
    """A network, a seed for its codings, and a generator for its inputs.

    Those of different purposes have nothing in common.
    """
    words = np.random.SeedSequence([seed, index, *purpose.encode()])
    network_seed, coding_seed = (int(word) for word in words.generate_state(2, np.uint64))
    return Network.dense(layers, seed=network_seed), coding_seed, np.random.default_rng(words)
