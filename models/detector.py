"""Faces and their five landmarks in a picture: YuNet in two passes, more for a rolled face.

YuNet (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023) sees the whole picture in 320x320 pixels.
There a small or rolled face has few pixels and its landmarks come out under-rotated, so each face is looked at again
in a crop of twice its box, and while that shows a roll, again with the crop turned upright.

Beyond 45 degrees it misses a face or takes its landmarks for an upright one's; the score tells (`SURE`). Where nobody
is seen for sure, the picture is looked at in the three other quarter turns too, and each face is taken from the turn
in which it looks best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from models.errors import ModelCorrupt
from models.image import FloatArray, Image, halved, require_image
from models.interpreter import Network
from models.manifest import Manifest
from models.preprocessing import Preprocessing
from models.quarters import QUARTERS, turned_box, turned_points, turned_size
from models.quarters import turned as quarter_turned

AS_IT_IS = Preprocessing("BGR", 0.0, 1.0)
"""What the network sees of a picture: its bytes. An entry that asks for else would be believed and not followed."""
STRIDES_PX = (8, 16, 32)
# Columns of the network's output: two scores, box (centre offset, log size), five points.
CLASS, OBJECT, CENTRE, SIZE, POINTS = 0, 1, slice(2, 4), slice(4, 6), slice(6, 16)
# Corners from the centre, in sizes.
HALVES = np.array([[-0.5], [0.5]], np.float32)
# OpenCV's detector has the same default for overlaps; 0.6 lets poor chip photos through, whose faces score .7 to .9.
MIN_SCORE = 0.6
MAX_OVERLAP = 0.3
MAX_CANDIDATES = 200
MAX_FACES = 8
# Side of the second pass's crop, in sides of the face's box.
CROP = 2.0
# A roll under this is left to the alignment; above it each further pass takes as long as the second. On LFW 5 to 10
# degrees measure alike; on rolled chip photos less is better.
STRAIGHT_DEG = 7.0
MAX_TURNS = 3
# Of 1,343 views of LFW faces rolled by up to 45 degrees 0.1 % score less, of 1,996 of faces that lie otherwise 95 %.
SURE = 0.90
SURE_DEG = 40.0
# A face that only a turned picture shows, in both passes, or one beside a sure one; noise and textures score less.
MIN_TURNED_SCORE = 0.75
# Share of the smaller box that a doubtful face may have in common with a better one.
MAX_SHARED = 0.3

Matrix: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face, in pixels of the picture; parts of it may lie outside.

    ``box`` is (left, top, width, height). ``landmarks`` is float32 (5, 2), x and y of: two eyes, nose tip, two mouth
    corners, each pair with the subject's right first (the left one in an upright picture). ``score`` is 0 to 1.
    """

    box: tuple[float, float, float, float]
    landmarks: FloatArray
    score: float

    @property
    def area_px(self) -> float:
        """Width times height of the box."""
        return self.box[2] * self.box[3]

    @property
    def roll_deg(self) -> float:
        """How far the line of the eyes is turned clockwise, -180 to 180."""
        right, left = self.landmarks[0], self.landmarks[1]
        return float(np.degrees(np.arctan2(left[1] - right[1], left[0] - right[0])))

    @property
    def quarters(self) -> int:
        """How many quarter turns clockwise come nearest to the roll, 0 to 3."""
        return round(self.roll_deg / 90) % QUARTERS

    def turned(self, size: tuple[int, int], quarters: int) -> Face:
        """The same face in the picture of ``size`` (width, height) turned clockwise by ``quarters``."""
        landmarks = turned_points(self.landmarks, size, quarters)
        landmarks.setflags(write=False)
        return Face(turned_box(self.box, size, quarters), landmarks, self.score)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A face of the first pass in a turned picture, where that is in the picture itself, and refined if it was."""

    placed: Face
    face: Face
    quarters: int
    fine: Face | None = None


def parted(output: FloatArray) -> dict[str, FloatArray]:
    """The columns of the network's output (anchors, 16) by what they mean."""
    return {
        "scores": output[:, [CLASS, OBJECT]].T,
        "boxes": output[:, CENTRE.start : SIZE.stop],
        "points": output[:, POINTS],
    }


