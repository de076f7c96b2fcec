"""One sample, watched: what is drawn is what the events say."""

from __future__ import annotations

import csv
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from small_runs import FEW, few_digits, small_config

import eqchip as eq
from eqchip.commands.watch import command
from eqchip.emulator.description.asynchronous import (
    QUANTA,
    Asynchronous,
    Clocks,
    Delays,
    Faults,
    Queues,
    quanta,
)
from eqchip.emulator.description.parts import Part, whole_layers
from eqchip.emulator.description.timed import DELIVERED, EVENT, LOST, SPIKE, TICK
from eqchip.emulator.training.fit import fit
from eqchip.emulator.training.runs import RunDirectory, provenance
from eqchip.hw_reports.plots.style import figure_style
from eqchip.hw_reports.watch import events as read
from eqchip.hw_reports.watch.document import document
from eqchip.hw_reports.watch.figures import picture, picture_png, timing_text
from eqchip.hw_reports.watch.make import watch_sample
from eqchip.hw_reports.watch.page import page, rows, sentence
from eqchip.hw_reports.watch.panels import PANELS, panels_of
from eqchip.hw_reports.watch.watched import Watched, events_csv

HALF = QUANTA // 2
DRIFTING = Clocks(spread=0.1, offset=1.0, jitter=0.1)
FILES = {"watch.html", "watch.png", "watch.json", "events.csv"}


# --- events by hand -----------------------------------------------------------------------
# Layers of 2, 2 and 1 units, each a core; a free phase of two periods, and two nudged ones of
# one period from its end. Times in half periods.

TARGET = [[1.0]]
HAND_PHASES = [eq.Free(2), *(eq.Nudged(1, TARGET, b, from_free=True) for b in (0.5, -0.5))]
HAND_EVENTS = np.array(
    [
        (1 * HALF, SPIKE, 0, 0, 0.8),
        (1 * HALF, SPIKE, 1, 0, 0.4),
        (2 * HALF, TICK, 2, 1, 0.0),
        (3 * HALF, DELIVERED, 0, 1, 1.0),
        (3 * HALF, LOST, 1, 1, 1.0),
        (3 * HALF, SPIKE, 2, 1, 0.5),
        (4 * HALF, SPIKE, 0, 0, 0.8),
        # first nudged phase
        (5 * HALF, DELIVERED, 2, 2, 1.0),
        (5 * HALF, SPIKE, 4, 2, 0.25),
        (6 * HALF, DELIVERED, 0, 1, 1.0),
        # second nudged phase: what was in flight at the free end arrives once more
        (7 * HALF, DELIVERED, 2, 2, 1.0),
        (7 * HALF, SPIKE, 3, 1, 1.0),
        (7 * HALF, LOST, 3, 2, 1.0),  # on its way out
    ],
    EVENT,
)
HAND_WIRING = read.wiring(whole_layers((2, 2, 1)))


def test_messages_go_to_the_cores_of_the_layers_beside_but_not_to_the_input():
    assert HAND_WIRING.targets == ((1,), (2,), (1,))
    split = (Part(0, 0, 2), Part(1, 0, 1), Part(1, 1, 1), Part(2, 0, 1), Part(3, 0, 3))
    wired = read.wiring(split)
    assert wired.targets == ((1, 2), (3,), (1, 2, 4), (3,))
    assert wired.fan_out.tolist() == [2, 1, 3, 1]
    assert wired.layer_of.tolist() == [0, 0, 1, 1, 2, 3, 3, 3]
    assert wired.first.tolist() == [0, 2, 4, 5]
    assert read.wiring(whole_layers((3, 2))).targets == ((1,), ())


def test_phases_stand_one_after_the_other_and_remember_where_they_go_back_to():
    found = read.spans(HAND_PHASES)
    assert [(s.start / HALF, s.end / HALF, s.back) for s in found] == [
        (0, 4, None), (4, 6, 4 * HALF), (6, 8, 4 * HALF),
    ]  # fmt: skip
    assert read.spans(HAND_PHASES, 7 * HALF)[-1].end == 7 * HALF


