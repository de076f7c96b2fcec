"""Layers and weights of rules that train integrate-and-fire units: `graded` and `emstdp`.

Integers only. A sample takes `rows` time steps; sample and row follow from ``time_step``. In every
row a layer sends the bits and the error of the row before, but the input, which sends those of this
row, and then receives. The last row of a sample writes.

A :class:`SpikingCopy` stands on the core that its weights act upon, and knows what reaches it
through its ports alone: the spikes of both ends, which it counts, and what a layer tells.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort, PyOutPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort, OutPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

FAILED = "LAVA PROCESS FAILED"  # printed before a traceback: Lava itself would hang in silence
VISITED, ATTEMPTED, APPLIED, SATURATED = range(4)


class SpikingLayer(AbstractProcess):
    """A layer of integrate-and-fire units, or the input, whose pixels sigma-delta encodes.

    Parameters
    ----------
    name : str
    units : int
    rule : dict
        ``name``; ``rows``, ``steps``, ``settle``, ``samples``; ``one``, ``low``, ``high``,
        ``fraction_bits`` of a state; ``layer``, ``last``, and what the rule says: ``least``,
        ``share`` (a mantissa over 2**15); ``threshold``, ``by_spikes``. ``forms``: the row in which
        a layer of `graded` forms its error; ``exponent``: of the path that it hears.
    given : ndarray of int64
        Of the input, its states, (samples, units); else the labels, (samples,).
    words : ndarray of int64, shape (samples, units), optional
        That biases are rounded by; ``mantissa``, ``shift`` in `rule`.
    record : str
        A folder: the last step writes ``<name>.npz`` there.

    Notes
    -----
    Ports: ``a_in`` what arrives, scaled; ``e_in`` what a path brings, of hidden layers; ``q_out``
    bits; ``told_out`` errors, and in the last row what a layer writes by.
    """

    def __init__(self, *, name: str, units: int, **more: Any) -> None:
        super().__init__(name=name, units=units, **more)
        self.a_in, self.e_in = InPort((units,)), InPort((units,))
        self.q_out, self.told_out = OutPort((units,)), OutPort((units,))


class SpikingCopy(AbstractProcess):
    """Weights in one direction: ``a_own = (told or bits) W``, in the same row.

    Parameters
    ----------
    name : str
    stored : ndarray of int64, shape (n_sent, n_own)
        Codes with ``accumulator_bits`` more below the point.
    rule : dict
        ``rows``, ``samples``; ``back``: whether it is a path of errors, else spikes cross it;
        ``counted``: the rows whose bits of the layer below it counts; ``exponent``, of a path 0;
        ``accumulator_bits``, ``limit``; ``mantissa``, ``shift``, or None where nothing is written;
        ``shrinks``: share over 2**12 that it loses, 0: nothing; ``every``.
    words : ndarray of int64, shape (samples, n_sent, n_own)
    shrink_words : ndarray of int64, of the same shape
        Those of the samples after which it shrinks.
    record : str

    Notes
    -----
    Ports: ``q_in`` bits of the layer below; ``told_in`` what the layer above tells, of a direct
    path the last; ``a_own`` sums.
    """

    def __init__(self, *, name: str, stored: Any, rule: Any, **more: Any) -> None:
        super().__init__(name=name, stored=stored, rule=rule, **more)
        sent, own = stored.shape
        below, above = (own, sent) if rule["back"] else (sent, own)
        self.q_in, self.told_in = InPort((below,)), InPort((above,))
        self.a_own = OutPort((own,))


class Told(PyLoihiProcessModel):
    """What both have in common."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.name, self.rule = proc_params["name"], proc_params["rule"]
        self.folder = proc_params["record"]
        self.words = proc_params["words"]

    def run_spk(self) -> None:
        """One time step; what goes wrong is printed, for Lava would not tell."""
        try:
            sample, row = divmod(self.time_step - 1, self.rule["rows"])
            self.advance(sample, row)
            if (sample, row) == (self.rule["samples"] - 1, self.rule["rows"] - 1):
                path = os.path.join(self.folder, f"{self.name}.npz")
                np.savez(path, **self.found())
        except Exception:
            print(f"{FAILED}: {self.name}, step {self.time_step}", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            raise

    def advance(self, sample: int, row: int) -> None:
        """Send, receive, update."""
        raise NotImplementedError

    def found(self) -> dict[str, Any]:
        """What is written at the end."""
        raise NotImplementedError


@implements(proc=SpikingLayer, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySpikingLayerModel(Told):
    """Integers; see `SpikingLayer`."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    e_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    q_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    told_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.units, self.given = proc_params["units"], proc_params["given"]
        rule = self.rule
        self.graded = rule["name"] == "graded"
        self.is_input, self.is_last = rule["layer"] == 0, rule["layer"] == rule["last"]
        self.free = rule["settle"] + rule["steps"]
        self.forward = self.free if self.graded else self.free + rule["steps"]
        self.bias = np.zeros(self.units, np.int64)
        self.spikes, self.classes = np.zeros(2, np.int64), np.zeros(rule["samples"], np.int64)
        self.saturated = 0

    def found(self) -> dict[str, Any]:
        """Biases, spikes by phase, classes, potentials that were clipped above."""
        return {
            "bias": self.bias, "spikes": self.spikes, "classes": self.classes,
            "saturated": np.array(self.saturated),
        }  # fmt: skip

    def advance(self, sample: int, row: int) -> None:
        """Send, receive, integrate, fire; errors."""
        rule = self.rule
        if row == 0:
            zero = np.zeros(self.units, np.int64)
            self.q, self.told, self.error, self.count, self.taught, self.sum = (
                zero.copy() for _ in range(6)
            )
            begin = 0 if self.graded and self.is_last else rule["one"] // 2
            self.v = np.full(self.units, 0 if self.is_input else begin, np.int64)
        if self.is_input:
            self.encode(self.given[sample], row)
            self.q_out.send(self.q)
            return
        self.q_out.send(self.q)
        self.told_out.send(self.told)
        u = self.a_in.recv()
        heard = np.zeros_like(u) if self.is_last else self.e_in.recv()
        if row < self.forward:
            if row >= self.free:
                self.spike_errors(sample, heard)
            self.integrate(u, row)
        if row == self.free - 1:
            total = self.v if self.graded else self.count * rule["one"] + self.v
            self.classes[sample] = int(total.argmax())
        if self.graded and row == rule["forms"]:
            self.graded_error(sample, heard)
        if row == rule["rows"] - 2:  # all errors are known; they are told in the last row
            if not self.graded:
                self.told = self.taught - self.count if self.is_nudged else self.sum
            self.learn(sample)

    @property
    def is_nudged(self) -> bool:
        """Whether error spikes are added to potentials."""
        return self.is_last or not self.rule["by_spikes"]

    def encode(self, x: np.ndarray, row: int) -> None:
        """Bits of the input, by sigma-delta modulation; none where spikes are over."""
        total = self.v + x
        self.q = ((total > self.rule["one"] >> 1) & (row < self.forward)).astype(np.int64)
        self.v = total - self.rule["one"] * self.q
        self.spikes[int(row >= self.free)] += self.q.sum()

    def integrate(self, u: np.ndarray, row: int) -> None:
        """V = clip(V + u + b); bits, but of an output that adds up."""
        rule, phase = self.rule, int(row >= self.free)
        total = self.v + u + self.bias
        self.saturated += int((total > rule["high"]).sum())
        self.v = np.clip(total, rule["low"], rule["high"])
        if self.graded and self.is_last:
            return
        self.q = (self.v > rule["one"]).astype(np.int64)
        self.v = self.v - rule["one"] * self.q
        self.spikes[phase] += self.q.sum()
        if phase == 1:
            self.taught = self.taught + self.q
        elif row >= rule["settle"]:
            self.count = self.count + self.q

    def spike_errors(self, sample: int, heard: np.ndarray) -> None:
        """E, its spikes, and those of the row before into V; rule `emstdp`."""
        rule, before = self.rule, self.told
        if self.is_last:
            wanted = (np.arange(self.units) == self.given[sample]).astype(np.int64)
            self.error = self.error + wanted - self.q
            self.told = np.sign(self.error)
            self.error = self.error - self.told
        else:
            threshold, most = rule["threshold"], rule["steps"]
            self.error = self.error + (heard << rule["exponent"])
            fired = (self.error >= threshold).astype(np.int64) - (self.error <= -threshold)
            self.error = self.error - threshold * fired
            self.told = fired * ((self.count > 0) & (self.count < most))
        self.sum = self.sum + self.told
        if self.is_nudged:
            self.v = self.v + rule["one"] * before

    def graded_error(self, sample: int, heard: np.ndarray) -> None:
        """e, toward 0; rule `graded`."""
        rule = self.rule
        if self.is_last:
            top = rule["steps"] * rule["one"]
            wanted = np.where(np.arange(self.units) == self.given[sample], top, 0)
            missed: np.ndarray = wanted - np.clip(self.v, 0, top)
            size = (abs(missed) * rule["share"]) >> 15
            size[size < rule["least"]] = 0
            self.told = np.sign(missed) * size
            return
        size = (abs(heard) << rule["exponent"]) >> rule["fraction_bits"]
        inside = (self.count > 0) & (self.count < rule["steps"])
        self.told = np.sign(heard) * np.minimum(size, rule["high"]) * inside

    def learn(self, sample: int) -> None:
        """Biases, which belong to a unit."""
        rule = self.rule
        below = self.words[sample] & ((1 << rule["shift"]) - 1)
        change = (self.told * rule["mantissa"] + below) >> rule["shift"]
        total = self.bias + np.where(self.told == 0, 0, change)
        self.bias = np.clip(total, -rule["high"] - 1, rule["high"])


@implements(proc=SpikingCopy, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySpikingCopyModel(Told):
    """Integers; see `SpikingCopy`."""

    q_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    told_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_own: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.stored, self.shrink_words = proc_params["stored"], proc_params["shrink_words"]
        self.codes, self.writes = self.read(self.stored), np.zeros(4, np.int64)

    def found(self) -> dict[str, Any]:
        """What is stored, and writes: visited, attempted, applied, saturated."""
        return {"stored": self.stored, "writes": self.writes}

    def read(self, stored: np.ndarray) -> np.ndarray:
        """The codes of what is stored."""
        bits = self.rule["accumulator_bits"]
        return (stored + ((1 << bits) >> 1)) >> bits

    def advance(self, sample: int, row: int) -> None:
        """Receive, send sums, count; in the last row write."""
        rule = self.rule
        bits = self.q_in.recv()
        told = self.told_in.recv()
        self.a_own.send(((told if rule["back"] else bits) @ self.codes) << rule["exponent"])
        if row == 0:
            self.count = np.zeros(len(bits), np.int64)
        if row in rule["counted"]:
            self.count = self.count + bits
        if row == rule["rows"] - 1 and rule["mantissa"] is not None:
            self.write(told, sample)
            if rule["shrinks"] and self.is_due(sample):
                held = self.stored
                change = -self.rounded(held * rule["shrinks"], 12, self.shrink_words[sample])
                self.put(change, held.size, np.count_nonzero(held))
            self.codes = self.read(self.stored)

    def is_due(self, sample: int) -> bool:
        """Whether this is the last sample before both sides shrink."""
        last = sample == self.rule["samples"] - 1
        return last or (sample + 1) % self.rule["every"] == 0

    def rounded(self, products: np.ndarray, shift: int, words: np.ndarray) -> np.ndarray:
        """``products / 2**shift``, up or down so that the mean is exact."""
        return (products + (words & ((1 << shift) - 1))) >> shift

    def write(self, told: np.ndarray, sample: int) -> None:
        """Add what fired below times what is told above, at the rate."""
        rule = self.rule
        sent, own = (told, self.count) if rule["back"] else (self.count, told)
        products = np.outer(sent, own)
        change = self.rounded(products * rule["mantissa"], rule["shift"], self.words[sample])
        visited = np.count_nonzero(sent) * len(own)
        self.put(np.where(products == 0, 0, change), visited, np.count_nonzero(products))

    def put(self, change: np.ndarray, visited: int, attempted: int) -> None:
        """What is stored changes, within its limit; counted."""
        limit, total = self.rule["limit"], self.stored + change
        kept = np.clip(total, -limit, limit)
        applied = np.count_nonzero(self.read(kept) != self.read(self.stored))
        saturated = np.count_nonzero(kept != total)
        self.writes += np.array([visited, attempted, applied, saturated])
        self.stored = kept
