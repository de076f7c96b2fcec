"""What a spiking network costs on a chip, of spikes that were counted elsewhere: nothing runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eqchip.emulator.arrays import open_foreign_arrays
from eqchip.emulator.description import notation
from eqchip.emulator.description.graph.event_file import read_events
from eqchip.emulator.description.graph.file import Imported
from eqchip.emulator.description.graph.graph import Graph, Population, Projection
from eqchip.emulator.description.graph.parameters import SHORTEST_STEP
from eqchip.emulator.description.graph.units import LIF, Input, Reset
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.training.runs import RunDirectory
from eqchip.emulator.training.spiking_training import rule_and_chip
from eqchip.graph_import import import_graph
from eqchip.hw_reports.document.graph import Asked, price_document
from eqchip.hw_reports.page.graph import write_price
from eqchip.hw_reports.pricing.circuit_cost import circuit_of, notes_of, priced_circuit
from eqchip.hw_reports.pricing.graph import cost_of
from eqchip.hw_reports.pricing.graph_spikes import OfEvents, OfRates, Recorded, Sent
from eqchip.mapping.chip_file.chip import USUAL, Chip, load_chip
from eqchip.mapping.kinds import UPDATE
from eqchip.mapping.placement.graph import map_graph
from eqchip.mapping.placement.place import Placement

DEFAULT_STEPS = 100
WAYS = ("rates", "spikes", "events")  # in which spikes are told


def price(
    graph: Graph | Path | str | None = None,
    *,
    network: str | Sequence[notation.Entry] | None = None,
    chip: str | Path | Chip = USUAL,
    rates: float | Mapping[str, float] | None = None,
    spikes: Any = None,
    events: str | Path | None = None,
    steps: int | None = None,
    dt: float | None = None,
    reset: Reset = "zero",
    writes: float = 0.0,
    spread: int = 1,
    placement: Placement = "hops",
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Map a spiking network onto a chip, and price what its spikes do there, without running it.

    A time step's events follow from its spikes: over how many synapses each arrives, on how many
    cores, how many hops away. Given rates, all steps are alike, and the busiest core of the mean
    step is less busy than that of a step in the mean; given spikes, every step counts by itself.

    Parameters
    ----------
    graph : Graph or path-like, optional
        A graph, or a file that :func:`eqchip.import_graph` reads; or the directory of a run by a
        rule of spikes, which counted its own.
    network : str, optional
        Or sizes alone, ``"784-500-10"``, of populations called ``0``, ``1``, ``2``.
    chip : str, Path or Chip
        With cores; or its name, or its file.
    rates : float or mapping, optional
        Spikes of a unit in a step: of all units alike, or by population.
    spikes : mapping, GraphRun or path-like, optional
        What each population sent, (steps, batch, *units) or (steps, *units): by name, or the
        ``.npz`` file of such arrays; a run with ``record="spikes"`` has them.
    events : path-like, optional
        A file of address events (AER), ``.csv`` or ``.npz``; who has none is quiet. One of the
        three is needed.
    steps : int, optional
        Of a sample. Default: those of the spikes, or 100.
    dt : float, optional
        The length of a step in seconds: of a NIR file, to read it; and to price a second of
        signal.
    reset : {"zero", "subtract"}
        Of a NIR file, what a spike does.
    writes : float, default 0
        Price learning that writes each synapse so many times a sample, too.
    spread : int, default 1
        Split every population over so many times the fewest cores: faster, more messages.
    placement : {"hops", "energy", "time", "naive"}
        What messages spend on their ways, made small; naive: cores in the order of populations.
    out : path-like, optional
        Directory to write price.json, report.html and pictures to.

    Returns
    -------
    dict
        What ``eqchip price --json`` prints: cores, memory, and per sample events, energy and time
        with low, nominal and high values.

    Raises
    ------
    InputError
        For rates, spikes and events of which not just one is given, spikes of populations or
        units that are not there, a graph that does not fit.

    Examples
    --------
    >>> found = price(network="784-500-10", chip="loihi1-davies", rates=0.1, steps=10)
    >>> found["cores"], found["events"]["synaptic_event"]
    (6, 397000.0)
    """
    _check_numbers(dt, steps, writes)
    if isinstance(graph, (str, Path)) and (Path(graph) / "config.toml").is_file():
        given = {"network": network, "rates": rates, "spikes": spikes, "events": events}
        given |= {"steps": steps, "writes": writes or None}
        return _of_run(RunDirectory(Path(graph)), given, chip, placement, spread, dt, out)
    name, imported = _graph(graph, network, dt, reset)
    read, chosen = imported.graph, load_chip(chip)
    sent, of = _sent(read, rates, spikes, events, steps, dt)
    if sent.alike:
        steps = DEFAULT_STEPS if steps is None else steps
    elif steps not in (None, sent.rows):
        raise InputError(
            f"price: steps is {steps!r}, but the spikes have {sent.rows}; expected as many"
        )
    mapped = map_graph(read, chosen, sent=sent.means(), placement=placement, spread=spread)
    cost = cost_of(mapped, sent, sent.rows if steps is None else int(steps), float(writes))
    found = price_document(mapped, cost, Asked(name, of, dt, float(writes), imported.notes))
    if out is not None:
        write_price(found, Path(out))
    return found


