"""Yardsticks in floating point: their gradients against finite differences, their work by hand."""

from __future__ import annotations

import numpy as np
import pytest

from eqchip.emulator.data.datasets import load
from eqchip.emulator.errors import InputError
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.rulebench import offchip
from eqchip.rulebench.yardsticks import (
    TAU_M,
    TAU_S,
    THRESHOLD,
    backprop,
    errors_of,
    fired,
    predictive,
    softmax,
    spike_train_levels,
    through_time,
    yardstick,
)

LAYERS = (5, 4, 6, 3)
STEP = 1e-6


def drawn(rule: str, **settings):
    rng = np.random.default_rng(3)
    of = yardstick(rule, "digits", LAYERS, 0, settings)
    weights = [rng.normal(0, 0.8, shape) for shape in zip(LAYERS, LAYERS[1:], strict=False)]
    biases = [rng.normal(0, 0.3, n) for n in LAYERS[1:]]
    return of, weights, biases, rng.random((4, 5)), np.eye(3)[[0, 2, 1, 2]]


def entropy(outputs: np.ndarray, y: np.ndarray) -> float:
    return float(-(y * np.log(softmax(outputs))).sum() / len(y))


def differences(loss, arrays):
    """dLoss of every number of every array, by central differences."""
    for array in arrays:
        slope = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            kept = array[place]
            ends = []
            for moved in (kept + STEP, kept - STEP):
                array[place] = moved
                ends.append(loss())
            array[place] = kept
            slope[place] = (ends[0] - ends[1]) / (2 * STEP)
        yield slope


def smooth(u: np.ndarray, slope: float) -> np.ndarray:
    """A spike whose derivative is the surrogate."""
    return (u - THRESHOLD) / (1 + slope * np.abs(u - THRESHOLD))


@pytest.mark.parametrize("rule", ["bp", "bptt"])
def test_gradients_are_those_of_finite_differences(rule):
    of, weights, biases, x, y = drawn(rule, steps=5)

    def found():
        if rule == "bp":
            return backprop(of, weights, biases, x, y)
        return through_time(of, weights, biases, x, y, smooth)

    given = found()
    slopes = list(differences(lambda: entropy(found().outputs, y), [*weights, *biases]))
    for got, wanted in zip([*given.weights, *given.biases], slopes, strict=True):
        assert abs(wanted).max() > 1e-4
        np.testing.assert_allclose(got, wanted, atol=1e-8, rtol=1e-5)


def test_predictive_coding_descends_its_energy_at_the_values_at_rest(monkeypatch):
    of, weights, biases, x, y = drawn("pc", steps=7)
    seen = []

    def kept(*arguments):
        seen.append([value.copy() for value in arguments[2]])
        return errors_of(*arguments)

    monkeypatch.setattr("eqchip.rulebench.yardsticks.errors_of", kept)
    given = predictive(of, weights, biases, x, y)
    values = seen[-1]

    def energy(at) -> float:
        return sum(0.5 * (eps**2).sum() for eps, _ in errors_of(weights, biases, at)) / len(x)

    slopes = differences(lambda: energy(values), [*weights, *biases])
    for got, wanted in zip([*given.weights, *given.biases], slopes, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-8, rtol=1e-5)
    assert energy(values) < energy(seen[0])


def test_levels_of_spike_trains_by_hand():
    """Units of two steps: one fires at both, one at the second alone, one never and is faint."""
    current = np.array([[1.5, 0.75, 0.1], [1.25, 0.75, 0.1]])[:, None, :]
    layer = fired(current)
    np.testing.assert_array_equal(layer.spikes[:, 0], [[1, 0, 0], [1, 1, 0]])
    np.testing.assert_allclose(layer.u[1, 0], [1.25, 0.75 + 0.75 * 0.8, 0.1 + 0.08])
    error = np.array([[0.3, 0.3, 0.3], [-0.6, -0.6, -0.6]])[:, None, :]
    found = spike_train_levels(layer, error)[:, 0]
    now, next_, keep = 1 / TAU_S, (1 - 1 / TAU_S) / TAU_S, 1 - 1 / TAU_M
    # The last step: a spike of the trace now, moved by 1 over what was added.
    last = now * -0.6 / 1.25
    assert found[1, 0] == pytest.approx(last)
    # The first: its own trace in both steps, and the later spike, moved through the reset.
    both = now * 0.3 + next_ * -0.6
    moves = -1 / 1.5
    assert found[0, 0] == pytest.approx(-moves * both + last * (-1.5 * moves / TAU_M))
    # The second unit did not fire at first, so that its trace is faint and a sigmoid stands for it.
    steep = np.exp((1 - 0.75) / 0.2)
    assert found[0, 1] == pytest.approx(both * steep / ((1 + steep) ** 2 * 0.2))
    assert found[1, 1] == pytest.approx(now * -0.6 / (0.75 - 0.75 / TAU_M))
    # Where nothing fires the last step too is a sigmoid's.
    steep = np.exp((1 - layer.u[1, 0, 2]) / 0.2)
    assert found[1, 2] == pytest.approx(now * -0.6 * steep / ((1 + steep) ** 2 * 0.2))
    assert keep * layer.u[0, 0, 2] + 0.1 == pytest.approx(layer.u[1, 0, 2])


def test_the_work_of_a_sample_by_hand():
    def work(rule: str) -> tuple[float, float]:
        return offchip.work_of(yardstick(rule, "mnist", (784, 500, 10), 0, {"steps": 20}))

    first, second = 784 * 500, 500 * 10
    assert work("bp") == (2 * first + 3 * second, 510)
    assert work("bptt") == (2 * first + 60 * second, 40 * 500 + 510)
    assert work("tssl") == (2 * first + 60 * second, 80 * 510)
    assert work("pc") == (2 * (first + second) + 40 * second, 40 * 510)


def test_the_floor_is_arithmetic_and_traffic_and_names_what_it_lacks():
    of, chip = yardstick("bp", "digits", (64, 10, 10), 0, {}), load_chip("cpu-horowitz-45nm")
    found = offchip.floor(of, chip)
    macs = 2 * 640 + 3 * 100
    accesses = {"access_32_kib": 10 * 740 / 50 / 2, "access_8_kib": 20.0}
    wanted = macs * chip.energy["mac"].si.value
    wanted += sum(n * chip.energy[kind].si.value for kind, n in accesses.items())
    assert found.figure.value == pytest.approx(wanted)
    assert found.lacks == ("host byte energy",)


@pytest.mark.parametrize(
    ("rule", "most", "hidden", "more"),
    [
        ("bp", 8, 30, {}), ("bptt", 8, 30, {}), ("pc", 15, 30, {}),
        ("tssl", 8, 100, {"lr": 0.003, "steps": 5}),
    ],
)  # fmt: skip
def test_a_yardstick_learns_digits(rule, most, hidden, more):
    settings = {"epochs": 12, "minibatch": 20, "lr": 0.01, "steps": 8, **more}
    of, data = yardstick(rule, "digits", (64, hidden, 10), 0, settings), load("digits")
    weights, biases = offchip.fit(of, data, np.arange(1000))
    assert offchip.error(of, weights, biases, data.test_x, data.test_y) < most


def test_a_setting_that_no_yardstick_has_is_refused():
    with pytest.raises(InputError, match="bp: setting 'beta' is unknown; expected one of epochs"):
        yardstick("bp", "digits", (64, 10, 10), 0, {"beta": 1})
    with pytest.raises(InputError, match="bp: lr is 0; expected one above 0"):
        yardstick("bp", "digits", (64, 10, 10), 0, {"lr": 0})
