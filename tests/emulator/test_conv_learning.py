"""Learning shared weights: the contrast of a convolution, and what Descent makes of it."""

from __future__ import annotations

import numpy as np
import pytest
from equal_runs import assert_equal_runs
from small_runs import few_digits

from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import make_config
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import mirror_rows, weight_rows
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.trainer import Trainer

POOLS = {"none": None, "average": AvgPool2d(2), "maximum": MaxPool2d(2)}


def small(pool, seed: int = 0) -> Network:
    """6x6x1 -> 2x2x3 (or 4x4x3) -> 2 channels over 2x2 -> 3."""
    first = Conv2d((6, 6, 1), 3, kernel=3, pool=pool)
    second = Conv2d(first.post_shape, 2, kernel=2, padding=1)
    size = int(np.prod(second.post_shape))
    return Network.chain([first, second, Dense(size, 3)], seed=seed)


def run_of(network: Network, precision: str = "float64", **more) -> Run:
    rng = np.random.default_rng(1)
    y = np.eye(3)[[0, 2, 1]]
    return engine.solve(posed(network, rng.random((3, 36)), y, precision, **more), threads=1)


def posed(network: Network, x: np.ndarray, y: np.ndarray, precision: str, **more):
    phases = [Free(8), Nudged(5, y, 0.5, from_free=True), Nudged(5, y, -0.5, from_free=True)]
    more = {"coding": Coding(), **more}
    return pose(network, x, phases=phases, precision=precision, **more)


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("pool", "precision"),
    [("none", "float64"), ("average", "float64"), ("maximum", "float64"), ("none", "chip"),
     ("average", "chip")],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["spikes", "current"])
def test_engine_equals_reference_with_the_compiler_and_without(pool, precision, mode):
    rng = np.random.default_rng(2)
    x = rng.random((2, 36)) * (rng.random((2, 36)) < 0.6)
    problem = posed(
        small(POOLS[pool]), x, np.eye(3)[:2], precision, input=mode,
        record=("bits", "potentials"),
    )  # fmt: skip
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@pytest.mark.nojit
@pytest.mark.parametrize(
    ("precision", "readout"),
    [("float64", "cross-entropy"), ("float64", "squared-error"), ("chip", "squared-error")],
)
def test_drawn_bits_travel_over_convolutions_as_the_reference_says(precision, readout):
    x = np.random.default_rng(3).random((2, 36))
    problem = posed(
        small(None), x, np.eye(3)[:2], precision, input="current", readout=readout,
        coding=Coding("bernoulli"), record=("bits", "potentials"), seed=5,
    )  # fmt: skip
    found = engine.solve(problem, threads=1)
    assert_equal_runs(found, reference.solve(problem))
    assert found.bits[1].any() and not found.bits[1].all()


def test_convolutions_learn_in_drawn_bits():
    """As `--quantizer bernoulli --network conv` does, on a part of the digits."""
    config = preset(
        "digits", ("8x8", "8c4s2z1", 10), coding={"quantizer": "bernoulli"}, validation=0,
        descent={"epochs": 4},
    )  # fmt: skip
    trainer = Trainer(config, few_digits(300), threads=1)
    errors = []
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        errors.append(trainer.end_epoch().error)
    assert errors[-1] < 35 < errors[0]


def by_loops(connection: Conv2d, s_pre: np.ndarray, s_post: np.ndarray) -> np.ndarray:
    """dPhi/dK of Phi = sum of s_post times the pooled convolution of s_pre, place by place."""
    k, stride, padding, w = (
        connection.kernel, connection.stride, connection.padding, connection.window
    )  # fmt: skip
    gradient = np.zeros(connection.weight_shape)
    for b in range(len(s_pre)):
        x = np.pad(s_pre[b], ((padding, padding), (padding, padding), (0, 0)))
        for o, p, d in np.ndindex(*connection.post_shape):
            for a, e in np.ndindex(w, w):
                top, left = stride * (o * w + a), stride * (p * w + e)
                patch = x[top : top + k, left : left + k]
                gradient[..., d] += s_post[b, o, p, d] * patch / w**2
    return gradient


