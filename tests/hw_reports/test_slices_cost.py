"""What a fan-in in slices costs in a report: by hand, beside the same network whole."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from toy_chip import BARRIER, ENERGY, TIME, toy_chip
from trained_runs import PROVENANCE, make_run

from eqchip.emulator.data.datasets import load
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.show.terminal import tables
from eqchip.mapping.activity.steps import sources
from eqchip.mapping.chip_file.capabilities import Capability

PJ, NS = 1e-12, 1e-9
PAYLOAD = 24
ROOM = {"per_chip": 8, "tiles_x": 4, "tiles_y": 2}


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> dict[str, Any]:
    """64-7-10 with fan-in whole, and with the 74 axons of layer 1 in slices of at most 40."""
    run = make_run(tmp_path_factory.mktemp("runs") / "run")
    told = {"source": "a test", "status": "assumed", "confidence": "D"}
    found: dict[str, Any] = {"run": run}
    for name, axons in (("whole", 256), ("cut", 40)):
        chip = toy_chip(tmp_path_factory.mktemp("chip"), input_axons=axons, **ROOM)
        can = {"graded_payload": Capability(value=PAYLOAD, **told)}
        chip = chip.model_copy(update={"capabilities": can})
        one = replay(run, chip, load("digits"), samples=3, threads=1)
        document = report(one, account(one), run, "toy", PROVENANCE)
        found[name] = one, json.loads(json.dumps(document, allow_nan=False))
    return found


def sums_by_hand(found: Any) -> dict[str, float]:
    """Partial sums per training sample by phase: from the bits alone."""
    run, mapped = found.training.run, found.mapped
    bits = [layer.reshape(*layer.shape[:2], -1) for layer in run.bits]
    source, sums, row = sources(run.phases), {"free": 0.0, "nudged": 0.0}, 0
    for name, phase in zip(run.activity.phases, run.phases, strict=True):
        for step in range(row, row + phase.steps):
            for one in mapped.gatherers:
                senders = one.senders
                if source[step] < 0:
                    continue
                heard = bits[senders.layer][source[step]][:, senders.first : senders.end]
                sums[name] += heard.any(axis=1).sum() * mapped.parts[one.home].units / 3
        row += phase.steps
    return sums


def test_the_network_computes_the_same_on_more_cores(both):
    (whole, plain), (cut, sliced) = both["whole"], both["cut"]
    assert len(whole.mapped.parts) == whole.mapped.cores == 3
    assert [part.units for part in cut.mapped.parts] == [64, 4, 3, 10]
    assert cut.mapped.cores == 8 and len(cut.mapped.gatherers) == 4
    for one, other in zip(whole.training.run.bits, cut.training.run.bits, strict=True):
        np.testing.assert_array_equal(one, other)
    assert plain["replay"]["error"] == sliced["replay"]["error"]
    assert plain["activity"]["by_layer"] == sliced["activity"]["by_layer"]
    assert any("two of the chip's" in note for note in sliced["replay"]["notes"])


def test_partial_sums_are_counted_and_priced_by_hand(both):
    (_, plain), (cut, sliced) = both["whole"], both["cut"]
    sums = sums_by_hand(cut)
    for phase in ("free", "nudged"):
        before, after = (one["activity"]["by_phase"][phase] for one in (plain, sliced))
        assert after["partial_sums"] == pytest.approx(sums[phase]) and sums[phase] > 0
        assert "partial_sums" not in before
        assert after["spikes"] == pytest.approx(before["spikes"])
        assert after["synaptic_events"] == pytest.approx(before["synaptic_events"] + sums[phase])
        assert after["updates_active"] == pytest.approx(before["updates_active"] + sums[phase])
    total = sum(sums.values())

    def joules(document: dict[str, Any], kind: str) -> float:
        return document["energy"]["by_kind"][kind]["training"]["value"]

    for kind in ("synaptic_event", "update_active", "spike"):
        more = joules(sliced, kind) - joules(plain, kind)
        assert more == pytest.approx(total * ENERGY[kind] * PJ), kind
    # Units of gatherers are updated in every step: 2 x (4 + 3) of them, in 12 steps.
    idle = joules(sliced, "update_inactive") - joules(plain, "update_inactive")
    assert idle == pytest.approx((14 * 12 - total) * ENERGY["update_inactive"] * PJ)
    # A barrier more in every step; that of the update is the same.
    barriers = joules(sliced, "barrier") - joules(plain, "barrier")
    assert barriers == pytest.approx(12 * ENERGY["barrier"] * PJ)
    # As many synapses are written as before.
    assert joules(sliced, "weight_update") == pytest.approx(joules(plain, "weight_update"))


def test_time_is_that_of_two_steps_of_the_chip(both):
    (_, plain), (_, sliced) = both["whole"], both["cut"]
    parts = sliced["time"]["parts"]["free"]
    assert parts["barrier"]["value"] == pytest.approx(2 * 6 * BARRIER * NS)
    assert plain["time"]["parts"]["free"]["barrier"]["value"] == pytest.approx(6 * BARRIER * NS)
    assert len(sliced["time"]["steps"]["training"]["core"]) == 12
    # In the second step a home takes in its sums one by one, and is updated.
    least = 4 * (TIME["message_in"] + TIME["synaptic_event"] + TIME["update_inactive"])
    assert min(sliced["time"]["steps"]["training"]["core"][1:]) > least * NS


def test_memory_of_partial_sums_by_hand(both):
    (_, plain), (_, sliced) = both["whole"], both["cut"]
    by_use = sliced["memory"]["by_use"]
    # A payload for each of 14 units of gatherers; a synapse of a byte for each sum at a home.
    assert by_use["partial_sums"]["value"] == (14 * PAYLOAD + 14 * 8) / 8
    assert "partial_sums" not in plain["memory"]["by_use"]
    for use in ("weights", "mirrored_weights", "state", "learning", "biases"):
        assert by_use[use] == plain["memory"]["by_use"][use], use
    assert len(sliced["memory"]["by_core"]) == 8


def test_a_report_of_slices_is_shown(both):
    _, sliced = both["cut"]
    assert sliced["mapping"]["cores_used"] == len(sliced["mapping"]["cores"]) == 8
    assert [core.get("home") for core in sliced["mapping"]["cores"]] == [
        None, 1, 2, None, 1, 1, 2, 2,
    ]  # fmt: skip
    assert tables(sliced)


def test_a_report_of_a_placement_by_time_waits_less_for_links(both, tmp_path):
    # Where links are so slow that each step waits for the busiest of them.
    run = both["run"]
    chip = toy_chip(tmp_path, units=3, per_chip=32, tiles_x=4, tiles_y=4, cores_per_tile=2)
    slow = {
        kind: one.model_copy(update=dict.fromkeys(("low", "value", "high"), 4000.0))
        if kind.startswith("hop")
        else one
        for kind, one in chip.time.items()
    }
    chip = chip.model_copy(update={"time": slow})
    busiest = {}
    for placement in ("hops", "time"):
        found = replay(run, chip, load("digits"), samples=2, threads=1, placement=placement)
        document = report(found, account(found), run, "toy", PROVENANCE)
        parts = document["time"]["parts"]["free"]
        busiest[placement] = parts["mesh"]["value"]
        assert parts["mesh"]["value"] > parts["core"]["value"]
    assert busiest["time"] < 0.97 * busiest["hops"]
