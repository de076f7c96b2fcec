"""What learning on the chip writes, sends and remembers, and what a report makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onchip_cases import levels_of, run_of
from small_chips import small_chip
from small_runs import FEW, few_digits, small_config
from toy_chip import BARRIER, ENERGY, TIME, toy_chip

from eqchip.__main__ import main
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks, Delays
from eqchip.emulator.description.config import Config, make_config
from eqchip.emulator.description.fixedpoint import real_weights
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.description.sight import SIGHTS
from eqchip.emulator.description.upkeep import UPKEEPS, MirrorMode
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.onchip import FORWARD, MIRROR
from eqchip.emulator.learning.onchip_known import known_of, writes_of
from eqchip.emulator.learning.onchip_traffic import (
    Messages,
    messages_of,
    mirror_modes,
    signals_of,
    upkeep_of,
    window_activity,
    window_steps,
)
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training import onchip_training
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing import learning_memory as learningmemory
from eqchip.hw_reports.pricing import memory
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.epochs import epochs
from eqchip.hw_reports.pricing.phases import copies_written
from eqchip.hw_reports.pricing.signals import signals
from eqchip.hw_reports.show.terminal import tables
from eqchip.mapping.activity.exchange import broadcast, exchange
from eqchip.mapping.activity.writes import synapse_writes
from eqchip.mapping.chip_file.capabilities import Capability
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.chip_file.learning import learning_chip
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.route import Link, route

PJ, NS = 1e-12, 1e-9
ALLOWED = [one for one in levels_of() if not UPKEEPS[one[1]].adjoint]  # that is not priced


# Where an exact change is written, a rate of 0 writes all the same, and changes nothing.
WHATEVER_THE_RATE = [one for one in ALLOWED if not SIGHTS[one[0]].spikes]
MIRRORED = [name for name, one in UPKEEPS.items() if isinstance(one.tending, MirrorMode)]


def written_in(config: Config, run: Run, sample: int) -> dict[tuple[int, int], np.ndarray]:
    """The writes of a sample of a run."""
    return writes_of(config, known_of(config, run, sample))


def sent_in(config: Config, run: Run, sample: int) -> list[Messages]:
    """The messages of a sample of a run."""
    return messages_of(config, known_of(config, run, sample))


def on_chip(layers: tuple[int, ...] = (64, 7, 10), lr: float = 0.1, **settings: Any) -> Config:
    """A small run that learns on the chip."""
    average, distance = settings.pop("average_steps", 1), settings.pop("skip_right", 0.0)
    dataset, mode = settings.pop("dataset", "digits"), settings.pop("input", "spikes")
    return small_config(
        dataset=dataset,
        input=mode,
        timing=settings.pop("timing", None),
        layers=layers,
        learning={"beta": 1.0, "average_steps": average, "skip_right": distance},
        descent={"lr": (lr,) * (len(layers) - 1), "minibatch": 1, "epochs": 1},
        on_chip=OnChip(**{"every": 20, **settings}),
    )


# --- against the trainer ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sees", "copies", "average"),
    [(*one, average) for one in WHATEVER_THE_RATE for average in (1, 3)
     if one[0] != "loihi-engine"]
    + [(*one, 1) for one in WHATEVER_THE_RATE if one[0] == "loihi-engine"],  # it sees no averages
)  # fmt: skip
def test_the_writes_of_all_samples_are_those_that_the_trainer_attempts(sees, copies, average):
    settings: dict[str, Any] = {"sees": sees, "copies": copies, "trace_bits": 4}
    # With a rate of 0 no weight moves before copies decay: one run shows the phases of all.
    config = on_chip((64, 9, 7, 10), 0.0, every=60, average_steps=average, threshold=0.01,
                     **settings)  # fmt: skip
    data = few_digits()
    trainer = OnChipTrainer(config, data, 1)
    network = trainer.network
    for _ in trainer.train_epoch():
        pass
    order = np.random.default_rng([config.seed, 0]).permutation(trainer.train_indices)
    run = run_of(config, network, data.train_x[order], data.train_y[order])
    found = np.zeros_like(trainer.written[..., 0])
    for sample in range(len(order)):
        for place, counts in written_in(config, run, sample).items():
            found[place] += counts.sum()
    for (k, copy), share in upkeep_of(config).items():  # once, after the only minibatch
        if copies in MIRRORED:  # the rows of units that fire at random
            rows, left = divmod(trainer.written[k, copy, 0] - found[k, copy], config.sizes[k + 1])
            expected = share * 60 * config.sizes[k]
            assert left == 0 and abs(rows - expected) < 5 * np.sqrt(expected)
            found[k, copy] = trainer.written[k, copy, 0]
        else:
            found[k, copy] += round(share * 60 * config.sizes[k] * config.sizes[k + 1])
    assert found.sum() > 0
    np.testing.assert_array_equal(found, trainer.written[..., 0])


CLOCKLESS = Asynchronous(Clocks(spread=0.2, offset=1.0), Delays(1.5))


@pytest.mark.parametrize(("sees", "average"), [("traces", 1), ("potentials", 3)])
def test_without_a_clock_writes_are_those_that_the_trainer_attempts(sees, average, monkeypatch):
    """With a rate of 0 no weight moves: the same samples again write what they wrote."""
    config = on_chip((64, 7, 10), 0.0, every=60, sees=sees, average_steps=average, timing=CLOCKLESS)
    trainer, asked = OnChipTrainer(config, few_digits(), 1), []
    learn = onchip_training.learn_timed
    monkeypatch.setattr(
        onchip_training, "learn_timed",
        lambda problem, *more: (asked.append(problem), learn(problem, *more))[1],
    )  # fmt: skip
    for _ in trainer.train_epoch():
        pass
    (problem,) = asked
    run = solve(
        replace(problem, record=frozenset(("bits", "potentials"))), threads=1,
        lowered=trainer.lowered,
    )  # fmt: skip
    found = np.zeros_like(trainer.written[..., 0])
    for sample in range(len(problem.x)):
        for place, counts in written_in(config, run, sample).items():
            found[place] += counts.sum()
    assert found[:, FORWARD].all() and found[1, MIRROR]
    np.testing.assert_array_equal(found, trainer.written[..., 0])
    if average > 1:
        with pytest.raises(InputError, match=r"no potentials, whose last 3 .* record"):
            known_of(config, replace(run, potentials=None), 0)


@pytest.mark.parametrize("copies", ["errors", "independent"])
def test_the_spikes_of_a_sample_are_those_that_the_trainer_wrote_by(copies):
    config = on_chip((64, 9, 7, 10), 2.0, sees="signed-spikes", copies=copies, trace_bits=4)
    steady = config.descent.model_copy(update={"schedule": "constant"})
    config = config.model_copy(update={"descent": steady})
    data = few_digits()
    trainer = OnChipTrainer(config, data, 1)
    order = np.random.default_rng([config.seed, 0]).permutation(trainer.train_indices)
    network, trainer.train_indices, trainer.minibatches = trainer.network, order[:1], 1
    for _ in trainer.train_epoch():
        pass
    run = run_of(config, network, data.train_x[order[:1]], data.train_y[order[:1]])
    found = np.zeros_like(trainer.written[..., 0])
    for place, counts in written_in(config, run, 0).items():
        found[place] += counts.sum()
    np.testing.assert_array_equal(found, trainer.written[..., 0])
    spikes = {one.sender: one.each.sum() for one in sent_in(config, run, 0)}
    assert trainer.spikes_told.tolist() == [0, *(spikes[layer] for layer in (1, 2, 3))]
    assert trainer.spikes_told.sum() > trainer.told[0].sum() > 0  # some fire more than once


# --- by hand ------------------------------------------------------------------------------


def by_hand(sees: str, copies: str, lr: float = 0.1) -> tuple[Config, Run]:
    """A network of 2-2-2 whose phases end as written here: hidden 1 and output 0 change."""
    config = make_config(
        layers=(2, 2, 2),
        learning={"rule": "symmetric", "beta": 1.0, "free_steps": 4, "nudged_steps": 2},
        descent={"lr": (lr, lr), "minibatch": 1},
        on_chip=OnChip(sees=sees, copies=copies, every=4),
    )
    run = run_of(config, config.network(), np.zeros((1, 2)), np.zeros(1, np.int64))
    ends = {  # by phase (free, +beta, -beta) and layer
        0: ([0, 1], [0, 0], [0, 0]),
        1: ([0, 1], [0.5, 0.75], [0.5, 0]),
        2: ([0, 1], [0.5, 0.25], [0, 0]),
    }
    if float(run.phases[1].beta) < 0:
        ends[1], ends[2] = ends[2], ends[1]
    bits = [np.zeros((8, 1, 2), np.uint8) for _ in range(3)]
    bits[0][:, 0, 1] = 1  # the second input always fires
    bits[1][4:, 0, 0] = 1  # the first hidden unit in both nudged phases
    bits[1][5, 0, 1] = 1  # the second in one of them
    bits[2][7, 0, 1] = 1  # the second output in the other
    return config, replace(
        run,
        bits=bits,
        ends=[[np.array([layer], np.float64) for layer in ends[k]] for k in range(3)],
    )


def test_writes_by_hand_where_changes_are_sent_down():
    found = {place: n.tolist() for place, n in written_in(*by_hand("traces", "errors"), 0).items()}
    assert found == {
        (0, FORWARD): [[0, 0], [0, 1]],  # spikes of input 1, change of hidden 1
        (1, FORWARD): [[1, 0], [1, 0]],  # spikes of both hidden units, change of output 0
        (1, MIRROR): [[1, 0], [1, 0]],
    }


def test_writes_by_hand_where_a_core_counts_the_spikes_above():
    found = written_in(*by_hand("traces", "independent"), 0)
    assert found[1, MIRROR].tolist() == [[0, 0], [0, 1]]  # change of hidden 1, spikes of output 1
    assert found[1, FORWARD].tolist() == [[1, 0], [1, 0]]


def test_writes_by_hand_where_potentials_are_sent():
    found = written_in(*by_hand("potentials", "same-noise"), 0)
    assert found[0, FORWARD].tolist() == [[0, 0], [0, 1]]
    # s_pre D_post: both hidden with output 0; D_pre s_post: hidden 1 with output 0.
    assert found[1, FORWARD].tolist() == found[1, MIRROR].tolist() == [[1, 0], [2, 0]]


def test_writes_and_spikes_by_hand_where_these_tell_of_changes():
    # A count of 1 is 1/4, a code 2**-7: with the rate 1/4 a change of 1/2 is
    # 1/4 / 2 1/4 1/2 2**7 = 2 spikes, of hidden 1 and of output 0.
    config, run = by_hand("signed-spikes", "errors", 0.25)
    found = {place: n.tolist() for place, n in written_in(config, run, 0).items()}
    assert found == {
        (0, FORWARD): [[0, 0], [0, 2]],
        (1, FORWARD): [[2, 0], [2, 0]],
        (1, MIRROR): [[2, 0], [2, 0]],
    }
    spikes = [(one.sender, one.receiver, one.each.tolist()) for one in sent_in(config, run, 0)]
    assert spikes == [(1, 2, [0, 2]), (2, 1, [2, 0])]  # whether or not a synapse there learns by it
    # Three spikes at most, of either sign, of two layers.
    assert window_steps(config) == 12
    assert signals_of(config)["update"] == pytest.approx(4 + 1 / 4)
    assert window_activity(config, [0, 2, 2]) == {
        "spikes": 4,
        "synaptic_events": 2 * 2 + 2 * 2,  # of both layers, at two synapses each
        "updates_active": 4,
        "updates_inactive": 12 * 4 - 4,
    }


def told(sees: str, copies: str) -> list[tuple[int, int, list[float], bool]]:
    return [
        (one.sender, one.receiver, one.each.tolist(), one.per_unit)
        for one in sent_in(*by_hand(sees, copies), 0)
    ]


def test_messages_by_hand():
    assert told("traces", "errors") == [(2, 1, [1, 0], False)]
    assert told("traces", "independent") == []
    assert told("loihi-engine", "same-noise") == []
    potentials = [
        (0, 1, [0, 1], False),  # an input's value never changes: one message
        (1, 2, [2, 2], False),
        (2, 1, [2, 0], False),
    ]
    assert told("potentials", "errors") == told("potentials", "independent") == potentials
    # Each of two outputs holds two codes, one for each hidden unit, sent once in four samples.
    assert told("traces", "periodic") == [(2, 1, [0.25, 0.25], True)]
    assert upkeep_of(by_hand("traces", "periodic")[0]) == {(1, MIRROR): 0.25}
    assert upkeep_of(by_hand("traces", "decay")[0]) == {(1, FORWARD): 0.25, (1, MIRROR): 0.25}


@pytest.mark.parametrize("copies", MIRRORED)
def test_mirror_modes_by_hand(copies):
    # Once in four samples 128 patterns, in which each of two hidden units fires once in 128.
    config, _ = by_hand("traces", copies)
    assert told("traces", copies) == []  # after a sample
    assert upkeep_of(config) == {(1, MIRROR): 0.25}
    modes = mirror_modes(config)
    assert (modes.presentations, modes.firings) == (32.0, 0.25)
    heard = 32 * (1 - (127 / 128) ** 2)  # patterns in which either fires
    assert modes.told == pytest.approx((0.0, heard))
    returned = 4 * heard if copies == "information-alignment" else 0.0
    assert modes.activity(config.sizes) == pytest.approx(
        {
            "spikes": 0.5,
            "synaptic_events": 0.5 * 2 + returned,
            "updates_active": 0.5,
            "updates_inactive": 2 * 32 * 4 - 0.5,  # two steps of four units
        }
    )
    assert mirror_modes(by_hand("traces", "periodic")[0]) is None
    # On cores of a unit each: each unit's spikes and sums go to both cores of the other layer.
    mapped = map_network(
        config.network(), small_chip(units=1, tiles_x=3, tiles_y=2, cores_per_tile=1)
    )
    sent = exchange(mapped, [modes.messages(config.sizes)]).steps
    expected = [0, 0, 0.5, 0.5, 2 * heard, 2 * heard]
    assert sent.messages_sent[0, 0] == pytest.approx(expected)
    assert sent.messages_received[0, 0] == pytest.approx([0, 0, 2 * heard, 2 * heard, 0.5, 0.5])


@pytest.mark.parametrize("copies", MIRRORED)
def test_mirror_modes_are_priced_by_hand(copies, tmp_path):
    run = trained(tmp_path / "run", copies=copies)
    found, accounts, document = reported(run, toy_chip(tmp_path))
    assert [part.layer for part in found.mapped.parts] == [0, 1, 2]
    # Once in 20 samples 128 patterns; 7 hidden units, of which each fires once in 128; 10 outputs.
    heard = 128 / 20 * (1 - (127 / 128) ** 7)
    spikes, sums, steps = 7 / 20, 10 * heard, 2 * 128 / 20
    returned = 70 * heard if copies == "information-alignment" else 0.0
    update = {e.kind: e for e in accounts.entries if e.phase == "update"}
    counts = {
        "synaptic_event": spikes * 10 + returned,
        "spike": spikes,
        "update_active": spikes,
        "update_inactive": steps * 17 - spikes,
        "message": spikes + sums,
        "message_in": spikes + sums,
        "barrier": 1 + 1.5 * steps,
    }
    for kind, count in counts.items():
        assert update[kind].count == pytest.approx(count), kind
        if kind in ENERGY:
            price = update[kind].energy.figure
            assert price is None or price.value == pytest.approx(count * ENERGY[kind] * PJ), kind
    assert update["synaptic_event"].cores == pytest.approx([0, returned, spikes * 10])
    # The steps wait for the busiest core; writing has a barrier and a busiest core of its own.
    hidden = {
        "update_active": spikes, "spike": spikes, "update_inactive": steps * 7 - spikes,
        "synaptic_event": returned, "message": spikes, "message_in": sums,
    }  # fmt: skip
    outputs = {
        "update_inactive": steps * 10, "synaptic_event": spikes * 10, "message": sums,
        "message_in": spikes,
    }  # fmt: skip
    busy = [sum(n * TIME.get(kind, 0.0) for kind, n in one.items()) for one in (hidden, outputs)]
    writing = []
    for sample in range(4):
        writes = [0.0, 70 / 20, 0.0]
        for (k, copy), times in written_in(run.config, found.training.run, sample).items():
            writes[k if copy == MIRROR else k + 1] += times.sum()
        writing.append(max(writes) * TIME["weight_update"] + BARRIER)
    expected = np.mean(writing) + max(busy) + 1.5 * steps * BARRIER
    spent = accounts.cores.times["update"].total.figure.value
    assert spent == pytest.approx(expected * NS)
    assert any("6.4 patterns of random spikes for each" in note for note in document["notes"])
    # An epoch that wrote and spiked differently had the same mirror modes.
    (row,) = (r for r in run.metrics() if "train_error" in r)
    times = accounts.entries, accounts.seconds, accounts.critical, 1, accounts.learned
    assert accounts.learned.factors(row, 1.0)["message"] == pytest.approx(1.0)
    assert epochs([row], *times)[0].energy.figure.value > 0


def test_an_injected_input_is_sent_once_and_priced_by_hand(tmp_path):
    """A message for a pixel that is not 0, a synaptic event for its synapses, a step for all."""
    run, chip = trained(tmp_path / "run", input="current"), toy_chip(tmp_path)
    payload = Capability(value=12, source="a test", status="assumed", confidence="D")
    able = chip.model_copy(update={"capabilities": {"graded_payload": payload}})
    found, accounts, document = reported(run, able)
    mapped, steps = found.mapped, run.config.learning
    assert [part.layer for part in mapped.parts] == [0, 1, 2]
    places = list(zip(mapped.x.tolist(), mapped.y.tolist(), strict=True))
    ways = [link.direction for link in route(places[0], places[1])]
    east_west = sum(way in ("east", "west") for way in ways)
    north_south = len(ways) - east_west
    for phase, one in (("free", found.training), ("inference", found.inference)):
        x = one.run.ends[0][0]
        sent = np.count_nonzero(x) / len(x)
        entries = {e.kind: e for e in accounts.entries if e.phase == phase}
        each = ENERGY["message"]
        each += east_west * ENERGY["hop_east_west"] + north_south * ENERGY["hop_north_south"]
        assert entries["input_message"].count == pytest.approx(sent)
        assert entries["input_message"].energy.figure.value == pytest.approx(sent * each * PJ)
        assert entries["input_event"].count == pytest.approx(sent * 7)
        assert entries["input_event"].energy.figure.value == pytest.approx(
            sent * 7 * ENERGY["synaptic_event"] * PJ
        )
        assert "mac" not in accounts.counts[phase]
        assert accounts.counts[phase]["barrier"] == steps.free_steps + 1
    assert document["activity"]["by_phase"]["free"]["input_events"] > 0
    (row,) = (r for r in run.metrics() if "train_error" in r)
    assert row["macs_per_sample"] > 0
    # Where no spike carries a number, totals name what they lack.
    _, plain, unable = reported(run, chip)
    assert "input_event" not in plain.counts["free"] and plain.counts["free"]["mac"].sum() > 0
    assert "mac energy" in unable["energy"]["training"]["lacks"]
    assert "input_events" not in unable["activity"]["by_phase"]["free"]


def test_spikes_that_tell_of_changes_are_priced_by_hand(tmp_path):
    run = trained(tmp_path / "run", sees="signed-spikes", change_spikes=2)
    found, accounts, document = reported(run, toy_chip(tmp_path))
    assert [part.layer for part in found.mapped.parts] == [0, 1, 2]
    sent = [sent_in(run.config, found.training.run, sample) for sample in range(4)]
    hidden, output = (np.mean([each[n].each.sum() for each in sent]) for n in (0, 1))
    assert hidden > 0 and output > 0
    update = {e.kind: e for e in accounts.entries if e.phase == "update"}
    steps = 2 * 2 * 2
    counts = {
        "synaptic_event": hidden * 10 + output * 7,
        "spike": hidden + output,
        "update_active": hidden + output,
        "update_inactive": steps * 17 - hidden - output,
        "message": hidden + output,
        "message_in": hidden + output,
        "barrier": 1 + steps,
        "learning_epoch": steps,
    }
    for kind, count in counts.items():
        assert update[kind].count == pytest.approx(count), kind
    assert update["synaptic_event"].cores == pytest.approx([0, output * 7, hidden * 10])
    assert any("in 8 time steps of their own" in note for note in document["notes"])
    assert document["learning"]["window_steps"] == 8
    # An epoch that fired twice as often, and wrote as much, pays for the spikes.
    (row,) = (r for r in run.metrics() if "train_error" in r)
    name = "change_spikes_per_sample"
    times = accounts.entries, accounts.seconds, accounts.critical, 1, accounts.learned
    energies = []
    for factor in (1, 2, 3):
        (one,) = epochs([{**row, name: [factor * n for n in row[name]]}], *times)
        energies.append(one.energy.figure.value)
    assert energies[2] - energies[1] == pytest.approx(energies[1] - energies[0])
    assert energies[1] > energies[0]
    with pytest.raises(InputError, match=r"change_spikes_per_sample is .*; expected 3 numbers"):
        epochs([{**row, name: [1.0]}], *times)


def test_a_run_that_cannot_tell_is_refused():
    config, run = by_hand("traces", "errors")
    with pytest.raises(InputError, match="the run has no bits, which sees 'traces' counts"):
        written_in(config, replace(run, bits=None), 0)
    ends = [[layer + 1e-4 for layer in phase] for phase in run.ends]
    with pytest.raises(InputError, match="no multiple of 1/4096"):
        written_in(config, replace(run, ends=ends), 0)
    with pytest.raises(InputError, match="on_chip is None"):
        written_in(small_config(), run, 0)


def test_writes_and_messages_on_cores_by_hand():
    config, run = by_hand("traces", "errors")
    # A unit a core, so a layer stands on two.
    mapped = map_network(
        config.network(), small_chip(units=1, tiles_x=3, tiles_y=2, cores_per_tile=1)
    )
    assert mapped.layer_of.tolist() == [0, 0, 1, 1, 2, 2]
    counts = written_in(config, run, 0)
    written = sum(synapse_writes(mapped, k, c == FORWARD, n) for (k, c), n in counts.items())
    # Hidden 0: mirrored with output 0. Hidden 1: that, and from input 1. Output 0: from both.
    assert written.tolist() == [0, 0, 1, 2, 2, 0]
    sent = exchange(mapped, [sent_in(config, run, 0)])
    assert sent.steps.messages_sent[0, 0].tolist() == [0, 0, 0, 0, 2, 0]
    assert sent.steps.messages_received[0, 0].tolist() == [0, 0, 1, 1, 0, 0]
    ways = [
        route((int(mapped.x[4]), int(mapped.y[4])), (int(mapped.x[c]), int(mapped.y[c])))
        for c in (2, 3)
    ]
    assert sent.hops.sum() == sent.steps.links.sum() == sum(map(len, ways)) > 0
    assert sent.crossings.tolist() == [0]


def test_codes_of_a_copy_travel_to_the_cores_of_their_other_ends():
    config, run = by_hand("traces", "periodic")
    mapped = map_network(config.network(), small_chip(units=2))
    assert mapped.layer_of.tolist() == [0, 1, 2]
    steps = exchange(mapped, [sent_in(config, run, 0)] * 3).steps
    # 2 x 2 codes in four samples.
    assert steps.messages_sent[0].tolist() == [[0, 0, 1]] * 3
    assert steps.messages_received[0].tolist() == [[0, 1, 0]] * 3


def test_many_writes_of_a_synapse_are_all_counted():
    mapped = map_network(by_hand("traces", "errors")[0].network(), small_chip(units=2))
    counts = np.array([[5, 0], [1, 2]])
    assert synapse_writes(mapped, 1, True, counts).tolist() == [0, 0, 8]
    assert synapse_writes(mapped, 1, False, counts).tolist() == [0, 8, 0]
    assert synapse_writes(mapped, 0, False, counts).tolist() == [0, 0, 0]  # the input is clamped


# --- reports ------------------------------------------------------------------------------


def trained(path: Any, **settings: Any) -> RunDirectory:
    run = RunDirectory.create(path, on_chip(dataset=FEW, **settings))
    fit(run, few_digits(name=FEW), threads=1)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    return trained(tmp_path_factory.mktemp("runs") / "run")


def reported(run: RunDirectory, chip: Any, samples: int = 4, timing: Any = None):
    found = replay(run, chip, few_digits(), samples=samples, threads=1, timing=timing)
    accounts = account(found)
    document = report(found, accounts, run, chip.name, {"eqchip": "test"})
    return found, accounts, json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.parametrize("timing", [None, CLOCKLESS], ids=["one clock", "no clock"])
def test_an_update_costs_the_writes_and_messages_of_learning_by_hand(run, timing, tmp_path):
    found, accounts, document = reported(run, toy_chip(tmp_path), timing=timing)
    assert (found.training.run.timed is None) == (timing is None)
    assert [part.layer for part in found.mapped.parts] == [0, 1, 2]
    written, sent, seconds = 0.0, 0.0, 0.0
    for sample in range(4):
        busy = [0.0] * 3
        for (k, copy), counts in written_in(run.config, found.training.run, sample).items():
            busy[k if copy == MIRROR else k + 1] += counts.sum() * TIME["weight_update"] / 4
            written += counts.sum() / 4
        (one,) = sent_in(run.config, found.training.run, sample)
        sent += one.each.sum() / 4
        seconds += max(busy) + 2 * BARRIER / 4  # of the exchange and of the writing
        hops = (
            abs(found.mapped.x[1] - found.mapped.x[2]),
            abs(found.mapped.y[1] - found.mapped.y[2]),
        )
        across = max(TIME["hop_east_west"] * bool(hops[0]), TIME["hop_north_south"] * bool(hops[1]))
        seconds += one.each.sum() * max(TIME["message"], TIME["message_in"], across) / 4
    assert 0 < written < copies_written(found.config, found.chip)
    assert sent > 0
    update = {e.kind: e for e in accounts.entries if e.phase == "update"}
    assert update["weight_update"].count == pytest.approx(written)
    assert update["message"].count == update["message_in"].count == pytest.approx(sent)
    assert update["barrier"].count == 2
    energy = written * ENERGY["weight_update"] * PJ
    assert update["weight_update"].energy.figure.value == pytest.approx(energy)
    seconds = seconds * NS + accounts.critical["update"]["signal"]  # by hand below
    assert accounts.seconds["update"].figure.value == pytest.approx(seconds)
    assert document["activity"]["by_phase"]["update"]["weight_updates"] == pytest.approx(written)
    by_core = document["activity"]["by_core"]["weight_updates"]
    assert sum(by_core) == pytest.approx(written)


def test_phases_without_a_clock_cost_what_units_did_in_them_by_hand(tmp_path):
    """Trained and priced without a clock: events as they came, no barrier but the update's."""
    run = trained(tmp_path / "run", timing=CLOCKLESS, average_steps=2)
    found, accounts, document = reported(run, toy_chip(tmp_path), timing=CLOCKLESS)
    did = found.training.run.activity
    counted = {
        "spike": did.spikes.sum(),
        "synaptic_event": did.synaptic_events.sum(),
        "update_active": did.updates_active.sum(),
        "update_inactive": did.updates_inactive.sum(),
        "message": found.training.run.timed.messages.sent.sum(),
    }
    for kind, count in counted.items():
        entries = [e for e in accounts.entries if e.kind == kind and e.phase in ("free", "nudged")]
        assert sum(e.count for e in entries) == pytest.approx(count / 4)
        energy = sum(e.energy.figure.value for e in entries)
        assert energy == pytest.approx(count / 4 * ENERGY[kind] * PJ)
    barriers = {e.phase: e.count for e in accounts.entries if e.kind == "barrier"}
    assert barriers["update"] == 2 and not barriers.get("free") and not barriers.get("nudged")
    # Two nudged phases of 5 periods each take as long as their periods, whatever is done in them.
    period = accounts.simulated.period.seconds.figure.value
    steps = sum(phase.steps for phase in found.training.run.phases[1:])
    assert accounts.cores.times["nudged"].total.figure.value == pytest.approx(steps * period)
    (row,) = [row for row in run.metrics() if "train_error" in row]
    assert document["training_cost"]["epochs"][0]["spikes_per_sample"] == row["spikes_per_sample"]
    assert document["asynchronous"]["settings"].startswith("a clock per unit, periods spread")
    assert tables(document)


