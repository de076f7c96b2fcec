"""``eqchip sweep``."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.output import Output, output_options
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.emulator.training.sweep import Settings, Sweep
    from eqchip.hw_reports.pricing.totals import Sum
    from eqchip.mapping.chip_file.chip import Chip

END_STATES = 2  # that a unit keeps to learn from: s+ and s-


@click.command()
@click.argument("file", metavar="[FILE]", type=click.Path(path_type=Path), required=False)
@click.option(
    "--axis", "axes", multiple=True, metavar="NAME=VALUES",
    help="Values of a setting, e.g. weight_bits=8,4,2, in place of the FILE's. Several times.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("runs/sweep"), show_default=True,
    help="Directory of the points and figures; a sweep that was begun in it goes on.",
)  # fmt: skip
@click.option(
    "--data", type=click.Path(path_type=Path),
    help="Directory of the IDX files, gzipped or not. Default: EQCHIP_DATA, or a download.",
)  # fmt: skip
@click.option(
    "--chip", "chip_name", metavar="CHIP", default="loihi1-davies", show_default=True,
    help="Name or file of the chip that prices the points; see eqchip chips.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(min=1),
    help="Points trained at a time. Default: all processors. Results do not depend on it.",
)  # fmt: skip
@click.option(
    "--dask", metavar="ADDRESS",
    help="Train on the Dask cluster whose scheduler is there, e.g. tcp://10.0.0.1:8786.",
)  # fmt: skip
@output_options
def command(
    file: Path | None,
    axes: tuple[str, ...],
    out: Path,
    data: Path | None,
    chip_name: str,
    workers: int | None,
    dask: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train a grid of settings on the chip; plot accuracy against energy and memory.

    FILE names the network, the data set and the axes; without it, digits and the axes given,
    without any, the sweep begun in --out, or a usual grid. A sweep that was killed goes on where it
    was. Errors are those of validation samples; the test set is not read.
    """
    from eqchip.emulator.files import replacing, write_text
    from eqchip.emulator.training.runs import command_line, provenance
    from eqchip.emulator.training.sweep import (
        Points,
        check_data,
        check_points,
        check_same,
        missing,
        name_of_point,
        read_sweep,
        to_toml,
    )
    from eqchip.hw_reports.document.readable import amount
    from eqchip.hw_reports.studies.sweep_plot import COSTS, save
    from eqchip.mapping.chip_file.chip import load_chip

    if workers is not None and dask is not None:
        raise InputError("--workers is given with --dask, whose cluster has its own; expected one")
    output = Output(as_json, quiet)
    chip = load_chip(chip_name)
    if not chip.learning:
        raise InputError(
            f"--chip {chip_name}: it does not learn on the chip; expected one that does"
        )
    kept, points = out / "sweep.toml", Points(out / "points.jsonl")
    sweep = _asked(file, axes, kept)
    check_points(sweep)
    if kept.exists():
        check_same(read_sweep(kept), sweep, kept)
    made = provenance(command_line())
    place = None if data is None else str(data)
    if not kept.exists():
        check_data(sweep, place)
    out.mkdir(parents=True, exist_ok=True)
    with points.claim():
        if not kept.exists():
            write_text(kept, to_toml(sweep, made))
        rows = points.read()
        left = missing(sweep, rows)
        count = len(sweep.points)
        if rows:
            output.message(f"Going on: {count - len(left)} of {count} points are done")
        with (
            output.bar("Training points", count, count - len(left)) as bar,
            _executor(workers, dask, len(left)) as executor,
        ):
            for row in _run(executor, left, place):
                row = {**row, **_modelled(row, chip)}
                points.append(row)
                rows.append(row)
                name = name_of_point(row["settings"], sweep.varied) or "the only point"
                energy = row["energy"]["figure"]
                output.message(
                    f"{len(rows)}/{count}  {name}: {row['validation_error']:.2f} %, "
                    f"{amount(energy and energy['value'], 'J')}, {row['seconds']:.1f} s"
                )
                bar.advance()
    document = _document(sweep, rows, chip, made)
    for cost in COSTS:
        with replacing(out / f"accuracy-{cost}.png") as image:
            save(document, cost, image)
    _show(output, document, out)
    output.result({"out": str(out), **document, "points": rows})
    return 0


