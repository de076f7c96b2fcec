"""From a run by a rule of spikes to its report: what the run counted, on the cores of a chip."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eqchip.emulator.errors import InputError
from eqchip.emulator.training.runs import RunDirectory, command_line, provenance
from eqchip.hw_reports.document.rule import Priced, rule_report, totals
from eqchip.hw_reports.pricing.circuit_cost import (
    circuit_from,
    cost_on,
    counted_epochs,
    mean_epoch,
    priced_circuit,
)
from eqchip.hw_reports.pricing.sensitivity import Totals, sensitivity
from eqchip.hw_reports.studies.anchors import held_out, rows_of
from eqchip.mapping.chip_file.chip import Chip, load_chip

if TYPE_CHECKING:
    from eqchip.hw_reports.make import Request


def document_of_rule(run: RunDirectory, request: Request) -> dict[str, Any]:
    """The report of a run by a rule of spikes.

    Raises
    ------
    InputError
        If no epoch is trained, the chip has no cores, does not learn or is too small, or it is
        asked for what a run that counted for itself does not have.
    """
    _check_asked(run, request)
    rows = counted_epochs(run)
    mean = mean_epoch(rows)
    circuit, chip = circuit_from(run, mean), load_chip(request.chip)
    mapped, sample = priced_circuit(circuit, chip, request.placement, request.spread)
    if request.chips is not None and mapped.mesh.chips > request.chips:
        raise InputError(
            f"{run.path}: what its rule needs takes {mapped.mesh.chips} chips of {chip.name}; "
            f"expected chips of {mapped.mesh.chips} or more, not {request.chips}"
        )

    def moved(other: Chip) -> Totals:
        return totals(cost_on(replace(mapped, chip=other), circuit))

    priced = Priced(
        mapped,
        sample,
        [cost_on(mapped, circuit_from(run, row)) for row in rows],
        rows,
        mean,
        sensitivity(chip, moved),
        held_out(list(rows_of(chip))),
    )
    return rule_report(run, priced, str(request.chip), provenance(command_line()))


def _check_asked(run: RunDirectory, request: Request) -> None:
    """Refuse what has no meaning where nothing is run once more."""
    for name, usual in (("samples", type(request).samples), ("data", None), ("timing", None)):
        if getattr(request, name) != usual:
            raise InputError(
                f"report: {name} is given, but {run.path} counted its own samples while it was "
                f"trained, and none is run once more; expected no {name}"
            )
