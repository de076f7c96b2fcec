"""The speed of the mapped engine, for ``eqchip bench chip``.

In one run: the network on a chip's cores, in its integers, with every core's spikes
counted at every step; the same without a chip, in float32; and SANA-FE on the same
mapped network with the same spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.bench.contest import Contestant, Ratio, Timing, measure
from eqchip.bench.machine import made_here, plain
from eqchip.bench.sanafe import PeerContestant, sanafe_contestant
from eqchip.bench.setting import (
    SILENT,
    Given,
    Inputs,
    Setting,
    bench_problem,
    first_samples,
    inputs,
)
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mapped import MappedNetwork, map_network

FORMAT = "eqchip-bench-chip 1"
MAPPED, MAPPED_FLOAT, FLOAT = "mapped, in integers", "mapped, in float32", "engine, float32"
DEFAULT = Setting()


@dataclass(frozen=True)
class ChipSpeed:
    """What was measured.

    Attributes
    ----------
    cores : int
        That the network takes.
    events_per_step : float
        Synaptic events per sample and time step, in integers.
    timings : dict of Timing
    ratios : dict of Ratio
        Of the mapped engine in integers to the others, by name.
    sanafe : dict or None
        Version, seconds to load, and what it counted; None if it was left out.
    """

    cores: int
    events_per_step: float
    timings: dict[str, Timing]
    ratios: dict[str, Ratio]
    sanafe: dict[str, Any] | None


def bench_chip(
    chip: Chip,
    setting: Setting = DEFAULT,
    *,
    dataset: Inputs | None = None,
    data: str | None = None,
    sanafe_python: str | None = None,
    progress: Progress = SILENT,
) -> dict[str, Any]:
    """Measure the engine on a chip's cores.

    Parameters
    ----------
    chip : Chip
        See :func:`eqchip.load_chip`.
    setting : Setting
    dataset, data
        See :func:`eqchip.bench.setting.inputs`.
    sanafe_python : str, optional
        A Python that has SANA-FE, see :func:`eqchip.backends.sanafe.peer.interpreter`; None
        leaves it out.
    progress : Progress

    Returns
    -------
    dict
        A document of format ``eqchip-bench-chip 1``.

    Raises
    ------
    InputError
        If the network does not fit the chip, or the inputs cannot be had.
    """
    given = inputs(setting, dataset, data, progress)
    found = chip_speed(setting, given.x, chip, sanafe_python, progress)
    return _document(setting, given, chip, found)


def chip_speed(
    setting: Setting,
    x: np.ndarray,
    chip: Chip,
    sanafe_python: str | None,
    progress: Progress = SILENT,
) -> ChipSpeed:
    """Measure the mapped engine beside the float engine and SANA-FE.

    Parameters
    ----------
    setting : Setting
    x : ndarray, shape (setting.samples, setting.layers[0])
    chip : Chip
    sanafe_python : str or None
        A Python that has SANA-FE; None leaves it out.
    progress : Progress

    Raises
    ------
    InputError
        If the network does not fit the chip.
    """
    real = bench_problem(setting, x)
    mapped = map_network(real.network, chip)
    integers = replace(
        real,
        precision="chip",
        fixed=chip.arithmetic,
        parts=mapped.parts,
        x=real.x.astype(np.float64),
        targets=tuple(None if y is None else y.astype(np.float64) for y in real.targets),
    )
    events = {
        name: float(solve(problem).activity.synaptic_events.sum())
        for name, problem in ((MAPPED, integers), (FLOAT, real))
    }
    contestants = [
        Contestant(MAPPED, _solver(integers, 1), events[MAPPED]),
        Contestant(FLOAT, _solver(real, 1), events[FLOAT]),
        Contestant(MAPPED_FLOAT, _solver(replace(real, parts=mapped.parts), 1), events[FLOAT]),
    ]
    if setting.threads > 1:
        name = f"{MAPPED}, {setting.threads} threads"
        contestants.append(
            Contestant(name, _solver(integers, setting.threads), events[MAPPED], setting.threads)
        )
    told = None
    with ExitStack() as stack:
        if sanafe_python is not None:
            peer = _sanafe(mapped, integers, sanafe_python)
            stack.enter_context(peer.process)
            contestants.append(peer)
            told = {"version": peer.version, "load_seconds": peer.load_seconds, **plain(peer.first)}
        timings = measure(contestants, setting.rounds, setting.seconds, progress)
    return ChipSpeed(
        mapped.cores,
        events[MAPPED] / (real.steps * len(x)),
        timings,
        {
            name: Ratio.of(timings[MAPPED], timing)
            for name, timing in timings.items()
            if name != MAPPED
        },
        told,
    )


def _sanafe(mapped: MappedNetwork, integers: Problem, python: str) -> PeerContestant:
    """SANA-FE with the spikes of the first sample."""
    one = replace(first_samples(integers, 1), record=frozenset(("bits",)))
    run = solve(one)
    assert run.bits is not None
    return sanafe_contestant(mapped, run.bits, python)


def _solver(problem: Problem, threads: int) -> Callable[[], object]:
    lowered = lower_problem(problem)
    return lambda: solve(problem, threads=threads, lowered=lowered)


def _document(setting: Setting, given: Given, chip: Chip, found: ChipSpeed) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": "chip-speed",
        "inputs_source": given.source,
        "setting": plain(setting),
        "chip": chip.name,
        "cores": found.cores,
        "events_per_step": found.events_per_step,
        "contestants": [
            {**plain(timing), "events_per_second": timing.rate} for timing in found.timings.values()
        ],
        "ratios": plain(found.ratios),
        "sanafe": found.sanafe,
        **made_here(setting.seed),
    }
