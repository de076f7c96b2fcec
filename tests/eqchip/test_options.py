"""What options of all commands have in common: said once, heeded or refused, named alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from flags import replaced
from trained_runs import make_run

from eqchip.__main__ import cli, main
from eqchip.cli.command import Command
from eqchip.cli.output import Output
from eqchip.emulator.training.presets import preset


def commands(group: click.Group = cli, *before: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its whole name."""
    for name in group.list_commands(click.Context(group)):
        found = group.get_command(click.Context(group), name)
        assert found is not None
        if isinstance(found, click.Group):
            yield from commands(found, *before, name)
        else:
            yield " ".join([*before, name]), found


COMMANDS = dict(commands())


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("options") / "run").path


def refusal(line: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """The one line that a command is refused by."""
    status = main(line)
    told = capfd.readouterr()
    assert status == 2 and told.out == "", told
    (text,) = told.err.splitlines()
    assert text.startswith("eqchip: error: ")
    return text


# --- said once ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_with_one_value_is_not_taken_twice(name):
    command = COMMANDS[name]
    assert isinstance(command, Command)
    for option in command.params:
        if not isinstance(option, click.Option) or option.multiple:
            continue
        first, last = option.opts[0], (option.secondary_opts or option.opts)[-1]
        if option.is_flag and not option.secondary_opts:
            continue
        value = [] if option.is_flag else ["1"]
        with pytest.raises(click.UsageError, match=f"{first}.* is given twice; expected it once"):
            command.make_context(name, [first, *value, last, *value])


def test_the_second_value_is_refused_and_not_taken(capfd):
    told = refusal(["train", "--epochs", "2", "--layers", "64-9-10", "--epochs=3"], capfd)
    assert "--epochs is given twice; expected it once" in told
    told = refusal(["train", "--network", "64-9-10", "--layers", "64-8-10"], capfd)
    assert "--network or --layers is given twice" in told
    assert "--flip is given twice" in refusal(["train", "--flip", "--no-flip"], capfd)


def test_what_takes_several_values_and_a_flag_may_be_said_again(run, tmp_path, capfd):
    assert main(["chips", "-q", "--quiet", "--json", "--json"]) == 0
    capfd.readouterr()
    axes = ["--axis", "seed=0,1", "--axis", "seeds=0"]
    assert "'seeds'" in refusal(["sweep", *axes, "--out", str(tmp_path / "out")], capfd)


def test_a_line_with_others_in_place_holds_none_twice():
    line = ["bench", "--rounds", "2", "--flip", "--batch", "8"]
    assert replaced(line, "--rounds", "0") == ["bench", "--flip", "--batch", "8", "--rounds", "0"]
    assert replaced(line, "--flip") == ["bench", "--rounds", "2", "--batch", "8", "--flip"]
    assert replaced(line, "--seed", "1") == [*line, "--seed", "1"]


# --- heeded or refused --------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        ["train", "--dataset", "digits"],
        ["train"],
        ["train", "--resume", "RUN"],
        ["evaluate", "RUN"],
        ["report", "RUN"],
        ["watch"],
        ["watch", "RUN"],
        ["gradients"],
        ["gradients", "RUN"],
        ["crosscheck", "RUN"],
        ["export", "RUN", "--out", "OUT", "--to", "lava"],
        ["export", "RUN", "--out", "OUT", "--to", "nir"],
        ["sweep", "--axis", "seed=0", "--out", "OUT"],
        ["bench", "--dataset", "synthetic"],
        ["bench", "training", "--dataset", "synthetic"],
    ],
    ids=" ".join,
)
def test_data_that_would_be_ignored_are_refused(line, run, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    words = [{"RUN": str(run), "OUT": "out"}.get(word, word) for word in line]
    told = refusal([*words, "--data", str(run.parent)], capfd)
    assert "--data is " in told and "; expected " in told
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["report", "RUN", "--samples", "999999"], "999999; expected at most the 1427 training"),
        (["gradients", "--samples", "999999"], "999999; expected at most the 1437 training"),
        (["crosscheck", "RUN", "--samples", "999999"], "999999; expected at most the 360 of the"),
        (
            ["export", "RUN", "--out", "OUT", "--to", "lava", "--samples", "361"],
            "361; expected at most",
        ),
        (["watch", "RUN", "--sample", "360"], "360; expected 0 to 359"),
        (["sweep", "SWEEP", "--out", "OUT"], "2000; expected at most the 1287 training samples"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given),
)
def test_samples_beyond_the_data_set_are_refused(line, told, run, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    sweep = run.parent / "sweep.toml"
    sweep.write_text("layers = [64, 5, 10]\nsamples = 2000\naxes = { seed = [0] }\n")
    words = {"RUN": str(run), "OUT": "out", "SWEEP": str(sweep)}
    assert told in refusal([words.get(word, word) for word in line], capfd)
    assert not list(tmp_path.iterdir())


# --- named alike --------------------------------------------------------------------------

# What is the same thing -> the names that it has wherever it is an option. No other is short
# for it, and no other thing has one of these names.
SAME = {
    "network": {"--network", "--layers"},
    "layers": {"--network", "--layers"},
    "on_chip": {"--on-chip", "--chip"},
    **{name: {f"--{name}"} for name in ("chip", "out", "seed", "threads", "samples", "data",
                                        "dataset")},
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_the_same_thing_has_the_same_name_in_every_command(name):
    options = [one for one in COMMANDS[name].params if isinstance(one, click.Option)]
    words = {word for names in SAME.values() for word in names}
    for option in options:
        assert set(option.opts) == SAME.get(str(option.name), set(option.opts)), option.name
        assert option.name in SAME or not set(option.opts) & words, option.name


def test_a_seed_is_of_a_fresh_network(run, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert "--seed is given with" in refusal(["watch", str(run), "--seed", "1"], capfd)
    assert "seed is -1" in refusal(["demo", "--seed", "-1"], capfd)
    assert "seed is -1" in refusal(["watch", "--seed", "-1"], capfd)
    assert not list(tmp_path.iterdir())


def test_a_sweep_takes_its_network_from_the_command_line(run, tmp_path, capfd):
    sweep = run.parent / "other.toml"
    sweep.write_text('dataset = "mnist"\nlayers = [784, 5, 10]\naxes = { seed = [0] }\n')
    asked = ["sweep", str(sweep), "--dataset", "digits", "--out", str(tmp_path / "out")]
    assert "784-5-10" in refusal(asked, capfd)
    assert "63-5-10" in refusal([*asked, "--network", "63-5-10"], capfd)
    assert "63-5-10" in refusal(["sweep", *asked[2:], "--layers", "63-5-10"], capfd)
    assert not (tmp_path / "out").exists()


# --- documents ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "format", "status"),
    [
        (["chips"], "eqchip-chips 1", 0),
        (["chips", "loihi1-davies"], "eqchip-chip-shown 1", 0),
        (["map", "--network", "9-5"], "eqchip-mapping 1", 0),
        (["map", "--network", "9000-9000-10", "--spread", "40"], "eqchip-mapping 1", 1),
        (["price", "--network", "9-5", "--rates", "0.1"], "eqchip-price 1", 0),
        (["anchors"], "eqchip-anchors 1", 0),
        (["import", "edges.csv"], "eqchip-import 1", 0),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_document_names_its_format_first(line, format, status, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    Path("edges.csv").write_text("pre,post,weight\n0,1,0.5\n")
    assert main([*line, "--json"]) == status
    assert next(iter(json.loads(capfd.readouterr().out).items())) == ("format", format)


def test_a_document_without_a_format_is_none(capfd):
    with pytest.raises(KeyError, match="format"):
        Output(as_json=True).result({"error": 1})
    assert capfd.readouterr().out == ""


# --- help ---------------------------------------------------------------------------------


def help_of(name: str, capfd: pytest.CaptureFixture[str]) -> str:
    assert main([*name.split(), "--help"]) == 0
    return capfd.readouterr().out


def test_the_options_of_train_stand_in_sections(capfd):
    text = help_of("train", capfd)
    titles = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles[0] == "Data and network:" and titles[-1] == "Options:" and len(titles) > 6
    sections = {title: text.partition(f"\n{title}\n")[2].partition("\n\n")[0] for title in titles}
    for title, flag in (
        ("Data and network:", "--network"),
        ("Descent:", "--epochs"),
        ("Without a global clock, with --timing async:", "--clock-spread"),
        ("On a chip, with --on-chip:", "--weight-range"),
        ("Computing:", "--threads"),
        ("Options:", "--json"),
    ):
        assert f"  {flag}" in sections[title]
    longest = max(section.count("\n  -") for section in sections.values())
    assert longest < 20  # options in one section


def test_the_help_of_train_shows_what_digits_are_trained_with(capfd):
    config, text = preset("digits"), " ".join(help_of("train", capfd).split())
    for value in (
        f"Passes over the training samples. [digits: {config.descent.epochs}]",
        f"input side first. [digits: {','.join(f'{rate:g}' for rate in config.descent.lr)}]",
        f"Strength of the nudge. [digits: {config.learning.beta:g}]",
        f"[digits: {config.coding.quantizer}]",
    ):
        assert value in text


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "train"])
def test_an_option_in_a_help_says_what_it_is_if_it_is_not_given(name, capfd):
    """Its default, or its text says what happens; a flag and what has none need not."""
    for option in COMMANDS[name].params:
        if not isinstance(option, click.Option) or option.is_flag:
            continue
        if isinstance(option.default, (int, float, str, Path)):
            told = option.show_default or "efault" in (option.help or "")
            assert told, f"{name} {option.opts[0]}"


# --- named as typed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--epochs", "0"], "error: --epochs is 0; expected"),
        (["--layers", "784-500-10"], "--layers 784-500-10: data set digits"),
        (["--network", "784-500-10"], "--network 784-500-10: data set digits"),
        (["--on-chip", "loihi1-davies", "--every", "0"], "error: --every is 0; expected"),
        (["--chip", "loihi1-davies", "--weight-bits", "99"], "error: --weight-bits is 99;"),
        (["--timing", "async", "--clock-spread", "-1"], "error: --clock-spread is -1.0;"),
        (["--timing", "async", "--stuck-at-0", "2"], "error: --stuck-at-0 is 2.0;"),
        (["--timing", "async", "--event-time=-1"], "error: --event-time is -1.0;"),
        (["--timing", "async", "--timing-seed=-1"], "error: --timing-seed is -1;"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_an_error_names_the_option_that_was_typed(words, told, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert told in refusal(["train", *words], capfd)


def test_a_network_for_another_data_set_is_told_which(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    told = refusal(["train", "--layers", "784-500-10"], capfd)
    assert told.endswith("expected 64-...-10, or --dataset mnist or fashion-mnist")
    assert refusal(["train", "--layers", "65-9-10"], capfd).endswith("expected 64-...-10")


# --- what a shell completes ---------------------------------------------------------------


def completed(*words: str) -> list[str]:
    """What stands for the last word: values, or the kind of thing that the shell knows."""
    *before, incomplete = words
    shell = ShellComplete(cli, {}, "eqchip", "_EQCHIP_COMPLETE")
    found = shell.get_completions(before, incomplete)
    return [one.value if one.type == "plain" else f"<{one.type}>" for one in found]


def test_a_shell_completes_commands_options_chips_runs_and_data_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("runs/one", "runs/two", "here", "no-run"):
        Path(path).mkdir(parents=True)
        if path != "no-run":
            (Path(path) / "config.toml").touch()
    assert completed("tr") == ["train"] and completed("bench", "pe") == ["peers"]
    assert completed("train", "--epo") == ["--epochs"]
    assert completed("train", "--dataset", "mn") == ["mnist", "mnist-20x20"]
    assert completed("map", "--chip", "loihi1-") == completed("chips", "loihi1-")
    assert "loihi1-davies" in completed("train", "--on-chip", "lo")
    assert completed("report", "here", "--chip", "loihi2,loihi1-d") == ["loihi2,loihi1-davies"]
    assert completed("map", "--chip", "mine") == ["<file>"]
    assert completed("evaluate", "") == ["here", str(Path("runs/one")), str(Path("runs/two"))]
    assert completed("evaluate", str(Path("runs/t"))) == [str(Path("runs/two"))]
    assert completed("train", "--resume", "h") == ["here"]
    assert completed("evaluate", "nowhere/x") == ["<file>"]


def test_completing_a_line_that_is_not_whole_refuses_nothing():
    assert completed("train", "--epochs", "2", "--epochs", "3", "--bet") == ["--beta"]


# --- 80 columns ---------------------------------------------------------------------------


def test_a_bar_and_its_facts_stay_on_one_line_of_80_columns(monkeypatch, capfd):
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, as far as rich knows
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    with Output().bar("Epoch 100/100", 60_000) as bar:
        bar.advance(31_234, error="12.34 %", samples_per_s="3212", spikes_per_sample="5885")
    drawn = [
        re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)
        for line in re.split(r"[\r\n]+", capfd.readouterr().err)
    ]
    assert any("error 12.34 %" in line for line in drawn)
    assert max(map(len, drawn)) <= 80
    lines = [line for line in drawn if line.strip()]
    assert all(line.lstrip().startswith("Epoch 100/100") for line in lines)
