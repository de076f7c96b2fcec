"""What processors and host do for a sample, by hand."""

from __future__ import annotations

import pytest

from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.learning import Learning
from eqchip.hw_reports.pricing.processors import copied_states, schedules, values_moved
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE


def config(**changed: object) -> Config:
    return make_config(layers=(64, 7, 10), **changed)


@pytest.mark.parametrize(
    ("rule", "split", "restored"),
    [("symmetric", False, 1), ("full", False, 0), ("full", True, 1)],
)
def test_a_state_is_saved_once_and_restored_where_a_phase_does_not_follow_on(rule, split, restored):
    """17 units with a potential, a residue and a decoder each, and 64 residues of the input."""
    learning = Learning(rule=rule, split_stream=split, free_steps=5, nudged_steps=3)
    expected = (17 * 3 + 64) * (1 + restored) if restored else 0
    assert copied_states(config(learning=learning, input="spikes")) == expected


def test_an_input_current_has_no_residues_to_copy():
    learning = Learning(rule="symmetric", free_steps=5, nudged_steps=3)
    assert copied_states(config(learning=learning, input="current")) == 17 * 3 * 2


@pytest.mark.parametrize(("step", "prediction", "changing"), [(0.0, 0.5, 1), (0.1, 0.5, 2),
                                                             (0.0, 0.0, 0)])  # fmt: skip
def test_a_schedule_is_written_at_every_step_only_if_it_changes(step, prediction, changing):
    coding = Coding(step_size=Polynomial(0.8, step), prediction=Polynomial(0.8, prediction))
    assert schedules(config(coding=coding)) == changing


def test_the_host_sends_inputs_and_targets_and_reads_the_outputs_of_an_inference():
    moved = {phase: values_moved(config(), phase) for phase in (FREE, NUDGED, UPDATE, INFERENCE)}
    assert moved == {FREE: 64, NUDGED: 10, UPDATE: 0, INFERENCE: 74}
