"""A trained network at work: its free phase, and what its outputs say, judged by a task."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.description.task import TASKS, Score, Task
from eqchip.emulator.engine.lowering import lower, lower_fixed
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.engine.units import at_rest
from eqchip.emulator.errors import InputError, check_number
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.inference import averaged_by_engine, inference_settings, shown

EVALUATION_BATCH = 500  # bounds memory; the result does not depend on it
SURE_BATCH = 50  # the same, where the potentials of every step are kept


@dataclass(frozen=True, repr=False)
class Tally:
    """Samples seen, how they were judged, and what that took.

    saturations: states that left the chip's range, where a chip classified.
    """

    samples: int
    score: Score
    activity: Activity
    saturations: int = 0

    @property
    def error(self) -> float:
        """The task's error in percent; NaN before the first sample."""
        return self.score.error(self.samples)

    def row(self, part: str) -> dict[str, float]:
        """What a line of metrics says of it, of "train", "validation" or "test"."""
        told = {"error": self.error, **self.score.figures(self.samples)}
        return {f"{part}_{name}": value for name, value in told.items()}

    @property
    def spikes_per_sample(self) -> float:
        """Spikes per sample over all phases and layers."""
        return float(self.activity.spikes.sum()) / max(self.samples, 1)

    @property
    def events_per_sample(self) -> float:
        """Synaptic events per sample over all phases and connections."""
        return float(self.activity.synaptic_events.sum()) / max(self.samples, 1)

    @property
    def macs_per_sample(self) -> float:
        """Multiply-accumulates per sample over all phases and connections."""
        return float(self.activity.macs.sum()) / max(self.samples, 1)

    def __repr__(self) -> str:
        return (
            f"Tally({self.samples} samples, error {self.error:.2f} %, "
            f"{self.spikes_per_sample:,.0f} spikes a sample)"
        )

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.samples + other.samples,
            self.score + other.score,
            self.activity + other.activity,
            self.saturations + other.saturations,
        )


class Classifier:
    """A network that classifies: the free phase, and the output whose potential ends largest.

    Where the configuration carries states on (`Learning.states`), samples are shown in as many
    streams as training had, the first of each at rest, and nobody tells units where one ends.

    As in training, an end is the mean over the last ``learning.average_steps`` steps: a chip adds
    ten numbers up for as many steps. Without a clock it is the potential of the last moment.

    Parameters
    ----------
    config : Config
        Its coding, input mode, precision, and numbers of free and averaged steps are used.
    network : Network
    threads : int, optional
    lowered : Lowered, optional
        The network, lowered before; changes made to it are seen.
    fixed : FixedPoint, optional
        Classify in these integers of a chip instead of the configuration's precision.
    strict : bool, default False
        Whether a state that leaves the chip's range is an error.
    sure : float, optional
        A sample runs only until its largest output leads all others by more than this, averaged
        over the last ``learning.average_steps`` steps; see :func:`steps_until_sure`.

    Raises
    ------
    InputError
        With `sure` below 0, of a single output, or without a clock, where no step is the last, and
        of samples in streams.
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        threads: int | None = None,
        lowered: Lowered | None = None,
        fixed: FixedPoint | None = None,
        strict: bool = False,
        sure: float | None = None,
    ) -> None:
        self.config, self.network, self.threads = config, network, threads
        self.fixed, self.strict, self.sure = fixed, strict, sure
        if sure is not None:
            _check_sure(sure, config)
        if lowered is not None:
            self.lowered = lowered
        elif fixed is not None:
            self.lowered = lower_fixed(network, fixed)
        else:
            with np.errstate(over="ignore"):  # what overflows is refused by name when it is run
                self.lowered = lower(network, np.dtype(config.precision))

    def classify(
        self,
        x: np.ndarray,
        y: np.ndarray,
        progress: Progress | None = None,
        task: Task = TASKS["classification"],
    ) -> Tally:
        """Judge what the network says of samples x, shape (n, n_in), by what they are to be."""
        progress = progress or Silent()
        with progress.bar("Classifying", len(x)) as bar:
            nothing = task.nothing(self.config.sizes[-1])
            tally = Tally(0, nothing, self.config.nothing_done(("free",)))
            for samples, run in self._runs(x):
                score = task.score(run.ends[0][-1], y[samples])
                clipped = 0 if run.saturations is None else int(run.saturations.sum())
                tally += Tally(len(samples), score, run.activity, clipped)
                bar.advance(len(samples), error=f"{tally.error:.2f} %")
        return tally

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Potentials of the output units at the end, shape (n, n_out), of samples (n, n_in)."""
        found = np.zeros((len(x), self.config.sizes[-1]))
        for samples, run in self._runs(x):
            found[samples] = run.ends[0][-1]
        return found

    def _runs(self, x: np.ndarray) -> Iterator[tuple[np.ndarray, Run]]:
        """Samples, some at a time, and what came of them."""
        if self.config.learning.carries:
            yield from self._runs_of_streams(x)
            return
        batch = EVALUATION_BATCH if self.sure is None else SURE_BATCH
        for start in range(0, len(x), batch):
            samples = np.arange(start, min(start + batch, len(x)))
            if self.sure is None:
                yield samples, self._solve(x, samples)
            else:
                yield from self._runs_until_sure(x, samples, self.sure)

    def _runs_of_streams(self, x: np.ndarray) -> Iterator[tuple[np.ndarray, Run]]:
        """As many samples at a time as there are streams, each in the states of the one before."""
        streams, carried = self.config.descent.minibatch, None
        if self.config.timing is not None:
            yield from self._runs_without_a_clock(x, streams)
            return
        for start in range(0, len(x), streams):
            samples = np.arange(start, min(start + streams, len(x)))
            problem = replace(self._pose(x, samples), latest_step=self.config.learning.latest_step)
            if carried is None:
                carried = at_rest(problem, self.lowered, streams)
            yield samples, self._answer(replace(problem, carried=carried))

    def _runs_without_a_clock(
        self, x: np.ndarray, streams: int
    ) -> Iterator[tuple[np.ndarray, Run]]:
        """Whole streams, in which the input switches: nothing is left between two runs.

        First those that are one sample longer.
        """
        longer = len(x) % streams
        for first, end in ((0, longer), (longer, streams)):
            pictures = [
                samples for start in range(0, len(x), streams)
                if len(samples := np.arange(start + first, min(start + end, len(x))))
            ]  # fmt: skip
            if not pictures:
                continue
            steps = self.config.learning.free_steps
            later = [Free(steps, x=shown(x[these], self.config, steps)) for these in pictures[1:]]
            run = self._solve(x, pictures[0], phases=[Free(steps), *later])
            yield np.concatenate(pictures), one_phase(run)

    def _runs_until_sure(
        self, x: np.ndarray, samples: np.ndarray, sure: float
    ) -> Iterator[tuple[np.ndarray, Run]]:
        """Those that are sure after as many steps together.

        No step depends on the number of steps to come: one that ends there is the start of a longer
        one.
        """
        watched = self._solve(x, samples, record=["potentials"])
        assert watched.potentials is not None
        outputs = watched.potentials[-1]
        steps = steps_until_sure(outputs, self.config.learning.average_steps, sure)
        for last in np.unique(steps):
            together = samples[steps == last]
            yield together, self._solve(x, together, phases=[Free(int(last))])

    def _solve(self, x: np.ndarray, samples: np.ndarray, **changes: Any) -> Run:
        return self._answer(self._pose(x, samples, **changes))

    def _pose(self, x: np.ndarray, samples: np.ndarray, **changes: Any) -> Problem:
        settings = inference_settings(
            self.config,
            x[samples],
            samples,
            precision=self.config.precision if self.fixed is None else "chip",
            fixed=self.fixed,
            strict=self.strict,
            **changes,
        )
        return pose(self.network, **settings)

    def _answer(self, problem: Problem) -> Run:
        return solve(
            problem,
            threads=self.threads,
            lowered=self.lowered,
            average_steps=averaged_by_engine(self.config),
        )


