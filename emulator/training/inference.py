"""How a trained network classifies: one recipe, wherever that is run, shown, checked or priced."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np

from eqchip.emulator.data.recordings import Recordings
from eqchip.emulator.description.config import Config
from eqchip.emulator.description.graph.events import Events
from eqchip.emulator.description.phases import Free
from eqchip.emulator.problem.run import Run


def stream_seed(seed: int, purpose: str, index: int = 0) -> int:
    """A seed of its own for each use of random numbers."""
    words = np.random.SeedSequence([seed, *purpose.encode(), index])
    return int(words.generate_state(1, np.uint64)[0])


def averaged_by_engine(config: Config) -> int:
    """The steps over which the engine averages the ends of a phase: one without a clock."""
    return config.learning.average_steps if config.timing is None else 1


@singledispatch
def shown(x: Any, config: Config, steps: int) -> Any:
    """Samples of a data set as a trained network is given them, by what they are.

    Numbers are scaled by 1 - input_dropout, since all of them are there now. A recording is sent as
    it was recorded, its events in as many bins as the free phase of training has steps.

    steps: of the phase, in which they are shown, which may end sooner.
    """
    return x * x.dtype.type(1.0 - config.descent.input_dropout)


@shown.register
def _(x: Recordings, config: Config, steps: int) -> Events:
    return x.binned(config.learning.free_steps).until(steps)


def inference_settings(
    config: Config, x: np.ndarray | Recordings, samples: Sequence[int] | np.ndarray, **changes: Any
) -> dict[str, Any]:
    """What a trained network classifies with: all that `pose` and :func:`eqchip.run` take but it.

    A free phase of as many steps as in training.

    Parameters
    ----------
    config : Config
        Of the training run.
    x : ndarray, shape (batch, n_in), or Recordings
        As in the data set; see :func:`shown`.
    samples : sequence of int
        Their numbers there, by which random numbers are drawn.
    **changes
        Take the place of what is chosen here, or come beside.

    Examples
    --------
    >>> from eqchip.emulator.training.presets import preset
    >>> config = preset("digits", descent={"input_dropout": 0.25})
    >>> settings = inference_settings(config, np.ones((1, 64)), [0], precision="float64")
    >>> settings["x"][0, 0].item(), settings["precision"], settings["phases"]
    (0.75, 'float64', [Free(steps=50, from_free=False)])
    """
    phases = changes.get("phases", [Free(config.learning.free_steps)])
    return {
        "x": shown(x, config, phases[0].steps),
        "coding": config.coding,
        "phases": phases,
        "input": config.input,
        "precision": config.precision,
        "seed": stream_seed(config.seed, "classify"),
        "samples": np.asarray(samples),
        "timing": config.timing,
        "readout": config.learning.readout,
        **changes,
    }


def classes_of(run: Run) -> np.ndarray:
    """The class of each sample, int64: the output whose potential the free phase ends largest."""
    return run.ends[0][-1].argmax(1)
