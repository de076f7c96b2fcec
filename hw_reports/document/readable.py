"""Figures as a reader wants them: three digits, a fitting unit, and "unknown" where it is so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

UNKNOWN = "unknown"
PREFIXES = {12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p", -15: "f"}
# Long times, from the longest: unit, seconds, from how many of them on it is used.
LONG_TIMES = (("d", 86400.0, 2.0), ("h", 3600.0, 2.0), ("min", 60.0, 2.0))
BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
DIGITS = 3
MANY = 1e6  # counts are whole up to here, then millions


def scale(value: float, unit: str) -> tuple[float, str]:
    """A unit that fits a value, and its size in the unit given.

    Parameters
    ----------
    value : float
    unit : str
        ``J``, ``s``, ``W`` or ``B``.

    Examples
    --------
    >>> scale(0.00015, "J")
    (1e-06, 'µJ')
    >>> scale(300.0, "s")
    (60.0, 'min')
    """
    size = abs(value)
    if unit == "B":
        step = min(int(math.log(size, 1024)), len(BYTES) - 1) if size >= 1 else 0
        return 1024.0**step, BYTES[step]
    if unit == "s" and size >= 1:
        for name, seconds, least in LONG_TIMES:
            if size >= least * seconds:
                return seconds, name
        return 1.0, "s"
    if not 0 < size < math.inf:
        return 1.0, unit
    # Rounded first, so that 999.9 µJ becomes 1 mJ.
    exponent = math.floor(math.log10(float(f"{size:.{DIGITS - 1}e}")) / 3) * 3
    exponent = min(max(exponent, min(PREFIXES)), max(PREFIXES))
    return 10.0**exponent, PREFIXES[exponent] + unit


def digits(value: float) -> str:
    """Three significant digits, without an exponent, thousands set off.

    Examples
    --------
    >>> digits(0.01234), digits(5.0), digits(153.14), digits(12345.6)
    ('0.0123', '5.00', '153', '12,346')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    rounded = float(f"{value:.{DIGITS - 1}e}")
    places = max(DIGITS - 1 - math.floor(math.log10(abs(rounded))), 0)
    return f"{value:,.{places}f}"


def amount(value: float | None, unit: str) -> str:
    """A value in a unit that fits it.

    Examples
    --------
    >>> amount(0.00015314, "J"), amount(330.0, "s"), amount(440616, "B"), amount(None, "J")
    ('153 µJ', '5.50 min', '430 KiB', 'unknown')
    """
    if value is None:
        return UNKNOWN
    size, name = scale(value, unit)
    return f"{value / size:.0f} {name}" if name == "B" else f"{digits(value / size)} {name}"


def nominal(figure: Mapping[str, Any] | None) -> str:
    """The nominal value of a figure."""
    return UNKNOWN if figure is None else amount(figure["value"], figure["unit"])


def band(figure: Mapping[str, Any] | None) -> str:
    """Low to high in the nominal value's unit; nothing where they are the same.

    Examples
    --------
    >>> band({"low": 1.3e-4, "value": 1.5e-4, "high": 2.1e-4, "unit": "J"})
    '130 – 210 µJ'
    """
    if figure is None or figure["low"] == figure["high"]:
        return ""
    size, name = scale(figure["value"] or figure["high"], figure["unit"])
    return f"{digits(figure['low'] / size)} – {digits(figure['high'] / size)} {name}"


def total(value: Mapping[str, Any] | None, at_least: str = "at least ") -> str:
    """A total; with `at_least` before it where terms of it are unknown."""
    if value is None or value["figure"] is None:
        return UNKNOWN
    return (at_least if value["lacks"] else "") + nominal(value["figure"])


def short_total(value: Mapping[str, Any] | None) -> str:
    """As `total`, for narrow columns: ``≥ 373 µJ``."""
    return total(value, "≥ ")


