"""The package with one more kind: a copy of its sources, edited as a newcomer would edit them.

A toy of tests/helpers is written as one module, which puts itself into the tables when a test asks
for it. Here its definitions are laid into files of a copy, and its rows into the literals of the
tables, so that nothing but the sources knows it.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

HELPERS = Path(__file__).parent
PRODUCT = ("emulator", "mapping", "backends", "hw_reports", "eqchip")


class Code(NamedTuple):
    """A definition of a toy, or an expression in one of its rows."""

    text: str
    used: frozenset[str]  # names that it mentions


class Row(NamedTuple):
    """``table[key] = value``."""

    table: str
    key: Code
    value: Code


class Toy:
    """The source of a toy of tests/helpers.

    Attributes
    ----------
    definitions : dict
        Its classes, functions and constants, by name, in their order.
    rows : list of Row
        What it puts into tables of the package.
    imports : dict
        By the name that they bind, what it imports: module and name.
    """

    def __init__(self, name: str) -> None:
        source = (HELPERS / f"{name}.py").read_text(encoding="utf-8")
        lines = source.split("\n")
        self.definitions: dict[str, Code] = {}
        self.rows: list[Row] = []
        self.imports: dict[str, tuple[str, str | None]] = {}

        def code(node: ast.AST) -> Code:
            return Code(ast.get_source_segment(source, node) or "", _mentioned(node))

        for node in ast.parse(source).body:
            if isinstance(node, ast.Import):
                self.imports |= {a.asname or a.name: (a.name, None) for a in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
                self.imports |= {a.asname or a.name: (node.module, a.name) for a in node.names}
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
                place = node.targets[0]
                self.rows.append(Row(ast.unparse(place.value), code(place.slice), code(node.value)))
            elif defined := _name_of(node):
                first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
                text = "\n".join(lines[first - 1 : node.end_lineno])
                self.definitions[defined] = Code(text, _mentioned(node))


def _name_of(node: ast.stmt) -> str | None:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return None


def _mentioned(node: ast.AST) -> frozenset[str]:
    return frozenset(inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def dotted(file: str) -> str:
    """The module that a file of the checkout is installed as."""
    inner = file.removesuffix(".py").replace("/", ".")
    return inner if file.startswith("eqchip/") else f"eqchip.{inner}"


def file_of(module: str) -> str:
    """The file of the checkout that is installed as a module."""
    inner = module.removeprefix("eqchip.").replace(".", "/") + ".py"
    return inner if inner.split("/")[0] in PRODUCT else f"eqchip/{inner}"


class GrownPackage:
    """A copy of the installed package, and what was changed in it.

    Files are named as in the checkout: ``emulator/philox.py``.

    Attributes
    ----------
    edited, created : set of str
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        unwanted = shutil.ignore_patterns("__pycache__", "*.nb[ic]")
        for part in ("eqchip", *(f"eqchip.{name}" for name in PRODUCT if name != "eqchip")):
            (installed,) = find_spec(part).submodule_search_locations
            to = folder / part.replace(".", "/")
            shutil.copytree(installed, to, ignore=unwanted, dirs_exist_ok=True)
        self.edited: set[str] = set()
        self.created: set[str] = set()

    def path(self, file: str) -> Path:
        """Where the copy has a file of the checkout."""
        inside = file if file.startswith("eqchip/") else f"eqchip/{file}"
        return self.folder / inside

    def add(
        self, toy: Toy, homes: Mapping[str, Sequence[str]], before: Mapping[str, str] | None = None
    ) -> None:
        """Put the definitions of a toy into files, and its rows into the literals of the tables.

        Parameters
        ----------
        toy : Toy
        homes : dict
            File -> the names of the definitions that go there. In a file that is there they go
            before the first table that gets a row.
        before : dict, optional
            Of a file without such a table: the line before which they go begins like this.
        """
        home_of = {name: file for file, names in homes.items() for name in names}
        for file, names in homes.items():
            parts = [toy.definitions[name] for name in names]
            used = frozenset().union(*(part.used for part in parts)) - set(names)
            text = "\n\n\n".join(part.text for part in parts) + "\n"
            imports = self._imports(file, toy, used, home_of)
            if self.path(file).exists():
                taken = set(names) & set(map(_name_of, self._statements(file)))
                assert not taken, f"{file} has {taken} of its own"
                tables = [row.table for row in toy.rows if self._home(row, toy) == file]
                line = (before or {}).get(file) or tables[0]
                self.insert(file, line, f"{text}\n\n")
                self._import(file, imports)
            else:
                self.create(file, f"from __future__ import annotations\n\n{imports}\n\n\n{text}")
        for row in toy.rows:
            file = self._home(row, toy)
            self.row(file, row.table, f"{row.key.text}: {row.value.text}")
            used = (row.key.used | row.value.used) - set(homes.get(file, ()))
            self._import(file, self._imports(file, toy, used, home_of))

    def _home(self, row: Row, toy: Toy) -> str:
        module, _ = toy.imports[row.table]
        return file_of(module)

    def _imports(self, file: str, toy: Toy, used: Iterable[str], home_of: Mapping[str, str]) -> str:
        """The import statements of names that code in a file mentions."""
        lines = []
        for name in sorted(used):
            if name in home_of:
                lines.append(f"from {dotted(home_of[name])} import {name}")
            elif name in toy.imports:
                module, what = toy.imports[name]
                if what is None:
                    lines.append(f"import {module}" + f" as {name}" * (name != module))
                elif module != dotted(file):
                    lines.append(f"from {module} import {what}" + f" as {name}" * (name != what))
        return "\n".join(lines)

    def _import(self, file: str, imports: str) -> None:
        """Add to a file those import statements that it lacks."""
        statements = self._statements(file)
        bound = {
            alias.asname or alias.name
            for node in statements
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        lines = {line.split()[-1]: line for line in imports.split("\n") if line}
        missing = {name: line for name, line in lines.items() if name not in bound}
        taken = set(missing) & {_name_of(node) for node in statements}
        assert not taken, f"{file} has a name {taken} of its own"
        source = self.path(file).read_text(encoding="utf-8")
        first = "from __future__ import annotations\n"
        assert first in source, file
        added = "\n".join([first, *missing.values(), ""]) if missing else first
        self._write(file, source.replace(first, added, 1))

    def export(self, name: str, file: str) -> None:
        """Make it a name of ``import eqchip as eq``."""
        door, checked = "eqchip/__init__.py", "if TYPE_CHECKING:\n"
        self.row(door, "_PUBLIC", f'"{dotted(file)}": ("{name}",)')
        self.replace(door, checked, f"{checked}    from {dotted(file)} import {name} as {name}\n")

    def create(self, file: str, text: str) -> None:
        """Add a file."""
        path = self.path(file)
        assert not path.exists(), f"{file} is there"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.created.add(file)

    def append(self, file: str, text: str) -> None:
        """Write behind what is there."""
        self._write(file, self.path(file).read_text(encoding="utf-8") + text)

    def insert(self, file: str, before: str, text: str) -> None:
        """Write before the one line that begins like this."""
        source = self.path(file).read_text(encoding="utf-8")
        found = [m.start() for m in re.finditer(f"^{re.escape(before)}", source, re.MULTILINE)]
        assert len(found) == 1, f"{file}: {len(found)} lines begin with {before!r}"
        self._write(file, source[: found[0]] + text + source[found[0] :])

    def row(self, file: str, table: str, row: str) -> None:
        """Put a row first into the literal of a table, a name at the left of its line."""
        source = self.path(file).read_text(encoding="utf-8")
        found = re.findall(rf"^{re.escape(table)}\b[^\n]*?= *[{{(\[]", source, re.MULTILINE)
        assert len(found) == 1, f"{file}: {len(found)} tables {table}"
        self._write(file, source.replace(found[0], f"{found[0]}\n    {row},\n    ", 1))

    def replace(self, file: str, old: str, new: str) -> None:
        """Put something in the place of the one occurrence of something else."""
        source = self.path(file).read_text(encoding="utf-8")
        assert source.count(old) == 1, f"{file}: {source.count(old)} times {old!r}"
        self._write(file, source.replace(old, new))

    def _statements(self, file: str) -> list[ast.stmt]:
        return ast.parse(self.path(file).read_text(encoding="utf-8")).body

    def _write(self, file: str, text: str) -> None:
        self.path(file).write_text(text, encoding="utf-8")
        if file not in self.created:
            self.edited.add(file)

    def run(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """Python, with this package in place of the installed one, without numba's compiler."""
        found = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(HELPERS)]),
            "EQCHIP_DISABLE_JIT": "1",
        }
        return subprocess.run(
            [sys.executable, *arguments], cwd=cwd, env=found, capture_output=True, text=True,
            check=False,
        )  # fmt: skip


class Step(NamedTuple):
    """A numbered step of a guide: the files to touch, folders for new ones, stand before its colon.

    One that begins with "*If" is for those whom it concerns.
    """

    text: str
    files: frozenset[str]
    optional: bool


def steps(page: str, section: str) -> list[Step]:
    """The numbered steps of a section of a page."""
    text = re.split(rf"^#+ {re.escape(section)}\n", page, flags=re.MULTILINE)[1]
    text = re.split(r"^#+ ", text, flags=re.MULTILINE)[0]
    found = []
    for item in re.findall(r"^\d+\. (.*?)(?=^\d+\. |^\S|\Z)", text, re.MULTILINE | re.DOTALL):
        optional = item.startswith("*If")
        head = re.split(r":\s", item.split("*", 2)[2] if optional else item, maxsplit=1)[0]
        files = re.findall(rf"`((?:{'|'.join(PRODUCT)})/[\w/<>]*(?:\.py|\.toml)?)`", head)
        found.append(Step(item, frozenset(files), optional))
    return found
