"""Series that are coded in balance and read out, judged and priced, for ``eqchip.dynamics``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from eqchip.dynamics_gradient import PROCESSOR
from eqchip.emulator.description.dynamics.graph import CHANNELS, LAYER, graph_of_layer
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress
from eqchip.emulator.studies.dynamics.coders import Balanced
from eqchip.emulator.studies.dynamics.series import FRAME, SERIES_TASKS, VOWELS, Tested, read_out
from eqchip.emulator.training.runs import command_line, provenance
from eqchip.graph_price import price
from eqchip.hw_reports.pricing.baselines import ACCESS_BITS, FLOAT_BITS, memory_for
from eqchip.hw_reports.pricing.totals import Sum, priced
from eqchip.hw_reports.studies import series_tasks as words
from eqchip.mapping.chip_file.chip import Chip, load_chip

NOTES = (
    "A processor's floor is 32-bit floating point with nothing spent on instructions or idle time: "
    "products, and every weight read once a frame.",
    "The chip's price holds its drive: a graded message a channel and step, or its spikes; what "
    "scales the channels, and makes spikes of them, is not priced.",
)


def of_series(
    name: str, seeds: range, chip: str, progress: Progress | None = None,
    data: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Code, read out, judge and price a series: its document."""
    task = SERIES_TASKS[name]
    if task.reads and data is None:
        raise InputError(
            f"--data is missing; expected the directory of {VOWELS}_TRAIN.ts and _TEST.ts"
        )
    found = read_out(task, list(seeds), data, progress)
    made = words.document(name, task, found, _prices(found, chip), provenance(command_line()))
    coder = found["balanced"][0].best.coder
    assert isinstance(coder, Balanced)
    made["settings"] = {"units": coder.units, "steps_a_second": 1 / coder.dt}
    return made


def _prices(found: Mapping[str, Sequence[Tested]], chip: str) -> dict[str, Any]:
    coders: dict[str, Any] = {}
    known = load_chip(PROCESSOR)
    for kind, seeds in found.items():
        counts = {
            name: mean(one.per_second.get(name, 0.0) for one in seeds)
            for name in seeds[0].per_second
        }
        coders[kind] = {
            "readout": _on_processor(counts["readout_macs"], known).to_dict(),
            "processor": (
                _on_processor(counts["macs"], known).to_dict() if "macs" in counts else None
            ),
        }
        coder = seeds[0].best.coder
        if isinstance(coder, Balanced):
            coders[kind]["chip"] = _on_chip(coder, seeds, counts, chip)
    return {"chip": chip, "processor": PROCESSOR, "notes": list(NOTES), "coders": coders}


def _on_processor(macs: float, chip: Chip) -> Sum:
    """So many products a second, the weights of each frame read once."""
    words_read = macs * FLOAT_BITS / ACCESS_BITS
    memory = memory_for(int(macs * FRAME * FLOAT_BITS // 8), chip)
    return priced({"mac": macs, memory: words_read}, chip)


def _on_chip(
    coder: Balanced, seeds: Sequence[Tested], counts: Mapping[str, float], chip: str
) -> dict[str, Any]:
    channels, steps = seeds[0].shown["channels"], round(1 / coder.dt)
    layer = coder.layer(channels, seeds[0].seed)
    heard = counts["input_spikes"] / channels / steps if coder.quantum else 1.0
    return price(
        graph_of_layer(layer, coder.dt, coder.drive), chip=chip, steps=steps, dt=coder.dt,
        rates={CHANNELS: heard, LAYER: counts["spikes"] / coder.units / steps},
    )  # fmt: skip
