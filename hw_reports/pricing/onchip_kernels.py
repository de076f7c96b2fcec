"""What it takes a chip to write a kernel of many places: sums, a keeper, and the codes it sends.

What is assumed of a kernel whose sums are kept (``OnChip.kernels`` "keeper"):

- Every core adds up, weight by weight, the products of the synapses that it holds (``reads``: a
  product read and added), and sends each sum that is not 0 to the keeper, one graded message each.
- The keeper is the first core of the layer that holds the copy, and needs no message for its own.
  It has the kernel once for itself, rounds each sum, writes it there, and sends every code that
  changed to each core with a synapse of that weight, in either copy where both are written alike:
  then no core below has to be told how the units above changed.
- A core writes a code that comes in every synapse that has it: once on a chip that shares kernels,
  else place by place.

Written in place, a kernel stands once on the one core of its layer, and the product of every
synapse is a write: that takes a chip that shares kernels, and layers that stand on one core each.

Where places are averaged, every synapse has a weight of its own, and its product is a write there:
that takes a chip that does not share kernels. Once in `OnChip.every` samples, in either copy,

- every core adds up what its synapses of each weight hold, a read each, and sends the sums to the
  first core of the layer, one graded message each;
- that core takes the means and sends each to all cores that have the weight, which write it in
  every synapse that has it.

These come spread evenly over the samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.config import Config
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.upkeep import COPIES, FORWARD, MIRROR
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.onchip_known import Known, kernels_of, onchip_of
from eqchip.emulator.learning.onchip_lowering import ROW_OF, Term, terms_of
from eqchip.emulator.learning.onchip_sums import weight_sums
from eqchip.emulator.learning.onchip_traffic import averages, sends_copies
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.ways import wiring


class KernelWrites(NamedTuple):
    """What the kernels of a network take of one sample.

    reads, writes: products added up, and synapses written, float64, shape (cores,); messages:
    float64, shape (cores, cores), from a core to another; attempted: weights that the emulator
    counts as attempted for it; always: of the messages, those that come whatever is written.
    """

    reads: np.ndarray
    writes: np.ndarray
    messages: np.ndarray
    attempted: float = 0.0
    always: float = 0.0


def means(found: Sequence[KernelWrites]) -> dict[str, float]:
    """Per sample: products read, weights attempted, synapses written, and messages."""
    return {
        "reads": float(np.mean([one.reads.sum() for one in found])),
        "attempted": float(np.mean([one.attempted for one in found])),
        "writes": float(np.mean([one.writes.sum() for one in found])),
        "messages": float(np.mean([one.messages.sum() for one in found])),
    }


class Kernels:
    """The connections of a network that learned on the chip whose synapses share weights.

    Parameters
    ----------
    config : Config
    mapped : MappedNetwork
    changed : float
        Of the weights that are attempted, the share whose code changes.

    Raises
    ------
    InputError
        If kernels are written in place, and the chip does not share them, or a layer stands on
        several cores.
    """

    def __init__(self, config: Config, mapped: MappedNetwork, changed: float) -> None:
        self.config, self.mapped, self.changed = config, mapped, changed
        self.connections = kernels_of(config)
        if averages(config):
            _check_apart(config, mapped)
        elif self.connections and not onchip_of(config).sharing.summed:
            _check_in_place(config, mapped, self.connections)

    def after(self, known: Known) -> KernelWrites:
        """What one sample takes."""
        onchip, cores = onchip_of(self.config), self.mapped.cores
        found = KernelWrites(np.zeros(cores), np.zeros(cores), np.zeros((cores, cores)))
        attempted = 0.0
        for term in terms_of(onchip, len(self.config.sizes) - 1, self.config.input):
            if term.connection in self.connections:
                attempted += self._write(term, known, found)
        told = float(found.messages.sum())
        averaging = averages(self.config)
        for k in self.connections:
            for copy in COPIES[: 1 + (k > 0)] if averaging else ():
                attempted += self._average(k, copy, found, averaging)
            if k > 0 and sends_copies(onchip):
                attempted += self._send(k, found, 1.0 / onchip.every)
        return found._replace(attempted=attempted, always=float(found.messages.sum()) - told)

    def _write(self, term: Term, known: Known, found: KernelWrites) -> float:
        """Add what a product takes; returns the weights that the emulator attempts for it."""
        onchip, k, mapped = onchip_of(self.config), term.connection, self.mapped
        below, above = known[ROW_OF[term.pre]][k], known[ROW_OF[term.post]][k + 1]
        here = mapped.cores_of(k + 1 if term.copy == FORWARD else k)
        pairs = [self._of(k, below != 0, above != 0, term, core) for core in here]
        each = np.array([of_core.sum() for of_core in pairs], np.float64)
        if not onchip.sharing.summed:
            found.writes[here] += each
            found.reads[here] += each
            return float(each.sum())
        sums = np.stack([self._of(k, below, above, term, core) for core in here])
        meant = sums.sum(axis=0) != 0
        attempted = float(np.count_nonzero(meant))
        alike = onchip.upkeep.keeps_equal  # one keeper for both copies, which has the sums already
        if alike and term.copy == MIRROR:
            return attempted
        keeper = here[0]
        found.reads[here] += each
        sent = np.count_nonzero(sums.reshape(len(here), -1), axis=1)
        found.messages[here[1:], keeper] += sent[1:]
        found.writes[keeper] += attempted
        copies = (FORWARD, MIRROR) if alike and k > 0 else (term.copy,)
        for copy in copies:
            self._tell(k, copy, keeper, meant, self.changed, found)
        return attempted

    def _tell(
        self, k: int, copy: int, keeper: int, flags: np.ndarray, share: float, found: KernelWrites
    ) -> None:
        """Codes from a keeper to the cores of a copy, which write them; flags: of which weights."""
        mapped = self.mapped
        wires = wiring(mapped.network, k, copy == FORWARD)
        if wires is None or not (copy == FORWARD or mapped.chip.copies == 2):
            return
        cores = mapped.cores_of(k + 1 if copy == FORWARD else k)
        parts = [mapped.parts[core] for core in cores]
        told = share * wires.stored(flags[None], parts, True)[0]
        told[cores == keeper] = 0.0
        found.messages[keeper, cores] += told
        found.writes[cores] += (
            share * wires.stored(flags[None], parts, mapped.chip.shares_kernels)[0]
        )

    def _average(self, k: int, copy: int, found: KernelWrites, share: float) -> float:
        """Add a sample's share of the mean over all places; returns the weights so attempted."""
        mapped = self.mapped
        wires = wiring(mapped.network, k, copy == FORWARD)
        assert wires is not None
        cores = mapped.cores_of(k + 1 if copy == FORWARD else k)
        parts = [mapped.parts[core] for core in cores]
        everything = np.ones((1, *mapped.network.connections[k].synapse_weight_shape), bool)
        told = share * wires.stored(everything, parts, True)[0]
        synapses = share * wires.stored(everything, parts, False)[0]
        found.messages[cores[1:], cores[0]] += told[1:]
        found.messages[cores[0], cores[1:]] += told[1:]
        found.reads[cores] += synapses
        found.writes[cores] += synapses
        return float(synapses.sum())

    def _send(self, k: int, found: KernelWrites, share: float) -> float:
        """The forward copy to the mirrored ones, a weight a message; weights so attempted."""
        everything = np.ones(self.mapped.network.connections[k].synapse_weight_shape, bool)
        self._tell(k, MIRROR, int(self.mapped.cores_of(k + 1)[0]), everything, share, found)
        return share * everything.size

    def _of(
        self, k: int, below: np.ndarray, above: np.ndarray, term: Term, core: int
    ) -> np.ndarray:
        """Sums of products by weight, of the synapses of a copy that stand on a core."""
        connection, part = self.mapped.network.connections[k], self.mapped.parts[core]
        if term.copy == FORWARD:
            return weight_sums(connection, below, _only(above, part))
        return weight_sums(connection, _only(below, part), above)


