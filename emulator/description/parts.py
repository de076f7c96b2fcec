"""Parts: which units of which layer stand together, on a core of a chip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eqchip.emulator.errors import InputError


@dataclass(frozen=True)
class Part:
    """Consecutive units of one layer.

    Attributes
    ----------
    layer : int
        0 is the input.
    first, units : int
        The first of them, counted in the flattened layer, and how many there are.
    """

    layer: int
    first: int
    units: int

    @property
    def end(self) -> int:
        """One past the last unit."""
        return self.first + self.units


def whole_layers(sizes: Sequence[int]) -> tuple[Part, ...]:
    """One part per layer."""
    return tuple(Part(layer, 0, int(units)) for layer, units in enumerate(sizes))


def check_parts(parts: Sequence[Part], sizes: Sequence[int]) -> tuple[Part, ...]:
    """The parts, if they cover every unit of every layer once and in order.

    Raises
    ------
    InputError
        Naming the first part that does not follow on the one before.
    """
    layer, unit = 0, 0
    for k, part in enumerate(parts):
        if layer < len(sizes) and unit == sizes[layer]:
            layer, unit = layer + 1, 0
        if layer == len(sizes) or (part.layer, part.first) != (layer, unit) or part.units < 1:
            wanted = f"layer {layer} from unit {unit} on" if layer < len(sizes) else "no more"
            raise InputError(f"parts: part {k} is {part}; expected {wanted}")
        unit = part.end
        if unit > sizes[layer]:
            raise InputError(
                f"parts: part {k} is {part}, but layer {layer} has {sizes[layer]} units"
            )
    if layer != len(sizes) - 1 or unit != sizes[-1]:
        raise InputError(
            f"parts: they end with layer {layer}, unit {unit}; "
            f"expected all of layers of {', '.join(map(str, sizes))} units"
        )
    return tuple(parts)


def bounds(parts: Sequence[Part], layers: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each layer's parts start in the list, (layers + 1,), and where parts end; int64."""
    counts = np.bincount([part.layer for part in parts], minlength=layers)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return starts, np.array([part.end for part in parts], np.int64)
