"""Numbers at the edge of what a float, an int64 or a memory holds: a line, and no traceback."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import few_digits

from eqchip.__main__ import main
from eqchip.emulator import memory
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.coding import Coding
from eqchip.emulator.description.config import make_config
from eqchip.emulator.description.connections import Sparse
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.description.phases import Free, Nudged
from eqchip.emulator.description.task import one_hot
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.problem.pose import pose
from eqchip.emulator.training.points_file import Points
from eqchip.emulator.training.sweep import make_sweep
from eqchip.emulator.training.sweep_points import check_points
from eqchip.emulator.training.trainer import Trainer
from eqchip.emulator.training.trainers import make_trainer

HUGE = 10**400  # a whole number that no float holds
ENDLESS = 16**5000  # and one that Python does not even write
EDGES = [
    *("0", "-1", "-0.0", "nan", "inf", "-inf", "1e400", "1e308", "3.4e38", "1e38", "1e-45"),
    *("1e-308", "1e-320", "9" * 400, "1" * 5000, "2147483648", "9223372036854775808"),
]
QUICK = ["--layers", "64-5-10", "--epochs", "1", "--free-steps", "4", "--nudged-steps", "3"]
KINDS = {
    "float": (["--lr", "--beta", "--initial-gain", "--momentum", "--weight-decay", "--warm-up",
               "--input-dropout", "--step-size", "--prediction", "--seed"], []),
    "asynchronous": (["--clock-spread", "--clock-offset", "--clock-jitter", "--delay",
                      "--delay-jitter", "--event-time", "--loss", "--stuck-at-0", "--timing-seed"],
                     ["--timing", "async"]),
    "on chip": (["--lr", "--beta", "--weight-range", "--threshold", "--decay-rate", "--every",
                 "--weight-bits", "--trace-bits", "--accumulator-bits"],
                ["--on-chip", "loihi1-davies"]),
}  # fmt: skip


def refused(call: Any, *arguments: Any, **settings: Any) -> str:
    """The one line that refuses a call; nothing else is said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InputError) as caught:
            call(*arguments, **settings)
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and len(text) < 400
    return text


@pytest.fixture
def begun(monkeypatch):
    """Trainings end where they would begin: what is tested is what they refuse before."""

    class Begun(Exception):
        pass

    def begin(*arguments: Any, **settings: Any) -> None:
        raise Begun

    monkeypatch.setattr("eqchip.training.fit", begin)
    return Begun