def test_signals_of_phases_by_hand(tmp_path):
    run = trained(tmp_path / "run", accumulator_bits=8)
    # So little memory that the network takes all four cores, one on each of 2 x 2 tiles.
    found, accounts, document = reported(run, toy_chip(tmp_path, synapse_memory=1))
    assert len(found.mapped.parts) == 4
    # One message to each from tile (0, 0): none, one or two links, the first of them shared.
    told = broadcast(found.mapped)
    links = dict(zip(told.routes.links, told.steps.links[0, 0].tolist(), strict=True))
    assert links == {Link(0, 0, "east"): 2, Link(0, 0, "south"): 1, Link(1, 0, "south"): 1}
    assert told.steps.messages_sent[0, 0].tolist() == [0, 0, 0, 0, 4]
    assert told.steps.messages_received[0, 0].tolist() == [1, 1, 1, 1, 0]
    # Free, both nudges, writing; the rates once in 20 samples.
    rounds = {"free": 1.0, "nudged": 2.0, "update": 1.05}
    assert signals_of(run.config) == pytest.approx(rounds)
    # 4 messages of 3 pJ, 2 hops of 7, 2 of 11: 48 pJ a round. To send 4 messages takes 32 ns, to
    # receive one 16, but the link to the east is crossed twice, 32 ns each, and that to the south
    # once, in 64.
    priced = {e.phase: e for e in accounts.entries if e.kind == "signal"}
    assert list(priced) == ["free", "nudged", "update"]
    resets = 50.0
    for phase, n in rounds.items():
        entry = priced[phase]
        assert entry.count == pytest.approx(4 * n)
        figure = entry.energy.figure
        assert figure.value == pytest.approx(48 * n * PJ)
        assert (figure.low, figure.high) == pytest.approx((24 * n * PJ, 96 * n * PJ))
        assert entry.energy.lacks == () and entry.why is None
        beside = (
            accounts.seconds[phase].figure.value - accounts.cores.times[phase].total.figure.value
        )
        before = resets if phase == "free" else 0.0
        assert beside == pytest.approx((64 * n + before) * NS)
        assert accounts.critical[phase]["signal"] == pytest.approx(64 * n * NS)
        assert document["activity"]["by_phase"][phase]["signals"] == pytest.approx(4 * n)
    assert document["activity"]["by_phase"]["inference"]["signals"] is None
    kind = document["energy"]["by_kind"]["signal"]
    assert kind["training"]["value"] == pytest.approx(48 * 4.05 * PJ)
    assert any("tells each of 4 cores" in note and "4.05 messages" in note
               for note in document["notes"])  # fmt: skip
    # Static power is drawn as long as they take, too.
    static = sum(e.energy.figure.value for e in accounts.entries if e.kind == "static")
    lasting = sum(s.figure.value for s in accounts.seconds.values())
    assert static == pytest.approx(3e-3 * lasting)


