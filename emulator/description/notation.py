"""Networks written in a line: ``784-500-10``, ``28x28-32c5p2-64c5p2-128-10``.

The first entry is the input: a number of units, or height x width, or height x width x channels.
An entry that is a number is a dense layer of so many units; any other a convolution::

    <channels>c<kernel>[s<stride>][z<zeros added at each border>][p<window>|m<window>]

with average (p) or maximum (m) pooling. So the spiking literature writes ``32C5-P2``; here a
convolution and its pooling are one entry, as they are one layer of units.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from eqchip.emulator.description.connections import (
    AvgPool2d,
    Connection,
    Conv2d,
    Dense,
    MaxPool2d,
    row_of,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError

Entry = int | str

EXAMPLE = "784-500-10 or 28x28-32c5p2-64c5p2-10"
_NUMBER = r"[0-9]{1,10}"
_SHAPE = re.compile("(N)x(N)(?:x(N))?".replace("N", _NUMBER))
_CONVOLUTION = re.compile("(N)c(N)(?:s(N))?(?:z(N))?(?:([pm])(N))?".replace("N", _NUMBER))


def parse(text: str) -> tuple[Entry, ...]:
    """The entries of a network in one line; what they mean is checked by :func:`connections`."""
    return tuple(
        int(entry) if re.fullmatch(_NUMBER, entry) else entry for entry in text.lower().split("-")
    )


def written(layers: Sequence[Entry]) -> str:
    """The line of these entries."""
    return "-".join(map(str, layers))


def connections(layers: Sequence[Entry]) -> tuple[Connection, ...]:
    """The connections of a network of these entries.

    Raises
    ------
    InputError
        Naming the entry that is not understood, or does not fit to the layer below.

    Examples
    --------
    >>> [str(c) for c in connections(["8x8", "4c3p2", 10])]
    ['8x8x1 -> 4 of 3x3', '36 -> 10']
    """
    if len(layers) < 2:
        raise InputError(
            f"network {written(layers)!r}: {len(layers)} layers; expected at least two, "
            f"e.g. {EXAMPLE}"
        )
    shape = _input_shape(layers)
    found: list[Connection] = []
    for entry in layers[1:]:
        try:
            found.append(_connection(shape, entry))
        except InputError as error:
            where = f"network {written(layers)}, entry {len(found) + 2} ({entry})"
            raise InputError(f"{where}: {error}") from None
        shape = found[-1].post_shape
    return tuple(found)


def of_network(network: Network) -> tuple[Entry, ...]:
    """The entries of a network.

    Raises
    ------
    InputError
        For a connection that is not said in a line, such as a list of synapses.
    """
    first = network.layers[0]
    if len(first) == 3:
        head: Entry = "x".join(map(str, first if first[2] > 1 else first[:2]))
    else:
        head = first[0]
    entries = []
    for k, connection in enumerate(network.connections):
        write = row_of(WRITTEN, connection, f"network in a line: connection {k + 1}")
        entries.append(write(connection))
    return (head, *entries)


def sizes(layers: Sequence[Entry]) -> tuple[int, ...]:
    """Units per layer."""
    chain = connections(layers)
    shapes = [chain[0].pre_shape, *(connection.post_shape for connection in chain)]
    return tuple(math.prod(shape) for shape in shapes)


def _input_shape(layers: Sequence[Entry]) -> tuple[int, ...]:
    entry = layers[0]
    if isinstance(entry, int):
        shape: tuple[int, ...] = (entry,)
    else:
        match = _SHAPE.fullmatch(entry)
        if match is None:
            raise InputError(
                f"network {written(layers)}: the input is {entry!r}; expected a number of units "
                "or a shape such as 28x28"
            )
        height, width, channels = match.groups()
        shape = (int(height), int(width), int(channels or 1))
    if min(shape) < 1:
        raise InputError(f"network {written(layers)}: the input is {entry}; expected units")
    return shape


def _connection(shape: tuple[int, ...], entry: Entry) -> Connection:
    if isinstance(entry, int):
        if entry < 1:
            raise InputError("expected at least one unit")
        return Dense(math.prod(shape), entry)
    match = _CONVOLUTION.fullmatch(entry)
    if match is None:
        raise InputError("not understood; expected a number of units or e.g. 32c5p2")
    if len(shape) != 3:
        raise InputError(
            f"a convolution reads height x width x channels, but the layer below is {shape[0]} "
            "units in a row; expected a dense layer, or an input such as 28x28"
        )
    channels, kernel, stride, zeros, kind, window = match.groups()
    pool: AvgPool2d | MaxPool2d | None = None
    if kind is not None:
        pool = AvgPool2d(int(window)) if kind == "p" else MaxPool2d(int(window))
    height, width, below = shape
    return Conv2d(
        (height, width, below), int(channels), int(kernel), int(stride or 1), int(zeros or 0), pool
    )


def _convolution(connection: Conv2d) -> str:
    text = f"{connection.channels}c{connection.kernel}"
    if connection.stride > 1:
        text += f"s{connection.stride}"
    if connection.padding:
        text += f"z{connection.padding}"
    if connection.pool is not None:
        text += ("m" if connection.max_window else "p") + str(connection.window)
    return text


# The entry of a connection, by its kind.
WRITTEN: dict[type, Callable[[Any], Entry]] = {
    Dense: lambda connection: connection.n_post,
    Conv2d: _convolution,
}
