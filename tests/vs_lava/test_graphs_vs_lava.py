"""Graphs in a chip's integers: every bit and voltage of Lava's bit-accurate models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lava_graphs import drawn

import eqchip as eq

PROGRAM = Path(__file__).parents[1] / "helpers" / "lava_graphs.py"


def graph_of(case) -> eq.Graph:
    populations = [eq.Population("in", eq.Input(), case["sizes"]["in"])]
    populations += [
        eq.Population(name, eq.loihi_unit(**registers), case["sizes"][name])
        for name, registers in case["units"].items()
    ]
    projections = [
        eq.loihi_projection(
            p["pre"],
            p["post"],
            p["weights"],
            exponent=p["exponent"],
            bits=p["bits"],
            delay=0 if p["delay"] is None else p["delay"],
        )
        for p in case["projections"]
    ]
    return eq.Graph(populations, projections, outputs=list(case["units"]))


def check(seeds: range, folder: Path) -> None:
    path = folder / "lava.npz"
    command = [sys.executable, str(PROGRAM), str(path), *map(str, seeds)]
    done = subprocess.run(
        command, cwd=folder, timeout=60 + 10 * len(seeds), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as lava:
        for seed in seeds:
            case = drawn(seed)
            run = eq.run(
                graph_of(case),
                case["spikes"][:, None],
                precision="chip",
                record=("spikes", "potentials"),
                threads=1,
            )
            for name in case["units"]:
                v = lava[f"{seed} {name} v"]
                assert np.array_equal(run.potentials[name][:, 0], v), (seed, name)
                q = lava[f"{seed} {name} s_out"]
                assert np.array_equal(run.spikes[name][:, 0], q), (seed, name)


@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_drawn_graphs_equal_lava_to_the_bit(tmp_path):
    check(range(8), tmp_path)


@pytest.mark.long
@pytest.mark.peer
@pytest.mark.usefixtures("lava")
def test_many_drawn_graphs_equal_lava_to_the_bit(tmp_path):
    check(range(100, 300), tmp_path)
