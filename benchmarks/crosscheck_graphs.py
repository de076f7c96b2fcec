"""Drawn graphs on every engine that runs here: how many spikes were compared, how many differ.

    python benchmarks/crosscheck_graphs.py [--graphs 1000] [--on-lava 200] [--seed 0] [--out FILE]

So many graphs are drawn in floating point, so many in a chip's integers, as the tests draw theirs
(`tests/helpers/drawn_graphs.py`): all kinds of units and connections, delays, currents, frames. The
emulator's spikes, potentials and counts are compared with those of the reference, and in floating
point with Brian2's; on Lava so many, of what its Processes know, in its bit-accurate integers.
Results: ``benchmarks/results/crosscheck-graphs.json``. Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from crosscheck import add, new_total, versions

from eqchip.backends.crosscheck_graph import check_graph
from eqchip.backends.registry import BACKENDS
from eqchip.emulator.problem.graph import GraphProblem, pose_graph

HERE = Path(__file__).resolve().parent
SHOWN_DIFFERENCES = 20
# What is drawn, in which precision it runs, and on which engines beside the emulator.
DRAWN = {
    "all kinds, real numbers": ("float64", ("reference", "brian2")),
    "all kinds, a chip's integers": ("chip", ("reference",)),
    "what Lava knows, a chip's integers": ("chip", ("reference", "lava")),
}
FIRST = {"float64": 10_000, "chip": 20_000}  # seeds, which those of the tests are not among


def draw(seed: int, what: str, number: int) -> GraphProblem:
    """One graph with its input, which all this determines."""
    from drawn_graphs import drawn_graph

    precision, engines = DRAWN[what]
    own = {"for_lava": True} if "lava" in engines else {}
    graph, x, steps = drawn_graph(
        FIRST[precision] + 100_000 * seed + number, precision == "chip", **own
    )
    return pose_graph(graph, x, steps=steps, precision=precision)  # type: ignore[arg-type]


def study(graphs: int, on_lava: int, seed: int) -> dict[str, Any]:
    """Every drawn graph on every engine."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    drawn: Counter[str] = Counter()
    differences: list[dict[str, Any]] = []
    start = time.perf_counter()
    for what, (_, engines) in DRAWN.items():
        for number in range(on_lava if "lava" in engines else graphs):
            problem = draw(seed, what, number)
            drawn["populations"] += len(problem.graph.populations)
            drawn["projections"] += len(problem.graph.projections)
            drawn["delays"] += sum(len(p.delays) for p in problem.graph.projections)
            drawn["samples"] += problem.batch
            drawn["steps"] += problem.steps * problem.batch
            for checkup in check_graph(problem, [BACKENDS[name] for name in engines], threads=1):
                add(totals.setdefault((checkup.engine, what), new_total()), checkup)
                if checkup.comparison is not None and not checkup.comparison.equal:
                    first = str(checkup.comparison.first)
                    differences.append(
                        {"engine": checkup.engine, "drawn": what, "number": number, "first": first}
                    )
            if (number + 1) % 20 == 0:
                seconds = time.perf_counter() - start
                print(
                    f"{what}: {number + 1} graphs, {len(differences)} differ, {seconds:.0f} s",
                    flush=True,
                )
    return {
        "kind": "crosscheck-graphs",
        "command": f"python benchmarks/crosscheck_graphs.py --graphs {graphs} "
        f"--on-lava {on_lava} --seed {seed}",
        "seed": seed,
        "drawn": dict(sorted(drawn.items())),
        "engines": [
            {"engine": engine, "drawn": what, "precision": DRAWN[what][0], **total}
            for (engine, what), total in totals.items()
        ],
        "different": len(differences),
        "differences": differences[:SHOWN_DIFFERENCES],
        "seconds": time.perf_counter() - start,
        "versions": versions(),
    }


def main() -> int:
    """Run the study and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--graphs", type=int, default=1000, help="in each precision")
    parser.add_argument("--on-lava", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "crosscheck-graphs.json")
    asked = parser.parse_args()
    sys.path.append(str(HERE.parent / "tests" / "helpers"))  # where graphs are drawn
    found = study(asked.graphs, asked.on_lava, asked.seed)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in found["engines"]:
        print({k: v for k, v in row.items() if v != {}})
    print(f"{found['different']} differ; {asked.out}")
    return 1 if found["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
