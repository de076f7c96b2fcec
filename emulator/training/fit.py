"""A training run from start, or from its last checkpoint, to its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eqchip.emulator.activity import Activity
from eqchip.emulator.compiling import running_clock
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.classifier import Tally
from eqchip.emulator.training.run_data import keep_data
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.trainer import Trainer
from eqchip.emulator.training.trainers import make_trainer

CHECKPOINT_MINUTES = 5.0

# Called after every epoch with its line of metrics and the network as it is then.
Callback = Callable[[dict[str, Any], Network], object]


@dataclass(frozen=True, repr=False)
class Outcome:
    """What a finished run reached.

    validation is None when no samples were set aside for it; seconds is the time spent
    in training, over all interruptions, without that of compiling kernels.
    """

    train: dict[str, Any]
    validation_error: float | None
    test: Tally
    seconds: float

    def __repr__(self) -> str:
        return f"Outcome(test {self.test!r}, {self.seconds:.1f} s of training)"


def fit(
    run: RunDirectory,
    dataset: Dataset,
    *,
    threads: int | None = None,
    checkpoint_minutes: float = CHECKPOINT_MINUTES,
    progress: Progress | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Train until all epochs are done, then read the test set, once.

    A checkpoint is written after every epoch, every `checkpoint_minutes`, and on an
    interruption. Whatever happens, calling this again goes on from the last one and ends
    with the same weights, to the bit.

    Parameters
    ----------
    run : RunDirectory
        Made by ``RunDirectory.create(path, config)``.
    dataset : Dataset
        That the configuration names.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    checkpoint_minutes : float
    progress : Progress, optional
    callbacks : sequence of callable
        Each is called as ``callback(row, network)`` when an epoch is done and kept: its line of
        ``metrics.jsonl``, a dictionary, and the network as it is then. What it raises ends the
        call; the run can be gone on with.

    Returns
    -------
    Outcome

    Raises
    ------
    InputError
        If the checkpoint is damaged or belongs to other settings, or another process trains the
        run.
    KeyboardInterrupt
        After the checkpoint is written.
    """
    progress = progress or Silent()
    with run.claim(progress):
        return _fit(run, dataset, threads, checkpoint_minutes, progress, callbacks)


def _fit(
    run: RunDirectory,
    dataset: Dataset,
    threads: int | None,
    checkpoint_minutes: float,
    progress: Progress,
    callbacks: Sequence[Callback],
) -> Outcome:
    trainer = make_trainer(run.config, dataset, threads)
    keep_data(run, dataset)
    spent = _resume(run, trainer)
    progress.message(f"Training {run.config.written} on {run.config.dataset} into {run.path}")
    if told := dataset.told(run.config.learning.free_steps):
        progress.message(told)
    if trainer.epoch or trainer.position:
        progress.message(
            f"All {trainer.epoch} epochs are trained"
            if trainer.done
            else f"Going on at epoch {trainer.epoch + 1}, minibatch {trainer.position + 1}"
        )
    clock = _Clock(spent)
    try:
        while not trainer.done:
            row = _train_epoch(run, trainer, clock, checkpoint_minutes, progress)
            for callback in callbacks:
                callback(row, trainer.network)
        return _finish(run, trainer, clock.seconds, progress)
    except KeyboardInterrupt:  # the trainer lets it come between minibatches only
        with uninterrupted():
            run.save_checkpoint(trainer.state(), clock.seconds)
        progress.message(f"Interrupted; go on with: eqchip train --resume {run.path}")
        raise


class _Clock:
    """Seconds in training, counted on over interruptions; compiling is not training."""

    def __init__(self, spent: float) -> None:
        self._start = running_clock() - spent

    @property
    def seconds(self) -> float:
        return running_clock() - self._start


def _resume(run: RunDirectory, trainer: Trainer) -> float:
    checkpoint = run.load_checkpoint(trainer.state())
    if checkpoint is None:
        run.drop_metrics_after(0)
        return 0.0
    state, seconds = checkpoint
    try:
        trainer.restore(state)
    except InputError as error:
        raise InputError(f"{run.path / 'checkpoint.npz'}: {error}") from None
    run.drop_metrics_after(trainer.epoch)
    return seconds


