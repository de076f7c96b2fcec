"""Which code computed something: what a row of results names, so that none are mixed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import Any, NamedTuple

PACKAGE = "eqchip.emulator"  # what a point is trained with; prices are found anew when it is read
ENDINGS = (".py", ".toml")


class Code(NamedTuple):
    """A version of eqchip, and a fingerprint of what its emulator computes with.

    Attributes
    ----------
    version : str
    digest : str
        The first 16 hex digits of the sha256 of its sources, file by file.
    """

    version: str
    digest: str

    def __str__(self) -> str:
        return f"eqchip {self.version}, code {self.digest}"


@lru_cache(maxsize=1)
def this_code() -> Code:
    """The code that runs here.

    Examples
    --------
    >>> len(this_code().digest)
    16
    """
    try:
        number = version("eqchip")
    except PackageNotFoundError:
        number = "unknown"
    return Code(number, digest_of(PACKAGE))


def digest_of(*packages: str) -> str:
    """The first 16 hex digits of the sha256 of what some packages compute with, file by file."""
    whole = hashlib.sha256()
    for package in packages:
        for name, text in sorted(_sources(files(package), "")):
            whole.update(f"{name} {len(text)} ".encode() + text)
    return whole.hexdigest()[:16]


def _sources(folder: Any, above: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        name = f"{above}{entry.name}"
        if entry.name.endswith(ENDINGS):
            found.append((name, entry.read_bytes()))
        elif entry.is_dir():
            found += _sources(entry, f"{name}/")
    return found
