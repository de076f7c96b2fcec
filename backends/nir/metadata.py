"""What NIR cannot say of a network: JSON text under the key ``"eqchip"`` of a graph's metadata.

===============  ==============================================================================
``format``       ``"eqchip-nir 1"``
``layers``       the shape of every layer, the input first; the units of a node are those of a
                 layer in row-major order of its shape (height, width, channels)
``connections``  per connection ``kind``, and the nodes ``pre``, ``post``, ``up`` and ``dn``; the
                 weight of ``dn`` is the transpose of that of ``up``: one weight, shared. ``dn``
                 is null where a clamped layer receives nothing. A ``Conv2d`` has ``channels``,
                 ``kernel``, ``stride``, ``padding`` and ``average_pool`` (or null); its kernel
                 before pooling is the array ``kernel`` of the metadata of ``up``
``clamped``      the layers whose potential is given from outside
``potentials``   the interval that potentials are clipped to
``coding``       as in ``config.toml``: quantizer, step size, prediction; or null
``input``        ``"spikes"`` or ``"current"``
``learning``     as in ``config.toml``: the rule, its beta and numbers of steps; or null
``phases``       what ``learning`` amounts to: the phases of a training sample, in order; or null
``digest``       SHA-256 of all of the above and of weights and biases; may be left out
===============  ==============================================================================
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import (
    AvgPool2d,
    Connection,
    Conv2d,
    Dense,
    row_of,
)
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import InputMode
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Nudged
from eqchip.emulator.documents import parse_json
from eqchip.emulator.errors import InputError
from eqchip.emulator.mistakes import one_line

KEY = "eqchip"
FORMAT = "eqchip-nir 1"
CONV_SIZES = ("channels", "kernel", "stride", "padding")


@dataclass(frozen=True, eq=False)
class Described:
    """A network, and how it is run; what is None was not given."""

    network: Network
    coding: Coding | None
    input: InputMode
    learning: Learning | None


class Settings(NamedTuple):
    """What the text holds beside the weights."""

    connections: tuple[Connection, ...]
    coding: Coding | None
    input: InputMode
    learning: Learning | None


_CODING: TypeAdapter[Coding | None] = TypeAdapter(Coding | None)
_LEARNING: TypeAdapter[Learning | None] = TypeAdapter(Learning | None)
_INPUT: TypeAdapter[InputMode] = TypeAdapter(InputMode)
# What they are made into, by whose keys a mistake is told.
SETTINGS_OF = {"coding": Coding, "learning": Learning, "input": InputMode}


def to_text(described: Described) -> str:
    """The JSON text of a network."""
    network = described.network
    document = _document(
        Settings(network.connections, described.coding, described.input, described.learning)
    )
    return json.dumps({**document, "digest": _digest(document, network)})


def parse(text: Any) -> Settings:
    """Read the JSON text.

    Raises
    ------
    InputError
        If it is no JSON, of another format, or holds what eqchip would not write.
    """
    document = _loads(text)
    document.pop("digest", None)
    layers = document.get("layers")
    if (
        not isinstance(layers, list)
        or len(layers) < 2
        or not all(
            isinstance(shape, list)
            and len(shape) in (1, 3)
            and all(type(n) is int and n > 0 for n in shape)
            for shape in layers
        )
    ):
        raise InputError(f"metadata: layers are {str(layers)[:80]}; expected a list of shapes")
    settings = Settings(
        _connections(document, [tuple(shape) for shape in layers]),
        _validated("coding", _CODING, document),
        _validated("input", _INPUT, document),
        _validated("learning", _LEARNING, document),
    )
    expected = _document(settings)
    connections = document.get("connections")
    if isinstance(connections, list):
        for k, (found, right) in enumerate(zip(connections, expected["connections"], strict=False)):
            if isinstance(found, dict):
                _check_same(f"connection {k + 1}: ", found, right)
    _check_same("", document, expected)
    return settings


def _check_same(where: str, found: dict[str, Any], expected: dict[str, Any]) -> None:
    """The fields of a document, or of a part of it, are as expected, no more and no fewer."""
    for name in sorted(expected.keys() | found.keys(), key=lambda name: (name != "kind", name)):
        if found.get(name, "missing") != expected.get(name, "missing"):
            shown = json.dumps(found.get(name, "missing"))[:80]
            right = json.dumps(expected.get(name, "nothing"))[:80]
            raise InputError(f"metadata: {where}{name} is {shown}; expected {right}")


def check_digest(text: Any, described: Described) -> None:
    """Refuse a file in which a bit is not as eqchip wrote it; one without digest passes."""
    document = _loads(text)
    found = document.pop("digest", None)
    expected = _digest(document, described.network)
    if found is not None and found != expected:
        raise InputError(
            f"digest is {str(found)[:64]}; expected {expected} of these weights, biases and "
            "settings: the file is damaged, or was changed (take digest out if that was meant)"
        )


def _document(settings: Settings) -> dict[str, Any]:
    """All but the digest."""
    phases = None
    if settings.learning is not None:
        phases = [
            {
                "kind": "nudged" if isinstance(phase, Nudged) else "free",
                "steps": phase.steps,
                "beta": phase.beta if isinstance(phase, Nudged) else None,
                "from_free": phase.from_free,
            }
            for phase in settings.learning.phases(np.zeros((1, 1)))
        ]
    shapes = [settings.connections[0].pre_shape, *(c.post_shape for c in settings.connections)]
    return {
        "format": FORMAT,
        "layers": [list(shape) for shape in shapes],
        "connections": [
            {
                **row_of(SAID, connection, f"nir: connection {k}")(connection),
                "pre": f"layer_{k - 1}" if k > 1 else "input",
                "post": f"layer_{k}",
                "up": f"up_{k}",
                "dn": f"dn_{k}" if k > 1 else None,
            }
            for k, connection in enumerate(settings.connections, start=1)
        ],
        "clamped": ["input"],
        "potentials": [0.0, 1.0],
        "coding": _CODING.dump_python(settings.coding, mode="json"),
        "input": settings.input,
        "learning": _LEARNING.dump_python(settings.learning, mode="json"),
        "phases": phases,
    }


def _convolution(connection: Conv2d) -> dict[str, Any]:
    return {
        "kind": "Conv2d",
        **{name: getattr(connection, name) for name in CONV_SIZES},
        "average_pool": None if connection.pool is None else connection.pool.size,
    }


# A connection but for the layers that it joins, by its kind.
SAID: dict[type, Callable[[Any], dict[str, Any]]] = {
    Dense: lambda connection: {"kind": "Dense"},
    Conv2d: _convolution,
}


def _connections(document: dict[str, Any], layers: list[tuple[int, ...]]) -> tuple[Connection, ...]:
    """The connections; what is none is Dense, and then not what the document says."""
    entries = document.get("connections")
    found: list[Connection] = []
    for k, (pre, post) in enumerate(zip(layers, layers[1:], strict=False)):
        entry = entries[k] if isinstance(entries, list) and k < len(entries) else None
        if not isinstance(entry, dict) or entry.get("kind") != "Conv2d":
            found.append(Dense(math.prod(pre), math.prod(post)))
            continue
        sizes: dict[str, Any] = {name: entry.get(name) for name in CONV_SIZES}
        pool: Any = entry.get("average_pool")
        try:
            average = None if pool is None else AvgPool2d(pool)
            found.append(Conv2d(pre, pool=average, **sizes))  # type: ignore[arg-type]
        except InputError as error:
            raise InputError(f"metadata: connection {k + 1}: {error}") from None
    return tuple(found)


def _loads(text: Any) -> dict[str, Any]:
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    if not isinstance(text, str):
        raise InputError(f"{KEY!r} in its metadata is no valid JSON, but no text at all")
    try:
        document = parse_json(text)
    except InputError as error:
        raise InputError(f"{KEY!r} in its metadata: {error}") from None
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise InputError(f"metadata: format is {str(found)[:80]!r}; expected {FORMAT!r}")
    return dict(document)


def _validated(name: str, adapter: TypeAdapter[Any], document: dict[str, Any]) -> Any:
    try:
        return adapter.validate_python(document.get(name))
    except ValidationError as error:
        told = one_line(error, SETTINGS_OF[name], "setting")
        raise InputError(f"metadata: {name}: {told}") from None


def _digest(document: dict[str, Any], network: Network) -> str:
    whole = hashlib.sha256(json.dumps(document, sort_keys=True).encode())
    for array in (*network.weights, *network.biases):
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        whole.update(f"{little.dtype.str} {little.shape} ".encode())
        whole.update(little.tobytes())
    return whole.hexdigest()
