"""Clocks that restart, potentials that are averaged, and the flags and files of a timing."""

from __future__ import annotations

from typing import Any

import click
import numpy as np
import pytest
from small_runs import few_digits, small_config

import eqchip as eq
from eqchip.cli.timing_options import timing_from, timing_options
from eqchip.emulator.description.asynchronous import (
    Asynchronous,
    Clocks,
    Delays,
    Faults,
    Queues,
    describe,
    timing_of,
)
from eqchip.emulator.description.config import Config, read_config, to_toml
from eqchip.emulator.learning.contrast import average_ends
from eqchip.emulator.training.trainer import Trainer

NET = eq.Network.dense([9, 12, 4], seed=3)
X = np.random.default_rng(0).random((3, 9))
Y = np.eye(4)[[0, 1, 3]]


def twice_the_same(clocks: Clocks, **delays: float) -> list[list[np.ndarray]]:
    """The ends of two nudged phases that are alike and both start from the free one's end."""
    nudged = eq.Nudged(7, target=Y, beta=0.5, from_free=True)
    run = eq.run(
        NET, X, coding=eq.Coding(), phases=[eq.Free(13), nudged, nudged], precision="float64",
        timing=eq.Asynchronous(clocks=clocks, delays=eq.Delays(**delays)),
    )  # fmt: skip
    return run.ends


@pytest.mark.parametrize("per", ["unit", "core"])
@pytest.mark.parametrize("delay", [0.3, 1.0, 2.7])
def test_restarted_clocks_repeat_a_phase_and_others_do_not(per, delay):
    clocks = {"per": per, "spread": 0.2, "offset": 1.0}
    _, first, second = twice_the_same(Clocks(**clocks, restarted=True), fixed=delay)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    _, first, second = twice_the_same(Clocks(**clocks), fixed=delay)
    assert not np.array_equal(first[1], second[1])


def test_restarted_clocks_go_on_where_they_were():
    """Ticks of a nudged phase are those of the free one, a whole number of periods later."""
    nudged = eq.Nudged(6, target=Y[:1], beta=0.5, from_free=True)
    run = eq.run(
        NET, X[:1], coding=eq.Coding(), phases=[eq.Free(5), nudged, nudged], record=("events",),
        timing=eq.Asynchronous(clocks=eq.Clocks(spread=0.3, offset=1.0, restarted=True)),
    )  # fmt: skip
    events = run.timed.events[0]
    quantum = 2**20
    for unit in range(9, 25):
        ticks = events["time"][(events["unit"] == unit) & (events["kind"] <= 1)]
        phases = [ticks[(ticks > start * quantum) & (ticks <= (start + 6) * quantum)]
                  for start in (5, 11)]  # fmt: skip
        np.testing.assert_array_equal(phases[0] - 5 * quantum, phases[1] - 11 * quantum)
        period = round(run.timed.periods[unit] * quantum)
        free = ticks[ticks <= 5 * quantum]
        assert phases[0][0] - free[-1] == period and set(np.diff(phases[0])) <= {period}


