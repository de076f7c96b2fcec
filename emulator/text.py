"""Text from files is text: how it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

# What a terminal obeys instead of showing it (C0 and C1 of ISO 6429, but for tab and line feed);
# what turns the direction of a line (Unicode 15, Bidi_Control) or ends one; halves of a pair,
# which no encoding knows.
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
_CUT = " ... "


def harmless(text: str) -> str:
    r"""A text in which nothing is obeyed by a terminal; tabs and line feeds stay.

    Whatever may come from a file, a name of one included, passes through here before it is
    printed.

    Examples
    --------
    >>> harmless("a title\x1b]0;pwned\x07")
    'a title\\x1b]0;pwned\\x07'
    """
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], text)


def shortened(text: str, most: int) -> str:
    """A text without its middle where it is longer than `most` characters.

    Examples
    --------
    >>> shortened("what is wrong, of 0123456789; expected another", 34)
    'what is wrong,  ... pected another'
    """
    if len(text) <= most:
        return text
    head = (most - len(_CUT) + 1) // 2
    return text[:head] + _CUT + text[len(text) - (most - len(_CUT) - head) :]


def html_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table for a notebook; numbers with thousands apart, what is None left empty.

    Examples
    --------
    >>> html_table("two", ["a"], [[1000]])
    '<table><caption>two</caption><tr><th>a</th></tr><tr><td>1,000</td></tr></table>'
    """
    lines = [("th", heads), *(("td", row) for row in rows)]
    body = "".join(
        f"<tr>{''.join(f'<{tag}>{escape(_cell(one))}</{tag}>' for one in row)}</tr>"
        for tag, row in lines
    )
    return f"<table><caption>{escape(title)}</caption>{body}</table>"


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else harmless(str(value))
