"""Convolutions are what their description says, in the reference and in the engine.

What that is, is written here once more as plain loops, over the places of the map and of the
windows, so that nothing under test is part of it.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, Connection, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

ENGINES = {"reference": reference.solve, "numba": lambda problem: engine.solve(problem, threads=1)}
CONNECTIONS = st.one_of(
    strategies.convolutions(), st.builds(Dense, st.integers(1, 20), st.integers(1, 20))
)


# --- plain loops --------------------------------------------------------------------------


def meetings(connection: Conv2d) -> Iterator[tuple[tuple[int, int], ...]]:
    """(place of the map, place in the kernel, place below), wherever these meet."""
    height, width, _ = connection.pre_shape
    for i, j in np.ndindex(connection.map_shape[:2]):
        for a, b in np.ndindex(connection.kernel, connection.kernel):
            row = connection.stride * i + a - connection.padding
            column = connection.stride * j + b - connection.padding
            if 0 <= row < height and 0 <= column < width:
                yield (i, j), (a, b), (row, column)


def convolved(connection: Conv2d, kernel: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The map before pooling, of x with the shape of the layer below."""
    z = np.zeros(connection.map_shape)
    for place, at, below in meetings(connection):
        z[place] += x[below] @ kernel[at]
    return z


def convolved_back(connection: Conv2d, kernel: np.ndarray, z: np.ndarray) -> np.ndarray:
    """What a map brings to the layer below, each place over the synapses that it has."""
    x = np.zeros(connection.pre_shape)
    for place, at, below in meetings(connection):
        x[below] += kernel[at] @ z[place]
    return x


def shares(connection: Conv2d, z: np.ndarray) -> np.ndarray:
    """How much of each place of the map z its unit above takes: 1/P^2, or 1 of the maximum."""
    window = connection.window
    found = np.zeros(z.shape)
    for o, p, d in np.ndindex(connection.post_shape):
        places = [
            (window * o + a, window * p + b, d)
            for a, b in itertools.product(range(window), repeat=2)
        ]
        if isinstance(connection.pool, MaxPool2d):
            places = [max(places, key=lambda place: z[place])]  # the first of equals
        for place in places:
            found[place] = 1.0 / len(places)
    return found


