"""A described graph as Brian2 objects, and their run. Needs brian2 and numpy alone.

``python -m <this module> FOLDER INPUTS RESULTS``: the folder with ``network.json`` and
``network.npz``, and ``.npz`` files of what is given and what was found, arrays (steps, samples,
units) by population; of what was found ``<population> spikes`` and ``<population> potentials``.

A population is a ``NeuronGroup`` without differential equations: its statements run in the slot
"groups" of a step, then come thresholds, synapses, resets. The samples are copies of the units. An
input of plain spikes is a ``SpikeGeneratorGroup``. Synapses of one delay are one ``Synapses``, for
their order is that in which what arrives is added.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# Not Brian2's own flags, which have -ffast-math, and no rewriting of products.
STRICT = {
    "codegen.target": "numpy",
    "codegen.loop_invariant_optimisations": False,
}


class Built(NamedTuple):
    """Objects by the names of populations and synapses, their network, and how long it runs."""

    groups: dict[str, Any]
    synapses: dict[str, Any]
    monitors: dict[str, Any]
    network: Any
    steps: int
    samples: int


def load(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A described graph, as :mod:`json` and numpy have it."""
    described = json.loads((folder / "network.json").read_text("utf-8"))
    with np.load(folder / "network.npz", allow_pickle=False) as file:
        return described, {name: file[name] for name in file.files}


def build(
    described: dict[str, Any],
    arrays: dict[str, np.ndarray],
    inputs: dict[str, np.ndarray],
    steps: int | None = None,
) -> Built:
    """The objects of a graph, for what it is given.

    Parameters
    ----------
    described, arrays
        From :func:`load`.
    inputs : dict of ndarray
        Arrays (steps, samples, units) by population: messages of inputs, currents of others.
    steps : int, optional
        Where nothing is given.
    """
    import brian2 as b2

    first = next(iter(inputs.values()), None)
    samples = 1 if first is None else first.shape[1]
    if first is not None:
        steps = len(first)
    assert steps is not None, "nothing says how many steps"
    clock = b2.Clock(1 * b2.ms, name="step_clock")
    groups, monitors, synapses = {}, {}, {}
    for k, population in enumerate(described["populations"]):
        name, given = population["name"], inputs.get(population["name"])
        own = {key: arrays[f"{k} {key}"] for key in population["parameters"]}
        make = _source if population["kind"] == "source" else _group
        group = make(b2, f"p{k}", population, own, given, samples, clock)
        groups[name] = group
        for what, result in population["recorded"].items():
            if what == "spikes":
                monitors[result] = b2.SpikeMonitor(group, name=f"p{k}_spikes_seen")
                continue
            monitors[result] = b2.StateMonitor(
                group, what, record=True, clock=clock, when="end", name=f"p{k}_{what}_seen"
            )
    for k, projection in enumerate(described["synapses"]):
        pre, post = (groups[projection[side]] for side in ("pre", "post"))
        joined = b2.Synapses(
            pre, post, "weight : 1", on_pre=projection["on_pre"], delay=projection["delay"] * b2.ms,
            clock=clock, name=f"s{k}",
        )  # fmt: skip
        copies = np.arange(samples)[:, None]
        joined.connect(
            i=(arrays[f"s{k} pre"] + copies * (len(pre) // samples)).ravel(),
            j=(arrays[f"s{k} post"] + copies * (len(post) // samples)).ravel(),
        )
        joined.weight = np.tile(arrays[f"s{k} weights"], samples)
        joined.pre.order = k
        synapses[projection["name"]] = joined
    network = b2.Network(*groups.values(), *synapses.values(), *monitors.values())
    return Built(groups, synapses, monitors, network, steps, samples)


def _source(
    b2: Any, name: str, population: Any, own: Any, given: Any, samples: int, clock: Any
) -> Any:
    """Plain spikes: who fires when."""
    flat = given.reshape(len(given), -1)
    step, unit = np.nonzero(flat)
    return b2.SpikeGeneratorGroup(flat.shape[1], unit, step * b2.ms, clock=clock, name=name)


def _group(
    b2: Any, name: str, population: Any, own: Any, given: Any, samples: int, clock: Any
) -> Any:
    """Units that compute, or send what a table says."""
    units = population["units"] * samples
    namespace = {}
    if given is None:
        given = np.zeros((1, samples, population["units"]))
    table = given.reshape(len(given), units).astype(float)
    namespace["given"] = b2.TimedArray(table, dt=1 * b2.ms, name=f"{name}_given")
    more = {"refractory": "wait*ms"} if population["refractory"] else {}
    group = b2.NeuronGroup(
        units,
        "\n".join(population["equations"]),
        threshold=population["threshold"],
        reset="\n".join(population["reset"]) if population["threshold"] else None,
        namespace={**namespace, "ms": b2.ms, "inf": np.inf},
        clock=clock,
        name=name,
        **more,
    )
    for key, values in own.items():
        setattr(group, key, np.tile(values, samples))
    if "x" in population["states"]:
        group.x = table[0]
    group.run_regularly(
        "\n".join(population["update"]), when="groups", order=1, clock=clock, name=f"{name}_update"
    )
    return group


def run(built: Built) -> dict[str, np.ndarray]:
    """Run it: arrays (steps, samples, units), ``<population> spikes`` and ``... potentials``."""
    import brian2 as b2

    built.network.run(built.steps * b2.ms)
    found: dict[str, np.ndarray] = {}
    for key, monitor in built.monitors.items():
        if isinstance(monitor, b2.SpikeMonitor):
            values = np.zeros((built.steps, len(monitor.source)), np.int8)
            step = np.rint(np.asarray(monitor.t) * 1e3).astype(np.int64)
            values[step, np.asarray(monitor.i)] = 1
        else:
            (what,) = monitor.record_variables
            values = np.asarray(getattr(monitor, what)).T.copy()
        found[key] = values.reshape(built.steps, built.samples, -1)
    return found


def main(folder: str, inputs: str, results: str) -> None:
    """Build, run, write."""
    import brian2 as b2

    for name, value in STRICT.items():
        b2.prefs[name] = value
    with np.load(inputs, allow_pickle=False) as file:
        given = {name: file[name] for name in file.files}
    np.savez(results, **run(build(*load(Path(folder)), given)))


if __name__ == "__main__":
    main(*sys.argv[1:])
