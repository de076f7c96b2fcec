"""A graph as a folder that another tool's user runs, without eqchip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import write_text

README = """# A spiking network for {tool}

    pip install {package}
    python run.py . inputs.npz results.npz

| file | |
|---|---|
| `network.json` | populations and synapses in {tool}'s words |
| `network.npz` | parameters, weights and delays |
| `inputs.npz` | what it is given, an array (steps, samples, units) by population: spikes of inputs, currents of others; replace it by your own |
| `run.py` | `load`, `build`, `run`: {built}; needs {package} and numpy alone |

`results.npz` then holds `<population> spikes` and `<population> potentials`, (steps, samples, units) each.
Units stand row by row, channels of a place together. A spike that is sent at step t arrives at step t + 1, and later
by the delay of its synapse. {more}
"""  # noqa: E501


def write_described(
    folder: Path, described: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Write ``network.json`` and ``network.npz``, which a builder loads."""
    write_text(folder / "network.json", json.dumps(described, indent=1) + "\n")
    np.savez(folder / "network.npz", **arrays)


def write_folder(
    directory: Path,
    described: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    given: Mapping[str, np.ndarray],
    *,
    builder: Path,
    words: Mapping[str, str],
) -> list[Path]:
    """Write a described graph with the program that builds and runs it.

    Parameters
    ----------
    directory : Path
        Made if need be; must be empty.
    described, arrays
        For the builder.
    given : mapping of ndarray
        (steps, samples, units) by population.
    builder : Path
        The module that becomes ``run.py``.
    words : mapping of str
        What the README says of the tool: tool, package, built, more.

    Raises
    ------
    InputError
        If the directory is in use.
    """
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise InputError(f"export: {directory} is in use; expected a new or empty directory")
    directory.mkdir(parents=True, exist_ok=True)
    write_described(directory, described, arrays)
    np.savez(directory / "inputs.npz", **given)
    text = builder.read_text(encoding="utf-8").replace("python -m <this module>", "python run.py")
    write_text(directory / "run.py", text)
    write_text(directory / "README.md", README.format(**words))
    return sorted(path for path in directory.iterdir() if path.is_file())