def brought(
    connection: Connection, weights: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What messages x of the layer below and y of that above bring, to above and to below."""
    if isinstance(connection, Dense):
        above = [sum(x[i] * weights[i, j] for i in range(len(x))) for j in range(connection.n_post)]
        below = [sum(y[j] * weights[i, j] for j in range(len(y))) for i in range(connection.n_pre)]
        return np.array(above), np.array(below)
    z = convolved(connection, weights, x)
    share = shares(connection, z)
    above, spread = np.zeros(connection.post_shape), np.zeros(connection.map_shape)
    for i, j, d in np.ndindex(z.shape):
        place = (i // connection.window, j // connection.window, d)
        above[place] += share[i, j, d] * z[i, j, d]
        spread[i, j, d] = share[i, j, d] * y[place]
    return above, convolved_back(connection, weights, spread)


def reached(connection: Conv2d) -> np.ndarray:
    """Units of the map that each unit below reaches, or of the layer above after an average."""
    window = connection.window if connection.merged else 1
    found: list[set[Any]] = [set() for _ in range(math.prod(connection.pre_shape))]
    width = connection.kernel + connection.stride * (window - 1)  # of all that a window sees
    for o, p, d in np.ndindex(connection.synapse_shape):
        for a, b in np.ndindex(width, width):
            row = connection.stride * window * o + a - connection.padding
            column = connection.stride * window * p + b - connection.padding
            if 0 <= row < connection.pre_shape[0] and 0 <= column < connection.pre_shape[1]:
                for c in range(connection.pre_shape[2]):
                    unit = np.ravel_multi_index((row, column, c), connection.pre_shape)
                    found[unit].add((o, p, d))
    return np.array([len(places) for places in found])


# --- forward and back ---------------------------------------------------------------------


def between(connection: Connection, weights: np.ndarray, x: np.ndarray, y: np.ndarray) -> Problem:
    """A run in which layer 1 holds x and layer 2 holds y, and then each hears the other.

    Real-valued, with a step size of 1: at t = 1 a layer takes its bias, at t = 2 its bias and what
    arrives. Nothing clips if x and y are within 1/4 and 3/4 and no sum exceeds 1/4.
    """
    if isinstance(connection, Dense):
        first: Connection = Dense(1, connection.n_pre)
    else:
        height, width, channels = connection.pre_shape
        first = Conv2d((height, width, 1), channels, kernel=1)
    network = Network.chain(
        [first, connection], weights=[np.zeros(first.weight_shape), weights], biases=[x, y]
    )
    return pose(
        network,
        np.zeros((1, network.sizes[0])),
        coding=Coding.real_valued(1.0),
        phases=[Free(2)],
        precision="float64",
    )


@st.composite
def messages(draw: Any) -> tuple[Connection, np.ndarray, np.ndarray, np.ndarray]:
    """A connection, its weights, and messages x and y such that nothing clips."""
    connection = draw(CONNECTIONS)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    weights = rng.uniform(-1.0, 1.0, connection.weight_shape)
    x, y = (rng.uniform(0.25, 0.75, s) for s in (connection.pre_shape, connection.post_shape))
    above, below = brought(connection, weights, x, y)
    weights *= 0.25 / max(np.abs(above).max(), np.abs(below).max(), 0.25)
    return connection, weights, x, y


@pytest.mark.parametrize("name", ENGINES)
@settings(deadline=None, max_examples=150)
@given(case=messages())
def test_feedback_is_the_exact_transpose_of_forward(name, case):
    connection, weights, x, y = case
    _, s1, s2 = ENGINES[name](between(connection, weights, x, y)).ends[0]
    # <y, A x> and <A^T y, x>; under maximum pooling A is that of the winners under x
    assert math.isclose(
        np.sum(y * (s2[0] - y)), np.sum((s1[0] - x) * x), rel_tol=1e-12, abs_tol=1e-12
    )


@pytest.mark.parametrize("name", ENGINES)
@settings(deadline=None, max_examples=150)
@given(case=messages())
def test_each_layer_hears_what_plain_loops_bring(name, case):
    connection, weights, x, y = case
    _, s1, s2 = ENGINES[name](between(connection, weights, x, y)).ends[0]
    above, below = brought(connection, weights, x, y)
    np.testing.assert_allclose(s2[0] - y, above, rtol=0, atol=1e-12)
    np.testing.assert_allclose(s1[0] - x, below, rtol=0, atol=1e-12)


# --- merged kernels -----------------------------------------------------------------------


@settings(deadline=None, max_examples=100)
@given(connection=strategies.convolutions(max_pooling=False), seed=st.integers(0, 2**32 - 1))
def test_a_merged_kernel_is_the_convolution_and_then_the_mean(connection, seed):
    rng = np.random.default_rng(seed)
    kernel, x = rng.normal(size=connection.weight_shape), rng.normal(size=connection.pre_shape)
    z = convolved(connection, kernel, x)
    window, (height, width, channels) = connection.window, connection.post_shape
    means = z.reshape(height, window, width, window, channels).mean(axis=(1, 3))
    matrix = reference.rows(connection, connection.synapse_weights(kernel))
    np.testing.assert_allclose(x.ravel() @ matrix, means.ravel(), rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=100)
@given(connection=CONNECTIONS, seed=st.integers(0, 2**32 - 1))
def test_folding_a_gradient_is_the_transpose_of_merging(connection, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=connection.weight_shape)
    merged = connection.synapse_weights(weights)
    gradient = rng.normal(size=merged.shape)
    folded = connection.fold(gradient)
    assert folded.shape == weights.shape
    assert math.isclose(np.sum(folded * weights), np.sum(gradient * merged), abs_tol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_kernel_is_merged_in_the_precision_that_it_has(dtype):
    connection = Conv2d((6, 6, 1), 2, kernel=2, padding=1, stride=2, pool=AvgPool2d(2))
    merged = connection.synapse_weights(np.full(connection.weight_shape, 0.1, dtype))
    assert merged.dtype == dtype
    assert connection.fold(merged).dtype == dtype
    np.testing.assert_array_equal(merged, np.full((4, 4, 1, 2), dtype(0.1) / dtype(4)))


def test_a_merged_kernel_is_the_sum_of_the_shifted_ones_over_the_size_of_the_window():
    connection = Conv2d((3, 3, 1), 1, kernel=2, pool=AvgPool2d(2))
    merged = connection.synapse_weights(np.array([[1.0, 2.0], [3.0, 4.0]])[:, :, None, None])
    assert (4 * merged[:, :, 0, 0]).tolist() == [[1, 3, 2], [4, 10, 6], [3, 7, 4]]


@settings(deadline=None, max_examples=100)
@given(connection=strategies.convolutions())
def test_a_unit_has_a_synapse_for_every_unit_that_it_reaches(connection):
    found = reference.synapses(connection)
    assert found.shape == (math.prod(connection.pre_shape), math.prod(connection.synapse_shape))
    np.testing.assert_array_equal(found.sum(axis=1), reached(connection))


# --- refusals -----------------------------------------------------------------------------


@settings(deadline=None, max_examples=300)
@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 3)),
    kernel=st.integers(1, 6),
    stride=st.integers(1, 4),
    padding=st.integers(0, 5),
    window=st.integers(1, 5),
)
def test_what_a_refusal_says_would_fit_is_not_refused_for_the_same_reason(
    shape, kernel, stride, padding, window
):
    def refusal(**changes: Any) -> str:
        asked = {"pre_shape": shape, "kernel": kernel, "stride": stride, "padding": padding}
        try:
            Conv2d(channels=2, **{**asked, "pool": AvgPool2d(window), **changes})
        except InputError as error:
            return str(error)
        return ""

    text = refusal()
    assume(text)
    # Conv2d 4x9x3 -> 2 of 5x5: kernel 5 is larger than the height 4; expected at most 4
    start = f"Conv2d {'x'.join(map(str, shape))} -> 2 of {kernel}x{kernel}: "
    assert text.startswith(start)
    reason, remedy = text[len(start) :].split("; expected ")
    numbers = [int(number) for number in re.findall(r"-?\d+", remedy)]
    named = shape[1] if " width " in reason else shape[0]
    square = (named, named, shape[2])  # so that the axis that is not named does not matter
    if reason.startswith("padding"):
        tried = [refusal(padding=numbers[0])]
    elif reason.startswith("kernel"):
        tried = [refusal(pre_shape=square, kernel=numbers[0])]
    elif reason.startswith("stride"):
        tried = [refusal(pre_shape=(size, size, shape[2])) for size in numbers[:-1]]
        tried.append(refusal(stride=numbers[-1]))
    else:
        tried = [refusal(pool=AvgPool2d(size)) for size in numbers]
    for again in tried:
        # Another reason may come to light, e.g. a window that does not divide the new map.
        assert f": {reason.split()[0]} " not in again and "pre_shape" not in again, (text, again)


# --- the engine ---------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["float64", "float32"])
@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_engine_equals_reference_under_maximum_pooling(precision, data):
    problem = data.draw(strategies.problems(precision=precision, max_pooling=True))
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


@settings(deadline=None, max_examples=25)
@given(problem=strategies.problems(max_pooling=True))
def test_samples_give_alone_what_they_give_together_under_maximum_pooling(problem):
    together = engine.solve(problem, threads=2)
    for index in range(len(problem.x)):
        alone = engine.solve(strategies.single_sample(problem, index), threads=1)
        for one, all_of_them in zip(alone.potentials, together.potentials, strict=True):
            np.testing.assert_array_equal(one, all_of_them[:, index : index + 1])


# Rows of more than a cache line, and such that end anywhere in one.
WIDE = {
    "one line and a unit": [Conv2d((5, 4, 1), 17, kernel=3), Conv2d((3, 2, 17), 3, kernel=2)],
    "two strides": [
        Conv2d((9, 7, 2), 19, kernel=3, stride=2, padding=1),
        Conv2d((5, 4, 19), 33, kernel=3, stride=1, padding=1),
        Dense(5 * 4 * 33, 7),
    ],
    "averages": [
        Conv2d((8, 8, 1), 9, kernel=3, padding=1, pool=AvgPool2d(2)),
        Conv2d((4, 4, 9), 21, kernel=3, padding=1, pool=AvgPool2d(4)),
        Dense(21, 40),
        Dense(40, 10),
    ],
    "windows side by side over a stride": [
        Conv2d((9, 9, 3), 5, kernel=1, stride=2, pool=AvgPool2d(5)),
        Dense(5, 12),
    ],
    "no map left": [Conv2d((6, 6, 3), 65, kernel=6), Dense(65, 5)],
    "a pixel": [Conv2d((1, 1, 7), 9, kernel=5, padding=2), Conv2d((1, 1, 9), 4, kernel=1)],
}
WIDE_MAXIMA = {
    "maxima": [
        Conv2d((8, 8, 1), 9, kernel=3, padding=1, pool=MaxPool2d(2)),
        Conv2d((4, 4, 9), 21, kernel=3, padding=1, pool=MaxPool2d(2)),
        Dense(2 * 2 * 21, 10),
    ],
    "a maximum of all": [
        Conv2d((5, 6, 2), 18, kernel=2),
        Conv2d((4, 5, 18), 17, kernel=2, padding=1),
        Conv2d((5, 6, 17), 7, kernel=3, padding=1, pool=MaxPool2d(1)),
        Conv2d((5, 6, 7), 5, kernel=2, padding=1, pool=MaxPool2d(1)),
    ],
    "an average and a stride below": [
        Conv2d((12, 12, 1), 5, kernel=3, padding=1, pool=AvgPool2d(2)),
        Conv2d((6, 6, 5), 11, kernel=2, stride=2, padding=1, pool=MaxPool2d(4)),
        Dense(11, 6),
    ],
}


def wide(connections: list[Connection], precision: str, **more: Any) -> Problem:
    """A run of three phases with spikes, weights of normal size, and two samples."""
    rng = np.random.default_rng(len(connections))
    network = Network.chain(
        connections,
        weights=[rng.normal(0, 2 * c.initial_limit(), c.weight_shape) for c in connections],
        biases=[rng.uniform(-0.1, 0.3, c.post_shape) for c in connections],
    )
    y = rng.random((2, network.sizes[-1]))
    phases = [Free(6), Nudged(4, y, beta=0.5), Nudged(4, y, beta=-0.5, from_free=True)]
    return pose(
        network,
        rng.random((2, network.sizes[0])) * (rng.random((2, network.sizes[0])) < 0.7),
        **{"coding": Coding(), "record": ("bits", "potentials"), **more},
        phases=phases,
        precision=precision,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
@pytest.mark.parametrize("mode", ["spikes", "current"])
@pytest.mark.parametrize("name", WIDE)
def test_engine_equals_reference_whatever_the_channels(name, mode, precision):
    problem = wide(WIDE[name], precision, input=mode)
    run = engine.solve(problem, threads=1)
    assert run.activity.synaptic_events[:, 1:].sum(axis=0).min() > 0  # forward and back
    assert_equal_runs(run, reference.solve(problem))


@pytest.mark.parametrize("quantizer", ["sigma-delta", "none"])
@pytest.mark.parametrize("mode", ["spikes", "current"])
@pytest.mark.parametrize("name", WIDE_MAXIMA)
def test_engine_equals_reference_whatever_the_channels_of_a_maximum(name, mode, quantizer):
    coding = Coding() if quantizer == "sigma-delta" else Coding.real_valued()
    problem = wide(WIDE_MAXIMA[name], "float64", input=mode, coding=coding)
    assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))


def test_an_average_over_windows_of_one_changes_no_bit():
    one, other = (
        wide([Conv2d((6, 5, 2), 7, kernel=3, pool=pool), Dense(4 * 3 * 7, 5)], "float64")
        for pool in (None, AvgPool2d(1))
    )
    assert_equal_runs(engine.solve(one, threads=1), engine.solve(other, threads=1))


@pytest.mark.parametrize("name", ENGINES)
def test_a_chip_holds_the_codes_of_a_kernel_merged_in_float64(name):
    # At the centre (258 + .00001) / 4 last bits of a code: 65, but 64 if the sum is a float32.
    kernel = np.array([[258.0, 1e-5], [0.0, 0.0]], np.float32) / np.float32(256)
    problem = pose(
        Network.chain(
            [Conv2d((3, 3, 1), 1, kernel=2, pool=AvgPool2d(2))], weights=[kernel[:, :, None, None]]
        ),
        [[0, 0, 0, 0, 1, 0, 0, 0, 0]],
        coding=Coding(step_size=Polynomial(1.0), prediction=None),
        phases=[Free(1)],
        input="current",
        precision="chip",
    )
    assert ENGINES[name](problem).ends[0][1].ravel().tolist() == [65 / 256]


def test_a_convolution_over_the_whole_map_is_a_dense_connection():
    square = wide([Conv2d((4, 4, 3), 6, kernel=4), Dense(6, 5)], "float64")
    kernel, last = square.network.weights
    dense = Network.chain(
        [Dense(48, 6), Dense(6, 5)],
        weights=[kernel.reshape(48, 6), last],
        biases=[b.ravel() for b in square.network.biases],
    )
    one = engine.solve(square, threads=1)
    other = engine.solve(replace(square, network=dense), threads=1)
    for a, b in zip(one.potentials, other.potentials, strict=True):
        np.testing.assert_array_equal(a.reshape(b.shape), b)
    np.testing.assert_array_equal(one.activity.synaptic_events, other.activity.synaptic_events)
