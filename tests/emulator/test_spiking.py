"""Rules that train integrate-and-fire units: equal to their reference, and they learn."""

from __future__ import annotations

import os
from dataclasses import fields

import numpy as np
import pytest
import toy_spiking
from listeners import Stopper
from onchip_cases import made_up, wrapping
from small_runs import assert_same_end, few_digits
from spiking_twin import WHOLE, assert_equals_reference, follow, small

from eqchip.backends.reference.spiking import TWINS
from eqchip.emulator.data.datasets import DATA_VARIABLE, load
from eqchip.emulator.description.config import make_config
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.spiking.rules import SPIKING_RULES, Graded, spiking_rule
from eqchip.emulator.errors import InputError
from eqchip.emulator.learning.spiking import PROGRAMS
from eqchip.emulator.progress import Silent
from eqchip.emulator.training.evaluate import evaluate
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.spiking_training import SpikingTrainer
from eqchip.emulator.training.trainer import NUDGED_SHARE
from eqchip.emulator.training.trainers import make_trainer
from eqchip.graph_price import price
from eqchip.mapping.anchors.anchor import load_anchors
from eqchip.mapping.anchors.census import census
from eqchip.mapping.chip_file.chip import load_chip
from eqchip.settings import configuration

# Rules with their settings, the layers that they are tried on, and their rates.
CASES = [
    ({"name": "graded", "steps": 5}, (6, 7, 3), 0.5),
    ({"name": "graded", "steps": 7, "feedback": "random", "floor": 0.5}, (6, 5, 4, 3), 0.5),
    ({"name": "graded", "steps": 6, "feedback": "direct", "least_error": 0.0}, (6, 5, 4, 3), 2.0),
    (
        {"name": "graded", "steps": 5, "feedback": "kolen-pollack", "feedback_decay": 0.1},
        (6, 5, 4, 3),
        0.5,
    ),
    ({"name": "graded", "steps": 5, "feedback": "information"}, (6, 7, 4, 3), 0.5),
    ({"name": "graded", "steps": 6, "feedback": "activation"}, (6, 5, 7, 3), 0.5),
    (
        {"name": "emstdp", "steps": 6, "settle": 1, "feedback": "ekdaa", "error_threshold": 0.05},
        (6, 5, 4, 3),
        2.0,
    ),
    ({"name": "emstdp", "steps": 6, "settle": 2, "feedback": "activation"}, (6, 5, 4, 3), 2.0),
    ({"name": "emstdp", "steps": 5, "settle": 2, "feedback": "mirror"}, (6, 5, 4, 3), 2.0),
    ({"name": "emstdp", "steps": 6, "settle": 2}, (6, 7, 3), 2.0),
    (
        {
            "name": "emstdp",
            "steps": 7,
            "settle": 0,
            "contrast": "error-spikes",
            "feedback": "random",
            "error_threshold": 0.05,
            "floor": 0.5,
        },
        (6, 5, 4, 3),
        2.0,
    ),
    (
        {"name": "emstdp", "steps": 5, "feedback": "direct", "error_threshold": 0.02},
        (6, 5, 4, 3),
        3.0,
    ),
    ({"name": "erbp", "steps": 7, "settle": 2, "box": 0.2, "gain": 0.5}, (6, 7, 3), 1.0),
    ({"name": "erbp", "steps": 6, "settle": 1, "write": "spike", "decay": 0.25}, (6, 5, 4, 3), 0.5),
    ({"name": "nbp"}, (12, 9, 3), 0.0),
    ({"name": "eprop", "rows": 2, "steps": 3, "window": 4, "decay": 0.2}, (4, 5, 3), 0.02),
    (
        {"name": "eprop", "rows": 4, "steps": 2, "window": 2, "feedback": "transpose", "fade": 0.3},
        (3, 6, 3),
        0.05,
    ),
]
# The same without what follows the first phase of a sample that is right.
SKIPPING = [
    ({**CASES[0][0], "skip_right": 0.7}, *CASES[0][1:]),
    ({"name": "emstdp", "steps": 6, "settle": 2, "skip_right": 0.8}, (6, 7, 3), 2.0),
    ({"name": "erbp", "steps": 7, "settle": 2, "box": 0.2, "skip_right": 0.9}, (6, 7, 3), 1.0),
]
# The same with the input injected once a sample, where a rule takes that.
CURRENT = [case for case in CASES if not spiking_rule(case[0]).refuses_current]


