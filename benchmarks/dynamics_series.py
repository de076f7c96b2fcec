"""Series that are coded in balance and read out, beside a plain read-out and an echo-state network.

    python benchmarks/dynamics_series.py --data DIR [--seeds 5] [--out FILE] [--pictures FOLDER]

--data: the directory of JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts.

Results: ``benchmarks/results/dynamics-series.json``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import eqchip as eq
from eqchip.dynamics_study import SEEDS
from eqchip.emulator.studies.dynamics.series import SERIES_TASKS
from eqchip.emulator.training.runs import provenance
from eqchip.hw_reports.studies.series_tasks_plot import save

RESULT = Path(__file__).resolve().parent / "results" / "dynamics-series.json"
CHIP = "loihi1-calibrated"


def kept(made: dict[str, Any]) -> dict[str, Any]:
    """What tables show of a task, and every seed's measures; not its pictures."""
    found = {key: value for key, value in made.items() if key not in ("provenance", "shown")}
    for coder in found["price"]["coders"].values():
        if "chip" in coder:
            coder["chip"] = {"energy": coder["chip"]["energy"]}
    return found


def main() -> None:
    """Run both tasks, and write what they found."""
    parser = argparse.ArgumentParser(description="Series that are coded in balance and read out.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--pictures", type=Path)
    asked = parser.parse_args()
    tasks = []
    for name, task in SERIES_TASKS.items():
        data = asked.data if task.reads else None
        made = eq.dynamics(name, seeds=asked.seeds, chip=CHIP, data=data)
        if asked.pictures is not None:
            with (asked.pictures / f"dynamics-{name}.png").open("wb") as file:
                save(made, file)
        tasks.append({"task": name, **kept(made)})
        print(name, flush=True)
    found = {"tasks": tasks, "provenance": provenance("python benchmarks/dynamics_series.py")}
    asked.out.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
