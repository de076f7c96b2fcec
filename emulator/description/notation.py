"""Networks written in a line: ``784-500-10``, ``28x28-32c5p2-64c5p2-128-10``.

The first entry is the input: a number of units, or height x width, or height x width x channels.
An entry that is a number is a dense layer of so many units; any other a convolution::

    <channels>c<kernel>[s<stride>][z<zeros added at each border>][p<window>|m<window>]

with average (p) or maximum (m) pooling. So the spiking literature writes ``32C5-P2``; here a
convolution and its pooling are one entry, as they are one layer of units.

Links, connections beside the chain, are written by the layers that they join, the input being 0::

    1:3          dense, from layer 1 to layer 3
    2:2          lateral, within layer 2
    1=3          one to one, a residual link: what is sent arrives as it is; 1=3x0.5: times 0.5
    1:3:32c1s2   a convolution, as an entry
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from eqchip.emulator.description.connections import (
    AvgPool2d,
    Connection,
    Conv2d,
    Dense,
    Lateral,
    MaxPool2d,
    OneToOne,
    row_of,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.topology import Link
from eqchip.emulator.errors import InputError

Entry = int | str

EXAMPLE = "784-500-10 or 28x28-32c5p2-64c5p2-10"
_NUMBER = r"[0-9]{1,10}"
_SHAPE = re.compile("(N)x(N)(?:x(N))?".replace("N", _NUMBER))
_LINK = re.compile("(N):(N)(?::(.+))?|(N)=(N)(?:x([0-9.e-]{1,30}))?".replace("N", _NUMBER))
LINK_EXAMPLE = "1:3, 2:2, 1=3 or 1:3:32c1s2"
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


class WrittenLink(NamedTuple):
    """A link in words: what it is, and of a residual one, the weight that it begins with."""

    link: Link
    weight: float | None


def links(layers: Sequence[Entry], texts: Sequence[str]) -> tuple[WrittenLink, ...]:
    """The links of a network of these entries.

    Raises
    ------
    InputError
        Naming the link that is not understood, or joins no layers of the network.

    Examples
    --------
    >>> [str(one.link.connection) for one in links([4, 3, 3, 2], ["0:2", "2:2", "1=2x0.5"])]
    ['4 -> 3', '3 with one another', '3 one to one']
    """
    chain = connections(layers)
    shapes = [chain[0].pre_shape, *(connection.post_shape for connection in chain)]
    found = []
    for text in texts:
        where = f"link {text!r} of network {written(layers)}"
        match = _LINK.fullmatch(text)
        if match is None:
            raise InputError(f"{where}: not understood; expected e.g. {LINK_EXAMPLE}")
        below, above = (int(end) for end in match.group(1, 2, 4, 5) if end)
        if not (0 <= below <= above < len(shapes) and above > 0):
            raise InputError(
                f"{where}: layers {below} and {above}; expected one of 0 to {len(shapes) - 1}, and "
                "one above it, or twice a layer above the input"
            )
        try:
            found.append(_written_link(shapes, below, above, match))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return tuple(found)


def parse_links(text: str) -> tuple[str, ...]:
    """The links in a text, separated by commas or spaces.

    Examples
    --------
    >>> parse_links("1:3,2:2")
    ('1:3', '2:2')
    """
    return tuple(text.lower().replace(",", " ").split())


def rates_with_links(
    rates: Sequence[float], layers: Sequence[Entry], texts: Sequence[str]
) -> list[float]:
    """Learning rates of the chain, and those of its links where nothing else is said.

    A link learns as the chain's connection into the same layer; a residual one stays as it is.

    Examples
    --------
    >>> rates_with_links([0.4, 0.2], [4, 3, 3], ["0:2", "1=2"])
    [0.4, 0.2, 0.2, 0.0]
    """
    of_links = [
        rates[one.link.above - 1] if one.weight is None else 0.0 for one in links(layers, texts)
    ]
    return [*rates, *of_links]


def _written_link(
    shapes: Sequence[tuple[int, ...]], below: int, above: int, match: re.Match[str]
) -> WrittenLink:
    n_pre, n_post = math.prod(shapes[below]), math.prod(shapes[above])
    if match[4]:
        if n_pre != n_post or below == above:
            raise InputError(
                f"one to one between {n_pre} and {n_post} units; expected two layers of as many"
            )
        return WrittenLink(Link(below, above, OneToOne(n_pre)), _weight(match[6]))
    if match[3]:
        convolution = _connection(shapes[below], match[3])
        if convolution.post_shape != shapes[above] or convolution.max_window:
            raise InputError(
                f"leads to {convolution.post_shape}; expected {shapes[above]}, and no maxima"
            )
        return WrittenLink(Link(below, above, convolution), None)
    connection = Lateral(n_pre) if below == above else Dense(n_pre, n_post)
    return WrittenLink(Link(below, above, connection), None)


def _weight(text: str | None) -> float:
    try:
        weight = float(text or 1.0)
    except ValueError:
        weight = math.nan
    if not math.isfinite(weight):
        raise InputError(f"the weight is {text!r}; expected a number, as in 1=3x0.5")
    return weight


def links_of(network: Network) -> tuple[str, ...]:
    """The links of a network, written; of residual ones without the weight.

    Raises
    ------
    InputError
        For a connection that is not said in a line, such as a list of synapses.
    """
    found = []
    for k, (below, above, connection) in enumerate(network.links, network.chain_length + 1):
        write = row_of(LINKS_WRITTEN, connection, f"network in a line: connection {k}")
        found.append(write(below, above, connection))
    return tuple(found)


def of_network(network: Network) -> tuple[Entry, ...]:
    """The entries of a network's chain.

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
    for k, connection in enumerate(network.connections[: network.chain_length]):
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
# A link, by the kind of its connection.
LINKS_WRITTEN: dict[type, Callable[[int, int, Any], str]] = {
    Dense: lambda below, above, connection: f"{below}:{above}",
    Lateral: lambda below, above, connection: f"{below}:{above}",
    OneToOne: lambda below, above, connection: f"{below}={above}",
    Conv2d: lambda below, above, connection: f"{below}:{above}:{_convolution(connection)}",
}
