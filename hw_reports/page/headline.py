"""What the page says first: one sentence, a few cards, and what the figures rest on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from eqchip.hw_reports.document.readable import (
    UNKNOWN,
    amount,
    band,
    digits,
    lacking,
    missed,
    nominal,
    numbers,
    per_sample,
    percent,
    task,
    total,
    wrong,
)
from eqchip.hw_reports.page.cells import layers_text

Document = Mapping[str, Any]


MOST_NAMED = 2  # unknown terms that a card names


class Card(NamedTuple):
    """A figure to be seen from afar.

    Attributes
    ----------
    label, value, band, note : str
    low, middle, high : float
        The band as percentages of a scale from 0 to the highest figure; 0 where there is none.
    """

    label: str
    value: str
    band: str = ""
    note: str = ""
    low: float = 0.0
    middle: float = 0.0
    high: float = 0.0

    @property
    def unknown(self) -> bool:
        """Whether its figure is unknown."""
        return self.value == UNKNOWN


def card(label: str, value: Mapping[str, Any] | None, note: str = "") -> Card:
    """A card of a total."""
    figure = value["figure"] if value else None
    lower = ""
    if value and figure and value["lacks"]:
        terms = len(value["lacks"])
        lower = f"at least: {lacking(value)}"
        if terms > MOST_NAMED:
            lower = f"at least: {terms} terms are unknown, named below"
    notes = "; ".join(filter(None, (lower, note)))
    text = f"≥ {nominal(figure)}" if lower else nominal(figure)
    if figure is None or not figure["high"] or figure["low"] == figure["high"]:
        return Card(label, text, note=notes)
    ends = (100 * figure[side] / figure["high"] for side in ("low", "value", "high"))
    return Card(label, text, unbroken(band(figure)), notes, *ends)


def sentence(document: Document) -> str:
    """What learning costs, in plain words."""
    run, chip, whole = document["run"], document["chip"], document["training_cost"]["whole"]
    energy, time, mean = per_sample(document)
    epochs = f"{whole['epochs']} epoch{'s' * (whole['epochs'] != 1)}"
    return (
        f"Priced with the coefficients of “{chip['title']}”, learning one {run['dataset']} sample "
        f"costs the {layers_text(run)} network {_cost(energy, time)}"
        f"{', the mean over its training' if mean else ''}. The whole training, of {epochs}, costs "
        f"{_cost(whole['energy'], whole['time'])}."
    )


def _cost(energy: Mapping[str, Any], time: Mapping[str, Any]) -> str:
    words = "an unknown energy" if energy["figure"] is None else total(energy)
    words += " and an unknown time" if time["figure"] is None else f" and {total(time)}"
    return unbroken(words)


def unbroken(text: str) -> str:
    """The text with every number kept on one line with its unit."""
    return re.sub(r"(?<=\d) (?=(?:[pnµmkMG]?[JsWB]|min|h|d|[KMG]iB)\b)", "\u00a0", text)


def cards(document: Document) -> list[Card]:
    """The headline: energy, time and memory of a training sample, and the whole training."""
    cost, memory = document["training_cost"], document["memory"]
    whole, (energy, time, mean) = cost["whole"], per_sample(document)
    of_mean = cost.get("static")
    share = of_mean["share"] if of_mean else document["energy"]["static_share"]
    static = f"{percent(share)} of it static power" if share else ""
    against, last, speed = "", "", ""
    if memory["ratio"]:
        against = (
            f"{amount(memory['ep_bytes'], 'B')} of it to learn; BPTT would keep "
            f"{digits(memory['ratio'])} times that"
        )
    if mean:
        last = f"mean over the training; {total(cost['last_epoch']['energy'])} in the last epoch"
    if mean and cost["mean"]["power"] is not None:
        speed = (
            f"{digits(cost['mean']['samples_per_second'])} a second, at "
            f"{amount(cost['mean']['power'], 'W')}; energy times delay "
            f"{total(cost['mean']['energy_delay'])}"
        )
    found = [
        card("Energy per training sample", energy, "; ".join(filter(None, (last, static)))),
        card("Time per training sample", time, speed),
        card("Memory on the chip", memory["total"], against),
    ]
    samples = f"{whole['samples']:,} samples"
    found.append(card(f"Whole training, {whole['epochs']} epochs", whole["energy"], samples))
    found.append(card("Time of the whole training", whole["time"]))
    return [*found, _error(document)]


def _error(document: Document) -> Card:
    """How well the chip's numbers do, of how many samples; the training's own."""
    replay, reached = document["replay"], document["training_cost"]["reached"]
    ended = f"the training itself ended at {reached['error']:.2f} % {reached['of']} error"
    return _ERRORS[task(replay)](replay, ended)


def _wrong(replay: Document, ended: str) -> Card:
    value = f"{missed(replay):,} of {replay['inference_samples']:,}"
    note = f"replayed {replay['split']} samples, {replay['error']:.3g} %; {ended}"
    return Card(f"Wrong in {numbers(replay)}", value, note=note)


def _unexplained(replay: Document, ended: str) -> Card:
    value = f"{replay['error']:.3g} %"
    note = f"of the variance of {replay['inference_samples']:,} {replay['split']} samples; {ended}"
    return Card(f"Unexplained in {numbers(replay)}", value, note=note)


# By the task.
_ERRORS = {"classification": _wrong, "regression": _unexplained}


def inference_cards(document: Document) -> list[Card]:
    """What classifying costs, and how well the chip's integers do it."""
    return [
        card("Energy per inference", document["energy"]["inference"]),
        card("Time per inference", document["time"]["inference"]),
        _error(document),
    ]


def comparison_cards(document: Document) -> list[list[Card]]:
    """The same three cards of every report."""
    return [
        [
            card("Energy per training sample", per_sample(report)[0]),
            card("Time per training sample", per_sample(report)[1]),
            card(
                "Whole training", report["training_cost"]["whole"]["energy"],
                wrong(report["replay"]),
            ),
        ]
        for report in document["reports"]
    ]  # fmt: skip


def facts(document: Document) -> list[tuple[str, str]]:
    """What the figures rest on: chip file, coefficients, run, seed and versions."""
    run, chip, made = document["run"], document["chip"], document["provenance"]
    replay = document["replay"]
    digest = f" (fingerprint {chip['digest']})" if chip.get("digest") else ""
    statuses = [row["status"] for row in chip["coefficients"]]
    counts = ", ".join(f"{statuses.count(one)} {one}" for one in dict.fromkeys(statuses))
    steps = f"{run['free_steps']} free, {run['nudged_steps']} nudged, β = {run['beta']:g}"
    versions = ", ".join(f"{name} {made[name]}" for name in ("eqchip", "python", "numpy", "numba"))
    chips = f"{chip['chips']} chip{'s' * (chip['chips'] != 1)}"
    return [
        ("Chip file", f"{chip['name']}{digest}, {chips}"),
        ("Coefficient set", f"{chip['title']}: {counts}"),
        ("Run", str(run["path"])),
        ("Network", f"{layers_text(run)}, {run['dataset']}, rule {run['rule']}"),
        ("Coding", f"{run['coding']}; input as {run['input']}"),
        ("Time steps", steps),
        ("Replayed", f"{replay['training_samples']} training and {replay['inference_samples']} "
                     f"{replay['split']} samples, precision {replay['precision']}"),
        ("Seed", str(run["seed"])),
        ("Versions", f"{versions}; {made['machine']}"),
        ("Command", str(made["command"])),
        ("Made", str(made["created"])),
    ]  # fmt: skip
