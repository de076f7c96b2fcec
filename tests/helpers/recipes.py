"""Functions that the docs show: taken from the page, so that what is shown is what is tested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

import eqchip as eq

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"


def recipe(tool: str) -> Any:
    """The function in the block of the page that is marked with a tool's name."""
    (block,) = re.findall(rf"<!-- {tool} -->\n```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    found: dict[str, Any] = {"np": np, "eq": eq}
    exec(block, found)
    return found[f"from_{tool}"]
