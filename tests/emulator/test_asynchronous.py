"""The asynchronous engine: the synchronous one under the identity settings, else its witness."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import optional_packages
import pytest
import strategies
import timing_strategies
from equal_runs import assert_equal_arrays, assert_equal_runs, assert_same_activity
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chips import small_chip
from timing_strategies import EVERYTHING, timed
from witnesses import assert_equal_timed, assert_witnessed, engine_solve, witness_solve

import eqchip as eq
from eqchip.backends.discrete import solve as discrete
from eqchip.backends.reference import floating as reference
from eqchip.emulator.activity import Activity
from eqchip.emulator.description.asynchronous import QUANTA, Paths
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.timed import DELIVERED, LOST, SPIKE, TICK, Messages
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.asynchronous import chip_of
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run

PRECISIONS = ["float64", "float32", "chip"]
WITNESSED = {"max_width": 5, "max_steps": 4}  # small: the witness is slow
LONG_CASES = 3000


both = pytest.mark.parametrize(
    "solve", [engine_solve, witness_solve], ids=["engine", "witness"]
)  # fmt: skip


# --- the identity settings ----------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_clocks_in_step_give_the_synchronous_run_to_the_last_bit(precision, data):
    synchronous, asynchronous = data.draw(timing_strategies.identical(precision=precision))
    assert_equal_runs(engine_solve(asynchronous), engine_solve(synchronous))


@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems())
def test_the_default_timing_is_the_identity(problem):
    assert_equal_runs(engine_solve(timed(problem, eq.Asynchronous())), engine_solve(problem))


@settings(deadline=None, max_examples=25)
@given(pair=timing_strategies.identical(max_width=6))
def test_the_witness_is_the_reference_under_the_identity_settings(pair):
    assert_equal_runs(witness_solve(pair[1]), reference.solve(pair[0]))


# --- the witness --------------------------------------------------------------------------


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_engine_equals_its_witness_event_by_event(precision, data):
    assert_witnessed(data.draw(timing_strategies.timed_problems(precision=precision, **WITNESSED)))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_engine_equals_its_witness_on_the_cores_and_links_of_a_chip(precision):
    network = eq.map_network(eq.Network.dense([12, 9, 5], seed=0), small_chip(units=5))
    x, target = np.random.default_rng(0).random((2, 12)), np.eye(5)[:2]
    timing = eq.Asynchronous(
        clocks=eq.Clocks(per="core", spread=0.1, offset=1.0, jitter=0.1),
        delays=eq.Delays(0.5, hop=0.25, jitter=0.125),
        queues=eq.Queues(synaptic_event=1 / 128, link=0.125),
        faults=eq.Faults(loss=0.05),
    )
    optional_packages.need("simpy", "pip install 'eqchip[simpy]'")
    got, expected = (
        eq.run(
            network,
            x,
            coding=eq.Coding(),
            phases=[eq.Free(8), eq.Nudged(4, target, 0.5, from_free=True)],
            precision=precision,
            record=EVERYTHING,
            timing=timing,
            backend=backend,
        )
        for backend in ("emulator", "discrete")
    )
    assert got.timed.link_backlog.max() > 0 and got.timed.backlog.max() > 1  # links and cores queue
    assert_equal_timed(got.timed, expected.timed)
    assert_equal_runs(got, expected)
    for name in ("spikes", "synaptic_events", "messages_sent", "messages_received", "links"):
        np.testing.assert_array_equal(getattr(got.cores, name), getattr(expected.cores, name))


@pytest.mark.long
@settings(deadline=None, max_examples=LONG_CASES)
@given(problem=timing_strategies.timed_problems(max_width=9, max_steps=8))
def test_engine_equals_its_witness_on_thousands_of_networks(problem):
    assert_witnessed(problem)


@pytest.mark.parametrize("delay", [1.0, 0.0], ids=["in windows", "one by one"])
def test_clocks_of_silent_inputs_that_restart_are_as_late_as_they_were(delay):
    timing = eq.Asynchronous(
        clocks=eq.Clocks(spread=0.1, offset=1.0, jitter=0.4, restarted=True),
        delays=eq.Delays(delay),
    )
    target = np.eye(2)[:1]
    phases = [eq.Free(3), *(eq.Nudged(3, target, b, from_free=True) for b in (0.5, -0.5))]
    x = np.zeros((1, 40))
    x[0, 0] = 0.5
    network = eq.Network.dense([40, 3, 2], seed=0)
    assert_witnessed(
        pose(network, x, coding=PLAIN, phases=phases, timing=timing, record=EVERYTHING)
    )


# --- conservation -------------------------------------------------------------------------


def kinds(events: np.ndarray, *which: int) -> np.ndarray:
    """The events of some kinds."""
    return events[np.isin(events["kind"], which)]


def rows_of(events: np.ndarray) -> np.ndarray:
    """The nominal step of each event: row k covers (k, k + 1]."""
    return -(-events["time"] // QUANTA) - 1


def counted(events: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Events by nominal step and core, shape (steps, cores)."""
    counts = np.zeros_like(like)
    np.add.at(counts, (rows_of(events), events["core"]), 1)
    return counts


