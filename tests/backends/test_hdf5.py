"""HDF5 files that mean harm: one line each, in a process that lives on."""

from __future__ import annotations

import os
import resource
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optional_packages
import pytest

from eqchip.backends.nir import hdf5
from eqchip.backends.nir.hdf5 import read_hdf5
from eqchip.backends.nir.metadata import KEY
from eqchip.backends.nir.write import read_nir, write_nir
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def h5py() -> Any:
    optional_packages.need("nir", "make peers")
    import h5py

    return h5py


@pytest.fixture
def path(h5py, tmp_path) -> Path:
    """A network's file."""
    found = tmp_path / "a.nir"
    write_nir(Network.dense([4, 3, 2], seed=0), found)
    return found


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_nir(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ") and "\n" not in text
    return text


def change(h5py: Any, path: Path, edit: Callable[[Any], None]) -> None:
    with h5py.File(path, "r+") as file:
        del file["node/metadata"]  # with its digest, which may be left out
        edit(file)


def in_place_of(name: str, **settings: Any) -> Callable[[Any], None]:
    """Another data set in the place of one."""

    def edit(file: Any) -> None:
        del file[name]
        file.create_dataset(name, **settings)

    return edit


LEAK = "node/nodes/layer_1/v_leak"


def test_values_in_another_file_are_not_read(h5py, path, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 24)
    outside = [(str(secret), 0, 24)]
    change(h5py, path, in_place_of(LEAK, shape=(6,), dtype="f4", external=outside))
    assert f"{LEAK} keeps its values in another file" in refusal(path)


def test_a_pipe_that_a_file_names_is_not_waited_for(h5py, path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    outside = [(str(tmp_path / "pipe"), 0, 24)]
    change(h5py, path, in_place_of(LEAK, shape=(6,), dtype="f4", external=outside))
    began = time.monotonic()
    assert "another file" in refusal(path)
    assert time.monotonic() - began < 20


def test_virtual_data_sets_are_refused(h5py, path):
    def edit(file: Any) -> None:
        layout = h5py.VirtualLayout((3,), "f4")
        layout[:] = h5py.VirtualSource("other.h5", "x", (3,))
        del file[LEAK]
        file.create_virtual_dataset(LEAK, layout)

    change(h5py, path, edit)
    assert f"{LEAK} is a virtual data set" in refusal(path)


@pytest.mark.parametrize("kind", ["SoftLink", "ExternalLink"])
def test_links_to_other_places_are_refused(kind, h5py, path, tmp_path):
    link = h5py.SoftLink("/version")
    if kind == "ExternalLink":
        link = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
    change(h5py, path, lambda file: file.__setitem__("node/more", link))
    assert f"node/more is a link to another place ({kind})" in refusal(path)


def test_a_thing_of_two_names_is_refused_so_that_nothing_doubles_and_nothing_ends_in_a_circle(
    h5py, path
):
    change(h5py, path, lambda file: file.__setitem__("node/more", file["node/nodes"]))
    assert "has two names" in refusal(path)
    change_again = h5py.File(path, "r+")
    with change_again as file:
        del file["node/more"]
        file["node/nodes/round"] = file["node"]
    assert "has two names, or holds itself" in refusal(path)


def test_groups_without_end_are_refused(h5py, path):
    change(h5py, path, lambda file: file.create_group("node" + "/a" * 500))
    assert "groups within 32 groups" in refusal(path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shape": (28_000, 28_000), "dtype": "f4", "chunks": (100, 100)}, "announces 3136000000"),
        ({"shape": (28_000, 28_000), "dtype": "f4"}, "announces 3136000000"),
        ({"shape": (0, 2**40), "maxshape": (None, 2**40), "dtype": "f4", "chunks": (1, 2**20)}, ""),
        ({"data": np.zeros(3, [("a", "f4"), ("b", "i4")])}, "is of type"),
        ({"data": np.zeros(3, "c16")}, "is of type complex128"),
    ],
)
def test_arrays_that_are_none_of_a_network_are_refused(settings, words, h5py, path):
    with h5py.File(path, "r+") as file:
        file.create_dataset("node/nodes/more", **settings)
    assert words in refusal(path)


def test_arrays_of_arrays_references_and_nothing_are_refused(h5py, path):
    for settings in (
        {"shape": (3,), "dtype": h5py.vlen_dtype(np.float32)},
        {"shape": (3,), "dtype": h5py.ref_dtype},
        {"data": h5py.Empty("f4")},
    ):
        with h5py.File(path, "r+") as file:
            file.create_dataset("node/more", **settings)
        assert "node/more is " in refusal(path)
        with h5py.File(path, "r+") as file:
            del file["node/more"]


def test_a_bomb_is_refused_and_not_unpacked(h5py, path):
    packed = zlib.compress(bytes(2**22))
    with h5py.File(path, "r+") as file:
        one = file.create_dataset(
            "node/nodes/more", (2**29,), "f4", chunks=(2**20,), compression="gzip"
        )
        for k in range(0, 2**29, 2**20):
            one.id.write_direct_chunk((k,), packed)
    assert path.stat().st_size < 2**22
    assert "unpacks to 2147" in refusal(path)


def test_a_byte_that_crashes_the_library_is_a_line(path):
    # A variable-length string's type, made one of another kind: HDF5 2.0.0 ends on it.
    whole = path.read_bytes()
    pattern = bytes.fromhex("03001800010000001901")
    places = [k for k in range(len(whole)) if whole.startswith(pattern, k)]
    assert places
    for place in places[:4]:
        damaged = bytearray(whole)
        damaged[place + len(pattern) - 1] = 2
        path.write_bytes(damaged)
        refusal(path)


def test_a_process_that_dies_or_takes_too_long_is_a_line(path, tmp_path, monkeypatch):
    array = 'print(\'{"kind": "values", "at": ["x"], "shape": [9], "dtype": "%s"}\')'
    for code, seconds in (
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", 60),
        ("import time; time.sleep(60)", 0.5),
        ("print('{}')", 60),
        ("print('no JSON')", 60),
        (array % "<f4", 60),  # and no bytes
        (array % "O", 60),
    ):
        program = tmp_path / "program.py"
        program.write_text(code)
        monkeypatch.setattr(hdf5, "PROGRAM", program)
        monkeypatch.setattr(hdf5, "SECONDS", seconds)
        began = time.monotonic()
        refusal(path)
        assert time.monotonic() - began < 30


def test_a_tree_is_what_the_library_itself_reads(h5py, path):
    found = read_hdf5(path, "NIR file")

    def compare(group: Any, tree: dict[str, Any]) -> None:
        assert set(group) == set(tree)
        for name, one in group.items():
            if isinstance(one, h5py.Group):
                compare(one, tree[name])
            elif h5py.check_string_dtype(one.dtype):
                np.testing.assert_array_equal(one.asstr()[()], tree[name])
            else:
                np.testing.assert_array_equal(one[()], tree[name])
                assert one.dtype == tree[name].dtype

    with h5py.File(path) as file:
        compare(file, found)
    assert KEY in found["node"]["metadata"]


def test_no_process_is_left_behind(path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    read_nir(path)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime > before  # waited for
