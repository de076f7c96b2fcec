"""``eqchip crosscheck``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.output import Output, output_options

if TYPE_CHECKING:
    from eqchip.backends.crosscheck import Checked, Checkup
    from eqchip.emulator.training.runs import RunDirectory

FORMAT = "eqchip-crosscheck 1"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--against", metavar="ENGINES",
    help="Engines to compare with: lava, brian2, reference, several by commas. Default: all "
    "that run here.",
)  # fmt: skip
@click.option("--samples", type=int, default=10, show_default=True, help="Of the test set.")
@click.option("--free-steps", type=int, help="Steps of the free phase. Default: as in training.")
@click.option(
    "--precision", type=click.Choice(("float64", "chip")),
    help="Numbers to compute with; chip: a chip's integers. Default: both.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option("--threads", type=int, help="Of the emulator. Default: all processors.")
@output_options
def command(
    run: Path,
    against: str | None,
    samples: int,
    free_steps: int | None,
    precision: Checked | None,
    data: Path | None,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """The trained network of a RUN on every engine: bits and potentials, step by step.

    Test samples go through the phases of training on the emulator and on each other engine.
    Exit status 1 if one differs; the first step at which it does is shown.
    """
    from eqchip.emulator.training.runs import RunDirectory

    output = Output(as_json, quiet)
    named = None if against is None else [name.strip() for name in against.split(",")]
    document = cross_check(
        output, RunDirectory(run), named, samples, precision=precision, free_steps=free_steps,
        data=data, threads=threads,
    )  # fmt: skip
    output.result(document)
    return 0 if document["equal"] else 1


def cross_check(
    output: Output,
    directory: RunDirectory,
    named: Sequence[str] | None,
    samples: int,
    *,
    precision: Checked | None = None,
    free_steps: int | None = None,
    data: Path | None = None,
    threads: int | None = None,
) -> dict[str, Any]:
    """Compare a run's network on the named engines, or all that run here; show and return it."""
    from eqchip.backends.crosscheck import CHECKED, choose, crosscheck, pose_run
    from eqchip.emulator.data.datasets import load
    from eqchip.emulator.errors import InputError

    engines = choose(named, precision)
    config, network = directory.config, directory.network()
    dataset = load(config.dataset, data, progress=not output.quiet)
    problems = []
    for one in CHECKED if precision is None else (precision,):
        if not any(one in engine.tolerances for engine in engines):
            continue
        try:
            problems.append(
                pose_run(
                    config, network, dataset,
                    samples=samples, precision=one, free_steps=free_steps,
                )
            )  # fmt: skip
        except InputError as error:  # a coding that no chip computes is still checked in floats
            if not problems:
                raise
            output.message(f"precision {one!r} left out: {error}")

    found: list[Checkup] = []
    with output.bar("Cross-checking", len(problems) * (1 + len(engines))) as bar:
        for problem in problems:
            for checkup in crosscheck(problem, engines, threads):
                if checkup.refusal and named is not None:
                    raise InputError(checkup.refusal)
                if checkup.refusal:
                    output.message(
                        f"{checkup.engine}, {checkup.precision}, left out: {checkup.refusal}"
                    )
                found.append(checkup)
                bar.advance(engine=checkup.engine, precision=checkup.precision)
    steps = problems[0].steps
    _show(
        output,
        found,
        f"{directory.path}: {samples} test samples of {config.dataset}, {steps} steps each",
    )
    equal = all(one.comparison is None or one.comparison.equal for one in found)
    return {
        "format": FORMAT,
        "run": str(directory.path),
        "dataset": config.dataset,
        "samples": samples,
        "steps": steps,
        "equal": equal,
        "engines": [_entry(one) for one in found],
    }


def _show(output: Output, found: Sequence[Checkup], title: str) -> None:
    """One table, and a line for every engine that differs."""
    compared = [(one, one.comparison) for one in found if one.comparison is not None]
    rows = [
        (
            *(one.engine, one.precision, f"{comparison.bits:,}", f"{comparison.mismatches:,}"),
            *(f"{comparison.largest:.2g}", f"{one.seconds:.2f}"),
        )
        for one, comparison in compared
    ]
    rows += [
        (one.engine, one.precision, "", "", "", f"{one.seconds:.2f}")
        for one in found
        if one.comparison is None and one.refusal is None
    ]
    columns = (
        "engine", "precision", "bits compared", "mismatches", "potentials differ by", "seconds"
    )  # fmt: skip
    output.table(title, columns, rows)
    for one, comparison in compared:
        if not comparison.equal:
            output.text(f"{one.engine}, {one.precision}, differs first in {comparison.first}")


def _entry(one: Checkup) -> dict[str, Any]:
    """A row of the JSON document."""
    entry: dict[str, Any] = {"engine": one.engine, "precision": one.precision}
    if one.refusal:
        return {**entry, "left_out": one.refusal}
    entry["seconds"] = one.seconds
    if one.comparison is None:
        return entry
    first, largest = one.comparison.first, one.comparison.largest
    return {
        **entry,
        "bits": one.comparison.bits,
        "mismatches": one.comparison.mismatches,
        "largest_difference": largest if isfinite(largest) else None,
        "tolerance": one.tolerance,
        "equal": one.comparison.equal,
        "first_difference": None if first is None else asdict(first),
    }
