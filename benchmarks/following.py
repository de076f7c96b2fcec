"""How soon and how exactly codings follow an input that switches, and what their settings give.

``python benchmarks/following.py`` writes results/following.json: studies of `eqchip follow` on
several chips, and, on other networks, the settings that were tried. ``--only NAME`` runs one study
anew; ``--plot`` draws results/following.png from the file. Studies that are there are kept: a run
that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from asynchrony_points import HARSH, USUAL

from eqchip.emulator.description.coding import (
    AdaptivePrediction,
    Coding,
    OptimalStepSize,
    Polynomial,
)
from eqchip.emulator.studies.following import Follower, Stream, follow, make_case, measure
from eqchip.emulator.training.runs import provenance
from eqchip.hw_reports.studies import following as words

RESULTS = Path(__file__).parent / "results"
FILE, PICTURE = RESULTS / "following.json", RESULTS / "following.png"
NETWORKS = 3
PLAIN = Stream()
STREAMS = {
    "one clock": PLAIN,
    "one clock, input as current": replace(PLAIN, input="current"),
    "one clock, chip's integers": replace(PLAIN, precision="chip"),
    "usual chip": replace(PLAIN, timing=USUAL),
    "harsh chip": replace(PLAIN, timing=HARSH),
    "usual chip, chip's integers": replace(PLAIN, timing=USUAL, precision="chip"),
    "harsh chip, chip's integers": replace(PLAIN, timing=HARSH, precision="chip"),
}
# What else was tried, on networks that are not measured.
TRIED = {
    **{f"constant λ {v:g}": Coding(prediction=Polynomial(v)) for v in (0.05, 0.1, 0.2, 0.3, 0.5)},
    **{
        f"λ {v:g}/t^{k:g}": Coding(prediction=Polynomial(v, k))
        for v, k in ((0.83, 0.3), (0.83, 0.58), (0.83, 0.8), (0.5, 0.3))
    },
    **{
        f"OSA {nu:g}, λ {v:g}": Coding(
            step_size=OptimalStepSize(nu, 1e-7), prediction=Polynomial(v)
        )
        for nu in (0.0411, 0.1, 0.2)
        for v in (0.1, 0.206, 0.4)
    },
    **{
        f"adapted, threshold {v:g}": Coding(prediction=AdaptivePrediction(v))
        for v in (0.5, 0.6, 0.7, 0.8, 1.0)
    },
    **{f"adapted, finest {k}": Coding(prediction=AdaptivePrediction(finest=k)) for k in (4, 5, 7)},
}
TRIED_NETWORKS = 2


def tried(stream: Stream) -> list[dict[str, Any]]:
    """Mean distance since a switch, and at the horizon, of all settings that were tried."""
    cases = [make_case(stream, index, purpose="search") for index in range(TRIED_NETWORKS)]
    found = []
    for name, coding in TRIED.items():
        curves = [follow(stream, case, Follower(name, coding))[0][1:].mean(0) for case in cases]
        mean = np.mean(curves, 0)
        found.append({"name": name, "mean": float(mean.mean()), "end": float(mean[-1])})
    return found


def draw(results: dict[str, Any]) -> None:
    """All studies beside one another."""
    from matplotlib.figure import Figure

    from eqchip.hw_reports.studies.follow_plot import STYLES

    studies = [results["studies"][name] for name in STREAMS if name in results["studies"]]
    names = [name for name in STREAMS if name in results["studies"]]
    columns = 2
    rows = -(-len(studies) // columns)
    drawn = Figure(figsize=(9, 2.7 * rows), dpi=160, layout="constrained")
    grid = drawn.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    labels = {}
    for axes, name, study in zip(grid, names, studies, strict=False):
        t = np.arange(1, study["stream"]["horizon"] + 1)
        for coding in study["codings"]:
            (line,) = axes.plot(
                t, 1000 * np.array(coding["later"]["mean"]), color=STYLES[coding["name"]], lw=1.2
            )
            labels.setdefault(coding["label"], line)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_yscale("log")
        axes.set_ylim(0.2, 400)
        axes.set_xlim(1, t[-1])
        axes.grid(axis="y", color="#e6e6e6", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8, labelbottom=True)
    for axes in grid[len(studies) :]:
        axes.set_visible(False)
    drawn.supxlabel("periods since the input switched", fontsize=9)
    drawn.supylabel("1000 × mean |s − s*|", fontsize=9)
    drawn.legend(labels.values(), labels.keys(), loc="outside upper center", ncols=4, fontsize=8)
    drawn.savefig(PICTURE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*STREAMS, "tried"])
    parser.add_argument("--plot", action="store_true")
    asked = parser.parse_args()
    results: dict[str, Any] = {"command": "python benchmarks/following.py", "studies": {}}
    if FILE.exists():
        results = json.loads(FILE.read_text("utf-8"))
    if not asked.plot:
        for name, stream in STREAMS.items():
            if name in results["studies"] and asked.only != name:
                continue
            if asked.only not in (None, name):
                continue
            study = measure(stream, networks=NETWORKS)
            made = provenance(results["command"])
            results["studies"][name] = words.document(study, made)
            FILE.write_text(json.dumps(results, ensure_ascii=False) + "\n", "utf-8")
            print(name, flush=True)
        if asked.only == "tried" or (asked.only is None and "tried" not in results):
            results["tried"] = {
                "spikes": tried(PLAIN),
                "current": tried(STREAMS["one clock, input as current"]),
            }
            FILE.write_text(json.dumps(results, ensure_ascii=False) + "\n", "utf-8")
    draw(results)


if __name__ == "__main__":
    main()
