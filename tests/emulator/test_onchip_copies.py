"""Both copies of the weights of a network that learned on the chip, kept and used again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_runs import arrays_of, small_config

from eqchip.__main__ import main
from eqchip.emulator.activity import Activity
from eqchip.emulator.data.dataset import split_validation
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.onchip import OnChip
from eqchip.emulator.engine.lowering import lower_fixed, mirrored_weights
from eqchip.emulator.engine.synchronous import solve
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.classifier import Classifier
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.network_file import save_network
from eqchip.emulator.training.onchip_training import OnChipTrainer
from eqchip.emulator.training.runs import RunDirectory
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.pricing.accounts import account
from eqchip.mapping.chip_file.chip import load_chip

OLDER = "an older version trained the run"


def drifting(weight_bits: int = 8, accumulator_bits: int = 0, **settings: Any) -> Config:
    """A small run whose two copies learn and round each by itself."""
    return small_config(
        layers=(64, 20, 15, 10),
        validation=60,
        learning={"beta": 1.0, "free_steps": 12, "nudged_steps": 6},
        descent={"lr": (0.3, 0.3, 0.2), "minibatch": 1, "epochs": 1, "warm_up": 0.0},
        on_chip=OnChip(
            fixed=FixedPoint(weight_bits=weight_bits),
            accumulator_bits=accumulator_bits,
            **{"copies": "independent", "every": 200, **settings},
        ),
    )


def trained(path: Path, config: Config) -> RunDirectory:
    run = RunDirectory.create(path, config)
    fit(run, load("digits"), threads=1)
    return run


def trainer_of(run: RunDirectory) -> OnChipTrainer:
    """The trainer as it stood at the end."""
    trainer = OnChipTrainer(run.config, load("digits"), 1)
    found = run.load_checkpoint(trainer.state())
    assert found is not None
    trainer.restore(found[0])
    return trainer


def forget_the_mirror(run: RunDirectory) -> None:
    """Leave a network file as older versions wrote it."""
    save_network(run.path / "network.npz", run.network())


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunDirectory:
    return trained(tmp_path_factory.mktemp("runs") / "run", drifting())


@pytest.fixture
def older(run, tmp_path) -> RunDirectory:
    """The same run, with one copy kept."""
    for name in ("config.toml", "metrics.jsonl", "activity.json", "network.npz"):
        (tmp_path / name).write_bytes((run.path / name).read_bytes())
    found = RunDirectory(tmp_path)
    forget_the_mirror(found)
    return found


def evaluated(run: RunDirectory, capsys: Any, *flags: str) -> dict[str, Any]:
    arguments = ["evaluate", str(run.path), "--split", "validation", "--json", "--quiet", *flags]
    assert main([*arguments, "--threads", "1"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def forward_only(run: RunDirectory, fixed: FixedPoint | None) -> Activity:
    data = load("digits")
    _, held = split_validation(data, run.config.validation)
    classifier = Classifier(run.config, run.network(), 1, fixed=fixed)
    return classifier.classify(data.train_x[held], data.train_y[held]).activity


@pytest.mark.parametrize(("weight_bits", "accumulator_bits"), [(8, 0), (8, 8), (4, 0), (2, 6)])
def test_evaluation_after_training_is_the_trainers_own(
    weight_bits, accumulator_bits, tmp_path, capsys
):
    run = trained(tmp_path / "run", drifting(weight_bits, accumulator_bits, weight_range=(0.3,)))
    trainer = trainer_of(run)
    assert min(trainer.drift()) > 0.02  # else both copies would be one
    tally = trainer.validate()
    (row,) = (row for row in run.metrics() if "train_error" in row)
    for flags in ((), ("--precision", "chip")):
        found = evaluated(run, capsys, *flags)
        assert found["precision"] == "chip"
        assert found["arithmetic"]["weight_bits"] == weight_bits
        assert found["error"] == tally.error == row["validation_error"]
        assert found["activity"] == tally.activity.to_dict()
        assert found["saturations"] == tally.saturations
    alone = forward_only(run, run.config.on_chip.fixed)
    assert alone.spikes.tolist() != tally.activity.spikes.tolist()


def test_a_run_keeps_what_feedback_reads_in_its_network(run):
    trainer = trainer_of(run)
    arrays, mirror = arrays_of(run.path / "network.npz"), run.mirror()
    assert [name for name in arrays if name.startswith("mirror")] == ["mirror_1", "mirror_2"]
    kept = mirrored_weights(trainer.lowered, trainer.start, run.config.on_chip.fixed)
    assert len(mirror) == 2
    for k, (found, expected) in enumerate(zip(mirror, kept, strict=True), start=1):
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(found, arrays[f"mirror_{k}"])
        forward = arrays[f"weights_{k}"]
        drift = np.linalg.norm(forward - found) / np.linalg.norm(forward)
        assert drift == pytest.approx(trainer.drift()[k - 1])


def test_a_copy_larger_than_the_other_is_lowered_without_clipping():
    fixed = FixedPoint()
    weights = [np.array([[0.25, -0.5]]), np.array([[0.5], [0.25]])]
    network = Network.dense((1, 2, 1), weights=weights, biases=[np.zeros(2), np.zeros(1)])
    (found,) = mirrored_weights(
        lowered := lower_fixed(network, fixed, mirror=[np.array([[-3.0], [0.125]])]), network, fixed
    )
    assert found.tolist() == [[-3.0], [0.125]]
    (same,) = mirrored_weights(lower_fixed(network, fixed), network, fixed)
    assert same.tolist() == weights[1].tolist()
    # 3 in 127 codes takes a step of 2**-5: the forward copy shares it.
    assert lowered.exponents.tolist()[1] == fixed.fraction_bits - 5


def test_floating_point_reads_the_forward_copy_in_both_directions(run, capsys):
    found = evaluated(run, capsys, "--precision", "float32")
    assert found["activity"] == forward_only(run, None).to_dict()


def test_widths_that_are_given_take_the_place_of_the_runs(run, capsys):
    found = evaluated(run, capsys, "--precision", "chip", "--weight-bits", "3")
    assert found["arithmetic"] == {
        **evaluated(run, capsys)["arithmetic"],
        "weight_bits": 3,
    }


def test_a_report_runs_both_copies(run):
    trainer = trainer_of(run)
    found = replay(run, load_chip("loihi1-davies"), load("digits"), samples=20, threads=1)
    assert found.both_copies
    for one in (found.training, found.inference):
        problem = replace(one.problem, parts=())
        both = solve(problem, threads=1, lowered=trainer.lowered)
        assert one.run.activity.to_dict() == both.activity.to_dict()
        for got, expected in zip(one.run.bits, both.bits, strict=True):
            np.testing.assert_array_equal(got, expected)
        alone = solve(problem, threads=1)
        assert alone.activity.spikes.tolist() != both.activity.spikes.tolist()
    notes = report(found, account(found), run, "loihi1-davies", {"eqchip": "test"})["notes"]
    assert not any(OLDER in note for note in notes)


def test_a_run_of_an_older_version_has_one_copy_and_says_so(older, capsys):
    assert older.mirror() is None
    found = evaluated(older, capsys)
    assert found["activity"] == forward_only(older, older.config.on_chip.fixed).to_dict()
    replayed = replay(older, load_chip("loihi1-davies"), load("digits"), samples=2, threads=1)
    assert not replayed.both_copies
    document = report(replayed, account(replayed), older, "loihi1-davies", {"eqchip": "test"})
    assert any(OLDER in note for note in document["notes"])


def test_a_run_in_floating_point_has_no_mirror(tmp_path):
    run = trained(tmp_path / "run", small_config())
    assert run.mirror() is None
    assert not any(name.startswith("mirror") for name in arrays_of(run.path / "network.npz"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda mirror: mirror[:1], "mirror_2 missing"),
        (lambda mirror: (mirror[0].T, mirror[1]), r"mirror_1 is float64 of shape \(15, 20\)"),
        (lambda mirror: (mirror[0], mirror[1] * np.nan), "expected finite numbers of shape"),
        (lambda mirror: (mirror[0].astype(int), mirror[1]), "mirror_1 is int64"),
    ],
)
def test_a_mirror_that_cannot_be_one_is_refused(change, words, run, older):
    older.save_network(run.network(), change(run.mirror()))
    with pytest.raises(InputError, match=words):
        older.mirror()
    assert main(["evaluate", str(older.path), "--split", "validation", "--quiet"]) == 2
