"""SANA-FE, driven over a pipe: a program for another process, which nothing here imports.

SANA-FE is licensed under the GPL (version 3). It serves as a witness in tests and as a
contestant in benchmarks, and eqchip needs no part of it. This file is therefore run by
its path, with whatever interpreter has ``sanafe``, and needs nothing but the standard
library there: no numpy, no eqchip.

It answers each line of JSON on stdin with one on stdout:

``{"do": "load", "chip": ..., "groups": [...], "connections": [...]}``
    Describes hardware and network; ``{"version", "seconds"}`` comes back.
``{"do": "run", "steps": n, "timing": "simple" | "detailed", "threads": n, "trace": bool}``
    Simulates; ``{"seconds", "cpu_seconds", "steps", "totals", "rows", "messages"}`` comes
    back. Each run starts from the loaded state.

Of the chip: ``tiles_x, tiles_y, cores_per_tile, units, buffer``; ``sync``, the seconds
that a step ends with when 0, 1, 2, ... tiles are in use; ``energy`` in J and ``time`` in s,
each with ``synapse`` (a synaptic event), ``access, update, spike`` (a unit that is idle,
updated, fires: each adds to the one before), ``message_out, message_in, hop_x, hop_y``.
Of a group: ``units``, ``x, y, slot`` (its core) and a ``drive``:

``trains``
    Input somas: ``spikes`` holds a text of 0 and 1 per unit, a character per step. A unit
    that does not fire is idle and is charged for an access only.
``forced``
    The same trains on integrate-and-fire somas that are updated in every step.
``integrate``
    Integrate-and-fire somas with ``bias`` and the starting ``potential``; they fire above
    ``threshold``, which is subtracted then, or, with ``reset`` "hard", leaves 0.

A connection holds ``pre, post`` (places in the list of groups) and ``weights`` (row by
row), or None where only the traffic matters; with ``pairs``, those of units that are joined,
a weight for each.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

TRAINS, FORCED, INTEGRATE = "trains", "forced", "integrate"
THRESHOLD = 1.0  # of forced somas; their weights are 0, so that only their bias counts
MUST_FIRE, MUST_NOT = 2.0, 0.0


def architecture(chip: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
    """The hardware as SANA-FE reads it; input somas only where units need them.

    Tiles are numbered column by column, as SANA-FE places them.
    """
    energy, seconds = chip["energy"], chip["time"]
    hops = {
        f"{what}_{way}_hop": cost[f"hop_{axis}"]
        for what, cost in (("energy", energy), ("latency", seconds))
        for way, axis in (("east", "x"), ("west", "x"), ("north", "y"), ("south", "y"))
    }
    soma = {
        f"{what}_{name}": cost[key]
        for what, cost in (("energy", energy), ("latency", seconds))
        for name, key in (
            ("access_neuron", "access"),
            ("update_neuron", "update"),
            ("spike_out", "spike"),
        )
    }
    inputs = {
        (g["x"], g["y"], g["slot"]): g["units"] for g in groups if g["drive"]["kind"] == TRAINS
    }

    def core(place: tuple[int, int, int]) -> dict[str, Any]:
        somas = [{"name": "unit", "attributes": {"model": "leaky_integrate_fire", **soma}}]
        for i in range(inputs.get(place, 0)):  # an input soma holds one train: one a unit
            somas.append({"name": f"input_{i}", "attributes": {"model": "input", **soma}})
        return {
            "name": f"core_{place[2]}",
            "attributes": {
                "buffer_position": "soma",
                "buffer_inside_unit": False,
                "max_neurons_supported": chip["units"],
            },
            "axon_in": [_unit("in", message_in=chip)],
            "synapse": [
                {
                    "name": "synapse",
                    "attributes": {
                        "model": "current_based",
                        "energy_process_spike": energy["synapse"],
                        "latency_process_spike": seconds["synapse"],
                    },
                }
            ],
            "dendrite": [
                {
                    "name": "sum",
                    "attributes": {
                        "model": "accumulator",
                        "energy_update": 0.0,
                        "latency_update": 0.0,
                    },
                }
            ],
            "soma": somas,
            "axon_out": [_unit("out", message_out=chip)],
        }

    return {
        "architecture": {
            "name": "chip",
            "attributes": {
                "topology": "mesh",
                "width": chip["tiles_x"],
                "height": chip["tiles_y"],
                "link_buffer_size": chip["buffer"],
                "sync_model": "table",
                "latency_sync": chip["sync"],
            },
            "tile": [
                {
                    "name": f"tile_{x}_{y}",
                    "attributes": hops,
                    "core": [core((x, y, slot)) for slot in range(chip["cores_per_tile"])],
                }
                for x in range(chip["tiles_x"])
                for y in range(chip["tiles_y"])
            ],
        }
    }


def _unit(name: str, **chips: dict[str, Any]) -> dict[str, Any]:
    ((key, chip),) = chips.items()
    return {
        "name": name,
        "attributes": {
            f"energy_{key}": chip["energy"][key],
            f"latency_{key}": chip["time"][key],
        },
    }


class Simulation:
    """A loaded network, and how to run it once."""

    def __init__(self, sanafe: Any, problem: dict[str, Any]) -> None:
        self.sanafe = sanafe
        self.groups: list[dict[str, Any]] = problem["groups"]
        chip = problem["chip"]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "architecture.yaml")
            with open(path, "w", encoding="utf-8") as file:
                json.dump(architecture(chip, self.groups), file)  # JSON is YAML
            hardware = sanafe.load_arch(path)
        network = sanafe.Network()
        made = []
        for number, group in enumerate(self.groups):
            units = network.create_neuron_group(_name(number), group["units"], _soma(group))
            tile = hardware.tiles[group["x"] * chip["tiles_y"] + group["y"]]
            trains = group["drive"]["kind"] == TRAINS
            for i, unit in enumerate(units):
                if trains:
                    unit.set_attributes(soma_hw_name=f"input_{i}")
                unit.set_attributes(**_attributes(group, i))
                unit.map_to_core(tile.cores[group["slot"]])
            made.append(units)
        for joined in problem["connections"]:
            pre, post = made[joined["pre"]], made[joined["post"]]
            if "pairs" in joined:
                pairs = [tuple(pair) for pair in joined["pairs"]]
                pre.connect_neurons_sparse(post, {"weight": joined["weights"]}, pairs)
                continue
            weights = joined["weights"] or [0.0] * (len(pre) * len(post))
            pre.connect_neurons_dense(post, {"weight": weights})
        self.network, self.hardware = network, hardware
        self.used = False
        self._load()

    def _load(self) -> None:
        self.chip = self.sanafe.SpikingChip(self.hardware)
        self.chip.load(self.network)
        mapped = self.chip.mapped_neuron_groups
        self.units = [mapped[_name(number)] for number in range(len(self.groups))]

    def run(self, steps: int, timing: str, threads: int, trace: bool) -> dict[str, Any]:
        """Simulate from the loaded state; only the simulation itself is timed."""
        if self.used:
            self._load()
        self.used = True
        forced = [k for k, g in enumerate(self.groups) if g["drive"]["kind"] == FORCED]
        calls, each = (steps, 1) if forced or trace else (1, steps)
        rows, messages, totals = [], [], dict.fromkeys(("spikes", "packets", "events"), 0)
        wall = cpu = 0.0
        for call in range(calls):
            for k in forced:
                self._force(k, call)
            wall_start, cpu_start = time.perf_counter(), time.process_time()
            done = self.chip.sim(
                each,
                timing_model=timing,
                processing_threads=threads,
                spike_trace=trace,
                perf_trace=trace,
                message_trace=trace,
            )
            cpu += time.process_time() - cpu_start
            wall += time.perf_counter() - wall_start
            totals["spikes"] += done["neurons_fired"]
            totals["packets"] += done["packets_sent"]
            totals["events"] += done["spikes"]
            if trace:
                rows.append(_row(done))
                messages.append(_messages(done))
        return {
            "seconds": wall,
            "cpu_seconds": cpu,
            "steps": steps,
            "totals": totals,
            "rows": rows,
            "messages": messages,
        }

    def _force(self, k: int, step: int) -> None:
        """Set the bias of those units whose bit differs from the step before."""
        units = self.units[k]
        for i, train in enumerate(self.groups[k]["drive"]["spikes"]):
            if step == 0 or train[step] != train[step - 1]:
                bias = MUST_FIRE if train[step] == "1" else MUST_NOT
                units[i].set_attributes(model_attributes={"bias": bias})


def _name(number: int) -> str:
    return f"group_{number}"


def _soma(group: dict[str, Any]) -> dict[str, Any]:
    """What all units of a group share."""
    kind = group["drive"]["kind"]
    if kind == TRAINS:
        return {}
    if kind == FORCED:
        return {"threshold": THRESHOLD, "reset_mode": "hard", "force_update": True}
    return {
        "threshold": group["drive"]["threshold"],
        "potential": group["drive"]["potential"],
        "reset_mode": group["drive"].get("reset", "soft"),
        "force_update": True,
    }


def _attributes(group: dict[str, Any], i: int) -> dict[str, Any]:
    """What is one unit's own."""
    drive = group["drive"]
    own: dict[str, Any] = {}
    if drive["kind"] == TRAINS:
        own = {"spikes": [int(bit) for bit in drive["spikes"][i]]}
    elif drive["kind"] == INTEGRATE:
        own = {"bias": drive["bias"][i]}
    return {"model_attributes": own, "log_spikes": True}


