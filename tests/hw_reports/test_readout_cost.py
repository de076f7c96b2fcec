"""What a cross-entropy read-out costs on a chip: hand counts, and what a report says of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import few_digits, small_config
from toy_chip import BARRIER, ENERGY, STATIC, TIME, toy_chip
from trained_runs import PROVENANCE, make_run

from eqchip.__main__ import main
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import Replay, replay
from eqchip.hw_reports.document.neurobench import activation_sparsity, synaptic_operations
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing import baselines, memory
from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.epochs import epochs
from eqchip.hw_reports.pricing.learning_memory import bptt_bytes, ep_bytes, terms
from eqchip.hw_reports.show.terminal import sentences, tables
from eqchip.mapping.activity.exchange import from_corner, to_corner
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.route import Link, route

PJ, NS = 1e-12, 1e-9
# Of loihi1-davies, from Davies et al. (2018), Table 2, in pJ.
DAVIES = {"synaptic_event": 23.6, "message": 1.7, "hop_east_west": 3.0, "hop_north_south": 4.0}
DENSE, CONV, SINGLE = (4, 3, 2), ("6x6", "2c3p2", 3), (4, 2)


def images(units: int, classes: int, count: int = 12) -> Dataset:
    """Random grey values, and classes in turn."""
    rng = np.random.default_rng(3)
    x = rng.random((2, count, units), np.float32)
    y = np.arange(count) % classes
    return Dataset("digits", x[0], y, x[1], y, (units,), classes, "made up")


def read_out(layers: tuple[Any, ...] = DENSE, **more: Any) -> Config:
    learning = {"readout": "cross-entropy", **more.pop("learning", {})}
    descent = {"lr": (0.1,) * (len(layers) - 1), "epochs": 2}
    return small_config(layers=layers, validation=4, learning=learning, descent=descent, **more)


def lively(config: Config) -> Network:
    """The run's network, with weights that make its units send."""
    network = config.network()
    weights = tuple((np.abs(w) + 0.2).astype(w.dtype) for w in network.weights)
    return replace(network, weights=weights)


def made(path: Path, config: Config, network: Network | None = None) -> RunDirectory:
    run = make_run(path, config)
    run.save_network(network or lively(config))
    document = json.loads((path / "activity.json").read_text())
    document["spikes"] = [[50] * (len(config.sizes) - 1) + [0]] * 3
    (path / "activity.json").write_text(json.dumps(document))
    return run


def replayed(
    run: RunDirectory, chip: Chip, samples: int = 3, **more: Any
) -> tuple[Replay, Accounts]:
    data = images(run.config.sizes[0], run.config.sizes[-1])
    found = replay(run, chip, data, samples=samples, threads=1, **more)
    return found, account(found)


def counted(accounts: Accounts, phase: str, kind: str) -> float:
    return float(accounts.counts[phase][kind].sum())


def energies(accounts: Accounts, phase: str) -> dict[str, Any]:
    return {entry.kind: entry.energy for entry in accounts.entries if entry.phase == phase}


def hops_to_corner(mapped: MappedNetwork, core: int) -> tuple[int, int]:
    """East or west, and north or south: links between the core's tile and tile (0, 0)."""
    links = route((int(mapped.x[core]), int(mapped.y[core])), (0, 0))
    across = sum(link.direction in ("east", "west") for link in links)
    return across, len(links) - across


