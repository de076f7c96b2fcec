"""What a chip can do besides holding a network: what a rule may need of it, with a source each.

One row a capability. Whether a chip can run a rule is read off these rows and the file
(:mod:`eqchip.mapping.chip_file.executable`); no code knows a chip by its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool
from pydantic_core import PydanticCustomError

from eqchip.mapping.chip_file.figures import Count, Mark, Status, Table, Text


@dataclass(frozen=True)
class Ability:
    """A row of what a chip can do.

    Attributes
    ----------
    has : str
        In words, after "the chip has".
    counted : str or None
        What its number counts; None: it is there or not.
    """

    has: str
    counted: str | None = None


ABILITIES: dict[str, Ability] = {
    "neuron_program": Ability("units that run a program of the user's"),
    "step_schedule": Ability("coefficients that change from step to step"),
    "state_restore": Ability("ways to keep the states of its units and to set them again"),
    "graded_payload": Ability("numbers that a spike carries", "bits"),
    # Bits beside the sign.
    "third_factor": Ability("signed numbers of receiving units that learning reads", "bits"),
    "synapse_tag": Ability("second numbers beside weights that learning writes", "bits"),
    "stochastic_rounding": Ability("rounding at random of what learning writes"),
    "multicast": Ability("messages that are copied on their way to several cores"),
    "weight_exponents": Ability("exponents that weights on a core may have", "exponents"),
}


def _known(name: str) -> str:
    if name not in ABILITIES:
        raise PydanticCustomError(
            "literal_error", "no capability", {"expected": f"one of {', '.join(ABILITIES)}"}
        )
    return name


Name = Annotated[str, AfterValidator(_known)]


class Capability(Table):
    """Whether a chip can do something, or how wide it is, and who says so.

    Attributes
    ----------
    value : bool or int
        Whether it has it; of one that is counted, how many, and 0 is none.
    source, status, confidence, note : str
        As of any figure.
    """

    value: Annotated[StrictBool | Count, Field(union_mode="left_to_right")]
    source: Text
    status: Status
    confidence: Mark
    note: str = ""


def shown(name: str, value: bool | int) -> str:
    """A value for people: "yes", "no", "7 bits".

    Examples
    --------
    >>> shown("third_factor", 7), shown("third_factor", 0), shown("neuron_program", True)
    ('7 bits', 'none', 'yes')
    """
    counted = ABILITIES[name].counted
    if counted is None or isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,} {counted}" if value else "none"
