"""The adjoint is the derivative, its forward pass is the engine's, and EP approaches it."""

from __future__ import annotations

import numpy as np
import pytest

import eqchip as eq
from eqchip.backends.bptt import unrolled as bptt
from eqchip.backends.bptt.operators import operators
from eqchip.emulator.description.connections import AvgPool2d, Conv2d, Dense, MaxPool2d
from eqchip.emulator.description.network import Network

ANNEALED = eq.Coding(quantizer="none", step_size=eq.Polynomial(0.7, 0.1), prediction=None)
REST = 1000  # steps to a fixed point, to the last digits
GAIN = 0.7  # of initial weights: most potentials stay between 0 and 1


def _network(pool: str, seed: int = 1) -> Network:
    """Two convolutions with padding or a stride, and a dense layer; no unit lies idle."""
    kind = {"average": AvgPool2d, "max": MaxPool2d}.get(pool)
    first = Conv2d((6, 7, 2), 3, kernel=3, padding=1, stride=1, pool=None)
    if kind is not None:
        first = Conv2d((7, 7, 2), 3, kernel=2, padding=1, pool=kind(2))
    second = Conv2d(first.post_shape, 4, kernel=2, stride=2 if pool == "max" else 1)
    if kind is not None:
        second = Conv2d(first.post_shape, 4, kernel=3, padding=1, pool=kind(2))
    connections = [first, second, Dense(int(np.prod(second.post_shape)), 5)]
    drawn = Network.chain(connections, seed=seed)
    rng = np.random.default_rng(seed)
    return Network.chain(
        connections,
        weights=[GAIN * w for w in drawn.weights],
        biases=[rng.uniform(0.1, 0.4, b.shape) for b in drawn.biases],
    )


def _dense_network(seed: int = 1) -> Network:
    drawn = Network.dense([6, 7, 5, 3], seed=seed)
    rng = np.random.default_rng(seed)
    biases = [rng.uniform(0.1, 0.4, b.shape) for b in drawn.biases]
    return Network.chain(
        drawn.connections, weights=[GAIN * w for w in drawn.weights], biases=biases
    )


def _make(name: str) -> Network:
    return _dense_network() if name == "dense" else _network(name)


