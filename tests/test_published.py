"""Published measurements that fix all their inputs, priced by the chip files.

A test states what was published: the counts and the measured figure. Coefficients come from the
chip files alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from eqchip.hw_reports.pricing.figure import Figure, price, static_power
from eqchip.mapping.chip_file.chip import Chip, load_chip


def power(chip: Chip, rates: Mapping[str, float]) -> Figure:
    """Watts of one chip on which events happen so often per second."""
    figure = static_power(chip)
    assert figure is not None
    for part in price(rates, chip).values():  # joules in a second
        assert part is not None
        figure += replace(part, unit="W")
    return figure


# Merolla et al., Science 345, 2014, and Akopyan et al., 2015, Fig. 17.
TRUENORTH_NEURONS, TRUENORTH_SYNAPSES = 1_048_576, 128


def truenorth_power(hertz: float) -> Figure:
    rate = hertz * TRUENORTH_NEURONS * TRUENORTH_SYNAPSES
    return power(load_chip("truenorth"), {"synaptic_event": rate})


@pytest.mark.parametrize(("hertz", "watts"), [(11.58, 68e-3), (95.93, 94e-3)])
def test_truenorth_at_the_two_powers_that_it_was_fitted_to(hertz, watts):
    """No test of the model: the chip file is the line through these two points."""
    assert truenorth_power(hertz).value == pytest.approx(watts, rel=2e-4)


def test_truenorth_at_the_power_that_was_held_out():
    found = truenorth_power(20.07)
    assert found.value == pytest.approx(71e-3, rel=0.006)
    assert found.low <= 71e-3 <= found.high


def test_an_average_is_no_marginal_cost():
    """26 pJ per event, TrueNorth's average at 20 Hz, is wrong by far at other rates."""
    chip = load_chip("truenorth")
    at_rest = power(chip, {"synaptic_event": 0}).value
    assert at_rest > 0.9 * truenorth_power(11.58).value
    average = 26e-12 * 95.93 * TRUENORTH_NEURONS * TRUENORTH_SYNAPSES
    assert average > 3 * truenorth_power(95.93).value


# Frenkel et al., IEEE TBioCAS 13(1), 2019.
@pytest.mark.parametrize(
    ("clock", "operations", "watts", "off"),
    [(75e6, 37.5e6, 477e-6, 0.0005), (1.3e6, 650e3, 35e-6, 0.003)],
)
def test_odin_at_two_clocks(clock, operations, watts, off):
    found = power(load_chip("odin"), {"clock_cycle": clock, "synaptic_event": operations})
    assert found.value == pytest.approx(watts, rel=off)


def test_odin_at_the_clock_of_its_file_works_as_fast_as_published():
    chip = load_chip("odin")
    assert chip.clock.si.value == 75e6
    assert 1 / chip.time["synaptic_event"].si.value == pytest.approx(37.5e6, rel=0.002)


# Frady et al., arXiv 2004.12691, 2020: a query of 76,800 stored patterns on 32 chips.
PATTERNS, UPDATES_EACH, MEASURED = 76_800, 60, 1.33e-3


def frady_query(chip: str, spikes: int) -> Figure:
    """Dynamic energy: each input spike reaches every pattern; every pattern is updated."""
    counts = {"synaptic_event": spikes * PATTERNS, "update_inactive": PATTERNS * UPDATES_EACH}
    events, updates = price(counts, load_chip(chip)).values()
    assert events is not None and updates is not None
    return events + updates


@pytest.mark.parametrize(("spikes", "above"), [(667, 0.0891), (750, 0.2022)])
def test_a_query_on_loihi_with_the_coefficients_of_davies(spikes, above):
    """The spikes of a query are published as 667 to 750: the model lands 9 to 20 % above."""
    found = frady_query("loihi1-davies", spikes)
    assert found.value / MEASURED - 1 == pytest.approx(above, abs=0.001)
    # The low of synaptic_event is what this query leaves per event: it must reach down to it.
    assert found.low <= MEASURED


