"""A list of synapses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from eqchip.emulator.description.connections.kind import Connection
from eqchip.emulator.errors import InputError, check_unmasked, check_whole, whole_numbers


class CompressedRows(NamedTuple):
    """Synapses by the unit on one side.

    Those of unit i are ``synapse[start[i] : start[i + 1]]``, with the units ``other[...]`` of the
    other side, ascending.
    """

    start: np.ndarray
    other: np.ndarray
    synapse: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class Sparse(Connection):
    """The synapses of a list, each with a weight of its own.

    With n synapses in ascending order of (presynaptic unit, postsynaptic unit), weights w of
    shape (n,), and i(k), j(k) the two units of synapse k, ``u_post[j] = sum over k with j(k) = j
    of w[k] q_pre[i(k)]``; feedback ``u_pre[i] = sum over k with i(k) = i of w[k] q_post[j(k)]``.
    Between other units there is nothing: no weight is stored or written, no spike counted.

    Made from a list (:meth:`from_edges`) or a mask (:meth:`from_mask`), or given as compressed
    sparse rows.

    Parameters
    ----------
    n_pre, n_post : int
        Units of the two layers.
    indptr : array_like of int, shape (n_pre + 1,)
        The synapses of presynaptic unit i are ``indptr[i]`` ... ``indptr[i + 1] - 1``.
    indices : array_like of int, shape (n,)
        The postsynaptic unit of each synapse, ascending for every presynaptic unit. Kept as int32.

    Raises
    ------
    InputError
        If a unit is out of range, two synapses join the same units, or there is no synapse.

    Examples
    --------
    >>> ring = Sparse.from_edges(3, 3, pre=[0, 1, 2], post=[1, 2, 0])
    >>> ring, ring.indices.tolist(), ring.weight_shape
    (Sparse(3 -> 3 over 3 synapses), [1, 2, 0], (3,))
    """

    n_pre: int
    n_post: int
    indptr: np.ndarray
    indices: np.ndarray

    def __post_init__(self) -> None:
        for name in ("n_pre", "n_post"):
            check_whole(f"Sparse: {name}", getattr(self, name), 1)
        object.__setattr__(self, "indptr", whole_numbers("Sparse: indptr", self.indptr))
        narrow = np.int32 if self.n_post <= np.iinfo(np.int32).max else np.int64
        indices = whole_numbers("Sparse: indices", self.indices, narrow)
        object.__setattr__(self, "indices", indices)
        if self.indptr.shape != (self.n_pre + 1,):
            raise InputError(
                f"Sparse: indptr has shape {self.indptr.shape}; expected {(self.n_pre + 1,)}"
            )
        ends = (int(self.indptr[0]), int(self.indptr[-1]))
        if ends != (0, len(self.indices)) or (np.diff(self.indptr) < 0).any():
            raise InputError(
                f"Sparse: indptr runs from {ends[0]} to {ends[1]}; expected it to ascend from 0 to "
                f"the number of indices, {len(self.indices)}"
            )
        if not len(self.indices):
            raise InputError(
                f"Sparse: no synapses between {self.n_pre} and {self.n_post} units; "
                "expected at least one"
            )
        _check_range("indices", self.indices, self.n_post)
        follows = self.indices[1:] <= self.indices[:-1]
        begins = self.indptr[1:-1]  # where another unit's begin, order starts anew
        follows[begins[(begins > 0) & (begins < len(self.indices))] - 1] = False
        if follows.any():
            k = int(np.argmax(follows)) + 1
            raise InputError(
                f"Sparse: indices of presynaptic unit {self.pre[k]} hold {self.indices[k]} after "
                f"{self.indices[k - 1]}; expected every postsynaptic unit once, ascending"
            )

    @classmethod
    def from_edges(cls, n_pre: int, n_post: int, pre: Any, post: Any) -> Sparse:
        """Of a list of synapses, in any order.

        The weights are those of the list sorted by (pre, post): ``pre`` and ``indices``.

        Parameters
        ----------
        n_pre, n_post : int
        pre, post : array_like of int, shape (n,)
            The two units of each synapse.

        Raises
        ------
        InputError
            As the class, and if the lists differ in length.
        """
        check_whole("Sparse: n_pre", n_pre, 1)
        pre, post = whole_numbers("Sparse: pre", pre), whole_numbers("Sparse: post", post)
        if len(pre) != len(post):
            raise InputError(
                f"Sparse: {len(pre)} units in pre and {len(post)} in post; expected as many"
            )
        _check_range("pre", pre, n_pre)
        order = np.lexsort((post, pre))
        pre, post = pre[order], post[order]
        twice = (np.diff(pre) == 0) & (np.diff(post) == 0)
        if twice.any():
            k = int(np.argmax(twice))
            raise InputError(
                f"Sparse: the synapse from unit {pre[k]} to unit {post[k]} is listed twice; "
                "expected every pair once"
            )
        return cls(n_pre, n_post, _starts(pre, n_pre), post)

    @classmethod
    def from_mask(cls, mask: Any) -> Sparse:
        """Of a matrix that is true where there is a synapse.

        Parameters
        ----------
        mask : array_like of bool, shape (n_pre, n_post)

        Raises
        ------
        InputError
            As the class, and if it is no matrix of bool.

        Examples
        --------
        >>> Sparse.from_mask([[True, False], [True, True]]).pre.tolist()
        [0, 1, 1]
        """
        check_unmasked("Sparse: mask", mask)
        mask = np.asarray(mask)
        if mask.ndim != 2 or mask.dtype != bool:
            raise InputError(
                f"Sparse: mask has shape {mask.shape} and type {mask.dtype}; "
                "expected bool of shape (n_pre, n_post)"
            )
        return cls.from_edges(*mask.shape, *np.nonzero(mask))

    @cached_property
    def pre(self) -> np.ndarray:
        """The presynaptic unit of each synapse, int64, ascending."""
        return np.repeat(np.arange(self.n_pre), np.diff(self.indptr))

    def rows(self, forward: bool) -> CompressedRows:
        """The synapses by the unit that sends: by presynaptic unit, or back, by postsynaptic."""
        return self._forward if forward else self._back

    @cached_property
    def _forward(self) -> CompressedRows:
        return CompressedRows(self.indptr, self.indices, np.arange(len(self.indices)))

    @cached_property
    def _back(self) -> CompressedRows:
        order = np.argsort(self.indices, kind="stable")
        return CompressedRows(_starts(self.indices, self.n_post), self.pre[order], order)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """One weight per synapse."""
        return self.indices.shape

    @property
    def pre_shape(self) -> tuple[int, ...]:
        """The shape of the presynaptic layer."""
        return (self.n_pre,)

    @property
    def post_shape(self) -> tuple[int, ...]:
        """The shape of the postsynaptic layer."""
        return (self.n_post,)

    def initial_limit(self) -> float:
        """As of Dense, sqrt(6 / (fan in + fan out)), with the mean of each."""
        fan_in, fan_out = len(self.indices) / self.n_post, len(self.indices) / self.n_pre
        return math.sqrt(6.0 / (fan_in + fan_out))

    def __eq__(self, other: object) -> bool:
        if type(other) is not Sparse:
            return NotImplemented
        mine, theirs = (
            (one.n_pre, one.n_post, one.indptr.tobytes(), one.indices.tobytes())
            for one in (self, other)
        )
        return mine == theirs

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.n_pre, self.n_post, self.indptr.tobytes(), self.indices.tobytes()))

    def __str__(self) -> str:
        return f"{self.n_pre} -> {self.n_post} over {len(self.indices)} synapses"

    def __repr__(self) -> str:
        return f"Sparse({self})"


def _starts(units: np.ndarray, count: int) -> np.ndarray:
    """Where the synapses of each unit start, once they are sorted by it; and their end."""
    return np.concatenate([[0], np.cumsum(np.bincount(units, minlength=count))]).astype(np.int64)


def _check_range(name: str, units: np.ndarray, count: int) -> None:
    if not len(units) or (units.min() >= 0 and units.max() < count):
        return
    outside = (units < 0) | (units >= count)
    raise InputError(
        f"Sparse: {name} hold unit {units[np.argmax(outside)]}; expected units of 0 to {count - 1}"
    )
