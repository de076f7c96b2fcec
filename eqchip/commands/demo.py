"""``eqchip demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.output import Output, output_options
from eqchip.commands.crosscheck import cross_check
from eqchip.commands.train import free_path, train_and_show

if TYPE_CHECKING:
    from eqchip.emulator.training.runs import RunDirectory

PROMISED_ERROR = 5.0  # percent on the test set, see the README
CHIP = "loihi1-davies"
CHECKED_SAMPLES = 5


@click.command()
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Run directory to make. Default: runs/demo."
)
@output_options
def command(threads: int | None, out: Path | None, as_json: bool, quiet: bool) -> int:
    """Train a small network on handwritten digits on an emulated chip, in about a minute.

    Every neuron sends only bits, in training and at test time, and every core learns after every
    sample, in the integers of a Loihi chip, writing its own copies of the weights. What that
    costs is reported: modelled, not measured. In the end other engines run it too: the plain
    reference, and Brian2 and Lava where they are installed. Exit status 1 if the test error,
    there or with the weights mapped anew, is not below 5 %, or if another engine finds other bits.
    """
    from eqchip.emulator.training.presets import preset
    from eqchip.emulator.training.runs import RunDirectory, command_line
    from eqchip.mapping.chip_file.chip import load_chip

    output = Output(as_json, quiet)
    config = preset("digits", on_chip={"fixed": load_chip(CHIP).arithmetic})
    path = out or free_path(Path("runs/demo"))
    trained = train_and_show(
        output,
        lambda: RunDirectory.create(path, config, command_line()),
        config,
        None,
        threads,
        5.0,
    )
    on_chip = _put_on_chip(output, RunDirectory(path), threads)
    checked = cross_check(output, RunDirectory(path), None, CHECKED_SAMPLES, threads=threads)
    output.result({**trained, "on_chip": on_chip, "crosscheck": checked})
    if not checked["equal"]:
        output.message("Another engine finds other bits; the demo promises the same.")
        return 1
    worst = max(trained["test_error"], on_chip["test_error"])
    if worst >= PROMISED_ERROR:
        output.message(f"The test error is {worst:.2f} %; the demo promises less than 5 %.")
        return 1
    return 0


def _put_on_chip(output: Output, run: RunDirectory, threads: int | None) -> dict[str, Any]:
    """Map the network, classify the test set in the chip's integers, and report its cost."""
    from eqchip.emulator.data.datasets import load
    from eqchip.emulator.training.classifier import Classifier
    from eqchip.hw_reports.draw import write
    from eqchip.hw_reports.make import Request, make_report
    from eqchip.hw_reports.show import terminal as tables

    reported = make_report(run, Request(chip=CHIP, threads=threads), output, output.quiet)
    document, mapped = reported.document, reported.replay.mapped
    assert mapped is not None
    data = load(run.config.dataset)
    classifier = Classifier(run.config, mapped.network, threads, fixed=mapped.chip.arithmetic)
    tally = classifier.classify(data.test_x, data.test_y, output)
    page = write(reported.document, run.report).page
    output.table(*tables.training(document))
    tight = mapped.tightest
    output.text(
        f"{len(mapped.parts)} of {mapped.mesh.sites} cores of {CHIP} (tightest: "
        f"{tight.resource.replace('_', ' ')}, {100 * tight.used / tight.limit:.0f} %); test error "
        f"in its integers: {tally.error:.2f} %, {tally.saturations:,} states clipped"
    )
    output.text(f"Report: {page}")
    return {
        "chip": CHIP,
        "cores": len(mapped.parts),
        "test_error": tally.error,
        "saturations": tally.saturations,
        "report": str(page),
        "training_cost": document["training_cost"],
    }
