"""Samples run once more on the chip: what the report counts.

A trained network is mapped, and some training samples go through the phases of training, some
others through inference, in the chip's integers. The weights stay as trained: what a report
says of a training sample holds for the network at the end of its training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.asynchronous import Asynchronous
from eqchip.emulator.description.coding import OptimalStepSize
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.task import task_of
from eqchip.emulator.description.weight_losses import said
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.learning.contrast import Changes
from eqchip.emulator.learning.onchip_traffic import check_priced
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.metrics_file import metric
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.samples import (
    Replayed,
    Split,
    choose,
    infer,
    sample_changes,
    settings_of,
    train_on,
)
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.chip_file.learning import learning_chip
from eqchip.mapping.placement.checks import check_whole_fan_in
from eqchip.mapping.placement.mapped import MappedNetwork, map_network
from eqchip.mapping.placement.place import Placement
from eqchip.mapping.placement.wiring import check_kinds

Counted = TypeVar("Counted")


class Written(NamedTuple):
    """Of the weights attempted in the last epoch, the shares whose code changed, or was clipped."""

    applied: float
    saturated: float


@dataclass(frozen=True, eq=False)
class Replay:
    """A network, its chip, and the samples that ran on it.

    Attributes
    ----------
    config : Config
    network : Network
    chip : Chip
    mapped : MappedNetwork or None
        None for a chip that is described by events alone.
    precision : {"chip", "float32"}
    training, inference : Replayed
        Bits are recorded of both.
    split : {"validation", "test"}
        Where the inference samples are from.
    changes : list of Changes
        Of each training sample by itself; empty if the run learned on the chip, which writes what
        :mod:`eqchip.emulator.learning.onchip_known` counts.
    notes : tuple of str
    timing : Asynchronous or None
        The clocks, delays, queues and faults that the samples ran with; None: in time steps.
    step_time : Replay or None
        With `timing`: the same samples in time steps.
    digest : str
        Of the chip as its file describes it; `chip` may hold the integers of the run instead.
    written : Written or None
        Of a run that learned on the chip, what came of the weights that it attempted to write.
    both_copies : bool
        Of such a run, whether feedback spikes read the mirrored copy of each weight as it learned;
        else the forward copy ran in both directions, because no other was kept.
    task : {"classification", "regression"}
        Of the data set.
    kept : dict
        What was counted so far, see `once`.
    """

    config: Config
    network: Network
    chip: Chip
    mapped: MappedNetwork | None
    precision: Precision
    training: Replayed
    inference: Replayed
    split: Split
    changes: list[Changes]
    notes: tuple[str, ...]
    timing: Asynchronous | None = None
    step_time: Replay | None = None
    digest: str = ""
    written: Written | None = None
    both_copies: bool = False
    task: str = "classification"
    kept: dict[str, Any] = field(default_factory=dict)

    def once(self, what: str, count: Callable[[], Counted]) -> Counted:
        """What is counted of the samples: made when it is first asked for, then kept by this name.

        No count depends on a price, so replays that differ in prices alone share what is kept.
        """
        if what not in self.kept:
            self.kept[what] = count()
        found: Counted = self.kept[what]
        return found

    def priced_by(self, chip: Chip) -> Replay:
        """The same samples and counts on the same chip with other prices.

        Parameters
        ----------
        chip : Chip
            This one's, changed (:meth:`Chip.changed`).
        """
        return replace(
            self,
            chip=chip,
            mapped=None if self.mapped is None else self.mapped.priced_by(chip),
            step_time=None if self.step_time is None else self.step_time.priced_by(chip),
        )

    @property
    def error(self) -> float:
        """The task's error in percent: inference samples wrong, or their variance unexplained."""
        found = self.inference
        score = task_of(self.task).score(found.run.ends[0][-1], found.labels)
        return score.error(len(found.labels))

    @property
    def fixed(self) -> FixedPoint:
        """The widths of weights and states; those of Loihi where the chip names none."""
        return self.chip.arithmetic or FixedPoint()


