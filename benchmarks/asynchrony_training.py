"""Does a network still learn without a global clock? Training over clock spread and delay.

    python benchmarks/asynchrony_training.py digits|mnist [--data DIR] [--seeds 0,1,2] [--threads N]
        [--runs DIR] [--points 0-3]

Each point is one `eqchip train` command per seed; the test set is read once, at its end, and
nothing is chosen by it. Interrupted runs go on where they were, finished ones are not run again;
--points are places in POINTS, the most telling first. Results, written after every
run: ``benchmarks/results/asynchrony-DATASET.json``; what stands there of other points and seeds
is kept, and not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from eqchip.emulator.training.runs import RunDirectory, provenance

RESULTS = Path(__file__).resolve().parent / "results"


class Point(NamedTuple):
    """Clock spread and delay, None with one clock for all; with the remedies or without.

    Offsets and jitter are those that `--timing async` sets by itself.
    """

    spread: float | None
    delay: float | None
    remedied: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Of `eqchip train`."""
        average = ("--average-steps", "4") if self.remedied else ()
        if self.spread is None:
            return average
        restart = ("--restart-clocks",) if self.remedied else ()
        return (
            "--timing", "async", "--clock-spread", f"{self.spread:g}", "--delay",
            f"{self.delay:g}", *restart, *average,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """Of its run directories."""
        name = "one-clock"
        if self.spread is not None:
            name = f"spread-{self.spread:g}-delay-{self.delay:g}"
        return name + ("-remedied" if self.remedied else "")


POINTS = (
    Point(None, None), Point(0.1, 1.0), Point(0.3, 1.0), Point(0.1, 1.0, True),
    Point(None, None, True), Point(0.1, 4.0, True), Point(0.3, 1.0, True), Point(0.1, 4.0),
    Point(0.0, 1.0), Point(0.1, 2.0), Point(0.1, 0.25), Point(0.3, 4.0), Point(0.1, 8.0),
    Point(0.1, 8.0, True), Point(0.3, 4.0, True), Point(0.3, 8.0), Point(0.3, 8.0, True),
    Point(0.0, 1.0, True), Point(0.0, 4.0), Point(0.0, 8.0), Point(0.0, 4.0, True),
    Point(0.0, 8.0, True), Point(0.1, 2.0, True), Point(0.3, 2.0), Point(0.3, 2.0, True),
    Point(0.0, 2.0), Point(0.0, 2.0, True),
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
    parser.add_argument("--points", default=f"0-{len(POINTS) - 1}", help="e.g. 0-3 or 5")
    options = parser.parse_args()
    first, _, last = options.points.partition("-")
    wanted = [(seed, point) for point in POINTS[int(first) : int(last or first) + 1]
              for seed in map(int, options.seeds.split(","))]  # fmt: skip
    path = RESULTS / f"asynchrony-{options.dataset}.json"
    document = json.loads(path.read_text()) if path.exists() else {"points": []}
    known = {row["flags"]: row for row in document["points"]}
    for seed, point in wanted:
        if seed in known.get(" ".join(point.flags), {"seeds": []})["seeds"]:
            continue
        _train(options, seed, point)
        _store(options, known)
    return 0


def _path(options: argparse.Namespace, seed: int, point: Point) -> Path:
    return Path(options.runs) / f"async-{options.dataset}-{point.name}-s{seed}"


def _train(options: argparse.Namespace, seed: int, point: Point) -> None:
    path = _path(options, seed, point)
    if (path / "result.json").exists():
        return
    start: tuple[str, ...] = ("--resume", str(path))
    if not (path / "config.toml").exists():
        start = (
            "--dataset", options.dataset, *SETTINGS[options.dataset], *point.flags,
            "--seed", str(seed), "--out", str(path),
        )  # fmt: skip
    data = ("--data", options.data) if options.data else ()
    command = [
        sys.executable, "-m", "eqchip", "train", *start, *data, "--threads", options.threads,
    ]  # fmt: skip
    print(" ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run([*command, "--json"], check=True, stdout=subprocess.PIPE, text=True)
    (path / "result.json").write_text(done.stdout)


# Of a point, what is listed seed by seed, and where a run's result says it.
BY_SEED = {
    "test_error": "test_error",
    "validation_error": "validation_error",
    "spikes_per_sample": "train_spikes_per_sample",
    "events_per_sample": "train_synaptic_events_per_sample",
    "seconds": "seconds",
}


def _reached(path: Path) -> dict[str, Any]:
    """What a finished run reached, by the names of a point's lists."""
    result = json.loads((path / "result.json").read_text())
    lines = [line for line in RunDirectory(path).metrics() if "epoch" in line]
    return {
        **{name: result[told] for name, told in BY_SEED.items()},
        "validation_by_epoch": [
            line["validation_error"] for line in lines if "validation_error" in line
        ],
    }


def _store(options: argparse.Namespace, known: dict[str, Any]) -> None:
    """All runs that are finished, of any seed, and what was known of others."""
    points = []
    for point in POINTS:
        before = known.get(" ".join(point.flags), {"seeds": []})
        found = {
            seed: {name: before[name][n] for name in (*BY_SEED, "validation_by_epoch")}
            for n, seed in enumerate(before["seeds"])
        }
        for seed in range(10):
            path = _path(options, seed, point)
            if (path / "result.json").exists():
                found[seed] = _reached(path)
        if found:
            seeds = sorted(found)
            points.append(
                {
                    "timing": "one clock" if point.spread is None else "asynchronous",
                    "clock_spread": point.spread,
                    "delay": point.delay,
                    "remedied": point.remedied,
                    "flags": " ".join(point.flags),
                    "seeds": seeds,
                    **{
                        name: [found[seed][name] for seed in seeds]
                        for name in (*BY_SEED, "validation_by_epoch")
                    },
                }
            )
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
