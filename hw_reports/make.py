"""From a run directory to a report, in Python and on disk: ``eqchip.report``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from eqchip.emulator.description.asynchronous import Asynchronous, Timing, timing_of
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.learners import row_of
from eqchip.emulator.training.run_data import data_of
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.hw_reports.counting.replay import check_ready, replay
from eqchip.hw_reports.counting.samples import SAMPLES
from eqchip.hw_reports.document.compare import compare
from eqchip.hw_reports.document.report import report as report_document
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.document.sensitivity import totals
from eqchip.hw_reports.document.what_if import Form, form_of
from eqchip.hw_reports.draw import write
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import costs
from eqchip.hw_reports.pricing.epochs import mean_row
from eqchip.hw_reports.pricing.sensitivity import Price, Sensitivity, Totals, sensitivity
from eqchip.hw_reports.rule_report import document_of_rule
from eqchip.mapping.chip_file.chip import USUAL, Chip, load_chip
from eqchip.mapping.placement.place import Placement

if TYPE_CHECKING:
    from eqchip.emulator.data.dataset import Dataset
    from eqchip.hw_reports.counting.replay import Replay
    from eqchip.hw_reports.pricing.account_types import Accounts


SPREADS = (1, 2, 4, 8)  # times the cores asked for, that a page reckons with
Named = str | Path | Chip  # in which a chip may be told


@dataclass(frozen=True)
class Request:
    """What a report is asked of, besides the run.

    Attributes
    ----------
    chip : str
        The name of a chip, or a chip file.
    chips : int or None
        The most chips; None: as many as are needed.
    spread : int
        Split every layer over so many times the fewest cores.
    placement : {"hops", "energy", "time", "naive"}
        What the placement makes small.
    samples : int
        Training samples to replay, and as many for inference.
    data : path or None
        Where the data set lies.
    threads : int or None
    timing : Asynchronous or None
        Run the samples without a global clock: time is simulated time. None: in time steps.
    """

    chip: str | Path | Chip = USUAL
    chips: int | None = 1
    spread: int = 1
    samples: int = SAMPLES
    data: str | Path | None = None
    threads: int | None = None
    timing: Asynchronous | None = None
    placement: Placement = "hops"


@dataclass(frozen=True)
class Reported:
    """A report, and what it was made from."""

    replay: Replay
    accounts: Accounts
    document: dict[str, Any]


def report(
    run: RunDirectory | str | Path,
    other: RunDirectory | str | Path | None = None,
    *,
    chip: str | Path | Chip | Sequence[str | Path | Chip] = USUAL,
    chips: int | Sequence[str | Path | Chip] | None = 1,
    spread: int = 1,
    placement: Placement = "hops",
    samples: int = SAMPLES,
    data: str | Path | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
    timing: Timing = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What the network of a run costs on a chip, of training first: modelled, not measured.

    Samples are run once more in the chip's integers and counted, core by core; the chip file
    prices the counts.

    Parameters
    ----------
    run : RunDirectory or path
    other : RunDirectory or path, optional
        A second run on the same chip, to compare.
    chip : str, path or Chip, or a sequence of them
        Name of a chip, or a chip file; several are set side by side.
    chips : int, None or a sequence as of `chip`
        The most chips to use; None: as many as are needed. Or the chips to set side by side, as
        `chip`: ``chips=["loihi1-davies", "loihi2"]``.
    spread : int
        Split every layer over so many times the fewest cores: faster, more messages.
    placement : {"hops", "energy", "time", "naive"}
        What the placement makes small (:func:`eqchip.map_network`).
    samples : int
        Training samples to replay, and as many for inference.
    data : path, optional
        Directory of the IDX files, or the file of one's own data. Default: where they came from.
    out : path, optional
        Directory to write report.json, report.html and pictures to, and, of one run, report.csv; of
        several chips, a folder for each as well. Default: nothing is written.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    timing : Asynchronous or "sync", optional
        Run the samples without a global clock: time is simulated time. Default: as the first run
        was trained.
    progress : Progress, optional

    Returns
    -------
    dict
        What report.json holds: the report, or the comparison of several.

    Raises
    ------
    InputError
        If a run has no trained network yet or does not fit the chip, or an argument is wrong.
    """
    first = RunDirectory.of(run)
    found = timing_of(first.config.timing, timing)
    names, most = named_chips(chip, chips)
    if other is not None and len(names) > 1:
        raise InputError(
            f"report: a second run is given with {len(names)} chips; expected two runs on one "
            "chip, or one run on several"
        )
    runs = [first] if other is None else [first, RunDirectory.of(other)]
    requests = [
        Request(name, most, spread, samples, data, threads, found, placement) for name in names
    ]
    _check_alone(runs, len(runs) * len(requests))
    reports = [
        row_of(DOCUMENTS, one.config).document(one, request, progress)
        for one in runs
        for request in requests
    ]
    document = reports[0] if len(reports) == 1 else compare(*reports)
    if out is not None:
        write(document, Path(out))
        if len(names) > 1:
            for one in reports:
                write(one, Path(out) / one["chip"]["name"])
    return document


def _check_alone(runs: Sequence[RunDirectory], reports: int) -> None:
    """Refuse to set side by side what no comparison is made of."""
    for run in runs:
        if reports > 1 and not row_of(DOCUMENTS, run.config).compares:
            raise InputError(
                f"report: {run.path} was trained by a rule of spikes, and is given with another "
                "run or chip; expected one run on one chip, or eqchip rules, which sets rules side "
                "by side"
            )


