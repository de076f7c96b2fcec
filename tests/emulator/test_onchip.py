"""A network learns on the chip: what it writes, how it is interrupted, and that it learns."""

from __future__ import annotations

import numpy as np
import pytest
from listeners import Stopper
from onchip_cases import made_up, small, train, wrapping
from small_runs import assert_same_end, few_digits, small_config

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import Trainer
from eqchip.emulator.training.trainers import make_trainer

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
    for found in trainer.copy(0, kernels.FORWARD):
        found[...] = codes
    before = trainer.lowered.biases.copy()
    with wrapping():
        next(iter(trainer.train_epoch()))
    assert trainer.written[0].tolist() == [[0, 0, 0], [0, 0, 0]]
    # Attempted and applied: the weights from both active units below.
    assert trainer.written[1, :, :2].tolist() == [[2, 2], [mirrored, mirrored]]
    assert trainer.told.tolist() == [[0, 0, 1], [2, 2, 1]]
    np.testing.assert_array_equal(trainer.copy(0, kernels.FORWARD)[0], codes)
    stored = trainer.copy(1, kernels.FORWARD)[0]
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
        for got, wanted in zip(second.copy(k, which), whole.copy(k, which), strict=True):
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
    codes = trainer.copy(0, kernels.FORWARD)[1]
    real = trainer.network.weights[0] * 2.0 ** (12 - trainer.exponents[0])
    np.testing.assert_array_equal(real, codes)


def test_without_on_chip_the_usual_trainer_trains():
    assert type(make_trainer(small_config(), few_digits(), 1)) is Trainer


def test_settings_that_came_later_leave_the_fingerprints_of_earlier_runs_alone():
    descent = {"minibatch": 1}
    assert Config(on_chip=OnChip(), descent=descent).digest() == "a0bb14495efea479"
    for later in ({"change_bits": 7}, {"change_spikes": 1}):
        found = Config(on_chip=OnChip(**later), descent=descent).digest()
        assert found != "a0bb14495efea479"
