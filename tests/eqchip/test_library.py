"""What a command does, Python does too: the same names, defaults and numbers."""

from __future__ import annotations

import ast
import inspect
import json
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
import pytest
from optional_packages import need
from trained_runs import make_run

import eqchip as eq
from eqchip.__main__ import COMMANDS, main
from eqchip.cli.options import SHARED
from eqchip.cli.timing_options import DEFAULTS
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.settings import SETTINGS

OF_COMMANDS = ("as_json", "quiet")  # how a command shows what a function returns
OF_PYTHON = ("progress", "callbacks")  # what no command line can give
# Commands with a function of their own name. The others are made of these, or list what there is.
FUNCTIONS = (
    *("train", "evaluate", "converge", "watch", "report", "sweep", "gradients", "crosscheck"),
    *("export", "price", "explore", "anchors", "follow"),
)
# A command has a place where a function writes nothing.
PLACED = [("report", "out"), ("watch", "out"), ("gradients", "out"), ("converge", "out")]
PLACED += [("follow", "out")]
# Of their own kind: other networks, other numbers to compute with, another chip to begin with.
OWN = [
    *[("anchors", "chip"), ("report", "chip"), ("explore", "chip"), ("explore", "spread")],
    *[("gradients", "network"), ("crosscheck", "precision"), ("export", "precision")],
    *[("train", "precision"), ("watch", "seed"), ("sweep", "network"), ("converge", "network")],
    *[("follow", "network"), ("follow", "precision")],
    ("dynamics", "data"),
]
FORMAT = re.compile(r"eqchip-[a-z-]+ [0-9]+")  # of a document: its name and version
QUICK = {"free_steps": 8, "nudged_steps": 4, "network": (64, 9, 10)}


def parsed_by(command: str) -> click.Command:
    return import_module(f"eqchip.commands.{command}").command


def parameters(command: str) -> dict[str, click.Parameter]:
    params = parsed_by(command).params
    return {one.name: one for one in params if one.name not in OF_COMMANDS}


def flags(command: str) -> list[str]:
    """Of a command, the timing in one word."""
    return [name for name in parameters(command) if name not in DEFAULTS]


def arguments(command: str) -> dict[str, inspect.Parameter]:
    found = inspect.signature(getattr(eq, command)).parameters
    return {name: one for name, one in found.items() if name not in OF_PYTHON}


def shown(words: list[Any], capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The JSON document of a command."""
    assert main([*map(str, words), "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert FORMAT.fullmatch(document["format"]) and next(iter(document)) == "format"
    return document


def without(found: Any, *names: str) -> Any:
    """A document without what differs from run to run: the time, the machine, the command."""
    if isinstance(found, dict):
        left = (name for name in found if name not in ("provenance", "seconds", *names))
        return {name: without(found[name], *names) for name in left}
    return [without(one, *names) for one in found] if isinstance(found, (list, tuple)) else found


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    return make_run(tmp_path_factory.mktemp("library") / "run")


# --- names and texts ------------------------------------------------------------------------


def test_public_names_are_those_that_types_are_checked_for():
    (block,) = (
        one for one in ast.parse(Path(eq.__file__).read_text()).body if isinstance(one, ast.If)
    )
    typed = {alias.asname: (one.module, alias.name) for one in block.body for alias in one.names}
    assert typed == {name: (eq._MODULES[name], name) for name in eq.__all__}


def test_no_public_name_is_that_of_a_module():
    """Importing the module would put it in the name's place."""
    assert [name for name in eq.__all__ if find_spec(f"eqchip.{name}") is not None] == []


@pytest.mark.parametrize("command", FUNCTIONS)
def test_a_function_has_the_arguments_of_its_command(command):
    known = set(arguments(command))
    if command == "train":
        known = known - {"settings"} | {name for names in SETTINGS.values() for name in names}
    # A saved report is drawn again by `eqchip.draw`.
    assert set(flags(command)) - {"saved"} == known


@pytest.mark.parametrize("command", FUNCTIONS)
def test_what_is_not_given_is_the_same_for_a_command_and_its_function(command):
    needed = [one for one in parameters(command).values() if one.required]
    given = {"to": "nir"}
    words = [
        word
        for one in needed
        for word in (*one.opts[:1] * isinstance(one, click.Option), given.get(one.name, one.name))
    ]
    given = parsed_by(command).make_context(command, words).params
    for name, argument in arguments(command).items():
        if argument.default is inspect.Parameter.empty or name in ("timing", "settings", "axes"):
            continue
        if (command, name) in PLACED:
            assert argument.default is None
            continue
        default = given[name]
        assert (str(default) if isinstance(default, Path) else default) == argument.default, name


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "bench"])
def test_flags_that_commands_share_say_the_same_everywhere(command):
    for name, parameter in parameters(command).items():
        if name not in SHARED or (command, name) in OWN or isinstance(parameter, click.Argument):
            continue
        names, settings = SHARED[name]
        assert set(parameter.opts) == {flag for flag in names if flag.startswith("--")}
        assert parameter.help, f"--{name} of {command} says nothing"
        if "help" in settings:
            assert parameter.help == settings["help"]
        if "default" in settings:
            assert parameter.default == settings["default"]
        if "type" in settings:
            assert type(parameter.type) is type(click.types.convert_type(settings["type"]))