@settings(deadline=None, max_examples=60)
@given(problem=timing_strategies.timed_problems())
def test_every_message_is_delivered_lost_withdrawn_or_left(problem):
    run = engine_solve(problem)
    m = run.timed.messages
    assert (m.sent + m.restored).sum() == (
        m.delivered + m.lost + m.withdrawn
    ).sum() + run.timed.left
    assert run.timed.left == run.timed.in_flight[-1].sum()
    ends = np.cumsum([phase.steps for phase in problem.phases])
    parts = problem.parts or [Part(k, 0, n) for k, n in enumerate(problem.network.sizes)]
    phase_of = np.searchsorted(ends, np.arange(problem.steps), side="right")
    listed = np.concatenate([rows_of(kinds(events, DELIVERED)) for events in run.timed.events])
    np.testing.assert_array_equal(np.bincount(phase_of[listed], minlength=len(ends)), m.delivered)
    for sample, events in enumerate(run.timed.events):
        received = run.timed.received[:, sample]
        np.testing.assert_array_equal(counted(kinds(events, DELIVERED), received), received)
        updates = run.timed.updates[:, sample]
        not_input = [part.layer > 0 for part in parts]  # not all ticks of an input are listed
        np.testing.assert_array_equal(
            counted(kinds(events, TICK, SPIKE), updates)[:, not_input], updates[:, not_input]
        )
        spikes = run.timed.spikes[:, sample]
        if problem.coding.quantizer != "none":
            np.testing.assert_array_equal(counted(kinds(events, SPIKE), spikes), spikes)
            bits = [layer[:, sample].reshape(len(spikes), -1) for layer in run.bits]
            np.testing.assert_array_equal(
                np.sum([layer.sum(axis=1, dtype=int) for layer in bits], axis=0), spikes.sum(axis=1)
            )
    updates = run.activity.updates_active + run.activity.updates_inactive
    assert updates.sum() == run.timed.updates.sum()


@settings(deadline=None, max_examples=60)
@given(problem=timing_strategies.timed_problems(from_free=False))
def test_a_message_is_delivered_after_its_spike_by_a_quantum_or_more(problem):
    run = engine_solve(problem)
    for events in run.timed.events:
        assert (np.diff(events["time"]) >= 0).all()
        delivered = kinds(events, DELIVERED)
        for unit, core in {(event["unit"], event["core"]) for event in delivered}:
            sent = kinds(events, SPIKE)
            sent = sent["time"][sent["unit"] == unit]
            mine = (delivered["unit"] == unit) & (delivered["core"] == core)
            arrived = delivered["time"][mine]
            assert len(arrived) <= len(sent)
            # The n-th delivery needs n spikes strictly before it.
            assert (sent[: len(arrived)] < arrived).all()


# --- determinism --------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(problem=timing_strategies.timed_problems())
def test_two_threads_give_what_one_gives(problem):
    one, two = engine.solve(problem, threads=1), engine.solve(problem, threads=2)
    assert_equal_runs(two, one)
    assert_equal_timed(two.timed, one.timed)


@settings(deadline=None, max_examples=25)
@given(problem=timing_strategies.timed_problems())
def test_a_batch_gives_what_its_samples_give_alone(problem):
    together = engine_solve(problem)
    activity = Activity.zeros(problem.phase_names, len(problem.network.layers))
    left, messages = 0, np.zeros((len(Messages._fields), len(problem.phases)), np.int64)
    for index in range(len(problem.x)):
        alone = engine_solve(strategies.single_sample(problem, index))
        one = slice(index, index + 1)
        assert_equal_arrays(alone.bits, [b[:, one] for b in together.bits], "bits")
        assert_equal_arrays(alone.potentials, [s[:, one] for s in together.potentials], "s")
        for k, end in enumerate(alone.ends):
            assert_equal_arrays(end, [s[one] for s in together.ends[k]], f"ends of phase {k}")
        activity = activity + alone.activity
        messages += np.stack(alone.timed.messages)
        left += alone.timed.left
        alike = {
            name: getattr(together.timed, name)[:, one]
            for name in (
                "in_flight", "backlog", "link_backlog", "updates", "received", "spikes",
            )
        }  # fmt: skip
        events = together.timed.events[one]
        rest = {"messages": alone.timed.messages, "left": alone.timed.left, "events": events}
        assert_equal_timed(alone.timed, replace(together.timed, **alike, **rest))
    assert_same_activity(activity, together.activity)
    np.testing.assert_array_equal(messages, np.stack(together.timed.messages))
    assert left == together.timed.left