@pytest.mark.parametrize("bits", [0, 3], ids=["codes", "accumulators"])
@pytest.mark.parametrize(("rule", "layers", "rate"), CASES, ids=str)
def test_a_rule_equals_its_reference_to_the_bit(rule, layers, rate, bits):
    """Weights of both copies, biases and every counter, after samples that learn."""
    config = small(rule, layers, rate, accumulator_bits=bits)
    trainer = assert_equals_reference(config)
    assert trainer.kept["writes"][:, 0, 2].all(), "a connection was never written"
    if trainer.chip.rule.path.learns and len(layers) > 3:
        assert trainer.kept["writes"][1:, 1, 2].all(), "a path was never written"


@pytest.mark.parametrize(("rule", "layers", "rate"), CURRENT, ids=str)
def test_a_rule_equals_its_reference_on_an_injected_input(rule, layers, rate):
    """Numbers sent once: a message for each pixel that is not 0, a product for each synapse."""
    config = small(rule, layers, 4 * rate, input="current", accumulator_bits=3)
    trainer = assert_equals_reference(config)
    nonzero = np.count_nonzero(trainer.chip.onchip.fixed.states(trainer.dataset.train_x))
    assert trainer.kept["messages"][0] == nonzero
    activity = trainer.tally.activity
    assert activity.macs[0, 0, 0] == nonzero * layers[1] and not activity.macs[1:, 0, 0].any()
    assert not activity.synaptic_events[:, 0, 0].any() and not activity.updates_inactive[:, 0].any()
    assert trainer.kept["writes"][0, 0, 2], "the first connection was never written"


@pytest.mark.parametrize(("rule", "layers", "rate"), SKIPPING, ids=str)
def test_samples_that_are_right_are_not_learned_from(rule, layers, rate):
    """As the reference: no second phase, no errors and no writes; their share is told."""
    trainer = assert_equals_reference(small(rule, layers, rate))
    taught, samples = int(trainer.kept["taught"][0]), trainer.tally.samples
    assert 0 < taught < samples, "it tested nothing"
    assert trainer.measures()[NUDGED_SHARE] == taught / samples
    steps = trainer.kept["steps"]
    if len(steps) == 2:
        assert steps[1] == taught * rule["steps"]
    whole = assert_equals_reference(small({**rule, "skip_right": 0.0}, layers, rate))
    assert whole.kept["taught"][0] == samples and NUDGED_SHARE not in whole.measures()


def test_a_new_rule_is_a_description_a_twin_a_kernel_and_its_rows(monkeypatch):
    monkeypatch.setitem(SPIKING_RULES, "winner", toy_spiking.Winner)
    monkeypatch.setitem(PROGRAMS, toy_spiking.Winner, toy_spiking.PROGRAM)
    monkeypatch.setitem(TWINS, toy_spiking.Winner, toy_spiking.winner)
    config = small({"name": "winner", "steps": 5}, (6, 7, 3), 0.5)
    trainer = assert_equals_reference(config)
    assert trainer.kept["writes"][1, 0, 2] and not trainer.kept["writes"][0].any()


def test_every_rule_has_a_row_in_every_table():
    assert set(SPIKING_RULES.values()) == set(PROGRAMS) == set(TWINS)
    assert {rule["name"] for rule, _, _ in CASES} == set(SPIKING_RULES)
    for rule in SPIKING_RULES.values():
        assert spiking_rule(rule().settings()) == rule()


@pytest.mark.parametrize(
    ("rule", "most"), [("graded", 5.0), ("emstdp", 7.0), ("erbp", 8.0), ("nbp", 20.0)]
)
def test_digits_are_learned(rule, most):
    config = configuration(
        "digits", on_chip="loihi2", settings={"rule": rule, "epochs": 10, "seed": 1}
    )
    trainer = make_trainer(config, load("digits"), 1)
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        trainer.end_epoch()
    assert trainer.validate().error < most


def turned(feedback: str) -> tuple[list[float], SpikingTrainer]:
    """Cosines of weights and path after three epochs on digits, and the trainer."""
    settings = {"rule": "graded", "feedback": feedback, "epochs": 3, "every": 50, "seed": 1}
    config = configuration("digits", network="64-30-30-10", on_chip="loihi2", settings=settings)
    trainer = make_trainer(config, load("digits"), 1)
    measures: dict = {}
    while not trainer.done:
        for _ in trainer.train_epoch():
            pass
        measures = trainer.measures()
        trainer.end_epoch()
    return measures["feedback_cosine"], trainer


