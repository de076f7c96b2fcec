"""What rounding to a chip's codes loses of the weights of a connection, counted and in words.

A connection has one exponent, so one large weight can leave no code but 0 to all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.fixedpoint import (
    FixedPoint,
    QuantizedWeights,
    quantize,
    quantize_at,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError

# Of the weights that are not 0, the share that may become 0, or be clipped, without being an error.
# A bell-shaped connection in 2 bits, the fewest there are, keeps about half of its weights.
MOST = 0.5


class Lost(NamedTuple):
    """What became of the weights of a connection.

    ``weights``: how many of them are not 0; ``vanished``: of these, how many have the code 0;
    ``clipped``: how many are larger than the largest code; ``largest``: the size of the largest;
    ``bits``: of a code.
    """

    weights: int
    vanished: int
    clipped: int
    largest: float
    bits: int

    @property
    def most(self) -> bool:
        """Whether more than the share `MOST` vanished, or was clipped."""
        return max(self.vanished, self.clipped) > MOST * self.weights

    def sentence(self, k: int) -> str:
        """Of connection k, counted from 1, in words.

        Examples
        --------
        >>> Lost(1280, 1279, 0, 200.0, 8).sentence(1)
        'connection 1: 1,279 of 1,280 weights round to 0 in 8 bits: the largest, of 200, sets the \
exponent'
        """
        if self.clipped > self.vanished:
            return (
                f"connection {k}: {self.clipped:,} of {self.weights:,} weights are clipped in "
                f"{self.bits} bits: the largest is {self.largest:g}"
            )
        return (
            f"connection {k}: {self.vanished:,} of {self.weights:,} weights round to 0 in "
            f"{self.bits} bits: the largest, of {self.largest:g}, sets the exponent"
        )


def lost(weights: np.ndarray, found: QuantizedWeights, fixed: FixedPoint) -> Lost:
    """What is lost of weights whose codes were found.

    Parameters
    ----------
    weights : ndarray of float
        Of what the synapses of a connection hold.
    found : QuantizedWeights
        Of these weights.
    fixed : FixedPoint
    """
    there = weights != 0.0
    return Lost(
        int(np.count_nonzero(there)),
        int(np.count_nonzero(there & (found.codes == 0))),
        found.saturated,
        float(np.abs(weights).max(initial=0.0)),
        fixed.weight_bits,
    )


def losses(
    network: Network, fixed: FixedPoint, exponents: Sequence[int] | None = None
) -> tuple[Lost, ...]:
    """What each connection of a network loses in a chip's integers.

    exponents: one per connection; by default each is chosen for its weights.
    """
    found = []
    for k, (connection, weights) in enumerate(
        zip(network.connections, network.weights, strict=True)
    ):
        synapses = connection.synapse_weights(weights.astype(np.float64))
        if exponents is None:
            codes = quantize(synapses, fixed)
        else:
            codes = quantize_at(synapses, exponents[k], fixed)
        found.append(lost(synapses, codes, fixed))
    return tuple(found)


def in_all(found: Sequence[Lost]) -> str:
    """Of a network, in words.

    Examples
    --------
    >>> in_all([Lost(20, 2, 1, 0.5, 8), Lost(10, 0, 0, 0.5, 8)])
    '2 of 30 weights round to 0, 1 is clipped'
    """
    weights, vanished, clipped = (
        sum(getattr(one, name) for one in found) for name in ("weights", "vanished", "clipped")
    )
    are = "is" if clipped == 1 else "are"
    return f"{vanished:,} of {weights:,} weights round to 0, {clipped:,} {are} clipped"


def said(found: Sequence[Lost]) -> list[str]:
    """A sentence of each connection that loses most of its weights."""
    return [one.sentence(k) for k, one in enumerate(found, start=1) if one.most]


def check_kept(what: str, found: Sequence[Lost]) -> None:
    """Refuse a network of which a connection loses most of its weights.

    Raises
    ------
    InputError
        Naming every such connection; `what` asks.
    """
    told = said(found)
    if told:
        raise InputError(
            f"{what}: {'; '.join(told)}; expected at most half in strict mode: smaller weights "
            "there, more weight_bits, or outliers left out of the choice of the exponent"
        )
