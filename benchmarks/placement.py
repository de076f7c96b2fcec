"""What a placement by energy or by time gains over one by hops, on loihi1-davies.

    OMP_NUM_THREADS=1 python benchmarks/placement.py [--large]

At 0.1 spikes per unit and step. Of a step: the busiest core, which no placement changes; the
busiest link; their maximum with the barrier; and the energy of all hops. With --large also a
network of 1,084 cores.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.clocks import NOMINAL, busiest_core, link_seconds
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.place import Placement

RATE = 0.1
CHIP = "loihi1-davies"
NETWORKS = (  # layers, and how many times the fewest cores they are spread over
    ((784, 500, 10), 10),
    ((784, 500, 10), 20),
    ((784, 512, 512, 512, 10), 4),
    ((784, 2000, 2000, 500, 10), 1),
)
LARGE = ((784, *[1000] * 64, 10), 1)
PLACEMENTS: tuple[Placement, ...] = ("naive", "hops", "energy", "time")


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--large", action="store_true", help="a network of 1,084 cores, too")
    large = (LARGE,) if parser.parse_args().large else ()
    print("| network | cores | placement | core, us | link, us | step, us | hops | nJ | map, s |")
    print("|---|---|---|---|---|---|---|---|---|")
    chip = load_chip(CHIP)
    for sizes, spread in (*NETWORKS, *large):
        weights = [np.zeros(pair, np.float32) for pair in zip(sizes, sizes[1:], strict=False)]
        network, rates = Network.dense(sizes, weights=weights), [RATE] * len(sizes)
        for placement in PLACEMENTS:
            start = time.process_time()
            mapped = map_network(
                network, chip, chips=None, rates=rates, spread=spread, placement=placement
            )
            took = time.process_time() - start
            core = busiest_core(mapped)
            loads = mapped.link_traffic * link_seconds(mapped.routes, chip, NOMINAL)
            link, barrier = float(loads.max(initial=0.0)), chip.barrier_seconds(mapped.tiles)
            step = max(core, link) + (0.0 if barrier is None else barrier.value)
            joules = mapped.spikes @ mapped.hops_per_spike
            energy = sum(
                float(joules[columns].sum()) * chip.energy[kind].si.value
                for kind, columns in (
                    ("hop_east_west", slice(0, 2)),
                    ("hop_north_south", slice(2, 4)),
                )
            )
            shape = "-".join(map(str, sizes)) if len(sizes) < 9 else f"{len(sizes)} layers"
            print(
                f"| {shape}, spread {spread} | {mapped.cores:,} | {placement} | "
                f"{core * 1e6:.2f} | {link * 1e6:.2f} | {step * 1e6:.2f} | "
                f"{mapped.hops.placed:,.0f} | {energy * 1e9:,.1f} | {took:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
