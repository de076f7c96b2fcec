"""What the reference must know of a kind of unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class At(NamedTuple):
    """Where and when a layer steps: the step number t, the layer, and, in a chip, the phase."""

    t: int
    layer: int
    phase: int = 0


class Twin(NamedTuple):
    """A kind of unit in plain numpy, one layer at a time; a row of TWINS, by its description.

    run: the `Constants`, in which ``run.unit`` is what `tables` made; layer: what `begin` made,
    with potentials ``s`` and messages ``q``, of shape (batch, units), which the functions change;
    target, pull: None but in a nudged output layer, pull being beta, or a chip's 2 beta; at: At.

    tables(problem, steps)
        What units look up and never change, for so many steps.
    begin(problem, shape)
        A layer before step 1.
    advance(run, layer, u, target, pull, at)
        From what arrived and ``run.offsets[at.layer - 1]`` to the new potentials.
    emit(run, layer, s_previous, uniform, at)
        The messages of the new potentials; uniform: where the kind draws. Layer 0 is clamped.
    read(run, layer, u, pull, at)
        The step of a read-out outside the dynamics, if the kind has one.
    """

    tables: Callable[..., Any]
    begin: Callable[..., Any]
    advance: Callable[..., None]
    emit: Callable[..., None]
    read: Callable[..., None] | None = None
