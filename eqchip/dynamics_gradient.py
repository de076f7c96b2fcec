"""Tasks learned by a gradient through spikes, judged and priced, for ``eqchip.dynamics``."""

from __future__ import annotations

from typing import Any

from eqchip.emulator.description.dynamics.gated import ARRAYS, GatedLayer
from eqchip.emulator.description.dynamics.gated_graph import graph_of_gated
from eqchip.emulator.description.dynamics.graph import CHANNELS, LAYER
from eqchip.emulator.progress import Progress
from eqchip.emulator.studies.dynamics.gradients import GRADIENT_TASKS, Descended, descend
from eqchip.emulator.training.runs import command_line, provenance
from eqchip.graph_price import price
from eqchip.hw_reports.pricing.baselines import FLOAT_BITS
from eqchip.hw_reports.pricing.offchip import Work, training_floor
from eqchip.hw_reports.studies import gradient_tasks as words
from eqchip.mapping.chip_file.chip import load_chip

PROCESSOR = "cpu-horowitz-45nm"  # whose prices are what is done off the chip
NOTES = (
    "Learning goes back in time through all that was kept: no chip does that, a processor does; "
    "32-bit floating point with nothing spent on instructions, Adam on every weight.",
    "A second of signal is one on the chip with spikes alone; its drive comes as a graded message "
    "a channel and step, and its read-out is the host's, and is not priced.",
)


def by_gradient(
    name: str, seeds: range, chip: str, progress: Progress | None = None
) -> dict[str, Any]:
    """Learn, judge and price a task by the gradient: its document."""
    task = GRADIENT_TASKS[name]
    found = [descend(task, seed, progress) for seed in seeds]
    priced = _price(found, task.trials, task.updates, task.dt, chip)
    return words.document(name, task, found, priced, provenance(command_line()))


def work_of(layer: GatedLayer, steps: float) -> Work:
    """Of learning from so many steps: every weight is met forwards, back and in the gradient.

    Back, nothing is told to the channels. v and s are kept of each unit and step.
    """
    weights = sum(getattr(layer, name).size for name in ARRAYS if name != "bias")
    return Work((3 * weights - layer.feedforward.size) * steps, 2 * layer.units * steps)


def _price(
    found: list[Descended], trials: int, updates: int, dt: float, chip: str
) -> dict[str, Any]:
    layer, known = found[0].layer, load_chip(PROCESSOR)
    steps = sum(one.steps for one in found) / len(found)
    parameters = sum(getattr(layer, name).size for name in ARRAYS)
    samples = trials * updates
    work = work_of(layer, steps / samples)
    floor = training_floor(work, parameters, trials, known)
    rate = sum(words.per_second(one)["spikes"] for one in found) / len(found) / layer.units * dt
    return {
        "chip": chip,
        "processor": PROCESSOR,
        "notes": list(NOTES),
        "training": {
            "macs": work.macs * samples,
            "bytes": int((4 * parameters + trials * work.saved) * FLOAT_BITS // 8),
            "codes": parameters - layer.decoder.size,
            "energy": (samples * floor).to_dict(),
        },
        "testing": _second(layer, rate, dt, chip),
    }


def _second(layer: GatedLayer, rate: float, dt: float, chip: str) -> dict[str, Any]:
    """A second on the chip; rate: spikes of a unit in a step."""
    if rate > 1:
        return {"refused": f"a unit fires {rate:.3g} times a step; on a chip it does once at most"}
    return price(
        graph_of_gated(layer, dt), chip=chip, rates={CHANNELS: 1.0, LAYER: rate},
        steps=round(1 / dt), dt=dt,
    )  # fmt: skip
