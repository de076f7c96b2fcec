"""Training by a rule of integrate-and-fire units: sample by sample, in a chip's integers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import QuantizedWeights, real_weights
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import TRACE_SHIFT, OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.description.task import Wrong
from eqchip.emulator.description.upkeep import COPIES, MIRROR, MirrorMode, Shrink, Tending
from eqchip.emulator.description.upkeep import FORWARD as FORWARD_COPY
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.errors import InputError
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.kernels.lowered import Lowered, layer_units, weight_rows
from eqchip.emulator.kernels.onchip_upkeep import shrink
from eqchip.emulator.kernels.random_rounding import DECAY_STREAM
from eqchip.emulator.kernels.spiking.arrays import (
    ALIGNING,
    APPLIED,
    ATTEMPTED,
    VISITED,
    WRITE_COUNTS,
    Done,
    Learner,
    Paths,
    new_done,
    new_units,
)
from eqchip.emulator.learning.copies import Copy, copy_of, learn_mirror
from eqchip.emulator.learning.onchip_lowering import left_of, lower_mirror_rate
from eqchip.emulator.learning.spiking import (
    check_rates,
    lower_paths,
    lower_rules,
    new_learner,
    program_of,
    read_codes,
    set_rates,
)
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.classifier import EVALUATION_BATCH, Tally
from eqchip.emulator.training.trainer import NUDGED_SHARE, Trainer

# Counts of an epoch beside those of its activity.
KEPT = (
    "steps", "error_spikes", "messages", "error_events", "labels", "open", "told", "aligning",
    "taught", "writes",
)  # fmt: skip


class SpikingNetwork:
    """A lowered network that a rule runs: it classifies, and it learns.

    Parameters
    ----------
    config : Config
        With a spiking rule and the chip's integers.
    network : Network
        Its weights and biases are rounded to codes and states.
    """

    def __init__(self, config: Config, network: Network) -> None:
        self.rule, self.onchip = rule_and_chip(config)
        self.network, self.seed = network, config.seed
        self.exponents = self.onchip.exponents(len(network.connections))
        self.lowered: Lowered = lower_fixed(network, self.onchip.fixed, exponents=self.exponents)
        self.program = program_of(self.rule)
        self.current = config.input == "current"
        self.rules = lower_rules(self.rule, self.onchip.fixed, config.input)
        self.paths: Paths = lower_paths(self.lowered, self.rule, self.onchip, self.seed)
        traces = int(np.prod(self.lowered.sizes[:2])) if self.rule.trace_bits else 0
        self.units = new_units(int(self.lowered.offsets[-1]), len(self.lowered.sizes), traces)
        self.sizes = np.array(config.sizes)
        self.learner: Learner = new_learner(
            self.lowered, network, self.rule, self.onchip, self.seed
        )

    def run(self, x: np.ndarray, labels: np.ndarray, first_number: int, learns: bool) -> Done:
        """Run samples one after another; x: (b, n_in) in [0, 1]; labels: (b,) int64."""
        fixed = self.onchip.fixed
        done = new_done(
            len(x), len(self.rule.phases), len(self.lowered.sizes), len(self.rule.tells)
        )
        states = fixed.states(x).astype(np.int32)
        with np.errstate(over="ignore"):  # random numbers are taken modulo 2**64
            self.program.run(
                self.lowered, self.paths, self.rules, self.learner, self.units, states,
                labels.astype(np.int64), done, first_number, learns,
            )  # fmt: skip
        return done

    def activity_of(self, done: Done) -> Activity:
        """Its counts as those of all engines; errors cross synapses as feedback."""
        phases, sizes = self.rule.phases, self.sizes
        updates = done.steps[:, None] * sizes[None]
        events = np.zeros((len(phases), len(sizes) - 1, 2), np.int64)
        macs = np.zeros_like(events)
        events[..., FORWARD] = done.arrivals
        if self.current:  # its input does nothing but send its numbers, once
            updates[:, 0] = 0
            macs[:, 0], events[:, 0] = events[:, 0], 0
        (macs if self.rule.graded else events)[-1, :, FEEDBACK] = done.error_events[1:]
        return Activity(
            phases, len(done.classes), done.spikes.copy(), done.spikes.copy(),
            updates - done.spikes, events, macs,
        )  # fmt: skip

    def classify(
        self, x: np.ndarray, labels: np.ndarray, progress: Progress | None = None
    ) -> Tally:
        """Classify samples x, shape (n, n_in), of known classes, shape (n,)."""
        zero = Activity.zeros(self.rule.phases, len(self.lowered.sizes))
        tally = Tally(0, Wrong(0), zero)
        with (progress or Silent()).bar("Classifying", len(x)) as bar:
            for start in range(0, len(x), EVALUATION_BATCH):
                batch = slice(start, start + EVALUATION_BATCH)
                done = self.run(x[batch], labels[batch], 0, False)
                wrong = Wrong(int((done.classes != labels[batch]).sum()))
                tally += Tally(
                    len(done.classes), wrong, self.activity_of(done), int(done.saturated[0])
                )
                bar.advance(len(done.classes), error=f"{tally.error:.2f} %")
        return tally

    def steps(self, tally: Tally) -> int:
        """Time steps in which a sample of this tally was classified."""
        activity = tally.activity
        updates = int(activity.updates_active[0, -1] + activity.updates_inactive[0, -1])
        return updates // max(tally.samples * int(self.lowered.sizes[-1]), 1)

    def cosines(self) -> list[float]:
        """Of each connection that errors cross layer by layer, that of its angle to their path."""
        found = []
        for k in range(1, len(self.network.connections)):
            forward = self.copy(k, FORWARD_COPY).codes.astype(np.float64)
            first, stride = self.paths.starts[k], self.paths.strides[k]
            rows = self.paths.codes[first : first + forward.shape[1] * stride].reshape(-1, stride)
            back = rows[:, : forward.shape[0]].T.astype(np.float64)
            norm = float(np.linalg.norm(forward) * np.linalg.norm(back))
            found.append(float((forward * back).sum()) / norm if norm else 0.0)
        return found

    def copy(self, k: int, which: int) -> Copy:
        """Of connection k, the forward weights or those of a path that learns: views."""
        return copy_of(self.network, self.lowered, self.learner, k, which)

    def trained(self) -> Network:
        """Its weights and biases as real numbers."""
        weights, biases, fixed = [], [], self.onchip.fixed
        for k, connection in enumerate(self.network.connections):
            rows = weight_rows(self.lowered, k)[:, : connection.weight_shape[1]]
            weights.append(real_weights(QuantizedWeights(rows, self.exponents[k], 0), fixed))
            units = layer_units(self.lowered, self.lowered.biases, k + 1)
            biases.append(fixed.reals(units).reshape(self.network.layers[k + 1]))
        layers, connections = self.network.layers, self.network.connections
        return Network(layers, connections, tuple(weights), tuple(biases))


def rule_and_chip(config: Config) -> tuple[SpikingRule, OnChip]:
    """The spiking rule of a configuration, and the integers that it learns in."""
    assert config.spiking is not None
    assert config.on_chip is not None
    return config.spiking, config.on_chip


class Now(NamedTuple):
    """When a path is tended: samples learned from so far, and what is left of the rates."""

    number: int
    left: float


Kept = dict[str, np.ndarray]  # counts of an epoch


def _shrink(chip: SpikingNetwork, tending: Shrink, k: int, now: Now, kept: Kept) -> None:
    """Both sides lose a share, rounded by the same random numbers."""
    bits, writes = chip.learner.accumulator_bits, kept["writes"][k]
    half, share = (1 << bits) >> 1, int(chip.rule.path.decay * now.left * 2**TRACE_SHIFT)
    for which in COPIES:
        side = chip.copy(k, which)
        writes[which, VISITED] += side.stored.size
        writes[which, ATTEMPTED] += np.count_nonzero(side.stored)
        shrink(side.stored, share, chip.learner.seed, now.number, k, DECAY_STREAM)
        left = (side.stored + half) >> bits
        writes[which, APPLIED] += np.count_nonzero(left != side.codes)
        side.codes[...] = left


def _mirror(chip: SpikingNetwork, tending: MirrorMode, k: int, now: Now, kept: Kept) -> None:
    """The path is learned from what random spikes do over the weights; who fires is written."""
    forward, mirror, counts = chip.copy(k, FORWARD_COPY), chip.copy(k, MIRROR), np.zeros(4, int)
    place, (n_pre, n_post) = (now.number, k), forward.codes.shape
    rate = lower_mirror_rate([now.left], [1.0])
    turns = learn_mirror(forward, mirror, tending, rate, chip.learner, place, counts[1:])
    counts[VISITED] = counts[ATTEMPTED]
    kept["writes"][k, MIRROR] += counts
    spikes, told = counts[ATTEMPTED] // n_post, turns * n_post
    returns = told * n_pre if chip.rule.path.returns else 0
    kept["aligning"][k] += spikes, told, spikes * n_post + returns


# What is done to the two sides of a connection, by the kind of tending.
_TENDED: dict[type[Tending], Callable[..., None]] = {Shrink: _shrink, MirrorMode: _mirror}


class SpikingTrainer(Trainer):
    """A training run by a rule of integrate-and-fire units.

    A sample is learned from before the next is shown, so one thread trains.

    Attributes
    ----------
    kept : dict of str to ndarray of int64
        Counts of this epoch beside those of its activity: see
        :class:`~eqchip.emulator.kernels.spiking.arrays.Done`.
    """

    @property
    def stride(self) -> int:
        """Samples between two moments at which training can stop."""
        return rule_and_chip(self.config)[1].every

    def _lower(self) -> None:
        config = self.config
        rule, _ = rule_and_chip(config)
        if self.dataset.task != "classification":
            raise InputError(
                f"rule {rule.name!r} learns classes, data set {self.dataset.name} is a "
                f"{self.dataset.task}; expected a rule of Equilibrium Propagation"
            )
        self.chip = SpikingNetwork(config, self.start)
        self.lowered = self.chip.lowered
        self._set_rates(config.descent.lr)
        check_rates(self.chip.learner, rule, config.descent.lr)
        zero = new_done(0, len(rule.phases), len(config.layers), len(rule.tells))
        self.kept = {name: getattr(zero, name) for name in KEPT}
        self.learned_from = np.zeros(1, np.int64)  # samples, over all epochs
        read_codes(self.lowered, self.chip.learner)

    def _set_rates(self, rates: Any) -> None:
        chip = self.chip
        highest = self.config.descent.lr
        set_rates(
            chip.learner, chip.rule, chip.onchip, chip.exponents, rates, highest, chip.current
        )

    @property
    def network(self) -> Network:
        """The network as trained so far."""
        return self.chip.trained()

    def classify(self, x: np.ndarray, labels: np.ndarray) -> Tally:
        """Classify samples with the weights of now."""
        return self.chip.classify(x, labels)

    def end_epoch(self) -> Tally:
        """Close the epoch: returns its tally and begins the next."""
        for count in self.kept.values():
            count[...] = 0
        return super().end_epoch()

    def measures(self) -> dict[str, Any]:
        """What else an epoch's line of metrics holds: writes, and what errors took."""
        samples = max(self.tally.samples, 1)
        kept = {name: count / samples for name, count in self.kept.items()}
        writes = kept["writes"].sum((0, 1)).tolist()
        return {
            **{
                f"weights_{name}_per_sample": n
                for name, n in zip(WRITE_COUNTS, writes, strict=True)
            },
            "spikes_by_layer_per_sample": (self.tally.activity.spikes.sum(0) / samples).tolist(),
            "writes_by_copy_per_sample": kept["writes"].tolist(),
            "steps_per_sample": kept["steps"].tolist(),
            "error_spikes_per_sample": kept["error_spikes"].tolist(),
            "error_messages_per_sample": [0.0, *kept["messages"][1:].tolist()],
            **({"input_messages_per_sample": kept["messages"][0]} if self.chip.current else {}),
            "error_events_per_sample": kept["error_events"].tolist(),
            "label_spikes_per_sample": float(kept["labels"][0]),
            "units_open_per_sample": kept["open"].tolist(),
            **({NUDGED_SHARE: float(kept["taught"][0])} if self.chip.rule.skips else {}),
            **self._feedback_measures(kept["aligning"]),
            **{
                f"{name}_per_sample": n
                for name, n in zip(self.chip.rule.tells, kept["told"].tolist(), strict=True)
            },
        }

    def _feedback_measures(self, aligning: np.ndarray) -> dict[str, Any]:
        """How alike backward weights are to the forward ones, and what aligns them took."""
        if self.chip.rule.path.direct:
            return {}
        found: dict[str, Any] = {"feedback_cosine": self.chip.cosines()}
        if self.chip.rule.path.is_aligned:
            found["alignment_by_connection_per_sample"] = aligning.tolist()
            for name, count in zip(ALIGNING, aligning.sum(0).tolist(), strict=True):
                found[f"alignment_{name}_per_sample"] = count
        return found

    def _learned(self) -> dict[str, np.ndarray]:
        learner = self.chip.learner
        return {
            "stored": learner.stored,
            "stored_mirror": learner.stored_mirror,
            "chip_biases": self.lowered.biases,
            **{f"kept_{name}": self.kept[name] for name in self._counted()},
            "learned_from": self.learned_from,
        }

    def _counted(self) -> list[str]:
        """The counts that a checkpoint holds: earlier ones had none of what is not asked for."""
        rule = self.chip.rule
        later = {"taught": rule.skips, "aligning": rule.path.is_aligned}
        return [name for name in self.kept if later.get(name, True)]

    def _take_up(self, updates: int) -> None:
        read_codes(self.lowered, self.chip.learner)

    def _tend_feedback(self, rates: list[float]) -> None:
        """What is done to the weights of the path now and then."""
        tending = self.chip.rule.path.tending
        if tending is None:
            return
        now = Now(int(self.learned_from[0]), left_of(rates, self.config.descent.lr))
        for k in range(1, len(self.start.connections)):
            _TENDED[type(tending)](self.chip, tending, k, now, self.kept)

    def _new_tally(self) -> Tally:
        rule, _ = rule_and_chip(self.config)
        return Tally(0, Wrong(0), Activity.zeros(rule.phases, len(self.config.layers)))

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        labels = self.dataset.train_y[indices]
        x = self._inputs(indices)
        with uninterrupted():  # all changes together, or not at all
            self._set_rates(rates)
            done = self.chip.run(x, labels, int(self.learned_from[0]), True)
            self.learned_from += len(indices)
            for name, count in self.kept.items():
                count += getattr(done, name)
            self._tend_feedback(rates)
            self.position += 1
            wrong = Wrong(int((done.classes != labels).sum()))
            self.tally += Tally(
                len(indices), wrong, self.chip.activity_of(done), int(done.saturated[0])
            )
