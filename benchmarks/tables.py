"""Write the results tables of the READMEs from ``benchmarks/results/*.json``.

``python benchmarks/tables.py`` rewrites what stands between the markers
``<!-- results:NAME -->`` and ``<!-- /results:NAME -->``; ``--check`` writes nothing and
exits with 1 if that would change. NAME is one of TABLES below.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import mean
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from asynchrony_speed_table import asynchrony_speed
from asynchrony_tables import TABLES as ASYNCHRONY
from cells import NOTHING, between, spread, table, thousands
from onchip_tables import TABLES as ON_CHIP

ROOT = Path(__file__).resolve().parents[1]
PAGES = (
    "README.md", "benchmarks/README.md", "docs/training.md", "docs/fixed-point.md",
    "docs/asynchronous.md", "docs/convolution.md", "docs/on-chip-learning.md",
)  # fmt: skip
CONVOLUTIONS = (  # studies on MNIST
    "mnist-conv", "mnist-conv-real-valued", "mnist-conv-pooled", "mnist-conv-pooled-real-valued"
)  # fmt: skip
MARKED = re.compile(r"(<!-- results:([a-z-]+) -->\n).*?(<!-- /results:\2 -->)", re.DOTALL)

Result = dict[str, Any]
Results = dict[str, Any]  # file name -> document


# --- one function per kind of result ------------------------------------------------------


def speed(results: Results) -> str:
    """The engine against the machine's limit and dense algebra: ``speed.json``."""
    found = results.get("speed.json")
    if found is None:
        return NOTHING
    contestants = table(
        ["one step of one sample", "synaptic events/s >", "microseconds >"],
        [
            [
                contestant["name"],
                thousands(contestant["events_per_second"]),
                f"{contestant['microseconds_per_step']:.2f}",
            ]
            for contestant in found["contestants"]
        ],
    )
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


def training(results: Results) -> str:
    """Test errors of trained networks: every file of kind ``training``."""
    found = sorted(
        (r for r in results.values() if isinstance(r, dict) and r.get("kind") == "training"),
        key=lambda result: result["name"],
    )
    if not found:
        return NOTHING
    rows = table(
        ["", "network", "steps", "epochs >", "test error, % >", "validation error, % >", "seeds >",
         "events per sample >", "minutes a seed >"],
        [
            [
                result["name"],
                result["network"],
                _steps(result["steps"]),
                result["epochs"],
                spread(result.get("test_error")),
                spread(result.get("validation_error")),
                len(result["seeds"]),
                thousands(_mean(result["events_per_sample"])),
                f"{_mean(result['wall_seconds']) / 60:.0f}",
            ]
            for result in found
        ],
    )  # fmt: skip
    return f"{rows}\n\nErrors: mean ± sample standard deviation over seeds."


def frontier(results: Results) -> str:
    """Error against steps and events: ``frontier.json``, a list of training results."""
    points = results.get("frontier.json")
    if not points:
        return NOTHING
    errors = "validation_error" if all(p.get("validation_error") for p in points) else "test_error"
    rows = table(
        ["steps", "network", "coding", "epochs >", "events per sample >",
         f"{errors.replace('_', ' ')}, % >", "seeds >"],
        [
            [
                _steps(point["steps"]),
                point["network"],
                point["coding"],
                point["epochs"],
                thousands(_mean(point["events_per_sample"])),
                spread(point[errors]),
                len(point["seeds"]),
            ]
            for point in sorted(points, key=lambda p: _mean(p["events_per_sample"]))
        ],
    )  # fmt: skip
    return f"{rows}\n\nErrors: mean ± sample standard deviation over seeds."


def conv_frontier(results: Results) -> str:
    """Test error against events, of convolutions: ``conv-frontier.json`` and the studies."""
    studies = [results[f"{name}.json"] for name in CONVOLUTIONS if f"{name}.json" in results]
    points = [*studies, *results.get("conv-frontier.json", [])]
    if not points:
        return NOTHING
    rows = table(
        ["network", "messages", "steps", "events per training sample >",
         "events per classification >", "spikes per classification >", "test error, % >",
         "validation error, % >", "seeds >"],
        [
            [
                point["network"],
                "real values" if point["coding"].startswith("none") else "bits",
                _steps(point["steps"]),
                thousands(_mean(point["events_per_sample"])),
                thousands(_mean(point["test_events_per_sample"])),
                thousands(_mean(point["test_spikes_per_sample"])),
                spread(point["test_error"]),
                spread(point["validation_error"]),
                len(point["seeds"]),
            ]
            for point in sorted(points, key=lambda p: _mean(p["test_events_per_sample"]))
        ],
    )  # fmt: skip
    return f"{rows}\n\nErrors: mean ± sample standard deviation over seeds."


