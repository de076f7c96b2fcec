"""Chip files: what is in them, what is refused, and what ``eqchip chips`` shows of them."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from onchip_cases import small as small_config
from pydantic import ValidationError

from eqchip.commands.chips import command
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.network import Network
from eqchip.emulator.errors import InputError
from eqchip.hw_reports.pricing.figure import Figure, price, static_power
from eqchip.hw_reports.show.mesh_text import mesh_text
from eqchip.mapping.anchors.anchor import load_anchors
from eqchip.mapping.chip_file.base import derived
from eqchip.mapping.chip_file.chip import Chip, chip_names, load_chip, parse_chip
from eqchip.mapping.chip_file.executable import executable
from eqchip.mapping.chip_file.figures import MARKS, STATUSES, Coefficient, Energy, Limit
from eqchip.mapping.chip_file.units import SI
from eqchip.mapping.placement.mapped import map_network
from eqchip.mapping.placement.partition import DoesNotFit

BUILT_IN = {
    "loihi1-davies",
    "loihi1-sanafe",
    "loihi1-calibrated",
    "loihi2",
    "truenorth",
    "truenorth-cores",
    "odin",
    "spinnaker2",
    "reckon",
    "catalyst-n1",
    "catalyst-n2",
    "cpu-horowitz-45nm",
    "cpu-i7-4960x",
    "gpu-a100-floor",
    "gpu-h100-floor",
    "gpu-titan-black",
}
LOIHI_CLASS = ("loihi1-davies", "loihi1-sanafe", "loihi2")

FIGURE = {
    "value": 10.0,
    "low": 8.0,
    "high": 12.0,
    "unit": "pJ",
    "source": "data sheet, p. 3",
    "status": "published",
    "confidence": "R",
}
SMALL = {
    "format": "eqchip-chip 1",
    "name": "small",
    "title": "A small chip",
    "origin": "its data sheet",
    "description": "For tests.",
    "model": "events",
    "learning": False,
    "energy": {"synaptic_event": FIGURE},
}


def parse(document: dict[str, Any]) -> Chip:
    return parse_chip(tomli_w.dumps(document).encode(), "my.toml")


def davies() -> dict[str, Any]:
    return load_chip("loihi1-davies").model_dump(mode="json", exclude_none=True)


def small(**more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(SMALL), **more}


def with_event(**more: Any) -> dict[str, Any]:
    """The small chip with other entries in its one figure; None leaves an entry out."""
    figure = {key: value for key, value in {**FIGURE, **more}.items() if value is not None}
    return small(energy={"synaptic_event": figure})


# --- the files that come with the package -------------------------------------------------


def test_the_chips_that_come_with_the_package():
    assert set(chip_names()) == BUILT_IN


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_figure_of_a_built_in_chip_is_accounted_for(name):
    chip = load_chip(name)
    assert chip.name == name
    figures = dict(chip.figures())
    assert figures
    for address, figure in figures.items():
        assert len(figure.source) > 10, address
        assert figure.status in STATUSES
        if isinstance(figure, Coefficient):
            assert 0 <= figure.low <= figure.value <= figure.high
            # A band that is a point says why there is no band.
            if figure.low == figure.high and address != "clock":
                assert figure.note or "barrier" in address or figure.status == "measured", address
    for why in (*chip.unknown.values(), *chip.included.values()):
        assert len(why) > 10


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_chip_survives_being_written_and_read(name):
    chip = load_chip(name)
    again = parse(chip.model_dump(mode="json", exclude_none=True))
    assert again == chip
    assert again.digest() == chip.digest()


def test_the_digest_tells_files_apart():
    chips = [load_chip(name).digest() for name in chip_names()]
    assert len(set(chips)) == len(chips)
    assert parse(with_event(value=10.5)).digest() != parse(small()).digest()


@pytest.mark.parametrize("name", LOIHI_CLASS)
def test_loihi_class_chips_can_be_mapped_onto(name):
    chip = load_chip(name)
    assert chip.cores is not None and chip.arithmetic is not None
    assert chip.copies == 2 and chip.learning
    assert chip.cores.synapse_memory.amount == 128 * 1024 * 8
    assert chip.arithmetic.state_bits == 24 and chip.arithmetic.coefficient_bits == 12


def test_the_table_of_davies_2018():
    chip = load_chip("loihi1-davies")
    found = {
        kind: (chip.energy[kind].value, chip.time[kind].value)
        for kind in (
            "synaptic_event", "weight_update", "update_active", "update_inactive", "message",
            "hop_east_west", "hop_north_south",
        )
    }  # fmt: skip
    assert found == {
        "synaptic_event": (23.6, 3.5),
        "weight_update": (120.0, 6.1),
        "update_active": (81.0, 8.4),
        "update_inactive": (52.0, 5.3),
        "message": (1.7, 2.1),
        "hop_east_west": (3.0, 4.1),
        "hop_north_south": (4.0, 6.5),
    }


def test_the_two_sets_for_loihi_lie_in_each_others_bands():
    """Where they price the same thing: one chip cannot have two disjoint truths."""
    first, second = load_chip("loihi1-davies"), load_chip("loihi1-sanafe")
    for one, other in ((first, second), (second, first)):
        for table in ("energy", "time"):
            for kind in ("synaptic_event", "update_inactive", "message"):
                band, value = getattr(one, table)[kind].si, getattr(other, table)[kind].si.value
                assert band.low <= value <= band.high, (one.name, table, kind)


def test_nothing_of_loihi_2_passes_for_its_energy():
    """But its static power and the least time of a step, which were measured."""
    chip, first = load_chip("loihi2"), load_chip("loihi1-davies")
    for kind, energy in chip.energy.items():
        assert energy.status == "inherited", kind
        assert "no" in energy.note and energy.si == first.energy[kind].si
    assert chip.static_power["chip"].si == (0.45, 0.47, 0.5)
    assert chip.static_power["chip"].status == chip.step_floor.status == "measured"
    assert chip.step_floor.si.low > 1.77e-6  # of neurons in fixed logic, which ours is not
    assert chip.cores.per_chip.amount == 152


def test_an_axon_limit_that_nobody_published_is_not_checked():
    """3,072 units reach each core of the layer above, more than Loihi 1 has axons for."""
    network = Network.dense([3072, 2000, 2000, 10])
    mapped = map_network(network, load_chip("loihi2"))
    assert mapped.limits["input_axons"] is None and mapped.chips == 1
    with pytest.raises(DoesNotFit, match="input axons"):
        map_network(network, load_chip("loihi1-davies"), chips=None)


def test_figures_that_nobody_published_are_unknown_everywhere():
    for name in LOIHI_CLASS:
        assert {"energy.barrier", "energy.chip_crossing"} <= set(load_chip(name).unknown)
    assert "energy.weight_update" in load_chip("loihi1-sanafe").unknown


def test_figures_from_memory_are_called_assumed():
    for name in chip_names():
        for address, figure in load_chip(name).figures():
            if re.search(r"\bC\b", figure.confidence):
                assert figure.status == "assumed", f"{name}: {address}"


# --- units, packing, barrier --------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "size"),
    [("J", 1.0), ("mJ", 1e-3), ("uJ", 1e-6), ("nJ", 1e-9), ("pJ", 1e-12), ("fJ", 1e-15)],
)
def test_energies_in_si(unit, size):
    assert parse(with_event(unit=unit)).energy["synaptic_event"].si == (
        8 * size,
        10 * size,
        12 * size,
    )


def test_memory_is_counted_in_bits():
    limit = {"source": "x", "status": "published", "confidence": "R"}
    amounts = {
        unit: Limit(value=3, unit=unit, **limit).amount for unit in ("bits", "bytes", "KiB", "MiB")
    }
    assert amounts == {"bits": 3, "bytes": 24, "KiB": 3 * 8192, "MiB": 3 * 8192 * 1024}


def test_every_unit_is_one_of_its_quantity_only():
    every = [unit for units in SI.values() for unit in units]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("synapses", "form", "bits"),
    [
        (0, "dense", 0),
        (1, "dense", 64),  # 8 + 10
        (6, "dense", 64),  # 48 + 10 = 58
        (7, "dense", 128),  # 56 + 10 = 66: a second word
        (64, "dense", 576),  # 512 + 10 = 522
        (65, "dense", 640),  # a second block, of one word
        (512, "dense", 8 * 576),
        (10, "sparse", 192),  # 10 x 18 + 10 = 190
        (512, "sparse", 8 * 1216),  # 64 x 18 + 10 = 1162
    ],
)
def test_packing_of_synapses_by_hand(synapses, form, bits):
    packing = load_chip("loihi1-davies").cores.packing.model_copy(update={"format": form})
    assert packing.axon_bits(synapses, 8) == bits


def test_packing_of_a_published_example():
    """784-512-10 with mirrored weights: 955 KiB with indices, as worked out for nengo-loihi."""
    packing = load_chip("loihi1-davies").cores.packing.model_copy(update={"format": "sparse"})
    bits = (
        784 * packing.axon_bits(512, 8)
        + 512 * packing.axon_bits(10, 8)
        + 10 * packing.axon_bits(512, 8)
    )
    assert round(bits / 8 / 1024) == 955


def test_barrier_between_two_entries():
    chip = load_chip("loihi1-davies")
    assert chip.barrier_seconds(1) == pytest.approx((113e-9, 113e-9, 600e-9))
    assert chip.barrier_seconds(32) == pytest.approx((465e-9, 465e-9, 1800e-9))
    # 2 of 5 doublings from 1 to 32 tiles: 113 + 2/5 (465 - 113)
    assert chip.barrier_seconds(4) == pytest.approx((113e-9, 253.8e-9, 1800e-9))


def test_barrier_outside_its_table_is_not_known():
    assert load_chip("loihi1-davies").barrier_seconds(24577) is None
    assert load_chip("truenorth").barrier_seconds(1) is None
    with pytest.raises(
        InputError, match="active tiles is 0; expected a whole number of at least 1"
    ):
        load_chip("loihi1-davies").barrier_seconds(0)


@pytest.mark.parametrize("name", LOIHI_CLASS)
@given(tiles=st.integers(1, 31))
def test_a_barrier_does_not_get_shorter_with_more_tiles(name, tiles):
    chip = load_chip(name)
    fewer, more = chip.barrier_seconds(tiles), chip.barrier_seconds(tiles + 1)
    assert fewer.low <= fewer.value <= fewer.high
    assert all(a <= b + 1e-18 for a, b in zip(fewer, more, strict=True))


# --- pricing ------------------------------------------------------------------------------


def test_prices_by_hand():
    found = price({"synaptic_event": 1000}, parse(small()))
    assert found == {"synaptic_event": Figure(8e-9, 1e-8, 1.2e-8, "J")}


def test_what_is_not_known_is_none_and_not_zero():
    found = price({"barrier": 3, "weight_update": 1, "synaptic_event": 0}, parse(small()))
    assert found["barrier"] is None and found["weight_update"] is None
    assert found["synaptic_event"] == Figure.zero()
    assert static_power(parse(small())) is None


def test_what_did_not_happen_costs_nothing_though_its_price_is_unknown():
    assert price({"chip_crossing": 0}, load_chip("loihi1-davies")) == {
        "chip_crossing": Figure.zero()
    }


def test_what_another_figure_contains_costs_nothing_on_top():
    assert price({"spike": 5}, load_chip("loihi1-davies")) == {"spike": Figure.zero()}
    assert price({"spike": 5}, load_chip("loihi1-sanafe"))["spike"].value == pytest.approx(
        346.5e-12
    )


@given(
    counts=st.dictionaries(
        st.sampled_from(["synaptic_event", "update_active", "message", "weight_update"]),
        st.integers(0, 10**12),
        min_size=1,
    ),
    factor=st.integers(0, 1000),
)
def test_prices_are_proportional_and_keep_their_order(counts, factor):
    chip = load_chip("loihi1-davies")
    once = price(counts, chip)
    many = price({kind: factor * count for kind, count in counts.items()}, chip)
    for kind, figure in once.items():
        assert figure.low <= figure.value <= figure.high
        assert (factor * figure).value == pytest.approx(many[kind].value)


def test_figures_of_two_units_are_not_added():
    with pytest.raises(ValueError, match="cannot add s to J"):
        Figure(1, 1, 1, "J") + Figure(1, 1, 1, "s")


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ({"spikes": 3}, "event kind 'spikes' is unknown; expected one of synaptic_event, "),
        ({"spike": -1}, "count of spike is -1; expected a number of at least 0"),
        ({"spike": math.nan}, "count of spike is nan; expected a number of at least 0"),
        ({"spike": "3"}, "count of spike is '3'; expected a number of at least 0"),
        ({"spike": True}, "count of spike is True; expected a number of at least 0"),
    ],
)
def test_counts_that_are_refused(counts, text):
    with pytest.raises(InputError) as refused:
        price(counts, load_chip("loihi1-davies"))
    assert str(refused.value).startswith(text)


# --- files that are refused ---------------------------------------------------------------


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(InputError) as refused:
        parse(document)
    text = str(refused.value)
    assert "\n" not in text and text.startswith("my.toml: ")
    return text.removeprefix("my.toml: ")


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (
            with_event(colour="red"),
            "energy.synaptic_event.colour is no key of a chip file; expected one of unit, source, "
            "status, confidence, note, value, low, high",
        ),
        (
            with_event(unit=None),
            "energy.synaptic_event.unit is missing; expected a unit of energy: J, mJ, uJ, nJ, pJ, "
            "fJ",
        ),
        (
            with_event(unit="ns"),
            "energy.synaptic_event.unit is 'ns'; expected a unit of energy: J, mJ, uJ, nJ, pJ, fJ",
        ),
        (
            with_event(value=-10.0),
            "energy.synaptic_event.value is -10.0; expected a number of at least 0",
        ),
        (with_event(source=None), "energy.synaptic_event.source is missing; expected a text"),
        (
            with_event(source=" "),
            "energy.synaptic_event.source is ' '; expected a text that is not empty",
        ),
        (
            with_event(source=""),
            "energy.synaptic_event.source is ''; expected a text that is not empty",
        ),
        (
            with_event(low=10.5),
            "energy.synaptic_event: low 10.5, value 10, high 12; expected low <= value <= high",
        ),
        (
            with_event(high=9.0),
            "energy.synaptic_event: low 8, value 10, high 9; expected low <= value <= high",
        ),
        (with_event(value="10"), "energy.synaptic_event.value is '10'; expected a number"),
        (with_event(value=True), "energy.synaptic_event.value is True; expected a number"),
        (
            with_event(value=math.inf),
            "energy.synaptic_event.value is inf; expected a finite number",
        ),
        (
            with_event(status="guessed"),
            "energy.synaptic_event.status is 'guessed'; expected 'measured', 'published', "
            "'fitted', 'simulated', 'inherited' or 'assumed'",
        ),
        (
            with_event(confidence="sure"),
            "energy.synaptic_event.confidence is 'sure'; expected one of R, R2, A, M, D, C, or "
            "several joined by ' + '",
        ),
        (
            with_event(value=-1.0, unit="V", colour="red"),
            "energy.synaptic_event.unit is 'V'; expected a unit of energy: J, mJ, uJ, nJ, pJ, fJ "
            "(and 2 more mistakes)",
        ),
        (
            small(static_power={"board": FIGURE}),
            "static_power: 'board' is no key here; expected 'chip', 'core' or 'management' "
            "(and 1 more mistake)",
        ),
        (small(energy=3), "energy is 3; expected a table"),
        (small(energy={"synaptic_event": 3}), "energy.synaptic_event is 3; expected a table"),
        (small(copies=3), "copies is 3; expected 1 or 2"),
        (small(learning="yes"), "learning is 'yes'; expected true or false"),
        (
            small(name="My chip"),
            "name is 'My chip'; expected small letters, digits, '.', '_' and '-'",
        ),
        (small(model="core"), "model is 'core'; expected 'cores', 'events' or 'arithmetic'"),
        (
            small(model="cores"),
            "cores is missing; expected a table, since model is 'cores'",
        ),
        (
            small(energy={}),
            "energy.synaptic_event is missing; expected a table, since model is 'events'",
        ),
        (
            small(unknown={"energy.mesage": "nobody knows"}),
            "unknown.'energy.mesage' is no figure of a chip; expected an address such as "
            "energy.barrier, time.reset, static_power.chip",
        ),
        (
            small(unknown={"energy.synaptic_event": "nobody knows"}),
            "unknown.'energy.synaptic_event' is given as well; expected one of the two",
        ),
        (
            small(unknown={"energy.spike": ""}),
            "unknown.energy.spike is ''; expected a text that is not empty",
        ),
        (
            small(clock={**FIGURE, "unit": "MHz"}),
            "clock and energy.clock_cycle belong together; expected both or none",
        ),
        (
            small(time={"barrier": {**FIGURE, "unit": "ns"}}),
            "time: expected no time.barrier but a table [[barrier]] per number of tiles",
        ),
    ],
)  # fmt: skip
def test_mistakes_in_a_file(document, text):
    assert refusal(document) == text


def test_an_unknown_kind_of_event_is_refused_with_those_that_exist():
    text = refusal(small(energy={"synaptic_event": FIGURE, "spikes": FIGURE}))
    assert text.startswith("energy: 'spikes' is no key here; expected 'synaptic_event', ")
    assert "'weight_update'" in text


def test_an_unknown_key_is_refused_with_those_that_exist():
    text = refusal(small(energie={}))
    assert text.startswith("energie is no key of a chip file; expected one of format, name, ")


def change_of(*path: str | int, to: Any = None) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        inner: Any = document
        for step in path[:-1]:
            inner = inner[step]
        if to is None:
            del inner[path[-1]]
        else:
            inner[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (change_of("cores", "units"), "cores.units is missing; expected a table"),
        (
            change_of("cores", "units", "value", to=0),
            "cores.units.value is 0; expected a number of at least 1",
        ),
        (
            change_of("cores", "units", "value", to=12.5),
            "cores.units.value is 12.5; expected a whole number",
        ),
        (
            change_of("cores", "tiles_x", "value", to=2),
            "cores: per_chip is 128, but tiles_x * tiles_y * cores_per_tile is 32; expected at "
            "least as many places as cores",
        ),
        (
            change_of("cores", "packing", "format", to="csr"),
            "cores.packing.format is 'csr'; expected 'dense' or 'sparse'",
        ),
        (
            change_of("arithmetic"),
            "arithmetic is missing; expected a table, since model is 'cores'",
        ),
        (
            change_of("arithmetic", "weight_bits", to=9),
            "arithmetic: FixedPoint: weight_bits is 9; expected a whole number of at least 2, "
            "below 9",
        ),
        (
            change_of("arithmetic", "weight_bits", to="8"),
            "arithmetic: weight_bits is '8'; expected a whole number",
        ),
        (
            change_of("barrier", 1, "active_tiles", to=1),
            "barrier: the entry of 1 active tiles follows that of 1; expected rising numbers of "
            "tiles, and no time below the one before",
        ),
        (
            change_of("barrier", 1, "active_tiles"),
            "barrier.1.active_tiles is missing; expected a whole number",
        ),
        (
            change_of("barrier", 1, "low", to=100),
            "barrier: the entry of 32 active tiles follows that of 1; expected rising numbers of "
            "tiles, and no time below the one before",
        ),
    ],
)
def test_mistakes_in_a_chip_with_cores(change, text):
    document = davies()
    change(document)
    assert refusal(document) == text


@given(*(st.floats(0, 1e9, allow_subnormal=False) for _ in range(3)))
def test_a_band_is_taken_just_if_it_holds_the_value(low, value, high):
    document = with_event(low=low, value=value, high=high)
    if low <= value <= high:
        assert parse(document).energy["synaptic_event"].low == low
    else:
        assert "expected low <= value <= high" in refusal(document)


def paths(table: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where the values of a document are, tables among them."""
    entries = table.items() if isinstance(table, dict) else enumerate(table)
    found = []
    for key, value in entries:
        found.append((*here, key))
        if isinstance(value, (dict, list)):
            found += paths(value, (*here, key))
    return found


