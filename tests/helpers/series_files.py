"""Small files of labelled series, drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np

HEAD = """# drawn
@problemName JapaneseVowels
@timeStamps false
@missing false
@dimensions {channels}
@classLabel true 1 2 3
@data
"""


def text(cases: int, channels: int = 3, seed: int = 0) -> str:
    """Cases of three classes that differ in their means, 4 to 9 frames each."""
    rng, lines = np.random.default_rng(seed), []
    centre = np.random.default_rng(7).standard_normal((3, channels))
    for n in range(cases):
        frames = centre[n % 3] + 0.5 * rng.standard_normal((rng.integers(4, 10), channels))
        said = [",".join(f"{value:.6g}" for value in column) for column in frames.T]
        lines.append(":".join([*said, str(n % 3 + 1)]))
    return HEAD.format(channels=channels) + "\n".join(lines) + "\n"


def vowels(folder: Path, cases: int = 18) -> Path:
    """A directory with both files of the data set's name."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, part in enumerate(("TRAIN", "TEST")):
        (folder / f"JapaneseVowels_{part}.ts").write_text(text(cases, seed=seed))
    return folder
