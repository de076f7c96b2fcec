"""A rule that writes weights while its phases run: equal to the reference, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from small_runs import few_digits, small_config
from toy_plasticity import AtPresynapticSpikes, SpikeRule

from eqchip.backends.reference import plastic as reference
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.connections import Conv2d, Dense
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.plasticity import Plasticity
from eqchip.emulator.description.rules import RULES, fits_chip
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.jit import JIT_DISABLED
from eqchip.emulator.kernels.lowered import mirror_rows, weight_rows
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.trainer import Trainer
from eqchip.mapping.processes.graph import process_graph
from eqchip.mapping.processes.learning import with_learning

RULE = AtPresynapticSpikes()
BERNOULLI = Coding("bernoulli", step_size=Polynomial(0.8), prediction=None)


def problem_of(sizes, batch=3, rule="symmetric", coding=None, seed=0, **settings):
    rng = np.random.default_rng(seed)
    learning = Learning(rule, 0.5, free_steps=17, nudged_steps=9, **settings)
    y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]
    return pose(
        Network.dense(sizes, seed=seed), rng.random((batch, sizes[0])), coding=coding or Coding(),
        phases=learning.phases(y), precision="float64", seed=5, samples=np.arange(batch),
    )  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize(
    ("sizes", "rule", "split", "coding"),
    [
        ((6, 3), "full", False, Coding()),
        ((6, 5, 3), "symmetric", False, Coding()),
        ((6, 70, 4, 3), "symmetric", False, BERNOULLI),
        ((5, 9, 8, 3), "full", True, Coding()),
    ],
)
def test_writing_at_presynaptic_spikes_equals_the_reference_to_the_bit(sizes, rule, split, coding):
    problem = problem_of(sizes, rule=rule, coding=coding, split_stream=split)
    lowered = lower(problem.network, problem.dtype)
    run = solve(problem, lowered=lowered, plasticity=RULE)
    weights, ends = reference.learn(problem, RULE)
    for k, expected in enumerate(weights):
        pre, post = expected.shape
        np.testing.assert_array_equal(weight_rows(lowered, k)[:, :post], expected)
        assert (expected != problem.network.weights[k]).any()  # it wrote something
        if k > 0:
            np.testing.assert_array_equal(mirror_rows(lowered, k)[:, :pre], expected.T)
    for found, wanted in zip(run.ends, ends, strict=True):
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_plasticity_that_writes_nothing_changes_nothing():
    problem = problem_of((6, 5, 4, 3))
    still = solve(problem, plasticity=AtPresynapticSpikes(rate=0.0))
    plain = solve(problem)
    np.testing.assert_array_equal(still.activity.spikes, plain.activity.spikes)
    np.testing.assert_array_equal(still.activity.synaptic_events, plain.activity.synaptic_events)
    for one, other in zip(still.ends, plain.ends, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_samples_are_learned_from_one_after_another_on_any_number_of_threads():
    problem, found = problem_of((6, 5, 3), batch=7), []
    for threads in (1, 3):
        lowered = lower(problem.network, problem.dtype)
        solve(problem, lowered=lowered, plasticity=RULE, threads=threads)
        found.append(lowered.weights.copy())
    np.testing.assert_array_equal(*found)
    lowered = lower(problem.network, problem.dtype)
    for b in range(7):
        one = replace(
            problem, x=problem.x[b : b + 1], samples=problem.samples[b : b + 1],
            targets=tuple(y if y is None else y[b : b + 1] for y in problem.targets),
        )  # fmt: skip
        solve(one, lowered=lowered, plasticity=RULE)
    np.testing.assert_array_equal(lowered.weights, found[0])


@pytest.mark.nojit
@pytest.mark.skipif(not JIT_DISABLED, reason="compiling one more relaxation takes half a minute")
def test_a_rule_that_writes_while_its_phases_run_is_trained_by_name(monkeypatch):
    monkeypatch.setitem(RULES, SpikeRule.name, SpikeRule())
    config = small_config(learning={"rule": SpikeRule.name})
    trainer = Trainer(config, few_digits(), threads=2)
    before = trainer.network.weights
    for _ in trainer.train_epoch():
        break
    assert all((a != b).any() for a, b in zip(before, trainer.network.weights, strict=True))
    assert not fits_chip(SpikeRule())


def test_what_cannot_see_the_writes_of_a_phase_refuses_the_rule(monkeypatch):
    problem = problem_of((4, 3, 2))
    with pytest.raises(InputError, match="contrast: rule 'spike_rule' writes weights while"):
        contrast(problem.network, solve(problem), beta=0.5, lr=0.1, rule=SpikeRule())
    with pytest.raises(InputError, match="process graph: rule 'spike_rule' writes weights while"):
        with_learning(process_graph(problem), problem, beta=0.5, lr=0.1, rule=SpikeRule())
    monkeypatch.setitem(RULES, SpikeRule.name, SpikeRule())
    config = small_config(learning={"rule": SpikeRule.name}, input="current")
    with pytest.raises(InputError, match="plasticity while phases run: input is 'current'"):
        Trainer(config, few_digits(), threads=1)


@dataclass(frozen=True)
class Unknown(Plasticity):
    """Without a row."""


def test_a_plasticity_without_a_row_is_refused_by_name():
    with pytest.raises(InputError, match=r"no plasticity Unknown; expected one of .*AtPresynaptic"):
        solve(problem_of((3, 2)), plasticity=Unknown())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"precision": "chip", "fixed": FixedPoint()}, "precision is 'chip'"),
        ({"timing": Asynchronous()}, "a timing is given; expected one clock for all"),
        ({"input": "current"}, "input is 'current'; expected 'spikes'"),
        ({"coding": Coding.real_valued()}, "quantizer is 'none'"),
        ({"readout": "cross-entropy"}, "readout is 'cross-entropy'"),
        (
            {"network": Network.chain([Dense(4, 3), Dense(3, 2)], feedback_shifts=(0, 1))},
            "no feedback_shifts",
        ),
        (
            {"network": Network.chain([Conv2d((2, 2, 1), 1, kernel=1), Dense(4, 2)])},
            "expected dense layers",
        ),
    ],
)
def test_what_no_weight_can_be_written_in_is_refused(changes, words):
    settings = {
        "network": Network.dense([4, 3, 2]), "x": np.full((1, 4), 0.5), "coding": Coding(),
        "phases": Learning().phases([[0.0, 1.0]]), "precision": "float64",
    }  # fmt: skip
    problem = pose(**{**settings, **changes})
    with pytest.raises(InputError, match=f"plasticity while phases run: .*{words}"):
        solve(problem, plasticity=RULE)
