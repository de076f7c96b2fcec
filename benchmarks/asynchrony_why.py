"""Explanations of what asynchrony does to a network, each with a measurement that could refute it.

A fault that biases the drive makes another network: where that one rests is where the chip must
go. A delay stretches the loop from a unit to another and back: how fast it decays is a root.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from asynchrony_measure import Subject, summary, watch
from asynchrony_points import CODINGS, ONE_CLOCK, loss, stuck_at_0, stuck_at_1, uncalibrated

from eqchip.emulator.description.asynchronous import QUANTA, Asynchronous, Delays
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import whole_layers
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.clocks import draw_periods, list_units
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.kernels.lowered import Lowered, mirror_rows, weight_rows
from eqchip.emulator.problem.pose import pose

SETTLING = 4000
SETTLING_STUCK = 300  # enough without strong loops, and an asynchronous run is slow
LOOP_STEPS = 300
LOOP_DELAYS = (1, 4, 16)
STRONG = 0.3  # a loop of less gain is over before its decay can be measured
ROUNDING = 1e-11  # a distance below is rounding of float64
STILL_AWAY = 1e-3  # after LOOP_STEPS
ACTIVE = 1e-9  # a potential this far from 0 and 1 moves with its drive

BIASES = {
    "loss": (loss, (0.1, 0.3)),
    "clock spread, uncalibrated": (uncalibrated, (0.1, 0.3)),
    "stuck at 0": (stuck_at_0, (0.03,)),
    "stuck at 1": (stuck_at_1, (0.03,)),
}


def weakened(network: Network, factor: float) -> Network:
    """The network with all weights multiplied."""
    weights = [factor * weight for weight in network.weights]
    return Network.dense(network.sizes, weights=weights, biases=network.biases)


def miscounting(network: Network, timing: Asynchronous) -> Lowered:
    """The network that units without calibration see: w_ij P_j / P_i from unit i to unit j."""
    periods = draw_periods(timing, list_units(whole_layers(network.sizes))) / QUANTA
    by_layer = np.split(periods, np.cumsum(network.sizes)[:-1])
    lowered = lower(network, np.dtype(np.float64))
    for k in range(len(network.connections)):
        pre, post = by_layer[k], by_layer[k + 1]
        weight_rows(lowered, k)[:] *= post / pre[:, None]
        if k > 0:
            mirror_rows(lowered, k)[:] *= pre / post[:, None]
    return lowered


_rests: dict[tuple[int, str, float], np.ndarray] = {}


def rest_on(subject: Subject, knob: str, value: float, timing: Asynchronous) -> np.ndarray:
    """Where the real-valued network that the fault makes comes to rest; shape (n, units)."""
    key = subject.seed, knob, value  # all codings ask for the same
    if key not in _rests:
        _rests[key] = _settle(subject, knob, value, timing)
    return _rests[key]


def _settle(subject: Subject, knob: str, value: float, timing: Asynchronous) -> np.ndarray:
    drawn = replace(timing, seed=subject.seed)
    network, lowered, faulty, steps = subject.network, None, None, SETTLING
    if knob == "loss":
        network = weakened(network, 1 - value)
    elif knob == "clock spread, uncalibrated":
        lowered = miscounting(network, drawn)
    else:
        faulty, steps = drawn, SETTLING_STUCK
    problem = pose(
        network, subject.x, coding=Coding.real_valued(0.5), phases=[Free(steps)],
        precision="float64", seed=subject.seed, timing=faulty,
    )  # fmt: skip
    return np.concatenate(solve(problem, threads=1, lowered=lowered).ends[0][1:], axis=1)


def bias(subjects: list[Subject], name: str, knob: str, value: float) -> dict[str, Any]:
    """How far a chip is from the rest of the network that its fault makes."""
    made, _ = BIASES[knob]
    timing = made(value)
    seen, moved, wrong = [], [], []
    for subject in subjects:
        goal = rest_on(subject, knob, value, timing)
        seen.append(watch(subject, CODINGS[name], timing, goal=goal))
        moved.append(float(np.abs(goal - subject.goal).mean()))
        classes = subject.network.sizes[-1]
        wrong.append(float(100 * (goal[:, -classes:].argmax(1) != subject.labels).mean()))
    found = summary(seen, subjects)
    return {
        "coding": name,
        "knob": knob,
        "value": value,
        "distance_from_explained": found["distance"],
        "rest_moved": moved,
        "error_at_rest": wrong,
    }


def gains(subject: Subject) -> np.ndarray:
    """The gain of the strongest loop between active units of each sample, shape (n,).

    The linearised network is [[0, W], [W', 0]] on the units that are neither at 0 nor at 1; its
    eigenvalues are plus and minus the singular values of W.
    """
    hidden = subject.network.sizes[1]
    weights = subject.network.weights[1].astype(np.float64)
    active = (subject.goal > ACTIVE) & (subject.goal < 1 - ACTIVE)
    found = np.zeros(len(subject.x))
    for n, units in enumerate(active):
        part = weights[units[:hidden]][:, units[hidden:]]
        found[n] = np.linalg.norm(part, 2) if part.size else 0.0
    return found


def slowest_root(gain: float, step: float, delay: int) -> float:
    """The largest modulus of a root of z = 1 - step +- step gain z^(1 - delay).

    By so much the slowest part of the distance shrinks in a period.
    """
    largest = 0.0
    for sign in (1, -1):
        polynomial = np.zeros(delay + 1)
        polynomial[0], polynomial[1] = 1.0, -(1.0 - step)
        polynomial[delay] -= sign * step * gain
        largest = max(largest, float(np.abs(np.roots(polynomial)).max()))
    return largest


def loop(subjects: list[Subject], delay: int, small: bool) -> dict[str, Any]:
    """The real-valued network with a delay: its decay, predicted and measured."""
    step = 0.8 / (1 + delay) if small else 0.8
    timing = replace(ONE_CLOCK, delays=Delays(fixed=float(delay)))
    predicted, measured, away, distance = [], [], [], []
    gain_of_all = []
    for subject in subjects:
        seen = watch(subject, Coding.real_valued(step), timing, steps=LOOP_STEPS,
                     precision="float64")  # fmt: skip
        strongest = gains(subject)
        gain_of_all += strongest.tolist()
        distance.append(seen.distance.mean(1))
        away.append(seen.distance[-1] > STILL_AWAY)
        for n in np.flatnonzero(strongest > STRONG):
            course = seen.distance[:, n]
            last = int(np.flatnonzero(course > ROUNDING)[-1])
            first = last // 2
            measured.append(float((course[last] / course[first]) ** (1 / (last - first))))
            predicted.append(slowest_root(float(strongest[n]), step, delay))
    course = np.mean(distance, axis=0)
    return {
        "delay": delay,
        "step_size": step,
        "samples_with_a_strong_loop": len(predicted),
        "samples": len(gain_of_all),
        "largest_gain": max(gain_of_all),
        "share_without_loop": float(np.mean(np.array(gain_of_all) == 0)),
        "decay_predicted": predicted,
        "decay_measured": measured,
        "samples_still_away": int(np.concatenate(away).sum()),
        "distance": {str(t): float(course[t - 1]) for t in (20, 50, 100, 200)},
    }


def slips(
    subjects: list[Subject], knob: str, value: float | None, timing: Asynchronous, step: float
) -> dict[str, Any]:
    """The real-valued network: what is left of its distance is no matter of bits."""
    seen = [watch(subject, Coding.real_valued(step), timing) for subject in subjects]
    found = summary(seen, subjects)
    return {"knob": knob, "value": value, "step_size": step, "distance": found["distance"]}
