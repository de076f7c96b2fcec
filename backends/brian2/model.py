"""A problem as a Brian2 model: one group of units, its synapses, and tables indexed by step.

All units of all layers stand in one ``NeuronGroup`` without differential equations, so that
no integrator is involved; its update is a block of statements that run in their order. The
samples of a batch follow one another in time, all phases of the first before those of the
second, so one copy of the weights serves them all and a whole batch is one run. What differs
from step to step comes from tables (``TimedArray``) with a row per step, what differs from
sample to sample from one that is read when a sample starts and everything is cleared.

A phase with ``from_free`` needs the state at the end of the last free phase. Brian2's
``store`` would need a run per phase, and C++ standalone has none, so the units keep a copy
themselves: at the step after a free phase ``saves`` takes it, at the first step of a phase
``from_free`` ``restores`` gives it back. Both are factors of 0 or 1, hence exact.

Brian2's order of a step is: start, groups, thresholds, synapses, resets, end. The update runs
in groups; the synapses then fill ``u`` with the new messages, which the next step consumes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eqchip.backends.recorded import Rows
from eqchip.backends.reference import floating as reference
from eqchip.emulator import philox
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.problem.problem import Problem

UPDATE_SLOT = "groups"  # before thresholds; "resets" would encode the potential of a step ago
DRIVE = "p = int(s >= 0 and s <= 1)*v"
NUDGE = "p = p + is_output*(two_beta(t)*(target(case(t)*ms, i) - s))"
# Brian2 would turn "nu = nu/x" into "nu *= 1/x", which rounds twice: hence last_nu.
ADAPT = """
e = p - theta
last_nu = nu
nu = last_nu/(1 + last_nu - nu_bar)
b = (1 - nu)*b + nu*e
d = (1 - nu)*d + nu*(e*e)
variance = (d - b*b)/(1 + L)
step = first(t) + (1 - first(t))*(1 - (variance + regularizer)/(d + regularizer))
L = (1 - step)*(1 - step)*L + step*step
theta = (1 - step)*theta + step*p
"""
STATISTICS = ("nu", "theta", "b", "d", "L")
# Per quantizer: when a unit sends, what that leaves, and what a receiver adds.
SPIKES = {
    "sigma-delta": ("phi > 0.5", "phi -= 1", "w"),
    "bernoulli": ("a > uniform(t, i)", "", "w"),
    "none": ("s != 0", "", "w*s_{sender}"),
}
FROM_INPUT, BETWEEN_LAYERS = "from_input", "between_layers"
FEEDBACK_LAST = 100  # in the order of pathways: after every forward one


# --- tables -------------------------------------------------------------------------------


def tables(problem: Problem) -> dict[str, np.ndarray]:
    """Everything that the equations look up, by name.

    A row per step run, shape (batch * steps,), but ``given`` (batch, units of all layers: the
    input, or bias and current), ``target`` (batch * phases, units of all layers; ``case`` is
    its row) and ``uniform`` (batch * steps, units of all layers).
    """
    rows, batch = Rows.of(problem), len(problem.x)
    constants = reference.constants(problem)
    found = {}
    if problem.coding.adaptive:
        found["first"] = (rows.t == 1).astype(float)
    if has_copy(problem):
        found["saves"], found["restores"] = _copies(problem, rows)
    if constants.unit.eps is not None:
        found["eps"] = constants.unit.eps[rows.t - 1]
    if constants.unit.lam is not None:
        found["lam"] = constants.unit.lam[rows.t - 1]
    found = {name: np.tile(values, batch) for name, values in found.items()}
    offsets = [np.broadcast_to(b, (batch, b.shape[-1])) for b in constants.offsets]
    found["given"] = np.concatenate([problem.x, *offsets], axis=1)
    if has_nudge(problem):
        found |= _nudges(problem, rows)
    if problem.coding.draws:
        found["uniform"] = _uniforms(problem, rows)
    return found


def has_nudge(problem: Problem) -> bool:
    """Whether a phase is nudged."""
    return any(isinstance(phase, Nudged) for phase in problem.phases)


def _nudges(problem: Problem, rows: Rows) -> dict[str, np.ndarray]:
    """The nudge: its strength, the targets of every sample and phase, and which of them."""
    batch, phases, units = len(problem.x), len(problem.phases), sum(problem.network.sizes)
    betas = [phase.beta if isinstance(phase, Nudged) else 0.0 for phase in problem.phases]
    targets = np.zeros((batch, phases, units))
    for k, target in enumerate(problem.targets):
        if target is not None:
            targets[:, k, -target.shape[1] :] = target
    case = np.arange(batch)[:, None] * phases + rows.phase
    return {
        "two_beta": np.tile((2.0 * np.array(betas))[rows.phase], batch),
        "target": targets.reshape(batch * phases, units),
        "case": case.ravel().astype(float),
    }


def has_copy(problem: Problem) -> bool:
    """Whether units must keep the state of the end of the free phase."""
    return any(phase.from_free for phase in problem.phases)


def _copies(problem: Problem, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """At which rows the state is saved before anything else, and where it is restored."""
    saves, restores = np.zeros(len(rows.t)), np.zeros(len(rows.t))
    row = 0
    for phase in problem.phases:
        restores[row] = phase.from_free
        row += phase.steps
        if isinstance(phase, Free) and not phase.from_free and row < len(saves):
            saves[row] = 1.0
    return saves, restores


def _uniforms(problem: Problem, rows: Rows) -> np.ndarray:
    """Bernoulli's numbers, shape (batch * steps, units of all layers)."""
    if problem.uniforms is not None:
        layers = list(problem.uniforms)
    else:
        layers = [
            np.stack([philox.uniforms(problem.seed, problem.samples, k, n, int(t)) for t in rows.t])
            for k, n in enumerate(problem.network.sizes)
        ]
    together = np.concatenate(layers, axis=2).swapaxes(0, 1)
    return together.reshape(-1, together.shape[2])