def integers(results: Results, file: str = "integers.json") -> str:
    """Error and distance to the fixed point over bits: ``integers.json``."""
    found = results.get(file)
    if found is None:
        return NOTHING
    real = next(p for p in found["points"] if p["varies"] == "floating point")
    steps = list(real["distance"][0])
    rows = []
    for point in found["points"]:
        widths = point["arithmetic"]
        name = "floating point"
        if widths:
            name = (
                f"weights of {widths['weight_bits']} bits, states of {widths['state_bits']} "
                f"({widths['fraction_bits']} below the point)"
            )
        distances = [f"{mean(d[n] for d in point['distance']):.4f}" for n in steps]
        clipped = f"{mean(point['saturations_per_sample']):.3g}" if widths else ""
        errors = spread(point["test_error"]), spread(point["validation_error"])
        rows.append([name, *errors, *distances, clipped])
    compared = table(
        ["", "test error, % >", "validation error, % >", *(f"distance, {n} steps >" for n in steps),
         "states clipped per sample >"],
        rows,
    )  # fmt: skip
    return (
        f"{compared}\n\n{found['network']}, {len(found['seeds'])} seeds, mean ± sample standard "
        f"deviation; {found['validation_samples']:,} validation samples, {found['free_steps']} "
        "steps. Distance: mean over units and samples between the potentials and the fixed point "
        "of the continuous network."
    )


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
            between(found["ratios"][contestant["name"]])
            if contestant["name"] in found["ratios"]
            else "",
        ]
        for contestant in found["contestants"]
    ]
    compared = table(
        ["", "threads >", "synaptic events/s >", "integers are times as fast: median (extremes) >"],
        rows,
    )
    setting = found["setting"]
    peer = found["sanafe"]
    told = (
        ""
        if peer is None
        else f" SANA-FE {peer['version']}, by its own clock, without {peer['load_seconds']:.1f} s "
        "to load the network; aims: 0.5 of the float engine, 200 times SANA-FE."
    )
    return (
        f"{compared}\n\n{'-'.join(map(str, setting['layers']))} on {found['cores']} cores of "
        f"{found['chip']}, {setting['free_steps']} + {setting['nudged_steps']} steps, the spikes "
        f"of every core counted at every step, {setting['rounds']} rounds; "
        f"{found['machine']['cpu']}.{told}"
    )


def cost(results: Results, file: str = "cost.json") -> str:
    """What training costs on a chip, on the fewest cores and on the cheapest: ``cost.json``."""
    found = results.get(file)
    if found is None:
        return NOTHING
    points = [p for p in found["points"] if p["chip"] == "loihi1-davies"]
    fewest = points[0]
    best = min(points, key=lambda p: p["rows"]["sample"]["energy"]["figure"]["value"])
    other = next(
        p for p in found["points"] if p["chip"] == "loihi1-sanafe" and p["spread"] == best["spread"]
    )
    columns = [fewest, *([best] if best is not fewest else []), other]
    rows = []
    for phase, label in (
        ("free", "free phase"), ("nudged", "two nudged phases"), ("update", "weight update"),
        ("sample", "**training sample**"), ("whole", "whole training"),
    ):  # fmt: skip
        for what in ("energy", "time"):
            cells = [
                "unknown" if f"{label} {what}" in p["rows"][phase][what]["lacks"]
                else _figure(p["rows"][phase][what])
                for p in columns
            ]  # fmt: skip
            rows.append([f"{label}, {what}", *cells])
    rows.append(["inference, energy", *(_figure(p["inference"]["energy"]) for p in columns)])
    rows.append(["inference, time", *(_figure(p["inference"]["time"]) for p in columns)])
    kib = [f"{p['memory_bytes'] / 1024:.0f} KiB" for p in columns]
    rows.append(["memory on the chip", *kib])
    heads = [f"{p['chip']}, {p['cores']} cores >" for p in columns]
    compared = table(["modelled, not measured", *heads], rows)
    anchor = next(a for a in found["anchors"] if a["name"].startswith("Renner"))
    steps = f"{found['steps']['free']} + 2 x {found['steps']['nudged']}"
    return (
        f"{compared}\n\n{found['network']} on {found['dataset']}, {steps} steps, test error "
        f"{found['test_error']:.2f} % (trained in floating point), {found['samples']} samples "
        "replayed in the chip's integers; every weight written after every sample, both copies of "
        "symmetric ones. Nominal (low to high); ≥: terms are unknown, such as the energy of "
        f"barriers. Measured beside it: {anchor['method']} on {anchor['hardware']}, "
        f"{anchor['network']}, {anchor['training_energy'] * 1e6:.0f} µJ and "
        f"{anchor['training_time'] * 1e3:.1f} ms per training sample, {anchor['accuracy']} % "
        f"({anchor['name']})."
    )


