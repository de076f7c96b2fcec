"""The weight update of a chip that learns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.parts import Part
from eqchip.emulator.description.sight import FACTOR
from eqchip.emulator.description.upkeep import FORWARD
from eqchip.emulator.learning.onchip_known import Known, kernels_of, known_of, writes_of
from eqchip.emulator.learning.onchip_lowering import ROW_OF
from eqchip.emulator.learning.onchip_traffic import (
    MirrorModes,
    averages,
    copies_sent,
    learning_epochs,
    messages_of,
    mirror_modes,
    reach_of,
    sends_copies,
    told_by,
    upkeep_of,
    window_steps,
)
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import timing
from eqchip.hw_reports.pricing.entries import Counts
from eqchip.hw_reports.pricing.epochs import Learned
from eqchip.hw_reports.pricing.figure import Figure
from eqchip.hw_reports.pricing.onchip_kernels import Kernels, KernelWrites, means
from eqchip.hw_reports.pricing.phases import learning_connections
from eqchip.hw_reports.pricing.timing import PhaseTime
from eqchip.hw_reports.pricing.totals import plus, priced, total
from eqchip.mapping.activity.exchange import Exchange, exchange
from eqchip.mapping.activity.steps import StepCounts
from eqchip.mapping.activity.writes import WeightUpdates, synapse_writes, weight_updates
from eqchip.mapping.kinds import MESSAGES, counts_of
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.ways import wiring

STEPS_OF_PRESENTATION = 3  # in a mirror mode: two of spikes, one of what the units above tell


class _Update(NamedTuple):
    """What writing the weights takes: `counts` and `time` of one sample, `updates` of all.

    ``barriers``: more than the one that ends it.
    """

    updates: WeightUpdates
    counts: Counts
    time: PhaseTime
    barriers: float = 0.0
    learned: Learned | None = None


def update_on_chip(replay: Replay, mapped: MappedNetwork) -> _Update:
    """Every synapse is written, in every copy."""
    updates, samples = replay.once("updates", lambda: _written(replay, mapped)), len(replay.changes)
    attempted = updates.attempted / samples
    # All are written, so whatever the engine reads by, it reads them all.
    counts = writes(attempted, attempted, updates.applied / samples)
    return _Update(updates, counts, timing.update(counts, replay.chip, mapped.tiles))


def _written(replay: Replay, mapped: MappedNetwork) -> WeightUpdates:
    """What the updates of all training samples write, together."""
    learns = learning_connections(replay.config)
    written = [weight_updates(mapped, changes, learns) for changes in replay.changes]
    return reduce(lambda a, b: WeightUpdates(*(x + y for x, y in zip(a, b, strict=True))), written)


def learning_of(replay: Replay, mapped: MappedNetwork) -> _Update:
    """What learning on the chip writes and sends.

    Messages are exchanged first, as in a step of their own with its barrier; then every core
    writes, its synapses one by one; of mirror modes, see `_mirror_modes`, and of spikes that tell
    of changes `_windows`. Left out: the biases, and whatever it takes a core to keep its traces.
    Signals are counted apart (`signals`), since they are part of every phase.
    """
    config, chip, tiles = replay.config, replay.chip, mapped.tiles
    assert config.on_chip is not None and replay.written is not None
    run, samples = replay.training.run, range(len(replay.training.indices))
    known = replay.once("known", lambda: [known_of(config, run, sample) for sample in samples])
    shares = replay.written
    kernels = replay.once("kernels", lambda: _kernels(replay, mapped, known))
    matrices = replay.once("attempted", lambda: _attempted(replay, mapped, known))
    attempted = matrices + [one.writes for one in kernels]
    visited = replay.once("visited", lambda: _visited(replay, mapped, matrices, kernels))
    per_sample, whole = attempted.mean(axis=0), attempted.sum(axis=0)
    each = [
        writes(seen, one, one * shares.applied)
        for seen, one in zip(visited, attempted, strict=True)
    ]
    counts: Counts = {kind: np.mean([one[kind] for one in each], axis=0) for kind in each[0]}
    time = together([timing.update(one, chip, tiles) for one in each], 1.0 / len(each))
    source, ways = reach_of(config)
    # How often a sample exchanges messages: every one, or those when the codes of a copy travel.
    copying = 1.0 / config.on_chip.every if sends_copies(config.on_chip) else 0.0
    averaging = averages(config)
    keeping = not averaging and any(one.messages.any() for one in kernels)
    exchanges = copying if source in (None, "spikes") and not keeping else 1.0
    if exchanges or averaging:
        sent, exchanging = _exchanged(replay, mapped, known, kernels, exchanges or averaging)
        counts |= sent
        time = together([time, exchanging], 1.0)
    # The codes that a keeper sends are told in a step after that of the sums, as means are.
    barriers, mirroring = exchanges + window_steps(config) + keeping + 2 * averaging, 0.0
    steady = copying + 2 * averaging  # that come once in so many samples, whatever these are
    if source == "spikes":
        found, lasting = _windows(replay, mapped, known)
        counts |= {kind: count + counts.get(kind, 0.0) for kind, count in found.items()}
        time = together([time, lasting], 1.0)
    modes = mirror_modes(config)
    if modes is not None:
        found, lasting = _mirror_modes(modes, replay, mapped)
        counts |= {kind: count + counts.get(kind, 0.0) for kind, count in found.items()}
        time = together([time, lasting], 1.0)
        mirroring = float(found["message"].sum())
        barriers += STEPS_OF_PRESENTATION * modes.presentations
        steady += STEPS_OF_PRESENTATION * modes.presentations
    reach = np.zeros(len(config.sizes))
    for sender, receiver, messages in ways:
        reach[sender] += messages * reached_cores(mapped, sender, receiver)
    told = [one.messages.sum() - one.always for one in kernels]
    always = float(np.mean([one.always for one in kernels]))
    counted = float(matrices.mean(axis=0).sum() + np.mean([one.attempted for one in kernels]))
    learned = Learned(
        attempted=counted,
        one_write=priced(
            {"weight_update": float(per_sample.sum()) / counted if counted else 1.0}, chip
        ),
        per_write=float(np.mean(told)) / counted if counted else 0.0,
        kernels=means(kernels) if kernels_of(config) else None,
        messages=float(counts["message"].sum()) if barriers else 0.0,
        always=mirroring + always + copying * sum(_sizes(mapped)),
        source=source,
        reach=tuple(reach.tolist()),
        visits=None if chip.learning_engine is None else chip.learning_engine.visits,
        steady=steady / (1.0 + barriers),
    )
    return _Update(
        updates=WeightUpdates(whole, whole * shares.applied, whole * shares.saturated),
        counts=counts,
        time=time,
        barriers=barriers,
        learned=learned,
    )


def reached_cores(mapped: MappedNetwork, sender: int, receiver: int) -> float:
    """The cores of a neighbouring layer that a unit has synapses with, in the mean of its layer."""
    wires = wiring(mapped.network, min(sender, receiver), receiver > sender)
    if wires is None:
        return 0.0
    met = wires.reach([mapped.parts[core] for core in mapped.cores_of(receiver)])
    return float(np.count_nonzero(met, axis=0).mean())


def _sizes(mapped: MappedNetwork) -> list[int]:
    """The weights of each connection that has a mirrored copy and is no kernel."""
    connections = zip(mapped.network.connections, mapped.weights, strict=True)
    return [weights.codes.size for one, weights in connections if not one.shares_weights][1:]


def _kernels(replay: Replay, mapped: MappedNetwork, known: Sequence[Known]) -> list[KernelWrites]:
    """What kernels of many places take of each sample."""
    assert replay.written is not None
    kernels = Kernels(replay.config, mapped, replay.written.applied)
    return [kernels.after(one) for one in known]


def _attempted(replay: Replay, mapped: MappedNetwork, known: Sequence[Known]) -> np.ndarray:
    """Synapses of matrices that each core writes after each sample; (samples, cores), float64."""
    upkeep, shared = np.zeros(mapped.cores), kernels_of(replay.config)
    for (k, copy), share in upkeep_of(replay.config).items():
        if k in shared:
            continue
        everything = np.ones(mapped.weights[k].codes.shape, np.int64)
        upkeep += share * synapse_writes(mapped, k, copy == FORWARD, everything)
    attempted = np.tile(upkeep, (len(known), 1))
    for sample, one in enumerate(known):
        for (k, copy), times in writes_of(replay.config, one).items():
            attempted[sample] += synapse_writes(mapped, k, copy == FORWARD, times)
    return attempted


def writes(visited: np.ndarray, attempted: np.ndarray, changed: np.ndarray) -> Counts:
    """The three counts of a write, as kinds of events, of each core."""
    return {"synapse_visit": visited, "weight_update": attempted, "weight_change": changed}


def _visited(
    replay: Replay, mapped: MappedNetwork, attempted: np.ndarray, kernels: Sequence[KernelWrites]
) -> np.ndarray:
    """Synapses that the learning engine of each core reads after each sample, as `attempted`.

    Of a kernel, those whose product is not 0. Unless the engine has lists, or nobody knows: those
    of axons that spiked, or all, once in every learning epoch.
    """
    engine = replay.chip.learning_engine
    found = np.zeros(attempted.shape)
    if engine is None or engine.visits == "lists":
        return attempted + [one.reads for one in kernels]
    for k in range(len(mapped.network.connections)):
        shape = mapped.weights[k].codes.shape
        for forward in (True, False):
            if engine.visits == "sweep":
                found += synapse_writes(mapped, k, forward, np.ones(shape, np.int64))
                continue
            if forward or k > 0:
                for sample in range(len(found)):
                    spiked = _spiked(replay, k if forward else k + 1, sample)
                    _read_axons(found[sample], mapped, k, forward, spiked)
    return found * learning_epochs(replay.config)


def _read_axons(
    found: np.ndarray, mapped: MappedNetwork, k: int, forward: bool, spiked: np.ndarray
) -> None:
    """Add the synapses of a copy that units which spiked have on each core, shape (cores,)."""
    wires = wiring(mapped.network, k, forward)
    if wires is None or not (forward or mapped.chip.copies == 2):
        return
    sender, receiver = (k, k + 1) if forward else (k + 1, k)
    cores = mapped.cores_of(receiver)
    met = wires.reach([mapped.parts[core] for core in cores])
    found[cores] += wires.of_units(met, Part(sender, 0, len(spiked))) @ spiked.astype(np.int64)


def _spiked(replay: Replay, layer: int, sample: int) -> np.ndarray:
    """Which units of a layer sent a spike in the phases of a sample, bool, (units,)."""
    if layer == 0 and replay.config.input == "current":  # its numbers arrived
        ends = replay.training.run.ends[0][0][sample]
        return np.asarray(ends).reshape(-1) != 0
    bits = replay.training.run.bits
    assert bits is not None
    return bits[layer][:, sample].reshape(len(bits[layer]), -1).any(axis=0)


def _exchanged(
    replay: Replay,
    mapped: MappedNetwork,
    known: Sequence[Known],
    kernels: Sequence[KernelWrites],
    share: float,
) -> tuple[Counts, PhaseTime]:
    """Graded messages of one sample, and their time; they are sent once in 1 / share samples."""
    config = replay.config
    alone = window_steps(config) > 0  # spikes that tell of changes have steps of their own
    sent = replay.once(
        "exchange",
        lambda: exchange(
            mapped,
            [copies_sent(config) if alone else messages_of(config, one) for one in known],
            [one.messages for one in kernels],
        ),
    )
    steps = sent.steps
    at_once = steps._replace(
        messages_sent=steps.messages_sent / share,
        messages_received=steps.messages_received / share,
        links=steps.links / share,
    )
    tiles = mapped.tiles
    time = timing.relaxation(at_once, sent.routes, replay.chip, tiles, np.ones(1, bool))
    return _message_counts(sent), together([time], share)


def _message_counts(sent: Exchange) -> Counts:
    """Messages of an exchange, and their hops, per sample."""
    found = counts_of(sent, MESSAGES, per=lambda n: n.mean(axis=0))
    return {kind: np.atleast_1d(count) for kind, count in found.items()}


def _mirror_modes(
    modes: MirrorModes, replay: Replay, mapped: MappedNetwork
) -> tuple[Counts, PhaseTime]:
    """A sample's share of the mirror modes but for their writes, and its time.

    All connections are mirrored at once. A graded message that crosses a synapse is an event as a
    spike's is. The steps of a presentation are taken to be alike.
    """
    sizes, layer = replay.config.sizes, mapped.layer_of
    sent = exchange(mapped, [modes.messages(sizes)])
    fires = (layer > 0) & (layer < len(sizes) - 1)
    spikes = np.where(fires, modes.firings * mapped.units, 0.0)
    updates = np.where(layer > 0, 2 * modes.presentations * mapped.units, 0.0)
    events = np.zeros(mapped.cores)
    for k in range(1, len(sizes) - 1):
        synapses = np.ones(mapped.weights[k].codes.shape, np.int64)
        events += modes.firings * synapse_writes(mapped, k, True, synapses)
        if modes.returns:
            events += modes.told[k] * synapse_writes(mapped, k, False, synapses)
    steps = STEPS_OF_PRESENTATION * modes.presentations
    return _alike(replay, mapped, sent, steps, *(n[None] for n in (spikes, updates, events)))


def _windows(
    replay: Replay, mapped: MappedNetwork, known: Sequence[Known]
) -> tuple[Counts, PhaseTime]:
    """Spikes that tell of changes, with all that a spike takes, and their time.

    Every unit is updated in every step, and a spike arrives over all synapses of its unit, whether
    or not they learn by it. The steps are taken to be alike: if all fire in one, it takes longer.
    """
    steps, layer = window_steps(replay.config), mapped.layer_of
    sent, spikes, events = replay.once("windows", lambda: _told_by_spikes(replay, mapped, known))
    updates = np.tile(np.where(layer > 0, steps * mapped.units, 0.0), (len(known), 1))
    return _alike(replay, mapped, sent, float(steps), spikes, updates, events)


def _told_by_spikes(
    replay: Replay, mapped: MappedNetwork, known: Sequence[Known]
) -> tuple[Exchange, np.ndarray, np.ndarray]:
    """Messages of spikes that tell of changes; these, and their events, (samples, cores)."""
    sent = exchange(mapped, [told_by(replay.config, one) for one in known])
    spikes, events = np.zeros((2, len(known), len(mapped.parts)))
    for sample, one in enumerate(known):
        factors = [np.abs(of).astype(np.int64) for of in one[ROW_OF[FACTOR]]]
        for core, part in enumerate(mapped.parts):
            spikes[sample, core] = factors[part.layer][part.first : part.first + part.units].sum()
        for k in range(1, len(factors) - 1):
            below, above = factors[k][:, None], factors[k + 1][None]
            shape = mapped.weights[k].codes.shape
            for forward, firing in ((True, below), (False, above)):
                arriving = np.broadcast_to(firing, shape)
                events[sample] += synapse_writes(mapped, k, forward, arriving)
    return sent, spikes, events


def _alike(
    replay: Replay,
    mapped: MappedNetwork,
    sent: Exchange,
    steps: float,
    spikes: np.ndarray,
    updates: np.ndarray,
    events: np.ndarray,
) -> tuple[Counts, PhaseTime]:
    """Counts of a sample, and the time of so many steps alike.

    spikes, updates, events: of all of the steps, shape (samples, cores).
    """
    of_step = StepCounts._make([
        sent.steps.phase,
        *(
            count.reshape(1, len(spikes), -1) / steps
            for count in (
                spikes,
                updates - spikes,
                events,
                sent.steps.messages_sent,
                sent.steps.messages_received,
                sent.steps.links,
            )
        ),
        sent.steps.substeps,
    ])  # fmt: skip
    tiles = mapped.tiles
    time = timing.relaxation(of_step, sent.routes, replay.chip, tiles, np.ones(1, bool))
    counts = {
        "synaptic_event": events.mean(axis=0),
        "update_active": spikes.mean(axis=0),
        "update_inactive": (updates - spikes).mean(axis=0),
        "spike": spikes.mean(axis=0),
        **_message_counts(sent),
    }
    return counts, together([time], steps)


def together(times: Sequence[PhaseTime], share: float) -> PhaseTime:
    """Times of one phase after another, so many times as long each; its steps are not told."""

    def added(name: str) -> Figure | None:
        figure = plus(getattr(time, name) for time in times)
        return None if figure is None else figure * share

    critical: dict[str, float] = {}
    for time in times:
        for kind, seconds in time.critical.items():
            critical[kind] = critical.get(kind, 0.0) + seconds * share
    told = [time.decided for time in times if time.decided]
    cores = np.sum([time.cores for time in times], axis=0) * share
    return PhaseTime(
        total(time.total for time in times) * share,
        added("core"),
        added("mesh"),
        added("barrier"),
        {name: sum(one[name] for one in told) / len(told) for name in timing.RESOURCES}
        if told
        else {},
        critical,
        int(cores.argmax()) if cores.any() else None,
        cores,
        {},
        np.zeros(0, np.int64),
    )
