"""The emulator beside the simulators of others, for ``eqchip bench peers``.

The same network, inputs and spikes, one thread each, in one run: the emulator in float32 and
in float64, Brian2 as a C++ program and through Cython (which compute in float64), and Lava on
the CPU (in a chip's integers, where its model is quickest); NEST and snnTorch by Pythons of their
own, see `outside`. Whatever is not installed or named is left out, and says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from eqchip.backends import packages
from eqchip.backends.lava import solve as lava
from eqchip.bench.brian2 import brian2_contestants, in_float64
from eqchip.bench.contest import Contestant, Ratio, Stopwatch, Timing, Watched, measure
from eqchip.bench.machine import made_here, plain
from eqchip.bench.outside import (
    NEST,
    OPTIONS,
    SNNTORCH,
    OutsideContestant,
    nest_contestant,
    snntorch_contestant,
)
from eqchip.bench.setting import (
    SILENT,
    Given,
    Inputs,
    Setting,
    bench_problem,
    first_samples,
    inputs,
)
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress

FORMAT = "eqchip-bench-peers 1"
DEFAULT = Setting()
EMULATOR, DOUBLE, LAVA = "emulator, float32", "emulator, float64", "Lava, in integers"
FEW_SAMPLES = 2  # of Lava's shorter run, whose time is taken from that of the longer
OUTSIDE = {NEST: nest_contestant, SNNTORCH: snntorch_contestant}
NO_PYTHONS: dict[str, str | None] = dict.fromkeys(OUTSIDE)
ATTEMPTS = 5  # at the time of more samples, which on a busy machine may drown in that of the start


@dataclass(frozen=True, kw_only=True)
class LavaContestant(Watched):
    """Lava, by what more samples take: starting its processes is in no rate.

    One call runs a few samples, and then all; the difference is what the others took.
    """

    setup: Stopwatch = field(default_factory=Stopwatch)


@dataclass(frozen=True)
class PeerSpeed:
    """What was measured.

    Attributes
    ----------
    events_per_step : float
        Synaptic events per sample and time step.
    timings : dict of Timing
    ratios : dict of Ratio
        Of the emulator in float32 to every other, by name.
    setup_seconds : dict
        Per peer: to build and compile, once; in no rate.
    left_out : dict
        Per peer that cannot run here: why.
    versions : dict
        Of the peers that Pythons of their own run, by name.
    """

    events_per_step: float
    timings: dict[str, Timing]
    ratios: dict[str, Ratio]
    setup_seconds: dict[str, float]
    left_out: dict[str, str]
    versions: dict[str, str]


def bench_peers(
    setting: Setting = DEFAULT,
    *,
    nest_python: str | None = None,
    snntorch_python: str | None = None,
    dataset: Inputs | None = None,
    data: str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measure the emulator beside the simulators of others that run here.

    Parameters
    ----------
    setting : Setting
        Whose threads are not read: all run on one.
    nest_python, snntorch_python : str, optional
        Pythons that have NEST and snnTorch. Default: these are left out.
    dataset, data
        See :func:`eqchip.bench.setting.inputs`.
    progress : Progress

    Returns
    -------
    dict
        A document of format ``eqchip-bench-peers 1``.

    Raises
    ------
    InputError
        If a peer finds other spikes than the emulator, or the inputs cannot be had.
    """
    setting = replace(setting, threads=1)
    given = inputs(setting, dataset, data, progress)
    pythons = {NEST: nest_python, SNNTORCH: snntorch_python}
    return _document(setting, given, peer_speed(setting, given.x, pythons, progress))


