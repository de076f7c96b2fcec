"""What processors beside the cores, and the host, do for a sample.

::

    steps managed       of every step that a barrier ends, one
    learning epochs     one for every update: the engine runs once, over all that it visits; where
                        spikes tell of changes, one in every step of theirs
    coefficients        of every step, core and schedule that changes with the step (the step size,
                        the decay of the decoder): cores do not know which step it is
    states copied       of every unit, each number that it carries from one step to the next: saved
                        once where phases start from the end of the free phase, and restored for
                        each of them that does not follow on from it
    messages, bytes     from the host, a message for each value: the input with every sample, its
                        target where it learns; to the host, the outputs of an inference. A value
                        takes the bytes of a chip's fraction

What is counted here is priced where the chip file has a figure, and else named by every sum that
lacks it.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from eqchip.emulator.description.coding import Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.learning.onchip_traffic import learning_epochs
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.hw_reports.pricing.learning_memory import states_of_unit
from eqchip.mapping.kinds import FREE, INFERENCE, NUDGED, UPDATE
from eqchip.mapping.placement.mapped import MappedNetwork

BYTE = 8


def beside(replay: Replay, mapped: MappedNetwork, phase: str, steps: np.ndarray) -> Counts:
    """What they do in one phase, per sample; ``steps`` end with a barrier."""
    config = replay.config
    changing = 0 if phase == UPDATE else schedules(config)
    found = {"management": float(steps.sum())}
    found["schedule_write"] = changing * len(mapped.parts) * float(steps.sum())
    if phase == UPDATE:
        found["learning_epoch"] = 1.0 if config.on_chip is None else learning_epochs(config)
    if phase == NUDGED:
        found["state_copy"] = float(copied_states(config))
    values = values_moved(config, phase)
    fixed = replay.chip.arithmetic
    assert fixed is not None
    found["host_message"] = float(values)
    found["host_byte"] = float(values * -(-fixed.fraction_bits // BYTE))
    return {kind: np.array([count]) for kind, count in found.items()}


def schedules(config: Config) -> int:
    """How many coefficients of a core change from step to step.

    Examples
    --------
    >>> from eqchip.emulator.description.config import make_config
    >>> schedules(make_config(layers=(64, 7, 10)))  # the decay of the decoder alone
    1
    """
    given = (config.coding.step_size, config.coding.prediction)
    return sum(isinstance(one, Polynomial) and one.exponent > 0 for one in given)


def copied_states(config: Config) -> int:
    """Numbers saved and restored, so that several phases start from the end of the free one."""
    phases = config.learning.phases(np.zeros((1, config.sizes[-1])))
    restored = sum(
        phase.from_free and before is not phases[0] for before, phase in pairwise(phases)
    )
    if not restored:
        return 0
    numbers = sum(config.sizes[1:]) * sum(states_of_unit(config.coding).values())
    if config.input == "spikes" and config.coding.quantizer == "sigma-delta":
        # Residues of the input's encoders, and how coarse an adapted prediction is.
        numbers += config.sizes[0] * (1 + config.coding.adapts_prediction)
    return numbers * (1 + restored)


def values_moved(config: Config, phase: str) -> int:
    """Values that cross between host and chip in a phase."""
    inputs, outputs = config.sizes[0], config.sizes[-1]
    moved = {FREE: inputs, NUDGED: outputs, UPDATE: 0, INFERENCE: inputs + outputs}
    return moved[phase]
