"""Damaged files over every loader: read, or refused in a line; see ``docs/reliability.md``."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import mutations
import optional_packages
import pytest
from loaders import LOADERS, Loader

from eqchip.emulator.errors import InputError

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="memory is limited on Linux alone"
)
SHORT = 60  # cases of each loader in the ordinary suite


def told(found: dict[str, mutations.Found]) -> str:
    """What was found, to be repeated by hand."""
    return "\n".join(json.dumps(one)[:2000] for each in found.values() for one in each.findings)


def names() -> list[str]:
    optional_packages.need("nir", "make peers")
    return list(LOADERS)


def test_a_few_damaged_files_of_every_kind_are_read_or_refused():
    found = mutations.run(names(), seed=0, cases=SHORT)
    assert not told(found)
    assert all(one.cases == SHORT for one in found.values())
    assert all(one.refused > SHORT // 10 for one in found.values())


@pytest.mark.long
def test_damaged_files_are_read_or_refused_for_as_long_as_there_is_time(budget):
    seed = secrets.randbelow(2**32)
    found = mutations.run(names(), seed, seconds=budget)
    assert not told(found), f"seed {seed}"
    print(f"{sum(one.cases for one in found.values()):,} damaged files, seed {seed}")


# --- the harness sees what it is there for ------------------------------------------------


def crash(path: Path) -> None:
    import os
    import signal

    if path.read_bytes() < b"\x40":
        os.kill(os.getpid(), signal.SIGSEGV)


def hang(path: Path) -> None:
    import time

    time.sleep(60)


def devour(path: Path) -> None:
    bytearray(600 * 2**20)


def raise_something(path: Path) -> None:
    raise KeyError(path.name)


def refuse_at_length(path: Path) -> None:
    error = InputError("one line")
    error.args = ("two\nlines",)
    raise error


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (crash, "signal 11"),
        (hang, "hang"),
        (devour, "memory"),
        (raise_something, "traceback"),
        (refuse_at_length, "refusal of more than a line"),
    ],
)
def test_each_kind_of_failure_is_found_and_can_be_repeated(read: Any, what, tmp_path, monkeypatch):
    monkeypatch.setattr(mutations, "SILENT", 0.5 if read is hang else 60.0)
    loader = Loader("one", "file", "bytes", (bytes(range(256)),), read)
    cases = 2 if read is hang else 12
    found = mutations.batch(loader, tmp_path, 1, range(cases))
    assert found.cases == cases
    assert {one["is"] for one in found.findings} == {what}
    if read is not crash:
        assert len(found.findings) == cases
    first = found.findings[0]
    again = mutations.content_of(loader, first["seed"], first["case"])
    assert again == mutations.content_of(loader, first["seed"], first["case"])


def test_every_loader_reads_its_honest_files(tmp_path):
    for name in set(names()) - {"words"}:  # a word is for one reader of several
        loader = mutations.loader_of(name, tmp_path)
        for content in loader.honest:
            outcome = mutations.judged(loader, tmp_path / loader.file, content)
            assert outcome == ("read", ""), f"{name}: {outcome}"
