"""Training images that are moved and mirrored."""

import numpy as np
import pytest

from eqchip.emulator.data.augmentation import augment
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import make_config
from eqchip.emulator.errors import InputError
from eqchip.emulator.training.trainer import Trainer


def images(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, 5 * 4)).astype(np.float32)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    moved = np.zeros_like(image)
    for i in range(5):
        for j in range(4):
            if 0 <= i - down < 5 and 0 <= j - right < 4:
                moved[i, j] = image[i - down, j - right]
    return moved


def test_every_shift_up_to_the_largest_is_drawn_and_nothing_else():
    x = images(300)
    found = augment(x, (5, 4), 1, False, np.random.default_rng(1)).reshape(-1, 5, 4)
    seen = set()
    for before, after in zip(x.reshape(-1, 5, 4), found, strict=True):
        moves = [
            (down, right)
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if np.array_equal(after, shifted(before, down, right))
        ]
        assert len(moves) == 1
        seen.update(moves)
    assert len(seen) == 9


def test_about_half_of_the_images_are_mirrored_left_to_right():
    x = images(400)
    found = augment(x, (5, 4), 0, True, np.random.default_rng(2)).reshape(-1, 5, 4)
    before = x.reshape(-1, 5, 4)
    same = (found == before).all((1, 2))
    mirrored = (found == before[:, :, ::-1]).all((1, 2))
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_the_images_that_were_given_are_left_alone():
    x = images(3)
    before = x.copy()
    augment(x, (5, 4), 2, True, np.random.default_rng(3))
    np.testing.assert_array_equal(x, before)


def test_samples_that_are_no_images_cannot_be_moved():
    x, y = images(6), np.array([0, 1, 0, 1, 0, 1])
    data = Dataset("rows", x, y, x, y, (20,), 2, "drawn")
    config = make_config(layers=(20, 2), descent={"lr": [0.1], "shift": 1})
    with pytest.raises(InputError, match=r"shift 1, .* data set rows, .* no images; expected 0"):
        Trainer(config, data)