def replay(
    run: RunDirectory,
    chip: Chip,
    dataset: Dataset,
    *,
    samples: int,
    chips: int | None = 1,
    spread: int = 1,
    placement: Placement = "hops",
    timing: Asynchronous | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Replay:
    """Run samples of a run directory's data set on a chip.

    Parameters
    ----------
    run : RunDirectory
        Of a trained network.
    chip : Chip
    dataset : Dataset
        The one that the run names.
    samples : int
        How many training samples, and how many for inference; see
        :func:`~eqchip.hw_reports.counting.samples.choose`.
    chips : int or None
        Chips that the network may use; None: as many as it needs.
    spread : int
        Split every layer over so many times the fewest cores.
    placement : {"hops", "energy", "time", "naive"}
        What the placement makes small.
    timing : Asynchronous, optional
        Run the samples without a global clock, and in time steps as well, to compare.
    threads : int, optional
    progress : Progress, optional

    Raises
    ------
    InputError
        If there is no trained network or no activity, if the network sends no spikes or has a
        maximum pooling, if it does not fit the chip, or if the chip has no clocks that `timing`
        could be of. Of a run that learned on the chip, if this one cannot learn. With `timing`, of
        a run with a read-out outside the dynamics.
    """
    check_whole("report: samples", samples, 1)
    _check_timing(timing, chip, run.config)
    check_ready(run)
    progress = progress or Silent()
    config, network = run.config, run.network()
    check_kinds(network)
    digest, written, mirror = chip.digest(), None, None
    if config.on_chip is not None:
        mirror = run.mirror()
        check_priced(config)
        chip, written = _learnt_on(chip, config.on_chip), _written(run)
    rates = run.firing_rates()
    mapped = None
    if chip.model == "cores":
        mapped = map_network(
            network, chip, chips=chips, rates=rates, spread=spread, placement=placement
        )
        if config.on_chip is not None or config.learning.readout == "cross-entropy":
            check_whole_fan_in(mapped, "report: a run that learned on the chip or reads out "
                               "by cross-entropy")  # fmt: skip
    precision, notes = _numbers(config)
    if config.learning.carries:
        notes += (
            f"States are carried on (states {config.learning.states!r}): every sample ran in those "
            "that another of them left.",
        )
    if mapped is not None and precision == "chip":
        notes += tuple(f"{line}." for line in said(mapped.lost))
    if mapped is not None and mapped.gatherers:
        notes += (_told_of_slices(mapped),)
    chosen = choose(config, dataset, samples)
    timings = [None] if timing is None else [None, timing]
    found: Replay | None = None
    pieces = len(timings) * (len(chosen.training) + len(chosen.inference))
    with progress.bar("Replaying", pieces) as bar:
        for one in timings:
            settings = settings_of(config, chip, mapped, precision, one)
            training = train_on(
                config, network, mirror, dataset, chosen.training, settings, threads
            )
            bar.advance(len(chosen.training))
            inference = infer(config, network, mirror, dataset, chosen, settings, threads)
            bar.advance(len(chosen.inference))
            changes = []
            if config.on_chip is None:
                changes = sample_changes(config, network, training.run)
            found = Replay(
                config,
                network,
                chip,
                mapped,
                precision,
                training,
                inference,
                chosen.split,
                changes,
                notes,
                timing=one,
                step_time=found,
                digest=digest,
                written=written,
                both_copies=mirror is not None,
                task=dataset.task,
            )
    assert found is not None
    return found


def _told_of_slices(mapped: MappedNetwork) -> str:
    """What a network whose fan-in is cut assumes of its chip."""
    layers = ", ".join(str(k) for k in sorted(mapped.partition.first_slices))
    return (
        f"The fan-in of layers {layers} is beyond a core: {len(mapped.gatherers)} further cores "
        "sum slices of it. A time step is taken to be two of the chip's, so that the partial sums "
        "arrive within it and the arithmetic stays exact; what tells these cores the changes of "
        "the units for a weight update is not counted."
    )


def _numbers(config: Config) -> tuple[Precision, tuple[str, ...]]:
    """What the samples run in, and why, where it is not the chip's integers."""
    if isinstance(config.coding.step_size, OptimalStepSize):
        return "float32", (
            "The optimal step size divides at every step, which no integer core does: "
            "the samples ran in float32, with the float weights.",
        )
    return "chip", ()


def _learnt_on(chip: Chip, onchip: OnChip) -> Chip:
    """The chip with the integers that a run learned in."""
    found = learning_chip(chip, onchip)
    if found.copies != 2:
        raise InputError(
            f"report: chip {found.name} stores one copy of each weight, but the run learned in "
            "two; expected a chip with copies = 2"
        )
    return found


def _check_timing(timing: Asynchronous | None, chip: Chip, config: Config) -> None:
    if timing is None:
        return
    if not isinstance(timing, Asynchronous):
        raise InputError(f"report: timing is {timing!r}; expected Asynchronous")
    if chip.model == "arithmetic":
        raise InputError(
            f"report: chip {chip.name} counts arithmetic and has no clocks that timing could be "
            "of; expected a chip of cores or events, such as loihi1-davies"
        )
    if config.learning.carries:
        raise InputError(
            f"report: timing is given, but the run was trained with states "
            f"{config.learning.states!r}, which are carried on with one clock only; expected no "
            "timing"
        )
    if timing.stop is not None:
        raise InputError(
            f"report: timing stops at {timing.stop!r}; expected no stop: costs are of whole phases"
        )
    if config.learning.readout == "cross-entropy":
        raise InputError(
            "report: timing is given, but the run was trained with readout 'cross-entropy', which "
            "the asynchronous engine does not have; expected no timing"
        )


def check_ready(run: RunDirectory) -> None:
    """Refuse a run that nothing can be counted of, before any data are loaded.

    Raises
    ------
    InputError
        If there is no trained network yet, or if it sends no spikes.
    """
    if not (run.path / "network.npz").exists():
        raise InputError(
            f"{run.path}: no trained network yet; expected a run with at least one whole epoch "
            f"(eqchip train --resume {run.path})"
        )
    if run.config.coding.quantizer == "none":
        raise InputError(
            f"{run.path}: quantizer 'none' sends real values, and a chip's costs are counted in "
            "spikes; expected a run with quantizer 'sigma-delta' or 'bernoulli'"
        )


def _written(run: RunDirectory) -> Written:
    """What came of the weights attempted in the last epoch; nothing before the first."""
    rows = [row for row in run.metrics() if "train_error" in row]
    if not rows:
        return Written(0.0, 0.0)
    attempted, applied, saturated = (
        metric(rows[-1], f"weights_{what}_per_sample")
        for what in ("attempted", "applied", "saturated")
    )
    most = max(attempted, 1.0)
    return Written(applied / most, saturated / most)
