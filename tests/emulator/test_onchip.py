"""Learning on the chip: equal to its numpy reference, in what it writes and what it counts."""

from __future__ import annotations

import re
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kernel_twins import from_python
from onchip_cases import copy_of, made_up, small, train, wrapping
from small_runs import assert_same_end, few_digits, small_config

from eqchip.backends.reference import onchip as reference
from eqchip.emulator.data.datasets import Dataset, load
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import (
    FIRING_BITS,
    MIRROR_SHARE,
    MIRRORED,
    NULL,
    PRESENTATIONS,
    Copies,
    OnChip,
)
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.kernels.lowered import layer_units
from eqchip.emulator.learning.onchip_lowering import (
    check_rates,
    integer_rate,
    lower_bias_rates,
    lower_mirror_rate,
    lower_terms,
    terms_of,
)
from eqchip.emulator.progress import Silent
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.onchip_training import OnChipTrainer, make_trainer
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import Trainer

SIGMA_DELTA = Coding()
BERNOULLI = Coding("bernoulli", step_size=Polynomial(0.8), prediction=None)
LEVELS = [
    (sees, copies)
    for sees in ("traces", "potentials", "loihi-engine")
    for copies in get_args(Copies)
    if (sees, copies) != ("loihi-engine", "errors")
]
levels = pytest.mark.parametrize(("sees", "copies"), LEVELS)


# --- small networks -----------------------------------------------------------------------


class Twinned(OnChipTrainer):
    """A trainer beside which the reference learns; they are compared at every stop."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset, 1)
        self.memory = reference.new_memory(config, self.start)
        self.all_written = np.zeros_like(self.written)
        self.assert_equal()

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        x = self._inputs(indices)
        before = self.written.copy(), self.told.copy(), self.tally
        with wrapping():
            super()._train_minibatch(indices, sign, rates, seed)
        learned = reference.learn_samples(
            self.config, self.start, self.memory, x, self.targets[indices],
            rates=rates, seed=seed, samples=indices,
        )  # fmt: skip
        self.assert_equal()
        np.testing.assert_array_equal(self.written - before[0], learned.writes)
        np.testing.assert_array_equal(self.told - before[1], [learned.changed, learned.active])
        wrong = np.count_nonzero(learned.classes != self.dataset.train_y[indices])
        assert self.tally.errors - before[2].errors == wrong
        assert self.tally.saturations - before[2].saturations == learned.saturations
        spikes = self.tally.activity.spikes - before[2].activity.spikes
        np.testing.assert_array_equal(spikes, learned.spikes)
        self.all_written += learned.writes

    def assert_equal(self) -> None:
        """What is stored, the codes that spikes read, and the biases are the reference's."""
        for k, copies in enumerate(self.memory.stored):
            for which, expected in enumerate(copies):
                stored, codes = copy_of(self, k, which)
                np.testing.assert_array_equal(stored, expected, f"connection {k}, copy {which}")
                read = self.memory.codes(k, which, self.onchip)
                np.testing.assert_array_equal(codes, read, f"connection {k}, copy {which}")
            biases = layer_units(self.lowered, self.lowered.biases, k + 1)
            np.testing.assert_array_equal(biases, self.memory.biases[k], f"connection {k}")


# --- the reference ------------------------------------------------------------------------

# weight bits, coding, average steps, layers
SETTINGS = [
    (8, SIGMA_DELTA, 1, (6, 5, 3)),
    (8, BERNOULLI, 2, (6, 5, 4, 3)),
    (4, SIGMA_DELTA, 2, (6, 5, 4, 3)),
    (4, BERNOULLI, 1, (6, 5, 3)),
    (2, SIGMA_DELTA, 1, (6, 5, 4, 3)),
    (2, BERNOULLI, 2, (6, 5, 3)),
]


@levels
@pytest.mark.parametrize("accumulator_bits", [0, pytest.param(3, marks=pytest.mark.nojit)])
def test_training_equals_the_reference(sees, copies, accumulator_bits):
    written = np.zeros((2, 2, 3), np.int64)
    for weight_bits, coding, average_steps, layers in SETTINGS:
        config = small(
            layers,
            coding=coding,
            learning={"average_steps": average_steps},
            onchip={
                "fixed": FixedPoint(weight_bits=weight_bits),
                "sees": sees,
                "copies": copies,
                "accumulator_bits": accumulator_bits,
                "decay_rate": 0.1,
            },
        )
        twinned = Twinned(config, made_up(6, 3, 7))
        train(twinned)
        written += twinned.all_written[:2]
    applied = written[..., kernels.APPLIED]
    assert applied[:, kernels.FORWARD].all() and applied[1, kernels.MIRROR]  # it tested something
    assert written[..., kernels.SATURATED].any()
    assert not written[0, kernels.MIRROR].any()  # nothing is fed back to the input


