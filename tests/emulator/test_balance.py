"""Balanced layers: the engine is the reference to the bit, and laws of what it computes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eqchip as eq
from eqchip.backends.reference.dynamics import run_reference
from eqchip.emulator.kernels.dynamics.arrays import V_SQUARE, V_SUM
from eqchip.emulator.learning.balance_lowering import draw_slots

NOISE = eq.Noise(rms=200.0, smoothing=0.03, seed=3)
SEED, STEPS = 5, 400


def tight(units=12, channels=2, seed=0, **changes):
    given = {"leak": 50.0, "norm": 0.5, "spread": 0.3, "width": 1.6, **changes}
    return eq.BalancedLayer.tight(units, channels, seed=seed, **given)


def bent(seed=0):
    flat = tight(leak=10.0, norm=0.1, seed=seed)
    looking = eq.Dendrites.random(20, 2, reach=3.0, every=9, seed=seed)
    return replace(flat, slow=None, dendrites=looking)


def both(layer, *, steps=STEPS, signal=NOISE, dt=1e-4, turns=None, coder=None, teacher=None,
         integers=None, cores=None, noise=0.0, threshold_noise=0.0, **rules):  # fmt: skip
    """A stretch by the engine and by the reference."""
    turns = turns or eq.Slots(5)
    simulation = eq.BalancedSimulation(
        layer, dt=dt, turns=turns, teacher=teacher, coder=coder, integers=integers, cores=cores,
        noise=noise, threshold_noise=threshold_noise, seed=SEED,
    )  # fmt: skip
    found = simulation.run(signal, steps, every=1, events=steps * layer.units, probes=True, **rules)
    wanted = run_reference(
        layer, signal, steps, dt=dt, turns=turns, slots=draw_slots(turns, layer.units, SEED),
        teacher=simulation.teacher, coder=simulation.coder, integers=integers, cores=cores,
        clocks=simulation._clocks, noise=noise, threshold_noise=threshold_noise, seed=SEED, **rules,
    )  # fmt: skip
    return simulation, found, wanted


def check(simulation, found, wanted):
    spikes = np.zeros(wanted.spikes.shape, bool)
    spikes[tuple(found.spikes.T)] = True
    assert (spikes == wanted.spikes).all()
    for name in ("x", "y"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    for name in ("fast", "slow", "feedforward"):
        np.testing.assert_array_equal(
            getattr(simulation._wiring, name), getattr(wanted.layer, name)
        )
    np.testing.assert_array_equal(simulation._state.v, wanted.layer.v)
    counts = {name: n for name, n in found.counts.items() if n}
    assert counts == {name: n for name, n in wanted.layer.counts.items() if n}
    currents = np.stack([wanted.excited[:, 0], wanted.inhibited[:, 0]], 1)
    np.testing.assert_array_equal(found.currents, currents)
    np.testing.assert_allclose(found.probes[V_SUM], wanted.v.sum(0), atol=1e-9)
    np.testing.assert_allclose(found.probes[V_SQUARE], (wanted.v**2).sum(0))
    if simulation.integers is not None:
        assert found.largest == np.abs(wanted.v).max()


OSCILLATOR = {
    "teacher": eq.Teacher.oscillator(1.5, 1.0), "signal": eq.Noise(25.0, 0.03), "gain": 300.0,
    "slow": eq.SlowRule(2.0, every=7),
}  # fmt: skip
WIDE = eq.LayerIntegers(slow_range=0.5)
FAR = eq.LayerCores(3, within=2, across=4, jitter=3)
CLOCKS = eq.OwnClocks(1e-3, eq.Clocks(spread=0.2, offset=1.0, jitter=0.3))
CASES = {
    "slots": (tight, {}),
    "together": (tight, {"turns": eq.Together()}),
    "ticks, with noise": (tight, {"turns": eq.Ticks(0.1), "noise": 1e-3}),
    "one unit, with noise of thresholds": (
        tight, {"turns": eq.OneUnit(), "threshold_noise": 0.01},
    ),
    "the voltage rule": (lambda: tight().weak(seed=1), {"fast": eq.VoltageRule(1e-2, 1.25)}),
    "the voltage rule, of resets and feed-forward weights as well": (
        lambda: tight(cost=0.02).weak(seed=1),
        {"fast": eq.VoltageRule(1e-2, 1.25, True, 1e-3, 0.2), "turns": eq.OneUnit()},
    ),
    "the sign rule, spikes of the drive": (
        lambda: tight().weak(seed=1),
        {"fast": eq.SignRule(1e-3, 1.25, 1e-4), "coder": eq.SigmaDelta(3000.0)},
    ),
    "the continuous rule": (lambda: tight().weak(seed=1), {"fast": eq.ContinuousRule(1e-3)}),
    "slow weights": (lambda: tight(leak=10.0, norm=0.1), OSCILLATOR),
    "slow and fast weights": (
        lambda: tight(leak=10.0, norm=0.1).weak(seed=1),
        {**OSCILLATOR, "fast": eq.VoltageRule(1e-2, 1.25)},
    ),
    "dendrites": (bent, {**OSCILLATOR, "teacher": eq.Teacher.van_der_pol(6.0)}),
    "samples that end": (tight, {"signal": eq.Samples([[300.0, 0.0], [0.0, -200.0]], hold=90)}),
    "integers": (tight, {"integers": eq.LayerIntegers()}),
    "integers, the voltage rule": (
        lambda: tight().weak(seed=1),
        {"integers": eq.LayerIntegers(), "fast": eq.VoltageRule(1e-2, 0.9)},
    ),
    "integers, the sign rule, spikes of the drive": (
        lambda: tight().weak(seed=1),
        {"integers": eq.LayerIntegers(4, 3), "fast": eq.SignRule(1.0, 0.9),
         "coder": eq.SigmaDelta(3000.0)},
    ),
    "integers, slow weights": (
        lambda: tight(leak=50.0, norm=0.1), {**OSCILLATOR, "integers": WIDE},
    ),
    "integers, slow and fast weights, on cores": (
        lambda: tight(leak=50.0, norm=0.1).weak(seed=1),
        {**OSCILLATOR, "integers": WIDE, "fast": eq.VoltageRule(1e-2, 0.9), "cores": FAR,
         "noise": 2e-4},
    ),
    "integers, dendrites": (
        bent, {**OSCILLATOR, "teacher": eq.Teacher.van_der_pol(6.0), "integers": WIDE},
    ),
    "clocks of their own, messages that take their time": (
        lambda: tight().weak(seed=1),
        {"turns": CLOCKS, "cores": FAR, "fast": eq.VoltageRule(1e-2, 1.25)},
    ),
    "clocks of cores, in integers": (
        lambda: tight().weak(seed=1),
        {"turns": replace(CLOCKS, clocks=eq.Clocks("core", 0.3, 1.0)), "cores": eq.LayerCores(4),
         "integers": eq.LayerIntegers(), "fast": eq.SignRule(1.0, 0.9)},
    ),
    "cores, slow weights": (lambda: tight(leak=10.0, norm=0.1), {**OSCILLATOR, "cores": FAR}),
    "integers without an accumulator or a fraction": (
        lambda: tight().weak(seed=1),
        {"integers": eq.LayerIntegers(8, 0, 0), "fast": eq.VoltageRule(1e-2, 0.9)},
    ),
}  # fmt: skip


@pytest.mark.nojit
@pytest.mark.parametrize("name", CASES)
def test_the_engine_is_the_reference_to_the_bit(name):
    layer, asked = CASES[name]
    simulation, found, wanted = both(layer(), **asked)
    assert found.counts["spikes"] > 0
    check(simulation, found, wanted)
    if asked.get("fast") or asked.get("slow"):  # and something was learned
        now, start = simulation._wiring, simulation.start
        moved = [
            (getattr(now, part) != lowered).any()
            for part, lowered in zip(
                ("fast", "slow"), (fresh(simulation).fast, start.slow), strict=True
            )
        ]
        assert moved == [asked.get("fast") is not None, asked.get("slow") is not None]


def fresh(simulation):
    return eq.BalancedSimulation(
        simulation.start, dt=simulation.dt, turns=simulation.turns, coder=simulation.coder,
        integers=simulation.integers,
    )._wiring  # fmt: skip


@pytest.mark.nojit
@settings(max_examples=25, deadline=None)
@given(
    units=st.integers(1, 9), channels=st.integers(1, 3), seed=st.integers(0, 99),
    dt=st.sampled_from([1e-3, 2e-4]), width=st.floats(0.8, 3.0),
    turns=st.sampled_from([eq.Together(), eq.OneUnit(), eq.Slots(3), eq.Ticks(0.3), CLOCKS]),
    fast=st.sampled_from(
        [None, eq.VoltageRule(0.02, 1.0), eq.SignRule(1e-3, 1.0), eq.ContinuousRule(1e-3)]
    ),
    coder=st.sampled_from([eq.Current(), eq.SigmaDelta(500.0)]),
    bits=st.sampled_from([None, (8, 8, 6), (4, 0, 2), (2, 12, 8)]),
    slow=st.sampled_from([None, eq.SlowRule(5.0, every=4, smoothing=300.0)]),
    dendrites=st.sampled_from([0, 5]), cores=st.integers(1, 3), far=st.integers(1, 4),
    jitter=st.integers(0, 2),
)  # fmt: skip
def test_drawn_layers_agree(
    units, channels, seed, dt, width, turns, fast, coder, bits, slow, dendrites, cores, far, jitter
):
    integers = None if bits is None else eq.LayerIntegers(*bits, slow_range=0.5, error_step=0.1)
    if integers is not None and isinstance(fast, eq.ContinuousRule):
        fast = None
    if turns is CLOCKS and dt > 0.3e-3:
        turns = eq.Slots(2)
    layer = tight(units, channels, seed, width=width).weak(seed=seed)
    if dendrites:
        look = eq.Dendrites.random(dendrites, channels, reach=1.0, every=3, seed=seed)
        layer = replace(layer, slow=None, dendrites=look)
    check(
        *both(
            layer, steps=120, dt=dt, turns=turns, fast=fast, coder=coder, integers=integers,
            signal=replace(NOISE, seed=seed), slow=slow, gain=30.0 if slow else 0.0,
            cores=eq.LayerCores(min(cores, units), across=far, jitter=jitter),
        )
    )  # fmt: skip


# --- laws ---------------------------------------------------------------------------------


@pytest.mark.nojit
def test_stretches_are_one_stretch():
    runs = {}
    for pieces in ((900,), (1, 499, 400)):
        simulation = eq.BalancedSimulation(
            tight().weak(seed=1), dt=1e-4, turns=eq.Ticks(0.2), noise=1e-3, seed=3
        )
        found = [
            simulation.run(NOISE, n, fast=eq.VoltageRule(1e-2, 1.25), every=100) for n in pieces
        ]
        rows = np.concatenate([stretch.x for stretch in found])
        runs[pieces] = (simulation._wiring.fast, simulation._state.v, rows)
    for one, other in zip(*runs.values(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.nojit
def test_a_spike_takes_what_a_layer_in_balance_says_a_step_late():
    """One unit by hand: V grows by dt F c, and falls by |F|^2 a step after it has fired."""
    layer = eq.BalancedLayer([[0.5]], [[0.5]], [[-0.25]], [0.2], 1.0)
    simulation = eq.BalancedSimulation(layer, dt=0.125)
    v, seen = [], []
    for _ in range(4):
        ran = simulation.run(eq.Samples([[1.0]], hold=4), 1, events=1)
        v.append(float(simulation._state.v[0]))
        seen.append(ran.counts["spikes"])
    first = 0.125 * 0.5
    second = 0.875 * first + 0.0625
    third = 0.875 * second + 0.0625  # 0.175..., below 0.2
    fourth = 0.875 * third + 0.0625  # above: fires
    np.testing.assert_array_equal(v, [first, second, third, fourth])
    assert seen == [0, 0, 0, 1]
    simulation.run(eq.Samples([[0.0]]), 1)
    assert simulation._state.v[0] == 0.875 * fourth - 0.25
    assert simulation._state.y[0] == 0.5


@pytest.mark.nojit
def test_a_clock_of_its_own_ticks_when_it_says():
    """Alike, of one phase: every tenth step of the grid, and no unit fires in between."""
    still = eq.BalancedLayer([[1.0] * 3], [[1.0]] * 3, np.zeros((3, 3)), [1e-3] * 3, 1.0)
    clocks = eq.OwnClocks(1e-3, eq.Clocks(offset=0.0))
    simulation = eq.BalancedSimulation(still, dt=1e-4, turns=clocks)
    ran = simulation.run(eq.Samples([[100.0]], hold=100), 40, events=99)
    assert ran.spikes.tolist() == [[step, i] for step in (9, 19, 29, 39) for i in range(3)]
    assert ran.counts["turns"] == 12
    spread = replace(clocks, clocks=eq.Clocks(spread=0.3, offset=1.0, jitter=0.3))
    many = tight(200)
    ran = eq.BalancedSimulation(many, dt=1e-4, turns=spread).run(NOISE, 1000)
    periods = eq.BalancedSimulation(many, dt=1e-4, turns=spread)._clocks.period / 2**20
    assert periods.std() == pytest.approx(0.3, rel=0.1)
    assert ran.counts["turns"] == pytest.approx(100 * (1 / periods).sum(), rel=0.02)


@pytest.mark.nojit
def test_a_spike_is_on_its_way_as_long_as_its_core_is_far():
    fast = np.zeros((4, 4))
    fast[0] = [-0.5, -0.25, -0.25, -0.25]  # unit 0 alone is driven, and fires in the first step
    layer = eq.BalancedLayer([[1.0, 0, 0, 0]], [[1.0]] * 4, fast, [0.1] * 4, 1e-9)
    far = eq.LayerCores(2, within=2, across=3)
    simulation = eq.BalancedSimulation(layer, dt=0.125, cores=far)
    v = []
    for driven in (1.0, 0.0, 0.0, 0.0):
        ran = simulation.run(eq.Samples([[driven]]), 1)
        v.append(simulation._state.v.copy())
    np.testing.assert_allclose(v[1], [0.125, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(v[2][2:], [0, 0], atol=1e-6)
    assert (v[2][:2] < -0.2).all() and (v[3][2:] < -0.2).all()
    assert ran.counts["messages"] == 0  # nobody fires any more


def test_weights_in_balance_are_in_a_wide_box_the_best():
    layer = tight(20)
    assert layer.distance() == 0
    assert layer.weak(seed=0).distance() > 0.5
    steps = 20_000
    ran = eq.BalancedSimulation(layer, dt=1e-4, turns=eq.Slots(10)).run(NOISE, steps)
    weak = eq.BalancedSimulation(layer.weak(seed=0), dt=1e-4, turns=eq.Slots(10)).run(NOISE, steps)
    assert ran.error < 0.02 < 1 < weak.error


def test_noise_has_the_strength_that_it_says():
    simulation = eq.BalancedSimulation(
        tight(1, 3), dt=1e-3, teacher=eq.Teacher.leaky(1.0 / 1e-3 - 1e-9, 3)
    )
    ran = simulation.run(eq.Noise(rms=2.0, smoothing=0.01, seed=1), 100_000, every=1)
    # The teacher forgets at once, so that x is dt c.
    assert np.sqrt((ran.x[1000:] ** 2).mean(0)) == pytest.approx(2.0e-3, rel=0.05)


@pytest.mark.parametrize(
    ("teacher", "at", "slope"),
    [
        (eq.Teacher.linear([[0, 1], [-2, -3]]), [1.0, 2.0], [2.0, -8.0]),
        (eq.Teacher.leaky(4.0, 2), [1.0, 2.0], [-4.0, -8.0]),
        (eq.Teacher.van_der_pol(2.0, 3.0), [2.0, 1.0], [2.0, 2 * (3 * (1 - 4) * 1 - 2)]),
        (eq.Teacher.lorenz(1.0), [1.0, 2.0, 3.0], [10.0, 28 - 2 - 3, 2 - 8.0]),
    ],
    ids=str,
)
def test_slopes_of_teachers(teacher, at, slope):
    np.testing.assert_allclose(teacher.slope(np.array(at)), slope)
    if teacher.matrix is not None:
        np.testing.assert_allclose(teacher.matrix @ at, slope)
    assert (teacher.matrix is None) == (teacher.name in ("van der Pol", "Lorenz"))


# --- bad input ----------------------------------------------------------------------------

LAYER = tight()
WRONG = {
    "shapes": (
        lambda: replace(LAYER, decoder=np.ones((3, 2))),
        r"BalancedLayer: decoder has shape \(3, 2\); expected \(12, 2\)",
    ),
    "nan": (
        lambda: replace(LAYER, fast=np.full((12, 12), np.nan)),
        r"fast holds nan at \(0, 0\); expected finite numbers",
    ),
    "a threshold of 0": (
        lambda: replace(LAYER, threshold=np.zeros(12)),
        "threshold of unit 0 is 0; expected more than 0",
    ),
    "a mask": (
        lambda: replace(LAYER, threshold=np.ma.masked_array(np.ones(12))),
        "is a masked array",
    ),
    "a step beyond the time constant": (
        lambda: eq.BalancedSimulation(LAYER, dt=0.02),
        "dt is 0.02 s; expected less than 0.02 s, the time constant",
    ),
    "a teacher of other channels": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, teacher=eq.Teacher.lorenz(1.0)),
        "teacher has 3 channels; expected 2",
    ),
    "samples of other channels": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3).run(eq.Samples([[1.0]]), 1),
        r"values has shape \(1, 1\); expected \(frames, 2\)",
    ),
    "no signal": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3).run("noise", 1),
        "signal is 'noise'; expected one of Noise, Samples",
    ),
    "no rule": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3).run(NOISE, 1, fast="voltage"),
        "fast is 'voltage'; expected one of VoltageRule, SignRule, ContinuousRule",
    ),
    "no steps": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3).run(NOISE, 0),
        "steps is 0; expected a whole",
    ),
    "slow weights of no range": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, integers=eq.LayerIntegers()).run(
            NOISE, 1, slow=eq.SlowRule(1.0)
        ),
        r"slow weights are all 0 and shall learn in integers; expected LayerIntegers\(slow_range",
    ),
    "a slow rate that rounds to nothing": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, integers=WIDE).run(
            NOISE, 1, slow=eq.SlowRule(1e-6)
        ),
        "a slow rate of 5e-08 rounds every write to nothing; expected a larger one",
    ),
    "a filter that rounds to nothing": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, integers=WIDE).run(
            NOISE, 1, slow=eq.SlowRule(1.0, smoothing=0.1)
        ),
        "a filter of 0.1 /s rounds to nothing in steps of 0.001 s",
    ),
    "a range of nothing": (
        lambda: eq.LayerIntegers(slow_range=0),
        "slow_range is 0; expected more than 0",
    ),
    "resets in integers": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, integers=eq.LayerIntegers()).run(
            NOISE, 1, fast=eq.VoltageRule(1e-2, 1.0, learns_reset=True)
        ),
        "feed-forward weights and resets do not learn in integers",
    ),
    "noise of thresholds in integers": (
        lambda: eq.BalancedSimulation(
            LAYER, dt=1e-3, integers=eq.LayerIntegers(), threshold_noise=1.0
        ),
        "threshold_noise in integers is not there; expected 0",
    ),
    "more cores than units": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, cores=eq.LayerCores(13)),
        "LayerCores: count is 13; expected at most 12, the units",
    ),
    "a delay of no step": (
        lambda: eq.LayerCores(2, across=0),
        "LayerCores: across is 0; expected a whole number",
    ),
    "a clock that is faster than the grid": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, turns=CLOCKS),
        "dt is 0.001 s; expected at most 0.00035.* s, the shortest time between two ticks",
    ),
    "a clock without a period": (lambda: eq.OwnClocks(0), "period is 0; expected more than 0"),
    "clocks that go back": (
        lambda: eq.OwnClocks(1e-3, eq.Clocks(restarted=True)),
        "clocks are restarted=True; expected False, for a layer has neither phases nor decoders",
    ),
    "looks of dendrites": (
        lambda: eq.Dendrites([[1.0]], [0.0], every=0),
        "every is 0; expected a whole number",
    ),
    "the continuous rule in integers": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, integers=eq.LayerIntegers()).run(
            NOISE, 1, fast=eq.ContinuousRule(1.0)
        ),
        "expected one of VoltageRule, SignRule in integers",
    ),
    "a rate that rounds to nothing": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3, integers=eq.LayerIntegers()).run(
            NOISE, 1, fast=eq.VoltageRule(1e-7, 1.0)
        ),
        "rate 1e-07 rounds every write to nothing; expected at least",
    ),
    "a leak that rounds to nothing": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-6, integers=eq.LayerIntegers()).run(NOISE, 1),
        r"a leak of 50 /s rounds to nothing in steps of 1e-06 s",
    ),
    "bits": (lambda: eq.LayerIntegers(1), "weight_bits is 1; expected a whole number of 2 to 9"),
    "a chance": (lambda: eq.Ticks(0), "chance is 0; expected more than 0, at most 1"),
    "a rate": (lambda: eq.VoltageRule(-1, 1), "VoltageRule: rate is -1; expected a finite number"),
    "a quantum": (lambda: eq.SigmaDelta(0), "quantum is 0; expected more than 0"),
    "a teacher of nothing": (lambda: eq.Teacher(()), "no terms; expected at least one"),
    "traces that were not kept": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3).run(NOISE, 1).refitted(),
        "no traces were kept; expected a run with every",
    ),
    "probes that were not asked for": (
        lambda: eq.BalancedSimulation(LAYER, dt=1e-3).run(NOISE, 1).balance,
        "nothing was probed; expected a run with probes=True",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_told_in_one_line(name):
    call, text = WRONG[name]
    with pytest.raises(eq.InputError, match=text):
        call()
