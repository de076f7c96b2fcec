"""A balanced layer that runs and learns, a stretch of time after the other."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np

from eqchip.emulator.description.dynamics.cores import LayerCores
from eqchip.emulator.description.dynamics.integers import LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.rules import FastRule, SlowRule
from eqchip.emulator.description.dynamics.signals import Coder, Current, Signal, Teacher
from eqchip.emulator.description.dynamics.turns import Together, Turns
from eqchip.emulator.errors import InputError, check_number, check_whole
from eqchip.emulator.interrupts import uninterrupted
from eqchip.emulator.kernels.dynamics.arrays import (
    COUNTS,
    Record,
    new_record,
    new_state,
)
from eqchip.emulator.kernels.dynamics.run import run_layer
from eqchip.emulator.learning.balance_integers import lower_whole
from eqchip.emulator.learning.balance_lowering import (
    draw_slots,
    lower_clocks,
    lower_constants,
    lower_rules,
    lower_signal,
    lower_teacher,
    lower_wiring,
    real_weights,
)
from eqchip.emulator.learning.stretch import Stretch
from eqchip.emulator.memory import check_memory
from eqchip.emulator.progress import Progress, Silent

PIECE = 100_000  # steps of one call: an interrupt waits no longer


class BalancedSimulation:
    """A layer, its clock and its teacher; what it learns stays.

    Stretches one after the other are, bit for bit, one stretch of all their steps.

    Parameters
    ----------
    layer : BalancedLayer
    dt : float
        s, of a step.
    turns : Turns, default Together()
    teacher : Teacher, optional
        What the read-out shall follow. Default: a leaky integral of the drive.
    coder : Current or SigmaDelta
    integers : LayerIntegers, optional
        Default: float64.
    cores : LayerCores
        Over how many cores the units are spread, and what spikes need to get there. Default: one
        core, a step.
    noise, threshold_noise : float
        Standard deviations, a step: of potentials, and of thresholds where they are compared.
    seed : int
        Of noise, random rounding, ticks, slots, clocks and delays.

    Raises
    ------
    InputError
        For what does not fit, and steps longer than the time constant or a clock's period.

    Examples
    --------
    >>> import eqchip as eq
    >>> layer = BalancedLayer.tight(20, 2, leak=50.0, norm=0.5, width=1.6, seed=0)
    >>> simulation = BalancedSimulation(layer, dt=1e-4, turns=eq.Slots(10))
    >>> simulation.run(eq.Noise(rms=200.0, smoothing=0.03), 20_000).error < 0.02
    True
    """

    def __init__(
        self,
        layer: BalancedLayer,
        *,
        dt: float,
        turns: Turns | None = None,
        teacher: Teacher | None = None,
        coder: Coder | None = None,
        integers: LayerIntegers | None = None,
        cores: LayerCores | None = None,
        noise: float = 0.0,
        threshold_noise: float = 0.0,
        seed: int = 0,
    ) -> None:
        for name, value, least in (
            ("dt", dt, None), ("noise", noise, 0.0), ("threshold_noise", threshold_noise, 0.0),
        ):  # fmt: skip
            check_number(f"BalancedSimulation: {name}", value)
            if not (math.isfinite(value) and (value > 0 if least is None else value >= least)):
                raise InputError(
                    f"BalancedSimulation: {name} is {value!r}; expected "
                    f"{'more than 0' if least is None else 'at least 0'}"
                )
        if layer.leak * dt >= 1:
            raise InputError(
                f"BalancedSimulation: dt is {dt:g} s; expected less than {1 / layer.leak:g} s, "
                "the time constant of the layer"
            )
        check_whole("BalancedSimulation: seed", seed, 0, 2**63)
        if integers is not None and threshold_noise > 0:
            raise InputError(
                "BalancedSimulation: threshold_noise in integers is not there; expected 0"
            )
        self.start, self.dt, self.turns = layer, dt, turns or Together()
        self.teacher = teacher or Teacher.leaky(layer.leak, layer.channels)
        if self.teacher.channels != layer.channels:
            raise InputError(
                f"BalancedSimulation: teacher has {self.teacher.channels} channels; expected "
                f"{layer.channels}, those of the layer"
            )
        self.coder, self.integers, self.cores = coder or Current(), integers, cores or LayerCores()
        self.noise, self.threshold_noise, self.seed = noise, threshold_noise, seed
        slots = draw_slots(self.turns, layer.units, seed)
        self._wiring = lower_wiring(layer, slots, self.cores, integers)
        self._clocks = lower_clocks(self.turns, self._wiring.core, dt, seed)
        self._terms = lower_teacher(self.teacher)
        self.rest()

    @property
    def layer(self) -> BalancedLayer:
        """The layer as it is now; in integers with the weights that its codes stand for."""
        return replace(self.start, **real_weights(self._wiring, self.start, self.integers))

    @property
    def steps(self) -> int:
        """Since the layer was at rest."""
        return int(self._state.step[0])

    def rest(self, x: Any = None) -> None:
        """Forget what is going on, and keep what has been learned.

        Parameters
        ----------
        x : array_like, shape (J,), optional
            Where the teacher begins. Default: 0.
        """
        self._state = new_state(self._wiring, self.cores.longest, self.integers is not None)
        if x is not None:
            self._state.x[:] = x

    def run(
        self,
        signal: Signal,
        steps: int,
        *,
        gain: float = 0.0,
        fast: FastRule | None = None,
        slow: SlowRule | None = None,
        every: int | None = None,
        events: int = 0,
        probes: bool = False,
        progress: Progress | None = None,
    ) -> Stretch:
        """Run on, and learn where rules are given.

        Parameters
        ----------
        signal : Noise or Samples
            From its beginning.
        steps : int
        gain : float
            Of the error that is fed back, 1/s. 0: the layer is left to itself.
        fast : FastRule, optional
        slow : SlowRule, optional
        every : int, optional
            Keep signal, read-out and traces of every so many steps.
        events : int
            Keep so many spikes, the first ones.
        probes : bool
            Sum up potentials and currents of every unit.
        progress : Progress, optional

        Returns
        -------
        Stretch

        Raises
        ------
        InputError
            For a rule or signal that does not fit; nothing has been run then.
        """
        check_whole("run: steps", steps, 1, 2**62)
        check_number("run: gain", gain)
        layer, integers = self.start, self.integers
        rules = lower_rules(fast, slow, layer, self.dt, integers)
        smoothing = 0.0 if slow is None else slow.smoothing
        whole = lower_whole(layer, self.dt, self.coder, integers, self.noise, gain, smoothing)
        constants = lower_constants(
            layer, self.dt, self.turns, self.cores, self._clocks, self.coder, whole, self.noise,
            self.threshold_noise, gain, self.seed,
        )  # fmt: skip
        source = lower_signal(signal, self.dt, self.steps, layer.channels)
        record = self._record(steps, every, events, probes)
        with (progress or Silent()).bar("Running", steps) as bar:
            for done in range(0, steps, PIECE):
                piece = min(PIECE, steps - done)
                with uninterrupted(), np.errstate(over="ignore"):  # random numbers modulo 2**64
                    run_layer(
                        self._wiring, constants, source, self._terms, rules, self._state, record,
                        piece,
                    )  # fmt: skip
                bar.advance(piece)
        return self._stretch(record, steps)

    def _record(self, steps: int, every: int | None, events: int, probes: bool) -> Record:
        check_whole("run: events", events, 0, 2**62)
        rows = 0
        if every is not None:  # rows stand where the number of steps since rest is a multiple
            check_whole("run: every", every, 1, 2**62)
            rows = (self.steps + steps) // every - self.steps // every
        layer = self.start
        size = 8 * (rows * (2 * layer.channels + layer.units) + 2 * events)
        check_memory("run: what is kept", size, "rows further apart, or fewer events")
        return new_record(
            layer.units, layer.channels, rows=rows, every=every or 1, room=events, probes=probes
        )

    def _stretch(self, record: Record, steps: int) -> Stretch:
        kept = min(int(record.event[0]), len(record.events))
        return Stretch(
            steps=steps,
            dt=self.dt,
            counts={name: int(n) for name, n in zip(COUNTS, record.counts, strict=True)},
            spikes_by_unit=record.by_unit,
            x=record.x,
            y=record.y,
            traces=record.traces,
            currents=record.currents,
            spikes=record.events[:kept],
            largest=int(record.largest[0]),
            squared_error=float(record.error[0]),
            x_sums=np.stack([record.x_sum, record.x_square]),
            probes=record.probes,
        )
