"""Killed at any operation and any moment, a run and a sweep end as if nobody had touched them."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import forked
import killed
import pytest
from small_runs import assert_same_end, few_digits, small_config

from eqchip.__main__ import main
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays
from eqchip.emulator.description.config import Config
from eqchip.emulator.files import leftovers
from eqchip.emulator.source import this_code
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.sweep_points import run_point_with
from eqchip.hw_reports.studies import sweep as sweeping

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform != "linux", reason="children are forked and watched"
)

TIMED = Asynchronous(
    clocks=Clocks(spread=0.2, offset=1.0, jitter=0.2), delays=Delays(fixed=0.5, jitter=1.0)
)
ON_CHIP = {"descent": {"minibatch": 1}, "on_chip": {"every": 10}}
TRAINED: dict[str, dict[str, Any]] = {
    "momentum": {"descent": {"momentum": 0.5, "input_dropout": 0.3}},
    "on chip": ON_CHIP,
    "adam": {"descent": {"optimizer": "adam", "lr": (0.01, 0.01)}},
    "random sign": {"learning": {"rule": "full", "random_sign": True}},
    "asynchronous": {"timing": TIMED},
    "decaying copies": {**ON_CHIP, "on_chip": {"every": 10, "copies": "decay"}},
    "accumulators": {
        "descent": {"minibatch": 5}, "on_chip": {"every": 10, "accumulator_bits": 4}
    },
    "mirrored": {**ON_CHIP, "on_chip": {"every": 10, "copies": "weight-mirror"}},
}  # fmt: skip
SWEPT = {
    "dataset": "digits", "layers": [64, 5, 10], "epochs": 1, "samples": 40, "free_steps": 6,
    "nudged_steps": 4,
}  # fmt: skip
AXES = {"seed": [0, 1, 2], "weight_bits": [8, 4]}
LONGEST = 60  # kills of one run or sweep, until it may end
EVERY = {"momentum": 12, "on chip": 12, "sweep": 48}  # others at every call


@dataclass
class Count:
    """What was found."""

    kills: int = 0
    ended: int = 0
    wrong: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        kinds = ("lost", "doubled", "differing", "stuck", "leftovers")
        found = ", ".join(f"{self.wrong[kind]} {kind}" for kind in kinds)
        return f"{self.kills:,} kills of {self.ended:,} runs and sweeps: {found}"


class Run:
    """A training run that is killed, and what it is to end as."""

    def __init__(self, kind: str, place: Path) -> None:
        self.config: Config = small_config(**TRAINED[kind])
        self.dataset = few_digits()
        self.whole = place / "whole"
        self.live(self.whole)

    def live(self, path: Path) -> None:
        """Begin it, or go on with it, as `eqchip train` does."""
        begun = (path / "config.toml").exists()
        run = RunDirectory(path) if begun else RunDirectory.create(path, self.config)
        fit(run, self.dataset, threads=random.SystemRandom().choice((1, 2)), checkpoint_minutes=0)

    def wrong(self, path: Path) -> Iterator[str]:
        """What is wrong with one that has ended."""
        lines = (path / "metrics.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        found = Counter((row["epoch"], "test_error" in row) for row in rows)
        epochs = self.config.descent.epochs
        expected = {*((n, False) for n in range(1, epochs + 1)), (epochs, True)}
        if expected - found.keys():
            yield "lost"
        if any(times > 1 for times in found.values()):
            yield "doubled"
        try:
            assert_same_end(RunDirectory(path), RunDirectory(self.whole))
        except AssertionError as error:
            print(error)
            yield "differing"


class Sweep:
    """A sweep that is killed; its points are trained in its own process."""

    def __init__(self, place: Path) -> None:
        self.whole = place / "whole"
        self.live(self.whole)
        self.rows = self._points(self.whole)

    def live(self, path: Path) -> None:
        sweeping.sweep(axes=AXES, out=path, file=_grid(path), workers=1)

    def wrong(self, path: Path) -> Iterator[str]:
        lines = (path / "points.jsonl").read_text().splitlines()
        found = self._points(path)
        if self.rows.keys() - found.keys():
            yield "lost"
        if len(found) < len(lines):
            yield "doubled"
        if any(self.rows[key] != row for key, row in found.items()):
            yield "differing"

    @staticmethod
    def _points(path: Path) -> dict[str, Any]:
        rows = map(json.loads, (path / "points.jsonl").read_text().splitlines())
        return {json.dumps(row["settings"], sort_keys=True): {**row, "seconds": 0} for row in rows}


def _grid(path: Path) -> Path:
    """A sweep file, outside of the directory that is watched."""
    import tomli_w

    file = path.parent / "grid.toml"
    if not file.exists():
        file.write_text(tomli_w.dumps(SWEPT))
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Callable[[str], Run | Sweep]:
    """The run of each kind and the sweep, with what they end as, made when first asked for."""
    kept: dict[str, Run | Sweep] = {}

    def of(kind: str) -> Run | Sweep:
        if kind not in kept:
            place = tmp_path_factory.mktemp(kind.replace(" ", "-"))
            kept[kind] = Sweep(place) if kind == "sweep" else Run(kind, place)
        return kept[kind]

    return of


class Here:
    """Where points are trained: in this process."""

    def trained(self, points: Any, data: Any) -> Iterator[Any]:
        for point in points:
            yield run_point_with(tuple(this_code()), point, data)


@pytest.fixture(autouse=True)
def points_are_trained_here(monkeypatch):
    """Without processes of their own, and without pictures: neither is what is tested."""

    @contextmanager
    def open_here(*rest: Any) -> Iterator[Any]:
        yield Here()

    monkeypatch.setattr(sweeping, "open_workers", open_here)
    monkeypatch.setattr(sweeping, "save", lambda document, cost, file: file.write(b"picture"))


def count_end(subject: Run | Sweep, path: Path, count: Count) -> None:
    """Let it end, and count what is wrong then."""
    end = killed.in_a_child(lambda: subject.live(path), path, killed.pass_by)
    count.ended += 1
    if end.status:
        count.wrong["stuck"] += 1
        return
    count.wrong.update(subject.wrong(path))
    folders = [path, *(one for one in path.rglob("*") if one.is_dir())]
    count.wrong["leftovers"] += sum(len(leftovers(os.listdir(one))) for one in folders)


def operations_of(subject: Run | Sweep, path: Path) -> int:
    """How many operations one has that nobody kills."""
    end = killed.in_a_child(lambda: subject.live(path), path, killed.pass_by)
    assert end.status == 0
    return end.operations


def assert_nothing_wrong(count: Count) -> None:
    print(count)
    assert not +count.wrong, str(count)


# --- at every operation -------------------------------------------------------------------


@pytest.mark.parametrize("kind", EVERY)
def test_killed_at_any_file_operation_it_ends_as_if_it_had_not_been(kind, made, tmp_path):
    subject, count = made(kind), Count()
    operations = operations_of(subject, tmp_path / "all")
    assert operations > 40
    every = EVERY[kind]
    for number in range(random.randrange(1, every), operations + 1, every):
        path = tmp_path / str(number)
        end = killed.in_a_child(lambda p=path: subject.live(p), path, killed.kill_at(number))
        assert end.killed
        count.kills += 1
        count_end(subject, path, count)
    assert_nothing_wrong(count)


@pytest.mark.long
@pytest.mark.parametrize("kind", [*TRAINED, "sweep"])
def test_killed_at_every_file_operation_and_moment(kind, made, tmp_path, budget):
    subject, count, began = made(kind), Count(), time.monotonic()
    draw, lives = random.Random(), 0
    operations = operations_of(subject, tmp_path / "all")
    once, numbers = time.monotonic() - began, []
    while time.monotonic() - began < budget:
        lives += 1
        path = tmp_path / str(lives)
        for _ in range(draw.randint(1, LONGEST)):
            if draw.random() < 0.7:
                if not numbers:  # each once, and then again
                    numbers = draw.sample(range(1, operations + 1), operations)
                act, after = killed.kill_at(numbers.pop()), None
            else:
                act, after = killed.pass_by, draw.uniform(0, once)
            found = killed.in_a_child(lambda p=path: subject.live(p), path, act, after)
            count.kills += found.killed
            if not found.killed:
                count.wrong["stuck"] += found.status != 0
                break
        count_end(subject, path, count)
    print(f"\n{kind}, of {operations} operations: ", end="")
    assert_nothing_wrong(count)


# --- operations that fail -----------------------------------------------------------------

CODES = (
    *(errno.ENOSPC, errno.EIO, errno.ESTALE, errno.EACCES, errno.EDQUOT, errno.EROFS),
    *(errno.EMFILE, errno.EINVAL, errno.EPERM),
)
QUICK = [
    *("--layers", "64-5-10", "--epochs", "2", "--free-steps", "6", "--nudged-steps", "3"),
    *("--minibatch", "400", "-q"),
]


def _command(path: Path) -> Callable[[], int]:
    """Begin a run, or go on with it, by the command line; what it says is kept."""

    def work() -> int:
        with open(path.with_suffix(".err"), "w") as err, open(os.devnull, "w") as out:
            sys.stdout, sys.stderr = out, err
            begun = (path / "config.toml").exists()
            of = ["--resume", str(path), "-q"] if begun else [*QUICK, "--out", str(path)]
            return main(["train", *of, "--checkpoint-minutes", "0"])

    return work


def check_failures(place: Path, numbers: Iterator[int], draw: random.Random) -> int:
    """Let operations of runs fail: each is one line, and with room again it ends the same."""
    whole, failed = place / "whole", 0
    end = killed.in_a_child(_command(whole), whole, killed.pass_by)
    assert end.status == 0
    for number in numbers:
        path, code = place / f"{number}-{draw.randrange(10**6)}", draw.choice(CODES)
        act = killed.fail_at(number % end.operations + 1, code, draw.random() < 0.5)
        found = killed.in_a_child(_command(path), path, act)
        told = path.with_suffix(".err").read_text().splitlines()
        assert found.status in (0, 2), told
        assert len(told) == (found.status == 2), told
        assert all(line.startswith("eqchip: error: ") for line in told), told
        failed += found.status == 2
        assert killed.in_a_child(_command(path), path, killed.pass_by).status == 0
        assert_same_end(RunDirectory(path), RunDirectory(whole))
    return failed


def test_an_operation_that_fails_is_one_line_and_loses_nothing(tmp_path):
    draw = random.Random()
    assert check_failures(tmp_path, iter(range(draw.randrange(9), 60, 9)), draw) > 2


@pytest.mark.long
def test_operations_that_fail_at_random(tmp_path, budget):
    draw, began = random.Random(), time.monotonic()

    def numbers() -> Iterator[int]:
        while time.monotonic() - began < budget:
            yield draw.randrange(10**6)

    print(f"\n{check_failures(tmp_path, numbers(), draw):,} runs failed, in one line each")


# --- forks --------------------------------------------------------------------------------


@pytest.mark.long
def test_forks_of_forks_find_the_same_bits(tmp_path, budget):
    began, draw, forks = time.monotonic(), random.Random(), 0
    expected = forked.ends(1)

    def work(threads: list[int]) -> int:
        if forked.ends(threads[0]) != expected:
            return 1
        if not threads[1:]:
            return 0
        return killed.in_a_child(lambda: work(threads[1:]), tmp_path, killed.pass_by, None).status

    while time.monotonic() - began < budget:
        threads = draw.choices(range(1, 6), k=draw.randint(1, 4))
        assert forked.ends(draw.randint(1, 5)) == expected
        assert killed.in_a_child(lambda t=threads: work(t), tmp_path, killed.pass_by).status == 0
        forks += len(threads)
    print(f"\n{forks:,} forks on 1 to 5 threads: all bits equal")


# --- processes as a user starts them ------------------------------------------------------


@pytest.mark.long
def test_sweeps_and_their_processes_are_killed_at_random_moments(tmp_path, budget):
    began, draw, kills = time.monotonic(), random.Random(), 0
    file = tmp_path / "grid.toml"
    file.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in SWEPT.items()))
    axes = [f"--axis={name}={','.join(map(str, values))}" for name, values in AXES.items()]

    def call(out: Path) -> subprocess.Popen[bytes]:
        line = [sys.executable, "-m", "eqchip", "sweep", file, *axes, "--out", out, "--workers=2"]
        return subprocess.Popen([*map(str, line), "-q"], cwd=tmp_path, stdout=subprocess.DEVNULL)

    once = time.monotonic()
    assert call(tmp_path / "whole").wait() == 0
    usual, whole = time.monotonic() - once, Sweep._points(tmp_path / "whole")
    lives = 0
    while time.monotonic() - began < budget:
        lives += 1
        out = tmp_path / str(lives)
        for _ in range(draw.randint(1, 6)):
            process = call(out)
            time.sleep(draw.uniform(0.2, 0.8) * usual)
            how = draw.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
            process.send_signal(how)
            status = process.wait()
            assert status in (0, -how, 128 + how), status
            kills += status != 0
            if not status:
                break
        assert call(out).wait() == 0
        lines = (out / "points.jsonl").read_text().splitlines()
        assert Sweep._points(out) == whole and len(lines) == len(whole)
        assert not leftovers(os.listdir(out))
        assert not _left_of(str(out)), "its processes outlived it"
    print(f"\n{kills} kills of {lives} sweeps with processes of their own: all points equal")


def _left_of(text: str) -> list[int]:
    """Processes whose command line holds a text."""
    time.sleep(1)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            held = text.encode() in path.read_bytes()
        except OSError:  # gone meanwhile
            continue
        if held:
            found.append(int(path.parent.name))
    return found
