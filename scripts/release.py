"""A release: what must agree, the wheel on every Python, and notes from the changelog.

    python scripts/release.py check            # versions agree: pyproject, changelog, citation
    python scripts/release.py notes            # what the changelog says of this version
    python scripts/release.py try WHEEL 3.13 [numpy==1.26.4]    # in a fresh environment
    python scripts/release.py all DIST         # all of it, on every Python that is found

Nothing is tagged or published: CONTRIBUTING.md says how. Needs the standard library alone.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:(?:a|b|rc)\d+)?")
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OLD_NUMPY, WITH_OLD = "numpy==1.26.4", ("3.10", "3.11", "3.12")  # it has no wheel for 3.13
# Tests that ask little of a machine and much of a package: all is there, imports, commands.
TESTS = ("tests/test_installed.py", "tests/test_imports.py", "tests/eqchip/test_options.py")


class NotReady(Exception):
    """What keeps a release back, in one line."""


def version() -> str:
    """The version that pyproject.toml names: MAJOR.MINOR.PATCH, perhaps with a1, b1 or rc1.

    Raises
    ------
    NotReady
    """
    found = _named(ROOT / "pyproject.toml", r'^version = "(.*)"$')
    if not VERSION.fullmatch(found):
        raise NotReady(f"pyproject.toml: version is {found!r}; expected one such as 0.2.0")
    return found


def check() -> str:
    """The version, if all files name it.

    Raises
    ------
    NotReady
        If two files differ.
    """
    wanted = version()
    cited = _named(ROOT / "CITATION.cff", r"^version: (\S+)$")
    newest = _named(ROOT / "CHANGELOG.md", r"^## (\S+)")
    for file, found in (("CITATION.cff", cited), ("CHANGELOG.md", newest)):
        if found != wanted:
            raise NotReady(f"{file}: version is {found}; expected {wanted}, as in pyproject.toml")
    return wanted


def notes() -> str:
    """What the changelog says of this version, without its heading."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    found = re.search(rf"^## {re.escape(version())}\b.*?\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    if found is None or not found[1].strip():
        raise NotReady(f"CHANGELOG.md: nothing is said of {version()}; expected what changes")
    return found[1].strip() + "\n"


def is_dated() -> bool:
    """Whether the changelog gives this version a day."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    return re.search(rf"^## {re.escape(version())} \(\d{{4}}-\d\d-\d\d\)$", text, re.M) is not None


def try_wheel(wheel: Path, python: str, extra: Sequence[str] = ()) -> None:
    """Install a wheel into a fresh environment, and use it there, away from the checkout.

    Raises
    ------
    NotReady
        If a step fails; what it printed is shown.
    """
    with tempfile.TemporaryDirectory(prefix="eqchip-release-") as place:
        folder = Path(place)
        _run([python, "-m", "venv", "venv"], folder)
        inside = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        own = str(inside / "python")
        for step in (
            [own, "-m", "pip", "-q", "install", f"{wheel.resolve()}[test]", *extra],
            [own, "-c", "import eqchip, numpy; print('numpy', numpy.__version__)"],
            [str(inside / "eqchip"), "--version"],
            [str(inside / "eqchip"), "demo", "--json", "-q", "--out", "demo"],
        ):
            _run(step, folder)
        tests = [str(ROOT / name) for name in TESTS]
        settings = ["-p", "no:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
        _run([own, "-m", "pytest", "-q", *settings, *tests], folder)


def interpreters() -> Iterator[tuple[str, str]]:
    """The Pythons of this machine that eqchip is for: version and path."""
    for name in PYTHONS:
        found = subprocess.run(
            [ROOT / "scripts" / "find-python.sh", name], capture_output=True, text=True
        )
        if found.returncode == 0:
            yield name, found.stdout.strip()
        else:
            print(f"Python {name}: not found, not tried", flush=True)


def release(dist: Path) -> None:
    """Check, write the notes, and try the wheel on every Python.

    Raises
    ------
    NotReady
    """
    name = check()
    wheels = sorted(dist.glob(f"eqchip-{name}-*.whl"))
    if len(wheels) != 1:
        raise NotReady(f"{dist}: holds {len(wheels)} wheels of eqchip {name}; expected one")
    (dist / f"notes-{name}.md").write_text(notes(), "utf-8")
    for number, python in interpreters():
        for extra in ([], [OLD_NUMPY]) if number in WITH_OLD else ([],):
            began = time.monotonic()
            try_wheel(wheels[0], python, extra)
            with_what = " ".join(extra) or "newest numpy"
            print(f"Python {number}, {with_what}: {time.monotonic() - began:.0f} s", flush=True)
    print(f"Notes: {dist / f'notes-{name}.md'}")
    if not is_dated():
        print(f"CHANGELOG.md: {name} has no day yet; this was a rehearsal")


def _named(path: Path, pattern: str) -> str:
    """What a line of a file says."""
    found = re.search(pattern, path.read_text("utf-8"), re.M)
    if found is None:
        raise NotReady(f"{path.name}: names no version; expected a line like {pattern!r}")
    return found[1]


def _run(command: Sequence[str], folder: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "EQCHIP"))}
    done = subprocess.run(
        command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        print(done.stdout[-4000:], file=sys.stderr)
        raise NotReady(f"{' '.join(map(str, command[:4]))} ...: exit status {done.returncode}")
    last = done.stdout.strip().splitlines()
    if command[-1] != "demo":
        print("   ", last[-1] if last else "done", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script; the exit status is 1 where a release is not ready."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("check", "notes", "try", "all"))
    parser.add_argument("rest", nargs="*", help="the wheel, a version and packages; or the folder")
    asked = parser.parse_args(arguments)
    try:
        if asked.what == "check":
            print(check())
        elif asked.what == "notes":
            print(notes(), end="")
        elif asked.what == "all":
            release(Path(asked.rest[0]))
        else:
            wheel, python, *extra = asked.rest
            found = subprocess.run(
                [ROOT / "scripts" / "find-python.sh", python], capture_output=True, text=True
            )
            if found.returncode:
                raise NotReady(f"Python {python} is not found")
            try_wheel(Path(wheel), found.stdout.strip(), extra)
    except NotReady as why:
        print(f"not ready: {why}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
