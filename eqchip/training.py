"""A network trained from settings, or from a run that was interrupted: ``eqchip.train``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.compiling import running_clock
from eqchip.emulator.data.dataset import NAMES, Dataset
from eqchip.emulator.data.datasets import from_file, load
from eqchip.emulator.data.folders import is_folder
from eqchip.emulator.description import notation
from eqchip.emulator.description.asynchronous import Timing, describe
from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.classifier import Tally
from eqchip.emulator.training.fit import CHECKPOINT_MINUTES, Callback, Outcome, end_epoch, fit
from eqchip.emulator.training.run_data import check_name, data_of
from eqchip.emulator.training.runs import command_line, free_path
from eqchip.emulator.training.trainers import make_trainer
from eqchip.hw_reports.studies.learning_curves import learning_curves
from eqchip.runs import RunDirectory, load_run
from eqchip.settings import configuration

FORMAT = "eqchip-trained 1"


@dataclass(frozen=True, repr=False)
class Trained:
    """A finished run.

    Attributes
    ----------
    run : RunDirectory
    outcome : Outcome
        What it reached.
    curves : Path
        The picture of its learning curves.
    """

    run: RunDirectory
    outcome: Outcome
    curves: Path

    def __repr__(self) -> str:
        return f"Trained({self.run!r}, test error {self.outcome.test.error:.2f} %)"

    def to_dict(self) -> dict[str, Any]:
        """What was reached, as JSON takes it."""
        last, test = self.outcome.train, self.outcome.test
        return {
            "format": FORMAT,
            "run": str(self.run.path),
            "curves": str(self.curves),
            "epochs": last["epoch"],
            "train_error": last["train_error"],
            "validation_error": self.outcome.validation_error,
            "test_error": test.error,
            "test_samples": test.samples,
            "train_synaptic_events_per_sample": last["synaptic_events_per_sample"],
            "train_macs_per_sample": last["macs_per_sample"],
            "train_spikes_per_sample": last["spikes_per_sample"],
            "test_synaptic_events_per_sample": test.events_per_sample,
            "test_macs_per_sample": test.macs_per_sample,
            "test_spikes_per_sample": test.spikes_per_sample,
            "seconds": self.outcome.seconds,
            **({"drift": last["drift"]} if "drift" in last else {}),
        }


def train(
    dataset: str | Dataset | None = None,
    *,
    network: str | Sequence[notation.Entry] | None = None,
    out: str | Path | None = None,
    resume: RunDirectory | str | Path | None = None,
    data: str | Path | None = None,
    task: str | None = None,
    threads: int | None = None,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    timing: Timing = None,
    on_chip: str | Path | None = None,
    progress: Progress | None = None,
    callbacks: Sequence[Callback] = (),
    **settings: Any,
) -> Trained:
    """Train a network by Equilibrium Propagation or a rule of spikes, or resume a run.

    What is not given is taken from settings that were chosen for the data set on validation data.
    The test set is read once, when all epochs are done.

    Parameters
    ----------
    dataset : {"digits", "mnist", "fashion-mnist", "cifar-10", ...} or Dataset, optional
        Default: digits, or what is in the file that `data` names.
    network : str or sequence of int or str, optional
        ``"dense"`` or ``"conv"``, as chosen for the data set, or layer by layer:
        ``"784-500-10"``; see :mod:`eqchip.emulator.description.notation`.
    out : path, optional
        Run directory to make. Default: runs/DATASET-LAYERS-sSEED, numbered if it exists.
    resume : RunDirectory or path, optional
        Go on with an interrupted run, which has its own settings.
    data : path, optional
        Directory of the data set's files. Default: EQCHIP_DATA, or a download. Or a file of one's
        own data, ``.npz`` or ``.csv``: see :func:`~eqchip.emulator.data.datasets.from_file`.
    task : {"classification", "regression"}, optional
        Whether the labels of such a file are classes, the default, or numbers.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    checkpoint_minutes : float
        Write a checkpoint at least this often, besides after every epoch.
    timing : Asynchronous or "sync", optional
        Default: one clock for all.
    on_chip : str or path, optional
        Learn on this chip, sample by sample: its name, or its file.
    progress : Progress, optional
    callbacks : sequence of callable
        Each is called after every epoch, ``callback(row, network)``; see :func:`eqchip.fit`.
    **settings
        By the names that they have in :class:`Learning`, :class:`Coding`,
        :class:`~eqchip.emulator.description.config.Descent`,
        :class:`~eqchip.emulator.description.config.Config` and, with `on_chip`,
        :class:`~eqchip.emulator.description.onchip.OnChip`; ``weight_bits`` of the chip's
        integers. With `on_chip` and a ``rule`` of
        :data:`~eqchip.emulator.description.spiking.rules.SPIKING_RULES`, its own settings in place
        of those of Learning and Coding.
        One ``lr`` or feedback shift counts for all connections; None: not given.

    Raises
    ------
    InputError
        If a setting is unknown, wrong, or without effect, the data are not found, or the network
        does not fit the chip that it would learn on.
    KeyboardInterrupt
        After a checkpoint is written.

    Examples
    --------
    >>> import tempfile
    >>> import eqchip as eq
    >>> out = Path(tempfile.mkdtemp()) / "run"
    >>> trained = eq.train(network="64-20-10", epochs=1, free_steps=20, out=out)
    >>> trained.outcome.test.samples, trained.run.config.written
    (360, '64-20-10')
    >>> eq.evaluate(trained.run, free_steps=10).config.learning.free_steps
    10
    """
    threads = resolve_threads(threads)
    given = {name: value for name, value in settings.items() if value is not None}
    if resume is not None:
        asked = {"dataset": dataset, "network": network, "out": out, "timing": timing}
        asked |= {"on_chip": on_chip, "task": task, **given}
        _refuse({name: value for name, value in asked.items() if value is not None})
        run = load_run(resume)
        samples = data_of(run, data, progress=progress is not None)
    else:
        own = _own(dataset, data, task)
        config = configuration(
            dataset if own is None else own,
            network=network, timing=timing, on_chip=on_chip, settings=given,
        )  # fmt: skip
        if out is None:
            written = config.written.replace(" ", "+").replace(":", "_")  # for any file system
            name = f"{config.dataset}-{written}-s{config.seed}"
            out = free_path(Path("runs") / name)
        samples = own or load(config.dataset, data, progress=progress is not None)
        # The data first, and what cannot be trained: a directory without either helps nobody.
        make_trainer(config, samples, threads)
        run = RunDirectory.create(Path(out), config, command_line())
        if progress is not None and (advice := _advice(config, given)):
            progress.message(advice)
    outcome = fit(
        run, samples, threads=threads, checkpoint_minutes=checkpoint_minutes, progress=progress,
        callbacks=callbacks,
    )  # fmt: skip
    curves = run.report / "learning_curves.png"
    learning_curves(run.metrics(), _title(run.config), curves)
    return Trained(run, outcome, curves)


class Trainer:
    """A training in memory, an epoch at a time: no files, and whatever is wanted between epochs.

    Iterating trains: ``for row in trainer`` gives the line of metrics of every epoch that is left.
    The weights are those of :func:`eqchip.train` with the same settings and data, to the bit.

    Parameters
    ----------
    config : Config
        What trains follows from it: Equilibrium Propagation in floating point, or, with
        ``on_chip``, on a chip, or a rule of spikes.
    dataset : Dataset, optional
        Default: the one that the configuration names.
    threads : int, optional
        Default: all processors. The result does not depend on it.

    Attributes
    ----------
    config : Config
    dataset : Dataset
    metrics : list of dict
        Of the epochs so far: what :meth:`epoch` returned.

    Raises
    ------
    InputError
        If the configuration is not for the data, or the network does not fit them.

    Examples
    --------
    >>> import eqchip as eq
    >>> config = eq.preset("digits", (64, 20, 10), learning={"free_steps": 20})
    >>> trainer = eq.Trainer(config)
    >>> row = trainer.epoch()
    >>> row["epoch"], row["samples"], trainer.done
    (1, 1287, False)
    """

    def __init__(
        self, config: Config, dataset: Dataset | None = None, *, threads: int | None = None
    ) -> None:
        if not isinstance(config, Config):
            raise InputError(
                f"Trainer: config is {type(config).__name__}; expected eqchip.Config(...), or "
                "eqchip.preset(dataset)"
            )
        self.config = config
        self.dataset = load(config.dataset) if dataset is None else dataset
        check_name("Trainer", config, self.dataset)
        self._trainer = make_trainer(config, self.dataset, threads)
        self.metrics: list[dict[str, Any]] = []

    def __repr__(self) -> str:
        epochs = f"{self._trainer.epoch} of {self.config.descent.epochs} epochs"
        return f"Trainer({self.config.written} on {self.dataset.name}: {epochs})"

    @property
    def done(self) -> bool:
        """Whether all epochs are trained."""
        return self._trainer.done

    @property
    def network(self) -> Network:
        """The network as it is now."""
        return self._trainer.network

    @property
    def mirror(self) -> tuple[np.ndarray, ...]:
        """The weights that feedback spikes read, where a chip keeps copies of their own."""
        return self._trainer.mirror()

    def epoch(self) -> dict[str, Any]:
        """Train one epoch; its line of metrics, as in ``metrics.jsonl``.

        Raises
        ------
        InputError
            If all epochs are done.
        """
        trainer = self._trainer
        if trainer.done:
            raise InputError(
                f"Trainer: all {self.config.descent.epochs} epochs are trained; expected more of "
                "them in the configuration"
            )
        began = running_clock()
        for _ in trainer.train_epoch():
            pass
        seconds = running_clock() - began
        validation = trainer.validate() if len(trainer.validation_indices) else None
        spent = seconds + (self.metrics[-1]["seconds"] if self.metrics else 0.0)
        _, row = end_epoch(trainer, validation, trainer.tally.samples / max(seconds, 1e-9), spent)
        self.metrics.append(row)
        return row

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Train the epochs that are left."""
        while not self.done:
            yield self.epoch()

    def test(self) -> Tally:
        """Classify the test set with the network of now."""
        return self._trainer.test()