def _row(done: dict[str, Any]) -> dict[str, Any]:
    """The counts, energy and time of one step."""
    perf = {name: values[0] for name, values in done["perf_trace"].items()}
    fired: dict[int, list[int]] = {}
    for address in done["spike_trace"][0]:
        number = int(address.group_name.rpartition("_")[2])
        fired.setdefault(number, []).append(address.neuron_offset)
    return {
        "fired": perf["fired"],
        "updated": perf["updated"],
        "events": perf["spikes"],
        "packets": done["packets_sent"],
        "hops": perf["hops"],
        "time": perf["sim_time"],
        "energy": {
            name: perf[f"{name}_energy"]
            for name in ("synapse", "dendrite", "soma", "network", "total")
        },
        "fired_units": {number: sorted(units) for number, units in fired.items()},
    }


def _messages(done: dict[str, Any]) -> list[list[int]]:
    """Messages and synaptic events of one step by pair of cores: from and to (x, y, slot)."""
    pairs: dict[tuple[int, ...], list[int]] = {}
    for message in done["message_trace"][0]:
        if message["placeholder"]:  # time spent, nothing sent
            continue
        ends = tuple(
            message[f"{end}_{at}"] for end in ("src", "dest") for at in ("x", "y", "core_offset")
        )
        count = pairs.setdefault(ends, [0, 0, 0])
        count[0] += 1
        count[1] += message["spikes"]
        count[2] += message["hops"]
    return [[*ends, *count] for ends, count in sorted(pairs.items())]


def answer(say: Callable[[dict[str, Any]], None]) -> None:
    """Serve requests until stdin ends."""
    if os.path.abspath(sys.path[0]) == os.path.dirname(os.path.abspath(__file__)):
        del sys.path[0]  # or our modules would stand in for others of the same name
    sanafe = importlib.import_module("sanafe")
    version = importlib.import_module("importlib.metadata").version("sanafe")
    simulation: Simulation | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if request.pop("do") == "load":
            start = time.perf_counter()
            simulation = Simulation(sanafe, request)
            say({"version": version, "seconds": time.perf_counter() - start})
        else:
            assert simulation is not None, "run before load"
            say(simulation.run(**request))


def main() -> None:
    """Keep stdout to the protocol: SANA-FE prints its progress there."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as replies:
        os.dup2(2, 1)

        def say(reply: dict[str, Any]) -> None:
            replies.write(json.dumps(reply) + "\n")
            replies.flush()

        answer(say)


if __name__ == "__main__":
    main()
