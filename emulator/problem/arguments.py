"""The arguments of a run, each by itself: checked, and as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, get_args

import numpy as np

from eqchip.emulator.description.coding import Quantizer
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.graph.events import Events
from eqchip.emulator.description.modes import Precision, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.description.units import Unit
from eqchip.emulator.errors import InputError, as_floats, check_unmasked
from eqchip.emulator.problem.stream import Stream


def given(x: Any, network: Network, rows: int) -> tuple[np.ndarray, Stream | None]:
    """The clamped input, and what it sends by itself, if it does.

    rows: steps of the first phase, in which a stream is shown once.

    Raises
    ------
    InputError
    """
    if not isinstance(x, Events):
        return clamped(x, network), None
    inputs = network.sizes[0]
    return np.zeros((x.batch, inputs), np.float32), Stream.of(x, rows, inputs)


def recorded(record: Any) -> frozenset[Any]:
    """What to record, by name."""
    names = (record,) if isinstance(record, str) else _sequence("record", record)
    for name in names:
        check_choice("record", name, get_args(Recordable))
    return frozenset(names)


def clamped(x: Any, network: Network, what: str = "x") -> np.ndarray:
    """The clamped input, float, shape (batch, n_in)."""
    n_in = network.sizes[0]
    x = as_floats(f"run: {what}", x)
    if x.shape[1:] == network.layers[0]:
        x = x.reshape(len(x), n_in)
    if x.ndim != 2 or x.shape[1] != n_in or len(x) == 0:
        raise InputError(
            f"run: {what} has shape {x.shape}; expected (batch, {n_in}) with at least one sample"
        )
    _check_unit_interval(what, x)
    return x


def as_coding(value: Any) -> str:
    """What a text was meant as, where a coding is expected."""
    like = get_close_matches(value, get_args(Quantizer), n=1) if isinstance(value, str) else []
    return f", e.g. Coding(quantizer={like[0]!r})" if like else ""


def phases_of(phases: Any) -> tuple[Phase, ...]:
    """The phases, of which there is at least one."""
    phases = tuple(_sequence("phases", phases))
    if not phases:
        raise InputError("run: no phases; expected at least one, e.g. [Free(100)]")
    for k, phase in enumerate(phases):
        if not isinstance(phase, (Free, Nudged)):
            steps = phase if isinstance(phase, int) and phase > 0 else 100
            raise InputError(
                f"run: phase {k} is {phase!r}; expected Free({steps}), or Nudged(steps, target, "
                "beta)"
            )
    return phases


def check_from_free(phases: Sequence[Phase]) -> None:
    """Refuse a phase that starts from the end of a free phase that was none."""
    seen_free = False
    for k, phase in enumerate(phases):
        if phase.from_free and not seen_free:
            raise InputError(
                f"run: phase {k} starts from_free, but no free phase comes before it; "
                "expected a Free(...) earlier in phases"
            )
        seen_free = seen_free or (isinstance(phase, Free) and not phase.from_free)


def identities(samples: Any, batch: int) -> np.ndarray:
    """The identity of each sample for the random numbers; int64."""
    check_unmasked("run: samples", samples)
    samples = np.arange(batch) if samples is None else np.asarray(samples)
    if samples.shape != (batch,) or samples.dtype.kind not in "iu":
        raise InputError(
            f"run: samples has shape {samples.shape} and type {samples.dtype}; "
            f"expected {batch} whole numbers"
        )
    if samples.min() < 0 or samples.max() >= 2**32:
        raise InputError(
            f"run: samples range over [{samples.min()}, {samples.max()}]; expected [0, 2**32)"
        )
    found: np.ndarray = samples.astype(np.int64)
    return found


def arithmetic(precision: Precision, fixed: FixedPoint | None, coding: Unit) -> FixedPoint | None:
    """The arithmetic of the run, if it is a chip's; what no chip here computes is refused."""
    if precision != "chip":
        if fixed is not None:
            raise InputError(
                f"run: fixed is given with precision {precision!r}; expected precision 'chip'"
            )
        coding.check_precision(precision)
        return None
    if fixed is not None and not isinstance(fixed, FixedPoint):
        raise InputError(f"run: fixed is {fixed!r}; expected FixedPoint")
    coding.check_precision(precision)
    return fixed or FixedPoint()


def target_of(k: int, phase: Phase, batch: int, n_out: int) -> np.ndarray | None:
    """The target of phase k, float, shape (batch, n_out); None of a free one."""
    if isinstance(phase, Free):
        return None
    target = as_floats(f"run: target of phase {k}", phase.target)
    if target.shape != (batch, n_out):
        raise InputError(
            f"run: target of phase {k} has shape {target.shape}; expected {(batch, n_out)}"
        )
    _check_unit_interval(f"target of phase {k}", target)
    return target


def uniforms_of(
    uniforms: Sequence[Any] | None, coding: Unit, network: Network, steps: int, batch: int
) -> tuple[np.ndarray, ...] | None:
    """Uniform numbers given by hand, float64, of each layer (steps, batch, units)."""
    if uniforms is None:
        return None
    coding.check_uniforms()
    uniforms = _sequence("uniforms", uniforms)
    if len(uniforms) != len(network.layers):
        raise InputError(
            f"run: uniforms hold {len(uniforms)} layers; "
            f"expected {len(network.layers)}, the input first"
        )
    checked = []
    for layer, (values, units) in enumerate(zip(uniforms, network.sizes, strict=True)):
        array = as_floats(f"run: uniforms[{layer}]", values).astype(np.float64)
        if array.shape[:2] != (steps, batch) or array.size != steps * batch * units:
            raise InputError(
                f"run: uniforms[{layer}] has shape {array.shape}; expected {(steps, batch, units)}"
            )
        array = array.reshape(steps, batch, units)
        _check_unit_interval(f"uniforms[{layer}]", array)
        checked.append(array)
    return tuple(checked)


def _sequence(what: str, value: Any) -> Any:
    if not hasattr(value, "__iter__"):
        raise InputError(f"run: {what} is {value!r}; expected a sequence")
    return value if hasattr(value, "__len__") else tuple(value)


def _check_unit_interval(what: str, array: np.ndarray) -> None:
    bad = np.argwhere(~((array >= 0.0) & (array <= 1.0)))  # NaN is caught as well
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise InputError(f"run: {what} holds {array[index]} at {index}; expected values in [0, 1]")


def check_choice(what: str, value: Any, known: Sequence[str]) -> None:
    """Refuse what is none of the known."""
    if value not in known:
        raise InputError(f"run: unknown {what} {value!r}; expected one of {', '.join(known)}")