JUNK = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([10**400, -(10**400), 2**63]),
    st.floats(),
    st.booleans(),
    st.text("aé'\"\n\\. ", max_size=4),
    st.datetimes(),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.text("ab\n", max_size=3), st.integers(0, 3), max_size=2),
)


@given(where=st.sampled_from(paths(davies())), junk=JUNK)
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_one_line(where, junk):
    document = davies()
    change_of(*where, to=junk)(document)
    try:
        chip = parse(document)
    except InputError as error:
        text = str(error)
        assert text.startswith("my.toml: ") and len(text.splitlines()) == 1
        assert str(where[0]) in text
    else:
        assert chip.name


def test_a_chip_is_frozen():
    chip = load_chip("odin")
    with pytest.raises(ValidationError):
        chip.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        chip.energy["synaptic_event"].value = 1.0  # type: ignore[misc]


def test_an_unknown_name_is_refused_with_those_that_exist():
    with pytest.raises(InputError) as refused:
        load_chip("loihi3")
    text = str(refused.value)
    assert text.startswith("chip 'loihi3' is unknown; expected one of catalyst-n1, ")
    assert all(name in text for name in BUILT_IN) and text.endswith("of a chip file (.toml)")


def test_files_that_cannot_be_read(tmp_path):
    path = tmp_path / "chip.toml"
    refusals = {}
    for what in ("missing", "no TOML", "no text", "other format", "no format", "directory"):
        if what == "no TOML":
            path.write_text("format = eqchip\n")
        elif what == "no text":
            path.write_bytes(b"\xff\xfe\x00")
        elif what == "other format":
            path.write_text('format = "eqchip-chip 2"\n')
        elif what == "no format":
            path.write_text("")
        elif what == "directory":
            path.unlink()
            path.mkdir()
        with pytest.raises(InputError) as refused:
            load_chip(str(path))
        text = str(refused.value)
        assert text.startswith(f"{path}: ") and "\n" not in text
        refusals[what] = text.removeprefix(f"{path}: ")
    assert refusals["missing"] == "no such file; expected a chip file"
    assert refusals["no TOML"].startswith("no valid TOML (")
    assert refusals["no text"].startswith("no valid TOML (")
    assert refusals["other format"] == "format is 'eqchip-chip 2'; expected 'eqchip-chip 1'"
    assert refusals["no format"] == "format is None; expected 'eqchip-chip 1'"
    assert refusals["directory"].startswith("cannot be read (")


