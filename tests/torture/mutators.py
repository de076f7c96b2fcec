"""Ways to damage a file: bytes, and what the bytes mean."""

from __future__ import annotations

import io
import json
import re
import struct
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import tomli_w

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Rng = np.random.Generator

NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 255, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, -(2**63), 2**64, 2**65),
    *(10**30, 10**400, -(10**400), 0.0, -0.0, 0.5, -1.5, 1e-320, 1e308, -1e308, 1e39),
    *(float("inf"), float("-inf"), float("nan")),
]
TEXTS = [
    *("", "a", "none", "1", "nan", "\x00", "\x1b]0;x\x07", "\u202e", "\U0010ffff", "=1+1"),
    *("../../etc/passwd", "/dev/zero", "<script>", "{{ 7*7 }}", "$x$", "a" * 5000, "%s%n", "-"),
    *("9" * 400, "1-" * 300 + "1", "28x28-32c5p2-10", "1000000x1000000-1c1", "2147483647-1"),
]
VALUES: list[Any] = [*NUMBERS, *TEXTS, None, True, False, [], {}, [[]], [None], {"a": {}}]
_FORMS = ("<B", "<H", "<I", "<Q", ">H", ">I", ">Q")
WORDS = [
    struct.pack(form, number)
    for form in _FORMS
    for number in (0, 1, 2, 0x7F, 0xFF, 2 ** (8 * struct.calcsize(form)) - 1)
]


def chosen(rng: Rng, values: Any) -> Any:
    """One of a sequence."""
    return values[int(rng.integers(len(values)))]


# --- bytes --------------------------------------------------------------------------------


def flip(content: bytes, rng: Rng) -> bytes:
    """Some bits the other way."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 9)) if damaged else 0):
        damaged[int(rng.integers(len(damaged)))] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def cut(content: bytes, rng: Rng) -> bytes:
    """An end that is missing, or a beginning."""
    place = int(rng.integers(len(content) + 1))
    return content[:place] if rng.random() < 0.8 else content[place:]


def splice(content: bytes, rng: Rng) -> bytes:
    """A part in another place, once or often; or left out."""
    a, b, c = sorted(int(n) for n in rng.integers(len(content) + 1, size=3))
    part = content[a:b] * int(chosen(rng, (0, 1, 1, 2, 50)))
    return content[:a] + content[b:c] + part + content[c:] if rng.random() < 0.5 else (
        content[:c] + part + content[c:]
    )  # fmt: skip


def overwrite(content: bytes, rng: Rng) -> bytes:
    """A number such as a length is, in place of some bytes."""
    place, word = int(rng.integers(len(content) + 1)), chosen(rng, WORDS)
    return content[:place] + word + content[place + len(word) :]


def noise(content: bytes, rng: Rng) -> bytes:
    """Bytes that mean nothing, in place of some or between them."""
    place, size = int(rng.integers(len(content) + 1)), int(rng.integers(1, 40))
    return content[:place] + rng.bytes(size) + content[place + size * int(rng.integers(2)) :]


# --- text ---------------------------------------------------------------------------------

_TOKEN = re.compile(rb"-?[0-9][0-9.e+-]*|\"[^\"\n]*\"|[A-Za-z_]+|[\[\]{}=:,.#\"\n-]")


def token(content: bytes, rng: Rng) -> bytes:
    """A number, a word or a sign in the place of another."""
    places = list(_TOKEN.finditer(content))
    if not places:
        return noise(content, rng)
    place = chosen(rng, places)
    other = chosen(rng, places)[0]
    if rng.random() < 0.6:
        value = chosen(rng, VALUES)
        other = json.dumps(value).encode()
        if rng.random() < 0.2:
            other = str(value).encode(errors="replace")
    return content[: place.start()] + other + content[place.end() :]


def lines(content: bytes, rng: Rng) -> bytes:
    """A line twice, nowhere, or in another's place."""
    found = content.split(b"\n")
    a, b = (int(n) for n in rng.integers(len(found), size=2))
    how = int(rng.integers(3))
    if how == 0:
        found.insert(b, found[a])
    elif how == 1:
        del found[a]
    else:
        found[a], found[b] = found[b], found[a]
    return b"\n".join(found)


def nest(content: bytes, rng: Rng) -> bytes:
    """Brackets or keys within one another, hundreds or thousands of them."""
    place, count = int(rng.integers(len(content) + 1)), int(chosen(rng, (3, 70, 1000, 20_000)))
    piece = chosen(
        rng, (b"[", b"{", b'{"a":', b"a.", b"{a=", b"[[a]]\n", b'"""', b"9", b"-", b"\\")
    )
    return content[:place] + piece * count + content[place:]


