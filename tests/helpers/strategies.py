"""Random problems: as hypothesis strategies, and from a generator for bulk tests.

What a problem is made of is written once, in :func:`_make`, over a source of choices; the
two ways of drawing differ in the source alone.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.coding import (
    AdaptivePrediction,
    Coding,
    OptimalStepSize,
    Polynomial,
)
from eqchip.emulator.description.connections import (
    AvgPool2d,
    Connection,
    Conv2d,
    Dense,
    Lateral,
    MaxPool2d,
    OneToOne,
    Sparse,
)
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.modes import Readout
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem

T = TypeVar("T")


class Source(Protocol):
    """Where choices come from; simpler choices come first, for shrinking."""

    def integer(self, low: int, high: int) -> int: ...

    def number(self, low: float, high: float) -> float: ...

    def choice(self, options: Sequence[T]) -> T: ...

    def generator(self) -> np.random.Generator: ...


class _RandomSource:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high, endpoint=True))

    def number(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return options[self.integer(0, len(options) - 1)]

    def generator(self) -> np.random.Generator:
        return self.rng


class _HypothesisSource:
    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def integer(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def number(self, low: float, high: float) -> float:
        return self.draw(st.floats(low, high))

    def choice(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))

    def generator(self) -> np.random.Generator:
        return np.random.default_rng(self.draw(st.integers(0, 2**32 - 1)))


def draw_problem(
    rng: np.random.Generator,
    *,
    precision: str | None = None,
    max_width: int = 20,
    max_steps: int = 6,
    dense: bool = False,
    adapted: bool = False,
) -> Problem:
    """One random problem; bits and potentials are recorded; `adapted`: maybe prediction, too."""
    return _make(_RandomSource(rng), precision, max_width, max_steps, dense, False, adapted)


@st.composite
def problems(
    draw: Any,
    *,
    precision: str | None = None,
    max_width: int = 20,
    max_steps: int = 6,
    dense: bool = False,
    max_pooling: bool = False,
    adapted: bool = False,
) -> Problem:
    """Problems of every kind; bits and potentials are recorded.

    With `dense` of dense layers alone, for what knows no others; with `max_pooling`
    they start with a convolution, and convolutions may have it: in floating point alone; with
    `adapted` some adapt their prediction.
    """
    source = _HypothesisSource(draw)
    return _make(source, precision, max_width, max_steps, dense, max_pooling, adapted)


@st.composite
def convolutions(
    draw: Any, *, max_side: int = 6, max_channels: int = 5, max_pooling: bool = True
) -> Conv2d:
    """Any small convolution."""
    source = _HypothesisSource(draw)
    shape = _map_shape(source, max_side, max_channels)
    return _convolution(source, shape, max_side, max_channels, max_pooling)


@st.composite
def sparse(draw: Any, *, max_units: int = 9) -> Sparse:
    """Any small list of synapses."""
    source = _HypothesisSource(draw)
    return _sparse(source, source.integer(1, max_units), source.integer(1, max_units))


@st.composite
def read_out_problems(draw: Any, *, precision: str, max_width: int = 12) -> Problem:
    """Problems whose last layer reads out by cross-entropy; everything is recorded."""
    return with_read_out(draw(problems(precision=precision, max_width=max_width)))


def with_read_out(problem: Problem) -> Problem:
    """The problem with readout cross-entropy, and what it needs: a dense end, free phases first."""
    network = problem.network
    if not isinstance(network.connections[-1], Dense):
        dense = Dense(network.sizes[-1], 3)
        weights = np.resize(network.weights[0], dense.weight_shape)
        network = Network.chain(
            [*network.connections, dense],
            weights=[*network.weights, weights],
            biases=[*network.biases, np.zeros(3)],
        )
    phases: list[Phase] = []
    for phase in problem.phases:
        if isinstance(phase, Nudged):
            target = np.resize(phase.target, (len(problem.x), network.sizes[-1]))
            if not (phases and isinstance(phases[-1], Free)) and not phase.from_free:
                phases.append(Free(2))
            phase = replace(phase, target=target)
        phases.append(phase)
    problem = replace(problem, network=network, parts=())
    return with_phases(problem, phases, "cross-entropy")


def with_feedback_shifts(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with weaker feedback: each connection its own shift, not all of them 0."""
    shifts = rng.integers(0, 5, problem.network.chain_length).tolist()
    shifts[-1] = shifts[-1] or 1
    return replace(problem, network=replace(problem.network, feedback_shifts=tuple(shifts)))


