"""Contestants of ``eqchip bench peers`` that run by Pythons of their own."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from flags import replaced
from tiny_bench import tiny

from eqchip.__main__ import main
from eqchip.backends.packages import Package
from eqchip.bench import outside
from eqchip.bench import peers as peerspeed
from eqchip.bench.setting import Setting, bench_problem, synthetic
from eqchip.emulator.errors import InputError

CONTESTANTS = {"nest": outside.nest_contestant, "snntorch": outside.snntorch_contestant}
HIDING = "import sys; sys.modules['nest'] = sys.modules['snntorch'] = None\n"


def small_problem():
    setting = Setting((30, 20, 5), free_steps=6, nudged_steps=3)
    return bench_problem(setting, synthetic(2, 30, 0))


@pytest.fixture
def alone(monkeypatch):
    """No Brian2 and no Lava."""

    def refuse(*_: object) -> None:
        raise InputError("not today")

    monkeypatch.setattr(peerspeed, "brian2_contestants", refuse)
    monkeypatch.setattr(peerspeed.packages, "LAVA", Package("no_such_package", "not today"))


def bench(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    assert main(replaced(tiny("peers", "--json", "--quiet"), *options)) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("alone")
def test_peers_that_no_option_names_are_left_out_in_a_line(capsys):
    left_out = bench(capsys)["left_out"]
    for name, option in outside.OPTIONS.items():
        assert option in left_out[name] and "\n" not in left_out[name]


@pytest.mark.parametrize("peer", CONTESTANTS)
def test_a_python_that_is_not_there_is_refused_in_a_line(peer, tmp_path):
    with pytest.raises(InputError, match=f"--{peer}-python: .*nobody does not start") as refused:
        CONTESTANTS[peer](small_problem(), str(tmp_path / "nobody"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("peer", CONTESTANTS)
def test_a_python_without_the_peer_is_refused_with_what_it_said(peer, tmp_path):
    bare = tmp_path / "python"  # this one, with the peers hidden
    (tmp_path / "sitecustomize.py").write_text(HIDING)
    bare.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(InputError, match=r"stopped .*Error.*; expected a Python") as refused:
        CONTESTANTS[peer](small_problem(), str(bare))
    assert "\n" not in str(refused.value)


@pytest.mark.peer
@pytest.mark.parametrize("peer", CONTESTANTS)
def test_a_peer_is_timed_by_its_own_clock(peer):
    python = os.environ.get(f"EQCHIP_{peer.upper()}_PYTHON")
    if python is None:
        pytest.skip(f"EQCHIP_{peer.upper()}_PYTHON names no Python that has it")
    found = CONTESTANTS[peer](small_problem(), python)  # NEST is refused if it sends other spikes
    try:
        before = found.clock()
        found.work()
        assert all(b > a for a, b in zip(before, found.clock(), strict=True))
        assert found.events > 0
        assert found.loop.version
    finally:
        found.loop.close()


def test_events_of_spikes_are_those_that_they_cross():
    problem = small_problem()
    spikes = [np.array([2, 1]), np.array([4, 0]), np.array([0, 3])]  # of steps, by layer
    # 3 spikes reach 20 units, 4 reach 5 above (the input below hears nothing), 3 go back to 20.
    assert outside._events_of(problem, spikes) == 3 * 20 + 4 * 5 + 3 * 20
