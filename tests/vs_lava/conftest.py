"""When to do without Lava, and a Python that knows Lava alone."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

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


@pytest.fixture(scope="session")
def python_without_eqchip(tmp_path_factory) -> str:
    """A virtual environment with the packages of this one, eqchip aside."""
    home = tmp_path_factory.mktemp("fresh")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    inside = home / "lib" / f"python3.{sys.version_info[1]}" / "site-packages"
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "eqchip" not in entry.name and entry.suffix != ".pth":
            (inside / entry.name).symlink_to(entry)
    python = str(home / "bin" / "python")
    found = subprocess.run(
        [python, "-c", "import eqchip"], cwd=home, capture_output=True, text=True, check=False
    )
    assert "No module named 'eqchip'" in found.stderr
    return python
