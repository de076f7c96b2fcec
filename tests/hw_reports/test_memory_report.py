"""Bytes by use, and what learning remembers: EP against BPTT, by hand count."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_chip import toy_chip

from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial
from eqchip.emulator.description.config import Config, make_config
from eqchip.hw_reports.pricing import learning_memory as learningmemory
from eqchip.hw_reports.pricing import memory
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.mapped import map_network

BITS = 24


def config(rule="symmetric", split_stream=False, coding=None, input="spikes") -> Config:
    return make_config(
        layers=(6, 4, 2),
        input=input,
        coding=coding or Coding(),
        descent={"lr": (0.1, 0.1)},
        learning={
            "rule": rule, "split_stream": split_stream, "free_steps": 30, "nudged_steps": 5,
        },
    )  # fmt: skip


# --- EP against BPTT ----------------------------------------------------------------------


def test_plain_ep_keeps_two_end_states_of_every_unit():
    found = learningmemory.terms(config(rule="full"), BITS)
    assert learningmemory.ep_bytes(found) == 6 * 2 * 3  # 6 units, 2 states of 3 bytes


def test_phases_that_return_to_the_free_phase_keep_its_state_as_well():
    # Potential, residue and decoder of 6 units, and the residues of 6 inputs.
    more = 6 * 3 * 3 + 6 * 3
    for settings in ({"rule": "symmetric"}, {"rule": "full", "split_stream": True}):
        found = learningmemory.terms(config(**settings), BITS)
        assert learningmemory.ep_bytes(found) == 36 + more


def test_bptt_keeps_potential_argument_and_bit_of_every_unit_and_step():
    found = learningmemory.terms(config(), BITS)
    assert learningmemory.bptt_bytes(found, 1) == -(-6 * (24 + 24 + 1) // 8)
    assert learningmemory.bptt_bytes(found, 30) == -(-6 * 49 * 30 // 8)


def test_an_adaptive_step_size_is_remembered_by_both():
    coding = Coding(step_size=OptimalStepSize(0.03), prediction=None)
    found = learningmemory.terms(config(rule="symmetric", coding=coding), BITS)
    assert learningmemory.states_of_unit(coding) == {
        "potential": 1, "residue": 1, "step-size statistics": 5,
    }  # fmt: skip
    assert learningmemory.bptt_bytes(found, 8) == 6 * (24 * 3 + 1)


def test_a_bernoulli_coding_has_no_residue_to_keep():
    coding = Coding(quantizer="bernoulli", step_size=Polynomial(0.5), prediction=None)
    assert learningmemory.states_of_unit(coding) == {"potential": 1}
    found = learningmemory.terms(config(coding=coding), BITS)
    assert learningmemory.ep_bytes(found) == 6 * 3 * 3  # two ends, one free state


@given(st.sampled_from(["symmetric", "full", "one_sided"]), st.integers(4, 24), st.integers(1, 400))
def test_bptt_needs_more_exactly_from_the_crossover_on(rule, bits, steps):
    found = learningmemory.terms(config(rule=rule), bits)
    ep = sum(t.total_bits for t in found if t.method == "ep")
    bptt = steps * sum(t.total_bits for t in found if t.method == "bptt")
    assert (bptt > ep) == (steps >= learningmemory.crossover(found))


@given(st.integers(1, 5000))
def test_checkpoints_save_memory_and_never_cost_any(steps):
    found = learningmemory.terms(config(), BITS)
    least = 2 * np.sqrt(steps) * learningmemory.bptt_bytes(found, 1)
    kept = learningmemory.checkpointed_bytes(found, steps)
    assert kept <= learningmemory.bptt_bytes(found, steps)
    assert kept <= least + 2 * learningmemory.bptt_bytes(found, 1)


def test_the_curve_has_the_steps_of_the_run_and_ep_is_flat():
    found = learningmemory.compared(config(), BITS)
    at = found["steps"].index(30)
    assert found["bptt"][at] == found["bptt_bytes"]
    assert set(found["ep"]) == {found["ep_bytes"]}
    assert found["ratio"] == pytest.approx(found["bptt_bytes"] / found["ep_bytes"])
    assert found["steps"] == sorted(set(found["steps"]))
    assert found["steps"][-1] >= 1000


# --- bytes on the chip --------------------------------------------------------------------


@pytest.fixture
def mapped(tmp_path):
    return map_network(config().network(), toy_chip(tmp_path))


def test_bytes_by_use_of_a_small_network(mapped):
    found = memory.report(config(), mapped.network, mapped.chip, mapped, BITS, 8)
    uses = {use: figure["value"] for use, figure in found["by_use"].items()}
    # A core per layer; axons have no header, words of 8 bits.
    assert uses == {
        "weights": 6 * 4 + 4 * 2,
        "mirrored_weights": 2 * 4,  # where the output's feedback arrives
        # 1,024 bits for 256 axons, 4 bits each: every unit sends to one core
        "routing": (6 + 4 + 2) * 4 / 8,
        "biases": 6 * 3,
        "state": 6 * 3 * 3 + 6 * 2 * 3,  # three numbers of a unit, two of an input
        "learning": 36 + 54 + 18,
    }
    assert found["total"]["figure"]["value"] == sum(uses.values())
    assert found["total"]["lacks"] == []


def test_every_core_adds_up_to_the_use(mapped):
    found = memory.report(config(), mapped.network, mapped.chip, mapped, BITS, 8)
    for use, figure in found["by_use"].items():
        assert sum(row[use] for row in found["by_core"]) == pytest.approx(figure["value"], abs=1)
    inputs, hidden, output = found["by_core"]
    assert (inputs["weights"], inputs["biases"]) == (0, 0)
    assert (hidden["weights"], hidden["mirrored_weights"]) == (24, 8)
    assert (output["weights"], output["mirrored_weights"]) == (8, 0)


def test_memory_of_unpublished_routing_is_unknown_and_the_total_says_so():
    network = config().network()
    found = memory.report(config(), network, load_chip("truenorth"), None, BITS, 8)
    assert found["by_use"]["routing"] is None
    assert found["total"]["lacks"] == ["routing memory"]
    assert found["by_core"] is None


def test_the_memory_of_learning_is_the_same_in_both_tables(mapped):
    found = memory.report(config(), mapped.network, mapped.chip, mapped, BITS, 8)
    assert found["by_use"]["learning"]["value"] == found["ep_bytes"]
