"""The convergence study: fixed points, curves, the search, and the command."""

from __future__ import annotations

import csv
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from flags import replaced

from eqchip.__main__ import main
from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.studies import convergence, convergence_search, random_networks
from eqchip.emulator.studies.convergence import Experiment, error_curve, make_case, measure
from eqchip.emulator.studies.convergence_search import (
    KINDS,
    RANGES,
    STORED,
    make_codings,
    objective_of,
    read_settings,
    search,
    settings_to_toml,
)
from eqchip.emulator.studies.fixed_points import RESIDUAL_LIMIT, fixed_points
from eqchip.emulator.studies.intervals import interval, ratio
from eqchip.hw_reports.plots.style import apart
from eqchip.hw_reports.studies import convergence as report
from eqchip.hw_reports.studies.convergence_plot import figure

TINY = Experiment(layers=(8, 6, 3), steps=20, inputs=3)
TINY_FLAGS = ["--layers", "8-6-3", "--steps", "20", "--repeats", "2", "--inputs", "2"]
PARAMETERS = {
    objective: read_settings(STORED, objective).parameters for objective in ("end", "mean")
}


def settle(network, x, target, beta):
    """Coordinate descent on the energy: another road to the same fixed points, plain numpy."""
    states = [x, *(np.zeros((len(x), n)) for n in network.sizes[1:])]
    for strength in (0.0, 2 * beta):
        for _ in range(3000):
            for k in range(1, len(states)):
                drive = states[k - 1] @ network.weights[k - 1] + network.biases[k - 1]
                if k < len(states) - 1:
                    drive = drive + states[k + 1] @ network.weights[k].T
                    states[k] = np.clip(drive, 0, 1)
                else:  # s = clip(drive + strength (y - s)), solved for s
                    states[k] = np.clip((drive + strength * target) / (1 + strength), 0, 1)
        yield [s.copy() for s in states]


