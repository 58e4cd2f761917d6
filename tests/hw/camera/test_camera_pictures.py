"""Picture files: whole or not, and how they are fitted into the frame. All pictures are drawn here."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from hw.camera.errors import UnreadablePicture
from hw.camera.mode import Mode
from hw.camera.sources import pictures
from hw.errors import DeviceProtocolError

SUFFIXES = [".jpg", ".png", ".webp", ".bmp"]


def drawing(width: int = 64, height: int = 48) -> npt.NDArray[np.uint8]:
    image = np.full((height, width, 3), (200, 120, 60), np.uint8)
    cv2.circle(image, (width // 2, height // 2), height // 4, (20, 220, 240), -1)
    return image


def encoded(suffix: str, *parameters: int) -> bytes:
    done, data = cv2.imencode(suffix, drawing(), list(parameters))
    assert done
    return data.tobytes()


def with_thumbnail(jpeg: bytes) -> bytes:
    """``jpeg`` with a whole small JPEG inside an APP1 segment, as cameras write it."""
    segment = b"Exif\0\0" + encoded(".jpg", cv2.IMWRITE_JPEG_QUALITY, 10)
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_whole_picture_loads(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"scene{suffix}"
    path.write_bytes(encoded(suffix))
    image = pictures.load(path, "replay:x")
    assert image.shape == (48, 64, 3)
    assert np.abs(image.astype(int) - drawing()).mean() < 6


def test_what_opencv_cannot_decode_is_no_picture() -> None:
    with pytest.raises(pictures.NoPicture, match="none can be decoded"):
        pictures.next_picture(lambda: (False, None), "replay:x")
    with pytest.raises(pictures.NoPicture, match=r"buf\.empty"):
        pictures.next_picture(lambda: (True, cv2.imdecode(np.empty(0, np.uint8), cv2.IMREAD_COLOR)), "replay:x")
    with pytest.raises(DeviceProtocolError, match="float64"):
        pictures.next_picture(lambda: (True, drawing() / 2), "replay:x")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9])
def test_a_truncated_picture_is_named(tmp_path: Path, suffix: str, part: float) -> None:
    data = encoded(suffix)
    path = tmp_path / f"scene{suffix}"
    path.write_bytes(data[: int(len(data) * part)])
    with pytest.raises(UnreadablePicture, match=f"replay:x: scene{suffix}"):
        pictures.load(path, "replay:x")


def test_every_truncation_of_a_jpeg_with_a_thumbnail_is_noticed() -> None:
    data = with_thumbnail(encoded(".jpg"))
    assert pictures.is_whole(data)
    assert not any(pictures.is_whole(data[:length]) for length in range(len(data) - 1))


def test_a_progressive_jpeg_with_bytes_after_its_end_is_whole() -> None:
    data = encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
    assert pictures.is_whole(data + b"maker's trailer")
    assert not pictures.is_whole(data[:-2])


@pytest.mark.parametrize("data", [b"", b"not a picture", b"GIF89a" + bytes(64), bytes(1000)])
def test_other_content_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "scene.jpg"
    path.write_bytes(data)
    with pytest.raises(UnreadablePicture, match=r"scene\.jpg"):
        pictures.load(path, "replay:x")


def test_damage_that_keeps_both_ends_is_named(tmp_path: Path) -> None:
    data = bytearray(encoded(".png"))
    data[16:24] = bytes(8)  # width and height 0
    path = tmp_path / "scene.png"
    path.write_bytes(data)
    with pytest.raises(UnreadablePicture, match=r"scene\.png"):
        pictures.load(path, "replay:x")


def test_a_header_that_promises_too_many_pixels_is_named(tmp_path: Path) -> None:
    data = bytearray(encoded(".png"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path = tmp_path / "scene.png"
    path.write_bytes(data)
    with pytest.raises(UnreadablePicture, match=r"scene\.png"):
        pictures.load(path, "replay:x")


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "scene.jpg"
    with path.open("wb") as file:
        file.truncate(pictures.MAX_FILE_BYTES + 1)
    with pytest.raises(UnreadablePicture, match="larger than"):
        pictures.load(path, "replay:x")


def test_a_grey_picture_becomes_bgr(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((20, 30), 99, np.uint8))
    assert pictures.load(path, "replay:x").shape == (20, 30, 3)


def test_the_right_size_is_left_alone() -> None:
    image = drawing()
    assert pictures.fit(image, Mode(64, 48, None)) is image


@pytest.mark.parametrize(
    ("size", "inside"),
    [((64, 48), (0, 0, 320, 240)), ((48, 48), (40, 0, 240, 240)), ((640, 160), (0, 80, 320, 80))],
)
def test_another_size_is_fitted_centred(size: tuple[int, int], inside: tuple[int, int, int, int]) -> None:
    white = np.full((size[1], size[0], 3), 255, np.uint8)
    fitted = pictures.fit(white, Mode(320, 240, None))
    left, top, width, height = inside
    expected = np.full((240, 320, 3), pictures.SCENE_GREY, np.uint8)
    expected[top : top + height, left : left + width] = 255
    np.testing.assert_array_equal(fitted, expected)


def test_an_extreme_aspect_still_leaves_a_pixel() -> None:
    assert pictures.fit(np.full((1, 5000, 3), 255, np.uint8), Mode(32, 32, None)).max() == 255


def test_the_empty_scene_is_dark_grey_with_noise_and_the_same_each_time() -> None:
    scene = pictures.empty_scene(Mode(320, 240, None))
    assert scene.shape == (240, 320, 3)
    assert 38 < scene.mean() < 42
    assert 3 < scene.std() < 5
    np.testing.assert_array_equal(scene, pictures.empty_scene(Mode(320, 240, None)))
