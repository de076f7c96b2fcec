"""Data sets: what is read is what is on disk, and whatever is wrong is said in one line."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import idx_files
import numpy as np
import pooch
import pytest

from eqchip.emulator.data import cifar, datasets, download, idx
from eqchip.emulator.data import dataset as dataset_of
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.errors import InputError

# sha256 of the test labels' bytes (int64, little-endian): the split never moves.
DIGITS_TEST_LABELS = "4493b2052e7b4258621d51f10f17a672594c5e3f2beaa1cf97c818dc583aafe7"
DIGITS_TEST_IMAGES = "53d6a8c3d406e86d40aad5acd3374f1eed5131e403fad9d446ab12bfde56ba18"


@pytest.fixture(autouse=True)
def no_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No data directory of the machine, no cache of the user, no host but this one."""
    monkeypatch.delenv(datasets.DATA_VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("COLUMNS", "120")  # room for a progress bar with its label


def refusal(*args: object, **kwargs: object) -> str:
    """The text with which ``load`` refuses, checked to be one line."""
    with pytest.raises(InputError) as caught:
        datasets.load(*args, **kwargs)  # type: ignore[arg-type]
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    return text


# --- digits


def test_digits_needs_no_files_and_has_its_own_split() -> None:
    data = datasets.load("digits")
    assert data.train_x.shape == (1437, 64) and data.test_x.shape == (360, 64)
    assert data.shape == (8, 8) and data.classes == 10
    assert data.train_x.min() == 0.0 and data.train_x.max() == 1.0
    assert "scikit-learn" in data.source


def test_digits_split_is_the_same_everywhere_and_forever() -> None:
    data = datasets.load("digits")
    assert hashlib.sha256(data.test_y.astype("<i8").tobytes()).hexdigest() == DIGITS_TEST_LABELS
    assert hashlib.sha256(data.test_x.astype("<f4").tobytes()).hexdigest() == DIGITS_TEST_IMAGES


def test_digits_test_set_is_stratified_and_loses_no_sample() -> None:
    from sklearn.datasets import load_digits

    data, whole = datasets.load("digits"), load_digits()
    in_test, in_all = np.bincount(data.test_y), np.bincount(whole.target)
    assert np.all(np.abs(in_test - in_all * 360 / 1797) < 1.0)
    rows = np.concatenate([data.train_x, data.test_x]) * 16
    np.testing.assert_array_equal(np.sort(rows, axis=0), np.sort(whole.data, axis=0))


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_arrays_have_the_promised_types(name: str, tmp_path: Path) -> None:
    idx_files.write_set(tmp_path, idx_files.small_arrays())
    data = datasets.load(name, None if name == "digits" else tmp_path)
    for x, y in ((data.train_x, data.train_y), (data.test_x, data.test_y)):
        assert x.dtype == np.float32 and x.flags.c_contiguous and x.flags.writeable
        assert y.dtype == np.int64 and y.shape == (len(x),)
        assert x.shape[1] == np.prod(data.shape)
        assert x.min() >= 0.0 and x.max() <= 1.0


# --- files


def test_a_cropped_data_set_holds_the_inner_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = idx_files.small_arrays()
    idx_files.write_set(tmp_path, arrays, "")
    monkeypatch.setitem(datasets.CROPPED, "mnist-20x20", ("mnist", 1))
    data, whole = datasets.load("mnist-20x20", tmp_path), datasets.load("mnist", tmp_path)
    assert data.shape == (2, 1)
    inner = whole.train_x.reshape(-1, 4, 3)[:, 1:3, 1:2]
    np.testing.assert_array_equal(data.train_x.reshape(inner.shape), inner)
    np.testing.assert_array_equal(data.test_y, whole.test_y)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_files_give_the_values_that_they_hold(name: str, suffix: str, tmp_path: Path) -> None:
    arrays = idx_files.small_arrays()
    paths = idx_files.write_set(tmp_path, arrays, suffix)
    data = datasets.load(name, tmp_path)
    assert data.name == name and data.shape == (4, 3)
    for x, y, images, labels in (
        (data.train_x, data.train_y, arrays[0], arrays[1]),
        (data.test_x, data.test_y, arrays[2], arrays[3]),
    ):
        expected = (images.reshape(len(images), -1) / 255.0).astype(np.float32)
        np.testing.assert_array_max_ulp(x, expected, 1)
        np.testing.assert_array_equal(y, labels)
    for path in paths:
        assert f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" in data.source


def test_black_is_0_and_white_is_1_exactly(tmp_path: Path) -> None:
    arrays = idx_files.small_arrays()
    arrays[0][:, 0, 0], arrays[0][:, 0, 1] = 0, 255
    idx_files.write_set(tmp_path, arrays)
    x = datasets.load("mnist", tmp_path).train_x
    assert np.all(x[:, 0] == 0.0) and np.all(x[:, 1] == 1.0)


def test_gz_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    array = idx_files.small_arrays()[0]
    plain = idx_files.write_idx(tmp_path / "plain", array)
    misnamed = tmp_path / "plain.gz"
    misnamed.write_bytes(plain.read_bytes())
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, misnamed, packed):
        np.testing.assert_array_equal(idx.read_idx(path, 3).values, array)


