"""Made with snnTorch: ``python export_snntorch.py FOLDER`` writes a network to NIR, and its spikes.

Two layers of leaky units that reset to zero at once (``reset_delay=False``). Weights are multiples
of 1/64, so that their sums are exact in its float32.
"""

import sys
from pathlib import Path

import nir
import numpy as np
import snntorch as snn
import torch
from snntorch.export_nir import export_to_nir

STEPS, SIZES = 60, (6, 10, 4)


def weights(rng, *shape, scale=0.5):
    return torch.tensor(np.rint(rng.normal(0.1, scale, shape) * 64) / 64, dtype=torch.float32)


def main(folder: Path) -> None:
    rng = np.random.default_rng(5)
    first = torch.nn.Linear(SIZES[0], SIZES[1], bias=False)
    second = torch.nn.Linear(SIZES[1], SIZES[2], bias=False)
    rates, thresholds = (0.9375, 0.875), (1.0, 0.75)

    def leaky(layer: int, **more):
        units = SIZES[layer + 1]
        return snn.Leaky(
            beta=torch.full((units,), rates[layer]),
            threshold=torch.full((units,), thresholds[layer]),
            reset_mechanism="zero",
            reset_delay=False,
            **more,
        )

    hidden, out = leaky(0), leaky(1)
    with torch.no_grad():
        first.weight.copy_(weights(rng, SIZES[1], SIZES[0]))
        second.weight.copy_(weights(rng, SIZES[2], SIZES[1]))
    spikes = torch.tensor(rng.random((STEPS, 1, SIZES[0])) < 0.3, dtype=torch.float32)
    states = [hidden.init_leaky(), out.init_leaky()]
    found = {"in": [], "hidden": [], "out": [], "hidden v": [], "out v": []}
    with torch.no_grad():
        for x in spikes:
            q, states[0] = hidden(first(x), states[0])
            p, states[1] = out(second(q), states[1])
            for name, value in zip(found, (x, q, p, states[0], states[1]), strict=True):
                found[name].append(value.numpy())
    kept = {"init_hidden": True}
    model = torch.nn.Sequential(first, leaky(0, **kept), second, leaky(1, **kept))
    nir.write(folder / "snntorch.nir", export_to_nir(model, torch.zeros(SIZES[0])))
    np.savez_compressed(folder / "snntorch.npz", **{k: np.array(v) for k, v in found.items()})
    print({k: float(np.array(v).sum()) for k, v in found.items()})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
