"""`eqchip sweep`: grids, points that are kept, Pareto fronts, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sweeps import TINY, fake

from eqchip.emulator import compiling
from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Silent
from eqchip.emulator.training import sweep as module
from eqchip.emulator.training import sweep_points, sweep_workers
from eqchip.emulator.training.points_file import Points, missing
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.sweep import (
    USUAL,
    check_same,
    make_sweep,
    parse_axis,
    read_sweep,
    to_toml,
)
from eqchip.emulator.training.sweep_points import (
    check_points,
    config_of,
    run_point,
)
from eqchip.hw_reports.studies.sweep import memory_of
from eqchip.hw_reports.studies.sweep_plot import COSTS, figure, pareto


def refusal(call, *arguments) -> str:
    """The text of an error, which is one line."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- grids --------------------------------------------------------------------------------


def test_points_are_all_combinations_with_every_setting():
    sweep = make_sweep({**TINY, "axes": {"weight_bits": [8, 2], "seed": [0, 1, 2], "beta": [1]}})
    found = [(p["weight_bits"], p["seed"], p["beta"]) for p in sweep.points]
    assert found == [(8, 0, 1.0), (8, 1, 1.0), (8, 2, 1.0), (2, 0, 1.0), (2, 1, 1.0), (2, 2, 1.0)]
    assert sweep.varied == ["weight_bits", "seed"]
    for point in sweep.points:
        assert set(point) == set(module.AXES + module.PLAIN)
        assert point["layers"] == [64, 16, 10] and point["samples"] == 200


def test_a_sweep_of_nothing_is_one_point_of_the_presets():
    sweep = make_sweep({})
    (point,) = sweep.points
    assert point["layers"] == [64, 100, 10] and point["samples"] is None and not sweep.varied
    config = config_of(point)
    assert config.descent.minibatch == 1 and config.seed == 0
    assert config.descent.lr == (0.1, 0.05)
    assert config.coding == preset("digits", on_chip={}).coding


def test_axes_of_the_command_line_replace_those_of_the_file_and_its_settings():
    document = {**TINY, "seed": 4, "axes": {"weight_bits": [8, 4]}}
    sweep = make_sweep(document, {"weight_bits": [2], "seed": [1, 2]})
    assert sweep.axes == {"weight_bits": [2], "seed": [1, 2]}
    assert "seed" not in sweep.plain


def test_settings_reach_the_configuration():
    point = make_sweep(
        {
            **TINY, "weight_bits": 4, "trace_bits": 5, "copies": "decay", "accumulator_bits": 3,
            "quantizer": "bernoulli", "sees": "potentials", "seed": 7, "lr_scale": 2, "beta": 0.25,
            "average_steps": 2, "threshold": 0.125, "weight_range": [0.25, 1], "step_size": 0.25,
        }
    ).points[0]  # fmt: skip
    config = config_of(point)
    onchip, learning = config.on_chip, config.learning
    assert (onchip.fixed.weight_bits, onchip.trace_bits, onchip.accumulator_bits) == (4, 5, 3)
    assert (onchip.copies, onchip.sees, onchip.threshold) == ("decay", "potentials", 0.125)
    assert onchip.weight_range == (0.25, 1.0)
    assert (learning.free_steps, learning.nudged_steps, learning.beta) == (8, 4, 0.25)
    assert learning.average_steps == 2
    assert config.coding.quantizer == "bernoulli" and config.seed == 7
    assert config.coding.step_size == Polynomial(0.25)
    assert config.descent.lr == (0.2, 0.1)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"axes": {"wait_bits": [1]}}, "axis 'wait_bits' is unknown; expected one of weight_bits"),
        ({"axes": {"epochs": [1]}}, "axis 'epochs' is unknown"),
        ({"speed": 1}, "setting 'speed' is unknown; expected one of dataset"),
        ({"seed": 1, "axes": {"seed": [2]}}, "seed is a setting and an axis"),
        ({"axes": {"seed": []}}, "axis seed is []; expected a list of values"),
        ({"axes": {"seed": 3}}, "axis seed is 3; expected a list of values"),
        ({"axes": [1]}, "axes is [1]; expected a table"),
        ({"axes": {"seed": [1, 1]}}, "axis seed holds 1 twice"),
        ({"axes": {"beta": [1, 1.0]}}, "axis beta holds 1.0 twice"),
        ({"axes": {"seed": ["1"]}}, "seed is '1'; expected a whole number"),
        ({"axes": {"beta": ["1"]}}, "beta is '1'; expected a number"),
        ({"lr_scale": 0}, "lr_scale is 0; expected a finite number above 0"),
        ({"threshold": float("nan")}, "threshold is nan"),
        ({"copies": 3}, "copies is 3; expected a name"),
        ({"weight_range": [0.5, "x"]}, "weight_range is 'x'"),
        ({"layers": 64}, "layers is 64; expected a list"),
        ({"layers": [64, "8c3", 10]}, "layers: number of units is '8c3'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"samples": 0}, "samples is 0"),
        ({"dataset": "letters"}, "data set 'letters' is unknown"),
        ({"dataset": 3}, "dataset is 3"),
    ],
)
def test_bad_grids_are_refused_in_one_line(document, told):
    assert told in refusal(make_sweep, document)


