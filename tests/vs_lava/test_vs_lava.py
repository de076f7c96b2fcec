"""The network on Lava gives the bits, potentials and counts of the reference."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import hand_cases
import numpy as np
import pytest
import strategies

from eqchip.backends.lava import solve as backend
from eqchip.backends.lava import watch
from eqchip.backends.lava.export import export_lava
from eqchip.backends.reference import floating as reference
from eqchip.emulator.activity import Activity
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.mapping.processes.graph import process_inputs

pytestmark = [pytest.mark.peer, pytest.mark.usefixtures("lava")]

SEED = 20240718
DRAWN = {"chip": 8, "float64": 8}
LIMIT = 60.0
TOLERANCE = 1e-12
# One case of every kind of claim; those with real-valued messages, an adapted prediction or a
# maximum are refused.
HAND_CASES = [
    case
    for case in hand_cases.CASES
    if case.coding.quantizer != "none"
    and not case.coding.adapts_prediction
    and not any(isinstance(getattr(c, "pool", None), MaxPool2d) for c in case.connections or ())
]


def drawn_problem(rng: np.random.Generator, precision: str) -> Problem:
    """A problem of 3 to 5 layers that Lava computes."""
    while True:
        problem = strategies.draw_problem(rng, precision=precision, max_width=12, max_steps=8)
        if problem.coding.quantizer != "none" and len(problem.network.sizes) >= 3:
            return problem


def assert_agree(got: Run, expected: Run, tolerance: float) -> None:
    assert got.bits is not None and expected.bits is not None
    assert got.potentials is not None and expected.potentials is not None
    for layer, (one, other) in enumerate(zip(got.bits, expected.bits, strict=True)):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other, err_msg=f"bits of layer {layer}")
    states = [(got.potentials, expected.potentials), *zip(got.ends, expected.ends, strict=True)]
    for ours, theirs in states:
        for layer, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            np.testing.assert_allclose(
                one, other, rtol=0, atol=tolerance, err_msg=f"potentials of layer {layer}"
            )
    for f in fields(Activity):
        one, other = getattr(got.activity, f.name), getattr(expected.activity, f.name)
        np.testing.assert_array_equal(one, other, err_msg=f.name)
    np.testing.assert_array_equal(got.saturations, expected.saturations)
    assert (got.part_spikes is None) == (expected.part_spikes is None)
    if got.part_spikes is not None:
        np.testing.assert_array_equal(got.part_spikes, expected.part_spikes)


@pytest.mark.parametrize("precision", ["chip", "float64"])
def test_drawn_networks_of_any_depth_agree(precision):
    rng = np.random.default_rng(SEED)
    for case in range(DRAWN[precision]):
        problem = drawn_problem(rng, precision)
        tolerance = 0.0 if precision == "chip" else TOLERANCE
        try:
            assert_agree(backend.solve(problem, limit=LIMIT), engine.solve(problem), tolerance)
        except AssertionError as error:
            raise AssertionError(f"problem {case} of seed {SEED}: {problem}") from error


@pytest.mark.parametrize("case", HAND_CASES, ids=lambda case: case.name)
def test_lava_gives_the_numbers_worked_out_by_hand(case):
    case.check(backend.solve(case.problem("float64"), limit=LIMIT), "float64")


X = np.random.default_rng(SEED).random((3, 9))


def full_problem(x=X[:2], **changes) -> Problem:
    """Three connections, symmetric nudging and a split stream."""
    net = Network.dense([9, 8, 7, 3], seed=1)
    y = np.eye(3)[:2]
    asked = {
        "coding": Coding("sigma-delta", Polynomial(0.8, 0.3), Polynomial(0.83, 0.58)),
        "phases": [
            Free(12),
            Nudged(6, y, beta=0.5, from_free=True),
            Nudged(6, y, beta=-0.5, from_free=True),
            Free(6, from_free=True),
        ],
        "precision": "chip",
        "record": ("bits", "potentials"),
    }
    return pose(net, x, **(asked | changes))


CODINGS = {
    "bernoulli": Coding("bernoulli", Polynomial(0.5), None),
    "predictive": Coding("sigma-delta", Polynomial(0.8, 0.3), Polynomial(0.83, 0.58)),
    "predictive bernoulli": Coding("bernoulli", Polynomial(0.5, 0.1), Polynomial(0.9, 0.2)),
    "optimal step size": Coding("sigma-delta", OptimalStepSize(0.0346, 1e-3), Polynomial(0.8)),
}


@pytest.mark.parametrize("name", CODINGS)
def test_every_coding_agrees_through_phases_that_start_again(name):
    adaptive = isinstance(CODINGS[name].step_size, OptimalStepSize)
    precision = "float64" if adaptive else "chip"
    problem = full_problem(coding=CODINGS[name], precision=precision)
    assert sum(int(q.sum()) for q in engine.solve(problem).bits) > 0
    tolerance = TOLERANCE if adaptive else 0.0
    assert_agree(backend.solve(problem, limit=LIMIT), engine.solve(problem), tolerance)


def test_stock_dense_processes_of_lava_agree_in_integers_and_in_float64():
    phases = [Free(15), Nudged(6, np.eye(3)[:2], beta=0.5)]
    for precision, tolerance in (("chip", 0.0), ("float64", TOLERANCE)):
        problem = full_problem(phases=phases, precision=precision)
        got = backend.solve(problem, limit=LIMIT, stock_dense=True)
        assert_agree(got, engine.solve(problem), tolerance)


def convolutional_problem(**changes) -> Problem:
    """6x6 places through two convolutions, of which the first averages, to 3 outputs."""
    first = Conv2d((6, 6, 1), 2, kernel=3, pool=AvgPool2d(2))
    net = Network.chain([first, Conv2d((2, 2, 2), 3, 2, padding=1), Dense(27, 3)], seed=1)
    x = np.random.default_rng(SEED).random((2, 36))
    phases = [Free(15), Nudged(6, np.eye(3)[:2], beta=0.5)]
    if not changes.pop("stock", False):
        phases.append(Nudged(6, np.eye(3)[:2], beta=-0.5, from_free=True))
    asked = {
        "coding": Coding(),
        "phases": phases,
        "precision": "chip",
        "record": ("bits", "potentials"),
    }
    return pose(net, x, **(asked | changes))


@pytest.mark.parametrize("precision", ["chip", "float64"])
@pytest.mark.parametrize("changes", [{}, {"input": "current"}, {"stock": True}], ids=str)
def test_convolutions_agree_and_count_the_synapses_that_exist(precision, changes):
    problem = convolutional_problem(precision=precision, **changes)
    expected = engine.solve(problem)
    assert expected.activity.synaptic_events[:, 1:].all()
    tolerance = 0.0 if precision == "chip" else TOLERANCE
    stock = changes.get("stock", False)
    assert_agree(backend.solve(problem, limit=LIMIT, stock_dense=stock), expected, tolerance)


# --- learning inside Lava -----------------------------------------------------------------


RULES = {
    "one_sided": [Free(12), Nudged(6, np.eye(3), beta=0.5)],
    "bidirectional": [Free(12), Nudged(6, np.eye(3), beta=-0.5)],
    "full": [Free(12), Nudged(6, np.eye(3), beta=0.5), Free(6, from_free=True)],
    "symmetric": [
        Free(12),
        Nudged(6, np.eye(3), beta=0.5, from_free=True),
        Nudged(6, np.eye(3), beta=-0.5, from_free=True),
    ],
}


@pytest.mark.parametrize("rule", RULES)
def test_weights_learned_inside_lava_are_those_of_the_emulator(rule):
    phases = RULES[rule]
    beta, rates = phases[1].beta, [0.3, 0.2, 0.1]
    problem = full_problem(precision="float64", phases=phases, x=X[:3])
    run, learned = backend.train(problem, beta=beta, lr=rates, rule=rule, limit=LIMIT)

    net = problem.network
    for k in range(len(problem.x)):
        one = replace(strategies.single_sample(problem, k), network=net)
        expected = engine.solve(one)
        for got, bits in zip(run.bits, expected.bits, strict=True):
            np.testing.assert_array_equal(got[:, k], bits[:, 0], err_msg=f"sample {k}")
        change = contrast(net, expected, beta=beta, lr=rates, rule=rule)
        net = replace(
            net,
            weights=tuple(w + d for w, d in zip(net.weights, change.weights, strict=True)),
            biases=tuple(b + d for b, d in zip(net.biases, change.biases, strict=True)),
        )
    for name in ("weights", "biases"):
        values = zip(getattr(learned, name), getattr(net, name), strict=True)
        for k, (got, wanted) in enumerate(values):
            before = getattr(problem.network, name)[k]
            assert np.abs(wanted - before).max() > 1e-3, "nothing to learn"
            np.testing.assert_allclose(got, wanted, rtol=0, atol=TOLERANCE)


# --- a comparison that cannot fail proves nothing -----------------------------------------


BREAKS = {
    "a layer that forgets to restore": ("ep_layer.py", 'if self.tables["restore"][row]:', "if 0:"),
    "bits that arrive in the next sample": ("ep_layer.py", "u = np.zeros_like(u)", "pass"),
    "sums that were not restored": ("sym_dense.py", 'if self.tables["restore"][row]:', "if 0:"),
    "a threshold that is not strict": ("ep_layer.py", "phi > self.one", "phi >= self.one"),
    "rounding down": ("ep_layer.py", "(product + (1 << (self.gain_bits - 1)))", "product"),
}  # fmt: skip


def exported_run(problem: Problem, folder: Path, python: str = sys.executable) -> list[dict]:
    """The arrays of every layer from an exported network's run script, the input first."""
    done = subprocess.run(
        [python, str(folder / "run.py"), "--results", str(folder / "out"), "--limit", str(LIMIT)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = []
    for layer in range(len(problem.network.sizes)):
        with np.load(folder / "out" / f"layer_{layer}.npz", allow_pickle=False) as file:
            found.append({name: file[name] for name in file.files})
    return found


def same_as(expected: Run, found: list[dict], one: int) -> bool:
    assert expected.bits is not None and expected.potentials is not None
    return all(
        np.array_equal(got["bits"], q) and np.array_equal(got["potentials"] / one, s)
        for got, q, s in zip(found, expected.bits, expected.potentials, strict=True)
    )


@pytest.mark.parametrize("name", BREAKS)
def test_a_model_broken_on_purpose_is_caught(name, tmp_path):
    module, old, new = BREAKS[name]
    # constant coefficients that are powers of 2, and weights likewise: ties happen
    net = Network.dense([2, 2, 1], weights=[[[1, 0.5], [0.25, 1]], [[1], [-0.5]]])
    coding = Coding("sigma-delta", Polynomial(0.3), None)
    y = [[1.0], [0.0]]
    problem = pose(
        net, [[0.5, 0.75], [0.25, 1.0]], coding=coding,
        phases=[Free(9), Nudged(5, y, beta=0.5), Free(6, from_free=True)],
        precision="chip", record=("bits", "potentials"),
    )  # fmt: skip
    export_lava(problem, tmp_path)
    path = tmp_path / "ep_network" / "processes" / module
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))
    found = exported_run(problem, tmp_path)
    assert not same_as(reference.solve(problem), found, problem.fixed.one)


