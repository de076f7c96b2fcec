"""How the contrasts of a kernel come together where a chip learns: at every place, or nowhere.

A :class:`Sharing` is a row of :data:`SHARINGS`. It concerns connections whose synapses have weights
in common, and those alone: what `OnChip.copies` says of the two copies of a weight is another
matter, and holds for either.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sharing:
    """How a kernel learns at many places.

    Attributes
    ----------
    summed : bool
        Whether the products of all places are added up before they are rounded, and a weight is
        written at most once for each; else every place writes its own, one after the other.
    apart : bool
        Whether every place writes a weight of its own, and all that share one are averaged when
        copies are tended (`OnChip.every`).
    """

    summed: bool
    apart: bool = False


# `OnChip.kernels` -> what that is.
SHARINGS: dict[str, Sharing] = {
    "keeper": Sharing(summed=True),
    "in-place": Sharing(summed=False),
    "averaged": Sharing(summed=False, apart=True),
}
