"""A sample by the rule `nbp`, in plain numpy: its arithmetic, and what its circuit does."""

from __future__ import annotations

import numpy as np

from eqchip.backends.reference.spiking.machine import FORWARD, MIRROR, Machine

COPIES = {FORWARD: 3, MIRROR: 2}  # of a connection, in the circuit


def nbp(machine: Machine, x: np.ndarray, label: int, sample: int, learns: bool) -> int:
    """Run a sample and, if it learns, write; its class."""
    one, told = machine.fixed.one, machine.counts.told
    s = (x > one / 2).astype(np.int64)
    h = (s @ machine.codes(machine.stored[0])) << machine.exponents[0]
    s_h = (h > one).astype(np.int64)
    o = (s_h @ machine.codes(machine.stored[1])) << machine.exponents[1]
    s_o = o > one
    y = np.arange(len(o)) == label
    up, down = y & ~s_o & (o > 0), ~y & s_o & (o < 2 * one)
    d = up.astype(np.int64) - down
    e = np.zeros_like(h)
    code = 1 << machine.onchip.accumulator_bits
    if learns and d.any():
        _write(machine, 1, s_h, d, code)
        e = np.sign(machine.codes(machine.mirror[1]) @ d) * ((h > 0) & (h < 2 * one))
        _write(machine, 0, s, e, code)
    found = [
        s_h.sum(), (h > 0).sum(), (h >= 2 * one).sum(), s_o.sum(), (o > 0).sum(),
        (o >= 2 * one).sum(),
    ]  # fmt: skip
    errors = [up.sum(), down.sum(), (e > 0).sum(), (e < 0).sum(), d.any()]
    told += np.array([*found, *(errors if learns else [0] * 5)], np.int64)
    _circuit(machine, int(s.sum()), [int(n) for n in found], errors, learns)
    return int(o.argmax())


def _write(machine: Machine, k: int, below: np.ndarray, above: np.ndarray, code: int) -> None:
    machine.apply(k, below, above, [np.outer(below, above) * code] * 2, COPIES)


def _circuit(machine: Machine, inputs: int, found: list[int], errors: list, learns: bool) -> None:
    """What all populations send, and the synapses that it crosses, gates included."""
    counts = machine.counts
    n_in, n, n_out = machine.sizes
    h, h_above, h_past, o, o_above, o_past = found
    counts.steps[0] += 12 if learns else 4
    if not learns:
        counts.spikes[0] += inputs, h + h_above + h_past, o + o_above + o_past
        counts.arrivals[0] += inputs * 3 * n, h * 3 * n_out
        return
    d, e, box = int(errors[0] + errors[1]), int(errors[2] + errors[3]), h_above - h_past
    counts.labels[0] += 1
    counts.error_spikes += 0, e, d
    fires = {  # spikes of a population: the synapses of each
        "x": (3 * inputs, 3 * n + 1),
        "x kept": (inputs, 2),
        "h": (3 * h + e, 3 * n_out + 1),
        "h kept": (h, 4),
        "h error": (2 * h + e, 3),
        "h above 0": (h_above + e, 1),
        "h past 1": (h_past + e, 1),
        "h box": (box, 6),
        "o": (o + d, n + 2),
        "o above 0": (o_above + d, 2),
        "o past 1": (o_past + d, 1),
        "o error": (d, n),
        "target": (1, 2),
        "error up, down": (d, 4),
    }
    for layer, first in enumerate("xho"):
        named = [n for n in fires if n.startswith(first)]
        counts.spikes[0, layer] += sum(fires[name][0] for name in named)
    counts.spikes[0, 2] += fires["target"][0] + fires["error up, down"][0]

    def crossed(*names: str) -> int:
        return sum(fires[name][0] * fires[name][1] for name in names)

    counts.arrivals[0, 0] += crossed("x", "x kept") + 4 * n_in + 18 * n  # and the gates
    hidden = [name for name in fires if name.startswith("h")]
    counts.arrivals[0, 1] += crossed(*hidden) + 25 * n_out + 12
    counts.error_events[1] += (o + d) * n + d * n
    counts.error_events[2] += 2 * (o + d) + crossed(
        "o above 0", "o past 1", "target", "error up, down"
    )
