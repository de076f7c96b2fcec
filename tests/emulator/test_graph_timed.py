"""Graphs without a clock for all: the synchronous bits where clocks agree, the reference's else."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_graphs import BOTH, assert_equal_runs, drawn_graph, one_unit

import eqchip as eq

UNCLOCKED = eq.Asynchronous(
    clocks=eq.Clocks(spread=0.2, offset=1.0, jitter=0.1, calibrated=False),
    delays=eq.Delays(fixed=0.5, jitter=0.7),
    faults=eq.Faults(loss=0.1),
    seed=3,
)
PER_POPULATION = eq.Asynchronous(
    clocks=eq.Clocks(per="core", spread=0.3, offset=0.5, calibrated=False),
    delays=eq.Delays(fixed=0.0),
)


@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_with_clocks_that_agree_it_is_the_synchronous_run(precision):
    for seed in range(400, 406):
        graph, x, _ = drawn_graph(seed, precision == "chip")
        asked = {"precision": precision, "record": BOTH, "threads": 1}
        run = eq.run(graph, x, **asked, timing=eq.Asynchronous())
        assert_equal_runs(run, eq.run(graph, x, **asked))


@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_clocks_delays_and_losses_equal_the_reference_to_the_bit(precision):
    spikes = 0
    for seed in range(410, 418):
        graph, x, _ = drawn_graph(seed, precision == "chip")
        for timing in (UNCLOCKED, PER_POPULATION):
            asked = {"precision": precision, "record": BOTH, "timing": timing}
            run = eq.run(graph, x, **asked, threads=1)
            assert_equal_runs(run, eq.run(graph, x, **asked, backend="reference"))
            spikes += sum(run.activity.spikes.values())
    assert spikes > 1000


def test_threads_and_room_for_messages_do_not_show(monkeypatch):
    graph, x, _ = drawn_graph(421, whole=False)
    asked = {"precision": "float64", "record": BOTH, "timing": UNCLOCKED}
    run = eq.run(graph, x, **asked, threads=1)
    monkeypatch.setattr("eqchip.emulator.engine.graph_timed.FEWEST_NODES", 1)
    monkeypatch.setattr("eqchip.emulator.engine.graph_timed.ROOM_PER_AXON", 0)
    assert_equal_runs(run, eq.run(graph, x, **asked, threads=2))


@pytest.mark.nojit
@pytest.mark.parametrize("backend", ["reference", "emulator"])
def test_a_slow_reader_takes_two_messages_at_a_tick(backend):
    # Unit "out" ticks every 1.5 periods, at 1.5, 3, 4.5, 6; spikes of 1, 2, ... take 0.5.
    graph = one_unit(eq.IF(threshold=9.0))
    timing = eq.Asynchronous(delays=eq.Delays(fixed=0.5))
    with pytest.MonkeyPatch.context() as patch:
        for where in ("emulator.engine.graph_clocks", "backends.reference.graph_timed"):
            patch.setattr(
                f"eqchip.{where}.graph_periods", lambda problem: np.full(99, 3 << 19, np.int64)
            )
        run = eq.run(
            graph, np.ones((6, 1, 1)), precision="float64", record=BOTH, timing=timing,
            backend=backend,
        )  # fmt: skip
    assert run.potentials["out"].ravel().tolist() == [0, 1, 2, 2, 4, 5]
    assert run.activity.updates_inactive["out"] == 4


REFUSED = {
    "clocks: restarted": (eq.Asynchronous(clocks=eq.Clocks(restarted=True)), "restarted True"),
    "hop": (eq.Asynchronous(delays=eq.Delays(hop=1.0)), "delays: hop 1.0, which graphs do not"),
    "link": (eq.Asynchronous(queues=eq.Queues(link=0.5)), "queues: link 0.5"),
    "stopped": (eq.Asynchronous(faults=eq.Faults(stopped=((0, 1.0),))), "faults: stopped"),
    "calibrated": (eq.Asynchronous(clocks=eq.Clocks(spread=0.1)), "Clocks(calibrated=False)"),
    "none": ("async", "run: timing is 'async'; expected an Asynchronous"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_graphs_do_not_know_of_timings_is_refused_in_one_line(what):
    timing, expected = REFUSED[what]
    with pytest.raises(eq.InputError) as caught:
        eq.run(one_unit(eq.IF()), np.ones((2, 1, 1)), timing=timing)
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_more_messages_than_allowed_are_refused_in_one_line():
    timing = eq.Asynchronous(delays=eq.Delays(fixed=9.0), most_in_flight=4)
    with pytest.raises(eq.InputError, match="more than 4 messages are under way") as caught:
        eq.run(one_unit(eq.IF()), np.ones((12, 1, 1)), precision="float64", timing=timing)
    assert "\n" not in str(caught.value)
