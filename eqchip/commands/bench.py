"""``eqchip bench``: the engine's speed against the machine's limit and dense algebra."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from eqchip.bench.contest import Ratio
from eqchip.bench.engine import BLOCKED, ENGINE, PLAIN, PRODUCTS, Speed, speed
from eqchip.bench.machine import blas, cpu_model, plain
from eqchip.bench.setting import Inputs, Setting, inputs
from eqchip.bench.training import (
    MNIST_TRAINING_SAMPLES,
    Cost,
    CostSetting,
    MemoryPoint,
    memory_by_steps,
    training_cost,
)
from eqchip.cli.output import Output, output_options
from eqchip.emulator.data.datasets import DATA_VARIABLE
from eqchip.emulator.data.download import FILES
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_text
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.runs import command_line, provenance

FORMAT = "eqchip-bench 1"
LIMIT_FLOOR = 0.6  # of the plain row loop, on one thread: the project's aim
THREADS_FLOOR = 1.8  # two threads against one: the project's aim
BLAS_VARIABLE = "OPENBLAS_CORETYPE"
AGREEMENT = 1e-9  # of potentials in float64; sums of 1000 weights round to about 1e-15
MEGA = 1e6


class _Numbers(click.ParamType):
    """Whole numbers of at least 1, joined by a separator."""

    def __init__(self, separator: str, at_least: int, example: str) -> None:
        self.separator, self.at_least, self.name = separator, at_least, example

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = value.split(self.separator)
        if not all(part.isascii() and part.isdigit() and int(part) for part in parts) or (
            len(parts) < self.at_least
        ):
            self.fail(f"{value!r}; expected whole numbers of at least 1, e.g. {self.name}", param)
        return tuple(int(part) for part in parts)


@click.command("bench")
@click.option("--data", "data_dir", metavar="DIR", help=f"MNIST's files (or {DATA_VARIABLE}).")
@click.option(
    "--dataset",
    type=click.Choice(["mnist", "synthetic"]),
    help="Inputs. Default: MNIST if it is at hand, else synthetic ones; never a download.",
)
@click.option("--layers", type=_Numbers("-", 2, "784-500-10"), default="784-500-10")
@click.option("--free-steps", type=click.IntRange(1), default=100)
@click.option("--nudged-steps", type=click.IntRange(1), default=50)
@click.option("--batch", type=click.IntRange(1), default=500, help="Samples per engine call.")
@click.option(
    "--dense-batches",
    type=_Numbers(",", 1, "20,50,100,200,500"),
    default="20,50,100,200,500",
    help="Batches of the dense alternative (up to --batch); its best counts.",
)
@click.option("--threads", type=click.IntRange(1), default=2, help="For scaling and training.")
@click.option("--rounds", type=click.IntRange(1), default=9, help="In which all take turns.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=0.2, help="A turn at least."
)
@click.option(
    "--samples", type=click.IntRange(1), default=2000, help="Trained on; the epoch is extrapolated."
)
@click.option("--epoch", is_flag=True, help="Train on the whole epoch instead.")
@click.option("--minibatch", type=click.IntRange(1), default=20)
@click.option("--training/--no-training", default=True, help="Measure training cost, or not.")
@click.option(
    "--chip", "chip_name", metavar="NAME|FILE",
    help="Measure the engine on this chip instead: in its integers, every core counted.",
)  # fmt: skip
@click.option(
    "--sanafe-python", metavar="PYTHON",
    help="With --chip: a Python that has SANA-FE. Default: this one, if it has.",
)  # fmt: skip
@click.option(
    "--peers", is_flag=True,
    help="Measure the emulator beside Brian2 and Lava instead, where they are installed.",
)  # fmt: skip
@click.option(
    "--asynchronous", is_flag=True,
    help="Measure the asynchronous engine beside the synchronous one instead, the cost of its "
    "events over sizes, and SimPy. Default there: 30 + 2 x 15 steps, a batch of 50.",
)  # fmt: skip
@click.option(
    "--units", type=_Numbers(",", 1, "1000,1000000"), default="1000,10000,100000,1000000",
    help="With --asynchronous: sizes at which an event's cost is measured.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0)
@click.option("--out", type=click.Path(path_type=Path), help="Save the JSON document.")
@output_options
def command(
    data_dir: str | None,
    dataset: Inputs | None,
    layers: tuple[int, ...],
    free_steps: int,
    nudged_steps: int,
    batch: int,
    dense_batches: tuple[int, ...],
    threads: int,
    rounds: int,
    seconds: float,
    samples: int,
    epoch: bool,
    minibatch: int,
    training: bool,
    chip_name: str | None,
    sanafe_python: str | None,
    peers: bool,
    asynchronous: bool,
    units: tuple[int, ...],
    seed: int,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Measure the engine against the machine's limit and dense algebra.

    The engine runs 784-500-10 with all its counters on. It is held against a bare loop
    that adds weight rows (the machine's limit), against the same dynamics as BLAS
    products over a batch, and against itself on several threads. All take turns, and
    ratios are taken within a round: other jobs on the machine disturb them little.

    With --chip the engine runs on a chip's cores and in its integers, beside the same
    network without a chip and beside SANA-FE, where that is installed. With --peers it runs
    beside Brian2 and Lava: the same inputs, the same spikes, one thread each.
    """
    output = Output(as_json, quiet)
    _check_writable(out)
    kind = dataset or ("mnist" if _at_hand(data_dir) else "synthetic")
    setting = Setting(
        layers,
        free_steps,
        nudged_steps,
        batch,
        dense_batches,
        threads,
        rounds,
        seconds,
        seed,
    )
    if asynchronous:
        setting = _asynchronous_defaults(setting)
    if kind == "mnist" and not _at_hand(data_dir):
        output.message("MNIST is not at hand; it is downloaded, as --dataset mnist asks")
    if epoch:
        samples = MNIST_TRAINING_SAMPLES
    x, source = inputs(kind, data_dir, setting)
    if chip_name is not None:
        return _bench_chip(output, setting, x, source, chip_name, sanafe_python, out)
    if peers:
        return _bench_peers(output, setting, x, source, out)
    if asynchronous:
        return _bench_asynchronous(output, setting, x, source, units, out)
    found = speed(setting, x, output)
    cost, memory = None, []
    if training:
        output.message(f"training on {samples} samples")
        asked = CostSetting(
            kind, data_dir, layers, samples, free_steps, nudged_steps, minibatch, threads, seed
        )
        cost = training_cost(asked)
        output.message("peak memory by number of steps")
        memory = memory_by_steps(asked)

    document = _document(setting, kind, source, x, found, cost, memory)
    if out is not None:
        write_text(out, json.dumps(document, indent=2) + "\n")
        output.message(f"written: {out}")
    output.result(document)
    _show(output, document, setting, found)
    if cost is not None:
        _show_cost(output, document, cost, memory)
    worst = found.agreement[0].largest_difference
    if not worst <= AGREEMENT:
        output.message(f"dense and engine differ by {worst:.3g}; expected at most {AGREEMENT}")
        return 1
    return 0


