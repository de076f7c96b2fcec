"""Training by a spiking rule beside its numpy reference."""

from __future__ import annotations

from typing import Any

import numpy as np
from onchip_cases import made_up, wrapping

from eqchip.backends.reference.spiking import TWINS, Machine
from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.spiking.feedback import FEEDBACKS
from eqchip.emulator.kernels.lowered import layer_units, mirror_rows, weight_rows
from eqchip.emulator.training.spiking_training import KEPT, SpikingTrainer
from eqchip.emulator.training.trainers import make_trainer

# What else a rule needs to take a sample of so many numbers as there are inputs.
WHOLE: dict[str, dict[str, Any]] = {"eprop": {"rows": 1}}


def small(
    rule: dict,
    layers: tuple[int, ...],
    rate: float,
    input: str = "spikes",
    seed: int = 0,
    **onchip: Any,
) -> Config:
    return make_config(
        layers=layers,
        input=input,
        seed=seed,
        spiking=rule,
        descent={"lr": [rate] * (len(layers) - 1), "minibatch": 1, "epochs": 2, "warm_up": 0.0},
        on_chip={"weight_range": [0.5], "every": 3, **onchip},
    )


def follow(
    config: Config, samples: int, seed: int = 0
) -> tuple[SpikingTrainer, Machine, list[int]]:
    """A trainer and the reference after the same samples, and the reference's classes."""
    data = made_up(config.inputs, config.sizes[-1], samples, seed)
    trainer = make_trainer(config, data, 1)
    assert isinstance(trainer, SpikingTrainer)
    machine, classes = Machine(config, config.descent.lr), []
    order = np.random.default_rng([config.seed, 0]).permutation(trainer.train_indices)
    position = 0
    with wrapping():
        for _ in trainer.train_epoch():
            for number in range(position, min(position + trainer.stride, samples)):
                progress = (position // trainer.stride) / trainer.minibatches
                machine.rates = config.descent.rates(progress / config.descent.epochs)
                index = order[number]
                x = machine.fixed.states(data.train_x[index])
                twin = TWINS[type(machine.rule)]
                classes.append(twin(machine, x, int(data.train_y[index]), number, True))
            position += trainer.stride
            machine.tend(min(position, samples))
    return trainer, machine, classes


def assert_equals_reference(config: Config, samples: int = 8, seed: int = 0) -> SpikingTrainer:
    """Train on some samples, and compare all that learning keeps with the reference."""
    layers = notation.sizes(config.wired)
    trainer, machine, classes = follow(config, samples, seed)
    lowered, learner = trainer.lowered, trainer.chip.learner
    for k, (n_pre, n_post) in enumerate(zip(layers, layers[1:], strict=False)):
        found = weight_rows(lowered, k, learner.stored)[:n_pre, :n_post]
        np.testing.assert_array_equal(found, machine.stored[k])
        if k > 0 and machine.rule.path.learns:
            found = mirror_rows(lowered, k, learner.stored_mirror)[:n_post, :n_pre]
            np.testing.assert_array_equal(found.T, machine.mirror[k])
            codes = mirror_rows(lowered, k)[:n_post, :n_pre].T
            np.testing.assert_array_equal(codes, machine.codes(machine.mirror[k]))
        if k > 0 and machine.rule.path == FEEDBACKS["transpose"]:
            np.testing.assert_array_equal(machine.mirror[k], machine.stored[k])
        biases = layer_units(lowered, lowered.biases, k + 1)
        np.testing.assert_array_equal(biases, machine.biases[k + 1])
    for name in KEPT:
        np.testing.assert_array_equal(trainer.kept[name], getattr(machine.counts, name), name)
    activity = trainer.tally.activity
    np.testing.assert_array_equal(activity.spikes, machine.counts.spikes)
    crossed = activity.synaptic_events[..., 0].copy()
    if config.input == "current":
        crossed[:, 0] = activity.macs[:, 0, 0]
    np.testing.assert_array_equal(crossed, machine.counts.arrivals)
    labels = trainer.dataset.train_y[
        np.random.default_rng([config.seed, 0]).permutation(trainer.train_indices)
    ]
    assert trainer.tally.score.whole() == [(np.array(classes) != labels).sum()]
    return trainer
