"""What computed the seeds of an entry of ours, so that each can be repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eqchip.emulator.documents import read_toml
from eqchip.emulator.training.runs import RunDirectory
from eqchip.rulebench.plan import EP, Planned

NOT_RECORDED = "not recorded"


def made_by_runs(planned: Planned, runs: Sequence[RunDirectory], chip: str) -> Iterator[Any]:
    """Of each run its version, the fingerprint of its settings, and what trains it again.

    chip: whose integers it learns in.
    """
    for run in runs:
        document = read_toml(run.path / "config.toml", "the configuration of a run")
        version = document["provenance"].get("eqchip", NOT_RECORDED)
        command = command_of(planned, run.config.seed, chip)
        yield {"version": version, "digest": run.config.digest(), "command": command}


def made_off_chip(planned: Planned, results: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """The same of a yardstick, which a plan alone trains."""
    for one in results:
        text = json.dumps(one["settings"], sort_keys=True)
        yield {
            "version": one.get("version", NOT_RECORDED),
            "digest": hashlib.sha256(text.encode()).hexdigest()[:16],
            "command": f"eqchip rules PLAN.toml, with the entry {planned.name}",
        }


def command_of(planned: Planned, seed: int, chip: str) -> str:
    """The training of an entry of ours with a seed, as a command.

    Examples
    --------
    >>> entry = Planned(
    ...     rule="graded", way="common", dataset="digits", network="64-9-10",
    ...     settings={"epochs": 2, "lr": [0.1, 0.05]},
    ...     tuning={"trials": 0, "epochs": 0, "chosen_on": "nothing"},
    ... )
    >>> command_of(entry, 1, "loihi2").partition(" --on-chip ")[2]
    'loihi2 --rule graded --seed 1 --epochs 2 --lr 0.1,0.05'
    """
    flags = {"dataset": planned.dataset, "network": planned.network, "on_chip": chip}
    if planned.rule != EP:
        flags["rule"] = planned.rule
    given = {**flags, "seed": seed, **planned.settings}
    words = (f"--{name.replace('_', '-')} {_written(value)}" for name, value in given.items())
    return f"eqchip train {' '.join(words)}"


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
