"""Files that mean harm: one line each, no more memory than their size warrants, no waiting."""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from small_runs import few_digits, small_config

from eqchip.cli.parameters import Schedule
from eqchip.emulator import documents
from eqchip.emulator.arrays import open_arrays, open_foreign_arrays
from eqchip.emulator.data.datasets import from_file
from eqchip.emulator.data.idx import read_idx
from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.description.config import read_config
from eqchip.emulator.description.network import Network
from eqchip.emulator.documents import parse_json, parse_toml
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import open_regular, read_bytes
from eqchip.emulator.studies.convergence_search import read_settings
from eqchip.emulator.training.network_file import load_mirror, load_network, save_network
from eqchip.emulator.training.points_file import POINT_FORMAT, Points
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.sweep import read_document
from eqchip.emulator.training.trainers import make_trainer
from eqchip.mapping.chip_file.chip import load_chip

BOMB = 2**26  # bytes that unpack from some 65,000


@pytest.fixture
def network(tmp_path) -> Path:
    path = tmp_path / "network.npz"
    save_network(path, Network.dense([3, 2], seed=0))
    return path


@pytest.fixture
def run(tmp_path) -> RunDirectory:
    found = RunDirectory.create(tmp_path / "run", small_config())
    trainer = make_trainer(found.config, few_digits(), 1)
    found.save_checkpoint(trainer.state(), 1.0)
    found.save_network(trainer.network)
    return found


def state_of(run: RunDirectory) -> dict[str, Any]:
    return make_trainer(run.config, few_digits(), 1).state()


def refusal(read: Callable[[], Any]) -> str:
    """The one line that refuses what was read."""
    with pytest.raises(InputError) as error:
        read()
    text = str(error.value)
    assert "\n" not in text and len(text) <= 1000
    return text


def peak_of(read: Callable[[], Any]) -> int:
    """The most bytes that were held at a time."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def pack(path: Path, **members: bytes) -> None:
    """Add deflated members to an archive."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


def array_bytes(array: np.ndarray) -> bytes:
    whole = io.BytesIO()
    np.save(whole, array)
    return whole.getvalue()


def zeros(nbytes: int) -> bytes:
    return array_bytes(np.zeros(nbytes // 4, np.float32))


# --- arrays -------------------------------------------------------------------------------


def test_an_array_that_nobody_asked_for_is_never_unpacked(network):
    expected = load_network(network)
    pack(network, extra=zeros(BOMB))
    assert peak_of(lambda: load_network(network)) < 2**22
    np.testing.assert_array_equal(load_network(network).weights[0], expected.weights[0])


def test_an_array_that_unpacks_to_far_more_than_the_file_is_refused_before_it_is(tmp_path):
    path, side = tmp_path / "network.npz", 2**13
    np.savez_compressed(
        path,
        format=np.array("eqchip-network 2"),
        network=np.array(f"{side}-{side}"),
        weights_0=np.zeros((side, side), np.float32),
        biases_0=np.zeros(side, np.float32),
    )
    assert path.stat().st_size < 2**19
    said = []
    assert peak_of(lambda: said.append(refusal(lambda: load_network(path)))) < 2**22
    assert "expected arrays that unpack to at most" in said[0]


def test_arrays_of_other_tools_may_pack_better_but_not_without_end(tmp_path):
    path = tmp_path / "spikes.npz"
    quiet = np.zeros((1000, 1, 2000), np.float32)
    np.savez_compressed(path, layer=quiet)
    with open_foreign_arrays(path, "spikes") as file:
        np.testing.assert_array_equal(file.values("layer"), quiet)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2000000000,), }\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("layer.npy", content)

    def read() -> None:
        with open_foreign_arrays(path, "spikes") as file:
            file.values("layer")

    assert "unpack to at most" in refusal(read)


def test_names_of_one_packed_array_do_not_add_up_past_the_bound(tmp_path):
    # Overlapping members: each small enough by itself, together without end.
    path = tmp_path / "many.npz"
    np.savez_compressed(
        path,
        format=np.array("a format"),
        **{f"a{k}": np.zeros(2**16, np.float32) for k in range(64)},
    )

    def read_all() -> None:
        with open_arrays(path, "a format") as file:
            for k in range(64):
                file.values(f"a{k}")

    assert "unpack to at most" in refusal(read_all)


