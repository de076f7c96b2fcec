"""A forward pass in snnTorch: a program for another process, which nothing here imports.

Run by its path, with an interpreter that has ``snntorch``, ``torch`` and numpy; it needs nothing
of eqchip. The argument is an ``.npz`` (see `eqchip.bench.outside`): ``layers``, ``bits`` of the
input, (steps, batch, units) uint8, and for every connection k ``weights_k``, (below, above).

Leaky units in layers, every step a product of the batch with each matrix of weights, on one
thread and without gradients. Nothing goes back from a layer to the one below.

It answers with a line of JSON when it is built (version, seconds), and then each line of stdin
with one pass: wall and cpu, and spikes, of all layers but the input.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

import numpy as np

DECAY = 0.9


def forward(layers: list[tuple[Any, Any]], bits: Any) -> float:
    """All steps of a batch; returns the spikes."""
    memories = [unit.reset_mem() for _, unit in layers]
    spikes = 0.0
    for sent in bits:
        for k, (weights, unit) in enumerate(layers):
            sent, memories[k] = unit(sent @ weights, memories[k])
            spikes = spikes + sent.sum()
    return float(spikes)


def main(path: str) -> None:
    """Build, and run as often as asked."""
    torch, snn = importlib.import_module("torch"), importlib.import_module("snntorch")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    data = dict(np.load(path))
    start = time.perf_counter()
    bits = torch.from_numpy(data["bits"]).float()
    layers = [
        (torch.from_numpy(data[f"weights_{k}"]).float(), snn.Leaky(beta=DECAY))
        for k in range(len(data["layers"]) - 1)
    ]
    seconds = time.perf_counter() - start
    print(json.dumps({"version": snn.__version__, "seconds": seconds}), flush=True)
    for _ in sys.stdin:
        before = time.perf_counter(), time.process_time()
        spikes = forward(layers, bits)
        after = time.perf_counter(), time.process_time()
        found = {"wall": after[0] - before[0], "cpu": after[1] - before[1], "spikes": spikes}
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
