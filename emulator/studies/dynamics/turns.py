"""Who may fire in a step, and what becomes of the code: layers in balance that learn nothing."""

from __future__ import annotations

from dataclasses import dataclass

from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.turns import OneUnit, Slots, Ticks, Together, Turns
from eqchip.emulator.learning.balance import BalancedSimulation
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.dynamics.judges import Decodes
from eqchip.emulator.studies.dynamics.tasks import CODED

UNITS, LEAK, NORM, SPREAD, SECONDS = 50, 50.0, 0.5, 0.3, 5.0
STEPS = (1e-3, 1e-4)  # s
WIDTHS = (1.0, 1.6, 3.0)
POLICIES: dict[str, dict[float, Turns]] = {
    "one unit": {1e-3: OneUnit(), 1e-4: OneUnit()},
    "slots": {1e-3: Slots(10), 1e-4: Slots(25)},
    "ticks": {1e-3: Ticks(0.1), 1e-4: Ticks(0.1)},
    "together": {1e-3: Together(), 1e-4: Together()},
}


@dataclass(frozen=True)
class Row:
    """One policy at one step length and threshold: what was measured from each seed."""

    policy: str
    dt: float
    width: float
    turns: Turns
    measures: list[dict[str, float]]


def compare_turns(first: int, seeds: int, progress: Progress | None = None) -> list[Row]:
    """Decode noise by every policy, from so many seeds, with refitted read-outs."""
    cases = [(p, dt, width) for p in POLICIES for dt in STEPS for width in WIDTHS]
    rows = []
    with (progress or Silent()).bar("Policies", len(cases)) as bar:
        for policy, dt, width in cases:
            turns = POLICIES[policy][dt]
            found = []
            for seed in range(first, first + seeds):
                layer = BalancedLayer.tight(
                    UNITS, 2, leak=LEAK, norm=NORM, spread=SPREAD, width=width, seed=seed
                )
                simulation = BalancedSimulation(layer, dt=dt, turns=turns, seed=seed)
                judged = Decodes(CODED, SECONDS, refit=True).judge(simulation)
                events = judged.per_second["synaptic_events"]
                found.append({**judged.measures, "synaptic_events": events})
            rows.append(Row(policy, dt, width, turns, found))
            bar.advance(1)
    return rows
