"""From a document to what is shown of it: files, and what a terminal prints.

A document just made and one read from a file go the same way, so a report of yesterday can be
drawn again by a newer version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from eqchip.hw_reports.document.read import COMPARISON, REPORT, RULE_REPORT, read_report, whole
from eqchip.hw_reports.page.rule import write_rule_page
from eqchip.hw_reports.page.write import PAGE, write_page
from eqchip.hw_reports.show import rule, terminal
from eqchip.hw_reports.show.csv import csv_text
from eqchip.hw_reports.show.table import Table


class Drawn(NamedTuple):
    """A report, its page on disk, and what a terminal shows of it.

    That is the first table, the headline, the other tables, and then sentences.
    """

    document: Mapping[str, Any]
    page: Path
    headline: Sequence[str]
    tables: Sequence[Table]
    sentences: Sequence[str]


class Form(NamedTuple):
    """How documents of a format are shown: tables and sentences, the CSV if any, and the page."""

    tables: Callable[[Mapping[str, Any]], list[Table]]
    sentences: Callable[[Mapping[str, Any]], Sequence[str]]
    csv: Callable[[Mapping[str, Any]], str] | None
    page: Callable[[Mapping[str, Any], Path, Mapping[str, str]], list[Path]]


def _comparison(document: Mapping[str, Any]) -> list[Table]:
    return [terminal.comparison(document)]


def _notes(document: Mapping[str, Any]) -> Sequence[str]:
    notes: Sequence[str] = document["notes"]
    return notes


# By the format of a document.
FORMS: dict[str, Form] = {
    REPORT: Form(terminal.tables, terminal.sentences, csv_text, write_page),
    COMPARISON: Form(_comparison, _notes, None, write_page),
    RULE_REPORT: Form(rule.tables, rule.sentences, rule.csv_text, write_rule_page),
}


def write(document: Mapping[str, Any], folder: Path) -> Drawn:
    """Write report.json, report.html with its pictures, and, of a single report, report.csv.

    Parameters
    ----------
    document : mapping
        A report, or a comparison of two.
    folder : Path
        Made, if need be.
    """
    form = FORMS[document["format"]]
    beside = {"report.json": json.dumps(document, indent=1, allow_nan=False) + "\n"}
    if form.csv is not None:
        beside["report.csv"] = form.csv(document)
    found = shown(document, folder)
    form.page(document, folder, beside)
    return found


def shown(document: Mapping[str, Any], folder: Path) -> Drawn:
    """What a terminal shows of a document whose page is in a folder."""
    form = FORMS[document["format"]]
    tables, lines = form.tables(document), form.sentences(document)
    first = [document["conclusion"]] if document.get("conclusion") else []
    return Drawn(document, folder / PAGE, [*first, *document.get("headline", ())], tables, lines)


def draw(report: str | Path, folder: str | Path) -> Drawn:
    """Draw a saved report again: no run and no chip file is needed for it.

    Parameters
    ----------
    report : path
        A ``report.json``, of this version or of an older one.
    folder : path
        Where to write. Where the report is, its pictures and tables are replaced; those of an older
        version's CSV say more than its report.json (see `csv_text`).

    Returns
    -------
    Drawn

    Raises
    ------
    InputError
        In one line, if the file cannot be read, is no report, or is damaged. Nothing is written
        then.
    """
    path = Path(report)
    document = read_report(path)
    with whole(path):
        return write(document, Path(folder))
