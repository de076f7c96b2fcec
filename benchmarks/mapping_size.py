"""How long a mapping takes as networks grow, and a refusal: processor time, one core.

    OMP_NUM_THREADS=1 python benchmarks/mapping_size.py [--hidden 8,16,32,64]

784-1000-...-1000-10 on as many loihi1-davies as are needed, with so many layers of 1,000 (a
network of 595 has 10,111 cores), and the refusal of 1024-8000-8000-10. All weights are 0, in
float32: their codes are made when they are asked for, and counted by themselves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from eqchip.emulator.description.connections import Dense
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.topology import Topology
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit, check_fits

CHIP = "loihi1-davies"
REFUSED = (1024, 8000, 8000, 10)


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time, and what was made."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def refused() -> str:
    """What a network that cannot fit is told, from its layers alone."""
    joined = [Dense(a, b) for a, b in zip(REFUSED, REFUSED[1:], strict=False)]
    try:
        check_fits(Topology.of(joined), load_chip(CHIP))
    except DoesNotFit as error:
        return str(error)
    raise SystemExit(f"mapping_size: {REFUSED} fits on {CHIP}; expected a refusal")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--hidden", default="8,16,32,64", help="layers of 1,000, several sizes")
    chip = load_chip(CHIP)
    print("| layers of 1,000 | cores | map, s | codes, s | naive hops | placed | bound |")
    print("|---|---|---|---|---|---|---|")
    for layers in map(int, parser.parse_args().hidden.split(",")):
        sizes = [784, *[1000] * layers, 10]
        weights = [np.zeros(pair, np.float32) for pair in zip(sizes, sizes[1:], strict=False)]
        network = Network.dense(sizes, weights=weights)
        mapping, mapped = seconds(lambda network=network: map_network(network, chip, chips=None))
        codes, _ = seconds(lambda mapped=mapped: mapped.weights)
        print(
            f"| {layers} | {len(mapped.parts):,} | {mapping:.2f} | {codes:.2f} | "
            f"{mapped.hops.naive:,.0f} | {mapped.hops.placed:,.0f} | {mapped.hops.bound:,.0f} |",
            flush=True,
        )
    took, words = seconds(refused)
    print(f"Refused in {took:.2f} s: {words}")


if __name__ == "__main__":
    main()
