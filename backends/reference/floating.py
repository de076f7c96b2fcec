"""The reference: the equations of one time step in plain numpy, written to be read.

Every other engine is compared with this one, so it knows no optimisation: all
units of all layers are computed at every step, and every sum is written in the
order in which it is taken. Before step 1 every state and statistic is 0 (nu is 1).
Step t = 1, 2, ..., for all layers l at once, from the messages q of step t - 1::

    receive   u   = q_{l-1} W_l + q_{l+1} W_{l+1}^T
                    from 0, forward then feedback, each by ascending presynaptic unit
    decode    r   = (1 - lambda) r + lambda u                    (r = u without prediction)
    drive     v   = r + b                                        (r + (b + I) under a current)
              p   = rho'(s) v + (2 beta) (y - s)                 (the nudge: output layer only)
    step      s   = clip((1 - eps) s + eps p, 0, 1)              (s = x in the input layer)
    encode    a   = (s - (1 - lambda) s_previous) / lambda       (a = s without prediction)
              phi = phi + a,  q = [phi > 1/2],  phi = phi - q    sigma-delta
              q   = [a > uniform]                                bernoulli
              q   = s                                            none: real-valued messages

Of readout ``"cross-entropy"`` the last layer is no part of this. It decodes, and sends no bits::

    free      s   = r + b
    nudged    s   = beta (y - softmax(z)),  z = s before the phase; held through it. The layer
                    below adds s W^T to its b for as long; W is of the last connection.

with rho'(s) = 1 on the closed interval [0, 1] and 0 outside. W_l is the matrix that a connection
amounts to, whatever its kind; under maximum pooling, for each step and sample another one, made
of the columns of the places where the maxima of ``q_{l-1} W_l`` are. The step number t runs
on through the phases; a phase with ``from_free`` starts again from the state and
the t at the end of the last plain free phase. The step size eps is a schedule of t,
or, per unit, the rule of :class:`eqchip.emulator.description.coding.OptimalStepSize`. In precision
``"chip"`` the same steps are taken in integers, by :mod:`eqchip.backends.reference.fixed`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from eqchip.backends.reference import fixed as reference_fixed
from eqchip.emulator import philox
from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.coding import OptimalStepSize
from eqchip.emulator.description.connections import Connection, Conv2d, Dense, Sparse, row_of
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.problem.problem import Problem, check_saturations, two_beta
from eqchip.emulator.problem.run import Run

# --- connections --------------------------------------------------------------------------

MatrixOf = Callable[[Any, np.ndarray], np.ndarray]


def conv_matrix(connection: Conv2d, kernel: np.ndarray) -> np.ndarray:
    """The kernel (m, m, channels below, channels above) written out for every place above.

    Shape (units below, units above), the units of a layer in row-major order of its shape.
    """
    height, width, _ = connection.pre_shape
    m, stride, padding = (
        connection.synapse_kernel, connection.synapse_stride, connection.padding
    )  # fmt: skip
    matrix = np.zeros((*connection.pre_shape, *connection.synapse_shape), kernel.dtype)
    for o, p in np.ndindex(connection.synapse_shape[:2]):
        for a, b in np.ndindex(m, m):
            i, j = stride * o + a - padding, stride * p + b - padding
            if 0 <= i < height and 0 <= j < width:
                matrix[i, j, :, o, p, :] = kernel[a, b]
    return matrix.reshape(math.prod(connection.pre_shape), math.prod(connection.synapse_shape))


def sparse_matrix(connection: Sparse, weights: np.ndarray) -> np.ndarray:
    """The matrix of a list of synapses; 0 where there is none."""
    matrix = np.zeros((connection.n_pre, connection.n_post), weights.dtype)
    for k, weight in enumerate(weights):
        matrix[connection.pre[k], connection.indices[k]] = weight
    return matrix


# A connection kind, whatever its synapse weights look like, is here only the matrix that they
# amount to: shape (n_pre, n_post), 0 where there is no synapse. Under a maximum pooling its
# columns are the units of the map that is pooled.
MATRIX_OF: dict[type, MatrixOf] = {
    Dense: lambda connection, weights: weights,
    Conv2d: conv_matrix,
    Sparse: sparse_matrix,
}


def rows(connection: Any, synapse_weights: np.ndarray) -> np.ndarray:
    """The forward matrix of a connection, shape (n_pre, n_post): row i is what unit i sends."""
    matrix_of = row_of(MATRIX_OF, connection, "reference: connection")
    return matrix_of(connection, synapse_weights)


def synapses(connection: Any) -> np.ndarray:
    """Where a connection has synapses, bool, shape (n_pre, n_post); a weight of 0 is one too."""
    held = connection.synapse_weights(np.ones(connection.weight_shape))
    return rows(connection, np.ones_like(held)) != 0


# --- maximum pooling ----------------------------------------------------------------------


def winners(connection: Connection, z: np.ndarray) -> np.ndarray:
    """Where each unit above finds its maximum, int, shape (batch, n_post): places of the map z.

    z has shape (batch, units of the map). Of equal maxima the first in row order of the window.
    """
    n, (height, width, channels) = connection.max_window, connection.post_shape
    z = z.reshape(len(z), *connection.synapse_shape)
    numbers = np.arange(z[0].size).reshape(connection.synapse_shape)
    found = np.zeros((len(z), height, width, channels), np.int64)
    for sample, o, p, d in np.ndindex(found.shape):
        window = (slice(n * o, n * (o + 1)), slice(n * p, n * (p + 1)), d)
        found[sample, o, p, d] = numbers[window].flat[np.argmax(z[sample][window])]
    return found.reshape(len(z), -1)


def winners_of(connection: Connection, q: np.ndarray, matrix: np.ndarray) -> np.ndarray | None:
    """The winners under the messages q of the layer below; None without maximum pooling."""
    if not connection.max_window:
        return None
    z = np.zeros((len(q), matrix.shape[1]), q.dtype)
    add_messages(z, q, matrix)
    return winners(connection, z)


def effective_matrix(connection: Connection, q: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The matrix between two layers under the messages q of the lower one.

    Without maximum pooling it is the matrix of the connection itself. With it, that one has a
    column per unit of the map, and between the layers are those of the winners: forward they
    bring the maxima, and back, transposed, they go to the winners. Shape (batch, n_pre, n_post).
    """
    places = winners_of(connection, q, matrix)
    if places is None:
        return matrix
    return np.stack([matrix[:, of_sample] for of_sample in places])