def one_phase(run: Run) -> Run:
    """Free phases of as many pictures as one of them all, shown one after the other."""
    activity, saturations = run.activity, run.saturations
    summed = {name: n.sum(axis=0, keepdims=True) for name, n in activity.to_arrays().items()}
    return replace(
        run,
        phases=run.phases[:1],
        ends=[[np.concatenate(layer) for layer in zip(*run.ends, strict=True)]],
        activity=Activity(("free",), activity.samples * len(run.phases), **summed),
        saturations=None if saturations is None else saturations.sum(axis=0, keepdims=True),
    )


def steps_until_sure(outputs: np.ndarray, average_steps: int, sure: float) -> np.ndarray:
    """After how many steps an output leads all others by more than `sure`, or how many there are.

    Parameters
    ----------
    outputs : ndarray, shape (steps, samples, outputs)
        Potentials after every step.
    average_steps : int
        Over so many of the last steps; sooner, nothing leads.
    sure : float

    Returns
    -------
    ndarray of int64, shape (samples,)

    Examples
    --------
    >>> leads = np.array([[[0.0, 0.0]], [[0.5, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
    >>> steps_until_sure(leads, 1, 0.4), steps_until_sure(leads, 2, 0.4)
    (array([2]), array([3]))
    """
    summed = np.concatenate([np.zeros_like(outputs[:1]), outputs]).cumsum(0, dtype=np.float64)
    means = (summed[average_steps:] - summed[:-average_steps]) / average_steps
    two = np.sort(means, axis=-1)[..., -2:]
    leads = two[..., 1] - two[..., 0] > sure
    leads[-1] = True
    found: np.ndarray = leads.argmax(0) + average_steps
    return found


def _check_sure(sure: float, config: Config) -> None:
    check_number("sure", sure)
    if not 0.0 <= sure < math.inf:
        raise InputError(f"sure is {sure!r}; expected a finite lead of at least 0")
    if config.timing is not None:
        raise InputError(
            f"sure is {sure!r} without a clock, where outputs are not told after every step; "
            "expected timing='sync'"
        )
    if config.learning.carries:
        raise InputError(
            f"sure is {sure!r} with states {config.learning.states!r}, where the input goes on "
            "when it will; expected sure=None"
        )
    if config.sizes[-1] < 2:
        raise InputError(f"sure is {sure!r} with one output, which leads no other; expected None")
