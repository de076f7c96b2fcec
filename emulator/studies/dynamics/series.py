"""Real series and a chaotic one, coded in balance, read out by a classifier and a predictor.

For each seed a coder's setting and its read-out's are those that err least on the validation's
samples; the test is read once, by them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.data.mackey_glass import POINTS_A_TIME, mackey_glass
from eqchip.emulator.data.series import read_split
from eqchip.emulator.description.dynamics.turns import Slots
from eqchip.emulator.errors import InputError
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.dynamics.coders import Balanced, Coded, Coder, Echo, Raw
from eqchip.emulator.studies.dynamics.readouts import (
    Chosen,
    Classifier,
    Predictor,
    relative,
    smape,
)

VOWELS = "JapaneseVowels"
FRAME = 0.01  # s, of a frame of either series
FOLDS = 3  # of the cases to learn from, each held back once for validation
TAPS, APART = 6, 3  # frames that a predictor's coder is given at once, and their distance
AHEAD = 15  # frames, a fifth of a Lyapunov time
# Lyapunov times: settled after, learned from until, validated until; the rest is the test.
SETTLED, LEARNED, VALIDATED = 2, 30, 40
SHOWN = 400  # frames of a prediction that are kept for a picture


@dataclass(frozen=True, eq=False)
class Tried:
    """A coder's setting, the best read-out of it by validation, and its counts by the second."""

    coder: Coder
    chosen: Chosen
    per_second: dict[str, float]
    decoding_error: float


@dataclass(frozen=True, eq=False)
class Tested:
    """One seed of a kind of coder: all that was tried, what was chosen of it, and its test."""

    seed: int
    tried: list[Tried]
    best: Tried
    measures: dict[str, float]
    per_second: dict[str, float]
    shown: dict[str, Any]


class Problem(ABC):
    """A series and what is asked of it."""

    @abstractmethod
    def attempt(self, coder: Coder, seed: int) -> Tried:
        """A setting judged by validation; nothing of the test is looked at."""

    @abstractmethod
    def test(self, best: Tried, seed: int) -> tuple[dict[str, float], Coded, float, dict[str, Any]]:
        """Measures of the test, its codes, products of the read-out a second, what is shown."""


class Speakers(Problem):
    """Who speaks: cases of several channels, of unequal length."""

    def __init__(self, folder: Path) -> None:
        train, test = read_split(folder, VOWELS)
        names = sorted(set(train.labels))
        few = [name for name in names if train.labels.count(name) < FOLDS]
        if few:
            raise InputError(
                f"{folder}: label {few[0]!r} has {train.labels.count(few[0])} cases to learn from; "
                f"expected at least {FOLDS}"
            )
        self.labels, self.test_labels = (
            np.array([names.index(label) for label in part.labels]) for part in (train, test)
        )
        frames = np.concatenate(train.cases)
        mean, scale = frames.mean(0), frames.std(0)
        scale = np.where(scale > 0, scale, 1.0)
        self.cases, self.test_cases = (
            [(case - mean) / scale for case in part.cases] for part in (train, test)
        )

    def folds(self, seed: int) -> np.ndarray:
        """Which cases validate together: a third of each class."""
        rng, folds = np.random.default_rng([seed, 3]), np.zeros(len(self.labels), np.int64)
        for label in np.unique(self.labels):
            own = np.flatnonzero(self.labels == label)
            folds[rng.permutation(own)] = np.arange(len(own)) % FOLDS
        return folds

    def attempt(self, coder: Coder, seed: int) -> Tried:
        """A setting, by each case when its fold is held back."""
        coded = coder.code(self.cases, seed)
        chosen = Classifier().choose(coded.features, self.labels, self.folds(seed))
        return Tried(coder, chosen, _per_second(coded), coded.decoding_error)

    def test(self, best: Tried, seed: int) -> tuple[dict[str, float], Coded, float, dict[str, Any]]:
        """The share of test cases that are given to another speaker."""
        coded = best.coder.code(self.test_cases, seed)
        known = best.coder.code(self.cases, seed).features
        error = Classifier().test(best.chosen, known, self.labels, coded.features, self.test_labels)
        products = best.chosen.windows * known[0].shape[1] * (int(self.labels.max()) + 1)
        seconds = coded.frames * FRAME / len(self.test_cases)
        shown = {
            "channels": self.cases[0].shape[1],
            "frames": len(self.test_cases[0]),
            "spikes": coded.spikes.tolist(),
        }
        return {"error": error}, coded, products / seconds, shown