# -- fixed points ------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [(30, 20, 4), (10, 8), (12, 10, 8, 5)])
def test_fixed_points_are_those_of_an_independent_iteration(layers):
    rng = np.random.default_rng(1)
    biases = [0.1 * rng.standard_normal(n) for n in layers[1:]]
    network = Network.dense(layers, biases=biases, seed=2)
    x, target = rng.random((5, layers[0])), np.eye(layers[-1])[:5][rng.integers(0, 4, 5)]
    found = fixed_points(network, x, target, beta=0.5, steps=2000)
    free, nudged = settle(network, x, target, 0.5)
    for ours, theirs in zip(found.free + found.nudged, free + nudged, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
    assert found.residual < 1e-9
    assert np.abs(found.nudged[-1] - found.free[-1]).max() > 0.01


def test_a_step_at_the_fixed_point_moves_nothing():
    case = make_case(TINY, "measure", 0)
    s = [layer.copy() for layer in case.fixed_points.free]
    w = case.network.weights
    hidden = np.clip(s[0] @ w[0] + s[2] @ w[1].T, 0, 1)
    output = np.clip(s[1] @ w[1], 0, 1)
    np.testing.assert_allclose(hidden, s[1], atol=10 * RESIDUAL_LIMIT)
    np.testing.assert_allclose(output, s[2], atol=10 * RESIDUAL_LIMIT)


def test_slow_samples_get_more_steps():
    # Gain 0.99 both ways: the error falls by half a percent a step.
    network = Network.dense([1, 1, 1], weights=[[[0.005]], [[0.99]]])
    x, target = np.array([[1.0], [0.0]]), np.array([[1.0], [0.0]])
    found = fixed_points(network, x, target, beta=0.5, steps=200)
    assert found.steps == 2000 or found.steps == 20000
    assert found.residual <= RESIDUAL_LIMIT
    # s1 = 0.005 + 0.99 s2, s2 = 0.99 s1
    assert found.free[1][0, 0] == pytest.approx(0.005 / (1 - 0.99**2), abs=1e-3)
    assert found.free[1][1, 0] == 0.0


def test_a_network_without_rest_is_refused():
    # So strong a nudge throws the output to and fro between 0 and 1: s <- 2 - 3.5 s.
    network = Network.dense([1, 1], weights=[[[0.0]]])
    with pytest.raises(InputError, match=r"1 of 1 inputs .* no fixed point") as caught:
        fixed_points(network, np.array([[0.5]]), np.array([[0.5]]), beta=4.0, steps=10)
    assert "\n" not in str(caught.value)


# -- curves ------------------------------------------------------------------------------------


def test_the_real_valued_network_reaches_its_own_fixed_point():
    experiment = Experiment(layers=(10, 8, 3), steps=400, inputs=4, precision="float64")
    case = make_case(experiment, "measure", 3)
    error = error_curve(experiment, case, Coding.real_valued()).error
    assert error[0] > 0.01
    assert error[199] < 1e-6 and error[-1] < 1e-6
    assert error[200] > 100 * error[199]  # the nudge moves the fixed point at once


def test_error_is_the_mean_distance_over_all_units_but_the_input():
    from eqchip.backends.reference import floating as reference

    case = make_case(TINY, "measure", 0)
    coding = KINDS["sigma-delta"].coding({"step": 0.5, "step_exponent": 0.25})
    run = reference.solve(
        pose(
            case.network,
            case.x,
            coding=coding,
            phases=[Free(10), Nudged(10, case.target, 0.5)],
            precision="float64",
            record=("potentials", "bits"),
        )
    )
    expected = []
    for t in range(20):
        fixed = case.fixed_points.free if t < 10 else case.fixed_points.nudged
        gaps = [np.abs(run.potentials[k][t] - fixed[k]).ravel() for k in (1, 2)]
        expected.append(np.concatenate(gaps).mean())
    curve = error_curve(TINY, case, coding)
    np.testing.assert_allclose(curve.error, expected, atol=1e-5)
    np.testing.assert_allclose(curve.spikes, [bits.mean() for bits in run.bits])
    total = sum(bits.sum() for bits in run.bits)
    assert curve.spikes_overall == pytest.approx(total / (20 * 3 * (8 + 6 + 3)))


def test_curves_do_not_depend_on_how_inputs_are_cut(monkeypatch):
    coding = make_codings(PARAMETERS["end"])["bernoulli"]
    case = make_case(TINY, "measure", 0)
    whole = error_curve(TINY, case, coding)
    monkeypatch.setattr(random_networks, "RECORD_BYTES", 1)
    cut = error_curve(TINY, case, coding)
    np.testing.assert_array_equal(whole.error, cut.error)
    np.testing.assert_array_equal(whole.spikes, cut.spikes)


def test_a_seed_gives_the_same_study_on_any_number_of_threads():
    codings = make_codings(PARAMETERS["end"])
    one, two = (measure(TINY, codings, repeats=2, threads=threads) for threads in (1, 2))
    other = measure(Experiment((8, 6, 3), 20, 3, seed=1), codings, repeats=2)
    for name in codings:
        np.testing.assert_array_equal(one.measured[name].errors, two.measured[name].errors)
        assert not np.array_equal(one.measured[name].errors, other.measured[name].errors)
    assert one.residual <= RESIDUAL_LIMIT


def test_networks_differ_between_repeats_and_from_those_of_the_search():
    cases = [
        make_case(TINY, "measure", 0),
        make_case(TINY, "measure", 1),
        make_case(TINY, "search", 0),
    ]
    for k, case in enumerate(cases):
        for other in cases[k + 1 :]:
            assert not np.array_equal(case.network.weights[0], other.network.weights[0])
            assert not np.array_equal(case.x, other.x)
            assert case.seed != other.seed


@pytest.fixture(scope="module")
def small_study():
    experiment = Experiment(layers=(100, 100, 10), steps=100, inputs=5)
    return measure(experiment, make_codings(PARAMETERS["mean"]), repeats=4)


def test_stochastic_is_slowest_sigma_delta_faster_annealed_prediction_fastest(small_study):
    def upper(name, other):
        return ratio(small_study.measured[name].overall, small_study.measured[other].overall).high

    assert upper("sigma-delta", "bernoulli") < 0.9
    assert upper("sigma-delta-annealed-prediction", "sigma-delta") < 0.9
    assert upper("sigma-delta-annealed-prediction", "bernoulli") < 0.6
    text = report.findings(small_study, "mean")
    assert any("slowest is Bernoulli" in line for line in text)
    assert any("Sigma-delta against Bernoulli: faster" in line for line in text)


def test_findings_follow_the_numbers(small_study):
    """Exchange two codings' measurements: the sentences turn round."""
    measured = dict(small_study.measured)
    measured["bernoulli"], measured["sigma-delta"] = measured["sigma-delta"], measured["bernoulli"]
    turned = convergence.Study(
        small_study.experiment, small_study.codings, measured, small_study.residual, 0
    )
    text = report.findings(turned, "mean")
    assert any("slowest is Sigma-delta (" in line for line in text)
    assert any("Sigma-delta against Bernoulli: slower" in line for line in text)
    assert any(
        "the stochastic coding is slowest: no; sigma-delta is faster: no" in line for line in text
    )


def test_measured_reads_its_curves_where_it_says():
    errors = np.array([[8.0, 4.0, 2.0, 1.0, 3.0, 0.5], [8.0, 4.0, 2.0, 1.0, 5.0, 1.5]])
    found = convergence.Measured(errors, np.zeros((2, 2)), np.zeros(2), free_steps=4, early_step=2)
    assert found.early.tolist() == [4, 4] and found.free_end.tolist() == [1, 1]
    assert found.nudged_end.tolist() == [0.5, 1.5]
    assert [found.steps_to(e) for e in (9, 4, 2.5, 1, 0.9)] == [1, 2, 3, 4, None]
    power = np.arange(1, 101.0)[None] ** -0.7
    assert convergence.Measured(power, power, power, 100, 20).decay_exponent == pytest.approx(0.7)


def test_intervals():
    values = np.random.default_rng(0).normal(5.0, 1.0, (10, 2000))
    found = interval(values)
    covered = ((found.low <= 5.0) & (found.high >= 5.0)).mean()
    assert 0.93 < covered < 0.97
    twice = ratio(np.array([2.0, 4.0, 8.0]), np.array([1.0, 2.0, 4.0]))
    assert [float(v) for v in (twice.mean, twice.low, twice.high)] == pytest.approx([2, 2, 2])


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Experiment(layers=(5,)), "layers are 5"),
        (lambda: Experiment(layers=(5, 0)), "layers are 5-0"),
        (lambda: Experiment(steps=1), "steps is 1"),
        (lambda: Experiment(inputs=0), "inputs is 0"),
        (lambda: Experiment(seed=-1), "seed is -1"),
        (lambda: measure(TINY, {}, repeats=1), "repeats is 1"),
        (lambda: search(TINY, trials=0), "trials is 0"),
        (lambda: search(TINY, objective="fast"), "objective 'fast'"),
    ],
)
def test_wrong_arguments_are_named(make, said):
    with pytest.raises(InputError, match=said):
        make()


