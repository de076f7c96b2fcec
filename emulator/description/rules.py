"""A learning rule: its phases, what it needs of the two ends of a connection, and its products.

A rule is a small class and a row of :data:`RULES`. It contrasts two of its phases, which end with
the potentials s- and s+, and is a sum of products of what is known of the unit below and of the
unit above (:class:`Quantity`); so nothing else has to know it by name. `contrast`, `Descent`,
training, the accounts and the processes of Lava read what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.description.plasticity import Plasticity
from eqchip.emulator.errors import InputError, check_number


@dataclass(frozen=True, eq=False)
class End:
    """Potentials of one end of a connection when the two contrasted phases end.

    minus, plus: shape (batch, units). clamped: whether they are the input's, which never change.
    """

    minus: np.ndarray
    plus: np.ndarray
    clamped: bool = False

    @cached_property
    def change(self) -> np.ndarray:
        """D = s+ - s-; of a clamped end nothing, shape (0, units)."""
        return self.minus[:0] if self.clamped else self.plus - self.minus


@dataclass(frozen=True)
class Quantity:
    """What a rule needs of one end of a connection.

    Parameters
    ----------
    name : str
    of : callable
        From an :class:`End` to an array of shape (batch, units), or (0, units) where it is 0.
    """

    name: str
    of: Callable[[End], np.ndarray]


MINUS = Quantity("minus", lambda end: end.minus)
PLUS = Quantity("plus", lambda end: end.plus)
CHANGE = Quantity("change", lambda end: end.change)


class Product(NamedTuple):
    """What is known of the unit below, times what is known of the unit above."""

    below: Quantity
    above: Quantity


@dataclass(frozen=True)
class Rule:
    """What a rule says of itself; a rule is a subclass of this one.

    Attributes
    ----------
    name : str
        In ``config.toml`` and on the command line.
    contrasts : tuple of int, (minus, plus)
        The phases that end with s- and s+, by the sign of their nudge; 0 is the free phase.
    products : tuple of Product
        One or two: what a weight changes by, summed over the samples.
    bias : Quantity
        What the bias of a unit changes by.
    plasticity : Plasticity or None
        What is written while the phases run; such a rule may have no products.
    in_turn : bool
        Whether several nudged phases follow one another, each from where the one before ended, so
        that no state is ever kept and restored; if not, all start from the end of the free one.

    Examples
    --------
    >>> rule_of("full").contrasts, rule_of("symmetric").contrasts
    ((0, 1), (-1, 1))
    """

    name: ClassVar[str]
    contrasts: ClassVar[tuple[int, int]] = (0, 1)
    products: ClassVar[tuple[Product, ...]]
    bias: ClassVar[Quantity] = CHANGE
    plasticity: ClassVar[Plasticity | None] = None
    in_turn: ClassVar[bool] = False

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Settings hold a rule as it is; files, its name."""
        from pydantic_core import core_schema

        return core_schema.is_instance_schema(cls)

    @property
    def contrasts_free(self) -> bool:
        """Whether the free phase is one of the two; if not, both share the drift that is left."""
        return 0 in self.contrasts

    @property
    def is_full(self) -> bool:
        """Whether it is s+_below s+_above - s-_below s-_above, however it is written.

        That is a difference of what two phases are by themselves, so it can be formed over a
        maximum pooling, whose winners may differ between them, and by a chip that learns.
        """
        return self.products in (
            (Product(MINUS, CHANGE), Product(CHANGE, PLUS)),
            (Product(PLUS, CHANGE), Product(CHANGE, MINUS)),
        )

    def phases(
        self, free_steps: int, nudged_steps: int, target: Any, beta: float, split_stream: bool
    ) -> list[Phase]:
        """The phases of a training sample: a free one, and a nudged one for each sign.

        Several nudged ones all start from the end of the free phase, or each from that of the one
        before (`in_turn`). split_stream: continue the free phase beside a single nudged one.
        """
        together = not self.in_turn
        signs = sorted({sign for sign in self.contrasts if sign}, reverse=True)
        found: list[Phase] = [Free(free_steps)]
        for sign in signs:
            from_free = together and len(signs) > 1
            found.append(Nudged(nudged_steps, target, sign * beta, from_free=from_free))
        if split_stream:
            found.append(Free(nudged_steps, from_free=True))
        return found

    def scale(self, beta: float) -> float:
        """One over the difference of the two nudges."""
        minus, plus = self.contrasts
        return 1.0 / (plus - minus) / beta

    def contrasted(
        self, phases: Sequence[Phase], beta: float, what: str = "contrast", where: str = "the run"
    ) -> tuple[int, int]:
        """Which phases end with s- and s+; of several free ones, the last.

        what, where: who asks, and where the phases are, in the words of an error.

        Raises
        ------
        InputError
            If beta is no number, a phase is missing, or two are nudged by the same beta.
        """
        check_number(f"{what}: beta", beta)
        nudged: dict[float, int] = {}
        for k, phase in enumerate(phases):
            if isinstance(phase, Nudged):
                if phase.beta in nudged:
                    raise InputError(
                        f"{what}: {where} has two nudged phases with beta {phase.beta}, "
                        f"{nudged[phase.beta] + 1} and {k + 1}; expected one"
                    )
                nudged[phase.beta] = k
        free = [k for k, phase in enumerate(phases) if isinstance(phase, Free)]
        for sign in sorted(self.contrasts, reverse=True):
            if sign and sign * beta not in nudged:
                raise InputError(
                    f"{what}: rule {self.name!r} needs a nudged phase with beta {sign * beta}; "
                    f"{where} has {sorted(nudged) or 'none'}"
                )
        if self.contrasts_free and not free:
            raise InputError(f"{what}: rule {self.name!r} needs a free phase; {where} has none")
        minus, plus = (nudged[sign * beta] if sign else free[-1] for sign in self.contrasts)
        return minus, plus


