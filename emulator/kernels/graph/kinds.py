"""The kinds of units that a run of a graph knows: a row of functions for each, by its rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from eqchip.emulator.kernels.graph import units
from eqchip.emulator.kernels.jit import over_groups


class Kind(NamedTuple):
    """What a kind computes: inlined functions of (rules, unit, net, state).

    rules: of a group of populations; unit: what it keeps; net, state: Wiring, State.

    advance
        From state.incoming, which it may change, the new potentials state.v and messages state.q.
    begin
        The group before step 1.
    """

    advance: Callable[..., Any]
    begin: Callable[..., Any] = units.begin


KINDS: dict[type, Kind] = {
    units.LIFRules: Kind(units.advance_lif),
    units.CubaRules: Kind(units.advance_cuba),
    units.AdaptiveRules: Kind(units.advance_adaptive),
    units.TwoCompartmentRules: Kind(units.advance_two_compartment),
    units.LeakyRules: Kind(units.advance_leaky),
    units.CubaLeakyRules: Kind(units.advance_cuba_leaky),
}

advance = over_groups(KINDS, "advance")
begin = over_groups(KINDS, "begin")
