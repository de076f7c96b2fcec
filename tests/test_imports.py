"""Imports point one way, are absolute, and cost a user of the front door little."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from installed_modules import modules

# part of the package -> the parts that it may import, itself aside
MAY_IMPORT = {
    "front door": {"hw_reports", "backends", "mapping", "emulator"},
    "hw_reports": {"mapping", "emulator"},
    "backends": {"mapping", "emulator"},
    "mapping": {"emulator"},
    "emulator": set(),
}
# Within a part, a wing imports from those before it only: description, lowering and execution are
# three things. "" is what lies beside the wings: the ground that all stand on, or the roof.
WINGS = {
    "emulator": (
        *("", "description", "kernels", "problem", "engine", "learning", "data", "training"),
        "studies",
    ),
    "mapping": ("", "chip_file", "placement", "activity", "anchors", "processes"),
    "backends": (
        *("reference", "", "bptt", "brian2", "dense", "discrete", "lava", "nir", "sanafe"),
    ),
    "hw_reports": (
        *("counting", "pricing", "document", "show", "plots", "page", "watch", "studies", ""),
    ),
    "front door": ("cli", "bench", "rulebench", "", "commands"),
}
# Wings of hw_reports that show a document, and those that a document is made of.
SHOW, MAKE = ("show", "plots", "page"), ("counting", "pricing")
# The doors of the front: they know commands by name, and load one when it is asked for.
KERNELS = "eqchip.emulator.kernels"
COMPILERS = ("kernel", "inlined", "merged", "by_number", "by_kind")
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


def wing_of(name: str) -> str:
    """The folder within its part that a dotted name lies in; "" beside the folders."""
    inner = name.split(".")[1 if part_of(name) == "front door" else 2 :]
    return inner[0] if inner and is_wing(part_of(name), inner[0]) else ""


def is_wing(part: str | None, name: str) -> bool:
    (folder,) = find_spec(
        "eqchip" if part == "front door" else f"eqchip.{part}"
    ).submodule_search_locations
    return name in WINGS[part] or (Path(folder) / name).is_dir()


def is_backward(found: Import) -> bool:
    """Whether a wing imports from one that stands behind it in the same part."""
    here, there = part_of(found.module), part_of(found.target)
    if there is None or here != there:
        return False
    order = WINGS[here]
    return order.index(wing_of(found.target)) > order.index(wing_of(found.module))


def is_upward(found: Import) -> bool:
    here, there = part_of(found.module), part_of(found.target)
    return there is not None and there != here and there not in MAY_IMPORT[here]


def reached_from(wings: tuple[str, ...], found: list[Import]) -> dict[str, str]:
    """Modules that some wings of hw_reports import, by whatever way -> who imports them first."""
    known = modules()
    ways: dict[str, set[str]] = {}
    for one in found:
        target = one.target if one.target in known else one.target.rpartition(".")[0]
        ways.setdefault(one.module, set()).add(target)
    reached = {
        name: name for name in known if part_of(name) == "hw_reports" and wing_of(name) in wings
    }
    left = list(reached)
    while left:
        here = left.pop()
        for there in ways.get(here, set()) & set(known) - set(reached):
            reached[there] = here
            left.append(there)
    return reached


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
        and not found.module.startswith(KERNELS)
    ]
    assert not wrong


def test_kernels_are_defined_in_the_folder_of_kernels_only(all_imports):
    wrong = [
        str(found)
        for found in all_imports
        if found.target.startswith(f"{KERNELS}.jit.")
        and found.target.rpartition(".")[2] in COMPILERS
        and not found.module.startswith(KERNELS)
    ]
    assert not wrong


def test_wings_import_from_those_before_them_only(all_imports):
    wrong = [str(found) for found in all_imports if is_backward(found)]
    assert not wrong


def test_no_backend_stands_on_another(all_imports):
    shared = {"", "reference"}
    wrong = [
        str(found)
        for found in all_imports
        if part_of(found.module) == part_of(found.target) == "backends"
        and wing_of(found.target) not in shared | {wing_of(found.module)}
    ]
    assert not wrong


def test_what_is_shown_needs_a_document_alone(all_imports):
    # Nothing that counts or prices is reached, by no way: a saved report can be drawn again.
    reached = reached_from(SHOW, all_imports)
    wrong = {
        name: by
        for name, by in reached.items()
        if part_of(name) == "hw_reports" and wing_of(name) in MAKE
    }
    assert "eqchip.hw_reports.show.csv" in reached and not wrong


def test_a_way_to_what_counts_is_found_however_long():
    found = [
        Import(f"eqchip.hw_reports.{here}", 1, f"eqchip.hw_reports.{there}.name", False)
        for here, there in pairwise(["show.csv", "document.labels", "pricing.entries"])
    ]
    assert "eqchip.hw_reports.pricing.entries" in reached_from(SHOW, found)


def test_every_wing_is_known():
    for module in modules():
        part = part_of(module)
        assert wing_of(module) in WINGS[part], module


def test_the_page_on_architecture_names_the_wings_in_their_order():
    page = (Path(__file__).parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8")
    for part, order in WINGS.items():
        folder = "eqchip" if part == "front door" else part
        section = page.split(f"### `{folder}/`\n")[1].split("\n#")[0]
        named = re.findall(r"^\| (?:`(\w+)`|beside the wings) \|", section, flags=re.MULTILINE)
        assert tuple(named) == order, part


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
    ("module", "source"),
    [
        ("eqchip.emulator.description.a", "from eqchip.emulator.engine.b import c"),
        ("eqchip.emulator.kernels.a", "from eqchip.emulator.engine import lowering"),
        ("eqchip.emulator.a", "from eqchip.emulator.description.b import c"),
        ("eqchip.mapping.chip_file.a", "from eqchip.mapping import placement"),
        ("eqchip.hw_reports.document.a", "import eqchip.hw_reports.page.b"),
    ],
)
def test_a_backward_import_is_seen(module, source):
    assert any(is_backward(found) for found in imports_of(module, source))


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
