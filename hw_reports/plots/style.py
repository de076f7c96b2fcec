"""What the figures of a report share: size, type, colours, and how an unknown looks."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from eqchip.hw_reports.document.readable import UNKNOWN, amount, digits, scale
from eqchip.mapping.kinds import EVENTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Narrow enough that the type stays readable when the page is as wide as a telephone.
WIDTH = 4.7  # inches
TEXT, SMALL = 9.5, 8.5  # points
LONGEST = 36  # letters of a name in a figure
INK, QUIET, FAINT = "#1f2328", "#59636e", "#d8dce0"
# Okabe and Ito's palette: told apart by colour-blind readers, too.
BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00",
)  # fmt: skip
GREY, PALE = "#8a9099", "#c3c8ce"
SPARE_COLOURS = ("#7a5195", "#003f5c", "#a05a2c", "#6b8e23", "#b03a5b")


@contextlib.contextmanager
def figure_style() -> Iterator[None]:
    """Make and save figures within this: the report's type, and no formulas in names.

    A name with a dollar sign would be read as a formula, and fail if it is none.
    """
    from matplotlib import rc_context

    options: dict[str, Any] = {
        "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
        "font.size": TEXT,
        "text.parse_math": False,
        "text.color": INK,
        "axes.edgecolor": "#8c959f",
        "axes.labelcolor": INK,
        "axes.labelsize": TEXT,
        "axes.linewidth": 0.8,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.unicode_minus": True,
        "grid.color": "#e6e8eb",
        "grid.linewidth": 0.7,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
        "xtick.labelsize": SMALL,
        "ytick.labelsize": TEXT,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "svg.fonttype": "path",
        "hatch.linewidth": 0.6,
    }
    with rc_context(options), warnings.catch_warnings():
        # Letters that the font lacks become boxes; that is no reason to warn.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def saver(draw: Callable[..., Figure], dpi: int) -> Callable[..., None]:
    """What draws into an open PNG file: takes what `draw` is given, and then the file."""

    def save(*given: Any) -> None:
        *shown, file = given
        with figure_style():
            draw(*shown).savefig(file, format="png", dpi=dpi)

    return save


def new_figure(height: float, width: float = WIDTH) -> Figure:
    """An empty figure; no pyplot: it would want a display, and keep state."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06)
    return Figure(figsize=(width, height), layout=layout, facecolor="white")


def colour_of_kind(kind: str, kinds: list[str]) -> str:
    """The colour of a kind; kinds of a chart that have none of their own take turns."""
    own = {row.name: row.colour for row in EVENTS.values() if row.colour is not None}
    strange = [name for name in kinds if name not in own]
    return own.get(kind) or SPARE_COLOURS[strange.index(kind) % len(SPARE_COLOURS)]


def write_unknown(ax: Axes, x: float, y: float, text: str = UNKNOWN, **options: Any) -> None:
    """Say that a figure is unknown, where its bar would be."""
    ax.annotate(
        text, (x, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=SMALL,
        color=QUIET, fontstyle="italic", **options,
    )  # fmt: skip


def say(ax: Axes, text: str) -> None:
    """An empty chart with a sentence that tells why."""
    ax.axis("off")
    ax.text(
        0.5, 0.5, text, transform=ax.transAxes, ha="center", va="center", color=QUIET,
        fontstyle="italic", wrap=True,
    )  # fmt: skip


def si_axis(axis: Any, most: float, unit: str) -> str:
    """Write a linear axis of SI values in one fitting unit; returns that unit."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    size, name = scale(most, unit)
    # Ticks at round numbers of the unit shown: minutes and KiB are no powers of ten of the SI's.
    ticks = np.asarray(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(0.0, most / size))
    axis.set_major_locator(FixedLocator((size * ticks[ticks <= 1.001 * most / size]).tolist()))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value / size, 9):,g}"))
    return name


def linear_si_axis(ax: Axes, unit: str) -> str:
    """Round ticks in one fitting unit, on an axis that need not begin at 0; returns that unit."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

    low, high = ax.get_xlim()
    size, name = scale(high, unit)
    ticks = MaxNLocator(6).tick_values(low / size, high / size)
    ax.xaxis.set_major_locator(
        FixedLocator([size * tick for tick in ticks if low <= size * tick <= high])
    )
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value / size, 9):,g}"))
    return name


