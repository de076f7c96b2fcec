"""A mapped network as plain lists and numbers, for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eqchip.mapping.placement.mapped import MappedNetwork

MAPPING_FORMAT = "eqchip-mapping 1"


def told(mapped: MappedNetwork) -> dict[str, Any]:
    """Plain lists and numbers, for JSON."""
    cores = [
        {
            "core": core, "layer": part.layer, "first": part.first, "units": part.units,
            **_sliced(mapped, core),
            "chip": int(mapped.chip_of[core]), "x": int(mapped.x[core]), "y": int(mapped.y[core]),
            "slot": int(mapped.slot[core]), "use": mapped.use[core],
            "synapse_bits": {
                "forward": int(mapped.synapse_bits[core, 0]),
                "mirrored": int(mapped.synapse_bits[core, 1]),
            },
        }
        for core, part in enumerate(mapped.parts[home] for home in mapped.partition.homes)
    ]  # fmt: skip
    copies = [mapped.copies(k) for k in range(len(mapped.weights))]
    return {
        "format": MAPPING_FORMAT,
        "chip": mapped.chip.name,
        "layers": list(mapped.network.sizes),
        "chips": mapped.chips,
        "cores_used": mapped.cores,
        "cores_available": mapped.mesh.sites,
        "limits": mapped.limits,
        "totals": mapped.totals,
        "tightest": mapped.tightest._asdict(),
        "hops": mapped.hops._asdict(),
        "connections": [
            {
                "layers": list(mapped.network.joined[k]),
                "forward_cores": found.forward.tolist(),
                "mirrored_cores": found.mirrored.tolist(),
                "synapses": found.synapses,
                "weights": found.weights,
                "copies": found.stored,
                "exponent": weights.exponent,
                "saturated": weights.saturated,
                "vanished": lost.vanished,
                "nonzero": lost.weights,
            }
            for k, (found, weights, lost) in enumerate(
                zip(copies, mapped.weights, mapped.lost, strict=True)
            )
        ],
        "cores": cores,
    }


def _sliced(mapped: MappedNetwork, core: int) -> dict[str, Any]:
    """Whose sums a core makes, and the units whose synapses it keeps, where not all."""
    senders, home = mapped.partition.senders[core], mapped.partition.homes[core]
    if senders is None:
        return {}
    kept = {"layer": senders.layer, "first": senders.first, "units": senders.units}
    return {"home": home, "senders": kept}
