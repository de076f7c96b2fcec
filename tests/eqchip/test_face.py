"""The Python face: what a user of ``import eqchip as eq`` expects to find."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from small_runs import few_digits, small_config

import eqchip as eq
from eqchip.emulator.errors import InputError

WIDEST = 130  # characters of a repr: a line of a terminal, with a path in it
X = np.linspace(0, 1, 8)[None]
PHASES = [eq.Free(10), eq.Nudged(5, [[0.0, 1.0, 0.0, 0.0]], 0.5)]


@pytest.fixture(scope="module")
def loop() -> dict[str, Any]:
    """A network on a chip, and a step of a learning loop of one's own."""
    network = eq.Network.dense([8, 6, 4], seed=0)
    mapped = eq.map_network(network, "loihi1-davies")
    run = eq.run(mapped, X, coding=eq.Coding(), phases=PHASES)
    changes = eq.contrast(network, run, beta=0.5, lr=0.1)
    return {"network": network, "mapped": mapped, "run": run, "changes": changes}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[eq.RunDirectory, list[tuple[dict[str, Any], eq.Network]]]:
    """A run on disk, and what its callback was told."""
    told: list[tuple[dict[str, Any], eq.Network]] = []
    config = small_config(dataset="few", descent={"epochs": 2})
    path = tmp_path_factory.mktemp("face") / "run"
    run = eq.RunDirectory.create(path, config)
    eq.fit(run, few(), threads=1, callbacks=[lambda *one: told.append(one)])
    return run, told


def few() -> eq.Dataset:
    return few_digits(name="few")


# --- names ----------------------------------------------------------------------------------


def test_help_groups_every_public_name_once():
    text = eq.__doc__.partition(">>>")[0]
    listed = [
        name
        for line in text.splitlines()
        if line.startswith("    ")
        for name in re.split(r"\s{2,}", line.strip())[0].split(", ")
    ]
    assert sorted(listed) == sorted(eq.__all__)
    assert "bench" not in eq.__all__


def test_a_mistyped_name_is_told_what_is_like_it():
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'; did you mean EPClassifier"):
        eq.Clasifier  # noqa: B018


# --- a loop of one's own ----------------------------------------------------------------------


def test_a_learning_loop_is_three_lines(loop):
    network = loop["network"]
    run = eq.run(network, X, coding=eq.Coding(), phases=PHASES)
    network = network.apply(eq.contrast(network, run, beta=0.5, lr=0.1))
    for before, change, after in zip(
        loop["network"].weights, loop["changes"].weights, network.weights, strict=True
    ):
        np.testing.assert_array_equal(after, before + change)
        assert not after.flags.writeable


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (3, "changes is int; expected changes of weights and of biases"),
        (([], []), "changes of weights are not 2 arrays"),
        (([np.zeros((8, 6)), np.zeros((4, 6))], []), r"change 2 of weights has shape \(4, 6\)"),
        (([np.full((8, 6), np.nan), np.zeros((6, 4))], [np.zeros(6), np.zeros(4)]), "finite"),
    ],
)
def test_changes_that_do_not_fit_are_refused(loop, changes, told):
    with pytest.raises(InputError, match=told):
        loop["network"].apply(changes)


def test_what_a_loop_costs_is_what_its_counts_cost(loop):
    found = eq.cost(loop["mapped"], loop["run"])
    chip = loop["mapped"].chip
    events = int(loop["run"].activity.synaptic_events.sum())
    rows = [row for row in found.records() if row["kind"] == "synaptic_event"]
    assert sum(row["count"] for row in rows) == events
    price = chip.energy["synaptic_event"].si.value
    assert sum(row["value"] for row in rows) == pytest.approx(events * price)
    total = sum(row["value"] or 0.0 for row in found.records() if row["kind"])
    assert found.energy.figure.value == pytest.approx(total)


