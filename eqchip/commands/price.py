"""``eqchip price``."""

from __future__ import annotations

from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options
from eqchip.cli.parameters import UnitRates


@click.command(cls=Command)
@click.argument("graph", type=PATH, required=False)
@shared("network", help="Or sizes alone, of populations called 0, 1, 2: 784-500-10.")
@shared("chip")
@click.option(
    "--rates", type=UnitRates(),
    help="Spikes of a unit in a step: 0.05, or by population, hidden=0.05,out=0.01.",
)  # fmt: skip
@click.option(
    "--spikes", type=PATH,
    help="Spikes that were recorded: a .npz file, for each population (steps, batch, units).",
)  # fmt: skip
@click.option(
    "--events", type=PATH,
    help="Address events (AER): a .csv file of step or time, unit, population, sample; or .npz.",
)  # fmt: skip
@click.option("--steps", type=int, help="Steps of a sample. Default: those of the spikes, or 100.")
@shared("dt", "reset")
@click.option(
    "--writes", type=float, default=0.0, show_default=True,
    help="Price learning that writes each synapse so many times a sample, too.",
)  # fmt: skip
@shared("spread", "placement")
@shared("out", help="Directory to write price.json, a page and pictures to.")
@output_options
def command(as_json: bool, quiet: bool, **settings: Any) -> int:
    """Price the spiking network in GRAPH, or of given sizes, on a chip, without running it.

    GRAPH is a file that eqchip import reads, NIR among them. Its spikes are given: --rates,
    --spikes that another tool recorded, or --events. With --dt a second of signal is priced, too.
    Or it is the directory of a run by a rule of spikes (eqchip train --rule), which counted its
    own.
    """
    from eqchip.graph_price import price

    output = Output(as_json, quiet)
    found = price(**settings)
    if settings["out"] is not None:
        output.message(f"Written: {settings['out'] / 'report.html'}")
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
    streaming, update = found["streaming"], found["update"]
    if streaming is not None:
        power = streaming["power"]["figure"]
        pace = "" if streaming["busy"] is None else f", busy {100 * streaming['busy']:.3g} %"
        output.text(
            f"A stream of a step every {amount(streaming['dt'], 's')}: {nominal(power)} "
            f"({band(power)}){pace}"
        )
    if update is not None:
        output.text(
            f"Writing every synapse {update['writes_per_synapse']:g} times: "
            f"{nominal(update['energy']['figure'])}, {nominal(update['time']['figure'])}"
        )
