"""Training images seen a little differently every time."""

from __future__ import annotations

import numpy as np


def augment(
    x: np.ndarray, shape: tuple[int, ...], shift: int, flip: bool, rng: np.random.Generator
) -> np.ndarray:
    """Images moved by up to `shift` pixels along each axis, and mirrored left to right.

    Parameters
    ----------
    x : ndarray, shape (n, values of an image)
    shape : tuple of int
        Of an image: height, width, and what else.
    shift : int
        Pixels; what is moved in is 0.
    flip : bool
        Mirror every image with probability 1/2.

    Returns
    -------
    ndarray
        Of the shape of x.
    """
    images = x.reshape(len(x), *shape)
    height, width = shape[:2]
    if flip:
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
    return np.ascontiguousarray(images).reshape(x.shape)
