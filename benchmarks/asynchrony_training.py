"""Does a network still learn without a global clock? Training over clock spread and delay.

    python benchmarks/asynchrony_training.py digits|mnist [--data DIR] [--seeds 0,1,2] [--threads N]
        [--runs DIR] [--points N]

Each point is one `eqchip train` command per seed; the test set is read once, at its end, and
nothing is chosen by it. Interrupted runs go on where they were, finished ones are not run again;
--points N stops after the first N points, the most telling first. Results, written after every
run: ``benchmarks/results/asynchrony-DATASET.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from eqchip.emulator.runs import RunDirectory, provenance

RESULTS = Path(__file__).resolve().parent / "results"
# Clock spread and delay; None: one clock for all. Offsets and jitter are those that
# `--timing async` sets by itself.
POINTS: tuple[tuple[float, float] | None, ...] = (
    None, (0.1, 1.0), (0.3, 1.0), (0.1, 4.0), (0.0, 1.0), (0.1, 2.0), (0.1, 0.25), (0.3, 4.0),
    (0.1, 8.0),
)  # fmt: skip
SETTINGS = {
    "digits": (),
    # Fewer steps and epochs than the preset: with a clock that costs nothing measurable
    # (benchmarks/results/frontier.json), and a study of many points becomes possible.
    "mnist": ("--epochs", "3", "--free-steps", "20", "--nudged-steps", "8"),
}


def main() -> int:
    """Train all points that are not trained yet."""
    parser = argparse.ArgumentParser(description="Train over clock spread and delay.")
    parser.add_argument("dataset", choices=tuple(SETTINGS))
    parser.add_argument("--data", help="directory of the IDX files")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--runs", default="runs", type=Path)
    parser.add_argument("--points", type=int, default=len(POINTS))
    options = parser.parse_args()
    wanted = [(seed, point) for point in POINTS[: options.points]
              for seed in map(int, options.seeds.split(","))]  # fmt: skip
    for seed, point in wanted:
        _train(options, seed, point)
        _store(options)
    return 0


def _path(options: argparse.Namespace, seed: int, point: tuple[float, float] | None) -> Path:
    name = "one-clock" if point is None else f"spread-{point[0]:g}-delay-{point[1]:g}"
    return Path(options.runs) / f"async-{options.dataset}-{name}-s{seed}"


def _flags(point: tuple[float, float] | None) -> tuple[str, ...]:
    if point is None:
        return ()
    return ("--timing", "async", "--clock-spread", f"{point[0]:g}", "--delay", f"{point[1]:g}")


def _train(options: argparse.Namespace, seed: int, point: tuple[float, float] | None) -> None:
    path = _path(options, seed, point)
    if (path / "result.json").exists():
        return
    start: tuple[str, ...] = ("--resume", str(path))
    if not (path / "config.toml").exists():
        start = (
            "--dataset", options.dataset, *SETTINGS[options.dataset], *_flags(point),
            "--seed", str(seed), "--out", str(path),
        )  # fmt: skip
    data = ("--data", options.data) if options.data else ()
    command = [
        sys.executable, "-m", "eqchip", "train", *start, *data, "--threads", options.threads,
    ]  # fmt: skip
    print(" ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    (path / "result.json").write_text(done.stdout)


def _store(options: argparse.Namespace) -> None:
    """All runs that are finished, of any seed."""
    points = []
    for point in POINTS:
        found: list[dict[str, Any]] = []
        for seed in range(10):
            path = _path(options, seed, point)
            if (path / "result.json").exists():
                reached = json.loads((path / "result.json").read_text())
                found.append({"seed": seed, **reached, "metrics": RunDirectory(path).metrics()})
        if found:
            points.append(
                {
                    "timing": "one clock" if point is None else "asynchronous",
                    "clock_spread": None if point is None else point[0],
                    "delay": None if point is None else point[1],
                    "seeds": [run["seed"] for run in found],
                    "test_error": [run["test_error"] for run in found],
                    "validation_error": [run["validation_error"] for run in found],
                    "validation_by_epoch": [
                        [line["validation_error"] for line in run["metrics"] if "epoch" in line
                         and "validation_error" in line]
                        for run in found
                    ],
                    "spikes_per_sample": [run["train_spikes_per_sample"] for run in found],
                    "events_per_sample": [
                        run["train_synaptic_events_per_sample"] for run in found
                    ],
                    "seconds": [run["seconds"] for run in found],
                }
            )  # fmt: skip
    data = " --data DIR" if options.data else ""
    command = f"eqchip train --dataset {options.dataset} {' '.join(SETTINGS[options.dataset])}"
    results = {
        "format": "eqchip-asynchrony-training 1",
        "command": f"{command.strip()}{data} --timing async --clock-spread S --delay D --seed K",
        "points": points,
        "provenance": provenance(
            f"python benchmarks/asynchrony_training.py {options.dataset}{data}"
        ),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"asynchrony-{options.dataset}.json"
    path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    raise SystemExit(main())
