"""Which settings let each kind of coding converge fastest: a random search.

The settings found by it that the command line uses are kept in
``convergence_settings.toml``, with the commands that found them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from eqchip.emulator.description.coding import Coding, OptimalStepSize, Polynomial, Quantizer
from eqchip.emulator.documents import read_toml
from eqchip.emulator.errors import InputError, check_whole
from eqchip.emulator.progress import Progress, Silent
from eqchip.emulator.studies.convergence import Case, Curve, Experiment, error_curve, make_case

FORMAT = "eqchip-convergence-settings 1"
STORED = Path(__file__).with_name("convergence_settings.toml")

Objective = Literal["end", "mean"]
Parameters = dict[str, float]

# O'Connor, Gavves and Welling: 1e-15 in training, 1e-7 in this experiment.
REGULARIZER = 1e-7
SEARCH_NETWORKS = 5
SEARCH_INPUTS = 4
# Tries close to the best one so far reach, in shares of each range: from the first to the last.
REACH = (0.2, 0.02)


class Range(NamedTuple):
    """Where a parameter is looked for; evenly in its logarithm if said."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, share: float) -> float:
        """The value at this share of the range, of four digits: what is tried is what is kept."""
        if self.logarithmic:
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + (self.high - self.low) * share
        return float(f"{value:.4g}")


RANGES = {
    "step": Range(0.05, 1.0),
    "step_exponent": Range(0.0, 1.0),
    "prediction": Range(0.05, 1.0),
    "prediction_exponent": Range(0.0, 1.0),
    "nu_bar": Range(0.003, 0.6, logarithmic=True),
}


@dataclass(frozen=True)
class Kind:
    """A kind of coding with parameters to be set.

    Attributes
    ----------
    label : str
        For tables and figures.
    quantizer : {"sigma-delta", "bernoulli"}
    parameters : tuple of str
        Names out of `RANGES`. The step size is ``step / t**step_exponent``, or adaptive with
        `nu_bar`; the prediction coefficient ``prediction / t**prediction_exponent``. An
        exponent that is not there is 0.
    """

    label: str
    quantizer: Quantizer
    parameters: tuple[str, ...]

    @property
    def adaptive(self) -> bool:
        """Whether units adapt their step size."""
        return "nu_bar" in self.parameters

    @property
    def predictive(self) -> bool:
        """Whether bits are predicted."""
        return "prediction" in self.parameters

    @property
    def anneals_prediction(self) -> bool:
        """Whether the prediction coefficient falls with time."""
        return "prediction_exponent" in self.parameters

    def coding(self, values: Mapping[str, float]) -> Coding:
        """The coding with these values.

        Raises
        ------
        InputError
            If a value is missing, is out of range, or has no place here.
        """
        for name in (*self.parameters, *values):
            if (name in values) != (name in self.parameters):
                raise InputError(
                    f"{self.label}: parameters are {', '.join(values) or 'none'}; "
                    f"expected {', '.join(self.parameters)}"
                )
        if self.adaptive:
            step_size: Polynomial | OptimalStepSize = OptimalStepSize(values["nu_bar"], REGULARIZER)
        else:
            step_size = Polynomial(values["step"], values.get("step_exponent", 0.0))
        prediction = None
        if self.predictive:
            prediction = Polynomial(values["prediction"], values.get("prediction_exponent", 0.0))
        return Coding(self.quantizer, step_size, prediction)

    def describe(self, values: Mapping[str, float]) -> str:
        """The parameters in the field's symbols.

        Examples
        --------
        >>> KINDS["sigma-delta"].describe({"step": 0.85, "step_exponent": 0.5})
        'ε 0.85/t^0.5'
        """
        if self.adaptive:
            parts = [f"ν̄ {values['nu_bar']:.2g}"]
        else:
            parts = [_power("ε", values["step"], values.get("step_exponent"))]
        if self.predictive:
            parts.append(_power("λ", values["prediction"], values.get("prediction_exponent")))
        return ", ".join(parts)


# Sigma-delta where nothing else is said. ε: step size, annealed where nothing else is said;
# λ: prediction coefficient; OSA: optimal step-size annealing.
KINDS = {
    "bernoulli": Kind("Bernoulli", "bernoulli", ("step", "step_exponent")),
    "bernoulli-prediction": Kind(
        "Bernoulli + annealed λ",
        "bernoulli",
        ("step", "step_exponent", "prediction", "prediction_exponent"),
    ),
    "sigma-delta": Kind("Sigma-delta", "sigma-delta", ("step", "step_exponent")),
    "sigma-delta-constant-prediction": Kind(
        "Sigma-delta + constant λ", "sigma-delta", ("step", "step_exponent", "prediction")
    ),
    "sigma-delta-annealed-prediction-constant-step": Kind(
        "Sigma-delta + annealed λ, constant ε",
        "sigma-delta",
        ("step", "prediction", "prediction_exponent"),
    ),
    "sigma-delta-annealed-prediction": Kind(
        "Sigma-delta + annealed λ",
        "sigma-delta",
        ("step", "step_exponent", "prediction", "prediction_exponent"),
    ),
    "osa": Kind("OSA", "sigma-delta", ("nu_bar",)),
    "osa-prediction": Kind(
        "OSA + annealed λ",
        "sigma-delta",
        ("nu_bar", "prediction", "prediction_exponent"),
    ),
}


