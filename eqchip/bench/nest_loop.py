"""NEST under the spikes of a run: a program for another process, which nothing here imports.

Run by its path, with an interpreter that has ``nest`` and numpy; it needs nothing of eqchip. The
argument is an ``.npz`` (see `eqchip.bench.outside`): ``steps``, ``layers``, and for every layer k
``units_k`` and ``times_k``, who fires when; for every connection k ``weights_k``, (below, above).

Parrot neurons of every layer replay its spikes over all synapses of the network, forward and, but
to the input, back, onto units that integrate what arrives (`iaf_psc_delta`) and never fire: the
least work that NEST can have with these spikes. A step is 1 ms, and so is the delay.

It answers with a line of JSON when it is built (version, seconds), and then each line of stdin
with one run: wall and cpu, of the simulation alone, and spikes, of the parrots.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any

import numpy as np

H = 1.0  # ms of a step
NEVER = 1e30  # mV


def build(nest: Any, data: dict[str, Any]) -> None:
    """The network, before its first step."""
    nest.ResetKernel()
    nest.set(resolution=H, total_num_virtual_procs=1, print_time=False)
    sizes = data["layers"].tolist()
    senders, receivers = [], []
    for k, size in enumerate(sizes):
        units, times = data[f"units_{k}"], data[f"times_{k}"]
        trains = [{"spike_times": (times[units == unit] + 1.0) * H} for unit in range(size)]
        parrots = nest.Create("parrot_neuron", size)
        nest.Connect(
            nest.Create("spike_generator", size, trains), parrots, "one_to_one", {"delay": H}
        )
        senders.append(parrots)
        receivers.append(nest.Create("iaf_psc_delta", size, {"V_th": NEVER}) if k else None)
    for k in range(len(sizes) - 1):
        weights = data[f"weights_{k}"]
        join(nest, senders[k], receivers[k + 1], weights.T)
        if k:
            join(nest, senders[k + 1], receivers[k], weights)


def join(nest: Any, senders: Any, receivers: Any, weights: np.ndarray) -> None:
    """All to all; weights: (receivers, senders)."""
    nest.Connect(senders, receivers, "all_to_all", {"weight": weights, "delay": H})


def main(path: str, answer: Any) -> None:
    """Build, and run as often as asked."""
    nest = importlib.import_module("nest")
    nest.set_verbosity("M_ERROR")
    data = dict(np.load(path))
    start = time.perf_counter()
    build(nest, data)
    seconds = time.perf_counter() - start
    first = True
    print(json.dumps({"version": nest.__version__, "seconds": seconds}), file=answer, flush=True)
    for _ in sys.stdin:
        if not first:
            build(nest, data)
        first = False
        nest.Prepare()
        before = time.perf_counter(), time.process_time()
        nest.Run((float(data["steps"]) + 2.0) * H)  # to the parrots, and on: the last arrive, too
        after = time.perf_counter(), time.process_time()
        spikes = int(nest.local_spike_counter)
        nest.Cleanup()
        found = {"wall": after[0] - before[0], "cpu": after[1] - before[1], "spikes": spikes}
        print(json.dumps(found), file=answer, flush=True)


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)  # NEST prints
    with os.fdopen(out, "w") as answer:
        main(sys.argv[1], answer)
