"""The cores of a chip in its file: how many, on which mesh, with room for what."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from eqchip.emulator.errors import check_whole
from eqchip.mapping.chip_file.figures import Count, Limit, Mark, Positive, Status, Table, Text


class Packing(Table):
    """How the synapses of one axon lie in the synaptic memory of a core.

    Blocks of at most ``block_synapses`` synapses; a block takes

        n (weight + delay_bits + tag_bits [+ index_bits]) + header_bits

    bits, rounded up to words. The format "sparse" stores an index with each synapse, "dense"
    does without where an axon has synapses with neighbouring units only; those of a convolution
    are in several rows of a map, and have an index in either format.
    """

    format: Literal["dense", "sparse"]
    block_synapses: Positive
    header_bits: Count
    word_bits: Positive
    delay_bits: Count
    tag_bits: Count
    index_bits: Count
    source: Text
    status: Status
    confidence: Mark
    note: str = ""

    def axon_bits(self, synapses: int, weight_bits: int, neighbours: bool = True) -> int:
        """Bits that the synapses of one axon take.

        Parameters
        ----------
        synapses : int
            How many synapses the axon has on this core.
        weight_bits : int
        neighbours : bool
            Whether they are with units that follow one another.

        Examples
        --------
        64 + 10 synapses of 8 bits on Loihi: 522 and 90 bits, in words of 64.

        >>> from eqchip.mapping.chip_file.chip import load_chip
        >>> load_chip("loihi1-davies").cores.packing.axon_bits(74, 8)
        704
        """
        check_whole("synapses of an axon", synapses, 0)
        whole, rest = divmod(synapses, self.block_synapses)
        indexed = self.format == "sparse" or not neighbours
        bits = whole * self._block_bits(self.block_synapses, weight_bits, indexed)
        return bits + (self._block_bits(rest, weight_bits, indexed) if rest else 0)

    def _block_bits(self, synapses: int, weight_bits: int, indexed: bool) -> int:
        index = self.index_bits if indexed else 0
        each = weight_bits + self.delay_bits + self.tag_bits + index
        return -(-(synapses * each + self.header_bits) // self.word_bits) * self.word_bits


class Feature(Table):
    """Something that a core does, and who says so."""

    source: Text
    status: Status
    confidence: Mark
    note: str = ""


class Cores(Table):
    """The cores of a chip, and the limits of each.

    Attributes
    ----------
    per_chip : Limit
        Cores on a chip.
    tiles_x, tiles_y, cores_per_tile : Limit
        The mesh: columns, rows, cores that share a router.
    chips_x : Limit, optional
        The most chips that stand in a row where several are used, further rows below it. Not
        given: all of them stand in one row.
    units, synapse_memory : Limit
        Of a core.
    input_axons, output_axons : Limit, optional
        Of a core, where the chip bounds them.
    fan_in, fan_out : Limit, optional
        Synapses into, and out of, one unit, where the chip bounds them.
    routing_memory, total_memory : Limit, optional
        Of a core, where published, for the memory report.
    state_per_unit : Limit, optional
        Bits of neuron state that the chip keeps for a unit, where published.
    trace : Limit, optional
        Bits of a trace of its learning engine, where published.
    packing : Packing
    shared_kernels : Feature, optional
        Given if a convolution's weights stand once on a core, for all places that it serves, and
        can learn there; else every synapse has its own.
    pipeline : Feature, optional
        Given if the stages of a core work side by side, so that a step takes as long as the
        longest of them (:data:`eqchip.mapping.kinds.STAGES`); else one works after the other.
    """

    per_chip: Limit
    tiles_x: Limit
    tiles_y: Limit
    cores_per_tile: Limit
    chips_x: Limit | None = None
    units: Limit
    synapse_memory: Limit
    input_axons: Limit | None = None
    output_axons: Limit | None = None
    fan_in: Limit | None = None
    fan_out: Limit | None = None
    routing_memory: Limit | None = None
    total_memory: Limit | None = None
    state_per_unit: Limit | None = None
    trace: Limit | None = None
    packing: Packing
    shared_kernels: Feature | None = None
    pipeline: Feature | None = None

    @model_validator(mode="after")
    def _check_mesh(self) -> Cores:
        room = self.tiles_x.value * self.tiles_y.value * self.cores_per_tile.value
        if room < self.per_chip.value:
            raise ValueError(
                f"per_chip is {self.per_chip.value}, but tiles_x * tiles_y * cores_per_tile is "
                f"{room}; expected at least as many places as cores"
            )
        return self

    def limits(self) -> dict[str, Limit]:
        """Every limit that is known, by name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: limit for name, limit in found.items() if isinstance(limit, Limit)}