class OneSided(Rule):
    """s-_below D_above: of the unit below only what it is (O'Connor et al. 2019)."""

    name = "one_sided"
    products = (Product(MINUS, CHANGE),)


class Bidirectional(Rule):
    """s-_below D_above + D_below s-_above (O'Connor et al. 2019)."""

    name = "bidirectional"
    products = (Product(MINUS, CHANGE), Product(CHANGE, MINUS))


class Full(Rule):
    """s-_below D_above + D_below s+_above, the contrast (Scellier and Bengio 2017)."""

    name = "full"
    products = (Product(MINUS, CHANGE), Product(CHANGE, PLUS))


class Symmetric(Full):
    """As full, between the phases with +beta and -beta (Laborieux et al. 2021)."""

    name = "symmetric"
    contrasts = (-1, 1)


class Alternating(Symmetric):
    """As symmetric, but the phases with +beta and -beta follow one another: nothing is restored.

    With `random_sign` either comes first as often as the other, and what is left of the motion from
    one phase to the next cancels in the mean.
    """

    name = "alternating"
    in_turn = True


# Every rule that has a name. A new one: a class and a row here.
RULES: dict[str, Rule] = {
    rule.name: rule for rule in (Symmetric(), Alternating(), Full(), Bidirectional(), OneSided())
}


def rule_of(rule: str | Rule) -> Rule:
    """The rule of this name; a rule is its own.

    Raises
    ------
    InputError
        If there is none, or it has more products than `kernels.learning` adds up.
    """
    found = RULES.get(rule) if isinstance(rule, str) else rule
    if not isinstance(found, Rule):
        raise InputError(f"unknown rule {rule!r}; expected one of {', '.join(RULES)}")
    if len(found.products) not in (1, 2) and not (found.plasticity and not found.products):
        raise InputError(
            f"rule {found.name!r} has {len(found.products)} products; expected one or two"
        )
    return found


def fits_chip(rule: Rule) -> bool:
    """Whether a chip can learn by it: each core from what it sees of two nudged phases."""
    apart = not rule.contrasts_free and not rule.in_turn
    return rule.is_full and apart and rule.plasticity is None


def check_read_out(rule: Rule) -> None:
    """Refuse a rule that a read-out outside the dynamics cannot follow.

    Raises
    ------
    InputError
    """
    if rule.contrasts_free or rule.in_turn:
        able = [n for n, one in RULES.items() if not (one.contrasts_free or one.in_turn)]
        raise InputError(
            f"rule {rule.name!r} with readout 'cross-entropy', whose error is known in nudged "
            "phases only, each from the end of the free one; expected rule "
            f"{' or '.join(map(repr, able))}"
        )
