"""A sketch: a read-out for every hidden layer, each with a beta of its own. Plain numpy.

    python benchmarks/readouts_sketch.py --data DIR [--seeds 0,1,2]

The engine nudges hidden layers by links to one softmax that they share (docs/model.md, "Nudges of
hidden layers"). Here each hidden layer l may have a softmax of its own, over s_l V_l + c_l, whose
error it receives times a beta_l of its own (layer-wise error signals, Lin et al. 2025)::

    chain     the last hidden layer alone feeds the softmax
    shared    one softmax over the sum of all layers' V_l
    separate  a softmax a layer; classified by the last layer's, or by the product of all

Bits, step size 0.8, prediction 0.83 / t^0.58, rule symmetric, V and c by their own cross-entropy at
the end of the free phase, Adam at 0.002 over a whole cosine, initial weights halved, minibatches of
20: as in links.py. Betas are what a layer receives; "falling" are a quarter of those of the layer
above, as a link's. The test set is not read. Results: ``benchmarks/results/readouts-sketch.json``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import study

from eqchip.emulator.data.datasets import load

FILE = Path(__file__).parent / "results" / "readouts-sketch.json"
EQUAL, FALLING, LAST = (0.5,) * 4, (0.5 / 64, 0.5 / 16, 0.5 / 4, 0.5), (0.0, 0.0, 0.0, 0.5)
RATE, MINIBATCH, CLASSES = 0.002, 20, 10


class Case(NamedTuple):
    """Who feeds which softmax, what layers receive of its error, and the feedback between them."""

    name: str
    betas: tuple[float, ...]
    feedback: float = 0.25


CASES = (
    Case("chain", LAST), Case("shared", FALLING), Case("shared", EQUAL),
    Case("separate", FALLING), Case("separate", EQUAL), Case("separate", EQUAL, 0.0),
)  # fmt: skip


class Setting(NamedTuple):
    """A data set's layers and lengths."""

    sizes: tuple[int, ...]
    training: int
    validation: int
    epochs: int
    free: int
    nudged: int


SETTINGS = {
    "digits": Setting((64, 64, 64, 64, 64), 1287, 150, 10, 50, 20),
    "mnist": Setting((784, 100, 100, 100, 100), 6000, 2000, 2, 30, 12),
}


class State(NamedTuple):
    """What units and read-outs hold; a list of an array (seeds, batch, units) per layer."""

    s: list[np.ndarray]
    q: list[np.ndarray]
    r: list[np.ndarray]
    residue: list[np.ndarray]
    heard: list[np.ndarray]  # by the read-outs

    def twice(self) -> State:
        return State(*([np.concatenate([a, a], 1) for a in one] for one in self))


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def turned(a: np.ndarray) -> np.ndarray:
    return a.transpose(0, 2, 1)


