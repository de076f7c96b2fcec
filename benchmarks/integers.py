"""What a chip's integers cost: trained networks, in floating point and in fixed point.

    python benchmarks/integers.py --data DIR [--name NAME] RUN [RUN ...]

RUN are directories of finished training runs that differ in their seed alone. For each the
validation samples and the test set are classified in floating point, with 2 to 8 bits to a
weight, and with fewer bits to a state: nothing is chosen by these figures. The distance to the
fixed point, that of the continuous network in float64, is taken over the first samples.
Results: ``benchmarks/results/NAME.json`` and ``.png``; NAME is "integers" unless given.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.dataset import split_validation
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint, quantize
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.runs import RunDirectory, versions
from eqchip.hw_reports.studies.learning_curves import BLUE, GREEN, ORANGE

RESULTS = Path(__file__).resolve().parent / "results"
LOIHI = FixedPoint()
WEIGHT_BITS = (2, 3, 4, 5, 6, 7, 8)
WHOLE_BITS = 4  # of a narrow state above the point, sign included: it holds -8 to 8
FRACTION_BITS = (3, 4, 5, 6, 8, 10, 12)
SETTLED_STEPS = 1000
DISTANCE_STEPS = (30, 100, 300)
DISTANCE_SAMPLES = 200


def settings() -> list[tuple[str, FixedPoint | None]]:
    """What is compared, named by what varies; None is floating point."""
    weights = [("weight bits", replace(LOIHI, weight_bits=bits)) for bits in WEIGHT_BITS]
    states = [("state bits", narrow(bits)) for bits in FRACTION_BITS]
    return [("floating point", None), *weights, *states]


def narrow(fraction_bits: int) -> FixedPoint:
    """States of few bits; weights keep their 8 bits and reach as far down as they need."""
    return replace(
        LOIHI,
        state_bits=fraction_bits + WHOLE_BITS,
        fraction_bits=fraction_bits,
        lowest_exponent=fraction_bits - 14,
        highest_exponent=fraction_bits + 1,
    )


def rest(config: Config, network: Network, x: np.ndarray) -> np.ndarray:
    """The potentials behind the input at the fixed point, shape (batch, units)."""
    settled = pose(
        network, x, coding=Coding.real_valued(0.5), phases=[Free(SETTLED_STEPS)],
        input=config.input, precision="float64", readout=config.learning.readout,
    )  # fmt: skip
    return _flat(solve(settled))


def distances(
    config: Config, network: Network, x: np.ndarray, fixed: FixedPoint | None, goal: np.ndarray
) -> dict[str, float]:
    """Mean distance of potentials behind the input from the fixed point, by steps."""
    found = {}
    for steps in DISTANCE_STEPS:
        problem = pose(
            network, x, coding=config.coding, phases=[Free(steps)], input=config.input,
            precision="chip" if fixed else "float64", fixed=fixed,
            readout=config.learning.readout,
        )  # fmt: skip
        found[str(steps)] = float(np.abs(_flat(solve(problem)) - goal).mean())
    return found


def _flat(run: Run) -> np.ndarray:
    """The potentials behind the input at the end of the free phase, shape (batch, units)."""
    return np.concatenate([end.reshape(len(end), -1) for end in run.ends[0][1:]], axis=1)


def study(runs: list[Path], data: Path) -> dict[str, Any]:
    """Every setting on every run."""
    points: dict[int, dict[str, Any]] = {}
    config, dataset = RunDirectory(runs[0]).config, None
    for path in runs:
        directory = RunDirectory(path)
        config, network = directory.config, directory.network()
        dataset = dataset or load(config.dataset, data)
        _, held_out = split_validation(dataset, config.validation)
        x, labels = dataset.train_x[held_out], dataset.train_y[held_out]
        goal = rest(config, network, x[:DISTANCE_SAMPLES])
        for k, (varies, fixed) in enumerate(settings()):
            tally = Classifier(config, network, fixed=fixed).classify(x, labels)
            point = points.setdefault(
                k,
                {
                    "varies": varies,
                    "arithmetic": asdict(fixed) if fixed else None,
                    "validation_error": [],
                    "test_error": [],
                    "saturations_per_sample": [],
                    "weights_clipped": [],
                    "distance": [],
                },
            )
            point["validation_error"].append(tally.error)
            tested = Classifier(config, network, fixed=fixed)
            point["test_error"].append(tested.classify(dataset.test_x, dataset.test_y).error)
            point["saturations_per_sample"].append(tally.saturations / tally.samples)
            held = [
                connection.synapse_weights(weights.astype(np.float64))
                for connection, weights in zip(network.connections, network.weights, strict=True)
            ]
            clipped = sum(quantize(w, fixed).saturated for w in held) if fixed else 0
            point["weights_clipped"].append(clipped)
            point["distance"].append(distances(config, network, x[:DISTANCE_SAMPLES], fixed, goal))
            print(path.name, varies, fixed, f"{tally.error:.2f} %", flush=True)
    return {
        "kind": "integers",
        "command": "python benchmarks/integers.py --data DIR "
        + " ".join(f"runs/{path.name}" for path in runs),
        "network": config.written,
        "free_steps": config.learning.free_steps,
        "validation_samples": config.validation,
        "seeds": [RunDirectory(path).config.seed for path in runs],
        "distance_samples": DISTANCE_SAMPLES,
        "points": list(points.values()),
        "versions": versions(),
    }


def draw(found: dict[str, Any], path: Path) -> None:
    """Error over bits, and distance to the fixed point over bits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 6.4), layout="constrained")
    axes = figure.subplots(2, 2, sharex="col")
    real = next(p for p in found["points"] if p["varies"] == "floating point")
    for column, (varies, bits) in enumerate(
        (("weight bits", "weight_bits"), ("state bits", "state_bits"))
    ):
        points = [p for p in found["points"] if p["varies"] == varies]
        x = [p["arithmetic"][bits] for p in points]
        error, distance = axes[0][column], axes[1][column]
        values = np.array([p["test_error"] for p in points])
        error.errorbar(x, values.mean(1), values.std(1, ddof=1) if values.shape[1] > 1 else None,
                       color=BLUE, marker="o", capsize=3, label="in integers")  # fmt: skip
        error.axhline(np.mean(real["test_error"]), color=ORANGE, label="in floating point")
        error.set_ylim(bottom=0)
        error.set_ylabel("test error (%)")
        for steps, colour in zip(map(str, DISTANCE_STEPS), (BLUE, GREEN, ORANGE), strict=True):
            y = [np.mean([d[steps] for d in p["distance"]]) for p in points]
            distance.plot(x, y, color=colour, marker="o", label=f"{steps} steps")
            floor = np.mean([d[steps] for d in real["distance"]])
            distance.axhline(floor, color=colour, linestyle=":", linewidth=1)
        distance.set_yscale("log")
        distance.set_ylabel("distance to the fixed point")
        distance.set_xlabel(f"bits of a {varies.split()[0]}, sign included")
        for one in (error, distance):
            one.grid(alpha=0.25, which="both")
            one.spines[["top", "right"]].set_visible(False)
            one.legend(frameon=False, fontsize=8)
    title = (
        f"{found['network']} trained in floating point, run in a chip's integers; "
        "dotted: distance in floating point"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the study and store what it found."""
    parser = argparse.ArgumentParser(description="What a chip's integers cost.")
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--data", required=True, type=Path, help="directory of the IDX files")
    parser.add_argument("--name", default="integers", help="of the result's files")
    options = parser.parse_args()
    found = study(options.runs, options.data)
    if options.name != "integers":
        found["command"] = found["command"].replace("DIR ", f"DIR --name {options.name} ")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.name}.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found, RESULTS / f"{options.name}.png")


if __name__ == "__main__":
    main()
