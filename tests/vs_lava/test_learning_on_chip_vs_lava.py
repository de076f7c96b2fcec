"""Learning on the chip inside Lava: bits, both copies, biases and counts of the other two."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onchip_cases import made_up, small, train

from eqchip.backends.lava import solve as backend
from eqchip.backends.lava.export import export_graph
from eqchip.backends.lava.results import LearnedOnChip
from eqchip.backends.reference import onchip as reference
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.upkeep import UPKEEPS
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import layer_units
from eqchip.emulator.kernels.onchip import APPLIED, FORWARD, MIRROR, SATURATED
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.mapping.processes.graph import Edge

LIMIT = 60.0
SAMPLES = 6
BERNOULLI = Coding("bernoulli", step_size=Polynomial(0.8), prediction=None)
SHALLOW, DEEP = (6, 5, 3), (6, 5, 4, 3)


def on_lava(test: Callable[..., None]) -> Callable[..., None]:
    """A test that needs Lava."""
    return pytest.mark.peer(pytest.mark.usefixtures("lava")(test))


class Watched(OnChipTrainer):
    """A trainer that keeps what it was given to learn from."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, made_up(config.sizes[0], config.sizes[-1], SAMPLES), 1)
        self.calls: list[tuple[np.ndarray, list[float], int]] = []
        self.all_written = np.zeros_like(self.written)

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        self.calls.append((indices, rates, seed))
        super()._train_minibatch(indices, sign, rates, seed)
        self.all_written[...] = self.written


@dataclass
class Expected:
    """What the reference makes of the samples of a trainer, and what Lava is asked for."""

    memory: reference.Memory
    shown: list[reference.Shown]
    writes: np.ndarray
    asked: dict[str, Any]


def expect(config: Config, trainer: Watched) -> Expected:
    """Train an epoch; the reference learns from the same samples."""
    train(trainer)
    memory = reference.new_memory(config, trainer.start)
    shown: list[reference.Shown] = []

    def watched(*given: Any) -> reference.Shown:
        shown.append(reference.show(*given))
        return shown[-1]

    writes = np.zeros_like(trainer.written)
    _, rates, seed = trainer.calls[0]
    for indices, *same in trainer.calls:
        assert same == [rates, seed]
        x, y = trainer.dataset.train_x[indices], trainer.targets[indices]
        writes += reference.learn_samples(
            config, trainer.start, memory, x, y,
            rates=rates, seed=seed, samples=indices, shown=watched,
        ).writes  # fmt: skip
    order = np.concatenate([indices for indices, _, _ in trainer.calls])
    asked = {
        "x": trainer.dataset.train_x[order],
        "targets": trainer.targets[order],
        "rates": rates,
        "seed": seed,
        "samples": order,
    }
    return Expected(memory, shown, writes, asked)


def assert_same(got: LearnedOnChip, expected: Expected, trainer: Watched) -> None:
    """Lava, the reference and the emulator: all equal, to the last bit."""
    one = trainer.onchip.fixed.one
    assert got.run.bits is not None and got.run.potentials is not None
    assert got.run.bits[0].shape[1] == len(expected.shown)
    for sample, shown in enumerate(expected.shown):
        for layer, (q, s) in enumerate(zip(got.run.bits, got.run.potentials, strict=True)):
            where = f"sample {sample}, layer {layer}"
            bits = np.concatenate([phase[layer] for phase in shown.bits])
            np.testing.assert_array_equal(q[:, sample], bits, where)
            states = np.concatenate([phase[layer] for phase in shown.potentials])
            np.testing.assert_array_equal(s[:, sample] * one, states, where)
    assert got.run.saturations.sum() == sum(shown.saturations for shown in expected.shown)
    assert got.exponents == expected.memory.exponents
    for k, copies in enumerate(expected.memory.stored):
        assert len(got.stored[k]) == len(copies) == (1 if k == 0 else 2)
        for which, stored in enumerate(copies):
            where = f"connection {k}, copy {which}"
            np.testing.assert_array_equal(got.stored[k][which], stored, where)
            emulated, _ = trainer.copy(k, which)
            np.testing.assert_array_equal(got.stored[k][which], emulated, where)
        biases = expected.memory.biases[k]
        np.testing.assert_array_equal(got.biases[k], biases, f"connection {k}")
        emulated = layer_units(trainer.lowered, trainer.lowered.biases, k + 1)
        np.testing.assert_array_equal(got.biases[k], emulated, f"connection {k}")
    np.testing.assert_array_equal(got.writes, expected.writes)
    np.testing.assert_array_equal(got.writes, trainer.all_written)