# --- numbers --------------------------------------------------------------------------------


def test_train_reaches_what_its_command_reaches(tmp_path, capsys):
    trained = eq.train(**QUICK, epochs=1, lr=0.3, validation=100, threads=1, out=tmp_path / "a")
    words = ["--network", "64-9-10", "--free-steps", 8, "--nudged-steps", 4, "--epochs", 1]
    words += ["--lr", 0.3, "--validation", 100, "--threads", 1, "--out", tmp_path / "b"]
    told = shown(["train", *words], capsys)
    assert without(trained.to_dict(), "run", "curves") == without(told, "run", "curves")
    assert trained.outcome.test.samples == 360 and trained.curves.exists()
    again = eq.train(resume=tmp_path / "a", threads=1)
    assert without(again.to_dict()) == without(trained.to_dict())


def test_train_learns_on_a_chip_as_its_command_does(tmp_path, capsys):
    settings = {"weight_bits": 7, "accumulator_bits": 2, "sees": "loihi-engine"}
    words = [word for name, value in settings.items() for word in (_flag(name), value)]
    config = eq.train(
        network="64-9-10", on_chip="loihi1-davies", epochs=1, free_steps=8, nudged_steps=8,
        out=tmp_path / "a", threads=1, **settings,
    ).run.config  # fmt: skip
    shown(
        ["train", "--network", "64-9-10", "--on-chip", "loihi1-davies", "--epochs", 1,
         "--free-steps", 8, "--nudged-steps", 8, "--out", tmp_path / "b", "--threads", 1, *words],
        capsys,
    )  # fmt: skip
    assert RunDirectory(tmp_path / "b").config == config
    assert config.on_chip.fixed.weight_bits == 7 and config.on_chip.copies == "same-noise"


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"precision": "chip", "weight_bits": 5},
        {"real_valued": True, "free_steps": 5},
        {"split": "validation", "timing": "sync"},
    ],
)
def test_evaluate_finds_what_its_command_finds(asked, run, capsys):
    words = [
        word
        for name, value in asked.items()
        for word in ([_flag(name)] if value is True else [_flag(name), value])
    ]
    found = eq.evaluate(run, **asked, threads=1)
    assert found.to_dict() == shown(["evaluate", run.path, *words, "--threads", 1], capsys)
    assert found.error == found.tally.error


def test_report_counts_what_its_command_counts(run, tmp_path, capsys):
    found = eq.report(run, samples=3, threads=1)
    told = shown(["report", run.path, "--samples", 3, "--threads", 1, "--out", tmp_path], capsys)
    assert without(found) == without(told)
    assert without(json.loads((tmp_path / "report.json").read_text())) == without(told)
    two = eq.report(run, run.path, samples=3, threads=1, chips=None)
    words = ["report", run.path, run.path, "--samples", 3, "--chips", "auto", "--threads", 1]
    assert without(two) == without(shown([*words, "--out", tmp_path / "two"], capsys))


def test_map_network_places_as_its_command_does(run, capsys):
    mapped = eq.map_network(
        run.network(), eq.load_chip("loihi1-davies"), rates=run.firing_rates(), spread=2
    )
    told = shown(["map", run.path, "--spread", 2], capsys)
    placed = mapped.to_dict()
    assert placed == {name: told[name] for name in placed}


def test_crosscheck_compares_as_its_command_does(run, capsys):
    found = eq.crosscheck(run, against=["reference"], samples=2, threads=1)
    words = ["crosscheck", run.path, "--against", "reference", "--samples", 2, "--threads", 1]
    assert without(found.to_dict()) == without(shown(words, capsys))
    assert found.equal and [one.engine for one in found.checkups] == ["emulator", "reference"] * 2


def test_export_writes_what_its_command_writes(run, tmp_path, capsys):
    need("nir", "pip install 'eqchip[nir]'")
    (written,) = eq.export(run, tmp_path / "a.nir", to="nir")
    told = shown(["export", run.path, "--out", tmp_path / "b.nir", "--to", "nir"], capsys)
    assert told["files"] == {str(tmp_path / "b.nir"): written.stat().st_size}


