"""A grid of settings trained on a chip, priced, and drawn: ``eqchip.sweep``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import load
from eqchip.emulator.errors import InputError, check_whole, is_amount
from eqchip.emulator.files import replacing, write_text
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.points_file import Points, check_code, missing
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.emulator.training.sweep import (
    USUAL,
    Settings,
    Sweep,
    check_same,
    key_of,
    make_sweep,
    name_of_point,
    read_sweep,
    to_toml,
)
from eqchip.emulator.training.sweep_points import (
    check_data,
    check_points,
    config_of,
)
from eqchip.emulator.training.sweep_rules import RULE
from eqchip.emulator.training.sweep_workers import Workers, open_workers
from eqchip.hw_reports.document.readable import amount
from eqchip.hw_reports.pricing.costs import Cost
from eqchip.hw_reports.pricing.learning_bytes import learning_bytes
from eqchip.hw_reports.pricing.totals import Sum, exactly, figure_dict
from eqchip.hw_reports.pricing.training_cost import training_cost
from eqchip.hw_reports.studies.sweep_plot import COSTS, pareto, save
from eqchip.mapping.chip_file.chip import USUAL as USUAL_CHIP
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.learning import learning_chip
from eqchip.mapping.placement.mapped import map_network

FORMAT = "eqchip-swept 1"
# What a line of a point holds of the chip that priced it.
MODELLED = ("chip", "chip_digest", "energy", "time", "memory_bytes")
NOT_KEPT = Sum(None, ("all: the run of the point was not kept",))


def sweep(
    file: str | Path | None = None,
    *,
    dataset: str | None = None,
    network: Sequence[int] | None = None,
    rule: str | None = None,
    axes: Mapping[str, Sequence[Any]] | None = None,
    out: str | Path = "runs/sweep",
    data: str | Path | None = None,
    chip: str = USUAL_CHIP,
    workers: int | None = None,
    dask: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train a grid of settings on the chip; accuracy against energy and memory.

    A sweep that was killed goes on where it was. Errors are those of validation samples; the test
    set is not read.

    Parameters
    ----------
    file : path, optional
        Names the network, the data set and the axes. Default: digits and the axes given; without
        any, the sweep begun in `out`, or a usual grid.
    dataset : str, optional
        In place of the file's.
    network : sequence of int, optional
        The units of its layers, in place of the file's.
    rule : str, optional
        A rule of integrate-and-fire units, in place of the file's. Default: Equilibrium
        Propagation.
    axes : mapping of str to sequence, optional
        Values of settings, e.g. ``{"weight_bits": [8, 4, 2]}``, in place of the file's.
    out : path
        Directory of the points and figures; a sweep that was begun in it goes on.
    data : path, optional
        Directory of the IDX files. Default: EQCHIP_DATA, or a download.
    chip : str
        Name or file of the chip that prices the points.
    workers : int, optional
        Points trained at a time. Default: all processors. The result does not depend on it.
    dask : str, optional
        Train on the Dask cluster whose scheduler is there, e.g. tcp://10.0.0.1:8786.
    progress : Progress, optional

    Returns
    -------
    dict
        What the figures show, and ``points``, the rows of all points.

    Raises
    ------
    InputError
        If the file, an axis or a point is wrong, the chip does not learn, or `out` holds another
        sweep.
    """
    if workers is not None:
        check_whole("--workers", workers, 1)
        if dask is not None:
            raise InputError(
                "--workers is given with --dask, whose cluster has its own; expected one"
            )
    read = load_chip(chip)
    if not read.learning:
        raise InputError(f"--chip {chip}: it does not learn on the chip; expected one that does")
    folder = Path(out)
    kept, points = folder / "sweep.toml", Points(folder / "points.jsonl")
    layers = None if network is None else list(network)
    asked = _asked(file, axes, kept, {"dataset": dataset, "layers": layers, RULE: rule})
    check_points(asked)
    _check_fits(asked, read)
    _check_kept(kept, asked)
    made = provenance(command_line())
    place = None if data is None else str(data)
    if place is not None or not kept.exists():
        check_data(asked, place)
    progress = progress or Silent()
    # Workers first: where none answer, nothing is written that another grid would be refused by.
    with open_workers(workers, dask, len(asked.points), progress) as trainers:
        folder.mkdir(parents=True, exist_ok=True)
        with points.claim(progress):
            _check_kept(kept, asked)  # of another process meanwhile
            if not kept.exists():
                write_text(kept, to_toml(asked, made))
            rows = points.read()
            pricing = Pricing(folder, read, place)
            _train(asked, points, rows, pricing, trainers, progress)
            document = _document(asked, rows, pricing, made)
            for cost in COSTS:
                with replacing(folder / f"accuracy-{cost}.png") as image:
                    save(document, cost, image)
    return {**document, "points": rows}


