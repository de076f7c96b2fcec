"""One problem on every engine: the emulator against engines that others wrote, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from typing import Literal

import numpy as np

from eqchip.backends.comparison import Comparison, compare
from eqchip.emulator.data.datasets import Dataset, one_hot
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.description.network import Network
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.emulator.problem.run import Run
from eqchip.emulator.training.classifier import stream_seed

EMULATOR = "emulator"  # what all others are compared with

Checked = Literal["float64", "chip"]
CHECKED: tuple[Checked, ...] = ("float64", "chip")


@dataclass(frozen=True)
class Engine:
    """An engine to compare with.

    Attributes
    ----------
    name : str
    module : str
        With a function ``solve(problem)``.
    tolerances : dict
        The precisions that it computes in, and how far apart potentials may be in each.
    """

    name: str
    module: str
    tolerances: dict[Checked, float] = field(default_factory=dict)

    def solve(self, problem: Problem) -> Run:
        """Run a problem.

        Raises
        ------
        InputError
            If the engine cannot: not here, or not this problem.
        """
        solve: Callable[[Problem], Run] = import_module(self.module).solve
        return solve(problem)


# A port of Lava adds two sums, forward and feedback, where the contract is one running sum: in
# floating point the last bits of a potential may differ.
ENGINES = (
    Engine("reference", "eqchip.backends.reference.floating", {"float64": 0.0, "chip": 0.0}),
    Engine("brian2", "eqchip.backends.brian2.solve", {"float64": 0.0}),
    Engine("lava", "eqchip.backends.lava", {"float64": 1e-12, "chip": 0.0}),
)


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


def choose(names: Sequence[str] | None, precision: Checked | None) -> tuple[Engine, ...]:
    """The engines of these names; all that compute in the precision if None.

    Raises
    ------
    InputError
        For an unknown name, or an engine that does not compute in the precision.
    """
    if names is None:
        return tuple(one for one in ENGINES if precision is None or precision in one.tolerances)
    by_name = {one.name: one for one in ENGINES}
    for name in names:
        if name not in by_name:
            raise InputError(f"unknown engine {name!r}; expected one of {', '.join(by_name)}")
        if precision is not None and precision not in by_name[name].tolerances:
            known = " or ".join(by_name[name].tolerances)
            raise InputError(
                f"{name} does not compute in precision {precision!r}; expected {known}"
            )
    return tuple(one for one in ENGINES if one.name in names)


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
    learning.check_all_in_dynamics("crosscheck")
    if free_steps is not None:
        learning = replace(learning, free_steps=free_steps)
    x = dataset.test_x[:samples]
    return pose(
        network,
        x * x.dtype.type(1.0 - config.descent.input_dropout),
        coding=config.coding,
        phases=learning.phases(one_hot(dataset.test_y[:samples], dataset.classes)),
        input=config.input,
        precision=precision,
        record=("bits", "potentials"),
        seed=stream_seed(config.seed, "crosscheck"),
        samples=np.arange(samples),
    )


def crosscheck(
    problem: Problem, engines: Iterable[Engine] = ENGINES, threads: int | None = None
) -> Iterator[Checkup]:
    """Run a problem on the emulator, then on each engine that computes in its precision.

    Yields
    ------
    Checkup
        The emulator's first; each as soon as it is known.

    Raises
    ------
    InputError
        If the emulator refuses the problem, or an engine that accepted it breaks down.
    """
    precision: Checked = "chip" if problem.precision == "chip" else "float64"
    problem = replace(problem, record=frozenset({"bits", "potentials"}))
    start = time.perf_counter()
    expected = engine.solve(problem, threads=threads)
    yield Checkup(EMULATOR, precision, seconds=time.perf_counter() - start)
    for one in engines:
        if precision not in one.tolerances:
            continue
        tolerance = one.tolerances[precision]
        start = time.perf_counter()
        try:
            found = one.solve(problem)
        except InputError as error:
            cause = error.__cause__
            if cause is not None and not isinstance(cause, ImportError):
                raise  # it began, and broke down: nothing to pass over
            yield Checkup(one.name, precision, tolerance, refusal=str(error))
            continue
        seconds = time.perf_counter() - start
        comparison = compare(problem, found, expected, tolerance)
        yield Checkup(one.name, precision, tolerance, seconds, comparison)
