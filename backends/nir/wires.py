"""What stands between units in a NIR graph: linear maps, one after the other, as one connection.

Shapes and units are counted as NIR does, channels first; `compose` gives them as eqchip does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends.nir.tree import Node
from eqchip.emulator.description.connections import (
    Connection,
    Conv2d,
    Dense,
    OneToOne,
    Sparse,
    SumPool2d,
)
from eqchip.emulator.errors import InputError

Shape = tuple[int, ...]
# What a file may ask for in a few bytes: maps that share weights are written out.
MOST_UNITS, MOST_SYNAPSES = 2**24, 2**26


@dataclass(frozen=True)
class Synapses:
    """A linear map as a list: ``out[post] += weight in[pre]``; no pair twice."""

    pre: np.ndarray
    post: np.ndarray
    weight: np.ndarray

    def then(self, other: Synapses, units: int) -> Synapses:
        """Itself, then another map over as many units as it leads to."""
        order = np.argsort(other.pre, kind="stable")
        counts = np.bincount(other.pre, minlength=units)
        starts = np.concatenate([[0], np.cumsum(counts)])
        mine = np.repeat(np.arange(len(self.pre)), counts[self.post])
        first = np.cumsum(counts[self.post]) - counts[self.post]
        within = np.arange(len(mine)) - np.repeat(first, counts[self.post])
        theirs = order[starts[self.post[mine]] + within]
        return _joined(self.pre[mine], other.post[theirs], self.weight[mine] * other.weight[theirs])


def _joined(pre: np.ndarray, post: np.ndarray, weight: np.ndarray) -> Synapses:
    """Synapses sorted by their units, those of a pair added."""
    width = int(post.max(initial=0)) + 1
    pair, place = np.unique(pre * width + post, return_inverse=True)
    return Synapses(pair // width, pair % width, np.bincount(place, weight, len(pair)))


class Mapped(NamedTuple):
    """What a wire makes of a shape: the shape that it leads to, and a map; None: the same units.

    bias: what it adds to each unit, or None. delay: seconds, per unit, or None.
    """

    shape: Shape
    synapses: Synapses | None = None
    bias: np.ndarray | None = None
    delay: np.ndarray | None = None


def _matrix(node: Node, shape: Shape) -> Mapped:
    """Linear and Affine: ``W x + b``, W (n_post, n_pre)."""
    weight = node.array("weight")
    if weight.ndim != 2 or weight.shape[1] != math.prod(shape):
        raise InputError(
            f"node {node.name!r} ({node.kind}): weight has shape {weight.shape}; expected "
            f"(units, {math.prod(shape)}), for {shape} lead to it"
        )
    post, pre = (index.ravel() for index in np.indices(weight.shape))
    bias = None
    if node.kind == "Affine":
        bias = _fitting(node, "bias", (weight.shape[0],))
    return Mapped((weight.shape[0],), Synapses(pre, post, weight.ravel()), bias)


def _fitting(node: Node, key: str, shape: Shape, default: Any = None) -> np.ndarray:
    """A parameter for units of a shape, flat; leading ones of its own shape mean nothing."""
    found = node.array(key, default)
    if found.size not in (1, math.prod(shape)):
        raise InputError(
            f"node {node.name!r} ({node.kind}): {key} has shape {found.shape}; expected {shape}"
        )
    return np.broadcast_to(found.reshape(-1), (math.prod(shape),))


def _scale(node: Node, shape: Shape) -> Mapped:
    unit = np.arange(math.prod(shape))
    return Mapped(shape, Synapses(unit, unit, _fitting(node, "scale", shape)))


def _delay(node: Node, shape: Shape) -> Mapped:
    return Mapped(shape, delay=_fitting(node, "delay", shape))


def _same(node: Node, shape: Shape) -> Mapped:
    return Mapped(shape)


def _flatten(node: Node, shape: Shape) -> Mapped:
    start, end = (node.whole(key, d, -len(shape)) for key, d in (("start_dim", 0), ("end_dim", -1)))
    dims = len(shape)
    start, end = start % dims, end % dims
    if start > end:
        raise InputError(f"node {node.name!r} (Flatten): start_dim is behind end_dim; expected not")
    joined = math.prod(shape[start : end + 1])
    return Mapped((*shape[:start], joined, *shape[end + 1 :]))


def _places(node: Node, size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """Places of a map along one axis."""
    found = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 if stride else 0
    if not 1 <= found <= MOST_UNITS:
        raise InputError(
            f"node {node.name!r} ({node.kind}): {max(found, 0)} of {size} places are left with "
            f"kernel {kernel}, stride {stride}, padding {padding}, dilation {dilation}; expected "
            f"1 to {MOST_UNITS}"
        )
    return found


def _padding(node: Node, kernel: tuple[int, int], dilation: tuple[int, int]) -> tuple[int, int]:
    padding = node.values.get("padding", 0)
    if isinstance(padding, str) and padding == "valid":
        return (0, 0)
    if isinstance(padding, str) and padding == "same":
        reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        if any(r % 2 for r in reach):
            raise InputError(
                f"node {node.name!r} ({node.kind}): padding 'same' with an even kernel is not the "
                "same on both sides; expected an odd kernel"
            )
        return reach[0] // 2, reach[1] // 2
    return node.pair("padding", 0)


def _conv2d(node: Node, shape: Shape) -> Mapped:
    if len(shape) != 3:
        raise InputError(
            f"node {node.name!r} ({node.kind}): units of shape {shape} lead to it; expected "
            "(channels, height, width)"
        )
    return _conv(node, shape, node.array("weight"))


def _conv1d(node: Node, shape: Shape) -> Mapped:
    """As Conv2d, of height 1."""
    if len(shape) != 2:
        raise InputError(
            f"node {node.name!r} (Conv1d): units of shape {shape} lead to it; expected "
            "(channels, places)"
        )
    values = dict(node.values)
    for key, one in (("stride", 1), ("dilation", 1), ("padding", 0)):
        if not isinstance(node.values.get(key), str):
            values[key] = np.array([one, node.whole(key, one)])
    weight = node.array("weight")
    if weight.ndim != 3:
        raise InputError(
            f"node {node.name!r} (Conv1d): weight has shape {weight.shape}; expected 3 axes"
        )
    wide = Node(node.name, node.kind, values)
    mapped = _conv(wide, (shape[0], 1, shape[1]), weight[:, :, None])
    return mapped._replace(shape=(mapped.shape[0], mapped.shape[2]))


def _conv(node: Node, shape: Shape, weight: np.ndarray) -> Mapped:
    channels, height, width = shape
    groups = node.whole("groups", 1)
    if weight.ndim != 4 or groups < 1 or weight.shape[0] % groups:
        raise InputError(
            f"node {node.name!r} ({node.kind}): weight has shape {weight.shape} in {groups} "
            "groups; expected (channels, channels below, height, width)"
        )
    above, own, *kernel = weight.shape
    if own * groups != channels:
        raise InputError(
            f"node {node.name!r} ({node.kind}): weight has shape {weight.shape} in {groups} "
            f"groups; expected {channels // groups} channels below"
        )
    stride, dilation = node.pair("stride", 1), node.pair("dilation", 1)
    padding = _padding(node, (kernel[0], kernel[1]), dilation)
    places = [
        _places(node, *axis)
        for axis in zip((height, width), kernel, stride, padding, dilation, strict=True)
    ]
    count = above * math.prod(places) * own * math.prod(kernel)
    if count > MOST_SYNAPSES:
        raise InputError(
            f"node {node.name!r} ({node.kind}): {count} synapses, written out; expected at most "
            f"{MOST_SYNAPSES}"
        )
    out = np.arange(above)[:, None, None, None]  # axes: channel above, row, column, channel below
    row = np.arange(places[0])[None, :, None, None]
    column = np.arange(places[1])[None, None, :, None]
    below = np.arange(own)[None, None, None, :] + out // (above // groups) * own
    post = (out * places[0] + row) * places[1] + column
    found = []
    for a, b in np.ndindex(kernel[0], kernel[1]):
        i = row * stride[0] + a * dilation[0] - padding[0]
        j = column * stride[1] + b * dilation[1] - padding[1]
        there = (i >= 0) & (i < height) & (j >= 0) & (j < width)
        full = np.broadcast_arrays(
            (below * height + i) * width + j, post, weight[:, :, a, b][:, None, None, :], there
        )
        kept = full[3].ravel()
        found.append([array.ravel()[kept] for array in full[:3]])
    pre, post, values = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    bias = _fitting(node, "bias", (above,), np.zeros(above))
    return Mapped(
        (above, *places), _joined(pre, post, values), np.repeat(bias, places[0] * places[1])
    )


def _pool(node: Node, shape: Shape) -> Mapped:
    if len(shape) != 3:
        raise InputError(
            f"node {node.name!r} ({node.kind}): units of shape {shape} lead to it; expected "
            "(channels, height, width)"
        )
    kernel = node.pair("kernel_size")
    if not (1 <= kernel[0] <= shape[1] and 1 <= kernel[1] <= shape[2]):
        raise InputError(
            f"node {node.name!r} ({node.kind}): kernel_size is {kernel}; expected at least 1, and "
            f"no more than the map of {shape[1]} x {shape[2]}"
        )
    weight = np.ones((shape[0], 1, *kernel))
    if node.kind == "AvgPool2d":
        weight /= kernel[0] * kernel[1]
    values = {"stride": kernel, **node.values, "groups": shape[0]}
    mapped = _conv(Node(node.name, node.kind, values), shape, weight)
    return mapped._replace(bias=None)


WIRES: dict[str, Callable[[Node, Shape], Mapped]] = {
    "Affine": _matrix,
    "AvgPool2d": _pool,
    "Conv1d": _conv1d,
    "Conv2d": _conv2d,
    "Delay": _delay,
    "Flatten": _flatten,
    "Linear": _matrix,
    "Scale": _scale,
    "SumPool2d": _pool,
    "Wire": _same,
    "Input": _same,
    "Output": _same,
}


def eqchip_order(shape: Shape) -> np.ndarray:
    """The number in eqchip of each unit as NIR counts them: channels stand last there."""
    if len(shape) != 3:
        return np.arange(math.prod(shape))
    return np.argsort(np.arange(math.prod(shape)).reshape(shape).transpose(1, 2, 0).ravel())


def eqchip_shape(shape: Shape) -> Shape:
    """A shape with its channels last."""
    return (*shape[1:], shape[0]) if len(shape) == 3 else shape


def as_connection(
    wires: list[Node], synapses: Synapses | None, pre: Shape, post: Shape
) -> tuple[Connection, np.ndarray]:
    """A connection and its weights in eqchip's order, of the most telling kind that fits."""
    sizes = math.prod(pre), math.prod(post)
    if synapses is None:
        return OneToOne(sizes[0]), np.ones(sizes[0])
    first, last = eqchip_order(pre)[synapses.pre], eqchip_order(post)[synapses.post]
    mixing = [w for w in wires if w.kind not in ("Flatten", "Wire", "Delay", "Input", "Output")]
    kind = mixing[0].kind if len(mixing) == 1 else ""
    if kind in TELLING:
        found = TELLING[kind](mixing[0], pre, post)
        if found is not None:
            return found
    if kind in ("Linear", "Affine"):
        matrix = np.zeros(sizes)
        matrix[first, last] = synapses.weight
        return Dense(*sizes), matrix
    if kind == "Scale":
        weights = np.zeros(sizes[0])
        weights[first] = synapses.weight
        return OneToOne(sizes[0]), weights
    kept = synapses.weight != 0
    if not kept.any():
        raise InputError(f"node {wires[0].name!r}: all weights from it on are 0; expected some")
    order = np.lexsort((last[kept], first[kept]))
    edges = Sparse.from_edges(*sizes, first[kept], last[kept])
    return edges, synapses.weight[kept][order]


