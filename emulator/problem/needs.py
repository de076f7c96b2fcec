"""What a problem needs of whoever computes it, and the one sentence that refuses what is missing.

Not every engine, file format or study knows all that a network can be and a run can ask for. What
only some know is a *feature* with a name; a problem tells which features it needs, and who lacks
one says so in the same words everywhere::

    backend 'brian2' has no maximum pooling (connection 1 (...) has MaxPool2d); expected ...
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from eqchip.emulator.description.learning import Learning
from eqchip.emulator.description.modes import Precision, Readout
from eqchip.emulator.description.network import Network
from eqchip.emulator.description.topology import Topology
from eqchip.emulator.errors import InputError
from eqchip.emulator.problem.problem import Problem

Feature = Literal[
    "global clock",
    "asynchronous timing",
    "maximum pooling",
    "weaker feedback",
    "skip and lateral connections",
    "real-valued messages",
    "adapted prediction",
    "input that switches",
    "read-out outside the dynamics",
    "spikes per core",
    "skipping of right samples",
    "streams of events",
    "states that are carried on",
    "threads",
]


class Need(NamedTuple):
    """A feature that something needs.

    Attributes
    ----------
    feature : str
    shown : str
        Where it shows, with its value.
    instead : str
        What needs no such feature.
    """

    feature: Feature
    shown: str
    instead: str


def of_network(network: Network) -> Iterator[Need]:
    """The features that a network needs."""
    yield from of_links(network)
    for k, connection in enumerate(network.connections):
        if connection.max_window:
            yield Need(
                "maximum pooling",
                f"connection {k + 1} ({connection}) has MaxPool2d",
                f"AvgPool2d({connection.max_window})",
            )
    if any(network.feedback_shifts):
        yield Need(
            "weaker feedback", f"feedback_shifts are {network.feedback_shifts}", "0 everywhere"
        )


def of_links(network: Topology) -> Iterator[Need]:
    """The feature that a network with connections beside its chain needs."""
    for below, above, connection in network.links[:1]:
        joins = f"joins layers {below} and {above}" if below < above else f"is within layer {below}"
        yield Need("skip and lateral connections", f"link ({connection}) {joins}", "a chain")


def of_learning(learning: Learning) -> Iterator[Need]:
    """The features that a network which learned so needs."""
    yield from _of_read_out(learning.readout, "the run was trained with readout")
    if learning.carries:
        shown = f"the run was trained with states {learning.states!r}"
        yield Need("states that are carried on", shown, "'reset'")


def of_problem(problem: Problem) -> Iterator[Need]:
    """The features that a problem needs."""
    if problem.timing is None:
        yield Need("global clock", "timing is None", "a timing")
    else:
        yield Need("asynchronous timing", "a timing is given", "timing=None")
    yield from of_network(problem.network)
    if not problem.coding.sends_bits:
        yield Need("real-valued messages", "quantizer is 'none'", "'sigma-delta' or 'bernoulli'")
    if problem.coding.adapts_prediction:
        shown = f"prediction is {problem.coding.prediction}"
        yield Need("adapted prediction", shown, "a Polynomial, or None")
    if problem.later_x:
        shown = f"{len(problem.later_x)} phases have an x of their own"
        yield Need("input that switches", shown, "one x")
    yield from _of_read_out(problem.readout, "readout is")
    if problem.parts:
        yield Need("spikes per core", f"{len(problem.parts)} parts are counted", "no parts")
    if problem.stream is not None:
        yield Need("streams of events", "x is Events", "an array")
    if problem.carried is not None:
        yield Need("states that are carried on", "samples begin in states of others", "rest")
    if problem.skip_right:
        yield Need("skipping of right samples", f"skip_right is {problem.skip_right}", "0")


def _of_read_out(readout: Readout, where: str) -> Iterator[Need]:
    if readout == "cross-entropy":
        yield Need("read-out outside the dynamics", f"{where} {readout!r}", "'squared-error'")


def check_needs(
    who: str,
    needs: Iterable[Need],
    known: Collection[Feature],
    others: Mapping[str, Collection[Feature]] = MappingProxyType({}),
) -> None:
    """Refuse what is needed and not known.

    Parameters
    ----------
    who : str
        Who lacks it; begins the error.
    needs : iterable of Need
    known : collection of str
        The features that it has.
    others : mapping
        The features of others, by name: who has the missing one is told.

    Raises
    ------
    InputError
        Naming the feature, where it shows, and what would be right.

    Examples
    --------
    >>> from eqchip.emulator.description.connections import Dense
    >>> net = Network.chain([Dense(2, 2), Dense(2, 2)], seed=0, feedback_shifts=[0, 1])
    >>> check_needs("nir", of_network(net), ["weaker feedback"])
    >>> try:
    ...     check_needs("nir", of_network(net), [])
    ... except InputError as error:
    ...     print(error)
    nir has no weaker feedback (feedback_shifts are (0, 1)); expected 0 everywhere
    """
    for need in needs:
        if need.feature not in known:
            has = [name for name, features in others.items() if need.feature in features]
            raise _lacking(who, f"{need.feature} ({need.shown})", need.instead, has)


def check_precision(
    who: str,
    precision: Precision,
    known: Collection[Precision],
    others: Mapping[str, Collection[Precision]] = MappingProxyType({}),
) -> None:
    """Refuse a precision that is not known; as :func:`check_needs`.

    Raises
    ------
    InputError

    Examples
    --------
    >>> try:
    ...     check_precision("brian2", "chip", ["float64"], {"reference": ["float64", "chip"]})
    ... except InputError as error:
    ...     print(error)
    brian2 has no precision 'chip'; expected 'float64', or one of reference
    """
    if precision not in known:
        has = [name for name, precisions in others.items() if precision in precisions]
        raise _lacking(who, f"precision {precision!r}", " or ".join(map(repr, known)), has)


def _lacking(who: str, what: str, instead: str, others: Collection[str]) -> InputError:
    also = f", or one of {', '.join(others)}" if others else ""
    return InputError(f"{who} has no {what}; expected {instead}{also}")