def test_signals_to_another_chip_cross_to_it(tmp_path):
    chip = learning_chip(toy_chip(tmp_path, synapse_memory=1), OnChip(accumulator_bits=8))
    mapped = map_network(on_chip().network(), chip, chips=2, spread=2)
    assert mapped.chips == 2
    told = broadcast(mapped)
    beyond = int((mapped.x >= 2).sum())
    assert beyond > 0
    assert told.crossings.tolist() == [beyond]
    assert told.hops.sum() == mapped.x.sum() + mapped.y.sum()
    found = signals(on_chip(), mapped)
    assert found.energy.lacks == ("chip crossing energy",)
    assert "chip crossing time" in found.time.lacks
    known = (3 * len(mapped.parts) + 7 * mapped.x.sum() + 11 * mapped.y.sum()) * PJ
    assert found.energy.figure.value == pytest.approx(known)


def test_epochs_pay_for_signals_as_often_as_they_had_samples(run, tmp_path):
    _, accounts, _ = reported(run, toy_chip(tmp_path))
    (row,) = (r for r in run.metrics() if "train_error" in r)
    rest = [entry for entry in accounts.entries if entry.kind != "signal"]
    others = accounts.seconds, accounts.critical, 1, accounts.learned
    told = sum(e.energy.figure.value for e in accounts.entries if e.kind == "signal")
    for factor in (1, 3):  # however much an epoch spiked and wrote
        names = ("spikes_per_sample", "weights_attempted_per_sample")
        busier = {**row, **{name: factor * row[name] for name in names}}
        (whole,) = epochs([busier], accounts.entries, *others)
        (without,) = epochs([busier], rest, *others)
        paid = whole.energy.figure.value - without.energy.figure.value
        assert paid == pytest.approx(row["samples"] * told, rel=1e-6)


