"""OneWay: connections in one direction, whose core keeps its own copy of their weights.

A weight that spikes cross both ways is stored in two of these, as on a chip: with ``n_sent``
units that send and the ``n_own`` units of the core, which spikes act upon. Integers only. What a
core knows after a sample, of the phases with +beta and -beta, in whole numbers::

    activity   A = S+ + S-              S: the sum of a unit's last potentials, told by it
    change     D = S+ - S-              0 where it is at most the threshold; told, or of S
    trace      T = min(N, most)         N: spikes in the last steps of both, counted here

and with the products of the rule, `sent` known of the units that send, `own` of its own::

    stored = clip(stored + round(sent own mantissa / 2**shift))       rounded at random

What a spike reads is what is stored without its accumulator bits: nearest, ties up.

Random numbers depend on where they are used and on nothing else: they are those of SplitMix64
(Steele, Lea, Flood: Fast splittable pseudorandom number generators; OOPSLA 2014), whose state
advances by `GOLDEN`, and whose output is `mix` of its state.
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
from lava.magma.core.process.variable import Var
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol

FAILED = "LAVA PROCESS FAILED"  # printed before a traceback: Lava itself would hang in silence
ATTEMPTED, APPLIED, SATURATED = 0, 1, 2
GOLDEN = 0x9E3779B97F4A7C15
STREAMS = 8  # of random numbers of one connection


def mix(states: np.ndarray) -> np.ndarray:
    """The outputs of the generator in these states; uint64, modulo 2**64."""
    z = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def random_words(
    seed: int, sample: int, connection: int, stream: int, numbers: np.ndarray
) -> np.ndarray:
    """The random numbers of one use, of 32 bits, that these numbers find; int64, of their shape."""
    state = np.array([seed % 2**64], np.uint64)
    for steps in (sample + 1, STREAMS * connection + stream + 1):
        state = mix(state + np.array([GOLDEN * steps % 2**64], np.uint64))
    words = mix(numbers.ravel().astype(np.uint64) * np.uint64(GOLDEN) + state)
    return (words >> np.uint64(32)).astype(np.int64).reshape(numbers.shape)


def round_at_random(products: np.ndarray, shift: int, words: np.ndarray) -> np.ndarray:
    """``products / 2**shift``, up or down so that the mean is exact; a shift of at most 32."""
    return (products + (words & ((1 << shift) - 1))) >> shift


class OneWay(AbstractProcess):
    """``a_own = q_sent W``, one step later, over weights that are written after every sample.

    Parameters
    ----------
    name : str
    stored : ndarray of int64, shape (n_sent, n_own)
        Codes with ``accumulator_bits`` more below the point.
    tables : dict of ndarray, shape (rows,) each
        ``save`` and ``restore``, as for EPLayer: the sums under way are part of the state.
    exponent : int
        Sums of codes are sent times ``2**exponent``, rounded down.
    samples : int
    learning : dict
        ``seed`` and ``connection``: of the random numbers. ``mirror``: whether the units that send
        are those of the layer above. ``accumulator_bits``; ``limit``: the largest that is stored.
        ``told``: how many numbers a unit tells; ``threshold``. ``most``: the largest trace;
        ``counted``: the rows whose spikes it counts. ``products``: of each ``sent``, ``own``
        (``"activity"``, ``"change"`` or ``"trace"``), ``mantissa``, ``shift`` and ``stream``.
        ``upkeep``: None, or a ``kind`` (``"shrink"``, ``"send"``, ``"receive"``) that is due after
        ``every`` samples and the last one; to shrink, ``share`` over 2**12 and ``stream``.
    record : str, optional
        A folder: the last step writes ``<name>.npz`` there, with ``stored`` and ``writes``, how
        many were attempted, applied (a code changed) and saturated.

    Notes
    -----
    Ports: ``q_sent`` takes bits, ``a_own`` sends sums. ``q_own`` takes the bits of the core's own
    units, where their trace is a factor. At the last step of a sample ``own_told`` takes what the
    core's own units tell, and ``sent_told`` what comes over the mesh as a graded message, each
    (1, units) of changes or (2, units) of S+ and S-. ``copy_out`` and ``copy_in`` pass on all that
    is stored. The sums of the step before are sent before new bits are awaited.
    """

    def __init__(self, *, name: str, stored: Any, tables: Any, **more: Any) -> None:
        super().__init__(name=name, tables=tables, **more)
        sent, own = stored.shape
        told = more["learning"]["told"]
        self.q_sent, self.q_own = InPort((sent,)), InPort((own,))
        self.sent_told, self.own_told = InPort((told, sent)), InPort((told, own))
        self.a_own = OutPort((own,))
        self.copy_in, self.copy_out = InPort((own, sent)), OutPort((sent, own))
        self.stored = Var(stored.shape, init=stored)


@implements(proc=OneWay, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyOneWayModel(PyLoihiProcessModel):
    """Integer codes that share an exponent; sums are exact."""

    q_sent: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    q_own: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    sent_told: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    own_told: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    a_own: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    copy_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    copy_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    stored: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.tables, self.name = proc_params["tables"], proc_params["name"]
        self.exponent, self.samples = proc_params["exponent"], proc_params["samples"]
        self.rule, self.folder = proc_params["learning"], proc_params.get("record")
        self.rows = len(self.tables["restore"])
        self.counted = np.zeros(self.rows, bool)
        self.counted[self.rule["counted"]] = True
        factors = {(end, p[end]) for p in self.rule["products"] for end in ("sent", "own")}
        self.counts_own = ("own", "trace") in factors
        self.is_told = [
            end for end in ("sent", "own") if factors & {(end, "activity"), (end, "change")}
        ]
        self.writes = np.zeros(3, np.int64)
        self.kept: Any = None  # sums under way at the end of the free phase

    def run_spk(self) -> None:
        """One time step; what goes wrong is printed, for Lava would not tell."""
        try:
            self.advance()
        except Exception:
            print(f"{FAILED}: {self.name}, step {self.time_step}", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
            raise

    def advance(self) -> None:
        """Send the sums of the last step, receive bits, make the sums of the next; learn."""
        sample, row = divmod(self.time_step - 1, self.rows)
        if self.time_step == 1:  # nothing is under way
            self.to_own = np.zeros(self.stored.shape[1], np.int64)
            self.codes = self.read(self.stored)
        if row == 0:
            self.spikes = {"sent": 0, "own": 0}
        if self.tables["restore"][row]:
            self.to_own = self.kept
        self.a_own.send(self.to_own)
        bits = {"sent": self.q_sent.recv()}
        if self.counts_own:
            bits["own"] = self.q_own.recv()
        self.to_own = self.total(self.codes[bits["sent"] != 0])
        if self.tables["save"][row]:
            self.kept = self.to_own
        if self.counted[row]:
            for end, q in bits.items():
                self.spikes[end] = self.spikes[end] + q.astype(np.int64)
        if row == self.rows - 1:
            self.learn(sample)

    def total(self, rows: np.ndarray) -> np.ndarray:
        """The exact sum of rows (sent, units), scaled whole."""
        total = rows.sum(axis=0)
        return total << self.exponent if self.exponent >= 0 else total >> -self.exponent

    def read(self, stored: np.ndarray) -> np.ndarray:
        """The codes of what is stored."""
        bits = self.rule["accumulator_bits"]
        return (stored + ((1 << bits) >> 1)) >> bits

    def learn(self, sample: int) -> None:
        """Write the products of a sample, and do what is due."""
        known = {(end, "trace"): np.minimum(n, self.rule["most"]) for end, n in self.spikes.items()}
        for end in self.is_told:
            told = (self.sent_told if end == "sent" else self.own_told).recv()
            change = told[0]
            if len(told) == 2:
                known[end, "activity"] = told[0] + told[1]
                change = told[0] - told[1]
                change = np.where(np.abs(change) > self.rule["threshold"], change, 0)
            known[end, "change"] = change
        for product in self.rule["products"]:
            sent, own = (known[end, product[end]] for end in ("sent", "own"))
            self.write(sent, own, product, sample)
        upkeep = self.rule["upkeep"]
        last = sample == self.samples - 1
        if upkeep is not None and (last or (sample + 1) % upkeep["every"] == 0):
            self.tend(upkeep, sample + 1)
        self.codes = self.read(self.stored)
        if self.folder and last:
            path = os.path.join(self.folder, f"{self.name}.npz")
            np.savez(path, stored=self.stored, writes=self.writes)

    def write(
        self, sent: np.ndarray, own: np.ndarray, product: dict[str, Any], sample: int
    ) -> None:
        """Add a product, and count."""
        rule, limit = self.rule, self.rule["limit"]
        # Both copies number a synapse alike: row by row from the layer below.
        numbers = np.arange(self.stored.size)
        if rule["mirror"]:
            numbers = numbers.reshape(self.stored.T.shape).T
        else:
            numbers = numbers.reshape(self.stored.shape)
        words = random_words(rule["seed"], sample, rule["connection"], product["stream"], numbers)
        added = np.outer(sent, own) * product["mantissa"]
        total = self.stored + round_at_random(added, product["shift"], words)
        kept = np.clip(total, -limit, limit)
        self.writes[ATTEMPTED] += np.count_nonzero(sent) * np.count_nonzero(own)
        self.writes[APPLIED] += np.count_nonzero(self.read(kept) != self.read(self.stored))
        self.writes[SATURATED] += np.count_nonzero(kept != total)
        self.stored = kept

    def tend(self, upkeep: dict[str, Any], learned_from: int) -> None:
        """What keeps two copies alike, after so many samples."""
        if upkeep["kind"] == "send":
            self.copy_out.send(self.stored)
            return
        if upkeep["kind"] == "receive":
            self.stored = self.copy_in.recv().T.copy()
        else:
            rule = self.rule
            numbers = np.arange(self.stored.size).reshape(self.stored.shape)
            words = random_words(
                rule["seed"], learned_from, rule["connection"], upkeep["stream"], numbers
            )
            self.stored = self.stored - round_at_random(self.stored * upkeep["share"], 12, words)
        self.writes[ATTEMPTED] += self.stored.size
