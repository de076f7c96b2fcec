"""Drawn graphs on every engine that runs here: how many spikes were compared, how many differ.

    python benchmarks/crosscheck_graphs.py [--only DRAWN] [--graphs 1000] [--seed 0] [--out FILE]

Graphs are drawn as the tests draw theirs (`tests/helpers/drawn_graphs.py`): all kinds of units and
connections, delays, currents, frames, in floating point and in a chip's integers; and some of what
Lava knows, in its bit-accurate integers. The emulator runs every graph, and its spikes and
potentials are compared with those of other engines. The reference runs every graph, too. Brian2 and
Lava, which take seconds to make code and processes, run twenty, or fifty, at once: graphs of one
structure, whose populations stand behind each other without a synapse between graphs, while sizes,
connections, delays and all numbers are each one's own.

Results: ``benchmarks/results/crosscheck-graphs.json``. Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from crosscheck import add, new_total, versions

from eqchip.backends.comparison_graph import compare_graphs
from eqchip.backends.crosscheck import Checkup
from eqchip.backends.crosscheck_graph import check_graph
from eqchip.backends.registry import BACKENDS, EMULATOR, Backend
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.graph import RECORDABLE, GraphProblem
from eqchip.emulator.problem.pose_graph import pose_graph

HERE = Path(__file__).resolve().parent
SHOWN_DIFFERENCES = 20


class Drawn(NamedTuple):
    """What is drawn, in which precision it runs, on which engines beside the emulator.

    at_once: how many graphs have one structure, and run together on the engines named `together`.
    share: of the graphs that are asked for.
    """

    precision: str
    alone: tuple[str, ...]
    together: tuple[str, ...]
    at_once: int = 20
    share: float = 1.0


DRAWN = {
    "real numbers": Drawn("float64", ("reference",), ("brian2",)),
    "integers": Drawn("chip", ("reference",), ()),
    "what Lava knows": Drawn("chip", ("reference",), ("lava",), 50, 0.2),
}


def draw(seed: int, what: str, group: int) -> list[tuple[Any, Any, int]]:
    """Graphs of one structure with their inputs and steps, which all this determines."""
    from drawn_graphs import drawn_graph

    row = DRAWN[what]
    key = [seed, *what.encode(), group]
    structure = int(np.random.default_rng(key).integers(2**31))
    return [
        drawn_graph(
            int(np.random.default_rng([*key, number]).integers(2**31)),
            row.precision == "chip",
            structure,
            for_lava="lava" in row.together,
        )
        for number in range(row.at_once)
    ]


def study(what: str, graphs: int, seed: int) -> dict[str, Any]:
    """Every drawn graph of a row of `DRAWN` on every engine."""
    from drawn_graphs import side_by_side

    row = DRAWN[what]
    totals: dict[str, dict[str, Any]] = {}
    drawn: Counter[str] = Counter()
    differences: list[dict[str, Any]] = []
    start = time.perf_counter()
    for group in range(graphs // row.at_once):
        members = draw(seed, what, group)
        problems = [pose(row, graph, x, steps) for graph, x, steps in members]
        for problem in problems:
            drawn["populations"] += len(problem.graph.populations)
            drawn["projections"] += len(problem.graph.projections)
            drawn["samples"] += problem.batch
            drawn["steps of samples"] += problem.steps * problem.batch
        checkups = [
            (number, one)
            for number, problem in enumerate(problems)
            for one in check_graph(problem, [BACKENDS[name] for name in row.alone], threads=1)
        ]
        whole = pose(row, *side_by_side([m[0] for m in members], [m[1] for m in members]),
                     members[0][2])  # fmt: skip
        for name in row.together:
            checkups += together(whole, problems, BACKENDS[name])
        for number, checkup in checkups:
            add(totals.setdefault(checkup.engine, new_total()), checkup)
            if checkup.comparison is not None and not checkup.comparison.equal:
                first = str(checkup.comparison.first)
                where = {"group": group, "number": number}
                differences.append({"engine": checkup.engine, **where, "first": first})
        seconds = time.perf_counter() - start
        print(
            f"{what}: {(group + 1) * row.at_once} graphs, {len(differences)} differ, "
            f"{seconds:.0f} s",
            flush=True,
        )
    return {
        "precision": row.precision,
        "graphs": graphs // row.at_once * row.at_once,
        "of_one_structure": row.at_once,
        "seed": seed,
        "drawn": dict(sorted(drawn.items())),
        "engines": totals,
        "different": len(differences),
        "differences": differences[:SHOWN_DIFFERENCES],
        "seconds": time.perf_counter() - start,
        "versions": versions(),
    }


def pose(row: Drawn, graph: Any, x: Any, steps: int) -> GraphProblem:
    """What is asked of a graph, all of it recorded."""
    return pose_graph(
        graph,
        x,
        steps=steps,
        precision=row.precision,
        record=RECORDABLE,  # type: ignore[arg-type]
    )


def together(
    whole: GraphProblem, problems: list[GraphProblem], engine: Backend
) -> Iterator[tuple[int, Checkup]]:
    """Graphs that one run of an engine runs side by side, each compared with the emulator's own."""
    from drawn_graphs import apart

    start = time.perf_counter()
    try:
        run = engine.solve_graph(whole)
    except InputError as error:
        yield from ((number, Checkup(engine.name, whole.precision, refusal=str(error)))
                    for number in range(len(problems)))  # fmt: skip
        return
    seconds = (time.perf_counter() - start) / len(problems)
    graphs = [problem.graph for problem in problems]
    for number, problem in enumerate(problems):
        expected = BACKENDS[EMULATOR].solve_graph(problem, threads=1)
        # Counts are those of all graphs; of each they follow from its spikes.
        found = replace(expected, **apart(run, graphs, number))
        comparison = compare_graphs(problem, found, expected)
        yield number, Checkup(engine.name, whole.precision, 0.0, seconds, comparison)


def main() -> int:
    """Run the study and write its results; those that another run wrote are kept."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=DRAWN, help="default: all")
    parser.add_argument("--graphs", type=int, default=1000, help="of what Lava knows, a fifth")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "crosscheck-graphs.json")
    asked = parser.parse_args()
    sys.path.append(str(HERE.parent / "tests" / "helpers"))  # where graphs are drawn
    document: dict[str, Any] = {
        "kind": "crosscheck-graphs", "command": "python benchmarks/crosscheck_graphs.py",
        "drawn": {},
    }  # fmt: skip
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
