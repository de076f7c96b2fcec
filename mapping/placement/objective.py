"""What a placement is to make small, in the figures of the chip."""

from __future__ import annotations

from eqchip.emulator.errors import InputError
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mesh import HOPS, Weights
from eqchip.mapping.placement.place import Placement

ALONG = ("hop_east_west", "hop_north_south")
CROSSING = "chip_crossing"


def weights_of(chip: Chip, placement: Placement) -> Weights:
    """What a message costs on its way, in hops, joules or seconds, nominal.

    A crossing to another chip whose cost nobody knows costs no more than its hop.

    Raises
    ------
    InputError
        If the chip file has no such figure for a hop.

    Examples
    --------
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> weights_of(load_chip("loihi1-davies"), "energy")
    Weights(east_west=3e-12, north_south=4e-12, crossing=0.0)
    """
    if placement not in ("energy", "time"):
        return HOPS
    table = chip.energy if placement == "energy" else chip.time
    lacking = [f"{placement}.{kind}" for kind in ALONG if kind not in table]
    if lacking:
        raise InputError(
            f"map: placement is {placement!r}, but the file of {chip.name} has no "
            f"{' and '.join(lacking)}; expected hops or naive"
        )
    crossing = table[CROSSING].si.value if CROSSING in table else 0.0
    return Weights(table[ALONG[0]].si.value, table[ALONG[1]].si.value, crossing)
