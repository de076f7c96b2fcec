"""When to do without Lava."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest

CI_PYTHON = (3, 10)  # the Python on which CI runs the comparisons with other simulators


@pytest.fixture(scope="session")
def lava() -> None:
    """Lava; a skip where it is not installed, but not in CI."""
    here = sys.version_info[:2] == CI_PYTHON
    if here and find_spec("lava") is not None:
        return
    why = "lava-nc is not installed for this Python (Python 3.10: pip install lava-nc==0.10.0)"
    if os.environ.get("CI") and here:
        pytest.fail(f"{why}; CI compares with it")
    pytest.skip(why)
