"""The rule `eprop`: what it writes by is a gradient, and what it takes is counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from spiking_twin import assert_equals_reference, follow, small

from eqchip.backends.reference.spiking import Machine
from eqchip.backends.reference.spiking.eprop import eprop
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import make_config
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.evaluate import evaluate
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory
from eqchip.graph_price import price
from eqchip.settings import configuration

N_IN, N, N_OUT, ROWS, STEPS, WINDOW = 5, 20, 4, 4, 3, 3
DECAY, FADE, LABEL = 0.1, 0.1, 1


def drawn_machine(seed: int, recurrent: bool) -> Machine:
    """A reference with large weights; of the layer's own spikes, if asked."""
    rule = {
        "name": "eprop", "rows": ROWS, "steps": STEPS, "window": WINDOW, "feedback": "transpose",
        "decay": DECAY, "fade": FADE, "least_error": 0.0,
    }  # fmt: skip
    config = small(rule, (N_IN, N, N_OUT), 1e-7, weight_range=[2.0], accumulator_bits=8)
    machine, rng = Machine(config, [0.0, 0.0]), np.random.default_rng(seed)
    most, size = 127 << 8, machine.stored[0].shape
    machine.stored[0][:] = np.clip(rng.normal(0, 0.6 * 64 * 256, size), -most, most)
    machine.stored[0][N_IN:] *= recurrent
    machine.stored[1][:] = rng.normal(0, 0.3 * 64 * 256, machine.stored[1].shape)
    machine.mirror[1] = machine.stored[1].copy()
    return machine


def directions(machine: Machine, x: np.ndarray) -> list[np.ndarray]:
    """What a sample would write of both connections, not yet rounded."""
    found = [np.zeros(held.shape) for held in machine.stored]

    def add_traces(k: int, traces: np.ndarray, above: np.ndarray, number: int) -> None:
        found[k] += traces * above

    def add(k: int, below: np.ndarray, above: np.ndarray, number: int) -> None:
        found[k] += np.outer(below, above)

    machine.write_traces, machine.write = add_traces, add  # type: ignore[method-assign]
    eprop(machine, machine.fixed.states(x), LABEL, 0, True)
    return found


