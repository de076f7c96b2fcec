"""Training images seen a little differently every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from eqchip.emulator.description.config import Descent


def augment(
    x: np.ndarray, shape: tuple[int, ...], descent: Descent, rng: np.random.Generator
) -> np.ndarray:
    """Images moved, mirrored, turned and zoomed as a training is told to.

    Parameters
    ----------
    x : ndarray, shape (n, values of an image)
    shape : tuple of int
        Of an image: height, width, and what else.
    descent : Descent
        Its shift (pixels along each axis), flip (left to right, of every image with probability
        1/2), rotate (degrees about the centre) and zoom (a share of the size). What comes in from
        outside is 0; between pixels values are bilinear, and so between those of the image.

    Returns
    -------
    ndarray
        Of the shape of x.
    """
    shift = descent.shift
    images = x.reshape(len(x), *shape)
    height, width = shape[:2]
    if descent.flip:
        mirrored = rng.random(len(x)) < 0.5
        images = np.where(mirrored.reshape(-1, *[1] * len(shape)), images[:, :, ::-1], images)
    if shift:
        padded = np.zeros((len(x), height + 2 * shift, width + 2 * shift, *shape[2:]), x.dtype)
        padded[:, shift : shift + height, shift : shift + width] = images
        moves = rng.integers(0, 2 * shift + 1, (len(x), 2))
        images = np.stack(
            [
                image[top : top + height, left : left + width]
                for image, (top, left) in zip(padded, moves, strict=True)
            ]
        )
    if descent.rotate or descent.zoom:
        images = _turned(images, descent.rotate, descent.zoom, rng)
    return np.ascontiguousarray(images).reshape(x.shape)


def _turned(images: np.ndarray, rotate: float, zoom: float, rng: np.random.Generator) -> np.ndarray:
    """Each image turned and zoomed about its centre, by amounts drawn evenly."""
    from scipy import ndimage  # type: ignore[import-untyped]  # slow to load

    angles = np.deg2rad(rng.uniform(-rotate, rotate, len(images)))
    sizes = 1.0 + rng.uniform(-zoom, zoom, len(images))
    sines, cosines = np.sin(angles) / sizes, np.cos(angles) / sizes
    centre = np.array([(side - 1) / 2 for side in images.shape[1:3]] + [0.0] * (images.ndim - 3))
    turned = np.empty_like(images)
    for image, sine, cosine, into in zip(images, sines, cosines, turned, strict=True):
        back = np.eye(image.ndim)  # from a pixel of the turned image to a place in the given one
        back[:2, :2] = [[cosine, -sine], [sine, cosine]]
        offset = centre - back @ centre
        ndimage.affine_transform(image, back, offset, output=into, order=1)
    return turned
