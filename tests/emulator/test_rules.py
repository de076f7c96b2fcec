"""What a learning rule is: a class and a row, read by all that learn; and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from toy_rule import SignOfChange, formula

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import make_config, read_config, to_toml
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.rules import (
    CHANGE,
    MINUS,
    RULES,
    End,
    Full,
    Product,
    Rule,
    rule_of,
)
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.trainer import Trainer
from eqchip.mapping.processes.graph import process_graph
from eqchip.mapping.processes.learning import with_learning

BETA, RATES = 0.5, [0.02, 0.01]
TURNED = r"weight_decay is 30 with a learning rate of 0\.4; expected at most 2\.5"


@pytest.fixture
def toy(monkeypatch) -> str:
    """The name of the toy rule, while it has a row."""
    monkeypatch.setitem(RULES, SignOfChange.name, SignOfChange())
    return SignOfChange.name


def two_clusters() -> Dataset:
    """Two classes of four inputs, one of which has its first half on, the other its second."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    x = np.where((np.arange(4) < 2) == (labels[:, None] == 0), 0.9, 0.1)
    x = np.clip(x + rng.normal(0, 0.05, x.shape), 0, 1).astype(np.float32)
    return Dataset("digits", x[:40], labels[:40], x[40:], labels[40:], (4,), 2, "a test")


def problem_of(network: Network, rule: str | Rule, **settings):
    learning = Learning(rule, BETA, free_steps=12, nudged_steps=6)
    rng = np.random.default_rng(3)
    y = np.eye(network.sizes[-1])[rng.integers(0, network.sizes[-1], 5)]
    return pose(
        network, rng.random((5, network.sizes[0])), coding=Coding(),
        phases=learning.phases(y), precision="float64", **settings,
    )  # fmt: skip


# --- a rule of one's own ------------------------------------------------------------------


def test_a_new_rule_is_its_plain_formula_by_name_and_as_an_instance(toy):
    network = Network.dense([6, 7, 3], seed=2)
    run = solve(problem_of(network, toy))
    assert [type(phase) for phase in run.phases] == [Free, Nudged, Nudged]
    flat = [[layer for layer in end] for end in run.ends]
    weights, biases = formula(flat[2], flat[1], BETA, RATES)
    assert all(np.abs(change).max() > 0 for change in weights)
    for rule in (toy, SignOfChange()):
        got = contrast(network, run, beta=BETA, lr=RATES, rule=rule)
        for k in range(2):
            np.testing.assert_allclose(got.weights[k], weights[k], rtol=1e-12, atol=1e-15)
            np.testing.assert_allclose(got.biases[k], biases[k], rtol=1e-12, atol=1e-15)


def test_descent_along_a_new_rule_adds_its_contrast_to_the_bit(toy):
    network = Network.dense([6, 7, 3], seed=2)
    run = solve(problem_of(network, toy))
    descent = Descent(network, lower(network, np.dtype(np.float64)), toy)
    before = descent.trained()
    descent.update(run, BETA, RATES)
    after, change = descent.trained(), contrast(network, run, beta=BETA, lr=RATES, rule=toy)
    for k in range(2):
        np.testing.assert_array_equal(after.weights[k], before.weights[k] + change.weights[k])
        np.testing.assert_array_equal(after.biases[k], before.biases[k] + change.biases[k])


def test_a_new_rule_trains_and_its_name_is_what_a_file_keeps(toy, tmp_path):
    config = make_config(
        layers=(4, 6, 2), learning={"rule": toy, "free_steps": 20, "nudged_steps": 8},
        descent={"lr": (0.05, 0.02), "epochs": 6, "minibatch": 4},
    )  # fmt: skip
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config, {"by": "a test"}))
    assert f'rule = "{toy}"' in path.read_text()
    assert read_config(path) == config
    trainer = Trainer(config, two_clusters(), threads=1)
    before = trainer.test().score.errors
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    assert trainer.test().score.errors == 0 < before


def test_the_error_of_a_read_out_is_learned_by_a_new_rule_too(toy):
    network = Network.dense([4, 5, 3], seed=1)
    run = solve(problem_of(network, toy, readout="cross-entropy"))
    got = contrast(network, run, beta=BETA, lr=1.0, rule=toy)
    below, change = run.ends[0][1], run.ends[1][2] - run.ends[2][2]
    expected = below.T @ np.sign(change) / (2 * BETA) / len(below)
    np.testing.assert_allclose(got.weights[1], expected, rtol=1e-12)


def test_a_product_that_only_a_changing_unit_has_may_stand_first():
    class Swapped(Full):
        name = "swapped"
        products = (Product(CHANGE, MINUS), Product(MINUS, CHANGE))

    network = Network.dense([5, 4, 3], seed=1)
    run = solve(problem_of(network, "full"))
    got, expected = (
        contrast(network, run, beta=BETA, lr=1.0, rule=rule)
        for rule in (Swapped(), "bidirectional")
    )
    for one, other in zip(got.weights, expected.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-15)
        assert np.abs(one).max() > 0


# --- what a rule is refused for -----------------------------------------------------------


def test_an_unknown_rule_is_refused_with_those_that_are_known(toy):
    network = Network.dense([3, 2])
    for make in (
        lambda: Learning("hebb"),
        lambda: Descent(network, lower(network, np.dtype(np.float64)), "hebb"),
        lambda: contrast(network, solve(problem_of(network, "full")), beta=0.5, lr=1, rule="hebb"),
        lambda: make_config(learning={"rule": "hebb"}),
    ):
        with pytest.raises(InputError, match=f"unknown rule 'hebb'; expected one of .*{toy}"):
            make()