@levels
def test_a_minibatch_equals_the_reference(sees, copies):
    config = small(
        (6, 5, 4, 3),
        onchip={"sees": sees, "copies": copies, "accumulator_bits": 4, "every": 5},
        descent={"minibatch": 3, "lr": (0.9,) * 3},
    )
    twinned = Twinned(config, made_up(6, 3, 12))
    train(twinned)
    assert twinned.all_written[..., kernels.APPLIED].any()


@pytest.mark.nojit
def test_spikes_read_the_same_codes_until_a_minibatch_is_over():
    """Samples of one minibatch, and at the end of what is shown, all see what was there before."""
    data, seen = made_up(6, 3, 4), []
    for size in (4, 9):
        config = small(
            onchip={"accumulator_bits": 4, "every": 9},
            descent={"minibatch": size, "lr": (1.0, 1.0)},
        )
        trainer = OnChipTrainer(config, data, 1)
        trainer._of_a_sample = lambda rates: [rate / 4 for rate in rates]  # alike in both
        train(trainer)
        assert trainer.written[..., kernels.APPLIED].sum() == 0  # a new epoch begins
        seen.append(copy_of(trainer, 0, kernels.FORWARD))
    np.testing.assert_array_equal(seen[0], seen[1])
    at_once = small(onchip={"accumulator_bits": 4, "every": 9}, descent={"lr": (0.25, 0.25)})
    trainer = OnChipTrainer(at_once, data, 1)
    train(trainer)
    assert (seen[0][0] != copy_of(trainer, 0, kernels.FORWARD)[0]).any()


@pytest.mark.parametrize("nudged_steps", [1, 2, 3])
def test_a_decaying_trace_of_a_short_phase_forgets(nudged_steps):
    config = small(
        onchip={"sees": "loihi-engine", "copies": "same-noise"},
        learning={"nudged_steps": nudged_steps},
    )
    assert (config.on_chip.trace_gains(nudged_steps)[0] == 0) == (nudged_steps < 3)
    train(Twinned(config, made_up(6, 3, 10)))


@st.composite
def trainings(draw: Any) -> Config:
    """Any training on a chip, small, in whatever integers."""
    sees, copies = draw(st.sampled_from(LEVELS))
    layers = tuple(draw(st.lists(st.integers(1, 6), min_size=2, max_size=4)))
    connections = len(layers) - 1
    fraction_bits = draw(st.integers(4, 12))
    fixed = FixedPoint(
        weight_bits=draw(st.integers(2, 8)),
        state_bits=draw(st.sampled_from([24, fraction_bits + 3])),
        fraction_bits=fraction_bits,
        coefficient_bits=draw(st.integers(6, 15)),
    )
    steps = draw(st.integers(1, 6))
    accumulator_bits = draw(st.integers(0, 8))
    ranges = st.sampled_from([0.25, 0.5, 1.0, 3.0])
    rates = st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0, 5.0])
    try:
        return small(
            layers,
            seed=draw(st.sampled_from([0, 1, 2**63 - 1])),
            coding=draw(st.sampled_from([SIGMA_DELTA, BERNOULLI])),
            input=draw(st.sampled_from(["spikes", "current"]))
            if sees == "potentials"
            else "spikes",
            onchip={
                "fixed": fixed,
                "sees": sees,
                "copies": copies,
                "trace_bits": draw(st.integers(1, 12)),
                "accumulator_bits": accumulator_bits,
                "weight_range": tuple(draw(ranges) for _ in range(connections)),
                "threshold": draw(st.sampled_from([0.0, 0.01, 0.2])),
                "every": draw(st.integers(1, 5)),
                "decay_rate": draw(st.sampled_from([2.0**-12, 0.01, 0.5])),
            },
            learning={
                "beta": draw(st.sampled_from([0.5, 0.3, 1.0])),
                "free_steps": draw(st.integers(3, 6)),
                "nudged_steps": steps,
                "average_steps": draw(st.integers(1, min(steps, 3))),
            },
            descent={
                "lr": tuple(draw(rates) for _ in range(connections)),
                "schedule": draw(st.sampled_from(["constant", "cosine"])),
                "epochs": draw(st.integers(1, 2)),
                "input_dropout": draw(st.sampled_from([0.0, 0.5])),
                "minibatch": draw(st.integers(1, 4)) if accumulator_bits else 1,
            },
        )
    except InputError:  # an exponent that these integers lack
        assume(False)
        raise