# --- documents ----------------------------------------------------------------------------


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every entry of a document: what holds it, and its key."""
    found, left = [], [value]
    while left:
        holder = left.pop()
        keys = holder.keys() if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], (dict, list)):
                left.append(holder[key])
    return found


def _change(document: Any, rng: Rng) -> None:
    """Another value, type, name or number of entries, once or thrice."""
    for _ in range(int(rng.integers(1, 4))):
        places = _places(document)
        if not places:
            return
        holder, key = chosen(rng, places)
        how = int(rng.integers(6))
        if how == 0:
            del holder[key]
        elif how == 1 and isinstance(holder, dict):
            holder[chosen(rng, TEXTS)] = holder.pop(key)
        elif how == 2:
            other, name = chosen(rng, places)
            holder[key] = json.loads(json.dumps(other[name])) if name in _keys(other) else None
        elif how == 3 and isinstance(holder[key], (int, float)):
            holder[key] = holder[key] * chosen(rng, (-1, 2, 10, 1e6, 1e300, 0.001)) + chosen(
                rng, (0, 1, -1, 0.5)
            )
        else:
            holder[key] = json.loads(json.dumps(chosen(rng, VALUES)))


def _keys(holder: Any) -> Any:
    return holder.keys() if isinstance(holder, dict) else range(len(holder))


def in_json(content: bytes, rng: Rng) -> bytes:
    """A JSON document that says something else."""
    document = json.loads(content)
    _change(document, rng)
    return json.dumps(document).encode()


def in_json_lines(content: bytes, rng: Rng) -> bytes:
    """A line of JSON that says something else."""
    found = content.split(b"\n")
    k = int(rng.integers(max(len(found) - 1, 1)))
    found[k] = in_json(found[k], rng)
    return b"\n".join(found)


def in_toml(content: bytes, rng: Rng) -> bytes:
    """A TOML document that says something else."""
    document = tomllib.loads(content.decode())
    _change(document, rng)
    try:
        return tomli_w.dumps(document).encode(errors="surrogatepass")
    except (TypeError, ValueError):  # nothing, which TOML has no word for; huge numbers
        return token(content, rng)


# --- archives -----------------------------------------------------------------------------

DTYPES = ("f4", "f8", ">f8", "f2", "c16", "i1", "i8", "u8", "?", "U3", "S3", "M8[s]", "V4", "f4,i4")


def in_npz(content: bytes, rng: Rng) -> bytes:
    """An archive of other arrays: missing, more, of other types, shapes and values."""
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for _ in range(int(rng.integers(1, 3))):
        name = chosen(rng, sorted(arrays))
        array = arrays[name]
        how = int(rng.integers(8))
        if how == 0:
            del arrays[name]
        elif how == 1:
            arrays[chosen(rng, (*sorted(arrays), "more", "../x", "a/b", "mirror_1"))] = array
        elif how == 2:
            arrays[name] = np.zeros(array.shape, chosen(rng, DTYPES))
        elif how == 3:
            arrays[name] = np.zeros(chosen(rng, ((), (0,), (1,), (3, 0), (2, 3), (1000,))))
        elif how == 4:
            arrays[name] = array.reshape(-1)[None].repeat(2, 0)
        elif how == 5 and array.dtype.kind in "fi" and array.size:
            value = chosen(rng, (np.nan, np.inf, -1, 0, 1e30) if array.dtype.kind == "f" else
                           (-1, 0, 2**31, 2**62, -(2**63)))  # fmt: skip
            array = array.copy()
            array.reshape(-1)[int(rng.integers(array.size))] = value
            arrays[name] = array
        elif how == 6:
            arrays[name] = np.array(chosen(rng, TEXTS).replace("\0", "x"))
        else:
            code = chosen(rng, (0x110000, 0xFFFFFFFF, 0xD800))
            arrays[name] = np.full(3, code, "u4").view("U3")[0]
        if not arrays:
            break
    whole = io.BytesIO()
    (np.savez if rng.random() < 0.7 else np.savez_compressed)(whole, **arrays)
    return whole.getvalue()


def in_header(content: bytes, rng: Rng) -> bytes:
    """An archive whose arrays say something else of themselves; its sums are right."""
    whole = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as file, zipfile.ZipFile(whole, "w") as out:
        names = file.namelist()
        damaged = chosen(rng, names)
        for name in names:
            member = file.read(name)
            if name == damaged:
                how = chosen(rng, (flip, overwrite, noise, token, cut, nest))
                head = how(member[:128], rng)
                member = head + member[128:]
            out.writestr(name, member)
    return whole.getvalue()


def in_idx(content: bytes, rng: Rng) -> bytes:
    """An IDX file whose header announces something else."""
    damaged = bytearray(content)
    for _ in range(int(rng.integers(1, 3))):
        place = int(rng.integers(min(16, len(damaged))))
        word = chosen(rng, WORDS)
        damaged[place : place + len(word)] = word
    return bytes(damaged)


BYTES = (flip, flip, cut, splice, overwrite, overwrite, noise)
TEXT = (token, token, token, lines, nest, flip, cut, splice, noise)
# Of a kind of file, the ways to damage it; those that know what it means count double.
WAYS: dict[str, tuple[Callable[[bytes, Rng], bytes], ...]] = {
    "toml": (*TEXT, *(in_toml,) * 9),
    "json": (*TEXT, *(in_json,) * 9),
    "jsonl": (*TEXT, *(in_json_lines,) * 9),
    "npz": (*BYTES, *(in_npz,) * 8, *(in_header,) * 5),
    "idx": (*BYTES, *(in_idx,) * 5),
    "gz": BYTES,
    "words": TEXT,
    "bytes": BYTES,
}


def mutated(honest: bytes, loader: Any, rng: Rng) -> tuple[bytes, str]:
    """A damaged file, and the names of the ways; one in eight is damaged twice."""
    content, names = honest, []
    for _ in range(2 if rng.random() < 0.125 else 1):
        ways = (*WAYS[loader.kind], *loader.ways)
        way = chosen(rng, ways)
        try:
            content = way(content, rng)
        except Exception:
            content = flip(content, rng)  # the way no longer understands what is left
        names.append(way.__name__)
    return content, "+".join(names)
