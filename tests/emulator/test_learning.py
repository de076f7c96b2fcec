"""The learning rules: their formulas, the update in place, and that they descend the loss."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eqchip.emulator.activity import Activity
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.phases import Free, Nudged, Phase
from eqchip.emulator.engine.lowering import lower
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels.lowered import mirror_rows, weight_rows
from eqchip.emulator.learning.contrast import Changes, contrast
from eqchip.emulator.learning.descent import Descent
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.run import Run

RULES = ("one_sided", "bidirectional", "full", "symmetric")
untimed = settings(deadline=None, max_examples=50)


def made_up_run(phases: Sequence[Phase], ends: list[list[np.ndarray]]) -> Run:
    """A run that ended with these potentials: ends[phase][layer]."""
    names = tuple("nudged" if isinstance(p, Nudged) else "free" for p in phases)
    return Run(tuple(phases), None, None, ends, Activity.zeros(names, len(ends[0])))


def random_run(
    rng: np.random.Generator,
    network: Network,
    batch: int,
    beta: float,
    rule: str,
    dtype: type = np.float64,
    split_stream: bool = False,
) -> Run:
    """A run of a rule's phases with random potentials; some are 0, some do not change."""
    learning = Learning(rule=rule, split_stream=split_stream)  # type: ignore[arg-type]
    phases = [
        Nudged(p.steps, p.target, np.sign(p.beta) * beta) if isinstance(p, Nudged) else p
        for p in learning.phases(np.zeros((batch, network.sizes[-1])))
    ]
    x = rng.random((batch, network.sizes[0])) * (rng.random((batch, network.sizes[0])) < 0.5)
    first = [x, *(rng.random((batch, n)) for n in network.sizes[1:])]
    ends = []
    for _ in phases:
        ends.append([x.astype(dtype)])
        for before in first[1:]:
            s = np.where(rng.random(before.shape) < 0.2, before, rng.random(before.shape))
            ends[-1].append((s * (rng.random(s.shape) < 0.8)).astype(dtype))
    return made_up_run(phases, ends)


def formula(run: Run, beta: float, lr: Sequence[float], rule: str) -> Changes:
    """The rules as they are written down: one outer product after the other."""
    nudged = {
        p.beta: end for p, end in zip(run.phases, run.ends, strict=True) if hasattr(p, "beta")
    }
    free = [end for p, end in zip(run.phases, run.ends, strict=True) if isinstance(p, Free)]
    if rule == "symmetric":
        minus, plus, scale = nudged[-beta], nudged[beta], 1 / (2 * beta)
    else:
        minus, plus, scale = free[-1], nudged[beta], 1 / beta
    batch = len(minus[0])
    weights, biases = [], []
    for k, rate in enumerate(lr):
        total = np.zeros((minus[k].shape[1], minus[k + 1].shape[1]))
        for b in range(batch):
            pre_minus, post_minus = minus[k][b], minus[k + 1][b]
            pre_plus, post_plus = plus[k][b], plus[k + 1][b]
            if rule == "one_sided":
                total += np.outer(pre_minus, post_plus - post_minus)
            elif rule == "bidirectional":
                total += np.outer(pre_minus, post_plus - post_minus)
                total += np.outer(pre_plus - pre_minus, post_minus)
            else:
                total += np.outer(pre_plus, post_plus) - np.outer(pre_minus, post_minus)
        weights.append(rate * scale / batch * total)
        biases.append(rate * scale * (plus[k + 1] - minus[k + 1]).mean(0))
    return Changes(weights, biases)


def assert_close(got: Changes, expected: Changes, rtol: float = 1e-12) -> None:
    for ours, theirs in zip(got, expected, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert one.shape == other.shape
            # Terms cancel: what is left is compared with the size of the terms.
            scale = max(1.0, float(np.abs(other).max()))
            np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale)


# --- the formulas -------------------------------------------------------------------------