def compared(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The published chips that learn and may stand beside a run: those that are modelled, too."""
    return [
        anchor
        for anchor in document["anchors"]
        if (anchor.get("modelled") or {}).get("training_energy")
    ]


def beside_measured(anchor: Mapping[str, Any], key: str) -> tuple[str, str]:
    """What a published chip took, and what the model says of the same: never one alone.

    Measured on other hardware than the model is of, only the model's word is shown.

    Examples
    --------
    >>> figure = {"low": 1e-6, "value": 2e-6, "high": 3e-6, "unit": "J"}
    >>> modelled = {"energy": {"figure": figure, "lacks": ["barrier energy"]}}
    >>> row = {"energy": {**figure, "value": 4e-6}, "modelled": modelled, "ratio": {"energy": 0.5}}
    >>> beside_measured(row, "energy")
    ('4.00 µJ', 'modelled ≥ 2.00 µJ, 0.500 times')
    """
    modelled, ratio = anchor["modelled"][key], anchor["ratio"][key]
    if modelled is None:
        return UNKNOWN, ""
    if ratio is None:
        return short_total(modelled), "modelled"
    return nominal(anchor[key]), f"modelled {short_total(modelled)}, {digits(ratio)} times"


def lacking(value: Mapping[str, Any] | None) -> str:
    """What a total lacks, in words; nothing if it is whole."""
    lacks = list(value["lacks"]) if value else []
    return f"without {', '.join(lacks)}" if lacks else ""


def count(value: float | None) -> str:
    """How many: whole, in millions where many, with a decimal where few.

    Examples
    --------
    >>> count(2.5), count(8400.0), count(1100000.0), count(None)
    ('2.5', '8,400', '1.10 million', 'unknown')
    """
    if value is None:
        return UNKNOWN
    if value >= MANY:
        return f"{digits(value / MANY)} million"
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def percent(share: float | None, places: int = 0) -> str:
    """A share of 1 in percent; small shares are not rounded to nothing.

    Examples
    --------
    >>> percent(0.31), percent(0.0004), percent(0.0), percent(None)
    ('31 %', '< 1 %', '0 %', 'unknown')
    """
    if share is None:
        return UNKNOWN
    if 0 < share < 0.5 * 10.0 ** -(2 + places):
        return f"< {10.0**-places:g} %"
    return f"{100 * share:.{places}f} %"


def per_sample(document: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any], bool]:
    """Energy and time of a training sample, and whether they are means over the training.

    A report of an older version has those of a sample after training alone.
    """
    mean = document["training_cost"].get("mean")
    if mean is None:
        return document["energy"]["training"], document["time"]["training"], False
    return mean["energy"], mean["time"], True


def numbers(replay: Mapping[str, Any]) -> str:
    """The numbers that samples ran in."""
    return "the chip's integers" if replay["precision"] == "chip" else str(replay["precision"])


def accuracy(document: Mapping[str, Any]) -> str:
    """What the training reached; in which numbers, where they were not the chip's."""
    found = f"{100.0 - document['training_cost']['reached']['error']:.1f} %"
    return found if document.get("learning") is not None else f"{found} in floating point"


def missed(replay: Mapping[str, Any]) -> int:
    """How many of the inference samples were classified wrongly."""
    return round(replay["error"] * replay["inference_samples"] / 100.0)


def wrong(replay: Mapping[str, Any]) -> str:
    """How many samples were wrong, or what is unexplained, of how many, in which numbers.

    Examples
    --------
    >>> wrong({"error": 10.0, "inference_samples": 20, "split": "test", "precision": "chip"})
    "2 of 20 test samples wrong (10 %) in the chip's integers"
    """
    return f"{_JUDGED[task(replay)](replay)} in {numbers(replay)}"


def task(replay: Mapping[str, Any]) -> str:
    """What outputs are for; reports of an earlier version are all of classes."""
    return str(replay.get("task", "classification"))


def _wrong(replay: Mapping[str, Any]) -> str:
    return (
        f"{missed(replay):,} of {replay['inference_samples']:,} {replay['split']} samples wrong "
        f"({replay['error']:.3g} %)"
    )


def _unexplained(replay: Mapping[str, Any]) -> str:
    return (
        f"{replay['error']:.3g} % of the variance of {replay['inference_samples']:,} "
        f"{replay['split']} samples unexplained"
    )


# By the task: what NeuroBench calls how well it is done.
NEUROBENCH = {"classification": "classification_accuracy", "regression": "r2"}
# By the task: how inference samples were judged, in a few words.
_JUDGED = {"classification": _wrong, "regression": _unexplained}


def interval(missed: int, samples: int, deviations: float = 1.96) -> tuple[float, float]:
    """Where the share of all lies, of which so many were missed among some samples.

    Wilson, J. Am. Stat. Assoc. 22:209, 1927; 1.96 standard deviations are 95 %.

    Examples
    --------
    >>> [round(end, 3) for end in interval(2, 20)]
    [0.028, 0.301]
    >>> [round(end, 3) for end in interval(0, 20)]
    [0.0, 0.161]
    """
    share, z = missed / samples, deviations**2 / samples
    middle = share + z / 2
    spread = math.sqrt(z * (share * (1 - share) + z / 4))
    low, high = ((middle + sign * spread) / (1 + z) for sign in (-1, 1))
    return max(low, 0.0), min(high, 1.0)


def name_of(key: str, labels: Mapping[str, str]) -> str:
    """The words for a kind, phase, use or resource."""
    return labels.get(key, key.replace("_", " "))