@settings(deadline=None, max_examples=25)
@given(problem=timing_strategies.timed_problems())
def test_recording_changes_no_result(problem):
    recorded = engine_solve(problem)
    silent = engine_solve(replace(problem, record=frozenset()))
    assert silent.bits is None and silent.potentials is None and silent.timed.events is None
    for one, other in zip(silent.ends, recorded.ends, strict=True):
        assert_equal_arrays(one, other, "ends")
    assert_same_activity(silent.activity, recorded.activity)
    assert_equal_timed(silent.timed, replace(recorded.timed, events=None))


def test_a_chip_is_made_anew_for_other_synapses_between_layers_of_the_same_sizes():
    """Which core a spike goes to is part of it: the network before this one reached others."""
    rng = np.random.default_rng(0)
    for seed in range(3):
        mask = np.random.default_rng(seed).random((6, 4)) < 0.4
        network = eq.Network.chain([eq.Sparse.from_mask(mask), eq.Dense(4, 2)], seed=0)
        problem = pose(
            network, rng.random((1, 6)), coding=PLAIN, phases=[eq.Free(6)],
            record=("bits", "potentials"),
        )  # fmt: skip
        assert_equal_runs(engine_solve(timed(problem, eq.Asynchronous())), engine_solve(problem))


# --- windows ------------------------------------------------------------------------------


def windows_of(problem: Problem) -> Any:
    """The windows in which the engine takes the ticks of a problem, or None."""
    return chip_of(problem, engine.ask(problem, engine.lower_problem(problem))).windows


def assert_equal_in_windows(problem: Problem) -> None:
    """Events are taken one by one where they are logged, else in windows: with equal results."""
    one_by_one = engine_solve(problem)
    in_windows = engine_solve(replace(problem, record=problem.record - {"events"}))
    assert_equal_runs(in_windows, one_by_one)
    assert_equal_timed(in_windows.timed, replace(one_by_one.timed, events=None))


@pytest.mark.parametrize("precision", PRECISIONS)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_windows_give_what_events_one_by_one_give(precision, data):
    problem = data.draw(timing_strategies.windowed_problems(precision=precision))
    assert windows_of(problem) is not None
    assert_equal_in_windows(problem)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_windows_give_the_same_on_wide_layers_and_on_cores_that_end_within_a_line(precision):
    network = eq.Network.dense([300, 250, 20], seed=0)
    x, target = np.random.default_rng(0).random((2, 300)), np.eye(20)[:2]
    parts = [Part(0, 0, 300), Part(1, 0, 141), Part(1, 141, 109), Part(2, 0, 7), Part(2, 7, 13)]
    timing = eq.Asynchronous(
        clocks=eq.Clocks(spread=0.1, offset=1.0), delays=eq.Delays(1.0, jitter=0.5), stop=22.4
    )
    problem = pose(
        network,
        x,
        coding=eq.Coding(),
        phases=[eq.Free(12), *(eq.Nudged(6, target, b, from_free=True) for b in (0.5, -0.5))],
        precision=precision,
        record=EVERYTHING,
        timing=timing,
    )
    problem = replace(problem, parts=tuple(parts))
    assert windows_of(problem) is not None
    assert_equal_in_windows(problem)
    assert engine_solve(problem).timed.messages.delivered.sum() > 10_000


@pytest.mark.parametrize(
    "change",
    [
        {"clocks": eq.Clocks("core", spread=0.1)},
        {"delays": eq.Delays(fixed=0.0)},
        {"queues": eq.Queues(synaptic_event=0.125)},
        {"clocks": eq.Clocks(jitter=1.0)},
    ],
    ids=["a clock of many units", "no delay", "a queue", "ticks that may meet"],
)
def test_what_windows_cannot_hold_goes_one_by_one(change):
    timing = replace(eq.Asynchronous(clocks=eq.Clocks(spread=0.1)), **change)
    assert windows_of(timed(pose(NETWORK, X, coding=PLAIN, phases=PHASES), timing)) is None


