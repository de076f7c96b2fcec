"""Train a spiking network on handwritten digits from Python, without a run directory.

`eqchip train` does the same with checkpoints, metrics and curves; see docs/training.md.
"""

from eqchip import load
from eqchip.emulator.training.presets import preset
from eqchip.emulator.training.trainer import Trainer

EPOCHS = 5

dataset = load("digits")
config = preset("digits", (64, 50, 10), descent={"epochs": EPOCHS})
trainer = Trainer(config, dataset)

print("epoch  train error  validation error  spikes/sample  synaptic events/sample")
while not trainer.done:
    for _tally in trainer.train_epoch():
        pass  # the tally so far, after every minibatch
    epoch = trainer.end_epoch()
    held = trainer.validate()
    print(
        f"{trainer.epoch:5}  {epoch.error:9.2f} %  {held.error:14.2f} %  "
        f"{epoch.spikes_per_sample:13,.0f}  {epoch.events_per_sample:22,.0f}"
    )

test = trainer.test()
print(f"\nTest error {test.error:.2f} % on {test.samples} samples, spiking throughout")
print(f"A classification takes {test.spikes_per_sample:,.0f} spikes and "
      f"{test.events_per_sample:,.0f} synaptic events")  # fmt: skip
