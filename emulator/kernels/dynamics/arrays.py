"""What the kernels of a balanced layer take: its arrays, its rules, its state, what is counted.

Axes: i, k = unit (N); d = channel (J); b = dendrite (B). Numbers of potentials and weights are
float64, or whole: potentials int32 in parts of a code, stored weights int32 with accumulator bits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

(
    SPIKES, EVENTS, INPUT_SPIKES, MACS, ATTEMPTED, APPLIED, SATURATED, SLOW_WRITES,
    DENDRITE_MACS, FEEDFORWARD_WRITES, FEEDBACK_MACS, CLIPPED, TURNS, MESSAGES,
) = range(14)  # fmt: skip
COUNTS = (
    "spikes", "synaptic_events", "input_spikes", "input_macs", "weights_attempted",
    "weights_applied", "weights_saturated", "slow_writes", "dendrite_macs", "feedforward_writes",
    "feedback_macs", "potentials_clipped", "turns", "messages",
)  # fmt: skip
# Sums over steps of a unit: V, V**2, and the excitatory and inhibitory current behind its leak.
V_SUM, V_SQUARE, E_SUM, I_SUM, E_SQUARE, I_SQUARE, EI_PRODUCT = range(7)
PROBES = 7


class Wiring(NamedTuple):
    """A layer: feedforward (J, N); decoder (N, J), float64; threshold (N,); fast (N, N).

    slow: (N, N) or (B, N); mixing (B, J) and offset (B,): of dendrites, B = 0 without; reads
    (N, J): codes of the read-out that whole dendrites look at, or (0, J).
    slots: (N,) int64. core: (N,) int64, of each unit; bounds: (cores + 1,) int64, where the units
    of a core begin.
    """

    feedforward: np.ndarray
    decoder: np.ndarray
    threshold: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    mixing: np.ndarray
    offset: np.ndarray
    reads: np.ndarray
    slots: np.ndarray
    core: np.ndarray
    bounds: np.ndarray


class Clockwork(NamedTuple):
    """Clocks of units, times in quanta: period, offset (N,) int64, or (0,) without.

    key: (N,) uint64, by which jitter is drawn; jitter; grid: quanta of a step.
    """

    period: np.ndarray
    offset: np.ndarray
    key: np.ndarray
    jitter: int
    grid: int


class Whole(NamedTuple):
    """What whole numbers are multiplied by: mantissa / 2**shift, each of V in parts of a code.

    mantissa, shift: of the drive; gain_mantissa, gain_shift: of the error that is fed back;
    slow_mantissa, slow_shift: of the slow current; noise_mantissa, noise_shift. lose, smoothing:
    multipliers of 12 bits; slow_lose: that of traces, read-out and slow currents, which leak every
    slow_every steps, so that what is rounded towards 0 is little.
    current_step, error_step: of what is told in whole numbers; psi_shift: of what a dendrite sums.
    """

    mantissa: int
    shift: int
    gain_mantissa: int
    gain_shift: int
    slow_mantissa: int
    slow_shift: int
    noise_mantissa: int
    noise_shift: int
    lose: int
    slow_lose: int
    slow_every: int
    smoothing: int
    current_step: float
    error_step: float
    psi_shift: int
    accumulator_bits: int
    fraction_bits: int
    highest: int


class Constants(NamedTuple):
    """Of a step.

    dt: s; keep: what a leak leaves of a number; gain: of the error that is fed back; cost; looks:
    steps between two looks of dendrites; slots, chance, one: of turns, chance as a bound of 32
    bits; clocks: a `Clockwork`; within, across, jitter: steps that a spike needs to its own core
    and others, and at most as many more; noise, threshold_noise: standard deviations; quantum: of
    a spike of the drive, 0: it comes as a current; whole: a `Whole`; seed: uint64.
    """

    dt: float
    keep: float
    gain: float
    cost: float
    looks: int
    slots: int
    chance: int
    one: bool
    clocks: Clockwork
    within: int
    across: int
    jitter: int
    noise: float
    threshold_noise: float
    quantum: float
    whole: Whole
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
    rule; learns_reset; feedforward_rate, scale; slow_rate: rate times every dt, and as whole
    numbers slow_mantissa / 2**slow_shift; every, smoothing (1/s times dt).
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
    slow_mantissa: int
    slow_shift: int
    every: int
    smoothing: float


class State(NamedTuple):
    """Between two steps, and scratch. Numbers of the layer: float64, or int64 where it is whole.

    v: (N,), int32 where whole; u, g, smooth, total: (N,), slow current, current of the error, that
    behind its filter, and what currents add in a step; psi: (B,); trace (N,) and told (J,) int64:
    what a whole layer keeps of spikes and of its read-out, or (0,).
    r: (N,) traces; c, heard, phi, x, y, e, slope: (J,); filters (2, J); excited, inhibited: (N,),
    behind the leak; all float64, of who reads the layer. heard_codes, error_codes: (J,) int64.
    bits: (N,) uint8, who fired in the last step, and fired: (1,) int64, how many did; arriving:
    (delays, cores, N) uint8, spikes on their way, by the step at which they arrive, and waiting:
    (delays,) int64, how many those are; tick: (N,) int64, of clocks; step: (1,) int64.
    """

    v: np.ndarray
    u: np.ndarray
    g: np.ndarray
    smooth: np.ndarray
    total: np.ndarray
    psi: np.ndarray
    trace: np.ndarray
    told: np.ndarray
    r: np.ndarray
    c: np.ndarray
    heard: np.ndarray
    phi: np.ndarray
    x: np.ndarray
    y: np.ndarray
    e: np.ndarray
    slope: np.ndarray
    filters: np.ndarray
    excited: np.ndarray
    inhibited: np.ndarray
    heard_codes: np.ndarray
    error_codes: np.ndarray
    bits: np.ndarray
    fired: np.ndarray
    arriving: np.ndarray
    waiting: np.ndarray
    tick: np.ndarray
    step: np.ndarray


class Record(NamedTuple):
    """What a stretch of steps leaves behind.

    counts: (14,) int64, see COUNTS; by_unit: (N,) int64, spikes; error: (1,), the sum of squared
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


def new_state(wiring: Wiring, longest: int, whole: bool) -> State:
    """Rest: nothing has happened yet. longest: steps that a spike can be on its way."""
    channels, units = wiring.feedforward.shape
    number = np.int64 if whole else np.float64
    of_units = {name: np.zeros(units, number) for name in ("u", "g", "smooth", "total")}
    of_reader = {name: np.zeros(units) for name in ("r", "excited", "inhibited")}
    of_channels = {
        name: np.zeros(channels) for name in ("c", "heard", "phi", "x", "y", "e", "slope")
    }
    return State(
        v=np.zeros(units, np.int32 if whole else np.float64),
        psi=np.zeros(len(wiring.offset), number),
        trace=np.zeros(units if whole else 0, np.int64),
        told=np.zeros(channels if whole else 0, np.int64),
        filters=np.zeros((2, channels)),
        heard_codes=np.zeros(channels, np.int64),
        error_codes=np.zeros(channels, np.int64),
        bits=np.zeros(units, np.uint8),
        fired=np.zeros(1, np.int64),
        waiting=np.zeros(longest + 1, np.int64),
        arriving=np.zeros((longest + 1, len(wiring.bounds) - 1, units), np.uint8),
        tick=np.ones(units, np.int64),
        step=np.zeros(1, np.int64),
        **of_units,
        **of_reader,
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
