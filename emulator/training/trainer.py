"""Training: minibatches through the engine, contrasts into the weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.data.augmentation import augment
from eqchip.emulator.data.datasets import Dataset, one_hot, split_validation
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.lowering import (
    Lowered,
    lower,
    lower_fixed,
)
from eqchip.emulator.engine.synchronous import resolve_threads, solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.learning.contrast import Descent, average_ends
from eqchip.emulator.problem.problem import Problem, pose
from eqchip.emulator.progress import Progress, Silent

EVALUATION_BATCH = 500  # bounds memory; the result does not depend on it


@dataclass(frozen=True)
class Tally:
    """Samples seen, how many of them were classified wrongly, and what that took.

    saturations: states that left the chip's range, where a chip classified.
    """

    samples: int
    errors: int
    activity: Activity
    saturations: int = 0

    @property
    def error(self) -> float:
        """Classification error in percent; NaN before the first sample."""
        return 100.0 * self.errors / self.samples if self.samples else math.nan

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

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.samples + other.samples,
            self.errors + other.errors,
            self.activity + other.activity,
            self.saturations + other.saturations,
        )


def stream_seed(seed: int, purpose: str, index: int = 0) -> int:
    """A seed of its own for each use of random numbers."""
    words = np.random.SeedSequence([seed, *purpose.encode(), index])
    return int(words.generate_state(1, np.uint64)[0])


def averaged_by_engine(config: Config) -> int:
    """The steps over which the engine averages the ends of a phase: one without a clock."""
    return config.learning.average_steps if config.timing is None else 1


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
        self, x: np.ndarray, labels: np.ndarray, progress: Progress | None = None
    ) -> Tally:
        """Classify samples x, shape (n, n_in), of known classes, shape (n,)."""
        progress = progress or Silent()
        progress.start("Classifying", len(x))
        tally = Tally(0, 0, Activity.zeros(("free",), len(self.config.layers)))
        for start in range(0, len(x), EVALUATION_BATCH):
            batch = slice(start, start + EVALUATION_BATCH)
            problem = pose(
                self.network,
                x[batch] * x.dtype.type(1.0 - self.config.descent.input_dropout),
                coding=self.config.coding,
                phases=[Free(self.config.learning.free_steps)],
                input=self.config.input,
                precision=self.config.precision if self.fixed is None else "chip",
                fixed=self.fixed,
                strict=self.strict,
                seed=stream_seed(self.config.seed, "classify"),
                samples=np.arange(start, start + len(x[batch])),
                timing=self.config.timing,
                readout=self.config.learning.readout,
            )
            run = solve(
                problem,
                threads=self.threads,
                lowered=self.lowered,
                average_steps=averaged_by_engine(self.config),
            )
            wrong = run.ends[0][-1].argmax(1) != labels[batch]
            clipped = 0 if run.saturations is None else int(run.saturations.sum())
            tally += Tally(len(wrong), int(wrong.sum()), run.activity, clipped)
            progress.advance(len(wrong), error=f"{tally.error:.2f} %")
        progress.stop()
        return tally


class Trainer:
    """One training run: weights, and where in which epoch it stands.

    Two trainers with the same configuration hold the same weights after the same
    number of minibatches, on any number of threads, interrupted or not.

    Parameters
    ----------
    config : Config
    dataset : Dataset
    threads : int, optional
        Default: all processors.

    Raises
    ------
    InputError
        If the network does not fit the data set.
    """

    def __init__(self, config: Config, dataset: Dataset, threads: int | None = None) -> None:
        expected = (dataset.train_x.shape[1], dataset.classes)
        if (config.sizes[0], config.sizes[-1]) != expected:
            raise InputError(
                f"layers {config.written}: data set {dataset.name} has "
                f"{expected[0]} inputs and {expected[1]} classes; "
                f"expected {expected[0]}-...-{expected[1]}"
            )
        descent = config.descent
        if (descent.shift or descent.flip) and len(dataset.shape) < 2:
            raise InputError(
                f"descent: shift {descent.shift}, flip {descent.flip} with data set "
                f"{dataset.name}, whose samples of shape {dataset.shape} are no images; expected 0 "
                "and False"
            )
        self.config, self.dataset = config, dataset
        self.threads = resolve_threads(threads)
        self.train_indices, self.validation_indices = split_validation(dataset, config.validation)
        self.targets = one_hot(dataset.train_y, dataset.classes).astype(config.precision)
        self.minibatches = -(-len(self.train_indices) // self.stride)
        self.epoch = 0
        self.position = 0  # minibatches done in this epoch
        try:
            self.start = config.network()
            self._lower()
        except MemoryError:
            raise InputError(
                f"layers {config.written}: the weights do not fit into memory; "
                "expected smaller layers"
            ) from None
        self.tally = self._new_tally()

    @property
    def stride(self) -> int:
        """Samples between two moments at which training can stop."""
        return self.config.descent.minibatch

    def _lower(self) -> None:
        """Lower the network, and what trains and classifies it."""
        config = self.config
        self.lowered = lower(self.start, np.dtype(config.precision))
        self._classifier = Classifier(config, self.start, self.threads, self.lowered)
        self.descent = Descent(
            self.start,
            self.lowered,
            config.learning.rule,
            optimizer=config.descent.optimizer,
            momentum=config.descent.momentum,
            weight_decay=config.descent.weight_decay,
            threads=self.threads,
        )
        # Checked and lowered once; a minibatch only exchanges the samples.
        self._template = self._pose(record=["potentials"] if self._averages_records else [])

    def _pose(self, **settings: Any) -> Problem:
        """The problem of a minibatch, with a sample in place of it."""
        config = self.config
        return pose(
            self.start,
            self.dataset.train_x[:1],
            coding=config.coding,
            phases=config.learning.phases(self.targets[:1]),
            input=config.input,
            timing=config.timing,
            readout=config.learning.readout,
            **{"precision": config.precision, **settings},
        )

    @property
    def _averages_records(self) -> bool:
        """Whether averages are taken from what was recorded: the asynchronous engine takes none."""
        return self.config.timing is not None and self.config.learning.average_steps > 1

    @property
    def done(self) -> bool:
        """Whether all epochs are trained."""
        return self.epoch >= self.config.descent.epochs

    @property
    def network(self) -> Network:
        """The network as trained so far."""
        return self.descent.trained()

    def train_epoch(self) -> Iterator[Tally]:
        """Train what is left of this epoch; yields the epoch's tally after each minibatch."""
        config, size = self.config, self.stride
        rng = np.random.default_rng([config.seed, self.epoch])
        seed = stream_seed(config.seed, "train", self.epoch)
        order = rng.permutation(self.train_indices)
        signs = rng.choice((-1, 1), self.minibatches) if config.learning.random_sign else None
        while self.position < self.minibatches:
            indices = order[self.position * size : (self.position + 1) * size]
            sign = 1 if signs is None else int(signs[self.position])
            progress = (self.epoch + self.position / self.minibatches) / config.descent.epochs
            self._train_minibatch(indices, sign, config.descent.rates(progress), seed)
            yield self.tally

    def end_epoch(self) -> Tally:
        """Close the epoch: returns its tally and begins the next."""
        tally, self.tally = self.tally, self._new_tally()
        self.epoch, self.position = self.epoch + 1, 0
        return tally

    def validate(self) -> Tally:
        """Classify the validation samples with the weights of now."""
        return self.classify(
            self.dataset.train_x[self.validation_indices],
            self.dataset.train_y[self.validation_indices],
        )

    def test(self) -> Tally:
        """Classify the test set with the weights of now."""
        return self.classify(self.dataset.test_x, self.dataset.test_y)

    def classify(self, x: np.ndarray, labels: np.ndarray) -> Tally:
        """Classify samples with the weights of now."""
        return self._classifier.classify(x, labels)

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs, as arrays and numbers; see :meth:`restore`."""
        arrays = self._learned()
        for name, value in self.tally.activity.to_arrays().items():
            arrays[f"activity_{name}"] = value
        numbers = np.array([self.epoch, self.position, self.tally.samples, self.tally.errors])
        return {**arrays, "numbers": numbers}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a state.

        Raises
        ------
        InputError
            If an array is missing or has another shape or type than this configuration's.
        """
        like = self.state()
        for name, value in like.items():
            found = state.get(name)
            if found is None or found.shape != value.shape or found.dtype != value.dtype:
                shown = "missing" if found is None else f"{found.dtype} of shape {found.shape}"
                raise InputError(
                    f"{name} is {shown}; expected {value.dtype} of shape {value.shape}"
                )
            if value.dtype.kind == "f" and not np.isfinite(found).all():
                raise InputError(f"{name} holds NaN or infinity; expected finite numbers")
        epoch, position, samples, errors = (int(n) for n in state["numbers"])
        if not (0 <= epoch <= self.config.descent.epochs and 0 <= position <= self.minibatches):
            raise InputError(f"it stands at epoch {epoch}, minibatch {position}: out of range")
        for name, array in self._learned().items():
            array[...] = state[name]
        self._take_up(epoch * self.minibatches + position)
        activity = self.tally.activity.from_arrays(
            {
                name.removeprefix("activity_"): state[name]
                for name in like
                if name.startswith("activity_")
            },
            samples,
        )
        self.epoch, self.position = epoch, position
        self.tally = Tally(samples, errors, activity)

    def _learned(self) -> dict[str, np.ndarray]:
        """What training changes, by name: views."""
        arrays: dict[str, np.ndarray] = {}
        for k in range(len(self.config.layers) - 1):
            arrays[f"weights_{k}"] = self.descent.weights[k]
            arrays[f"biases_{k}"] = self.descent.biases[k]
            for n, moment in enumerate(self.descent.moments[k]):
                arrays[f"moment_{k}_{n}"] = moment
        return arrays

    def _take_up(self, updates: int) -> None:
        """Bring all else up to date with what `_learned` shows, after so many minibatches."""
        for k in range(len(self.config.layers) - 1):
            self.descent.write(k)
        self.descent.updates = updates

    def measures(self) -> dict[str, Any]:
        """What else an epoch's line of metrics holds, of the epoch so far."""
        return {}

    def _inputs(self, indices: np.ndarray) -> np.ndarray:
        """The inputs of a minibatch: moved, mirrored, and some of them silenced."""
        descent = self.config.descent
        x = self.dataset.train_x[indices].astype(self.config.precision, copy=False)
        if descent.shift or descent.flip:
            seed = stream_seed(self.config.seed, "augment", self.epoch)
            rng = np.random.default_rng([seed, self.position])
            x = augment(x, self.dataset.shape, descent.shift, descent.flip, rng)
        share = descent.input_dropout
        if share == 0.0:
            return x
        rng = np.random.default_rng([self.config.seed, self.epoch, self.position])
        return x * (rng.random(x.shape, np.float32) >= share)

    def _new_tally(self) -> Tally:
        names = tuple(
            "nudged" if hasattr(phase, "beta") else "free"
            for phase in self.config.learning.phases(self.targets[:1])
        )
        return Tally(0, 0, Activity.zeros(names, len(self.config.layers)))

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        config, target = self.config, self.targets[indices]
        phases = tuple(config.learning.phases(target, sign))
        problem: Problem = replace(
            self._template,
            phases=phases,
            x=self._inputs(indices),
            targets=tuple(getattr(phase, "target", None) for phase in phases),
            seed=seed,
            samples=indices,
        )
        run = solve(
            problem,
            threads=self.threads,
            lowered=self.lowered,
            average_steps=averaged_by_engine(config),
        )
        wrong = int((run.ends[0][-1].argmax(1) != self.dataset.train_y[indices]).sum())
        if self._averages_records:
            run = average_ends(run, config.learning.average_steps)
        with uninterrupted():  # weights and position change together, or not at all
            self.descent.update(run, sign * config.learning.beta, rates)
            self.position += 1
            self.tally += Tally(len(indices), wrong, run.activity)
