"""Lava Processes of a rule that trains integrate-and-fire units; runs them. Needs lava-nc.

``python -m <this module> FOLDER``: with ``described.json`` and ``arrays.npz``, as
:mod:`eqchip.backends.lava.spiking` writes them; it takes a file for each Process.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import numpy as np


def words(where: dict[str, Any], shape: tuple[int, ...], samples: list[int], stream: int) -> Any:
    """Random numbers of so many samples, by synapse from the layer below, or by unit."""
    from eqchip.backends.lava.processes.one_way import random_words

    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    drawn = [random_words(where["seed"], n, where["connection"], stream, numbers) for n in samples]
    return np.stack(drawn)


def build(described: dict[str, Any], arrays: dict[str, np.ndarray], folder: str) -> dict[str, Any]:
    """The Processes, joined."""
    from eqchip.backends.lava.processes.spiking import SpikingCopy, SpikingLayer

    found: dict[str, Any] = {}
    streams, samples = described["streams"], list(range(described["samples"]))
    for layer in described["layers"]:
        drawn = None
        if layer["connection"] >= 0:
            drawn = words(layer, (layer["units"],), samples, streams["bias"])
        found[layer["name"]] = SpikingLayer(
            name=layer["name"], units=layer["units"], rule=layer["rule"],
            given=arrays["x" if layer["connection"] < 0 else "labels"], words=drawn, record=folder,
        )  # fmt: skip
    for copy in described["copies"]:
        stored, back = arrays[copy["name"]], copy["rule"]["back"]
        shape = stored.T.shape if back else stored.shape
        drawn = words(copy, shape, samples, streams["weight"])
        shrinks = words(copy, shape, [n + 1 for n in samples], streams["decay"])
        if back:  # both sides number a synapse alike
            drawn, shrinks = (of.transpose(0, 2, 1) for of in (drawn, shrinks))
        made = SpikingCopy(
            name=copy["name"], stored=stored, rule=copy["rule"], words=drawn,
            shrink_words=shrinks, record=folder,
        )  # fmt: skip
        found[copy["name"]] = made
        found[copy["below"]].q_out.connect(made.q_in)
        found[copy["above"]].told_out.connect(made.told_in)
        target = found[copy["into"]]
        made.a_own.connect(target.e_in if back else target.a_in)
    return found


def main(folder: str) -> None:
    """Build, run, and leave without waiting for what an exception left hanging."""
    try:
        from lava.magma.core.run_conditions import RunSteps
        from lava.magma.core.run_configs import Loihi2SimCfg

        described = json.loads((Path(folder) / "described.json").read_text("utf-8"))
        with np.load(Path(folder) / "arrays.npz", allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        processes = build(described, arrays, folder)
        first = next(iter(processes.values()))
        condition = RunSteps(num_steps=described["rows"] * described["samples"])
        first.run(condition=condition, run_cfg=Loihi2SimCfg(select_tag="fixed_pt"))
        first.stop()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
