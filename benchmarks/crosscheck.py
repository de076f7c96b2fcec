"""Drawn networks on every engine that runs here: how many bits were compared, how many differ.

    python benchmarks/crosscheck.py [--networks 1000] [--lava-every 10] [--seed 0] [--out FILE]

In each precision so many problems are drawn as the tests draw theirs
(`tests/helpers/strategies.py`): depth, widths, weights, coding, phases, inputs with exact ties. The
emulator's bits, potentials, ends and counts are compared with those of every engine that computes
in the precision: the reference, Brian2 on its numpy target, and Lava, which takes a second to
start, on every tenth. Results: ``benchmarks/results/crosscheck.json``. Exit status 1 if anything
differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.backends.crosscheck import CHECKED, Checkup, crosscheck, engines
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training import runs

HERE = Path(__file__).resolve().parent
SHOWN_DIFFERENCES = 20
MAX_WIDTH, MAX_STEPS = 20, 6


def draw(seed: int, precision: str, number: int) -> Problem:
    """One problem, which its seed, precision and number alone determine."""
    from strategies import draw_problem

    rng = np.random.default_rng([seed, *precision.encode(), number])
    return draw_problem(rng, precision=precision, max_width=MAX_WIDTH, max_steps=MAX_STEPS)


def study(networks: int, lava_every: int, seed: int) -> dict[str, Any]:
    """Every drawn problem on every engine."""
    totals: dict[tuple[str, str], dict[str, Any]] = {}
    drawn: Counter[str] = Counter()
    differences: list[dict[str, Any]] = []
    start = time.perf_counter()
    for precision in CHECKED:
        for number in range(networks):
            problem = draw(seed, precision, number)
            drawn[f"{len(problem.network.layers)} layers"] += 1
            drawn[problem.coding.quantizer] += 1
            drawn[f"input as {problem.input}"] += 1
            drawn["with prediction"] += problem.coding.prediction is not None
            drawn["with a phase from_free"] += any(phase.from_free for phase in problem.phases)
            others = [one for one in engines() if one.name != "lava" or number % lava_every == 0]
            for checkup in crosscheck(problem, others, threads=1):
                add(totals.setdefault((checkup.engine, precision), new_total()), checkup)
                if checkup.comparison is not None and not checkup.comparison.equal:
                    differences.append(
                        {
                            "engine": checkup.engine,
                            "precision": precision,
                            "number": number,
                            "first": str(checkup.comparison.first),
                        }
                    )
            if (number + 1) % 50 == 0:
                seconds = time.perf_counter() - start
                print(
                    f"{precision}: {number + 1} of {networks} networks, "
                    f"{len(differences)} differ, {seconds:.0f} s",
                    flush=True,
                )
    return {
        "kind": "crosscheck",
        "command": f"python benchmarks/crosscheck.py --networks {networks} "
        f"--lava-every {lava_every} --seed {seed}",
        "seed": seed,
        "networks_per_precision": networks,
        "drawn": dict(sorted(drawn.items())),
        "engines": [
            {"engine": engine, "precision": precision, **total}
            for (engine, precision), total in totals.items()
        ],
        "different": len(differences),
        "differences": differences[:SHOWN_DIFFERENCES],
        "seconds": time.perf_counter() - start,
        "versions": versions(),
    }


def new_total() -> dict[str, Any]:
    """Nothing compared yet."""
    return {
        "networks": 0, "different": 0, "bits": 0, "mismatches": 0, "largest_difference": 0.0,
        "seconds": 0.0, "left_out": {},
    }  # fmt: skip


def add(total: dict[str, Any], checkup: Checkup) -> None:
    """Count a checkup."""
    if checkup.refusal is not None:
        reason = checkup.refusal
        total["left_out"][reason] = total["left_out"].get(reason, 0) + 1
        return
    total["networks"] += 1
    total["seconds"] += checkup.seconds
    if checkup.comparison is None:
        return
    total["different"] += not checkup.comparison.equal
    total["bits"] += checkup.comparison.bits
    total["mismatches"] += checkup.comparison.mismatches
    total["largest_difference"] = max(total["largest_difference"], checkup.comparison.largest)


def versions() -> dict[str, Any]:
    """Of eqchip, Python and all engines."""
    found: dict[str, Any] = runs.versions()
    for package in ("brian2", "lava-nc"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def main() -> int:
    """Run the study and write its results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", type=int, default=1000, help="in each precision")
    parser.add_argument("--lava-every", type=int, default=10, help="networks to one on Lava")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "crosscheck.json")
    asked = parser.parse_args()
    sys.path.append(str(HERE.parent / "tests"))  # where problems are drawn
    found = study(asked.networks, asked.lava_every, asked.seed)
    asked.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for row in found["engines"]:
        print({k: v for k, v in row.items() if v != {}})
    print(f"{found['different']} differ; {asked.out}")
    return 1 if found["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
