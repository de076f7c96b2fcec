"""How fast graphs of spiking units run: beside other simulators, and as they grow.

    python benchmarks/graphs.py peers --nest-python PYTHON     # results/graphs-peers.json
    python benchmarks/graphs.py growth                         # results/graphs-growth.json
    python benchmarks/graphs.py large                          # results/graphs-large.json

`peers`: a feed-forward network of 784-500-10 LIF units whose input fires at 10 %, and a recurrent
one of 10,000 LIF units, each joined to 1 % of the others. One thread and one sample each, the same
numbers and the same equations of a step; what is compared is processor seconds of a step, of the
loop over steps alone. Brian2 is a C++ program in float64, NEST is its own interpreter's (PYTHON;
left out if none is named), Lava its floating-point models on the CPU, SANA-FE counts and does not
time. Contestants take turns, and
figures are medians. Spikes are compared: those of other simulators are ours to a few in a thousand,
since sums in another order flip some, and a recurrent network carries that on.

`growth`: 10^3 to 10^6 units, 100 synapses each. `large`: 10^5 units and 5 x 10^7 synapses, built
and run, and mapped on loihi2, with times and memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import eqchip as eq
from eqchip.bench.machine import made_here
from eqchip.emulator.engine.graph import lower_graph, run_lowered
from eqchip.emulator.problem.pose_graph import pose_graph
from eqchip.mapping.placement.graph import map_graph

RESULTS = Path(__file__).resolve().parent / "results"
HERE = Path(__file__).resolve().parent
DECAY, FAN, SEED, ROUNDS, STEPS = 0.1, 100, 0, 5, 500
LAVA_STEPS, SANAFE_STEPS = 400, 50


def sparse(rng: np.random.Generator, n: int, fan: int) -> eq.Sparse:
    """Every unit to `fan` others, one drawn from each of as many stretches: ascending by itself."""
    width = n // fan
    post = np.arange(fan, dtype=np.int32) * width + rng.integers(0, width, (n, fan), np.int32)
    return eq.Sparse(n, n, np.arange(0, n * fan + 1, fan), post.ravel())


def recurrent(n: int, fan: int = FAN, bias: float = 0.105) -> tuple[eq.Graph, dict[str, Any]]:
    """LIF units that a bias drives and mostly inhibition joins; about 3 % fire in a step."""
    rng = np.random.default_rng(SEED)
    connection = sparse(rng, n, fan)
    scale = 0.2 / np.sqrt(fan)
    weights = rng.normal(-0.2 * scale, scale, n * fan).astype(np.float32)
    unit = eq.LIF(
        decay=DECAY, bias=rng.uniform(0.9 * bias, 1.3 * bias, n), initial=rng.uniform(0, 1, n)
    )
    projection = eq.Projection("units", "units", weights, connection)
    return eq.Graph([eq.Population("units", unit, n)], [projection], outputs=["units"]), {}


def layered() -> tuple[eq.Graph, dict[str, Any]]:
    """784-500-10, the input firing at 10 %."""
    rng, sizes = np.random.default_rng(SEED), (784, 500, 10)
    populations = [
        eq.Population(name, unit, n)
        for name, unit, n in zip(
            ("in", "hidden", "out"), (eq.Input(), *2 * [eq.LIF(decay=DECAY)]), sizes, strict=True
        )
    ]
    names, shapes = [p.name for p in populations], zip(sizes[:-1], sizes[1:], strict=True)
    projections = [
        eq.Projection(names[k], names[k + 1], rng.normal(0.002, 0.03, shape).astype(np.float32))
        for k, shape in enumerate(shapes)
    ]
    return eq.Graph(populations, projections), {"in": rng.random((STEPS, 1, 784)) < 0.1}


NETWORKS = {"784-500-10": layered, "recurrent-10000": lambda: recurrent(10_000)}


def save(graph: eq.Graph, x: dict[str, Any], path: Path) -> None:
    """A graph of LIF units as plain arrays, for other simulators."""
    arrays: dict[str, Any] = {"steps": STEPS, "rounds": ROUNDS, "decay": DECAY,
                              "sizes": graph.sizes}  # fmt: skip
    arrays["inputs"] = [graph.numbers[name] for name in graph.inputs]
    for k, population in enumerate(graph.populations):
        if population.unit.receives:
            arrays[f"theta_{k}"] = population.unit.threshold
            for name in ("bias", "initial"):
                arrays[f"{name}_{k}"] = population.per_unit(name)
        else:
            arrays[f"times_{k}"], _, arrays[f"units_{k}"] = np.nonzero(x[population.name])
    arrays["ends"] = [(graph.numbers[p.pre], graph.numbers[p.post]) for p in graph.projections]
    for k, p in enumerate(graph.projections):
        c = p.connection
        i, j = (c.pre, c.indices) if isinstance(c, eq.Sparse) else np.indices(c.weight_shape)
        arrays[f"from_{k}"], arrays[f"to_{k}"] = np.ravel(i), np.ravel(j)
        arrays[f"weights_{k}"] = p.weights.ravel().astype(np.float64)
    np.savez(path, **arrays)


class Ours:
    """The emulator; a call is the processor seconds of the loop over steps."""

    def __init__(self, graph: eq.Graph, x: dict[str, Any], precision: str, steps: int) -> None:
        self.problem = pose_graph(graph, x, steps=steps, precision=precision)
        self.lowered = lower_graph(self.problem)
        self.run = run_lowered(self.lowered, self.problem, 1)  # compiles

    def __call__(self) -> float:
        start = time.process_time()
        self.run = run_lowered(self.lowered, self.problem, 1)
        return time.process_time() - start

    def found(self, seconds: list[float]) -> dict[str, Any]:
        """A contestant of the document."""
        steps, activity = self.problem.steps, self.run.activity
        events = sum(activity.synaptic_events.values())
        taken = statistics.median(seconds)
        return {
            "microseconds_per_step": 1e6 * taken / steps,
            "nanoseconds_per_event": 1e9 * taken / events,
            "all_microseconds_per_step": [1e6 * s / steps for s in seconds],
            "spikes": sum(activity.spikes.values()),
            "synaptic_events": events,
        }


def other(python: str, script: str, *arguments: Any) -> dict[str, Any]:
    """One line of JSON from another program."""
    command = [python, str(HERE / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{script}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def loop(python: str, script: str, path: Path, *arguments: int) -> dict[str, Any]:
    """A simulator that times its own loop."""
    found = other(python, script, path, *arguments)
    steps = found.get("steps", STEPS)
    per_step = [1e6 * s / steps for s in found["seconds"]]
    return {
        "microseconds_per_step": statistics.median(per_step),
        "all_microseconds_per_step": per_step,
        "steps": steps,
        "spikes": found.get("spikes"),
        "version": found["version"],
    }


def peers(nest_python: str | None) -> dict[str, Any]:
    """Every network on every simulator."""
    document: dict[str, Any] = {"steps": STEPS, "rounds": ROUNDS, "networks": {}}
    for name, make in NETWORKS.items():
        graph, x = make()
        integers = eq.quantize(graph).graph
        ours = {
            f"emulator, {precision}": Ours(
                integers if precision == "chip" else graph, x, precision, STEPS
            )
            for precision in ("float32", "float64", "chip")
        }
        seconds: dict[str, list[float]] = {key: [] for key in ours}
        for _ in range(ROUNDS):
            for key, contestant in ours.items():
                seconds[key].append(contestant())
        found = {key: one.found(seconds[key]) for key, one in ours.items()}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.npz"
            save(graph, x, path)
            found["Brian2 C++"] = loop(sys.executable, "graphs_brian2.py", path)
            if nest_python:
                found["NEST"] = loop(nest_python, "graphs_nest.py", path)
            found["SANA-FE"] = loop(sys.executable, "graphs_sanafe.py", path, SANAFE_STEPS)
            found["Lava, floating point"] = loop(sys.executable, "graphs_lava.py", path, LAVA_STEPS)
        best = found["emulator, float32"]["microseconds_per_step"]
        for key, one in found.items():
            one["times_the_emulator"] = one["microseconds_per_step"] / best
            print(f"{name:16} {key:22} {one['microseconds_per_step']:10.1f} us/step "
                  f"{one['times_the_emulator']:8.2f}", file=sys.stderr)  # fmt: skip
        document["networks"][name] = found
    return document


def scale(units: int, fan: int, steps: int, chip: str | None = None) -> dict[str, Any]:
    """A recurrent network built, lowered, run, and mapped on a chip if one is named.

    Processor seconds, and the most memory of this process so far, in bytes: so one network a
    process.
    """
    found: dict[str, Any] = {"units": units, "synapses": units * fan, "steps": steps}
    compile_for = recurrent(100, 10)[0]
    Ours(compile_for, {}, "float32", 2)
    found["peak_bytes_before"] = peak_bytes()
    start = time.process_time()
    graph, x = recurrent(units, fan)
    found["build_seconds"], start = time.process_time() - start, time.process_time()
    problem = pose_graph(graph, x, steps=steps, precision="float32")
    lowered = lower_graph(problem)
    found["lower_seconds"], start = time.process_time() - start, time.process_time()
    run = run_lowered(lowered, problem, 1)
    seconds = time.process_time() - start
    found["peak_bytes"] = peak_bytes()
    events = sum(run.activity.synaptic_events.values())
    found |= {
        "run_seconds": seconds,
        "milliseconds_per_step": 1e3 * seconds / steps,
        "firing_in_a_step": sum(run.activity.spikes.values()) / units / steps,
        "synaptic_events": events,
        "nanoseconds_per_event": 1e9 * seconds / events,
        "bytes_per_synapse": (found["peak_bytes"] - found["peak_bytes_before"]) / units / fan,
    }
    if chip is not None:
        del lowered
        start = time.process_time()
        mapped = map_graph(graph, eq.load_chip(chip))
        found |= {
            "chip": chip, "cores": mapped.cores, "map_seconds": time.process_time() - start,
            "peak_bytes_mapped": peak_bytes(),
        }  # fmt: skip
    return found


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def grown(sizes: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Networks of these units, synapses of each, and steps, each in a process of its own."""
    found = []
    for size in sizes:
        found.append(other(sys.executable, "graphs.py", "one", *size))
        print(json.dumps(found[-1]), file=sys.stderr)
    return {"networks": found}


GROWTH = [(10**3, FAN, 20_000), (10**4, FAN, 2000), (10**5, FAN, 200), (10**6, FAN, 20)]
LARGE = [(10**5, 500, 100, "loihi2")]
PARTS = {
    "peers": lambda asked: peers(asked.nest_python),
    "growth": lambda asked: grown(GROWTH),
    "large": lambda asked: grown(LARGE),
}


def main() -> None:
    """Measure, and write what was found."""
    if sys.argv[1:2] == ["one"]:
        units, fan, steps, *chip = sys.argv[2:]
        print(json.dumps(scale(int(units), int(fan), int(steps), *chip)))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--nest-python", help="an interpreter that has NEST")
    asked = parser.parse_args()
    document = {"format": f"eqchip-graphs-{asked.part} 1", **PARTS[asked.part](asked)}
    path = RESULTS / f"graphs-{asked.part}.json"
    document |= made_here(SEED)
    named = " --nest-python PYTHON" if asked.nest_python else ""
    document["command"] = f"python benchmarks/graphs.py {asked.part}{named}"
    path.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