@pytest.mark.parametrize("feedback", ["kolen-pollack", "mirror", "information", "activation"])
def test_a_path_that_learns_turns_to_the_weights_and_a_fixed_one_less(feedback):
    fixed, _ = turned("random")
    found, trainer = turned(feedback)
    assert min(found) > 0.6 > max(fixed), (found, fixed)
    assert trainer.chip.rule.path.learns


def test_what_mirror_modes_do_is_counted_by_hand():
    """8 samples, tended after 3, 6 and 8, in 128 turns each: units fire in 2 of 256 cases."""
    config = small({"name": "graded", "steps": 5, "feedback": "mirror"}, (6, 70, 40, 3), 0.5)
    trainer, _, _ = follow(config, 8)
    spikes, messages, events = trainer.kept["aligning"].T
    writes = trainer.kept["writes"][:, 1]
    np.testing.assert_array_equal(events, spikes * [70, 40, 3])
    np.testing.assert_array_equal(writes[:, 1], events)
    np.testing.assert_array_equal(writes[:, 0], events)
    turns = 3 * 128
    for units, above, fired, told in (
        (70, 40, spikes[1], messages[1]),
        (40, 3, spikes[2], messages[2]),
    ):
        assert abs(fired - turns * units / 128) < 5 * np.sqrt(turns * units / 128)
        anyone = turns * (1 - (127 / 128) ** units)
        assert told % above == 0 and abs(told / above - anyone) < 5 * np.sqrt(turns / 4)
    assert not trainer.kept["aligning"][0].any()


def test_kolen_pollack_with_the_same_start_keeps_both_sides_equal():
    """Same write and same decay, rounded by the same numbers: where equal they stay so."""
    config = small({"name": "graded", "steps": 5, "feedback": "kolen-pollack"}, (6, 5, 4, 3), 0.5)
    trainer = make_trainer(config, made_up(6, 3, 20), 1)
    for k in (1, 2):
        forward, back = (trainer.chip.copy(k, which) for which in (0, 1))
        back.stored[...] = forward.stored
        back.codes[...] = forward.codes
    with wrapping():
        for _ in trainer.train_epoch():
            pass
    assert trainer.measures()["feedback_cosine"] == pytest.approx([1.0, 1.0])
    assert trainer.kept["writes"][1:, :, 2].all()


@pytest.mark.parametrize(
    "rule",
    [{"name": name, **WHOLE.get(name, {})} for name in SPIKING_RULES]
    + [{"name": "graded", "feedback": feedback} for feedback in ("kolen-pollack", "information")],
    ids=str,
)
def test_an_interrupted_run_ends_as_an_uninterrupted_one(rule, tmp_path):
    config = small(rule, (64, 8, 10), 0.1, every=16)
    whole = RunDirectory.create(tmp_path / "whole", config)
    outcome = fit(whole, few_digits(), threads=1)
    assert RunDirectory(whole.path).config == config
    run = RunDirectory.create(tmp_path / "run", config)
    for after in (1, 3):
        with pytest.raises(KeyboardInterrupt):
            fit(RunDirectory(run.path), few_digits(), threads=1, progress=Stopper(after))
    again = fit(RunDirectory(run.path), few_digits(), threads=2)
    assert again.test.error == outcome.test.error
    assert_same_end(run, whole)
    with pytest.raises(InputError, match=f"by rule '{rule['name']}', whose units integrate"):
        run.network()


PRICED = [(case, "spikes") for case in CASES] + [(CASES[0], "current")]


