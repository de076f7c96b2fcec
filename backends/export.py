"""A trained network, written for another tool: ``eqchip.export``.

A tool is a row of `TARGETS`: its module has a function ``export_run(run, path, progress,
**settings)`` that returns the files it wrote, and the row names the settings that it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from eqchip.backends.crosscheck import Checked
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.training.runs import RunDirectory


class Target(NamedTuple):
    """Where a tool's files are written, and what can be said of them."""

    module: str
    settings: tuple[str, ...]


TARGETS = {
    "lava": Target("eqchip.backends.lava.export", ("precision", "samples", "free_steps", "data")),
    "nir": Target("eqchip.backends.nir.write", ()),
}


def export(
    run: RunDirectory | str | Path,
    path: str | Path,
    *,
    to: str,
    precision: Checked | None = None,
    samples: int | None = None,
    free_steps: int | None = None,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the trained network of a run for another tool.

    Parameters
    ----------
    run : RunDirectory or path
    path : path
        The directory or file to write.
    to : {"lava", "nir"}
        lava: a directory with Processes, weights and a run script. nir: one file.
    precision : {"chip", "float64"}, optional
        lava: numbers to compute in. Default: a chip's integers.
    samples : int, optional
        lava: test samples to go with it. Default: 10.
    free_steps : int, optional
        lava: steps of the free phase. Default: as in training.
    data : path, optional
        lava: directory of the IDX files. Default: EQCHIP_DATA, or a download.
    progress : Progress, optional

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    InputError
        If there is no trained network, the tool's format cannot say it, or it does not take a
        setting.
    """
    if to not in TARGETS:
        raise InputError(f"export: to is {to!r}; expected one of {', '.join(TARGETS)}")
    run, target = RunDirectory.of(run), TARGETS[to]
    settings = {
        "precision": precision, "samples": samples, "free_steps": free_steps, "data": data
    }  # fmt: skip
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name not in target.settings:
            others = [other for other, one in TARGETS.items() if name in one.settings]
            raise InputError(
                f"--{name.replace('_', '-')} is given with --to {to}; "
                f"expected it with --to {' or '.join(others)}"
            )
    write: Callable[..., list[Path]] = import_module(target.module).export_run
    return write(run, Path(path), progress, **given)
