"""Training a yardstick, and the floor of what that costs on a processor.

The floor is that of :mod:`eqchip.hw_reports.pricing.offchip`; the trained codes are sent to the
chip once, a byte a synapse.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.documents import read_json
from eqchip.emulator.files import write_text
from eqchip.emulator.source import this_code
from eqchip.hw_reports.pricing.baselines import FLOAT_BITS
from eqchip.hw_reports.pricing.offchip import Work, exact_backprop, training_floor
from eqchip.hw_reports.pricing.totals import Sum, lacking, total
from eqchip.mapping.chip_file.chip import Chip
from eqchip.rulebench.entry import SPLITS
from eqchip.rulebench.yardsticks import GRADIENTS, Arrays, Yardstick, initial

FORMAT = "eqchip-yardstick 1"
RESULT = "result.json"
FIRST, SECOND, SMALL = 0.9, 0.999, 1e-8  # of Adam, as published
AT_ONCE = 500  # samples classified together


def train(of: Yardstick, data: Dataset, folder: Path) -> None:
    """Train to the end, read the test samples once, and keep what was reached."""
    held = SPLITS[of.dataset][1]
    order = np.random.default_rng([of.seed, 1]).permutation(len(data.train_y))
    chosen, rest = order[:held], order[held:]
    weights, biases = fit(of, data, rest)
    reached = {
        "format": FORMAT,
        "seed": of.seed,
        "validation_error": error(of, weights, biases, data.train_x[chosen], data.train_y[chosen]),
        "test_error": error(of, weights, biases, data.test_x, data.test_y),
        "settings": settings_of(of),
        "version": this_code().version,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / RESULT, json.dumps(reached, indent=1) + "\n")


def settings_of(of: Yardstick) -> dict[str, Any]:
    """All of it, as JSON reads it back."""
    return {**vars(of), "layers": list(of.layers)}


def reached_in(folder: Path) -> dict[str, Any] | None:
    """What a finished training reached; None: there is none."""
    if not (folder / RESULT).is_file():
        return None
    return read_json(folder / RESULT, "what a yardstick reached")


def fit(of: Yardstick, data: Dataset, samples: np.ndarray) -> tuple[Arrays, Arrays]:
    """Weights and biases after training on some samples."""
    data.check_numbers("rules")
    weights, biases = initial(of.layers, of.seed)
    both = [*weights, *biases]
    means = [(np.zeros_like(one), np.zeros_like(one)) for one in both]
    rng = np.random.default_rng([of.seed, 2])
    updates = of.epochs * -(-len(samples) // of.minibatch)
    targets, done = np.eye(of.layers[-1], dtype=np.float32), 0
    for _ in range(of.epochs):
        mixed = rng.permutation(samples)
        for first in range(0, len(mixed), of.minibatch):
            chosen = mixed[first : first + of.minibatch]
            x, y = data.train_x[chosen].astype(np.float32), targets[data.train_y[chosen]]
            found = GRADIENTS[of.rule](of, weights, biases, x, y)
            done += 1
            rate = of.lr * 0.5 * (1 + np.cos(np.pi * done / updates))
            for one, mean, slope in zip(both, means, [*found.weights, *found.biases], strict=True):
                _adam(one, mean, slope, rate, done)
    return weights, biases


def _adam(
    one: np.ndarray, mean: tuple[np.ndarray, np.ndarray], slope: np.ndarray, rate: float, done: int
) -> None:
    first, second = mean
    first += (1 - FIRST) * (slope - first)
    second += (1 - SECOND) * (slope * slope - second)
    one -= rate * (first / (1 - FIRST**done)) / (np.sqrt(second / (1 - SECOND**done)) + SMALL)


def error(
    of: Yardstick, weights: Arrays, biases: Arrays, x: np.ndarray, labels: np.ndarray
) -> float:
    """Percent of samples whose largest output is another than their class."""
    nothing, wrong = np.zeros((AT_ONCE, of.layers[-1]), np.float32), 0
    for first in range(0, len(x), AT_ONCE):
        some = x[first : first + AT_ONCE].astype(np.float32)
        found = GRADIENTS[of.rule](of, weights, biases, some, nothing[: len(some)]).outputs
        wrong += int((found.argmax(1) != labels[first : first + AT_ONCE]).sum())
    return 100.0 * wrong / len(x)


def work_of(of: Yardstick) -> Work:
    """What a rule does for a sample."""
    synapses = [a * b for a, b in pairwise(of.layers)]
    whole, inner = sum(synapses), sum(synapses[1:])
    hidden, units, steps = sum(of.layers[1:-1]), sum(of.layers[1:]), of.steps
    return {
        "bp": exact_backprop(of.layers),
        # the first current once; all else at every step; potentials and spikes of each step
        "bptt": Work(2 * synapses[0] + 3 * steps * inner, 2 * steps * hidden + units),
        # as that; of each step potentials, what was added to them, spikes and traces
        "tssl": Work(2 * synapses[0] + 3 * steps * inner, 4 * steps * units),
        # forward; predictions and pulls of every step, the first prediction once; gradients
        "pc": Work(2 * whole + 2 * steps * inner, 2 * steps * units),
    }[of.rule]


def floor(of: Yardstick, chip: Chip) -> Sum:
    """The least energy of a training sample on a processor, with the codes sent to a chip."""
    synapses = sum(a * b for a, b in pairwise(of.layers))
    sent = Sum(None, (lacking("host_byte", "energy"),))
    return total([training_floor(work_of(of), synapses, of.minibatch, chip), sent])


def training_bytes(of: Yardstick) -> int:
    """Weights, gradient and Adam's two means, and what is saved of a minibatch."""
    synapses = sum(a * b for a, b in pairwise(of.layers))
    words = 4 * synapses + of.minibatch * work_of(of).saved
    return int(words * FLOAT_BITS // 8)


def sent_of(of: Yardstick, samples: int) -> float:
    """Bytes of trained codes sent to the chip, the share of a training sample."""
    return sum(a * b for a, b in pairwise(of.layers)) / (samples * of.epochs)


def checked(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What seeds reached, as an entry holds it."""
    names = ("seed", "validation_error", "test_error")
    return [{name: one[name] for name in names} for one in results]
