"""The report as one page that needs nothing else, and its figures as PNGs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eqchip.emulator.files import replacing
from eqchip.emulator.locks import alone
from eqchip.hw_reports.document.read import COMPARISON
from eqchip.hw_reports.page import asynchronous_tables, tables
from eqchip.hw_reports.page import cost_tables as costs
from eqchip.hw_reports.page.headline import (
    cards,
    comparison_cards,
    facts,
    inference_cards,
    sentence,
)
from eqchip.hw_reports.page.svg import inline, png
from eqchip.hw_reports.page.what_if import what_if
from eqchip.hw_reports.plots.registry import (
    ASYNCHRONOUS_PLOTS,
    COMPARISON_PLOTS,
    PLOTS,
    Plot,
    drawn,
)
from eqchip.hw_reports.plots.style import WIDTH

PAGE = "report.html"
WIDE = 1.2  # of the usual width: figures from here on have a row of the page to themselves


def write_page(
    document: Mapping[str, Any], directory: Path, beside: Mapping[str, str] | None = None
) -> list[Path]:
    """Write ``report.html`` and a PNG of every figure.

    All is drawn before anything is written, and no other process writes there in between.

    Parameters
    ----------
    document : mapping
        A report, or a comparison of two.
    directory : Path
        Made, if need be; files of the same names are replaced.
    beside : mapping of str to str, optional
        Name -> text of files that belong to the page; they come last.

    Returns
    -------
    list of Path
        What was written, the page first.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    document = encodable(document)
    if document["format"] == COMPARISON:
        return _write_comparison(document, directory, beside or {})
    asynchronous = "asynchronous" in document
    found = {
        table.name: table
        for table in (
            costs.training_cost(document), costs.energy_by_kind(document),
            costs.anchors(document), tables.time(document), tables.activity(document),
            tables.layers(document), tables.resources(document), tables.memory(document),
            tables.memory_terms(document), tables.neurobench(document),
            tables.coefficients(document), tables.sensitivity(document),
            *(asynchronous_tables.page_tables(document) if asynchronous else ()),
        )
        if table is not None
    }  # fmt: skip
    context = {
        "tables": found,
        "sentence": sentence(document),
        "cards": cards(document),
        "inference_cards": inference_cards(document),
        "facts": facts(document),
        "conclusion": document.get("conclusion"),
        "what_if": what_if(document),
        "headline": document.get("headline", ()),
    }
    plots = ASYNCHRONOUS_PLOTS if asynchronous else PLOTS
    return write_template(document, directory, "report.html", plots, context, beside or {})


def _write_comparison(
    document: Mapping[str, Any], directory: Path, beside: Mapping[str, str]
) -> list[Path]:
    """The page and figures of reports side by side."""
    reports = [
        {"name": name, "title": report["title"], "cards": cards, "facts": facts(report)}
        for name, report, cards in zip(
            document["names"], document["reports"], comparison_cards(document), strict=True
        )
    ]
    context = {"reports": reports, "tables": {"comparison": costs.comparison(document)}}
    return write_template(document, directory, "comparison.html", COMPARISON_PLOTS, context, beside)


def encodable(found: Any) -> Any:
    """The document with question marks for what UTF-8 cannot hold: a path may have such bytes."""
    if isinstance(found, str):
        return found.encode(errors="replace").decode()
    if isinstance(found, Mapping):
        return {encodable(key): encodable(value) for key, value in found.items()}
    if isinstance(found, list):
        return [encodable(value) for value in found]
    return found


def _breakable(text: str) -> Any:
    """A long name may be broken after its dots and underscores, and nowhere else."""
    from markupsafe import Markup, escape

    if " " in text:
        return escape(text)
    return Markup(re.sub(r"([._])(?=[A-Za-z])", r"\1<wbr>", str(escape(text))))


def write_template(
    document: Mapping[str, Any],
    directory: Path,
    template: str,
    plots: Sequence[Plot],
    context: Mapping[str, Any],
    beside: Mapping[str, str],
) -> list[Path]:
    """Write a page from its template, its figures, and what lies beside; as :func:`write_page`."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    figures, pictures, wide = {}, {}, set()
    for plot, figure in drawn(document, tuple(plots)):
        # Made here, of escaped text: the only markup that does not come from the template.
        figures[plot.name] = Markup(inline(figure, plot.name, plot.alt))
        if figure.get_figwidth() > WIDE * WIDTH:
            wide.add(plot.name)
        pictures[directory / f"{plot.name}.png"] = png(figure)
    environment = Environment(
        loader=PackageLoader("eqchip.hw_reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["breakable"] = _breakable
    text = environment.get_template(template).render(
        document=document, figures=figures, wide=wide, **context
    )
    directory.mkdir(parents=True, exist_ok=True)
    texts = {directory / name: text.encode() for name, text in beside.items()}
    files = {directory / PAGE: text.encode(), **pictures, **texts}
    with alone(directory):
        for path, data in files.items():
            with replacing(path) as file:
                file.write(data)
    return list(files)