def config_of(settings: Settings, **onchip: Any) -> Config:
    """A training of small networks; large steps, so that much happens."""
    layers, weight_bits, accumulator_bits, threshold, trace_bits, average, coding = settings
    return small(
        layers,
        seed=2**63 - 1 if threshold else 3,
        coding=coding,
        learning={"average_steps": average},
        onchip={
            "fixed": FixedPoint(weight_bits=weight_bits),
            "accumulator_bits": accumulator_bits,
            "threshold": threshold,
            "trace_bits": trace_bits,
            "decay_rate": 0.1,
            **onchip,
        },
    )


# layers, weight bits, accumulator bits, threshold, trace bits, average steps, coding
Settings = tuple[tuple[int, ...], int, int, float, int, int, Coding]
WITHOUT_ACCUMULATORS: list[Settings] = [
    (DEEP, 8, 0, 0.0, 7, 1, Coding()),
    (SHALLOW, 4, 0, 0.02, 3, 2, BERNOULLI),
    (DEEP, 2, 0, 0.01, 7, 1, Coding()),
]
WITH_ACCUMULATORS: list[Settings] = [
    (SHALLOW, 4, 3, 0.02, 2, 2, Coding()),
    (DEEP, 2, 8, 0.0, 3, 3, BERNOULLI),
    (DEEP, 8, 5, 0.01, 1, 1, Coding()),
]
COPIES = ("errors", "independent", "same-noise", "decay", "periodic")
IN_SHORT = ("errors", "independent")  # a run of Lava takes seconds: the others have a marker


@on_lava
@pytest.mark.parametrize(
    "copies",
    [c if c in IN_SHORT else pytest.param(c, marks=pytest.mark.long) for c in COPIES],
)
@pytest.mark.parametrize("sees", ["traces", "potentials"])
def test_lava_learns_what_the_reference_and_the_emulator_learn(sees, copies):
    turn = COPIES.index(copies) + (sees == "potentials")
    written = np.zeros((2, 2, 3), np.int64)
    for settings in (WITHOUT_ACCUMULATORS[turn % 3], WITH_ACCUMULATORS[turn % 3]):
        config = config_of(settings, sees=sees, copies=copies)
        trainer = Watched(config)
        expected = expect(config, trainer)
        got = backend.train_on_chip(config, trainer.start, limit=LIMIT, **expected.asked)
        assert_same(got, expected, trainer)
        assert any(biases.any() for biases in got.biases)
        written += got.writes[:2]
    assert written[:, FORWARD, APPLIED].all() and written[1, MIRROR, APPLIED]  # it tested something
    assert written[:, FORWARD, SATURATED].any()
    assert not written[0, MIRROR].any()  # nothing is fed back to the input


# --- a comparison that cannot fail proves nothing -----------------------------------------


