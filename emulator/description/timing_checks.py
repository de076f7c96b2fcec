"""Whether a timing suits the run that it is given to."""

from __future__ import annotations

from collections.abc import Sequence

from eqchip.emulator.description.asynchronous import (
    OF_SYNAPSES,
    QUANTA,
    Asynchronous,
    Paths,
    Stuck,
    quanta,
)
from eqchip.emulator.description.fixedpoint import FixedPoint
from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.phases import Phase
from eqchip.emulator.errors import InputError

# A chip's sums stay in int32: 128 (codes) x 256 (gains) x messages between two ticks.
MOST_MESSAGES = 2**16


def check_timing(
    timing: Asynchronous,
    paths: Paths | None,
    parts: Sequence[Part],
    phases: Sequence[Phase],
    fixed: FixedPoint | None,
) -> None:
    """Refuse a timing that does not suit the run.

    Raises
    ------
    InputError
        Naming the value, and what would be right.
    """
    begins = sum(phase.steps for phase in phases[:-1])
    if timing.stop is not None and quanta(timing.stop) <= begins * QUANTA:
        raise InputError(
            f"run: timing stops at {timing.stop!r}, before the last phase begins at {begins}; "
            f"expected above {begins}"
        )
    if paths is None and (timing.delays.hop > 0 or timing.queues.link > 0):
        what = "delays: hop" if timing.delays.hop > 0 else "queues: link"
        raise InputError(
            f"run: timing has {what} above 0, but the network has no mesh; "
            "expected a mapped network, or 0"
        )
    if fixed is None and timing.faults.of_synapses:
        raise InputError(
            f"run: timing has {timing.faults.of_synapses:g} of the synapses stuck at a code, but "
            "weights are floating-point numbers; expected precision 'chip', or 0"
        )
    for core, _ in timing.faults.stopped:
        if core >= len(parts):
            raise InputError(
                f"run: timing stops core {core}; expected one of the {len(parts)} cores from 0 on"
            )
    sizes: dict[int, int] = {}
    for part in parts:
        sizes[part.layer] = part.end
    for name in ("stuck_at_0", "stuck_at_1"):
        listed: Stuck = getattr(timing.faults, name)
        for layer, unit in listed if isinstance(listed, tuple) else ():
            if layer not in sizes or not 0 <= unit < sizes[layer]:
                raise InputError(
                    f"run: timing has unit {unit} of layer {layer} {name.replace('_', ' ')}; "
                    f"expected units of layers of {', '.join(map(str, sizes.values()))}"
                )
    if fixed is not None and timing.clocks.calibrated and timing.clocks.spread > 0:
        most = max(sizes[layer - 1] + sizes.get(layer + 1, 0) for layer in sizes if layer)
        wide = 2.0 + timing.clocks.jitter + timing.delays.jitter
        ratio = wide / timing.clocks.shortest_period**2
        if most * ratio > MOST_MESSAGES:
            raise InputError(
                f"run: up to {most * ratio:.0f} messages between two ticks of a unit with "
                f"calibrated clocks overflow a sum of 32 bits; expected at most {MOST_MESSAGES}: "
                "less spread, or layers with fewer units"
            )


def check_graph_timing(timing: Asynchronous) -> None:
    """Refuse what a timing says of cores, links and phases, which graphs have none of.

    Raises
    ------
    InputError
        Naming the first value.
    """
    if not isinstance(timing, Asynchronous):
        raise InputError(f"run: timing is {timing!r}; expected an Asynchronous")
    faults, queues = timing.faults, timing.queues
    unknown = {
        "clocks: restarted": timing.clocks.restarted,
        "delays: hop": timing.delays.hop,
        "queues: synaptic_event": queues.synaptic_event,
        "queues: link": queues.link,
        "faults: stuck_at_0": faults.stuck_at_0,
        "faults: stuck_at_1": faults.stuck_at_1,
        "faults: stopped": faults.stopped,
        **{f"faults: {name}": getattr(faults, name) for name in OF_SYNAPSES},
        "stop": timing.stop,
    }
    for name, value in unknown.items():
        if value:
            raise InputError(
                f"run: timing has {name} {value!r}, which graphs do not know; expected clocks, "
                "delays and loss alone"
            )
    if timing.clocks.calibrated and timing.clocks.spread:
        raise InputError(
            "run: timing has calibrated clocks of different periods, but units of a graph do not "
            "count each other's ticks; expected Clocks(calibrated=False)"
        )