@pytest.mark.nojit
@pytest.mark.parametrize("rule", ["symmetric", "full"])
@pytest.mark.parametrize("pool", ["none", "average"])
def test_the_contrast_of_a_kernel_is_the_derivative_of_the_energy(pool, rule):
    network = small(POOLS[pool])
    run = run_of(network)
    free, plus, minus = run.ends
    low, scale = (minus, 1.0) if rule == "symmetric" else (free, 2.0)
    found = contrast(network, run, beta=0.5, lr=[0.3, 0.2, 0.1], rule=rule, threads=1)
    for k in (0, 1):
        connection = network.connections[k]
        change = by_loops(connection, plus[k], plus[k + 1]) - by_loops(
            connection, low[k], low[k + 1]
        )
        expected = (0.3, 0.2)[k] * scale / 3 * change
        assert np.abs(expected).max() > 1e-4
        np.testing.assert_allclose(found.weights[k], expected, rtol=1e-10, atol=1e-14)
        difference = (plus[k + 1] - low[k + 1]).sum(axis=(0, 1, 2))
        wanted = np.broadcast_to((0.3, 0.2)[k] * scale / 3 * difference, connection.post_shape)
        np.testing.assert_allclose(found.biases[k], wanted, rtol=1e-10, atol=1e-14)


def test_rules_that_are_no_difference_of_phases_are_refused_over_a_maximum():
    network = small(POOLS["maximum"])
    for rule in ("one_sided", "bidirectional"):
        with pytest.raises(
            InputError, match=rf"rule '{rule}' over MaxPool2d.*expected rule 'full'"
        ):
            contrast(network, run_of(network), beta=0.5, lr=0.1, rule=rule)


@pytest.mark.parametrize("pool", POOLS)
def test_after_updates_both_copies_hold_the_merged_kernel(pool):
    network = small(POOLS[pool])
    lowered = lower(network, np.dtype(np.float64))
    descent = Descent(network, lowered, "symmetric", optimizer="adam", threads=2)
    for _ in range(3):
        descent.update(run_of(network), 0.5, [0.01, 0.01, 0.01])
    trained = descent.trained()
    fresh = lower(trained, np.dtype(np.float64))
    for k in range(3):
        assert not np.array_equal(trained.weights[k], network.weights[k])
        np.testing.assert_array_equal(weight_rows(lowered, k), weight_rows(fresh, k))
    for k in (1, 2):
        np.testing.assert_array_equal(mirror_rows(lowered, k), mirror_rows(fresh, k))


def test_adam_is_its_published_form():
    network = small(POOLS["average"])
    lowered = lower(network, np.dtype(np.float64))
    rates, decay = [0.02, 0.01, 0.03], 0.5
    descent = Descent(
        network, lowered, "symmetric", optimizer="adam", weight_decay=decay, threads=1
    )
    expected = [[w.copy() for w in network.weights], [b.copy() for b in network.biases]]
    means = [[np.zeros_like(a) for a in arrays] for arrays in expected]
    squares = [[np.zeros_like(a) for a in arrays] for arrays in expected]
    run = run_of(network)
    for t in range(1, 5):
        change = contrast(network, run, beta=0.5, lr=1.0, rule="symmetric", threads=1)
        for kind, gradients in enumerate(change):
            for k, g in enumerate(gradients):
                m, v = means[kind][k], squares[kind][k]
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                if kind == 0:
                    expected[kind][k] -= rates[k] * decay * expected[kind][k]
                root = np.sqrt(v / (1 - 0.999**t)) + 1e-8
                expected[kind][k] += rates[k] * m / (1 - 0.9**t) / root
        descent.update(run, 0.5, rates)
    trained = descent.trained()
    for k in range(3):
        np.testing.assert_allclose(trained.weights[k], expected[0][k], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(trained.biases[k], expected[1][k], rtol=1e-9, atol=1e-12)


def test_what_an_optimizer_cannot_do_is_refused():
    network = small(None)
    lowered = lower(network, np.dtype(np.float32))
    with pytest.raises(InputError, match="optimizer is 'adagrad'; expected one of sgd, adam"):
        Descent(network, lowered, "full", optimizer="adagrad")
    with pytest.raises(InputError, match=r"momentum is 0.9 with optimizer 'adam'.*expected 0"):
        Descent(network, lowered, "full", optimizer="adam", momentum=0.9)


def test_initial_gains_scale_the_weights_of_each_connection():
    one = make_config(layers=("6x6", "2c3", 5), descent={"lr": [1, 1]}, seed=3).network()
    two = make_config(
        layers=("6x6", "2c3", 5), descent={"lr": [1, 1]}, seed=3, initial_gain=(0.5, 0.25)
    ).network()
    np.testing.assert_array_equal(two.weights[0], 0.5 * one.weights[0])
    np.testing.assert_array_equal(two.weights[1], 0.25 * one.weights[1])
    with pytest.raises(InputError, match="initial_gain holds 3 factors for 2 connections"):
        make_config(layers=("6x6", "2c3", 5), descent={"lr": [1, 1]}, initial_gain=(1, 1, 1))