@pytest.mark.parametrize(("case", "input"), PRICED, ids=str)
def test_a_run_is_priced_by_the_events_that_it_counted(case, input, tmp_path):
    rule, (_, *hidden, _), _ = case
    config = small(rule, (64 // rule.get("rows", 1), *hidden, 10), 0.1, input)
    run = RunDirectory.create(tmp_path / "run", config)
    fit(run, few_digits(), threads=1)
    row = run.metrics()[1]
    found = price(run.path, chip="loihi1-davies")
    # A price lets what is sent in the last of a few steps arrive, too.
    counted = row["synaptic_events_per_sample"] + row["macs_per_sample"]
    counted += row.get("alignment_events_per_sample", 0)
    events = found["events"]["synaptic_event"]
    assert counted <= events * (1 + 1e-12) and events <= 1.25 * counted  # sums of rates round
    if not row["weights_attempted_per_sample"]:
        assert found["update"] is None
        return
    update = found["update"]["events"]
    for kind, name in (("weight_update", "attempted"), ("weight_change", "applied")):
        assert update[kind] == pytest.approx(row[f"weights_{name}_per_sample"])
    assert any("bits of a synapse" in note for note in found["notes"])
    assert found["energy"]["figure"]["value"] > 0 and found["update"]["time"]["figure"]["value"] > 0
    with pytest.raises(InputError, match="rates is given, but a run counted its own"):
        price(run.path, rates=0.1)


def test_evaluating_a_run_gives_the_test_error_of_its_training(tmp_path):
    settings = {"rule": "graded", "epochs": 1}
    config = configuration("digits", network="64-9-10", on_chip="loihi2", settings=settings)
    run = RunDirectory.create(tmp_path / "run", config)
    outcome = fit(run, load("digits"), threads=1)
    found = evaluate(run)
    assert (found.error, found.steps) == (outcome.test.error, config.spiking.steps)
    assert found.to_dict()["rule"] == "graded"
    with pytest.raises(InputError, match="--free-steps is given, but the run was trained by rule"):
        evaluate(run, free_steps=3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"on_chip": None}, "rule 'graded' learns on a chip only"),
        ({"learning": {"beta": 1.0}}, "learning is set with rule 'graded'"),
        ({"on_chip": {"sees": "potentials"}}, "sees is 'potentials' with rule 'graded'"),
        ({"on_chip": {"weight_range": [0.01]}}, "needs the exponent -1, finer"),
        ({"layers": ("8x8", "4c3", 10)}, "expected dense layers"),
        ({"descent": {"minibatch": 2}}, "minibatch is 2; expected 1"),
        (
            {"spiking": {"name": "erbp", "write": "spike"}, "input": "current"},
            "input is 'current', but write 'spike' writes at its spikes; expected 'spikes'",
        ),
        ({"spiking": {"name": "nbp"}, "input": "current"}, "its inputs are binary, and fire once"),
        ({"spiking": {"name": "graded", "skip_right": 1.0}}, "skip_right is 1.0; expected a dist"),
        (
            {"spiking": {"name": "erbp", "write": "spike", "skip_right": 0.1}},
            "skip_right is 0.1 with write 'spike', which writes before an answer is known",
        ),
        ({"spiking": {"name": "gradde"}}, "rule 'gradde' is unknown; expected one of graded"),
        ({"spiking": {"name": "graded", "stepz": 3}}, "setting 'stepz' is unknown"),
        (
            {"spiking": {"name": "graded", "steps": 0}},
            "steps is 0; expected a whole number of at least 1",
        ),
        ({"spiking": {"name": "graded", "feedback": "miror"}}, "feedback is 'miror'; expected"),
        ({"spiking": {"name": "erbp", "feedback": "mirror"}}, "'mirror', which this rule does not"),
        (
            {"spiking": {"name": "graded", "feedback": "random", "feedback_gain": 0.5}},
            "feedback_gain is 0.5 with feedback 'random', which has none; expected feedback 'kolen",
        ),
        (
            {"spiking": {"name": "graded", "feedback": "ekdaa", "feedback_decay": 1e-5}},
            "feedback_decay is 1e-05; expected 0 or one in",
        ),
        ({"spiking": {"name": "graded", "floor": -1}}, "floor is -1; expected one in"),
    ],
    ids=str,
)
def test_what_a_rule_does_not_know_is_refused_in_one_line(changes, told):
    settings = {
        "layers": (6, 7, 3), "spiking": {"name": "graded"}, "descent": {"minibatch": 1},
        "on_chip": {},
    }  # fmt: skip
    with pytest.raises(InputError, match=told) as refusal:
        make_config(**{**settings, **changes})
    assert "\n" not in str(refusal.value)


def test_flags_that_a_rule_does_not_have_are_refused():
    with pytest.raises(InputError, match="--beta is given with rule 'graded', which does not know"):
        configuration("digits", on_chip="loihi2", settings={"rule": "graded", "beta": 0.5})
    with pytest.raises(InputError, match="--feedback is given without its rule; expected --rule "):
        configuration("digits", on_chip="loihi2", settings={"feedback": "random"})
    with pytest.raises(InputError, match="--skip-right is given with rule 'nbp', which does not"):
        configuration("digits", on_chip="loihi2", settings={"rule": "nbp", "skip_right": 0.1})
    with pytest.raises(InputError, match="learns on a chip only; expected --on-chip CHIP"):
        configuration("digits", settings={"rule": "graded"})


