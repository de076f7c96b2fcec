"""What a user asks of an engine, checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, get_args

import numpy as np

from eqchip.emulator.description.asynchronous import Asynchronous, Paths
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.modes import InputMode, Precision, Readout, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part, check_parts, whole_layers
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.description.timing_checks import check_timing
from eqchip.emulator.description.units import Unit
from eqchip.emulator.description.weight_losses import check_kept, losses
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.memory import check_memory
from eqchip.emulator.problem.arguments import (
    arithmetic,
    as_coding,
    check_choice,
    check_from_free,
    clamped,
    given,
    identities,
    phases_of,
    recorded,
    target_of,
    uniforms_of,
)
from eqchip.emulator.problem.needs import check_needs, of_links
from eqchip.emulator.problem.problem import Problem, two_beta


def pose(
    network: Network,
    x: Any,
    *,
    coding: Unit,
    phases: Sequence[Phase],
    input: InputMode = "spikes",
    precision: Precision = "float32",
    record: Collection[Recordable] = (),
    uniforms: Sequence[Any] | None = None,
    seed: int = 0,
    samples: Any = None,
    fixed: FixedPoint | None = None,
    strict: bool = False,
    parts: Sequence[Part] = (),
    timing: Asynchronous | None = None,
    paths: Paths | None = None,
    readout: Readout = "squared-error",
    skip_right: float = 0.0,
) -> Problem:
    """Check what a user asks of an engine; see :func:`eqchip.run` for the arguments.

    Raises
    ------
    InputError
        Naming the argument, its value, and what would be right.
    """
    if not isinstance(network, Network):
        raise InputError(f"run: network is {type(network).__name__}; expected Network")
    if not isinstance(coding, Unit):
        raise InputError(f"run: coding is {coding!r}; expected Coding{as_coding(coding)}")
    check_choice("precision", precision, get_args(Precision))
    check_choice("input", input, get_args(InputMode))
    check_choice("readout", readout, get_args(Readout))
    wanted = recorded(record)
    check_whole("run: seed", seed, 0, 2**64)
    phases = phases_of(phases)
    x, stream = given(x, network, phases[0].steps)
    batch = len(x)
    targets = tuple(target_of(k, phase, batch, network.sizes[-1]) for k, phase in enumerate(phases))
    check_from_free(phases)
    later_x = [
        clamped(phase.x, network, f"x of phase {k}")
        for k, phase in enumerate(phases)
        if isinstance(phase, Free) and phase.x is not None
    ]
    for k, other in enumerate(later_x):
        if len(other) != batch:
            raise InputError(
                f"run: input {k + 1} after x has {len(other)} samples; expected {batch}, as x has"
            )
    samples = identities(samples, batch)
    fixed = arithmetic(precision, fixed, coding)
    _check_pooling(network, precision)
    dtype = np.dtype(np.float64 if fixed else precision)
    problem = Problem(
        network=network,
        coding=coding,
        phases=phases,
        x=x.astype(dtype),
        targets=tuple(None if y is None else y.astype(dtype) for y in targets),
        input=input,
        precision=precision,
        record=wanted,
        uniforms=uniforms_of(uniforms, coding, network, sum(p.steps for p in phases), batch),
        seed=int(seed),
        samples=samples,
        fixed=fixed,
        strict=bool(strict),
        parts=check_parts(parts, network.sizes) if parts else (),
        timing=timing,
        paths=paths,
        readout=readout,
        skip_right=skip_right,
        later_x=tuple(other.astype(dtype) for other in later_x),
        stream=stream,
    )
    _check_record(problem)
    _check_stream(problem)
    _check_readout(problem)
    _check_timing(problem)
    _check_skipping(problem)
    _check_precision(problem)
    return problem


def _check_stream(problem: Problem) -> None:
    """Refuse what cannot be told by bits that are given."""
    if problem.stream is None:
        return
    coding = problem.coding
    for wrong, what, expected in (
        (problem.input != "spikes", f"input {problem.input!r}", "'spikes'"),
        (problem.timing is not None, "a timing", "timing=None: streams have one clock"),
        (
            not coding.follows_streams,
            f"{type(coding).__name__}, whose inputs follow no stream",
            "Coding",
        ),
        (not coding.sends_bits, "quantizer 'none'", "one that sends bits"),
        (bool(problem.later_x), "phases that have an x of their own", "none"),
        (coding.adapts_prediction, "a prediction that adapts", "a schedule, or None"),
    ):
        if wrong:
            raise InputError(f"run: x is Events with {what}; expected {expected}")
    if coding.prediction is None and coding.adaptive is not None:
        raise InputError(
            "run: x is Events with OptimalStepSize and no prediction, so that nothing says how "
            "fast an input follows; expected a prediction, or a Polynomial step size"
        )


def _check_pooling(network: Network, precision: Precision) -> None:
    """A maximum is no sum of weighted spikes, which is all that a chip's synapses do."""
    for k, connection in enumerate(network.connections):
        if precision == "chip" and connection.max_window:
            raise InputError(
                f"run: connection {k + 1} ({connection}) has MaxPool2d in precision "
                "'chip', whose synapses add only; expected AvgPool2d or a precision of floats"
            )


