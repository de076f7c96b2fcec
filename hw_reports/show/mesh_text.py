"""The mesh in a terminal: which layer stands on which core, and how full each core is."""

from __future__ import annotations

import math
import string

import numpy as np
from rich.text import Text

from eqchip.mapping.placement.mapped import MappedNetwork

SHADES = "░▒▓█"  # by quarters of a limit
COLOURS = ("blue", "yellow", "green", "magenta", "cyan", "red")
SYMBOLS = string.digits + string.ascii_lowercase  # of layers
MOST_CHIPS = 8  # drawn; a picture shows them all
MOST_TILES = 16  # of a chip's side that are drawn whether in use or not


def mesh_text(mapped: MappedNetwork) -> Text:
    """Draw every chip as a grid of tiles; a core is its layer's number and a shade.

    Parameters
    ----------
    mapped : MappedNetwork

    Returns
    -------
    rich.text.Text
    """
    mesh = mapped.mesh
    across = math.ceil(math.sqrt(mesh.cores_per_tile))
    down = math.ceil(mesh.cores_per_tile / across)
    core_at = {int(site): core for core, site in enumerate(mapped.sites)}
    site_at = {
        (int(mesh.tile_x[tile]), int(mesh.tile_y[tile]), int(slot)): site
        for site, (tile, slot) in enumerate(zip(mesh.tile_of_site, mesh.slot_of_site, strict=True))
    }

    def rule(left: str, middle: str, right: str) -> str:
        return left + middle.join(["─" * (2 * across)] * wide) + right + "\n"

    drawn = Text()
    for chip in range(min(mesh.chips, MOST_CHIPS)):
        if mesh.chips > 1:
            drawn.append(f"chip {chip}\n", "bold")
        left, top = mesh.corner(chip)
        wide = _shown(mapped.x[mapped.chip_of == chip] - left, mesh.tiles_x)
        high = _shown(mapped.y[mapped.chip_of == chip] - top, mesh.tiles_y)
        drawn.append(rule("┌", "┬", "┐"), "dim")
        for y in range(top, top + high):
            if y > top:
                drawn.append(rule("├", "┼", "┤"), "dim")
            for row in range(down):
                for x in range(left, left + wide):
                    drawn.append("│", "dim")
                    for slot in range(row * across, (row + 1) * across):
                        site = site_at.get((x, y, slot))
                        core = None if site is None else core_at.get(site)
                        _draw_core(drawn, mapped, site is not None, core)
                drawn.append("│\n", "dim")
        drawn.append(rule("└", "┴", "┘"), "dim")
        if (wide, high) != (mesh.tiles_x, mesh.tiles_y):
            drawn.append(f"... of {mesh.tiles_x} x {mesh.tiles_y} tiles\n")
    if mesh.chips > MOST_CHIPS:
        drawn.append(f"... and {mesh.chips - MOST_CHIPS} more chips\n")
    drawn.append("layer and share of the tightest limit used: ")
    drawn.append(", ".join(f"{s} up to {25 * (k + 1)} %" for k, s in enumerate(SHADES)))
    drawn.append("; · free")
    return drawn


def _shown(used: np.ndarray, tiles: int) -> int:
    """Tiles along a side that are drawn: of a long one, up to the last that is in use."""
    return tiles if tiles <= MOST_TILES else int(used.max(initial=0)) + 1


def _draw_core(drawn: Text, mapped: MappedNetwork, exists: bool, core: int | None) -> None:
    if core is None:
        drawn.append("· " if exists else "  ", "dim")
        return
    layer = int(mapped.layer_of[core])
    quarter = int(np.ceil(len(SHADES) * mapped.utilisation[core])) - 1
    symbol = SYMBOLS[layer] if layer < len(SYMBOLS) else "+"
    shade = SHADES[min(max(quarter, 0), len(SHADES) - 1)]
    drawn.append(symbol + shade, COLOURS[layer % len(COLOURS)])
