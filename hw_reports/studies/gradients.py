"""A gradient study in words: document, table and sentences, all from what was measured.

See :mod:`eqchip.backends.bptt.comparison` for how it is measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

FORMAT = "eqchip-gradients 1"
COLUMNS = ("network", "pooling", "messages", "weights", "angle", "length", "by bits")
UNKNOWN = "–"


def document(
    *,
    subject: str,
    settings: Mapping[str, Any],
    networks: Sequence[Mapping[str, Any]],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """All that was measured, as JSON takes it.

    Parameters
    ----------
    subject : str
        What was compared, in a line.
    networks : sequence of dict
        Per network: ``state`` ("initial", "trained"), ``pooling``, ``connections`` (a name each),
        ``error`` (test error in per cent, or None), ``cost``, ``rows``, ``over_beta``,
        ``over_steps``.
    """
    made = {
        "format": FORMAT,
        "subject": subject,
        "settings": dict(settings),
        "networks": [dict(network) for network in networks],
        "provenance": dict(provenance),
    }
    made = _plain(made)
    return {**made, "findings": findings(made)}


def rows(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A line per network, coding and connection.

    Angle and length ratio to the gradient of BPTT; and what bits alone turn the update by, the
    angle to that with real-valued messages. All angles in degrees.
    """
    lines: list[tuple[str, ...]] = []
    for network in document["networks"]:
        for row in network["rows"]:
            names = [*network["connections"], "all weights"]
            for name, angle, length, bits in zip(
                names, row["angle"], row["length"], row["from_real_valued"], strict=True
            ):
                first = name == names[0]
                lines.append(
                    (
                        network["state"] if first else "",
                        network["pooling"] if first else "",
                        row["coding"] if first else "",
                        name,
                        _number(angle, 1),
                        _number(length, 2),
                        _number(bits, 1) if row["coding"] == "spiking" else "",
                    )
                )
    return lines


def findings(document: Mapping[str, Any]) -> list[str]:
    """What the figures say, in sentences; nothing is said that was not measured."""
    lines = []
    for state in dict.fromkeys(network["state"] for network in document["networks"]):
        parts = []
        for network in document["networks"]:
            spiking = _row(network, "spiking")
            if network["state"] == state and spiking is not None:
                turned = _number(spiking["from_real_valued"][-1], 0)
                parts.append(f"{turned} degrees with {network['pooling']} pooling")
        if parts:
            lines.append(
                f"What bits alone turn the update by, {state} network: {', '.join(parts)}."
            )
    for network in document["networks"]:
        spiking = _row(network, "spiking")
        noise = spiking and spiking["noise"]
        if noise:
            lines.append(
                f"Spikes into maximum pooling, {network['state']} network: in "
                f"{100 * noise['steps_off']:.1f} % of windows and steps another place wins than at "
                f"rest; the mean maximum is {noise['bias']:.3f} too large (spread of the maxima: "
                f"{noise['spread']:.2f}); {100 * noise['phases_off']:.2f} % of winners differ "
                "between the phases that are contrasted."
            )
    return lines


def _row(network: Mapping[str, Any], coding: str) -> Any:
    return next((row for row in network["rows"] if row["coding"] == coding), None)


def _number(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f}"


def _plain(value: Any) -> Any:
    """Five digits, more than the figures bear out; None where there is no number."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if math.isfinite(value) else None
    return value
