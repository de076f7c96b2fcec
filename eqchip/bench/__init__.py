"""Benchmarks: a function for each thing that is measured, which returns a document for JSON.

``eqchip bench`` calls them, and shows the document.

>>> from eqchip.bench import Setting, bench_engine
>>> tiny = Setting((12, 6, 2), free_steps=3, nudged_steps=2, samples=4, rounds=1, seconds=1e-6)
>>> found = bench_engine(tiny, dataset="synthetic")
>>> sorted(found["ratios"])
['blocked_limit', 'dense', 'limit', 'products', 'threads']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqchip.bench.asynchronous import bench_asynchronous
    from eqchip.bench.chip import bench_chip
    from eqchip.bench.engine import bench_engine
    from eqchip.bench.events import bench_events
    from eqchip.bench.peers import bench_peers
    from eqchip.bench.setting import Setting
    from eqchip.bench.training import CostSetting, bench_training

# Public name -> its module, imported when first used.
_HOMES = {
    "CostSetting": "training",
    "Setting": "setting",
    "bench_asynchronous": "asynchronous",
    "bench_chip": "chip",
    "bench_engine": "engine",
    "bench_events": "events",
    "bench_peers": "peers",
    "bench_training": "training",
}

__all__ = [
    "CostSetting",
    "Setting",
    "bench_asynchronous",
    "bench_chip",
    "bench_engine",
    "bench_events",
    "bench_peers",
    "bench_training",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'eqchip.bench' has no attribute {name!r}")
    return getattr(import_module(f"eqchip.bench.{_HOMES[name]}"), name)
