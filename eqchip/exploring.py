"""What many chips and mappings cost: a grid of prices, restartable, with its Pareto front.

Each point prices the same subject as ``eqchip report`` or ``eqchip price`` do, on one chip, at one
spread, with one set of figures. Points are kept as a line each as soon as they are done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Any

from eqchip.emulator.description import notation
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.files import check_folder, read_bytes, write_text
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.source import Code, digest_of, this_code
from eqchip.emulator.training.points_file import PointKind, Points, check_code
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.emulator.training.sweep import key_of
from eqchip.emulator.training.sweep_cluster import Call
from eqchip.emulator.training.sweep_workers import open_workers
from eqchip.graph_price import price
from eqchip.hw_reports.counting.samples import SAMPLES
from eqchip.hw_reports.document.explored import explored
from eqchip.hw_reports.document.run import epochs_of
from eqchip.hw_reports.make import Request, named_chips, replay_of
from eqchip.hw_reports.page.explored import write_explored
from eqchip.hw_reports.pricing import memory
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.costs import costs
from eqchip.hw_reports.pricing.totals import exactly, figure_dict
from eqchip.mapping.chip_file.chip import USUAL
from eqchip.mapping.chip_file.overrides import overridden
from eqchip.mapping.placement.place import Placement

FORMAT, POINT_FORMAT = "eqchip-explore 1", "eqchip-explored-point 1"
PRICING = ("eqchip.mapping", "eqchip.hw_reports")  # what prices, beside the emulator's code
CALL = Call("eqchip.exploring", "point_with")
FLOAT_BITS, BYTE = 32, 8
FACTS = ("energy", "time", "memory", "cores", "refused")  # what a line of a point holds


def explore(
    subject: str | Path,
    *,
    chip: str | Sequence[str] = USUAL,
    spread: Sequence[int] = (1,),
    bits: Sequence[int] | None = None,
    figures: Mapping[str, Sequence[str]] | None = None,
    chips: int | None = 1,
    placement: Placement = "hops",
    samples: int = SAMPLES,
    rates: float | Mapping[str, float] | None = None,
    steps: int | None = None,
    writes: float = 0.0,
    data: str | Path | None = None,
    out: str | Path = "runs/explore",
    workers: int | None = None,
    dask: str | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Price a network on many chips, spreads and figures; what no other point beats.

    An exploration that was killed goes on where it was, and one that is asked for more points
    keeps those that it has.

    Parameters
    ----------
    subject : str or path
        The directory of a run, a graph that :func:`eqchip.import_graph` reads, or sizes,
        ``"784-500-10"``.
    chip : str or sequence of str
        Names of chips, or chip files.
    spread : sequence of int
        Times the fewest cores that every layer is split over.
    bits : sequence of int, optional
        Bits of a weight, 2 to 8. Default: the chip's. Not of a run that learned on the chip.
    figures : mapping of str to sequence of str, optional
        Figures of the chip files to set, by address: ``{"energy.synaptic_event": ["5pJ"]}``.
    chips : int or None
        Of a run, the most chips to use; None: as many as are needed.
    placement : {"hops", "energy", "time", "naive"}
        What the placement makes small.
    samples : int
        Of a run, training samples to replay, and as many for inference.
    rates : float or mapping, optional
        Of a graph or sizes, spikes of a unit in a step.
    steps : int, optional
        Of a graph or sizes, the steps of a sample. Default: 100.
    writes : float, default 0
        Of a graph or sizes, price learning that writes each synapse so many times a sample, too.
    data : path, optional
        Of a run, where its data lie. Default: where they came from.
    out : path
        Directory of the points, explore.json, explore.csv, and the page; see above.
    workers : int, optional
        Points priced at a time. Default: all processors. The result does not depend on it.
    dask : str, optional
        Price on the Dask cluster whose scheduler is there, e.g. tcp://10.0.0.1:8786.
    progress : Progress, optional

    Returns
    -------
    dict
        What explore.json holds: ``rows`` with low, nominal and high energy and time of each point,
        and ``front``, the rows that no other beats.

    Raises
    ------
    InputError
        For a subject, an axis or a figure that is none, and a directory that holds another
        exploration.

    Examples
    --------
    Points are priced in processes of their own, which import the program that calls this:

    >>> found = explore("64-20-10", rates=0.1, spread=[1, 2], out="there")  # doctest: +SKIP
    """
    if workers is not None and dask is not None:
        raise InputError("--workers is given with --dask, whose cluster has its own; expected one")
    names, _ = named_chips(chip, 1)
    for one in spread:
        check_whole("explore: spread", one, 1)
    for one in bits or ():
        check_whole("explore: bits", one, 2, 9)
    axes = {
        "chip": [str(name) for name in names],
        "spread": list(spread),
        "bits": [None] if bits is None else list(bits),
        **{address: list(values) for address, values in (figures or {}).items()},
    }
    about = _about(subject, bits, rates)
    asked = {
        "format": FORMAT, "subject": str(subject), **about, "priced_by": _pricing(),
        "settings": {
            "chips": chips, "placement": placement, "samples": samples, "rates": rates,
            "steps": steps, "writes": writes, "data": None if data is None else str(data),
        },
    }  # fmt: skip
    points = [_settled(dict(zip(axes, values, strict=True))) for values in product(*axes.values())]
    folder, progress = Path(out), progress or Silent()
    check_folder(folder)
    kept = Points(folder / "points.jsonl", KIND)
    with open_workers(workers, dask, len(points), progress) as pool:
        folder.mkdir(parents=True, exist_ok=True)
        with kept.claim(progress):
            _check_same(folder / "asked.json", asked)
            rows = {key_of(row["settings"]): row for row in kept.read()}
            left = [point for point in points if key_of(point) not in rows]
            check_code([*rows.values()], kept.path, going_on=bool(left))
            with progress.bar("Pricing points", len(points), len(points) - len(left)) as bar:
                for row in pool.called(CALL, [(asked, point) for point in left]):
                    kept.append(row)
                    rows[key_of(row["settings"])] = row
                    bar.advance()
            found = [rows[key_of(one)] for one in points]
            if all(row["refused"] for row in found):
                first = found[0]["refused"]
                raise InputError(f"explore: no point can be priced; of the first: {first}")
            document = explored(asked, axes, found, provenance(command_line()))
            write_explored(document, folder)
    return document


