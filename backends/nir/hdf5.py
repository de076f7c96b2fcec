"""The door through which every HDF5 file comes in: read elsewhere, handed over as plain values.

HDF5 files name other files to be read in their place, describe arrays that are not in them, and a
wrong byte can crash the library. So a process of its own reads them
(:mod:`eqchip.backends.nir.hdf5_program`), within limits of memory and time; whatever becomes of
it, becomes one line here. It costs a sixth of a second a file.
"""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from eqchip.emulator.documents import parse_json
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import open_regular

PROGRAM = Path(__file__).with_name("hdf5_program.py")
SECONDS, BYTES_A_SECOND = 60, 2**20  # that it may take, and what it reads in one of them at least
MOST_LINE = 2**28  # bytes of a line that it writes: that of a text
ORDINARY = ("b", "i", "u", "f")
Tree = dict[str, Any]


def read_hdf5(path: Path, wanted: str) -> Tree:
    """What an HDF5 file holds: groups as dictionaries, texts as str, the rest as arrays.

    A scalar text is a str, an array of texts an array of objects; a scalar number is of numpy.

    Parameters
    ----------
    path : Path
    wanted : str
        What the file should be, for whom it is none: "NIR file".

    Raises
    ------
    InputError
        In one line without the file's name, if it is missing, damaged, no HDF5 file; if it leads
        to another place (external or virtual data, soft or external links, two names for one
        object), holds other types than numbers and texts, or unpacks to far more than its own size.
    """
    try:
        with open_regular(path) as file:
            return _read(file)
    except FileNotFoundError:
        raise InputError(f"no such file; expected a {wanted}") from None
    except (OSError, InputError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"damaged or no {wanted} ({why})") from None


def _read(file: BinaryIO) -> Tree:
    seconds = SECONDS + os.fstat(file.fileno()).st_size / BYTES_A_SECOND
    with _reading(file, seconds) as replies:
        try:
            return _tree(replies)
        except InputError:
            raise
        except (EOFError, LookupError, TypeError, ValueError, AttributeError):
            pass  # it was ended, or is out of its senses
    raise InputError("the HDF5 library did not get through it")


@contextlib.contextmanager
def _reading(file: BinaryIO, seconds: float) -> Iterator[BinaryIO]:
    """What the process that reads the file writes; it is ended with the block, or for its time."""
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            **os.environ,
            "HDF5_PLUGIN_PRELOAD": "::",  # no filter is loaded that a file names
            "OPENBLAS_NUM_THREADS": "1",  # of numpy's, whose threads each reserve memory
        },
    )
    clock = threading.Timer(seconds, process.kill)
    clock.daemon = True
    clock.start()
    assert process.stdout is not None
    try:
        with process.stdout as replies:
            yield replies  # type: ignore[misc]
    finally:
        clock.cancel()
        process.kill()
        process.wait()


def _tree(replies: BinaryIO) -> Tree:
    """The tree in what the process writes; EOFError if it ends before it is whole."""
    tree: Tree = {}
    while True:
        line = replies.readline(MOST_LINE)
        if not line.endswith(b"\n"):
            raise EOFError
        found = parse_json(line)
        if found["kind"] == "end":
            return tree
        if found["kind"] == "refused":
            raise InputError(found["why"])
        *above, name = found["at"]
        group = tree
        for step in above:
            group = group[step]
        group[name] = _value(found, replies)


def _value(found: dict[str, Any], replies: BinaryIO) -> Any:
    if found["kind"] == "group":
        return {}
    shape = tuple(found["shape"])
    if found["kind"] == "text":
        texts = np.array([*found["texts"], None], object)[:-1].reshape(shape)
        return texts.item() if shape == () else texts
    dtype = np.dtype(found["dtype"])
    if dtype.kind not in ORDINARY:
        raise ValueError(f"{dtype} is no type of numbers")
    flat = np.empty(math.prod(shape), dtype)
    if flat.nbytes and replies.readinto(flat.view(np.uint8).data) < flat.nbytes:  # type: ignore[attr-defined]
        raise EOFError
    return flat.reshape(shape)[()]
