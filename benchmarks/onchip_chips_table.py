"""Tables and the picture of learning on chips that are not perfect, from what `onchip_chips` wrote.

``python benchmarks/onchip_chips_table.py`` draws ``results/onchip-faults-DATASET.png``; TABLES is
for ``tables.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

from cells import NOTHING, spread, table
from cost_tables import figure

RESULTS = Path(__file__).resolve().parent / "results"
DATASETS = ("digits", "digits-conv", "mnist", "mnist-conv")
KINDS = {
    "synapses_at_0": "synapses at 0",
    "synapses_frozen": "synapses frozen",
    "synapses_at_limit": "synapses at the limit",
    "stuck_at_0": "units stuck at 0",
    "stuck_at_1": "units stuck at 1",
    "loss": "messages lost",
}
NETWORKS = {
    "digits": "64-100-10 on digits",
    "digits-conv": "8x8-16c4s2z1-10 on digits",
    "mnist": "784-500-10 on MNIST",
    "mnist-conv": "28x28-16c6s2z2-48c4s2z1-10 on MNIST",
}
STUDIES = {"faults": "", "clockless-faults": ", clocks that differ by 10 %, a delay of 1"}

Results = dict[str, Any]  # file name -> document


def errors(point: dict[str, Any] | None) -> list[float]:
    """The test errors of a point, seed by seed."""
    return [] if point is None else [row["test_error"] for row in point["seeds"].values()]


def seeds_of(points: dict[str, Any]) -> str:
    """How many seeds the points have."""
    counts = [len(point["seeds"]) for point in points.values()]
    most = max(counts)
    if min(counts) == most:
        return f"{most} seed{'s' * (most > 1)}"
    return f"{most} seeds (one where no spread is told)"


def rates_of(points: dict[str, Any]) -> list[str]:
    """The rates at which faults were measured, as they are written in names."""
    found = {name.split(",")[0].split()[1] for name in points if name != "sound"}
    return sorted(found, key=float)


def faults(results: Results) -> str:
    """Test errors over the rate of each fault, of both ways to come to the chip."""
    found = []
    for dataset, study in product(DATASETS, STUDIES):
        document = results.get(f"onchip-{study}-{dataset}.json")
        if document is None:
            continue
        points = document["points"]
        rates = rates_of(points)
        heads = ["", "", *(f"{100 * float(rate):g} % >" for rate in rates)]
        rows = [
            [label, how, *(spread(errors(points.get(f"{kind} {rate}{suffix}"))) for rate in rates)]
            for kind, label in KINDS.items()
            for how, suffix in (("learned there", ""), ("brought there", ", deployed"))
            if any(f"{kind} {rate}{suffix}" in points for rate in rates)
        ]
        found.append(
            f"{table(heads, rows)}\n\nTest error in %, {NETWORKS[dataset]}{STUDIES[study]}, "
            f"{document['epochs']} epoch{'s' * (document['epochs'] > 1)}, {seeds_of(points)}, each "
            f"with a chip of its own; on a sound chip {spread(errors(points.get('sound')))}. "
            "Brought there: learned on a sound chip."
        )
    return "\n\n".join(found) or NOTHING


def trained(document: dict[str, Any]) -> str:
    """Epochs, and samples of each where these are not all."""
    epochs = str(document["epochs"])
    few = document.get("samples")
    return epochs if few is None else f"{epochs}, of {few:,} samples"


def clocks(results: Results) -> str:
    """Test and validation errors of what was learned without a clock."""
    rows = []
    for dataset in DATASETS:
        document = results.get(f"onchip-clocks-{dataset}.json")
        for name, point in document["points"].items() if document else ():
            timing = point["timing"]
            tried = point["seeds"].values()
            rows.append(
                [
                    NETWORKS[dataset],
                    trained(document),
                    "one clock" if timing is None else f"{100 * timing['clocks']['spread']:g} %",
                    "1" if timing is None else f"{timing['delays']['fixed']:g}",
                    name.partition("restarted, ")[1] * (timing is not None)
                    + "averaged" * (point["average_steps"] > 1),
                    spread(errors(point)),
                    spread([row["validation_error"] for row in tried]),
                    len(tried),
                ]
            )
    if not rows:
        return NOTHING
    heads = ["", "epochs >", "clock spread", "delay >", "help", "test error, % >",
             "validation error, % >", "seeds >"]  # fmt: skip
    return table(heads, rows)


def kernels(results: Results) -> str:
    """Test and validation errors by what is done about the places of a kernel."""
    rows = []
    for dataset in DATASETS:
        document = results.get(f"onchip-kernels-{dataset}.json")
        for name, point in document["points"].items() if document else ():
            tried = list(point["seeds"].values())
            rows.append(
                [
                    NETWORKS[dataset],
                    trained(document),
                    name,
                    spread(errors(point)),
                    spread([row["validation_error"] for row in tried]),
                    len(tried),
                ]
            )
    if not rows:
        return NOTHING
    heads = ["", "epochs >", "kernels", "test error, % >", "validation error, % >", "seeds >"]
    return table(heads, rows)


def kernels_cost(results: Results) -> str:
    """What a training sample takes by what is done about the places of a kernel."""
    document = results.get("onchip-kernels-cost.json")
    if document is None:
        return NOTHING
    rows = [
        [
            point["kernels"],
            f"{point['validation_error']:.2f}",
            f"{point['of_kernels']['reads']:,.0f}",
            f"{point['of_kernels']['writes']:,.0f}",
            f"{point['of_kernels']['messages']:,.0f}",
            figure(point["energy"]),
            figure(point["time"]),
        ]
        for point in document["points"]
    ]
    heads = ["kernels", "validation error, % >", "read >", "synapses written >", "messages >",
             "energy >", "time >"]  # fmt: skip
    return (
        f"{table(heads, rows)}\n\n{document['network']} on MNIST, {document['samples']:,} training "
        "samples, one epoch, one seed. Of a training sample at its end, modelled, by "
        f"`{document['chip']}`, {document['points'][0]['cores']} cores: what kernels take, and "
        "energy and time of all of it. (low to high); ≥: terms are unknown."
    )


TABLES: dict[str, Callable[[Results], str]] = {
    "onchip-kernels": kernels,
    "onchip-kernels-cost": kernels_cost,
    "onchip-clocks": clocks,
    "onchip-faults": faults,
}


def draw(document: dict[str, Any], dataset: str, path: Path) -> None:
    """Test error over the rate of each fault, learned there and brought there."""
    from matplotlib.figure import Figure

    points = document["points"]
    rates = rates_of(points)
    kinds = [kind for kind in KINDS if any(f"{kind} {rate}" in points for rate in rates)]
    figure = Figure(figsize=(3.0 * len(kinds), 3.2), layout="constrained")
    sound = errors(points["sound"])
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    for axes, kind in zip(panels, kinds, strict=True):
        for label, suffix, colour in (
            ("learned on the faulty chip", "", "#0072B2"),
            ("learned on a sound one, brought there", ", deployed", "#D55E00"),
        ):
            measured = [
                (100 * float(rate), found)
                for rate in rates
                if (found := errors(points.get(f"{kind} {rate}{suffix}")))
            ]
            middle = [(rate, sum(found) / len(found)) for rate, found in measured]
            axes.plot(*zip(*middle, strict=True), color=colour, marker="o", ms=4, label=label)
            each = [(rate, error) for rate, found in measured for error in found]
            axes.scatter(*zip(*each, strict=True), color=colour, s=6, alpha=0.5)
        axes.axhline(sum(sound) / len(sound), color="#777777", lw=1, ls=":", label="sound chip")
        axes.set_xscale("log")
        axes.set_xticks([100 * float(rate) for rate in rates])
        axes.set_xticklabels([f"{100 * float(rate):g}" for rate in rates])
        axes.minorticks_off()
        axes.set_title(KINDS[kind], fontsize=10, loc="left")
        axes.set_xlabel("% of all")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_yscale("log")
    panels[0].set_yticks([2, 5, 10, 20, 50, 90], [2, 5, 10, 20, 50, 90])
    panels[0].set_ylabel("test error (%)")
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    figure.suptitle(f"{NETWORKS[dataset]}, learned on the chip", x=0.01, ha="left", fontsize=11)
    figure.savefig(path, dpi=130)


def main() -> int:
    """Draw what is there."""
    for dataset in DATASETS:
        path = RESULTS / f"onchip-faults-{dataset}.json"
        if path.exists():
            draw(json.loads(path.read_text()), dataset, path.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