def test_a_rate_that_rounds_to_nothing_is_refused():
    with pytest.raises(InputError, match="rounds every update of rule 'graded' to zero"):
        make_trainer(small({"name": "graded"}, (6, 7, 3), 1e-9), made_up(6, 3, 4), 1)


class Listener(Silent):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def message(self, text: str) -> None:
        self.told.append(text)


def test_a_gate_that_never_opens_is_told_after_an_epoch(tmp_path):
    closed = {"name": "erbp", "steps": 4, "settle": 1, "box": 0.0}
    listener = Listener()
    run = RunDirectory.create(tmp_path / "run", small(closed, (64, 8, 10), 0.1))
    fit(run, few_digits(), threads=1, progress=listener)
    assert sum("no error passed a gate" in text for text in listener.told) == 2


def test_without_a_label_nothing_is_written():
    config = small({"name": "graded", "steps": 4}, (6, 7, 3), 0.5)
    trainer = make_trainer(config, made_up(6, 3, 5), 1)
    before = trainer.chip.learner.stored.copy()
    trainer.test()
    np.testing.assert_array_equal(trainer.chip.learner.stored, before)


def test_what_a_rule_keeps_is_counted_by_hand():
    fixed = FixedPoint(state_bits=20, fraction_bits=10)
    assert Graded(steps=12).kept_bits(fixed) == (20 + 20 + 4, 4)
    kept = spiking_rule({"name": "emstdp", "steps": 31}).kept_bits(fixed)
    assert kept == (20 + 20 + 2 + 5 + 6, 5)
    at_spikes = spiking_rule({"name": "erbp", "write": "spike"}).kept_bits(fixed)
    assert at_spikes == (20 + 20, 0)
    assert spiking_rule({"name": "nbp"}).kept_bits(fixed) == (20, 0)
    assert spiking_rule({"name": "eprop"}).kept_bits(fixed) == (3 * 20, 16)


def test_settings_of_a_rule_are_its_words_in_a_file():
    names = {field.name for field in fields(Graded)}
    assert {"name", *names} == set(Graded().settings())


@pytest.mark.long
@pytest.mark.skipif(not os.environ.get(DATA_VARIABLE), reason="needs MNIST, by EQCHIP_DATA")
def test_renners_circuit_does_as_often_as_the_described_one_what_it_does():
    """Counts of the last 10,000 samples of 8 epochs, as those of `renner-2024.toml` are.

    Errors are some 360 in these samples, so that 10 % are two standard deviations; they get 15.
    """
    settings = {"rule": "nbp", "epochs": 8, "validation": 0}
    config = configuration("mnist-20x20", on_chip="loihi1-davies", settings=settings)
    trainer = make_trainer(config, load("mnist-20x20"), 1)
    counted: list[dict[str, float]] = []
    while not trainer.done:
        for tally in trainer.train_epoch():
            measures = {k: v for k, v in trainer.measures().items() if isinstance(v, float)}
            told = {"events": tally.events_per_sample, "spikes": tally.spikes_per_sample}
            counted.append({k: v * tally.samples for k, v in {**measures, **told}.items()})
        trainer.end_epoch()
    before, after = counted[-21], counted[-1]
    found = {name: (after[name] - before[name]) / 10_000 for name in after}
    (anchor,) = (one for one in load_anchors() if one.name == "Renner 2024")
    described = anchor.runs["training"].census
    expected = census(described, load_chip("loihi1-davies"), 1)
    fires = {(one.population, one.steps): one.spikes[1] for one in described.fires}
    gates = 12
    all_spikes = sum(
        one.spikes[1] * (len(one.steps) if one.steps else gates) for one in described.fires
    )
    for name, wanted, near in (
        ("events", expected.counts.synaptic_events.sum(), 0.1),
        ("spikes", all_spikes - gates, 0.1),
        ("weights_attempted_per_sample", expected.writes.attempted.sum(), 0.1),
        ("weights_applied_per_sample", expected.writes.changed.sum(), 0.1),
        ("hidden_per_sample", fires["h kept", (3,)], 0.1),
        ("hidden_above_0_per_sample", fires["h above 0", (2,)], 0.1),
        ("hidden_past_1_per_sample", fires["h past 1", (2,)], 0.1),
        ("outputs_above_0_per_sample", fires["o above 0", (3,)], 0.1),
        ("errors_up_per_sample", fires["error up", (4,)], 0.15),
        ("hidden_errors_up_per_sample", fires["h error", (6,)], 0.15),
    ):
        assert found[name] == pytest.approx(wanted, rel=near), name