@pytest.mark.parametrize(
    ("axes", "told"),
    [
        (
            {"sees": ["traces", "loihi-engine"], "seed": [0]},
            "point sees loihi-engine, seed 0: OnChip: copies 'errors' with sees 'loihi-engine'",
        ),
        ({"weight_bits": [8, 9]}, "point weight_bits 9: FixedPoint: weight_bits is 9"),
        ({"copies": ["none"]}, "point copies none: OnChip: copies is 'none'"),
        (
            {"copies": ["errors", "asymmetric-ep"]},
            "point copies asymmetric-ep: copies 'asymmetric-ep': what cores add up for units",
        ),
        ({"quantizer": ["none"]}, "point quantizer none: "),
        ({"average_steps": [5]}, "point average_steps 5: "),
        (
            {"weight_range": [[1, 1, 1]]},
            "point weight_range 1:1:1: settings: OnChip: weight_range holds 3",
        ),
        ({"lr_scale": [1e-12]}, "point lr_scale 1e-12: lr "),
    ],
)
def test_a_point_that_cannot_be_run_is_refused_by_name(axes, told):
    sweep = make_sweep({**TINY, "axes": axes})
    assert told in refusal(check_points, sweep)


def test_the_usual_grid_can_be_run():
    sweep = make_sweep(USUAL)
    check_points(sweep)
    assert len(sweep.points) == 96


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("weight_bits=8,4, 2", ("weight_bits", [8, 4, 2])),
        ("copies=errors", ("copies", ["errors"])),
        ("beta=0.5,1", ("beta", [0.5, 1.0])),
        ("weight_range=0.5,0.3:0.6", ("weight_range", [[0.5], [0.3, 0.6]])),
    ],
)
def test_axes_are_read_from_the_command_line(text, found):
    assert parse_axis(text) == found


@pytest.mark.parametrize("text", ["seed", "seed=", "seed=1.5", "beta=x", "speed=1", "seed=1,,2"])
def test_axes_that_cannot_be_read_are_refused(text):
    refusal(parse_axis, text)


def test_a_sweep_file_that_was_written_is_read_as_the_same_grid(tmp_path):
    path = tmp_path / "sweep.toml"
    document = {**TINY, "axes": {"weight_range": [0.5, [0.3, 0.6]], "beta": [0.5, 1]}}
    sweep = make_sweep(document)
    path.write_text(to_toml(sweep, {"command": "eqchip sweep"}))
    found = read_sweep(path)
    assert found == sweep
    whole = make_sweep({key: value for key, value in document.items() if key != "samples"})
    path.write_text(to_toml(whole, {}))
    assert read_sweep(path) == whole


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = ", "no valid TOML"),
        ("speed = 1", "setting 'speed'"),
        ('format = "x"', "format is 'x'"),
    ],
)
def test_bad_files_are_named(tmp_path, text, told):
    path = tmp_path / "grid.toml"
    path.write_text(text)
    found = refusal(read_sweep, path)
    assert told in found and found.startswith(str(path))


def test_another_grid_is_refused_and_the_same_in_another_order_is_not():
    one = make_sweep({**TINY, "axes": {"seed": [0, 1], "weight_bits": [8, 4]}})
    same = make_sweep({**TINY, "axes": {"weight_bits": [4, 8], "seed": [1, 0]}})
    check_same(one, same, Path("d"))
    other = make_sweep({**TINY, "axes": {"seed": [0, 1], "weight_bits": [8, 2]}})
    assert "holds another sweep, of weight_bits 8, 4; expected 8, 2" in refusal(
        check_same, one, other, Path("d")
    )
    shorter = make_sweep({**TINY, "samples": 10, "axes": one.axes})
    assert "of samples 200; expected 10" in refusal(check_same, one, shorter, Path("d"))


# --- points that are kept -----------------------------------------------------------------