@pytest.mark.parametrize(("spikes", "above"), [(667, 0.545), (750, 0.715)])
def test_a_query_on_loihi_with_the_coefficients_of_sanafe(spikes, above):
    """SANA-FE charges an idle neuron its access alone, the low of our update."""
    chip = load_chip("loihi1-sanafe")
    found = frady_query("loihi1-sanafe", spikes)
    events = price({"synaptic_event": spikes * PATTERNS}, chip)["synaptic_event"]
    idle = PATTERNS * UPDATES_EACH * chip.energy["update_inactive"].si.low
    assert (events.value + idle) / MEASURED - 1 == pytest.approx(above, abs=0.002)
    assert found.value > MEASURED


@pytest.mark.parametrize("name", ["loihi1-davies", "loihi1-sanafe"])
def test_static_power_of_32_loihi_chips(name):
    found = static_power(load_chip(name), chips=32)
    assert found is not None and found.unit == "W"
    assert found.value == pytest.approx(3.34, abs=0.005)
    assert found.low <= 3.34 <= found.high


def test_reset_of_32_loihi_chips():
    chip = load_chip("loihi1-davies")
    cores = 32 * chip.cores.per_chip.amount
    found = price({"reset": cores}, chip)["reset"]
    assert found.value == pytest.approx(0.19e-3, abs=0.005e-3)
    assert found.low <= 0.19e-3 <= found.high


def test_static_power_of_loihi_2_and_44_of_its_steps():
    """0.47 W as measured on boards, processors included: 46 uJ for 44 steps of microcode."""
    chip = load_chip("loihi2")
    found = static_power(chip)
    assert found is not None and (found.low, found.value, found.high) == (0.45, 0.47, 0.5)
    assert "static_power.management" in chip.included
    joules = 44 * chip.step_floor.si.value * found.value
    assert joules == pytest.approx(45.5e-6, rel=0.001)
    assert 44 * 1.77e-6 * found.value == pytest.approx(37e-6, rel=0.02)  # neurons in fixed logic


# Worked examples for one training sample of 784-512-10 on Loihi.
def test_one_write_of_every_weight():
    """411,648 synapses, mirrored ones included, at 120 pJ: 49.4 uJ."""
    synapses = 784 * 512 + 2 * 512 * 10
    assert synapses == 411_648
    chip = load_chip("loihi1-davies")
    found = price({"weight_update": synapses}, chip)["weight_update"]
    assert found.value == pytest.approx(49.4e-6, rel=0.001)
    # Serial on each core: 628 us on 4 cores, 78 us on 32.
    each = chip.time["weight_update"].si.value
    assert synapses / 4 * each == pytest.approx(628e-6, rel=0.001)
    assert synapses / 32 * each == pytest.approx(78e-6, rel=0.01)


# Arithmetic: the pair that is quoted everywhere, and what it leaves out.
def test_the_popular_pair_of_horowitz_and_the_memory_that_it_leaves_out():
    chip = load_chip("cpu-horowitz-45nm")
    found = price({"mac": 1, "accumulate": 1, "access_dram": 1}, chip)
    assert found["mac"].value == pytest.approx(4.6e-12)
    assert found["accumulate"].value == pytest.approx(0.9e-12)
    parts = price({"multiply_fp32": 1, "add_fp32": 1}, chip)
    assert found["mac"].value == pytest.approx(sum(part.value for part in parts.values()))
    assert found["access_dram"].low > 250 * found["mac"].value


@pytest.mark.parametrize(
    ("name", "watts", "peak"),
    [("gpu-a100-floor", 400, 19.5e12), ("gpu-h100-floor", 700, 67e12)],
)
def test_the_floor_of_a_gpu_is_its_rated_power_over_its_peak_rate(name, watts, peak):
    found = price({"mac": peak / 2}, load_chip(name))["mac"]
    assert found.value == pytest.approx(watts, rel=0.003)
