"""Networks that learn in time, learned, judged and priced: ``eqchip.dynamics``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from eqchip.dynamics_gradient import by_gradient
from eqchip.dynamics_series import of_series
from eqchip.emulator.description.dynamics.graph import graph_of_layer, rates_of_layer
from eqchip.emulator.description.dynamics.signals import Current
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.progress import Progress
from eqchip.emulator.studies.dynamics.comparisons import COMPARISONS, Row, compare
from eqchip.emulator.studies.dynamics.gradients import GRADIENT_TASKS
from eqchip.emulator.studies.dynamics.series import SERIES_TASKS
from eqchip.emulator.studies.dynamics.tasks import TASKS, Task
from eqchip.emulator.studies.dynamics.train import Learned, learn, task_of
from eqchip.emulator.training.runs import command_line, provenance
from eqchip.graph_price import price
from eqchip.hw_reports.studies import dynamics as words
from eqchip.hw_reports.studies import gradient_tasks as gradient_words
from eqchip.hw_reports.studies import series_tasks as series_words
from eqchip.hw_reports.studies.written import made_folder, write_study
from eqchip.mapping.chip_file.chip import USUAL

SEEDS = 5
NAMES = (*TASKS, *GRADIENT_TASKS, *SERIES_TASKS, *COMPARISONS)
PRICED = ("steps", "cores")  # comparisons of chips with one clock, which a chip file prices


def dynamics(
    task: str,
    *,
    seeds: int = SEEDS,
    seed: int = 0,
    chip: str = USUAL,
    data: str | Path | None = None,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Learn a task in time, judge it on signals that it has not seen, and price a second of it.

    Balanced layers: units that leak and fire so that their read-out follows a signal, whose lateral
    weights learn at spikes to cancel what has been told already, and whose slow weights learn
    dynamics from the error that is fed back. Two tasks are learned by the exact gradient through
    spikes, off the chip: a yardstick. Two series are coded in balance and read out, beside a plain
    read-out and an echo-state network. Tasks ``turns``, ``steps``, ``cores`` and ``clocks``
    learn nothing: they compare who may fire in a step, how long a step is, a layer over several
    cores, and units that tick by clocks of their own.

    Parameters
    ----------
    task : str
        autoencode, autoencode-together, autoencode-chip, autoencode-chip-4-bit, autoencode-sign,
        oscillator, oscillator-weak, oscillator-chip, van-der-pol, van-der-pol-chip,
        autoencode-gradient, delayed-xor, delayed-xor-leaky, vowels, mackey-glass;
        turns, steps, cores or clocks.
    seeds : int
        Layers, and signals to learn from.
    seed : int
        The first of them.
    chip : str
        Name of a chip with cores, or a chip file. Not used by turns and clocks.
    data : path, optional
        Of vowels: the directory of JapaneseVowels_TRAIN.ts and JapaneseVowels_TEST.ts, plain text.
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
    folder = made_folder(out)
    if task not in NAMES:
        raise InputError(f"task is {task!r}; expected one of {', '.join(NAMES)}")
    if data is not None and not (task in SERIES_TASKS and SERIES_TASKS[task].reads):
        raise InputError(f"--data is given; expected none, for {task} reads no data")
    made = _maker(task, data)(task, range(seed, seed + seeds), chip, progress)
    _write(made, folder)
    return made


Maker = Callable[[str, range, str, "Progress | None"], dict[str, Any]]


def _maker(task: str, data: str | Path | None) -> Maker:
    """What makes the document of a task."""
    series: Maker = partial(of_series, data=None if data is None else Path(data))
    makers: dict[str, Maker] = {
        **dict.fromkeys(TASKS, _in_balance),
        **dict.fromkeys(GRADIENT_TASKS, by_gradient),
        **dict.fromkeys(SERIES_TASKS, series),
        **dict.fromkeys(COMPARISONS, _compared),
    }
    return makers[task]


def _compared(
    name: str, seeds: range, chip: str, progress: Progress | None = None
) -> dict[str, Any]:
    rows = compare(COMPARISONS[name](), seeds[0], len(seeds), progress)
    prices = [_price_row(row, chip) for row in rows] if name in PRICED else None
    return words.compared_document(name, rows, prices, provenance(command_line()))


def _in_balance(
    name: str, seeds: range, chip: str, progress: Progress | None = None
) -> dict[str, Any]:
    task = task_of(name)
    learned = [learn(task, seed, progress) for seed in seeds]
    return words.document(
        name, task, learned, _price(task, learned, chip), provenance(command_line())
    )


def _price(task: Task, learned: list[Learned], chip: str) -> dict[str, Any]:
    """A second of signal while it is tested, and while it learns, by the seeds' mean counts."""
    layer, coder = learned[0].layer, Current()
    graph, steps = graph_of_layer(layer, task.dt, coder), round(1 / task.dt)
    synapses = sum(projection.weights.size for projection in graph.projections)
    notes = NOTES if layer.dendrites is None else (*NOTES, DENDRITE_NOTE)
    found: dict[str, Any] = {"chip": chip, "notes": list(notes)}
    for part, counts in (
        ("testing", [one.after.per_second for one in learned]),
        ("learning", [one.learning for one in learned]),
    ):
        rate = _mean(counts, "spikes") / layer.units / steps
        writes = sum(_mean(counts, name) for name in WRITES) / synapses
        found[part] = price(
            graph, chip=chip, rates=rates_of_layer(layer, rate), steps=steps, dt=task.dt,
            writes=writes,
        )  # fmt: skip
    return found


def _price_row(row: Row, chip: str) -> dict[str, Any]:
    """A second of signal in a case: its graph over as many times the fewest cores."""
    graph, steps = graph_of_layer(row.layer, row.case.dt, Current()), round(1 / row.case.dt)
    rate = _mean(row.measures, "rate") / steps
    found = price(
        graph, chip=chip, rates=rates_of_layer(row.layer, rate), steps=steps, dt=row.case.dt,
        spread=row.case.cores.count,
    )  # fmt: skip
    kept = ("chip", "cores", "energy", "time", "energy_by_kind", "events")
    return {name: found[name] for name in kept if name in found}


DENDRITE_NOTE = (
    "A dendrite is priced as a unit of its own, which is updated every step and speaks at every "
    "look; what it takes to rectify a sum, and to send it as a number, no chip file says."
)
WRITES = ("weights_attempted", "slow_writes", "feedforward_writes")
NOTES = (
    "The drive comes as a graded message a channel and step; the read-out, the teacher and the "
    "error that is fed back are the host's, and are not priced.",
    "Writes are those attempted, at the price of a weight update.",
)


def _mean(counts: list[dict[str, float]], name: str) -> float:
    return sum(row[name] for row in counts) / len(counts)


def _write(made: Mapping[str, Any], folder: Path | None) -> None:
    from eqchip.hw_reports.studies.dynamics_plot import save
    from eqchip.hw_reports.studies.gradient_tasks_plot import save as save_gradient
    from eqchip.hw_reports.studies.series_tasks_plot import save as save_series

    draw = {
        words.FORMAT: save, words.TURNS_FORMAT: save, gradient_words.FORMAT: save_gradient,
        series_words.FORMAT: save_series,
    }[made["format"]]  # fmt: skip
    write_study(folder, "dynamics", made, draw)