# --- state --------------------------------------------------------------------------------


@dataclass
class StepStatistics:
    """What each unit of a layer tracks for the optimal step size, shape (batch, units) each."""

    nu: np.ndarray
    theta: np.ndarray
    b: np.ndarray
    d: np.ndarray
    L: np.ndarray


@dataclass
class Layer:
    """All that changes in one layer, shape (batch, units) each.

    ``s`` potential, ``r`` decoded input, ``phi`` sigma-delta residue, ``q`` message of the
    last step.
    """

    s: np.ndarray
    r: np.ndarray
    phi: np.ndarray
    q: np.ndarray
    statistics: StepStatistics


@dataclass
class State:
    """The layers, the input first, and the number of the last step taken."""

    layers: list[Layer]
    t: int = 0


def initial_state(problem: Problem) -> State:
    """Everything 0; only nu starts at 1."""
    dtype = problem.dtype if problem.fixed is None else np.dtype(np.int64)

    def zeros(units: int) -> np.ndarray:
        return np.zeros((len(problem.x), units), dtype)

    def layer(n: int) -> Layer:
        nu = zeros(n) + dtype.type(1)
        statistics = StepStatistics(nu, zeros(n), zeros(n), zeros(n), zeros(n))
        return Layer(zeros(n), zeros(n), zeros(n), zeros(n), statistics)

    return State([layer(n) for n in problem.network.sizes])