def test_a_file_cannot_hold_a_rule_without_a_row():
    learning = Learning(SignOfChange())
    with pytest.raises(InputError, match=r"SignOfChange.*expected the name of a row of RULES"):
        make_config(learning=learning)


def test_a_rule_of_three_products_is_refused():
    class Three(Full):
        name = "three"
        products = (Product(MINUS, CHANGE),) * 3

    with pytest.raises(InputError, match="rule 'three' has 3 products; expected one or two"):
        Learning(Three())


def test_processes_refuse_a_rule_that_needs_what_they_do_not_know(toy):
    problem = problem_of(Network.dense([3, 2, 2]), toy)
    with pytest.raises(InputError, match="rule 'sign_of_change' needs the 'mean' of an end"):
        with_learning(process_graph(problem), problem, beta=BETA, lr=0.1, rule=toy)


def test_a_chip_refuses_a_rule_that_its_cores_do_not_compute(toy):
    with pytest.raises(InputError, match="on_chip: rule is 'sign_of_change'; expected 'symmetric'"):
        make_config(on_chip={}, learning={"rule": toy}, descent={"minibatch": 1})


@pytest.mark.parametrize("which", ["contrast", "process graph"])
def test_two_nudged_phases_of_one_beta_are_refused(which):
    network, y = Network.dense([3, 2, 2], seed=1), np.eye(2)[[0]]
    phases = [Free(4), Nudged(2, y, 0.5), Nudged(3, y, 0.5, from_free=True)]
    problem = pose(
        network, np.full((1, 3), 0.5), coding=Coding(), phases=phases, precision="float64"
    )
    learn = {
        "contrast": lambda: contrast(network, solve(problem), beta=0.5, lr=1.0),
        "process graph": lambda: with_learning(
            process_graph(problem), problem, beta=0.5, lr=1.0, rule="full"
        ),
    }[which]
    with pytest.raises(InputError, match=rf"{which}: the .* has two nudged phases with beta 0.5"):
        learn()


def test_what_is_no_run_or_no_number_is_called_that():
    network = Network.dense([3, 2])
    with pytest.raises(InputError, match="contrast: run is a str; expected a Run"):
        contrast(network, "x", beta=0.5, lr=1.0)
    run = solve(problem_of(network, "full"))
    for beta in ("much", None, True):
        with pytest.raises(InputError, match=f"contrast: beta is {beta!r}; expected a number"):
            contrast(network, run, beta=beta, lr=1.0)


@pytest.mark.parametrize("decay", [-3.0, float("nan"), float("inf"), "none"])
def test_a_decay_that_is_no_share_is_refused(decay):
    network = Network.dense([3, 2])
    with pytest.raises(InputError, match="weight_decay is"):
        Descent(network, lower(network, np.dtype(np.float64)), "full", weight_decay=decay)


def test_a_decay_that_would_turn_weights_over_is_refused():
    network = Network.dense([6, 3], seed=1)
    run = solve(problem_of(network, "full"))
    descent = Descent(network, lower(network, np.dtype(np.float64)), "full", weight_decay=30.0)
    before = descent.trained().weights[0]
    with pytest.raises(InputError, match=TURNED):
        descent.update(run, BETA, [0.4])
    np.testing.assert_array_equal(descent.trained().weights[0], before)
    with pytest.raises(InputError, match=TURNED):
        make_config(descent={"weight_decay": 30.0, "lr": (0.4, 0.2)})


# --- what the rules say of themselves -----------------------------------------------------


def test_a_clamped_end_has_no_change():
    end = End(np.zeros((2, 3)), np.ones((2, 3)))
    assert end.change.tolist() == [[1.0] * 3] * 2
    assert replace(end, clamped=True).change.shape == (0, 3)


def test_only_rules_that_are_differences_of_phases_are_full():
    full = {"full", "symmetric", "alternating"}
    assert {name for name, rule in RULES.items() if rule.is_full} == full


def test_nudges_in_turn_restore_no_state_and_begin_with_either_sign():
    learning = Learning(rule="alternating", beta=0.5)
    for sign, betas in ((1, [0.5, -0.5]), (-1, [-0.5, 0.5])):
        free, *nudged = learning.phases(np.zeros((1, 3)), sign)
        assert [phase.beta for phase in nudged] == betas
        assert not any(phase.from_free for phase in (free, *nudged))
    with pytest.raises(InputError, match="rule 'alternating' with readout 'cross-entropy'"):
        Learning(rule="alternating", readout="cross-entropy")
    with pytest.raises(InputError, match="on_chip: rule is 'alternating'; expected 'symmetric'"):
        make_config(learning={"rule": "alternating"}, on_chip=OnChip(), descent={"minibatch": 1})


def test_a_rule_is_equal_to_another_of_its_class():
    assert rule_of("full") == Full() != rule_of("symmetric")


def test_phases_of_a_rule_start_from_the_free_one_where_there_are_two():
    y = np.ones((1, 1))
    for name, expected in {
        "full": [(5, 0.0, False), (3, 0.5, False)],
        "symmetric": [(5, 0.0, False), (3, 0.5, True), (3, -0.5, True)],
    }.items():
        phases = Learning(name, 0.5, free_steps=5, nudged_steps=3).phases(y)
        found = [(p.steps, getattr(p, "beta", 0.0), p.from_free) for p in phases]
        assert found == expected
    split = replace(Learning("full"), split_stream=True).phases(y)
    assert isinstance(split[2], Free) and split[2].from_free
