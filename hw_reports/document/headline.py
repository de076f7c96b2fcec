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
    name_of,
    numbers,
    percent,
    short_total,
    task,
    total,
)
from eqchip.mapping.kinds import POWER, names_of

Document = Mapping[str, Any]
STATIC = "static"  # the kind of event
MOST = 0.5  # share of the energy from which static power is what to conclude


def headline(document: Document) -> list[str]:
    """The sentences, in the order in which they are read.

    Parameters
    ----------
    document : mapping
        A report but for its headline.
    """
    return [text for of in ABOUT for text in of(document)]


def conclusion(document: Document) -> str:
    """What decides the energy of a training sample, and what would lower it: one sentence or two.

    Parameters
    ----------
    document : mapping
        A report; its conclusion is not asked for.
    """
    found, mapping = document["training_cost"].get("static"), document["mapping"]
    labels, whole = document["labels"], document["energy"]["training"]["figure"]
    if found is not None and found["share"] >= MOST:
        told = f"{percent(found['share'])} of the energy is static power"
        if mapping is None:
            return f"{told}, drawn for as long as a sample takes: what is faster is cheaper."
        used, there = mapping["cores_used"], mapping["cores_available"]
        whose = f"{told} of chips of which {used:,} of {there:,} cores work"
        if document["chip"]["chips"] == 1:
            whose = f"{told} of a chip of which {used:,} of {there:,} cores work"
        if used == there:
            return f"{whose}: what is faster is cheaper."
        gated = found["gated"]
        mean = document["training_cost"]["mean"]["energy"]["figure"]["value"]
        times = digits(mean / gated["figure"]["value"])
        return (
            f"{whose}. Were the idle ones switched off, or shared with other networks, a sample "
            f"would take {total(gated)}: {times} times less."
        )
    joules = {
        kind: figure["value"]
        for kind, groups in document["energy"]["by_kind"].items()
        if (figure := groups["training"])
    }
    if not joules or not whole or not whole["value"]:
        return ""
    most = max(joules, key=lambda kind: joules[kind])
    return (
        f"The largest part of the energy, {percent(joules[most] / whole['value'])}, goes to "
        f"{name_of(most, labels)}."
    )


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
    judged = JUDGED[task(document["replay"])](document["replay"])
    return [f"{judged}. Training, {how}, ended at {trained['error']:.2f} % {trained['of']} error."]


def _classified(replay: Document) -> str:
    low, high = interval(missed(replay), replay["inference_samples"])
    return (
        f"In {numbers(replay)}, {missed(replay):,} of {replay['inference_samples']:,} "
        f"{replay['split']} samples were classified wrongly: {replay['error']:.3g} %, and from so "
        f"many samples the error of all lies between {100 * low:.2g} and {100 * high:.2g} % "
        "(95 % interval of Wilson)"
    )


def _predicted(replay: Document) -> str:
    return (
        f"In {numbers(replay)}, {replay['error']:.3g} % of the variance of the targets of "
        f"{replay['inference_samples']:,} {replay['split']} samples stays unexplained: R2 is "
        f"{1 - replay['error'] / 100:.3g}"
    )


# By the task: how well the chip's numbers do.
JUDGED = {"classification": _classified, "regression": _predicted}


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


def processors(document: Document) -> list[str]:
    """How the run compares with processors: with the one that trained it, and with floors."""
    found, mean = [], document["training_cost"]["mean"]
    by, joules = document.get("trained_by"), mean["energy"]["figure"]
    if by is not None and by["slower"] and by["even_power"]:
        found.append(
            f"The processor that trained this run took {amount(by['time'], 's')} a sample, "
            f"measured; the chip takes {total(mean['time'])}, {digits(by['slower'])} times that, "
            f"and less energy if that processor drew more than {amount(by['even_power'], 'W')}."
        )
    floors = [base for base in document["baselines"] if base["training"]["figure"]]
    if joules is not None and joules["value"] and floors:
        told = [
            f"{base['title']} {short_total(base['training'])} "
            f"({digits(joules['value'] / base['training']['figure']['value'])} times)"
            for base in floors
        ]
        found.append(
            "At the least that arithmetic and memory take on processors, a sample costs (and this "
            f"run, of what is known of both, so many times that): {'; '.join(told)}."
        )
    return found


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
    modelled, error, lost, cost, static, prices, moving, processors,
)  # fmt: skip
