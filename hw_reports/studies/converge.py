"""How fast each coding converges, measured and written down: ``eqchip.converge``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_text
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.convergence import Experiment, Study, check_repeats, measure
from eqchip.emulator.studies.convergence_search import (
    STORED,
    Objective,
    Parameters,
    make_codings,
    read_settings,
    settings_to_toml,
)
from eqchip.emulator.studies.convergence_search import (
    search as search_settings,
)
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.runs import provenance
from eqchip.hw_reports.studies import convergence as words
from eqchip.hw_reports.studies.convergence_plot import save
from eqchip.hw_reports.studies.written import invocation, made_folder, write_study

STORED_NAME = "stored"
TRIALS = 40


@dataclass(frozen=True)
class Convergence:
    """A convergence study, and the document that its figure is drawn from.

    Attributes
    ----------
    study : Study
    parameters : dict of str to dict
        Of each coding.
    document : dict
        What converge.json holds.
    """

    study: Study
    parameters: dict[str, Parameters]
    document: dict[str, Any]


def converge(
    network: tuple[int, ...] = (500, 500, 10),
    *,
    steps: int = 500,
    repeats: int = 20,
    inputs: int = 20,
    objective: Objective = "end",
    search: bool = False,
    trials: int | None = None,
    settings: str | Path | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Convergence:
    """Measure how fast each coding reaches the fixed point of the real-valued network.

    Random networks relax from 0; half way their outputs begin to be nudged.

    Parameters
    ----------
    network : tuple of int
        Units per layer of the random networks.
    steps : int
        Time steps; the output is nudged in the second half.
    repeats, inputs : int
        Random networks to average over, at least 2, and random inputs for each.
    objective : {"end", "mean"}
        Settings that minimise the error at the end of each half, or over all steps.
    search : bool
        Search settings anew, on other networks, instead of using the stored ones.
    trials : int, optional
        With `search`: settings tried per coding. Default: 40.
    settings : path, optional
        The settings.toml of an earlier search.
    seed : int
    out : path, optional
        Directory to write converge.json, converge.csv and converge.png to, and, with `search`,
        settings.toml. Default: nothing is written.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional

    Raises
    ------
    InputError
        If an argument is wrong or without effect, or a network has no fixed point.

    Examples
    --------
    >>> found = converge((6, 5, 2), steps=20, repeats=2, inputs=2)
    >>> found.document["settings"], found.document["experiment"]["networks"]
    ('stored', 2)
    """
    if search and settings is not None:
        raise InputError("--settings is given with --search, which finds them anew; expected one")
    if not search and trials is not None:
        raise InputError("--trials is given without --search; expected both, or neither")
    threads = resolve_threads(threads)
    experiment = Experiment(layers=network, steps=steps, inputs=inputs, seed=seed)
    check_repeats(repeats)
    tried = TRIALS if search and trials is None else trials
    asked = invocation(
        "converge", network=tuple(network), steps=steps, repeats=repeats, inputs=inputs,
        objective=objective, search=search, trials=tried, settings=settings, seed=seed,
    )  # fmt: skip
    folder = made_folder(out)
    listener = progress or Silent()
    if tried is not None:
        parameters = _searched(experiment, tried, objective, threads, folder, asked, listener)
        source = f"searched, {tried} trials"
    else:
        parameters = _kept(experiment, settings, objective, listener)
        source = STORED_NAME if settings is None else str(settings)
    study = measure(
        experiment, make_codings(parameters), repeats=repeats, threads=threads, progress=listener
    )
    document = words.document(
        study,
        parameters,
        objective=objective,
        settings=source,
        provenance=provenance(asked),
    )
    write_study(folder, "converge", document, save, words.to_csv(document))
    return Convergence(study, parameters, document)


def _searched(
    experiment: Experiment,
    trials: int,
    objective: Objective,
    threads: int,
    out: Path | None,
    asked: str,
    progress: Progress,
) -> dict[str, Parameters]:
    """Settings that are found anew, and kept in a file."""
    found = search_settings(
        experiment, trials=trials, objective=objective, threads=threads, progress=progress
    )
    if out is not None:
        path = out / "settings.toml"
        write_text(path, settings_to_toml(found, experiment, objective, asked))
        progress.message(f"Settings found: {path}")
    return {name: best.parameters for name, best in found.items()}


def _kept(
    experiment: Experiment, file: str | Path | None, objective: Objective, progress: Progress
) -> dict[str, Parameters]:
    """Settings that were found before."""
    settings = read_settings(STORED if file is None else Path(file), objective)
    if (settings.layers, settings.steps) != (experiment.layers, experiment.steps):
        progress.message(
            f"The settings were found for {'-'.join(map(str, settings.layers))} and "
            f"{settings.steps} steps; --search finds those for this experiment"
        )
    return settings.parameters