def test_too_many_messages_are_refused_in_windows_as_one_by_one():
    asked = pose(
        eq.Network.dense([2, 1], weights=[[[1.0], [1.0]]]),
        [[0.0, 0.0], [1.0, 0.5]],
        coding=PLAIN,
        phases=[eq.Free(9)],
        timing=eq.Asynchronous(
            clocks=eq.Clocks(spread=0.1), delays=eq.Delays(fixed=100.0), most_in_flight=6
        ),
    )
    assert windows_of(asked) is not None
    refused = []
    for record in (frozenset(), frozenset({"events"})):
        with pytest.raises(eq.InputError, match="sample 1 has 6 messages") as error:
            engine.solve(replace(asked, record=record), threads=1)
        refused.append(error.value)
    assert str(refused[0]) == str(refused[1])
    np.testing.assert_array_equal(refused[0].run.timed.in_flight, refused[1].run.timed.in_flight)


# --- worked out by hand -------------------------------------------------------------------

PLAIN = eq.Coding("sigma-delta", step_size=eq.Polynomial(1.0), prediction=None)


def chain(
    timing: eq.Asynchronous,
    phases: list[Any],
    *,
    x: tuple[float, ...] = (1.0,),
    weight: float = 1.0,
    precision: str = "float64",
    paths: Paths | None = None,
) -> Problem:
    """Input units that all drive one output unit, which follows its drive at once."""
    return pose(
        eq.Network.dense([len(x), 1], weights=[[[weight]] * len(x)]),
        [x],
        coding=PLAIN,
        phases=phases,
        precision=precision,  # type: ignore[arg-type]
        record=EVERYTHING,
        timing=timing,
        paths=paths,
    )


def output(run: Run) -> list[float]:
    """The potential of the output unit at the end of each nominal step."""
    return run.potentials[1].ravel().tolist()


def assert_messages(run: Run, left: int, **expected: list[int]) -> None:
    """What became of the messages, by phase; what is not named is 0."""
    nothing = [0] * len(run.phases)
    for name in Messages._fields:
        found = getattr(run.timed.messages, name).tolist()
        assert found == expected.get(name, nothing), name
    assert run.timed.left == left


@both
def test_ticks_happen_when_the_formula_says(solve):
    # Of seed 7, the first 24 bits drawn for units 0 and 1: period 2629185, 12796160; offset
    # 2700315, 4968842. P = 2**20 (1 + sqrt(3) / 4 (2 u / 2**24 - 1)) = 736838, 1287142;
    # O = P u >> 24 = 118595, 381207; tick k at k P - O + (2**17 u_k >> 24) with u_k = 5635188,
    # 14226661 and 14508744, 11007218 for k = 1, 2.
    timing = eq.Asynchronous(clocks=eq.Clocks(spread=0.25, offset=1.0, jitter=0.125), seed=7)
    run = solve(chain(timing, [eq.Free(3)]))
    np.testing.assert_array_equal(run.timed.periods * QUANTA, [736838, 1287142])
    for unit, ticks in enumerate([[662267, 1466226, 2126719], [1019284, 2279070]]):
        events = kinds(run.timed.events[0], TICK, SPIKE)
        times = events["time"][events["unit"] == unit].tolist()
        assert times[: len(ticks)] == ticks
    # Rows cover (0, 1], (1, 2], (2, 3]; 2**20 = 1048576: ticks at .63, 1.40, 2.03 and .97, 2.17;
    # the fourth of unit 0 is not before 4 * 736838 - 118595 = 2.70 and not after 2.83.
    assert run.timed.updates[:, 0].tolist() == [[1, 1], [1, 0], [2, 1]]


@both
def test_a_delay_of_two_and_a_half_steps(solve):
    # Spikes at 1, 2, 3, ... arrive at 3.5, 4.5, 5.5, ...: the first is read at 4.
    run = solve(chain(eq.Asynchronous(delays=eq.Delays(fixed=2.5)), [eq.Free(6)]))
    assert output(run) == [0, 0, 0, 1, 1, 1]
    assert run.bits[0].ravel().tolist() == [1] * 6
    assert run.timed.in_flight.ravel().tolist() == [1, 2, 3, 3, 3, 3]
    assert run.timed.received[:, 0].tolist() == [[0, 0], [0, 0], [0, 0], [0, 1], [0, 1], [0, 1]]
    assert_messages(run, 3, sent=[6], delivered=[3])
    # The output spikes from 4 on, but sends nothing to the clamped input.
    assert run.activity.spikes.tolist() == [[6, 3]]
    assert run.activity.synaptic_events.tolist() == [[[3, 0]]]


