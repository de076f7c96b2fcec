"""What a rule writes while its phases run: the hook of a learning rule."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plasticity:
    """A kind of plasticity is a subclass: its parameters, and its equation in the docstring.

    A weight between `below` and `above` is one number, whichever way a spike crosses it. At the
    beginning of a step, before anything is added up, every layer's spikes of the step before
    arrive, the input's first, each by ascending unit; a kind may write the weights that they
    cross. It sees the potentials of all units as the step before left them, and is then read with
    its new weights by the arrivals of this step. So spikes that never arrive, since their phase is
    not gone on from, write nothing.

    Samples are learned from one after another, whatever the size of a minibatch.

    A kind has a row in `LOWER` of :mod:`eqchip.emulator.engine.plasticity`, in `HOOKS` of
    :mod:`eqchip.emulator.kernels.plastic`, and in `WRITES` of
    :mod:`eqchip.backends.reference.plastic`.
    """