@dataclass(frozen=True)
class Found:
    """The best settings of a kind of coding, and their error on the networks of the search."""

    parameters: Parameters
    error: float


@dataclass(frozen=True)
class Settings:
    """Settings of all kinds of coding, and for which experiment they were found."""

    parameters: dict[str, Parameters]
    layers: tuple[int, ...]
    steps: int


def make_codings(parameters: Mapping[str, Parameters]) -> dict[str, Coding]:
    """A coding of each kind."""
    return {name: KINDS[name].coding(values) for name, values in parameters.items()}


def search(
    experiment: Experiment,
    *,
    trials: int = 40,
    objective: Objective = "end",
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Found]:
    """Look for the settings of each kind of coding that bring the error down most.

    The first half of the trials is drawn evenly over the ranges; the rest near the best one
    so far, ever nearer. The networks have nothing in common with those of
    :func:`eqchip.emulator.studies.convergence.measure`.

    Parameters
    ----------
    experiment : Experiment
        Its number of inputs is not used.
    trials : int
        Per kind of coding, at least 1.
    objective : {"end", "mean"}
        Minimise the error at the end of each half, or over all steps.
    threads : int, optional
        Default: all processors. The result does not depend on it.
    progress : Progress, optional
    """
    check_whole("converge: trials", trials, 1)
    if objective not in get_args(Objective):
        raise InputError(f"converge: unknown objective {objective!r}; expected end or mean")
    progress = Silent() if progress is None else progress
    experiment = replace(experiment, inputs=SEARCH_INPUTS)
    found = {}
    with progress.bar("searching", len(KINDS) * trials) as bar:
        cases = [
            make_case(experiment, "search", k, threads=threads) for k in range(SEARCH_NETWORKS)
        ]
        for name, kind in KINDS.items():
            best, best_shares = Found({}, math.inf), np.zeros(0)
            for trial in range(trials):
                rng = np.random.default_rng([experiment.seed, trial, *name.encode()])
                shares = _draw(rng, trial, trials, best_shares, len(kind.parameters))
                values = {
                    key: RANGES[key].at(float(share))
                    for key, share in zip(kind.parameters, shares, strict=True)
                }
                error = _score(experiment, cases, kind.coding(values), objective, threads)
                if error < best.error:
                    best, best_shares = Found(values, error), shares
                bar.advance(1, coding=kind.label, error=f"{best.error:.2e}")
            found[name] = best
    return found


def objective_of(error: np.ndarray, free_steps: int, objective: Objective) -> float:
    """What a search minimises, from the error at each step."""
    if objective == "mean":
        return float(error.mean())
    return float(error[free_steps - 1] + error[-1]) / 2


def read_settings(path: Path, objective: Objective) -> Settings:
    """Read the settings found with an objective.

    Raises
    ------
    InputError
        If the file is missing, no TOML, of another format, lacks the objective or a kind of
        coding, or holds a wrong parameter.
    """
    document = read_toml(path, "settings of eqchip converge")
    if document.get("format") != FORMAT:
        raise InputError(f"{path}: format is {document.get('format')!r}; expected {FORMAT!r}")
    if objective not in document:
        raise InputError(f"{path}: no settings for objective {objective!r}; expected [{objective}]")
    try:
        table = document[objective]
        codings = {name: dict(table["codings"][name]) for name in KINDS}
        layers, steps = tuple(map(int, table["layers"])), int(table["steps"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: [{objective}]: {error} is missing or of a wrong type") from None
    for values in codings.values():
        values.pop("error", None)
    settings = Settings(codings, layers, steps)
    try:
        make_codings(codings)
    except (InputError, TypeError) as error:
        raise InputError(f"{path}: [{objective}]: {error}") from None
    return settings


def settings_to_toml(
    found: Mapping[str, Found], experiment: Experiment, objective: Objective, command: str
) -> str:
    """The text of a file of settings, with the command that found them."""
    import tomli_w

    table: dict[str, Any] = {
        "command": command,
        "layers": list(experiment.layers),
        "steps": experiment.steps,
        "codings": {
            name: {**best.parameters, "error": float(f"{best.error:.4g}")}
            for name, best in found.items()
        },
    }
    return tomli_w.dumps({"format": FORMAT, objective: table})


def _draw(
    rng: np.random.Generator, trial: int, trials: int, best: np.ndarray, n: int
) -> np.ndarray:
    """Where in its range each parameter is tried, in [0, 1]."""
    explored = (trials + 1) // 2
    if trial < explored:
        return rng.random(n)
    progress = (trial - explored) / max(trials - explored - 1, 1)
    reach = REACH[0] * (REACH[1] / REACH[0]) ** progress
    near = best + reach * rng.standard_normal(n)
    return np.clip(near, 0.0, 1.0)


def _score(
    experiment: Experiment,
    cases: list[Case],
    coding: Coding,
    objective: Objective,
    threads: int | None,
) -> float:
    curves: list[Curve] = [error_curve(experiment, case, coding, threads=threads) for case in cases]
    error = np.mean([curve.error for curve in curves], axis=0)
    return objective_of(error, experiment.free_steps, objective)


def _power(symbol: str, value: float, exponent: float | None) -> str:
    return f"{symbol} {value:.2g}" + (f"/t^{exponent:.2g}" if exponent else "")