def test_average_ends_by_hand():
    run = eq.run(NET, X, coding=eq.Coding(), phases=[eq.Free(5), eq.Free(3)],
                 precision="float64", record=("potentials",))  # fmt: skip
    averaged = average_ends(run, 2)
    for layer, all_steps in enumerate(run.potentials):
        np.testing.assert_array_equal(averaged.ends[0][layer], (all_steps[3] + all_steps[4]) / 2)
        np.testing.assert_array_equal(averaged.ends[1][layer], (all_steps[6] + all_steps[7]) / 2)
    for phase in range(2):
        for one, other in zip(average_ends(run, 1).ends[phase], run.ends[phase], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_trainer_learns_from_averages_and_other_noise_in_every_epoch():
    timing = Asynchronous(clocks=Clocks(spread=0.1, offset=1.0))
    trained = {
        average: _weights(small_config(learning={"average_steps": average}, timing=timing))
        for average in (1, 3)
    }
    assert not np.array_equal(trained[1], trained[3])
    assert not np.array_equal(trained[1], _weights(small_config()))


def _weights(config: Config) -> np.ndarray:
    trainer = Trainer(config, few_digits(), 1)
    for _tally in trainer.train_epoch():
        pass
    return trainer.network.weights[0]


@pytest.mark.parametrize("steps", [0, 4, 1.5])
def test_averages_longer_than_a_phase_are_refused(steps):
    with pytest.raises(eq.InputError, match="average_steps"):
        small_config(learning={"average_steps": steps})


def test_a_timing_is_kept_in_the_configuration_file(tmp_path):
    timing = Asynchronous(
        Clocks("core", 0.1, 0.5, 0.25, restarted=True), Delays(0.5, 0.0, 2.0), Queues(0.001),
        Faults(0.1, ((1, 2), (0, 3)), 0.25, ((2, 7.5),)), seed=9, stop=10.5, period=1e-5,
    )  # fmt: skip
    config = small_config(timing=timing)
    (tmp_path / "config.toml").write_text(to_toml(config, {}))
    assert read_config(tmp_path / "config.toml") == config
    assert read_config(tmp_path / "config.toml").timing == timing


def test_the_fingerprint_knows_the_timing():
    assert small_config(timing=Asynchronous()).digest() != small_config().digest()


def flags(*arguments: str) -> Any:
    """What the flags make."""
    found = []

    @click.command()
    @timing_options()
    def command(**settings: Any) -> None:
        found.append(timing_from(settings))
        assert not settings

    command.main(list(arguments), standalone_mode=False)
    return found[0]


def test_flags_make_a_timing():
    assert flags() == "sync" and timing_of(Asynchronous(), flags()) is None
    assert flags("--timing", "async") == Asynchronous(
        clocks=Clocks(spread=0.1, offset=1.0, jitter=0.1)
    )
    given = flags(
        "--timing", "async", "--clocks", "core", "--clock-spread", "0.3", "--clock-offset", "0",
        "--clock-jitter", "0.2", "--restart-clocks", "--uncalibrated", "--delay", "2",
        "--delay-jitter", "0.5", "--event-time", "0.01", "--loss", "0.05", "--stuck-at-0", "0.1",
        "--stuck-at-1", "0.2", "--timing-seed", "4",
    )  # fmt: skip
    assert given == Asynchronous(
        Clocks("core", 0.3, 0.0, 0.2, True, False), Delays(2.0, 0.0, 0.5), Queues(0.01),
        Faults(0.05, 0.1, 0.2), seed=4,
    )  # fmt: skip
    assert describe(given) == (
        "a clock per core, spread 30 %, jitter 0.2, restarted, delay 2 + 0.5, loss 5 %, "
        "10 % of units stuck at 0, 20 % of units stuck at 1"
    )
    assert describe(None) == "one clock"


def test_a_chip_with_one_clock_has_faults():
    given = flags("--loss", "0.05", "--synapses-at-0", "0.1", "--timing-seed", "4")
    assert given == Asynchronous(faults=Faults(0.05, synapses_at_0=0.1), seed=4)
    assert given.one_clock and not given.in_steps
    assert describe(given) == "one clock, loss 5 %, 10 % of synapses at 0"
    of_synapses = flags("--synapses-at-limit", "0.2", "--synapses-frozen", "0.1")
    assert of_synapses.one_clock and of_synapses.in_steps
    assert flags("--loss", "0") == "sync"  # no fault, no timing
    assert not flags("--timing", "async").one_clock


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--delay", "1"), "--delay is given without --timing async"),
        (("--loss", "0.1", "--delay", "1"), "--delay is given without --timing async"),
        (("--synapses-at-0", "1.5"), "--synapses-at-0 is 1.5; expected 0 to 1"),
        (("--synapses-at-0", "0.7", "--synapses-frozen", "0.7"), "add up to 1.4"),
        (("--timing", "sync", "--uncalibrated"), "--uncalibrated is given without"),
        (("--timing", "async", "--clock-spread", "0.6"), "spread is 0.6; expected 0 to 0.5"),
        (("--timing", "async", "--clock-jitter", "0.9"), "the shortest period at spread 0.1"),
        (("--timing", "async", "--delay", "-1"), "--delay is -1.0; expected 0 to"),
        (("--timing", "async", "--loss", "nan"), "loss is nan"),
        (("--timing", "async", "--timing-seed", "-1"), "seed is -1"),
    ],
)
def test_flags_that_make_no_sense_are_refused(arguments, words):
    with pytest.raises(eq.InputError, match=words):
        flags(*arguments)
