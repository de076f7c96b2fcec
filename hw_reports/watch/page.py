"""One watched sample as a page that needs nothing else, and as a table for the terminal."""

from __future__ import annotations

from eqchip.hw_reports.document.readable import digits
from eqchip.hw_reports.page.cells import NONE, Cell, PageTable, capital, layers_text, number
from eqchip.hw_reports.page.headline import Card
from eqchip.hw_reports.watch.axes import Document
from eqchip.hw_reports.watch.figures import page_figures, timing_text
from eqchip.hw_reports.watch.panels import LEFT, panels_of

COLUMNS = ("phase", "engine", "spikes", "messages", "lost", "delay", "distance")
ENGINES = ("asynchronous", "synchronous")


def page(document: Document) -> str:
    """The text of ``watch.html``.

    Parameters
    ----------
    document : mapping
        From :func:`eqchip.hw_reports.watch.document.document`, or read from its file.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup, escape

    environment = Environment(
        loader=PackageLoader("eqchip.hw_reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["breakable"] = escape  # no cell here is long
    panels = panels_of(document)
    return environment.get_template("watch.html").render(
        document=document,
        # Made by the package, of escaped text: the only markup that is not the template's.
        figures={name: Markup(text) for name, text in page_figures(document).items()},
        columns=[[p for p in panels if (p.name in LEFT) == left] for left in (True, False)],
        sentence=sentence(document),
        cards=cards(document),
        notes=notes(document),
        table=_page_table(document),
        facts=facts(document),
    )


def rows(document: Document) -> list[list[str]]:
    """The table: two rows for each phase, one an engine; titles are in `COLUMNS`.

    The delay is the mean of the messages that arrived in the phase, in nominal periods; the
    distance is mean |s - s*| at its end.
    """
    found = []
    for one in document["table"]:
        for engine in ENGINES:
            of = one[engine]
            delay = NONE if of["mean_delay"] is None else f"{of['mean_delay']:.3f}"
            found.append(
                [
                    one["phase"] if engine == ENGINES[0] else "", engine, f"{of['spikes']:,}",
                    f"{of['messages']:,}", f"{of['lost']:,}", delay, f"{of['distance']:.5f}",
                ]
            )  # fmt: skip
    return found


def sentence(document: Document) -> str:
    """What became of the sample, in one sentence."""
    predicted, label = document["predictions"], document["subject"]["label"]
    free = document["table"][0]
    near = {engine: free[engine]["distance"] for engine in ENGINES}
    sentence = (
        f"At the end of the free phase the asynchronous network is {digits(near[ENGINES[0]])} from "
        f"its fixed point (mean |s − s*|), the synchronous one {digits(near[ENGINES[1]])}. "
    )
    if len(set(predicted.values())) == 1:
        sentence += f"Both predict {predicted['asynchronous']}, as the fixed point does"
    else:
        sentence += (
            f"The first predicts {predicted['asynchronous']}, the second "
            f"{predicted['synchronous']}, the fixed point {predicted['fixed_point']}"
        )
    return f"{sentence}; the label is {label}."


def cards(document: Document) -> list[Card]:
    """Prediction, messages, delay, clocks."""
    predicted, table = document["predictions"], document["table"]
    sums = {
        (engine, name): sum(one[engine][name] for one in table)
        for engine in ENGINES
        for name in ("messages", "lost")
    }
    delay = table[0]["asynchronous"]["mean_delay"]
    clocks = document["clocks"]
    lost = sums["asynchronous", "lost"]
    return [
        Card(
            "Predicted without a common clock", str(predicted["asynchronous"]),
            note=f"synchronous: {predicted['synchronous']}; fixed point: "
            f"{predicted['fixed_point']}; label: {document['subject']['label']}",
        ),
        Card(
            "Messages, all phases", f"{sums['asynchronous', 'messages']:,}",
            note=f"synchronous: {sums['synchronous', 'messages']:,}; lost: {lost:,}; "
            f"in flight at the end: {document['left']:,}",
        ),
        Card(
            "Mean delay of a message", "none arrived" if delay is None else f"{delay:.2f} periods",
            note="free phase; synchronous: 1",
        ),
        Card(
            "Periods of the clocks", f"{clocks['shortest']:.2f} to {clocks['longest']:.2f}",
            note="hidden and output units; synchronous: 1",
        ),
    ]  # fmt: skip


def notes(document: Document) -> list[str]:
    """What the pictures leave out."""
    found = []
    if document["backlog"] is None:
        found.append("Queues are off: no message waits at a core or on a link.")
    if any(phase["goes_back"] for phase in document["phases"]):
        found.append(
            "A nudged phase of the symmetric rule, and the continued free phase of the split "
            "stream, start from the end of the first free phase: potentials and messages in "
            "flight go back to what they were then, and clocks run on."
        )
    if document["subject"]["precision"] == "chip":
        found.append(
            "The fixed point is that of the real-valued network with its unrounded weights; "
            "both engines computed in a chip's integers."
        )
    if document["subject"]["run"] is None:
        found.append("The network is fresh: its weights are random, and so are its predictions.")
    return found


def facts(document: Document) -> list[tuple[str, str]]:
    """What the numbers rest on."""
    subject, made = document["subject"], document["provenance"]
    of = subject["run"] or "a fresh network"
    return [
        ("Network", f"{layers_text(subject)}, {of}, seed {subject['seed']}"),
        ("Sample", f"{subject['sample']} of the test set of {subject['dataset']}"),
        ("Timing", f"{timing_text(document)}, seed {document['timing']['seed']}"),
        ("Coding", f"{subject['coding']}; input: {subject['input']}"),
        ("Precision", subject["precision"]),
        ("Fixed point", f"float64, largest residual {document['residual']:.1e}"),
        ("Versions", f"eqchip {made['eqchip']}, numpy {made['numpy']}, numba {made['numba']}"),
        ("Command", made["command"] or "not known"),
        ("Made", made["created"]),
    ]


def _page_table(document: Document) -> PageTable:
    texts = rows(document)
    body = []
    for k, row in enumerate(texts):
        phase = document["table"][k // len(ENGINES)]
        name = f"{capital(phase['phase'])}, {phase['start']:g} to {phase['end']:g}"
        body.append([Cell(name), Cell(row[1]), *(number(text) for text in row[2:])])
    columns = [Cell(capital(name)) for name in COLUMNS[:2]]
    columns += [number(capital(name)) for name in COLUMNS[2:]]
    notes = (
        "Delay: mean of the messages that arrived in the phase, in nominal periods. Distance: "
        "mean |s − s*| over hidden and output units at the end of the phase.",
    )
    return PageTable("phases", "Both engines, phase by phase", columns, body, notes)
