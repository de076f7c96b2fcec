"""The examples run as they stand, on the installed package, from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "examples"
# example -> what it prints, and what it writes into the working directory
EXAMPLES = {
    "run_by_hand.py": ("Weight change, hidden to output", []),
    "train_digits.py": ("Test error", []),
    "compare_codings.py": ("sigma-delta, annealed prediction", ["compare_codings.png"]),
}
PNG = b"\x89PNG\r\n\x1a\n"


def test_every_example_is_run():
    assert {path.name for path in FOLDER.glob("*.py")} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_runs_from_another_directory(name, tmp_path):
    printed, written = EXAMPLES[name]
    done = subprocess.run(
        [sys.executable, str(FOLDER / name)],
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert printed in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == written
    for picture in written:
        assert (tmp_path / picture).read_bytes().startswith(PNG)
