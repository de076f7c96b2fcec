"""Bad input is refused in one line that names the thing, the value, and what would be right."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from typing import Any

import numpy as np
import pytest

from eqchip.emulator import philox
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import (
    AdaptivePrediction,
    Coding,
    OptimalStepSize,
    Polynomial,
)
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

NET = Network.dense([2, 3, 1])
ONE = np.ones((1, 1))
BERNOULLI = Coding("bernoulli")
MAX_POOLED = Network.chain([Conv2d((4, 4, 1), 1, kernel=1, pool=MaxPool2d(2))])


def ask(**changes: Any) -> Problem:
    """A sound question about NET, but for the changes."""
    sound: dict[str, Any] = {
        "network": NET,
        "x": [[0.0, 1.0]],
        "coding": Coding(),
        "phases": [Free(2)],
    }
    asked = {**sound, **changes}
    return pose(asked.pop("network"), asked.pop("x"), **asked)


def numbers(*units: int) -> list[np.ndarray]:
    """Uniform numbers for two steps of one sample."""
    return [np.full((2, 1, n), 0.5) for n in units]


# (what is asked, the thing, the value, what would be right)
REFUSED = {
    "no layers": (lambda: Network.dense([]), "Network", "0 layer", "an input and an output layer"),
    "one layer": (lambda: Network.dense([3]), "Network", "1 layer", "an input and an output layer"),
    "empty layer": (lambda: Network.dense([3, 0]), "layer size", "0", "whole number"),
    "layer of 2.0": (lambda: Network.dense([3, 2.0]), "layer size", "2.0", "whole number"),
    "layer of True": (lambda: Network.dense([3, True]), "layer size", "True", "whole number"),
    "layer of text": (lambda: Network.dense(["a", 2]), "layer size", "'a'", "whole number"),
    "weights of wrong shape": (
        lambda: Network.dense([500, 10], weights=[np.ones((500, 12))]),
        "Dense 1 (500 -> 10): weights",
        "(500, 12)",
        "(500, 10)",
    ),
    "second weights of wrong shape": (
        lambda: Network.dense([2, 3, 1], weights=[np.ones((2, 3)), np.ones((1, 3))]),
        "Dense 2 (3 -> 1): weights",
        "(1, 3)",
        "(3, 1)",
    ),
    "too few weights": (
        lambda: Network.dense([2, 3, 1], weights=[np.ones((2, 3))]),
        "weights",
        "1 weights for 3 layers",
        "2",
    ),
    "weights of nan": (
        lambda: Network.dense([2, 1], weights=[[[1.0], [math.nan]]]),
        "Dense 1 (2 -> 1): weights",
        "nan at (1, 0)",
        "finite",
    ),
    "weights of text": (
        lambda: Network.dense([2, 1], weights=["x"]),
        "Dense 1: weights",
        "<U1",
        "numbers",
    ),
    "ragged weights": (
        lambda: Network.dense([2, 1], weights=[[[1.0], [2.0, 3.0]]]),
        "Dense 1: weights",
        "list",
        "numbers",
    ),
    "biases of wrong shape": (
        lambda: Network.dense([2, 1], biases=[[1.0, 2.0]]),
        "Layer 1: biases",
        "(2,)",
        "(1,)",
    ),
    "infinite bias": (
        lambda: Network.dense([2, 1], biases=[[math.inf]]),
        "Layer 1: biases",
        "inf at (0,)",
        "finite",
    ),
    "connection between other layers": (
        lambda: Network(((2,), (1,)), (Dense(2, 2),), (np.ones((2, 2)),), (np.zeros(1),)),
        "Dense 1 (2 -> 2)",
        "(1,)",
        "(2,)",
    ),
    "kernel larger than its input": (
        lambda: Conv2d((4, 9, 3), 2, kernel=5),
        "Conv2d 4x9x3 -> 2 of 5x5: kernel",
        "5 is larger than the height 4 with padding 0",
        "at most 4",
    ),
    "kernel wider than its padded input": (
        lambda: Conv2d((9, 2, 1), 2, kernel=5, padding=1),
        "Conv2d 9x2x1 -> 2 of 5x5: kernel",
        "5 is larger than the width 2 with padding 1",
        "at most 4",
    ),
    "stride with a remainder": (
        lambda: Conv2d((28, 28, 1), 8, kernel=5, stride=2),
        "Conv2d 28x28x1 -> 8 of 5x5: stride",
        "2 leaves a remainder of 1 of the height 28",
        "a height of 27 or 29, or stride 1",
    ),
    "stride with a remainder of a padded width": (
        lambda: Conv2d((3, 7, 2), 8, kernel=3, stride=4, padding=1),
        "Conv2d 3x7x2 -> 8 of 3x3: stride",
        "4 leaves a remainder of 2 of the height 3 with padding 1",
        "a height of 1 or 5, or stride 1",
    ),
    "windows that do not divide the map": (
        lambda: Conv2d((28, 28, 1), 8, kernel=5, pool=AvgPool2d(5)),
        "Conv2d 28x28x1 -> 8 of 5x5: pooling windows",
        "of 5 do not divide the height 24 of the map",
        "one of 2, 3, 4, 6",
    ),
    "windows that do not divide the width of the map": (
        lambda: Conv2d((8, 9, 1), 8, kernel=3, padding=1, pool=MaxPool2d(4)),
        "Conv2d 8x9x1 -> 8 of 3x3: pooling windows",
        "of 4 do not divide the width 9 of the map",
        "no pooling",
    ),
    "padding as wide as the kernel": (
        lambda: Conv2d((4, 4, 1), 2, kernel=3, padding=3),
        "Conv2d 4x4x1 -> 2 of 3x3: padding",
        "3 reaches",
        "at most 2",
    ),
    "map without channels": (
        lambda: Conv2d((4, 4), 2, kernel=3),  # type: ignore[arg-type]
        "Conv2d: pre_shape",
        "(4, 4)",
        "(height, width, channels)",
    ),
    "map of no height": (
        lambda: Conv2d((0, 4, 1), 2, kernel=1),
        "Conv2d: height of pre_shape",
        "0",
        "at least 1",
    ),
    "half a channel below": (
        lambda: Conv2d((4, 4, 0.5), 2, kernel=1),  # type: ignore[arg-type]
        "Conv2d: channels of pre_shape",
        "0.5",
        "whole number",
    ),
    "no channels": (lambda: Conv2d((4, 4, 1), 0, 3), "Conv2d: channels", "0", "at least 1"),
    "kernel of 0": (lambda: Conv2d((4, 4, 1), 2, 0), "Conv2d: kernel", "0", "at least 1"),
    "kernel of two sizes": (
        lambda: Conv2d((4, 4, 1), 2, (3, 3)),  # type: ignore[arg-type]
        "Conv2d: kernel",
        "(3, 3)",
        "whole number",
    ),
    "stride of 0": (lambda: Conv2d((4, 4, 1), 2, 3, stride=0), "Conv2d: stride", "0", "at least 1"),
    "negative padding": (
        lambda: Conv2d((4, 4, 1), 2, 3, padding=-1),
        "Conv2d: padding",
        "-1",
        "at least 0",
    ),
    "pooling of a number": (
        lambda: Conv2d((4, 4, 1), 2, 3, pool=2),  # type: ignore[arg-type]
        "Conv2d: pool",
        "2",
        "AvgPool2d, MaxPool2d or None",
    ),
    "average over no window": (lambda: AvgPool2d(0), "AvgPool2d: size", "0", "at least 1"),
    "maximum over half a window": (
        lambda: MaxPool2d(1.5),  # type: ignore[arg-type]
        "MaxPool2d: size",
        "1.5",
        "whole number",
    ),
    "channels that do not meet": (
        lambda: Network.chain([Conv2d((8, 8, 1), 4, 3), Conv2d((6, 6, 3), 2, 3)]),
        "Conv2d 2 (6x6x3 -> 2 of 3x3)",
        "(6, 6, 4)",
        "(6, 6, 3)",
    ),
    "dense layer that does not meet a map": (
        lambda: Network.chain([Conv2d((8, 8, 1), 4, 3), Dense(36, 10)]),
        "Dense 2 (36 -> 10)",
        "(6, 6, 4)",
        "(36,)",
    ),
    "map after a row": (
        lambda: Network.chain([Dense(5, 16), Conv2d((4, 4, 1), 2, 3)]),
        "Conv2d 2 (4x4x1 -> 2 of 3x3)",
        "(16,)",
        "(4, 4, 1)",
    ),
    "kernels of wrong shape": (
        lambda: Network.chain([Conv2d((8, 8, 1), 4, 3)], weights=[np.ones((4, 1, 3, 3))]),
        "Conv2d 1 (8x8x1 -> 4 of 3x3): weights",
        "(4, 1, 3, 3)",
        "(3, 3, 1, 4)",
    ),
    "biases by channel": (
        lambda: Network.chain([Conv2d((8, 8, 1), 4, 3)], biases=[np.ones(4)]),
        "Layer 1: biases",
        "(4,)",
        "(6, 6, 4)",
    ),
    "chain of a number": (
        lambda: Network.chain([3]),  # type: ignore[list-item]
        "connection 1",
        "3",
        "Dense or Conv2d",
    ),
    "empty chain": (
        lambda: Network.chain([]),
        "Network",
        "0 layer",
        "an input and an output layer",
    ),
    "maximum pooling on a chip": (
        lambda: ask(network=MAX_POOLED, x=np.zeros((1, 16)), precision="chip"),
        "connection 1 (4x4x1 -> 1 of 1x1)",
        "MaxPool2d",
        "AvgPool2d",
    ),
    "maximum pooling without a common clock": (
        lambda: ask(network=MAX_POOLED, x=np.zeros((1, 16)), timing=Asynchronous()),
        "connection 1 (4x4x1 -> 1 of 1x1)",
        "timing",
        "timing=None",
    ),
    "schedule of 0": (lambda: Polynomial(0), "Polynomial: value", "0", "above 0"),
    "schedule above 1": (lambda: Polynomial(1.1), "Polynomial: value", "1.1", "at most 1"),
    "schedule of nan": (lambda: Polynomial(math.nan), "Polynomial: value", "nan", "at most 1"),
    "schedule of text": (lambda: Polynomial("a"), "Polynomial: value", "'a'", "a number"),  # type: ignore[arg-type]
    "schedule of True": (lambda: Polynomial(True), "Polynomial: value", "True", "a number"),
    "rising schedule": (lambda: Polynomial(0.5, -1), "exponent", "-1", "at least 0"),
    "infinite exponent": (lambda: Polynomial(0.5, math.inf), "exponent", "inf", "finite"),
    "exponent of nan": (lambda: Polynomial(0.5, math.nan), "exponent", "nan", "finite"),
    "schedule that vanishes": (
        lambda: Polynomial(0.5, 400).table(20),
        "Polynomial",
        "0.5 / t**400",
        "smaller exponent",
    ),
    "nu_bar of 1": (lambda: OptimalStepSize(1.0), "nu_bar", "1.0", "below 1"),
    "negative nu_bar": (lambda: OptimalStepSize(-0.1), "nu_bar", "-0.1", "at least 0"),
    "nu_bar of nan": (lambda: OptimalStepSize(math.nan), "nu_bar", "nan", "below 1"),
    "regularizer of 0": (lambda: OptimalStepSize(0.1, 0), "regularizer", "0", "above 0"),
    "infinite regularizer": (
        lambda: OptimalStepSize(0.1, math.inf),
        "regularizer",
        "inf",
        "finite",
    ),
    "unknown quantizer": (
        lambda: Coding("sigma"),  # type: ignore[arg-type]
        "quantizer",
        "'sigma'",
        "sigma-delta, bernoulli, none",
    ),
    "number for a step size": (
        lambda: Coding(step_size=0.5),  # type: ignore[arg-type]
        "step_size",
        "0.5",
        "Polynomial or OptimalStepSize",
    ),
    "number for a prediction": (
        lambda: Coding(prediction=0.25),  # type: ignore[arg-type]
        "prediction",
        "0.25",
        "Polynomial, AdaptivePrediction or None",
    ),
    "adaptive prediction": (
        lambda: Coding(prediction=OptimalStepSize(0.1)),  # type: ignore[arg-type]
        "prediction",
        "OptimalStepSize",
        "Polynomial, AdaptivePrediction or None",
    ),
    "threshold of 0": (lambda: AdaptivePrediction(0), "threshold", "0", "above 0"),
    "threshold of nan": (lambda: AdaptivePrediction(math.nan), "threshold", "nan", "above 0"),
    "threshold of text": (
        lambda: AdaptivePrediction("a"),  # type: ignore[arg-type]
        "threshold",
        "'a'",
        "a number",
    ),
    "finest of 9": (lambda: AdaptivePrediction(finest=9), "finest", "9", "below 9"),
    "finest of half a level": (
        lambda: AdaptivePrediction(finest=1.5),  # type: ignore[arg-type]
        "finest",
        "1.5",
        "whole number",
    ),
    "adapted prediction of Bernoulli's bits": (
        lambda: Coding("bernoulli", prediction=AdaptivePrediction()),
        "AdaptivePrediction",
        "'bernoulli'",
        "'sigma-delta'",
    ),
    "prediction of real values": (
        lambda: Coding("none", prediction=Polynomial(0.5)),
        "prediction",
        "'none'",
        "prediction=None",
    ),
    "no free steps": (lambda: Free(0), "Free: steps", "0", "at least 1"),
    "half a free step": (lambda: Free(1.5), "Free: steps", "1.5", "whole number"),  # type: ignore[arg-type]
    "free steps of True": (lambda: Free(True), "Free: steps", "True", "whole number"),
    "free steps of text": (lambda: Free("3"), "Free: steps", "'3'", "whole number"),  # type: ignore[arg-type]
    "negative nudged steps": (lambda: Nudged(-1, ONE, 0.5), "Nudged: steps", "-1", "at least 1"),
    "beta of 0": (lambda: Nudged(1, ONE, 0.0), "Nudged: beta", "0.0", "other than 0"),
    "beta of nan": (lambda: Nudged(1, ONE, math.nan), "Nudged: beta", "nan", "finite"),
    "infinite beta": (lambda: Nudged(1, ONE, -math.inf), "Nudged: beta", "-inf", "finite"),
    "network of text": (lambda: ask(network="net"), "network", "str", "Network"),
    "no coding": (lambda: ask(coding=None), "coding", "None", "Coding"),
    "half precision": (lambda: ask(precision="float16"), "precision", "'float16'", "float32"),
    "precision of a type": (
        lambda: ask(precision=np.float32),
        "precision",
        "numpy.float32",
        "float32, float64",
    ),
    "unknown input mode": (lambda: ask(input="volts"), "input", "'volts'", "spikes, current"),
    "unknown record": (lambda: ask(record=["spikes"]), "record", "'spikes'", "bits, potentials"),
    "unknown single record": (lambda: ask(record="bit"), "record", "'bit'", "bits, potentials"),
    "negative seed": (lambda: ask(seed=-1), "seed", "-1", "at least 0"),
    "seed of 65 bits": (lambda: ask(seed=2**64), "seed", str(2**64), "below 2**64"),
    "seed of 1.5": (lambda: ask(seed=1.5), "seed", "1.5", "whole number"),
    "no seed": (lambda: ask(seed=None), "seed", "None", "whole number"),
    "x of wrong width": (lambda: ask(x=[[0.0]]), "x", "(1, 1)", "(batch, 2)"),
    "x without a batch": (lambda: ask(x=[0.0, 1.0]), "x", "(2,)", "(batch, 2)"),
    "x without samples": (lambda: ask(x=np.zeros((0, 2))), "x", "(0, 2)", "at least one sample"),
    "x above 1": (lambda: ask(x=[[0.0, 1.5]]), "x", "1.5 at (0, 1)", "[0, 1]"),
    "x below 0": (lambda: ask(x=[[-0.25, 1.0]]), "x", "-0.25 at (0, 0)", "[0, 1]"),
    "x of nan": (lambda: ask(x=[[0.0, math.nan]]), "x", "nan at (0, 1)", "[0, 1]"),
    "x of text": (lambda: ask(x="image"), "x", "<U5", "numbers"),
    "ragged x": (lambda: ask(x=[[0.0, 1.0], [1.0]]), "x", "list", "numbers"),
    "no phases": (lambda: ask(phases=[]), "phases", "no phases", "at least one"),
    "phase of a number": (lambda: ask(phases=[Free(1), Free]), "phase 1", "Free", "Free(100)"),
    "from_free at the start": (
        lambda: ask(phases=[Free(2, from_free=True)]),
        "phase 0",
        "from_free",
        "a Free(...) earlier",
    ),
    "from_free after nudged phases alone": (
        lambda: ask(phases=[Nudged(2, ONE, 0.5), Nudged(2, ONE, -0.5, from_free=True)]),
        "phase 1",
        "from_free",
        "a Free(...) earlier",
    ),
    "target of wrong shape": (
        lambda: ask(phases=[Free(1), Nudged(2, [[1.0, 0.0]], 0.5)]),
        "target of phase 1",
        "(1, 2)",
        "(1, 1)",
    ),
    "target above 1": (
        lambda: ask(phases=[Free(1), Nudged(2, [[2.0]], 0.5)]),
        "target of phase 1",
        "2.0 at (0, 0)",
        "[0, 1]",
    ),
    "no target": (
        lambda: ask(phases=[Free(1), Nudged(2, None, 0.5)]),
        "target of phase 1",
        "object",
        "numbers",
    ),
    "too many samples": (lambda: ask(samples=[1, 2]), "samples", "(2,)", "1 whole numbers"),
    "samples of floats": (lambda: ask(samples=[1.0]), "samples", "float64", "whole numbers"),
    "negative sample": (lambda: ask(samples=[-1]), "samples", "-1", "[0, 2**32)"),
    "sample of 33 bits": (lambda: ask(samples=[2**32]), "samples", str(2**32), "[0, 2**32)"),
    "uniforms for another quantizer": (
        lambda: ask(uniforms=numbers(2, 3, 1)),
        "uniforms",
        "'sigma-delta'",
        "'bernoulli'",
    ),
    "uniforms of too few layers": (
        lambda: ask(coding=BERNOULLI, uniforms=numbers(3, 1)),
        "uniforms",
        "2 layers",
        "3, the input first",
    ),
    "uniforms of wrong shape": (
        lambda: ask(coding=BERNOULLI, uniforms=numbers(2, 2, 1)),
        "uniforms[1]",
        "(2, 1, 2)",
        "(2, 1, 3)",
    ),
    "uniforms above 1": (
        lambda: ask(coding=BERNOULLI, uniforms=[*numbers(2, 3), np.full((2, 1, 1), 1.5)]),
        "uniforms[2]",
        "1.5 at (0, 0, 0)",
        "[0, 1]",
    ),
}


# What should be refused in the same way: (what is asked, the thing at fault).
REFUSED_TOO = {
    "sizes of a number": (lambda: Network.dense(5), "sizes"),  # type: ignore[arg-type]
    "weights of a number": (lambda: Network.dense([2, 1], weights=5), "weights"),  # type: ignore[arg-type]
    "biases of a number": (lambda: Network.dense([2, 1], biases=5), "biases"),  # type: ignore[arg-type]
    "complex weights": (lambda: Network.dense([2, 1], weights=[[[1j], [1]]]), "weights"),
    "weights of lists": (
        lambda: Network(((2,), (1,)), (Dense(2, 1),), ([[1.0], [1.0]],), (np.zeros(1),)),  # type: ignore[arg-type]
        "weights",
    ),
    "negative network seed": (lambda: Network.dense([2, 1], seed=-1), "seed"),
    "network seed of text": (lambda: Network.dense([2, 1], seed="a"), "seed"),  # type: ignore[arg-type]
    "nu_bar of text": (lambda: OptimalStepSize("a"), "nu_bar"),  # type: ignore[arg-type]
    "no nu_bar": (lambda: OptimalStepSize(None), "nu_bar"),  # type: ignore[arg-type]
    "regularizer of text": (lambda: OptimalStepSize(0.1, "a"), "regularizer"),  # type: ignore[arg-type]
    "beta of text": (lambda: Nudged(1, ONE, "a"), "beta"),  # type: ignore[arg-type]
    "no beta": (lambda: Nudged(1, ONE, None), "beta"),  # type: ignore[arg-type]
    "beta of True": (lambda: Nudged(1, ONE, True), "beta"),
    "steps in an array": (lambda: Free(np.array([3])), "steps"),  # type: ignore[arg-type]
    "record of a number": (lambda: ask(record=5), "record"),
    "record of None": (lambda: ask(record=None), "record"),
    "phases of one phase": (lambda: ask(phases=Free(2)), "phases"),
    "phases of None": (lambda: ask(phases=None), "phases"),
    "uniforms of a number": (lambda: ask(coding=BERNOULLI, uniforms=5), "uniforms"),
    "complex x": (lambda: ask(x=[[1j, 0.0]]), "x"),
    "weights beyond the precision": (
        lambda: ask(network=Network.dense([2, 1], weights=[[[1e300], [1.0]]])),
        "weights",
    ),
    "beta beyond the precision": (lambda: ask(phases=[Free(1), Nudged(1, ONE, 1e300)]), "beta"),
    "regularizer below the precision": (
        lambda: ask(coding=Coding(step_size=OptimalStepSize(0.1, 1e-300))),
        "regularizer",
    ),
    "prediction below the precision": (
        lambda: ask(coding=Coding(prediction=Polynomial(1e-50))),
        "Polynomial",
    ),
    "schedule that vanishes in the run": (
        lambda: ask(coding=Coding(step_size=Polynomial(1.0, 200)), phases=[Free(100)]),
        "Polynomial",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_one_line_with_thing_value_and_remedy(name):
    asked, thing, value, remedy = REFUSED[name]
    with pytest.raises(InputError) as refusal:
        asked()
    text = str(refusal.value)
    assert "\n" not in text
    for part in (thing, value, remedy):
        assert part in text, text


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED_TOO)
def test_input_that_no_engine_can_use_is_refused_in_one_line(name):
    asked, thing = REFUSED_TOO[name]
    with pytest.raises(InputError) as refusal:
        asked()
    text = str(refusal.value)
    assert "\n" not in text
    for part in (thing, "expected"):
        assert part in text, text


def test_an_input_error_is_a_value_error():
    assert issubclass(InputError, ValueError)


# --- what is accepted ---------------------------------------------------------------------


def test_a_network_keeps_its_own_copy_of_the_weights():
    weights, biases = np.ones((2, 1)), np.ones(1)
    net = Network.dense([2, 1], weights=[weights], biases=[biases])
    weights[:], biases[:] = 7.0, 7.0
    assert (net.weights[0] == 1.0).all()
    assert (net.biases[0] == 1.0).all()
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0][0, 0] = 2.0


def test_descriptions_are_frozen():
    for description, name in ((NET, "layers"), (Coding(), "quantizer"), (Free(1), "steps")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(description, name, None)


def test_initial_weights_depend_on_the_seed_alone_and_keep_the_glorot_bound():
    one, same, other = (Network.dense([30, 20], seed=s).weights[0] for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
    # sqrt(6 / (30 + 20)) = sqrt(.12) = .34641...; 600 draws come near it
    assert 0.33 < np.abs(one).max() <= math.sqrt(0.12)


def test_a_schedule_is_its_value_over_a_power_of_the_step():
    assert Polynomial(0.5, 1.0).table(4).tolist() == [0.5, 0.25, 0.5 / 3, 0.125]
    assert Polynomial(0.25).table(3).tolist() == [0.25, 0.25, 0.25]


def test_phases_number_their_steps_on_from_the_free_phase_or_from_the_last():
    nudged, again = Nudged(3, ONE, 0.5), Nudged(4, ONE, -0.5, from_free=True)
    problem = ask(phases=[Free(5), nudged, again, Free(2, from_free=True), Free(1), again])
    # free 1-5, nudged 6-8, from free 6-9, split stream 6-7, free 8, from that one 9-12
    assert problem.first_steps == (1, 6, 6, 6, 8, 9)
    assert problem.last_step == 12
    assert problem.steps == 5 + 3 + 4 + 2 + 1 + 4


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_question_is_in_the_precision_of_the_run(precision):
    problem = ask(precision=precision, phases=[Free(2), Nudged(2, ONE, 0.5)])
    assert problem.dtype == np.dtype(precision) == problem.x.dtype
    assert problem.targets[0] is None
    assert problem.targets[1].dtype == np.dtype(precision)
    assert problem.step_table.dtype == problem.prediction_table.dtype == np.dtype(precision)
    assert problem.step_table.shape == problem.prediction_table.shape == (4,)


# --- random numbers -----------------------------------------------------------------------

# Random123's known answers for philox4x32-10 (its file kat_vectors): counter, key, words.
KNOWN_ANSWERS = [
    ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    (
        [0xFFFFFFFF] * 4,
        [0xFFFFFFFF] * 2,
        [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
    ),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN_ANSWERS)
def test_philox_gives_the_known_answers(counter, key, words):
    got = philox.philox4x32(np.array(counter, np.uint32), (key[0], key[1]))
    assert got.dtype == np.uint32
    assert got.tolist() == words


def test_philox_treats_every_counter_of_an_array_alone():
    counters = np.random.default_rng(0).integers(0, 2**32, (3, 5, 4), dtype=np.uint32)
    together = philox.philox4x32(counters, (1, 2))
    for index in np.ndindex(3, 5):
        np.testing.assert_array_equal(philox.philox4x32(counters[index], (1, 2)), together[index])


def test_a_uniform_is_the_top_24_bits_of_its_word():
    seed, sample, layer, step = 2**40 + 5, 2**32 - 1, 3, 17
    got = philox.uniforms(seed, np.array([sample]), layer, 6, step)[0]
    for unit in range(6):
        counter = np.array([unit // 4, step, layer, sample], np.uint32)
        word = int(philox.philox4x32(counter, (5, 2**8))[unit % 4])
        assert got[unit] == (word // 2**8) / 2**24
    assert (got.astype(np.float32) == got).all()


def test_uniforms_do_not_depend_on_the_batch_or_the_width():
    samples = np.array([3, 1, 4])
    together = philox.uniforms(9, samples, 1, 10, 2)
    for row, sample in enumerate(samples):
        alone = philox.uniforms(9, np.array([sample]), 1, 7, 2)
        np.testing.assert_array_equal(alone[0], together[row, :7])


@pytest.mark.parametrize("changed", [(1, 0, 0, 1), (0, 1, 0, 1), (0, 0, 1, 1), (0, 0, 0, 2)])
def test_another_seed_sample_layer_or_step_gives_other_uniforms(changed):
    def draw(seed: int, sample: int, layer: int, step: int) -> np.ndarray:
        return philox.uniforms(seed, np.array([sample]), layer, 16, step)

    assert (draw(*changed) != draw(0, 0, 0, 1)).all()


def test_uniforms_are_uniform():
    stats = pytest.importorskip("scipy.stats")
    values = np.concatenate(
        [philox.uniforms(0, np.arange(20), 1, 100, t).ravel() for t in range(1, 11)]
    )
    assert values.min() >= 0.0
    assert values.max() < 1.0
    assert stats.kstest(values, "uniform").pvalue > 0.01
    # neighbouring units, and the same unit at neighbouring steps, are not correlated:
    # the coefficient of n independent pairs is within 4 / sqrt(n)
    steps = values.reshape(10, -1)
    for one, other in ((values[:-1], values[1:]), (steps[:-1].ravel(), steps[1:].ravel())):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(len(one))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_of_a_network_is_as_read_only_as_it(copied):
    network = Network.dense([3, 4, 2], seed=1)
    found = copied(network)
    for one, other in zip(
        (*found.weights, *found.biases), (*network.weights, *network.biases), strict=True
    ):
        np.testing.assert_array_equal(one, other)
        assert not one.flags.writeable