def test_content_checksum_does_not_depend_on_compression(tmp_path: Path) -> None:
    array = idx_files.small_arrays()[0]
    plain = idx.read_idx(idx_files.write_idx(tmp_path / "a", array), 3)
    packed = idx.read_idx(idx_files.write_idx(tmp_path / "a.gz", array), 3)
    assert plain.content_sha256 == packed.content_sha256 == plain.sha256 != packed.sha256


def test_subfolder_named_by_the_data_set_is_preferred(tmp_path: Path) -> None:
    sets = {
        name: idx_files.small_arrays(seed=k) for k, name in enumerate(["mnist", "fashion-mnist"])
    }
    for name, arrays in sets.items():
        idx_files.write_set(tmp_path / name, arrays, ".gz")
    idx_files.write_set(tmp_path, idx_files.small_arrays(seed=2))
    for name, arrays in sets.items():
        data = datasets.load(name, tmp_path)
        np.testing.assert_array_equal(np.rint(data.train_x * 255), arrays[0].reshape(30, -1))
        assert str(tmp_path / name) in data.source


def test_the_directory_itself_serves_when_there_is_no_subfolder(tmp_path: Path) -> None:
    idx_files.write_set(tmp_path, idx_files.small_arrays())
    assert str(tmp_path) in datasets.load("mnist", str(tmp_path)).source


def test_plain_and_gz_may_be_mixed(tmp_path: Path) -> None:
    arrays = idx_files.small_arrays()
    for k, (name, array) in enumerate(zip(idx_files.NAMES, arrays, strict=True)):
        idx_files.write_idx(tmp_path / (name + (".gz" if k % 2 else "")), array)
    assert len(datasets.load("mnist", tmp_path).train_y) == 30


def test_environment_variable_names_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    idx_files.write_set(tmp_path / "env" / "mnist", idx_files.small_arrays(train=40))
    idx_files.write_set(tmp_path / "arg", idx_files.small_arrays(train=50))
    monkeypatch.setenv(datasets.DATA_VARIABLE, str(tmp_path / "env"))
    assert len(datasets.load("mnist").train_y) == 40
    assert len(datasets.load("mnist", tmp_path / "arg").train_y) == 50  # what is said wins


def test_source_tells_published_files_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = idx_files.small_arrays()
    idx_files.write_set(tmp_path, arrays, ".gz")
    assert "(not the published mnist)" in datasets.load("mnist", tmp_path).source
    publish(monkeypatch, "mnist", "http://127.0.0.1/", arrays)
    assert "(the published mnist)" in datasets.load("mnist", tmp_path).source


