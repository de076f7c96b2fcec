"""A program that reads one HDF5 file and hands over what is in it, in a process of its own.

HDF5 itself can crash on a damaged file, open others that a file names, and take memory without
end; so it is run here, under limits, and only what is plain comes out. Started by
:mod:`eqchip.backends.nir.hdf5` with the open file as its standard input; imports nothing of eqchip.

What it writes to its standard output is lines of JSON, in the order of the file::

    {"at": ["node", "nodes"], "kind": "group"}
    {"at": ["node", "type"], "kind": "text", "shape": [], "texts": ["NIRGraph"]}
    {"at": ["node", "weight"], "kind": "values", "shape": [2, 3], "dtype": "<f4"}, then the bytes
    {"kind": "end"}    or    {"kind": "refused", "why": "..."}
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py
import numpy as np

DEEPEST = 32  # groups within groups
MOST_UNPACKED, SPARE = 64, 2**30  # bytes that may come of a file: times its own, and besides
MOST_PACKED = 1040  # deflate's largest gain is 1032 (zlib, technical details)
MOST_TEXTS = 2**20  # in an array of texts
ROOM = 2**28  # bytes for HDF5 and Python beside the values
FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32, lzf: those that h5py brings along
At = tuple[str, ...]


class Refused(Exception):
    """The file holds what no file of a network needs; the text says what."""


def leaves(group: Any, at: At, seen: set[int]) -> Iterator[tuple[At, Any]]:
    """Everything in a group, each group before what is in it; refuses what leads elsewhere."""
    if len(at) > DEEPEST:
        raise Refused(f"{shown(at)}: groups within {DEEPEST} groups")
    for name in group:
        here = (*at, name)
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise Refused(f"{shown(here)} is a link to another place ({type(link).__name__})")
        found = group[name]
        address = h5py.h5o.get_info(found.id).addr
        if address in seen:
            raise Refused(f"{shown(here)} has two names, or holds itself")
        seen.add(address)
        yield here, found
        if isinstance(found, h5py.Group):
            yield from leaves(found, here, seen)


def size_of(at: At, found: Any) -> int:
    """The bytes that a data set unpacks to; refuses what cannot be read as plain values."""
    plan = found.id.get_create_plist()
    if plan.get_external_count() > 0:
        raise Refused(f"{shown(at)} keeps its values in another file")
    if plan.get_layout() not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
        raise Refused(f"{shown(at)} is a virtual data set, made of others")
    unknown = {plan.get_filter(n)[0] for n in range(plan.get_nfilters())} - FILTERS
    if unknown:
        raise Refused(f"{shown(at)} is packed with filter {min(unknown)}")
    kind, shape = found.dtype, found.shape
    text = h5py.check_string_dtype(kind) is not None
    if not text and (kind.kind not in "biuf" or kind.itemsize > 8 or kind.shape):
        raise Refused(f"{shown(at)} is of type {str(kind)[:60]}")
    if shape is None:
        raise Refused(f"{shown(at)} is empty")
    if text and math.prod(shape) > MOST_TEXTS:
        raise Refused(f"{shown(at)} is {math.prod(shape)} texts")
    size, stored = math.prod(shape) * kind.itemsize, found.id.get_storage_size()
    if size > MOST_PACKED * stored:
        raise Refused(f"{shown(at)} announces {size} bytes, of which the file holds {stored}")
    chunk = math.prod(found.chunks or ()) * kind.itemsize
    return max(size, chunk)


def hand_over(at: At, found: Any, output: BinaryIO) -> None:
    """Write a group or a data set."""
    if isinstance(found, h5py.Group):
        say(output, at=at, kind="group")
        return
    values, shape = found[()], list(found.shape)
    if h5py.check_string_dtype(found.dtype) is not None:
        flat = [values] if shape == [] else values.ravel().tolist()
        say(output, at=at, kind="text", shape=shape, texts=[as_text(at, one) for one in flat])
        return
    array = np.asarray(values)
    say(output, at=at, kind="values", shape=shape, dtype=array.dtype.str)
    output.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def as_text(at: At, value: bytes) -> str:
    """A text as HDF5 gives it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise Refused(f"{shown(at)} is no text in UTF-8") from None


def shown(at: At) -> str:
    """Where something is."""
    return "/".join(at)[:200]


def say(output: BinaryIO, **line: Any) -> None:
    """Write a line of JSON."""
    output.write(json.dumps(line).encode() + b"\n")


def read(file: BinaryIO, output: BinaryIO) -> None:
    """Hand over a whole file, or say why not."""
    size = os.fstat(file.fileno()).st_size
    try:
        limit_memory(ROOM + size)
        with h5py.File(file, "r") as opened:
            found = list(leaves(opened, (), set()))
            for at, one in found:
                if not isinstance(one, (h5py.Group, h5py.Dataset)):
                    raise Refused(f"{shown(at)} is neither a group nor a data set")
            sizes = [size_of(at, one) for at, one in found if isinstance(one, h5py.Dataset)]
            if sum(sizes) > MOST_UNPACKED * size + SPARE:
                raise Refused(f"unpacks to {sum(sizes)} bytes from {size}")
            limit_memory(ROOM + size + 3 * max(sizes, default=0))
            for at, one in found:
                hand_over(at, one, output)
        say(output, kind="end")
    except Refused as error:
        say(output, kind="refused", why=str(error))
    except MemoryError:
        say(output, kind="refused", why="takes more memory than a file of its size needs")
    except Exception as error:  # h5py raises a dozen kinds on damaged files
        why = " ".join(str(error).split()) or type(error).__name__
        say(output, kind="refused", why=why[:200])
    output.flush()


def limit_memory(more: int) -> None:
    """Let this process have so many bytes more than it has now; where the system can (Linux)."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        wanted = now + more
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    except (ImportError, OSError, ValueError):
        pass


if __name__ == "__main__":
    read(sys.stdin.buffer, sys.stdout.buffer)
