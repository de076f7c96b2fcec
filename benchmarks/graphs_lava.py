"""A graph in Lava's own processes on the CPU, for `graphs.py`; run as ``python graphs_lava.py``.

Reads an ``.npz`` of the network (see `graphs.save`) and prints one line of JSON: the processor
seconds of some steps, of this program and of those that it started, after some more have passed.
Units are Lava's `LIF` in floating point, which takes what arrives in a step as these do.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from lava.magma.core.run_conditions import RunSteps
from lava.magma.core.run_configs import Loihi2SimCfg
from lava.proc.dense.process import Dense
from lava.proc.io.source import RingBuffer
from lava.proc.lif.process import LIF
from lava.proc.sparse.process import Sparse
from scipy.sparse import csr_matrix

DENSE_FROM = 0.5  # of all pairs joined: a matrix, else a list
FIRST = 20  # steps that are not counted


def seconds_used() -> float:
    """Processor seconds of this process and of its children, as Linux tells them."""
    ticks = 0
    for child in multiprocessing.active_children():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # user and system
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def main(path: str, steps: int) -> dict[str, Any]:
    """Build and run."""
    data = dict(np.load(path))
    groups = []
    for k, size in enumerate(data["sizes"]):
        if k in data["inputs"]:
            frames = np.zeros((size, int(data["steps"])))
            frames[data[f"units_{k}"], data[f"times_{k}"]] = 1
            groups.append(RingBuffer(data=frames))
            continue
        groups.append(LIF(
            shape=(int(size),), du=1.0, dv=float(data["decay"]), vth=float(data[f"theta_{k}"]),
            bias_mant=data[f"bias_{k}"], v=data[f"initial_{k}"],
        ))  # fmt: skip
    for k, (pre, post) in enumerate(data["ends"]):
        i, j, w = (data[f"{name}_{k}"] for name in ("from", "to", "weights"))
        matrix = csr_matrix((w, (j, i)), (data["sizes"][post], data["sizes"][pre]))
        dense = len(w) > DENSE_FROM * matrix.shape[0] * matrix.shape[1]
        synapses = Dense(weights=matrix.toarray()) if dense else Sparse(weights=matrix)
        groups[pre].s_out.connect(synapses.s_in)
        synapses.a_out.connect(groups[post].a_in)
    last = groups[-1]
    setting = Loihi2SimCfg(select_tag="floating_pt")
    last.run(condition=RunSteps(num_steps=FIRST), run_cfg=setting)
    start = seconds_used()
    last.run(condition=RunSteps(num_steps=steps), run_cfg=setting)
    seconds = seconds_used() - start
    last.stop()
    return {"seconds": [seconds], "steps": steps, "version": version("lava-nc")}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
