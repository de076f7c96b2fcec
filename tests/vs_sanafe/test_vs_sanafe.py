"""The same network, spikes and coefficients in SANA-FE: equal counts and energies.

SANA-FE (GPL) runs in a process of its own. Two kinds of network: learning ones, whose spikes
are forced upon SANA-FE's units, and one that its own units compute. Where the two models of
time differ is written down as tests at the end.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sanafe_cases import (
    ROUNDING,
    Case,
    Traffic,
    differences,
    fired_bits,
    integrating_case,
    learning_case,
    replayed,
)

from eqchip.backends.sanafe.peer import INTEGRATE, SanafeProcess, interpreter, problem_of
from eqchip.bench.sanafe import sanafe_contestant
from eqchip.hw_reports.pricing.figure import price
from eqchip.hw_reports.pricing.timing import relaxation
from eqchip.mapping.activity.cores import core_activity, step_counts
from eqchip.mapping.chip_file.chip import Chip, load_chip

pytestmark = pytest.mark.peer

CHIPS = ["loihi1-sanafe", "loihi1-davies"]
# sizes, units per core, seed: chains of two and three connections, over 6 to 20 cores
SHAPES = [((17, 23, 5), 7, 1), ((12, 9, 10, 4), 5, 2), ((40, 30, 6), 4, 3), ((6, 5, 3), 1024, 4)]
CATEGORIES = {
    "synapse": ("synaptic_event",),
    "soma": ("update_active", "update_inactive", "spike"),
    "network": ("message", "message_in", "hop_east_west", "hop_north_south"),
}


@pytest.fixture(scope="module")
def chip() -> Chip:
    return load_chip("loihi1-sanafe")


@pytest.fixture(scope="module")
def learned(sanafe: SanafeProcess, chip: Chip) -> tuple[Case, list[dict[str, Any]]]:
    """One learning case and SANA-FE's answers, for the tests that change something."""
    case = learning_case(chip, *SHAPES[0])
    return case, [replayed(sanafe, case, b) for b in range(case.samples)]


# --- counts and energy ---------------------------------------------------------------------


@pytest.mark.parametrize("name", CHIPS)
@pytest.mark.parametrize(("sizes", "units", "seed"), SHAPES)
def test_counts_and_energies_of_a_learning_network_are_equal(sanafe, name, sizes, units, seed):
    case = learning_case(load_chip(name), sizes, units, seed)
    replies = [replayed(sanafe, case, b) for b in range(case.samples)]
    activity = core_activity(case.mapped, case.run)
    assert activity.phases == ("free", "nudged")
    assert (activity.spikes > 0).all(axis=0).sum() > len(case.mapped.parts) // 2
    assert (activity.hops.sum(axis=0) > 0).any()
    assert not differences(case, replies)
    assert not energy_differences(case, replies, case.mapped.chip)


def energy_differences(case: Case, replies: list[dict[str, Any]], chip: Chip) -> list[str]:
    """Categories of SANA-FE's whose energy in a phase is not that of our kinds in it.

    Messages, hops and synaptic events are one step later in ours than in its rows.
    """
    activity = core_activity(case.mapped, case.run)
    ends = np.cumsum(activity.steps)
    wrong = []
    for k, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        east, west, north, south = activity.hops[k].tolist()
        received = {"message_in": int(activity.messages_received[k].sum())}
        if not knows(chip, "message_in"):  # Davies 2018: a message costs once, when it is sent
            received = {}
        found = price(
            {
                "synaptic_event": int(activity.synaptic_events[k].sum()),
                "update_active": int(activity.updates_active[k].sum()),
                "update_inactive": int(activity.updates_inactive[k].sum()),
                "spike": int(activity.spikes[k].sum()),
                "message": int(activity.messages_sent[k].sum()),
                "hop_east_west": east + west,
                "hop_north_south": north + south,
                **received,
            },
            chip,
        )
        for category, kinds in CATEGORIES.items():
            ours = sum(found[kind].value for kind in kinds if kind in found)
            late = 0 if category == "soma" else 1
            rows = slice(max(start - late, 0), end - late)
            theirs = sum(row["energy"][category] for r in replies for row in r["rows"][rows])
            assert theirs > 0
            if ours != pytest.approx(theirs, rel=ROUNDING, abs=0.0):
                wrong.append(f"{category} energy of phase {k}")
    return wrong


def knows(chip: Chip, kind: str) -> bool:
    return kind in chip.energy or f"energy.{kind}" in chip.included


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_integrating_units_emit_the_same_bits(sanafe, chip, seed):
    case = integrating_case(chip, (9, 11, 6), 4, seed)
    bits, network = case.run.bits, case.mapped.network
    inputs = [case.run.ends[0][0][0], *network.biases]  # the clamped input is its own bias
    drives = [
        {
            "kind": INTEGRATE,
            "bias": inputs[part.layer][part.first : part.end].tolist(),
            "potential": 0.5,
            "threshold": 1.0,
        }
        for part in case.mapped.parts
    ]
    sanafe.load(problem_of(case.mapped, drives, weights=True))
    reply = sanafe.run(case.steps, trace=True)
    for ours, theirs in zip(bits, fired_bits(case.mapped, reply), strict=True):
        np.testing.assert_array_equal(ours[:, 0], theirs)
        assert 0.05 < ours.mean() < 0.95
    assert any((w < 0).any() for w in network.weights)
    assert not differences(case, [reply])


