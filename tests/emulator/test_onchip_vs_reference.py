"""Learning on the chip is equal to its numpy reference, in what it writes and what it counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onchip_cases import levels_of, made_up, small, train
from onchip_twin import Twinned

from eqchip.backends.reference import onchip as reference
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.description.sight import (
    ACTIVITY,
    CHANGE,
    FACTOR,
    SIGHTS,
    SOURCES,
    TRACE,
    Sight,
    Written,
)
from eqchip.emulator.description.upkeep import FORWARD, MIRROR, UPKEEPS, Shrink, Upkeep
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.kernels import onchip_arrays as arrays
from eqchip.emulator.learning.onchip_lowering import terms_of
from eqchip.emulator.learning.onchip_traffic import reach_of, upkeep_of
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.hw_reports.pricing.learning_memory import on_chip_terms

SIGMA_DELTA = Coding()
BERNOULLI = Coding("bernoulli", step_size=Polynomial(0.8), prediction=None)
LEVELS = levels_of()
levels = pytest.mark.parametrize(("sees", "copies"), LEVELS)


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
            descent={"minibatch": size, "lr": (size / 4,) * 2},  # a sample's is alike in both
        )
        trainer = OnChipTrainer(config, data, 1)
        train(trainer)
        assert trainer.written[..., kernels.APPLIED].sum() == 0  # a new epoch begins
        seen.append(trainer.copy(0, kernels.FORWARD))
    np.testing.assert_array_equal(seen[0], seen[1])
    at_once = small(onchip={"accumulator_bits": 4, "every": 9}, descent={"lr": (0.25, 0.25)})
    trainer = OnChipTrainer(at_once, data, 1)
    train(trainer)
    assert (seen[0][0] != trainer.copy(0, kernels.FORWARD)[0]).any()


@pytest.mark.parametrize("sees", ["traces", "potentials"])
@pytest.mark.parametrize("change_bits", [1, 3, 12])
def test_changes_in_few_bits_equal_the_reference(sees, change_bits):
    config = small(
        (6, 5, 4, 3),
        onchip={"sees": sees, "change_bits": change_bits, "threshold": 0.01},
        learning={"average_steps": 3},
    )
    twinned = Twinned(config, made_up(6, 3, 9))
    train(twinned)
    assert twinned.all_written[..., kernels.APPLIED].any()


@pytest.mark.parametrize("copies", ["errors", "independent"])
def test_more_spikes_than_one_write_one_after_the_other(copies):
    """Ten weights written by at most one spike and by up to four; of each a write is counted."""
    written = []
    for change_spikes in (1, 4):
        config = small(
            (6, 5, 4, 3),
            onchip={"sees": "signed-spikes", "copies": copies, "trace_bits": 1,
                    "accumulator_bits": 2, "change_spikes": change_spikes},
            descent={"lr": (5.0,) * 3},
        )  # fmt: skip
        twinned = Twinned(config, made_up(6, 3, 9))
        train(twinned)
        written.append(twinned.all_written[..., kernels.ATTEMPTED].sum())
        if copies == "errors":  # and nothing was sent for it
            assert twinned.drift() == [0.0, 0.0]
    assert 0 < 2 * written[0] < written[1]


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
            if SIGHTS[sees].takes_current
            else "spikes",
            onchip={
                "fixed": fixed,
                "sees": sees,
                "copies": copies,
                "trace_bits": draw(st.integers(1, 12)),
                "change_bits": draw(st.sampled_from([0, 0, 1, 7, 12]))
                if SIGHTS[sees].knows_changes and not SIGHTS[sees].spikes
                else 0,
                "change_spikes": draw(st.integers(1, 4)),
                "accumulator_bits": accumulator_bits,
                "weight_range": tuple(draw(ranges) for _ in range(connections)),
                "threshold": draw(st.sampled_from([0.0, 0.01, 0.2])),
                "every": draw(st.integers(1, 5)),
                "decay_rate": draw(st.sampled_from([2.0**-12, 0.01, 0.5])),
            },
            learning={
                "beta": draw(st.sampled_from([0.5, 0.3, 1.0])),
                "skip_right": draw(st.sampled_from([0.0, 0.0, 0.4, 0.9])),
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


# --- the two tables -----------------------------------------------------------------------

# A row of the table in docs/on-chip-learning.md: by sees, copies of mirrored weights and copy, the
# products below and above, the stream that each rounds by, and its sign. Of the second connection.
BY_HAND = {
    ("potentials", "independent", FORWARD): ["activity change 0", "change activity 4"],
    ("potentials", "independent", MIRROR): ["activity change 1", "change activity 5"],
    ("potentials", "errors", MIRROR): ["activity change 0", "change activity 4"],
    ("traces", "independent", FORWARD): ["trace change 0"],
    ("traces", "independent", MIRROR): ["change trace 1"],
    ("traces", "same-noise", MIRROR): ["change trace 0"],
    ("traces", "errors", MIRROR): ["trace change 0"],
    ("signed-spikes", "errors", MIRROR): ["trace factor 0"],
    ("signed-spikes", "independent", MIRROR): ["factor trace 1"],
    ("loihi-engine", "decay", FORWARD): ["plus trace plus trace 0", "minus trace minus trace 4 -"],
    ("loihi-engine", "decay", MIRROR): ["plus trace plus trace 1", "minus trace minus trace 5 -"],
}


@pytest.mark.parametrize("case", BY_HAND, ids=str)
def test_a_copy_is_written_by_the_products_written_down(case):
    sees, copies, copy = case
    onchip = OnChip(sees=sees, copies=copies)
    for found in (
        [t for t in terms_of(onchip, 3) if (t.connection, t.copy) == (1, copy)],
        reference.products(onchip, 1, copy),
    ):
        words = [f"{p.pre.name} {p.post.name} {p.stream}{' -' * (p.sign < 0)}" for p in found]
        assert words == BY_HAND[case]


def test_a_change_in_few_bits_stands_where_an_exact_one_does():
    for sees in ("traces", "potentials"):
        exact, few = (OnChip(sees=sees, change_bits=bits) for bits in (0, 7))
        for k in (0, 1):
            places = [t._replace(pre=CHANGE if t.pre == FACTOR else t.pre,
                                 post=CHANGE if t.post == FACTOR else t.post)
                      for t in terms_of(few, 2) if t.connection == k]  # fmt: skip
            assert places == [t for t in terms_of(exact, 2) if t.connection == k]


def test_the_input_has_one_copy_and_no_change():
    for sees in SIGHTS:
        onchip = OnChip(sees=sees, copies="independent")
        found = [t for t in terms_of(onchip, 3) if t.connection == 0]
        assert {t.copy for t in found} == {FORWARD}
        assert not any(t.pre.is_change for t in found)


def test_of_an_injected_input_a_core_knows_the_value():
    for sees in ("potentials", "traces"):
        onchip = OnChip(sees=sees)
        found = [t for t in terms_of(onchip, 3, "current") if t.connection == 0]
        assert [t.pre for t in found] == [ACTIVITY]
        assert [p.pre for p in reference.products(onchip, 0, FORWARD, "current")] == [ACTIVITY]
        upper = [t for t in terms_of(onchip, 3, "current") if t.connection > 0]
        assert upper == [t for t in terms_of(onchip, 3) if t.connection > 0]
    config = small((6, 5, 4, 3), input="current", learning={"skip_right": 0.8})
    twinned = Twinned(config, made_up(6, 3, 7))
    train(twinned)
    assert twinned.all_written[0, FORWARD, kernels.APPLIED]


def test_kernels_number_what_is_known_as_the_description_does():
    rows = {source.name.replace(" ", "_").upper(): n for n, source in enumerate(SOURCES)}
    assert {name: getattr(arrays, name) for name in rows} == rows
    assert len(SOURCES) == arrays.SOURCES


def test_a_new_sight_and_a_new_upkeep_are_a_row_each(monkeypatch):
    """They learn, equal to the reference, and are counted and charged, without a word elsewhere."""
    both = (Written(ACTIVITY, CHANGE), Written(TRACE, CHANGE, -1))
    monkeypatch.setitem(SIGHTS, "half-told", Sight(both, both[:1], graded=True))
    monkeypatch.setitem(UPKEEPS, "shrinking-alike", Upkeep(one_noise=True, tending=Shrink()))
    config = small(
        (6, 5, 4, 3),
        onchip={"sees": "half-told", "copies": "shrinking-alike", "decay_rate": 0.1},
    )
    twinned = Twinned(config, made_up(6, 3, 7))
    train(twinned)
    applied = twinned.all_written[..., kernels.APPLIED]
    assert applied[:, FORWARD].all() and applied[1:, MIRROR].all()
    assert upkeep_of(config) == {(k, copy): 0.25 for k in (1, 2) for copy in (FORWARD, MIRROR)}
    assert reach_of(config)[0] == "active"
    assert {term.name for term in on_chip_terms(config, whole_layers(config.sizes))} == {
        "traces of input axons from below"
    }
