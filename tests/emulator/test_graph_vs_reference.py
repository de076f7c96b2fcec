"""Graphs on the engine: every bit of the reference; threads and batches; numbers by hand."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from drawn_graphs import BOTH, assert_equal_runs, drawn_graph, idle_kinds, one_unit

import eqchip as eq


@pytest.mark.parametrize(
    ("precision", "seeds"),
    [("float64", range(40)), ("chip", range(100, 140)), ("float32", range(200, 206))],
)
def test_drawn_graphs_equal_the_reference_to_the_bit(precision, seeds):
    spikes = 0
    for seed in seeds:
        graph, x, _ = drawn_graph(seed, precision == "chip")
        asked = {"precision": precision, "record": BOTH}
        run = eq.run(graph, x, **asked, threads=1)
        assert_equal_runs(run, eq.run(graph, x, **asked, backend="reference"))
        spikes += sum(run.activity.spikes.values())
    assert spikes > 100 * len(seeds)


@pytest.mark.long
@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_a_thousand_drawn_graphs_equal_the_reference_to_the_bit(precision):
    test_drawn_graphs_equal_the_reference_to_the_bit(precision, range(1000, 2000))


@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_threads_and_batches_do_not_show(precision):
    for seed in range(300, 310):
        graph, x, steps = drawn_graph(seed, precision == "chip")
        asked = {"precision": precision, "record": BOTH}
        run = eq.run(graph, x, **asked, threads=1)
        assert_equal_runs(run, eq.run(graph, x, **asked, threads=2))
        samples = len(next(iter(run.counts.values())))
        for b in range(samples):
            own = {
                name: value[:, b : b + 1] if len(value) == steps and name != "signed"
                else value[b : b + 1]
                for name, value in x.items()
            }  # fmt: skip
            alone = eq.run(graph, own, **asked, threads=1)
            for name, spikes in alone.spikes.items():
                assert np.array_equal(spikes[:, 0], run.spikes[name][:, b])


def test_pieces_are_the_whole_run():
    for seed in (310, 311, 312):
        graph, x, steps = drawn_graph(seed, whole=False)
        asked = {"precision": "float64", "record": BOTH}
        whole = eq.run(graph, x, **asked, threads=1)
        batch = len(whole.counts["bits"])
        simulation = eq.Simulation(graph, batch=batch, precision="float64")
        cuts, pieces = [0, 1, 2, steps], []
        for first, last in zip(cuts[:-1], cuts[1:], strict=True):
            own = {n: v if n == "signed" else v[first:last] for n, v in x.items()}
            if first < last:
                pieces.append(simulation.step(own, last - first, record=BOTH))
        assert simulation.steps == steps
        for name in BOTH:
            for key, array in getattr(whole, name).items():
                found = np.concatenate([getattr(piece, name)[key] for piece in pieces])
                assert np.array_equal(found, array), (name, key)
        assert all(np.array_equal(pieces[-1].ends[k], whole.ends[k]) for k in whole.ends)
        events = [piece.activity.synaptic_events for piece in pieces]
        for key, count in whole.activity.synaptic_events.items():
            assert sum(own[key] for own in events) == count


def test_a_loop_is_closed_around_a_graph():
    graph = one_unit(eq.IF(threshold=2.5, reset="subtract"))
    simulation, fired = eq.Simulation(graph, precision="float64"), []
    for _ in range(12):  # fed only while it is silent
        fired.append(simulation.step([[not (fired and fired[-1])]]).counts["out"].item())
    assert fired == [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0]
    with pytest.raises(eq.InputError, match="step: x has a batch of 2; expected 1"):
        simulation.step([[1], [1]])
    assert simulation.steps == 12


def voltages(graph, spikes, backend, precision="float64"):
    x = np.array(spikes).reshape(-1, 1, 1)
    run = eq.run(graph, x, precision=precision, record=BOTH, backend=backend)
    return run.potentials["out"].ravel().tolist(), run.spikes["out"].ravel().tolist()


@pytest.mark.nojit
@pytest.mark.parametrize("backend", ["reference", "emulator"])
class TestByHand:
    def test_a_spike_arrives_one_step_later_and_a_tie_does_not_fire(self, backend):
        graph = one_unit(eq.LIF(decay=0.5, threshold=1.0))
        # v = 1 is the threshold itself; 1.5 is above it
        assert voltages(graph, [1, 1, 0, 0], backend) == ([0, 1, 0, 0], [0, 0, 1, 0])

    def test_a_delay_adds_its_steps(self, backend):
        graph = one_unit(eq.IF(threshold=9), delay=2)
        assert voltages(graph, [1, 0, 0, 0, 1], backend) == ([0, 0, 0, 1, 1], [0] * 5)

    def test_a_reset_subtracts(self, backend):
        graph = one_unit(eq.IF(threshold=1.0, reset="subtract"), 1.75)
        v, q = voltages(graph, [1, 1, 1, 0], backend)
        assert (v, q) == ([0, 0.75, 1.5, 2.25], [0, 1, 1, 1])

    def test_a_refractory_unit_neither_integrates_nor_fires(self, backend):
        graph = one_unit(eq.IF(threshold=1.0, refractory=2), 1.5)
        v, q = voltages(graph, [1] * 6, backend)
        assert (v, q) == ([0] * 6, [0, 1, 0, 0, 1, 0])

    def test_a_floor_holds(self, backend):
        graph = one_unit(eq.IF(threshold=1.0, floor=-0.5), -0.4)
        assert voltages(graph, [1, 1, 1], backend)[0] == [0, -0.4, -0.5]

    def test_signed_units_fire_both_ways(self, backend):
        graph = one_unit(eq.IF(threshold=1.0, signed=True), -1.5)
        assert voltages(graph, [1, 1, 0], backend) == ([0, 0, 0], [0, -1, -1])

    def test_a_current_with_a_memory(self, backend):
        graph = one_unit(eq.CubaLIF(current_decay=0.5, decay=0.25, threshold=9.0))
        assert voltages(graph, [1, 0, 0], backend)[0] == [0, 1, 1.25]

    def test_a_threshold_rises_and_falls(self, backend):
        unit = eq.AdaptiveLIF(decay=0, threshold=1.0, adaptation_decay=0.5, jump=2.0)
        # fires above 1; then a = 2, 1, 0.5 and v has to pass 3, 2, 1.5
        v, q = voltages(one_unit(unit, 1.25), [1] * 5, backend)
        assert (v, q) == ([0, 0, 1.25, 0, 1.25], [0, 1, 0, 1, 0])

    def test_a_dendrite_leaks_and_the_soma_takes_its_share(self, backend):
        unit = eq.TwoCompartmentLIF(
            decay=0.5, threshold=2.0, dendrite_decay=0.25, coupling=0.5, refractory=1
        )
        graph = one_unit(unit, 4.0, to="dendrite")
        x = np.array([1, 0, 1, 0, 0]).reshape(-1, 1, 1)
        run = eq.run(graph, x, precision="float64", record=BOTH, backend=backend)
        # w = 0, 4, 3, 4 + 2.25, 4.6875; v = 0, 2 (the threshold), 1 + 1.5 fires, waits, 2.34375
        assert run.potentials["out.dendrite"].ravel().tolist() == [0, 4, 3, 6.25, 4.6875]
        assert run.potentials["out"].ravel().tolist() == [0, 2, 0, 0, 0]
        assert run.spikes["out"].ravel().tolist() == [0, 0, 1, 0, 1]
        assert run.ends["out.dendrite"].item() == 4.6875

    def test_what_goes_to_the_soma_passes_by_the_dendrite(self, backend):
        graph = one_unit(eq.TwoCompartmentLIF(decay=0, threshold=9.0), 1.5)
        x = np.ones((3, 1, 1))
        run = eq.run(graph, x, precision="float64", record=BOTH, backend=backend)
        assert run.potentials["out"].ravel().tolist() == [0, 1.5, 3]
        assert not run.potentials["out.dendrite"].any()

    def test_integers_round_towards_zero(self, backend):
        graph = one_unit(eq.LIF(decay=1 / 4096, threshold=64.0, initial=3), -64.0)
        # 3 (4095) / 4096 = 2.9 -> 2 -> 1, then -63.0 and -62.98 -> -62
        assert voltages(graph, [0, 1, 0, 0], backend, "chip")[0] == [2, 1, -64, -63]


def test_a_graded_message_is_counted_as_a_product():
    graph = eq.Graph(
        [
            eq.Population("in", eq.Input(graded=True), 2),
            eq.Population("out", eq.LI(decay=1.0), 3),
            *idle_kinds(),
        ],
        [eq.Projection("in", "out", np.ones((2, 3)))],
    )
    run = eq.run(graph, [[0.5, 0.0]], steps=4, precision="float64", record=BOTH)
    assert run.activity.macs == {"in -> out": 3 * 3}  # what is sent last does not arrive
    assert run.activity.synaptic_events == {"in -> out": 0}
    assert run.potentials["out"][:, 0, 0].tolist() == [0, 0.5, 0.5, 0.5]


def test_a_long_run_keeps_nothing_of_its_steps():
    graph = one_unit(eq.IF(threshold=9.5, bias=1.0))
    steps, asked = 1_000_000, {"x": {"in": [[0]]}, "precision": "float64"}
    eq.run(graph, **asked, steps=10)  # loads the kernels
    tracemalloc.start()
    run = eq.run(graph, **asked, steps=steps)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert run.counts["out"].item() == steps // 10
    assert most < 1e6


def test_events_are_what_their_array_is():
    graph, x, steps = drawn_graph(7, whole=False)
    sample, step, unit = np.nonzero(x["bits"].reshape(steps, -1, 32).transpose(1, 0, 2))
    events = eq.Events(step, unit, sample, batch=x["bits"].shape[1])
    asked = {"precision": "float64", "record": BOTH}
    run = eq.run(graph, {**x, "bits": events}, steps=steps, **asked)
    assert_equal_runs(run, eq.run(graph, x, **asked))


@pytest.mark.once
def test_odd_mantissas_of_one_sign_and_negative_exponents():
    # 255 needs more than a code of 8 bits with its sign; a sum of 3 in units of 1/4 is cut to 0.
    populations = [
        eq.Population("in", eq.Input(), 3),
        eq.Population("out", eq.loihi_unit(vth=1000), 2),
        *idle_kinds(),
    ]
    strong = eq.loihi_projection("in", "out", [[255, 1], [7, 130], [0, 9]])
    weak = eq.loihi_projection("in", "out", np.ones((3, 2), int), exponent=-2, name="weak")
    graph = eq.Graph(populations, [strong, weak], outputs=["out"])
    asked = {"precision": "chip", "record": BOTH}
    x = np.tile([[[1, 1, 1]]], (3, 1, 1))
    run = eq.run(graph, x, **asked)
    assert run.potentials["out"][:, 0].tolist() == [
        [0, 0],
        [64 * 262, 64 * 140],
        [64 * 524, 64 * 280],
    ]
    assert_equal_runs(run, eq.run(graph, x, **asked, backend="reference"))
