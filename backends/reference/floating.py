"""The reference: the equations of one time step in plain numpy, written to be read.

Every other engine is compared with this one, so it knows no optimisation: all
units of all layers are computed at every step, and every sum is written in the
order in which it is taken. Before step 1 every state and statistic is 0 (nu is 1).
Step t = 1, 2, ..., for all layers l at once, from the messages q of step t - 1::

    receive   u   = q_{l-1} W_l + q_{l+1} W_{l+1}^T
                    from 0, forward then feedback, each by ascending presynaptic unit; then of
                    every link, in turn, + q_below W, and + q_above W^T, where it joins layer l
    advance   decode, drive, step     what the kind of unit makes of u; for the EP unit see
    emit      encode                  `ep`

Of readout ``"cross-entropy"`` the last layer is no part of this. It decodes, and sends no bits::

    free      s   = r + b
    nudged    s   = beta (y - softmax(z)),  z = s before the phase; held through it. The layer
                    below adds s W^T to its b for as long; W is of the last connection.

Of a stream of events the input has no encoder: q are the bits of row (t - 1) mod R, with R the
steps of the first phase, and s = (1 - lambda) s + lambda q (eps, without prediction).

W_l is the matrix that a connection
amounts to, whatever its kind; under maximum pooling, for each step and sample another one, made
of the columns of the places where the maxima of ``q_{l-1} W_l`` are. The step number t runs
on through the phases; a phase with ``from_free`` starts again from the state and
the t at the end of the last plain free phase. A sample of which all outputs end the first phase
nearer to their targets than ``skip_right`` runs no further: it stays where it is. Samples whose
states are carried on begin where others ended, whose messages arrive over the weights of now. The
same steps are taken in integers by :mod:`eqchip.backends.reference.fixed`, in precision ``"chip"``.

The module is long on purpose: all that a run is, whatever its units, to be read from top to bottom.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np

from eqchip.backends.reference import ep
from eqchip.backends.reference import fixed as reference_fixed
from eqchip.backends.reference.kinds import At, Twin
from eqchip.emulator import philox
from eqchip.emulator.activity import FEEDBACK, FORWARD, Activity
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.connections import (
    Connection,
    Conv2d,
    Dense,
    Lateral,
    OneToOne,
    Sparse,
    row_of,
)
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.units import unit_row
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
    OneToOne: lambda connection, weights: np.diag(weights),
    Lateral: lambda connection, weights: weights,
}


def rows(connection: Any, synapse_weights: np.ndarray) -> np.ndarray:
    """The forward matrix of a connection, shape (n_pre, n_post): row i is what unit i sends."""
    matrix_of = row_of(MATRIX_OF, connection, "reference: connection")
    return matrix_of(connection, synapse_weights)


def synapses(connection: Any) -> np.ndarray:
    """Where a connection has synapses, bool, shape (n_pre, n_post); a weight of 0 is one too."""
    held = connection.synapse_weights(np.ones(connection.weight_shape))
    there = held if connection.lateral else np.ones_like(held)  # none joins a unit to itself
    return rows(connection, there) != 0


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


# --- units ------------------------------------------------------------------------------

TWINS: dict[type, Twin] = {
    Coding: Twin(ep.schedules, ep.begin, ep.advance, ep.emit, ep.read),
}


# --- state --------------------------------------------------------------------------------


@dataclass
class State:
    """The layers, the input first, and the number of the last step taken."""

    layers: list[Any]
    t: int = 0

    def of_sample(self, b: int) -> State:
        """That of sample b alone."""
        return State([of_samples([layer], slice(b, b + 1)) for layer in self.layers], self.t)

    @classmethod
    def of_all(cls, states: Sequence[State]) -> State:
        """Those of samples one after the other, which have taken as many steps."""
        (t,) = {state.t for state in states}
        layers = zip(*(state.layers for state in states), strict=True)
        return cls([of_samples(each) for each in layers], t)


def of_samples(parts: Sequence[Any], kept: slice = slice(None)) -> Any:
    """What is kept of samples, one part after the other: arrays, and descriptions of arrays."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)[kept]
    names = [field.name for field in fields(parts[0])]
    return type(parts[0])(
        **{name: of_samples([getattr(part, name) for part in parts], kept) for name in names}
    )


