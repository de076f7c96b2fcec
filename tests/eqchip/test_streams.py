"""Output reaches any encoding and any reader; a request to end is heard; files of others stay."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_runs import assert_same_end
from trained_runs import make_run

from eqchip.__main__ import main
from eqchip.cli import streams
from eqchip.cli.output import Output
from eqchip.emulator.progress import Silent
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports import draw

ENCODINGS = ("ascii", "latin-1", "cp1252", "cp437")
SPOKEN = "≥ 257 µJ – 3 × 10² → β, ░▒▓█ ┌─┐ 中 😀 \udcff"  # the last: a byte of a path


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """Run something whose output has an encoding; what it returned, and what it printed."""

    def run(what: Callable[[], int], encoding: str) -> tuple[int, str]:
        out, err = (tmp_path / f"std{name}" for name in ("out", "err"))
        with monkeypatch.context() as patch, out.open("w", encoding=encoding) as stdout:
            patch.setattr(sys, "stdout", stdout)
            with err.open("w", encoding=encoding) as stderr:
                patch.setattr(sys, "stderr", stderr)
                status = what()
                assert sys.stdout is stdout and sys.stderr is stderr  # as they were
        assert "Traceback" not in err.read_text(encoding)
        return status, out.read_text(encoding)

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("trained") / "läufe").path


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A run, whose files are counted on."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


# --- encodings ----------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [*ENCODINGS, "utf-8"])
def test_what_an_encoding_has_not_is_replaced(encoding, shown):
    def say() -> int:
        with streams.lenient():
            output = Output()
            output.text(SPOKEN)
            output.table(SPOKEN, [SPOKEN], [[SPOKEN]])
            output.message(SPOKEN)
            Output(as_json=True).result({"format": "a test", SPOKEN: SPOKEN})
        return 0

    _, text = shown(say, encoding)
    assert ("≥ 257 µJ" if encoding in ("utf-8", "cp437") else ">= 257 ") in text
    assert encoding != "ascii" or "257 uJ - 3 x 10^2 -> beta, ,:+# +-+ ? ? ?" in text
    assert json.loads(text[text.index("{") :]) == {"format": "a test", SPOKEN: SPOKEN}


COMMANDS = {
    "map": (["map", "RUN", "--out", "mesh.png"], "mesh.png"),
    "report": (["report", "RUN", "--samples", "2", "--out", "report"], "report/report.json"),
    "comparison": (["report", "RUN", "RUN", "--samples", "2", "--out", "two"], "two/report.json"),
    "watch": (["watch", "RUN", "--out", "watch"], "watch/watch.html"),
    "evaluate": (["evaluate", "RUN"], None),
    "gradients": (
        ["gradients", "RUN", "--samples", "2", "--free-steps", "6", "--nudged-steps", "3",
         "--out", "gradients"], "gradients/gradients.json",
    ),
    "converge": (
        ["converge", "--layers", "8-6", "--steps", "20", "--repeats", "2", "--inputs", "2",
         "--out", "converge"], "converge/converge.json",
    ),
    "follow": (
        ["follow", "--layers", "8-6", "--steps", "20", "--repeats", "2", "--pictures", "2",
         "--out", "follow"], "follow/follow.json",
    ),
}  # fmt: skip


def drawn_without_pictures(document: Any, folder: Path, beside: dict[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in beside.items():
        (folder / name).write_text(text, "utf-8")
    return [folder / "report.html"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_in_any_encoding(command, shown, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(draw, "write_page", drawn_without_pictures)
    arguments, written = COMMANDS[command]
    if command == "gradients":
        arguments = ["gradients", "--network", "8x8-2c3p2-10", "--epochs", "1", *arguments[2:]]
    arguments = [str(trained) if a == "RUN" else a for a in arguments]
    for encoding in ENCODINGS if command in ("map", "evaluate") else ENCODINGS[:1]:
        status, text = shown(lambda: main(arguments), encoding)
        assert status == 0 and text
        assert written is None or (tmp_path / written).is_file()


# --- readers that leave -------------------------------------------------------------------


@pytest.fixture
def left(monkeypatch):
    """Run a command whose reader has left; its status."""

    def run(arguments: list[Any], *names: str) -> int:
        opened = []
        with monkeypatch.context() as patch:
            for name in names:
                ours, theirs = os.pipe()
                os.close(ours)
                opened.append(os.fdopen(theirs, "w", encoding="utf-8"))
                patch.setattr(sys, name, opened[-1])
            status = main([str(argument) for argument in arguments])
        for stream in opened:
            stream.close()  # what is left in it goes nowhere, and is no error
        return status

    return run


@pytest.mark.parametrize("names", [("stdout",), ("stdout", "stderr")])
def test_head_ends_neither_the_work_nor_its_status(names, left, trained, tmp_path):
    assert left(["map", trained, "--out", tmp_path / "mesh.png"], *names) == 0
    assert (tmp_path / "mesh.png").read_bytes().startswith(b"\x89PNG")
    assert left(["map", "--network", "9000-9000-10", "--spread", "40"], *names) == 1  # no fit
    assert left(["chips", "loihi1-davies"], *names) == 0
    assert left(["chips", "loihi1-davies", "--json"], *names) == 0
    assert left(["--help"], *names) == 0
    assert left(["evaluate", "nowhere"], *names) == 2


def test_a_process_whose_reader_leaves_ends_with_its_own_status(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "eqchip", "chips", "loihi1-davies"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert process.returncode == 0 and b"Broken pipe" not in told and b"Traceback" not in told


@pytest.mark.parametrize(
    ("system", "error", "left"),
    [
        ("posix", BrokenPipeError(errno.EPIPE, "Broken pipe"), True),
        ("posix", OSError(errno.EINVAL, "Invalid argument"), False),
        ("nt", OSError(errno.EINVAL, "Invalid argument"), True),
        ("nt", OSError(errno.ENOSPC, "No space left on device"), False),
    ],
)
def test_a_reader_that_left_is_told_from_a_disk_that_is_full(system, error, left, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(streams.os, "name", system)
        found = streams._is_left(error)
    assert found is left


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("arguments", [["chips", "loihi1-davies"], ["chips", "--json"], ["--help"]])
def test_a_full_disk_under_the_output_is_told(arguments, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "eqchip", *arguments],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "eqchip: error: No space left on device" in done.stderr.splitlines()
    assert "Traceback" not in done.stderr


def test_the_program_alone_shows_its_help(capsys):
    assert main([]) == 0
    alone = capsys.readouterr()
    assert main(["--help"]) == 0
    assert alone.out == capsys.readouterr().out and alone.err == ""


# --- asked to end -------------------------------------------------------------------------

QUICK = ["--layers", "64-5-10", "--epochs", "2", "--free-steps", "6", "--nudged-steps", "3"]
KINDS = {
    "float": ["--minibatch", "100", "--momentum", "0.5"],
    "on-chip": ["--on-chip", "loihi1-davies", "--every", "300"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_run_that_is_asked_to_end_goes_on_to_the_same_weights(
    kind, name, tmp_path, monkeypatch, capfd
):
    if not hasattr(signal, name):
        pytest.skip(f"no {name} here")
    number, minibatches = getattr(signal, name), iter(range(1, 100))

    def advance(self: Silent, amount: int = 1, **facts: object) -> None:
        if next(minibatches) == 3:
            os.kill(os.getpid(), number)

    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(Silent, "advance", advance)
        assert main(["train", *QUICK, *KINDS[kind], "--out", "run"]) == 128 + number
    assert signal.getsignal(number) is before
    told = [line for line in capfd.readouterr().err.splitlines() if line]
    assert told[-2:] == [
        "Interrupted; go on with: eqchip train --resume run", "eqchip: asked to end"
    ]  # fmt: skip
    assert (tmp_path / "run" / "checkpoint.npz").is_file()
    assert main(["train", "--resume", "run", "--quiet"]) == 0
    assert main(["train", *QUICK, *KINDS[kind], "--out", "whole", "--quiet"]) == 0
    assert_same_end(RunDirectory(tmp_path / "run"), RunDirectory(tmp_path / "whole"))


def test_what_nohup_ignores_stays_ignored(monkeypatch, capfd):
    number = getattr(signal, "SIGHUP", signal.SIGTERM)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        assert main(["chips"]) == 0
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


# --- places where nothing can be written --------------------------------------------------


COMMANDS_IN_A_ROW = """
import json, sys
from eqchip.__main__ import main
print([main(line) for line in json.loads(sys.argv[1])], file=sys.stdout)
"""


def test_without_a_home_commands_work_and_say_nothing_of_it(run, tmp_path):
    # A directory cannot be made below a file, by anybody: not even by root.
    nowhere = {name: "/dev/null/home" for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")}
    kept = {k: v for k, v in os.environ.items() if k != "MPLCONFIGDIR"}
    lines = [
        ["train", "--help"],
        ["map", str(run), "--out", "mesh.png", "--quiet"],
        ["evaluate", str(run), "--quiet"],
        ["train", "--resume", str(run), "--quiet"],
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS_IN_A_ROW, json.dumps(lines)],
        cwd=tmp_path, env={**kept, **nowhere, "NUMBA_CACHE_DIR": "/dev/null/cache"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[0, 0, 0, 0]", done.stderr
    assert done.stderr == ""


# --- files of others ----------------------------------------------------------------------

OWN = ("config.toml", "metrics.jsonl", "checkpoint.npz", "network.npz", "activity.json", ".lock")
TO_A_FILE = {
    "map": ["map", "RUN", "--out", "FILE"],
    "bench": ["bench", "--seconds", "0.001", "--out", "FILE"],
    "bench chip": ["bench", "chip", "loihi1-davies", "--seconds", "0.001", "--out", "FILE"],
    "export nir": ["export", "RUN", "--out", "FILE", "--to", "nir"],
    "export lava": ["export", "RUN", "--out", "FILE", "--to", "lava"],
    "report": ["report", "RUN", "--out", "FILE"],
    "report below": ["report", "RUN", "--out", "FILE/below"],
    "watch": ["watch", "RUN", "--out", "FILE"],
    "gradients": ["gradients", "--out", "FILE"],
    "converge": ["converge", "--out", "FILE"],
    "follow": ["follow", "--out", "FILE"],
    "sweep": ["sweep", "--axis", "seed=0", "--out", "FILE"],
    "rules": ["rules", "--out", "FILE"],
    "train": ["train", "--out", "FILE"],
    "demo": ["demo", "--out", "FILE"],
}


@pytest.mark.parametrize("command", TO_A_FILE)
def test_no_output_takes_the_place_of_a_file_of_a_run(command, run, capfd):
    (run / "checkpoint.npz").write_bytes((run / "network.npz").read_bytes())
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert set(before) == set(OWN)
    for name in OWN:
        file = str(run / name)
        given = [str(run) if a == "RUN" else a.replace("FILE", file) for a in TO_A_FILE[command]]
        status = main(given)
        told = capfd.readouterr().err.splitlines()
        if "pip install" in told[0]:
            pytest.skip(told[0])
        assert status == 2
        assert len(told) == 1 and str(run / name) in told[0], told
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before


def test_a_picture_replaces_a_picture_and_nothing_else(run, tmp_path, capfd):
    for name, status in (("new.png", 0), ("new.png", 0), ("thesis.tex", 2), ("mesh.jpg", 2)):
        (tmp_path / "thesis.tex").write_text("all of it")
        assert main(["map", str(run), "--out", str(tmp_path / name), "--quiet"]) == status
    assert (tmp_path / "thesis.tex").read_text() == "all of it"
    assert (tmp_path / "new.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "mesh.jpg").exists()
    assert "mesh.jpg: ends in .jpg; expected .png" in capfd.readouterr().err