def test_a_verdict_on_every_sample_by_hand(run, tmp_path):
    # So small a distance that no sample is within it: only the question is new.
    asking = trained(tmp_path / "run", skip_right=1e-9)
    chip = toy_chip(tmp_path)
    (found, asked, document), (_, plain, _) = reported(asking, chip), reported(run, chip)
    assert [part.layer for part in found.mapped.parts] == [0, 1, 2]
    links = found.mapped.x[2], found.mapped.y[2]
    message = (3 + 7 * links[0] + 11 * links[1]) * PJ  # from the core of the outputs to the corner

    def counted(accounts, kind, phase="free"):
        (entry,) = (e for e in accounts.entries if (e.kind, e.phase) == (kind, phase))
        return entry

    for kind, more in (("update_inactive", 10), ("barrier", 1), ("signal", 1)):
        before, after = counted(plain, kind), counted(asked, kind)
        assert after.count == pytest.approx(before.count + more), kind
        for phase in ("nudged", "update"):
            same = [counted(one, kind, phase).count for one in (plain, asked)
                    if any((e.kind, e.phase) == (kind, phase) for e in one.entries)]  # fmt: skip
            assert len(set(same)) <= 1, kind
    told = [counted(one, "signal").energy.figure.value for one in (plain, asked)]
    assert told[1] - told[0] == pytest.approx(message)
    longer = asked.seconds["free"].figure.value - plain.seconds["free"].figure.value
    assert longer >= (10 * TIME["update_inactive"] + BARRIER) * NS * (1 - 1e-9)
    notes = " ".join(document["notes"])
    assert "100 % were nudged" in notes and "every output unit finds by one comparison" in notes
    assert document["run"]["skip_right"] == 1e-9 and document["run"]["nudged_share"] == 1.0