# -- settings and search -----------------------------------------------------------------------


@pytest.mark.parametrize("objective", ["end", "mean"])
def test_stored_settings_cover_all_codings_and_lie_in_the_ranges(objective):
    settings = read_settings(STORED, objective)
    assert set(settings.parameters) == set(KINDS)
    for name, values in settings.parameters.items():
        assert set(values) == set(KINDS[name].parameters)
        for key, value in values.items():
            assert RANGES[key].low <= value <= RANGES[key].high


def test_kinds_make_the_codings_they_name():
    assert KINDS["osa-prediction"].coding(
        {"nu_bar": 0.1, "prediction": 0.5, "prediction_exponent": 0.25}
    ) == Coding("sigma-delta", OptimalStepSize(0.1, 1e-7), Polynomial(0.5, 0.25))
    assert KINDS["bernoulli"].coding({"step": 0.5, "step_exponent": 0.25}) == Coding(
        "bernoulli", Polynomial(0.5, 0.25), None
    )
    for values in ({}, {"step": 0.5}, {"step": 0.5, "step_exponent": 0.2, "nu_bar": 0.1}):
        with pytest.raises(InputError, match="expected step, step_exponent"):
            KINDS["bernoulli"].coding(values)


def test_search_finds_better_settings_with_more_trials_and_repeats_itself(monkeypatch):
    chosen = {name: KINDS[name] for name in ("sigma-delta", "osa")}
    monkeypatch.setattr(convergence_search, "KINDS", chosen)
    few, many, again = (search(TINY, trials=n, threads=k) for n, k in ((1, 1), (12, 1), (12, 2)))
    assert many == again
    for name in chosen:
        assert many[name].error <= few[name].error
        for key, value in many[name].parameters.items():
            assert RANGES[key].low <= value <= RANGES[key].high