# --- what is refused


# --- cifar-10


def cifar_records(count: int = 4) -> dict[str, bytes]:
    """Six files of a few drawn images, by their names."""
    rng = np.random.default_rng(0)
    made = {}
    for name in (*cifar.TRAIN, cifar.TEST):
        records = rng.integers(0, 256, (count, cifar.RECORD), np.uint8)
        records[:, 0] = rng.integers(0, 10, count)
        made[name] = records.tobytes()
    return made


def write_cifar(folder: Path, made: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in made.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    "below", ["", "cifar-10", cifar.FOLDER, f"cifar-10/{cifar.FOLDER}"], ids=str
)
def test_cifar_10_is_found_where_its_archive_was_unpacked(below: str, tmp_path: Path) -> None:
    made = cifar_records()
    write_cifar(tmp_path / below, made)
    data = datasets.load("cifar-10", tmp_path)
    assert repr(data) == "Dataset(cifar-10: 20 train, 4 test, 32x32x6, 10 classes)"
    assert data.labels[3] == "cat" and data.train_y[4] == made["data_batch_2.bin"][0]
    for name, content in made.items():
        assert f"{name} sha256:{hashlib.sha256(content).hexdigest()}" in data.source


def test_a_colour_is_how_far_it_is_above_its_mean_and_how_far_below(tmp_path: Path) -> None:
    made = cifar_records()
    write_cifar(tmp_path, made)
    data = datasets.load("cifar-10", tmp_path)
    whole = b"".join(made[name] for name in cifar.TRAIN)
    planes = np.frombuffer(whole, np.uint8).reshape(20, -1)[:, 1:].reshape(20, 3, 32, 32)
    for images, inputs in (
        (planes, data.train_x),
        (
            np.frombuffer(made[cifar.TEST], np.uint8).reshape(4, -1)[:, 1:].reshape(4, 3, 32, 32),
            data.test_x,
        ),
    ):
        for colour in range(3):
            away = (images[:, colour] - planes[:, colour].mean()) / (2 * planes[:, colour].std())
            on, off = (inputs.reshape(-1, 32, 32, 6)[..., 2 * colour + sign] for sign in range(2))
            np.testing.assert_allclose(on, np.clip(away, 0, 1), atol=1e-6)
            np.testing.assert_allclose(off, np.clip(-away, 0, 1), atol=1e-6)


def test_cifar_10_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal("cifar-10", tmp_path / "no")
    assert "data_batch_1.bin to data_batch_5.bin" in refusal("cifar-10", tmp_path)
    made = cifar_records()
    del made["data_batch_4.bin"]
    write_cifar(tmp_path, made)
    assert "data_batch_4.bin: not found, though other" in refusal("cifar-10", tmp_path)
    write_cifar(tmp_path, {"data_batch_4.bin": b"\x0a" * cifar.RECORD})
    assert "record 0 has label 10" in refusal("cifar-10", tmp_path)
    write_cifar(tmp_path, {"data_batch_4.bin": b"1"})
    assert "holds 1 bytes" in refusal("cifar-10", tmp_path)