def test_messages_in_flight_are_those_counted_by_hand():
    times, counts = read.in_flight(HAND_EVENTS, read.spans(HAND_PHASES), HAND_WIRING)
    assert [(t / HALF, *row) for t, row in zip(times, counts.tolist(), strict=True)] == [
        (0, 0, 0, 0),
        (1, 2, 0, 0),
        (3, 0, 1, 0),
        (4, 1, 1, 0),
        (4, 1, 1, 0),  # gone back to the same moment
        (5, 1, 0, 1),
        (6, 0, 0, 1),
        (6, 1, 1, 0),  # gone back: one withdrawn, two taken up again
        (7, 1, 0, 0),  # the other one sent here was lost at once
    ]


def test_messages_are_followed_from_their_spikes_over_a_return_to_the_free_end():
    found = read.journeys(HAND_EVENTS, read.spans(HAND_PHASES), HAND_WIRING)
    columns = (found.sent / HALF, found.ended / HALF, found.source, found.core, found.lost)
    assert [tuple(map(float, row)) for row in zip(*columns, strict=True)] == [
        (1, 3, 0, 1, False),
        (1, 3, 1, 1, True),
        (3, 5, 2, 2, False),
        (4, 6, 0, 1, False),
        (5, 7, 2, 2, False),  # sent at 3, one period after the free end moved to 6
        (7, 7, 3, 2, True),
    ]


def test_a_potential_goes_back_with_its_phase():
    phases = read.spans(HAND_PHASES)
    times, values = read.trajectory(HAND_EVENTS, phases, 4)
    assert (times / HALF).tolist() == [0, 4, 5, 6]
    assert values.tolist() == [0.0, 0.0, 0.25, 0.0]
    times, values = read.trajectory(HAND_EVENTS, phases, 2)
    assert values.tolist() == [0.0, 0.0, 0.5, 0.5, 0.5] and times[2] == 3 * HALF


def test_distance_is_that_counted_by_hand():
    clamped = [np.nan, np.nan]
    fixed = [np.array([*clamped, *s]) for s in ([0.5, 1, 0.25], [0.5, 1, 0.5], [0, 0, 0])]
    at = [np.array(times) * HALF for times in ([0, 2, 3, 4], [4, 5, 6], [6, 7, 8])]
    found = read.distance(HAND_EVENTS, read.spans(HAND_PHASES), fixed, at)
    expected = [[1.75, 1.75, 1.25, 1.25], [1.5, 1.25, 1.25], [0.5, 1.5, 1.5]]
    for curve, sums in zip(found, expected, strict=True):
        np.testing.assert_allclose(curve, np.array(sums) / 3)


def test_ticks_are_those_of_the_unit_with_and_without_a_spike():
    assert (read.ticks(HAND_EVENTS, 2) / HALF).tolist() == [2, 3]


def test_a_run_without_events_has_nothing_in_flight():
    times, counts = read.in_flight(HAND_EVENTS[:0], read.spans(HAND_PHASES[:1]), HAND_WIRING)
    assert times.tolist() == [0] and counts.tolist() == [[0, 0, 0]]
    found = read.journeys(HAND_EVENTS[:0], read.spans(HAND_PHASES[:1]), HAND_WIRING)
    assert len(found.sent) == 0 and found.lost.dtype == bool


# --- against the engine -------------------------------------------------------------------