class Net:
    """A network for every seed, all at once. The first layer's input is injected as a current."""

    def __init__(self, sizes: tuple[int, ...], case: Case, seeds: list[int]) -> None:
        self.case, self.depth = case, len(sizes) - 1
        self.rngs = [np.random.default_rng([seed, 1]) for seed in seeds]
        pairs = list(zip(sizes, sizes[1:], strict=False))
        self.w = [self._drawn(a, b) for a, b in pairs]
        self.v = [self._drawn(b, CLASSES) for _, b in pairs]
        self.b = [np.zeros((len(seeds), 1, b)) for _, b in pairs]
        self.c = [np.zeros((len(seeds), 1, CLASSES)) for _ in pairs]
        self.feeds = [k for k, beta in enumerate(case.betas) if beta]
        self.learned = [*self.w, *self.b, *self.v, *self.c]
        self.moments = [(np.zeros_like(a), np.zeros_like(a)) for a in self.learned]
        self.updates = 0

    def _drawn(self, a: int, b: int) -> np.ndarray:
        limit = 0.5 * (6 / (a + b)) ** 0.5
        return np.stack([rng.uniform(-limit, limit, (a, b)) for rng in self.rngs])

    def at_zero(self, batch: int) -> State:
        rows = len(self.rngs)
        layers = [[np.zeros((rows, batch, b.shape[-1])) for b in self.b] for _ in range(4)]
        return State(*layers, [np.zeros((rows, batch, CLASSES)) for _ in self.b])

    def run(
        self, state: State, x: np.ndarray, first: int, steps: int, nudge: dict[int, np.ndarray]
    ) -> State:
        s, q, r, residue, heard = (list(one) for one in state)
        current = x @ self.w[0]
        for t in range(first + 1, first + steps + 1):
            lam = 0.83 / t**0.58
            arrives = [0.0 * one for one in s]
            for k in range(1, self.depth):
                arrives[k] = arrives[k] + q[k - 1] @ self.w[k]
                arrives[k - 1] = arrives[k - 1] + self.case.feedback * (q[k] @ turned(self.w[k]))
            for k in self.feeds:
                heard[k] = (1 - lam) * heard[k] + lam * (q[k] @ self.v[k])
            for k in range(self.depth):
                before = s[k]
                r[k] = (1 - lam) * r[k] + lam * arrives[k]
                drive = r[k] + self.b[k] + (current if k == 0 else 0.0) + nudge.get(k, 0.0)
                s[k] = np.clip(0.2 * before + 0.8 * drive, 0, 1)
                residue[k] = residue[k] + (s[k] - (1 - lam) * before) / lam
                q[k] = (residue[k] > 0.5).astype(float)
                residue[k] = residue[k] - q[k]
        return State(s, q, r, residue, heard)

    def logits(self, state: State) -> list[np.ndarray]:
        """Of every softmax that there is, the last one last."""
        found = [state.heard[k] + self.c[k] for k in self.feeds]
        return found if self.case.name == "separate" else [sum(found, 0.0 * found[0])]

    def update(self, x: np.ndarray, y: np.ndarray, plan: Setting, rate: float) -> np.ndarray:
        """Learn from a minibatch; how far the nudge moved each layer."""
        batch = x.shape[1]
        free = self.run(self.at_zero(batch), x, 0, plan.free, {})
        errors = [y - softmax(z) for z in self.logits(free)]
        if len(errors) < len(self.feeds):
            errors = errors * len(self.feeds)
        of = dict(zip(self.feeds, errors, strict=True))
        sign = np.repeat([1.0, -1.0], batch)[None, :, None]
        nudge = {
            k: sign * self.case.betas[k] * np.concatenate([e @ turned(self.v[k])] * 2, 1)
            for k, e in of.items()
        }
        end = self.run(free.twice(), np.concatenate([x, x], 1), plan.free, plan.nudged, nudge).s
        up, down = [a[:, :batch] for a in end], [a[:, batch:] for a in end]
        moved = [a - b for a, b in zip(up, down, strict=True)]
        strength = 2 * batch * self.case.betas[-1]
        weights = [turned(x) @ moved[0]]
        weights += [
            turned(up[k - 1]) @ up[k] - turned(down[k - 1]) @ down[k] for k in range(1, self.depth)
        ]
        biases = [one.sum(1, keepdims=True) for one in moved]
        nothing = np.zeros_like(errors[0])
        read = [of.get(k, nothing) for k in range(self.depth)]
        changes = [
            *(one / strength for one in (*weights, *biases)),
            *(turned(free.s[k]) @ e / batch for k, e in enumerate(read)),
            *(e.mean(1, keepdims=True) for e in read),
        ]
        self.updates += 1
        for array, change, (mean, square) in zip(self.learned, changes, self.moments, strict=True):
            mean += 0.1 * (change - mean)
            square += 0.001 * (change**2 - square)
            array += (
                rate * (mean / (1 - 0.9**self.updates))
                / (np.sqrt(square / (1 - 0.999**self.updates)) + 1e-8)
            )  # fmt: skip
        return np.array([float((one**2).mean()) ** 0.5 / 2 for one in moved])


def train(name: str, data: Path, case: Case, seeds: list[int]) -> dict[str, Any]:
    """Train to the end; errors on validation samples, by whom they are classified."""
    plan = SETTINGS[name]
    dataset = load(name, data if name == "mnist" else None)
    x, labels = dataset.train_x.astype(float), dataset.train_y
    y = np.eye(CLASSES)[labels]
    order = np.random.default_rng(0).permutation(len(x))
    held, used = order[: plan.validation], order[plan.validation :][: plan.training]
    net, moved = Net(plan.sizes, case, seeds), []
    batches = -(-len(used) // MINIBATCH)
    for epoch in range(plan.epochs):
        orders = [rng.permutation(used) for rng in net.rngs]
        for n in range(batches):
            few = np.stack([one[n * MINIBATCH : (n + 1) * MINIBATCH] for one in orders])
            done = (epoch + n / batches) / plan.epochs
            rate = RATE * min(done / 0.02, 1.0) * 0.5 * (1 + np.cos(np.pi * done))
            moved.append(net.update(x[few], y[few], plan, rate))
    shown = np.stack([x[held]] * len(seeds))
    found = net.logits(net.run(net.at_zero(len(held)), shown, 0, plan.free, {}))
    ways = {"last": found[-1], "product": sum(z - z.max(-1, keepdims=True) for z in found)}
    ways |= {f"layer {k + 1}": z for k, z in enumerate(found[:-1])}
    return {
        "dataset": name,
        **case._asdict(),
        "seeds": seeds,
        "errors": {
            way: (100 * (z.argmax(-1) != labels[held]).mean(1)).round(3).tolist()
            for way, z in ways.items()
        },
        "moved": np.mean(moved, 0).round(6).tolist(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="A read-out for every hidden layer, a sketch.")
    parser.add_argument("--data", type=Path, required=True, help="directory of MNIST's files")
    parser.add_argument("--seeds", default="0,1,2")
    options = parser.parse_args()
    seeds = [int(word) for word in options.seeds.split(",")]
    points = []
    for name in SETTINGS:
        for case in CASES:
            points.append(train(name, options.data, case, seeds))
            print(points[-1], flush=True)
    command = f"python benchmarks/readouts_sketch.py --data DIR --seeds {options.seeds}"
    settings = {name: plan._asdict() for name, plan in SETTINGS.items()}
    study.write(FILE, "read-outs", command, points, settings=settings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