class Detector:
    """YuNet behind numpy. Not for two threads at once."""

    def __init__(self, network: Network) -> None:
        """Wrap ``network``: input (1, side, side, 3), output (1, anchors, 16)."""
        self._network = network
        self._side_px = network.input_type.shape[1]
        self._anchors = anchors(self._side_px)

    @classmethod
    def load(cls, manifest: Manifest, num_threads: int) -> Detector:
        """Verify and load what ``manifest`` names.

        Raises:
            ModelMissing, ModelCorrupt: the file is missing or not the manifest's, or is to be asked otherwise.
        """
        entry = manifest.entry("detector")
        if entry.preprocessing != AS_IT_IS:
            raise ModelCorrupt(manifest.path, "the detector's preprocessing", AS_IT_IS, entry.preprocessing)
        return cls(manifest.network(entry, num_threads))

    @property
    def side_px(self) -> int:
        """Side of the network's square input."""
        return self._side_px

    def raw(self, canvas: Image) -> FloatArray:
        """The network's own output, float32 (anchors, 16), for a BGR picture of its input's size."""
        output: FloatArray = self._network.run(canvas[np.newaxis])[0]
        return output

    def detect(self, image: Image, *, refine: bool = True, around: bool | None = None) -> tuple[Face, ...]:
        """At most eight faces, largest first.

        Args:
            image: the picture.
            refine: False leaves all but the first pass out: half the time, for a preview.
            around: whether to look in all quarter turns, which takes three to six times as long. None: where the
                largest upright face is not sure, or there is none. True also finds who lies nearer than a sure one.

        Raises:
            ImageError: ``image`` is no picture.
        """
        picture = require_image(image)
        first = self._whole(picture)
        if not refine:
            return tuple(first)
        faces = [self._refined(picture, face) for face in first]
        if around is None:
            around = not (faces and sure(faces[0]))
        if around:
            faces = self._around(picture, first, faces)
        return tuple(faces)

    def _around(self, picture: Image, first: list[Face], faces: list[Face]) -> list[Face]:
        """``faces``, refined from ``first``, and those of the three other quarter turns; each place has one face."""
        size = picture.shape[1], picture.shape[0]
        views = [quarter_turned(picture, quarters) for quarters in range(QUARTERS)]
        seen = [_Seen(face, face, 0, fine) for face, fine in zip(first, faces, strict=True)]
        for quarters in range(1, QUARTERS):
            there = turned_size(size, quarters)
            for face in self._whole(views[quarters]):
                if face.score >= MIN_TURNED_SCORE:
                    seen.append(_Seen(face.turned(there, -quarters), face, quarters))
        seen.sort(key=lambda one: -one.placed.score)
        best = [one for one in (self._best(views, place) for place in places(seen)) if one is not None]
        return sorted(distinct(best), key=lambda face: -face.area_px)[:MAX_FACES]

    def _best(self, views: Sequence[Image], place: Sequence[_Seen]) -> Face | None:
        """The best of one face as several turns show it; what the first pass saw best is refined first, until one is
        sure. None where only turned pictures show something, and not well.
        """
        found = [one.fine for one in place if one.fine is not None]
        for one in place:
            if one.fine is None:
                height, width = views[one.quarters].shape[:2]
                fine = self._refined(views[one.quarters], one.face)
                if fine.score >= MIN_TURNED_SCORE:
                    found.append(fine.turned((width, height), -one.quarters))
                if sure(fine):
                    break
        return max(found, key=lambda face: face.score, default=None)

    def _refined(self, picture: Image, face: Face) -> Face:
        """Second and further passes."""
        return self._upright(picture, self._closer(picture, face))

    def _whole(self, image: Image) -> list[Face]:
        """First pass: the picture shrunk or enlarged to fit, in the upper left corner."""
        small, shrink = halved(image, self._side_px)
        height, width = small.shape[:2]
        factor = self._side_px / max(height, width)
        size = max(1, round(width * factor)), max(1, round(height * factor))
        borders = 0, self._side_px - size[1], 0, self._side_px - size[0]
        fitted = small if size == (width, height) else cv2.resize(small, size)
        canvas = np.asarray(cv2.copyMakeBorder(fitted, *borders, cv2.BORDER_CONSTANT), np.uint8)
        to_picture = np.diag([width / size[0], height / size[1], 1.0])[:2] * shrink
        return sorted(self._faces(canvas, to_picture), key=lambda face: -face.area_px)[:MAX_FACES]

    def _closer(self, image: Image, face: Face, turn_deg: float = 0.0) -> Face:
        """The same face in a crop of its own, turned back by ``turn_deg``; ``face`` itself if it is not found again."""
        side = max(2, round(CROP * max(face.box[2:])))
        left, top = round(face.box[0] + (face.box[2] - side) / 2), round(face.box[1] + (face.box[3] - side) / 2)
        crop = square(image, left, top, side)
        if crop is None:
            return face
        small, shrink = halved(crop, self._side_px)
        size = self._side_px, self._side_px
        canvas, back = turned(np.asarray(cv2.resize(small, size), np.uint8), turn_deg)
        found = self._faces(canvas, placed(back, len(small) * shrink / self._side_px, left, top))
        return max(found, key=lambda other: overlap_of(face, other), default=face)

    def _upright(self, image: Image, face: Face) -> Face:
        """Further passes for a rolled face, each with the crop turned back by the roll found so far.

        The network sees only half of a roll or less; turned back by that half it sees most of the rest.
        """
        known_deg = 0.0
        for _ in range(MAX_TURNS):
            if abs(face.roll_deg - known_deg) < STRAIGHT_DEG:
                break
            known_deg = face.roll_deg
            face = self._closer(image, face, known_deg)
        return face

    def _faces(self, canvas: Image, to_picture: Matrix) -> list[Face]:
        """Run the network on a canvas; ``to_picture`` takes its points to the picture's."""
        corners, points, scores = decode(self.raw(canvas), self._anchors)
        return [
            make_face(corners[index], points[index], scores[index], to_picture) for index in suppress(corners, scores)
        ]


