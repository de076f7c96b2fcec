"""Weights rounded by what units do."""

from __future__ import annotations

import numpy as np
import pytest

import eqchip as eq
from eqchip.backends.reference.floating import conv_matrix
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize, real_weights
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.rounding import round_rows, rounded_by_activity

COARSE = FixedPoint(weight_bits=3)


def test_sums_err_less_than_by_rounding_to_nearest():
    """Of senders that do much the same, where errors of one can be made good by another."""
    rng = np.random.default_rng(0)
    seen = rng.random((400, 4)) @ rng.random((4, 30)) + 0.1 * rng.random((400, 30))
    weights = rng.normal(size=(30, 5))
    found = round_rows(weights, seen, 0.5, 7)
    assert (found == 0.5 * np.rint(found / 0.5)).all() and abs(found).max() <= 3.5
    nearest = 0.5 * np.clip(np.rint(weights / 0.5), -7, 7)

    def errs(rounded: np.ndarray) -> float:
        return float(np.square(seen @ (rounded - weights)).mean())

    assert errs(found) < 0.05 * errs(nearest)


def test_weights_are_rounded_to_nearest_where_nothing_is_seen():
    weights = np.random.default_rng(1).normal(size=(6, 3))
    assert (
        round_rows(weights, np.zeros((5, 6)), 0.25, 100) == 0.25 * np.rint(weights / 0.25)
    ).all()


@pytest.mark.parametrize(
    "layers", [(64, 16, 10), ("8x8", "4c4s2z1", 10)], ids=["dense", "convolution"]
)
def test_a_rounded_network_is_its_own_rounding_and_errs_less(layers):
    """Its weights are codes with the exponents of before; sums of a convolution by its places."""
    config, x = preset("digits", layers, input="current"), eq.load("digits").train_x[:200]
    network = config.network()
    found = rounded_by_activity(network, config, COARSE, x, threads=1)
    before = [quantize(w.astype(np.float64), COARSE) for w in network.weights]
    after = [quantize(w.astype(np.float64), COARSE) for w in found.weights]
    for old, new, weights in zip(before, after, found.weights, strict=True):
        assert (real_weights(new, COARSE) == weights).all() and new.exponent >= old.exponent

    first, x = network.connections[0], x.astype(np.float64)
    matrix_of = conv_matrix if isinstance(first, eq.Conv2d) else lambda _, weights: weights
    goal, rounded, nearest = (
        x @ matrix_of(first, np.asarray(weights, np.float64))
        for weights in (network.weights[0], found.weights[0], real_weights(before[0], COARSE))
    )
    assert np.square(rounded - goal).mean() < 0.9 * np.square(nearest - goal).mean()


def test_what_is_merged_from_other_weights_is_refused():
    config = preset("digits", ("8x8", "4c3z1p2", 10))
    with pytest.raises(eq.InputError, match="pools; expected"):
        rounded_by_activity(config.network(), config, COARSE, np.zeros((4, 64), np.float32))


def test_a_run_is_rounded_so_only_in_integers(tmp_path):
    config = preset("digits", (64, 8, 10), descent={"epochs": 1})
    run = eq.RunDirectory.create(tmp_path / "run", config)
    eq.fit(run, eq.load("digits"), threads=1)
    with pytest.raises(eq.InputError, match="--precision chip"):
        eq.evaluate(run, rounding="activity")
    with pytest.raises(eq.InputError, match="rounding is 'up'"):
        eq.evaluate(run, rounding="up")
    found = eq.evaluate(run, precision="chip", weight_bits=3, rounding="activity", threads=1)
    assert found.error != eq.evaluate(run, precision="chip", weight_bits=3, threads=1).error
