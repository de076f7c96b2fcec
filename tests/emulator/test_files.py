"""Files are replaced as a whole or not at all; damaged and foreign ones are refused in a line."""

from __future__ import annotations

import codecs
import errno
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from listeners import Hearing, Stopper
from small_runs import FEW, arrays_of, assert_same_end, few_digits, small_config

from eqchip.emulator import files, locks
from eqchip.emulator.arrays import open_arrays
from eqchip.emulator.description.config import read_config
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_arrays, write_text
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.network_file import NETWORK_FORMAT, load_network, save_network
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainers import make_trainer

untimed = settings(deadline=None)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory) -> Path:
    """The directory of a run that was interrupted in its second epoch."""
    path = tmp_path_factory.mktemp("stopped") / "run"
    run = RunDirectory.create(path, small_config(dataset=FEW, descent={"momentum": 0.5}))
    with pytest.raises(KeyboardInterrupt):
        fit(run, few_digits(name=FEW), threads=1, progress=Stopper(6))
    return path


@pytest.fixture(scope="module")
def new_run(tmp_path_factory) -> RunDirectory:
    """A run that has not begun."""
    return RunDirectory.create(tmp_path_factory.mktemp("new") / "run", small_config())


@pytest.fixture
def run(stopped, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(stopped, tmp_path / "run"))


def all_arrays(path: Path, file_format: str) -> dict[str, np.ndarray]:
    """Every array of a file, its format aside."""
    with open_arrays(path, file_format) as file:
        return {name: file.values(name) for name in file.headers if name != "format"}


def refusal(path: Path, read: Callable[[], Any]) -> str | None:
    """The one line that refuses what was read, naming the file; None if it was read."""
    try:
        read()
    except InputError as error:
        assert len(str(error).splitlines()) == 1, str(error)
        assert str(path) in str(error), str(error)
        return str(error)
    return None


def resume(path: Path) -> None:
    run = RunDirectory(path)
    fit(run, few_digits(name=run.config.dataset), threads=1)


def read_config_and_checkpoint(path: Path) -> None:
    run = RunDirectory(path)
    run.load_checkpoint(make_trainer(run.config, few_digits(), 1).state())


# file -> what reads it, given the run directory
READERS: dict[str, Callable[[Path], Any]] = {
    "config.toml": read_config_and_checkpoint,  # a changed setting shows by its fingerprint
    "checkpoint.npz": resume,
    "network.npz": lambda path: RunDirectory(path).network(),
    "metrics.jsonl": resume,
}
each_file = pytest.mark.parametrize("name", READERS)
npz_files = pytest.mark.parametrize("name", ["checkpoint.npz", "network.npz"])


# --- damaged ------------------------------------------------------------------------------


