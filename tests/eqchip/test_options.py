"""What options of all commands have in common: said once, heeded or refused, named alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from flags import replaced
from trained_runs import make_run

from eqchip.__main__ import cli, main
from eqchip.cli.command import Command
from eqchip.cli.output import Output


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