def test_an_epoch_on_the_chip_is_charged_for_the_samples_that_it_nudged(run, tmp_path):
    _, accounts, _ = reported(run, toy_chip(tmp_path))
    (row,) = (r for r in run.metrics() if "train_error" in r)
    times = accounts.entries, accounts.seconds, accounts.critical, 1, accounts.learned
    silent = {
        **row, "spikes_per_sample": 0.0, "synaptic_events_per_sample": 0.0,
        "weights_attempted_per_sample": 0.0, "units_changed_per_sample": [0.0, 0.0, 0.0],
    }  # fmt: skip
    (none,) = epochs([{**silent, "nudged_share": 0.0}], *times)
    free = [e for e in accounts.entries if e.phase == "free"]
    seconds = none.seconds.figure.value / row["samples"]
    assert seconds <= accounts.seconds["free"].figure.value  # nothing of nudges and updates
    kept = sum(e.energy.figure.value for e in free if e.kind in ("signal", "reset", "barrier"))
    static = 3e-3 * seconds
    updates = sum(e.count for e in free if e.kind in ("update_active", "update_inactive"))
    expected = kept + static + updates * ENERGY["update_inactive"] * PJ
    assert none.energy.figure.value / row["samples"] == pytest.approx(expected)


def test_epochs_pay_for_the_writes_that_they_counted(run, tmp_path):
    found, accounts, document = reported(run, toy_chip(tmp_path))
    (row,) = (r for r in run.metrics() if "train_error" in r)
    minibatch = 1
    times = accounts.entries, accounts.seconds, accounts.critical, minibatch, accounts.learned
    (before,) = epochs([row], *times)
    more = {**row, "weights_attempted_per_sample": row["weights_attempted_per_sample"] + 1000}
    (after,) = epochs([more], *times)
    seconds = after.seconds.figure.value - before.seconds.figure.value
    joules = after.energy.figure.value - before.energy.figure.value
    # A thousand writes more a sample; static power is drawn while the busiest core does its share.
    static = seconds * 3e-3
    assert joules == pytest.approx(row["samples"] * 1000 * ENERGY["weight_update"] * PJ + static)
    assert seconds > 0
    assert after.minibatch_energy == after.energy
    told = {**row, "units_changed_per_sample": [0.0, 5.0, 0.0]}  # only outputs tell anyone
    (silent,) = epochs([told], *times)
    assert silent.energy.figure.value < before.energy.figure.value
    with pytest.raises(InputError, match="epoch 1: weights_attempted_per_sample is None; exp"):
        epochs([{**row, "weights_attempted_per_sample": None}], *times)
    with pytest.raises(InputError, match=r"units_changed_per_sample is .*; expected 3 numbers"):
        epochs([{**row, "units_changed_per_sample": [1.0]}], *times)
    assert document["training_cost"]["whole_minibatch"] is None
    assert any("attempted while it trained" in s for s in document["training_cost"]["explanation"])
    share = row["weights_applied_per_sample"] / row["weights_attempted_per_sample"]
    assert accounts.cores.updates.applied.sum() == pytest.approx(
        share * accounts.cores.updates.attempted.sum()
    )
    assert found.chip.arithmetic == run.config.on_chip.fixed
    for stored, weights in zip(found.mapped.weights, found.network.weights, strict=True):
        np.testing.assert_array_equal(real_weights(stored, found.chip.arithmetic), weights)


