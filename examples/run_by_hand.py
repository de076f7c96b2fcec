"""Run a small network through a free and a nudged phase, and look at every bit.

Sigma-delta with prediction; three layers; one sample. Then the weight change that the run
teaches, and what the run cost.
"""

import numpy as np

import eqchip as eq

net = eq.Network.dense([4, 3, 2], seed=1)
x = [[1.0, 0.5, 0.0, 0.25]]
target = [[1.0, 0.0]]
coding = eq.Coding(
    "sigma-delta", step_size=eq.Polynomial(0.8), prediction=eq.Polynomial(0.83, 0.58)
)
phases = [eq.Free(40), eq.Nudged(20, target, beta=0.5)]

run = eq.run(
    net, x, coding=coding, phases=phases, precision="float64", record=("bits", "potentials")
)

print("Bits, a row per unit, a column per step; the nudge begins at the slash")
for layer, bits in enumerate(run.bits):
    for unit in range(bits.shape[2]):
        text = "".join(".|"[bit] for bit in bits[:, 0, unit])
        print(f"  layer {layer} unit {unit}  {text[:40]} / {text[40:]}")

print("\nPotentials of the output layer")
for step in (1, 2, 3, 10, 40, 41, 50, 60):
    values = run.potentials[2][step - 1, 0]
    print(f"  t = {step:2}  " + "  ".join(f"{s:.4f}" for s in values))

exact = eq.run(net, x, coding=eq.Coding.real_valued(), phases=[eq.Free(500)], precision="float64")
gap = np.abs(run.ends[0][2] - exact.ends[0][2]).max()
print(f"\nFree phase: largest distance from the real-valued fixed point {gap:.4f}")

change = eq.contrast(net, run, beta=0.5, lr=0.1, rule="full")
print("Weight change, hidden to output:")
print(np.array_str(change.weights[1], precision=5, suppress_small=True))

print("\nCounted          free  nudged")
counts = run.activity
print(f"  spikes        {counts.spikes[0].sum():6}  {counts.spikes[1].sum():6}")
events = counts.synaptic_events.sum(axis=(1, 2))
print(f"  syn. events   {events[0]:6}  {events[1]:6}")