def _bench_peers(output: Output, setting: Setting, x: Any, source: str, out: Path | None) -> int:
    from eqchip.bench import peers as peerspeed

    found = peerspeed.peer_speed(setting, x, output)
    document = peerspeed.document(setting, source, found)
    if out is not None:
        write_text(out, json.dumps(document, indent=2) + "\n")
        output.message(f"written: {out}")
    output.result(document)
    peerspeed.show(output, setting, found)
    return 0


def _asynchronous_defaults(setting: Setting) -> Setting:
    """What --asynchronous runs where the command line does not say."""
    from eqchip.bench.asynchronous import DEFAULTS

    context = click.get_current_context()
    default = click.core.ParameterSource.DEFAULT
    left: dict[str, Any] = {
        n: v for n, v in DEFAULTS.items() if context.get_parameter_source(n) is default
    }
    if "batch" in left:
        left["samples"] = left.pop("batch")
    return replace(setting, **left)


def _bench_asynchronous(
    output: Output,
    setting: Setting,
    x: Any,
    source: str,
    units: tuple[int, ...],
    out: Path | None,
) -> int:
    from eqchip.bench import asynchronous as asyncspeed

    found = asyncspeed.asynchronous_speed(setting, x, units, output)
    document = asyncspeed.document(setting, source, found)
    if out is not None:
        write_text(out, json.dumps(document, indent=2) + "\n")
        output.message(f"written: {out}")
    output.result(document)
    asyncspeed.show(output, setting, found)
    return 0


