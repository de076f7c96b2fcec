"""A trained network at work: its free phase, and what its outputs say, judged by a task."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.task import TASKS, Score, Task
from eqchip.emulator.engine.lowering import lower, lower_fixed
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels.lowered import Lowered
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.inference import averaged_by_engine, inference_settings

EVALUATION_BATCH = 500  # bounds memory; the result does not depend on it


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
    """

    def __init__(
        self,
        config: Config,
        network: Network,
        threads: int | None = None,
        lowered: Lowered | None = None,
        fixed: FixedPoint | None = None,
        strict: bool = False,
    ) -> None:
        self.config, self.network, self.threads = config, network, threads
        self.fixed, self.strict = fixed, strict
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
            for batch, run in self._runs(x):
                score = task.score(run.ends[0][-1], y[batch])
                clipped = 0 if run.saturations is None else int(run.saturations.sum())
                samples = len(y[batch])
                tally += Tally(samples, score, run.activity, clipped)
                bar.advance(samples, error=f"{tally.error:.2f} %")
        return tally

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """Potentials of the output units at the end, shape (n, n_out), of samples (n, n_in)."""
        found = [run.ends[0][-1] for _, run in self._runs(x)]
        return np.concatenate(found) if found else np.zeros((0, self.config.sizes[-1]))

    def _runs(self, x: np.ndarray) -> Iterator[tuple[slice, Run]]:
        """Samples, some at a time, and what came of them."""
        for start in range(0, len(x), EVALUATION_BATCH):
            batch = slice(start, start + EVALUATION_BATCH)
            settings = inference_settings(
                self.config,
                x[batch],
                np.arange(start, start + len(x[batch])),
                precision=self.config.precision if self.fixed is None else "chip",
                fixed=self.fixed,
                strict=self.strict,
            )
            yield (
                batch,
                solve(
                    pose(self.network, **settings),
                    threads=self.threads,
                    lowered=self.lowered,
                    average_steps=averaged_by_engine(self.config),
                ),
            )
