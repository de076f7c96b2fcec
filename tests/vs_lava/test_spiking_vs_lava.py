"""Rules that train integrate-and-fire units inside Lava: all that is kept equals the reference."""

from __future__ import annotations

import numpy as np
import pytest
from onchip_cases import made_up, wrapping

from eqchip.backends.lava.spiking import RULES, describe, train_spiking
from eqchip.backends.reference.spiking import TWINS, Machine
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.spiking.feedback import FEEDBACKS
from eqchip.emulator.description.spiking.rules import SPIKING_RULES
from eqchip.emulator.errors import InputError

SAMPLES, EVERY = 7, 3
# Both rules, every kind of path that Processes know, one and two hidden layers.
CASES = [
    ({"name": "graded", "steps": 5, "feedback": "kolen-pollack", "feedback_decay": 0.1}, 0.5),
    ({"name": "graded", "steps": 6, "feedback": "direct", "least_error": 0.0}, 2.0),
    ({"name": "emstdp", "steps": 6, "settle": 2, "error_threshold": 0.05}, 2.0),
    (
        {
            "name": "emstdp", "steps": 5, "settle": 0, "contrast": "error-spikes",
            "feedback": "random", "error_threshold": 0.05, "floor": 0.5,
        },
        2.0,
    ),
]  # fmt: skip


def small(rule: dict, rate: float, **more: object) -> Config:
    return make_config(
        layers=(6, 5, 4, 3),
        spiking=rule,
        descent={"lr": [rate] * 3, "minibatch": 1, "epochs": 1, "warm_up": 0.0},
        on_chip={"weight_range": [0.5], "every": EVERY, "accumulator_bits": 2},
        **more,
    )


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
@pytest.mark.parametrize(("rule", "rate"), CASES, ids=str)
def test_lava_learns_what_the_reference_does_to_the_bit(rule, rate):
    config, data = small(rule, rate), made_up(6, 3, SAMPLES)
    machine, classes = Machine(config, config.descent.lr), []
    with wrapping():
        for n in range(SAMPLES):
            x, label = machine.fixed.states(data.train_x[n]), int(data.train_y[n])
            classes.append(TWINS[type(machine.rule)](machine, x, label, n, True))
            if (n + 1) % EVERY == 0 or n == SAMPLES - 1:
                machine.tend(n + 1)
    got = train_spiking(config, data.train_x, data.train_y, rates=config.descent.lr)
    for k in range(3):
        np.testing.assert_array_equal(got.stored[k], machine.stored[k], f"connection {k}")
        np.testing.assert_array_equal(got.biases[k], machine.biases[k + 1], f"biases {k}")
        if k > 0 and machine.rule.path.learns:
            np.testing.assert_array_equal(got.paths[k], machine.mirror[k], f"path {k}")
    np.testing.assert_array_equal(got.spikes, machine.counts.spikes)
    np.testing.assert_array_equal(got.classes, classes)
    np.testing.assert_array_equal(got.writes, machine.counts.writes)
    assert got.saturated == machine.counts.saturated[0]
    assert got.writes[:, 0, 2].all() and got.spikes[:, 1:3].all()  # it tested something
    if machine.rule.path.learns:
        assert got.writes[1:, 1, 2].all()


@pytest.mark.parametrize(
    ("rule", "more", "told"),
    [
        ({"name": "graded", "skip_right": 0.1}, {}, "rule 'graded' with skip_right 0.1; expected"),
        ({"name": "erbp"}, {}, "rule 'erbp' has no Processes of spiking layers; expected graded, "),
        ({"name": "graded", "feedback": "mirror"}, {}, "feedback is 'mirror'; expected one that"),
        ({"name": "graded", "feedback": "activation"}, {}, "feedback is 'activation'; expected"),
        ({"name": "emstdp"}, {"input": "current"}, "with input 'current'; expected 'spikes'"),
    ],
)
def test_what_the_processes_do_not_know_is_refused_in_one_line(rule, more, told):
    with pytest.raises(InputError, match=told) as refused:
        describe(small(rule, 0.5, **more), np.zeros((1, 6)), np.zeros(1, int), [0.5] * 3)
    assert "\n" not in str(refused.value)


def test_every_path_of_a_rule_is_described_or_refused_by_name():
    for rule in RULES:
        for feedback in FEEDBACKS:
            config = small({"name": rule.name, "feedback": feedback}, 0.5)
            try:
                found, arrays = describe(config, np.zeros((1, 6)), np.zeros(1, int), [0.5] * 3)
            except InputError as error:
                assert repr(feedback) in str(error)
                continue
            assert {copy["name"] for copy in found["copies"]} <= set(arrays)
    assert set(RULES) < set(SPIKING_RULES.values())
