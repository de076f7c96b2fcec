"""The command line, as a user types it: in a process of its own, away from the checkout."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import arrays_of

from eqchip.__main__ import cli, main
from eqchip.emulator.training.runs import RunDirectory

TIMEOUT = 600  # seconds; only so that a test that hangs ends
QUICK = ["--layers", "64-9-10", "--free-steps", "8", "--nudged-steps", "4"]  # and --epochs
PROGRAM = [sys.executable, "-m", "eqchip"]
SCRIPT = Path(sys.executable).with_name("eqchip")


def environment(**more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if k != "EQCHIP_DATA"}
    return {**clean, "NO_COLOR": "1", "COLUMNS": "200", **more}


def eqchip(
    arguments: Sequence[object], folder: Path, program: Sequence[object] = PROGRAM, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(
        [*map(str, program), *map(str, arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
        env=environment(**more),
    )


def assert_refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Exit status 2, and one line that says why."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("eqchip: error: ")
    for word in words:
        assert word in line


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder with a finished run `run`, and what training it printed with --json."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, eqchip(["train", *QUICK, "--epochs", "2", "--out", "run", "--json"], folder)


# --- what a command prints ----------------------------------------------------------------


GROUPS = {(): cli, ("bench",): cli.get_command(None, "bench")}
SINGLE = [
    (*group, name)
    for group, of in GROUPS.items()
    for name in of.list_commands(None)
    if (*group, name) not in GROUPS
]


@pytest.mark.parametrize("command", SINGLE)
def test_help_of_every_command(command, capsys):
    assert main([*command, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: eqchip")
    assert "--json" in out and "--quiet" in out


@pytest.mark.parametrize("group", GROUPS)
def test_help_of_a_group_names_every_command_of_it(group, capsys):
    assert main([*group, "--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Usage: eqchip")
    assert all(name in out for name in GROUPS[group].list_commands(None))


@pytest.mark.parametrize("program", [PROGRAM, [SCRIPT]], ids=["python -m eqchip", "eqchip"])
def test_the_program_answers_under_both_names(program, tmp_path):
    if not Path(program[0]).exists():
        pytest.skip("the script is not installed beside this Python")
    done = eqchip(["--version"], tmp_path, program)
    assert done.returncode == 0 and done.stdout.startswith("eqchip, version ")
    assert done.stderr == ""


def test_json_is_one_document_on_stdout_and_progress_goes_to_stderr(trained):
    folder, done = trained
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["epochs"] == 2 and document["run"] == "run"
    for name in ("train_error", "validation_error", "test_error"):
        assert 0 <= document[name] <= 100
    assert "Epoch 1/2: error" in done.stderr and "Epoch 2/2" in done.stderr
    assert all(len(line) <= 80 for line in done.stderr.splitlines() if line.startswith("Epoch"))
    assert (folder / document["curves"]).read_bytes().startswith(b"\x89PNG")
    rows = RunDirectory(folder / "run").metrics()
    assert document["test_error"] == rows[-1]["test_error"]
    assert document["train_error"] == rows[-2]["train_error"]


def test_a_run_directory_holds_what_is_promised(trained):
    folder, _ = trained
    names = {path.name for path in (folder / "run").iterdir()}
    assert names == {
        "config.toml",
        "metrics.jsonl",
        "checkpoint.npz",
        "network.npz",
        "activity.json",
        "data.json",
        "report",
        ".lock",
    }
    text = (folder / "run" / "config.toml").read_text()
    assert 'format = "eqchip-config 1"' in text and "eqchip train --layers 64-9-10" in text


def test_quiet_leaves_stderr_empty_and_a_table_on_stdout(tmp_path):
    done = eqchip(["train", *QUICK, "--epochs", "1", "--quiet"], tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert "test, read once" in done.stdout and "runs/digits-64-9-10-s0" in done.stdout
    again = eqchip(["train", *QUICK, "--epochs", "1", "--quiet", "--json"], tmp_path)
    assert again.returncode == 0 and again.stderr == ""
    document = json.loads(again.stdout)
    assert Path(document["run"]) == Path("runs/digits-64-9-10-s0-2")  # the first is left alone


def test_one_gain_or_shift_stands_for_all_connections(tmp_path):
    given = ["--initial-gain", "0.5", "--feedback-shifts", "2", "--epochs", "1", "--out", "run"]
    done = eqchip(["train", *QUICK, *given, "--quiet"], tmp_path)
    assert done.returncode == 0, done.stderr
    run = RunDirectory(tmp_path / "run")
    assert run.config.initial_gain == (0.5,) and run.config.feedback_shifts == (2, 2)
    assert run.network().feedback_gains == (0.25, 0.25)


def test_evaluate_finds_the_error_that_training_found(trained):
    folder, done = trained
    document = json.loads(done.stdout)
    found = eqchip(["evaluate", "run", "--json"], folder)
    assert found.returncode == 0, found.stderr
    evaluated = json.loads(found.stdout)
    assert evaluated["error"] == document["test_error"]
    assert evaluated["synaptic_events_per_sample"] == document["test_synaptic_events_per_sample"]
    held = eqchip(["evaluate", "run", "--split", "validation", "--json", "-q"], folder)
    assert json.loads(held.stdout)["error"] == document["validation_error"]
    assert held.stderr == ""
    shown = eqchip(["evaluate", "run", "--threads", "1", "--free-steps", "3", "-q"], folder)
    assert shown.returncode == 0 and "layer 0 (input)" in shown.stdout


def test_evaluate_counts_what_rounding_to_the_chip_loses(trained):
    folder, _ = trained
    chip = ["evaluate", "run", "--precision", "chip", "--weight-bits", "3", "-q"]
    lost = json.loads(eqchip([*chip, "--json"], folder).stdout)["weights_lost"]
    vanished, weights, clipped = (
        sum(one[name] for one in lost) for name in ("vanished", "weights", "clipped")
    )
    assert 0 < vanished < weights and [one["bits"] for one in lost] == [3] * len(lost)
    line = f"{vanished:,} of {weights:,} weights round to 0, {clipped:,} "
    assert line in eqchip(chip, folder).stdout
    fewer = json.loads(eqchip([*chip, "--outliers", "0.3", "--json"], folder).stdout)
    assert sum(one["vanished"] for one in fewer["weights_lost"]) < vanished


def test_evaluate_ends_samples_that_are_sure(trained):
    folder, _ = trained
    whole = json.loads(eqchip(["evaluate", "run", "--json", "-q"], folder).stdout)
    asked = ["evaluate", "run", "--sure", "0.2", "-q"]
    sure = json.loads(eqchip([*asked, "--json"], folder).stdout)
    assert (whole["sure"], sure["sure"]) == (None, 0.2)
    assert 1 <= sure["free_steps"] < whole["free_steps"]
    assert sure["synaptic_events_per_sample"] < whole["synaptic_events_per_sample"]
    assert f"{sure['free_steps']:.2f} steps in the mean" in eqchip(asked, folder).stdout
    refused = eqchip([*asked, "--timing", "async"], folder)
    assert refused.returncode == 2 and "without a clock" in refused.stderr


def test_evaluate_takes_exact_messages_in_place_of_bits(trained):
    folder, _ = trained
    found = eqchip(["evaluate", "run", "--real-valued", "--json", "-q"], folder)
    assert found.returncode == 0, found.stderr
    document = json.loads(found.stdout)
    assert document["quantizer"] == "none" and 0 <= document["error"] < 60
    assert document["spikes_per_sample"] == 0 and document["macs_per_sample"] > 0
    shown = eqchip(["evaluate", "run", "--real-valued", "-q"], folder)
    assert f"{document['macs_per_sample']:,.0f} multiply-accumulates a sample" in shown.stdout
    integers = ["evaluate", "run", "--real-valued", "--precision", "chip", "-q"]
    refused = eqchip(integers, folder)
    assert refused.returncode == 2 and "quantizer 'none'" in refused.stderr


def test_resuming_a_finished_run_repeats_its_result(trained):
    folder, done = trained
    before = (folder / "run" / "metrics.jsonl").read_bytes()
    again = eqchip(["train", "--resume", "run", "--json", "--quiet"], folder)
    assert again.returncode == 0, again.stderr
    first, second = json.loads(done.stdout), json.loads(again.stdout)
    del first["seconds"], second["seconds"]
    assert first == second
    assert (folder / "run" / "metrics.jsonl").read_bytes() == before


def test_the_demo_keeps_its_promise(tmp_path):
    done = eqchip(["demo", "--json"], tmp_path)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["test_error"] < 5.0
    assert (tmp_path / document["curves"]).is_file()


def test_a_path_is_printed_as_it_is(tmp_path):
    odd = ":x:[bold]a b"  # markup and an emoji to some
    done = eqchip(["train", *QUICK, "--epochs", "1", "--out", odd], tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"into {odd}\n" in done.stderr and f"Run: {odd} " in done.stdout
    shown = eqchip(["evaluate", odd], tmp_path)
    assert f"{odd} on 360 test samples" in shown.stdout


# --- interrupted --------------------------------------------------------------------------


def test_ctrl_c_leaves_a_run_that_goes_on_to_the_same_weights(tmp_path):
    long = ["train", *QUICK, "--epochs", "10"]
    with subprocess.Popen(
        [*PROGRAM, *long, "--out", "run"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as process:
        assert process.stderr is not None
        lines, pressed = [], False
        for line in process.stderr:
            lines.append(line)
            if line.startswith("Epoch 1/10") and not pressed:
                pressed = True
                process.send_signal(signal.SIGINT)
    assert process.returncode == 130, "".join(lines)
    assert "Interrupted; go on with: eqchip train --resume run\n" in lines
    assert "Traceback" not in "".join(lines)
    assert sum(line.startswith("Epoch 1/10") for line in lines) == 1
    assert lines[-1] == "eqchip: interrupted\n"
    resumed = eqchip(["train", "--resume", "run", "--quiet"], tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    whole = eqchip([*long, "--out", "whole", "--quiet"], tmp_path)
    assert whole.returncode == 0, whole.stderr
    one, other = (arrays_of(tmp_path / name / "network.npz") for name in ("run", "whole"))
    for name, array in other.items():
        np.testing.assert_array_equal(one[name], array, err_msg=name)
    rows = RunDirectory(tmp_path / "run").metrics()
    assert [row["epoch"] for row in rows] == [*range(1, 11), 10]


# --- refused ------------------------------------------------------------------------------

TRAIN: list[tuple[list[str], list[str]]] = [
    (["--dataset", "letters"], ["--dataset", "'letters'", "digits"]),
    (["--dataset", "mnist", "--data", "nowhere"], ["nowhere", "mnist"]),
    (["--layers", "64"], ["--layers", "'64'", "784-500-10"]),
    (["--layers", "64-x-10"], ["--layers", "64-x-10"]),
    (["--layers", "64-0-10"], ["layers", "at least one unit"]),
    (
        ["--layers", "784-500-10"],
        ["--layers 784-500-10", "64 inputs", "64-...-10, or --dataset mnist"],
    ),
    (["--layers", "64-9-9"], ["64-9-9", "10 classes"]),
    (["--layers", "64-999999999-10"], ["64-999999999-10", "memory"]),
    (["--layers", "64-" + "9" * 5000 + "-10"], ["--layers"]),
    (["--step-size", "1.5"], ["--step-size", "1.5", "(0, 1]"]),
    (["--step-size", "0"], ["--step-size", "(0, 1]"]),
    (["--step-size", "fast"], ["--step-size", "'fast'", "osa:0.0346"]),
    (["--step-size", "osa:1.2.3"], ["--step-size", "'osa:1.2.3'"]),
    (["--step-size", "osa:5"], ["--step-size", "nu_bar is 5.0"]),
    (["--step-size", "0.5/t^400"], ["0.5", "leaves (0, 1] by t = 70"]),
    (["--prediction", "osa:0.1"], ["--prediction", "osa:0.1"]),
    (["--quantizer", "none", "--prediction", "0.5"], ["prediction", "quantizer 'none'"]),
    (["--quantizer", "morse"], ["--quantizer", "'morse'"]),
    (["--lr", "0.1,0.2,0.3"], ["lr holds 3 learning rates for 2 connections"]),
    (["--lr", "0.1,"], ["--lr", "0.2,0.1"]),
    (["--lr", "nan"], ["lr holds nan"]),
    (["--lr", "-0.1"], ["lr holds -0.1"]),
    (["--initial-gain", "1,2,3"], ["--initial-gain holds 3 factors for 2 connections"]),
    (["--initial-gain", "-1"], ["--initial-gain is (-1.0,)", "at least 0"]),
    (["--feedback-shifts", "0,1,2"], ["3 --feedback-shifts for 2 connections"]),
    (["--feedback-shifts", "0.5"], ["--feedback-shifts", "'0.5'", "0,8,3,0"]),
    (["--feedback-shifts", "16"], ["feedback shift 1 is 16"]),
    (["--momentum", "1"], ["momentum is 1.0"]),
    (["--beta", "0"], ["beta is 0.0", "above 0"]),
    (["--beta", "1e400"], ["beta is inf"]),
    (["--rule", "hebb"], ["--rule", "'hebb'", "symmetric"]),
    (["--split-stream"], ["split_stream", "'symmetric'"]),
    (["--epochs", "0"], ["epochs is 0"]),
    (["--epochs", "many"], ["--epochs", "'many'"]),
    (["--minibatch", "0"], ["minibatch is 0"]),
    (["--free-steps", "0"], ["--free-steps is 0"]),
    (["--nudged-steps", "1000000000000"], ["--nudged-steps is 1000000000000"]),
    (["--seed", "-1"], ["seed is -1"]),
    (["--validation", "1437"], ["validation", "1437"]),
    (["--threads", "0"], ["threads is 0", "at least 1"]),
    (["--checkpoint-minutes", "-1"], ["--checkpoint-minutes"]),
    (["--resume", "nothing"], ["nothing", "no run here"]),
    (["--resume", "full"], ["full", "no run here"]),
    (["--resume", "full", "--epochs", "3"], ["--epochs", "--resume"]),
    (["--resume", "full", "--dataset", "digits"], ["--dataset", "--resume"]),
    (["--resume", "full", "--random-sign"], ["--random-sign", "--resume"]),
    (["--out", "full"], ["full", "not empty", "--resume"]),
    (["--out", "full/file"], ["full/file", "no directory"]),
    (["--out", "full/file/below"], ["full/file/below"]),
    (["--out", "x" * 300], ["x" * 300]),
    (["--colour"], ["--colour"]),
    (["surplus"], ["surplus"]),
]
OTHERS: list[tuple[list[str], list[str]]] = [
    (["evaluate"], ["RUN"]),
    (["evaluate", "nothing"], ["nothing", "no run here"]),
    (["demo", "--out", "full"], ["full", "not empty"]),
    (["demo", "--threads", "-1"], ["threads is -1"]),
    (["dance"], ["dance"]),
    (["--colour"], ["--colour"]),
]
# What is named by its value: a path, or what has a value of its own kind.
BY_VALUE = {"--out", "--resume", "0.5/t^400", "16"}
REFUSED = [*((["train", *a], words) for a, words in TRAIN), *OTHERS]


@pytest.mark.parametrize(
    ("arguments", "words"), REFUSED, ids=[" ".join(a)[:60] for a, _ in REFUSED]
)
def test_bad_input_is_one_line_and_leaves_nothing_behind(
    arguments, words, tmp_path, monkeypatch, capfd
):
    # In this process, for there are many; those below go through a process of their own.
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("kept")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EQCHIP_DATA", raising=False)
    status = main(arguments)
    out, err = capfd.readouterr()
    assert_refused(subprocess.CompletedProcess(arguments, status, out, err), *words)
    if len(arguments) == 3 and not BY_VALUE & {*arguments}:
        assert arguments[1] in err  # the option, as it was typed
    assert [path.name for path in tmp_path.iterdir()] == ["full"]
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "--beta", "0"], ["beta is 0.0"]),
        (["train", "--dataset", "mnist"], ["EQCHIP_DATA", "nowhere"]),
        (["evaluate", "nothing"], ["nothing", "no run here"]),
    ],
    ids=["setting", "data", "run"],
)
def test_a_refusal_is_the_exit_status_of_the_process(arguments, words, tmp_path):
    assert_refused(eqchip(arguments, tmp_path, EQCHIP_DATA="nowhere"), *words)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    """A copy of the finished run, to be damaged."""
    folder, _ = trained
    target = tmp_path / "run"
    target.mkdir()
    for path in (folder / "run").iterdir():
        if path.is_file():
            (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["train", "--resume"], "checkpoint.npz"),
        (["train", "--resume"], "config.toml"),
        (["train", "--resume"], "metrics.jsonl"),
        (["evaluate"], "network.npz"),
        (["evaluate"], "config.toml"),
    ],
)
def test_a_truncated_file_of_a_run_is_named_and_nothing_is_changed(command, name, copy, capfd):
    path = copy / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    before = {p.name: p.read_bytes() for p in copy.iterdir()}
    status = main([*command, str(copy)])
    out, err = capfd.readouterr()
    assert_refused(subprocess.CompletedProcess(command, status, out, err), str(path))
    assert {p.name: p.read_bytes() for p in copy.iterdir()} == before


def test_weights_that_overflow_the_precision_of_a_run_are_refused(copy, capfd):
    arrays: dict[str, Any] = arrays_of(copy / "network.npz")
    arrays["weights_0"] = np.full((64, 9), 1e300)
    np.savez(copy / "network.npz", **arrays)
    status = main(["evaluate", str(copy), "--quiet"])
    out, err = capfd.readouterr()
    assert_refused(subprocess.CompletedProcess([], status, out, err), "overflows float32")


# --- what is mistyped -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["trian"], "No such command 'trian'; did you mean train?"),
        (["zzz"], "No such command 'zzz'; expected one of demo, train, "),
        (["bench", "chp"], "No such command 'chp'; did you mean chip?"),
    ],
)
def test_a_command_that_is_mistyped_is_told_what_is_like_it(arguments, told, capsys):
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
