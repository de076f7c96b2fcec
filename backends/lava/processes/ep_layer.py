"""EPLayer: the units of one layer, in float64 (``floating_pt``) and integers (``fixed_pt``).

One step of both models, from the bits of the step before; ``eps`` and ``lam`` are this step's
rows of the tables::

    receive   u   = all that arrives at a_in                      (integers: within the range)
    decode    r   = (1 - lam) r + lam u                           (r = u without prediction)
    drive     p   = r + b;  p = p + 2 beta (y - s)                (nudged rows, output layer)
    step      s   = (1 - eps) s + eps p, within 0 and 1           (s = x in a clamped layer)
    encode    a   = (s - (1 - lam) s_before) / lam                (a = s without prediction)
              phi = phi + a,  q = [phi > 1/2],  phi = phi - q     sigma-delta
              q   = [a > uniform]                                 bernoulli

A sample takes as many time steps as the tables have rows; sample and row follow from
``time_step``. All state is 0 at row 0, kept after rows marked ``save`` and taken back before
rows marked ``restore``.
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


class EPLayer(AbstractProcess):
    """One layer of an Equilibrium Propagation network.

    Parameters
    ----------
    name : str
    units : int
    offsets : ndarray, shape (samples, units)
        What is added to the decoded input: bias, and the injected current.
    tables : dict of ndarray, shape (rows,) each
        ``t`` step number, ``phase``, ``eps``, ``lam`` and ``inverse`` (1 / lam, integers only),
        ``nudge`` (2 beta, 0 in free rows), ``save`` and ``restore``. ``lam`` is missing without
        prediction, ``eps`` when units adapt their step size.
    quantizer : {"sigma-delta", "bernoulli"}
    clamp : ndarray, shape (samples, units), optional
        The potentials of a clamped input layer.
    targets : ndarray, shape (phases, samples, units), optional
        Of an output layer.
    uniforms : ndarray, shape (rows, samples, units), optional
        What Bernoulli compares with; whole numbers for integers.
    arithmetic : dict, optional
        ``fraction_bits``, ``state_bits`` and ``coefficient_bits``, for integers.
    adaptive : dict, optional
        ``nu_bar`` and ``regularizer`` of the optimal step size, float64 only.
    learning : dict, optional
        What the biases change by at the last step of a sample. In float64 ``factor`` times the
        contrast of s- and s+, the potentials at the rows ``minus`` and ``plus``. In integers
        ``round(D mantissa / 2**shift)``, at random by ``words`` (samples, units), of 32 bits: D is
        S+ - S-, the sums of the potentials of rows ``plus`` and ``minus``, and 0 where it is at
        most ``threshold``. ``told``: 2 to send S+ and S-, 1 to send D.
    clipped : int, default 0
        Offsets that were clipped to the range of a state; counted in the first phase.
    record : str, optional
        A folder: the last step writes ``<name>.npz`` there, with ``bits`` and ``potentials``
        (rows, samples, units), ``saturations`` (phases,) and, with learning, ``bias``.

    Notes
    -----
    Ports: ``a_in`` weighted bits, summed over all that is connected; ``q_out`` bits of this step,
    ``s_out`` potentials of this step; with learning in integers ``told_out``, at the last step of
    a sample, what units tell of themselves, (2, units) or (1, units).
    Vars: ``s`` potential, ``r`` decoded input, ``phi`` residue, ``q`` bit.
    """

    def __init__(self, *, name: str, units: int, offsets: Any, tables: Any, **more: Any) -> None:
        super().__init__(name=name, offsets=offsets, tables=tables, **more)
        self.a_in = InPort((units,))
        self.q_out = OutPort((units,))
        self.s_out = OutPort((units,))
        learning = more.get("learning") or {}
        self.told_out = OutPort((learning.get("told", 1), units))
        self.s = Var((units,), init=0)
        self.r = Var((units,), init=0)
        self.phi = Var((units,), init=0)
        self.q = Var((units,), init=0)


class AbstractEPLayerModel(PyLoihiProcessModel):
    """What both arithmetics share: order of the step, samples, phases, recording."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        given = proc_params.get
        self.tables, self.quantizer = given("tables"), given("quantizer")
        self.offsets, self.clamp = given("offsets"), given("clamp")
        self.targets, self.uniforms = given("targets"), given("uniforms")
        self.name, self.folder = given("name"), given("record")
        self.learning = given("learning")
        self.bias = self.offsets[-1]
        self.rows, self.samples = len(self.tables["t"]), len(self.offsets)
        self.kept: dict[str, Any] = {}
        phases = int(self.tables["phase"].max()) + 1
        self.saturations = np.zeros(phases, np.int64)
        self.saturations[0] = given("clipped") or 0
        self.more: dict[str, Any] = {}  # state that only one arithmetic has
        if self.folder:
            shape = (self.rows, *self.offsets.shape)
            self.bits, self.potentials = np.zeros(shape, np.uint8), np.zeros(shape)

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
        """Receive, update, send."""
        sample, row = divmod(self.time_step - 1, self.rows)
        if row == 0:
            self.reset()
        if self.tables["restore"][row]:
            self.s, self.r, self.phi = (self.kept[key] for key in ("s", "r", "phi"))
            self.more = dict(self.kept["more"])
        u = self.a_in.recv()
        if row == 0:  # what is under way belongs to the sample before
            u = np.zeros_like(u)
        before = self.s
        if self.clamp is None:
            self.s = self.relax(u, sample, row)
        else:
            self.s = self.clamp[sample]
        self.q = self.encode(before, sample, row)
        self.q_out.send(self.q)
        self.s_out.send(self.s)
        if self.tables["save"][row]:
            self.kept = {"s": self.s, "r": self.r, "phi": self.phi, "more": dict(self.more)}
        if self.learning is not None:
            self.learn(sample, row)
        if self.folder:
            self.bits[row, sample], self.potentials[row, sample] = self.q, self.s
            if (sample, row) == (self.samples - 1, self.rows - 1):
                self.write()

    def learn(self, sample: int, row: int) -> None:
        """Change the biases of the samples to come at a sample's end."""
        raise NotImplementedError

    def reset(self) -> None:
        """A new sample: everything 0."""
        self.s, self.r, self.phi = (np.zeros_like(self.s) for _ in range(3))
        self.more = {}

    def write(self) -> None:
        """Keep what was recorded."""
        np.savez(
            os.path.join(self.folder, f"{self.name}.npz"),
            bits=self.bits, potentials=self.potentials, saturations=self.saturations,
            bias=self.bias,
        )  # fmt: skip

    def relax(self, u: np.ndarray, sample: int, row: int) -> np.ndarray:
        """The new potential from what arrived."""
        raise NotImplementedError

    def encode(self, before: np.ndarray, sample: int, row: int) -> np.ndarray:
        """The bits of the new potential, which was `before`."""
        raise NotImplementedError


