"""The tasks, each with settings at which it is learned.

Where a paper states settings they are the paper's; the rest was chosen on layers of seed 0 and on
noise that no test uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from eqchip.emulator.description.dynamics.integers import LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer, Dendrites
from eqchip.emulator.description.dynamics.rules import FastRule, SignRule, SlowRule, VoltageRule
from eqchip.emulator.description.dynamics.signals import Noise, Teacher
from eqchip.emulator.description.dynamics.turns import OneUnit, Slots, Together, Turns
from eqchip.emulator.studies.dynamics.judges import Cycles, Decodes, Follows, Judge

RMS = 194.0  # of the drive of a code, in units of what it codes a second
CODED = Noise(RMS, 0.03)
FREQUENCY, DAMPING = 1.5, 1.0  # Hz, 1/s


@dataclass(frozen=True)
class Stage:
    """A part of the training: so many seconds, at this share of the rates."""

    seconds: float
    share: float = 1.0


@dataclass(frozen=True)
class Goal:
    """A bound on a measure of the test."""

    measure: str
    bound: float
    most: bool = True

    def reached(self, value: float) -> bool:
        """Whether a value is within the bound."""
        return value <= self.bound if self.most else value >= self.bound


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is learned, how, and what it is judged by.

    Attributes
    ----------
    layer : function from a seed to the layer before training
    start : tuple of float, optional
        Where the teacher begins.
    goals : tuple of Goal
    source : str
        Whose system it is.
    """

    title: str
    source: str
    layer: Callable[[int], BalancedLayer]
    dt: float
    turns: Turns
    training: Noise
    stages: tuple[Stage, ...]
    test: Judge
    goals: tuple[Goal, ...]
    teacher: Teacher | None = None
    start: tuple[float, ...] | None = None
    gain: float = 0.0
    fast: FastRule | None = None
    slow: SlowRule | None = None
    integers: LayerIntegers | None = None
    noise: float = 0.0
    threshold_noise: float = 0.0


def paper_layer(seed: int) -> BalancedLayer:
    """Brendel et al. 2020, figure 2: 20 units, thresholds of 1/2, cost 0.02/0.9 (their code)."""
    rng = np.random.default_rng(seed)
    f = rng.standard_normal((20, 2))
    f /= np.linalg.norm(f, axis=1, keepdims=True)
    fast = -0.2 * rng.random((20, 20)) - 0.5 * np.eye(20)
    return BalancedLayer(f.T, f, fast, np.full(20, 0.5), 50.0, cost=0.02 / 0.9)


def chip_layer(seed: int) -> BalancedLayer:
    """50 units in a wide box, before they know one another."""
    tight = BalancedLayer.tight(50, 2, leak=50.0, norm=0.5, spread=0.3, width=2.0, seed=seed)
    return tight.weak(seed=seed)


def following_layer(seed: int) -> BalancedLayer:
    """50 units in balance, without slow weights."""
    return BalancedLayer.tight(50, 2, leak=10.0, norm=0.1, width=1.6, seed=seed)


def wide_layer(seed: int) -> BalancedLayer:
    """50 units in balance, in a wider box."""
    return BalancedLayer.tight(50, 2, leak=10.0, norm=0.1, width=2.0, seed=seed)


def weak_layer(seed: int) -> BalancedLayer:
    """The same out of balance."""
    return following_layer(seed).weak(seed=seed)


def bent_layer(seed: int) -> BalancedLayer:
    """50 units in balance with 100 dendrites."""
    dendrites = Dendrites.random(100, 2, reach=3.0, seed=seed)
    return replace(following_layer(seed), slow=np.zeros((100, 50)), dendrites=dendrites)