def test_a_file_of_ones_own_is_found_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(small()))
    assert load_chip(path) == load_chip(str(path)) == parse(small())


# --- eqchip chips -------------------------------------------------------------------------


def run(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(
        command, arguments, standalone_mode=False, env={"COLUMNS": f"{columns}", "NO_COLOR": "1"}
    )


def test_all_chips_are_listed():
    done = run()
    assert done.exception is None
    # At 80 columns no name is cut: a name is what the user types next.
    assert all(name in done.stdout for name in BUILT_IN)
    assert "128 x 1,024" in done.stdout


def test_all_chips_are_listed_as_json():
    done = run("--json", "--quiet")
    listed = {chip["name"]: chip for chip in json.loads(done.stdout)["chips"]}
    assert set(listed) == BUILT_IN
    chip = listed["loihi2"]
    assert (chip["cores"], chip["units_per_core"], chip["learning"]) == (152, 8192, True)
    assert chip["weakest_status"] == "assumed" and chip["model"] == "cores"
    assert listed["odin"]["cores"] is None
    assert done.stderr == ""


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_figure_of_a_chip_is_shown_with_its_source(name):
    done = run(name, columns=120)  # so that no first word of a source is broken
    assert done.exception is None
    words = " ".join(re.sub(r"[│┃]", " ", done.stdout).split())
    chip = load_chip(name)
    for address, figure in chip.figures():
        short = address.removeprefix("cores.").removeprefix("barrier.")
        assert short in words or f"{int(short):,}" in words
        first_word = figure.source.split()[0]
        assert f"{figure.value:,}" in words or f"{figure.value:g}" in words, address
        assert first_word in words
    for address in (*chip.unknown, *chip.included):
        assert address in words
    assert "Modelled, not measured" in words


def test_a_chip_as_json_holds_its_whole_file(tmp_path):
    done = run("loihi1-davies", "--json")
    found = json.loads(done.stdout)
    assert Chip(**found["chip"]) == load_chip("loihi1-davies")
    assert found["digest"] == load_chip("loihi1-davies").digest()


def test_a_file_of_ones_own_is_shown(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(small()))
    done = run(str(path))
    assert done.exception is None and "A small chip" in done.stdout


def test_a_chip_that_does_not_exist_is_refused():
    done = run("loihi3")
    assert isinstance(done.exception, InputError)
    assert done.stdout == ""


def test_quiet_leaves_the_tables_and_drops_the_hints():
    loud, quiet = run(), run("--quiet")
    assert loud.stdout == quiet.stdout
    assert "eqchip chips NAME" in loud.stderr and quiet.stderr == ""


@pytest.mark.parametrize("name", ["odin", "loihi1-davies"])
def test_marks_are_explained_where_they_stand(name):
    """Those that are there, and no other."""
    words = " ".join(run(name, "--quiet").stdout.split())
    told = set(re.findall(r"(\w+), ", words[words.index("Marks: ") :])) & set(MARKS)
    chip = load_chip(name)
    figures = [figure for _, figure in chip.figures()]
    sourced = [*figures, *chip.capabilities.values(), *([chip.cores.packing] if chip.cores else [])]
    assert told == {mark for one in sourced for mark in one.confidence.split(" + ")}


# --- a file that stands on another --------------------------------------------------------

MINE = {
    "format": "eqchip-chip 1",
    "base": "loihi1-davies",
    "name": "mine",
    "source": "post-layout simulation, typical corner",
    "status": "simulated",
    "confidence": "M",
}


def mine(**more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(MINE), **more}


def test_a_file_with_a_base_writes_what_differs():
    chip = parse(
        mine(
            energy={"synaptic_event": {"value": 5.0}, "barrier": {"value": 2.0, "unit": "nJ"}},
            cores={"units": {"value": 512}, "input_axons": {"value": 2048}},
            unknown={"time.weight_update": "the engine is not drawn yet"},
        )
    )
    base = load_chip("loihi1-davies")
    new, old = dict(chip.figures()), dict(base.figures())
    assert new["energy.synaptic_event"] == Energy(
        value=5.0, low=5.0, high=5.0, unit="pJ", source=MINE["source"], status="simulated",
        confidence="M", note="one figure; no band is known",
    )  # fmt: skip
    assert new["cores.units"].value == 512 and new["cores.units"].unit == "units"
    assert new["cores.units"].source == MINE["source"] != old["cores.units"].source
    assert "energy.barrier" not in chip.unknown and "energy.barrier" in base.unknown
    assert "time.weight_update" not in new and "time.weight_update" in chip.unknown
    differ = {key for key in {*new, *old} if new.get(key) != old.get(key)}
    assert differ == {
        "energy.synaptic_event", "energy.barrier", "cores.units", "cores.input_axons",
        "time.weight_update",
    }  # fmt: skip
    assert chip.title == f"{base.title}, changed" and MINE["source"] in chip.origin
    first = chip.description.splitlines()[0]
    assert first.startswith("As loihi1-davies, but for energy.synaptic_event, energy.barrier, ")


def test_the_origin_of_a_changed_figure_is_never_that_of_the_base():
    document = mine(energy={"synaptic_event": {"value": 5.0}})
    del document["source"], document["status"], document["confidence"]
    assert refusal(document) == (
        "energy.synaptic_event.source is missing; expected a text (and 2 more mistakes)"
    )
    own = {"source": "a figure's own", "status": "measured", "confidence": "R", "high": 6.0,
           "low": 4.0, "value": 5.0}  # fmt: skip
    figure = parse(mine(energy={"synaptic_event": own})).energy["synaptic_event"]
    assert (figure.source, figure.status, figure.confidence) == ("a figure's own", "measured", "R")
    assert (figure.low, figure.high, figure.note) == (4.0, 6.0, "")


def test_what_stands_in_a_base_of_ones_own_is_found_beside_the_file(tmp_path):
    (tmp_path / "a.toml").write_text(tomli_w.dumps(mine(energy={"message": {"value": 3.0}})))
    upper = mine(base="./a.toml", name="b", copies=1)
    (tmp_path / "b.toml").write_text(tomli_w.dumps(upper))
    chip = load_chip(tmp_path / "b.toml")
    assert chip.energy["message"].value == 3.0 and chip.copies == 1 and chip.name == "b"


def test_a_base_that_is_none_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"my.toml: base: chip 'loihi3' is unknown; expected"):
        parse(mine(base="loihi3"))
    with pytest.raises(InputError, match=r"my.toml: base is 3; expected the name or path"):
        parse(mine(base=3))
    path = tmp_path / "round.toml"
    path.write_text(tomli_w.dumps(mine(base="./round.toml")))
    with pytest.raises(InputError, match="stand on one another") as refused:
        load_chip(path)
    assert "\n" not in str(refused.value)
    with pytest.raises(InputError, match=r"my.toml: name is missing"):
        parse({key: value for key, value in mine().items() if key != "name"})
    assert refusal(mine(energy={"synaptic_event": 5.0})).startswith("energy.synaptic_event is 5.0")


