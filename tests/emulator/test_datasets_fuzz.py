"""Whatever bytes a data file holds: a valid array, or one line that says what is wrong."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path

import idx_files
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from eqchip.emulator.data import dataset as dataset_of
from eqchip.emulator.data import datasets
from eqchip.emulator.data.idx import GZIP_MAGIC, IdxFile, read_idx
from eqchip.emulator.errors import InputError

untimed = settings(deadline=None)


@st.composite
def valid_files(draw: st.DrawFn) -> tuple[np.ndarray, bytes]:
    """An array of 1 or 3 dimensions, and an IDX file that holds it."""
    ndim = draw(st.sampled_from([1, 3]))
    shape = draw(st.tuples(*[st.integers(1, 6)] * ndim))
    values = draw(st.binary(min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    array = np.frombuffer(values, np.uint8).reshape(shape)
    content = idx_files.encode_idx(array)
    return array, gzip.compress(content, mtime=0) if draw(st.booleans()) else content


def read_or_refuse(raw: bytes, ndim: int) -> IdxFile | None:
    """What is read of these bytes; None if they are refused as promised."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(raw)
        try:
            file = read_idx(path, ndim)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            assert str(path) in str(error) and "expected" in str(error)
            return None
    assert file.values.dtype == np.uint8 and file.values.ndim == ndim and file.values.size > 0
    return file


@untimed
@given(st.binary(max_size=300), st.sampled_from([1, 3]))
def test_arbitrary_bytes_are_read_or_refused(raw: bytes, ndim: int) -> None:
    read_or_refuse(raw, ndim)


@untimed
@given(st.binary(max_size=100), st.sampled_from([1, 3]))
def test_arbitrary_bytes_behind_a_gzip_magic_are_read_or_refused(raw: bytes, ndim: int) -> None:
    read_or_refuse(GZIP_MAGIC + raw, ndim)
    read_or_refuse(GZIP_MAGIC + b"\x08" + raw, ndim)


@untimed
@given(st.lists(st.integers(0, 2**32 - 1), min_size=3, max_size=3), st.binary(max_size=64))
def test_arbitrary_sizes_in_a_header_are_read_or_refused(sizes: list[int], values: bytes) -> None:
    content = bytes([0, 0, 8, 3]) + np.array(sizes, dtype=">u4").tobytes() + values
    read_or_refuse(content, 3)
    read_or_refuse(gzip.compress(content), 3)


@untimed
@given(valid_files())
def test_valid_files_are_read_as_they_were_written(file: tuple[np.ndarray, bytes]) -> None:
    array, raw = file
    read = read_or_refuse(raw, array.ndim)
    assert read is not None
    np.testing.assert_array_equal(read.values, array)


@untimed
@given(valid_files(), st.data())
def test_truncated_files_are_refused(file: tuple[np.ndarray, bytes], data: st.DataObject) -> None:
    array, raw = file
    cut = data.draw(st.integers(0, len(raw) - 1))
    assert read_or_refuse(raw[:cut], array.ndim) is None


@untimed
@given(valid_files(), st.binary(min_size=1, max_size=40))
def test_files_with_a_tail_are_refused_unless_it_is_gzip_padding(
    file: tuple[np.ndarray, bytes], tail: bytes
) -> None:
    array, raw = file
    read = read_or_refuse(raw + tail, array.ndim)
    if read is not None:  # zeros may follow a gzip stream: tapes pad with them
        assert raw.startswith(GZIP_MAGIC) and not any(tail)
        np.testing.assert_array_equal(read.values, array)


@untimed
@given(valid_files(), st.data())
def test_files_with_flipped_bits_are_read_or_refused(
    file: tuple[np.ndarray, bytes], data: st.DataObject
) -> None:
    array, raw = file
    damaged = bytearray(raw)
    for bit in data.draw(st.lists(st.integers(0, 8 * len(raw) - 1), min_size=1, max_size=4)):
        damaged[bit // 8] ^= 1 << bit % 8
    read = read_or_refuse(bytes(damaged), array.ndim)
    if read is not None and raw.startswith(GZIP_MAGIC) and damaged.startswith(GZIP_MAGIC):
        np.testing.assert_array_equal(read.values, array)  # its checksum guards the values


@untimed
@given(st.integers(0, 3), st.booleans(), st.data())
def test_damaged_data_sets_are_loaded_or_refused(
    which: int, packed: bool, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = idx_files.write_set(
            Path(folder), idx_files.small_arrays(10, 10), ".gz" if packed else ""
        )
        damaged = bytearray(paths[which].read_bytes())
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
        paths[which].write_bytes(damaged)
        try:
            loaded = datasets.load("mnist", folder)
        except InputError as error:
            assert len(str(error).splitlines()) == 1
            assert folder in str(error) and "expected" in str(error)
        else:
            assert loaded.train_x.shape == loaded.test_x.shape == (10, 12)
            assert max(loaded.train_y.max(), loaded.test_y.max()) < 10


@untimed
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.data())
def test_validation_split_holds_its_promises_for_any_labels(
    labels: list[int], data: st.DataObject
) -> None:
    n, seed = data.draw(st.integers(0, len(labels) - 1)), data.draw(st.integers(0, 2**32 - 1))
    y = np.array(labels)
    x = np.zeros((len(y), 1), np.float32)
    dataset = dataset_of.Dataset("made up", x, y, x, y, (1,), 10, "")
    train, val = dataset_of.split_validation(dataset, n, seed)
    assert len(val) == n and sorted([*train, *val]) == list(range(len(y)))
    assert np.all(
        np.abs(np.bincount(y[val], minlength=10) - np.bincount(y, minlength=10) * n / len(y)) < 1
    )
