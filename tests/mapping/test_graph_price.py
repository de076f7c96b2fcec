"""The price of a graph: of rates by population, events, sizes; per second; of writes; as a page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import eqchip as eq
from eqchip.__main__ import main
from eqchip.hw_reports.page.graph import write_price
from eqchip.hw_reports.pricing.graph import cost_of
from eqchip.hw_reports.pricing.graph_spikes import OfRates, Recorded, Sent
from eqchip.mapping.placement.graph import map_graph

LOIHI = "loihi1-davies"
GOLDEN = Path(__file__).parents[1] / "golden" / "nir"


def small() -> eq.Graph:
    return eq.Graph(
        [
            eq.Population("in", eq.Input(), 6),
            eq.Population("hidden", eq.LIF(), 5),
            eq.Population("always", eq.IF(threshold=0.0, bias=1.0), 1),
            eq.Population("out", eq.LI(), 2),
        ],
        [
            eq.Projection("in", "hidden", np.ones((6, 5))),
            eq.Projection("hidden", "hidden", np.ones((5, 5))),
            eq.Projection("always", "out", np.ones((1, 2))),
            eq.Projection("hidden", "out", np.ones((5, 2))),
        ],
    )


def test_each_population_has_its_rate_and_a_bias_fires_at_every_step():
    found = eq.price(small(), rates={"in": 0.5, "hidden": 0.1}, steps=10, chip=LOIHI)
    synops = 10 * (0.5 * 6 * 5 + 0.1 * 5 * (5 + 2) + 1 * 2)
    assert found["events"]["synaptic_event"] == pytest.approx(synops)
    alike = eq.price(small(), rates=0.1, steps=10, chip=LOIHI)
    synops = 10 * (0.1 * 6 * 5 + 0.1 * 5 * (5 + 2) + 1 * 2)
    assert alike["events"]["synaptic_event"] == pytest.approx(synops)


def test_spikes_of_a_bias_need_not_be_recorded():
    spikes = {"in": np.zeros((4, 6)), "hidden": np.ones((4, 5))}
    found = eq.price(small(), spikes=spikes, chip=LOIHI)
    assert found["events"]["synaptic_event"] == 4 * (5 * 7 + 2)


def test_events_cost_what_the_same_spikes_cost(tmp_path):
    rng = np.random.default_rng(0)
    spikes = {n: rng.random((12, 3, size)) < 0.3 for n, size in (("in", 6), ("hidden", 5))}
    arrays = {}
    for name, array in spikes.items():
        step, sample, unit = np.nonzero(array)
        arrays[name] = np.stack([step, unit, sample], axis=1)
    np.savez(tmp_path / "events.npz", **arrays)
    recorded = eq.price(small(), spikes=spikes, chip=LOIHI)
    told = eq.price(small(), events=tmp_path / "events.npz", steps=12, chip=LOIHI)
    assert {**told, "of": "spikes"} == recorded


def test_a_price_does_not_depend_on_how_many_steps_are_priced_at_once(monkeypatch):
    rng = np.random.default_rng(1)
    graph = small()
    spikes = {n: rng.random((9, 2, size)) < 0.3 for n, size in (("in", 6), ("hidden", 5))}
    mapped, sent = map_graph(graph, eq.load_chip(LOIHI)), Recorded(graph, spikes, "spikes")
    whole = cost_of(mapped, sent, 9)
    monkeypatch.setattr("eqchip.hw_reports.pricing.graph_spikes.AT_ONCE", 1)
    assert len(list(sent.blocks())) == 9
    pieces = cost_of(mapped, sent, 9)
    assert pieces.totals == pytest.approx(whole.totals)
    assert pieces.seconds.figure.value == pytest.approx(whole.seconds.figure.value)


def test_sizes_cost_what_a_graph_of_them_costs():
    graph = eq.Graph(
        [eq.Population("0", eq.Input(), 20), eq.Population("1", eq.LIF(), 8)],
        [eq.Projection("0", "1", np.ones((20, 8)))],
    )
    asked = {"rates": {"0": 0.2, "1": 0.1}, "chip": LOIHI}
    sizes, whole = eq.price(network="20-8", **asked), eq.price(graph, **asked)
    assert sizes["graph"] == "20-8"
    assert {**sizes, "graph": "Graph"} == whole
    assert eq.price(network="8x8-4c3-10", rates=0.1, chip=LOIHI)["synapses"] == 36 * 36 + 1440


def test_a_second_of_signal_costs_its_events_and_a_second_of_static_power():
    chip = eq.load_chip(LOIHI)
    found = eq.price(small(), rates=0.1, steps=50, dt=1e-3, chip=LOIHI)
    watts = found["streaming"]["power"]["figure"]["value"]
    joules = {
        row["kind"]: row["figure"]["value"] for row in found["energy_by_kind"] if row["figure"]
    }
    events = sum(j for kind, j in joules.items() if kind not in ("static", "reset"))
    static = chip.static_power["chip"].si.value
    assert watts == pytest.approx(events / (50 * 1e-3) + static)
    assert found["streaming"]["keeps_up"]
    assert found["streaming"]["busy"] == pytest.approx(found["step_seconds"] / 1e-3)
    more = eq.price(small(), rates=0.1, steps=500, dt=1e-3, chip=LOIHI)["streaming"]
    assert more["power"]["figure"]["value"] == pytest.approx(watts)  # of no sample in particular


def test_a_chip_that_does_not_keep_up_says_so():
    found = eq.price(small(), rates=0.1, dt=1e-9, chip=LOIHI)
    assert not found["streaming"]["keeps_up"]
    assert any("does not keep up" in note for note in found["notes"])


def test_an_update_writes_every_synapse_so_many_times():
    chip = eq.load_chip(LOIHI)
    found = eq.price(small(), rates=0.1, writes=2, chip=LOIHI)
    update, synapses = found["update"], 6 * 5 + 5 * 5 + 2 + 5 * 2
    assert update["events"]["weight_update"] == 2 * synapses
    joules = {r["kind"]: r["figure"]["value"] for r in update["energy_by_kind"] if r["figure"]}
    assert joules["weight_update"] == pytest.approx(
        2 * synapses * chip.energy["weight_update"].si.value
    )
    without = eq.price(small(), rates=0.1, chip=LOIHI)
    assert without["update"] is None
    assert without["energy"] == found["energy"]
    with pytest.raises(eq.InputError, match="chip truenorth-cores has no learning engine"):
        eq.price(small(), rates=0.1, writes=1, chip="truenorth-cores")


REFUSED = {
    "unknown": ({"rates": {"in": 0.1, "x": 0.1}}, "price: rates: a rate of 'x'; expected one of"),
    "missing": ({"rates": {"in": 0.1}}, "price: rates has none of 'hidden'; expected one of all"),
    "silent": (
        {"rates": {"in": 0.1, "hidden": 0.1, "out": 0.1}},
        "price: rates: a rate of 'out', which is LI and sends nothing; expected none",
    ),
    "high": ({"rates": {"in": 1.5, "hidden": 0}}, "price: rates of 'in' is 1.5; expected spikes"),
    "nan": ({"rates": float("nan")}, "price: rates is nan; expected spikes of a unit"),
    "dt": ({"rates": 0.1, "dt": 1e-320}, "price: dt is 1e-320; expected seconds, of at least"),
    "writes": ({"rates": 0.1, "writes": -1}, "price: writes is -1; expected a number of at least"),
    "network": ({"rates": 0.1, "network": "3-2"}, "price: both of graph and network given"),
    "file": ({"events": "none.csv"}, "none.csv: no such file; expected events, .npz or .csv"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_price_is_refused(what, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked, expected = REFUSED[what]
    with pytest.raises(eq.InputError) as caught:
        eq.price(small(), **{"chip": LOIHI, **asked})
    assert expected in str(caught.value)


def test_events_beyond_the_steps_are_refused(tmp_path):
    (tmp_path / "e.csv").write_text("step,population,unit\n7,in,0\n")
    with pytest.raises(eq.InputError, match="an event is at step 7, but there are 5 steps"):
        eq.price(small(), events=tmp_path / "e.csv", steps=5, chip=LOIHI)


def test_more_steps_than_memory_are_refused_before_they_take_any(tmp_path):
    (tmp_path / "e.csv").write_text(f"step,population,unit\n{2**31 - 1},in,0\n")
    with pytest.raises(eq.InputError, match=r"takes .* bytes, and there are .*; expected fewer"):
        eq.price(small(), events=tmp_path / "e.csv", chip=LOIHI)


def test_a_page_is_written_whole_and_names_no_more_than_it_has(tmp_path):
    found = eq.price(
        small(), rates=0.1, dt=1e-3, writes=1, chip=LOIHI, out=tmp_path / "page"
    )  # fmt: skip
    written = {path.name for path in (tmp_path / "page").iterdir()} - {".lock"}
    assert written == {
        "report.html", "price.json", "energy-by-kind.png", "step-waits-for.png",
        "utilisation.png", "traffic.png",
    }  # fmt: skip
    assert json.loads((tmp_path / "page" / "price.json").read_text()) == found
    page = (tmp_path / "page" / "report.html").read_text()
    for words in ("Power of a stream", "Energy of an update", "hidden", "modelled, not measured"):
        assert words.lower() in page.lower()
    assert "<script" not in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_names_that_no_encoding_knows_and_every_way_of_spikes_have_a_page(tmp_path):
    found = eq.price(small(), rates=0.1, chip=LOIHI)
    odd = {**found, "graph": "odd\udc80<b>.nir"}
    for of in ("rates", "spikes", "events", "run"):
        write_price({**odd, "of": of}, tmp_path / of)
        page = (tmp_path / of / "report.html").read_text()
        assert "odd?&lt;b&gt;.nir" in page


def test_a_refused_price_writes_nothing(tmp_path):
    with pytest.raises(eq.InputError):
        eq.price(small(), rates=2.0, chip=LOIHI, out=tmp_path / "page")
    assert not list(tmp_path.iterdir())


def test_the_command_takes_sizes_and_rates_by_population(capsys):
    asked = ["price", "--network", "20-8-4", "--chip", LOIHI, "--json", "--quiet"]
    assert main([*asked, "--rates", "0=0.2,1=0.1,2=0"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == eq.price(network="20-8-4", rates={"0": 0.2, "1": 0.1, "2": 0}, chip=LOIHI)
    assert main([*asked, "--rates", "0=x"]) == 2
    assert "expected 0.05, or hidden=0.05,out=0.01" in capsys.readouterr().err


def test_nothing_is_compiled_for_a_price(tmp_path):
    program = """
