"""Links on cores: connections like any other, and a spike that travels once for them all."""

from __future__ import annotations

import numpy as np
import pytest
from small_chips import small_chip

from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, Lateral, OneToOne
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.learning.contrast import Changes
from eqchip.mapping.activity.writes import weight_updates
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit, check_fits
from eqchip.mapping.placement.wiring import synapse_count

# Cores of two units: 0 and 1 the input, 2 and 3 layer 1, 4 and 5 layer 2, 6 the output.
CHAIN = [Dense(4, 4), Dense(4, 4), Dense(4, 2)]
LINKS = [(1, 3, Dense(4, 2)), (2, 2, Lateral(4)), (1, 2, OneToOne(4))]
WORD = 64  # bits that an axon with one to six synapses takes


@pytest.fixture(scope="module")
def mapped():
    return map_network(Network.chain(CHAIN, links=LINKS, seed=0), small_chip(units=2))


def test_what_cores_use_by_hand(mapped):
    used = [mapped.use[core] for core in (0, 2, 4, 6)]
    # Layer 1 hears 4 units below, 4 of layer 2 over two connections, and 2 of the output.
    assert [one["input_axons"] for one in used] == [0, 10, 4 + 4 + 2, 4 + 4]
    # To the two cores of layer 1; to two of layer 2 and the output's; to all of these; and back.
    assert [one["output_axons"] for one in used] == [2 * 2, 2 * 3, 2 * 5, 2 * 4]
    assert [one["fan_in"] for one in used] == [0, 4 + 4 + 1 + 2, 4 + 1 + 3 + 2, 4 + 4]
    assert [one["fan_out"] for one in used] == [4, 4 + 1 + 2, 4 + 1 + 3 + 2, 4 + 4]


def test_copies_by_hand(mapped):
    bits = mapped.synapse_bits[[2, 4, 6]] // WORD
    # Each connection has a row of its own on an axon: of one to one only for the core's own.
    assert bits.tolist() == [[4, 4 + 2 + 2], [4 + 4 + 2, 2], [4 + 4, 0]]
    skip, lateral, residual = (mapped.copies(k) for k in (3, 4, 5))
    assert (skip.forward.tolist(), skip.mirrored.tolist()) == ([6], [2, 3])
    assert (lateral.forward.tolist(), lateral.mirrored.tolist()) == ([4, 5], [])
    assert (lateral.synapses, lateral.weights, lateral.stored) == (12, 6, 1)
    assert (residual.forward.tolist(), residual.mirrored.tolist()) == ([4, 5], [2, 3])
    assert mapped.copies(0).mirrored.tolist() == []
    told = mapped.to_dict()["connections"]
    assert [one["layers"] for one in told] == [[0, 1], [1, 2], [2, 3], [1, 3], [2, 2], [1, 2]]


def test_a_spike_is_one_message_to_a_core_over_however_many_connections(mapped):
    assert [(bundle.layer, bundle.units) for bundle in mapped.bundles] == [
        (0, 2), (0, 2), (1, 2), (1, 2), (2, 2), (2, 2), (3, 2),
    ]  # fmt: skip
    assert mapped.synapses.tolist() == [
        [0, 0, 2, 2, 0, 0, 0],
        [0, 0, 2, 2, 0, 0, 0],
        [0, 0, 0, 0, 2 + 1, 2, 2],  # the unit of its number is on core 4
        [0, 0, 0, 0, 2, 2 + 1, 2],
        [0, 0, 2 + 1, 2, 1, 2, 2],  # its own core has one other unit
        [0, 0, 2, 2 + 1, 2, 1, 2],
        [0, 0, 2, 2, 2, 2, 0],
    ]
    assert mapped.destinations.tolist() == [2, 2, 3, 3, 5, 5, 4]
    assert not np.diag(mapped.traffic).any()  # what stays on a core travels nowhere
    assert mapped.hops.bound <= mapped.hops.placed <= mapped.hops.naive


def test_an_update_writes_both_synapses_of_a_pair_and_both_copies_of_a_skip(mapped):
    pairs = np.zeros(6)
    pairs[0] = 1.0  # of units 0 and 1, on core 4
    changes = [np.zeros(one.weight_shape) for one in mapped.network.connections]
    changes[4] = pairs
    found = weight_updates(mapped, Changes(changes, []))
    # Chain from below and from above, then the links, of two units each.
    layer_1, layer_2, output = 8 + 8 + 4 + 2, 8 + 4 + 6 + 2, 8 + 8
    assert found.attempted.tolist() == [0, 0, layer_1, layer_1, layer_2, layer_2, output]
    assert found.applied.tolist() == [0, 0, 0, 0, 2, 0, 0]
    changes[3] = np.zeros((4, 2))
    changes[3][3, 1] = 1.0  # from unit 3 of layer 1, on core 3
    found = weight_updates(mapped, Changes(changes, []), learns=[True] * 4 + [False] * 2)
    assert found.applied.tolist() == [0, 0, 0, 1, 0, 0, 1]
    assert found.attempted.tolist()[4:6] == [layer_2 - 8] * 2


def test_a_convolution_may_skip_on_cores():
    same, skip = Conv2d((4, 4, 2), 2, 3, 1, 1), Conv2d((4, 4, 2), 2, 2, pool=AvgPool2d(3))
    network = Network.chain([same, same, Dense(32, 2)], links=[(0, 2, Conv2d((4, 4, 2), 2, 1))])
    mapped = map_network(network, small_chip(units=32))
    assert (mapped.copies(3).synapses, mapped.copies(3).weights) == (16 * 2 * 2, 4)
    # A unit of a corner reaches 4 places of layer 1, and its own place of layer 2 over the skip.
    assert mapped.synapses[0].tolist() == [0, 4 * 2, 2, 0]
    assert synapse_count(skip) == 2 * 2 * 16  # onto 2 units, from all places


def test_a_wide_skip_is_cut_in_slices_and_a_layer_heard_twice_is_not():
    """Every slice has one exponent: that of the one connection from the units that it holds."""
    chip = small_chip(payload=24, units=8, input_axons=24, output_axons=None, synapse_memory=None)
    chain = [Dense(16, 8), Dense(8, 8), Dense(8, 2)]
    skipped = map_network(Network.chain(chain, links=[(0, 2, Dense(16, 8))]), chip, chips=None)
    assert skipped.gatherers and {one.senders.layer for one in skipped.gatherers} <= {0, 1, 3}
    used = [use["input_axons"] for use in skipped.use]
    assert max(used) <= 24
    fans = [8 + 8, 8, 8 + 2, 8]  # of a unit of each layer, wherever its synapses are kept
    met = skipped.synapses[: len(skipped.bundles)].sum(axis=1).tolist()
    assert met == [fans[bundle.layer] for bundle in skipped.bundles]
    whole = map_network(skipped.network, small_chip(units=8))
    changes = Changes([np.full(w.shape, 0.5) for w in skipped.network.weights], [])
    found, expected = (weight_updates(one, changes) for one in (skipped, whole))
    assert [n.sum() for n in found] == [n.sum() for n in expected]
    twice = Topology.of(chain, Network.chain(chain, links=[(1, 2, OneToOne(8))]).links)
    tight = small_chip(payload=24, units=8, input_axons=12, output_axons=None, synapse_memory=None)
    with pytest.raises(DoesNotFit, match=r"layer 1 .* needs 24 input axons, 12 allowed"):
        check_fits(twice, tight, chips=None)