@pytest.mark.parametrize("coding", [eq.Coding(), eq.Coding("bernoulli"), eq.Coding.real_valued()])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"delays": Delays(2.5, jitter=4.0)},
        {"delays": Delays(0.0), "faults": Faults(loss=0.3)},
        {"faults": Faults(loss=0.3, stuck_at_1=0.2, stopped=((1, 12.0),))},
        {"queues": Queues(synaptic_event=0.05), "faults": Faults(loss=0.1)},
    ],
    ids=["plain", "jitter", "no delay", "faults", "queues"],
)
def test_what_the_events_tell_is_what_the_engine_counted(coding, more):
    network = eq.Network.dense([6, 7, 5, 3], seed=2)
    target = np.eye(3)[:1]
    phases = [
        eq.Free(9), *(eq.Nudged(5, target, beta, from_free=True) for beta in (0.5, -0.5)),
    ]  # fmt: skip
    run = eq.run(
        network, np.random.default_rng(0).random((1, 6)), coding=coding, phases=phases,
        timing=Asynchronous(clocks=DRIFTING, **more), record=("events",),
    )  # fmt: skip
    timed = run.timed
    events, spans = timed.events[0], read.spans(phases, quanta(timed.end))
    wired = read.wiring(whole_layers(network.sizes))
    times, counts = read.in_flight(events, spans, wired)
    assert (counts >= 0).all() and counts.max() > 1
    for row, expected in enumerate(timed.in_flight[:, 0].tolist()):
        end = (row + 1) * QUANTA
        last = np.searchsorted(times, end, "right") - 1
        # Where a phase goes back, the time stands twice; the engine's row is of before.
        last -= any(span.start == end and span.back is not None for span in spans)
        assert counts[last].sum() == expected, f"period {row}"
    assert counts[-1].sum() == timed.left
    found = read.journeys(events, spans, wired)
    assert found.lost.sum() == timed.messages.lost.sum()
    assert (~found.lost).sum() == timed.messages.delivered.sum()
    assert (found.ended >= found.sent).all()
    delays = (found.ended - found.sent)[~found.lost]
    if "queues" not in more and not more.get("delays", Delays()).jitter:
        assert set(delays.tolist()) == {max(1, quanta(more.get("delays", Delays()).fixed))}
    elif "queues" in more:
        assert delays.min() >= QUANTA and delays.max() > QUANTA
    ends = np.concatenate([end[0] for end in run.ends[-1]])
    for unit in range(6, 21):
        _, values = read.trajectory(events, spans, unit)
        assert values[-1] == pytest.approx(ends[unit], abs=1e-6)


# --- the document -------------------------------------------------------------------------


def watched(timing: Asynchronous, **settings: Any) -> Watched:
    """One of the digits through a small fresh network."""
    config = small_config(**settings)
    digits = few_digits()
    return watch_sample(
        config, config.network(), timing, digits.test_x[3], int(digits.test_y[3]), run=None,
        sample=3, precision=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def drifting() -> Watched:
    return watched(Asynchronous(clocks=DRIFTING))


@pytest.fixture(scope="module")
def made(drifting: Watched) -> dict[str, Any]:
    return document(drifting, provenance("eqchip watch"))


def test_a_document_is_plain_json_and_its_times_are_exact(drifting, made):
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    times, _ = read.in_flight(drifting.events, drifting.spans, drifting.wired)
    assert [round(time * QUANTA) for time in made["in_flight"]["time"]] == times.tolist()


def test_the_table_adds_up(drifting, made):
    asynchronous, synchronous = drifting.asynchronous, drifting.synchronous
    for k, row in enumerate(made["table"]):
        assert row["asynchronous"]["spikes"] == asynchronous.activity.spikes[k].sum() > 0
        assert row["asynchronous"]["messages"] == drifting.timed.messages.sent[k]
        # Each layer of 64, 7 and 10 units sends to one core: a spike is a message.
        assert row["synchronous"]["messages"] == synchronous.activity.spikes[k].sum() > 0
        assert row["asynchronous"]["mean_delay"] == 1.0
        for engine in ("asynchronous", "synchronous"):
            run = getattr(drifting, engine)
            away = [
                np.abs(end[0] - fixed)
                for end, fixed in zip(run.ends[k][1:], drifting.fixed[k][1:], strict=True)
            ]
            assert row[engine]["distance"] == pytest.approx(np.concatenate(away).mean(), 1e-4)
    steps = made["in_flight"]["synchronous"]
    assert steps[0] == 0 and len(steps) == 6 + 3 + 3 + 1
    assert sum(steps[:7]) == made["table"][0]["synchronous"]["messages"]
    assert steps[9] == steps[6]  # gone back
    assert made["left"] == sum(counts[-1] for counts in made["in_flight"]["by_layer"])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"coding": eq.Coding.real_valued()},
        {"input": "current"},
        {"layers": (64, 10), "descent": {"lr": (0.2,)}},
        {"learning": {"rule": "full", "split_stream": True}},
    ],
    ids=["bits", "real values", "current", "no hidden layer", "split stream"],
)
def test_at_the_identity_setting_both_engines_draw_the_same(settings):
    found = document(watched(Asynchronous(), **settings), provenance())
    for one in found["distance"]:
        asynchronous, synchronous = one["asynchronous"], one["synchronous"]
        by_time = dict(zip(asynchronous["time"], asynchronous["values"], strict=True))
        values = [by_time[time] for time in synchronous["time"]]
        np.testing.assert_allclose(values, synchronous["values"], rtol=2e-4)
    flying = np.array(found["in_flight"]["by_layer"]).sum(0)
    changes = dict(zip(found["in_flight"]["time"], flying.tolist(), strict=True))
    for step, sent in enumerate(found["in_flight"]["synchronous"]):
        assert changes[max(time for time in changes if time <= step)] == sent, f"step {step}"
    for row in found["table"]:
        assert row["asynchronous"]["messages"] == row["synchronous"]["messages"] > 0
        assert row["asynchronous"]["spikes"] == row["synchronous"]["spikes"]
    for unit in found["potentials"]:
        steps = dict(zip(unit["time"], unit["asynchronous"], strict=True))
        both = [steps[float(step)] for step in range(len(unit["synchronous"]))]
        np.testing.assert_allclose(both, unit["synchronous"], atol=1e-5)