def test_what_is_written_is_priced_once_for_all_samples(loop):
    network, mapped = loop["network"], loop["mapped"]
    phases = [eq.Free(10), eq.Nudged(5, [[0.0, 1.0, 0.0, 0.0]] * 2, 0.5)]
    run = eq.run(mapped, np.vstack([X, X]), coding=eq.Coding(), phases=phases)
    changes = eq.contrast(network, run, beta=0.5, lr=0.1)
    one = eq.cost(mapped, loop["run"], loop["changes"])
    two = eq.cost(mapped, run, changes)

    def written(found: Any) -> float:
        (row,) = (row for row in found.records() if row["kind"] == "weight_update")
        return row["count"]

    assert written(one) == 8 * 6 + 2 * 6 * 4  # both copies; feedback never reaches the input
    assert written(two) == written(one) / 2
    assert one.energy.figure.value > eq.cost(mapped, loop["run"]).energy.figure.value


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (lambda loop: (loop["network"], loop["run"]), "mapped is Network; expected a network on a"),
        (
            lambda loop: (
                loop["mapped"],
                eq.run(loop["network"], X, coding=eq.Coding(), phases=PHASES),
            ),
            "does not count cores in steps; expected eqchip.run",
        ),
        (
            lambda loop: (
                eq.map_network(eq.Network.dense([8, 4]), "loihi1-davies"),
                loop["run"],
            ),
            "the run counts 3 cores; expected the 2",
        ),
    ],
)
def test_what_has_no_price_is_refused(loop, arguments, told):
    with pytest.raises(InputError, match=told):
        eq.cost(*arguments(loop))


# --- trainings --------------------------------------------------------------------------------


def test_a_training_in_memory_ends_with_the_weights_of_one_on_disk(trained):
    run, _ = trained
    trainer = eq.Trainer(run.config, few(), threads=1)
    assert [row["epoch"] for row in trainer] == [1, 2]
    assert trainer.done
    for one, other in zip(trainer.network.weights, run.network().weights, strict=True):
        np.testing.assert_array_equal(one, other)
    timed = ("seconds", "samples_per_second", "format")
    for mine, row in zip(trainer.metrics, run.metrics(), strict=False):
        assert {k: v for k, v in mine.items() if k not in timed} == {
            k: v for k, v in row.items() if k not in timed
        }
    with pytest.raises(InputError, match="all 2 epochs are trained"):
        trainer.epoch()


def test_a_trainer_refuses_data_that_its_settings_are_not_for():
    with pytest.raises(InputError, match="Trainer: its settings are for the data set 'digits'"):
        eq.Trainer(small_config(), few())
    with pytest.raises(InputError, match=r"config is dict; expected eqchip\.Config"):
        eq.Trainer({"epochs": 3})


