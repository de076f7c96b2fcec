"""One run on several chips: side by side, a folder for each, and no report replaced in silence."""

from __future__ import annotations

import json

import pytest
from report_documents import figure, total
from report_documents import report as made_by_hand
from trained_runs import make_run

import eqchip as eq
from eqchip.cli.output import Output
from eqchip.commands.report import _before, _beside
from eqchip.emulator.errors import InputError
from eqchip.hw_reports import make
from eqchip.hw_reports.document.compare import compare
from eqchip.hw_reports.page.write import write_page


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "run")


def test_several_chips_stand_side_by_side_with_a_folder_each(run, tmp_path, monkeypatch):
    (tmp_path / "dear.toml").write_text(
        'format = "eqchip-chip 1"\nbase = "loihi1-davies"\nname = "dear"\nsource = "a test"\n'
        'status = "assumed"\nconfidence = "C"\n[energy.synaptic_event]\nvalue = 236\n'
    )
    written = {}
    monkeypatch.setattr(make, "write", lambda document, folder: written.update({folder: document}))
    chips = ["loihi1-davies", str(tmp_path / "dear.toml")]
    found = eq.report(run, chips=chips, samples=1, threads=1, out=tmp_path / "out")
    assert found["title"].endswith(" on loihi1-davies and dear")
    (events,) = (row for row in found["rows"] if row["name"] == "energy of synaptic events")
    assert events["ratios"] == [pytest.approx(10.0)]
    assert written == {
        tmp_path / "out": found,
        tmp_path / "out" / "loihi1-davies": found["reports"][0],
        tmp_path / "out" / "dear": found["reports"][1],
    }


def test_three_reports_have_a_column_each_on_the_page(tmp_path):
    chips = {"one": 1.0, "two": 2.0, "three": 3.0}
    made = [made_by_hand() for _ in chips]
    for one, chip in zip(made, chips, strict=True):
        one["title"], one["chip"] = f"toy on {chip}", {**one["chip"], "name": chip, "digest": chip}
        one["energy"]["dynamic"] = {"training": total(figure(1e-6))}
        mean = one["training_cost"]["mean"]["energy"]
        mean["figure"] = {**mean["figure"], "value": chips[chip]}
    found = compare(*made)
    (row,) = (row for row in found["rows"] if row["name"] == "training sample, energy")
    assert row["ratios"] == [2.0, 3.0] and found["title"] == "toy on one, two and three"
    text = write_page(found, tmp_path)[0].read_text("utf-8")
    assert text.count('class="side"') == 6
    assert "Two over one" in text and "Three over one" in text


def test_chips_that_cannot_stand_side_by_side_are_refused(run):
    for given, told in (
        ({"chips": []}, "no chip is named"),
        ({"chips": ["loihi2", "loihi2"]}, "chip loihi2 is given twice"),
        ({"chips": ["loihi2", "loihi1-davies"], "other": run}, "a second run is given with 2"),
    ):
        with pytest.raises(InputError, match=told):
            eq.report(run, **given, samples=2)


def test_the_report_on_another_chip_is_not_replaced_without_a_word(tmp_path, capsys):
    output = Output()
    assert _beside(tmp_path, None, ["loihi2"], output) == tmp_path
    (tmp_path / "report.json").write_text(
        json.dumps({**made_by_hand(), "chip": {"name": "loihi2"}})
    )
    assert _beside(tmp_path, None, ["loihi2"], output) == tmp_path
    assert capsys.readouterr().err == ""
    assert _beside(tmp_path, None, ["loihi1-davies"], output) == tmp_path / "loihi1-davies"
    assert "holds the report on loihi2; this one goes beside it" in capsys.readouterr().err
    assert _before(tmp_path, "loihi1-davies") == "loihi2" and _before(tmp_path, "loihi2") is None
    assert _beside(tmp_path, None, ["loihi1-davies", "loihi2"], output) == tmp_path / "chips"
    assert _beside(tmp_path, tmp_path, ["loihi2"], output) == tmp_path / "comparison"
