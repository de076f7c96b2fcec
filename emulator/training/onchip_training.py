"""Training on the chip: one sample after another, in its integers, by its cores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.fixedpoint import QuantizedWeights, real_weights
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import TRACE_SHIFT, OnChip
from eqchip.emulator.description.rules import rule_of
from eqchip.emulator.description.upkeep import (
    COPIES,
    FORWARD,
    MIRROR,
    MirrorMode,
    Send,
    Shrink,
    Tending,
)
from eqchip.emulator.engine.lowering import (
    held_weights,
    hold_weights,
    lower_fixed,
    mirrored_weights,
)
from eqchip.emulator.engine.stuck import check_stuck, hold, lower_stuck
from eqchip.emulator.engine.synchronous import activity_of, numbers_of, targets_of
from eqchip.emulator.engine.units import lower_unit, rules_of
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.lowered import Lowered, layer_units, mirror_rows, weight_rows
from eqchip.emulator.kernels.onchip_arrays import ATTEMPTED, SOURCES, Learner, Written
from eqchip.emulator.kernels.onchip_upkeep import shrink
from eqchip.emulator.kernels.random_rounding import DECAY_STREAM
from eqchip.emulator.learning.apart import Apart, Places, averaged
from eqchip.emulator.learning.copies import (
    Copy,
    copy_of,
    learn_mirror,
    lower_shared,
    store_copy,
    with_room_behind,
)
from eqchip.emulator.learning.onchip_lowering import (
    check_rates,
    initial_store,
    lower_bias_rates,
    lower_factors,
    lower_mirror_rate,
    lower_terms,
    rates_of_a_sample,
    synapses_of_a_weight,
    terms_of,
    window,
)
from eqchip.emulator.learning.onchip_timed import learn_timed
from eqchip.emulator.memory import check_memory
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training.classifier import Classifier, Tally
from eqchip.emulator.training.trainer import Trainer

WRITES = ("attempted", "applied", "saturated")


class OnChipTrainer(Trainer):
    """A training run on the chip; see :class:`~eqchip.emulator.description.onchip.OnChip`.

    A sample is learned from before the next is shown, so one thread trains. With a minibatch of
    more than one, spikes read what is stored as it was before the minibatch; biases change after
    every sample all the same.

    Attributes
    ----------
    written : ndarray of int64, shape (connections, 2, 3)
        Of this epoch, how many weights were attempted, applied (a code changed) and saturated, in
        the forward and the mirrored copy.
    told : ndarray of int64, shape (2, layers)
        Of this epoch, how many units changed between the nudged phases, and how many were active:
        what graded messages would be sent for.
    spikes_told : ndarray of int64, shape (layers,)
        Of this epoch, the spikes that told of changes.
    """

    @property
    def stride(self) -> int:
        """Samples between two moments at which training can stop."""
        return self.onchip.every

    @property
    def onchip(self) -> OnChip:
        """How the chip learns."""
        assert self.config.on_chip is not None
        return self.config.on_chip

    def _lower(self) -> None:
        config, onchip = self.config, self.onchip
        connections = len(config.layers) - 1
        self.places = Places(self.start, onchip.sharing.apart)
        self.start = self.places.network
        synapses = [synapses_of_a_weight(connection) for connection in self.start.connections]
        rates = self._of_a_synapse(config.descent.lr)
        check_rates(onchip, config.learning, rates, config.input, synapses)
        check_stuck(config.timing, self.start.connections)
        self.exponents = onchip.exponents(connections)
        self.terms = terms_of(onchip, connections, config.input)
        self.lowered = lower_fixed(self.start, onchip.fixed, exponents=self.exponents)
        self._relaxation: Any = None  # the address of what runs a sample
        self._turn = (0, 0)
        if onchip.upkeep.adjoint:
            self.lowered, self._turn = with_room_behind(self.lowered)
        self._classifier = Classifier(
            config, self.start, self.threads, self.lowered, fixed=onchip.fixed
        )
        self._template = self._pose(
            precision="chip", fixed=onchip.fixed,
            record=["potentials"] if self._averages_records else [],
        )  # fmt: skip
        self._template = self._in_streams(self._template, 1)  # one sample after another
        if onchip.records_spikes:
            steps, units = self._template.steps, int(self.lowered.offsets[-1])
            check_memory(
                f"on_chip: a record of the spikes of {steps:,} steps", steps * units, "fewer steps"
            )
        self.written = np.zeros((connections, 2, len(WRITES)), np.int64)
        self.told = np.zeros((2, connections + 1), np.int64)
        self.spikes_told = np.zeros(connections + 1, np.int64)
        self.learned_from = np.zeros(1, np.int64)  # samples, over all epochs
        self._learner = self._new_learner()
        self._read_codes()

    def _of_a_sample(self, rates: Sequence[float]) -> list[float]:
        """The rates that a sample is learned at."""
        return rates_of_a_sample(self.config, rates)

    def _of_a_synapse(self, rates: Sequence[float]) -> list[float]:
        """The rates of a product: where places are averaged, of their mean as of their sum."""
        of_a_sample = self._of_a_sample(rates)
        return [rate * places for rate, places in zip(of_a_sample, self.places.counts, strict=True)]

    def _new_learner(self) -> Learner:
        onchip, learning, lowered = self.onchip, self.config.learning, self.lowered
        units = int(lowered.offsets[-1])
        stored, mirror = (np.zeros(c.shape, np.int16) for c in (lowered.weights, lowered.mirror))
        for k, weights in enumerate(self.places.kernels.weights):
            values = initial_store(weights, self.exponents[k], onchip, self.config.seed, k)
            values = self.places.spread(k, values)  # all places begin alike
            connection = self.start.connections[k]
            hold_weights(connection, weight_rows(lowered, k, stored), FORWARD, values)
            if k > 0:
                hold_weights(connection, mirror_rows(lowered, k, mirror), MIRROR, values)
            if k > 0 and onchip.upkeep.adjoint:  # each copy as the other direction reads it
                turn, turn_mirror = self._turn
                weight_rows(lowered, k, stored[turn:])[:, : values.shape[1]] = values
                mirror_rows(lowered, k, mirror[turn_mirror:])[:, : values.shape[0]] = values.T
        rates = self._of_a_sample(self.config.descent.lr)
        mantissas, shifts = lower_bias_rates(onchip, learning, rates)
        factor_mantissas, factor_shifts = lower_factors(onchip, learning, self.exponents, rates)
        decay, impulse = onchip.trace_gains(learning.nudged_steps)
        highest, bits = onchip.fixed.highest_code, onchip.accumulator_bits
        stuck = lower_stuck(self.config.timing, lowered, highest, stored, mirror, bits)
        hold(stuck, stored, mirror)
        return Learner(
            stored,
            mirror,
            bits,
            highest,
            mantissas,
            shifts,
            window(onchip, learning),
            (1 << onchip.trace_bits) - 1,
            onchip.sight.decays,
            decay,
            impulse,
            int(onchip.threshold * onchip.fixed.one * learning.average_steps),
            np.array([self.config.seed], np.uint64),
            factor_mantissas,
            factor_shifts,
            onchip.largest_factor,
            onchip.sight.spikes,
            lower_shared(self.start, lowered, onchip.sharing),
            stuck,
            np.zeros((SOURCES, units), np.int32),
            np.zeros(units, np.int32),
            np.zeros(units, np.int32),
            np.zeros(units, np.int32),
            np.zeros(units, np.int32),
        )

    def mirror(self) -> tuple[np.ndarray, ...]:
        """The weights that feedback spikes read: copies of their own."""
        found = mirrored_weights(self.lowered, self.start, self.onchip.fixed)
        return tuple(self.places.folded(k, weights) for k, weights in enumerate(found, start=1))

    @property
    def network(self) -> Network:
        """The network as trained so far: the copy of each weight that feed-forward spikes read."""
        kernels, weights, biases = self.places.kernels, [], []
        for k, connection in enumerate(self.start.connections):
            codes = held_weights(connection, weight_rows(self.lowered, k), FORWARD)
            found = QuantizedWeights(codes, self.exponents[k], 0)
            weights.append(self.places.folded(k, real_weights(found, self.onchip.fixed)))
            units = layer_units(self.lowered, self.lowered.biases, k + 1)
            biases.append(self.onchip.fixed.reals(units).reshape(kernels.layers[k + 1]))
        return replace(kernels, weights=tuple(weights), biases=tuple(biases))

    def copy(self, k: int, which: int) -> Copy:
        """A copy of the weights of connection k, `which` FORWARD or MIRROR: of a matrix, views."""
        return copy_of(self.start, self.lowered, self._learner, k, which)

    def drift(self) -> list[float]:
        """||W - W'|| / ||W|| of every connection that has two copies, the input's left out."""
        found = []
        for k in range(1, len(self.start.connections)):
            forward = self.copy(k, FORWARD).codes.astype(np.float64)
            back = self.copy(k, MIRROR).codes
            norm = float(np.linalg.norm(forward))
            found.append(float(np.linalg.norm(forward - back)) / norm if norm else 0.0)
        return found

    def measures(self) -> dict[str, Any]:
        """What else an epoch's line of metrics holds: drift, writes and units that changed."""
        samples = max(self.tally.samples, 1)
        per_sample = (self.written.sum((0, 1)) / samples).tolist()
        return {
            **super().measures(),
            "drift": self.drift(),
            **{f"weights_{n}_per_sample": x for n, x in zip(WRITES, per_sample, strict=True)},
            "units_changed_per_sample": (self.told[0] / samples).tolist(),
            "units_active_per_sample": (self.told[1] / samples).tolist(),
            **(
                {"change_spikes_per_sample": (self.spikes_told / samples).tolist()}
                if self.onchip.sight.spikes
                else {}
            ),
        }

    def end_epoch(self) -> Tally:
        """Close the epoch: returns its tally and begins the next."""
        self.written[...] = 0
        self.told[...] = 0
        self.spikes_told[...] = 0
        return super().end_epoch()

    def _learned(self) -> dict[str, np.ndarray]:
        return {
            "stored": self._learner.stored,
            "stored_mirror": self._learner.stored_mirror,
            "chip_biases": self.lowered.biases,
            "written": self.written,
            "told": self.told,
            **({"spikes_told": self.spikes_told} if self.onchip.sight.spikes else {}),
            "learned_from": self.learned_from,
            **self._carried(),
        }

    def _take_up(self, updates: int) -> None:
        """What another chip had learned is stored as far as this one can be written."""
        hold(self._learner.stuck, self._learner.stored, self._learner.stored_mirror)
        self._read_codes()

    def _read_codes(self) -> None:
        """Bring the codes up to date with what is stored."""
        bits = self.onchip.accumulator_bits
        half = (1 << bits) >> 1
        for codes, stored in (
            (self.lowered.weights, self._learner.stored),
            (self.lowered.mirror, self._learner.stored_mirror),
        ):
            codes[...] = (stored + half) >> bits

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        config, onchip, lowered = self.config, self.onchip, self.lowered
        problem = self._problem(indices, self._inputs(indices), seed)
        phases = problem.phases
        record = _new_record(problem, lowered, onchip.records_spikes, self._averages_records)
        unit, units, dtype = lower_unit(problem), int(lowered.offsets[-1]), np.dtype(np.int32)
        per_sample = self._of_a_sample(rates)
        mantissas, shifts = lower_bias_rates(onchip, config.learning, per_sample)
        self._learner.bias_mantissa[...] = mantissas
        self._learner.bias_shift[...] = shifts
        mantissas, shifts = lower_factors(onchip, config.learning, self.exponents, per_sample)
        self._learner.factor_mantissa[...] = mantissas
        self._learner.factor_shift[...] = shifts
        terms = lower_terms(
            self.terms, onchip, config.learning, self.exponents, self._of_a_synapse(rates)
        )
        samples, connections = len(indices), len(lowered.sizes) - 1
        written = Written(
            np.zeros((samples, int(lowered.sizes[-1])), np.int32),
            np.zeros((samples, connections, 2, len(WRITES)), np.int64),
            *(np.zeros((samples, connections + 1), np.int64) for _ in range(3)),
        )
        rule = rule_of(config.learning.rule)
        minus, plus = rule.contrasted(phases, config.learning.beta, "on_chip", "a sample")
        # The random numbers are taken modulo 2**64, of which plain Python would warn.
        with uninterrupted(), np.errstate(over="ignore"):  # all changes together, or not at all
            asked = (
                lowered,
                rules_of(problem, unit, config.learning.average_steps)._replace(
                    turn=self._turn[0], turn_mirror=self._turn[1]
                ),
                record,
                np.zeros((0, 0, 0), np.int32),
                numbers_of(problem, problem.x),
                _by_sample(targets_of(problem, int(lowered.sizes[-1]))),
                problem.samples.astype(np.uint64),
                arrays.new_state(unit.kept, units, connections + 1, dtype),
                arrays.new_state(unit.kept, units, connections + 1, dtype),
                arrays.new_scratch(lowered, dtype),
            )
            learned = (
                self._learner, terms, written, plus, minus, int(self.learned_from[0]),
                config.descent.minibatch,
            )  # fmt: skip
            updates = None
            if problem.timing is None or problem.timing.in_steps:
                if self._relaxation is None:  # asking takes a millisecond
                    self._relaxation = kernels.relaxation_of(*asked)
                kernels.learn_online(self._relaxation, *asked, *learned)
            else:
                updates = learn_timed(problem, unit.kept, asked, *learned)
            self.learned_from += samples
            self.written += written.writes.sum(0)
            self.told += np.stack([written.changed.sum(0), written.sent.sum(0)])
            self.spikes_told += written.spikes.sum(0)
            self._tend_copies(rates)
            self.position += 1
            outputs = onchip.fixed.reals(written.outputs)
            score = self.dataset.aim.score(outputs, self.dataset.train_y[indices])
            activity: Activity = activity_of(problem, record, updates)
            self.tally += Tally(samples, score, activity, int(record.saturations.sum()))

    def _tend_copies(self, rates: Sequence[float]) -> None:
        """What is done to the two copies now and then; every weight is a write."""
        tending = self.onchip.upkeep.tending
        if tending is None and not any(self.places.apart):
            return
        for k, apart in enumerate(self.places.apart):
            if apart is not None:
                for which in COPIES if k > 0 else (FORWARD,):
                    self._average(k, which, apart)
        if tending is not None:
            for k in range(1, len(self.start.connections)):
                _TENDED[type(tending)](self, tending, k, rates)
        hold(self._learner.stuck, self._learner.stored, self._learner.stored_mirror)
        self._read_codes()

    def _average(self, k: int, which: int, apart: Apart) -> None:
        """All places of a kernel take their mean; copies that round alike round it alike."""
        stream = FORWARD if self.onchip.upkeep.one_noise else which
        draws = np.random.default_rng([self.config.seed, int(self.learned_from[0]), k, stream])
        found = averaged(self.copy(k, which).stored, apart, draws)
        store_copy(self.start, self.lowered, self._learner, k, which, found.astype(np.int16))
        self.written[k, which, ATTEMPTED] += found.size

    def _shrink(self, tending: Shrink, k: int, rates: Sequence[float]) -> None:
        share, number = int(self.onchip.decay_rate * 2**TRACE_SHIFT), int(self.learned_from[0])
        for copy in COPIES:
            values = self.copy(k, copy).stored
            values = values.T if copy == MIRROR else values  # numbered row by row, as it lies
            stream = DECAY_STREAM + copy
            shrink(values, share, self._learner.seed, number, k, stream)
            self.written[k, copy, ATTEMPTED] += values.size

    def _send(self, tending: Send, k: int, rates: Sequence[float]) -> None:
        sent = self.copy(k, FORWARD).stored
        store_copy(self.start, self.lowered, self._learner, k, MIRROR, sent)
        self.written[k, MIRROR, ATTEMPTED] += sent.size

    def _mirror(self, tending: MirrorMode, k: int, rates: Sequence[float]) -> None:
        rate = lower_mirror_rate(rates, self.config.descent.lr)
        learn_mirror(
            self.copy(k, FORWARD), self.copy(k, MIRROR), tending, rate, self._learner,
            (int(self.learned_from[0]), k), self.written[k, MIRROR],
        )  # fmt: skip