def _bench_chip(
    output: Output,
    setting: Setting,
    x: Any,
    source: str,
    chip_name: str,
    sanafe_python: str | None,
    out: Path | None,
) -> int:
    from eqchip.backends.sanafe.peer import interpreter
    from eqchip.bench import chip as chipspeed
    from eqchip.mapping.chip_file.chip import load_chip

    chip = load_chip(chip_name)
    found = chipspeed.chip_speed(setting, x, chip, interpreter(sanafe_python), output)
    document = chipspeed.document(setting, source, chip, found)
    if out is not None:
        write_text(out, json.dumps(document, indent=2) + "\n")
        output.message(f"written: {out}")
    output.result(document)
    chipspeed.show(output, setting, chip, found)
    return 0


def _check_writable(out: Path | None) -> None:
    """Refuse before the measurement what cannot be written after it."""
    if out is None:
        return
    if out.is_dir():
        raise InputError(f"{out}: is a directory; expected the name of a file")
    if not out.parent.is_dir():
        raise InputError(f"{out}: directory {out.parent} does not exist; expected one that does")


def _at_hand(data_dir: str | None) -> bool:
    """Whether MNIST can be had without a download."""
    if data_dir is not None or os.environ.get(DATA_VARIABLE):
        return True  # named by the user: if it is not there, that is an error
    import pooch

    cache = Path(pooch.os_cache("eqchip")) / "mnist"
    return all((cache / f"{name}.gz").is_file() for name in FILES)


# --- the document -------------------------------------------------------------------------


def _document(
    setting: Setting,
    kind: Inputs,
    source: str,
    x: Any,
    found: Speed,
    cost: Cost | None,
    memory: list[MemoryPoint],
) -> dict[str, Any]:
    made = provenance(command_line())
    training: dict[str, Any] | None = None
    if cost is not None:
        seconds, events = cost.extrapolated(MNIST_TRAINING_SAMPLES)
        training = {
            **plain(cost),
            "extrapolated": cost.samples < MNIST_TRAINING_SAMPLES,
            "epoch_samples": MNIST_TRAINING_SAMPLES,
            "epoch_seconds": seconds,
            "epoch_events": events,
            "threads": setting.threads,
            "peak_bytes_by_free_steps": plain(memory),
        }
    steps = found.events_per_step
    return {
        "format": FORMAT,
        "kind": "speed",
        "inputs": kind,
        "inputs_source": source,
        "inputs_mean": round(float(x.mean()), 4),
        "inputs_active_share": round(float((x > 0).mean()), 4),
        "setting": plain(setting),
        "rows_per_step": found.rows_per_step,
        "events_per_step": steps,
        "contestants": [
            {
                **plain(timing),
                "events_per_second": timing.rate,
                "microseconds_per_step": steps / timing.rate * MEGA,
            }
            for timing in found.timings.values()
        ],
        "best_dense": found.best_dense,
        "ratios": plain(found.ratios),
        "agreement": plain(found.agreement),
        "training": training,
        "machine": {
            "cpu": cpu_model(),
            "processors": resolve_threads(None),
            "blas": {**blas(), BLAS_VARIABLE: os.environ.get(BLAS_VARIABLE)},
        },
        "seed": setting.seed,
        "command": made.pop("command"),
        "created": made.pop("created"),
        "versions": made,
    }


# --- the terminal -------------------------------------------------------------------------


