"""NeuroBench's metrics against hand counts."""

from __future__ import annotations

import numpy as np
import pytest

from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense
from eqchip.emulator.description.topology import Topology
from eqchip.hw_reports.document import neurobench

# 2-2-1: weights with zeros.
W1 = np.array([[3, 0], [-2, 5]], np.int8)
W2 = np.array([[7], [0]], np.int8)
JOINS = Topology.of([Dense(2, 2), Dense(2, 1)])
# Three steps of one sample: bits of the layers, (steps, batch, units).
X = np.array([[[1, 0]], [[1, 1]], [[1, 1]]], np.uint8)
H = np.array([[[0, 1]], [[1, 1]], [[0, 0]]], np.uint8)
Y = np.array([[[1]], [[0]], [[1]]], np.uint8)
BITS = [X, H, Y]


def test_connection_sparsity_is_zeros_over_weights():
    assert neurobench.connection_sparsity([W1, W2]) == round(2 / 6, 4)


def test_activation_sparsity_is_over_all_units_but_the_inputs():
    # Of 9 activations of hidden and output units, 3 + 2 are spikes.
    assert neurobench.activation_sparsity(BITS) == pytest.approx(4 / 9)


def test_effective_accumulates_skip_zero_bits_and_zero_weights():
    found = neurobench.synaptic_operations(BITS, JOINS, [W1, W2])
    # Bits of steps 1 and 2 arrive in steps 2 and 3; those of step 3 do not.
    # Input unit 0: twice, 1 weight; unit 1: once, 2 weights. Hidden unit 0 once, 1 weight up;
    # hidden unit 1 twice, none. Output once, 1 weight down (feedback).
    assert found.effective_acs == 2 * 1 + 1 * 2 + 1 * 1 + 2 * 0 + 1 * 1
    assert found.effective_macs == 0
    assert found.dense == 3 * (4 + 2 + 2)


def test_a_current_is_multiplied_in_once_per_sample():
    current = np.array([[0.5, 0.0]])
    found = neurobench.synaptic_operations([X * 0, H, Y], JOINS, [W1, W2], current)
    assert found.effective_macs == 1  # unit 0, one weight that is not zero
    assert found.effective_acs == 2
    assert found.dense == 4 + 3 * (2 + 2)


def test_operations_are_means_over_samples():
    twice = [np.concatenate([q, q], axis=1) for q in BITS]
    one, two = (neurobench.synaptic_operations(q, JOINS, [W1, W2]) for q in (BITS, twice))
    assert one == two


def test_footprint_counts_each_weight_once_the_biases_and_the_states():
    # 6 weights of 8 bits; 3 units, each a bias and 3 states of 24 bits.
    assert neurobench.footprint([W1, W2], 8, 3, 24, 3) == (6 * 8 + 3 * 4 * 24) // 8


def test_the_names_are_those_of_neurobench():
    found = neurobench.metrics(
        bits=BITS, network=JOINS, weights=[W1, W2], weight_bits=8, state_bits=24, states=3,
        accuracy=0.75,
    )  # fmt: skip
    assert set(found["synaptic_operations"]) == {"Effective_MACs", "Effective_ACs", "Dense"}
    assert found["parameter_count"] == 9
    assert found["classification_accuracy"] == 0.75
    assert set(found["definitions"]) == set(found) - {"definitions", "source"}


@pytest.mark.parametrize("injected", [False, True])
def test_a_convolution_does_what_its_matrix_does(injected):
    rng = np.random.default_rng(0)
    joins = [Conv2d((6, 6, 1), 3, 3, padding=1, pool=AvgPool2d(2)), Dense(27, 4)]
    codes = [rng.integers(-1, 2, (4, 4, 1, 3)), rng.integers(-1, 2, (27, 4))]
    bits = [rng.integers(0, 2, (5, 2, n)) for n in (36, 27, 4)]
    current = rng.integers(0, 2, (2, 36)) / 2.0 if injected else None
    found = neurobench.synaptic_operations(bits, Topology.of(joins), codes, current)
    matrices = [reference.rows(join, code) for join, code in zip(joins, codes, strict=True)]
    plain = [Dense(36, 27), Dense(27, 4)]
    written_out = neurobench.synaptic_operations(bits, Topology.of(plain), matrices, current)
    assert found.effective_acs == written_out.effective_acs > 0
    assert found.effective_macs == written_out.effective_macs
    assert (found.effective_macs > 0) == injected
    # Dense counts the synapses that exist: fewer than the matrix has entries.
    exist = int(reference.synapses(joins[0]).sum())
    assert found.dense == (1 if injected else 5) * exist + 5 * 2 * 27 * 4 < written_out.dense


def test_parameters_are_those_that_are_trained():
    joins = [Conv2d((6, 6, 1), 3, 3, pool=AvgPool2d(2))]
    found = neurobench.metrics(
        bits=[np.zeros((2, 1, 36)), np.zeros((2, 1, 12))], network=Topology.of(joins),
        weights=[np.ones((4, 4, 1, 3))], weight_bits=8, state_bits=24, states=1, accuracy=1.0,
    )  # fmt: skip
    assert found["parameter_count"] == 3 * 3 * 3 + 12
    assert found["footprint"] == (4 * 4 * 3 * 8 + 12 * 2 * 24) // 8  # the merged kernel
