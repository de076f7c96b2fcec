"""Drawn graphs on every engine that runs here: how many spikes were compared, how many differ.

    python benchmarks/crosscheck_graphs.py [--only DRAWN] [--graphs 1000] [--seed 0] [--out FILE]

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
from typing import Any, NamedTuple

from crosscheck import add, new_total, versions

from eqchip.backends.crosscheck_graph import check_graph
from eqchip.backends.registry import BACKENDS
from eqchip.emulator.problem.graph import GraphProblem, pose_graph

HERE = Path(__file__).resolve().parent
SHOWN_DIFFERENCES = 20


class Drawn(NamedTuple):
    """What is drawn, in which precision it runs, on which engines beside the emulator."""

    precision: str
    engines: tuple[str, ...]
    share: float = 1.0  # of the graphs that are asked for


DRAWN = {
    "real numbers": Drawn("float64", ("reference", "brian2")),
    "integers": Drawn("chip", ("reference",)),
    "what Lava knows": Drawn("chip", ("reference", "lava"), 0.2),
}
FIRST = {"float64": 10_000, "chip": 20_000}  # seeds, which those of the tests are not among


def draw(seed: int, what: str, number: int) -> GraphProblem:
    """One graph with its input, which all this determines."""
    from drawn_graphs import drawn_graph

    precision = DRAWN[what].precision
    own = {"for_lava": True} if "lava" in DRAWN[what].engines else {}
    first = FIRST[precision] + 100_000 * seed + number
    graph, x, steps = drawn_graph(first, precision == "chip", **own)
    return pose_graph(graph, x, steps=steps, precision=precision)  # type: ignore[arg-type]


def study(what: str, graphs: int, seed: int) -> dict[str, Any]:
    """Every drawn graph of a row of `DRAWN` on every engine."""
    totals: dict[str, dict[str, Any]] = {}
    drawn: Counter[str] = Counter()
    differences: list[dict[str, Any]] = []
    start = time.perf_counter()
    engines = [BACKENDS[name] for name in DRAWN[what].engines]
    for number in range(graphs):
        problem = draw(seed, what, number)
        drawn["populations"] += len(problem.graph.populations)
        drawn["projections"] += len(problem.graph.projections)
        drawn["samples"] += problem.batch
        drawn["steps of samples"] += problem.steps * problem.batch
        for checkup in check_graph(problem, engines, threads=1):
            add(totals.setdefault(checkup.engine, new_total()), checkup)
            if checkup.comparison is not None and not checkup.comparison.equal:
                first = str(checkup.comparison.first)
                differences.append({"engine": checkup.engine, "number": number, "first": first})
        if (number + 1) % 20 == 0:
            seconds = time.perf_counter() - start
            print(
                f"{what}: {number + 1} graphs, {len(differences)} differ, {seconds:.0f} s",
                flush=True,
            )
    return {
        "precision": DRAWN[what].precision,
        "graphs": graphs,
        "seed": seed,
        "drawn": dict(sorted(drawn.items())),
        "engines": totals,
        "different": len(differences),
        "differences": differences[:SHOWN_DIFFERENCES],
        "seconds": time.perf_counter() - start,
        "versions": versions(),
    }


def main() -> int:
    """Run the study and write its results; those that another run wrote are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=DRAWN, help="default: all")
    parser.add_argument("--graphs", type=int, default=1000, help="of what Lava knows, a fifth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "crosscheck-graphs.json")
    asked = parser.parse_args()
    sys.path.append(str(HERE.parent / "tests" / "helpers"))  # where graphs are drawn
    document: dict[str, Any] = {"kind": "crosscheck-graphs", "drawn": {}}
    if asked.out.exists():
        document = json.loads(asked.out.read_text(encoding="utf-8"))
    different = 0
    for what in DRAWN if asked.only is None else (asked.only,):
        found = study(what, round(asked.graphs * DRAWN[what].share), asked.seed)
        different += found["different"]
        document["drawn"][what] = found
        asked.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for what, found in document["drawn"].items():
        for engine, total in found["engines"].items():
            print(what, engine, {k: v for k, v in total.items() if v != {}})
    print(f"{different} differ; {asked.out}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
