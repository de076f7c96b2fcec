"""What no other simulator here computes: maximum pooling, which is no sum of what arrives."""

from __future__ import annotations

from eqchip.emulator.description.connections import Conv2d, MaxPool2d
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError


def check_pooling(network: Network, where: str, why: str) -> None:
    """Refuse maximum pooling.

    Parameters
    ----------
    network : Network
    where : str
        What refuses it; begins the error.
    why : str

    Raises
    ------
    InputError
        Naming the connection.
    """
    for k, connection in enumerate(network.connections):
        if isinstance(connection, Conv2d) and isinstance(connection.pool, MaxPool2d):
            raise InputError(
                f"{where}: connection {k + 1} ({connection}) has MaxPool2d, but {why}; "
                f"expected AvgPool2d({connection.pool.size})"
            )