def test_a_line_cut_short_is_dropped_and_its_point_missing(tmp_path):
    sweep = make_sweep({**TINY, "axes": {"seed": [0, 1, 2]}})
    points = Points(tmp_path / "points.jsonl")
    assert points.read() == [] and missing(sweep, []) == sweep.points
    for point in sweep.points:
        points.append(fake(point))
    assert missing(sweep, points.read()) == []
    text = points.path.read_bytes()
    for cut in (1, 20, 100):
        points.path.write_bytes(text[:-cut])
        assert missing(sweep, points.read()) == sweep.points[2:]
        points.append(fake(sweep.points[2]))  # on a line of its own
        assert [row["settings"]["seed"] for row in points.read()] == [0, 1, 2]
        assert points.path.read_bytes() == text


def test_points_of_an_earlier_version_are_taken_up(tmp_path):
    """They lack the axes that came later, which had one value only."""
    sweep = make_sweep({**TINY, "axes": {"seed": [0, 1]}})
    points = Points(tmp_path / "points.jsonl")
    point = dict(sweep.points[0])
    assert point.pop("change_bits") == 0 and point.pop("change_spikes") == 3
    points.append(fake(point))
    assert missing(sweep, points.read()) == sweep.points[1:]
    del point["step_size"]  # it was 0.8, whatever the data set's is today
    points.append(fake(point))
    assert points.read()[1]["settings"]["step_size"] == 0.8


@pytest.mark.parametrize(
    "line",
    ["x", "[]", "{}", '{"format": "eqchip-sweep-point 1"}', '{"format": "eqchip-sweep-point 2"}'],
)
def test_a_line_that_is_no_point_is_refused(tmp_path, line):
    points = Points(tmp_path / "points.jsonl")
    points.path.write_text(line + "\n")
    assert "line 1" in refusal(points.read)


def test_a_fact_that_cannot_be_is_refused(tmp_path):
    points = Points(tmp_path / "points.jsonl")
    points.append({**fake({}), "spikes": float("nan")})
    assert "line 1: spikes" in refusal(points.read)


def test_two_processes_do_not_run_one_sweep(tmp_path):
    pytest.importorskip("fcntl")
    points = Points(tmp_path / "points.jsonl")
    with points.claim():
        assert "another process" in refusal(points.claim().__enter__)
    with points.claim():
        pass


# --- one point ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained():
    point = make_sweep({**TINY, "axes": {}}).points[0]
    return point, run_point(point).row


def test_a_point_is_a_function_of_its_settings(trained):
    point, row = trained
    again = run_point(dict(point)).row
    assert {**again, "seconds": 0} == {**row, "seconds": 0}
    assert json.loads(json.dumps(row)) == row
    other = run_point({**point, "seed": 1}).row
    assert other["spikes"] != row["spikes"]


def test_a_point_learns_on_its_samples_and_counts_them(trained):
    point, row = trained
    assert row["samples"] == 200 and row["weights_applied"] > 0
    assert row["weights_attempted"] >= row["weights_applied"]
    clamped, hidden, outputs = row["units_changed"]
    assert clamped == 0 and 0 < hidden <= 16 and 0 < outputs <= 10
    deaf = run_point({**point, "threshold": 0.1}).row["units_changed"]
    assert 0 < deaf[1] < hidden and 0 < deaf[2] < outputs
    longer = run_point({**point, "epochs": 3}).row
    assert longer["samples"] == 600
    assert longer["validation_error"] < 60  # of chance, 90
    # Units of all layers compute every step: 8 free and twice 4 nudged ones.
    updates = row["updates_active"] + row["updates_inactive"]
    assert updates == pytest.approx((64 + 16 + 10) * 16)


def test_the_test_set_is_not_read(trained, monkeypatch):
    def touched(*_):
        raise AssertionError("the test set was read")

    monkeypatch.setattr("eqchip.emulator.training.trainer.Trainer.test", touched)
    point, row = trained
    dataset = sweep_points._dataset("digits", None)
    monkeypatch.setattr(sweep_points, "_dataset", lambda *_: _without_test(dataset))
    assert run_point(point).row["validation_error"] == row["validation_error"]


def _without_test(dataset):
    from dataclasses import replace

    return replace(dataset, test_x=dataset.test_x[:0], test_y=dataset.test_y[:0])


def test_more_samples_than_there_are_is_refused():
    sweep = make_sweep({**TINY, "samples": 5000})
    told = refusal(sweep_points.check_data, sweep)
    assert told == "samples is 5000; expected at most the 1287 training samples of digits"


def test_a_network_that_does_not_fit_is_refused_before_anything_runs():
    assert "expected 64-...-10" in refusal(
        sweep_points.check_data, make_sweep({**TINY, "layers": [63, 5, 10]})
    )


