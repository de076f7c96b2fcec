"""What kernels of many places cost a chip that learns, beside a count synapse by synapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onchip_cases import run_of, small
from small_runs import few_digits, small_config

from eqchip.backends.reference.onchip import weight_of
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.onchip_arrays import ATTEMPTED, SOURCES
from eqchip.emulator.learning.onchip_known import Known, known_of, writes_of
from eqchip.emulator.learning.onchip_lowering import ROW_OF, terms_of
from eqchip.emulator.learning.onchip_traffic import copies_sent, reach_of
from eqchip.emulator.training.fit import end_epoch
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.learning_memory import on_chip_terms
from eqchip.hw_reports.pricing.onchip_kernels import Kernels
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.cores import Feature
from eqchip.mapping.placement.mapped import MappedNetwork, map_network
from eqchip.settings import configuration

LAYERS = ("6x5", "2c3s1z1", "3c2s1", 4)
CHANGED = 0.25  # of the weights that are attempted


def chip(shares: bool) -> Chip:
    """A chip that learns, whose cores have a kernel once or place by place."""
    found = load_chip("loihi2")
    feature = Feature(source="assumed", status="assumed", confidence="C") if shares else None
    cores = found.cores.model_copy(update={"shared_kernels": feature})
    return found.model_copy(update={"cores": cores})


def known(config: Config) -> Known:
    """Whole numbers as after a sample, half of them 0."""
    rng = np.random.default_rng(3)
    return [
        [rng.integers(-3, 4, n).astype(np.int32) * rng.integers(0, 2, n) for n in config.sizes]
        for _ in range(SOURCES)
    ]


def by_synapse(config: Config, mapped: MappedNetwork, what: Known) -> dict[str, Any]:
    """Of every core, products, and the sums that it has of each weight, copy by copy."""
    core_of = {
        (part.layer, unit): core
        for core, part in enumerate(mapped.parts)
        for unit in range(part.first, part.end)
    }
    reads, sums, holds = {}, {}, {}
    for term in terms_of(config.on_chip, len(config.sizes) - 1, config.input):
        k, connection = term.connection, mapped.network.connections[term.connection]
        if not connection.shares_weights:
            continue
        weights = weight_of(connection)
        for i, j in np.argwhere(weights >= 0):
            place = (k + 1, j) if term.copy == FORWARD else (k, i)
            core, weight = core_of[place], weights[i, j]
            holds.setdefault((k, term.copy), []).append((core, weight))
            product = int(what[ROW_OF[term.pre]][k][i]) * int(what[ROW_OF[term.post]][k + 1][j])
            if product:
                reads[k, term.copy, core] = reads.get((k, term.copy, core), 0) + 1
                of = sums.setdefault((k, term.copy), {}).setdefault(core, {})
                of[weight] = of.get(weight, 0) + product
    return {"reads": reads, "sums": sums, "holds": holds}


@pytest.mark.parametrize("shares", [False, True])
@pytest.mark.parametrize("copies", ["errors", "independent", "periodic"])
def test_a_keeper_is_sent_the_sums_of_the_cores_and_sends_the_codes_that_changed(copies, shares):
    config = small(LAYERS, onchip={"copies": copies, "every": 50})
    mapped = map_network(config.network(), chip(shares), spread=2)
    what = known(config)
    found = Kernels(config, mapped, CHANGED).after(what)
    counted = by_synapse(config, mapped, what)
    cores = mapped.cores
    reads, writes, messages = np.zeros(cores), np.zeros(cores), np.zeros((cores, cores))
    attempted = 0
    for (k, copy), of_cores in counted["sums"].items():
        total: dict[int, int] = {}
        for of in of_cores.values():
            for weight, product in of.items():
                total[weight] = total.get(weight, 0) + product
        meant = {weight for weight, product in total.items() if product}
        attempted += len(meant)
        if copy == MIRROR and copies == "errors":
            continue  # one keeper for both
        keeper = int(mapped.cores_of(k + 1 if copy == FORWARD else k)[0])
        writes[keeper] += len(meant)
        for core, of in of_cores.items():
            reads[core] += counted["reads"][k, copy, core]
            if core != keeper:
                messages[core, keeper] += sum(product != 0 for product in of.values())
        told = [copy] if copies != "errors" or k == 0 else [FORWARD, MIRROR]
        for one in told:
            held = counted["holds"][k, one]
            for core in {core for core, _ in held}:
                here = [weight for at, weight in held if at == core and weight in meant]
                writes[core] += CHANGED * (len(set(here)) if shares else len(here))
                if core != keeper:
                    messages[keeper, core] += CHANGED * len(set(here))
    if copies == "periodic":
        for k in (1,):
            keeper, held = int(mapped.cores_of(k + 1)[0]), counted["holds"][k, MIRROR]
            attempted += len({weight for _, weight in held}) / 50
            for core in {core for core, _ in held}:
                here = [weight for at, weight in held if at == core]
                writes[core] += (len(set(here)) if shares else len(here)) / 50
                messages[keeper, core] += len(set(here)) / 50
    np.testing.assert_array_equal(found.reads, reads)
    np.testing.assert_allclose(found.writes, writes)
    np.testing.assert_allclose(found.messages, messages)
    assert found.attempted == pytest.approx(attempted)
    assert messages.any() and reads.any() and len(mapped.parts) > 5


def test_what_is_written_in_place_is_a_write_for_every_product():
    config = small(LAYERS, onchip={"kernels": "in-place"})
    mapped = map_network(config.network(), chip(True))
    what = known(config)
    found = Kernels(config, mapped, CHANGED).after(what)
    counted = by_synapse(config, mapped, what)["reads"]
    assert not found.messages.any()
    assert found.writes.sum() == found.attempted == sum(counted.values()) > 0
    with pytest.raises(InputError, match=r"'in-place' on chip loihi2, whose file has no \[cores"):
        Kernels(config, map_network(config.network(), chip(False)), CHANGED)
    with pytest.raises(InputError, match="'in-place' with layer 1 on 2 cores"):
        Kernels(config, map_network(config.network(), chip(True), spread=2), CHANGED)


@pytest.mark.parametrize("copies", ["errors", "independent", "periodic"])
def test_places_that_are_averaged_are_written_one_by_one_and_all_of_them_now_and_then(copies):
    every = 50
    config = small(LAYERS, onchip={"kernels": "averaged", "copies": copies, "every": every})
    mapped = map_network(config.network(), chip(False), spread=2)
    what = known(config)
    found = Kernels(config, mapped, CHANGED).after(what)
    counted = by_synapse(config, mapped, what)
    cores = mapped.cores
    reads, messages = np.zeros(cores), np.zeros((cores, cores))
    for (_, _, core), products in counted["reads"].items():
        reads[core] += products
    for (k, copy), held in counted["holds"].items():
        first = int(mapped.cores_of(k + 1 if copy == FORWARD else k)[0])
        for core in {core for core, _ in held}:
            here = [weight for at, weight in held if at == core]
            reads[core] += len(here) / every
            if core != first:
                messages[core, first] += len(set(here)) / every
                messages[first, core] += len(set(here)) / every
    writes, attempted = reads.copy(), reads.sum()
    told = messages.sum()
    if copies == "periodic":  # the forward copy goes to the mirrored one, whole
        keeper, held = int(mapped.cores_of(2)[0]), counted["holds"][1, MIRROR]
        attempted += len({weight for _, weight in held}) / every
        for core in {core for core, _ in held}:
            here = [weight for at, weight in held if at == core]
            writes[core] += len(here) / every
            messages[keeper, core] += len(set(here)) / every
    np.testing.assert_allclose(found.reads, reads)
    np.testing.assert_allclose(found.writes, writes)
    np.testing.assert_allclose(found.messages, messages)
    assert found.attempted == pytest.approx(attempted)
    assert found.always == pytest.approx(messages.sum())  # whatever the sample wrote
    assert told > 0 and len(mapped.parts) > 5
    with pytest.raises(InputError, match=r"'averaged' on chip loihi2, whose cores have each"):
        Kernels(config, map_network(config.network(), chip(True)), CHANGED)


def test_kernels_are_no_matrices_and_their_keeper_spares_messages_of_changes():
    config = small(LAYERS)
    assert {k for k, _ in writes_of(config, known(config))} == {2}
    assert reach_of(config) == ("changed", [(3, 2, 1)])
    in_place = small(LAYERS, onchip={"kernels": "in-place"})
    assert reach_of(in_place) == ("changed", [(2, 1, 1), (3, 2, 1)])
    sent = copies_sent(small(LAYERS, onchip={"copies": "periodic"}))
    assert [(one.sender, one.receiver) for one in sent] == [(3, 2)]


def test_memory_of_learning_counts_axons_and_sums_of_a_kernel():
    config = small(LAYERS)
    mapped = map_network(config.network(), chip(False), spread=2)
    found: dict[str, int] = {}
    for term in on_chip_terms(config, mapped.parts):
        found[term.name] = found.get(term.name, 0) + term.units
    below = 0
    for part in mapped.parts[len(mapped.cores_of(0)) :]:
        connection = mapped.network.connections[part.layer - 1]
        met = weight_of(connection)
        exists = np.ones((connection.n_pre, connection.n_post), bool) if met is None else met >= 0
        below += int(exists[:, part.first : part.end].any(axis=1).sum())
    assert found["traces of input axons from below"] == below
    assert found["sums of a kernel"] == 2 * (9 * 1 * 2) + 2 * (4 * 2 * 3)  # two cores a layer
    assert found["kernel of a keeper"] == 9 * 1 * 2 + 4 * 2 * 3
    averaged = small(LAYERS, onchip={"kernels": "averaged", "accumulator_bits": 4})
    sums = [t for t in on_chip_terms(averaged, mapped.parts) if t.name == "sums of a kernel"]
    # Codes of 8 + 4 bits: of 6 x 5 places, of 5 x 4 places, and what feeds these back.
    assert [(t.bits, t.units) for t in sums] == [(17, 36), (17, 48), (17, 48)]


@pytest.mark.parametrize("copies", ["errors", "independent"])
def test_what_a_sample_of_averaged_kernels_attempts_is_what_the_trainer_counts(copies):
    """With a rate of 0 no weight moves: the samples of a run write what they wrote in training."""
    config = small_config(
        dataset="digits",
        input="current",
        layers=("8x8", "3c4s2z1", "4c3s1", 10),
        learning={"beta": 1.0},
        descent={"lr": (0.0,) * 3, "minibatch": 1, "epochs": 1},
        on_chip=OnChip(kernels="averaged", copies=copies, every=25),
    )
    data = few_digits()
    trainer = OnChipTrainer(config, data, 1)
    network = trainer.network
    for _ in trainer.train_epoch():
        pass
    order = np.random.default_rng([config.seed, 0]).permutation(trainer.train_indices)
    run = run_of(config, network, data.train_x[order], data.train_y[order])
    kernels = Kernels(config, map_network(network, chip(False)), CHANGED)
    found = [kernels.after(known_of(config, run, sample)) for sample in range(len(order))]
    assert len(order) % 25 == 0
    whole = sum(one.attempted for one in found)
    assert whole == pytest.approx(trainer.written[:2, :, ATTEMPTED].sum())
    assert whole > len(order) / 25 * 3 * 16 * 16  # more than its means alone


def test_a_report_has_two_more_barriers_where_places_are_averaged(tmp_path):
    every = 10
    given = {"kernels": "averaged", "copies": "independent", "every": every, "epochs": 1}
    config = configuration("digits", network="conv", on_chip="loihi2", settings=given)
    data = few_digits()
    config = config.model_copy(update={"validation": 10})
    run, trainer = RunDirectory.create(tmp_path / "run", config), OnChipTrainer(config, data, 1)
    for _ in trainer.train_epoch():
        pass
    tally, row = end_epoch(trainer, trainer.validate(), 1.0, 1.0)
    run.append_metrics(row)
    run.save_network(trainer.network, trainer.mirror())
    run.save_activity(tally.activity)
    found = replay(run, chip(False), data, samples=3, threads=1, spread=2)
    accounts = account(found)
    update = {entry.kind: entry for entry in accounts.entries if entry.phase == "update"}
    # Nobody is told of changes: sums come and means go, once in so many samples.
    assert update["barrier"].count == pytest.approx(1 + 2 / every)
    assert accounts.learned.steady == pytest.approx((2 / every) / (1 + 2 / every))
    held = found.mapped.network.connections[0].synapse_weight_shape
    others = len(found.mapped.cores_of(1)) - 1
    assert others > 0
    assert update["message"].count == pytest.approx(2 * others * np.prod(held) / every)
    told = report(found, accounts, run, "loihi2", {})
    assert any(f"Once in {every} samples each core sends the sum" in note for note in told["notes"])
