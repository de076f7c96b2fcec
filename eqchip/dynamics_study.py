"""Networks that learn in time, learned, judged and priced: ``eqchip.dynamics``."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from eqchip.emulator.description.dynamics.graph import CHANNELS, LAYER, graph_of_layer
from eqchip.emulator.description.dynamics.signals import Current
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.files import replacing, write_text
from eqchip.emulator.locks import alone
from eqchip.emulator.progress import Progress
from eqchip.emulator.studies.dynamics.tasks import TASKS, Task
from eqchip.emulator.studies.dynamics.train import Learned, learn, task_of
from eqchip.emulator.studies.dynamics.turns import compare_turns
from eqchip.emulator.training.runs import command_line, provenance
from eqchip.graph_price import price
from eqchip.hw_reports.studies import dynamics as words
from eqchip.mapping.chip_file.chip import USUAL

SEEDS = 5
TURNS = "turns"
NAMES = (*TASKS, TURNS)


def dynamics(
    task: str,
    *,
    seeds: int = SEEDS,
    seed: int = 0,
    chip: str = USUAL,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learn a task in time, judge it on signals that it has not seen, and price a second of it.

    Balanced layers: units that leak and fire so that their read-out follows a signal, whose lateral
    weights learn at spikes to cancel what has been told already, and whose slow weights learn
    dynamics from the error that is fed back. Task ``turns`` learns nothing: it compares who may
    fire in a step.

    Parameters
    ----------
    task : str
        autoencode, autoencode-together, autoencode-chip, autoencode-chip-4-bit, autoencode-sign,
        oscillator, oscillator-weak, van-der-pol, or turns.
    seeds : int
        Layers, and signals to learn from.
    seed : int
        The first of them.
    chip : str
        Name of a chip with cores, or a chip file. Not used by turns.
    out : path, optional
        Directory to write dynamics.json and dynamics.png to. Default: nothing is written.
    progress : Progress, optional

    Returns
    -------
    dict
        What dynamics.json holds.

    Raises
    ------
    InputError
        For a task that is none, a number out of its range, a chip without cores.

    Examples
    --------
    >>> found = dynamics("autoencode-sign", seeds=1)
    >>> found["after"]["error"]["mean"] < found["before"]["error"]["mean"] / 100
    True
    """
    check_whole("--seeds", seeds, 1, 2**10)
    check_whole("--seed", seed, 0, 2**31)
    folder = None if out is None else Path(out)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)  # before the work: a bad place is told at once
    if task == TURNS:
        made = words.turns_document(
            compare_turns(seed, seeds, progress), provenance(command_line())
        )
    else:
        if task not in TASKS:
            raise InputError(f"task is {task!r}; expected one of {', '.join(NAMES)}")
        chosen = task_of(task)
        learned = [learn(chosen, number, progress) for number in range(seed, seed + seeds)]
        priced = _price(chosen, learned, chip)
        made = words.document(task, chosen, learned, priced, provenance(command_line()))
    if folder is not None:
        _write(made, folder)
    return made


def _price(task: Task, learned: list[Learned], chip: str) -> dict[str, Any]:
    """A second of signal while it is tested, and while it learns, by the seeds' mean counts."""
    layer, coder = learned[0].layer, Current()
    if layer.dendrites is not None:
        return {"refused": "no chip file says what a dendrite costs"}
    graph, steps = graph_of_layer(layer, task.dt, coder), round(1 / task.dt)
    synapses = layer.units * (layer.units + layer.channels + layer.units * bool(layer.slow.any()))
    found: dict[str, Any] = {"chip": chip, "notes": list(NOTES)}
    for part, counts in (
        ("testing", [one.after.per_second for one in learned]),
        ("learning", [one.learning for one in learned]),
    ):
        rate = _mean(counts, "spikes") / layer.units / steps
        writes = sum(_mean(counts, name) for name in WRITES) / synapses
        found[part] = price(
            graph, chip=chip, rates={CHANNELS: 1.0, LAYER: rate}, steps=steps, dt=task.dt,
            writes=writes,
        )  # fmt: skip
    return found


WRITES = ("weights_attempted", "slow_writes", "feedforward_writes")
NOTES = (
    "The drive comes as a graded message a channel and step; the read-out, the teacher and the "
    "error that is fed back are the host's, and are not priced.",
    "Writes are those attempted, at the price of a weight update.",
)


def _mean(counts: list[dict[str, float]], name: str) -> float:
    return sum(row[name] for row in counts) / len(counts)


def _write(made: Mapping[str, Any], folder: Path) -> None:
    from eqchip.hw_reports.studies.dynamics_plot import save, save_turns

    draw: Callable[..., None] = save_turns if made["format"] == words.TURNS_FORMAT else save
    with alone(folder):
        text = json.dumps(made, ensure_ascii=False, allow_nan=False)
        write_text(folder / "dynamics.json", text + "\n")
        with replacing(folder / "dynamics.png") as file:
            draw(made, file)
