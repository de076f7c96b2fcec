"""``eqchip converge``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Literal

import click

from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import Layers
from eqchip.emulator.errors import InputError

STORED_NAME = "stored"


@click.command()
@click.option(
    "--layers", type=Layers(), default="500-500-10", show_default=True,
    help="Units per layer of the random networks.",
)  # fmt: skip
@click.option(
    "--steps", type=int, default=500, show_default=True,
    help="Time steps; the output is nudged in the second half.",
)  # fmt: skip
@click.option(
    "--repeats", type=int, default=20, show_default=True, help="Random networks to average over."
)
@click.option(
    "--inputs", type=int, default=20, show_default=True, help="Random inputs per network."
)
@click.option(
    "--objective", type=click.Choice(("end", "mean")), default="end", show_default=True,
    help="Settings that minimise the error at the end of each half, or over all steps.",
)  # fmt: skip
@click.option(
    "--search", "searching", is_flag=True,
    help="Search settings anew, on other networks, instead of using the stored ones.",
)  # fmt: skip
@click.option(
    "--trials", type=int, default=40, show_default=True,
    help="With --search: settings tried per coding.",
)  # fmt: skip
@click.option(
    "--settings", type=click.Path(path_type=Path), metavar="FILE",
    help="Use the settings.toml of an earlier search.",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/converge"), show_default=True,
    help="Directory of converge.json, converge.csv, converge.png; these are replaced.",
)  # fmt: skip
@click.option("--threads", type=int, help="Default: all processors. Results do not depend on it.")
@output_options
def command(
    layers: tuple[int, ...],
    steps: int,
    repeats: int,
    inputs: int,
    objective: Literal["end", "mean"],
    searching: bool,
    trials: int,
    settings: Path | None,
    seed: int,
    out: Path,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Measure how fast each coding reaches the fixed point of the real-valued network.

    Random networks relax from 0; half way their outputs begin to be nudged. The error is
    the mean distance of all units but the clamped input from the fixed point of the
    real-valued network. Codings differ in how they quantize (stochastic or sigma-delta),
    whether bits are predicted, and how step size and prediction are annealed.
    """
    from eqchip.emulator.files import replacing, write_text
    from eqchip.emulator.studies.convergence import Experiment, check_repeats, measure
    from eqchip.emulator.studies.convergence_search import make_codings
    from eqchip.emulator.threads import resolve_threads
    from eqchip.emulator.training.runs import provenance
    from eqchip.hw_reports.studies import convergence as report
    from eqchip.hw_reports.studies.convergence_plot import figure

    if searching and settings is not None:
        raise InputError("--settings is given with --search, which finds them anew; expected one")
    context = click.get_current_context()
    if not searching and context.get_parameter_source("trials") == (
        click.core.ParameterSource.COMMANDLINE
    ):
        raise InputError("--trials is given without --search; expected both, or neither")

    output = Output(as_json, quiet)
    threads = resolve_threads(threads)
    experiment = Experiment(layers=layers, steps=steps, inputs=inputs, seed=seed)
    check_repeats(repeats)
    invocation = _invocation(context)
    out.mkdir(parents=True, exist_ok=True)  # before the work: a bad place is told at once
    parameters, source = _parameters(
        output, experiment, objective, trials if searching else None, settings, threads, out,
        invocation,
    )  # fmt: skip
    study = measure(
        experiment, make_codings(parameters), repeats=repeats, threads=threads, progress=output
    )

    document = report.document(
        study,
        parameters,
        objective=objective,
        settings=source,
        provenance=provenance(invocation),
    )
    write_text(out / "converge.json", json.dumps(document, ensure_ascii=False) + "\n")
    write_text(out / "converge.csv", report.to_csv(document))
    with replacing(out / "converge.png") as file:
        figure(document).savefig(file, format="png")

    name = "-".join(map(str, layers))
    output.table(f"Settings ({source})", ["coding", "parameters"], report.setting_rows(parameters))
    output.table(
        f"1000 × mean |s - s*| with 95 % intervals, and spikes per unit and step: {repeats} "
        f"random {name} networks × {inputs} inputs, {steps} steps, nudged after "
        f"{experiment.free_steps}",
        report.error_columns(study),
        report.error_rows(study),
    )
    for line in document["findings"]:
        output.text(line)
    output.text(f"Figure: {out / 'converge.png'}  Data: {out / 'converge.json'}, converge.csv")
    output.result({"out": str(out), **document})
    return 0


def _parameters(
    output: Output,
    experiment: Any,
    objective: Literal["end", "mean"],
    trials: int | None,
    file: Path | None,
    threads: int,
    out: Path,
    invocation: str,
) -> tuple[dict[str, dict[str, float]], str]:
    """The settings of all codings, and where they come from."""
    from eqchip.emulator.files import write_text
    from eqchip.emulator.studies.convergence_search import (
        STORED,
        read_settings,
        search,
        settings_to_toml,
    )

    if trials is not None:
        found = search(
            experiment, trials=trials, objective=objective, threads=threads, progress=output
        )
        path = out / "settings.toml"
        write_text(path, settings_to_toml(found, experiment, objective, invocation))
        output.message(f"Settings found: {path}")
        return {name: best.parameters for name, best in found.items()}, f"searched, {trials} trials"
    settings = read_settings(file or STORED, objective)
    if (settings.layers, settings.steps) != (experiment.layers, experiment.steps):
        output.message(
            f"The settings were found for {'-'.join(map(str, settings.layers))} and "
            f"{settings.steps} steps; --search finds those for this experiment"
        )
    return settings.parameters, str(file) if file else STORED_NAME


def _invocation(context: click.Context) -> str:
    """The command that repeats this one, with the defaults of today written out."""
    words = ["eqchip", "converge"]
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        # By identity: a seed of 0 equals False.
        if value is None or value is False:
            continue
        if parameter.name in ("out", "threads", "as_json", "quiet"):
            continue
        if parameter.name == "trials" and not context.params["searching"]:
            continue
        words.append(parameter.opts[0])
        if value is not True:
            words.append("-".join(map(str, value)) if isinstance(value, tuple) else str(value))
    return shlex.join(words)