@pytest.mark.parametrize(
    ("kind", "flag"), [(kind, flag) for kind, (flags, _) in KINDS.items() for flag in flags]
)
def test_a_setting_at_the_edge_is_taken_or_refused_in_a_line(
    kind, flag, begun, tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    taken = 0
    for value in EDGES:
        out = Path(f"run-{taken}")
        line = ["train", *QUICK, *KINDS[kind][1], f"{flag}={value}", "--out", str(out)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                status = main(line)
        except begun:
            taken += 1
            capfd.readouterr()  # what is said of settings that are taken
            continue
        told = capfd.readouterr().err.splitlines()
        assert status == 2 and len(told) == 1, (value, told)
        assert told[0].startswith("eqchip: error: "), value
        assert not out.exists()
    assert taken < len(EDGES)


WRONG = {
    "lr_scale": [1e308, 1e38, 3.4e38, HUGE, ENDLESS],
    "beta": [1e308, 1e-45, 1e-320, 1e-308, HUGE],
    "weight_range": [1e308, HUGE, [0.5, HUGE]],
    "threshold": [1.0, HUGE],
    "seed": [2**63, HUGE, ENDLESS],
    "free_steps": [HUGE, ENDLESS],
    "weight_bits": [HUGE, ENDLESS],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, found in WRONG.items() for v in found],
                         ids=lambda found: found if isinstance(found, str) else "")  # fmt: skip
def test_an_axis_at_the_edge_is_refused_in_a_line(name, value):
    def check() -> None:
        check_points(make_sweep({"layers": [64, 5, 10], "axes": {name: [value]}}))

    assert name.split("_")[0] in refused(check)


def test_numbers_that_python_does_not_write_are_refused_in_a_line():
    assert "thousands of digits" in refused(check_whole, "seed", ENDLESS, 0, 2**63)
    assert "a float can hold" in refused(check_number, "beta", HUGE)
    assert "(401 letters)" in refused(check_number, "beta", HUGE)


def test_the_widest_weights_and_the_narrowest_have_an_exponent_or_a_line():
    assert "needs the exponent" in refused(OnChip(weight_range=(1e308,)).exponents, 2)
    least = OnChip(weight_range=(5e-324,))
    assert least.exponents(2) == [least.fixed.lowest_exponent] * 2


@pytest.mark.parametrize(
    ("descent", "learning", "told"),
    [
        ({"lr": [1e308]}, {}, "lr 1e+308 over a beta of 0.5 overflows float32"),
        ({"lr": [0.1]}, {"beta": 1e-45}, "lr 0.1 over a beta of 1e-45 overflows float32"),
        ({"lr": [0.1]}, {"beta": 3e38}, "beta 3e+38 of phase 1 vanishes or overflows"),
    ],
)
def test_rates_that_overflow_are_refused_before_training(descent, learning, told):
    config = make_config(layers=(64, 5, 10), descent={**descent, "lr": descent["lr"] * 2},
                         learning={"beta": 0.5, **learning})  # fmt: skip
    assert told in refused(Trainer, config, few_digits())


def test_more_validation_than_samples_names_the_flag():
    config = make_config(layers=(64, 5, 10), validation=60)
    assert "of 60 training samples; expected fewer to be set aside: --validation" in refused(
        Trainer, config, few_digits()
    )


# --- facts of files -----------------------------------------------------------------------


@pytest.mark.parametrize("value", ["1" + "0" * 400, "1e400", "-1", "NaN", "Infinity", "true"])
def test_a_point_whose_fact_no_float_holds_is_refused(value, tmp_path):
    facts = dict.fromkeys(
        ("synaptic_events", "updates_active", "updates_inactive", "spikes", "weights_attempted"), 1
    )
    text = str({"format": "eqchip-sweep-point 1", "settings": {}, "validation_error": 5, **facts})
    line = text.replace("'", '"').replace('"spikes": 1', f'"spikes": {value}')
    (tmp_path / "points.jsonl").write_text(line + "\n")
    told = refused(Points(tmp_path / "points.jsonl").read)
    beyond = value.isdecimal() and len(value) > 19  # the number itself is none of a document
    assert "line 1" in told and (beyond or "spikes is missing or no fit" in told)


# --- memory -------------------------------------------------------------------------------


def test_a_record_that_no_memory_holds_is_refused_with_its_bytes(monkeypatch):
    net, x = Network.dense([6, 5, 3], seed=1), np.full((4, 6), 0.5)
    asked = {"coding": Coding(), "precision": "float64"}
    steps, numbers = 10**11, 10**11 * 4 * 14
    for record, size in (
        (("bits",), numbers), (("potentials",), 8 * numbers), (("bits", "potentials"), 9 * numbers)
    ):  # fmt: skip
        told = refused(pose, net, x, phases=[Free(steps)], record=record, **asked)
        assert f"takes {size:,} bytes, and there are {memory.memory():,}" in told
    monkeypatch.setattr(memory, "memory", lambda: 1000)
    assert pose(net, x, phases=[Free(17)], record=("bits",), **asked).steps == 17
    assert "takes 1,008 bytes" in refused(pose, net, x, phases=[Free(18)], record=["bits"], **asked)
    assert pose(net, x, phases=[Free(18)], **asked).steps == 18  # nothing is kept of a step
    assert "a schedule of 90 steps takes 2,880 bytes" in refused(
        pose, net, x, phases=[Free(90)], **asked
    )
    monkeypatch.setattr(memory, "memory", lambda: None)  # unknown
    assert pose(net, x, phases=[Free(91)], record=("bits",), **asked).steps == 91


def test_learning_that_counts_more_spikes_than_memory_holds_is_refused(monkeypatch):
    config = make_config(layers=(64, 5, 10), on_chip={}, descent={"minibatch": 1})
    monkeypatch.setattr(memory, "memory", lambda: 4000)  # 90 steps of 192 places take 17,280
    assert "a record of the spikes of 90 steps takes 17,280 bytes" in refused(
        make_trainer, config, few_digits()
    )


# --- masked arrays ------------------------------------------------------------------------


def test_masked_arrays_are_refused_wherever_arrays_are_taken():
    net, x, y = Network.dense([3, 2], seed=1), np.full((2, 3), 0.5), np.eye(2)
    masked = np.ma.masked_greater(x, 0.4)
    free, asked = [Free(3)], {"coding": Coding(), "precision": "float64"}
    digits = few_digits()
    calls = {
        "run: x": lambda: pose(net, masked, phases=free, **asked),
        "target": lambda: pose(net, x, phases=[*free, Nudged(2, np.ma.array(y), 0.5)], **asked),
        "samples": lambda: pose(net, x, phases=free, samples=np.ma.array([0, 1]), **asked),
        "weights": lambda: Network.dense([3, 2], weights=[np.ma.ones((3, 2))]),
        "labels": lambda: one_hot(np.ma.array([0, 1]), 2),
        "mask": lambda: Sparse.from_mask(np.ma.array([[True, False]])),
        "train_x": lambda: Dataset(
            "mine", np.ma.array(digits.train_x), digits.train_y, digits.test_x, digits.test_y,
            (8, 8), 10, "mine",
        ),
    }  # fmt: skip
    for name, call in calls.items():
        told = refused(call)
        assert name in told and "is a masked array; expected a plain one" in told
