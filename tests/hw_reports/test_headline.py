"""The first screen: nobody who reads it mistakes modelled for measured, or which error it tells."""

from __future__ import annotations

import numpy as np
import pytest
from report_documents import report as made_by_hand
from small_runs import small_config
from toy_chip import BARRIER, toy_chip
from trained_runs import PROVENANCE, make_run

from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.network import Network
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.headline import conclusion, headline
from eqchip.hw_reports.document.readable import amount
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.page.headline import cards, sentence
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.show import terminal
from eqchip.mapping.chip_file.chip import load_chip


def document_of(run, chip, samples=3):
    found = replay(run, chip, load("digits"), samples=samples, threads=1)
    return report(found, account(found), run, chip.name, PROVENANCE)


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    return document_of(make_run(folder / "run"), toy_chip(folder))


def by_hand(**changed):
    document = made_by_hand(**changed)
    document["replay"] = {**document["replay"], "lost": None}
    return document


# --- which error --------------------------------------------------------------------------


def test_the_heading_is_the_error_in_the_chips_integers_and_never_that_of_training(toy):
    missed = round(toy["replay"]["error"] * 3 / 100)
    title = terminal.tables(toy)[0].title
    told = f"{missed} of 3 validation samples wrong ({toy['replay']['error']:.3g} %)"
    assert title.endswith(f"modelled, not measured; {told} in the chip's integers")
    assert toy["training_cost"]["reached"] == {"error": 25.0, "of": "test"}
    assert "25" not in title and "25" not in sentence(toy)
    assert cards(toy)[-1].value == f"{missed} of 3"
    (line,) = (line for line in toy["headline"] if line.startswith("In the chip's integers"))
    assert line.endswith("Training, in floating point, ended at 25.00 % test error.")
    assert "95 % interval" in line


def test_weights_that_codes_lose_are_counted_on_the_first_screen(tmp_path):
    run = make_run(tmp_path / "run")
    network = run.network()
    weights = [np.array(w) for w in network.weights]
    weights[0][0, 0] = 200.0  # its exponent leaves nothing of the others
    run.save_network(Network.dense([64, 7, 10], weights=weights, biases=network.biases))
    found = document_of(run, toy_chip(tmp_path))
    (line,) = (line for line in found["headline"] if line.startswith("Of the weights"))
    others = int((np.abs(np.delete(weights[0].ravel(), 0)) > 0).sum())
    assert f"{others:,} of {others + 1:,} in connection 1" in line and line.endswith("become 0.")
    assert found["replay"]["lost"][0]["vanished"] == others


def test_of_codes_that_lose_nothing_nothing_is_said():
    lossless = [{"connection": 1, "weights": 9, "vanished": 0, "clipped": 0, "largest": 1.0,
                 "bits": 8}]  # fmt: skip
    document = by_hand()
    document["replay"]["lost"] = lossless
    assert not any(line.startswith("Of the weights") for line in headline(document))


# --- what a sample costs ------------------------------------------------------------------


def test_the_mean_is_over_all_samples_of_all_epochs_and_the_last_epoch_stands_beside_it(toy):
    cost = toy["training_cost"]
    first, last = (row["energy"]["figure"]["value"] for row in cost["epochs"])
    assert cost["mean"]["energy"]["figure"]["value"] == pytest.approx((first + last) / 100)
    assert cost["last_epoch"]["energy"]["figure"]["value"] == pytest.approx(last / 50)
    joules, seconds = (cost["mean"][what]["figure"]["value"] for what in ("energy", "time"))
    assert cost["mean"]["energy_delay"]["figure"]["value"] == pytest.approx(joules * seconds)
    assert cost["mean"]["power"] == pytest.approx(joules / seconds)
    assert cost["mean"]["samples_per_second"] == pytest.approx(1 / seconds)
    rows = [row[0] for row in terminal.tables(toy)[0].rows]
    assert rows[:2] == ["training sample, mean over 2 epochs", "  in the last epoch"]


