"""How a sample is learned from: the rule, its phases, the rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from eqchip.emulator.description.coding import FORBID_EXTRA
from eqchip.emulator.description.modes import Readout, States
from eqchip.emulator.description.phases import Phase
from eqchip.emulator.description.rules import Rule, check_read_out, rule_of
from eqchip.emulator.errors import InputError, as_floats, check_number, check_whole

MOST_STEPS = 2**24  # of a phase: tables hold a number for each; some hundred are usual


@dataclass(frozen=True)
class Learning:
    """How a sample is learned from: the rule and its phases.

    Parameters
    ----------
    rule : {"symmetric", "alternating", "full", "bidirectional", "one_sided"} or Rule
        What is contrasted; see :mod:`eqchip.emulator.description.rules`. Since the phases are
        chosen here, the default is the rule with the smallest error: :func:`eqchip.contrast`,
        which is given a run, takes by default what a free and a nudged phase allow.
    beta : float
        Strength of the nudge, above 0 (its sign is `random_sign`'s business).
    free_steps, nudged_steps : int
        Time steps of the free phase, and of each nudged one.
    random_sign : bool
        Draw the sign of beta anew for every minibatch.
    split_stream : bool
        Contrast against the free phase continued beside the nudged one. Not with
        ``symmetric``, where the two nudged phases already share their drift.
    average_steps : int
        Learn from potentials averaged over so many time steps at the end of each phase, and
        classify by them: less of the noise of bits, which a unit could average out by itself. 1:
        from the last.
    readout : {"squared-error", "cross-entropy"}
        What the last layer is: part of the dynamics and pulled towards the target, or, with rule
        ``symmetric`` only, outside of them; see :func:`eqchip.run`.
    skip_right : float
        A sample of which every output ends the free phase nearer to its target than this is right
        already: it is not nudged and writes nothing. A minibatch is still divided by all of its
        samples. 0: every sample is nudged.
    states : {"reset", "kept", "announced"}
        Where the free phase of a sample begins: at rest; or where the one before it in its place
        of the minibatch ended, at the end of the last phase that does not start from the free one.
        The places of a minibatch are so many streams of samples, and none of their units is told
        when a stream goes on to its next one. ``"announced"``: they are told, the step number t
        begins again at 1, and schedules with it.
    """

    __pydantic_config__ = FORBID_EXTRA

    rule: str | Rule = "symmetric"
    beta: float = 0.5
    free_steps: int = 50
    nudged_steps: int = 20
    random_sign: bool = False
    split_stream: bool = False
    average_steps: int = 1
    readout: Readout = "squared-error"
    skip_right: float = 0.0
    states: States = "reset"

    def __post_init__(self) -> None:
        rule = rule_of(self.rule)
        check_number("Learning: beta", self.beta)
        if not 0 < self.beta < float("inf"):
            raise InputError(f"Learning: beta is {self.beta!r}; expected a finite number above 0")
        if self.split_stream and not rule.contrasts_free:
            raise InputError(
                f"Learning: split_stream is set with rule {rule.name!r}, which needs none; "
                "expected split_stream=False or another rule"
            )
        if self.readout not in get_args(Readout):
            raise InputError(
                f"Learning: unknown readout {self.readout!r}; "
                f"expected one of {', '.join(get_args(Readout))}"
            )
        if self.readout == "cross-entropy":
            check_read_out(rule)
        if self.states not in get_args(States):
            raise InputError(
                f"Learning: unknown states {self.states!r}; expected one of "
                f"{', '.join(get_args(States))}"
            )
        check_number("Learning: skip_right", self.skip_right)
        if not 0 <= self.skip_right < 1:
            raise InputError(
                f"Learning: skip_right is {self.skip_right!r}; expected a distance between output "
                "and target in [0, 1), 0 for none"
            )
        for name in ("free_steps", "nudged_steps"):
            check_whole(f"Learning: {name}", getattr(self, name), 1, MOST_STEPS)
        check_whole("Learning: average_steps", self.average_steps, 1, MOST_STEPS)
        shortest = min(self.free_steps, self.nudged_steps)
        if self.average_steps > shortest:
            raise InputError(
                f"Learning: average_steps is {self.average_steps}; "
                f"expected at most the {shortest} steps of the shortest phase"
            )

    @property
    def carries(self) -> bool:
        """Whether samples begin in states that others left."""
        return self.states != "reset"

    @property
    def latest_step(self) -> int:
        """What is left of t when a sample begins in states of another.

        1 of unannounced ones: no coding that goes with them looks at t but for whether it is 1.
        """
        return 1 if self.states == "kept" else 0

    def phases(self, target: np.ndarray, sign: int = 1) -> list[Phase]:
        """The phases of a training sample, for a nudge of this sign."""
        return rule_of(self.rule).phases(
            self.free_steps, self.nudged_steps, target, sign * self.beta, self.split_stream
        )


Optimizer = Literal["sgd", "adam"]


def learning_rates(lr: float | Sequence[float], connections: int) -> list[float]:
    """One learning rate per connection.

    Raises
    ------
    InputError
        If there are neither one nor `connections` of them, or one is negative or not finite.
    """
    given = as_floats("lr", lr)
    rates = [float(rate) for rate in (given if given.ndim else [given] * connections)]
    if len(rates) != connections:
        raise InputError(
            f"lr holds {len(rates)} learning rates for {connections} connections; "
            f"expected one, or {connections}"
        )
    for rate in rates:
        if not 0 <= rate < float("inf"):
            raise InputError(f"lr holds {rate!r}; expected finite numbers of at least 0")
    return rates


def check_decay(weight_decay: float, rate: float) -> None:
    """Refuse a decay that would take more of a weight than there is: its sign would turn.

    Raises
    ------
    InputError
    """
    if weight_decay * rate > 1:
        raise InputError(
            f"weight_decay is {weight_decay:g} with a learning rate of {rate:g}; "
            f"expected at most {1 / rate:.6g}, which takes a weight whole"
        )
