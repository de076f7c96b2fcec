"""Equilibrium Propagation beside backpropagation through time: gradients and memory.

    python benchmarks/gradients.py --part digits [--threads N]
    python benchmarks/gradients.py --part memory
    python benchmarks/gradients.py --part table

digits: `eqchip gradients` for several seeds, which draw the weights, the order of training and
the samples. memory: the peak memory of learning from one minibatch, by Equilibrium Propagation on
the event-driven engine and by BPTT, over the number of free steps; each in a process of its own.
table: what docs/gradients.md shows of the first two, in Markdown.
Results: ``benchmarks/results/gradients.json``, ``gradients-memory.json`` and a picture of each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).resolve().parent / "results"
SEEDS = (0, 1, 2)
# Of the memory measurement: a network of the published size, and a minibatch as in training.
MEMORY_NETWORK = "28x28-32c5p2-64c5p2-10"
MEMORY_BATCH, NUDGED_STEPS, BETA = 20, 16, 0.25
MEMORY_STEPS = (10, 20, 40, 80, 160, 320)
WAYS = {"ep-spiking": "EP, spikes", "ep-real-valued": "EP, real-valued", "bptt": "BPTT"}


def main() -> int:
    """Measure one part."""
    parser = argparse.ArgumentParser(description="EP beside BPTT.")
    parser.add_argument("--part", choices=("digits", "memory", "table"), required=True)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--one", nargs=2, metavar=("WAY", "STEPS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measure_memory(asked.one[0], int(asked.one[1]))))
        return 0
    RESULTS.mkdir(exist_ok=True)
    if asked.part == "table":
        print(tables())
        return 0
    return digits(asked.threads) if asked.part == "digits" else memory()


def digits(threads: int | None) -> int:
    """`eqchip gradients` for all seeds; the figure is that of the first."""
    from eqchip.emulator.training.runs import provenance
    from eqchip.gradient_study import gradients
    from eqchip.hw_reports.studies.gradients_plot import save

    made_by = provenance("python benchmarks/gradients.py --part digits")
    found = []
    for seed in SEEDS:
        command = {**made_by, "command": f"eqchip gradients --seed {seed}"}
        found.append({**gradients(seed=seed, threads=threads), "provenance": command})
        print(seed, *found[-1]["findings"], sep="\n  ", flush=True)
    results = {
        "format": "eqchip-gradients-study 1",
        "seeds": list(SEEDS),
        "studies": found,
        "provenance": made_by,
    }
    text = json.dumps(results, ensure_ascii=False, indent=1)
    (RESULTS / "gradients.json").write_text(text + "\n")
    with (RESULTS / "gradients.png").open("wb") as file:
        save(found[0], file)
    return 0


def memory() -> int:
    """Every way and number of steps, in a process each."""
    from eqchip.emulator.training.runs import provenance
    from eqchip.hw_reports.studies.gradients_plot import save_memory

    rows = []
    for way in WAYS:
        for steps in MEMORY_STEPS:
            words = [sys.executable, __file__, "--part", "memory", "--one", way, str(steps)]
            run = subprocess.run(words, capture_output=True, text=True, check=True)
            rows.append(json.loads(run.stdout))
            print(rows[-1])
    results = {
        "format": "eqchip-gradients-memory 1",
        "network": MEMORY_NETWORK,
        "minibatch": MEMORY_BATCH,
        "precision": "float32",
        "nudged_steps": NUDGED_STEPS,
        "beta": BETA,
        "ways": WAYS,
        "rows": rows,
        "provenance": provenance("python benchmarks/gradients.py --part memory"),
    }
    (RESULTS / "gradients-memory.json").write_text(json.dumps(results, indent=1) + "\n")
    with (RESULTS / "gradients-memory.png").open("wb") as file:
        save_memory(results, file)
    return 0


def tables() -> str:
    """Angles as mean ± standard deviation over seeds; noise of the maxima; memory."""
    from cells import spread, table

    studies = json.loads((RESULTS / "gradients.json").read_text())["studies"]
    angles, maxima = [], []
    for n, network in enumerate(studies[0]["networks"]):
        for k, row in enumerate(network["rows"]):
            same = [study["networks"][n]["rows"][k] for study in studies]
            head = (network["state"], network["pooling"], row["coding"])
            per_connection = zip(*(one["angle"] for one in same), strict=True)
            bits = [one["from_real_valued"][-1] for one in same]
            angles.append(
                (*head, *(spread(found, 0) for found in per_connection),
                 spread([one["length"][-1] for one in same]),
                 "" if row["coding"] == "real-valued" else spread(bits, 0))
            )  # fmt: skip
            if row["noise"]:
                noise = [one["noise"] for one in same]
                shares = [
                    [100 * one[name] for one in noise] for name in ("steps_off", "phases_off")
                ]
                maxima.append(
                    (*head[::2], *(spread(share, 1) for share in shares),
                     spread([one["bias"] for one in noise], 4),
                     spread([one["spread"] for one in noise]))
                )  # fmt: skip
    names = [f"{name} >" for name in (*studies[0]["networks"][0]["connections"], "all weights")]
    rows = json.loads((RESULTS / "gradients-memory.json").read_text())["rows"]
    by_way = {way: [row for row in rows if row["way"] == way] for way in WAYS}
    memory = [
        (WAYS[way], *(f"{row['arrays'] / 1e6:.1f}" for row in found),
         f"{(found[-1]['process'] - found[-1]['process_before']) / 1e6:.1f}")
        for way, found in by_way.items()
    ]  # fmt: skip
    steps = [f"{count} >" for count in MEMORY_STEPS]
    errors = {
        (network["state"], network["pooling"]): spread(
            [study["networks"][n]["error"] for study in studies], 1)
        for n, network in enumerate(studies[0]["networks"])
    }  # fmt: skip
    return "\n\n".join(
        (
            table(("network", "pooling", "messages", *names, "length >", "by bits >"), angles),
            table(("network", "messages", "steps, % >", "phases, % >", "bias >", "spread >"),
                  maxima),
            table(("free steps", *steps, f"process, {MEMORY_STEPS[-1]} >"), memory),
            f"Test errors: {errors}",
        )
    )  # fmt: skip


def measure_memory(way: str, steps: int) -> dict[str, Any]:
    """Peak bytes of learning from one minibatch, and the peak of the whole process.

    Compiled code is loaded by a minibatch before, on two steps. Counted are the arrays of numpy
    (tracemalloc); weights and samples exist before and are not.
    """
    import tracemalloc

    from eqchip.backends.bptt import unrolled as bptt
    from eqchip.backends.bptt.comparison import CODINGS
    from eqchip.bench.training import peak_memory
    from eqchip.emulator.description import notation
    from eqchip.emulator.description.learning import Learning
    from eqchip.emulator.description.network import Network
    from eqchip.emulator.engine.lowering import lower
    from eqchip.emulator.engine.synchronous import solve
    from eqchip.emulator.learning.descent import Descent
    from eqchip.emulator.problem.pose import pose

    network = Network.chain(notation.connections(notation.parse(MEMORY_NETWORK)), seed=0)
    rng = np.random.default_rng(0)
    x = (rng.random((MEMORY_BATCH, network.sizes[0])) * 0.5).astype(np.float32)
    y = np.eye(network.sizes[-1], dtype=np.float32)[np.arange(MEMORY_BATCH) % 10]
    lowered = lower(network, np.dtype(np.float32))

    def learn(free_steps: int) -> None:
        if way == "bptt":
            bptt.gradient(network, x, y, steps=free_steps, input="current", precision="float32")
            return
        coding = CODINGS[way.removeprefix("ep-")]
        learning = Learning(free_steps=free_steps, nudged_steps=min(NUDGED_STEPS, free_steps),
                            beta=BETA)  # fmt: skip
        problem = pose(network, x, coding=coding, phases=learning.phases(y), input="current")
        run = solve(problem, threads=1, lowered=lowered)
        Descent(network, lowered, "symmetric", threads=1).update(run, BETA, [0.0] * 3)

    learn(2)
    before = peak_memory()
    tracemalloc.start()
    learn(steps)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return {"way": way, "free_steps": steps, "arrays": peak, "process_before": before,
            "process": peak_memory()}  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