def _figure(total: Result) -> str:
    """An energy or time with its band: ``≥ 145 (119 to 295) µJ``."""
    figure = total["figure"]
    if figure is None:
        return "unknown"
    if figure["unit"] == "s" and figure["value"] >= 120:
        figure = {k: v if k == "unit" else v / 60 for k, v in figure.items()} | {"unit": "min"}
    size, name = next(
        (size, prefix + figure["unit"])
        for size, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
        if figure["value"] >= 0.9 * size or size == 1e-9
    )
    low, middle, high = (_three(figure[k] / size) for k in ("low", "value", "high"))
    return f"{'≥ ' if total['lacks'] else ''}{middle} ({low} to {high}) {name}"


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


def peer_speed(results: Results) -> str:
    """The emulator beside Brian2 and Lava: ``peer-speed.json``."""
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
    return (
        f"{compared}\n\n{'-'.join(map(str, setting['layers']))}, {setting['free_steps']} + "
        f"{setting['nudged_steps']} steps, the same inputs and spikes, {setting['rounds']} rounds; "
        f"{found['machine']['cpu']}. Brian2 with its default compiler flags, computing in float64; "
        "loops over time steps alone are timed. Aims: 20 times Brian2's C++, 150 times Lava."
    )


def _three(number: float) -> str:
    """Three digits, and none of them in an exponent."""
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"


def files(results: Results) -> str:
    """Every result file, with the command that made it."""
    if not results:
        return NOTHING
    rows = []
    for name, result in sorted(results.items()):
        parts = result if isinstance(result, list) else [result]
        commands = dict.fromkeys(
            part.get("command") or part.get("provenance", {}).get("command", "") for part in parts
        )
        rows.append([f"`{name}`", "<br>".join(f"`{c}`" for c in commands if c)])
    return table(["file", "made by"], rows)


TABLES: dict[str, Callable[[Results], str]] = {
    "speed": speed,
    "training": training,
    "frontier": frontier,
    "conv-frontier": conv_frontier,
    "integers": integers,
    "conv-integers": partial(integers, file="conv-integers.json"),
    "fashion-integers": partial(integers, file="fashion-integers.json"),
    "cost": cost,
    "conv-cost": partial(cost, file="conv-cost.json"),
    "fashion-cost": partial(cost, file="fashion-cost.json"),
    "chip-speed": chip_speed,
    "crosscheck": crosscheck,
    "peer-speed": peer_speed,
    "files": files,
    "asynchrony-speed": asynchrony_speed,
    **ASYNCHRONY,
    **ON_CHIP,
}


def _steps(steps: Result) -> str:
    nudged = steps["nudged"]
    return " + ".join(
        map(str, [steps["free"], *(nudged if isinstance(nudged, list) else [nudged])])
    )


def _mean(value: float | Sequence[float]) -> float:
    return mean(value) if isinstance(value, Sequence) else float(value)


# --- the pages ----------------------------------------------------------------------------


def read_results(folder: Path) -> Results:
    """All result files, by name."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def fill(page: str, results: Results) -> str:
    """The page with every marked table written anew."""

    def written(match: re.Match[str]) -> str:
        name = match[2]
        if name not in TABLES:
            raise SystemExit(f"unknown table results:{name}; expected one of {', '.join(TABLES)}")
        return f"{match[1]}{TABLES[name](results)}\n{match[3]}"

    return MARKED.sub(written, page)


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Rewrite the pages, or check them."""
    parser = argparse.ArgumentParser(description="Write the results tables of the READMEs.")
    parser.add_argument("--check", action="store_true", help="exit with 1 if one is stale")
    check = parser.parse_args(arguments).check
    results = read_results(root / "benchmarks" / "results")
    stale = []
    for name in PAGES:
        path = root / name
        if not path.is_file():
            continue
        page = path.read_text(encoding="utf-8")
        fresh = fill(page, results)
        if fresh != page:
            stale.append(name)
            if not check:
                path.write_text(fresh, encoding="utf-8")
    for name in stale:
        print(f"{name}: stale; run python benchmarks/tables.py" if check else f"{name}: written")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
