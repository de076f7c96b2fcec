"""Equilibrium Propagation's update beside the gradient that BPTT finds, layer by layer.

Both are of one network on the same samples: the yardstick is
:func:`eqchip.backends.bptt.unrolled.gradient` of the real-valued network, and what is compared with
it the contrast of the rule ``symmetric``, found by the event-driven engine with real-valued
messages or with bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from eqchip.backends.bptt.operators import MaxPoolOperator, Operator, operators
from eqchip.backends.bptt.unrolled import REAL_VALUED, Gradient, gradient
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.connections import AvgPool2d, MaxPool2d
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import InputMode, Recordable
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.contrast import contrast
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run

# Messages compared: what they are called, and their coding.
CODINGS = {"real-valued": REAL_VALUED, "spiking": Coding(step_size=Polynomial(1.0))}
POOLINGS: dict[str, Any] = {"average": AvgPool2d, "maximum": MaxPool2d}
PRECISION: Literal["float64"] = "float64"  # a weak nudge moves potentials by little


@dataclass(frozen=True)
class Samples:
    """Inputs x (batch, n_in), targets y (batch, n_out), and how x comes in.

    Both in [0, 1].
    """

    x: np.ndarray
    y: np.ndarray
    input: InputMode = "current"


@dataclass(frozen=True)
class Agreement:
    """How far two gradients agree, per connection and, last, over all weights together.

    Attributes
    ----------
    angle : tuple of float
        Between them, in degrees; NaN where one of them is 0.
    length : tuple of float
        Of the first over that of the second; NaN where the second is 0.
    """

    angle: tuple[float, ...]
    length: tuple[float, ...]


def agreement(found: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> Agreement:
    """How far `found` agrees with `exact`, both lists of an array per connection.

    Examples
    --------
    >>> one, other = [np.array([3.0, 0]), np.array([0.0])], [np.array([1.0, 1]), np.array([2.0])]
    >>> agreement(one, other).angle[0], agreement(one, other).length[1]
    (45.0, 0.0)
    """
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(found, exact, strict=True)]
    ravelled = [np.concatenate([pair[side] for pair in pairs]) for side in (0, 1)]
    angles, lengths = [], []
    for a, b in [*pairs, (ravelled[0], ravelled[1])]:
        norms = float(np.linalg.norm(a)), float(np.linalg.norm(b))
        lengths.append(norms[0] / norms[1] if norms[1] > 0 else np.nan)
        cosine = float(a @ b) / (norms[0] * norms[1]) if min(norms) > 0 else np.nan
        angles.append(round(float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))), 9))
    return Agreement(tuple(angles), tuple(lengths))


def with_pooling(network: Network, pooling: str) -> Network:
    """The network of the same kernels with another pooling, "average" or "maximum".

    Raises
    ------
    InputError
        If there is no pooling to replace.
    """
    kind = POOLINGS[pooling]
    if not any(connection.pool for connection in network.connections):
        raise InputError(
            f"gradients: no connection of {network!r} has a pooling; "
            "expected one, e.g. --network 8x8-16c3-16c3p2-10"
        )
    chain: tuple[Any, ...] = network.connections
    connections = [
        replace(connection, pool=kind(connection.pool.size)) if connection.pool else connection
        for connection in chain
    ]
    return Network.chain(
        connections,
        weights=network.weights,
        biases=network.biases,
        feedback_shifts=network.feedback_shifts,
    )


def names(network: Network) -> list[str]:
    """What its connections are called: ``conv 1``, ``dense 3``."""
    return [f"{connection.label} {k + 1}" for k, connection in enumerate(network.connections)]


def error(network: Network, dataset: Dataset, steps: int, threads: int | None = None) -> float:
    """Test error of the real-valued network after so many free steps, in per cent."""
    run = solve(
        pose(network, dataset.test_x, coding=REAL_VALUED, phases=[Free(steps)], input="current"),
        threads=threads,
    )
    return float(100 * (run.ends[0][-1].argmax(axis=1) != dataset.test_y).mean())


def yardstick(network: Network, samples: Samples, steps: int, last: int | None = None) -> Gradient:
    """The gradient of the real-valued network through so many free steps."""
    return gradient(
        network, samples.x, samples.y, steps=steps, last=last, input=samples.input,
        precision=PRECISION,
    )  # fmt: skip


def relax(
    network: Network, samples: Samples, coding: Coding, learning: Learning,
    *, seed: int = 0, threads: int | None = None,
) -> Run:  # fmt: skip
    """The phases of a training sample, on the engine; ends are averaged if `learning` says so."""
    return solve(
        pose(
            network, samples.x, coding=coding, phases=learning.phases(samples.y),
            input=samples.input, precision=PRECISION, seed=seed,
        ),
        threads=threads, average_steps=learning.average_steps,
    )  # fmt: skip


def learned(
    network: Network, run: Run, learning: Learning, *, threads: int | None = None
) -> list[np.ndarray]:
    """The gradient that the rule follows: minus its changes of weights at a rate of 1."""
    changes = contrast(
        network, run, beta=learning.beta, lr=1.0, rule=learning.rule, threads=threads
    )
    return [-change for change in changes.weights]


def compare(
    network: Network, samples: Samples, learning: Learning,
    *, seed: int = 0, threads: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Every coding's update beside the gradient of BPTT, and beside that of real values.

    BPTT goes back over as many steps as are nudged, from the end of the free phase.

    Returns
    -------
    list of dict
        Per coding: ``coding``; ``angle`` and ``length`` as in :class:`Agreement`;
        ``from_real_valued``, the angles to the update with real-valued messages: what bits alone
        change; ``noise``, a :class:`Noise` as a dict, or None.
    """
    exact = yardstick(network, samples, learning.free_steps, learning.nudged_steps).weights
    rows: list[dict[str, Any]] = []
    real: list[np.ndarray] = []
    for name, coding in CODINGS.items():
        run = relax(network, samples, coding, learning, seed=seed, threads=threads)
        found = learned(network, run, learning, threads=threads)
        real = real or found
        noise = noise_of_maxima(network, samples, coding, learning, run, seed=seed, threads=threads)
        to_exact = agreement(found, exact)
        rows.append(
            {
                "coding": name,
                "angle": list(to_exact.angle),
                "length": list(to_exact.length),
                "from_real_valued": list(agreement(found, real).angle),
                "noise": None if noise is None else asdict(noise),
            }
        )
    return rows


