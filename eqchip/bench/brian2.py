"""Brian2 as a contestant of ``eqchip bench peers``.

The model that the cross-check proves equal, built for speed: Brian2's own compiler flags and
its rewriting of expressions, spikes counted per unit and nothing recorded. It computes the
spikes itself, and is refused if these are not the emulator's.

Brian2 keeps a device and preferences for the whole of a process, so each target has a process
of its own. Only the loop over time steps is timed, by clocks in that process: to build, to
compile, to load and to prepare a run are told apart from it.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from eqchip.backends import packages
from eqchip.backends.brian2 import model as brian2_model
from eqchip.backends.brian2 import solve as brian2
from eqchip.backends.brian2.solve import Target
from eqchip.bench.contest import Contestant
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem

BRIAN2: dict[Target, str] = {"cpp_standalone": "Brian2 C++ standalone", "cython": "Brian2 Cython"}
LOOP_SECONDS = "eqchip_loop_seconds.txt"
# Around the call of the loop in the C++ program; wall and processor time, in seconds.
BEFORE_LOOP = """
timespec eqchip_wall[2], eqchip_cpu[2];
clock_gettime(CLOCK_MONOTONIC, &eqchip_wall[0]);
clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &eqchip_cpu[0]);
"""
AFTER_LOOP = f"""
clock_gettime(CLOCK_MONOTONIC, &eqchip_wall[1]);
clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &eqchip_cpu[1]);
{{
    std::ofstream file("{LOOP_SECONDS}");
    file.precision(12);
    for (const timespec *clock : {{eqchip_wall, eqchip_cpu}})
        file << double(clock[1].tv_sec - clock[0].tv_sec)
                + 1e-9 * double(clock[1].tv_nsec - clock[0].tv_nsec) << "\\n";
}}
"""


class Loop(NamedTuple):
    """One run: the seconds of the loop over time steps, and how often each unit spiked."""

    wall: float
    cpu: float
    spikes: np.ndarray


class Ready(NamedTuple):
    """A simulation that is built: Brian2's version, and what it took."""

    version: str
    setup_seconds: float


# --- in the process of Brian2 -------------------------------------------------------------


def _cython(problem: Problem) -> Callable[[], Loop]:
    """Build for Cython, and compile what is not in Brian2's cache."""
    import brian2 as b2

    b2.prefs["codegen.target"] = "cython"
    model = brian2_model.build(problem, record=False)
    model.network.store()
    clocks: list[tuple[float, float]] = []

    def note(*_: Any) -> None:  # Brian2 reports right before its loop and right after it
        clocks.append((time.perf_counter(), time.process_time()))

    def run() -> Loop:
        model.network.restore()
        clocks.clear()
        model.network.run(model.duration, report=note, report_period=1e6 * b2.second)
        (wall_start, cpu_start), (wall_end, cpu_end) = clocks
        spikes = np.array(model.spikes.count)
        return Loop(wall_end - wall_start, cpu_end - cpu_start, spikes)

    run()  # compiles
    return run


def _cpp_standalone(problem: Problem, folder: str) -> Callable[[], Loop]:
    """Write the C++ program and compile it."""
    import brian2 as b2

    b2.set_device("cpp_standalone", build_on_run=False)
    model = brian2_model.build(problem, record=False)
    b2.device.insert_code("before_network_run", BEFORE_LOOP)
    b2.device.insert_code("after_network_run", AFTER_LOOP)
    model.network.run(model.duration)
    b2.device.build(directory=folder, run=False, with_output=False)

    def run() -> Loop:
        b2.device.run(folder, "results", with_output=False)
        (path,) = Path(folder).rglob(LOOP_SECONDS)
        wall, cpu = (float(line) for line in path.read_text("utf-8").split())
        return Loop(wall, cpu, np.array(model.spikes.count))

    return run


def _serve(pipe: Connection, problem: Problem, target: Target, folder: str) -> None:
    """Build, then run whenever asked; a failure is an answer too."""
    os.dup2(2, 1)  # compilers print, and stdout is not ours
    tempfile.tempdir = folder  # where Brian2 leaves its log
    try:
        start = time.perf_counter()
        b2 = packages.BRIAN2.require()
        if target == "cython":
            run = _cython(problem)
        else:
            run = _cpp_standalone(problem, os.path.join(folder, "program"))
        pipe.send(Ready(b2.__version__, time.perf_counter() - start))
        while pipe.recv():
            pipe.send(run())
    except (EOFError, KeyboardInterrupt):
        return  # whoever asked is gone
    except Exception as error:
        pipe.send(InputError(f"{BRIAN2[target]} stopped: {' '.join(str(error).split())}"))


