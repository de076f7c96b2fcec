"""Training on the chip beside its numpy reference."""

from __future__ import annotations

import numpy as np
from onchip_cases import wrapping

from eqchip.backends.discrete import onchip as discrete
from eqchip.backends.reference import onchip as reference
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Config
from eqchip.emulator.kernels.lowered import layer_units
from eqchip.emulator.training.onchip_training import OnChipTrainer


class Twinned(OnChipTrainer):
    """A trainer beside which the reference learns; they are compared at every stop."""

    def __init__(self, config: Config, dataset: Dataset) -> None:
        super().__init__(config, dataset, 1)
        self.memory = reference.new_memory(config, self.start)
        self.all_written = np.zeros_like(self.written)
        self.assert_equal()

    def _train_minibatch(
        self, indices: np.ndarray, sign: int, rates: list[float], seed: int
    ) -> None:
        x = self._inputs(indices)
        before_nudged = self.nudged_share * self.tally.samples
        before = self.written.copy(), self.told.copy(), self.tally, self.spikes_told.copy()
        with wrapping():
            super()._train_minibatch(indices, sign, rates, seed)
        learned = reference.learn_samples(
            self.config, self.start, self.memory, x, self.targets[indices],
            rates=rates, seed=seed, samples=indices,
            shown=reference.show if self.config.timing is None else discrete.show,
        )  # fmt: skip
        self.assert_equal()
        np.testing.assert_array_equal(self.written - before[0], learned.writes)
        np.testing.assert_array_equal(self.told - before[1], [learned.changed, learned.active])
        np.testing.assert_array_equal(self.spikes_told - before[3], learned.told)
        wrong = np.count_nonzero(learned.classes != self.dataset.train_y[indices])
        assert self.tally.score.errors - before[2].score.errors == wrong
        assert self.tally.saturations - before[2].saturations == learned.saturations
        if self.config.timing is None:  # else units step as often as their clocks tick
            nudged = self.nudged_share * self.tally.samples - before_nudged
            assert round(nudged) == len(indices) - learned.skipped
        spikes = self.tally.activity.spikes - before[2].activity.spikes
        np.testing.assert_array_equal(spikes, learned.spikes)
        self.all_written += learned.writes

    def assert_equal(self) -> None:
        """What is stored, the codes that spikes read, and the biases are the reference's."""
        for k, copies in enumerate(self.memory.stored):
            for which, expected in enumerate(copies):
                stored, codes = self.copy(k, which)
                np.testing.assert_array_equal(stored, expected, f"connection {k}, copy {which}")
                read = self.memory.codes(k, which, self.onchip)
                np.testing.assert_array_equal(codes, read, f"connection {k}, copy {which}")
            biases = layer_units(self.lowered, self.lowered.biases, k + 1)
            np.testing.assert_array_equal(biases, self.memory.biases[k], f"connection {k}")
