"""Compare how fast codings come to the fixed point of the real-valued network, and how close.

One random network, a few inputs; the output is nudged in the second half. `eqchip converge`
does this properly: many networks, intervals, searched settings.
"""

import numpy as np
from matplotlib.figure import Figure

import eqchip as eq

FREE, NUDGED, BETA = 200, 200, 0.5
PICTURE = "compare_codings.png"

CODINGS = {
    "Bernoulli": eq.Coding("bernoulli", eq.Polynomial(0.9, 0.5), None),
    "sigma-delta, constant step": eq.Coding("sigma-delta", eq.Polynomial(0.3), None),
    "sigma-delta, annealed step": eq.Coding("sigma-delta", eq.Polynomial(0.9, 0.5), None),
    "sigma-delta, optimal step size": eq.Coding("sigma-delta", eq.OptimalStepSize(0.05), None),
    "sigma-delta, annealed prediction": eq.Coding(
        "sigma-delta", eq.Polynomial(0.8), eq.Polynomial(0.83, 0.58)
    ),
}

rng = np.random.default_rng(0)
net = eq.Network.dense([100, 100, 10], seed=0)
x = rng.random((10, 100))
target = np.eye(10)[rng.integers(10, size=10)]


def potentials(coding, free, nudged):
    """The run, with the potentials of all units but the clamped ones: (steps, batch, units)."""
    phases = [eq.Free(free), eq.Nudged(nudged, target, BETA)]
    found = eq.run(
        net, x, coding=coding, phases=phases, precision="float64", record=("potentials",)
    )
    return found, np.concatenate(found.potentials[1:], axis=2)


long = 2000
_, s = potentials(eq.Coding.real_valued(), long, long)
free_point, nudged_point = s[long - 1], s[-1]

figure = Figure(figsize=(7, 4.5), layout="constrained")
axes = figure.subplots()
print(f"mean |s - s*|                       step {FREE}   step {FREE + NUDGED}   spikes/sample")
for name, coding in CODINGS.items():
    run, s = potentials(coding, FREE, NUDGED)
    fixed = np.where(np.arange(FREE + NUDGED)[:, None, None] < FREE, free_point, nudged_point)
    error = np.abs(s - fixed).mean(axis=(1, 2))
    spikes = run.activity.spikes.sum() / len(x)
    print(f"{name:34} {error[FREE - 1]:9.5f}  {error[-1]:9.5f}  {spikes:14,.0f}")
    axes.semilogy(np.arange(1, len(error) + 1), error, label=name, lw=1)
axes.axvline(FREE + 0.5, color="0.6", lw=1, ls=":")
axes.set_xlabel("time step (nudged from the dotted line on)")
axes.set_ylabel("mean |s - s*|")
axes.legend(frameon=False, fontsize=8)
figure.savefig(PICTURE, dpi=120)
print(f"written: {PICTURE}")
