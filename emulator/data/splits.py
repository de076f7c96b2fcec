"""Samples set aside, each class giving its share."""

from __future__ import annotations

import numpy as np


def stratified(
    labels: np.ndarray, classes: int, n: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places of those that are left, and of `n` that are drawn, each class giving its share."""
    total = len(labels)
    shares = np.bincount(labels, minlength=classes) * n
    quota, remainder = shares // total, shares % total
    quota[np.argsort(-remainder, kind="stable")[: n - quota.sum()]] += 1
    # RandomState and not Generator: its streams are frozen for good (NEP 19).
    order = np.random.RandomState(seed).permutation(total)
    chosen = np.zeros(total, dtype=bool)
    for label, count in enumerate(quota):
        chosen[order[labels[order] == label][:count]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)
