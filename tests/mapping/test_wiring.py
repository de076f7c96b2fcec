"""What a connection asks of cores, against its synapses written out one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import convolutions, sparse

from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.connections import (
    AvgPool2d,
    Conv2d,
    Dense,
    Lateral,
    MaxPool2d,
    OneToOne,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.errors import InputError
from eqchip.mapping.placement.wiring import (
    KINDS,
    check_kinds,
    fans,
    synapse_count,
)

DENSE = st.builds(Dense, st.integers(1, 9), st.integers(1, 9))
LATERAL = st.builds(Lateral, st.integers(2, 9))
ONE_TO_ONE = st.builds(OneToOne, st.integers(1, 9))
CONNECTIONS = DENSE | convolutions(max_pooling=False) | sparse() | LATERAL | ONE_TO_ONE


def written_out(connection, forward: bool) -> np.ndarray:
    """Number of the weight of every synapse, (units that send, units that receive); -1: none."""
    numbers = np.arange(math.prod(connection.synapse_weight_shape)) + 1.0
    found = reference.rows(connection, numbers.reshape(connection.synapse_weight_shape))
    found = found * reference.synapses(connection)  # none joins a unit to itself
    found = found.astype(int) - 1
    return found if forward else found.T


def split_at(units: int, cuts: list[int]) -> list[Part]:
    ends = sorted({min(cut, units) for cut in cuts} | {units})
    return [Part(1, a, b - a) for a, b in zip([0, *ends[:-1]], ends, strict=True)]


CUTS = st.lists(st.integers(1, 60), max_size=3)


@given(CONNECTIONS, st.booleans(), CUTS, CUTS)
def test_synapses_of_parts_are_those_written_out(connection, forward, cuts, other_cuts):
    forward |= connection.lateral  # which is forward alone
    weights = written_out(connection, forward)
    exists = weights >= 0
    wires = KINDS[type(connection)](connection, forward)
    senders, receivers = exists.shape
    assert wires.receivers == receivers
    sources, targets = split_at(senders, cuts), split_at(receivers, other_cuts)
    met = np.stack([exists[:, t.first : t.end].sum(axis=1) for t in targets])
    for source in sources:
        here = slice(source.first, source.end)
        found = wires.of_units(wires.reach(targets), source)
        np.testing.assert_array_equal(found, met[:, here])
        np.testing.assert_array_equal(wires.fan_out(source), exists[here].sum(axis=1))
        assert wires.messages(source, targets) == np.count_nonzero(met[:, here])
    for target, of_senders in zip(targets, met, strict=True):
        expected = exists[:, target.first : target.end].sum(axis=0)
        np.testing.assert_array_equal(wires.fan_in(target), expected)
        reaching = of_senders[of_senders > 0].tolist()
        axons = [m for m, n in wires.axons(target) for _ in range(n)]
        assert sorted(axons) == sorted(reaching)
        assert sum(m * n for m, n in wires.rows(target, shared=False)) == sum(reaching)
    assert synapse_count(connection) == exists.sum()


@given(CONNECTIONS, st.booleans(), CUTS, st.integers(0, 2**32 - 1))
def test_stored_copies_are_the_synapses_or_the_weights_among_them(connection, forward, cuts, seed):
    forward |= connection.lateral  # which is forward alone
    weights = written_out(connection, forward)
    wires = KINDS[type(connection)](connection, forward)
    targets = split_at(weights.shape[1], cuts)
    flags = np.random.default_rng(seed).random((2, *connection.synapse_weight_shape)) < 0.5
    every, shared = (wires.stored(flags, targets, shared) for shared in (False, True))
    for t, target in enumerate(targets):
        held = weights[:, target.first : target.end]
        held = held[held >= 0]
        for k, of_weights in enumerate(flags.reshape(2, -1)):
            assert every[k, t] == of_weights[held].sum()
            assert shared[k, t] == of_weights[np.unique(held)].sum()
        assert sum(m * n for m, n in wires.rows(target, shared=True)) == len(np.unique(held))
    for of_weights in flags:
        marked = np.where(weights >= 0, of_weights.ravel()[weights], False)
        np.testing.assert_array_equal(fans(connection, forward, of_weights), marked.sum(axis=1))


def test_places_near_the_border_reach_fewer():
    # 3 x 3 places, a kernel of 3 x 3 with zeros beyond: corners reach 4 places, edges 6, the
    # middle 9; 2 channels above.
    wires = KINDS[Conv2d](Conv2d((3, 3, 1), 2, 3, padding=1), True)
    whole = wires.reach([Part(1, 0, 18)])
    assert whole.tolist() == [[8, 12, 8, 12, 18, 12, 8, 12, 8]]
    # The first row above, two channels each, is seen by the two upper rows below.
    assert wires.reach([Part(1, 0, 6)]).tolist() == [[4, 6, 4, 4, 6, 4, 0, 0, 0]]
    assert wires.axons(Part(1, 0, 6)) == [(4, 4), (6, 2)]


def test_average_pooling_is_counted_as_the_merged_kernel():
    # 5 x 5 kernels averaged over 2 x 2: 6 x 6 synapses onto each of 12 x 12 x 32 units.
    connection = Conv2d((28, 28, 1), 32, 5, pool=AvgPool2d(2))
    assert synapse_count(connection) == 12 * 12 * 32 * 36
    assert connection.synapse_weight_shape == (6, 6, 1, 32)
    wires = KINDS[Conv2d](connection, True)
    assert wires.rows(Part(1, 0, 12 * 12 * 32), shared=True) == [(6 * 6 * 32, 1)]


def test_maximum_pooling_is_refused_with_its_layer():
    network = Network.chain([
        Conv2d((6, 6, 1), 2, 3), Conv2d((4, 4, 2), 3, 3, pool=MaxPool2d(2)), Dense(3, 2)
    ])  # fmt: skip
    with pytest.raises(InputError, match=r"Conv2d 2 \(.*layer 2, has maximum.*AvgPool2d\(2\)"):
        check_kinds(network)
