"""What Renner's rule does on its own network: the counts of `mapping/anchors/renner-2024.toml`.

    python benchmarks/anchor_renner.py --data DIR [--epochs N]

Renner et al. (Nat. Commun. 15:9691, 2024; code lanl/spikingBackprop f725a74) train 400-400-10 on
images of MNIST, cropped to 20 x 20 and binary, by exact backpropagation of a binary network, every
number a whole one. Their equations, in plain numpy, a sample at a time (H: 1 above 0, else 0)::

    h  = x W1;     s_h = H(h - 512);    b = H(h) - H(h - 1023)
    o  = s_h W2;   s_o = H(o - 512)
    d+ = H((y - s_o) H(o)),  d- = H((s_o - y) H(o) - H(o - 1023)),   d = d+ - d-
    W2 += 2 s_h' d,    e = clip(d W2' b, -1, 1),    W1 += 2 x' e,    weights clipped to -254, 254

What a circuit of spiking neurons makes of it (which population fires in which of the 12 steps) is
in the anchor's file; here is how many fire. Results: ``benchmarks/results/anchor-renner.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.runs import versions

RESULTS = Path(__file__).resolve().parent / "results"
HIDDEN, OUTPUTS = 400, 10
HALF, WHOLE = 512, 1024  # of a neuron's threshold; gates bring it half way
STEP, LIMIT = 2, 254  # of a weight
LAST = 10_000  # samples of the training whose activity is told
SEED = 0


def images(x: np.ndarray, threshold: float) -> np.ndarray:
    """The middle 20 x 20 of images of 28 x 28 in [0, 1], as 0 and 1, shape (n, 400)."""
    middle = x.reshape(-1, 28, 28)[:, 4:24, 4:24]
    return (middle > threshold).reshape(len(x), -1).astype(np.int64)


def weights(rng: np.random.Generator, n_pre: int, n_post: int) -> np.ndarray:
    """Normal, of variance 2 / (n_pre + n_post) in thresholds, even and within the limits."""
    drawn = rng.normal(0, 1, (n_pre, n_post)) * HALF * np.sqrt(2 / (n_pre + n_post))
    return np.clip(2 * np.rint(drawn / 2), -LIMIT, LIMIT).astype(np.int64)


def learn(x: np.ndarray, y: int, w1: np.ndarray, w2: np.ndarray) -> dict[str, float]:
    """One sample: what fires, and the writes to `w1` and `w2` in place."""
    active = np.flatnonzero(x)
    h = w1[active].sum(axis=0)
    on, above, past = h > HALF, h > 0, h > WHOLE - 1
    o = w2[on].sum(axis=0)
    fired, open_, full = o > HALF, o > 0, o > WHOLE - 1
    target = np.arange(OUTPUTS) == y
    up = target & ~fired & open_
    down = fired & ~target & open_ & ~full
    d = up.astype(np.int64) - down
    before = w2[on]
    w2[on] = np.clip(before + STEP * d, -LIMIT, LIMIT)
    changed2 = int((w2[on] != before).sum())
    e = np.sign((w2 @ d) * (above & ~past))
    hit = np.flatnonzero(e)
    changed1 = 0
    if len(hit):
        place = np.ix_(active, hit)
        old = w1[place]
        w1[place] = np.clip(old + STEP * e[hit], -LIMIT, LIMIT)
        changed1 = int((w1[place] != old).sum())
    return {
        "inputs": len(active),
        "hidden": int(on.sum()), "hidden_above_0": int(above.sum()),
        "hidden_past_1": int(past.sum()),
        "outputs": int(fired.sum()), "outputs_above_0": int(open_.sum()),
        "outputs_past_1": int(full.sum()),
        "errors_up": int(up.sum()), "errors_down": int(down.sum()),
        "hidden_errors_up": int((e > 0).sum()), "hidden_errors_down": int((e < 0).sum()),
        "w1_attempted": len(active) * len(hit), "w1_changed": changed1,
        "w2_attempted": int(on.sum()) * int((d != 0).sum()), "w2_changed": changed2,
        "taught": float(d.any()),
        "wrong": float(not np.array_equal(fired, target)),
    }  # fmt: skip


def test_error(x: np.ndarray, y: np.ndarray, w1: np.ndarray, w2: np.ndarray) -> dict[str, float]:
    """Percent of test images: by the largest drive, and where not exactly the right one fires."""
    hidden = (x @ w1 > HALF).astype(np.int64)
    drive = hidden @ w2
    exact = ((drive > HALF) == (np.arange(OUTPUTS) == y[:, None])).all(axis=1)
    return {
        "largest_drive": float(100 * (drive.argmax(axis=1) != y).mean()),
        "exactly_right": float(100 * (1 - exact.mean())),
    }


def train(data: Dataset, epochs: int, threshold: float) -> dict[str, Any]:
    """Train, and tell the mean activity of the last samples."""
    rng = np.random.default_rng(SEED)
    x = images(data.train_x, threshold)
    w1, w2 = weights(rng, x.shape[1], HIDDEN), weights(rng, HIDDEN, OUTPUTS)
    told: list[dict[str, float]] = []
    began = time.perf_counter()
    for epoch in range(epochs):
        for n in rng.permutation(len(x)):
            found = learn(x[n], int(data.train_y[n]), w1, w2)
            told.append(found)
        told = told[-LAST:]
        wrong = 100 * float(np.mean([row["wrong"] for row in told]))
        print(f"epoch {epoch + 1}: {wrong:.2f} % of the last {LAST} not exact, "
              f"{time.perf_counter() - began:.0f} s", flush=True)  # fmt: skip
    return {
        "threshold": threshold,
        "epochs": epochs,
        "samples_told": len(told),
        "test_error": test_error(images(data.test_x, threshold), data.test_y, w1, w2),
        "activity": {name: float(np.mean([row[name] for row in told])) for name in told[0]},
    }


def main() -> None:
    """Train with both readings of a binary image, and store what fired."""
    parser = argparse.ArgumentParser(description="The activity of Renner's rule.")
    parser.add_argument("--data", required=True, type=Path, help="directory of the IDX files")
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    data = load("mnist", options.data)
    found = {
        "kind": "anchor-renner",
        "command": f"python benchmarks/anchor_renner.py --data DIR --epochs {options.epochs}",
        "network": f"400-{HIDDEN}-{OUTPUTS}",
        "seed": SEED,
        # A pixel is on above a half, as the code has it, or wherever it is not blank.
        "readings": [train(data, options.epochs, threshold) for threshold in (0.5, 0.0)],
        "versions": versions(),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "anchor-renner.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