def gradients(machine: Machine, x: np.ndarray) -> list[np.ndarray]:
    """Backpropagation through time in floating point, of half the squared errors of the window.

    Derived through everything but what a spike takes; [V > 1] as max(0, 1 - |V - 1|).
    """
    one = machine.fixed.one
    w, out = (
        machine.codes(held) * 2.0**e / one
        for held, e in zip(machine.stored, machine.exponents, strict=True)
    )
    total, keep, hold = ROWS * STEPS, 1 - DECAY, 1 - FADE
    phi, v, z, y = np.zeros(N_IN), np.zeros(N), np.zeros(N), np.zeros(N_OUT)
    below, near, spikes, errors = [], [], [z], []
    for t in range(total):
        phi = phi + x[(t // STEPS) * N_IN :][:N_IN]
        q = (phi > 0.5) * 1.0
        phi -= q
        y = hold * y + z @ out
        told = t >= total - WINDOW
        errors.append(told * ((np.arange(N_OUT) == LABEL) - np.clip(y, 0, 1)))
        below.append(np.concatenate([q, z]))
        v = np.maximum(keep * v + below[-1] @ w, -machine.rule.floor)
        near.append(np.maximum(0, 1 - abs(v - 1)))
        z = (v > 1) * 1.0
        v = v - z
        spikes.append(z)
    of_w, of_out, of_y, of_v = np.zeros_like(w), np.zeros_like(out), np.zeros(N_OUT), np.zeros(N)
    for t in range(total - 1, -1, -1):
        of_z = of_y @ out.T + of_v @ w[N_IN:].T
        of_v = keep * of_v + of_z * near[t]
        of_w += np.outer(below[t], of_v)
        of_y = hold * of_y + errors[t]
        of_out += np.outer(spikes[t], of_y)
    return [of_w, of_out]


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("seed", [0, 2])
def test_what_it_writes_by_is_the_gradient_where_the_layer_does_not_hear_itself(seed):
    x = np.random.default_rng(seed + 9).uniform(0, 1, ROWS * N_IN)
    machine = drawn_machine(seed, recurrent=False)
    found, expected = directions(machine, x), gradients(machine, x)
    for k, scale in enumerate((256 * 4096, 256 * 4096)):
        each = expected[k][:N_IN] if k == 0 else expected[k]
        mine = found[k][:N_IN] if k == 0 else found[k]
        assert np.linalg.norm(each) > 0.1
        assert cosine(mine, each) > 0.999
        assert np.linalg.norm(mine) / scale == pytest.approx(np.linalg.norm(each), rel=0.03)


def test_where_it_does_it_is_near_it():
    """The way through the layer's own spikes is left out, and nothing else."""
    x = np.random.default_rng(9).uniform(0, 1, ROWS * N_IN)
    machine = drawn_machine(0, recurrent=True)
    found, expected = directions(machine, x), gradients(machine, x)
    assert cosine(found[1], expected[1]) > 0.999
    assert 0.3 < cosine(found[0], expected[0]) < 0.999


def test_events_messages_visits_and_traces_are_counted_by_hand():
    rule = {"name": "eprop", "rows": 2, "steps": 3, "window": 2, "feedback": "random"}
    config = small(rule, (4, 5, 3), 0.02)
    trainer, _, _ = follow(config, 8)
    activity, kept = trainer.tally.activity, trainer.kept
    assert kept["steps"][0] == 8 * 6
    inputs, hidden, outputs = activity.spikes[0]
    assert outputs == 0 and inputs and hidden
    # A spike of the input meets 5 synapses; of the hidden layer 5 + 3, but for those of the end.
    crossed = activity.synaptic_events[0, :, 0]
    heard = crossed[1] // 3
    assert crossed[0] == 5 * (inputs + heard) and 0 < heard <= hidden
    assert kept["error_events"][1] == 5 * kept["messages"][2] and 0 < kept["messages"][2] <= 48
    # At most 9 axons of 5 synapses, in each of 48 steps; a trace stands only where one is visited.
    assert 0 < kept["told"][0] <= kept["writes"][0, 0, 0] <= 48 * 9 * 5
    np.testing.assert_array_equal(activity.updates_active[0] + activity.updates_inactive[0],
                                  48 * np.array([4, 5, 3]))  # fmt: skip


def test_a_sample_that_is_not_learned_from_leaves_no_trace():
    trainer = assert_equals_reference(
        small({"name": "eprop", "rows": 2, "steps": 3, "window": 2}, (4, 5, 3), 0.0)
    )
    before = trainer.kept["told"].copy()
    trainer.test()
    np.testing.assert_array_equal(trainer.kept["told"], before)


def test_digits_told_row_by_row_are_learned_and_evaluated_and_priced(tmp_path):
    """Far better than chance, in a few short epochs of a small layer."""
    settings = {"rule": "eprop", "epochs": 6, "steps": 4}
    config = configuration("digits", network="8-60-10", on_chip="loihi2", settings=settings)
    assert config.inputs == 64
    run = RunDirectory.create(tmp_path / "run", config)
    outcome = fit(run, load("digits"), threads=1)
    assert outcome.test is not None and outcome.test.error < 60
    assert evaluate(run).error == outcome.test.error
    found = price(run.path, chip="loihi1-davies")
    assert {p["name"] for p in found["populations"]} >= {"input", "hidden", "output"}
    assert any("trace of a synapse" in note for note in found["notes"])


@pytest.mark.parametrize(
    ("layers", "rule", "told"),
    [
        ((4, 5, 5, 3), {}, "eprop: 4 layers; expected 3"),
        ((4, 5, 3), {"window": 9, "rows": 2, "steps": 4}, "window is 9, but a sample has 2 x 4"),
        ((4, 5, 3), {"rows": 0}, "rows is 0; expected a whole number of at least 1"),
        ((4, 5, 3), {"feedback": "mirror"}, "'mirror', which this rule does not use"),
        ((4, 5, 3), {"fade": 1.5}, "fade is 1.5; expected one in"),
    ],
    ids=str,
)
def test_what_it_does_not_know_is_refused_in_one_line(layers, rule, told):
    with pytest.raises(InputError, match=told) as refused:
        small({"name": "eprop", **rule}, layers, 0.1)
    assert "\n" not in str(refused.value)


def test_an_input_that_is_sent_once_and_data_of_another_size_are_refused(tmp_path):
    with pytest.raises(InputError, match="its input changes from part to part of a sample"):
        small({"name": "eprop"}, (4, 5, 3), 0.1, input="current")
    settings = {"rule": "eprop", "epochs": 1}
    wrong = configuration("digits", network="9-8-10", on_chip="loihi2", settings=settings)
    run = RunDirectory.create(tmp_path / "run", wrong)
    with pytest.raises(InputError, match="data set digits has 64 inputs"):
        fit(run, load("digits"), threads=1)
    with pytest.raises(InputError, match="expected dense layers"):
        make_config(layers=("8x8", "4c3", 10), spiking={"name": "eprop"}, on_chip={})