# --- equations ----------------------------------------------------------------------------


def states(problem: Problem) -> list[str]:
    """The variables that a step leaves to the next one."""
    coding = problem.coding
    names = ["s", "u"]
    if coding.quantizer == "sigma-delta":
        names.append("phi")
    if coding.prediction is not None:
        names.append("r")
    if coding.adaptive:
        names += STATISTICS
    return names


def equations(problem: Problem) -> str:
    """The variables of a unit; all parameters."""
    names = states(problem)
    if has_copy(problem):
        names = [*names, *(f"{name}_free" for name in names)]
    if problem.coding.draws:
        names.append("a")
    names.append("own")
    constants = "is_input : 1 (constant)", "is_output : 1 (constant)"
    return "\n".join([*(f"{name} : 1" for name in names), *constants])


def begin(problem: Problem) -> str:
    """The statements before the first step of a sample; phases leave the state alone."""
    cleared = [f"{name} = {int(name == 'nu')}" for name in states(problem)]
    return "\n".join([*cleared, "own = given(t, i)"])


def update(problem: Problem) -> str:
    """The statements of one step, in their order."""
    coding = problem.coding
    predicts, adapts = (
        coding.prediction is not None,
        coding.adaptive is not None,
    )
    lines = []
    if has_copy(problem):
        for name in states(problem):
            lines.append(f"{name}_free = saves(t)*{name} + (1 - saves(t))*{name}_free")
            lines.append(f"{name} = restores(t)*{name}_free + (1 - restores(t))*{name}")
    if predicts:
        lines += ["previous = s", "r = (1 - lam(t))*r + lam(t)*u"]
    lines.append(f"v = {'r' if predicts else 'u'} + own")
    lines.append(DRIVE)
    if has_nudge(problem):
        lines.append(NUDGE)
    lines += ADAPT.split("\n") if adapts else ["step = eps(t)"]
    lines.append("moved = clip((1 - step)*s + step*p, 0, 1)")
    lines.append("s = is_input*own + (1 - is_input)*moved")
    if coding.sends_bits:
        encoded = "(s - (1 - lam(t))*previous)/lam(t)" if predicts else "s"
        lines.append(f"a = {encoded}")
    if coding.quantizer == "sigma-delta":
        lines.append("phi = phi + a")
    lines.append("u = 0")  # consumed; the synapses of this step fill it again
    return "\n".join(line for line in lines if line)


# --- the model ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Model:
    """Brian2's objects for one problem.

    Attributes
    ----------
    network : brian2.Network
    units : brian2.NeuronGroup
        The layers one after the other, the input first.
    synapses : tuple of brian2.Synapses
        From the input, and between all other layers; what has no synapses is left out.
    tables : dict of brian2.TimedArray
    spikes, potentials : brian2.SpikeMonitor, brian2.StateMonitor or None
    duration : brian2.Quantity
    """

    network: Any
    units: Any
    synapses: tuple[Any, ...]
    tables: dict[str, Any]
    spikes: Any
    potentials: Any
    duration: Any


