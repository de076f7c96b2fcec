"""Lava Processes from a saved process graph; runs them. Needs lava-nc, numpy and its neighbours.

``python -m <this module> NETWORK INPUTS RESULTS``: the folder with ``network.json`` and
``network.npz``, the inputs (``.npz``), and an existing folder that takes a file per layer.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.philox import uniforms as drawn_uniforms


@dataclass(frozen=True, eq=False)
class Built:
    """Processes, joined and ready to run: by name, the tag of their models, and for how long."""

    processes: dict[str, Any]
    model: str
    steps: int

    def run(self) -> None:
        """All samples in one run."""
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg

        first = next(iter(self.processes.values()))
        condition = RunSteps(num_steps=self.steps)
        first.run(condition=condition, run_cfg=Loihi2SimCfg(select_tag=self.model))
        first.stop()


def load(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The constants and arrays of a saved process graph."""
    graph = json.loads((folder / "network.json").read_text("utf-8"))
    with np.load(folder / "network.npz", allow_pickle=False) as file:
        return graph, {name: file[name] for name in file.files}


def build(
    graph: dict[str, Any], arrays: dict[str, np.ndarray], inputs: Any, record: str | None = None
) -> Built:
    """The Processes of a graph, for the samples of `inputs`.

    Parameters
    ----------
    graph, arrays
        From :func:`load`.
    inputs : mapping of ndarray
        ``x`` (samples, n_in) and ``targets`` (phases, samples, n_out) in [0, 1]; for Bernoulli
        ``seed`` and ``samples``, or ``uniforms_0``, ``uniforms_1``, ... (rows, samples, units).
    record : str, optional
        The folder that every layer writes its bits and potentials to.
    """
    from eqchip.backends.lava.processes.ep_layer import EPLayer
    from eqchip.backends.lava.processes.sym_dense import SymDense

    prefix = "tables."
    tables = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
    x, targets = as_states(graph, inputs["x"]), as_states(graph, inputs["targets"])
    processes: dict[str, Any] = {}
    for node in graph["layers"]:
        name, units = node["name"], node["units"]
        offsets = np.repeat(arrays[f"{name}.bias"][None], len(x), axis=0)
        clipped = 0
        if graph["current"] and node["layer"] == 1:
            offsets, clipped = injected(graph, offsets, x, arrays)
        processes[name] = EPLayer(
            name=name,
            units=units,
            offsets=offsets,
            tables=tables,
            quantizer=graph["quantizer"],
            clamp=x if node["clamped"] else None,
            targets=targets if node["nudged"] else None,
            uniforms=uniforms(graph, node, tables["t"], inputs),
            arithmetic=graph["arithmetic"],
            adaptive=graph["adaptive"],
            learning=biases(learning(graph, name, node["layer"] - 1), *offsets.shape),
            clipped=clipped,
            record=record,
        )
    for node in graph["connections"]:
        name = node["name"]
        weights = arrays[f"{name}.weights"]
        if node["process"] == "Dense":
            processes[name] = stock_dense(name, weights, node["exponent"])
            continue
        if node["process"] == "OneWay":
            rule = learning(graph, name, node["connection"])
            exponent = node["exponent"]
            processes[name] = one_way(name, weights, tables, exponent, rule, len(x), record)
            continue
        processes[name] = SymDense(
            name=name,
            weights=weights,
            tables=tables,
            exponent=node["exponent"],
            feedback=node["feedback"],
            learning=learning(graph, name, node["connection"]),
            samples=len(x),
            record=record,
        )
    for edge in graph["edges"]:
        source = getattr(processes[edge["source"]], edge["out_port"])
        source.connect(getattr(processes[edge["target"]], edge["in_port"]))
    return Built(processes, graph["model"], graph["rows"] * len(x))


def stock_dense(name: str, weights: np.ndarray, exponent: int) -> Any:
    """Lava's own Dense, one direction; the sign mode is said, or it would be guessed."""
    from lava.proc.dense.process import Dense
    from lava.utils.weightutils import SignMode

    if weights.dtype.kind == "f":
        return Dense(weights=weights, name=name)
    return Dense(weights=weights, name=name, weight_exp=exponent, sign_mode=SignMode.MIXED)


