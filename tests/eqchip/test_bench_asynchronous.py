"""``eqchip bench asynchronous`` measures what it says; no speed is asserted."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from eqchip.__main__ import main
from eqchip.bench import asynchronous as asyncspeed
from eqchip.bench import events as eventcost
from eqchip.bench.setting import Setting
from eqchip.emulator.description.asynchronous import QUANTA
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.timed import queues as queuebench

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = [
    *("bench", "asynchronous", "--dataset", "synthetic", "--layers", "24-12-4"),
    *("--free-steps", "3", "--nudged-steps", "2", "--batch", "4", "--rounds", "2"),
    *("--seconds", "0.001", "--units", "64,200"),
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One run of the command, as small as it gets."""
    out = tmp_path_factory.mktemp("bench") / "speed.json"
    events = pytest.MonkeyPatch()
    events.setattr(eventcost, "EVENTS", 5_000)
    try:
        assert main([*TINY, "--quiet", "--out", str(out)]) == 0
    finally:
        events.undo()
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_every_timing_is_measured_in_both_precisions(document):
    assert document["format"] == "eqchip-bench-asynchronous 1"
    assert document["clock"] == "processor time"
    names = [contestant["name"] for contestant in document["contestants"]]
    assert names == [f"{t}, {p}" for p in ("float32", "chip") for t in asyncspeed.TIMINGS]
    assert {"eqchip", "numpy", "numba", "python"} <= set(document["versions"])
    assert {"command", "created", "seed", "machine"} <= set(document)
    assert document["setting"]["layers"] == [24, 12, 4]


def test_rates_and_ratios_are_of_the_recorded_times(document):
    cpu = {c["name"]: c["cpu"] for c in document["contestants"]}
    for contestant in document["contestants"]:
        assert len(contestant["wall"]) == len(contestant["cpu"]) == 2
        assert contestant["events_per_second"] == pytest.approx(1 / median(contestant["cpu"]))
    assert set(document["ratios"]) == {name for name in cpu if not name.startswith("synchronous")}
    for name, ratio in document["ratios"].items():
        precision = name.rsplit(", ")[-1]
        rounds = [s / a for s, a in zip(cpu[f"synchronous, {precision}"], cpu[name], strict=True)]
        assert ratio["cpu_low"] == pytest.approx(min(rounds))
        assert ratio["cpu_median"] == pytest.approx(median(rounds))
        assert ratio["cpu_high"] == pytest.approx(max(rounds))


def test_identity_has_the_synaptic_events_of_the_synchronous_engine(document):
    events = {c["name"]: c["events_per_step"] for c in document["contestants"]}
    for precision in ("float32", "chip"):
        assert events[f"synchronous, {precision}"] > 0
        assert events[f"asynchronous, identity, {precision}"] == events[f"synchronous, {precision}"]


def test_cost_of_an_event_is_given_at_every_size(document):
    points = document["event_cost"]["points"]
    assert [point["units"] for point in points] == [64, 192]  # whole layers of 16
    for point in points:
        assert set(point["nanoseconds_per_event"]) == set(point["timings"])
        for name, timing in point["timings"].items():
            assert point["nanoseconds_per_event"][name] == pytest.approx(
                1e9 * median(timing["cpu"])
            )
        assert point["messages_per_tick"] > 0
        assert point["bytes_per_unit"] > 0


def test_simpy_runs_the_same_sample(document):
    pytest.importorskip("simpy")
    engine, peer = document["witness"]["contestants"]
    assert (engine["name"], peer["name"]) == ("asynchronous, identity", "SimPy")
    rounds = [slow / fast for fast, slow in zip(engine["cpu"], peer["cpu"], strict=True)]
    assert document["witness"]["ratio"]["cpu_median"] == pytest.approx(median(rounds))


def test_text_says_how_the_figures_stand_to_the_aims(capsys, monkeypatch):
    monkeypatch.setattr(eventcost, "EVENTS", 5_000)
    assert main([*TINY, "--quiet"]) == 0
    text = capsys.readouterr().out
    assert "the floor is 0.2" in text
    assert "24-12-4, 3 + 2 x 2 steps" in text
    assert "nanoseconds per tick or message" in text


