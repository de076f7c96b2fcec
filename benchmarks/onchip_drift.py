"""How the two copies of the weights drift apart over a training on the chip, and what it does.

    python benchmarks/onchip_drift.py --data DIR [--epochs 4] [--workers 2]
    python benchmarks/onchip_drift.py --dataset digits --epochs 20 --seeds 0,1,2,3,4
    python benchmarks/onchip_drift.py --data DIR --copies errors,asymmetric-ep --name mnist-adjoint

784-500-500-10 on MNIST, or 64-100-100-10 on digits, with the preset's settings, for each way of
keeping copies alike; drift and validation error after every epoch. The test set is not read.
Results: ``benchmarks/results/onchip-drift.json`` and ``.png``; of digits, or of a name,
``onchip-drift-NAME.json``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from study import LARGER_STEPS

from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.runs import provenance

RESULTS = Path(__file__).resolve().parent / "results"
LAYERS = {"mnist": (784, 500, 500, 10), "digits": (64, 100, 100, 10)}
# What is compared: the copies, what a core sees, bits of the accumulator.
WAYS = (
    ("errors", "traces", 0),
    ("periodic", "traces", 0),
    ("weight-mirror", "traces", 0),
    ("information-alignment", "traces", 0),
    ("same-noise", "traces", 0),
    ("independent", "traces", 0),
    ("independent", "traces", 8),
    ("decay", "traces", 0),
    ("independent", "potentials", 0),
    ("independent", "potentials", 8),
)
# On digits, and by --copies, with and without an accumulator.
FEW = ("errors", "periodic", "independent", "asymmetric-ep")


def curve(
    way: tuple[str, str, int], dataset: str, data: str | None, epochs: int, seed: int
) -> dict[str, Any]:
    """Drift and validation error after every epoch of one training."""
    copies, sees, bits = way
    settings = {"copies": copies, "sees": sees, "accumulator_bits": bits}
    config = preset(
        dataset, LAYERS[dataset], on_chip=settings, descent={"epochs": epochs}, seed=seed,
        coding=LARGER_STEPS,
    )  # fmt: skip
    trainer = OnChipTrainer(config, load(dataset, data), 1)
    rows = []
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        measures = trainer.measures()
        trainer.end_epoch()
        error = trainer.validate().error
        rows.append({"validation_error": error, "drift": measures["drift"]})
    print(copies, sees, bits, seed, rows[-1], flush=True)
    return {**settings, "seed": seed, "epochs": rows}


def draw(curves: list[dict[str, Any]], path: Path) -> None:
    """Drift of the second connection, and validation error, over the epochs."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, ScalarFormatter

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    drift, error = figure.subplots(1, 2)
    colours = (
        "#0072B2", "#56B4E9", "#7B3294", "#B399D4", "#999999", "#D55E00", "#E69F00", "#CC79A7",
        "#009E73", "#000000",
    )  # fmt: skip
    for one, colour in zip(curves, colours, strict=True):
        number = range(1, len(one["epochs"]) + 1)
        label = f"{one['copies']}, {one['sees']}"
        if one["accumulator_bits"]:
            label += f", {one['accumulator_bits']}-bit accumulator"
        line = {"color": colour, "marker": "o", "ms": 4, "label": label}
        drift.plot(number, [100 * row["drift"][0] for row in one["epochs"]], **line)
        error.plot(number, [row["validation_error"] for row in one["epochs"]], **line)
    drift.set_ylabel("drift of connection 2 (% of its norm)")
    drift.set_ylim(-2)
    error.set_ylabel("validation error (%)")
    error.set_yscale("log")
    error.set_yticks([3, 4, 5, 7, 10, 15, 20])
    error.yaxis.set_major_formatter(ScalarFormatter())
    error.minorticks_off()
    for axes in (drift, error):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*drift.get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  frameon=False)  # fmt: skip
    figure.suptitle(
        "784-500-500-10 on MNIST, learned on the chip, 8-bit weights", x=0.01, ha="left"
    )
    figure.savefig(path, dpi=150)


def main() -> int:
    """Train them all."""
    parser = argparse.ArgumentParser(description="Drift of two copies over a training.")
    parser.add_argument("--dataset", default="mnist", choices=list(LAYERS))
    parser.add_argument("--data", help="directory of the IDX files")
    parser.add_argument("--copies", help="these alone, with traces")
    parser.add_argument("--name", help="of the results")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    few, seeds = options.copies, [int(seed) for seed in options.seeds.split(",")]
    if few is None and options.dataset == "digits":
        few = ",".join(FEW)
    ways = WAYS if few is None else [(c, "traces", b) for b in (0, 8) for c in few.split(",")]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, mp_context=context) as pool:
        work = [
            pool.submit(curve, way, options.dataset, options.data, options.epochs, seed)
            for way in ways
            for seed in seeds
        ]
        curves = [one.result() for one in work]
    words = {
        "--dataset": options.dataset if options.dataset != "mnist" else None,
        "--data": "DIR" if options.dataset == "mnist" else None,
        "--copies": options.copies,
        "--name": options.name,
        "--seeds": options.seeds if len(seeds) > 1 else None,
        "--epochs": options.epochs,
    }
    told = " ".join(f"{flag} {value}" for flag, value in words.items() if value is not None)
    command = f"python benchmarks/onchip_drift.py {told}"
    network = f"{'-'.join(map(str, LAYERS[options.dataset]))} on {options.dataset}"
    found = {
        "command": command,
        "versions": provenance(command),
        "network": network,
        "curves": curves,
    }
    name = options.name or (options.dataset if few is not None else None)
    path = RESULTS / f"onchip-drift{'' if name is None else f'-{name}'}.json"
    path.write_text(json.dumps(found, indent=1) + "\n")
    if few is None:
        draw(curves, path.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
