"""Networks in a line."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eqchip.emulator.description import notation
from eqchip.emulator.description.config import make_config
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError


def test_a_line_names_every_layer():
    found = notation.connections(notation.parse("30x30-32C6P5-64c3s2z1-16c1m3-10"))
    assert found == (
        Conv2d((30, 30, 1), 32, kernel=6, pool=AvgPool2d(5)),
        Conv2d((5, 5, 32), 64, kernel=3, stride=2, padding=1),
        Conv2d((3, 3, 64), 16, kernel=1, pool=MaxPool2d(3)),
        Dense(16, 10),
    )


def test_sizes_are_units_per_layer():
    assert notation.sizes(("28x28", "32c5p2", 100, 10)) == (784, 4608, 100, 10)
    assert notation.sizes(("8x6x3", "2c3m2", 4)) == (144, 12, 4)
    assert make_config(layers=(64, 7, 10)).sizes == (64, 7, 10)


CONVOLUTIONS = st.builds(
    lambda channels, kernel, padding, pool: Conv2d(
        (6, 6, 2), channels, kernel, padding=min(padding, kernel - 1), pool=pool
    ),
    st.integers(1, 5),
    st.sampled_from([1, 3, 5]),
    st.integers(0, 2),
    st.just(None),
)


@given(first=CONVOLUTIONS, units=st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_a_network_written_in_a_line_is_read_again(first, units):
    chain = [first]
    for n in units:
        chain.append(Dense(int(np.prod(chain[-1].post_shape)), n))
    line = notation.written(notation.of_network(Network.chain(chain)))
    assert notation.connections(notation.parse(line)) == tuple(chain)


@pytest.mark.parametrize("kind", ["", "s1", "p2", "m2", "p1", "m1"])
def test_poolings_are_read_again(kind):
    layers = notation.parse(f"6x6-3c3{kind}-2")
    network = Network.chain(notation.connections(layers))
    again = notation.connections(notation.of_network(network))
    assert again == network.connections


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("784", "1 layers; expected at least two, e.g. 784-500-10"),
        ("28y28-10", "the input is '28y28'; expected a number of units or a shape such as 28x28"),
        ("28x28-0", r"entry 2 \(0\): expected at least one unit"),
        (
            "28x28-c5-10",
            r"entry 2 \(c5\): not understood; expected a number of units or e.g. 32c5p2",
        ),
        ("784-8c3-10", r"entry 2 \(8c3\): a convolution reads height x width x channels, but"),
        ("8x8-4c9-10", r"entry 2 \(4c9\): Conv2d 8x8x1 -> 4 of 9x9: kernel 9 is larger than the"),
        (
            "8x8-4c3p4-10",
            r"entry 2 \(4c3p4\): .* windows of 4 do not divide the height 6 .* 2, 3, 6",
        ),
        ("8x8-" + "9" * 5000 + "c3-10", "not understood; expected a number of units"),
        ("0x8-10", "the input is 0x8; expected units"),
    ],
)
def test_a_line_that_makes_no_network_is_refused_by_its_entry(line, message):
    with pytest.raises(InputError, match=message):
        notation.connections(notation.parse(line))


def test_a_configuration_refuses_it_as_well():
    with pytest.raises(InputError, match=r"settings: layers.*4c9.*kernel 9 is larger"):
        make_config(layers=("8x8", "4c9", 10), descent={"lr": [1, 1]})
