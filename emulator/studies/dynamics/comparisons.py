"""Layers in balance that learn nothing: who may fire when, and what becomes of the code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eqchip.emulator.description.asynchronous import Clocks
from eqchip.emulator.description.dynamics.cores import LayerCores
from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.turns import (
    OneUnit,
    OwnClocks,
    Slots,
    Ticks,
    Together,
    Turns,
)
from eqchip.emulator.learning.balance import BalancedSimulation
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.dynamics.judges import Decodes
from eqchip.emulator.studies.dynamics.tasks import CODED

ONE_CORE = LayerCores()
UNITS, LEAK, NORM, SPREAD, SECONDS = 50, 50.0, 0.5, 0.3, 5.0
STEPS = (1e-3, 1e-4)  # s
WIDTHS, WIDTH = (1.0, 1.6, 3.0), 1.6
POLICIES: dict[str, dict[float, Turns]] = {
    "one unit": {1e-3: OneUnit(), 1e-4: OneUnit()},
    "slots": {1e-3: Slots(10), 1e-4: Slots(25)},
    "ticks": {1e-3: Ticks(0.1), 1e-4: Ticks(0.1)},
    "together": {1e-3: Together(), 1e-4: Together()},
}
SLOTS = {1e-4: (10, 25), 2e-4: (5, 10), 5e-4: (5, 10), 1e-3: (5, 10)}  # by the step's length
PERIODS, SPREADS, GRID = (1e-3, 2.5e-3, 1e-2), (0.0, 0.1, 0.3), 1e-4  # of own clocks
# By their period: steps of the grid that spikes need, and how many more at most.
DELAYS = {2.5e-3: ((2, 0), (5, 0), (10, 0), (5, 10)), 1e-2: ((5, 0), (10, 0), (25, 0), (5, 10))}
PARTS, ACROSS = 5, {1e-4: (1, 2, 5, 10, 25, 50), 1e-3: (1, 2, 3, 5)}  # cores, and steps between


@dataclass(frozen=True)
class Case:
    """One layer: who may fire, its step (of own clocks the grid), threshold and cores.

    policy : str
        The kind of turns, by which it is drawn.
    label : str
        What it is called in a table; else its turns.
    """

    policy: str
    dt: float
    turns: Turns
    width: float = WIDTH
    cores: LayerCores = ONE_CORE
    label: str = ""


@dataclass(frozen=True)
class Row:
    """A case, what was measured from each seed, and the first seed's layer."""

    case: Case
    measures: list[dict[str, float]]
    layer: BalancedLayer


def turn_cases() -> list[Case]:
    """Who may fire in a step, at two lengths of it and three thresholds."""
    return [
        Case(policy, dt, POLICIES[policy][dt], width)
        for policy in POLICIES for dt in STEPS for width in WIDTHS
    ]  # fmt: skip


def step_cases() -> list[Case]:
    """Steps of four lengths, by slots."""
    return [
        Case("slots", dt, Slots(n)) for dt, some in SLOTS.items() for n in some
    ]  # fmt: skip


def core_cases() -> list[Case]:
    """Five cores, between which spikes need so many steps."""
    found = []
    for dt, across in ACROSS.items():
        slots = POLICIES["slots"][dt]
        found += [
            Case(
                "slots", dt, slots, cores=LayerCores(PARTS, across=n),
                label=f"{slots.slots} slots, others after {n * dt * 1e3:g} ms",
            )
            for n in across
        ]  # fmt: skip
    for n in ACROSS[1e-4][:2]:
        cores, label = LayerCores(PARTS, across=n), f"together, others after {n * 0.1:g} ms"
        found.append(Case("together", 1e-4, Together(), cores=cores, label=label))
    return found


def clock_cases() -> list[Case]:
    """Units with clocks of their own, beside chips with one."""
    known = [
        Case("together", 1e-3, Together(), label="one clock of 1 ms"),
        Case("slots", 1e-3, Slots(10), label="one clock of 1 ms, 10 slots"),
        Case("together", 1e-4, Together(), label="one clock of 0.1 ms"),
        Case("slots", 1e-4, Slots(25), label="one clock of 0.1 ms, 25 slots"),
    ]
    own = [_own(period, spread, 1, 0) for period in PERIODS for spread in SPREADS]
    late = [_own(period, 0.1, *delay) for period, some in DELAYS.items() for delay in some]
    return [*known, *own, *late]


def _own(period: float, spread: float, fixed: int, jitter: int) -> Case:
    delay = f"{fixed * GRID * 1e3:g}" + (f" to {(fixed + jitter) * GRID * 1e3:g}" if jitter else "")
    label = f"clocks of {period * 1e3:g} ms ± {100 * spread:g} %, spikes after {delay} ms"
    turns = OwnClocks(period, Clocks(spread=spread, offset=1.0))
    cores = LayerCores(1, within=fixed, jitter=jitter)
    return Case("own clocks", GRID, turns, cores=cores, label=label)


# What is compared, by its name on the command line. A new one: a row here.
COMPARISONS: dict[str, Callable[[], list[Case]]] = {
    "turns": turn_cases,
    "steps": step_cases,
    "cores": core_cases,
    "clocks": clock_cases,
}


def compare(
    cases: Sequence[Case], first: int, seeds: int, progress: Progress | None = None
) -> list[Row]:
    """Decode noise in every case, from so many seeds, with refitted read-outs."""
    rows = []
    with (progress or Silent()).bar("Cases", len(cases)) as bar:
        for case in cases:
            layers = [
                BalancedLayer.tight(
                    UNITS, 2, leak=LEAK, norm=NORM, spread=SPREAD, width=case.width, seed=seed
                )
                for seed in range(first, first + seeds)
            ]
            found = []
            for seed, layer in enumerate(layers, first):
                simulation = BalancedSimulation(
                    layer, dt=case.dt, turns=case.turns, cores=case.cores, seed=seed
                )
                judged = Decodes(CODED, SECONDS, refit=True).judge(simulation)
                counts = {said: judged.per_second[name] for name, said in COUNTED.items()}
                found.append({**judged.measures, **counts})
            rows.append(Row(case, found, layers[0]))
            bar.advance(1)
    return rows


# Counts in a second that are compared, and what they are called.
COUNTED = {"synaptic_events": "synaptic_events", "turns": "looks", "messages": "messages"}
