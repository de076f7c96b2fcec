"""A short fingerprint of all settings, by which a checkpoint knows the run that it belongs to."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from eqchip.emulator.description.asynchronous import OF_SYNAPSES

# Settings that came after the first runs were kept, and what stands for none: they are no part of a
# fingerprint, so that a run of an earlier version is gone on with.
LATER: dict[tuple[str, ...], Any] = {
    ("learning", "skip_right"): 0.0,
    ("learning", "states"): "reset",
    ("on_chip", "change_bits"): 0,
    ("on_chip", "change_spikes"): 3,
    ("on_chip", "fixed", "outliers"): 0.0,
    ("on_chip", "kernels"): "keeper",
    **{("descent", name): 0.0 for name in ("rotate", "zoom")},
    ("links",): [],
    **{("timing", "faults", name): 0.0 for name in OF_SYNAPSES},
    ("spiking",): None,
    ("spiking", "feedback_gain"): None,
    ("spiking", "feedback_decay"): None,
    ("spiking", "skip_right"): 0.0,
}


def fingerprint(settings: dict[str, Any]) -> str:
    """Of settings as JSON has them; those of LATER that stand for none are removed from them."""
    for (*path, name), usual in LATER.items():
        table: dict[str, Any] = settings
        for step in path:
            table = table.get(step) or {}
        if name in table and table[name] == usual:
            del table[name]
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