AUTOENCODE = Task(
    title="a code of two signals, learned in balance",
    source="after Brendel et al., PLOS Comput. Biol. 16:e1007692, 2020, figure 2",
    layer=paper_layer,
    dt=1e-3,
    turns=OneUnit(),
    training=CODED,
    stages=(Stage(100), Stage(400), Stage(1500)),
    fast=VoltageRule(1e-3, 1.0, learns_reset=True, feedforward_rate=1e-4, scale=0.22),
    noise=1e-3,
    threshold_noise=1e-2,
    test=Decodes(CODED, 20.0, refit=True),
    goals=(Goal("error", 0.006), Goal("balance", 0.95, most=False), Goal("rate_ratio", 0.5)),
)
ON_CHIP = Task(
    title="the same in a chip's integers: turns, all local, a step late, the read-out as given",
    source="rule after Brendel et al. 2020; turns are ours",
    layer=chip_layer,
    dt=1e-4,
    turns=Slots(10),
    training=CODED,
    stages=(Stage(10), Stage(30, 0.2), Stage(60, 0.05)),
    fast=VoltageRule(1e-2, 0.9),
    integers=LayerIntegers(),
    test=Decodes(CODED, 5.0, refit=False),
    goals=(Goal("error", 0.04),),
)
OSCILLATOR = Task(
    title="a damped oscillator, learned from the error that is fed back",
    source="after Bourdoukan and Deneve, NIPS 28, 2015",
    layer=following_layer,
    dt=1e-4,
    turns=Slots(25),
    training=Noise(25.0, 0.03),
    teacher=Teacher.oscillator(FREQUENCY, DAMPING),
    gain=300.0,
    slow=SlowRule(2.0),
    stages=(Stage(200), Stage(200, 0.5), Stage(400, 0.25), Stage(400, 0.1)),
    noise=1e-4,
    test=Follows(10, 25.0),
    goals=(Goal("error", 0.02),),
)
VAN_DER_POL = Task(
    title="van der Pol's cycle, learned through random dendrites",
    source="after Alemi, Machens, Deneve and Slotine, AAAI 2018",
    layer=bent_layer,
    dt=1e-4,
    turns=Slots(25),
    training=Noise(3.0, 0.03),
    teacher=Teacher.van_der_pol(6.0),
    start=(1.0, 1.0),
    gain=300.0,
    slow=SlowRule(2.0),
    stages=(Stage(100), Stage(100, 0.5), Stage(200, 0.25)),
    test=Cycles(20.0, (1.0, 1.0), 300.0),
    goals=(Goal("period_error", 0.05),),
)
# In whole numbers what weights are rounded by drives units apart, the more the higher the rates:
# weaker noise and a wider box keep these low, and half the rate of learning keeps them there.
OSCILLATOR_ON_CHIP = replace(
    OSCILLATOR,
    title="the same in a chip's integers of 9 bits, written with random rounding",
    layer=wide_layer,
    training=Noise(10.0, 0.03),
    gain=100.0,
    slow=SlowRule(1.0),
    stages=(Stage(150), Stage(150, 0.5), Stage(150, 0.25), Stage(150, 0.1)),
    integers=LayerIntegers(9, feedforward_bits=9, current_step=0.1, slow_range=0.25),
)
VAN_DER_POL_ON_CHIP = replace(
    VAN_DER_POL,
    title="the same in a chip's integers of 8 bits, dendrites too",
    integers=LayerIntegers(slow_range=0.25),
)
# By the name on the command line. A new one: a row here.
TASKS: dict[str, Task] = {
    "autoencode": AUTOENCODE,
    "autoencode-together": replace(
        AUTOENCODE,
        title="the same where all units above their threshold fire, as on a chip with one clock",
        turns=Together(),
        goals=(),
    ),
    "autoencode-chip": ON_CHIP,
    "autoencode-chip-4-bit": replace(
        ON_CHIP,
        title="the same in weights of 4 bits, with 8 of an accumulator",
        integers=LayerIntegers(weight_bits=4),
        goals=(),
    ),
    "autoencode-sign": replace(
        ON_CHIP,
        title="the same by one addition and two comparisons a write",
        source="rule after Buechel, Kakon, Perez and Indiveri, arXiv 2010.14353",
        fast=SignRule(1e-3, 0.9),
        integers=LayerIntegers(accumulator_bits=3),
        stages=(Stage(5), Stage(20)),
        goals=(),
    ),
    "oscillator": OSCILLATOR,
    "oscillator-weak": replace(
        OSCILLATOR,
        title="the same with fast weights out of balance: it does not learn",
        layer=weak_layer,
        goals=(),
    ),
    "oscillator-chip": OSCILLATOR_ON_CHIP,
    "van-der-pol": VAN_DER_POL,
    "van-der-pol-chip": VAN_DER_POL_ON_CHIP,
}
