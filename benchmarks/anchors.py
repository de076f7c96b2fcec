"""Measured runs, modelled: `benchmarks/results/anchors.json` and `anchors.png`.

    python benchmarks/anchors.py

What `eqchip anchors --chip CHIP` says of three chip files; the picture is that of the first.
"""

from __future__ import annotations

import json
from pathlib import Path

from eqchip.emulator.training.runs import versions
from eqchip.hw_reports.studies.anchors import CALIBRATED, anchors

RESULTS = Path(__file__).resolve().parent / "results"
CHIPS = (CALIBRATED, "loihi1-davies", "loihi2")


def main() -> None:
    """Price them, and store what the model says."""
    picture = RESULTS / "anchors.png"
    found = {
        "kind": "anchors",
        "command": "python benchmarks/anchors.py",
        "chips": {
            chip: anchors(chip, out=picture if chip == CALIBRATED else None) for chip in CHIPS
        },
        "versions": versions(),
    }
    (RESULTS / "anchors.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
