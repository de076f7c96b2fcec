"""The way to SANA-FE, as far as it can be tested without it, and that nothing needs it."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from eqchip.backends.sanafe.peer import PROGRAM, SanafeProcess, interpreter
from eqchip.emulator.errors import InputError

ALONE = "eqchip.backends.sanafe.process"  # the one file that runs in SANA-FE's process


def names_in(path: Path) -> set[str]:
    """Every module that a file imports, and every text in it: dynamic imports hide there."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {ast.unparse(arg).strip("'") for arg in node.args}
    return found


def test_nothing_of_the_package_imports_sana_fe_or_the_program_that_does():
    (front,) = find_spec("eqchip").submodule_search_locations
    folders = [Path(front)]
    for part in ("emulator", "mapping", "backends", "hw_reports"):
        folders += map(Path, find_spec(f"eqchip.{part}").submodule_search_locations)
    importers = {}
    for path in {path for folder in folders for path in folder.rglob("*.py")}:
        wrong = {
            name
            for name in names_in(path)
            if name.split(".")[0] in ("sanafe", "sanafecpp") or name.startswith(ALONE)
        }
        if wrong:
            importers["/".join(path.parts[-2:])] = wrong
    assert importers == {"sanafe/process.py": {"sanafe"}}


def test_the_program_needs_the_standard_library_alone():
    imported = {name.split(".")[0] for name in names_in(PROGRAM)} - {"sanafe", "__future__"}
    assert imported <= sys.stdlib_module_names


def test_an_interpreter_that_does_not_start_is_one_line():
    with pytest.raises(InputError, match=r"^no-such-python: does not start \(.*\); expected"):
        interpreter("no-such-python")


def test_an_interpreter_without_sana_fe_is_one_line(tmp_path):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\nexec {sys.executable} -S -I -c 'import sanafe'\n")
    python.chmod(0o755)
    if subprocess.run([python], capture_output=True, check=False).returncode == 0:
        pytest.skip("this Python finds sanafe even without its site-packages")
    with pytest.raises(InputError) as caught:
        interpreter(str(python))
    assert "cannot import sanafe (ModuleNotFoundError" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_process_that_ends_is_one_line():
    with (
        SanafeProcess(sys.executable) as process,
        pytest.raises(InputError, match=r"^SANA-FE stopped: .+; expected version 2.2$") as caught,
    ):
        process.load({"chip": {}, "groups": [], "connections": []})
    assert "\n" not in str(caught.value)