# --- in ours ------------------------------------------------------------------------------


class Brian2Process:
    """Brian2 in a process of its own, from its start until :meth:`close`.

    Parameters
    ----------
    problem : Problem
    target : {"cpp_standalone", "cython"}

    Attributes
    ----------
    wall, cpu : float
        Seconds that all loops so far took, by the clocks of the process that ran them.
    ready : Ready
    """

    def __init__(self, problem: Problem, target: Target) -> None:
        self.name, self.wall, self.cpu = BRIAN2[target], 0.0, 0.0
        context = multiprocessing.get_context("spawn")  # a fork would inherit our threads
        self._folder = brian2.scratch_folder()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, problem, target, self._folder.name), daemon=True
        )
        self._process.start()
        theirs.close()
        try:
            self.ready: Ready = self._reply()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Brian2Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def run(self) -> Loop:
        """Run all samples once."""
        self._pipe.send(True)
        loop: Loop = self._reply()
        self.wall += loop.wall
        self.cpu += loop.cpu
        return loop

    def clock(self) -> tuple[float, float]:
        """``(wall, cpu)``: read before and after, the seconds of the loops between."""
        return self.wall, self.cpu

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(timeout=5.0)
        if self._process.is_alive():  # in the middle of compiling
            self._process.terminate()
            self._process.join()
        self._folder.cleanup()

    def _reply(self) -> Any:
        try:
            reply = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise InputError(
                f"{self.name} stopped without a word; expected it to run brian2 2.9"
            ) from error
        if isinstance(reply, InputError):
            raise reply
        return reply


@dataclass(frozen=True, kw_only=True)
class Brian2Contestant(Contestant):
    """Brian2 on one target, timed by the clocks of its own process.

    Attributes
    ----------
    process : Brian2Process
        To be closed when the measurement is over.
    version : str
    setup_seconds : float
        To import, build and compile, once; in no rate. Cython's share is small when what it
        compiles is in Brian2's cache.
    """

    process: Brian2Process
    version: str
    setup_seconds: float

    def clock(self) -> tuple[float, float]:
        """Wall and processor time spent in loops over time steps."""
        return self.process.clock()


def brian2_contestants(
    problem: Problem, targets: Sequence[Target] = ("cpp_standalone", "cython")
) -> list[Brian2Contestant]:
    """Start Brian2 on a problem, once per target, one thread each.

    Parameters
    ----------
    problem : Problem
        Its samples run one after the other. In any floating-point precision: Brian2 computes in
        float64, and the events that are quoted are those of float64.
    targets : sequence of {"cpp_standalone", "cython"}

    Returns
    -------
    list of Brian2Contestant
        One call of ``work`` runs all samples once, from the start.

    Raises
    ------
    InputError
        If Brian2 is not installed, cannot compile, or finds other spikes than the emulator.
    """
    problem = in_float64(problem)
    run = solve(problem)
    assert run.bits is not None
    expected = np.concatenate([b.sum(axis=(0, 1)).ravel() for b in run.bits])
    events = float(run.activity.synaptic_events.sum())
    made: list[Brian2Contestant] = []
    try:
        for target in targets:
            process = Brian2Process(problem, target)
            name, ready = BRIAN2[target], process.ready
            made.append(
                Brian2Contestant(
                    name,
                    process.run,
                    events,
                    process=process,
                    version=ready.version,
                    setup_seconds=ready.setup_seconds,
                )
            )
            check_spikes(name, process.run().spikes, expected)
    except BaseException:
        for contestant in made:
            contestant.process.close()
        raise
    return made


def in_float64(problem: Problem) -> Problem:
    """The same problem in float64, bits recorded."""
    return replace(
        problem,
        precision="float64",
        x=problem.x.astype(np.float64),
        targets=tuple(None if y is None else y.astype(np.float64) for y in problem.targets),
        record=frozenset(("bits",)),
    )


def check_spikes(name: str, found: np.ndarray, expected: np.ndarray) -> None:
    """Refuse a comparison of two different computations.

    Raises
    ------
    InputError
        If a unit spiked more or less often than in the emulator.
    """
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        unit = int(wrong[0])
        raise InputError(
            f"{name}: {len(wrong)} of {len(expected)} units spike more or less often than in the "
            f"emulator, the first is unit {unit}, {int(found[unit])} times; "
            f"expected {int(expected[unit])}"
        )
