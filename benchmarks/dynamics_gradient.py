"""Tasks that layers learn by the exact gradient through spikes, five seeds each.

    python benchmarks/dynamics_gradient.py [--seeds 5] [--out FILE] [--pictures FOLDER]

Processor time is that of learning and of all tests, one thread.

Results: ``benchmarks/results/dynamics-gradient.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import eqchip as eq
from eqchip.dynamics_study import SEEDS
from eqchip.emulator.studies.dynamics.gradients import GRADIENT_TASKS
from eqchip.emulator.training.runs import provenance
from eqchip.hw_reports.studies.gradient_tasks_plot import save

RESULT = Path(__file__).resolve().parent / "results" / "dynamics-gradient.json"
CHIP = "loihi1-calibrated"
DRAWN = ("autoencode-gradient", "delayed-xor")


def kept(made: dict[str, Any]) -> dict[str, Any]:
    """What tables show of a task, and every seed's measures; not its pictures."""
    found = {key: value for key, value in made.items() if key not in ("provenance", "shown")}
    price = found["price"]
    testing = {
        key: price["testing"][key] for key in ("energy", "refused") if key in price["testing"]
    }
    found["price"] = {**price, "testing": testing}
    return found


def main() -> None:
    """Run all tasks, and write what they found."""
    parser = argparse.ArgumentParser(description="Tasks learned by a gradient through spikes.")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    tasks = []
    for name in GRADIENT_TASKS:
        began = time.process_time()
        made = eq.dynamics(name, seeds=asked.seeds, chip=CHIP)
        spent = time.process_time() - began
        if asked.pictures is not None and name in DRAWN:
            with (asked.pictures / f"dynamics-{name}.png").open("wb") as file:
                save(made, file)
        tasks.append({"task": name, "processor_seconds": spent, **kept(made)})
        print(name, flush=True)
        found = {"tasks": tasks, "provenance": provenance("python benchmarks/dynamics_gradient.py")}
        asked.out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