@both
def test_a_phase_from_free_finds_the_messages_that_were_in_flight(solve):
    # At 3, messages are due at 3.5, 4.5, 5.5. At 4 the first is read: 1 + (1 - 0), clipped to 1.
    # Then three are withdrawn, and the three of before come at 4.5, 5.5, 6.5: at 5 and 6 the
    # drive is 1 - (1 - 0) = 0.
    phases = [
        eq.Free(3),
        eq.Nudged(1, [[1.0]], beta=0.5),
        eq.Nudged(2, [[1.0]], beta=-0.5, from_free=True),
    ]
    run = solve(chain(eq.Asynchronous(delays=eq.Delays(fixed=2.5)), phases))
    assert output(run) == [0, 0, 0, 1, 0, 0]
    assert [end[1].item() for end in run.ends] == [0, 1, 0]
    assert_messages(
        run, 3, sent=[3, 1, 2], delivered=[0, 1, 2], withdrawn=[0, 0, 3], restored=[0, 0, 3]
    )
    assert run.timed.in_flight.ravel().tolist() == [1, 2, 3, 3, 3, 3]


@both
def test_of_six_messages_one_is_lost(solve):
    # Of seed 9, the second words of the ticks 1 to 6 of unit 0: only the second is below 1/4.
    timing = eq.Asynchronous(faults=eq.Faults(loss=0.25), seed=9)
    run = solve(chain(timing, [eq.Free(6)]))
    assert output(run) == [0, 1, 0, 1, 1, 1]
    assert_messages(run, 1, sent=[6], delivered=[4], lost=[1])
    lost = kinds(run.timed.events[0], LOST)
    assert lost[["unit", "core", "value"]].tolist() == [(0, 1, 1.0)]


@both
def test_three_messages_queue_at_a_core(solve):
    # All arrive at 1.5 and are served until 1.75, 2, 2.25: two are read at 2. The next three
    # arrive at 2.5: of five, three are read at 3.
    timing = eq.Asynchronous(delays=eq.Delays(0.5), queues=eq.Queues(synaptic_event=0.25))
    run = solve(chain(timing, [eq.Free(3)], x=(1.0, 1.0, 1.0), weight=0.25))
    assert output(run) == [0, 0.5, 0.75]
    assert run.timed.backlog[:, 0].tolist() == [[0, 0], [0, 3], [0, 3]]
    assert run.timed.in_flight.ravel().tolist() == [3, 4, 4]
    assert run.timed.received[:, 0, 1].tolist() == [0, 2, 3]
    delivered = kinds(run.timed.events[0], DELIVERED)
    assert (delivered["time"] / QUANTA).tolist() == [1.75, 2, 2.25, 2.75, 3]
    assert delivered["unit"].tolist() == [0, 1, 2, 0, 1]
    assert_messages(run, 4, sent=[9], delivered=[5])


@both
def test_three_messages_wait_for_a_link(solve):
    # All reach the link at 1.375, enter it at 1.375, 1.875, 2.375, and arrive a hop of 0.25
    # later: one is read at 2, two at 3. At 2.375 the next three come and the last one enters.
    timing = eq.Asynchronous(
        delays=eq.Delays(0.375, hop=0.25), queues=eq.Queues(link=0.5)
    )  # fmt: skip
    ways = timing_strategies.paths([[], [0], [0], []], 2)
    run = solve(chain(timing, [eq.Free(3)], x=(1.0, 1.0, 1.0), weight=0.25, paths=ways))
    assert output(run) == [0, 0.25, 0.5]
    assert run.timed.link_backlog.ravel().tolist() == [0, 2, 3]
    assert run.timed.in_flight.ravel().tolist() == [3, 5, 6]
    delivered = kinds(run.timed.events[0], DELIVERED)
    assert (delivered["time"] / QUANTA).tolist() == [1.625, 2.125, 2.625]
    assert delivered["unit"].tolist() == [0, 1, 2]


