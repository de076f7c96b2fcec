"""Figures of a report on a run by a rule of spikes: those of graphs, and of training."""

from __future__ import annotations

from eqchip.hw_reports.plots.graph import GRAPH_PLOTS
from eqchip.hw_reports.plots.registry import PLOTS

_OF_TRAINING = ("error-against-energy", "moves-energy", "moves-time")
RULE_PLOTS = (*(plot for plot in PLOTS if plot.name in _OF_TRAINING), *GRAPH_PLOTS)
