"""What keeps the two copies of a weight alike, and how far they drift: mirror modes, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onchip_cases import made_up, small, train, wrapping

from eqchip.backends.reference import fixed, random_rounding
from eqchip.backends.reference import onchip as reference
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.upkeep import (
    FIRING_BITS,
    FORWARD,
    MIRROR,
    MIRROR_SHARE,
    NULL,
    PRESENTATIONS,
    UPKEEPS,
    MirrorMode,
)
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.kernels.onchip_upkeep import mirror_mode
from eqchip.emulator.kernels.random_rounding import MIRROR_STREAM, NOISE_STREAM
from eqchip.emulator.learning.onchip_lowering import (
    lower_mirror_rate,
)
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.onchip_training import OnChipTrainer

# --- the exact gradient of copies that differ ---------------------------------------------


@pytest.mark.parametrize("copies", ["independent", "asymmetric-ep"])
def test_changes_of_hidden_units_cross_the_forward_copy_in_asymmetric_ep(copies):
    """Of two copies that have nothing in common: exact is W D above, and not B D."""
    config = small(
        (12, 30, 5),
        onchip={"copies": copies, "weight_range": [1.0]},
        learning={"free_steps": 300, "nudged_steps": 300, "beta": 0.25, "average_steps": 100},
    )
    network, onchip, data = config.network(), config.on_chip, made_up(12, 5, 4)
    memory = reference.new_memory(config, network)
    forward, back = memory.stored[1]
    back[...] = np.random.default_rng(0).permutation(back.ravel()).reshape(back.shape)
    over = {"forward": 0.0, "back": 0.0}
    for sample, label in enumerate(data.train_y):
        target = np.eye(5)[[label]]
        problem = pose(
            network, data.train_x[[sample]], coding=config.coding, precision="chip", seed=0,
            phases=config.learning.phases(target), fixed=onchip.fixed, samples=np.array([sample]),
        )  # fmt: skip
        codes = [[memory.codes(k, which, onchip) for k in range(2)] for which in (FORWARD, MIRROR)]
        integers = fixed.stored_constants(problem, *codes, memory.exponents, memory.biases)
        shown = reference.show(problem, integers, 100, onchip.upkeep.adjoint)
        _, hidden, outputs = (
            up - down for up, down in zip(shown.ends(1, 100), shown.ends(2, 100), strict=True)
        )
        free = hidden != 0  # units that are at 0 or 1 in both phases hear what they will
        for name, copy in (("forward", forward), ("back", back)):
            expected = (copy @ outputs)[free]
            size = np.linalg.norm(expected) * np.linalg.norm(hidden[free])
            over[name] += float(expected @ hidden[free] / size) / len(data.train_y)
    exact, other = ("forward", "back") if onchip.upkeep.adjoint else ("back", "forward")
    assert over[exact] > 0.9 > 0.6 > over[other], over


def test_equal_copies_learn_alike_with_and_without_the_correction():
    """Where W = B nothing is corrected: the first sample, after which copies drift, is the same."""
    seen = []
    for copies in ("independent", "asymmetric-ep"):
        trainer = OnChipTrainer(small((6, 5, 4, 3), onchip={"copies": copies}), made_up(6, 3, 1), 1)
        train(trainer)
        seen.append([trainer.copy(k, which).stored for k in (1, 2) for which in (FORWARD, MIRROR)])
    for one, other in zip(*seen, strict=True):
        np.testing.assert_array_equal(one, other)


def test_asymmetric_ep_drifts_and_is_another_training_than_independent_copies():
    trained = []
    for copies in ("independent", "asymmetric-ep"):
        trainer = OnChipTrainer(small((6, 5, 4, 3), onchip={"copies": copies}), made_up(6, 3, 9), 1)
        train(trainer)
        assert min(trainer.drift()) > 0
        trained.append(trainer.copy(1, MIRROR).stored.copy())
    assert (trained[0] != trained[1]).any()


# --- two copies ---------------------------------------------------------------------------


def largest_drift(**onchip: Any) -> float:
    """The largest drift at any stop of a training, over all connections."""
    config = small((6, 5, 4, 3), onchip={"every": 1, **onchip})
    trainer = OnChipTrainer(config, made_up(6, 3, 20), 1)
    drifts: list[float] = []

    def watch() -> None:
        drifts.extend(trainer.drift())
        alike = all(
            np.array_equal(*(trainer.copy(k, which)[0] for which in (0, 1))) for k in (1, 2)
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
        streams = (NOISE_STREAM, MIRROR_STREAM)
        return [random_rounding.stream(5, self.number, 1, number) for number in streams]

    def read(self, stored: np.ndarray) -> np.ndarray:
        return reference.codes_of(stored, self.onchip)

    def show(self) -> None:
        """A mirror mode by the reference."""
        self.counts += reference.mirror_mode(
            self.forward,
            self.mirror,
            self.onchip,
            self.onchip.upkeep.tending.null,
            self.share,
            *self.starts(),
        )
        self.number += 1

    def show_by_kernel(self) -> None:
        """The same by the kernel."""
        n_pre, n_post = self.forward.shape
        stored = np.ascontiguousarray(self.mirror.T.astype(np.int16))
        back = self.read(self.mirror).T.astype(np.int8)
        with wrapping():
            mirror_mode(
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


mirrored = pytest.mark.parametrize(
    "copies", [name for name, one in UPKEEPS.items() if isinstance(one.tending, MirrorMode)]
)


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
