"""Figures for a page: vector pictures inside it, or dots where there are too many shapes."""

from __future__ import annotations

import base64
import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 200
MOST_VECTOR = 150_000  # letters of an SVG; a longer one is slower to draw than a PNG, and no finer


def png(figure: Figure) -> bytes:
    """A figure as a PNG."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, metadata={"Software": None})
    return file.getvalue()


def inline(figure: Figure, name: str, alt: str) -> str:
    """A figure as markup for the body of a page: an ``svg``, or an ``img`` that holds a PNG.

    Parameters
    ----------
    figure : Figure
    name : str
        Begins every id in it: figures of one page must not share any.
    alt : str
        What it shows, for those who do not see it.
    """
    vector = _svg(figure, name, alt)
    if len(vector) <= MOST_VECTOR:
        return vector
    data = base64.b64encode(png(figure)).decode("ascii")
    width, height = (round(96 * inches) for inches in figure.get_size_inches())
    return (
        f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}">'
    )


def _svg(figure: Figure, name: str, alt: str) -> str:
    from matplotlib import rc_context

    file = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    # The salt: without it ids are random, and a page is never the same twice.
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(file, format="svg", metadata=nothing)
    text = file.getvalue()
    text = text[text.index("<svg") :]
    # A style within the body would hold for the whole page; the page has it for figures alone.
    for pattern in (r"<metadata>.*?</metadata>", r"<style.*?</style>", r"<defs>\s*</defs>"):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+<", "<", text)
    text = text.replace("xlink:href=", "href=")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'\bhref="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    width, height = 72 * figure.get_size_inches()
    opening = (
        f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(alt)}" '
        f'width="{96 / 72 * width:.0f}" height="{96 / 72 * height:.0f}">'
    )
    return re.sub(r"<svg[^>]*>", lambda _: opening, text, count=1).strip()
