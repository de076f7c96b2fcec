"""A kind of connection that only a test has goes everywhere, with the rows that it adds."""

from __future__ import annotations

import numpy as np
import pytest
from equal_runs import assert_equal_runs
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chips import small_chip
from toy_connection import Blocks

from eqchip.backends.bptt.operators import operators
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description import notation
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import Connection, Dense
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import mirror_rows, weight_rows
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.mapping.activity.cores import core_activity
from eqchip.mapping.activity.writes import weight_updates
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.processes.graph import process_graph


def network(groups: int = 3, size: int = 2, seed: int = 0) -> Network:
    units = groups * size
    return Network.chain([Blocks(groups, size), Blocks(groups, size), Dense(units, 4)], seed=seed)


def problem(net: Network, precision: str = "float64", **more) -> Problem:
    rng = np.random.default_rng(1)
    phases = [Free(15), Nudged(9, np.eye(4)[:3], 0.5)]
    asked = {"coding": Coding(), "record": ("bits", "potentials"), "phases": phases}
    return pose(net, rng.random((3, net.sizes[0])), precision=precision, **(asked | more))


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
@pytest.mark.parametrize("quantizer", ["sigma-delta", "bernoulli"])
@settings(deadline=None, max_examples=15)
@given(groups=st.integers(1, 9), size=st.integers(1, 20), seed=st.integers(0, 99))
def test_the_engine_runs_it_as_the_reference_to_the_bit(precision, quantizer, groups, size, seed):
    posed = problem(network(groups, size, seed), precision, coding=Coding(quantizer))
    assert_equal_runs(engine.solve(posed, threads=1), reference.solve(posed))


@pytest.mark.parametrize("rule", ["one_sided", "bidirectional", "full"])
def test_its_contrast_is_that_of_its_units_in_a_full_matrix(rule):
    net = network()
    run = engine.solve(problem(net), threads=1)
    found = contrast(net, run, beta=0.5, lr=0.3, rule=rule)
    expected = contrast(Network.dense(net.sizes), run, beta=0.5, lr=0.3, rule=rule)
    for one, other in zip(found.weights[:2], expected.weights, strict=False):
        assert one.any()
        for g, block in enumerate(one):
            here = slice(2 * g, 2 * g + 2)
            np.testing.assert_array_equal(block, other[here, here])
    for one, other in zip(found.biases, expected.biases, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("more", [{}, {"momentum": 0.9}, {"optimizer": "adam"}], ids=str)
def test_descent_keeps_both_copies_of_its_weights(more):
    net = network()
    lowered = lower(net, np.dtype(np.float64))
    descent = Descent(net, lowered, "full", threads=2, **more)
    for _ in range(2):
        descent.update(engine.solve(problem(descent.trained()), threads=1), 0.5, [0.1] * 3)
    trained = descent.trained()
    fresh = lower(trained, np.dtype(np.float64))
    assert (trained.weights[1] != net.weights[1]).any()
    for k in range(3):
        np.testing.assert_array_equal(weight_rows(lowered, k), weight_rows(fresh, k))
    np.testing.assert_array_equal(mirror_rows(lowered, 1), mirror_rows(fresh, 1))


def test_cores_count_what_the_engine_counts_and_write_what_they_store():
    net = network()
    mapped = map_network(net, small_chip(units=4))
    assert [mapped.copies(k).synapses for k in range(3)] == [12, 12, 24]
    posed = problem(net, "chip", parts=mapped.bundles)
    run = engine.solve(posed, threads=1)
    found = core_activity(mapped, run)
    of_layer = [found.synaptic_events[:, mapped.cores_of(k)].sum(axis=1) for k in range(4)]
    forward, back = np.moveaxis(run.activity.synaptic_events, 2, 0)
    assert forward.all()
    np.testing.assert_array_equal(of_layer[1], forward[:, 0] + back[:, 1])
    np.testing.assert_array_equal(of_layer[2], forward[:, 1] + back[:, 2])
    written = weight_updates(mapped, contrast(net, run, beta=0.5, lr=0.3))
    assert written.attempted.sum() == 12 + 2 * (12 + 24)


@pytest.mark.parametrize(
    ("who", "act"),
    [
        ("network in a line: connection 1", notation.of_network),
        ("gradients: connection 1", lambda net: operators(net, np.dtype(float))),
        ("process graph: connection 1", lambda net: process_graph(problem(net))),
    ],
)
def test_where_it_has_no_row_one_line_refuses_it_by_name(who, act):
    with pytest.raises(InputError, match=rf"^{who} \(3 blocks of 2\) is Blocks; expected Dense or"):
        act(network())


class Unlowered(Blocks):
    """A kind without any row."""


@pytest.mark.parametrize(
    ("who", "act"),
    [
        ("run", lambda net: lower(net, np.dtype(float))),
        ("reference", lambda net: reference.solve(problem(net))),
        ("map", lambda net: map_network(net, small_chip(units=4))),
    ],
)
def test_a_kind_without_rows_is_refused_by_name_where_it_is_needed(who, act):
    joins: list[Connection] = [Unlowered(3, 2), Dense(6, 4)]
    with pytest.raises(InputError, match=rf"^{who}: connection.* is Unlowered; expected Dense"):
        act(Network.chain(joins, seed=0))
