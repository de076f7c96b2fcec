"""When to do without Brian2."""

from __future__ import annotations

import pytest
from optional_packages import need


@pytest.fixture(scope="session", autouse=True)
def _brian2_is_here() -> None:
    """A skip where Brian2 is not installed, but not in CI."""
    need("brian2", "pip install 'eqchip[brian2]'")
