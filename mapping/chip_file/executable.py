"""Whether a chip can run a rule: what a run needs of it, beside what its file says it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from eqchip.emulator.description import notation
from eqchip.emulator.description.coding import OptimalStepSize, Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.rules import rule_of
from eqchip.emulator.description.spiking.rules import Emstdp, Eprop, Erbp, Graded, Nbp
from eqchip.emulator.learning.onchip_lowering import sum_bits, synapses_of_a_weight
from eqchip.emulator.training.learners import row_of
from eqchip.mapping.chip_file.capabilities import ABILITIES, shown
from eqchip.mapping.chip_file.chip import Chip


@dataclass(frozen=True)
class Need:
    """What a run needs of a chip.

    Attributes
    ----------
    name : str
        One of :data:`eqchip.mapping.chip_file.capabilities.ABILITIES`, or ``"learning"``.
    least : int
        Of one that is counted; 1 of any other.
    why : str
        What needs it.
    """

    name: str
    least: int
    why: str


@dataclass(frozen=True)
class Verdict:
    """Whether a chip can run a rule, and what that rests on.

    Attributes
    ----------
    chip : str
        Its name.
    needs : tuple of Need
    lacks : tuple of str
        What the file says that the chip does not have, in words.
    unstated : tuple of str
        What the file does not speak of.
    """

    chip: str
    needs: tuple[Need, ...]
    lacks: tuple[str, ...]
    unstated: tuple[str, ...]

    @property
    def can(self) -> bool | None:
        """Whether it can; None: its file does not say all that it takes."""
        if self.lacks:
            return False
        return None if self.unstated else True

    def __str__(self) -> str:
        if self.lacks:
            return f"{self.chip} cannot run this rule as it is: {'; '.join(self.lacks)}"
        if self.unstated:
            silent = len(self.unstated) == sum(need.name != "learning" for need in self.needs)
            on = "any capability" if silent else "; ".join(self.unstated)
            return (
                f"whether {self.chip} can run this rule is not known: its file does not speak of "
                f"{on}"
            )
        return f"{self.chip} can run this rule: it has what its unit, phases and writes need"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "can": self.can,
            "said": str(self),
            "needs": [vars(need) for need in self.needs],
            "lacks": list(self.lacks),
            "unstated": list(self.unstated),
        }


def executable(chip: Chip, config: Config) -> Verdict:
    """Whether a chip can run the rule of a run, its unit and schedule included.

    Parameters
    ----------
    chip : Chip
        As its file describes it.
    config : Config
        Of a run that learned on a chip, or not: then the rule needs exact potentials. Error spikes
        of both signs take two units where a chip's have none.

    Returns
    -------
    Verdict
        From capabilities of the file alone: room for the network is the mapping's.

    Examples
    --------
    >>> from eqchip.mapping.chip_file.chip import load_chip
    >>> verdict = executable(load_chip("loihi1-davies"), Config())
    >>> verdict.can
    False
    >>> print(verdict.lacks[0])
    no units that run a program of the user's (a unit decodes, steps and encodes)
    """
    needs = (*_of_input(config), *row_of(NEEDS, config)(config))
    lacks, unstated = [], []
    for need in needs:
        has = _has(chip, need.name)
        words = _words(need.name)
        if has is None:
            unstated.append(f"{words} ({need.why})")
        elif has < need.least:
            none = f"no {words.removeprefix('a ')}"
            too_few = f"{shown(need.name, has)}, not {need.least}, of {words}" if has else none
            lacks.append(f"{too_few} ({need.why})")
    return Verdict(chip.name, needs, tuple(lacks), tuple(unstated))


def _of_input(config: Config) -> Iterator[Need]:
    """An input that is injected once a sample, where the chip learns."""
    if config.on_chip is not None and config.input == "current":
        bits = config.on_chip.fixed.fraction_bits
        yield Need("graded_payload", bits, "the input is sent as numbers")


def _of_phases(config: Config) -> Iterator[Need]:
    """What a run of Equilibrium Propagation needs: the unit first, its phases, then its writes."""
    coding, onchip = config.coding, config.on_chip
    yield Need("neuron_program", 1, "a unit decodes, steps and encodes")
    if isinstance(coding.step_size, OptimalStepSize):
        yield Need("step_schedule", 1, "the step size is found anew at every step")
    elif coding.adapts_prediction:
        yield Need("step_schedule", 1, "units adapt their prediction coefficients")
    elif any(_falls(one) for one in (coding.step_size, coding.prediction)):
        yield Need("step_schedule", 1, "step size or prediction fall from step to step")
    learning = config.learning
    phases = rule_of(learning.rule).phases(1, 1, None, 1.0, learning.split_stream)
    if any(phase.from_free for phase in phases):
        yield Need("state_restore", 1, "a second phase starts from the end of the free one")
    yield Need("learning", 1, "weights are written there")
    fixed = FixedPoint() if onchip is None else onchip.fixed
    exact = fixed.fraction_bits  # of a potential, or, beside its sign, of a change of one
    if onchip is None:
        yield Need("graded_payload", exact, "a synapse reads the potential at its other end")
        yield Need("third_factor", exact, "a synapse reads how its unit changed")
        return
    sight, upkeep = onchip.sight, onchip.upkeep
    change = onchip.change_bits or exact
    if sight.graded:
        yield Need("graded_payload", exact, "potentials are sent to the cores that write")
    elif upkeep.tells_changes and not sight.spikes:
        yield Need("graded_payload", change, "changes are sent to the cores below")
    yield from _of_kernels(config)
    if upkeep.adjoint:
        yield Need("graded_payload", exact, "what crosses a copy the other way is sent, summed up")
    if sight.knows_changes and not sight.spikes:
        yield Need("third_factor", change, "a synapse reads how its unit changed")
    if onchip.accumulator_bits:
        yield Need("synapse_tag", onchip.accumulator_bits, "weights are remembered more finely")
    if not sight.spikes:  # which writes whole counts
        yield ROUNDING


def _of_kernels(config: Config) -> Iterator[Need]:
    """Sums of a kernel of many places, on their way to the core that keeps it or averages it."""
    onchip = config.on_chip
    assert onchip is not None
    connections = notation.connections(config.layers)
    shared = [k for k, one in enumerate(connections) if one.shares_weights]
    sharing = onchip.sharing
    if shared and (sharing.summed or sharing.apart):
        bits = max(sum_bits(config, k, synapses_of_a_weight(connections[k])) for k in shared)
        does = "keeps it" if sharing.summed else "takes the mean of its places"
        yield Need("graded_payload", bits, f"sums of a kernel are sent to the core that {does}")


LEARNING = Need("learning", 1, "weights are written there")
ROUNDING = Need("stochastic_rounding", 1, "writes are rounded at random")
SUBTRACTS = Need("neuron_program", 1, "a spike takes one threshold of a potential, no more")


def _of_graded(config: Config) -> Iterator[Need]:
    """A gate by the unit's own spikes, an error as a number, and that number as a third factor."""
    exact = _exact(config)
    yield SUBTRACTS
    yield Need("graded_payload", exact, "errors are sent as numbers")
    yield LEARNING
    yield Need("third_factor", exact, "a synapse reads the error of its unit")
    yield ROUNDING


