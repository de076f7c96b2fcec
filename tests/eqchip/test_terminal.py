"""What stands on a terminal: bars that end, and columns of numbers."""

from __future__ import annotations

import contextlib

import pytest
from terminals import HIDE, SHOW, assert_ended_whole, interrupted_at_bar
from trained_runs import make_run

from eqchip.cli.output import Output

# Each long enough to be interrupted in its first bar.
LONG = {
    "train": ["--layers", "64-9-10", "--epochs", "1000", "--out", "new"],
    "demo": ["--out", "demo"],
    "evaluate": ["run", "--free-steps", "20000"],
    "report": ["run", "--samples", "1000"],
    "crosscheck": ["run", "--against", "reference", "--samples", "100"],
    "watch": ["run", "--out", "watched"],
    "gradients": ["--epochs", "1000", "--out", "gradients"],
    "converge": ["--repeats", "1000", "--out", "converge"],
    "follow": ["--repeats", "1000", "--network", "64-50-10", "--out", "follow"],
    "sweep": ["--axis", "free_steps=2000,4000", "--workers", "1", "--out", "sweep"],
    "bench": ["--dataset", "synthetic", "--layers", "40-20-10", "--seconds", "10", "--no-training"],
    "bench events": ["--units", "320", "--rounds", "1000"],
}


@pytest.mark.parametrize("command", LONG)
def test_ctrl_c_at_a_bar_gives_the_cursor_back_and_exits_with_130(command, tmp_path):
    pytest.importorskip("pty")
    make_run(tmp_path / "run")
    assert_ended_whole(*interrupted_at_bar([*command.split(), *LONG[command]], tmp_path))


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_bar_ends_with_its_block_whatever_ends_that(error, monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich knows
    monkeypatch.setenv("TERM", "xterm")
    output = Output()
    with contextlib.suppress(error), output.bar("Working", 3) as bar:
        bar.advance()
        raise error
    shown = capfd.readouterr().err.encode()
    assert HIDE in shown and shown.rindex(SHOW) > shown.rindex(HIDE)


@pytest.mark.parametrize(
    ("cells", "right"),
    [
        (["12", "3"], True),
        (["≥ 257", "3"], True),
        (["-0.5"], True),
        (["± 3 %"], True),
        (["", "-", "7"], True),
        (["layer 1", "2"], False),
        (["", "-"], False),
        (["- so", "1"], False),
        (["", "none", "1"], False),
    ],
)
def test_a_column_of_numbers_stands_to_the_right(cells, right, capfd):
    wide = "a heading that is wider than its cells"
    Output().table("", ["first", wide], [("x", cell) for cell in cells])
    *_, last, _edge = capfd.readouterr().out.splitlines()
    assert last.endswith(f"{cells[-1]} │") == right
