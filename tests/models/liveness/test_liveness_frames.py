"""Frames of a camera, of a loop fed in, of another camera: told by their bits, their clock and their source."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.errors import ImageError
from models.image import Image
from models.liveness import frames
from models.liveness.frames import Seen
from models.liveness.result import Decision


def picture(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 255, (48, 64, 3)).astype(np.uint8)


def seen(*seeds: int) -> list[Seen]:
    """Frames of these pictures, fifteen a second."""
    return [frames.look(picture(seed), number, 10 + number / 15, "one") for number, seed in enumerate(seeds)]


def test_a_camera_has_nothing_against_it() -> None:
    result = frames.judge(seen(*range(30)))
    assert (result.decision, result.reasons) == (Decision.LIVE, ())
    assert result.evidence["frames"] == 30
    missed = [one for one in seen(*range(30)) if one.number % 5 == 0]
    assert frames.judge(missed).decision is Decision.LIVE, "frames that nobody fetched are no jump"


def test_a_loop_is_an_attack() -> None:
    result = frames.judge(seen(*range(10), *range(10)))
    assert (result.decision, result.reasons) == (Decision.ATTACK, ("frames_repeated",))
    assert result.evidence["repeated"] == 10


def test_a_frame_delivered_twice_is_none_but_a_still_is_unsure() -> None:
    assert frames.judge(seen(0, 1, 1, 2, 3, 4, 5, 5, 6, 7)).decision is Decision.LIVE
    assert frames.judge(seen(*[0] * 20)).reasons == ("frames_frozen",)


def test_black_pictures_are_no_repeats() -> None:
    black = np.zeros((48, 64, 3), np.uint8)
    assert frames.judge([frames.look(black, n, n / 15, "one") for n in range(9)]).reasons == ()


CHANGES = {
    "camera_changed": lambda one: replace(one, source="another"),
    "picture_size_changed": lambda one: replace(one, size=(96, 128)),
    "time_went_back": lambda one: replace(one, at_s=one.at_s - 1),
    "time_jumped": lambda one: replace(one, at_s=one.at_s + 2),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_what_changes_in_between_is_unsure(reason: str) -> None:
    good = seen(*range(20))
    result = frames.judge([*good[:10], *map(CHANGES[reason], good[10:])])
    assert (result.decision, result.reasons) == (Decision.UNSURE, (reason,))


def test_numbers_that_start_anew_are_told() -> None:
    good = seen(*range(20))
    again = [*good[:10], *(replace(one, number=one.number - 10) for one in good[10:])]
    assert "time_went_back" in frames.judge(again).reasons


def test_nothing_to_judge() -> None:
    assert frames.judge(seen(0)).decision is Decision.NOT_PERFORMED
    with pytest.raises(ImageError):
        frames.look(np.zeros((2, 2), np.uint8), 0, 0.0, "one")
