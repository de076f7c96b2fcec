"""One problem on every engine: the emulator against engines that others wrote, step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from eqchip.backends.comparison import Comparison, compare
from eqchip.backends.registry import BACKENDS, EMULATOR, Backend
from eqchip.emulator.compiling import running_clock
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.problem.needs import check_needs, of_learning
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.training.inference import inference_settings, stream_seed

Checked = Literal["float64", "chip"]
CHECKED: tuple[Checked, ...] = get_args(Checked)


@dataclass(frozen=True)
class Checkup:
    """An engine, compared with the emulator.

    ``comparison`` is None for the emulator itself, and where the engine could not run:
    ``refusal`` then says why.
    """

    engine: str
    precision: Checked
    tolerance: float = 0.0
    seconds: float = 0.0
    comparison: Comparison | None = None
    refusal: str | None = None


def engines() -> list[Backend]:
    """What is compared with the emulator: every other backend with one clock for all."""
    return [
        one for one in BACKENDS.values() if one.name != EMULATOR and "global clock" in one.features
    ]


def choose(
    names: Sequence[str] | None, precision: Checked | None, among: Sequence[Backend] | None = None
) -> list[Backend]:
    """The engines of these names; all that compute in the precision if None.

    among: those that there are; default: :func:`engines`.

    Raises
    ------
    InputError
        For an unknown name, or an engine that does not compute in the precision.
    """
    known = {one.name: one for one in (engines() if among is None else among)}
    if names is None:
        return [one for one in known.values() if precision is None or precision in one.tolerances]
    for name in names:
        if name not in known:
            raise InputError(f"unknown engine {name!r}; expected one of {', '.join(known)}")
        if precision is not None:
            known[name].check_precision(precision, "crosscheck")
    return [one for name, one in known.items() if name in names]


def pose_run(
    config: Config,
    network: Network,
    dataset: Dataset,
    *,
    samples: int,
    precision: Precision,
    free_steps: int | None = None,
) -> Problem:
    """The first test samples, through the phases of training; everything recorded.

    Raises
    ------
    InputError
        If the data set has fewer samples, or the run's coding does not exist in the precision.
    """
    check_whole("samples", samples, 1)
    if samples > len(dataset.test_x):
        raise InputError(
            f"samples is {samples}; expected at most the {len(dataset.test_x)} of the test set"
        )
    learning = config.learning
    check_needs("crosscheck", of_learning(learning), ())
    if free_steps is not None:
        learning = replace(learning, free_steps=free_steps)
    settings = inference_settings(
        config.model_copy(update={"learning": learning}),
        dataset.test_x[:samples],
        np.arange(samples),
        phases=learning.phases(dataset.targets(dataset.test_y[:samples])),
        precision=precision,
        record=("bits", "potentials"),
        seed=stream_seed(config.seed, "crosscheck"),
        timing=None,
    )
    return pose(network, **settings)


def crosscheck(
    problem: Problem, others: Iterable[Backend] | None = None, threads: int | None = None
) -> Iterator[Checkup]:
    """Run a problem on the emulator, then on each engine that computes in its precision.

    Parameters
    ----------
    problem : Problem
    others : iterable of Backend, optional
        Default: :func:`engines`.
    threads : int, optional
        Of the emulator.

    Yields
    ------
    Checkup
        The emulator's first; each as soon as it is known.

    Raises
    ------
    InputError
        If the emulator refuses the problem, or an engine that accepted it breaks down.
    """
    problem = replace(problem, record=frozenset({"bits", "potentials"}))
    yield from check_engines(
        "chip" if problem.precision == "chip" else "float64",
        lambda one, threads: one.solve(problem, threads),
        lambda found, expected, tolerance: compare(problem, found, expected, tolerance),
        engines() if others is None else others,
        threads,
    )


def check_engines(
    precision: Checked,
    solve: Callable[[Backend, int | None], Any],
    compare: Callable[[Any, Any, float], Comparison],
    others: Iterable[Backend],
    threads: int | None,
) -> Iterator[Checkup]:
    """The loop of :func:`crosscheck`, whatever is run and compared."""
    start = running_clock()
    expected = solve(BACKENDS[EMULATOR], threads)
    yield Checkup(EMULATOR, precision, seconds=running_clock() - start)
    for one in others:
        if precision not in one.tolerances:
            continue
        tolerance = one.tolerances[precision]
        start = running_clock()
        try:
            found = solve(one, None)
        except InputError as error:
            cause = error.__cause__
            if cause is not None and not isinstance(cause, ImportError):
                raise  # it began, and broke down: nothing to pass over
            yield Checkup(one.name, precision, tolerance, refusal=str(error))
            continue
        seconds = running_clock() - start
        yield Checkup(one.name, precision, tolerance, seconds, compare(found, expected, tolerance))
