"""What must work of a kind that was added to a copy of the sources: one function a kind.

Run as ``python newcomer_checks.py NAME``, with that copy in place of the installed package.
"""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from equal_runs import assert_equal_runs

import eqchip as eq

BETA, RATES = 0.5, [0.25, 0.125]


def on_engine_and_reference(network, x, coding, phases, **asked):
    """The run, equal on both to the last bit."""
    asked |= {"coding": coding, "phases": phases, "record": ("bits", "potentials")}
    asked.setdefault("precision", "float64")
    run = eq.run(network, x, **asked)
    assert_equal_runs(run, eq.run(network, x, backend="reference", **asked))
    return run


def unit() -> None:
    """Engine, reference, counters by layer and by core; where a row is missing, its name."""
    network = eq.Network.dense([6, 5, 4, 3], seed=1)
    x, y = np.linspace(0.0, 1.0, 18).reshape(3, 6), np.eye(3)
    phases = [eq.Free(9), eq.Nudged(7, y, BETA), eq.Nudged(40, y, -BETA, from_free=True)]
    for precision in ("float64", "float32"):
        run = on_engine_and_reference(network, x, eq.ToyUnit(), phases, precision=precision)
        assert all(bits.any() and not bits.all() for bits in run.bits)
    mapped = eq.map_network(network, eq.load_chip("loihi1-davies"))
    cores = eq.run(mapped, x, coding=eq.ToyUnit(), phases=phases).cores
    for counted in ("spikes", "synaptic_events"):
        total = getattr(run.activity, counted).reshape(len(phases), -1).sum(1)
        assert (getattr(cores, counted).sum(1) == total).all() and total.all()
    with pytest.raises(eq.InputError, match="ToyUnit"):
        eq.run(network, x, coding=eq.ToyUnit(), phases=phases, precision="chip")


def connection() -> None:
    """Engine, reference, learning, and the cores of a chip, which store its synapses alone."""
    from eqchip.emulator.engine.lowering import lower
    from eqchip.emulator.learning.descent import Descent
    from eqchip.mapping.activity.writes import weight_updates

    groups, size = 3, 2
    network = eq.Network.chain(
        [eq.Blocks(groups, size), eq.Blocks(groups, size), eq.Dense(6, 4)], seed=0
    )
    x = np.random.default_rng(1).random((3, 6))
    phases = [eq.Free(15), eq.Nudged(9, np.eye(4)[:3], BETA)]
    for precision in ("chip", "float32", "float64"):
        run = on_engine_and_reference(network, x, eq.Coding(), phases, precision=precision)
    rates = [*RATES, 0.25]
    change = eq.contrast(network, run, beta=BETA, lr=rates, rule="full")
    full = eq.contrast(eq.Network.dense(network.sizes), run, beta=BETA, lr=rates, rule="full")
    descent = Descent(network, lower(network, np.dtype(np.float64)), "full")
    descent.update(run, BETA, rates)
    after = descent.trained()
    for k in range(2):
        for g, block in enumerate(change.weights[k]):
            here = slice(g * size, (g + 1) * size)
            np.testing.assert_array_equal(block, full.weights[k][here, here])
        assert change.weights[k].any()
        np.testing.assert_array_equal(after.weights[k], network.weights[k] + change.weights[k])

    mapped = eq.map_network(network, eq.load_chip("loihi1-davies"))
    assert [mapped.copies(k).synapses for k in range(3)] == [12, 12, 24]
    there = eq.run(mapped, x, coding=eq.Coding(), phases=phases, precision="chip")
    assert there.cores.synaptic_events.sum() == there.activity.synaptic_events.sum() > 0
    assert weight_updates(mapped, change).attempted.sum() == 12 + 2 * (12 + 24)


def rule() -> None:
    """Contrast, descent and training by a rule that is asked for by its name."""
    from toy_rule import formula

    from eqchip.emulator.data.dataset import Dataset
    from eqchip.emulator.description.config import make_config
    from eqchip.emulator.engine.lowering import lower
    from eqchip.emulator.learning.descent import Descent
    from eqchip.emulator.training.trainer import Trainer

    name = "sign_of_change"
    network = eq.Network.dense([6, 7, 3], seed=2)
    x = np.random.default_rng(3).random((4, 6))
    learning = eq.Learning(name, BETA, free_steps=12, nudged_steps=6)
    run = on_engine_and_reference(network, x, eq.Coding(), learning.phases(np.eye(3)[[0, 1, 2, 0]]))
    change = eq.contrast(network, run, beta=BETA, lr=RATES, rule=name)
    weights, biases = formula(run.ends[2], run.ends[1], BETA, RATES)
    descent = Descent(network, lower(network, np.dtype(np.float64)), name)
    descent.update(run, BETA, RATES)
    after = descent.trained()
    for k in range(2):
        np.testing.assert_array_equal(change.weights[k], weights[k])
        np.testing.assert_array_equal(change.biases[k], biases[k])
        np.testing.assert_array_equal(after.weights[k], network.weights[k] + change.weights[k])
        assert np.abs(weights[k]).max() > 0

    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    x = np.where((np.arange(4) < 2) == (labels[:, None] == 0), 0.9, 0.1)
    x = np.clip(x + rng.normal(0, 0.05, x.shape), 0, 1).astype(np.float32)
    data = Dataset("digits", x[:40], labels[:40], x[40:], labels[40:], (4,), 2, "two clusters")
    config = make_config(
        layers=(4, 6, 2),
        learning={"rule": name, "free_steps": 20, "nudged_steps": 8},
        descent={"lr": (0.05, 0.02), "epochs": 6, "minibatch": 4},
    )
    trainer = Trainer(config, data, threads=1)
    before = trainer.test().score.errors
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    assert trainer.test().score.errors == 0 < before