@dataclass(frozen=True)
class Constants:
    """What a run reads and never changes, all in the precision of the run.

    ``matrices[c]`` joins layer c to layer c + 1 (or to the map between them that a maximum
    pooling reads), where ``synapses[c]`` is true.
    ``offsets[l - 1]`` is what is added to the decoded input of layer l, shape (units,) or
    (batch, units): its bias, and in layer 1 the injected current.
    """

    problem: Problem
    matrices: list[np.ndarray]
    synapses: list[np.ndarray]
    offsets: list[np.ndarray]
    eps: np.ndarray | None
    lam: np.ndarray | None


def constants(problem: Problem) -> Constants:
    """Weights and biases in the precision of the run, schedules, and the input current."""
    network, dtype = problem.network, problem.dtype
    matrices = [
        rows(connection, connection.synapse_weights(weights.astype(dtype)))
        for connection, weights in zip(network.connections, network.weights, strict=True)
    ]
    offsets = [b.astype(dtype).reshape(-1) for b in network.biases]
    if problem.input == "current":
        current = np.zeros((len(problem.x), network.sizes[1]), dtype)
        matrix = effective_matrix(network.connections[0], problem.x, matrices[0])
        add_messages(current, problem.x, matrix)
        offsets[0] = offsets[0] + current
    return Constants(
        problem,
        matrices,
        [synapses(connection) for connection in network.connections],
        offsets,
        problem.step_table,
        problem.prediction_table,
    )


# --- one time step ------------------------------------------------------------------------


def add_messages(u: np.ndarray, q: np.ndarray, matrix: np.ndarray) -> None:
    """Add to u what the messages q bring, one presynaptic unit after the other.

    u has shape (batch, n_post), q (batch, n_pre), matrix (n_pre, n_post), or there is one matrix
    per sample, (batch, n_pre, n_post). A message of 0 adds nothing; one of 1 adds the row itself,
    for 1 * w is w.
    """
    of_sample = np.broadcast_to(matrix, (len(q), *matrix.shape[-2:]))
    for sample in range(len(q)):
        for i in range(q.shape[1]):
            if q[sample, i] != 0:
                u[sample] = u[sample] + q[sample, i] * of_sample[sample, i]


def receive(
    layers: list[Layer], matrices: list[np.ndarray], gains: Sequence[float], index: int
) -> np.ndarray:
    """Point 1: u of one layer, from the messages that its neighbours sent at the last step.

    gains: of feedback, per connection.
    """
    u = np.zeros_like(layers[index].s)
    add_messages(u, layers[index - 1].q, matrices[index - 1])
    if index + 1 < len(layers):
        # Times a power of two, which is exact: as if the mirrored weights had been.
        heard = layers[index + 1].q * u.dtype.type(gains[index])
        add_messages(u, heard, np.swapaxes(matrices[index], -1, -2))
    return u


def decode(r: np.ndarray, u: np.ndarray, lam: np.floating | None) -> np.ndarray:
    """Point 2: the decoded input r; lam is the prediction coefficient of this step or None."""
    if lam is None:
        return u
    one = u.dtype.type(1)
    return (one - lam) * r + lam * u


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


def encode(
    layer: Layer,
    s_previous: np.ndarray,
    lam: np.floating | None,
    quantizer: str,
    uniform: np.ndarray | None,
) -> None:
    """Point 5: the message q of the new potential, and the residue phi that it leaves."""
    scalar = layer.s.dtype.type
    if lam is None:
        a = layer.s
    else:
        a = (layer.s - (scalar(1) - lam) * s_previous) / lam

    if quantizer == "sigma-delta":
        phi = layer.phi + a
        layer.q = (phi > scalar(0.5)).astype(phi.dtype)
        layer.phi = phi - layer.q
    elif quantizer == "bernoulli":
        assert uniform is not None
        layer.q = (a > uniform).astype(a.dtype)
    else:
        layer.q = a