@implements(proc=EPLayer, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PyEPLayerModelFloat(AbstractEPLayerModel):
    """Float64."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.float64)
    q_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.float64)
    told_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.float64)
    s: np.ndarray = LavaPyType(np.ndarray, np.float64)
    r: np.ndarray = LavaPyType(np.ndarray, np.float64)
    phi: np.ndarray = LavaPyType(np.ndarray, np.float64)
    q: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def relax(self, u: np.ndarray, sample: int, row: int) -> np.ndarray:
        """Decode, drive, step."""
        tables = self.tables
        if "lam" in tables:
            lam = tables["lam"][row]
            self.r = (1.0 - lam) * self.r + lam * u
        else:
            self.r = u
        p = self.r + self.offsets[sample]
        if self.targets is not None and tables["nudge"][row] != 0.0:
            y = self.targets[tables["phase"][row], sample]
            p = p + tables["nudge"][row] * (y - self.s)
        eps = tables["eps"][row] if "eps" in tables else self.adapted(p, int(tables["t"][row]))
        return np.clip((1.0 - eps) * self.s + eps * p, 0.0, 1.0)

    def adapted(self, p: np.ndarray, t: int) -> np.ndarray:
        """The optimal step size of each unit (George and Powell 2006)."""
        rule, k = self.proc_params["adaptive"], self.more
        zero = np.zeros_like(p)
        nu, theta = k.get("nu", zero + 1.0), k.get("theta", zero)
        b, d, spread = k.get("b", zero), k.get("d", zero), k.get("L", zero)
        e = p - theta
        nu = nu / (1.0 + nu - rule["nu_bar"])
        b = (1.0 - nu) * b + nu * e
        d = (1.0 - nu) * d + nu * (e * e)
        var = (d - b * b) / (1.0 + spread)
        eps = 1.0 - (var + rule["regularizer"]) / (d + rule["regularizer"])
        eps = np.ones_like(p) if t == 1 else eps
        spread = (1.0 - eps) * (1.0 - eps) * spread + eps * eps
        theta = (1.0 - eps) * theta + eps * p
        k.update(nu=nu, theta=theta, b=b, d=d, L=spread)
        return eps

    def encode(self, before: np.ndarray, sample: int, row: int) -> np.ndarray:
        """Sigma-delta or Bernoulli."""
        a = self.s
        if "lam" in self.tables:
            lam = self.tables["lam"][row]
            a = (self.s - (1.0 - lam) * before) / lam
        if self.quantizer == "bernoulli":
            return (a > self.uniforms[row, sample]).astype(np.int32)
        phi = self.phi + a
        q = (phi > 0.5).astype(np.int32)
        self.phi = phi - q
        return q

    def learn(self, sample: int, row: int) -> None:
        """Biases change by ``factor (s+ - s-)``."""
        if row == self.learning["minus"]:
            self.minus = self.s
        if row == self.learning["plus"]:
            self.plus = self.s
        if row == self.rows - 1 and self.clamp is None:
            change = self.learning["factor"] * (self.plus - self.minus)
            self.offsets[sample + 1 :] += change
            self.bias = self.offsets[sample] + change


@implements(proc=EPLayer, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyEPLayerModelFixed(AbstractEPLayerModel):
    """Integers: states over ``2**fraction_bits``, gains over ``2**coefficient_bits``."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    q_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int32)
    s_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    told_out: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    s: np.ndarray = LavaPyType(np.ndarray, np.int64)
    r: np.ndarray = LavaPyType(np.ndarray, np.int64)
    phi: np.ndarray = LavaPyType(np.ndarray, np.int64)
    q: np.ndarray = LavaPyType(np.ndarray, np.int32)

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        widths = proc_params["arithmetic"]
        self.gain_bits = widths["coefficient_bits"]
        self.one = 1 << widths["fraction_bits"]
        self.highest = (1 << (widths["state_bits"] - 1)) - 1

    def rescale(self, product: np.ndarray) -> np.ndarray:
        """The product of a state and a gain as a state: to nearest, ties up."""
        return (product + (1 << (self.gain_bits - 1))) >> self.gain_bits

    def within(self, values: np.ndarray, row: int) -> np.ndarray:
        """The values within the range of a state; what that changes is counted."""
        kept = np.clip(values, -self.highest - 1, self.highest)
        self.saturations[self.tables["phase"][row]] += np.count_nonzero(kept != values)
        return kept

    def relax(self, u: np.ndarray, sample: int, row: int) -> np.ndarray:
        """Decode, drive, step."""
        tables, one = self.tables, 1 << self.gain_bits
        u = self.within(u, row)
        if "lam" in tables:
            lam = int(tables["lam"][row])
            self.r = self.rescale((one - lam) * self.r + lam * u)
        else:
            self.r = u
        p = self.within(self.r + self.offsets[sample], row)
        if self.targets is not None and tables["nudge"][row] != 0:
            y = self.targets[tables["phase"][row], sample]
            p = self.within(p + self.rescale(int(tables["nudge"][row]) * (y - self.s)), row)
        eps = int(tables["eps"][row])
        return np.clip(self.rescale((one - eps) * self.s + eps * p), 0, self.one)

    def encode(self, before: np.ndarray, sample: int, row: int) -> np.ndarray:
        """Sigma-delta or Bernoulli."""
        a = self.s
        if "lam" in self.tables:
            change = int(self.tables["inverse"][row]) * (self.s - before)
            a = self.within(before + self.rescale(change), row)
        if self.quantizer == "bernoulli":
            return (a > self.uniforms[row, sample]).astype(np.int32)
        phi = self.within(self.phi + a, row)
        q = (phi > self.one // 2).astype(np.int32)
        self.phi = phi - self.one * q
        return q

    def learn(self, sample: int, row: int) -> None:
        """Biases change by D, rounded at random; what units know of themselves is told."""
        rule = self.learning
        if row == 0:
            self.sums = np.zeros((2, *self.s.shape), np.int64)
        for sums, rows in zip(self.sums, (rule["plus"], rule["minus"]), strict=True):
            if row in rows:
                sums += self.s
        if row != self.rows - 1:
            return
        change = self.sums[0] - self.sums[1]
        change = np.where(np.abs(change) > rule["threshold"], change, 0)
        if self.clamp is None:
            below = rule["words"][sample] & ((1 << rule["shift"]) - 1)  # the point
            added = (change * rule["mantissa"] + below) >> rule["shift"]
            total = self.offsets[sample] + added
            self.bias = np.clip(total, -self.highest - 1, self.highest)
            self.offsets[sample + 1 :] = self.bias
        self.told_out.send(self.sums if rule["told"] == 2 else change[None])