def plasticity() -> None:
    """Weights that are written at spikes, by the name of the rule, equal to the reference's."""
    from eqchip.backends.reference.plastic import learn
    from eqchip.emulator.description.rules import rule_of
    from eqchip.emulator.engine.lowering import lower
    from eqchip.emulator.engine.synchronous import solve
    from eqchip.emulator.kernels.lowered import weight_rows
    from eqchip.emulator.problem.pose import pose

    written = rule_of("spike_rule").plasticity
    phases = eq.Learning("spike_rule", BETA, free_steps=17, nudged_steps=9).phases(np.eye(3))
    problem = pose(
        eq.Network.dense([6, 5, 3]),
        np.random.default_rng(0).random((3, 6)),
        coding=eq.Coding(),
        phases=phases,
        precision="float64",
    )
    lowered = lower(problem.network, problem.dtype)
    solve(problem, lowered=lowered, plasticity=written)
    for k, expected in enumerate(learn(problem, written)[0]):
        found = weight_rows(lowered, k)[:, : expected.shape[1]]
        np.testing.assert_array_equal(found, expected)
        assert (found != problem.network.weights[k]).any()


def event() -> None:
    """It is counted by core, and has its price and its entry in the table of energy."""
    from eqchip.hw_reports.pricing.entries import entries
    from eqchip.hw_reports.pricing.figure import price
    from eqchip.hw_reports.pricing.totals import Sum, exactly
    from eqchip.mapping.kinds import counts_of, event

    name, chip = "axon_look_up", eq.load_chip("loihi1-davies")
    mapped = eq.map_network(eq.Network.dense([6, 5, 3], seed=1), chip)
    x = np.linspace(0.0, 1.0, 6)[None]
    cores = eq.run(mapped, x, coding=eq.Coding(), phases=[eq.Free(9)], precision="chip").cores
    counted = counts_of(cores)[name]
    assert counted.sum() == cores.messages_received.sum() > 0
    assert price({name: 2.0}, chip)[name].value == pytest.approx(1e-9)
    found = entries({"free": {name: counted}}, {"free": Sum(exactly(1.0, "s"))}, chip)
    assert name in {entry.kind for entry in found}
    assert event(name).label == "axon look-ups"


def chip() -> None:
    """It is listed, and a network is mapped onto it and runs there."""
    assert "toy" in eq.chip_names()
    mapped = eq.map_network(eq.Network.dense([6, 5, 3], seed=1), eq.load_chip("toy"))
    x = np.linspace(0.0, 1.0, 6)[None]
    run = eq.run(mapped, x, coding=eq.Coding(), phases=[eq.Free(9)], precision="chip")
    assert run.cores.spikes.sum() > 0


def backend() -> None:
    """It runs under the public call, and what it lacks is refused by its name."""
    network, x = eq.Network.dense([6, 5, 3], seed=1), np.linspace(0.0, 1.0, 6)[None]
    asked = {"coding": eq.Coding(), "phases": [eq.Free(9)], "record": ("bits", "potentials")}
    runs = [
        eq.run(network, x, precision="float64", backend=name, **asked)
        for name in ("toy", "emulator")
    ]
    assert_equal_runs(*runs)
    with pytest.raises(eq.InputError, match="backend 'toy' has no precision 'chip'"):
        eq.run(network, x, precision="chip", backend="toy", **asked)


def command() -> None:
    """The function from Python, and the command: listed, in JSON, as a text, and bad input."""
    from click.testing import CliRunner

    from eqchip.__main__ import cli, main

    found = {"format": "eqchip-count 1", "units": 9}
    assert eq.count(eq.Network.dense([4, 3, 2])) == {**found, "weights": 18}
    runner = CliRunner()
    assert "Count the units of a network." in runner.invoke(cli, ["--help"]).output
    shown = json.loads(runner.invoke(cli, ["count", "4", "5", "--json"]).output)
    assert shown == {**found, "weights": 20}
    assert "9 units, 20 weights" in runner.invoke(cli, ["count", "4", "5"]).output
    assert main(["count", "4"]) == 2


THINGS = (unit, connection, rule, plasticity, event, chip, backend, command)

if __name__ == "__main__":
    {one.__name__: one for one in THINGS}[sys.argv[1]]()
