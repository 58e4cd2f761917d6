"""Faces between two people's: people whom nobody has learned by heart.

Two faces of like pose are warped to a shape between theirs, by points of the face mesh, and mixed inside the oval;
hair, neck and background stay the first one's. Who that is need not be known: what the published embedder says of the
clear picture is what it is to say of the chip photo.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from models.alignment import as_complex, similarity
from models.detector import Face
from models.image import FloatArray, Image
from models.train.plane import Random

Points = npt.NDArray[np.float64]

EVERY = 4
"""Of the mesh's 468 points one in so many is enough to warp by."""
RING, REACH = 12, 2.1
"""Fixed points around the face, and how far out, in the face's largest radius: what is outside stays."""
SHAPE_SHARE, TONE_SHARE = (0.15, 0.85), (0.2, 0.8)
"""Of the second face, in shape and in what is seen inside the oval."""
MAX_CONTRAST = 1.6
"""By how much the second face's contrast may be raised or lowered to the first one's."""
STEP_PX = 6
"""Between the pixels for which the warp is computed; the rest is interpolated."""
STIFFNESS = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A picture, its face, the mesh's points (n, 2) in pixels; ``person`` is one of the list of pairs ``group``."""

    picture: Image
    face: Face
    points: Points
    person: str
    group: int


def likest(one: Subject, others: Iterable[Subject]) -> Subject | None:
    """Of other people the one whose landmarks, both faces upright, lie nearest: turned and opened alike."""
    strangers = [other for other in others if (other.group, other.person) != (one.group, one.person)]
    return min(strangers, key=lambda other: float(np.abs(upright(other) - upright(one)).sum()), default=None)


def upright(subject: Subject) -> Points:
    """The five landmarks where alignment puts them, (5, 2)."""
    matrix = similarity(subject.face.landmarks)
    return subject.face.landmarks @ matrix[:, :2].T + matrix[:, 2]


def morph(one: Subject, other: Subject, random: Random) -> Image:
    """The first one's picture with a face between both; its own size."""
    mine = one.points[::EVERY]
    size = one.picture.shape[1], one.picture.shape[0]
    into = fitted(other.points[::EVERY], mine)
    moved = cv2.warpAffine(other.picture, into, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    theirs = other.points[::EVERY] @ into[:, :2].T + into[:, 2]
    share = random.uniform(*SHAPE_SHARE)
    shape = (1 - share) * mine + share * theirs
    first, second = warped(one.picture, mine, shape), warped(np.asarray(moved, np.uint8), theirs, shape)
    mask = oval(shape, size)
    weight = random.uniform(*TONE_SHARE) * mask[..., np.newaxis]
    mixed = (1 - weight) * first + weight * toned(second, first, mask > 0.5)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8)


def fitted(points: Points, to: Points) -> Points:
    """The 2x3 matrix of the similarity that takes ``points`` nearest to ``to``; see `models.alignment.similarity`."""
    source, target = as_complex(points), as_complex(to)
    centred = source - source.mean()
    turn = np.vdot(centred, target - target.mean()) / np.vdot(centred, centred)
    shift = target.mean() - turn * source.mean()
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


def warped(picture: Image, points: Points, to: Points) -> FloatArray:
    """The picture with ``points`` at ``to`` and what is far from them unmoved."""
    centre = points.mean(axis=0)
    angles = np.arange(RING) * 2 * np.pi / RING
    ring = centre + REACH * radius(points) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    across, down = thin_plate(np.vstack([to, ring]), np.vstack([points, ring]), picture.shape[:2])
    found = cv2.remap(picture, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def radius(points: Points) -> float:
    """Of the circle around the points' centre that holds them all."""
    return float(np.linalg.norm(points - points.mean(axis=0), axis=1).max())


def thin_plate(points: Points, to: Points, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Where each pixel of a picture of ``shape`` looks, so that ``points`` look at ``to``, bent as little as can be.

    Thin-plate splines (Bookstein, IEEE PAMI 11(6), 1989). Returns x and y, float32 (height, width) each.
    """
    height, width = shape[:2]
    scale, n = max(height, width), len(points)
    knots = points / scale
    system = np.zeros((n + 3, n + 3))
    system[:n, :n] = bending(knots, knots) + STIFFNESS * np.eye(n)
    system[:n, n] = 1
    system[:n, n + 1 :] = knots
    system[n:, :n] = system[:n, n:].T
    weights = np.linalg.solve(system, np.vstack([to - points, np.zeros((3, 2))]))
    rows, columns = np.arange(0, height + STEP_PX, STEP_PX), np.arange(0, width + STEP_PX, STEP_PX)
    grid = np.stack(np.meshgrid(columns, rows), axis=2).reshape(-1, 2) / scale
    moves = bending(grid, knots) @ weights[:n] + weights[n] + grid @ weights[n + 1 :]
    coarse = moves.reshape(len(rows), len(columns), 2).astype(np.float32)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    fine = np.asarray(cv2.remap(coarse, x / STEP_PX, y / STEP_PX, cv2.INTER_LINEAR), np.float32)
    return x + fine[..., 0], y + fine[..., 1]


def bending(points: Points, knots: Points) -> Points:
    """r^2 log r^2 of all distances, (points, knots)."""
    squares = ((points[:, np.newaxis] - knots) ** 2).sum(axis=2)
    return np.asarray(squares * np.log(squares + 1e-9))


def oval(points: Points, size: tuple[int, int]) -> FloatArray:
    """1 inside the face, 0 outside, soft between; float32 (height, width) for ``size`` (width, height)."""
    mask = np.zeros(size[::-1], np.float32)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.astype(np.float32)).astype(np.int32), 1)
    reach = radius(points)
    smaller = cv2.erode(mask, np.ones((3, 3)), iterations=max(1, int(0.06 * reach)))
    return np.asarray(cv2.GaussianBlur(smaller, (0, 0), max(1.0, 0.09 * reach)), np.float32)


def toned(face: FloatArray, like: FloatArray, inside: npt.NDArray[np.bool_]) -> FloatArray:
    """The face with the mean and, within limits, the contrast that ``like`` has where ``inside`` is true."""
    means = [part[inside].mean(axis=0) for part in (face, like)]
    spreads = [part[inside].std(axis=0) + 1 for part in (face, like)]
    contrast = np.clip(spreads[1] / spreads[0], 1 / MAX_CONTRAST, MAX_CONTRAST)
    return np.asarray((face - means[0]) * contrast + means[1], np.float32)