def test_the_label_comes_first_and_hidden_units_by_their_clocks(drifting, made):
    shown = made["potentials"]
    outputs = [unit for unit in shown if unit["layer"] == 2]
    assert sorted(unit["unit"] for unit in outputs) == list(range(10))
    assert (outputs[0]["unit"], outputs[0]["why"]) == (made["subject"]["label"], "label")
    hidden = [unit for unit in shown if unit["layer"] == 1]
    assert [unit["why"] for unit in hidden] == ["slowest clock", "middle clock", "fastest clock"]
    periods = [unit["period"] for unit in hidden]
    assert periods == sorted(periods, reverse=True) and periods[0] > periods[2]
    alike = document(watched(Asynchronous()), provenance())["potentials"]
    hidden = [unit for unit in alike if unit["layer"] == 1]
    assert [unit["why"] for unit in hidden][::2] == ["lowest fixed point", "highest fixed point"]
    points = [unit["fixed_point"][0] for unit in hidden]
    assert points == sorted(points)


def test_the_raster_has_every_spike_of_its_rows_slowest_clock_first(drifting, made):
    spikes = drifting.asynchronous.activity.spikes.sum(0)
    for layer, count in zip(made["raster"], spikes.tolist(), strict=True):
        assert len(layer["time"]) == len(layer["row"]) == count
        first = int(drifting.wired.first[layer["layer"]])
        periods = drifting.timed.periods[first + np.array(layer["shown"])]
        assert (np.diff(periods) <= 0).all()
    assert len(made["raster"][0]["shown"]) == np.count_nonzero(few_digits().test_x[3])


def test_every_event_is_a_line_of_the_csv(drifting):
    lines = list(csv.DictReader(events_csv(drifting).splitlines()))
    events = drifting.events
    assert len(lines) == len(events)
    assert list(lines[0]) == ["time", "phase", "event", "layer", "unit", "core", "value"]
    times = [round(float(line["time"]) * QUANTA) for line in lines]
    assert times == events["time"].tolist()
    first = [0, 64, 71]
    units = [first[int(line["layer"])] + int(line["unit"]) for line in lines]
    assert units == events["unit"].tolist()
    assert [float(line["value"]) for line in lines] == events["value"].tolist()
    ends = [6 * QUANTA, 9 * QUANTA, 12 * QUANTA]
    for line, time in zip(lines, times, strict=True):
        assert ends[int(line["phase"])] - (6 if line["phase"] == "0" else 3) * QUANTA < time
        assert time <= ends[int(line["phase"])]
    sent = sum(line["event"] == "spike" for line in lines)
    assert sent == drifting.asynchronous.activity.spikes.sum()