# --- failures -----------------------------------------------------------------------------


def children_of(folder: str) -> list[str]:
    """The command lines of running processes that name a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return [line for line in found if folder in line]


def broken_export(tmp_path: Path, old: str, new: str) -> list[str]:
    """The command that runs an exported network whose EPLayer was changed."""
    export_lava(full_problem(), tmp_path)
    path = tmp_path / "ep_network" / "processes" / "ep_layer.py"
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))
    results = tmp_path / "out"
    results.mkdir()
    arguments = [str(tmp_path), str(tmp_path / "inputs.npz"), str(results)]
    return [sys.executable, "-m", "ep_network.builder", *arguments]


RAISES = 'if self.name == "layer_2" and self.time_step == 5: raise ValueError("on purpose")'


def test_a_process_that_raises_gives_one_line_at_once_and_leaves_no_process(tmp_path):
    receive = "u = self.a_in.recv()"
    command = broken_export(tmp_path, receive, f"{RAISES}\n        {receive}")
    start = time.monotonic()
    with pytest.raises(watch.CommandFailed) as caught:
        watch.run(command, limit=LIMIT, folder=tmp_path, log=tmp_path / "log.txt")
    assert time.monotonic() - start < LIMIT / 2
    line = str(caught.value)
    assert "\n" not in line
    assert "layer_2, step 5; ValueError: on purpose" in line
    assert "Traceback" in caught.value.output
    assert not children_of(str(tmp_path))


def test_a_process_that_hangs_is_ended_at_the_limit_and_leaves_no_process(tmp_path):
    command = broken_export(tmp_path, "self.q_out.send(self.q)", "pass")
    with pytest.raises(watch.CommandFailed, match="not done within 4 s"):
        watch.run(command, limit=4.0, folder=tmp_path, log=tmp_path / "log.txt")
    assert not children_of(str(tmp_path))


def test_a_model_that_cannot_be_built_gives_one_line(tmp_path):
    old = 'self.gain_bits = widths["coefficient_bits"]'
    command = broken_export(tmp_path, old, 'self.gain_bits = widths["no such"]')
    with pytest.raises(watch.CommandFailed, match="KeyError: 'no such'") as caught:
        watch.run(command, limit=LIMIT, folder=tmp_path, log=tmp_path / "log.txt")
    assert "\n" not in str(caught.value)
    assert not children_of(str(tmp_path))


def test_solve_turns_a_failure_into_an_input_error_of_one_line(monkeypatch):
    inputs = process_inputs(full_problem())
    wrong = replace(inputs, x=inputs.x[:, :-1])  # layer 0 then sends bits of the wrong shape
    monkeypatch.setattr(backend, "process_inputs", lambda problem: wrong)
    with pytest.raises(InputError, match=r"backend 'lava': .*") as caught:
        backend.solve(full_problem(), limit=LIMIT)
    assert "\n" not in str(caught.value)
    assert "Traceback" in str(caught.value.__cause__)


# --- the export ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sigma-delta", "bernoulli", "current"])
def test_an_exported_network_runs_without_eqchip_and_gives_the_same_bits(
    kind, tmp_path, python_without_eqchip
):
    changes = {"coding": CODINGS["predictive bernoulli"]} if kind == "bernoulli" else {}
    if kind == "current":
        changes = {"input": "current"}
    problem = full_problem(**changes)
    expected = engine.solve(problem)
    export_lava(problem, tmp_path)
    done = subprocess.run(
        [python_without_eqchip, "run.py", "--results", "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for layer in range(1 if kind == "current" else 0, 4):
        with np.load(tmp_path / "out" / f"layer_{layer}.npz", allow_pickle=False) as file:
            np.testing.assert_array_equal(file["bits"], expected.bits[layer])
            np.testing.assert_array_equal(file["potentials"] / 4096, expected.potentials[layer])


def test_an_exported_network_that_learns_gives_the_same_weights(tmp_path, python_without_eqchip):
    problem = full_problem(precision="float64")
    asked = {"beta": 0.5, "lr": 0.3, "rule": "symmetric"}
    _, learned = backend.train(problem, limit=LIMIT, **asked)
    export_lava(problem, tmp_path, learning=asked)
    exported_run(problem, tmp_path, python_without_eqchip)
    for k, weights in enumerate(learned.weights, 1):
        with np.load(tmp_path / "out" / f"dense_{k}.npz", allow_pickle=False) as file:
            np.testing.assert_array_equal(file["weights"], weights)


def test_the_script_of_an_exported_readme_runs(tmp_path):
    export_lava(full_problem(), tmp_path)
    code = (tmp_path / "README.md").read_text().split("```python\n")[1].split("```")[0]
    path = tmp_path / "mine.py"
    path.write_text(code + "    print(len(built.processes), built.steps)\n")
    # watched, as a Lava that fails would hang
    watch.run([sys.executable, str(path)], limit=LIMIT, folder=tmp_path, log=tmp_path / "log.txt")
    assert "7 60" in (tmp_path / "log.txt").read_text()  # 4 layers and 3 connections