STRANGE = (
    1, 0.5, "x", "", True, [], [1], [{}], {}, {"a": 1}, {"value": 1.0}, {"chip": "no"},
    {"message": [1]}, {"message": {"value": {}}}, {"energy.message": "why nobody knows"},
    {"static_power.chip": "nobody knows"}, {"cores": "none at all"},
)  # fmt: skip


@pytest.mark.parametrize("key", [*Chip.model_fields, "base", "source", "status", "confidence"])
def test_whatever_a_file_with_a_base_holds_it_is_a_chip_or_refused_in_one_line(key):
    made, whole = 0, mine(base="truenorth", energy={"synaptic_event": {"value": 2.0}})
    for value in STRANGE:
        try:
            chip = parse({**whole, key: value})
        except InputError as refused:
            assert "\n" not in str(refused) and str(refused).startswith("my.toml: ")
        else:
            assert parse_chip(chip.to_toml().encode(), "again.toml") == chip
            made += 1
    assert made < len(STRANGE)


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_whole_file_is_printed_that_reads_back_equal(name):
    done = run(name, "--toml")
    assert done.exception is None
    assert parse_chip(done.stdout.encode(), "again.toml") == load_chip(name)


def test_a_file_with_a_base_is_printed_whole():
    chip = parse(mine(energy={"synaptic_event": {"value": 5.0}}))
    again = parse_chip(chip.to_toml().encode(), "again.toml")
    assert again == chip and again.digest() == chip.digest() and "base" not in chip.to_toml()