def anchors(side_px: int) -> FloatArray:
    """One row for each cell of the three maps: x, y of its upper left corner and its stride, in pixels."""
    maps = []
    for stride in STRIDES_PX:
        cells = np.arange(side_px // stride) * stride
        y, x = np.meshgrid(cells, cells, indexing="ij")
        maps.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], axis=1))
    return np.concatenate(maps).astype(np.float32)


def decode(output: FloatArray, cells: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Candidates above the score limit, best first: corners (n, 2, 2), points (n, 5, 2), scores (n,)."""
    # Most anchors fall to the product; all else is made for the few that do not.
    product = output[:, CLASS] * output[:, OBJECT]
    likely = np.flatnonzero(product >= MIN_SCORE**2)
    scores = np.sqrt(np.minimum(product[likely], 1))
    best = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    best = best[scores[best] >= MIN_SCORE]
    order = likely[best]
    rows, cell = output[order], cells[order]
    corner, stride = cell[:, :2], cell[:, 2:]
    centre = corner + rows[:, CENTRE] * stride
    with np.errstate(over="ignore"):  # what is not finite is left out below
        size = np.exp(rows[:, SIZE]) * stride
    points = corner[:, None] + rows[:, POINTS].reshape(-1, 5, 2) * stride[:, None]
    corners = centre[:, None] + size[:, None] * HALVES
    somewhere = np.isfinite(corners).all(axis=(1, 2)) & np.isfinite(points).all(axis=(1, 2))
    return corners[somewhere], points[somewhere], scores[best][somewhere]


def suppress(corners: FloatArray, scores: FloatArray) -> list[int]:
    """Indices of candidates that no better one covers (``scores`` descend)."""
    kept: list[int] = []
    left = np.arange(len(scores))
    while len(left):
        kept.append(int(left[0]))
        left = left[1:][overlap(corners[left[0]], corners[left[1:]]) <= MAX_OVERLAP]
    return kept


def overlap(
    first: npt.NDArray[np.floating[Any]], others: npt.NDArray[np.floating[Any]]
) -> npt.NDArray[np.floating[Any]]:
    """Intersection over union of a box [[left, top], [right, bottom]] with each of ``others`` (..., 2, 2)."""
    sides = np.minimum(first[1], others[..., 1, :]) - np.maximum(first[0], others[..., 0, :])
    shared = np.maximum(sides[..., 0], 0) * np.maximum(sides[..., 1], 0)
    area, areas = (box[..., 1, :] - box[..., 0, :] for box in (first, others))
    result: npt.NDArray[np.floating[Any]] = shared / (area[0] * area[1] + areas[..., 0] * areas[..., 1] - shared)
    return result


def overlap_of(first: Face, second: Face) -> float:
    """Intersection over union of two faces' boxes."""
    boxes = [np.array([[x, y], [x + width, y + height]]) for x, y, width, height in (first.box, second.box)]
    return float(overlap(boxes[0], boxes[1]))


def sure(face: Face) -> bool:
    """Whether ``face`` lies as it seems to; beyond 45 degrees of roll another turn shows it better."""
    return face.score >= SURE and abs(face.roll_deg) <= SURE_DEG


def places(seen: Sequence[_Seen]) -> list[list[_Seen]]:
    """Together what shows one face; the order is kept."""
    result: list[list[_Seen]] = []
    for one in seen:
        at = next((place for place in result if same_place(place[0].placed, one.placed)), None)
        if at is None:
            result.append([one])
        else:
            at.append(one)
    return result


def same_place(first: Face, second: Face) -> bool:
    """Whether the middle of one's box lies in the other's."""
    middles = [(face.box[0] + face.box[2] / 2, face.box[1] + face.box[3] / 2) for face in (first, second)]
    return any(
        face.box[0] <= x <= face.box[0] + face.box[2] and face.box[1] <= y <= face.box[1] + face.box[3]
        for face, (x, y) in ((first, middles[1]), (second, middles[0]))
    )


def distinct(faces: Sequence[Face]) -> list[Face]:
    """Best first; without those that, looked at closely, are part of a better one, or are weak beside a sure one."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        limit = 1.0 if face.score >= SURE else MAX_SHARED
        weak = face.score < MIN_TURNED_SCORE and bool(kept) and kept[0].score >= SURE
        if not weak and not any(same_place(face, other) or shared(face, other) > limit for other in kept):
            kept.append(face)
    return kept


def shared(first: Face, second: Face) -> float:
    """What two boxes have in common, as a share of the smaller one."""
    sides = [
        min(first.box[at] + first.box[at + 2], second.box[at] + second.box[at + 2]) - max(first.box[at], second.box[at])
        for at in (0, 1)
    ]
    return max(sides[0], 0) * max(sides[1], 0) / max(min(first.area_px, second.area_px), 1e-6)


def make_face(
    corners: FloatArray, points: FloatArray, score: npt.NDArray[np.float32] | np.float32, to_picture: Matrix
) -> Face:
    """From corners (2, 2) and points (5, 2) on the canvas; the box of a turned canvas stands on its edge again."""
    turn, shift = to_picture[:, :2], to_picture[:, 2]
    centre = turn @ ((corners[0] + corners[1]) / 2) + shift
    width, height = ((corners[1] - corners[0]) * np.hypot(*turn)).tolist()
    landmarks = (points @ turn.T + shift).astype(np.float32)
    landmarks.setflags(write=False)
    return Face((float(centre[0]) - width / 2, float(centre[1]) - height / 2, width, height), landmarks, float(score))


def turned(canvas: Image, degrees: float) -> tuple[Image, Matrix]:
    """``canvas`` turned counter-clockwise about its centre, and the matrix that takes its points back."""
    if degrees == 0:
        return canvas, np.eye(2, 3)
    side = len(canvas)
    forth = cv2.getRotationMatrix2D((side / 2, side / 2), degrees, 1.0)
    back = np.asarray(cv2.invertAffineTransform(forth), np.float64)
    return np.asarray(cv2.warpAffine(canvas, forth, (side, side)), np.uint8), back


def placed(matrix: Matrix, scale: float, left: float, top: float) -> Matrix:
    """``matrix``, then enlarged by ``scale`` and moved to (``left``, ``top``)."""
    return np.asarray(matrix * scale + np.array([[0, 0, left], [0, 0, top]]), np.float64)


def square(image: Image, left: int, top: int, side: int) -> Image | None:
    """The square of ``side`` pixels, black where it leaves the picture; None when it lies outside altogether."""
    height, width = image.shape[:2]
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        return None
    borders = y0 - top, top + side - y1, x0 - left, left + side - x1
    padded = cv2.copyMakeBorder(image[y0:y1, x0:x1], *borders, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    return np.asarray(padded, np.uint8)
