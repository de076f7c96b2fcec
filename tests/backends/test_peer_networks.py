"""Networks that installed peers exported: run as the peer ran them, held by a chip, priced."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from optional_packages import need

import eqchip as eq
from eqchip.__main__ import main

FILES = Path(__file__).parents[1] / "golden" / "nir"
pytestmark = pytest.mark.peer


# What dt a tool's file is read with. Norse writes dt times the time constant: its dt squared.
STEP = {"snntorch": "1e-4", "norse": "1e-6"}


@pytest.fixture(scope="module", params=STEP)
def peer(request):
    """The name of a tool, the graph of its file, and what it did."""
    need("nir", "pip install 'eqchip[nir]'")
    name = request.param
    with np.load(FILES / f"{name}.npz") as file:
        return name, eq.read_nir(FILES / f"{name}.nir", dt=float(STEP[name])), dict(file)


def test_every_spike_of_the_peer_is_found_a_layer_a_step_later(peer):
    _, imported, did = peer
    run = eq.run(
        imported.graph, {"input": did["in"]}, precision="float64",
        record=("spikes", "potentials"), backend="reference",
    )  # fmt: skip
    # The peer passes spikes through both layers within a step: the first is a step later here.
    for name, theirs, later in (("1", "hidden", 1), ("3", "out", 2)):
        spikes, potentials = (found[name][later:] for found in (run.spikes, run.potentials))
        assert np.array_equal(spikes, did[theirs][:-later])
        assert spikes.sum() > 5
        voltage = potentials * imported.gains[name] + imported.offsets[name]
        np.testing.assert_allclose(voltage, did[f"{theirs} v"][:-later], rtol=0, atol=1e-5)


def test_it_runs_in_a_chips_integers_as_the_reference_does(peer):
    _, imported, did = peer
    chip = eq.quantize(imported.graph).graph
    found = eq.crosscheck(chip, x={"input": did["in"]}, against=["reference"], precision="chip")
    assert found.equal and found.spikes > 10


def test_one_command_maps_and_prices_it(peer, tmp_path, capsys):
    name, _, did = peer
    path = tmp_path / "spikes.npz"
    np.savez(path, **{"input": did["in"], "1": did["hidden"], "3": did["out"]})
    asked = [str(FILES / f"{name}.nir"), "--dt", STEP[name], "--chip", "loihi1-davies"]
    assert main(["price", *asked, "--spikes", str(path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["cores"] == 3
    sent = {"in": 10, "hidden": 4}  # synapses of a unit
    expected = sum(int(did[key].sum()) * fan_out for key, fan_out in sent.items())
    assert document["events"]["synaptic_event"] == expected
