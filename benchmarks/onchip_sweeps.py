"""Keep what finished sweeps found, for tables and pages.

    python benchmarks/onchip_sweeps.py NAME=DIR ...

DIR is the `--out` of `eqchip sweep benchmarks/sweeps/NAME.toml --data DATA --out DIR`; what the
tables need of its points goes to ``benchmarks/results/onchip-NAME.json``, the figures beside it.
Only validation errors are in it: a sweep never reads the test set.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from eqchip.emulator.training.runs import provenance

RESULTS = Path(__file__).resolve().parent / "results"
FIGURES = ("accuracy-energy", "accuracy-memory")
KEPT = (
    "train_error", "validation_error", "samples", "spikes", "synaptic_events",
    "weights_attempted", "weights_applied", "weights_saturated", "units_changed", "drift",
    "seconds", "energy", "time", "memory_bytes",
)  # fmt: skip


def keep(name: str, out: Path) -> dict[str, Any]:
    """One sweep, in short; settings that all points share stand once."""
    points = [json.loads(line) for line in (out / "points.jsonl").read_text().splitlines()]
    first = points[0]["settings"]
    shared = {k: v for k, v in first.items() if all(p["settings"][k] == v for p in points)}
    command = f"eqchip sweep benchmarks/sweeps/{name}.toml --data DIR --out runs/{name}"
    return {
        "kind": "sweep",
        "command": command,
        "versions": provenance(command),
        "chip": points[0]["chip"],
        "settings": shared,
        "points": [
            {
                **{k: v for k, v in point["settings"].items() if k not in shared},
                **{k: point[k] for k in KEPT if k in point},  # older sweeps lack some
            }
            for point in points
        ],
    }


def main() -> int:
    """Keep every sweep that is named."""
    for argument in sys.argv[1:]:
        name, _, out = argument.partition("=")
        if not out:
            raise SystemExit(f"{argument}: expected NAME=DIR")
        found = keep(name, Path(out))
        (RESULTS / f"onchip-{name}.json").write_text(json.dumps(found, indent=1) + "\n")
        for figure in FIGURES:
            drawn = Path(out) / f"{figure}.png"
            if drawn.exists():  # not where points were put together from several sweeps
                shutil.copy(drawn, RESULTS / f"onchip-{name}-{figure}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