def test_a_callback_is_told_every_epoch_once_it_is_kept(trained):
    run, told = trained
    rows = [row for row in run.metrics() if "train_error" in row]
    assert [row for row, _ in told] == [
        {k: v for k, v in row.items() if k != "format"} for row in rows
    ]
    for one, other in zip(told[-1][1].weights, run.network().weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_a_callback_raises_ends_the_call_and_loses_nothing(tmp_path):
    run = eq.RunDirectory.create(tmp_path / "run", small_config(dataset="few"))

    def stop(row: dict[str, Any], network: eq.Network) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        eq.fit(run, few(), threads=1, callbacks=[stop])
    assert [row["epoch"] for row in eq.load_run(tmp_path / "run").metrics()] == [1]


def test_records_are_flat(trained, loop, tmp_path):
    run, _ = trained
    assert eq.load_run(run.path).records() == run.records()
    found = [*run.records(), *loop["run"].activity.records(), *eq.cost(
        loop["mapped"], loop["run"]
    ).records()]  # fmt: skip
    for row in found:
        assert all(value is None or np.isscalar(value) for value in row.values())
    assert "format" not in run.records()[0]
    nested = eq.RunDirectory.create(tmp_path / "run", run.config)
    nested.append_metrics(
        {"epoch": 1, "train_error": 1.0, "spikes_per_sample": 1.0,
         "synaptic_events_per_sample": 1.0, "steps_per_sample": [2.0, [3.0]]}
    )  # fmt: skip
    (last,) = nested.records()
    assert (last["steps_per_sample.0"], last["steps_per_sample.1.0"]) == (2.0, 3.0)


def test_a_run_tells_what_its_training_cost(tmp_path):
    run = eq.RunDirectory.create(tmp_path / "run", small_config(dataset="few"))
    eq.fit(run, few(), threads=1)
    found = run.cost("loihi1-davies", samples=2, threads=1)
    report = eq.report(run, chip=eq.load_chip("loihi1-davies"), samples=2, threads=1)
    assert found.training.to_dict() == report["training_cost"]["mean"]
    (row,) = (
        row
        for row in found.records()
        if (row["quantity"], row["of"], row["kind"]) == ("energy", "training", None)
    )
    assert row["value"] == found.training.energy.figure.value


# --- how things show --------------------------------------------------------------------------


def test_everything_public_is_shown_in_a_line(loop, trained):
    run, _ = trained
    graph = eq.Graph(
        [eq.Population("in", eq.Input(), 3), eq.Population("out", eq.LIF(decay=0.1), 2)],
        [eq.Projection("in", "out", np.ones((3, 2)))],
        outputs=["out"],
    )
    ran = eq.run(graph, {"in": np.ones((4, 1, 3))})
    evaluation = eq.evaluate(run, threads=1)
    for one in (
        *loop.values(), loop["run"].activity, loop["run"].cores, run, run.config, evaluation,
        evaluation.tally, eq.cost(loop["mapped"], loop["run"]), eq.load_chip("loihi2"), few(),
        eq.Trainer(run.config, few()), graph, *graph.populations, *graph.projections, ran,
        ran.activity, eq.quantize(graph), *PHASES, eq.Coding(),
    ):  # fmt: skip
        text = repr(one)
        assert "\n" not in text
        assert len(text) <= WIDEST + len(str(run.path)), text
        assert re.match(r"\w+\(", text), text


def test_a_notebook_is_shown_tables(loop, trained):
    for one in (loop["network"], loop["run"], loop["run"].activity, trained[0]):
        html = one._repr_html_()
        assert html.startswith("<table>")
        assert "None" not in html
        assert html.count("<tr>") > 2


# --- words ------------------------------------------------------------------------------------

WRONG: dict[str, tuple[Any, str]] = {
    "a setting at the wrong table": (
        lambda: eq.Config(epochs=10),
        "settings: epochs is no setting; expected descent.epochs",
    ),
    "a setting mistyped": (lambda: eq.Config(descent={"epoch": 1}), "did you mean epochs?"),
    "one of a table alone": (lambda: eq.Descent(epoch=1), "did you mean epochs?"),
    "a number too small": (
        lambda: eq.Config(descent={"epochs": 0}),
        "settings: descent.epochs is 0; expected a number of at least 1",
    ),
    "a number too large": (lambda: eq.Config(seed=2**63), "expected a number below 2**63"),
    "half a number": (lambda: eq.Config(seed=0.5), "seed is 0.5; expected a whole number"),
    "a text": (lambda: eq.Config(seed="a"), "seed is 'a'; expected a whole number"),
    "a choice": (
        lambda: eq.Config(precision="float16"),
        "precision is 'float16'; expected 'float32', 'float64' or 'chip'",
    ),
    "several": (
        lambda: eq.Config(seed=-1, precision="half"),
        "(and 1 more mistake)",
    ),
    "a description's own": (
        lambda: eq.Config(learning={"beta": 0}),
        "settings: Learning: beta is 0.0; expected a finite number above 0",
    ),
    "bits of a chip": (
        lambda: eq.Config(on_chip={"fixed": {"weight_bit": 3}}),
        "on_chip.fixed.weight_bit is no setting",
    ),
    "a coding by its name": (
        lambda: eq.run(eq.Network.dense([8, 4]), X, coding="sigma-delta", phases=[eq.Free(3)]),
        "coding is 'sigma-delta'; expected Coding, e.g. Coding(quantizer='sigma-delta')",
    ),
    "steps in place of a phase": (
        lambda: eq.run(eq.Network.dense([8, 4]), X, coding=eq.Coding(), phases=[20]),
        "phase 0 is 20; expected Free(20)",
    ),
    "a number in place of a schedule": (
        lambda: eq.Coding(step_size=0.5),
        "expected Polynomial or OptimalStepSize, e.g. Polynomial(0.5)",
    ),
    "weights of PyTorch": (
        lambda: eq.Network.dense([3, 2], weights=[np.zeros((2, 3))]),
        "expected (3, 2): (pre, post), of PyTorch's nn.Linear weight.T",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_in_words_of_our_own(what):
    call, words = WRONG[what]
    with pytest.raises(InputError) as refused:
        call()
    text = str(refused.value)
    assert words in text
    assert "\n" not in text
    assert "pydantic" not in text
    assert "Input should" not in text