@untimed
@given(
    rule=st.sampled_from(RULES),
    sizes=st.lists(st.integers(1, 9), min_size=2, max_size=5),
    batch=st.integers(1, 5),
    beta=st.sampled_from([0.5, -0.5, 0.1, -2.0]),
    split_stream=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_contrast_is_the_written_formula(rule, sizes, batch, beta, split_stream, seed):
    rng = np.random.default_rng(seed)
    network = Network.dense(sizes)
    split_stream = split_stream and rule != "symmetric"
    run = random_run(rng, network, batch, beta, rule, split_stream=split_stream)
    lr = rng.random(len(sizes) - 1).tolist()
    got = contrast(network, run, beta=beta, lr=lr, rule=rule, threads=1)
    assert_close(got, formula(run, beta, lr, rule))


def two_layer_run(phases: list[Phase], *ends: tuple[list[float], list[float]]) -> Run:
    """Two samples of a network 1-1: per phase, the potentials of input and output."""
    return made_up_run(phases, [[np.array(x)[:, None], np.array(s)[:, None]] for x, s in ends])


def chain(s1: float, s2: float) -> list[np.ndarray]:
    """One sample of a network 1-1-1 whose input is 1/2."""
    return [np.array([[0.5]]), np.array([[s1]]), np.array([[s2]])]


# A network 1-1-1, x = 1/2; free (s1, s2) = (1/2, 1/4), nudged (3/4, 1), with -beta (1/4, 0),
# beta = 1/2, lr = 1. Connection 0 (the input never changes): 1/2 (3/4 - 1/2) / beta = 1/4.
BY_HAND = {
    # 1/2 (1 - 1/4) / beta = 3/4
    "one_sided": ([0.25, 0.75], [0.5, 1.5]),
    # (1/2 3/4 + 1/4 1/4) / beta = 7/8
    "bidirectional": ([0.25, 0.875], [0.5, 1.5]),
    # (3/4 1 - 1/2 1/4) / beta = 5/4
    "full": ([0.25, 1.25], [0.5, 1.5]),
    # 1/2 (3/4 - 1/4) / (2 beta) = 1/4; (3/4 1 - 1/4 0) / (2 beta) = 3/4; D = 1/2 and 1
    "symmetric": ([0.25, 0.75], [0.5, 1.0]),
}


@pytest.mark.nojit
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contrast_gives_the_numbers_worked_out_by_hand(rule, dtype):
    target = np.ones((1, 1))
    phases = [Free(1), Nudged(1, target, 0.5), Nudged(1, target, -0.5, from_free=True)]
    ends = [chain(0.5, 0.25), chain(0.75, 1.0), chain(0.25, 0.0)]
    run = made_up_run(phases, [[s.astype(dtype) for s in end] for end in ends])
    got = contrast(Network.dense([1, 1, 1]), run, beta=0.5, lr=1.0, rule=rule, threads=1)
    weights, biases = BY_HAND[rule]
    assert [w.item() for w in got.weights] == weights
    assert [b.item() for b in got.biases] == biases
    assert all(array.dtype == dtype for array in (*got.weights, *got.biases))


def test_weights_take_the_mean_over_the_minibatch():
    # (1 x 1/2 + 1/2 x 1/4) / (beta B) = 5/8 and (1/2 + 1/4) / (beta B) = 3/4
    nudged = Nudged(1, np.ones((2, 1)), 0.5)
    run = two_layer_run([Free(1), nudged], ([1.0, 0.5], [0.0, 0.25]), ([1.0, 0.5], [0.5, 0.5]))
    got = contrast(Network.dense([1, 1]), run, beta=0.5, lr=1.0, rule="full")
    assert got.weights[0].tolist() == [[0.625]]
    assert got.biases[0].tolist() == [0.75]


def test_beta_keeps_its_sign():
    # Pushed away from the target by -beta, the output falls; the weight is to rise all the same.
    run = two_layer_run(
        [Free(1), Nudged(1, np.ones((1, 1)), -0.5)], ([1.0], [0.5]), ([1.0], [0.25])
    )
    got = contrast(Network.dense([1, 1]), run, beta=-0.5, lr=1.0, rule="full")
    assert got.weights[0].tolist() == [[0.5]]
    assert got.biases[0].tolist() == [0.5]


def test_each_connection_has_its_learning_rate():
    network = Network.dense([3, 4, 2])
    run = random_run(np.random.default_rng(0), network, 2, 0.5, "full")
    one, other = (contrast(network, run, beta=0.5, lr=lr) for lr in ([1.0, 1.0], [0.5, 0.0]))
    np.testing.assert_array_equal(other.weights[0], 0.5 * one.weights[0])
    np.testing.assert_array_equal(other.biases[0], 0.5 * one.biases[0])
    assert not other.weights[1].any() and not other.biases[1].any()
    both = contrast(network, run, beta=0.5, lr=1.0)
    for equal, expected in zip(both.weights, one.weights, strict=True):
        np.testing.assert_array_equal(equal, expected)


def test_the_split_stream_contrasts_against_the_continued_free_phase():
    target = np.ones((1, 1))
    phases = [Free(1), Nudged(1, target, 0.5), Free(1, from_free=True)]
    run = two_layer_run(phases, ([1.0], [0.0]), ([1.0], [1.0]), ([1.0], [0.75]))
    got = contrast(Network.dense([1, 1]), run, beta=0.5, lr=1.0, rule="one_sided")
    assert got.weights[0].tolist() == [[0.5]]  # (1 - 3/4) / beta, not (1 - 0) / beta


def test_the_split_stream_cancels_the_drift_of_an_unconverged_free_phase():
    # The target is what the network does by itself: whatever changes is drift.
    network = Network.dense([4, 5, 2], seed=3, biases=[np.full(5, 0.3), np.full(2, 0.2)])
    x, coding = np.full((1, 4), 0.5), Coding.real_valued(0.1)
    settled = solve(pose(network, x, coding=coding, phases=[Free(500)], precision="float64"))
    sizes = {}
    for split in (False, True):
        learning = Learning("full", 1e-3, free_steps=5, nudged_steps=5, split_stream=split)
        phases = learning.phases(settled.ends[0][-1])
        run = solve(pose(network, x, coding=coding, phases=phases, precision="float64"))
        change = contrast(network, run, beta=1e-3, lr=1.0, rule="full")
        sizes[split] = np.abs(change.weights[1]).max()
    assert sizes[True] < sizes[False] / 10


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phases", "rule", "beta", "words"),
    [
        ([Free(1)], "full", 0.5, "needs a nudged phase with beta 0.5; the run has none"),
        ([Nudged(1, [[1.0]], 0.5)], "full", 0.5, "needs a free phase"),
        ([Free(1), Nudged(1, [[1.0]], 0.5)], "full", -0.5, "beta -0.5; the run has [0.5]"),
        ([Free(1), Nudged(1, [[1.0]], 0.5)], "full", float("nan"), "beta nan"),
        ([Free(1), Nudged(1, [[1.0]], 0.5)], "symmetric", 0.5, "beta -0.5; the run has [0.5]"),
        ([Free(1), Nudged(1, [[1.0]], 0.5)], "hebb", 0.5, "unknown rule 'hebb'; expected one of"),
    ],
)
def test_a_run_that_lacks_what_the_rule_contrasts_is_refused(phases, rule, beta, words):
    run = two_layer_run(phases, *[([1.0], [0.5])] * len(phases))
    with pytest.raises(InputError) as refusal:
        contrast(Network.dense([1, 1]), run, beta=beta, lr=1.0, rule=rule)
    assert words in str(refusal.value)


