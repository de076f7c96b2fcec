"""Run directories of networks that were trained a little."""

from __future__ import annotations

import json
from pathlib import Path

from small_runs import small_config

from eqchip.emulator.description.config import Config
from eqchip.emulator.training.runs import RunDirectory

PROVENANCE = {"eqchip": "test"}


def make_run(path: Path, config: Config | None = None) -> RunDirectory:
    """A run as training leaves it, of an untrained network: quick, and the same anywhere."""
    config = config or small_config()
    run = RunDirectory.create(path, config)
    run.save_network(config.network())
    for epoch in (1, 2):
        run.append_metrics(
            {
                "epoch": epoch, "train_error": 30.0 / epoch, "validation_error": 40.0 / epoch,
                "samples": 50, "spikes_per_sample": 200.0 * epoch,
                "synaptic_events_per_sample": 3000.0, "macs_per_sample": 0.0,
            }
        )  # fmt: skip
    of_test = {"spikes_per_sample": 1.0, "synaptic_events_per_sample": 1.0}
    run.append_metrics({"epoch": 2, "test_error": 25.0, **of_test})
    document = {
        "format": "eqchip-activity 1", "phases": ["free", "nudged", "nudged"], "samples": 50,
        "spikes": [[500, 20, 10]] * 3,
    }  # fmt: skip
    (path / "activity.json").write_text(json.dumps(document))
    return run
