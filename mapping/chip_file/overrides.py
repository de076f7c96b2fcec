"""A chip with some figures set by hand, as a file that stands on it would say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line
from eqchip.mapping.chip_file.base import derived
from eqchip.mapping.chip_file.chip import FORMAT, Chip, load_chip

VALUE = re.compile(r"([0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)\s*([A-Za-z0-9]*)")
ADDRESS = re.compile(r"[a-z_0-9]+(\.[a-z_0-9]+){0,2}")


def overridden(
    chip: str | Path | Chip, figures: Mapping[str, str], weight_bits: int | None = None
) -> Chip:
    """A chip with other figures.

    Parameters
    ----------
    chip : str, Path or Chip
    figures : mapping of str to str
        Address of a figure, as chip files have it, to its value and unit; without one, the unit is
        the chip's. The band is the value alone.
    weight_bits : int, optional
        Of the chip's arithmetic.

    Raises
    ------
    InputError
        For an address or a value that no chip file could have.

    Examples
    --------
    >>> found = overridden("loihi1-davies", {"energy.synaptic_event": "5pJ"}, weight_bits=4)
    >>> found.energy["synaptic_event"].si.high, found.arithmetic.weight_bits
    (5e-12, 4)
    """
    base = load_chip(chip)
    if not figures and weight_bits is None:
        return base
    changes: dict[str, Any] = {
        "format": FORMAT,
        "name": f"{base.name}-set",
        "source": "set by hand",
        "status": "assumed",
        "confidence": "C",
    }
    for address, text in figures.items():
        _put(changes, address, text)
    if weight_bits is not None:
        changes["arithmetic"] = {"weight_bits": weight_bits}
    document = base.model_dump(mode="json", exclude_none=True)
    try:
        return Chip(**derived(document, changes))
    except ValidationError as error:
        raise InputError(f"{base.name} with figures set: {one_line(error, Chip)}") from None


def _put(changes: dict[str, Any], address: str, text: str) -> None:
    """One figure into its table."""
    match = VALUE.fullmatch(text.strip())
    if ADDRESS.fullmatch(address) is None or match is None:
        raise InputError(
            f"set: {address}={text}; expected the address of a figure and its value, such as "
            "energy.synaptic_event=5pJ"
        )
    if address.startswith("barrier"):
        raise InputError(
            f"set: {address}: the rows of a barrier are told together; expected a chip file"
        )
    *tables, last = address.split(".")
    into = changes
    for table in tables:
        into = into.setdefault(table, {})
    value = float(match[1])
    if tables[:1] == ["cores"]:  # limits are counts
        if value != int(value):
            raise InputError(f"set: {address}={text}; expected a whole number")
        into[last] = {"value": int(value)}
    else:
        into[last] = {"value": value}
    if match[2]:
        into[last]["unit"] = match[2]
