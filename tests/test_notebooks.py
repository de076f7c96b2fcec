"""The notebooks run as they stand, cell by cell, and say what they promise."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
# notebook -> what its last results say
NOTEBOOKS = {
    "snntorch_to_chip.ipynb": (
        *("hidden 2444 spikes, different: 0", "out 400 spikes, different: 0"),
        *("a chip's integers: ", "loihi1-davies: ", "loihi2: "),
    ),
}


def code_of(path: Path) -> str:
    """The cells of code of a notebook, one after the other."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "code")


def test_every_notebook_is_run():
    assert {path.name for path in FOLDER.glob("*.ipynb")} == set(NOTEBOOKS)


@pytest.mark.peer
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_without_the_tool_whose_network_it_reads(name, tmp_path):
    pytest.importorskip("nir")
    for path in FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    hidden = "import sys\nsys.modules['snntorch'] = sys.modules['torch'] = None\n"
    program = hidden + code_of(FOLDER / name)
    done = subprocess.run(
        [sys.executable, "-"], input=program, cwd=tmp_path, env={**os.environ, "MPLBACKEND": "Agg"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for words in NOTEBOOKS[name]:
        assert words in done.stdout
    assert "different: 0" in done.stdout
    assert done.stdout.count("different: 0") == done.stdout.count("different:")


def test_a_notebook_holds_no_results():
    for name in NOTEBOOKS:
        cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells)
