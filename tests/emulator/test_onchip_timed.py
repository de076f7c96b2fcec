"""Learning on the chip without a clock, and through faults, equals its numpy reference."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onchip_cases import made_up, small, train, wrapping
from onchip_twin import Twinned

import eqchip as eq
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays, Faults, Queues
from eqchip.emulator.description.config import Config, read_config, to_toml
from eqchip.emulator.description.sharing import SHARINGS
from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.onchip_arrays import APPLIED
from eqchip.emulator.training.onchip_training import OnChipTrainer

CLOCKS = Clocks(spread=0.2, offset=1.0, jitter=0.1)
SYNAPSES = Faults(synapses_at_0=0.1, synapses_at_limit=0.1, synapses_frozen=0.2)
# What a chip without a clock, or with faults, may be like.
TIMINGS = {
    "clocks": Asynchronous(CLOCKS, Delays(1.5)),
    "restarted": Asynchronous(replace(CLOCKS, restarted=True), seed=2),
    "lossy": Asynchronous(CLOCKS, Delays(0.5, jitter=1.0), faults=Faults(0.1, 0.1, 0.1), seed=3),
    "uncalibrated": Asynchronous(replace(CLOCKS, calibrated=False)),
    "synapses": Asynchronous(faults=SYNAPSES, seed=5),  # runs in time steps
    "one clock, faults": Asynchronous(faults=replace(SYNAPSES, stuck_at_0=0.2), seed=1),
}


def test_some_faults_need_no_events():
    assert [name for name, timing in TIMINGS.items() if timing.in_steps] == ["synapses"]


@pytest.mark.parametrize("name", TIMINGS)
@pytest.mark.parametrize(
    ("sees", "copies", "average"),
    [("traces", "errors", 1), ("traces", "independent", 2), ("potentials", "periodic", 1)],
)
def test_learning_without_a_clock_equals_the_reference(name, sees, copies, average):
    config = small(
        (6, 5, 4, 3), onchip={"sees": sees, "copies": copies, "every": 3},
        learning={"average_steps": average}, timing=TIMINGS[name], descent={"lr": (0.9,) * 3},
    )  # fmt: skip
    twinned = Twinned(config, made_up(6, 3, 5))
    train(twinned)
    assert twinned.all_written[..., APPLIED].any()


def test_queues_and_a_minibatch_equal_the_reference():
    config = small(
        (6, 5, 3), onchip={"accumulator_bits": 4, "every": 5},
        descent={"minibatch": 2, "lr": (0.9, 0.9)},
        timing=Asynchronous(CLOCKS, queues=Queues(0.05), faults=SYNAPSES),
    )  # fmt: skip
    twinned = Twinned(config, made_up(6, 3, 7))
    train(twinned)
    assert twinned.all_written[..., APPLIED].any()


def convolutions(timing: Asynchronous | None, **onchip: Any) -> Config:
    """A network with a kernel read at many places in both directions, and one of pairs."""
    return small(
        ("5x5", "2c3z1", "3c3s2z1", 2), timing=timing, onchip={"every": 2, **onchip},
        initial_gain=(1.0,), feedback_shifts=(0, 1, 1), input="current",
        learning={"free_steps": 10, "nudged_steps": 6, "beta": 1.0},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "onchip"),
    [
        ("clocks", {"kernels": "keeper"}),
        ("lossy", {"kernels": "in-place", "sees": "potentials", "copies": "periodic"}),
    ],
)
def test_kernels_that_learn_without_a_clock_equal_the_reference(name, onchip):
    twinned = Twinned(convolutions(TIMINGS[name], **onchip), made_up(25, 2, 3))
    train(twinned)
    applied = twinned.all_written[..., APPLIED]
    assert applied[:, FORWARD].all() and applied[1:, MIRROR].all()


@pytest.mark.parametrize(
    "make",
    [
        *(
            lambda timing, average=average, copies=copies: small(
                (6, 5, 4, 3), timing=timing, onchip={"copies": copies, "accumulator_bits": 2},
                learning={"average_steps": average},
            )
            for average in (1, 3)
            for copies in ("errors", "independent", "decay")
        ),
        *(
            lambda timing, kernels=kernels: convolutions(timing, kernels=kernels)
            for kernels in SHARINGS
        ),
    ],
)  # fmt: skip
def test_one_clock_is_synchronous_learning(make):
    """Told as a timing, one clock for all writes, and counts, what time steps do."""
    found = []
    for timing in (None, Asynchronous()):
        config = make(timing)
        trainer = OnChipTrainer(config, made_up(config.sizes[0], config.sizes[-1], 9), 1)
        with wrapping():
            tally = [*trainer.train_epoch()][-1]
        found.append((trainer._learned(), tally, trainer.measures()))
    (learned, tally, measured), (other, others, also) = found
    for name, values in learned.items():
        np.testing.assert_array_equal(values, other[name], name)
    assert tally.activity.to_dict() == others.activity.to_dict()
    assert measured == also


@pytest.mark.parametrize(
    "config",
    [
        small((6, 5, 3), timing=TIMINGS["lossy"], onchip={"every": 2}, descent={"epochs": 2}),
        small((6, 5, 3), timing=TIMINGS["one clock, faults"], onchip={"every": 2}),
        convolutions(TIMINGS["lossy"]),
    ],
    ids=["lossy", "one clock, faults", "kernels"],
)
def test_an_interrupted_training_ends_with_the_same_bits(config):
    data = made_up(config.sizes[0], config.sizes[-1], 6)
    whole = OnChipTrainer(config, data, 1)
    train(whole)
    first = OnChipTrainer(config, data, 1)
    with wrapping():
        next(iter(first.train_epoch()))
    kept = {n: np.array(a) for n, a in first.state().items()}
    second = OnChipTrainer(config, data, 1)
    second.restore(kept)
    train(second)
    for one, values in whole._learned().items():
        np.testing.assert_array_equal(values, second._learned()[one], one)


def test_stuck_synapses_hold_what_they_are_stuck_at():
    """Each copy has its own, the shares are as asked for, and no write or upkeep moves them."""
    faults = Faults(synapses_at_0=0.1, synapses_at_limit=0.2, synapses_frozen=0.3)
    config = small(
        (6, 40, 30), timing=Asynchronous(faults=faults), onchip={"copies": "decay"},
        descent={"lr": (0.9, 0.9)},
    )  # fmt: skip
    data = made_up(6, 30, 12)
    healthy = OnChipTrainer(small((6, 40, 30)), data, 1)
    trainer = OnChipTrainer(config, data, 1)
    began = [trainer.copy(1, c).codes.copy() for c in (FORWARD, MIRROR)]
    programmed = healthy.copy(1, FORWARD).codes
    stuck = [codes != programmed for codes in began]
    assert 0.25 < np.mean(stuck[0]) < 0.35  # those that are frozen show nothing yet
    assert (stuck[0] != stuck[1]).any()
    train(trainer)
    kept = []
    for which, codes in enumerate(began):
        now = trainer.copy(1, which).codes
        np.testing.assert_array_equal(now[stuck[which]], codes[stuck[which]])
        kept.append(np.mean(now == codes))
        values, counts = np.unique(codes[stuck[which]], return_counts=True)
        assert {-127, 0, 127} <= set(values.tolist())
        by_value = dict(zip(values.tolist(), counts / codes.size, strict=True))
        assert 0.05 < by_value[127] < 0.16 and 0.05 < by_value[-127] < 0.16
    assert min(kept) >= 0.55  # 60 % cannot be written; of the others decay moves most
    assert max(kept) < 0.95


def test_a_trained_network_is_judged_on_the_faulty_chip_it_learned_on(tmp_path):
    run = eq.train(
        dataset="digits", network="64-8-10", on_chip="loihi2", epochs=1, free_steps=4,
        nudged_steps=2, out=tmp_path / "run", threads=1,
        timing=Asynchronous(faults=Faults(synapses_at_limit=0.1, stuck_at_1=0.05), seed=4),
    )  # fmt: skip
    again = eq.evaluate(run.run, threads=1)
    assert again.error == run.outcome.test.error
    assert again.to_dict()["timing"]["faults"]["synapses_at_limit"] == 0.1
    other = eq.evaluate(
        run.run, threads=1, timing=Asynchronous(faults=Faults(synapses_at_limit=0.5))
    )
    assert other.tally.spikes_per_sample != again.tally.spikes_per_sample


def test_a_run_records_its_chip(tmp_path):
    config = small(timing=TIMINGS["one clock, faults"])
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config, {"version": "0"}))
    assert read_config(path) == config
    sound = small(timing=Asynchronous(CLOCKS))
    assert sound.digest() != small(timing=Asynchronous(CLOCKS, faults=SYNAPSES)).digest()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"onchip": {"sees": "loihi-engine", "copies": "same-noise"}}, "time steps that all"),
        ({"onchip": {"sees": "signed-spikes"}}, "expected 'potentials' or 'traces'"),
        ({"onchip": {"copies": "weight-mirror"}}, "copies is 'weight-mirror' with a timing"),
        ({"onchip": {"copies": "asymmetric-ep"}}, "time steps that all"),
        ({"timing": Asynchronous(stop=13.0)}, "stops at 13.0"),
        ({"learning": {"skip_right": 0.1}}, "expected 0, or one clock"),
    ],
)
def test_what_takes_common_steps_is_refused(settings, words):
    with pytest.raises(InputError, match=words):
        small(**{"timing": Asynchronous(), **settings})


def test_stuck_synapses_are_refused_where_none_are_stored():
    with pytest.raises(InputError, match="expected shares"):
        Faults(synapses_at_0=0.6, synapses_frozen=0.6)
    net, x = eq.Network.dense([4, 3, 2], seed=0), np.full((1, 4), 0.5)
    timing = Asynchronous(faults=Faults(synapses_at_0=0.5))
    with pytest.raises(InputError, match="expected precision 'chip'"):
        eq.run(net, x, coding=eq.Coding(), phases=[eq.Free(3)], timing=timing)
    conv = small(
        ("4x4", "2c3", 3), timing=timing, descent={"lr": (0.3, 0.3)}, learning={"free_steps": 3}
    )
    with pytest.raises(InputError, match="connection 1 is no matrix"):
        OnChipTrainer(conv, made_up(16, 3, 2), 1)