def test_the_archive_of_cifar_10_is_downloaded_once_and_held_to_its_checksum(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cifar_records()
    path = tmp_path / "served" / "cifar-10-binary.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in reversed([("batches.meta.txt", b"airplane"), *made.items()]):
            member = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    published = download.ARCHIVES["cifar-10"]
    served = replace(published, url=address(server))
    monkeypatch.setitem(download.ARCHIVES, "cifar-10", served)
    text = refusal("cifar-10", progress=False)  # this archive is another
    assert published.checksum.removeprefix("md5:") in text and "--data DIR" in text
    checksum = f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"
    monkeypatch.setitem(download.ARCHIVES, "cifar-10", replace(served, checksum=checksum))
    first = datasets.load("cifar-10", progress=False)
    path.unlink()
    again = datasets.load("cifar-10", progress=False)
    write_cifar(tmp_path / "unpacked", made)
    unpacked = datasets.load("cifar-10", tmp_path / "unpacked")
    for found in (first, again):
        assert found.fingerprint == unpacked.fingerprint


# --- names and directories


def test_unknown_name_is_refused_with_the_known_ones() -> None:
    text = refusal("emnist")
    assert "'emnist'" in text and all(name in text for name in dataset_of.NAMES)


def test_missing_directory_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert str(tmp_path / "no") in refusal("mnist", tmp_path / "no")
    assert "does not exist" in refusal("mnist", "a\0b")
    monkeypatch.setenv(datasets.DATA_VARIABLE, str(tmp_path / "no"))
    text = refusal("mnist")
    assert datasets.DATA_VARIABLE in text and str(tmp_path / "no") in text


def test_directory_without_the_files_is_refused_and_nothing_is_downloaded(tmp_path: Path) -> None:
    text = refusal("mnist", tmp_path)
    assert str(tmp_path) in text and all(name in text for name in idx_files.NAMES)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("missing", range(4))
def test_one_missing_file_is_refused_by_name(missing: int, tmp_path: Path) -> None:
    paths = idx_files.write_set(tmp_path / "mnist", idx_files.small_arrays())
    idx_files.write_set(tmp_path, idx_files.small_arrays(seed=1))  # not mixed in
    paths[missing].unlink()
    assert str(paths[missing]) in refusal("mnist", tmp_path)


@pytest.mark.parametrize("damaged", range(4))
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_truncated_file_is_refused_by_name(damaged: int, suffix: str, tmp_path: Path) -> None:
    path = idx_files.write_set(tmp_path, idx_files.small_arrays(), suffix)[damaged]
    path.write_bytes(path.read_bytes()[:-3])
    text = refusal("mnist", tmp_path)
    assert str(path) in text and ("truncated" in text or "gzip" in text)


def test_empty_file_is_refused(tmp_path: Path) -> None:
    path = idx_files.write_set(tmp_path, idx_files.small_arrays())[0]
    path.write_bytes(b"")
    assert "empty" in refusal("mnist", tmp_path)


def test_wrong_magic_is_refused_with_the_right_one(tmp_path: Path) -> None:
    paths = idx_files.write_set(tmp_path, idx_files.small_arrays())
    paths[0].write_bytes(paths[1].read_bytes())
    text = refusal("mnist", tmp_path)
    assert str(paths[0]) in text and "0x00000801" in text and "0x00000803" in text


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_trailing_bytes_are_refused(suffix: str, tmp_path: Path) -> None:
    paths = idx_files.write_set(tmp_path, idx_files.small_arrays(), suffix)
    content = idx_files.encode_idx(idx_files.small_arrays()[1]) + b"\0"
    paths[1].write_bytes(gzip.compress(content) if suffix else content)
    text = refusal("mnist", tmp_path)
    assert str(paths[1]) in text and "trail" in text and "30" in text


def test_bytes_behind_the_gzip_stream_are_refused(tmp_path: Path) -> None:
    path = idx_files.write_set(tmp_path, idx_files.small_arrays(), ".gz")[2]
    path.write_bytes(path.read_bytes() + b"junk")
    assert str(path) in refusal("mnist", tmp_path)


def test_gzip_checksum_is_checked(tmp_path: Path) -> None:
    path = idx_files.write_set(tmp_path, idx_files.small_arrays(), ".gz")[0]
    raw = bytearray(path.read_bytes())
    raw[-8] ^= 1  # CRC32, RFC 1952
    path.write_bytes(raw)
    text = refusal("mnist", tmp_path)
    assert str(path) in text and "CRC" in text


@pytest.mark.parametrize("part", [(0, 1), (2, 3)])
def test_images_and_labels_of_different_number_are_refused(
    part: tuple[int, int], tmp_path: Path
) -> None:
    arrays = idx_files.small_arrays()
    arrays[part[1]] = arrays[part[1]][:-1]
    paths = idx_files.write_set(tmp_path, arrays)
    text = refusal("mnist", tmp_path)
    assert str(paths[part[1]]) in text and paths[part[0]].name in text
    assert str(len(arrays[part[0]])) in text and str(len(arrays[part[1]])) in text


@pytest.mark.parametrize("file", [1, 3])
def test_label_out_of_range_is_refused_with_its_place(file: int, tmp_path: Path) -> None:
    arrays = idx_files.small_arrays()
    arrays[file][7] = 10
    path = idx_files.write_set(tmp_path, arrays)[file]
    text = refusal("mnist", tmp_path)
    assert str(path) in text and "label 10 at index 7" in text and "0 to 9" in text


def test_train_and_test_images_of_different_shape_are_refused(tmp_path: Path) -> None:
    arrays = idx_files.small_arrays()
    arrays[2] = arrays[2][:, :, :-1]
    path = idx_files.write_set(tmp_path, arrays)[2]
    text = refusal("mnist", tmp_path)
    assert str(path) in text and "(4, 2)" in text and "(4, 3)" in text


@pytest.mark.parametrize("sizes", [(0, 4, 3), (30, 0, 3), (2**32 - 1,) * 3, (2**30, 2, 1)])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_absurd_sizes_in_a_header_are_refused_unallocated(
    sizes: tuple[int, ...], suffix: str, tmp_path: Path
) -> None:
    path = idx_files.write_set(tmp_path, idx_files.small_arrays(), suffix)[0]
    content = bytes([0, 0, 8, 3]) + np.array(sizes, dtype=">u4").tobytes() + bytes(360)
    path.write_bytes(gzip.compress(content) if suffix else content)
    text = refusal("mnist", tmp_path)
    assert str(path) in text and str(sizes) in text


def test_decompression_stops_one_byte_beyond_what_the_header_announces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = 0
    read = gzip.GzipFile.read

    def counting(self: gzip.GzipFile, size: int | None = -1) -> bytes:
        nonlocal served
        piece = read(self, size)
        served += len(piece)
        return piece

    monkeypatch.setattr(gzip.GzipFile, "read", counting)
    content = idx_files.encode_idx(np.zeros((2, 4, 3))) + bytes(2**24)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match="trail"):
        idx.read_idx(path, 3)
    assert served == 16 + 24 + 1


