"""Layers on cores: every unit once, no limit broken, the fewest parts, and refusals that help."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from small_chips import chip_of_events, dense, most_used, parts_by_layer, small_chip
from small_runs import few_digits, small_config

from eqchip.__main__ import main
from eqchip.emulator.description.fixedpoint import quantize
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.parts import Part, check_parts
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.plots.mesh import draw_mesh, mesh_picture
from eqchip.hw_reports.show.mesh_text import mesh_text
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit, check_fits, split_layer
from eqchip.mapping.placement.use import RESOURCES, limits, used

KIB = 8 * 1024
LOIHI = load_chip("loihi1-davies")

# --- what a part uses, by hand ------------------------------------------------------------


def test_resources_of_a_small_network_by_hand():
    # On Loihi n synapses of 8 bits take 8 n + 10 bits in words of 64: one word up to n = 6.
    mapped = map_network(dense(8, 8, 2), small_chip(units=8, synapse_memory=10 * 64))
    # Hidden: 8 + 2 axons of 8 synapses would take 2 words each; 4 units a core take one.
    assert parts_by_layer(mapped) == [[8], [4, 4], [2]]
    words = {"forward": [0, 8, 8, 8], "mirrored": [0, 2, 2, 0]}
    assert (mapped.synapse_bits == 64 * np.array([words["forward"], words["mirrored"]]).T).all()
    assert [use["synapse_memory"] for use in mapped.use] == [0, 640, 640, 512]
    assert [use["units"] for use in mapped.use] == [8, 4, 4, 2]
    assert [use["input_axons"] for use in mapped.use] == [0, 8 + 2, 8 + 2, 8]
    # The input reaches two cores; hidden units one; output units two, never the clamped input.
    assert [use["output_axons"] for use in mapped.use] == [8 * 2, 4, 4, 2 * 2]
    assert [use["fan_in"] for use in mapped.use] == [0, 8 + 2, 8 + 2, 8]
    assert [use["fan_out"] for use in mapped.use] == [8, 2, 2, 8]
    assert mapped.totals["synapse_memory"] == 1792 and mapped.totals["fan_in"] == 10


def test_tiles_are_those_with_a_core_that_is_used():
    # 6 cores, 4 to a tile.
    mapped = map_network(dense(4, 6, 2), small_chip(units=2, cores_per_tile=4))
    assert len(mapped.parts) == 6 and mapped.tiles == len(set(mapped.tile.tolist())) == 2


def test_synapses_that_a_spike_meets_by_hand():
    mapped = map_network(dense(3, 5, 2), small_chip(units=3))
    assert parts_by_layer(mapped) == [[3], [3, 2], [2]]
    assert mapped.synapses.tolist() == [
        [0, 3, 2, 0],  # input to both hidden cores
        [0, 0, 0, 2],  # hidden forward; nothing goes back to the input
        [0, 0, 0, 2],
        [0, 3, 2, 0],  # output: feedback to both
    ]
    assert mapped.destinations.tolist() == [2, 1, 1, 2]


def test_a_dense_layer_takes_the_memory_that_the_reference_names():
    # hardware facts: the input connection of 784-512-10 takes 441 KiB in the dense format.
    mapped = map_network(dense(784, 512, 10), LOIHI)
    assert mapped.synapse_bits[mapped.cores_of(1), 0].sum() == 441 * KIB
    assert len(mapped.parts) == 6 and mapped.tightest.resource == "synapse_memory"


def test_output_axons_split_the_layer_that_sends():
    # Two hidden cores: the four input units would take eight output axons on one core.
    mapped = map_network(dense(4, 6, 1), small_chip(units=4, output_axons=6))
    assert parts_by_layer(mapped) == [[2, 2], [3, 3], [1]]
    assert [use["output_axons"] for use in mapped.use] == [4, 4, 3, 3, 2]


def test_parts_are_near_equal_and_the_larger_ones_come_first():
    assert [part.units for part in split_layer(2, (11,), 4)] == [3, 3, 3, 2]
    assert split_layer(2, (11,), 4)[1] == Part(2, 3, 3)


def test_codes_are_those_of_the_chip():
    network = dense(7, 5, 3)
    mapped = map_network(network, LOIHI)
    for weights, found in zip(network.weights, mapped.weights, strict=True):
        expected = quantize(weights, LOIHI.arithmetic)
        np.testing.assert_array_equal(found.codes, expected.codes)
        assert found.exponent == expected.exponent


# --- copies -------------------------------------------------------------------------------


def test_every_connection_but_the_first_is_stored_twice():
    mapped = map_network(dense(3, 5, 2), small_chip(units=3))
    first, second = mapped.copies(0), mapped.copies(1)
    assert (first.forward.tolist(), first.mirrored.tolist(), first.stored) == ([1, 2], [], 1)
    assert (second.forward.tolist(), second.mirrored.tolist(), second.stored) == ([3], [1, 2], 2)
    assert (first.synapses, second.synapses) == (15, 10)


def test_a_chip_with_one_copy_needs_no_memory_for_the_other():
    one = map_network(dense(3, 5, 2), small_chip(units=3, copies=1))
    two = map_network(dense(3, 5, 2), small_chip(units=3, copies=2))
    assert one.copies(1).mirrored.tolist() == [] and one.copies(1).stored == 1
    assert not one.synapse_bits[:, 1].any() and two.synapse_bits[:, 1].any()
    np.testing.assert_array_equal(one.synapse_bits[:, 0], two.synapse_bits[:, 0])


# --- any network on any chip --------------------------------------------------------------

SIZES = st.lists(st.integers(1, 40), min_size=2, max_size=5)
CHIPS = st.builds(
    small_chip,
    copies=st.sampled_from([1, 2]),
    units=st.integers(1, 50),
    synapse_memory=st.integers(1, 60).map(lambda words: 64 * words),
    input_axons=st.integers(1, 90),
    output_axons=st.integers(1, 200),
    fan_in=st.none() | st.integers(1, 90),
    fan_out=st.none() | st.integers(1, 90),
    tiles_x=st.integers(1, 3),
    tiles_y=st.integers(1, 3),
    cores_per_tile=st.integers(1, 4),
    chips_x=st.none() | st.integers(1, 3),
)


@given(SIZES, CHIPS)
def test_every_unit_is_on_one_core_and_no_limit_is_broken(sizes, chip):
    network = dense(*sizes)
    try:
        mapped = map_network(network, chip, chips=None)
    except DoesNotFit as error:
        assert error.broken and "\n" not in str(error)
        for broken in error.broken:
            assert broken.needed > broken.allowed and broken.layer is not None
            assert limits(chip)[broken.resource] == broken.allowed
            alone = Part(broken.layer, 0, 1)
            # Even a unit by itself breaks it, with every other layer on as few cores as can be.
            whole = [[Part(k, 0, n)] for k, n in enumerate(sizes)]
            if broken.resource != "output_axons":
                assert used(network, chip, alone, whole)[broken.resource] == broken.needed
        return
    check_parts(mapped.parts, sizes)
    allowed = mapped.limits
    for name, most in most_used(mapped).items():
        assert allowed[name] is None or most <= allowed[name]
    assert len(set(mapped.sites.tolist())) == len(mapped.parts) <= mapped.mesh.sites
    assert mapped.chips == -(-len(mapped.parts) // chip.cores.per_chip.amount)
    slots = set(zip(mapped.x.tolist(), mapped.y.tolist(), mapped.slot.tolist(), strict=True))
    assert len(slots) == len(mapped.parts)
    column, row = mapped.x // chip.cores.tiles_x.amount, mapped.y // chip.cores.tiles_y.amount
    assert (mapped.chip_of == row * mapped.mesh.across + column).all()
    assert (column < mapped.mesh.across).all()
    assert (mapped.utilisation <= 1).all()


@given(SIZES, CHIPS)
def test_no_layer_could_do_with_one_part_less(sizes, chip):
    network = dense(*sizes)
    try:
        mapped = map_network(network, chip, chips=None)
    except DoesNotFit:
        return
    split = [[part for part in mapped.parts if part.layer == k] for k in range(len(sizes))]
    for layer, parts in enumerate(split):
        if len(parts) == 1:
            continue
        fewer = split_layer(layer, (sizes[layer],), len(parts) - 1)
        use = used(network, chip, fewer[0], [*split[:layer], fewer, *split[layer + 1 :]])
        allowed = limits(chip)
        assert any(allowed[name] is not None and use[name] > allowed[name] for name in RESOURCES)


def test_one_sweep_after_the_other_reaches_a_fixed_point():
    # Three layers that push each other: more hidden cores take more axons of their neighbours.
    mapped = map_network(dense(20, 20, 20), small_chip(units=7, output_axons=24))
    counts = [len(parts) for parts in parts_by_layer(mapped)]
    assert counts[0] * 24 >= 20 * counts[1] and counts[2] * 24 >= 20 * counts[1]
    assert counts == [3, 3, 3]


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "limits_", "resource", "needed", "words"),
    [
        ((6, 4, 3), {"input_axons": 8}, "input_axons", 9, ["layer 1", "core 1", "9 input axons",
         "8 allowed", "at most 8 units in layers 0 and 2 together"]),
        ((6, 4, 3), {"fan_in": 5}, "fan_in", 6 + 3, ["layer 1", "9 synapses onto a unit",
         "5 allowed"]),
        ((6, 4, 3), {"fan_out": 3}, "fan_out", 4, ["layer 0", "4 synapses from a unit",
         "at most 3 units in layer 1"]),
        ((6, 4, 3), {"synapse_memory": 256}, "synapse_memory", 9 * 64, ["layer 1",
         "576 bits of synapse memory", "256 allowed", "at most 4 units in layers 0 and 2"]),
        ((6, 4, 3), {"units": 1, "output_axons": 3}, "output_axons", 4, ["layer 0",
         "4 output axons", "3 allowed", "at most 3 cores in layer 1"]),
    ],
    ids=["input_axons", "fan_in", "fan_out", "synapse_memory", "output_axons"],
)  # fmt: skip
def test_a_limit_that_no_split_keeps_is_named(sizes, limits_, resource, needed, words):
    with pytest.raises(DoesNotFit) as caught:
        map_network(dense(*sizes), small_chip(**limits_), chips=None)
    text = str(caught.value)
    found = [one for one in caught.value.broken if one.resource == resource]
    assert found[0].needed == needed
    for word in words:
        assert word in text
    assert "Network(6-4-3) does not fit on small" in text and "\n" not in text


def test_every_broken_limit_is_in_the_one_line():
    chip = small_chip(units=2, input_axons=8, fan_out=3, tiles_x=1, tiles_y=1, cores_per_tile=2)
    with pytest.raises(DoesNotFit) as caught:
        map_network(dense(6, 4, 3), chip)
    named = {(one.resource, one.layer) for one in caught.value.broken}
    assert {("input_axons", 1), ("fan_out", 0), ("cores", None)} <= named
    assert str(caught.value).count("needs") == len(caught.value.broken)


def test_what_a_refusal_proposes_does_fit():
    with pytest.raises(DoesNotFit, match="at most 8 units in layers 0 and 2 together"):
        map_network(dense(6, 4, 3), small_chip(input_axons=8))
    map_network(dense(5, 4, 3), small_chip(input_axons=8))


def test_a_network_spills_over_chips_if_asked():
    chip = small_chip(units=2, tiles_x=2, tiles_y=1, cores_per_tile=1)
    network = dense(4, 4, 2)  # five cores
    with pytest.raises(DoesNotFit, match=r"5 cores, 2 allowed .*--chips 3"):
        map_network(network, chip)
    with pytest.raises(DoesNotFit, match="on 2 chips needs 5 cores, 4 allowed"):
        map_network(network, chip, chips=2)
    for most in (3, 9, None):
        mapped = map_network(network, chip, chips=most)
        assert mapped.chips == 3 and mapped.mesh.sites == 6
    assert set(mapped.chip_of.tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"chips": 0}, ["chips is 0"]),
        ({"chips": 1.5}, ["chips is 1.5"]),
        ({"rates": [1, 1]}, ["rates", "(2,)", "(3,)"]),
        ({"rates": [1, -1, 1]}, ["rates", "-1"]),
        ({"rates": [1, float("nan"), 1]}, ["rates", "nan"]),
        ({"placement": "best"}, ["'best'", "hops, energy, time, naive"]),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments, words):
    with pytest.raises(InputError) as caught:
        map_network(dense(3, 2, 1), LOIHI, **arguments)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


def test_a_chip_without_cores_is_refused():
    with pytest.raises(
        InputError, match=r"mesh-less: its file describes no cores \(model 'events'"
    ):
        map_network(dense(3, 2, 1), chip_of_events())


def spoiled() -> Network:
    """One weight of 200 in the first of two connections."""
    network = dense(6, 5, 3)
    weights = [np.array(w) for w in network.weights]
    weights[0][0, 0] = 200.0
    return Network.dense([6, 5, 3], weights=weights)


def test_weights_that_become_0_are_counted_by_connection_and_refused_if_strict():
    mapped = map_network(spoiled(), LOIHI)
    first, second = mapped.to_dict()["connections"]
    assert (first["vanished"], first["nonzero"], first["saturated"]) == (29, 30, 0)
    assert second["vanished"] == int((mapped.weights[1].codes == 0).sum()) < 5
    with pytest.raises(InputError, match="map: connection 1: 29 of 30 weights round to 0 in 8 bit"):
        map_network(spoiled(), LOIHI, strict=True)
    heard = replace(LOIHI.arithmetic, outliers=0.04)
    chip = LOIHI.model_copy(update={"arithmetic": heard})
    assert map_network(spoiled(), chip, strict=True).weights[0].saturated == 1
    map_network(dense(6, 5, 3), LOIHI, strict=True)


def test_map_says_which_connection_rounds_to_0(capsys, monkeypatch):
    network = spoiled()
    monkeypatch.setattr(Network, "chain", lambda *_, **__: network)
    assert main(["map", "--network", "6-5-3"]) == 0
    shown = capsys.readouterr().out
    assert "connection 1: 29 of 30 weights round to 0 in 8 bits: the largest, of 200" in shown
    assert main(["map", "--network", "6-5-3", "--strict"]) == 2
    assert "map: connection 1: 29 of 30" in capsys.readouterr().err


# --- pictures -----------------------------------------------------------------------------


def test_the_mesh_in_a_terminal_shows_every_core_where_it_stands():
    chip = small_chip(units=2, tiles_x=2, tiles_y=2, cores_per_tile=2, per_chip=7)
    mapped = map_network(dense(4, 9, 2), chip, chips=None, placement="naive")
    lines = mesh_text(mapped).plain.splitlines()
    assert lines[:12] == [
        "chip 0",
        "┌────┬────┐",
        "│0█0█│1█1█│",
        "├────┼────┤",
        "│1█1█│1▒  │",  # the chip has no eighth core
        "└────┴────┘",
        "chip 1",
        "┌────┬────┐",
        "│2█· │· · │",
        "├────┼────┤",
        "│· · │·   │",
        "└────┴────┘",
    ]


def test_chips_in_rows_are_drawn_one_after_the_other_in_a_terminal():
    chip = small_chip(units=2, tiles_x=2, tiles_y=1, cores_per_tile=1, chips_x=1)
    mapped = map_network(dense(2, 5, 2), chip, chips=None, placement="naive")
    assert mapped.y.tolist() == [0, 0, 1, 1, 2] and mapped.x.tolist() == [0, 1, 0, 1, 0]
    lines = mesh_text(mapped).plain.splitlines()
    assert lines[:12] == [
        "chip 0", "┌──┬──┐", "│0█│1█│", "└──┴──┘",
        "chip 1", "┌──┬──┐", "│1█│1▒│", "└──┴──┘",
        "chip 2", "┌──┬──┐", "│2█│· │", "└──┴──┘",
    ]  # fmt: skip
    axes = Figure().subplots()
    draw_mesh(axes, mapped)
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    assert texts["chip 0"][1] < 0 < texts["chip 1"][1] < 1 < texts["chip 2"][1] < 2
    assert axes.get_ylim()[0] > 2 > 1 > axes.get_ylim()[1]


def test_shades_follow_the_share_of_the_tightest_limit():
    mapped = map_network(dense(1, 5, 10), small_chip(units=10), placement="naive")
    assert mapped.utilisation.tolist() == [0.1, 0.5, 1.0]
    assert "0░1▒" in mesh_text(mapped).plain and "2█· " in mesh_text(mapped).plain


def test_cores_and_links_are_coloured_by_their_load():
    chip = small_chip(units=2, tiles_x=3, tiles_y=2, cores_per_tile=2)
    mapped = map_network(dense(4, 9, 2), chip, placement="naive")
    axes = Figure().subplots()
    drawn = draw_mesh(axes, mapped, core_load=np.arange(8), link_load=mapped.link_traffic / 2)
    assert drawn.cores.norm.vmax == 7
    assert drawn.links is not None and drawn.links.norm.vmax == mapped.link_traffic.max() / 2
    layers = [text.get_text() for text in axes.texts]
    assert layers == ["0", "0", "1", "1", "1", "1", "1", "2"]
    colours = [c.get_facecolor() for c in axes.collections if len(c.get_facecolor()) == 8]
    assert any(np.allclose(face, drawn.cores.to_rgba(np.arange(8))) for face in colours)


def test_a_network_that_crosses_no_link_is_drawn(tmp_path):
    mapped = map_network(dense(3, 2, 1), LOIHI)
    assert mapped.hops == (0, 0, 0) and mapped.routes.links == ()
    assert draw_mesh(Figure().subplots(), mapped).links is None
    mesh_picture(mapped, tmp_path / "mesh.png")
    assert (tmp_path / "mesh.png").read_bytes().startswith(b"\x89PNG")


# --- eqchip map ---------------------------------------------------------------------------


def test_map_prints_use_copies_hops_and_the_mesh(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    picture = tmp_path / "mesh.png"
    assert main(["map", "--layers", "784-500-10", "--out", str(picture)]) == 0
    out, err = capsys.readouterr()
    for text in (
        "6 of 128 cores", "synapse KiB", "105.5 (82 %)", "131,072", "1-4", "mirrored on",
        "Tightest: synapse KiB, 105.5 (82 %) of 128 on core 1 (layer 1)", "naive placement",
        "no placement has fewer than 919", "│0█1█│",
    ):  # fmt: skip
        assert text in out, text
    assert picture.read_bytes().startswith(b"\x89PNG") and str(picture) in err


def test_map_json_is_one_document(capsys):
    assert main(["map", "--layers", "30-20-10", "--json", "--placement", "naive"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err == "" and document["fits"] and document["format"] == "eqchip-mapping 1"
    assert [core["units"] for core in document["cores"]] == [30, 20, 10]
    assert document["connections"][1]["mirrored_cores"] == [1]
    assert document["hops"]["placed"] == document["hops"]["naive"] >= document["hops"]["bound"]
    assert document["limits"]["fan_in"] is None


def test_map_of_a_run_weighs_the_traffic_by_its_spikes(capsys, tmp_path):
    run = RunDirectory.create(tmp_path / "run", small_config())
    fit(run, few_digits(), threads=1)
    assert main(["map", str(run.path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["layers"] == [64, 7, 10] and document["run"] == str(run.path)
    assert len(document["rates"]) == 3 and all(0 < rate < 1 for rate in document["rates"])


def test_map_exits_with_1_when_the_network_does_not_fit(capsys):
    assert main(["map", "--layers", "784-4200-10"]) == 1
    out, err = capsys.readouterr()
    (line,) = err.splitlines()
    assert line.startswith("eqchip: error: Network(784-4200-10) does not fit") and out == ""
    assert "layer 2" in line and "4,200 input axons" in line
    assert main(["map", "--layers", "784-4200-10", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert not document["fits"] and document["broken"][0]["resource"] == "input_axons"
    assert document["broken"][0]["needed"] == 4200


class Untouched:
    """Weights that nobody may look at."""

    def __getattr__(self, name):
        raise AssertionError(f"{name} of weights was read")

    __iter__ = __len__ = __getitem__ = lambda self, *_: self.__getattr__("an entry")


@pytest.mark.parametrize("sizes", [(784, 4200, 10), (784, 4000, 4000, 10)])
def test_what_cannot_fit_is_refused_before_any_weight_is_touched(sizes):
    network, chip = dense(*sizes), load_chip("loihi1-davies")
    with pytest.raises(DoesNotFit) as expected:
        map_network(network, chip)
    object.__setattr__(network, "weights", Untouched())
    with pytest.raises(DoesNotFit) as found:
        map_network(network, chip)
    assert str(found.value) == str(expected.value)
    with pytest.raises(DoesNotFit) as found:
        check_fits(Topology.of(network.connections), chip)
    assert str(found.value) == str(expected.value)


def test_where_a_network_stands_does_not_ask_for_its_weights():
    network, chip = dense(784, 500, 10), load_chip("loihi1-davies")
    expected = map_network(network, chip)
    weights = network.weights
    object.__setattr__(network, "weights", Untouched())
    mapped = map_network(network, chip)
    assert mapped.sites.tolist() == expected.sites.tolist() and mapped.hops == expected.hops
    with pytest.raises(AssertionError, match="an entry of weights was read"):
        _ = mapped.weights
    object.__setattr__(network, "weights", weights)
    for found, one in zip(mapped.weights, expected.weights, strict=True):
        assert found.exponent == one.exponent
        np.testing.assert_array_equal(found.codes, one.codes)


def test_map_refuses_layers_that_cannot_fit_before_weights_are_drawn(capsys, monkeypatch):
    def drawn(*_, **__):
        raise AssertionError("weights were drawn")

    monkeypatch.setattr(Network, "chain", drawn)
    assert main(["map", "--layers", "1024-8000-8000-10"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "Network(1024-8000-8000-10) does not fit" in err
    with pytest.raises(AssertionError, match="weights were drawn"):
        main(["map", "--layers", "784-500-10"])


def test_map_uses_several_chips_if_asked(capsys):
    arguments = ["map", "--layers", "1000-3000-3000-1000-10", "--json"]
    assert main(arguments) == 1
    assert "--chips 2" in capsys.readouterr().err
    assert main([*arguments, "--chips", "auto"]) == 0
    assert json.loads(capsys.readouterr().out)["chips"] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["neither of RUN and --network"]),
        (["run", "--layers", "4-2"], ["both of RUN and --network"]),
        (["nothing"], ["nothing", "no run here"]),
        (["--layers", "4"], ["--layers", "'4'"]),
        (["--network", "conv"], ["--network", "'conv'", "28x28-32c5p2-10"]),
        (["--network", "8x8-4c3m2-10"], ["Conv2d 1", "maximum pooling", "AvgPool2d(2)"]),
        (["--layers", "4-2", "--chip", "loihi9"], ["loihi9"]),
        (["--layers", "4-2", "--chips", "0"], ["--chips", "'0'", "auto"]),
        (["--layers", "4-2", "--chips", "many"], ["--chips", "'many'", "auto"]),
        (["--layers", "4-2", "--placement", "best"], ["--placement", "best"]),
        (["--layers", "4-2", "--out", "none/mesh.png"], ["none/mesh.png"]),
    ],
)
def test_map_refuses_bad_input_in_one_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["map", "--quiet", *arguments]) == 2
    err = capsys.readouterr().err
    line = err.splitlines()[-1]
    assert line.startswith("eqchip: error: ") and all(word in line for word in words)
    assert len(err.splitlines()) == 1 and not list(tmp_path.iterdir())


# --- spread -------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [1, 2, 3, 40])
def test_spread_splits_every_layer_as_often_as_it_has_units(spread):
    network = Network.dense([12, 9, 5])
    fewest = map_network(network, small_chip(units=5))
    spread_out = map_network(network, small_chip(units=5), chips=None, spread=spread)
    for layer, units in enumerate(network.sizes):
        expected = min(units, spread * len(fewest.cores_of(layer)))
        assert len(spread_out.cores_of(layer)) == expected
    check_parts(spread_out.parts, network.sizes)
    assert all(
        use[name] <= limit
        for use in spread_out.use
        for name, limit in spread_out.limits.items()
        if limit is not None
    )


def test_spread_too_far_says_so():
    with pytest.raises(DoesNotFit, match=r"--chips \d+ or a smaller --spread"):
        map_network(Network.dense([12, 9, 5]), small_chip(units=5, per_chip=7), spread=3)


def test_a_chip_is_taken_by_its_name_its_file_or_itself(tmp_path):
    network = dense(6, 4, 2)
    assert load_chip(LOIHI) is LOIHI
    for chip in (LOIHI, "loihi1-davies"):
        assert map_network(network, chip).chip == LOIHI
    with pytest.raises(InputError, match="chip 'loihi9' is unknown; expected one of"):
        map_network(network, "loihi9")
    with pytest.raises(InputError, match="no such file"):
        map_network(network, tmp_path / "none.toml")
