"""Tables of what was tried in and between phases: momentum, read-outs, betas, steps, rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cells import NOTHING, spread, table, thousands

Results = dict[str, Any]  # file name -> document

SHOWN, AT, UPDATE = (8, 12, 20, 32), 20, "cosine 20 + 2 x 8"


def momentum(results: Results) -> str:
    """Distances from rest and cosines without and with momentum: ``momentum-sketch.json``."""
    document = results.get("momentum-sketch.json")
    if document is None:
        return NOTHING
    found = {(p["network"], p["bits"], p["momentum"]): p["found"] for p in document["points"]}
    rows = []
    for name, written in document["networks"].items():
        for bits in (False, True):
            without, with_it = (found[name, bits, on] for on in (False, True))
            goal = without[f"distance {AT}"]["value"]
            steps = sorted(int(key.split()[1]) for key in with_it if key.startswith("distance"))
            reached = [n for n in steps if with_it[f"distance {n}"]["value"] <= goal]
            rows.append([
                written,
                "bits" if bits else "real values",
                _distances(without),
                _distances(with_it),
                reached[0] if reached else f"over {steps[-1]}",
                f"{1 - without[UPDATE]['value']:.2f}",
                f"{1 - with_it[UPDATE]['value']:.2f}",
            ])  # fmt: skip
    return table(
        ["network", "messages", f"from rest after {', '.join(map(str, SHOWN))} steps",
         "with momentum", f"reaches the former's {AT} steps in >", "cosine >", "with momentum >"],
        rows,
    )  # fmt: skip


def _distances(found: dict[str, Any]) -> str:
    return ", ".join(f"{found[f'distance {n}']['value']:.2g}" for n in SHOWN)


def momentum_training(results: Results) -> str:
    """Errors of a deep network with momentum in its phases: ``momentum-training.json``."""
    document = results.get("momentum-training.json")
    if document is None:
        return NOTHING
    found = {(tuple(p["steps"]), p["step_size"], p["mu"]): p["errors"] for p in document["points"]}
    momenta = sorted({mu for *_, mu in found})
    rows = [
        [
            f"{free} + 2 x {nudged}",
            size,
            *(spread(found[(free, nudged), size, mu]) for mu in momenta),
        ]
        for free, nudged, size in dict.fromkeys((*steps, size) for steps, size, _ in found)
    ]
    return table(["steps", "step size >", *(f"mu = {mu:g}, % >" for mu in momenta)], rows)


def read_outs(results: Results) -> str:
    """Errors with a read-out a layer: ``readouts-sketch.json``."""
    document = results.get("readouts-sketch.json")
    if document is None:
        return NOTHING
    groups: dict[tuple[str, str, float], dict[str, Any]] = {}
    for point in document["points"]:
        betas = ", ".join(f"{beta:.2g}" for beta in point["betas"])
        groups.setdefault((point["name"], betas, point["feedback"]), {})[point["dataset"]] = point
    datasets = list(document["settings"])
    rows = [
        [
            name, betas, f"{feedback:g}",
            *(spread(of[one]["errors"]["last"]) for one in datasets),
            *(spread(of[one]["errors"]["product"]) for one in datasets if name == "separate"),
            *([""] * len(datasets) if name != "separate" else []),
        ]
        for (name, betas, feedback), of in groups.items()
    ]  # fmt: skip
    return table(
        ["softmax", "betas of the layers", "feedback >", *(f"{one}, % >" for one in datasets),
         *(f"{one}, all, % >" for one in datasets)],
        rows,
    )  # fmt: skip


def beta_schedules(results: Results) -> str:
    """Errors by the schedule of beta: ``beta-schedules.json``."""
    document = results.get("beta-schedules.json")
    if document is None:
        return NOTHING
    networks = list(dict.fromkeys(point["network"] for point in document["points"]))
    cases = list(dict.fromkeys((p["first"], p["last"], p["rule"]) for p in document["points"]))
    rows = []
    for case in cases:
        first, last, rule = case
        same = [p for p in document["points"] if (p["first"], p["last"], p["rule"]) == case]
        said = f"{first:g}" if first == last else f"{first:g} to {last:g}"
        rows.append([
            said + ("" if rule == "symmetric" else ", half of each nudged phase 4 times that"),
            *(spread([p["validation_errors"][-1] for p in same if p["network"] == one])
              for one in networks),
        ])  # fmt: skip
    return (
        table(["beta", *(f"{one}, % >" for one in networks)], rows)
        + "\n\nValidation errors, 15,000 training samples; one seed where no spread is given, else "
        f"{len({point['seed'] for point in document['points']})}."
    )


def step_sizes(results: Results) -> str:
    """Errors by step size under a strong nudge: ``step-sizes.json``."""
    document = results.get("step-sizes.json")
    if document is None:
        return NOTHING
    sizes = sorted({point["step_size"] for point in document["points"]})
    errors: dict[tuple[str, ...], dict[float, list[float]]] = {}
    for point in document["points"]:
        sees = point["settings"].get("sees")
        where = f"on the chip{f', `{sees}`' if sees else ''}" if point["chip"] else ""
        case = point["data"], point["network"], where, point["readout"]
        errors.setdefault(case, {}).setdefault(point["step_size"], []).append(point["error"])
    rows = [
        [*case, *(spread(of.get(size)) for size in sizes), len(of[sizes[0]])]
        for case, of in errors.items()
    ]
    heads = [f"{size:g}, % >" for size in sizes]
    return table(["data", "network", "learned", "read-out", *heads, "seeds >"], rows)


def rest(results: Results) -> str:
    """Which networks still rest: ``rest.json``."""
    document = results.get("rest.json")
    if document is None:
        return NOTHING
    rows = []
    for point in document["points"]:
        last = point["epochs"][-1]
        rows.append([
            point["case"],
            f"{last['validation_error']:.2f}",
            ", ".join(f"{error:g}" for error in last["errors"]),
            ", ".join(f"{row['errors'][-1]:g}" for row in point["epochs"]),
            ", ".join(f"{gain:.2f}" for gain in last["gain"]) if last["still_moving"] else "",
            thousands(last["events"]),
        ])  # fmt: skip
    epochs, steps = len(document["points"][0]["epochs"]), ", ".join(map(str, document["steps"]))
    return (
        table(
            ["trained with", "validation error, % >", f"real-valued, {steps} steps, % >",
             "at rest after each epoch, % >", "loop gain, median and 9 of 10 >",
             "synaptic events a sample >"],
            rows,
        )
        + f"\n\n10,000 training samples, {epochs} epochs, one seed; real-valued: of 500 samples. "
        "No gain: after 100 steps nothing moves."
    )  # fmt: skip


TABLES: dict[str, Callable[[Results], str]] = {
    "momentum": momentum,
    "momentum-training": momentum_training,
    "read-outs": read_outs,
    "beta-schedules": beta_schedules,
    "rest": rest,
    "step-sizes": step_sizes,
}
