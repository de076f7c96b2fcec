"""Runs an exported network from the shell, in a process of its own and with a time limit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eqchip.backends.lava import watch

BUILDER = "eqchip.backends.lava.builder"
DEFAULT_LIMIT = 600.0  # seconds


def main(home: Path, arguments: Sequence[str]) -> int:
    """Run the network in `home`; returns the exit status."""
    parser = argparse.ArgumentParser(description="Run the network in this folder on Lava.")
    parser.add_argument("--inputs", type=Path, default=home / "inputs.npz")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--limit", type=float, default=DEFAULT_LIMIT, help="seconds")
    asked = parser.parse_args(arguments)
    inputs, results = asked.inputs.resolve(), asked.results.resolve()
    results.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", BUILDER, str(home), str(inputs), str(results)]
    try:
        watch.run(command, limit=asked.limit, folder=home, log=results / "log.txt")
    except watch.CommandFailed as error:
        print(f"error: {error}\nthe whole traceback: {results / 'log.txt'}", file=sys.stderr)
        return 1
    for path in sorted(results.glob("layer_*.npz")):
        with np.load(path, allow_pickle=False) as file:
            steps, samples, units = file["bits"].shape
            spikes = int(file["bits"].sum())
        print(f"{path.name}: {steps} steps, {samples} samples, {units} units, {spikes} spikes")
    return 0
