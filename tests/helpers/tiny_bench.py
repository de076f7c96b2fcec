"""Options of benchmarks that take no time."""

from __future__ import annotations

OF_A_RUN = [
    *("--dataset", "synthetic", "--layers", "24-12-4", "--free-steps", "3", "--nudged-steps", "2"),
]
TURNS = ["--batch", "8", "--rounds", "2", "--seconds", "0.001"]
UNTRAINED = ["bench", *OF_A_RUN, *TURNS, "--dense-batches", "4,8", "--no-training"]
TINY = [*UNTRAINED[:-1], "--samples", "40"]


def tiny(mode: str, *options: str) -> list[str]:
    """``eqchip bench MODE`` with the options of a run in rounds."""
    return ["bench", mode, *OF_A_RUN, *TURNS, *options]