# --- cost ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "bits"),
    [
        # Synapses of 3-4-2: 12, and 8 in two copies; 3 + 4 and 2 presynaptic units; 6 units.
        ({}, (12 + 16) * 8 + (3 + 4 + 2) * 7 + 6 * 5 * 24),
        ({"weight_bits": 2, "accumulator_bits": 3}, 28 * 5 + 9 * 7 + 6 * 5 * 24),
        ({"trace_bits": 4}, 28 * 8 + 9 * 4 + 6 * 5 * 24),
        ({"sees": "potentials"}, 28 * 8 + 6 * 5 * 24),
        ({"quantizer": "bernoulli"}, 28 * 8 + 9 * 7 + 6 * 4 * 24),  # without a residue
    ],
)
def test_memory_by_hand(more, bits):
    point = make_sweep({**TINY, "layers": [3, 4, 2], **more}).points[0]
    assert memory_of(point) == -(-bits // 8)


# --- Pareto fronts ------------------------------------------------------------------------


def test_pareto_by_hand():
    assert pareto([], []) == []
    assert pareto([1.0], [1.0]) == [0]
    assert pareto([3.0, 1.0, 2.0, 2.0], [1.0, 5.0, 5.0, 3.0]) == [1, 3, 0]
    assert pareto([1.0, 1.0], [2.0, 2.0]) == [0, 1]  # neither beats the other
    assert pareto([1.0, 1.0], [3.0, 2.0]) == [1]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_the_front_is_what_no_point_beats(points):
    costs, errors = [float(c) for c, _ in points], [float(e) for _, e in points]
    front = pareto(costs, errors)

    def beaten(n):
        return any(
            c <= costs[n] and e <= errors[n] and (c < costs[n] or e < errors[n])
            for c, e in zip(costs, errors, strict=True)
        )

    assert sorted(front) == [n for n in range(len(points)) if not beaten(n)]
    assert [costs[n] for n in front] == sorted(costs[n] for n in front)


def document_of(rows, varied=("weight_bits",)):
    known = [n for n, row in enumerate(rows) if row["energy"]]
    return {
        "subject": "3-2 on digits", "chip": {"name": "c"}, "provenance": {"eqchip": "0"},
        "varied": list(varied), "rows": rows,
        "fronts": {
            "energy": [known[n] for n in pareto(
                [rows[n]["energy"]["value"] for n in known], [rows[n]["error"] for n in known]
            )],
            "memory": pareto([r["memory"]["value"] for r in rows], [r["error"] for r in rows]),
        },
    }  # fmt: skip


def row_of(bits, error, joules, size):
    energy = joules and {"low": joules / 2, "value": joules, "high": 2 * joules, "unit": "J"}
    memory = {"low": size, "value": size, "high": size, "unit": "B"}
    return {"settings": {"weight_bits": bits}, "error": error, "energy": energy, "memory": memory}


def test_the_figure_marks_every_point_and_rings_the_front():
    rows = [row_of(8, 3.0, 2e-6, 4e4), row_of(4, 6.0, 1e-6, 2e4), row_of(2, 9.0, 3e-6, 1e4)]
    for cost, front in (("energy", 2), ("memory", 3)):
        ax = figure(document_of(rows), COSTS[cost]).axes[0]
        lines = {line.get_label(): line for line in ax.lines}
        marks = [lines[f"weight bits {bits}"].get_xydata()[0].tolist() for bits in (8, 4, 2)]
        assert marks == [[row[cost]["value"], row["error"]] for row in rows]
        assert len(lines["Pareto front"].get_xydata()) == front
        assert sorted(text.get_text() for text in ax.texts) == [str(n + 1) for n in range(front)]


def test_a_figure_of_unknown_energies_and_of_one_point_can_be_drawn():
    rows = [row_of(8, 0.0, None, 4e4), row_of(4, 0.0, None, 4e4)]
    ax = figure(document_of(rows), COSTS["energy"]).axes[0]
    assert "unknown" in ax.texts[0].get_text()
    ax = figure(document_of(rows[:1], ()), COSTS["memory"]).axes[0]
    assert [text.get_text() for text in ax.texts] == ["1"]


def test_that_processes_compile_is_told_once():
    heard = []

    class Listener(Silent):
        def message(self, text):
            heard.append(text)

    with sweep_workers.open_workers(2, None, 4, Listener()) as workers:
        submit = workers._executor.submit
        for call in [submit(compiling.compiling_begins, "Compiling") for _ in range(4)]:
            call.result(60)
    assert heard == ["Compiling"]