import eqchip as eq
import numpy as np
eq.price(network="20-8-4", rates=0.1, chip="loihi1-davies", writes=1, dt=1e-3)
spikes = {name: np.ones((3, n)) for name, n in (("0", 4), ("1", 2))}
eq.price(network="4-2", spikes=spikes, chip="loihi1-davies")
from numba.core.dispatcher import Dispatcher
import gc
made = [one for one in gc.get_objects() if isinstance(one, Dispatcher) and one.signatures]
print([one.py_func.__name__ for one in made])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_links_carry_the_hops_of_all_messages():
    """Many cores on many tiles: what links carry is what messages hop, direction by direction."""
    found = eq.price(network="784-3000-2000", rates=0.1, steps=3, chip=LOIHI, placement="naive")
    assert found["cores"] > 40
    links = found["mapping"]["links"]
    for kind, ways in (("east_west", ("east", "west")), ("north_south", ("north", "south"))):
        carried = sum(one["load"]["inference"] for one in links if one["direction"] in ways)
        assert carried == pytest.approx(found["events"][f"hop_{kind}"])


def test_a_graph_without_synapses_has_a_price():
    lone = eq.Graph([eq.Population("p", eq.LIF(bias=2.0), 4)], [])
    found = eq.price(lone, rates=0.5, chip=LOIHI)
    assert found["events"]["message"] == 0
    assert found["mapping"]["links"] == []


@pytest.mark.peer
@pytest.mark.parametrize("name", ["", "_subgraph"])
def test_a_recurrent_network_of_another_tool_is_priced_by_one_command(name, capsys):
    pytest.importorskip("nir")
    path = GOLDEN / f"braille_noDelay_bias_zero{name}.nir"
    asked = ["price", str(path), "--dt", "1e-4", "--rates", "0.05", "--chip", LOIHI]
    assert main([*asked, "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    synops = 100 * (0.05 * (12 * 38 + 38 * 38 + 38 * 7) + 38 + 7)  # a bias fires at every step
    assert found["events"]["synaptic_event"] == pytest.approx(synops)


def test_means_are_those_of_all_steps():
    graph = small()
    spikes = {"in": np.eye(6)[:, None], "hidden": np.ones((6, 1, 5))}
    sent: Sent = Recorded(graph, spikes, "spikes")
    assert [one.tolist() for one in sent.means()] == [[1 / 6] * 6, [1] * 5, [1], [0, 0]]
    assert OfRates(graph, 0.5).means()[0].tolist() == [0.5] * 6
