"""A network in a file: network.npz."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from eqchip.emulator.arrays import ArrayFile, Header, open_arrays
from eqchip.emulator.description import notation
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_arrays

NETWORK_FORMAT = "eqchip-network 2"
FIRST_NETWORK_FORMAT = "eqchip-network 1"  # dense layers only; still read
MOST_LAYERS = 2**16  # of the first version: more than memory has ever held


def save_network(path: Path, network: Network, mirror: Sequence[np.ndarray] = ()) -> None:
    """Write a network: ``network`` in one line, ``weights_k`` and ``biases_k`` (k from 0).

    ``feedback_shifts``, one per connection, where one is not 0; ``links`` in one line, where there
    are any, whose weights follow those of the chain.

    Where a chip learned, `mirror` is what feedback spikes read of every connection but the first:
    ``mirror_k`` (k from 1).
    """
    arrays = {"network": np.array(notation.written(notation.of_network(network)))}
    if network.links:
        arrays["links"] = np.array(" ".join(notation.links_of(network)))
    for name, held in (("weights", network.weights), ("biases", network.biases)):
        arrays |= {f"{name}_{k}": values for k, values in enumerate(held)}
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
    with open_network(Path(path)) as file:
        layers = _layers_in(file)
        chain = notation.connections(layers)
        links = [one.link for one in notation.links(layers, _links_in(file))]
        joined = (*chain, *(link.connection for link in links))
        shapes = {f"weights_{k}": one.weight_shape for k, one in enumerate(joined)}
        shapes |= {f"biases_{k}": one.post_shape for k, one in enumerate(chain)}
        missing = sorted(name for name in shapes if name not in file)
        if missing:
            raise InputError(f"{', '.join(missing)} missing")
        for name, shape in shapes.items():
            _check_size(name, file.headers[name], shape)
        return Network.chain(
            chain,
            weights=[file.values(f"weights_{k}") for k in range(len(joined))],
            biases=[file.values(f"biases_{k}") for k in range(len(chain))],
            feedback_shifts=_shifts_in(file, len(chain)),
            links=links,
        )


def load_mirror(path: Path, network: Network) -> tuple[np.ndarray, ...] | None:
    """The mirrored weights of a network's file, of every connection but the first.

    None where the file has none; errors as of :func:`load_network`, or if a weight is missing, of
    another shape, or not finite.
    """
    with open_network(Path(path)) as file:
        if not any(name.startswith("mirror_") for name in file.headers):
            return None
        found = []
        for k, weights in enumerate(network.weights[1:], start=1):
            header = file.headers.get(f"mirror_{k}")
            if header is None:
                raise InputError(f"mirror_{k} missing; expected one for each from 1")
            fits = header.shape == weights.shape and header.dtype.kind == "f"
            one = file.values(f"mirror_{k}") if fits else weights
            if not fits or not np.isfinite(one).all():
                raise InputError(
                    f"mirror_{k} is {header}; expected finite numbers of shape {weights.shape}, "
                    f"as weights_{k}"
                )
            found.append(one)
        return tuple(found)


def open_network(path: Path) -> AbstractContextManager[ArrayFile]:
    """The open file; errors as of :func:`load_network`."""
    return open_arrays(path, NETWORK_FORMAT, FIRST_NETWORK_FORMAT)


def _check_size(name: str, header: Header, shape: tuple[int, ...]) -> None:
    """Refuse an array before it is read, but for one whose values stand in another shape."""
    if math.prod(header.shape) > math.prod(shape):
        raise InputError(f"{name} is {header}; expected shape {shape}")


def _layers_in(file: ArrayFile) -> tuple[notation.Entry, ...]:
    """The network in a file: one line, or, in the first version, a table of sizes."""
    line = file.text("network")
    if line is not None:
        return notation.parse(line)
    layers = file.headers.get("layers")
    if (
        layers is None
        or len(layers.shape) != 2
        or layers.shape[0] > MOST_LAYERS
        or layers.shape[1] != 1
        or layers.dtype.kind != "i"
    ):
        raise InputError("network is missing or no text, and layers no table of sizes")
    return tuple(int(n) for n in file.values("layers")[:, 0])


def _links_in(file: ArrayFile) -> list[str]:
    line = file.text("links")
    if line is None and "links" in file:
        raise InputError("links is no text")
    return [] if line is None else line.split()


def _shifts_in(file: ArrayFile, connections: int) -> tuple[int, ...]:
    header = file.headers.get("feedback_shifts")
    if header is None:
        return ()
    if len(header.shape) != 1 or header.dtype.kind != "i":
        raise InputError("feedback_shifts is no row of whole numbers")
    if header.shape[0] > connections:
        raise InputError(f"feedback_shifts holds {header.shape[0]} numbers; expected {connections}")
    return tuple(int(shift) for shift in file.values("feedback_shifts"))
