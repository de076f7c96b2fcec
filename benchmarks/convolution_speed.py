"""How fast the engine is over convolutions: beside its limit, and beside PyTorch.

    python benchmarks/convolution_speed.py --data DIR --torch-python PYTHON RUN

RUN is the directory of a trained convolutional run; its network settles, free and nudged, on
test images. Three contestants take turns, on `--threads` threads each:

- the engine, all phases of a training sample, everything counted;
- bare scatter: the sums of the very spikes of those phases over the same connections, by the
  engine's own kernel, without units, encoders or counters, on one thread. The engine is held
  against it on one thread, too;
- PyTorch: the same dynamics as batched dense convolutions in float32. It may choose: convolution
  and pooling one after the other or merged, and any batch of `--batches`; its best counts. PYTHON
  is an interpreter that has PyTorch; the product does not need it.

Results: ``benchmarks/results/convolution-speed.json``. A round is as long as the slowest of one
turn each; the figures are medians over rounds of ratios within a round.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels import limit
from eqchip.emulator.kernels.lowered import Lowered, aligned_zeros
from eqchip.emulator.problem.needs import check_needs, of_learning, of_network
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training.runs import RunDirectory, versions

RESULTS = Path(__file__).resolve().parent / "results"
OTHER = Path(__file__).resolve().parent / "convolution_torch.py"
SAMPLES = 200
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # would hold PyTorch back


def problem_of(run: RunDirectory, data: Path) -> Problem:
    """The phases of a training sample, on test images."""
    config, dataset = run.config, load(run.config.dataset, data)
    for needs in (of_learning(config.learning), of_network(run.network())):
        check_needs("convolution_speed", needs, ("maximum pooling",))  # as in PyTorch
    targets = one_hot(dataset.test_y[:SAMPLES], dataset.classes)
    return pose(
        run.network(), dataset.test_x[:SAMPLES], coding=config.coding,
        phases=config.learning.phases(targets), input=config.input, precision="float32",
    )  # fmt: skip


class Scatter:
    """The sums of all spikes of a run, and nothing else, on one thread."""

    def __init__(self, problem: Problem, lowered: Lowered) -> None:
        bits = solve(replace(problem, record=frozenset({"bits"})), lowered=lowered).bits
        assert bits is not None
        self.lists: list[tuple[Any, ...]] = []
        sums = aligned_zeros(int(lowered.offsets[-1]), lowered.weights.dtype)
        layers = len(lowered.sizes)
        for k in range(1, layers - 1):  # the input is a current
            ways = (
                (k, k + 1, lowered.weights, lowered.starts, lowered.strides, lowered.forward),
                (k + 1, k, lowered.mirror, lowered.mirror_starts, lowered.mirror_strides,
                 lowered.back),
            )  # fmt: skip
            for sender, receiver, weights, starts, strides, fan in ways:
                # The bits of the last step arrive nowhere.
                sent = bits[sender].reshape(problem.steps, len(problem.x), -1)[:-1]
                sent = sent.swapaxes(0, 1)
                counts = np.count_nonzero(sent, axis=2).ravel()
                self.lists.append((
                    sums, int(lowered.offsets[receiver]), int(lowered.sizes[receiver]), weights,
                    int(starts[k]), int(strides[k]), fan, k,
                    bool(fan.channels[k] == lowered.sizes[sender]),
                    np.nonzero(sent)[2].astype(np.int32),
                    np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
                ))  # fmt: skip

    def __call__(self) -> int:
        return sum(limit.spread_lists(*arguments) for arguments in self.lists)


class Torch:
    """The other interpreter, kept alive; a line asks it for a round."""

    def __init__(self, python: str, problem: Problem, threads: int, batches: list[int]) -> None:
        network = problem.network
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name) / "problem.npz"
        convolutions = [c for c in network.connections if hasattr(c, "kernel")]
        arrays: dict[str, Any] = {
            "x": problem.x,
            "steps": [phase.steps for phase in problem.phases],
            "two_beta": [2 * getattr(phase, "beta", 0.0) for phase in problem.phases],
            "from_free": [phase.from_free for phase in problem.phases],
            "target": next(t for t in problem.targets if t is not None),
            "eps": problem.step_table,
            "lam": problem.prediction_table,
            "shapes": json.dumps([list(shape) for shape in network.layers]),
            "convolutions": json.dumps(
                [[c.kernel, c.stride, c.padding, c.window] for c in convolutions]
            ),
            "threads": threads,
            "batches": batches,
        }
        for k, (c, w) in enumerate(zip(network.connections, network.weights, strict=True)):
            arrays[f"weights_{k}"] = w.astype(np.float32)
            arrays[f"merged_{k}"] = c.synapse_weights(w.astype(np.float32))
            arrays[f"biases_{k}"] = network.biases[k].astype(np.float32)
        np.savez(path, **arrays)
        self.process = subprocess.Popen(
            [python, str(OTHER), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={k: v for k, v in os.environ.items() if k not in SLOWING},
        )  # fmt: skip
        self.found = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("the interpreter with PyTorch stopped; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def round(self) -> float:
        """Seconds per sample of its best form."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return float(self._answer()["seconds_per_sample"])


