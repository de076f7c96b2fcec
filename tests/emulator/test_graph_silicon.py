"""The emulator beside a chip: one neuron measured on a Loihi."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import eqchip as eq

TRACES = Path(__file__).parents[1] / "golden" / "nir"
FIRES = [461, 511, 711, 761]


def trace(name: str) -> np.ndarray:
    return np.loadtxt(TRACES / name, delimiter=",").T


def neuron(spikes: np.ndarray, backend: str) -> tuple[np.ndarray, np.ndarray]:
    graph = eq.Graph(
        [
            eq.Population("in", eq.Input(), 1),
            eq.Population("neuron", eq.loihi_unit(du=4095, dv=163, vth=25), 1),
        ],
        [eq.loihi_projection("in", "neuron", [[10]])],
        outputs=["neuron"],
    )
    run = eq.run(
        graph,
        spikes.reshape(-1, 1, 1),
        precision="chip",
        record=("spikes", "potentials"),
        backend=backend,
    )
    return run.potentials["neuron"].ravel(), run.spikes["neuron"].ravel()


@pytest.mark.parametrize("backend", ["reference", "emulator"])
def test_every_spike_and_voltage_of_a_neuron_of_a_loihi(backend):
    spikes, measured_v, measured_q = trace("lif_lava_loihi_fixed.csv")
    v, q = neuron(spikes, backend)
    assert np.array_equal(q, measured_q)
    assert np.flatnonzero(q).tolist() == FIRES
    # Where it fires the chip's probe reads 128; everywhere else each number is equal.
    assert np.flatnonzero(v != measured_v).tolist() == FIRES


@pytest.mark.parametrize("backend", ["reference", "emulator"])
def test_every_number_of_lavas_model_of_it(backend):
    spikes, expected_v, expected_q = trace("lif_lava_cpu_fixed.csv")
    v, q = neuron(spikes, backend)
    assert np.array_equal(v, expected_v)
    assert np.array_equal(q, expected_q)
