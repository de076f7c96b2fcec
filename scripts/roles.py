"""Play the roles of docs/start.md: from an empty folder to the answer, by what the page says alone.

python scripts/roles.py [--cold] [WORDS OF A HEADING ...]

Blocks marked ``<!-- role -->`` are run in their order, those of each heading in an empty folder
of their own: ``sh`` by bash, ``python`` by the Python that runs this. With --cold nothing is
compiled before. What was shown last is printed, with the time of each role; no time is a failure.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "start.md"
BLOCK = re.compile(r"^<!-- role -->\n```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = 9  # lines of the last output


class Role(NamedTuple):
    """A heading of the page and its marked blocks, each with its language."""

    title: str
    blocks: list[tuple[str, str]]


def roles(text: str) -> list[Role]:
    """The headings of a page that have marked blocks."""
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    found = [Role(section.split("\n", 1)[0], BLOCK.findall(section)) for section in sections]
    return [role for role in found if role.blocks]


def play(role: Role, folder: Path, env: dict[str, str]) -> str:
    """Run the blocks of a role in a folder, and return what the last of them prints."""
    shown = ""
    for language, text in role.blocks:
        command = ["bash", "-euo", "pipefail"] if language == "sh" else [sys.executable, "-"]
        done = subprocess.run(
            command, input=text, cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{role.title}: status {done.returncode}\n{text}\n{done.stderr}")
        shown = done.stdout
    return shown


def processor_seconds() -> float:
    """What all processes that were started, and have ended, took of a processor."""
    times = os.times()
    return times.children_user + times.children_system


def main() -> None:
    """Play the roles whose heading holds the words of the command line; by default, all."""
    parser = argparse.ArgumentParser(description="Play the roles of docs/start.md.")
    parser.add_argument("--cold", action="store_true", help="with nothing compiled before")
    parser.add_argument("words", nargs="*", help="of headings; default: all")
    asked = parser.parse_args()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for role in roles(PAGE.read_text(encoding="utf-8")):
        if asked.words and not any(word in role.title for word in asked.words):
            continue
        with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
            env = {**os.environ, "PATH": path, "MPLBACKEND": "Agg"}
            if asked.cold:
                env["NUMBA_CACHE_DIR"] = cache
            began, used = time.perf_counter(), processor_seconds()
            shown = play(role, Path(folder), env)
            seconds, used = time.perf_counter() - began, processor_seconds() - used
        print(f"\n{role.title}: {seconds:.0f} s, {used:.0f} s of a processor", flush=True)
        print("\n".join(f"  {line}" for line in shown.rstrip().split("\n")[-SHOWN:]))


if __name__ == "__main__":
    main()