def named_chips(
    chip: Named | Sequence[Named], chips: int | Sequence[Named] | None
) -> tuple[list[Named], int | None]:
    """The chips to price a run on, each of another name, and the most of each to use.

    Raises
    ------
    InputError
        If there is none, or two have one name: each has a folder of its name.

    Examples
    --------
    >>> named_chips("loihi2", None), named_chips("loihi1-davies", ["loihi2", "loihi1-davies"])
    ((['loihi2'], None), (['loihi2', 'loihi1-davies'], 1))
    """
    given, most = (chip, chips) if chips is None or isinstance(chips, int) else (chips, 1)
    found: list[Named] = [given] if isinstance(given, (str, Path, Chip)) else list(given)
    if not found:
        raise InputError("report: no chip is named; expected at least one")
    names = [load_chip(one).name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"report: chip {twice} is given twice; expected chips of different names")
    return found, most


def make_report(run: RunDirectory, request: Request, progress: Progress | None = None) -> Reported:
    """Replay samples of a run on a chip, count, and price the counts.

    Raises
    ------
    InputError
        If the run has no trained network yet, does not fit the chip, or an argument is wrong.
    """
    dataset = _data_for(run, request, progress)
    replayed = replay_of(run, request, progress, dataset)
    accounts, rows = account(replayed), epochs_of(run).rows
    moved = moved_with(replayed, rows)
    forms = [*_forms(run, request, dataset, replayed, rows)]
    made = report_document(
        replayed, accounts, run, str(request.chip), provenance(command_line()), moved, forms
    )
    return Reported(replayed, accounts, made)


class Documented(NamedTuple):
    """How the document of a run is made, and whether those of several are set side by side."""

    document: Callable[[RunDirectory, Request, Progress | None], dict[str, Any]]
    compares: bool


def _of_phases(run: RunDirectory, request: Request, progress: Progress | None) -> dict[str, Any]:
    return make_report(run, request, progress).document


def _of_rule(run: RunDirectory, request: Request, progress: Progress | None) -> dict[str, Any]:
    return document_of_rule(run, request)


# By what trains a run, or what that derives from.
DOCUMENTS: dict[type, Documented] = {
    Learning: Documented(_of_phases, True),
    OnChip: Documented(_of_phases, True),
    SpikingRule: Documented(_of_rule, False),
}


def _forms(
    run: RunDirectory,
    request: Request,
    dataset: Dataset,
    replayed: Replay,
    rows: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[int, int, Form]]:
    """What a page may reckon with: of the mapping asked for, and of ones over more cores.

    Of as many chips as were asked for, or where any number was, as are used.
    """
    most = request.chips if replayed.mapped is None else request.chips or replayed.mapped.chips
    for times in SPREADS:
        if times > 1:
            if replayed.mapped is None or request.timing is not None:
                return
            other = replace(request, spread=times * request.spread, chips=most)
            try:
                found = replay_of(run, other, dataset=dataset)
            except InputError:  # more cores than there are, or than a layer can be cut into
                return
            if found.mapped is None or found.mapped.cores <= replayed.mapped.cores:
                return
            replayed = found
        form = form_of(replayed, account(replayed), rows, pricing_of(replayed, rows))
        if form is None:
            return
        mapped = replayed.mapped
        yield (0, 1, form) if mapped is None else (mapped.cores, mapped.chips, form)


def moved_with(replayed: Replay, rows: Sequence[Mapping[str, Any]]) -> Sensitivity:
    """How far the costs of a replay move with the coefficients of its chip; `rows`: its metrics."""
    costs(replayed, account(replayed), rows)  # refuses metrics that tell too little
    return sensitivity(replayed.chip, pricing_of(replayed, rows))


def pricing_of(replayed: Replay, rows: Sequence[Mapping[str, Any]]) -> Price:
    """From a chip with other prices to the totals of a replay."""
    mean = [mean_row(rows)]

    def priced(chip: Chip) -> Totals:
        other = replayed.priced_by(chip)
        return totals(costs(other, account(other), mean))

    return priced


def replay_of(
    run: RunDirectory,
    request: Request,
    progress: Progress | None = None,
    dataset: Dataset | None = None,
) -> Replay:
    """Replay samples of a run on a chip; errors as of :func:`make_report`.

    `dataset`: that of the run, where it is loaded already.
    """
    return replay(
        run,
        load_chip(request.chip),
        _data_for(run, request, progress) if dataset is None else dataset,
        samples=request.samples,
        chips=request.chips,
        spread=request.spread,
        placement=request.placement,
        timing=request.timing,
        threads=request.threads,
        progress=progress,
    )


def _data_for(run: RunDirectory, request: Request, progress: Progress | None) -> Dataset:
    """The data of a run that can be replayed on the chip asked for."""
    _check_cores(load_chip(request.chip), request)
    check_ready(run)
    return data_of(run, request.data, progress=progress is not None)


def _check_cores(chip: Chip, request: Request) -> None:
    """Refuse what would be ignored by a chip that nothing is placed on."""
    for name, usual in (("chips", 1), ("spread", 1), ("placement", "hops")):
        value = getattr(request, name)
        if chip.model != "cores" and value != usual:
            raise InputError(
                f"report: {name} is {value}, but chip {chip.name} has no cores; expected {usual}"
            )
