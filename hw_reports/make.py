"""From a run directory to a report on disk: what `report` and `demo` share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.hw_reports.counting.replay import check_ready, replay
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing.accounts import account
from eqchip.mapping.chip_file.chip import load_chip

if TYPE_CHECKING:
    from eqchip.hw_reports.counting.replay import Replay
    from eqchip.hw_reports.pricing.account_types import Accounts


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
    samples : int
        Training samples to replay, and as many for inference.
    data : Path or None
        Where the data set lies.
    threads : int or None
    timing : Asynchronous or None
        Run the samples without a global clock: time is simulated time. None: in time steps.
    """

    chip: str = "loihi1-davies"
    chips: int | None = 1
    spread: int = 1
    samples: int = 20
    data: Path | None = None
    threads: int | None = None
    timing: Asynchronous | None = None


@dataclass(frozen=True)
class Reported:
    """A report, and what it was made from."""

    replay: Replay
    accounts: Accounts
    document: dict[str, Any]


def make_report(run: RunDirectory, request: Request, progress: Progress, quiet: bool) -> Reported:
    """Replay samples of a run on a chip, count, and price the counts.

    Raises
    ------
    InputError
        If the run has no trained network yet, does not fit the chip, or an argument is wrong.
    """
    chip = load_chip(request.chip)
    check_ready(run)
    replayed = replay(
        run,
        chip,
        load(run.config.dataset, request.data, progress=not quiet),
        samples=request.samples,
        chips=request.chips,
        spread=request.spread,
        timing=request.timing,
        threads=request.threads,
        progress=progress,
    )
    accounts = account(replayed)
    made = report(replayed, accounts, run, request.chip, provenance(command_line()))
    return Reported(replayed, accounts, made)