def _of_emstdp(config: Config) -> Iterator[Need]:
    """Units of errors, and the difference of two counts as a third factor."""
    assert isinstance(config.spiking, Emstdp)
    yield SUBTRACTS
    yield LEARNING
    bits = config.spiking.steps.bit_length()
    yield Need("third_factor", bits, "a synapse reads by how many spikes its unit changed")
    yield ROUNDING


def _of_erbp(config: Config) -> Iterator[Need]:
    """A second compartment that no spike reads, as a third factor."""
    yield Need("neuron_program", 1, "a dendrite beside the soma, and a gate by the current")
    yield LEARNING
    yield Need("third_factor", _exact(config), "a synapse reads the dendrite of its unit")
    yield ROUNDING


def _of_eprop(config: Config) -> Iterator[Need]:
    """A trace at each synapse, and how near its unit is to firing and its error, as factors."""
    assert isinstance(config.spiking, Eprop)
    exact = _exact(config)
    yield Need("neuron_program", 1, "a unit tells how near it is to its threshold")
    yield Need("graded_payload", exact, "errors are sent as numbers")
    yield LEARNING
    yield Need("third_factor", exact, "a synapse reads the learning signal of its unit")
    yield Need("synapse_tag", config.spiking.trace_bits, "a synapse keeps an eligibility trace")
    yield ROUNDING


def _of_nbp(config: Config) -> Iterator[Need]:
    """Units with a threshold, and a learning engine that a spike of a gate turns round."""
    yield LEARNING


def _exact(config: Config) -> int:
    assert config.on_chip is not None
    return config.on_chip.fixed.fraction_bits


# What a run needs, by the type of what trains it. A rule without a row: one is missing here.
NEEDS: dict[type, Callable[[Config], Iterator[Need]]] = {
    Learning: _of_phases,
    OnChip: _of_phases,
    Graded: _of_graded,
    Emstdp: _of_emstdp,
    Erbp: _of_erbp,
    Nbp: _of_nbp,
    Eprop: _of_eprop,
}


def _falls(schedule: Any) -> bool:
    return isinstance(schedule, Polynomial) and schedule.exponent > 0


def _has(chip: Chip, name: str) -> int | None:
    """How much of it a chip has; None: its file does not say."""
    if name == "learning":
        return int(chip.learning)
    found = chip.capabilities.get(name)
    return None if found is None else int(found.value)


def _words(name: str) -> str:
    return "learning on the chip" if name == "learning" else ABILITIES[name].has
