"""The layers of a preset trained by backpropagation, beside Equilibrium Propagation.

    python benchmarks/backpropagation.py --data DIR --torch-python PYTHON NAME [NAME ...]
        [--network LINE] [--epochs N] [--seeds 0] [--threads N] [--runs DIR]

NAME is a data set; its convolutional preset gives layers, initial weights, epochs, minibatch,
rates, decay and augmentation. Units are what theirs are at rest without feedback: the drive,
clipped to [0, 1], under a read-out with cross-entropy; no batch statistics. The same validation
samples are set aside, and the test set is read once, at the end. PYTHON is an interpreter that has
PyTorch; the product does not need it. A finished seed is kept in ``--runs`` and not trained again.

Results: ``benchmarks/results/NAME-backpropagation.json``; of another network, with its name in it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.dataset import Dataset, split_validation
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance

RESULTS = Path(__file__).resolve().parent / "results"
OTHER = Path(__file__).resolve().parent / "backpropagation_torch.py"
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would hold PyTorch back


def main() -> int:
    """Train what is asked for."""
    parser = argparse.ArgumentParser(description="Backpropagation through a preset's layers.")
    parser.add_argument("name", nargs="+", help="data sets")
    parser.add_argument("--data", required=True)
    parser.add_argument("--torch-python", required=True, help="an interpreter with PyTorch")
    parser.add_argument("--network", help="layer by layer, in place of the preset's")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", default="runs", type=Path)
    options = parser.parse_args()
    for name in options.name:
        _study(options, name)
    return 0


def _study(options: argparse.Namespace, name: str) -> None:
    layers = notation.parse(options.network) if options.network else "conv"
    descent = {"epochs": options.epochs} if options.epochs else {}
    data = load(name, options.data)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    found = []
    for seed in seeds:
        config = preset(name, layers, descent=descent, seed=seed)
        kept = options.runs / f"backpropagation-{name}-{config.written}-s{seed}.json"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            done = _train(config, data, options.torch_python, options.threads)
            kept.write_text(json.dumps(done))
        found.append(json.loads(kept.read_text()))
    given = "".join(f" --{what} {value}" for what in ("network", "epochs")
                    if (value := getattr(options, what)))  # fmt: skip
    command = (
        f"python benchmarks/backpropagation.py --data DIR --torch-python PYTHON{given} {name}"
        f" --seeds {options.seeds}"
    )
    document = {
        "kind": "backpropagation",
        "dataset": name,
        "network": config.written,
        "epochs": config.descent.epochs,
        "command": command,
        "settings": config.descent.model_dump(mode="json"),
        "torch": found[0]["torch"],
        "seeds": seeds,
        **{what: [one[what] for one in found]
           for what in ("test_error", "validation_curves", "train_curves", "wall_seconds")},
        "versions": provenance(command),
    }  # fmt: skip
    end = f"-{config.written}" if options.network else ""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(document, indent=1) + "\n"
    (RESULTS / f"{name}{end}-backpropagation.json").write_text(text)


def _train(config: Config, data: Dataset, python: str, threads: int) -> dict[str, Any]:
    """What the other interpreter reached, of one seed."""
    network, descent = config.network(), config.descent
    train, validation = split_validation(data, config.validation)
    problem = {
        "shape": data.shape,
        "convolutions": [
            [c.kernel, c.stride, c.padding] if hasattr(c, "kernel") else None
            for c in network.connections
        ],
        "epochs": descent.epochs,
        "minibatch": descent.minibatch,
        "augmentation": {
            what: getattr(descent, what) for what in ("shift", "flip", "rotate", "zoom")
        },
        "weight_decay": descent.weight_decay,
        "rates": [descent.rates(k / 1000) for k in range(1001)],
        "seed": config.seed,
        "threads": threads,
    }
    if any(getattr(c, "pool", None) is not None for c in network.connections):
        raise SystemExit(f"{config.written} pools; expected strides alone")
    with tempfile.TemporaryDirectory() as folder:
        for part, x, y in (
            ("train", data.train_x[train], data.train_y[train]),
            ("validation", data.train_x[validation], data.train_y[validation]),
            ("test", data.test_x, data.test_y),
        ):
            np.save(f"{folder}/{part}_x.npy", x)
            np.save(f"{folder}/{part}_y.npy", y)
        arrays = {f"weights_{k}": w.astype(np.float32) for k, w in enumerate(network.weights)}
        np.savez(f"{folder}/problem.npz", problem=json.dumps(problem), **arrays)
        command = [python, str(OTHER), folder]
        env = {k: v for k, v in os.environ.items() if k not in SLOWING}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
