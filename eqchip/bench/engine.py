"""The speed of the engine, for ``eqchip bench engine``.

Machines are shared and their clocks move, so contestants take turns (ABCABC...), each
long enough to be timed; a ratio is taken within each round, and its median over rounds
is quoted with the extremes. Wall and processor time are both kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from eqchip.backends.dense import solve as dense
from eqchip.bench.contest import Contestant, Ratio, Timing, measure
from eqchip.bench.machine import blas, made_here, plain
from eqchip.bench.setting import (
    SILENT,
    Given,
    Inputs,
    Setting,
    bench_problem,
    first_samples,
    inputs,
)
from eqchip.bench.training import CostSetting, cost_document
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels import limit
from eqchip.emulator.kernels.lowered import CACHE_LINE, Lowered, aligned_zeros
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress

FORMAT = "eqchip-bench 1"
DEFAULT = Setting()
BLAS_VARIABLE = "OPENBLAS_CORETYPE"
MEGA = 1e6
PLAIN_ROWS = 20_000  # per call of the plain loop: as many as 200 steps of MNIST send

ENGINE, PLAIN, BLOCKED, PRODUCTS = "engine", "plain row loop", "blocked row kernel", "products only"


def engine_on(threads: int) -> str:
    """The name of the engine on several threads."""
    return f"engine, {threads} threads"


def dense_of(batch: int) -> str:
    """The name of the dense alternative with this batch."""
    return f"dense, batch {batch}"


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


def bench_engine(
    setting: Setting = DEFAULT,
    *,
    dataset: Inputs | None = None,
    data: str | None = None,
    samples: int | None = None,
    minibatch: int = 20,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measure the engine, and what training costs.

    Parameters
    ----------
    setting : Setting
    dataset, data
        See :func:`eqchip.bench.setting.inputs`.
    samples : int, optional
        Trained on to measure the cost of an epoch. Default: training is not measured.
    minibatch : int
        Of training.
    progress : Progress

    Returns
    -------
    dict
        A document of format ``eqchip-bench 1``.

    Raises
    ------
    InputError
        If MNIST cannot be had or does not fit the network, or a training process fails.
    """
    given = inputs(setting, dataset, data, progress)
    found = speed(setting, given.x, progress)
    training = None
    if samples is not None:
        asked = CostSetting(
            given.kind,
            data,
            setting.layers,
            samples,
            setting.free_steps,
            setting.nudged_steps,
            minibatch,
            setting.threads,
            setting.seed,
        )
        training = cost_document(asked, progress)
    return _document(setting, given, found, training)


def speed(setting: Setting, x: np.ndarray, progress: Progress = SILENT) -> Speed:
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
    batches = [b for b in dict.fromkeys(setting.batches) if b <= len(x)] or [len(x)]
    engine, *more = _engines(problem, lowered, events, (1, setting.threads))
    with threadpool_limits(1, user_api="blas"):
        timings = measure(
            [
                engine,
                _plain_loop(setting, lowered),
                Contestant(BLOCKED, lambda: _add_lists(lists), events),
                _products(problem, max(batches), events / len(x)),
                *(_dense(problem, batch, events / len(x)) for batch in batches),
                *more,
            ],
            setting.rounds,
            setting.seconds,
            progress,
        )
    best = max((dense_of(batch) for batch in batches), key=lambda name: timings[name].rate)
    few = first_samples(problem, min(20, len(x)))
    return Speed(
        rows / steps,
        events / steps,
        timings,
        best,
        _ratios(timings, best, setting.threads),
        [agreement(replace(few, precision=p)) for p in ("float64", "float32")],
    )


def _engines(
    problem: Problem, lowered: Lowered, events: float, threads: Sequence[int]
) -> list[Contestant]:
    """The engine on each of these numbers of threads."""
    return [
        Contestant(
            ENGINE if n == 1 else engine_on(n),
            lambda n=n: solve(problem, threads=n, lowered=lowered),  # type: ignore[misc]
            events,
            n,
        )
        for n in dict.fromkeys(threads)
    ]


def _ratios(timings: dict[str, Timing], best_dense: str, threads: int) -> dict[str, Ratio]:
    engine = timings[ENGINE]
    slower = {"limit": PLAIN, "blocked_limit": BLOCKED, "dense": best_dense, "products": PRODUCTS}
    ratios = {name: Ratio.of(engine, timings[other]) for name, other in slower.items()}
    if threads > 1:
        ratios["threads"] = Ratio.of(timings[engine_on(threads)], engine)
    return ratios


def _dense(problem: Problem, batch: int, events_per_sample: float) -> Contestant:
    """The dense alternative on a batch, with the events that the engine would need."""
    part = first_samples(problem, batch)
    return Contestant(
        dense_of(batch),
        lambda: dense.solve(part, counters=False),
        events_per_sample * len(part.x),
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


def _products(problem: Problem, batch: int, events_per_sample: float) -> Contestant:
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

    return Contestant(PRODUCTS, work, events_per_sample / problem.steps * batch)


def _document(
    setting: Setting, given: Given, found: Speed, training: dict[str, Any] | None
) -> dict[str, Any]:
    steps, x = found.events_per_step, given.x
    return {
        "format": FORMAT,
        "kind": "speed",
        "inputs": given.kind,
        "inputs_source": given.source,
        "inputs_mean": round(float(x.mean()), 4),
        "inputs_active_share": round(float((x > 0).mean()), 4),
        "setting": plain(setting),
        "rows_per_step": found.rows_per_step,
        "events_per_step": steps,
        "contestants": [
            {
                **plain(timing),
                "events_per_second": timing.rate,
                "microseconds_per_step": steps / timing.rate * MEGA,
            }
            for timing in found.timings.values()
        ],
        "best_dense": found.best_dense,
        "ratios": plain(found.ratios),
        "agreement": plain(found.agreement),
        "training": training,
        **made_here(setting.seed, blas={**blas(), BLAS_VARIABLE: os.environ.get(BLAS_VARIABLE)}),
    }