@given(config=trainings(), samples=st.integers(1, 6), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_any_training_equals_the_reference(config, samples, seed):
    try:
        twinned = Twinned(config, made_up(config.sizes[0], config.sizes[-1], samples, seed))
    except InputError:  # a rate with which nothing is written
        assume(False)
        raise
    train(twinned)


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
    mix = from_python(kernels.mix)
    states = [(1234567 + (n + 1) * int(kernels.GOLDEN)) % 2**64 for n in range(len(SPLITMIX))]
    with wrapping():
        assert [int(mix(np.uint64(state))) for state in states] == SPLITMIX
    assert reference.mix(np.array(states, np.uint64)).tolist() == SPLITMIX


@pytest.mark.nojit
def test_every_stream_of_random_numbers_starts_elsewhere():
    stream_key = from_python(kernels.stream_key)
    starts = []
    with wrapping():
        for seed, sample, connection, stream in np.ndindex(2, 5, 3, kernels.STREAMS):
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
    call = from_python(kernels.round_at_random)
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


# --- two copies ---------------------------------------------------------------------------


def largest_drift(**onchip: Any) -> float:
    """The largest drift at any stop of a training, over all connections."""
    config = small((6, 5, 4, 3), onchip={"every": 1, **onchip})
    trainer = OnChipTrainer(config, made_up(6, 3, 20), 1)
    drifts: list[float] = []

    def watch() -> None:
        drifts.extend(trainer.drift())
        alike = all(
            np.array_equal(*(copy_of(trainer, k, which)[0] for which in (0, 1))) for k in (1, 2)
        )
        assert alike == (max(trainer.drift()) == 0.0) or onchip.get("accumulator_bits", 0)
        stores.append(alike)

    stores: list[bool] = []
    train(trainer, watch)
    assert trainer.written.sum() == 0  # a new epoch begins
    assert (max(drifts) == 0.0) == all(stores)
    return max(drifts)


@pytest.mark.parametrize("accumulator_bits", [0, 3])
@pytest.mark.parametrize(
    ("sees", "copies"),
    [
        ("traces", "errors"),
        ("potentials", "errors"),
        ("potentials", "same-noise"),
        ("loihi-engine", "same-noise"),
        ("traces", "periodic"),  # after every sample here
    ],
)
def test_copies_that_are_kept_alike_never_differ(sees, copies, accumulator_bits):
    assert largest_drift(sees=sees, copies=copies, accumulator_bits=accumulator_bits) == 0.0


@pytest.mark.parametrize(
    ("sees", "copies"),
    [
        ("traces", "independent"),
        ("traces", "same-noise"),  # what the two cores know differs, not only how they round
        ("potentials", "independent"),
        ("loihi-engine", "independent"),
        ("traces", "decay"),
        ("traces", "weight-mirror"),
        ("potentials", "information-alignment"),
    ],
)
def test_other_copies_drift_apart(sees, copies):
    assert largest_drift(sees=sees, copies=copies) > 0.01


# --- mirror modes -------------------------------------------------------------------------


class Mirror:
    """A connection between made-up layers with a mirror of its own, and its two engines."""

    def __init__(self, n_pre: int, n_post: int, share: float = MIRROR_SHARE, **onchip: Any) -> None:
        self.onchip = OnChip(**onchip)
        bits, fixed = self.onchip.accumulator_bits, self.onchip.fixed
        limit = fixed.highest_code << bits
        rng = np.random.default_rng(1)
        self.forward, self.mirror = rng.integers(-limit, limit + 1, (2, n_pre, n_post)) // 2
        self.share, self.number, self.counts = share, 0, np.zeros(3, np.int64)

    def starts(self) -> list[np.ndarray]:
        streams = (kernels.NOISE_STREAM, kernels.MIRROR_STREAM)
        return [reference.stream(5, self.number, 1, number) for number in streams]

    def read(self, stored: np.ndarray) -> np.ndarray:
        return reference.codes_of(stored, self.onchip)

    def show(self) -> None:
        """A mirror mode by the reference."""
        self.counts += reference.mirror_mode(
            self.forward, self.mirror, self.onchip, self.share, *self.starts()
        )
        self.number += 1

    def show_by_kernel(self) -> None:
        """The same by the kernel."""
        n_pre, n_post = self.forward.shape
        stored = np.ascontiguousarray(self.mirror.T.astype(np.int16))
        back = self.read(self.mirror).T.astype(np.int8)
        with wrapping():
            kernels.mirror_mode(
                self.read(self.forward).astype(np.int8), back, stored, PRESENTATIONS,
                NULL if self.onchip.copies == "information-alignment" else 0,
                *lower_mirror_rate([self.share], [MIRROR_SHARE]),
                self.onchip.accumulator_bits, self.onchip.fixed.highest_code,
                np.array([5], np.uint64), self.number, 1, np.zeros(n_pre, np.int64),
                np.zeros(n_pre, np.int64), np.zeros(n_post, np.int64), self.counts,
            )  # fmt: skip
        self.mirror[...] = stored.T
        np.testing.assert_array_equal(back, self.read(self.mirror).T)
        self.number += 1

    @property
    def drift(self) -> float:
        difference = np.linalg.norm(self.mirror - self.forward)
        return float(difference / np.linalg.norm(self.forward))


mirrored = pytest.mark.parametrize("copies", MIRRORED)


@mirrored
@pytest.mark.parametrize("accumulator_bits", [0, 8])
@pytest.mark.parametrize("sizes", [(70, 40), (150, 3), (3, 150), (1, 1)])
def test_a_mirror_mode_of_larger_layers_equals_the_reference(copies, accumulator_bits, sizes):
    settings = {"copies": copies, "accumulator_bits": accumulator_bits, "share": 0.3}
    here, there = (Mirror(*sizes, fixed=FixedPoint(weight_bits=6), **settings) for _ in range(2))
    for _ in range(6):
        here.show_by_kernel()
        there.show()
        np.testing.assert_array_equal(here.mirror, there.mirror)
    np.testing.assert_array_equal(here.counts, there.counts)
    attempted, applied, _ = here.counts
    assert 0 < applied <= attempted and attempted % sizes[1] == 0
    # A unit is to fire in one presentation of 2**7; here a few deviations.
    expected = 6 * PRESENTATIONS * sizes[0] / 2 ** (FIRING_BITS - 1)
    assert abs(attempted / sizes[1] - expected) < 5 * np.sqrt(expected)


@pytest.mark.nojit
@mirrored
def test_a_unit_that_fires_alone_writes_its_row_as_by_hand(copies):
    """Of one unit, so that what comes back is of its own row.

    With 3 units above and the rate 1 / 2, y = x (4, -8, 0) and B = (2, 2, 2) to begin with::

        weight-mirror          B + ((4, -8, 0) - B) / 2 = (3, -3, 1)
        information-alignment  B y = -8 x, y . y = 80, and 1 / g = 3 2**7 / (3 2**7 + 1) / (y . y):
                               B + ((1 + null / g 8) (4, -8, 0) - (1 - null) B) / 2

    rounded at random, to within 1.
    """
    one = Mirror(1, 3, 0.5, copies=copies)
    one.forward[...] = [[4, -8, 0]]
    before = 0
    while one.counts[kernels.ATTEMPTED] - before != 3:  # until it fires once in a mirror mode
        before = one.counts[kernels.ATTEMPTED]
        one.mirror[...] = [[2, 2, 2]]
        one.show_by_kernel()
    if copies == "weight-mirror":
        assert one.mirror.tolist() == [[3, -3, 1]]
        return
    null = NULL / 256
    told = -8 / 80 * null * 384 / 385
    expected = [2 + 0.5 * ((1 - told) * y - (1 - null) * 2) for y in (4, -8, 0)]
    assert (abs(one.mirror[0] - expected) < 1).all()


@mirrored
def test_a_mirror_finds_the_weights_from_nothing(copies):
    one = Mirror(60, 40, 0.02, copies=copies, accumulator_bits=8)
    one.mirror[...] = 0
    drifts = []
    for mode in range(400):
        if mode == 300:  # then it is to keep less noise
            one.share /= 8
        one.show_by_kernel()
        drifts.append(one.drift)
    assert drifts[0] > 0.9 and drifts[299] < 0.4
    size = np.linalg.norm(one.mirror) / np.linalg.norm(one.forward)
    assert abs(size - 1) < 0.15
    if copies == "weight-mirror":
        assert drifts[-1] < 0.1


def test_the_rate_of_a_mirror_falls_with_the_learning_rates_by_hand():
    # 1/32 of the mirror, whose units fire once on average, in 2**-8: 2**-13 = 128 / 2**20.
    assert lower_mirror_rate([0.2, 0.1], [0.2, 0.1]) == (128, 20)
    assert lower_mirror_rate([0.1, 0.05], [0.2, 0.1]) == (128, 21)
    assert lower_mirror_rate([0.0, 0.0], [0.2, 0.1]) == (0, 0)
    assert lower_mirror_rate([0.0, 0.0], [0.0, 0.0]) == (128, 20)  # of no learning rates


def test_a_mirror_without_learning_stays():
    one = Mirror(60, 40, copies="weight-mirror")
    before = one.mirror.copy()
    one.share = 0.0
    one.show_by_kernel()
    np.testing.assert_array_equal(one.mirror, before)
    assert one.counts[kernels.ATTEMPTED] > 0 and one.counts[kernels.APPLIED] == 0


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


# --- hand counts --------------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize(("copies", "mirrored"), [("errors", 2), ("independent", 0)])
def test_writes_of_one_changed_unit_are_counted_as_by_hand(copies, mirrored):
    """Zero weights to the output: it stands at 0, and only a nudge upwards moves a unit of it.

    The hidden layer is fed nothing back and never changes: 2 of its 3 units are at 1/2, one is
    below 0. So a sample changes the output of its class alone, of which the cores of the hidden
    layer, where the mirrored copy is, know only if they are told.
    """
    config = small(
        (3, 3, 2), initial_gain=(1.0, 0.0), onchip={"copies": copies}, descent={"lr": (1.0, 1.0)}
    )
    digits = made_up(3, 2, 1)
    digits.train_x[:] = [1.0, 1.0, 0.0]
    digits.train_y[:] = 1
    trainer = OnChipTrainer(config, digits, 1)
    codes = np.array([[64, 32, -64], [0, 32, 0], [9, 9, 9]])  # a code is 1/128
    for found in copy_of(trainer, 0, kernels.FORWARD):
        found[...] = codes
    before = trainer.lowered.biases.copy()
    with wrapping():
        next(iter(trainer.train_epoch()))
    assert trainer.written[0].tolist() == [[0, 0, 0], [0, 0, 0]]
    # Attempted and applied: the weights from both active units below.
    assert trainer.written[1, :, :2].tolist() == [[2, 2], [mirrored, mirrored]]
    assert trainer.told.tolist() == [[0, 0, 1], [2, 2, 1]]
    np.testing.assert_array_equal(copy_of(trainer, 0, kernels.FORWARD)[0], codes)
    stored = copy_of(trainer, 1, kernels.FORWARD)[0]
    assert (stored[:2, 1] > 0).all() and not stored[:, 0].any() and not stored[2].any()
    changed = np.flatnonzero(trainer.lowered.biases - before)
    assert changed.tolist() == [int(trainer.lowered.offsets[2]) + 1]
    assert trainer.measures()["weights_attempted_per_sample"] == 2 + mirrored


def test_upkeep_counts_every_weight_of_a_copy_that_it_writes():
    for copies, expected in (("decay", [12, 12]), ("periodic", [0, 12])):
        config = small(
            (6, 4, 3),
            onchip={"copies": copies, "every": 2, "decay_rate": 2.0**-12},
            descent={"lr": (0.0, 0.0)},
        )
        trainer = OnChipTrainer(config, made_up(6, 3, 5), 1)
        tended = []
        for _tally in trainer.train_epoch():
            tended.append(trainer.written[1, :, kernels.ATTEMPTED].copy())
        config = small((6, 4, 3), onchip={"copies": "independent"}, descent={"lr": (0.0, 0.0)})
        plain = OnChipTrainer(config, made_up(6, 3, 5), 1)
        for _tally in plain.train_epoch():
            pass
        assert len(tended) == 3  # after 2, 4 and 5 samples
        more = tended[-1] - plain.written[1, :, kernels.ATTEMPTED]
        assert more.tolist() == [3 * weights for weights in expected]


# --- interruptions ------------------------------------------------------------------------


class Stopper(Silent):
    """A listener that presses Ctrl-C after so many stops of the training."""

    def __init__(self, after: int) -> None:
        self.left = after

    def advance(self, amount: int = 1, **facts: object) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "onchip",
    [
        {"accumulator_bits": 4},
        {"sees": "potentials", "copies": "decay"},
        {"sees": "loihi-engine", "copies": "periodic", "weight_range": (0.25, 0.5)},
        {"copies": "weight-mirror"},
        {"sees": "potentials", "copies": "information-alignment", "accumulator_bits": 3},
    ],
    ids=str,
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(onchip, tmp_path):
    config = small_config(
        layers=(64, 8, 10),
        descent={"minibatch": 1, "lr": (0.1, 0.1)},
        on_chip=OnChip(every=16, **onchip),
    )
    whole = RunDirectory.create(tmp_path / "whole", config)
    outcome = fit(whole, few_digits(), threads=1)
    rows = whole.metrics()
    assert [len(row["drift"]) for row in rows[:2]] == [1, 1]
    assert all(row["weights_applied_per_sample"] > 0 for row in rows[:2])
    run = RunDirectory.create(tmp_path / "run", config)
    for after in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            fit(RunDirectory(run.path), few_digits(), threads=1, progress=Stopper(after))
    again = fit(RunDirectory(run.path), few_digits(), threads=2)
    assert again.test.error == outcome.test.error
    assert_same_end(run, whole)


def test_a_restored_trainer_goes_on_as_if_nothing_had_been():
    config = small((6, 5, 4, 3), onchip={"accumulator_bits": 2, "copies": "independent"})
    data = made_up(6, 3, 12)
    whole, first, second = (OnChipTrainer(config, data, 1) for _ in range(3))
    train(whole)
    next(iter(first.train_epoch()))
    second.restore({name: np.array(array) for name, array in first.state().items()})
    train(second)
    expected = whole.state()
    for name, array in second.state().items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)
    for k, which in ((0, 0), (1, 0), (1, 1), (2, 0), (2, 1)):
        for got, wanted in zip(copy_of(second, k, which), copy_of(whole, k, which), strict=True):
            np.testing.assert_array_equal(got, wanted)