@pytest.mark.parametrize(("sees", "copies"), ALLOWED)
def test_every_way_to_learn_is_reported(sees, copies, tmp_path):
    path = trained(tmp_path / "run", sees=sees, copies=copies, accumulator_bits=2)
    found, accounts, document = reported(path, load_chip("loihi1-davies"), 2)
    dense = copies_written(found.config, found.chip)
    assert 0 < document["activity"]["weight_updates"]["attempted"] < 2 * dense
    spikes = SIGHTS[sees].spikes
    sends = spikes or sees == "potentials" or copies in ("errors", "periodic", *MIRRORED)
    update = {e.kind: e.count for e in accounts.entries if e.phase == "update"}
    assert ("message" in update) == sends
    if sends:
        assert update["message"] == pytest.approx(update["message_in"])
        after_all = sees == "potentials" or (copies == "errors" and not spikes)
        modes = 3 * 128 / 20 if copies in MIRRORED else 0.0  # three steps for each of 128 patterns
        each = 1.0 if after_all else 1 / 20 if copies == "periodic" else 0.0
        windows = 2 * 3 * 2 if spikes else 0
        assert update["barrier"] == pytest.approx(1 + each + modes + windows)
    assert tables(document)


def test_the_report_command_charges_far_fewer_writes_than_all_synapses(run, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["report", str(run.path), "--samples", "4", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    written = document["activity"]["weight_updates"]["attempted"]
    assert 0 < written < 0.7 * (64 * 7 + 2 * 7 * 10)
    assert document == json.loads((out / "report.json").read_text())
    assert any("Learning on the chip attempts" in note for note in document["notes"])
    assert not any("rounded to nearest at the rate" in note for note in document["notes"])
    assert document["chip"]["digest"] == load_chip("loihi1-davies").digest()
    assert (out / "report.html").exists()


@pytest.mark.parametrize("name", ["truenorth", "odin"])
def test_a_chip_that_cannot_learn_is_refused_in_one_line(run, name, capsys):
    assert main(["report", str(run.path), "--chip", name, "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"chip {name} " in line and "expected a chip whose cores learn" in line


def test_a_chip_with_one_copy_of_each_weight_is_refused(run, tmp_path):
    chip = toy_chip(tmp_path).model_copy(update={"copies": 1})
    with pytest.raises(InputError, match="stores one copy of each weight"):
        replay(run, chip, few_digits(), samples=1)


def test_map_counts_the_accumulators_of_a_run_that_learned_on_the_chip(tmp_path, capsys):
    """As the report does: 8 bits beside each weight of 8."""
    memory = []
    for bits in (0, 8):
        learned = trained(tmp_path / str(bits), accumulator_bits=bits)
        assert main(["map", str(learned.path), "--json", "--quiet"]) == 0
        memory.append(json.loads(capsys.readouterr().out)["totals"]["synapse_memory"])
    assert memory[1] > memory[0]  # blocks fill words, so less than twice


def test_a_chip_of_fewer_bits_than_were_learned_is_refused(run, tmp_path):
    """Eight bits were learned; a chip of four cannot hold them, nor cost what they cost."""
    chip = toy_chip(tmp_path)
    narrow = replace(chip.arithmetic, weight_bits=4)
    with pytest.raises(InputError, match="weight_bits of what is learned is 8; expected at most"):
        reported(run, chip.model_copy(update={"arithmetic": narrow}))


def test_accumulators_that_do_not_fit_take_more_cores(tmp_path):
    chip = toy_chip(tmp_path, synapse_memory=1)
    network = on_chip().network()
    counts = []
    for bits in (0, 8):
        mapped = map_network(network, learning_chip(chip, OnChip(accumulator_bits=bits)))
        counts.append(len(mapped.parts))
    assert counts == [3, 4]  # (64 + 10) x 7 synapses: of 8 bits they fit into 1 KiB, of 16 not


# --- memory -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sees", "copies", "traces"),
    [
        ("potentials", "errors", 0),
        # Hidden core: 64 axons from below; its own 7 units. Output core: 7 axons from below.
        ("traces", "errors", (64 + 7) * 5 + 7 * 5),
        ("traces", "independent", (64 + 7) * 5 + 10 * 5),
        # And up to three spikes left, with a sign, of each unit.
        ("signed-spikes", "errors", (64 + 7) * 5 + 7 * 5 + 3 * (7 + 10)),
        ("loihi-engine", "same-noise", (64 + 7 + 10) * 5 + (7 + 10) * 5),
    ],
)
def test_traces_and_accumulators_are_remembered_by_hand(sees, copies, traces, tmp_path):
    config = on_chip(sees=sees, copies=copies, trace_bits=5, accumulator_bits=3)
    chip = learning_chip(toy_chip(tmp_path), config.on_chip)
    mapped = map_network(config.network(), chip)
    assert [use["input_axons"] for use in mapped.use] == [0, 64 + 10, 7]
    found = learningmemory.terms(config, 24, mapped.parts)
    without = learningmemory.terms(config.model_copy(update={"on_chip": None}), 24)
    synapses = 64 * 7 + 2 * 7 * 10
    bits = sum(t.total_bits for t in found) - sum(t.total_bits for t in without)
    assert bits == traces + 3 * synapses
    told = memory.report(config, mapped.network, chip, mapped, 24, 8)
    assert told["by_use"]["learning"]["value"] == told["ep_bytes"]
    # The weights alone, in words of 8 bits: an axon's 7 or 10 synapses of 11 bits are padded.
    packed = {"weights": 64 * 80 + 7 * 112, "mirrored_weights": 10 * 80}
    for use, part in (("weights", 64 * 7 + 7 * 10), ("mirrored_weights", 7 * 10)):
        assert told["by_use"][use]["value"] == -(-(packed[use] - 3 * part) // 8)
    for use, figure in told["by_use"].items():
        by_core = sum(row[use] for row in told["by_core"])
        assert by_core == pytest.approx(figure["value"], abs=1)


def test_numbers_of_an_injected_input_are_kept_in_place_of_its_traces():
    """64-7-10 on a core each: 64 axons of 13 bits and 7 sums of 24; traces of 7 hidden axons."""
    config = on_chip(input="current")
    parts = whole_layers(config.sizes)
    terms = {t.name: t for t in learningmemory.on_chip_terms(config, parts)}
    assert terms["numbers of an injected input"].total_bits == 64 * 13
    assert terms["drive of an injected input"].total_bits == 7 * config.on_chip.fixed.state_bits
    assert terms["traces of input axons from below"].units == 7
    spikes = {t.name: t for t in learningmemory.on_chip_terms(on_chip(), parts)}
    assert spikes["traces of input axons from below"].units == 64 + 7
    assert set(terms) - set(spikes) == {
        "numbers of an injected input", "drive of an injected input",
    }  # fmt: skip


def test_a_change_in_few_bits_is_remembered_once_a_unit():
    exact, few = (
        {t.name: t for t in learningmemory.on_chip_terms(config, whole_layers(config.sizes))}
        for config in (on_chip(), on_chip(change_bits=7))
    )
    term = few.pop("changes as synapses are handed them")
    assert (term.bits, term.units) == (7 + 1, 7 + 10)
    assert few == exact


def test_a_unit_is_traced_once_on_every_core_that_it_reaches():
    config = on_chip(trace_bits=5)
    chip = learning_chip(small_chip(units=4), config.on_chip)
    mapped = map_network(config.network(), chip)
    hidden = [part for part in mapped.parts if part.layer == 1]
    outputs = [part for part in mapped.parts if part.layer == 2]
    terms = {t.name: t for t in learningmemory.on_chip_terms(config, mapped.parts)}
    assert terms["traces of input axons from below"].units == 64 * len(hidden) + 7 * len(outputs)
    assert len(hidden) == 2
    assert terms["traces of own units"].units == 7