@pytest.mark.parametrize("name", ["weights_0", "numbers", "moment_0_0", "activity_spikes"])
def test_an_array_of_another_shape_is_refused_before_it_is_unpacked(name, run):
    path = run.path / "checkpoint.npz"
    pack(path, **{name: zeros(BOMB)})
    state, said = state_of(run), []
    if name not in state:
        pytest.skip("this optimizer remembers nothing")
    assert peak_of(lambda: said.append(refusal(lambda: run.load_checkpoint(state)))) < 2**22
    assert f"{name} is float32 of shape" in said[0]


@pytest.mark.parametrize("name", ["format", "digest", "seconds"])
def test_a_fact_that_is_a_bomb_is_refused(name, run):
    state = state_of(run)
    bombs = [zeros(BOMB), array_bytes(np.zeros((), "U100000000"))]
    for content in bombs:
        pack(run.path / "checkpoint.npz", **{name: content})
        assert peak_of(lambda: refusal(lambda: run.load_checkpoint(state))) < 2**22


def test_a_mirror_or_shifts_that_are_bombs_are_refused(network):
    pack(network, mirror_1=zeros(BOMB), feedback_shifts=array_bytes(np.zeros(2**20, np.int64)))
    assert "feedback_shifts holds 1048576 numbers" in refusal(lambda: load_network(network))
    three = network.with_name("three.npz")
    deep = Network.dense([3, 2, 2], seed=0)
    save_network(three, deep)
    pack(three, mirror_1=zeros(BOMB))
    assert "mirror_1 is float32 of shape" in refusal(lambda: load_mirror(three, deep))


def test_a_header_without_end_is_refused(network):
    # Version 2.0 of numpy's format has four bytes for the length of a header.
    pack(network, weights_0=b"\x93NUMPY\x02\x00" + struct.pack("<I", BOMB) + bytes(BOMB))
    assert peak_of(lambda: refusal(lambda: load_network(network))) < 2**22
    assert "'weights_0' in it is no array" in refusal(lambda: load_network(network))