def test_objectives():
    error = np.array([4.0, 2.0, 6.0, 0.0])
    assert objective_of(error, 2, "end") == 1.0
    assert objective_of(error, 2, "mean") == 3.0


def test_settings_survive_their_file(tmp_path):
    found = {
        name: convergence_search.Found(values, 0.1) for name, values in PARAMETERS["end"].items()
    }
    path = tmp_path / "settings.toml"
    path.write_text(settings_to_toml(found, TINY, "end", "the command"))
    settings = read_settings(path, "end")
    assert settings.parameters == PARAMETERS["end"]
    assert (settings.layers, settings.steps) == ((8, 6, 3), 20)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: "", "format is None"),
        (lambda text: text + "\n[end", "no valid TOML"),
        (lambda text: text.replace("[end", "[last"), "no settings for objective"),
        (lambda text: text.replace("codings.osa]", "codings.oso]"), "'osa' is missing"),
        (lambda text: text.replace("nu_bar", "nu"), "expected nu_bar"),
        (lambda text: text.replace("nu_bar = 0", "nu_bar = 7"), "nu_bar is 7"),
        (lambda text: text.replace("nu_bar = ", "nu_bar = true#"), "settings"),
        (lambda text: text.replace("nu_bar = ", "nu_bar = 'x'#"), "settings"),
        (lambda text: text.replace("steps = ", "steps = 'x'#"), "wrong type"),
    ],
)
def test_damaged_settings_are_refused_in_one_line(tmp_path, change, said):
    path = tmp_path / "settings.toml"
    path.write_text(change(STORED.read_text(encoding="utf-8")))
    with pytest.raises(InputError) as caught:
        read_settings(path, "end")
    assert said in str(caught.value) and "settings.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


# -- figure ------------------------------------------------------------------------------------


def test_labels_stand_apart_and_keep_their_order():
    rng = np.random.default_rng(0)
    for _ in range(50):
        heights = np.sort(rng.random(8))
        places = apart(heights, 0.05)
        assert (np.diff(places) >= 0.05 - 1e-12).all()
        assert places.mean() == pytest.approx(heights.mean())
    spread = np.array([0.1, 0.4, 0.9])
    np.testing.assert_allclose(apart(spread, 0.05), spread)


def test_the_figure_is_drawn_from_the_file_alone(small_study, tmp_path):
    document = report.document(
        small_study, PARAMETERS["mean"], objective="mean", settings="stored", provenance={}
    )
    drawn = figure(json.loads(json.dumps(document, allow_nan=False)))
    (axes,) = drawn.axes
    assert axes.get_yscale() == "log"
    texts = [text.get_text() for text in axes.texts]
    assert all(kind.label in texts for kind in KINDS.values())
    drawn.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


# -- the command -------------------------------------------------------------------------------


