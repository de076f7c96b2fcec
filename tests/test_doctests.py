"""The examples in docstrings do what they show."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import eqchip

# Packages that a module may need and an installation may lack.
OPTIONAL = {"brian2", "lava", "h5py"}
# Lava settles how processes start, and refuses to where that is settled already.
ALONE = "eqchip.backends.lava.processes"
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def module_names() -> list[str]:
    found = pkgutil.walk_packages(eqchip.__path__, prefix="eqchip.")
    return ["eqchip", *(module.name for module in found)]


def examples_of_module_alone(name: str, folder: Path) -> None:
    """The examples of a module, in a process of its own."""
    if find_spec("lava") is None:
        pytest.skip("lava is not installed")
    program = (
        "import doctest, importlib, sys\n"
        f"module = importlib.import_module({name!r})\n"
        f"sys.exit(doctest.testmod(module, optionflags={FLAGS}).failed)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", module_names())
def test_examples_of_module(name, tmp_path, monkeypatch):
    if name.startswith(ALONE):
        examples_of_module_alone(name, tmp_path)
        return
    monkeypatch.chdir(tmp_path)  # an example may write files
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OPTIONAL:
            raise
        pytest.skip(f"{error.name} is not installed")
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    for example in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)