# --- it learns ----------------------------------------------------------------------------


def test_digits_are_learned_on_the_chip():
    config = make_config(
        layers=(64, 100, 10),
        on_chip=OnChip(),
        learning={"free_steps": 20, "nudged_steps": 10},
        descent={"minibatch": 1, "lr": (0.1, 0.05), "epochs": 3},
        validation=300,
    )
    trainer = make_trainer(config, load("digits"), 1)
    assert isinstance(trainer, OnChipTrainer)
    before = trainer.validate().error
    train(trainer)
    assert before > 60.0
    assert trainer.validate().error < 15.0
    # What is stored is what is classified with, and what is shown as real weights.
    codes = copy_of(trainer, 0, kernels.FORWARD)[1]
    real = trainer.network.weights[0] * 2.0 ** (12 - trainer.exponents[0])
    np.testing.assert_array_equal(real, codes)


def test_without_on_chip_the_usual_trainer_trains():
    assert type(make_trainer(small_config(), few_digits(), 1)) is Trainer


# --- bad input ----------------------------------------------------------------------------

# settings of OnChip, and what the refusal says
REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"sees": "all"}, ["sees is 'all'", "expected one of potentials, traces, loihi-engine"]),
    ({"copies": "one"}, ["copies is 'one'", "expected one of independent, same-noise, decay"]),
    ({"trace_bits": 0}, ["trace_bits is 0", "whole number of at least 1, below 13"]),
    ({"trace_bits": 13}, ["trace_bits is 13", "whole number of at least 1, below 13"]),
    ({"trace_bits": 2.0}, ["trace_bits is 2.0", "whole number"]),
    ({"accumulator_bits": -1}, ["accumulator_bits is -1", "at least 0, below 9"]),
    ({"accumulator_bits": 9}, ["accumulator_bits is 9", "at least 0, below 9"]),
    ({"every": 0}, ["every is 0", "at least 1"]),
    ({"threshold": -0.1}, ["threshold is -0.1", "expected one in [0, 1)"]),
    ({"threshold": 1.0}, ["threshold is 1.0", "expected one in [0, 1)"]),
    ({"threshold": float("nan")}, ["threshold is nan", "expected one in [0, 1)"]),
    ({"threshold": "x"}, ["threshold is 'x'", "expected a number"]),
    ({"decay_rate": 1.0}, ["decay_rate is 1.0", "expected one in [0, 1)"]),
    ({"weight_range": (0.0,)}, ["weight_range holds 0.0", "finite numbers above 0"]),
    ({"weight_range": (0.5, float("inf"))}, ["weight_range holds inf", "finite numbers above 0"]),
    (
        {"copies": "errors", "sees": "loihi-engine"},
        ["copies 'errors' with sees 'loihi-engine'", "expected 'traces' or 'potentials'"],
    ),
]


