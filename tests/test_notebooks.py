"""The notebooks show what a run of them gives, cell by cell, and say what they promise."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest
from optional_packages import need

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
# notebook -> the packages that it needs, and what its results say
NOTEBOOKS = {
    "own_data.ipynb": ((), ("logistic regression: ", "on the chip: test error ", "loihi2: ")),
    "own_chip.ipynb": ((), ("recorded: 3 cores", "mine.toml: 3 cores", "update: ")),
    "own_rule.ipynb": ((), ("full: 13, 12 degrees", "sign_of_change [")),
    "snntorch_to_chip.ipynb": (
        ("nir",),
        (
            *("hidden 2444 spikes, different: 0", "out 400 spikes, different: 0"),
            *("a chip's integers: ", "loihi1-davies: ", "loihi2: "),
        ),
    ),
    "to_lava.ipynb": (
        ("lava",),
        ("'reference', 'lava'] equal: True", "different: 0; potentials differ by 0"),
    ),
    "dynamics.ipynb": (
        (),
        ("after: error 0.0", "clocks of their own: error 0.00", "integers: error "),
    ),
    "no_clock.ipynb": ((), ("different bits: 0", "clocks that no decoder knows: ")),
}
ABSENT = ("snntorch", "torch", "norse")  # the tools whose networks are read


def outputs_of(name: str) -> str:
    """All that a notebook shows, as it is kept, as text."""
    cells = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cells"]
    outputs = [one for cell in cells for one in cell.get("outputs", ())]
    return "".join("".join(one.get("text", "")) for one in outputs)


def test_every_notebook_is_run_and_in_the_index():
    names = {path.name for path in FOLDER.glob("*.ipynb")}
    assert names == set(NOTEBOOKS)
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [name for name in names if f"](../notebooks/{name})" not in index] == []


@pytest.mark.peer
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_shows_what_a_run_gives(name, tmp_path):
    for package in ("nbclient", "ipykernel"):
        need(package, "make docs")
    for package in NOTEBOOKS[name][0]:
        need(package, "make peers")
    tools = runpy.run_path(str(ROOT / "scripts" / "notebooks.py"))
    given = tools["executed"](FOLDER / name, tmp_path, absent=ABSENT)
    kept = tools["nbformat"].read(FOLDER / name, as_version=4)
    assert tools["shown"](given) == tools["shown"](kept), "make notebooks writes it anew"


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_says_what_it_promises(name):
    shown = outputs_of(name)
    for words in NOTEBOOKS[name][1]:
        assert words in shown
    assert shown.count("different: 0") == shown.count("different:")
    assert '"stderr"' not in (FOLDER / name).read_text(encoding="utf-8")
