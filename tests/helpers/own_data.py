"""Data of one's own, small."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ROWS = [("1", "2.5", "b"), ("0", "-1", "a"), ("3", "1e-3", "b"), ("4", "0", "a")] * 5
QUICK = {"epochs": 2, "free_steps": 10, "nudged_steps": 5}


def clusters(n: int = 60, features: int = 3, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Samples around a centre for each class."""
    rng = np.random.default_rng(5)
    y = np.arange(n) % classes
    return rng.normal(0, 0.3, (n, features)) + np.eye(classes, features)[y] * 3, y


def npz(path: Path, **arrays) -> Path:
    """Arrays by their names in a file; its path."""
    np.savez(path, **arrays)
    return path


def table(path: Path, text: str) -> Path:
    """Text in a file; its path."""
    path.write_text(text, encoding="utf-8")
    return path
