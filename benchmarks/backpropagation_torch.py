"""What `backpropagation.py` asks of an interpreter that has PyTorch; it needs nothing of eqchip.

Reads a problem from a folder, trains it, and answers in JSON: errors in percent, epoch by epoch.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

AT_ONCE = 500  # samples that are classified together


class Layers:
    """Convolutions and dense layers of units clipped to [0, 1]; the last is linear."""

    def __init__(self, file, problem) -> None:
        self.convolutions = problem["convolutions"]
        self.weights, self.biases = [], []
        for k, convolution in enumerate(self.convolutions):
            # Of a convolution: height, width, channels below, channels above.
            weights = torch.from_numpy(file[f"weights_{k}"])
            if convolution is not None:
                weights = weights.permute(3, 2, 0, 1).contiguous()
            self.weights.append(weights.requires_grad_())
            count = weights.shape[0 if convolution is not None else 1]
            self.biases.append(torch.zeros(count, requires_grad=True))

    def __call__(self, x):
        """Outputs of images, (n, channels, height, width)."""
        for k, convolution in enumerate(self.convolutions):
            if convolution is not None:
                _, stride, padding = convolution
                x = functional.conv2d(x, self.weights[k], self.biases[k], stride, padding)
            else:
                if x.ndim == 4:  # a dense layer reads place by place, channels together
                    x = x.permute(0, 2, 3, 1).flatten(1)
                x = x @ self.weights[k] + self.biases[k]
            if k + 1 < len(self.convolutions):
                x = x.clamp(0, 1)
        return x


class Images:
    """Samples and labels of a part, read from where they lie."""

    def __init__(self, folder: Path, part: str, shape) -> None:
        self.x = np.load(folder / f"{part}_x.npy", mmap_mode="r")
        self.y = np.load(folder / f"{part}_y.npy")
        self.shape = shape

    def batch(self, rows, shift=0, flip=False, rotate=0.0, zoom=0.0, rng=None):
        """Some of them as tensors: moved by up to `shift` pixels, mirrored, turned, zoomed."""
        images = self.x[rows].reshape(len(rows), *self.shape)
        if images.ndim == 3:
            images = images[..., None]
        if flip:
            mirrored = rng.random(len(rows)) < 0.5
            images[mirrored] = images[mirrored][:, :, ::-1]
        if shift:
            height, width = images.shape[1:3]
            padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)))
            moves = rng.integers(0, 2 * shift + 1, (len(rows), 2))
            images = np.stack(
                [p[a : a + height, b : b + width] for p, (a, b) in zip(padded, moves, strict=True)]
            )
        x = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
        images = torch.from_numpy(x)
        if rotate or zoom:
            images = turned(images, rotate, zoom, rng)
        return images, torch.from_numpy(self.y[rows])

    def error(self, layers) -> float:
        """The share of them that is classified wrongly, in percent."""
        wrong = 0
        with torch.no_grad():
            for first in range(0, len(self.y), AT_ONCE):
                x, y = self.batch(np.arange(first, min(first + AT_ONCE, len(self.y))))
                wrong += int((layers(x).argmax(1) != y).sum())
        return 100 * wrong / len(self.y)


def turned(images, rotate, zoom, rng):
    """Square images (n, channels, height, width), each turned and zoomed about its centre."""
    angles = np.deg2rad(rng.uniform(-rotate, rotate, len(images)))
    sizes = 1 + rng.uniform(-zoom, zoom, len(images))
    back = np.zeros((len(images), 2, 3), np.float32)
    back[:, 0, 0] = back[:, 1, 1] = np.cos(angles) / sizes
    back[:, 0, 1] = np.sin(angles) / sizes
    back[:, 1, 0] = -back[:, 0, 1]
    grid = functional.affine_grid(torch.from_numpy(back), images.shape, align_corners=True)
    return functional.grid_sample(images, grid, align_corners=True)


def train(folder: Path) -> dict:
    """Train and test; the curves on the way."""
    file = np.load(folder / "problem.npz")
    problem = json.loads(str(file["problem"]))
    torch.set_num_threads(problem["threads"])
    parts = {
        part: Images(folder, part, problem["shape"]) for part in ("train", "validation", "test")
    }
    layers, rng = Layers(file, problem), np.random.default_rng(problem["seed"])
    groups = [
        {"params": [value], "weight_decay": decay}
        for values, decay in ((layers.weights, problem["weight_decay"]), (layers.biases, 0.0))
        for value in values
    ]
    descent = torch.optim.AdamW(groups)
    size, count = problem["minibatch"], len(parts["train"].y)
    each = math.ceil(count / size)
    began, curves = time.perf_counter(), {"train": [], "validation": []}
    for epoch in range(problem["epochs"]):
        order, wrong = rng.permutation(count), 0
        for number in range(each):
            progress = (epoch + number / each) / problem["epochs"]
            rates = interpolated(problem["rates"], progress)
            for group, rate in zip(descent.param_groups, [*rates, *rates], strict=True):
                group["lr"] = rate
            rows = np.sort(order[number * size : (number + 1) * size])
            x, y = parts["train"].batch(rows, **problem["augmentation"], rng=rng)
            outputs = layers(x)
            descent.zero_grad()
            functional.cross_entropy(outputs, y).backward()
            descent.step()
            wrong += int((outputs.argmax(1) != y).sum())
        curves["train"].append(100 * wrong / count)
        curves["validation"].append(parts["validation"].error(layers))
        shown = ", ".join(f"{part} {values[-1]:.2f} %" for part, values in curves.items())
        seconds = time.perf_counter() - began
        print(f"epoch {epoch + 1}: {shown}, {seconds:.0f} s", file=sys.stderr, flush=True)
    return {
        "torch": torch.__version__,
        "test_error": parts["test"].error(layers),
        "validation_curves": curves["validation"],
        "train_curves": curves["train"],
        "wall_seconds": time.perf_counter() - began,
    }


def interpolated(table, progress):
    """A row of rates between those of a table over the run."""
    place = progress * (len(table) - 1)
    below = min(int(place), len(table) - 2)
    share = place - below
    return [
        (1 - share) * a + share * b for a, b in zip(table[below], table[below + 1], strict=True)
    ]


if __name__ == "__main__":
    print(json.dumps(train(Path(sys.argv[1]))))
