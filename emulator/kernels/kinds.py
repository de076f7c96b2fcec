"""The kinds of unit that the relaxation can run: a row of functions for each, by its rules.

The relaxation, the queue and the counters know none of them: they call a function by its name here,
and get that of the kind whose rules they are given, when they are compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from eqchip.emulator.kernels import ep, ep_fixed
from eqchip.emulator.kernels.jit import by_kind, inlined


@inlined
def _never_at_once(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """`advance_at_once` of a kind that has no such pass."""
    return False


@inlined
def _never_apart(rules, unit, scratch, record, lines, lined, first, listed, count, layer, t, clock,
                 ticks, two_beta, b, phase):  # fmt: skip
    """`advance_apart` of a kind that has no such pass."""
    return False


@inlined
def _no_read_out(rules, unit, scratch, record, first, n, layer, t, two_beta, b, phase):
    """`read` of a kind that has no read-out, which `pose` refuses."""


class Kind(NamedTuple):
    """What a kind of unit computes, inlined functions; each has the arguments of the EP unit's.

    rules: Rules; unit: what the kind keeps of one sample; scratch, record: Scratch, Record; the
    units are first ... first + n - 1, of a layer, in the row of all; t: their step; two_beta: 0
    where no nudge is; b, phase: where `record` counts.

    advance
        From scratch.u, the sums that arrived, scratch.b, what is added to them, and, where
        two_beta is not 0, scratch.y, the targets: the new potentials unit.s, with the old ones in
        scratch.previous.
    emit
        scratch.q = the bits of the potentials s, from `previous` on; a: a place for numbers;
        uniforms: where `Rules.draws`. It may reset unit.s, but of the input (layer 0), which is
        clamped. There s holds the active units alone, one after the other, and what the kind keeps
        of them stands in the same places. Not called where messages are real-valued.
    may_fire
        Whether the input unit j may ever fire; those that cannot are left out.
    advance_at_once
        `advance` and the bits in one pass over whole cache lines, where there is one: returns
        whether. By default there is none.
    advance_apart
        `advance_at_once` of units with clocks of their own: first + i takes step t[clock + i],
        for the `count` places i that are listed (int32), and for no others: ticks (uint8, over
        all units) says which. The whole lines of `lined` units from `lines` on hold them. The
        input's (layer 0) keep their potentials, and have stepped before. By default there is none.
    read
        `advance` of a read-out outside the dynamics. By default there is none.
    """

    advance: Callable[..., Any]
    emit: Callable[..., Any]
    may_fire: Callable[..., Any]
    advance_at_once: Callable[..., Any] = _never_at_once
    advance_apart: Callable[..., Any] = _never_apart
    read: Callable[..., Any] = _no_read_out


KINDS: dict[type, Kind] = {
    ep.EPRules: Kind(
        advance=ep.advance,
        emit=ep.emit,
        may_fire=ep.may_fire,
        advance_at_once=ep.advance_at_once,
        advance_apart=ep.advance_apart,
        read=ep.read,
    ),
    ep_fixed.EPFixedRules: Kind(
        advance=ep_fixed.advance,
        emit=ep_fixed.emit,
        may_fire=ep.may_fire,
        advance_at_once=ep_fixed.advance_at_once,
        advance_apart=ep_fixed.advance_apart,
        read=ep_fixed.read,
    ),
}

advance = by_kind(KINDS, "advance")
emit = by_kind(KINDS, "emit")
may_fire = by_kind(KINDS, "may_fire")
advance_at_once = by_kind(KINDS, "advance_at_once")
advance_apart = by_kind(KINDS, "advance_apart")
read = by_kind(KINDS, "read")
