"""The EP unit in a chip's integers: points 2 to 5 of a time step in plain numpy.

::

    decode    r   = rescale((one - lambda) r + lambda u)         (r = u without prediction)
    drive     p   = clip(r + b),  p = clip(p + rescale(2 beta (y - s)))   (nudged output layer)
    step      s   = rescale((one - eps) s + eps p), within 0 and 1.0
    encode    a   = clip(s_previous + rescale((1 / lambda) (s - s_previous)))
                    (a = s without prediction)
              phi = clip(phi + a),  q = [phi > 1/2],  phi = phi - q       sigma-delta
              q   = [a > uniform]                                         bernoulli

With an adapted prediction coefficient, ``lambda = 2**-k`` by the rule of
:class:`eqchip.emulator.description.coding.AdaptivePrediction`::

    decode    e   = u - r,  B = B + e - rescale_2(B),  D = D + |e| - rescale_4(D)
              r   = r + rescale_k(e)                             rescale_k: over 2**k
              B and D are kept in the range of a state, uncounted
    encode    a   = clip(s_previous + 2**k (s - s_previous))

in the numbers of :mod:`eqchip.backends.reference.fixed`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.backends.reference.arithmetic import rescale
from eqchip.backends.reference.kinds import At
from eqchip.emulator.description.coding import COARSEST, AdaptivePrediction
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.problem.problem import Problem


@dataclass
class EPFixedLayer:
    """What changes in one layer, int64, of shape (batch, units): see `ep.EPLayer`.

    ``k``, ``n``, ``B``, ``D``: of an adapted prediction coefficient, 2**-k.
    """

    s: np.ndarray
    r: np.ndarray
    phi: np.ndarray
    q: np.ndarray
    k: np.ndarray
    n: np.ndarray
    B: np.ndarray
    D: np.ndarray


@dataclass(frozen=True)
class Gains:
    """Step sizes and prediction coefficients at t = 1, 2, ..., as gains; lam may be None."""

    eps: np.ndarray
    lam: np.ndarray | None


def gains(problem: Problem, steps: int) -> Gains:
    """Of a problem, so many steps long."""
    fixed, coding = problem.fixed, problem.coding
    assert fixed is not None
    return Gains(
        fixed.gains(coding.step_size, steps),
        None if coding.schedule is None else fixed.gains(coding.schedule, steps),
    )


def begin(problem: Problem, shape: tuple[int, ...]) -> EPFixedLayer:
    """A layer before step 1: everything is 0; only k starts at the coarsest."""
    layer = EPFixedLayer(*(np.zeros(shape, np.int64) for _ in range(8)))
    layer.k += COARSEST
    return layer


def settle(layer: EPFixedLayer, opens: np.ndarray | bool, rule: AdaptivePrediction) -> None:
    """The coefficient opens to 1/2, or halves when it has been held for 2**(k + 1) steps."""
    layer.n = layer.n + 1
    closes = (layer.n >= 2 << layer.k) & (layer.k < rule.finest) & ~np.asarray(opens)
    layer.k = np.where(opens, COARSEST, layer.k + closes)
    layer.n = np.where(opens | closes, 0, layer.n)


def shifted(product: np.ndarray, bits: np.ndarray | int) -> np.ndarray:
    """product / 2**bits, rounded to nearest, ties up; bits of each, at least 1."""
    return (product + (1 << (np.asarray(bits) - 1))) >> bits


def follow(layer: EPFixedLayer, u: np.ndarray, rule: AdaptivePrediction, fixed: FixedPoint) -> None:
    """Point 2 with an adapted coefficient: it moves first, then the decoded input r."""
    e = u - layer.r
    lowest, highest = fixed.lowest_state, fixed.highest_state
    layer.B = np.clip(layer.B + e - shifted(layer.B, 2), lowest, highest)
    layer.D = np.minimum(layer.D + abs(e) - shifted(layer.D, 4), highest)
    opens = (4 * abs(layer.B) << fixed.coefficient_bits) > fixed.gain(rule.threshold) * layer.D
    settle(layer, opens, rule)
    layer.r = layer.r + shifted(e, layer.k)


def predict(run: Any, layer: EPFixedLayer, s_previous: np.ndarray, at: At) -> np.ndarray:
    """What is encoded with an adapted coefficient, which opens where bits could not follow."""
    moved = layer.s - s_previous
    a = s_previous + (moved << layer.k)
    opens = (abs(layer.phi + a) > 2 * run.fixed.one) & (layer.k > COARSEST)
    layer.k = np.where(opens, COARSEST, layer.k)
    layer.n = np.where(opens, 0, layer.n)
    clipped: np.ndarray = run.range.clip(s_previous + (moved << layer.k), at.phase, at.layer)
    return clipped


def _decode(run: Any, layer: EPFixedLayer, u: np.ndarray, t: int) -> None:
    follower = run.problem.coding.follower
    if follower is not None:
        follow(layer, u, follower, run.fixed)
        return
    if run.unit.lam is None:
        layer.r = u
        return
    bits, lam = run.fixed.coefficient_bits, int(run.unit.lam[t - 1])
    layer.r = rescale(((1 << bits) - lam) * layer.r + lam * u, bits)


def advance(
    run: Any, layer: EPFixedLayer, u: np.ndarray, target: np.ndarray | None, two_beta: int | None,
    at: At,
) -> None:  # fmt: skip
    """Points 2 to 4: the new potential s."""
    bits, clip = run.fixed.coefficient_bits, run.range.clip
    _decode(run, layer, u, at.t)
    p = clip(layer.r + run.offsets[at.layer - 1], at.phase, at.layer)
    if target is not None and two_beta is not None:
        p = clip(p + rescale(two_beta * (target - layer.s), bits), at.phase, at.layer)
    eps = int(run.unit.eps[at.t - 1])
    layer.s = np.clip(rescale(((1 << bits) - eps) * layer.s + eps * p, bits), 0, run.fixed.one)


def emit(
    run: Any, layer: EPFixedLayer, s_previous: np.ndarray, uniform: np.ndarray | None, at: At
) -> None:
    """Point 5: the bit q of the new potential, and the residue phi that it leaves."""
    bits, clip = run.fixed.coefficient_bits, run.range.clip
    a, follower = layer.s, run.problem.coding.follower
    if follower is not None:
        if at.layer == 0:  # nothing arrives there
            settle(layer, False, follower)
        a = predict(run, layer, s_previous, at)
    elif run.unit.lam is not None:
        lam = int(run.unit.lam[at.t - 1])
        inverse = ((1 << (2 * bits)) + lam // 2) // lam
        moved = rescale(inverse * (layer.s - s_previous), bits)
        a = clip(s_previous + moved, at.phase, at.layer)
    if uniform is not None:
        layer.q = (a > np.floor(uniform * run.fixed.one).astype(np.int64)).astype(np.int64)
    else:
        phi = clip(layer.phi + a, at.phase, at.layer)
        layer.q = (phi > run.fixed.one // 2).astype(np.int64)
        layer.phi = phi - run.fixed.one * layer.q


def read(run: Any, layer: EPFixedLayer, u: np.ndarray, two_beta: int | None, at: At) -> None:
    """A read-out's step: its potentials are what it decodes, but in a nudged phase."""
    _decode(run, layer, u, at.t)
    if two_beta is None:
        layer.s = run.range.clip(layer.r + run.offsets[at.layer - 1], at.phase, at.layer)
