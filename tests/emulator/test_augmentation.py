"""Training images that are moved, mirrored, turned and zoomed."""

import numpy as np
import pytest

from eqchip.emulator.data.augmentation import augment
from eqchip.emulator.data.dataset import Dataset
from eqchip.emulator.description.config import Descent, make_config
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
    found = augment(x, (5, 4), Descent(shift=1), np.random.default_rng(1)).reshape(-1, 5, 4)
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
    found = augment(x, (5, 4), Descent(flip=True), np.random.default_rng(2)).reshape(-1, 5, 4)
    before = x.reshape(-1, 5, 4)
    same = (found == before).all((1, 2))
    mirrored = (found == before[:, :, ::-1]).all((1, 2))
    assert (same ^ mirrored).all()
    assert 150 < mirrored.sum() < 250


def test_the_images_that_were_given_are_left_alone():
    x = images(3)
    before = x.copy()
    everything = Descent(shift=2, flip=True, rotate=10.0, zoom=0.1)
    augment(x, (5, 4), everything, np.random.default_rng(3))
    np.testing.assert_array_equal(x, before)


def bump(down: float, right: float) -> np.ndarray:
    """A round spot with its middle so far from that of an image of 21 x 21 x 2."""
    y, x = np.mgrid[-10:11, -10:11]
    spot = np.exp(-((y - down) ** 2 + (x - right) ** 2) / 8)
    return np.stack([spot, spot / 2], -1)


def middle(image: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[-10:11, -10:11]
    return np.array([(image * y).sum(), (image * x).sum()]) / image.sum()


def test_images_turn_and_grow_about_their_centre_by_up_to_what_is_asked_for():
    x = np.repeat(bump(0, 5)[None], 300, 0).reshape(300, -1)
    found = augment(
        x, (21, 21, 2), Descent(rotate=30.0, zoom=0.2), np.random.default_rng(7)
    ).reshape(-1, 21, 21, 2)
    np.testing.assert_allclose(found[..., 1], found[..., 0] / 2)
    places = np.array([middle(image[..., 0]) for image in found])
    angles = np.rad2deg(np.arctan2(places[:, 0], places[:, 1]))
    far = np.hypot(*places.T) / 5
    assert -30.5 < angles.min() < -27
    assert 27 < angles.max() < 30.5
    assert abs(angles.mean()) < 3
    assert 0.78 < far.min() < 0.82
    assert 1.15 < far.max() < 1.21
    assert found.min() >= 0
    assert found.max() <= x.max()


def test_a_quarter_turn_moves_pixels_and_invents_none(monkeypatch):
    image = np.random.default_rng(5).random((5, 5))
    rng = np.random.default_rng(0)
    monkeypatch.setattr("numpy.deg2rad", lambda angles: np.full(len(angles), np.pi / 2))
    found = augment(image.reshape(1, -1), (5, 5), Descent(rotate=90.0), rng)
    np.testing.assert_allclose(found.reshape(5, 5), np.rot90(image, 3), atol=1e-12)


@pytest.mark.parametrize("what", [{"rotate": 10.0}, {"zoom": 0.1}])
def test_what_is_not_asked_for_draws_nothing(what):
    """Runs that move and mirror alone see the images that they saw before there was more."""
    x = images(8)
    moved = augment(x, (5, 4), Descent(shift=1, flip=True), np.random.default_rng(6))
    more = augment(x, (5, 4), Descent(shift=1, flip=True, **what), np.random.default_rng(6))
    turned_alone = augment(moved, (5, 4), Descent(**what), _after_moves(8))
    np.testing.assert_array_equal(more, turned_alone)


def _after_moves(n: int) -> np.random.Generator:
    rng = np.random.default_rng(6)
    rng.random(n)
    rng.integers(0, 3, (n, 2))
    return rng


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"shift": 1}, "shift 1"),
        ({"flip": True}, "flip True"),
        ({"rotate": 5.0}, "rotate 5"),
        ({"zoom": 0.1}, "zoom 0.1"),
    ],
)
def test_samples_that_are_no_images_cannot_be_moved(what, said):
    x, y = images(6), np.array([0, 1, 0, 1, 0, 1])
    data = Dataset("rows", x, y, x, y, (20,), 2, "drawn")
    config = make_config(layers=(20, 2), descent={"lr": [0.1], **what})
    with pytest.raises(InputError, match=rf"{said}.* data set rows, .* no images; expected 0"):
        Trainer(config, data)
