"""Heat maps on the mesh, drawn from a report document: utilisation, and traffic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from eqchip.hw_reports.document.readable import count, name_of, percent, scale
from eqchip.hw_reports.plots.mesh import LAYER_COLOURS, draw_mesh
from eqchip.hw_reports.plots.style import SMALL, WIDTH, head, new_figure, say, shortened
from eqchip.mapping.placement.mesh import Mesh
from eqchip.mapping.placement.route import Link

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from eqchip.mapping.placement.mapped import MappedNetwork

TILE_INCHES, MOST_TILE_INCHES = 0.5, 1.1  # between two tiles: an arrow fits between them
WIDEST, BAR_INCHES = 14.0, 0.55
KEY_COLUMNS = 2


class DocumentedMapping:
    """What the drawing of a mesh needs of a mapped network, read from a document.

    Parameters
    ----------
    document : mapping
        With a ``mapping``.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._mapping = document["mapping"]
        self.network = SimpleNamespace(sizes=document["run"]["units"])
        self.names = document["run"].get("names")
        cores = self._mapping["cores"]
        self.layer_of = [core["layer"] for core in cores]
        self.gathers = np.array([core.get("home", k) != k for k, core in enumerate(cores)], bool)
        ends = [
            Link(link["from"][0], link["from"][1], link["direction"])
            for link in self._mapping["links"]
        ]
        self.routes = SimpleNamespace(links=ends)

    @cached_property
    def mesh(self) -> Mesh:
        """Of all chips."""
        found = self._mapping
        return Mesh(
            found["chips"], found["tiles_x"], found["tiles_y"], found["cores_per_tile"],
            found["cores_available"] // found["chips"], found.get("chips_x", found["chips"]),
        )  # fmt: skip

    @cached_property
    def sites(self) -> np.ndarray:
        """Where on the mesh each core stands, int64, shape (cores,)."""
        mesh = self.mesh
        return np.array(
            [
                core["chip"] * mesh.cores_per_chip
                + (core["y"] % mesh.tiles_y * mesh.tiles_x + core["x"] % mesh.tiles_x)
                * mesh.cores_per_tile
                + core["slot"]
                for core in self._mapping["cores"]
            ],
            dtype=np.int64,
        )

    @cached_property
    def utilisation(self) -> np.ndarray:
        """Of each core, the largest share of a limit that it uses, shape (cores,)."""
        return np.array([core["utilisation"] for core in self._mapping["cores"]])

    def link_load(self, of: str) -> np.ndarray:
        """Messages per sample over each link; `of` is ``training`` or ``inference``."""
        return np.array([link["load"][of] for link in self._mapping["links"]], dtype=float)

    def cores_of(self, layer: int) -> np.ndarray:
        """The cores of a layer, int64, gatherers among them."""
        return np.flatnonzero([of_core == layer for of_core in self.layer_of])

    @property
    def tiles_used(self) -> tuple[int, int, int, int]:
        """The smallest rectangle of tiles with every core and link: left, right, top, bottom."""
        places = [(core["x"], core["y"]) for core in self._mapping["cores"]]
        places += [end for link in self._mapping["links"] for end in (link["from"], link["to"])]
        x, y = zip(*places, strict=True)
        return min(x), max(x), min(y), max(y)


def utilisation_map(document: Mapping[str, Any]) -> Figure:
    """How full every core is: the largest share of a limit that it uses."""
    tight = (document["mapping"] or {}).get("tightest")
    title = "How full the cores are"
    if tight:
        name = name_of(tight["resource"], document["labels"])
        title += f" (at most {percent(tight['used'] / tight['limit'])}, {name})"

    def draw(figure: Figure, ax: Axes, mapped: DocumentedMapping) -> None:
        none = np.zeros(len(mapped.routes.links))
        drawn = draw_mesh(ax, cast("MappedNetwork", mapped), link_load=none)
        bar = _bar(figure, ax, drawn.cores, "largest share of a limit")
        bar.formatter = lambda value, _: f"{100 * value:.0f} %"

    return _map(document, title, draw, 1)


