"""What studies share: points that are kept once they are known, and the file of results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from eqchip.emulator.training.runs import versions

# What was measured before presets turned images, left out what is right, and took smaller steps
# where the chip learns, is measured without.
MOVED_ALONE = {"rotate": 0.0, "zoom": 0.0, "skip_right": 0.0}
LARGER_STEPS = {"step_size": {"value": 0.8}}


def once(runs: Path, asked: Any, find: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `find` finds for what is asked; kept in the folder, and not found again."""
    name = hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:16]
    done = runs / f"{name}.json"
    if not done.exists():
        done.parent.mkdir(parents=True, exist_ok=True)
        done.write_text(json.dumps(find()))
    found: dict[str, Any] = json.loads(done.read_text())
    return found


def write(file: Path, kind: str, command: str, points: list[Any], **more: Any) -> None:
    """The results of a study."""
    document = {"kind": kind, "command": command, **more, "versions": versions(), "points": points}
    file.write_text(json.dumps(document, indent=1) + "\n")