@pytest.mark.parametrize("arguments", [["--toml"], ["odin", "--toml", "--json"]])
def test_toml_of_nothing_and_toml_as_json_are_refused(arguments):
    assert isinstance(run(*arguments).exception, InputError)


def test_figures_of_ones_own_simulation_are_called_so():
    path_free = parse(mine(energy={"synaptic_event": {"value": 5.0}}))
    assert path_free.energy["synaptic_event"].status == "simulated"
    order = STATUSES.index
    assert order("fitted") < order("simulated") < order("assumed")


# --- chips that are there to be judged ----------------------------------------------------


def test_truenorth_holds_what_four_axons_of_one_bit_allow():
    """A weight of 4 bits takes four axons, and a spike reaches one core."""
    chip = load_chip("truenorth-cores")
    assert chip.arithmetic.weight_bits == 4 and chip.cores.units.amount == 256 // 4
    mapped = map_network(Network.dense([50, 40, 10]), chip)
    assert len(mapped.parts) == 3
    with pytest.raises(DoesNotFit, match="needs 74 input axons, 64 allowed"):
        map_network(Network.dense([64, 100, 10]), chip)
    assert "... of 64 x 64 tiles" in mesh_text(mapped).plain  # of which three rows would do
    assert len(mesh_text(mapped).plain.splitlines()) < 10
    same = load_chip("truenorth")
    assert chip.energy == same.energy and chip.static_power == same.static_power
    assert not executable(chip, Config()).can


