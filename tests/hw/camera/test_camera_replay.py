"""``replay:`` through the driver: folders that change, empty, missing, broken and black ones, and a video."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from hw.camera.errors import CameraDark, UnreadablePicture
from hw.errors import (
    DeviceMissing,
)
from tests.hw.camera.support import SMALL, camera, drained, failure


def scene(folder: Path, value: int) -> None:
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), np.full((48, 64, 3), value, np.uint8))


def test_replay_of_a_folder_follows_a_switched_link(tmp_path: Path) -> None:
    scene(tmp_path / "one", 50)
    scene(tmp_path / "two", 150)
    (tmp_path / "scene").symlink_to("one")
    with camera(f"replay://{tmp_path}/scene?{SMALL}") as source:
        frame = source.latest()
        assert frame.image.mean() == 50
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(tmp_path / "scene")
        # One frame may be under way with the old scene already decoded.
        assert source.latest(source.latest(frame.number).number + 1).image.mean() == 150


def test_replay_of_an_empty_folder_is_a_scene_and_not_dark(tmp_path: Path) -> None:
    with camera(f"replay://{tmp_path}?{SMALL}") as source:
        last, until_s = source.latest(), time.monotonic() + 1.5
        while time.monotonic() < until_s:
            last = source.latest(last.number)
        assert 35 < last.image.mean() < 45


def test_replay_of_a_missing_folder_is_missing(tmp_path: Path) -> None:
    told = failure(camera(f"replay://{tmp_path}/nothing").open)
    assert type(told) is DeviceMissing
    assert "No such file or directory" in str(told)


def test_replay_of_a_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    with camera(f"replay://{tmp_path}?{SMALL}") as source:
        told = drained(source)
    assert type(told) is UnreadablePicture
    assert "a.jpg" in str(told)


def test_replay_of_a_black_scene_is_dark(tmp_path: Path) -> None:
    scene(tmp_path / "night", 0)
    with camera(f"replay://{tmp_path}/night?{SMALL}") as source:
        assert type(drained(source)) is CameraDark


def test_replay_of_a_video(tmp_path: Path) -> None:
    path = tmp_path / "scene.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (64, 48))
    for _ in range(3):
        writer.write(np.full((48, 64, 3), 120, np.uint8))
    writer.release()
    with camera(f"replay://{path}?width=32&height=24") as source:
        number = -1
        for _ in range(5):
            frame = source.latest(number)
            assert frame.image.shape == (24, 32, 3)
            assert frame.image.mean() == pytest.approx(120, abs=3)
            number = frame.number
