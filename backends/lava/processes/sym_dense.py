"""SymDense: all connections between two layers, ONE weight matrix for both directions.

With ``learning``, float64 only, the weights change at the last step of every sample by what the
potentials s- and s+ at two rows of it teach. Each product of the rule takes the ``"minus"`` s-, the
``"plus"`` s+ or the ``"change"`` D = s+ - s- of either end::

    W += factor (product of the layers below and above + ...)
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


class SymDense(AbstractProcess):
    """Forward ``a_post = q_pre W`` and feedback ``a_pre = q_post W^T``, one step later.

    Parameters
    ----------
    name : str
    weights : ndarray, shape (n_pre, n_post)
        Real weights, or integer codes.
    tables : dict of ndarray, shape (rows,) each
        ``save`` and ``restore``, as for EPLayer: the sums under way are part of the state.
    exponent : int, default 0
        Sums of codes are sent times ``2**exponent``, rounded down. Integers only.
    feedback : bool, default True
        False where the layer below is clamped: nothing is sent back.
    learning : dict, optional
        ``products``, pairs of words for the layers below and above, ``factor``, and the rows
        ``minus`` and ``plus`` of s- and s+.
    samples : int, optional
        With learning: how many there are.
    record : str, optional
        With learning, a folder: the last step writes ``<name>.npz`` there, with ``weights``.

    Notes
    -----
    Ports: ``q_pre`` and ``q_post`` take bits, ``a_post`` and ``a_pre`` send sums; ``s_pre`` and
    ``s_post`` take potentials, with learning. The sums of the step before are sent before the
    new bits are awaited, so loops cannot deadlock.
    """

    def __init__(self, *, name: str, weights: Any, tables: Any, **more: Any) -> None:
        super().__init__(name=name, tables=tables, **more)
        n_pre, n_post = weights.shape
        self.q_pre, self.q_post = InPort((n_pre,)), InPort((n_post,))
        self.s_pre, self.s_post = InPort((n_pre,)), InPort((n_post,))
        self.a_pre, self.a_post = OutPort((n_pre,)), OutPort((n_post,))
        self.weights = Var(weights.shape, init=weights)


class AbstractSymDenseModel(PyLoihiProcessModel):
    """What both arithmetics share: send, then receive."""

    def __init__(self, proc_params: Any) -> None:
        super().__init__(proc_params)
        self.tables, self.name = proc_params["tables"], proc_params["name"]
        self.feedback = proc_params.get("feedback", True)
        self.exponent = proc_params.get("exponent", 0)
        self.learning = proc_params.get("learning")
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
        """Send the sums of the last step, receive bits, make the sums of the next."""
        row = (self.time_step - 1) % len(self.tables["restore"])
        if self.time_step == 1:  # nothing is under way
            self.to_post = np.zeros(self.weights.shape[1], self.weights.dtype)
            self.to_pre = np.zeros(self.weights.shape[0], self.weights.dtype)
        if self.tables["restore"][row]:
            self.to_post, self.to_pre = self.kept
        self.a_post.send(self.to_post)
        self.a_pre.send(self.to_pre)
        sent_pre, sent_post = self.q_pre.recv() != 0, self.q_post.recv() != 0
        self.to_post = self.total(self.weights[sent_pre])
        if self.feedback:
            self.to_pre = self.total(self.weights.T[sent_post])
        if self.tables["save"][row]:
            self.kept = self.to_post, self.to_pre
        if self.learning is not None:
            self.learn(row)

    def learn(self, row: int) -> None:
        """Receive potentials, and learn from them at the end of a sample."""
        raise NotImplementedError

    def total(self, rows: np.ndarray) -> np.ndarray:
        """The sum of rows (sent, units), as it is sent."""
        raise NotImplementedError


@implements(proc=SymDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("floating_pt")
class PySymDenseModelFloat(AbstractSymDenseModel):
    """Float64 weights."""

    q_pre: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    q_post: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    a_pre: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.float64)
    a_post: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.float64)
    s_pre: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.float64)
    s_post: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.float64)
    weights: np.ndarray = LavaPyType(np.ndarray, np.float64)

    def learn(self, row: int) -> None:
        """The contrast of one sample; a clamped layer below does not change."""
        pre, post = self.s_pre.recv(), self.s_post.recv()
        if row == self.learning["minus"]:
            self.minus = pre, post
        if row == self.learning["plus"]:
            self.plus = pre, post
        rows = len(self.tables["restore"])
        if row != rows - 1:
            return
        below, above = (
            {"minus": minus, "plus": plus, "change": plus - minus}
            for minus, plus in zip(self.minus, self.plus, strict=True)
        )
        if not self.feedback:
            del below["change"]
        gradient = np.zeros_like(self.weights)
        for of_below, of_above in self.learning["products"]:
            if of_below in below:
                gradient += np.outer(below[of_below], above[of_above])
        self.weights = self.weights + self.learning["factor"] * gradient
        folder = self.proc_params.get("record")
        if folder and self.time_step == rows * self.proc_params["samples"]:
            np.savez(os.path.join(folder, f"{self.name}.npz"), weights=self.weights)

    def total(self, rows: np.ndarray) -> np.ndarray:
        """One row after the other: accumulate keeps that order, sum promises none."""
        if not len(rows):
            return np.zeros(rows.shape[1])
        return np.add.accumulate(rows, axis=0)[-1]


@implements(proc=SymDense, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PySymDenseModelFixed(AbstractSymDenseModel):
    """Integer codes that share an exponent; sums are exact."""

    q_pre: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    q_post: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int32)
    a_pre: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    a_post: PyOutPort = LavaPyType(PyOutPort.VEC_DENSE, np.int64)
    s_pre: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    s_post: PyInPort = LavaPyType(PyInPort.VEC_DENSE, np.int64)
    weights: np.ndarray = LavaPyType(np.ndarray, np.int64)

    def total(self, rows: np.ndarray) -> np.ndarray:
        """The exact sum, scaled whole."""
        total = rows.sum(axis=0)
        return total << self.exponent if self.exponent >= 0 else total >> -self.exponent