def _about(subject: str | Path, bits: Sequence[int] | None, rates: Any) -> dict[str, str]:
    """What the subject is, and its fingerprint."""
    path = Path(subject)
    if (path / "config.toml").is_file():
        run = RunDirectory(path)
        if run.config.on_chip is not None and bits is not None:
            raise InputError(
                f"explore: bits are given, but {path} learned on the chip, in its own; expected "
                "none"
            )
        if rates is not None:
            raise InputError(f"explore: rates are given, but {path} counted its own; expected none")
        return {
            "of": "run" if run.config.spiking is None else "spiking run",
            "fingerprint": _digest(path / "network.npz"),
        }
    if path.is_file():
        return {"of": "graph", "fingerprint": _digest(path)}
    try:
        entries = notation.parse(str(subject))
        notation.connections(entries)
    except InputError:
        raise InputError(
            f"explore: {subject} is no run, no file and no sizes; expected the directory of a run, "
            "a graph, or sizes such as 784-500-10"
        ) from None
    return {"of": "sizes", "fingerprint": notation.written(entries)}


@lru_cache(maxsize=1)
def _pricing() -> str:
    return digest_of(*PRICING)


def _digest(path: Path) -> str:
    return sha256(read_bytes(path)).hexdigest()[:16]


def _settled(point: dict[str, Any]) -> dict[str, Any]:
    """A point with the digest of its chip: what is priced by a changed file is another point."""
    return {**point, "digest": _chip(point).digest()}


def _chip(point: Mapping[str, Any]) -> Any:
    own = ("chip", "spread", "bits", "digest")
    figures = {name: value for name, value in point.items() if name not in own}
    return overridden(point["chip"], figures, point["bits"])


def _check_same(path: Path, asked: Mapping[str, Any]) -> None:
    """Refuse a directory with another exploration in it; note this one in a new one."""
    text = json.dumps(asked, indent=1) + "\n"
    if not path.exists():
        write_text(path, text)
    elif read_bytes(path).decode(errors="replace") != text:
        raise InputError(
            f"{path.parent}: holds another exploration, or one of other settings (asked.json); "
            "expected another directory (--out)"
        )


def point_with(
    code: Sequence[str], asked: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """One point, where this is the code that is asked for.

    Raises
    ------
    InputError
        If the code here is another. What a chip refuses is told in the row instead.
    """
    here = this_code()
    if tuple(code) != here or asked["priced_by"] != _pricing():
        raise InputError(
            f"a worker has {here}, priced by {_pricing()}; expected {Code(*code)}, "
            f"{asked['priced_by']} on all of them"
        )
    nothing = dict.fromkeys((*FACTS, "chips", "error"))
    try:
        found = PRICES[asked["of"]](asked, settings)
    except InputError as error:
        found = {"refused": str(error)}
    return {"settings": dict(settings), **nothing, **found, "eqchip": here._asdict()}


def _of_run(asked: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """A training sample of a run, as ``eqchip report`` prices it."""
    run, given = RunDirectory(Path(asked["subject"])), asked["settings"]
    request = Request(
        _chip(point), given["chips"], point["spread"], given["samples"], given["data"], 1, None,
        given["placement"],
    )  # fmt: skip
    replayed = replay_of(run, request)
    found = costs(replayed, account(replayed), epochs_of(run).rows).training
    mapped, fixed = replayed.mapped, replayed.fixed
    exact = replayed.precision == "chip"
    kept = memory.report(
        replayed.config, replayed.network, replayed.chip, mapped,
        fixed.state_bits if exact else FLOAT_BITS, fixed.weight_bits if exact else FLOAT_BITS,
    )  # fmt: skip
    return {
        "energy": found.energy.to_dict(),
        "time": found.seconds.to_dict(),
        "memory": kept["total"],
        "cores": None if mapped is None else mapped.cores,
        "chips": None if mapped is None else mapped.chips,
        "error": replayed.error,
    }


def _of_graph(asked: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    """A sample of a graph, as ``eqchip price`` prices it."""
    given = asked["settings"]
    named = {"network": asked["subject"]} if asked["of"] == "sizes" else {"graph": asked["subject"]}
    found = price(
        **named, chip=_chip(point), rates=given["rates"], steps=given["steps"],
        writes=given["writes"], spread=point["spread"], placement=given["placement"],
    )  # fmt: skip
    held = exactly(found["used"]["synapse_memory"] / BYTE, "B")
    return {
        "energy": found["energy"],
        "time": found["time"],
        "memory": {"figure": figure_dict(held), "lacks": []},
        "cores": found["cores"],
        "chips": found["chips"],
    }


# By what the subject is.
PRICES = {"run": _of_run, "spiking run": _of_graph, "graph": _of_graph, "sizes": _of_graph}


def _wrong(row: Mapping[str, Any]) -> str | None:
    """The first fact of a point's line that is not there."""
    if not isinstance(row.get("settings"), dict):
        return "settings"
    return next((name for name in FACTS if name not in row), None)


KIND = PointKind(POINT_FORMAT, _wrong, lambda _: {}, "running this exploration")