# What is done to both copies of a connection, by the kind of tending.
_TENDED: dict[type[Tending], Callable[..., None]] = {
    Shrink: OnChipTrainer._shrink,
    Send: OnChipTrainer._send,
    MirrorMode: OnChipTrainer._mirror,
}


def _by_sample(targets: np.ndarray) -> np.ndarray:
    """Targets of shape (phases, batch, n_out) as (batch, phases, 1, n_out): of one sample each."""
    return np.ascontiguousarray(targets.transpose(1, 0, 2)[:, :, None])


def _new_record(
    problem: Problem, lowered: Lowered, spikes: bool, potentials: bool
) -> arrays.Record:
    """Counts for every sample; ends, and what is asked for of every step, for one."""
    phases, batch = len(problem.phases), len(problem.x)
    layers, units = len(lowered.sizes), int(lowered.offsets[-1])
    return arrays.Record(
        ends=np.zeros((phases, 1, units), np.int32),
        active=np.zeros((batch, phases, layers), np.int64),
        arrivals=np.zeros((batch, phases, layers - 1, 2), np.int64),
        injected=np.zeros((batch, phases, layers - 1), np.int64),
        saturations=np.zeros((batch, phases, layers), np.int64),
        returned=np.zeros((batch, phases, layers - 1), np.int64),
        skipped=np.zeros(batch, np.bool_),
        bits=np.zeros((problem.steps if spikes else 0, 1, units), np.uint8),
        potentials=np.zeros((problem.steps if potentials else 0, 1, units), np.int32),
        part_spikes=np.zeros((0, 1, 0), np.int32),
    )