def over_beta(
    network: Network, samples: Samples, learning: Learning, betas: Sequence[float],
    *, seed: int = 0, threads: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Per coding and beta, the angle and length of all weights together."""
    exact = yardstick(network, samples, learning.free_steps, learning.nudged_steps).weights
    return [
        {"coding": name, "beta": beta,
         **_of_all(network, samples, coding, replace(learning, beta=beta), exact, seed, threads)}
        for name, coding in CODINGS.items()
        for beta in betas
    ]  # fmt: skip


def over_steps(
    network: Network, samples: Samples, learning: Learning, counts: Sequence[int],
    *, seed: int = 0, threads: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """As :func:`over_beta` for numbers of nudged steps, beside BPTT over the most of them."""
    exact = yardstick(network, samples, learning.free_steps, max(counts)).weights
    return [
        {"coding": name, "nudged_steps": count,
         **_of_all(network, samples, coding,
                   replace(learning, nudged_steps=count,
                           average_steps=min(learning.average_steps, count)),
                   exact, seed, threads)}
        for name, coding in CODINGS.items()
        for count in counts
    ]  # fmt: skip


def _of_all(
    network: Network, samples: Samples, coding: Coding, learning: Learning,
    exact: list[np.ndarray], seed: int, threads: int | None,
) -> dict[str, float]:  # fmt: skip
    run = relax(network, samples, coding, learning, seed=seed, threads=threads)
    found = agreement(learned(network, run, learning, threads=threads), exact)
    return {"angle": found.angle[-1], "length": found.length[-1]}


@dataclass(frozen=True)
class Noise:
    """What bits do to the maxima of the pooled connections above the first, averaged over them.

    Attributes
    ----------
    steps_off : float
        Share of windows and time steps in which another place wins than in the network at rest.
    phases_off : float
        Share of windows whose winner at the end of the +beta phase is not that of the -beta phase.
    bias : float
        By how much the mean over steps of the received maximum exceeds the maximum of the mean
        sums: 0 for exact messages at rest, and for any average.
    spread : float
        Standard deviation of those maxima over units and samples, to compare `bias` with.
    """

    steps_off: float
    phases_off: float
    bias: float
    spread: float


def noise_of_maxima(
    network: Network, samples: Samples, coding: Coding, learning: Learning, run: Run,
    *, seed: int = 0, threads: int | None = None,
) -> Noise | None:  # fmt: skip
    """Watch the maxima over the second half of a free phase; None if nothing is watched.

    `run` holds the phases of `learning`. The first connection is left out: an input that comes as
    a current does not change.
    """
    ops = operators(network, np.dtype(PRECISION))
    pooled = [k for k, op in enumerate(ops) if k > 0 and isinstance(op, MaxPoolOperator)]
    if not pooled:
        return None
    record: Recordable = "bits" if coding.sends_bits else "potentials"
    watched = solve(
        pose(
            network, samples.x, coding=coding, phases=[Free(learning.free_steps)],
            input=samples.input, precision=PRECISION, seed=seed, record=(record,),
        ),
        threads=threads,
    )  # fmt: skip
    sent = watched.potentials if record == "potentials" else watched.bits
    assert sent is not None
    rest = solve(
        pose(
            network, samples.x, coding=REAL_VALUED, phases=[Free(learning.free_steps)],
            input=samples.input, precision=PRECISION,
        ),
        threads=threads,
    ).ends[0]  # fmt: skip
    rows = [
        _noise_of(ops[k], sent[k][learning.free_steps // 2 :], rest[k], run.ends[1][k],
                  run.ends[2][k])
        for k in pooled
    ]  # fmt: skip
    return Noise(*(float(np.mean(column)) for column in zip(*rows, strict=True)))


def _noise_of(
    op: Operator, sent: np.ndarray, rest: np.ndarray, plus: np.ndarray, minus: np.ndarray
) -> tuple[float, float, float, float]:
    """The four figures of one connection; sent has shape (steps, batch, *units)."""
    assert isinstance(op, MaxPoolOperator)
    batch = len(rest)
    flat = [states.reshape(batch, -1) for states in (rest, plus, minus)]
    at_rest, of_plus, of_minus = (op.winners(states) for states in flat)
    off, total = 0.0, 0.0
    for messages in sent:
        row = messages.reshape(batch, -1).astype(PRECISION)
        winners = op.winners(row)
        off += float((winners != at_rest).mean())
        total = total + op.forward(row, winners)  # type: ignore[assignment]
    mean_sent = sent.mean(axis=0, dtype=PRECISION).reshape(batch, -1)
    of_means = op.forward(mean_sent, op.winners(mean_sent))
    bias = float((np.asarray(total) / len(sent) - of_means).mean())
    return off / len(sent), float((of_plus != of_minus).mean()), bias, float(of_means.std())
