"""What is wrong in a NIR graph is refused in a line that names the node, and nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import eqchip as eq
from eqchip.__main__ import main

pytestmark = pytest.mark.peer
nir = pytest.importorskip("nir")

STEP = 1e-3
CHAIN = [("in", "map"), ("map", "a"), ("a", "out")]


def lif(units: int) -> Any:
    ones = np.ones(units)
    return nir.LIF(tau=0.01 * ones, r=ones, v_leak=0 * ones, v_threshold=ones)


def nodes(**others: Any) -> dict[str, Any]:
    """A small network, with some of its nodes another, or more."""
    return {
        "in": nir.Input(input_type=np.array([3])),
        "map": nir.Linear(weight=np.ones((2, 3))),
        "a": lif(2),
        "out": nir.Output(output_type=np.array([2])),
        **others,
    }


def delayed(seconds: float) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    edges = [("in", "late"), ("late", "map"), *CHAIN[1:]]
    return nodes(late=nir.Delay(delay=np.full(3, seconds))), edges


CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], str]] = {
    "unreached": (nodes(lone=lif(2)), CHAIN, "node 'lone' (LIF): nothing leads to it; expected"),
    "unread": (nodes(), CHAIN[:2], "node 'out' (Output): no unit leads to it; expected an edge"),
    "no output": (
        {name: one for name, one in nodes().items() if name != "out"}, CHAIN[:2],
        "no node is an Output; expected at least one",
    ),
    "no such node": (nodes(), [*CHAIN, ("map", "b")], "an edge names 'b'; expected one of"),
    "units": (nodes(a=lif(4)), CHAIN, "node 'map' leads (2,) units to node 'a', which has (4,)"),
    "inputs": (
        nodes(**{"in": nir.Input(input_type=np.array([5]))}), CHAIN,
        "node 'map' (Linear): weight has shape (2, 3); expected (units, 5)",
    ),
    "weights": (
        nodes(map=nir.Linear(weight=np.full((2, 3), np.nan))), CHAIN,
        "node 'map' (Linear): weight is empty or not finite",
    ),
    "negative delay": (*delayed(-STEP), "node 'late' (Delay): a delay is no whole number of steps"),
    "half a step": (*delayed(1.5 * STEP), "node 'late' (Delay): a delay is no whole number"),
    "long delay": (*delayed(1e6), "node 'late' (Delay): a delay is 1,000,000,000 steps of 0.001 s"),
}  # fmt: skip


def written(folder: Path, parts: dict[str, Any], edges: list[tuple[str, str]]) -> Path:
    nir.write(folder / "graph.nir", nir.NIRGraph(nodes=parts, edges=edges, type_check=False))
    return folder / "graph.nir"


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_graph_is_refused_by_the_name_of_its_node(case, tmp_path, capsys):
    parts, edges, expected = CASES[case]
    path, out = written(tmp_path, parts, edges), tmp_path / "out.npz"
    assert main(["import", str(path), "--dt", str(STEP), "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"eqchip: error: {path}: ")
    assert expected in error
    assert not out.exists()


@pytest.mark.parametrize(
    ("dt", "expected"),
    [
        (0.02, "node 'a' (LIF): tau: decay: dt 0.02 over tau 0.01 is a decay of 2; expected at"),
        (1e-320, "dt is 1e-320; expected seconds, of at least 1e-12"),
        (float("nan"), "dt is nan; expected seconds, of at least 1e-12"),
        (None, "node 'a' (LIF) has a time constant tau, and nothing says how long a step is"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_step_that_no_decay_has_is_refused(dt, expected, tmp_path):
    path = written(tmp_path, nodes(), CHAIN)
    with pytest.raises(eq.InputError) as caught:
        eq.read_nir(path, dt=dt)
    assert expected in str(caught.value)


@pytest.mark.filterwarnings("error")
def test_numbers_that_end_on_their_way_are_refused_by_the_name_of_the_node(tmp_path):
    tiny = nir.LIF(np.full(2, 0.01), np.full(2, 1e-308), np.zeros(2), np.ones(2))
    path = written(tmp_path, nodes(a=tiny), CHAIN)
    with pytest.raises(eq.InputError, match=r"node 'a' \(LIF\): LIF: threshold is inf"):
        eq.read_nir(path, dt=1e-6)


def test_a_time_constant_that_is_the_step_but_for_its_last_bit_is_read(tmp_path):
    each = np.full(2, np.nextafter(np.float32(STEP), np.float32(0)))
    same = nir.LIF(each, np.ones(2), np.zeros(2), np.ones(2))
    graph = eq.read_nir(written(tmp_path, nodes(a=same), CHAIN), dt=STEP).graph
    assert graph.population("a").unit.decay == 1.0


def test_weights_beyond_a_chip_are_refused_by_the_name_of_the_projection(tmp_path):
    graph = eq.read_nir(written(tmp_path, nodes(), CHAIN), dt=STEP).graph
    with pytest.raises(eq.InputError, match=r"projection 'in -> a via map'|population 'a'"):
        eq.run(graph, np.ones((2, 1, 3)), precision="chip", backend="reference")
