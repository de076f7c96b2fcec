"""What is refused of learning on the chip, in one line."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest
from onchip_cases import made_up, small

from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.settings import configuration

# settings of OnChip, and what the refusal says
REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"sees": "all"}, ["sees is 'all'", "expected one of potentials, traces, signed-spikes"]),
    ({"copies": "one"}, ["copies is 'one'", "expected one of independent, same-noise, decay"]),
    ({"kernels": "one"}, ["kernels is 'one'", "expected one of keeper, in-place"]),
    ({"trace_bits": 0}, ["trace_bits is 0", "whole number of at least 1, below 13"]),
    ({"trace_bits": 13}, ["trace_bits is 13", "whole number of at least 1, below 13"]),
    ({"trace_bits": 2.0}, ["trace_bits is 2.0", "whole number"]),
    ({"accumulator_bits": -1}, ["accumulator_bits is -1", "at least 0, below 9"]),
    ({"accumulator_bits": 9}, ["accumulator_bits is 9", "at least 0, below 9"]),
    ({"every": 0}, ["every is 0", "at least 1"]),
    ({"threshold": -0.1}, ["threshold is -0.1", "expected one in [0, 1)"]),
    ({"threshold": 1.0}, ["threshold is 1.0", "expected one in [0, 1)"]),
    ({"threshold": float("nan")}, ["threshold is nan", "expected one in [0, 1)"]),
    ({"threshold": "x"}, ["threshold is 'x'", "expected a number"]),
    ({"decay_rate": 1.0}, ["decay_rate is 1.0", "expected one in [0, 1)"]),
    ({"weight_range": (0.0,)}, ["weight_range holds 0.0", "finite numbers above 0"]),
    ({"weight_range": (0.5, float("inf"))}, ["weight_range holds inf", "finite numbers above 0"]),
    (
        {"copies": "errors", "sees": "loihi-engine"},
        ["copies 'errors' with sees 'loihi-engine'", "expected 'traces' or 'potentials'"],
    ),
    (
        {"copies": "asymmetric-ep", "sees": "potentials"},
        ["copies 'asymmetric-ep' with sees 'potentials'", "expected 'traces' or 'signed-spikes'"],
    ),
    ({"change_bits": -1}, ["change_bits is -1", "at least 0, below 13"]),
    ({"change_bits": 13}, ["change_bits is 13", "at least 0, below 13"]),
    ({"change_spikes": 0}, ["change_spikes is 0", "at least 1, below 2**6"]),
    (
        {"change_bits": 7, "sees": "loihi-engine", "copies": "same-noise"},
        ["change_bits is 7 with sees 'loihi-engine'", "expected 0, or another sees"],
    ),
    (
        {"change_bits": 7, "sees": "signed-spikes"},
        ["change_bits is 7 with sees 'signed-spikes'", "expected 0, or another sees"],
    ),
]


@pytest.mark.parametrize(("settings", "parts"), REFUSED, ids=str)
def test_a_wrong_description_is_refused_in_one_line(settings, parts):
    with pytest.raises(InputError) as refused:
        OnChip(**settings)
    assert_one_line(str(refused.value), ["OnChip: ", *parts])


def assert_one_line(text: str, parts: list[str]) -> None:
    assert "\n" not in text
    for part in parts:
        assert part in text


# settings of a run that learns on the chip, and what the refusal says
UNFIT: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"descent": {"minibatch": 2}},
        ["minibatch is 2 with accumulator_bits 0", "expected minibatch 1, or accumulator_bits"],
    ),
    ({"descent": {"optimizer": "adam"}}, ["optimizer is 'adam'", "expected 'sgd'"]),
    ({"descent": {"momentum": 0.5}}, ["momentum is 0.5", "expected 0.0"]),
    ({"descent": {"weight_decay": 0.1}}, ["weight_decay is 0.1", "expected 0.0"]),
    ({"learning": {"rule": "full"}}, ["rule is 'full'", "expected 'symmetric'"]),
    (
        {"learning": {"readout": "cross-entropy"}},
        ["readout is 'cross-entropy'", "expected 'squared-error'"],
    ),
    ({"coding": Coding.real_valued()}, ["quantizer 'none'", "'sigma-delta' or 'bernoulli'"]),
    (
        {"input": "current", "onchip": {"sees": "signed-spikes"}},
        ["input 'current' sends no spikes that sees 'signed-spikes'", "sees 'potentials' or 'tr"],
    ),
    (
        {"input": "current", "onchip": {"sees": "loihi-engine", "copies": "periodic"}},
        ["input 'current' sends no spikes that sees 'loihi-engine'", "input 'spikes'"],
    ),
    (
        {"layers": ("6x6", "3c3p2", 3)},
        ["layer '3c3p2' prescribes a pooling", "expected a larger stride in its place"],
    ),
    (
        {
            "layers": ("6x6", "3c3", 3),
            "descent": {"minibatch": 2},
            "onchip": {"accumulator_bits": 8},
        },
        ["minibatch is 2 with layer '3c3', whose kernel many synapses share", "expected 1"],
    ),
    (
        {"layers": ("6x6", "3c3", 3), "onchip": {"sees": "signed-spikes"}},
        ["sees is 'signed-spikes' with layer '3c3'", "expected one that writes numbers"],
    ),
    (
        {"layers": ("6x6", "3c3", 3), "onchip": {"copies": "weight-mirror"}},
        ["copies is 'weight-mirror' with layer '3c3'", "expected 'errors', 'periodic'"],
    ),
    (
        {"feedback_shifts": (0, 1), "onchip": {"copies": "asymmetric-ep"}},
        ["feedback_shifts are (0, 1) with copies 'asymmetric-ep'", "expected 0 everywhere"],
    ),
    (
        {"onchip": {"weight_range": (0.5, 0.5, 0.5)}},
        ["weight_range holds 3 for 2 connections", "expected one, or 2"],
    ),
    (
        {"onchip": {"weight_range": (1e6,)}},
        ["weight_range 1e+06 needs the exponent", "expected at most 254"],
    ),
]


@pytest.mark.parametrize(("settings", "parts"), UNFIT, ids=str)
def test_what_a_core_cannot_do_is_refused_in_one_line(settings, parts):
    layers = settings.get("layers", (6, 5, 3))
    with pytest.raises(InputError) as refused:
        small(layers, **{name: value for name, value in settings.items() if name != "layers"})
    assert_one_line(str(refused.value), parts)


@pytest.mark.parametrize("sees", ["potentials", "traces"])
def test_a_current_is_learned_from_where_a_value_can_stand_for_spikes(sees):
    assert small(input="current", onchip={"sees": sees}).input == "current"


def test_an_input_sent_as_numbers_is_refused_where_spikes_carry_none(tmp_path):
    ours = {"settings": {"input": "current"}, "network": "64-9-10"}
    with pytest.raises(InputError, match="numbers of 12 bits, and chip loihi1-davies has a graded"):
        configuration("digits", on_chip="loihi1-davies", **ours)
    text = files("eqchip.mapping").joinpath("chips/loihi2.toml").read_text(encoding="utf-8")
    start = text.index("[capabilities.graded_payload]")
    silent = tmp_path / "silent.toml"
    silent.write_text(text[:start] + text[text.index("[capabilities.third_factor]") :])
    with pytest.raises(InputError, match="does not say that spikes carry numbers; expected spikes"):
        configuration("digits", on_chip=silent, **ours)
    assert configuration("digits", on_chip="loihi2", **ours).input == "current"


def test_a_trainer_refuses_a_rate_that_writes_nothing():
    config = small(descent={"lr": (1e-12, 0.1)})
    with pytest.raises(InputError, match="lr 1e-12 of connection 1 rounds every update to zero"):
        OnChipTrainer(config, made_up(6, 3, 2), 1)


@pytest.mark.parametrize(
    ("largest", "weight_bits", "expected"),
    [(0.5, 8, 5), (127 / 256, 8, 4), (0.3, 8, 4), (1.0, 2, 12), (1e-9, 8, -2), (0.5, 4, 9)],
)
def test_the_exponent_is_the_smallest_that_holds_the_range(largest, weight_bits, expected):
    # Codes reach 2**(B - 1) - 1; times 2**(e - 12) that is at least the range.
    onchip = OnChip(fixed=FixedPoint(weight_bits=weight_bits), weight_range=(largest,))
    assert onchip.exponents(2) == [expected] * 2
