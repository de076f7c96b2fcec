"""Train a small network in snnTorch on 8 x 8 digits, and export it to NIR, with spikes to compare.

Written with snnTorch 1.0.0, nir 1.0.8, torch 2.13.0; needs scikit-learn for the digits. It writes
`digits_snntorch.nir` and `digits_snntorch.npz` beside it.
"""

from pathlib import Path

import nir
import numpy as np
import snntorch
import torch
from sklearn.datasets import load_digits
from snntorch.export_nir import export_to_nir

HERE = Path(__file__).parent
STEPS, HIDDEN, TEST, RECORDED = 25, 32, 360, 16


def leaky(units, **settings):
    # A beta and a threshold for each unit: NIR wants to know how many there are. The reset is
    # to zero, as NIR has it, and in the step of the spike, not one later (reset_delay).
    each = torch.ones(units)
    return snntorch.Leaky(
        beta=0.9 * each, threshold=each, reset_mechanism="zero", reset_delay=False, **settings
    )


def network():
    return torch.nn.Sequential(
        torch.nn.Linear(64, HIDDEN, bias=False),
        leaky(HIDDEN, init_hidden=True),
        torch.nn.Linear(HIDDEN, 10, bias=False),
        leaky(10, init_hidden=True, output=True),
    )


def run(net, spikes):
    """Spikes of both layers, (steps, batch, units)."""
    for layer in (net[1], net[3]):
        layer.reset_mem()
    hidden, out = [], []
    for step in spikes:
        hidden.append(net[1](net[0](step)))
        out.append(net[3](net[2](hidden[-1]))[0])
    return torch.stack(hidden), torch.stack(out)


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)
    y = torch.tensor(digits.target)
    net = network()
    descent = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(60):
        for rows in torch.randperm(len(x) - TEST).split(64):
            spikes = torch.bernoulli(0.5 * x[rows].expand(STEPS, -1, -1))
            _, out = run(net, spikes)
            loss = torch.nn.functional.cross_entropy(out.sum(0), y[rows])
            descent.zero_grad()
            loss.backward()
            descent.step()
    spikes = torch.bernoulli(0.5 * x[-TEST:].expand(STEPS, -1, -1))
    with torch.no_grad():
        hidden, out = run(net, spikes)
    error = 100 * (out.sum(0).argmax(1) != y[-TEST:]).float().mean()
    print(f"test error {error:.1f} %, {hidden.mean():.3f} spikes of a hidden unit in a step")
    graph = export_to_nir(net, torch.zeros(64), model_name="digits")
    nir.write(HERE / "digits_snntorch.nir", graph)
    few = slice(0, RECORDED)
    np.savez_compressed(
        HERE / "digits_snntorch.npz",
        input=spikes[:, few].numpy().astype(bool),
        hidden=hidden[:, few].numpy().astype(bool),
        out=out[:, few].numpy().astype(bool),
        labels=y[-TEST:][few].numpy(),
    )


if __name__ == "__main__":
    main()
