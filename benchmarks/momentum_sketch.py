"""A sketch: do units with a second state, momentum, settle in fewer steps? Plain numpy.

    python benchmarks/momentum_sketch.py --data DIR [--runs DIR]

The engine has no momentum. Here step 4 of docs/model.md is that of a heavy ball (Polyak 1964)::

    s(t) = clip(s(t - 1) + step size (p - s(t - 1)) + mu (s(t - 1) - s(t - 2)), 0, 1)

Three networks are trained by the engine without it: a dense one, the pooled convolutions of
docs/results.md with few channels, and a deep one of digits, the latter two with full feedback,
under which loops are strong. For each, with bits and with real values, step size, prediction and mu
are searched for, once with mu = 0, once with any, as many trials each, on 50 samples; what is
stored is from 50 others:

- the distance (root mean square over units and samples) from where the network rests, over steps;
- the cosine of the contrast with the one of real values at rest, the lowest over connections,
  after so many free and twice so many nudged steps; bits are averaged over half of the latter.

Inputs are injected as a current: an input that sends bits hides what units do. The test set is not
read. Results: ``benchmarks/results/momentum-sketch.json``.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import study

from eqchip.backends.reference.floating import MATRIX_OF
from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.trainer import Trainer
from eqchip.settings import configuration

FILE = Path(__file__).parent / "results" / "momentum-sketch.json"
FEW = 20_000  # samples, the preset's validation samples among them
POOLED = {
    "readout": "squared-error", "feedback_shifts": (0, 0, 0), "initial_gain": (0.7, 0.7, 0.5),
    "lr": (1e-3, 4e-4, 1e-3), "beta": 0.25, "minibatch": 10, "weight_decay": 0.1, "shift": 1,
    **study.MOVED_ALONE,
    "epochs": 4,
}  # fmt: skip
# Name -> data set, network, settings.
NETWORKS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dense": ("mnist", "784-500-10", {"input": "current", "epochs": 3}),
    "pooled": ("mnist", "28x28-8c5p2-16c5p2-10", POOLED),
    "deep": (
        "digits",
        "64-64-64-64-64-10",
        {"input": "current", "optimizer": "adam", "lr": 0.002, "initial_gain": 0.5, "epochs": 10},
    ),
}
TUNED, SHOWN, TRIALS = 50, 50, 60
MARKS = (4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 50)
BUDGETS = ((8, 4), (12, 5), (20, 8), (30, 12))
REST, BETA = 500, 0.25
# Step size and its exponent, prediction and its exponent, mu.
LOW, HIGH = np.array([0.1, 0.0, 0.3, 0.0, 0.0]), np.array([1.0, 0.5, 1.0, 1.0, 0.9])


class Net(NamedTuple):
    """A network as matrices, and what is shown to it."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    current: np.ndarray
    targets: np.ndarray

    def some(self, part: slice) -> Net:
        return self._replace(current=self.current[part], targets=self.targets[part])


class Phase(NamedTuple):
    """What units hold."""

    s: list[np.ndarray]
    moved: list[np.ndarray]
    q: list[np.ndarray]
    r: list[np.ndarray]
    residue: list[np.ndarray]


def trained(name: str, data: Path, runs: Path) -> Net:
    """A network of the table, trained once, with samples that it was not trained on."""
    source, layers, settings = NETWORKS[name]
    dataset = load(source, data if source == "mnist" else None)
    dataset = replace(dataset, train_x=dataset.train_x[:FEW], train_y=dataset.train_y[:FEW])
    config = configuration(source, network=layers, settings=settings)
    trainer = Trainer(config, dataset, 1)
    kept = runs / f"{config.digest()}.npz"
    if kept.exists():
        trainer.restore(dict(np.load(kept)))
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    kept.parent.mkdir(parents=True, exist_ok=True)
    np.savez(kept, **trainer.state())
    print(name, f"{trainer.validate().error:.2f} % on validation samples", flush=True)
    network = trainer.network
    matrices = [
        MATRIX_OF[type(one)](one, one.synapse_weights(w))
        for one, w in zip(network.connections, network.weights, strict=True)
    ]
    biases = [b.ravel() for b in network.biases]
    few = trainer.validation_indices[: TUNED + SHOWN]
    x = dataset.train_x[few].reshape(len(few), -1).astype(np.float32)
    return Net(matrices[1:], biases, x @ matrices[0], trainer.targets[few])


def at_zero(net: Net) -> Phase:
    sizes = [len(b) for b in net.biases]
    return Phase(
        *([np.zeros((len(net.current), n), np.float32) for n in sizes] for _ in Phase._fields)
    )