@pytest.mark.parametrize("shape", ["(-1,)", "(10**30,)", "(0, 10**30)", "((((((1,),),),),),)"])
def test_a_shape_that_no_array_has_is_refused(shape, network):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    pack(network, weights_0=b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    refusal(lambda: load_network(network))


@pytest.mark.parametrize("kind", ["'<U-1'", "'|S-8'", "[('a', '<f8')]", "[('a', '<U-1')]", "'|V4'"])
def test_a_type_that_is_neither_a_number_nor_a_text_is_refused(kind, network):
    header = f"{{'descr': {kind}, 'fortran_order': False, 'shape': (1,), }}\n".encode()
    pack(network, format=b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    assert "'format' in it is no array" in refusal(lambda: load_network(network))


def test_a_directory_of_endless_names_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "network.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(20_000):
            archive.writestr(f"a{k}.npy", b"")
    assert peak_of(lambda: refusal(lambda: load_network(path))) < 2**23
    assert "endless directory" in refusal(lambda: load_network(path))


def test_methods_of_packing_that_numpy_does_not_write_are_refused(network):
    with zipfile.ZipFile(network, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("more.npy", array_bytes(np.zeros(3)))
    assert "packed as numpy does not" in refusal(lambda: load_network(network))


def test_text_of_what_is_no_character_is_refused(tmp_path):
    # numpy's own str() of such a text is a SystemError.
    for code in (0x110000, 0xFFFFFFFF, 0xD800):
        path = tmp_path / "network.npz"
        arrays_of = {"format": np.array("eqchip-network 2"), "weights_0": np.zeros((3, 2))}
        np.savez(path, **arrays_of, network=np.full(3, code, np.uint32).view("U3")[0])
        assert "no character" in refusal(lambda path=path: load_network(path))


def test_an_array_that_is_read_is_the_one_that_was_written(tmp_path):
    path = tmp_path / "file.npz"
    written = {
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "flags": np.array([True, False]),
        "nothing": np.zeros((0, 4)),
        "number": np.array(2.5),
    }
    for save in (np.savez, np.savez_compressed):
        save(path, format=np.array("a format"), **written)
        with open_arrays(path, "a format") as file:
            assert set(file.headers) == {"format", *written}
            for name, array in written.items():
                found = file.array(name, array)
                np.testing.assert_array_equal(found, array)
                assert found.dtype == array.dtype and found.flags.writeable


# --- data sets ----------------------------------------------------------------------------


def idx_of(count: int, values: bytes) -> bytes:
    return bytes([0, 0, 8, 1]) + struct.pack(">I", count) + values


def test_a_gzip_bomb_that_its_header_announces_is_refused_unread(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(idx_of(BOMB, bytes(BOMB)), 9))
    assert path.stat().st_size < 2**20
    assert peak_of(lambda: refusal(lambda: read_idx(path, 1))) < 2**22
    assert "expected no more than 48 times" in refusal(lambda: read_idx(path, 1))


def test_a_gzip_bomb_behind_an_honest_header_is_not_unpacked(tmp_path):
    path = tmp_path / "labels"
    path.write_bytes(gzip.compress(idx_of(10, bytes(BOMB)), 9))
    assert peak_of(lambda: refusal(lambda: read_idx(path, 1))) < 2**23


@pytest.mark.parametrize("before", [True, False])
def test_parts_of_a_gzip_file_without_content_do_not_add_up_to_a_wait(before, tmp_path):
    path = tmp_path / "labels"
    honest, empty = gzip.compress(idx_of(10, bytes(10))), gzip.compress(b"")
    path.write_bytes(empty * 2_000_000 + honest if before else honest + empty * 2_000_000)
    began = time.monotonic()
    assert "thousands of gzip parts" in refusal(lambda: read_idx(path, 1))
    assert time.monotonic() - began < 5


def test_padding_of_a_gzip_file_is_not_skipped_byte_by_byte(tmp_path):
    path = tmp_path / "labels"
    for values in (bytes(10), bytes(range(10))):
        path.write_bytes(gzip.compress(idx_of(10, values)) + bytes(30_000_000))
        began = time.monotonic()
        assert read_idx(path, 1).values.tobytes() == values
        assert time.monotonic() - began < 3


def test_a_file_of_a_few_parts_is_read(tmp_path):
    path = tmp_path / "labels"
    content = idx_of(100, bytes(100))
    parts = [gzip.compress(content[k : k + 10]) for k in range(0, len(content), 10)]
    path.write_bytes(b"".join(parts))
    assert read_idx(path, 1).values.shape == (100,)


# --- TOML and JSON ------------------------------------------------------------------------

DEEP = {
    "lists": b"x = " + b"[" * 100_000,
    "tables in a line": b"x = " + b"{a=" * 5_000 + b"1" + b"}" * 5_000,
    "a key of 900 parts": b"[learning]\n" + b"a." * 899 + b"a = 1\n",
    "a key of 100 parts": b"[learning]\n" + b"a." * 99 + b"a = 1\n",
    "a table of 400,000 parts": b"[" + b"a." * 400_000 + b"a]\n",
    "a number of 5,000 digits": b"steps = " + b"9" * 5000 + b"\n",
    "a number of 4,000 digits": b"steps = " + b"9" * 4000 + b"\n",
    "a number of 400 digits": b"steps = 1" + b"0" * 400 + b"\n",
    "a hexadecimal one of 100,000": b"steps = 0x" + b"f" * 100_000 + b"\n",
    "more than a settings file needs": b"#" * (documents.MOST_TOML + 1),
    "no text": b"x = '\xff\xfe'\n",
}
TOML_READERS: dict[str, Callable[[Path], Any]] = {
    "config": read_config,
    "chip": load_chip,
    "sweep": read_document,
    "settings": lambda path: read_settings(path, "mean"),
}


@pytest.mark.parametrize("reader", TOML_READERS)
@pytest.mark.parametrize("content", DEEP.values(), ids=DEEP)
def test_toml_that_means_harm_is_refused_in_a_line_by_every_reader(reader, content, tmp_path):
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    assert str(path) in refusal(lambda: TOML_READERS[reader](path))


JSON = {
    "lists": b"[" * 100_000,
    "lists that end": b'{"x": ' + b"[" * 500 + b"]" * 500 + b"}",
    "objects": b'{"a":' * 100_000,
    "a number of 5,000 digits": b'{"x": ' + b"9" * 5000 + b"}",
    "a number of 400 digits": b'{"x": 1' + b"0" * 400 + b"}",
    "a number of 21 digits": b'{"x": -1' + b"0" * 20 + b"}",
    "half a character": b'{"x": "\\ud800"}',
    "a name of half a character": b'{"\\udfff": 1}',
    "no text": b'{"x": "\xff"}',
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_json_that_means_harm_is_refused_in_a_line(content):
    refusal(lambda: parse_json(content))


def test_what_honest_documents_hold_is_read():
    document = {"seed": 2**64 - 1, "least": -(2**63), "deep": 1.5, "text": "Größe \U0001f600"}
    for _ in range(documents.DEEPEST - 2):
        document = {"within": document}
    assert parse_json(json.dumps(document)) == document
    assert parse_json("[1e999, NaN]")[0] == float("inf")
    assert parse_toml(b"a.b.c = 0x7fff\n") == {"a": {"b": {"c": 0x7FFF}}}


@pytest.mark.parametrize("fact", ["train_error", "spikes_per_sample", "epoch"])
def test_numbers_of_metrics_that_no_float_holds_are_refused(fact, run):
    row = {"epoch": 1, "train_error": 1, "spikes_per_sample": 1, "synaptic_events_per_sample": 1}
    line = json.dumps({"format": "eqchip-metrics 1", **row})
    assert f'"{fact}": 1' in line
    path = run.path / "metrics.jsonl"
    path.write_text(line.replace(f'"{fact}": 1', f'"{fact}": 1{"0" * 400}') + "\n")
    text = refusal(run.metrics)
    assert text.startswith(f"{path}, line 1: {fact} is a whole number of 401 digits")


@pytest.mark.parametrize("fact", ["samples", "spikes"])
def test_numbers_of_an_activity_that_no_float_holds_are_refused(fact, run):
    document = {"format": "eqchip-activity 1", "samples": 1, "spikes": [[1, 1, 1]]}
    text = json.dumps(document).replace(f'"{fact}": 1', f'"{fact}": 1{"0" * 400}')
    text = text.replace("[[1,", f"[[1{'0' * 400},") if fact == "spikes" else text
    (run.path / "activity.json").write_text(text)
    assert "whole number of 401 digits" in refusal(run.firing_rates)


def test_numbers_of_points_that_no_float_holds_are_refused(tmp_path):
    path = tmp_path / "points.jsonl"
    path.write_text(f'{{"format": "{POINT_FORMAT}", "settings": {{}}, "spikes": 1{"0" * 400}}}\n')
    assert "whole number of 401 digits" in refusal(Points(path).read)


@pytest.mark.parametrize("value", ["inf", "nan", "1e400", "9" * 5000, "[]", "'9'", "1979-05-27"])
def test_steps_of_settings_that_are_no_number_are_refused(value, tmp_path):
    path = tmp_path / "settings.toml"
    head = 'format = "eqchip-convergence-settings 1"\n[mean]\nlayers = [2, 2]\n'
    path.write_text(f"{head}steps = {value}\n[mean.codings]\n")
    refusal(lambda: read_settings(path, "mean"))


# --- what is no file ----------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes that have names")
def test_a_pipe_or_a_device_is_refused_and_not_waited_for(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    state = state_of(run)
    for name, read in (
        ("checkpoint.npz", lambda: run.load_checkpoint(state)),
        ("network.npz", run.network),
        ("metrics.jsonl", run.metrics),
        ("activity.json", run.firing_rates),
    ):
        path = run.path / name
        path.unlink(missing_ok=True)
        for place in (pipe, Path(os.devnull), Path("/dev/zero")):
            path.symlink_to(place)
            assert str(path) in refusal(read)
            path.unlink()
    for read in (*TOML_READERS.values(), lambda path: read_idx(path, 1)):
        assert "is no regular file" in refusal(lambda read=read: read(pipe))
    with pytest.raises(OSError, match="is no regular file"):
        open_regular(pipe)
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path)


def test_a_word_of_many_digits_is_refused_in_a_moment():
    # Found by damaged words: digits that a pattern could split in as many ways as there are.
    schedule, began = Schedule(adaptive=True, optional=True), time.process_time()
    for text in ("9" * 50_000 + "x", "osa:" + "9" * 50_000 + ".", "0.5/t^" + "9" * 50_000 + "e"):
        with pytest.raises(click.UsageError):
            schedule.convert(text, None, None)
    assert time.process_time() - began < 2
    assert schedule.convert("0.83/t^.58", None, None) == Polynomial(0.83, 0.58)
    assert schedule.convert("5.e-1", None, None) == Polynomial(0.5)


def test_one_array_in_a_file_called_npz_is_refused_in_a_line(tmp_path):
    path = tmp_path / "network.npz"
    path.write_bytes(array_bytes(np.zeros((4, 3))))  # what numpy.save writes: .npy
    for read in (load_network, from_file):
        with pytest.raises(InputError, match=r"network\.npz: damaged or no \.npz file") as told:
            read(path)
        assert len(str(told.value).splitlines()) == 1
