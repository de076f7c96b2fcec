"""The circuit of each spiking rule, from what an epoch counted.

Error units of both signs are one unit that fires -1 or 1; a graded message costs what a spike does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from eqchip.emulator.description.graph.units import IF, LI, LIF, Input
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.spiking.rules import Emstdp, Eprop, Erbp, Graded, Nbp
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.hw_reports.pricing.circuit import Circuit


def taught_share(row: Mapping[str, Any]) -> float:
    """The share of an epoch's samples that were learned from."""
    return float(row.get(NUDGED_SHARE, 1.0))


def _layers(
    rule: SpikingRule, sizes: tuple[int, ...], row: Mapping[str, Any], more: int
) -> Circuit:
    """The layers that spike, and what is written; `more`: steps of errors, where a sample has them.

    Noise of mirror modes are spikes of the layers; what the units above tell, to align the path
    back, are messages of a population of its own where it crosses that path.
    """
    asked = 1 if rule.skips else 0  # a step for the outputs to tell that all is right
    steps = sum(row["steps_per_sample"]) + more * taught_share(row) + asked
    found = Circuit(round(steps), taught=taught_share(row))
    sent = list(row["spikes_by_layer_per_sample"])
    sent[0] = row.get("input_messages_per_sample", sent[0])  # an injected input sends numbers
    for layer, size in enumerate(sizes):
        unit = IF(reset="subtract") if layer else Input()
        found.add(f"layer {layer}", unit, size, sent[layer])
    for k, copies in enumerate(row["writes_by_copy_per_sample"]):
        found.join(f"layer {k}", f"layer {k + 1}")
        found.written.append((f"layer {k + 1}", np.array(copies[0][:3])))
        found.written.append((f"layer {k}", np.array(copies[1][:3])))
    for k, (noise, told, _) in enumerate(row.get("alignment_by_connection_per_sample", ())):
        found.sent[f"layer {k}"] += noise
        if k > 0 and rule.path.returns:
            found.add(f"drive {k + 1}", Input(), sizes[k + 1], told)
            found.join(f"drive {k + 1}", f"layer {k}")
    return found


def _source(rule: SpikingRule, layer: int, last: int) -> int:
    return last if rule.path.direct else layer + 1