@pytest.mark.parametrize(("settings", "parts"), REFUSED, ids=str)
def test_a_wrong_description_is_refused_in_one_line(settings, parts):
    with pytest.raises(InputError) as refused:
        OnChip(**settings)
    assert_one_line(str(refused.value), ["OnChip: ", *parts])


def assert_one_line(text: str, parts: list[str]) -> None:
    assert "\n" not in text
    for part in parts:
        assert part in text


# settings of a run that learns on the chip, and what the refusal says
UNFIT: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"descent": {"minibatch": 2}},
        ["minibatch is 2 with accumulator_bits 0", "expected minibatch 1, or accumulator_bits"],
    ),
    ({"descent": {"optimizer": "adam"}}, ["optimizer is 'adam'", "expected 'sgd'"]),
    ({"descent": {"momentum": 0.5}}, ["momentum is 0.5", "expected 0.0"]),
    ({"descent": {"weight_decay": 0.1}}, ["weight_decay is 0.1", "expected 0.0"]),
    ({"learning": {"rule": "full"}}, ["rule is 'full'", "expected 'symmetric'"]),
    (
        {"learning": {"readout": "cross-entropy"}},
        ["readout is 'cross-entropy'", "expected 'squared-error'"],
    ),
    ({"timing": Asynchronous()}, ["timing is asynchronous", "expected one clock for all"]),
    ({"coding": Coding.real_valued()}, ["quantizer 'none'", "'sigma-delta' or 'bernoulli'"]),
    ({"input": "current"}, ["input 'current' sends no spikes", "input 'spikes'"]),
    ({"layers": ("6x6x1", "3c3", 3)}, ["layer '3c3'", "expected dense layers"]),
    (
        {"onchip": {"weight_range": (0.5, 0.5, 0.5)}},
        ["weight_range holds 3 for 2 connections", "expected one, or 2"],
    ),
    (
        {"onchip": {"weight_range": (1e6,)}},
        ["weight_range 1e+06 needs the exponent", "expected at most 254"],
    ),
]