def _train_epoch(
    run: RunDirectory,
    trainer: Trainer,
    clock: _Clock,
    checkpoint_minutes: float,
    progress: Progress,
) -> dict[str, Any]:
    epochs, size = trainer.config.descent.epochs, trainer.stride
    samples = len(trainer.train_indices)
    began, done = clock.seconds, trainer.tally.samples
    title = f"Epoch {trainer.epoch + 1}/{epochs}"
    with progress.bar(title, samples, trainer.position * size) as bar:
        saved = clock.seconds
        for tally in trainer.train_epoch():
            now = clock.seconds
            bar.advance(
                min(size, samples - (trainer.position - 1) * size),
                error=f"{tally.error:.2f} %",
                samples_per_s=f"{(tally.samples - done) / max(now - began, 1e-9):.0f}",
                spikes_per_sample=f"{tally.spikes_per_sample:.0f}",
            )
            if now - saved > 60 * checkpoint_minutes:
                run.save_checkpoint(trainer.state(), now)
                saved = now
        speed = (trainer.tally.samples - done) / max(clock.seconds - began, 1e-9)
        validation = trainer.validate() if len(trainer.validation_indices) else None
        with uninterrupted():
            row, activity = _close_epoch(run, trainer, clock, validation, speed)
    held = f", validation {validation.error:.2f} %" if validation else ""
    progress.message(
        f"Epoch {trainer.epoch}/{epochs}: error {row['train_error']:.2f} %{held}, "
        f"{row['spikes_per_sample']:,.0f} spikes, {row['samples_per_second']:,.0f} samples/s"
    )
    if row["train_error"] > 0 and row.get("weights_attempted_per_sample") == 0:
        progress.message(
            "No weight was to be written in this epoch: no error passed a gate; expected larger "
            "errors, a wider gate or more steps"
        )
    for layer in silent_layers(run.config, activity) if trainer.epoch == 1 else ():
        progress.message(
            f"Layer {layer} sent no spike in this epoch, so it learns nothing; what helps: inputs "
            "that are mostly small (eq.Dataset.from_arrays scales them), another --initial-gain"
        )
    return row


def _close_epoch(
    run: RunDirectory,
    trainer: Trainer,
    clock: _Clock,
    validation: Tally | None,
    speed: float,
) -> tuple[dict[str, Any], Activity]:
    tally, row = end_epoch(trainer, validation, speed, clock.seconds)
    # In this order a kill between any two of them loses nothing: the line of an epoch
    # that no checkpoint holds is dropped when the run is resumed.
    run.append_metrics(row)
    run.save_network(trainer.network, trainer.mirror())
    run.save_activity(tally.activity)
    run.save_checkpoint(trainer.state(), clock.seconds)
    return row, tally.activity


def silent_layers(config: Config, activity: Activity) -> list[int]:
    """Layers above the input that could have sent spikes, and sent none.

    Parameters
    ----------
    config : Config
    activity : Activity
        Of some samples.

    Examples
    --------
    >>> config = Config(layers=(4, 3, 2))
    >>> silent_layers(config, Activity.zeros(("free",), 3))
    [1, 2]
    """
    # A read-out outside the dynamics sends nothing to anybody, and real values are no spikes.
    last = len(config.layers) - 1
    heard = range(1, last + (config.learning.readout == "squared-error"))
    if config.spiking is not None:
        heard = range(1, last)
    if not config.coding.sends_bits:
        return []
    return [layer for layer in heard if not activity.spikes[:, layer].any()]


def end_epoch(
    trainer: Trainer, validation: Tally | None, speed: float, seconds: float
) -> tuple[Tally, dict[str, Any]]:
    """End an epoch whose samples are trained: what it counted, and its line of metrics.

    Parameters
    ----------
    trainer : Trainer
    validation : Tally or None
        After the epoch, if validation samples were set aside.
    speed : float
        Samples a second.
    seconds : float
        In training so far.
    """
    measures = trainer.measures()
    tally = trainer.end_epoch()
    return tally, {
        "epoch": trainer.epoch,
        **tally.row("train"),
        **(validation.row("validation") if validation else {"validation_error": None}),
        "samples": tally.samples,
        "spikes_per_sample": tally.spikes_per_sample,
        "synaptic_events_per_sample": tally.events_per_sample,
        "macs_per_sample": tally.macs_per_sample,
        "samples_per_second": speed,
        "seconds": seconds,
        **measures,
    }


def _finish(run: RunDirectory, trainer: Trainer, seconds: float, progress: Progress) -> Outcome:
    rows = run.metrics()
    last = next(row for row in reversed(rows) if "train_error" in row)
    test = trainer.test()
    if test.samples and not any("test_error" in row for row in rows):
        run.append_metrics(
            {
                "epoch": trainer.epoch,
                **test.row("test"),
                "spikes_per_sample": test.spikes_per_sample,
                "synaptic_events_per_sample": test.events_per_sample,
                "macs_per_sample": test.macs_per_sample,
                "seconds": seconds,
            }
        )
    return Outcome(last, last["validation_error"], test, seconds)
