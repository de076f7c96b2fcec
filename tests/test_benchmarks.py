"""Studies behind published figures can be run again: what they take from eqchip is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

STUDIES = Path(__file__).parents[1] / "benchmarks"
IMPORTS = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
for name in sys.argv[3:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # a peer that is not installed here
        if error.name.partition(".")[0] in ("eqchip", *sys.argv[3:]):
            raise
"""


def test_every_study_finds_what_it_takes_from_eqchip(tmp_path):
    names = sorted(path.stem for path in STUDIES.glob("*.py"))
    helpers = Path(__file__).parent / "helpers"
    done = subprocess.run(
        [sys.executable, "-c", IMPORTS, str(STUDIES), str(helpers), *names],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