def log_si_axis(axis: Any, unit: str) -> None:
    """Write a logarithmic axis of SI values with the unit at every decade."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(10, numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short(value, unit)))
    axis.set_minor_formatter(NullFormatter())


def plain_log_axis(axis: Any) -> None:
    """Write a logarithmic axis of pure numbers: 0.02, 0.05, 0.1."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis.set_major_locator(LogLocator(10, subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def short(value: float, unit: str) -> str:
    """An amount without trailing zeros, for ticks: ``10 µJ``."""
    size, name = scale(value, unit)
    number = digits(value / size)
    return f"{number.rstrip('0').rstrip('.') if '.' in number else number} {name}"


def whiskers(figure: Mapping[str, Any]) -> list[list[float]]:
    """Distances of low and high from the nominal value, as errorbar wants them."""
    return [
        [max(figure["value"] - figure["low"], 0.0)],
        [max(figure["high"] - figure["value"], 0.0)],
    ]


def at_least(total: Mapping[str, Any]) -> str:
    """A total in a chart: ``≥`` where terms of it are unknown."""
    figure = total["figure"]
    if figure is None:
        return UNKNOWN
    return ("≥ " if total["lacks"] else "") + amount(figure["value"], figure["unit"])


def head(figure: Figure, title: str, document: Mapping[str, Any]) -> None:
    """Title a figure, and state at its foot what its figures are.

    A picture is copied out of its page: what it must not lose is on it.
    """
    chip = shortened(document["chip"]["name"])
    version = document["provenance"]["eqchip"]
    foot = f"{document['statement']} · chip file {chip} · eqchip {version}"
    title_and_foot(figure, title, foot)


def shortened(text: str, longest: int = LONGEST) -> str:
    """A name that must not crowd out the picture."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def title_and_foot(figure: Figure, title: str, foot: str) -> None:
    """Write a title at the top left and a small line at the bottom right."""
    figure.suptitle(title, x=0.01, ha="left", fontsize=TEXT + 2, fontweight="bold", color=INK)
    figure.supxlabel(foot, x=0.99, ha="right", fontsize=7.5, color=QUIET)


def key_below(ax: Axes, handles: list[Any], height: float, gap: float, **options: Any) -> None:
    """A legend some inches below an axes of about so many inches height."""
    ax.legend(
        handles=handles, bbox_to_anchor=(options.pop("x", 0.0), -gap / height), borderaxespad=0.0,
        alignment="left", title_fontsize=SMALL, handlelength=1.2, columnspacing=1.4, **options,
    )  # fmt: skip


def label_rows(ax: Axes, labels: list[str]) -> None:
    """Horizontal bars: a label a row, the first on top, no frame but the axis below."""
    ax.set_yticks(range(len(labels)), ["\n".join(map(shortened, x.split("\n"))) for x in labels])
    ax.set_ylim(len(labels) - 0.45, -0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")


def apart(heights: np.ndarray, gap: float) -> np.ndarray:
    """Ascending heights moved at least a gap apart, as little as possible (least squares).

    Examples
    --------
    >>> apart(np.array([0.1, 0.5, 0.5]), 0.2).round(3).tolist()
    [0.1, 0.4, 0.6]
    """
    # With a gap a place taken off, the places need only ascend: neighbours that do not
    # are pooled at their mean (isotonic regression).
    offsets = gap * np.arange(len(heights))
    pools: list[list[float]] = []
    for value in heights - offsets:
        pools.append([float(value)])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    return np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools]) + offsets
