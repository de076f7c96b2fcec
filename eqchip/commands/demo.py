"""``eqchip demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import shared
from eqchip.cli.output import Output, output_options
from eqchip.commands import crosscheck as checking
from eqchip.commands import train as learning

if TYPE_CHECKING:
    from eqchip.emulator.training.runs import RunDirectory

FORMAT = "eqchip-demo 1"
PROMISED_ERROR = 5.0  # percent on the test set, see the README
CHIP = "loihi1-davies"
CHECKED_SAMPLES = 5


@click.command(cls=Command)
@shared("seed", "threads")
@shared("out", help="Run directory to make. Default: runs/demo.")
@output_options
def command(seed: int, threads: int | None, out: Path | None, as_json: bool, quiet: bool) -> int:
    """Train a small network on handwritten digits on an emulated chip, in about a minute.

    Every neuron sends only bits, in training and at test time, and every core learns after every
    sample, in the integers of a Loihi chip, writing its own copies of the weights. What that
    costs is reported: modelled, not measured. In the end other engines run it too, in the same
    integers: the plain reference, and Lava where it is installed. Exit status 1 if the test error,
    there or with the weights mapped anew, is not below 5 %, or if another engine finds other bits.
    """
    from eqchip.backends.crosscheck_run import crosscheck_run
    from eqchip.emulator.training.runs import free_path
    from eqchip.training import train

    output = Output(as_json, quiet)
    path = free_path(Path("runs/demo")) if out is None else out
    trained = train(
        "digits", on_chip=CHIP, out=path, seed=seed, threads=threads, progress=output.listener
    )
    learning.show(output, trained)
    on_chip = _put_on_chip(output, trained.run, threads)
    checked = crosscheck_run(
        trained.run, samples=CHECKED_SAMPLES, precision="chip", threads=threads,
        progress=output.listener,
    )  # fmt: skip
    checking.show(output, checked)
    found = {"format": FORMAT, "on_chip": on_chip, "crosscheck": checked.to_dict()}
    output.result({**trained.to_dict(), **found})
    if not checked.equal:
        output.message("Another engine finds other bits; the demo promises the same.")
        return 1
    worst = max(trained.outcome.test.error, on_chip["test_error"])
    if worst >= PROMISED_ERROR:
        output.message(f"The test error is {worst:.2f} %; the demo promises less than 5 %.")
        return 1
    return 0


def _put_on_chip(output: Output, run: RunDirectory, threads: int | None) -> dict[str, Any]:
    """Map the network, classify the test set in the chip's integers, and report its cost."""
    from eqchip.emulator.training.classifier import Classifier
    from eqchip.emulator.training.run_data import data_of
    from eqchip.hw_reports.draw import write
    from eqchip.hw_reports.make import Request, make_report
    from eqchip.hw_reports.show import terminal as tables

    reported = make_report(run, Request(chip=CHIP, threads=threads), output.listener)
    document, mapped = reported.document, reported.replay.mapped
    assert mapped is not None
    data = data_of(run)
    classifier = Classifier(run.config, mapped.network, threads, fixed=mapped.chip.arithmetic)
    tally = classifier.classify(data.test_x, data.test_y, output.listener)
    page = write(reported.document, run.report).page
    output.table(*tables.training(document))
    tight = mapped.tightest
    output.text(
        f"{mapped.cores} of {mapped.mesh.sites} cores of {CHIP} (tightest: "
        f"{tight.resource.replace('_', ' ')}, {100 * tight.used / tight.limit:.0f} %); test error "
        f"in its integers: {tally.error:.2f} %, {tally.saturations:,} states clipped"
    )
    output.text(f"Report: {page}")
    return {
        "chip": CHIP,
        "cores": mapped.cores,
        "test_error": tally.error,
        "saturations": tally.saturations,
        "report": str(page),
        "training_cost": document["training_cost"],
    }
