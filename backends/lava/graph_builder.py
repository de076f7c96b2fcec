"""A described graph as Lava's stock Processes, and their run. Needs lava-nc and numpy alone.

``python -m <this module> FOLDER INPUTS RESULTS``: the folder with ``network.json`` and
``network.npz``, and ``.npz`` files of what is given and what was found, arrays (steps, samples,
units) by population; of what was found ``<population> spikes`` and ``<population> potentials``.

Every sample is a run of its own, and so is every part of a graph that no synapse joins to others,
for Lava runs what is connected.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np

FAILED = "LAVA PROCESS FAILED"  # what a watcher looks for: Lava itself would hang


def load(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A described graph, as :mod:`json` and numpy have it."""
    described = json.loads((folder / "network.json").read_text("utf-8"))
    with np.load(folder / "network.npz", allow_pickle=False) as file:
        return described, {name: file[name] for name in file.files}


def build(
    described: dict[str, Any],
    arrays: dict[str, np.ndarray],
    inputs: dict[str, np.ndarray],
    names: set[str] | None = None,
) -> dict[str, Any]:
    """Processes by the names of populations and synapses, connected.

    Parameters
    ----------
    described, arrays
        From :func:`load`.
    inputs : dict of ndarray
        Arrays (steps, units) by population: messages of inputs, currents of others.
    names : set of str, optional
        The populations to build. Default: all.
    """
    from lava.proc.io.source import RingBuffer
    from lava.proc.lif import process as lif

    made: dict[str, Any] = {}
    for k, population in enumerate(described["populations"]):
        name = population["name"]
        if names is not None and name not in names:
            continue
        given = inputs.get(name)
        if population["process"] == "RingBuffer":
            assert given is not None, f"nothing is given for {name}"
            made[name] = RingBuffer(data=given.T)
            continue
        own = {key: arrays[f"{k} {key}"] for key in ("v", "bias_mant", "bias_exp")}
        unit = getattr(lif, population["process"])(
            shape=(population["units"],), **own, **population["parameters"]
        )
        made[name] = unit
        if given is not None:  # added in the step that it is given for
            current = RingBuffer(data=given.T // (1 << described["shift"]) if described["shift"]
                                 else given.T)  # fmt: skip
            current.s_out.connect(unit.a_in)
            made[f"current of {name}"] = current
    for k, projection in enumerate(described["synapses"]):
        if projection["pre"] not in made:
            continue
        synapses = connection(projection, arrays, k)
        source, target = made[projection["pre"]].s_out, made[projection["post"]].a_in
        source.reshape(synapses.s_in.shape).connect(synapses.s_in)
        synapses.a_out.reshape(target.shape).connect(target)
        made[f"projection {projection['name']}"] = synapses
    return made


def connection(projection: dict[str, Any], arrays: dict[str, np.ndarray], k: int) -> Any:
    """The Process of a projection."""
    from lava.proc.conv.process import Conv
    from lava.proc.dense.process import DelayDense, Dense
    from lava.proc.sparse.process import DelaySparse, Sparse
    from scipy.sparse import csr_matrix  # type: ignore[import-untyped]

    weights, asked = arrays[f"s{k} weights"], dict(projection["parameters"])
    kind = projection["process"]
    if kind == "Conv":
        asked["input_shape"] = tuple(asked["input_shape"])
        return Conv(weight=weights, **asked)
    if kind in ("Dense", "DelayDense"):
        delays = {"delays": arrays[f"s{k} delays"]} if kind == "DelayDense" else {}
        return {"Dense": Dense, "DelayDense": DelayDense}[kind](weights=weights, **delays, **asked)
    places = arrays[f"s{k} post"], arrays[f"s{k} pre"]
    shape = tuple(projection["shape"])
    matrix = csr_matrix((weights, places), shape)
    if kind == "Sparse":
        return Sparse(weights=matrix, **asked)
    delays = csr_matrix((arrays[f"s{k} delays"], places), shape)
    return DelaySparse(weights=matrix, delays=delays, **asked)


def parts(described: dict[str, Any]) -> list[set[str]]:
    """The populations that synapses join."""
    joined = [{population["name"]} for population in described["populations"]]
    for projection in described["synapses"]:
        ends = {projection["pre"], projection["post"]}
        touched = [part for part in joined if part & ends]
        joined = [part for part in joined if not part & ends] + [set().union(*touched)]
    return joined


def run(
    described: dict[str, Any], arrays: dict[str, np.ndarray], inputs: dict[str, np.ndarray],
    steps: int | None = None,
) -> dict[str, np.ndarray]:  # fmt: skip
    """All samples: ``<population> spikes`` and ``... potentials``, (steps, samples, units)."""
    from lava.magma.core.run_conditions import RunSteps
    from lava.magma.core.run_configs import Loihi2SimCfg
    from lava.proc.monitor.process import Monitor

    first = next(iter(inputs.values()), None)
    samples = 1 if first is None else first.shape[1]
    if first is not None:
        steps = len(first)
    assert steps is not None, "nothing says how many steps"
    found: dict[str, list[np.ndarray]] = {}
    for sample in range(samples):
        given = {name: values[:, sample] for name, values in inputs.items()}
        for names in parts(described):
            made = build(described, arrays, given, names)
            monitors: dict[str, Any] = {}
            for population in described["populations"]:
                name = population["name"]
                if name in names and population["process"] != "RingBuffer":
                    for what, variable in (("spikes", "s_out"), ("potentials", "v")):
                        monitors[f"{name} {what}"] = Monitor()
                        monitors[f"{name} {what}"].probe(getattr(made[name], variable), steps)
            if not monitors:
                continue
            one = next(made[name] for name in made if name in names)
            config = Loihi2SimCfg(select_tag=described["model"])
            one.run(condition=RunSteps(num_steps=steps), run_cfg=config)
            for name, monitor in monitors.items():
                data = next(iter(next(iter(monitor.get_data().values())).values()))
                found.setdefault(name, []).append(np.array(data).reshape(steps, -1))
            one.stop()
    return {name: np.stack(values, axis=1) for name, values in found.items()}


def main(folder: str, inputs: str, results: str) -> None:
    """Build, run, write, and leave without waiting for what an exception left hanging."""
    try:
        with np.load(inputs, allow_pickle=False) as file:
            given = {name: file[name] for name in file.files if name != "steps"}
            steps = int(file["steps"]) if "steps" in file.files else None
        np.savez(results, **run(*load(Path(folder)), given, steps))
    except BaseException:
        print(f"{FAILED}: the graph", file=sys.stderr)
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
