"""The section of a report on time, in seconds per sample, and what decides it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.entries import SUMS
from eqchip.hw_reports.pricing.timing import RESOURCES, PhaseTime
from eqchip.hw_reports.pricing.totals import figure_dict, total
from eqchip.mapping.kinds import INFERENCE, PHASES, UPDATE


def section(accounts: Accounts) -> dict[str, Any]:
    """Seconds per sample, and what decides them."""
    cores, seconds = accounts.cores, accounts.seconds
    document: dict[str, Any] = {
        **{name: total(seconds[p] for p in phases).to_dict() for name, phases in SUMS},
        "by_phase": {phase: seconds[phase].to_dict() for phase in PHASES},
        "critical": accounts.critical,
        **dict.fromkeys(
            ("bottleneck", "parts", "by_core", "busiest_core", "steps", "steps_per_second")
        ),
    }
    if cores is None:
        return document
    times = cores.times
    lasting = seconds[INFERENCE].figure
    steps = len(times[INFERENCE].rows)
    found = {
        **document,
        "by_core": {
            name: sum(times[phase].cores for phase in phases).tolist()  # type: ignore[union-attr]
            for name, phases in SUMS
        },
        "busiest_core": {phase: times[phase].busiest for phase in PHASES},
        "steps_per_second": steps / lasting.value if lasting and lasting.value else None,
    }
    if accounts.simulated is not None:  # no step that anything could decide
        return found
    return {
        **found,
        "bottleneck": {phase: times[phase].decided for phase in PHASES},
        "parts": {
            phase: {name: figure_dict(getattr(times[phase], name)) for name in RESOURCES}
            for phase in PHASES
        },
        "steps": {name: _steps([times[p] for p in phases if p != UPDATE]) for name, phases in SUMS},
    }


def _steps(times: Sequence[PhaseTime]) -> dict[str, list[float]]:
    """Seconds of every step, in the order in which the steps were run."""
    order = np.argsort(np.concatenate([time.rows for time in times]))
    return {
        part: np.concatenate([time.steps[part] for time in times])[order].tolist()
        for part in RESOURCES
    }
