"""The process that answers for SANA-FE, and when to do without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest

from eqchip.backends.sanafe.peer import SanafeProcess, interpreter

CI_PYTHON = (3, 10)  # the Python on which CI runs the comparisons with other simulators


@pytest.fixture(scope="session")
def sanafe() -> Iterator[SanafeProcess]:
    """SANA-FE in a process of its own; a skip where it is not installed, but not in CI."""
    python = interpreter()
    if python is None:
        why = "sanafe is not installed for this Python (pip install sanafe==2.2.9)"
        if os.environ.get("CI") and sys.version_info[:2] == CI_PYTHON:
            pytest.fail(f"{why}; CI compares with it")
        pytest.skip(why)
    with SanafeProcess(python) as process:
        yield process
