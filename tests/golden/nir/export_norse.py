"""Made with Norse: ``python export_norse.py FOLDER`` writes a network to NIR, and its spikes.

Two layers of leaky units that reset to zero. Weights are multiples of 1/64, so that their sums are
exact in its float32.
"""

import sys
from pathlib import Path

import nir
import norse.torch as norse
import numpy as np
import torch

STEPS, SIZES, DT = 60, (6, 10, 4), 1e-3


def linear(rng, pre, post):
    layer = torch.nn.Linear(pre, post, bias=False)
    weights = np.rint(rng.normal(2.0, 8.0, (post, pre)) * 64) / 64
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights, dtype=torch.float32))
    return layer


def cell(units, rate, threshold):
    parameters = norse.LIFBoxParameters(
        tau_mem_inv=torch.full((units,), rate),
        v_leak=torch.zeros(units),
        v_th=torch.full((units,), threshold),
        v_reset=torch.zeros(units),
    )
    return norse.LIFBoxCell(parameters, dt=DT)


def main(folder: Path) -> None:
    rng = np.random.default_rng(7)
    first, second = linear(rng, *SIZES[:2]), linear(rng, *SIZES[1:])
    hidden, out = cell(SIZES[1], 62.5, 1.0), cell(SIZES[2], 125.0, 0.75)
    spikes = torch.tensor(rng.random((STEPS, 1, SIZES[0])) < 0.3, dtype=torch.float32)
    states = [None, None]
    found = {"in": [], "hidden": [], "out": [], "hidden v": [], "out v": []}
    with torch.no_grad():
        for x in spikes:
            q, states[0] = hidden(first(x), states[0])
            p, states[1] = out(second(q), states[1])
            for name, value in zip(found, (x, q, p, states[0].v, states[1].v), strict=True):
                found[name].append(value.numpy())
    model = norse.SequentialState(first, hidden, second, out)
    nir.write(folder / "norse.nir", norse.to_nir(model, torch.zeros(1, SIZES[0]), dt=DT))
    np.savez_compressed(folder / "norse.npz", **{k: np.array(v) for k, v in found.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
