"""``eqchip import``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from eqchip.cli.command import Command
from eqchip.cli.options import PATH, shared
from eqchip.cli.output import Output, output_options


@click.command(cls=Command)
@click.argument("source", type=PATH)
@shared("dt", "reset")
@click.option(
    "--unit",
    help="Of weights alone: the units they lead to, e.g. LIF:decay=0.1,threshold=1.  "
    "[default: LIF]",
)
@shared("out", help="Where to write the graph, a .npz file.")
@output_options
def command(source: Path, out: Path | None, as_json: bool, quiet: bool, **settings: Any) -> int:
    """Read the spiking network in SOURCE, say what it is, and write it as a graph of eqchip.

    SOURCE is a NIR file, a graph of eqchip, weights as .npz (dense arrays named "in->hidden", or
    compressed rows as scipy saves them), or edges as .csv (pre,post,weight and perhaps delay).
    """
    from eqchip.graph_import import described, import_graph

    output = Output(as_json, quiet)
    imported = import_graph(source, out=out, **settings)
    found = described(source, imported)
    for note in found["notes"]:
        output.message(note)
    _show(output, found)
    if out is not None:
        output.text(f"Written: {out}, {out.stat().st_size:,} bytes")
    output.result({**found, "out": None if out is None else str(out)})
    return 0


def _show(output: Output, found: dict[str, Any]) -> None:
    output.table(
        f"{found['graph']}: {found['units']:,} units, {found['synapses']:,} synapses; "
        f"read at {', '.join(found['outputs'])}",
        ("population", "unit", "shape", "parameters", "volts of a unit of v"),
        [
            (
                p["name"],
                p["unit"],
                " x ".join(map(str, p["shape"])),
                ", ".join(
                    f"{name} {_ends(value)}" for name, value in p["parameters"].items()
                    if value not in ([0, 0], [None, None])
                ),
                _ends(p["gain"]) if "gain" in p else "",
            )
            for p in found["populations"]
        ],
    )  # fmt: skip
    output.table(
        "Projections, each with a delay of a step besides",
        ("projection", "connection", "synapses", "weights", "delays"),
        [
            (
                p["name"],
                p["connection"],
                f"{p['synapses']:,}",
                _ends(p["weights"]),
                _ends(p["delays"]),
            )
            for p in found["projections"]
        ],
    )


def _ends(value: list[float | None]) -> str:
    """One number, or the least and the largest."""
    low, high = ("none" if end is None else f"{end:.4g}" for end in value)
    return low if low == high else f"{low} to {high}"
