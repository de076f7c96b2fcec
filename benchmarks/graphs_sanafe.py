"""A graph in SANA-FE, for `graphs.py`; run as ``python graphs_sanafe.py``.

Reads an ``.npz`` of the network (see `graphs.save`) and prints one line of JSON: the processor
seconds of its simulation alone. Cores are as full as they can be, which makes for the fewest
messages; units are SANA-FE's leaky integrate-and-fire somas. It is told to count, not to time:
``timing_model="simple"``.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import sanafe

from eqchip.backends.sanafe.process import TRAINS, architecture

MOST = 1024  # units of a core
COSTS = dict.fromkeys(
    ("synapse", "access", "update", "spike", "message_out", "message_in", "hop_x", "hop_y"), 1e-9
)


def build(data: dict[str, np.ndarray]) -> tuple[Any, Any]:
    """The hardware and the network on it."""
    sizes, inputs = data["sizes"], set(data["inputs"].tolist())
    cores = -(-sizes // MOST)  # of each population, side by side
    first = np.concatenate([[0], np.cumsum(cores)])
    kinds = [TRAINS if k in inputs else "integrate" for k in range(len(sizes))]
    groups = [
        {"units": MOST, "x": x, "y": 0, "slot": 0, "drive": {"kind": kinds[k]}}
        for k in range(len(sizes))
        for x in range(first[k], first[k + 1])
    ]
    chip = {
        "tiles_x": int(first[-1]), "tiles_y": 1, "cores_per_tile": 1, "units": MOST, "buffer": 16,
        "sync": [0.0] * (int(first[-1]) + 1), "energy": COSTS, "time": COSTS,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "architecture.yaml")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(architecture(chip, groups), file)
        hardware = sanafe.load_arch(path)
    network, made = sanafe.Network(), []
    for k, n in enumerate(sizes):
        soma = {} if k in inputs else {
            "threshold": float(data[f"theta_{k}"]), "leak_decay": 1 - float(data["decay"]),
            "reset_mode": "hard", "force_update": True,
        }  # fmt: skip
        units = network.create_neuron_group(f"group_{k}", int(n), soma)
        for i, unit in enumerate(units):
            if k in inputs:
                train = np.zeros(int(data["steps"]), int)
                train[data[f"times_{k}"][data[f"units_{k}"] == i]] = 1
                unit.set_attributes(soma_hw_name=f"input_{i}")
                own: dict[str, Any] = {"spikes": train.tolist()}
            else:
                own = {"bias": float(data[f"bias_{k}"][i]),
                       "potential": float(data[f"initial_{k}"][i])}  # fmt: skip
            unit.set_attributes(model_attributes=own)
            unit.map_to_core(hardware.tiles[int(first[k]) + i // MOST].cores[0])
        made.append(units)
    for k, (pre, post) in enumerate(data["ends"]):
        pairs = list(zip(data[f"from_{k}"].tolist(), data[f"to_{k}"].tolist(), strict=True))
        made[pre].connect_neurons_sparse(
            made[post], {"weight": data[f"weights_{k}"].tolist()}, pairs
        )
    return hardware, network


def main(path: str, steps: int) -> dict[str, Any]:
    """Build and run."""
    hardware, network = build(dict(np.load(path)))
    chip = sanafe.SpikingChip(hardware)
    chip.load(network)
    start = time.process_time()
    done = chip.sim(steps, timing_model="simple", processing_threads=1)
    return {
        "seconds": [time.process_time() - start], "steps": steps,
        "spikes": done["neurons_fired"], "version": version("sanafe"),
    }  # fmt: skip


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)
    with os.fdopen(out, "w") as answer:
        answer.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))) + "\n")
