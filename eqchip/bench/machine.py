"""The machine that measures."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.runs import command_line, provenance


def blas() -> dict[str, Any]:
    """The BLAS that numpy uses: name, version, and the core type that it is tuned for."""
    np.dot(np.ones((2, 2)), np.ones((2, 2)))
    found = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    # SciPy may have brought another one.
    found.sort(key=lambda pool: "numpy" not in pool["filepath"])
    if not found:
        return {"name": "unknown", "version": "unknown", "core_type": "unknown"}
    return {
        "name": found[0]["internal_api"],
        "version": found[0]["version"],
        "core_type": found[0].get("architecture", "unknown"),
    }


def cpu_model() -> str:
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def made_here(seed: int | None = None, **machine: Any) -> dict[str, Any]:
    """What every document ends with: machine, seed, command, date and versions.

    Parameters
    ----------
    seed : int, optional
        Left out if None.
    **machine
        More about the machine.
    """
    made = provenance(command_line())
    return {
        "machine": {"cpu": cpu_model(), "processors": resolve_threads(None), **machine},
        **({} if seed is None else {"seed": seed}),
        "command": made.pop("command"),
        "created": made.pop("created"),
        "versions": made,
    }


def plain(value: Any) -> Any:
    """Dataclasses, tuples and dicts as what JSON holds."""
    if hasattr(value, "__dataclass_fields__"):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value
