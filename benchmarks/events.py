"""Digits that move before an event camera, streamed in, beside the same networks on counts.

    python benchmarks/events.py [--seeds 0,1,2] [--out FILE]
    python benchmarks/events.py --price

Four trainings a seed, each with the settings of the preset and the test read once at its end: a
dense network and a convolutional one, each given the recordings as a stream of events, and given
how often each input fired, as numbers that stay. Of the first seed of each stream, also how near
its states and contrasts are to those of the same network at rest.

With ``--price`` the dense ones of the first seed are trained into run directories; reports price
them, on the fewest cores: modelled, not measured on a chip.

Results: ``benchmarks/results/events.json`` and ``events-cost.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from cost import point

import eqchip as eq
from eqchip.emulator.learning.contrast import average_ends
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory, provenance
from eqchip.emulator.training.trainer import Trainer

RESULT = Path(__file__).resolve().parent / "results" / "events.json"
PRICES = RESULT.with_name("events-cost.json")
PRICED_BY = ("loihi1-calibrated", "loihi2")
REPLAYED = 50
NETWORKS = ("dense", "conv")
SAMPLES = 200
AT_REST = {"free_steps": 300, "nudged_steps": 100}


def settings(kind: str, name: str, seed: int) -> eq.Config:
    """Those of the preset, for what the data set is called."""
    config = eq.preset("moving-digits", kind, seed=seed)
    return config.model_copy(update={"dataset": name})


def trained(data: eq.Dataset, kind: str, seed: int) -> tuple[Trainer, dict[str, Any]]:
    """A network that was trained, and what it reached."""
    began = time.process_time()
    trainer = Trainer(settings(kind, data.name, seed), data, threads=1)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        last = trainer.end_epoch()
    test = trainer.test()
    return trainer, {
        "data": data.name,
        "kind": kind,
        "network": trainer.config.written,
        "seed": seed,
        "validation_error": trainer.validate().error,
        "test_error": test.error,
        "test_samples": test.samples,
        "input_spikes": float(test.activity.spikes[:, 0].sum()) / test.samples,
        "spikes": test.spikes_per_sample,
        "synaptic_events": test.events_per_sample,
        "train_synaptic_events": last.events_per_sample,
        "processor_seconds": time.process_time() - began,
    }


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    """Between two changes of one connection."""
    a, b = one.ravel().astype(np.float64), other.ravel().astype(np.float64)
    return float(a @ b / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-300))


def limit(trainer: Trainer, data: eq.EventDataset) -> dict[str, Any]:
    """How near a stream comes to rest: the same network under the mean of each input, at rest.

    "numbers": the mean injected as a current, all else as trained. "at rest": the same with exact
    messages and phases long enough to come to rest, which the others are compared with.
    """
    config, net = trainer.config, trainer.network
    x, y = data.train_x[:SAMPLES], eq.one_hot(data.train_y[:SAMPLES], data.classes)
    steps = config.learning.free_steps
    sent = x.binned(steps)
    mean = np.zeros((len(x), x.inputs))
    np.add.at(mean, (sent.samples, sent.units), 1 / steps)
    long = replace(config.learning, **AT_REST)
    rest = {"coding": eq.Coding.real_valued(), "phases": long.phases(y), "input": "current"}
    usual = {"coding": config.coding, "phases": config.learning.phases(y)}
    asked = {
        "stream": (sent, usual),
        "numbers": (mean, {**usual, "input": "current"}),
        "at rest": (mean, rest),
    }
    ends, changes = {}, {}
    for name, (given, how) in asked.items():
        run = eq.run(
            net, given, readout=config.learning.readout, threads=1, record="potentials", **how
        )
        run = average_ends(run, config.learning.average_steps)
        found = eq.contrast(net, run, beta=long.beta, lr=1.0, rule=long.rule)
        ends[name], changes[name] = run.ends[0][1], found
    found_of = {}
    for name in ("stream", "numbers"):
        away = np.linalg.norm(ends[name] - ends["at rest"]) / np.linalg.norm(ends["at rest"])
        found_of[name] = {
            "cosines": [
                cosine(one, other)
                for one, other in zip(
                    changes[name].weights, changes["at rest"].weights, strict=True
                )
            ],
            "distance": float(away),
        }
    return {"samples": SAMPLES, **found_of}


def prices(seed: int) -> list[dict[str, Any]]:
    """What reports say of a training sample and a classification, stream and counts."""
    options = argparse.Namespace(chips=1, samples=REPLAYED, data=None)
    stream = eq.load("moving-digits")
    rows = []
    for data in (stream, stream.counted()):
        with tempfile.TemporaryDirectory() as folder:
            run = RunDirectory.create(Path(folder) / "run", settings("dense", data.name, seed))
            fit(run, data, threads=1)
            last = [row for row in run.metrics() if "train_error" in row][-1]
            rows.append(
                {
                    "data": data.name, "network": run.config.written, "seed": seed,
                    "train_synaptic_events": last["synaptic_events_per_sample"],
                    "points": [point(run, chip, 1, options) for chip in PRICED_BY],
                }
            )  # fmt: skip
    return rows


def main() -> None:
    """Run as a program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--price", action="store_true", help="what reports say, of the first seed")
    options = parser.parse_args()
    if options.price:
        priced = {
            "format": "eqchip-events-cost 1",
            "replayed": REPLAYED,
            "rows": prices(0),
            "provenance": provenance("python benchmarks/events.py --price"),
        }
        PRICES.write_text(json.dumps(priced, indent=1) + "\n", encoding="utf-8")
        return
    seeds = [int(one) for one in options.seeds.split(",")]
    stream = eq.load("moving-digits")
    rows, kept = [], {}
    for data in (stream, stream.counted()):
        for kind in NETWORKS:
            for seed in seeds:
                trainer, row = trained(data, kind, seed)
                rows.append(row)
                print(json.dumps(row), flush=True)
                if data is stream and seed == seeds[0]:
                    kept[kind] = limit(trainer, stream)
                    print(json.dumps(kept[kind]), flush=True)
    document = {
        "format": "eqchip-events 1",
        "seeds": seeds,
        "rows": rows,
        "limit": kept,
        "merged": stream.train_x.merged(60) / len(stream.train_x.times),
        "provenance": provenance("python benchmarks/events.py"),
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
