"""The speed of the mapped engine, for ``eqchip bench --chip``.

In one run: the network on a chip's cores, in its integers, with every core's spikes
counted at every step; the same without a chip, in float32; and SANA-FE on the same
mapped network with the same spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.bench.contest import Contestant, Ratio, Timing, measure
from eqchip.bench.machine import cpu_model, plain
from eqchip.bench.sanafe import SANAFE, sanafe_contestant
from eqchip.bench.setting import Setting, bench_problem
from eqchip.cli.output import Output
from eqchip.emulator.engine.synchronous import lower_problem, solve
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.progress import Progress
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.runs import command_line, provenance
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mapped import map_network

FORMAT = "eqchip-bench-chip 1"
MAPPED, MAPPED_FLOAT, FLOAT = "mapped, in integers", "mapped, in float32", "engine, float32"
FLOAT_FLOOR, SANAFE_FLOOR = 0.5, 200.0  # the project's aims


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


def chip_speed(
    setting: Setting, x: np.ndarray, chip: Chip, sanafe_python: str | None, progress: Progress
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
    if sanafe_python is None:
        timings = measure(contestants, setting.rounds, setting.seconds, progress)
    else:
        few = replace(
            integers,
            x=integers.x[:1],
            targets=tuple(None if y is None else y[:1] for y in integers.targets),
            samples=integers.samples[:1],
            record=frozenset(("bits",)),
        )
        run = solve(few)
        assert run.bits is not None
        peer = sanafe_contestant(mapped, run.bits, sanafe_python)
        with peer.process:
            timings = measure([*contestants, peer], setting.rounds, setting.seconds, progress)
        told = {"version": peer.version, "load_seconds": peer.load_seconds, **plain(peer.first)}
    return ChipSpeed(
        len(mapped.parts),
        events[MAPPED] / (real.steps * len(x)),
        timings,
        {
            name: Ratio.of(timings[MAPPED], timing)
            for name, timing in timings.items()
            if name != MAPPED
        },
        told,
    )


def _solver(problem: Problem, threads: int) -> Callable[[], object]:
    lowered = lower_problem(problem)
    return lambda: solve(problem, threads=threads, lowered=lowered)


def document(setting: Setting, source: str, chip: Chip, found: ChipSpeed) -> dict[str, Any]:
    """What is saved and printed as JSON."""
    made = provenance(command_line())
    return {
        "format": FORMAT,
        "kind": "chip-speed",
        "inputs_source": source,
        "setting": plain(setting),
        "chip": chip.name,
        "cores": found.cores,
        "events_per_step": found.events_per_step,
        "contestants": [
            {**plain(timing), "events_per_second": timing.rate} for timing in found.timings.values()
        ],
        "ratios": plain(found.ratios),
        "sanafe": found.sanafe,
        "machine": {"cpu": cpu_model(), "processors": resolve_threads(None)},
        "seed": setting.seed,
        "command": made.pop("command"),
        "created": made.pop("created"),
        "versions": made,
    }


def show(output: Output, setting: Setting, chip: Chip, found: ChipSpeed) -> None:
    """The table, and how it stands to the project's aims."""
    rows = []
    for name, timing in found.timings.items():
        ratio = found.ratios.get(name)
        shown = f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})" if ratio else ""
        rows.append([name, timing.threads, f"{timing.rate:.3g}", shown])
    shape = "-".join(map(str, setting.layers))
    output.table(
        f"{shape} on {found.cores} cores of {chip.name}, {setting.free_steps} + "
        f"{setting.nudged_steps} steps",
        ["contestant", "threads", "events/s", "integers / it"],
        rows,
    )
    output.text(
        f"{setting.rounds} rounds; ratios: median (lowest-highest) within a round, synaptic "
        "events per second of wall time; SANA-FE by its own clock, without loading"
    )
    for name, floor in ((FLOAT, FLOAT_FLOOR), (SANAFE, SANAFE_FLOOR)):
        if name in found.ratios:
            times = found.ratios[name].median
            verdict = "reached" if times >= floor else "missed"
            output.text(f"{times:.2f} times as fast as {name}; the floor is {floor:g}: {verdict}")
    if SANAFE not in found.ratios:
        output.message("SANA-FE is left out: this Python has none; expected --sanafe-python")