def _check_record(problem: Problem) -> None:
    """Refuse a record that no memory holds."""
    numbers = len(problem.x) * sum(problem.network.sizes) * problem.steps
    of_each = {"bits": 1, "potentials": problem.dtype.itemsize}
    size = numbers * sum(each for name, each in of_each.items() if name in problem.record)
    check_memory(
        f"run: a record of {problem.steps:,} steps of {len(problem.x):,} samples", size,
        "fewer steps or samples, or less in record",
    )  # fmt: skip


def _check_readout(problem: Problem) -> None:
    """Refuse what a read-out outside the dynamics cannot be asked."""
    if problem.readout != "cross-entropy":
        return
    if not problem.coding.reads_out:
        raise InputError(
            f"run: readout 'cross-entropy' with {type(problem.coding).__name__}, which cannot read "
            "out; expected 'squared-error'"
        )
    read_out = len(problem.network.layers) - 1
    for k, (connection, joined) in enumerate(
        zip(problem.network.connections, problem.network.joined, strict=True)
    ):
        if read_out in joined and not connection.all_to_all:
            raise InputError(
                f"run: connection {k + 1} ({connection}) with readout 'cross-entropy', which reads "
                "whole layers; expected Dense, or 'squared-error'"
            )
    if problem.timing is not None:
        raise InputError(
            "run: readout 'cross-entropy' with a timing: the asynchronous engine has no read-out "
            "outside the dynamics; expected 'squared-error', or timing=None"
        )
    before: Phase | None = None
    for k, phase in enumerate(problem.phases):
        if isinstance(phase, Nudged) and not phase.from_free and not isinstance(before, Free):
            raise InputError(
                f"run: phase {k} is nudged with readout 'cross-entropy', but no free phase ends "
                "where it begins; expected from_free=True, or a Free(...) before it"
            )
        before = phase


def _check_timing(problem: Problem) -> None:
    """Refuse a timing that does not suit the run, and what only a timing has without one."""
    timing = problem.timing
    if timing is None:
        if "events" in problem.record:
            raise InputError(
                "run: record has 'events', which only an asynchronous run has; "
                "expected a timing, e.g. timing=Asynchronous()"
            )
        return
    if not isinstance(timing, Asynchronous):
        raise InputError(f"run: timing is {timing!r}; expected Asynchronous or None")
    check_needs("run: the asynchronous engine", of_links(problem.network), ())
    for k, connection in enumerate(problem.network.connections):
        if connection.max_window:
            raise InputError(
                f"run: connection {k + 1} ({connection}) with a timing: a maximum is of what all "
                "units of a window send at one step; expected average pooling, or timing=None"
            )
    parts = problem.parts or whole_layers(problem.network.sizes)
    check_timing(timing, problem.paths, parts, problem.phases, problem.fixed)
    if problem.uniforms is not None and timing.drawn_clocks:
        raise InputError(
            "run: uniforms are given by the step, but clocks differ; "
            "expected no uniforms, or clocks without spread, offset and jitter"
        )


def _check_skipping(problem: Problem) -> None:
    """Refuse to leave out what is no phase after a free one, or ends at no moment."""
    if problem.skip_right == 0:
        return
    first, *later = problem.phases
    if not isinstance(first, Free) or not any(isinstance(phase, Nudged) for phase in later):
        raise InputError(
            f"run: skip_right is {problem.skip_right!r}, but phases are no free one and then a "
            "nudged one; expected [Free(...), ..., Nudged(...)], or 0"
        )
    if problem.timing is not None:
        raise InputError(
            f"run: skip_right is {problem.skip_right!r} with a timing, where units are at no "
            "moment all at the end of a phase; expected 0, or timing=None"
        )


def _check_precision(problem: Problem) -> None:
    """Refuse numbers that vanish or overflow in the precision of the run."""
    dtype = problem.dtype
    if problem.fixed is not None:
        if problem.strict:
            check_kept("run", losses(problem.network, problem.fixed))
        for k, phase in enumerate(problem.phases):
            if isinstance(phase, Nudged) and two_beta(phase, problem.fixed) == 0:
                raise InputError(
                    f"run: beta {phase.beta!r} of phase {k} rounds to 0 or overflows in "
                    f"{problem.fixed.coefficient_bits} fractional bits; expected one nearer to 1"
                )
    problem.coding.check_numbers(problem.last_step, dtype)
    largest = float(np.finfo(dtype).max)
    for k, phase in enumerate(problem.phases):
        if not isinstance(phase, Nudged):
            continue
        twice = 2 * abs(phase.beta)
        if twice > largest or dtype.type(twice) == 0:
            raise InputError(
                f"run: beta {phase.beta!r} of phase {k} vanishes or overflows in {dtype}; "
                "expected one nearer to 1"
            )
    for what, arrays in (("weights", problem.network.weights), ("biases", problem.network.biases)):
        for k, array in enumerate(arrays):
            if array.itemsize > dtype.itemsize and np.abs(array).max() > largest:
                raise InputError(
                    f"run: {what} of connection {k + 1} reach {np.abs(array).max():g}, which "
                    f"overflows {dtype}; expected smaller ones, or precision='float64'"
                )
