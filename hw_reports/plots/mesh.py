"""The mesh as a picture: tiles and cores by their load, links by their traffic."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from eqchip.emulator.errors import InputError
from eqchip.emulator.files import check_replaceable, replacing
from eqchip.mapping.placement.mapped import MappedNetwork

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart by colour-blind readers, too. One colour a layer.
LAYER_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
CORE_COLOURS, LINK_COLOURS = "Blues", "YlOrRd"
TILE, CORE_GAP = 0.64, 0.045  # in distances between tiles
LINK_OFFSET = 0.1  # of the two directions from the middle of a tile
WIDEST, THINNEST = 5.0, 0.8  # links, in points
KEY_COLUMNS = 3
PNG = b"\x89PNG\r\n\x1a\n"  # how such files begin
NARROWEST_PICTURE, WIDEST_PICTURE = 5.0, 18.0  # of the mesh, in inches
SUM = "\u03a3"  # beside the layer of a core that sums for another
MOST_LABELLED = 300  # cores on the picture, used or not, up to which layers are written


class Drawn(NamedTuple):
    """What a colour bar is made from; `links` is None where nothing crosses a link."""

    cores: ScalarMappable
    links: ScalarMappable | None


def draw_mesh(
    ax: Axes,
    mapped: MappedNetwork,
    *,
    core_load: Any = None,
    link_load: Any = None,
    most: float | None = None,
    core_colours: str = CORE_COLOURS,
) -> Drawn:
    """Draw every tile, core and loaded link of a mapped network.

    Parameters
    ----------
    ax : Axes
    mapped : MappedNetwork
    core_load : array_like, shape (cores,), optional
        What colours the cores. Default: the largest share of a limit that each uses.
    link_load : array_like, shape (links,), optional
        What colours and widens the links ``mapped.routes.links``. Default: messages per time
        step at the rates of the mapping.
    most : float, optional
        Load of the darkest core. Default: 1 for the shares, otherwise the largest load.
    core_colours : str
        A matplotlib colour map, from light to dark.

    Returns
    -------
    Drawn
        For colour bars.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    if most is None:
        most = 1.0 if core_load is None else float(np.max(core_load, initial=0.0)) or 1.0
    load = mapped.utilisation if core_load is None else np.asarray(core_load, np.float64)
    traffic = mapped.link_traffic if link_load is None else np.asarray(link_load, np.float64)
    # From a tint on, so that a core that does little differs from one that is free.
    tinted = colormaps[core_colours].resampled(256)(np.linspace(0.06, 0.95, 256))
    cores = ScalarMappable(Normalize(0, most), _colour_map(core_colours, tinted))
    _draw_tiles(ax, mapped, load, cores)
    _draw_chips(ax, mapped)
    links = None
    if len(traffic) and traffic.max() > 0:
        strong = colormaps[LINK_COLOURS].resampled(256)(np.linspace(0.25, 1.0, 256))
        links = ScalarMappable(Normalize(0, float(traffic.max())), _colour_map("links", strong))
        _draw_links(ax, mapped, traffic, links)
    left, right, top, bottom = _frame(mapped)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_aspect("equal")
    ax.axis("off")
    return Drawn(cores, links)


def _frame(mapped: MappedNetwork) -> tuple[float, float, float, float]:
    """What the picture shows, in distances between tiles: left, right, top, bottom."""
    mesh = mapped.mesh
    several = mesh.chips > 1
    margin = 0.55 if several else 0.42
    top = -0.8 if several else -margin
    return -margin, mesh.width - 1 + margin, top, mesh.height - 1 + margin


def _colour_map(name: str, colours: np.ndarray) -> Any:
    from matplotlib.colors import ListedColormap

    return ListedColormap(colours, name)


