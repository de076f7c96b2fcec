"""What a report says first, in words: each a function of the document.

Whoever reads nothing else shall not mistake what is modelled, calibrated, measured, simulated or
unknown, nor how well the chip's integers classify.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from eqchip.hw_reports.document import moves
from eqchip.hw_reports.document.labels import STATUSES
from eqchip.hw_reports.document.readable import (
    amount,
    digits,
    interval,
    missed,
    numbers,
    percent,
    total,
)
from eqchip.mapping.kinds import POWER, names_of

Document = Mapping[str, Any]
STATIC = "static"  # the kind of event


def headline(document: Document) -> list[str]:
    """The sentences, in the order in which they are read.

    Parameters
    ----------
    document : mapping
        A report but for its headline.
    """
    return [text for of in ABOUT for text in of(document)]


def modelled(document: Document) -> list[str]:
    """What was simulated, and what prices it."""
    replay, chip = document["replay"], document["chip"]
    return [
        f"Modelled, not measured: {replay['training_samples']:,} training and "
        f"{replay['inference_samples']:,} {replay['split']} samples were simulated in "
        f"{numbers(replay)}, and what they did is priced with figures of the chip file "
        f"{chip['name']}."
    ]


def error(document: Document) -> list[str]:
    """How well the chip's numbers classify; and what the training said of itself."""
    trained = document["training_cost"]["reached"]
    how = "on the chip" if document["learning"] is not None else "in floating point"
    return [
        f"{_classified(document['replay'])}. Training, {how}, ended at {trained['error']:.2f} % "
        f"{trained['of']} error."
    ]


def _classified(replay: Document) -> str:
    low, high = interval(missed(replay), replay["inference_samples"])
    return (
        f"In {numbers(replay)}, {missed(replay):,} of {replay['inference_samples']:,} "
        f"{replay['split']} samples were classified wrongly: {replay['error']:.3g} %, and from so "
        f"many samples the error of all lies between {100 * low:.2g} and {100 * high:.2g} % "
        "(95 % interval of Wilson)"
    )


def lost(document: Document) -> list[str]:
    """How many weights the codes of the chip lose, and in which connections most of them."""
    found = document["replay"]["lost"] or []
    told = []
    for what, words in (("vanished", "become 0"), ("clipped", "are clipped")):
        of = [
            f"{one[what]:,} of {one['weights']:,} in connection {one['connection']}"
            for one in found
            if one[what]
        ]
        if of:
            told.append(f"{', '.join(of)} {words}")
    if not told:
        return []
    return [f"Of the weights other than 0, in codes of {found[0]['bits']} bits: {'; '.join(told)}."]


def cost(document: Document) -> list[str]:
    """What learning from a sample costs: the mean over the training, beside the last epoch."""
    found, last = document["training_cost"]["mean"], document["training_cost"]["last_epoch"]
    epochs = document["training_cost"]["whole"]["epochs"]
    lines = [
        f"Learning from a sample costs {_both(found)}: the mean over {epochs:,} "
        f"epoch{'s' * (epochs != 1)} of training; in the last, {_both(last)}."
    ]
    if found["power"] is not None:
        lines.append(
            f"That is {amount(found['power'], 'W')} on average, "
            f"{digits(found['samples_per_second'])} samples a second, and an energy times delay of "
            f"{total(found['energy_delay'])}."
        )
    return lines


def _both(cost: Document) -> str:
    """Energy and time of a sample."""
    energy, time = cost["energy"], cost["time"]
    joules = "an unknown energy" if energy["figure"] is None else total(energy)
    return f"{joules} and {'an unknown time' if time['figure'] is None else total(time)}"


def static(document: Document) -> list[str]:
    """The share of static power, and of what; and those of other powers."""
    share, mapping = document["energy"]["static_share"], document["mapping"]
    if not share:
        return []
    others = "".join(
        f", {percent(of)} {document['labels'][kind]}" for kind, of in _powers(document) if of
    )
    if mapping is None:
        return [f"{percent(share)} of the energy is static power{others}."]
    chips = document["chip"]["chips"]
    whose = "a chip of which" if chips == 1 else f"{chips} chips of which"
    return [
        f"{percent(share)} of the energy is static power of {whose} {mapping['cores_used']:,} of "
        f"{mapping['cores_available']:,} cores work{others}."
    ]


def _powers(document: Document) -> list[tuple[str, float]]:
    """The kinds that are powers beside static power, with their shares of the energy."""
    whole, found = document["energy"]["training"]["figure"], []
    for kind in names_of(POWER):
        figure = document["energy"]["by_kind"].get(kind, {}).get("training")
        if kind != STATIC and figure is not None:
            found.append((kind, figure["value"] / whole["value"]))
    return found


def prices(document: Document) -> list[str]:
    """How the figures that priced it came about, and what no figure is known of."""
    found = []
    for what in ("energy", "time"):
        shares: dict[str, float] = {}
        for row in document["chip"]["coefficients"]:
            # A clock's share is that of the energy of its cycles, which is told already.
            if row["share"] and row["share_of"] == what and row["name"] != "clock":
                words = STATUSES.get(row["status"], row["status"])
                if row["name"].startswith("static_power"):
                    words = f"{words}, but drawn over a time that is modelled"
                shares[words] = shares.get(words, 0.0) + row["share"]
        told = [
            f"{percent(share)} {words}"
            for words, share in sorted(shares.items(), key=lambda one: -one[1])
        ]
        if told:
            found.append(f"{what} is priced by figures that are {'; '.join(told)}")
    lacks = dict.fromkeys(
        name for what in ("energy", "time") for name in document[what]["training"]["lacks"]
    )
    if lacks:
        found.append(f"unknown and left out: {', '.join(lacks)}")
    return [f"{capital(text)}." for text in found]


def capital(text: str) -> str:
    """The text with a capital to begin with."""
    return text[:1].upper() + text[1:]


def moving(document: Document) -> list[str]:
    """The coefficients with which a training sample's energy and time move most."""
    section = document.get("sensitivity")
    names = ("training_energy", "training_time")
    return (
        []
        if section is None
        else [moves.sentence(section, name, document["labels"]) for name in names]
    )


# In the order in which they are read.
ABOUT: tuple[Callable[[Document], list[str]], ...] = (
    modelled, error, lost, cost, static, prices, moving,
)  # fmt: skip