def _check_fits(asked: Sweep, chip: Chip) -> None:
    """Refuse a chip that some network of the grid does not fit, before any is trained."""
    seen = set()
    for settings in asked.points:
        config = config_of(settings)
        assert config.on_chip is not None
        found = learning_chip(chip, config.on_chip)
        if found.digest() not in seen:
            map_network(config.network(), found)
            seen.add(found.digest())


def _check_kept(kept: Path, asked: Sweep) -> None:
    """Refuse a directory with another sweep in it."""
    if kept.exists():
        check_same(read_sweep(kept), asked, kept)


def _asked(
    file: str | Path | None,
    axes: Mapping[str, Sequence[Any]] | None,
    kept: Path,
    settings: Mapping[str, Any],
) -> Sweep:
    """The sweep that is asked for."""
    given = {name: list(values) for name, values in (axes or {}).items()}
    plain = {name: value for name, value in settings.items() if value is not None}
    if file is not None:
        return read_sweep(Path(file), given, plain)
    if given:
        return make_sweep(plain, given)
    if kept.exists():
        return read_sweep(kept, plain=plain)
    return make_sweep({**USUAL, **plain})


def _train(
    asked: Sweep,
    points: Points,
    rows: list[dict[str, Any]],
    pricing: Pricing,
    workers: Workers,
    progress: Progress,
) -> None:
    """Train the points that no row holds, and keep a row of each as soon as it is done."""
    left = missing(asked, rows)
    count = len(asked.points)
    unsaid = check_code(rows, points.path, going_on=bool(left))
    if rows:
        progress.message(f"Going on: {count - len(left)} of {count} points are done")
    if unsaid:
        progress.message(
            f"{unsaid} of them do not say which code computed them, as older versions wrote them; "
            "they are taken as they are"
        )
    with progress.bar("Training points", count, count - len(left)) as bar:
        for point in workers.trained(left, pricing.data):
            run = run_of(point.row["settings"])
            point.keep(pricing.folder / run, command_line())
            row = {**point.row, "run": run}
            row |= pricing.of(row)
            points.append(row)
            rows.append(row)
            name = name_of_point(row["settings"], asked.varied) or "the only point"
            energy = row["energy"]["figure"]
            progress.message(
                f"{len(rows)}/{count}  {name}: {row['validation_error']:.2f} %, "
                f"{amount(energy and energy['value'], 'J')}, {row['seconds']:.1f} s"
            )
            bar.advance()


def memory_of(settings: Settings) -> int:
    """Bytes that a network which learns needs for weights, traces and states."""
    return learning_bytes(config_of(settings))


@dataclass(frozen=True, eq=False)
class Pricing:
    """By what points are priced: the sweep's directory, the chip, and where the data set lies."""

    folder: Path
    chip: Chip
    data: str | None

    def of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """What a point's line holds of a chip; as it stands there if it is this chip's already."""
        digest, run = self.chip.digest(), run_of(row["settings"])
        if row.get("chip_digest") == digest and _is_modelled(row):
            return {name: row[name] for name in MODELLED}
        found = Cost(NOT_KEPT, NOT_KEPT)
        if row.get("run") == run and (self.folder / run / "config.toml").exists():
            found = self.cost_of(RunDirectory(self.folder / run))
        return {
            "chip": self.chip.name,
            "chip_digest": digest,
            "energy": found.energy.to_dict(),
            "time": found.seconds.to_dict(),
            "memory_bytes": memory_of(row["settings"]),
        }

    def cost_of(self, run: RunDirectory) -> Cost:
        """What a training sample of a point costs, as ``eqchip report`` of its run says."""
        return training_cost(run, self.chip, self._dataset).cost

    @cached_property
    def _dataset(self) -> Dataset:
        name = read_sweep(self.folder / "sweep.toml").plain["dataset"]
        return load(name, self.data, progress=False)