def twin_of(problem: Problem) -> Twin:
    """The problem's kind of unit in plain numpy, in its precision."""
    if problem.fixed is None:
        return unit_row(TWINS, problem.coding, "reference")
    return unit_row(reference_fixed.TWINS, problem.coding, "reference in precision 'chip'")


def initial_state(problem: Problem) -> State:
    """Before step 1, or as other samples left it."""
    if problem.carried is not None:
        return State.of_all(problem.carried[: len(problem.x)])
    begin, batch = twin_of(problem).begin, len(problem.x)
    return State([begin(problem, (batch, units)) for units in problem.network.sizes])


@dataclass(frozen=True)
class Constants:
    """What a run reads and never changes, all in the precision of the run.

    ``matrices[c]`` joins layer c to layer c + 1 (or to the map between them that a maximum
    pooling reads), where ``synapses[c]`` is true.
    ``offsets[l - 1]`` is what is added to the decoded input of layer l, shape (units,) or
    (batch, units): its bias, and in layer 1 the injected current. ``unit`` is what the kind of
    unit looks up.
    """

    problem: Problem
    matrices: list[np.ndarray]
    synapses: list[np.ndarray]
    offsets: list[np.ndarray]
    unit: Any


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
        for k, (below, above, _) in enumerate(network.links, start=network.chain_length):
            if below == 0:
                current = np.zeros((len(problem.x), network.sizes[above]), dtype)
                add_messages(current, problem.x, matrices[k])
                offsets[above - 1] = offsets[above - 1] + current
    return Constants(
        problem,
        matrices,
        [synapses(connection) for connection in network.connections],
        offsets,
        unit_row(TWINS, problem.coding, "reference").tables(problem, problem.last_step),
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
    layers: list[Any], matrices: list[np.ndarray], network: Network, index: int
) -> np.ndarray:
    """Point 1: u of one layer, from the messages that its neighbours sent at the last step."""
    gains = network.feedback_gains
    u = np.zeros_like(layers[index].s)
    add_messages(u, layers[index - 1].q, matrices[index - 1])
    if index + 1 < len(layers):
        # Times a power of two, which is exact: as if the mirrored weights had been.
        heard = layers[index + 1].q * u.dtype.type(gains[index])
        add_messages(u, heard, np.swapaxes(matrices[index], -1, -2))
    for k, (below, above, _) in enumerate(network.links, start=network.chain_length):
        if above == index:
            add_messages(u, layers[below].q, matrices[k])
        if below == index and network.sends_back(k):
            add_messages(u, layers[above].q * u.dtype.type(gains[k]), matrices[k].T)
    return u


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
    state: State, run: Constants, target: np.ndarray, beta: float, activity: Activity, k: int
) -> list[np.ndarray]:
    """The beginning of nudged phase k of a read-out: what is then added to decoded inputs.

    The read-out's potentials become its error, of which the layer below hears.
    """
    layer, scalar = state.layers[-1], run.problem.dtype.type
    half = 0.5 * float(scalar(2) * scalar(beta))
    layer.s = (half * softmax_error(layer.s, target)).astype(run.problem.dtype)
    network, offsets = run.problem.network, list(run.offsets)
    count_error(activity, k, layer.s, run)
    for c in told_of_error(network):
        below = network.joined[c][0]
        current = np.zeros_like(state.layers[below].s)
        gain = current.dtype.type(network.feedback_gains[c])
        add_messages(current, gain * layer.s, run.matrices[c].T)
        offsets[below - 1] = current + offsets[below - 1]
    return offsets


def told_of_error(network: Network) -> list[int]:
    """The connections over which a read-out's error goes back: all of its own, but to the input."""
    last = len(network.layers) - 1
    return [
        k for k, (_, above) in enumerate(network.joined) if above == last and network.sends_back(k)
    ]


def uniform_numbers(problem: Problem, index: int, t: int, row: int) -> np.ndarray | None:
    """The numbers that Bernoulli compares with, shape (batch, units): given, or drawn by t."""
    if not problem.coding.draws:
        return None
    if problem.uniforms is not None:
        return problem.uniforms[index][row].astype(problem.dtype)
    units = problem.network.sizes[index]
    return philox.uniforms(problem.seed, problem.samples, index, units, t).astype(problem.dtype)