def test_file_larger_than_the_limit_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    with path.open("wb") as stream:
        stream.truncate(idx.MAX_BYTES + 1)  # a hole: takes no space
    with pytest.raises(InputError, match=f"{idx.MAX_BYTES + 1} bytes"):
        idx.read_idx(path, 3)


def test_what_is_no_readable_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", tmp_path / "a\0b"):
        with pytest.raises(InputError, match="cannot be read"):
            idx.read_idx(path, 3)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind root")
def test_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = idx_files.write_set(tmp_path, idx_files.small_arrays())[0]
    path.chmod(0)
    assert str(path) in refusal("mnist", tmp_path)


def test_published_files_of_another_data_set_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = idx_files.small_arrays()
    publish(monkeypatch, "mnist", "http://127.0.0.1/", arrays)
    paths = idx_files.write_set(tmp_path, arrays)
    text = refusal("fashion-mnist", tmp_path)
    assert str(paths[0]) in text and "holds mnist" in text and "expected fashion-mnist" in text


def test_published_test_set_in_the_place_of_the_training_set_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = idx_files.small_arrays(test=30)
    publish(monkeypatch, "mnist", "http://127.0.0.1/", arrays)
    idx_files.write_set(tmp_path, arrays[2:] + arrays[:2])
    assert "holds mnist t10k-images-idx3-ubyte" in refusal("mnist", tmp_path)