@pytest.mark.parametrize(("settings", "parts"), UNFIT, ids=str)
def test_what_a_core_cannot_do_is_refused_in_one_line(settings, parts):
    layers = settings.get("layers", (6, 5, 3))
    with pytest.raises(InputError) as refused:
        small(layers, **{name: value for name, value in settings.items() if name != "layers"})
    assert_one_line(str(refused.value), parts)


def test_a_current_is_learned_from_where_potentials_are_seen():
    assert small(input="current", onchip={"sees": "potentials"}).input == "current"


def test_a_trainer_refuses_a_rate_that_writes_nothing():
    config = small(descent={"lr": (1e-12, 0.1)})
    with pytest.raises(InputError, match="lr 1e-12 of connection 1 rounds every update to zero"):
        OnChipTrainer(config, made_up(6, 3, 2), 1)


@pytest.mark.parametrize(
    ("largest", "weight_bits", "expected"),
    [(0.5, 8, 5), (127 / 256, 8, 4), (0.3, 8, 4), (1.0, 2, 12), (1e-9, 8, -2), (0.5, 4, 9)],
)
def test_the_exponent_is_the_smallest_that_holds_the_range(largest, weight_bits, expected):
    # Codes reach 2**(B - 1) - 1; times 2**(e - 12) that is at least the range.
    onchip = OnChip(fixed=FixedPoint(weight_bits=weight_bits), weight_range=(largest,))
    assert onchip.exponents(2) == [expected] * 2
