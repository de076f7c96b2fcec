"""A graph as a user of Brian2 would write it, for `graphs.py`; run as ``python graphs_brian2.py``.

Reads an ``.npz`` of the network (see `graphs.save`) and prints one line of JSON: the processor
seconds of the loop over steps, and the spikes. One step is that of the emulator: what was sent in
the step before arrives, units integrate, then fire. C++ as a program of its own, with Brian2's
compiler flags; nothing is recorded but the spikes of each unit, counted.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from eqchip.bench.brian2 import AFTER_LOOP, BEFORE_LOOP, LOOP_SECONDS

EQUATIONS = "v : 1\nx : 1\nb : 1"
STEP = "v = keep * v + x + b; x = 0"


def main(path: str) -> None:
    """Build, compile, run."""
    import brian2 as b2

    data = dict(np.load(path))
    steps, dt = int(data["steps"]), 1 * b2.ms
    b2.defaultclock.dt = dt
    b2.set_device("cpp_standalone", build_on_run=False)
    groups, monitors, objects = [], [], []
    for k, size in enumerate(data["sizes"]):
        if k in data["inputs"]:
            group = b2.SpikeGeneratorGroup(
                size, data[f"units_{k}"], data[f"times_{k}"] * dt, sorted=True
            )
        else:
            group = b2.NeuronGroup(
                size, EQUATIONS, threshold="v > theta", reset="v = 0",
                namespace={"keep": 1 - float(data["decay"]), "theta": float(data[f"theta_{k}"])},
            )  # fmt: skip
            group.b, group.v = data[f"bias_{k}"], data[f"initial_{k}"]
            objects.append(group.run_regularly(STEP, dt=dt))
        groups.append(group)
        monitors.append(b2.SpikeMonitor(group, record=False))
    for k, (pre, post) in enumerate(data["ends"]):
        synapses = b2.Synapses(groups[pre], groups[post], "w : 1", on_pre="x_post += w")
        synapses.connect(i=data[f"from_{k}"], j=data[f"to_{k}"])
        synapses.w = data[f"weights_{k}"]
        objects.append(synapses)
    network = b2.Network(groups, monitors, objects)
    b2.device.insert_code("before_network_run", BEFORE_LOOP)
    b2.device.insert_code("after_network_run", AFTER_LOOP)
    network.run(steps * dt)
    with tempfile.TemporaryDirectory() as folder:
        b2.device.build(directory=folder, run=False, with_output=False)
        best = []
        for _ in range(int(data["rounds"])):
            b2.device.run(folder, "results", with_output=False)
            (found,) = Path(folder).rglob(LOOP_SECONDS)
            best.append(float(found.read_text().split()[1]))
        spikes = sum(int(np.sum(monitor.count)) for monitor in monitors)
    print(json.dumps({"seconds": best, "spikes": spikes, "version": b2.__version__}))


if __name__ == "__main__":
    out = os.dup(1)
    os.dup2(2, 1)  # compilers print
    with os.fdopen(out, "w") as sys.stdout:
        main(sys.argv[1])
