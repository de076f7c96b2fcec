"""A backend is a row: it runs what the row says, and what it lacks is refused in one sentence."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import optional_packages
import pytest
from small_runs import FEW, few_digits, small_config

import eqchip as eq
from eqchip.__main__ import main
from eqchip.backends import packages
from eqchip.backends.crosscheck import choose
from eqchip.backends.reference import floating as reference
from eqchip.backends.registry import BACKENDS, Backend
from eqchip.emulator.description.modes import Precision
from eqchip.emulator.problem.needs import Feature, of_problem
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory

NETWORK = eq.Network.dense([3, 2, 2], seed=0)
LINKED = eq.Network.chain(NETWORK.connections, links=[(0, 2, eq.Dense(3, 2))], seed=0)
POOLED = eq.Network.chain([eq.Conv2d((4, 4, 1), 2, 3, padding=1, pool=eq.MaxPool2d(2))], seed=0)
X = np.array([[0.5, 0.0, 1.0]])
REFUSAL = r"run: backend '\w+' has no .+; expected .+"

# What asks for a feature, and where that shows in the error.
ASKS = {
    "global clock": ({}, "timing is None"),
    "asynchronous timing": ({"timing": eq.Asynchronous()}, "a timing is given"),
    "maximum pooling": (
        {"network": POOLED, "x": np.full((1, 16), 0.5)},
        "connection 1 (4x4x1 -> 2 of 3x3) has MaxPool2d",
    ),
    "weaker feedback": (
        {"network": replace(NETWORK, feedback_shifts=(0, 1))}, "feedback_shifts are (0, 1)",
    ),
    "skip and lateral connections": (
        {"network": LINKED}, "link (3 -> 2) joins layers 0 and 2",
    ),
    "real-valued messages": ({"coding": eq.Coding.real_valued()}, "quantizer is 'none'"),
    "adapted prediction": (
        {"coding": eq.Coding(prediction=eq.AdaptivePrediction())}, "prediction is Adaptive",
    ),
    "input that switches": (
        {"phases": [eq.Free(3), eq.Free(3, x=1 - X)]}, "1 phases have an x of their own",
    ),
    "read-out outside the dynamics": (
        {"readout": "cross-entropy"}, "readout is 'cross-entropy'",
    ),
    "streams of events": ({"x": eq.Events(steps=[0, 2], units=[1, 0])}, "x is Events"),
    "spikes per core": (
        {"network": eq.map_network(NETWORK, eq.load_chip("loihi1-davies"))}, "parts are counted",
    ),
    "threads": ({"threads": 1}, "threads is 1"),
}  # fmt: skip
# What `eq.run` cannot ask for; tests/emulator/test_skip_right.py and test_carried.py do.
OF_A_TRAINER = {"skipping of right samples", "states that are carried on"}
# By all alike, the emulator too.
REFUSED_WITH_ANY_TIMING = {
    ("discrete", "maximum pooling"),
    ("discrete", "read-out outside the dynamics"),
    ("discrete", "skip and lateral connections"),
    ("discrete", "streams of events"),
}


def ask(name: str, feature: Feature, precision: Precision = "float64", on: str | None = None):
    """Run what asks for a feature of a backend, on this one or another."""
    given = {"network": NETWORK, "x": X, "coding": eq.Coding(), "phases": [eq.Free(6)]}
    if feature != "global clock" and "global clock" not in BACKENDS[name].features:
        given["timing"] = eq.Asynchronous()
    given |= ASKS[feature][0]
    network, x = given.pop("network"), given.pop("x")
    record = ("bits", "potentials")
    return eq.run(network, x, **given, precision=precision, record=record, backend=on or name)


def pairs(known: bool) -> list[tuple[str, Feature]]:
    """Backends other than the emulator with the features that they know, or lack."""
    return [
        (one.name, feature)
        for one in BACKENDS.values()
        for feature in ASKS
        if (feature in one.features) == known
        and one.name != "emulator"
        and (one.name, feature) not in REFUSED_WITH_ANY_TIMING
    ]


def need(backend: Backend) -> None:
    if backend.package is not None:
        optional_packages.need(backend.package.module, f"pip install 'eqchip[{backend.name}]'")


# --- what a row says is so ----------------------------------------------------------------


def test_every_feature_is_asked_for_here_and_known_to_the_emulator():
    assert {*ASKS, *OF_A_TRAINER} == set(get_args(Feature)) == set(BACKENDS["emulator"].features)


@pytest.mark.parametrize(("name", "feature"), pairs(known=True))
def test_what_a_backend_knows_it_computes_as_the_emulator_does(name, feature):
    backend = BACKENDS[name]
    need(backend)
    found, expected = ask(name, feature), ask(name, feature, on="emulator")
    for one, other in zip(found.bits, expected.bits, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(found.potentials, expected.potentials, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=backend.tolerances["float64"])
    if feature == "spikes per core":
        np.testing.assert_array_equal(found.cores.spikes, expected.cores.spikes)


@pytest.mark.parametrize(("name", "feature"), pairs(known=False))
def test_what_a_backend_lacks_is_refused_in_one_sentence(name, feature):
    with pytest.raises(eq.InputError) as refused:
        ask(name, feature)
    text = str(refused.value)
    assert re.fullmatch(REFUSAL, text), text
    assert f"backend {name!r} has no {feature} (" in text and ASKS[feature][1] in text
    has = [one.name for one in BACKENDS.values() if feature in one.features]
    assert text.endswith(f", or one of {', '.join(has)}")


@pytest.mark.parametrize("precision", get_args(Precision))
@pytest.mark.parametrize("name", BACKENDS)
def test_a_precision_is_computed_or_refused(name, precision):
    backend = BACKENDS[name]
    feature = backend.features[0]
    if precision in backend.tolerances:
        need(backend)
        found, expected = (ask(name, feature, precision, one) for one in (name, "emulator"))
        for one, other in zip(found.potentials, expected.potentials, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=backend.tolerances[precision])
        return
    with pytest.raises(eq.InputError, match=REFUSAL) as refused:
        ask(name, feature, precision)
    assert f"has no precision {precision!r}; expected 'float64'" in str(refused.value)
    assert "or one of emulator" in str(refused.value)


def test_a_problem_tells_only_what_it_needs():
    problem = pose(NETWORK, X, coding=eq.Coding(), phases=[eq.Free(2)])
    assert [need.feature for need in of_problem(problem)] == ["global clock"]


def test_an_unknown_backend_is_the_first_complaint():
    with pytest.raises(eq.InputError, match="unknown backend 'nest'; expected one of emulator, r"):
        eq.run(NETWORK, [["no number"]], coding=None, phases=None, backend="nest")


@pytest.mark.parametrize("name", ["brian2", "lava", "discrete"])
def test_a_missing_package_is_said_with_what_to_install(name, monkeypatch):
    package = BACKENDS[name].package
    monkeypatch.setitem(sys.modules, package.module, None)  # as if it were not installed
    monkeypatch.setattr(packages.sys, "version_info", (3, 10, 0))
    with pytest.raises(eq.InputError) as refused:
        ask(name, BACKENDS[name].features[0])
    assert "\n" not in str(refused.value)
    extra = "simpy" if name == "discrete" else name
    assert f"pip install 'eqchip[{extra}]'" in str(refused.value)


# --- a new backend is one row -------------------------------------------------------------


@pytest.fixture
def toy(monkeypatch) -> Backend:
    """The reference under another name, which knows less."""
    module = ModuleType("toy_engine")
    module.solve = lambda problem: reference.solve(problem)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_engine", module)
    row = Backend("toy", "toy_engine", {"float64": 0.0})
    monkeypatch.setitem(BACKENDS, row.name, row)
    return row


def test_a_row_is_all_that_a_new_backend_needs_to_run(toy):
    found, expected = ask("toy", "global clock"), ask("reference", "global clock")
    for one, other in zip(found.potentials, expected.potentials, strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(eq.InputError, match=r"backend 'toy' has no weaker feedback \(feedback_"):
        ask("toy", "weaker feedback")
    with pytest.raises(eq.InputError, match="backend 'toy' has no precision 'chip'; expected 'flo"):
        ask("toy", "global clock", "chip")
    with pytest.raises(eq.InputError, match=r"expected one of emulator, .*, toy"):
        eq.run(NETWORK, X, coding=eq.Coding(), phases=[eq.Free(2)], backend="nest")


def test_a_row_is_all_that_a_new_backend_needs_to_be_cross_checked(toy, tmp_path, capsys):
    run = RunDirectory.create(tmp_path / "run", small_config(dataset=FEW), "eqchip train")
    fit(run, few_digits(name=FEW), threads=1)
    asked = ["crosscheck", str(run.path), "--samples", "1", "--against", "toy", "--json"]
    assert main(asked) == 0
    document = json.loads(capsys.readouterr().out)
    rows = [(one["engine"], one["precision"]) for one in document["engines"]]
    assert ("toy", "float64") in rows and ("toy", "chip") not in rows
    assert document["equal"]
    assert toy in choose(None, "float64") and toy not in choose(None, "chip")


# --- the page -----------------------------------------------------------------------------


def test_the_page_on_backends_tells_what_the_registry_tells():
    page = (Path(__file__).parents[2] / "docs" / "backends.md").read_text(encoding="utf-8")
    rows = re.findall(r'^\| `"(\w+)"` \| [^|]* \| ([^|]*) \|', page, flags=re.MULTILINE)
    told = {name: tuple(precisions.strip().split(", ")) for name, precisions in rows}
    assert told == {name: tuple(one.tolerances) for name, one in BACKENDS.items()}
    for feature in get_args(Feature):
        (row,) = re.findall(rf"^\| {re.escape(feature)} \|(.*)\|$", page, flags=re.MULTILINE)
        marks = [cell.strip() for cell in row.split("|")]
        assert marks == ["yes" if feature in one.features else "" for one in BACKENDS.values()]