def _of_run(
    run: RunDirectory,
    given: Mapping[str, Any],
    chip: str | Path | Chip,
    placement: Placement,
    spread: int,
    dt: float | None,
    out: str | Path | None,
) -> dict[str, Any]:
    """A training sample of a run by a spiking rule, as its last epoch counted it."""
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"price: {name} is given, but a run counted its own; expected no --{name}"
            )
    mapped, cost = priced_circuit(circuit_of(run), load_chip(chip), placement, spread)
    each = float(cost.counts[UPDATE]["weight_update"].sum()) / mapped.synapses
    rule, onchip = rule_and_chip(run.config)
    kept, fixed = rule.kept_bits(onchip.fixed), onchip.fixed
    notes = (
        "A training sample, by the counts of the run's last epoch; its update is told apart.",
        f"Learning keeps {fixed.weight_bits + onchip.accumulator_bits + rule.trace_bits} bits of a "
        f"synapse, {kept.unit} of a unit that learns and {kept.axon} of an axon.",
        *notes_of(run.config),
    )
    found = price_document(mapped, cost, Asked(str(run.path), "run", dt, each, notes))
    if out is not None:
        write_price(found, Path(out))
    return found


def _check_numbers(dt: float | None, steps: int | None, writes: float) -> None:
    if dt is not None:
        check_number("price: dt", dt)
        if not SHORTEST_STEP <= dt < math.inf:
            raise InputError(
                f"price: dt is {dt!r}; expected seconds, of at least {SHORTEST_STEP:g}"
            )
    if steps is not None:
        check_whole("price: steps", steps, 1, 2**31)
    check_number("price: writes", writes)
    if not 0 <= writes < math.inf:
        raise InputError(f"price: writes is {writes!r}; expected a number of at least 0")


def _graph(
    graph: Graph | Path | str | None,
    network: str | Sequence[notation.Entry] | None,
    dt: float | None,
    reset: Reset,
) -> tuple[str, Imported]:
    """The graph and its name."""
    if (graph is None) == (network is None):
        given = "neither" if graph is None else "both"
        raise InputError(
            f"price: {given} of graph and network given; expected a file, or sizes such as "
            "784-500-10"
        )
    if network is not None:
        entries = notation.parse(network) if isinstance(network, str) else tuple(network)
        return notation.written(entries), Imported(_of_sizes(entries), {}, {}, ())
    if isinstance(graph, Graph):
        return "Graph", Imported(graph, {}, {}, ())
    assert graph is not None
    return str(graph), import_graph(graph, dt=dt, reset=reset)


def _of_sizes(entries: Sequence[notation.Entry]) -> Graph:
    """A chain of layers; what its weights are makes no difference to a price."""
    chain = notation.connections(entries)
    shapes = [chain[0].pre_shape, *(connection.post_shape for connection in chain)]
    populations = [
        Population(str(k), LIF() if k else Input(), shape) for k, shape in enumerate(shapes)
    ]
    projections = [
        Projection(str(k), str(k + 1), np.ones(one.weight_shape, np.float32), one)
        for k, one in enumerate(chain)
    ]
    return Graph(populations, projections)


def _sent(
    graph: Graph, rates: Any, spikes: Any, events: Any, steps: int | None, dt: float | None
) -> tuple[Sent, str]:
    """The spikes, and in which of the ways they are told."""
    given = [way for way, one in zip(WAYS, (rates, spikes, events), strict=True) if one is not None]
    if len(given) != 1:
        said = " and ".join(given) if given else "none"
        raise InputError(
            f"price: {said} of rates, spikes and events given; expected one of the three"
        )
    if rates is not None:
        return OfRates(graph, rates), "rates"
    if events is not None:
        return OfEvents(graph, read_events(events, graph, dt), steps), "events"
    if isinstance(spikes, (str, Path)):
        return Recorded(graph, _arrays(Path(spikes)), f"{spikes}"), "spikes"
    return Recorded(graph, getattr(spikes, "spikes", spikes), "price: spikes"), "spikes"


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; nothing is unpickled."""
    with open_foreign_arrays(path, "arrays of spikes, .npz") as file:
        return {name: file.values(name) for name in file.headers}