def traffic_map(document: Mapping[str, Any], of: str = "training") -> Figure:
    """How long every core works, and how many messages cross every link, per sample."""
    busy = (document["time"]["by_core"] or {}).get(of)
    work = (document["activity"]["by_core"] or {}).get("synaptic_events")

    def draw(figure: Figure, ax: Axes, mapped: DocumentedMapping) -> None:
        load = busy or work or [0.0] * len(mapped.layer_of)
        size, unit = scale(max(load), "s") if busy else (1.0, "")
        label = f"busy time ({unit})" if busy else "synaptic events"
        drawn = draw_mesh(
            ax, cast("MappedNetwork", mapped), core_load=np.array(load),
            link_load=mapped.link_load(of),
        )  # fmt: skip
        _bar(figure, ax, drawn.cores, label).formatter = lambda value, _: f"{value / size:,g}"
        if drawn.links is not None:
            _bar(figure, ax, drawn.links, "messages over a link").formatter = lambda value, _: (
                count(value)
            )

    sample = "a training sample" if of == "training" else "a sample"
    return _map(document, f"Work and traffic of {sample}", draw, 2)


def _map(document: Mapping[str, Any], title: str, draw: Any, bars: int) -> Figure:
    if not document["mapping"]:
        figure = new_figure(2.0)
        head(figure, title, document)
        say(figure.subplots(), f"The chip model of {document['chip']['name']} has no cores.")
        return figure
    mapped = DocumentedMapping(document)
    left, right, top, bottom = _window(mapped)
    inches = max((WIDTH - 0.2) / (right - left), TILE_INCHES)
    inches = min(inches, MOST_TILE_INCHES, WIDEST / (right - left))
    width = max(WIDTH, inches * (right - left) + 0.2)
    layers = len(mapped.network.sizes)
    below = BAR_INCHES * bars + 0.2 * -(-layers // KEY_COLUMNS)
    figure = new_figure(inches * (bottom - top) + 0.75 + below, width)
    ax = figure.subplots()
    head(figure, title, document)
    draw(figure, ax, mapped)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    for text in ax.texts:
        text.set_fontsize(min(SMALL, 12.5 * inches))
    _layer_key(ax, mapped)
    return figure


def _window(mapped: DocumentedMapping) -> tuple[float, float, float, float]:
    """What is shown: the whole mesh, or of a large one the part in use and a tile around it."""
    mesh = mapped.mesh
    margin = 0.55 if mesh.chips > 1 else 0.42
    above = 0.8 if mesh.chips > 1 else margin
    left, right, top, bottom = 0, mesh.width - 1, 0, mesh.height - 1
    if mesh.width * TILE_INCHES > WIDEST or mesh.height * TILE_INCHES > WIDEST:
        first_x, last_x, first_y, last_y = mapped.tiles_used
        left, right = max(first_x - 1, 0), min(last_x + 1, right)
        top, bottom = max(first_y - 1, 0), min(last_y + 1, bottom)
    return left - margin, right + margin, top - above, bottom + margin


def _bar(figure: Figure, ax: Axes, drawn: Any, label: str) -> Any:
    """A colour bar below the mesh: the picture keeps its width on a narrow page."""
    bar = figure.colorbar(
        drawn, ax=ax, label=label, location="bottom", fraction=0.05, aspect=45, pad=0.02
    )
    bar.ax.tick_params(labelsize=7.5)
    bar.ax.xaxis.label.set_fontsize(SMALL)
    bar.outline.set_visible(False)  # type: ignore[operator]
    return bar


def _layer_key(ax: Axes, mapped: DocumentedMapping) -> None:
    """The colour of every layer, its units and cores, below the mesh."""
    from matplotlib.patches import Patch

    sizes = mapped.network.sizes
    role = {0: " input", len(sizes) - 1: " output"}
    if mapped.names is not None:
        role = {layer: f" ({shortened(name, 20)})" for layer, name in enumerate(mapped.names)}
    handles = []
    for layer, units in enumerate(sizes):
        cores, colour = len(mapped.cores_of(layer)), LAYER_COLOURS[layer % len(LAYER_COLOURS)]
        text = f"{layer}{role.get(layer, '')}: {units:,} units, {cores} core{'s' * (cores != 1)}"
        handles.append(Patch(facecolor="white", edgecolor=colour, lw=1.8, label=text))
    ax.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.0), borderaxespad=0.2,
        ncols=min(len(sizes), KEY_COLUMNS), columnspacing=1.2, handlelength=1.4, fontsize=8,
    )  # fmt: skip