@pytest.mark.parametrize("name", ["catalyst-n1", "catalyst-n2", "reckon", "truenorth-cores"])
def test_what_forbids_the_rule_is_told(name):
    verdict = executable(load_chip(name), Config())
    assert verdict.can is False and len(verdict.lacks) >= 2 and not verdict.unstated


def test_a_chip_of_processors_can_run_the_rule():
    assert executable(load_chip("spinnaker2"), Config()).can is True
    assert executable(load_chip("spinnaker2"), on_chip_config(accumulator_bits=8)).can is True


def test_an_energy_that_a_model_needs_may_be_unknown_but_not_left_out():
    assert "energy.synaptic_event" in load_chip("catalyst-n1").unknown
    text = refusal({**small(), "energy": {}})
    assert text.startswith("energy.synaptic_event is missing; expected a table")


# --- what a chip can do -------------------------------------------------------------------


def able(**more: Any) -> dict[str, Any]:
    of = {"source": "data sheet, p. 9", "status": "published", "confidence": "R"}
    return small(capabilities={name: {"value": value, **of} for name, value in more.items()})


def test_what_a_chip_can_do_is_checked():
    chip = parse(able(third_factor=7, neuron_program=True))
    assert chip.capabilities["third_factor"].value == 7
    assert chip.capabilities["neuron_program"].value is True
    assert "levitation" in refusal(able(levitation=True))
    assert refusal(able(third_factor=-1)).startswith("capabilities.third_factor")


