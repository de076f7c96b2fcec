"""The chip that a network learns on: what learning keeps beside a weight takes memory, too."""

from __future__ import annotations

from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.errors import InputError
from eqchip.mapping.chip_file.chip import Chip


def check_learns(chip: Chip) -> None:
    """Refuse a chip on which nothing is known to learn.

    Raises
    ------
    InputError
    """
    if not chip.learning or chip.cores is None or chip.arithmetic is None:
        lacks = "has no learning engine" if not chip.learning else "describes no cores that learn"
        raise InputError(
            f"chip {chip.name} {lacks}; expected a chip whose cores learn, such as loihi1-davies"
        )


def check_payload(chip: Chip, bits: int, what: str) -> None:
    """Refuse a chip whose file knows of no spikes that carry numbers of so many bits.

    Raises
    ------
    InputError
    """
    found = chip.capabilities.get("graded_payload")
    if found is None or int(found.value) < bits:
        has = "does not say that spikes carry numbers"
        if found is not None:
            has = f"has a graded_payload of {int(found.value)}"
        raise InputError(
            f"{what} as numbers of {bits} bits, and chip {chip.name} {has}; "
            "expected spikes, or a chip such as loihi2"
        )


def learning_chip(chip: Chip, onchip: OnChip) -> Chip:
    """The chip with the weights of `onchip`, and its accumulators in synapse memory.

    An accumulator stands where a synapse's tag would: `tag_bits` more for every synapse, as Loihi
    keeps a second number that a rule may write beside each weight (Davies et al. 2018, table 1).

    Raises
    ------
    InputError
        If nothing is known to learn on the chip, or its weights, states or traces are narrower.

    Examples
    --------
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> chip = learning_chip(load_chip("loihi1-davies"), OnChip(accumulator_bits=8))
    >>> chip.cores.packing.axon_bits(64, 8)
    1088
    """
    check_learns(chip)
    assert chip.cores is not None
    assert chip.arithmetic is not None
    for name in ("weight_bits", "state_bits", "coefficient_bits"):
        has, learned = getattr(chip.arithmetic, name), getattr(onchip.fixed, name)
        if learned > has:
            raise InputError(
                f"{name} of what is learned is {learned}; expected at most the {has} that chip "
                f"{chip.name} has"
            )
    most = chip.cores.trace
    if most is not None and onchip.sight.counts_spikes and onchip.trace_bits > most.amount:
        raise InputError(
            f"trace_bits is {onchip.trace_bits}; expected at most the {most.amount} that a trace "
            f"of chip {chip.name} has"
        )
    packing = chip.cores.packing
    wider = packing.model_copy(update={"tag_bits": packing.tag_bits + onchip.accumulator_bits})
    cores = chip.cores.model_copy(update={"packing": wider})
    return chip.model_copy(update={"cores": cores, "arithmetic": onchip.fixed})
