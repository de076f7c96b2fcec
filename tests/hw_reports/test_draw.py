"""A saved report is drawn again: the same files, an older version's too; damage in one line."""

from __future__ import annotations

import copy
import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy_chip import toy_chip
from trained_runs import PROVENANCE, make_run

from eqchip.__main__ import main
from eqchip.emulator.data.datasets import load
from eqchip.emulator.description.asynchronous import Asynchronous, Clocks
from eqchip.emulator.errors import InputError
from eqchip.hw_reports.counting.replay import replay
from eqchip.hw_reports.document.compare import compare
from eqchip.hw_reports.document.read import read_report, whole
from eqchip.hw_reports.document.report import report
from eqchip.hw_reports.draw import draw, write
from eqchip.hw_reports.pricing.accounts import account
from eqchip.hw_reports.show.csv import csv_text
from eqchip.hw_reports.show.terminal import sentences, tables

GOLDEN = Path(__file__).parents[1] / "golden"
OLD = {name: GOLDEN / f"report-0.1-{name}.json" for name in ("steps", "asynchronous")}
VERSIONS = {"python": "3", "numpy": "2", "numba": "0", "machine": "m", "created": "now"}


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module", params=["steps", "asynchronous"])
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    run, chip = make_run(folder / "run"), toy_chip(folder)
    timing = None if request.param == "steps" else Asynchronous(Clocks(spread=0.1))
    found = replay(run, chip, load("digits"), samples=2, threads=1, timing=timing)
    provenance = {**PROVENANCE, **VERSIONS, "command": "eqchip report run"}
    return report(found, account(found), run, "toy.toml", provenance)


def test_a_report_read_from_its_file_is_drawn_as_when_it_was_made(made, tmp_path):
    first = write(made, tmp_path / "first")
    again = draw(tmp_path / "first" / "report.json", tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "first")
    assert again.tables == first.tables and again.sentences == first.sentences
    assert again.page == tmp_path / "again" / "report.html"


@pytest.mark.parametrize("name", OLD)
def test_a_report_of_the_version_before_is_drawn(name, tmp_path):
    drawn = draw(OLD[name], tmp_path / "out")
    found = files_of(tmp_path / "out")
    assert {"report.json", "report.csv", "report.html", "energy-by-kind.png"} <= set(found)
    assert json.loads(found["report.json"]) == json.loads(OLD[name].read_text())
    rows = list(csv.DictReader(io.StringIO(found["report.csv"].decode())))
    joules = sum(
        float(row["value"] or 0)
        for row in rows
        if row["quantity"] == "energy" and row["phase"] != "inference"
    )
    assert joules == pytest.approx(drawn.document["energy"]["training"]["figure"]["value"])
    in_steps = [row["phase"] for row in rows if row["quantity"] == "time in steps"]
    assert in_steps == ([] if name == "steps" else ["free", "nudged", "inference"])
    assert drawn.tables and drawn.sentences[0] in found["report.html"].decode()


def test_a_comparison_is_drawn_again(tmp_path):
    a, b = (read_report(path) for path in OLD.values())
    write(compare(a, b), tmp_path / "first")
    draw(tmp_path / "first" / "report.json", tmp_path / "again")
    assert files_of(tmp_path / "again") == files_of(tmp_path / "first")
    assert "report.csv" not in files_of(tmp_path / "first")


# --- damage -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "no valid JSON"),
        ("{", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ('{"format": NaN}', "NaN is no number of JSON"),
        ("[]", "format is None; expected 'eqchip-report 1', 'eqchip-comparison 1' or 'eqchip-rule"),
        ('{"format": "eqchip-watch 1"}', "format is 'eqchip-watch 1'; expected 'eqchip-report 1'"),
        ('{"format": ["eqchip-report 1"]}', "format is ['eqchip-report 1']; expected"),
        ('{"format": "eqchip-report 1"}', "damaged, or of a newer version (KeyError: 'mapping')"),
        ('{"format": "eqchip-comparison 1", "rows": 3}', "damaged, or of a newer version (TypeErr"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused_in_one_line(text, told, tmp_path):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        draw(path, tmp_path / "out")
    assert str(caught.value).startswith(f"{path}: ") and told in str(caught.value)
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path):
    for path, told in ((tmp_path / "none.json", "no such file; expected a report"),
                       (tmp_path, "cannot be read \\(.*directory")):  # fmt: skip
        with pytest.raises(InputError, match=rf"^{path}: {told}"):
            draw(path, tmp_path / "out")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no valid JSON"):
        draw(tmp_path / "bytes", tmp_path / "out")


@pytest.mark.parametrize("section", json.loads(OLD["asynchronous"].read_text()))
def test_a_report_without_one_of_its_sections_is_refused_or_drawn(section, tmp_path):
    document = json.loads(OLD["asynchronous"].read_text())
    del document[section]
    path = tmp_path / "report.json"
    path.write_text(json.dumps(document))
    if section == "asynchronous":  # a report in time steps has none
        draw(path, tmp_path / "out")
        return
    with pytest.raises(InputError) as caught:
        draw(path, tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def places(value, at=()):
    """Every key and index of a document."""
    inner = {dict: dict.items, list: enumerate}.get(type(value), lambda _: ())
    for key, one in inner(value):
        yield (*at, key)
        yield from places(one, (*at, key))


WHOLE = json.loads(OLD["asynchronous"].read_text())
PLACES = [
    place
    for place in places({name: one for name, one in WHOLE.items() if name != "provenance"})
    if "raster" not in place and "links" not in place
]


@given(st.sampled_from(PLACES), st.sampled_from([None, "gone", 7, [], {}, "no key"]))
def test_damage_anywhere_is_drawn_or_told_and_never_a_traceback(place, put):
    document = copy.deepcopy(WHOLE)
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    if put == "no key":
        del holder[place[-1]]
    else:
        holder[place[-1]] = put
    try:
        with whole(Path("report.json")):
            csv_text(document)
            tables(document)
            sentences(document)
    except InputError as error:
        assert "\n" not in str(error)


# --- the command --------------------------------------------------------------------------


def eqchip(capfd, *arguments: object) -> tuple[int, str, str]:
    status = main(["report", *map(str, arguments)])
    return status, *capfd.readouterr()


def test_the_command_draws_a_saved_report_without_its_run(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = tmp_path / "out"
    status, shown, told = eqchip(capfd, "--from", OLD["steps"], "--out", out)
    assert status == 0
    assert shown.startswith("Training cost of 64-7-10 (digits) on toy: modelled")
    assert str(out / "report.html") in told
    assert set(files_of(out)) >= {"report.json", "report.csv", "report.html"}
    status, shown, told = eqchip(
        capfd, "--from", out / "report.json", "--out", out, "--json", "--quiet"
    )
    assert (status, told) == (0, "")
    assert json.loads(shown) == json.loads(OLD["steps"].read_text())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "neither RUN nor --from given; expected one of the two"),
        (("--from", "report.json"), "--from given without --out; expected a directory to write to"),
        (("run", "--from", "report.json"), "both RUN and --from given; expected one of the two"),
        (
            ("--from", "report.json", "--chip", "odin", "--samples", "3"),
            "--chip, --samples given with --from; expected none: a saved report is drawn as it is",
        ),
        (
            ("--from", "report.json", "--timing", "async"),
            "--timing given with --from; expected none: a saved report is drawn as it is",
        ),
    ],
)
def test_what_cannot_be_asked_of_a_saved_report_is_refused(arguments, told, capfd):
    status, shown, errors = eqchip(capfd, *arguments)
    assert (status, shown) == (2, "")
    assert errors == f"eqchip: error: report: {told}\n"