def test_steps_are_those_of_training_unless_the_command_line_says(monkeypatch):
    asked: list[Setting] = []

    def refuse(setting: Setting, *_: object) -> None:
        asked.append(setting)
        raise InputError("enough")

    monkeypatch.setattr(asyncspeed, "asynchronous_speed", refuse)
    assert main(["bench", "asynchronous", "--dataset", "synthetic", "--nudged-steps", "4"]) == 2
    (setting,) = asked
    assert (setting.free_steps, setting.nudged_steps, setting.samples) == (30, 4, 50)


def test_the_cost_of_an_event_is_measured_alone(capsys, monkeypatch):
    monkeypatch.setattr(eventcost, "EVENTS", 5_000)
    asked = ["bench", "events", "--units", "64", "--rounds", "2", "--json", "--quiet"]
    assert main(asked) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["format"] == "eqchip-bench-events 1" and found["rounds"] == 2
    (point,) = found["event_cost"]["points"]
    assert point["units"] == 64 and len(point["nanoseconds_per_event"]) == 3
    assert main(asked[:-2]) == 0
    assert "nanoseconds per tick or message" in capsys.readouterr().out


def test_too_few_units_are_refused_in_one_line(capsys):
    with pytest.raises(InputError, match="units is 31; expected at least 32"):
        eventcost.chain(31, 1)


def test_disagreement_about_synaptic_events_is_refused():
    with pytest.raises(InputError, match="expected the same"):
        asyncspeed._check_equal({"a": 1.0, "b": 2.0}, "a", "b")


# --- the chain and the queues


def test_units_of_the_chain_are_equally_active():
    problem = eventcost.chain(160, 1)
    run = solve(problem, threads=1)
    spikes = run.activity.spikes[0]
    rate = spikes / (eventcost.WIDTH * eventcost.STEPS)
    assert rate == pytest.approx(eventcost.ACTIVITY, abs=0.07)
    for states in run.ends[0]:
        assert states.mean() == pytest.approx(eventcost.ACTIVITY, abs=0.05)


@pytest.mark.parametrize("clocks", [1, 7, 300])
@pytest.mark.parametrize("slots_shift", [(4, 20), (1024, 12)])
def test_wheel_and_heap_hand_out_the_same_events_in_the_same_order(clocks, slots_shift):
    rng = np.random.default_rng(clocks)
    period = (QUANTA * rng.uniform(0.7, 1.3, clocks)).astype(np.int64)
    start = rng.integers(1, QUANTA, clocks)
    loads = [queuebench.new_load(period, start) for _ in range(2)]
    wheel, heap = queuebench.new_wheel(clocks, *slots_shift), queuebench.new_heap(clocks)
    queuebench.start_wheel(wheel, loads[0])
    queuebench.start_heap(heap, loads[1])
    for until in (QUANTA, 3 * QUANTA, 9 * QUANTA):
        one = queuebench.run_wheel(wheel, loads[0], until)
        assert one == queuebench.run_heap(heap, loads[1], until)
    assert one[0] > 0
    np.testing.assert_array_equal(loads[0].ticks, loads[1].ticks)
    assert abs(loads[0].ticks * period + start - 9 * QUANTA).max() <= period.max()
    assert loads[0].serial[0] == loads[1].serial[0] > 0


# --- the table


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))  # it takes its cells from tables.py beside it
    try:
        path = BENCHMARKS / "asynchrony_speed_table.py"
        spec = importlib.util.spec_from_file_location("asynchrony_speed_table", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def test_table_holds_every_contestant_and_size(tables, document):
    text = tables.asynchrony_speed({tables.NAME: document})
    assert all(f"| {c['name']} |" in text for c in document["contestants"])
    assert "| 64 |" in text and "| 192 |" in text
    assert "24-12-4, 3 + 2 x 2 steps, 4 samples, 2 rounds, processor time" in text
    assert tables.asynchrony_speed({}) == "*Not measured yet.*"
