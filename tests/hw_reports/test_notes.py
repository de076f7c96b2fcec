"""Each note of a report is a function of its document: when it is there, and what it says."""

from __future__ import annotations

from typing import Any

import pytest
from report_documents import figure, report, total

from eqchip.hw_reports.document import notes

TOLD = {"steps": 1, "errors": 0.0, "messages": 10.0, "hops": 30.0, "events": 0.0}
LEARNING = {
    "sees": "traces", "copies": "errors", "every": 500, "attempted": 1200.0, "all_copies": 4800,
    "applied": 0.25, "saturated": 0.0, "messages": 90.0,
    "signals": {"messages": 3.0, "hops": 4.0, "rounds": {"free": 1.0, "nudged": 2.0}},
    "mirror_modes": None, "forward_copy_alone": False,
}  # fmt: skip
RUN = {"readout": "squared-error", "optimizer": "sgd", "momentum": 0.0, "timing": None,
       "shares_weights": False}  # fmt: skip


def document(**changed: Any) -> dict[str, Any]:
    """A report whose sections have what is changed: ``run={"input": "current"}``."""
    found = report(learning=None, read_out=None)
    found["run"] |= RUN
    found["replay"]["stored_bits"] = 8
    found["chip"]["shares_kernels"] = False
    for name, more in changed.items():
        merge = isinstance(more, dict) and isinstance(found.get(name), dict)
        found[name] = {**found[name], **more} if merge else more
    return found


def test_notes_are_in_the_order_in_which_they_are_read():
    found = notes.notes(document(run={"input": "current", "optimizer": "adam"}))
    starts = [
        "Every energy",
        "Not modelled",
        "A sample is run",
        "The training energy is a lower",
        "20.83 % of the weights",
        "The input is a current",
        "Adam needs",
        "A note of the",
    ]
    assert [note[: len(start)] for note, start in zip(found, starts, strict=True)] == starts


@pytest.mark.parametrize(
    ("of", "changed", "told"),
    [
        (notes.chip, {"chip": {"model": "events"}}, []),
        (notes.chip, {"chip": {"learning": False, "model": "events"}},
         ["paper-chip has no learning engine"]),
        (notes.chip, {"chip": {"model": "events", "rule": {"said": "paper-chip cannot run it"}}},
         ["paper-chip cannot run it."]),
        (notes.chip, {"chip": {"model": "arithmetic"}}, ["The samples ran in the chip's default"]),
        (notes.writes, {"activity": {"weight_updates": None}}, []),
        (notes.writes, {"learning": LEARNING}, []),
        (notes.writes, {}, ["20.83 % of the weights written for a sample change their stored code "
                            "of 8 bits"]),
        (notes.current, {}, []),
        (notes.current, {"run": {"input": "current"}, "chip": {"model": "arithmetic"}}, []),
        (notes.timing, {}, []),
        (notes.timing, {"run": {"timing": "a clock per unit"}},
         ["The run was trained without a global clock; its samples ran in time steps here."]),
        (notes.timing, {"asynchronous": {}}, ["The run was trained in time steps"]),
        (notes.timing, {"asynchronous": {}, "run": {"timing": "a clock per unit"}}, []),
        (notes.kernels, {}, []),
        (notes.kernels, {"run": {"shares_weights": True}}, ["Kernels are not shared"]),
        (notes.kernels, {"run": {"shares_weights": True}, "chip": {"shares_kernels": True}},
         ["The chip file says that a core keeps each weight of a kernel once"]),
        (notes.kernels, {"run": {"shares_weights": True}, "chip": {"model": "arithmetic"}},
         ["Of a convolution with average pooling"]),
        (notes.optimizer, {}, []),
        (notes.optimizer, {"run": {"momentum": 0.9}}, ["Momentum needs a velocity"]),
        (notes.read_out, {}, []),
        (notes.read_out, {"run": {"readout": "cross-entropy"}}, ["The softmax of the cross-entr"]),
        (notes.learning, {}, []),
        (notes.learning, {"learning": LEARNING},
         ["Learning on the chip attempts 1,200 writes", "Learning sends 90 graded messages",
          "Phase signals: a processor at tile (0, 0) tells each of 3 cores"]),
        (notes.asynchronous, {}, []),
    ],
)  # fmt: skip
def test_a_note_is_there_where_it_applies(of, changed, told):
    found = of(document(**changed))
    assert [note[: len(start)] for note, start in zip(found, told, strict=True)] == told


def test_static_power_is_worth_a_note_from_half_of_the_energy_on():
    found = document()
    for joules, many in ((4e-6, 0), (6e-6, 1)):
        found["energy"]["by_kind"]["static"] = {"training": figure(joules), "inference": None}
        told = [note for note in notes.energy(found) if "static power" in note]
        assert len(told) == many
    assert told[0].startswith("67 % of the training energy is static power: whole chips draw it")
    assert told[0].endswith("the busiest core of every step takes.")


def test_a_whole_energy_is_no_lower_bound():
    found = document()
    found["energy"]["training"] = total(figure(9e-6))
    assert notes.energy(found) == []


def test_a_read_out_says_what_its_exchange_takes_and_where_messages_are_not_counted():
    run = {"readout": "cross-entropy"}
    both = {"free": TOLD, "nudged": {**TOLD, "steps": 2, "errors": 5.0, "events": 700.0}}
    first, second, third = notes.read_out(document(run=run, read_out=both))
    assert first.startswith("The read-out classifies by cross-entropy")
    assert "reads 10 potentials of the read-out after the free phase (30 hops)" in second
    assert "sends 5 errors" in second and "cross 700 synapses; 3 time steps more" in second
    assert "its messages" not in third
    uncounted = {phase: {**told, "messages": None, "hops": None} for phase, told in both.items()}
    _, second, third = notes.read_out(document(run=run, read_out=uncounted))
    assert "hops" not in second and "to what the read-out hears, where they cross" in second
    assert "its messages, " in third
    _, second, _ = notes.read_out(document(run=run, read_out={"free": TOLD}))
    assert second.endswith("with one connection, errors go nowhere but to it.")


def test_mirror_modes_and_an_older_version_s_copies_are_told():
    modes = {**LEARNING, "mirror_modes": {"presentations": 0.5}, "forward_copy_alone": True}
    found = notes.learning(document(learning=modes))
    assert "0.5 patterns of random spikes" in found[3]
    assert found[4].startswith("The samples ran with the copy of each weight")
