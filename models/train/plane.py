"""A flat thing in front of a camera: where it lies in the frame, how it is composed into the scene, what holds it.

Pictures are float32, BGR, 0 to 1, (height, width, 3); masks float32, 0 to 1, (height, width). No function changes what
it is given; everything random comes from the generator that is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

Picture: TypeAlias = npt.NDArray[np.float32]
Mask: TypeAlias = npt.NDArray[np.float32]
Matrix: TypeAlias = npt.NDArray[np.float64]
Random: TypeAlias = np.random.Generator
Box: TypeAlias = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A screen or a piece of paper before it is seen by a camera: its picture, its outline, the face's box on it."""

    picture: Picture
    alpha: Mask
    box: Box


def placement(sheet: Sheet, frame_px: int, face_px: float, random: Random) -> Matrix:
    """A homography from the sheet to a square frame: the face ``face_px`` high, turned and tilted by a hand."""
    left, top, width, height = sheet.box
    scale = face_px / height
    turn = np.radians(random.normal(0, 4))
    centre = np.array([left + width / 2, top + height / 2])
    target = frame_px * (0.5 + random.uniform(-0.12, 0.12, 2))
    linear = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    rows, columns = sheet.picture.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float64)
    placed = (corners - centre) @ linear.T + target
    tilt = random.normal(0, 0.02, (4, 2)) * scale * min(rows, columns)
    return np.asarray(
        cv2.getPerspectiveTransform(corners.astype(np.float32), (placed + tilt).astype(np.float32)), np.float64
    )


def moved(box: Box, matrix: Matrix) -> Box:
    """The upright box around a box that ``matrix`` moved."""
    left, top, width, height = box
    corners = np.array([[[left, top], [left + width, top], [left, top + height], [left + width, top + height]]])
    points = cv2.perspectiveTransform(corners, matrix)[0]
    low, high = points.min(axis=0), points.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def warped(sheet: Sheet, matrix: Matrix, frame_px: int) -> tuple[Picture, Mask]:
    """The sheet as the camera's plane shows it, and how far it covers each pixel."""
    size = (frame_px, frame_px)
    small = shrunk(sheet, matrix)
    picture = cv2.warpPerspective(small.picture, matrix @ rescale(sheet, small), size, flags=cv2.INTER_LINEAR)
    alpha = cv2.warpPerspective(small.alpha, matrix @ rescale(sheet, small), size, flags=cv2.INTER_LINEAR)
    return np.asarray(picture, np.float32), np.asarray(alpha, np.float32)


def shrunk(sheet: Sheet, matrix: Matrix) -> Sheet:
    """The sheet at about the frame's resolution: sampling a finer one would alias where a lens averages."""
    scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
    if scale >= 0.75:
        return sheet
    size = max(8, round(sheet.picture.shape[1] * scale)), max(8, round(sheet.picture.shape[0] * scale))
    picture = cv2.resize(sheet.picture, size, interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(sheet.alpha, size, interpolation=cv2.INTER_AREA)
    return Sheet(np.asarray(picture, np.float32), np.asarray(alpha, np.float32), sheet.box)


def rescale(sheet: Sheet, small: Sheet) -> Matrix:
    """From the small sheet's pixels to the sheet's."""
    factors = [sheet.picture.shape[axis] / small.picture.shape[axis] for axis in (1, 0)]
    return np.diag([*factors, 1.0])


def coordinates(matrix: Matrix, frame_px: int) -> tuple[Mask, Mask]:
    """Column and row on the sheet of each pixel of the frame."""
    inverse = np.linalg.inv(matrix)
    rows, columns = np.mgrid[0:frame_px, 0:frame_px].astype(np.float64)
    depth = inverse[2, 0] * columns + inverse[2, 1] * rows + inverse[2, 2]
    across = (inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]) / depth
    down = (inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]) / depth
    return across.astype(np.float32), down.astype(np.float32)


def composed(below: Picture, above: Picture, alpha: Mask) -> Picture:
    """``above`` over ``below``."""
    share = alpha[:, :, np.newaxis]
    return np.asarray(below * (1 - share) + above * share, np.float32)


def smooth_noise(shape: tuple[int, int], grain_px: float, random: Random) -> Mask:
    """Noise of mean 0 and spread 1 whose grains are about ``grain_px`` wide."""
    size = max(2, round(shape[1] / grain_px)), max(2, round(shape[0] / grain_px))
    coarse = random.standard_normal((size[1], size[0])).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def rounded(shape: tuple[int, int], radius: float) -> Mask:
    """1 inside a rectangle with rounded corners that fills ``shape``."""
    rows, columns = shape
    radius = min(radius, rows / 2, columns / 2)
    y = np.abs(np.arange(rows, dtype=np.float32) - (rows - 1) / 2)[:, np.newaxis] - (rows / 2 - radius)
    x = np.abs(np.arange(columns, dtype=np.float32) - (columns - 1) / 2)[np.newaxis] - (columns / 2 - radius)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) - radius
    return np.asarray(np.clip(0.5 - outside, 0, 1), np.float32)


def finger(frame_px: int, at: tuple[float, float], towards: tuple[float, float], width_px: float) -> Mask:
    """The outline of a finger that comes in from ``at`` and ends at ``towards``."""
    mask = np.zeros((frame_px, frame_px), np.float32)
    ends = [tuple(round(value) for value in point) for point in (at, towards)]
    cv2.line(mask, ends[0], ends[1], 1.0, max(2, round(width_px)), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.8 + 0.04 * width_px), np.float32)


def with_fingers(frame: Picture, edge: list[tuple[float, float]], skin: Picture, random: Random) -> Picture:
    """One to four fingers at points of ``edge``, coming from outside the frame's middle; ``skin`` is their colour."""
    middle = np.array([frame.shape[1] / 2, frame.shape[0] / 2])
    result = frame
    for _ in range(int(random.integers(1, 5))):
        tip = np.array(edge[int(random.integers(len(edge)))]) + random.normal(0, 0.02, 2) * frame.shape[1]
        outward = tip - middle
        outward /= max(float(np.linalg.norm(outward)), 1.0)
        root = tip + outward * frame.shape[1] * random.uniform(0.15, 0.4) + random.normal(0, 8, 2)
        width = frame.shape[1] * random.uniform(0.04, 0.09)
        mask = finger(frame.shape[0], (root[0], root[1]), (tip[0], tip[1]), width)
        shade = 0.75 + 0.25 * cv2.GaussianBlur(mask, (0, 0), width / 4)
        colour = skin * random.uniform(0.8, 1.15)
        result = composed(result, np.asarray(shade[:, :, np.newaxis] * colour, np.float32), mask)
    return result


def corners(sheet: Sheet, matrix: Matrix, inset: float = 0.02) -> list[tuple[float, float]]:
    """Points along the sheet's left, right and lower edge, in the frame: where a hand holds it."""
    rows, columns = sheet.picture.shape[:2]
    low, high = inset, 1 - inset
    places = [(low, share) for share in (0.3, 0.5, 0.7, 0.9)] + [(high, share) for share in (0.3, 0.5, 0.7, 0.9)]
    places += [(share, high) for share in (0.2, 0.5, 0.8)]
    points = np.array([[[x * columns, y * rows] for x, y in places]])
    return [(float(x), float(y)) for x, y in cv2.perspectiveTransform(points, matrix)[0]]
