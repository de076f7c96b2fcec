"""Measurements of speed and training cost, for ``eqchip bench``.

Machines are shared and their clocks move, so contestants take turns (ABCABC...), each
long enough to be timed; a ratio is taken within each round, and its median over rounds
is quoted with the extremes. Wall and processor time are both kept.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits

from eqchip.backends import dense
from eqchip.emulator.data.datasets import Dataset, load, one_hot
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.engine.lowering import CACHE_LINE, Lowered, aligned_zeros, lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import limit
from eqchip.emulator.problem.problem import Problem, pose
from eqchip.emulator.progress import Progress

Inputs = Literal["mnist", "synthetic"]

# Of the 60000 training images of MNIST, grey values in [0, 1]; measured.
MNIST_ACTIVE_SHARE = 0.1912  # pixels above 0
MNIST_MEAN = 0.1307
BETA = 0.5
PLAIN_ROWS = 20_000  # per call of the plain loop: as many as 200 steps of MNIST send

ENGINE, PLAIN, BLOCKED, PRODUCTS = "engine", "plain row loop", "blocked row kernel", "products only"


def engine_on(threads: int) -> str:
    """The name of the engine on several threads."""
    return f"engine, {threads} threads"


def dense_of(batch: int) -> str:
    """The name of the dense alternative with this batch."""
    return f"dense, batch {batch}"


# --- inputs -------------------------------------------------------------------------------


def synthetic(samples: int, units: int, seed: int) -> np.ndarray:
    """Random inputs with MNIST's mean and share of active units, independent of each other.

    Parameters
    ----------
    samples, units, seed : int

    Returns
    -------
    ndarray of float32, shape (samples, units)
        0, or u**k with u uniform in (0, 1] and k such that the mean is MNIST's.
    """
    rng = np.random.default_rng(seed)
    active = rng.random((samples, units)) < MNIST_ACTIVE_SHARE
    exponent = MNIST_ACTIVE_SHARE / MNIST_MEAN - 1.0  # the mean of u**k is 1 / (k + 1)
    return np.where(active, (1.0 - rng.random(active.shape)) ** exponent, 0.0).astype(np.float32)


def synthetic_dataset(samples: int, units: int, classes: int, seed: int) -> Dataset:
    """Synthetic inputs under random labels: a training set to measure cost with, not learning."""
    labels = np.random.default_rng([seed, 1]).integers(0, classes, samples)
    x = synthetic(samples, units, seed)
    shape = (units,)
    return Dataset("synthetic", x, labels, x[:1], labels[:1], shape, classes, f"seed {seed}")


# --- rounds -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Contestant:
    """Something to be timed.

    Attributes
    ----------
    name : str
    work : callable
        One call of it.
    events : float
        Synaptic events per call (for dense algebra: that the engine would need).
    threads : int
    """

    name: str
    work: Callable[[], object]
    events: float
    threads: int = 1

    def clock(self) -> tuple[float, float]:
        """Wall and processor seconds; read before and after the calls."""
        return time.perf_counter(), time.process_time()


@dataclass(frozen=True)
class Timing:
    """Seconds per synaptic event, one number a round, of wall and of processor time."""

    name: str
    threads: int
    wall: tuple[float, ...]
    cpu: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Median synaptic events per second."""
        return 1.0 / median(self.wall)


@dataclass(frozen=True)
class Ratio:
    """How many times faster one contestant is than another, over the rounds.

    Attributes
    ----------
    name : str
    median, low, high : float
        Of wall time.
    cpu_median, cpu_low, cpu_high : float
        Of processor time, which other jobs on the machine disturb less.
    """

    name: str
    median: float
    low: float
    high: float
    cpu_median: float
    cpu_low: float
    cpu_high: float

    @classmethod
    def of(cls, fast: Timing, slow: Timing) -> Ratio:
        """The ratio of the rates within each round."""
        wall = [s / f for f, s in zip(fast.wall, slow.wall, strict=True)]
        cpu = [s / f for f, s in zip(fast.cpu, slow.cpu, strict=True)]
        extremes = (median(wall), min(wall), max(wall), median(cpu), min(cpu), max(cpu))
        return cls(f"{fast.name} / {slow.name}", *extremes)