def run_of(settings: Settings) -> str:
    """The run directory of a point, below that of the sweep."""
    return f"points/{sha256(key_of(settings).encode()).hexdigest()[:12]}"


def _is_modelled(row: Mapping[str, Any]) -> bool:
    """Whether a line read from a file has all of `MODELLED` as it was written."""
    sums = all(_is_sum(row.get(name)) for name in ("energy", "time"))
    return sums and isinstance(row.get("chip"), str) and is_amount(row.get("memory_bytes"))


def _is_sum(value: Any) -> bool:
    """Whether a value read from a file is what `Sum.to_dict` makes."""
    if not isinstance(value, dict) or not {"figure", "lacks"} <= value.keys():
        return False
    figure, lacks = value["figure"], value["lacks"]
    whole = figure is None or (
        isinstance(figure, dict)
        and isinstance(figure.get("unit"), str)
        and all(is_amount(figure.get(level)) for level in ("low", "value", "high"))
    )
    return whole and isinstance(lacks, list) and all(isinstance(name, str) for name in lacks)


def _document(
    sweep: Sweep, rows: list[dict[str, Any]], pricing: Pricing, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """All that figures show: points that differ in the seed alone are averaged."""
    by_key = {key_of(row["settings"]): row for row in rows}
    groups: dict[str, list[dict[str, Any]]] = {}
    for settings in sweep.points:  # in the grid's order, whichever was first to finish
        row = by_key[key_of(settings)]
        rest = {name: value for name, value in settings.items() if name != "seed"}
        # Priced anew: the chip may be another one than when the point was trained.
        groups.setdefault(key_of(rest), []).append({**row, **pricing.of(row)})
    found = [_averaged(group) for group in groups.values()]
    fronts = {}
    for cost in ("energy", "memory"):
        known = [n for n, row in enumerate(found) if row[cost] is not None]
        costs = [found[n][cost]["value"] for n in known]
        fronts[cost] = [known[n] for n in pareto(costs, [found[n]["error"] for n in known])]
    network = "-".join(map(str, sweep.plain["layers"]))
    of = f", rule {sweep.plain[RULE]}" if RULE in sweep.plain else ""
    return {
        "format": FORMAT,
        "subject": f"{network} on {sweep.plain['dataset']}" + of,
        "statement": COSTS["energy"].foot,
        "chip": {"name": pricing.chip.name, "digest": pricing.chip.digest()},
        "settings": sweep.plain,
        "axes": sweep.axes,
        "varied": [name for name in sweep.varied if name != "seed"],
        "rows": found,
        "fronts": fronts,
        "provenance": dict(provenance),
    }


def _averaged(group: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the figures, from points that differ in the seed alone."""
    errors = [row["validation_error"] for row in group]
    return {
        "settings": {name: value for name, value in group[0]["settings"].items() if name != "seed"},
        "seeds": [row["settings"]["seed"] for row in group],
        "error": sum(errors) / len(errors),
        "errors": errors,
        "energy": _mean([row["energy"]["figure"] for row in group]),
        "time": _mean([row["time"]["figure"] for row in group]),
        "energy_lacks": group[0]["energy"]["lacks"],
        "memory": figure_dict(exactly(group[0]["memory_bytes"], "B")),
    }


def _mean(figures: Sequence[Mapping[str, Any] | None]) -> dict[str, Any] | None:
    """The mean of figures, level by level; None if one is unknown."""
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return None
    levels = ("low", "value", "high")
    means = {key: sum(figure[key] for figure in known) / len(known) for key in levels}
    return {**means, "unit": known[0]["unit"]}