def build(problem: Problem, *, record: bool = True) -> Model:
    """Make the Brian2 objects, in the current device and with the current preferences.

    Parameters
    ----------
    problem : Problem
        In precision float64.
    record : bool
        Whether to record every message and potential; else spikes are only counted, per unit.
    """
    import brian2 as b2

    # Names are given, for they occur in the code: the same model then compiles only once.
    clock = b2.Clock(1 * b2.ms, name="step_clock")
    sample_clock = b2.Clock(problem.steps * b2.ms, name="sample_clock")
    arrays = {}
    for name, values in tables(problem).items():
        dt = (sample_clock if name == "given" else clock).dt
        arrays[name] = b2.TimedArray(values, dt=dt, name=f"table_{name}")
    namespace: dict[str, Any] = {**arrays, "ms": b2.ms}
    if problem.coding.adaptive:
        namespace["nu_bar"] = problem.coding.adaptive.nu_bar
        namespace["regularizer"] = problem.coding.adaptive.regularizer

    threshold, reset, message = SPIKES[problem.coding.quantizer]
    sizes = problem.network.sizes
    units = b2.NeuronGroup(
        sum(sizes),
        equations(problem),
        threshold=threshold,
        reset=reset,
        namespace=namespace,
        clock=clock,
        name="units",
    )
    units.is_input = np.arange(sum(sizes)) < sizes[0]
    units.is_output = np.arange(sum(sizes)) >= sum(sizes[:-1])
    # The group holds these, and brings them into the network.
    units.run_regularly(begin(problem), when="start", clock=sample_clock, name="units_begin")
    units.run_regularly(update(problem), when=UPDATE_SLOT, clock=clock, name="units_update")
    synapses = _synapses(problem, units, message, clock)
    spikes = b2.SpikeMonitor(units, record=record, name="spikes")
    objects = [units, *synapses, spikes]
    potentials = None
    if record:
        potentials = b2.StateMonitor(
            units, "s", record=True, clock=clock, when="end", name="potentials"
        )
        objects.append(potentials)
    network = b2.Network(*objects, name="model")
    duration = len(problem.x) * problem.steps * b2.ms
    return Model(network, units, synapses, arrays, spikes, potentials, duration)


def _synapses(problem: Problem, units: Any, message: str, clock: Any) -> tuple[Any, ...]:
    """One weight a pair of units, read in both directions; none back to the clamped input.

    The order of sums is that of the pathways, and within one that of the presynaptic units.
    """
    import brian2 as b2

    forward = f"u_post += {message.format(sender='pre')}"
    feedback = f"u_pre += {message.format(sender='post')}"
    made: list[Any] = []
    for name, (pre, post, weights) in synapse_lists(problem).items():
        both = name == BETWEEN_LAYERS
        on_post = {"on_post": feedback} if both else {}
        joined = b2.Synapses(
            units, units, "w : 1", on_pre=forward, clock=clock, name=name, **on_post
        )
        joined.connect(i=pre, j=post)
        joined.w = weights
        joined.pre.order = len(made)
        if both:
            joined.post.order = FEEDBACK_LAST
        made.append(joined)
    return tuple(made)


def synapse_lists(problem: Problem) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Presynaptic units, postsynaptic units and weights, by the name of the Synapses."""
    offsets = np.concatenate([[0], np.cumsum(problem.network.sizes)])
    found = {}
    for name, connections in (
        (FROM_INPUT, range(problem.input == "spikes")),
        (BETWEEN_LAYERS, range(1, len(problem.network.connections))),
    ):
        pairs = [_pairs(problem, k, offsets) for k in connections]
        if sum(len(pre) for pre, _, _ in pairs):
            pre, post, weights = (np.concatenate(part) for part in zip(*pairs, strict=True))
            found[name] = (pre, post, weights)
    return found


def _pairs(
    problem: Problem, k: int, offsets: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The synapses of connection k by ascending pre, then post: indices and weights."""
    connection, weights = problem.network.connections[k], problem.network.weights[k]
    pre, post = np.nonzero(reference.synapses(connection))
    held = connection.synapse_weights(weights.astype(problem.dtype))
    matrix = reference.rows(connection, held)
    return pre + offsets[k], post + offsets[k + 1], matrix[pre, post]