@pytest.mark.parametrize(
    ("lr", "words"),
    [
        ([0.1, 0.2], "holds 2 learning rates for 1 connections; expected one, or 1"),
        (-0.1, "holds -0.1"),
        (float("nan"), "holds nan"),
        ([float("inf")], "holds inf"),
        ("fast", "expected real numbers"),
        (None, "lr"),
    ],
)
def test_wrong_learning_rates_are_refused(lr, words):
    run = two_layer_run([Free(1), Nudged(1, [[1.0]], 0.5)], *[([1.0], [0.5])] * 2)
    with pytest.raises(InputError, match="lr") as refusal:
        contrast(Network.dense([1, 1]), run, beta=0.5, lr=lr)
    assert words in str(refusal.value)


def test_a_run_of_another_network_is_refused():
    run = two_layer_run([Free(1), Nudged(1, [[1.0]], 0.5)], *[([1.0], [0.5])] * 2)
    for sizes in ([2, 1], [1, 1, 1]):
        with pytest.raises(InputError, match=r"the run has layers \(\(1,\), \(1,\)\); expected"):
            contrast(Network.dense(sizes), run, beta=0.5, lr=1.0)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rule": "hebb"}, "unknown rule"),
        ({"beta": 0.0}, "beta is 0.0; expected a finite number above 0"),
        ({"beta": -0.5}, "beta is -0.5"),
        ({"beta": float("nan")}, "beta is nan"),
        ({"beta": "much"}, "beta is 'much'"),
        ({"free_steps": 0}, "free_steps is 0"),
        ({"nudged_steps": 1.5}, "nudged_steps is 1.5"),
        ({"nudged_steps": 10**12}, "nudged_steps is 1000000000000"),
        ({"rule": "symmetric", "split_stream": True}, "split_stream is set with rule 'symmetric'"),
    ],
)
def test_learning_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(InputError) as refusal:
        Learning(**settings)
    assert words in str(refusal.value)