def with_links(problem: Problem, rng: np.random.Generator) -> Problem:
    """The problem with one to three connections beside the chain, of every kind, of some ends."""
    network, found = problem.network, []
    for _ in range(rng.integers(1, 4)):
        below, above = sorted(rng.integers(0, len(network.layers), 2).tolist())
        found.append(_link(rng, network, below, max(above, 1)))
    weights = [rng.normal(0.0, 0.5, connection.weight_shape) for _, _, connection in found]
    linked = Network.chain(
        network.connections,
        weights=[*network.weights, *weights],
        biases=network.biases,
        feedback_shifts=network.feedback_shifts,
        links=found,
    )
    return replace(problem, network=linked)


def with_links_to_read_out(problem: Problem, rng: np.random.Generator) -> Problem:
    """A problem with a read-out, which more layers than one feed."""
    network, last = problem.network, len(problem.network.layers) - 1
    found = [
        (int(below), last, Dense(network.sizes[below], network.sizes[last]))
        for below in rng.integers(0, last, 2)
    ]
    weights = [rng.normal(0.0, 0.5, connection.weight_shape) for _, _, connection in found]
    linked = Network.chain(
        network.connections,
        weights=[*network.weights, *weights],
        biases=network.biases,
        links=found,
    )
    return replace(problem, network=linked)


def _link(
    rng: np.random.Generator, network: Network, below: int, above: int
) -> tuple[int, int, Connection]:
    """A link of these ends; of a layer of one unit, from the layer below it."""
    n_pre, n_post = network.sizes[below], network.sizes[above]
    if below == above:
        if n_pre > 1:
            return below, above, Lateral(n_pre)
        return _link(rng, network, below - 1, above)
    kinds: list[Connection] = [Dense(n_pre, n_post)]
    mask = rng.random((n_pre, n_post)) < 0.5
    mask[0, 0] = True
    kinds.append(Sparse.from_mask(mask))
    if n_pre == n_post:
        kinds.append(OneToOne(n_pre))
    shapes = network.layers[below], network.layers[above]
    if len(shapes[0]) == len(shapes[1]) == 3:
        for stride in (1, 2):
            try:
                convolution = Conv2d(shapes[0], shapes[1][2], 1, stride)  # type: ignore[arg-type]
            except InputError:
                continue
            if convolution.post_shape == shapes[1]:
                kinds.append(convolution)
    return below, above, kinds[-1 - rng.integers(len(kinds))]


def with_phases(
    problem: Problem, phases: Sequence[Phase], readout: Readout = "squared-error"
) -> Problem:
    """The same problem, with other phases and drawn random numbers; everything recorded."""
    return pose(
        problem.network,
        problem.x,
        coding=problem.coding,
        phases=phases,
        input=problem.input,
        precision=problem.precision,
        record=("bits", "potentials"),
        seed=problem.seed,
        samples=problem.samples,
        fixed=problem.fixed,
        parts=problem.parts,
        readout=readout,
    )


def single_sample(problem: Problem, index: int) -> Problem:
    """The problem of one sample of a batch, under the identity that it has there."""
    one = slice(index, index + 1)
    targets = tuple(None if y is None else y[one] for y in problem.targets)
    return replace(
        problem,
        x=problem.x[one],
        phases=tuple(
            replace(phase, target=target) if isinstance(phase, Nudged) else phase
            for phase, target in zip(problem.phases, targets, strict=True)
        ),
        targets=targets,
        uniforms=None if problem.uniforms is None else tuple(u[:, one] for u in problem.uniforms),
        samples=problem.samples[one],
    )


# --- the parts of a problem ---------------------------------------------------------------


def _make(
    source: Source, precision: str | None, max_width: int, max_steps: int,
    dense: bool, max_pooling: bool, adapted: bool,
) -> Problem:  # fmt: skip
    batch = source.integer(1, 4)
    network = _network(source, _connections(source, max_width, dense, max_pooling))
    sizes = list(network.sizes)
    floats = ["float64", "float32"]
    precision = precision or source.choice(floats if max_pooling else [*floats, "chip"])
    chip = precision == "chip"
    coding = _coding(source, chip, adapted)
    phases = _phases(source, batch, sizes[-1], max_steps)
    problem = pose(
        network,
        _unit_interval(source, (batch, sizes[0])),
        coding=coding,
        phases=phases,
        input=source.choice(["spikes", "current"]),
        precision=precision,  # type: ignore[arg-type]
        fixed=_fixed(source) if chip else None,
        parts=_parts(source, sizes),
        record=("bits", "potentials"),
        seed=source.choice([0, 1, 2**32, 2**64 - 1, source.integer(0, 2**32)]),
        samples=_samples(source, batch),
    )
    if coding.quantizer == "bernoulli":
        problem = _with_uniforms(source, problem)
    return problem