def test_the_close_view_shows_messages_that_were_sent(drifting, made):
    close = made["close"]
    assert {unit["layer"] for unit in close["units"]} == {0, 1, 2}
    for unit in close["units"]:
        assert set(unit["spikes"]) <= set(unit["ticks"])
        assert {message["sent"] for message in unit["messages"]} <= set(unit["spikes"])
        for message in unit["messages"]:
            assert message["ended"] - message["sent"] == pytest.approx(1.0, abs=2e-7)
            assert abs(message["layer"] - unit["layer"]) == 1
    assert any(unit["messages"] for unit in close["units"])


# --- the pictures -------------------------------------------------------------------------


class Page(HTMLParser):
    """Start tags with their attributes, and the words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def test_the_page_needs_nothing_else_and_has_every_panel(made):
    text = page(made)
    found = Page(text)
    assert not found.all("script") and not found.all("link") and not found.all("iframe")
    assert "http" not in text and "@import" not in text
    assert all(a["src"].startswith("data:image/png;base64,") for a in found.all("img"))
    figures = {attributes["id"] for attributes in found.all("figure")}
    assert figures == {f"figure-{panel.name}" for panel in PANELS if panel.name != "backlog"}
    pictures = [a.get("alt") for a in found.all("img")]
    pictures += [a.get("aria-label") for a in found.all("svg")]
    assert len(pictures) == len(figures) and all(pictures)
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(a["href"].removeprefix("#") in ids for a in found.all("a"))
    for words in ("Emulated, not measured on a chip", "Queues are off", sentence(made)):
        assert words in found.words
    assert page(made) == text  # the same twice


def test_names_are_shown_as_they_are(made):
    hostile = "<script>alert('x')</script> $\\frac{1$ 雪"
    changed = {**made, "title": hostile, "subject": {**made["subject"], "run": hostile}}
    found = Page(page(changed))
    assert not found.all("script") and hostile in found.words
    assert picture_png(changed).startswith(b"\x89PNG")


def test_a_backlog_is_drawn_where_queues_are_on():
    queued = watched(Asynchronous(clocks=DRIFTING, queues=Queues(synaptic_event=0.01)))
    found = document(queued, provenance())
    assert found["backlog"]["cores"] == queued.timed.backlog[:, 0].T.tolist()
    assert max(map(max, found["backlog"]["cores"])) > 1
    assert [panel.name for panel in panels_of(found)] == [panel.name for panel in PANELS]
    text = page(found)
    assert "figure-backlog" in text and "Queues are off" not in text


def test_lines_are_drawn_from_the_document(made):
    with figure_style():
        axes = picture(made).axes
    by_label = {ax.get_ylabel(): ax for ax in axes}
    flying = by_label["messages\nin flight"]
    (line,) = (line for line in flying.lines if line.get_label() == "synchronous")
    synchronous = np.asarray(line.get_ydata())
    assert synchronous.tolist() == made["in_flight"]["synchronous"]
    assert len(flying.collections) == 3  # one area a layer
    drift = by_label["steps ahead\nof nominal"].lines[: len(made["clocks"]["shown"])]
    for clock, line in zip(made["clocks"]["shown"], drift, strict=True):
        assert np.asarray(line.get_ydata()).tolist() == [
            k - time for k, time in enumerate(clock["ticks"], 1)
        ]
    away = by_label["mean |s − s*|"]
    assert [np.asarray(line.get_ydata()).tolist() for line in away.lines[:3]] == [
        one["asynchronous"]["values"] for one in made["distance"]
    ]


def test_messages_lost_are_marked_and_clocks_that_are_alike_are_no_fan():
    lossy = watched(Asynchronous(faults=Faults(loss=0.5)))
    found = document(lossy, provenance())
    lost = sum(message["lost"] for unit in found["close"]["units"] for message in unit["messages"])
    assert lost > 0
    with figure_style():
        axes = picture(found).axes
    crosses = [line for line in axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == lost
    drift = next(ax for ax in axes if ax.get_ylabel().startswith("steps ahead"))
    assert not [text for text in drift.texts if text.get_text() in ("fastest", "slowest")]


@pytest.mark.parametrize(
    ("timing", "words"),
    [
        (Asynchronous(delays=Delays(100.0)), "none arrived"),
        (Asynchronous(faults=Faults(stopped=((1, 0.0), (2, 0.0)))), "lost"),
        (Asynchronous(clocks=DRIFTING, faults=Faults(stuck_at_0=1.0)), "none arrived"),
    ],
    ids=["nothing arrives", "cores that never tick", "no spikes"],
)
def test_a_network_that_is_broken_is_drawn_all_the_same(timing, words):
    found = document(watched(timing), provenance())
    assert words in page(found)
    assert picture_png(found).startswith(b"\x89PNG")
    assert len(rows(found)) == 6


def test_a_table_fits_a_terminal(made):
    shown = rows(made)
    assert [row[:2] for row in shown[:2]] == [["free", "asynchronous"], ["", "synchronous"]]
    assert sum(max(map(len, column)) + 3 for column in zip(*shown, strict=True)) < 80


def test_timing_is_told_in_words(made):
    assert timing_text(made) == (
        "a clock per unit, periods ± 10 %, offsets up to 1, jitter 0.1, delay 1"
    )


# --- the command --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = RunDirectory.create(tmp_path_factory.mktemp("watch") / "run", small_config(dataset=FEW))
    fit(run, few_digits(name=FEW), threads=1)
    return run.path


def invoke(*arguments: object) -> int:
    return command.main([*map(str, arguments)], prog_name="eqchip watch", standalone_mode=False)


def test_a_trained_network_is_watched(trained, capsys):
    assert invoke(trained, "--sample", 2, "--json", "--quiet") == 0
    shown = json.loads(capsys.readouterr().out)
    folder = trained / "report" / "watch"
    assert shown["out"] == str(folder)
    assert {path.name for path in folder.iterdir()} == FILES
    kept = json.loads((folder / "watch.json").read_text("utf-8"))
    assert kept["format"] == shown["format"] == "eqchip-watch 1"
    assert kept["table"] == shown["table"] and kept["subject"]["run"] == str(trained)
    clocks = shown["timing"]["clocks"]
    assert (clocks["spread"], clocks["offset"], clocks["jitter"]) == (0.1, 1.0, 0.1)
    image = imread(folder / "watch.png")
    assert image.shape[0] > 1000 and image.shape[1] > 1500
    assert len(np.unique(image[::4, ::4, :3].reshape(-1, 3), axis=0)) > 50
    config = RunDirectory(trained).config
    assert kept["phases"][-1]["end"] == config.learning.free_steps + 2 * (
        config.learning.nudged_steps
    )


def test_a_fresh_network_in_a_chips_integers_is_watched(tmp_path, capsys):
    flags = ["--precision", "chip", "--clock-spread", 0.2, "--event-time", 0.01, "--delay", 2]
    assert invoke(*flags, "--out", tmp_path / "w", "--quiet") == 0
    out, err = capsys.readouterr()
    assert err == "" and "asynchronous" in out and "watch.html" in out
    kept = json.loads((tmp_path / "w" / "watch.json").read_text("utf-8"))
    timing = kept["timing"]
    assert timing["clocks"]["spread"] == 0.2 and timing["clocks"]["offset"] == 1.0
    assert timing["delays"]["fixed"] == 2.0 and timing["queues"]["synaptic_event"] == 0.01
    assert kept["backlog"] is not None
    assert kept["subject"]["run"] is None and kept["subject"]["precision"] == "chip"
    assert "unrounded weights" in (tmp_path / "w" / "watch.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--sample", "360"], "--sample is 360; expected 0 to 359"),
        (["--sample", "-1"], "--sample is -1"),
        (["nothing"], "nothing: no run here"),
        (["nothing", "--dataset", "digits"], "--dataset is given with nothing"),
        (["--dataset", "mnist", "--data", "nowhere"], "nowhere"),
        (["--loss", "1"], "--loss is 1.0"),
        (["--delay", "-1"], "--delay is -1.0; expected 0 to"),
        (["--event-time", "-1"], "--event-time is -1.0"),
        (["--timing", "sync", "--delay", "2"], "--delay is given with"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing_behind(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(eq.InputError, match=words) as refused:
        invoke(*arguments)
    assert "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())
