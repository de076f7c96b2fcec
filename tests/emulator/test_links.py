"""Connections beside the chain: skips between layers, and lateral ones within a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_runs

import eqchip as eq
from eqchip.backends.bptt.unrolled import gradient
from eqchip.backends.reference import floating as reference
from eqchip.backends.sanafe.peer import problem_of as sanafe_problem
from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config, make_config, read_config, to_toml
from eqchip.emulator.description.connections import Conv2d, Dense, Lateral, OneToOne, Sparse
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.network_file import load_network, save_network
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.processes.graph import process_graph

CASES, SEED = 200, 20261130
REAL_VALUED = eq.Coding.real_valued()


@pytest.mark.parametrize("read_out", [False, True])
@pytest.mark.parametrize("precision", ["float64", "float32", "chip"])
def test_the_engine_equals_the_reference_with_links(precision, read_out):
    rng = np.random.default_rng(SEED)
    for case in range(CASES // 4 if read_out else CASES):
        problem = strategies.draw_problem(rng, precision=precision, max_width=8, max_steps=5)
        if read_out:
            problem = strategies.with_links_to_read_out(strategies.with_read_out(problem), rng)
        else:
            problem = strategies.with_links(problem, rng)
        if case % 2:
            problem = strategies.with_feedback_shifts(problem, rng)
        try:
            assert_equal_runs(engine.solve(problem, threads=1), reference.solve(problem))
        except AssertionError as error:
            raise AssertionError(f"problem {case}: {problem}") from error


def test_a_skip_and_a_lateral_connection_bring_what_is_worked_out_by_hand():
    network = Network.chain(
        [Dense(1, 2), Dense(2, 1)],
        weights=[[[0.25, 0.0]], [[0.0], [0.0]], [[0.5]], [0.5]],
        links=[(0, 2, Dense(1, 1)), (1, 1, Lateral(2))],
    )
    found = eq.run(
        network, [[1.0]], coding=eq.Coding.real_valued(1.0), phases=[eq.Free(3)],
        precision="float64", record=["potentials"],
    )  # fmt: skip
    # The input arrives at step 2; at step 3 the second unit hears half of the first.
    assert found.potentials[1][:, 0].tolist() == [[0.0, 0.0], [0.25, 0.0], [0.25, 0.125]]
    assert found.potentials[2].ravel().tolist() == [0.0, 0.5, 0.5]
    # Messages other than 0 over synapses: what is sent in steps 1 and 2 arrives.
    assert found.activity.macs[0].tolist() == [[4, 0], [1, 2], [2, 0], [1, 0]]


# --- learning -----------------------------------------------------------------------------


def _linked(readout: str) -> Network:
    """A small network with a link of every kind, whose units rest within (0, 1)."""
    rng = np.random.default_rng(3)
    mask = rng.random((4, 2)) < 0.6
    mask[0] = True
    kinds: list[Any] = [(0, 2, Dense(3, 4)), (1, 3, Dense(4, 4)), (1, 2, OneToOne(4)),
                        (2, 2, Lateral(4)), (3, 3, Lateral(4))]  # fmt: skip
    if readout == "cross-entropy":
        kinds += [(1, 4, Dense(4, 2)), (0, 4, Dense(3, 2))]
    else:
        kinds += [(2, 4, Sparse.from_mask(mask))]
    chain = [Dense(3, 4), Dense(4, 4), Dense(4, 4), Dense(4, 2)]
    connections = [*chain, *(kind[2] for kind in kinds)]
    return Network.chain(
        chain,
        weights=[rng.uniform(-0.15, 0.15, c.weight_shape) for c in connections],
        biases=[np.full(c.post_shape, 0.5) for c in chain],
        links=kinds,
        feedback_shifts=[0, 1, 0, 2] if readout == "squared-error" else [0, 1, 0, 0],
    )


@pytest.mark.parametrize("readout", ["squared-error", "cross-entropy"])
def test_the_contrast_of_a_linked_network_is_the_gradient(readout):
    """Against finite differences of the cost at the fixed point, real-valued and unclipped."""
    network, rng = _linked(readout), np.random.default_rng(5)
    x, y, beta = rng.random((2, 3)), np.eye(2), 1e-4
    asked: dict[str, Any] = {
        "coding": REAL_VALUED, "precision": "float64", "readout": readout, "input": "current",
        "threads": 1,
    }  # fmt: skip

    def cost(k: int, place: tuple[int, ...], step: float) -> float:
        weights = [w.copy() for w in network.weights]
        weights[k][place] += step
        moved = replace(network, weights=tuple(weights))
        ends = eq.run(moved, x, phases=[eq.Free(250)], **asked).ends[0]
        assert all(((s > 0) & (s < 1)).all() for s in ends[1:-1])
        if readout == "squared-error":
            return float(np.square(y - ends[-1]).sum(1).mean())
        return float((np.log(np.exp(ends[-1]).sum(1)) - (ends[-1] * y).sum(1)).mean())

    learning = Learning("symmetric", beta, 250, 250, readout=readout)  # type: ignore[arg-type]
    found = eq.run(network, x, phases=learning.phases(y), **asked)
    changes = contrast(network, found, beta=beta, lr=1.0, rule="symmetric")
    for k, change in enumerate(changes.weights):
        for flat in (0, change.size - 1):
            place = np.unravel_index(flat, change.shape)
            slope = (cost(k, place, 1e-5) - cost(k, place, -1e-5)) / 2e-5
            assert change[place] == pytest.approx(-slope, rel=2e-4, abs=1e-8), (k, place)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "adam"}, {"momentum": 0.5}])
def test_descent_writes_what_the_contrast_says_and_keeps_both_copies(settings):
    network = _linked("squared-error")
    lowered = lower(network, np.dtype(np.float64))
    descent = Descent(network, lowered, "symmetric", threads=1, **settings)
    learning, rng = Learning(beta=0.5, free_steps=20, nudged_steps=10), np.random.default_rng(1)
    run = eq.run(
        network, rng.random((5, 3)), coding=REAL_VALUED, precision="float64",
        phases=learning.phases(np.eye(2)[[0, 1, 1, 0, 1]]),
    )  # fmt: skip
    rates = [0.1] * len(network.connections)
    rates[6] = 0.0  # the residual link stays
    changes = contrast(network, run, beta=0.5, lr=rates, rule="symmetric")
    descent.update(run, 0.5, rates)
    trained = descent.trained()
    if settings.get("optimizer") != "adam":
        for ours, change, before in zip(
            trained.weights, changes.weights, network.weights, strict=True
        ):
            np.testing.assert_allclose(ours, before + change, atol=1e-14)
    assert (trained.weights[6] == network.weights[6]).all()
    assert all((a != b).any() for a, b in zip(trained.weights[:6], network.weights, strict=False))
    again = lower(trained, np.dtype(np.float64))
    assert (lowered.weights == again.weights).all() and (lowered.mirror == again.mirror).all()


def _settings(**settings: Any) -> Config:
    rates = {"lr": (0.1,) * 6, "epochs": 2}
    return make_config(layers=(64, 12, 12, 12, 10), links=("1:3", "2:2"), descent=rates, **settings)


@pytest.mark.parametrize("readout", ["squared-error", "cross-entropy"])
def test_a_linked_network_is_trained_resumed_and_judged(tmp_path, readout):
    settings: dict[str, Any] = {
        "network": "64-12-12-12-10", "links": "1:3,2:2,1=2x0.5", "epochs": 2, "readout": readout,
        "free_steps": 20, "nudged_steps": 10, "threads": 1,
    }  # fmt: skip
    whole = eq.train("digits", out=tmp_path / "whole", **settings)
    assert whole.run.config.descent.lr[-1] == 0.0
    network = whole.run.weights()
    assert [link[:2] for link in network.links] == [(1, 3), (2, 2), (1, 2)]
    assert (network.weights[-1] == 0.5).all() and len(network.weights) == 7
    begun = whole.run.config.network()
    assert all((a != b).any() for a, b in zip(network.weights[:-1], begun.weights, strict=False))
    found = eq.evaluate(whole.run.path, threads=1)
    assert found.tally.error == whole.outcome.test.error
    assert len(whole.run.records()[0]) > 10
    signals = whole.run.metrics()[0]
    assert len(signals["contrast_by_connection"]) == 7
    told = r"has no skip and lateral connections \(link \(12 -> 12\) joins layers 1 and 3\)"
    report = eq.report(whole.run.path, chip="loihi1-davies", samples=2, threads=1)
    assert report["mapping"]["cores_used"] == 5
    if readout == "squared-error":
        with pytest.raises(eq.InputError, match=f"gradients {told}"):
            eq.gradients(whole.run.path, out=tmp_path / "gradients")


def test_settings_and_weights_of_a_linked_network_are_read_again(tmp_path):
    config = _settings(seed=3)
    (tmp_path / "config.toml").write_text(to_toml(config, {"eqchip": "test"}))
    assert read_config(tmp_path / "config.toml") == config
    network = config.network()
    save_network(tmp_path / "network.npz", network)
    loaded = load_network(tmp_path / "network.npz")
    assert loaded.joined == network.joined and loaded.connections == network.connections
    assert all((a == b).all() for a, b in zip(loaded.weights, network.weights, strict=True))
    chain = make_config(layers=(64, 10), descent={"lr": (0.1,)})
    save_network(tmp_path / "chain.npz", chain.network())
    assert "links" not in np.load(tmp_path / "chain.npz").files


def test_a_run_of_an_earlier_version_keeps_its_fingerprint():
    settings = make_config(layers=(64, 10), descent={"lr": (0.1,)})
    assert settings.digest() == "df6fddf0fb95a815"


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("links", "told"),
    [
        ("1:9", "layers 1 and 9; expected one of 0 to 3"),
        ("3:1", "layers 3 and 1"),
        ("0:0", "layers 0 and 0"),
        ("1-3", "not understood; expected e.g. 1:3, 2:2"),
        ("1=3", "one to one between 12 and 10 units"),
        ("1=2x1e", "the weight is '1e'"),
        ("1:2:8c3", "a convolution reads height x width x channels"),
    ],
)
def test_a_wrong_link_is_refused_by_name(links, told):
    with pytest.raises(eq.InputError, match=f"link '{links}' of network 64-12-12-10: {told}"):
        notation.links((64, 12, 12, 10), [links])


def test_a_link_that_joins_nothing_is_refused():
    chain = [Dense(4, 5), Dense(5, 3)]
    for link, told in (
        ((1, 1, Dense(5, 5)), "joins layer 1 to itself; expected Lateral"),
        ((1, 2, Lateral(5)), "joins layers 1 and 2; expected one layer"),
        ((0, 2, Dense(4, 4)), "joins layers of shape"),
        ((0, 3, Dense(4, 3)), "layer above link 0:3 is 3"),
        ((1, 2), r"link \(1, 2\) is none"),
    ):
        with pytest.raises(eq.InputError, match=told):
            Network.chain(chain, links=[link])  # type: ignore[list-item]


def test_a_convolution_may_skip():
    same = Conv2d((6, 6, 2), 2, 3, 1, 1)
    skip = Conv2d((6, 6, 2), 2, 1)
    network = Network.chain([same, same, Dense(72, 3)], links=[(0, 2, skip), (1, 2, OneToOne(72))])
    assert notation.links_of(network) == ("0:2:2c1", "1=2")


def test_who_knows_no_links_says_so():
    network = Network.chain([Dense(2, 2), Dense(2, 2)], links=[(0, 2, Dense(2, 2))])
    asked: dict[str, Any] = {"phases": [eq.Free(3)], "coding": eq.Coding(), "precision": "float64"}
    problem = pose(network, np.ones((1, 2)), **asked)
    told = r"has no skip and lateral connections \(link \(2 -> 2\) joins layers 0 and 2\)"
    for backend in ("brian2", "lava"):
        with pytest.raises(eq.InputError, match=f"backend '{backend}' {told}"):
            eq.run(network, np.ones((1, 2)), backend=backend, **asked)
    with pytest.raises(eq.InputError, match=f"the asynchronous engine {told}"):
        eq.run(network, np.ones((1, 2)), timing=eq.Asynchronous(), **asked)
    with pytest.raises(eq.InputError, match=f"process graph {told}"):
        process_graph(problem)
    mapped = map_network(network, "loihi1-davies")
    with pytest.raises(eq.InputError, match=f"sanafe {told}"):
        sanafe_problem(mapped, [])
    with pytest.raises(eq.InputError, match=f"bptt {told}"):
        gradient(network, np.ones((1, 2)), np.ones((1, 2)), steps=3)
    for settings, what in (({"on_chip": {}}, "on_chip"), ({"timing": eq.Asynchronous()}, "timing")):
        with pytest.raises(eq.InputError, match=f"links: '1:3' with {what}"):
            _settings(**settings)
