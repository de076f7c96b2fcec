"""Lists of synapses: what they say, what they refuse, and that all of them are a full matrix."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs, assert_same_activity
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_twins import from_python
from small_chips import small_chip

from eqchip.backends.bptt.operators import operators
from eqchip.backends.dense import solve as dense
from eqchip.backends.nir.metadata import to_text
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import Connection, Dense, Sparse
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import scatter
from eqchip.emulator.kernels.lowered import mirror_rows, weight_rows
from eqchip.emulator.learning.contrast import Changes, contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.network_file import save_network
from eqchip.mapping.activity.cores import core_activity
from eqchip.mapping.activity.writes import weight_updates
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit
from eqchip.mapping.processes.matrices import matrix_of

RULES = ("one_sided", "bidirectional", "full", "symmetric")
OPTIMIZERS = {"sgd": {}, "momentum": {"momentum": 0.9}, "adam": {"optimizer": "adam"}}
SEEDS = st.integers(0, 2**32 - 1)
untimed = settings(deadline=None, max_examples=25)


# --- the description ----------------------------------------------------------------------


def test_synapses_are_sorted_whatever_the_order_of_the_list():
    found = Sparse.from_edges(3, 2, pre=[2, 0, 2], post=[1, 1, 0])
    assert found.indptr.tolist() == [0, 1, 1, 3]
    assert (found.pre.tolist(), found.indices.tolist()) == ([0, 2, 2], [1, 0, 1])
    assert found == Sparse.from_mask([[False, True], [False, False], [True, True]])
    assert found == Sparse(3, 2, [0, 1, 1, 3], [1, 0, 1])
    assert hash(found) == hash(Sparse(3, 2, [0, 1, 1, 3], [1, 0, 1]))
    assert found != Sparse(3, 2, [0, 1, 2, 3], [1, 0, 1]) and found != Dense(3, 2)
    assert (found.weight_shape, found.pre_shape, found.post_shape) == ((3,), (3,), (2,))


def test_a_list_of_synapses_does_not_change_under_its_owner():
    indices = np.array([1, 0, 1])
    found = Sparse(3, 2, [0, 1, 1, 3], indices)
    indices[:] = 0
    assert found.indices.tolist() == [1, 0, 1]
    with pytest.raises(ValueError, match="read-only"):
        found.indices[0] = 0


def test_initial_weights_are_bounded_by_the_mean_fan_in_and_fan_out():
    every = Sparse.from_mask(np.ones((30, 20), bool))
    assert every.initial_limit() == Dense(30, 20).initial_limit()
    ring = Sparse.from_edges(6, 6, range(6), np.roll(range(6), 1))
    assert ring.initial_limit() == np.sqrt(3.0)
    weights = Network.chain([ring], seed=2).weights[0]
    assert weights.shape == (6,) and np.abs(weights).max() <= np.sqrt(3.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sparse(0, 2, [0], []), "n_pre is 0; expected a whole number of at least 1"),
        (lambda: Sparse(2, 2, [0, 1], [0]), r"indptr has shape \(2,\); expected \(3,\)"),
        (lambda: Sparse(2, 2, [0, 1, 3], [0, 1]), "indptr runs from 0 to 3; expected .* indices"),
        (lambda: Sparse(2, 2, [0, 2, 1], [0]), "indptr runs from 0 to 1; expected it to ascend"),
        (lambda: Sparse(2, 2, [0, 1, 2], [0, 2]), "indices hold unit 2; expected units of 0 to 1"),
        (lambda: Sparse(1, 3, [0, 2], [2, 1]), "presynaptic unit 0 hold 1 after 2; .* ascending"),
        (lambda: Sparse(1, 3, [0, 2], [1, 1]), "presynaptic unit 0 hold 1 after 1; .* once"),
        (lambda: Sparse(1, 3, [0, 1], [0.5]), "indices has shape .* float64; .* whole numbers"),
        (lambda: Sparse(2, 3, [0, 0, 0], []), "no synapses between 2 and 3 units; .* at least one"),
        (lambda: Sparse.from_edges(2, 3, [0, 1, 0], [2, 1, 2]), "from unit 0 to unit 2 is listed"),
        (lambda: Sparse.from_edges(2, 3, [0, 2], [2, 1]), "pre hold unit 2; expected units of 0"),
        (lambda: Sparse.from_edges(2, 3, [0], [2, 1]), "1 units in pre and 2 in post; expected as"),
        (lambda: Sparse.from_mask([[1, 0]]), r"mask has shape \(1, 2\) and type int64; .* bool"),
        (lambda: Sparse.from_mask([True]), r"mask has shape \(1,\) and type bool; .*n_pre, n_post"),
    ],
)  # fmt: skip
def test_a_wrong_list_is_refused_in_one_line(make, message):
    with pytest.raises(InputError, match=f"^Sparse: .*{message}") as caught:
        make()
    assert "\n" not in str(caught.value)


@given(connection=strategies.sparse(), seed=SEEDS)
def test_the_matrix_has_the_weight_of_each_synapse_at_its_units(connection, seed):
    weights = np.random.default_rng(seed).normal(size=connection.weight_shape)
    expected = np.zeros((connection.n_pre, connection.n_post))
    k = 0
    for i in range(connection.n_pre):
        for j in connection.indices[connection.indptr[i] : connection.indptr[i + 1]]:
            expected[i, j] = weights[k]
            k += 1
    np.testing.assert_array_equal(reference.rows(connection, weights), expected)
    np.testing.assert_array_equal(matrix_of(connection, weights), expected)


# --- every synapse there: a full matrix, to the bit ---------------------------------------


def as_lists(network: Network) -> Network:
    """The network with all its dense connections written as lists of all synapses."""
    every: list[Connection] = []
    weights = []
    for connection, values in zip(network.connections, network.weights, strict=True):
        listed = isinstance(connection, Dense)
        every.append(Sparse.from_mask(np.ones(values.shape, bool)) if listed else connection)
        weights.append(values.reshape(-1) if listed else values)
    return Network.chain(
        every, weights=weights, biases=network.biases, feedback_shifts=network.feedback_shifts
    )


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
@untimed
@given(data=st.data())
def test_a_list_of_all_synapses_runs_as_the_full_matrix_to_the_bit(precision, data):
    problem = data.draw(strategies.problems(precision=precision, dense=True))
    listed = replace(problem, network=as_lists(problem.network))
    assert_equal_runs(engine.solve(listed, threads=1), engine.solve(problem, threads=1))


def trained_on(network: Network, rule: str, dtype: str = "float64"):
    """A run of a rule's phases, and its beta."""
    rng = np.random.default_rng(3)
    y = rng.random((5, network.sizes[-1]))
    learning = Learning(rule=rule, free_steps=6, nudged_steps=4, beta=0.5)  # type: ignore[arg-type]
    x = rng.random((5, network.sizes[0]))
    return engine.solve(
        pose(network, x, coding=Coding(), phases=learning.phases(y), precision=dtype), threads=1
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_contrast_of_all_synapses_is_that_of_the_full_matrix_to_the_bit(rule):
    full = Network.dense([7, 6, 4], seed=1)
    listed = as_lists(full)
    run = trained_on(full, rule)
    expected = contrast(full, run, beta=0.5, lr=[0.3, 0.1], rule=rule)
    for threads in (1, 3):
        found = contrast(listed, run, beta=0.5, lr=[0.3, 0.1], rule=rule, threads=threads)
        for one, other in zip(found.weights, expected.weights, strict=True):
            assert one.shape == (other.size,)
            np.testing.assert_array_equal(one, other.reshape(-1))
        for one, other in zip(found.biases, expected.biases, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("more", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_descent_over_all_synapses_is_that_of_the_full_matrix_to_the_bit(more, dtype):
    full = Network.dense([7, 6, 4], seed=1)
    trained = []
    for start in (full, as_lists(full)):
        descent = Descent(
            start, lower(start, np.dtype(dtype)), "symmetric", weight_decay=0.01, threads=2, **more
        )
        for _ in range(3):
            descent.update(trained_on(full, "symmetric", dtype), 0.5, [0.3, 0.1])
        trained.append(descent.trained())
    for one, other in zip(trained[1].weights, trained[0].weights, strict=True):
        np.testing.assert_array_equal(one, other.reshape(-1))
    for one, other in zip(trained[1].biases, trained[0].biases, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_chip_counts_all_synapses_as_it_counts_the_full_matrix():
    full = Network.dense([9, 8, 4], seed=1)
    counted = []
    for network in (full, as_lists(full)):
        mapped = map_network(network, small_chip(units=3))
        problem = pose(
            network,
            np.linspace(0, 1, 18).reshape(2, 9),
            coding=Coding(),
            phases=[Free(12), Nudged(6, np.eye(4)[:2], 0.5)],
            precision="chip",
            parts=mapped.bundles,
        )
        run = engine.solve(problem, threads=1)
        changes = contrast(network, run, beta=0.5, lr=0.5)
        activity = core_activity(mapped, run).with_updates(weight_updates(mapped, changes))
        assert activity.synaptic_events.any() and activity.weight_updates_applied.any()
        counted.append((mapped.parts, activity.to_dict()))
    assert counted[0] == counted[1]


# --- some synapses only -------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize("precision", ["float64", "chip"])
def test_engine_equals_reference_with_the_compiler_and_without(precision):
    rng = np.random.default_rng(5)
    joins = [Sparse.from_mask(rng.random(shape) < 0.4) for shape in ((9, 7), (7, 6))]
    network = Network.chain([*joins, Dense(6, 3)], seed=3, feedback_shifts=[0, 1, 0])
    problem = pose(
        network,
        rng.random((2, 9)),
        coding=Coding(),
        phases=[Free(7), Nudged(4, np.eye(3)[:2], 0.5)],
        precision=precision,
        record=("bits", "potentials"),
    )
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


def test_one_synop_is_counted_for_each_synapse_that_a_spike_meets():
    ring = Sparse.from_edges(4, 4, [0, 1, 1, 2], [1, 2, 3, 0])
    network = Network.chain([ring], weights=[np.zeros(4)])
    x = np.array([[1.0, 1.0, 0.0, 1.0]])  # each spikes at every step; the last has no synapse
    coding = Coding(prediction=None)
    run = engine.solve(pose(network, x, coding=coding, phases=[Free(11)]), threads=1)
    assert run.activity.spikes.tolist() == [[33, 0]]
    assert run.activity.synaptic_events.tolist() == [[[10 * (1 + 2), 0]]]


@pytest.mark.nojit
@pytest.mark.parametrize("rule", RULES)
def test_the_contrast_of_a_synapse_is_that_of_its_units_in_the_full_matrix(rule):
    rng = np.random.default_rng(8)
    joins = [Sparse.from_mask(rng.random(shape) < 0.5) for shape in ((7, 6), (6, 4))]
    network, full = Network.chain(joins, seed=1), Network.dense([7, 6, 4])
    run = trained_on(network, rule)
    found = contrast(network, run, beta=0.5, lr=0.3, rule=rule)
    expected = contrast(full, run, beta=0.5, lr=0.3, rule=rule)
    for connection, one, other in zip(joins, found.weights, expected.weights, strict=True):
        np.testing.assert_array_equal(one, other[connection.pre, connection.indices])
    for one, other in zip(found.biases, expected.biases, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("more", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_after_updates_both_copies_hold_the_weights_and_threads_change_no_bit(more):
    rng = np.random.default_rng(8)
    joins = [Sparse.from_mask(rng.random(shape) < 0.5) for shape in ((7, 6), (6, 5), (5, 4))]
    network = Network.chain(joins, seed=1, feedback_shifts=[0, 1, 2])
    outcomes = []
    for threads in (1, 3):
        lowered = lower(network, np.dtype(np.float32))
        descent = Descent(network, lowered, "symmetric", threads=threads, **more)
        for _ in range(2):
            run = trained_on(descent.trained(), "symmetric", "float32")
            descent.update(run, 0.5, [0.3, 0.2, 0.1])
        trained = descent.trained()
        assert all((a != b).any() for a, b in zip(trained.weights, network.weights, strict=True))
        fresh = lower(trained, np.dtype(np.float32))
        for k in range(3):
            np.testing.assert_array_equal(weight_rows(lowered, k), weight_rows(fresh, k))
            if k > 0:
                np.testing.assert_array_equal(mirror_rows(lowered, k), mirror_rows(fresh, k))
        outcomes.append([weights.tobytes() for weights in trained.weights])
    assert outcomes[0] == outcomes[1]


def test_a_chip_stores_and_writes_existing_synapses_only():
    ring = Sparse.from_edges(6, 6, range(6), np.roll(range(6), 1))
    network = Network.chain([Dense(2, 6), ring, Dense(6, 2)], seed=0)
    mapped = map_network(network, small_chip(units=2))
    assert mapped.copies(1).synapses == mapped.copies(1).weights == 6
    changes = [np.zeros_like(weights) for weights in network.weights]
    changes[1][:] = 0.5
    found = weight_updates(mapped, Changes(changes, []))
    # Two units of each ring layer a core: two synapses forward, two mirrored; 12 of the others.
    assert found.attempted[mapped.cores_of(2)].tolist() == [2 + 2 * 2] * 3
    assert found.applied[mapped.cores_of(2)].tolist() == [2, 2, 2]
    assert found.applied.sum() == 6 + 6


def test_a_list_that_needs_too_much_of_a_core_is_named_with_what_would_help():
    rng = np.random.default_rng(0)
    joins = [Sparse.from_mask(rng.random((9, 8)) < 0.6), Dense(8, 2)]
    with pytest.raises(DoesNotFit, match=r"synapses onto a unit.*fewer synapses between it and"):
        map_network(Network.chain(joins, seed=0), small_chip(fan_in=4))


# --- kernels, beside plain loops ----------------------------------------------------------

SCATTER = from_python(scatter.scatter_rows)
SCATTER_AT_BITS = from_python(scatter.scatter_rows_at_bits)


@pytest.mark.nojit
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@untimed
@given(connection=strategies.sparse(), valued=st.booleans(), seed=SEEDS)
def test_scattered_rows_are_added_one_after_the_other(dtype, connection, valued, seed):
    rng = np.random.default_rng(seed)
    network = Network.chain([connection], weights=[rng.normal(size=connection.weight_shape)])
    lowered = lower(network, np.dtype(dtype))
    assert lowered.forward.scattered.tolist() == [True]
    matrix = reference.rows(connection, network.weights[0].astype(dtype))
    exists = reference.synapses(connection)
    sends = np.flatnonzero(rng.random(connection.n_pre) < 0.6).astype(np.int32)
    values = rng.normal(size=len(sends)).astype(dtype)
    u = rng.normal(size=3 + connection.n_post).astype(dtype)
    expected = u.copy()
    for i, value in zip(sends, values, strict=True):
        expected[3:] += (value if valued else dtype(1)) * matrix[i]
    crossed = SCATTER(
        u, 3, lowered.weights, lowered.starts[0], lowered.forward, 0, sends, values, 0,
        len(sends), valued,
    )  # fmt: skip
    np.testing.assert_array_equal(u, expected)
    assert crossed == exists[sends].sum()

    masks = rng.integers(0, 2**5, len(sends)).astype(np.uint32)
    out = rng.normal(size=(5, connection.n_post)).astype(dtype)
    expected = out.copy()
    for i, mask in zip(sends, masks, strict=True):
        for t in range(5):
            if int(mask) >> t & 1:
                expected[t] += matrix[i]
    SCATTER_AT_BITS(
        out, lowered.weights, lowered.starts[0], lowered.forward, 0, sends, masks, 0, len(sends)
    )
    np.testing.assert_array_equal(out, expected)


# --- who does not know lists of synapses --------------------------------------------------


def asked(**more):
    """A problem over a list of synapses."""
    ring = Sparse.from_edges(3, 3, range(3), [1, 2, 0])
    network = Network.chain([Dense(2, 3), ring], seed=0)
    given = {"coding": Coding(), "phases": [Free(3)], "precision": "float64"}
    return pose(network, np.zeros((1, 2)), **(given | more))


def lava_learns(tmp_path):
    from eqchip.backends.lava.solve import check_learning

    check_learning(asked())


REFUSALS = {
    "run directory": (
        lambda path: save_network(path / "network.npz", asked().network),
        r"connection 2 \(3 -> 3 over 3 synapses\) is Sparse; expected Dense or Conv2d",
    ),
    "nir": (
        lambda path: to_text(_described(asked().network)),
        r"nir: connection 2 \(3 -> 3 over 3 synapses\) is Sparse; expected Dense or Conv2d",
    ),
    "backpropagation": (
        lambda path: operators(asked().network, np.dtype(float)),
        r"gradients: connection 2 .* is Sparse; expected Dense or Conv2d",
    ),
    "matrix products": (
        lambda path: dense.solve(asked()),
        "dense: connection 2 is Sparse; expected Dense",
    ),
    "a read-out": (
        lambda path: asked(readout="cross-entropy"),
        r"connection 2 .* with readout 'cross-entropy', .*; expected Dense",
    ),
    "learning on lava": (lava_learns, r"learning with connection 2 .*; expected Dense"),
}


def _described(network):
    from eqchip.backends.nir.metadata import Described

    return Described(network, None, "spikes", None)


@pytest.mark.parametrize(("act", "message"), REFUSALS.values(), ids=REFUSALS)
def test_who_knows_no_lists_of_synapses_says_so_in_one_line(act, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        act(tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_counts_do_not_depend_on_threads():
    rng = np.random.default_rng(2)
    joins = [Sparse.from_mask(rng.random(shape) < 0.3) for shape in ((20, 15), (15, 5))]
    problem = pose(
        Network.chain(joins, seed=4), rng.random((7, 20)), coding=Coding(), phases=[Free(30)]
    )
    assert_same_activity(
        engine.solve(problem, threads=3).activity, engine.solve(problem, threads=1).activity
    )
