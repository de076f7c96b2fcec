"""How long a test that goes on for a given time may go on: `make torture SECONDS=600`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

TOTAL = 120.0  # seconds, over all tests here, where nothing is said


@pytest.fixture
def budget(request: pytest.FixtureRequest) -> float:
    """Seconds of this test: those that take a budget share them evenly."""
    here = Path(__file__).parent
    takers = [
        item
        for item in request.session.items
        if here in item.path.parents and "budget" in getattr(item, "fixturenames", ())
    ]
    return float(os.environ.get("EQCHIP_TORTURE_SECONDS", TOTAL)) / len(takers)
