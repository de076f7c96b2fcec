"""A kind of unit is a description, and rows in tables: a toy goes everywhere that has a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import strategies
from equal_runs import assert_equal_arrays, assert_equal_runs
from kernel_twins import from_python
from toy_unit import ToyRules, ToyState, ToyUnit

import eqchip as eq
from eqchip.backends.bptt.unrolled import gradient
from eqchip.backends.brian2 import solve as brian2
from eqchip.backends.dense import solve as dense
from eqchip.backends.discrete import solve as discrete
from eqchip.backends.nir.write import write_nir
from eqchip.backends.reference import floating as reference
from eqchip.emulator.description.units import Unit
from eqchip.emulator.engine import synchronous as engine
from eqchip.emulator.engine.units import UNITS, LoweredUnit
from eqchip.emulator.kernels import state as arrays
from eqchip.emulator.kernels.ep import EPState
from eqchip.emulator.kernels.jit import JIT_DISABLED
from eqchip.emulator.kernels.relax import relax
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.problem.problem import Problem
from eqchip.mapping.processes.graph import process_graph

CASES = 40
SEED = 20261129
NETWORK = eq.Network.dense([6, 5, 4, 3], seed=1)
X = np.linspace(0.0, 1.0, 18).reshape(3, 6)
TARGET = np.eye(3)
PHASES = [
    eq.Free(9),
    eq.Nudged(7, TARGET, beta=0.5),
    eq.Nudged(40, TARGET, beta=-0.5, from_free=True),
    eq.Free(5, from_free=True),
]
# Compiling the whole relaxation for one more type takes half a minute.
precisions = pytest.mark.parametrize(
    "precision",
    ["float64", pytest.param("float32", marks=[] if JIT_DISABLED else pytest.mark.long)],
)


def asked(unit: Unit, **also: Any) -> Problem:
    settings: dict[str, Any] = {"precision": "float64", "record": ("bits", "potentials"), **also}
    return pose(NETWORK, X, coding=unit, phases=PHASES, **settings)  # type: ignore[arg-type]


def drawn(rng: np.random.Generator, precision: str) -> Problem:
    """A drawn problem, with the toy for its units."""
    problem = strategies.draw_problem(rng, precision=precision, max_width=9, max_steps=8)
    unit = ToyUnit(leak=float(rng.random()), threshold=float(rng.choice([0.25, 0.5, 1.0])))
    return pose(
        problem.network,
        problem.x,
        coding=unit,  # type: ignore[arg-type]
        phases=problem.phases,
        input=problem.input,
        precision=problem.precision,
        record=("bits", "potentials"),
        parts=problem.parts,
    )


@pytest.mark.once
@pytest.mark.nojit
@precisions
def test_a_toy_on_the_engine_equals_its_reference_to_the_last_bit(precision):
    rng = np.random.default_rng(SEED)
    problems = [asked(ToyUnit(), precision=precision)]
    problems += [drawn(rng, precision) for _ in range(CASES)]
    spikes = 0
    for problem in problems:
        expected = reference.solve(problem)
        for threads in (1, 2):
            assert_equal_runs(engine.solve(problem, threads=threads), expected)
        spikes += int(expected.activity.spikes[:, 1:].sum())
        assert (expected.activity.macs[1:] == 0).all()
    assert spikes > 1000  # it tested something


@pytest.mark.nojit
def test_a_batch_of_a_toy_gives_what_its_samples_give_alone():
    problem = asked(ToyUnit())
    together = engine.solve(problem, threads=1)
    for index in range(len(X)):
        alone = engine.solve(strategies.single_sample(problem, index), threads=1)
        one = slice(index, index + 1)
        assert_equal_arrays(alone.bits, [b[:, one] for b in together.bits], "bits")
        assert_equal_arrays(alone.potentials, [s[:, one] for s in together.potentials], "s")


@pytest.mark.nojit
def test_counters_count_what_a_toy_sends():
    run = engine.solve(asked(ToyUnit()), threads=1)
    first = np.cumsum([0, *(phase.steps for phase in PHASES)])
    for k in range(len(PHASES)):
        rows = slice(first[k], first[k + 1])
        for layer, bits in enumerate(run.bits):
            assert run.activity.spikes[k, layer] == bits[rows].sum()
            updates = run.activity.updates_active + run.activity.updates_inactive
            assert updates[k, layer] == PHASES[k].steps * bits[0].size
    # In the phase that is first, what a step sends arrives in the next one.
    sent = [int(bits[: PHASES[0].steps - 1].sum()) for bits in run.bits]
    events = run.activity.synaptic_events[0]
    assert events[:, 0].tolist() == [sent[0] * 5, sent[1] * 4, sent[2] * 3]
    assert events[1:, 1].tolist() == [sent[2] * 5, sent[3] * 4]


def test_a_toy_is_run_by_the_public_call():
    found = eq.run(NETWORK, X, coding=ToyUnit(), phases=PHASES, precision="float64")
    expected = eq.run(
        NETWORK, X, coding=ToyUnit(), phases=PHASES, precision="float64", backend="reference"
    )
    assert_equal_arrays(found.ends[-1], expected.ends[-1], "ends")


@pytest.mark.nojit
@pytest.mark.skipif(not JIT_DISABLED, reason="compiling one more queue takes a minute")
def test_a_toy_keeps_time_on_the_asynchronous_engine_and_its_witness():
    synchronous = engine.solve(asked(ToyUnit()), threads=1)
    assert_equal_runs(
        engine.solve(asked(ToyUnit(), timing=eq.Asynchronous()), threads=1), synchronous
    )
    clocks = eq.Clocks(per="unit", spread=0.2, jitter=0.1)
    timing = eq.Asynchronous(clocks=clocks, delays=eq.Delays(fixed=0.4))
    problem = asked(ToyUnit(), timing=timing)
    assert_equal_runs(engine.solve(problem, threads=1), discrete.solve(problem))


# --- refusals -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Unknown(Unit):
    """A kind with no row anywhere."""


class UnknownRules(NamedTuple):
    """Rules with no functions."""

    none: int = 0


REFUSALS: dict[str, tuple[Callable[[], Any], str]] = {
    "the engine": (
        lambda: engine.solve(asked(Unknown()), threads=1),
        "emulator: units are Unknown",
    ),
    "the reference": (lambda: reference.solve(asked(Unknown())), "reference: units are Unknown"),
    "the witness": (
        lambda: discrete.solve(asked(Unknown(), timing=eq.Asynchronous())),
        "reference: units are Unknown",
    ),
    "dense": (lambda: dense.solve(asked(ToyUnit())), "dense: units are ToyUnit"),
    "brian2": (lambda: brian2._check(asked(ToyUnit())), "brian2: units are ToyUnit"),
    "Lava": (lambda: process_graph(asked(ToyUnit())), "process graph: units are ToyUnit"),
    "BPTT": (
        lambda: gradient(NETWORK, X, TARGET, steps=3, coding=ToyUnit()),  # type: ignore[arg-type]
        "bptt: units are ToyUnit",
    ),
    "NIR": (
        lambda: write_nir(NETWORK, Path("no.nir"), coding=ToyUnit()),  # type: ignore[arg-type]
        "nir: units are ToyUnit",
    ),
    "a chip": (lambda: asked(ToyUnit(), precision="chip"), "precision is 'chip' with ToyUnit"),
    "a read-out": (lambda: asked(ToyUnit(), readout="cross-entropy"), "with ToyUnit"),
    "uniforms": (lambda: asked(ToyUnit(), uniforms=[]), "with ToyUnit, which draws no numbers"),
}


@pytest.mark.parametrize("who", REFUSALS)
def test_what_has_no_row_for_a_kind_refuses_it_by_name_in_one_line(who):
    ask, named = REFUSALS[who]
    with pytest.raises(eq.InputError) as refused:
        ask()
    assert named in str(refused.value)
    assert "expected" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.nojit
def test_rules_without_functions_are_refused_by_name_when_they_are_compiled(monkeypatch):
    kept = arrays.Kept(ToyState, {"s": 0.0})
    monkeypatch.setitem(UNITS, Unknown, lambda problem: LoweredUnit(UnknownRules(), kept))
    with pytest.raises(eq.InputError) as refused:
        engine.solve(asked(Unknown()), threads=1)
    assert "no kind of unit has the rules UnknownRules" in str(refused.value)
    assert "EPRules" in str(refused.value)
    assert "\n" not in str(refused.value)


# --- what units keep ----------------------------------------------------------------------


@pytest.mark.nojit
@pytest.mark.parametrize("fields", [EPState, ToyState], ids=lambda fields: fields.__name__)
def test_no_field_that_units_keep_is_left_out_of_a_copy_or_begins_as_it_was(fields):
    kept = arrays.Kept(fields, {name: k / 8 for k, name in enumerate(fields._fields)})
    state, copied = (arrays.new_state(kept, 32, 3, np.dtype(np.float64)) for _ in range(2))
    x = np.full((1, 4), 0.5)
    for one in (state, copied):
        for numbers in one.unit:
            numbers[:] = np.random.default_rng(3).random(32)
        from_python(arrays.clear_state)(one, x, 0, 4)
        for k, numbers in enumerate(one.unit):
            assert (numbers[4:] == k / 8).all()
    for k, numbers in enumerate(state.unit):
        numbers[:] = k + np.random.default_rng(k).random(32)
    from_python(arrays.copy_state)(copied, state)
    for name, numbers, expected in zip(fields._fields, copied.unit, state.unit, strict=True):
        np.testing.assert_array_equal(numbers, expected, err_msg=name)


def test_what_begins_as_nothing_takes_no_room():
    kept = arrays.Kept(EPState, {"s": 0.0, "phi": 0.0, "r": 0.0})
    unit = arrays.new_state(kept, 32, 3, np.dtype(np.float64)).unit
    assert [len(numbers) for numbers in unit] == [32] * 3 + [0] * (len(EPState._fields) - 3)


@pytest.mark.skipif(JIT_DISABLED, reason="nothing is compiled")
def test_nothing_is_cached_that_only_a_toy_could_read():
    engine.solve(asked(ToyUnit()), threads=1)
    assert any(ToyRules.__name__ in str(signature) for signature in relax.signatures)
    cache = Path(relax._cache.cache_path)
    kept = [file for file in cache.glob("*.nbi") if b"toy_unit" in file.read_bytes()]
    assert list(cache.glob("relax.relax*.nbi"))
    assert not kept