def _draw_tiles(ax: Axes, mapped: MappedNetwork, load: np.ndarray, colours: Any) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import FancyBboxPatch, Rectangle

    mesh = mapped.mesh
    across = math.ceil(math.sqrt(mesh.cores_per_tile))
    down = math.ceil(mesh.cores_per_tile / across)
    width, height = (TILE - CORE_GAP) / across, (TILE - CORE_GAP) / down
    size = (width - CORE_GAP, height - CORE_GAP)
    tiles = [
        FancyBboxPatch((x - TILE / 2, y - TILE / 2), TILE, TILE, boxstyle="round,pad=0.02")
        for x, y in zip(mesh.tile_x, mesh.tile_y, strict=True)
    ]
    ax.add_collection(PatchCollection(tiles, facecolor="#f1f1ef", edgecolor="#c9c9c4", lw=0.8))

    def corner(site: int) -> tuple[float, float]:
        row, column = divmod(int(mesh.slot_of_site[site]), across)
        tile = mesh.tile_of_site[site]
        left = mesh.tile_x[tile] - TILE / 2 + CORE_GAP + column * width
        return left, mesh.tile_y[tile] - TILE / 2 + CORE_GAP + row * height

    free = [Rectangle(corner(site), *size) for site in set(range(mesh.sites)) - set(mapped.sites)]
    ax.add_collection(PatchCollection(free, facecolor="white", edgecolor="#dcdcd8", lw=0.6))
    face = colours.to_rgba(load)
    layers = [LAYER_COLOURS[layer % len(LAYER_COLOURS)] for layer in mapped.layer_of]
    taken = [Rectangle(corner(site), *size) for site in mapped.sites]
    edge = 1.6 if mesh.sites <= MOST_LABELLED else 0.8
    ax.add_collection(PatchCollection(taken, facecolor=face, edgecolor=layers, lw=edge, zorder=2))
    if mesh.sites > MOST_LABELLED:
        return
    for core, site in enumerate(mapped.sites):
        left, top = corner(site)
        dark = face[core, :3] @ (0.3, 0.59, 0.11) < 0.5
        ax.text(
            left + size[0] / 2, top + size[1] / 2,
            f"{mapped.layer_of[core]}{SUM * int(mapped.gathers[core])}",
            ha="center", va="center_baseline", fontsize=8, color="white" if dark else "#222222",
            zorder=3,
        )  # fmt: skip


def _draw_chips(ax: Axes, mapped: MappedNetwork) -> None:
    from matplotlib.patches import Rectangle

    mesh = mapped.mesh
    if mesh.chips == 1:
        return
    for chip in range(mesh.chips):
        column, row = mesh.corner(chip)
        left, top = column - 0.47, row - 0.47
        box = Rectangle(
            (left, top), mesh.tiles_x - 0.06, mesh.tiles_y - 0.06, fill=False, ec="#8a8a85",
            lw=1.0, ls=(0, (4, 3)),
        )  # fmt: skip
        ax.add_patch(box)
        # Above the first row of chips; in the others between two columns of links to the row above.
        place: dict[str, Any]
        if row == 0:
            x, y, place = left, top - 0.11, {"va": "bottom"}
        else:
            x, y, place = (
                column + 0.5 * (mesh.tiles_x > 1),
                top + 0.015,
                {"va": "top", "ha": "center"},
            )
        ax.text(x, y, f"chip {chip}", fontsize=8, color="#555555", **place)


def _draw_links(ax: Axes, mapped: MappedNetwork, traffic: np.ndarray, colours: Any) -> None:
    """One arrow a link, from tile to tile; every direction keeps to one side of the middle."""
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.patches import Polygon

    gap, lines, heads = TILE / 2 + 0.03, [], []
    share = traffic / traffic.max()
    for link, part in zip(mapped.routes.links, share, strict=True):
        (end_x, end_y), head = link.end, 0.05 + 0.05 * part
        dx, dy = end_x - link.x, end_y - link.y
        # Right-hand traffic: y grows downwards, so the right of (dx, dy) is (-dy, dx).
        start = np.array(
            [link.x + gap * dx - LINK_OFFSET * dy, link.y + gap * dy + LINK_OFFSET * dx]
        )
        along, side = np.array([dx, dy]), np.array([-dy, dx])
        tip = start + along * (1 - 2 * gap)
        neck = tip - along * head
        lines.append([start, neck])
        heads.append(Polygon([tip, neck + 0.7 * head * side, neck - 0.7 * head * side]))
    colour = colours.to_rgba(traffic)
    widths = THINNEST + (WIDEST - THINNEST) * share
    shown = traffic > 0
    ax.add_collection(
        LineCollection([line for line, on in zip(lines, shown, strict=True) if on],
                       colors=colour[shown], linewidths=widths[shown], zorder=4, capstyle="butt")
    )  # fmt: skip
    ax.add_collection(
        PatchCollection([head for head, on in zip(heads, shown, strict=True) if on],
                        facecolor=colour[shown], edgecolor="none", zorder=4)
    )  # fmt: skip


