"""Options of a benchmark that takes no time."""

from __future__ import annotations

TINY = [
    *("bench", "--dataset", "synthetic", "--layers", "24-12-4", "--free-steps", "3"),
    *("--nudged-steps", "2", "--batch", "8", "--dense-batches", "4,8", "--rounds", "2"),
    *("--seconds", "0.001", "--samples", "40"),
]
