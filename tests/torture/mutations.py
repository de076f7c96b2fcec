"""Damaged files by the thousand over every loader; see ``docs/reliability.md``.

    python tests/torture/mutations.py --seconds 600
    python tests/torture/mutations.py --loader config --seed 0 --case 123     # one again

A case is a function of loader, seed and number: an honest file, damaged in one of the ways of
:mod:`mutators`. Loaders run in a forked process, a few hundred cases each, with a limit of memory;
whoever ends by a signal, does not answer, raises what is no refusal, or takes memory beyond what
its file warrants, is a finding, kept with its file.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "helpers")]

from loaders import LOADERS, Loader  # noqa: E402
from mutators import mutated  # noqa: E402

from eqchip.emulator.errors import InputError  # noqa: E402

BATCH = 250  # cases of a process
SILENT = 60.0  # seconds after which a process is taken to hang
SLOW = 10.0  # seconds of processor that no case may take
# Bytes beyond ten times the file: what the libraries that read it hold on to.
SPARE = 256 * 2**20


@dataclass
class Found:
    """What came of some cases."""

    cases: int = 0
    refused: int = 0
    read: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: Found) -> None:
        """Count those of another in."""
        self.cases += other.cases
        self.refused += other.refused
        self.read += other.read
        self.findings += other.findings
        self.kinds += other.kinds


def loader_of(name: str, folder: Path) -> Loader:
    """The loader of a name, with a folder of its own."""
    (folder / name).mkdir()
    return LOADERS[name](folder / name)


def content_of(loader: Loader, seed: int, case: int) -> tuple[bytes, str]:
    """The damaged file of a case, and how it was damaged."""
    rng = np.random.default_rng([seed, zlib.crc32(loader.name.encode()), case])
    honest = loader.honest[int(rng.integers(len(loader.honest)))]
    return mutated(honest, loader, rng)


def judged(loader: Loader, path: Path, content: bytes) -> tuple[str, str]:
    """What a loader does with a file: "read", "refused", or a finding with what there is to say."""
    path.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF)
    try:
        loader.read(path)
        outcome, said = "read", ""
    except InputError as error:
        outcome, said = "refused", str(error)
        if "\n" in said or len(said) > 1000:
            return "refusal of more than a line", said
    except MemoryError:
        return "memory", traceback.format_exc()
    except Exception:
        return "traceback", traceback.format_exc()
    after = resource.getrusage(resource.RUSAGE_SELF)
    if after.ru_utime - before.ru_utime > SLOW:
        return "slow", f"{after.ru_utime - before.ru_utime:.1f} s"
    if (after.ru_maxrss - before.ru_maxrss) * 1024 > 10 * len(content) + SPARE:
        return "memory", f"{(after.ru_maxrss - before.ru_maxrss) // 1024} MB"
    return outcome, said


def work(loader: Loader, folder: Path, seed: int, cases: range, mouth: int) -> None:
    """In a child: run cases, telling each before it begins, and what came of it."""
    with open("/proc/self/statm", encoding="ascii") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2 * SPARE, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()  # a crash is told by its signal
    path = folder / loader.file
    with open(mouth, "w", encoding="utf-8") as output:
        for case in cases:
            print(json.dumps({"case": case}), file=output, flush=True)
            content, how = content_of(loader, seed, case)
            outcome, said = judged(loader, path, content)
            print(json.dumps({"how": how, "is": outcome, "said": said}), file=output, flush=True)


def batch(loader: Loader, folder: Path, seed: int, cases: range) -> Found:
    """The outcome of some cases; one that ends its process is passed over."""
    found, left = Found(), cases
    while left:
        ear, mouth = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ear)
            status = 1
            try:
                work(loader, folder, seed, left, mouth)
                status = 0
            finally:
                os._exit(status)
        os.close(mouth)
        last, asked = left.start, False
        ended = ""
        with open(ear, "rb", buffering=0) as replies:
            for line in _lines(replies):
                if line is None:
                    os.kill(child, signal.SIGKILL)
                    ended = "hang"
                    break
                told = json.loads(line)
                if "case" in told:
                    last, asked = told["case"], True
                else:
                    asked = False
                    _count(found, loader, seed, last, told)
        status = os.waitpid(child, 0)[1]
        if not asked and status == 0:
            return found
        ended = ended or f"signal {os.WTERMSIG(status)}"
        _count(found, loader, seed, last, {"is": ended, "said": "", "how": ""})
        left = range(last + 1, left.stop)
    return found


def _lines(replies: Any) -> Iterator[bytes | None]:
    """The lines of a pipe; None if nothing comes for long."""
    text = b""
    while True:
        if not select.select([replies], [], [], SILENT)[0]:
            yield None
            return
        piece = replies.read(2**16)
        if not piece:
            return
        *whole, text = (text + piece).split(b"\n")
        yield from whole


def _count(found: Found, loader: Loader, seed: int, case: int, told: dict[str, Any]) -> None:
    found.cases += 1
    found.kinds[told["how"]] += 1
    if told["is"] in ("read", "refused"):
        setattr(found, told["is"], getattr(found, told["is"]) + 1)
    else:
        found.findings.append({"loader": loader.name, "seed": seed, "case": case, **told})


def run(
    names: list[str],
    seed: int,
    *,
    cases: int = sys.maxsize,
    seconds: float = float("inf"),
    tell: Callable[[str, Found], None] = lambda name, found: None,
) -> dict[str, Found]:
    """Cases of some loaders in turn, until there are so many of each, or the time is over."""
    found = {name: Found() for name in names}
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        made = {name: loader_of(name, Path(folder)) for name in names}
        done = 0
        while done < cases:
            for name, loader in made.items():
                size = min(BATCH, cases - done)
                outcome = batch(loader, Path(folder) / name, seed, range(done, done + size))
                found[name].add(outcome)
                tell(name, outcome)
                if time.monotonic() > end:
                    return found
            done += size
    return found


def main() -> int:
    """Run as a program; status 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loader", action="append", choices=sorted(LOADERS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--cases", type=int, default=sys.maxsize, help="of each loader")
    parser.add_argument("--case", type=int, help="show this one alone, in this process")
    parser.add_argument("--log", type=Path, help="findings, a line each")
    options = parser.parse_args()
    names = options.loader or list(LOADERS)
    if options.case is not None:
        with tempfile.TemporaryDirectory() as folder:
            loader = loader_of(names[0], Path(folder))
            content, how = content_of(loader, options.seed, options.case)
            print(how, len(content), "bytes", content[:300])
            print(*judged(loader, Path(folder) / loader.file, content), sep="\n")
        return 0

    def tell(name: str, outcome: Found) -> None:
        for finding in outcome.findings:
            print(json.dumps(finding), file=sys.stderr, flush=True)
            if options.log:
                with open(options.log, "a", encoding="utf-8") as log:
                    log.write(json.dumps(finding) + "\n")

    began = time.monotonic()
    found = run(names, options.seed, cases=options.cases, seconds=options.seconds, tell=tell)
    for name, one in found.items():
        print(
            f"{name:12} {one.cases:9,} files: {one.refused:,} refused, {one.read:,} read, "
            f"{len(one.findings)} found"
        )
    whole = sum(one.cases for one in found.values())
    print(f"{whole:,} files in {time.monotonic() - began:.0f} s")
    return int(any(one.findings for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