class Forecast(Problem):
    """What comes: the Mackey-Glass series, some frames ahead."""

    def __init__(self) -> None:
        self.series = mackey_glass()
        self.learned, self.validated = (POINTS_A_TIME * n for n in (LEARNED, VALIDATED))
        known = self.series[POINTS_A_TIME * SETTLED : self.learned]
        z = (self.series - known.mean()) / known.std()
        shifted = [np.concatenate([np.full(k * APART, z[0]), z])[: len(z)] for k in range(TAPS)]
        self.channels = np.stack(shifted, 1)
        self.settled = POINTS_A_TIME * SETTLED

    def attempt(self, coder: Coder, seed: int) -> Tried:
        """A setting, by the frames between."""
        coded = coder.code([self.channels[: self.validated]], seed)
        chosen = Predictor(AHEAD).choose(
            coded.features[0], self.series[: self.validated],
            slice(self.settled, self.learned - AHEAD), slice(self.learned, self.validated - AHEAD),
        )  # fmt: skip
        return Tried(coder, chosen, _per_second(coded), coded.decoding_error)

    def test(self, best: Tried, seed: int) -> tuple[dict[str, float], Coded, float, dict[str, Any]]:
        """Errors over the last frames, of a read-out of all before."""
        coded = best.coder.code([self.channels], seed)
        features = coded.features[0]
        known = slice(self.settled, self.validated - AHEAD)
        test = slice(self.validated, len(self.series) - AHEAD)
        found, wanted = Predictor(AHEAD).predicted(best.chosen, features, self.series, known, test)
        shown = {
            "channels": TAPS,
            "found": found[:SHOWN].tolist(),
            "wanted": wanted[:SHOWN].tolist(),
        }
        measures = {"error": relative(found, wanted), "smape": smape(found, wanted)}
        return measures, coded, features.shape[1] / FRAME, shown


@dataclass(frozen=True, kw_only=True)
class SeriesTask:
    """A problem, and for each kind of coder its settings, the cheapest first.

    Attributes
    ----------
    problem : function from the folder of the user's data to the problem
    reads : bool
        Whether it needs one.
    """

    title: str
    source: str
    problem: Callable[[Path | None], Problem]
    reads: bool
    coders: dict[str, tuple[Coder, ...]]


def _speakers(folder: Path | None) -> Problem:
    assert folder is not None
    return Speakers(folder)


def _echoes(first: int | None) -> tuple[Coder, ...]:
    return tuple(
        Echo(200, radius, scale, 0.3, first) for radius in (0.5, 0.9) for scale in (0.1, 0.3)
    )


def _balanced(counts: bool, norms: tuple[float, ...], **settings: Any) -> tuple[Coder, ...]:
    return tuple(Balanced(200, norm, counts, **settings) for norm in norms)


FINE: dict[str, Any] = {"dt": 1e-4, "hold": 100, "turns": Slots(25)}
# By the name on the command line. A new one: a row here.
SERIES_TASKS: dict[str, SeriesTask] = {
    "vowels": SeriesTask(
        title="who says Japanese vowels, from counts of spikes",
        source="data: Kudo, Toyama and Shimbo, Pattern Recogn. Lett. 20:1103, 1999",
        problem=_speakers,
        reads=True,
        coders={
            "channels": (Raw(),),
            "echo state": _echoes(None),
            "balanced": _balanced(True, (0.6, 0.4, 0.25, 0.15)),
            "balanced, spikes in": _balanced(True, (0.25, 0.15), quantum=1.0),
        },
    ),
    "mackey-glass": SeriesTask(
        title="the Mackey-Glass series a fifth of a Lyapunov time ahead, from traces of spikes",
        source="parameters: NeuroBench's series of delay 17; numbers by our own solver",
        problem=lambda folder: Forecast(),
        reads=False,
        coders={
            "channels": (Raw(),),
            "echo state": _echoes(1),
            "balanced": _balanced(False, (0.4, 0.2, 0.1, 0.05), **FINE),
            "balanced, spikes in": _balanced(False, (0.1, 0.05), quantum=1.0, **FINE),
        },
    ),
}


def read_out(
    task: SeriesTask, seeds: Sequence[int], folder: Path | None, progress: Progress | None = None
) -> dict[str, list[Tested]]:
    """Every kind of coder from every seed."""
    problem = task.problem(folder)
    found: dict[str, list[Tested]] = {}
    total = len(seeds) * sum(map(len, task.coders.values()))
    with (progress or Silent()).bar("Coders", total) as bar:
        for kind, coders in task.coders.items():
            found[kind] = []
            for seed in seeds:
                tried = []
                for coder in coders:
                    tried.append(problem.attempt(coder, seed))
                    bar.advance(1)
                best = min(tried, key=lambda one: one.chosen.validation)
                measures, coded, products, shown = problem.test(best, seed)
                per_second = {**_per_second(coded), "readout_macs": products}
                found[kind].append(Tested(seed, tried, best, measures, per_second, shown))
    return found


def _per_second(coded: Coded) -> dict[str, float]:
    return {name: much / (coded.frames * FRAME) for name, much in coded.counts.items()}
