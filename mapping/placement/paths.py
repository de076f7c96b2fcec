"""The way of a message from every core to every other: what an asynchronous run asks of a mapping.

Ways are those of :mod:`eqchip.mapping.placement.route`: along x first, then along y. Links are
numbered as in ``mapped.routes.links``, so that what a run says of link k is of that link.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.description.asynchronous import Paths
from eqchip.mapping.placement.checks import check_alike, check_unicast, check_whole_fan_in
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.route import route


def paths(mapped: MappedNetwork) -> Paths:
    """Hops and links, in the order in which they are crossed, between all cores.

    Parameters
    ----------
    mapped : MappedNetwork

    Returns
    -------
    Paths
        Where no message goes (``mapped.joined[p, c]`` is false), 0 hops and no links.

    Examples
    --------
    >>> from eqchip.emulator.description.network import Network
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> from eqchip.mapping.placement.mapped import map_network
    >>> found = paths(map_network(Network.dense([784, 500, 10]), load_chip("loihi1-davies")))
    >>> found.hops[0].tolist()
    [0, 0, 0, 0, 1, 0]
    """
    check_whole_fan_in(mapped, "paths")
    check_unicast(mapped, "paths")
    check_alike(mapped, "paths")
    number = {link: k for k, link in enumerate(mapped.routes.links)}
    tiles = list(zip(mapped.x.tolist(), mapped.y.tolist(), strict=True))
    # Cores of one tile share their ways: far fewer than pairs of cores on a large chip.
    between: dict[tuple[tuple[int, int], tuple[int, int]], list[int]] = {}
    lengths = np.zeros(mapped.joined.shape, np.int64)
    ways: list[int] = []
    for p, c in np.argwhere(mapped.joined).tolist():  # by source, then by destination
        ends = tiles[p], tiles[c]
        if ends not in between:
            between[ends] = [number[link] for link in route(*ends)]
        lengths[p, c] = len(between[ends])
        ways += between[ends]
    starts = np.concatenate([[0], lengths.cumsum()])
    return Paths(lengths, starts, np.array(ways, np.int32), len(number))
