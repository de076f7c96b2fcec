"""Engines are compared to the last bit; an engine that is wrong is caught, and where is said."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import strategies
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from optional_packages import need
from small_runs import FEW, few_digits, small_config

from eqchip.__main__ import main
from eqchip.backends import crosscheck as module
from eqchip.backends.comparison import compare
from eqchip.backends.crosscheck import check_engines, choose, crosscheck, pose_run
from eqchip.backends.reference import ep, ep_fixed
from eqchip.backends.reference import floating as reference
from eqchip.backends.registry import BACKENDS, Backend
from eqchip.emulator import compiling
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.connections import Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory

REFERENCE = BACKENDS["reference"]


def by_hand(precision: str = "float64", hidden_bias: float = 0.25) -> Problem:
    """The run that docs/model.md works out: four free steps, two nudged; unit 0 is silent."""
    return pose(
        Network.dense([1, 2], weights=[[[0.0, 0.5]]], biases=[[0.0, hidden_bias]]),
        [[0.75]],
        coding=Coding("sigma-delta", step_size=Polynomial(0.5), prediction=Polynomial(0.5)),
        phases=[Free(4), Nudged(2, [[0.0, 1.0]], 0.5)],
        precision=precision,  # type: ignore[arg-type]
        record=("bits", "potentials"),
    )


def checked(problem: Problem):
    """The reference compared with the emulator."""
    first, second = crosscheck(problem, [REFERENCE], threads=1)
    assert first.engine == "emulator" and first.comparison is None
    assert second.engine == "reference" and second.comparison is not None
    return second.comparison


# --- equal engines ------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_equal_engines_are_equal_in_every_bit(precision):
    found = checked(by_hand(precision))
    assert (found.bits, found.mismatches, found.largest) == (6 * 3, 0, 0.0)
    assert found.equal and found.first is None


def test_real_values_are_compared_as_potentials_alone():
    problem = replace(by_hand(), coding=Coding.real_valued())
    found = checked(problem)
    assert found.equal and found.bits == 0


# --- wrong engines ------------------------------------------------------------------------


def in_turn(state, fixed, target, beta, row):
    """A wrong order: each layer reads what the layer below has just sent."""
    problem, layers = fixed.problem, state.layers
    state.t += 1
    lam = fixed.unit.lam[state.t - 1]
    for index, layer in enumerate(layers):
        s_previous = layer.s
        if index == 0:
            layer.s = problem.x
        else:
            heard = reference.receive(layers, fixed.matrices, problem.network, index)
            layer.r = ep.decode(layer.r, heard, lam)
            p = ep.drive(
                layer.s,
                layer.r + fixed.offsets[index - 1],
                target if index == len(layers) - 1 else None,
                beta,
            )
            layer.s = ep.step(layer.s, p, fixed.unit.eps[state.t - 1])
        ep.encode(layer, (layer.s - (1 - lam) * s_previous) / lam, "sigma-delta", None)


def test_layers_that_update_in_turn_are_caught_at_the_first_step(monkeypatch):
    monkeypatch.setattr(reference, "time_step", in_turn)
    found = checked(by_hand())
    # The input fires at t = 1: its 1/2 reaches unit 1 a step too early, as 1/4 behind the
    # decoder, so s = (1/4 + 1/4) / 2 instead of 1/8.
    first = found.first
    assert (first.what, first.phase, first.t, first.row) == ("potential", 0, 1, 0)
    assert (first.layer, first.unit, first.sample) == (1, 1, 0)
    assert (first.found, first.expected) == (0.25, 0.125)
    assert not found.equal and found.largest >= 0.125
    text = "phase 0, step t = 1, layer 1, unit 1, sample 0: potential is 0.25; expected 0.125"
    assert str(first) == text


def test_an_open_interval_of_the_derivative_is_caught(monkeypatch):
    def open_drive(s, v, target, beta):
        p = np.where((s > 0) & (s < 1), v, 0.0)
        return p if target is None else p + 2.0 * beta * (target - s)

    monkeypatch.setattr(ep, "drive", open_drive)
    # No bias: unit 1 first moves at t = 2, by the input's spike. Stuck at 0 it does not.
    first = checked(by_hand(hidden_bias=0.0)).first
    assert (first.what, first.t, first.layer, first.unit) == ("potential", 2, 1, 1)
    assert (first.found, first.expected) == (0.0, 0.125)


def test_a_reset_between_phases_is_caught(monkeypatch):
    right = reference.time_step

    def forgetful(state, fixed, target, beta, row):
        if row == fixed.problem.phases[0].steps:
            for layer in state.layers:
                layer.phi = np.zeros_like(layer.phi)
        right(state, fixed, target, beta, row)

    monkeypatch.setattr(reference, "time_step", forgetful)
    found = checked(by_hand())
    # At t = 5 the input's residue is -1/4 + 3/4 = 1/2, no spike; from 0 it would be 3/4.
    first = found.first
    assert (first.what, first.phase, first.t, first.row) == ("bit", 1, 5, 4)
    assert (first.layer, first.unit, first.found, first.expected) == (0, 0, 1.0, 0.0)
    assert found.mismatches >= 1


def test_a_wrong_integer_rounding_of_a_chip_is_caught(monkeypatch):
    monkeypatch.setattr(ep_fixed, "rescale", lambda product, bits: product >> bits)
    # A bias of one last bit, halved by the step size: 1/2 rounds up.
    first = checked(by_hand("chip", hidden_bias=2.0**-12)).first
    assert (first.what, first.t, first.layer, first.unit) == ("potential", 1, 1, 1)
    assert (first.found, first.expected) == (0.0, 2.0**-12)


def test_a_step_is_numbered_as_its_phase_counts_it():
    problem = by_hand()
    target = problem.targets[1]
    phases = (Free(3), Nudged(2, target, 0.5), Nudged(2, target, -0.5, from_free=True))
    problem = replace(problem, phases=phases, targets=(None, target, target))
    expected = engine.solve(problem, threads=1)
    found = engine.solve(problem, threads=1)
    found.potentials[1][6, 0, 0] += 0.5  # the last step of the third phase: t = 5 again
    first = compare(problem, found, expected).first
    assert (first.phase, first.t, first.row, first.unit) == (2, 5, 6, 0)


def test_nan_is_no_small_difference():
    problem = by_hand()
    expected, found = engine.solve(problem, threads=1), engine.solve(problem, threads=1)
    found.potentials[1][2, 0, 1] = np.nan
    comparison = compare(problem, found, expected, tolerance=1.0)
    assert comparison.largest == np.inf
    assert (comparison.first.row, comparison.first.unit) == (2, 1)


def test_a_tolerance_spares_potentials_but_never_bits():
    problem = by_hand()
    expected, found = engine.solve(problem, threads=1), engine.solve(problem, threads=1)
    found.potentials[1][:, 0, 1] += 1e-13
    assert compare(problem, found, expected, tolerance=1e-12).equal
    assert not compare(problem, found, expected, tolerance=0.0).equal
    found.bits[1][5, 0, 0] ^= 1
    comparison = compare(problem, found, expected, tolerance=1e-12)
    assert comparison.mismatches == 1
    assert (comparison.first.what, comparison.first.row) == ("bit", 5)


def test_ends_and_counts_are_compared_as_well():
    problem = by_hand()
    expected, found = engine.solve(problem, threads=1), engine.solve(problem, threads=1)
    found.activity.synaptic_events[1, 0, 0] += 1
    first = compare(problem, found, expected).first
    assert (first.what, first.phase, first.layer) == ("synaptic_events", 1, 0)
    assert first.found == first.expected + 1
    found.ends[1][1][0, 1] += 0.25
    first = compare(problem, found, expected).first
    assert (first.what, first.phase, first.unit) == ("end potential", 1, 1)


# --- which engines ------------------------------------------------------------------------


def test_engines_are_chosen_by_name_and_precision():
    assert [one.name for one in choose(None, None)] == ["reference", "brian2", "lava"]
    assert [one.name for one in choose(None, "chip")] == ["reference", "lava"]
    assert [one.name for one in choose(["lava", "reference"], None)] == ["reference", "lava"]
    with pytest.raises(InputError, match="unknown engine 'nest'"):
        choose(["nest"], None)
    with pytest.raises(
        InputError, match="backend 'brian2' has no precision 'chip'; expected 'float64'"
    ):
        choose(["brian2"], "chip")


@pytest.mark.parametrize("cause", [None, ImportError("no module")], ids=["plain", "import"])
def test_an_engine_that_cannot_run_is_a_refusal_and_the_others_go_on(monkeypatch, cause):
    def refuse(problem):
        raise InputError("absent is not installed") from cause

    absent = ModuleType("absent_engine")
    absent.solve = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "absent_engine", absent)
    engines = [Backend("absent", "absent_engine", {"float64": 0.0}), REFERENCE]
    found = list(crosscheck(by_hand(), engines, threads=1))
    assert [one.refusal for one in found] == [None, "absent is not installed", None]
    assert found[1].comparison is None and found[2].comparison.equal


# --- a run directory ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("crosscheck") / "run"
    run = RunDirectory.create(path, small_config(dataset=FEW), "eqchip train")
    fit(run, few_digits(name=FEW), threads=1)
    return path


def reference_only(monkeypatch) -> None:
    monkeypatch.setattr(module, "engines", lambda: [REFERENCE])


def test_the_samples_of_a_run_go_through_the_phases_of_its_training():
    config, data = small_config(descent={"input_dropout": 0.25}), few_digits()
    problem = pose_run(config, config.network(), data, samples=3, precision="chip", free_steps=4)
    assert [phase.steps for phase in problem.phases] == [4, 3, 3]
    assert [getattr(phase, "beta", None) for phase in problem.phases] == [None, 0.5, -0.5]
    np.testing.assert_array_equal(problem.x, data.test_x[:3] * np.float32(0.75))
    np.testing.assert_array_equal(problem.targets[1].argmax(1), data.test_y[:3])
    with pytest.raises(InputError, match="at most the 40 of the test set"):
        pose_run(config, config.network(), data, samples=41, precision="chip")


def test_the_command_counts_bits_and_finds_none_that_differs(trained, monkeypatch, capsys):
    reference_only(monkeypatch)
    assert main(["crosscheck", str(trained), "--samples", "2", "--json"]) == 0
    out = capsys.readouterr().out
    document = json.loads(out)
    assert document["equal"] and document["format"] == "eqchip-crosscheck 1"
    rows = [(one["engine"], one["precision"]) for one in document["engines"]]
    assert rows == [(name, p) for p in ("float64", "chip") for name in ("emulator", "reference")]
    for one in document["engines"][1::2]:
        assert one["bits"] == 2 * (6 + 3 + 3) * (64 + 7 + 10)
        assert one["mismatches"] == 0 and one["largest_difference"] == 0.0
    assert main(["crosscheck", str(trained), "--samples", "2", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert "1,944" in out and "reference" in out and "differs" not in out
    assert err == ""


def test_the_command_shows_where_a_wrong_engine_differs_and_exits_with_1(
    trained, monkeypatch, capsys
):
    reference_only(monkeypatch)
    right = ep.step
    monkeypatch.setattr(ep, "step", lambda s, p, eps: np.clip(right(s, p, eps), 0.1, 1))
    status = main(["crosscheck", str(trained), "--samples", "2", "--precision", "float64"])
    out, _ = capsys.readouterr()
    assert status == 1
    line = next(line for line in out.splitlines() if "differs first" in line)
    assert line.startswith("reference, float64, differs first in phase 0, step t = 1, layer 1, ")
    assert "potential is 0.1; expected " in line
    assert main(["crosscheck", str(trained), "--samples", "2", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["equal"]
    first = document["engines"][1]["first_difference"]
    assert (first["t"], first["layer"], first["found"]) == (1, 1, 0.1)


def test_an_engine_asked_for_by_name_must_run(trained, monkeypatch, capsys):
    def refuse(problem):
        raise InputError("absent is not installed: pip install absent")

    absent = ModuleType("absent_engine")
    absent.solve = refuse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "absent_engine", absent)
    engines = [REFERENCE, Backend("absent", "absent_engine", {"float64": 0.0})]
    monkeypatch.setattr(module, "engines", lambda: engines)
    asked = ["crosscheck", str(trained), "--samples", "1", "--precision", "float64"]
    assert main(asked) == 0
    out, err = capsys.readouterr()
    assert "reference" in out
    assert err.splitlines() == [
        "absent, float64, left out: absent is not installed: pip install absent"
    ]
    assert main([*asked, "--against", "reference,absent"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "eqchip: error: absent is not installed: pip install absent\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--against", "nest"], ["unknown engine 'nest'", "reference, brian2, lava"]),
        (["--against", "brian2", "--precision", "chip"], ["brian2", "'chip'", "float64"]),
        (["--samples", "0"], ["samples is 0", "at least 1"]),
        (["--samples", "100000"], ["samples is 100000", "test set"]),
        (["--free-steps", "0"], ["--free-steps is 0"]),
    ],
    ids=["name", "precision", "samples", "many samples", "steps"],
)
def test_a_question_that_cannot_be_is_refused_in_one_line(trained, arguments, words, capsys):
    assert main(["crosscheck", str(trained), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("eqchip: error: ")
    assert all(word in line for word in words), line


def test_a_coding_that_no_chip_computes_is_checked_in_floats(tmp_path, monkeypatch, capsys):
    reference_only(monkeypatch)
    coding = Coding(step_size=OptimalStepSize(0.1))
    run = RunDirectory.create(tmp_path / "run", small_config(coding=coding), "eqchip train")
    run.save_network(run.config.network())
    assert main(["crosscheck", str(run.path), "--samples", "1"]) == 0
    out, err = capsys.readouterr()
    assert "float64" in out and "│ chip" not in out
    assert err.startswith("precision 'chip' left out: ") and len(err.splitlines()) == 1
    assert main(["crosscheck", str(run.path), "--samples", "1", "--precision", "chip"]) == 2


def test_an_engine_that_breaks_down_is_not_passed_over(monkeypatch):
    def break_down(problem):
        raise InputError("it hangs") from RuntimeError("its whole output")

    broken = ModuleType("broken_engine")
    broken.solve = break_down  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "broken_engine", broken)
    with pytest.raises(InputError, match="it hangs"):
        list(crosscheck(by_hand(), [Backend("broken", "broken_engine", {"float64": 0.0})]))


def test_export_to_lava_writes_the_problem_that_is_cross_checked(trained, tmp_path, capsys):
    target = tmp_path / "lava"
    asked = [
        "export",
        str(trained),
        "--to",
        "lava",
        "--out",
        str(target),
        "--samples",
        "2",
        "--json",
    ]
    assert main(asked) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["to"], document["out"]) == ("lava", str(target))
    sizes = {str(path): path.stat().st_size for path in target.rglob("*") if path.is_file()}
    assert document["files"] == sizes and any(name.endswith("run.py") for name in sizes)
    assert main(asked) == 2  # what is there is not written over
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("eqchip: error: ") and str(target) in err
    assert len(err.splitlines()) == 1


# --- the fuzzer ---------------------------------------------------------------------------

# Other simulators take their time: so many examples for each hundred of the profile's.
BRIAN2_EXAMPLES = max(settings.default.max_examples // 20, 5)
LAVA_EXAMPLES = max(settings.default.max_examples // 50, 2)


@pytest.fixture(scope="module")
def brian2() -> Backend:
    need("brian2", "pip install 'eqchip[brian2]'")
    return BACKENDS["brian2"]


@pytest.fixture(scope="module")
def lava() -> Backend:
    need("lava", "pip install 'eqchip[lava]', Python 3.10 only")
    return BACKENDS["lava"]


def assert_no_difference(problem: Problem, other: Backend) -> None:
    """Equal bits, potentials, ends and counts; a problem that the engine refuses is not one."""
    found = list(crosscheck(problem, [other], threads=1))
    if found[1].refusal is not None:
        reject()
    assert found[1].comparison.equal, found[1].comparison.first


@pytest.mark.parametrize("precision", ["float64", "chip"])
@settings(deadline=None)
@given(data=st.data())
def test_no_drawn_problem_tells_the_reference_from_the_emulator(precision, data):
    problem = data.draw(strategies.problems(precision=precision, max_width=8, max_steps=5))
    assert_no_difference(problem, REFERENCE)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Brian2's own, of its parser
@settings(deadline=None, max_examples=BRIAN2_EXAMPLES)
@given(data=st.data())
def test_no_drawn_problem_tells_brian2_from_the_emulator(brian2, data):
    problem = data.draw(strategies.problems(precision="float64", max_width=6, max_steps=4))
    assert_no_difference(problem, brian2)


@pytest.mark.peer
@pytest.mark.parametrize("precision", ["float64", "chip"])
@settings(deadline=None, max_examples=LAVA_EXAMPLES)
@given(data=st.data())
def test_no_drawn_problem_tells_lava_from_the_emulator(lava, precision, data):
    problem = data.draw(strategies.problems(precision=precision, max_width=6, max_steps=4))
    assert_no_difference(problem, lava)


CONVOLUTIONAL = ("8x8", "2c3p2", 10)


@pytest.fixture(scope="module")
def convolutional(tmp_path_factory):
    """A run directory of a convolution, an average, and 10 outputs."""
    path = tmp_path_factory.mktemp("crosscheck") / "convolutional"
    config = small_config(
        dataset=FEW, layers=CONVOLUTIONAL, descent={"lr": (0.2, 0.1), "epochs": 1}
    )
    fit(RunDirectory.create(path, config, "eqchip train"), few_digits(name=FEW), threads=1)
    return path


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_trained_convolution_is_equal_on_every_engine(convolutional, brian2, lava, capsys):
    assert main(["crosscheck", str(convolutional), "--samples", "2", "--json"]) == 0
    compared = [
        one for one in json.loads(capsys.readouterr().out)["engines"] if "equal" in one
    ]  # fmt: skip
    assert len(compared) == 5
    for one in compared:
        assert one["bits"] == 2 * (6 + 3 + 3) * (64 + 3 * 3 * 2 + 10)
        assert one["mismatches"] == 0 and one["equal"]


@pytest.mark.peer
def test_maximum_pooling_leaves_out_all_but_the_reference(brian2, lava):
    net = Network.chain([Conv2d((6, 6, 1), 2, kernel=3, pool=MaxPool2d(2)), Dense(8, 3)])
    problem = pose(
        net, np.linspace(0, 1, 36)[None], coding=Coding(), phases=[Free(4)],
        precision="float64", record=("bits", "potentials"),
    )  # fmt: skip
    found = {one.engine: one for one in crosscheck(problem, threads=1)}
    assert found["reference"].comparison.equal
    for name in ("brian2", "lava"):
        assert "connection 1 (6x6x1 -> 2 of 3x3) has MaxPool2d" in found[name].refusal
        assert "\n" not in found[name].refusal


@pytest.mark.parametrize("to", ["lava", pytest.param("nir", marks=pytest.mark.peer)])
def test_a_convolution_is_exported(convolutional, to, tmp_path, capsys):
    if to == "nir":
        need("nir", "pip install 'eqchip[nir]'")
    target = tmp_path / "out"
    assert main(["export", str(convolutional), "--to", to, "--out", str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["files"]
    if to == "lava":
        text = (target / "README.md").read_text()
        assert "conv_1: 64x18, matrix of Conv2d 8x8x1 -> 2 of 3x3, mean of 2x2" in text


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_command_compares_a_run_with_every_engine(trained, brian2, lava, capsys):
    assert main(["crosscheck", str(trained), "--samples", "2", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    compared = [(one["engine"], one["precision"]) for one in document["engines"] if "equal" in one]
    assert compared == [
        ("reference", "float64"),
        ("brian2", "float64"),
        ("lava", "float64"),
        ("reference", "chip"),
        ("lava", "chip"),
    ]
    assert all(one.get("mismatches", 0) == 0 for one in document["engines"])


# --- the benchmark ------------------------------------------------------------------------


@pytest.fixture
def benchmark(monkeypatch) -> ModuleType:
    """benchmarks/crosscheck.py, on the reference alone."""
    path = Path(__file__).parents[2] / "benchmarks" / "crosscheck.py"
    spec = spec_from_file_location("benchmark_crosscheck", path)
    loaded = module_from_spec(spec)
    spec.loader.exec_module(loaded)
    monkeypatch.setattr(loaded, "engines", lambda: [REFERENCE])
    return loaded


def test_the_benchmark_counts_every_bit_of_its_networks(benchmark):
    document = benchmark.study(networks=4, lava_every=1, seed=3)
    assert document["different"] == 0 and document["differences"] == []
    for row in document["engines"]:
        assert row["networks"] == 4 and row["left_out"] == {}
        if row["engine"] == "emulator":
            continue
        bits = 0
        for number in range(4):
            problem = benchmark.draw(3, row["precision"], number)
            one_step = len(problem.x) * sum(problem.network.sizes)
            bits += problem.steps * one_step * (problem.coding.quantizer != "none")
        assert row["bits"] == bits > 0
    json.dumps(document, allow_nan=False)


def test_the_benchmark_says_which_of_its_networks_differ(benchmark, monkeypatch):
    monkeypatch.setattr(ep, "step", lambda s, p, eps: np.clip(s + eps * p, 0, 1))
    document = benchmark.study(networks=4, lava_every=1, seed=3)
    assert document["different"] > 0
    first = document["differences"][0]
    assert first["precision"] == "float64" and first["engine"] == "reference"
    found = list(crosscheck(benchmark.draw(3, "float64", first["number"]), [REFERENCE], threads=1))
    assert str(found[1].comparison.first) == first["first"]


def test_the_seconds_of_an_engine_are_without_compiling():
    def solve(backend, threads):
        compiling.compiling_begins("")
        time.sleep(0.5)
        compiling.compiling_ends()

    (ours,) = check_engines("float64", solve, lambda *_: pytest.fail("alone"), [], None)
    assert ours.seconds < 0.25