def test_momentum_outside_its_range_is_refused():
    for momentum in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match=r"momentum is .*; expected at least 0 and below 1"):
            descent_of(Network.dense([1, 1]), np.float64, "full", momentum=momentum)


# --- the update in place ------------------------------------------------------------------


@pytest.mark.nojit
@untimed
@given(
    rule=st.sampled_from(RULES),
    sizes=st.lists(st.integers(1, 35), min_size=2, max_size=4),
    batch=st.integers(1, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    sign=st.sampled_from([1, -1]),
    seed=st.integers(0, 2**32 - 1),
)
def test_an_update_adds_the_contrast_to_the_bit(rule, sizes, batch, dtype, sign, seed):
    rng = np.random.default_rng(seed)
    network = Network.dense(sizes, seed=seed % 1000)
    descent = descent_of(network, dtype, rule, threads=1)
    before = descent.trained()
    run = random_run(rng, network, batch, sign * 0.5, rule, dtype)
    lr = rng.random(len(sizes) - 1).tolist()
    descent.update(run, sign * 0.5, lr)
    after = descent.trained()
    change = contrast(network, run, beta=sign * 0.5, lr=lr, rule=rule, threads=1)
    for k in range(len(sizes) - 1):
        np.testing.assert_array_equal(after.weights[k], before.weights[k] + change.weights[k])
        np.testing.assert_array_equal(after.biases[k], before.biases[k] + change.biases[k])


def descent_of(network, dtype, rule, **options) -> Descent:
    return Descent(network, lower(network, np.dtype(dtype)), rule, **options)


def every_bit(lowered) -> list[bytes]:
    return [array.tobytes() for array in lowered if isinstance(array, np.ndarray)]


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("rule", RULES)
def test_after_updates_mirrored_weights_are_the_transpose_and_threads_change_no_bit(rule, momentum):
    network = Network.dense([19, 33, 17, 5], seed=1)
    outcomes = []
    for threads in (1, 2, 3):
        rng = np.random.default_rng(7)
        descent = descent_of(network, np.float32, rule, momentum=momentum, threads=threads)
        lowered = descent.lowered
        for _ in range(4):
            run = random_run(rng, network, 6, 0.5, rule, np.float32)
            descent.update(run, 0.5, [0.3, 0.2, 0.1])
        for k in (1, 2):
            pre, post = network.sizes[k : k + 2]
            np.testing.assert_array_equal(
                mirror_rows(lowered, k)[:, :pre], weight_rows(lowered, k)[:, :post].T
            )
        fresh = lower(descent.trained(), np.dtype(np.float32))
        assert every_bit(lowered) == every_bit(fresh)  # the padding between rows included
        outcomes.append(every_bit(lowered))
    assert outcomes[0] == outcomes[1] == outcomes[2]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_momentum_is_a_decaying_sum_of_contrasts(rule, dtype, rtol):
    rng = np.random.default_rng(11)
    network, rates, momentum = Network.dense([9, 8, 7], seed=2), [0.5, 0.25], 0.75
    descent = descent_of(network, dtype, rule, momentum=momentum, threads=1)
    expected = [list(network.weights), list(network.biases)]
    velocity = [[np.zeros_like(a) for a in arrays] for arrays in expected]
    for _ in range(5):
        run = random_run(rng, network, 3, 0.5, rule, dtype)
        descent.update(run, 0.5, rates)
        for kind, changes in enumerate(formula(run, 0.5, rates, rule)):
            for k, change in enumerate(changes):
                velocity[kind][k] = momentum * velocity[kind][k] + change
                expected[kind][k] = expected[kind][k] + velocity[kind][k]
    after = descent.trained()
    assert_close(Changes(list(after.weights), list(after.biases)), Changes(*expected), rtol)


def test_a_rate_of_0_leaves_the_weights_as_they_are():
    network = Network.dense([5, 4, 3], seed=1)
    descent = descent_of(network, np.float32, "full")
    before = every_bit(descent.lowered)
    run = random_run(np.random.default_rng(0), network, 2, 0.5, "full", np.float32)
    descent.update(run, 0.5, [0.0, 0.0])
    assert every_bit(descent.lowered) == before


# --- Equilibrium Propagation --------------------------------------------------------------

LONG = 2000  # steps after which the small network below stands still to rounding


def settle(network: Network, x: np.ndarray) -> np.ndarray:
    """The output potentials at the free fixed point."""
    problem = pose(
        network, x, coding=Coding.real_valued(0.3), phases=[Free(LONG)], precision="float64"
    )
    return solve(problem, threads=1).ends[0][-1]


def loss(network: Network, x: np.ndarray, y: np.ndarray) -> float:
    """C: the squared error at the fixed point, summed over outputs, mean over samples."""
    return float(((y - settle(network, x)) ** 2).sum(1).mean())


def moved(network: Network, kind: str, k: int, index: tuple[int, ...], by: float) -> Network:
    """The network with one weight or bias changed."""
    arrays = {"weights": list(network.weights), "biases": list(network.biases)}
    changed = arrays[kind][k].copy()
    changed[index] += by
    arrays[kind][k] = changed
    return Network.dense(network.sizes, weights=arrays["weights"], biases=arrays["biases"])


@pytest.mark.parametrize(("rule", "rtol"), [("symmetric", 1e-4), ("full", 1e-2)])
def test_the_contrast_follows_the_gradient_of_the_squared_error(rule, rtol):
    # The factor. A unit inside (0, 1) moves by eps (p - s), and with p = sum w s + b that is
    # -eps dE/ds of E(s) = 1/2 sum s^2 - sum w s s - sum b s. The nudge adds 2 beta (y - s) to
    # the drive, which is -beta dC/ds of C = sum (y - s)^2. So the nudged phase settles where
    # F = E + beta C is least. The theorem (Scellier and Bengio 2017) says, with s_beta that
    # place and s_0 the free one,
    #     dC(s_0)/dw = lim (1/beta) (dE/dw (s_beta) - dE/dw (s_0)),   dE/dw = -s_pre s_post.
    # Hence (1/beta) (s+ s+ - s- s-) -> -dC/dw: a change is -lr dC/dw, with no factor 1/2 when
    # C has none either. The symmetric rule takes the same difference at +beta and -beta.
    rng = np.random.default_rng(5)
    network = Network.dense(
        [3, 4, 2],
        weights=[rng.uniform(-0.2, 0.2, (3, 4)), rng.uniform(-0.2, 0.2, (4, 2))],
        biases=[np.full(4, 0.4), np.full(2, 0.4)],  # keep every unit inside (0, 1)
    )
    x, y = rng.random((3, 3)), rng.random((3, 2))
    beta = 1e-3
    learning = Learning(rule, beta, free_steps=LONG, nudged_steps=LONG)
    run = solve(
        pose(
            network,
            x,
            coding=Coding.real_valued(0.3),
            phases=learning.phases(y),
            precision="float64",
        )
    )
    for s in run.ends[0][1:]:
        assert (s > 0.05).all() and (s < 0.95).all()
    lr = 0.5
    got = contrast(network, run, beta=beta, lr=lr, rule=rule)
    step = 1e-5
    for kind, changes in zip(("weights", "biases"), got, strict=True):
        for k, change in enumerate(changes):
            gradient = np.empty_like(change)
            for index in np.ndindex(change.shape):
                up, down = (loss(moved(network, kind, k, index, d), x, y) for d in (step, -step))
                gradient[index] = (up - down) / (2 * step)
            size = np.abs(gradient).max()
            assert size > 1e-3
            np.testing.assert_allclose(change, -lr * gradient, rtol=rtol, atol=rtol * lr * size)