def _graded(rule: Graded, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Errors are messages of the layers themselves, after their spikes: a step each."""
    last = len(sizes) - 1
    found = _layers(rule, sizes, row, last)
    for layer in range(last, 0, -1):
        sends = row["error_messages_per_sample"][layer]
        found.add(f"error {layer}", Input() if layer > 1 else LI(), sizes[layer], sends)
    for layer in range(1, last):
        name = f"error {_source(rule, layer, last)}"
        found.join(name, f"error {layer}" if layer == 1 else f"layer {layer}")
    return found


def _emstdp(rule: Emstdp, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Error units beside every layer, the label, and a spike of an error unit into its own unit."""
    last = len(sizes) - 1
    found = _layers(rule, sizes, row, 0)
    found.add("label", Input(), sizes[last], row["label_spikes_per_sample"])
    for layer in range(1, last + 1):
        sends = row["error_spikes_per_sample"][layer]
        unit = IF(reset="subtract", signed=True)
        found.add(f"error {layer}", unit, sizes[layer], sends)
    for layer in range(1, last):
        found.join(f"error {_source(rule, layer, last)}", f"error {layer}")
    for layer in range(1 if rule.contrast == "rates" else last, last + 1):
        found.join(f"error {layer}", f"layer {layer}", one_to_one=True)
    for name in ("label", f"layer {last}"):
        found.join(name, f"error {last}", one_to_one=True)
    return found


def _erbp(rule: Erbp, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Error units of the outputs, and a dendrite of every unit that learns."""
    last = len(sizes) - 1
    found = _layers(rule, sizes, row, 0)
    found.add("label", Input(), sizes[last], row["label_spikes_per_sample"])
    sends = row["error_spikes_per_sample"][last]
    found.add("error", IF(reset="subtract", signed=True), sizes[last], sends)
    for layer in range(1, last + 1):
        found.add(f"dendrite {layer}", LI(decay=rule.decay), sizes[layer])
        found.join("error", f"dendrite {layer}", one_to_one=layer == last)
    for name in ("label", f"layer {last}"):
        found.join(name, "error", one_to_one=True)
    return found


def _eprop(rule: Eprop, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """Inputs of a row, a layer that hears itself, outputs; their errors are messages.

    Traces of synapses change in every step, in which the learning engine reads those of axons that
    have fired; errors take a step of their own wherever outputs are told their targets.
    """
    n_in, n, n_out = sizes
    steps = round(sum(row["steps_per_sample"])) + rule.window
    found = Circuit(steps, learning_epochs=steps, within=True)
    sent = row["spikes_by_layer_per_sample"]
    found.add("input", Input(), n_in, sent[0])
    found.add("hidden", LIF(decay=rule.decay, reset="subtract"), n, sent[1])
    found.add("output", LI(decay=rule.fade), n_out)
    found.add("error 2", Input(), n_out, row["error_messages_per_sample"][2])
    found.add("error 1", LI(), n)
    for pre, post in _ways(
        "input -> hidden", "hidden -> hidden", "hidden -> output", "error 2 -> error 1"
    ):
        found.join(pre, post)
    into_hidden, into_output = row["writes_by_copy_per_sample"]
    found.written.append(("hidden", np.array(into_hidden[0][:3])))
    found.written.append(("output", np.array(into_output[0][:3])))
    found.written.append(("error 1", np.array(into_output[1][:3])))
    return found


def _nbp(rule: Nbp, sizes: tuple[int, ...], row: Mapping[str, Any]) -> Circuit:
    """The published circuit, whose counts are those of `mapping/anchors/renner-2024.toml`.

    The learning engine runs in every step, and reads the synapses of axons that fire in it.
    """
    told = {name: row[f"{name}_per_sample"] for name in rule.tells}
    x = row["spikes_by_layer_per_sample"][0] / NBP_INPUT_SPIKES
    hidden, of_hidden = told["hidden"], told["hidden_errors_up"] + told["hidden_errors_down"]
    error = told["errors_up"] + told["errors_down"]
    steps = round(sum(row["steps_per_sample"]))
    found = Circuit(steps, learning_epochs=steps, within=True)
    n_in, n, n_out = sizes
    unit = IF()
    for name, size, sent in (
        ("x", n_in, 3 * x), ("x kept", n_in, x),
        ("h", n, 3 * hidden + of_hidden),
        ("h above 0", n, told["hidden_above_0"] + of_hidden),
        ("h past 1", n, told["hidden_past_1"] + of_hidden),
        ("h kept", n, hidden), ("h error", n, 2 * hidden + of_hidden),
        ("h box", n, told["hidden_above_0"] - told["hidden_past_1"]),
        ("o", n_out, told["outputs"] + error),
        ("o above 0", n_out, told["outputs_above_0"] + error),
        ("o past 1", n_out, told["outputs_past_1"] + error),
        ("o error", n_out, error), ("target", n_out, 1.0),
        ("error up", n_out, told["errors_up"]), ("error down", n_out, told["errors_down"]),
        ("gates", steps, float(steps)),
    ):  # fmt: skip
        found.add(name, unit, size, sent)
    copies = ("", " above 0", " past 1")
    for pre, post, read in (("x", "h", 3 * x * n), ("h", "o", (3 * hidden + of_hidden) * n_out)):
        _, attempted, applied = row["writes_by_copy_per_sample"][post == "o"][0][:3]
        for copy in copies:
            found.join(pre, f"{post}{copy}")
            counted = np.array([read, attempted / len(copies), applied / len(copies)])
            found.written.append((f"{post}{copy}", counted))
    _, attempted, applied = row["writes_by_copy_per_sample"][1][1][:3]
    for pre in ("o", "o error"):
        found.join(pre, "h error")
        counted = np.array([found.sent[pre] * n, attempted / 2, applied / 2])
        found.written.append(("h error", counted))
    for pre, post in NBP_RELAYS:
        found.join(pre, post, one_to_one=True)
    for pre, post in NBP_PAIRS:
        found.pair(pre, post)
    for post, gates in NBP_GATES.items():
        found.gate(post, gates)
    return found


def _ways(*written: str) -> tuple[tuple[str, str], ...]:
    """Ends of ways."""
    ends = [way.split(" -> ") for way in written]
    return tuple((pre, post) for pre, post in ends)


NBP_INPUT_SPIKES = 4  # of a pixel that is on: three of its own, one of its relay
# One to one; by two synapses of a spike; and how many of the twelve gates reach a population.
NBP_RELAYS = _ways(
    "x -> x kept", "h -> h kept", "h error -> h", "h error -> h above 0", "h error -> h past 1",
    "h above 0 -> h box", "h past 1 -> h box", "o -> error up", "o -> error down",
    "o above 0 -> error up", "o above 0 -> error down", "target -> error up",
    "target -> error down", "o past 1 -> error down", "error up -> o", "error up -> o above 0",
    "error up -> o past 1", "error up -> o error", "error down -> o", "error down -> o above 0",
    "error down -> o past 1", "error down -> o error", "gates -> gates",
)  # fmt: skip
NBP_PAIRS = _ways(
    "x kept -> x", "h kept -> h", "h kept -> h error", "h box -> h", "h box -> h above 0",
    "h box -> h past 1",
)  # fmt: skip
NBP_GATES = {
    "x": 3, "x kept": 1, "h": 4, "h above 0": 3, "h past 1": 2, "h error": 7, "h kept": 1,
    "h box": 1, "o": 6, "o above 0": 7, "o past 1": 6, "o error": 5, "target": 1,
}  # fmt: skip

# The populations of a rule, by the type of its description.
CIRCUITS: dict[type[SpikingRule], Callable[..., Circuit]] = {
    Graded: _graded,
    Emstdp: _emstdp,
    Erbp: _erbp,
    Nbp: _nbp,
    Eprop: _eprop,
}
