"""What a training sample of a run costs on a chip, whatever rule trained it: one meaning for all.

It is the mean over the whole training, on as few cores as hold what the rule needs, with every copy
of a weight and every error unit; modelled, not measured.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.spiking.rule import SpikingRule
from eqchip.emulator.training.learners import row_of
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.counting.samples import SAMPLES
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.pricing.circuit_cost import circuit_of, priced_circuit
from eqchip.hw_reports.pricing.costs import Cost, costs
from eqchip.hw_reports.pricing.entries import energy_of
from eqchip.hw_reports.pricing.totals import total
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.kinds import PHASES


class TrainingCost(NamedTuple):
    """Of a training sample.

    Attributes
    ----------
    cost : Cost
    cores : int
        It was on; 0 of a chip without a model of its cores.
    learning_epochs : float
        How often the learning engine ran.
    """

    cost: Cost
    cores: int
    learning_epochs: float


def training_cost(run: RunDirectory, chip: Chip, dataset: Dataset) -> TrainingCost:
    """Price a training sample of a run.

    Parameters
    ----------
    run : RunDirectory
    chip : Chip
    dataset : Dataset
        The one that the run names; of Equilibrium Propagation some samples are run once more.

    Raises
    ------
    InputError
        If no epoch is trained, or the chip cannot hold what the rule needs.
    """
    return row_of(COSTS, run.config)(run, chip, dataset)


def _of_phases(run: RunDirectory, chip: Chip, dataset: Dataset) -> TrainingCost:
    replayed = replay(run, chip, dataset, samples=SAMPLES, threads=1)
    accounts = account(replayed)
    epochs = sum(e.count for e in accounts.entries if e.kind == "learning_epoch" and e.count)
    cores = 0 if replayed.mapped is None else replayed.mapped.cores
    return TrainingCost(costs(replayed, accounts, run.metrics()).training, cores, epochs)


def _of_circuit(run: RunDirectory, chip: Chip, dataset: Dataset) -> TrainingCost:
    circuit = circuit_of(run, mean=True)
    mapped, cost = priced_circuit(circuit, chip)
    found = Cost(energy_of(cost.settled.entries, PHASES), total(cost.settled.seconds.values()))
    return TrainingCost(found, mapped.cores, float(circuit.learning_epochs))


# By what trains a run, or what that derives from.
COSTS: dict[type, Callable[[RunDirectory, Chip, Dataset], TrainingCost]] = {
    Learning: _of_phases,
    OnChip: _of_phases,
    SpikingRule: _of_circuit,
}
