"""Text from files is text: how it is shown."""

from __future__ import annotations

import re

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
