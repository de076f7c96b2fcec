"""Every figure of a report: what it is called, what it shows, and who draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from eqchip.hw_reports.plots.asynchronous import messages_in_flight, times_compared
from eqchip.hw_reports.plots.compare import energies_compared, errors_compared, ratios
from eqchip.hw_reports.plots.cost import energy_beside_others, time_beside_others
from eqchip.hw_reports.plots.energy import energy_against_error, energy_by_kind_and_phase
from eqchip.hw_reports.plots.memory import memory_by_use, memory_over_steps
from eqchip.hw_reports.plots.mesh_maps import traffic_map, utilisation_map
from eqchip.hw_reports.plots.raster import spike_raster
from eqchip.hw_reports.plots.sensitivity import moves_of_energy, moves_of_time
from eqchip.hw_reports.plots.signals import learning_by_layer
from eqchip.hw_reports.plots.style import figure_style
from eqchip.hw_reports.plots.time import time_by_phase, time_of_steps

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Plot(NamedTuple):
    """A figure: its name in file names and ids, what it shows, and the function that draws it.

    ``row``: figures with the same stand beside each other on the page, and are as high.
    """

    name: str
    alt: str
    draw: Callable[[Mapping[str, Any]], Figure]
    row: str = ""


PLOTS = (
    Plot("energy-by-kind", "Stacked bars: energy per sample in each phase, split by kind of event, "
         "with whiskers from low to high", energy_by_kind_and_phase, "energy"),
    Plot("error-against-energy", "Curves: training and validation error over the energy spent "
         "since the first sample, epoch by epoch", energy_against_error, "energy"),
    Plot("moves-energy", "Bars around the nominal energy of a training sample and of an inference: "
         "the energy with each coefficient at the ends of its band, and with all drawn",
         moves_of_energy, "moves"),
    Plot("moves-time", "Bars around the nominal time of a training sample and of an inference: the "
         "time with each coefficient at the ends of its band, and with all drawn", moves_of_time,
         "moves"),
    Plot("energy-beside-others", "Marks on a logarithmic axis: energy per training sample of this "
         "run, of processors, and of published chips that learn", energy_beside_others, "beside"),
    Plot("time-beside-others", "Marks on a logarithmic axis: time per training sample of this run "
         "and of published chips that learn", time_beside_others, "beside"),
    Plot("time-by-phase", "Bars: time of the busiest core, the busiest link and the barrier per "
         "time step of each phase", time_by_phase, "time"),
    Plot("time-of-steps", "Curves: time of the busiest core, the busiest link and the barrier in "
         "every time step of a training sample", time_of_steps, "time"),
    Plot("utilisation", "Map of the mesh: every core coloured by the largest share of a limit "
         "that it uses", utilisation_map, "mesh"),
    Plot("traffic", "Map of the mesh: every core coloured by its busy time, every link by the "
         "messages that cross it per training sample", traffic_map, "mesh"),
    Plot("raster", "Dots: the spikes of one training sample over its time steps, a panel for each "
         "layer", spike_raster),
    Plot("learning-by-layer", "Curves on logarithmic axes over the epochs, one for each layer: "
         "potentials, what a nudge changes of them, and the contrast over the weights",
         learning_by_layer),
    Plot("memory-by-use", "Bars: bytes on the chip by what they hold", memory_by_use, "memory"),
    Plot("memory-over-steps", "Curves: memory for learning over the number of time steps, "
         "equilibrium propagation against BPTT", memory_over_steps, "memory"),
)  # fmt: skip

# In place of what a time step waits for.
_SIMULATED = {
    "time-by-phase": Plot(
        "times-compared", "Stacked bars: time of each phase in steps and simulated, split into "
        "work, waiting, barriers and idle time", times_compared, "time"),
    "time-of-steps": Plot(
        "in-flight", "Curves: messages in flight at the end of every nominal period of a training "
        "sample, and the most that waited in it where there are queues", messages_in_flight,
        "time"),
}  # fmt: skip
ASYNCHRONOUS_PLOTS = tuple(_SIMULATED.get(plot.name, plot) for plot in PLOTS)

COMPARISON_PLOTS = (
    Plot("ratios", "Marks on a logarithmic axis: each figure of the second report over that of the "
         "first", ratios),
    Plot("energies", "Stacked bars: energy of a training sample of both reports, split by kind of "
         "event", energies_compared),
    Plot("errors", "Curves: validation error of both runs over the energy spent", errors_compared),
)  # fmt: skip


def drawn(document: Mapping[str, Any], plots: tuple[Plot, ...]) -> Iterator[tuple[Plot, Figure]]:
    """Draw figures row by row, in the report's style; save each before the next."""
    with figure_style():
        for _, row in groupby(plots, key=lambda plot: plot.row or plot.name):
            pairs = [(plot, plot.draw(document)) for plot in row]
            highest = max(figure.get_figheight() for _, figure in pairs)
            alike = len({figure.get_figwidth() for _, figure in pairs}) == 1
            for plot, figure in pairs:
                if alike:
                    figure.set_figheight(highest)
                # The first layout does not yet know how large the legends are; the second does,
                # and holds for every format.
                for _ in range(2):
                    figure.draw_without_rendering()
                figure.set_layout_engine("none")
                yield plot, figure