def test_whether_a_chip_can_run_a_rule_is_read_off_its_file():
    """The same chip, but for what its file says: yes, no, or not known."""
    config = Config()
    everything = {
        "neuron_program": True, "step_schedule": True, "state_restore": True,
        "graded_payload": 24, "third_factor": 12,
    }  # fmt: skip
    yes = executable(parse({**able(**everything), "learning": True}), config)
    assert yes.can is True and str(yes).startswith("small can run this rule: it has what")
    no = executable(parse({**able(**{**everything, "third_factor": 7}), "learning": True}), config)
    assert no.can is False
    assert no.lacks == (
        "7 bits, not 12, of signed numbers of receiving units that learning reads "
        "(a synapse reads how its unit changed)",
    )
    del everything["step_schedule"]
    open_ = executable(parse({**able(**everything), "learning": True}), config)
    assert open_.can is None and "coefficients that change from step to step" in str(open_)
    engine = executable(parse(able(**everything)), config)  # learning = false
    assert engine.can is False and "no learning on the chip (" in str(engine)


def on_chip_config(**onchip: Any) -> Config:
    return small_config(onchip=onchip)


def test_traces_need_no_number_of_the_receiving_unit():
    def names(**onchip: Any) -> set[str]:
        found = executable(parse(able()), on_chip_config(**onchip))
        return {need.name for need in found.needs}

    assert "third_factor" not in names(sees="loihi-engine", copies="same-noise")
    assert {"third_factor", "graded_payload"} <= names(sees="potentials")
    assert "graded_payload" not in names(copies="independent")
    assert "graded_payload" in names(copies="asymmetric-ep")
    told = names(sees="signed-spikes", change_spikes=3, accumulator_bits=7)
    assert not {"third_factor", "graded_payload"} & told
    assert "synapse_tag" in names(accumulator_bits=4)