def peer_speed(
    setting: Setting,
    x: np.ndarray,
    pythons: Mapping[str, str | None] = NO_PYTHONS,
    progress: Progress = SILENT,
) -> PeerSpeed:
    """Measure the emulator beside its peers; pythons: of those of `outside`, by name.

    Raises
    ------
    InputError
        If a peer finds other spikes than the emulator.
    """
    real = bench_problem(setting, x)
    double = replace(in_float64(real), record=frozenset())
    events = float(solve(double).activity.synaptic_events.sum())
    contestants = [
        Contestant(EMULATOR, _solver(real), float(solve(real).activity.synaptic_events.sum())),
        Contestant(DOUBLE, _solver(double), events),
    ]
    setup: dict[str, float] = {}
    left_out: dict[str, str] = {}
    versions: dict[str, str] = {}
    with ExitStack() as stack:
        try:
            progress.message("building for Brian2, which takes half a minute")
            for peer in brian2_contestants(real):
                stack.callback(peer.process.close)
                contestants.append(peer)
                setup[peer.name] = peer.setup_seconds
        except InputError as error:
            left_out["Brian2"] = str(error)
        try:
            packages.LAVA.require()
            contestants.append(
                _lava_contestant(replace(double, precision="chip", fixed=FixedPoint()))
            )
        except InputError as error:
            left_out[LAVA] = str(error)
        for outside, python in pythons.items():
            try:
                apart = _outside_contestant(outside, python, real)
            except InputError as error:
                left_out[outside] = str(error)
                continue
            stack.callback(apart.loop.close)
            contestants.append(apart)
            setup[outside], versions[outside] = apart.loop.seconds, apart.loop.version
        timings = measure(contestants, setting.rounds, setting.seconds, progress)
    for contestant in contestants:
        if isinstance(contestant, LavaContestant):
            setup[LAVA] = contestant.setup.wall
    return PeerSpeed(
        events / (real.steps * len(x)),
        timings,
        {n: Ratio.of(timings[EMULATOR], t) for n, t in timings.items() if n != EMULATOR},
        setup,
        left_out,
        versions,
    )


def _outside_contestant(name: str, python: str | None, problem: Problem) -> OutsideContestant:
    if python is None:
        raise InputError(f"no Python was named that has it; expected {OPTIONS[name]}")
    return OUTSIDE[name](problem, python)


def _solver(problem: Problem) -> Callable[[], object]:
    lowered = lower_problem(problem)
    return lambda: solve(problem, threads=1, lowered=lowered)


def _lava_contestant(problem: Problem) -> LavaContestant:
    few = first_samples(problem, FEW_SAMPLES)
    sums = [float(solve(one).activity.synaptic_events.sum()) for one in (few, problem)]
    watch, setup = Stopwatch(), Stopwatch()

    def timed(one: Problem) -> tuple[float, float]:
        before, start = os.times(), time.perf_counter()
        lava.solve(one)
        after = os.times()
        cpu = sum(after[2:4]) - sum(before[2:4])  # of processes that have ended
        return time.perf_counter() - start, cpu

    def work() -> None:
        for _ in range(ATTEMPTS):
            short, long = timed(few), timed(problem)
            if long[0] > short[0]:
                break
        else:
            raise InputError(
                f"bench: Lava took no longer for {len(problem.x)} samples than for {len(few.x)}, "
                f"{ATTEMPTS} times: its start hides them; expected a larger --batch, or a machine "
                "with less to do"
            )
        watch.wall += long[0] - short[0]
        watch.cpu += long[1] - short[1]
        setup.wall = short[0]

    return LavaContestant(LAVA, work, sums[1] - sums[0], watch=watch, setup=setup)


def _document(setting: Setting, given: Given, found: PeerSpeed) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "peer-speed",
        "inputs_source": given.source,
        "setting": plain(setting),
        "events_per_step": found.events_per_step,
        "contestants": [
            {
                **plain(timing),
                "events_per_second": timing.rate,
                "milliseconds_per_100_steps": 1e5 * found.events_per_step / timing.rate,
            }
            for timing in found.timings.values()
        ],
        "ratios": plain(found.ratios),
        "setup_seconds": found.setup_seconds,
        "left_out": found.left_out,
        "versions": found.versions,
        **made_here(setting.seed),
    }
