"""A chip file that names another as its ``base`` and writes what differs.

What a figure tells of its origin is never taken over: a figure that is changed is the new file's,
with the source that the figure names, or else the one that the file names for all of them.
"""

from __future__ import annotations

from typing import Any

ORIGIN = ("source", "status", "confidence", "note")  # of a figure; the base's are never taken over
FOR_ALL = ("source", "status", "confidence")  # at the top of the file, for figures without
REASONS = ("unknown", "included", "absent")  # tables of why there is no figure of its own
PLAIN = ("arithmetic", *REASONS)  # tables whose entries are no figures
WITHOUT_BAND = ("cores", "capabilities")  # tables whose figures have none
NUMBERS = ("value", "low", "high")
# Keys that came after files had digests: of a document, and of its tables.
LATER = (
    *("area", "capabilities", "learning_engine", "step_floor", "absent", "hardware"),
    "fitted_on",
)
LATER_IN = {"cores": ("shared_kernels", "chips_x", "pipeline"), "arithmetic": ("outliers",)}
NO_BAND = "one figure; no band is known"

Document = dict[str, Any]


def derived(base: Document, changes: Document) -> Document:
    """The whole document of a chip that changes another.

    Parameters
    ----------
    base : dict
        A whole document, as a chip is dumped.
    changes : dict
        What its file says.

    Returns
    -------
    dict
        Without the keys of a file that has a base. Whether it makes a chip is not checked.

    Examples
    --------
    >>> old = {"value": 3.0, "low": 2.0, "high": 4.0, "unit": "pJ", "source": "a paper"}
    >>> base = {"title": "A", "energy": {"message": old}, "unknown": {"energy.spike": "nobody"}}
    >>> new = {"source": "a run", "energy": {"message": {"value": 1.0}, "spike": {"value": 2.0}}}
    >>> found = derived(base, new)
    >>> found["energy"]["message"]["source"], found["energy"]["message"]["high"], found["unknown"]
    ('a run', 1.0, {})
    """
    origin = {key: changes[key] for key in FOR_ALL if key in changes}
    own = {key: value for key, value in changes.items() if key not in ("base", *FOR_ALL)}
    found = {
        **base,
        **{key: _table(key, base.get(key), value, origin) for key, value in own.items()},
    }
    _forget(found, own)
    return {**found, **_words(base, own, origin)}


def changed(changes: Document) -> list[str]:
    """The addresses of what a file with a base says of its own."""
    found = []
    for table, entries in changes.items():
        if isinstance(entries, dict) and table not in REASONS:
            nested = all(isinstance(entry, dict) for entry in entries.values())
            found += [f"{table}.{key}" for key in entries] if nested else [table]
        elif isinstance(entries, list):
            found.append(table)
    return found


def without_nothing(table: dict[str, Any]) -> dict[str, Any]:
    """A table without empty texts, tables and arrays, which say nothing; numbers come first."""
    found = {
        key: without_nothing(value) if isinstance(value, dict) else value
        for key, value in sorted(table.items(), key=lambda entry: entry[0] not in NUMBERS)
    }
    return {key: value for key, value in found.items() if value not in ("", {}, [])}


def without_later(document: Document) -> Document:
    """A whole document as it was before there were keys that say nothing in it.

    So that what a file says has one digest in every version.
    """
    found = {key: value for key, value in document.items() if value or key not in LATER}
    for table, keys in LATER_IN.items():
        if found.get(table) is not None:
            found[table] = {
                key: value for key, value in found[table].items() if value or key not in keys
            }
    return found


def _table(key: str, old: Any, new: Any, origin: Document) -> Any:
    """One key of a document: a table of figures, a figure, rows of figures, or anything else."""
    if isinstance(new, list):
        return [_figure({}, row, origin, True) if isinstance(row, dict) else row for row in new]
    if not isinstance(new, dict):
        return new
    old = old if isinstance(old, dict) else {}
    if key in PLAIN:
        return {**old, **new}
    banded = key not in WITHOUT_BAND
    if not all(isinstance(entry, dict) for entry in new.values()):
        return _figure(old, new, origin, banded)
    figures = {name: _figure(old.get(name, {}), one, origin, banded) for name, one in new.items()}
    return {**old, **figures}


def _figure(old: Document, new: Document, origin: Document, banded: bool) -> Document:
    """A figure, or another thing with a source: what the new file does not say is the base's."""
    kept = {key: value for key, value in old.items() if key not in ORIGIN}
    if "value" in new and banded and not {"low", "high"} & set(new):
        band = {"low": new["value"], "high": new["value"], "note": NO_BAND}
        return {**kept, **origin, **band, **new}
    return {**kept, **origin, **new}


def _forget(found: Document, own: Document) -> None:
    """A figure that is given is not unknown any more, and one that is unknown not given.

    And one that has another reason has the old one no longer.
    """
    figures = {
        address
        for name, entries in own.items()
        if isinstance(entries, dict) and name not in PLAIN
        for address in (name, *(f"{name}.{key}" for key in entries))
    }
    reasons = {table: _entries_of(own, table) for table in REASONS}
    for table, entries in reasons.items():
        if not isinstance(found.get(table, {}), dict):  # which is refused when it is checked
            continue
        others = (reasons[other] for other in REASONS if other != table)
        given = figures.union(*others) - {*entries}
        kept = _entries_of(found, table).items()
        found[table] = {address: why for address, why in kept if address not in given}
    for address in (address for entries in reasons.values() for address in entries):
        table, _, key = address.partition(".")
        if not key:
            found.pop(table, None)
        elif key in _entries_of(found, table) and key not in _entries_of(own, table):
            found[table] = {name: one for name, one in found[table].items() if name != key}


def _entries_of(document: Document, table: str) -> Document:
    """The entries of a table; none where there is none, or another thing."""
    entries = document.get(table)
    return entries if isinstance(entries, dict) else {}


def _words(base: Document, own: Document, origin: Document) -> Document:
    """Title, origin and description, where the file has none of its own."""
    what = ", ".join(changed(own)) or "nothing"
    source = origin.get("source")
    said = {
        "title": f"{base['title']}, changed",
        "origin": f"{base.get('origin')}; {source}" if source else base.get("origin"),
        "description": f"As {base.get('name')}, but for {what}.\n{base.get('description')}",
    }
    return {key: text for key, text in said.items() if key not in own}
