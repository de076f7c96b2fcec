"""The front door to a chip: a mapped network is run like any other, and its cores are counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from small_chips import small_chip
from small_runs import small_config
from tiny_bench import OF_A_RUN, tiny

import eqchip as eq
from eqchip.__main__ import main
from eqchip.emulator.data.datasets import load
from eqchip.emulator.training.runs import RunDirectory

CODING = eq.Coding()
RNG = np.random.default_rng(0)
X, Y = RNG.random((3, 12)), np.eye(5)[:3]
PHASES = [eq.Free(9), eq.Nudged(4, Y, 0.5, from_free=True), eq.Nudged(4, Y, -0.5, from_free=True)]


@pytest.fixture(scope="module")
def mapped() -> eq.MappedNetwork:
    """12-9-5 over six cores and two copies."""
    return eq.map_network(eq.Network.dense([12, 9, 5], seed=0), small_chip(units=5))


@pytest.mark.parametrize("backend", ["emulator", "reference"])
@pytest.mark.parametrize("precision", ["float32", "float64", "chip"])
@pytest.mark.parametrize("mode", ["spikes", "current"])
def test_cores_add_up_to_layers(mapped, backend, precision, mode):
    run = eq.run(mapped, X, coding=CODING, phases=PHASES, precision=precision, input=mode,
                 backend=backend)  # fmt: skip
    cores, layers = run.cores, run.activity
    assert cores.phases == layers.phases == ("free", "nudged", "nudged")
    for name in ("spikes", "updates_active", "updates_inactive"):
        for layer in range(3):
            here = [p.layer == layer for p in mapped.parts]
            np.testing.assert_array_equal(
                getattr(cores, name)[:, here].sum(1), getattr(layers, name)[:, layer]
            )
    np.testing.assert_array_equal(cores.synaptic_events.sum(1), layers.synaptic_events.sum((1, 2)))
    assert layers.synaptic_events.sum() > 0


def test_precision_chip_is_that_of_the_chip_it_is_mapped_onto(mapped):
    coarse = mapped.chip.model_copy(update={"arithmetic": eq.FixedPoint(weight_bits=2)})
    network = eq.map_network(mapped.network, coarse)
    asked = {"coding": CODING, "phases": PHASES, "precision": "chip"}
    found = eq.run(network, X, **asked).ends[0][1]
    by_hand = eq.run(network.network, X, fixed=eq.FixedPoint(weight_bits=2), **asked).ends[0][1]
    np.testing.assert_array_equal(found, by_hand)
    assert not np.array_equal(found, eq.run(mapped, X, **asked).ends[0][1])


def test_an_unmapped_run_has_no_cores():
    run = eq.run(eq.Network.dense([12, 5]), X, coding=CODING, phases=[eq.Free(3)])
    assert run.cores is None
    assert run.part_spikes is None


# --- evaluate and bench -------------------------------------------------------------------


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    """A run with the network that training starts from."""
    path = tmp_path_factory.mktemp("runs") / "run"
    config = small_config()
    directory = RunDirectory.create(path, config, "a test")
    directory.save_network(config.network())
    return directory


def evaluate(run, capsys, *options: str) -> dict:
    assert main(["evaluate", str(run.path), "--json", "--quiet", *options]) == 0
    return json.loads(capsys.readouterr().out)


def test_evaluate_in_integers_gives_what_the_engine_gives(run, capsys):
    found = evaluate(run, capsys, "--precision", "chip", "--weight-bits", "3")
    assert found["precision"] == "chip"
    assert found["arithmetic"]["weight_bits"] == 3
    real = evaluate(run, capsys)
    assert real["precision"] == "float32"
    assert real["arithmetic"] is None
    assert found["activity"]["spikes"] != real["activity"]["spikes"]
    digits = load("digits")
    ends = eq.run(
        run.network(), digits.test_x, coding=run.config.coding, phases=[eq.Free(6)],
        precision="chip", fixed=eq.FixedPoint(weight_bits=3),
    ).ends[0][-1]  # fmt: skip
    assert found["error"] == 100 * np.mean(ends.argmax(1) != digits.test_y)


def test_narrow_states_clip_and_strict_refuses_them(run, capsys):
    options = ("--precision", "chip", "--state-bits", "6", "--fraction-bits", "4")
    assert evaluate(run, capsys, *options)["saturations"] > 0
    assert main(["evaluate", str(run.path), "--quiet", "--strict", *options]) == 2
    error = capsys.readouterr().err
    assert error.startswith("eqchip: error: run: ")
    assert "left the range of 6 bits" in error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--weight-bits", "4"], "--weight-bits"),
        (["--strict"], "--strict"),
        (["--precision", "float64", "--state-bits", "20"], "--state-bits"),
        (["--precision", "chip", "--weight-bits", "9"], "--weight-bits is 9"),
    ],
)
def test_widths_without_a_chip_are_refused(run, capsys, options, said):
    assert main(["evaluate", str(run.path), "--quiet", *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def test_bench_of_a_chip_measures_integers_beside_floats(capsys, tmp_path):
    out = tmp_path / "speed.json"
    assert main(tiny("chip", "loihi1-davies", "--out", str(out), "--json")) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == json.loads(out.read_text())
    assert found["format"] == "eqchip-bench-chip 1"
    names = [contestant["name"] for contestant in found["contestants"]]
    assert names[:3] == ["mapped, in integers", "engine, float32", "mapped, in float32"]
    assert all(contestant["events_per_second"] > 0 for contestant in found["contestants"])
    assert set(found["ratios"]) == set(names[1:])
    assert found["cores"] == len(TINY_LAYERS)


TINY_LAYERS = OF_A_RUN[OF_A_RUN.index("--layers") + 1].split("-")