def test_the_contestant_of_the_bench_does_the_work_of_the_run(sanafe, chip):
    case = learning_case(chip, *SHAPES[0])
    bits, sizes = case.run.bits, case.mapped.network.sizes
    spikes = [int(layer[:10, 1].sum()) for layer in bits]
    fan_out = [sizes[1], sizes[2], sizes[1]]  # of 17-23-5: the input hears no feedback
    contestant = sanafe_contestant(case.mapped, bits, interpreter(), sample=1, steps=10)
    with contestant.process:
        before = contestant.clock()
        again = contestant.work()
        seconds = np.subtract(contestant.clock(), before)
    assert contestant.events == sum(n * out for n, out in zip(spikes, fan_out, strict=True))
    assert (again.synaptic_events, again.spikes, again.steps) == (
        contestant.events,
        sum(spikes),
        10,
    )
    assert seconds == pytest.approx([again.seconds, again.cpu_seconds], rel=1e-6)
    assert min(again.seconds, contestant.load_seconds) > 0
    assert re.fullmatch(r"\d+\.\d+\.\d+", contestant.version)


# --- what must be found --------------------------------------------------------------------


def test_a_flipped_bit_is_found(sanafe, learned):
    case, replies = learned
    bits = [layer.copy() for layer in case.run.bits]
    bits[1][5, 1, 3] ^= 1
    flipped = replace(case, run=replace(case.run, bits=bits))
    answers = [replies[0], replayed(sanafe, flipped, 1)]
    assert {"fired", "messages", "synaptic events", "hops"} <= set(differences(case, answers))
    assert len(energy_differences(case, answers, case.mapped.chip)) == 3


def test_an_exchange_of_two_cores_is_found(learned):
    case, replies = learned
    sites = case.mapped.sites.copy()
    sites[[0, -1]] = sites[[-1, 0]]
    moved = replace(case, mapped=replace(case.mapped, sites=sites))
    found = set(differences(moved, replies))
    assert {"hops", "messages sent per core", "synaptic events per core"} <= found
    assert not {"fired", "synaptic events", "messages"} & found


def test_forgotten_feedback_is_found(learned):
    case, replies = learned
    layer = case.mapped.layer_of
    forward = np.where(layer[:, None] < layer, case.mapped.synapses, 0)
    deaf = replace(case, mapped=replace(case.mapped, synapses=forward))
    found = set(differences(deaf, replies))
    assert {"messages", "synaptic events", "hops", "hops by direction"} <= found
    assert not {"fired", "updated"} & found


def test_spikes_that_arrive_a_step_late_are_found(learned):
    case, replies = learned
    late = np.roll(case.run.part_spikes, 1, axis=0)
    found = differences(replace(case, run=replace(case.run, part_spikes=late)), replies)
    assert {"fired", "synaptic events"} <= set(found)


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("synaptic_event", "synapse"),
        ("update_inactive", "soma"),
        ("message", "network"),
        ("hop_north_south", "network"),
    ],
)
def test_another_coefficient_is_found(learned, kind, category):
    case, replies = learned
    chip = case.mapped.chip
    dearer = chip.energy[kind].model_copy(update={"value": 1.001 * chip.energy[kind].value})
    priced = chip.model_copy(update={"energy": {**chip.energy, kind: dearer}})
    found = energy_differences(case, replies, priced)
    assert found == [f"{category} energy of phase {k}" for k in (0, 1)]


# --- the chip file -------------------------------------------------------------------------


def test_the_chip_file_holds_the_coefficients_that_sana_fe_ships(sanafe, chip):
    program = (
        "from importlib.resources import files\n"
        "print(files('sanafe.examples').joinpath('loihi.yaml').read_text())"
    )
    shipped = subprocess.run(
        [interpreter(), "-c", program], capture_output=True, text=True, check=True
    ).stdout

    def first(name: str) -> float:
        return float(re.search(rf"{name}: ([\d.e-]+)", shipped)[1])

    def sum_of(what: str, *names: str) -> float:
        return sum(first(f"{what}_{name}") for name in names)

    updated = ("access_neuron", "update_neuron")
    for what, table in (("energy", chip.energy), ("latency", chip.time)):
        expected = {
            "synaptic_event": sum_of(what, "process_spike"),
            "update_inactive": sum_of(what, *updated),
            "message": sum_of(what, "message_out"),
            "message_in": sum_of(what, "message_in"),
            "hop_east_west": sum_of(what, "east_hop"),
            "hop_north_south": sum_of(what, "north_hop"),
        }
        for kind, value in expected.items():
            ours = table[kind].si.value if kind in table else 0.0  # included: nothing on top
            assert ours == pytest.approx(value, rel=ROUNDING, abs=0.0), f"{what} of {kind}"
        fired = table["update_active"].si.value
        fired += table["spike"].si.value if "spike" in table else 0.0
        assert fired == pytest.approx(sum_of(what, *updated, "spike_out"), rel=ROUNDING, abs=0.0)
    table = re.search(r"^ *latency_sync: \{(.*)\}", shipped, re.M)[1]
    for entry in table.split(","):
        tiles, seconds = entry.split(":")
        barrier = chip.barrier_seconds(int(tiles))
        assert barrier.value == pytest.approx(float(seconds), rel=ROUNDING, abs=0.0), (
            f"{tiles} tiles"
        )