def time_step(
    state: State,
    run: Constants,
    target: np.ndarray | None,
    beta: float | None,
    row: int,
) -> None:
    """Take step t + 1; row counts the steps run so far, over all phases."""
    problem, layers = run.problem, state.layers
    unit = TWINS[type(problem.coding)]
    state.t += 1

    # All layers read the messages of the last step before any layer writes its new ones.
    matrices = [
        effective_matrix(connection, layers[problem.network.joined[c][0]].q, run.matrices[c])
        for c, connection in enumerate(problem.network.connections)
    ]
    received = [
        receive(layers, matrices, problem.network, index) for index in range(1, len(layers))
    ]

    for index, layer in enumerate(layers):
        s_previous, at = layer.s, At(state.t, index)
        is_output = index == len(layers) - 1
        if index == 0 and problem.stream is not None:
            layer.q = problem.stream.bits(state.t, layer.q.shape[1]).astype(layer.q.dtype)
            gain = problem.trace_table[state.t - 1]
            layer.s = (problem.dtype.type(1) - gain) * layer.s + gain * layer.q
            continue
        if index == 0:
            layer.s = problem.x
        elif problem.readout == "cross-entropy" and is_output:
            assert unit.read is not None
            unit.read(run, layer, received[index - 1], beta, at)
            continue
        else:
            pull = (target, beta) if is_output else (None, None)
            unit.advance(run, layer, received[index - 1], *pull, at)
        if index == 0 and problem.input == "current":
            continue  # what is injected sends nothing: its q stays 0
        uniform = uniform_numbers(problem, index, state.t, row)
        unit.emit(run, layer, s_previous, uniform, at)


# --- counting -----------------------------------------------------------------------------


def count_arrivals(activity: Activity, phase: int, state: State, run: Constants) -> None:
    """Count the messages that arrive at the step about to be taken."""
    counts = activity.synaptic_events if run.problem.coding.sends_bits else activity.macs
    network = run.problem.network
    for c, exists in enumerate(run.synapses):
        below, above = (state.layers[layer].q for layer in network.joined[c])
        counts[phase, c, FORWARD] += int((below != 0).sum(axis=0) @ exists.sum(axis=1))
        if network.sends_back(c):
            reach = exists.sum(axis=0)
            places = winners_of(network.connections[c], below, run.matrices[c])
            if places is not None:
                reach = reach[places]  # shape (batch, n_post)
            counts[phase, c, FEEDBACK] += int(((above != 0) * reach).sum())


def count_injection(activity: Activity, x: np.ndarray, run: Constants, phase: int) -> None:
    """Count the injection of the input x as a current: once, in the phase that it begins with."""
    injected = np.count_nonzero(x, axis=0)
    for k, (below, _) in enumerate(run.problem.network.joined):
        if below == 0:
            activity.macs[phase, k, FORWARD] += int(injected @ run.synapses[k].sum(axis=1))


def count_error(activity: Activity, phase: int, error: np.ndarray, run: Constants) -> None:
    """Count a read-out's error on its way back: once, at the beginning of a nudged phase."""
    for k in told_of_error(run.problem.network):
        exists = run.synapses[k]
        activity.macs[phase, k, FEEDBACK] += int(np.count_nonzero(error, axis=0) @ exists.sum(0))


def count_part_spikes(problem: Problem, state: State) -> np.ndarray:
    """The spikes that each part emitted at the step just taken, int32, shape (batch, parts)."""
    bits = [emitted_bits(layer, problem) for layer in state.layers]
    counts = [bits[part.layer][:, part.first : part.end].sum(axis=1) for part in problem.parts]
    return np.stack(counts, axis=1).astype(np.int32)


