"""``eqchip map``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import run_argument, shared
from eqchip.cli.output import Output, output_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from eqchip.emulator.description.network import Network
    from eqchip.emulator.description.notation import Entry
    from eqchip.emulator.description.topology import Topology
    from eqchip.mapping.placement.mapped import MappedNetwork
    from eqchip.mapping.placement.slices import Partition

DOES_NOT_FIT = 1  # exit status: the check failed
HEADINGS = {
    "units": "units",
    "synapse_memory": "synapse KiB",
    "input_axons": "input axons",
    "output_axons": "output axons",
    "fan_in": "fan-in",
    "fan_out": "fan-out",
}
BITS_PER_KIB = 8 * 1024


@click.command(cls=Command)
@run_argument(required=False)
@shared("network", help="A network without a run, e.g. 784-500-10 or 28x28-32c5p2-64c5p2-10.")
@shared("chip", "chips")
@shared("placement", "spread")
@click.option(
    "--strict", is_flag=True,
    help="Refuse a network of which a connection loses most of its weights in the chip's integers.",
)  # fmt: skip
@shared("out", help="Picture of the mesh, a PNG.")
@output_options
def command(
    run: Path | None,
    network: tuple[Entry, ...] | str | None,
    chip: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    **settings: Any,
) -> int:
    """Map the network of a RUN directory, or one of given layers, onto the cores of a chip.

    The traffic that the placement minimises is weighed by the spikes that the run counted;
    without a run, every unit counts the same. Exit status 1: the network does not fit.
    """
    from eqchip.emulator.training.runs import RunDirectory
    from eqchip.hw_reports.plots.mesh import check_picture, mesh_picture
    from eqchip.mapping.chip_file.chip import load_chip
    from eqchip.mapping.chip_file.executable import executable
    from eqchip.mapping.chip_file.learning import learning_chip
    from eqchip.mapping.placement.mapped import map_network
    from eqchip.mapping.placement.partition import DoesNotFit, check_fits
    from eqchip.mapping.placement.told import MAPPING_FORMAT

    output = Output(as_json, quiet)
    _check_network(run, network)
    if out is not None:
        check_picture(out)
    found = load_chip(chip)
    config = None if run is None else RunDirectory(run).config
    learned = None if config is None else config.on_chip
    if learned is not None and found.learning and found.cores is not None:
        found = learning_chip(found, learned)  # with its accumulators, and in its integers
    fits = partial(check_fits, chip=found, chips=settings["chips"], spread=settings["spread"])
    try:
        described, rates, fitted = _network(output, run, network, fits)
        mapped = map_network(described, found, rates=rates, fitted=fitted, **settings)
    except DoesNotFit as error:
        click.echo(f"eqchip: error: {error}", err=True)
        broken = [vars(one) for one in error.broken]
        output.result(
            {"format": MAPPING_FORMAT, "fits": False, "chip": found.name, "broken": broken}
        )
        return DOES_NOT_FIT
    if out is not None:
        mesh_picture(mapped, out)
        output.message(f"Picture: {out}")
    _show(output, mapped, rates is not None)
    rule = None if config is None else executable(found, config)
    if rule is not None:
        output.text(f"The rule: {rule}")
    document = {"fits": True, "run": None if run is None else str(run), "rates": rates,
                "rule": None if rule is None else rule.to_dict()}  # fmt: skip
    output.result({**document, "picture": None if out is None else str(out), **mapped.to_dict()})
    return 0


def _check_network(run: Path | None, network: tuple[Entry, ...] | str | None) -> None:
    """Refuse all but one of RUN and the layers of a network."""
    from eqchip.emulator.errors import InputError

    if (run is None) == (network is None):
        given = "neither" if run is None else "both"
        raise InputError(f"map: {given} of RUN and --network given; expected one of the two")
    if isinstance(network, str):
        raise InputError(
            f"map: --network is {network!r}, which is another one for every data set; "
            "expected layers such as 28x28-32c5p2-10"
        )


def _network(
    output: Output, run: Path | None, network: Any, fits: Callable[[Topology], Partition]
) -> tuple[Network, list[float] | None, Partition | None]:
    """The network to map, the rates that a run counted, if it counted any, and its partition.

    `fits` refuses one that does not fit before its weights are drawn, and finds its partition.
    """
    from eqchip.emulator.description.network import Network
    from eqchip.emulator.description.notation import connections
    from eqchip.emulator.description.topology import Topology
    from eqchip.emulator.training.runs import RunDirectory

    if run is None:
        joined = connections(network)
        fitted = fits(Topology.of(joined))
        return Network.chain(joined), None, fitted
    directory = RunDirectory(run)
    found, rates = directory.network(), directory.firing_rates()
    if any(rates):
        return found, rates, None
    output.message(f"{run} counted no spikes: the traffic of all units counts the same")
    return found, None, None


def _show(output: Output, mapped: MappedNetwork, counted: bool) -> None:
    """The tables, the mesh, and what is tightest."""
    from eqchip.emulator.description.weight_losses import said

    mesh, hops = mapped.mesh, mapped.hops
    named = [name for name in HEADINGS if mapped.limits[name] is not None]
    chips = f"{mapped.chips} chip{'s' * (mapped.chips > 1)}"
    if mesh.across < mapped.chips:
        chips += f" in {mesh.across} column{'s' * (mesh.across > 1)}"
    limits = [mapped.limits[name] or 0 for name in named]
    cores = [1 if name.startswith("fan") else mesh.sites for name in named]
    totals = [mapped.totals[name] for name in named]
    in_all = [limit * many for limit, many in zip(limits, cores, strict=True)]
    output.table(
        f"{mapped.network!r} on {mapped.chip.name}: "
        f"{mapped.cores:,} of {mesh.sites:,} cores, {chips}",
        ("cores", "layer", *(HEADINGS[name] for name in named)),
        [
            *_core_rows(mapped, named, limits),
            ("limit", "of a core", *map(_amount, named, limits)),
            ("used", "in all", *map(_share, named, totals, in_all)),
            ("limit", "in all", *map(_amount, named, in_all)),
        ],
    )
    _show_copies(output, mapped)
    for line in said(mapped.lost):
        output.text(line)
    if not output.as_json:
        from eqchip.hw_reports.show.mesh_text import mesh_text

        output.text(mesh_text(mapped))
    tight = mapped.tightest
    output.text(
        f"Tightest: {HEADINGS[tight.resource]}, {_share(tight.resource, tight.used, tight.limit)} "
        f"of {_amount(tight.resource, tight.limit)} on core {tight.core} "
        f"(layer {mapped.layer_of[tight.core]})"
    )
    if mapped.gatherers:
        output.text(_slices(mapped))
    rates = "at the rates of the run" if counted else "if every unit spikes"
    text = f"Hops per step {rates}: {hops.placed:,.0f}; naive placement {hops.naive:,.0f}"
    output.text(f"{text}; no placement has fewer than {hops.bound:,.0f}")
    if mapped.routes.links:
        k = int(mapped.link_traffic.argmax())
        link, load = mapped.routes.links[k], mapped.link_traffic[k]
        output.text(
            f"Busiest link: from tile ({link.x}, {link.y}) {link.direction}, "
            f"{load:,.1f} messages per step"
        )


def _show_copies(output: Output, mapped: MappedNetwork) -> None:
    """Where the weights of each connection are."""
    kernels = any(one.shares_weights for one in mapped.network.connections)
    output.table(
        "Copies of the weights (the clamped input hears no feedback: no mirrored copy)",
        ("no.", "joins", "synapses", *(["weights"] if kernels else []), "forward on",
         "mirrored on", "exponent", "to 0", "clipped"),
        [
            (
                k + 1,
                f"{'' if k < mapped.network.chain_length else _beside(mapped, k)}{connection}",
                f"{copies.synapses:,}",
                *([f"{copies.weights:,}"] if kernels else []),
                _ranges(copies.forward.tolist()),
                _ranges(copies.mirrored.tolist()) or ("none"),
                weights.exponent,
                lost.vanished,
                weights.saturated,
            )
            for k, (connection, weights, lost) in enumerate(
                zip(mapped.network.connections, mapped.weights, mapped.lost, strict=True)
            )
            for copies in [mapped.copies(k)]
        ],
    )  # fmt: skip


def _beside(mapped: MappedNetwork, k: int) -> str:
    """The layers that a link joins."""
    below, above = mapped.network.joined[k]
    return f"{below}:{above}, "


def _core_rows(
    mapped: MappedNetwork, named: list[str], limits: list[int]
) -> Iterator[tuple[object, ...]]:
    """One row for the cores of a layer that use the same."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for core, use in enumerate(mapped.use):
        layer = int(mapped.layer_of[core])
        kind = (layer, int(mapped.gathers[core]), *(use[name] for name in named))
        groups.setdefault(kind, []).append(core)
    for (layer, gathers, *amounts), cores in groups.items():
        label = f"{layer} (sums)" if gathers else layer
        yield _ranges(cores), label, *map(_share, named, amounts, limits)


def _slices(mapped: MappedNetwork) -> str:
    """What the cores that gather are for, and what is assumed of them."""
    sums = float(mapped.spikes[len(mapped.bundles) :].sum())
    layers = ", ".join(str(layer) for layer in sorted(mapped.partition.first_slices))
    return (
        f"Fan-in of layers {layers} in slices: {len(mapped.gatherers):,} cores sum for others and "
        f"send {sums:,.0f} partial sums a step; each step is two of the chip, so that they arrive "
        "within it"
    )


def _amount(name: str, amount: int) -> str:
    """A number of things, or memory in KiB."""
    if name == "synapse_memory":
        kib = amount / BITS_PER_KIB
        return f"{kib:,.0f}" if kib >= 1000 else f"{kib:.1f}".removesuffix(".0")
    return f"{amount:,}"


def _share(name: str, used: int, limit: int) -> str:
    """``512 (50 %)``."""
    return f"{_amount(name, used)} ({100 * used / limit:.0f} %)"


def _ranges(numbers: list[int]) -> str:
    """``1-4, 7``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
