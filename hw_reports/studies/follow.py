"""How soon each coding follows an input that switches: ``eqchip.follow``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.modes import InputMode, Precision
from eqchip.emulator.progress import Progress
from eqchip.emulator.studies.following import Stream, measure
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.runs import provenance
from eqchip.hw_reports.studies import following as words
from eqchip.hw_reports.studies.follow_plot import save
from eqchip.hw_reports.studies.written import invocation, made_folder, write_study


def follow(
    network: tuple[int, ...] = (500, 500, 10),
    *,
    pictures: int = 5,
    steps: int = 200,
    repeats: int = 5,
    streams: int = 4,
    input: InputMode = "spikes",
    precision: Precision = "float32",
    timing: Asynchronous | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure how soon and how exactly each coding follows an input that switches.

    Random networks see random inputs one after the other. At the switches nothing is reset, and no
    unit is told of them, but for one coding, with an oracle.

    Parameters
    ----------
    network : tuple of int
        Units per layer of the random networks.
    pictures, steps : int
        Inputs one after the other, and mean steps of each; the moments are drawn.
    repeats, streams : int
        Random networks to average over, at least 2, and streams of inputs for each.
    input : {"spikes", "current"}
    precision : {"float32", "float64", "chip"}
    timing : Asynchronous, optional
    seed : int
    out : path, optional
        Directory to write follow.json and follow.png to. Default: nothing is written.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional

    Returns
    -------
    dict
        What follow.json holds: distances to the fixed point of the picture of now, by coding and
        steps since the switch, and spikes.

    Raises
    ------
    InputError
        If an argument is wrong, or a network has no fixed point.

    Examples
    --------
    >>> found = follow((6, 5, 2), pictures=3, steps=20, repeats=2, streams=2)
    >>> found["stream"]["horizon"], [coding["name"] for coding in found["codings"]][:2]
    (15, ['constant', 'schedule'])
    """
    threads = resolve_threads(threads)
    stream = Stream(network, pictures, steps, streams, input, precision, timing, seed)
    folder = made_folder(out)
    study = measure(stream, networks=repeats, threads=threads, progress=progress)
    document = words.document(study, provenance(_invocation(stream, repeats)))
    write_study(folder, "follow", document, save)
    return document


def _invocation(stream: Stream, repeats: int) -> str:
    """The command that repeats this one."""
    timing: dict[str, Any] = {}
    if stream.timing is not None:
        clocks, delays, faults = stream.timing.clocks, stream.timing.delays, stream.timing.faults
        timing = {
            "timing": "async", "clocks": clocks.per, "clock_spread": clocks.spread,
            "clock_offset": clocks.offset, "clock_jitter": clocks.jitter, "delay": delays.fixed,
            "delay_jitter": delays.jitter, "loss": faults.loss, "timing_seed": stream.timing.seed,
        }  # fmt: skip
    return invocation(
        "follow", network=stream.layers, pictures=stream.pictures, steps=stream.steps,
        repeats=repeats, streams=stream.streams, input=stream.input, precision=stream.precision,
        seed=stream.seed, **timing,
    )  # fmt: skip
