"""Tables of graphs of spiking units: beside other simulators, and as they grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cells import NOTHING, table, thousands

Results = dict[str, Any]  # file name -> document


MEASURABLE = 10**6  # synapses: memory of fewer drowns in that of the compiler


def peers(results: Results) -> str:
    """A step on every simulator: ``graphs-peers.json``."""
    found = results.get("graphs-peers.json")
    if found is None:
        return NOTHING
    networks = found["networks"]
    names = list(next(iter(networks.values())))
    rows = [
        [name]
        + [
            cell
            for network in networks.values()
            for cell in (
                _three(network[name]["microseconds_per_step"]),
                _three(network[name]["times_the_emulator"]),
            )
        ]
        for name in names
    ]
    columns = [
        f"{network}: {what} >" for network in networks for what in ("microseconds", "times ours")
    ]
    events = ", ".join(
        f"{one['emulator, float32']['synaptic_events'] / found['steps']:,.0f} of {name}"
        for name, one in networks.items()
    )
    note = (
        f"Processor time of a time step, one sample, one thread, without building; median of "
        f"{found['rounds']} rounds, of Lava and SANA-FE one of fewer steps. Synaptic "
        f"events of a step: {events}. {found['machine']['cpu']}."
    )
    return f"{table(['simulator', *columns], rows)}\n\n{note}"


def _three(number: float) -> str:
    """A number in three digits."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def growth(results: Results) -> str:
    """What size costs: ``graphs-growth.json`` and ``graphs-large.json``."""
    found = [results[f"graphs-{name}.json"] for name in ("growth", "large")
             if f"graphs-{name}.json" in results]  # fmt: skip
    if not found:
        return NOTHING
    rows = [
        [
            thousands(one["units"]),
            thousands(one["synapses"]),
            f"{one['build_seconds'] + one['lower_seconds']:.2f}",
            f"{one['milliseconds_per_step']:.3g}",
            f"{one['nanoseconds_per_event']:.2f}",
            f"{one['bytes_per_synapse']:.0f}" if one["synapses"] >= MEASURABLE else "",
        ]
        for document in found
        for one in document["networks"]
    ]
    columns = [
        "units >", "synapses >", "built, s >", "a step, ms >", "an event, ns >",
        "a synapse, bytes >",
    ]  # fmt: skip
    return table(columns, rows)


TABLES: dict[str, Callable[[Results], str]] = {"graph-peers": peers, "graph-growth": growth}
