"""Layers with gated synapses: the gradient is the derivative, the engine the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eqchip as eq
from eqchip.backends.reference.gated import gradient_reference, run_reference
from eqchip.emulator.description.dynamics.gated import ARRAYS, GatedLayer
from eqchip.emulator.learning.gated import Descent, gradient, run_gated

DT = 1e-3


def drawn(units=6, channels=2, outputs=2, seed=1, **changes):
    """A layer that fires, by itself and by what it hears."""
    rng = np.random.default_rng(seed)
    constants = {"tau": 0.02, "leak": 5.0, "width": 0.5, "floor": -1.0, **changes}
    return GatedLayer(
        3 * rng.standard_normal((units, units)) / np.sqrt(units),
        60 * rng.standard_normal((channels, units)), np.full(units, 20.0),
        rng.standard_normal((units, outputs)), **constants,
    )  # fmt: skip


def trials(steps=60, number=3, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((steps, number, channels))


def loss(layer, x, wanted, cost):
    ran = run_gated(layer, x, dt=DT)
    return 0.5 * DT * ((ran.y - wanted) ** 2).sum() + cost * ran.s[1:].sum()


@pytest.mark.parametrize("leak", [0.0, 5.0])
def test_the_gradient_is_the_derivative(leak):
    layer, x, cost = drawn(leak=leak), trials(), 1e-5
    ran = run_gated(layer, x, dt=DT)
    wanted = np.random.default_rng(3).standard_normal(ran.y.shape)
    assert ran.resets.sum() > 20 and (ran.v == layer.floor).any()  # it fires, and is held up
    slopes = gradient(ran, (ran.y - wanted) * DT, cost)
    for name in ARRAYS:
        array, largest = getattr(layer, name), np.abs(slopes[name]).max()
        step = 1e-6 * max(1.0, np.abs(array).max())
        for place in np.ndindex(array.shape):
            sides = []
            for way in (1, -1):
                moved = array.copy()
                moved[place] += way * step
                sides.append(loss(replace(layer, **{name: moved}), x, wanted, cost))
            found = (sides[0] - sides[1]) / (2 * step)
            assert abs(found - slopes[name][place]) <= 1e-6 * largest, (name, place)


@pytest.mark.nojit
@settings(max_examples=20, deadline=None)
@given(
    units=st.integers(1, 9), channels=st.integers(1, 3), outputs=st.integers(1, 2),
    number=st.integers(1, 6), seed=st.integers(0, 99), leak=st.sampled_from([0.0, 8.0]),
    width=st.sampled_from([0.0, 0.3, 1.0]), floor=st.sampled_from([-0.05, -1.0]),
)  # fmt: skip
def test_the_engine_is_the_reference_to_the_bit(
    units, channels, outputs, number, seed, leak, width, floor
):
    layer = drawn(units, channels, outputs, seed, leak=leak, width=width, floor=floor)
    x = trials(12, number, channels, seed)
    ran, wanted = run_gated(layer, x, dt=4 * DT), run_reference(layer, x, 4 * DT)
    for name in ("v", "s", "resets", "y"):
        np.testing.assert_array_equal(getattr(ran, name), getattr(wanted, name))
    if width:
        of_y = np.random.default_rng(seed).standard_normal(ran.y.shape)
        slopes = gradient(ran, of_y, 0.1)
        reference = gradient_reference(layer, x, 4 * DT, wanted, of_y, 0.1)
        for name in ARRAYS:
            np.testing.assert_array_equal(slopes[name], reference[name])


def test_a_spike_sends_a_charge_of_one_however_wide_the_zone():
    x = np.full((200, 1, 1), 1.0)
    for width in (0.0, 0.2, 1.0):
        layer = GatedLayer([[0.0]], [[33.0]], [0.0], [[1.0]], tau=0.01, width=width)
        ran = run_gated(layer, x, dt=DT)
        charge = (ran.s[1:] - (1 - DT / 0.01) * ran.s[:-1]).sum() * 0.01
        left = 0.0 if width == 0 else max((ran.v[-1, 0, 0] - 1 + width) / width, 0.0)
        assert ran.resets.sum() == 6 and charge == pytest.approx(6 + left)


def test_descent_lowers_a_loss_and_passes_by_what_is_no_number():
    layer, x = drawn(), trials()
    wanted, descent = np.zeros((60, 3, 2)), Descent({"decoder": 0.1, "bias": 1.0}, longest=10.0)
    before = loss(layer, x, wanted, 0.0)
    for _ in range(20):
        ran = run_gated(layer, x, dt=DT)
        layer = descent.step(layer, gradient(ran, (ran.y - wanted) * DT))
    assert loss(layer, x, wanted, 0.0) < before / 4
    slopes = {name: np.full_like(getattr(layer, name), np.nan) for name in ARRAYS}
    assert descent.step(layer, slopes) is layer and descent.skipped == 1
    np.testing.assert_array_equal(layer.recurrent, drawn().recurrent)  # it has no rate


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tau": 0.0}, "tau is 0.0; expected more than 0, in s"),
        ({"leak": -1.0}, "leak is -1.0; expected at least 0"),
        ({"width": 1.5}, "width is 1.5; expected 0 to 1"),
        ({"floor": 0.0}, "floor is 0.0; expected less than 0"),
        ({"bias": np.zeros(5)}, r"bias has shape \(5,\); expected \(6,\)"),
        ({"decoder": np.full((6, 2), np.inf)}, r"decoder holds inf at \(0, 0\)"),
    ],
)
def test_a_layer_that_cannot_be_is_refused(changes, said):
    with pytest.raises(eq.InputError, match=said):
        replace(drawn(), **changes)


def test_trials_that_do_not_fit_are_refused():
    layer = drawn()
    with pytest.raises(eq.InputError, match=r"x has shape \(3, 2\); expected \(steps, trials, 2\)"):
        run_gated(layer, np.zeros((3, 2)), dt=DT)
    with pytest.raises(eq.InputError, match=r"dt is 0.02; expected"):
        run_gated(layer, trials(), dt=0.02)
    flat = run_gated(replace(layer, width=0.0), trials(), dt=DT)
    with pytest.raises(eq.InputError, match="width of the layer is 0"):
        gradient(flat, flat.y)