def one_way(
    name: str,
    stored: np.ndarray,
    tables: dict[str, np.ndarray],
    exponent: int,
    rule: dict[str, Any] | None,
    samples: int,
    record: str | None,
) -> Any:
    """One copy of the weights of a network that learns on the chip."""
    from eqchip.backends.lava.processes.one_way import OneWay

    return OneWay(
        name=name,
        stored=stored,
        tables=tables,
        exponent=exponent,
        samples=samples,
        learning=rule,
        record=record,
    )


def biases(rule: dict[str, Any] | None, samples: int, units: int) -> dict[str, Any] | None:
    """What a layer learns by, with the random numbers that its biases are rounded by."""
    if rule is None or "stream" not in rule:
        return rule
    from eqchip.backends.lava.processes.one_way import random_words

    where = rule["connection"], rule["stream"], np.arange(units)
    words = [random_words(rule["seed"], sample, *where) for sample in range(samples)]
    return {**rule, "words": np.stack(words)}


def learning(graph: dict[str, Any], name: str, connection: int) -> dict[str, Any] | None:
    """What a process learns by, of a connection or the layer above it; None: nothing."""
    found: dict[str, Any] | None = graph["learning"]
    if found is not None and "processes" in found:
        of_process: dict[str, Any] = found["processes"][name]
        return of_process
    if found is None or connection < 0:
        return None
    return {**found, "factor": found["factors"][connection]}


def as_states(graph: dict[str, Any], values: np.ndarray) -> np.ndarray:
    """Real numbers as the models hold them: float64, or states, nearest, ties to even."""
    values = np.asarray(values, np.float64)
    widths = graph["arithmetic"]
    if widths is None:
        return values
    return clip_states(graph, np.rint(values * (1 << widths["fraction_bits"])).astype(np.int64))


def clip_states(graph: dict[str, Any], states: np.ndarray) -> np.ndarray:
    """States within their range."""
    limit = 1 << (graph["arithmetic"]["state_bits"] - 1)
    return np.clip(states, -limit, limit - 1)


def injected(
    graph: dict[str, Any], offsets: np.ndarray, x: np.ndarray, arrays: dict[str, np.ndarray]
) -> tuple[np.ndarray, int]:
    """Bias and injected current of the first layer, and how many of them were clipped."""
    weights, widths = arrays[f"{graph['current']['name']}.weights"], graph["arithmetic"]
    if widths is None:  # one row after the other: that is the order of every sum
        current = [np.add.accumulate(row[:, None] * weights, axis=0)[-1] for row in x]
        return offsets + np.stack(current), 0
    product = x @ weights.astype(np.int64)
    bits = widths["fraction_bits"] - graph["current"]["exponent"]
    product = (product + (1 << (bits - 1))) >> bits if bits > 0 else product << -bits
    kept = clip_states(graph, offsets + product)
    return kept, int(np.count_nonzero(kept != offsets + product))


def uniforms(
    graph: dict[str, Any], node: dict[str, Any], t: np.ndarray, inputs: Any
) -> np.ndarray | None:
    """What the bits of a Bernoulli layer are compared with, (rows, samples, units)."""
    if graph["quantizer"] != "bernoulli":
        return None
    layer, units = node["layer"], node["units"]
    given = f"uniforms_{layer}"
    if given in inputs:
        numbers = np.asarray(inputs[given])
    else:
        seed, samples = int(inputs["seed"]), inputs["samples"]
        numbers = np.stack([drawn_uniforms(seed, samples, layer, units, int(k)) for k in t])
    widths = graph["arithmetic"]
    if widths is None:
        return numbers
    return np.floor(numbers * (1 << widths["fraction_bits"])).astype(np.int64)


def main(network: str, inputs: str, results: str) -> None:
    """Build, run, and leave without waiting for what an exception left hanging."""
    try:
        graph, arrays = load(Path(network))
        with np.load(inputs, allow_pickle=False) as file:
            build(graph, arrays, {k: file[k] for k in file.files}, record=results).run()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
