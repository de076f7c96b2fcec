"""Measurements of speed and training cost, for ``eqchip bench``.

Machines are shared and their clocks move, so contestants take turns (ABCABC...), each
long enough to be timed; a ratio is taken within each round, and its median over rounds
is quoted with the extremes. Wall and processor time are both kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from eqchip.backends import dense
from eqchip.bench.contest import Contestant, Ratio, Timing, measure
from eqchip.bench.setting import Setting, bench_problem, first_samples
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels import limit
from eqchip.emulator.kernels.lowered import CACHE_LINE, Lowered, aligned_zeros
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress

PLAIN_ROWS = 20_000  # per call of the plain loop: as many as 200 steps of MNIST send

ENGINE, PLAIN, BLOCKED, PRODUCTS = "engine", "plain row loop", "blocked row kernel", "products only"


def engine_on(threads: int) -> str:
    """The name of the engine on several threads."""
    return f"engine, {threads} threads"


def dense_of(batch: int) -> str:
    """The name of the dense alternative with this batch."""
    return f"dense, batch {batch}"


# --- inputs -------------------------------------------------------------------------------


# --- rounds -------------------------------------------------------------------------------


# --- the speed of the engine --------------------------------------------------------------


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
