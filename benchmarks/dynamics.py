"""Every task of ``eqchip dynamics`` that is learned in balance, five seeds, and the kernel's speed.

    python benchmarks/dynamics.py [--seeds 5] [--tasks NAME ...] [--speed] [--out FILE]
        [--pictures FOLDER]

With ``--tasks`` or ``--speed`` only these are made anew; each task tells what it was made by.

Speed is simulated over processor time of 100 seconds of signal, 50 units, steps of 0.1 ms, one
thread: what the layer does without learning, and learning by each rule.

Results: ``benchmarks/results/dynamics.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eqchip as eq
from eqchip.dynamics_study import SEEDS
from eqchip.emulator.studies.dynamics.comparisons import COMPARISONS
from eqchip.emulator.studies.dynamics.tasks import TASKS
from eqchip.emulator.training.runs import provenance
from eqchip.hw_reports.studies.dynamics_plot import save

RESULT = Path(__file__).resolve().parent / "results" / "dynamics.json"
NAMES = (*TASKS, *COMPARISONS)
SECONDS, DT = 100, 1e-4
CHIP = "loihi1-calibrated"
DRAWN = ("autoencode", "oscillator-chip", "van-der-pol", "turns", "steps", "cores", "clocks")


def speed() -> Iterator[dict[str, Any]]:
    """Simulated seconds a second of processor time."""
    noise = eq.Noise(rms=194.0, smoothing=0.03)
    cases = {
        "runs": {},
        "learns fast weights": {"fast": eq.VoltageRule(1e-3, 1.0)},
        "learns slow weights": {"gain": 100.0, "slow": eq.SlowRule(0.1)},
    }
    for numbers, integers in (("float64", None), ("integers", eq.LayerIntegers(slow_range=1.0))):
        for name, rules in cases.items():
            layer = eq.BalancedLayer.tight(
                50, 2, leak=50.0, norm=0.5, spread=0.3, width=1.6, seed=0
            )
            simulation = eq.BalancedSimulation(layer, dt=DT, turns=eq.Slots(25), integers=integers)
            simulation.run(noise, 1000, **rules)  # compiles
            began, wall = time.process_time(), time.perf_counter()
            simulation.run(noise, round(SECONDS / DT), **rules)
            spent, wall = time.process_time() - began, time.perf_counter() - wall
            yield {
                "numbers": numbers, "case": name, "times_real_time": SECONDS / spent,
                "share_of_a_processor": spent / wall,
            }  # fmt: skip


def kept(made: dict[str, Any]) -> dict[str, Any]:
    """What tables show of a task, and every seed's errors; not its pictures."""
    found = {key: value for key, value in made.items() if key != "shown"}
    price = found.get("price", {})
    for row in found.get("rows", []):
        if "price" in row:
            row["price"] = {name: row["price"][name] for name in ("chip", "cores", "energy")}
    if "learning" in price:
        update = {"energy": price["learning"]["update"]["energy"]}
        found["price"] = {
            "chip": price["chip"],
            "testing": {"energy": price["testing"]["energy"]},
            "learning": {"energy": price["learning"]["energy"], "update": update},
        }
    return found


def main() -> None:
    """Run all tasks, and write what they found."""
    parser = argparse.ArgumentParser(description="Tasks that are learned in time.")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--tasks", nargs="+", choices=NAMES)
    parser.add_argument("--speed", action="store_true", help="measure the speed anew")
    asked = parser.parse_args()
    before = json.loads(asked.out.read_text()) if asked.tasks or asked.speed else {}
    tasks = {one["task"]: one for one in before.get("tasks", [])}
    for name in asked.tasks or ([] if asked.speed else NAMES):
        made = eq.dynamics(name, seeds=asked.seeds, chip=CHIP)
        if asked.pictures is not None and name in DRAWN:
            with (asked.pictures / f"dynamics-{name}.png").open("wb") as file:
                save(made, file)
        tasks[name] = {"task": name, **kept(made)}
        print(name, flush=True)
    found = {
        "tasks": [tasks[name] for name in NAMES if name in tasks],
        "speed": list(speed()) if asked.speed or not before else before["speed"],
        "provenance": provenance("python benchmarks/dynamics.py"),
    }
    asked.out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
