"""A training run on disk, with what it costs: ``eqchip.load_run``."""

from __future__ import annotations

from pathlib import Path

from eqchip.emulator.progress import Progress
from eqchip.emulator.training import runs
from eqchip.hw_reports.cost import cost_of_training
from eqchip.hw_reports.counting.samples import SAMPLES
from eqchip.hw_reports.make import Request
from eqchip.hw_reports.pricing.costs import Costs
from eqchip.mapping.chip_file.chip import USUAL, Chip
from eqchip.mapping.placement.place import Placement


class RunDirectory(runs.RunDirectory):
    """The files of one training run.

    ``network()`` is what was learned, ``config`` how, ``metrics()`` and ``records()`` what every
    epoch did, ``firing_rates()`` those of its layers, ``cost(chip)`` what it takes on a chip.

    Parameters
    ----------
    path : path-like
        Of an existing run; ``RunDirectory.create(path, config)`` makes a new one, which
        :func:`eqchip.fit` trains.

    Raises
    ------
    InputError
        If there is no run in it.
    """

    def cost(
        self,
        chip: str | Path | Chip = USUAL,
        *,
        chips: int | None = 1,
        spread: int = 1,
        placement: Placement = "hops",
        samples: int = SAMPLES,
        data: str | Path | None = None,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> Costs:
        """What its training cost on a chip, modelled: :func:`eqchip.report` without the report.

        Parameters
        ----------
        chip : str, path or Chip
            Name of a chip, or a chip file.
        chips, spread, placement, samples, data, threads, progress
            As of :func:`eqchip.report`.

        Returns
        -------
        Costs
            ``training``, ``last`` and ``inference``, each with ``energy`` and ``seconds``; and
            ``records()`` for pandas.

        Raises
        ------
        InputError
            As :func:`eqchip.report`.
        """
        timing = self.config.timing
        asked = Request(chip, chips, spread, samples, data, threads, timing, placement)
        return cost_of_training(self, asked, progress)


def load_run(path: RunDirectory | str | Path) -> RunDirectory:
    """A training run that was kept on disk, finished or not.

    Parameters
    ----------
    path : path-like
        Its directory, as :func:`eqchip.train` and ``eqchip train`` make it.

    Raises
    ------
    InputError
        If there is no run in it.
    """
    return RunDirectory(Path(path.path if isinstance(path, runs.RunDirectory) else path))
