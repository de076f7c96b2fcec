"""``eqchip price``."""

from __future__ import annotations

from typing import Any

import click

from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options


@click.command()
@click.argument("graph", type=PATH)
@shared("chip")
@click.option("--rates", type=float, help="Spikes of a unit in a step, of all units alike.")
@click.option(
    "--spikes", type=PATH,
    help="Spikes that were recorded: a .npz file, for each population (steps, batch, units).",
)  # fmt: skip
@click.option("--steps", type=int, help="Steps of a sample. Default: those of the spikes, or 100.")
@shared("dt", "reset", "placement")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """Price the spiking network in GRAPH, a NIR file, on a chip, without running it.

    Its spikes are given: --rates of all units alike, or --spikes that another tool recorded.
    """
    from eqchip.graph_price import price

    output = Output(as_json, quiet)
    found = price(**settings)
    for note in found["notes"]:
        output.message(note)
    _show(output, found)
    output.result(found)
    return 0


def _show(output: Output, found: dict[str, Any]) -> None:
    from eqchip.hw_reports.document.readable import amount, band, nominal
    from eqchip.mapping.kinds import event

    output.table(
        f"{found['graph']} on {found['chip']}: {found['cores']:,} cores on {found['chips']:,} "
        f"chip{'s' * (found['chips'] > 1)}, {found['synapses']:,} synapses",
        ("population", "unit", "units", "cores"),
        [(p["name"], p["unit"], f"{p['units']:,}", p["cores"]) for p in found["populations"]],
    )
    output.table(
        f"Modelled energy of a sample of {found['steps']:,} steps, by kind",
        ("kind", "count", "energy", "low – high"),
        [
            (
                event(row["kind"]).label,
                "" if row["count"] is None else f"{row['count']:,.0f}",
                nominal(row["figure"]),
                band(row["figure"]),
            )
            for row in found["energy_by_kind"]
        ],
    )
    for what in ("energy", "time"):
        figure, lacks = found[what]["figure"], found[what]["lacks"]
        text = f"{what.capitalize()} per sample: {nominal(figure)} ({band(figure)})"
        output.text(text + (f", without {', '.join(lacks)}" if lacks else ""))
    if found["step_seconds"] is not None:
        memory = amount(found["used"]["synapse_memory"] / 8, "B")
        output.text(f"A step: {amount(found['step_seconds'], 's')}; synapse memory: {memory}")
    if found["of"] == "rates":
        output.text("All steps are taken to be alike: the time is a lower bound in that respect")
