"""Digits that move before an event camera, drawn: a small set of recordings that needs no file.

As N-MNIST was recorded (Orchard et al. 2015), three saccades along the sides of an isosceles
triangle show a digit to a camera; this camera is computed. A pixel keeps the logarithm of the
intensity at which it last fired, and fires whenever the present one is THRESHOLD above or below::

    on  event at  L(t) = M + THRESHOLD,   M <- M + THRESHOLD
    off event at  L(t) = M - THRESHOLD,   M <- M - THRESHOLD

with L between two drawn moments on a straight line, which is how event cameras are simulated
(Rebecq, Gehrig and Scaramuzza, ESIM, CoRL 2018; Hu, Liu and Delbruck, v2e, CVPRW 2021). Without
noise, and all in whole numbers: the same events on every machine.
"""

from __future__ import annotations

import numpy as np

from eqchip.emulator.data.recordings import Recordings

SENSOR = 16  # pixels in each direction
SACCADE = 100_000  # microseconds, as N-MNIST's
MOMENTS = 10  # of a saccade, at which the digit is drawn
# Corners of the way, (down, right) of the middle in pixels; it ends where it began.
CORNERS = ((-2, -2), (2, 0), (-2, 2), (-2, -2))
DURATION = SACCADE * (len(CORNERS) - 1)
# Of ln((1 + grey value) / 1): what is black is a seventeenth of what is white. v2e's usual one is
# 0.2; a larger one gives fewer events.
THRESHOLD = 0.6
_LOG_UNIT = 1000  # of the logarithm, in whole numbers
# A pixel of the sensor is 2/3 of one of the image. Positions are whole numbers of 1/PLACE of that.
_WIDTH, _PLACE = 8, 60


def record(images: np.ndarray) -> Recordings:
    """What the camera sees of images, whole grey values 0 to 16 of shape (n, 8, 8).

    Examples
    --------
    >>> dark = record(np.zeros((1, 8, 8)))
    >>> bright = record(np.full((1, 8, 8), 16))
    >>> len(dark.times), len(bright.times) > 100
    (0, True)
    """
    grey = np.arange(16 * _PLACE**2 + 1) / _PLACE**2
    logs = np.rint(_LOG_UNIT * np.log1p(grey)).astype(np.int32)
    threshold, between = round(THRESHOLD * _LOG_UNIT), SACCADE // MOMENTS
    moments = _way()
    before = logs[_shown(images, moments[0])]
    kept = before.copy()
    found: list[tuple[np.ndarray, ...]] = []
    for k, moment in enumerate(moments[1:]):
        now = logs[_shown(images, moment)]
        for polarity, sign in ((1, 1), (0, -1)):
            crossed = sign * (now - kept) // threshold
            place = np.nonzero(crossed > 0)
            times = np.repeat(crossed[place], crossed[place])
            sample, row, column = (np.repeat(one, crossed[place]) for one in place)
            which = np.arange(len(times)) - np.repeat(np.cumsum(crossed[place]), crossed[place])
            level = kept[sample, row, column] + sign * threshold * (which + times + 1)
            start = before[sample, row, column]
            part = (level - start) * between // (now[sample, row, column] - start)
            moments_of = k * between + np.minimum(part, between - 1)
            found.append((sample, moments_of, (row * SENSOR + column) * 2 + polarity))
            kept[place] += sign * threshold * crossed[place]
        before = now
    samples, times, units = (np.concatenate(each) for each in zip(*found, strict=True))
    return Recordings.of_events(
        samples, times, units, len(images), inputs=2 * SENSOR**2, duration=DURATION
    )


def _way() -> list[tuple[int, int]]:
    """Where the digit is at each moment: (down, right), in 1/MOMENTS of a pixel."""
    way = [(CORNERS[0][0] * MOMENTS, CORNERS[0][1] * MOMENTS)]
    for start, end in zip(CORNERS, CORNERS[1:], strict=False):
        for k in range(1, MOMENTS + 1):
            down, right = (a * MOMENTS + k * (b - a) for a, b in zip(start, end, strict=True))
            way.append((down, right))
    return way


def _shown(images: np.ndarray, moment: tuple[int, int]) -> np.ndarray:
    """What falls on the pixels, (n, SENSOR, SENSOR), over _PLACE**2: between pixels on a line."""
    rows, columns = (_weights(shift) for shift in moment)
    # Whole numbers far below 2**53: exact, in whatever order they are summed.
    return (rows @ images.astype(np.float64) @ columns.T).astype(np.int64)


def _weights(shift: int) -> np.ndarray:
    """What each row of an image gives to each of the sensor, (SENSOR, 8), over _PLACE."""
    pixels = np.arange(SENSOR)
    # Middle of a pixel, from the middle of the sensor, in 2 MOMENTS of a pixel; then of an image.
    middle = (2 * pixels + 1 - SENSOR) * MOMENTS - 2 * shift
    per_pixel = 3 * MOMENTS  # an image's pixel is 3/2 of the sensor's
    place = middle * _PLACE // per_pixel + (_WIDTH - 1) * _PLACE // 2
    distance = abs(place[:, None] - np.arange(_WIDTH) * _PLACE)
    return np.maximum(_PLACE - distance, 0).astype(np.float64)
