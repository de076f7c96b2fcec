"""Train a spiking network on handwritten digits from Python, without a run directory.

`eqchip train` does the same with checkpoints, metrics and curves; see docs/training.md.
"""

import eqchip as eq

EPOCHS = 5

trainer = eq.Trainer(eq.preset("digits", (64, 50, 10), descent={"epochs": EPOCHS}))

print("epoch  train error  validation error  spikes/sample  synaptic events/sample")
for row in trainer:
    print(
        f"{row['epoch']:5}  {row['train_error']:9.2f} %  {row['validation_error']:14.2f} %  "
        f"{row['spikes_per_sample']:13,.0f}  {row['synaptic_events_per_sample']:22,.0f}"
    )

test = trainer.test()
print(f"\nTest error {test.error:.2f} % on {test.samples} samples, spiking throughout")
print(f"A classification takes {test.spikes_per_sample:,.0f} spikes and "
      f"{test.events_per_sample:,.0f} synaptic events")  # fmt: skip