def run_command(*arguments, cwd):
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(
        [sys.executable, "-m", "eqchip", "converge", *arguments],
        cwd=cwd, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_command_as_users_run_it(tmp_path):
    done = run_command(*TINY_FLAGS, "--out", "out", "--threads", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Bernoulli" in done.stdout and "fastest is" in done.stdout
    assert "found for 500-500-10" in done.stderr
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        "converge.json",
        "converge.csv",
        "converge.png",
    }
    document = json.loads((tmp_path / "out" / "converge.json").read_text(encoding="utf-8"))
    assert document["format"] == "eqchip-convergence 1"
    assert document["fixed_points"]["largest_residual"] <= RESIDUAL_LIMIT
    assert document["provenance"]["eqchip"] and document["experiment"]["seed"] == 0
    with open(tmp_path / "out" / "converge.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 20 * len(KINDS)
    assert [line["phase"] for line in lines[:20]] == ["free"] * 10 + ["nudged"] * 10
    first = document["codings"][0]
    assert [float(line["error"]) for line in lines[:20]] == first["error"]["mean"]
    assert all(
        low <= mean <= high
        for mean, low, high in zip(
            *(first["error"][k] for k in ("mean", "low", "high")), strict=True
        )
    )


def test_json_is_one_document_and_its_command_repeats_it(tmp_path, capsys):
    first = ["converge", *TINY_FLAGS, "--json", "-q", "--out", str(tmp_path / "a")]
    assert main(first) == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert printed.err == ""
    command = document["provenance"]["command"]
    assert command == (
        "eqchip converge --network 8-6-3 --steps 20 --repeats 2 --inputs 2 --objective end --seed 0"
    )
    again = shlex.split(command)
    assert main([*again[1:], "--json", "-q", "--out", str(tmp_path / "b")]) == 0
    repeated = json.loads(capsys.readouterr().out)
    for volatile in ("provenance", "out"):
        document.pop(volatile), repeated.pop(volatile)
    assert document == repeated
    assert (tmp_path / "a/converge.csv").read_bytes() == (tmp_path / "b/converge.csv").read_bytes()


def test_command_searches_and_uses_what_it_found(tmp_path, capsys):
    out = tmp_path / "out"
    flags = [*TINY_FLAGS, "--objective", "mean", "--json", "-q"]
    assert main(["converge", *flags, "--search", "--trials", "2", "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"] == "searched, 2 trials"
    settings = read_settings(out / "settings.toml", "mean")
    assert settings.parameters == {c["name"]: c["parameters"] for c in found["codings"]}
    again = ["--settings", str(out / "settings.toml"), "--out", str(tmp_path / "again")]
    assert main(["converge", *flags, *again]) == 0
    assert json.loads(capsys.readouterr().out)["codings"] == found["codings"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--layers", "500"], "layer sizes"),
        (["--layers", "5-0"], "layers are 5-0"),
        (["--steps", "1"], "steps is 1"),
        (["--steps", "many"], "--steps"),
        (["--repeats", "1"], "repeats is 1"),
        (["--inputs", "0"], "inputs is 0"),
        (["--seed", "-3"], "seed is -3"),
        (["--threads", "0"], "threads is 0"),
        (["--search", "--trials", "0"], "trials is 0"),
        (["--trials", "9"], "--search"),
        (["--objective", "fast"], "--objective"),
        (["--settings", "absent.toml"], "absent.toml: no such file"),
        (["--settings", "absent.toml", "--search"], "--settings is given with --search"),
        (["--out", "file/under"], "file"),
    ],
)
def test_bad_input_is_told_in_one_line(tmp_path, monkeypatch, capsys, flags, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert main(["converge", *replaced(TINY_FLAGS, *flags)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert line.startswith("eqchip: error: ") and said in line


def test_an_interrupt_leaves_earlier_results_alone(tmp_path, monkeypatch, capsys):
    (tmp_path / "converge.json").write_text("earlier")

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(convergence, "error_curve", interrupt)
    assert main(["converge", *TINY_FLAGS, "--out", str(tmp_path)]) == 130
    assert (tmp_path / "converge.json").read_text() == "earlier"
    assert [p.name for p in tmp_path.iterdir()] == ["converge.json"]
    assert "Traceback" not in capsys.readouterr().err
