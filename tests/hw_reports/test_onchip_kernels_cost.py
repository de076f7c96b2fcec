"""What kernels of many places cost a chip that learns, beside a count synapse by synapse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onchip_cases import small

from eqchip.backends.reference.onchip import weight_of
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.upkeep import FORWARD, MIRROR
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.onchip_arrays import SOURCES
from eqchip.emulator.learning.onchip_known import Known, writes_of
from eqchip.emulator.learning.onchip_lowering import ROW_OF, terms_of
from eqchip.emulator.learning.onchip_traffic import copies_sent, reach_of
from eqchip.hw_reports.pricing.learning_memory import on_chip_terms
from eqchip.hw_reports.pricing.onchip_kernels import Kernels
from eqchip.mapping.chip_file.chip import Chip, load_chip
from eqchip.mapping.chip_file.cores import Feature
from eqchip.mapping.placement.mapped import MappedNetwork, map_network

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
