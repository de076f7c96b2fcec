"""``eqchip bench peers``, with Lava, and with nobody."""

from __future__ import annotations

import json

import numpy as np
import pytest
from flags import replaced
from tiny_bench import tiny

from eqchip import Coding, Free, Network
from eqchip.__main__ import main
from eqchip.backends.packages import Package
from eqchip.bench import peers as peerspeed
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.pose import pose


def refuse(*_: object) -> None:
    raise InputError("not today")


def bench(capsys: pytest.CaptureFixture[str], *options: str) -> dict:
    assert main(replaced(tiny("peers", "--json", "--quiet"), *options)) == 0
    return json.loads(capsys.readouterr().out)


def test_whoever_cannot_run_is_left_out_and_named(capsys, monkeypatch):
    monkeypatch.setattr(peerspeed, "brian2_contestants", refuse)
    monkeypatch.setattr(peerspeed.packages, "LAVA", Package("no_such_package", "not today"))
    found = bench(capsys)
    left_out = found["left_out"]
    assert {left_out.pop(peer).split(";")[0] for peer in peerspeed.OUTSIDE} == {
        "no Python was named that has it"
    }
    assert left_out == {"Brian2": "not today", peerspeed.LAVA: "not today"}
    names = [contestant["name"] for contestant in found["contestants"]]
    assert names == [peerspeed.EMULATOR, peerspeed.DOUBLE]


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_lava_is_timed_without_its_start(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(peerspeed, "brian2_contestants", refuse)
    out = tmp_path / "speed.json"
    found = bench(capsys, "--out", str(out), "--rounds", "1", "--batch", "40")
    assert found == json.loads(out.read_text())
    assert set(found["left_out"]) == {"Brian2", *peerspeed.OUTSIDE}
    by_name = {contestant["name"]: contestant for contestant in found["contestants"]}
    assert by_name[peerspeed.LAVA]["events_per_second"] > 0
    assert found["ratios"][peerspeed.LAVA]["median"] > 1
    assert found["setup_seconds"][peerspeed.LAVA] > 0


def test_samples_that_drown_in_the_start_are_no_rate(monkeypatch):
    network = Network.dense([4, 3, 2], seed=0)
    problem = pose(
        network, np.full((3, 4), 0.5), coding=Coding("sigma-delta"), phases=[Free(2)],
        precision="float64",
    )  # fmt: skip
    runs = []
    monkeypatch.setattr(peerspeed.lava, "solve", runs.append)
    monkeypatch.setattr(peerspeed.time, "perf_counter", lambda: 1.0)
    with pytest.raises(InputError, match="Lava took no longer for 3 samples"):
        peerspeed._lava_contestant(problem).work()
    assert len(runs) == 2 * peerspeed.ATTEMPTS
