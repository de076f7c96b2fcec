"""A graph in NEST, for `graphs.py`; run by an interpreter that has NEST, which eqchip need not.

Reads an ``.npz`` of the network (see `graphs.save`) and prints one line of JSON: the processor
seconds of a run without its preparation, and the spikes. `iaf_psc_delta` is the same LIF unit: a
step keeps ``exp(-h / tau)`` of v, spikes arrive a step after they were sent.
"""

from __future__ import annotations

import json
import math
import os
import sys
import time

import nest
import numpy as np

H = 1.0  # ms of a step


def build(data: dict[str, np.ndarray]) -> None:
    """Populations and synapses."""
    keep = 1 - float(data["decay"])
    tau = -H / math.log(keep)
    groups = []
    for k, size in enumerate(data["sizes"]):
        if k in data["inputs"]:
            units, times = data[f"units_{k}"], data[f"times_{k}"] + 1.0
            trains = [{"spike_times": times[units == unit]} for unit in range(size)]
            groups.append(nest.Create("spike_generator", int(size), trains))
            continue
        gain = tau * (1 - keep) / 1.0  # of a current, with C_m = 1 pF
        group = nest.Create("iaf_psc_delta", int(size), {
            "tau_m": tau, "C_m": 1.0, "E_L": 0.0, "V_reset": 0.0, "t_ref": 0.0,
            "V_th": float(data[f"theta_{k}"]),
        })  # fmt: skip
        group.I_e, group.V_m = data[f"bias_{k}"] / gain, data[f"initial_{k}"]
        groups.append(group)
    for k, (pre, post) in enumerate(data["ends"]):
        i, j = (np.array(groups[p].tolist())[data[f"{side}_{k}"]]
                for p, side in ((pre, "from"), (post, "to")))  # fmt: skip
        weights = data[f"weights_{k}"]
        nest.Connect(i, j, "one_to_one", {
            "synapse_model": "static_synapse", "weight": weights,
            "delay": np.full(len(weights), H),
        })  # fmt: skip


def main(path: str) -> dict:
    """Build and run."""
    data = dict(np.load(path))
    seconds = []
    for _ in range(int(data["rounds"])):
        nest.ResetKernel()
        nest.set(resolution=H, total_num_virtual_procs=1, print_time=False)
        build(data)
        nest.Prepare()
        start = time.process_time()
        nest.Run(float(data["steps"]) * H)
        seconds.append(time.process_time() - start)
        spikes = int(nest.GetKernelStatus("local_spike_counter"))
        nest.Cleanup()
    return {"seconds": seconds, "spikes": spikes, "version": nest.__version__}


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)
    nest.set_verbosity("M_ERROR")
    with os.fdopen(out, "w") as answer:
        answer.write(json.dumps(main(sys.argv[1])) + "\n")
