"""A run directory: all that repeats, resumes and reports a training run.

============================  ================================================
``config.toml``               all settings, versions and seed
``metrics.jsonl``             append-only: a line an epoch, a last line for the test
``checkpoint.npz``            where training stands; replaced as a whole
``network.npz``               the network as of the last whole epoch, with the mirrored copy of
                              its weights where the chip learned
``activity.json``             what the last epoch did: counts per phase and layer
``report/``                   plots
============================  ================================================
"""

from __future__ import annotations

import math
import platform
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.arrays import open_arrays
from eqchip.emulator.description import notation
from eqchip.emulator.description.config import Config, read_config, to_toml
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.files import leftovers, write_arrays, write_text
from eqchip.emulator.locks import LOCK_FILE, claimed
from eqchip.emulator.progress import Progress
from eqchip.emulator.text import html_table, shortened
from eqchip.emulator.training.activity_file import read_firing_rates, write_activity
from eqchip.emulator.training.metrics_file import (
    append_metrics,
    drop_metrics_after,
    flat_metrics,
    read_metrics,
)
from eqchip.emulator.training.network_file import load_mirror, load_network, save_network

CHECKPOINT_FORMAT = "eqchip-checkpoint 2"


def versions() -> dict[str, str]:
    """Of what computed, and on which machine."""
    found = {}
    for package in ("eqchip", "numpy", "numba"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return {**found, "python": platform.python_version(), "machine": platform.machine()}


def provenance(command: str = "") -> dict[str, Any]:
    """Versions, machine and time, for every file that holds results."""
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return {**versions(), "created": created, "command": command}


Own = TypeVar("Own", bound="RunDirectory")


class RunDirectory:
    """The files of one training run.

    Parameters
    ----------
    path : Path
        Of an existing run; :meth:`create` makes a new one.

    Raises
    ------
    InputError
        If there is no run in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        if not (self.path / "config.toml").is_file():
            raise InputError(
                f"{self.path}: no run here (config.toml is missing){_begun(self.path)}"
            )
        self.config = read_config(self.path / "config.toml")

    @classmethod
    def of(cls, run: RunDirectory | str | Path) -> RunDirectory:
        """The run, or the one at this path."""
        return run if isinstance(run, RunDirectory) else cls(Path(run))

    @classmethod
    def create(cls: type[Own], path: Path, config: Config, command: str = "") -> Own:
        """Make a new run directory.

        Raises
        ------
        InputError
            If the path exists and is not an empty directory.
        OSError
            If it cannot be made.
        """
        path = Path(path)
        _check_new(path)
        path.mkdir(parents=True, exist_ok=True)
        with claimed(path, "making a run here"):
            _check_new(path)  # by another process meanwhile
            write_text(path / "config.toml", to_toml(config, provenance(command)))
        return cls(path)

    def claim(self, progress: Progress | None = None) -> AbstractContextManager[None]:
        """Keep other processes from training this run meanwhile; see :func:`claimed`.

        Raises
        ------
        InputError
            If another process trains it.
        """
        return claimed(self.path, "training this run", progress)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.path}: {self.config.written} on {self.config.dataset})"

    def records(self) -> list[dict[str, Any]]:
        """The lines of :meth:`metrics` as flat dictionaries, for pandas.

        Keys are those of ``metrics.jsonl`` (``docs/files.md``); what is a list there is a key for
        each of its numbers, ``spikes_by_layer_per_sample.0`` and so on. A line an epoch, and the
        last for the test.

        Raises
        ------
        InputError
            As :meth:`metrics`.
        """
        return [dict(flat_metrics(row)) for row in self.metrics()]

    def _repr_html_(self) -> str:
        """In a notebook: how its training went."""
        heads = ("epoch", "train_error", "validation_error", "test_error", "spikes_per_sample")
        rows = [[row.get(name) for name in heads] for row in self.records()]
        return html_table(repr(self), [name.replace("_", " ") for name in heads], rows)

    @property
    def report(self) -> Path:
        """The directory of plots, made when first asked for."""
        (self.path / "report").mkdir(exist_ok=True)
        return self.path / "report"

    def save_checkpoint(self, state: dict[str, np.ndarray], seconds: float) -> None:
        """Replace the checkpoint; `seconds` is the time spent in training so far."""
        write_arrays(
            self.path / "checkpoint.npz",
            CHECKPOINT_FORMAT,
            {**state, "digest": np.array(self.config.digest()), "seconds": np.array(seconds)},
        )

    def load_checkpoint(
        self, like: Mapping[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], float] | None:
        """The last checkpoint's state and seconds; None if there is none yet.

        Parameters
        ----------
        like : mapping of str to ndarray
            The arrays of a state, of which names, types and shapes are taken: that of
            :meth:`~eqchip.emulator.training.trainer.Trainer.state`. Nothing else is read.

        Raises
        ------
        InputError
            If the file is damaged, or belongs to other settings.
        """
        path = self.path / "checkpoint.npz"
        if not path.exists():
            return None
        with open_arrays(path, CHECKPOINT_FORMAT) as file:
            digest = file.text("digest") or "missing"
            if digest != self.config.digest():
                raise InputError(
                    f"made with other settings (fingerprint {shortened(digest, 40)}); "
                    f"expected those of config.toml ({self.config.digest()})"
                )
            header = file.headers.get("seconds")
            number = header is not None and (header.shape, header.dtype.kind) == ((), "f")
            seconds = float(file.values("seconds")) if number else math.nan
            if not 0 <= seconds < math.inf:
                shown = seconds if number else "missing or no number"
                raise InputError(f"seconds is {shown}; expected a number of at least 0")
            return {name: file.array(name, array) for name, array in like.items()}, seconds

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a line to ``metrics.jsonl``."""
        append_metrics(self.path, row)

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``; a line cut short by a kill is left out.

        Raises
        ------
        InputError
            If a line is not a metrics line, or there are two of an epoch.
        """
        return read_metrics(self.path)

    def drop_metrics_after(self, epoch: int) -> None:
        """Forget lines of epochs that the checkpoint does not hold: they will be run again.

        Of several lines of an epoch the last is kept.

        Raises
        ------
        InputError
            If a line is not a metrics line, or that of an epoch is missing.
        """
        drop_metrics_after(self.path, epoch)

    def save_network(self, network: Network, mirror: Sequence[np.ndarray] = ()) -> None:
        """Replace ``network.npz``; `mirror` as for :func:`save_network`."""
        save_network(self.path / "network.npz", network, mirror)

    def network(self) -> Network:
        """The trained network of Equilibrium Propagation; see :meth:`weights`.

        Raises
        ------
        InputError
            As :meth:`weights`, or if a rule of integrate-and-fire units trained it: its units are
            others.
        """
        if self.config.spiking is not None:
            raise InputError(
                f"{self.path}: trained by rule {self.config.spiking.name!r}, whose units integrate "
                "and fire; expected a run of Equilibrium Propagation"
            )
        return self.weights()

    def weights(self) -> Network:
        """The trained weights and biases, of the shape that the configuration names.

        Raises
        ------
        InputError
            If the file is missing, damaged, or of another shape.
        """
        path = self.path / "network.npz"
        network = load_network(path)
        layers = self.config.wired
        linked = tuple(one.link for one in notation.links(layers, self.config.links))
        chain = network.connections[: network.chain_length]
        if notation.connections(layers) != chain or linked != network.links:
            found = (notation.written(notation.of_network(network)), *notation.links_of(network))
            raise InputError(
                f"{path}: layers are {' '.join(found)}; "
                f"expected those of config.toml, {self.config.written}"
            )
        return network

    def mirror(self) -> tuple[np.ndarray, ...] | None:
        """The weights that feedback spikes read, of every connection but the first.

        None where the file has none: the weights are the network's own, or an older version
        trained the run on a chip and kept only these.

        Raises
        ------
        InputError
            As :meth:`network`, or if a weight is missing, of another shape, or not finite.
        """
        return load_mirror(self.path / "network.npz", self.network())

    def save_activity(self, activity: Activity) -> None:
        """Replace ``activity.json``."""
        write_activity(self.path, activity)

    def firing_rates(self) -> list[float]:
        """Spikes per unit and step of every layer, as counted in the last epoch of training.

        Raises
        ------
        InputError
            If the run has no activity, or the file is damaged.
        """
        return read_firing_rates(self.path, self.config)


def _check_new(path: Path) -> None:
    """Refuse a directory that holds anything but what a start that was killed leaves."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: exists and is no directory; expected a new directory")
    if path.is_dir() and not _is_bare(path):
        raise InputError(
            f"{path}: exists and is not empty; expected a new directory, "
            "or --resume to go on with the run in it"
        )


def _is_bare(folder: Path) -> bool:
    """Whether there is nothing in a directory but what a start that was killed leaves."""
    names = {path.name for path in folder.iterdir()}
    return names <= {LOCK_FILE, *leftovers(names)}


def _begun(folder: Path) -> str:
    """What can be done about a run without settings, if a killed start left it."""
    begun = folder.is_dir() and (folder / LOCK_FILE).exists() and _is_bare(folder)
    return "; killed before its settings were written, it can be begun again there" * begun


def free_path(path: Path) -> Path:
    """The path, or the first of path-2, path-3, ... that does not exist."""
    number, candidate = 1, path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def command_line() -> str:
    """The command as typed, for provenance."""
    program = Path(sys.argv[0]).name.replace("__main__.py", "eqchip")
    return " ".join([program, *sys.argv[1:]])