# --- time: what is equal, and what is not ---------------------------------------------------


@pytest.mark.parametrize(("level", "sending_decides"), [(1.0, False), (0.1, True)])
def test_their_simple_time_follows_from_our_counts(sanafe, chip, level, sending_decides):
    """Simple: max(busiest core that updates and sends, busiest that receives) + barrier.

    Sending and receiving of one step overlap there, even on one core, and the mesh costs
    nothing. Row t holds what the spikes of step t cause: our row t + 1.
    """
    case = learning_case(chip, *SHAPES[0], level)
    generation, processing, barrier = times(case)
    for b in range(case.samples):
        rows = replayed(sanafe, case, b)["rows"]
        simple = np.array([row["time"] for row in rows[:-1]])
        sent, received = generation[:, b].max(axis=1), processing[1:, b].max(axis=1)
        np.testing.assert_allclose(simple, np.maximum(sent, received) + barrier, rtol=ROUNDING)
        assert (sent > received).any() == sending_decides


def test_our_time_adds_what_they_overlap(learned):
    """Ours: a core does its updates, messages and events one after the other.

    So a step takes at least as long as the larger of their two parts (without what is sent:
    we book that a step later), and no longer than the busiest cores of each added up.
    """
    case, replies = learned
    counts = step_counts(case.mapped, case.run)
    chip, tiles = case.mapped.chip, len(np.unique(case.mapped.tile))
    everywhen = np.ones(case.steps, bool)
    for b, reply in enumerate(replies):
        one = counts._replace(**{
            name: getattr(counts, name)[:, b : b + 1]
            for name in counts._fields
            if name not in ("phase", "substeps")
        })  # fmt: skip
        ours = relaxation(one, case.mapped.routes, chip, tiles, everywhen).steps["core"]
        traffic = Traffic.of(case.mapped, reply)
        reading = traffic.events * seconds(chip, "synaptic_event")
        reading = (reading + traffic.received * seconds(chip, "message_in")).max(axis=1)
        sending = (traffic.sent * seconds(chip, "message")).max(axis=1)
        updates = update_times(case)[:, b].max(axis=1)
        assert (ours >= np.maximum(updates, reading) * (1 - ROUNDING)).all()
        assert (ours <= (updates + sending + reading) * (1 + ROUNDING)).all()
        assert (ours > np.maximum(updates, reading) * (1 + ROUNDING)).any()


def test_their_detailed_time_is_never_below_their_simple_one(sanafe, learned):
    case, replies = learned
    detailed = replayed(sanafe, case, 0, "detailed")
    simple = np.array([row["time"] for row in replies[0]["rows"]])
    waited = np.array([row["time"] for row in detailed["rows"]])
    assert (waited >= simple * (1 - ROUNDING)).all()
    assert (waited > simple * (1 + ROUNDING)).any()
    untimed = [{**row, "time": 0.0} for row in detailed["rows"]]
    assert untimed == [{**row, "time": 0.0} for row in replies[0]["rows"]]


def update_times(case: Case) -> np.ndarray:
    """Seconds of neuron updates, spikes included, shape (steps, batch, cores)."""
    counts, chip = step_counts(case.mapped, case.run), case.mapped.chip
    active = seconds(chip, "update_active") + seconds(chip, "spike")
    inactive = seconds(chip, "update_inactive")
    return counts.updates_active * active + counts.updates_inactive * inactive


def seconds(chip: Chip, kind: str) -> float:
    return chip.time[kind].si.value if kind in chip.time else 0.0


def times(case: Case) -> tuple[np.ndarray, np.ndarray, float]:
    """Generation (steps - 1), processing (steps), and the barrier, in SANA-FE's sense."""
    counts, chip = step_counts(case.mapped, case.run), case.mapped.chip
    sending = counts.messages_sent[1:] * seconds(chip, "message")
    processing = counts.synaptic_events * seconds(chip, "synaptic_event")
    processing = processing + counts.messages_received * seconds(chip, "message_in")
    barrier = chip.barrier_seconds(len(np.unique(case.mapped.tile)))
    return update_times(case)[:-1] + sending, processing, barrier.value
