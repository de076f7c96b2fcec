"""NEST and snnTorch as contestants of ``eqchip bench peers``.

Neither is a part of eqchip, nor of its extras: each runs in a process of its own, by a Python that
has it and that an option names. Simulations alone are timed, by clocks in that process.

NEST replays the spikes that our engine found for one sample, over all synapses in both directions:
the same events. snnTorch takes a dense forward pass with the same input bits and weights, and has
no feedback; it is credited with the events that the engine has for these samples, so the ratio is
that of the times for a step of a sample.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.bench.contest import Stopwatch, Watched
from eqchip.bench.setting import first_samples
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem

NEST, SNNTORCH = "NEST, the same spikes", "snnTorch, forward pass"
OPTIONS = {NEST: "--nest-python", SNNTORCH: "--snntorch-python"}
PROGRAMS = Path(__file__).parent
FEWEST_SAMPLES = 100  # of a batch of snnTorch, whose products are quicker for many


class Loop:
    """A program beside this file that runs what it is given whenever it is asked, until `close`.

    Attributes
    ----------
    version : str
    seconds : float
        To build the network.

    Raises
    ------
    InputError
        If the interpreter does not start, or the program ends: with its last message.
    """

    def __init__(self, name: str, python: str, program: str, given: dict[str, Any]) -> None:
        self.name, self.python = name, python
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name, "given.npz")
        np.savez(path, **given)
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115, until close
        try:
            self._process = subprocess.Popen(
                [python, str(PROGRAMS / program), str(path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
            )
        except OSError as error:
            self._said.close()
            self._folder.cleanup()
            raise InputError(
                f"{OPTIONS[name]}: {python} does not start ({error.strerror}); expected a Python "
                f"that has what {name.split(',')[0]} needs"
            ) from error
        try:
            built = self._answer()
        except InputError:
            self.close()
            raise
        self.version, self.seconds = str(built["version"]), float(built["seconds"])

    def run(self) -> dict[str, Any]:
        """One run: wall and cpu seconds, and spikes."""
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(BrokenPipeError):  # it ended: what it said is read below
            pipe.write("\n")
            pipe.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._said.seek(0)
            last = (self._said.read().strip().splitlines() or ["no message"])[-1]
            raise InputError(
                f"{OPTIONS[self.name]}: {self.python} stopped ({last}); expected a Python that "
                f"has what {self.name.split(',')[0]} needs"
            )
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        process.stdout.close()
        self._said.close()
        self._folder.cleanup()


@dataclass(frozen=True, kw_only=True)
class OutsideContestant(Watched):
    """A contestant in a process of its own.

    Attributes
    ----------
    loop : Loop
        To be closed when the measurement is over.
    samples : int
        Of one call.
    """

    loop: Loop
    samples: int
    watch: Stopwatch = field(default_factory=Stopwatch)


def nest_contestant(problem: Problem, python: str) -> OutsideContestant:
    """NEST with the network of a problem and the spikes of its first sample.

    Raises
    ------
    InputError
        If the interpreter has no NEST, or NEST sends other spikes than it was given.
    """
    one = first_samples(problem, 1)
    run = solve(replace(one, record=frozenset({"bits"})), threads=1)
    assert run.bits is not None
    given = _given(one)
    for k, bits in enumerate(run.bits):
        given[f"times_{k}"], given[f"units_{k}"] = np.nonzero(bits.reshape(len(bits), -1))
    fired = sum(int(bits.sum()) for bits in run.bits)
    # As many events: what the spikes of the last step cross, NEST delivers after it.
    events = float(_events_of(one, [b.reshape(len(b), -1).sum(axis=1) for b in run.bits]))
    found = _contestant(NEST, python, "nest_loop.py", given, events, 1)
    spikes = found.loop.run()["spikes"]
    if spikes != fired:
        found.loop.close()
        raise InputError(f"{NEST}: {spikes} spikes were sent; expected {fired}, as in the run")
    return found


def snntorch_contestant(problem: Problem, python: str) -> OutsideContestant:
    """snnTorch with the weights of a problem and the bits of its input, many samples at once.

    Raises
    ------
    InputError
        If the interpreter has no snnTorch.
    """
    run = solve(replace(problem, record=frozenset({"bits"})), threads=1)
    assert run.bits is not None
    times = -(-FEWEST_SAMPLES // len(problem.x))
    bits = run.bits[0].reshape(len(run.bits[0]), len(problem.x), -1)
    given = {**_given(problem), "bits": np.tile(bits, (1, times, 1))}
    events = times * float(run.activity.synaptic_events.sum())
    samples = times * len(problem.x)
    return _contestant(SNNTORCH, python, "snntorch_loop.py", given, events, samples)


def _contestant(
    name: str, python: str, program: str, given: dict[str, Any], events: float, samples: int
) -> OutsideContestant:
    loop, watch = Loop(name, python, program, given), Stopwatch()

    def work() -> None:
        found = loop.run()
        watch.wall += found["wall"]
        watch.cpu += found["cpu"]

    return OutsideContestant(name, work, events, loop=loop, samples=samples, watch=watch)


def _given(problem: Problem) -> dict[str, Any]:
    sizes = problem.network.sizes
    return {
        "layers": np.array(sizes),
        "steps": problem.steps,
        **{f"weights_{k}": np.asarray(w) for k, w in enumerate(problem.network.weights)},
    }


def _events_of(problem: Problem, spikes: Sequence[np.ndarray]) -> int:
    """Synapses that so many spikes of each layer cross, forward and, but to the input, back."""
    sizes = problem.network.sizes
    events = 0
    for k, counts in enumerate(spikes):
        above = sizes[k + 1] if k + 1 < len(sizes) else 0
        below = sizes[k - 1] if k > 1 else 0
        events += int(counts.sum()) * (above + below)
    return events
