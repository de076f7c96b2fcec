"""Ways to damage what an HDF5 file means: other types, shapes, places and links."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np


def in_hdf5(content: bytes, rng: np.random.Generator) -> bytes:
    """A file in which one thing is missing, double, of another kind, or somewhere else."""
    import h5py

    whole = io.BytesIO(content)
    with h5py.File(whole, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        name = names[int(rng.integers(len(names)))]
        other = names[int(rng.integers(len(names)))]
        one = file[name]
        how = int(rng.integers(12))
        if how == 0:
            del file[name]
        elif how == 1:
            file[f"{name}_again"] = one
        elif how == 2:
            del file[name]
            file[name] = h5py.SoftLink(f"/{other}")
        elif how == 3:
            del file[name]
            file[name] = h5py.ExternalLink("/etc/passwd", "/x")
        elif how == 4:
            del file[name]
            file.create_dataset(name, data=_value(rng))
        elif how == 5 and isinstance(one, h5py.Dataset) and one.dtype.kind == "f":
            values = one[()]
            values.reshape(-1)[int(rng.integers(values.size))] = [np.nan, np.inf, 1e300, 0.5][
                int(rng.integers(4))
            ]
            one[...] = values
        elif how == 6:
            _announce(file, name, rng)
        elif how == 7:
            file.create_group(f"{name}_more" + "/a" * int(rng.integers(1, 60)))
        elif how == 8 and "node/metadata/eqchip" in file:
            _reword(file, rng)
        elif how == 9:
            del file[name]
            file.create_dataset(name, (3,), h5py.vlen_dtype(np.float32))
        elif how == 10:
            del file[name]
            file[name] = np.dtype("f4")
        else:
            file.move(name, f"{other}_moved")
    return whole.getvalue()


def _value(rng: np.random.Generator) -> Any:
    values: list[Any] = [
        *(
            0,
            -1,
            1.5,
            "NIRGraph",
            "LIF",
            "",
            "x" * 3000,
            b"\xff\xfe",
            [],
            [[1.0]],
            np.zeros((2, 0)),
        ),
        *(np.zeros((4, 3)), np.zeros(3, "f2"), np.zeros(2, "c16"), [["a", "b"]], ["a"], True),
        np.zeros(2, [("a", "f4")]),
    ]
    return values[int(rng.integers(len(values)))]


def _announce(file: Any, name: str, rng: np.random.Generator) -> None:
    """A large array of which nothing is written."""
    sides = [(2**28,), (2**14, 2**14), (2**40,), (0, 2**40), (10, 10)]
    shape = sides[int(rng.integers(len(sides)))]
    del file[name]
    packed = "gzip" if rng.random() < 0.5 else None
    file.create_dataset(name, shape, "f4", chunks=True, maxshape=(None,) * len(shape),
                        compression=packed)  # fmt: skip


def _reword(file: Any, rng: np.random.Generator) -> None:
    """Another entry in the text of the network."""
    import mutators

    text = file["node/metadata/eqchip"][()]
    document = json.loads(text)
    if rng.random() < 0.5:
        document.pop("digest", None)
    changed = mutators.in_json(json.dumps(document).encode(), rng)
    del file["node/metadata/eqchip"]
    file["node/metadata/eqchip"] = changed.decode()
