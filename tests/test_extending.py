"""A newcomer who follows docs/extending.md adds a kind in the files that it names, and no other.

The toys of tests/helpers are laid into a copy of the sources: definitions into files, rows into the
literals of tables. What was edited must be what the page says, and the kind must work there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from grown_package import HELPERS, GrownPackage, Toy, dotted, steps

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
UNIT = {
    "emulator/description/toy_unit.py": ["ToyUnit"],
    "backends/reference/toy_unit.py": [
        "ToyLayer", "_tables", "_begin", "_advance_twin", "_emit_twin"
    ],
    "emulator/kernels/toy_unit.py": ["ToyRules", "ToyState", "_advance", "_emit", "_may_fire"],
    "emulator/engine/units.py": ["_numbers", "_lower"],
}  # fmt: skip
CONNECTION = {
    "emulator/description/connections/blocks.py": ["Blocks"],
    "backends/reference/floating.py": ["matrix"],
    "emulator/engine/lowering.py": ["rows", "spread", "gather"],
    "mapping/placement/wiring.py": ["BlocksWiring"],
}


def add_unit(package: GrownPackage) -> None:
    package.add(Toy("toy_unit"), UNIT)
    package.export("ToyUnit", "emulator/description/toy_unit.py")


def add_connection(package: GrownPackage) -> None:
    package.add(Toy("toy_connection"), CONNECTION)
    wing = "emulator/description/connections/__init__.py"
    package.replace(
        wing, "\n__all__", f"from {dotted(list(CONNECTION)[0])} import Blocks\n\n__all__"
    )
    package.row(wing, "__all__", '"Blocks"')
    package.export("Blocks", "emulator/description/connections/blocks.py")


def add_rule(package: GrownPackage) -> None:
    file = "emulator/description/rules.py"
    code = [part.text for name, part in Toy("toy_rule").definitions.items() if name != "formula"]
    package.insert(file, "# Every rule that has a name", "\n\n\n".join([*code, "", ""]))
    package.replace(file, "for rule in (", "for rule in (SignOfChange(), ")


class Added(NamedTuple):
    """A kind that a newcomer adds: the section that tells how, and the edits."""

    section: str
    add: Callable[[GrownPackage], None]


KINDS = {
    "unit": Added("A unit", add_unit),
    "connection": Added("A connection kind", add_connection),
    "rule": Added("A learning rule", add_rule),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_toy_works_in_the_files_that_the_page_names_and_no_other(kind, tmp_path):
    package = GrownPackage(tmp_path)
    KINDS[kind].add(package)

    asked = steps(PAGE, KINDS[kind].section)
    named = {file for step in asked for file in step.files}
    folders = {f"{file.rpartition('/')[0]}/" for file in package.created}
    assert package.edited <= named, "edited, and not named by the page"
    assert folders <= named, "a new file in a folder that the page does not name"
    needed = {file for step in asked for file in step.files if not step.optional}
    assert needed <= package.edited | folders, "named by the page, and not needed"

    done = package.run(str(HELPERS / "newcomer_checks.py"), kind, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_what_was_added_keeps_to_the_rules_of_the_house(tmp_path):
    package = GrownPackage(tmp_path)
    for added in KINDS.values():
        added.add(package)
    tests = [str(ROOT / "tests" / name) for name in ("test_imports.py", "test_kinds.py")]
    done = package.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_without_its_edits_a_toy_does_not_work(tmp_path):
    """The checks look at the copy and not at the package that is installed, or at the toys."""
    for kind in KINDS:
        done = GrownPackage(tmp_path / kind).run(
            str(HELPERS / "newcomer_checks.py"), kind, cwd=tmp_path
        )
        assert done.returncode == 1, kind
        said = done.stderr.strip().splitlines()[-1]
        assert any(name in said for name in ("ToyUnit", "Blocks", "sign_of_change")), said


def test_steps_are_read_with_their_files():
    page = (
        "## A thing\n\nText.\n\n1. `emulator/a.py`, `mapping/`: as `emulator/b.py`\n   more.\n"
        "2. *If it has a name*, `eqchip/c.toml`: text.\n3. Tests: `tests/d.py`.\n\n## Another\n"
    )
    found = steps(page, "A thing")
    assert [(sorted(step.files), step.optional) for step in found] == [
        (["emulator/a.py", "mapping/"], False),
        (["eqchip/c.toml"], True),
        ([], False),
    ]
