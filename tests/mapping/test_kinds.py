"""One table of event kinds: what holds of its rows, and what is refused."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
from toy_chip import toy_text

from eqchip.emulator.activity import Activity
from eqchip.emulator.errors import InputError
from eqchip.hw_reports.pricing import entries as cost
from eqchip.hw_reports.pricing.figure import price
from eqchip.hw_reports.pricing.totals import Sum, exactly
from eqchip.mapping import kinds
from eqchip.mapping.activity.cores import CoreActivity
from eqchip.mapping.activity.exchange import Exchange
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.chip_file.chip import chip_names, load_chip, parse_chip


def test_every_field_of_a_row_is_counted_by_somebody():
    counters = (Activity, CoreActivity, StepCounts, Exchange)
    counted = {f.name for one in counters[:2] for f in dataclasses.fields(one)}
    counted |= {  # what is worked out of other counts
        name for one in counters for name, of in vars(one).items()
        if isinstance(of, (property, cached_property))
    }  # fmt: skip
    counted |= {*StepCounts._fields, "weights_attempted"}  # the latter by runs that learn on a chip
    fields = {row.field for row in kinds.EVENTS.values() if row.field is not None}
    assert fields <= counted


def test_every_figure_of_the_chip_files_is_of_a_kind_in_the_table():
    for name in chip_names():
        chip = load_chip(name)
        assert {*chip.energy} <= set(kinds.priced("energy"))
        assert {*chip.time} <= set(kinds.priced("time"))


def test_no_label_colour_or_shown_name_tells_two_kinds_by_one_word():
    rows = kinds.EVENTS.values()
    for names in ([row.label for row in rows], [row.shown for row in rows if row.shown]):
        assert len(names) == len(set(names))


def test_a_group_that_does_not_exist_is_refused_in_one_line():
    with pytest.raises(InputError, match=r"^event toy: group is 'toys'; expected one of spikes, "):
        kinds.Event("toy", "toys", "toys")


@pytest.mark.parametrize("table", ["energy", "time", "included", "unknown"])
def test_an_event_that_a_chip_file_names_and_the_table_lacks_is_refused_in_one_line(table):
    figure = 'value = 1.0\nlow = 1.0\nhigh = 1.0\nunit = "{}"\nsource = "a"\nstatus = "assumed"\n'
    figure += 'confidence = "D"\n'
    text = toy_text()
    if table in ("energy", "time"):
        unit = {"energy": "pJ", "time": "ns"}[table]
        text += f"\n[{table}.teleport]\n{figure.format(unit)}"
    else:
        text = text.replace(f"[{table}]\n", f'[{table}]\n"energy.teleport" = "no idea"\n')
    with pytest.raises(InputError, match="teleport") as caught:
        parse_chip(text.encode(), "toy.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["teleport", "signal", "static"])
def test_a_kind_without_a_price_table_is_no_key_of_one(kind):
    with pytest.raises(InputError, match=rf"^event kind '{kind}' is unknown; expected one of syn"):
        price({kind: 1.0}, load_chip("odin"))


def test_an_entry_of_an_unknown_kind_is_refused_in_one_line():
    strange = cost.Entry("teleport", "free", 1.0, Sum(exactly(1.0, "J")))
    with pytest.raises(InputError, match=r"^event kind 'teleport' is unknown; expected one of "):
        cost.entries({}, {}, load_chip("odin"), priced=[strange])


@pytest.mark.parametrize("kind", kinds.priced("energy"))
def test_every_kind_that_has_a_price_can_be_entered_in_the_table_of_energy(kind):
    seconds = {"free": Sum(exactly(1.0, "s"))}
    found = cost.entries({"free": {kind: np.ones(1)}}, seconds, load_chip("loihi1-davies"))
    assert kind in cost.kinds_of(found)


def test_the_page_on_reports_says_what_is_counted_of_every_kind():
    page = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")
    table = page[page.index("| kind | what is counted |") :].split("\n\n")[0]
    counted = [row.name for row in kinds.EVENTS.values() if row.field or row.shown]
    assert [name for name in counted if f"`{name}`" not in table] == []