def softmax_errors(found: Replay) -> np.ndarray:
    """beta (y - softmax(z)) of each sample, float64, from the logits."""
    z = found.training.run.ends[0][-1].astype(np.float64)
    shares = np.exp(z - z.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    return found.config.learning.beta * (np.eye(z.shape[1])[found.training.labels] - shares)


# --- a whole sample by hand ---------------------------------------------------------------


class ByHand:
    """What the cores of 4-3-2 and the processor do, from the bits; core l holds layer l."""

    def __init__(self, found: Replay) -> None:
        self.mapped = found.mapped
        assert [part.layer for part in self.mapped.parts] == [0, 1, 2]
        run = found.training.run
        self.samples = len(found.training.indices)
        self.counts = {phase: dict.fromkeys([*ENERGY, "message_in", "readout_message",
                                             "readout_event"], 0.0)
                       for phase in ("free", "nudged")}  # fmt: skip
        self.seconds = dict.fromkeys(("free", "nudged"), 0.0)
        for sample in range(self.samples):
            self.dynamics([q[:, sample] for q in run.bits])
            self.read()
            for phase in (1, 2):
                self.tell(int((run.ends[phase][-1][sample] != 0).sum()))
        self.seconds["free"] += TIME["reset"]
        self.counts["free"]["reset"] = 3.0

    def add(self, phase: str, kind: str, count: float) -> None:
        self.counts[phase][kind] += count / self.samples

    def step(self, phase: str, busiest: float, links: float) -> None:
        self.seconds[phase] += (max(busiest, links) + BARRIER) / self.samples
        self.add(phase, "barrier", 1)

    def dynamics(self, bits: list[np.ndarray]) -> None:
        # Free, steps 0 to 5; nudged from its end, 6 to 8; the other nudge from its end, 9 to 11.
        for step, before in enumerate([None, 0, 1, 2, 3, 4, 5, 6, 7, 5, 9, 10]):
            phase = "free" if step < 6 else "nudged"
            busy, links = [0.0] * 3, [0.0]
            for layer, units in enumerate((4, 3, 2)):
                spikes = int(bits[layer][step].sum())
                assert layer < 2 or spikes == 0
                self.add(phase, "spike", spikes)
                self.add(phase, "update_active", spikes)
                self.add(phase, "update_inactive", units - spikes)
                busy[layer] += spikes * TIME["update_active"]
                busy[layer] += (units - spikes) * TIME["update_inactive"]
            for layer, above in ((0, 3), (1, 2)):
                arriving = 0 if before is None else int(bits[layer][before].sum())
                self.add(phase, "message", arriving)
                self.add(phase, "message_in", arriving)
                self.add(phase, "synaptic_event", arriving * above)
                busy[layer] += arriving * TIME["message"]
                busy[layer + 1] += arriving * (TIME["message_in"] + above * TIME["synaptic_event"])
                x, y = self.mapped.x, self.mapped.y
                for link in route((x[layer], y[layer]), (x[layer + 1], y[layer + 1])):
                    kind = _hop(link)
                    self.add(phase, kind, arriving)
                    links.append(arriving * TIME[kind])
            self.step(phase, max(busy), max(links))

    def read(self) -> None:
        across, down = hops_to_corner(self.mapped, 2)
        self.add("free", "readout_message", 2)
        links = 2 * max(TIME["hop_east_west"] * (across > 0), TIME["hop_north_south"] * (down > 0))
        self.step("free", 2 * max(TIME["message"], TIME["message_in"]), links)

    def tell(self, errors: int) -> None:
        across, down = hops_to_corner(self.mapped, 1)
        self.add("nudged", "readout_message", errors)
        self.add("nudged", "readout_event", errors * 3)
        links = errors * max(
            TIME["hop_east_west"] * (across > 0), TIME["hop_north_south"] * (down > 0)
        )
        heard = errors * (TIME["message_in"] + 3 * TIME["synaptic_event"])
        self.step("nudged", max(errors * TIME["message"], heard), links)


def _hop(link: Link) -> str:
    return "hop_east_west" if link.direction in ("east", "west") else "hop_north_south"


def test_counts_energy_and_time_of_both_phases_by_hand(tmp_path):
    found, accounts = replayed(made(tmp_path / "run", read_out()), toy_chip(tmp_path))
    hand, mapped = ByHand(found), found.mapped
    assert hand.counts["nudged"]["readout_message"] == pytest.approx(4)  # two errors, twice
    assert hand.counts["nudged"]["spike"] > 0 and hand.counts["free"]["synaptic_event"] > 0
    for phase, core in (("free", 2), ("nudged", 1)):
        spent = energies(accounts, phase)
        for kind, count in hand.counts[phase].items():
            assert accounts.counts[phase].get(kind, np.zeros(1)).sum() == pytest.approx(count), kind
            if count and kind in ENERGY:
                assert spent[kind].figure.value == pytest.approx(count * ENERGY[kind] * PJ), kind
        across, down = hops_to_corner(mapped, core)
        one = ENERGY["message"] + across * ENERGY["hop_east_west"]
        one += down * ENERGY["hop_north_south"]
        told = hand.counts[phase]["readout_message"]
        assert spent["readout_message"].figure.value == pytest.approx(told * one * PJ)
        assert accounts.seconds[phase].figure.value == pytest.approx(hand.seconds[phase] * NS)
        static = hand.seconds[phase] * NS * STATIC * 1e-3
        assert spent["static"].figure.value == pytest.approx(static)
    crossed = energies(accounts, "nudged")["readout_event"].figure
    assert crossed.value == pytest.approx(12 * ENERGY["synaptic_event"] * PJ)
    assert crossed.high == pytest.approx(2 * crossed.value)
    assert any(hops_to_corner(mapped, core) != (0, 0) for core in (1, 2))
    # Inference reads its class as other runs do: for nothing.
    assert "readout_message" not in accounts.counts["inference"]
    assert counted(accounts, "inference", "barrier") == 6
    # 4 x 3 weights, and 3 x 2 in two copies.
    assert counted(accounts, "update", "weight_update") == 12 + 2 * 6


def test_errors_go_to_every_core_of_the_layer_below_by_the_prices_of_davies(tmp_path):
    # Two cores a layer, and tiles of four: the read-out has to cross a link.
    chip = load_chip("loihi1-davies")
    found, accounts = replayed(made(tmp_path / "run", read_out()), chip, spread=2)
    mapped, last, below = found.mapped, found.mapped.cores_of(2), found.mapped.cores_of(1)
    assert (len(below), len(last)) == (2, 2)
    assert sum(mapped.units[below]) == 3 and mapped.units[last].tolist() == [1, 1]
    assert (softmax_errors(found) != 0).all()
    told = accounts.readout
    assert told["free"].messages == 2 and told["nudged"].errors == 4
    assert told["nudged"].messages == 4 * 2 and told["nudged"].events == 4 * 3
    assert (told["free"].steps, told["nudged"].steps) == (1, 2)
    hops = {core: hops_to_corner(mapped, core) for core in (*below, *last)}
    assert any(sum(one) for one in hops.values())
    for phase, cores, messages, events in (("free", last, 1, 0), ("nudged", below, 4, 12)):
        expected = 0.0
        for core in cores:
            across, down = hops[core]
            one = DAVIES["message"] + across * DAVIES["hop_east_west"]
            expected += messages * (one + down * DAVIES["hop_north_south"])
        spent = energies(accounts, phase)
        assert spent["readout_message"].figure.value == pytest.approx(expected * PJ)
        if events:
            crossed = events * DAVIES["synaptic_event"] * PJ
            assert spent["readout_event"].figure.value == pytest.approx(crossed)
    # The engine counted as many synapses crossed.
    macs = found.training.run.activity.macs
    assert macs[:, -1, 1].tolist() == [0, 3 * 6, 3 * 6] and macs.sum() == 36


def test_a_dense_end_of_convolutions_tells_every_core_that_holds_their_maps(tmp_path):
    run = made(tmp_path / "run", read_out(CONV))
    found, accounts = replayed(run, load_chip("loihi1-davies"), spread=2)
    mapped, units = found.mapped, 2 * 2 * 2
    below = mapped.cores_of(1)
    assert len(below) == 2 and sum(mapped.units[below]) == units
    told = accounts.readout
    assert told["free"].messages == 3
    assert told["nudged"].messages == 2 * 3 * 2 and told["nudged"].events == 2 * 3 * units
    assert counted(accounts, "nudged", "readout_event") == 48
    spent = energies(accounts, "nudged")
    assert spent["readout_event"].figure.value == pytest.approx(48 * 23.6 * PJ)
    macs = found.training.run.activity.macs
    assert macs[1:, -1, 1].sum() / 3 == told["nudged"].events
    hops = [hops_to_corner(mapped, core) for core in below]
    expected = sum(6 * (1.7 + 3.0 * across + 4.0 * down) for across, down in hops)
    assert spent["readout_message"].figure.value == pytest.approx(expected * PJ)


def test_the_mapping_keeps_a_mirrored_copy_for_the_errors_and_nothing_is_sent_by_the_read_out(
    tmp_path,
):
    found, accounts = replayed(made(tmp_path / "run", read_out()), load_chip("loihi1-davies"))
    mapped, activity = found.mapped, accounts.cores.training
    copies = mapped.copies(1)
    assert copies.forward.tolist() == mapped.cores_of(2).tolist() == [2]
    assert copies.mirrored.tolist() == mapped.cores_of(1).tolist() == [1]
    assert mapped.synapse_bits[1, 1] > 0  # the mirrored copy has its place in the memory
    assert [activity.spikes[:, 2].sum(), activity.messages_sent[:, 2].sum()] == [0, 0]
    assert activity.messages_received[:, 2].sum() > 0
    assert activity.synaptic_events[:, 2].sum() > 0
    # Updated in every step of every phase.
    assert activity.updates_inactive[:, 2].tolist() == [3 * 2 * steps for steps in (6, 3, 3)]


# --- what is not sent ---------------------------------------------------------------------


def test_an_error_that_rounds_to_0_is_not_sent(tmp_path):
    # Logits of 20 and 0 whatever comes: class 0 is certain, to less than a chip's state.
    config = read_out()
    network = config.network()
    silent, certain = np.zeros((3, 2), np.float32), np.array([20.0, 0.0], np.float32)
    network = replace(
        network,
        weights=(network.weights[0], silent),
        biases=(network.biases[0], certain),
    )
    run = made(tmp_path / "run", config, network)
    found, accounts = replayed(run, load_chip("loihi1-davies"), samples=8)
    labels = found.training.labels
    assert set(labels) == {0, 1}
    wrong = (labels == 1).mean()
    assert np.abs(softmax_errors(found)[labels == 0]).max() < 2.0**-13
    told = accounts.readout["nudged"]
    assert told.errors == told.messages == pytest.approx(2 * 2 * wrong)
    assert told.events == pytest.approx(2 * 2 * 3 * wrong)
    assert accounts.readout["free"].messages == 2  # the processor cannot know before


@pytest.mark.parametrize("name", ["loihi1-davies", "odin"])
def test_over_one_connection_errors_go_nowhere(name, tmp_path):
    run = made(tmp_path / "run", read_out(SINGLE))
    found, accounts = replayed(run, load_chip(name))
    assert list(accounts.readout) == ["free"] and accounts.readout["free"].steps == 1
    assert "readout_message" not in accounts.counts["nudged"]
    assert "readout_event" not in accounts.counts["nudged"]
    document = report(found, accounts, run, name, PROVENANCE)
    assert any("errors go nowhere" in note for note in document["notes"])


def test_the_products_of_an_input_current_are_not_those_of_errors(tmp_path):
    run = made(tmp_path / "run", read_out(input="current"))
    found, accounts = replayed(run, load_chip("loihi1-davies"))
    assert counted(accounts, "free", "mac") == 4 * 3  # not a grey value is 0
    assert found.training.run.activity.macs.sum() == 3 * (12 + 2 * 2 * 3)
    assert "mac" not in accounts.counts["nudged"]


# --- elsewhere in the report --------------------------------------------------------------


@pytest.mark.parametrize("name", ["truenorth", "odin"])
def test_chips_without_a_model_of_their_cores_price_the_synapses_that_errors_cross(name, tmp_path):
    run, chip = made(tmp_path / "run", read_out()), load_chip(name)
    found, accounts = replayed(run, chip)
    one = chip.energy["synaptic_event"].si.value
    spent = energies(accounts, "nudged")
    assert counted(accounts, "nudged", "readout_event") == 12
    assert spent["readout_event"].figure.value == pytest.approx(12 * one)
    assert "readout_message" not in accounts.counts["free"]
    lasting = {phase: accounts.seconds[phase].figure.value for phase in ("free", "nudged")}
    if name == "truenorth":  # ticks of a millisecond
        assert lasting == pytest.approx({"free": 7e-3, "nudged": 8e-3})
    else:
        each = chip.time["synaptic_event"].si.value
        events = found.training.run.activity.synaptic_events
        expected = {"free": events[0].sum() / 3, "nudged": events[1:].sum() / 3 + 12}
        assert lasting == pytest.approx({phase: n * each for phase, n in expected.items()})
    document = report(found, accounts, run, name, PROVENANCE)
    assert any("its messages, telling its own cores" in note for note in document["notes"])


def test_every_epoch_pays_for_the_same_exchange_however_much_it_spiked(tmp_path):
    run = made(tmp_path / "run", read_out())
    _, accounts = replayed(run, toy_chip(tmp_path))
    mine = ("readout_message", "readout_event")
    told = sum(e.energy.figure.value for e in accounts.entries if e.kind in mine)
    rest = [entry for entry in accounts.entries if entry.kind not in mine]
    row = next(row for row in run.metrics() if "train_error" in row)
    for factor in (1, 3):
        busier = {**row, "spikes_per_sample": factor * row["spikes_per_sample"]}
        (whole,), (without,) = (
            epochs([busier], found, accounts.seconds, accounts.critical, 16)
            for found in (accounts.entries, rest)
        )
        paid = whole.energy.figure.value - without.energy.figure.value
        assert paid == pytest.approx(row["samples"] * told, rel=1e-6)


def test_the_floor_meets_the_last_connection_only_when_it_is_read_or_told():
    config, chip = read_out((6, 4, 3, 2)), load_chip("cpu-horowitz-45nm")
    found = baselines.dense_counts(config, chip)
    macs = {phase: float(kinds["mac"][0]) for phase, kinds in found.items()}
    # 24 from the input once; 12 forward and back in each of 6 and 2 x 3 steps; 6 out, or back.
    assert macs == {
        "free": 24 + 6 * 24 + 6,
        "nudged": 6 * 24 + 2 * 6,
        "update": 24 + 2 * 12 + 6,
        "inference": 24 + 6 * 24 + 6,
    }
    # 32-bit words: weights as above, 7 potentials in every step and 2 logits once.
    free, nudged = (float(found[phase]["access_8_kib"][0]) for phase in ("free", "nudged"))
    assert free == (24 + 6 * 12 + 6 + 2 * (6 * 7 + 2)) / 2
    assert nudged == (6 * 12 + 2 * 6 + 2 * (6 * 7 + 2 * 2)) / 2
    inside = replace(config.learning, readout="squared-error")
    more = baselines.dense_counts(config.model_copy(update={"learning": inside}), chip)
    assert all(float(more[phase]["mac"][0]) > macs[phase] for phase in macs)


def test_what_learning_remembers_and_what_states_take():
    config = read_out((6, 4, 3, 2))
    found = terms(config, 24)
    # Two ends of all 9 units; three states and the residues of inputs to go back to; a current.
    assert ep_bytes(found) == (2 * 9 + 3 * 7 + 6 + 3) * 3
    assert bptt_bytes(found, 8) == 7 * (2 * 24 + 1)
    bits = memory.core_bits(config, config.network(), load_chip("odin"), None, 24, 8)
    # Of the input its value and a residue; of the read-out a potential and a decoder.
    assert bits["state"].tolist() == [6 * 2 * 24, 4 * 3 * 24, 3 * 3 * 24, 2 * 2 * 24]
    learning = [6 * 24, 4 * 5 * 24, 3 * 6 * 24, 2 * 2 * 24]
    assert bits["learning"].tolist() == learning
    assert sum(learning) == 8 * ep_bytes(found)


def test_neurobench_leaves_out_what_a_read_out_never_sends():
    bits = [np.ones((2, 1, 4), np.uint8), np.ones((2, 1, 3), np.uint8), np.zeros((2, 1, 2))]
    assert activation_sparsity(bits) == pytest.approx(0.4)
    assert activation_sparsity(bits, read_out=True) == 0.0
    assert activation_sparsity(bits[1:], read_out=True) == 1.0
    network = Network.dense(DENSE, seed=0)
    weights = [np.ones((4, 3)), np.ones((3, 2))]
    found = [
        synaptic_operations(bits, network, weights, read_out=outside) for outside in (False, True)
    ]
    assert [one.dense for one in found] == [2 * (12 + 6 + 6), 2 * (12 + 6)]
    assert found[0].effective_acs == found[1].effective_acs == 12 + 6


def test_messages_to_and_from_the_corner(tmp_path):
    found, _ = replayed(made(tmp_path / "run", read_out()), toy_chip(tmp_path))
    mapped, counts = found.mapped, np.array([[1, 0, 2], [0, 0, 4]])
    out, back = from_corner(mapped, counts), to_corner(mapped, counts)
    assert out.steps.messages_sent[0].tolist() == [[0, 0, 0, 3], [0, 0, 0, 4]]
    assert out.steps.messages_received[0].tolist() == [[1, 0, 2, 0], [0, 0, 4, 0]]
    assert back.steps.messages_sent[0].tolist() == [[1, 0, 2, 0], [0, 0, 4, 0]]
    assert back.steps.messages_received[0].tolist() == [[0, 0, 0, 3], [0, 0, 0, 4]]
    distance = np.abs(mapped.x) + np.abs(mapped.y)
    assert out.hops.sum(axis=(1, 2)).tolist() == (counts @ distance).tolist()
    assert back.hops.sum(axis=(1, 2)).tolist() == (counts @ distance).tolist()


# --- the command --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    arguments = ["--dataset", "digits", "--layers", "64-8-10", "--readout", "cross-entropy",
                 "--epochs", "1", "--free-steps", "8", "--nudged-steps", "3", "--threads", "1",
                 "--lr", "0.2,0.1"]  # fmt: skip
    assert main(["train", *arguments, "--out", str(path), "--quiet"]) == 0
    return path


