"""A sketch: a deep network trained with momentum in its phases, and with less of them. Plain numpy.

    python benchmarks/momentum_training.py [--seeds 0,1,2]

What the phases of momentum_sketch.py are worth in a training: 64-64-64-64-64-10 on digits, squared
error, full feedback, rule symmetric with beta 1, bits with prediction 0.83 / t^0.58, Adam at 0.002
over a whole cosine of 10 epochs, initial weights halved, minibatches of 20, the input injected as a
current; with each number of steps, step size and mu, classified by the last step on 350 samples
that were set aside. The test set is not read.

Results: ``benchmarks/results/momentum-training.json``.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import study

from eqchip.emulator.data.datasets import load

FILE = Path(__file__).parent / "results" / "momentum-training.json"
SIZES, HELD, EPOCHS, MINIBATCH = (64, 64, 64, 64, 64, 10), 350, 10, 20
RATE, BETA, REAL = 0.002, 1.0, np.float32
STEPS, STEP_SIZES, MOMENTA = ((50, 20), (24, 10), (16, 7)), (0.8, 0.5), (0.0, 0.5)


class State(NamedTuple):
    """What units hold; a list of an array (seeds, batch, units) per layer."""

    s: list[np.ndarray]
    moved: list[np.ndarray]
    q: list[np.ndarray]
    r: list[np.ndarray]
    residue: list[np.ndarray]


class Pull(NamedTuple):
    """2 beta of every sample, and its target."""

    strength: np.ndarray
    target: np.ndarray


def turned(a: np.ndarray) -> np.ndarray:
    return a.transpose(0, 2, 1)


class Net:
    """A network for every seed, all at once."""

    def __init__(self, seeds: list[int], step_size: float, mu: float) -> None:
        self.step_size, self.mu = step_size, mu
        self.rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        pairs = list(zip(SIZES, SIZES[1:], strict=False))
        self.w = [
            np.stack([rng.uniform(-1, 1, (a, b)) * 0.5 * (6 / (a + b)) ** 0.5 for rng in self.rngs])
            .astype(REAL)
            for a, b in pairs
        ]  # fmt: skip
        self.b = [np.zeros((len(seeds), 1, n), REAL) for n in SIZES[1:]]
        self.moments = [(np.zeros_like(a), np.zeros_like(a)) for a in (*self.w, *self.b)]
        self.updates = 0

    def at_zero(self, batch: int) -> State:
        shapes = [(len(self.rngs), batch, n) for n in SIZES[1:]]
        return State(*([np.zeros(shape, REAL) for shape in shapes] for _ in State._fields))

    def run(self, state: State, x: np.ndarray, first: int, steps: int, pull: Pull | None) -> State:
        s, moved, q, r, residue = (list(one) for one in state)
        current, last = x @ self.w[0], len(s) - 1
        for t in range(first + 1, first + steps + 1):
            lam = 0.83 / t**0.58
            arrives = [0.0 * one for one in s]
            for k in range(1, len(s)):
                arrives[k] = arrives[k] + q[k - 1] @ self.w[k]
                arrives[k - 1] = arrives[k - 1] + q[k] @ turned(self.w[k])
            for k in range(len(s)):
                before = s[k]
                r[k] = (1 - lam) * r[k] + lam * arrives[k]
                drive = r[k] + self.b[k] + (current if k == 0 else 0.0)
                if k == last and pull is not None:
                    drive = drive + pull.strength * (pull.target - before)
                new = before + self.step_size * (drive - before) + self.mu * moved[k]
                s[k] = np.clip(new, 0, 1)
                moved[k] = s[k] - before
                residue[k] = residue[k] + (s[k] - (1 - lam) * before) / lam
                q[k] = (residue[k] > 0.5).astype(REAL)
                residue[k] = residue[k] - q[k]
        return State(s, moved, q, r, residue)

    def update(self, x: np.ndarray, y: np.ndarray, steps: tuple[int, int], rate: float) -> None:
        """Learn from a minibatch."""
        batch = x.shape[1]
        free = self.run(self.at_zero(batch), x, 0, steps[0], None)
        twice = State(*([np.concatenate([a, a], 1) for a in one] for one in free))
        strength = np.repeat(REAL([2 * BETA, -2 * BETA]), batch)[None, :, None]
        pull = Pull(strength, np.concatenate([y, y], 1))
        end = self.run(twice, np.concatenate([x, x], 1), *steps, pull).s
        up = [x, *(a[:, :batch] for a in end)]
        down = [x, *(a[:, batch:] for a in end)]
        changes = [
            turned(up[k]) @ up[k + 1] - turned(down[k]) @ down[k + 1] for k in range(len(end))
        ]
        changes += [(a - b).sum(1, keepdims=True) for a, b in zip(up[1:], down[1:], strict=True)]
        self.updates += 1
        learned = zip((*self.w, *self.b), changes, self.moments, strict=True)
        for array, change, (mean, square) in learned:
            found = change / (2 * BETA * batch)
            mean += 0.1 * (found - mean)
            square += 0.001 * (found**2 - square)
            size = np.sqrt(square / (1 - 0.999**self.updates)) + 1e-8
            array += (rate * mean / (1 - 0.9**self.updates) / size).astype(REAL)


def train(seeds: list[int], steps: tuple[int, int], step_size: float, mu: float) -> dict[str, Any]:
    """Train to the end; the errors on the samples set aside."""
    dataset = load("digits")
    x, labels = dataset.train_x.astype(REAL), dataset.train_y
    y = np.eye(SIZES[-1], dtype=REAL)[labels]
    order = np.random.default_rng(0).permutation(len(x))
    held, used = order[:HELD], order[HELD:]
    net, batches = Net(seeds, step_size, mu), -(-len(used) // MINIBATCH)
    for epoch in range(EPOCHS):
        orders = [rng.permutation(used) for rng in net.rngs]
        for n in range(batches):
            few = np.stack([one[n * MINIBATCH : (n + 1) * MINIBATCH] for one in orders])
            done = (epoch + n / batches) / EPOCHS
            rate = RATE * min(done / 0.02, 1.0) * 0.5 * (1 + np.cos(np.pi * done))
            net.update(x[few], y[few], steps, rate)
    end = net.run(net.at_zero(HELD), np.stack([x[held]] * len(seeds)), 0, steps[0], None)
    wrong = end.s[-1].argmax(-1) != labels[held]
    return {
        "steps": steps, "step_size": step_size, "mu": mu, "seeds": seeds,
        "errors": (100 * wrong.mean(1)).round(2).tolist(),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description="Momentum in the phases of a training, a sketch.")
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    seeds = [int(word) for word in options.seeds.split(",")]
    points = []
    for steps, step_size, mu in itertools.product(STEPS, STEP_SIZES, MOMENTA):
        points.append(train(seeds, steps, step_size, mu))
        print(points[-1], flush=True)
    command = f"python benchmarks/momentum_training.py --seeds {options.seeds}"
    study.write(FILE, "momentum", command, points)
    return 0


if __name__ == "__main__":
    sys.exit(main())
