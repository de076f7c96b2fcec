"""Write the results tables of the pages from ``benchmarks/results/*.json``.

``python benchmarks/tables.py`` rewrites what stands between the markers
``<!-- results:NAME -->`` and ``<!-- /results:NAME -->``; ``--check`` writes nothing and
exits with 1 if that would change. NAME is one of TABLES below.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from accuracy_tables import TABLES as ACCURACY
from anchor_tables import TABLES as ANCHORS
from asynchrony_tables import TABLES as ASYNCHRONY
from cells import NOTHING, table
from cost_tables import TABLES as COST
from dynamics_series_table import TABLES as DYNAMICS_SERIES
from dynamics_table import TABLES as DYNAMICS
from engine_tables import TABLES as ENGINE
from events_table import TABLES as EVENTS
from exits_table import TABLES as EXITS
from feedback_tables import TABLES as FEEDBACK
from following_tables import TABLES as FOLLOWING
from graph_tables import TABLES as GRAPHS
from headline_table import headline
from links_tables import TABLES as LINKS
from onchip_chips_table import TABLES as ON_CHIPS
from onchip_tables import TABLES as ON_CHIP
from own_data_table import TABLES as OWN_DATA
from phases_tables import TABLES as PHASES
from rules_table import TABLES as RULES
from skip_tables import TABLES as SKIP
from streams_table import TABLES as STREAMS

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md", "benchmarks/README.md", "docs/results.md", "docs/fixed-point.md",
    "docs/asynchronous.md", "docs/convolution.md", "docs/on-chip-learning.md", "docs/anchors.md",
    "docs/training.md", "docs/networks.md", "docs/data.md", "docs/asynchronous-results.md",
    "docs/on-chip-results.md", "docs/dynamics.md", "docs/learning-rules.md", "docs/model.md",
    "docs/adapting.md",
    "docs/events.md", "docs/settings.md", "docs/settling.md",
)  # fmt: skip
MARKED = re.compile(r"(<!-- results:([a-z-]+) -->\n).*?(<!-- /results:\2 -->)", re.DOTALL)

Results = dict[str, Any]  # file name -> document


def files(results: Results) -> str:
    """Every result file, with the command that made it."""
    if not results:
        return NOTHING
    rows = []
    for name, result in sorted(results.items()):
        parts = result if isinstance(result, list) else [result]
        commands = dict.fromkeys(
            part.get("command") or part.get("provenance", {}).get("command", "") for part in parts
        )
        rows.append([f"`{name}`", "<br>".join(f"`{c}`" for c in commands if c)])
    return table(["file", "made by"], rows)


TABLES: dict[str, Callable[[Results], str]] = {
    "headline": headline,
    "files": files,
    **ACCURACY,
    **ANCHORS,
    **COST,
    **DYNAMICS,
    **DYNAMICS_SERIES,
    **ENGINE,
    **EVENTS,
    **GRAPHS,
    **ASYNCHRONY,
    **LINKS,
    **ON_CHIP,
    **ON_CHIPS,
    **OWN_DATA,
    **PHASES,
    **RULES,
    **SKIP,
    **EXITS,
    **FEEDBACK,
    **FOLLOWING,
    **STREAMS,
}


# --- the pages ----------------------------------------------------------------------------


def read_results(folder: Path) -> Results:
    """All result files, by name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def fill(page: str, results: Results) -> str:
    """The page with every marked table written anew."""

    def written(match: re.Match[str]) -> str:
        name = match[2]
        if name not in TABLES:
            raise SystemExit(f"unknown table results:{name}; expected one of {', '.join(TABLES)}")
        return f"{match[1]}{TABLES[name](results)}\n{match[3]}"

    return MARKED.sub(written, page)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description="Write the results tables of the pages.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if one is stale")
    check = parser.parse_args(arguments).check
    results = read_results(root / "benchmarks" / "results")
    stale = []
    for name in PAGES:
        path = root / name
        if not path.is_file():
            continue
        page = path.read_text(encoding="utf-8")
        fresh = fill(page, results)
        if fresh != page:
            stale.append(name)
            if not check:
                path.write_text(fresh, encoding="utf-8")
    for name in stale:
        print(f"{name}: stale; run python benchmarks/tables.py" if check else f"{name}: written")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
