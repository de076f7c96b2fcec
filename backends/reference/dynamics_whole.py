r"""A balanced layer in whole numbers, in plain numpy; the twin of the kernels' arithmetic.

Weights are codes with accumulator bits below; a potential V counts parts of a code. Each step, all
products rounded to the nearest part, `lost(a) = sign(a) (|a| lose >> 12)`::

    V = V - lost(V) + drive F + gain F error + slow current
    trace, read-out, slow current: once in slow_every steps, a = a - lost(a); a spike of k adds
    2**16, D_k << 8, slow_k << 8
    smooth = smooth - sign(smooth) (|smooth| s >> 12) + (g s << 8 >> 12)
    psi = [(mixing read-out >> shift) + offset]_+
    slow += trace smooth, or psi smooth, rounded at random; a trace is seen with 8 bits of its 16

Traces, read-out and signal of who reads the layer are real numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from eqchip.backends.reference.onchip import whole_rate
from eqchip.backends.reference.random_rounding import GOLDEN, mix, round_at_random
from eqchip.emulator.description.dynamics.integers import LayerIntegers
from eqchip.emulator.description.dynamics.layer import BalancedLayer
from eqchip.emulator.description.dynamics.rules import FastRule, SignRule, SlowRule, VoltageRule
from eqchip.emulator.description.dynamics.signals import Coder

HIGHEST = 2**23 - 1
BETA_BITS, TRACE_BITS, SEEN_BITS, CURRENT_BITS, READ_BITS, SMOOTH_BITS = 8, 16, 8, 8, 8, 8


def kept(number: Any) -> Any:
    """Within 24 bits."""
    return np.clip(number, -HIGHEST - 1, HIGHEST)


def left(number: np.ndarray, lose: int) -> np.ndarray:
    """What a leak leaves."""
    return number - np.sign(number) * ((np.abs(number) * lose) >> 12)


def nearest(number: np.ndarray, mantissa: int, shift: int) -> np.ndarray:
    """number mantissa / 2**shift, rounded to the nearest."""
    return (number * mantissa + ((1 << shift) >> 1)) >> shift


class WholeLayer:
    """Codes of a layer, and what is kept beside its potentials."""

    def __init__(
        self,
        layer: BalancedLayer,
        integers: LayerIntegers,
        coder: Coder,
        dt: float,
        noise: float,
        gain: float,
        slow: SlowRule | None,
    ) -> None:
        self.integers, self.bits = integers, integers.accumulator_bits
        best = layer.feedforward.T @ layer.feedforward + layer.cost * np.eye(layer.units)
        code = max(np.abs(layer.fast).max(), np.abs(best).max()) * 1.05 / integers.highest
        slow_code = (integers.slow_range or np.abs(layer.slow).max()) / integers.highest
        most = 2 ** (integers.feedforward_bits - 1) - 1
        heard = np.abs(layer.feedforward).max() / most
        part = code * 2.0**-integers.fraction_bits
        top = integers.highest * 2**self.bits

        def stored(weights: np.ndarray, one: float) -> np.ndarray:
            codes = np.rint(weights / (one or 1.0) * 2.0**self.bits)
            return np.clip(codes, -top, top).astype(np.int64)

        self.fast, self.slow = stored(layer.fast, code), stored(layer.slow, slow_code)
        self.threshold = np.rint(layer.threshold / part).astype(np.int64)
        self.feedforward = np.rint(layer.feedforward / heard).astype(np.int64)
        self.current_step = coder.quantum or integers.current_step
        self.lose = round(layer.leak * dt * 4096)
        self.slow_every = max(int(1 / 32 / (layer.leak * dt)), 1)
        self.slow_lose = round((1 - (1 - layer.leak * dt) ** self.slow_every) * 4096)
        self.drive = whole_rate(dt * heard * self.current_step / part)
        self.gain = whole_rate(gain * dt * heard * integers.error_step / part)
        self.noise = whole_rate(noise * 3.0**0.5 / 65536 / part)
        self.trace = np.zeros(layer.units, np.int64)
        self.read = np.zeros(layer.channels, np.int64)
        self.smooth = np.zeros(layer.units, np.int64)
        self.bent = layer.dendrites is not None
        factor, seen = 2.0**-CURRENT_BITS, 2.0**-SEEN_BITS
        if layer.dendrites is not None:
            factor = seen = self._dendrites(layer, most)
        self.slow_current = whole_rate(dt * factor * slow_code / part)
        self.smoothing, self.written = 0, (0, 0)
        if slow is not None:
            self.smoothing = round(slow.smoothing * dt * 4096)
            current = heard * integers.error_step * 2.0**-SMOOTH_BITS
            rate = slow.rate * slow.every * dt
            self.written = whole_rate(rate * seen * current / (slow_code or 1.0) * 2.0**self.bits)

    def _dendrites(self, layer: BalancedLayer, most: int) -> float:
        """Codes of dendrites; returns what one of a dendrite's numbers is worth."""
        assert layer.dendrites is not None
        mixing, offset = layer.dendrites.mixing, layer.dendrites.offset
        widest, longest = np.abs(mixing).max(), np.abs(layer.decoder).max()
        summed = widest * longest / (most**2 * 2**READ_BITS)
        top = max(np.abs(offset).max(), widest)
        self.psi_shift = max(math.ceil(math.log2(top / 512 / summed)), 0)
        one = float(summed * 2**self.psi_shift)
        self.mixing = np.rint(mixing / widest * most).astype(np.int64)
        self.offset = np.rint(offset / one).astype(np.int64)
        self.reads = np.rint(layer.decoder / longest * most).astype(np.int64)
        return one

    def told(self, error: np.ndarray) -> np.ndarray:
        """The error in whole numbers."""
        codes = np.floor(error / self.integers.error_step + 0.5)
        return np.clip(codes, -127, 127).astype(np.int64)

    def integrate(self, now: Any, heard: np.ndarray, g: np.ndarray) -> np.ndarray:
        """V of the next step; returns what currents added."""
        added = nearest(heard @ now.feedforward, *self.drive)
        added = added + nearest(now.u, *self.slow_current)
        added = added + nearest(g.astype(np.int64), *self.gain)
        now.v = kept(left(now.v, self.lose) + added)
        return added

    def shake(self, now: Any, word: np.ndarray) -> None:
        """Noise: four uniform numbers of 16 bits, less their mean."""
        parts = [(word >> np.uint64(16 * k)) & np.uint64(0xFFFF) for k in range(4)]
        drawn = sum(part.astype(np.int64) for part in parts) - 2 * 65535
        now.v = kept(now.v + nearest(np.asarray(drawn), *self.noise))

    def decay(self, now: Any, step: int) -> None:
        """Traces, read-out and slow current leak, where it is their step."""
        if (step + 1) % self.slow_every:
            return
        lose = self.slow_lose
        self.trace, self.read = left(self.trace, lose), left(self.read, lose)
        if not self.bent:
            now.u = left(now.u, lose)

    def filter(self, g: np.ndarray) -> None:
        """The current of the error, smoothed."""
        added = ((g.astype(np.int64) * self.smoothing << SMOOTH_BITS) + 2048) >> 12
        self.smooth = kept(left(self.smooth, self.smoothing) + added)

    def seen(self, stored: np.ndarray) -> np.ndarray:
        """Codes of what is stored, to the nearest."""
        return (stored + ((1 << self.bits) >> 1)) >> self.bits

    def of_spike(self, stored: np.ndarray) -> np.ndarray:
        """What a spike adds to potentials, in parts."""
        return self.seen(stored) << self.integers.fraction_bits

    def within(self, wanted: np.ndarray) -> np.ndarray:
        """What a weight and its accumulator hold."""
        half = (1 << self.bits) >> 1
        most = (self.integers.highest << self.bits) + half - (self.bits > 0)
        return np.clip(wanted, -((self.integers.highest + 1) << self.bits), most)

    def count(self, k: int) -> None:
        """A spike of k is told to the traces and the read-out."""
        self.trace[k] = kept(self.trace[k] + (1 << TRACE_BITS))
        if self.bent:
            self.read = kept(self.read + (self.reads[k] << READ_BITS))

    def look(self) -> np.ndarray:
        """What dendrites sum."""
        return ((self.mixing @ self.read) >> self.psi_shift) + self.offset

    def slowly(self, now: Any, layer: BalancedLayer, key: np.ndarray) -> None:
        """Slow weights are written."""
        n = layer.units
        factors = now.psi if self.bent else self.trace >> (TRACE_BITS - SEEN_BITS)
        mantissa, shift = self.written
        for k in np.flatnonzero(factors > 0):
            with np.errstate(over="ignore"):
                start = mix(key + GOLDEN * np.uint64(4 * n + k))
                change = round_at_random(
                    factors[k] * self.smooth * mantissa, shift, start, np.arange(n)
                )
            wanted = now.slow[k] + change
            now.slow[k] = self.within(wanted)
            now.count("weights_saturated", (now.slow[k] != wanted).sum())
            now.count("slow_writes", n)

    def arrive(
        self, now: Any, k: int, here: np.ndarray, rule: FastRule | None, key: np.ndarray
    ) -> None:
        """Row k is written at the units that are here, and added."""
        below, stored = self.integers.fraction_bits, now.fast[k].copy()
        if isinstance(rule, VoltageRule | SignRule):
            others = (np.arange(len(stored)) != k) & here
            wanted = stored - self._change(now, k, stored, rule, key) * others
            written = self.within(wanted)
            now.count("weights_attempted", others.sum())
            now.count("weights_saturated", (written != wanted).sum())
            now.count("weights_applied", (self.seen(written) != self.seen(stored)).sum())
            now.fast[k] = stored = written
        new = now.v + (self.seen(stored) << below) * here
        now.count("potentials_clipped", ((new > HIGHEST) | (new < -HIGHEST - 1)).sum())
        now.v = kept(new)
        if not self.bent:
            now.u = kept(now.u + (self.seen(now.slow[k]) << CURRENT_BITS) * here)

    def _change(
        self, now: Any, k: int, stored: np.ndarray, rule: VoltageRule | SignRule, key: np.ndarray
    ) -> np.ndarray:
        below, beta = self.integers.fraction_bits, round(rule.beta * 2**BETA_BITS)
        much = (now.v * beta << self.bits) + (stored << (below + BETA_BITS))
        if isinstance(rule, SignRule):
            dead = (1 << (below + BETA_BITS + self.bits)) >> 1
            return np.asarray((much > dead).astype(np.int64) - (much < -dead))
        rate = round(rule.rate * 2.0 ** (32 - BETA_BITS - below))
        with np.errstate(over="ignore"):
            start = mix(key + GOLDEN * np.uint64(k + 1))
            return round_at_random(much * rate, 32, start, np.arange(len(stored)))
