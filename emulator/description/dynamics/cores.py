"""A balanced layer over several cores: what a spike needs to get there."""

from __future__ import annotations

from dataclasses import dataclass

from eqchip.emulator.errors import check_whole


@dataclass(frozen=True)
class LayerCores:
    """The units in equal parts on so many cores, and the steps that a spike is on its way.

    Parameters
    ----------
    count : int
    within : int
        Steps from a unit to those of its own core: at least 1.
    across : int
        Steps to those of other cores: at least 1.
    jitter : int
        Up to so many steps more, drawn for each spike and core.

    Raises
    ------
    InputError

    Examples
    --------
    >>> LayerCores(4, across=3).longest
    3
    """

    count: int = 1
    within: int = 1
    across: int = 1
    jitter: int = 0

    def __post_init__(self) -> None:
        for name, least in (("count", 1), ("within", 1), ("across", 1), ("jitter", 0)):
            check_whole(f"LayerCores: {name}", getattr(self, name), least, 2**12)

    @property
    def longest(self) -> int:
        """Steps that a spike is on its way at most."""
        return max(self.within, self.across if self.count > 1 else 0) + self.jitter