def _asked(file: Path | None, axes: Sequence[str], kept: Path) -> Sweep:
    """The sweep of the command line."""
    from eqchip.emulator.training.sweep import USUAL, make_sweep, parse_axis, read_sweep

    given: dict[str, list[Any]] = {}
    for text in axes:
        name, values = parse_axis(text)
        if name in given:
            raise InputError(f"--axis {name} is given twice; expected it once")
        given[name] = values
    if file is not None:
        return read_sweep(file, given)
    if given:
        return make_sweep({}, given)
    return read_sweep(kept) if kept.exists() else make_sweep(USUAL)


# --- running ------------------------------------------------------------------------------


@contextlib.contextmanager
def _executor(workers: int | None, dask: str | None, points: int) -> Iterator[Executor]:
    """Where points are trained; when the block is left in a hurry, their training is ended."""
    from multiprocessing import active_children, get_context

    from eqchip.emulator.threads import resolve_threads

    if dask is not None:
        with _cluster(dask) as executor:
            yield executor
        return
    others = set(active_children())
    count = max(min(resolve_threads(workers), points), 1)
    pool = ProcessPoolExecutor(count, get_context("spawn"), initializer=_prepare_worker)
    try:
        yield pool
    except BaseException:
        for child in set(active_children()) - others:
            child.terminate()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


@contextlib.contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    """A Dask cluster that exists already; it is left as it was."""
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            "--dask needs the package distributed, which is missing; expected: "
            'pip install "eqchip[dask]"'
        ) from None
    try:
        client = Client(address)
    except (OSError, ValueError) as error:  # of a time-out, too
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"--dask {address}: no scheduler answers ({reason[:200]}); "
            "expected an address such as tcp://10.0.0.1:8786"
        ) from None
    with client:  # closing it forgets the points under way
        yield client.get_executor(pure=False)


def _run(
    executor: Executor, points: Sequence[Settings], data: str | None
) -> Iterator[dict[str, Any]]:
    """The rows of all points, as they come."""
    from eqchip.emulator.training.sweep import run_point

    with _unheard():
        futures = [executor.submit(run_point, settings, data) for settings in points]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenProcessPool:
        raise InputError(
            "a process that trained a point was ended from outside, perhaps for want of memory; "
            "finished points are kept; expected fewer --workers"
        ) from None


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Ctrl-C waits until the block is over, and processes started in it never hear it.

    It reaches all processes of a terminal; this one ends the others.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _prepare_worker() -> None:
    """In a worker: leave Ctrl-C to the parent, and end with it, even if it is killed."""
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    import os
    from multiprocessing import parent_process

    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


# --- pricing ------------------------------------------------------------------------------


def energy_of(row: Mapping[str, Any], chip: Chip) -> Sum:
    """The marginal energy of a training sample: its events, neuron updates and writes."""
    from eqchip.emulator.training.sweep import COUNTS
    from eqchip.hw_reports.pricing.figure import price
    from eqchip.hw_reports.pricing.totals import Sum, total
    from eqchip.mapping.kinds import EVENTS

    counts = {one.name: row[one.field] for one in EVENTS.values() if one.field in COUNTS}
    found = price(counts, chip)
    return total(Sum(figure, () if figure else (kind,)) for kind, figure in found.items())