def _as_conv(node: Node, pre: Shape, post: Shape) -> tuple[Connection, np.ndarray] | None:
    """A convolution that is one of eqchip's: square, ungrouped, over the whole map."""
    weight = node.array("weight")
    kernel, dilation = (weight.shape[2], weight.shape[3]), node.pair("dilation", 1)
    stride, padding = node.pair("stride", 1), _padding(node, kernel, dilation)
    plain = node.whole("groups", 1) == 1 and dilation == (1, 1)
    if not plain or kernel[0] != kernel[1] or stride[0] != stride[1] or padding[0] != padding[1]:
        return None
    below = (pre[1], pre[2], pre[0])
    try:
        found = Conv2d(below, weight.shape[0], kernel[0], stride[0], padding[0])
    except InputError:  # places at the border that no stride reaches
        return None
    return found, weight.transpose(2, 3, 1, 0)


def _as_pool(node: Node, pre: Shape, post: Shape) -> tuple[Connection, np.ndarray] | None:
    """Windows side by side that cover the map."""
    kernel, stride = node.pair("kernel_size"), node.pair("stride", node.values.get("kernel_size"))
    size = kernel[0]
    if kernel != (size, size) or stride != kernel or node.pair("padding", 0) != (0, 0):
        return None
    if pre[1] % size or pre[2] % size:
        return None
    weight = 1 / size**2 if node.kind == "AvgPool2d" else 1.0
    return SumPool2d((pre[1], pre[2], pre[0]), size), np.array([weight])


# Kinds of wire that are a kind of connection, where they fit.
TELLING = {"Conv2d": _as_conv, "SumPool2d": _as_pool, "AvgPool2d": _as_pool}