@pytest.mark.parametrize("name", LOIHI_CLASS)
def test_no_chip_of_loihi_can_run_the_rule_with_exact_changes(name):
    verdict = executable(load_chip(name), on_chip_config())
    assert verdict.can is False and not verdict.unstated
    few = executable(load_chip(name), on_chip_config(change_bits=7))
    assert few.can == (name == "loihi2")  # whose third factor has 7 bits
    program = load_chip(name).capabilities["neuron_program"].value
    assert program == (name == "loihi2")
    assert any("units that run a program" in lack for lack in verdict.lacks) != program


# --- published costs of learning ----------------------------------------------------------


def test_published_costs_of_learning():
    anchors = {anchor.name: anchor for anchor in load_anchors()}
    assert next(iter(anchors)) == "Renner 2024"
    renner = anchors["Renner 2024"].to_dict()
    assert renner["training_energy"] == pytest.approx(0.59e-3)
    assert renner["training_time"] == pytest.approx(1.5e-3)
    assert renner["accuracy"] == 96.3
    assert anchors["Lin 2018"].to_dict()["training_time"] is None
    assert all(anchor.source and anchor.confidence for anchor in anchors.values())


def test_an_energy_needs_a_unit_of_energy():
    with pytest.raises(ValidationError, match="expected a unit of energy"):
        Energy(**{**FIGURE, "unit": "s"})


def test_a_file_that_stands_on_another_may_give_another_reason_for_the_same_figure():
    base = small(included={"time.management": "in time.barrier"}, absent={"energy.spike": "none"})
    own = {"absent": {"time.management": "no processors"}, "unknown": {"energy.spike": "nobody"}}
    found = derived(base, own)
    assert found["included"] == {} and found["absent"] == {"time.management": "no processors"}
    assert found["unknown"] == {"energy.spike": "nobody"}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_chip_file_is_read_as_windows_saves_it(encoding, tmp_path):
    text = files("eqchip.mapping").joinpath("chips/loihi1-davies.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert load_chip(path).digest() == load_chip("loihi1-davies").digest()
