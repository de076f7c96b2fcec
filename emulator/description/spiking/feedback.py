"""The paths that an error takes to a hidden layer, and what writes their weights.

A :class:`FeedbackPath` is a row of :data:`FEEDBACKS`. Its weights B stand on the cores of the layer
that hears the error. They are those of the connection above, whose forward weights are W, or lead
from the outputs to every hidden layer. What is done to them once in ``OnChip.every`` samples is a
:class:`~eqchip.emulator.description.upkeep.Tending`, as of the copies of Equilibrium Propagation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from eqchip.emulator.description.upkeep import NULL, MirrorMode, Shrink, Tending

# The share of what activation alignment misses that a sample mends, at the highest rates.
ALIGN_SHARE = 2.0**-3


@dataclass(frozen=True)
class FeedbackPath:
    """What becomes of the weights B of a path.

    Attributes
    ----------
    begins : {"transpose", "random"}
        What they are before training.
    direct : bool
        Whether they lead from the outputs to every hidden layer, whatever lies between.
    gain : float
        The share of the transposed write of W that they get, rounded by the same random number.
    decay : float
        The share of themselves that W and B lose once in ``OnChip.every`` samples, at the highest
        learning rates: it falls as they do, and both are rounded by the same random number.
    aligns : bool
        Whether a sample whose errors write W also writes B, by what B misses of the drive of W:
        activation alignment (Kunin et al., ICML 2020), amp and sparse with one share and over the
        power of the input, so that B = W is at rest::

            B_m += share (y_m - B_m c) c / |c|**2      y = c W; c: spikes of the units below
    mode : MirrorMode or None
        The mirror mode that B is learned in, once in ``OnChip.every`` samples.
    settable : bool
        Whether gain and decay are settings; else they are what the path is.
    """

    begins: Literal["transpose", "random"] = "random"
    direct: bool = False
    gain: float = 0.0
    decay: float = 0.0
    aligns: bool = False
    mode: MirrorMode | None = None
    settable: bool = False

    @property
    def learns(self) -> bool:
        """Whether its weights are ever written: they then stand beside those that they copy."""
        return self.gain > 0 or self.aligns or self.mode is not None

    @property
    def is_aligned(self) -> bool:
        """Whether it takes spikes or messages of its own to be like the forward weights."""
        return self.aligns or self.mode is not None

    @property
    def returns(self) -> bool:
        """Whether what units above tell, to align it, crosses it: it is added up below."""
        return self.aligns or (self.mode is not None and self.mode.null > 0)

    @property
    def tending(self) -> Tending | None:
        """What is done once in ``OnChip.every`` samples."""
        return Shrink() if self.decay > 0 else self.mode


# A rule's `feedback` -> what that is; the reference and the kernels know what a path does, and not
# its name. A new path is a row.
FEEDBACKS: dict[str, FeedbackPath] = {
    "transpose": FeedbackPath("transpose", gain=1.0),
    "random": FeedbackPath(),
    "direct": FeedbackPath(direct=True),
    "kolen-pollack": FeedbackPath(gain=1.0, decay=0.02, settable=True),
    "ekdaa": FeedbackPath(gain=0.1, settable=True),
    "mirror": FeedbackPath(mode=MirrorMode()),
    "information": FeedbackPath(mode=MirrorMode(NULL)),
    "activation": FeedbackPath(aligns=True),
}
