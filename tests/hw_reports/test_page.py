"""The page of a report: whole, self-contained, honest about what is unknown."""

from __future__ import annotations

import copy
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from report_documents import comparison, figure, report, total

from eqchip.hw_reports.document import readable
from eqchip.hw_reports.page import cost_tables as costs
from eqchip.hw_reports.page import tables
from eqchip.hw_reports.page.headline import cards, sentence
from eqchip.hw_reports.page.write import write_page
from eqchip.hw_reports.plots.cost import energy_beside_others
from eqchip.hw_reports.plots.energy import energy_by_kind_and_phase
from eqchip.hw_reports.plots.mesh_maps import DocumentedMapping, utilisation_map
from eqchip.hw_reports.plots.registry import COMPARISON_PLOTS, PLOTS
from eqchip.hw_reports.plots.style import figure_style
from eqchip.hw_reports.show.terminal import beside

VOID = {"meta", "img", "link", "br", "hr", "input", "wbr"}
SECTIONS = {
    "cost", "beside", "inference", "time", "mesh", "spikes", "memory", "neurobench",
    "coefficients", "provenance", "sensitivity", "what-if",
}  # fmt: skip


class Page(HTMLParser):
    """Reads a page; every element must be closed by its own end tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), (tag, attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_page(report(), tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def page(written: list[Path]) -> Page:
    return Page(written[0].read_text("utf-8"))


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_page(comparison(), tmp_path_factory.mktemp("comparison"))


def test_every_section_and_figure_is_there(page: Page) -> None:
    assert {attributes["id"] for attributes in page.all("section")} == SECTIONS
    figures = {attributes["id"] for attributes in page.all("figure")}
    assert figures == {f"figure-{plot.name}" for plot in PLOTS}


def test_headline_states_what_it_costs_and_that_it_is_modelled(page: Page) -> None:
    whole = " ".join(page.texts)
    assert "4-3-2 (toy) on paper-chip" in page.text
    # The mean over the training, not the sample after it, which costs 9 µJ.
    assert "at least 9.50\u00a0µJ and 95.0\u00a0µs" in whole
    assert "≥ 9.50 µJ" in whole and "4.75 – 19.0\u00a0µJ" in whole
    assert "at least 9.00 µJ in the last epoch" in whole and "1 of 8" in whole
    assert "One of 8 test samples is wrong." in page.text
    assert "Modelled, not measured" in whole
    for fact in (
        "paper-chip (fingerprint 0123abcd)",
        "A chip on paper",
        "1 assumed",
        "eqchip 0.1.0",
        "Seed 7",
    ):
        assert fact in page.text


def test_ids_are_unique_and_every_reference_inside_is_met(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 50
    for _, attributes in page.elements:
        for name in ("href", "aria-labelledby"):
            value = attributes.get(name)
            if value is not None and not value.startswith("data:image/png"):
                assert value.removeprefix("#") in ids
        for value in attributes.values():
            if value and "url(#" in value:
                assert value.split("url(#")[1].split(")")[0] in ids


def test_nothing_is_fetched_and_nothing_runs(written: list[Path], page: Page) -> None:
    assert not page.all("script") and not page.all("link") and not page.all("iframe")
    assert all(a["src"].startswith("data:image/png;base64,") for a in page.all("img"))
    text = written[0].read_text("utf-8")
    assert "http" not in text and "@import" not in text


def test_pictures_have_words_and_tables_have_heads(page: Page) -> None:
    pictures = [a.get("alt") for a in page.all("img")]
    pictures += [a.get("aria-label") for a in page.all("svg")]
    assert len(pictures) == len(PLOTS) and all(pictures)
    assert len(page.all("caption")) == len(page.all("table")) >= 10
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("footer")) == 1


@pytest.mark.parametrize("kind", ["report", "comparison"])
def test_pictures_are_written_beside_the_page_and_show_something(
    kind: str, written: list[Path], compared: list[Path]
) -> None:
    files, plots = (written, PLOTS) if kind == "report" else (compared, COMPARISON_PLOTS)
    assert [path.name for path in files] == ["report.html", *(f"{p.name}.png" for p in plots)]
    assert sorted(path.name for path in files[0].parent.iterdir()) == sorted(p.name for p in files)
    for path in files[1:]:
        image = imread(path)
        assert image.shape[0] > 200 and image.shape[1] > 800
        assert np.unique(image[::4, ::4, :3].reshape(-1, 3), axis=0).shape[0] > 20


def test_a_page_is_the_same_twice(written: list[Path], tmp_path: Path) -> None:
    again = write_page(report(), tmp_path)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_hostile_names_are_shown_as_they_are(tmp_path: Path) -> None:
    hostile = "<script>alert('x')</script> $\\frac{1$ & \"quoted\" \udcff 雪"
    document = report(title=hostile)
    document["run"] = {**document["run"], "path": hostile, "dataset": hostile}
    document["chip"] = {**document["chip"], "name": hostile, "title": hostile}
    document["notes"] = [hostile]
    document["labels"] = {**document["labels"], "synaptic_event": hostile, "weights": hostile}
    document["baselines"][0]["title"] = hostile
    files = write_page(document, tmp_path)
    page = Page(files[0].read_text("utf-8"))
    assert not page.all("script")
    assert page.text.count("<script>alert('x')</script>") >= 5


def test_unknown_is_never_a_zero() -> None:
    document = report()
    rows = {row[0].text: row for row in costs.energy_by_kind(document).rows}
    assert [cell.text for cell in rows["Barriers"][1:5]] == ["unknown"] * 4
    assert rows["Weight updates"][1].text == "–"
    rows = {row[0].text: row for row in tables.memory(document).rows}
    assert rows["Routing"][1].text == "unknown"
    assert rows["Sum"][1].text == "≥ 96 B"
    rows = {row[0].text: row for row in costs.anchors(document).rows}
    assert rows["Known 2024"][3].text == "700 µJ" and rows["Known 2024"][4].text == "unknown"
    rows = {row[0].text: row for row in tables.neurobench(document).rows}
    assert rows["activation_sparsity"][1].text == "unknown"
    assert rows["synaptic_operations.Effective_MACs"][1].text == "0"


def test_unknown_energy_is_unknown_everywhere(tmp_path: Path) -> None:
    document = report()
    unknown = total(None, ["everything"])
    energy = document["energy"]
    energy |= {"training": unknown, "inference": unknown}
    energy["by_phase"] = dict.fromkeys(energy["by_phase"], unknown)
    energy["by_kind"] = {k: {"training": None, "inference": None} for k in energy["by_kind"]}
    energy["table"] = [
        {**row, "figure": None, "unknown": "of no source"} for row in energy["table"]
    ]
    cost = document["training_cost"]
    cost["whole"] |= {"energy": unknown, "time": unknown}
    of_sample = {"energy": unknown, "energy_delay": unknown, "power": None}
    cost |= {key: {**cost[key], **of_sample} for key in ("mean", "last_epoch")}
    cost["rows"] = [{**row, "energy": unknown} for row in cost["rows"]]
    cost["epochs"] = [{**row, "cumulative": unknown} for row in cost["epochs"]]
    assert "an unknown energy" in sentence(document)
    assert cards(document)[0].value == "unknown"
    page = Page(write_page(document, tmp_path)[0].read_text("utf-8"))
    assert "0 J" not in page.text and "0.00 J" not in page.text
    with figure_style():
        drawn = energy_by_kind_and_phase(document)
    (ax,) = drawn.axes
    assert not ax.patches, "a bar of an unknown energy"
    assert [text.get_text() for text in ax.texts].count("unknown") == 4


def test_bars_are_as_long_as_their_energies() -> None:
    with figure_style():
        (ax,) = energy_by_kind_and_phase(report()).axes
    widths = sorted(patch.get_width() for patch in ax.patches)
    assert widths == pytest.approx([2e-6, 3e-6, 4e-6, 5e-6])
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["synaptic events, 67 %", "weight updates, 33 %", "barriers: unknown"]


def test_a_phase_that_lacks_a_term_is_a_lower_bound() -> None:
    with figure_style():
        (ax,) = energy_by_kind_and_phase(report()).axes
    assert [text.get_text() for text in ax.texts] == [
        "≥ 4.00 µJ", "≥ 2.00 µJ", "≥ 3.00 µJ", "≥ 5.00 µJ",
    ]  # fmt: skip


def test_static_power_does_not_hide_the_rest() -> None:
    document = report()
    energy = document["energy"]
    energy["table"] += [
        {**energy["table"][0], "kind": "static", "phase": phase, "figure": figure(1e-4)}
        for phase in energy["by_phase"]
    ]
    energy["by_kind"]["static"] = {"training": figure(3e-4), "inference": figure(1e-4)}
    energy["static_share"] = 0.97
    with figure_style():
        whole, rest = energy_by_kind_and_phase(document).axes
    assert max(patch.get_width() for patch in whole.patches) == pytest.approx(1e-4)
    assert max(patch.get_width() for patch in rest.patches) == pytest.approx(5e-6)


def test_static_power_of_the_cores_in_use_is_told() -> None:
    document = report()
    found = {"training": total(figure(2e-6)), "label": "did only 3 cores draw it"}
    document["energy"]["static_of_cores"] = found
    notes = costs.energy_by_kind(document).notes
    assert "Static power would take 2.00 µJ a training sample did only 3 cores draw it." in notes


def test_marks_tell_modelled_from_measured() -> None:
    with figure_style():
        (ax,) = energy_beside_others(report()).axes
    labels = [text.get_text() for text in ax.get_yticklabels()]
    assert labels == [
        "this run on paper-chip", "A processor", "Known 2024, Loihi 1",
        "Known 2024, Loihi 1, modelled",
    ]  # fmt: skip
    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert key == [
        "this run, modelled", "processor floor, modelled", "published, measured",
        "the same, modelled",
    ]  # fmt: skip
    assert [text.get_text() for text in ax.texts][-1] == "≥ 350 µJ"


def test_no_measured_figure_of_others_stands_without_the_models_own_and_their_ratio() -> None:
    document = report()
    (known,) = readable.compared(document)
    assert known["name"] == "Known 2024"  # of the other the model says nothing
    (cell,) = (row[3] for row in costs.anchors(document).rows if row[0].text == "Known 2024")
    assert (cell.text, cell.under) == ("700 µJ", "modelled ≥ 350 µJ, 0.500 times")
    shown = [row for row in beside(document).rows if row[0].startswith("Known 2024")]
    assert shown[0][4] == "700 µJ\nmodelled ≥ 350 µJ, 0.500 times"
    for where in (costs.anchors(document).rows, beside(document).rows):
        assert not any("Silent" in str(cell) for row in where for cell in row)
    known["ratio"]["training_energy"] = None  # measured on other hardware
    assert readable.beside_measured(known, "training_energy") == ("≥ 350 µJ", "modelled")
    older = {**document, "anchors": [{k: v for k, v in known.items() if k != "modelled"}]}
    assert readable.compared(older) == []


def test_mesh_is_that_of_the_document() -> None:
    mapped = DocumentedMapping(report())
    assert mapped.mesh.sites == 4
    assert mapped.sites.tolist() == [0, 1, 2]
    assert mapped.link_load("training").tolist() == [12.0, 3.0]
    assert [link.end for link in mapped.routes.links] == [(1, 0), (0, 0)]
    with figure_style():
        ax = utilisation_map(report()).axes[0]
    assert sorted(text.get_text() for text in ax.texts) == ["0", "1", "2"]


def test_a_chip_on_the_right_stands_on_the_right() -> None:
    document = report()
    mapping = copy.deepcopy(document["mapping"])
    mapping |= {"chips": 2, "cores_available": 8}
    mapping["cores"][2] |= {"chip": 1, "x": 3, "slot": 1}
    mapped = DocumentedMapping({**document, "mapping": mapping})
    assert mapped.sites.tolist() == [0, 1, 7]
    assert mapped.mesh.tile_x[mapped.mesh.tile_of_site[7]] == 3


def test_a_chip_below_stands_below_and_cores_that_sum_are_marked() -> None:
    document = report()
    mapping = copy.deepcopy(document["mapping"])
    mapping |= {"chips": 2, "chips_x": 1, "cores_available": 8}
    mapping["cores"][2] |= {"chip": 1, "x": 1, "y": 1, "slot": 1, "home": 1}
    mapped = DocumentedMapping({**document, "mapping": mapping})
    assert mapped.sites.tolist() == [0, 1, 7]
    assert (mapped.mesh.width, mapped.mesh.height) == (2, 2)
    assert mapped.gathers.tolist() == [False, False, True]
    with figure_style():
        ax = utilisation_map({**document, "mapping": mapping}).axes[0]
    assert {"chip 0", "chip 1", "2\u03a3"} <= {text.get_text() for text in ax.texts}


def test_a_wide_mesh_has_a_row_of_its_own(tmp_path: Path) -> None:
    document = report()
    document["mapping"] |= {"tiles_x": 16, "cores_available": 32}
    page = Page(write_page(document, tmp_path)[0].read_text("utf-8"))
    wide = {a["id"] for a in page.all("figure") if a.get("class") == "wide"}
    assert wide == {"figure-utilisation", "figure-traffic"}


def test_weakest_coefficient_comes_first() -> None:
    rows = tables.coefficients(report()).rows
    assert [row[0].text for row in rows] == [
        "energy.weight_update", "energy.synaptic_event", "time.weight_update",
    ]  # fmt: skip
    assert rows[0][2].text == "40.0 %" and rows[2][2].text == "–"
    assert rows[0][4].text == "Table of energy.weight_update"


def test_a_chip_without_cores_has_a_page(tmp_path: Path) -> None:
    document = report(mapping=None)
    names = ("bottleneck", "parts", "by_core", "busiest_core", "steps", "steps_per_second")
    document["time"] |= dict.fromkeys(names)
    document["activity"] |= {"by_core": None, "weight_updates": None}
    document["energy"]["update_alternatives"] = None
    page = Page(write_page(document, tmp_path)[0].read_text("utf-8"))
    assert {attributes["id"] for attributes in page.all("section")} == SECTIONS
    assert "This chip model has no cores." in page.text
    assert "what a time step waits for is unknown" in page.text


def test_two_reports_stand_side_by_side(compared: list[Path]) -> None:
    page = Page(compared[0].read_text("utf-8"))
    figures = {attributes["id"] for attributes in page.all("figure")}
    assert figures == {f"figure-{plot.name}" for plot in COMPARISON_PLOTS}
    rows = costs.comparison(comparison()).rows
    assert [cell.text for cell in rows[0]] == [
        "Training sample, energy", "≥ 9.00 µJ", "unknown", "–",
    ]  # fmt: skip
    assert [cell.text for cell in rows[1]] == [
        "Training sample, time", "90.0 µs", "45.0 µs", "× 0.500",
    ]  # fmt: skip
    for words in ("Modelled, not measured", "The chip files differ.", "runs/toy on other-chip"):
        assert words in page.text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (9.996e-4, "J", "1.00 mJ"), (0.0, "J", "0 J"), (1.5, "J", "1.50 J"),
        (2e-18, "J", "0.00200 fJ"),
        (119.0, "s", "119 s"), (120.0, "s", "2.00 min"), (8000.0, "s", "2.22 h"),
        (1023.0, "B", "1023 B"), (1536.0, "B", "1.50 KiB"), (None, "J", "unknown"),
        (2e20, "J", "200,000,000 TJ"),
    ],
)  # fmt: skip
def test_amounts_read_well(value: float | None, unit: str, text: str) -> None:
    assert readable.amount(value, unit) == text


def test_band_has_the_unit_of_the_nominal_value() -> None:
    found: dict[str, Any] = {"low": 9e-7, "value": 1.1e-6, "high": 2.2e-3, "unit": "J"}
    assert readable.band(found) == "0.900 – 2,200 µJ"
    assert readable.band({**found, "low": 1.0, "value": 1.0, "high": 1.0}) == ""


def test_long_names_leave_room_for_the_bars(recwarn: pytest.WarningsRecorder) -> None:
    document = report()
    document["labels"] |= {
        "synaptic_event": "synaptic events of a long name", "barrier": "messages from or to a host",
    }  # fmt: skip
    with figure_style():
        figure = energy_by_kind_and_phase(document)
        for _ in range(2):
            figure.draw_without_rendering()
    widths = [ax.get_position().width for ax in figure.axes]
    assert not [one for one in recwarn if "layout" in str(one.message)] and min(widths) > 0.4