def _advice(config: Config, given: Mapping[str, Any]) -> str:
    """What is to be said of steps or a nudge that somebody chose; empty: nothing.

    Outputs that are nudged swing ever wider where they step too far (docs/model.md). A read-out
    outside the dynamics takes no steps, and how far units go that adapt theirs is not known before.
    """
    learning, step_size = config.learning, config.coding.step_size
    chosen = config.spiking is None and {"step_size", "beta"} & given.keys()
    if not chosen or learning.readout != "squared-error" or not isinstance(step_size, Polynomial):
        return ""
    size = step_size.table(learning.free_steps + 1)[-1]  # of the first step that is nudged
    bound = size * (1 + 2 * learning.beta)
    if bound <= 2:
        return ""
    return (
        f"Steps of {size:.3g} at beta {learning.beta:g} set nudged outputs swinging: "
        f"{size:.3g} x (1 + 2 x {learning.beta:g}) is {bound:.3g}, above 2; what helps: a smaller "
        "--step-size or --beta"
    )


def _own(
    dataset: str | Dataset | None, data: str | Path | None, task: str | None
) -> Dataset | None:
    """Data that were given as such, or as a file; None: those of a named data set."""
    of_file = data is not None and not (isinstance(dataset, Dataset) or dataset in NAMES)
    if of_file and data is not None and (folder := Path(data).expanduser()).is_dir():
        of_file = is_folder(folder)  # else digits, which say that they take no directory
    if task is not None and not of_file:
        raise InputError(
            f"--task is {task!r} without a file whose labels it is of; expected --data FILE, or no "
            "such flag"
        )
    if isinstance(dataset, Dataset):
        if data is not None:
            raise InputError(
                f"data is {str(data)!r} with a data set that is given; expected one of the two"
            )
        return dataset
    if data is None or not of_file:
        return None
    found = from_file(data, task="classification" if task is None else task)
    if dataset is not None and dataset != found.name:
        raise InputError(
            f"--data {data} holds the data set {found.name!r}, --dataset is {dataset!r}; expected "
            "no --dataset"
        )
    return found


def _refuse(given: Mapping[str, Any]) -> None:
    """A resumed run has its settings; others would make it another run."""
    for name in given:
        flag = f"--{name.replace('_', '-')}"
        raise InputError(
            f"{flag} is given with --resume, which keeps the run's own settings; "
            f"expected {flag} to be left out, or a new run"
        )


def _title(config: Config) -> str:
    """Of the learning curves."""
    if config.spiking is not None:
        return f"{config.written} on {config.dataset}, rule {config.spiking.name}"
    coding = config.coding
    name = coding.quantizer + (" with prediction" if coding.prediction else "")
    title = f"{config.written} on {config.dataset}, "
    title += "real-valued" if coding.quantizer == "none" else name
    if config.timing is not None:
        title += f"\n{describe(config.timing)}"
    return title
