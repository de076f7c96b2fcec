"""Every file that a user names comes in through one of the doors of docs/reliability.md."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from installed_modules import modules

# Calls that read a file, or what is in one, without asking what it holds.
READS = {
    *("json.load", "json.loads", "tomllib.load", "tomllib.loads", "np.load", "numpy.load"),
    *("h5py.File", "zipfile.ZipFile", "gzip.open", "gzip.GzipFile", "pickle.load", "pickle.loads"),
}
METHODS = {"read_bytes", "read_text"}  # of a Path
DOORS = {
    "eqchip.emulator.documents",
    "eqchip.emulator.arrays",
    "eqchip.emulator.data.idx",
    "eqchip.backends.nir.hdf5_program",
}
# What reads nothing that a user names: files of the package and of the system, replies of processes
# that eqchip started, and exported packages, which are programs with their own folders.
OWN = {
    *("eqchip.emulator.training.presets", "eqchip.emulator.source", "eqchip.emulator.memory"),
    *("eqchip.mapping.chip_file.chip", "eqchip.mapping.anchors"),
    *("eqchip.backends.sanafe.process", "eqchip.backends.sanafe.peer", "eqchip.backends.lava"),
    *("eqchip.hw_reports.watch.document", "eqchip.bench"),
    *("eqchip.backends.brian2.graph_builder", "eqchip.backends.graph_folder"),
}


def reads_of(source: str) -> Iterator[str]:
    """The calls in a source text that read."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func)
            if name in READS or (node.func.attr in METHODS):
                yield f"line {node.lineno}: {name}"


def within(module: str, places: set[str]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_files_are_read_through_the_doors_alone():
    wrong = [
        f"{module}, {one}"
        for module, path in modules().items()
        if not within(module, DOORS | OWN)
        for one in reads_of(path.read_text(encoding="utf-8"))
    ]
    assert not wrong


def test_every_door_and_every_exception_is_one():
    for place in DOORS | OWN:
        found = [
            one
            for module, path in modules().items()
            if within(module, {place})
            for one in reads_of(path.read_text(encoding="utf-8"))
        ]
        assert found, place


def test_a_reader_of_its_own_is_seen():
    assert list(reads_of("import json\njson.loads(open(path).read())")) == ["line 2: json.loads"]
    assert list(reads_of("text = Path(name).read_bytes()")) == ["line 1: Path(name).read_bytes"]
