"""Folders and videos as sources, opened in this process; every picture is drawn here."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from hw.camera.errors import UnreadablePicture
from hw.camera.mode import Mode
from hw.camera.sources import Source
from hw.camera.sources.pictures import SCENE_GREY
from hw.camera.sources.replay import open_source
from hw.errors import DeviceGone, DeviceMissing
from hw.uri import DeviceUri

MODE = Mode(64, 48, 120)


def draw(path: Path, value: int) -> None:
    """An even picture of one grey value, put in place by renaming."""
    unfinished = path.with_name(f".{path.name}.part{path.suffix}")
    assert cv2.imwrite(str(unfinished), np.full((48, 64, 3), value, np.uint8))
    unfinished.rename(path)


def replay(path: Path) -> Source:
    return open_source(DeviceUri.parse(f"replay://{path}"), MODE)


def values(source: Source, count: int) -> list[int]:
    return [round(float(source.read().image.mean())) for _ in range(count)]


def video(path: Path, count: int, fps: float = 60.0) -> None:
    """``count`` even frames of 20, 40, 60 ... as Motion JPEG."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (64, 48))
    assert writer.isOpened()
    for number in range(1, count + 1):
        writer.write(np.full((48, 64, 3), number * 20, np.uint8))
    writer.release()


def test_pictures_come_in_name_order_over_and_over(tmp_path: Path) -> None:
    for name, value in [("b.png", 60), ("a.PNG", 30), ("c.bmp", 90)]:
        draw(tmp_path / name, value)
    assert values(replay(tmp_path), 7) == [30, 60, 90, 30, 60, 90, 30]


def test_other_files_hidden_ones_and_folders_are_passed_over(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 30)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".b.png").write_bytes(b"half written")
    (tmp_path / "c.png").mkdir()
    (tmp_path / "d.png").symlink_to(tmp_path / "nowhere.png")
    assert values(replay(tmp_path), 3) == [30, 30, 30]


def test_an_empty_folder_is_a_dark_grey_scene_until_a_picture_comes(tmp_path: Path) -> None:
    source = replay(tmp_path)
    assert values(source, 2) == pytest.approx([SCENE_GREY] * 2, abs=1)
    draw(tmp_path / "a.png", 200)
    assert values(source, 1) == [200]
    (tmp_path / "a.png").unlink()
    assert values(source, 1) == pytest.approx([SCENE_GREY], abs=1)


def test_a_switched_link_shows_at_the_next_frame(tmp_path: Path) -> None:
    for folder, value in [("one", 50), ("two", 150)]:
        (tmp_path / folder).mkdir()
        for name in ("a.png", "b.png", "c.png"):
            draw(tmp_path / folder / name, value)
    scene = tmp_path / "scene"
    scene.symlink_to("one")
    source = replay(scene)
    assert values(source, 2) == [50, 50]
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(scene)
    assert values(source, 4) == [150] * 4


def test_a_file_overwritten_in_place_shows_within_one_round(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        draw(tmp_path / name, 50)
    source = replay(tmp_path)
    assert values(source, 2) == [50, 50]
    os.utime(tmp_path / "b.png", ns=(1, 1))
    (tmp_path / "b.png").write_bytes(cv2.imencode(".png", np.full((48, 64, 3), 150, np.uint8))[1].tobytes())
    assert 150 in values(source, 2)


def test_a_file_removed_behind_the_listing_is_passed_over(tmp_path: Path) -> None:
    for name, value in [("a.png", 30), ("b.png", 60), ("c.png", 90)]:
        draw(tmp_path / name, value)
    source = replay(tmp_path)
    assert values(source, 1) == [30]
    before = tmp_path.stat()
    (tmp_path / "b.png").unlink()
    os.utime(tmp_path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the change falls into the clock's last tick
    assert values(source, 3) == [30, 90, 30]


def test_more_pictures_than_are_kept_decoded(tmp_path: Path) -> None:
    expected = [10 * number for number in range(1, 21)]
    for value in expected:
        draw(tmp_path / f"{value:03}.png", value)
    assert values(replay(tmp_path), 40) == expected * 2


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    draw(tmp_path / "a.png", 30)
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data[: len(data) // 2])
    source = replay(tmp_path)
    assert values(source, 1) == [30]
    with pytest.raises(UnreadablePicture, match=r"b\.png"):
        source.read()


def test_a_folder_that_disappears_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "scene"
    folder.mkdir()
    source = replay(folder)
    source.read()
    folder.rmdir()
    with pytest.raises(DeviceGone, match="folder has disappeared"):
        source.read()


def test_what_does_not_exist_raises_as_the_system_does(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replay(tmp_path / "nothing")


def test_a_device_node_is_no_scene() -> None:
    with pytest.raises(DeviceMissing, match="neither a folder nor a video"):
        replay(Path("/dev/null"))


def test_a_video_plays_over_and_over(tmp_path: Path) -> None:
    video(tmp_path / "scene.avi", 3)
    assert values(replay(tmp_path / "scene.avi"), 7) == pytest.approx([20, 40, 60, 20, 40, 60, 20], abs=3)


def test_a_video_keeps_its_own_rate_unless_told(tmp_path: Path) -> None:
    video(tmp_path / "scene.avi", 5, fps=20.0)
    source = open_source(DeviceUri.parse(f"replay://{tmp_path}/scene.avi"), Mode(32, 24, None))
    shots = [source.read() for _ in range(5)]
    assert shots[0].image.shape == (24, 32, 3)
    assert shots[4].captured_ns - shots[0].captured_ns >= 3.9 * 50_000_000


def test_a_video_renamed_over_shows_from_the_next_round(tmp_path: Path) -> None:
    path = tmp_path / "scene.avi"
    video(path, 3)
    source = replay(path)
    assert values(source, 3) == pytest.approx([20, 40, 60], abs=3)
    video(tmp_path / "next.avi", 1)
    (tmp_path / "next.avi").rename(path)
    assert values(source, 2) == pytest.approx([20, 20], abs=3)


@pytest.mark.parametrize("data", [b"", b"no video", bytes(5000)])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "scene.mp4"
    path.write_bytes(data)
    with pytest.raises(UnreadablePicture, match=r"scene\.mp4"):
        replay(path)


def test_a_video_without_a_frame_is_named(tmp_path: Path) -> None:
    video(tmp_path / "whole.avi", 3)
    data = (tmp_path / "whole.avi").read_bytes()
    path = tmp_path / "scene.avi"
    path.write_bytes(data[: data.index(b"movi") + 8])
    with pytest.raises(UnreadablePicture, match=r"scene\.avi"):
        replay(path).read()


def test_a_video_that_disappears_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "scene.avi"
    video(path, 1)
    source = replay(path)
    source.read()
    path.unlink()
    with pytest.raises(DeviceGone, match="video has disappeared"):
        source.read()