@both
def test_hops_add_to_the_delay(solve):
    # 0.5 + 2 x 0.5 = 1.5: spikes at 1, 2, ... are read at 3, 4, ...
    ways = timing_strategies.paths([[], [0, 1], [1, 0], []], 2)
    timing = eq.Asynchronous(delays=eq.Delays(0.5, hop=0.5))
    assert output(solve(chain(timing, [eq.Free(4)], paths=ways))) == [0, 0, 1, 1]


@both
def test_a_stuck_unit_sends_what_it_is_stuck_at(solve):
    at_0 = eq.Asynchronous(faults=eq.Faults(stuck_at_0=((0, 0),)))
    assert output(solve(chain(at_0, [eq.Free(3)]))) == [0, 0, 0]
    at_1 = eq.Asynchronous(faults=eq.Faults(stuck_at_1=((0, 0),)))
    run = solve(chain(at_1, [eq.Free(3)], x=(0.0,)))
    assert output(run) == [0, 1, 1]
    assert run.potentials[0].ravel().tolist() == [0, 0, 0]
    assert run.activity.spikes.tolist() == [[3, 2]]


@both
def test_a_stopped_core_ticks_no_more_and_loses_what_arrives(solve):
    # The input ticks at 1 and 2, also at the very time of its stop.
    run = solve(chain(eq.Asynchronous(faults=eq.Faults(stopped=((0, 2.0),))), [eq.Free(4)]))
    assert output(run) == [0, 1, 1, 0]
    # The output ticks at 1 and 2, and keeps its potential; of the messages sent at 1, 2, 3, 4
    # the first arrives in time, two are lost at 3 and 4, one is left.
    run = solve(chain(eq.Asynchronous(faults=eq.Faults(stopped=((1, 2.5),))), [eq.Free(4)]))
    assert output(run) == [0, 1, 1, 1]
    assert run.timed.updates[:, 0].tolist() == [[1, 1], [1, 1], [1, 0], [1, 0]]
    assert_messages(run, 1, sent=[4], delivered=[1], lost=[2])
    lost = kinds(run.timed.events[0], LOST)
    assert (lost["time"] / QUANTA).tolist() == [3, 4]


@both
def test_a_run_stops_within_its_last_phase(solve):
    # Messages take half a step: the second arrives at 2.5, after the end.
    timing = eq.Asynchronous(delays=eq.Delays(0.5), stop=2.25)
    run = solve(chain(timing, [eq.Free(1), eq.Free(9)]))
    assert run.timed.end == 2.25
    assert output(run)[:3] == [0, 1, 1]
    assert [end[1].item() for end in run.ends] == [0, 1]
    assert_messages(run, 1, sent=[1, 1], delivered=[0, 1])


@both
def test_a_stop_after_the_end_changes_nothing(solve):
    ends = [solve(chain(eq.Asynchronous(stop=stop), [eq.Free(3)])) for stop in (None, 3.0, 7.5)]
    for run in ends[1:]:
        assert_equal_runs(run, ends[0])
        assert_equal_timed(run.timed, ends[0].timed)


# Of seed 2321, spread 0.3: the clock of the input has period 517345 / 2**20 = 0.493, that of
# the output 1556204 / 2**20 = 1.484. Three messages come where one would, were all clocks one.
FAST_TO_SLOW = {"spread": 0.3}
FAST, SLOW = 517345 / QUANTA, 1556204 / QUANTA
RATIO_SEED = 2321
LONG_RUN = 900
W, S = 0.125, 0.75


def mean_drive(solve: Any, precision: str, calibrated: bool) -> tuple[float, int]:
    """Over all ticks of the output unit, whose potential is its drive; and how many there are."""
    clocks = eq.Clocks(**FAST_TO_SLOW, calibrated=calibrated)
    timing = eq.Asynchronous(clocks=clocks, seed=RATIO_SEED)
    run = solve(chain(timing, [eq.Free(LONG_RUN)], x=(S,), weight=W, precision=precision))
    np.testing.assert_array_equal(run.timed.periods, [FAST, SLOW])
    events = kinds(run.timed.events[0], TICK, SPIKE)
    drives = events["value"][events["unit"] == 1]
    assert len(drives) == LONG_RUN // SLOW
    return float(drives.mean()), len(drives)


@both
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_calibrated_decoder_is_unbiased_between_clocks_of_different_rates(solve, precision):
    mean, ticks = mean_drive(solve, precision, calibrated=True)
    # At both ends of the run some messages are missing: fewer than 3 / FAST + 1 of weight W FAST.
    tolerance = 4 * W / ticks
    if precision == "chip":
        # 128 FAST = 63.15 is rounded to 63, 4096 / SLOW to a whole number; each tick may round
        # twice by one unit of the last of 12 bits.
        tolerance += W * S * (0.5 / 63 + 0.5 / 2760) + 2 / 4096
    assert abs(mean - W * S) <= tolerance


