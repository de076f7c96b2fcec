"""``eqchip bench engine``: the engine against the machine's limit and dense algebra."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import click

from eqchip.bench.contest import Ratio, Timing
from eqchip.bench.engine import (
    BLAS_VARIABLE,
    BLOCKED,
    ENGINE,
    MEGA,
    PLAIN,
    PRODUCTS,
    bench_engine,
)
from eqchip.bench.setting import Inputs, Setting
from eqchip.cli.command import Command
from eqchip.cli.output import Output
from eqchip.commands.bench import training as training_command
from eqchip.commands.bench.options import (
    MINIBATCH,
    Numbers,
    batch_option,
    check_writable,
    document_options,
    hand_over,
    rounds_option,
    run_options,
    seconds_option,
    threads_option,
    trained_on,
    trained_options,
)
from eqchip.commands.bench.shown import busy, got, spread, steps_of, verdict
from eqchip.emulator.errors import InputError

LIMIT_FLOOR = 0.6  # of the plain row loop, on one thread: the project's aim
THREADS_FLOOR = 1.8  # two threads against one: the project's aim
AGREEMENT = 1e-9  # of potentials in float64; sums of 1000 weights round to about 1e-15


@click.command("engine", cls=Command)
@run_options()
@batch_option()
@click.option(
    "--dense-batches", type=Numbers(",", 1, "20,50,100,200,500"), default="20,50,100,200,500",
    show_default=True, help="Batches of the dense alternative (up to --batch); its best counts.",
)  # fmt: skip
@threads_option("For scaling and training.")
@rounds_option
@seconds_option
@click.option("--training/--no-training", default=True, help="Measure training cost, or not.")
@trained_options
@document_options
def command(
    data: str | None,
    dataset: Inputs | None,
    layers: tuple[int, ...],
    free_steps: int,
    nudged_steps: int,
    seed: int,
    batch: int,
    dense_batches: tuple[int, ...],
    threads: int,
    rounds: int,
    seconds: float,
    training: bool,
    samples: int | None,
    epoch: bool,
    minibatch: int | None,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """The engine against the machine's limit and dense algebra, and training cost.

    The engine runs 784-500-10 with all its counters on. It is held against a bare loop
    that adds weight rows (the machine's limit), against the same dynamics as BLAS
    products over a batch, and against itself on several threads.
    """
    output = Output(as_json, quiet)
    check_writable(out)
    for name, value in (("samples", samples), ("epoch", epoch or None), ("minibatch", minibatch)):
        if not training and value is not None:
            raise InputError(f"--{name} is given with --no-training; expected one of the two")
    document = bench_engine(
        Setting(
            layers, free_steps, nudged_steps, batch, dense_batches, threads, rounds, seconds, seed
        ),
        dataset=dataset,
        data=data,
        samples=trained_on(samples, epoch) if training else None,
        minibatch=minibatch or MINIBATCH,
        progress=output,
    )
    hand_over(output, document, out)
    _show(output, document)
    if document["training"] is not None:
        training_command.show(output, document)
    worst = document["agreement"][0]["largest_difference"]
    if not worst <= AGREEMENT:
        output.message(f"dense and engine differ by {worst:.3g}; expected at most {AGREEMENT}")
        return 1
    return 0


def _show(output: Output, document: Mapping[str, Any]) -> None:
    timings = [Timing.read(entry) for entry in document["contestants"]]
    (engine,) = (timing for timing in timings if timing.name == ENGINE)
    rows = []
    for timing in timings:
        ratio = Ratio.of(engine, timing)
        other = timing is not engine
        rows.append(
            [
                timing.name,
                f"{timing.rate:.3g}",
                f"{document['events_per_step'] / timing.rate * MEGA:.2f}",
                f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})" if other else "",
                f"{ratio.cpu_median:.2f}" if other and timing.threads == 1 else "",
            ]
        )
    output.table(
        f"{steps_of(document)}, inputs: {document['inputs']}",
        ["contestant", "events/s", "us/step", "engine / it: wall", "CPU"],
        rows,
    )
    for sentence in [*_conditions(document), *_results(document)]:
        output.text(sentence)


def _conditions(document: Mapping[str, Any]) -> list[str]:
    """Under which the figures were measured."""
    machine = document["machine"]
    core = machine["blas"]
    told = []
    if document["inputs"] == "synthetic":
        told.append(
            f"inputs: synthetic, random with MNIST's mean ({document['inputs_mean']:.3f}) and "
            f"active share ({document['inputs_active_share']:.3f}); not MNIST"
        )
    told += [
        f"{document['setting']['rounds']} rounds; ratios: median (lowest-highest) within a round. "
        f"A step of one sample: {document['rows_per_step']:.1f} weight rows, "
        f"{document['events_per_step']:.0f} synaptic events; for dense algebra, the events that "
        "it stands for",
        f"{machine['cpu']}, {machine['processors']} processors for this process; "
        f"{core['name']} {core['version']} tuned for {core['core_type']}, one thread",
    ]
    told.append(busy(document))
    if core[BLAS_VARIABLE]:
        told.append(
            f"{BLAS_VARIABLE}={core[BLAS_VARIABLE]} is set: BLAS may be slower than it could be"
        )
    return told


def _results(document: Mapping[str, Any]) -> list[str]:
    """How the figures stand to the project's aims."""
    ratios, double = document["ratios"], document["agreement"][0]
    limit = ratios["limit"]["median"]
    told = [
        f"limit: the engine runs at {spread(ratios['limit'])} of the "
        f"{PLAIN}; the floor is {LIMIT_FLOOR}: {verdict(limit, LIMIT_FLOOR)}",
        f"stronger limit: {spread(ratios['blocked_limit'])} of the {BLOCKED} on the same rows",
        f"dense: {spread(ratios['dense'])} times as fast as "
        f"{document['best_dense']}; {spread(ratios['products'])} times "
        f"as fast as the {PRODUCTS.replace(' only', ' alone')}",
        f"dense agrees with the engine: potentials within {double['largest_difference']:.1g}, "
        f"{100 * double['bits_equal']:.4f} % of bits equal ({double['precision']}, "
        f"{double['samples']} samples)",
    ]
    if "threads" in ratios:
        told.append(_scaling(document, ratios["threads"]))
    return told


def _scaling(document: Mapping[str, Any], ratio: Mapping[str, Any]) -> str:
    threads, processors = document["setting"]["threads"], document["machine"]["processors"]
    told = f"threads: {spread(ratio)} times as fast on {threads} threads as on one"
    if threads == 2:
        told += f"; the floor is {THREADS_FLOOR}: {verdict(ratio['median'], THREADS_FLOOR)}"
    processors_got = got(document["contestants"], threads)
    if processors_got:
        told += f"; they got {median(processors_got):.2f} of {threads} processors"
    projected = threads * ratio["cpu_median"]
    told += f", and with all of these it would be {projected:.2f}"
    if processors < threads:
        told += f" (but only {processors} processor for this process)"
    return told
