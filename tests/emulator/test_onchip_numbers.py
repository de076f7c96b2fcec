"""Random numbers, random rounding and whole-number rates of learning on the chip."""

from __future__ import annotations

import re

import numpy as np
import pytest
from kernel_twins import from_python
from onchip_cases import levels_of, wrapping

from eqchip.backends.reference import random_rounding as reference
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import random_rounding
from eqchip.emulator.learning.onchip_lowering import (
    check_rates,
    integer_rate,
    lower_bias_rates,
    lower_factors,
    lower_terms,
    terms_of,
)

LEVELS = levels_of()
levels = pytest.mark.parametrize(("sees", "copies"), LEVELS)


# --- random numbers -----------------------------------------------------------------------

# Of SplitMix64 from the seed 1234567, widely published.
SPLITMIX = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


@pytest.mark.nojit
def test_random_words_are_those_of_splitmix64():
    mix = from_python(random_rounding.mix)
    states = [
        (1234567 + (n + 1) * int(random_rounding.GOLDEN)) % 2**64 for n in range(len(SPLITMIX))
    ]
    with wrapping():
        assert [int(mix(np.uint64(state))) for state in states] == SPLITMIX
    assert reference.mix(np.array(states, np.uint64)).tolist() == SPLITMIX


@pytest.mark.nojit
def test_every_stream_of_random_numbers_starts_elsewhere():
    stream_key = from_python(random_rounding.stream_key)
    starts = []
    with wrapping():
        for seed, sample, connection, stream in np.ndindex(2, 5, 3, random_rounding.STREAMS):
            start = int(stream_key(np.uint64(seed), sample, connection, stream))
            assert [start] == reference.stream(seed, sample, connection, stream).tolist()
            starts.append(start)
    assert len(set(starts)) == len(starts)


@pytest.mark.nojit
@pytest.mark.parametrize("shift", [0, 1, 5, 31, 32])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.93])
@pytest.mark.parametrize("whole", [0, 3, -1, -4])
def test_random_rounding_is_exact_in_the_mean(shift, share, whole):
    count = 1000
    product = (whole << shift) + int(share * 2**shift)
    exact = product / 2**shift
    call = from_python(random_rounding.round_at_random)
    with wrapping():
        found = [
            int(call(np.int64(product), np.int64(shift), np.uint64(99), n)) for n in range(count)
        ]
    expected = reference.round_at_random(
        np.full(count, product), shift, np.array([99], np.uint64), np.arange(count)
    )
    assert found == expected.tolist()
    if exact == whole:
        assert set(found) == {whole}
    else:
        assert set(found) == {whole, whole + 1}
        fraction = exact - whole
        deviation = np.sqrt(fraction * (1 - fraction) / count)
        assert abs(np.mean(found) - exact) < 5 * deviation


# --- whole-number rates -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.0, (0, 0)),
        (-1.0, (0, 0)),
        (1.0, (128, 7)),
        (0.75, (192, 8)),
        (0.7, (179, 8)),  # 179.2
        (0.5, (128, 8)),
        (3.0, (192, 6)),
        (300.0, (300, 0)),  # no shift is below 0
        (2.0**-25, (128, 32)),
        (2.0**-30, (4, 32)),  # nor above 32
        (2.0**-34, (0, 32)),
    ],
)
def test_whole_number_rates_by_hand(rate, expected):
    assert integer_rate(rate) == expected


def test_products_get_the_rates_worked_out_by_hand():
    # A trace of 7 bits over 4 steps counts 2 x 4 spikes: 1 is 1/8. A change of 1 is 2**-12.
    # Range 1/2 has the exponent 5: a code is 2**-7, with 2 bits below it 2**-9.
    # lr / (2 beta) 1/8 2**-12 2**9 = 1/2 2**-6 = 2**-7 = 128 / 2**14.
    onchip, learning = OnChip(accumulator_bits=2), Learning(nudged_steps=4, beta=0.5)
    exponents = onchip.exponents(1)
    assert exponents == [5]
    lowered = lower_terms(terms_of(onchip, 1), onchip, learning, exponents, [0.5])
    assert (lowered.mantissa.tolist(), lowered.shift.tolist()) == ([128], [14])
    # A bias is a state: lr / (2 beta) of a change.
    mantissas, shifts = lower_bias_rates(onchip, learning, [0.5])
    assert (mantissas.tolist(), shifts.tolist()) == ([128], [8])


def test_changes_get_the_rates_worked_out_by_hand():
    # A change of 1 is 2**-12 of a potential: of 7 bits, 2**-5 of a step.
    found = lower_factors(OnChip(change_bits=7), Learning(), [5], [0.5])
    assert [numbers.tolist() for numbers in found] == [[128], [12]]
    # In spikes the unit has the rate of a count and an exact change, that of the test above, and a
    # spike writes the count as it is.
    onchip = OnChip(sees="signed-spikes", accumulator_bits=2)
    learning = Learning(nudged_steps=4, beta=0.5)
    found = lower_factors(onchip, learning, [5], [0.5])
    assert [numbers.tolist() for numbers in found] == [[128], [14]]
    lowered = lower_terms(terms_of(onchip, 1), onchip, learning, [5], [0.5])
    assert (lowered.mantissa.tolist(), lowered.shift.tolist()) == ([1], [0])


@levels
@pytest.mark.parametrize("weight_bits", [8, 2])
@pytest.mark.parametrize("average_steps", [1, 3])
def test_a_rate_that_writes_nothing_is_refused_with_one_that_does(
    sees, copies, weight_bits, average_steps
):
    onchip = OnChip(fixed=FixedPoint(weight_bits=weight_bits), sees=sees, copies=copies)
    learning = Learning(average_steps=average_steps, nudged_steps=7, beta=0.3)
    with pytest.raises(InputError) as refused:
        check_rates(onchip, learning, [1.0, 1e-12])
    text = str(refused.value)
    assert text.startswith("lr 1e-12 of connection 2 rounds every update to zero")
    assert "\n" not in text
    least = float(re.search(r"expected at least (\S+)$", text)[1])
    check_rates(onchip, learning, [1.0, least])
    with pytest.raises(InputError, match="rounds every update to zero"):
        check_rates(onchip, learning, [1.0, 0.8 * least])
    check_rates(onchip, learning, [1.0, 0.0])  # who asks for no learning gets none
