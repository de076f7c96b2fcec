"""Every reader of a file, with an honest file to damage: one row each."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import event_files
import forked_hdf5
import idx_files
import numpy as np
import series_files
from hdf5_mutators import in_hdf5
from small_runs import few_digits, small_config

from eqchip.backends.nir import hdf5
from eqchip.backends.nir.metadata import parse
from eqchip.backends.nir.read import read_nir as read_graph
from eqchip.backends.nir.write import read_nir, write_nir
from eqchip.cli.parameters import Chips, Names, NetworkType, Rates, Schedule, WholeNumbers
from eqchip.emulator.data.cifar import RECORD as CIFAR_RECORD
from eqchip.emulator.data.cifar import read_cifar
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.data.datasets import from_file, load
from eqchip.emulator.data.idx import read_idx
from eqchip.emulator.data.n_mnist import read_events as read_recording
from eqchip.emulator.data.series import read_series
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import make_config, read_config
from eqchip.emulator.description.connections import Conv2d, OneToOne, Sparse, SumPool2d
from eqchip.emulator.description.graph.event_file import read_events
from eqchip.emulator.description.graph.file import Imported, load_imported, save_graph
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.units import LI, LIF, Input
from eqchip.emulator.description.graph.weights import read_weights, unit_of
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.studies.convergence_search import read_settings
from eqchip.emulator.training.metrics_file import FORMAT as METRICS_FORMAT
from eqchip.emulator.training.metrics_file import metric
from eqchip.emulator.training.network_file import load_mirror, load_network, save_network
from eqchip.emulator.training.points_file import POINT_FORMAT, Points, check_code, missing
from eqchip.emulator.training.run_data import COPY, RECORD, data_of, keep_data
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.sweep import make_sweep, parse_axis, read_sweep, to_toml
from eqchip.emulator.training.trainers import make_trainer
from eqchip.graph_price import _arrays
from eqchip.hw_reports.document.read import read_report, whole
from eqchip.hw_reports.pricing.graph_spikes import Recorded
from eqchip.hw_reports.show import terminal
from eqchip.hw_reports.show.csv import csv_text
from eqchip.hw_reports.studies.sweep import Pricing, _document
from eqchip.mapping.anchors.anchor import parse_anchor
from eqchip.mapping.chip_file.chip import chip_names, load_chip

HERE = Path(__file__).parent
Way = Callable[[bytes, np.random.Generator], bytes]


@dataclass(frozen=True)
class Loader:
    """A reader of files.

    Attributes
    ----------
    name : str
    file : str
        What the file is called, in a folder of its own.
    kind : str
        A row of :data:`mutators.WAYS`.
    honest : tuple of bytes
    read : callable
        Given the path; raises InputError, or reads.
    ways : tuple
        Of damaging it, besides those of its kind.
    """

    name: str
    file: str
    kind: str
    honest: tuple[bytes, ...]
    read: Callable[[Path], Any]
    ways: tuple[Way, ...] = ()


CONFIGS = (
    small_config(),
    small_config(learning={"rule": "full"}, timing=Asynchronous()),
    small_config(
        layers=(64, 8, 10),
        learning={"rule": "symmetric"},
        descent={"minibatch": 1, "momentum": 0.0},
        on_chip={},
    ),
)


def _run_files(folder: Path) -> tuple[RunDirectory, dict[str, Any]]:
    """A run directory with a checkpoint, and the state that is in it."""
    run = RunDirectory.create(folder / "run", CONFIGS[0])
    state = make_trainer(run.config, few_digits(), 1).state()
    run.save_checkpoint(state, 1.0)
    return run, state


def config(folder: Path) -> Loader:
    texts = []
    for k, one in enumerate(CONFIGS):
        run = RunDirectory.create(folder / f"config-{k}", one)
        texts.append((run.path / "config.toml").read_bytes())
    return Loader("config", "config.toml", "toml", tuple(texts), read_config)


def chip(folder: Path) -> Loader:
    chips = HERE.parents[1] / "mapping" / "chips"
    texts = tuple((chips / f"{name}.toml").read_bytes() for name in chip_names())
    return Loader("chip", "chip.toml", "toml", texts, load_chip)


GRID = make_sweep({"layers": [64, 4, 10], "axes": {"seed": [0, 1], "weight_bits": [8, 4]}})


def grid(folder: Path) -> Loader:
    text = b"""dataset = "digits"
