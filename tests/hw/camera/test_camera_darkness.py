"""Black, and what only looks like it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from hw.camera.darkness import DarkWatch, is_dark
from hw.camera.mode import Mode
from hw.camera.sources.pictures import empty_scene

SHAPE = (480, 640, 3)
BLACK = np.zeros(SHAPE, np.uint8)
SECOND_NS = 1_000_000_000


def sensor_noise(mean: float) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(mean, 1.0, SHAPE)
    return np.clip(noise, 0, 255).astype(np.uint8)


def lamp() -> npt.NDArray[np.uint8]:
    image = BLACK.copy()
    image[200:264, 300:364] = 255
    return image


@pytest.mark.parametrize("image", [BLACK, sensor_noise(0), sensor_noise(5)], ids=["zero", "noise", "black level"])
def test_a_covered_lens_is_dark(image: npt.NDArray[np.uint8]) -> None:
    assert is_dark(image)


@pytest.mark.parametrize(
    "image",
    [lamp(), np.full(SHAPE, 40, np.uint8), np.full(SHAPE, 255, np.uint8), empty_scene(Mode(640, 480, None))],
    ids=["lamp in a dark room", "even grey", "white", "empty scene"],
)
def test_anything_to_see_is_not(image: npt.NDArray[np.uint8]) -> None:
    assert not is_dark(image)


def test_the_smallest_frame_is_judged_too() -> None:
    assert is_dark(np.zeros((16, 16, 3), np.uint8))


def test_only_a_whole_second_counts() -> None:
    watch = DarkWatch()
    assert not watch.sees_only_dark(BLACK, 5 * SECOND_NS)
    assert not watch.sees_only_dark(BLACK, 6 * SECOND_NS - 1)
    assert watch.sees_only_dark(BLACK, 6 * SECOND_NS)


def test_one_bright_frame_begins_anew() -> None:
    watch = DarkWatch()
    watch.sees_only_dark(BLACK, SECOND_NS)
    watch.sees_only_dark(lamp(), SECOND_NS + 900_000_000)
    assert not watch.sees_only_dark(BLACK, SECOND_NS + 950_000_000)
    assert not watch.sees_only_dark(BLACK, 2 * SECOND_NS + 900_000_000)
    assert watch.sees_only_dark(BLACK, 2 * SECOND_NS + 950_000_000)
