"""The trainer that a configuration asks for: one row for each kind of learning."""

from __future__ import annotations

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.training.learners import row_of
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.spiking_training import SpikingTrainer
from eqchip.emulator.training.trainer import Trainer

# By the type of what trains, `Config.learner`, or what that derives from.
TRAINERS: dict[type, type[Trainer]] = {
    Learning: Trainer,
    OnChip: OnChipTrainer,
    SpikingRule: SpikingTrainer,
}


def make_trainer(config: Config, dataset: Dataset, threads: int | None = None) -> Trainer:
    """The trainer that a configuration asks for."""
    return row_of(TRAINERS, config)(config, dataset, threads)
