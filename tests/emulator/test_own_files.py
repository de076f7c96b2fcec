"""Files that hold data of one's own: what is read, what is refused, and in which line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from idx_files import write_idx
from own_data import QUICK, ROWS, clusters, npz, table

import eqchip as eq
from eqchip.__main__ import main
from eqchip.emulator.data.cifar import RECORD as CIFAR_RECORD
from eqchip.emulator.data.datasets import from_file, load
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.run_data import data_of


def test_arrays_of_numpy_are_read_by_the_names_that_people_give_them(tmp_path):
    x, y = clusters()
    one = from_file(npz(tmp_path / "one.npz", X=x, y=y))
    assert (one.name, one.labels) == ("one", ("0", "1", "2"))
    assert one.fingerprint == eq.Dataset.from_arrays(x, y).fingerprint
    keras = npz(tmp_path / "k.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9], other=x)
    assert (len(from_file(keras).train_y), len(from_file(keras).test_y)) == (60, 9)
    assert from_file(npz(tmp_path / "digits.npz", X=x, y=y)).name == "digits.npz"


@pytest.mark.parametrize("heading", [None, "u,v,kind", "u,v,label", "label,u,v", "u,class,v"])
def test_a_table_is_read_with_its_label_where_its_heading_says_or_last(heading, tmp_path):
    names = (heading or "u,v,kind").split(",")
    place = next((k for k, name in enumerate(names) if name in ("label", "class")), 2)
    lines = [] if heading is None else [heading]
    for u, v, label in ROWS:
        cells = [u, v]
        cells.insert(place, label)
        lines.append(",".join(cells))
    found = from_file(table(tmp_path / "t.csv", "\n".join([*lines, "", ""])))
    expected = eq.Dataset.from_arrays(
        np.array([row[:2] for row in ROWS], float), [row[2] for row in ROWS]
    )
    assert found.labels == ("a", "b")
    assert found.fingerprint == expected.fingerprint


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_of_any_encoding_of_windows_is_read(encoding, tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("\r\n".join(["größe,wert,art", *map(",".join, ROWS)]).encode(encoding))
    assert from_file(path).labels == ("a", "b")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no line"),
        ("a,b\n", "no sample below its heading"),
        ("1\n2\n", "has 1 columns"),
        ("1,2,a\n1,a\n", "line 2 has 2 columns; expected 3"),
        ("u,v,label\n1,x,a\n", "line 2, column 2 (v): 'x' is no number"),
        ("1,2,a\n1,,a\n", "line 2, column 2: '' is no number"),
        ("1,2,a\n1,nan,b\n", "X holds nan at (1, 1)"),
        ("1,2,a\n1,2,\n", "line 2 has no label"),
        ("label,label,x\na,b,1\n", "two columns 'label'"),
        ('1,2,"a\n', "line 1"),
        ("1,2,a\n2,3,a\n", "y holds 1 class"),
        ("1,2," + "a" * 2000 + "\n", "2000 letters"),
    ],
)
def test_a_table_that_is_none_is_refused_with_its_line(text, told, tmp_path):
    with pytest.raises(InputError, match=r"t\.csv: ") as caught:
        from_file(table(tmp_path / "t.csv", text))
    assert told in str(caught.value)


def test_files_that_hold_no_data_set_are_refused(tmp_path):
    x, y = clusters()
    for path, told in (
        (npz(tmp_path / "a.npz", first=x, second=y), "holds first, second; expected X and y"),
        (npz(tmp_path / "b.npz", X=x, x=x, y=y), "differ in capitals"),
        (npz(tmp_path / "c.npz", X=x, y=y[:5]), "5 labels for 60 samples"),
        (table(tmp_path / "d.txt", "1,2"), "ends in '.txt'; expected a data set"),
        (tmp_path / "e.csv", "no such file"),
        (tmp_path / "e.npz", "no such file"),
    ):
        with pytest.raises(InputError, match=path.name) as caught:
            from_file(path)
        assert told in str(caught.value)
    (tmp_path / "f.csv").write_bytes(b"\xff\xff1,2,3")
    with pytest.raises(InputError, match="no text"):
        from_file(tmp_path / "f.csv")


def cifar_files(folder: Path, batches: int = 2, records: int = 6) -> np.ndarray:
    """A directory as of CIFAR-10's binary version; all records of its training."""
    rng = np.random.default_rng(0)
    made = rng.integers(0, 256, (batches + 1, records, CIFAR_RECORD), np.uint8)
    made[..., 0] = np.arange(records) % 3
    folder.mkdir()
    for name, part in zip(
        ("data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"), made, strict=True
    ):
        (folder / name).write_bytes(part.tobytes())
    return made[:-1].reshape(-1, CIFAR_RECORD)