def read(layer: Layer, u: np.ndarray, b: np.ndarray, lam: Any, beta: float | None) -> None:
    """A read-out's step: its potentials are what it decodes, but in a nudged phase."""
    layer.r = decode(layer.r, u, lam)
    if beta is None:
        layer.s = layer.r + b


def exponential(x: float) -> float:
    """e**x for x <= 0, 0 below -700: x = n ln 2 + rest, and Taylor's series of the rest."""
    if x < -700.0:
        return 0.0
    n = math.floor(x * 1.4426950408889634 + 0.5)
    # ln 2 in two parts, the first short enough for n times it to be exact (Cody and Waite 1980).
    rest = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10
    total = 1.0
    for k in range(13, 0, -1):
        total = 1.0 + rest / k * total
    return math.ldexp(total, n)


def softmax_error(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """y - softmax(z), both of shape (batch, classes), in float64, summed by ascending class."""
    errors = np.zeros(z.shape, np.float64)
    for sample, logits in enumerate(z.astype(np.float64)):
        powers = [exponential(float(logit - logits.max())) for logit in logits]
        total = 0.0
        for power in powers:
            total = total + power
        errors[sample] = [
            float(wanted) - power / total for wanted, power in zip(y[sample], powers, strict=True)
        ]
    return errors


def send_error(
    state: State, fixed: Constants, target: np.ndarray, beta: float, activity: Activity, k: int
) -> list[np.ndarray]:
    """The beginning of nudged phase k of a read-out: what is then added to decoded inputs.

    The read-out's potentials become its error, of which the layer below hears.
    """
    layer, scalar = state.layers[-1], fixed.problem.dtype.type
    half = 0.5 * float(scalar(2) * scalar(beta))
    layer.s = (half * softmax_error(layer.s, target)).astype(fixed.problem.dtype)
    count_error(activity, k, layer.s, fixed.synapses[-1])
    if len(fixed.offsets) == 1:  # below is the clamped input
        return fixed.offsets
    current = np.zeros_like(state.layers[-2].s)
    gain = current.dtype.type(fixed.problem.network.feedback_gains[-1])
    add_messages(current, gain * layer.s, fixed.matrices[-1].T)
    return [*fixed.offsets[:-2], current + fixed.offsets[-2], fixed.offsets[-1]]


def uniform_numbers(problem: Problem, index: int, t: int, row: int) -> np.ndarray | None:
    """The numbers that Bernoulli compares with, shape (batch, units): given, or drawn by t."""
    if problem.coding.quantizer != "bernoulli":
        return None
    if problem.uniforms is not None:
        return problem.uniforms[index][row].astype(problem.dtype)
    units = problem.network.sizes[index]
    return philox.uniforms(problem.seed, problem.samples, index, units, t).astype(problem.dtype)


def time_step(
    state: State,
    fixed: Constants,
    target: np.ndarray | None,
    beta: float | None,
    row: int,
) -> None:
    """Take step t + 1; row counts the steps run so far, over all phases."""
    problem, coding, layers = fixed.problem, fixed.problem.coding, state.layers
    state.t += 1
    eps = None if fixed.eps is None else fixed.eps[state.t - 1]
    lam = None if fixed.lam is None else fixed.lam[state.t - 1]

    # All layers read the messages of the last step before any layer writes its new ones.
    matrices = [
        effective_matrix(connection, layers[c].q, fixed.matrices[c])
        for c, connection in enumerate(problem.network.connections)
    ]
    gains = problem.network.feedback_gains
    received = [receive(layers, matrices, gains, index) for index in range(1, len(layers))]

    for index, layer in enumerate(layers):
        s_previous = layer.s
        if index == 0:
            layer.s = problem.x
        elif problem.readout == "cross-entropy" and index == len(layers) - 1:
            read(layer, received[index - 1], fixed.offsets[index - 1], lam, beta)
            continue
        else:
            is_output = index == len(layers) - 1
            layer.r = decode(layer.r, received[index - 1], lam)
            v = layer.r + fixed.offsets[index - 1]
            p = drive(layer.s, v, target if is_output else None, beta)
            if isinstance(coding.step_size, OptimalStepSize):
                used = adaptive_step_size(layer.statistics, p, state.t, coding.step_size)
                layer.s = step(layer.s, p, used)
            else:
                assert eps is not None
                layer.s = step(layer.s, p, eps)
        if index == 0 and problem.input == "current":
            continue  # what is injected sends nothing: its q stays 0
        uniform = uniform_numbers(problem, index, state.t, row)
        encode(layer, s_previous, lam, coding.quantizer, uniform)


# --- counting -----------------------------------------------------------------------------


def count_arrivals(activity: Activity, phase: int, state: State, fixed: Constants) -> None:
    """Count the messages that arrive at the step about to be taken."""
    real_valued = fixed.problem.coding.quantizer == "none"
    counts = activity.macs if real_valued else activity.synaptic_events
    for c, exists in enumerate(fixed.synapses):
        below, above = state.layers[c].q, state.layers[c + 1].q
        counts[phase, c, FORWARD] += int((below != 0).sum(axis=0) @ exists.sum(axis=1))
        if c > 0:  # the clamped input receives nothing
            reach = exists.sum(axis=0)
            places = winners_of(fixed.problem.network.connections[c], below, fixed.matrices[c])
            if places is not None:
                reach = reach[places]  # shape (batch, n_post)
            counts[phase, c, FEEDBACK] += int(((above != 0) * reach).sum())


def count_injection(activity: Activity, x: np.ndarray, fixed: Constants) -> None:
    """Count the injection of the input x as a current: once, in the first phase."""
    injected = np.count_nonzero(x, axis=0)
    fan_out = fixed.synapses[0].sum(axis=1)
    activity.macs[0, 0, FORWARD] += int(injected @ fan_out)


def count_error(activity: Activity, phase: int, error: np.ndarray, exists: np.ndarray) -> None:
    """Count a read-out's error on its way back: once, at the beginning of a nudged phase."""
    if activity.macs.shape[1] > 1:  # the clamped input receives nothing
        activity.macs[phase, -1, FEEDBACK] += int(np.count_nonzero(error, axis=0) @ exists.sum(0))


def count_part_spikes(problem: Problem, state: State) -> np.ndarray:
    """The spikes that each part emitted at the step just taken, int32, shape (batch, parts)."""
    bits = [emitted_bits(layer, problem) for layer in state.layers]
    counts = [bits[part.layer][:, part.first : part.end].sum(axis=1) for part in problem.parts]
    return np.stack(counts, axis=1).astype(np.int32)


def count_updates(activity: Activity, phase: int, state: State, fixed: Constants) -> None:
    """Count the neuron updates and spikes of the step just taken."""
    for index, layer in enumerate(state.layers):
        if index == 0 and fixed.problem.input == "current":
            continue
        sent = int(np.count_nonzero(layer.q))
        activity.updates_active[phase, index] += sent
        activity.updates_inactive[phase, index] += layer.q.size - sent
        if fixed.problem.coding.quantizer != "none":
            activity.spikes[phase, index] += sent


# --- a run --------------------------------------------------------------------------------


def solve(problem: Problem) -> Run:
    """Run a problem on the reference.

    Parameters
    ----------
    problem : Problem
        What to compute, from :func:`eqchip.emulator.problem.pose.pose`.

    Returns
    -------
    Run

    Examples
    --------
    >>> from eqchip.emulator.description.coding import Coding
    >>> from eqchip.emulator.description.network import Network
    >>> from eqchip.emulator.description.phases import Free
    >>> from eqchip.emulator.problem.pose import pose
    >>> net = Network.dense([1, 1], weights=[[[0.5]]])
    >>> run = solve(pose(net, [[1.0]], coding=Coding.real_valued(0.5), phases=[Free(3)],
    ...                  record=["potentials"]))
    >>> run.potentials[1].ravel().tolist()
    [0.0, 0.25, 0.375]
    """
    fixed = constants(problem)
    integers = reference_fixed.constants(problem, rows) if problem.fixed else None
    shapes = problem.network.layers
    state = initial_state(problem)
    free_end = state
    activity = Activity.zeros(problem.phase_names, len(shapes))
    all_bits: list[list[np.ndarray]] = [[] for _ in shapes]
    all_potentials: list[list[np.ndarray]] = [[] for _ in shapes]
    ends: list[list[np.ndarray]] = []
    part_spikes: list[np.ndarray] = []

    if problem.input == "current":
        count_injection(activity, problem.x if integers is None else integers.x, fixed)
    row = 0
    for k, phase in enumerate(problem.phases):
        if phase.from_free:
            state = copy.deepcopy(free_end)
        beta = phase.beta if isinstance(phase, Nudged) else None
        now, codes = fixed, integers
        if problem.readout == "cross-entropy" and isinstance(phase, Nudged):
            target = problem.targets[k]
            assert target is not None
            assert beta is not None
            if codes is None:
                now = replace(fixed, offsets=send_error(state, fixed, target, beta, activity, k))
            else:
                offsets = reference_fixed.send_error(
                    state, codes, two_beta(phase, codes.fixed), k, softmax_error
                )
                codes = replace(codes, offsets=offsets)
                count_error(activity, k, state.layers[-1].s, fixed.synapses[-1])
        for _ in range(phase.steps):
            count_arrivals(activity, k, state, fixed)
            if codes is None:
                time_step(state, now, problem.targets[k], beta, row)
            else:
                nudge = two_beta(phase, codes.fixed) if isinstance(phase, Nudged) else None
                reference_fixed.time_step(state, codes, nudge, k, row)
            count_updates(activity, k, state, fixed)
            if problem.parts:
                part_spikes.append(count_part_spikes(problem, state))
            row += 1
            for index, layer in enumerate(state.layers):
                all_bits[index].append(emitted_bits(layer, problem))
                real = layer.s.copy() if integers is None else integers.fixed.reals(layer.s)
                all_potentials[index].append(real)
        ends.append([potentials[-1] for potentials in all_potentials])
        if isinstance(phase, Free) and not phase.from_free:
            free_end = copy.deepcopy(state)

    def stack(steps: list[list[np.ndarray]]) -> list[np.ndarray]:
        return [
            np.stack(values).reshape(len(values), len(problem.x), *shape)
            for values, shape in zip(steps, shapes, strict=True)
        ]

    saturations = np.zeros((len(problem.phases), len(shapes)), np.int64)
    if integers is not None:
        saturations = integers.range.saturations
        check_saturations(problem, saturations)
    return Run(
        phases=problem.phases,
        bits=stack(all_bits) if "bits" in problem.record else None,
        potentials=stack(all_potentials) if "potentials" in problem.record else None,
        ends=[
            [s.reshape(len(s), *shape) for s, shape in zip(end, shapes, strict=True)]
            for end in ends
        ],
        activity=replace(activity, samples=len(problem.x)),
        part_spikes=np.stack(part_spikes) if problem.parts else None,
        saturations=saturations,
        readout=problem.readout,
    )


def emitted_bits(layer: Layer, problem: Problem) -> np.ndarray:
    """The bits of the step just taken, uint8, shape (batch, units); 0 if messages are real."""
    if problem.coding.quantizer == "none":
        return np.zeros(layer.q.shape, np.uint8)
    return layer.q.astype(np.uint8)
