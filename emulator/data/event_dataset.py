"""A data set of recordings of an event camera."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from eqchip.emulator.data.dataset import EVENT_NAMES, Dataset
from eqchip.emulator.data.recordings import Recordings
from eqchip.emulator.errors import InputError

if TYPE_CHECKING:
    from eqchip.emulator.description.config import Config

TOLD = 1000  # recordings that are looked at for what is said of all


@dataclass(frozen=True, eq=False, repr=False)
class EventDataset(Dataset):
    """Recordings and their classes, for training and for the final test.

    As :class:`Dataset`, but for its samples: no grey values, but events at times of their own,
    which a network's clamped input sends as they come.

    Attributes
    ----------
    train_x, test_x : Recordings
        Of one camera and one duration.
    shape : tuple of int
        Of the sensor: (height, width, 2), off and on.

    Examples
    --------
    >>> from eqchip.emulator.data.datasets import load
    >>> data = load("moving-digits")
    >>> data, data.duration
    (EventDataset(moving-digits: 1437 train, 360 test, 16x16x2, 10 classes), 300000)
    """

    recorded: ClassVar[bool] = True

    @property
    def duration(self) -> int:
        """Of each recording, in microseconds."""
        found: int = self.train_x.duration
        return found

    def check_settings(self, config: Config) -> None:
        """Refuse settings for numbers, and for what hears no streams.

        Raises
        ------
        InputError
        """
        descent, coding = config.descent, config.coding
        for what, value, fits, wanted in (
            ("on_chip", "given", config.on_chip is None, "none"),
            ("timing", "given", config.timing is None, "one clock for all"),
            ("input", config.input, config.input == "spikes", "'spikes'"),
            ("quantizer", coding.quantizer, coding.sends_bits, "'sigma-delta' or 'bernoulli'"),
            ("shift", descent.shift, not descent.shift, "0"),
            ("flip", descent.flip, not descent.flip, "False"),
            ("rotate", descent.rotate, not descent.rotate, "0"),
            ("zoom", descent.zoom, not descent.zoom, "0"),
            ("input_dropout", descent.input_dropout, not descent.input_dropout, "0"),
        ):
            if not fits:
                raise InputError(
                    f"{what} is {value!r} with data set {self.name}, whose recordings are streams "
                    f"of events; expected {wanted}"
                )

    def told(self, steps: int) -> str:
        """How long a step is, and how many events are no spike of their own."""
        few = self.train_x[:TOLD]
        count = max(len(few.times), 1)
        return (
            f"{count / max(len(few), 1):,.0f} events a recording, in {steps} steps of "
            f"{self.duration / 1000 / steps:g} ms; {100 * few.merged(steps) / count:.1f} % of them "
            "are one spike with another of their input and step"
        )

    def check_numbers(self, who: str) -> None:
        """Refuse recordings.

        Raises
        ------
        InputError
        """
        raise InputError(
            f"{who}: data set {self.name} has recordings of events; expected one of numbers"
        )

    def copies(self) -> dict[str, np.ndarray]:
        """Recordings are kept beside no run: they have to have a name.

        Raises
        ------
        InputError
        """
        raise InputError(
            f"data set {self.name}: recordings of one's own are kept beside no run; expected one "
            f"of {', '.join(EVENT_NAMES)}, or Trainer, which keeps nothing"
        )

    def counted(self) -> Dataset:
        """The same samples without time: how often each input fired, over the most of training.

        What a network that sees frames is given: the baseline beside a stream.

        Examples
        --------
        >>> from eqchip.emulator.data.datasets import load
        >>> load("moving-digits").counted()
        Dataset(moving-digits-counted: 1437 train, 360 test, 16x16x2, 10 classes)
        """
        full = max(int((self.train_x.counted(2**16).max() * 2**16).round()), 1)
        return Dataset(
            name=f"{self.name}-counted",
            train_x=self.train_x.counted(full),
            train_y=self.train_y,
            test_x=self.test_x.counted(full),
            test_y=self.test_y,
            shape=self.shape,
            classes=self.classes,
            source=f"{self.source}; events counted",
            labels=self.labels,
            scaling=f"events of a recording over {full}, the most of training",
        )

    def _check_samples(self, name: str, units: int) -> None:
        x = getattr(self, name)
        if not isinstance(x, Recordings):
            raise InputError(
                f"Dataset: {name} is a {type(x).__name__}; expected Recordings of an event camera"
            )
        if x.inputs != units or x.duration != self.train_x.duration:
            raise InputError(
                f"Dataset: {name} has {x.inputs} inputs and {x.duration} us; expected {units} of "
                f"shape {self.shape}, and {self.train_x.duration} us"
            )

    def _held(self, part: str) -> tuple[np.ndarray, ...]:
        found: Recordings = getattr(self, part)
        return found.arrays