@npz_files
def test_a_truncated_file_is_refused_wherever_it_is_cut(name, run):
    path = run / name
    whole = path.read_bytes()
    for size in [*range(0, len(whole), max(1, len(whole) // 150)), len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert refusal(path, lambda: READERS[name](run)), f"cut to {size} bytes"


@npz_files
def test_a_flipped_bit_is_refused_or_changes_nothing_that_is_read(name, run):
    path = run / name
    whole, expected = path.read_bytes(), arrays_of(path)
    rng = np.random.default_rng(0)
    file_format = str(expected.pop("format"))
    for place in rng.choice(len(whole), 400, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        found: dict[str, np.ndarray] = {}
        if refusal(path, lambda found=found: found.update(all_arrays(path, file_format))):
            continue
        for key in found.keys() & expected.keys():
            np.testing.assert_array_equal(found[key], expected[key])
            assert found[key].dtype == expected[key].dtype


@each_file
def test_a_file_of_noise_is_refused(name, run):
    path = run / name
    rng = np.random.default_rng(0)
    for size in (1, 100, 10_000):
        path.write_bytes(rng.bytes(size) + b"\n")
        assert refusal(path, lambda: READERS[name](run))


@each_file
def test_an_empty_file_is_refused(name, run):
    (run / name).write_bytes(b"")
    assert refusal(run / name, lambda: READERS[name](run))


@each_file
def test_a_directory_in_the_place_of_a_file_is_refused(name, run):
    (run / name).unlink()
    (run / name).mkdir()
    place = run if name == "config.toml" else run / name
    assert refusal(place, lambda: READERS[name](run))


@pytest.mark.parametrize("name", ["config.toml", "network.npz", "metrics.jsonl"])
def test_a_missing_file_is_refused(name, run):
    (run / name).unlink()
    place = run if name == "config.toml" else run / name
    assert refusal(place, lambda: READERS[name](run))


@untimed
@given(content=st.binary(max_size=300))
@example(b"\x93NUMPY\x01\x00")
@example(b"\x80\x04]\x94.")
@example(b"PK\x05\x06" + bytes(18))
def test_arbitrary_bytes_are_no_arrays(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.npz"
        path.write_bytes(content)
        assert refusal(path, lambda: all_arrays(path, "a format"))
        assert refusal(path, lambda: load_network(path))


@untimed
@given(data=st.data())
def test_a_network_file_with_changed_bytes_is_read_or_refused(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        save_network(path, Network.dense([3, 2], seed=0))
        whole = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(whole) - 1))
            whole[place] = data.draw(st.integers(0, 255))
        path.write_bytes(whole)
        refusal(path, lambda: load_network(path))


@untimed
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b'format = "eqchip-config 1"\nlayers = [64, 7, 10]\n')
@example(b'format = "eqchip-config 1"\n"a\\nb" = 1\n')
@example(b'format = "eqchip-config 1"\nseed = ' + b"9" * 5000)
@example(b'format = "eqchip-config 1"\nlayers = [' + b"9" * 50 + b", 1]")
@example(b'format = "eqchip-config 1"\ncoding = 3\n')
@example(b'format = "eqchip-config 1"\ncoding = {quantizer = "none", step_size = {value = nan}}\n')
@example(b'format = "eqchip-config 1"\ndescent = {lr = [nan, inf]}\n')
@example(b"format = " + b"[" * 3000)
def test_arbitrary_text_is_a_configuration_or_refused(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.toml"
        path.write_bytes(content)
        refusal(path, lambda: read_config(path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_text_is_read_as_windows_saves_it(encoding, run):
    bom = codecs.BOM_UTF16_BE if encoding == "utf-16-be" else b""
    expected = RunDirectory(run).config
    for name in ("config.toml", "activity.json"):
        text = (run / name).read_text().replace("\n", "\r\n")
        (run / name).write_bytes(bom + text.encode(encoding))
    assert RunDirectory(run).config == expected
    assert RunDirectory(run).firing_rates()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FACTS = ("epoch", "train_error", "test_error", "validation_error", "spikes_per_sample")


@untimed
@given(row=st.dictionaries(st.sampled_from([*FACTS, "synaptic_events_per_sample"]), json_values))
@example({"epoch": "1", "train_error": 1.0})
@example({"epoch": 1, "train_error": None, "spikes_per_sample": 1})
@example({"epoch": True, "test_error": 1.0})
def test_a_metrics_line_holds_the_numbers_that_are_read_or_is_refused(new_run, row):
    path = new_run.path / "metrics.jsonl"
    path.write_text(json.dumps({"format": "eqchip-metrics 1", **row}) + "\n")
    if refusal(path, new_run.metrics) is None:
        (read,) = new_run.metrics()
        assert read["epoch"] >= 1
        assert read.get("train_error", read.get("test_error")) >= 0
        assert read["spikes_per_sample"] >= 0


@untimed
@given(content=st.binary(max_size=200))
@example(b"[" * 100_000 + b"\n")
@example(b"9" * 5000 + b"\n")
@example(b'{"format": "eqchip-metrics 1"}\n')
@example(b"\r")
def test_arbitrary_metrics_are_refused_but_for_a_last_line_cut_short(new_run, content):
    path = new_run.path / "metrics.jsonl"
    path.write_bytes(content)
    refused = refusal(path, new_run.metrics)
    assert (refused is not None) == (b"\n" in content)


def test_a_checkpoint_of_more_epochs_than_there_are_lines_is_refused(run):
    path = run / "metrics.jsonl"
    for change in (path.unlink, lambda: path.write_text("")):
        change()
        told = refusal(path, lambda: resume(run)) or ""
        assert "expected one of each epoch from 1 to 1" in told
        assert "without checkpoint.npz the run begins anew" in told
    (run / "checkpoint.npz").unlink()  # as it says
    resume(run)
    assert [row["epoch"] for row in RunDirectory(run).metrics()] == [1, 2, 2]


def test_of_an_epoch_that_two_processes_trained_the_last_line_is_kept(run):
    path = run / "metrics.jsonl"
    (line,) = path.read_text().splitlines()
    first = json.dumps({**json.loads(line), "seconds": 77.0})
    path.write_text(f"{first}\n{line}\n")
    told = refusal(path, RunDirectory(run).metrics) or ""
    assert "holds an epoch twice" in told and "--resume keeps the last" in told
    resume(run)
    rows = RunDirectory(run).metrics()
    assert [row["epoch"] for row in rows] == [1, 2, 2]
    assert rows[0] == json.loads(line)


# --- foreign ------------------------------------------------------------------------------


class Bomb:
    """Says so when it is unpickled."""

    exploded = False

    def __reduce__(self) -> Any:
        return (_explode, ())


def _explode() -> None:
    Bomb.exploded = True


@npz_files
def test_nothing_is_ever_unpickled(name, run):
    path = run / name
    arrays = arrays_of(path)
    for key in [*arrays, "more"]:
        np.savez(path, **{**arrays, key: np.array([Bomb()], dtype=object)})
        assert refusal(path, lambda: READERS[name](run))
    path.write_bytes(pickle.dumps(Bomb()))
    assert refusal(path, lambda: READERS[name](run))
    with open(path, "wb") as file:
        np.save(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    assert refusal(path, lambda: READERS[name](run))
    assert not Bomb.exploded


@npz_files
def test_a_file_of_another_format_is_refused(name, run):
    path = run / name
    arrays = arrays_of(path)
    foreign: list[Any] = ["eqchip-network 3", "", 1, ["eqchip-network 1"], b"eqchip-network 1"]
    for file_format in foreign:
        np.savez(path, **{**arrays, "format": np.array(file_format)})
        assert "expected 'eqchip-" in (refusal(path, lambda: READERS[name](run)) or "")
    del arrays["format"]
    np.savez(path, **arrays)
    assert "format is missing" in (refusal(path, lambda: READERS[name](run)) or "")
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))
    assert refusal(path, lambda: READERS[name](run))


@npz_files
@pytest.mark.parametrize("member", ["format", "network", "layers", "weights_0", "numbers", "more"])
def test_members_that_are_no_arrays_are_refused(name, member, run):
    path = run / name
    arrays = arrays_of(path)
    arrays.pop(member, None)
    for text in (b"", b"some text"):
        np.savez(path, **arrays)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(f"{member}.npy", text)
        assert refusal(path, lambda: READERS[name](run))


def test_a_checkpoint_from_other_settings_is_refused(run, tmp_path):
    other = RunDirectory.create(tmp_path / "other", small_config(seed=1))
    shutil.copy(run / "checkpoint.npz", other.path)
    text = refusal(other.path / "checkpoint.npz", lambda: resume(other.path))
    assert text is not None and "made with other settings" in text
    assert other.config.digest() in text


def test_a_network_of_another_shape_is_refused(run):
    save_network(run / "network.npz", Network.dense([64, 8, 10]))
    text = refusal(run / "network.npz", lambda: RunDirectory(run).network())
    assert text is not None and "64-8-10; expected those of config.toml, 64-7-10" in text


WRONG: dict[str, Callable[[np.ndarray], Any]] = {
    "missing": lambda array: None,
    "another shape": lambda array: np.zeros((*array.shape, 2), array.dtype),
    "text": lambda array: np.full(array.shape, "text"),
    "complex": lambda array: array.astype(complex) if array.dtype.kind != "U" else np.array(1j),
    "dates": lambda array: np.zeros(array.shape, "datetime64[s]"),
    "records": lambda array: np.zeros(array.shape, [("a", "f4")]),
}


@npz_files
@pytest.mark.parametrize("wrong", WRONG)
def test_an_array_that_is_missing_or_of_another_kind_is_refused(name, wrong, run):
    path = run / name
    arrays = arrays_of(path)
    for key in arrays:
        changed = {**arrays, key: WRONG[wrong](arrays[key])}
        if wrong == "missing":
            del changed[key]
        np.savez(path, **changed)
        assert refusal(path, lambda: READERS[name](run)), key


@npz_files
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(name, value, run):
    path = run / name
    arrays = arrays_of(path)
    for key, array in arrays.items():
        if array.dtype.kind == "f":
            changed = array.copy()
            changed[(-1,) * array.ndim] = value
            np.savez(path, **{**arrays, key: changed})
            assert refusal(path, lambda: READERS[name](run)), key


@pytest.mark.parametrize("numbers", [[-1, 0, 0, 0], [3, 0, 0, 0], [0, -1, 0, 0], [1, 5, 0, 0]])
def test_a_checkpoint_that_stands_nowhere_is_refused(numbers, run):
    path = run / "checkpoint.npz"
    np.savez(path, **{**arrays_of(path), "numbers": np.array(numbers)})
    assert "out of range" in (refusal(path, lambda: resume(run)) or "")


def test_a_network_file_holds_what_was_saved(tmp_path):
    for dtype in (np.float32, np.float64):
        network = Network.dense(
            [3, 4, 2], weights=[np.ones((3, 4), dtype), np.ones((4, 2), dtype)], seed=1
        )
        save_network(tmp_path / "network.npz", network)
        read = load_network(tmp_path / "network.npz")
        assert read.layers == network.layers
        for one, other in zip(
            (*read.weights, *read.biases), (*network.weights, *network.biases), strict=True
        ):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_a_configuration_file_repeats_the_settings(tmp_path):
    for config in (
        small_config(seed=7, input="current", precision="float64"),
        small_config(coding={"quantizer": "none", "step_size": {"value": 0.5}, "prediction": None}),
        small_config(coding={"quantizer": "bernoulli", "step_size": {"nu_bar": 0.1}}),
    ):
        run = RunDirectory.create(tmp_path / config.digest(), config)
        assert RunDirectory(run.path).config == config
        assert RunDirectory(run.path).config.digest() == config.digest()


# --- writing ------------------------------------------------------------------------------


def full_disk(*arguments: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def everything_in(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


WRITERS: dict[str, Callable[[Path], None]] = {
    "text": lambda path: write_text(path, "new"),
    "arrays": lambda path: write_arrays(path, NETWORK_FORMAT, {"a": np.zeros(9)}),
    "network": lambda path: save_network(path, Network.dense([2, 1])),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("call", ["fsync", "replace", "fdopen", "open"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    writer, call, tmp_path, monkeypatch
):
    path = tmp_path / "file"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr(os, call, full_disk)
        with pytest.raises(OSError, match="No space left") as failure:
            WRITERS[writer](path)
    assert failure.value.filename == str(path)  # the file that the user knows
    assert everything_in(tmp_path) == {"file": b"old"}
    WRITERS[writer](path)
    assert path.read_bytes() != b"old"


@pytest.mark.parametrize("writer", WRITERS)
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(writer, tmp_path, monkeypatch):
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "file"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        WRITERS[writer](path)
    assert everything_in(tmp_path) == {"file": b"old"}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_place_where_nothing_can_be_written_is_named(writer, tmp_path):
    (tmp_path / "file").write_text("old")
    path = tmp_path / "file" / "below"
    with pytest.raises(NotADirectoryError) as failure:
        WRITERS[writer](path)
    assert failure.value.filename == str(path)
    assert everything_in(tmp_path) == {"file": b"old"}


def test_a_failing_write_of_metrics_names_the_file(run, monkeypatch):
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left") as failure:
        RunDirectory(run).append_metrics({"epoch": 2})
    assert failure.value.filename == str(run / "metrics.jsonl")


def refused(*arguments: Any, **more: Any) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_written_files_have_the_permissions_that_the_umask_leaves(mask, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "chmod", refused)  # as on some file systems
    before = os.umask(mask)
    try:
        write_text(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_the_directory_is_synced_after_a_rename(tmp_path, monkeypatch):
    done: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "replace", lambda *a: (done.append("rename"), replace(*a)))

    def synced(handle: int) -> None:
        done.append("directory" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    write_text(tmp_path / "file", "text")
    assert done == ["file", "rename", "directory"]


def test_a_directory_that_cannot_be_synced_is_no_error(tmp_path, monkeypatch):
    fsync = os.fsync

    def unsynced(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", unsynced)
    write_text(tmp_path / "file", "text")
    assert everything_in(tmp_path) == {"file": b"text"}


LEFT = ".eqchip-0123456789abcdef.part"


def test_leftovers_of_a_killed_writer_are_removed_and_nothing_else(tmp_path):
    names = [LEFT, ".network.npz.bak", ".eqchip-mine.part", ".file.0123456789abcdef.part", "file"]
    for name in names:
        (tmp_path / name).write_text("")
    write_text(tmp_path / "file", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_what_another_process_is_writing_is_no_leftover(tmp_path):
    pytest.importorskip("fcntl")
    with files.replacing(tmp_path / "one") as file:
        file.write(b"whole")
        write_text(tmp_path / "other", "text")
        assert sum(name.endswith(".part") for name in everything_in(tmp_path)) == 1
    assert everything_in(tmp_path) == {"one": b"whole", "other": b"text"}


@pytest.mark.parametrize("place", [os.devnull, "folder", "pipe"])
def test_what_is_no_file_is_not_replaced(place, tmp_path):
    (tmp_path / "folder").mkdir()
    if place == "pipe":
        os.mkfifo(tmp_path / place)
    before = (tmp_path / place).stat().st_mode
    with pytest.raises(OSError, match=r"Is a directory|is no regular file"):
        write_text(tmp_path / place, "text")
    assert (tmp_path / place).stat().st_mode == before


@pytest.mark.parametrize("name", [*READERS, "activity.json", ".lock"])
def test_a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for(name, run):
    pytest.importorskip("fcntl")
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name)
    if name == ".lock":  # opened to write, which does not wait either
        resume(run)
    elif name == "activity.json":
        assert "is no regular file" in (refusal(run / name, RunDirectory(run).firing_rates) or "")
    else:
        assert refusal(run if name == "config.toml" else run / name, lambda: READERS[name](run))


@pytest.mark.parametrize("at", range(1, 14, 3))
def test_a_run_whose_disk_filled_up_goes_on_when_there_is_room(at, stopped, tmp_path, monkeypatch):
    run = RunDirectory.create(tmp_path / "run", RunDirectory(stopped).config)
    data = few_digits(name=run.config.dataset)
    calls = []
    original = os.fsync

    def filling(handle: int) -> None:
        calls.append(handle)
        if len(calls) >= at:
            full_disk()
        original(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling)
        with pytest.raises(OSError, match="No space left"):
            fit(run, data, threads=1, checkpoint_minutes=0)
    fit(run, data, threads=1)
    whole = RunDirectory.create(tmp_path / "whole", run.config)
    fit(whole, data, threads=1)
    assert_same_end(run, whole)


WITH_SMALL_FILES = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
from eqchip.__main__ import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on file sizes")
def test_a_file_that_may_not_grow_is_one_line_and_the_checkpoint_stays_whole(run):
    # A limit on the size of files acts as a full disk does: a part is written, then an error.
    before = everything_in(run)
    limit = len(before["checkpoint.npz"]) - 1000
    done = subprocess.run(
        [sys.executable, "-c", WITH_SMALL_FILES, str(limit), "train", "--resume", str(run), "-q"],
        cwd=run.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.splitlines()
    assert line == f"eqchip: error: {run / 'checkpoint.npz'}: File too large"
    after = everything_in(run)
    assert after["checkpoint.npz"] == before["checkpoint.npz"]
    assert after.keys() == before.keys()
    assert refusal(run, lambda: read_config_and_checkpoint(run)) is None


# --- one writer at a time -----------------------------------------------------------------


def test_a_run_that_another_process_trains_is_left_alone(tmp_path):
    run = RunDirectory.create(tmp_path / "run", small_config())
    with run.claim():
        with pytest.raises(InputError, match="another process is training this run"):
            fit(RunDirectory(run.path), few_digits(), threads=1)
        assert run.metrics() == []
        # An editor's save, rsync or git replace the settings: the lock is another file's.
        write_text(run.path / "config.toml", (run.path / "config.toml").read_text())
        with pytest.raises(InputError, match="another process is training this run"):
            fit(RunDirectory(run.path), few_digits(), threads=1)
    with run.claim():  # given back
        pass


def test_a_network_file_system_locks_what_is_open_to_write_alone(run, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    flock = fcntl.flock

    def of_nfs(file: int, how: int) -> None:
        """As flock(2) says of NFS: an exclusive lock needs a file that is open for writing."""
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", of_nfs)
    listener = Hearing()
    with RunDirectory(run).claim(listener):
        told = refusal(run, lambda: resume(run))
        assert told is not None and "another process is training this run" in told
    assert listener.heard == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EBADF, errno.EOPNOTSUPP, None])
def test_that_nothing_can_be_locked_is_said(code, run, monkeypatch):
    if code is None:
        monkeypatch.setattr(locks, "LOCKS", False)
    else:
        fcntl = pytest.importorskip("fcntl")

        def unlocked(file: int, how: int) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(fcntl, "flock", unlocked)
    listener = Hearing()
    fit(RunDirectory(run), few_digits(name=FEW), threads=1, progress=listener)
    reason = "this system has none" if code is None else os.strerror(code)
    assert listener.heard[0] == (
        f"{run / '.lock'}: no lock ({reason}); nothing keeps a second process from training this "
        "run meanwhile"
    )


# --- killed at the start ------------------------------------------------------------------


def test_a_directory_that_a_killed_start_left_can_be_begun_again(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    for name in (LEFT, ".lock"):
        (path / name).write_text("")
    told = refusal(path, lambda: RunDirectory(path)) or ""
    assert "killed before its settings were written, it can be begun again there" in told
    run = RunDirectory.create(path, small_config())
    assert set(everything_in(run.path)) == {"config.toml", ".lock"}


@pytest.mark.parametrize("name", ["notes.txt", ".network.npz.bak", "metrics.jsonl"])
def test_a_directory_that_holds_anything_else_is_not_begun_in(name, tmp_path):
    for found in (name, LEFT, ".lock"):
        (tmp_path / found).write_text("")
    with pytest.raises(InputError, match="exists and is not empty"):
        RunDirectory.create(tmp_path, small_config())
    assert len(everything_in(tmp_path)) == 3