def timed(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def study(path: Path, data: Path, python: str, threads: int, rounds: int) -> dict[str, Any]:
    """All contestants, in turns."""
    run = RunDirectory(path)
    problem = problem_of(run, data)
    lowered = lower(problem.network, np.dtype(np.float32))
    scatter = Scatter(problem, lowered)
    torch = Torch(python, problem, threads, [20, 50, 100, 200])
    ours = solve(problem, threads=threads, lowered=lowered)
    crossed = scatter()
    events = int(ours.activity.synaptic_events.sum())
    ends = np.concatenate([end.reshape(SAMPLES, -1) for end in ours.ends[0][1:]], axis=1)
    differs = np.abs(ends.sum(axis=1) - np.array(torch.found["sums"])).max()
    rows = []
    for _ in range(rounds):
        rows.append({
            "engine_one_thread": timed(lambda: solve(problem, threads=1, lowered=lowered)),
            "scatter": timed(scatter),
            "engine": timed(lambda: solve(problem, threads=threads, lowered=lowered)),
            "torch": torch.round() * SAMPLES,
        })  # fmt: skip
        print({name: f"{value:.3f} s" for name, value in rows[-1].items()}, flush=True)

    def middle(values: list[float]) -> float:
        return statistics.median(values)

    single = [events / row["engine_one_thread"] for row in rows]
    bare = [crossed / row["scatter"] for row in rows]
    return {
        "kind": "convolution-speed",
        "command": "python benchmarks/convolution_speed.py --data DIR --torch-python PYTHON "
        f"runs/{path.name}",
        "network": run.config.written,
        "dataset": run.config.dataset,
        "phases": [phase.steps for phase in problem.phases],
        "samples": SAMPLES,
        "threads": threads,
        "rounds": rows,
        "events_per_sample": events / SAMPLES,
        "spikes_per_sample": float(ours.activity.spikes.sum()) / SAMPLES,
        "engine_events_per_second_one_thread": middle(single),
        "scatter_events_per_second_one_thread": middle(bare),
        "engine_over_scatter": middle([a / b for a, b in zip(single, bare, strict=True)]),
        "milliseconds_per_sample": middle([1e3 * row["engine"] / SAMPLES for row in rows]),
        "torch_milliseconds_per_sample": middle([1e3 * row["torch"] / SAMPLES for row in rows]),
        "engine_over_torch": middle([row["torch"] / row["engine"] for row in rows]),
        "torch": {name: torch.found[name] for name in ("version", "form", "batch")},
        "largest_difference_of_summed_potentials": float(differs),
        "versions": versions(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--torch-python", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    found = study(given.run, given.data, given.torch_python, given.threads, given.rounds)
    text = json.dumps(found, indent=1)
    (RESULTS / "convolution-speed.json").write_text(text + "\n")
    print({k: v for k, v in found.items() if not isinstance(v, (list, dict))})


if __name__ == "__main__":
    main()