# --- download


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """Serves the folder ``served``."""
    (tmp_path / "served").mkdir()
    handler = partial(QuietHandler, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def address(httpd: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{httpd.server_address[1]}/"


def publish(monkeypatch: pytest.MonkeyPatch, name: str, url: str, arrays: list[np.ndarray]) -> None:
    """Let ``arrays`` be the published data set."""
    contents = [idx_files.encode_idx(array) for array in arrays]
    archives = [gzip.compress(content, mtime=0) for content in contents]
    sums = (tuple(hashlib.sha256(c).hexdigest() for c in group) for group in (archives, contents))
    monkeypatch.setitem(download.PUBLISHED, name, download.Published(url, *sums))


@pytest.mark.parametrize("progress", [True, False])
def test_download_gives_the_published_set_and_keeps_it(
    progress: bool,
    server: ThreadingHTTPServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arrays = idx_files.small_arrays()
    publish(monkeypatch, "mnist", address(server), arrays)
    served = idx_files.write_set(tmp_path / "served", arrays, ".gz")
    first = datasets.load("mnist", progress=progress)
    np.testing.assert_array_equal(first.train_y, arrays[1])
    assert "(the published mnist)" in first.source
    printed = capfd.readouterr()
    assert printed.out == ""
    assert ("train-images" in printed.err) == progress
    for path in served:
        path.unlink()
    again = datasets.load("mnist", progress=progress)
    np.testing.assert_array_equal(again.train_x, first.train_x)
    assert capfd.readouterr().err == ""


def test_damaged_cache_is_downloaded_again(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = idx_files.small_arrays()
    publish(monkeypatch, "mnist", address(server), arrays)
    idx_files.write_set(tmp_path / "served", arrays, ".gz")
    datasets.load("mnist", progress=False)
    cached = tmp_path / "cache" / "eqchip" / "mnist" / f"{idx_files.NAMES[0]}.gz"
    whole = cached.read_bytes()
    cached.write_bytes(whole[:100])
    datasets.load("mnist", progress=False)
    assert cached.read_bytes() == whole


def test_download_with_another_checksum_is_refused_and_not_kept(
    server: ThreadingHTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, "mnist", address(server), idx_files.small_arrays(seed=0))
    served = idx_files.write_set(tmp_path / "served", idx_files.small_arrays(seed=1), ".gz")
    text = refusal("mnist", progress=False)
    expected, got = (
        download.PUBLISHED["mnist"].archives[0],
        hashlib.sha256(served[0].read_bytes()).hexdigest(),
    )
    assert f"{served[0].name}" in text and expected in text and got in text and "--data DIR" in text
    assert not list((tmp_path / "cache").rglob("*.gz"))


def test_file_missing_on_the_server_is_refused_with_its_address(
    server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(monkeypatch, "fashion-mnist", address(server), idx_files.small_arrays())
    text = refusal("fashion-mnist", progress=True)
    assert f"{address(server)}train-images-idx3-ubyte.gz" in text
    assert "404" in text and "--data DIR" in text


def test_no_network_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unheard:  # bound and not listening: connections are refused
        unheard.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unheard.getsockname()[1]}/"
        publish(monkeypatch, "mnist", url, idx_files.small_arrays())
        text = refusal("mnist", progress=False)
    assert url in text and "download failed" in text and "--data DIR" in text


def test_cache_that_cannot_be_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file where a directory should be")
    publish(monkeypatch, "mnist", "http://127.0.0.1:9/", idx_files.small_arrays())
    assert "--data DIR" in refusal("mnist", progress=False)


def test_published_tables_are_whole() -> None:
    sums = [s for p in download.PUBLISHED.values() for s in p.archives + p.contents]
    others = {"digits", *datasets.CROPPED, *download.ARCHIVES, *dataset_of.EVENT_NAMES}
    assert set(download.PUBLISHED) == set(dataset_of.NAMES) - others
    assert len(set(sums)) == 16 and all(len(s) == 64 and int(s, 16) for s in sums)


def test_importing_data_sets_imports_neither_pooch_nor_sklearn(tmp_path: Path) -> None:
    code = (
        "import sys, eqchip.emulator.data.datasets\n"
        "print(sorted({'pooch', 'sklearn', 'requests', 'rich'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    # Elsewhere: the checkout has folders that would hide the installed package.
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# --- validation split


def labelled(labels: np.ndarray) -> dataset_of.Dataset:
    x = np.zeros((len(labels), 1), np.float32)
    return dataset_of.Dataset("test", x, labels.astype(np.int64), x, labels, (1,), 10, "made up")


@pytest.mark.parametrize("n", [0, 1, 9, 100, 1000, 1436])
def test_validation_split_is_disjoint_complete_and_of_the_asked_size(n: int) -> None:
    data = datasets.load("digits")
    train, val = dataset_of.split_validation(data, n, seed=3)
    assert len(val) == n and train.dtype == val.dtype == np.int64
    np.testing.assert_array_equal(np.sort(np.concatenate([train, val])), np.arange(1437))
    assert np.all(np.diff(train) > 0) and np.all(np.diff(val) > 0)


@pytest.mark.parametrize("n", [1, 57, 500])
def test_validation_split_gives_each_class_its_share(n: int) -> None:
    labels = np.repeat(np.arange(10), [1, 2, 3, 50, 60, 70, 80, 90, 100, 200])
    _, val = dataset_of.split_validation(labelled(labels), n)
    share = np.bincount(labels) * n / len(labels)
    assert np.all(np.abs(np.bincount(labels[val], minlength=10) - share) < 1.0)


def test_validation_split_depends_on_its_seed_and_on_nothing_else() -> None:
    data = labelled(np.arange(500) % 10)
    first = dataset_of.split_validation(data, 50, seed=1)
    np.random.seed(0)  # noqa: NPY002 (a global seed must not matter)
    again = dataset_of.split_validation(data, 50, seed=1)
    other = dataset_of.split_validation(data, 50, seed=2)
    assert np.array_equal(first[1], again[1]) and not np.array_equal(first[1], other[1])


def test_validation_split_is_the_same_with_every_numpy() -> None:
    _, val = dataset_of.split_validation(labelled(np.arange(40) % 4), 8, seed=0)
    assert val.tolist() == [4, 10, 11, 15, 20, 22, 25, 29]


@pytest.mark.parametrize("n", [-1, 30, 1000, 2.5, True, "5", None])
def test_validation_size_out_of_range_is_refused(n: object) -> None:
    with pytest.raises(InputError, match=r"validation samples n is .*; expected .* below 30"):
        dataset_of.split_validation(labelled(np.arange(30) % 10), n)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5])
def test_validation_seed_out_of_range_is_refused(seed: object) -> None:
    with pytest.raises(InputError, match="validation seed"):
        dataset_of.split_validation(labelled(np.arange(30) % 10), 3, seed)  # type: ignore[arg-type]


# --- one hot


def test_one_hot_marks_the_label_and_nothing_else() -> None:
    labels = np.array([3, 0, 9], dtype=np.uint8)
    rows = one_hot(labels, 10)
    assert rows.dtype == np.float32 and rows.shape == (3, 10)
    np.testing.assert_array_equal(rows.argmax(axis=1), labels)
    np.testing.assert_array_equal(rows.sum(axis=1), 1.0)
    assert one_hot([], 4).shape == (0, 4)


@pytest.mark.parametrize("labels", [[0, 10], [-1], [[1, 2]], [0.5], ["a"]])
def test_one_hot_refuses_what_is_no_label(labels: list[object]) -> None:
    with pytest.raises(InputError, match=r"one_hot: .*expected"):
        one_hot(labels, 10)