def run(
    net: Net, state: Phase, first: int, steps: int, how: np.ndarray, bits: bool, nudge: float = 0.0,
    average: int = 1,
) -> tuple[Phase, list[np.ndarray]]:  # fmt: skip
    """So many steps behind step `first`; what the units hold then, and s over the last of them."""
    size, fall, share, slower, mu = how.tolist()
    s, moved, q, r, residue = (list(one) for one in state)
    mean = [0.0 * one for one in s]
    for t in range(first + 1, first + steps + 1):
        eps, lam = size / t**fall, (share / t**slower if bits else 1.0)
        arrives = [0.0 * one for one in s]
        for k, weights in enumerate(net.weights):
            arrives[k + 1] = arrives[k + 1] + q[k] @ weights
            arrives[k] = arrives[k] + q[k + 1] @ weights.T
        for k, bias in enumerate(net.biases):
            before = s[k]
            r[k] = (1 - lam) * r[k] + lam * arrives[k]
            drive = r[k] + bias
            if k == 0:
                drive = drive + net.current
            if k == len(s) - 1:
                drive = drive + 2 * nudge * (net.targets - before)
            s[k] = np.clip(before + eps * (drive - before) + mu * moved[k], 0, 1)
            moved[k] = s[k] - before
            q[k] = s[k]
            if bits:
                residue[k] = residue[k] + (s[k] - (1 - lam) * before) / lam
                q[k] = (residue[k] > 0.5).astype(np.float32)
                residue[k] = residue[k] - q[k]
        if t > first + steps - average:
            mean = [m + one / average for m, one in zip(mean, s, strict=True)]
    return Phase(s, moved, q, r, residue), mean


SLOW = np.array([0.5, 0.0, 1.0, 0.0, 0.0])


def contrast(
    net: Net, free: Phase, at: int, steps: int, how: np.ndarray, bits: bool, beta: float
) -> list[np.ndarray]:
    """Of every connection, biases of the first layer for the one that is injected."""
    average = steps // 2 if bits else 1
    ends = []
    for sign in (1, -1):
        ends.append(run(net, free, at, steps, how, bits, sign * beta, average)[1])
    up, down = ends
    found = [(up[0] - down[0]).T @ net.current]
    return found + [up[k].T @ up[k + 1] - down[k].T @ down[k + 1] for k in range(len(net.weights))]


class Rest(NamedTuple):
    """Where a network rests, and the contrasts there."""

    s: list[np.ndarray]
    exact: list[np.ndarray]


def rest(net: Net) -> Rest:
    free, _ = run(net, at_zero(net), 0, REST, SLOW, False)
    return Rest(free.s, contrast(net, free, REST, REST, SLOW, False, BETA))


def measure(net: Net, goal: Rest, how: np.ndarray, bits: bool) -> dict[str, float]:
    """Distances after MARKS, and one minus the lowest cosine at BUDGETS."""
    state, found, done = at_zero(net), {}, 0
    wanted = {free: nudged for free, nudged in BUDGETS}
    for mark in MARKS:
        for stop in sorted({b for b in wanted if done < b <= mark} | {mark}):
            state, _ = run(net, state, done, stop - done, how, bits)
            done = stop
            if stop in wanted:
                pairs = zip(
                    contrast(net, state, stop, wanted[stop], how, bits, BETA), goal.exact,
                    strict=True,
                )  # fmt: skip
                lowest = min(
                    float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-300))
                    for a, b in pairs
                )
                found[f"cosine {stop} + 2 x {wanted[stop]}"] = 1 - lowest
        off = [((a - b) ** 2).mean() for a, b in zip(state.s, goal.s, strict=True)]
        found[f"distance {mark}"] = float(np.mean(off)) ** 0.5
    return found


def search(net: Net, goal: Rest, bits: bool, momentum: bool, seed: int) -> dict[str, np.ndarray]:
    """The best settings for every measure: half of the trials anywhere, half near the best."""
    rng = np.random.default_rng(seed)
    best: dict[str, tuple[float, np.ndarray]] = {}
    for trial in range(TRIALS):
        how = LOW + (HIGH - LOW) * rng.random(5) * (1.0, rng.random() < 0.5, 1.0, 1.0, 1.0)
        if trial >= TRIALS // 2:
            near = best[list(best)[rng.integers(len(best))]][1]
            how = np.clip(near + 0.1 * (HIGH - LOW) * rng.normal(size=5), LOW, HIGH)
        how[4] *= momentum
        for name, value in measure(net, goal, how, bits).items():
            if name not in best or value < best[name][0]:
                best[name] = value, how
    return {name: how for name, (_, how) in best.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description="Momentum in the phases, a sketch.")
    parser.add_argument("--data", type=Path, required=True, help="directory of MNIST's files")
    parser.add_argument("--runs", type=Path, default=Path("runs/momentum"))
    options = parser.parse_args()
    points = []
    for name in NETWORKS:
        net = trained(name, options.data, options.runs)
        tuned, shown = net.some(slice(0, TUNED)), net.some(slice(TUNED, None))
        goals = rest(tuned), rest(shown)
        for bits in (False, True):
            for momentum in (False, True):
                found = search(tuned, goals[0], bits, momentum, 0)
                kept: dict[bytes, dict[str, float]] = {}
                rows = {}
                for measured, how in found.items():
                    key = how.tobytes()
                    kept[key] = kept.get(key) or measure(shown, goals[1], how, bits)
                    value = kept[key][measured]
                    rows[measured] = {
                        "value": float(f"{value:.4g}"),
                        "settings": [float(f"{one:.3g}") for one in how],
                    }
                points.append({"network": name, "bits": bits, "momentum": momentum, "found": rows})
                told = {k: v["value"] for k, v in rows.items()}
                print(name, "bits" if bits else "real", momentum, told, flush=True)
    networks = {name: " ".join(of[:2]) for name, of in NETWORKS.items()}
    command = "python benchmarks/momentum_sketch.py --data DIR"
    study.write(FILE, "momentum", command, points, networks=networks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