def test_the_command_reports_a_run_and_says_what_is_modelled(trained, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--samples", "4", "--threads", "1", "--out", str(out), "--json", "--quiet"]
    assert main(["report", str(trained), *arguments]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document == json.loads((out / "report.json").read_text())
    assert document["run"]["readout"] == "cross-entropy"
    assert document["statement"] == "modelled, not measured"
    counts = document["activity"]["by_phase"]
    assert counts["free"]["readout_messages"] == 10 and counts["free"]["readout_events"] is None
    assert counts["nudged"]["readout_messages"] == 20
    assert counts["nudged"]["readout_events"] == 160
    assert counts["inference"]["readout_messages"] is None
    assert document["activity"]["by_layer"][2]["spikes"] == {"training": 0.0, "inference": 0.0}
    kinds = document["energy"]["by_kind"]
    assert kinds["readout_event"]["training"]["value"] == pytest.approx(160 * 23.6 * PJ)
    notes = " ".join(document["notes"])
    assert "reads 10 potentials of the read-out after the free phase" in notes
    assert "sends 20 errors other than 0" in notes and "they cross 160 synapses" in notes
    assert "Not priced of the read-out: the softmax" in notes
    floor = next(b for b in document["baselines"] if b["name"] == "cpu-horowitz-45nm")
    assert floor["note"] == baselines.READ_OUT_NOTE
    page = (out / "report.html").read_text()
    assert "Not priced of the read-out: the softmax" in page and "Read-out messages" in page
    assert tables(document) and sentences(document)
    assert "readout_event" in (out / "report.csv").read_text()


def test_a_run_is_evaluated_in_the_integers_that_the_report_runs_in(trained, capsys):
    assert main(["evaluate", str(trained), "--precision", "chip", "--json", "--quiet"]) == 0
    evaluated = json.loads(capsys.readouterr().out)
    assert evaluated["precision"] == "chip" and math.isfinite(evaluated["error"])


@pytest.mark.parametrize("command", ["watch", "crosscheck"])
def test_what_knows_nothing_of_it_refuses_in_one_true_line(trained, command, capsys):
    assert main([command, str(trained), "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert f"{command} has no read-out outside the dynamics (the run was trained with " in line
    assert line.endswith("; expected 'squared-error'")
    assert "priced" not in line


def test_a_report_without_a_global_clock_is_refused(trained, tmp_path, capsys):
    assert main(["report", str(trained), "--timing", "async", "--quiet"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "readout 'cross-entropy'" in line and "expected no timing" in line
    run = made(tmp_path / "run", read_out())
    with pytest.raises(InputError, match="expected no timing"):
        replay(run, toy_chip(tmp_path), few_digits(), samples=1, timing=Asynchronous())


def test_what_knows_no_such_read_out_refuses_the_run(trained, capsys):
    for words in (["gradients", str(trained)], ["watch", str(trained)]):
        assert main([*words, "--quiet"]) == 2
        told = capsys.readouterr().err
        assert f"{words[0]} has no read-out outside the dynamics" in told
        assert "the run was trained with readout 'cross-entropy'" in told
        assert "expected 'squared-error'" in told
