"""Trainings, entries, the table and its pictures, of a plan: ``eqchip.rules``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.notation import parse
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.files import replacing, write_text
from eqchip.emulator.locks import claimed
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.runs import command_line, provenance
from eqchip.hw_reports.studies.anchors import anchors
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.rulebench.entry import Entry, read_entry
from eqchip.rulebench.measure import entry_of
from eqchip.rulebench.plan import (
    EP,
    LEARNS_ON,
    OFF_CHIP,
    Plan,
    Planned,
    make_plan,
    read_plan,
)
from eqchip.rulebench.table import table_of, to_csv
from eqchip.rulebench.trainings import Training, dataset_of, done, train_all, trainings_of
from eqchip.rulebench.yardsticks import Yardstick, yardstick
from eqchip.settings import configuration

# What is run without a file: digits, seconds a training.
USUAL: dict[str, Any] = {
    "format": "eqchip-rules 1",
    "seeds": [0],
    "entry": [
        {
            "rule": rule, "way": "common", "dataset": "digits", "network": "64-100-10",
            "settings": settings,
            "tuning": {"trials": 0, "epochs": 0, "chosen_on": "nothing",
                       "note": "the settings of the data set"},
        }
        for rule, settings in (
            ("ep", {"epochs": 20}),
            ("graded", {"epochs": 20, "steps": 24}),
            ("emstdp", {"epochs": 20, "steps": 24}),
            ("erbp", {"epochs": 20, "steps": 24}),
            ("nbp", {"epochs": 20}),
        )
    ],
}  # fmt: skip


def rules(
    plans: str | Path | Sequence[str | Path] = (),
    *,
    out: str | Path = "runs/rules",
    beside: Sequence[str | Path] = (),
    data: str | Path | None = None,
    workers: int | None = None,
    finished: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learning rules on one chip: test error against energy, time, memory and writes.

    Trainings that were stopped or killed go on where they were; finished ones are kept. The test
    samples of each are read once, after its last epoch.

    Parameters
    ----------
    plans : path or sequence of path
        Files of entries with their settings. Default: every rule on digits, seed 0.
    out : path
        Directory of the runs, the entries, the table and its pictures.
    beside : sequence of path
        Files of entries that others made, to stand in the table.
    data : path, optional
        Directory of the IDX files, or of a folder of them for each data set. Default: EQCHIP_DATA,
        or a download.
    workers : int, optional
        Trainings at a time. Default: all processors. Results do not depend on it.
    finished : bool
        Train nothing: the table of what is finished.
    progress : Progress, optional

    Returns
    -------
    dict
        The table: ``rows``, one for each entry and chip that prices it, and ``residuals``, what
        the model of each chip says of runs that were measured.

    Raises
    ------
    InputError
        If a plan, an entry or a setting is wrong, or `out` holds runs of other settings.
    """
    if workers is not None:
        check_whole("--workers", workers, 1)
    files = [plans] if isinstance(plans, (str, Path)) else list(plans)
    read = [read_plan(Path(file), configure) for file in files] or [
        make_plan(USUAL, "the usual plan", configure)
    ]
    others = [read_entry(Path(file)) for file in beside]
    folder, listener = Path(out), progress or Silent()
    for chip in {chip for plan in read for chip in plan.chips}:
        load_chip(chip)
    trainings = [one for plan in read for one in trainings_of(plan, folder, configure)]
    _check_once(trainings, others)
    place = None if data is None else str(data)
    folder.mkdir(parents=True, exist_ok=True)
    with claimed(folder, "training these rules", listener):
        if not finished:
            _train(trainings, place, resolve_threads(workers), listener)
        made = [entry for plan in read for entry in _entries(plan, folder, place, listener)]
        entries = [*made, *others]
        if not entries:
            raise InputError(f"{folder}: no entry is finished; expected some, or trainings")
        document = table_of(entries, provenance(command_line()))
        document["residuals"] = residuals({chip for plan in read for chip in plan.chips})
        _write(document, folder)
    return document


def configure(planned: Planned, seed: int) -> Config | Yardstick:
    """All settings of one training of an entry.

    Raises
    ------
    InputError
        If a setting is wrong; names the entry.
    """
    given: dict[str, Any] = {**planned.settings, "seed": seed}
    if planned.rule != EP:
        given["rule"] = planned.rule
    elif "step_size" in given:  # a number, in a file
        given["step_size"] = Polynomial(given["step_size"])
    try:
        if planned.rule in OFF_CHIP:
            layers = [n for n in parse(planned.network) if isinstance(n, int)]
            return yardstick(planned.rule, planned.dataset, layers, seed, planned.settings)
        return configuration(
            planned.dataset, network=planned.network, on_chip=LEARNS_ON, settings=given
        )
    except InputError as error:
        raise InputError(f"entry {planned.name}: {error}") from None


def _check_once(trainings: Sequence[Training], others: Sequence[Entry]) -> None:
    """Refuse two entries of one name: one would take the place of the other."""
    names = [one.name for one in trainings]
    names += [entry.name for entry in others]
    for n, name in enumerate(names):
        if name in names[:n]:
            raise InputError(f"{name} is asked for twice; expected each entry once")


def _train(
    trainings: Sequence[Training], data: str | None, workers: int, progress: Progress
) -> None:
    left = [one for one in trainings if done(one) is None]
    count = len(trainings)
    if len(left) < count:
        progress.message(f"Going on: {count - len(left)} of {count} trainings are done")
    with progress.bar("Trainings", count, count - len(left)) as bar:
        for name in train_all(left, data, workers, command_line(), progress):
            progress.message(f"Done: {name}")
            bar.advance()


def _entries(plan: Plan, folder: Path, data: str | None, progress: Progress) -> Iterator[Entry]:
    """An entry of each that has a finished training, kept in a file."""
    trainings = trainings_of(plan, folder, configure)
    for planned in plan.entry:
        of_seeds = [one for one in trainings if one.planned is planned]
        found = [(one, left) for one in of_seeds if (left := done(one)) is not None]
        if not found:
            progress.message(f"Not finished, left out: {planned.name}")
            continue
        missing = len(of_seeds) - len(found)
        entry = entry_of(
            planned, [left for _, left in found], found[0][0].config, plan.chips,
            dataset_of(planned.dataset, data),
            [f"{missing} of {len(of_seeds)} seeds are not trained"] if missing else [],
        )  # fmt: skip
        (folder / "entries").mkdir(exist_ok=True)
        text = json.dumps(entry.model_dump(mode="json"), indent=1) + "\n"
        write_text(folder / "entries" / f"{entry.name}.json", text)
        yield entry


def residuals(chips: set[str]) -> dict[str, Any]:
    """What the model of each chip says of measured runs that nothing was fitted to."""
    return {chip: anchors(chip)["held_out"] for chip in sorted(chips) if load_chip(chip).cores}


def _write(document: dict[str, Any], folder: Path) -> None:
    """The table as JSON and CSV, and a picture for each data set and chip."""
    from eqchip.rulebench.draw import draw

    write_text(folder / "rules.json", json.dumps(document, indent=1) + "\n")
    write_text(folder / "rules.csv", to_csv(document))
    for dataset, chip in dict.fromkeys((row["dataset"], row["chip"]) for row in document["rows"]):
        with replacing(folder / f"{dataset}-{chip}.png") as image:
            draw(document, dataset, chip, image)
