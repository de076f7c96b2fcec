"""Training: minibatches through the engine, contrasts into the weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.emulator.data.augmentation import augment
from eqchip.emulator.data.dataset import NAMES, Dataset, split_validation
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.rules import rule_of
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import Solver, solve
from eqchip.emulator.engine.units import at_rest
from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.learning.contrast import average_ends
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.arguments import given
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.threads import resolve_threads
from eqchip.emulator.training.classifier import Classifier, Tally
from eqchip.emulator.training.inference import averaged_by_engine, shown, stream_seed
from eqchip.emulator.training.presets import usual_ends
from eqchip.emulator.training.signals import PROBED, Signals, signals_of

NUDGED_SHARE = "nudged_share"  # in an epoch's line of metrics, where samples may be skipped


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
        if (config.inputs, config.sizes[-1]) != expected:
            raise InputError(
                f"layers {config.written}: data set {dataset.name} has "
                f"{expected[0]} inputs and {expected[1]} {dataset.aim.outputs_are}; "
                f"expected {expected[0]}-...-{expected[1]}{_others(config, dataset)}"
            )
        descent = config.descent
        check_read_out(config, dataset)
        known = len(dataset.train_y)
        if config.validation >= known:
            raise InputError(
                f"validation is {config.validation}, as set or as usual for {config.dataset}, of "
                f"{known} training samples; expected fewer to be set aside: --validation"
            )
        rate, largest = max(descent.lr), float(np.finfo(config.precision).max)
        if not rate / config.learning.beta <= largest:
            raise InputError(
                f"descent: lr {rate:g} over a beta of {config.learning.beta:g} overflows "
                f"{config.precision}; expected both nearer to 1"
            )
        dataset.check_settings(config)
        if config.learning.carries and dataset.recorded:
            raise InputError(
                f"learning: states is {config.learning.states!r} with data set {dataset.name}, "
                "whose recordings are played from their start; expected 'reset'"
            )
        self.config, self.dataset = config, dataset
        self.threads = resolve_threads(threads)
        self.train_indices, self.validation_indices = split_validation(dataset, config.validation)
        self.targets = dataset.targets(dataset.train_y).astype(config.precision)
        self._phases = {
            sign: tuple(config.learning.phases(self.targets[:1], sign)) for sign in (1, -1)
        }
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
        self._template = self._in_streams(self._template, config.descent.minibatch)
        self._solver = Solver(
            self._template,
            threads=self.threads,
            lowered=self.lowered,
            average_steps=averaged_by_engine(config),
            plasticity=self.descent.rule.plasticity,
        )

    def _pose(self, **settings: Any) -> Problem:
        """The problem of a minibatch, with a sample in place of it."""
        config = self.config
        return pose(
            self.start,
            self._as_given(self.dataset.train_x[:1]),
            coding=config.coding,
            phases=config.learning.phases(self.targets[:1]),
            input=config.input,
            timing=config.timing,
            readout=config.learning.readout,
            skip_right=config.learning.skip_right,
            **{"precision": config.precision, **settings},
        )

    def _in_streams(self, problem: Problem, streams: int) -> Problem:
        """The problem in states that are carried on, where they are, from rest."""
        if not self.config.learning.carries:
            return problem
        problem = replace(problem, latest_step=self.config.learning.latest_step)
        return replace(problem, carried=at_rest(problem, self.lowered, streams))

    def _carried(self) -> dict[str, np.ndarray]:
        """The states that are carried on, by name: views."""
        carried = {} if self._template.carried is None else self._template.carried._asdict()
        return {
            f"carried_{name}": array
            for name, array in carried.items()
            if isinstance(array, np.ndarray)
        }

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

    def mirror(self) -> tuple[np.ndarray, ...]:
        """The weights that feedback spikes read, where they are copies of their own."""
        return ()

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

    def classify(self, x: np.ndarray, y: np.ndarray) -> Tally:
        """Judge samples with the weights of now."""
        return self._classifier.classify(x, y, task=self.dataset.aim)

    def state(self) -> dict[str, Any]:
        """Everything that a resumed run needs, as arrays and numbers; see :meth:`restore`."""
        arrays = self._learned()
        for name, value in self.tally.activity.to_arrays().items():
            arrays[f"activity_{name}"] = value
        score = self.tally.score
        for name, value in score.arrays().items():
            arrays[f"score_{name}"] = value
        numbers = np.array([self.epoch, self.position, self.tally.samples, *score.whole()])
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
        epoch, position, samples, *whole = (int(n) for n in state["numbers"])
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
        kept = {name: state[f"score_{name}"] for name in self.tally.score.arrays()}
        self.tally = Tally(samples, self.tally.score.restored(whole, kept), activity)

    def _learned(self) -> dict[str, np.ndarray]:
        """What training changes, by name: views; where states are carried on, these as well."""
        arrays: dict[str, np.ndarray] = {}
        for k, weights in enumerate(self.descent.weights):
            arrays[f"weights_{k}"] = weights
            if k < len(self.descent.biases):
                arrays[f"biases_{k}"] = self.descent.biases[k]
            for n, moment in enumerate(self.descent.moments[k]):
                arrays[f"moment_{k}_{n}"] = moment
        return {**arrays, **self._carried()}

    def _take_up(self, updates: int) -> None:
        """Bring all else up to date with what `_learned` shows, after so many minibatches."""
        for k in range(len(self.descent.weights)):
            self.descent.write(k)
        self.descent.updates = updates

    def measures(self) -> dict[str, Any]:
        """What else an epoch's line of metrics holds, of the epoch so far."""
        share = {NUDGED_SHARE: self.nudged_share} if self.config.learning.skip_right else {}
        return {**share, **self.signals()._asdict()}

    def signals(self) -> Signals:
        """How far a nudge moves the layers with the weights of now, of the first training samples.

        They are shown as they are, not augmented, and nothing is learned from them.
        """
        few = self.train_indices[:PROBED]
        x = self._as_given(self.dataset.train_x[few])
        seed = stream_seed(self.config.seed, "signals", self.epoch)
        alone = replace(self._problem(few, x, seed), carried=None)  # at rest, and nothing is left
        run = solve(
            alone, threads=self.threads, lowered=self.lowered,
            average_steps=averaged_by_engine(self.config),
        )  # fmt: skip
        if self._averages_records:
            run = average_ends(run, self.config.learning.average_steps)
        rule = rule_of(self.config.learning.rule)
        network = self.network  # whose maps may have run as rows of units
        ends = [
            [
                end.reshape(len(end), *shape)
                for end, shape in zip(phase, network.layers, strict=True)
            ]
            for phase in run.ends
        ]
        return signals_of(network, replace(run, ends=ends), self.config.learning.beta, rule)

    @property
    def nudged_share(self) -> float:
        """The share of the epoch's samples so far that were nudged, by the steps of their units."""
        counted = self.tally.activity
        steps = self._template.phases[-1].steps * self.config.sizes[-1]
        updates = int((counted.updates_active + counted.updates_inactive)[-1, -1])
        return updates / max(steps * self.tally.samples, 1)

    def _as_given(self, x: Any) -> Any:
        """Samples of the data set as a run is given them."""
        if self.dataset.recorded:
            return shown(x, self.config, self.config.learning.free_steps)
        return x.astype(self.config.precision, copy=False)

    def _inputs(self, indices: np.ndarray) -> Any:
        """The inputs of a minibatch: moved, mirrored, turned, and some of them silenced."""
        descent = self.config.descent
        x = self._as_given(self.dataset.train_x[indices])
        if descent.augments:
            seed = stream_seed(self.config.seed, "augment", self.epoch)
            rng = np.random.default_rng([seed, self.position])
            x = augment(x, self.dataset.shape, descent, rng)
        share = descent.input_dropout
        if share == 0.0:
            return x
        rng = np.random.default_rng([self.config.seed, self.epoch, self.position])
        return x * (rng.random(x.shape, np.float32) >= share)

    def _new_tally(self) -> Tally:
        names = self._template.phase_names
        nothing = self.dataset.aim.nothing(self.dataset.classes)
        return Tally(0, nothing, self.config.nothing_done(names))

    def _problem(self, indices: np.ndarray, x: Any, seed: int, sign: int = 1) -> Problem:
        """What is asked of some training samples, shown as x, nudged by sign times beta."""
        wanted = self.targets[indices]
        targets = tuple(None if one is None else wanted for one in self._template.targets)
        phases, stream = self._phases[sign], None
        if self.dataset.recorded:
            x, stream = given(x, self.start, phases[0].steps)
        return replace(
            self._template, phases=phases, x=x, targets=targets, seed=seed, samples=indices,
            stream=stream,
        )  # fmt: skip

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        config = self.config
        problem = self._problem(indices, self._inputs(indices), seed, sign)
        with uninterrupted():  # weights and position change together, or not at all
            run = self._solver.solve(problem)
            score = self.dataset.aim.score(run.ends[0][-1], self.dataset.train_y[indices])
            if self._averages_records:
                run = average_ends(run, config.learning.average_steps)
            self.descent.update(run, sign * config.learning.beta, rates)
            self.position += 1
            self.tally += Tally(len(indices), score, run.activity)


def _others(config: Config, dataset: Dataset) -> str:
    """The named data sets that a network would fit, for an error."""
    ends = (config.inputs, config.sizes[-1])
    fitting = [name for name in NAMES if name != dataset.name and ends == usual_ends(name)]
    return f", or --dataset {' or '.join(fitting)}" if fitting else ""


def check_read_out(config: Config, dataset: Dataset) -> None:
    """Refuse a read-out that a task does not learn by.

    Raises
    ------
    InputError
    """
    task, readout = dataset.aim, config.learning.readout
    if readout not in task.read_outs:
        raise InputError(
            f"learning: readout is {readout!r} with data set {dataset.name}, a {task.name}; "
            f"expected {' or '.join(map(repr, task.read_outs))}"
        )