def _samples(network: Network, batch: int = 3, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.random((batch, network.sizes[0])), rng.random((batch, network.sizes[-1]))


KINDS = ("dense", "none", "average", "max")


@pytest.mark.parametrize("name", KINDS)
def test_back_is_the_transpose_and_gradient_the_derivative(name):
    network = _make(name)
    rng = np.random.default_rng(0)
    for op, n_pre, n_post, w in zip(
        operators(network, np.dtype(float)), network.sizes, network.sizes[1:], network.weights,
        strict=False,
    ):  # fmt: skip
        x, y = rng.random((4, n_pre)), rng.normal(size=(4, n_post))
        winners = op.winners(rng.random((4, n_pre)))  # of any map, not of this x
        there = (op.forward(x, winners) * y).sum()
        np.testing.assert_allclose((x * op.back(y, winners)).sum(), there, rtol=1e-12)
        # <A x, y> is linear in the weights.
        found = op.gradient(x, y, winners).reshape(w.shape)
        np.testing.assert_allclose((found * w).sum(), there, rtol=1e-12)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("input_mode", ["spikes", "current"])
def test_forward_pass_is_the_engines(name, input_mode):
    network = _make(name)
    x, y = _samples(network)
    found = bptt.gradient(network, x, y, steps=13, coding=ANNEALED, input=input_mode)
    run = eq.run(
        network, x, coding=ANNEALED, phases=[eq.Free(13)], input=input_mode, precision="float64"
    )
    np.testing.assert_allclose(found.output, run.ends[0][-1], rtol=0, atol=1e-13)
    assert found.cost == pytest.approx(np.square(y - run.ends[0][-1]).sum() / 3, rel=1e-12)


def _replaced(network: Network, kind: str, k: int, array: np.ndarray) -> Network:
    changed = {"weights": list(network.weights), "biases": list(network.biases)}
    changed[kind][k] = array
    return Network.chain(network.connections, **changed)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("input_mode", ["spikes", "current"])
def test_adjoint_is_the_slope_by_finite_differences(name, input_mode):
    network = _make(name)
    x, y = _samples(network)
    asked = {"steps": 9, "coding": ANNEALED, "input": input_mode}
    found = bptt.gradient(network, x, y, **asked)
    rng = np.random.default_rng(1)
    h = 1e-6
    for kind in ("weights", "biases"):
        for k, array in enumerate(getattr(network, kind)):
            way = rng.normal(size=array.shape)
            costs = [
                bptt.gradient(
                    _replaced(network, kind, k, array + sign * h * way), x, y, **asked
                ).cost
                for sign in (1, -1)
            ]
            slope = (costs[0] - costs[1]) / (2 * h)
            exact = (getattr(found, kind)[k] * way).sum()
            assert abs(exact) > 1e-3  # something depends on it
            np.testing.assert_allclose(slope, exact, rtol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_adjoint_is_that_of_autograd(name):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    network, steps = _make(name), 11
    x, y = _samples(network)
    found = bptt.gradient(network, x, y, steps=steps, coding=ANNEALED)

    weights = [torch.tensor(w, requires_grad=True) for w in network.weights]
    biases = [torch.tensor(b, requires_grad=True) for b in network.biases]

    def phi(states):
        """sum <A s_pre, s_post>, of which A s is the derivative by s."""
        total = 0.0
        for k, connection in enumerate(network.connections):
            pre, post = states[k], states[k + 1]
            if isinstance(connection, Dense):
                arrived = pre.reshape(len(pre), -1) @ weights[k]
            else:
                arrived = functional.conv2d(
                    pre.permute(0, 3, 1, 2), weights[k].permute(3, 2, 0, 1),
                    stride=connection.stride, padding=connection.padding,
                )  # fmt: skip
                if isinstance(connection.pool, AvgPool2d):
                    arrived = functional.avg_pool2d(arrived, connection.window)
                elif isinstance(connection.pool, MaxPool2d):
                    arrived = functional.max_pool2d(arrived, connection.window)
                arrived = arrived.permute(0, 2, 3, 1)
            total = total + (arrived * post).sum()
        return total

    pixels = torch.tensor(x).reshape(3, *network.layers[0])
    states = [torch.zeros(3, *shape, dtype=torch.float64) for shape in network.layers[1:]]
    eps = ANNEALED.step_size.table(steps)
    for t in range(1, steps + 1):
        clamped = pixels if t > 1 else torch.zeros_like(pixels)
        leaves = [s if s.requires_grad else s.requires_grad_() for s in states]
        received = torch.autograd.grad(phi([clamped, *leaves]), leaves, create_graph=True)
        states = [
            ((1 - eps[t - 1]) * s + eps[t - 1] * (u + b)).clamp(0, 1)
            for s, u, b in zip(states, received, biases, strict=True)
        ]
    cost = (torch.tensor(y) - states[-1]).square().sum() / 3
    cost.backward()
    assert found.cost == pytest.approx(cost.item(), rel=1e-12)
    for ours, theirs in zip(found.weights + found.biases, weights + biases, strict=True):
        np.testing.assert_allclose(ours, theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


def _relaxed(network, x, y, beta, steps, start, winners=None):
    """Real-valued nudged steps of a constant eps, from a state: a plain loop of its own."""
    ops = operators(network, np.dtype(float))
    states = [x, *start]
    for _ in range(steps):
        chosen = [op.winners(s) for op, s in zip(ops, states, strict=False)]
        new = [x]
        for k in range(1, len(states)):
            p = ops[k - 1].forward(states[k - 1], chosen[k - 1]) + network.biases[k - 1].ravel()
            if k + 1 < len(states):
                p = p + ops[k].back(states[k + 1], chosen[k])
            else:
                p = p + 2 * beta * (y - states[k])
            new.append(np.clip(0.5 * states[k] + 0.5 * p, 0, 1))
        states = new
    return states[1:]


def _phi_gradients(network, x, states):
    """The derivative of sum <A s_pre, s_post> by the weights, with the states' own winners."""
    states = [x, *states]
    return [
        op.gradient(pre, post, op.winners(pre)).reshape(w.shape)
        for op, pre, post, w in zip(
            operators(network, np.dtype(float)), states, states[1:], network.weights, strict=False
        )
    ]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("nudged", [1, 3, 12])
def test_nudged_steps_compute_what_going_back_as_many_does(name, nudged):
    """Ernoult et al. 2019: from a fixed point, as beta goes to 0."""
    network = _make(name)
    x, y = _samples(network)
    rest = [np.zeros((3, n)) for n in network.sizes[1:]]
    rest = _relaxed(network, x, y, 0.0, REST, rest)
    still = _relaxed(network, x, y, 0.0, 1, rest)
    assert max(np.abs(a - b).max() for a, b in zip(rest, still, strict=True)) < 1e-14
    # Maximum pooling has many fixed points: the input must be there from the same step on.
    exact = bptt.gradient(network, x, y, steps=REST, last=nudged, input="current")
    beta = 1e-5
    plus, minus = (_relaxed(network, x, y, b, nudged, rest) for b in (beta, -beta))
    for k, (up, down) in enumerate(
        zip(_phi_gradients(network, x, plus), _phi_gradients(network, x, minus), strict=True)
    ):
        contrast = (up - down) / (2 * beta) / 3
        np.testing.assert_allclose(contrast, -exact.weights[k], rtol=1e-6, atol=1e-8)
    for k, bias in enumerate(exact.biases):
        change = (plus[k] - minus[k]).mean(axis=0).reshape(bias.shape) / (2 * beta)
        np.testing.assert_allclose(change, -bias, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", KINDS)
def test_the_engines_contrast_is_the_gradient_of_phi(name):
    network = _make(name)
    x, y = _samples(network)
    phases = [eq.Free(60), *(eq.Nudged(20, y, b, from_free=True) for b in (0.1, -0.1))]
    run = eq.run(network, x, coding=eq.Coding.real_valued(), phases=phases, precision="float64")
    found = eq.contrast(network, run, beta=0.1, lr=0.7, rule="symmetric")
    ends = [[s.reshape(3, -1) for s in run.ends[k][1:]] for k in (1, 2)]
    ups, downs = (_phi_gradients(network, x, states) for states in ends)
    for change, up, down in zip(found.weights, ups, downs, strict=True):
        np.testing.assert_allclose(change, 0.7 * (up - down) / (0.2 * 3), rtol=1e-9, atol=1e-12)


def test_equal_sums_go_to_the_first_place():
    connection = Conv2d((4, 4, 2), 3, kernel=3, padding=1, pool=MaxPool2d(2))
    (op,) = operators(Network.chain([connection], seed=1), np.dtype(float))
    for value in (0.0, 0.3):
        # Inside a uniform image all sums are equal; the border sees zeros beyond it.
        wide = Conv2d((8, 8, 2), 3, kernel=3, padding=1, pool=MaxPool2d(2))
        (op,) = operators(Network.chain([wide], seed=1), np.dtype(float))
        winners = op.winners(np.full((5, 8 * 8 * 2), value))
        assert (winners[:, 1:-1, 1:-1] == 0).all()


def test_float32_is_near_float64():
    network = _network("average")
    x, y = _samples(network)
    single, double = (
        bptt.gradient(network, x, y, steps=20, precision=p) for p in ("float32", "float64")
    )
    for a, b in zip(single.weights + single.biases, double.weights + double.biases, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"steps": 0}, "bptt: steps is 0"),
        ({"steps": 5, "last": 6}, "bptt: last is 6"),
        ({"steps": 5, "coding": eq.Coding()}, "bptt: quantizer 'sigma-delta' has no derivative"),
        ({"steps": 5, "precision": "chip"}, "bptt: precision is 'chip'"),
        (
            {
                "steps": 5,
                "coding": eq.Coding(
                    quantizer="none", step_size=eq.OptimalStepSize(0.03), prediction=None
                ),
            },
            "bptt: step_size is OptimalStepSize",
        ),
    ],
)
def test_what_has_no_gradient_is_refused(asked, told):
    network = _dense_network()
    x, y = _samples(network)
    with pytest.raises(eq.InputError, match=told):
        bptt.gradient(network, x, y, **asked)


def test_a_target_of_another_shape_is_refused():
    network = _dense_network()
    x, y = _samples(network)
    with pytest.raises(eq.InputError, match="target"):
        bptt.gradient(network, x, y[:, :2], steps=3)
