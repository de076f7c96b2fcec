"""Keep what finished plans of the benchmark of rules found, for tables and pages.

    python benchmarks/rules_results.py DIR ...

DIR is the `--out` of `eqchip rules benchmarks/rules/NAME.toml ... --data DATA --out DIR`. Entries
go to ``benchmarks/results/rules/``, the table of all of them to ``benchmarks/results/rules.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from eqchip.emulator.training.runs import provenance
from eqchip.rule_study import residuals
from eqchip.rulebench.draw import draw
from eqchip.rulebench.entry import read_entry
from eqchip.rulebench.table import table_of

RESULTS = Path(__file__).resolve().parent / "results"
COMMAND = "eqchip rules benchmarks/rules/*.toml --data DIR --out runs/rules"
DRAWN = (("mnist", "loihi1-calibrated"), ("mnist", "loihi2"))


def main() -> int:
    """Keep the entries of every directory that is named, and the table of all that are kept."""
    kept = RESULTS / "rules"
    kept.mkdir(exist_ok=True)
    for out in map(Path, sys.argv[1:]):
        for path in sorted((out / "entries").glob("*.json")):
            entry = read_entry(path)
            text = json.dumps(entry.model_dump(mode="json"), indent=1) + "\n"
            (kept / path.name).write_text(text)
    entries = [read_entry(path) for path in sorted(kept.glob("*.json"))]
    document = table_of(entries, provenance(COMMAND))
    document["command"] = COMMAND
    document["residuals"] = residuals(
        {row["chip"] for row in document["rows"] if row["where"] == "on chip"}
    )
    (RESULTS / "rules.json").write_text(json.dumps(document, indent=1) + "\n")
    for dataset, chip in DRAWN:
        with open(RESULTS / f"rules-{dataset}-{chip}.png", "wb") as image:
            draw(document, dataset, chip, image)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