def _connections(
    source: Source, max_width: int, dense: bool, max_pooling: bool
) -> list[Connection]:
    """One to four connections: dense ones and lists of synapses, maybe after convolutions."""
    if not max_pooling and (dense or not source.choice([False, True])):
        sizes = [source.integer(1, max_width) for _ in range(source.integer(2, 5))]
        return [_joined(source, a, b, dense) for a, b in zip(sizes, sizes[1:], strict=False)]
    # Small where layers shall be: a map has some more units than a dense layer may have.
    side, channels = min(6, max(2, max_width // 2)), min(3, max(1, max_width // 3))
    found: list[Connection] = []
    shape = _map_shape(source, side, channels)
    for _ in range(source.integer(1, 3)):
        found.append(_convolution(source, shape, side, channels, max_pooling))
        shape = found[-1].post_shape
    width = math.prod(shape)
    for _ in range(source.integer(0, 4 - len(found))):
        found.append(_joined(source, width, source.integer(1, max_width), dense))
        width = math.prod(found[-1].post_shape)
    return found


def _joined(source: Source, n_pre: int, n_post: int, dense: bool) -> Dense | Sparse:
    """A connection between layers that are rows."""
    if dense or not source.choice([False, False, True]):
        return Dense(n_pre, n_post)
    return _sparse(source, n_pre, n_post)


def _sparse(source: Source, n_pre: int, n_post: int) -> Sparse:
    """Some or all pairs of units, at least one."""
    share = source.choice([0.3, 0.0, 0.7, 1.0])
    rng = source.generator()
    mask = rng.random((n_pre, n_post)) < share
    mask[rng.integers(n_pre), rng.integers(n_post)] = True
    return Sparse.from_mask(mask)


def _map_shape(source: Source, max_side: int, max_channels: int) -> tuple[int, int, int]:
    height, width = (source.integer(1, max_side) for _ in range(2))
    return (height, width, source.integer(1, max_channels))


def _convolution(
    source: Source, shape: tuple[int, int, int], max_side: int, max_channels: int, max_pooling: bool
) -> Conv2d:
    """A convolution that fits to a layer; its map is not larger than `max_side`."""
    channels = source.integer(1, max_channels)
    kind: Any = source.choice([None, AvgPool2d, *([MaxPool2d] * 2 if max_pooling else [])])
    pools = [None] if kind is None else [kind(1), kind(2), kind(3)]
    fitting = []
    for sizes in itertools.product((1, 2, 3), (1, 2), (0, 1, 2), pools):
        try:
            convolution = Conv2d(shape, channels, *sizes)
        except InputError:
            continue
        if max(convolution.map_shape[:2]) <= max_side:
            fitting.append(convolution)
    # One after the other, so that what fits seldom is drawn often: a window of 3, a stride of 2.
    for name in ("window", "stride", "kernel", "padding"):
        size = source.choice(sorted({getattr(convolution, name) for convolution in fitting}))
        fitting = [convolution for convolution in fitting if getattr(convolution, name) == size]
    return fitting[0]


def _network(source: Source, connections: list[Connection]) -> Network:
    rng = source.generator()

    def values(*shape: int) -> np.ndarray:
        # Multiples of 1/64 make sums exact and ties of potentials and thresholds common.
        kind = source.choice(["zeros", "dyadic", "gaussian", "sparse", "large", "single"])
        if kind == "zeros":
            return np.zeros(shape)
        if kind == "dyadic":
            return rng.integers(-64, 64, shape, endpoint=True) / 64.0
        gaussian = rng.normal(0.0, 0.5, shape)
        if kind == "sparse":
            return gaussian * (rng.random(shape) < 0.3)
        if kind == "large":
            return 20.0 * gaussian
        return gaussian.astype(np.float32) if kind == "single" else gaussian

    return Network.chain(
        connections,
        weights=[values(*connection.weight_shape) for connection in connections],
        biases=[values(*connection.post_shape) for connection in connections],
    )


def _polynomial(source: Source) -> Polynomial:
    value = source.choice([1.0, 0.5, 0.25, 0.832, source.number(0.01, 1.0)])
    return Polynomial(value, source.choice([0.0, 0.5, 0.584, 1.0, source.number(0.0, 2.0)]))


def _fixed(source: Source) -> FixedPoint | None:
    """The default, or narrow states that clip often."""
    if source.choice([True, False]):
        return None
    fraction_bits = source.integer(2, 12)
    return FixedPoint(
        weight_bits=source.integer(2, 8),
        state_bits=source.integer(max(fraction_bits + 2, 4), 24),
        fraction_bits=fraction_bits,
        coefficient_bits=source.integer(6, 15),
        lowest_exponent=source.choice([-2, -9, 0]),
        highest_exponent=source.choice([13, 3, 15]),
        outliers=source.choice([0.0, 0.0, 0.1, 0.6]),
    )


def _parts(source: Source, sizes: list[int]) -> list[Part]:
    """None, or every layer in one to three parts."""
    if source.choice([True, False]):
        return []
    parts = []
    for layer, units in enumerate(sizes):
        cuts = {source.integer(1, units) for _ in range(source.integer(0, 2))} | {0, units}
        bounds = sorted(cuts)
        parts += [Part(layer, a, b - a) for a, b in zip(bounds, bounds[1:], strict=False)]
    return parts


def _coding(source: Source, chip: bool = False, adapted: bool = False) -> Coding:
    """Any coding; for a chip, one without division and real values."""
    with_bits = ["sigma-delta", "bernoulli"]
    quantizer = source.choice(with_bits if chip else ["none", *with_bits, "sigma-delta"])
    step_size: Polynomial | OptimalStepSize = _polynomial(source)
    if not chip and source.choice([False, False, True]):
        nu_bar = source.choice([0.0, 0.0346, 0.5, source.number(0.0, 0.99)])
        step_size = OptimalStepSize(nu_bar, source.choice([1e-15, 1e-3]))
    predicts = quantizer != "none" and source.choice([False, True, True])
    prediction: Polynomial | AdaptivePrediction | None = _polynomial(source) if predicts else None
    if quantizer == "sigma-delta" and adapted and source.choice([False, False, True]):
        prediction = AdaptivePrediction(source.choice([0.7, 0.1, 2.0]), source.integer(1, 8))
    return Coding(quantizer, step_size=step_size, prediction=prediction)  # type: ignore[arg-type]


def _phases(source: Source, batch: int, n_out: int, max_steps: int) -> list[Phase]:
    phases: list[Phase] = []
    seen_free = False
    for _ in range(source.integer(1, 4)):
        steps = source.integer(1, max_steps)
        from_free = seen_free and source.choice([False, True])
        # One run in eight starts nudged; the others start free, as training does.
        if source.integer(0, 7 if not phases else 2) < (7 if not phases else 1):
            phases.append(Free(steps, from_free=from_free))
            seen_free = seen_free or not from_free
        else:
            beta = source.choice([0.5, -0.5, 1.0, source.number(0.01, 2.0)])
            target = _unit_interval(source, (batch, n_out))
            phases.append(Nudged(steps, target, beta, from_free=from_free))
    return phases


def _unit_interval(source: Source, shape: tuple[int, ...]) -> np.ndarray:
    """Values in [0, 1]: random ones, the special ones 0, 1/2, 1, or both mixed."""
    rng = source.generator()
    special = rng.choice([0.0, 0.5, 1.0, 0.25], shape)
    part_random = source.choice([0.0, 0.5, 1.0])
    return np.where(rng.random(shape) < part_random, rng.random(shape), special)


def _samples(source: Source, batch: int) -> np.ndarray | None:
    if source.choice([True, False]):
        return None
    first = source.choice([0, 1000, 2**31, 2**32 - batch])
    return (first + np.arange(batch))[:: source.choice([1, -1])]


def _with_uniforms(source: Source, problem: Problem) -> Problem:
    """Perhaps give the uniform numbers by hand, with ties between them and the potentials."""
    kind = source.choice(["drawn", "random", "grid", "ties"])
    if kind == "drawn":
        return problem
    shapes = [(problem.steps, len(problem.x), n) for n in problem.network.sizes]
    rng = source.generator()
    if kind == "grid":
        uniforms = [rng.integers(0, 8, shape, endpoint=True) / 8.0 for shape in shapes]
    else:
        uniforms = [rng.random(shape) for shape in shapes]
    problem = replace(problem, uniforms=tuple(uniforms))
    if kind == "ties" and problem.coding.prediction is None:
        # The potentials of a step do not depend on its own numbers, so they may be taken as
        # these: without prediction, a is the potential.
        row = source.integer(0, problem.steps - 1)
        potentials = reference.solve(problem).potentials
        assert potentials is not None
        for numbers, s in zip(uniforms, potentials, strict=True):
            numbers[row] = s[row].reshape(numbers[row].shape)
    return problem
