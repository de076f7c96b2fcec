"""Tables of the engine: its speed, alone and beside others, and how it agrees with them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from asynchrony_speed_table import asynchrony_speed
from cells import NOTHING, between, table, thousands

Results = dict[str, Any]  # file name -> document


def _processors(contestant: dict[str, Any]) -> str:
    """How many a contestant got, in the median: fewer than its threads where others ran, too."""
    pairs = zip(contestant["cpu"], contestant["wall"], strict=True)
    return f"{median(cpu / wall for cpu, wall in pairs):.2f}"


def speed(results: Results) -> str:
    """The engine against the machine's limit and dense algebra: ``speed.json``."""
    found = results.get("speed.json")
    if found is None:
        return NOTHING
    contestants = table(
        ["one step of one sample", "synaptic events/s >", "microseconds >",
         "processors they got >"],
        [
            [
                contestant["name"],
                thousands(contestant["events_per_second"]),
                f"{contestant['microseconds_per_step']:.2f}",
                _processors(contestant),
            ]
            for contestant in found["contestants"]
        ],
    )  # fmt: skip
    ratios = found["ratios"]
    named = {
        "limit": "the plain row loop (aim: at least 0.6)",
        "blocked_limit": "the blocked row kernel alone, on the same rows",
        "dense": f"dense algebra at its best ({found['best_dense'].removeprefix('dense, ')})",
        "products": "the matrix products of dense algebra alone",
        "threads": "itself on one thread (aim for two: at least 1.8)",
    }
    compared = table(
        ["engine against", "times as fast: median (extremes) >"],
        [[text, between(ratios[name])] for name, text in named.items() if name in ratios],
    )
    setting, machine = found["setting"], found["machine"]
    steps = f"{setting['free_steps']} + {setting['nudged_steps']}"
    notes = [
        f"{'-'.join(map(str, setting['layers']))}, {steps} steps, {found['inputs']} inputs, "
        f"{setting['rounds']} rounds; {machine['cpu']}, {machine['processors']} processors, "
        f"BLAS tuned for {machine['blas']['core_type']}."
    ]
    training = found.get("training")
    if training:
        how = (
            f"extrapolated from {training['samples']} samples"
            if training["extrapolated"]
            else "measured"
        )
        memory = training["peak_bytes"]
        peak = "" if memory is None else f", peak memory {memory / 1e6:.0f} MB"
        notes.append(
            f"An epoch of {training['epoch_samples']} samples takes "
            f"{training['epoch_seconds'] / 60:.1f} minutes on {training['threads']} threads and "
            f"{thousands(training['epoch_events'])} synaptic events ({how}){peak}."
        )
        points = training["peak_bytes_by_free_steps"]
        if all(point["peak_bytes"] for point in points):
            shown = " and ".join(
                f"{point['peak_bytes'] / 1e6:.1f} MB with {point['free_steps']}" for point in points
            )
            notes.append(f"Peak memory of a short training: {shown} free steps.")
    return "\n\n".join([contestants, compared, " ".join(notes)])


def _integers(ratio: dict[str, Any] | None) -> list[str]:
    """How many times as fast as another the integers are, of wall and of processor time."""
    if ratio is None:
        return ["", ""]
    times, low, high = (ratio[f"cpu_{name}"] for name in ("median", "low", "high"))
    return [between(ratio), f"{times:.2f} ({low:.2f} to {high:.2f})"]