def test_static_power_is_told_with_the_cores_that_work(toy):
    static = toy["energy"]["by_kind"]["static"]["training"]["value"]
    share = static / toy["energy"]["training"]["figure"]["value"]
    words = "of the energy is static power of a chip of which 3 of 4 cores work."
    assert f"{100 * share:.0f} % {words}" in toy["headline"]


# --- how the figures came about -----------------------------------------------------------


def test_measured_calibrated_simulated_and_unknown_are_told_apart():
    document = by_hand()
    rows = document["chip"]["coefficients"]
    shares = {"measured": 0.5, "fitted": 0.3, "simulated": 0.15, "published": 0.05}
    document["chip"]["coefficients"] = [
        {**rows[0], "name": f"energy.{status}", "status": status, "share": share}
        for status, share in shares.items()
    ]
    lines = headline(document)
    (priced,) = (line for line in lines if line.startswith("Energy is priced by"))
    for words in ("50 % measured on a chip", "30 % calibrated (fitted", "15 % simulated by",
                  "5 % published"):  # fmt: skip
        assert words in priced
    assert "Unknown and left out: barrier energy." in lines
    assert lines[0].startswith("Modelled, not measured: 3 training and 8 test samples were simul")


def test_a_measured_power_over_a_modelled_time_is_called_so():
    document = by_hand()
    row = document["chip"]["coefficients"][0]
    document["chip"]["coefficients"] = [
        {**row, "name": "static_power.chip", "status": "measured", "share": 1.0}
    ]
    words = "100 % measured on a chip, but drawn over a time that is modelled"
    assert any(words in line for line in headline(document))


def test_rows_of_the_barrier_that_no_mesh_of_this_size_meets_decide_nothing(toy):
    """Three tiles lie between the rows of 1 and of 64, which are equally long."""
    shares = {row["name"]: row["share"] for row in toy["chip"]["coefficients"]}
    barriers = sum(toy["time"]["critical"][p]["barrier"] for p in ("free", "nudged", "update"))
    assert barriers == pytest.approx(13 * BARRIER * 1e-9)
    seconds = sum(
        sum(toy["time"]["critical"][p].values()) for p in ("free", "nudged", "update")
    )  # fmt: skip
    assert shares["barrier.1"] + shares["barrier.64"] == pytest.approx(barriers / seconds)
    assert shares["barrier.1"] > shares["barrier.64"]  # of log(3) / log(64)


def test_marks_stand_with_their_words(toy):
    last = terminal.marks_of(toy)
    assert last == "Marks, of how we have a figure: D derived by arithmetic."
    assert last in terminal.sentences(toy)


def test_a_chip_without_cores_has_a_headline(tmp_path):
    found = document_of(make_run(tmp_path / "run", small_config()), load_chip("odin"))
    assert found["replay"]["lost"] is None
    assert any("is static power." in line for line in found["headline"])


def test_the_conclusion_is_what_decides_and_what_would_lower_it(toy, tmp_path):
    chip = toy_chip(tmp_path)
    mean, found = toy["training_cost"]["mean"], toy["training_cost"]["static"]
    static = chip.static_power["chip"].si.value * mean["time"]["figure"]["value"]
    whole = mean["energy"]["figure"]["value"]
    assert found["share"] == pytest.approx(static / whole)
    # One of four cores is idle.
    assert found["gated"]["figure"]["value"] == pytest.approx(whole - static / 4)
    assert toy["conclusion"].startswith("The largest part of the energy, ")
    dark = {**toy["training_cost"], "static": {**found, "share": 0.93}}
    told = conclusion({**toy, "training_cost": dark})
    assert told.startswith("93 % of the energy is static power of a chip of which 3 of 4 cores")
    assert f" {amount(found['gated']['figure']['value'], 'J')}: " in told
