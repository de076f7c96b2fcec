"""A kind of plasticity as kernels take it, and what it can be asked of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from eqchip.emulator.description.plasticity import Plasticity
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem

# How the description of each kind becomes a NamedTuple of numbers, of a type in `HOOKS` of
# `kernels.plastic`.
LOWER: dict[type[Plasticity], Callable[[Problem, Any], Any]] = {}


def lower_plasticity(problem: Problem, plasticity: Plasticity | None) -> Any:
    """The plasticity as kernels take it; None: weights stay.

    Raises
    ------
    InputError
        If there is no row for its kind, or no weight could be written in such a problem.
    """
    if plasticity is None:
        return None
    lower = LOWER.get(type(plasticity))
    if lower is None:
        known = ", ".join(kind.__name__ for kind in LOWER) or "none"
        raise InputError(
            f"emulator has no plasticity {type(plasticity).__name__}; expected one of {known}"
        )
    check_plastic(problem)
    return lower(problem, plasticity)


def check_plastic(problem: Problem) -> None:
    """Refuse a problem in which weights cannot be written while its phases run.

    Raises
    ------
    InputError
    """
    network = problem.network
    for wrong, shown, wanted in (
        (problem.fixed is not None, "precision is 'chip'", "'float32' or 'float64'"),
        (problem.timing is not None, "a timing is given", "one clock for all"),
        (problem.input != "spikes", f"input is {problem.input!r}", "'spikes'"),
        (not problem.coding.sends_bits, "quantizer is 'none'", "bits"),
        (problem.readout != "squared-error", f"readout is {problem.readout!r}", "'squared-error'"),
        (any(network.feedback_shifts), "feedback is weaker than forward", "no feedback_shifts"),
        (bool(network.links), f"{network!r} has links", "a chain"),
        (not all(c.all_to_all for c in network.connections), f"{network!r}", "dense layers"),
    ):
        if wrong:
            raise InputError(f"plasticity while phases run: {shown}; expected {wanted}")
