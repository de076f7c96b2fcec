"""A sketch: other rules by which a unit could adapt its prediction to its own input. Plain numpy.

No engine has these. Random networks 100-100-10 see 4 inputs, 200 steps each, with one clock and a
step size of 0.8; all else is as in docs/model.md. ``python benchmarks/following_sketch.py`` writes
results/following-sketch.json: the mean distance to the fixed point since a switch, the first input
left out. Rules:

- "optimal": optimal step-size annealing (see OptimalStepSize) of the decoder's own average, as in
  asynchrony_adaptive.py; the encoder uses the same coefficient, input units send unpredicted;
- "adapted": AdaptivePrediction, and what it is without one of its parts: "gradual" opens by one
  power of two a step, "encoder as decoder" does not open where bits cannot follow.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.training.runs import provenance

FILE = Path(__file__).parent / "results" / "following-sketch.json"
SIZES, PICTURES, STREAMS, STEPS, NETWORKS = (100, 100, 10), 4, 16, 200, 3
STEP_SIZE, REST = 0.8, 3000
SHOWN = (5, 10, 20, 50, 100, 200)


@dataclass
class Optimal:
    """Optimal steps of the decoder's average."""

    nu_bar: float
    least: float = 0.02
    kept: dict[str, Any] = field(default_factory=dict)

    def decode(self, u: np.ndarray, r: np.ndarray, inputs: int) -> np.ndarray:
        k = self.kept
        if not k:
            k.update(nu=np.ones_like(u), mean=0 * u, square=0 * u, share=0 * u, first=True)
        e = u - r
        k["nu"] = k["nu"] / (1 + k["nu"] - self.nu_bar)
        k["mean"] = (1 - k["nu"]) * k["mean"] + k["nu"] * e
        k["square"] = (1 - k["nu"]) * k["square"] + k["nu"] * e * e
        noise = (k["square"] - k["mean"] ** 2) / (1 + k["share"])
        step = 1 - (noise + 1e-7) / (k["square"] + 1e-7)
        step = np.clip(np.ones_like(u) if k.pop("first", False) else step, self.least, 1)
        k["share"] = (1 - step) ** 2 * k["share"] + step**2
        k["lam"] = step.copy()
        k["lam"][:, :inputs] = 1.0
        return r + step * e

    def encode(self, s: np.ndarray, before: np.ndarray, phi: np.ndarray) -> np.ndarray:
        lam = self.kept["lam"]
        return (s - (1 - lam) * before) / lam


@dataclass
class Adapted:
    """`AdaptivePrediction`, whole or in parts."""

    threshold: float = 0.7
    gradual: bool = False
    opens_encoder: bool = True
    kept: dict[str, Any] = field(default_factory=dict)

    def decode(self, u: np.ndarray, r: np.ndarray, inputs: int) -> np.ndarray:
        k = self.kept
        if not k:
            k.update(k=np.ones_like(u), n=0 * u, b=0 * u, d=0 * u)
        e = u - r
        k["b"] += e - k["b"] / 4
        k["d"] += abs(e) - k["d"] / 16
        opens = 4 * abs(k["b"]) > self.threshold * k["d"]
        k["n"] += 1
        closes = ~opens & (k["n"] * 2.0 ** -k["k"] >= 2) & (k["k"] < 6)
        opened = np.maximum(k["k"] - 1, 1) if self.gradual else 1
        k["k"] = np.where(opens, opened, k["k"] + closes)
        k["n"] = np.where(opens | closes, 0, k["n"])
        return r + e * 2.0 ** -k["k"]

    def encode(self, s: np.ndarray, before: np.ndarray, phi: np.ndarray) -> np.ndarray:
        k = self.kept
        a = before + (s - before) * 2.0 ** k["k"]
        if self.opens_encoder:
            opens = abs(phi + a) > 2
            k["k"], k["n"] = np.where(opens, 1, k["k"]), np.where(opens, 0, k["n"])
        return before + (s - before) * 2.0 ** k["k"]


RULES: dict[str, Callable[[], Any]] = {
    "optimal, nu_bar 0.06": lambda: Optimal(0.06),
    "optimal, nu_bar 0.12": lambda: Optimal(0.12),
    "optimal, nu_bar 0.25": lambda: Optimal(0.25),
    "adapted": Adapted,
    "adapted, gradual": lambda: Adapted(gradual=True),
    "adapted, encoder as decoder": lambda: Adapted(opens_encoder=False),
}


def fixed_point(weights: list[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Of the real-valued network."""
    current = x @ weights[0]
    hidden, out = np.zeros_like(current), np.zeros((len(x), SIZES[-1]))
    for _ in range(REST):
        new = np.clip(0.5 * hidden + 0.5 * (current + out @ weights[1].T), 0, 1)
        out = np.clip(0.5 * out + 0.5 * (hidden @ weights[1]), 0, 1)
        hidden = new
    return np.concatenate([hidden, out], 1)


def simulate(rule: Any, seed: int, current: bool) -> np.ndarray:
    """Distance since each switch, shape (pictures, steps)."""
    rng = np.random.default_rng(seed)
    weights = [
        rng.uniform(-1, 1, (n, m)) * np.sqrt(6 / (n + m))
        for n, m in zip(SIZES, SIZES[1:], strict=False)
    ]
    inputs, hidden, _ = SIZES
    units, last = sum(SIZES), inputs + hidden
    into = np.zeros((units, units))
    if not current:
        into[:inputs, inputs:last] = weights[0]
    into[inputs:last, last:], into[last:, inputs:last] = weights[1], weights[1].T
    pictures = rng.random((PICTURES, STREAMS, inputs))
    s, q, phi, r = (np.zeros((STREAMS, units)) for _ in range(4))
    distance = np.zeros((PICTURES, STEPS))
    for k, x in enumerate(pictures):
        goal, injected = fixed_point(weights, x), np.zeros_like(s)
        if current:
            injected[:, inputs:last] = x @ weights[0]
        for t in range(STEPS):
            r = rule.decode(q @ into, r, inputs)
            before = s
            s = np.clip((1 - STEP_SIZE) * s + STEP_SIZE * (r + injected), 0, 1)
            s[:, :inputs] = x
            phi = phi + rule.encode(s, before, phi)
            q = (phi > 0.5).astype(float)
            phi = phi - q
            distance[k, t] = abs(s[:, inputs:] - goal).mean()
    return distance


def main() -> None:
    rows = []
    for name, rule in RULES.items():
        for way in ("spikes", "current"):
            curves = [simulate(rule(), seed, way == "current")[1:] for seed in range(NETWORKS)]
            mean = np.mean(curves, (0, 1))
            shown = {str(t): float(f"{mean[t - 1]:.4g}") for t in SHOWN}
            rows.append({"rule": name, "input": way, "mean": float(mean.mean()), **shown})
            print(rows[-1], flush=True)
    made = provenance("python benchmarks/following_sketch.py")
    FILE.write_text(json.dumps({"provenance": made, "rules": rows}) + "\n", "utf-8")


if __name__ == "__main__":
    main()
