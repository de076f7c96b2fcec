"""A network in a file: network.npz."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eqchip.emulator.description import notation
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import read_arrays, write_arrays

NETWORK_FORMAT = "eqchip-network 2"
FIRST_NETWORK_FORMAT = "eqchip-network 1"  # dense layers only; still read


def save_network(path: Path, network: Network, mirror: Sequence[np.ndarray] = ()) -> None:
    """Write a network: ``network`` in one line, ``weights_k`` and ``biases_k`` (k from 0).

    ``feedback_shifts``, one per connection, where one is not 0.

    Where a chip learned, `mirror` is what feedback spikes read of every connection but the first:
    ``mirror_k`` (k from 1).
    """
    arrays = {"network": np.array(notation.written(notation.of_network(network)))}
    for k, (weights, biases) in enumerate(zip(network.weights, network.biases, strict=True)):
        arrays[f"weights_{k}"], arrays[f"biases_{k}"] = weights, biases
    if any(network.feedback_shifts):
        arrays["feedback_shifts"] = np.array(network.feedback_shifts)
    arrays |= {f"mirror_{k}": weights for k, weights in enumerate(mirror, start=1)}
    write_arrays(path, NETWORK_FORMAT, arrays)


def load_network(path: Path) -> Network:
    """Read a network.

    Raises
    ------
    InputError
        If the file is missing, damaged, foreign, or holds no network.
    """
    arrays = read_network(Path(path))
    try:
        chain = notation.connections(_layers_in(arrays))
        names = [f"{kind}_{k}" for kind in ("weights", "biases") for k in range(len(chain))]
        missing = sorted(set(names) - arrays.keys())
        if missing:
            raise InputError(f"{', '.join(missing)} missing")
        return Network.chain(
            chain,
            weights=[arrays[f"weights_{k}"] for k in range(len(chain))],
            biases=[arrays[f"biases_{k}"] for k in range(len(chain))],
            feedback_shifts=_shifts_in(arrays),
        )
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def read_network(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the file as they stand; errors as of :func:`load_network`."""
    return read_arrays(path, NETWORK_FORMAT, FIRST_NETWORK_FORMAT)


def _layers_in(arrays: dict[str, np.ndarray]) -> tuple[notation.Entry, ...]:
    """The network in a file: one line, or, in the first version, a table of sizes."""
    line = arrays.get("network")
    if line is not None and line.shape == () and line.dtype.kind == "U":
        return notation.parse(str(line))
    layers = arrays.get("layers")
    if layers is None or layers.ndim != 2 or layers.shape[1] != 1 or layers.dtype.kind != "i":
        raise InputError("network is missing or no text, and layers no table of sizes")
    return tuple(int(n) for n in layers[:, 0])


def _shifts_in(arrays: dict[str, np.ndarray]) -> tuple[int, ...]:
    shifts = arrays.get("feedback_shifts", np.zeros(0, np.int64))
    if shifts.ndim != 1 or shifts.dtype.kind != "i":
        raise InputError("feedback_shifts is no row of whole numbers")
    return tuple(int(shift) for shift in shifts)
