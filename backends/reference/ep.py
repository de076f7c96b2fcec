"""The EP unit in plain numpy: points 2 to 5 of a time step, written to be read.

::

    decode    r   = (1 - lambda) r + lambda u                    (r = u without prediction)
    drive     v   = r + b                                        (r + (b + I) under a current)
              p   = rho'(s) v + (2 beta) (y - s)                 (the nudge: output layer only)
    step      s   = clip((1 - eps) s + eps p, 0, 1)              (s = x in the input layer)
    encode    a   = (s - (1 - lambda) s_previous) / lambda       (a = s without prediction)
              phi = phi + a,  q = [phi > 1/2],  phi = phi - q    sigma-delta
              q   = [a > uniform]                                bernoulli
              q   = s                                            none: real-valued messages

with rho'(s) = 1 on the closed interval [0, 1] and 0 outside. The step size eps is a schedule of t,
or, per unit, the rule of :class:`eqchip.emulator.description.coding.OptimalStepSize`; so is lambda,
or, per unit, the rule of :class:`eqchip.emulator.description.coding.AdaptivePrediction`. In
precision ``"chip"`` the same steps are taken in integers, by
:mod:`eqchip.backends.reference.ep_fixed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.backends.reference.kinds import At
from eqchip.emulator.description.coding import AdaptivePrediction, OptimalStepSize
from eqchip.emulator.problem.problem import Problem


@dataclass
class StepStatistics:
    """What each unit of a layer tracks for the optimal step size, shape (batch, units) each."""

    nu: np.ndarray
    theta: np.ndarray
    b: np.ndarray
    d: np.ndarray
    L: np.ndarray


@dataclass
class Follower:
    """Of an adapted prediction coefficient, shape (batch, units) each: see `AdaptivePrediction`.

    ``lam`` the coefficient, ``n`` steps for which it has been held, ``B`` and ``D`` the decoder's
    error and its size, summed with a leak.
    """

    lam: np.ndarray
    n: np.ndarray
    B: np.ndarray
    D: np.ndarray


@dataclass
class EPLayer:
    """All that changes in one layer, shape (batch, units) each.

    ``s`` potential, ``r`` decoded input, ``phi`` sigma-delta residue, ``q`` message of the
    last step.
    """

    s: np.ndarray
    r: np.ndarray
    phi: np.ndarray
    q: np.ndarray
    statistics: StepStatistics
    follower: Follower


@dataclass(frozen=True)
class Schedules:
    """Step sizes and prediction coefficients at t = 1, 2, ...; None where they are no schedule."""

    eps: np.ndarray | None
    lam: np.ndarray | None

    def lam_at(self, t: int) -> Any:
        """The prediction coefficient of step t, or None."""
        return None if self.lam is None else self.lam[t - 1]


def schedules(problem: Problem, steps: int) -> Schedules:
    """Of a problem, so many steps long, in the precision of the run."""
    coding, dtype = problem.coding, problem.dtype
    return Schedules(
        None if coding.adaptive else coding.step_size.table(steps, dtype),
        None if coding.schedule is None else coding.schedule.table(steps, dtype),
    )


def begin(problem: Problem, shape: tuple[int, ...]) -> EPLayer:
    """A layer before step 1: everything is 0; only nu starts at 1."""

    def zeros() -> np.ndarray:
        return np.zeros(shape, problem.dtype)

    scalar = problem.dtype.type
    statistics = StepStatistics(zeros() + scalar(1), zeros(), zeros(), zeros(), zeros())
    follower = Follower(zeros() + scalar(0.5), zeros(), zeros(), zeros())
    return EPLayer(zeros(), zeros(), zeros(), zeros(), statistics, follower)


def decode(r: np.ndarray, u: np.ndarray, lam: np.floating | None) -> np.ndarray:
    """Point 2: the decoded input r; lam is the prediction coefficient of this step or None."""
    if lam is None:
        return u
    one = u.dtype.type(1)
    return (one - lam) * r + lam * u


def settle(k: Follower, opens: np.ndarray | bool, rule: AdaptivePrediction) -> None:
    """The coefficient opens to 1/2, or halves when it has been held for 2 / lambda steps."""
    scalar = k.lam.dtype.type
    k.n = k.n + scalar(1)
    closes = (k.n * k.lam >= scalar(2)) & (k.lam > scalar(2.0**-rule.finest)) & ~np.asarray(opens)
    k.lam = np.where(opens, scalar(0.5), np.where(closes, scalar(0.5) * k.lam, k.lam))
    k.n = np.where(opens | closes, scalar(0), k.n)


def follow(layer: EPLayer, u: np.ndarray, rule: AdaptivePrediction) -> None:
    """Point 2 with an adapted coefficient: it moves first, then the decoded input r."""
    k, scalar = layer.follower, u.dtype.type
    e = u - layer.r
    k.B = k.B + (e - scalar(1 / 4) * k.B)
    k.D = k.D + (abs(e) - scalar(1 / 16) * k.D)
    settle(k, scalar(4) * abs(k.B) > scalar(rule.threshold) * k.D, rule)
    layer.r = layer.r + k.lam * e


def predict(layer: EPLayer, s_previous: np.ndarray) -> np.ndarray:
    """What is encoded with an adapted coefficient, which opens where bits could not follow."""
    k, scalar = layer.follower, layer.s.dtype.type
    moved = layer.s - s_previous
    a: np.ndarray = s_previous + moved / k.lam
    opens = (abs(layer.phi + a) > scalar(2)) & (k.lam < scalar(0.5))
    k.lam = np.where(opens, scalar(0.5), k.lam)
    k.n = np.where(opens, scalar(0), k.n)
    return s_previous + moved / k.lam


def drive(
    s: np.ndarray, v: np.ndarray, target: np.ndarray | None, beta: float | None
) -> np.ndarray:
    """Point 3: the drive p; target and beta are None but in a nudged output layer."""
    scalar = s.dtype.type
    p = np.where((s >= scalar(0)) & (s <= scalar(1)), v, scalar(0))
    if target is None or beta is None:
        return p
    return p + (scalar(2) * scalar(beta)) * (target - s)


def step(s: np.ndarray, p: np.ndarray, eps: np.floating | np.ndarray) -> np.ndarray:
    """Point 4: the new potential; eps is one number, or one per unit."""
    one = s.dtype.type(1)
    return np.clip((one - eps) * s + eps * p, s.dtype.type(0), one)


def adaptive_step_size(
    statistics: StepStatistics, p: np.ndarray, t: int, rule: OptimalStepSize
) -> np.ndarray:
    """The optimal step size of each unit at step t; updates its statistics."""
    scalar, k = p.dtype.type, statistics
    one, nu_bar, reg = scalar(1), scalar(rule.nu_bar), scalar(rule.regularizer)
    e = p - k.theta
    k.nu = k.nu / (one + k.nu - nu_bar)
    k.b = (one - k.nu) * k.b + k.nu * e
    k.d = (one - k.nu) * k.d + k.nu * (e * e)
    var = (k.d - k.b * k.b) / (one + k.L)
    eps = np.ones_like(p) if t == 1 else one - (var + reg) / (k.d + reg)
    k.L = (one - eps) * (one - eps) * k.L + eps * eps
    k.theta = (one - eps) * k.theta + eps * p
    return eps


def advance(
    run: Any, layer: EPLayer, u: np.ndarray, target: np.ndarray | None, beta: float | None, at: At
) -> None:
    """Points 2 to 4: the new potential s; target and beta are None but in a nudged output layer."""
    coding, schedule = run.problem.coding, run.unit
    _decode(run, layer, u, at)
    p = drive(layer.s, layer.r + run.offsets[at.layer - 1], target, beta)
    if coding.adaptive is None:
        layer.s = step(layer.s, p, schedule.eps[at.t - 1])
    else:
        used = adaptive_step_size(layer.statistics, p, at.t, coding.adaptive)
        layer.s = step(layer.s, p, used)


def _decode(run: Any, layer: EPLayer, u: np.ndarray, at: At) -> None:
    follower = run.problem.coding.follower
    if follower is None:
        layer.r = decode(layer.r, u, run.unit.lam_at(at.t))
    else:
        follow(layer, u, follower)


def encode(layer: EPLayer, a: np.ndarray, quantizer: str, uniform: np.ndarray | None) -> None:
    """Point 5: the message q of what is encoded, a, and the residue phi that it leaves."""
    scalar = layer.s.dtype.type
    if quantizer == "sigma-delta":
        phi = layer.phi + a
        layer.q = (phi > scalar(0.5)).astype(phi.dtype)
        layer.phi = phi - layer.q
    elif quantizer == "bernoulli":
        assert uniform is not None
        layer.q = (a > uniform).astype(a.dtype)
    else:
        layer.q = a


def emit(
    run: Any, layer: EPLayer, s_previous: np.ndarray, uniform: np.ndarray | None, at: At
) -> None:
    """Point 5, of this run."""
    coding, lam = run.problem.coding, run.unit.lam_at(at.t)
    if coding.follower is not None:
        if at.layer == 0:  # nothing arrives there
            settle(layer.follower, False, coding.follower)
        a = predict(layer, s_previous)
    elif lam is not None:
        a = (layer.s - (layer.s.dtype.type(1) - lam) * s_previous) / lam
    else:
        a = layer.s
    encode(layer, a, coding.quantizer, uniform)


def read(run: Any, layer: EPLayer, u: np.ndarray, beta: float | None, at: At) -> None:
    """A read-out's step: its potentials are what it decodes, but in a nudged phase."""
    _decode(run, layer, u, at)
    if beta is None:
        layer.s = layer.r + run.offsets[at.layer - 1]
