"""Packages that an installation may lack, but CI may not."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest

CI_PYTHON = (3, 10)  # the Python on which CI compares with other simulators


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported for it."""
    return find_spec(package) is not None


def need(package: str, remedy: str) -> None:
    """Skip the test where a package is not installed; fail it in CI, which installs it."""
    if is_installed(package):
        return
    why = f"{package} is not installed for this Python ({remedy})"
    if os.environ.get("CI") and sys.version_info[:2] == CI_PYTHON:
        pytest.fail(f"{why}; CI tests it")
    pytest.skip(why)
