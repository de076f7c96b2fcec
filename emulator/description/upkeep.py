"""What keeps the two copies of a weight alike: while they are written, and now and then.

An :class:`Upkeep` is a row of :data:`UPKEEPS`. What is done once in ``OnChip.every`` samples is a
:class:`Tending`; training, the reference, the accounts and the processes of Lava each have a table
of what they do for a kind of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

FORWARD, MIRROR = COPIES = (0, 1)  # of a weight: that feed-forward spikes read, and feedback

# Of mirror modes; see OnChip. Chosen by the noise that they leave in a mirror, and the share by
# validation error (docs/on-chip-learning.md).
PRESENTATIONS = 128
FIRING_BITS = 8  # of a random word: in a presentation, a unit fires in two cases of 2**8
MIRROR_SHARE = 2.0**-5  # of the mirror that is learned anew, in the mean; falls with the rates
ALIGN_BITS = 8  # below the point of what is written with
NULL = 128  # the share of decay that null takes in information alignment, over 2**ALIGN_BITS


@dataclass(frozen=True)
class Tending:
    """What is done to copies once in a while.

    Attributes
    ----------
    writes : tuple of int
        The copies that it writes, weight by weight.
    of_kernels : bool
        Whether it can be done to a kernel of many places, which is no matrix.
    in_steps : bool
        Whether it takes time steps that all cores have in common.
    """

    writes: ClassVar[tuple[int, ...]]
    of_kernels: ClassVar[bool] = False
    in_steps: ClassVar[bool] = False


@dataclass(frozen=True)
class Shrink(Tending):
    """Both lose a share of what they hold (Kolen and Pollack 1994)."""

    writes = COPIES


@dataclass(frozen=True)
class Send(Tending):
    """The forward copy is sent, weight by weight, and takes the place of the mirror."""

    writes = (MIRROR,)
    of_kernels = True


@dataclass(frozen=True)
class MirrorMode(Tending):
    """The mirror is learned from what random spikes do over the forward copy; see `OnChip`.

    Attributes
    ----------
    null : int
        The share of decay that null takes, over 2**ALIGN_BITS: above 0, what the units above tell
        comes back over the mirror.
    """

    null: int = 0
    writes = (MIRROR,)
    in_steps = True


@dataclass(frozen=True)
class Upkeep:
    """What keeps two copies alike.

    Attributes
    ----------
    one_noise : bool
        Whether both copies round with the same random numbers.
    tells_changes : bool
        Whether a unit sends its change to the cores below, so that both copies are written by the
        products of the forward one.
    tending : Tending or None
        What is done once in ``OnChip.every`` samples.
    adjoint : bool
        Whether, in nudged phases, what differs from the free state crosses each copy the other way,
        so that the changes of units are the exact gradient whatever the copies are (`OnChip`).
    """

    one_noise: bool = False
    tells_changes: bool = False
    tending: Tending | None = None
    adjoint: bool = False

    @property
    def in_steps(self) -> bool:
        """Whether it takes time steps that all cores have in common."""
        return self.adjoint or (self.tending is not None and self.tending.in_steps)

    @property
    def keeps_equal(self) -> bool:
        """Whether no two copies ever differ."""
        return self.one_noise and self.tells_changes


# `OnChip.copies` -> what that is. A new upkeep is a row here, and a kernel where it tends copies in
# a way that nothing does yet.
UPKEEPS: dict[str, Upkeep] = {
    "independent": Upkeep(),
    "same-noise": Upkeep(one_noise=True),
    "decay": Upkeep(tending=Shrink()),
    "periodic": Upkeep(tending=Send()),
    "errors": Upkeep(one_noise=True, tells_changes=True),
    "asymmetric-ep": Upkeep(adjoint=True),
    "weight-mirror": Upkeep(tending=MirrorMode()),
    "information-alignment": Upkeep(tending=MirrorMode(NULL)),
}
