"""The units that chip files may use, and their size in SI."""

from __future__ import annotations

from typing import Literal

Quantity = Literal["energy", "time", "power", "frequency", "area", "amount"]

# A closed list: a unit that is not here is more likely a slip than a wish.
SI: dict[Quantity, dict[str, float]] = {
    "energy": {
        "J": 1.0, "mJ": 1e-3, "uJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12, "fJ": 1e-15,
    },
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12},
    "power": {"W": 1.0, "mW": 1e-3, "uW": 1e-6, "nW": 1e-9},
    "frequency": {"Hz": 1.0, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
    "area": {"mm2": 1e-6, "um2": 1e-12},
    # What a limit counts; memory is counted in bits.
    "amount": {
        "bits": 1.0, "bytes": 8.0, "KiB": 8.0 * 1024, "MiB": 8.0 * 1024**2,
        "units": 1.0, "cores": 1.0, "tiles": 1.0, "chips": 1.0, "axons": 1.0, "synapses": 1.0,
    },
}  # fmt: skip

BASE: dict[Quantity, str] = {
    "energy": "J", "time": "s", "power": "W", "frequency": "Hz", "area": "m2",
}  # fmt: skip


def expected_units(quantity: Quantity) -> str:
    """What to say where a unit is wrong: "a unit of energy: J, mJ, ..."."""
    return f"a unit of {quantity}: {', '.join(SI[quantity])}"