BREAKS = {
    "spikes of the whole sample": ("one_way.py", '[self.rule["counted"]]', "[:]"),
    "traces without end": ("one_way.py", 'np.minimum(n, self.rule["most"])', "n"),
    "copies that number synapses each their own way": ("one_way.py", 'if rule["mirror"]:', "if 0:"),
    "an accumulator that is cut off": ("one_way.py", "(stored + ((1 << bits) >> 1))", "stored"),
    "sums that were not restored": ("one_way.py", "self.to_own = self.kept", "pass"),
    "no threshold": ("ep_layer.py", 'np.abs(change) > rule["threshold"]', "np.abs(change) > 0"),
    "biases that do not act": ("ep_layer.py", "self.offsets[sample + 1 :] = self.bias", "pass"),
    "rounding down": ("one_way.py", "(products + (words & ((1 << shift) - 1)))", "products"),
    "biases rounded down": ("ep_layer.py", '["mantissa"] + below)', '["mantissa"])'),
}
BROKEN: Settings = (DEEP, 8, 3, 0.02, 2, 2, Coding())


def exported_run(folder: Path, python: str = sys.executable) -> dict[str, np.ndarray]:
    """What the processes of an exported network hold at the end of its run script."""
    done = subprocess.run(
        [python, str(folder / "run.py"), "--results", str(folder / "out"), "--limit", str(LIMIT)],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {}
    for path in (folder / "out").glob("*.npz"):
        with np.load(path, allow_pickle=False) as file:
            found |= {
                f"{path.stem} {name}": file[name]
                for name in ("stored", "writes", "bias")
                if name in file.files
            }
    return found


def export(config: Config, folder: Path) -> dict[str, np.ndarray]:
    """Export a training; what its processes are to hold at the end."""
    trainer = Watched(config)
    expected = expect(config, trainer)
    export_graph(*backend.on_chip_graph(config, trainer.start, **expected.asked), folder)
    found = {}
    for k, copies in enumerate(expected.memory.stored):
        found[f"layer_{k + 1} bias"] = expected.memory.biases[k]
        for which, stored in enumerate(copies):
            name = f"dense_{k + 1}_{'mirror' if which else 'forward'}"
            found[f"{name} stored"] = stored.T if which else stored
            found[f"{name} writes"] = expected.writes[k, which]
    return found


def same(got: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(got[name], values) for name, values in expected.items())


@on_lava
def test_an_exported_network_learns_without_eqchip(tmp_path, python_without_eqchip):
    config = config_of(BROKEN, copies="independent")
    expected = export(config, tmp_path)
    assert same(exported_run(tmp_path, python_without_eqchip), expected)
    text = (tmp_path / "README.md").read_text()
    assert "each copy of a weight from what its own core knows" in text
    assert "Each direction has a matrix of its own" in text


@on_lava
@pytest.mark.parametrize(
    "name",
    [
        n if turn % 4 == 0 else pytest.param(n, marks=pytest.mark.long)
        for turn, n in enumerate(BREAKS)
    ],
)
def test_learning_that_is_broken_on_purpose_is_caught(name, tmp_path):
    module, old, new = BREAKS[name]
    expected = export(config_of(BROKEN, copies="independent"), tmp_path)
    path = tmp_path / "ep_network" / "processes" / module
    source = path.read_text()
    assert source.count(old) == 1
    path.write_text(source.replace(old, new))
    assert not same(exported_run(tmp_path), expected)


# --- the graph, which needs no Lava -------------------------------------------------------


def graph_of(config: Config, **changes: Any) -> Any:
    """The process graph of two samples."""
    digits = made_up(config.sizes[0], config.sizes[-1], 2)
    asked = {
        "x": digits.train_x,
        "targets": np.eye(digits.classes)[digits.train_y],
        "rates": [0.3] * (len(config.sizes) - 1),
        "seed": 0,
        "samples": np.arange(2),
    }
    network = OnChipTrainer(config, digits, 1).start
    return backend.on_chip_graph(config, network, **(asked | changes))[1]


def told(graph: Any, name: str) -> set[tuple[str, str]]:
    """Who sends a process what it learns from."""
    return {
        (e.source, e.in_port) for e in graph.edges if e.target == name and e.in_port != "q_sent"
    }


def test_each_copy_is_told_what_its_core_can_know_and_nothing_else():
    graph = graph_of(small(DEEP, onchip={"copies": "independent"}))
    assert [node.name for node in graph.connections] == [
        "dense_1_forward", "dense_2_forward", "dense_2_mirror", "dense_3_forward", "dense_3_mirror",
    ]  # fmt: skip
    assert [e.in_port for e in graph.edges].count("a_in") == 5
    assert Edge("layer_3", "q_out", "dense_3_mirror", "q_sent") in graph.edges
    assert Edge("dense_3_mirror", "a_own", "layer_2", "a_in") in graph.edges
    # Of traces, a core knows the change of its own units; it counts the spikes of the others.
    assert told(graph, "dense_2_forward") == {("layer_2", "own_told")}
    assert told(graph, "dense_2_mirror") == {("layer_1", "own_told")}
    # Where errors are sent, the mirror's core counts its own units' spikes.
    graph = graph_of(small(DEEP, onchip={"copies": "errors"}))
    assert told(graph, "dense_2_forward") == {("layer_2", "own_told")}
    assert told(graph, "dense_2_mirror") == {("layer_2", "sent_told"), ("layer_1", "q_own")}
    # Potentials are told by both ends.
    graph = graph_of(small(DEEP, onchip={"sees": "potentials", "copies": "periodic"}))
    both = {("layer_1", "sent_told"), ("layer_2", "own_told")}
    assert told(graph, "dense_2_forward") == both
    assert told(graph, "dense_2_mirror") == {
        ("layer_2", "sent_told"), ("layer_1", "own_told"), ("dense_2_forward", "copy_in"),
    }  # fmt: skip
    assert told(graph, "dense_1_forward") == {("layer_0", "sent_told"), ("layer_1", "own_told")}


@pytest.mark.parametrize(
    ("settings", "changes", "text"),
    [
        (
            {"onchip": {"sees": "loihi-engine", "copies": "independent"}},
            {},
            "sees 'loihi-engine'; expected 'traces' or 'potentials'",
        ),
        (
            {"onchip": {"sees": "signed-spikes"}},
            {},
            "sees 'signed-spikes'; expected 'traces' or 'potentials'",
        ),
        ({"onchip": {"change_bits": 7}}, {}, "change_bits is 7; expected 0"),
        (
            {"onchip": {"sees": "potentials"}, "input": "current"},
            {},
            "input 'current'; expected 'spikes'",
        ),
        ({}, {"rates": [1e-12, 0.1]}, "lr 1e-12 of connection 1 rounds every update to zero"),
    ],
)
def test_what_the_processes_do_not_learn_is_refused_in_one_line(settings, changes, text):
    with pytest.raises(InputError, match=text) as refused:
        graph_of(small(**settings), **changes)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("copies", sorted(set(UPKEEPS) - set(COPIES)))
def test_copies_that_take_spikes_of_their_own_are_refused(copies):
    with pytest.raises(InputError, match=f"copies '{copies}'; expected one of errors, independent"):
        graph_of(small(onchip={"copies": copies}))


def test_a_configuration_that_does_not_learn_on_a_chip_is_refused():
    config = small()
    network = OnChipTrainer(config, made_up(6, 3, 1), 1).start
    asked = {"rates": [0.1] * 2, "seed": 0, "samples": np.arange(1)}
    with pytest.raises(InputError, match="on_chip is None"):
        backend.on_chip_graph(
            config.model_copy(update={"on_chip": None}), network, np.ones((1, 6)), np.ones((1, 3)),
            **asked,
        )  # fmt: skip


def test_minibatches_are_refused():
    config = small(onchip={"accumulator_bits": 4})
    several = config.descent.model_copy(update={"minibatch": 10})
    config = config.model_copy(update={"descent": several})
    network = OnChipTrainer(config, made_up(6, 3, 1), 1).start
    with pytest.raises(InputError, match="minibatch is 10; expected 1"):
        backend.on_chip_graph(
            config, network, np.ones((1, 6)), np.ones((1, 3)),
            rates=[0.1] * 2, seed=0, samples=np.arange(1),
        )  # fmt: skip