def measure(
    contestants: Sequence[Contestant], rounds: int, seconds: float, progress: Progress
) -> dict[str, Timing]:
    """Time contestants in turns.

    Parameters
    ----------
    contestants : sequence of Contestant
    rounds : int
    seconds : float
        At least so long in each round; calls are repeated.
    progress : Progress

    Returns
    -------
    dict
        A Timing per contestant, by name.
    """
    progress.start("timing", rounds * len(contestants))
    calls = {}
    for contestant in contestants:
        contestant.work()  # compiles, and warms the caches
        calls[contestant.name] = _calls_for(contestant, seconds)
    wall: dict[str, list[float]] = {c.name: [] for c in contestants}
    cpu: dict[str, list[float]] = {c.name: [] for c in contestants}
    for number in range(rounds):
        for contestant in contestants:
            name = contestant.name
            events = contestant.events * calls[name]
            wall_start, cpu_start = contestant.clock()
            for _ in range(calls[name]):
                contestant.work()
            wall_end, cpu_end = contestant.clock()
            wall[name].append((wall_end - wall_start) / events)
            cpu_seconds = max(cpu_end - cpu_start, time.get_clock_info("process_time").resolution)
            cpu[name].append(cpu_seconds / events)
            progress.advance(round=number + 1)
    progress.stop()
    return {
        c.name: Timing(c.name, c.threads, tuple(wall[c.name]), tuple(cpu[c.name]))
        for c in contestants
    }


def _calls_for(contestant: Contestant, seconds: float) -> int:
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            contestant.work()
        taken = time.perf_counter() - start
        if taken >= seconds:
            return calls
        # Aim a fifth beyond, for a faster moment than this one.
        calls = max(calls + 1, int(1.2 * calls * seconds / max(taken, 1e-9)))


# --- the speed of the engine --------------------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """What is run: a network with fixed random weights, its inputs, and how to time it."""

    layers: tuple[int, ...] = (784, 500, 10)
    free_steps: int = 100
    nudged_steps: int = 50
    samples: int = 500
    batches: tuple[int, ...] = (20, 50, 100, 200, 500)
    threads: int = 2
    rounds: int = 9
    seconds: float = 0.2
    seed: int = 0


@dataclass(frozen=True)
class Agreement:
    """How far the dense alternative is from the engine on the same problem.

    Attributes
    ----------
    precision : str
    samples : int
    bits_equal : float
        The share of all bits that are equal.
    largest_difference : float
        Between two potentials at the end of a phase.
    """

    precision: str
    samples: int
    bits_equal: float
    largest_difference: float


@dataclass(frozen=True)
class Speed:
    """What was measured of the engine's speed.

    Attributes
    ----------
    rows_per_step : float
        Weight rows that the engine adds per sample and time step.
    events_per_step : float
        Synaptic events per sample and time step.
    timings : dict of Timing
    best_dense : str
        The dense contestant of the largest median rate.
    ratios : dict of Ratio
    agreement : list of Agreement
    """

    rows_per_step: float
    events_per_step: float
    timings: dict[str, Timing]
    best_dense: str
    ratios: dict[str, Ratio]
    agreement: list[Agreement]


