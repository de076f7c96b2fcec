"""What the kernels of a balanced layer take: its arrays, its rules, its state, what is counted.

Axes: i, k = unit (N); d = channel (J); b = dendrite (B). Numbers of potentials and weights are
float64, or whole: potentials int32 in parts of a code, stored weights int32 with accumulator bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

(
    SPIKES, EVENTS, INPUT_SPIKES, MACS, ATTEMPTED, APPLIED, SATURATED, SLOW_WRITES,
    DENDRITE_MACS, FEEDFORWARD_WRITES, FEEDBACK_MACS, CLIPPED,
) = range(12)  # fmt: skip
COUNTS = (
    "spikes", "synaptic_events", "input_spikes", "input_macs", "weights_attempted",
    "weights_applied", "weights_saturated", "slow_writes", "dendrite_macs", "feedforward_writes",
    "feedback_macs", "potentials_clipped",
)  # fmt: skip
# Sums over steps of a unit: V, V**2, and the excitatory and inhibitory current behind its leak.
V_SUM, V_SQUARE, E_SUM, I_SUM, E_SQUARE, I_SQUARE, EI_PRODUCT = range(7)
PROBES = 7


class Wiring(NamedTuple):
    """A layer: feedforward (J, N); decoder (N, J), float64; threshold (N,); fast (N, N).

    slow: (N, N) or (B, N), float64; mixing (B, J) and offset (B,): of dendrites, B = 0 without.
    slots: (N,) int64.
    """

    feedforward: np.ndarray
    decoder: np.ndarray
    threshold: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    mixing: np.ndarray
    offset: np.ndarray
    slots: np.ndarray


class Constants(NamedTuple):
    """Of a step.

    dt: s; keep, lose: what a leak leaves of a number, and its multiplier of 12 bits; gain: of the
    error that is fed back; cost; slots, chance, one: of turns, chance as a bound of 32 bits;
    noise, threshold_noise: standard deviations; quantum: of a spike of the drive, 0: it comes as a
    current; current_step, mantissa, shift: of whole numbers; accumulator_bits, fraction_bits,
    highest; seed: uint64.
    """

    dt: float
    keep: float
    lose: int
    gain: float
    cost: float
    slots: int
    chance: int
    one: bool
    noise: float
    threshold_noise: float
    quantum: float
    current_step: float
    mantissa: int
    shift: int
    accumulator_bits: int
    fraction_bits: int
    highest: int
    seed: np.uint64


class Source(NamedTuple):
    """The drive: values (frames, J), each for `hold` steps; or noise, of no frames.

    first: the step at which values begin; smooth: what a filter leaves of itself; scale: of a
    filtered number; seed: uint64.
    """

    values: np.ndarray
    hold: int
    first: int
    smooth: float
    scale: float
    seed: np.uint64


class Terms(NamedTuple):
    """Of a teacher: channel (m,) int64, coefficient (m,) float64, powers (m, J) int64."""

    channel: np.ndarray
    coefficient: np.ndarray
    powers: np.ndarray


class Plasticity(NamedTuple):
    """What is written: rates of 0 write nothing.

    rate, beta: of the voltage rule, and as whole numbers rate_mantissa / 2**rate_shift,
    beta_mantissa / 2**beta_shift; step, dead_zone: of the sign rule; continuous: the rate of that
    rule; learns_reset; feedforward_rate, scale; slow_rate: rate times every dt; every, smoothing
    (1/s times dt).
    """

    rate: float
    beta: float
    rate_mantissa: int
    rate_shift: int
    beta_mantissa: int
    beta_shift: int
    step: float
    dead_zone: float
    continuous: float
    learns_reset: bool
    feedforward_rate: float
    scale: float
    slow_rate: float
    every: int
    smoothing: float


class State(NamedTuple):
    """Between two steps, and scratch.

    v: (N,); u, r, g, smooth, total: (N,) float64: slow current, traces, current of the error, that
    behind its filter, and what a step adds; whole: (N,) int64, the same of whole numbers; bits:
    (N,) uint8; c, heard, phi, x, y, e, slope: (J,) float64; heard_codes: (J,) int64; filters:
    (2, J); psi: (B,); excited, inhibited: (N,), behind the leak; step: (1,) int64.
    """

    v: np.ndarray
    u: np.ndarray
    r: np.ndarray
    g: np.ndarray
    smooth: np.ndarray
    total: np.ndarray
    whole: np.ndarray
    bits: np.ndarray
    c: np.ndarray
    heard: np.ndarray
    heard_codes: np.ndarray
    phi: np.ndarray
    x: np.ndarray
    y: np.ndarray
    e: np.ndarray
    slope: np.ndarray
    filters: np.ndarray
    psi: np.ndarray
    excited: np.ndarray
    inhibited: np.ndarray
    step: np.ndarray


class Record(NamedTuple):
    """What a stretch of steps leaves behind.

    counts: (12,) int64, see COUNTS; by_unit: (N,) int64, spikes; error: (1,), the sum of squared
    distances of y from x; x_sum, x_square: (J,); probes: (7, N), or (7, 0) where nobody asked;
    largest: (1,) int64, of whole potentials. every: steps between two rows of x, y (rows, J),
    traces (rows, N) and currents (rows, 2), what excites and inhibits unit 0 where probes are; row:
    (1,) int64, the next. events: (room, 2) int64, step and unit of spikes;
    event: (1,) int64, how many there were, of which what has no room is not kept.
    """

    counts: np.ndarray
    by_unit: np.ndarray
    error: np.ndarray
    x_sum: np.ndarray
    x_square: np.ndarray
    probes: np.ndarray
    largest: np.ndarray
    every: int
    row: np.ndarray
    x: np.ndarray
    y: np.ndarray
    traces: np.ndarray
    currents: np.ndarray
    events: np.ndarray
    event: np.ndarray


def new_state(units: int, channels: int, dendrites: int, whole: bool) -> State:
    """Rest: nothing has happened yet."""
    of_units = {
        name: np.zeros(units) for name in ("u", "r", "g", "smooth", "total", "excited", "inhibited")
    }
    of_channels = {
        name: np.zeros(channels) for name in ("c", "heard", "phi", "x", "y", "e", "slope")
    }
    return State(
        v=np.zeros(units, np.int32 if whole else np.float64),
        whole=np.zeros(units, np.int64),
        bits=np.zeros(units, np.uint8),
        heard_codes=np.zeros(channels, np.int64),
        filters=np.zeros((2, channels)),
        psi=np.zeros(dendrites),
        step=np.zeros(1, np.int64),
        **of_units,
        **of_channels,
    )


def new_record(
    units: int, channels: int, *, rows: int = 0, every: int = 1, room: int = 0, probes: bool = False
) -> Record:
    """Nothing seen yet; see `Record`."""
    return Record(
        counts=np.zeros(len(COUNTS), np.int64),
        by_unit=np.zeros(units, np.int64),
        error=np.zeros(1),
        x_sum=np.zeros(channels),
        x_square=np.zeros(channels),
        probes=np.zeros((PROBES, units if probes else 0)),
        largest=np.zeros(1, np.int64),
        every=every,
        row=np.zeros(1, np.int64),
        x=np.zeros((rows, channels)),
        y=np.zeros((rows, channels)),
        traces=np.zeros((rows, units)),
        currents=np.zeros((rows, 2)),
        events=np.zeros((room, 2), np.int64),
        event=np.zeros(1, np.int64),
    )