def test_watch_shows_what_its_command_shows(tmp_path, capsys):
    timing = eq.Asynchronous(
        clocks=eq.Clocks(spread=0.05, offset=1.0, jitter=0.1), delays=eq.Delays(fixed=1.0)
    )
    found = eq.watch(sample=1, timing=timing)
    words = ["watch", "--sample", 1, "--clock-spread", 0.05, "--out", tmp_path]
    told = shown(words, capsys)
    del told["out"]
    assert told == json.loads(json.dumps({name: found[name] for name in told}))
    assert without(json.loads((tmp_path / "watch.json").read_text())) == without(
        json.loads(json.dumps(found))
    )


def test_gradients_measures_what_its_command_measures(tmp_path, capsys):
    asked = {"network": "8x8-4c3p2-10", "epochs": 1, "samples": 4, "free_steps": 8}
    asked |= {"nudged_steps": 4, "threads": 1}
    words = [word for name, value in asked.items() for word in (_flag(name), value)]
    found = eq.gradients(**asked)
    told = shown(["gradients", *words, "--out", tmp_path], capsys)
    assert without(found) == without(told, "out")


def test_converge_measures_what_its_command_measures(tmp_path, capsys):
    asked = {"steps": 20, "repeats": 2, "inputs": 2, "seed": 3, "threads": 1}
    words = [word for name, value in asked.items() for word in (_flag(name), value)]
    found = eq.converge((12, 9, 4), **asked).document
    told = shown(["converge", "--layers", "12-9-4", *words, "--out", tmp_path], capsys)
    assert without(found) == without(told, "out")
    assert found["provenance"]["command"] == told["provenance"]["command"]
    assert "--network 12-9-4 --steps 20" in told["provenance"]["command"]


def test_sweep_prices_what_its_command_prices(tmp_path, capsys):
    file = tmp_path / "sweep.toml"
    file.write_text(
        'dataset = "digits"\nlayers = [64, 9, 10]\nepochs = 1\nsamples = 40\nfree_steps = 6\n'
        "nudged_steps = 3\nweight_range = 0.125\n"
    )
    found = eq.sweep(file, axes={"weight_bits": [8, 4]}, out=tmp_path / "out", workers=1)
    assert len(found["points"]) == len(found["rows"]) == 2
    told = shown(["sweep", "--out", tmp_path / "out"], capsys)  # goes on: all points are done
    assert without(found) == without(told, "out")
    with pytest.raises(InputError, match="another sweep, of weight_bits 8, 4"):
        eq.sweep(file, axes={"weight_bits": [8, 2]}, out=tmp_path / "out")


# --- refused --------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Any, str]] = {
    "an unknown setting": (lambda run: eq.train(epoch=3), "setting 'epoch' is unknown; expected"),
    "a setting of a resumed run": (
        lambda run: eq.train(resume=run, lr=0.1),
        "--lr is given with --resume",
    ),
    "no steps": (lambda run: eq.evaluate(run, free_steps=0), "free_steps is 0; expected a whole"),
    "an unknown split": (lambda run: eq.evaluate(run, split="train"), "split is 'train'; expected"),
    "an empty precision": (lambda run: eq.evaluate(run, precision=""), "precision"),
    "a timing in words": (
        lambda run: eq.report(run, timing="async"),
        "timing is 'async'; expected",
    ),
    "an unknown tool": (
        lambda run: eq.export(run, "x", to="onnx"),
        "to is 'onnx'; expected one of",
    ),
    "an empty data set": (lambda run: eq.watch(dataset=""), "data set '' is unknown; expected"),
    "an empty data set of gradients": (lambda run: eq.gradients(dataset=""), "data set '' is"),
    "an empty network": (lambda run: eq.gradients(network=""), "network"),
    "no epochs": (lambda run: eq.gradients(epochs=0), "--epochs is 0; expected a whole number"),
    "no trials": (lambda run: eq.converge(search=True, trials=0), "trials is 0; expected a whole"),
    "trials of no search": (lambda run: eq.converge(trials=0), "--trials is given without"),
    "an empty quantizer": (lambda run: eq.train(quantizer=""), "unknown quantizer ''; expected"),
    "no engines": (lambda run: eq.crosscheck(run, against=[]), "no engine is named; expected"),
    "no workers": (lambda run: eq.sweep(workers=0), "--workers is 0; expected a whole number"),
    "cores of a chip without": (
        lambda run: eq.report(run, chip="gpu-titan-black", spread=2),
        "spread is 2, but chip",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_wrong_is_refused_in_one_line(what, run):
    call, words = REFUSED[what]
    with pytest.raises(InputError) as refused:
        call(run)
    (line,) = str(refused.value).splitlines()
    assert words in line


def test_no_free_steps_are_not_taken_for_none_given(run, capsys):
    assert main(["evaluate", str(run.path), "--free-steps", "0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--free-steps is 0; expected a whole number of at least 1" in line
