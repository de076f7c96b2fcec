"""Reports of networks with links: their synapses are counted, written and priced as any other."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from small_runs import small_config
from toy_chip import ENERGY, toy_chip
from trained_runs import make_run

from eqchip.emulator.data.datasets import load
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.make import Request, make_report
from eqchip.hw_reports.pricing import baselines, memory
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.learning_memory import terms
from eqchip.mapping.chip_file.capabilities import Capability
from eqchip.mapping.chip_file.chip import load_chip

# 64-6-6-10 with a skip, a lateral and a residual link, which does not learn; cores of a layer each.
LINKS = ("1:3", "2:2", "1=2x0.5")
CHAIN = 64 * 6, 6 * 6, 6 * 10
SKIP, LATERAL, RESIDUAL = 6 * 10, 6 * 5, 6


def config_of(links: tuple[str, ...] = LINKS, **more: Any):
    rates = [0.0 if "=" in link else 0.1 for link in links]
    descent = {"lr": (0.1,) * 3 + tuple(rates), "epochs": 2}
    return small_config(layers=(64, 6, 6, 10), links=links, descent=descent, **more)


def run_of(path, config):
    run = make_run(path, config)
    document = json.loads((path / "activity.json").read_text())
    document["spikes"] = [[500, 20, 20, 10]] * 3
    (path / "activity.json").write_text(json.dumps(document))
    return run


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("linked")
    run = run_of(folder / "run", config_of())
    found = replay(run, toy_chip(folder), load("digits"), samples=3, threads=1)
    return run, found, account(found)


def test_events_of_links_are_those_of_the_run_and_priced_as_any(made):
    _, found, accounts = made
    for phase, rows in (("free", [0]), ("nudged", [1, 2])):
        activity = found.training.run.activity
        of_links = activity.synaptic_events[rows][:, 3:].sum() / 3
        events = activity.synaptic_events[rows].sum() / 3
        assert 0 < of_links < events
        assert accounts.counts[phase]["synaptic_event"].sum() == pytest.approx(events)
        (entry,) = (
            e for e in accounts.entries if (e.kind, e.phase) == ("synaptic_event", phase)
        )  # fmt: skip
        price = ENERGY["synaptic_event"] * 1e-12
        assert entry.energy.figure.value == pytest.approx(events * price)


def test_an_update_writes_links_that_learn(made):
    _, found, accounts = made
    both = CHAIN[1] + CHAIN[2] + SKIP  # which have a mirrored copy
    assert accounts.counts["update"]["weight_update"].sum() == CHAIN[0] + 2 * both + LATERAL
    by_events = account(
        replay(made[0], load_chip("odin"), load("digits"), samples=1, threads=1)
    )  # fmt: skip
    written = by_events.counts["update"]["weight_update"].sum()
    copies = 1 + (load_chip("odin").copies == 2)
    assert written == CHAIN[0] + copies * both + LATERAL
    held = memory.core_bits(found.config, found.network, load_chip("odin"), None, 24, 8)
    onto = [0, CHAIN[0], CHAIN[1] + LATERAL + RESIDUAL, CHAIN[2] + SKIP]
    assert (held["weights"] // 8).tolist() == onto
    back = [0, CHAIN[1] + RESIDUAL + SKIP, CHAIN[2], 0] if copies == 2 else [0] * 4
    assert (held["mirrored_weights"] // 8).tolist() == back


def test_a_processor_meets_links_too(made):
    config = made[0].config
    found = baselines.dense_counts(config, load_chip("cpu-horowitz-45nm"))
    macs = {phase: float(kinds["mac"][0]) for phase, kinds in found.items()}
    steps = config.learning.free_steps
    each = 2 * (CHAIN[1] + CHAIN[2] + SKIP + RESIDUAL) + LATERAL  # both ways
    assert macs["free"] == macs["inference"] == CHAIN[0] + steps * each
    # Two products of a weight, one of the input's; of a pair once, of what is fixed none.
    assert macs["update"] == CHAIN[0] + 2 * (CHAIN[1] + CHAIN[2] + SKIP + LATERAL // 2)


def test_neurobench_counts_what_the_run_counts(made, tmp_path):
    run, _, _ = made
    request = Request(toy_chip(tmp_path), samples=2, threads=1)
    reported = make_report(run, request)
    found = reported.document["neurobench"]
    activity = reported.replay.inference.run.activity
    events = activity.synaptic_events.sum() / 2
    assert 0 < found["synaptic_operations"]["Effective_ACs"] <= events  # without weights of 0
    assert found["parameter_count"] == sum(CHAIN) + SKIP + LATERAL // 2 + RESIDUAL + 22
    weights = 8 * (sum(CHAIN) + SKIP + LATERAL // 2 + RESIDUAL)
    assert found["footprint"] == (weights + 22 * 24 * 4) // 8
    assert not any("ernel" in note for note in reported.document["notes"])


def test_a_read_out_tells_every_layer_that_it_hears_its_errors(tmp_path):
    config = config_of(("1:3", "0:3"), learning={"readout": "cross-entropy"})
    run = run_of(tmp_path / "run", config)
    found = replay(run, toy_chip(tmp_path), load("digits"), samples=3, threads=1)
    accounts = account(found)
    errors = [ends[-1] for ends in found.training.run.ends[1:]]
    sent = sum(np.count_nonzero(one) for one in errors) / 3
    assert accounts.counts["nudged"]["readout_event"].sum() == pytest.approx(sent * (6 + 6))
    assert accounts.counts["nudged"]["readout_message"].sum() == pytest.approx(sent * 2)
    without_cores = account(replay(run, load_chip("odin"), load("digits"), samples=3, threads=1))
    assert without_cores.counts["nudged"]["readout_event"].sum() == pytest.approx(sent * 12)
    (current,) = (one for one in terms(config, 24) if one.name.startswith("current"))
    assert current.units == 6 + 6
    # What leads to it is met once a phase, and once a sample where it hears the input.
    met = baselines.dense_counts(config, load_chip("cpu-horowitz-45nm"))
    inner = config.learning.free_steps * 2 * CHAIN[1]
    assert float(met["free"]["mac"][0]) == CHAIN[0] + 64 * 10 + inner + CHAIN[2] + SKIP


def test_an_injected_input_is_sent_over_its_links(tmp_path):
    run = run_of(tmp_path / "run", config_of(("0:2",), input="current"))
    chip = toy_chip(tmp_path)
    plain = account(replay(run, chip, load("digits"), samples=2, threads=1))
    payload = Capability(value=12, source="a test", status="assumed", confidence="D")
    able = chip.model_copy(update={"capabilities": {"graded_payload": payload}})
    found = replay(run, able, load("digits"), samples=2, threads=1)
    sent = np.count_nonzero(found.training.run.ends[0][0]) / 2
    assert float(plain.counts["free"]["mac"].sum()) == pytest.approx(sent * (6 + 6))
    entries = {e.kind: e for e in account(found).entries if e.phase == "free"}
    assert entries["input_event"].count == pytest.approx(sent * (6 + 6))
    assert entries["input_message"].count == pytest.approx(sent * 2)
