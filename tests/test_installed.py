"""The tests run on the package that a user gets, not on the source tree."""

from __future__ import annotations

import os
from importlib import metadata
from pathlib import Path

import pytest

import eqchip
import eqchip.bench

SUBPACKAGES = {"emulator", "backends", "mapping", "hw_reports"}


@pytest.mark.skipif(os.environ.get("EQCHIP_EDITABLE") == "1", reason="EQCHIP_EDITABLE=1")
def test_the_tested_package_is_the_installed_one():
    path = Path(eqchip.__file__)
    assert "site-packages" in path.parts, (
        f"eqchip is imported from {path}; run the tests with `make test`, or set "
        "EQCHIP_EDITABLE=1 to test an editable install"
    )


def test_nothing_generic_lands_in_site_packages():
    owners = metadata.packages_distributions()
    for name in SUBPACKAGES:
        assert "eqchip" not in owners.get(name, ()), f"eqchip installs a top-level {name!r}"


@pytest.mark.skipif(os.environ.get("EQCHIP_EDITABLE") == "1", reason="EQCHIP_EDITABLE=1")
def test_every_source_file_is_installed():
    checkout = Path(__file__).parents[1]
    installed = Path(eqchip.__file__).parent
    missing = []
    for folder, target in [("eqchip", installed), *((n, installed / n) for n in SUBPACKAGES)]:
        for suffix in ("*.py", "*.toml", "py.typed"):
            for source in (checkout / folder).rglob(suffix):
                relative = source.relative_to(checkout / folder)
                if not (target / relative).is_file():
                    missing.append(f"{folder}/{relative}")
    assert not missing, f"not in the installed package (see pyproject.toml): {sorted(missing)}"


def test_every_public_name_is_there():
    for door in (eqchip, eqchip.bench):
        assert [name for name in door.__all__ if not hasattr(door, name)] == []
