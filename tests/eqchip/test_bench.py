"""The benchmark measures what it says: its yardsticks compute, its ratios are of one run."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import strategies
from flags import replaced
from tiny_bench import OF_A_RUN, TINY, UNTRAINED, tiny

from eqchip.__main__ import main
from eqchip.backends.dense import solve as dense
from eqchip.backends.reference import floating as reference
from eqchip.bench import contest, setting
from eqchip.bench import engine as benchmark
from eqchip.bench import training as trainingcost
from eqchip.commands.bench import MODES
from eqchip.commands.bench.shown import busy, got
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import limit
from eqchip.emulator.kernels.lowered import aligned_zeros, weight_rows
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Silent

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
CODINGS = [
    Coding(),
    Coding("sigma-delta", prediction=None),
    Coding("sigma-delta", Polynomial(0.843, 0.0923), Polynomial(0.832, 0.584)),
    Coding("sigma-delta", OptimalStepSize(0.0346)),
    Coding("bernoulli"),
    Coding("bernoulli", OptimalStepSize(0.0346, 1e-3), None),
]
SETTING = setting.Setting((30, 20, 5), 6, 4, samples=7, batches=(3, 7), threads=2, rounds=2)


def dyadic_problem(coding: Coding, precision: str, current: bool) -> Problem:
    """Weights that are multiples of 1/64: every sum of them is exact in any order."""
    rng = np.random.default_rng(5)
    sizes = [20, 15, 9, 4]
    grid = [rng.integers(-32, 33, (a, b)) / 64 for a, b in zip(sizes, sizes[1:], strict=False)]
    biases = [rng.integers(-16, 17, n) / 64 for n in sizes[1:]]
    x = rng.integers(0, 5, (6, 20)) / 4
    target = rng.integers(0, 2, (6, 4)).astype(float)
    return pose(
        Network.dense(sizes, weights=grid, biases=biases),
        x,
        coding=coding,
        phases=[
            Free(12),
            Nudged(5, target, 0.5, from_free=True),
            Nudged(5, target, -0.5, from_free=True),
            Free(3),
        ],
        input="current" if current else "spikes",
        precision=precision,  # type: ignore[arg-type]
        record=("bits", "potentials"),
    )


def differences(problem: Problem) -> tuple[float, bool, bool]:
    """Dense against engine: the largest of potentials; whether bits, and counts, are equal."""
    ours, theirs = engine.solve(problem), dense.solve(problem)
    assert ours.bits is not None and theirs.bits is not None
    assert ours.potentials is not None and theirs.potentials is not None
    pairs = list(zip(ours.potentials, theirs.potentials, strict=True))
    for mine, other in zip(ours.ends, theirs.ends, strict=True):
        pairs += zip(mine, other, strict=True)
    assert all(a.dtype == b.dtype and a.shape == b.shape for a, b in pairs)
    counts = theirs.activity.to_arrays()
    return (
        max(float(np.abs(a - b).max()) for a, b in pairs),
        all(np.array_equal(a, b) for a, b in zip(ours.bits, theirs.bits, strict=True)),
        all(np.array_equal(v, counts[name]) for name, v in ours.activity.to_arrays().items()),
    )


# --- the dense alternative


@pytest.mark.parametrize("current", [False, True], ids=["spikes", "current"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_dense_equals_the_engine_to_the_bit_where_sums_are_exact(coding, precision, current):
    assert differences(dyadic_problem(coding, precision, current)) == (0.0, True, True)


@pytest.mark.parametrize("coding", [Coding(), Coding.real_valued()], ids=str)
def test_dense_agrees_with_the_engine_within_rounding(coding):
    rng = np.random.default_rng(3)
    problem = pose(
        Network.dense([40, 30, 5], seed=2),
        rng.random((5, 40)),
        coding=coding,
        phases=[Free(20), Nudged(10, np.eye(5), 0.5)],
        precision="float64",
        record=("bits", "potentials"),
    )
    largest, bits_equal, counts_equal = differences(problem)
    assert largest < 1e-12
    assert bits_equal and counts_equal


def test_dense_agrees_with_the_reference_on_drawn_problems():
    rng = np.random.default_rng(20190416)
    for case in range(60):
        precision = ("float64", "float32")[case % 2]
        problem = strategies.draw_problem(rng, precision=precision, dense=True)
        if problem.coding.quantizer != "none":  # bits may flip where a sum rounds otherwise
            exact = [np.round(64 * w) / 64 for w in problem.network.weights]
            biases = [np.round(64 * b) / 64 for b in problem.network.biases]
            network = Network.dense(problem.network.sizes, weights=exact, biases=biases)
            problem = replace(problem, network=network, input="spikes")
        expected, found = reference.solve(problem), dense.solve(problem)
        assert expected.bits is not None and found.bits is not None
        for a, b in zip(found.bits, expected.bits, strict=True):
            np.testing.assert_array_equal(a, b)
        for mine, other in zip(found.ends, expected.ends, strict=True):
            for a, b in zip(mine, other, strict=True):
                np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


def test_dense_without_counters_finds_the_same():
    problem = dyadic_problem(Coding(), "float32", False)
    counted, bare = dense.solve(problem), dense.solve(problem, counters=False)
    np.testing.assert_array_equal(counted.ends[-1][-1], bare.ends[-1][-1])
    assert counted.activity.spikes.sum() > 0
    assert bare.activity.spikes.sum() == 0


# --- the limits


@pytest.mark.parametrize("columns", [1, 16, 37, 512])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_plain_row_loop_adds_the_chosen_rows(dtype, columns):
    rng = np.random.default_rng(columns)
    weights = rng.integers(-99, 100, (20, columns + 3)).astype(dtype)
    rows = rng.integers(0, 20, 50).astype(np.int32)
    sums = np.ones(columns, dtype)
    limit.add_chosen_rows(sums, weights.ravel(), weights.shape[1], rows)
    np.testing.assert_array_equal(sums, 1 + weights[rows, :columns].sum(0))


def test_blocked_kernel_starts_every_list_from_0():
    lowered = lower(Network.dense([9, 33, 2], seed=1), np.dtype(np.float64))
    sums = aligned_zeros(int(lowered.offsets[-1]), np.dtype(np.float64))
    rows, bounds = np.array([0, 8, 3, 3], np.int32), np.array([0, 2, 2, 4])
    at = int(lowered.offsets[1])
    limit.add_listed_rows(sums, at, lowered.weights, 0, int(lowered.strides[0]), 33, rows, bounds)
    np.testing.assert_array_equal(sums[at : at + 33], 2 * weight_rows(lowered, 0)[3, :33])


def test_blocked_kernel_is_given_every_event_of_the_run():
    problem = setting.bench_problem(SETTING, setting.synthetic(7, 30, 0))
    lowered = lower(problem.network, problem.dtype)
    run = engine.solve(replace(problem, record=frozenset(("bits",))))
    assert run.bits is not None
    lists = benchmark._row_lists(lowered, problem, run.bits)
    assert sum(sent.events for sent in lists) == run.activity.synaptic_events.sum()
    assert all(len(sent.bounds) == 7 * (problem.steps - 1) + 1 for sent in lists)


# --- rounds


def test_ratios_are_taken_within_a_round():
    fast = contest.Timing("fast", 1, (1.0, 2.0, 4.0), (1.0, 1.0, 1.0))
    slow = contest.Timing("slow", 1, (3.0, 4.0, 20.0), (2.0, 3.0, 4.0))
    ratio = contest.Ratio.of(fast, slow)
    assert (ratio.low, ratio.median, ratio.high) == (2.0, 3.0, 5.0)
    assert (ratio.cpu_low, ratio.cpu_median, ratio.cpu_high) == (2.0, 3.0, 4.0)


@pytest.mark.parametrize(("cpu", "trusted"), [(0.97, True), (0.5, False)])
def test_a_machine_too_busy_is_told_by_the_share_that_contestants_got(cpu, trusted):
    two = {"threads": 2, "cpu": [1.8, 1.6], "wall": [1.0, 1.0]}
    one = {"threads": 1, "cpu": [cpu, cpu, 0.25], "wall": [1.0, 1.0, 1.0]}
    said = busy({"contestants": [two, one]})
    assert f"{cpu:.2f} of a processor (at worst 0.25)" in said
    assert ("too busy" in said) is not trusted
    assert got([two, one], 2) == [1.8, 1.6]
    assert "tells" in busy({"contestants": [two]})


def test_contestants_take_turns():
    log: list[str] = []
    contestants = [
        contest.Contestant(name, lambda name=name: log.append(name), 10.0)  # type: ignore[misc]
        for name in "ab"
    ]
    timings = contest.measure(contestants, 3, 1e-12, Silent())
    turns = [name for k, name in enumerate(log) if k == 0 or log[k - 1] != name]
    assert turns == ["a", "b"] * (len(turns) // 2)
    assert len(turns) == 2 * (1 + 3)  # a trial, then the rounds
    assert all(len(timing.wall) == len(timing.cpu) == 3 for timing in timings.values())


# --- inputs


def test_synthetic_inputs_have_the_statistics_of_mnist():
    x = setting.synthetic(400, 784, seed=1)
    assert x.dtype == np.float32
    assert x.min() == 0.0 and x.max() <= 1.0
    assert (x > 0).mean() == pytest.approx(setting.MNIST_ACTIVE_SHARE, rel=0.02)
    assert x.mean() == pytest.approx(setting.MNIST_MEAN, rel=0.02)
    np.testing.assert_array_equal(x, setting.synthetic(400, 784, seed=1))


# --- the command


def test_json_document_holds_everything_measured(capsys, tmp_path):
    out = tmp_path / "speed.json"
    assert main([*TINY, "--json", "--quiet", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    document = json.loads(captured.out)
    assert document == json.loads(out.read_text())
    assert document["format"] == "eqchip-bench 1"
    assert document["inputs"] == "synthetic"
    assert document["seed"] == 0
    assert {"eqchip", "numpy", "numba", "python"} <= set(document["versions"])
    assert {"cpu", "processors", "blas"} <= set(document["machine"])
    names = [contestant["name"] for contestant in document["contestants"]]
    assert names == [
        *("engine", "plain row loop", "blocked row kernel", "products only"),
        *("dense, batch 4", "dense, batch 8", "engine, 2 threads"),
    ]
    for contestant in document["contestants"]:
        assert len(contestant["wall"]) == len(contestant["cpu"]) == 2
        assert contestant["events_per_second"] > 0
    assert set(document["ratios"]) == {"limit", "blocked_limit", "dense", "products", "threads"}
    for ratio in document["ratios"].values():
        assert 0 < ratio["low"] <= ratio["median"] <= ratio["high"]
    assert [a["precision"] for a in document["agreement"]] == ["float64", "float32"]
    training = document["training"]
    assert training["samples"] == 40 and training["extrapolated"]
    assert training["epoch_samples"] == 60000
    assert training["synaptic_events"] > 0
    points = training["peak_bytes_by_free_steps"]
    assert [point["free_steps"] for point in points] == [50, 500]


def test_text_says_what_was_run_and_how_far_it_is_to_be_trusted(capsys):
    assert main([*TINY, "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "inputs: synthetic" in text
    assert "not MNIST" in text
    assert "extrapolated from 40 samples" in text
    assert "the floor is 0.6" in text
    assert "the floor is 1.8" in text
    assert "tuned for" in text


def test_a_core_type_set_for_blas_is_told(capsys, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Prescott")
    assert main([*UNTRAINED, "--quiet"]) == 0
    assert "OPENBLAS_CORETYPE=Prescott is set" in capsys.readouterr().out


def test_without_mnist_at_hand_inputs_are_synthetic_and_nothing_is_downloaded(
    capsys, monkeypatch, tmp_path
):
    monkeypatch.delenv("EQCHIP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / project)
    unsaid = [word for word in UNTRAINED if word not in ("--dataset", "synthetic")]
    assert main([*unsaid, "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["inputs"] == "synthetic"
    assert document["training"] is None
    assert not list(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--layers", "784"], "784-500-10"),
        (["--layers", "784-x-10"], "784-x-10"),
        (["--dense-batches", "0"], "at least 1"),
        (["--rounds", "0"], "rounds"),
        (["--seconds", "0"], "seconds"),
        (["--dataset", "cifar"], "cifar"),
        (["--threads", "0"], "threads"),
        (["--out", "no/such/folder/speed.json"], "no/such/folder"),
        (["--out", "."], "directory"),
        (["--dataset", "mnist", "--data", "no/such/folder"], "no/such/folder"),
    ],
    ids=str,
)
def test_bad_input_is_refused_in_one_line(wrong, said, capsys):
    assert main(replaced(TINY, *wrong)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("eqchip: error: ")
    assert said in line


# --- the modes


def test_without_a_mode_it_is_the_engine_that_is_measured(capsys):
    assert main([*UNTRAINED, "--json", "--quiet"]) == 0
    bare = json.loads(capsys.readouterr().out)
    assert main(["bench", "engine", *UNTRAINED[1:], "--json", "--quiet"]) == 0
    named = json.loads(capsys.readouterr().out)
    assert bare.keys() == named.keys() and bare["setting"] == named["setting"]
    assert [c["name"] for c in bare["contestants"]] == [c["name"] for c in named["contestants"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["chip", "loihi1-davies", "--samples", "9"], "No such option:? '?--samples"),
        (["peers", "--dense-batches", "4"], "No such option:? '?--dense-batches"),
        (["asynchronous", "--threads", "1"], "No such option:? '?--threads"),
        (["events", "--batch", "1"], "No such option:? '?--batch"),
        (["engine", "--units", "64"], "No such option:? '?--units"),
        (["--peers", "--asynchronous"], "No such option:? '?--peers"),
        (["peers", "asynchronous"], "unexpected extra argument"),
        (["chip"], "Missing argument 'CHIP'"),
        (["speed"], "No such command 'speed'"),
        (["--no-training", "--samples", "40"], "--samples is given with --no-training"),
        (["--no-training", "--minibatch", "4"], "--minibatch is given with --no-training"),
        (["--no-training", "--epoch"], "--epoch is given with --no-training"),
        (["--samples", "40", "--epoch"], "--samples is 40 with --epoch"),
        (["training", "--samples", "40", "--epoch"], "--samples is 40 with --epoch"),
    ],
    ids=str,
)
def test_an_option_that_would_be_ignored_is_refused(words, said, capsys):
    assert main(["bench", *words]) == 2
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert out == "" and re.search(said, line)


def test_help_lists_the_modes_and_loads_none_of_them(capsys):
    assert main(["bench", "--help"]) == 0
    text = capsys.readouterr().out
    assert all(mode in text for mode in MODES)


def test_training_is_measured_alone(capsys):
    asked = ["bench", "training", *OF_A_RUN, "--samples", "40"]
    assert main([*asked, "--json", "--quiet"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["format"] == "eqchip-bench-training 1"
    assert document["training"]["samples"] == 40 and document["training"]["extrapolated"]
    assert document["setting"]["minibatch"] == 20
    assert {"command", "created", "seed", "machine", "versions"} <= set(document)


def test_a_training_process_that_fails_is_told_in_one_line():
    setting = trainingcost.CostSetting("mnist", "/no/such/folder", (784, 5, 10), 20)
    with pytest.raises(InputError, match="no/such/folder") as caught:
        trainingcost.training_cost(setting)
    assert len(str(caught.value).splitlines()) == 1


# --- the tables of the pages


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", BENCHMARKS / "tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def training_result(**changes: object) -> dict[str, object]:
    return {
        "kind": "training",
        "name": "spiking",
        "network": "784-500-10",
        "coding": "sigma-delta",
        "steps": {"free": 50, "nudged": [20, 20]},
        "epochs": 25,
        "seeds": [0, 1, 2],
        "test_error": [1.8, 1.9, 2.0],
        "validation_error": [1.7, 1.7, 1.7],
        "events_per_sample": 4.5e6,
        "wall_seconds": 600,
        "command": "eqchip train --dataset mnist",
        "versions": {},
        **changes,
    }


def test_pages_hold_the_results_of_the_files(tables):
    assert tables.main(["--check"]) == 0


def test_tables_are_written_between_their_markers(tables, tmp_path, capsys):
    results = tmp_path / "benchmarks" / "results"
    results.mkdir(parents=True)
    assert main([*UNTRAINED, "--quiet", "--out", str(results / "speed.json")]) == 0
    (results / "mnist-spiking.json").write_text(json.dumps(training_result()))
    points = [training_result(seeds=[0], test_error=[2.5], validation_error=[2.4])]
    (results / "frontier.json").write_text(json.dumps(points))
    out = str(results / "chip-speed.json")
    assert main(tiny("chip", "loihi1-davies", "--quiet", "--out", out)) == 0
    written = {path.name for path in results.iterdir()}
    for path in (BENCHMARKS / "results").glob("*.json"):  # studies of minutes: as they are kept
        if path.name not in written:
            shutil.copy(path, results)
    page = tmp_path / "README.md"
    page.write_text("".join(
        f"before {name}\n<!-- results:{name} -->\nold\n<!-- /results:{name} -->\nafter\n"
        for name in tables.TABLES
    ))  # fmt: skip
    assert tables.main(["--check"], tmp_path) == 1
    assert "old" in page.read_text()
    assert tables.main([], tmp_path) == 0
    assert tables.main(["--check"], tmp_path) == 0
    text = page.read_text()
    assert "\nold\n" not in text and tables.NOTHING not in text
    assert text.count("\nafter\n") == len(tables.TABLES)
    assert "1.90 ± 0.10" in text
    assert "| 50 + 20 + 20 |" in text
    assert "| 2.40 |" in text  # one seed: no spread
    assert "`eqchip train --dataset mnist`" in text
    assert "the plain row loop" in text


def test_no_page_sets_a_modelled_cost_beside_a_measured_one_without_the_models_own(tables):
    """Wherever a measured amount stands in a table of costs, the model's own and its ratio do."""
    results = tables.read_results(BENCHMARKS / "results")
    for name in ("headline", "on-chip", "anchors"):
        text = tables.TABLES[name](results)
        rows = [line for line in text.splitlines() if line.startswith("| ")]
        head = next(row for row in rows if "modelled / measured" in row).split(" | ")
        ratio = next(k for k, cell in enumerate(head) if "modelled / measured" in cell)
        measured = head.index("measured")
        told = [row.split(" | ") for row in rows if len(row.split(" | ")) == len(head)][2:]
        assert any("µJ" in row[measured] for row in told)
        for row in told:
            assert ("J" in row[measured]) <= bool(re.search(r"\d", row[ratio]))
    for name in ("cost", "conv-cost", "fashion-cost"):
        assert "easured beside" not in tables.TABLES[name](results)


def test_an_unknown_table_is_refused(tables):
    with pytest.raises(SystemExit, match="results:nothing"):
        tables.fill("<!-- results:nothing -->\n<!-- /results:nothing -->", {})