layers = [64, 32, 10]
epochs = 2
samples = 600
free_steps = 30
[axes]
weight_bits = [8, 4]
copies = ["errors", "independent"]
weight_range = [0.25, [0.3, 0.6]]
lr_scale = [0.5, 1.0]
"""
    honest = (text, to_toml(GRID, {"eqchip": "0"}).encode())
    return Loader("sweep", "sweep.toml", "toml", honest, read_sweep)


def settings(folder: Path) -> Loader:
    source = HERE.parents[1] / "emulator" / "studies" / "convergence_settings.toml"
    return Loader(
        "converge",
        "settings.toml",
        "toml",
        (source.read_bytes(),),
        lambda path: [read_settings(path, objective) for objective in ("mean", "end")],
    )


def points(folder: Path) -> Loader:
    counts = ("spikes", "synaptic_events", "updates_active", "updates_inactive")
    rows = [
        {
            "format": POINT_FORMAT,
            "settings": point,
            "train_error": 12.5,
            "validation_error": 10.0 + k,
            **dict.fromkeys(counts, 100.5),
            "weights_attempted": 3.25,
            "units_changed": [1.0, 2.0],
            "drift": [0.1],
            "seconds": 1.5,
            "eqchip": {"version": "0.1.0", "digest": "0123456789abcdef"},
        }
        for k, point in enumerate(GRID.points)
    ]
    pricing = Pricing(folder, load_chip("loihi1-davies"), None)
    rows = [{**row, **pricing.of(row)} for row in rows]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()

    def read(path: Path) -> None:
        found = Points(path).read()
        check_code(found, path, going_on=False)
        if not missing(GRID, found):
            _document(GRID, found, pricing, {})

    return Loader("points", "points.jsonl", "jsonl", (text,), read)


def metrics(folder: Path) -> Loader:
    run, _ = _run_files(folder)
    rows = [
        {
            "format": METRICS_FORMAT,
            "epoch": k,
            "train_error": 20.0 / k,
            "validation_error": 21.0 / k,
            "samples": 100,
            "spikes_per_sample": 500.5,
            "synaptic_events_per_sample": 9000,
            "weights_attempted_per_sample": 10.0,
            "seconds": 2.5 * k,
        }
        for k in (1, 2, 3)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()

    def read(path: Path) -> None:
        (run.path / "metrics.jsonl").write_bytes(path.read_bytes())
        for row in run.metrics():
            metric(row, "weights_attempted_per_sample")
        run.drop_metrics_after(3)

    return Loader("metrics", "metrics.jsonl", "jsonl", (text,), read)


def activity(folder: Path) -> Loader:
    run, _ = _run_files(folder)
    layers = len(run.config.layers)
    document = {
        "format": "eqchip-activity 1",
        "phases": ["free", "nudged"],
        "samples": 100,
        **{name: [[10] * layers] * 2 for name in ("spikes", "updates_active", "updates_inactive")},
        **{name: [[[5, 5]] * (layers - 1)] * 2 for name in ("synaptic_events", "macs")},
    }

    def read(path: Path) -> None:
        (run.path / "activity.json").write_bytes(path.read_bytes())
        run.firing_rates()

    return Loader("activity", "activity.json", "json", (json.dumps(document).encode(),), read)


def network(folder: Path) -> Loader:
    path = folder / "written.npz"
    honest = []
    for sizes in ([3, 2], [4, 3, 2]):
        one = Network.dense(sizes, seed=0)
        save_network(path, one, one.weights[1:])
        honest.append(path.read_bytes())

    def read(path: Path) -> None:
        load_mirror(path, load_network(path))

    return Loader("network", "network.npz", "npz", tuple(honest), read)


def checkpoint(folder: Path) -> Loader:
    run, state = _run_files(folder)
    trainer = make_trainer(run.config, few_digits(), 1)
    honest = (run.path / "checkpoint.npz").read_bytes()

    def read(path: Path) -> None:
        (run.path / "checkpoint.npz").write_bytes(path.read_bytes())
        found = run.load_checkpoint(state)
        if found is not None:
            trainer.restore(found[0])

    return Loader("checkpoint", "checkpoint.npz", "npz", (honest,), read)


def report(folder: Path) -> Loader:
    golden = HERE.parent / "golden"
    names = ("report-0.1-asynchronous.json", "report-0.1-steps.json")
    texts = tuple((golden / name).read_bytes() for name in names)

    def read(path: Path) -> None:
        document = read_report(path)
        with whole(path):
            json.dumps(document, allow_nan=False)
            csv_text(document)
            terminal.tables(document), terminal.sentences(document)

    return Loader("report", "report.json", "json", texts, read)


def idx(folder: Path) -> Loader:
    values = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    contents = idx_files.encode_idx(values), idx_files.encode_idx(values.reshape(-1))

    def read(path: Path) -> None:
        try:
            read_idx(path, 3)
        except InputError:
            read_idx(path, 1)

    return Loader("idx", "images", "idx", contents, read)


def packed(folder: Path) -> Loader:
    made = replace(idx(folder), name="idx.gz", kind="gz")
    honest = tuple(gzip.compress(content, mtime=0) for content in made.honest)
    return replace(made, honest=(*honest, honest[0] + gzip.compress(b"")))


def data_set(folder: Path) -> Loader:
    paths = idx_files.write_set(folder / "mnist", idx_files.small_arrays(10, 10), "")
    honest = paths[1].read_bytes()

    def read(path: Path) -> None:
        paths[1].write_bytes(path.read_bytes())
        load("mnist", folder, progress=False)

    (folder / "mnist").mkdir(exist_ok=True)
    return Loader("data set", "labels", "idx", (honest,), read)


def nir(folder: Path) -> Loader:
    path = folder / "written.nir"
    honest = []
    for sizes in ([3, 2], [4, 3, 2]):
        write_nir(
            Network.dense(sizes, seed=0), path, coding=Coding(), learning=Learning(rule="full")
        )
        honest.append(path.read_bytes())

    def read(path: Path) -> None:
        ordinary, hdf5._reading = hdf5._reading, forked_hdf5.reading
        try:
            read_nir(path)
        finally:
            hdf5._reading = ordinary

    return Loader("nir", "network.nir", "bytes", tuple(honest), read, (in_hdf5,) * 7)


def graph(folder: Path) -> Loader:
    import nir as library

    def lif(*shape: int) -> Any:
        ones = np.ones(shape)
        return library.LIF(tau=ones * 0.01, r=ones, v_leak=0 * ones, v_threshold=ones)

    def written(*nodes: Any) -> bytes:
        whole = io.BytesIO()
        library.write(whole, library.NIRGraph.from_list(*nodes))
        return whole.getvalue()

    rng = np.random.default_rng(0)
    dense = written(
        library.Affine(weight=rng.normal(size=(3, 4)), bias=np.ones(3)),
        lif(3),
        library.Linear(weight=rng.normal(size=(2, 3))),
        library.CubaLIF(*(np.ones(2) * 0.01,) * 2, *(np.ones(2),) * 2, np.ones(2), np.ones(2)),
    )
    convolutions = written(
        library.Conv2d((6, 6), rng.normal(size=(2, 1, 3, 3)), 1, 0, 1, 1, np.zeros(2)),
        lif(2, 4, 4),
        library.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        library.Flatten({"input": np.array([2, 2, 2])}, 0, -1),
        library.Linear(weight=rng.normal(size=(3, 8))),
        library.IF(r=np.ones(3), v_threshold=np.ones(3)),
    )

    def read(path: Path) -> None:
        ordinary, hdf5._reading = hdf5._reading, forked_hdf5.reading
        try:
            read_graph(path, dt=1e-3)
        finally:
            hdf5._reading = ordinary

    return Loader("graph", "graph.nir", "bytes", (dense, convolutions), read, (in_hdf5,) * 7)


def spikes(folder: Path) -> Loader:
    network = Graph(
        [Population("in", Input(), 3), Population("out", LIF(), 2)],
        [Projection("in", "out", np.ones((3, 2)))],
    )
    honest = []
    for save in (np.savez, np.savez_compressed):
        whole = io.BytesIO()
        save(whole, **{"in": np.ones((5, 2, 3), bool), "out": np.zeros((5, 2, 2))})
        honest.append(whole.getvalue())
    return Loader(
        "spikes",
        "spikes.npz",
        "npz",
        tuple(honest),
        lambda path: Recorded(network, _arrays(path), str(path)),
    )


def graph_file(folder: Path) -> Loader:
    rng, whole = np.random.default_rng(0), np.arange(8) % 3
    edges = Sparse.from_edges(8, 3, range(8), whole)
    one = Graph(
        [
            Population("in", Input(), (4, 4, 1)),
            Population("map", LIF(threshold=rng.random((4, 4, 2)), floor=-1.0), (4, 4, 2)),
            Population("sum", LIF(), (2, 2, 2)),
            Population("out", LI(), 3),
        ],
        [
            Projection("in", "map", rng.random((3, 3, 1, 2)), Conv2d((4, 4, 1), 2, 3, padding=1)),
            Projection("map", "sum", [1.0], SumPool2d((4, 4, 2), 2), delay=2),
            Projection("sum", "sum", rng.random(8), OneToOne(8)),
            Projection("sum", "out", rng.random(8), edges, delay=whole),
        ],
    )
    two = Graph(
        [Population("in", Input(signed=True), 3), Population("out", LIF(), 2)],
        [Projection("in", "out", rng.random((3, 2)))],
    )
    path, honest = folder / "written.npz", []
    for graph in (one, Imported(two, {"out": np.ones(2)}, {"out": np.zeros(())}, ("a note",))):
        save_graph(path, graph)
        honest.append(path.read_bytes())
    return Loader("graph file", "graph.npz", "npz", tuple(honest), load_imported)


def graph_text(folder: Path) -> Loader:
    with np.load(io.BytesIO(graph_file(folder).honest[0])) as file:
        arrays = dict(file)
    honest = arrays.pop("graph").tobytes()

    def read(path: Path) -> None:
        whole = folder / "whole.npz"
        np.savez(whole, **arrays, graph=np.frombuffer(path.read_bytes(), np.uint8))
        load_imported(whole)

    return Loader("graph text", "text.json", "json", (honest,), read)


def weights(folder: Path) -> Loader:
    honest = []
    rows = {"data": np.ones(3), "indices": np.arange(3, dtype=np.int32), "shape": np.array([2, 3])}
    rows |= {"indptr": np.array([0, 1, 3], np.int32), "format": np.array(b"csr")}
    for arrays in ({"in->out": np.ones((3, 2))}, rows):
        whole = io.BytesIO()
        np.savez(whole, **arrays)
        honest.append(whole.getvalue())
    return Loader(
        "weights", "weights.npz", "npz", tuple(honest), lambda path: read_weights(path, LIF())
    )


def edges(folder: Path) -> Loader:
    texts = (
        b"pre,post,weight\n0,1,0.5\n1,2,-0.25\n2,0,1e-3\n",
        b"pre,post,weight,delay\nin:0,out:1,0.5,0\nin:3,out:0,1,7\nout:0,out:1,-2,1\n",
    )
    return Loader("edges", "edges.csv", "words", texts, lambda path: read_weights(path, LIF()))


def _listening() -> Graph:
    return Graph(
        [Population("in", Input(), 4), Population("out", LIF(), 2)],
        [Projection("in", "out", np.ones((4, 2)))],
    )


def events(folder: Path) -> Loader:
    network = _listening()
    texts = (
        b"step,population,unit,sample\n0,in,3,0\n4,out,1,0\n9,in,0,1\n",
        b"time,unit\n0.0,3\n0.0012,5\n0.5,0\n",
    )
    return Loader(
        "events", "events.csv", "words", texts, lambda path: read_events(path, network, 1e-3)
    )


def event_arrays(folder: Path) -> Loader:
    network, whole = _listening(), io.BytesIO()
    np.savez(whole, **{"in": np.array([[0, 3, 0], [9, 0, 1]]), "out": np.array([[4, 1]])})
    return Loader(
        "event arrays", "events.npz", "npz", (whole.getvalue(),),
        lambda path: read_events(path, network),
    )  # fmt: skip


def own_arrays(folder: Path) -> Loader:
    rng, y = np.random.default_rng(0), np.arange(12) % 3
    honest = []
    for arrays in (
        {"X": rng.normal(size=(12, 4)), "y": y},
        {"x_train": np.full((12, 3, 3), 7, np.uint8), "y_train": np.array(["a", "b", "c"])[y],
         "x_test": np.zeros((3, 3, 3), np.uint8), "y_test": np.array(["a", "b", "c"])},
        {"X": rng.normal(size=(12, 2)).astype(np.float32), "y": np.eye(3)[y]},
    ):  # fmt: skip
        whole = io.BytesIO()
        np.savez(whole, **arrays)
        honest.append(whole.getvalue())
    return Loader("own arrays", "mine.npz", "npz", tuple(honest), from_file)


def own_table(folder: Path) -> Loader:
    rows = b"".join(b"%d,%.1f,%s\n" % (k, k / 3, b"ab"[k % 2 : k % 2 + 1]) for k in range(10))
    texts = (b"u,v,label\n" + rows, rows, (b"u,v,kind\n" + rows).decode().encode("utf-16"))
    return Loader("own table", "mine.csv", "words", texts, from_file)


def cifar(folder: Path) -> Loader:
    rng = np.random.default_rng(4)
    records = rng.integers(0, 256, (3, CIFAR_RECORD), np.uint8)
    records[:, 0] = 0, 9, 4
    honest = records.tobytes(), records[:1].tobytes()
    return Loader("cifar", "data_batch_1.bin", "idx", honest, read_cifar)


def folder_of_idx(folder: Path) -> Loader:
    """A directory whose four files are one and the same but for what they are."""
    images = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    labels = idx_files.encode_idx(np.array([1, 26, 1], np.uint8))
    whole = folder / "letters"
    whole.mkdir()
    for part in ("train", "test"):
        (whole / f"emnist-{part}-images-idx3-ubyte").write_bytes(idx_files.encode_idx(images))
        (whole / f"emnist-{part}-labels-idx1-ubyte").write_bytes(labels)

    def read(path: Path) -> Any:
        (whole / "emnist-train-labels-idx1-ubyte").write_bytes(path.read_bytes())
        return from_file(whole)

    return Loader("folder of IDX", "labels", "idx", (labels,), read)


def _run_of_arrays(folder: Path) -> RunDirectory:
    """A run that keeps its own data."""
    data = Dataset.from_arrays(np.eye(64)[:20], np.arange(20) % 10, scaling="grey", name="few")
    config = make_config(**{**CONFIGS[0].model_dump(), "dataset": "few"})
    run = RunDirectory.create(folder / "run", config)
    keep_data(run, data)
    return run


def record_of_data(folder: Path) -> Loader:
    run = _run_of_arrays(folder)
    honest = (run.path / RECORD).read_bytes()

    def read(path: Path) -> None:
        (run.path / RECORD).write_bytes(path.read_bytes())
        data_of(run)

    return Loader("data record", "data.json", "json", (honest,), read)


def copy_of_data(folder: Path) -> Loader:
    run = _run_of_arrays(folder)
    honest = (run.path / COPY).read_bytes()

    def read(path: Path) -> None:
        (run.path / COPY).write_bytes(path.read_bytes())
        data_of(run)

    return Loader("data copy", "data.npz", "npz", (honest,), read)


def anchor(folder: Path) -> Loader:
    anchors = HERE.parents[1] / "mapping" / "anchors"
    texts = tuple(path.read_bytes() for path in sorted(anchors.glob("*.toml")))
    return Loader(
        "anchor",
        "anchor.toml",
        "toml",
        texts,
        lambda path: parse_anchor(path.read_bytes(), str(path)),
    )


def nir_text(folder: Path) -> Loader:
    import h5py

    raw = nir(folder).honest[1]
    with h5py.File(io.BytesIO(raw)) as file:
        text = file["node/metadata/eqchip"][()]

    def read(path: Path) -> None:
        parse(path.read_bytes().decode(errors="replace"))

    return Loader("nir text", "text.json", "json", (text,), read)


WORDS = (
    *("784-500-10", "28x28-32c5p2-64c5p2-10", "64-20-10", "8x8-4c3s2z1m2-10", "0.2,0.1", "auto"),
    *("0.83/t^0.58", "osa:0.0346", "weight_bits=8,4", "weight_range=0.25,0.3:0.6", "lava,brian2"),
    *("lr_scale=0.5,1", "seed=0,1", "copies=errors,decay", "0,8,3,0"),
    *("LIF:decay=0.1,threshold=2", "CubaLIF:refractory=2,reset=subtract"),
)


def words(folder: Path) -> Loader:
    kinds = (
        *(NetworkType(), Chips(), Rates(), Names(), WholeNumbers()),
        Schedule(adaptive=True, optional=True),
    )

    def read(path: Path) -> None:
        text = path.read_bytes().decode(errors="surrogateescape")
        for kind in kinds:
            try:
                found = kind.convert(text, None, None)
            except click.UsageError:
                continue
            if isinstance(kind, NetworkType) and not isinstance(found, str):
                with contextlib.suppress(InputError):
                    make_config(layers=found)
            if isinstance(kind, Rates):
                with contextlib.suppress(InputError):
                    make_config(descent={"lr": found})
        with contextlib.suppress(InputError):
            unit_of(text)
        name, values = parse_axis(text)
        make_sweep({}, {name: values})

    return Loader("words", "word", "words", tuple(map(str.encode, WORDS)), read)


# Name -> what makes the loader, given a folder for its files.
def labelled_series(folder: Path) -> Loader:
    texts = tuple(series_files.text(n, channels).encode() for n, channels in ((3, 2), (6, 1)))
    return Loader("labelled series", "series.ts", "words", texts, read_series)


def recording(folder: Path) -> Loader:
    events = [*event_files.one_event(3, 2), (0, 240, 0, 0), *event_files.one_event(4, 0)]
    honest = event_files.encode(events), event_files.encode(events[:1])
    return Loader("recording", "00002.bin", "idx", honest, read_recording)


def recordings(folder: Path) -> Loader:
    paths = event_files.write_set(folder / "n-mnist", 1)

    def read(path: Path) -> None:
        paths[5].write_bytes(path.read_bytes())
        load("n-mnist", folder)

    return Loader("recordings", "00000.bin", "idx", (paths[5].read_bytes(),), read)


LOADERS: dict[str, Callable[[Path], Loader]] = {
    "config": config,
    "chip": chip,
    "sweep": grid,
    "converge": settings,
    "points": points,
    "metrics": metrics,
    "activity": activity,
    "network": network,
    "checkpoint": checkpoint,
    "report": report,
    "idx": idx,
    "cifar": cifar,
    "folder of IDX": folder_of_idx,
    "idx.gz": packed,
    "data set": data_set,
    "nir": nir,
    "graph": graph,
    "spikes": spikes,
    "graph file": graph_file,
    "graph text": graph_text,
    "weights": weights,
    "edges": edges,
    "events": events,
    "event arrays": event_arrays,
    "own arrays": own_arrays,
    "own table": own_table,
    "data record": record_of_data,
    "data copy": copy_of_data,
    "anchor": anchor,
    "nir text": nir_text,
    "labelled series": labelled_series,
    "recording": recording,
    "recordings": recordings,
    "words": words,
}
