"""The one table of the README: what was trained, how well, and what the model says it costs."""

from __future__ import annotations

from statistics import mean
from typing import Any

from cells import NOTHING, spread, table, thousands
from cost_tables import figure

Results = dict[str, Any]  # file name -> document

CHIP = "loihi1-davies"
# what is shown: the file of the errors, that of the cost, what the network learned, and how
ROWS = (
    ("mnist-500", "cost", "MNIST", "in floating point"),
    ("mnist-on-chip", "onchip-cost", "MNIST", "on the emulated chip, in 8-bit weights"),
    ("mnist-conv", "conv-cost", "MNIST, convolutions", "in floating point"),
    ("fashion-mnist-conv", "fashion-cost", "FashionMNIST, convolutions", "in floating point"),
)


def headline(results: Results) -> str:
    """Errors and events of four trainings, and their modelled cost on the fewest cores."""
    rows = []
    for study, cost, task, where in ROWS:
        reached, priced = results.get(f"{study}.json"), results.get(f"{cost}.json")
        if reached is None or priced is None:
            return NOTHING
        fewest = min((p for p in priced["points"] if p["chip"] == CHIP), key=lambda p: p["cores"])
        sample = fewest["rows"]["sample"]
        rows.append([
            f"{task}, {reached['network']}, {where}",
            spread(reached["test_error"]), thousands(mean(reached["events_per_sample"])),
            fewest["cores"], figure(sample["energy"]), figure(sample["time"]),
        ])  # fmt: skip
    shown = table(
        ["trained by EP", "test error, % >", "synaptic events >", "cores >",
         "energy, modelled >", "time, modelled >"],
        rows,
    )  # fmt: skip
    seeds = {len(results[f"{study}.json"]["seeds"]) for study, *_ in ROWS}
    return (
        f"{shown}\n\nUnits send bits in every phase and at test time; error: mean ± standard "
        f"deviation of {' or '.join(map(str, sorted(seeds)))} seeds. Events, energy and time are "
        "those of one training sample; convolutions take the image as a current, and its "
        "multiply-accumulates count as events. Costs: "
        f"**modelled, not measured**, by {CHIP} on the fewest cores; nominal (low to high), ≥: "
        "terms are unknown; what learned in floating point is charged a write of every weight "
        "after every sample. The model has not been calibrated against any training measured on a "
        "chip; its figures are lower bounds from published marginal energies and times. Loihi 1 "
        "itself could not run the rule ([why](docs/on-chip-learning.md#what-a-synapse-can-see))."
    )
