"""The modules of the installed package, as source files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

PARTS = ("emulator", "mapping", "backends", "hw_reports")


def modules() -> dict[str, Path]:
    """Every module of the installed package and its source file; none is imported for it."""
    found = {}
    for part in ("eqchip", *(f"eqchip.{name}" for name in PARTS)):
        (folder,) = find_spec(part).submodule_search_locations
        for path in Path(folder).rglob("*.py"):
            inner = [name for name in path.relative_to(folder).with_suffix("").parts]
            found[".".join([part, *inner]).removesuffix(".__init__")] = path
    return found
