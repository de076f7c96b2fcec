"""SANA-FE as a contestant of ``eqchip bench chip``.

The same mapped network with the same spikes in every step: SANA-FE replays the trains that
our engine found, sends every message to the same core and reads every synapse. That is the
least work it can have with them; its units only replay, they need not integrate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.backends.sanafe.peer import TRAINS, SanafeProcess, problem_of, trains_of
from eqchip.bench.contest import Contestant
from eqchip.mapping.placement.mapped import MappedNetwork

SANAFE = "SANA-FE"


@dataclass(frozen=True)
class PeerRun:
    """One simulation by a peer.

    Attributes
    ----------
    seconds, cpu_seconds : float
        Of the simulation alone.
    steps : int
    spikes, messages, synaptic_events : int
        As the peer counts them. What the spikes of the last step cause is among them.
    """

    seconds: float
    cpu_seconds: float
    steps: int
    spikes: int
    messages: int
    synaptic_events: int


@dataclass(frozen=True, kw_only=True)
class PeerContestant(Contestant):
    """A contestant in a process of its own, timed by that process's clocks.

    Attributes
    ----------
    process : SanafeProcess
        To be closed when the measurement is over.
    version : str
    load_seconds : float
        To build the network in the peer and put it on its chip, once; in no rate.
    first : PeerRun
        The run that counted its events.
    """

    process: SanafeProcess
    version: str
    load_seconds: float
    first: PeerRun

    def clock(self) -> tuple[float, float]:
        """Wall and processor time spent simulating: without pipe, loading, and resetting."""
        return self.process.clock()


def sanafe_contestant(
    mapped: MappedNetwork,
    bits: Sequence[np.ndarray],
    python: str,
    *,
    sample: int = 0,
    steps: int | None = None,
    threads: int = 1,
) -> PeerContestant:
    """Start SANA-FE with a mapped network and the spike trains of a run.

    Parameters
    ----------
    mapped : MappedNetwork
    bits : sequence of ndarray
        Per layer, shape (steps, batch, *units): :attr:`Run.bits`.
    python : str
        A Python that has SANA-FE; see :func:`eqchip.backends.sanafe.peer.interpreter`.
    sample : int
        Which of the batch.
    steps : int, optional
        How many steps one call simulates, from the first. Default: all.
    threads : int
        That SANA-FE may use.

    Returns
    -------
    PeerContestant
        One call of its ``work`` simulates the steps once, from the start, with SANA-FE's
        quickest model of time and no traces.
    """
    count = len(bits[0]) if steps is None else steps
    drives = [
        {"kind": TRAINS, "spikes": trains_of([b[:count] for b in bits], sample, part)}
        for part in mapped.parts
    ]
    process = SanafeProcess(python)
    try:
        load_seconds = process.load(problem_of(mapped, drives))

        def work() -> PeerRun:
            return _run(process.run(count, threads=threads))

        first = work()
    except BaseException:
        process.close()
        raise
    return PeerContestant(
        SANAFE,
        work,
        first.synaptic_events,
        threads,
        process=process,
        version=process.version,
        load_seconds=load_seconds,
        first=first,
    )


def _run(reply: dict[str, Any]) -> PeerRun:
    totals = reply["totals"]
    return PeerRun(
        reply["seconds"],
        reply["cpu_seconds"],
        reply["steps"],
        totals["spikes"],
        totals["packets"],
        totals["events"],
    )