def speed(setting: Setting, x: np.ndarray, progress: Progress) -> Speed:
    """Measure the engine against the machine's limit and against dense algebra.

    Parameters
    ----------
    setting : Setting
    x : ndarray, shape (setting.samples, setting.layers[0])
    progress : Progress

    Returns
    -------
    Speed
    """
    problem = bench_problem(setting, x)
    lowered = lower(problem.network, problem.dtype)
    recorded = replace(problem, record=frozenset(("bits",)))
    bits = solve(recorded, lowered=lowered).bits
    assert bits is not None
    lists = _row_lists(lowered, problem, bits)
    rows = sum(len(sent.rows) for sent in lists)
    events = sum(sent.events for sent in lists)
    steps = problem.steps * len(x)

    def contestant(batch: int) -> Contestant:
        part = first_samples(problem, batch)
        share_of_all = events / len(x) * len(part.x)
        return Contestant(dense_of(batch), lambda: dense.solve(part, counters=False), share_of_all)

    engines = [
        Contestant(
            ENGINE if threads == 1 else engine_on(threads),
            lambda threads=threads: solve(problem, threads=threads, lowered=lowered),  # type: ignore[misc]
            events,
            threads,
        )
        for threads in dict.fromkeys((1, setting.threads))
    ]
    batches = [b for b in dict.fromkeys(setting.batches) if b <= len(x)] or [len(x)]
    with threadpool_limits(1, user_api="blas"):
        timings = measure(
            [
                engines[0],
                _plain_loop(setting, lowered),
                Contestant(BLOCKED, lambda: _add_lists(lists), events),
                Contestant(
                    PRODUCTS,
                    _products(problem, max(batches)),
                    events / len(x) / problem.steps * max(batches),
                ),
                *(contestant(batch) for batch in batches),
                *engines[1:],
            ],
            setting.rounds,
            setting.seconds,
            progress,
        )
    best = max((dense_of(batch) for batch in batches), key=lambda name: timings[name].rate)
    engine = timings[ENGINE]
    ratios = {
        "limit": Ratio.of(engine, timings[PLAIN]),
        "blocked_limit": Ratio.of(engine, timings[BLOCKED]),
        "dense": Ratio.of(engine, timings[best]),
        "products": Ratio.of(engine, timings[PRODUCTS]),
    }
    if setting.threads > 1:
        ratios["threads"] = Ratio.of(timings[engine_on(setting.threads)], engine)
    few = first_samples(problem, min(20, len(x)))
    return Speed(
        rows / steps,
        events / steps,
        timings,
        best,
        ratios,
        [agreement(replace(few, precision=p)) for p in ("float64", "float32")],
    )


def agreement(problem: Problem) -> Agreement:
    """Run a problem on the engine and as dense algebra, and compare."""
    dtype = np.dtype(problem.precision)
    problem = replace(
        problem,
        x=problem.x.astype(dtype),
        targets=tuple(None if y is None else y.astype(dtype) for y in problem.targets),
        record=frozenset(("bits",)),
    )
    ours, theirs = solve(problem), dense.solve(problem)
    assert ours.bits is not None
    assert theirs.bits is not None
    equal = [np.mean(a == b) * a.size for a, b in zip(ours.bits, theirs.bits, strict=True)]
    differences = [
        float(np.abs(a - b).max())
        for mine, other in zip(ours.ends, theirs.ends, strict=True)
        for a, b in zip(mine, other, strict=True)
    ]
    return Agreement(
        problem.precision,
        len(problem.x),
        float(sum(equal) / sum(a.size for a in ours.bits)),
        max(differences),
    )


def first_samples(problem: Problem, count: int) -> Problem:
    """The same problem for the first samples only."""
    return replace(
        problem,
        x=problem.x[:count],
        targets=tuple(None if y is None else y[:count] for y in problem.targets),
        samples=problem.samples[:count],
    )


def bench_problem(setting: Setting, x: np.ndarray) -> Problem:
    """The network with fixed random weights, relaxing under these inputs and random targets."""
    labels = np.random.default_rng([setting.seed, 1]).integers(0, setting.layers[-1], len(x))
    target = one_hot(labels, setting.layers[-1])
    return pose(
        Network.dense(setting.layers, seed=setting.seed),
        x,
        coding=Coding(),
        phases=[Free(setting.free_steps), Nudged(setting.nudged_steps, target, BETA)],
        seed=setting.seed,
    )


@dataclass(frozen=True, eq=False)
class _Sent:
    """What crosses one connection in one direction during a run: a list of rows per step."""

    sums: np.ndarray
    at: int
    weights: np.ndarray
    start: int
    stride: int
    columns: int
    rows: np.ndarray
    bounds: np.ndarray

    @property
    def events(self) -> int:
        return len(self.rows) * self.columns


def _row_lists(lowered: Lowered, problem: Problem, bits: list[np.ndarray]) -> list[_Sent]:
    """The rows that the engine adds in a run, sample after sample, as it does."""
    sums = aligned_zeros(int(lowered.offsets[-1]), problem.dtype)
    lists = []
    for k in range(len(lowered.sizes) - 1):
        forward = (lowered.weights, lowered.starts[k], lowered.strides[k])
        feedback = (lowered.mirror, lowered.mirror_starts[k], lowered.mirror_strides[k])
        for sender, receiver, rows in ((k, k + 1, forward), (k + 1, k, feedback)):
            if receiver == 0:
                continue  # the clamped input receives nothing
            # The bits of the last step arrive nowhere.
            sent = bits[sender].reshape(problem.steps, len(problem.x), -1)[:-1].swapaxes(0, 1)
            counts = np.count_nonzero(sent, axis=2).ravel()
            lists.append(
                _Sent(
                    sums,
                    int(lowered.offsets[receiver]),
                    rows[0],
                    int(rows[1]),
                    int(rows[2]),
                    int(lowered.sizes[receiver]),
                    np.nonzero(sent)[2].astype(np.int32),
                    np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
                )
            )
    return lists