def _range(middle: float, low: float, high: float) -> str:
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def _show(output: Output, document: dict[str, Any], setting: Setting, found: Speed) -> None:
    engine = found.timings[ENGINE]
    rows = []
    for timing in found.timings.values():
        ratio = Ratio.of(engine, timing)
        alone = timing.threads == 1 and timing is not engine
        rows.append(
            [
                timing.name,
                f"{timing.rate:.3g}",
                f"{found.events_per_step / timing.rate * MEGA:.2f}",
                "" if timing is engine else _range(ratio.median, ratio.low, ratio.high),
                f"{ratio.cpu_median:.2f}" if alone else "",
            ]
        )
    shape = "-".join(map(str, setting.layers))
    output.table(
        f"{shape}, {setting.free_steps} + {setting.nudged_steps} steps, "
        f"inputs: {document['inputs']}",
        ["contestant", "events/s", "us/step", "engine / it: wall", "CPU"],
        rows,
    )
    if document["inputs"] == "synthetic":
        output.text(
            f"inputs: synthetic, random with MNIST's mean ({document['inputs_mean']:.3f}) and "
            f"active share ({document['inputs_active_share']:.3f}); not MNIST"
        )
    machine = document["machine"]
    core = machine["blas"]
    output.text(
        f"{setting.rounds} rounds; ratios: median (lowest-highest) within a round. A step of one "
        f"sample: {found.rows_per_step:.1f} weight rows, {found.events_per_step:.0f} synaptic "
        "events; for dense algebra, the events that it stands for"
    )
    output.text(
        f"{machine['cpu']}, {machine['processors']} processors for this process; "
        f"{core['name']} {core['version']} tuned for {core['core_type']}, one thread"
    )
    if core[BLAS_VARIABLE]:
        output.text(
            f"{BLAS_VARIABLE}={core[BLAS_VARIABLE]} is set: BLAS may be slower than it could be"
        )
    for sentence in _sentences(document, setting, found):
        output.text(sentence)


def _sentences(document: dict[str, Any], setting: Setting, found: Speed) -> list[str]:
    limit, dense = found.ratios["limit"], found.ratios["dense"]
    blocked, products = found.ratios["blocked_limit"], found.ratios["products"]
    double = found.agreement[0]
    told = [
        f"limit: the engine runs at {_range(limit.median, limit.low, limit.high)} of the "
        f"{PLAIN}; the floor is {LIMIT_FLOOR}: {_verdict(limit.median, LIMIT_FLOOR)}",
        f"stronger limit: {_range(blocked.median, blocked.low, blocked.high)} of the {BLOCKED} "
        "on the same rows",
        f"dense: {_range(dense.median, dense.low, dense.high)} times as fast as "
        f"{found.best_dense}; {_range(products.median, products.low, products.high)} times "
        f"as fast as the {PRODUCTS.replace(' only', ' alone')}",
        f"dense agrees with the engine: potentials within {double.largest_difference:.1g}, "
        f"{100 * double.bits_equal:.4f} % of bits equal ({double.precision}, "
        f"{double.samples} samples)",
    ]
    if "threads" in found.ratios:
        ratio = found.ratios["threads"]
        sentence = (
            f"threads: {_range(ratio.median, ratio.low, ratio.high)} times as fast on "
            f"{setting.threads} threads as on one"
        )
        if setting.threads == 2:
            sentence += f"; the floor is {THREADS_FLOOR}: {_verdict(ratio.median, THREADS_FLOOR)}"
        processors = document["machine"]["processors"]
        projected = setting.threads * ratio.cpu_median
        sentence += f"; if no other job took processor time it would be {projected:.2f}"
        if processors < setting.threads:
            sentence += f" (but only {processors} processor for this process)"
        told.append(sentence)
    return told


def _verdict(value: float, floor: float) -> str:
    return "reached" if value >= floor else "missed"


def _show_cost(
    output: Output, document: dict[str, Any], cost: Cost, memory: list[MemoryPoint]
) -> None:
    training = document["training"]
    setting = document["setting"]
    minutes = training["epoch_seconds"] / 60
    how = (
        f"extrapolated from {cost.samples} samples, which took {cost.seconds:.1f} s"
        if training["extrapolated"]
        else "measured"
    )
    output.text(
        f"training: an epoch of {training['epoch_samples']} samples with "
        f"{setting['free_steps']} + {setting['nudged_steps']} steps on {setting['threads']} "
        f"threads: {minutes:.1f} minutes, {training['epoch_events']:.3g} synaptic events ({how})"
    )
    if cost.peak_bytes is not None and cost.loaded_bytes is not None:
        output.text(
            f"memory: peak {cost.peak_bytes / MEGA:.0f} MB, of which "
            f"{cost.loaded_bytes / MEGA:.0f} MB when data and kernels were loaded"
        )
    known = [point for point in memory if point.peak_bytes is not None]
    if known:
        shown = ", ".join(
            f"{point.peak_bytes / MEGA:.1f} MB with {point.free_steps} free steps"  # type: ignore[operator]
            for point in known
        )
        output.text(f"memory against steps: peak {shown} (synthetic inputs)")