def memory_of(settings: Settings) -> int:
    """Bytes that a network which learns needs for weights, traces and states.

    Weights with their accumulators in every copy (the input's connection has one); where
    synapses count spikes, a trace for each presynaptic unit of each copy; and for every unit but
    the input's what it carries from step to step and its potentials at the end of two phases.
    """
    from eqchip.emulator.training.sweep import config_of
    from eqchip.hw_reports.pricing.learning_memory import states_of_unit

    config = config_of(settings)
    onchip, sizes = config.on_chip, config.sizes
    assert onchip is not None
    weight = onchip.fixed.weight_bits + onchip.accumulator_bits
    trace = onchip.trace_bits if onchip.records_spikes else 0
    bits = 0
    for k, (below, above) in enumerate(zip(sizes, sizes[1:], strict=False)):
        bits += below * above * weight + below * trace
        if k > 0:  # the mirrored copy, which spikes of the units above cross
            bits += below * above * weight + above * trace
    states = sum(states_of_unit(config.coding).values()) + END_STATES
    bits += sum(sizes[1:]) * states * onchip.fixed.state_bits
    return -(-bits // 8)


def _modelled(row: Mapping[str, Any], chip: Chip) -> dict[str, Any]:
    """What a point's line holds of a chip."""
    return {
        "chip": chip.name,
        "energy": energy_of(row, chip).to_dict(),
        "memory_bytes": memory_of(row["settings"]),
    }


def _document(
    sweep: Sweep, rows: list[dict[str, Any]], chip: Chip, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """All that figures show: points that differ in the seed alone are averaged."""
    from eqchip.emulator.training.sweep import key_of
    from eqchip.hw_reports.studies.sweep_plot import COSTS, pareto

    by_key = {key_of(row["settings"]): row for row in rows}
    groups: dict[str, list[dict[str, Any]]] = {}
    for settings in sweep.points:  # in the grid's order, whichever was first to finish
        row = by_key[key_of(settings)]
        rest = {name: value for name, value in settings.items() if name != "seed"}
        # Priced anew: the chip may be another one than when the point was trained.
        groups.setdefault(key_of(rest), []).append({**row, **_modelled(row, chip)})
    found = [_averaged(group) for group in groups.values()]
    fronts = {}
    for cost in ("energy", "memory"):
        known = [n for n, row in enumerate(found) if row[cost] is not None]
        costs = [found[n][cost]["value"] for n in known]
        fronts[cost] = [known[n] for n in pareto(costs, [found[n]["error"] for n in known])]
    network = "-".join(map(str, sweep.plain["layers"]))
    return {
        "subject": f"{network} on {sweep.plain['dataset']}",
        "statement": COSTS["energy"].foot,
        "chip": {"name": chip.name, "digest": chip.digest()},
        "settings": sweep.plain,
        "axes": sweep.axes,
        "varied": [name for name in sweep.varied if name != "seed"],
        "rows": found,
        "fronts": fronts,
        "provenance": dict(provenance),
    }


def _averaged(group: list[dict[str, Any]]) -> dict[str, Any]:
    """A row of the figures, from points that differ in the seed alone."""
    from eqchip.hw_reports.pricing.totals import exactly, figure_dict

    errors = [row["validation_error"] for row in group]
    figures = [row["energy"]["figure"] for row in group]
    mean = None
    if all(figures):
        mean = {
            **{
                key: sum(figure[key] for figure in figures) / len(figures)
                for key in ("low", "value", "high")
            },
            "unit": "J",
        }
    return {
        "settings": {name: value for name, value in group[0]["settings"].items() if name != "seed"},
        "seeds": [row["settings"]["seed"] for row in group],
        "error": sum(errors) / len(errors),
        "errors": errors,
        "energy": mean,
        "energy_lacks": group[0]["energy"]["lacks"],
        "memory": figure_dict(exactly(group[0]["memory_bytes"], "B")),
    }


def _show(output: Output, document: Mapping[str, Any], out: Path) -> None:
    """The points of either front, and where the rest is."""
    from eqchip.emulator.training.sweep import shown_value
    from eqchip.hw_reports.document.readable import amount

    varied, fronts = document["varied"], document["fronts"]
    rows = []
    for n, row in enumerate(document["rows"]):
        of = [cost for cost, front in fronts.items() if n in front]
        if of:
            energy, memory = row["energy"], row["memory"]
            rows.append(
                (
                    f"{row['error']:.2f} %",
                    amount(energy and energy["value"], "J"),
                    amount(memory["value"], "B"),
                    ", ".join(shown_value(row["settings"][name]) for name in varied),
                    " and ".join(of),
                )
            )
    rows.sort(key=lambda row: float(row[0].split()[0]))
    output.table(
        f"{document['subject']}: Pareto fronts of {len(document['rows'])} settings, per training "
        f"sample on {document['chip']['name']} ({document['statement']})",
        ("error", "energy", "memory", ", ".join(varied).replace("_", " "), "front of"),
        rows,
    )
    lacks = dict.fromkeys(kind for row in document["rows"] for kind in row["energy_lacks"])
    if lacks:
        output.text(f"The chip file has no energy of: {', '.join(lacks)}; the energy lacks it.")
    output.text(
        f"Figures: {out / 'accuracy-energy.png'}, accuracy-memory.png  Data: {out / 'points.jsonl'}"
    )