def chip_speed(results: Results) -> str:
    """The mapped engine beside the float engine and SANA-FE: ``chip-speed.json``."""
    found = results.get("chip-speed.json")
    if found is None:
        return NOTHING
    rows = [
        [
            contestant["name"],
            contestant["threads"],
            thousands(contestant["events_per_second"]),
            _processors(contestant),
            *_integers(found["ratios"].get(contestant["name"])),
        ]
        for contestant in found["contestants"]
    ]
    compared = table(
        ["", "threads >", "synaptic events/s >", "processors they got >",
         "integers on one thread are times as fast: median (extremes) >",
         "by processor time >"],
        rows,
    )  # fmt: skip
    setting = found["setting"]
    peer = found["sanafe"]
    told = (
        ""
        if peer is None
        else f" SANA-FE {peer['version']}, by its own clock, without {peer['load_seconds']:.1f} s "
        "to load the network; aims: as fast as the float engine, 200 times SANA-FE."
    )
    return (
        f"{compared}\n\n{'-'.join(map(str, setting['layers']))} on {found['cores']} cores of "
        f"{found['chip']}, {setting['free_steps']} + {setting['nudged_steps']} steps, the spikes "
        f"of every core counted at every step, {setting['rounds']} rounds; "
        f"{found['machine']['cpu']}.{told}"
    )


OUTSIDE = {  # what is told of a peer that need not be there
    "NEST, the same spikes": " NEST replays the spikes of one sample; aim: 200 times.",
    "snnTorch, forward pass": (
        " snnTorch takes a dense forward pass of at least 100 samples, without feedback, credited "
        "with the same events; aim: 4 times."
    ),
}


def peer_speed(results: Results) -> str:
    """The emulator beside Brian2, Lava, NEST and snnTorch: ``peer-speed.json``."""
    found = results.get("peer-speed.json")
    if found is None:
        return NOTHING
    rows = []
    for contestant in found["contestants"]:
        name = contestant["name"]
        ratio = found["ratios"].get(name)
        setup = found["setup_seconds"].get(name)
        rows.append(
            [
                name,
                thousands(contestant["events_per_second"]),
                f"{contestant['milliseconds_per_100_steps']:.2f}",
                between(ratio) if ratio else "",
                "" if setup is None else f"{setup:.0f}",
            ]
        )
    compared = table(
        ["one thread each", "synaptic events/s >", "ms per 100 steps of a sample >",
         "emulator in float32 is times as fast: median (extremes) >", "set-up, s >"],
        rows,
    )  # fmt: skip
    setting = found["setting"]
    outside = "".join(told for name, told in OUTSIDE.items() if name in found["ratios"])
    return (
        f"{compared}\n\n{'-'.join(map(str, setting['layers']))}, {setting['free_steps']} + "
        f"{setting['nudged_steps']} steps, the same inputs and spikes, {setting['rounds']} rounds; "
        f"{found['machine']['cpu']}. Brian2 with its default compiler flags, computing in float64; "
        "loops over time steps alone are timed. Aims: 20 times Brian2's C++, 150 times Lava."
        f"{outside}"
    )


def crosscheck(results: Results) -> str:
    """Drawn networks, and a trained one, on other engines: ``crosscheck*.json``."""
    found, trained = results.get("crosscheck.json"), results.get("crosscheck-mnist.json")
    if found is None and trained is None:
        return NOTHING
    rows = []
    for row in found["engines"] if found else []:
        if row["bits"]:
            what = f"{row['networks']:,} drawn networks"
            rows.append([what, row["engine"], row["precision"], f"{row['bits']:,}",
                         f"{row['mismatches']:,}", f"{row['largest_difference']:.2g}"])  # fmt: skip
    for row in trained["engines"] if trained else []:
        if row.get("bits"):
            what = f"trained network on {trained['samples']} {trained['dataset']} images"
            rows.append([what, row["engine"], row["precision"], f"{row['bits']:,}",
                         f"{row['mismatches']:,}", f"{row['largest_difference']:.2g}"])  # fmt: skip
    return table(
        ["emulator against", "engine", "precision", "bits compared >", "mismatches >",
         "potentials differ by >"],
        rows,
    )  # fmt: skip


TABLES: dict[str, Callable[[Results], str]] = {
    "speed": speed,
    "chip-speed": chip_speed,
    "peer-speed": peer_speed,
    "asynchrony-speed": asynchrony_speed,
    "crosscheck": crosscheck,
}
