"""The tables of the README: what was trained, how well; what training costs, by one model."""

from __future__ import annotations

from statistics import mean
from typing import Any

from cells import NOTHING, spread, table, thousands
from one_model_table import in_brief
from rules_table import short

Results = dict[str, Any]  # file name -> document

# what is shown: the file of the errors, what the network learned, and how
ROWS = (
    ("mnist-500", "MNIST", "in floating point"),
    ("mnist-on-chip", "MNIST", "on the emulated chip, in 8-bit weights"),
    ("mnist-conv", "MNIST, convolutions", "in floating point"),
    ("mnist-on-chip-conv", "MNIST, convolutions", "on the emulated chip, in 8-bit weights"),
    ("fashion-mnist-conv", "FashionMNIST, convolutions", "in floating point"),
)
SAID = (
    "One model, fewest cores. Common: 24 steps, input at each; own best: what suits it "
    "([all](docs/learning-rules.md)). EP steps by 0.8 (above 0.6). Loihi 2 hands a synapse 7 bits "
    "of an error; others ran with 12."
)
CORES = (60,)  # of which the README tells the cost: the cheapest


def headline(results: Results) -> str:
    """Errors and events of trainings; and the cost of a training sample, beside others."""
    rows = []
    for study, task, where in ROWS:
        reached = results.get(f"{study}.json")
        if reached is None:
            return NOTHING
        rows.append([
            f"{task}, {reached['network']}, {where}",
            spread(reached["test_error"]), thousands(mean(reached["events_per_sample"])),
        ])  # fmt: skip
    shown = table(["trained by EP", "test error, % >", "synaptic events >"], rows)
    seeds = {len(results[f"{study}.json"]["seeds"]) for study, *_ in ROWS}
    return (
        f"{shown}\n\nUnits send bits in every phase and at test time; error: mean ± standard "
        f"deviation of {' or '.join(map(str, sorted(seeds)))} seeds. Events of a training sample; "
        "convolutions take the image as a current, whose multiply-accumulates count.\n\n"
        f"{in_brief(results, CORES)}\n\n{short(results)}\n\n{SAID}"
    )
