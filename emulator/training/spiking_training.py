"""Training by a rule of integrate-and-fire units: sample by sample, in a chip's integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import QuantizedWeights, real_weights
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.kernels.lowered import Lowered, layer_units, weight_rows
from eqchip.emulator.kernels.spiking.arrays import (
    WRITE_COUNTS,
    Done,
    Learner,
    Paths,
    new_done,
    new_units,
)
from eqchip.emulator.learning.spiking import (
    check_rates,
    lower_paths,
    new_learner,
    program_of,
    read_codes,
    set_rates,
)
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.training.classifier import EVALUATION_BATCH, Tally
from eqchip.emulator.training.trainer import Trainer

# Counts of an epoch beside those of its activity.
KEPT = ("steps", "error_spikes", "messages", "error_events", "labels", "open", "told", "writes")


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
        self.rules = self.program.lower(self.rule, self.onchip.fixed)
        self.paths: Paths = lower_paths(self.lowered, self.rule, self.onchip, self.seed)
        self.units = new_units(int(self.lowered.offsets[-1]), len(self.lowered.sizes))
        self.learner: Learner = new_learner(self.lowered, network, self.onchip, self.seed)

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
        phases, sizes = self.rule.phases, self.lowered.sizes
        updates = done.steps[:, None] * sizes[None]
        events = np.zeros((len(phases), len(sizes) - 1, 2), np.int64)
        macs = np.zeros_like(events)
        events[..., FORWARD] = done.arrivals
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
        tally = Tally(0, 0, zero)
        with (progress or Silent()).bar("Classifying", len(x)) as bar:
            for start in range(0, len(x), EVALUATION_BATCH):
                batch = slice(start, start + EVALUATION_BATCH)
                done = self.run(x[batch], labels[batch], 0, False)
                wrong = int((done.classes != labels[batch]).sum())
                tally += Tally(
                    len(done.classes), wrong, self.activity_of(done), int(done.saturated[0])
                )
                bar.advance(len(done.classes), error=f"{tally.error:.2f} %")
        return tally

    def steps(self, tally: Tally) -> int:
        """Time steps in which a sample of this tally was classified."""
        activity = tally.activity
        updates = int(activity.updates_active[0, 0] + activity.updates_inactive[0, 0])
        return updates // max(tally.samples * int(self.lowered.sizes[0]), 1)

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
        set_rates(chip.learner, chip.rule, chip.onchip, chip.exponents, rates)

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
            "error_messages_per_sample": kept["messages"].tolist(),
            "error_events_per_sample": kept["error_events"].tolist(),
            "label_spikes_per_sample": float(kept["labels"][0]),
            "units_open_per_sample": kept["open"].tolist(),
            **{
                f"{name}_per_sample": n
                for name, n in zip(self.chip.rule.tells, kept["told"].tolist(), strict=True)
            },
        }

    def _learned(self) -> dict[str, np.ndarray]:
        learner = self.chip.learner
        return {
            "stored": learner.stored,
            "stored_mirror": learner.stored_mirror,
            "chip_biases": self.lowered.biases,
            **{f"kept_{name}": count for name, count in self.kept.items()},
            "learned_from": self.learned_from,
        }

    def _take_up(self, updates: int) -> None:
        read_codes(self.lowered, self.chip.learner)

    def _new_tally(self) -> Tally:
        rule, _ = rule_and_chip(self.config)
        return Tally(0, 0, Activity.zeros(rule.phases, len(self.config.layers)))

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
            self.position += 1
            wrong = int((done.classes != labels).sum())
            self.tally += Tally(
                len(indices), wrong, self.chip.activity_of(done), int(done.saturated[0])
            )