@both
@pytest.mark.parametrize("precision", PRECISIONS)
def test_an_uncalibrated_decoder_is_biased_by_the_ratio_of_the_periods(solve, precision):
    mean, ticks = mean_drive(solve, precision, calibrated=False)
    assert abs(mean - W * S * SLOW / FAST) <= 8 * W / ticks


# --- bad input ----------------------------------------------------------------------------

NETWORK = eq.Network.dense([3, 2], seed=0)
X = [[1.0, 0.5, 0.25]]
PHASES = [eq.Free(4), eq.Nudged(3, [[1.0, 0.0]], beta=0.5)]
HALVES = [np.full((7, 1, 3), 0.5), np.full((7, 1, 2), 0.5)]


def ask(timing: Any = None, **more: Any) -> Run:
    """A run that is fine but for what is given."""
    return eq.run(NETWORK, X, **{"coding": PLAIN, "phases": PHASES, **more}, timing=timing)


BAD = {
    "negative delay": (lambda: eq.Delays(fixed=-1.0), "fixed"),
    "negative jitter of delays": (lambda: eq.Delays(jitter=-0.5), "jitter"),
    "infinite delay": (lambda: eq.Delays(fixed=float("inf")), "fixed"),
    "delay that is no number": (lambda: eq.Delays(fixed=float("nan")), "fixed"),
    "negative hop": (lambda: eq.Delays(hop=-1.0), "hop"),
    "negative service": (lambda: eq.Queues(synaptic_event=-1.0), "synaptic_event"),
    "negative link": (lambda: eq.Queues(link=-1.0), "link"),
    "negative spread": (lambda: eq.Clocks(spread=-0.1), "spread"),
    "spread that makes a period negative": (lambda: eq.Clocks(spread=0.6), "spread"),
    "offset of more than a period": (lambda: eq.Clocks(offset=1.5), "offset"),
    "jitter wider than the shortest period": (
        lambda: eq.Clocks(spread=0.5, jitter=0.2), "jitter",
    ),
    "jitter wider than a period": (lambda: eq.Clocks(jitter=1.1), "jitter"),
    "unknown clocks": (lambda: eq.Clocks(per="chip"), "per"),
    "loss of 1": (lambda: eq.Faults(loss=1.0), "loss"),
    "negative loss": (lambda: eq.Faults(loss=-0.1), "loss"),
    "share of stuck units above 1": (lambda: eq.Faults(stuck_at_0=1.5), "stuck_at_0"),
    "stuck units that are no pairs": (lambda: eq.Faults(stuck_at_1=((0, 1, 2),)), "stuck_at_1"),
    "negative seed": (lambda: eq.Asynchronous(seed=-1), "seed"),
    "stop at 0": (lambda: eq.Asynchronous(stop=0.0), "stop"),
    "negative period": (lambda: eq.Asynchronous(period=-1.0), "period"),
    "no messages allowed": (lambda: eq.Asynchronous(most_in_flight=0), "most_in_flight"),
    "clocks of another kind": (lambda: eq.Asynchronous(clocks=0.1), "clocks"),
    "stop before the last phase begins": (lambda: ask(eq.Asynchronous(stop=3.5)), "stop"),
    "stop as the last phase begins": (lambda: ask(eq.Asynchronous(stop=4.0)), "stop"),
    "stopped core that does not exist": (
        lambda: ask(eq.Asynchronous(faults=eq.Faults(stopped=((2, 1.0),)))), "core 2",
    ),
    "stuck unit that does not exist": (
        lambda: ask(eq.Asynchronous(faults=eq.Faults(stuck_at_1=((1, 2),)))), "stuck at 1",
    ),
    "stuck layer that does not exist": (
        lambda: ask(eq.Asynchronous(faults=eq.Faults(stuck_at_0=((2, 0),)))), "stuck at 0",
    ),
    "uniforms by hand with unequal clocks": (
        lambda: ask(
            eq.Asynchronous(clocks=eq.Clocks(spread=0.1)),
            coding=eq.Coding("bernoulli"),
            uniforms=HALVES,
        ),
        "uniforms",
    ),
    "hop time without a mapped network": (
        lambda: ask(eq.Asynchronous(delays=eq.Delays(hop=0.1))), "hop",
    ),
    "link time without a mapped network": (
        lambda: ask(eq.Asynchronous(queues=eq.Queues(link=0.1))), "link",
    ),
    "maxima without a clock": (
        lambda: eq.run(
            eq.Network.chain([eq.Conv2d((4, 4, 1), 2, 1, pool=eq.MaxPool2d(2))]),
            np.zeros((1, 16)), coding=PLAIN, phases=[eq.Free(2)], timing=eq.Asynchronous(),
        ),
        "maximum",
    ),
    "timing that is none": (lambda: ask("async"), "timing"),
    "events of a run without timing": (lambda: ask(record=("events",)), "events"),
    "timing with a backend that has none": (
        lambda: ask(eq.Asynchronous(), backend="reference"), "timing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.replace(" ", "-"))
def test_bad_input_is_refused_in_one_line(case):
    make, named = BAD[case]
    with pytest.raises(eq.InputError) as refused:
        make()
    text = str(refused.value)
    assert "\n" not in text
    assert named in text
    assert "expected" in text


def test_too_many_messages_are_refused_and_what_was_computed_is_kept():
    # An input at 1 sends a message at every step, and nothing arrives within 100 steps: at 5
    # there are more than 4.
    timing = eq.Asynchronous(delays=eq.Delays(fixed=100.0), most_in_flight=4)
    with pytest.raises(eq.InputError) as refused:
        eq.run(
            eq.Network.dense([1, 1], weights=[[[1.0]]]),
            [[1.0]],
            coding=PLAIN,
            phases=[eq.Free(9)],
            record=EVERYTHING,
            timing=timing,
        )
    text = str(refused.value)
    assert "\n" not in text
    assert "most_in_flight" in text and "4" in text
    run = refused.value.run
    assert isinstance(run, Run)
    assert run.bits[0][:4].ravel().tolist() == [1] * 4
    assert run.timed.in_flight[:4].ravel().tolist() == [1, 2, 3, 4]


def test_the_overflow_of_the_lowest_sample_is_raised_on_any_number_of_threads():
    # Samples at 1 overflow, at step 5; those of two threads are 0, 1 and 2, 3.
    asked = pose(
        eq.Network.dense([1, 1], weights=[[[1.0]]]),
        [[0.0], [1.0], [0.5], [1.0]],
        coding=PLAIN,
        phases=[eq.Free(9)],
        record=EVERYTHING,
        timing=eq.Asynchronous(delays=eq.Delays(fixed=100.0), most_in_flight=4),
    )
    found = []
    for threads in (1, 2, 4):
        with pytest.raises(eq.InputError, match="sample 1 has 4 messages") as refused:
            engine.solve(asked, threads=threads)
        found.append(refused.value.run)
    assert [len(events) > 0 for events in found[0].timed.events] == [True, True, False, False]
    assert found[0].bits[0].sum(axis=0).ravel().tolist() == [0, 5, 0, 0]
    for run in found[1:]:
        assert_equal_runs(run, found[0])
        for name in ("in_flight", "backlog", "updates", "received", "spikes"):
            np.testing.assert_array_equal(
                getattr(run.timed, name), getattr(found[0].timed, name), err_msg=name
            )
        for events, expected in zip(run.timed.events, found[0].timed.events, strict=True):
            np.testing.assert_array_equal(events, expected)


def test_means_over_steps_are_refused_where_units_keep_their_own_time():
    problem = timed(pose(NETWORK, X, coding=PLAIN, phases=PHASES), eq.Asynchronous())
    with pytest.raises(eq.InputError) as refused:
        engine.solve(problem, threads=1, average_steps=2)
    assert "average_steps is 2 with a timing" in str(refused.value)
    assert "\n" not in str(refused.value)


@both
def test_the_most_messages_allowed_are_allowed(solve):
    timing = eq.Asynchronous(delays=eq.Delays(fixed=100.0), most_in_flight=4)
    assert solve(chain(timing, [eq.Free(4)])).timed.left == 4


def test_the_witness_needs_a_timing():
    problem = pose(NETWORK, X, coding=PLAIN, phases=PHASES)
    with pytest.raises(eq.InputError, match="timing is None"):
        discrete.solve(problem)


def test_the_witness_names_the_package_that_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "simpy", None)  # as if it were not installed
    with pytest.raises(eq.InputError) as refused:
        ask(eq.Asynchronous(), backend="discrete")
    assert "\n" not in str(refused.value)
    assert "pip install 'eqchip[simpy]'" in str(refused.value)