def _add_lists(lists: Sequence[_Sent]) -> None:
    for sent in lists:
        limit.add_listed_rows(
            sent.sums, sent.at, sent.weights, sent.start, sent.stride, sent.columns,
            sent.rows, sent.bounds,
        )  # fmt: skip


def _plain_loop(setting: Setting, lowered: Lowered) -> Contestant:
    """The bare loop on the first weight matrix, over rows chosen at random."""
    n_pre, n_post = setting.layers[:2]
    line = CACHE_LINE // lowered.weights.itemsize
    sums = aligned_zeros(-(-n_post // line) * line, lowered.weights.dtype)
    count = PLAIN_ROWS
    rows = np.random.default_rng([setting.seed, 2]).integers(0, n_pre, count).astype(np.int32)
    stride = int(lowered.strides[0])
    return Contestant(
        PLAIN,
        lambda: limit.add_chosen_rows(sums, lowered.weights, stride, rows),
        count * n_post,
    )


def _products(problem: Problem, batch: int) -> Callable[[], None]:
    """The matrix products of one dense time step alone: what no dense alternative can avoid."""
    rng = np.random.default_rng(0)
    sizes = problem.network.sizes
    weights = [w.astype(problem.dtype) for w in problem.network.weights]
    bits = [(rng.random((batch, n)) < 0.1).astype(problem.dtype) for n in sizes]
    forward = [np.empty((batch, n), problem.dtype) for n in sizes[1:]]
    feedback = [np.empty((batch, n), problem.dtype) for n in sizes[1:-1]]
    mirror = [np.ascontiguousarray(w.T) for w in weights]

    def work() -> None:
        for k, out in enumerate(forward):
            np.matmul(bits[k], weights[k], out=out)
        for k, out in enumerate(feedback, 1):
            np.matmul(bits[k + 1], mirror[k], out=out)

    return work


# --- the machine --------------------------------------------------------------------------


def blas() -> dict[str, Any]:
    """The BLAS that numpy uses: name, version, and the core type that it is tuned for."""
    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy may have brought another one.
    found.sort(key=lambda pool: "numpy" not in pool["filepath"])
    if not found:
        return {"name": "unknown", "version": "unknown", "core_type": "unknown"}
    return {
        "name": found[0]["internal_api"],
        "version": found[0]["version"],
        "core_type": found[0].get("architecture", "unknown"),
    }


def cpu_model() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def plain(value: Any) -> Any:
    """Dataclasses, tuples and dicts as what JSON holds."""
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def inputs(kind: Inputs, data_dir: str | None, setting: Setting) -> tuple[np.ndarray, str]:
    """The inputs of the speed measurement, and where they came from.

    Raises
    ------
    InputError
        If MNIST cannot be had, or does not fit the network.
    """
    n_in = setting.layers[0]
    if kind == "synthetic":
        return synthetic(setting.samples, n_in, setting.seed), f"synthetic, seed {setting.seed}"
    dataset = load("mnist", data_dir, progress=False)
    check_fit(dataset, setting.layers)
    if setting.samples > len(dataset.train_x):
        raise InputError(
            f"batch is {setting.samples}; expected at most {len(dataset.train_x)}, all of MNIST"
        )
    return dataset.train_x[: setting.samples].copy(), dataset.source


def check_fit(dataset: Dataset, layers: Sequence[int]) -> None:
    """Refuse layers that do not fit the data set."""
    expected = (dataset.train_x.shape[1], dataset.classes)
    if (layers[0], layers[-1]) != expected:
        raise InputError(
            f"layers {'-'.join(map(str, layers))}: {dataset.name} has {expected[0]} inputs and "
            f"{expected[1]} classes; expected {expected[0]}-...-{expected[1]}"
        )