def count_updates(activity: Activity, phase: int, state: State, run: Constants) -> None:
    """Count the neuron updates and spikes of the step just taken."""
    for index, layer in enumerate(state.layers):
        sent = int(np.count_nonzero(layer.q))
        activity.updates_active[phase, index] += sent
        if index > 0 or run.problem.updates_input:
            activity.updates_inactive[phase, index] += layer.q.size - sent
        if run.problem.coding.sends_bits:
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
    if problem.skip_right and len(problem.x) > 1:
        alone = [one_sample(problem, b) for b in range(len(problem.x))]
        together = side_by_side([solve(one) for one in alone])
        if problem.carried is not None:
            problem.carried[: len(alone)] = [one.carried[0] for one in alone]
        return together
    run = constants(problem)
    chip = reference_fixed.constants(problem, rows) if problem.fixed else None
    state = initial_state(problem)
    free_end = state
    network = problem.network
    activity = Activity.zeros(problem.phase_names, len(network.layers), len(network.links))
    found = Found(problem, activity)
    if problem.input == "current":
        count_injection(activity, problem.x if chip is None else chip.x, run, 0)
    row = 0
    for k, phase in enumerate(problem.phases):
        if phase.from_free:
            state = copy.deepcopy(free_end)
        if isinstance(phase, Free) and phase.x is not None:
            run, chip = clamp_another(problem, run, chip, activity, k)
        now, now_chip = begin_phase(state, run, chip, activity, k)
        for _ in range(phase.steps):
            count_arrivals(activity, k, state, run)
            if now_chip is None:
                beta = phase.beta if isinstance(phase, Nudged) else None
                time_step(state, now, problem.targets[k], beta, row)
            else:
                pull = two_beta(phase, now_chip.fixed) if isinstance(phase, Nudged) else None
                reference_fixed.time_step(state, now_chip, pull, k, row)
            count_updates(activity, k, state, run)
            found.add_step(state)
            row += 1
        found.end_phase()
        if problem.carried is not None and not phase.from_free:
            leave(problem, state)
        if k == 0 and problem.skip_right and are_right(problem, found.potentials[-1][-1]).all():
            found.stay()
            break
        if isinstance(phase, Free) and not phase.from_free:
            free_end = copy.deepcopy(state)
    saturations = np.zeros((len(problem.phases), len(state.layers)), np.int64)
    if chip is not None:
        saturations = chip.range.saturations
        check_saturations(problem, saturations)
    return found.run(saturations)


def leave(problem: Problem, state: State) -> None:
    """What other samples begin with: a list of states, one a sample."""
    for b in range(len(problem.x)):
        problem.carried[b] = copy.deepcopy(state.of_sample(b))
        problem.carried[b].t = min(state.t, problem.latest_step)


def clamp_another(
    problem: Problem,
    run: Constants,
    chip: reference_fixed.Constants | None,
    activity: Activity,
    k: int,
) -> tuple[Constants, reference_fixed.Constants | None]:
    """What is read from phase k on, which has an input of its own."""
    problem = replace(problem, x=problem.later_x[problem.input_of_phase[k] - 1])
    run = constants(problem)
    if chip is not None:
        states, chip = chip.range, reference_fixed.constants(problem, rows, k)
        states.saturations += chip.range.saturations
        chip = replace(chip, range=states)
    if problem.input == "current":
        count_injection(activity, problem.x if chip is None else chip.x, run, k)
    return run, chip


def are_right(problem: Problem, z: np.ndarray) -> np.ndarray:
    """Which samples are right when the first phase ends with these outputs; bool, (batch,).

    z: potentials, as real values, shape (batch, n_out). The target is that of the first nudged
    phase.
    """
    y = next(target for target in problem.targets if target is not None)
    if problem.fixed is not None:
        y = problem.fixed.reals(problem.fixed.states(y))
    if problem.readout == "cross-entropy":
        errors = softmax_error(z, y)
    else:
        errors = y.astype(np.float64) - z.astype(np.float64)
    near: np.ndarray = (abs(errors) < problem.skip_right).all(axis=1)
    return near


def one_sample(problem: Problem, b: int) -> Problem:
    """The problem of sample b alone."""
    one = slice(b, b + 1)
    return replace(
        problem,
        x=problem.x[one],
        later_x=tuple(x[one] for x in problem.later_x),
        stream=None if problem.stream is None else problem.stream.sample(b),
        targets=tuple(None if y is None else y[one] for y in problem.targets),
        uniforms=None if problem.uniforms is None else tuple(u[:, one] for u in problem.uniforms),
        samples=problem.samples[one],
        carried=None if problem.carried is None else problem.carried[one],
    )


