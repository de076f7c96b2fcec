"""The section of a report on where a network stands: cores, what they use, and links."""

from __future__ import annotations

from typing import Any

from eqchip.hw_reports.pricing.account_types import Accounts
from eqchip.mapping.activity.cores import per_sample
from eqchip.mapping.placement.mapped import MappedNetwork


def section(mapped: MappedNetwork, accounts: Accounts) -> dict[str, Any]:
    """Where the parts stand, what they use, and what the links carry, per sample."""
    limits, description = mapped.limits, mapped.to_dict()
    cores = []
    for core in description["cores"]:
        shares = {name: core["use"][name] / limit for name, limit in limits.items() if limit}
        tightest = max(shares, key=shares.__getitem__)
        use = {
            name: {"used": used, "limit": limits.get(name)} for name, used in core["use"].items()
        }
        cores.append({**core, "use": use, "utilisation": shares[tightest], "tightest": tightest})
    mesh = mapped.mesh
    return {
        "tiles_x": mesh.tiles_x,
        "tiles_y": mesh.tiles_y,
        "cores_per_tile": mesh.cores_per_tile,
        "chips": mapped.chips,
        "chips_x": mesh.across,
        "cores": cores,
        "links": _links(mapped, accounts),
        "cores_used": mapped.cores,
        "cores_available": mesh.sites,
        "tightest": mapped.tightest._asdict(),
        "hops": mapped.hops._asdict(),
        "connections": description["connections"],
    }


def _links(mapped: MappedNetwork, accounts: Accounts) -> list[dict[str, Any]]:
    assert accounts.cores is not None
    loads = {
        "training": per_sample(accounts.cores.training, "links"),
        "inference": per_sample(accounts.cores.inference, "links"),
    }
    return [
        {
            "from": [link.x, link.y],
            "to": list(link.end),
            "direction": link.direction,
            "load": {name: float(load[k]) for name, load in loads.items()},
        }
        for k, link in enumerate(mapped.routes.links)
    ]