def _layer_key(figure: Figure, mapped: MappedNetwork) -> None:
    """A legend below the mesh: the colour of every layer, its units and cores."""
    from matplotlib.patches import Patch

    sizes = mapped.network.sizes
    last = len(sizes) - 1
    role = {0: " (input)", last: " (output)"}
    handles = [
        Patch(
            facecolor="white", edgecolor=LAYER_COLOURS[layer % len(LAYER_COLOURS)], lw=1.8,
            label=f"{layer}{role.get(layer, '')}: {units:,} units on "
            f"{cores} core{'s' * (cores > 1)}",
        )
        for layer, units in enumerate(sizes)
        for cores in [int(np.count_nonzero(mapped.layer_of == layer))]
    ]  # fmt: skip
    title = f"layer; {SUM}: sums for another core" if mapped.gatherers else "layer"
    figure.legend(
        handles=handles, loc="outside lower center", ncols=KEY_COLUMNS, frameon=False,
        fontsize=8.5, title=title, title_fontsize=8.5,
    )  # fmt: skip


def check_picture(path: Path) -> None:
    """Refuse a place for a picture that another kind of file has, or another kind of picture.

    Raises
    ------
    InputError
    """
    if path.suffix.lower() not in ("", ".png"):
        raise InputError(f"{path}: ends in {path.suffix}; expected .png, which is what is written")
    check_replaceable(path, "PNG", PNG)


def mesh_picture(mapped: MappedNetwork, path: Path) -> None:
    """Write the mesh as a PNG: utilisation of the cores and traffic at the mapping's rates.

    Raises
    ------
    InputError
        If there is a file of another kind.
    OSError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    check_picture(path)
    left, right, top, bottom = _frame(mapped)
    wide = right - left  # in tiles; one is an inch, more in a small picture, less in a large one
    scale = min(max(1.0, NARROWEST_PICTURE / wide), WIDEST_PICTURE / wide)
    rows = -(-len(mapped.network.sizes) // KEY_COLUMNS)
    size = (scale * wide + 1.9, max(scale * (bottom - top), 2.2) + 1.1 + 0.2 * rows)
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.subplots()
    drawn = draw_mesh(ax, mapped)
    _layer_key(figure, mapped)
    hops, tight = mapped.hops, mapped.tightest
    figure.suptitle(
        f"{mapped.network!r} on {mapped.chip.name}: {mapped.cores} of {mapped.mesh.sites} "
        f"cores\n{hops.placed:,.0f} hops per step (naive {hops.naive:,.0f}, at least "
        f"{hops.bound:,.0f}); tightest: {tight.resource.replace('_', ' ')}, "
        f"{100 * tight.used / tight.limit:.0f} %",
        x=0.01, ha="left", fontsize=10,
    )  # fmt: skip
    options: dict[str, Any] = {"ax": ax, "fraction": 0.025, "aspect": 22, "pad": 0.015}
    bars = [figure.colorbar(drawn.cores, label="largest share of a limit", **options)]
    bars[0].ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    if drawn.links is not None:
        label = "messages per step on a link"
        bars.append(figure.colorbar(drawn.links, label=label, **options))
        bars[1].ax.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    for bar in bars:
        bar.ax.tick_params(labelsize=8)
        bar.ax.yaxis.label.set_fontsize(8.5)
        bar.outline.set_visible(False)  # type: ignore[operator]
    with replacing(path) as file:
        figure.savefig(file, dpi=150, format="png")
