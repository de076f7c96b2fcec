"""Options of a command line, with others in their place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def replaced(line: Sequence[str], *others: str) -> list[str]:
    """A command line whose options are `others` where these name them: none is given twice.

    Each option is a flag and, unless another flag follows, its value.
    """
    named = {word for word in others if word.startswith("--")}
    kept = [
        word
        for before, word in pairwise(["", *line])
        if word not in named and (before not in named or word.startswith("--"))
    ]
    return [*kept, *others]