def side_by_side(runs: Sequence[Run]) -> Run:
    """Runs of one sample each as one run of all of them."""

    def joined(name: str, axis: int) -> Any:
        parts = [getattr(run, name) for run in runs]
        if parts[0] is None or isinstance(parts[0], np.ndarray):
            return None if parts[0] is None else np.concatenate(parts, axis)
        return [np.concatenate(layer, axis) for layer in zip(*parts, strict=True)]

    phases = range(len(runs[0].phases))
    return replace(
        runs[0],
        bits=joined("bits", 1),
        potentials=joined("potentials", 1),
        ends=[
            [np.concatenate(layer) for layer in zip(*(run.ends[k] for run in runs), strict=True)]
            for k in phases
        ],
        activity=reduce(Activity.__add__, [run.activity for run in runs]),
        part_spikes=joined("part_spikes", 1),
        saturations=np.sum([n for n in (run.saturations for run in runs) if n is not None], axis=0),
        skipped=joined("skipped", 0),
    )


def begin_phase(
    state: State,
    run: Constants,
    chip: reference_fixed.Constants | None,
    activity: Activity,
    k: int,
) -> tuple[Constants, reference_fixed.Constants | None]:
    """What phase k reads: in a nudged phase of a read-out, its error is sent back and held."""
    problem, phase = run.problem, run.problem.phases[k]
    if problem.readout != "cross-entropy" or not isinstance(phase, Nudged):
        return run, chip
    if chip is None:
        target = problem.targets[k]
        assert target is not None
        offsets = send_error(state, run, target, phase.beta, activity, k)
        return replace(run, offsets=offsets), None
    pull = two_beta(phase, chip.fixed)
    told = told_of_error(problem.network)
    offsets = reference_fixed.send_error(state, chip, pull, k, softmax_error, told)
    chip = replace(chip, offsets=offsets)
    count_error(activity, k, state.layers[-1].s, run)
    return run, chip


class Found:
    """What a run finds, step by step."""

    def __init__(self, problem: Problem, activity: Activity) -> None:
        self.problem, self.activity = problem, activity
        self.bits: list[list[np.ndarray]] = [[] for _ in problem.network.layers]
        self.potentials: list[list[np.ndarray]] = [[] for _ in problem.network.layers]
        self.ends: list[list[np.ndarray]] = []
        self.part_spikes: list[np.ndarray] = []
        self.skipped = False

    def add_step(self, state: State) -> None:
        """Keep what the step just taken shows."""
        fixed = self.problem.fixed
        if self.problem.parts:
            self.part_spikes.append(count_part_spikes(self.problem, state))
        for index, layer in enumerate(state.layers):
            self.bits[index].append(emitted_bits(layer, self.problem))
            self.potentials[index].append(layer.s.copy() if fixed is None else fixed.reals(layer.s))

    def end_phase(self) -> None:
        """Keep the potentials of the step just taken."""
        self.ends.append([potentials[-1] for potentials in self.potentials])

    def stay(self) -> None:
        """Keep what shows of a sample that runs no further: it ends all phases where it is."""
        self.skipped = True
        self.ends += self.ends[-1:] * (len(self.problem.phases) - 1)
        for rows in (*self.bits, *self.potentials, self.part_spikes):
            if rows:
                rows += [np.zeros_like(rows[0])] * (self.problem.steps - len(rows))

    def run(self, saturations: np.ndarray) -> Run:
        """The run in which all this was found."""
        problem, shapes = self.problem, self.problem.network.layers
        batch = len(problem.x)

        def stack(steps: list[list[np.ndarray]]) -> list[np.ndarray]:
            return [
                np.stack(values).reshape(len(values), batch, *shape)
                for values, shape in zip(steps, shapes, strict=True)
            ]

        return Run(
            phases=problem.phases,
            bits=stack(self.bits) if "bits" in problem.record else None,
            potentials=stack(self.potentials) if "potentials" in problem.record else None,
            ends=[
                [s.reshape(batch, *shape) for s, shape in zip(end, shapes, strict=True)]
                for end in self.ends
            ],
            activity=replace(self.activity, samples=batch),
            part_spikes=np.stack(self.part_spikes) if problem.parts else None,
            saturations=saturations,
            readout=problem.readout,
            skipped=np.full(batch, self.skipped) if problem.skip_right else None,
        )


def emitted_bits(layer: Any, problem: Problem) -> np.ndarray:
    """The bits of the step just taken, uint8, shape (batch, units); 0 if messages are real."""
    if not problem.coding.sends_bits:
        return np.zeros(layer.q.shape, np.uint8)
    sent: np.ndarray = layer.q.astype(np.uint8)
    return sent
