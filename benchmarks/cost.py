"""What training costs on a chip, against the number of cores that share the work.

    python benchmarks/cost.py --data DIR [--name NAME] [--spreads 1,2,4] [--priced-by A,B] RUN
    python benchmarks/cost.py --redraw NAME

The trained network of RUN is placed on chips with every layer split over 1, 2, 4, ... times
the fewest cores, samples are replayed in the chip's integers, and counts are priced, as
`eqchip report RUN --chip CHIP --spread N` does. Modelled, not measured on a chip. Results:
``benchmarks/results/NAME.json`` and ``NAME.png``; NAME is "cost" unless given.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from eqchip.emulator.training.runs import RunDirectory, versions
from eqchip.hw_reports.make import report
from eqchip.hw_reports.plots.style import BLUE, GREEN, ORANGE, PURPLE

RESULTS = Path(__file__).resolve().parent / "results"
CHIPS = ("loihi1-davies", "loihi1-sanafe")
COLOURS = {
    "loihi1-davies": BLUE, "loihi1-sanafe": ORANGE, "loihi1-calibrated": GREEN, "loihi2": PURPLE,
}  # fmt: skip
SPREADS = (1, 2, 4, 6, 8, 10, 12, 16, 20)
SAMPLES = 200


def point(run: RunDirectory, chip: str, spread: int, options: argparse.Namespace) -> dict[str, Any]:
    """One report, in short."""
    found = report(
        run, chip=chip, chips=options.chips, spread=spread, samples=options.samples,
        data=options.data,
    )  # fmt: skip
    cost, energy, time = found["training_cost"], found["energy"], found["time"]
    print(chip, spread, cost["rows"][3]["energy"]["figure"], flush=True)
    return {
        "chip": chip,
        "title": found["chip"]["title"],
        "spread": spread,
        "cores": found["mapping"]["cores_used"],
        "rows": {row["phase"]: row for row in cost["rows"]},
        "mean": cost["mean"],
        "last_epoch": cost["last_epoch"],
        "whole_minibatch": cost["whole_minibatch"],
        "dynamic": energy["dynamic"],
        "inference": {"energy": energy["inference"], "time": time["inference"]},
        "bottleneck": time["bottleneck"],
        "hops": found["mapping"]["hops"],
        "memory_bytes": found["memory"]["total"]["figure"]["value"],
        "bptt_ratio": found["memory"]["ratio"],
    }


def has_means(found: dict[str, Any]) -> bool:
    """Whether all points have the mean over the training: those of older versions have not."""
    return all(p.get("mean") for p in found["points"])


def sample_of(point: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Energy and time of a training sample: the mean over the training, where all have it."""
    sample: dict[str, Any] = point["mean"] if has_means(found) else point["rows"]["sample"]
    return sample


def draw(found: dict[str, Any], path: Path) -> None:
    """Energy and time of a training sample over cores, with their bands."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    energy, time = figure.subplots(1, 2)
    for chip in dict.fromkeys(p["chip"] for p in found["points"]):
        points, colour = [p for p in found["points"] if p["chip"] == chip], COLOURS[chip]
        cores = [p["cores"] for p in points]
        for axes, size, what in ((energy, 1e6, "energy"), (time, 1e6, "time")):
            figures = [sample_of(p, found)[what]["figure"] for p in points]
            if any(f is None for f in figures):
                continue
            middle = [size * f["value"] for f in figures]
            low, high = ([size * f[k] for f in figures] for k in ("low", "high"))
            # No weight update was ever fitted: what is missing is said where it is looked for.
            lacks = any(
                "weight update" in name for name in points[0]["rows"]["update"][what]["lacks"]
            )
            label = f"{chip}, weight updates unknown" if lacks else chip
            axes.plot(cores, middle, color=colour, marker="o", label=label)
            axes.fill_between(cores, low, high, color=colour, alpha=0.15, linewidth=0)
    davies = [p for p in found["points"] if p["chip"] == "loihi1-davies"]
    moving = [1e6 * p["dynamic"]["training"]["figure"]["value"] for p in davies]
    if davies:
        energy.plot([p["cores"] for p in davies], moving, color=BLUE, linestyle=":",
                    label="loihi1-davies without static power")  # fmt: skip
    which = "mean over the training" if has_means(found) else "replayed after training"
    for axes, label in ((energy, f"energy of a training sample,\n{which} (µJ)"),
                        (time, f"time of a training sample,\n{which} (µs)")):  # fmt: skip
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(ScalarFormatter())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_ylabel(label)
        axes.set_xlabel("cores")
        axes.grid(alpha=0.25, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0.5 * axes.get_ylim()[0])
    energy.legend(frameon=False, fontsize=8, loc="lower left")
    figure.suptitle(
        f"{found['network']}, test error {found['test_error']:.2f} %: modelled, not measured; "
        "bands: low to high", x=0.01, ha="left", fontsize=11,
    )  # fmt: skip
    figure.savefig(path, dpi=150)


def main() -> None:
    """Report at every number of cores, and store what they cost."""
    parser = argparse.ArgumentParser(description="What training costs on a chip.")
    parser.add_argument("run", type=Path, metavar="RUN", nargs="?")
    parser.add_argument("--data", type=Path, help="directory of the IDX files")
    parser.add_argument("--redraw", metavar="NAME", help="draw the picture of a result again")
    parser.add_argument(
        "--priced-by", type=lambda text: text.split(","), default=CHIPS, help="chip files"
    )
    parser.add_argument("--samples", type=int, default=SAMPLES, help="that are replayed")
    parser.add_argument("--name", default="cost", help="of the result's files")
    parser.add_argument(
        "--spreads", type=lambda text: [int(n) for n in text.split(",")], default=SPREADS,
        help="times the fewest cores over which every layer is split",
    )  # fmt: skip
    parser.add_argument("--chips", type=int, default=1, help="that the network may use")
    options = parser.parse_args()
    if options.redraw is not None:
        stored = json.loads((RESULTS / f"{options.redraw}.json").read_text())
        draw(stored, RESULTS / f"{options.redraw}.png")
        return
    if options.run is None or options.data is None:
        parser.error("RUN and --data are missing; expected both, or --redraw")
    run = RunDirectory(options.run)
    points = [
        point(run, chip, spread, options)
        for chip in options.priced_by
        for spread in options.spreads
    ]
    given = "" if options.name == "cost" else f" --name {options.name}"
    if tuple(options.spreads) != SPREADS:
        given += f" --spreads {','.join(map(str, options.spreads))}"
    if tuple(options.priced_by) != CHIPS:
        given += f" --priced-by {','.join(options.priced_by)}"
    if options.chips != 1:
        given += f" --chips {options.chips}"
    if options.samples != SAMPLES:
        given += f" --samples {options.samples}"
    found = {
        "kind": "cost",
        "command": f"python benchmarks/cost.py --data DIR{given} runs/{options.run.name}",
        "network": run.config.written,
        "dataset": run.config.dataset,
        "steps": {"free": run.config.learning.free_steps,
                  "nudged": run.config.learning.nudged_steps},
        "samples": options.samples,
        "seed": run.config.seed,
        "test_error": next(row["test_error"] for row in run.metrics() if "test_error" in row),
        "points": points,
        "versions": versions(),
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.name}.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(found, RESULTS / f"{options.name}.png")


if __name__ == "__main__":
    main()
