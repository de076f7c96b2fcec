"""From a replay to its accounts: what was counted, what it costs, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import NamedTuple

import numpy as np

from eqchip.emulator.description.network import Network
from eqchip.emulator.kernels.onchip import FORWARD
from eqchip.emulator.learning.onchip_known import (
    MirrorModes,
    messages_of,
    mirror_modes,
    reach_of,
    upkeep_of,
    writes_of,
)
from eqchip.hw_reports.counting.replay import Replay
from eqchip.hw_reports.pricing import baselines, readout, simulated, timing
from eqchip.hw_reports.pricing.entries import (
    EAST_WEST,
    FREE,
    INFERENCE,
    NORTH_SOUTH,
    NUDGED,
    READ_OUT_MESSAGE,
    SIGNAL,
    UPDATE,
    Counts,
    Entry,
    core_counts,
    entries,
    layer_counts,
)
from eqchip.hw_reports.pricing.epochs import Learned
from eqchip.hw_reports.pricing.figure import Figure, price
from eqchip.hw_reports.pricing.readout import Told
from eqchip.hw_reports.pricing.signals import Signals, signals
from eqchip.hw_reports.pricing.simulated import PERIOD, PERIOD_TIME, Period, Work
from eqchip.hw_reports.pricing.timing import TIME, PhaseTime
from eqchip.hw_reports.pricing.totals import Sum, plus, total
from eqchip.mapping.activity.cores import (
    CoreActivity,
    Exchange,
    StepCounts,
    WeightUpdates,
    core_activity,
    exchange,
    phase_of_steps,
    step_counts,
    synapse_writes,
    weight_updates,
)
from eqchip.mapping.chip_file.chip import Chip
from eqchip.mapping.placement.mapped import MappedNetwork
from eqchip.mapping.placement.wiring import synapse_count

STEPS_OF_PRESENTATION = 3  # in a mirror mode: two of spikes, one of what the units above tell


@dataclass(frozen=True, eq=False)
class Cores:
    """What a mapped network did, core by core.

    Attributes
    ----------
    training, inference : CoreActivity
    updates : WeightUpdates
        Of all training samples together, one update of all weights for each. Where the chip
        learned, the synapses that its products are written to; those applied and saturated are
        shares of them, as counted in the last epoch.
    times : dict of phase to PhaseTime
    """

    training: CoreActivity
    inference: CoreActivity
    updates: WeightUpdates
    times: dict[str, PhaseTime]


@dataclass(frozen=True, eq=False)
class Simulated:
    """How the times of an asynchronous run were got, and the same run in step time.

    Attributes
    ----------
    period : Period
    periods : dict of phase to float
        Nominal periods simulated, of one sample.
    works : dict of phase to Work
        Empty where nothing is known of cores, as `step_works`.
    step_works : dict of phase to Work
        Of the synchronous run.
    step_time : Accounts
        All of the synchronous run.
    """

    period: Period
    periods: dict[str, float]
    works: dict[str, Work]
    step_works: dict[str, Work]
    step_time: Accounts


@dataclass(frozen=True, eq=False)
class Accounts:
    """The costs of a sample.

    Attributes
    ----------
    counts : dict of phase to Counts
        Per sample.
    entries : list of Entry
        Energy by kind and phase.
    seconds : dict of phase to Sum
    critical : dict of phase to kind to seconds
        What decides the time; see :class:`eqchip.hw_reports.pricing.timing.PhaseTime`.
    cores : Cores or None
    simulated : Simulated or None
        Of an asynchronous run.
    learned : Learned or None
        Of a run that learned on the chip.
    signals : Signals or None
        Of such a run, too.
    readout : dict of phase to Told
        What a read-out outside the dynamics exchanges; empty if there is none.
    """

    counts: dict[str, Counts]
    entries: list[Entry]
    seconds: dict[str, Sum]
    critical: dict[str, dict[str, float]]
    cores: Cores | None
    simulated: Simulated | None = None
    learned: Learned | None = None
    signals: Signals | None = None
    readout: dict[str, Told] = field(default_factory=dict)


def account(replay: Replay) -> Accounts:
    """Count and price a replay."""
    if replay.mapped is not None:
        return _on_cores(replay, replay.mapped)
    if replay.chip.model == "arithmetic":
        return of_arithmetic(replay, replay.chip)
    return _by_events(replay)


def _on_cores(replay: Replay, mapped: MappedNetwork) -> Accounts:
    mode = replay.config.input
    training = core_activity(mapped, replay.training.run, mode)
    inference = core_activity(mapped, replay.inference.run, mode)
    update = _update(replay, mapped) if replay.written is None else _learning(replay, mapped)
    cores, barriers = len(mapped.parts), _barriers(replay)
    counts: dict[str, Counts] = {
        FREE: core_counts(training, FREE),
        NUDGED: core_counts(training, NUDGED),
        UPDATE: update.counts,
        INFERENCE: core_counts(inference),
    }
    exchanged = readout.on_cores(replay, mapped)
    for phase, kinds in counts.items():
        more = update.barriers if phase == UPDATE else 0.0
        more += exchanged[phase].steps if phase in exchanged else 0
        kinds["barrier"] = np.array([float(barriers[phase]) + more])
        if phase in (FREE, INFERENCE):  # every sample starts from states of 0
            kinds["reset"] = np.ones(cores)
    if replay.timing is None:
        relaxing, told = _step_times(replay, mapped), None
    else:
        relaxing, told = _simulated_times(replay, mapped, replay.timing.period)
    times = {phase: update.time if phase == UPDATE else relaxing[phase] for phase in counts}
    before = timing.reset(replay.chip)
    seconds = {
        phase: time.total + before if phase in (FREE, INFERENCE) else time.total
        for phase, time in times.items()
    }
    _inject(replay, counts, seconds)
    critical = {phase: dict(time.critical) for phase, time in times.items()}
    if before.figure is not None:
        critical[FREE]["reset"] = critical[INFERENCE]["reset"] = before.figure.value
    found = None if replay.written is None else signals(replay.config, mapped)
    told_of: list[Entry] = []
    if found is not None:
        for phase, rounds in found.rounds.items():
            seconds[phase] += found.time * rounds
            if found.time.figure is not None:
                critical[phase][SIGNAL] = found.time.figure.value * rounds
            told_of.append(found.entry(phase))
    for phase, one in exchanged.items():
        seconds[phase] += one.time
        if one.time.figure is not None:
            critical[phase][READ_OUT_MESSAGE] = one.time.figure.value
        told_of += one.entries(phase)
    listed = entries(counts, seconds, replay.chip, mapped.chips, told_of)
    _count(told_of, counts)
    return Accounts(
        counts,
        listed,
        seconds,
        critical,
        Cores(training, inference, update.updates, times),
        told,
        update.learned,
        found,
        exchanged,
    )


def _count(told: Sequence[Entry], counts: dict[str, Counts]) -> None:
    """Add what came with its energy to the counts that had to be priced."""
    for entry in told:
        counts[entry.phase][entry.kind] = np.array([entry.count])


class _Update(NamedTuple):
    """What writing the weights takes: `counts` and `time` of one sample, `updates` of all.

    ``barriers``: more than the one that ends it.
    """

    updates: WeightUpdates
    counts: Counts
    time: PhaseTime
    barriers: float = 0.0
    learned: Learned | None = None


def _update(replay: Replay, mapped: MappedNetwork) -> _Update:
    """Every synapse is written, in every copy."""
    written = [weight_updates(mapped, changes) for changes in replay.changes]
    updates = reduce(
        lambda a, b: WeightUpdates(*(x + y for x, y in zip(a, b, strict=True))), written
    )
    attempted = updates.attempted / len(written)
    time = timing.update(attempted, replay.chip, len(np.unique(mapped.tile)))
    return _Update(updates, {"weight_update": attempted}, time)


def _learning(replay: Replay, mapped: MappedNetwork) -> _Update:
    """What learning on the chip writes and sends.

    Messages are exchanged first, as in a step of their own with its barrier; then every core
    writes, its synapses one by one; of mirror modes, see `_mirror_modes`. Left out: the biases, and
    whatever it takes a core to keep its traces. Signals are counted apart (`signals`), since they
    are part of every phase.
    """
    config, chip, tiles = replay.config, replay.chip, len(np.unique(mapped.tile))
    assert config.on_chip is not None and replay.written is not None
    attempted = _attempted(replay, mapped)
    per_sample, whole = attempted.mean(axis=0), attempted.sum(axis=0)
    counts: Counts = {"weight_update": per_sample}
    time = _together([timing.update(one, chip, tiles) for one in attempted], 1.0 / len(attempted))
    source, ways = reach_of(config)
    # How often messages are exchanged: after every sample, or when the codes of a copy travel.
    periodic = 1.0 / config.on_chip.every if config.on_chip.copies == "periodic" else 0.0
    share = periodic if source is None else 1.0
    if share:
        sent, exchanging = _exchanged(replay, mapped, share)
        counts |= sent
        time = _together([time, exchanging], 1.0)
    modes, mirroring = mirror_modes(config), 0.0
    if modes is not None:
        found, lasting = _mirror_modes(modes, replay, mapped)
        counts |= {kind: count + counts.get(kind, 0.0) for kind, count in found.items()}
        time = _together([time, lasting], 1.0)
        mirroring = float(found["message"].sum())
        share += STEPS_OF_PRESENTATION * modes.presentations
    reach = np.zeros(len(config.sizes))
    for sender, receiver, each in ways:
        reach[sender] += each * len(mapped.cores_of(receiver))
    one = price({"weight_update": 1.0}, chip)["weight_update"]
    learned = Learned(
        attempted=float(per_sample.sum()),
        one_write=Sum(one, () if one is not None else ("weight update energy",)),
        messages=float(counts["message"].sum()) if share else 0.0,
        always=mirroring + periodic * sum(weights.codes.size for weights in mapped.weights[1:]),
        source=source,
        reach=tuple(reach.tolist()),
    )
    shares = replay.written
    return _Update(
        WeightUpdates(whole, whole * shares.applied, whole * shares.saturated),
        counts, time, share, learned,
    )  # fmt: skip


def _attempted(replay: Replay, mapped: MappedNetwork) -> np.ndarray:
    """Synapses that each core writes after each sample, float64, shape (samples, cores)."""
    config, run, samples = replay.config, replay.training.run, len(replay.training.indices)
    upkeep = np.zeros(len(mapped.parts))
    for (k, copy), share in upkeep_of(config).items():
        everything = np.ones(mapped.weights[k].codes.shape, np.int64)
        upkeep += share * synapse_writes(mapped, k, copy == FORWARD, everything)
    attempted = np.tile(upkeep, (samples, 1))
    for sample in range(samples):
        for (k, copy), times in writes_of(config, run, sample).items():
            attempted[sample] += synapse_writes(mapped, k, copy == FORWARD, times)
    return attempted


def _exchanged(replay: Replay, mapped: MappedNetwork, share: float) -> tuple[Counts, PhaseTime]:
    """Graded messages of one sample, and their time; they are sent once in 1 / share samples."""
    samples = range(len(replay.training.indices))
    sent = exchange(
        mapped, [messages_of(replay.config, replay.training.run, sample) for sample in samples]
    )
    steps = sent.steps
    at_once = steps._replace(
        messages_sent=steps.messages_sent / share,
        messages_received=steps.messages_received / share,
        links=steps.links / share,
    )
    tiles = len(np.unique(mapped.tile))
    time = timing.relaxation(at_once, sent.routes, replay.chip, tiles, np.ones(1, bool))
    return _message_counts(sent), _together([time], share)


def _message_counts(sent: Exchange) -> Counts:
    """Messages of an exchange, and their hops, per sample."""
    steps, hops = sent.steps, sent.hops.mean(axis=0)
    return {
        "message": steps.messages_sent[0].mean(axis=0),
        "message_in": steps.messages_received[0].mean(axis=0),
        "hop_east_west": hops[:, EAST_WEST].sum(axis=1),
        "hop_north_south": hops[:, NORTH_SOUTH].sum(axis=1),
        "chip_crossing": np.array([sent.crossings.mean()]),
    }


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
    events = np.zeros(len(mapped.parts))
    for k in range(1, len(sizes) - 1):
        synapses = np.ones(mapped.weights[k].codes.shape, np.int64)
        events += modes.firings * synapse_writes(mapped, k, True, synapses)
        if modes.returns:
            events += modes.told[k] * synapse_writes(mapped, k, False, synapses)
    steps = STEPS_OF_PRESENTATION * modes.presentations
    of_step = StepCounts(
        sent.steps.phase,
        *(
            count.reshape(1, 1, -1) / steps
            for count in (
                spikes,
                updates - spikes,
                events,
                sent.steps.messages_sent,
                sent.steps.messages_received,
                sent.steps.links,
            )
        ),
    )
    tiles = len(np.unique(mapped.tile))
    time = timing.relaxation(of_step, sent.routes, replay.chip, tiles, np.ones(1, bool))
    counts = {
        "synaptic_event": events,
        "update_active": spikes,
        "update_inactive": updates - spikes,
        "spike": spikes,
        **_message_counts(sent),
    }
    return counts, _together([time], steps)


def _together(times: Sequence[PhaseTime], share: float) -> PhaseTime:
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


def _step_times(replay: Replay, mapped: MappedNetwork) -> dict[str, PhaseTime]:
    tiles, routes = len(np.unique(mapped.tile)), mapped.routes
    counts, rows = _step_counts(replay, mapped), _rows(replay)
    return {
        phase: timing.relaxation(counts[phase], routes, replay.chip, tiles, rows[phase])
        for phase in counts
    }


def _simulated_times(
    replay: Replay, mapped: MappedNetwork, given: float | None
) -> tuple[dict[str, PhaseTime], Simulated]:
    assert replay.step_time is not None
    works, step_works = _works(replay, mapped), _works(replay.step_time, mapped)
    periods, rows = _periods(replay), _rows(replay)
    period = simulated.period_of(works, periods, given)
    times = {
        phase: simulated.phase_time(done, periods[phase], period, rows[phase])
        for phase, done in works.items()
    }
    return times, Simulated(period, periods, works, step_works, account(replay.step_time))


def _works(replay: Replay, mapped: MappedNetwork) -> dict[str, Work]:
    counts, rows = _step_counts(replay, mapped), _rows(replay)
    return {
        phase: simulated.work(counts[phase], mapped.routes, replay.chip, rows[phase])
        for phase in counts
    }


def _step_counts(replay: Replay, mapped: MappedNetwork) -> dict[str, StepCounts]:
    """Of the run that holds each phase but the update."""
    training = step_counts(mapped, replay.training.run, replay.config.input)
    inference = step_counts(mapped, replay.inference.run, replay.config.input)
    return {FREE: training, NUDGED: training, INFERENCE: inference}


def _rows(replay: Replay) -> dict[str, np.ndarray]:
    """Which steps of its run belong to each phase, bool, (steps,)."""
    run = replay.training.run
    names = np.array(run.activity.phases)[phase_of_steps(run.phases)]
    of_inference = np.ones(replay.inference.problem.steps, bool)
    return {FREE: names == FREE, NUDGED: names == NUDGED, INFERENCE: of_inference}


def _by_events(replay: Replay) -> Accounts:
    training, inference = replay.training.run.activity, replay.inference.run.activity
    written = float(copies_written(replay.network, replay.chip))
    counts: dict[str, Counts] = {
        FREE: layer_counts(training, FREE),
        NUDGED: layer_counts(training, NUDGED),
        UPDATE: {"weight_update": np.array([written])},
        INFERENCE: layer_counts(inference),
    }
    exchanged, seconds = readout.by_events(replay), {}
    for phase, steps in _steps(replay).items():
        if phase == UPDATE:
            continue
        events = float(counts[phase]["synaptic_event"].sum())
        if phase in exchanged:
            steps, events = steps + exchanged[phase].steps, events + exchanged[phase].events
        seconds[phase] = timing.by_events(replay.chip, steps, events)
    seconds[UPDATE] = timing.serial_update(replay.chip, written)
    decides = "step" if "step" in replay.chip.time else "synaptic_event"
    told = None
    if replay.timing is not None:
        assert replay.step_time is not None
        periods = _periods(replay)
        period = _period_of_events(replay.chip, replay.timing.period)
        if period.origin == "given":
            seconds |= {phase: period.seconds * n for phase, n in periods.items()}
            decides = PERIOD
        told = Simulated(period, periods, {}, {}, account(replay.step_time))
    _inject(replay, counts, seconds)
    critical = _all_by(decides, seconds)
    told_of = [entry for phase, one in exchanged.items() for entry in one.entries(phase)]
    listed = entries(counts, seconds, replay.chip, priced=told_of)
    _count(told_of, counts)
    return Accounts(counts, listed, seconds, critical, None, told, readout=exchanged)


def _period_of_events(chip: Chip, given: float | None) -> Period:
    """The nominal period of a chip without a model of its cores."""
    if given is not None:
        return simulated.period_of({}, {}, given)
    if "step" in chip.time:
        return Period(timing.time_of_one(chip, "step"), "step")
    return Period(
        Sum(None, (PERIOD_TIME,)), "events" if "synaptic_event" in chip.time else "unknown"
    )


def of_arithmetic(replay: Replay, chip: Chip) -> Accounts:
    """The same sample on a processor that knows only operations and memory accesses."""
    counts = baselines.dense_counts(replay.config, chip)
    seconds = {phase: Sum(None, (TIME,)) for phase in counts}
    return Accounts(
        counts, entries(counts, seconds, chip), seconds, {phase: {} for phase in counts}, None
    )


def _inject(replay: Replay, counts: dict[str, Counts], seconds: dict[str, Sum]) -> None:
    """Add the products of an input current, x W_0, which somebody has to compute."""
    runs = {FREE: replay.training.run, INFERENCE: replay.inference.run}
    for phase, run in runs.items():
        macs = float(run.activity.macs[:, 0].sum()) / run.activity.samples
        if macs:
            counts[phase]["mac"] = np.array([macs])
            seconds[phase] += timing.time_of_one(replay.chip, "mac") * macs


def copies_written(network: Network, chip: Chip) -> int:
    """Weights that one update writes: every copy of every synapse, as if none were shared."""
    sizes = [synapse_count(connection) for connection in network.connections]
    return sum(sizes) + (sum(sizes[1:]) if chip.copies == 2 else 0)


def _steps(replay: Replay) -> dict[str, int]:
    """Time steps of each phase; an update takes one, as its barrier."""
    steps = {FREE: 0, NUDGED: 0, UPDATE: 1, INFERENCE: replay.inference.problem.steps}
    run = replay.training.run
    for phase, name in zip(run.phases, run.activity.phases, strict=True):
        steps[name] += phase.steps
    return steps


def _periods(replay: Replay) -> dict[str, float]:
    """Nominal periods simulated: a phase of n steps lasts n of them."""
    return {phase: float(n) for phase, n in _steps(replay).items() if phase != UPDATE}


def _barriers(replay: Replay) -> dict[str, int]:
    """Barriers of each phase; without a global clock there is only that of the update."""
    steps = _steps(replay)
    return steps if replay.timing is None else {phase: int(phase == UPDATE) for phase in steps}


def _all_by(kind: str, seconds: Mapping[str, Sum]) -> dict[str, dict[str, float]]:
    """The time of each phase laid on one kind."""
    return {
        phase: {} if time.figure is None else {kind: time.figure.value}
        for phase, time in seconds.items()
    }
