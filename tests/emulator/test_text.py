"""Text from files is text: a terminal shows it and does not obey it."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_runs import few_digits, small_config

from eqchip.__main__ import main
from eqchip.cli.output import Output
from eqchip.emulator.description.config import read_config
from eqchip.emulator.errors import LONGEST, InputError
from eqchip.emulator.files import write_arrays
from eqchip.emulator.text import harmless, shortened
from eqchip.emulator.training.runs import CHECKPOINT_FORMAT, RunDirectory
from eqchip.emulator.training.trainers import make_trainer
from eqchip.hw_reports.show.csv import inert

ESCAPES = "\x1b]0;pwned\x07\x1b[2J\x9b31m\r\x08\u202eabc"
SHOWN = "\\x1b]0;pwned\\x07\\x1b[2J\\x9b31m\\r\\x08\\u202eabc"


def obeyed(text: str) -> list[str]:
    """Characters that are no text: control, direction, halves of pairs; not tab and line feed."""
    kinds = {"Cc", "Cs", "Zl", "Zp"}
    turns = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return [
        c
        for c in text
        if c not in "\t\n"
        and (unicodedata.category(c) in kinds or unicodedata.bidirectional(c) in turns)
    ]


@given(st.text(st.characters(), max_size=50))
def test_no_text_holds_what_a_terminal_obeys_and_any_encoding_knows_it(text):
    found = harmless(text)
    assert not obeyed(found)
    found.encode()
    if not obeyed(text) and not set(text) & {"\u061c", "\u200e", "\u200f"}:
        assert found == text


@given(st.text(max_size=60), st.integers(20, 60))
def test_a_long_text_keeps_both_ends(text, most):
    found = shortened(text, most)
    assert len(found) <= max(most, 0)
    assert text.startswith(found[: (most - 5) // 2]) and text.endswith(found[-(most - 6) // 2 :])
    assert found == text or len(text) > most


def test_an_error_is_a_line_that_ends_and_is_not_obeyed():
    text = str(InputError(f"what is {ESCAPES}\nand {'9' * 5000}; expected another"))
    assert not obeyed(text) and "\n" not in text
    assert len(text) == LONGEST
    assert text.startswith(f"what is {SHOWN[:4]}") and text.endswith("9; expected another")


def test_nothing_that_a_command_shows_is_obeyed(capsys):
    output = Output()
    output.text(f"text {ESCAPES}")
    output.table(f"title {ESCAPES}", ["a"], [[f"cell {ESCAPES}"], [np.str_(ESCAPES)]])
    output.message(f"message {ESCAPES} \udcff")
    for one in capsys.readouterr():
        assert not obeyed(one)
        assert "\\x1b" in one


def test_nothing_that_a_command_shows_goes_on_for_ever(capsys):
    output = Output()
    output.text("a" * 100_000)
    output.message("b" * 100_000)
    output.table("c" * 100_000, ["d"], [["e" * 100_000]])
    assert all(len(one) < 20_000 for one in capsys.readouterr())


@pytest.fixture
def chip(tmp_path) -> Path:
    """A chip file whose texts are escapes."""
    source = Path(__file__).parents[2] / "mapping" / "chips" / "truenorth.toml"
    written = ESCAPES.encode("unicode_escape").decode().replace("\\x", "\\u00")
    lines = [
        f'{key} = "{written}"' if (key := line.partition(" = ")[0]) in ("title", "origin") else line
        for line in source.read_text(encoding="utf-8").splitlines()
    ]
    path = tmp_path / "chip.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_a_chip_file_cannot_write_to_the_terminal(chip, capsys):
    assert main(["chips", str(chip)]) == 0
    shown = "".join(capsys.readouterr())
    assert not obeyed(shown) and SHOWN in shown


def test_files_cannot_write_to_the_terminal_through_errors(tmp_path, capsys):
    folder = tmp_path / f"run {ESCAPES.replace('/', '')}"
    assert main(["evaluate", str(folder)]) == 2
    run = RunDirectory.create(tmp_path / "run", small_config())
    state: dict[str, Any] = make_trainer(run.config, few_digits(), 1).state()
    write_arrays(
        run.path / "checkpoint.npz", CHECKPOINT_FORMAT, {**state, "digest": np.array(ESCAPES * 999)}
    )
    with pytest.raises(InputError) as error:
        run.load_checkpoint(state)
    config = run.path / "config.toml"
    config.write_text(
        config.read_text().replace('"64-7-10"', "[64]").replace("64,", '"\\u001b[2J", 64,')
    )
    with pytest.raises(InputError) as other:
        read_config(config)
    for text in (capsys.readouterr().err, str(error.value), str(other.value)):
        assert "\\x1b" in text and not obeyed(text) and len(text) <= LONGEST + 20


def test_cells_of_a_table_for_other_programs_are_no_formulas():
    formulas = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1")
    assert all(str(cell)[0] == "'" for cell in inert(formulas))
    assert inert(("energy", "", -1.5, 3, None, "a=b", "- no, that too")) == (
        *("energy", "", -1.5, 3, None, "a=b"),
        "'- no, that too",
    )
    assert inert(("\x1b[2J",)) == ("\\x1b[2J",)
