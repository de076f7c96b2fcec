"""A sweep that takes a second, and points as it makes them."""

from __future__ import annotations

from typing import Any

from eqchip.emulator.training import points_file

TINY = {
    "dataset": "digits", "layers": [64, 16, 10], "epochs": 1, "samples": 200,
    "free_steps": 8, "nudged_steps": 4,
}  # fmt: skip
TINY_TOML = """
dataset = "digits"
layers = [64, 16, 10]
epochs = 1
samples = 200
free_steps = 8
nudged_steps = 4

[axes]
weight_bits = [8, 4]
copies = ["errors", "independent"]
"""


def fake(point: dict[str, Any], error: float = 5.0) -> dict[str, Any]:
    """A row such as run_point makes, in no time."""
    counts = dict.fromkeys(points_file.COUNTS, 10.0)
    return {"settings": point, "validation_error": error, **counts, "seconds": 0.0}
