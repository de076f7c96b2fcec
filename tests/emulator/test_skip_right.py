"""Samples that are right after the free phase: no nudged phase, no write, no count."""

from __future__ import annotations

import numpy as np
import pytest
from onchip_cases import made_up, small, train
from onchip_twin import Twinned

from eqchip.backends.reference import floating as reference
from eqchip.backends.registry import backend
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training.trainer import NUDGED_SHARE, Trainer

SAMPLES = 8


def asked(**settings: object) -> Problem:
    """Samples whose outputs end the free phase near their targets, or anywhere else."""
    rng = np.random.default_rng(2)
    net = Network.dense([6, 5, 3], seed=1)
    x = rng.random((SAMPLES, 6))
    free = solve(pose(net, x, coding=Coding(), phases=[Free(12)], precision="float64"))
    y = np.clip(free.ends[0][-1] + np.linspace(0, 0.2, SAMPLES)[:, None], 0, 1)
    phases = [Free(12), Nudged(4, y, 0.5, from_free=True), Nudged(4, y, -0.5, from_free=True)]
    return pose(
        net, x, **{  # type: ignore[arg-type]
            "coding": Coding(), "phases": phases, "precision": "float64", "skip_right": 0.1,
            "record": ("bits", "potentials"), **settings,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"precision": "chip"},
        {"readout": "cross-entropy", "skip_right": 0.42},
        {"readout": "cross-entropy", "skip_right": 0.42, "precision": "chip"},
        {"coding": Coding.real_valued(0.5), "input": "current"},
    ],
)
def test_skipping_equals_the_reference(settings):
    problem = asked(**settings)
    ours, theirs = solve(problem), reference.solve(problem)
    assert 0 < np.count_nonzero(ours.skipped) < SAMPLES  # it tested something
    np.testing.assert_array_equal(ours.skipped, theirs.skipped)
    for name in ("bits", "potentials"):
        for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_array_equal(a, b)
    for a, b in zip(ours.ends, theirs.ends, strict=True):
        for of_a, of_b in zip(a, b, strict=True):
            np.testing.assert_array_equal(of_a, of_b)
    for name, counts in ours.activity.to_arrays().items():
        np.testing.assert_array_equal(counts, theirs.activity.to_arrays()[name], name)
    np.testing.assert_array_equal(ours.saturations, theirs.saturations)


def test_a_sample_that_is_nudged_is_untouched_by_those_that_are_not():
    all_run, some = solve(asked(skip_right=0.0)), solve(asked())
    assert all_run.skipped is None and some.skipped is not None
    ran = ~some.skipped
    for a, b in zip(all_run.ends, some.ends, strict=True):
        for of_a, of_b in zip(a, b, strict=True):
            np.testing.assert_array_equal(of_a[ran], of_b[ran])
    for of_phase in some.ends[1:]:  # the others stay where they are
        for end, free in zip(of_phase, some.ends[0], strict=True):
            np.testing.assert_array_equal(end[~ran], free[~ran])
    steps = some.activity.updates_active + some.activity.updates_inactive
    units, nudged = np.array(some.phases[1].steps * np.array([6, 5, 3])), ran.sum()
    np.testing.assert_array_equal(steps[1:], [units * nudged] * 2)


def test_an_update_is_that_of_the_nudged_samples_over_all_of_them():
    problem, weights = asked(precision="float64"), []
    run = solve(problem)
    assert run.skipped is not None
    alone = solve(asked(skip_right=0.0))
    ran = ~run.skipped
    alone.ends[:] = [[end[ran] for end in phase] for phase in alone.ends]
    for found, rate in ((run, 0.4), (alone, 0.4 * ran.sum() / SAMPLES)):
        descent = Descent(problem.network, lower_problem(problem), "symmetric", threads=1)
        descent.update(found, 0.5, [rate, rate])
        weights.append([*descent.weights, *descent.biases])
    for a, b in zip(*weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-15)


@pytest.mark.parametrize("onchip", [{}, {"accumulator_bits": 3, "sees": "signed-spikes"}])
@pytest.mark.parametrize("descent", [{}, {"minibatch": 3}])
def test_skipping_on_the_chip_equals_the_reference(onchip, descent):
    if descent and not onchip:
        onchip = {"accumulator_bits": 3}
    config = small(
        (6, 5, 4, 3), onchip=onchip, descent={**descent, "epochs": 2},
        learning={"average_steps": 2, "skip_right": 0.8},
    )  # fmt: skip
    twinned = Twinned(config, made_up(6, 3, 12))
    shares = []
    train(twinned, lambda: shares.append(twinned.measures()[NUDGED_SHARE]))
    assert 0 < shares[2] < 1  # some were nudged, and not all


def small_config(**learning: object) -> Config:
    return make_config(
        layers=(6, 5, 3),
        learning={"free_steps": 12, "nudged_steps": 4, **learning},
        descent={"lr": (0.3, 0.3), "minibatch": 4, "epochs": 2},
    )


def dataset() -> Dataset:
    return made_up(6, 3, 16)


def test_a_trainer_that_skips_everything_keeps_its_weights():
    trainer = Trainer(small_config(skip_right=0.6), dataset(), threads=1)
    trainer.targets[...] = 0.5  # from which no output is further away
    before = [w.copy() for w in trainer.network.weights]
    for _ in trainer.train_epoch():
        pass
    share = trainer.measures()[NUDGED_SHARE]
    assert share == 0
    assert not trainer.tally.activity.spikes[1:].any()
    assert not trainer.tally.activity.synaptic_events[1:].any()
    for a, b in zip(before, trainer.network.weights, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_trainer_tells_what_share_it_nudged():
    config = small_config(skip_right=0.9)
    trainer = Trainer(config, dataset(), threads=1)
    for _ in trainer.train_epoch():
        pass
    counted = trainer.tally.activity
    of_phase = (counted.updates_active + counted.updates_inactive)[:, 1]
    nudged = of_phase[1] / (config.learning.nudged_steps * 5)
    assert trainer.measures()[NUDGED_SHARE] == nudged / trainer.tally.samples
    assert 0 < nudged < trainer.tally.samples
    assert "nudged_share" not in Trainer(small_config(), dataset(), threads=1).measures()


def test_the_fingerprint_of_a_run_that_skips_nothing_is_as_before():
    text = make_config().model_dump(mode="json")
    assert text["learning"].pop("skip_right") == 0.0
    assert small_config().digest() != small_config(skip_right=0.1).digest()
    assert small_config().digest() == small_config(skip_right=0.0).digest()


@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan"), "much"])
def test_a_distance_that_is_none_is_refused(value):
    with pytest.raises(InputError, match=r"skip_right is .*; expected"):
        Learning(skip_right=value)


def test_who_cannot_skip_says_so():
    with pytest.raises(InputError, match=r"skip_right is 0.1 with timing.*expected 0"):
        make_config(timing=Asynchronous(), learning=Learning(skip_right=0.1))
    with pytest.raises(InputError, match=r"no skipping of right samples .skip_right is 0.1."):
        backend("brian2").check(asked())
    with pytest.raises(InputError, match=r"skip_right is 0.1 with a timing"):
        asked(timing=Asynchronous())
    with pytest.raises(InputError, match=r"skip_right is 0.1, but phases are no free one"):
        asked(phases=[Free(4)])
