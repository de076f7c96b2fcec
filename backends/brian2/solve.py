"""Brian2 as an engine: an independent witness, equal to the reference to the last bit.

The model is in :mod:`eqchip.backends.brian2.model`. What this module adds is how to run it so
that not even the last bit of a potential differs: without ``-ffast-math``, which is among
Brian2's default flags, without fused products and sums, and without its rewriting of
expressions, which reorders products. Preferences and device are put back afterwards.

One run of Brian2 holds a whole batch with all its phases, and memory for a recording of every
potential at every step.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from eqchip.backends.brian2 import model as brian2_model
from eqchip.backends.packages import BRIAN2
from eqchip.backends.recorded import run_of
from eqchip.backends.registry import BACKENDS
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.units import check_kind
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run

Target = Literal["numpy", "cython", "cpp_standalone"]

STRICT_FLAGS = ["-O2", "-ffp-contract=off", "-std=c++11", "-w"]
# Brian2 names compiled code by its text, not by the flags: a folder of our own keeps apart
# what was compiled without fast math from what was compiled with it.
STRICT_CACHE = "eqchip_strict_extensions"


def solve(problem: Problem, target: Target = "numpy") -> Run:
    """Run a problem on Brian2.

    Parameters
    ----------
    problem : Problem
        In precision ``"float64"``, without maximum pooling.
    target : {"numpy", "cython", "cpp_standalone"}
        How Brian2 runs its code. The last two need a C++ compiler; Cython's result is kept
        and used again for every problem of the same shape, so weights may change freely.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        If Brian2 is not installed, or the problem is another.
    """
    if target not in get_args(Target):
        known = ", ".join(get_args(Target))
        raise InputError(f"brian2: unknown target {target!r}; expected one of {known}")
    _check(problem)
    b2 = BRIAN2.require()
    if target == "cpp_standalone":
        with compiled(problem) as again:
            return again(problem)
    with settings(b2, target, strict=True):
        model = brian2_model.build(problem)
        model.network.run(model.duration)
        return _read(problem, model)


@contextmanager
def compiled(problem: Problem) -> Iterator[Callable[[Problem], Run]]:
    """Compile a problem to C++ once, to run it often with other weights, inputs and targets.

    Parameters
    ----------
    problem : Problem
        In precision float64.

    Yields
    ------
    callable
        From a problem to a Run. What may differ from the first problem: weights, biases, inputs,
        targets, beta, schedules and random numbers; not the shapes, nor the kind of coding.
    """
    _check(problem)
    b2 = BRIAN2.require()
    with settings(b2, "cpp_standalone", strict=True), standalone(b2) as folder:
        model = brian2_model.build(problem)
        model.network.run(model.duration)
        b2.device.build(directory=folder, run=False, with_output=False)
        built = _program(problem)

        def again(problem: Problem) -> Run:
            _check(problem)
            if _program(problem) != built:
                raise InputError(
                    "brian2: the problem has other layers, samples, phases or coding than the one "
                    "compiled; expected only other weights, inputs, targets and schedules"
                )
            values = brian2_model.tables(problem)
            lists = brian2_model.synapse_lists(problem)
            changed = {array: values[name] for name, array in model.tables.items()}
            changed |= {joined.w: lists[joined.name][2] for joined in model.synapses}
            b2.device.run(folder, with_output=False, run_args=changed)
            return _read(problem, model)

        yield again


def _program(problem: Problem) -> tuple[Any, ...]:
    """What is compiled in, and so must not change between the runs of a program."""
    shapes = {name: values.shape for name, values in brian2_model.tables(problem).items()}
    adaptive = problem.coding.adaptive
    update = brian2_model.update(problem)
    coding, joined = problem.coding.quantizer, problem.network.connections
    return update, shapes, adaptive, coding, problem.input, joined


def _check(problem: Problem) -> None:
    """Refuse what the model does not compute."""
    check_kind(problem.coding, (Coding,), "brian2")
    BACKENDS["brian2"].check(problem)


@contextmanager
def settings(b2: Any, target: Target, *, strict: bool) -> Iterator[None]:
    """Brian2's preferences for a run, put back afterwards.

    Parameters
    ----------
    b2 : module
    target : Target
    strict : bool
        Whether the last bit matters; else Brian2's own flags and rewriting, for speed.
    """
    wanted: dict[str, Any] = {"codegen.target": "numpy" if target == "numpy" else "cython"}
    if strict:
        wanted["codegen.loop_invariant_optimisations"] = False
        wanted["codegen.cpp.extra_compile_args"] = STRICT_FLAGS
        if target == "cython":
            wanted["codegen.runtime.cython.cache_dir"] = str(strict_cache())
    with preferences(b2, wanted):
        yield


@contextmanager
def preferences(b2: Any, wanted: Mapping[str, Any]) -> Iterator[None]:
    """Set preferences of Brian2, and put them back."""
    before = {name: b2.prefs[name] for name in wanted}
    try:
        for name, value in wanted.items():
            b2.prefs[name] = value
        yield
    finally:
        for name, value in before.items():
            b2.prefs[name] = value


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a C++ program, removed with the context."""
    return tempfile.TemporaryDirectory(prefix="eqchip-brian2-")


@contextmanager
def standalone(b2: Any) -> Iterator[str]:
    """Brian2's C++ device, in a folder that exists as long as the context."""
    with scratch_folder() as folder:
        b2.set_device("cpp_standalone", build_on_run=False)
        try:
            yield folder
        finally:
            b2.device.reinit()
            b2.set_device("runtime")


def strict_cache() -> Path:
    """Where Cython's results without fast math are kept."""
    from brian2.codegen.runtime.cython_rt.extension_manager import get_cython_cache_dir

    return Path(get_cython_cache_dir()).parent / STRICT_CACHE


def _read(problem: Problem, model: brian2_model.Model) -> Run:
    """Arrays per layer, (steps, batch, units), of what the monitors hold for batch * steps."""
    batch, sizes = len(problem.x), problem.network.sizes
    potentials = np.asarray(model.potentials.s).T
    sent = np.zeros(potentials.shape, bool)
    # Whole milliseconds stand for steps; in seconds they are not whole.
    sent[np.rint(np.asarray(model.spikes.t) * 1e3).astype(np.int64), np.asarray(model.spikes.i)] = 1
    if problem.input == "current":
        sent[:, : sizes[0]] = False  # injected, so encoded for nobody

    def layers(values: np.ndarray) -> list[np.ndarray]:
        by_sample = values.reshape(batch, problem.steps, -1).swapaxes(0, 1)
        parts = np.split(by_sample, np.cumsum(sizes)[:-1], axis=2)
        return [np.ascontiguousarray(part) for part in parts]

    return run_of(problem, layers(sent), layers(potentials))
