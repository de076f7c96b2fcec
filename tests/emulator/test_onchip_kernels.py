"""Kernels of many places that learn on a chip, equal to the reference and to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onchip_cases import made_up, small, train, wrapping
from onchip_twin import Twinned

from eqchip.backends.lava.solve import on_chip_graph
from eqchip.emulator.description.coding import Coding, Polynomial
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.connections import Conv2d
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.sharing import SHARINGS
from eqchip.emulator.engine.lowering import lower_fixed
from eqchip.emulator.errors import InputError
from eqchip.emulator.kernels import onchip as kernels
from eqchip.emulator.learning.apart import apart_of, averaged
from eqchip.emulator.training.network_file import load_mirror, load_network, save_network
from eqchip.emulator.training.onchip_training import OnChipTrainer

# A kernel over a map of one channel, then over three, with and without a border of zeros.
NETWORKS = [("6x6", "3c3", 2), ("7x5x2", "3c3s2", "4c2", 3, 2), ("5x5", "2c3z1", "3c3s2z1", 2)]


@st.composite
def trainings(draw: Any) -> Config:
    """Any training of a network with convolutions on a chip, small, in whatever integers."""
    layers = draw(st.sampled_from(NETWORKS))
    connections = len(layers) - 1
    fraction_bits = draw(st.integers(4, 12))
    fixed = FixedPoint(
        weight_bits=draw(st.integers(2, 8)),
        state_bits=draw(st.sampled_from([24, fraction_bits + 3])),
        fraction_bits=fraction_bits,
    )
    sees = draw(st.sampled_from(["traces", "potentials", "loihi-engine"]))
    told = ["errors"] if sees != "loihi-engine" else []
    steps = draw(st.integers(1, 6))
    rates = st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0, 5.0])
    try:
        return small(
            layers,
            seed=draw(st.sampled_from([0, 1, 2**63 - 1])),
            initial_gain=(draw(st.sampled_from([1.0, 1.5])),),
            coding=draw(
                st.sampled_from(
                    [Coding(), Coding("bernoulli", step_size=Polynomial(0.8), prediction=None)]
                )
            ),
            input="spikes"
            if sees == "loihi-engine"
            else draw(st.sampled_from(["spikes", "current"])),
            feedback_shifts=draw(
                st.sampled_from([(), (0, *(draw(st.integers(0, 3)) for _ in layers[2:]))])
            ),
            onchip={
                "fixed": fixed,
                "sees": sees,
                "kernels": draw(st.sampled_from(sorted(SHARINGS))),
                "copies": draw(st.sampled_from(["independent", "same-noise", "periodic", *told])),
                "trace_bits": draw(st.integers(1, 12)),
                "accumulator_bits": draw(st.integers(0, 8)),
                "weight_range": (draw(st.sampled_from([0.25, 0.5, 1.0, 3.0])),),
                "threshold": draw(st.sampled_from([0.0, 0.01, 0.2])),
                "every": draw(st.integers(1, 5)),
            },
            learning={
                "beta": draw(st.sampled_from([0.5, 0.3, 1.0])),
                "skip_right": draw(st.sampled_from([0.0, 0.0, 0.4, 0.9])),
                "free_steps": draw(st.integers(3, 12)),
                "nudged_steps": steps,
                "average_steps": draw(st.integers(1, min(steps, 3))),
            },
            descent={
                "lr": tuple(draw(rates) for _ in range(connections)),
                "schedule": draw(st.sampled_from(["constant", "cosine"])),
            },
        )
    except InputError:  # an exponent that these integers lack
        assume(False)
        raise


@given(config=trainings(), samples=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=25)
def test_any_training_of_kernels_equals_the_reference(config, samples, seed):
    try:
        twinned = Twinned(config, made_up(config.sizes[0], config.sizes[-1], samples, seed))
    except InputError:  # a rate with which nothing is written
        assume(False)
        raise
    train(twinned)


@pytest.mark.parametrize("sharing", [name for name in SHARINGS if not SHARINGS[name].apart])
def test_both_copies_of_a_kernel_are_written_and_stay_alike_where_errors_are_told(sharing):
    config = small(
        NETWORKS[1],
        initial_gain=(1.0,),
        input="current",
        onchip={"kernels": sharing},
        learning={"free_steps": 16, "nudged_steps": 10, "beta": 1.0},
        descent={"lr": (0.3,) * 4},
    )
    twinned = Twinned(config, made_up(70, 2, 8))
    train(twinned)
    applied = twinned.all_written[..., kernels.APPLIED]
    assert applied[:3, kernels.FORWARD].all() and applied[1:3, kernels.MIRROR].all()
    assert twinned.drift() == [0.0] * 3


@pytest.mark.parametrize("copies", ["independent", "periodic"])
def test_a_network_read_from_a_file_spikes_by_the_codes_that_were_trained(copies, tmp_path):
    config = small(
        NETWORKS[1],
        initial_gain=(1.0,),
        input="current",
        feedback_shifts=(0, 1, 0, 2),
        onchip={"copies": copies, "every": 3},
        learning={"free_steps": 16, "nudged_steps": 10, "beta": 1.0},
    )
    trainer = OnChipTrainer(config, made_up(70, 2, 8), 1)
    with wrapping():
        for _tally in trainer.train_epoch():
            pass
    assert len(trainer.measures()["drift"]) == 3
    save_network(tmp_path / "network.npz", trainer.network, trainer.mirror())
    network = load_network(tmp_path / "network.npz")
    mirror = load_mirror(tmp_path / "network.npz", network)
    read = lower_fixed(network, trainer.onchip.fixed, exponents=trainer.exponents, mirror=mirror)
    for name in ("weights", "mirror", "biases", "exponents", "back_exponents"):
        np.testing.assert_array_equal(getattr(read, name), getattr(trainer.lowered, name), name)
    assert (trainer.lowered.exponents - trainer.lowered.back_exponents).tolist() == [0, 1, 0, 2]


def test_a_training_that_was_cut_off_goes_on_to_the_same_kernels():
    config = small(
        NETWORKS[1],
        initial_gain=(1.0,),
        input="current",
        onchip={"every": 2},
        learning={"free_steps": 16, "nudged_steps": 10, "beta": 1.0},
        descent={"lr": (0.3,) * 4},
    )
    whole, cut, resumed = (OnChipTrainer(config, made_up(70, 2, 8), 1) for _ in range(3))
    with wrapping():
        states = [whole.state() for _ in whole.train_epoch()]
        for _ in zip(range(2), cut.train_epoch(), strict=False):
            pass
    resumed.restore({name: np.array(value) for name, value in cut.state().items()})
    with wrapping():
        for _ in resumed.train_epoch():
            pass
    assert len(states) == 4
    for name, value in whole.state().items():
        np.testing.assert_array_equal(resumed.state()[name], value, name)
    assert (whole.state()["stored"] != cut.state()["stored"]).any()


def apart(**more: Any) -> Config:
    """A network whose places keep kernels of their own for two samples."""
    return small(
        NETWORKS[1],
        initial_gain=(1.0,),
        input="current",
        onchip={"kernels": "averaged", "every": 2, **more},
        learning={"free_steps": 16, "nudged_steps": 10, "beta": 1.0},
        descent={"lr": (0.03,) * 4},
    )


def test_places_that_are_averaged_are_one_kernel_again_and_copies_stay_alike(tmp_path):
    """And so are files, and what is read from them spikes as what learned."""
    twinned = Twinned(apart(accumulator_bits=4), made_up(70, 2, 7))
    train(twinned)
    assert twinned.all_written[:2, kernels.FORWARD, kernels.APPLIED].all()
    assert twinned.drift() == [0.0] * 3
    kernel = twinned.network.weights[0]
    assert kernel.shape == (3, 3, 2, 3)
    places = twinned.places.apart[0]
    held = twinned.copy(0, kernels.FORWARD).codes
    for weight in range(kernel.size):
        assert len(set(held[places.weight == weight])) == 1
    save_network(tmp_path / "network.npz", twinned.network, twinned.mirror())
    network = load_network(tmp_path / "network.npz")
    assert [w.shape for w in network.weights] == [w.shape for w in twinned.places.kernels.weights]
    read = lower_fixed(
        network, twinned.onchip.fixed, exponents=twinned.exponents,
        mirror=load_mirror(tmp_path / "network.npz", network),
    )  # fmt: skip
    again = np.sort(np.unique(held))
    assert set(again.tolist()) <= set(read.weights.tolist())


def test_places_begin_as_the_kernel_that_a_keeper_begins_with():
    begun = [
        OnChipTrainer(apart(kernels=kept), made_up(70, 2, 4), 1) for kept in ("averaged", "keeper")
    ]
    for k, places in enumerate(begun[0].places.apart):
        held, kernel = (one.copy(k, kernels.FORWARD).codes.reshape(-1) for one in begun)
        expected = kernel if places is None else kernel[places.weight]
        np.testing.assert_array_equal(held, expected)
    assert all((one.places.apart[0] is None) == (one is begun[1]) for one in begun)


@pytest.mark.parametrize("copies", ["periodic", "independent"])
def test_places_that_are_averaged_equal_the_reference_whatever_keeps_copies(copies):
    twinned = Twinned(apart(copies=copies, sees="potentials"), made_up(70, 2, 4))
    train(twinned)
    assert (twinned.drift() == [0.0] * 3) == (copies == "periodic")


def test_the_mean_of_places_is_rounded_without_a_bias():
    places = apart_of(Conv2d((1, 4, 1), 1, 1))
    stored = np.array([0, 0, 0, 1])
    draws = np.random.default_rng(0)
    means = [averaged(stored, places, draws) for _ in range(400)]
    assert all(len(set(mean.tolist())) == 1 for mean in means)
    assert np.mean(means) == pytest.approx(0.25, abs=0.06)


def test_lava_refuses_kernels_in_one_line():
    config = small(NETWORKS[0], learning={"skip_right": 0.0})
    data = made_up(36, 2, 1)
    with pytest.raises(InputError, match=r"connection 1 .*conv weights.*expected Dense"):
        on_chip_graph(
            config, config.network(), data.train_x, data.targets(data.train_y),
            rates=[0.1, 0.1], seed=0, samples=np.arange(1),
        )  # fmt: skip
