"""Imports point one way, are absolute, and cost a user of the front door little."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

# part of the package -> the parts that it may import, itself aside
MAY_IMPORT = {
    "front door": {"hw_reports", "backends", "mapping", "emulator"},
    "hw_reports": {"mapping", "emulator"},
    "backends": {"mapping", "emulator"},
    "mapping": {"emulator"},
    "emulator": set(),
}
NUMBA_ALLOWED = ("eqchip.emulator.kernels", "eqchip.emulator.jit")
HEAVY = {
    *("numba", "llvmlite", "matplotlib", "sklearn", "scipy", "pooch"),
    *("brian2", "lava", "nir", "h5py"),
}


class Import(NamedTuple):
    module: str  # that imports
    line: int
    target: str  # that is imported, as far as the statement tells
    relative: bool

    def __str__(self) -> str:
        return f"{self.module}, line {self.line}: {self.target}"


def modules() -> dict[str, Path]:
    """Every module of the installed package and its source file; none is imported for it."""
    found = {}
    for part in ("eqchip", *(f"eqchip.{name}" for name in MAY_IMPORT if name != "front door")):
        (folder,) = find_spec(part).submodule_search_locations
        for path in Path(folder).rglob("*.py"):
            inner = [name for name in path.relative_to(folder).with_suffix("").parts]
            found[".".join([part, *inner]).removesuffix(".__init__")] = path
    return found


def imports_of(module: str, source: str) -> Iterator[Import]:
    """All imports in a source text: inside functions, for type checkers, and by name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, node.lineno, alias.name, False)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                target = f"{node.module or ''}.{alias.name}"
                yield Import(module, node.lineno, target, node.level > 0)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rpartition(".")[2]
            name = node.args[0]
            if called in ("import_module", "__import__") and isinstance(name, ast.Constant):
                yield Import(module, node.lineno, str(name.value), False)


def part_of(name: str) -> str | None:
    """The part of eqchip that a dotted name lies in; None for other packages."""
    top, _, rest = name.partition(".")
    if top != "eqchip":
        return None
    second = rest.partition(".")[0]
    return second if second in MAY_IMPORT else "front door"


def is_upward(found: Import) -> bool:
    here, there = part_of(found.module), part_of(found.target)
    return there is not None and there != here and there not in MAY_IMPORT[here]


@pytest.fixture(scope="module")
def all_imports() -> list[Import]:
    return [
        found
        for module, path in modules().items()
        for found in imports_of(module, path.read_text(encoding="utf-8"))
    ]


def test_every_part_of_the_package_is_looked_at():
    assert {part_of(module) for module in modules()} == set(MAY_IMPORT)


def test_imports_point_only_downwards(all_imports):
    wrong = [str(found) for found in all_imports if is_upward(found)]
    assert not wrong


def test_imports_are_absolute(all_imports):
    wrong = [str(found) for found in all_imports if found.relative]
    assert not wrong


def test_numba_is_imported_by_kernels_only(all_imports):
    wrong = [
        str(found)
        for found in all_imports
        if found.target.partition(".")[0] in ("numba", "llvmlite")
        and not found.module.startswith(NUMBA_ALLOWED)
    ]
    assert not wrong


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("eqchip.emulator.a", "def f():\n    from eqchip.mapping.chip_file.chip import Chip"),
        ("eqchip.emulator.a", "from eqchip import mapping"),
        ("eqchip.emulator.a", "import eqchip"),
        ("eqchip.mapping.a", "import importlib\nimportlib.import_module('eqchip.backends.b')"),
        ("eqchip.backends.a", "import eqchip.hw_reports.b as b"),
        ("eqchip.hw_reports.a", "from eqchip.backends.b import c"),
    ],
)
def test_an_upward_import_is_seen_wherever_it_hides(module, source):
    assert any(is_upward(found) for found in imports_of(module, source))


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import eqchip", id="import eqchip"),
        pytest.param(
            "from eqchip.__main__ import main\n"
            "sys.argv = ['eqchip', '--help']\n"
            "try:\n"
            "    main()\n"
            "except SystemExit as end:\n"
            "    assert not end.code, end.code\n",
            id="eqchip --help",
        ),
    ],
)
def test_the_front_door_loads_nothing_heavy(code, tmp_path):
    # tmp_path: `python -c` looks for modules in the working directory first
    program = f"import sys\n{code}\nimport json\nprint('\\n' + json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert not loaded & HEAVY