def test_the_files_of_cifar_10_are_read_from_their_directory(tmp_path):
    records = cifar_files(tmp_path / "cifar")
    found = from_file(tmp_path / "cifar")
    assert repr(found) == "Dataset(cifar: 12 train, 6 test, 32x32x3, 3 classes)"
    assert found.train_y.tolist() == records[:, 0].tolist()
    image = found.train_x[7].reshape(32, 32, 3)
    for colour in range(3):  # planes, row by row
        plane = records[7, 1 + 1024 * colour : 1025 + 1024 * colour].reshape(32, 32)
        np.testing.assert_allclose(image[..., colour], plane / 255, rtol=1e-6)


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_files_of_another_name_are_read_with_any_labels(tmp_path, end):
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 3), np.uint8)
    labels = np.array([1, 26, 7, 1, 26], np.uint8)
    for part in ("train", "test"):
        for what, values in (("images-idx3", images), ("labels-idx1", labels)):
            write_idx(tmp_path / f"emnist-letters-{part}-{what}-ubyte{end}", values)
    found = from_file(tmp_path, "letters")
    assert (found.labels, found.shape) == (("1", "7", "26"), (4, 3))
    assert found.train_y.tolist() == [0, 2, 1, 0, 2]
    np.testing.assert_allclose(found.test_x, images.reshape(5, -1) / 255, rtol=1e-6)


def test_a_directory_without_a_data_set_that_is_known_is_refused(tmp_path):
    folder = tmp_path / "cifar"
    cifar_files(folder)
    for break_it, told in (
        (lambda: (folder / "test_batch.bin").unlink(), "test_batch.bin: not found beside data_b"),
        (
            lambda: (folder / "data_batch_2.bin").write_bytes(b"1" * 9),
            "holds 9 bytes; expected rec",
        ),
        (
            lambda: (folder / "data_batch_1.bin").write_bytes(b"\x0a" * CIFAR_RECORD),
            "record 0 has label 10; expected 0 to 9",
        ),
    ):
        break_it()
        with pytest.raises(InputError, match=told):
            from_file(folder)
        assert main(["train", "--data", str(folder), "--out", str(tmp_path / "run")]) == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no data set that is known; expected one of CIFAR"):
        from_file(tmp_path / "empty")


def test_a_run_on_the_files_of_a_directory_finds_them_again(tmp_path):
    cifar_files(tmp_path / "cifar")
    out = tmp_path / "run"
    eq.train(data=tmp_path / "cifar", network=(3072, 4, 3), out=out, threads=1, **QUICK)
    assert data_of(eq.load_run(out)).shape == (32, 32, 3)
    assert eq.evaluate(out, threads=1).tally.samples == 6


def test_data_that_the_name_does_not_take_are_not_ignored(tmp_path):
    x, y = clusters()
    path = npz(tmp_path / "mine.npz", X=x, y=y)
    for name, data, told in (
        ("digits", tmp_path, "digits, which come with scikit-learn"),
        ("digits", path, "holds the data set 'mine'; expected 'digits'"),
        ("mine", None, "data set 'mine' is unknown"),
    ):
        with pytest.raises(InputError) as caught:
            load(name, data)
        assert told in str(caught.value)
    assert load("mine", path).name == "mine"