def _only(values: np.ndarray, part: Part) -> np.ndarray:
    """Those of the units of a part, and 0 elsewhere."""
    found = np.zeros_like(values)
    found[part.first : part.end] = values[part.first : part.end]
    return found


def _check_apart(config: Config, mapped: MappedNetwork) -> None:
    if mapped.chip.shares_kernels:
        raise InputError(
            f"report: kernels {onchip_of(config).kernels!r} on chip {mapped.chip.name}, whose "
            "cores have each weight of a kernel once ([cores.shared_kernels]); expected a chip "
            "where every place has its own, or a run with kernels 'keeper'"
        )


def _check_in_place(config: Config, mapped: MappedNetwork, connections: Sequence[int]) -> None:
    if not mapped.chip.shares_kernels:
        raise InputError(
            f"report: kernels {onchip_of(config).kernels!r} on chip {mapped.chip.name}, whose file "
            "has no [cores.shared_kernels]; expected one that has, or a run with kernels 'keeper'"
        )
    for k in connections:
        for layer in (k, k + 1)[k == 0 :]:
            cores = len(mapped.cores_of(layer))
            if cores > 1:
                raise InputError(
                    f"report: kernels {onchip_of(config).kernels!r} with layer {layer} on {cores} "
                    "cores, whose kernels would come apart; expected one core, or a run with "
                    "kernels 'keeper'"
                )
