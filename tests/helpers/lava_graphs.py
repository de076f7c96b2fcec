"""Graphs of Loihi's registers, drawn from a seed: for eqchip, and for Lava's own Processes.

Run as a program it is the second: ``python lava_graphs.py FILE SEED ...`` writes what Lava's
bit-accurate CPU models did.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

STEPS = 40


def drawn(seed: int) -> dict[str, Any]:
    """Registers of populations and projections, and input spikes (steps, units)."""
    rng = np.random.default_rng(seed)
    sizes = {"in": int(rng.integers(2, 12))}
    units = {}
    for k in range(int(rng.integers(1, 4))):
        name = f"p{k}"
        sizes[name] = int(rng.integers(1, 12))
        units[name] = {
            "du": int(rng.choice([0, 4095, rng.integers(0, 4096)])),
            "dv": int(rng.choice([0, 4095, rng.integers(0, 4096)])),
            "vth": int(rng.integers(1, 2000)),
            "bias_mant": rng.integers(-400, 400, sizes[name]) * int(rng.integers(0, 2)),
            "bias_exp": np.full(sizes[name], rng.integers(0, 8)),
        }
    projections = []
    names = list(sizes)
    for k, post in enumerate(units):
        for pre in dict.fromkeys([names[k], *rng.choice(names, 2)]):
            low, high = [(-300, 300), (0, 300), (-300, 1)][rng.integers(3)]
            shape = (sizes[pre], sizes[post])
            projections.append({
                "pre": str(pre),
                "post": post,
                "weights": rng.integers(low, high, shape),
                "exponent": int(rng.integers(-6, 5)),
                "bits": int(rng.integers(3, 9)),
                "delay": rng.integers(0, 6, shape) if rng.integers(2) else None,
            })  # fmt: skip
    spikes = rng.random((STEPS, sizes["in"])) < rng.random()
    return {"sizes": sizes, "units": units, "projections": projections, "spikes": spikes}


def on_lava(case: dict[str, Any]) -> dict[str, np.ndarray]:
    """Spikes and voltages (steps, units) of every population, of Lava's stock Processes."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.dense.process import DelayDense, Dense
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif.process import LIF
    from lava.proc.monitor.process import Monitor

    nodes: dict[str, Any] = {"in": RingBuffer(data=case["spikes"].T.astype(int))}
    monitors = {}
    for name, registers in case["units"].items():
        nodes[name] = LIF(shape=(case["sizes"][name],), **registers)
        for variable in ("v", "s_out"):
            monitors[name, variable] = Monitor()
            monitors[name, variable].probe(getattr(nodes[name], variable), STEPS)
    for projection in case["projections"]:
        asked = {
            "weights": projection["weights"].T,
            "weight_exp": projection["exponent"],
            "num_weight_bits": projection["bits"],
        }
        if projection["delay"] is None:
            synapses = Dense(**asked)
        else:
            synapses = DelayDense(delays=projection["delay"].T, **asked)
        nodes[projection["pre"]].s_out.connect(synapses.s_in)
        synapses.a_out.connect(nodes[projection["post"]].a_in)
    any_unit = nodes["p0"]
    any_unit.run(condition=RunSteps(STEPS), run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
    found = {}
    for (name, variable), monitor in monitors.items():
        data = next(iter(next(iter(monitor.get_data().values())).values()))
        found[f"{name} {variable}"] = np.array(data).reshape(STEPS, -1)
    any_unit.stop()
    return found


if __name__ == "__main__":
    results = {}
    for text in sys.argv[2:]:
        for key, array in on_lava(drawn(int(text))).items():
            results[f"{text} {key}"] = array
    np.savez(sys.argv[1], **results)
